//! Copies of a whole database: a backup, taken while others write, and a database made from one, whole or as
//! of an earlier record. A backup is laid out as a data directory. Invariant: a folder gets its manifest
//! last, after all that it lists was read back, so one without a manifest is no copy of anything.

mod copier;
mod cut;
mod newest;
mod restore;
mod seal;
mod snapshots;
mod take;

pub use restore::{LeftOut, RestoreOptions, RestoreReport, Until, restore};
pub use take::{BackupReport, backup};

use crate::artifacts;
use crate::doors::Disk;
use crate::error::{Doing, LogError};
use crate::segment::{ARCHIVE_DIRECTORY, ASIDE_DIRECTORY, LOG_DIRECTORY};
use crate::snapshot::{OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY};

/// Refuses a folder with anything in it. Folders of ours without a file are what a copy leaves that was
/// given up.
fn check_empty(disk: &dyn Disk) -> Result<(), LogError> {
    let ours = [
        ASIDE_DIRECTORY,
        LOG_DIRECTORY,
        ARCHIVE_DIRECTORY,
        artifacts::DIRECTORY,
        OBJECT_DIRECTORY,
        SNAPSHOT_DIRECTORY,
    ];
    let mut left = vec![String::new()];
    while let Some(directory) = left.pop() {
        for name in disk.list(&directory).doing("list", || disk.locate(&directory))? {
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if !ours.contains(&path.as_str()) || disk.list(&path).is_err() {
                return Err(LogError::NotEmpty { path: disk.locate("") });
            }
            left.push(path);
        }
    }
    Ok(())
}
