//! Logs of each format that are kept as bytes. They open for ever, and today's encoder writes the same
//! bytes. Made anew with `INTERSTICE_BLESS=1` only while no database of the format is in use.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::{Clock, Disk, Doors};
use interstice_log::sim::Simulator;
use interstice_log::{
    Anchor, Cause, Closed, Covered, Digest, EventKind, Installed, Lifecycle, Log, LogFilter, LogOptions,
    LogReader, NamedCause, NamedChange, NamedOutcome, NamedOwed, NamedWrites, Outcome, Owed, Record,
    RecordParts, Repair, Retention, Sequence, StartingPoint, WriteSetEncoder,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{
    Cast, SMALL, append, assert_in_order, assert_in_order_after, batches, open, open_after, places, segments,
};

/// Calls, deliveries, schedules and connections, in batches of one and of several records.
const MANY: &str = "format-1";
/// A record of each cause, and an upgrade, which begins another segment.
const CAUSES: &str = "format-1-causes";
/// What becomes of the first one when all that it may be is archived.
const ARCHIVED: &str = "format-2";
/// What a repair leaves of the first one that keeps what is behind a snapshot in a damaged segment.
const BEHIND: &str = "format-3";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
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

/// What today's program writes when it is given these records.
fn written_today(name: &str) -> BTreeMap<String, Vec<u8>> {
    let simulator = Simulator::new(20);
    let doors = Doors { clock: Arc::new(Still), ..simulator.doors() };
    let (log, ..) = open(&doors, SMALL).unwrap();
    match name {
        MANY => append_many(&log),
        _ => append_causes(&log),
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

fn append_many(log: &Log) {
    let cast = Cast::define(log);
    for n in 1..=50 {
        append(log, cast).unwrap();
        if n % 3 != 0 {
            log.wait_durable(Sequence(n)).unwrap();
        }
    }
}

/// The causes of the records in the second fixture, in order.
fn causes() -> Vec<Cause<'static>> {
    let installed = |schema: &'static [u8], catalog| Installed { schema, catalog: [catalog; 32] };
    vec![
        Cause::Install(installed(b"{\"tables\":[]}", 1)),
        Cause::Lifecycle(Lifecycle::Init),
        Cause::Lifecycle(Lifecycle::Connect),
        Cause::Call,
        Cause::Delivery(Closed { sequence: Sequence(4), ordinal: 0 }),
        Cause::Schedule { due_micros: 1_700_000_000_000_000 },
        Cause::Upgrade(installed(b"{\"tables\":[1]}", 2)),
        Cause::Lifecycle(Lifecycle::Upgrade),
        Cause::Lifecycle(Lifecycle::Disconnect),
        Cause::Call,
    ]
}

fn append_causes(log: &Log) {
    let cast = Cast::define(log);
    for (cause, n) in causes().into_iter().zip(1_u64..) {
        let subject = match cause {
            Cause::Install(_) | Cause::Upgrade(_) => cast.module,
            Cause::Delivery(_) => cast.opened,
            _ => cast.transfer,
        };
        let mut write_set = WriteSetEncoder::new();
        if n % 2 == 0 {
            write_set.table(cast.account, Some(n));
            write_set.insert(&n.to_le_bytes());
        }
        let event = EventKind::Insert;
        let owed = [Owed { subscriber: cast.opened, table: cast.account, change: 0, event }];
        let key = n.to_le_bytes();
        let sequence = log.append(&RecordParts {
            sequence: Sequence(n),
            timestamp_micros: 1_700_000_000_000_000 + n,
            cause,
            subject,
            caller: log.caller(b"the operator").unwrap(),
            arguments: &n.to_be_bytes(),
            outcome: if n == 9 { Outcome::Failed(b"trap") } else { Outcome::Ok(b"done") },
            claims: if n == 4 { b"claims" } else { b"" },
            idempotency_key: (n == 10).then_some(&key[..]),
            write_set: write_set.as_write_set(),
            deliveries: if n == 4 { &owed } else { &[] },
        });
        log.wait_durable(sequence.unwrap()).unwrap();
    }
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

fn fixture(name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut keep = |path: String| {
        let bytes = std::fs::read(folder(name).join(&path)).unwrap();
        files.insert(path, bytes);
    };
    keep("MANIFEST".to_owned());
    for directory in ["archive", "log"] {
        let Ok(entries) = std::fs::read_dir(folder(name).join(directory)) else { continue };
        for entry in entries {
            keep(format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    files
}

fn bless(name: &str, files: &BTreeMap<String, Vec<u8>>) {
    if std::env::var_os("INTERSTICE_BLESS").is_some() {
        for (path, bytes) in files {
            let path = folder(name).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

/// The records that a reader finds in a fixture, which an opening finds as well without mending.
fn read(name: &str) -> (Simulator, Vec<Record>) {
    let simulator = planted(&fixture(name));
    let mut records: Vec<Record> = Vec::new();
    let mut visit = |record| {
        records.push(record);
        ControlFlow::Continue(())
    };
    LogReader::open(&simulator.doors()).unwrap().records(Sequence(1), &mut visit, &mut |_| {}).unwrap();
    let (log, again, report) = open(&simulator.doors(), SMALL).unwrap();
    assert!(again == records && !report.rewritten);
    log.close().unwrap();
    (simulator, records)
}

#[test]
fn the_encoder_writes_the_bytes_of_format_1() {
    for name in [MANY, CAUSES] {
        let today = written_today(name);
        bless(name, &today);
        let kept = fixture(name);
        assert_eq!(kept.len(), 3, "a manifest and two segments");
        assert_eq!(today.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
        for (path, bytes) in &kept {
            assert!(today[path] == *bytes, "{path} of {name} is written differently");
        }
    }
}

#[test]
fn a_log_of_format_1_opens_for_ever() {
    let (simulator, records) = read(MANY);
    assert_eq!(records.len(), 50);
    assert_in_order(&records);
    assert!(matches!(records[2].cause, NamedCause::Delivery(closed) if closed.sequence == Sequence(2)));
    assert_eq!(records[9].idempotency_key.as_deref(), Some(b"key".as_slice()));
    assert_eq!(records[17].claims, b"claims");

    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
}

#[test]
fn every_cause_of_format_1_is_read_for_ever() {
    let (_, records) = read(CAUSES);
    let found: Vec<_> = records.iter().map(|record| record.cause.clone()).collect();
    let expected = causes().into_iter().map(|cause| match cause {
        Cause::Call => NamedCause::Call,
        Cause::Delivery(closed) => NamedCause::Delivery(closed),
        Cause::Schedule { due_micros } => NamedCause::Schedule { due_micros },
        Cause::Lifecycle(event) => NamedCause::Lifecycle(event),
        Cause::Install(Installed { schema, catalog }) => {
            NamedCause::Install { schema: schema.to_vec(), catalog: Digest(catalog) }
        }
        Cause::Upgrade(Installed { schema, catalog }) => {
            NamedCause::Upgrade { schema: schema.to_vec(), catalog: Digest(catalog) }
        }
    });
    assert_eq!(found, expected.collect::<Vec<_>>());
    for (record, n) in records.iter().zip(1_u64..) {
        assert_eq!(record.sequence, Sequence(n));
        assert_eq!(record.timestamp_micros, 1_700_000_000_000_000 + n);
        let function = match n {
            1 | 7 => None,
            5 => Some("automation.opened"),
            _ => Some("ledger.transfer"),
        };
        assert_eq!(record.function.as_deref(), function);
        assert_eq!((&record.package[..], &record.version[..]), ("acme:bank", "1.2.0"));
        assert_eq!(record.artifact, Digest([7; 32]));
        assert_eq!(record.caller, b"the operator");
        assert_eq!(record.arguments, n.to_be_bytes());
        let outcome =
            if n == 9 { NamedOutcome::Failed(b"trap".to_vec()) } else { NamedOutcome::Ok(b"done".to_vec()) };
        assert_eq!(record.outcome, outcome);
        assert_eq!(record.claims, if n == 4 { b"claims".as_slice() } else { b"" });
        assert_eq!(record.idempotency_key, (n == 10).then(|| n.to_le_bytes().to_vec()));
        let writes = NamedWrites {
            package: "acme:bank".to_owned(),
            table: "tables.account".to_owned(),
            counter: Some(n),
            changes: vec![NamedChange::Insert(n.to_le_bytes().to_vec())],
        };
        assert_eq!(record.writes, if n % 2 == 0 { vec![writes] } else { Vec::new() });
        let owed = NamedOwed {
            package: "acme:bank".to_owned(),
            function: "automation.opened".to_owned(),
            table: "tables.account".to_owned(),
            table_package: "acme:bank".to_owned(),
            change: 0,
            event: EventKind::Insert,
        };
        assert_eq!(record.deliveries, if n == 4 { vec![owed] } else { Vec::new() });
    }
}

/// What today's program makes of the log of format 1 when all that it may be is archived: the compressed
/// segment and its index.
fn archived_today() -> BTreeMap<String, Vec<u8>> {
    let simulator = planted(&fixture(MANY));
    let doors = Doors { clock: Arc::new(Still), ..simulator.doors() };
    let options = LogOptions { retention: Retention::KeepAll, ..SMALL };
    let (log, ..) = open(&doors, options).unwrap();
    log.archive(Covered::young(Sequence(50)));
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
    bless(ARCHIVED, &today);
    let kept = fixture(ARCHIVED);
    assert_eq!(today.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    assert_eq!(kept.len(), 4, "a manifest, an archived segment, its index and the newest segment");
    let newest = "log/00000000000000000042.log";
    for path in ["MANIFEST", newest, "archive/00000000000000000001.index"] {
        if path != "MANIFEST" {
            assert!(today[path] == kept[path], "{path} is written differently");
            continue;
        }
        // How well zstd compresses may change with its version; nothing else may.
        let without_stored = |files: &BTreeMap<String, Vec<u8>>| {
            let text = String::from_utf8(files[path].clone()).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with("crc32c"));
            lines.map(|line| line.split(" stored ").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(without_stored(&today) == without_stored(&kept), "{path} is written differently");
    }
}

#[test]
fn a_log_of_format_2_opens_for_ever() {
    let simulator = planted(&fixture(ARCHIVED));
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

/// What today's program leaves of the log of format 1 when a batch in front of a snapshot is damaged.
fn repaired_today() -> BTreeMap<String, Vec<u8>> {
    let simulator = planted(&fixture(MANY));
    let (path, mut bytes) = segments(&simulator).swap_remove(0);
    let start = *places(&simulator).iter().find(|place| place.anchor.sequence >= Sequence(25)).unwrap();
    let is_in_front = |batch: &(usize, usize)| {
        let first = u64::from_le_bytes(bytes[batch.0 + 32..batch.0 + 40].try_into().unwrap());
        first <= start.anchor.sequence.0 && bytes[batch.0 + 72] == 0
    };
    // One that defines nothing.
    let (damaged, _) = batches(&bytes).into_iter().find(is_in_front).unwrap();
    bytes[damaged + 70] ^= 1;
    simulator.disk.plant(&path, bytes);
    let doors = Doors { clock: Arc::new(Still), ..simulator.doors() };
    Repair::plan(&doors, Some(&start)).unwrap().apply().unwrap().unwrap();
    let mut files = simulator.disk.contents();
    files.retain(|path, _| path == "MANIFEST" || (path.ends_with(".log") && !path.contains("aside")));
    for bytes in files.values_mut() {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        bytes.truncate(used);
    }
    files
}

#[test]
fn a_repair_writes_the_bytes_of_format_3() {
    let today = repaired_today();
    bless(BEHIND, &today);
    let kept = fixture(BEHIND);
    assert_eq!(today.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    assert_eq!(kept.len(), 4, "a manifest, the segment that was made, the one after it and the newest");
    for (path, bytes) in &kept {
        assert!(today[path] == *bytes, "{path} is written differently");
    }
}

#[test]
fn a_log_of_format_3_opens_for_ever() {
    let files = fixture(BEHIND);
    let simulator = planted(&files);
    let made = files.iter().find(|(path, _)| path.ends_with(".log")).unwrap().1;
    assert_eq!(made[8..12], [3, 0, 0, 0]);
    let anchor = Anchor {
        sequence: Sequence(u64::from_le_bytes(made[64..72].try_into().unwrap()) - 1),
        link: made[120..152].try_into().unwrap(),
        catalog: made[88..120].try_into().unwrap(),
        latest_micros: 0,
    };
    let start = StartingPoint { timeline: made[32..48].try_into().unwrap(), anchor };
    let (log, records, _) = open_after(&simulator.doors(), SMALL, Some(&start)).unwrap();
    assert_in_order_after(anchor.sequence, &records);
    assert_eq!(records.last().unwrap().sequence, Sequence(50));
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.close().unwrap();
}
