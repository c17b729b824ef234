//! Writing a snapshot beside the log: sections, tables, then the head, which makes it one. Until the head
//! has its name nothing refers to what was written, and dropping the writer takes it away. Invariant: the
//! head gets its name only after everything was synced and read back.

use super::cancellation::Cancellation;
use super::head::{Head, SnapshotIdentity, SnapshotTable, TableContents, TableHead};
use super::names::{Family, OBJECT_DIRECTORY, TEMPORARY_SUFFIX, head_path, object_path};
use super::object_reader::{ReadSpace, read_rows};
use super::object_writer::{ObjectWriter, WriteSpace};
use super::read::Snapshot;
use super::store::SnapshotTurn;
use crate::doing::Doing;
use crate::doors::{Disk, Entropy};
use crate::error::LogError;
use crate::limits::MAX_SNAPSHOT_HEAD_BYTES;
use crate::segment::Id;
use crate::sequence::Sequence;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a snapshot is begun with.
pub(super) struct Plan {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) turn: SnapshotTurn,
    /// Where the id of the snapshot is left once it was read back and published.
    pub(super) proven: Arc<Mutex<Option<Id>>>,
    pub(super) cancellation: Cancellation,
    pub(super) identity: SnapshotIdentity,
    pub(super) family: Family,
    pub(super) created_micros: u64,
    /// The snapshot whose files this one may share.
    pub(super) before: Option<Snapshot>,
}

/// A snapshot that is being written. Dropping it unpublished removes its files.
pub struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    entropy: Arc<dyn Entropy>,
    proven: Arc<Mutex<Option<Id>>>,
    cancellation: Cancellation,
    id: Id,
    identity: SnapshotIdentity,
    family: Family,
    created_micros: u64,
    before: Option<Snapshot>,
    sections: BTreeMap<String, Vec<u8>>,
    section_bytes: usize,
    tables: BTreeMap<(String, String), SnapshotTable>,
    /// The objects that were begun, to be removed if the snapshot is given up.
    begun: BTreeSet<Id>,
    /// The table that was begun and is not finished.
    unfinished: Option<String>,
    /// The head exists under its temporary name.
    has_temporary: bool,
    write_space: WriteSpace,
    read_space: ReadSpace,
    // Given back last, when the files of a snapshot that was given up are gone.
    _turn: SnapshotTurn,
}

impl SnapshotWriter {
    pub(super) fn new(plan: Plan) -> Result<Self, LogError> {
        let id = draw_id(plan.disk.as_ref(), plan.entropy.as_ref())?;
        Ok(Self {
            disk: plan.disk,
            entropy: plan.entropy,
            proven: plan.proven,
            cancellation: plan.cancellation,
            id,
            identity: plan.identity,
            family: plan.family,
            created_micros: plan.created_micros,
            before: plan.before,
            sections: BTreeMap::new(),
            section_bytes: 0,
            tables: BTreeMap::new(),
            begun: BTreeSet::new(),
            unfinished: None,
            has_temporary: false,
            write_space: WriteSpace::new()?,
            read_space: ReadSpace::new()?,
            _turn: plan.turn,
        })
    }

    /// The family of this snapshot.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The record of the snapshot whose files this one may share, the one before of the same family.
    #[must_use]
    pub fn before(&self) -> Option<Sequence> {
        self.before.as_ref().map(Snapshot::sequence)
    }

