//! A snapshot that is being written from what was captured, a table at a time.
//! It reads at the version that was captured, beside the writer, and never takes the writer's lock.
//! Invariant: a table is written again, or was found to have the very rows that an earlier snapshot wrote.

use super::capture::Capture;
use super::contents::{
    CATALOG, CatalogEntry, KeptEntry, KnownRows, LAST_RUNS, MODULES, ModuleEntry, OWED_PIECE_BYTES,
    RowsDigest, encode_catalog, encode_last_runs, encode_modules, encode_owed, owed_head, storage_of,
    table_head,
};
use super::report::SnapshotReport;
use crate::catalog::{Catalog, CatalogHash, Place};
use crate::context::Target;
use crate::error::Error;
use crate::state::Name;
use crate::tables::local_name;
use interstice_log::{
    Cancellation, Log, LogError, SnapshotIdentity, SnapshotStore, SnapshotWriter, TableContents, TableHead,
};
use interstice_store::{KeyRange, Reader, TableHandle, TableId, Version};
use interstice_wit::Schema;
use std::collections::HashMap;

/// What takes the rows of a batch, and how many they are.
type Take<'t> = &'t mut dyn FnMut(u32, &[u8]) -> Result<(), Error>;

/// How many bytes of rows are read at a time: for so long the writer may wait for the lock of a table.
const BATCH_BYTES: usize = 16 << 10;

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
        let storage = storage_of(stored(catalog).map(|(schema, _)| schema));
        let (database_key, timeline) = (log.database_key(), log.timeline());
        let anchor = capture.anchor(log)?;
        let identity = SnapshotIdentity { database_key, timeline, anchor, storage };
        let mut writer = snapshots.begin(identity, cancellation)?;
        if let Some(entry) = catalog_entry(&capture) {
            writer.section(CATALOG, &encode_catalog(&entry))?;
        }
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
            Ok::<_, Error>(KnownRows { table: table.handle.id(), at, rows, digest: digest.finish() })
        };
        // Another table may have had the same name and shape before.
        let is_known = |rows: &KnownRows| rows.table == table.handle.id() && table.changed <= rows.at;
        let mut rows = known.get(&table.head).copied().filter(is_known);
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

/// The modules that are installed and those whose tables were kept, with their tables, in the order of their
/// places.
fn stored(catalog: &Catalog) -> impl Iterator<Item = (&Schema, &[TableId])> {
    catalog.places().iter().filter_map(|place| match place {
        Place::Module(module) => Some((&module.schema, module.tables.as_slice())),
        Place::Kept(kept) => Some((&kept.schema, kept.tables.as_slice())),
        Place::Gone => None,
    })
}

fn module_entries(capture: &Capture) -> Vec<ModuleEntry> {
    let mut hash = CatalogHash::new();
    let entry = capture.catalog.modules().map(|module| {
        hash.module(&module.name, module.digest, &module.schema);
        ModuleEntry {
            schema: to_json(&module.schema),
            artifact: module.digest.0,
            installed_micros: capture.installed_micros[module.index.0 as usize],
            catalog_hash: hash.clone().finish(),
        }
    });
    entry.collect()
}

fn to_json(schema: &Schema) -> Vec<u8> {
    serde_json::to_vec(schema).expect("a schema is plain data")
}

/// What the list of modules does not say, if there is anything: a database without upgrades has none, and its
/// snapshots can be read by programs that know of none.
fn catalog_entry(capture: &Capture) -> Option<CatalogEntry> {
    let catalog = &capture.catalog;
    let mut kept = Vec::new();
    let places = catalog.places().iter().enumerate().filter(|(_, place)| !matches!(place, Place::Gone));
    for (position, (number, place)) in places.enumerate() {
        if let Place::Kept(module) = place {
            kept.push(KeptEntry {
                place: position as u32,
                schema: to_json(&module.schema),
                artifact: module.digest.0,
                installed_micros: capture.installed_micros[number],
            });
        }
    }
    let installed = |target: &Target| capture.installed_micros[target.module.0 as usize];
    let waits = capture.waits_since.iter().filter(|(target, since)| *since != installed(target));
    let entry = CatalogEntry {
        kept,
        waits_since: waits.map(|(target, since)| (name_of(catalog, *target), *since)).collect(),
    };
    let has_more = !entry.kept.is_empty() || !entry.waits_since.is_empty();
    has_more.then_some(entry)
}

/// The tables that are kept in the log; ephemeral ones are empty after a restart.
fn tables_to_take(capture: &Capture) -> Vec<TableToTake> {
    let mut taken = Vec::new();
    for (schema, tables) in stored(&capture.catalog) {
        for ((interface, table), id) in schema.tables().zip(tables) {
            let linked = capture.catalog.table(*id);
            if linked.ephemeral {
                continue;
            }
            let counts = table.columns.iter().any(|column| column.auto_increment);
            taken.push(TableToTake {
                head: table_head(schema, interface, table),
                handle: linked.handle.clone(),
                changed: capture.changed[id],
                counter: counts.then(|| capture.counters[id]),
            });
        }
    }
    taken
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
    (catalog.at(target.module).name.clone(), local_name(&function.interface, &function.name))
}
