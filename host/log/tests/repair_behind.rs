//! Damage in front of the place that a snapshot covers, in the very segment that goes on behind it: what follows is
//! kept, as a segment of its own.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{
    Covered, LogError, LogFilter, LogOptions, LogReader, Record, Repair, RepairPlan, Retention, Sequence,
    StartingPoint, verify,
};
use std::ops::ControlFlow;
use support::{
    Cast, SMALL, append, assert_in_order_after, batches, closed_with, is_of_the_log, killed_with, open_after,
    places, segments,
};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };

fn flip(simulator: &Simulator, path: &str, at: usize) {
    let mut bytes = simulator.disk.contents()[path].clone();
    bytes[at] ^= 1;
    simulator.disk.plant(path, bytes);
}

fn copy(simulator: &Simulator) -> Simulator {
    Simulator { disk: simulator.disk.copy(), ..Simulator::new(9) }
}

/// The first record of the batch at this offset.
fn first_of(bytes: &[u8], offset: usize) -> Sequence {
    Sequence(u64::from_le_bytes(bytes[offset + 32..offset + 40].try_into().unwrap()))
}

/// The place behind a batch, and the segment that goes on there with more batches on both sides.
struct Middle {
    start: StartingPoint,
    path: String,
    bytes: Vec<u8>,
}

fn middle(simulator: &Simulator, number: usize) -> Middle {
    let (path, bytes) = segments(simulator).swap_remove(number);
    let count = batches(&bytes).len();
    let next = first_of(&bytes, batches(&bytes)[count / 2].0);
    let start = *places(simulator).iter().rfind(|place| place.anchor.sequence.next() == next).unwrap();
    Middle { start, path, bytes }
}

/// Repairs, and opens behind the snapshot: what it came to, and the records.
fn repaired(simulator: &Simulator, start: &StartingPoint) -> (RepairPlan, Vec<Record>) {
    let planned = Repair::plan(&simulator.doors(), Some(start)).unwrap();
    let plan = planned.what().clone();
    planned.apply().unwrap().unwrap();
    let (log, records, _) = open_after(&simulator.doors(), KEEP_ALL, Some(start)).unwrap();
    assert_in_order_after(start.anchor.sequence, &records);
    log.wait_maintained();
    log.close().unwrap();
    let found = verify(&simulator.disk, &mut |_| ()).unwrap();
    assert_eq!(found.findings.iter().filter(|one| is_of_the_log(one)).count(), 0, "{:?}", found.findings);
    (plan, records)
}

/// A closed log of so many records, whose closed segments have indexes.
fn indexed(records: u64) -> Simulator {
    let simulator = closed_with(records, KEEP_ALL);
    let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, None).unwrap();
    log.wait_maintained();
    log.close().unwrap();
    simulator
}

/// The batches in front of a place in a segment, and whether they define names to which others may refer.
fn in_front(bytes: &[u8], until: Sequence) -> Vec<(usize, usize, bool)> {
    let in_front = batches(bytes).into_iter().take_while(|batch| first_of(bytes, batch.0) <= until);
    // The payload begins with the time, of eight bytes, and the number of definitions.
    in_front.map(|(offset, length)| (offset, length, bytes[offset + 72] > 0)).collect()
}

/// One that defines nothing.
fn nameless(middle: &Middle) -> usize {
    let in_front = in_front(&middle.bytes, middle.start.anchor.sequence);
    in_front.iter().rfind(|(.., has_names)| !has_names).unwrap().0
}

/// Every transaction behind the snapshot was given up, though nothing was wrong with any of them.
#[test]
fn damage_in_front_of_a_snapshot_costs_nothing_behind_it() {
    let last = 325;
    let whole = indexed(last);
    let newest = segments(&whole).len() - 1;
    for number in [0, 2, newest] {
        let Middle { start, path, bytes } = middle(&whole, number);
        let covered = start.anchor.sequence;
        let mut tried = 0;
        for (offset, length, has_names) in in_front(&bytes, covered) {
            // What the newest defines is in no index: if that is lost, records that refer to it mean nothing.
            if number == newest && has_names {
                continue;
            }
            tried += 1;
            for at in [offset, offset + 33, offset + 70, offset + length - 1] {
                let simulator = copy(&whole);
                flip(&simulator, &path, at);
                let (plan, records) = repaired(&simulator, &start);
                assert_eq!((plan.kept_until, plan.given_up), (Sequence(last), None), "byte {at} of {path}");
                assert_eq!(plan.history_until, Some(covered));
                assert_eq!(plan.made, [format!("log/{:020}.log", covered.0 + 1)]);
                assert!(plan.copied.contains(&path), "{:?}", plan.copied);
                assert!(!simulator.disk.contents().contains_key(&path));
                assert_eq!(records.len() as u64, last - covered.0);
            }
        }
        assert!(tried > 3, "{tried} batches of {path}");
    }
}

