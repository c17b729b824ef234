//! `diff`: what a new version of a contract means, for people and for programs; and what `check` says that a module
//! can touch.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::{Expect, expect};
use support::{Case, component, root};

const OLD: &str = "\
package acme:bank@1.2.0;

interface tables {
  /// @table(primary-key = id, visibility = public)
  record account { id: u64, owner: string, balance: s32 }
  /// @table(primary-key = id)
  record note { id: u64, text: string }
}

interface ledger {
  variant transfer-error { no-such-account(u64), insufficient-funds(s64) }
  /// @reducer
  transfer: func(source: u64, target: u64, amount: u64) -> result<_, transfer-error>;
}

world bank {
  export tables;
  export ledger;
}
";

fn check(old: &str, new: &str, arguments: &[&str], expected: Expect) {
    let case = Case::new();
    case.write("old/wit/bank.wit", old);
    case.write("new.wit", new);
    let arguments: Vec<_> = [&["diff", "old", "new.wit"], arguments].concat();
    expected.assert_eq(&case.run(&arguments).shown());
}

#[test]
fn what_is_added_is_compatible_and_ends_with_0() {
    let new = OLD
        .replace("@1.2.0", "@1.3.0")
        .replace("balance: s32 }", "balance: s32, note: option<string> }")
        .replace(
            "\nworld bank",
            "\ninterface more {\n  /// @query\n  total: func() -> s64;\n}\n\nworld bank",
        );
    let new = new.replace("  export ledger;", "  export ledger;\n  export more;");
    check(OLD, &new, &[], expect![[r#""#]]);
}

#[test]
fn what_breaks_somebody_ends_with_1_and_says_whom_and_why() {
    let new = OLD
        .replace("@1.2.0", "@1.2.1")
        .replace("balance: s32", "balance: s64")
        .replace("amount: u64", "amount: u32")
        .replace("text: string", "title: string, text: string");
    check(OLD, &new, &[], expect![[r#""#]]);
}

#[test]
fn the_same_contract_twice_is_no_difference() {
    check(OLD, OLD, &[], expect![[r#""#]]);
}

#[test]
fn programs_read_json() {
    let case = Case::new();
    let old = case.write("old.wit", OLD);
    let new = case.write("new.wit", OLD.replace("balance: s32", "balance: s64"));
    let shown = case.run(&["diff", old.to_str().unwrap(), new.to_str().unwrap(), "--json"]);
    assert_eq!(shown.code, 1);
    let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(json["verdict"], "breaking");
    assert_eq!((&json["callers"], &json["rows"]), (&"breaking".into(), &"compatible".into()));
    assert_eq!(json["next_version"], "2.0.0");
    assert_eq!(json["is_version_enough"], false);
    assert_eq!(json["changes"][0]["kind"], "table");
    assert_eq!(json["changes"][0]["rows"]["verdict"], "compatible");
}

#[test]
fn a_mistake_in_either_version_is_told_as_elsewhere() {
    let case = Case::new();
    case.write("old.wit", OLD);
    case.write("new.wit", OLD.replace("@reducer", "@reduce"));
    let faulty = case.run(&["diff", "old.wit", "new.wit"]);
    assert_eq!(faulty.code, 1);
    assert!(faulty.stderr.contains("`@reduce` is not a directive"), "{}", faulty.stderr);
    assert_eq!(faulty.stdout, "");
    let missing = case.run(&["diff", "old.wit", "none.wit"]);
    assert_eq!(missing.code, 3);
    assert!(missing.stderr.contains("cannot read none.wit"), "{}", missing.stderr);
    assert_eq!(case.run(&["diff", "old.wit"]).code, 2);
}

#[test]
fn a_component_is_compared_with_the_wit_that_it_was_made_from() {
    let case = Case::new();
    let (bank, wit) = (component("examples/bank"), root().join("examples/bank"));
    let same = case.run(&["diff", wit.to_str().unwrap(), bank.to_str().unwrap()]);
    assert_eq!((same.code, same.stderr.as_str()), (0, ""));
    assert!(same.stdout.contains("nothing is different"), "{}", same.stdout);
}

#[test]
fn check_tells_what_a_contract_allows_and_a_component_does() {
    let case = Case::new();
    let (shop, wit) = (component("examples/shop"), root().join("examples/shop"));
    let allowed = case.run(&["check", wit.to_str().unwrap()]).shown();
    expect![[r#""#]].assert_eq(&allowed);
    let used = case.run(&["check", shop.to_str().unwrap()]).shown();
    expect![[r#""#]].assert_eq(&used);
    let json = case.run(&["check", "--json", shop.to_str().unwrap()]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["capabilities"]["tables"][0]["owner"], "own");
    assert_eq!(json["capabilities"]["calls"][0]["interface"]["name"], "ledger");
}
