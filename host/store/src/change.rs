//! The changes of single rows: insert, update, upsert, delete; taking one back; letting history go.
//! Each is complete or not done at all, checks every constraint first, and looks at nothing but the table.
//! Invariant: after each change, every run of versions holds its references in all indexes, and the undo
//! buffer leads back to where it was before.

use crate::{
    StoreError, Version,
    auto_increment::Asked,
    definition::Shape,
    error::Violation,
    ordered::Visit,
    row::Row,
    scratch::with_scratch,
    slot::SlotId,
    state::State,
    undo::{Before, IndexSet, UndoId},
};

/// Whether a change can be taken back and old versions of the row can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// They can.
    Undo,
    /// They cannot: for a replay before anybody reads.
    Nothing,
}

/// Who makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A transaction: every constraint holds after each operation, and undo is recorded.
    Transaction,
    /// A replay of net changes: unique values may move between rows, so that their constraint holds only
    /// once all changes of a version are made.
    Replay(Recording),
}

impl Origin {
    #[inline]
    fn records(self) -> bool {
        self != Self::Replay(Recording::Nothing)
    }
}

impl State {
    /// Adds a row and returns its auto-increment number, or 0 if the table has none.
    #[inline]
    pub(crate) fn insert(&mut self, shape: &Shape, row: &[u8], origin: Origin) -> Result<u64, StoreError> {
        self.insert_row(shape, Row::new(row, shape.tag), origin)
    }

    fn insert_row(&mut self, shape: &Shape, mut row: Row, origin: Origin) -> Result<u64, StoreError> {
        let mut number = 0;
        if let Some(counting) = shape.auto_increment {
            let asked = counting.read(&shape.layout, &row);
            number = asked.returned();
            // A replayed row is what the transaction has left, and that may be 0: an update can put it there.
            if asked == Asked::Next && origin == Origin::Transaction {
                if self.counter >= counting.largest() {
                    return Err(Violation::CounterOverflow.into());
                }
                number = self.counter + 1;
                counting.write(&shape.layout, &mut row, number);
            }
        }
        let (hash, found) =
            self.exact.with_key_of_new_row(&row, |key| (key.hash(), self.exact.find(&self.slots, key)));
        if found.is_some_and(|slot| self.slots.get(slot).is_live()) {
            return Err(Violation::DuplicateKey.into());
        }
        if found.is_none() {
            self.check_room()?;
        }
        for (index, definition) in shape.indexes.iter().enumerate() {
            if definition.unique {
                self.check_unique(shape, index, &row, found, origin)?;
            }
        }
        self.raise_counter(shape, &row);
        self.live_rows += 1;
        if let Some(slot) = found {
            let changed = self.changed_keys(shape, slot, &row);
            let old = self.exchange(slot, row, changed);
            self.slots.get_mut(slot).set_live(true);
            self.record(slot, Before::Dead(old), changed);
            return Ok(number);
        }
        self.row_bytes += row.allocated_bytes();
        let slot = self.slots.add(row);
        let row = self.slots.get(slot).row();
        self.exact.insert(slot, hash);
        self.primary.insert(&self.slots, slot, row);
        for index in &mut self.indexes {
            index.insert(&self.slots, slot, row);
        }
        if origin.records() {
            self.record(slot, Before::Nothing, IndexSet::default());
        }
        Ok(number)
    }

    /// Puts a row in place of the one with the same primary key.
    pub(crate) fn update(&mut self, shape: &Shape, row: &[u8], origin: Origin) -> Result<(), Violation> {
        let found = self.exact.with_key_of_new_row(row, |key| self.exact.find(&self.slots, key));
        let slot = found.filter(|slot| self.slots.get(*slot).is_live()).ok_or(Violation::NoSuchRow)?;
        self.update_slot(shape, slot, Row::new(row, shape.tag), origin)
    }

