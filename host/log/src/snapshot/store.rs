//! The snapshots of a data directory: which there are, and who may write, remove or copy them. One
//! store, cloned to all who need it, serves an opened database. Invariant: only one of writing, removing
//! and copying goes on at a time, and none of them touches a lock of the log.

use super::cancellation::Cancellation;
use super::head::SnapshotIdentity;
use super::names::{Family, OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY, head_path, parse_head_name};
use super::past::Past;
use super::prune::{self, PruneReport};
use super::read::Snapshot;
use super::writer::{Plan, SnapshotWriter};
use crate::doing::Doing;
use crate::doors::{Clock, Disk, Doors, Entropy};
use crate::error::LogError;
use crate::log::Log;
use crate::publish::list_if_there;
use crate::segment::Id;
use crate::sequence::Sequence;
use crate::starting_point::History;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The snapshots of a data directory. It may be used once the log was opened.
#[derive(Clone)]
pub struct SnapshotStore {
    pub(super) disk: Arc<dyn Disk>,
    entropy: Arc<dyn Entropy>,
    pub(super) clock: Arc<dyn Clock>,
    is_busy: Arc<AtomicBool>,
    /// The random id of the snapshot that this store has published last, and so has read back.
    pub(super) proven: Arc<Mutex<Option<Id>>>,
    /// The history of the log beside which the snapshots stand, once that was opened.
    history: Arc<OnceLock<History>>,
}

/// The right to write, remove or copy snapshots, until it is dropped.
pub struct SnapshotTurn {
    is_busy: Arc<AtomicBool>,
}

impl Drop for SnapshotTurn {
    fn drop(&mut self) {
        self.is_busy.store(false, Ordering::Release);
    }
}

/// A file with the name of a snapshot's head, and what is behind it.
#[derive(Debug)]
pub struct ListedSnapshot {
    /// The record in the file's name.
    pub sequence: Sequence,
    /// The snapshot, or why it cannot be used. Of its rows only the lengths and headers were looked at.
    pub found: Result<Snapshot, LogError>,
}

impl SnapshotStore {
    /// The snapshots of this data directory.
    #[must_use]
    pub fn new(doors: &Doors) -> Self {
        Self {
            disk: doors.disk.clone(),
            entropy: doors.entropy.clone(),
            clock: doors.clock.clone(),
            is_busy: Arc::default(),
            proven: Arc::default(),
            history: Arc::default(),
        }
    }

    /// Says which log the snapshots belong to. From then on those of a part of the history that was given
    /// up, as after a repair, are listed as such: they are neither kept nor in the way of newer ones.
    pub fn belong_to(&self, log: &Log) {
        self.history.get_or_init(|| log.history());
    }

    /// Refuses a snapshot of another history than that of the log.
    fn check_history(&self, snapshot: &Snapshot) -> Result<(), LogError> {
        let identity = snapshot.identity();
        let (sequence, timeline) = (identity.anchor.sequence, &identity.timeline);
        let objection = self.history.get().and_then(|history| history.objection(timeline, sequence));
        match objection {
            Some(what) => {
                Err(LogError::NotInLog { path: snapshot.path().to_owned(), offset: 16, sequence, what })
            }
            None => Ok(()),
        }
    }

    /// All snapshots, the newest first. Writes nothing.
    pub fn list(&self) -> Result<Vec<ListedSnapshot>, LogError> {
        let disk = self.disk.as_ref();
        let names = list_if_there(disk, SNAPSHOT_DIRECTORY)?;
        let sequences = names.iter().rev().filter_map(|name| parse_head_name(name));
        let listed = sequences.map(|sequence| {
            let opened = Snapshot::open(disk, &head_path(sequence), sequence);
            let found = opened.and_then(|snapshot| {
                self.check_history(&snapshot)?;
                snapshot.check_objects(disk).map(|()| snapshot)
            });
            ListedSnapshot { sequence, found }
        });
        Ok(listed.collect())
    }

    /// Takes the turn, so that no snapshot is begun or removed meanwhile: for copying one.
    pub fn hold(&self) -> Result<SnapshotTurn, LogError> {
        if self.is_busy.swap(true, Ordering::Acquire) {
            return Err(LogError::SnapshotBusy);
        }
        Ok(SnapshotTurn { is_busy: self.is_busy.clone() })
    }

    /// Begins a snapshot, which exists once it is published. Its family is not that of the newest usable
    /// one. Refused if there is a newer one, or one of the same record that is right in every byte.
    pub fn begin(
        &self,
        identity: SnapshotIdentity,
        cancellation: &Cancellation,
    ) -> Result<SnapshotWriter, LogError> {
        let turn = self.hold()?;
        let disk = self.disk.clone();
        let mut usable = Vec::new();
        for listed in self.list()? {
            match listed.found {
                Ok(snapshot) => usable.push(snapshot),
                Err(error) if error.is_useless_snapshot() => {}
                Err(error) => return Err(error),
            }
        }
        usable.iter().try_for_each(|snapshot| snapshot.check_database(&identity.database_key))?;
        // One of the same record whose rows are damaged is replaced. Its family does not count then.
        let given = identity.anchor.sequence;
        let mut replaced = None;
        if let Some(newest) = usable.first().filter(|newest| newest.sequence() >= given) {
            let newest_sequence = newest.sequence();
            if newest_sequence > given {
                return Err(LogError::SnapshotOutOfTurn { given, newest: newest_sequence });
            }
            match newest.verify(disk.as_ref(), cancellation) {
                Ok(()) => {
                    let path = newest.path().to_owned();
                    return Err(LogError::SnapshotExists { sequence: given, path });
                }
                Err(error) if error.is_snapshot_damage() => replaced = Some(usable.remove(0)),
                Err(error) => return Err(error),
            }
        }
        let family = usable.first().map_or(Family::A, |newest| newest.family().other());
        let before = replaced.into_iter().chain(usable).find(|snapshot| snapshot.family() == family);
        for directory in [SNAPSHOT_DIRECTORY, OBJECT_DIRECTORY] {
            disk.create_directory(directory).doing("create", || disk.locate(directory))?;
        }
        for directory in ["", SNAPSHOT_DIRECTORY] {
            disk.sync_directory(directory).doing("sync", || disk.locate(directory))?;
        }
        SnapshotWriter::new(Plan {
            disk,
            entropy: self.entropy.clone(),
            turn,
            proven: self.proven.clone(),
            cancellation: cancellation.clone(),
            identity,
            family,
            created_micros: self.clock.now_micros(),
            before,
        })
    }

    /// Removes what a crash left: temporary files, and rows to which no snapshot refers. Called when the
    /// database is opened to write, before the first snapshot. Returns what was removed.
    pub fn clean(&self) -> Result<Vec<String>, LogError> {
        let _turn = self.hold()?;
        prune::clean(self)
    }

    /// Removes all snapshots but the newest one, the newest before it with which it shares no file, and those
    /// from which old states are to be rebuilt. The two are verified first; as long as there are not two such,
    /// none is removed.
    pub fn prune(&self, past: &Past, cancellation: &Cancellation) -> Result<PruneReport, LogError> {
        let _turn = self.hold()?;
        prune::prune(self, past, cancellation)
    }
}
