//! The table of docs/recovery.md, row by row: what is mended, what is refused, and that a refusal
//! changes nothing.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{BoxError, Definitions, Log, LogError, LogReader, RecordParts, Sequence};
use std::ops::ControlFlow;
use support::{
    Cast, SMALL, append, assert_in_order, batches, closed_with, killed_with, machine_of, machine_with, open,
    segments,
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

/// What was read once was copied from a second reading that nobody looked at, and the copy took the name.
#[test]
fn a_segment_that_reads_otherwise_the_second_time_keeps_its_name() {
    let simulator = killed_with(30, SMALL);
    let (path, whole) = segments(&simulator).pop().unwrap();
    for (number, (offset, length)) in batches(&whole).into_iter().enumerate() {
        for at in [offset, offset + 70, offset + length - 1] {
            let simulator = Simulator { disk: simulator.disk.copy(), ..Simulator::new(7) };
            let (disk, path, mut garbled) = (simulator.disk.clone(), path.clone(), whole.clone());
            garbled[at] ^= 1;
            // The first write comes when all was read.
            let planted = path.clone();
            simulator.disk.interrupt_next_write(move || disk.plant(&planted, garbled));
            let error = open(&simulator.doors(), SMALL).err().unwrap();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("second time"), "batch {number}: {error}: {source}");
            simulator.disk.plant(&path, whole.clone());
            let (_, records, _) = open(&simulator.doors(), SMALL).unwrap();
            assert_in_order(&records);
            assert_eq!(records.len(), 30);
        }
    }
}

