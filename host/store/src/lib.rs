//! Tables and indexes in memory, with versions for readers; it owns every row of a database, and never
//! touches a file, a clock, a thread or a source of randomness.
//! The newest row stands in its slot, what it was before stands in an undo buffer: that one mechanism
//! serves savepoints, abort, readers of old versions, and the net changes of a transaction.
//! Invariant: what a reader sees at a version never changes, and a transaction is there whole or not at all.
//!
//! From the outside in: a [`Store`] holds [`TableHandle`]s; one [`Transaction`] at a time changes them, any
//! number of [`Reader`]s read them, both by key or in batches through a [`Scan`]. Rows are in row form and
//! keys in key form, as `interstice-codec` says. A [`Load`] fills a table at once, an
//! [`Evolution`] gives it other columns without touching a row. Within: `slot` holds rows, `primary` finds them by hash,
//! `ordered` by order, on the B+tree of `tree`; `undo` holds history; `change` is every change of a row.

mod apply;
mod auto_increment;
mod change;
#[cfg(test)]
mod check;
mod definition;
mod error;
mod evolve;
mod keys;
mod limits;
mod load;
mod lock;
mod memory;
mod ordered;
mod pages;
mod prefetch;
mod primary;
mod progress;
mod queue;
mod reader;
mod readers;
mod row;
mod scan;
mod scratch;
mod slot;
mod state;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod transaction;
mod tree;
mod undo;

pub use apply::Change;
pub use change::Recording;
pub use definition::{IndexDefinition, TableDefinition};
pub use error::{StoreError, Violation};
pub use evolve::Evolution;
pub use limits::StoreLimits;
pub use load::Load;
pub use reader::Reader;
pub use scan::{KeyRange, Scan, ScanBatch};
pub use store::{Store, Version};
pub use table::{TableHandle, TableId};
pub use transaction::{RowChange, Savepoint, TableChanges, Transaction};
