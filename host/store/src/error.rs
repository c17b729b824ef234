//! Why the store refuses something: the one error type of this crate.
//! Whose mistake it is can be told from the variant; none of them leaves a change behind.
//! Invariant: a [`Violation`] depends on nothing but the rows, so that replaying finds the same one.

use crate::{TableId, Version};
use interstice_codec::{DecodeError, UnsupportedKey, row::ConversionError};

/// Why a table refused a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Another row has this primary key.
    #[error("another row has this primary key")]
    DuplicateKey,
    /// Another row has the same values in this unique index, counted from 1 in the order of the
    /// definition.
    #[error("another row has the same values in index {0}")]
    DuplicateUnique(u32),
    /// There is no row with this primary key.
    #[error("there is no row with this primary key")]
    NoSuchRow,
    /// The auto-increment counter is at the largest value of its column.
    #[error("the auto-increment counter is at its largest value")]
    CounterOverflow,
}

/// Everything that can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The rows do not allow it.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// Bytes that are said to be a row are none of this table.
    #[error("not a row of table `{table}`")]
    Row {
        /// The name of the table.
        table: String,
        /// What is wrong, and where.
        #[source]
        source: DecodeError,
    },
    /// One of many rows was refused, and with it all of them.
    #[error("row {position} of the batch was refused")]
    InBatch {
        /// The position of the row, from 0.
        position: u32,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// Something is too large.
    #[error("limit `{name}` is {limit}, found {found}")]
    Limit {
        /// The name of the limit; [`StoreLimits`](crate::StoreLimits) says which can be set.
        name: &'static str,
        /// What is allowed.
        limit: u64,
        /// What was found.
        found: u64,
    },
    /// The table has no such index, or none that is unique where that is needed.
    #[error("table `{table}` has no {wanted} {index}")]
    NoSuchIndex {
        /// The name of the table.
        table: String,
        /// `index`, or `unique index`.
        wanted: &'static str,
        /// What was asked for, 0 being the primary key.
        index: u32,
    },
    /// A table cannot be made as it is defined.
    #[error("table `{table}` cannot be made: {reason}")]
    Definition {
        /// The name of the table.
        table: String,
        /// What is wrong with its definition.
        reason: String,
    },
    /// A key cannot be made of the columns that are named.
    #[error("table `{table}` cannot have the key `{key}`")]
    Key {
        /// The name of the table.
        table: String,
        /// The name of the index, or `primary key`.
        key: String,
        /// Which column, and why.
        #[source]
        source: UnsupportedKey,
    },
    /// The table evolved: it has another shape at the version that is read, or now that it is written to.
    #[error("table `{table}` has another shape there than that which it has had from version {since} on")]
    OtherShape {
        /// The name of the table.
        table: String,
        /// The version that made the shape which was asked for.
        since: Version,
    },
    /// A table cannot become what it is to become.
    #[error("table `{table}` cannot have the new columns")]
    Conversion {
        /// The name of the table.
        table: String,
        /// Which column, and why.
        #[source]
        source: ConversionError,
    },
    /// An index is to be unique, and rows that are there have the same values in it.
    #[error(
        "index `{index}` of table `{table}` cannot be unique: {} pairs of rows have the same values",
        rows.len() as u64 + more
    )]
    NotUnique {
        /// The name of the table.
        table: String,
        /// The name of the index.
        index: String,
        /// The primary keys, in key form, of the first pairs of such rows, in the order of the index.
        rows: Vec<(Vec<u8>, Vec<u8>)>,
        /// How many further pairs there are.
        more: u64,
    },
    /// A table with this number is there already.
    #[error("table {0} exists")]
    TableExists(TableId),
    /// The handle is of another store, or the table was dropped.
    #[error("table {0} is not of this store")]
    ForeignTable(TableId),
    /// A transaction is open, and there is only ever one.
    #[error("a transaction is open")]
    Busy,
    /// A version may only be higher than all before it.
    #[error("version {asked} is not after {newest}")]
    VersionNotNext {
        /// What was asked for.
        asked: Version,
        /// The newest version that is committed.
        newest: Version,
    },
    /// No reader can be opened at this version.
    #[error("version {asked} cannot be read: {oldest} to {newest} can")]
    VersionNotKept {
        /// What was asked for.
        asked: Version,
        /// The oldest version that can be read.
        oldest: Version,
        /// The newest one.
        newest: Version,
    },
    /// The reader held on to more old versions than there is room for.
    #[error("the reader at version {version} was cancelled: limit `undo` is {limit}")]
    ReaderCancelled {
        /// The version that it read.
        version: Version,
        /// The limit.
        limit: u64,
    },
    /// The savepoint, or the scan, belongs to a part of the transaction that was rolled back.
    #[error("the part of the transaction that this {what} belongs to was rolled back")]
    RolledBack {
        /// `savepoint` or `scan`.
        what: &'static str,
    },
    /// The scan, or the savepoint, belongs to a transaction that is over.
    #[error("the transaction that this {what} belongs to is over")]
    TransactionOver {
        /// `savepoint` or `scan`.
        what: &'static str,
    },
    /// Rows are loaded in the order of their primary keys.
    #[error(
        "row {row} of those loaded into table `{table}`, counted from 0, does not come after the one before it \
         in the order of the primary key"
    )]
    NotAscending {
        /// The name of the table.
        table: String,
        /// The position of the row, from 0.
        row: u64,
    },
    /// Only a table that never had a row can be filled at once.
    #[error("table {0} has or had rows, so that it cannot be filled at once")]
    NotEmpty(TableId),
    /// Changes can only be applied without undo where nobody reads old versions.
    #[error("table {0} has old versions or readers, so that its changes need undo")]
    UndoNeeded(TableId),
}

impl StoreError {
    /// The violation, if it is one, also of a row within a batch.
    pub fn violation(&self) -> Option<Violation> {
        match self {
            Self::Violation(violation) => Some(*violation),
            Self::InBatch { source, .. } => source.violation(),
            _ => None,
        }
    }
}
