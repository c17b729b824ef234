//! What a snapshot costs: writing rows, reading them back, loading them. Rows that compress as those of a
//! table do, and rows that do not compress at all. `cargo bench -p interstice-log --bench snapshot` prints
//! one line a measurement; `INTERSTICE_BENCH_DIR` names the folder, and with it the disk.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice_log::{
    Anchor, BoxError, Cancellation, Digest, Past, Retention, Sequence, SnapshotIdentity, SnapshotStore,
    TableContents, TableHead, os,
};
use std::time::Instant;

const ROWS_A_BATCH: u32 = 512;
const ROW_BYTES: usize = 32;
const ROWS: u64 = 4 << 20;

fn main() {
    let folder = std::env::var("INTERSTICE_BENCH_DIR").unwrap_or_else(|_| ".".to_owned());
    let directory = tempfile::tempdir_in(folder).unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let store = SnapshotStore::new(&doors);
    let cancellation = Cancellation::new();
    let contents = TableContents { counter: None, rows: ROWS, digest: Digest::default() };
    let mut sequence = 0;
    for (name, row) in [
        ("accounts", account as fn(u64) -> [u8; ROW_BYTES]),
        ("random", random as fn(u64) -> [u8; ROW_BYTES]),
    ] {
        let batches = batches(row);
        let bytes: usize = batches.iter().map(Vec::len).sum();
        let megabytes = bytes as f64 / 1e6;
        for _ in 0..3 {
            sequence += 1;
            let zstd = compress(&batches);
            let mut writer = store.begin(identity(sequence), &cancellation).unwrap();
            let head = TableHead { package: "p".to_owned(), name: name.to_owned(), shape: Digest::default() };
            let start = Instant::now();
            let mut table = writer.table(head.clone()).unwrap();
            for batch in &batches {
                table.rows(ROWS_A_BATCH, batch).unwrap();
            }
            table.finish(contents).unwrap();
            let written = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let snapshot = writer.publish().unwrap();
            let published = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let (mut rows, mut sum) = (0_u64, 0_u64);
            let mut take = |count: u32, batch: &[u8]| -> Result<(), BoxError> {
                rows += u64::from(count);
                sum += batch.chunks(ROW_BYTES).map(|row| u64::from(row[0])).sum::<u64>();
                Ok(())
            };
            let disk = doors.disk.as_ref();
            snapshot.read_table(disk, &snapshot.tables()[0], &cancellation, &mut take).unwrap();
            let loaded = start.elapsed().as_secs_f64();
            println!(
                "{name}: {rows} rows of {ROW_BYTES} bytes, {:.0} MB stored: written and synced {:.0} MB/s \
                 ({:.0} without the {:.0} of zstd), read back and published {:.0} MB/s, loaded {:.1} million rows/s ({})",
                snapshot.stored_bytes() as f64 / 1e6,
                megabytes / written,
                megabytes / (written - zstd),
                megabytes / zstd,
                megabytes / published,
                rows as f64 / loaded / 1e6,
                sum % 10,
            );
            store
                .prune(
                    &Past { retention: Retention::KeepNone, first: Sequence(1), now_micros: 0 },
                    &cancellation,
                )
                .unwrap();
        }
    }
}

/// The seconds that compressing alone takes.
fn compress(batches: &[Vec<u8>]) -> f64 {
    let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
    let mut space = vec![0; zstd::zstd_safe::compress_bound(256 << 10)];
    let whole = batches.concat();
    let start = Instant::now();
    for chunk in whole.chunks(256 << 10) {
        compressor.compress_to_buffer(chunk, &mut space[..]).unwrap();
    }
    start.elapsed().as_secs_f64()
}

fn identity(sequence: u64) -> SnapshotIdentity {
    let anchor = Anchor { sequence: Sequence(sequence), link: [0; 32], catalog: [0; 32], latest_micros: 0 };
    SnapshotIdentity { database_key: [1; 16], timeline: [2; 16], anchor, storage: Digest::default() }
}

fn batches(row: fn(u64) -> [u8; ROW_BYTES]) -> Vec<Vec<u8>> {
    let batch = |first: u64| (first..first + u64::from(ROWS_A_BATCH)).flat_map(row).collect();
    (0..ROWS).step_by(ROWS_A_BATCH as usize).map(batch).collect()
}

/// A number, a name and a balance.
fn account(n: u64) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    row[..8].copy_from_slice(&n.to_le_bytes());
    row[8..22].copy_from_slice(format!("owner-{n:08}").as_bytes());
    row[24..].copy_from_slice(&(n.wrapping_mul(0x9e37_79b9) % 100_000).to_le_bytes());
    row
}

fn random(n: u64) -> [u8; ROW_BYTES] {
    let mut state = n;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    })
}
