//! What `diff` says about every kind of change: the cases of `tests/evolution/cases`, each with its verdicts, and
//! beside them in full what is told of it. `UPDATE_EXPECT=1 cargo test -p interstice-wit --test evolution` renews
//! the latter; the verdicts are written by hand.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../tests/evolution/case.rs"]
mod case;

use case::Case;
use expect_test::expect_file;
use interstice_codec::{Value, ValueType, arbitrary, row};
use interstice_wit::diff::{Comparison, Effect, Verdict, compare};
use interstice_wit::evolution::{self, ColumnSource, TableChange};
use interstice_wit::hash::interface_hash;
use interstice_wit::text::wave;
use interstice_wit::{ColumnIndex, Hash, InterfaceName, Schema, TypeName};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

/// Every case of a file has the verdicts that it says, and is told as the file beside it has it.
fn check(name: &str) {
    let mut told = String::new();
    for case in case::read_file(name) {
        let comparison = compare(&case.old, &case.new);
        assert_eq!(verdicts(&comparison), case.verdicts, "{}: {}\n{}", name, case.title, full(&comparison));
        check_consistency(&case, &comparison);
        let _ = write!(told, "== {}\n{}\n", case.title, full(&comparison));
    }
    expect_file![format!("../../tests/evolution/cases/{name}.told")].assert_eq(&told);
}

fn verdicts(comparison: &Comparison) -> String {
    let Comparison { callers, rows, subscribers, .. } = comparison;
    let [callers, rows, subscribers] = [callers, rows, subscribers].map(|verdict| word(*verdict));
    let next = comparison.next_version.as_ref().unwrap();
    format!("callers {callers}, rows {rows}, subscribers {subscribers}, next {next}")
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Compatible => "compatible",
        Verdict::NeedsMigration => "needs-migration",
        Verdict::Breaking => "breaking",
    }
}

fn full(comparison: &Comparison) -> String {
    let mut text = String::new();
    for change in &comparison.changes {
        let interface = change.interface.as_deref().unwrap_or("-");
        let _ = writeln!(text, "{interface} {:?} {}: {}", change.kind, change.name, change.what);
        let axes =
            [("callers", &change.callers), ("rows", &change.rows), ("subscribers", &change.subscribers)];
        for (axis, Effect { verdict, reason }) in axes {
            if let Some(reason) = reason {
                let _ = writeln!(text, "  {axis} {}: {reason}", word(*verdict));
            }
        }
    }
    text
}

/// What must hold of every pair, whatever the verdicts are.
fn check_consistency(case: &Case, comparison: &Comparison) {
    let title = &case.title;
    assert_eq!(comparison.is_version_enough, {
        let (old, new) = (&case.old.package.version, &case.new.package.version);
        comparison.changes.is_empty() || (new > old && *new >= *comparison.next_version.as_ref().unwrap())
    });
    for change in &comparison.changes {
        for effect in [&change.callers, &change.rows, &change.subscribers] {
            assert!(effect.verdict == Verdict::Compatible || effect.reason.is_some(), "{title}: {change:?}");
        }
        assert_ne!(change.callers.verdict, Verdict::NeedsMigration, "{title}");
        assert_ne!(change.subscribers.verdict, Verdict::NeedsMigration, "{title}");
    }
    let tables = evolution::tables(&case.old, &case.new);
    let by_function = tables.iter().any(|table| matches!(table.change, TableChange::ByFunction { .. }));
    assert!(!by_function || comparison.rows >= Verdict::NeedsMigration, "{title}: {tables:#?}");
    let json = serde_json::to_string(comparison).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), *comparison, "{title} survives JSON");
    // The same contract is compatible with itself, whatever it is.
    for schema in [&case.old, &case.new] {
        assert_eq!(compare(schema, schema).changes, [], "{title}: a schema differs from itself");
    }
}

#[test]
fn functions_are_told_apart() {
    check("functions");
}

#[test]
fn types_are_told_apart() {
    check("types");
}

#[test]
fn interfaces_and_packages_are_told_apart() {
    check("interfaces");
}

