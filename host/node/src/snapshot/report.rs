//! What became of a snapshot, for whoever asked for it.
//! Invariant: a report tells of a snapshot that survives a crash.

use interstice_log::{Sequence, Snapshot};

/// A snapshot that was taken, or that was there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// The last record that it contains.
    pub sequence: Sequence,
    /// Whether it was taken now. If not, nothing has been committed since it was taken.
    pub is_new: bool,
    /// How many tables it has, those of the node itself included.
    pub tables: usize,
    /// How many of them had not changed, so that they refer to rows which an earlier snapshot wrote.
    pub unchanged_tables: usize,
    /// How many rows all tables have.
    pub rows: u64,
    /// How many times a row of a module's table was read for it. Those of tables of which it was known that they
    /// had not changed were not.
    pub scanned_rows: u64,
    /// The length of all files with rows.
    pub stored_bytes: u64,
    /// How many bytes of them were written for this snapshot.
    pub written_bytes: u64,
    /// The files that it consists of, from the data directory; the last is its head.
    pub files: Vec<String>,
}

impl SnapshotReport {
    /// The report of a snapshot of which so many tables, with so many bytes, were not written again.
    pub(super) fn new(
        snapshot: &Snapshot,
        is_new: bool,
        unchanged_tables: usize,
        scanned_rows: u64,
        unchanged_bytes: u64,
    ) -> SnapshotReport {
        let stored_bytes = snapshot.stored_bytes();
        SnapshotReport {
            sequence: snapshot.sequence(),
            is_new,
            tables: snapshot.tables().len(),
            unchanged_tables,
            scanned_rows,
            rows: snapshot.tables().iter().map(|table| table.contents.rows).sum(),
            stored_bytes,
            written_bytes: if is_new { stored_bytes - unchanged_bytes } else { 0 },
            files: snapshot.files(),
        }
    }
}
