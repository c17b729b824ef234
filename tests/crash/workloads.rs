//! The workloads: what a database goes through while one of its system calls fails.
//! Each is a name, what was done before, and the processes whose calls are counted.

use crate::script::{End, Line, Step, announce, fail, idle, one_by_one, write, write_many};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// A workload.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Makes the database, with nothing going wrong.
    pub(crate) before: fn() -> Vec<Step>,
    /// What is done to its files then.
    pub(crate) damage: Option<fn(&Path)>,
    /// What one call fails of.
    pub(crate) steps: fn() -> Vec<Step>,
    /// From this number on entries that were there before may be given up.
    pub(crate) given_up_from: u64,
    /// Callers are told before a transaction is safe.
    pub(crate) in_memory: bool,
    /// The host calls something by itself, so that no two runs are the same.
    pub(crate) ticks: bool,
    /// What makes a copy of the database as it was before, and the folder in which that is.
    pub(crate) copy: Option<Copying>,
    /// Segments are moved to the archive, or what a snapshot left is removed, in the background, which several
    /// openings may take to end if they are short.
    pub(crate) in_background: bool,
}

/// A step that copies a database, and the name of the folder that it makes.
type Copying = (fn() -> Step, &'static str);

const USUAL: Workload = Workload {
    name: "",
    before: installed,
    damage: None,
    steps: Vec::new,
    given_up_from: u64::MAX,
    in_memory: false,
    ticks: false,
    copy: None,
    in_background: false,
};

/// All of them.
pub(crate) static WORKLOADS: [Workload; 18] = [
    Workload { name: "create", before: Vec::new, steps: || vec![Step::run(Vec::new())], ..USUAL },
    Workload { name: "install", before: || vec![Step::run(Vec::new())], steps: install, ..USUAL },
    Workload { name: "one-by-one", steps: singles, ..USUAL },
    Workload { name: "in-flight", steps: || vec![Step::run(writes(0..64, 20).collect())], ..USUAL },
    Workload { name: "large", steps: large, ..USUAL },
    Workload { name: "segments", steps: segments, ..USUAL },
    Workload { name: "trap", steps: traps, ..USUAL },
    Workload { name: "deliveries", steps: deliveries, ..USUAL },
    Workload { name: "schedule", before: installed_with_ticker, steps: schedule, ticks: true, ..USUAL },
    Workload { name: "restart", steps: restart, ..USUAL },
    Workload { name: "torn", before: one_batch, damage: Some(tear), steps: go_on, ..USUAL },
    Workload {
        name: "repair",
        before: two_parts,
        damage: Some(damage),
        steps: repair,
        given_up_from: 2_000,
        ..USUAL
    },
    Workload { name: "snapshot", before: one_batch, steps: snapshot, in_background: true, ..USUAL },
    Workload { name: "archive", before: one_batch, steps: archive, in_background: true, ..USUAL },
    Workload {
        name: "backup",
        before: with_a_snapshot,
        steps: backup,
        copy: Some((|| Step::Backup, "backup")),
        ..USUAL
    },
    Workload {
        name: "restore",
        before: backed_up,
        steps: || vec![Step::Restore],
        copy: Some((|| Step::Restore, "restored")),
        ..USUAL
    },
    Workload { name: "upgrade", before: one_batch, steps: upgrade, in_background: true, ..USUAL },
    Workload { name: "memory", steps: memory, in_memory: true, ..USUAL },
];

fn installed() -> Vec<Step> {
    vec![Step::Run { modules: &["journal"], options: &[], lines: Vec::new(), end: End::Closed }]
}

fn installed_with_ticker() -> Vec<Step> {
    vec![Step::Run { modules: &["journal", "ticker"], options: &[], lines: Vec::new(), end: End::Closed }]
}

fn writes(numbers: Range<u64>, length: u32) -> impl Iterator<Item = Line> {
    numbers.map(move |number| write(number, length))
}

fn install() -> Vec<Step> {
    let lines = one_by_one(writes(0..2, 10));
    vec![Step::Run { modules: &["journal"], options: &[], lines, end: End::Closed }]
}

fn singles() -> Vec<Step> {
    let mut lines = one_by_one(writes(0..6, 10));
    lines.push(idle());
    lines.extend(one_by_one(writes(6..9, 10)));
    vec![Step::run(lines)]
}

/// A transaction that is longer than a segment, between small ones.
fn large() -> Vec<Step> {
    vec![Step::run(one_by_one([write(0, 10), write_many(1, 300, 200), write(301, 10)]))]
}

/// Transactions of which three fill a segment, and indexes of the closed ones beside them.
fn segments() -> Vec<Step> {
    vec![Step::run(one_by_one(writes(0..16, 5_000)))]
}

fn traps() -> Vec<Step> {
    let lines = (0..12).map(|number| if number % 3 == 1 { fail(number) } else { write(number, 10) });
    vec![Step::run(lines.collect())]
}

fn deliveries() -> Vec<Step> {
    let mut lines: Vec<Line> = (0..5).map(announce).collect();
    lines.extend([Line::Await, idle()]);
    lines.extend(one_by_one((5..8).map(announce)));
    vec![Step::run(lines)]
}

fn schedule() -> Vec<Step> {
    let pause = Line::Pause(Duration::from_millis(50));
    vec![Step::run(one_by_one(writes(0..4, 10)).into_iter().flat_map(|line| [line, pause.clone()]).collect())]
}

fn restart() -> Vec<Step> {
    vec![
        Step::killed_run(one_by_one(writes(0..4, 10))),
        Step::killed_run(one_by_one(writes(4..6, 5_000))),
        Step::run(one_by_one(writes(6..10, 10))),
    ]
}

fn one_batch() -> Vec<Step> {
    then(installed(), vec![Step::run(one_by_one(writes(1_000..1_003, 10)))])
}

fn go_on() -> Vec<Step> {
    vec![Step::run(one_by_one(writes(0..3, 10)))]
}

/// A snapshot, and opening from it.
fn snapshot() -> Vec<Step> {
    let mut steps = vec![snapshot_step(&[])];
    steps.extend(go_on());
    steps
}

/// An upgrade between calls of the old version and of the new one, and a snapshot of what came of it.
fn upgrade() -> Vec<Step> {
    let mut steps = vec![Step::run(one_by_one((0..3).map(announce)))];
    steps.push(Step::Upgrade("journal-2"));
    steps.push(Step::run(one_by_one((10..13).map(announce))));
    steps.push(snapshot_step(&[]));
    steps.extend([Step::run(one_by_one(writes(20..23, 10)))]);
    steps
}

/// Two snapshots, of which the second lets the segments before the first be given up.
fn archive() -> Vec<Step> {
    let part = |first: u64| Step::run(one_by_one(writes(first..first + 3, 7_000)));
    vec![part(0), snapshot_step(&[]), part(10), snapshot_step(&["--keep-log", "none"]), part(20)]
}

fn snapshot_step(options: &'static [&'static str]) -> Step {
    Step::Command(&["snapshot", "--segment-bytes", "16384"], options)
}

