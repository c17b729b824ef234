//! Why a table refused a change, by operation.
//! Each type holds only what can happen to its operation, and names the unique index by the table's
//! own enum.
//! Invariant: nothing of a refused operation is left.

use crate::{NoUnique, UniqueIndexes, door::Violation};
use std::{error, fmt};

/// Why a row was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError<U = NoUnique> {
    /// Another row has this primary key.
    DuplicateKey,
    /// Another row has the same values in this unique index.
    DuplicateUnique(U),
    /// The auto-increment counter is at its largest value.
    CounterOverflow,
}

/// Why a row was not updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError<U = NoUnique> {
    /// There is no row with this primary key.
    NoSuchRow,
    /// Another row has the same values in this unique index.
    DuplicateUnique(U),
}

/// Why a row was neither inserted nor updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsertError<U = NoUnique> {
    /// Another row has the same values in this unique index.
    DuplicateUnique(U),
    /// The auto-increment counter is at its largest value.
    CounterOverflow,
}

/// Why none of many rows was inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertManyError<U = NoUnique> {
    /// The position of the row that was refused, from 0.
    pub position: usize,
    /// Why it was refused.
    pub error: InsertError<U>,
}

const DUPLICATE_KEY: &str = "another row has this primary key";
const COUNTER_OVERFLOW: &str = "the auto-increment counter is at its largest value";
const NO_SUCH_ROW: &str = "there is no row with this primary key";

/// Names the columns as the WIT does, for whoever made the call does not know the enum.
fn duplicate_unique(index: impl UniqueIndexes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("another row has the same ")?;
    for (position, column) in index.columns().iter().enumerate() {
        let separator = if position == 0 { "" } else { " and " };
        write!(f, "{separator}`{column}`")?;
    }
    Ok(())
}

impl<U: UniqueIndexes> fmt::Display for InsertError<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateKey => f.write_str(DUPLICATE_KEY),
            Self::DuplicateUnique(index) => duplicate_unique(*index, f),
            Self::CounterOverflow => f.write_str(COUNTER_OVERFLOW),
        }
    }
}

impl<U: UniqueIndexes> fmt::Display for UpdateError<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRow => f.write_str(NO_SUCH_ROW),
            Self::DuplicateUnique(index) => duplicate_unique(*index, f),
        }
    }
}

impl<U: UniqueIndexes> fmt::Display for UpsertError<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateUnique(index) => duplicate_unique(*index, f),
            Self::CounterOverflow => f.write_str(COUNTER_OVERFLOW),
        }
    }
}

impl<U: UniqueIndexes> fmt::Display for InsertManyError<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}", self.position, self.error)
    }
}

impl<U: UniqueIndexes> error::Error for InsertError<U> {}
impl<U: UniqueIndexes> error::Error for UpdateError<U> {}
impl<U: UniqueIndexes> error::Error for UpsertError<U> {}
impl<U: UniqueIndexes> error::Error for InsertManyError<U> {}

impl<U: UniqueIndexes> InsertError<U> {
    #[cold]
    pub(crate) fn from_host(violation: Violation) -> Self {
        match violation {
            Violation::DuplicateKey => Self::DuplicateKey,
            Violation::DuplicateUnique(index) => Self::DuplicateUnique(named(index)),
            Violation::CounterOverflow => Self::CounterOverflow,
            Violation::NoSuchRow => impossible("insert", violation),
        }
    }
}

impl<U: UniqueIndexes> UpdateError<U> {
    #[cold]
    pub(crate) fn from_host(violation: Violation) -> Self {
        match violation {
            Violation::NoSuchRow => Self::NoSuchRow,
            Violation::DuplicateUnique(index) => Self::DuplicateUnique(named(index)),
            Violation::DuplicateKey | Violation::CounterOverflow => impossible("update", violation),
        }
    }
}

impl<U: UniqueIndexes> UpsertError<U> {
    #[cold]
    pub(crate) fn from_host(violation: Violation) -> Self {
        match violation {
            Violation::DuplicateUnique(index) => Self::DuplicateUnique(named(index)),
            Violation::CounterOverflow => Self::CounterOverflow,
            Violation::DuplicateKey | Violation::NoSuchRow => impossible("upsert", violation),
        }
    }
}

fn named<U: UniqueIndexes>(index: u32) -> U {
    match U::from_index(index) {
        Some(name) => name,
        None => {
            panic!("the host speaks of the unique index {index}, which this module's table does not have")
        }
    }
}

fn impossible(operation: &str, violation: Violation) -> ! {
    panic!("the host answers an {operation} with {violation:?}")
}
