//! Which records share a batch: what nobody waits for gathers for as long as a sync takes, and whoever waits
//! is not kept. A writer that synced at once for a call that nobody waited for used to keep those waiting that
//! came meanwhile, so that of 16 calls in flight one half waited for the sync of the other.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{Log, LogOptions, Outcome, RecordParts, Sequence};
use support::{Cast, batches, open, plain, segments};

const OPTIONS: LogOptions = LogOptions { segment_bytes: 1 << 20, ..LogOptions::DEFAULT };

/// Far longer than a simulated sync takes.
const LONG_MICROS: u64 = 10_000;

/// A log with a synced record, so that it knows how long a sync takes.
fn machine(seed: u64) -> (Simulator, Log, Cast) {
    let simulator = Simulator::new(seed);
    let (log, ..) = open(&simulator.doors(), OPTIONS).unwrap();
    let cast = Cast::define(&log);
    let first = append(&simulator, &log, cast);
    log.wait_durable(first).unwrap();
    settle(&simulator);
    (simulator, log, cast)
}

/// Appends the next record at the machine's time.
fn append(simulator: &Simulator, log: &Log, cast: Cast) -> Sequence {
    let timestamp_micros = simulator.doors().clock.now_micros();
    let record = RecordParts { timestamp_micros, outcome: Outcome::Ok(&[]), ..plain(log, cast.transfer) };
    log.append(&record).unwrap()
}

/// Lets all threads do what they have to, now and some time later.
fn settle(simulator: &Simulator) {
    for _ in 0..3 {
        simulator.threads.run_until_idle();
        simulator.clock.advance(LONG_MICROS);
    }
    simulator.threads.run_until_idle();
}

/// How many batches with records there are.
fn written(simulator: &Simulator) -> usize {
    let has_records = |segment: &[u8], offset: usize| segment[offset + 48..offset + 52] != [0; 4];
    let count =
        |segment: &[u8]| batches(segment).iter().filter(|batch| has_records(segment, batch.0)).count();
    segments(simulator).iter().map(|(_, segment)| count(segment)).sum()
}

#[test]
fn records_that_nobody_waits_for_share_a_batch() {
    for seed in 0..50 {
        let (simulator, log, cast) = machine(seed);
        let before = written(&simulator);
        for _ in 0..16 {
            append(&simulator, &log, cast);
            // The other threads have their turn after each.
            simulator.threads.run(1);
            simulator.clock.advance(1);
        }
        settle(&simulator);
        let batches = written(&simulator) - before;
        assert!(batches <= 8, "seed {seed}: 16 records in {batches} batches");
    }
}

#[test]
fn records_that_nobody_waits_for_become_durable_all_the_same() {
    for seed in 0..50 {
        let (simulator, log, cast) = machine(seed);
        let last = append(&simulator, &log, cast);
        settle(&simulator);
        assert_eq!(log.durable(), last, "seed {seed}");
    }
}

#[test]
fn whoever_waits_is_not_kept_for_others() {
    for seed in 0..50 {
        let (simulator, log, cast) = machine(seed);
        append(&simulator, &log, cast);
        let waited_for = append(&simulator, &log, cast);
        let before = simulator.doors().clock.monotonic_micros();
        log.wait_durable(waited_for).unwrap();
        let micros = simulator.doors().clock.monotonic_micros() - before;
        // One sync of 120 µs, and what the threads' turns take.
        assert!(micros < 2 * 120, "seed {seed}: {micros} µs");
    }
}

#[test]
fn a_steady_stream_is_written_while_it_goes_on() {
    for seed in 0..20 {
        let (simulator, log, cast) = machine(seed);
        let first = log.durable();
        for _ in 0..2_000 {
            append(&simulator, &log, cast);
            simulator.threads.run(1);
            simulator.clock.advance(3);
        }
        let (last, durable) = (log.next_sequence().0 - 1, log.durable().0);
        // What is not safe yet came within a few syncs' time.
        assert!(durable > first.0 && last - durable < 500, "seed {seed}: {durable} of {last} are safe");
    }
}