#[test]
fn columns_are_told_apart() {
    check("columns");
}

#[test]
fn columns_with_cases_are_told_apart() {
    check("columns-with-cases");
}

#[test]
fn keys_and_indexes_are_told_apart() {
    check("keys");
}

#[test]
fn tables_are_told_apart() {
    check("tables");
}

/// So many versions apart two schemas are compared, so that each meets some of every kind.
const STRIDE: usize = 11;

#[test]
fn any_two_schemas_are_compared_whatever_they_are() {
    let schemas: Vec<Schema> = case::all_files().into_iter().flat_map(|case| [case.old, case.new]).collect();
    for (position, old) in schemas.iter().enumerate() {
        for new in schemas.iter().skip(position % STRIDE).step_by(STRIDE) {
            let comparison = compare(old, new);
            let next = comparison.next_version.clone().unwrap();
            assert_eq!(comparison.changes.is_empty(), next == old.package.version);
        }
    }
}

#[test]
fn a_schema_in_an_old_log_reads_as_before() {
    let schema = case::schema("/// @table(primary-key = id)\nrecord account { id: u64 }", &[]);
    let json = serde_json::to_string(&schema).unwrap();
    assert!(!json.contains("renamed"), "what nobody said is not written: {json}");
    let renamed = case::schema(
        "/// @table(primary-key = id)\n/// @renamed-from(old)\nrecord account {\n/// @renamed-from(key)\nid: u64 }",
        &[],
    );
    assert_eq!(interstice_wit::hash::storage_hash(&schema), interstice_wit::hash::storage_hash(&renamed));
    assert_eq!(interstice_wit::hash::interface_hash(&schema), interstice_wit::hash::interface_hash(&renamed));
}

