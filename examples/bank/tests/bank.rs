//! The bank as its customers see it.
#![allow(missing_docs)]

use interstice_test::Database;
use std::time::Duration;

/// A bank in which account 2 is ada's and holds 100, and account 3 is bob's and holds 50. Number 1 is
/// the bank's own.
fn bank() -> Database {
    let bank = Database::of(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(bank.call("open-account(\"ada\")"), "ok({id: 2, owner: \"ada\", balance: 0})");
    assert_eq!(bank.call("open-account(\"bob\")"), "ok({id: 3, owner: \"bob\", balance: 0})");
    assert_eq!(bank.call("deposit(2, 100)"), "ok(100)");
    assert_eq!(bank.call("deposit(3, 50)"), "ok(50)");
    bank
}

#[test]
fn a_transfer_moves_money_and_makes_none() {
    let bank = bank();
    assert_eq!(bank.call("transfer(2, 3, 30)"), "ok");
    assert_eq!(bank.query("balance(2)"), "some(70)");
    assert_eq!(bank.query("balance(3)"), "some(80)");
    assert_eq!(bank.call("transfer(2, 2, 70)"), "ok");
    assert_eq!(bank.query("total()"), "150");
}

#[test]
fn what_an_account_does_not_hold_cannot_leave_it() {
    let bank = bank();
    assert_eq!(bank.call("withdraw(2, 101)"), "err(insufficient-funds(100))");
    assert_eq!(bank.call("transfer(2, 3, 101)"), "err(insufficient-funds(100))");
    assert_eq!(bank.call("transfer(2, 9, 1)"), "err(no-such-account(9))");
    assert_eq!(bank.query("total()"), "150");
}

#[test]
fn an_owner_has_one_account() {
    let bank = bank();
    assert_eq!(bank.call("open-account(\"ada\")"), "err(already-open(2))");
    assert_eq!(bank.call("open-account(\"\")"), "err(no-name)");
    assert_eq!(bank.query("find(\"ada\")"), "some({id: 2, owner: \"ada\", balance: 100})");
}

#[test]
fn interest_is_paid_every_hour() {
    let bank = bank();
    bank.call("deposit(2, 5000000)");
    bank.advance(Duration::from_secs(59 * 60));
    assert_eq!(bank.query("total()"), "5000150");
    bank.advance(Duration::from_secs(60));
    assert_eq!(bank.query("balance(2)"), "some(5000105)", "a millionth of what the account held");
    assert_eq!(bank.query("balance(3)"), "some(50)", "fractions of a cent are not paid");
    assert_eq!(bank.query("total()"), "5000155");
}

#[test]
fn hours_that_were_missed_are_paid_once() {
    let bank = bank();
    bank.call("deposit(2, 5000000)");
    bank.advance(Duration::from_secs(5 * 60 * 60));
    assert_eq!(bank.query("total()"), "5000155");
}
