//! The guest worlds: what a guest imports and exports, for our bindings and for those of others.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice_codegen::{DoorKind, guest_wit, guest_world, load};
use interstice_wit::{Schema, Sources};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use wit_parser::{Resolve, WorldItem};

fn module(folder: &str) -> (Sources, Schema) {
    let sources = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let schema = interstice_wit::read(&sources, None).unwrap();
    (sources, schema)
}

fn sides(folder: &str, kind: DoorKind) -> (Vec<String>, Vec<String>) {
    let (sources, schema) = module(folder);
    let (resolve, world) = guest_world(&sources, &schema, kind).resolve(&sources).unwrap();
    let names = |items: &mut dyn Iterator<Item = &WorldItem>| {
        let names = items.filter_map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.id_of(*id),
            _ => None,
        });
        names.collect::<Vec<_>>()
    };
    let world = &resolve.worlds[world];
    (names(&mut world.imports.values()), names(&mut world.exports.values()))
}

#[test]
fn a_rust_guest_sees_byte_doors_and_exports_what_its_world_exports() {
    let (imports, exports) = sides("../examples/shop/wit", DoorKind::Rows);
    insta::assert_debug_snapshot!("rows_of_the_shop", (imports, exports));
}

#[test]
fn any_other_guest_sees_typed_doors_and_imports_the_tables_types() {
    let (imports, exports) = sides("../examples/shop/wit", DoorKind::Typed);
    assert!(imports.contains(&"acme:shop/tables@0.3.0".to_owned()));
    assert!(!exports.contains(&"acme:shop/tables@0.3.0".to_owned()), "a second type for each record");
    insta::assert_debug_snapshot!("typed_of_the_shop", (imports, exports));
}

#[test]
fn a_foreign_table_has_no_write_functions() {
    let (sources, schema) = module("../examples/shop/wit");
    for (kind, door) in [(DoorKind::Rows, "account-rows"), (DoorKind::Typed, "account-table")] {
        let (resolve, _) = guest_world(&sources, &schema, kind).resolve(&sources).unwrap();
        let (_, door) =
            resolve.interfaces.iter().find(|(_, found)| found.name.as_deref() == Some(door)).unwrap();
        assert!(door.functions.contains_key("get"));
        for write in ["insert", "insert-many", "update", "upsert", "delete", "delete-range"] {
            assert!(!door.functions.contains_key(write), "{write}");
        }
    }
}

#[test]
fn the_typed_world_is_written_as_a_folder_that_stands_alone() {
    let (sources, schema) = module("../examples/shop/wit");
    let folder = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    for file in guest_wit(&sources, &schema).unwrap() {
        let path = folder.path().join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &file.text).unwrap();
        let _ = writeln!(shown, "==== {}\n{}", file.path.display(), file.text);
    }
    insta::assert_snapshot!("typed_folder_of_the_shop", shown);

    let written = load(folder.path()).unwrap();
    let (resolve, package) = written.resolve(&[]).unwrap();
    assert_eq!(resolve.packages[package].worlds.keys().collect::<Vec<_>>(), ["shop-guest"]);
}

#[test]
fn names_that_are_words_of_wit_are_escaped() {
    let (sources, schema) = module("tests/everything/wit");
    for file in guest_wit(&sources, &schema).unwrap() {
        let mut map = wit_parser::SourceMap::new();
        map.push_str(&file.path.display().to_string(), file.text);
        map.parse().map_err(|(_, error)| error).unwrap();
    }
}

/// wit-bindgen for Rust stands for the generators of other languages.
#[test]
fn a_bindings_generator_makes_one_type_of_each_record() {
    let (sources, schema) = module("tests/everything/wit");
    let (mut resolve, world) = guest_world(&sources, &schema, DoorKind::Typed).resolve(&sources).unwrap();
    let source = generate(&mut resolve, world);
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for line in source.lines().filter_map(|line| line.trim().strip_prefix("pub struct ")) {
        *types.entry(line.trim_end_matches(" {")).or_default() += 1;
    }
    assert_eq!(types.get("Everything"), Some(&1));
    // The version before, whose tables its migration reads, has a record of this name too.
    assert_eq!(types.get("Keyed"), Some(&2));
    assert_eq!(types.get("Gone"), Some(&1));
}

fn generate(resolve: &mut Resolve, world: wit_parser::WorldId) -> String {
    use wit_bindgen_core::WorldGenerator;
    // The name `Self` stands in the way of this generator, and of no other.
    let cases = resolve.types.iter_mut().filter_map(|(_, def)| match &mut def.kind {
        wit_parser::TypeDefKind::Variant(variant) => Some(variant),
        _ => None,
    });
    for variant in cases {
        variant
            .cases
            .iter_mut()
            .filter(|case| case.name == "self")
            .for_each(|case| case.name = "itself".to_owned());
    }
    let options = wit_bindgen_rust::Opts { generate_all: true, ..Default::default() };
    let mut files = wit_bindgen_core::Files::default();
    options.build().generate(resolve, world, &mut files).unwrap();
    let (_, source) = files.iter().next().unwrap();
    String::from_utf8(source.to_vec()).unwrap()
}
