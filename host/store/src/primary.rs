//! The exact primary index: from a primary key to its slot, through hash tables.
//! Keys are not copied: an entry is a slot and 32 bits of its key's hash, and the row says the rest. The
//! hash is keyed by the caller's secret, so that nobody outside can choose keys that collide.
//! Invariant: each slot that holds bytes, dead or alive, has exactly one entry.

use crate::{
    keys::RowKeys,
    row::Row,
    scratch::with_scratch,
    slot::{SlotId, Slots},
};
use foldhash::{SharedSeed, quality::FoldHasher};
use hashbrown::{HashTable, hash_table};
use interstice_codec::key;
use std::{hash::Hasher, sync::Arc};

/// The index is split by the upper bits of the hash, so that growing never moves all entries at once.
const SHARD_BITS: u32 = 5;

/// A primary key, as a number with its leading bytes, and as all its bytes where the number is not enough.
#[derive(Clone, Copy)]
pub(crate) struct PrimaryKey<'a> {
    prefix: u128,
    bytes: &'a [u8],
    hash: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    slot: SlotId,
    hash: u32,
}

/// The index.
pub(crate) struct PrimaryIndex {
    shards: Box<[HashTable<Entry>]>,
    pub(crate) keys: RowKeys,
    /// The size of every key, if it is one and the prefix holds it.
    whole: Option<usize>,
    secret: u64,
    shared: Arc<SharedSeed>,
}

impl PrimaryIndex {
    pub(crate) fn new(keys: RowKeys, secret: u64, shared: Arc<SharedSeed>) -> Self {
        let shards = (0..1 << SHARD_BITS).map(|_| HashTable::new()).collect();
        let whole = keys.newest().fixed_size().filter(|size| *size <= 16);
        Self { shards, keys, whole, secret, shared }
    }

    /// Whether a key of this table is told from all others by its prefix.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// A key that came as bytes, or nothing if no row can have it.
    #[inline]
    pub(crate) fn key_of_bytes<'a>(&self, bytes: &'a [u8]) -> Option<PrimaryKey<'a>> {
        if self.whole.is_some_and(|size| size != bytes.len()) {
            return None;
        }
        let prefix = key::prefix(bytes);
        Some(PrimaryKey { prefix, bytes, hash: self.hash(prefix, bytes) })
    }

    /// Calls `user` with the key of a row.
    #[inline]
    pub(crate) fn with_key_of_row<T>(&self, row: &Row, user: impl FnOnce(PrimaryKey<'_>) -> T) -> T {
        let prefix = self.prefix(row);
        if self.is_whole() {
            return user(PrimaryKey { prefix, bytes: &[], hash: self.hash(prefix, &[]) });
        }
        with_scratch(|bytes| {
            self.keys.extract(row, bytes);
            user(PrimaryKey { prefix, bytes, hash: self.hash(prefix, bytes) })
        })
    }

    #[inline]
    fn prefix(&self, row: &Row) -> u128 {
        self.keys.prefix(row).expect("a row of any layout has a primary key")
    }

    #[inline]
    fn hash(&self, prefix: u128, bytes: &[u8]) -> u32 {
        let mut hasher = FoldHasher::with_seed(self.secret, &self.shared);
        match self.whole {
            Some(0..=8) => hasher.write_u64((prefix >> 64) as u64),
            Some(_) => hasher.write_u128(prefix),
            None => hasher.write(bytes),
        }
        (hasher.finish() >> 32) as u32
    }

    /// The slot that holds this key.
    #[inline]
    pub(crate) fn find(&self, slots: &Slots, key: PrimaryKey<'_>) -> Option<SlotId> {
        let equal = |entry: &Entry| entry.hash == key.hash && self.holds(slots, entry.slot, key);
        self.shards[shard(key.hash)].find(spread(key.hash), equal).map(|entry| entry.slot)
    }

    #[inline]
    fn holds(&self, slots: &Slots, slot: SlotId, key: PrimaryKey<'_>) -> bool {
        let row = slots.get(slot).row();
        self.prefix(row) == key.prefix
            && (self.is_whole()
                || with_scratch(|bytes| {
                    self.keys.extract(row, bytes);
                    bytes.as_slice() == key.bytes
                }))
    }

    /// Adds a slot whose key no other slot holds.
    #[inline]
    pub(crate) fn insert(&mut self, slot: SlotId, hash: KeyHash) {
        let KeyHash(hash) = hash;
        self.shards[shard(hash)]
            .insert_unique(spread(hash), Entry { slot, hash }, |entry| spread(entry.hash));
    }

    /// Adds the slots from 0 on, given the hashes of their keys, to an index without entries. Every shard is
    /// sized once, and filled while it is in the cache.
    pub(crate) fn fill(&mut self, hashes: &[KeyHash]) {
        assert!(self.shards.iter().all(HashTable::is_empty), "an index is filled before anything is in it");
        let mut counts = [0; 1 << SHARD_BITS];
        hashes.iter().for_each(|KeyHash(hash)| counts[shard(*hash)] += 1);
        let mut parts = counts.map(Vec::with_capacity);
        for (slot, KeyHash(hash)) in (0..).zip(hashes) {
            parts[shard(*hash)].push(Entry { slot: SlotId(slot), hash: *hash });
        }
        for (shard, part) in self.shards.iter_mut().zip(parts) {
            shard.reserve(part.len(), |entry| spread(entry.hash));
            for entry in part {
                shard.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
            }
        }
    }

    /// An index without entries for the same table.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.keys.clone(), self.secret, Arc::clone(&self.shared))
    }

    /// Takes a slot out that holds this row.
    pub(crate) fn remove(&mut self, slot: SlotId, row: &Row) {
        let hash = self.with_key_of_row(row, |key| key.hash);
        let entry = self.shards[shard(hash)].find_entry(spread(hash), |entry| entry.slot == slot);
        let _ = entry.map(hash_table::OccupiedEntry::remove).map_err(|_| unreachable_entry(slot));
    }

    /// How many slots are in it.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    /// The bytes that are allocated.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.allocation_size() + size_of::<HashTable<Entry>>()).sum()
    }
}

/// The hash of a key, to be used after the key is gone.
#[derive(Clone, Copy)]
pub(crate) struct KeyHash(u32);

impl<'a> PrimaryKey<'a> {
    /// Its first bytes as a number.
    #[inline]
    pub(crate) fn prefix(&self) -> u128 {
        self.prefix
    }

    /// All its bytes, or none if the prefix tells it from all others.
    #[inline]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash(self.hash)
    }
}

#[cold]
fn unreachable_entry(slot: SlotId) {
    panic!("slot {} holds bytes and has no entry in the primary index", slot.0);
}

#[inline]
fn shard(hash: u32) -> usize {
    (hash >> (32 - SHARD_BITS)) as usize
}

/// A table takes its bucket from the lower bits and a tag from the upper ones: the product brings all
/// bits of the hash into the tag, and leaves the lower ones as good as they were.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
