//! `run`, `call`, `query` and `log` on a real data directory, and what each says of bad input.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use support::{Case, Ended, root};

/// The components of the examples, built once for all tests.
fn component(example: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let case = Case::new();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components");
        for example in ["bank", "shop"] {
            let output = folder.join(format!("{example}.wasm"));
            let source = root().join("examples").join(example);
            let arguments = ["build", "--output", output.to_str().unwrap(), source.to_str().unwrap()];
            let ended = case.run(&arguments);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
        folder
    });
    folder.join(format!("{example}.wasm"))
}

/// A case with a bank in the data directory `data`, in which ada (2) has 100 and bob (3) nothing.
fn bank() -> Case {
    let case = Case::new();
    let bank = component("bank");
    let ended = case.run_with_input(
        &["run", "--data", "data", bank.to_str().unwrap()],
        "acme:bank open-account(\"ada\")\nacme:bank open-account(\"bob\")\nacme:bank deposit(2, 100)\n",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    case
}

fn check(case: &Case, arguments: &[&str], expected: Expect) {
    expected.assert_eq(&case.run(arguments).shown());
}

fn total(case: &Case) -> String {
    case.run(&["query", "--data", "data", "acme:bank", "total()"]).stdout
}

#[test]
fn lines_are_answered_in_their_order_and_found_again() {
    let case = Case::new();
    let bank = component("bank");
    let input = "\
acme:bank open-account(\"ada\")
acme:bank open-account(\"bob\")
acme:bank deposit(2, 100)

acme:bank transfer(2, 3, 30)
query acme:bank balance(3)
acme:bank transfer(2, 3, 1000)
acme:bank ledger.transfer(2, 9, 1)
";
    let ended = case.run_with_input(&["run", "--data", "data", bank.to_str().unwrap()], input);
    expect![[r##"
        #3 ok({id: 2, owner: "ada", balance: 0})
        #5 ok({id: 3, owner: "bob", balance: 0})
        #7 ok(100)
        #8 ok
        @8 some(30)
        @8 err(insufficient-funds(70))
        @8 err(no-such-account(9))
    "##]]
    .assert_eq(&ended.stdout);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    check(
        &case,
        &["query", "--data", "data", "acme:bank", "balance(2)"],
        expect![[r#"
        exit 0
        --- stdout
        some(70)
        --- stderr
        @8
    "#]],
    );
}

#[test]
fn json_lines_carry_ids_results_and_errors() {
    let case = bank();
    let lines = [
        json!({"id": 1, "module": "acme:bank", "function": "transfer", "args": [2, 3, 30]}),
        json!({"id": "two", "module": "acme:bank", "function": "ledger.transfer",
               "args": {"source": 2, "target": 3, "amount": 1000}}),
        json!({"id": [3], "module": "acme:bank", "wave": "balance(3)", "query": true}),
        json!({"id": 4, "module": "acme:bank", "function": "transfer", "args": [2, 3]}),
        json!({"id": 5, "module": "acme:bnak", "function": "transfer", "args": []}),
        json!({"id": 6, "module": "acme:bank", "function": "transfer", "args": [2, 3, 1], "query": true}),
        json!({"id": 7, "module": "acme:bank"}),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let ended = case.run_with_input(&["run", "--data", "data", "--json"], &(input + "nonsense\n"));
    expect![[r#"
        {"id":1,"ok":null,"sequence":8}
        {"id":"two","err":{"insufficient-funds":70},"version":8}
        {"id":[3],"ok":30,"version":8}
        {"id":4,"error":{"code":"caller.bad-arguments","kind":"caller","message":"$: the argument `amount: u64` is missing (the function is `acme:bank/ledger.transfer: func(source: u64, target: u64, amount: u64)`)"}}
        {"id":5,"error":{"code":"caller.unknown-module","kind":"caller","message":"no module 'acme:bnak' is installed; installed: acme:bank@1.2.0"}}
        {"id":6,"error":{"code":"caller.wrong-kind","kind":"caller","message":"ledger.transfer of acme:bank@1.2.0 is a reducer, not a query: use `call`"}}
        {"id":7,"error":{"code":"caller.bad-line","kind":"caller","message":"a request has either `function` and `args`, or `wave`"}}
        {"id":null,"error":{"code":"caller.bad-line","kind":"caller","message":"the line is no request: expected ident at line 1 column 2"}}
    "#]].assert_eq(&ended.stdout);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn many_calls_are_in_flight_and_all_are_answered() {
    let case = bank();
    let number = 5_000;
    let input: String = (0..number)
        .map(|id| json!({"id": id, "module": "acme:bank", "wave": "deposit(3, 1)"}).to_string() + "\n")
        .collect();
    let ended = case.run_with_input(&["run", "--data", "data", "--json"], &input);
    let answers: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), number);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!((answer["id"].as_u64(), answer["ok"].as_u64()), (Some(id as u64), Some(id as u64 + 1)));
    }
    assert_eq!(total(&case).trim(), (number + 100).to_string());
}

#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let case = bank();
    let mut child = case.command(&["run", "--data", "data", "--json"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for expected in [101, 102, 103] {
        writeln!(input, "{}", json!({"module": "acme:bank", "wave": "deposit(2, 1)"})).unwrap();
        let answer: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["ok"], expected);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_was_answered_survives_sigkill() {
    let case = bank();
    let mut child = case.command(&["run", "--data", "data", "--json"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for _ in 0..1_000 {
        writeln!(input, "{}", json!({"module": "acme:bank", "wave": "deposit(2, 1)"})).unwrap();
    }
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let answered: Vec<Value> =
        (0..300).map(|_| serde_json::from_str(&output.next().unwrap().unwrap()).unwrap()).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let found = case.run(&["query", "--data", "data", "acme:bank", "balance(2)"]).stdout;
    let found: u64 = found.trim().trim_start_matches("some(").trim_end_matches(')').parse().unwrap();
    assert!(found >= answered.last().unwrap()["ok"].as_u64().unwrap(), "{found} after {:?}", answered.last());
}

#[test]
fn exit_codes_tell_who_was_wrong() {
    let case = bank();
    let before = total(&case);
    let call = |call: &str| case.run(&["call", "--data", "data", "acme:bank", call]);
    assert_eq!(call("transfer(2, 3, 1)").code, 0);
    assert_eq!(call("transfer(2, 3, 1000)").code, 1, "the module returns err");
    assert_eq!(call("transfer(2, 3)").code, 3);
    assert_eq!(call("transfer(2, 3, \"much\")").code, 3);
    assert_eq!(call("transfre(2, 3, 1)").code, 3);
    assert_eq!(call("balance(2)").code, 3, "a query is no call");
    assert_eq!(call("accrue()").code, 3, "the host alone calls it");
    assert_eq!(call("journal(2, 0, 9)").code, 3, "it is private");
    assert_eq!(case.run(&["call", "--data", "data"]).code, 2);
    assert_eq!(total(&case), before, "nothing of what failed is left");
}

#[test]
fn refusals_say_what_was_expected() {
    let case = bank();
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfer(2, 3)"],
        expect![[r#"
        exit 3
        --- stderr
        error: line 1, column 9: `transfer` takes 3 arguments, 2 are given (the function is `transfer: func(source: u64, target: u64, amount: u64)`)
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfer(2, 3, true)"],
        expect![[r#"
        exit 3
        --- stderr
        error: line 1, column 16: `amount`: expected `u64`, found a bool (the function is `transfer: func(source: u64, target: u64, amount: u64)`)
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfre(2, 3, 1)"],
        expect![[r#"
        exit 3
        --- stderr
        error: acme:bank@1.2.0 has no function 'transfre' that can be called; it has ledger.open-account, ledger.deposit, ledger.withdraw, ledger.transfer, ledger.balance, ledger.find, ledger.total
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "journal(2, 0, 9)"],
        expect![[r#"
        exit 3
        --- stderr
        error: audit.journal of acme:bank@1.2.0 is private and cannot be called from outside
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bnak", "transfer(2, 3, 1)"],
        expect![[r#"
        exit 3
        --- stderr
        error: no module 'acme:bnak' is installed; installed: acme:bank@1.2.0
    "#]],
    );
    check(
        &case,
        &["query", "--data", "data", "acme:bank", "transfer(2, 3, 1)"],
        expect![[r#"
        exit 3
        --- stderr
        error: ledger.transfer of acme:bank@1.2.0 is a reducer, not a query: use `call`
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfer", "[2, 3, -1]"],
        expect![[r#"
        exit 3
        --- stderr
        error: $[2]: `amount`: expected `u64`, a whole number from 0 to 18446744073709551615, found -1 (the function is `acme:bank/ledger.transfer: func(source: u64, target: u64, amount: u64)`)
    "#]],
    );
}

#[test]
fn a_missing_import_is_told_with_what_to_do() {
    let case = Case::new();
    let shop = component("shop");
    let ended = case.run(&["run", "--data", "data", shop.to_str().unwrap()]);
    assert_eq!(ended.code, 5);
    let shown = ended.stderr.replace(shop.to_str().unwrap(), "shop.wasm");
    expect![[r#"
        error: cannot install shop.wasm
          because: acme:shop@0.3.0 cannot be linked (present): table acme:bank/tables@1.2.0.{account}: wanted acme:bank@1.2.0, found no such module; install acme:bank first, or in the same command
    "#]].assert_eq(&shown);
    let log = case.run(&["log", "--data", "data"]);
    assert_eq!((log.code, log.stdout.as_str()), (0, ""), "{}", log.stderr);
}

#[test]
fn a_directory_without_a_database_is_not_filled() {
    let case = Case::new();
    std::fs::create_dir(case.path("empty")).unwrap();
    for command in ["call", "query", "log"] {
        let mut arguments = vec![command, "--data", "empty"];
        if command != "log" {
            arguments.extend(["acme:bank", "total()"]);
        }
        let ended = case.run(&arguments);
        assert_ne!(ended.code, 0);
        assert!(ended.stderr.contains("no database"), "{}", ended.stderr);
    }
    assert_eq!(case.run(&["log", "--data", "nowhere"]).code, 3);
    assert!(!case.path("nowhere").exists());
}

#[test]
fn a_held_directory_names_its_holder() {
    let case = bank();
    let mut child = case.command(&["run", "--data", "data", "--json"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", json!({"module": "acme:bank", "wave": "deposit(2, 1)"})).unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    for arguments in [
        vec!["call", "--data", "data", "acme:bank", "deposit(2, 1)"],
        vec!["run", "--data", "data"],
        vec!["log", "--data", "data"],
    ] {
        let ended: Ended = case.run(&arguments);
        assert_eq!(ended.code, 6, "{}", ended.stderr);
        assert!(ended.stderr.contains(&child.id().to_string()), "{}", ended.stderr);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(case.run(&["call", "--data", "data", "acme:bank", "deposit(2, 1)"]).code, 0);
}

#[test]
fn a_component_that_is_none_leaves_no_database_behind() {
    let case = Case::new();
    let ended = case.run(&["run", "--data", "data", "nowhere.wasm"]);
    assert_eq!(ended.code, 3);
    assert!(!case.path("data").exists());
    case.write("text.wasm", "this is text");
    assert_eq!(case.run(&["run", "--data", "data", "text.wasm"]).code, 5);
}

#[test]
fn a_forged_schema_is_refused() {
    let case = Case::new();
    let bank = std::fs::read(component("bank")).unwrap();
    let mut schema = interstice_wit::section::extract(&bank).unwrap();
    let ledger = schema.exports.iter_mut().find(|interface| interface.name.name == "ledger").unwrap();
    ledger.functions.iter_mut().find(|function| function.name == "balance").unwrap().result = None;
    let forged = interstice_wit::section::embed(&bank, &schema).unwrap();
    case.write("forged.wasm", forged);
    check(
        &case,
        &["check", "forged.wasm"],
        expect![[r#"
        exit 5
        --- stderr
        error: forged.wasm cannot be used
          because: the component contradicts its schema:
            the function `balance` of `acme:bank/ledger@1.2.0` differs: it returns a value in the binary
    "#]],
    );
    assert_eq!(case.run(&["run", "--data", "data", "forged.wasm"]).code, 5);
}

#[test]
fn the_log_tells_what_happened_in_words() {
    let case = bank();
    let shown = case.run(&["log", "--data", "data", "--rows"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    // Timestamps, days and digests differ from run to run.
    let lines = shown.stdout.lines().map(|line| {
        let words = line.split(' ').map(|word| match word {
            word if word.len() == 27 && word.ends_with('Z') => "TIME",
            word if word.len() == 66 && word.starts_with('(') => "(DIGEST)",
            word if word.len() == 6 && word.ends_with(',') && word[..5].parse::<u32>().is_ok() => "DAY,",
            word => word,
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    expect![[r#"
        the log:
               1  TIME  acme:bank installed 1.2.0 (DIGEST)  1 row; owes acme:bank/automation.opened of insert tables.account
                  + acme:bank/tables.account {id: 1, owner: "acme bank", balance: 0}
               2  TIME  acme:bank delivery of #1.0: automation.opened({id: 1, owner: "acme bank", balance: 0}) -> ok  1 row
                  + acme:bank/tables.entry {id: 1, account: 1, day: DAY, event: opened, amount: 0}
               3  TIME  acme:bank ledger.open-account("ada") -> ok({id: 2, owner: "ada", balance: 0})  1 row; owes acme:bank/automation.opened of insert tables.account; by client local
                  + acme:bank/tables.account {id: 2, owner: "ada", balance: 0}
               4  TIME  acme:bank delivery of #3.0: automation.opened({id: 2, owner: "ada", balance: 0}) -> ok  1 row
                  + acme:bank/tables.entry {id: 2, account: 2, day: DAY, event: opened, amount: 0}
               5  TIME  acme:bank ledger.open-account("bob") -> ok({id: 3, owner: "bob", balance: 0})  1 row; owes acme:bank/automation.opened of insert tables.account; by client local
                  + acme:bank/tables.account {id: 3, owner: "bob", balance: 0}
               6  TIME  acme:bank delivery of #5.0: automation.opened({id: 3, owner: "bob", balance: 0}) -> ok  1 row
                  + acme:bank/tables.entry {id: 3, account: 3, day: DAY, event: opened, amount: 0}
               7  TIME  acme:bank ledger.deposit(2, 100) -> ok(100)  2 rows; by client local
                  ~ acme:bank/tables.account {id: 2, owner: "ada", balance: 100}
                  + acme:bank/tables.entry {id: 4, account: 2, day: DAY, event: deposited, amount: 100}
    "#]].assert_eq(&format!("the log:\n{}", lines.collect::<String>()));
}

#[test]
fn the_log_as_json_has_every_record_once() {
    let case = bank();
    let shown = case.run(&["log", "--data", "data", "--json"]);
    let records: Vec<Value> = shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequences: Vec<u64> = records.iter().map(|record| record["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=records.len() as u64).collect::<Vec<_>>());
    let deposit = records.iter().find(|record| record["function"] == "ledger.deposit").unwrap();
    assert_eq!(deposit["arguments"], json!({"id": 2, "amount": 100}));
    assert_eq!(deposit["outcome"], json!({"ok": 100}));
    let last = case.run(&["log", "--data", "data", "--json", "--last", "1"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap(), records[records.len() - 1]);
}
