//! The entries of an index whose keys fit in a number: nothing but the tree is ever looked at.
//! A second reference to an entry is counted aside, since it takes a row whose key changes and changes
//! back before its history is purged.
//! Invariant: an entry has one reference more than are counted aside.

use super::walk::{Edge, Found, Place, Range, Take, Visit, Visitor, Walked, walk};
use crate::{
    slot::SlotId,
    tree::{Filling, Prefix, Tree, Whole},
};
use interstice_codec::key;
use std::collections::BTreeMap;

/// Entries whose prefix is the whole key.
pub(super) struct WholeIndex<K> {
    tree: Tree<K>,
    /// References beyond the first, by entry.
    further: BTreeMap<K, u32>,
    /// The bytes of every key.
    key_bytes: usize,
}

/// Every value is a slot.
struct Taking<T>(T);

impl<K: Prefix, T: Take> Visitor<K> for Taking<T> {
    #[inline]
    fn announce(&mut self, value: u32) {
        self.0.announce(SlotId(value));
    }

    #[inline]
    fn foresee(&mut self, value: u32) {
        self.0.foresee(SlotId(value));
    }

    #[inline]
    fn visit(&mut self, key: K, value: u32) -> Visit {
        self.0.take(Found { slot: SlotId(value), prefix: key.to_wide(), value })
    }
}

impl<K: Prefix> WholeIndex<K> {
    pub(super) fn new(key_bytes: usize) -> Self {
        Self { tree: Tree::new(), further: BTreeMap::new(), key_bytes }
    }

    #[cfg(test)]
    pub(super) fn tree(&self) -> &Tree<K> {
        &self.tree
    }

    #[inline]
    pub(super) fn append(&mut self, prefix: u128, slot: SlotId, filling: Filling) {
        self.tree.append(K::from_wide(prefix), slot.0, filling);
    }

    #[inline]
    pub(super) fn insert(&mut self, prefix: u128, slot: SlotId) {
        let key = K::from_wide(prefix);
        if let Err(found) = self.tree.insert(key, slot.0, &Whole) {
            assert_eq!(found, slot.0, "keys end with the primary key, which is this slot's alone");
            *self.further.entry(key).or_default() += 1;
        }
    }

    pub(super) fn release(&mut self, prefix: u128, slot: SlotId) {
        let key = K::from_wide(prefix);
        if !self.further.is_empty()
            && let Some(count) = self.further.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                self.further.remove(&key);
            }
            return;
        }
        let removed = self.tree.remove(key, &Whole);
        assert_eq!(removed, Some(slot.0), "an entry is there while it is referred to");
    }

    #[inline]
    pub(super) fn walk(&self, range: &Range<'_>, place: &mut Place, take: impl Take) -> Walked {
        let (low, high) = (self.edge(range.low), range.high.map(|high| self.edge(high)));
        let Some(low) = low else { return Walked::ToTheEnd };
        let resume = place.last.as_ref().map(|last| Edge { key: K::from_wide(last.prefix), order: Whole });
        let last =
            walk(&self.tree, [Some(low), high.flatten()], range.descending, resume, place, Taking(take));
        place.stop(last.1.map(|(key, _)| key.to_wide()));
        last.0
    }

    /// The place before all keys that are not smaller than these bytes, or nothing if all are smaller.
    fn edge(&self, bytes: &[u8]) -> Option<Edge<K, Whole>> {
        let mut key = K::from_wide(key::prefix(bytes));
        if bytes.len() > self.key_bytes {
            // Longer than every key: keys that begin alike are smaller.
            let kept = bytes.get(..self.key_bytes)?;
            key = K::from_wide(key::prefix(kept)).next()?;
        }
        Some(Edge { key, order: Whole })
    }

    pub(super) fn allocated_bytes(&self) -> u64 {
        (self.tree.allocated_bytes() + self.further.len() * 2 * size_of::<(K, u32)>()) as u64
    }
}

#[cfg(test)]
impl<K: Prefix> WholeIndex<K> {
    /// The references to each entry, by slot and key; panics where the tree is not whole.
    pub(super) fn check(&self) -> BTreeMap<(u32, Vec<u8>), u32> {
        self.tree.check(&|_, _| std::cmp::Ordering::Equal);
        let references = |key| self.further.get(&key).map_or(1, |further| further + 1);
        let bytes = |key: K| key.to_wide().to_be_bytes()[..self.key_bytes].to_vec();
        let entries: BTreeMap<_, _> =
            self.tree.iter().map(|(key, slot)| ((slot, bytes(key)), references(key))).collect();
        assert_eq!(entries.len(), self.tree.len());
        assert!(self.further.keys().all(|key| self.tree.get(*key, &Whole).is_some()));
        entries
    }

    pub(super) fn special(&self) -> usize {
        self.further.len()
    }
}
