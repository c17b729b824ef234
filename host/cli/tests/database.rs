//! `run`, `call`, `query` and `log` on a real data directory.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::expect;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use support::{Case, Ended, bank, bank_with, check, component};

fn total(case: &Case) -> String {
    case.run(&["query", "--data", "data", "acme:bank", "total()"]).stdout
}

#[test]
fn lines_are_answered_in_their_order_and_found_again() {
    let case = Case::new();
    let bank = component("examples/bank");
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
        {"id":4,"error":{"code":"caller.bad-arguments","kind":"caller","message":"the argument `amount: u64` is missing (the function is `acme:bank/ledger.transfer: func(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64), too-much(u64) }>`)"}}
        {"id":5,"error":{"code":"caller.unknown-module","kind":"caller","message":"no module `acme:bnak` is installed (did you mean `acme:bank`?); installed: acme:bank@1.2.0"}}
        {"id":6,"error":{"code":"caller.wrong-kind","kind":"caller","message":"ledger.transfer of acme:bank@1.2.0 is a reducer, not a query: use `call`"}}
        {"id":7,"error":{"code":"caller.bad-line","kind":"caller","message":"a request has either `function` and `args`, or `wave`"}}
        {"id":null,"error":{"code":"caller.bad-line","kind":"caller","message":"the line is not a request: expected a JSON object"}}
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

/// A query from a pipe was asked when its answer was due, at the newest version, and so saw the calls of later
/// lines now and then.
#[test]
fn a_query_sees_the_lines_before_it_and_none_behind() {
    let case = bank();
    let mut input = String::new();
    let mut expected = Vec::new();
    for number in 1..=50 {
        input.push_str("acme:bank deposit(2, 1)\nquery acme:bank balance(2)\n");
        expected.push(format!("some({})", 100 + number));
    }
    let ended = case.run_with_input(&["run", "--data", "data"], &input);
    let seen: Vec<&str> = ended
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix('@')?.split_once(' '))
        .map(|(_, seen)| seen)
        .collect();
    assert_eq!(seen, expected, "{}", ended.stderr);
}

#[test]
fn the_log_shows_what_is_asked_for_and_refuses_names_that_never_were() {
    let case = bank();
    let sequences = |options: &[&str]| -> Vec<u64> {
        let shown = case.run(&[&["log", "--data", "data", "--json"], options].concat());
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        let records = shown.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.map(|record| record["sequence"].as_u64().unwrap()).collect()
    };
    assert_eq!(sequences(&["--table", "entry"]), [2, 4, 6, 7]);
    assert_eq!(sequences(&["--table", "acme:bank/tables.account"]), [1, 3, 5, 7]);
    assert_eq!(sequences(&["--table", "tables.account", "--from", "2", "--to", "5"]), [3, 5]);
    assert_eq!(sequences(&["--function", "open-account"]), [3, 5]);
    assert_eq!(sequences(&["--function", "automation.opened", "--last", "1"]), [6]);
    assert_eq!(sequences(&["--module", "acme:bank@1.2.0", "--table", "entry", "--limit", "2"]), [2, 4]);
    assert_eq!(sequences(&["--since", "1h", "--to", "2"]), [1, 2]);
    assert_eq!(sequences(&["--until", "1h"]), Vec::<u64>::new());
    assert_eq!(sequences(&["--since", "2001-02-03", "--until", "2001-02-03T04:05:06Z"]), Vec::<u64>::new());
    assert_eq!(sequences(&["--from", "8"]), Vec::<u64>::new());

    for (options, code, expected) in [
        (["--table", "acount"], 3, "no installed module ever had a table `acount`; did you mean `account`?"),
        (["--function", "transfre"], 3, "no installed module ever had a function `transfre`; did you mean"),
        (
            ["--module", "acme:bnak"],
            3,
            "no module `acme:bnak` was ever installed; installed: acme:bank@1.2.0",
        ),
        (["--module", "acme:bank@2.0.0"], 3, "no module `acme:bank@2.0.0` was ever installed"),
        (["--from", "9"], 3, "there is no record 9: the last one is 7"),
        (["--since", "yesterday"], 2, "expected a moment, such as 2026-03-01T12:30:00Z"),
    ] {
        let refused = case.run(&[&["log", "--data", "data"], &options[..]].concat());
        assert_eq!(refused.code, code, "{options:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{options:?}: {}", refused.stderr);
    }
}

