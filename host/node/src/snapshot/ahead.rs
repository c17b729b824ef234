//! A snapshot that is read on a thread of its own, a little ahead of whoever takes its contents: reading, unpacking
//! and checking bytes costs about as much as filling tables with them. Invariant: what is taken comes in the order
//! of the snapshot, and an error of either side ends both.

use super::contents::RowsDigest;
use crate::error::Error;
use interstice_log::doors::Disk;
use interstice_log::{BoxError, Cancellation, Digest, Progress, Snapshot, SnapshotTable, SnapshotVisitor};
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// How many pieces are read ahead, each a batch of rows or less: a few hundred kilobytes, enough that neither side
/// waits for a single long step of the other.
const PIECES_AHEAD: usize = 16;

/// A piece of a snapshot.
pub(super) enum Piece {
    /// There is a section of this name.
    Section(String),
    /// The rows that follow belong to this table.
    Table(SnapshotTable),
    /// Rows in batch form.
    Rows(Vec<u8>),
    /// The table is complete, and its rows have this digest.
    End(SnapshotTable, Digest),
    /// How far the reading has come.
    Progress(Progress),
}

/// Reads a snapshot and hands it to `take`, on this thread. Nothing that was taken may be used if an error follows.
pub(super) fn read_ahead(
    snapshot: &Snapshot,
    disk: &dyn Disk,
    take: impl FnMut(Piece) -> Result<(), Error>,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(PIECES_AHEAD);
        let reading = move || {
            let mut reading = Reading { sender, digest: RowsDigest::new() };
            snapshot.read(disk, &mut reading, &Cancellation::new())
        };
        let thread = thread::Builder::new().name("snapshot-reading".to_owned());
        let thread = thread.spawn_scoped(scope, reading).map_err(|error| Error::Engine {
            doing: "starting a thread that reads a snapshot",
            message: error.to_string(),
        })?;
        // The receiver is dropped after an error, so that the thread finds nobody to send to and ends.
        let taken = receiver.into_iter().try_for_each(take);
        let read = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        // If taking has failed, that is why reading did.
        taken.and_then(|()| Ok(read?))
    })
}

/// Sends what it is handed to the other thread.
struct Reading {
    sender: SyncSender<Piece>,
    digest: RowsDigest,
}

impl SnapshotVisitor for Reading {
    fn section(&mut self, name: &str, _bytes: &[u8]) -> Result<(), BoxError> {
        Ok(self.sender.send(Piece::Section(name.to_owned()))?)
    }

    fn table(&mut self, table: &SnapshotTable) -> Result<(), BoxError> {
        self.digest = RowsDigest::new();
        Ok(self.sender.send(Piece::Table(table.clone()))?)
    }

    fn rows(&mut self, _rows: u32, batch: &[u8]) -> Result<(), BoxError> {
        self.digest.update(batch);
        Ok(self.sender.send(Piece::Rows(batch.to_vec()))?)
    }

    fn table_end(&mut self, table: &SnapshotTable) -> Result<(), BoxError> {
        let digest = std::mem::replace(&mut self.digest, RowsDigest::new()).finish();
        Ok(self.sender.send(Piece::End(table.clone(), digest))?)
    }

    fn progress(&mut self, progress: Progress) {
        // Whether anybody listens is found out with the next piece.
        let _ = self.sender.send(Piece::Progress(progress));
    }
}
