//! A snapshot that is being written from what was captured, a table at a time.
//! It reads at the version that was captured, beside the writer, and never takes the writer's lock.
//! Invariant: a table is written again, or was found to have the very rows that an earlier snapshot wrote.

use super::capture::Capture;
use super::contents::{
    KnownRows, LAST_RUNS, MODULES, ModuleEntry, OWED_PIECE_BYTES, RowsDigest, encode_last_runs,
    encode_modules, encode_owed, owed_head, storage_of, table_head,
};
use super::report::SnapshotReport;
use crate::catalog::Catalog;
use crate::context::Target;
use crate::error::Error;
use crate::state::Name;
use interstice_log::{
    Cancellation, Log, LogError, SnapshotIdentity, SnapshotStore, SnapshotWriter, TableContents, TableHead,
};
use interstice_store::{KeyRange, Reader, TableHandle, Version};
use std::collections::HashMap;

/// What takes the rows of a batch, and how many they are.
type Take<'t> = &'t mut dyn FnMut(u32, &[u8]) -> Result<(), Error>;

/// How many bytes of rows are read at a time: for so long the writer may wait for the lock of a table.
const BATCH_BYTES: usize = 64 << 10;

/// A snapshot that is being written.
pub(super) struct Taking {
    capture: Capture,
    writer: SnapshotWriter,
    tables: Vec<TableToTake>,
    next: usize,
    cancellation: Cancellation,
    unchanged_tables: usize,
    scanned_rows: u64,
    batch: Vec<u8>,
}

struct TableToTake {
    head: TableHead,
    handle: TableHandle,
    changed: Version,
    counter: Option<u64>,
}

impl Taking {
    /// Begins to write what was captured: the deliveries that are owed, and all that stands in the head.
    pub(super) fn begin(
        snapshots: &SnapshotStore,
        log: &Log,
        capture: Capture,
        cancellation: &Cancellation,
    ) -> Result<Taking, Error> {
        let catalog = &capture.catalog;
        let storage = storage_of(catalog.modules.iter().map(|module| &module.schema));
        let (database_key, timeline) = (log.database_key(), log.timeline());
        let anchor = capture.anchor(log)?;
        let identity = SnapshotIdentity { database_key, timeline, anchor, storage };
        let mut writer = snapshots.begin(identity, cancellation)?;
        writer.section(MODULES, &encode_modules(&module_entries(&capture)))?;
        let name = |(target, run): &(Target, _)| (name_of(catalog, *target), *run);
        let last_runs: Vec<_> = capture.last_runs.iter().map(name).collect();
        writer.section(LAST_RUNS, &encode_last_runs(&last_runs))?;
        write_owed(&mut writer, &capture)?;
        Ok(Taking {
            tables: tables_to_take(&capture),
            capture,
            writer,
            next: 0,
            cancellation: cancellation.clone(),
            unchanged_tables: 0,
            scanned_rows: 0,
            batch: Vec::new(),
        })
    }

    /// Writes the next table, unless the snapshot before of the same family has the same rows. What is known of
    /// tables says so of one that has not changed since; what is found out is added. Answers whether there was
    /// a table.
    pub(super) fn table(&mut self, known: &mut HashMap<TableHead, KnownRows>) -> Result<bool, Error> {
        let Some(table) = self.tables.get(self.next) else { return Ok(false) };
        self.next += 1;
        let (reader, cancellation, batch) = (&self.capture.reader, &self.cancellation, &mut self.batch);
        let (at, scanned_rows) = (Version(self.capture.sequence.0), &mut self.scanned_rows);
        let mut scan = |take: Take<'_>| {
            let (mut digest, mut rows) = (RowsDigest::new(), 0);
            each_batch(reader, &table.handle, cancellation, batch, |count, bytes| {
                rows += u64::from(count);
                digest.update(bytes);
                take(count, bytes)
            })?;
            *scanned_rows += rows;
            Ok::<_, Error>(KnownRows { at, rows, digest: digest.finish() })
        };
        let mut rows = known.get(&table.head).copied().filter(|rows| table.changed <= rows.at);
        // Rows that are others than in the snapshot before are read once, while they are written.
        if rows.is_none() && self.writer.before().is_some_and(|before| table.changed <= Version(before.0)) {
            rows = Some(scan(&mut |_, _| Ok(()))?);
        }
        if let Some(rows) = rows {
            known.insert(table.head.clone(), rows);
            if self.writer.unchanged(&table.head, rows.contents(table.counter))? {
                self.unchanged_tables += usize::from(rows.rows > 0);
                return Ok(true);
            }
        }
        let mut to = self.writer.table(table.head.clone())?;
        let written = scan(&mut |count, bytes| Ok(to.rows(count, bytes)?))?;
        if let Some(rows) = rows {
            let same = (rows.rows, rows.digest) == (written.rows, written.digest);
            let name = table.head.full_name();
            assert!(same, "the rows of {name} have changed, and nobody changed them");
        }
        to.finish(written.contents(table.counter))?;
        known.insert(table.head.clone(), written);
        Ok(true)
    }

    /// Reads everything back and publishes the snapshot.
    pub(super) fn publish(self) -> Result<SnapshotReport, Error> {
        let shared_bytes = self.writer.shared_bytes();
        let snapshot = self.writer.publish()?;
        Ok(SnapshotReport::new(&snapshot, true, self.unchanged_tables, self.scanned_rows, shared_bytes))
    }
}

