//! `new`: what it writes builds and passes its own test, and it overwrites nothing.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::expect;
use std::path::Path;
use std::process::Command;
use support::{Case, root};

/// The module's `cargo test` as its author starts it: nothing is set but what a machine without a network
/// needs. Its database is compiled for it, the first time for minutes.
#[test]
fn a_new_module_builds_and_passes_its_own_test() {
    let case = Case::new();
    let created = case.run(&["new", "acme:tally"]);
    expect![[r#"
        exit 0
        --- stdout
        created  acme:tally in tally
        next     cd tally && cargo test && interstice build
    "#]]
    .assert_eq(&created.shown());
    let module = case.path("tally");
    assert_eq!(case.run(&["check", "tally"]).code, 0);

    // The versions of this workspace, which have been fetched, and a target folder that stays from run to
    // run but is not the workspace's, whose crates have other features.
    std::fs::copy(root().join("Cargo.lock"), module.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("generated");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--offline"]).current_dir(&module).env("CARGO_TARGET_DIR", &target);
    // What the cargo that runs this test has set.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(variable);
    }
    let output = cargo.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("test result: ok. 3 passed; 0 failed"), "{stdout}");
    assert!(!stderr.contains("warning"), "{stderr}");

    let built = case.run(&["build", "tally", "--offline", "--output", "tally.wasm"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    let ended = case.run_with_input(
        &["run", "--data", "data", "tally.wasm"],
        "acme:tally increment(\"visits\", 2)\nquery acme:tally value(\"visits\")\n",
    );
    expect![[r#"
        #2 ok(2)
        @2 some(2)
    "#]]
    .assert_eq(&ended.stdout);
}

#[test]
fn an_existing_folder_is_not_overwritten() {
    let case = Case::new();
    case.write("tally/notes.txt", "mine");
    let refused = case.run(&["new", "acme:tally"]);
    expect![[r#"
        exit 3
        --- stderr
        error: tally already exists; choose another with `--path`
    "#]]
    .assert_eq(&refused.shown());
    assert_eq!(std::fs::read_dir(case.path("tally")).unwrap().count(), 1);
    case.write("file", "mine");
    assert_eq!(case.run(&["new", "acme:tally", "--path", "file"]).code, 3);
    assert_eq!(case.run(&["new", "acme:tally", "--path", "other"]).code, 0);
    assert!(case.path("other/wit/world.wit").exists());
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
    let refused = |arguments: &[&str]| case.run(&[&["new"], arguments].concat()).shown();
    expect![[r#"
        exit 3
        --- stderr
        error: `tally` is not a package name, which has the form `namespace:name`, such as `acme:bank`
    "#]]
    .assert_eq(&refused(&["tally"]));
    expect![[r#"
        exit 3
        --- stderr
        error: `My_Tally` is not a WIT name: words of lower-case letters and digits, each beginning with a letter, joined by single hyphens
    "#]].assert_eq(&refused(&["acme:My_Tally"]));
    expect![[r#"
        exit 3
        --- stderr
        error: the namespace `wasi` is reserved
    "#]]
    .assert_eq(&refused(&["wasi:tally"]));
    expect![[r#"
        exit 3
        --- stderr
        error: nowhere is not the folder `guest-sdk` of Interstice
    "#]]
    .assert_eq(&refused(&["acme:tally", "--sdk", "nowhere"]));
    assert!(!case.path("tally").exists());
}
