//! Files that are not what they should be.

use crate::module;
use interstice_test::{Database, component_of};
use interstice_wit::section;

/// Offers the file, which must be refused with this code and say all of this.
fn refused(component: &[u8], code: &str, says: &[&str]) {
    let database = Database::empty();
    let error = database.node().install(component).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "{error} does not say {text:?}");
    }
    assert_eq!(database.node().last_sequence().0, 0, "nothing is in the log");
    assert!(database.node().modules().is_empty());
}

fn hostile() -> Vec<u8> {
    component_of(module("hostile")).to_vec()
}

/// The component without its schema section.
fn bare() -> Vec<u8> {
    let component = hostile();
    let name = b"interstice:schema";
    // The section was added at the end: its header stands before its name.
    let at = component.windows(name.len()).rposition(|window| window == name).unwrap();
    let start = (at.saturating_sub(8)..at).find(|start| {
        component[*start] == 0 && {
            let (size, length) = leb(&component[start + 1..]);
            start + 1 + length + size == component.len()
        }
    });
    component[..start.unwrap()].to_vec()
}

fn leb(bytes: &[u8]) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value, index + 1);
        }
    }
    (usize::MAX / 2, 5)
}

#[test]
fn a_component_without_a_schema_section_is_refused() {
    refused(&bare(), "version.bad-component", &["schema"]);
}

#[test]
fn two_schema_sections_are_refused() {
    let schema = section::extract(&hostile()).unwrap();
    let twice = [hostile(), section::embed(&bare(), &schema).unwrap()[bare().len()..].to_vec()].concat();
    refused(&twice, "version.bad-component", &["2 sections", "only one"]);
}

#[test]
fn a_forged_schema_section_is_refused_with_what_it_got_wrong() {
    let mut schema = section::extract(&hostile()).unwrap();
    let deeds = schema.exports.iter_mut().find(|interface| interface.name.name == "deeds").unwrap();
    deeds.functions.iter_mut().find(|function| function.name == "write").unwrap().name = "writes".to_owned();
    let forged = section::embed(&bare(), &schema).unwrap();
    refused(&forged, "version.forged-schema", &["writes"]);
}

#[test]
fn a_section_that_claims_another_table_as_its_own_is_refused() {
    let mut schema = section::extract(&hostile()).unwrap();
    let tables = schema.exports.iter_mut().find(|interface| interface.name.name == "tables").unwrap();
    tables.tables[0].name = "other".to_owned();
    let forged = section::embed(&bare(), &schema).unwrap();
    refused(&forged, "version.bad-component", &["contradicts itself"]);
}

#[test]
fn a_core_module_is_refused() {
    refused(b"\0asm\x01\0\0\0", "version.bad-component", &["core WebAssembly module", "build --from"]);
}

#[test]
fn what_is_not_wasm_at_all_is_refused() {
    refused(b"", "version.bad-component", &[]);
    refused(b"#!/bin/sh\necho hello\n", "version.bad-component", &[]);
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let component = hostile();
    let database = Database::empty();
    for part in 1..40 {
        let end = component.len() * part / 40;
        let error = database.node().install(&component[..end]).unwrap_err();
        assert!(error.code().starts_with("version."), "cut at {end}: {error}");
    }
}

#[test]
fn another_artifact_under_the_same_name_is_refused_and_the_same_one_is_no_change() {
    let database = Database::of(module("hostile"));
    let before = database.node().last_sequence();
    let again = database.node().install(&hostile()).unwrap();
    assert_eq!((again.sequence, database.node().last_sequence()), (None, before));

    let mut schema = section::extract(&hostile()).unwrap();
    schema.docs = Some("another one".to_owned());
    let other = section::embed(&bare(), &schema).unwrap();
    let error = database.node().install(&other).unwrap_err();
    assert_eq!(error.code(), "version.already-installed");
    assert_eq!(database.node().last_sequence(), before);
}

#[test]
fn a_module_whose_import_is_missing_is_refused() {
    let relay = component_of(module("relay"));
    refused(&relay, "version.link", &["test:hostile", "present", "install"]);
}
