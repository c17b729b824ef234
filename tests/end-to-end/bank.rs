//! One module: calls, errors, queries, subscriptions, schedules, and all of it after a restart.

use interstice_test::{Database, ErrorKind};
use std::time::Duration;

pub(crate) fn example(name: &str) -> String {
    format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn bank() -> Database {
    let bank = Database::of(example("bank"));
    // The bank's own account, opened by its `@on(init)` handler, is number 1.
    for (owner, amount) in [("ada", 100), ("bob", 50)] {
        bank.call(&format!("open-account({owner:?})"));
        let id = if owner == "ada" { 2 } else { 3 };
        assert_eq!(bank.call(&format!("deposit({id}, {amount})")), format!("ok({amount})"));
    }
    bank
}

#[test]
fn a_transfer_moves_money_and_a_failed_one_moves_none() {
    let bank = bank();
    assert_eq!(bank.call("transfer(2, 3, 30)"), "ok");
    assert_eq!(bank.call("ledger.transfer(2, 3, 1000)"), "err(insufficient-funds(70))");
    assert_eq!(bank.call("transfer(2, 99, 1)"), "err(no-such-account(99))");
    assert_eq!((bank.query("balance(2)"), bank.query("balance(3)")), ("some(70)".into(), "some(80)".into()));
    assert_eq!(bank.query("total()"), "150");
    assert_eq!(bank.query("balance(99)"), "none");
}

#[test]
fn committed_transactions_are_there_after_a_restart() {
    let mut bank = bank();
    bank.call("transfer(2, 3, 30)");
    bank.settle();
    let before = (bank.query("total()"), bank.query("find(\"ada\")"), bank.node().last_sequence());
    bank.restart();
    assert_eq!((bank.query("total()"), bank.query("find(\"ada\")"), bank.node().last_sequence()), before);
    assert_eq!(
        bank.call("open-account(\"eve\")"),
        "ok({id: 4, owner: \"eve\", balance: 0})",
        "the counter goes on where it was"
    );
}

#[test]
fn a_schedule_runs_when_its_time_has_come() {
    let bank = bank();
    bank.call("deposit(2, 5000000)");
    bank.advance(Duration::from_secs(59 * 60));
    assert_eq!(bank.query("balance(2)"), "some(5000100)");
    bank.advance(Duration::from_secs(60));
    assert_eq!(bank.query("balance(2)"), "some(5000105)", "interest for an hour");
}

#[test]
fn what_a_client_may_not_call_is_refused() {
    let bank = bank();
    for (call, code) in [
        ("journal(1, 0, 10)", "caller.not-callable"),
        ("seed()", "caller.not-callable"),
        ("automation.accrue()", "caller.not-callable"),
        ("transfre(1, 2, 3)", "caller.unknown-function"),
        ("transfer(1, 2)", "caller.bad-arguments"),
        ("transfer(1, 2, \"three\")", "caller.bad-arguments"),
        ("transfer(1, 2, -3)", "caller.bad-arguments"),
        ("balance(1)", "caller.wrong-kind"),
        ("transfer 1 2 3", "caller.bad-arguments"),
    ] {
        let error = bank.try_call("acme:bank", call).unwrap_err();
        assert_eq!((error.code(), error.kind()), (code, ErrorKind::Caller), "{call}: {error}");
    }
    assert_eq!(bank.try_call("acme:bonk", "f()").unwrap_err().code(), "caller.unknown-module");
    assert_eq!(bank.try_query("acme:bank", "transfer(1, 2, 3)").unwrap_err().code(), "caller.wrong-kind");
}
