//! What indexing and archiving cost, what they save, and how fast an archived log is read and searched.
//! `cargo bench -p interstice-log --bench archive` prints one line a measurement; `INTERSTICE_BENCH_DIR`
//! names the folder, and with it the disk.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice_log::{
    BoxError, Cause, Covered, Definition, Definitions, Digest, Log, LogFilter, LogOptions, LogReader,
    Outcome, RecordParts, Retention, Sequence, Write, WriteSetEncoder, os,
};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

fn size(folder: &Path, extension: &str) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let files = entries.map(|entry| entry.unwrap().path());
    let wanted = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| path.metadata().unwrap().len()).sum()
}

fn main() {
    let folder = std::env::var("INTERSTICE_BENCH_DIR").unwrap_or_else(|_| ".".to_owned());
    let directory = tempfile::tempdir_in(folder).unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let options = LogOptions { retention: Retention::KeepAll, ..LogOptions::DEFAULT };
    let none = &mut |_: &RecordParts<'_>, _: &Definitions| -> Result<(), BoxError> { Ok(()) };
    let (log, _) = Log::open(&doors, options, none).unwrap();
    let artifact = log.define(Definition::Artifact(Digest([7; 32]))).unwrap();
    let (package, version) = ("acme:bank".to_owned(), "1.2.0".to_owned());
    let module = log.define(Definition::Module { package, version, artifact }).unwrap();
    let function = |name: &str| Definition::Function { module, name: name.to_owned() };
    let functions = [0, 1].map(|n| log.define(function(["ledger.transfer", "ledger.audit"][n])).unwrap());
    let table = |name: &str| Definition::Table { package: "acme:bank".to_owned(), name: name.to_owned() };
    let tables = [0, 1].map(|n| log.define(table(["tables.account", "tables.audit"][n])).unwrap());
    let caller = log.caller(b"client").unwrap();

    // Transfers between accounts: two updated rows each, with values that differ as balances do.
    let records = 1_500_000_u64;
    let mut random = 7_u64;
    let mut next = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut write_set = WriteSetEncoder::new();
    for n in 1..=records {
        let rare = usize::from(n % 100_000 == 0);
        write_set.clear();
        write_set.table(tables[rare], None);
        for _ in 0..2 {
            let mut row = [0; 48];
            row[..8].copy_from_slice(&next(100_000).to_le_bytes());
            row[8..16].copy_from_slice(&next(1_000_000_000).to_le_bytes());
            row[16..36].copy_from_slice(format!("owner {:014}", next(100_000)).as_bytes());
            write_set.update(&row);
        }
        let mut arguments = [0; 24];
        arguments[..8].copy_from_slice(&next(100_000).to_le_bytes());
        arguments[8..16].copy_from_slice(&next(10_000).to_le_bytes());
        log.append(&RecordParts {
            sequence: Sequence(n),
            timestamp_micros: 1_700_000_000_000_000 + n * 30,
            cause: Cause::Call,
            subject: functions[rare],
            caller,
            arguments: &arguments,
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: write_set.as_write_set(),
            deliveries: &[],
        })
        .unwrap();
        if n % 20_000 == 0 {
            log.wait_durable(Sequence(n)).unwrap();
        }
    }
    log.wait_maintained();
    log.close().unwrap();
    drop(log);

    let read = |what: &str| {
        let start = Instant::now();
        let mut rows = 0_u64;
        let mut count = |record: &RecordParts<'_>, _: &Definitions| -> Result<(), BoxError> {
            rows += record.write_set.iter().filter(|write| matches!(write, Write::Update(_))).count() as u64;
            Ok(())
        };
        LogReader::open(&doors).unwrap().replay(&mut count).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("reading {what}: {:.1} million rows a second", rows as f64 / seconds / 1e6);
    };
    let search = |what: &str, filter: LogFilter| {
        let start = Instant::now();
        let mut found = 0;
        let mut visit = |_| {
            found += 1;
            ControlFlow::Continue(())
        };
        let report = LogReader::open(&doors).unwrap().search(&filter, &mut visit, &mut |_| {}).unwrap();
        let millis = start.elapsed().as_secs_f64() * 1e3;
        let blocks = report.blocks_read + report.blocks_skipped;
        println!("{what}: {found} records in {millis:.1} ms, {} of {blocks} blocks read", report.blocks_read);
    };
    let searches = || {
        let audit = Some("tables.audit".to_owned());
        search("records of a rare table", LogFilter { table: audit, ..LogFilter::default() });
        let (from, to) = (Some(Sequence(400_000)), Some(Sequence(400_010)));
        search("eleven records by number", LogFilter { from, to, ..LogFilter::default() });
    };
    let log_folder = directory.path().join("log");
    let plain = size(&log_folder, "log");
    let indexes = size(&log_folder, "index");
    println!("{records} records in {} MB of segments, indexes of {} kB", plain / 1_000_000, indexes / 1000);
    read("plain segments");
    searches();

    let (log, _) = Log::open(&doors, options, none).unwrap();
    log.wait_maintained();
    let start = Instant::now();
    log.archive(Covered::young(Sequence(records)));
    log.wait_maintained();
    let seconds = start.elapsed().as_secs_f64();
    let report = log.maintenance();
    log.close().unwrap();
    drop(log);
    let (left, stored) = (size(&log_folder, "log"), size(&directory.path().join("archive"), "log"));
    println!(
        "archiving {} segments: {:.0} MB a second, to {:.0} % of their length",
        report.archived,
        (plain - left) as f64 / seconds / 1e6,
        stored as f64 / (plain - left) as f64 * 100.0
    );
    read("archived segments");
    searches();
    let start = Instant::now();
    let report = interstice_log::verify(doors.disk.as_ref(), &mut |_| {}).unwrap();
    println!("verifying {} records: {:.1} s", report.records, start.elapsed().as_secs_f64());
}
