//! What subscribers are told: which events, which rows, in which order, how often.

use crate::module;
use interstice_test::{Database, ErrorKind, Limits};
use interstice_tests::events::{expected_notes, notes, things};

fn events() -> Database {
    Database::of(module("events"))
}

/// What was written down since the note with this number, all deliveries made.
fn told(database: &Database, since: usize) -> Vec<String> {
    database.settle();
    notes(database.node()).split_off(since)
}

#[test]
fn an_insert_is_told_to_every_handler_whose_condition_holds() {
    let database = events();
    database.call("put(\"ada\", 9)");
    database.call("put(\"bob\", 10)");
    assert_eq!(
        told(&database, 0),
        ["first: ada 9", "second: ada 9", "first: bob 10", "second: bob 10", "heavy: bob 10"]
    );
}

#[test]
fn an_update_tells_of_both_rows_and_its_condition_looks_at_the_new_one() {
    let database = events();
    database.call("put(\"ada\", 1)");
    let since = told(&database, 0).len();
    database.call("change({id: 1, name: \"ada\", weight: -1})");
    database.call("change({id: 1, name: \"eve\", weight: 0})");
    database.call("change({id: 1, name: \"eve\", weight: 0})");
    assert_eq!(
        told(&database, since),
        ["changed: ada 1 -> ada -1", "negative: ada 1 -> ada -1", "changed: ada -1 -> eve 0"],
        "a row that stays as it is has not changed"
    );
}

#[test]
fn a_delete_tells_of_the_row_that_was_there() {
    let database = events();
    for name in ["ada", "quiet"] {
        database.call(&format!("put({name:?}, 1)"));
    }
    let since = told(&database, 0).len();
    database.call("remove(2)");
    database.call("remove(1)");
    assert_eq!(told(&database, since), ["gone: ada 1"]);
}

#[test]
fn an_event_is_the_net_change_of_a_row_in_its_transaction() {
    let database = events();
    database.call("put(\"ada\", 1)");
    let since = told(&database, 0).len();
    database.call("leave-no-trace(1)");
    assert_eq!(told(&database, since), Vec::<String>::new());
    database.call("put-and-change(\"bob\", 12)");
    assert_eq!(told(&database, since), ["first: bob 12", "second: bob 12", "heavy: bob 12"]);
}

/// A handler that fails loses what it wrote and nothing else; its delivery is not made again.
#[test]
fn a_handler_that_fails_is_told_once_and_stands_in_nobodys_way() {
    let mut database = events();
    for name in ["panic", "refuse", "ada"] {
        database.call(&format!("put({name:?}, 1)"));
    }
    let all = told(&database, 0);
    assert_eq!(all, expected_notes(&things(database.node())), "no note of those that failed is left");
    let last = database.node().last_sequence();
    // The installation, three calls, two handlers of each and the two that failed.
    assert_eq!(last.0, 1 + 3 + 6 + 2, "also a delivery that failed is a record");
    database.restart();
    assert_eq!(told(&database, 0), all);
    assert_eq!(database.node().last_sequence(), last, "nothing is owed any more");
}

#[test]
fn events_are_delivered_once_across_restarts() {
    let mut database = events();
    for round in 0..4 {
        for name in 0..25 {
            database.call(&format!("put(\"{round} {name}\", {name})"));
        }
        // The rest of the deliveries is made after the restart.
        database.restart();
    }
    let there = things(database.node());
    assert_eq!(there.len(), 100);
    assert_eq!(told(&database, 0), expected_notes(&there));
}

#[test]
fn a_chain_of_deliveries_ends_at_the_limit() {
    let mut database =
        Database::with_limits(Limits { subscription_depth: 5, ..Limits::default() }).with(module("events"));
    database.call("start-chain(3)");
    database.settle();
    assert_eq!(database.query("chain()"), "some(3)", "a short chain comes to its end");

    let mut database_of_long =
        Database::with_limits(Limits { subscription_depth: 5, ..Limits::default() }).with(module("events"));
    database_of_long.call("start-chain(1000000)");
    database_of_long.settle();
    assert_eq!(database_of_long.query("chain()"), "some(5)", "five deliveries may cause each other");
    for database in [&mut database, &mut database_of_long] {
        let (chain, last) = (database.query("chain()"), database.node().last_sequence());
        database.restart();
        database.settle();
        assert_eq!((database.query("chain()"), database.node().last_sequence()), (chain, last));
        assert_eq!(database.call("put(\"ada\", 1)"), "1", "the database goes on");
    }
}

/// How deep a chain has come is known from the log: a restart does not let it begin anew.
#[test]
fn a_chain_that_was_cut_by_a_restart_is_no_longer_than_another() {
    let limits = Limits { subscription_depth: 40, ..Limits::default() };
    let mut database = Database::with_limits(limits).with(module("events"));
    database.call("start-chain(1000000)");
    for _ in 0..10 {
        database.restart();
    }
    database.settle();
    assert_eq!(database.query("chain()"), "some(40)");
}

#[test]
fn a_module_is_told_of_the_public_table_of_another() {
    let database = events().with(module("newborn"));
    database.call_of("test:events", "put(\"ada\", 1)");
    database.settle();
    assert_eq!(database.query("notes()"), r#"["begun", "noticed ada"]"#);
}

#[test]
fn a_transaction_that_would_owe_too_many_deliveries_is_refused() {
    let limits = Limits { deliveries: 10, ..Limits::default() };
    let database = Database::with_limits(limits).with(module("events"));
    let error = database.try_call("test:events", "pour(11)").unwrap_err();
    assert_eq!((error.code(), error.kind()), ("caller.limit", ErrorKind::Caller), "{error}");
    assert!(error.to_string().contains("deliveries"), "{error}");
    database.call("pour(10)");
    database.settle();
    assert_eq!(database.query("grains()"), "10");
}

#[test]
fn a_name_that_two_interfaces_have_must_be_said_in_full() {
    let database = events();
    let error = database.try_query("test:events", "notes()").unwrap_err();
    assert_eq!((error.code(), error.kind()), ("caller.ambiguous-function", ErrorKind::Caller), "{error}");
    for candidate in ["deeds.notes", "archive.notes"] {
        assert!(error.to_string().contains(candidate), "{error} does not say {candidate}");
        assert_eq!(database.query(&format!("{candidate}()")), "[]");
    }
}
