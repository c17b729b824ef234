//! Snapshots: what they cost the writer while they are taken, and what they save when a database is opened.

use crate::calls::Subject;
use crate::table::{Table, median};
use interstice_codec::row::to_bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ROWS: u64 = 1_000_000;

/// What a call may take longer while a snapshot is taken, in microseconds.
const PAUSE_MICROS: f64 = 2_000.0;

pub(crate) fn run(table: &mut Table) {
    let mut subject = Subject::new();
    for first in (0..ROWS).step_by(100_000) {
        subject.call_by_name("insert-named", &to_bytes(&(first, 100_000_u64)));
    }
    subject.node.flush().unwrap();
    let rounds = table.rounds().min(3);
    let mut from_log: Vec<f64> = (0..rounds).map(|_| reopen(&mut subject)).collect();
    subject.node.snapshot().unwrap();
    let mut from_snapshot: Vec<f64> = (0..rounds).map(|_| reopen(&mut subject)).collect();
    table.add(
        "opening a database of 1,000,000 rows from a snapshot",
        1.0,
        "from the log alone, which inserted each row once",
        median(&mut from_snapshot),
        median(&mut from_log),
        "ms",
    );
    // Last, since it adds as many rows as there is time for.
    pause(table, &subject);
}

/// Closes the database and opens it again; says how many milliseconds opening took, the end of the tables from
/// before apart.
fn reopen(subject: &mut Subject) -> f64 {
    subject.node.close().unwrap();
    let began = Instant::now();
    let before = subject.open();
    let took = began.elapsed().as_secs_f64() * 1e3;
    drop(before);
    took
}

/// The longest call while a snapshot is taken, and in as long a time without one, before it and after it: a
/// table grows in leaps, wherever they fall.
fn pause(table: &mut Table, subject: &Subject) {
    const TIME: Duration = Duration::from_secs(1);
    let quiet = |first| {
        let began = Instant::now();
        longest_call(subject, first, || began.elapsed() >= TIME)
    };
    let before = quiet(ROWS);
    let done = AtomicBool::new(false);
    let with = std::thread::scope(|scope| {
        scope.spawn(|| {
            subject.node.snapshot().unwrap();
            done.store(true, Ordering::Relaxed);
        });
        longest_call(subject, 10 * ROWS, || done.load(Ordering::Relaxed))
    });
    let without = before.max(quiet(20 * ROWS));
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    table.add(
        "the longest call while a snapshot of 1,000,000 rows is taken",
        1.0,
        "without one, and 2 ms",
        micros(with),
        micros(without) + PAUSE_MICROS,
        "µs",
    );
}

/// Inserts rows from a number on, each in a call of its own.
fn longest_call(subject: &Subject, first: u64, is_over: impl Fn() -> bool) -> Duration {
    let function = subject.function("insert-named");
    let mut longest = Duration::ZERO;
    for row in (first..).take_while(|_| !is_over()) {
        let arguments = to_bytes(&(row, 1_u64));
        let began = Instant::now();
        subject.call(&function, &arguments);
        longest = longest.max(began.elapsed());
    }
    longest
}
