//! Repairing a log whose folders hold other files than the manifest lists, or hold them elsewhere: what is
//! listed and whole stays whatever lies beside it, and what is said to be repaired opens.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::Disk;
use interstice_log::sim::Simulator;
use interstice_log::{
    Covered, Finding, Gravity, LogOptions, Record, Repair, RepairPlan, Retention, Sequence, StartingPoint,
    verify,
};
use support::{
    Cast, SMALL, append, assert_in_order, batches, closed_with, go_on, open, open_after, places, segments,
};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };

/// A closed log of so many records whose segments up to a record are in the archive.
fn log_with(records: u64, archived: u64) -> Simulator {
    let simulator = closed_with(records, KEEP_ALL);
    archive(&simulator, archived);
    simulator
}

fn archive(simulator: &Simulator, until: u64) {
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    log.archive(Covered::young(Sequence(until)));
    log.wait_maintained();
    log.close().unwrap();
    for directory in ["", "log", "archive"] {
        simulator.disk.sync_directory(directory).unwrap();
    }
}

fn first_of(segment: &[u8]) -> u64 {
    u64::from_le_bytes(segment[64..72].try_into().unwrap())
}

fn copy_of(simulator: &Simulator) -> Simulator {
    Simulator { disk: simulator.disk.copy(), ..simulator.clone() }
}

/// Plans and applies a repair of a log that does not open, asserts that it opens then, with all its records
/// and without a finding, goes on, and that every segment as it was is still somewhere. Returns the plan and
/// the records.
#[track_caller]
fn repair(simulator: &Simulator, start: Option<&StartingPoint>) -> (RepairPlan, Vec<Record>) {
    let before = segments(simulator);
    assert!(open(&simulator.doors(), KEEP_ALL).is_err(), "a repair is needed");
    let planned = Repair::plan(&simulator.doors(), start).unwrap();
    let plan = planned.what().clone();
    let report = planned.apply().unwrap().unwrap();
    assert_eq!(report.aside.len(), plan.copied.len() + plan.moved.len());
    let after = simulator.disk.contents();
    for (path, bytes) in before {
        assert!(after.values().any(|kept| *kept == bytes), "{path} is nowhere any more");
    }
    assert!(Repair::plan(&simulator.doors(), start).unwrap().what().reason.is_none());
    let (log, records, _) = open(&simulator.doors(), KEEP_ALL).unwrap();
    assert_in_order(&records);
    assert_eq!(records.len() as u64, plan.kept_until.0);
    let cast = Cast::define(&log);
    assert_eq!(append(&log, cast).unwrap(), plan.kept_until.next());
    log.wait_maintained();
    log.close().unwrap();
    drop(log);
    let verified = interstice_log::verify(&simulator.disk, &mut |_| {}).unwrap();
    // The records name an artifact that these tests do not store.
    let found: Vec<_> = verified.findings.iter().filter(|f| !f.path.starts_with("artifacts/")).collect();
    assert!(found.is_empty(), "{found:?}");
    (plan, records)
}

/// The same where nothing may be lost and these files, alone, are put aside.
#[track_caller]
fn repair_keeps_all(simulator: &Simulator, start: Option<&StartingPoint>, records: u64, aside: &[&str]) {
    let (plan, _) = repair(simulator, start);
    assert_eq!((plan.kept_until, plan.given_up), (Sequence(records), None), "{plan:?}");
    assert_eq!((plan.history_until, plan.may_be_more), (None, false), "{plan:?}");
    assert_eq!(plan.moved, aside, "{plan:?}");
}

#[test]
fn a_copy_of_a_segment_under_another_number_costs_nothing() {
    // Somebody copied a segment, and the copy got a number in the middle of another one, or beyond the end.
    // A repair kept the log up to there and gave up the rest, whole and listed as it was; with a snapshot it
    // was the other way round.
    for archived in [0, 150] {
        let whole = log_with(300, archived);
        let start = *places(&whole).iter().find(|place| place.anchor.sequence >= Sequence(250)).unwrap();
        for (_, bytes) in segments(&whole).iter().rev().skip(1).step_by(2) {
            for number in [2, first_of(bytes) + 3, 1000] {
                for folder in ["log", "archive"] {
                    for start in [None, Some(&start)] {
                        let simulator = copy_of(&whole);
                        let stray = format!("{folder}/{number:020}.log");
                        assert!(!simulator.disk.contents().contains_key(&stray));
                        simulator.disk.plant(&stray, bytes.clone());
                        if folder == "archive" {
                            // Nobody looks for a newer segment there.
                            open(&simulator.doors(), KEEP_ALL).unwrap().0.close().unwrap();
                            let planned = Repair::plan(&simulator.doors(), start).unwrap();
                            assert_eq!(*planned.what(), RepairPlan::default());
                            continue;
                        }
                        repair_keeps_all(&simulator, start, 300, &[&stray]);
                    }
                }
            }
        }
    }
}

