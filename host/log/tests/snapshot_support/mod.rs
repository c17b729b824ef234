//! What the tests of snapshots share: a small database as a model, written to snapshots and compared with
//! what is read from them, and a disk that does something at the operation with a given number.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use interstice_log::doors::{Access, Disk, DiskFile, Doors, LockKind, LockOutcome};
use interstice_log::{
    Anchor, BoxError, Cancellation, Digest, LogError, Past, Progress, PruneReport, Retention, Sequence,
    Snapshot, SnapshotIdentity, SnapshotStore, SnapshotTable, SnapshotVisitor, TableContents, TableHead,
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const DATABASE_KEY: [u8; 16] = [0xdb; 16];

/// A table of the model: its rows follow from its name and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub version: u64,
    pub rows: u64,
    pub row_bytes: usize,
}

/// A database as of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub sequence: Sequence,
    pub tables: BTreeMap<String, Table>,
}

impl State {
    /// Tables with so many rows each.
    pub fn new(sequence: u64, rows: &[u64]) -> Self {
        let table = |(index, rows): (usize, &u64)| {
            (format!("tables.t{index}"), Table { version: 0, rows: *rows, row_bytes: 20 })
        };
        Self { sequence: Sequence(sequence), tables: rows.iter().enumerate().map(table).collect() }
    }

    /// A later state in which this table is another.
    pub fn changed(&self, more: u64, table: usize) -> Self {
        let mut next = self.clone();
        next.sequence.0 += more;
        next.tables.get_mut(&format!("tables.t{table}")).unwrap().version = next.sequence.0;
        next
    }

    /// A later state with the same rows.
    pub fn later(&self, more: u64) -> Self {
        Self { sequence: Sequence(self.sequence.0 + more), ..self.clone() }
    }
}

pub fn identity(sequence: Sequence) -> SnapshotIdentity {
    let link = Sha256::digest(sequence.0.to_le_bytes()).into();
    let anchor = Anchor { sequence, link, catalog: [0xca; 32], latest_micros: 1_700_000 + sequence.0 };
    SnapshotIdentity { database_key: DATABASE_KEY, timeline: [0x71; 16], anchor, storage: Digest([0x57; 32]) }
}

pub fn head(name: &str) -> TableHead {
    TableHead { package: "acme:bank".to_owned(), name: name.to_owned(), shape: Digest([0x5a; 32]) }
}

pub fn contents(name: &str, table: &Table, sequence: Sequence) -> TableContents {
    let digest = Sha256::digest(format!("{name} {table:?}"));
    let counter = table.rows.is_multiple_of(2).then_some(sequence.0 + table.rows);
    TableContents { counter, rows: table.rows, digest: Digest(digest.into()) }
}

/// Rows: how many, and their bytes.
pub type Batch = (u32, Vec<u8>);

/// The rows of a table in batches.
pub fn batches(name: &str, table: &Table) -> Vec<Batch> {
    let row = |n: u64| {
        let mut row = Vec::with_capacity(table.row_bytes);
        let mut block = 0_u64;
        // Rows that do not compress well, so that the files are about as long as the rows.
        while row.len() < table.row_bytes {
            row.extend_from_slice(&Sha256::digest(format!("{name} {} {n} {block}", table.version))[..16]);
            row.extend_from_slice(&[0; 4]);
            block += 1;
        }
        row.truncate(table.row_bytes);
        row
    };
    let numbers: Vec<u64> = (0..table.rows).collect();
    numbers
        .chunks(7)
        .map(|chunk| (chunk.len() as u32, chunk.iter().flat_map(|n| row(*n)).collect()))
        .collect()
}

pub fn sections(sequence: Sequence) -> BTreeMap<String, Vec<u8>> {
    let owed = sequence.0.to_le_bytes().repeat(sequence.0 as usize % 5);
    [("modules".to_owned(), b"the modules".to_vec()), ("owed".to_owned(), owed)].into()
}

/// Writes and publishes a snapshot of this state, with the tables that are unchanged not written again.
pub fn write(store: &SnapshotStore, state: &State) -> Result<Snapshot, LogError> {
    write_until(store, state, &Cancellation::new())
}

pub fn write_until(
    store: &SnapshotStore,
    state: &State,
    cancellation: &Cancellation,
) -> Result<Snapshot, LogError> {
    let mut writer = store.begin(identity(state.sequence), cancellation)?;
    for (name, bytes) in sections(state.sequence) {
        writer.section(&name, &bytes)?;
    }
    for (name, table) in &state.tables {
        let contents = contents(name, table, state.sequence);
        if writer.unchanged(&head(name), contents)? {
            continue;
        }
        let mut rows = writer.table(head(name))?;
        for (count, batch) in batches(name, table) {
            rows.rows(count, &batch)?;
        }
        rows.finish(contents)?;
    }
    writer.publish()
}

/// No old states are asked for.
pub const NO_PAST: Past = Past { retention: Retention::KeepNone, first: Sequence(1), now_micros: 0 };

pub fn prune(store: &SnapshotStore) -> Result<PruneReport, LogError> {
    store.prune(&NO_PAST, &Cancellation::new())
}

