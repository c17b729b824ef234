//! The generated Rust bindings, as their reader sees them.
//! The glue of wit-bindgen is cut off: it is compiled by other tests, and not for reading.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice_codegen::{Freshness, check_rust_file, load, rust_bindings, rust_file};
use interstice_wit::{Schema, Sources};
use std::path::Path;

fn module(folder: &str) -> (Sources, Schema) {
    let sources = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let schema = interstice_wit::read(&sources, None).unwrap();
    (sources, schema)
}

/// The bindings up to the glue: what is for the author, and what makes it work.
fn readable(folder: &str) -> String {
    let (sources, schema) = module(folder);
    let bindings = rust_bindings(&sources, &schema).unwrap();
    let end = bindings
        .find("    #[rustfmt::skip]\n")
        .or_else(|| bindings.find("    #[allow(dead_code, clippy::all)]\n"));
    bindings[..end.expect("the bindings end in the glue")].to_owned()
}

#[test]
fn bindings_of_the_bank_read_well() {
    insta::assert_snapshot!("bank", readable("../examples/bank/wit"));
}

#[test]
fn bindings_of_an_importing_module_read_well() {
    insta::assert_snapshot!("shop", readable("../examples/shop/wit"));
}

#[test]
fn bindings_of_every_type_read_well() {
    insta::assert_snapshot!("everything", readable("tests/everything/wit"));
}

#[test]
fn of_an_interface_that_is_used_for_its_types_only_these_are_read() {
    insta::assert_snapshot!("top", readable("../tests/modules/top/wit"));
}

/// Bindings of a root package whose dependencies are those of the chain of test modules.
fn bindings_beside_the_chain(root: &str) -> String {
    let mut sources = Sources::new();
    sources.add_root("root.wit", root);
    for package in ["test-leaf/leaf", "test-mid/mid", "lib-common/common"] {
        let path = format!("{}/../tests/modules/top/wit/deps/{package}.wit", env!("CARGO_MANIFEST_DIR"));
        let (folder, _) = package.split_once('/').unwrap();
        sources.add_dependency_file(folder, path.as_str(), std::fs::read_to_string(&path).unwrap());
    }
    let schema = interstice_wit::read(&sources, None).map_err(|found| found.render()).unwrap();
    rust_bindings(&sources, &schema).unwrap()
}

/// The functions of the module that is imported speak of types of a third package, but not of all.
#[test]
fn what_an_imported_interface_uses_of_others_is_enough() {
    let bindings = bindings_beside_the_chain(
        "package test:end@1.0.0; interface go {
         /// @reducer
         run: func(); } world end { import test:mid/api@0.2.3; export go; }",
    );
    assert!(bindings.contains("pub fn add_two("));
    for unused in ["Stamp", "Total", "Secret", "pub fn sum", "pub fn add("] {
        assert!(!bindings.contains(unused), "{unused}");
    }
}

#[test]
fn one_type_of_an_interface_can_be_used_without_the_others() {
    let bindings = bindings_beside_the_chain(
        "package test:end@1.0.0; interface go { use lib:common/geometry@0.2.0.{point};
         /// @query
         run: func() -> point; } world end { export go; }",
    );
    assert!(bindings.contains("pub struct Point"));
    for unused in ["Unused", "Window", "area"] {
        assert!(!bindings.contains(unused), "{unused}");
    }
}

/// wit-bindgen makes no macro for such a world.
#[test]
fn the_macro_for_a_world_without_functions_checks_that_there_is_a_type() {
    let tables = "interface tables {
         /// @table(primary-key = id)
         record note { id: u64 } } world end { export tables; }";
    for rest in ["world end {}", tables] {
        let bindings = bindings_beside_the_chain(&format!("package test:end@1.0.0; {rest}"));
        assert!(bindings.contains("use __interstice_export as export"));
        assert!(!bindings.contains("abi::export!"));
    }
}

#[test]
fn the_same_sources_give_the_same_bindings() {
    let (sources, schema) = module("tests/everything/wit");
    let first = rust_bindings(&sources, &schema).unwrap();
    for _ in 0..3 {
        assert_eq!(rust_bindings(&sources, &schema).unwrap(), first);
    }
}

#[test]
fn a_file_is_fresh_until_the_wit_or_the_file_changes() {
    let (sources, schema) = module("../examples/bank/wit");
    let file = rust_file(&sources, &schema).unwrap();
    assert_eq!(check_rust_file(&sources, &schema, &file).unwrap(), Freshness::Fresh);
    assert_eq!(check_rust_file(&sources, &schema, &file.replace('\n', "\r\n")).unwrap(), Freshness::Fresh);

    let changed = file.replacen("pub struct Account", "pub struct Konto", 1);
    let line = file.lines().position(|line| line.contains("pub struct Account ")).unwrap() + 1;
    assert_eq!(check_rust_file(&sources, &schema, &changed).unwrap(), Freshness::Stale { line });

    let (other_sources, other_schema) = module("../examples/shop/wit");
    let stale = check_rust_file(&other_sources, &other_schema, &file).unwrap();
    assert!(matches!(stale, Freshness::Stale { .. }));
}

/// A parameter behind a string that was called `len0`, as a variable of wit-bindgen's glue, was given the length
/// of the string, without a word.
#[test]
fn a_parameter_that_the_glue_would_hide_is_refused() {
    let bindings = |parameter: &str| {
        let mut sources = Sources::new();
        sources.add_root(
            "root.wit",
            "package acme:caller@1.0.0; world caller { import acme:called/calls@1.0.0; }",
        );
        let called = format!(
            "package acme:called@1.0.0; interface calls {{
               /// @query
               second: func(text: string, {parameter}: u32) -> u32;
             }}"
        );
        sources.add_dependency_file("called", "called.wit", called);
        let schema = interstice_wit::read(&sources, None).map_err(|found| found.render()).unwrap();
        rust_bindings(&sources, &schema).map_err(|error| error.to_string())
    };
    let refused = bindings("len0").unwrap_err();
    assert!(refused.contains("`second` has a parameter named `len0`"), "{refused}");
    for allowed in ["len", "a1", "%result", "text2"] {
        assert!(bindings(allowed).is_ok(), "{allowed}");
    }
}
