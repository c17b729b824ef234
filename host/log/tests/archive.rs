//! Closed segments in the archive: compressed, checked, read as if they were plain, and moved there in
//! steps of which a crash may follow any.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{
    BoxError, Covered, Definitions, Gravity, Log, LogError, LogFilter, LogOptions, LogReader, Record,
    RecordParts, Retention, Sequence, StartingPoint,
};
use std::ops::ControlFlow;
use support::{
    Cast, Dice, SMALL, append, append_sized, assert_in_order, assert_in_order_after, closed_with, for_seeds,
    last_place, open, open_after, segments,
};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };

/// A machine with a closed log of so many records whose closed segments are all in the archive.
fn archived_with(records: u64) -> Simulator {
    let simulator = closed_with(records, KEEP_ALL);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    log.archive(Covered::young(Sequence(records)));
    log.wait_maintained();
    assert!(log.maintenance().failure.is_none() && log.maintenance().damaged.is_empty());
    log.close().unwrap();
    simulator
}

fn archived(simulator: &Simulator) -> Vec<(String, Vec<u8>)> {
    segments(simulator).into_iter().filter(|(path, _)| path.starts_with("archive/")).collect()
}

/// Reads the log without changing it; nothing if it is refused.
fn read(simulator: &Simulator) -> Result<Vec<Record>, LogError> {
    let mut records = Vec::new();
    let mut collect = |record: &RecordParts<'_>, definitions: &Definitions| -> Result<(), BoxError> {
        records.push(Record::resolve(record, definitions));
        Ok(())
    };
    LogReader::open(&simulator.doors())?.replay(&mut collect)?;
    Ok(records)
}

#[test]
fn a_log_in_the_archive_is_read_and_continued_as_before() {
    let plain = closed_with(200, KEEP_ALL);
    let count = segments(&plain).len();
    let simulator = archived_with(200);
    let files = archived(&simulator);
    assert!(files.len() > 4 && files.len() == count - 1, "all but the newest");
    assert_eq!(segments(&simulator).iter().filter(|(path, _)| path.starts_with("log/")).count(), 1);
    let bytes = |files: &[(String, Vec<u8>)]| files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    assert!(bytes(&files) * 3 < bytes(&segments(&plain)), "{} bytes", bytes(&files));

    assert!(read(&simulator).unwrap() == read(&plain).unwrap());
    let mut found = Vec::new();
    let filter = LogFilter { from: Some(Sequence(77)), to: Some(Sequence(99)), ..LogFilter::default() };
    let mut visit = |record: Record| {
        found.push(record.sequence.0);
        ControlFlow::Continue(())
    };
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let report = reader.search(&filter, &mut visit, &mut |_| {}).unwrap();
    drop(reader);
    assert_eq!((found, report.unindexed), ((77..=99).collect(), 0));

    let (log, records, report) = open(&simulator.doors(), KEEP_ALL).unwrap();
    assert!(records.len() == 200 && !report.rewritten && report.segments == count);
    let cast = Cast::define(&log);
    for _ in 0..100 {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    let simulator = simulator.power_loss(3);
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), KEEP_ALL).unwrap();
    assert_in_order(&records);
    assert_eq!(records.len(), 300);
}

#[test]
fn any_zstd_reads_the_batches_of_an_archived_segment() {
    let plain = closed_with(100, KEEP_ALL);
    let simulator = archived_with(100);
    for ((_, before), (_, after)) in segments(&plain).iter().zip(archived(&simulator)) {
        let batches = zstd::stream::decode_all(&after[512..]).unwrap();
        assert!(batches == before[512..]);
    }
}

#[test]
fn only_segments_wholly_up_to_the_given_record_are_archived() {
    let simulator = closed_with(200, KEEP_ALL);
    let firsts: Vec<u64> = segments(&simulator)
        .iter()
        .map(|(_, bytes)| u64::from_le_bytes(bytes[64..72].try_into().unwrap()))
        .collect();
    for (before, expected) in [(firsts[1] - 2, 0), (firsts[1] - 1, 1), (firsts[1], 1), (firsts[3] - 1, 3)] {
        let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
        log.archive(Covered::young(Sequence(before)));
        log.wait_maintained();
        log.close().unwrap();
        assert_eq!(archived(&simulator).len(), expected, "before {before}");
    }
}

