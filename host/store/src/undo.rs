//! What rows were before they changed: the one mechanism behind savepoints, abort, old versions for
//! readers and the `old` of events.
//! Entries are numbered in the order of the changes, and those of one slot are linked from the newest to
//! the oldest; a *mark* is a place between entries, and whoever reads at it undoes all after it.
//! Invariant: an entry holds the state of its slot right before the change, given the state right after.

use crate::{
    Version,
    limits::{TABLE_INDEXES, UNDO_PAGE},
    queue::Queue,
    row::Row,
    slot::{Slot, SlotId},
};

/// The number of an undo entry, or the place before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UndoId(pub(crate) u64);

impl UndoId {
    /// After every entry: whoever reads there sees the newest rows.
    pub(crate) const NOW: Self = Self(u64::MAX);
}

/// What a slot was before a change.
pub(crate) enum Before<R = Row> {
    /// It held nothing: the row is new.
    Nothing,
    /// The row lived, with the bytes that it still has: it was deleted.
    Lived,
    /// The row was dead, with these bytes.
    Dead(R),
    /// The row lived, with these bytes.
    Live(R),
}

const KIND_SHIFT: u32 = TABLE_INDEXES as u32;
const KIND_NOTHING: u32 = 0;
const KIND_LIVED: u32 = 1;
const KIND_DEAD: u32 = 2;
const KIND_LIVE: u32 = 3;

/// The secondary indexes whose keys a change has changed, a bit for each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IndexSet(u32);

/// One change of one slot: 24 bytes beside the row.
pub(crate) struct Entry {
    pub(crate) slot: SlotId,
    /// The kind of [`Before`] above the bits of the [`IndexSet`].
    flags: u32,
    /// The entry before this one of the same slot, of no meaning if it was purged.
    pub(crate) previous: UndoId,
    row: Option<Row>,
}

/// Where the entries of a transaction begin, and what the table was then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) version: Version,
    pub(crate) first: UndoId,
    pub(crate) live_rows: u64,
    pub(crate) counter: u64,
}

/// The undo buffer of a table.
pub(crate) struct Undo {
    entries: Queue<Entry, UNDO_PAGE>,
    /// The number of the oldest entry that is kept.
    base: u64,
    /// The marks of all transactions that have entries here or are running, oldest first.
    marks: Queue<Mark, UNDO_PAGE>,
    row_bytes: u64,
}

impl IndexSet {
    #[inline]
    pub(crate) fn contains(self, index: usize) -> bool {
        self.0 & 1 << index != 0
    }

    #[inline]
    pub(crate) fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            (index < u32::BITS).then_some(index as usize)
        })
    }
}

impl Entry {
    /// Which indexes' keys the change has changed.
    pub(crate) fn changed(&self) -> IndexSet {
        IndexSet(self.flags & ((1 << KIND_SHIFT) - 1))
    }

    /// Takes the entry apart.
    pub(crate) fn into_before(self) -> Before {
        match (self.flags >> KIND_SHIFT, self.row) {
            (KIND_DEAD, Some(row)) => Before::Dead(row),
            (KIND_LIVE, Some(row)) => Before::Live(row),
            (KIND_LIVED, _) => Before::Lived,
            _ => Before::Nothing,
        }
    }

    /// Whether the change left the row dead.
    pub(crate) fn is_deletion(&self) -> bool {
        self.flags >> KIND_SHIFT == KIND_LIVED
    }

    /// The row that was replaced.
    pub(crate) fn row(&self) -> Option<&Row> {
        self.row.as_ref()
    }

    /// The row before the change, given the one after it.
    #[inline]
    fn step<'a>(&'a self, row: &'a Row) -> (bool, &'a Row) {
        match self.flags >> KIND_SHIFT {
            KIND_NOTHING => (false, row),
            KIND_LIVED => (true, row),
            kind => (kind == KIND_LIVE, self.row.as_ref().unwrap_or(row)),
        }
    }
}

