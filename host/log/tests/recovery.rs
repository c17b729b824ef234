//! The table of docs/recovery.md, row by row: what is mended, what is refused, and that a refusal
//! changes nothing.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{BoxError, Definitions, Log, LogError, LogReader, RecordParts, Sequence};
use support::{
    Cast, SMALL, append, assert_in_order, batches, closed_with, killed_with, machine_with, open, segments,
};

/// Damages one segment with `damage`, and asserts that opening refuses with an error that names the
/// file and `expected`, and leaves every byte as it was.
#[track_caller]
fn check_refused(simulator: &Simulator, damage: impl FnOnce(&Simulator), expected: &str) {
    damage(simulator);
    let before = simulator.disk.contents();
    let error = open(&simulator.doors(), SMALL).err().expect("it was to be refused").to_string();
    assert!(error.contains(expected), "{error}");
    assert!(simulator.disk.contents() == before, "a refusal changes nothing");
    let error = match LogReader::open(&simulator.doors()) {
        Err(error) => error.to_string(),
        Ok(reader) => reader.replay(&mut ignore).unwrap_err().to_string(),
    };
    assert!(error.contains(expected), "{error}");
}

fn ignore(_: &RecordParts<'_>, _: &Definitions) -> Result<(), BoxError> {
    Ok(())
}

/// Changes the bytes of the segment with this index.
fn edit(simulator: &Simulator, index: usize, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (path, mut bytes) = segments(simulator).swap_remove(index);
    change(&mut bytes);
    simulator.disk.plant(&path, bytes);
    path
}

fn reseal(segment: &mut [u8]) {
    let checksum = crc32c::crc32c(&segment[..508]);
    segment[508..512].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_torn_write_beyond_all_marks_is_kept_aside_and_dropped() {
    let simulator = killed_with(3, SMALL);
    let mut torn = Vec::new();
    edit(&simulator, 0, |segment| {
        let (offset, length) = *batches(segment).last().unwrap();
        segment[offset + length - 1] ^= 1;
        segment[offset + 70] ^= 1;
        torn = segment[offset..offset + length].to_vec();
    });
    let (log, records, report) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 2);
    let found = report.torn.unwrap();
    assert_eq!(found.length, torn.len() as u64);
    let aside = found.aside.unwrap();
    assert!(aside.starts_with("log/aside/"), "{aside}");
    assert!(simulator.disk.contents()[&aside] == torn);
    // The log goes on where the torn write was, and what was dropped never comes back.
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
    let (_log, records, report) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!((records.len(), report.torn), (3, None));
}

#[test]
fn a_reader_reports_a_torn_write_and_leaves_it() {
    let simulator = killed_with(3, SMALL);
    edit(&simulator, 0, |segment| {
        let (offset, _) = *batches(segment).last().unwrap();
        segment[offset] ^= 1;
    });
    let before = simulator.disk.contents();
    let report = LogReader::open(&simulator.doors()).unwrap().replay(&mut ignore).unwrap();
    assert!(report.unclosed && report.last == Sequence(2));
    assert!(report.torn.unwrap().aside.is_none());
    assert!(simulator.disk.contents() == before);
}

#[test]
fn damage_before_a_later_batch_is_refused() {
    for at in [0, 33, 45, 53, 57, 61, 64, 90, 511] {
        let simulator = killed_with(4, SMALL);
        let flip = |simulator: &Simulator| {
            edit(simulator, 0, |segment| {
                let (offset, _) = batches(segment)[1];
                segment[offset + at] ^= 4;
            });
        };
        check_refused(&simulator, flip, "log/00000000000000000001.log is damaged at byte");
    }
}

#[test]
fn a_batch_that_became_zeros_is_refused_when_a_later_one_stands() {
    let simulator = killed_with(4, SMALL);
    let wipe = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            let (offset, length) = batches(segment)[1];
            segment[offset..offset + length].fill(0);
        });
    };
    check_refused(&simulator, wipe, "zeros where a batch was expected");
}

