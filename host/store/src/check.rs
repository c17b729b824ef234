//! Walks over everything that a table holds and says where its parts disagree.
//! It computes from the slots and the undo buffers alone what the indexes and the counters must be.
//! Invariant: it panics if any invariant of this crate does not hold, and only then.

use crate::{
    Store, TableHandle,
    definition::Shape,
    limits::MEMORY_STEP,
    row::row_allocation_size,
    slot::SlotId,
    state::State,
    undo::{Before, UndoId},
};
use interstice_codec::key::KeyLayout;
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
        self.0.state.read().check(&self.0.shape);
    }
}

impl State {
    fn check(&self, shape: &Shape) {
        self.check_marks();
        let mut expected: Vec<References> = vec![References::new(); self.indexes.len()];
        let (mut live_rows, mut row_bytes, mut entries) = (0, 0, 0);
        for (id, slot) in self.slots.iter() {
            live_rows += u64::from(slot.is_live());
            row_bytes += row_allocation_size(slot.bytes().len());
            assert!(slot.is_live() || !self.is_quiet(slot), "a dead row stays without history");
            let versions = self.versions(id);
            entries += versions.len() as u64 - 1;
            for (place, (index, references)) in self.indexes.iter().zip(&mut expected).enumerate() {
                let runs = self.runs(shape, place, index.key(), &versions);
                runs.into_iter().for_each(|key| *references.entry((id.0, key)).or_default() += 1);
            }
            let found = self.exact.with_key_of_row(slot.bytes(), |key| self.exact.find(&self.slots, key));
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
        }
        self.check_primary(shape);
    }

    fn check_primary(&self, shape: &Shape) {
        let references = self.primary.check(&self.slots);
        assert_eq!(references.len(), self.slots.used());
        for ((slot, key), count) in references {
            let mut expected = Vec::new();
            shape.primary.extract(self.slots.get(SlotId(slot)).bytes(), &mut expected);
            assert_eq!((key, count), (expected, 1));
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

    /// The bytes of a slot, from the newest to the oldest version, and the indexes whose keys changed
    /// on the way to each; a version without bytes is the last.
    fn versions(&self, slot: SlotId) -> Vec<(Option<&[u8]>, Vec<usize>)> {
        let mut bytes = Some(self.slots.get(slot).bytes());
        let mut versions = vec![(bytes, Vec::new())];
        let mut id = self.slots.get(slot).newest();
        let mut newer = UndoId::NOW;
        while id >= self.undo.base() {
            assert!(id < newer, "a chain goes from the newest to the oldest");
            newer = id;
            let entry = self.undo.get(id);
            assert_eq!(entry.slot, slot);
            match entry.before() {
                Before::Nothing => bytes = None,
                Before::Lived => {}
                Before::Dead(()) | Before::Live(()) => bytes = entry.row(),
            }
            versions.push((bytes, entry.changed().iter().collect()));
            id = entry.previous;
            assert!(bytes.is_some() || id < self.undo.base(), "nothing is older than a new row");
        }
        versions
    }

    /// The keys of the runs of a slot, from the newest to the oldest.
    fn runs(
        &self,
        shape: &Shape,
        place: usize,
        key: &KeyLayout,
        versions: &[(Option<&[u8]>, Vec<usize>)],
    ) -> Vec<Vec<u8>> {
        let mut runs: Vec<Vec<u8>> = Vec::new();
        for (bytes, changed) in versions {
            let Some(bytes) = bytes else { break };
            let mut whole = Vec::new();
            key.extract(bytes, &mut whole);
            let differs = runs.last().is_some_and(|last| *last != whole);
            assert_eq!(differs, changed.contains(&place), "index {place} of `{}`", shape.name);
            if differs || runs.is_empty() {
                runs.push(whole);
            }
        }
        runs
    }
}
