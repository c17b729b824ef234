//! `log verify` and `log repair`: damage is told with its place, and given up only when asked.

#![allow(clippy::unwrap_used)]

mod support;

use interstice_node::log::doors::LockKind;
use interstice_node::log::{DirectoryLock, os};
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::{Case, bank_with, root};

/// A database of the bank, closed, with a few records.
fn bank() -> Case {
    let case = Case::new();
    let bank = root().join("examples/bank");
    let built = case.run(&["build", bank.to_str().unwrap(), "--locked", "--output", "bank.wasm"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    // What shares a batch with damage is lost with it, so the first account has a batch of its own.
    for owners in [0..1, 1..20] {
        let lines: String = owners.map(|n| format!("acme:bank open-account(\"owner {n}\")\n")).collect();
        let ended = case.run_with_input(&["run", "--data", "data", "bank.wasm"], &lines);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    case
}

fn segment(case: &Case) -> PathBuf {
    let mut names: Vec<_> =
        std::fs::read_dir(case.path("data/log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    assert_eq!(names.len(), 1);
    names.remove(0)
}

/// Flips a bit of the last record's text.
fn damage(case: &Case) {
    let path = segment(case);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).rposition(|window| window == b"owner 19").unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_log_is_called_so_and_needs_no_repair() {
    let case = bank();
    let verified = case.run(&["log", "verify", "--data", "data"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert!(verified.stdout.starts_with("sound: "), "{}", verified.stdout);
    let repaired = case.run(&["log", "repair", "--data", "data", "--yes"]);
    assert_eq!(
        (repaired.code, repaired.stdout.as_str()),
        (0, "nothing is to be repaired: the log opens as it is\n")
    );
}

/// Takes the only component of a database away; returns where it was, and what.
fn take_component(case: &Case) -> (PathBuf, Vec<u8>) {
    let artifacts = case.path("data/artifacts");
    let artifact = std::fs::read_dir(artifacts).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&artifact).unwrap();
    std::fs::remove_file(&artifact).unwrap();
    (artifact, bytes)
}

/// A log that reads from its first record to its last is not yet a database that opens.
#[test]
fn a_repair_says_what_else_a_database_lacks_whose_log_is_whole() {
    let case = bank();
    let (artifact, bytes) = take_component(&case);
    let repaired = case.run(&["log", "repair", "--data", "data", "--yes"]);
    assert_eq!(repaired.code, 6, "{}", repaired.stdout);
    let name = artifact.file_name().unwrap().to_str().unwrap();
    let lines: Vec<&str> = repaired.stdout.lines().collect();
    assert!(lines[0].starts_with("damage: ") && lines[0].contains(name), "{lines:?}");
    assert!(lines[lines.len() - 1].starts_with("every record is there"), "{lines:?}");
    std::fs::write(&artifact, bytes).unwrap();
    assert_eq!(case.run(&["log", "repair", "--data", "data"]).code, 0);
    // How long the log is kept is read at each opening.
    case.write("data/KEEP-LOG", "garbage");
    let repaired = case.run(&["log", "repair", "--data", "data"]);
    assert_eq!(repaired.code, 6, "{}", repaired.stdout);
    assert!(repaired.stdout.contains("KEEP-LOG holds no `all`, `none` or days"), "{}", repaired.stdout);
    assert_eq!(case.run(&["log", "verify", "--data", "data"]).code, 6);
    // Copies were made of it without a word, and did not open.
    let copied = [&["backup", "--data", "data", "--to", "copy"][..], &["restore", "copy", "--data", "again"]];
    for (arguments, copy) in copied.iter().zip(["copy", "again"]) {
        let told = case.run(arguments);
        assert_eq!(told.code, 0, "{}", told.stderr);
        let note = format!("note: {copy}/KEEP-LOG holds no `all`, `none` or days");
        assert!(told.stderr.contains(&note), "{}", told.stderr);
    }
}

/// It said "repaired" with exit code 0, and the database did not open.
#[test]
fn a_repair_says_what_a_database_lacks_once_its_log_is_repaired() {
    let case = bank();
    let (artifact, bytes) = take_component(&case);
    damage(&case);
    let name = artifact.file_name().unwrap().to_str().unwrap();
    // Whoever decides between a repair and a backup is told before.
    let planned = case.run(&["log", "repair", "--data", "data"]);
    assert_eq!(planned.code, 1, "{}", planned.stderr);
    let told: Vec<&str> = planned.stdout.lines().filter(|line| line.contains(name)).collect();
    assert!(matches!(told[..], [line] if line.starts_with("no repair makes anew: damage: ")), "{told:?}");
    let repaired = case.run(&["log", "repair", "--data", "data", "--yes"]);
    assert_eq!(repaired.code, 6, "{}", repaired.stdout);
    assert!(repaired.stdout.contains("repaired; the database goes on"), "{}", repaired.stdout);
    let lines: Vec<&str> = repaired.stderr.lines().collect();
    assert!(lines[0].starts_with("error: the log is repaired, but other files are damaged"), "{lines:?}");
    let is_named = |line: &&str| line.starts_with("  caused by: damage: ") && line.contains(name);
    assert!(lines.iter().any(is_named), "{lines:?}");
    std::fs::write(&artifact, bytes).unwrap();
    assert_eq!(case.run(&["call", "--data", "data", "acme:bank", "deposit(2, 1)"]).code, 0);
}

#[test]
fn damage_is_told_with_its_place_and_given_up_only_when_asked() {
    let case = bank();
    let before = case.run(&["query", "--data", "data", "acme:bank", "find(\"owner 0\")"]).stdout;
    damage(&case);
    let refused = case.run(&["query", "--data", "data", "acme:bank", "find(\"owner 0\")"]);
    assert_eq!(refused.code, 6);
    assert!(refused.stderr.contains("interstice log repair"), "{}", refused.stderr);

    let verified = case.run(&["log", "verify", "--data", "data", "--json"]);
    assert_eq!(verified.code, 6);
    let report: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(report["sound"], false);
    let finding = &report["findings"][0];
    assert_eq!(finding["gravity"], "damage");
    assert!(finding["path"].as_str().unwrap().ends_with("00000000000000000001.log"), "{finding}");
    assert!(finding["offset"].as_u64().unwrap() > 512, "{finding}");

    let bytes = std::fs::read(segment(&case)).unwrap();
    let planned = case.run(&["log", "repair", "--data", "data"]);
    assert_eq!(planned.code, 1, "{}", planned.stderr);
    assert!(planned.stdout.contains("given up: "), "{}", planned.stdout);
    assert!(planned.stdout.ends_with("nothing was changed; `--yes` repairs\n"), "{}", planned.stdout);
    assert_eq!(std::fs::read(segment(&case)).unwrap(), bytes);

    // It said so of the file, too, which `--yes` changes.
    assert_eq!(planned.stdout.matches("nothing was changed").count(), 1, "{}", planned.stdout);
    assert!(!planned.stdout.contains("log repair"), "{}", planned.stdout);

    // A plan only reads, beside others who read and where nobody can write.
    let doors = os::doors_to_existing(&case.path("data")).unwrap();
    let reader = DirectoryLock::take(doors.disk.as_ref(), LockKind::Shared).unwrap();
    assert_eq!(case.run(&["log", "repair", "--data", "data"]).stdout, planned.stdout);
    let refused = case.run(&["log", "repair", "--data", "data", "--yes"]);
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("is held by a process that reads it"), "{}", refused.stderr);
    drop(reader);

    let repaired = case.run(&["log", "repair", "--data", "data", "--yes"]);
    assert_eq!(repaired.code, 0, "{}", repaired.stderr);
    assert!(repaired.stdout.contains("kept aside: "), "{}", repaired.stdout);
    let after = case.run(&["query", "--data", "data", "acme:bank", "find(\"owner 0\")"]);
    assert_eq!((after.code, after.stdout), (0, before), "{}", after.stderr);
    assert_eq!(case.run(&["query", "--data", "data", "acme:bank", "find(\"owner 19\")"]).stdout, "none\n");
    assert_eq!(case.run(&["log", "verify", "--data", "data"]).code, 0);
    assert_eq!(case.run(&["call", "--data", "data", "acme:bank", "open-account(\"anew\")"]).code, 0);
}

#[test]
fn damage_before_a_snapshot_costs_no_transaction() {
    // A repair cut the log at its first damage, although a snapshot held the state of a later record.
    let case = bank();
    let taken = case.run(&["snapshot", "--data", "data", "--json"]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    let snapshot: Value = serde_json::from_str(&taken.stdout).unwrap();
    damage(&case);
    let planned = case.run(&["log", "repair", "--data", "data"]);
    assert_eq!(planned.code, 1, "{}", planned.stderr);
    assert!(planned.stdout.contains("no transaction is known to be given up"), "{}", planned.stdout);
    let history = format!("the history up to record {} cannot be read any more", snapshot["sequence"]);
    assert!(planned.stdout.contains(&history), "{}", planned.stdout);
    assert_eq!(case.run(&["log", "repair", "--data", "data", "--yes"]).code, 0);
    let last = case.run(&["query", "--data", "data", "acme:bank", "find(\"owner 19\")"]);
    assert!(last.code == 0 && last.stdout.starts_with("some("), "{}{}", last.stdout, last.stderr);
    assert_eq!(case.run(&["call", "--data", "data", "acme:bank", "open-account(\"anew\")"]).code, 0);
}

#[test]
fn a_damaged_snapshot_of_what_is_given_up_is_moved_aside() {
    let case = bank();
    let taken = case.run(&["snapshot", "--data", "data", "--json"]);
    let snapshot: Value = serde_json::from_str(&taken.stdout).unwrap();
    let head = snapshot["files"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    let path = case.path("data").join(&head);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    damage(&case);
    let planned = case.run(&["log", "repair", "--data", "data"]);
    let text = format!("the snapshot up to record {} is of the part that is given up", snapshot["sequence"]);
    assert!(planned.stdout.contains(&text), "{}", planned.stdout);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "a plan changes nothing");
    assert_eq!(case.run(&["log", "repair", "--data", "data", "--yes"]).code, 0);
    assert!(!path.exists());
    let aside = case.path("data/log/aside").join(format!("{}.0", head.rsplit('/').next().unwrap()));
    assert_eq!(std::fs::read(aside).unwrap(), bytes);
}

/// A snapshot that the log does not go on from any more made every look at the past fail, as if the database did not
/// open.
#[test]
fn after_a_repair_the_past_begins_with_the_snapshot_that_is_left() {
    let case = bank_with(&["--segment-bytes", "16384"]);
    let always = ["--data", "data", "--segment-bytes", "16384", "--keep-log", "all"];
    let deposits = || {
        let lines = "acme:bank deposit(2, 1)\n".repeat(900);
        assert_eq!(case.run_with_input(&[&["run"], &always[..]].concat(), &lines).code, 0);
    };
    let snapshot = || {
        let taken = case.run(&[&["snapshot", "--json"], &always[..]].concat());
        let taken: Value = serde_json::from_str(&taken.stdout).unwrap();
        taken["sequence"].as_u64().unwrap()
    };
    deposits();
    let before = snapshot();
    deposits();
    let kept = snapshot();
    deposits();
    // The last segment that is wholly between the two.
    let first_of = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let logs = ["data/log", "data/archive"].map(|folder| std::fs::read_dir(case.path(folder)));
    let files = logs.into_iter().flatten().flatten().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    segments.sort_by_key(|path| first_of(path));
    let between = segments.iter().rev().find(|path| first_of(path) < kept - 300).unwrap();
    assert!(first_of(between) > before);
    let mut bytes = std::fs::read(between).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(between, bytes).unwrap();
    assert_eq!(case.run(&["log", "repair", "--data", "data", "--yes"]).code, 0);
    let again = case.run(&["replay", "--verify", "--data", "data"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.starts_with(&format!("records {} to ", kept + 1)), "{}", again.stdout);
    for moment in [1, before, before + 50] {
        let state = case.run(&["state", "--data", "data", "--at", &moment.to_string()]);
        assert_eq!(state.code, 3, "{}", state.stderr);
        assert!(state.stderr.contains(&format!("record {kept}")), "{}", state.stderr);
    }
    assert_eq!(case.run(&["state", "--data", "data", "--at", &kept.to_string()]).code, 0);
    // A range without a record is no check that passed.
    for range in [&["--from", "5000"][..], &["--from", "2000", "--to", "1999"][..]] {
        let none = case.run(&[&["replay", "--verify", "--data", "data"], range].concat());
        assert_eq!(none.code, 3, "{}{}", none.stdout, none.stderr);
    }
}

#[test]
fn the_subcommands_of_log_need_a_data_directory_of_their_own() {
    let case = Case::new();
    assert_eq!(case.run(&["log"]).code, 2);
    assert_eq!(case.run(&["log", "verify"]).code, 2);
    let refused = case.run(&["log", "verify", "--data", "nowhere"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
}

/// A plan without a manifest was half of one, and ended with the advice to see what a repair would do.
#[test]
fn a_lost_manifest_is_told_and_mended_like_a_damaged_one() {
    let case = bank();
    std::fs::remove_file(case.path("data/MANIFEST")).unwrap();
    let (artifact, bytes) = take_component(&case);
    let verified = case.run(&["log", "verify", "--data", "data"]);
    assert_eq!(verified.code, 6, "{}", verified.stderr);
    assert!(verified.stdout.contains("MANIFEST is missing, but "), "{}", verified.stdout);
    assert!(verified.stdout.contains("nothing else of the log was looked at"), "{}", verified.stdout);
    std::fs::write(&artifact, bytes).unwrap();
    let plan = case.run(&["log", "repair", "--data", "data"]);
    assert_eq!((plan.code, plan.stderr.as_str()), (1, ""), "{}", plan.stdout);
    assert!(plan.stdout.contains("no transaction is known to be given up"), "{}", plan.stdout);
    assert!(plan.stdout.ends_with("nothing was changed; `--yes` repairs\n"), "{}", plan.stdout);
    assert_eq!(case.run(&["log", "repair", "--data", "data", "--yes"]).code, 0);
    assert_eq!(case.run(&["log", "verify", "--data", "data"]).code, 0);

    // Where there is nothing to go on from, that is all that is said.
    std::fs::remove_file(case.path("data/MANIFEST")).unwrap();
    for entry in std::fs::read_dir(case.path("data/log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            std::fs::write(path, vec![0; 4096]).unwrap();
        }
    }
    let lost = case.run(&["log", "repair", "--data", "data", "--yes"]);
    assert_eq!(lost.code, 6, "{}", lost.stdout);
    assert!(lost.stderr.contains("nothing to go on from; restore a backup"), "{}", lost.stderr);
    assert!(!lost.stderr.contains("interstice log repair"), "{}", lost.stderr);
}

/// It left a lock there, and a copy into that folder was refused afterwards.
#[test]
fn a_repair_makes_nothing_in_a_folder_that_holds_no_database() {
    let case = Case::new();
    std::fs::create_dir(case.path("empty")).unwrap();
    for yes in [&[][..], &["--yes"]] {
        let refused = case.run(&[&["log", "repair", "--data", "empty"], yes].concat());
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains("holds no database"), "{}", refused.stderr);
        assert_eq!(std::fs::read_dir(case.path("empty")).unwrap().count(), 0);
    }
}