#[test]
fn a_segment_among_those_that_are_listed_costs_nothing_although_it_could_be_of_the_log() {
    // As of a copy of the folder that was written to as well: same database, same timeline, right number.
    let whole = log_with(300, 100);
    let start = *places(&whole).iter().find(|place| place.anchor.sequence >= Sequence(250)).unwrap();
    let (_, bytes) = segments(&whole).swap_remove(8);
    for number in [2, first_of(&bytes) - 1, 299] {
        for start in [None, Some(&start)] {
            let mut bytes = bytes.clone();
            bytes[64..72].copy_from_slice(&number.to_le_bytes());
            let checksum = crc32c::crc32c(&bytes[..508]);
            bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
            let simulator = copy_of(&whole);
            let stray = format!("log/{number:020}.log");
            simulator.disk.plant(&stray, bytes);
            repair_keeps_all(&simulator, start, 300, &[&stray]);
        }
    }
}

#[test]
fn a_segment_of_another_timeline_costs_nothing() {
    // The history of a copy that was repaired, and went another way from there.
    let whole = log_with(300, 0);
    let other = copy_of(&whole);
    let (path, mut bytes) = segments(&other).swap_remove(4);
    bytes[batches(&segments(&whole)[4].1)[5].0 + 70] ^= 1;
    other.disk.plant(&path, bytes);
    Repair::plan(&other.doors(), None).unwrap().apply().unwrap().unwrap();
    go_on(&other, KEEP_ALL, 300);
    let ours = whole.disk.contents();
    let timeline = |bytes: &[u8]| bytes[32..48].to_vec();
    let own = timeline(&segments(&whole)[0].1);
    let strays: Vec<_> = segments(&other)
        .into_iter()
        .filter(|(path, bytes)| {
            timeline(bytes) != own && path.starts_with("log/0") && !ours.contains_key(path)
        })
        .collect();
    assert!(first_of(&strays[0].1) < 300 && first_of(&strays[strays.len() - 1].1) > 301);
    let start = *places(&whole).iter().find(|place| place.anchor.sequence >= Sequence(250)).unwrap();
    for start in [None, Some(&start)] {
        for (path, bytes) in &strays {
            let simulator = copy_of(&whole);
            simulator.disk.plant(path, bytes.clone());
            repair_keeps_all(&simulator, start, 300, &[path]);
        }
    }
}

#[test]
fn a_file_that_is_no_segment_costs_nothing() {
    for number in [40, 290, 1000] {
        for bytes in [Vec::new(), vec![7; 100], vec![7; 4096]] {
            let simulator = log_with(300, 100);
            let stray = format!("log/{number:020}.log");
            simulator.disk.plant(&stray, bytes);
            let (plan, _) = repair(&simulator, None);
            assert_eq!((plan.kept_until, plan.given_up), (Sequence(300), None));
            assert_eq!(plan.moved, [stray]);
            // Behind the end it may have been one.
            assert_eq!(plan.may_be_more, number > 300);
        }
    }
}

#[test]
fn a_file_that_is_not_listed_changes_nothing_of_what_damage_costs() {
    let whole = log_with(300, 0);
    let files = segments(&whole);
    let (path, mut bytes) = files[3].clone();
    bytes[batches(&files[3].1)[5].0 + 70] ^= 1;
    whole.disk.plant(&path, bytes);
    let alone = Repair::plan(&whole.doors(), None).unwrap().what().clone();
    for number in [first_of(&files[1].1) + 1, first_of(&files[5].1) + 1, alone.kept_until.0 + 1, 1000] {
        let simulator = copy_of(&whole);
        let stray = format!("log/{number:020}.log");
        simulator.disk.plant(&stray, files[1].1.clone());
        let (plan, _) = repair(&simulator, None);
        assert_eq!((plan.kept_until, plan.given_up), (alone.kept_until, alone.given_up));
        assert_eq!((&plan.reason, plan.may_be_more), (&alone.reason, true));
        assert!(plan.moved.contains(&stray));
    }
}

