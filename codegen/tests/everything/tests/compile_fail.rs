//! What the types rule out: the examples in `compile-fail`, which only this test asks cargo for. It is the same
//! workspace, in the same profile, so that nothing is compiled a second time for it.
#![allow(clippy::unwrap_used, missing_docs)]

use expect_test::expect;
use serde_json::Value;
use std::fmt::Write;
use std::process::Command;

/// What the compiler says of an example: for each error its code, where it points to, and what it says there.
fn errors_of(messages: &[Value], example: &str) -> String {
    let mut errors = String::new();
    for message in messages.iter().filter(|message| message["target"]["name"] == example) {
        let message = &message["message"];
        let Some(code) = message["code"]["code"].as_str() else { continue };
        for span in message["spans"].as_array().unwrap().iter().filter(|span| span["is_primary"] == true) {
            let (line, column) = (&span["line_start"], &span["column_start"]);
            let what = message["message"].as_str().unwrap();
            let here = span["label"].as_str().map(|label| format!(": {label}")).unwrap_or_default();
            writeln!(errors, "{code} at {line}:{column}: {what}{here}").unwrap();
        }
    }
    errors
}

#[test]
fn mistakes_do_not_compile() {
    let expected = [
        (
            "missing-column",
            expect![[r#"
            E0063 at 5:43: missing field `row` in initializer of `codegen_everything::tables::Match`: missing `row`
        "#]],
        ),
        (
            "reducer-from-query",
            expect![[r#"
            E0308 at 6:24: mismatched types: types differ in mutability
        "#]],
        ),
        (
            "write-in-query",
            expect![[r#"
            E0599 at 5:36: no method named `insert` found for struct `MatchTable<interstice::table::ReadOnly>` in the current scope
        "#]],
        ),
        (
            "write-to-foreign-table",
            expect![[r#"
            E0599 at 6:33: no method named `delete` found for struct `ThingTable<interstice::table::ReadOnly>` in the current scope: method not found in `ThingTable<interstice::table::ReadOnly>`
        "#]],
        ),
        (
            "wrong-key",
            expect![[r#"
            E0308 at 5:43: mismatched types: expected `u32`, found `&str`
            E0308 at 6:51: mismatched types: expected `&str`, found integer
            E0277 at 7:65: `&str` is not the leading columns of `EverythingByColourAndName`: expected the first column, or a tuple of the first ones, but not all of them
        "#]],
        ),
    ];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "check",
        "--workspace",
        "--release",
        "--offline",
        "--keep-going",
        "--message-format",
        "json",
    ]);
    cargo.args(["--features", "codegen-everything/mistakes"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(expected.iter().flat_map(|(example, _)| ["--example", example]));
    // Set by `cargo clippy`.
    let output = cargo.env_remove("RUSTC_WORKSPACE_WRAPPER").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let messages: Vec<Value> =
        serde_json::Deserializer::from_slice(&output.stdout).into_iter().map(Result::unwrap).collect();
    for (example, errors) in expected {
        let found = errors_of(&messages, example);
        assert!(!found.is_empty(), "{example} compiles, or nothing does: {told}");
        errors.assert_eq(&found);
    }
}
