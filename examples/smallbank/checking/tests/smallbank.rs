//! The six transactions of SmallBank over its two modules.
#![allow(missing_docs)]

use interstice_test::Database;

const SAVINGS: &str = "bench:savings";

/// Customers 0 to 9, each with 100 in either account.
fn smallbank() -> Database {
    let folder = env!("CARGO_MANIFEST_DIR");
    let database = Database::of(format!("{folder}/../savings")).with(folder);
    database.call_of(SAVINGS, "load(0, 10, 100)");
    database.call("load(0, 10, 100)");
    database
}

/// What the customers have in checking and in savings.
fn totals(database: &Database) -> (String, String) {
    (database.query("total()"), database.query_of(SAVINGS, "total()"))
}

fn check(transaction: impl FnOnce(&Database), checking: &str, savings: &str) {
    let database = smallbank();
    transaction(&database);
    assert_eq!(totals(&database), (checking.to_owned(), savings.to_owned()));
}

#[test]
fn balance_sums_both_accounts() {
    check(|database| assert_eq!(database.query("balance(\"customer-3\")"), "ok(200)"), "1000", "1000");
}

#[test]
fn deposit_checking_pays_in() {
    check(
        |database| assert_eq!(database.call("deposit-checking(\"customer-3\", 5)"), "ok(105)"),
        "1005",
        "1000",
    );
}

#[test]
fn transact_savings_goes_both_ways_and_never_below_nothing() {
    let transact = |database: &Database| {
        let call = |amount| database.call_of(SAVINGS, &format!("transact-savings(\"customer-3\", {amount})"));
        assert_eq!(call(5), "ok(105)");
        assert_eq!(call(-25), "ok(80)");
        assert_eq!(call(-81), "err(insufficient-funds(80))");
    };
    check(transact, "1000", "980");
}

#[test]
fn amalgamate_moves_everything() {
    let amalgamate = |database: &Database| {
        assert_eq!(database.call("amalgamate(\"customer-1\", \"customer-2\")"), "ok");
        assert_eq!(database.query("balance(\"customer-1\")"), "ok(0)");
        assert_eq!(database.query("balance(\"customer-2\")"), "ok(400)");
    };
    check(amalgamate, "1100", "900");
}

#[test]
fn amalgamate_with_nobody_takes_nothing() {
    let amalgamate = |database: &Database| {
        let reply = database.call("amalgamate(\"customer-1\", \"nobody\")");
        assert_eq!(reply, "err(no-such-customer(\"nobody\"))");
    };
    check(amalgamate, "1000", "1000");
}

#[test]
fn a_cheque_that_is_not_covered_costs_one_more() {
    let write = |database: &Database| {
        assert_eq!(database.call("write-check(\"customer-1\", 150)"), "ok(150)");
        assert_eq!(database.call("write-check(\"customer-1\", 51)"), "ok(52)");
    };
    check(write, "798", "1000");
}

#[test]
fn send_payment_moves_what_is_there() {
    let send = |database: &Database| {
        assert_eq!(database.call("send-payment(\"customer-1\", \"customer-2\", 100)"), "ok");
        let reply = database.call("send-payment(\"customer-1\", \"customer-2\", 1)");
        assert_eq!(reply, "err(insufficient-funds(0))");
    };
    check(send, "1000", "1000");
}
