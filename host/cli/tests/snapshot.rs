//! `interstice snapshot`, and opening from one.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Case, bank, component};

fn snapshot(case: &Case) -> Value {
    let ended = case.run(&["snapshot", "--data", "data", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn balance(case: &Case) -> String {
    let ended = case.run(&["query", "--data", "data", "acme:bank", "balance(2)"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout
}

#[test]
fn a_snapshot_is_told_with_what_it_holds_and_the_database_goes_on_from_it() {
    let case = bank();
    let first = snapshot(&case);
    assert_eq!(first["new"], true, "{first}");
    let sequence = first["sequence"].as_u64().unwrap();
    assert!(first["rows"].as_u64().unwrap() >= 3, "{first}");
    for file in first["files"].as_array().unwrap() {
        assert!(case.path("data").join(file.as_str().unwrap()).is_file(), "{file}");
    }
    let again = case.run(&["snapshot", "--data", "data"]);
    let text = format!("there is a snapshot at record {sequence}, and nothing was committed since: ");
    assert!(again.stdout.starts_with(&text), "{}", again.stdout);
    assert_eq!(balance(&case), "some(100)\n");
    assert_eq!(case.run(&["call", "--data", "data", "acme:bank", "deposit(2, 1)"]).code, 0);
    let second = snapshot(&case);
    assert_eq!(second["sequence"].as_u64(), Some(sequence + 1));
    assert_eq!(balance(&case), "some(101)\n");
}

/// Such a snapshot was written, the log before it was given up, and it could not be loaded.
#[test]
fn a_database_whose_last_module_was_purged_opens_from_its_snapshot() {
    let case = bank();
    let bank = component("examples/bank");
    let run = |arguments: &[&str]| {
        let always = ["--data", "data", "--keep-log", "none", "--segment-bytes", "16384"];
        let ended = case.run(&[arguments, &always].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains("cannot be used"), "{}", ended.stderr);
    };
    for _ in 0..3 {
        run(&["uninstall", "acme:bank"]);
        run(&["purge", "acme:bank", "--yes"]);
        run(&["snapshot"]);
        run(&["install", bank.to_str().unwrap()]);
    }
    run(&["call", "acme:bank", "open-account(\"ada\")"]);
    assert_eq!(balance(&case), "some(0)\n");
}

#[test]
fn a_damaged_snapshot_is_named_and_passed_over() {
    let case = bank();
    let taken = snapshot(&case);
    let head = taken["files"].as_array().unwrap().last().unwrap().as_str().unwrap();
    let path = case.path("data").join(head);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let ended = case.run(&["query", "--data", "data", "acme:bank", "balance(2)"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "some(100)\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("{head} is damaged at byte")), "{}", ended.stderr);
}

#[test]
fn options_that_cannot_be_are_refused() {
    let case = bank();
    for (option, value) in [("--keep-log", "7h"), ("--snapshot-after", "-1")] {
        let ended = case.run(&["snapshot", "--data", "data", &format!("{option}={value}")]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(option), "{}", ended.stderr);
    }
    assert_eq!(case.run(&["snapshot", "--data", "nowhere"]).code, 3);
}