    /// Adds something that is kept beside rows. All sections together stay in memory until the end.
    pub fn section(&mut self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        if self.sections.contains_key(name) {
            return Err(LogError::SnapshotTwice { name: name.to_owned() });
        }
        let (size, limit) = (self.section_bytes + name.len() + bytes.len(), MAX_SNAPSHOT_HEAD_BYTES);
        if size > limit {
            let (size, limit) = (size as u64, limit as u64);
            return Err(LogError::SnapshotTooLarge { what: "the sections of a snapshot", size, limit });
        }
        self.section_bytes = size;
        self.sections.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    /// Adds a table without writing it, if the snapshot before of the same family has it with the same
    /// shape, number of rows and digest, and its rows can still be read. If not (`false`), the table is
    /// to be written.
    pub fn unchanged(&mut self, head: &TableHead, contents: TableContents) -> Result<bool, LogError> {
        self.check_new(head)?;
        let object = if contents.rows == 0 {
            None
        } else {
            let Some(before) = &self.before else { return Ok(false) };
            let same = before.tables().iter().find(|table| {
                let then = &table.contents;
                table.head == *head && (then.rows, then.digest) == (contents.rows, contents.digest)
            });
            let Some(table) = same else { return Ok(false) };
            let (disk, space) = (self.disk.as_ref(), &mut self.read_space);
            match read_rows(disk, &before.head, table, space, &self.cancellation, &mut |_, _| Ok(())) {
                Ok(()) => table.object.clone(),
                Err(LogError::Cancelled) => return Err(LogError::Cancelled),
                // Whatever is wrong with the old rows, new ones mend it.
                Err(_) => return Ok(false),
            }
        };
        self.add(SnapshotTable { head: head.clone(), contents, object });
        Ok(true)
    }

    /// The length of the files with rows that an earlier snapshot wrote and this one refers to.
    #[must_use]
    pub fn shared_bytes(&self) -> u64 {
        let objects = self.tables.values().filter_map(|table| table.object.as_ref());
        objects.filter(|object| !self.begun.contains(&object.id)).map(|object| object.stored_bytes).sum()
    }

    /// Begins to write a table. It must be finished before the snapshot can be published.
    pub fn table(&mut self, head: TableHead) -> Result<TableWriter<'_>, LogError> {
        self.check_new(&head)?;
        self.unfinished = Some(head.full_name());
        Ok(TableWriter { snapshot: self, head, rows: 0, object: None })
    }

    fn check_new(&self, head: &TableHead) -> Result<(), LogError> {
        self.cancellation.check()?;
        if let Some(table) = &self.unfinished {
            return Err(LogError::SnapshotUnfinished { table: table.clone() });
        }
        if self.tables.contains_key(&(head.package.clone(), head.name.clone())) {
            return Err(LogError::SnapshotTwice { name: head.full_name() });
        }
        Ok(())
    }

    fn add(&mut self, table: SnapshotTable) {
        let key = (table.head.package.clone(), table.head.name.clone());
        let before = self.tables.insert(key, table);
        assert!(before.is_none(), "a table was added twice");
    }

    fn begin_object(&mut self) -> Result<ObjectWriter, LogError> {
        let disk = self.disk.as_ref();
        let id = draw_id(disk, self.entropy.as_ref())?;
        self.begun.insert(id);
        ObjectWriter::create(disk, &mut self.write_space, id, self.identity.database_key, self.family)
    }

    /// Writes the head, reads everything back from the disk, and publishes the snapshot. Once this has
    /// returned, the snapshot survives a crash. After an error there is no snapshot.
    pub fn publish(mut self) -> Result<Snapshot, LogError> {
        self.cancellation.check()?;
        if let Some(table) = &self.unfinished {
            return Err(LogError::SnapshotUnfinished { table: table.clone() });
        }
        let disk = self.disk.clone();
        let disk = disk.as_ref();
        let head = Head {
            id: self.id,
            family: self.family,
            identity: self.identity,
            created_micros: self.created_micros,
            sections: std::mem::take(&mut self.sections),
            tables: std::mem::take(&mut self.tables).into_values().collect(),
        };
        disk.sync_directory(OBJECT_DIRECTORY).doing("sync", || disk.locate(OBJECT_DIRECTORY))?;
        let path = head_path(self.identity.anchor.sequence);
        let temporary = format!("{path}{TEMPORARY_SUFFIX}");
        self.write_head(&temporary, &head.encode()?)?;
        self.read_back(&temporary, &head)?;
        self.cancellation.check()?;
        disk.rename(&temporary, &path).doing("rename a new file to", || disk.locate(&path))?;
        self.has_temporary = false;
        // From here on the medium may have the head, and then it needs its rows, whatever happens.
        self.begun.clear();
        let directory = super::SNAPSHOT_DIRECTORY;
        if let Err(error) = disk.sync_directory(directory).doing("sync", || disk.locate(directory)) {
            // Nobody is told of it, so it is better not there; should it come back, it is whole.
            let _ = disk.remove(&path);
            return Err(error);
        }
        *self.proven.lock() = Some(self.id);
        Ok(Snapshot::new(head, disk.locate(&path)))
    }

