//! What the doors to a table are, and that they are WIT.

#![allow(missing_docs, clippy::unwrap_used)]

use expect_test::{Expect, expect};
use interstice_codec::ValueType;
use interstice_wit::doors::{
    HOST_WIT, RowFunction, host_package, render_rows, render_table, typed_door, violation_type,
};
use interstice_wit::{ExtraFile, ExtraPackage, Sources, read};
use wit_parser::TypeDefKind;

fn sources(record: &str) -> Sources {
    let text = format!(
        "package acme:bank@1.2.0;\ninterface tables {{\n{record}\n}}\nworld bank {{ export tables; }}\n"
    );
    let mut sources = Sources::new();
    sources.add_root("bank.wit", text);
    sources
}

/// Renders the doors of the only table, and has wit-parser read them as a part of the package.
fn doors(record: &str) -> (String, String) {
    let sources = sources(record);
    let schema = read(&sources, None).map_err(|found| found.render()).unwrap();
    let (interface, table) = schema.tables().next().unwrap();
    let rows = render_rows(table, true);
    let typed = render_table(&interface.name, table, true);
    let file = |package, path: &str, text: &str| ExtraFile { package, path: path.into(), text: text.into() };
    for with_writes in [true, false] {
        let extra = [
            file(ExtraPackage::New, "host.wit", HOST_WIT),
            file(ExtraPackage::Root, "rows.wit", &render_rows(table, with_writes)),
            file(ExtraPackage::Root, "typed.wit", &render_table(&interface.name, table, with_writes)),
        ];
        let (resolve, root) = sources.resolve(&extra).map_err(|found| found.render()).unwrap();
        let wanted: Vec<_> = typed_door(&interface.name, table)
            .into_iter()
            .filter(|function| with_writes || !function.operation.is_write())
            .map(|function| {
                let params = function.params.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
                (function.name, params)
            })
            .collect();
        let door = resolve.packages[root].interfaces[&format!("{}-table", table.name)];
        let found: Vec<_> = resolve.interfaces[door]
            .functions
            .values()
            .map(|function| {
                let params = function.params.iter().map(|param| param.name.clone()).collect();
                (function.name.clone(), params)
            })
            .collect();
        assert_eq!(found, wanted);
    }
    (rows, typed)
}

fn check(record: &str, typed: Expect) {
    typed.assert_eq(&doors(record).1);
}

