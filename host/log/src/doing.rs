//! What was being done when the operating system refused: every error of the disk says it, and on which file.
//! Invariant: the path of a file is only put together for an error.

use crate::error::LogError;
use std::io;

/// Adds what was being done to an error of the operating system.
pub(crate) trait Doing<T> {
    /// `path` is called for errors only.
    fn doing(self, doing: &'static str, path: impl FnOnce() -> String) -> Result<T, LogError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: impl FnOnce() -> String) -> Result<T, LogError> {
        self.map_err(|source| LogError::Disk { doing, path: path(), source })
    }
}
