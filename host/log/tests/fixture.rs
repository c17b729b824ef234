//! Logs of each format that are kept as bytes. They open for ever, and today's encoder writes the same
//! bytes. Made anew with `INTERSTICE_BLESS=1` only while no database of the format is in use.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::{Clock, Disk, Doors};
use interstice_log::sim::Simulator;
use interstice_log::{LogFilter, LogOptions, LogReader, NamedCause, Record, Retention, Sequence};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Cast, SMALL, append, assert_in_order, open};

fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format)
}

/// A clock that stands, so that the bytes depend on nothing but the encoder.
struct Still;

impl Clock for Still {
    fn now_micros(&self) -> u64 {
        1_700_000_000_000_000
    }

    fn monotonic_micros(&self) -> u64 {
        0
    }
}

/// What today's program writes: two segments, batches of one and of several records, every cause.
fn written_today() -> BTreeMap<String, Vec<u8>> {
    let simulator = Simulator::new(20);
    let doors = Doors { clock: Arc::new(Still), ..simulator.doors() };
    let (log, ..) = open(&doors, SMALL).unwrap();
    let cast = Cast::define(&log);
    for n in 1..=50 {
        append(&log, cast).unwrap();
        if n % 3 != 0 {
            log.wait_durable(Sequence(n)).unwrap();
        }
    }
    log.close().unwrap();
    drop(log);
    let mut files = simulator.disk.contents();
    // Indexes are derived, and may or may not be there already.
    files.retain(|path, _| !path.ends_with(".index"));
    // The zeros at the end of the newest segment are left out of the fixture.
    for bytes in files.values_mut() {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        bytes.truncate(used);
    }
    files
}

/// Puts the fixture on a simulated disk, the newest segment at its full length.
fn planted(files: &BTreeMap<String, Vec<u8>>) -> Simulator {
    let simulator = Simulator::new(21);
    simulator.disk.create_directory("log").unwrap();
    simulator.disk.create_directory("archive").unwrap();
    let newest = files.keys().rfind(|path| path.ends_with(".log")).unwrap();
    for (path, bytes) in files {
        let mut bytes = bytes.clone();
        if path.starts_with("log/") && path.ends_with(".log") {
            let capacity = u64::from_le_bytes(bytes[72..80].try_into().unwrap()) as usize;
            let length = if path == newest { capacity } else { bytes.len().next_multiple_of(512) };
            bytes.resize(length, 0);
        }
        simulator.disk.plant(path, bytes);
    }
    simulator
}

fn fixture(format: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut keep = |path: String| {
        let bytes = std::fs::read(folder(format).join(&path)).unwrap();
        files.insert(path, bytes);
    };
    keep("MANIFEST".to_owned());
    for directory in ["archive", "log"] {
        let Ok(entries) = std::fs::read_dir(folder(format).join(directory)) else { continue };
        for entry in entries {
            keep(format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    files
}

fn bless(format: &str, files: &BTreeMap<String, Vec<u8>>) {
    if std::env::var_os("INTERSTICE_BLESS").is_some() {
        for (path, bytes) in files {
            let path = folder(format).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn the_encoder_writes_the_bytes_of_format_1() {
    let today = written_today();
    bless("format-1", &today);
    let kept = fixture("format-1");
    assert_eq!(kept.len(), 3, "a manifest and two segments");
    assert_eq!(today.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    for (path, bytes) in &kept {
        assert!(today[path] == *bytes, "{path} is written differently");
    }
}

#[test]
fn a_log_of_format_1_opens_for_ever() {
    let simulator = planted(&fixture("format-1"));
    let mut records: Vec<Record> = Vec::new();
    let mut visit = |record| {
        records.push(record);
        ControlFlow::Continue(())
    };
    LogReader::open(&simulator.doors()).unwrap().records(Sequence(1), &mut visit, &mut |_| {}).unwrap();
    assert_eq!(records.len(), 50);
    assert_in_order(&records);
    assert!(matches!(records[2].cause, NamedCause::Delivery(closed) if closed.sequence == Sequence(2)));
    assert_eq!(records[9].idempotency_key.as_deref(), Some(b"key".as_slice()));
    assert_eq!(records[17].claims, b"claims");

    let (log, again, report) = open(&simulator.doors(), SMALL).unwrap();
    assert!(again == records && !report.rewritten);
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
}

/// What today's program makes of the log of format 1 when all that it may be is archived: the compressed
/// segment and its index.
fn archived_today() -> BTreeMap<String, Vec<u8>> {
    let simulator = planted(&fixture("format-1"));
    let doors = Doors { clock: Arc::new(Still), ..simulator.doors() };
    let options = LogOptions { retention: Retention::KeepAll, ..SMALL };
    let (log, ..) = open(&doors, options).unwrap();
    log.archive(Sequence(50));
    log.wait_maintained();
    log.close().unwrap();
    let mut files = simulator.disk.contents();
    files.retain(|path, _| !path.ends_with(".tmp"));
    for (path, bytes) in &mut files {
        if path.starts_with("log/") {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            bytes.truncate(used);
        }
    }
    files
}

#[test]
fn a_log_of_format_1_is_archived_and_is_of_format_2_then() {
    let today = archived_today();
    bless("format-2", &today);
    let kept = fixture("format-2");
    assert_eq!(today.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    assert_eq!(kept.len(), 4, "a manifest, an archived segment, its index and the newest segment");
    let newest = "log/00000000000000000042.log";
    for path in ["MANIFEST", newest, "archive/00000000000000000001.index"] {
        // How well zstd compresses may change with its version; nothing else may.
        let without_stored = |files: &BTreeMap<String, Vec<u8>>| {
            let text = String::from_utf8_lossy(&files[path]).into_owned();
            let lines = text.lines().filter(|line| !line.starts_with("crc32c"));
            lines.map(|line| line.split(" stored ").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(without_stored(&today) == without_stored(&kept), "{path} is written differently");
    }
}

#[test]
fn a_log_of_format_2_opens_for_ever() {
    let simulator = planted(&fixture("format-2"));
    let mut records: Vec<Record> = Vec::new();
    let mut visit = |record| {
        records.push(record);
        ControlFlow::Continue(())
    };
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let found = reader.search(&LogFilter::default(), &mut visit, &mut |_| {}).unwrap();
    drop(reader);
    assert_eq!((records.len(), found.unindexed), (50, 0));
    assert_in_order(&records);
    let (log, again, report) = open(&simulator.doors(), SMALL).unwrap();
    assert!(again == records && !report.rewritten);
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
}
