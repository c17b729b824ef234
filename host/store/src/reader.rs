//! Reading at one committed version, beside the writer.
//! A reader takes a table's lock for one operation and never waits for a transaction; what it needs of old
//! versions is kept until it, and every scan that it opened, is dropped.
//! Invariant: whatever is written meanwhile, a reader answers the same question with the same rows.

use crate::{
    KeyRange, Scan, StoreError, TableHandle, Version, readers::Ticket, scan::View, state::State, store::Inner,
};
use std::sync::Arc;

/// Reads at one version. Copies read the same.
#[derive(Clone)]
pub struct Reader {
    store: Arc<Inner>,
    ticket: Arc<Ticket>,
}

impl Reader {
    pub(crate) fn new(store: &Arc<Inner>, ticket: Ticket) -> Self {
        Self { store: Arc::clone(store), ticket: Arc::new(ticket) }
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.ticket.version()
    }

    /// Appends the row with this primary key, in key form, to `out`; returns whether there is one.
    ///
    /// # Errors
    /// If the reader was cancelled, or the table has another shape at this version than the handle; so it is
    /// with every other question.
    pub fn get(&self, table: &TableHandle, key: &[u8], out: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.read(table, |state| {
            let row = state.get(key, state.undo.mark_of(self.version()));
            row.map(|row| table.0.shape.append(row, out)).is_some()
        })
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
        let place = table.0.shape.unique_index(index)?;
        self.read(table, |state| {
            let row = state.find(place, key, state.undo.mark_of(self.version()));
            row.map(|row| table.0.shape.append(row, out)).is_some()
        })
    }

    /// Opens a scan.
    pub fn scan(&self, table: &TableHandle, range: &KeyRange<'_>) -> Result<Scan, StoreError> {
        self.store.own(table)?;
        self.check_shape(table, &table.0.state.read())?;
        Scan::new(table, View::At(self.clone()), range)
    }

    /// How many rows there are.
    pub fn count(&self, table: &TableHandle) -> Result<u64, StoreError> {
        self.read(table, |state| state.count(self.version()))
    }

    /// An error if the reader was cancelled. To be asked with the lock of a table held.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if !self.ticket.is_cancelled() {
            return Ok(());
        }
        Err(StoreError::ReaderCancelled { version: self.version(), limit: self.store.limits.undo_bytes })
    }

    fn read<T>(&self, table: &TableHandle, read: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        self.store.own(table)?;
        let state = table.0.state.read();
        self.check()?;
        self.check_shape(table, &state)?;
        Ok(read(&state))
    }

    /// An error if the table has another shape at this version than the handle.
    #[inline]
    fn check_shape(&self, table: &TableHandle, state: &State) -> Result<(), StoreError> {
        let shape = &table.0.shape;
        if self.version() >= shape.since
            && (shape.number == state.shape
                || state.past(shape.number).is_some_and(|past| self.version() < past.until))
        {
            return Ok(());
        }
        Err(table.0.other_shape())
    }
}
