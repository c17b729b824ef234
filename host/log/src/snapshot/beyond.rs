//! Snapshots that know more than the log: they were published of records that were safe, so a log that ends before
//! them has lost some. Invariant: only a snapshot of the log's own history says so.

use super::names::{SNAPSHOT_DIRECTORY, head_path, parse_head_name};
use super::read::Snapshot;
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::Manifest;
use crate::publish::list_if_there;
use crate::sequence::Sequence;

/// A snapshot of more records than the log has, if there is one; of several, that of the most.
///
/// # Errors
/// If such a snapshot cannot be read, unless it is damaged.
pub(crate) fn snapshot_beyond(
    disk: &dyn Disk,
    manifest: &Manifest,
    last: Sequence,
) -> Result<Option<Snapshot>, LogError> {
    let history = manifest.history();
    let names = list_if_there(disk, SNAPSHOT_DIRECTORY)?;
    let sequences = names.iter().rev().filter_map(|name| parse_head_name(name));
    for sequence in sequences.filter(|sequence| *sequence > last) {
        let snapshot = match Snapshot::open(disk, &head_path(sequence), sequence) {
            Ok(snapshot) => snapshot,
            Err(error) if error.is_snapshot_damage() => continue,
            Err(error) => return Err(error),
        };
        let identity = snapshot.identity();
        let is_ours = identity.database_key == manifest.database_key
            && history.objection(&identity.timeline, sequence).is_none();
        if is_ours {
            return Ok(Some(snapshot));
        }
    }
    Ok(None)
}

/// What a log has lost that ends before this snapshot.
pub(crate) fn lost_before(snapshot: &Snapshot, last: Sequence) -> String {
    let (path, sequence) = (snapshot.path(), snapshot.sequence());
    format!("the log ends with record {last}, but {path} shows that the records up to {sequence} were safe")
}
