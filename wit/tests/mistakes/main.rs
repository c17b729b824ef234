//! Every mistake in a WIT package is told with its place, what was expected and how to mend it.
//! `UPDATE_EXPECT=1 cargo test -p interstice-wit` renews the expectations.

#![allow(missing_docs, clippy::unwrap_used)]

mod directives;
mod functions;
mod packages;
mod tables;
mod types;

use expect_test::Expect;
use interstice_wit::{Sources, read};

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
