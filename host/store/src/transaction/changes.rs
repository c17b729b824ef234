//! The net changes of a transaction: what differs between its beginning and now.
//! A row is told of once, in the order in which rows were first touched, and not at all if it is again as
//! it was.
//! Invariant: applied in this order to the tables as they were, the changes make them what they are.

use super::Transaction;
use crate::{
    TableHandle,
    state::State,
    undo::{Mark, UndoId},
};

/// The net changes of one table.
pub struct TableChanges<'a> {
    table: &'a TableHandle,
    state: &'a State,
    mark: Mark,
}

/// The net change of one row, whole rows before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowChange<'a> {
    /// It is there now and was not before.
    Inserted {
        /// The row.
        after: &'a [u8],
    },
    /// It was there before, and was different.
    Updated {
        /// What it was.
        before: &'a [u8],
        /// What it is.
        after: &'a [u8],
    },
    /// It was there and is not any more.
    Deleted {
        /// What it was.
        before: &'a [u8],
    },
}

impl Transaction {
    /// Calls `visit` for each table that has changed, in the order in which tables were first touched.
    ///
    /// Readers of the table wait for nothing, but its lock is held meanwhile.
    pub fn changes(&self, mut visit: impl FnMut(&TableChanges<'_>)) {
        for table in &self.touched {
            let state = table.0.state.read();
            let Some(mark) = state.undo.newest_mark().copied() else { continue };
            let changes = TableChanges { table, state: &state, mark };
            if changes.counter().is_some() || changes.rows().next().is_some() {
                visit(&changes);
            }
        }
    }
}

impl<'a> TableChanges<'a> {
    /// The table.
    pub fn table(&self) -> &'a TableHandle {
        self.table
    }

    /// The auto-increment counter, if it has changed.
    pub fn counter(&self) -> Option<u64> {
        Some(self.state.counter).filter(|counter| *counter != self.mark.counter)
    }

    /// The rows that have changed.
    pub fn rows(&self) -> impl Iterator<Item = RowChange<'a>> + use<'a> {
        let (state, first) = (self.state, self.mark.first);
        let entries = state.undo.since(first).filter(move |(_, entry)| entry.previous < first);
        entries.filter_map(move |(_, entry)| {
            let before = state.visible(entry.slot, first);
            match (before, state.visible(entry.slot, UndoId::NOW)) {
                (None, Some(after)) => Some(RowChange::Inserted { after }),
                (Some(before), Some(after)) if before != after => Some(RowChange::Updated { before, after }),
                (Some(before), None) => Some(RowChange::Deleted { before }),
                _ => None,
            }
        })
    }
}
