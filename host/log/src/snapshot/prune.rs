//! Removing snapshots that newer ones have replaced, and what crashes left of others. Heads go first and
//! their removal is synced before any row is removed, so a crash in between leaves rows without a head,
//! never a head without rows. Invariant: nothing that a kept snapshot refers to is removed.

use super::cancellation::Cancellation;
use super::names::{
    OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY, TEMPORARY_SUFFIX, head_path, is_object_name, parse_head_name,
};
use super::past::Past;
use super::read::Snapshot;
use super::store::SnapshotStore;
use crate::anchor::Anchor;
use crate::doing::Doing;
use crate::doors::Disk;
use crate::error::LogError;
use crate::maintenance::Covered;
use crate::publish::list_if_there;
use crate::sequence::Sequence;
use std::collections::BTreeSet;

/// What pruning found and did.
#[derive(Debug, Default)]
pub struct PruneReport {
    /// The snapshots that were found right in every byte and are kept, newest first: two that share no
    /// file, or one, or none.
    pub kept: Vec<Sequence>,
    /// Older ones that are kept so that old states can be rebuilt from them, newest first.
    pub kept_for_past: Vec<Sequence>,
    /// What of the log is not needed, if two snapshots are kept: with less the log is all there is.
    pub covered: Option<Covered>,
    /// Snapshots that are damaged or of no use to the log, and why. They are removed once two newer ones
    /// are kept.
    pub damaged: Vec<(Sequence, LogError)>,
    /// The files that were removed.
    pub removed: Vec<String>,
}

/// Keeps the newest snapshot, the newest before it of the other family, and of those before what the past
/// needs.
pub(super) fn prune(
    store: &SnapshotStore,
    past: &Past,
    cancellation: &Cancellation,
) -> Result<PruneReport, LogError> {
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
    let mut kept: Vec<Snapshot> = Vec::new();
    let mut older = Vec::new();
    let mut replaced = Vec::new();
    for one in listed {
        let is_older = kept.len() == 2;
        let found = one.found.and_then(|snapshot| {
            // The one just published was read back a moment ago.
            if !is_older && Some(snapshot.head.id) != proven {
                snapshot.verify(disk, cancellation)?;
            }
            Ok(snapshot)
        });
        match found {
            Ok(snapshot) if is_older => older.push(snapshot),
            Ok(snapshot) if kept.iter().all(|newest| newest.family() != snapshot.family()) => {
                report.kept.push(one.sequence);
                kept.push(snapshot);
            }
            Ok(_) => {}
            Err(error) if error.is_useless_snapshot() => {
                report.damaged.push((one.sequence, error));
                if is_older {
                    replaced.push(one.sequence);
                }
            }
            Err(error) => return Err(error),
        }
    }
    if let [_, second] = &kept[..] {
        let second = second.identity().anchor;
        replaced.extend(keep_for_past(store, past, &second, older, &mut report, cancellation)?);
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

/// Keeps what the past needs of the snapshots, newest first, that are older than this place. Returns the others.
fn keep_for_past(
    store: &SnapshotStore,
    past: &Past,
    second: &Anchor,
    older: Vec<Snapshot>,
    report: &mut PruneReport,
    cancellation: &Cancellation,
) -> Result<Vec<Sequence>, LogError> {
    let (mut older, useless): (Vec<_>, Vec<_>) =
        older.into_iter().partition(|snapshot| past.goes_on_from(snapshot));
    let mut replaced: Vec<Sequence> = useless.iter().map(Snapshot::sequence).collect();
    let chosen = loop {
        let times: Vec<u64> = older.iter().map(|snapshot| snapshot.identity().anchor.latest_micros).collect();
        let chosen = past.choose(second.latest_micros, &times);
        let Some(oldest) = chosen.last().copied() else { break chosen };
        // Once the snapshots and the log before it are gone, the oldest states rest on this one.
        match older[oldest].verify(store.disk.as_ref(), cancellation) {
            Ok(()) => break chosen,
            Err(error) if error.is_snapshot_damage() => {
                let sequence = older.remove(oldest).sequence();
                report.damaged.push((sequence, error));
                replaced.push(sequence);
            }
            Err(error) => return Err(error),
        }
    };
    let oldest = chosen.last().map_or(*second, |at| older[*at].identity().anchor);
    report.covered = Some(Covered {
        until: second.sequence,
        oldest: oldest.sequence,
        oldest_micros: oldest.latest_micros,
    });
    for (at, snapshot) in older.iter().enumerate() {
        let place = if chosen.contains(&at) { &mut report.kept_for_past } else { &mut replaced };
        place.push(snapshot.sequence());
    }
    Ok(replaced)
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
