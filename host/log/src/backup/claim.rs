//! The folder that becomes a copy, from its first byte on: a marker says that a copy was begun in it, and the
//! lock that somebody is at it. Invariant: only a folder with a marker, a manifest missing, and nothing but
//! names that a copy gives is taken for the remains of one; everything else is left as it is.

use super::seal::{KEEP_LOG_PATH, KEEP_LOG_TEMPORARY_PATH};
use crate::artifacts;
use crate::doing::Doing;
use crate::doors::{Disk, LockKind};
use crate::error::LogError;
use crate::lock::{DirectoryLock, LOCK_PATH};
use crate::manifest::{MANIFEST_PATH, MANIFEST_TEMPORARY_PATH};
use crate::publish::{directory_of, is_there, publish, read_whole, remove_if_there};
use crate::segment::{ARCHIVE_DIRECTORY, ASIDE_DIRECTORY, LOG_DIRECTORY, parse_segment_name};
use crate::snapshot::{OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY, is_object_name, parse_head_name};
use std::collections::BTreeSet;

/// The file that says that a copy was begun in a folder. Beside a manifest it means nothing.
pub(crate) const MARKER_PATH: &str = "UNFINISHED-COPY";
const MARKER_TEMPORARY_PATH: &str = "UNFINISHED-COPY.tmp";
const MARKER_TEXT: &str = "A copy of an Interstice database was begun in this folder, and is not finished. If \
                           no process is at it any more,\n`interstice backup` or `interstice restore` into \
                           this folder replaces what is here.\n";

/// A folder in which a copy is made, by nobody else.
pub(super) struct Claim<'c> {
    disk: &'c dyn Disk,
    _lock: DirectoryLock,
}

/// Refuses a folder in which no copy can be made: there is something in it, and not what a copy left that was
/// cut short. Changes nothing.
pub(super) fn check_free(disk: &dyn Disk) -> Result<(), LogError> {
    look(disk, false).map(drop)
}

impl<'c> Claim<'c> {
    /// Marks a folder, and empties it of the remains of a copy that was cut short.
    pub(super) fn take(disk: &'c dyn Disk) -> Result<Self, LogError> {
        // The marker comes before the lock, whose file would be a stranger's in a folder without one.
        let marked = if look(disk, false)?.is_marked { Ok(()) } else { mark(disk) };
        let lock = match DirectoryLock::take(disk, LockKind::Exclusive) {
            Ok(lock) => lock,
            // Whoever is at it may have taken the marker from under our hands.
            Err(error @ LogError::Locked { .. }) => return Err(error),
            Err(error) => return Err(marked.err().unwrap_or(error)),
        };
        let claim = Self { disk, _lock: lock };
        // So it may if the lock is ours, and then its marker is there. If there is none, this makes it.
        match claim.empty() {
            Ok(()) => Ok(claim),
            Err(error) => {
                // What failed first is what there is to tell.
                let _ = claim.let_go();
                Err(no_room(disk, error))
            }
        }
    }

    /// Removes the remains. Until the lock was ours, others may have made a copy here or a database, which is
    /// refused, or given a copy up, and its marker with it.
    fn empty(&self) -> Result<(), LogError> {
        let found = look(self.disk, true)?;
        if !found.is_marked {
            return mark(self.disk);
        }
        self.remove(&found.remains)
    }

    fn let_go(&self) -> Result<(), LogError> {
        if is_there(self.disk, MANIFEST_PATH)? {
            // It is somebody else's, and our marker means nothing beside it.
            return remove_if_there(self.disk, MARKER_PATH);
        }
        self.give_up()
    }

    /// The folder.
    pub(super) fn disk(&self) -> &'c dyn Disk {
        self.disk
    }

    /// Ends the work on a copy that is whole.
    pub(super) fn finish(&self) -> Result<(), LogError> {
        let disk = self.disk;
        remove_if_there(disk, MARKER_PATH)?;
        // The lock is still held: whoever waits for it finds that its file has gone, and asks anew.
        remove_if_there(disk, LOCK_PATH)?;
        disk.sync_directory("").doing("sync", || disk.locate(""))
    }

    /// Takes everything away that the copy has written. While that is not safe the marker stays.
    pub(super) fn give_up(&self) -> Result<(), LogError> {
        let disk = self.disk;
        // Without the manifest the rest is no database.
        remove_if_there(disk, MANIFEST_PATH)?;
        disk.sync_directory("").doing("sync", || disk.locate(""))?;
        self.remove(&look(disk, true)?.remains)?;
        self.finish()
    }

    /// Removes these files, so that no loss of power brings one back.
    fn remove(&self, files: &[String]) -> Result<(), LogError> {
        let disk = self.disk;
        let mut directories = BTreeSet::new();
        for file in files {
            remove_if_there(disk, file)?;
            directories.insert(directory_of(file));
        }
        for directory in directories {
            disk.sync_directory(directory).doing("sync", || disk.locate(directory))?;
        }
        Ok(())
    }
}