    /// Inserts a row, or updates the one with the same primary key, which keeps its auto-increment number
    /// if the new one has 0 there.
    pub(crate) fn upsert(&mut self, shape: &Shape, row: &[u8]) -> Result<u64, StoreError> {
        let mut row = Row::new(row, shape.tag);
        let found = self.exact.with_key_of_new_row(&row, |key| self.exact.find(&self.slots, key));
        let Some(slot) = found.filter(|slot| self.slots.get(*slot).is_live()) else {
            return self.insert_row(shape, row, Origin::Transaction);
        };
        let mut number = 0;
        if let Some(counting) = shape.auto_increment {
            let asked = counting.read(&shape.layout, &row);
            number = asked.returned();
            if asked == Asked::Next {
                let old = self.slots.get(slot).row();
                number = shape.view(old, |old| counting.read(&shape.layout, old)).returned();
                counting.write(&shape.layout, &mut row, number);
            }
        }
        self.update_slot(shape, slot, row, Origin::Transaction)?;
        Ok(number)
    }

    fn update_slot(
        &mut self,
        shape: &Shape,
        slot: SlotId,
        row: Row,
        origin: Origin,
    ) -> Result<(), Violation> {
        if shape.view(self.slots.get(slot).row(), |old| old == &*row) {
            return Ok(());
        }
        let changed = self.changed_keys(shape, slot, &row);
        for (index, definition) in shape.indexes.iter().enumerate() {
            if definition.unique && changed.contains(definition.place) {
                self.check_unique(shape, index, &row, Some(slot), origin)?;
            }
        }
        self.raise_counter(shape, &row);
        if origin.records() {
            let old = self.exchange(slot, row, changed);
            self.record(slot, Before::Live(old), changed);
            return Ok(());
        }
        let old = self.slots.get(slot).row();
        changed.iter().for_each(|index| self.indexes[index].withdraw(&self.slots, slot, old));
        self.put(slot, row);
        let new = self.slots.get(slot).row();
        changed.iter().for_each(|index| self.indexes[index].insert(&self.slots, slot, new));
        Ok(())
    }

    /// Deletes the live row of a slot. Its bytes stay for those who read older versions.
    pub(crate) fn delete(&mut self, slot: SlotId, origin: Origin) {
        self.live_rows -= 1;
        if origin.records() {
            self.slots.get_mut(slot).set_live(false);
            self.record(slot, Before::Lived, IndexSet::default());
        } else {
            self.remove(slot);
        }
    }

    /// Takes back the newest changes down to a mark, at most `most` of them; returns whether some are left.
    pub(crate) fn roll_back(&mut self, mark: UndoId, most: usize) -> bool {
        for _ in 0..most {
            if self.undo.end() <= mark {
                return false;
            }
            self.take_back();
        }
        self.undo.end() > mark
    }

    fn take_back(&mut self) {
        let entry = self.undo.pop_newest().expect("the caller has looked whether there is an entry");
        let (slot, previous, changed) = (entry.slot, entry.previous, entry.changed());
        let (row, live) = match entry.into_before() {
            Before::Nothing => {
                self.live_rows -= 1;
                return self.remove(slot);
            }
            Before::Lived => {
                self.live_rows += 1;
                (None, true)
            }
            Before::Dead(row) => {
                self.live_rows -= 1;
                (Some(row), false)
            }
            Before::Live(row) => (Some(row), true),
        };
        if let Some(row) = row {
            let new = self.slots.get(slot).row();
            changed.iter().for_each(|index| self.indexes[index].withdraw(&self.slots, slot, new));
            self.put(slot, row);
            let old = self.slots.get(slot).row();
            changed.iter().for_each(|index| self.indexes[index].revive(&self.slots, slot, old));
        }
        let place = self.slots.get_mut(slot);
        place.set_live(live);
        place.set_newest(previous);
        if !live && previous < self.undo.base() {
            // The deletion was purged while the row was there again: nobody needs the bytes any more.
            self.remove(slot);
        }
    }

    /// Lets the oldest history go, up to a version and at most `most` entries; returns how many went.
    pub(crate) fn purge(&mut self, horizon: Version, most: usize) -> usize {
        self.forget_shapes(horizon);
        for purged in 0..most {
            let Some((id, entry)) = self.undo.pop_oldest(horizon) else { return purged };
            if let Some(row) = entry.row() {
                let changed = entry.changed();
                changed
                    .iter()
                    .for_each(|index| self.indexes[index].release(&self.slots, entry.slot, row, id));
            }
            // Every other change left the row alive, and its slot, long out of the cache, need not be looked at.
            if entry.is_deletion() && self.slots.get(entry.slot).newest() == id {
                self.remove(entry.slot);
            }
        }
        most
    }

