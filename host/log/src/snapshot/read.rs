//! A published snapshot: looked at by its head, read in a stream, or verified without keeping anything.
//! Nothing is written here. Invariant: reading ends without an error only if every byte of the snapshot
//! is the one that was written.

use super::cancellation::Cancellation;
use super::head::{Head, SnapshotIdentity, SnapshotTable};
use super::names::{Family, head_path};
use super::object_reader::{ReadSpace, check_object, read_rows};
use crate::doors::Disk;
use crate::error::{BoxError, LogError};
use crate::limits::MAX_SNAPSHOT_HEAD_BYTES;
use crate::publish::read_whole;
use crate::read_log::Progress;
use crate::segment::Id;
use crate::sequence::Sequence;

/// Takes the rows of one table in batches: how many rows, and their bytes as they were handed to the
/// writer.
pub type TakeRows<'v> = dyn FnMut(u32, &[u8]) -> Result<(), BoxError> + 'v;

/// Takes the contents of a snapshot: first all sections, then table after table.
///
/// Rows arrive before the digest of their table could be compared, so nothing that was taken may be
/// used until the reading has ended without an error.
pub trait SnapshotVisitor {
    /// What the node keeps under this name. An error ends the reading.
    fn section(&mut self, name: &str, bytes: &[u8]) -> Result<(), BoxError>;
    /// The rows that follow belong to this table.
    fn table(&mut self, table: &SnapshotTable) -> Result<(), BoxError>;
    /// The next rows of the table, as they were handed to the writer. Their number is no more than a
    /// claim of whoever wrote them, so nothing should be allocated on the strength of it.
    fn rows(&mut self, rows: u32, batch: &[u8]) -> Result<(), BoxError>;
    /// The table is complete.
    fn table_end(&mut self, table: &SnapshotTable) -> Result<(), BoxError>;
    /// How far the reading has come; called after each table and about once a mebibyte of rows.
    fn progress(&mut self, progress: Progress) {
        let _ = progress;
    }
}

/// A snapshot whose head is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) head: Head,
    /// How messages name the head.
    path: String,
}

impl Snapshot {
    pub(super) fn new(head: Head, path: String) -> Self {
        Self { head, path }
    }

    /// Reads the head in this file and compares it with the sequence in its name.
    pub(crate) fn open(disk: &dyn Disk, path: &str, sequence: Sequence) -> Result<Self, LogError> {
        let located = disk.locate(path);
        let damaged =
            |offset: u64, what: String| LogError::DamagedSnapshot { path: located.clone(), offset, what };
        let bytes = match read_whole(disk, path, MAX_SNAPSHOT_HEAD_BYTES as u64) {
            Err(LogError::Damaged { offset, what, .. }) => return Err(damaged(offset, what)),
            read => read?.ok_or_else(|| damaged(0, "the file is gone".to_owned()))?,
        };
        let head = Head::decode(&bytes, &located)?;
        let found = head.identity.anchor.sequence;
        if found != sequence {
            return Err(damaged(64, format!("a snapshot up to record {found}, expected {sequence}")));
        }
        Ok(Self { head, path: located })
    }

    /// Opens every object and looks at its length and header, not at its rows.
    pub(crate) fn check_objects(&self, disk: &dyn Disk) -> Result<(), LogError> {
        self.head.tables.iter().try_for_each(|table| check_object(disk, &self.head, table))
    }

    /// What it is a snapshot of.
    #[must_use]
    pub fn identity(&self) -> &SnapshotIdentity {
        &self.head.identity
    }

