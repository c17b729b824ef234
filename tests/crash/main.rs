//! Every system call: the real command, on a real disk, in which one call on a file of the data directory
//! kills the process or fails; then the database is opened, and must hold what callers were told.
//! See docs/recovery.md, "The campaigns", for how to make it long and how to repeat one run of it.
#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod aftermath;
mod calls;
mod campaign;
mod ending;
mod fault;
mod history;
mod prepared;
mod script;
mod session;
mod tracer;
mod workloads;

use calls::SystemCall;
use campaign::Campaign;
use fault::{Fault, Target};
use prepared::Prepared;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use workloads::{WORKLOADS, Workload};

#[test]
fn acknowledged_transactions_survive_a_fault_at_any_system_call() {
    if !can_trace() {
        return;
    }
    let only = std::env::var("INTERSTICE_CRASH").ok();
    if let Some(target) = only.as_ref().filter(|only| only.contains(':')) {
        return repeat(&target.parse().unwrap());
    }
    let workloads = match &only {
        Some(name) => std::slice::from_ref(workload(name)),
        None => &WORKLOADS,
    };
    let is_long = std::env::var_os("INTERSTICE_CRASH_LONG").is_some();
    let seed = std::env::var("INTERSTICE_SEED").map_or(0, |seed| seed.parse().unwrap());
    let failures = Campaign::new(workloads, modules(), is_long, seed).run();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Some containers forbid ptrace.
fn can_trace() -> bool {
    let refusal = tracer::try_out().err();
    if let Some(refusal) = refusal {
        println!("skipped: this machine lets no process trace another (ptrace: {refusal})");
    }
    refusal.is_none()
}

fn workload(name: &str) -> &'static Workload {
    let found = WORKLOADS.iter().find(|workload| workload.name == name);
    found.unwrap_or_else(|| panic!("there is no workload {name:?}"))
}

fn repeat(target: &Target) {
    let outcome = Prepared::new(workload(&target.workload), modules()).run(Some(target.clone()));
    println!("{target}: the call was {}", if outcome.hit { "made" } else { "never made" });
    outcome.verdict.unwrap_or_else(|error| panic!("INTERSTICE_CRASH={target}: {error}"));
}

/// The folder with the components that the workloads install, each built once in a process.
fn modules() -> &'static Path {
    static MODULES: OnceLock<PathBuf> = OnceLock::new();
    MODULES.get_or_init(|| {
        let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash-modules");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for name in ["journal", "journal-2", "ticker"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_interstice"));
            command.args(["build", "--output"]).arg(output.join(name));
            let built = command.arg(root.join("tests/modules").join(name)).output().unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        }
        output
    })
}

/// A campaign whose faults never come would pass whatever the database does.
#[test]
fn a_fault_comes_at_the_call_that_was_named_and_only_there() {
    if !can_trace() {
        return;
    }
    let prepared = Prepared::new(workload("one-by-one"), modules());
    let whole = prepared.run(None).counts;
    for (call, count) in whole.into_iter().filter(|(call, _)| *call != SystemCall::Read) {
        for (number, is_made) in [(count.div_ceil(2), true), (count + 1_000, false)] {
            let target = Target { workload: "one-by-one".to_owned(), call, number, fault: Fault::Kill };
            let outcome = prepared.run(Some(target.clone()));
            assert_eq!(outcome.hit, is_made, "{target}");
            if is_made {
                // Another thread may stand before its own call when the process is killed.
                let beyond = outcome.counts[&call] - number;
                assert!(beyond <= 1, "{target}: {beyond} calls were made after the kill");
            }
            outcome.verdict.unwrap_or_else(|error| panic!("INTERSTICE_CRASH={target}: {error}"));
        }
    }
}

/// The doors of the operating system are no simulated disk: what a sync is there, only its calls show.
#[test]
fn nothing_is_answered_before_its_record_was_synced() {
    if !can_trace() {
        return;
    }
    let outcome = Prepared::new(workload("one-by-one"), modules()).run(None);
    outcome.verdict.unwrap();
    let syncs = outcome.log_syncs_at_output;
    assert!(syncs.len() >= 9, "{syncs:?}");
    // Each call waits for the answer to the one before, so each needs a sync of its own.
    for (answer, syncs) in (1..).zip(&syncs) {
        assert!(*syncs >= answer, "answer {answer} was given after {syncs} syncs of the log");
    }
    for call in [SystemCall::Fsync, SystemCall::Rename, SystemCall::Fallocate] {
        assert!(outcome.counts.get(&call).is_some_and(|count| *count > 0), "no {}", call.name());
    }
}

/// With `--memory` callers are told before the disk has anything: a campaign that expects more must fail.
#[test]
fn a_database_that_answers_too_early_is_noticed() {
    if !can_trace() {
        return;
    }
    let hasty = Workload { in_memory: false, ..*workload("memory") };
    let prepared = Prepared::new(&hasty, modules());
    let targets = prepared.targets().unwrap().into_iter();
    let mut kills = targets.filter(|target| target.call == SystemCall::Write && target.fault == Fault::Kill);
    let is_noticed = |error: String| error.contains("was acknowledged and is lost");
    assert!(kills.any(|target| prepared.run(Some(target)).verdict.is_err_and(is_noticed)));
}
