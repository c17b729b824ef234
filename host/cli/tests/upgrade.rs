//! Modules of a database by the real command: installed, looked at, upgraded, refused, taken out and put back.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Case, component};

fn file(name: &str) -> String {
    component(&format!("examples/{name}")).display().to_string()
}

/// Runs a command on the data directory and expects this exit code.
fn ended(case: &Case, code: i32, words: &[&str]) -> support::Ended {
    let arguments = [&[words[0], "--data", "data"], &words[1..]].concat();
    let ended = case.run(&arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {}\n{}", ended.stdout, ended.stderr);
    ended
}

fn told(case: &Case, words: &[&str]) -> String {
    ended(case, 0, words).stdout
}

fn json(case: &Case, words: &[&str]) -> Value {
    serde_json::from_str(&told(case, words)).unwrap()
}

fn street() -> Case {
    let case = Case::new();
    // The shop imports the bank, in whatever order they are given.
    let installed = told(&case, &["install", &file("shop"), &file("bank")]);
    // The bank's handlers may have had their deliveries in between.
    assert!(
        installed.starts_with("acme:bank@1.2.0 installed #1\nacme:shop@0.3.0 installed #"),
        "{installed}"
    );
    case
}

#[test]
fn a_plan_says_what_an_upgrade_would_do_and_the_upgrade_does_it() {
    let case = street();
    let plan = told(&case, &["upgrade", "--plan", &file("bank-1.3")]);
    for line in [
        "acme:bank 1.2.0 -> 1.3.0",
        "  tables.account: 2 rows, kept as they are",
        "  tables.limit: new",
        "  handlers of the upgrade that run: automation.reserve",
        "  schedules that go on: automation.accrue",
        "  acme:shop@0.3.0 fits (acme:bank/ledger@1.2.0, acme:bank/tables@1.2.0)",
        "it can be done",
    ] {
        assert!(plan.contains(line), "`{line}` is not in:\n{plan}");
    }
    assert!(plan.contains("the column `memo` is added; the index `day` is built"), "{plan}");
    let tried = told(&case, &["upgrade", "--dry-run", &file("bank-1.3")]);
    assert_eq!(tried, "acme:bank would be upgraded 1.2.0 -> 1.3.0 tried, and taken back, 1 row written\n");
    let modules = json(&case, &["modules", "--json"]);
    assert_eq!(modules["modules"][0]["version"], "1.2.0");
    assert_eq!(modules["modules"][0]["dependents"]["acme:shop@0.3.0"][0], "acme:bank/ledger@1.2.0");

    let last = json(&case, &["upgrade", "--json", &file("bank-1.3")]);
    let sequence = last["sequence"].as_u64().unwrap();
    assert_eq!((last["changed_rows"].as_u64(), &last["plan"]["refusals"]), (Some(1), &Value::Array(vec![])));
    assert_eq!(told(&case, &["upgrade", &file("bank-1.3")]), "already installed\n");
    let log = told(&case, &["log"]);
    assert!(
        log.lines()
            .any(|line| line.contains(&format!("{sequence}  "))
                && line.contains("acme:bank upgraded to 1.3.0")),
        "{log}"
    );
    let records = told(&case, &["log", "--json", "--rows"]);
    let upgrade = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let upgrade = upgrade.into_iter().find(|record| record["sequence"] == sequence).unwrap();
    assert_eq!(upgrade["cause"]["upgrade"]["modules"][0]["version"], "1.3.0");
    assert_eq!(
        upgrade["writes"][0]["changes"][0]["insert"]["owner"], "acme reserve",
        "rows of the new version are read by its schema"
    );
    // Before, rows of the journal had no memo; now all have the column.
    let rows = ["state", "--json", "--table", "entry", "--limit", "1"];
    let now = told(&case, &rows);
    assert!(now.contains("\"memo\":null"), "{now}");
    let then = told(&case, &[&rows[..], &["--at", &(sequence - 1).to_string()]].concat());
    assert!(!then.contains("memo"), "{then}");
    let changes = told(&case, &["state", "--diff", &(sequence - 1).to_string(), &sequence.to_string()]);
    assert!(changes.contains("acme reserve"), "{changes}");
    // Other columns were told to people and not to programs.
    let between = [(sequence - 1).to_string(), sequence.to_string()];
    let changes = told(&case, &["state", "--json", "--diff", &between[0], &between[1], "--table", "entry"]);
    let columns: Value = serde_json::from_str(changes.lines().next().unwrap()).unwrap();
    assert_eq!(columns["columns"], serde_json::json!({ "removed": [], "added": ["memo"] }));
    told(&case, &["replay", "--verify"]);
}

#[test]
fn a_refusal_names_who_what_and_why_and_changes_nothing() {
    let case = street();
    let log = told(&case, &["log"]);
    let refused = ended(&case, 5, &["upgrade", &file("bank-2.0")]);
    assert_eq!(refused.stdout, "");
    for part in
        ["acme:bank cannot be upgraded", "acme:shop@0.3.0 cannot be linked (semver)", "acme:bank@2.0.0"]
    {
        assert!(refused.stderr.contains(part), "`{part}` is not in:\n{}", refused.stderr);
    }
    let plan = ended(&case, 5, &["upgrade", "--plan", &file("bank-2.0")]).stdout;
    assert!(plan.contains("acme:shop@0.3.0 does not fit"), "{plan}");
    assert!(plan.contains("it cannot be done:"), "{plan}");
    let plan = ended(&case, 5, &["upgrade", "--plan", "--json", &file("bank-2.0")]).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(plan["dependents"][0]["callers"].as_str().unwrap().contains("semver"), "{plan}");
    // `run` says what to do with another version.
    let newer = file("bank-1.3");
    let run = ended(&case, 5, &["run", &newer]);
    assert!(run.stderr.contains(&format!("interstice upgrade --plan {newer}")), "{}", run.stderr);
    assert!(told(&case, &["log"]).starts_with(&log), "what was refused is in no record");

    let done = told(&case, &["upgrade", &file("shop-0.4"), &file("bank-2.0")]);
    assert!(
        done.contains("acme:bank upgraded 1.2.0 -> 2.0.0")
            && done.contains("acme:shop upgraded 0.3.0 -> 0.4.0"),
        "{done}"
    );
    // The record names the first of the modules, and is shown to whoever asks for another.
    let last = ended(&case, 0, &["log", "--last", "1"]).stdout;
    for module in ["acme:bank", "acme:bank@2.0.0", "acme:shop", "acme:shop@0.4.0"] {
        assert!(told(&case, &["log", "--module", module]).ends_with(&last), "{module}");
    }
    assert!(!told(&case, &["log", "--module", "acme:shop@0.3.0"]).ends_with(&last));
    let sequence = last.split_whitespace().next().unwrap();
    let traced = told(&case, &["replay", "--trace", sequence]);
    assert!(
        traced.contains("upgraded to 2.0.0") && traced.contains("acme:shop upgraded to 0.4.0"),
        "{traced}"
    );
}

#[test]
fn a_module_is_taken_out_and_put_back_and_its_rows_go_only_when_told_to() {
    let case = street();
    let refused = ended(&case, 5, &["uninstall", "acme:bank"]);
    assert!(refused.stderr.contains("acme:shop@0.3.0 imports it"), "{}", refused.stderr);
    let unknown = ended(&case, 3, &["uninstall", "acme:cafe"]);
    assert!(unknown.stderr.contains("acme:cafe is not installed"), "{}", unknown.stderr);
    let gone = told(&case, &["uninstall", "acme:shop"]);
    assert!(gone.contains("acme:shop@0.3.0 uninstalled") && gone.contains("tables.setting: 1 row"), "{gone}");
    let modules = told(&case, &["modules"]);
    assert!(modules.contains("acme:shop@0.3.0 (uninstalled, its tables kept)"), "{modules}");
    assert_eq!(json(&case, &["modules", "--json"])["kept"][0]["tables"]["tables.setting"], 1);
    assert!(told(&case, &["state", "--table", "setting"]).contains("account: 2"));
    assert!(ended(&case, 3, &["purge", "acme:shop"]).stderr.contains("--yes"));
    assert!(ended(&case, 3, &["purge", "--yes", "acme:bank"]).stderr.contains("uninstall it first"));
    assert!(told(&case, &["install", &file("shop")]).contains("installed #"));
    assert!(json(&case, &["modules", "--json"])["kept"].as_array().unwrap().is_empty());
    told(&case, &["uninstall", "acme:shop"]);
    let purged = json(&case, &["purge", "--yes", "--json", "acme:shop"]);
    assert_eq!(purged["tables"]["tables.setting"], 1);
    assert!(!told(&case, &["modules"]).contains("acme:shop"));
    assert!(told(&case, &["log"]).contains("acme:shop purged"));
    // At an earlier moment it is still there.
    assert!(told(&case, &["modules", "--at", "3"]).contains("acme:shop@0.3.0"));
}

#[test]
fn rows_go_with_their_table_only_if_somebody_agrees() {
    let case = Case::new();
    told(&case, &["install", &file("people-1.0")]);
    told(&case, &["call", "demo:people", "populate(3)"]);
    let wit = "package demo:people@3.0.0;\ninterface nobody {\n  /// @query\n  count: func() -> u32;\n}\n\
               world people { export nobody; }\n";
    case.write("wit/people.wit", wit);
    let core = wat::parse_str(
        r#"(module (func (export "demo:people/nobody@3.0.0#count") (result i32) i32.const 0))"#,
    );
    let core = case.write("core.wasm", core.unwrap()).display().to_string();
    let wit = case.path("wit").display().to_string();
    let next = case.path("next.wasm").display().to_string();
    let built = case.run(&["build", "--from", &core, "--wit", &wit, "--output", &next]);
    assert_eq!(built.code, 0, "{}", built.stderr);

    let plan = ended(&case, 3, &["upgrade", "--plan", &next]).stdout;
    assert!(plan.contains("tables.person: 3 rows, removed with the table"), "{plan}");
    let agree = "it can be done with --yes: the 3 rows of demo:people/tables.person would be gone for ever";
    assert!(plan.contains(agree), "{plan}");
    told(&case, &["upgrade", "--plan", "--yes", &next]);
    ended(&case, 3, &["upgrade", "--dry-run", &next]);
    let tried = told(&case, &["upgrade", "--dry-run", "--yes", &next]);
    assert!(tried.contains("tables.person: 3 rows, removed with the table"), "{tried}");
    let refused = ended(&case, 3, &["upgrade", &next]).stderr;
    assert!(refused.contains("the 3 rows of demo:people/tables.person would be gone for ever"), "{refused}");
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(told(&case, &["query", "demo:people", "count()"]), "3\n");
    // Nor does the way over an uninstallation lose them in silence.
    told(&case, &["uninstall", "demo:people"]);
    for command in ["install", "run"] {
        let refused = ended(&case, 3, &[command, &next]).stderr;
        assert!(
            refused.contains("the 3 rows of demo:people/tables.person would be gone for ever"),
            "{refused}"
        );
    }
    told(&case, &["install", &file("people-1.0")]);
    assert_eq!(told(&case, &["query", "demo:people", "count()"]), "3\n");
    let done = told(&case, &["upgrade", "--yes", &next]);
    assert!(done.starts_with("demo:people upgraded 1.0.0 -> 3.0.0 #"), "{done}");
    assert_eq!(told(&case, &["query", "demo:people", "count()"]), "0\n");
}

#[test]
fn modules_that_import_each_other_are_told_as_a_circle() {
    let case = Case::new();
    let mut modules = Vec::new();
    for (own, other) in [("a", "b"), ("b", "a")] {
        let wit = |name: &str, import: &str| {
            format!(
                "package x:{name}@1.0.0;\ninterface i {{\n  /// @query\n  f: func() -> u32;\n}}\n\
                 world w {{ {import} export i; }}\n"
            )
        };
        case.write(&format!("{own}/{own}.wit"), wit(own, &format!("import x:{other}/i@1.0.0;")));
        case.write(&format!("{own}/deps/{other}.wit"), wit(other, ""));
        let core = format!(r#"(module (func (export "x:{own}/i@1.0.0#f") (result i32) i32.const 1))"#);
        let core = case.write(&format!("{own}.core.wasm"), wat::parse_str(core).unwrap());
        let (folder, output) = (case.path(own), case.path(&format!("{own}.wasm")));
        let [core, folder, output] = [&core, &folder, &output].map(|path| path.display().to_string());
        let built = case.run(&["build", "--from", &core, "--wit", &folder, "--output", &output]);
        assert_eq!(built.code, 0, "{}", built.stderr);
        modules.push(output);
    }
    let refused = ended(&case, 5, &["install", &modules[0], &modules[1]]).stderr;
    assert!(refused.contains("x:a@1.0.0, x:b@1.0.0 import each other in a circle"), "{refused}");
}

/// The component of the second module that an upgrade changes is named by the record alone. It was missing after a
/// restore, which then did not open, and nobody noticed where it was missing.
#[test]
fn an_upgrade_of_two_modules_is_restored_with_both_components() {
    let case = street();
    told(&case, &["upgrade", &file("bank-2.0"), &file("shop-0.4")]);
    let total = told(&case, &["query", "acme:bank", "total()"]);
    told(&case, &["backup", "--to", "copy"]);
    for (from, to) in [("data", "first"), ("copy", "second")] {
        let restored = case.run(&["restore", from, "--data", to]);
        assert_eq!(restored.code, 0, "{}", restored.stderr);
        assert_eq!(case.run(&["query", "--data", to, "acme:bank", "total()"]).stdout, total);
        assert_eq!(case.run(&["replay", "--data", to, "--verify"]).code, 0);
    }
    let artifacts = std::fs::read_dir(case.path("data/artifacts")).unwrap();
    let artifacts: Vec<_> = artifacts.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(artifacts.len(), 4);
    for (number, artifact) in artifacts.iter().enumerate() {
        let bytes = std::fs::read(artifact).unwrap();
        std::fs::remove_file(artifact).unwrap();
        let name = artifact.file_name().unwrap().to_str().unwrap();
        let verified = case.run(&["log", "verify", "--data", "data"]);
        assert!(verified.code != 0 && verified.stdout.contains(name), "{}", verified.stdout);
        let backup = ended(&case, 6, &["backup", "--to", &format!("lacking-{number}")]);
        assert!(backup.stderr.contains(name), "{}", backup.stderr);
        std::fs::write(artifact, bytes).unwrap();
    }
    assert_eq!(case.run(&["log", "verify", "--data", "data"]).code, 0);
}
