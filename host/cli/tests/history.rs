//! `interstice state` and `interstice replay`: looking at the past.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Case, Ended, bank};

fn run(case: &Case, arguments: &[&str]) -> Ended {
    let (command, options) = arguments.split_first().unwrap();
    case.run(&[&[*command, "--data", "data"], options].concat())
}

fn lines(ended: &Ended) -> Vec<Value> {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a table in a text output.
fn section<'o>(output: &'o str, title: &str) -> Vec<&'o str> {
    let lines = output.lines().skip_while(|line| !line.starts_with(title)).skip(1);
    lines.take_while(|line| line.starts_with("  ")).map(str::trim).collect()
}

#[test]
fn the_tables_are_shown_as_they_were() {
    let case = bank();
    let newest = run(&case, &["state"]);
    assert_eq!(newest.code, 0, "{}", newest.stderr);
    assert_eq!(
        section(&newest.stdout, "acme:bank/tables.account: 3 rows, counter 3"),
        [
            "{id: 1, owner: \"acme bank\", balance: 0}",
            "{id: 2, owner: \"ada\", balance: 100}",
            "{id: 3, owner: \"bob\", balance: 0}"
        ],
        "{}",
        newest.stdout
    );
    let then = run(&case, &["state", "--at", "3", "--table", "account"]);
    assert_eq!(
        section(&then.stdout, "acme:bank/tables.account: 2 rows, counter 2"),
        ["{id: 1, owner: \"acme bank\", balance: 0}", "{id: 2, owner: \"ada\", balance: 0}"],
        "{}",
        then.stdout
    );
    assert!(!then.stdout.contains("tables.entry"), "{}", then.stdout);
    let rows = lines(&run(&case, &["state", "--at", "3", "--table", "account", "--json", "--limit", "1"]));
    assert_eq!(rows[0]["sequence"], 3);
    assert_eq!(
        rows[1..],
        [json!({"table": "acme:bank/tables.account", "row": {"id": 1, "owner": "acme bank", "balance": 0}})]
    );
    let before = run(&case, &["state", "--at", "2001-01-01"]);
    assert!(before.stdout.starts_with("after record 0 "), "{}", before.stdout);
}

#[test]
fn two_moments_are_compared_row_by_row() {
    let case = bank();
    let changed = run(&case, &["state", "--diff", "3", "7", "--table", "account"]);
    assert_eq!(
        section(&changed.stdout, "acme:bank/tables.account:"),
        ["~ 2 balance: 0 -> 100", "+ {id: 3, owner: \"bob\", balance: 0}"],
        "{}",
        changed.stdout
    );
    let back = lines(&run(&case, &["state", "--diff", "7", "3", "--table", "account", "--json"]));
    assert_eq!(back.len(), 2, "{back:?}");
    assert_eq!(back[0]["update"]["before"]["balance"], 100);
    assert_eq!(back[1]["delete"]["owner"], "bob");
    let same = run(&case, &["state", "--diff", "7", "7"]);
    assert_eq!((same.code, same.stdout.lines().count()), (0, 1), "{}", same.stdout);
}

#[test]
fn moments_and_tables_that_are_not_there_are_refused() {
    let case = bank();
    for (options, code, expected) in [
        (&["state", "--at", "99"][..], 3, "there is no record 99: the last one is 7"),
        (&["state", "--at", "soon"], 2, "or the number of a record"),
        (&["state", "--table", "acount"], 3, "there is no table `acount`; did you mean `account`?"),
        (&["state", "--diff", "3"], 2, "--diff"),
        (&["replay"], 2, "--verify"),
        (&["replay", "--trace"], 2, "SEQUENCE"),
        (&["replay", "--trace", "0"], 2, "0 is not in 1.."),
        (&["replay", "--trace", "99"], 3, "there is no record 99"),
        (&["replay", "--verify", "99"], 3, "there is no record 99"),
        (
            &["replay", "--verify", "7", "--fuel", "10"],
            3,
            "record 7 cannot be run again within these limits: acme:bank/ledger.deposit used up its fuel of 10",
        ),
        (&["replay", "--trace", "7", "--fuel", "10"], 3, "give no less than the database was run with"),
    ] {
        let refused = run(&case, options);
        assert_eq!(refused.code, code, "{options:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{options:?}: {}", refused.stderr);
    }
}

#[test]
fn calls_that_are_run_again_do_what_the_log_says_and_tell_how() {
    let case = bank();
    let verified = run(&case, &["replay", "--verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert_eq!(verified.stdout, "records 1 to 7: all 7 calls do what the log says\n");
    assert_eq!(
        run(&case, &["replay", "--verify", "7"]).stdout,
        "record 7: its call does what the log says\n"
    );
    let part = lines(&run(&case, &["replay", "--verify", "--from", "3", "--to", "5", "--json"]));
    assert_eq!(part[0], json!({"first": 3, "last": 5, "records": 3, "divergence": null}));

    let traced = run(&case, &["replay", "--trace", "7"]);
    assert_eq!(traced.code, 0, "{}", traced.stderr);
    let steps: Vec<&str> = traced.stdout.lines().skip(1).map(str::trim).collect();
    assert_eq!(steps[0], "get acme:bank/account(2) -> {id: 2, owner: \"ada\", balance: 0}", "{steps:?}");
    assert!(steps.contains(&"update acme:bank/account({id: 2, owner: \"ada\", balance: 100})"), "{steps:?}");
    assert_eq!(steps.last(), Some(&"returned ok(100)"));
    let object = &lines(&run(&case, &["replay", "--trace", "7", "--json"]))[0];
    assert_eq!((&object["function"], &object["outcome"]), (&json!("ledger.deposit"), &json!("ok(100)")));
    assert_eq!(object["steps"][0]["operation"], "get");
}