#[test]
fn an_older_program_is_told_of_the_newer_format() {
    let simulator = archived_with(60);
    let manifest = String::from_utf8(simulator.disk.contents()["MANIFEST"].clone()).unwrap();
    // What a program of format 1 reads of it: this line, the checksum at the end, and no more.
    assert!(manifest.starts_with("interstice database, format 2\n"), "{manifest}");
    let (_, segment) = archived(&simulator).swap_remove(0);
    assert_eq!((segment[8], segment[12]), (2, 1), "format 2, codec 1");
    // A log without anything new in it stays one that an older program reads.
    let plain = closed_with(60, KEEP_ALL);
    assert!(plain.disk.contents()["MANIFEST"].starts_with(b"interstice database, format 1\n"));
}

#[test]
fn every_flipped_bit_of_an_archived_segment_is_refused() {
    let simulator = archived_with(60);
    let (path, whole) = archived(&simulator).swap_remove(0);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        simulator.disk.plant(&path, bytes);
        let error = read(&simulator).err().unwrap_or_else(|| panic!("bit {bit} was not noticed"));
        assert!(error.to_string().contains(&path), "{error}");
    }
}

#[test]
fn a_forged_header_of_an_archived_segment_is_refused_without_a_panic() {
    let simulator = archived_with(60);
    let (path, whole) = archived(&simulator).swap_remove(0);
    let all = read(&simulator).unwrap();
    let dice = Dice::new(1);
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..=dice.below(3) {
            let at = [152, 160, 168, 172][dice.below(4) as usize];
            let old = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let forged = match dice.below(4) {
                0 => u64::MAX >> dice.below(64),
                1 => old.wrapping_add(dice.below(2000)).wrapping_sub(1000),
                2 => old & 0xffff_ffff,
                _ => 1 << dice.below(64),
            };
            bytes[at..at + 8].copy_from_slice(&forged.to_le_bytes());
        }
        bytes[176..508].fill(0);
        if bytes == whole {
            continue;
        }
        let checksum = crc32c::crc32c(&bytes[..508]);
        bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
        if bytes != whole {
            simulator.disk.plant(&path, bytes);
            // One frame of another length than was said may hold the same all the same.
            assert!(read(&simulator).map_or(true, |records| records == all));
        }
    }
}

#[test]
fn an_archived_segment_of_another_length_is_refused() {
    let simulator = archived_with(60);
    let (path, whole) = archived(&simulator).swap_remove(0);
    for length in (0..whole.len()).chain([whole.len() + 1]) {
        let mut bytes = whole.clone();
        bytes.resize(length, 0);
        simulator.disk.plant(&path, bytes);
        assert!(read(&simulator).is_err(), "{length} bytes of {}", whole.len());
    }
}

#[test]
fn a_missing_archived_segment_is_refused_by_name() {
    let simulator = archived_with(60);
    let (path, _) = archived(&simulator).swap_remove(0);
    simulator.disk.take_away(&path);
    let error = read(&simulator).unwrap_err().to_string();
    assert!(error.contains(&format!("{path} is missing")) && error.contains("repair"), "{error}");
}

#[test]
fn a_damaged_segment_is_never_archived() {
    let simulator = closed_with(120, KEEP_ALL);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    // It is damaged after it was read, while the log is open.
    let (path, mut bytes) = segments(&simulator).swap_remove(1);
    bytes[700] ^= 1;
    simulator.disk.plant(&path, bytes.clone());
    let count = segments(&simulator).len();
    log.archive(Covered::young(Sequence(120)));
    log.wait_maintained();
    let report = log.maintenance();
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert_eq!(report.archived as usize, count - 2);
    assert!(simulator.disk.contents()[&path] == bytes, "the damaged file stays as it was");
    assert!(!simulator.disk.contents().contains_key("archive/archive.tmp"));
    log.close().unwrap();
}