impl Undo {
    pub(crate) const fn new() -> Self {
        // 0 is no entry: that is what a fresh slot names.
        Self { entries: Queue::new(), base: 1, marks: Queue::new(), row_bytes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.marks.is_empty()
    }

    /// After the newest entry.
    #[inline]
    pub(crate) fn end(&self) -> UndoId {
        UndoId(self.base + self.entries.len() as u64)
    }

    /// Before the oldest entry. A slot whose newest entry is older has no history.
    #[inline]
    pub(crate) fn base(&self) -> UndoId {
        UndoId(self.base)
    }

    #[inline]
    pub(crate) fn get(&self, id: UndoId) -> &Entry {
        &self.entries[(id.0 - self.base) as usize]
    }

    /// Records a change of a slot and returns the number of the entry.
    #[inline]
    pub(crate) fn push(
        &mut self,
        slot: SlotId,
        previous: UndoId,
        before: Before,
        changed: IndexSet,
    ) -> UndoId {
        let (kind, row) = match before {
            Before::Nothing => (KIND_NOTHING, None),
            Before::Lived => (KIND_LIVED, None),
            Before::Dead(row) => (KIND_DEAD, Some(row)),
            Before::Live(row) => (KIND_LIVE, Some(row)),
        };
        self.row_bytes += row.as_ref().map_or(0, Row::allocated_bytes);
        let id = self.end();
        self.entries.push_back(Entry { slot, flags: changed.0 | kind << KIND_SHIFT, previous, row });
        id
    }

    /// Takes the newest entry off.
    pub(crate) fn pop_newest(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_back()?;
        self.row_bytes -= entry.row.as_ref().map_or(0, Row::allocated_bytes);
        Some(entry)
    }

    /// Takes the oldest entry off, if its transaction is no newer than `horizon`, and returns its number too.
    pub(crate) fn pop_oldest(&mut self, horizon: Version) -> Option<(UndoId, Entry)> {
        loop {
            let mark = self.marks.front().filter(|mark| mark.version <= horizon)?;
            let end = self.marks.get(1).map_or(self.end(), |next| next.first);
            assert!(
                mark.first.0 <= self.base && self.base <= end.0,
                "the oldest entries are of the first mark"
            );
            if self.base == end.0 {
                self.marks.pop_front();
                continue;
            }
            let entry = self.entries.pop_front()?;
            self.row_bytes -= entry.row.as_ref().map_or(0, Row::allocated_bytes);
            let id = UndoId(self.base);
            self.base += 1;
            if self.base == end.0 {
                self.marks.pop_front();
            }
            return Some((id, entry));
        }
    }

    /// The place where a reader of this version reads.
    #[inline]
    pub(crate) fn mark_of(&self, version: Version) -> UndoId {
        self.newer_than(version).map_or(self.end(), |mark| mark.first)
    }

    /// The mark of the first transaction that is newer than this version.
    #[inline]
    pub(crate) fn newer_than(&self, version: Version) -> Option<&Mark> {
        // Readers follow the writer closely, so what they look for is among the last.
        if self.marks.back().is_none_or(|mark| mark.version <= version) {
            return None;
        }
        self.marks.get(self.marks.partition_point(|mark| mark.version <= version))
    }

    /// The oldest mark.
    pub(crate) fn oldest_mark(&self) -> Option<&Mark> {
        self.marks.front()
    }

    /// The newest mark.
    #[inline]
    pub(crate) fn newest_mark(&self) -> Option<&Mark> {
        self.marks.back()
    }

    pub(crate) fn push_mark(&mut self, mark: Mark) {
        assert!(self.marks.back().is_none_or(|last| last.version < mark.version), "versions ascend");
        self.marks.push_back(mark);
    }

    pub(crate) fn pop_newest_mark(&mut self) -> Option<Mark> {
        self.marks.pop_back()
    }

    /// The row of a slot as it was at a mark.
    #[inline]
    pub(crate) fn look_back<'a>(&'a self, slot: &'a Slot, mark: UndoId) -> Option<&'a Row> {
        let (mut live, mut row) = (slot.is_live(), slot.row());
        let mut id = slot.newest();
        while id >= mark {
            let entry = self.get(id);
            (live, row) = entry.step(row);
            id = entry.previous;
        }
        live.then_some(row)
    }

    /// The entries from a mark on, with their numbers.
    pub(crate) fn since(&self, mark: UndoId) -> impl Iterator<Item = (UndoId, &Entry)> {
        let skipped = mark.0.saturating_sub(self.base);
        self.entries
            .iter_from(skipped as usize)
            .zip(self.base + skipped..)
            .map(|(entry, id)| (UndoId(id), entry))
    }

    /// The bytes of the entries and of the rows in them.
    #[inline]
    pub(crate) fn used_bytes(&self) -> u64 {
        self.row_bytes + self.entries.len() as u64 * size_of::<Entry>() as u64
    }

    /// The bytes that are allocated, rows included.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        self.row_bytes + (self.entries.allocated_bytes() + self.marks.allocated_bytes()) as u64
    }
}

#[cfg(test)]
impl Undo {
    pub(crate) fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        self.marks.iter_from(0).copied()
    }
}

#[cfg(test)]
impl Entry {
    /// What the slot was, the bytes apart.
    pub(crate) fn before(&self) -> Before<()> {
        match self.flags >> KIND_SHIFT {
            KIND_NOTHING => Before::Nothing,
            KIND_LIVED => Before::Lived,
            KIND_DEAD => Before::Dead(()),
            _ => Before::Live(()),
        }
    }
}