    /// The record up to which it goes.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.head.identity.anchor.sequence
    }

    /// When it was begun, in microseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn created_micros(&self) -> u64 {
        self.head.created_micros
    }

    /// Its family. Snapshots of different families share no file.
    #[must_use]
    pub fn family(&self) -> Family {
        self.head.family
    }

    /// What the node keeps beside rows, by name.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.sections.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Its tables, by package and name.
    #[must_use]
    pub fn tables(&self) -> &[SnapshotTable] {
        &self.head.tables
    }

    /// The length of all files with rows.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.head.tables.iter().map(SnapshotTable::stored_bytes).sum()
    }

    /// How messages name its head.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The files that it consists of, from the data directory: the objects, and last the head. Whoever
    /// copies them holds [`SnapshotStore::hold`](super::SnapshotStore::hold) meanwhile.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.objects().chain([head_path(self.sequence())]).collect()
    }

    /// The files of its rows.
    pub(super) fn objects(&self) -> impl Iterator<Item = String> {
        let objects = self.head.tables.iter().filter_map(|table| table.object.as_ref());
        objects.map(|object| object.path(self.head.family))
    }

    /// Refuses a snapshot of another database.
    pub fn check_database(&self, database_key: &Id) -> Result<(), LogError> {
        if self.head.identity.database_key == *database_key {
            Ok(())
        } else {
            Err(LogError::ForeignSnapshot { path: self.path.clone() })
        }
    }

    /// Hands everything to `visitor`. Memory does not grow with the length of a table.
    pub fn read(
        &self,
        disk: &dyn Disk,
        visitor: &mut dyn SnapshotVisitor,
        cancellation: &Cancellation,
    ) -> Result<(), LogError> {
        let load = |part: &str, done: Result<(), BoxError>| {
            let (path, part) = (self.path.clone(), part.to_owned());
            done.map_err(|source| LogError::SnapshotLoad { path, part, source })
        };
        for (name, bytes) in &self.head.sections {
            load(name, visitor.section(name, bytes))?;
        }
        let mut space = ReadSpace::new()?;
        let bytes_total = self.head.tables.iter().filter_map(|table| table.object.as_ref());
        // What a head claims need not add up to a number of 64 bits.
        let bytes_total = bytes_total.fold(0, |sum: u64, object| sum.saturating_add(object.contents_bytes));
        let mut done = Progress { bytes_done: 0, bytes_total };
        let mut complete = 0;
        for table in &self.head.tables {
            let name = table.head.full_name();
            load(&name, visitor.table(table))?;
            let mut take = |rows: u32, batch: &[u8]| {
                let before = done.bytes_done >> 20;
                done.bytes_done += batch.len() as u64;
                if done.bytes_done >> 20 != before {
                    visitor.progress(done);
                }
                load(&name, visitor.rows(rows, batch))
            };
            read_rows(disk, &self.head, table, &mut space, cancellation, &mut take)?;
            load(&name, visitor.table_end(table))?;
            // Until here only the batches were counted, not what stands before each of them.
            complete += table.object.as_ref().map_or(0, |object| object.contents_bytes);
            done.bytes_done = complete;
            visitor.progress(done);
        }
        Ok(())
    }

    /// Hands the rows of one of its tables to `take`. Tables may be read on several threads at once. What
    /// was taken counts only if no error follows.
    pub fn read_table(
        &self,
        disk: &dyn Disk,
        table: &SnapshotTable,
        cancellation: &Cancellation,
        take: &mut TakeRows<'_>,
    ) -> Result<(), LogError> {
        let mut take = |rows: u32, batch: &[u8]| {
            take(rows, batch).map_err(|source| LogError::SnapshotLoad {
                path: self.path.clone(),
                part: table.head.full_name(),
                source,
            })
        };
        read_rows(disk, &self.head, table, &mut ReadSpace::new()?, cancellation, &mut take)
    }

    /// Reads everything and keeps nothing. The contents of the tables are compared with the digests of
    /// their bytes; the digests over rows are the node's to compare.
    pub fn verify(&self, disk: &dyn Disk, cancellation: &Cancellation) -> Result<(), LogError> {
        let mut space = ReadSpace::new()?;
        self.head.tables.iter().try_for_each(|table| {
            read_rows(disk, &self.head, table, &mut space, cancellation, &mut |_, _| Ok(()))
        })
    }
}
