//! Taking a backup of a database that may be in use. It takes no lock: segments only grow, and everything else
//! is published by rename; where something was moved or removed meanwhile, a newer manifest says so.
//! Invariant: a backup is a prefix of the history that holds every transaction acknowledged before it began.

use super::claim::{Claim, check_free};
use super::copier::Copier;
use super::newest::Newest;
use super::seal::seal;
use super::snapshots;
use crate::artifacts::{list_artifacts, path_of, read_artifact};
use crate::create::check_no_database;
use crate::definitions::{Definitions, Digest};
use crate::doors::Disk;
use crate::error::LogError;
use crate::limits::MAX_BACKUP_ROUNDS;
use crate::manifest::{ClosedSegment, Manifest};
use crate::read_log::{Progress, Start, read_log};
use crate::record::RecordParts;
use crate::sequence::Sequence;
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A backup that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The last record in it.
    pub sequence: Sequence,
    /// The time of that record, in microseconds since 1970-01-01 UTC. None if the log of the backup holds no
    /// record.
    pub timestamp_micros: Option<u64>,
    /// The first record that its log holds.
    pub first: Sequence,
    /// The records up to which it has snapshots.
    pub snapshots: Vec<Sequence>,
    /// Snapshots that it does not have, and why.
    pub left_out: Vec<String>,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// Copies a database into an empty folder, or one with the remains of a copy that was cut short, while a process
/// may go on writing to it. What was copied is read back. If it fails, nothing is left that could be taken for
/// a backup.
///
/// # Errors
/// If anything else is in the folder, if the database or the copy is damaged, or if a disk fails or is full.
pub fn backup(
    from: &dyn Disk,
    to: &dyn Disk,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, LogError> {
    check_free(to)?;
    // What there is to copy is looked at before the folder is marked.
    Seen::look(from)?;
    let claim = Claim::take(to)?;
    let mut copier = Copier::new(from, claim, progress);
    let taken = Backup { copier: &mut copier, closed: BTreeMap::new() }.run();
    copier.settle(taken)
}

struct Backup<'b, 'c> {
    copier: &'b mut Copier<'c>,
    /// The closed segments that were copied, as they were then.
    closed: BTreeMap<Sequence, ClosedSegment>,
}

/// What decides which files there are.
#[derive(PartialEq)]
struct Seen {
    manifest: Manifest,
    snapshots: Vec<Sequence>,
}

impl Seen {
    fn look(disk: &dyn Disk) -> Result<Self, LogError> {
        let Some(manifest) = Manifest::read(disk)? else {
            check_no_database(disk)?;
            return Err(LogError::NoDatabase { path: disk.locate("") });
        };
        Ok(Self { manifest, snapshots: snapshots::listed(disk)? })
    }
}

impl Backup<'_, '_> {
    fn run(mut self) -> Result<BackupReport, LogError> {
        let from = self.copier.from;
        let mut seen = Seen::look(from)?;
        for _ in 0..MAX_BACKUP_ROUNDS {
            match self.round(&seen.manifest) {
                // A file that is not as it was listed may have been closed, archived or given up since. What
                // was copied before stays copied.
                Err(error) if error.is_damage() || matches!(error, LogError::BeginningGivenUp { .. }) => {
                    let now = Seen::look(from)?;
                    if now == seen {
                        return Err(error);
                    }
                    seen = now;
                }
                done => return done,
            }
        }
        Err(LogError::BackupOutrun { path: from.locate(""), rounds: MAX_BACKUP_ROUNDS })
    }

    /// Copies what this manifest lists.
    fn round(&mut self, manifest: &Manifest) -> Result<BackupReport, LogError> {
        let from = self.copier.from;
        let newest = Newest::find(from, manifest)?;
        self.copier.expect(total_bytes(&manifest.closed).saturating_add(newest.end));
        let closed = manifest.closed.iter().map(|segment| self.closed(segment));
        let closed = closed.collect::<Result<_, _>>()?;
        // An artifact is safe before any record names it, so those of all records up to the end are there.
        let artifacts = list_artifacts(from)?;
        artifacts.iter().try_for_each(|digest| self.artifact(*digest))?;
        let newest = newest.copy(self.copier)?;
        let sequence = newest.synced;
        let copied = Manifest { closed, newest, ..manifest.clone() };
        let snapshots = snapshots::copy(self.copier, &copied, sequence)?;
        let first = copied.first();
        if copied.begin.is_some() && snapshots.usable.is_empty() {
            return Err(LogError::BeginningGivenUp { path: from.locate(""), first });
        }
        seal(self.copier, &copied, &snapshots, &artifacts)?;
        Ok(BackupReport {
            sequence,
            timestamp_micros: time_of(self.copier.to, &copied, sequence)?,
            first,
            snapshots: snapshots.usable.iter().map(Snapshot::sequence).collect(),
            left_out: snapshots.left_out,
            // The manifest counts, too.
            files: self.copier.files() + 1,
            bytes: self.copier.bytes(),
        })
    }

    /// Copies a closed segment, unless it was copied before it was moved.
    fn closed(&mut self, segment: &ClosedSegment) -> Result<ClosedSegment, LogError> {
        if let Some(copied) = self.closed.get(&segment.first)
            && copied.id == segment.id
            && copied.link == segment.link
        {
            return Ok(copied.clone());
        }
        copy_closed(self.copier, segment)?;
        self.closed.insert(segment.first, segment.clone());
        Ok(segment.clone())
    }

    fn artifact(&mut self, digest: Digest) -> Result<(), LogError> {
        copy_artifact(self.copier, digest)
    }
}

/// Copies the file of a closed segment.
pub(super) fn copy_closed(copier: &mut Copier<'_>, segment: &ClosedSegment) -> Result<(), LogError> {
    copier.copy(&segment.path(), Some(stored_bytes(segment)))
}

/// Copies an artifact, unless that was done.
pub(super) fn copy_artifact(copier: &mut Copier<'_>, digest: Digest) -> Result<(), LogError> {
    let path = path_of(digest);
    if copier.has(&path) {
        return Ok(());
    }
    let bytes = read_artifact(copier.from, digest)?;
    copier.put(&path, &bytes)
}

/// The length of the file of a closed segment, without what a crash may have left behind its end.
fn stored_bytes(segment: &ClosedSegment) -> u64 {
    segment.archived.as_ref().map_or(segment.length, |archived| archived.stored_bytes)
}

/// The length of the files of all these segments, as far as the manifest can be believed.
pub(super) fn total_bytes(segments: &[ClosedSegment]) -> u64 {
    segments.iter().fold(0, |sum, segment| sum.saturating_add(stored_bytes(segment)))
}

/// The time of the last record, if the log holds it.
fn time_of(disk: &dyn Disk, manifest: &Manifest, last: Sequence) -> Result<Option<u64>, LogError> {
    let mut time = None;
    let visit = &mut |record: &RecordParts<'_>, _: &Definitions| {
        time = Some(record.timestamp_micros);
        Ok(ControlFlow::Continue(()))
    };
    let mut definitions = Definitions::default();
    read_log(disk, manifest.clone(), Start::At(last), &mut definitions, visit, &mut |_| {})?;
    Ok(time)
}
