//! Whatever `diff` calls compatible for callers links and runs, and whatever it calls breaking is refused when it is
//! forced under a version that an importer would take.
//! Importers and providers are real components, made from the contracts of the cases beside this file.
#![allow(clippy::unwrap_used, missing_docs)]

mod case;
mod component;

use case::Case;
use interstice_test::Database;
use interstice_wit::diff::{Verdict, compare};
use interstice_wit::hash::interface_hash;
use interstice_wit::{FunctionKind, Schema, Sources, Visibility};

/// The version that the new contract pretends to have: any importer of 1.2.0 takes it.
const FORCED: &str = "package acme:bank@1.9.0;";

/// An importer of everything that others can call in the old version. It knows no table of it.
fn importer(old: &Schema, text: &str) -> Option<Vec<u8>> {
    let is_called = |interface: &&interstice_wit::Interface| {
        interface.visibility == Visibility::Public
            && interface.functions.iter().any(|function| is_callable(&function.kind))
    };
    let imports: String = old
        .exports
        .iter()
        .filter(is_called)
        .map(|interface| format!(" import {};", interface.name))
        .collect();
    if imports.is_empty() {
        return None;
    }
    let mut sources = Sources::new();
    sources.add_root(
        "probe.wit",
        format!(
            "package acme:probe@0.1.0;
            interface probe {{
              /// @reducer
              run: func();
            }}
            world prober {{{imports} export probe; }}"
        ),
    );
    sources.add_dependency_file("bank", "deps/bank.wit", text);
    Some(component::component(&sources).1)
}

fn is_callable(kind: &FunctionKind) -> bool {
    matches!(kind, FunctionKind::Reducer | FunctionKind::Query)
}

/// The new contract as a module of the same package, under a version that fits whatever changed.
fn provider(text: &str) -> Vec<u8> {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", text.replace("package acme:bank@1.2.0;", FORCED));
    component::component(&sources).1
}

/// Installs both and runs the importer: what became of it, or the code of the refusal.
fn link_and_run(provider: &[u8], importer: &[u8]) -> Result<String, String> {
    let database = Database::empty();
    database.node().install(provider).unwrap();
    database.node().install(importer).map_err(|error| error.code().to_owned())?;
    database.try_call("acme:probe", "run()").map_err(|error| format!("{}: {error}", error.code()))
}

/// Whether a function that the importer imports is another one now, or is gone.
fn breaks_a_function(case: &Case) -> bool {
    let (old, new) = (interface_hash(&case.old).items, interface_hash(&case.new).items);
    old.iter().any(|(name, hash)| name.contains("/function/") && new.get(name) != Some(hash))
}

/// The reader and the writer of a function agree in all but what it is.
fn is_about_kinds(case: &Case) -> bool {
    ["a reducer becomes a query", "a query becomes a reducer"].contains(&case.title.as_str())
}

#[test]
fn what_is_compatible_for_callers_links_and_runs_and_what_breaks_is_refused() {
    let (mut ran, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in case::all_files() {
        let is_plain = |text: &str| text.contains("package acme:bank@1.2.0;") && !text.contains("import ");
        if !is_plain(&case.old_text) || !is_plain(&case.new_text) || is_about_kinds(&case) {
            continue;
        }
        let Some(importer) = importer(&case.old, &case.old_text) else { continue };
        let outcome = link_and_run(&provider(&case.new_text), &importer);
        let verdict = compare(&case.old, &case.new).callers;
        let must_run = verdict == Verdict::Compatible || !breaks_a_function(&case);
        match outcome {
            Ok(_) if must_run => ran += 1,
            Err(code) if !must_run && code.starts_with("version.") => refused += 1,
            other => wrong.push(format!("{}: {other:?}", case.title)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= 10 && refused >= 15, "both are tried: {ran} ran, {refused} were refused");
}