fn sources(old: &str, new: &str) -> Vec<ColumnSource> {
    let table = |columns: &str| {
        case::schema(&format!("/// @table(primary-key = id)\nrecord account {{ id: u64, {columns} }}"), &[])
    };
    let tables = evolution::tables(&table(old), &table(new));
    match &tables[0].change {
        TableChange::Automatic { columns, .. } => columns.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_column_of_the_new_table_says_where_it_comes_from() {
    use ColumnSource::{Default, MadeOptional, Same, Widened};
    let column = ColumnIndex;
    assert_eq!(
        sources(
            "a: u8, b: string, c: s32,",
            "c: s64,\n/// @default(\"no\")\nd: string,\n b: option<string>, a: u8,"
        ),
        [
            Same(column(0)),
            Widened(column(3)),
            Default(vec![2, b'n', b'o']),
            MadeOptional(column(2)),
            Same(column(1)),
        ]
    );
    assert_eq!(sources("a: u8,", "a: u8, b: option<string>,")[2], Default(vec![0]));
    assert_eq!(
        sources("a: u8,", "a: u8,\n/// @default(some(7))\nb: option<u16>,")[2],
        Default(vec![1, 7, 0])
    );
}

/// What an importer can pin of a module: the items of its public interfaces. The record of a table is known by the
/// table's columns.
fn pinned(schema: &Schema) -> BTreeMap<String, Hash> {
    let mut items = interface_hash(schema).items;
    for (interface, table) in schema.tables() {
        let InterfaceName { package, name } = &interface.name;
        items.remove(&format!("{}/{name}/type/{}", package.unversioned(), table.name));
    }
    items
}

/// Whether an importer that pins everything of the old version links with the new one, by the fourth check of linking.
fn links(old: &Schema, new: &Schema) -> bool {
    let found = interface_hash(new).items;
    pinned(old).iter().all(|(name, hash)| found.get(name) == Some(hash))
}

/// Break callers by their meaning and not by their hash: what they read is another column or another table of the same
/// shape. Linking tells it by `passed_on`.
const BROKEN_BY_MEANING: [&str; 2] =
    ["two columns change their names with each other", "two tables change their names with each other"];

#[test]
fn callers_are_compatible_exactly_if_every_item_that_they_can_pin_is_there() {
    let (mut compatible, mut breaking) = (0, 0);
    for case in case::all_files() {
        let verdict = compare(&case.old, &case.new).callers;
        if BROKEN_BY_MEANING.contains(&case.title.as_str()) {
            continue;
        }
        assert_eq!(links(&case.old, &case.new), verdict == Verdict::Compatible, "{}", case.title);
        match verdict {
            Verdict::Compatible => compatible += 1,
            _ => breaking += 1,
        }
    }
    assert!(compatible > 50 && breaking > 50, "both are tried: {compatible}, {breaking}");
}

#[test]
fn a_name_that_was_passed_on_is_told_from_one_that_stayed() {
    let passed = |old: &str, new: &str| {
        let (old, new) = (case::schema(old, &[]), case::schema(new, &[]));
        let found = evolution::passed_on(&old.exports[0], &new.exports[0], "a");
        found.map(|found| (found.item, found.now))
    };
    let table = |former: &str, columns: &str| {
        format!(
            "{former}/// @table(primary-key = id, visibility = public)\nrecord a {{ id: u64,\n{columns}\n}}"
        )
    };
    let swapped = table("", "/// @renamed-from(d)\nc: u32,\n/// @renamed-from(c)\nd: u32");
    let plain = table("", "c: u32, d: u32");
    assert_eq!(passed(&plain, &swapped), Some(("column/a.c".to_owned(), Some("d".to_owned()))));
    assert_eq!(passed(&swapped, &swapped), None, "the reader knows it so");
    assert_eq!(passed(&swapped, &plain), None, "what is said no longer is long done");
    let moved = table("", "/// @renamed-from(c)\nd: u32");
    assert_eq!(passed(&plain, &moved), Some(("column/a.d".to_owned(), None)), "c took the place of d");
    let other = |former: &str, name: &str| {
        plain.replace("record a", &format!("record {name}")).replacen("///", &format!("{former}///"), 1)
    };
    let renamed = format!("{plain}\n{}", other("/// @renamed-from(a)\n", "b"));
    assert_eq!(passed(&plain, &renamed), Some(("table/a".to_owned(), Some("b".to_owned()))));
    let both = format!("{plain}\n{}", other("", "b"));
    assert_eq!(passed(&plain, &both), None);
    let private = renamed.replacen(
        "/// @renamed-from(a)\n/// @table(primary-key = id, visibility = public)",
        "/// @renamed-from(a)\n/// @table(primary-key = id)",
        1,
    );
    assert_eq!(passed(&plain, &private), None, "nobody who reads knows what is private");
}

#[test]
fn whatever_two_schemas_are_compatible_callers_link() {
    let schemas: Vec<Schema> = case::all_files().into_iter().flat_map(|case| [case.old, case.new]).collect();
    let mut tried = 0;
    for (position, old) in schemas.iter().enumerate() {
        for new in schemas.iter().skip(position % STRIDE).step_by(STRIDE) {
            if compare(old, new).callers == Verdict::Compatible {
                assert!(links(old, new), "{} -> {}", hash_of(old), hash_of(new));
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

fn hash_of(schema: &Schema) -> Hash {
    interface_hash(schema).module
}

/// A row of the old table as one of the new, by the sources that the evolution names and by nothing else.
fn converted(values: &[Value], old: &[ValueType], new: &[ValueType], columns: &[ColumnSource]) -> Vec<u8> {
    let bytes = |at: &ColumnIndex| {
        let (value, ty) = (&values[at.0 as usize], &old[at.0 as usize]);
        let mut bytes = Vec::new();
        row::encode(value, ty, &mut bytes).unwrap();
        bytes
    };
    let mut converted = Vec::new();
    for (source, ty) in columns.iter().zip(new) {
        match source {
            ColumnSource::Same(at) => converted.extend(bytes(at)),
            ColumnSource::MadeOptional(at) => {
                converted.push(1);
                converted.extend(bytes(at));
            }
            ColumnSource::Default(default) => converted.extend(default),
            ColumnSource::Fitted(_) => unreachable!("only the way back has it"),
            ColumnSource::Widened(at) => {
                let text = wave::print(&values[at.0 as usize], &old[at.0 as usize]);
                let value = wave::parse(&text, ty).unwrap();
                row::encode(&value, ty, &mut converted).unwrap();
            }
        }
    }
    converted
}

#[test]
fn rows_of_the_old_version_read_under_every_new_one_that_is_compatible() {
    let mut runner = TestRunner::new(arbitrary::config(20));
    let mut tables = 0;
    for case in case::all_files() {
        let schemas = (&case.old, &case.new);
        for found in evolution::tables(schemas.0, schemas.1) {
            let (Some(old), Some(new)) = (&found.old, &found.new) else { continue };
            let TableChange::Automatic { columns, .. } = &found.change else { continue };
            let types = |schema: &Schema, name: &TypeName| -> Vec<ValueType> {
                let (_, table) = schema.tables().find(|(_, table)| table.name == name.name).unwrap();
                table.columns.iter().map(|column| schema.value_type(&column.ty)).collect()
            };
            let (old, new) = (types(schemas.0, old), types(schemas.1, new));
            tables += 1;
            let outcome = runner.run(&arbitrary::rows(&old), |values| {
                let bytes = converted(&values, &old, &new, columns);
                let read = row::decode_all(&bytes, &new).unwrap();
                for ((source, now), ty) in columns.iter().zip(&read).zip(&new) {
                    let (at, prefix, suffix) = match source {
                        ColumnSource::Same(at) | ColumnSource::Widened(at) => (at, "", ""),
                        ColumnSource::MadeOptional(at) => (at, "some(", ")"),
                        ColumnSource::Default(_) => continue,
                        ColumnSource::Fitted(_) => unreachable!("only the way back has it"),
                    };
                    let before = wave::print(&values[at.0 as usize], &old[at.0 as usize]);
                    let after = wave::print(now, ty);
                    prop_assert_eq!(after, format!("{prefix}{before}{suffix}"), "{}", case.title);
                }
                Ok(())
            });
            outcome.unwrap_or_else(|error| panic!("{}: {error}", case.title));
        }
    }
    assert!(tables > 40, "{tables}");
}

/// A module with this many interfaces of functions and tables, whose records stand in signatures.
fn large(interfaces: usize, field: &str) -> Schema {
    let mut text = String::from("package acme:large@1.2.0;\n");
    for number in 0..interfaces {
        let _ = writeln!(
            text,
            "interface part-{number} {{
              /// @table(primary-key = id, visibility = public)
              /// @index(owner)
              record account-{number} {{ id: u64, owner: string, {field} balance: s64 }}
              variant problem {{ none, missing(u64), refused(string) }}
              /// @reducer
              open: func(owner: string) -> result<account-{number}, problem>;
              /// @query
              find: func(id: u64) -> option<account-{number}>;
            }}"
        );
    }
    let exports = (0..interfaces).map(|number| format!(" export part-{number};"));
    let _ = writeln!(text, "world large {{{} }}", exports.collect::<String>());
    case::schema(&text, &[])
}

#[test]
fn comparing_grows_with_the_contract_and_not_with_its_square() {
    let time = |interfaces| {
        let (old, new) = (large(interfaces, ""), large(interfaces, "note: option<string>,"));
        let best = (0..5).map(|_| {
            let begun = Instant::now();
            let comparison = compare(&old, &new);
            assert_eq!(comparison.changes.len(), 3 * interfaces, "a column and two signatures each");
            begun.elapsed()
        });
        best.min().unwrap().as_secs_f64()
    };
    // Four times the contract in less than nine times the time; a square would take sixteen times as long, however
    // often it is tried and whatever else the machine does.
    let ratios: Vec<f64> = (0..6).map(|_| time(200) / time(50)).collect();
    assert!(
        ratios.iter().any(|ratio| *ratio < 9.0),
        "200 interfaces take so many times as long as 50: {ratios:?}"
    );
}
