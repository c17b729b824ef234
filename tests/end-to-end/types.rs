//! Values of every type that WIT has, through a guest and back: as arguments and results, in columns and
//! keys, in the log, and as text.
//! `INTERSTICE_CASES=n` makes the campaign longer.

use crate::module;
use interstice_codec::arbitrary::{rows, values};
use interstice_codec::{Value, ValueType, row};
use interstice_test::Database;
use interstice_tests::machine::from_environment;
use interstice_wit::text::wave;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;

const TYPES: &str = "test:types";

fn params(database: &Database, function: &str) -> Vec<ValueType> {
    let function = database.node().function(TYPES, function).unwrap();
    function.params().iter().map(|(_, ty)| ty.clone()).collect()
}

/// Calls a reducer or a query with values. What it returns is also shown as text, and must be the same value
/// when that is read.
fn ask(database: &Database, name: &str, arguments: &[Value]) -> Vec<u8> {
    let node = database.node();
    let function = node.function(TYPES, name).unwrap();
    let mut bytes = Vec::new();
    row::encode_all(arguments, &params(database, name), &mut bytes).unwrap();
    let reply = if function.is_query() {
        node.query(&function, &bytes, &Default::default())
    } else {
        node.call(&function, &bytes, &Default::default())
    };
    let result = reply.unwrap_or_else(|error| panic!("{name}: {error}")).result;
    let ty = function.result().unwrap();
    let shown = function.print_result(&result);
    assert_eq!(encoded(&wave::parse(&shown, ty).unwrap(), ty), result, "{name} shows {shown}");
    result
}

fn encoded(value: &Value, ty: &ValueType) -> Vec<u8> {
    let mut bytes = Vec::new();
    row::encode(value, ty, &mut bytes).unwrap();
    bytes
}