/// Hands the rows of a table to `take`, in batch form and in the order of their keys.
fn each_batch(
    reader: &Reader,
    table: &TableHandle,
    cancellation: &Cancellation,
    batch: &mut Vec<u8>,
    mut take: impl FnMut(u32, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut scan = reader.scan(table, &KeyRange::default()).map_err(Error::Store)?;
    loop {
        if cancellation.is_cancelled() {
            return Err(LogError::Cancelled.into());
        }
        batch.clear();
        let read = scan.next_batch(batch, BATCH_BYTES, usize::MAX).map_err(Error::Store)?;
        take(read.rows, batch)?;
        if !read.more {
            return Ok(());
        }
    }
}

fn module_entries(capture: &Capture) -> Vec<ModuleEntry> {
    let catalog = &capture.catalog;
    let modules = catalog.modules.iter().zip(&capture.installed_micros).enumerate();
    let entry = modules.map(|(position, (module, installed_micros))| ModuleEntry {
        schema: serde_json::to_vec(&module.schema).expect("a schema is plain data"),
        artifact: module.digest.0,
        installed_micros: *installed_micros,
        catalog_hash: catalog.hash_of_first(position + 1),
    });
    entry.collect()
}

/// The tables that are kept in the log; ephemeral ones are empty after a restart.
fn tables_to_take(capture: &Capture) -> Vec<TableToTake> {
    let mut tables = Vec::new();
    for module in &capture.catalog.modules {
        for ((interface, table), id) in module.schema.tables().zip(&module.tables) {
            let linked = capture.catalog.table(*id);
            if linked.ephemeral {
                continue;
            }
            let counts = table.columns.iter().any(|column| column.auto_increment);
            tables.push(TableToTake {
                head: table_head(&module.schema, interface, table),
                handle: linked.handle.clone(),
                changed: capture.changed[id.0 as usize],
                counter: counts.then(|| capture.counters[id.0 as usize]),
            });
        }
    }
    tables
}

fn write_owed(writer: &mut SnapshotWriter, capture: &Capture) -> Result<(), Error> {
    let (mut digest, mut rows) = (RowsDigest::new(), 0);
    let mut table = writer.table(owed_head())?;
    let mut stream = Vec::new();
    let mut pieces = |stream: &mut Vec<u8>, is_end: bool| {
        while stream.len() >= OWED_PIECE_BYTES || is_end && !stream.is_empty() {
            let rest = stream.split_off(stream.len().min(OWED_PIECE_BYTES));
            digest.update(stream);
            table.rows(1, stream)?;
            rows += 1;
            *stream = rest;
        }
        Ok::<_, LogError>(())
    };
    for delivery in &capture.owed {
        encode_owed(delivery, &name_of(&capture.catalog, delivery.target), &mut stream);
        pieces(&mut stream, false)?;
    }
    pieces(&mut stream, true)?;
    Ok(table.finish(TableContents { counter: None, rows, digest: digest.finish() })?)
}

fn name_of(catalog: &Catalog, target: Target) -> Name {
    let function = catalog.function(target);
    (catalog.at(target.module).name.clone(), format!("{}.{}", function.interface, function.name))
}
