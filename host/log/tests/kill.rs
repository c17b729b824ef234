//! A real process on a real disk, killed while it writes: what it said to be durable is found again.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::{LogOptions, Sequence, os};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Cast, append, assert_in_order, open};

const DIRECTORY: &str = "INTERSTICE_KILL_TEST_DIRECTORY";
const OPTIONS: LogOptions = LogOptions { segment_bytes: 64 << 10, ..LogOptions::DEFAULT };

/// The process that is killed: it appends for ever, and says what is durable.
#[test]
#[ignore = "appends until it is killed: `cargo test --release -p interstice-log --test kill` starts it in a process of its own"]
fn victim() {
    let directory = std::env::var(DIRECTORY).unwrap();
    let doors = os::doors(Path::new(&directory)).unwrap();
    let (log, ..) = open(&doors, OPTIONS).unwrap();
    let cast = Cast::define(&log);
    loop {
        for _ in 0..7 {
            append(&log, cast).unwrap();
        }
        let last = log.next_sequence().previous();
        log.wait_durable(last).unwrap();
        println!("durable {last}");
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_said_to_be_durable() {
    let directory = tempfile::tempdir().unwrap();
    let mut promised = 0;
    for round in 0..8_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut durable = lines.by_ref().filter_map(|line| line.ok()?.strip_prefix("durable ")?.parse().ok());
        promised = durable.nth(round * 13).unwrap();
        child.kill().unwrap();
        // Lines that were already on their way were said as well.
        promised = durable.last().unwrap_or(promised);
        child.wait().unwrap();
        let doors = os::doors(directory.path()).unwrap();
        let (log, records, report) = open(&doors, OPTIONS).unwrap();
        assert!(report.last >= Sequence(promised), "{} of {promised}", report.last);
        assert_in_order(&records);
        drop(log);
    }
    assert!(promised > 100);
}
