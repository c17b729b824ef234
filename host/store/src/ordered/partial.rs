//! The entries of an index whose keys do not fit in a number: ties are broken by the keys in the rows.
//! An entry is either *plain*, a slot whose newest bytes hold the key, or *retired*: then it counts its
//! references and keeps the key itself, since the slot may hold other bytes.
//! Rows of layouts that have no key here have no entry.
//! Invariant: a plain entry has exactly one reference, from the newest run of its slot.

use super::{
    retired::{Reference, Retired, RetiredEntry},
    walk::{Edge, Found, Place, Range, Take, Visit, Visitor, Walked, walk},
};
use crate::{
    keys::RowKeys,
    row::Row,
    scratch::with_scratch,
    slot::{SlotId, Slots},
    tree::{Filling, Order, Tree},
};
use interstice_codec::key;
use std::cmp::Ordering;

/// Entries whose prefix is the first 16 bytes of the key.
pub(super) struct PartialIndex {
    tree: Tree<u128>,
    retired: Retired,
}

/// The bytes that a prefix holds.
const PREFIX_BYTES: usize = 16;

/// Compares entries of equal prefixes by their whole keys.
struct ByKey<'a> {
    slots: &'a Slots,
    retired: &'a Retired,
    keys: &'a RowKeys,
    target: &'a [u8],
    /// The target is a whole key within its prefix. No key begins with another, so what ties is equal.
    fits: bool,
}

impl<'a> ByKey<'a> {
    #[inline]
    fn whole(slots: &'a Slots, retired: &'a Retired, keys: &'a RowKeys, target: &'a [u8]) -> Self {
        Self { slots, retired, keys, target, fits: target.len() <= PREFIX_BYTES }
    }
}

impl Order for ByKey<'_> {
    #[inline]
    fn compare(&self, value: u32) -> Ordering {
        if self.fits {
            return Ordering::Equal;
        }
        with_key(self.slots, self.retired, self.keys, value, |key| key.cmp(self.target))
    }
}

fn with_key<T>(
    slots: &Slots,
    retired: &Retired,
    keys: &RowKeys,
    value: u32,
    user: impl FnOnce(&[u8]) -> T,
) -> T {
    match Reference::from_value(value) {
        Reference::Retired(id) => user(&retired.get(id).key),
        Reference::Slot(slot) => with_scratch(|bytes| {
            keys.extract(slots.get(slot).row(), bytes);
            user(bytes)
        }),
    }
}

/// A value is a slot or a retired entry of one.
struct Taking<'a, T> {
    retired: &'a Retired,
    take: T,
}

impl<T> Taking<'_, T> {
    #[inline]
    fn slot(retired: &Retired, value: u32) -> SlotId {
        match Reference::from_value(value) {
            Reference::Slot(slot) => slot,
            Reference::Retired(id) => retired.get(id).slot,
        }
    }
}

impl<T: Take> Visitor<u128> for Taking<'_, T> {
    #[inline]
    fn announce(&mut self, value: u32) {
        self.take.announce(Self::slot(self.retired, value));
    }

    #[inline]
    fn foresee(&mut self, value: u32) {
        self.take.foresee(Self::slot(self.retired, value));
    }

    #[inline]
    fn visit(&mut self, prefix: u128, value: u32) -> Visit {
        self.take.take(Found { slot: Self::slot(self.retired, value), prefix, value })
    }
}

impl PartialIndex {
    pub(super) fn new() -> Self {
        Self { tree: Tree::new(), retired: Retired::default() }
    }

    #[cfg(test)]
    pub(super) fn tree(&self) -> &Tree<u128> {
        &self.tree
    }

    #[inline]
    pub(super) fn append(&mut self, prefix: u128, slot: SlotId, filling: Filling) {
        self.tree.append(prefix, slot.0, filling);
    }

    pub(super) fn insert(&mut self, keys: &RowKeys, slots: &Slots, slot: SlotId, row: &Row) {
        with_scratch(|bytes| {
            if !keys.extract(row, bytes) {
                return;
            }
            let order = ByKey::whole(slots, &self.retired, keys, bytes);
            let Err(found) = self.tree.insert(key::prefix(bytes), slot.0, &order) else { return };
            match Reference::from_value(found) {
                Reference::Retired(id) => self.retired.get_mut(id).references += 1,
                Reference::Slot(other) => panic!("slots {} and {} have the same key", other.0, slot.0),
            }
        });
    }

    pub(super) fn retire(&mut self, keys: &RowKeys, slots: &Slots, slot: SlotId, row: &Row) {
        with_scratch(|bytes| {
            if !keys.extract(row, bytes) {
                return;
            }
            let entry = RetiredEntry { slot, references: 1, key: bytes.as_slice().into() };
            let new = self.retired.add(entry);
            let old = self.set(keys, slots, bytes, new.to_value());
            if let Reference::Retired(_) = Reference::from_value(old) {
                // It was retired before, and what it counts includes the run that ends now.
                self.set(keys, slots, bytes, old);
                self.forget(new);
            }
        });
    }

    pub(super) fn revive(&mut self, keys: &RowKeys, slots: &Slots, slot: SlotId, row: &Row) {
        with_scratch(|bytes| {
            if !keys.extract(row, bytes) {
                return;
            }
            let order = ByKey::whole(slots, &self.retired, keys, bytes);
            let found =
                self.tree.get(key::prefix(bytes), &order).expect("an entry is there while it is referred to");
            self.make_plain(keys, slots, slot, bytes, found);
        });
    }

