//! The log on a simulated machine whose power fails, whose process is killed and whose disk fails at
//! any moment, by seed. `INTERSTICE_SEEDS=10000` makes the campaign longer.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::{Doors, Threads};
use interstice_log::sim::Simulator;
use interstice_log::{Durability, Log, LogError, Record, Sequence};
use std::sync::Arc;
use support::forgetful::{ForgetfulDisk, Forgotten};
use support::{Cast, Dice, SMALL, append_sized, assert_in_order, for_seeds, open};

/// Appends, waits and lets time pass at random until something fails or enough is done. Returns the
/// last record that was promised to be safe.
fn work(simulator: &Simulator, log: &Log, dice: &Dice) -> Sequence {
    let mut promised = log.durable();
    let cast = Cast::define(log);
    for _ in 0..dice.below(150) {
        let done = match dice.below(10) {
            0..=5 => {
                let size = [0, 10, 700, 700, 3000, 3000, 3000, 40_000][dice.below(8) as usize];
                append_sized(log, cast, size).map(|_| ())
            }
            6 => {
                simulator.threads.run(dice.below(4) as usize);
                Ok(())
            }
            7 => {
                simulator.clock.advance(dice.below(200_000));
                Ok(())
            }
            _ => log.wait_durable(log.next_sequence().previous()),
        };
        promised = promised.max(log.durable());
        match done {
            Ok(()) => {}
            Err(LogError::OutcomeUnknown { .. } | LogError::Poisoned { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    promised
}

/// What the log is given in place of the doors of a machine.
type Through<'t> = &'t dyn Fn(Doors) -> Doors;

/// Opens the log, with the power, writes and syncs failing while it is opened as often as the dice say.
fn open_through_failures(
    mut simulator: Simulator,
    dice: &Dice,
    through: Through<'_>,
) -> (Simulator, Log, Vec<Record>) {
    loop {
        if dice.below(3) == 0 {
            simulator.disk.fail_power_after(dice.below(30) + 1);
        }
        match dice.below(12) {
            0 => simulator.disk.fail_sync_after(dice.below(8)),
            1 => simulator.disk.fail_directory_sync_after(dice.below(8)),
            2 => simulator.disk.fail_write_after(dice.below(8)),
            _ => {}
        }
        match open(&through(simulator.doors()), SMALL) {
            Ok((log, records, _)) => return (simulator, log, records),
            Err(error) => {
                let explained = simulator.disk.is_dead() || simulator.disk.has_failed();
                assert!(explained, "refused to open: {error}");
                simulator = power_loss_or_kill(&simulator, dice);
            }
        }
    }
}

/// Lets go of a log and lets its writer end. One that is poisoned would be kept, with its machine, by the
/// threads that nobody steps any more: over a long campaign that fills memory.
fn let_go(simulator: &Simulator, log: Log) {
    drop(log);
    simulator.threads.run_until_idle();
}

fn power_loss_or_kill(simulator: &Simulator, dice: &Dice) -> Simulator {
    // What a process that was killed leaves is what the operating system has, which is more than is
    // on the medium: an opening must not take it for safe.
    if simulator.disk.is_dead() || dice.below(3) > 0 {
        simulator.power_loss(dice.below(u64::MAX))
    } else {
        simulator.kill(dice.below(u64::MAX))
    }
}

fn survive(seed: u64, through: Through<'_>) {
    let dice = Dice::new(seed);
    let mut simulator = Simulator::new(seed);
    let (mut promised, mut appended) = (Sequence::ZERO, Sequence::ZERO);
    for _ in 0..4 {
        let (machine, log, records) = open_through_failures(simulator, &dice, through);
        simulator = machine;
        assert_in_order(&records);
        let found = Sequence(records.len() as u64);
        assert!(found >= promised, "{promised} was promised, {found} was found");
        assert!(found <= appended, "{appended} was appended, {found} was found");
        if dice.below(2) == 0 {
            simulator.disk.fail_power_after(dice.below(120) + 1);
        }
        if dice.below(4) == 0 {
            simulator.disk.fail_sync_after(dice.below(30));
        }
        if dice.below(8) == 0 {
            simulator.disk.fail_write_after(dice.below(30));
        }
        if dice.below(8) == 0 {
            simulator.disk.fail_directory_sync_after(dice.below(4));
        }
        // What was found on opening was served, so it is as good as promised.
        promised = work(&simulator, &log, &dice).max(found);
        appended = log.next_sequence().previous();
        if dice.below(3) == 0 && log.close().is_ok() {
            promised = appended;
        }
        let after = power_loss_or_kill(&simulator, &dice);
        let_go(&simulator, log);
        simulator = after;
    }
    // Opening twice changes nothing.
    let (machine, log, records) = open_through_failures(simulator.clone(), &dice, through);
    let found = Sequence(records.len() as u64);
    assert!(found >= promised && found <= appended);
    let_go(&machine, log);
}

#[test]
fn acknowledged_records_survive_any_loss_of_power_in_order() {
    for_seeds(400, |seed| survive(seed, &|doors| doors));
}

#[test]
fn a_disk_that_forgets_one_kind_of_sync_or_rename_is_found_out() {
    // A canary: a campaign that passes on such a disk would not notice a log that leaves the same out.
    let forgotten = [
        Forgotten::Sync(".log"),
        Forgotten::Sync("reserve.tmp"),
        Forgotten::Sync("rewrite.tmp"),
        Forgotten::Sync("MANIFEST.tmp"),
        Forgotten::DirectorySync(""),
        Forgotten::DirectorySync("log"),
        Forgotten::Rename("reserve.tmp"),
        Forgotten::Rename("rewrite.tmp"),
        Forgotten::Rename("MANIFEST.tmp"),
    ];
    for forgotten in forgotten {
        let through = |doors: Doors| Doors { disk: Arc::new(ForgetfulDisk::new(&doors, forgotten)), ..doors };
        let fails = |seed: u64| std::panic::catch_unwind(|| survive(seed, &through)).is_err();
        assert!((0..400).any(fails), "nobody notices that {forgotten:?} is forgotten");
    }
}

#[test]
fn opening_twice_changes_nothing() {
    for_seeds(100, |seed| {
        let dice = Dice::new(seed);
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        simulator.disk.fail_power_after(dice.below(150) + 20);
        work(&simulator, &log, &dice);
        let after = simulator.power_loss(seed);
        let_go(&simulator, log);
        let simulator = after;
        let Ok((log, first, _)) = open(&simulator.doors(), SMALL) else {
            panic!("the log does not open");
        };
        let after = simulator.power_loss(seed);
        let_go(&simulator, log);
        let simulator = after;
        let before = simulator.disk.contents();
        let (log, second, report) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(first, second);
        assert!(!report.rewritten && report.torn.is_none() && !report.created, "{report:?}");
        let after = simulator.disk.contents();
        let logs = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
            let kept = files.iter().filter(|(name, _)| !name.ends_with(".tmp") && !name.ends_with(".index"));
            kept.map(|(name, bytes)| (name.clone(), bytes.clone())).collect::<Vec<_>>()
        };
        assert!(logs(&before) == logs(&after));
        let_go(&simulator, log);
    });
}

#[test]
fn a_failed_sync_promises_nothing_and_stops_all_writing() {
    for_seeds(100, |seed| {
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        append_sized(&log, cast, 0).unwrap();
        log.wait_durable(Sequence(1)).unwrap();
        append_sized(&log, cast, 0).unwrap();
        append_sized(&log, cast, 0).unwrap();
        simulator.disk.fail_sync_after(0);
        let error = log.wait_durable(Sequence(3)).unwrap_err();
        assert!(matches!(error, LogError::OutcomeUnknown { sequence: Sequence(3) }));
        assert!(log.wait_durable(Sequence(1)).is_ok());
        assert_eq!(log.durable(), Sequence(1));
        let changes = simulator.disk.changes();
        assert!(matches!(append_sized(&log, cast, 0), Err(LogError::Poisoned { .. })));
        assert!(matches!(log.admit(), Err(LogError::Poisoned { .. })));
        assert!(matches!(log.close(), Err(LogError::Poisoned { .. })));
        simulator.threads.run_until_idle();
        assert_eq!(simulator.disk.changes(), changes, "nothing is written after a failure");

        // The process starts again: what the sync should have made safe is in the operating system's
        // memory only. It is served, so from then on it must survive.
        let after = simulator.kill(seed);
        let_go(&simulator, log);
        let simulator = after;
        let (log, records, report) = open(&simulator.doors(), SMALL).unwrap();
        assert!(records.len() == 3 && report.rewritten);
        let after = simulator.power_loss(seed);
        let_go(&simulator, log);
        let simulator = after;
        let (log, records, _) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(records.len(), 3);
        let_go(&simulator, log);
    });
}

#[test]
fn what_waits_when_a_sync_fails_is_never_written() {
    let simulator = Simulator::new(1);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let log = Arc::new(log);
    // The next write is that of the batch.
    simulator.threads.run_until_idle();
    let cast = Cast::define(&log);
    append_sized(&log, cast, 0).unwrap();
    simulator.disk.fail_sync_after(0);
    let waiting = log.clone();
    simulator.disk.interrupt_next_write(move || assert!(append_sized(&waiting, cast, 0).is_ok()));
    assert!(log.wait_durable(Sequence(1)).is_err());
    assert_eq!(log.next_sequence(), Sequence(3), "the second record waits");
    let changes = simulator.disk.changes();
    assert!(log.wait_durable(Sequence(2)).is_err());
    simulator.threads.run_until_idle();
    assert_eq!(simulator.disk.changes(), changes, "nothing is written after a failure");
}

#[test]
fn a_panic_in_the_writer_stops_all_writing() {
    let simulator = Simulator::new(1);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    append_sized(&log, cast, 0).unwrap();
    log.wait_durable(Sequence(1)).unwrap();
    log.on_durable(|durability| assert!(durability == Durability::Failed, "a faulty watcher"));
    append_sized(&log, cast, 0).unwrap();
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| log.wait_durable(Sequence(2))));
    assert!(waited.is_err());
    assert!(matches!(append_sized(&log, cast, 0), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.close(), Err(LogError::Poisoned { .. })));
}

#[test]
fn a_disk_that_is_full_at_any_moment_never_stops_what_was_taken() {
    for_seeds(200, |seed| {
        let dice = Dice::new(seed);
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        for _ in 0..dice.below(200) {
            match dice.below(12) {
                0 => simulator.disk.set_capacity(None),
                1 => {
                    let more = [0, 300, 5_000, 40_000][dice.below(4) as usize];
                    simulator.disk.set_capacity(Some(simulator.disk.used_bytes() + more));
                }
                2 => simulator.clock.advance(dice.below(2_000_000)),
                3 => drop(simulator.threads.run(dice.below(5) as usize)),
                4 => log.wait_durable(log.next_sequence().previous()).unwrap(),
                _ => {
                    let size = [0, 10, 3_000, 30_000][dice.below(4) as usize];
                    match append_sized(&log, cast, size) {
                        Ok(_) | Err(LogError::DiskFull { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        log.wait_durable(log.next_sequence().previous()).unwrap();
        let last = log.next_sequence().previous();
        let after = match dice.below(3) {
            0 => {
                log.close().unwrap();
                simulator.clone()
            }
            1 => simulator.kill(seed),
            _ => simulator.power_loss(seed),
        };
        let_go(&simulator, log);
        let simulator = after;
        // The disk is as full as before. Either it holds what mending takes, or that is said.
        let records = match open(&simulator.doors(), SMALL) {
            Ok((log, records, _)) => {
                let cast = Cast::define(&log);
                match append_sized(&log, cast, 0) {
                    Ok(_) | Err(LogError::DiskFull { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                log.close().unwrap();
                records
            }
            Err(LogError::DiskFull { .. }) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        assert_in_order(&records);
        simulator.disk.set_capacity(None);
        let (_log, again, _) = open(&simulator.doors(), SMALL).unwrap();
        assert_in_order(&again);
        assert!(again.len() as u64 >= last.0 && (records.is_empty() || records.len() as u64 == last.0));
    });
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = || {
        let simulator = Simulator::new(7);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        work(&simulator, &log, &Dice::new(7));
        drop(log);
        simulator.disk.contents()
    };
    assert!(run() == run());
}

#[test]
#[should_panic(expected = "this wait never ends")]
fn a_wait_that_cannot_end_is_found() {
    let simulator = Simulator::new(0);
    simulator.threads.signal().wait_until(None, &mut || false);
}