#[test]
fn an_idle_log_is_marked_so_that_damage_to_its_last_record_is_refused() {
    let (simulator, log) = machine_with(3, SMALL);
    simulator.clock.advance(1_000_000);
    simulator.threads.run_until_idle();
    simulator.clock.advance(1_000_000);
    simulator.threads.run_until_idle();
    let after = simulator.kill(2);
    drop(log);
    let flip = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            let (offset, _) = batches(segment)[2];
            segment[offset + 100] ^= 1;
        });
    };
    check_refused(&after, flip, "a later batch at byte");
}

#[test]
fn a_closed_log_knows_its_last_record() {
    let simulator = closed_with(3, SMALL);
    // The records and the marks after them vanish as if they had never been written.
    let wipe = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            let (offset, _) = batches(segment)[1];
            segment[offset..].fill(0);
        });
    };
    check_refused(&simulator, wipe, "the log ends with record 1, but the manifest knows 3");
}

#[test]
fn a_missing_segment_is_refused_wherever_it_stood() {
    let count = segments(&closed_with(60, SMALL)).len();
    assert!(count > 2);
    for index in 0..count {
        let simulator = closed_with(60, SMALL);
        let path = segments(&simulator)[index].0.clone();
        check_refused(&simulator, |simulator| simulator.disk.take_away(&path), &format!("{path} is missing"));
    }
}

#[test]
fn a_segment_in_the_place_of_another_is_refused() {
    let simulator = closed_with(60, SMALL);
    let swap = |simulator: &Simulator| {
        let segments = segments(simulator);
        simulator.disk.plant(&segments[1].0, segments[0].1.clone());
    };
    check_refused(&simulator, swap, "is not the one that the manifest lists");
}

#[test]
fn a_segment_of_another_timeline_or_database_is_refused() {
    for (at, expected) in [(32, "another timeline"), (48, "another database")] {
        let simulator = closed_with(60, SMALL);
        let exchange = |simulator: &Simulator| {
            edit(simulator, 0, |segment| {
                segment[at] ^= 1;
                reseal(segment);
            });
        };
        check_refused(&simulator, exchange, expected);
    }
}

#[test]
fn a_header_that_disagrees_with_the_records_before_it_is_refused() {
    for (at, expected) in [
        (64, "begins with another record than its name says"),
        (88, "catalog is not the one that the records before it made"),
        (120, "not linked to the batch before it"),
    ] {
        let simulator = closed_with(60, SMALL);
        let exchange = |simulator: &Simulator| {
            edit(simulator, 1, |segment| {
                segment[at] ^= 1;
                reseal(segment);
            });
        };
        check_refused(&simulator, exchange, expected);
    }
}

#[test]
fn a_gap_in_the_sequence_is_refused() {
    let simulator = killed_with(5, SMALL);
    let cut_out = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            let (offset, length) = batches(segment)[2];
            let capacity = segment.len();
            segment.drain(offset..offset + length);
            segment.resize(capacity, 0);
        });
    };
    check_refused(&simulator, cut_out, "a batch begins with record 4, expected 3");
}

#[test]
fn a_batch_of_another_history_is_refused() {
    // The same seed makes the same segment id, so only the link tells the two histories apart.
    let simulator = killed_with(3, SMALL);
    let other = Simulator::new(1);
    let (log, ..) = open(&other.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    // The first record of the other history waits for the second, so both are in one batch.
    append(&log, cast).unwrap();
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(2)).unwrap();
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(3)).unwrap();
    let (_, foreign) = segments(&other).swap_remove(0);
    let (from, length) = batches(&foreign)[1];
    let splice = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            let (offset, own) = batches(segment)[2];
            segment[offset..offset + own].fill(0);
            segment[offset..offset + length].copy_from_slice(&foreign[from..from + length]);
        });
    };
    check_refused(&simulator, splice, "a batch is not linked to the one before it");
}

