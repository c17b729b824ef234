//! Removing files that a crash left behind: between listing a segment as archived or given up and
//! removing its file, or before an archived one was listed. Invariant: the file of a segment is removed
//! only if a manifest that is safe gave the segment up, or lists another file that is there and has the
//! same id.

use crate::doors::Disk;
use crate::error::LogError;
use crate::index::index_path;
use crate::manifest::Manifest;
use crate::publish::{list_if_there, remove_if_there};
use crate::segment::{ARCHIVE_DIRECTORY, Id, LOG_DIRECTORY, parse_segment_name};
use crate::sequence::Sequence;
use crate::shared::Shared;
use crate::window::Window;

/// Removes what is left behind. Returns how many files that were.
pub(super) fn sweep(disk: &dyn Disk, shared: &Shared) -> Result<u64, LogError> {
    let leftovers = leftovers(disk, &shared.manifest.lock().clone())?;
    if !leftovers.is_empty() {
        // A log that was closed opens on a full disk without having published its manifest anew, and its
        // name may be in memory only: a loss of power would bring back one that lists these files.
        shared.change_manifest(disk, |_| {})?;
    }
    for path in &leftovers {
        remove_if_there(disk, path)?;
    }
    Ok(leftovers.len() as u64)
}

fn leftovers(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<String>, LogError> {
    let mut leftovers = Vec::new();
    for (directory, is_archive) in [(LOG_DIRECTORY, false), (ARCHIVE_DIRECTORY, true)] {
        for name in list_if_there(disk, directory)? {
            let path = format!("{directory}/{name}");
            let is_leftover = if let Some(first) = parse_segment_name(&name) {
                is_leftover_segment(disk, manifest, first, is_archive, &path)?
            } else {
                let stem = name.strip_suffix(".index").map(|stem| format!("{stem}.log"));
                let first = stem.and_then(|name| parse_segment_name(&name));
                first.is_some_and(|first| {
                    index_path(first, is_archive) == path && !is_listed(manifest, first, is_archive)
                })
            };
            if is_leftover {
                leftovers.push(path);
            }
        }
    }
    Ok(leftovers)
}

/// Whether a closed segment with this first record is listed, in this place.
fn is_listed(manifest: &Manifest, first: Sequence, is_archive: bool) -> bool {
    let mut closed = manifest.closed.iter();
    closed.any(|segment| segment.first == first && segment.archived.is_some() == is_archive)
}

fn is_leftover_segment(
    disk: &dyn Disk,
    manifest: &Manifest,
    first: Sequence,
    is_archive: bool,
    path: &str,
) -> Result<bool, LogError> {
    if first < manifest.first() {
        return Ok(true);
    }
    // The same segment may be listed in the other place.
    let listed = manifest.closed.iter().find(|segment| segment.first == first);
    let Some(listed) = listed.filter(|segment| segment.archived.is_some() != is_archive) else {
        return Ok(false);
    };
    if manifest.newest.first == first {
        return Ok(false);
    }
    Ok(id_of(disk, &listed.path())? == Some(listed.id) && id_of(disk, path)? == Some(listed.id))
}

/// The id of the segment in a file, if it is one.
fn id_of(disk: &dyn Disk, path: &str) -> Result<Option<Id>, LogError> {
    match Window::open(disk, path).and_then(|mut window| window.segment_header()) {
        Ok(header) => Ok(Some(header.id)),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}
