//! Every mistake in a WIT package is told with its place, what was expected and how to mend it.
//! `UPDATE_EXPECT=1 cargo test -p interstice-wit` renews the expectations.

#![allow(missing_docs, clippy::unwrap_used)]

mod directives;
mod evolution;
mod functions;
mod grammar;
mod limits;
mod names;
mod packages;
mod syntax;
mod tables;
mod types;

use expect_test::Expect;
use interstice_wit::{Sources, read};

#[test]
fn a_finding_shows_its_source_in_a_report() {
    let mut sources = Sources::new();
    sources.add_root("a.wit", "package a:b@1.0.0;\ninterface i {\n  f: func();\n}\nworld w { export i; }");
    let findings = read(&sources, None).unwrap_err();
    let mut report = String::new();
    let handler = miette::NarratableReportHandler::new();
    handler.render_report(&mut report, &findings.findings()[0]).unwrap();
    expect_test::expect![[r#"
        `f` does not say what it is to the database
            Diagnostic severity: error
        Begin snippet for a.wit starting at line 2, column 1

        snippet line 2: interface i {
        snippet line 3:   f: func();
            label at line 3, column 3: expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
        snippet line 4: }
        diagnostic help: write `/// @reducer` above it if it writes, `/// @query` if it only reads
    "#]]
    .assert_eq(&report);
}

/// The findings about a package of one file.
fn check(text: &str, expected: Expect) {
    check_files(&[("bank.wit", text)], &[], None, expected);
}

/// The findings about the items of one interface, which the world exports. They begin on line 3.
fn check_interface(items: &str, expected: Expect) {
    let world = "world bank { export bank-things; }";
    check(&format!("package acme:bank@1.2.0;\ninterface bank-things {{\n{items}\n}}\n{world}\n"), expected);
}

/// The findings about a package of several files with dependencies, each by its entry in `deps/`.
fn check_files(root: &[(&str, &str)], dependencies: &[(&str, &str)], world: Option<&str>, expected: Expect) {
    let mut sources = Sources::new();
    for (path, text) in root {
        sources.add_root(*path, *text);
    }
    for (entry, text) in dependencies {
        sources.add_dependency_file(*entry, format!("deps/{entry}.wit"), *text);
    }
    match read(&sources, world) {
        Ok(_) => expected.assert_eq("no mistakes"),
        Err(findings) => expected.assert_eq(&findings.render()),
    }
}
