//! A table as the other rooms hold it: a handle that is cheap to copy.
//! The lock within is held for one operation, or for a portion of a long one, and never while anybody
//! else's code runs.
//! Invariant: what stands beside the lock never changes.

use crate::{
    StoreError, StoreLimits, Version, definition::Shape, lock::Lock, memory::Memory, scratch::with_scratch,
    state::State,
};
use interstice_codec::key::KeyLayout;
use std::{fmt, ops::Deref, sync::Arc};

/// The number of a table, which its caller gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

/// A table in one of its shapes. Copies of a handle are the same table.
#[derive(Clone)]
pub struct TableHandle(pub(crate) Arc<Table>);

/// What a handle leads to.
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) shape: Shape,
    pub(crate) memory: Arc<Memory>,
    pub(crate) state: Arc<Contents>,
}

/// What all shapes of a table share.
pub(crate) struct Contents {
    state: Lock<State>,
    memory: Arc<Memory>,
}

impl Contents {
    pub(crate) fn new(state: State, memory: &Arc<Memory>) -> Arc<Self> {
        Arc::new(Self { state: Lock::new(state), memory: Arc::clone(memory) })
    }
}

impl Deref for Contents {
    type Target = Lock<State>;

    #[inline]
    fn deref(&self) -> &Lock<State> {
        &self.state
    }
}

impl TableHandle {
    /// Its number.
    pub fn id(&self) -> TableId {
        self.0.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.shape.name
    }

    /// The version from which on the table has the shape of this handle.
    pub fn since(&self) -> Version {
        self.0.shape.since
    }

    /// Appends the primary key, in key form, of a row of this table.
    pub fn key_of_row(&self, row: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.0.validate(row)?;
        self.0.shape.primary.extract(row, out);
        Ok(())
    }

    /// The columns of the primary key.
    pub fn primary_key(&self) -> &KeyLayout {
        &self.0.shape.primary
    }

    /// The columns of a secondary index, without those of the primary key. The first index is 1.
    pub fn index_key(&self, index: u32) -> Result<&KeyLayout, StoreError> {
        let place = (index as usize).checked_sub(1);
        let shape = place.and_then(|place| self.0.shape.indexes.get(place));
        shape.map(|shape| &shape.key).ok_or_else(|| self.0.no_such_index(index))
    }

    /// Since when its rows are what they are: they have not changed after this version, the newest that has
    /// changed any or their shape, or at which the table was loaded. An open transaction does not count.
    pub fn changed(&self) -> Version {
        self.0.state.read().changed.max(self.since())
    }

    /// The bytes that the table takes in memory: rows, indexes and old versions.
    pub fn memory_bytes(&self) -> u64 {
        self.0.state.read().memory_bytes()
    }

    /// The bytes of that which old versions take.
    pub fn undo_bytes(&self) -> u64 {
        self.0.state.read().undo.used_bytes()
    }

    /// The largest number that the auto-increment column was given, in the newest version.
    pub fn counter(&self) -> u64 {
        self.0.state.read().counter
    }
}

impl Table {
    /// Checks that bytes are a row of this table and within the limits.
    #[inline]
    pub(crate) fn check_row(&self, limits: &StoreLimits, row: &[u8]) -> Result<(), StoreError> {
        if row.len() > limits.row_bytes {
            return Err(too_large("row", limits.row_bytes, row.len()));
        }
        self.validate(row)?;
        // A column of a key is at most twice as long as in the row, and has an end of two bytes: a short row
        // cannot have a long key.
        let longest = self.shape.widest_key * (row.len() * 2 + 2);
        if longest > limits.key_bytes { self.check_keys(limits, row) } else { Ok(()) }
    }

    fn check_keys(&self, limits: &StoreLimits, row: &[u8]) -> Result<(), StoreError> {
        let keys =
            std::iter::once(&self.shape.primary).chain(self.shape.indexes.iter().map(|index| &index.key));
        for key in keys {
            let size = key.fixed_size().unwrap_or_else(|| {
                with_scratch(|bytes| {
                    key.extract(row, bytes);
                    bytes.len()
                })
            });
            if size > limits.key_bytes {
                return Err(too_large("key", limits.key_bytes, size));
            }
        }
        Ok(())
    }

    /// Checks that bytes are a row of this table.
    #[inline]
    pub(crate) fn validate(&self, row: &[u8]) -> Result<(), StoreError> {
        self.shape
            .layout
            .validate(row)
            .map_err(|source| StoreError::Row { table: self.shape.name.clone(), source })
    }

    /// Refuses to write by a shape that the table has no longer.
    #[inline]
    pub(crate) fn check_newest(&self, state: &State) -> Result<(), StoreError> {
        if state.shape == self.shape.number { Ok(()) } else { Err(self.other_shape()) }
    }

    #[cold]
    pub(crate) fn other_shape(&self) -> StoreError {
        StoreError::OtherShape { table: self.shape.name.clone(), since: self.shape.since }
    }

    #[cold]
    pub(crate) fn no_such_index(&self, index: u32) -> StoreError {
        StoreError::NoSuchIndex { table: self.shape.name.clone(), wanted: "index", index }
    }
}

#[cold]
fn too_large(name: &'static str, limit: usize, found: usize) -> StoreError {
    StoreError::Limit { name, limit: limit as u64, found: found as u64 }
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.state.get_mut().report_nothing(&self.memory);
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TableHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableHandle").field("id", &self.id()).field("name", &self.name()).finish()
    }
}
