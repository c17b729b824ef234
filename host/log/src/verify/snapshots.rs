//! The snapshots where the database begins with one, since the first records were given up: then they are as much
//! a part of it as the log. Invariant: what is called sound begins with a snapshot that reads to its end.

use super::places::Places;
use super::{Gravity, VerifyReport};
use crate::backup::listed_snapshots;
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::{MANIFEST_PATH, Manifest};
use crate::sequence::Sequence;
use crate::snapshot::{Cancellation, Snapshot, head_path};
use crate::starting_point::StartingPoint;

/// Reads all snapshots of a log without its beginning.
pub(super) fn check(
    disk: &dyn Disk,
    manifest: &Manifest,
    places: &Places,
    report: &mut VerifyReport,
) -> Result<(), LogError> {
    if manifest.begin.is_none() {
        return Ok(());
    }
    let (mut has_whole, mut faults) = (false, Vec::new());
    for sequence in listed_snapshots(disk)? {
        match read(disk, manifest, places, sequence) {
            Ok(()) => has_whole = true,
            Err(error) => faults.push((head_path(sequence), error)),
        }
    }
    // One that cannot be used is passed over for another one, and is gone in time.
    let gravity = if has_whole { Gravity::Mended } else { Gravity::Damage };
    for (path, error) in &faults {
        report.error(disk, path, gravity, error);
    }
    if !has_whole {
        let first = manifest.first();
        let what = format!(
            "the records before {first} were given up, and there is no whole snapshot to begin with; restore a backup"
        );
        report.add(disk, MANIFEST_PATH, 0, Gravity::Damage, what);
    }
    Ok(())
}

fn read(disk: &dyn Disk, manifest: &Manifest, places: &Places, sequence: Sequence) -> Result<(), LogError> {
    let snapshot = Snapshot::open(disk, &head_path(sequence), sequence)?;
    snapshot.check_database(&manifest.database_key)?;
    let identity = snapshot.identity();
    let anchor = identity.anchor;
    StartingPoint { timeline: identity.timeline, anchor }.check(disk, manifest)?;
    if let Some(what) = places.objection(&anchor) {
        return Err(LogError::NotInLog { path: snapshot.path().to_owned(), offset: 0, sequence, what });
    }
    snapshot.check_objects(disk)?;
    snapshot.verify(disk, &Cancellation::new())
}
