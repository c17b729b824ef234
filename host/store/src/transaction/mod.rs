//! The one writer: a transaction, from its beginning to commit or abort.
//! It changes rows in place and keeps what they were; nobody else sees its changes before it commits, and
//! dropping it aborts. It holds a table's lock for one operation, or a portion of a long one.
//! Invariant: an operation that returns an error has left nothing.

mod bulk;
mod changes;
mod savepoint;
mod schema;

pub use changes::{RowChange, TableChanges};
pub use savepoint::Savepoint;

use schema::SchemaChange;

use crate::{
    KeyRange, Scan, StoreError, TableHandle, Version,
    change::Origin,
    limits::{PURGE_AFTER, PURGED_PER_WRITTEN, ROWS_PER_LOCK},
    progress::Progress,
    scan::View,
    state::State,
    store::Inner,
    undo::{Mark, UndoId},
};
use std::sync::{Arc, atomic::Ordering};

/// An open transaction.
pub struct Transaction {
    store: Arc<Inner>,
    version: Version,
    /// The tables that it has written to, in the order of the first time.
    touched: Vec<TableHandle>,
    /// The undo entries that it has in all tables.
    height: u64,
    /// The tables that it made, changed or dropped, in this order.
    schema: Vec<SchemaChange>,
    /// The bytes of the rows that it has written and replaced.
    written_bytes: u64,
    progress: Arc<Progress>,
    is_committed: bool,
}

impl Transaction {
    pub(crate) fn begin(store: Arc<Inner>, version: Version) -> Result<Self, StoreError> {
        if store.writing.swap(true, Ordering::AcqRel) {
            return Err(StoreError::Busy);
        }
        let newest = store.newest();
        if version <= newest {
            store.writing.store(false, Ordering::Release);
            return Err(StoreError::VersionNotNext { asked: version, newest });
        }
        Ok(Self {
            store,
            version,
            touched: Vec::new(),
            height: 0,
            schema: Vec::new(),
            written_bytes: 0,
            progress: Arc::new(Progress::new()),
            is_committed: false,
        })
    }

    /// The version that it will make.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The bytes of the rows that it has written and replaced so far: no net change set is larger than
    /// this and a few bytes for each row.
    pub fn size_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Whether it has changed nothing, or taken back all that it changed.
    pub fn is_empty(&self) -> bool {
        self.height == 0
    }

    /// Appends the row with this primary key, in key form, to `out`; returns whether there is one.
    ///
    /// A handle of the shape that the table had before it evolved in this transaction reads, here and in all
    /// that reads, what was there then.
    #[inline]
    pub fn get(&self, table: &TableHandle, key: &[u8], out: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.store.own(table)?;
        let state = table.0.state.read();
        let row = state.get(key, self.mark(table, &state)?);
        Ok(row.map(|row| table.0.shape.append(row, out)).is_some())
    }

