//! Entries of an ordered index that more than the newest row of a slot refers to.
//! An entry is either a slot, whose newest bytes hold the key, or one of these, which counts its
//! references and keeps the key itself where the entry's prefix does not hold all of it.
//! Invariant: a key is kept exactly while some version of its slot has it.

use crate::{row::allocation_size, slot::SlotId};

/// What an entry of an index refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// This slot, by one run of versions; where keys are not whole, by the newest.
    Slot(SlotId),
    /// A retired entry.
    Retired(RetiredId),
}

/// The number of a retired entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetiredId(u32);

/// Set in the value of an entry that is retired.
const RETIRED: u32 = 1 << 31;

/// An entry of its own.
pub(crate) struct RetiredEntry {
    pub(crate) slot: SlotId,
    /// How many runs of consecutive versions of the slot have this key.
    pub(crate) references: u32,
    /// The whole key, or nothing where the prefix is the whole key.
    pub(crate) key: Box<[u8]>,
}

/// All retired entries of an index.
#[derive(Default)]
pub(crate) struct Retired {
    entries: Vec<Option<RetiredEntry>>,
    free: Vec<RetiredId>,
    key_bytes: u64,
}

impl Reference {
    #[inline]
    pub(crate) fn from_value(value: u32) -> Self {
        if value & RETIRED == 0 {
            Self::Slot(SlotId(value))
        } else {
            Self::Retired(RetiredId(value & !RETIRED))
        }
    }

    #[inline]
    pub(crate) fn to_value(self) -> u32 {
        match self {
            Self::Slot(slot) => slot.0,
            Self::Retired(id) => id.0 | RETIRED,
        }
    }
}

impl Retired {
    pub(crate) fn add(&mut self, entry: RetiredEntry) -> Reference {
        self.key_bytes += allocation_size(entry.key.len());
        let id = self.free.pop().unwrap_or(RetiredId(self.entries.len() as u32));
        match self.entries.get_mut(id.0 as usize) {
            Some(place) => *place = Some(entry),
            None => self.entries.push(Some(entry)),
        }
        Reference::Retired(id)
    }

    #[inline]
    pub(crate) fn get(&self, id: RetiredId) -> &RetiredEntry {
        self.entries[id.0 as usize].as_ref().expect("an entry refers to what is retired")
    }

    pub(crate) fn get_mut(&mut self, id: RetiredId) -> &mut RetiredEntry {
        self.entries[id.0 as usize].as_mut().expect("an entry refers to what is retired")
    }

    pub(crate) fn remove(&mut self, id: RetiredId) -> RetiredEntry {
        let entry = self.entries[id.0 as usize].take().expect("an entry refers to what is retired");
        self.key_bytes -= allocation_size(entry.key.len());
        if self.free.len() + 1 == self.entries.len() {
            // Nothing is retired any more: give the memory of a busy time back.
            self.entries = Vec::new();
            self.free = Vec::new();
        } else {
            self.free.push(id);
        }
        entry
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// The bytes that are allocated.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        let entries = self.entries.capacity() * size_of::<Option<RetiredEntry>>();
        self.key_bytes + (entries + self.free.capacity() * size_of::<RetiredId>()) as u64
    }
}
