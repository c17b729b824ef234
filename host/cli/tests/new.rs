//! `new`: what it writes builds and passes its own test, and it overwrites nothing.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::expect;
use std::path::Path;
use std::process::Command;
use support::{Case, root};

#[test]
fn a_new_module_builds_and_passes_its_own_test() {
    let case = Case::new();
    let created = case.run(&["new", "acme:tally"]);
    expect![[""]].assert_eq(&created.shown());
    let module = case.path("tally");
    assert_eq!(case.run(&["check", "tally"]).code, 0);

    // The versions, the profile and the target folder of this workspace, so that what it has compiled
    // already serves here too.
    std::fs::copy(root().join("Cargo.lock"), module.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--release", "--offline"]).current_dir(&module).env("CARGO_TARGET_DIR", target);
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    cargo.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    let output = cargo.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", String::from_utf8_lossy(&output.stdout));
    assert!(!stderr.contains("warning"), "{stderr}");

    let built = case.run(&["build", "tally", "--offline", "--output", "tally.wasm"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    let ended = case.run_with_input(
        &["run", "--data", "data", "tally.wasm"],
        "acme:tally increment(\"visits\", 2)\nquery acme:tally value(\"visits\")\n",
    );
    expect![[""]].assert_eq(&ended.stdout);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let case = Case::new();
    case.write("tally/notes.txt", "mine");
    let refused = case.run(&["new", "acme:tally"]);
    expect![[""]].assert_eq(&refused.shown());
    assert_eq!(std::fs::read_dir(case.path("tally")).unwrap().count(), 1);
    assert_eq!(case.run(&["new", "acme:tally", "--path", "other"]).code, 0);
}

#[test]
fn names_that_are_keywords_are_escaped() {
    let case = Case::new();
    assert_eq!(case.run(&["new", "acme:list"]).code, 0);
    let checked = case.run(&["check", "list"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

#[test]
fn bad_names_are_refused_with_the_rule() {
    let case = Case::new();
    expect![[""]].assert_eq(&case.run(&["new", "tally"]).shown());
    expect![[""]].assert_eq(&case.run(&["new", "acme:My_Tally"]).shown());
    expect![[""]].assert_eq(&case.run(&["new", "acme:tally", "--sdk", "nowhere"]).shown());
}
