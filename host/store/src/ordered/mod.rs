//! An ordered index: the keys of rows in their order, ties broken by the primary key.
//! An entry serves every version of a row that has its key; versions with other keys have entries of
//! their own, so that a reader of an old version finds the row where it was then.
//! Invariant: each maximal run of consecutive versions of a slot with the same key, deleted ones included,
//! holds one reference to the entry of that key, and an entry is there while it is referred to.

mod gathered;
mod partial;
mod retired;
mod walk;
mod whole;

pub(crate) use gathered::Gathered;
pub(crate) use walk::{Found, Place, Range, Take, Visit, Walked};

use crate::{
    keys::RowKeys,
    row::Row,
    slot::{SlotId, Slots},
    tree::Filling,
    undo::UndoId,
};
use interstice_codec::row::Layout;
use partial::PartialIndex;
use whole::WholeIndex;

/// An ordered index over some columns, the last of which are those of the primary key.
pub(crate) struct OrderedIndex {
    pub(crate) keys: RowKeys,
    entries: Entries,
    /// Undo entries before this one know nothing of it.
    born: UndoId,
}

/// The entries, by how much of a key a prefix holds.
enum Entries {
    /// Keys of a fixed size up to 8 bytes: all of it.
    Narrow(WholeIndex<u64>),
    /// Keys of a fixed size up to 16 bytes: all of it.
    Wide(WholeIndex<u128>),
    /// All other keys: the first 16 bytes.
    Partial(PartialIndex),
}

impl OrderedIndex {
    /// Without entries.
    pub(crate) fn new(keys: RowKeys, born: UndoId) -> Self {
        let entries = match keys.newest().fixed_size() {
            Some(size @ 0..=8) => Entries::Narrow(WholeIndex::new(size)),
            Some(size @ 9..=16) => Entries::Wide(WholeIndex::new(size)),
            _ => Entries::Partial(PartialIndex::new()),
        };
        Self { keys, entries, born }
    }

    /// Takes everything out, for good: nothing will refer to it.
    pub(crate) fn clear(&mut self) {
        self.keys.end_all();
        *self = Self::new(self.keys.clone(), UndoId::NOW);
    }