/// Runs a test with random values, the same ones every time.
fn for_values<S: Strategy>(strategy: S, usual: u32, test: impl Fn(S::Value)) {
    let cases = from_environment("INTERSTICE_CASES").map_or(usual, |cases| cases as u32);
    let config = Config { cases, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let dice = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, dice).run(&strategy, |values| {
        test(values);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn arguments_come_back_as_the_results_that_they_are() {
    let database = Database::of(module("types"));
    for name in ["all", "lists", "choices", "names"] {
        let types = params(&database, name);
        for_values(rows(&types), 60, |arguments| {
            let mut expected = Vec::new();
            row::encode_all(&arguments, &types, &mut expected).unwrap();
            assert_eq!(ask(&database, name, &arguments), expected, "{name}");
        });
    }
    let of_struct = params(&database, "gen");
    for_values(rows(&of_struct), 20, |arguments| {
        assert_eq!(ask(&database, "gen", &arguments), encoded(&arguments[0], &of_struct[0]));
    });
    assert_eq!(database.call("nothing()"), "");
    assert_eq!(database.query("r-self()"), "err");
    assert_eq!(database.call("use(1, 2, 3, 4, 5, 1)"), "ok");
    assert_eq!(database.call("use(1, 2, 3, 4, 5, 6)"), "err");
}

/// The position of a column in the rows of the table `everything`, by its name.
fn column(ty: &ValueType, name: &str) -> usize {
    let ValueType::Record(fields) = ty else { panic!("a row is a record") };
    fields.iter().position(|field| field.name == name).unwrap()
}

fn field(row: &Value, at: usize) -> &Value {
    let Value::Record(fields) = row else { panic!("a row is a record") };
    &fields[at]
}

fn set(row: &Value, at: usize, value: Value) -> Value {
    let Value::Record(mut fields) = row.clone() else { panic!("a row is a record") };
    fields[at] = value;
    Value::Record(fields)
}

/// A list of rows as a function returns it.
fn list(rows: &[&Value], ty: &ValueType) -> Vec<u8> {
    encoded(&Value::List(rows.iter().copied().cloned().collect()), &ValueType::List(Box::new(ty.clone())))
}

#[test]
fn rows_of_every_type_are_found_by_every_index_also_after_a_restart() {
    let mut database = Database::of(module("types"));
    let ty = params(&database, "put").remove(0);
    let (id, name) = (column(&ty, "id"), column(&ty, "name"));
    let held = std::cell::RefCell::new(Vec::<Value>::new());
    for_values((values(&ty), values(&ty)), 40, |(first, second)| {
        let mut held = held.borrow_mut();
        let next = held.len() + 1;
        let mut named = |row: Value, number: usize| {
            let row = set(&row, name, Value::String(format!("{number} \u{e9}\u{10ffff}\"")));
            held.push(set(&row, id, Value::U32(number as u32)));
            set(&row, id, Value::U32(0))
        };
        let one = named(first, next);
        let two = named(second, next + 1);
        let put = ask(&database, "put", &[one]);
        assert_eq!(put[0], 0, "it was not refused");
        assert_eq!(put[1..], encoded(&held[next - 1], &ty)[..], "the row as it is now");
        let put = ask(&database, "put-many", &[Value::List(vec![two])]);
        assert_eq!(put, row::to_bytes(&Ok::<_, String>(vec![next as u32 + 1])));
        // Another value in every other column.
        let changed = set(&held[next], id, Value::U32(next as u32));
        let changed = set(&changed, name, field(&held[next - 1], name).clone());
        assert_eq!(ask(&database, "replace", std::slice::from_ref(&changed)), [0]);
        held[next - 1] = changed;
    });
    let held = held.into_inner();
    for _ in 0..2 {
        check(&database, &ty, &held);
        database.restart();
    }
}

/// Asks for the rows in every way.
fn check(database: &Database, ty: &ValueType, held: &[Value]) {
    let all: Vec<&Value> = held.iter().collect();
    assert_eq!(ask(database, "every", &[]), list(&all, ty));
    let some = |row: &Value| [vec![1], encoded(row, ty)].concat();
    for row in held {
        for (query, by) in [("one", "id"), ("by-name", "name")] {
            let key = field(row, column(ty, by)).clone();
            assert_eq!(ask(database, query, &[key]), some(row), "{query}");
        }
    }
    for (query, by, then) in [("by-bytes", "bytes", "id"), ("by-colour", "colour", "name")] {
        let (by, then) = (column(ty, by), column(ty, then));
        for mut alike in alike(held, ty, by) {
            alike.sort_by_key(|row| match field(row, then) {
                Value::String(text) => (text.clone(), 0),
                Value::U32(number) => (String::new(), *number),
                other => panic!("{other:?} is no key here"),
            });
            let key = field(alike[0], by).clone();
            assert_eq!(ask(database, query, &[key]), list(&alike, ty), "{query}");
        }
    }
}

/// The rows that have the same value in a column, for each value.
fn alike<'r>(rows: &'r [Value], ty: &ValueType, at: usize) -> Vec<Vec<&'r Value>> {
    let ValueType::Record(fields) = ty else { panic!("a row is a record") };
    let mut found = BTreeMap::<Vec<u8>, Vec<&Value>>::new();
    for row in rows {
        found.entry(encoded(field(row, at), &fields[at].ty)).or_default().push(row);
    }
    found.into_values().collect()
}

/// A key of every kind that a key can be: the order of rows is that of their values, column by column.
#[test]
fn keys_of_every_kind_order_and_find_rows_also_after_a_restart() {
    let mut database = Database::of(module("types"));
    let ty = params(&database, "put-keyed").remove(0);
    let big = column(&ty, "big");
    let held = std::cell::RefCell::new(Vec::<Value>::new());
    for_values(values(&ty), 150, |row| {
        let mut held = held.borrow_mut();
        let put = ask(&database, "put-keyed", std::slice::from_ref(&row));
        assert_eq!(put[0] == 1, held.contains(&row), "a row is refused if its key is there");
        if put[0] == 0 {
            held.push(row);
        }
    });
    let mut held = held.into_inner();
    held.sort_by_key(order);
    for _ in 0..2 {
        let all: Vec<&Value> = held.iter().collect();
        assert_eq!(ask(&database, "every-keyed", &[]), list(&all, &ty));
        for row in &held {
            let found = ask(&database, "find-keyed", std::slice::from_ref(row));
            assert_eq!(found, [vec![1], encoded(row, &ty)].concat());
        }
        for mut alike in alike(&held, &ty, big) {
            alike.sort_by_key(|row| order(row));
            let key = field(alike[0], big).clone();
            assert_eq!(ask(&database, "by-big", &[key]), list(&alike, &ty));
        }
        database.restart();
    }
}

/// The columns of a row of `keyed` as Rust orders them.
fn order(row: &Value) -> (bool, char, String, Vec<u8>, u32, i8, u64) {
    let Value::Record(columns) = row else { panic!("a row is a record") };
    match columns.as_slice() {
        [
            Value::Bool(flag),
            Value::Char(letter),
            Value::String(text),
            Value::Bytes(bytes),
            Value::Enum(colour),
            Value::S8(small),
            Value::U64(big),
        ] => (*flag, *letter, text.clone(), bytes.clone(), *colour, *small, *big),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_and_columns_may_have_the_names_of_anything() {
    let mut database = Database::of(module("types"));
    let row = r#"{type: "low", limit: 3, descending: 1, low: 2, row: 4}"#;
    assert_eq!(database.call(&format!("put-match({row})")), "ok");
    assert!(database.call(&format!("put-match({row})")).starts_with("err("));
    database.restart();
    assert_eq!(database.query("by-limit(3)"), format!("[{row}]"));
    assert_eq!(database.query("by-limit(4)"), "[]");
}
