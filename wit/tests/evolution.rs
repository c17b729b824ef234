//! What `diff` says about every kind of change: the cases of `tests/evolution/cases`, each with its verdicts, and
//! beside them in full what is told of it. `UPDATE_EXPECT=1 cargo test -p interstice-wit --test evolution` renews
//! the latter; the verdicts are written by hand.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../tests/evolution/case.rs"]
mod case;

use case::Case;
use expect_test::expect_file;
use interstice_wit::diff::{Comparison, Effect, Verdict, compare};
use interstice_wit::evolution::{self, ColumnSource, TableChange};
use interstice_wit::{ColumnIndex, Schema};
use std::fmt::Write;

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
