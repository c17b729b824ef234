//! The net changes of a transaction: what differs between its beginning and now.
//! A row is told of once, in the order in which rows were first touched, and not at all if it is again as
//! it was.
//! Invariant: applied in this order to the tables as they were, the changes make them what they are.

use super::Transaction;
use crate::{
    TableHandle,
    row::{LayoutTag, Row},
    slot::SlotId,
    state::State,
    undo::{Mark, UndoId},
};
use std::collections::BTreeMap;

/// The net changes of one table.
pub struct TableChanges<'a> {
    table: &'a TableHandle,
    state: &'a State,
    mark: Mark,
    converted: &'a Converted,
}

/// What rows of older layouts are in the newest one, by their slots, before and after.
#[derive(Default)]
struct Converted(BTreeMap<SlotId, [Option<Vec<u8>>; 2]>);

/// Where the row before a change stands in a pair.
const BEFORE: usize = 0;
/// Where the row after it stands.
const AFTER: usize = 1;

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
            if self.drops(table) {
                continue;
            }
            let state = table.0.state.read();
            let Some(mark) = state.undo.newest_mark().copied() else { continue };
            let converted = Converted::new(table, &state, mark.first);
            let changes = TableChanges { table, state: &state, mark, converted: &converted };
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

    /// The auto-increment counter, if there is one and it has changed.
    pub fn counter(&self) -> Option<u64> {
        self.table.0.shape.auto_increment?;
        Some(self.state.counter).filter(|counter| *counter != self.mark.counter)
    }

    /// The rows that have changed, in the newest layout.
    pub fn rows(&self) -> impl Iterator<Item = RowChange<'a>> + use<'a> {
        let (state, first, converted) = (self.state, self.mark.first, self.converted);
        let newest = self.table.0.shape.tag;
        rows_since(state, first).filter_map(move |(slot, before, after)| {
            let view = |row: Option<&'a Row>, side| row.map(|row| converted.view(slot, row, side, newest));
            match (view(before, BEFORE), view(after, AFTER)) {
                (None, Some(after)) => Some(RowChange::Inserted { after }),
                (Some(before), Some(after)) if before != after => Some(RowChange::Updated { before, after }),
                (Some(before), None) => Some(RowChange::Deleted { before }),
                _ => None,
            }
        })
    }
}

/// The rows that were touched since a mark, as they were there and as they are.
fn rows_since(state: &State, first: UndoId) -> impl Iterator<Item = (SlotId, Option<&Row>, Option<&Row>)> {
    let entries = state.undo.since(first).filter(move |(_, entry)| entry.previous < first);
    entries.map(move |(_, entry)| {
        (entry.slot, state.visible(entry.slot, first), state.visible(entry.slot, UndoId::NOW))
    })
}

impl Converted {
    fn new(table: &TableHandle, state: &State, first: UndoId) -> Self {
        let shape = &table.0.shape;
        let mut converted = Self::default();
        if shape.older.is_empty() {
            return converted;
        }
        for (slot, before, after) in rows_since(state, first) {
            let convert = |row: Option<&Row>| {
                row.filter(|row| row.layout() != shape.tag).map(|row| shape.view(row, <[u8]>::to_vec))
            };
            let rows = [before, after].map(convert);
            if rows.iter().any(Option::is_some) {
                converted.0.insert(slot, rows);
            }
        }
        converted
    }

    #[inline]
    fn view<'a>(&'a self, slot: SlotId, row: &'a Row, side: usize, newest: LayoutTag) -> &'a [u8] {
        if row.layout() == newest {
            return row;
        }
        let converted = self.0.get(&slot).and_then(|rows| rows[side].as_deref());
        converted.expect("rows of older layouts were converted before")
    }
}
