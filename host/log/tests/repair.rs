//! Repairing a log that refuses to open: the plan says what it costs, nothing changes before it is
//! applied, and what is given up is kept aside.
#![allow(clippy::unwrap_used)]

mod snapshot_support;
mod support;

use interstice_log::doors::Disk;
use interstice_log::sim::Simulator;
use interstice_log::{
    Covered, LogError, LogOptions, Record, Repair, RepairPlan, Retention, Sequence, SnapshotStore,
    StartingPoint,
};
use snapshot_support::State;
use std::collections::BTreeMap;
use support::{
    Cast, Dice, SMALL, append, append_sized, assert_in_order, assert_in_order_after, batches, closed_with,
    for_seeds, go_on, killed_with, open, open_after, places, plant_unlisted, segments,
};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };

/// A closed log of so many records whose segments up to a record are in the archive.
fn log_with(records: u64, archived: u64) -> Simulator {
    let simulator = closed_with(records, KEEP_ALL);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    log.archive(Covered::young(Sequence(archived)));
    log.wait_maintained();
    log.close().unwrap();
    // Otherwise a loss of power may bring plain segments back that were archived.
    for directory in ["", "log", "archive"] {
        simulator.disk.sync_directory(directory).unwrap();
    }
    simulator
}

fn flip(simulator: &Simulator, path: &str, at: usize) {
    let mut bytes = simulator.disk.contents()[path].clone();
    bytes[at] ^= 1;
    simulator.disk.plant(path, bytes);
}

/// Plans and applies a repair, and asserts that it was needed, that planning changed nothing, that every
/// byte of every changed or removed segment is still somewhere, and that nothing is left to repair.
/// Returns the plan and the records that the log then holds.
#[track_caller]
fn repair(simulator: &Simulator, start: Option<&StartingPoint>) -> (RepairPlan, Vec<Record>) {
    let before = simulator.disk.contents();
    let refused = open_after(&simulator.doors(), KEEP_ALL, start).err();
    let planned = Repair::plan(&simulator.doors(), start).unwrap();
    let files = |contents: BTreeMap<String, Vec<u8>>| {
        contents.into_iter().filter(|(path, _)| path != "LOCK").collect::<BTreeMap<_, _>>()
    };
    assert!(files(simulator.disk.contents()) == files(before.clone()), "a plan changes nothing");
    let plan = planned.what().clone();
    assert!(plan.reason.is_some(), "a repair was needed");
    if let Some(refused) = refused {
        assert!(refused.to_string().contains("interstice log repair"), "{refused}");
    }
    let report = planned.apply().unwrap().unwrap();
    let after = simulator.disk.contents();
    for (path, bytes) in &before {
        let is_segment = path.ends_with(".log") || path == "MANIFEST";
        let is_kept = after.values().any(|kept| kept == bytes);
        assert!(!is_segment || is_kept, "{path} is nowhere any more");
    }
    assert!(report.aside.iter().all(|path| after.contains_key(path)));
    assert_eq!(report.aside.len(), plan.copied.len() + plan.moved.len());
    assert!(Repair::plan(&simulator.doors(), start).unwrap().what().reason.is_none());

    let before = match plan.history_until {
        Some(_) => start.unwrap().anchor.sequence,
        None => Sequence::ZERO,
    };
    let used = plan.history_until.and(start);
    let (log, records, _) = open_after(&simulator.doors(), KEEP_ALL, used).unwrap();
    assert_in_order_after(before, &records);
    assert_eq!(before.0 + records.len() as u64, plan.kept_until.0);
    assert_eq!(log.timeline(), report.timeline);
    // The log goes on.
    let cast = Cast::define(&log);
    assert_eq!(append(&log, cast).unwrap(), plan.kept_until.next());
    log.wait_maintained();
    log.close().unwrap();
    drop(log);
    let verified = interstice_log::verify(&simulator.disk, &mut |_| {}).unwrap();
    // The records name an artifact that these tests do not store.
    let damaged = verified.findings.iter().filter(|finding| support::is_of_the_log(finding));
    assert_eq!(damaged.count(), 0, "{:?}", verified.findings);
    (plan, records)
}