#[test]
fn a_segment_that_ends_otherwise_than_is_listed_is_neither_indexed_nor_archived() {
    // An opening after a snapshot does not read the segments before it; the background work does.
    let simulator = closed_with(150, KEEP_ALL);
    let start = last_place(&simulator).unwrap();
    let (path, _) = segments(&simulator).swap_remove(0);
    simulator.disk.take_away(&path.replace(".log", ".index"));
    let manifest = String::from_utf8(simulator.disk.contents()["MANIFEST"].clone()).unwrap();
    let (body, _) = manifest.rsplit_once("crc32c").unwrap();
    let at = body.find(" link ").unwrap() + 6;
    let (other, mut body) = (if &body[at..=at] == "0" { "1" } else { "0" }, body.to_owned());
    body.replace_range(at..=at, other);
    let manifest = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    simulator.disk.plant("MANIFEST", manifest.into_bytes());
    let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, Some(&start)).unwrap();
    log.archive(Covered::young(Sequence(150)));
    log.wait_maintained();
    let report = log.maintenance();
    assert!(report.archived == 0 && report.damaged[0].contains("ends with record"), "{report:?}");
    let files = simulator.disk.contents();
    assert!(files.contains_key(&path) && !files.contains_key(&path.replace(".log", ".index")));
    log.close().unwrap();
}

#[test]
fn a_full_disk_puts_off_the_archive_and_harms_nothing() {
    for_seeds(60, |seed| {
        let dice = Dice::new(seed);
        let simulator = closed_with(120, KEEP_ALL);
        for (path, _) in simulator.disk.contents() {
            if path.ends_with(".index") {
                simulator.disk.take_away(&path);
            }
        }
        let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
        let count = segments(&simulator).len() as u64;
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes() + dice.below(20_000)));
        log.archive(Covered::young(Sequence(120)));
        log.wait_maintained();
        let report = log.maintenance();
        assert!(
            report.failure.is_none() && report.damaged.is_empty() && report.archived < count,
            "{report:?}"
        );
        assert!(log.poisoned().is_none());
        // The room that it took is what the writer lacks.
        assert!(!simulator.disk.contents().contains_key("archive/archive.tmp"));
        simulator.disk.set_capacity(None);
        simulator.clock.advance(61_000_000);
        simulator.threads.run_until_idle();
        assert_eq!(log.maintenance().archived, count - 1);
        log.close().unwrap();
        drop(log);
        let (_log, records, _) = open(&simulator.doors(), KEEP_ALL).unwrap();
        assert!(records.len() == 120);
    });
}

#[test]
fn what_a_crash_leaves_between_two_steps_is_removed() {
    let plain = closed_with(120, KEEP_ALL);
    let simulator = archived_with(120);
    let (first, second) = (segments(&plain).swap_remove(0), segments(&plain).swap_remove(1));
    // Listed as archived, and the plain file not yet removed.
    simulator.disk.plant(&first.0, first.1);
    simulator.disk.plant(&second.0.replace(".log", ".index"), vec![1; 100]);
    simulator.disk.plant("archive/archive.tmp", vec![1; 100]);
    // A stranger with the name of an archived segment stays.
    let mut stranger = second.1.clone();
    stranger[16] ^= 1;
    let checksum = crc32c::crc32c(&stranger[..508]);
    stranger[508..512].copy_from_slice(&checksum.to_le_bytes());
    simulator.disk.plant(&second.0, stranger);
    let (log, records, _) = open(&simulator.doors(), KEEP_ALL).unwrap();
    assert_eq!(records.len(), 120);
    log.wait_maintained();
    assert_eq!(log.maintenance().removed, 2);
    log.close().unwrap();
    let contents = simulator.disk.contents();
    assert!(!contents.contains_key(&first.0) && !contents.contains_key("archive/archive.tmp"));
    assert!(contents.contains_key(&second.0));

    // In the archive, and not listed there yet.
    let plain = closed_with(120, KEEP_ALL);
    let (path, bytes) = archived(&simulator).swap_remove(0);
    plain.disk.plant("archive/.keep", Vec::new());
    use interstice_log::doors::Disk;
    plain.disk.create_directory("archive").unwrap();
    plain.disk.plant(&path, bytes);
    let (log, records, _) = open(&plain.doors(), KEEP_ALL).unwrap();
    assert_eq!(records.len(), 120);
    log.wait_maintained();
    log.close().unwrap();
    // The ids of the two machines are equal, as their seeds are.
    assert!(!plain.disk.contents().contains_key(&path));
}

