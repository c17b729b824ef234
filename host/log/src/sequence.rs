//! The number of a record, and with it of a transaction and of a version of the database.

use std::fmt;

/// The number of a record. The first record of a database has number 1, and no number is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The state of a database before its first record.
    pub const ZERO: Self = Self(0);

    /// The number that follows. No log comes near the last one; a forged file may claim to.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before, or zero.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