    fn write_head(&mut self, temporary: &str, bytes: &[u8]) -> Result<(), LogError> {
        let path = || self.disk.locate(temporary);
        self.has_temporary = true;
        let file = self.disk.create(temporary).doing("create", path)?;
        file.write_at(0, bytes).doing("write", path)?;
        file.sync().doing("sync", path)?;
        file.forget_cached();
        Ok(())
    }

    /// Compares what is on the disk with what was to be written. Objects shared with the snapshot before
    /// were read when they were found unchanged.
    fn read_back(&mut self, temporary: &str, written: &Head) -> Result<(), LogError> {
        let (disk, sequence) = (self.disk.as_ref(), self.identity.anchor.sequence);
        let read = Snapshot::open(disk, temporary, sequence)?;
        if read.head != *written {
            let what = "the head that was read back is not the one that was written".to_owned();
            return Err(LogError::DamagedSnapshot { path: disk.locate(temporary), offset: 0, what });
        }
        for table in read.tables() {
            if table.object.as_ref().is_some_and(|object| self.begun.contains(&object.id)) {
                let (space, cancellation) = (&mut self.read_space, &self.cancellation);
                read_rows(disk, &read.head, table, space, cancellation, &mut |_, _| Ok(()))?;
            }
        }
        Ok(())
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the database is opened or pruned.
        if self.has_temporary {
            let path = head_path(self.identity.anchor.sequence);
            let _ = self.disk.remove(&format!("{path}{TEMPORARY_SUFFIX}"));
        }
        for id in &self.begun {
            let _ = self.disk.remove(&object_path(self.family, id));
        }
    }
}

/// A table that is being written.
pub struct TableWriter<'w> {
    snapshot: &'w mut SnapshotWriter,
    head: TableHead,
    rows: u64,
    object: Option<ObjectWriter>,
}

impl TableWriter<'_> {
    /// Adds a batch of rows, which comes back as a batch when the snapshot is read. After an error the
    /// snapshot can only be given up.
    pub fn rows(&mut self, rows: u32, batch: &[u8]) -> Result<(), LogError> {
        if rows == 0 {
            assert!(batch.is_empty(), "a batch of no rows has {} bytes", batch.len());
            return Ok(());
        }
        if self.object.is_none() {
            self.object = Some(self.snapshot.begin_object()?);
        }
        let object = self.object.as_mut().expect("it was begun if there was none");
        object.batch(&mut self.snapshot.write_space, rows, batch, &self.snapshot.cancellation)?;
        self.rows += u64::from(rows);
        Ok(())
    }

    /// Makes the rows safe and adds the table to the snapshot. Refused if the contents are said to have
    /// another number of rows than were handed over.
    pub fn finish(self, contents: TableContents) -> Result<(), LogError> {
        let Self { snapshot, head, rows, object } = self;
        if rows != contents.rows {
            let (table, counted, given) = (head.full_name(), rows, contents.rows);
            return Err(LogError::SnapshotRowCount { table, counted, given });
        }
        let finish = |object: ObjectWriter| object.finish(&mut snapshot.write_space, &snapshot.cancellation);
        let object = object.map(finish).transpose()?;
        snapshot.unfinished = None;
        snapshot.add(SnapshotTable { head, contents, object });
        Ok(())
    }
}

fn draw_id(disk: &dyn Disk, entropy: &dyn Entropy) -> Result<Id, LogError> {
    let mut id = [0; 16];
    entropy.fill(&mut id).doing("draw randomness for", || disk.locate(super::SNAPSHOT_DIRECTORY))?;
    Ok(id)
}
