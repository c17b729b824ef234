//! How whoever asked for long work takes the wish back. The work looks at every chunk, so it ends within
//! milliseconds. Invariant: work that was cancelled publishes and removes nothing after it noticed.

use crate::error::LogError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag shared between the work and those who may cancel it. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    is_cancelled: Arc<AtomicBool>,
}

impl Cancellation {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the work end with [`LogError::Cancelled`].
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the work was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn check(&self) -> Result<(), LogError> {
        if self.is_cancelled() { Err(LogError::Cancelled) } else { Ok(()) }
    }
}