/// A database with a snapshot and a part of its log behind it.
fn with_a_snapshot() -> Vec<Step> {
    then(one_batch(), vec![snapshot_step(&[]), Step::run(one_by_one(writes(1_010..1_016, 5_000)))])
}

/// A backup, after which the database goes on.
fn backup() -> Vec<Step> {
    then(vec![Step::Backup], go_on())
}

fn backed_up() -> Vec<Step> {
    then(with_a_snapshot(), vec![Step::Backup])
}

/// What is kept, and what a repair gives up.
fn two_parts() -> Vec<Step> {
    let parts = [1_000..1_003, 2_000..2_006].map(|part| Step::run(one_by_one(writes(part, 1_000))));
    then(installed(), parts.into())
}

/// The repair of a damaged log.
pub(crate) fn repair_step() -> Step {
    Step::Command(&["log", "repair"], &["--yes"])
}

fn repair() -> Vec<Step> {
    then(vec![repair_step()], go_on())
}

/// Puts half a sector behind the last batch of the only segment, as a write that was cut off leaves it.
fn tear(data: &Path) {
    let path = data.join("log/00000000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let begin = end.next_multiple_of(512);
    bytes[begin..begin + 256].fill(0xab);
    fs::write(path, bytes).unwrap();
}

/// Flips a bit in the middle of the second part.
fn damage(data: &Path) {
    for entry in fs::read_dir(data.join("log")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let text = b"2002 2002 2002";
        if let Some(place) = bytes.windows(text.len()).position(|window| window == text) {
            bytes[place] ^= 1;
            fs::write(path, bytes).unwrap();
            return;
        }
    }
    panic!("no segment holds the text of entry 2002");
}

fn then(mut first: Vec<Step>, second: Vec<Step>) -> Vec<Step> {
    first.extend(second);
    first
}

fn memory() -> Vec<Step> {
    vec![Step::run_with(&["--memory"], writes(0..40, 500).collect())]
}