/// Says of a disk that was full that nothing was kept.
pub(super) fn no_room(disk: &dyn Disk, error: LogError) -> LogError {
    if !error.is_disk_full() {
        return error;
    }
    let mend = "nothing was kept of the copy; make room, or name a folder on another disk".to_owned();
    LogError::DiskFull { path: disk.locate(""), mend }
}

fn mark(disk: &dyn Disk) -> Result<(), LogError> {
    publish(disk, MARKER_TEMPORARY_PATH, MARKER_PATH, MARKER_TEXT.as_bytes())
}

/// What is in a folder in which a copy can be made.
struct Found {
    /// A copy was begun in it.
    is_marked: bool,
    /// The files that it left, its marker and the lock apart.
    remains: Vec<String>,
}

/// Looks at a folder, and refuses one with anything of somebody else's. Folders of ours without a file are what
/// a copy leaves that was given up. The file of the lock is looked over by whoever holds it.
fn look(disk: &dyn Disk, is_locked: bool) -> Result<Found, LogError> {
    let limit = MARKER_TEXT.len() as u64;
    let is_marked = match read_whole(disk, MARKER_PATH, limit) {
        Ok(text) => text.is_some_and(|text| text == MARKER_TEXT.as_bytes()),
        // A longer file is somebody else's.
        Err(LogError::Damaged { .. }) => false,
        Err(error) => return Err(error),
    };
    let mut remains = Vec::new();
    let mut left = vec![String::new()];
    while let Some(directory) = left.pop() {
        for name in disk.list(&directory).doing("list", || disk.locate(&directory))? {
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if is_folder_of_ours(&path) && disk.list(&path).is_ok() {
                left.push(path);
            } else if path == MARKER_TEMPORARY_PATH || (is_marked && is_of_a_copy(&path)) {
                remains.push(path);
            } else if !(path == LOCK_PATH && (is_marked || is_locked)) && !(path == MARKER_PATH && is_marked)
            {
                let (path, found) = (disk.locate(""), disk.locate(&path));
                return Err(LogError::NotEmpty { path, found });
            }
        }
    }
    Ok(Found { is_marked, remains })
}

fn is_folder_of_ours(path: &str) -> bool {
    let ours = [
        ASIDE_DIRECTORY,
        LOG_DIRECTORY,
        ARCHIVE_DIRECTORY,
        artifacts::DIRECTORY,
        OBJECT_DIRECTORY,
        SNAPSHOT_DIRECTORY,
    ];
    ours.contains(&path)
}

/// Whether a copy writes a file of this name before it is whole.
fn is_of_a_copy(path: &str) -> bool {
    if [MANIFEST_TEMPORARY_PATH, KEEP_LOG_PATH, KEEP_LOG_TEMPORARY_PATH].contains(&path) {
        return true;
    }
    let Some((directory, name)) = path.rsplit_once('/') else { return false };
    let name = name.strip_suffix(".tmp").unwrap_or(name);
    match directory {
        LOG_DIRECTORY | ARCHIVE_DIRECTORY => parse_segment_name(name).is_some(),
        artifacts::DIRECTORY => artifacts::is_artifact_name(name),
        SNAPSHOT_DIRECTORY => parse_head_name(name).is_some(),
        OBJECT_DIRECTORY => is_object_name(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_copy_gives_are_taken_for_its_remains() {
        for ours in [
            "MANIFEST.tmp",
            "KEEP-LOG",
            "log/00000000000000000001.log",
            "archive/00000000000000000001.log.tmp",
            "snapshots/00000000000000000042.snapshot",
            "snapshots/objects/b-000102030405060708090a0b0c0d0e0f.rows.tmp",
        ] {
            assert!(is_of_a_copy(ours), "{ours}");
        }
        for foreign in [
            "MANIFEST",
            "LOCK",
            "notes.txt",
            "log/notes.txt",
            "log/1.log",
            "log/aside/00000000000000000001.log",
            "log/reserve.tmp",
            "artifacts/abc.wasm",
            "snapshots/objects/notes.rows",
            "cache/00000000000000000001.log",
        ] {
            assert!(!is_of_a_copy(foreign), "{foreign}");
        }
    }
}
