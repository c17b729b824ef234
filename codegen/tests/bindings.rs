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