/// Everything that was read from a snapshot.
#[derive(Default)]
pub struct Collected {
    pub sections: BTreeMap<String, Vec<u8>>,
    pub tables: Vec<(SnapshotTable, Vec<Batch>)>,
    pub ended: usize,
    pub progress: Option<Progress>,
}

impl SnapshotVisitor for Collected {
    fn section(&mut self, name: &str, bytes: &[u8]) -> Result<(), BoxError> {
        assert!(self.tables.is_empty(), "sections come first");
        self.sections.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn table(&mut self, table: &SnapshotTable) -> Result<(), BoxError> {
        assert_eq!(self.ended, self.tables.len());
        self.tables.push((table.clone(), Vec::new()));
        Ok(())
    }

    fn rows(&mut self, rows: u32, batch: &[u8]) -> Result<(), BoxError> {
        self.tables.last_mut().unwrap().1.push((rows, batch.to_vec()));
        Ok(())
    }

    fn table_end(&mut self, table: &SnapshotTable) -> Result<(), BoxError> {
        assert_eq!(&self.tables.last().unwrap().0, table);
        self.ended += 1;
        Ok(())
    }

    fn progress(&mut self, progress: Progress) {
        assert!(progress.bytes_done <= progress.bytes_total);
        assert!(self.progress.is_none_or(|before| before.bytes_done <= progress.bytes_done));
        self.progress = Some(progress);
    }
}

/// Reads a snapshot and asserts that it is one of this state.
pub fn assert_holds(disk: &dyn Disk, snapshot: &Snapshot, state: &State) {
    let mut collected = Collected::default();
    snapshot.read(disk, &mut collected, &Cancellation::new()).unwrap();
    assert_eq!(*snapshot.identity(), identity(state.sequence));
    assert_eq!(collected.sections, sections(state.sequence));
    assert_eq!(collected.ended, state.tables.len());
    assert!(collected.progress.is_none_or(|last| last.bytes_done == last.bytes_total));
    for ((table, rows), (name, expected)) in collected.tables.iter().zip(&state.tables) {
        assert_eq!(table.head, head(name));
        assert_eq!(table.contents, contents(name, expected, state.sequence));
        assert!(*rows == batches(name, expected), "the rows of {name} at {}", state.sequence);
    }
    snapshot.verify(disk, &Cancellation::new()).unwrap();
}

/// The snapshots of a store, all of which must be valid.
pub fn valid(store: &SnapshotStore) -> Vec<Snapshot> {
    store.list().unwrap().into_iter().map(|listed| listed.found.unwrap()).collect()
}

/// Asserts that two snapshots have no file in common.
pub fn assert_apart(one: &Snapshot, other: &Snapshot) {
    let files: BTreeSet<String> = one.files().into_iter().collect();
    assert!(other.files().iter().all(|file| !files.contains(file)), "two snapshots share a file");
}

/// The files under `snapshots/` that are there, and those to which a snapshot refers.
pub fn files(
    disk: &interstice_log::sim::SimDisk,
    store: &SnapshotStore,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let there = disk.contents().into_keys().filter(|path| path.starts_with("snapshots/")).collect();
    (there, valid(store).iter().flat_map(Snapshot::files).collect())
}

/// A disk that does something instead of, or before, the operation with a given number.
#[derive(Clone)]
pub struct Tripwire {
    inner: Arc<dyn Disk>,
    count: Arc<AtomicU64>,
    at: u64,
    /// Fails the operation, or lets it go on.
    act: Arc<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl Tripwire {
    pub fn new(
        doors: &Doors,
        at: u64,
        act: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) -> (Doors, Self) {
        let disk = Self { inner: doors.disk.clone(), count: Arc::default(), at, act: Arc::new(act) };
        (Doors { disk: Arc::new(disk.clone()), ..doors.clone() }, disk)
    }

    pub fn was_reached(&self) -> bool {
        self.count.load(Ordering::Relaxed) > self.at
    }

    fn step(&self) -> io::Result<()> {
        if self.count.fetch_add(1, Ordering::Relaxed) == self.at { (self.act)() } else { Ok(()) }
    }

    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(TripFile { disk: self.clone(), inner: file })
    }
}

impl Disk for Tripwire {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.step()?;
        self.inner.create(path).map(|file| self.wrap(file))
    }
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.step()?;
        self.inner.open(path, access).map(|file| self.wrap(file))
    }
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.step()?;
        self.inner.list(directory)
    }
    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.step()?;
        self.inner.create_directory(directory)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step()?;
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.step()?;
        self.inner.remove(path)
    }
    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        self.step()?;
        self.inner.sync_directory(directory)
    }
    fn lock(&self, path: &str, kind: LockKind) -> io::Result<LockOutcome> {
        self.inner.lock(path, kind)
    }
    fn locate(&self, path: &str) -> String {
        self.inner.locate(path)
    }
}

struct TripFile {
    disk: Tripwire,
    inner: Arc<dyn DiskFile>,
}

impl DiskFile for TripFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.step()?;
        self.inner.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.step()?;
        self.inner.write_at(offset, bytes)
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.step()?;
        self.inner.sync()
    }
    fn length(&self) -> io::Result<u64> {
        self.disk.step()?;
        self.inner.length()
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.step()?;
        self.inner.truncate(length)
    }
    fn allocate(&self, length: u64) -> io::Result<()> {
        self.disk.step()?;
        self.inner.allocate(length)
    }
}