/// Also where the database was not closed, and where the manifest is lost as well.
#[test]
fn what_is_behind_a_snapshot_is_kept_of_a_killed_database_and_without_its_manifest() {
    for loses_manifest in [false, true] {
        let simulator = killed_with(24, KEEP_ALL);
        let middle = middle(&simulator, 0);
        flip(&simulator, &middle.path, nameless(&middle) + 70);
        if loses_manifest {
            simulator.disk.take_away("MANIFEST");
        }
        let (plan, records) = repaired(&simulator, &middle.start);
        assert_eq!((plan.kept_until, plan.given_up), (Sequence(24), None));
        assert_eq!(records.len() as u64, 24 - middle.start.anchor.sequence.0);
    }
}

/// Damage on both sides: up to the second is kept.
#[test]
fn damage_behind_the_snapshot_as_well_costs_what_follows_that() {
    let whole = indexed(300);
    let Middle { start, path, bytes } = middle(&whole, 1);
    let of = |offset: usize| u64::from_le_bytes(bytes[offset + 32..offset + 40].try_into().unwrap());
    let behind =
        batches(&bytes).into_iter().rfind(|(offset, _)| of(*offset) > start.anchor.sequence.0 + 2).unwrap();
    flip(&whole, &path, batches(&bytes)[1].0 + 70);
    flip(&whole, &path, behind.0 + 70);
    let (plan, records) = repaired(&whole, &start);
    assert_eq!(plan.kept_until.next(), plan.given_up.unwrap().first);
    assert_eq!(plan.kept_until.next(), first_of(&bytes, behind.0));
    assert_eq!(plan.given_up.unwrap().last, Sequence(300));
    assert_eq!(records.len() as u64, plan.kept_until.0 - start.anchor.sequence.0);
}

/// Without the definitions to which they refer, records mean nothing.
#[test]
fn records_whose_definitions_are_lost_are_given_up() {
    let whole = indexed(300);
    let Middle { start, path, bytes } = middle(&whole, 1);
    flip(&whole, &path, batches(&bytes)[0].0 + 70);
    let indexed = copy(&whole);
    let (plan, _) = repaired(&indexed, &start);
    assert_eq!(plan.given_up, None, "the index has them, too");
    whole.disk.take_away(&path.replace(".log", ".index"));
    let (plan, records) = repaired(&whole, &start);
    assert_eq!((plan.kept_until, records.len()), (start.anchor.sequence, 0));
    assert_eq!(plan.given_up.unwrap().first, start.anchor.sequence.next());
}

/// What follows the snapshot must name its link.
#[test]
fn nothing_is_kept_behind_another_snapshot() {
    let whole = indexed(300);
    let Middle { mut start, path, bytes } = middle(&whole, 1);
    flip(&whole, &path, batches(&bytes)[1].0 + 70);
    start.anchor.link[0] ^= 1;
    let plan = Repair::plan(&whole.doors(), Some(&start)).unwrap().what().clone();
    assert_eq!((plan.kept_until, plan.made.len()), (start.anchor.sequence, 0));
}

/// The segment that was made is as good as any: it goes on, is indexed, searched, archived, copied, and repaired again.
#[test]
fn a_segment_that_begins_with_definitions_is_used_like_any_other() {
    let simulator = indexed(300);
    let Middle { start, path, bytes } = middle(&simulator, 1);
    flip(&simulator, &path, batches(&bytes)[1].0 + 70);
    repaired(&simulator, &start);
    let covered = start.anchor.sequence;
    let made = format!("{:020}.log", covered.0 + 1);
    let plain = simulator.disk.contents()[&format!("log/{made}")].clone();
    assert_eq!(plain[8..16], [3, 0, 0, 0, 0, 0, 0, 0], "format 3, not compressed");

    let search = |simulator: &Simulator| {
        let reader = LogReader::open(&simulator.doors()).unwrap();
        let mut found = Vec::new();
        let filter = LogFilter { table: Some("tables.audit".to_owned()), ..LogFilter::default() };
        let mut visit = |record: Record| {
            found.push(record.sequence.0);
            ControlFlow::Continue(())
        };
        let report = reader.search(&filter, &mut visit, &mut |_| ()).unwrap();
        (found, report.unindexed)
    };
    let audited: Vec<u64> = (covered.0 + 1..=300).filter(|n| n % 4 == 0).collect();
    let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).unwrap();
    log.wait_maintained();
    log.close().unwrap();
    drop(log);
    assert_eq!(search(&simulator), (audited.clone(), 0));

    let archived = copy(&simulator);
    let (log, ..) = open_after(&archived.doors(), KEEP_ALL, Some(&start)).unwrap();
    log.archive(Covered::young(Sequence(300)));
    log.wait_maintained();
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
    drop(log);
    let compressed = archived.disk.contents()[&format!("archive/{made}")].clone();
    assert_eq!(compressed[8..16], [3, 0, 0, 0, 1, 0, 0, 0], "format 3, compressed");
    assert_eq!(search(&archived), (audited, 0));
    let found = verify(&archived.disk, &mut |_| ()).unwrap();
    assert_eq!(found.findings.iter().filter(|one| is_of_the_log(one)).count(), 0, "{:?}", found.findings);
    let (_, records, _) = open_after(&archived.doors(), KEEP_ALL, Some(&start)).unwrap();
    assert_in_order_after(covered, &records);
    assert_eq!(records.len() as u64, 301 - covered.0);

    // Again, and behind a later place.
    let later = *places(&simulator)
        .iter()
        .find(|place| place.anchor.sequence.0 > covered.0 + 2 && place.anchor.link != start.anchor.link)
        .unwrap();
    let at = batches(&plain)[1].0;
    flip(&simulator, &format!("log/{made}"), at + 70);
    let (plan, records) = repaired(&simulator, &later);
    assert_eq!((plan.kept_until, plan.given_up), (Sequence(300), None));
    assert_eq!(records.len() as u64, 300 - later.anchor.sequence.0);
}