#[test]
fn the_remains_of_a_torn_write_are_somewhere_wherever_the_power_fails() {
    let simulator = killed_with(3, SMALL);
    let mut torn = Vec::new();
    let path = edit(&simulator, 0, |segment| {
        let (offset, length) = *batches(segment).last().unwrap();
        segment[offset + 70] ^= 1;
        torn = segment[offset..offset + length].to_vec();
    });
    for change in 8..32 {
        for seed in 0..10 {
            let machine = Simulator { disk: simulator.disk.copy(), ..Simulator::new(seed) };
            machine.disk.fail_power_after(change);
            let opened = open(&machine.doors(), SMALL).map(|(log, ..)| drop(log));
            let files = machine.power_loss(seed).disk.contents();
            let is_kept = files.iter().any(|(path, bytes)| path.ends_with(".torn") && *bytes == torn);
            let is_left = files[&path].windows(torn.len()).any(|bytes| bytes == torn);
            assert!(is_kept || is_left, "change {change}, seed {seed}, {opened:?}");
        }
    }
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
fn a_manifest_with_lengths_that_no_segment_has_is_refused() {
    // The lengths of all segments were added to say how far a reading has come. Forged ones whose sum does
    // not fit into 64 bits were a panic.
    let simulator = closed_with(60, SMALL);
    let forge = |simulator: &Simulator| {
        let manifest = String::from_utf8(simulator.disk.contents()["MANIFEST"].clone()).unwrap();
        let (body, _) = manifest.rsplit_once("crc32c").unwrap();
        let length = body.split_once(" length ").unwrap().1.split_once(' ').unwrap().0;
        let body = body.replacen(&format!(" length {length} "), &format!(" length {} ", u64::MAX), 1);
        let manifest = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
        simulator.disk.plant("MANIFEST", manifest.into_bytes());
    };
    check_refused(&simulator, forge, "a segment of 18446744073709551615 bytes was never written");
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
    check_refused(&closed_with(1, SMALL), newer, "has format 9, and this program reads formats up to 3");
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
    let put_back = |simulator: &Simulator| simulator.disk.plant("MANIFEST", old.clone());
    // The first segment was cut when it was closed, which is noticed before the unlisted ones are.
    check_refused(&simulator, put_back, "log/00000000000000000001.log is damaged");
    // A crash may have taken the cut back.
    edit(&simulator, 0, |segment| segment.resize(SMALL.segment_bytes as usize, 0));
    let unlisted = segments(&simulator)[1].0.clone();
    check_refused(&simulator, put_back, &format!("{unlisted} holds records up to "));
    check_refused(&simulator, put_back, "an old manifest may have been put back");
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
fn a_segment_that_is_not_listed_and_not_empty_is_never_removed() {
    // Only the first batch was looked at: if that was damaged, the segment counted as empty, and the
    // opening removed all its records.
    for (name, damage) in [
        ("the header of the first batch", 512),
        ("the records of the first batch", 590),
        ("the first sector after an empty one", 1024),
    ] {
        let simulator = closed_with(60, SMALL);
        let old = simulator.disk.contents()["MANIFEST"].clone();
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        while segments(&simulator).len() < 5 {
            let sequence = append(&log, cast).unwrap();
            log.wait_durable(sequence).unwrap();
        }
        log.close().unwrap();
        drop(log);
        let newest = segments(&simulator).len() - 1;
        let path = segments(&simulator)[newest].0.clone();
        let put_back = |simulator: &Simulator| {
            simulator.disk.plant("MANIFEST", old);
            // The segments between are lost, and the cut of the one that was the newest.
            for (path, _) in &segments(simulator)[3..newest] {
                simulator.disk.take_away(path);
            }
            edit(simulator, 2, |segment| segment.resize(SMALL.segment_bytes as usize, 0));
            edit(simulator, segments(simulator).len() - 1, |segment| {
                if damage == 1024 {
                    segment[512..].fill(0);
                }
                segment[damage] ^= 1;
            });
        };
        println!("{name}");
        check_refused(&simulator, put_back, &format!("{path} is damaged at byte 512"));
    }
}

#[test]
fn a_batch_without_records_but_with_a_payload_is_refused() {
    let simulator = closed_with(2, SMALL);
    let fill = |simulator: &Simulator| {
        edit(simulator, 0, |segment| {
            let seed = crc32c::crc32c(&segment[16..32]);
            let (offset, _) = *batches(segment).last().unwrap();
            let mark = &mut segment[offset..offset + 512];
            assert_eq!(mark[48..56], [0; 8], "a log that was closed ends with a mark");
            // A time and no definitions, with checksums that are right.
            mark[52] = 2;
            mark[56..60].copy_from_slice(&crc32c::crc32c_append(seed, &[0, 0]).to_le_bytes());
            let checksum = crc32c::crc32c_append(seed, &mark[..60]);
            mark[60..64].copy_from_slice(&checksum.to_le_bytes());
        });
    };
    check_refused(&simulator, fill, "a batch without records has a payload");
}

/// The error with which the records from 40 on cannot be read; the first segments are left out.
fn refused_from_40(simulator: &Simulator) -> String {
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let mut visit = |_| ControlFlow::Continue(());
    reader.records(Sequence(40), &mut visit, &mut |_| {}).unwrap_err().to_string()
}

#[test]
fn a_segment_read_without_those_before_it_is_compared_with_the_manifest() {
    // Where reading began in the middle, the first segment's header was believed.
    let simulator = closed_with(60, SMALL);
    let mut visit = |_| ControlFlow::Continue(());
    let reader = LogReader::open(&simulator.doors()).unwrap();
    reader.records(Sequence(40), &mut visit, &mut |_| {}).unwrap();
    drop(reader);
    edit(&simulator, 1, |segment| {
        // Were it alone, the batches in it would still be linked to one another.
        segment[120] ^= 1;
        reseal(segment);
    });
    let error = refused_from_40(&simulator);
    assert!(error.contains("not linked to the batch before it"), "{error}");

    let simulator = closed_with(60, SMALL);
    let manifest = String::from_utf8(simulator.disk.contents()["MANIFEST"].clone()).unwrap();
    let second = segments(&simulator)[1].0[4..24].parse::<u64>().unwrap();
    let (right, wrong) = (format!(" last {} link", second - 1), format!(" last {} link", second - 2));
    let (body, _) = manifest.rsplit_once("crc32c").unwrap();
    let body = body.replacen(&right, &wrong, 1);
    let manifest = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    simulator.disk.plant("MANIFEST", manifest.into_bytes());
    let error = refused_from_40(&simulator);
    assert!(error.contains(&format!("begins with record {second}, expected {}", second - 1)), "{error}");
}

#[test]
fn a_manifest_whose_name_was_never_safe_is_published_again() {
    // The sync of the directory failed after a manifest was renamed. The process started again, read
    // that manifest, found nothing left to sync and served what it lists; then a loss of power brought
    // back the old one, and with it a database that did not open.
    for seed in 0..20 {
        let (simulator, log) = machine_of(seed, 1, SMALL);
        let cast = Cast::define(&log);
        // The directory of the segments is synced first, then that of the manifest.
        simulator.disk.fail_directory_sync_after(1);
        let failed = loop {
            let sequence = append(&log, cast).unwrap();
            if let Err(error) = log.wait_durable(sequence) {
                break error;
            }
        };
        assert!(matches!(failed, LogError::OutcomeUnknown { .. }), "{failed}");
        let simulator = simulator.kill(seed);
        drop(log);
        let (log, records, report) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(report.segments, 2);
        let cast = Cast::define(&log);
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
        let simulator = simulator.power_loss(seed);
        drop(log);
        let (_log, again, _) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(again.len(), records.len() + 1, "seed {seed}");
        assert_in_order(&again);
    }
}

#[test]
fn a_copy_of_the_newest_segment_whose_name_was_never_safe_is_made_again() {
    // All that showed that the log was not closed was a torn write, and the copy did not have it. The
    // sync of the directory failed after the copy was given its name, the next opening found a log that
    // looked closed, and a loss of power brought back the old file in place of all records since.
    for seed in 0..20 {
        let (machine, log) = machine_of(seed, 1, SMALL);
        let simulator = machine.kill(seed);
        drop(log);
        edit(&simulator, 0, |segment| segment[600] ^= 1);
        // Both directories, the manifest, the folder for the torn write and the torn write come before.
        simulator.disk.fail_directory_sync_after(5);
        let failed = open(&simulator.doors(), SMALL).err().unwrap();
        assert!(matches!(failed, LogError::Disk { doing: "sync", .. }), "{failed:?}");
        assert!(simulator.disk.contents().keys().all(|path| path != "log/rewrite.tmp"));
        check_survives(&simulator, seed);
    }
}

#[test]
fn a_longer_newest_segment_whose_name_was_never_safe_is_copied() {
    // The same, after a first record that was too long for the segment.
    for seed in 0..20 {
        let (simulator, log) = machine_of(seed, 0, SMALL);
        simulator.threads.run_until_idle();
        let cast = Cast::define(&log);
        // The reserve grows, the manifest is published, and then the reserve gets its new name.
        simulator.disk.fail_directory_sync_after(1);
        let arguments = vec![1; 100_000];
        let record = RecordParts { arguments: &arguments, ..support::plain(&log, cast.transfer) };
        let sequence = log.append(&record).unwrap();
        assert!(matches!(log.wait_durable(sequence), Err(LogError::OutcomeUnknown { .. })));
        assert!(segments(&simulator)[0].1.len() > 100_000);
        check_survives(&simulator, seed);
        drop(log);
    }
}

/// Kills the process, appends after another opening, and asserts that what was promised then is there
/// after a loss of power.
#[track_caller]
fn check_survives(simulator: &Simulator, seed: u64) {
    let simulator = simulator.kill(seed);
    let (log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert!(records.is_empty());
    let cast = Cast::define(&log);
    for _ in 0..60 {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    let after = simulator.power_loss(seed);
    drop(log);
    let (_log, records, _) = open(&after.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 60, "seed {seed}");
    assert_in_order(&records);
}

/// A log that was killed on a full disk, after its reserve had been used up.
fn killed_on_a_full_disk() -> (Simulator, u64) {
    let (simulator, log) = machine_with(3, SMALL);
    let cast = Cast::define(&log);
    simulator.threads.run_until_idle();
    simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
    while segments(&simulator).len() < 2 || log.durable().0 % 5 != 0 {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    let last = log.durable().0;
    let after = simulator.kill(3);
    drop(log);
    // What was given back since is taken by others, but for the ballast.
    after.disk.set_capacity(Some(after.disk.used_bytes()));
    (after, last)
}

/// Lets the disk have this much room beside the segments and the manifest.
fn leave_room(simulator: &Simulator, bytes: u64) {
    let kept: usize = simulator
        .disk
        .contents()
        .iter()
        .filter(|(path, _)| !path.ends_with(".tmp"))
        .map(|(_, bytes)| bytes.len())
        .sum();
    simulator.disk.set_capacity(Some(kept as u64 + bytes));
}

#[test]
fn a_full_disk_after_a_crash_is_mended_with_the_room_that_a_copy_takes() {
    // The copy of the newest segment took the space of a whole one, however little was in it.
    let (simulator, last) = killed_on_a_full_disk();
    let (_, newest) = segments(&simulator).pop().unwrap();
    let (offset, length) = *batches(&newest).last().unwrap();
    leave_room(&simulator, (offset + length) as u64 + 2048);
    let (log, records, report) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!((records.len() as u64, report.rewritten), (last, true));
    assert_in_order(&records);
    let (_, newest) = segments(&simulator).pop().unwrap();
    assert_eq!(newest.len(), offset + length + 512, "the batches and room for a mark");
    // What is there is served, and writes wait for room.
    let cast = Cast::define(&log);
    assert!(matches!(append(&log, cast), Err(LogError::DiskFull { .. })));
    log.close().unwrap();
    drop(log);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    simulator.disk.set_capacity(None);
    simulator.clock.advance(2_000_000);
    simulator.threads.run_until_idle();
    let cast = Cast::define(&log);
    let sequence = append(&log, cast).unwrap();
    log.wait_durable(sequence).unwrap();
    let simulator = simulator.power_loss(1);
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len() as u64, last + 1);
    assert_in_order(&records);
}

#[test]
fn a_disk_too_full_to_mend_is_refused_with_the_room_it_takes() {
    let (simulator, last) = killed_on_a_full_disk();
    leave_room(&simulator, 700);
    let kept = segments(&simulator);
    for _ in 0..3 {
        let error = open(&simulator.doors(), SMALL).err().unwrap();
        assert!(matches!(error, LogError::DiskFull { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("make room for ") && text.contains("then open the database again"), "{text}");
        assert!(segments(&simulator) == kept);
    }
    let error = open(&simulator.doors(), SMALL).err().unwrap().to_string();
    let needed = error.split("make room for ").nth(1).unwrap().split(' ').next().unwrap();
    leave_room(&simulator, needed.parse().unwrap());
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len() as u64, last);
}

#[test]
fn a_log_that_was_closed_opens_on_a_full_disk() {
    let simulator = closed_with(60, SMALL);
    simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
    let (log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 60);
    log.close().unwrap();
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_in_order(&records);
}

#[test]
fn a_database_that_finds_no_room_is_not_made_and_says_so() {
    let simulator = Simulator::new(1);
    simulator.disk.set_capacity(Some(1000));
    let error = open(&simulator.doors(), SMALL).err().unwrap();
    assert!(matches!(error, LogError::DiskFull { .. }), "{error:?}");
    simulator.disk.set_capacity(None);
    let (_log, _, report) = open(&simulator.doors(), SMALL).unwrap();
    assert!(report.created);
}

#[test]
fn an_error_of_the_replay_ends_the_opening_and_names_the_record() {
    let simulator = closed_with(3, SMALL);
    let mut refuse = |record: &RecordParts<'_>, _: &Definitions| -> Result<(), BoxError> {
        if record.sequence == Sequence(2) { Err("no such table".into()) } else { Ok(()) }
    };
    let error = Log::open(&simulator.doors(), SMALL, &mut refuse).err().unwrap();
    assert_eq!(error.to_string(), "cannot replay record 2");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no such table");
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_in_order(&records);
}

#[test]
fn a_directory_without_a_database_is_not_made_one_by_reading() {
    let simulator = Simulator::new(1);
    assert!(matches!(LogReader::open(&simulator.doors()), Err(LogError::NoDatabase { .. })));
    assert!(simulator.disk.contents().is_empty());
}
