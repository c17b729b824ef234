//! What an append costs the caller, what a record costs the disk, and how fast a log is read.
//! `cargo bench -p interstice-log` prints one line a measurement; `INTERSTICE_BENCH_DIR` names the
//! folder, and with it the disk.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice_log::{
    BoxError, Cause, Definition, Definitions, Digest, Log, LogOptions, Outcome, RecordParts, Sequence, Write,
    WriteSetEncoder, os,
};
use std::time::Instant;

fn main() {
    let folder = std::env::var("INTERSTICE_BENCH_DIR").unwrap_or_else(|_| ".".to_owned());
    let directory = tempfile::tempdir_in(folder).unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let none = &mut |_: &RecordParts<'_>, _: &Definitions| -> Result<(), BoxError> { Ok(()) };
    let (log, _) = Log::open(&doors, LogOptions::default(), none).unwrap();
    let artifact = log.define(Definition::Artifact(Digest([7; 32]))).unwrap();
    let (package, version) = ("acme:bank".to_owned(), "1.2.0".to_owned());
    let module = log.define(Definition::Module { package, version, artifact }).unwrap();
    let function = log.define(Definition::Function { module, name: "ledger.transfer".to_owned() }).unwrap();
    let (package, name) = ("acme:bank".to_owned(), "tables.account".to_owned());
    let table = log.define(Definition::Table { package, name }).unwrap();
    let caller = log.caller(b"client").unwrap();
    let mut micros = 1_700_000_000_000_000;
    let mut write_set = WriteSetEncoder::new();
    let mut append = |arguments: &[u8], rows: &[&[u8]]| {
        micros += 2;
        write_set.clear();
        write_set.table(table, None);
        rows.iter().for_each(|row| write_set.update(row));
        let sequence = log.next_sequence();
        log.append(&RecordParts {
            sequence,
            timestamp_micros: micros,
            cause: Cause::Call,
            subject: function,
            caller,
            arguments,
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: write_set.as_write_set(),
            deliveries: &[],
        })
        .unwrap()
    };

    // Appends in groups that stay far below the bounds, so that no append waits.
    let (groups, per_group) = (100, 5_000);
    let mut best = f64::MAX;
    let mut total = 0.0;
    for _ in 0..groups {
        let start = Instant::now();
        let mut last = Sequence::ZERO;
        for _ in 0..per_group {
            last = append(&[1; 24], &[&[2; 80], &[3; 80]]);
        }
        let nanos = start.elapsed().as_nanos() as f64 / f64::from(per_group);
        best = best.min(nanos);
        total += nanos;
        log.wait_durable(last).unwrap();
    }
    println!(
        "append of a 200-byte record: {:.0} ns on average, {best:.0} ns at best",
        total / f64::from(groups)
    );

    let waits = 500_u32;
    let file = doors.disk.create("baseline").unwrap();
    file.allocate(1 << 20).unwrap();
    file.sync().unwrap();
    let start = Instant::now();
    for n in 0..waits {
        file.write_at(u64::from(n) * 512, &[1; 512]).unwrap();
        file.sync().unwrap();
    }
    println!("a bare write and sync: {:.0} us", start.elapsed().as_micros() as f64 / f64::from(waits));
    let start = Instant::now();
    for _ in 0..waits {
        let last = append(&[1; 24], &[&[2; 24], &[3; 24]]);
        log.wait_durable(last).unwrap();
    }
    println!("append and wait, alone: {:.0} us", start.elapsed().as_micros() as f64 / f64::from(waits));
    log.close().unwrap();
    drop(log);

    let start = Instant::now();
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    let mut count = |record: &RecordParts<'_>, _: &Definitions| -> Result<(), BoxError> {
        bytes += record.write_set.size_bytes() as u64;
        rows += record.write_set.iter().filter(|write| matches!(write, Write::Update(_))).count() as u64;
        Ok(())
    };
    let (log, report) = Log::open(&doors, LogOptions::default(), &mut count).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "reading {} records, {rows} rows, {} MB: {:.1} million rows a second",
        report.last,
        bytes / 1_000_000,
        rows as f64 / seconds / 1e6
    );
    drop(log);
}
