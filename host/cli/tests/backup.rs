//! `interstice backup` and `interstice restore`, with the real command: while a database is in use, whole, and
//! as of an earlier moment.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use support::{Case, bank};

fn json(case: &Case, arguments: &[&str]) -> Value {
    let ended = case.run(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn balance(case: &Case, data: &str) -> i64 {
    let ended = case.run(&["query", "--data", data, "acme:bank", "balance(2)"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout.trim().trim_start_matches("some(").trim_end_matches(')').parse().unwrap()
}

fn deposit(case: &Case, data: &str, amount: u64) -> u64 {
    let call = format!("deposit(2, {amount})");
    json(case, &["call", "--data", data, "--json", "acme:bank", &call])["sequence"].as_u64().unwrap()
}

/// The records that a log shows, as numbers.
fn records(case: &Case, data: &str) -> Vec<u64> {
    let ended = case.run(&["log", "--data", data, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let sequence = |line: &str| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().unwrap();
    ended.stdout.lines().map(sequence).collect()
}

/// `interstice run` on the data directory `data`, which it holds until its input ends.
struct Running {
    child: Child,
    input: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Running {
    fn open(case: &Case) -> Running {
        let mut child = case.command(&["run", "--data", "data", "--json"]).spawn().unwrap();
        let (input, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Running { child, input, answers }
    }

    /// Deposits one, and returns the record once it is durable.
    fn deposit(&mut self) -> u64 {
        writeln!(self.input, r#"{{"id": 1, "module": "acme:bank", "wave": "deposit(2, 1)"}}"#).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()["sequence"].as_u64().unwrap()
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_database_in_use_is_backed_up_and_restored() {
    let case = bank();
    let mut running = Running::open(&case);
    for round in 0..3 {
        let acknowledged = (0..20).map(|_| running.deposit()).last().unwrap();
        let folder = format!("backup-{round}");
        let backup = case.command(&["backup", "--data", "data", "--to", &folder, "--json"]).spawn().unwrap();
        // It goes on writing meanwhile.
        let later = (0..40).map(|_| running.deposit()).last().unwrap();
        let ended = backup.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let sequence = report["sequence"].as_u64().unwrap();
        assert!((acknowledged..=later).contains(&sequence), "{acknowledged} to {later}: {report}");

        let data = format!("restored-{round}");
        let restored = json(&case, &["restore", &folder, "--data", &data, "--json"]);
        assert_eq!(restored["sequence"], report["sequence"]);
        assert_eq!(restored["given_up"], Value::Null);
        assert_eq!(records(&case, &data), (1..=sequence).collect::<Vec<_>>());
        // Account 2 got 100 in the record before the first deposit of this test.
        let first = acknowledged - 19 - 60 * round;
        assert_eq!(balance(&case, &data), 100 + (sequence - first + 1) as i64);
        assert_eq!(deposit(&case, &data, 1000), sequence + 1);
    }
    running.end();
    let verified = case.run(&["log", "verify", "--data", "data"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
}

#[test]
fn a_database_is_restored_to_a_record_and_to_a_time() {
    let case = bank();
    let second = deposit(&case, "data", 10);
    assert_eq!(case.run(&["snapshot", "--data", "data"]).code, 0);
    let third = deposit(&case, "data", 5);
    assert_eq!(case.run(&["backup", "--data", "data", "--to", "kept/backup"]).code, 0);

    let told = case.run(&["restore", "kept/backup", "--data", "all"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.starts_with(&format!("restored up to record {third} of 20")), "{}", told.stdout);
    assert!(!told.stdout.contains("left out"), "{}", told.stdout);
    assert_eq!(balance(&case, "all"), 115);

    let until = (second - 1).to_string();
    let told = case.run(&["restore", "kept/backup", "--data", "before", "--until", &until]);
    let left_out = format!("\nleft out: 2 transactions, {second} to {third}, from 20");
    assert!(told.code == 0 && told.stdout.contains(&left_out), "{}{}", told.stdout, told.stderr);
    assert_eq!(balance(&case, "before"), 100);
    assert_eq!(records(&case, "before"), (1..second).collect::<Vec<_>>());
    assert_eq!(deposit(&case, "before", 1), second);

    // A database that nobody has open is as good as a backup.
    let at = json(&case, &["restore", "data", "--data", "at", "--until", &second.to_string(), "--json"]);
    assert_eq!((at["given_up"]["count"].as_u64(), at["sequence"].as_u64()), (Some(1), Some(second)));
    assert_eq!(at["snapshots"].as_array().unwrap().len(), 1);
    let time = at["time"].as_str().unwrap();
    let then = json(&case, &["restore", "data", "--data", "then", "--until", time, "--json"]);
    assert_eq!((&then["sequence"], &then["given_up"]), (&at["sequence"], &at["given_up"]));
    assert_ne!(then["timeline"], at["timeline"]);
    assert_eq!((balance(&case, "at"), balance(&case, "then")), (110, 110));
}

/// Starts the command, and kills it as soon as the folder is marked. Returns whether the marker is left.
fn kill_when_marked(case: &Case, arguments: &[&str], folder: &str) -> bool {
    let marker = case.path(folder).join("UNFINISHED-COPY");
    let mut child = case.command(arguments).spawn().unwrap();
    while !marker.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    marker.exists() && !case.path(folder).join("MANIFEST").exists()
}

#[test]
fn what_a_killed_backup_left_is_replaced_by_the_next_one() {
    // The folder had to be deleted by hand: it was not empty, and no backup.
    let case = bank();
    let last = deposit(&case, "data", 10);
    let backup = ["backup", "--data", "data", "--to", "b", "--json"];
    let restore = ["restore", "b", "--data", "new", "--json"];
    let mut killed = 0;
    for (arguments, folder) in [(&backup[..], "b"), (&restore[..], "new")] {
        let is_left = (0..100).any(|_| {
            let is_left = kill_when_marked(&case, arguments, folder);
            if !is_left {
                // It was faster than the signal.
                std::fs::remove_dir_all(case.path(folder)).unwrap();
            }
            is_left
        });
        assert!(is_left, "a hundred of {arguments:?} ended before they were killed");
        let refused = case.run(&["call", "--data", folder, "acme:bank", "deposit(2, 1)"]);
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains("not finished"), "{}", refused.stderr);
        case.write(&format!("{folder}/notes.txt"), "mine");
        let refused = case.run(arguments);
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains("notes.txt is there"), "{}", refused.stderr);
        std::fs::remove_file(case.path(folder).join("notes.txt")).unwrap();
        assert_eq!(json(&case, arguments)["sequence"].as_u64(), Some(last));
        let left = ["UNFINISHED-COPY", "LOCK"].map(|name| case.path(folder).join(name).exists());
        assert_eq!(left, [false, false]);
        killed += 1;
    }
    assert_eq!((killed, balance(&case, "new")), (2, 110));
}

#[test]
fn wrong_input_is_refused_and_leaves_nothing() {
    let case = bank();
    case.write("full/notes.txt", "mine");
    case.write("file", "mine");
    let check = |arguments: &[&str], code: i32, message: &str| {
        let ended = case.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(message), "{arguments:?}: {}", ended.stderr);
    };
    check(&["backup", "--data", "nowhere", "--to", "b"], 3, "cannot open nowhere");
    check(&["backup", "--data", "full", "--to", "b"], 3, "full holds no database");
    check(&["backup", "--data", "data", "--to", "full"], 3, "full is not empty");
    check(&["backup", "--data", "data", "--to", "data"], 3, "data is not empty");
    check(&["backup", "--data", "data", "--to", "file"], 3, "file is not a directory");
    check(&["restore", "nowhere", "--data", "new"], 3, "cannot open nowhere");
    check(&["restore", "data", "--data", "full"], 3, "full is not empty");
    check(&["restore", "data", "--data", "new", "--until", "soon"], 2, "expected the number of a record");
    check(
        &["restore", "data", "--data", "new", "--until", "999"],
        3,
        "there is no record 999 in data: the last",
    );
    check(&["restore", "data", "--data", "new", "--until", "1999-01-01"], 3, "nothing in data is as old");
    assert!(!case.path("b").exists() && !case.path("new").exists(), "nothing is made that is of no use");
    let mut running = Running::open(&case);
    running.deposit();
    check(&["restore", "data", "--data", "new"], 6, "is held by");
    running.end();
    assert_eq!(case.run(&["restore", "data", "--data", "new"]).code, 0);
}
