//! Going back to an earlier moment of a transaction, and on from there.
//! A savepoint is a mark in the undo buffer of each table that was touched so far; it costs nothing until
//! it is used, and may be used more than once.
//! Invariant: after going back, every table and every counter is as it was at the savepoint.

use super::Transaction;
use crate::{StoreError, Version, limits::ROWS_PER_LOCK, progress::Moment, undo::UndoId};
use smallvec::SmallVec;

/// A moment of a transaction to which it can go back.
#[derive(Clone, Debug)]
pub struct Savepoint {
    version: Version,
    moment: Moment,
    written_bytes: u64,
    /// How many tables were made, changed or dropped.
    schema: usize,
    /// For each table that was touched by then, in the order of the first time.
    tables: SmallVec<[TablePoint; 4]>,
}

#[derive(Clone, Copy, Debug)]
struct TablePoint {
    end: UndoId,
    counter: u64,
}

impl Transaction {
    /// Remembers how everything is now.
    pub fn savepoint(&self) -> Savepoint {
        let point =
            |state: &crate::state::State| TablePoint { end: state.undo.end(), counter: state.counter };
        Savepoint {
            version: self.version,
            moment: self.progress.now(self.height),
            written_bytes: self.written_bytes,
            schema: self.schema_changes(),
            tables: self.touched.iter().map(|table| point(&table.0.state.read())).collect(),
        }
    }

    /// Takes back all changes since the savepoint was made.
    ///
    /// # Errors
    /// If it is of another transaction, or of a part of this one that was rolled back; then nothing
    /// is done.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) -> Result<(), StoreError> {
        if savepoint.version != self.version {
            return Err(StoreError::TransactionOver { what: "savepoint" });
        }
        self.progress.check(savepoint.moment, "savepoint")?;
        self.take_back_schema(savepoint.schema);
        for (position, table) in self.touched.iter().enumerate() {
            let point = savepoint.tables.get(position).copied().unwrap_or_else(|| {
                let state = table.0.state.read();
                let mark = state.undo.newest_mark().expect("a table that was touched has a mark");
                TablePoint { end: mark.first, counter: mark.counter }
            });
            while table.0.state.write().roll_back(point.end, ROWS_PER_LOCK) {}
            let mut state = table.0.state.write();
            state.counter = point.counter;
            state.report(&self.store.memory);
        }
        self.progress.roll_back(savepoint.moment.height);
        self.height = savepoint.moment.height;
        self.written_bytes = savepoint.written_bytes;
        Ok(())
    }
}