#[test]
fn the_row_door_is_the_same_for_every_table() {
    let (rows, _) = doors("/// @table(primary-key = id)\nrecord account { id: u64 }");
    expect![[r#"
        /// The rows of the table `account` as bytes.
        interface account-rows {
          use interstice:host/door@0.1.0.{violation};

          /// The row with this primary key.
          get: func(key: list<u8>) -> option<list<u8>>;
          /// The row with this key of a unique index; indexes count from 1 in the order of names.
          find: func(index: u32, key: list<u8>) -> option<list<u8>>;
          /// The first rows from `low` on and before `high`, by the primary key (index 0) or another index. A limit of 0 means no limit. The number names the scan that goes on; 0 means that this was all.
          scan: func(index: u32, low: list<u8>, high: option<list<u8>>, descending: bool, limit: u32) -> tuple<u32, list<u8>>;
          /// The next rows of a scan; false means that these were the last.
          next: func(scan: u32) -> tuple<bool, list<u8>>;
          /// Ends a scan before its last rows.
          close: func(scan: u32);
          /// How many rows there are.
          count: func() -> u64;
          /// Adds a row, and gives the value of its auto-increment column, or 0.
          insert: func(row: list<u8>) -> result<u64, violation>;
          /// Adds rows, all or none, and gives the values of their auto-increment columns, 8 bytes each. A violation comes with the position of its row.
          insert-many: func(rows: list<u8>) -> result<list<u8>, tuple<u32, violation>>;
          /// Replaces the row with the same primary key.
          update: func(row: list<u8>) -> result<_, violation>;
          /// Adds a row, or replaces the one with the same primary key.
          upsert: func(row: list<u8>) -> result<u64, violation>;
          /// Removes the row with this primary key, and says whether there was one.
          delete: func(key: list<u8>) -> bool;
          /// Removes the rows from `low` on and before `high`, and says how many.
          delete-range: func(index: u32, low: list<u8>, high: option<list<u8>>) -> u64;
        }
    "#]].assert_eq(&rows);
}

#[test]
fn the_host_package_says_what_the_doors_say_of_it() {
    let mut sources = Sources::new();
    sources.add_root("host.wit", HOST_WIT);
    let (resolve, root) = sources.resolve(&[]).map_err(|found| found.render()).unwrap();
    assert_eq!(resolve.packages[root].name.to_string(), host_package().to_string());
    let door = resolve.packages[root].interfaces["door"];
    let violation = resolve.interfaces[door].types["violation"];
    let TypeDefKind::Variant(found) = &resolve.types[violation].kind else {
        panic!("violation is a variant")
    };
    let ValueType::Variant(said) = violation_type() else { panic!("violation is a variant") };
    let found: Vec<_> = found.cases.iter().map(|case| (case.name.clone(), case.ty.is_some())).collect();
    let said: Vec<_> = said.into_iter().map(|case| (case.name, case.ty.is_some())).collect();
    assert_eq!(found, said);
}

#[test]
fn every_row_function_is_found_by_its_name() {
    for function in RowFunction::ALL {
        assert_eq!(RowFunction::from_name(function.name()), Some(function));
    }
}

#[test]
fn the_typed_door_follows_from_key_and_indexes() {
    check(
        "enum kind { savings, checking }
         /// @table(primary-key = (branch, id))
         /// @index(kind, owner)
         record account { branch: u16, id: u64, kind: kind,
         /// @unique
         owner: string, balance: s64 }",
        expect![[r#"
            /// The table `account`.
            interface account-table {
              use tables.{account, kind};
              use interstice:host/door@0.1.0.{violation};

              /// The row with this primary key.
              get: func(branch: u16, id: u64) -> option<account>;
              /// Rows in the order of the primary key. A limit of 0 means no limit.
              scan: func(descending: bool, limit: u32) -> list<account>;
              /// Rows from `low` on and before `high`, by primary key. A limit of 0 means no limit.
              range: func(low: option<u16>, high: option<u16>, descending: bool, limit: u32) -> list<account>;
              /// Rows in the order of the index `kind-and-owner`; the leading columns may be given. A limit of 0 means no limit.
              scan-by-kind-and-owner: func(kind: option<kind>, owner: option<string>, descending: bool, limit: u32) -> list<account>;
              /// Rows from `low` on and before `high`, by the index `kind-and-owner`. A limit of 0 means no limit.
              range-by-kind-and-owner: func(low: option<kind>, high: option<kind>, descending: bool, limit: u32) -> list<account>;
              /// The row with these values in the index `owner`.
              find-by-owner: func(owner: string) -> option<account>;
              /// Rows in the order of the index `owner`; the leading columns may be given. A limit of 0 means no limit.
              scan-by-owner: func(owner: option<string>, descending: bool, limit: u32) -> list<account>;
              /// Rows from `low` on and before `high`, by the index `owner`. A limit of 0 means no limit.
              range-by-owner: func(low: option<string>, high: option<string>, descending: bool, limit: u32) -> list<account>;
              /// How many rows there are.
              count: func() -> u64;
              /// Adds a row, and gives it back with its auto-increment value.
              insert: func(row: account) -> result<account, violation>;
              /// Adds rows, all or none. A violation comes with the position of its row.
              insert-many: func(rows: list<account>) -> result<list<account>, tuple<u32, violation>>;
              /// Replaces the row with the same primary key.
              update: func(row: account) -> result<_, violation>;
              /// Adds a row, or replaces the one with the same primary key.
              upsert: func(row: account) -> result<account, violation>;
              /// Removes the row with this primary key, and says whether there was one.
              delete: func(branch: u16, id: u64) -> bool;
              /// Removes the rows from `low` on and before `high`, and says how many.
              delete-range: func(low: option<u16>, high: option<u16>) -> u64;
            }
        "#]],
    );
}

#[test]
fn names_that_collide_give_way_and_keywords_are_marked() {
    check(
        "enum violation { a, b }
         /// @table(primary-key = (limit, %type))
         /// @unique(low, descending)
         record count { limit: u64, %type: violation, low: string, descending: bool }",
        expect![[r#"
            /// The table `count`.
            interface count-table {
              use tables.{count as count-type, violation as violation-type};
              use interstice:host/door@0.1.0.{violation};

              /// The row with this primary key.
              get: func(limit: u64, %type: violation-type) -> option<count-type>;
              /// Rows in the order of the primary key. A limit of 0 means no limit.
              scan: func(descending: bool, limit: u32) -> list<count-type>;
              /// Rows from `low` on and before `high`, by primary key. A limit of 0 means no limit.
              range: func(low: option<u64>, high: option<u64>, descending: bool, limit: u32) -> list<count-type>;
              /// The row with these values in the index `low-and-descending`.
              find-by-low-and-descending: func(low: string, descending: bool) -> option<count-type>;
              /// Rows in the order of the index `low-and-descending`; the leading columns may be given. A limit of 0 means no limit.
              scan-by-low-and-descending: func(low: option<string>, descending: option<bool>, scan-descending: bool, limit: u32) -> list<count-type>;
              /// Rows from `low` on and before `high`, by the index `low-and-descending`. A limit of 0 means no limit.
              range-by-low-and-descending: func(low: option<string>, high: option<string>, descending: bool, limit: u32) -> list<count-type>;
              /// How many rows there are.
              count: func() -> u64;
              /// Adds a row, and gives it back with its auto-increment value.
              insert: func(row: count-type) -> result<count-type, violation>;
              /// Adds rows, all or none. A violation comes with the position of its row.
              insert-many: func(rows: list<count-type>) -> result<list<count-type>, tuple<u32, violation>>;
              /// Replaces the row with the same primary key.
              update: func(row: count-type) -> result<_, violation>;
              /// Adds a row, or replaces the one with the same primary key.
              upsert: func(row: count-type) -> result<count-type, violation>;
              /// Removes the row with this primary key, and says whether there was one.
              delete: func(limit: u64, %type: violation-type) -> bool;
              /// Removes the rows from `low` on and before `high`, and says how many.
              delete-range: func(low: option<u64>, high: option<u64>) -> u64;
            }
        "#]],
    );
}
