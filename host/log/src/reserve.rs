//! Space that is taken from the disk before it is needed: the file of the next segment, and a
//! ballast for the manifest. Invariant: the reserve's file is synced at its full length before any
//! room in it is promised.

use crate::batch::SECTOR_BYTES;
use crate::doors::{Disk, DiskFile};
use crate::error::{Doing, LogError};
use crate::limits::BALLAST_BYTES;
use crate::publish::remove_if_there;
use crate::segment::{BALLAST_PATH, RESERVE_PATH, SEGMENT_HEADER_BYTES};
use std::sync::Arc;

/// The next segment's file, if the disk has given it.
#[derive(Default)]
pub(crate) struct Reserve {
    file: Option<(Arc<dyn DiskFile>, u64)>,
    has_ballast: bool,
}

impl Reserve {
    pub(crate) fn is_missing(&self) -> bool {
        self.file.is_none()
    }

    /// The space for batches with records, beside the header and a mark.
    pub(crate) fn room(&self) -> u64 {
        self.file.as_ref().map_or(0, |(_, capacity)| capacity - SEGMENT_HEADER_BYTES - SECTOR_BYTES)
    }

    /// Asks the disk for a reserve of at least this length. If it refuses, what there was stays.
    pub(crate) fn grow(&mut self, disk: &dyn Disk, capacity: u64) -> Result<(), LogError> {
        let path = || disk.locate(RESERVE_PATH);
        if !self.has_ballast {
            let ballast = disk.create(BALLAST_PATH).doing("create", || disk.locate(BALLAST_PATH))?;
            let taken = ballast.allocate(BALLAST_BYTES).and_then(|()| ballast.sync());
            if taken.is_err() {
                remove_if_there(disk, BALLAST_PATH)?;
            }
            taken.doing("reserve space for", || disk.locate(BALLAST_PATH))?;
            self.has_ballast = true;
        }
        let (file, before) = match self.file.take() {
            Some(file) => file,
            None => (disk.create(RESERVE_PATH).doing("create", path)?, 0),
        };
        // Synced here, so that a change of segment has only the header to wait for.
        let grown = file.allocate(capacity.max(before)).and_then(|()| file.sync());
        if grown.is_ok() {
            self.file = Some((file, capacity.max(before)));
        } else if before > 0 {
            self.file = Some((file, before));
        } else {
            // What was allocated of it until the disk was full is given back.
            remove_if_there(disk, RESERVE_PATH)?;
        }
        grown.doing("reserve space for", path)
    }

    /// The file and its length, to be made a segment.
    pub(crate) fn take(&mut self) -> Option<(Arc<dyn DiskFile>, u64)> {
        self.file.take()
    }

    /// Gives the ballast back to the disk. Returns whether there was one.
    pub(crate) fn drop_ballast(&mut self, disk: &dyn Disk) -> Result<bool, LogError> {
        if std::mem::take(&mut self.has_ballast) {
            remove_if_there(disk, BALLAST_PATH)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Gives everything back to the disk.
    pub(crate) fn remove(&mut self, disk: &dyn Disk) -> Result<(), LogError> {
        self.file = None;
        self.drop_ballast(disk)?;
        remove_if_there(disk, RESERVE_PATH)
    }
}