#[test]
fn a_log_that_opens_is_left_alone() {
    for simulator in [closed_with(100, KEEP_ALL), log_with(100, 50), killed_with(3, SMALL)] {
        let before = simulator.disk.contents();
        let planned = Repair::plan(&simulator.doors(), None).unwrap();
        assert_eq!(*planned.what(), RepairPlan::default());
        assert_eq!(planned.apply().unwrap(), None);
        assert!(simulator.disk.contents() == before);
    }
}

#[test]
fn damage_in_the_middle_gives_up_exactly_what_follows_it() {
    for archived in [0, 120] {
        let simulator = log_with(300, archived);
        let files = segments(&simulator);
        let (path, bytes) = files.iter().find(|(path, _)| path.starts_with("log/")).unwrap();
        let (offset, _) = batches(bytes)[6];
        let first = u64::from_le_bytes(bytes[offset + 32..offset + 40].try_into().unwrap());
        flip(&simulator, path, offset + 70);
        let (plan, records) = repair(&simulator, None);
        assert_eq!(plan.kept_until, Sequence(first - 1));
        let given_up = plan.given_up.unwrap();
        assert_eq!((given_up.first, given_up.last), (Sequence(first), Sequence(300)));
        assert_eq!(given_up.count() as usize, 300 - records.len());
        // Of the first of them nothing can be read but the number.
        let time = |n: u64| 1_700_000_000_000_000 + n * 40;
        assert_eq!(given_up.times, Some((time(first + 1), time(300))));
        assert!(plan.reason.unwrap().contains(&format!("{path} is damaged at byte {}", offset + 64)));
        assert_eq!(plan.copied, ["MANIFEST".to_owned(), path.clone()]);
        assert_eq!(plan.moved.len(), files.iter().filter(|(other, _)| other > path).count());
    }
}

#[test]
fn damage_in_the_archive_keeps_the_frames_before_it() {
    let simulator = log_with(200, 200);
    let (path, bytes) = segments(&simulator).swap_remove(2);
    assert!(path.starts_with("archive/"));
    let first = u64::from_le_bytes(bytes[64..72].try_into().unwrap());
    flip(&simulator, &path, 700);
    let (plan, _) = repair(&simulator, None);
    assert_eq!(plan.kept_until, Sequence(first - 1), "its one frame is lost");
    assert_eq!(plan.given_up.unwrap().last, Sequence(200));
}

