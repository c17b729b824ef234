//! Small files as a whole: written under a temporary name, synced, renamed, directory synced.
//! Invariant: whoever opens the final name finds either what was there before or all of the new.

use crate::doing::Doing;
use crate::doors::{Access, Disk};
use crate::error::LogError;
use std::io;

/// The directory that a path is in.
pub(crate) fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Writes a file under `temporary` and gives it the name `path` once it is safe.
pub(crate) fn publish(disk: &dyn Disk, temporary: &str, path: &str, bytes: &[u8]) -> Result<(), LogError> {
    let file = disk.create(temporary).doing("create", || disk.locate(temporary))?;
    file.write_at(0, bytes).doing("write", || disk.locate(temporary))?;
    file.sync().doing("sync", || disk.locate(temporary))?;
    rename(disk, temporary, path)
}

/// Renames within a directory, and makes that survive a crash.
pub(crate) fn rename(disk: &dyn Disk, from: &str, to: &str) -> Result<(), LogError> {
    disk.rename(from, to).doing("rename a new file to", || disk.locate(to))?;
    disk.sync_directory(directory_of(to)).doing("sync", || disk.locate(directory_of(to)))
}

/// Removes a file that may not exist.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &str) -> Result<(), LogError> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.doing("remove", || disk.locate(path)),
    }
}

/// Whether there is a file of this name.
pub(crate) fn is_there(disk: &dyn Disk, path: &str) -> Result<bool, LogError> {
    match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        opened => opened.doing("open", || disk.locate(path)).map(|_| true),
    }
}

/// The names in a directory that may not exist.
pub(crate) fn list_if_there(disk: &dyn Disk, directory: &str) -> Result<Vec<String>, LogError> {
    match disk.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.doing("list", || disk.locate(directory)),
    }
}

/// The contents of a file, if it exists. One longer than the limit is damaged, not read.
pub(crate) fn read_whole(disk: &dyn Disk, path: &str, limit: u64) -> Result<Option<Vec<u8>>, LogError> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.doing("open", || disk.locate(path))?,
    };
    let length = file.length().doing("measure", || disk.locate(path))?;
    if length > limit {
        let what = format!("the file has {length} bytes, expected at most {limit}");
        return Err(LogError::Damaged { path: disk.locate(path), offset: limit, what });
    }
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(0, &mut bytes).doing("read", || disk.locate(path))?;
    bytes.truncate(read);
    Ok(Some(bytes))
}