/// Each bit of the definitions counts, and only what the header announces is taken for them.
#[test]
fn every_flipped_bit_in_front_of_the_first_record_is_noticed() {
    let simulator = indexed(60);
    let Middle { start, path, bytes } = middle(&simulator, 0);
    flip(&simulator, &path, batches(&bytes)[1].0 + 70);
    repaired(&simulator, &start);
    let made = format!("log/{:020}.log", start.anchor.sequence.0 + 1);
    let plain = simulator.disk.contents()[&made].clone();
    let end = batches(&plain)[1].0;
    for bit in 0..end * 8 {
        let mut flipped = plain.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        simulator.disk.plant(&made, flipped);
        let refused = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).err();
        assert!(
            matches!(refused, Some(LogError::Damaged { .. } | LogError::NewerFormat { .. })),
            "bit {bit}"
        );
    }
    // A header that does not announce them, and one that announces what is not there.
    let reseal = |bytes: &mut [u8]| {
        let checksum = crc32c::crc32c(&bytes[..508]);
        bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    };
    let mut unannounced = plain.clone();
    unannounced[8] = 1;
    reseal(&mut unannounced);
    simulator.disk.plant(&made, unannounced);
    let refused = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).err().unwrap().to_string();
    assert!(refused.contains("a batch without records has a payload"), "{refused}");
    simulator.disk.plant(&made, plain);
    open_after(&simulator.doors(), KEEP_ALL, Some(&start)).unwrap();

    let other = closed_with(20, KEEP_ALL);
    let (path, mut bytes) = segments(&other).swap_remove(0);
    bytes[8] = 3;
    reseal(&mut bytes);
    other.disk.plant(&path, bytes);
    let refused = open_after(&other.doors(), KEEP_ALL, None).err().unwrap().to_string();
    assert!(refused.contains("the segment says that it begins with definitions"), "{refused}");
}

/// A crash at any moment of the repair comes to the same end.
#[test]
fn a_repair_that_keeps_what_is_behind_may_be_interrupted_anywhere() {
    for (number, last) in [(1, 300), (0, 20)] {
        let whole = indexed(last);
        let middle = middle(&whole, number);
        let (start, at) = (middle.start, nameless(&middle));
        flip(&whole, &middle.path, at + 70);
        for changes in 1.. {
            let simulator = copy(&whole);
            let planned = Repair::plan(&simulator.doors(), Some(&start)).unwrap();
            simulator.disk.fail_power_after(changes);
            let applied = planned.apply();
            let is_done = !simulator.disk.is_dead();
            drop(applied);
            let simulator = simulator.power_loss(changes);
            let expected = last - start.anchor.sequence.0;
            match open_after(&simulator.doors(), KEEP_ALL, Some(&start)) {
                Ok((_, records, _)) => {
                    assert_in_order_after(start.anchor.sequence, &records);
                    assert_eq!(records.len() as u64, expected);
                    let aside: Vec<_> = simulator.disk.contents().into_keys().collect();
                    assert!(aside.iter().any(|path| path.starts_with("log/aside/")), "{aside:?}");
                }
                Err(refused) => {
                    assert!(!is_done, "after {changes} changes: {refused}");
                    assert!(
                        matches!(refused, LogError::Damaged { .. } | LogError::MissingSegment { .. }),
                        "{refused}"
                    );
                    let (plan, records) = repaired(&simulator, &start);
                    assert_eq!(
                        (plan.kept_until, plan.given_up),
                        (Sequence(last), None),
                        "{changes}: {plan:?}"
                    );
                    assert_eq!(records.len() as u64, expected);
                }
            }
            if is_done {
                assert!(changes > 10, "there were only {changes} moments");
                break;
            }
        }
    }
}

/// A copy begins with the snapshot as well, and can be cut within the segment that was made.
#[test]
fn such_a_log_is_gone_on_with_after_a_repair() {
    let simulator = indexed(40);
    let Middle { start, path, bytes } = middle(&simulator, 0);
    flip(&simulator, &path, batches(&bytes)[1].0 + 70);
    repaired(&simulator, &start);
    let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..100 {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let (_, records, _) = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).unwrap();
    assert_in_order_after(start.anchor.sequence, &records);
    assert_eq!(records.last().unwrap().sequence, Sequence(140));
}
