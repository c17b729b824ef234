//! The log on real files, with real threads.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::{
    BoxError, Covered, Definitions, Durability, Log, LogError, LogOptions, LogReader, Progress, RecordParts,
    Repair, Replay, Retention, Sequence, os,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use support::{Cast, SMALL, append, append_sized, assert_in_order, open};

#[test]
fn what_was_durable_is_replayed_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, records, report) = open(&doors, LogOptions::default()).unwrap();
    assert!(records.is_empty() && report.created);
    let cast = Cast::define(&log);
    for _ in 0..1000 {
        append(&log, cast).unwrap();
    }
    log.wait_durable(Sequence(1000)).unwrap();
    assert_eq!(log.durable(), Sequence(1000));
    drop(log);
    let (log, records, report) = open(&doors, LogOptions::default()).unwrap();
    assert_eq!((records.len(), report.last), (1000, Sequence(1000)));
    assert!(!report.created && !report.rewritten && report.torn.is_none());
    assert_in_order(&records);
    // The same names have the same numbers again, and the log goes on.
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
    assert!(matches!(append(&log, cast), Err(LogError::Closed)));
}

/// A command waited for ever where a pipe had the name of a file.
#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, ..) = open(&doors, SMALL).unwrap();
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
    drop(log);
    for name in ["MANIFEST", "LOCK", "log/00000000000000000001.log"] {
        let (path, kept) = (directory.path().join(name), directory.path().join("kept"));
        std::fs::rename(&path, &kept).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = open(&doors, SMALL).err().unwrap();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains(name) && source.contains("it is a pipe"), "{error}: {source}");
        let ignore = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(());
        assert!(LogReader::open(&doors).and_then(|reader| reader.replay(ignore)).is_err(), "{name}");
        std::fs::rename(&kept, &path).unwrap();
    }
    assert_eq!(open(&doors, SMALL).unwrap().1.len(), 1);
}

#[test]
fn segments_change_and_all_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, ..) = open(&doors, SMALL).unwrap();
    let cast = Cast::define(&log);
    for n in 1..=2000 {
        append(&log, cast).unwrap();
        if n % 10 == 0 {
            log.wait_durable(Sequence(n)).unwrap();
        }
    }
    log.close().unwrap();
    let (log, records, report) = open(&doors, SMALL).unwrap();
    assert_eq!(records.len(), 2000);
    assert!(report.segments > 5, "{report:?}");
    assert_in_order(&records);
    log.close().unwrap();

    let reader = LogReader::open(&doors).unwrap();
    let mut tail = Vec::new();
    reader
        .records(
            Sequence(1990),
            &mut |record| {
                tail.push(record.sequence.0);
                if tail.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
            &mut |_| {},
        )
        .unwrap();
    assert_eq!(tail, [1990, 1991, 1992, 1993, 1994]);
}

#[test]
fn many_wait_while_one_appends_and_all_are_told_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, ..) = open(&doors, SMALL).unwrap();
    let cast = Cast::define(&log);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    log.on_durable(move |durability| tell.lock().unwrap().push(durability));
    std::thread::scope(|scope| {
        for start in 1..=8 {
            let log = &log;
            scope.spawn(move || {
                for n in (start..=800).step_by(8) {
                    while log.next_sequence() <= Sequence(n) {
                        std::thread::yield_now();
                    }
                    log.wait_durable(Sequence(n)).unwrap();
                    assert!(log.durable() >= Sequence(n));
                }
            });
        }
        for _ in 0..800 {
            append(&log, cast).unwrap();
        }
    });
    log.close().unwrap();
    let told = told.lock().unwrap();
    let sequences: Vec<_> = told
        .iter()
        .map(|durability| match durability {
            Durability::Safe(sequence) => *sequence,
            Durability::Failed => panic!("the disk did not fail"),
        })
        .collect();
    assert!(sequences.is_sorted() && sequences.last() == Some(&Sequence(800)));
    assert!(sequences.len() < 800, "records are written in groups");
}