    /// Refuses a row whose key in a unique index another live row has, or notes that this must be looked at
    /// again.
    fn check_unique(
        &mut self,
        shape: &Shape,
        position: usize,
        row: &Row,
        own: Option<SlotId>,
        origin: Origin,
    ) -> Result<(), Violation> {
        let number = position as u32 + 1;
        let definition = &shape.indexes[position];
        with_scratch(|key| {
            definition.key.extract(row, key);
            let index = &self.indexes[definition.place];
            let mut conflict = false;
            self.walk_equal(index, key, |found| {
                conflict = Some(found.slot) != own && self.visible_as(index, found, UndoId::NOW).is_some();
                if conflict { Visit::StopBefore } else { Visit::Next }
            });
            if !conflict {
                return Ok(());
            }
            if origin == Origin::Transaction {
                return Err(Violation::DuplicateUnique(number));
            }
            self.unsettled.push((definition.place, number, key.as_slice().into()));
            Ok(())
        })
    }

    /// Refuses what a replay has left in a unique index, now that all changes of a version are made.
    pub(crate) fn settle(&mut self) -> Result<(), Violation> {
        for (place, number, key) in std::mem::take(&mut self.unsettled) {
            let index = &self.indexes[place];
            let mut rows = 0;
            self.walk_equal(index, &key, |found| {
                rows += usize::from(self.visible_as(index, found, UndoId::NOW).is_some());
                Visit::Next
            });
            if rows > 1 {
                return Err(Violation::DuplicateUnique(number));
            }
        }
        Ok(())
    }

    /// The indexes in which the slot's bytes and this row have different keys.
    #[inline]
    fn changed_keys(&self, shape: &Shape, slot: SlotId, row: &Row) -> IndexSet {
        let mut changed = IndexSet::default();
        let old = self.slots.get(slot).row();
        for definition in &shape.indexes {
            let index = &self.indexes[definition.place];
            if !index.same_key(&shape.layout, &definition.columns, old, row) {
                changed.add(definition.place);
            }
        }
        for hidden in &self.hidden {
            if !self.indexes[hidden.place].keys.same_across(old, row) {
                changed.add(hidden.place);
            }
        }
        changed
    }

    /// Puts a row with the same primary key into a slot, moves the references of the changed keys, and
    /// returns what was there.
    #[inline]
    fn exchange(&mut self, slot: SlotId, row: Row, changed: IndexSet) -> Row {
        let old = self.slots.get(slot).row();
        changed.iter().for_each(|index| self.indexes[index].retire(&self.slots, slot, old));
        let old = self.put(slot, row);
        let new = self.slots.get(slot).row();
        changed.iter().for_each(|index| self.indexes[index].insert(&self.slots, slot, new));
        old
    }

    #[inline]
    fn put(&mut self, slot: SlotId, row: Row) -> Row {
        self.row_bytes += row.allocated_bytes();
        let old = self.slots.get_mut(slot).replace(row);
        self.row_bytes -= old.allocated_bytes();
        old
    }

    #[inline]
    fn record(&mut self, slot: SlotId, before: Before, changed: IndexSet) {
        let place = self.slots.get_mut(slot);
        let id = self.undo.push(slot, place.newest(), before, changed);
        place.set_newest(id);
    }

    /// Takes a slot out of all indexes and frees it. No older version of it may be left.
    fn remove(&mut self, slot: SlotId) {
        let row = self.slots.get(slot).row();
        self.exact.remove(slot, row);
        self.primary.withdraw(&self.slots, slot, row);
        for index in &mut self.indexes {
            index.withdraw(&self.slots, slot, row);
        }
        let row = self.slots.remove(slot);
        self.row_bytes -= row.allocated_bytes();
    }

    #[inline]
    fn raise_counter(&mut self, shape: &Shape, row: &[u8]) {
        if let Some(counting) = shape.auto_increment
            && let Asked::Number(number) = counting.read(&shape.layout, row)
        {
            self.counter = self.counter.max(number);
        }
    }
}
