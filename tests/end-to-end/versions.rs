//! A module that was built against an older minor version of a table: it reads the columns that it knew, by the
//! indexes that it knew, and is told of rows as it knew them, wherever those stand by now.

use crate::module;
use interstice_test::Database;

const LEDGER: &str = "test:ledger";
const AUDITOR: &str = "test:auditor";

/// Has the ledger do what the auditor is asked about, and asks it.
fn audit(database: &mut Database) {
    for (owner, amount) in [("ada", 5), ("bob", 20), ("cy", 15), ("dan", -7)] {
        database.call_of(LEDGER, &format!("enter(\"{owner}\", {amount})"));
    }
    database.call_of(LEDGER, "change(1, 12)");
    database.call_of(LEDGER, "strike(3)");
    database.settle();
    let entry = |id, owner, amount| format!("{{id: {id}, owner: \"{owner}\", amount: {amount}}}");
    let (ada, bob, dan) = (entry(1, "ada", 12), entry(2, "bob", 20), entry(4, "dan", -7));
    for _ in 0..2 {
        assert_eq!(database.query_of(AUDITOR, "by-id(2)"), format!("some({bob})"));
        assert_eq!(database.query_of(AUDITOR, "by-id(3)"), "none");
        assert_eq!(database.query_of(AUDITOR, "by-owner(\"ada\")"), format!("some({ada})"));
        assert_eq!(database.query_of(AUDITOR, "by-owner(\"cy\")"), "none");
        assert_eq!(database.query_of(AUDITOR, "by-amount(0, 20)"), format!("[{bob}, {ada}]"));
        assert_eq!(database.query_of(AUDITOR, "everything()"), format!("[{ada}, {bob}, {dan}]"));
        assert_eq!(database.query_of(AUDITOR, "count()"), "3");
        assert_eq!(
            database.query_of(AUDITOR, "told()"),
            "[\"entered 2 bob 20\", \"entered 3 cy 15\", \"changed 1 ada 5 to 1 ada 12\", \"struck 3 cy 15\"]"
        );
        database.restart();
    }
}

#[test]
fn a_table_is_read_as_it_was_known_when_it_is_so() {
    audit(&mut Database::of(module("ledger")).with(module("auditor")));
}

#[test]
fn a_table_of_the_next_minor_version_is_read_as_it_was_known() {
    audit(&mut Database::of(module("ledger-next")).with(module("auditor")));
}

#[test]
fn more_rows_than_fit_in_a_batch_are_read_as_they_were_known() {
    let database = Database::of(module("ledger-next")).with(module("auditor"));
    for id in 0..400 {
        database.call_of(LEDGER, &format!("enter(\"an owner whose name is long {id}\", {id})"));
    }
    let everything = database.query_of(AUDITOR, "everything()");
    assert_eq!(everything.matches("owner: ").count(), 400);
    assert!(everything.ends_with("{id: 400, owner: \"an owner whose name is long 399\", amount: 399}]"));
    let some = database.query_of(AUDITOR, "by-amount(100, 399)");
    assert!(some.starts_with("[{id: 400,"), "{some}");
    assert_eq!(some.matches("owner: ").count(), 300);
}