#[test]
fn a_newer_format_and_an_unknown_codec_are_refused_by_name() {
    let newer = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            segment[8] = 9;
            reseal(segment);
        });
    };
    check_refused(&closed_with(1, SMALL), newer, "has format 9, and this program reads formats up to 2");
    let codec = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            segment[12] = 3;
            reseal(segment);
        });
    };
    check_refused(&closed_with(1, SMALL), codec, "uses codec 3");
    let manifest = |simulator: &Simulator| {
        let text = "interstice database, format 7\nwhatever it says\n";
        let sealed = format!("{text}crc32c {:08x}\n", crc32c::crc32c(text.as_bytes()));
        simulator.disk.plant("MANIFEST", sealed.into_bytes());
    };
    check_refused(&closed_with(1, SMALL), manifest, "MANIFEST has format 7");
}

#[test]
fn a_missing_manifest_is_refused_when_anything_shows_that_there_was_one() {
    let take_away = |simulator: &Simulator| simulator.disk.take_away("MANIFEST");
    check_refused(&closed_with(1, SMALL), take_away, "MANIFEST is missing, but log/");
    let all_but_an_artifact = |simulator: &Simulator| {
        simulator.disk.plant("artifacts/00.wasm", Vec::new());
        simulator.disk.take_away("MANIFEST");
        simulator.disk.take_away("log/00000000000000000001.log");
    };
    check_refused(&closed_with(1, SMALL), all_but_an_artifact, "MANIFEST is missing, but artifacts/");
}

#[test]
fn an_old_manifest_put_back_is_refused() {
    let simulator = closed_with(1, SMALL);
    let old = simulator.disk.contents()["MANIFEST"].clone();
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..60 {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let put_back = |simulator: &Simulator| simulator.disk.plant("MANIFEST", old);
    // The first segment was cut when it was closed, which is noticed before the unlisted ones are.
    check_refused(&simulator, put_back, "log/00000000000000000001.log is damaged");
}

#[test]
fn an_interrupted_creation_is_begun_anew() {
    let simulator = closed_with(0, SMALL);
    edit(&simulator, 0, |segment| segment[512..].fill(0));
    simulator.disk.take_away("MANIFEST");
    let (_log, records, report) = open(&simulator.doors(), SMALL).unwrap();
    assert!(records.is_empty() && report.created);
}

#[test]
fn a_segment_that_was_made_but_not_listed_is_removed_if_it_is_empty() {
    let simulator = closed_with(3, SMALL);
    let (_, mut bytes) = segments(&simulator).swap_remove(0);
    bytes[64..72].copy_from_slice(&4_u64.to_le_bytes());
    bytes[512..].fill(0);
    reseal(&mut bytes);
    simulator.disk.plant("log/00000000000000000004.log", bytes);
    let (log, records, report) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(report.removed, ["log/00000000000000000004.log"]);
    log.close().unwrap();
    drop(log);

    let (_, bytes) = segments(&simulator).swap_remove(0);
    let with_records = |simulator: &Simulator| simulator.disk.plant("log/00000000000000000009.log", bytes);
    check_refused(&simulator, with_records, "the manifest does not list it");
}

#[test]
fn an_error_of_the_replay_ends_the_opening_and_names_the_record() {
    let simulator = closed_with(3, SMALL);
    let mut refuse = |record: &RecordParts<'_>, _: &Definitions| -> Result<(), BoxError> {
        if record.sequence == Sequence(2) { Err("no such table".into()) } else { Ok(()) }
    };
    let error = Log::open(&simulator.doors(), SMALL, &mut refuse).err().unwrap().to_string();
    assert_eq!(error, "cannot replay record 2: no such table");
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_in_order(&records);
}

#[test]
fn a_directory_without_a_database_is_not_made_one_by_reading() {
    let simulator = Simulator::new(1);
    assert!(matches!(LogReader::open(&simulator.doors()), Err(LogError::NoDatabase { .. })));
    assert!(simulator.disk.contents().is_empty());
}