#[test]
fn damage_in_a_later_frame_of_an_archived_segment_keeps_what_is_before_it() {
    // Frames were read ahead, a mebibyte at a time, so a damaged one took those before it with it.
    let options = LogOptions { segment_bytes: 256 << 10, ..KEEP_ALL };
    let simulator = Simulator::new(1);
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..150 {
        let sequence = append_sized(&log, cast, 3000).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.archive(Covered::young(Sequence(150)));
    log.wait_maintained();
    log.close().unwrap();
    drop(log);
    let (path, bytes) = segments(&simulator).swap_remove(0);
    let table_at = u64::from_le_bytes(bytes[160..168].try_into().unwrap()) as usize;
    assert!(path.starts_with("archive/") && bytes.len() > table_at + 16, "more than one frame");
    flip(&simulator, &path, table_at - 1);
    let (plan, records) = repair(&simulator, None);
    assert!(plan.kept_until > Sequence(10) && records.len() as u64 == plan.kept_until.0, "{plan:?}");
}

#[test]
fn a_segment_of_something_else_is_given_up_although_all_its_checksums_are_right() {
    for (place, expected) in
        [(16, "not the one that the manifest lists"), (32, "another timeline"), (48, "another database")]
    {
        let simulator = log_with(200, 0);
        let (path, mut segment) = segments(&simulator).swap_remove(1);
        let first = u64::from_le_bytes(segment[64..72].try_into().unwrap());
        segment[place] ^= 1;
        let checksum = crc32c::crc32c(&segment[..508]);
        segment[508..512].copy_from_slice(&checksum.to_le_bytes());
        let seed = crc32c::crc32c(&segment[16..32]);
        for (at, _) in batches(&segment) {
            let length = u32::from_le_bytes(segment[at + 52..at + 56].try_into().unwrap()) as usize;
            let checksum = crc32c::crc32c_append(seed, &segment[at + 64..at + 64 + length]);
            segment[at + 56..at + 60].copy_from_slice(&checksum.to_le_bytes());
            let checksum = crc32c::crc32c_append(seed, &segment[at..at + 60]);
            segment[at + 60..at + 64].copy_from_slice(&checksum.to_le_bytes());
        }
        simulator.disk.plant(&path, segment);
        let (plan, _) = repair(&simulator, None);
        assert!(plan.reason.unwrap().contains(expected) && plan.kept_until == Sequence(first - 1));
    }
}

/// The same files on another machine, where nothing of them is safe yet, as after copying a folder.
fn copied_unsafely(simulator: &Simulator, seed: u64) -> Simulator {
    let machine = Simulator::new(seed);
    for directory in ["log", "archive", "artifacts"] {
        machine.disk.create_directory(directory).unwrap();
    }
    for (path, bytes) in simulator.disk.contents() {
        machine.disk.create(&path).unwrap().write_at(0, &bytes).unwrap();
    }
    machine
}

#[test]
fn a_log_that_was_repaired_survives_a_loss_of_power() {
    // Without a manifest nothing is known to be safe.
    for archived in [0, 120] {
        let damaged = log_with(150, archived);
        flip(&damaged, "MANIFEST", 60);
        for seed in 0..20 {
            let simulator = copied_unsafely(&damaged, seed);
            let planned = Repair::plan(&simulator.doors(), None).unwrap();
            assert_eq!(planned.what().kept_until, Sequence(150));
            planned.apply().unwrap().unwrap();
            let (log, records, _) = open(&simulator.power_loss(seed).doors(), KEEP_ALL).unwrap();
            assert_in_order(&records);
            assert_eq!(records.len(), 150, "seed {seed}");
            drop(log);
        }
    }
}

#[test]
fn a_segment_that_is_given_up_is_moved_from_both_places_where_it_is() {
    // A crash after a segment was listed as archived leaves the plain one beside it. A repair that gave the
    // segment up moved the archived one alone, and the log then refused to open because of the other,
    // which no manifest listed.
    let plain = closed_with(200, KEEP_ALL).disk.contents();
    let simulator = log_with(200, 200);
    let files = segments(&simulator);
    let (path, _) = files[3].clone();
    let left = path.replace("archive/", "log/");
    simulator.disk.plant(&left, plain[&left].clone());
    let (log, ..) =
        open(&Simulator { disk: simulator.disk.copy(), ..Simulator::new(1) }.doors(), KEEP_ALL).unwrap();
    drop(log);
    flip(&simulator, &files[1].0, 700);
    let (plan, _) = repair(&simulator, None);
    assert!(plan.moved.contains(&path) && plan.moved.contains(&left), "{plan:?}");
}

#[test]
fn a_missing_segment_gives_up_what_follows_it() {
    let count = segments(&log_with(200, 100)).len();
    for index in 0..count {
        let simulator = log_with(200, 100);
        let (path, bytes) = segments(&simulator).swap_remove(index);
        let first = u64::from_le_bytes(bytes[64..72].try_into().unwrap());
        simulator.disk.take_away(&path);
        let (plan, _) = repair(&simulator, None);
        assert_eq!(plan.kept_until, Sequence(first - 1));
        assert_eq!(plan.given_up.unwrap().last, Sequence(200));
        assert!(plan.reason.unwrap().contains("is missing") && plan.may_be_more);
    }
}

#[test]
fn a_lost_manifest_is_made_from_the_segments() {
    for archived in [0, 100] {
        for lost in [true, false] {
            let simulator = log_with(200, archived);
            if lost {
                simulator.disk.take_away("MANIFEST")
            } else {
                flip(&simulator, "MANIFEST", 99)
            }
            let (plan, records) = repair(&simulator, None);
            assert_eq!((records.len(), plan.given_up), (200, None));
            assert!(plan.may_be_more && plan.moved.is_empty(), "{plan:?}");
        }
    }
}

#[test]
fn a_lost_manifest_and_a_lost_beginning_need_a_snapshot() {
    let simulator = log_with(200, 0);
    let start = *places(&simulator).iter().find(|place| place.anchor.sequence >= Sequence(100)).unwrap();
    simulator.disk.take_away("MANIFEST");
    simulator.disk.take_away(&segments(&simulator)[0].0);
    let refused = Repair::plan(&simulator.doors(), None).err().unwrap();
    assert!(matches!(refused, LogError::BeginningGivenUp { .. }), "{refused}");
    let (plan, records) = repair(&simulator, Some(&start));
    assert_eq!((plan.given_up, plan.kept_until, records.len()), (None, Sequence(200), 100));
}

#[test]
fn a_segment_that_is_not_listed_and_holds_no_batch_is_moved_aside() {
    for at in [513, 1024] {
        let simulator = log_with(60, 0);
        let path = plant_unlisted(&simulator, 60, at);
        let (plan, records) = repair(&simulator, None);
        assert_eq!((plan.moved, records.len()), (vec![path], 60));
        assert!(plan.given_up.is_none());
    }
}

#[test]
fn an_old_manifest_is_brought_up_to_what_is_there() {
    let simulator = closed_with(30, KEEP_ALL);
    let old = simulator.disk.contents()["MANIFEST"].clone();
    go_on(&simulator, KEEP_ALL, 100);
    simulator.disk.plant("MANIFEST", old);
    let (plan, records) = repair(&simulator, None);
    assert_eq!((records.len(), plan.given_up), (130, None));
}

#[test]
fn damage_before_a_snapshot_costs_history_and_no_transaction() {
    let simulator = log_with(300, 120);
    let start = *places(&simulator).iter().find(|place| place.anchor.sequence >= Sequence(200)).unwrap();
    let files = segments(&simulator);
    flip(&simulator, &files[1].0, 600);
    let third = u64::from_le_bytes(files[2].1[64..72].try_into().unwrap());
    let (plan, _) = repair(&simulator, Some(&start));
    assert_eq!((plan.kept_until, plan.given_up), (Sequence(300), None));
    assert_eq!(plan.history_until, Some(Sequence(third - 1)));
    assert_eq!(plan.moved, [files[0].0.clone(), files[1].0.clone()]);
    // Without the snapshot the log has no beginning any more, and says so.
    assert!(matches!(open(&simulator.doors(), KEEP_ALL), Err(LogError::BeginningGivenUp { .. })));
}

#[test]
fn a_snapshot_saves_what_the_log_alone_has_lost() {
    let simulator = log_with(300, 0);
    let places = places(&simulator);
    let start = *places.iter().find(|place| place.anchor.sequence >= Sequence(200)).unwrap();
    // The segment with the snapshot's place is gone, and so is the bridge to what follows.
    let at = segments(&simulator)
        .into_iter()
        .rfind(|(_, bytes)| u64::from_le_bytes(bytes[64..72].try_into().unwrap()) <= start.anchor.sequence.0);
    simulator.disk.take_away(&at.unwrap().0);
    let (plan, records) = repair(&simulator, Some(&start));
    assert_eq!(plan.kept_until, start.anchor.sequence);
    assert_eq!(plan.history_until, Some(start.anchor.sequence));
    assert_eq!(plan.given_up.unwrap().first, start.anchor.sequence.next());
    assert!(records.is_empty());
}

/// A good snapshot stood in the way where the manifest was lost as well: "no segment can be read".
#[test]
fn a_snapshot_saves_the_same_where_the_manifest_is_lost() {
    for is_missing in [true, false] {
        let simulator = log_with(300, 0);
        let start = *places(&simulator).iter().find(|place| place.anchor.sequence >= Sequence(200)).unwrap();
        let first_of = |bytes: &[u8]| Sequence(u64::from_le_bytes(bytes[64..72].try_into().unwrap()));
        let (path, bytes) = segments(&simulator)
            .into_iter()
            .rfind(|(_, bytes)| first_of(bytes) <= start.anchor.sequence)
            .unwrap();
        flip(&simulator, &path, batches(&bytes)[0].0 + 70);
        match is_missing {
            true => simulator.disk.take_away("MANIFEST"),
            false => flip(&simulator, "MANIFEST", 99),
        }
        let (plan, records) = repair(&simulator, Some(&start));
        assert_eq!((plan.kept_until, records.len()), (start.anchor.sequence, 0));
        assert_eq!(plan.history_until, Some(start.anchor.sequence));
        // It tells of the records that are given up, and not of those before them.
        let given_up = plan.given_up.unwrap();
        let (since, until) = given_up.times.unwrap();
        let micros = |sequence: Sequence| 1_700_000_000_000_000 + sequence.0 * 40;
        assert!(since > micros(first_of(&bytes)) && since <= micros(given_up.first), "{plan:?}");
        assert!(until > since && until <= micros(Sequence(300)), "{plan:?}");
    }
}

/// Snapshots up to these records, every other one sharing its second table with the one before the last.
fn with_snapshots(simulator: &Simulator, sequences: &[u64]) -> SnapshotStore {
    let store = SnapshotStore::new(&simulator.doors());
    let mut state = State::new(0, &[40, 40]);
    for &sequence in sequences {
        state = state.changed(sequence - state.sequence.0, 0);
        snapshot_support::write(&store, &state).unwrap();
    }
    store
}

#[test]
fn snapshots_of_the_part_that_is_given_up_are_moved_aside() {
    // They stayed where they were, in the way of whoever looked for a snapshot, until two newer ones replaced
    // them, and then they were deleted.
    for damaged_head in [false, true] {
        let simulator = log_with(300, 0);
        let sequences = [50, 60, 290, 300];
        let store = with_snapshots(&simulator, &sequences);
        let files: Vec<_> =
            store.list().unwrap().into_iter().map(|listed| listed.found.unwrap().files()).collect();
        let [newest, third, second, first] = files.as_slice() else { panic!("{files:?}") };
        if damaged_head {
            flip(&simulator, &format!("snapshots/{:020}.snapshot", 300), 100);
        }
        let (path, bytes) = segments(&simulator).swap_remove(3);
        flip(&simulator, &path, batches(&bytes)[5].0 + 70);
        let before = simulator.disk.contents();
        let (plan, _) = repair(&simulator, None);
        assert!(plan.kept_until > Sequence(60) && plan.kept_until < Sequence(290), "{plan:?}");
        assert_eq!(plan.snapshots, [Sequence(290), Sequence(300)]);
        let after = simulator.disk.contents();
        let aside: Vec<_> = after.iter().filter(|(path, _)| path.starts_with("log/aside/")).collect();
        for path in newest.iter().chain(third) {
            let is_shared = first.contains(path) || second.contains(path);
            // Of a snapshot whose head cannot be read nobody knows what it shares.
            let is_unknown = damaged_head && newest.contains(path) && !third.contains(path);
            let kept = aside.iter().filter(|(_, bytes)| **bytes == before[path]).count();
            assert!(kept == 1 || (is_shared && is_unknown), "{path} is kept {kept} times");
            assert_eq!(after.contains_key(path), is_shared, "{path}");
            assert_eq!(plan.moved.contains(path), !is_shared, "{path}");
        }
        let shared = third.iter().filter(|path| first.contains(path)).count();
        assert_eq!(shared, 1, "the unchanged table is one file");
        // Those of the part that is kept are as they were.
        for path in first.iter().chain(second) {
            assert!(after[path] == before[path], "{path}");
        }
        let left: Vec<_> = store.list().unwrap().into_iter().map(|listed| listed.sequence).collect();
        assert_eq!(left, [Sequence(60), Sequence(50)]);
        snapshot_support::valid(&store).iter().for_each(|snapshot| {
            snapshot.verify(&simulator.disk, &interstice_log::Cancellation::new()).unwrap();
        });
    }
}

#[test]
fn a_snapshot_of_another_history_repairs_nothing() {
    let simulator = log_with(200, 0);
    let mut start = places(&simulator)[150];
    start.anchor.link[0] ^= 1;
    flip(&simulator, &segments(&simulator)[0].0, 700);
    let before = simulator.disk.contents();
    assert!(matches!(Repair::plan(&simulator.doors(), Some(&start)), Err(LogError::NotInLog { .. })));
    start.timeline[0] ^= 1;
    assert!(matches!(Repair::plan(&simulator.doors(), Some(&start)), Err(LogError::NotInLog { .. })));
    assert!(simulator.disk.contents() == before);
}

#[test]
fn a_place_that_was_given_up_is_refused_and_one_before_it_is_not() {
    let simulator = log_with(200, 0);
    let places = places(&simulator);
    let (path, bytes) = segments(&simulator).swap_remove(2);
    flip(&simulator, &path, batches(&bytes)[5].0 + 70);
    let (plan, _) = repair(&simulator, None);
    for place in &places {
        let copy = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
        let opened = open_after(&copy.doors(), KEEP_ALL, Some(place));
        match place.anchor.sequence <= plan.kept_until {
            true => assert_in_order_after(place.anchor.sequence, &opened.unwrap().1),
            false => assert!(matches!(opened, Err(LogError::NotInLog { .. }))),
        }
    }
}

#[test]
fn a_newer_format_is_no_damage() {
    let simulator = log_with(100, 0);
    let (path, mut bytes) = segments(&simulator).swap_remove(1);
    bytes[8] = 9;
    let checksum = crc32c::crc32c(&bytes[..508]);
    bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    simulator.disk.plant(&path, bytes);
    assert!(matches!(Repair::plan(&simulator.doors(), None), Err(LogError::NewerFormat { .. })));
}

#[test]
fn a_repair_of_a_database_in_use_is_refused() {
    let simulator = log_with(100, 0);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    assert!(matches!(Repair::plan(&simulator.doors(), None), Err(LogError::Locked { .. })));
    log.close().unwrap();
    let planned = Repair::plan(&simulator.doors(), None).unwrap();
    assert!(matches!(open(&simulator.doors(), KEEP_ALL), Err(LogError::Locked { .. })));
    drop(planned);
}

/// Damages a log as the dice say.
fn damage(simulator: &Simulator, dice: &Dice) {
    for _ in 0..=dice.below(2) {
        let files = segments(simulator);
        let (path, bytes) = &files[dice.below(files.len() as u64) as usize];
        match dice.below(6) {
            0 => simulator.disk.take_away(path),
            1 => flip(
                simulator,
                "MANIFEST",
                dice.below(simulator.disk.contents()["MANIFEST"].len() as u64) as usize,
            ),
            2 => simulator.disk.plant(path, bytes[..dice.below(bytes.len() as u64) as usize].to_vec()),
            _ => flip(simulator, path, dice.below(bytes.len() as u64) as usize),
        }
    }
}

#[test]
fn a_repair_that_is_interrupted_anywhere_comes_to_the_same_end() {
    for_seeds(200, |seed| {
        let dice = Dice::new(seed);
        let mut simulator = log_with(150, dice.below(150));
        // Snapshots take most of the time, so some seeds stand for all.
        let sequences = if seed % 4 == 0 { &[30, 60, 90, 120][..] } else { &[] };
        let snapshots = with_snapshots(&simulator, sequences);
        let files = snapshots.list().unwrap().into_iter().flat_map(|listed| listed.found.unwrap().files());
        let files: Vec<_> = files.collect();
        damage(&simulator, &dice);
        let expected = {
            let copy = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
            match Repair::plan(&copy.doors(), None) {
                // Such as a flipped bit behind all batches, which opening mends.
                Ok(planned) if planned.what().reason.is_none() => return,
                Ok(planned) => planned.what().kept_until,
                // Nothing could be read at all, or not the beginning, and nothing says that it was given up.
                Err(LogError::Damaged { .. } | LogError::BeginningGivenUp { .. }) => return,
                Err(error) => panic!("{error}"),
            }
        };
        let whole = simulator.disk.contents();
        for _ in 0..20 {
            simulator.disk.fail_power_after(dice.below(40) + 1);
            let done = Repair::plan(&simulator.doors(), None).and_then(Repair::apply);
            let is_dead = simulator.disk.is_dead();
            assert!(is_dead || done.is_ok(), "{:?}", done.err());
            simulator = if dice.below(3) == 0 {
                simulator.kill(dice.below(u64::MAX))
            } else {
                simulator.power_loss(dice.below(u64::MAX))
            };
            if !is_dead {
                break;
            }
        }
        let done = Repair::plan(&simulator.doors(), None).and_then(Repair::apply);
        done.unwrap_or_else(|error| panic!("{error}"));
        let (log, records, _) = open(&simulator.doors(), KEEP_ALL).unwrap();
        assert_in_order(&records);
        assert_eq!(records.len() as u64, expected.0);
        drop(log);
        // Whatever was there of the segments is still there, and of the snapshots, too.
        let after = simulator.disk.contents();
        for path in &files {
            assert!(after.values().any(|kept| *kept == whole[path]), "{path} is nowhere any more");
        }
        let left = snapshot_support::valid(&SnapshotStore::new(&simulator.doors()));
        // These snapshots are tied to no batch, which shows of one behind the last record that is kept.
        let expected = sequences.iter().copied().filter(|sequence| *sequence < expected.0);
        assert_eq!(
            left.iter().rev().map(|snapshot| snapshot.sequence().0).collect::<Vec<_>>(),
            expected.collect::<Vec<_>>()
        );
        for (path, bytes) in whole.iter().filter(|(path, _)| path.ends_with(".log")) {
            // A crash may give a closed segment back the zeros that were cut off it.
            let is_kept = after.values().any(|kept| kept.starts_with(bytes));
            let is_empty = bytes.get(512..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0));
            assert!(is_kept || is_empty, "{path} is nowhere any more");
        }
    });
}

