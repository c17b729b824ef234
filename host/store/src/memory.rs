//! How much memory the tables of a store take, all together.
//! Each table counts for itself and reports in steps, so that threads do not meet here at every change.
//! Invariant: what is counted is off by less than a step of rows, a step of undo and one page of each
//! structure, for each table.

use std::sync::atomic::{AtomicU64, Ordering};

/// The sums over all tables.
#[derive(Default)]
pub(crate) struct Memory {
    total: AtomicU64,
    undo: AtomicU64,
}

/// What a table has reported last.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reported {
    pub(crate) total: u64,
    pub(crate) undo: u64,
}

impl Memory {
    /// Puts a new report of a table in place of its last one.
    pub(crate) fn report(&self, last: &mut Reported, now: Reported) {
        // Numbers wrap around on the way where a table has shrunk, and are right in the end.
        self.total.fetch_add(now.total.wrapping_sub(last.total), Ordering::Relaxed);
        self.undo.fetch_add(now.undo.wrapping_sub(last.undo), Ordering::Relaxed);
        *last = now;
    }

    /// All bytes: rows, indexes and old versions.
    #[inline]
    pub(crate) fn total_bytes(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The bytes of old versions.
    #[inline]
    pub(crate) fn undo_bytes(&self) -> u64 {
        self.undo.load(Ordering::Relaxed)
    }
}