#[test]
fn opening_a_long_log_tells_how_far_it_has_come() {
    struct Watch(Vec<Progress>);
    impl Replay for Watch {
        fn record(&mut self, _: &RecordParts<'_>, _: &Definitions) -> Result<(), BoxError> {
            Ok(())
        }
        fn progress(&mut self, progress: Progress) {
            self.0.push(progress);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let options = LogOptions { segment_bytes: 4 << 20, ..LogOptions::DEFAULT };
    let (log, ..) = open(&doors, options).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..400 {
        append_sized(&log, cast, 100 << 10).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let mut watch = Watch(Vec::new());
    Log::open(&doors, options, &mut watch).unwrap();
    let told = watch.0;
    assert!(told.len() > 2 && told.is_sorted_by_key(|progress| progress.bytes_done));
    let last = told.last().unwrap();
    assert_eq!(last.bytes_done, last.bytes_total);
}

#[test]
fn segments_are_archived_while_others_are_written_and_a_lost_one_is_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let options =
        LogOptions { segment_bytes: 256 << 10, retention: Retention::KeepAll, ..LogOptions::DEFAULT };
    let (log, ..) = open(&doors, options).unwrap();
    let cast = Cast::define(&log);
    for n in 1..=4000 {
        let sequence = append_sized(&log, cast, 1000).unwrap();
        if n % 100 == 0 {
            log.wait_durable(sequence).unwrap();
            log.archive(Covered::young(Sequence(n / 2)));
        }
    }
    log.wait_durable(Sequence(4000)).unwrap();
    log.wait_maintained();
    let report = log.maintenance();
    assert!(report.archived > 1 && report.indexed > 1 && report.failure.is_none(), "{report:?}");
    log.close().unwrap();
    drop(log);
    let (log, records, _) = open(&doors, options).unwrap();
    assert_eq!(records.len(), 4000);
    assert_in_order(&records);
    log.close().unwrap();
    drop(log);
    let sound = interstice_log::verify(doors.disk.as_ref(), &mut |_| {}).unwrap();
    assert!(sound.findings.iter().all(|finding| finding.path.contains("artifacts")), "{:?}", sound.findings);

    let archive = directory.path().join("archive");
    let mut names: Vec<_> = std::fs::read_dir(&archive).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    names.sort();
    std::fs::remove_file(&names[1]).unwrap();
    assert!(matches!(open(&doors, options), Err(LogError::MissingSegment { .. })));
    let planned = Repair::plan(&doors, None).unwrap();
    let kept = planned.what().kept_until;
    assert!(kept > Sequence::ZERO && planned.what().given_up.unwrap().last == Sequence(4000));
    planned.apply().unwrap().unwrap();
    let (_log, records, _) = open(&doors, options).unwrap();
    assert_eq!(records.len() as u64, kept.0);
}

#[test]
fn a_data_directory_in_use_is_refused_and_its_holder_named() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, ..) = open(&doors, SMALL).unwrap();
    let refused = open(&doors, SMALL).err().unwrap().to_string();
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    assert!(matches!(LogReader::open(&doors), Err(LogError::Locked { .. })));
    log.close().unwrap();
    let reader = LogReader::open(&doors).unwrap();
    let second = LogReader::open(&doors).unwrap();
    assert!(matches!(open(&doors, SMALL), Err(LogError::Locked { .. })));
    drop((reader, second));
    open(&doors, SMALL).unwrap();
}

/// Somebody who took the file for a stale one removed it beside a running node: then two processes wrote, and
/// acknowledged records were lost.
#[test]
fn a_data_directory_whose_lock_file_was_removed_is_in_use_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, ..) = open(&doors, SMALL).unwrap();
    let check_held = || {
        let refused = [open(&doors, SMALL).err(), LogReader::open(&doors).err()];
        for refused in refused.map(|refused| refused.unwrap().to_string()) {
            assert!(refused.contains("before its file LOCK was removed"), "{refused}");
        }
    };
    std::fs::remove_file(directory.path().join("LOCK")).unwrap();
    check_held();
    std::fs::write(directory.path().join("LOCK"), "process 1: a ghost\n").unwrap();
    check_held();
    log.close().unwrap();
    let reader = LogReader::open(&doors).unwrap();
    std::fs::remove_file(directory.path().join("LOCK")).unwrap();
    assert!(matches!(open(&doors, SMALL), Err(LogError::Locked { .. })));
    let second = LogReader::open(&doors).unwrap();
    drop((reader, second));
    open(&doors, SMALL).unwrap();
}

#[test]
fn a_reader_is_not_taken_for_the_writer_that_was_there_before_it() {
    // The text of a process that was killed stays in the lock file. A writer that met a reader told its
    // user to stop that process, which was long gone, or another one by now.
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    drop(open(&doors, SMALL).unwrap());
    std::fs::write(directory.path().join("LOCK"), "process 1: a ghost\n").unwrap();
    let reader = LogReader::open(&doors).unwrap();
    let refused = open(&doors, SMALL).err().unwrap().to_string();
    assert!(refused.contains("held by a process that reads it"), "{refused}");
    assert!(!refused.contains("process 1"), "{refused}");
    drop(reader);
    open(&doors, SMALL).unwrap();
}

/// All files below a directory, with their bytes.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            files.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    files
}

#[test]
fn a_refusal_changes_no_byte_on_a_real_disk() {
    // The lock file was rewritten before anything else was looked at.
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let (log, ..) = open(&doors, SMALL).unwrap();
    let cast = Cast::define(&log);
    for n in 1..=5 {
        append(&log, cast).unwrap();
        log.wait_durable(Sequence(n)).unwrap();
    }
    drop(log);
    let segment = directory.path().join("log/00000000000000000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[600] ^= 1;
    std::fs::write(segment, bytes).unwrap();
    for left in ["", "process 1: a ghost with a long name that no longer runs\n"] {
        std::fs::write(directory.path().join("LOCK"), left).unwrap();
        let before = contents(directory.path());
        assert!(matches!(open(&doors, SMALL), Err(LogError::Damaged { .. })));
        assert!(contents(directory.path()) == before);
        let read =
            LogReader::open(&doors).unwrap().replay(&mut |_: &RecordParts<'_>, _: &Definitions| Ok(()));
        assert!(matches!(read, Err(LogError::Damaged { .. })));
        assert!(contents(directory.path()) == before);
    }
}