    /// An index without entries over the same columns.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.keys.clone(), UndoId::default())
    }

    /// Adds an entry that is after all others, given the prefix of its key.
    #[inline]
    pub(crate) fn append(&mut self, prefix: u128, slot: SlotId, filling: Filling) {
        match &mut self.entries {
            Entries::Narrow(index) => index.append(prefix, slot, filling),
            Entries::Wide(index) => index.append(prefix, slot, filling),
            Entries::Partial(index) => index.append(prefix, slot, filling),
        }
    }

    /// Whether two rows with the same primary key have the same key here, given the columns of the index.
    #[inline]
    pub(crate) fn same_key(&self, layout: &Layout, columns: &[usize], left: &Row, right: &Row) -> bool {
        self.keys.same(layout, columns, left, right, !matches!(self.entries, Entries::Partial(_)))
    }

    /// Adds a reference from the slot, which holds this row now, to the entry of its key.
    #[inline]
    pub(crate) fn insert(&mut self, slots: &Slots, slot: SlotId, row: &Row) {
        match &mut self.entries {
            Entries::Narrow(index) => {
                self.keys.prefix(row).into_iter().for_each(|prefix| index.insert(prefix, slot));
            }
            Entries::Wide(index) => {
                self.keys.prefix(row).into_iter().for_each(|prefix| index.insert(prefix, slot));
            }
            Entries::Partial(index) => index.insert(&self.keys, slots, slot, row),
        }
    }

    /// The slot still holds this row, but is about to hold one with another key: from now on the entry
    /// must not look for its key in the slot.
    #[inline]
    pub(crate) fn retire(&mut self, slots: &Slots, slot: SlotId, row: &Row) {
        if let Entries::Partial(index) = &mut self.entries {
            index.retire(&self.keys, slots, slot, row);
        }
    }

    /// Takes [`retire`](Self::retire) back: the slot holds this row again.
    pub(crate) fn revive(&mut self, slots: &Slots, slot: SlotId, row: &Row) {
        if let Entries::Partial(index) = &mut self.entries {
            index.revive(&self.keys, slots, slot, row);
        }
    }

    /// Takes [`insert`](Self::insert) back: the slot still holds this row, but is about to hold another.
    pub(crate) fn withdraw(&mut self, slots: &Slots, slot: SlotId, row: &Row) {
        match &mut self.entries {
            Entries::Narrow(index) => {
                self.keys.prefix(row).into_iter().for_each(|prefix| index.release(prefix, slot));
            }
            Entries::Wide(index) => {
                self.keys.prefix(row).into_iter().for_each(|prefix| index.release(prefix, slot));
            }
            Entries::Partial(index) => index.withdraw(&self.keys, slots, row),
        }
    }

    /// Takes back the reference of an older run of the slot to the entry of this row's key. The run ended with
    /// this undo entry.
    pub(crate) fn release(&mut self, slots: &Slots, slot: SlotId, row: &Row, ended: UndoId) {
        if ended < self.born {
            return;
        }
        match &mut self.entries {
            Entries::Narrow(index) => {
                self.keys.prefix(row).into_iter().for_each(|prefix| index.release(prefix, slot));
            }
            Entries::Wide(index) => {
                self.keys.prefix(row).into_iter().for_each(|prefix| index.release(prefix, slot));
            }
            Entries::Partial(index) => index.release(&self.keys, slots, slot, row),
        }
    }

    /// Visits the entries of a range from where `place` is, until the visitor stops.
    #[inline]
    pub(crate) fn walk(
        &self,
        slots: &Slots,
        range: &Range<'_>,
        place: &mut Place,
        take: impl Take,
    ) -> Walked {
        match &self.entries {
            Entries::Narrow(index) => index.walk(range, place, take),
            Entries::Wide(index) => index.walk(range, place, take),
            Entries::Partial(index) => index.walk(&self.keys, slots, range, place, take),
        }
    }

    /// Whether this version of the slot belongs to an entry that was found for it.
    pub(crate) fn belongs(&self, slots: &Slots, found: Found, row: &Row) -> bool {
        self.keys.prefix(row) == Some(found.prefix)
            && match &self.entries {
                Entries::Narrow(_) | Entries::Wide(_) => true,
                Entries::Partial(index) => index.belongs(&self.keys, slots, found, row),
            }
    }

    /// The bytes that are allocated.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        match &self.entries {
            Entries::Narrow(index) => index.allocated_bytes(),
            Entries::Wide(index) => index.allocated_bytes(),
            Entries::Partial(index) => index.allocated_bytes(),
        }
    }
}

#[cfg(test)]
impl OrderedIndex {
    /// Whether an undo entry that its key changed with says so.
    pub(crate) fn knows(&self, entry: UndoId) -> bool {
        entry >= self.born
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        match &self.entries {
            Entries::Narrow(index) => index.tree().len(),
            Entries::Wide(index) => index.tree().len(),
            Entries::Partial(index) => index.tree().len(),
        }
    }

    /// The references to each entry, by slot and key; panics where something is not whole.
    pub(crate) fn check(&self, slots: &Slots) -> std::collections::BTreeMap<(u32, Vec<u8>), u32> {
        match &self.entries {
            Entries::Narrow(index) => index.check(),
            Entries::Wide(index) => index.check(),
            Entries::Partial(index) => index.check(&self.keys, slots),
        }
    }

    /// How many entries keep their key themselves, or are counted aside.
    pub(crate) fn special(&self) -> usize {
        match &self.entries {
            Entries::Narrow(index) => index.special(),
            Entries::Wide(index) => index.special(),
            Entries::Partial(index) => index.special(),
        }
    }
}
