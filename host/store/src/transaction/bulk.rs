//! Changes of many rows in one operation: insert many, delete a range.
//! They let go of the lock every few hundred rows, so that readers come in between; those see nothing of
//! it, since they read at a version.
//! Invariant: all rows are changed, or none.

use super::{Growth, Transaction};
use crate::{
    KeyRange, StoreError, TableHandle,
    change::Origin,
    limits::ROWS_PER_LOCK,
    ordered::{Place, Range, Visit, Walked},
    undo::UndoId,
};
use interstice_codec::row::Batch;

impl Transaction {
    /// Adds all rows of a batch and returns how many they are. If the table has an auto-increment column,
    /// the number of each is appended to `numbers`, 8 bytes little-endian.
    ///
    /// # Errors
    /// [`StoreError::InBatch`] says which row was refused, and why.
    pub fn insert_many(
        &mut self,
        table: &TableHandle,
        rows: &[u8],
        numbers: &mut Vec<u8>,
    ) -> Result<u32, StoreError> {
        self.store.own(table)?;
        let savepoint = self.savepoint();
        let start = numbers.len();
        let mut batch = Batch::new(rows);
        let mut inserted = 0;
        while !batch.remaining().is_empty() {
            let portion = self.insert_portion(table, &mut batch, &mut inserted, numbers);
            if let Err(source) = portion {
                numbers.truncate(start);
                self.rollback_to(&savepoint).expect("the savepoint was made above");
                return Err(StoreError::InBatch { position: inserted, source: Box::new(source) });
            }
        }
        Ok(inserted)
    }

    fn insert_portion(
        &mut self,
        table: &TableHandle,
        batch: &mut Batch<'_>,
        inserted: &mut u32,
        numbers: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let shape = &table.0.shape;
        let mut state = table.0.state.write();
        table.0.check_newest(&state)?;
        if state.undo.newest_mark().is_none_or(|mark| mark.version != self.version) {
            self.touch(table, &mut state);
        }
        let before = (state.undo.end(), state.undo.used_bytes());
        let mut row_bytes = 0;
        let mut result = Ok(());
        for row in batch.by_ref().take(ROWS_PER_LOCK) {
            let inserting = row
                .map_err(|source| StoreError::Row { table: shape.name.clone(), source })
                .and_then(|row| self.check_row(table, row, Growth::Grows).map(|()| row))
                .and_then(|row| {
                    self.check_size(row_bytes + row.len())?;
                    row_bytes += row.len();
                    state.insert(shape, row, Origin::Transaction)
                });
            match inserting {
                Ok(number) if shape.auto_increment.is_some() => {
                    numbers.extend_from_slice(&number.to_le_bytes())
                }
                Ok(_) => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            *inserted += 1;
        }
        self.height += state.undo.end().0 - before.0.0;
        self.written_bytes += row_bytes as u64 + state.undo.used_bytes() - before.1;
        state.report(&self.store.memory);
        result
    }

    /// Deletes all rows of a range and returns how many they were. The order and the limit of the range
    /// say which rows, if it has a limit.
    pub fn delete_range(&mut self, table: &TableHandle, range: &KeyRange<'_>) -> Result<u64, StoreError> {
        self.store.own(table)?;
        let index = table.0.shape.place(range.index).ok_or_else(|| table.0.no_such_index(range.index))?;
        let savepoint = self.savepoint();
        let limit = if range.limit == 0 { u64::MAX } else { range.limit };
        let mut place = Place::default();
        let mut slots = Vec::with_capacity(ROWS_PER_LOCK);
        let mut deleted = 0;
        loop {
            let most = (limit - deleted).min(ROWS_PER_LOCK as u64) as usize;
            slots.clear();
            let deleting = self.check_size(0).and_then(|()| {
                self.write(table, 0, |state| {
                    let index = state.index(index);
                    let walked_range =
                        Range { low: range.low, high: range.high, descending: range.descending };
                    let walked = index.walk(&state.slots, &walked_range, &mut place, |found| {
                        if slots.len() == most {
                            return Visit::StopBefore;
                        }
                        if state.visible_as(index, found, UndoId::NOW).is_some() {
                            slots.push(found.slot);
                        }
                        Visit::Next
                    });
                    slots.iter().for_each(|slot| state.delete(*slot, Origin::Transaction));
                    Ok(walked)
                })
            });
            match deleting {
                Err(error) => {
                    self.rollback_to(&savepoint).expect("the savepoint was made above");
                    return Err(error);
                }
                Ok(walked) => {
                    deleted += slots.len() as u64;
                    if walked == Walked::ToTheEnd || deleted == limit {
                        return Ok(deleted);
                    }
                }
            }
        }
    }
}