#[test]
fn nothing_is_removed_for_a_manifest_that_is_in_memory_only() {
    // The sync of the directory failed after a manifest was renamed that lists a segment as archived. The
    // next opening found a log that was closed and a full disk, on which it could not publish the manifest
    // anew; the plain file was removed all the same, and a loss of power brought back the manifest that
    // lists it.
    use interstice_log::doors::Disk;
    let mut poisoned = 0;
    for seed in 0..60 {
        let simulator = closed_with(60, KEEP_ALL);
        let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
        log.wait_maintained();
        simulator.disk.fail_directory_sync_after(seed % 6);
        log.archive(Covered::young(Sequence(60)));
        log.wait_maintained();
        poisoned += u64::from(log.poisoned().is_some());
        let simulator = simulator.kill(seed);
        drop(log);
        for path in ["log/reserve.tmp", "log/ballast.tmp", "MANIFEST.tmp", "archive/archive.tmp"] {
            let _ = simulator.disk.remove(path);
        }
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
        let (log, records, report) = open(&simulator.doors(), KEEP_ALL).unwrap();
        assert!(records.len() == 60 && !report.unclosed);
        log.wait_maintained();
        let after = simulator.power_loss(seed);
        drop(log);
        after.disk.set_capacity(None);
        let (log, records, _) = open(&after.doors(), KEEP_ALL).unwrap();
        assert_eq!(records.len(), 60, "seed {seed}");
        log.archive(Covered::young(Sequence(60)));
        log.wait_maintained();
        assert!(log.maintenance().failure.is_none());
        log.close().unwrap();
    }
    assert!(poisoned >= 10, "{poisoned}");
}

#[test]
fn power_may_fail_at_every_step_of_archiving() {
    let closed = closed_with(60, KEEP_ALL);
    for at in 1.. {
        let mut is_over = false;
        for seed in 0..8 {
            let machine = Simulator { disk: closed.disk.copy(), ..closed.clone() };
            let (log, ..) = open(&machine.doors(), KEEP_ALL).unwrap();
            machine.disk.fail_power_after(at);
            log.archive(Covered::young(Sequence(60)));
            log.wait_maintained();
            is_over = !machine.disk.is_dead();
            let after = machine.power_loss(seed);
            drop(log);
            let (log, records, _) = open(&after.doors(), KEEP_ALL)
                .unwrap_or_else(|error| panic!("power failed at step {at}, seed {seed}: {error}"));
            assert!(records.len() == 60, "power failed at step {at}, seed {seed}");
            log.close().unwrap();
        }
        if is_over {
            assert!(at > 20, "only {at} steps");
            break;
        }
    }
}

