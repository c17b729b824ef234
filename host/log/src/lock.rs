//! The lock of a data directory. Its text is a courtesy; the lock itself is the operating system's.
//! Invariant: while one process may write, no other reads or writes.

use crate::doing::Doing;
use crate::doors::{Disk, LockKind, LockOutcome};
use crate::error::LogError;

/// The file that the lock is on.
pub(crate) const LOCK_PATH: &str = "LOCK";

/// Takes the lock of the data directory, or says who has it.
pub(crate) fn take_lock(disk: &dyn Disk, kind: LockKind) -> Result<Box<dyn Send + Sync>, LogError> {
    match disk.lock(LOCK_PATH, kind).doing("lock", || disk.locate(LOCK_PATH))? {
        LockOutcome::Taken(guard) => Ok(guard),
        LockOutcome::Held(holder) => {
            let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
            Err(LogError::Locked { path: disk.locate(LOCK_PATH), holder })
        }
    }
}
