//! Walks over everything that a table holds and says where its parts disagree.
//! It computes from the slots and the undo buffers alone what the indexes and the counters must be.
//! Invariant: it panics if any invariant of this crate does not hold, and only then.

use crate::{
    Store, TableHandle,
    keys::RowKeys,
    limits::MEMORY_STEP,
    ordered::OrderedIndex,
    row::{Row, row_allocation_size},
    slot::SlotId,
    state::State,
    undo::{Before, UndoId},
};
use std::collections::BTreeMap;

type References = BTreeMap<(u32, Vec<u8>), u32>;

impl Store {
    /// Checks all tables.
    pub(crate) fn check(&self) {
        let tables = self.tables();
        tables.iter().for_each(TableHandle::check);
        // What a table may not have reported: steps of rows and of undo, and one page of slots, of the
        // hash index and of each tree.
        const PAGE_BYTES: u64 = 84 * 1024;
        let (mut total, mut undo, mut slack) = (0, 0, 0);
        for table in &tables {
            let state = table.0.state.read();
            total += state.memory_bytes();
            undo += state.undo.used_bytes();
            // An undo buffer of entries that are gone keeps its room, at most twice a step of them.
            slack += MEMORY_STEP * 4 + PAGE_BYTES * (3 + state.indexes.len() as u64);
        }
        assert!(total.abs_diff(self.memory_bytes()) <= slack, "{total} against {}", self.memory_bytes());
        let counted = self.0.memory.undo_bytes();
        assert!(undo.abs_diff(counted) <= tables.len() as u64 * MEMORY_STEP, "{undo} against {counted}");
    }
}

impl TableHandle {
    /// Checks this table.
    pub(crate) fn check(&self) {
        self.0.state.read().check();
    }
}

/// The versions of a slot, from the newest to the oldest, and the undo entry that leads to each but the first;
/// a version without a row is the last.
type Versions<'a> = Vec<(Option<&'a Row>, Option<UndoId>)>;

fn key_of(keys: &RowKeys, row: &Row) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    keys.extract(row, &mut key).then_some(key)
}

impl State {
    fn check(&self) {
        self.check_marks();
        let mut expected: Vec<References> = vec![References::new(); self.indexes.len()];
        let (mut live_rows, mut row_bytes, mut entries) = (0, 0, 0);
        for (id, slot) in self.slots.iter() {
            live_rows += u64::from(slot.is_live());
            row_bytes += row_allocation_size(slot.row().len());
            assert!(slot.is_live() || !self.is_quiet(slot), "a dead row stays without history");
            let versions = self.versions(id);
            entries += versions.len() as u64 - 1;
            for (place, (index, references)) in self.indexes.iter().zip(&mut expected).enumerate() {
                let runs = self.runs(place, index, &versions);
                runs.into_iter().for_each(|key| *references.entry((id.0, key)).or_default() += 1);
            }
            let found = self.exact.with_key_of_row(slot.row(), |key| self.exact.find(&self.slots, key));
            assert_eq!(found, Some(id));
        }
        assert_eq!(self.live_rows, live_rows);
        assert_eq!(self.row_bytes, row_bytes);
        assert_eq!(self.exact.len(), self.slots.used());
        // A row that is new and gone again within the history has entries, and they end its chain.
        assert_eq!(entries, self.undo.end().0 - self.undo.base().0);
        for (place, (index, expected)) in self.indexes.iter().zip(&expected).enumerate() {
            assert_eq!(&index.check(&self.slots), expected, "index {place}");
            assert_eq!(index.len(), expected.len());
            assert!(!self.undo.is_empty() || index.special() == 0, "history is gone and left something");
            assert!(index.len() == 0 || !index.keys.is_over(), "an index without keys has entries");
        }
        self.check_primary();
    }

    fn check_primary(&self) {
        let references = self.primary.check(&self.slots);
        assert_eq!(references.len(), self.slots.used());
        for ((slot, key), count) in references {
            let expected = key_of(&self.exact.keys, self.slots.get(SlotId(slot)).row());
            assert_eq!((Some(key), count), (expected, 1));
        }
    }

    fn check_marks(&self) {
        let marks: Vec<_> = self.undo.marks().collect();
        for pair in marks.windows(2) {
            assert!(pair[0].version < pair[1].version && pair[0].first <= pair[1].first);
        }
        if let Some(first) = marks.first() {
            assert!(first.first <= self.undo.base(), "entries without a mark");
        }
        let bytes: u64 = self
            .undo
            .since(self.undo.base())
            .filter_map(|(_, entry)| entry.row())
            .map(|row| row_allocation_size(row.len()))
            .sum();
        let entry_bytes = (self.undo.end().0 - self.undo.base().0) * size_of::<crate::undo::Entry>() as u64;
        assert_eq!(self.undo.used_bytes(), bytes + entry_bytes);
    }

    fn versions(&self, slot: SlotId) -> Versions<'_> {
        let mut row = Some(self.slots.get(slot).row());
        let mut versions = vec![(row, None)];
        let mut id = self.slots.get(slot).newest();
        let mut newer = UndoId::NOW;
        while id >= self.undo.base() {
            assert!(id < newer, "a chain goes from the newest to the oldest");
            newer = id;
            let entry = self.undo.get(id);
            assert_eq!(entry.slot, slot);
            match entry.before() {
                Before::Nothing => row = None,
                Before::Lived => {}
                Before::Dead(()) | Before::Live(()) => row = entry.row(),
            }
            versions.push((row, Some(id)));
            id = entry.previous;
            assert!(row.is_some() || id < self.undo.base(), "nothing is older than a new row");
        }
        versions
    }

    /// The keys of the runs of a slot, from the newest to the oldest.
    fn runs(&self, place: usize, index: &OrderedIndex, versions: &Versions<'_>) -> Vec<Vec<u8>> {
        let mut runs: Vec<Option<Vec<u8>>> = Vec::new();
        for (row, entry) in versions {
            // What was there before the index was made is not in it.
            let Some(row) = row.filter(|_| entry.is_none_or(|entry| index.knows(entry))) else { break };
            let key = key_of(&index.keys, row);
            let differs = runs.last().is_some_and(|last| *last != key);
            if let Some(entry) = entry {
                let says = self.undo.get(*entry).changed().contains(place);
                assert!(index.keys.is_over() || differs == says, "index {place}");
            }
            if differs || runs.is_empty() {
                runs.push(key);
            }
        }
        runs.into_iter().flatten().collect()
    }
}