#[test]
fn a_history_that_went_on_in_another_timeline_is_told_of() {
    // The manifest is that from before a repair: what came after it goes on from the end of what is listed.
    let simulator = log_with(100, 0);
    let stray = support::plant_unlisted(&simulator, 100, 513);
    let old = simulator.disk.contents()["MANIFEST"].clone();
    Repair::plan(&simulator.doors(), None).unwrap().apply().unwrap().unwrap();
    go_on(&simulator, KEEP_ALL, 100);
    // The repair closed the listed newest segment and cut it.
    let newest = segments(&simulator).into_iter().rfind(|(path, _)| path < &stray).unwrap();
    let mut longer = newest.1.clone();
    longer.resize(16 << 10, 0);
    simulator.disk.plant(&newest.0, longer);
    simulator.disk.plant("MANIFEST", old);
    let (plan, _) = repair(&simulator, None);
    assert_eq!(plan.kept_until, Sequence(100));
    let given_up = plan.given_up.unwrap();
    assert_eq!((given_up.first, given_up.last), (Sequence(101), Sequence(200)));
}

#[test]
fn bytes_behind_an_archived_segment_are_cut_off_it() {
    // Opening refuses such a file, and a repair gave up all that was in it, and all before or after it.
    let whole = log_with(300, 200);
    let start = *places(&whole).last().unwrap();
    let archived = segments(&whole).into_iter().filter(|(path, _)| path.starts_with("archive/"));
    for (path, bytes) in archived {
        for start in [None, Some(&start)] {
            let simulator = copy_of(&whole);
            simulator.disk.plant(&path, [&bytes[..], b"\n"].concat());
            let (plan, _) = repair(&simulator, start);
            assert_eq!((plan.kept_until, plan.given_up), (Sequence(300), None), "{plan:?}");
            assert_eq!(plan.history_until, None);
            assert!(plan.copied.contains(&path) && simulator.disk.contents()[&path] == bytes);
        }
    }
}

/// The files of one folder that are moved to the other.
fn misplaced(simulator: &Simulator, path: &str) -> String {
    let to = match path.strip_prefix("log/") {
        Some(name) => format!("archive/{name}"),
        None => path.replace("archive/", "log/"),
    };
    let bytes = simulator.disk.contents()[path].clone();
    simulator.disk.create_directory("archive").unwrap();
    simulator.disk.take_away(path);
    simulator.disk.plant(&to, bytes);
    to
}

#[test]
fn a_segment_in_the_other_folder_opens_after_the_repair() {
    // The repair kept its records and said that it had repaired the log, and the new manifest listed the
    // file where it was not.
    let whole = log_with(300, 150);
    let newest = segments(&whole).iter().map(|(_, bytes)| first_of(bytes)).max();
    for (path, bytes) in segments(&whole) {
        let simulator = copy_of(&whole);
        let elsewhere = misplaced(&simulator, &path);
        // It was called what a crash left behind.
        let found = verify(&simulator.disk, &mut |_| ()).unwrap().findings;
        let said = |finding: &&Finding| finding.path == elsewhere && finding.what.contains(&path);
        assert_eq!(
            found.iter().filter(said).map(|finding| finding.gravity).collect::<Vec<_>>(),
            [Gravity::Damage]
        );
        let (plan, records) = repair(&simulator, None);
        assert_eq!((records.len(), plan.given_up), (300, None));
        if Some(first_of(&bytes)) == newest {
            // It is written again, since it ends behind its last record from now on.
            assert!(plan.copied.contains(&elsewhere), "{plan:?}");
        } else {
            assert_eq!(plan.relocated, [(elsewhere, path.clone())]);
        }
        // It is where files of its kind belong.
        let after = simulator.disk.contents();
        assert!(after[&path].len() <= bytes.len() && after[&path][..12] == bytes[..12]);
    }
    let simulator = copy_of(&whole);
    for (path, _) in segments(&whole) {
        misplaced(&simulator, &path);
    }
    let (plan, records) = repair(&simulator, None);
    assert_eq!((records.len(), plan.given_up), (300, None));
}