    pub(super) fn release(&mut self, keys: &RowKeys, slots: &Slots, slot: SlotId, row: &Row) {
        with_scratch(|bytes| {
            if !keys.extract(row, bytes) {
                return;
            }
            let Some(found) = self.take_reference(keys, slots, bytes) else { return };
            if with_key(slots, &self.retired, keys, slot.0, |newest| newest == bytes.as_slice()) {
                self.make_plain(keys, slots, slot, bytes, found);
            }
        });
    }

    pub(super) fn withdraw(&mut self, keys: &RowKeys, slots: &Slots, row: &Row) {
        with_scratch(|bytes| {
            if !keys.extract(row, bytes) {
                return;
            }
            self.take_reference(keys, slots, bytes);
        });
    }

    /// Takes a reference away; returns the value of the entry if others are left.
    fn take_reference(&mut self, keys: &RowKeys, slots: &Slots, key: &[u8]) -> Option<u32> {
        let order = ByKey::whole(slots, &self.retired, keys, key);
        let prefix = key::prefix(key);
        let found = self.tree.remove(prefix, &order).expect("an entry is there while it is referred to");
        let Reference::Retired(id) = Reference::from_value(found) else { return None };
        let entry = self.retired.get_mut(id);
        entry.references -= 1;
        if entry.references == 0 {
            self.retired.remove(id);
            return None;
        }
        // A key that came back is rare enough to put its entry back.
        let order = ByKey::whole(slots, &self.retired, keys, key);
        self.tree.insert(prefix, found, &order).expect("the entry was taken out above");
        Some(found)
    }

    /// Makes an entry plain again if only the newest run of its slot, which has its key, refers to it.
    fn make_plain(&mut self, keys: &RowKeys, slots: &Slots, slot: SlotId, key: &[u8], found: u32) {
        if let Reference::Retired(id) = Reference::from_value(found)
            && self.retired.get(id).references == 1
        {
            self.set(keys, slots, key, slot.0);
            self.retired.remove(id);
        }
    }

    fn set(&mut self, keys: &RowKeys, slots: &Slots, key: &[u8], value: u32) -> u32 {
        let order = ByKey::whole(slots, &self.retired, keys, key);
        let old = self.tree.set_value(key::prefix(key), &order, value);
        old.expect("an entry is there while it is referred to")
    }

    fn forget(&mut self, reference: Reference) {
        if let Reference::Retired(id) = reference {
            self.retired.remove(id);
        }
    }

    #[inline]
    pub(super) fn walk(
        &self,
        keys: &RowKeys,
        slots: &Slots,
        range: &Range<'_>,
        place: &mut Place,
        take: impl Take,
    ) -> Walked {
        let retired = &self.retired;
        let edge = |target, fits| {
            let order = ByKey { slots, retired, keys, target, fits };
            Edge { key: key::prefix(target), order }
        };
        let edges = [Some(edge(range.low, false)), range.high.map(|high| edge(high, false))];
        let before = std::mem::take(&mut place.last_key);
        let resume = place.last.as_ref().map(|_| edge(&before, before.len() <= PREFIX_BYTES));
        let taking = Taking { retired, take };
        let (walked, last) = walk(&self.tree, edges, range.descending, resume, place, taking);
        place.last_key = before;
        place.stop(last.map(|(prefix, _)| prefix));
        if walked == Walked::Stopped
            && let Some((_, value)) = last
        {
            with_key(slots, retired, keys, value, |key| {
                place.last_key.clear();
                place.last_key.extend_from_slice(key);
            });
        }
        walked
    }

    pub(super) fn belongs(&self, keys: &RowKeys, slots: &Slots, found: Found, row: &Row) -> bool {
        with_scratch(|key| {
            keys.extract(row, key);
            with_key(slots, &self.retired, keys, found.value, |entry| entry == key.as_slice())
        })
    }

    pub(super) fn allocated_bytes(&self) -> u64 {
        self.tree.allocated_bytes() as u64 + self.retired.allocated_bytes()
    }
}

#[cfg(test)]
impl PartialIndex {
    /// The references to each entry, by slot and key; panics where the tree is not whole.
    pub(super) fn check(
        &self,
        keys: &RowKeys,
        slots: &Slots,
    ) -> std::collections::BTreeMap<(u32, Vec<u8>), u32> {
        let key = |value| with_key(slots, &self.retired, keys, value, <[u8]>::to_vec);
        self.tree.check(&|left, right| key(left).cmp(&key(right)));
        let mut retired = 0;
        let mut entries = std::collections::BTreeMap::new();
        for (prefix, value) in self.tree.iter() {
            assert_eq!(prefix, key::prefix(&key(value)));
            let (slot, references) = match Reference::from_value(value) {
                Reference::Slot(slot) => (slot, 1),
                Reference::Retired(id) => {
                    retired += 1;
                    (self.retired.get(id).slot, self.retired.get(id).references)
                }
            };
            assert!(entries.insert((slot.0, key(value)), references).is_none());
        }
        assert_eq!(retired, self.retired.len(), "an entry is retired, and yet not in the tree");
        entries
    }

    pub(super) fn special(&self) -> usize {
        self.retired.len()
    }
}