    /// Appends the row with this whole key in a unique index to `out`; returns whether there is one.
    pub fn find(
        &self,
        table: &TableHandle,
        index: u32,
        key: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, StoreError> {
        if index == 0 {
            return self.get(table, key, out);
        }
        self.store.own(table)?;
        let place = table.0.shape.unique_index(index)?;
        let state = table.0.state.read();
        let row = state.find(place, key, self.mark(table, &state)?);
        Ok(row.map(|row| table.0.shape.append(row, out)).is_some())
    }

    /// Opens a scan. It returns the table as it is now, whatever this transaction does meanwhile.
    pub fn scan(&self, table: &TableHandle, range: &KeyRange<'_>) -> Result<Scan, StoreError> {
        self.store.own(table)?;
        let state = table.0.state.read();
        let mark = self.mark(table, &state)?.min(state.undo.end());
        drop(state);
        let moment = self.progress.now(self.height);
        Scan::new(table, View::Within { progress: Arc::clone(&self.progress), moment, mark }, range)
    }

    /// How many rows there are.
    pub fn count(&self, table: &TableHandle) -> Result<u64, StoreError> {
        self.store.own(table)?;
        let state = table.0.state.read();
        match self.mark(table, &state)? {
            UndoId::NOW => Ok(state.live_rows),
            _ => Ok(state.past(table.0.shape.number).map_or(0, |past| past.live_rows)),
        }
    }

    /// Where it reads a table: a shape that the table had when the transaction began shows it as it was when it
    /// evolved.
    #[inline]
    fn mark(&self, table: &TableHandle, state: &State) -> Result<UndoId, StoreError> {
        if state.shape == table.0.shape.number { Ok(UndoId::NOW) } else { self.past_mark(table, state) }
    }

    #[cold]
    fn past_mark(&self, table: &TableHandle, state: &State) -> Result<UndoId, StoreError> {
        let past = state.past(table.0.shape.number).filter(|past| past.until == self.version);
        past.map(|past| past.end).ok_or_else(|| table.0.other_shape())
    }

    /// Adds a row. Returns its auto-increment number, which is the next one if the row has 0 there; 0 if
    /// the table has none.
    #[inline]
    pub fn insert(&mut self, table: &TableHandle, row: &[u8]) -> Result<u64, StoreError> {
        self.check_row(table, row, Growth::Grows)?;
        self.write(table, row.len(), |state| state.insert(&table.0.shape, row, Origin::Transaction))
    }

    /// Puts a row in place of the one with the same primary key.
    #[inline]
    pub fn update(&mut self, table: &TableHandle, row: &[u8]) -> Result<(), StoreError> {
        self.check_row(table, row, Growth::Stays)?;
        self.write(table, row.len(), |state| Ok(state.update(&table.0.shape, row, Origin::Transaction)?))
    }

    /// Adds a row, or puts it in place of the one with the same primary key. Returns its auto-increment
    /// number; a row that was there keeps its own if the new one has 0.
    pub fn upsert(&mut self, table: &TableHandle, row: &[u8]) -> Result<u64, StoreError> {
        self.check_row(table, row, Growth::Grows)?;
        self.write(table, row.len(), |state| state.upsert(&table.0.shape, row))
    }

    /// Has the auto-increment numbers of a table go on after this one, unless they are beyond it or it is beyond them:
    /// nothing is changed then, nor in a table that does not count.
    pub fn raise_counter(&mut self, table: &TableHandle, number: u64) -> Result<(), StoreError> {
        self.store.own(table)?;
        match table.0.shape.auto_increment {
            Some(counting) if number <= counting.largest() => self.write(table, 0, |state| {
                state.counter = state.counter.max(number);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    /// Deletes the row with this primary key, in key form; returns whether there was one.
    pub fn delete(&mut self, table: &TableHandle, key: &[u8]) -> Result<bool, StoreError> {
        self.store.own(table)?;
        self.check_size(0)?;
        self.write(table, key.len(), |state| {
            let slot = state.slot_of_key(key).filter(|slot| state.slots.get(*slot).is_live());
            if let Some(slot) = slot {
                state.delete(slot, Origin::Transaction);
            }
            Ok(slot.is_some())
        })
    }

    /// Makes its changes those of its version.
    pub fn commit(mut self) {
        self.is_committed = true;
        self.progress.close();
        self.publish_schema();
        for table in std::mem::take(&mut self.touched) {
            let mut state = table.0.state.write();
            if state.undo.newest_mark().is_some_and(|mark| mark.first == state.undo.end()) {
                state.undo.pop_newest_mark();
            } else {
                state.changed = self.version;
            }
            self.store.note_history(&table, &mut state);
        }
        self.store.set_newest(self.version);
        self.store.writing.store(false, Ordering::Release);
        self.store.purge_after(self.height);
    }

    /// Takes all its changes back; dropping it does the same.
    pub fn abort(self) {}

    /// Runs one operation on a table that it may write to.
    #[inline]
    fn write<T>(
        &mut self,
        table: &TableHandle,
        row_bytes: usize,
        operation: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = table.0.state.write();
        table.0.check_newest(&state)?;
        if state.undo.newest_mark().is_none_or(|mark| mark.version != self.version) {
            self.touch(table, &mut state);
        }
        let before = (state.undo.end(), state.undo.used_bytes());
        let result = operation(&mut state)?;
        let entries = state.undo.end().0 - before.0.0;
        self.height += entries;
        if entries > 0 {
            self.written_bytes += row_bytes as u64 + state.undo.used_bytes() - before.1;
        }
        state.report(&self.store.memory);
        Ok(result)
    }

    #[cold]
    fn touch(&mut self, table: &TableHandle, state: &mut State) {
        state.undo.push_mark(Mark {
            version: self.version,
            first: state.undo.end(),
            live_rows: state.live_rows,
            counter: state.counter,
        });
        self.touched.push(table.clone());
    }

    /// What can be checked of a row without the lock.
    #[inline]
    fn check_row(&self, table: &TableHandle, row: &[u8], growth: Growth) -> Result<(), StoreError> {
        self.store.own(table)?;
        table.0.check_row(&self.store.limits, row)?;
        self.check_size(row.len())?;
        match growth {
            Growth::Grows => self.store.check_memory(),
            Growth::Stays => Ok(()),
        }
    }

    #[inline]
    fn check_size(&self, row_bytes: usize) -> Result<(), StoreError> {
        let (limit, found) = (self.store.limits.transaction_bytes, self.written_bytes + row_bytes as u64);
        if found <= limit { Ok(()) } else { Err(StoreError::Limit { name: "transaction", limit, found }) }
    }
}

/// Whether a write adds a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Growth {
    Grows,
    Stays,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_committed {
            return;
        }
        self.progress.close();
        self.take_back_schema(0);
        for table in &self.touched {
            let first = table.0.state.read().undo.newest_mark().map(|mark| mark.first);
            let first = first.expect("a table that was touched has the mark of the transaction");
            while table.0.state.write().roll_back(first, ROWS_PER_LOCK) {}
            let mut state = table.0.state.write();
            if let Some(mark) = state.undo.pop_newest_mark() {
                state.counter = mark.counter;
            }
            state.report(&self.store.memory);
        }
        self.store.writing.store(false, Ordering::Release);
    }
}

impl Inner {
    /// Purges after a transaction with this many changes, now or together with later ones.
    fn purge_after(&self, height: u64) {
        let written = self.unpurged.fetch_add(height, Ordering::Relaxed) + height;
        if written >= PURGE_AFTER {
            self.unpurged.store(0, Ordering::Relaxed);
            self.purge(written * PURGED_PER_WRITTEN);
            self.limit_history();
        }
    }
}