/// A log that is used, archived and given up from, on a machine that fails at any moment. What stands
/// for a snapshot is a place in the log that had been safe when it was noted.
fn survive(seed: u64) {
    let dice = Dice::new(seed);
    let mut simulator = Simulator::new(seed);
    let retention = [Retention::KeepAll, Retention::KeepNone, Retention::KeepDays(1)][dice.below(3) as usize];
    let options = LogOptions { retention, ..SMALL };
    let mut promised = Sequence::ZERO;
    let mut appended = Sequence::ZERO;
    let mut snapshots: Vec<StartingPoint> = Vec::new();
    for _ in 0..6 {
        let (machine, log, found) =
            open_through_failures(simulator, options, snapshots.last(), &dice, promised);
        simulator = machine;
        assert!(found >= promised, "{promised} was promised, {found} was found");
        assert!(found <= appended, "{appended} was appended, {found} was found");
        match dice.below(6) {
            0 | 1 => simulator.disk.fail_power_after(dice.below(250) + 1),
            2 => simulator.disk.fail_sync_after(dice.below(60)),
            3 => simulator.disk.fail_write_after(dice.below(60)),
            _ => {}
        }
        promised = promised.max(found);
        let cast = Cast::define(&log);
        for _ in 0..dice.below(120) {
            let done = match dice.below(14) {
                0..=6 => {
                    let size = [0, 10, 700, 3000][dice.below(4) as usize];
                    append_sized(&log, cast, size).map(|_| ())
                }
                7 => {
                    simulator.threads.run(dice.below(40) as usize);
                    Ok(())
                }
                8 => {
                    simulator.clock.advance(dice.below(40 * 3_600_000_000));
                    Ok(())
                }
                9 | 10 => {
                    let waited = log.wait_durable(log.next_sequence().previous());
                    if waited.is_ok() && !simulator.disk.is_dead() {
                        snapshots.extend(last_place(&simulator));
                    }
                    waited
                }
                11 => {
                    // The older of the two newest is the one that everything may rest on.
                    if let Some(older) = snapshots.len().checked_sub(2) {
                        let oldest = snapshots[dice.below(older as u64 + 1) as usize].anchor;
                        log.archive(Covered {
                            until: snapshots[older].anchor.sequence,
                            oldest: oldest.sequence,
                            oldest_micros: oldest.latest_micros,
                        });
                    }
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
        appended = log.next_sequence().previous();
        if dice.below(3) == 0 && log.close().is_ok() {
            promised = appended;
        }
        let after = match dice.below(3) {
            0 => simulator.kill(dice.below(u64::MAX)),
            _ => simulator.power_loss(dice.below(u64::MAX)),
        };
        drop(log);
        simulator = after;
        // Whatever the manifest lists is there and whole, also what no opening reads.
        let verified = match interstice_log::verify(&simulator.disk, &mut |_| {}) {
            Ok(report) => report.findings,
            Err(LogError::NoDatabase { .. }) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        let damaged = verified
            .iter()
            .find(|finding| finding.gravity == Gravity::Damage && support::is_of_the_log(finding));
        assert!(damaged.is_none(), "{damaged:?}");
        // Either of the two newest snapshots can be started from.
        if let Some(older) = snapshots.len().checked_sub(2) {
            let copy = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
            let start = snapshots[older];
            let (log, records, report) = open_after(&copy.doors(), options, Some(&start)).unwrap();
            assert_in_order_after(start.anchor.sequence, &records);
            assert!(report.last >= promised);
            drop(log);
        }
    }
}

/// Opens the log, with the power failing meanwhile as often as the dice say.
fn open_through_failures(
    mut simulator: Simulator,
    options: LogOptions,
    snapshot: Option<&StartingPoint>,
    dice: &Dice,
    promised: Sequence,
) -> (Simulator, Log, Sequence) {
    loop {
        if dice.below(4) == 0 {
            simulator.disk.fail_power_after(dice.below(40) + 1);
        }
        // Without a snapshot the log alone must do, unless its beginning was given up.
        let alone = LogReader::open(&simulator.doors()).map(|reader| reader.first() == Sequence(1));
        let start = snapshot.filter(|_| !alone.unwrap_or(true) || dice.below(2) == 0);
        match open_after(&simulator.doors(), options, start) {
            Ok((log, records, report)) => {
                let before = start.map_or(Sequence::ZERO, |start| start.anchor.sequence);
                assert_in_order_after(before, &records);
                assert_eq!(before.0 + records.len() as u64, report.last.0);
                return (simulator, log, report.last);
            }
            Err(error) => {
                assert!(simulator.disk.is_dead(), "refused to open after {promised}: {error}");
                simulator = simulator.power_loss(dice.below(u64::MAX));
            }
        }
    }
}

#[test]
fn acknowledged_records_survive_indexing_archiving_and_retention() {
    for_seeds(400, survive);
}
