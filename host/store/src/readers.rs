//! Who reads which version, and so which history must be kept.
//! A reader is on the list from when it is opened until it is dropped or cancelled; opening and finding
//! the horizon take the same lock, so history never goes while somebody begins to read it.
//! Invariant: no history is purged that is newer than the horizon, the oldest version that may be read.

use crate::{StoreError, Version};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// All open readers.
#[derive(Default)]
pub(crate) struct Readers(Arc<Mutex<List>>);

#[derive(Default)]
struct List {
    /// By version, then in the order of opening.
    open: BTreeMap<(Version, u64), Arc<AtomicBool>>,
    opened: u64,
    /// Everything up to here may have been purged.
    purged: Version,
}

/// A reader's place on the list.
pub(crate) struct Ticket {
    list: Arc<Mutex<List>>,
    version: Version,
    number: u64,
    cancelled: Arc<AtomicBool>,
}

impl Readers {
    /// Opens a reader at a version that is not newer than `newest`.
    pub(crate) fn open(&self, version: Version, newest: Version) -> Result<Ticket, StoreError> {
        let mut list = self.0.lock();
        if version < list.purged || version > newest {
            return Err(StoreError::VersionNotKept { asked: version, oldest: list.purged, newest });
        }
        list.opened += 1;
        let number = list.opened;
        let cancelled = Arc::new(AtomicBool::new(false));
        list.open.insert((version, number), Arc::clone(&cancelled));
        Ok(Ticket { list: Arc::clone(&self.0), version, number, cancelled })
    }

    /// The version up to which history may be purged, which is at most `newest`. From now on no reader
    /// is opened at an older one.
    pub(crate) fn horizon(&self, newest: Version) -> Version {
        let mut list = self.0.lock();
        let oldest = list.open.keys().next().map_or(newest, |(version, _)| newest.min(*version));
        list.purged = list.purged.max(oldest);
        oldest
    }

    /// Says that there is no history up to this version, if there is no reader either.
    pub(crate) fn pass_over(&self, version: Version) -> bool {
        let mut list = self.0.lock();
        let alone = list.open.is_empty();
        if alone {
            list.purged = list.purged.max(version);
        }
        alone
    }

    /// Cancels the readers of the oldest version, if that is older than `newest`.
    pub(crate) fn cancel_oldest(&self, newest: Version) {
        let mut list = self.0.lock();
        let Some(oldest) = list.open.keys().next().map(|(version, _)| *version) else { return };
        if oldest >= newest {
            return;
        }
        while let Some(entry) = list.open.first_entry().filter(|entry| entry.key().0 == oldest) {
            // Before any history goes, since that takes the horizon, and so this lock.
            entry.get().store(true, Ordering::Release);
            entry.remove();
        }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().open.len()
    }
}

impl Ticket {
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether the reader may go on. To be asked with the lock of a table held: then it holds for as
    /// long as the lock is, since a purge needs that lock too.
    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.list.lock().open.remove(&(self.version, self.number));
    }
}