#[test]
fn an_old_manifest_finds_the_segments_that_were_archived_since() {
    for snapshot in [false, true] {
        let simulator = log_with(300, 100);
        let start = *places(&simulator).iter().find(|place| place.anchor.sequence >= Sequence(250)).unwrap();
        let old = simulator.disk.contents()["MANIFEST"].clone();
        archive(&simulator, 200);
        let expected = simulator.disk.contents();
        simulator.disk.plant("MANIFEST", old);
        let (plan, records) = repair(&simulator, snapshot.then_some(&start));
        assert_eq!((records.len(), plan.given_up, plan.may_be_more), (300, None, false));
        assert!(plan.moved.is_empty() && plan.history_until.is_none());
        // What the manifest says of the archived ones is what it said when they were archived.
        let lines = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines().filter(|line| line.starts_with("archived ")).map(str::to_owned).collect::<Vec<_>>()
        };
        let after = simulator.disk.contents();
        assert_eq!(lines(&after["MANIFEST"]), lines(&expected["MANIFEST"]));
        let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).unwrap();
        log.close().unwrap();
    }
}

#[test]
fn a_damaged_segment_whose_other_copy_is_whole_costs_nothing() {
    // A crash had left the plain segment beside the compressed one, or somebody had copied it there: the one
    // that was listed was damaged, and a repair gave up what followed it although all of it was there.
    let plain = closed_with(300, KEEP_ALL).disk.contents();
    let whole = log_with(300, 150);
    let files = segments(&whole);
    for (index, (path, bytes)) in files.iter().enumerate().take(files.len() - 1) {
        let name = path.split('/').next_back().unwrap();
        let other = if path.starts_with("log/") { format!("archive/{name}") } else { format!("log/{name}") };
        let mut flipped = bytes.clone();
        flipped[600] ^= 1;
        for damaged in [flipped, bytes[..100].to_vec(), files[(index + 1) % 5].1.clone()] {
            for copy in [bytes, &plain[&format!("log/{name}")]] {
                let simulator = copy_of(&whole);
                simulator.disk.plant(path, damaged.clone());
                simulator.disk.plant(&other, copy.clone());
                let (plan, _) = repair(&simulator, None);
                assert_eq!((plan.kept_until, plan.given_up), (Sequence(300), None), "{plan:?}");
                assert!(
                    !plan.may_be_more && [&plan.copied, &plan.moved].iter().any(|all| all.contains(path))
                );
            }
        }
    }
}

#[test]
fn a_copy_under_another_number_does_not_keep_a_lost_manifest_from_being_made_again() {
    for archived in [0, 150] {
        let simulator = log_with(300, archived);
        let files = segments(&simulator);
        for (number, from) in [(2, 3), (first_of(&files[5].1) + 3, 1), (1000, 2)] {
            simulator.disk.plant(&format!("log/{number:020}.log"), files[from].1.clone());
        }
        simulator.disk.take_away("MANIFEST");
        let (plan, records) = repair(&simulator, None);
        assert_eq!((records.len(), plan.given_up, plan.moved.len()), (300, None, 3));
    }
}

#[test]
fn a_repair_that_moves_segments_and_is_interrupted_comes_to_the_same_end() {
    let whole = log_with(150, 80);
    let files = segments(&whole);
    support::for_seeds(40, |seed| {
        let dice = support::Dice::new(seed);
        let mut simulator = copy_of(&whole);
        for (index, (path, bytes)) in files.iter().enumerate() {
            let is_closed = index + 1 < files.len();
            match dice.below(3) {
                0 => drop(misplaced(&simulator, path)),
                // It is whole in the other folder only.
                1 if is_closed => {
                    misplaced(&simulator, path);
                    simulator.disk.plant(path, bytes[..dice.below(bytes.len() as u64) as usize].to_vec());
                }
                _ => {}
            }
        }
        let (_, bytes) = &files[dice.below(files.len() as u64) as usize];
        simulator.disk.plant(&format!("log/{:020}.log", dice.below(20) + 2), bytes.clone());
        for directory in ["", "log", "archive"] {
            simulator.disk.sync_directory(directory).unwrap();
        }
        for _ in 0..10 {
            simulator.disk.fail_power_after(dice.below(40) + 1);
            let done = Repair::plan(&simulator.doors(), None).and_then(Repair::apply);
            let is_dead = simulator.disk.is_dead();
            assert!(is_dead || done.is_ok(), "{:?}", done.err());
            simulator = match dice.below(2) {
                0 => simulator.kill(dice.below(u64::MAX)),
                _ => simulator.power_loss(dice.below(u64::MAX)),
            };
            if !is_dead {
                break;
            }
        }
        Repair::plan(&simulator.doors(), None).and_then(Repair::apply).unwrap();
        let (log, records, _) = open(&simulator.doors(), KEEP_ALL).unwrap();
        assert_in_order(&records);
        assert_eq!(records.len(), 150);
        drop(log);
    });
}
