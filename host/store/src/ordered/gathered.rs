//! The entries of an ordered index that is built at once: gathered in the order of the rows, then sorted.
//! Prefixes decide nearly always; only rows whose prefixes are equal are looked at again, a run at a time and
//! each once.
//! Invariant: the index is the one that single inserts make, but for how full its leaves are.

use super::{Entries, OrderedIndex};
use crate::{
    keys::RowKeys,
    row::Row,
    scratch::with_scratch,
    slot::{SlotId, Slots},
    tree::Filling,
};
use interstice_codec::key::KeyLayout;

/// The entries that an index will have.
pub(crate) struct Gathered {
    entries: GatheredEntries,
    /// The columns of which no two rows may have the same values, if the index is unique.
    unique: Option<KeyLayout>,
}

/// The entries, by how much of a prefix can differ.
enum GatheredEntries {
    Narrow(Vec<Entry<u64>>),
    Wide(Vec<Entry<u128>>),
}

/// An entry. Of equal prefixes the order of the slots is that of the primary keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<K> {
    prefix: K,
    slot: u32,
    /// How many bytes of the key are those of the unique columns; 0 if the index is not unique.
    unique_bytes: u32,
}

/// Two rows have the same values in the columns of a unique index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate;

impl Gathered {
    /// Of no rows yet.
    pub(crate) fn new(index: &OrderedIndex, unique: Option<KeyLayout>) -> Self {
        let entries = match index.entries {
            Entries::Narrow(_) => GatheredEntries::Narrow(Vec::new()),
            Entries::Wide(_) | Entries::Partial(_) => GatheredEntries::Wide(Vec::new()),
        };
        Self { entries, unique }
    }

    /// Adds the entry of a row.
    #[inline]
    pub(crate) fn add(&mut self, index: &OrderedIndex, slot: SlotId, row: &Row) {
        let prefix = index.keys.prefix(row).expect("what is gathered has keys");
        let unique_bytes = self.unique.as_ref().map_or(0, |key| key_bytes(key, row));
        match &mut self.entries {
            GatheredEntries::Narrow(entries) => {
                entries.push(Entry { prefix: (prefix >> 64) as u64, slot: slot.0, unique_bytes });
            }
            GatheredEntries::Wide(entries) => entries.push(Entry { prefix, slot: slot.0, unique_bytes }),
        }
    }

    /// Puts everything into the index, which has no entries yet. The slots hold the rows.
    pub(crate) fn build(self, index: &mut OrderedIndex, slots: &Slots) -> Result<(), Duplicate> {
        match self.entries {
            GatheredEntries::Narrow(entries) => build(entries, |key| u128::from(key) << 64, index, slots),
            GatheredEntries::Wide(entries) => build(entries, |key| key, index, slots),
        }
    }
}

fn key_bytes(key: &KeyLayout, row: &[u8]) -> u32 {
    let bytes = key.fixed_size().unwrap_or_else(|| {
        with_scratch(|bytes| {
            key.extract(row, bytes);
            bytes.len()
        })
    });
    u32::try_from(bytes).expect("no limit lets a row have 4 GiB")
}

fn build<K: Copy + Ord>(
    mut entries: Vec<Entry<K>>,
    wide: impl Fn(K) -> u128,
    index: &mut OrderedIndex,
    slots: &Slots,
) -> Result<(), Duplicate> {
    // Keys that ascend with the primary key will most likely go on so.
    let mut filling = Filling::Full;
    if !entries.is_sorted() {
        filling = Filling::WithRoom;
        entries.sort_unstable();
    }
    let mut tied = Tied::default();
    for run in entries.chunk_by_mut(|left, right| left.prefix == right.prefix) {
        if run.len() > 1 {
            tied.sort(run, &index.keys, slots)?;
        }
    }
    if entries.array_windows().any(|[left, right]| {
        // Equal prefixes were dealt with above, so some bit differs.
        let common = (wide(left.prefix) ^ wide(right.prefix)).leading_zeros() / 8;
        left.prefix != right.prefix && (1..=common).contains(&left.unique_bytes)
    }) {
        return Err(Duplicate);
    }
    entries.iter().for_each(|entry| index.append(wide(entry.prefix), SlotId(entry.slot), filling));
    Ok(())
}

/// Room for the whole keys of entries with equal prefixes, so that each row is looked at once.
#[derive(Default)]
struct Tied {
    bytes: Vec<u8>,
    /// Where each key ends among the bytes, beside its entry's slot and how much of it is unique.
    keys: Vec<TiedKey>,
}

#[derive(Clone, Copy)]
struct TiedKey {
    start: usize,
    end: usize,
    slot: u32,
    unique_bytes: u32,
}

impl Tied {
    fn sort<K: Copy>(
        &mut self,
        run: &mut [Entry<K>],
        keys_of: &RowKeys,
        slots: &Slots,
    ) -> Result<(), Duplicate> {
        let Self { bytes, keys } = self;
        bytes.clear();
        keys.clear();
        for Entry { slot, unique_bytes, .. } in run.iter().copied() {
            let start = bytes.len();
            keys_of.extract(slots.get(SlotId(slot)).row(), bytes);
            keys.push(TiedKey { start, end: bytes.len(), slot, unique_bytes });
        }
        let whole = |key: &TiedKey| &bytes[key.start..key.end];
        keys.sort_unstable_by(|left, right| whole(left).cmp(whole(right)));
        for [left, right] in keys.array_windows() {
            assert!(
                whole(left) < whole(right),
                "keys end with the primary key, of which each row has its own"
            );
            let unique = &whole(left)[..left.unique_bytes as usize];
            // No key of some columns begins with another, so what begins alike is the same.
            if !unique.is_empty() && whole(right).starts_with(unique) {
                return Err(Duplicate);
            }
        }
        for (entry, key) in run.iter_mut().zip(&*keys) {
            (entry.slot, entry.unique_bytes) = (key.slot, key.unique_bytes);
        }
        Ok(())
    }
}
