//! Removing snapshots that newer ones have replaced, and what crashes left of others. Heads go first and
//! their removal is synced before any row is removed, so a crash in between leaves rows without a head,
//! never a head without rows. Invariant: nothing that a kept snapshot refers to is removed.

use super::cancellation::Cancellation;
use super::names::{
    OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY, TEMPORARY_SUFFIX, head_path, is_object_name, parse_head_name,
};
use super::read::Snapshot;
use super::store::SnapshotStore;
use crate::doing::Doing;
use crate::doors::Disk;
use crate::error::LogError;
use crate::publish::list_if_there;
use crate::sequence::Sequence;
use std::collections::BTreeSet;

/// What pruning found and did.
#[derive(Debug, Default)]
pub struct PruneReport {
    /// The snapshots that were found right in every byte and are kept, newest first: two that share no
    /// file, or one, or none. Only when there are two, the log before the older one is not needed.
    pub kept: Vec<Sequence>,
    /// Snapshots that are damaged or of no use to the log, and why. They are removed once two newer ones
    /// are kept.
    pub damaged: Vec<(Sequence, LogError)>,
    /// The files that were removed.
    pub removed: Vec<String>,
}

/// Keeps the newest snapshot and the newest before it of the other family.
pub(super) fn prune(store: &SnapshotStore, cancellation: &Cancellation) -> Result<PruneReport, LogError> {
    let disk = store.disk.as_ref();
    let mut listed = store.list()?;
    // The rows of a snapshot that cannot be read now, or not by this program, would look unreferenced.
    let is_unreadable = |found: &Result<Snapshot, LogError>| match found {
        Ok(_) => false,
        Err(error) => !error.is_useless_snapshot(),
    };
    if let Some(at) = listed.iter().position(|one| is_unreadable(&one.found)) {
        listed.swap_remove(at).found?;
    }
    let proven = *store.proven.lock();
    let mut report = PruneReport::default();
    let mut newest = None;
    let mut replaced = Vec::new();
    for one in listed {
        if report.kept.len() == 2 {
            replaced.push(one.sequence);
            continue;
        }
        let verified = one.found.and_then(|snapshot| {
            // The one just published was read back a moment ago.
            if Some(snapshot.head.id) != proven {
                snapshot.verify(disk, cancellation)?;
            }
            Ok(snapshot)
        });
        match verified {
            Ok(snapshot) if newest.is_none_or(|family| family != snapshot.family()) => {
                report.kept.push(one.sequence);
                newest.get_or_insert(snapshot.family());
            }
            Ok(_) => {}
            Err(error) if error.is_useless_snapshot() => report.damaged.push((one.sequence, error)),
            Err(error) => return Err(error),
        }
    }
    cancellation.check()?;
    if !replaced.is_empty() {
        // Those that are kept must not be in memory only when the others are gone from the medium.
        sync(disk, SNAPSHOT_DIRECTORY)?;
        for sequence in replaced {
            remove(disk, &head_path(sequence), &mut report.removed)?;
        }
    }
    report.removed.extend(clean(store)?);
    Ok(report)
}

/// Removes temporary files and rows to which no head refers.
pub(super) fn clean(store: &SnapshotStore) -> Result<Vec<String>, LogError> {
    let disk = store.disk.as_ref();
    let mut removed = Vec::new();
    let names = list_if_there(disk, SNAPSHOT_DIRECTORY)?;
    if names.is_empty() {
        return Ok(removed);
    }
    // What was done to heads may be in memory only; rows are removed on the strength of what is safe.
    sync(disk, SNAPSHOT_DIRECTORY)?;
    let mut needed = BTreeSet::new();
    for sequence in names.iter().filter_map(|name| parse_head_name(name)) {
        match Snapshot::open(disk, &head_path(sequence), sequence) {
            Ok(snapshot) => needed.extend(snapshot.objects()),
            // Nobody can tell any more which rows it had.
            Err(error) if error.is_snapshot_damage() => {}
            Err(error) => return Err(error),
        }
    }
    for name in names.iter().filter(|name| name.ends_with(TEMPORARY_SUFFIX)) {
        remove(disk, &format!("{SNAPSHOT_DIRECTORY}/{name}"), &mut removed)?;
    }
    for name in list_if_there(disk, OBJECT_DIRECTORY)?.iter().filter(|name| is_object_name(name)) {
        let path = format!("{OBJECT_DIRECTORY}/{name}");
        if !needed.contains(&path) {
            remove(disk, &path, &mut removed)?;
        }
    }
    if !removed.is_empty() {
        sync(disk, OBJECT_DIRECTORY)?;
    }
    Ok(removed)
}

fn sync(disk: &dyn Disk, directory: &str) -> Result<(), LogError> {
    disk.sync_directory(directory).doing("sync", || disk.locate(directory))
}

fn remove(disk: &dyn Disk, path: &str, removed: &mut Vec<String>) -> Result<(), LogError> {
    disk.remove(path).doing("remove", || disk.locate(path))?;
    removed.push(disk.locate(path));
    Ok(())
}
