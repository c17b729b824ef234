//! The snapshots of a database that is copied. One that is damaged, or is removed while it is copied, is left
//! out. Invariant: a snapshot counts only once it was read back from the copy, and the copied log goes on from
//! it.

use super::copier::Copier;
use crate::definitions::Definitions;
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::Manifest;
use crate::publish::list_if_there;
use crate::read_log::{Start, read_log};
use crate::record::RecordParts;
use crate::sequence::Sequence;
use crate::snapshot::{Cancellation, SNAPSHOT_DIRECTORY, Snapshot, head_path, parse_head_name};
use crate::starting_point::StartingPoint;
use std::ops::ControlFlow;

/// The snapshots of a copy.
#[derive(Default)]
pub(super) struct Snapshots {
    pub(super) usable: Vec<Snapshot>,
    /// What is wrong with the others.
    pub(super) left_out: Vec<String>,
}

/// Copies the snapshots up to a record, and keeps those from which the copied log goes on; that must be there,
/// but for its manifest.
pub(super) fn copy(
    copier: &mut Copier<'_>,
    copied: &Manifest,
    until: Sequence,
) -> Result<Snapshots, LogError> {
    let mut snapshots = Snapshots::default();
    for sequence in listed(copier.from)?.into_iter().filter(|sequence| *sequence <= until) {
        match copy_one(copier, copied, sequence) {
            Ok(snapshot) => snapshots.usable.push(snapshot),
            // It was removed, is damaged, or belongs to a part of the history that was given up.
            Err(error) if error.is_useless_snapshot() || error.is_damage() => {
                if matches!(error, LogError::NewerFormat { .. } | LogError::UnknownCodec { .. }) {
                    return Err(error);
                }
                // One that newer ones have replaced meanwhile is no loss.
                if listed(copier.from)?.contains(&sequence) {
                    snapshots.left_out.push(error.with_causes());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(snapshots)
}

/// The records up to which there are snapshots, by the names of their heads.
pub(crate) fn listed(disk: &dyn Disk) -> Result<Vec<Sequence>, LogError> {
    let names = list_if_there(disk, SNAPSHOT_DIRECTORY)?;
    Ok(names.iter().filter_map(|name| parse_head_name(name)).collect())
}

fn copy_one(copier: &mut Copier<'_>, copied: &Manifest, sequence: Sequence) -> Result<Snapshot, LogError> {
    let path = head_path(sequence);
    let snapshot = Snapshot::open(copier.from, &path, sequence)?;
    snapshot.check_database(&copied.database_key)?;
    let start = StartingPoint { timeline: snapshot.identity().timeline, anchor: snapshot.identity().anchor };
    // Before anything is copied, for most of what cannot be used shows here.
    check_in_log(copier.to, copied, &start)?;
    snapshot.check_objects(copier.from)?;
    for file in snapshot.files() {
        if !copier.has(&file) {
            copier.copy(&file, None)?;
        }
    }
    let snapshot = Snapshot::open(copier.to, &path, sequence)?;
    snapshot.verify(copier.to, &Cancellation::new())?;
    Ok(snapshot)
}

/// Refuses a place through which the log does not pass.
fn check_in_log(disk: &dyn Disk, manifest: &Manifest, start: &StartingPoint) -> Result<(), LogError> {
    // The first record behind the place ends the reading; if there is none, the log does.
    let visit = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(ControlFlow::Break(()));
    let (manifest, start) = (manifest.clone(), Start::After(start));
    read_log(disk, manifest, start, &mut Definitions::default(), visit, &mut |_| {}).map(drop)
}
