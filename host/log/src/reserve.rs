//! Space that is taken from the disk before it is needed: the file of the next segment, and a
//! ballast for the manifest. Invariant: the reserve's file is synced at its full length before any
//! room in it is promised.

use crate::batch::SECTOR_BYTES;
use crate::doing::Doing;
use crate::doors::{Disk, DiskFile};
use crate::error::LogError;
use crate::limits::BALLAST_BYTES;
use crate::publish::remove_if_there;
use crate::segment::{BALLAST_PATH, RESERVE_PATH, SEGMENT_HEADER_BYTES};
use std::io;
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

    /// Asks the disk for a reserve of at least this length. Returns whether there was room for it; if
    /// not, what there was before stays as it was.
    pub(crate) fn grow(&mut self, disk: &dyn Disk, capacity: u64) -> Result<bool, LogError> {
        match self.try_to_grow(disk, capacity) {
            Ok(()) => Ok(true),
            Err(error) if error.is_disk_full() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn try_to_grow(&mut self, disk: &dyn Disk, capacity: u64) -> Result<(), LogError> {
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
        let Some((file, before)) = &mut self.file else {
            let file = disk.create(RESERVE_PATH).doing("create", path)?;
            // Synced here, so that a change of segment has only the header to wait for.
            let taken = file.allocate(capacity).and_then(|()| file.sync());
            if taken.is_err() {
                remove_if_there(disk, RESERVE_PATH)?;
            }
            taken.doing("reserve space for", path)?;
            self.file = Some((file, capacity));
            return Ok(());
        };
        if let Err(refusal) = file.allocate(capacity) {
            // The file may have grown as far as the disk had room. Its length is what the segment's
            // header will say, and the space is not ours to keep.
            file.truncate(*before).doing("shorten", path)?;
            return Err(refusal).doing("reserve space for", path);
        }
        // Room in this file was promised before: should the sync fail, even for want of space, nobody
        // knows what is left of it.
        file.sync().map_err(io::Error::other).doing("sync", path)?;
        *before = capacity.max(*before);
        Ok(())
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