/// Segments were moved aside before there was room for the one with which the log goes on: the next plan told of fewer
/// transactions that would be given up.
#[test]
fn a_full_disk_stops_a_repair_before_anything_is_changed() {
    for is_missing in [false, true] {
        let whole = log_with(200, 0);
        let (path, bytes) = segments(&whole).swap_remove(1);
        match is_missing {
            true => whole.disk.take_away(&path),
            false => flip(&whole, &path, batches(&bytes)[5].0 + 70),
        }
        let planned = Repair::plan(&whole.doors(), None).unwrap().what().clone();
        let before = whole.disk.contents();
        let mut refused = 0;
        for room in (0..).step_by(4 << 10) {
            let simulator = Simulator { disk: whole.disk.copy(), ..Simulator::new(room) };
            simulator.disk.create_directory("log/aside").unwrap();
            simulator.disk.set_capacity(Some(simulator.disk.used_bytes() + room));
            let plan = Repair::plan(&simulator.doors(), None).unwrap();
            if plan.apply().is_ok() {
                break;
            }
            refused += 1;
            // Trying again makes no more copies.
            let aside = |simulator: &Simulator| {
                let names = simulator.disk.contents().into_keys();
                names.filter(|path| path.starts_with("log/aside/") && !path.ends_with(".tmp")).count()
            };
            let copies = aside(&simulator);
            assert!(Repair::plan(&simulator.doors(), None).unwrap().apply().is_err());
            assert_eq!(aside(&simulator), copies, "with room for {room} bytes");
            simulator.disk.set_capacity(None);
            let after = simulator.disk.contents();
            for (path, bytes) in &before {
                assert!(after.get(path) == Some(bytes), "{path} was changed with room for {room} bytes");
            }
            let (plan, _) = repair(&simulator, None);
            assert_eq!((plan.kept_until, plan.given_up), (planned.kept_until, planned.given_up));
        }
        assert!(refused > 3, "{refused}");
    }
}

/// By the manifest of another database a repair gave all of this one up, and counted what that one had.
#[test]
fn a_manifest_of_another_database_is_no_reason_to_give_anything_up() {
    let simulator = log_with(200, 100);
    let other = Simulator::new(99);
    let (log, ..) = open(&other.doors(), KEEP_ALL).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..3 {
        append(&log, cast).unwrap();
    }
    log.close().unwrap();
    simulator.disk.plant("MANIFEST", other.disk.contents()["MANIFEST"].clone());
    let (plan, records) = repair(&simulator, None);
    assert!(plan.reason.as_ref().unwrap().contains("another database"), "{plan:?}");
    assert_eq!((plan.kept_until, plan.given_up), (Sequence(200), None));
    assert_eq!(records.len(), 200);
}