/// How long the log is kept was read before the lock was taken: a command that said `--keep-log all` could end in
/// between, and what came after gave up what it was to keep.
#[test]
fn how_long_the_log_is_kept_is_read_under_the_lock() {
    let case = bank_with(&[]);
    let path = case.path("data/KEEP-LOG");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let arguments = ["call", "--data", "data", "acme:bank", "deposit(2, 1)"];
    let mut child = case.command(&arguments).spawn().unwrap();
    // A pipe can be opened for writing without waiting once somebody reads it.
    let mut pipe = loop {
        match std::fs::OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(&path) {
            Ok(pipe) => break pipe,
            Err(_) => assert!(child.try_wait().unwrap().is_none(), "the file was not read"),
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    let beside = case.run(&["log", "--data", "data"]);
    pipe.write_all(b"all\n").unwrap();
    drop(pipe);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(beside.code, 6, "{}", beside.stdout);
    assert!(beside.stderr.contains("is held by process"), "{}", beside.stderr);
}

/// The record that installed a module may be given up with the beginning of the log; names were refused then
/// as if the module had never been.
#[test]
fn names_are_taken_whole_where_the_installation_is_not_in_the_log_any_more() {
    let small = ["--segment-bytes", "16384", "--keep-log", "none"];
    let case = bank_with(&small);
    let options = [&["--data", "data"], &small[..]].concat();
    let components = || -> std::collections::BTreeSet<_> {
        std::fs::read_dir(case.path("data/artifacts")).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let banks = components();
    let shop = component("examples/shop");
    assert_eq!(case.run(&[&["install"], &options[..], &[shop.to_str().unwrap()]].concat()).code, 0);
    let shops = components().difference(&banks).next().unwrap().clone();
    let calls = "acme:bank deposit(2, 1)\n".repeat(400);
    let first = || {
        let shown = case.run(&["log", "--data", "data", "--json", "--limit", "1"]).stdout;
        serde_json::from_str::<Value>(shown.lines().next().unwrap()).unwrap()["sequence"].as_u64().unwrap()
    };
    for _ in 0..20 {
        let ended = case.run_with_input(&[&["run"], &options[..]].concat(), &calls);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(case.run(&[&["snapshot"], &options[..]].concat()).code, 0);
        if first() > 1 {
            break;
        }
    }
    assert!(first() > 1, "the log never gave up its beginning");
    for (filter, name) in
        [("--module", "acme:bank"), ("--table", "acme:bank/tables.account"), ("--function", "ledger.deposit")]
    {
        let shown = case.run(&["log", "--data", "data", filter, name, "--limit", "2"]);
        assert_eq!((shown.code, shown.stdout.lines().count()), (0, 2), "{filter}: {}", shown.stderr);
    }
    // Arguments and rows were shown as bytes, since the log no longer says what they mean. A snapshot does.
    let shown = case.run(&["log", "--data", "data", "--limit", "3", "--rows"]);
    assert!(shown.stdout.contains("deposit(2, 1)"), "{}", shown.stdout);
    assert!(shown.stdout.contains("owner: \"ada\""), "{}", shown.stdout);
    assert!(!shown.stdout.contains("0x"), "{}", shown.stdout);
    let refused = case.run(&["log", "--data", "data", "--table", "account"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("write the whole name of the table"), "{}", refused.stderr);
    // What was said of the log is remembered, and is not said again here.
    let remembered = std::fs::read_to_string(case.path("data/KEEP-LOG")).unwrap();
    assert_eq!(remembered, "none\n");
    let last = case.run(&["query", "--data", "data", "acme:bank", "balance(2)"]).stdout;
    assert!(last.starts_with("some("), "{last}");

    // Nor by a copy, which gave up after a week what the original was told to keep.
    assert_eq!(case.run(&["backup", "--data", "data", "--to", "kept"]).code, 0);
    assert_eq!(case.run(&["restore", "kept", "--data", "again"]).code, 0);
    assert_eq!(std::fs::read_to_string(case.path("again/KEEP-LOG")).unwrap(), "none\n");
    let early = case.run(&["log", "--data", "data", "--from", "1", "--to", "1"]);
    assert_eq!((early.code, early.stdout.as_str()), (0, ""));
    let begins = format!("note: the log begins with record {};", first());
    assert!(early.stderr.contains(&begins), "{}", early.stderr);
    let late = case.run(&["log", "--data", "data", "--from", &first().to_string()]);
    assert!(late.code == 0 && !late.stderr.contains("note:"), "{}", late.stderr);
    // It used to ask for a snapshot that would not have helped.
    let too_early = case.run(&["state", "--data", "data", "--at", "1"]);
    assert_eq!(too_early.code, 3, "{}", too_early.stderr);
    let oldest =
        too_early.stderr.split("the oldest is of record ").nth(1).and_then(|rest| rest.split(':').next());
    assert_eq!(case.run(&["state", "--data", "data", "--at", oldest.unwrap()]).code, 0);

    // A row of another module's table is shown by the schema that the table had then, or as bytes: the snapshot's was
    // taken for that of all records, also where the module was another one since.
    for call in ["stock({sku: \"tea\", name: \"Tea\", price: 5, stock: 9})", "place(2, \"tea\", 1)"] {
        let called = case.run(&[&["call"], &options[..], &["acme:shop", call]].concat());
        assert_eq!(called.code, 0, "{} {}", called.stdout, called.stderr);
    }
    let ordered =
        || case.run(&["log", "--data", "data", "--module", "acme:shop", "--last", "1", "--rows"]).stdout;
    assert!(ordered().contains("owner: \"ada\"") && !ordered().contains("0x"), "{}", ordered());
    let newer = component("examples/bank-1.3");
    assert_eq!(case.run(&[&["upgrade"], &options[..], &[newer.to_str().unwrap()]].concat()).code, 0);
    assert_eq!(case.run(&[&["snapshot"], &options[..]].concat()).code, 0);
    assert!(ordered().contains("acme:bank/tables.account 0x"), "{}", ordered());
    assert!(
        ordered().contains("tea"),
        "its own rows are those of the component in the record: {}",
        ordered()
    );

    // Without its snapshots such a database has no beginning, and its log was called sound. So it was without a
    // component that only they name.
    let verify = || case.run(&["log", "verify", "--data", "data"]);
    assert_eq!(verify().code, 0, "{}", verify().stdout);
    let bytes = std::fs::read(&shops).unwrap();
    std::fs::remove_file(&shops).unwrap();
    let name = shops.file_name().unwrap().to_str().unwrap();
    assert!(verify().code == 6 && verify().stdout.contains(name), "{}", verify().stdout);
    let backup = case.run(&["backup", "--data", "data", "--to", "copy"]);
    assert!(backup.code == 6 && backup.stderr.contains(name), "{}", backup.stderr);
    std::fs::write(&shops, bytes).unwrap();
    let heads = || std::fs::read_dir(case.path("data/snapshots")).unwrap().map(|entry| entry.unwrap().path());
    let heads: Vec<_> =
        heads().filter(|path| path.extension().is_some_and(|name| name == "snapshot")).collect();
    for (number, head) in heads.iter().enumerate() {
        let mut bytes = std::fs::read(head).unwrap();
        bytes[600] ^= 1;
        std::fs::write(head, bytes).unwrap();
        let (verified, is_last) = (verify(), number + 1 == heads.len());
        assert_eq!(verified.code != 0, is_last, "{}", verified.stdout);
        assert!(verified.stdout.contains(head.file_name().unwrap().to_str().unwrap()), "{}", verified.stdout);
        assert_eq!(verified.stdout.contains("there is no whole snapshot to begin with"), is_last);
    }
    assert_eq!(case.run(&["query", "--data", "data", "acme:bank", "balance(2)"]).code, 6);
}
