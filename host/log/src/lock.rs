//! The lock of a data directory. Its text is a courtesy; the lock itself is the operating system's.
//! Invariant: while one process may write, no other reads or writes.

use crate::doing::Doing;
use crate::doors::{Disk, LockKind, LockOutcome};
use crate::error::LogError;
use std::sync::Arc;

/// The file that the lock is on.
pub(crate) const LOCK_PATH: &str = "LOCK";

/// The right to read or to write a data directory. It is given back when all copies of this are gone. What is to
/// be decided by what lies in the directory is looked at under the same lock as it is done, or another process may
/// have changed it in between.
#[derive(Clone)]
pub struct DirectoryLock {
    kind: LockKind,
    _held: Arc<dyn Send + Sync>,
}

impl DirectoryLock {
    /// Takes the lock of the data directory.
    ///
    /// # Errors
    /// [`LogError::Locked`], which says who has it, if another process does.
    pub fn take(disk: &dyn Disk, kind: LockKind) -> Result<Self, LogError> {
        match disk.lock(LOCK_PATH, kind).doing("lock", || disk.locate(LOCK_PATH))? {
            LockOutcome::Taken(held) => Ok(Self { kind, _held: held.into() }),
            LockOutcome::Held(holder) => {
                let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
                Err(LogError::Locked { path: disk.locate(LOCK_PATH), holder })
            }
        }
    }

    /// Whether it is the right to write.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.kind == LockKind::Exclusive
    }
}
