//! All that the lock of a table protects, and how it is read.
//! Reading never changes anything: a reader takes the place in the undo buffer where it reads, and the
//! newest rows are taken back to there.
//! Invariant: a slot whose newest undo entry was purged is live, and its entries in all indexes are those
//! of its bytes; so a table without history is read as if there were no versions.

use crate::{
    StoreError, Version,
    definition::Shape,
    keys::RowKeys,
    limits::{MEMORY_STEP, MEMORY_STEP_SLOTS, TABLE_SLOTS},
    memory::{Memory, Reported},
    ordered::{Found, OrderedIndex, Place, Range, Visit},
    primary::PrimaryIndex,
    row::{self, Row},
    scratch::with_scratch,
    slot::{Slot, SlotId, Slots},
    undo::{Undo, UndoId},
};
use foldhash::SharedSeed;
use interstice_codec::key::{self, KeyLayout};
use std::sync::Arc;

/// The contents of a table.
pub(crate) struct State {
    pub(crate) slots: Slots,
    pub(crate) exact: PrimaryIndex,
    pub(crate) primary: OrderedIndex,
    /// The secondary indexes, also those that only older shapes have, and empty places of such.
    pub(crate) indexes: Vec<OrderedIndex>,
    /// The number of the newest shape.
    pub(crate) shape: u32,
    /// How many shapes there were, those that were taken back included.
    pub(crate) shapes: u32,
    /// The shapes that readers may still use, oldest first.
    pub(crate) past: Vec<Past>,
    /// The indexes that only those shapes have.
    pub(crate) hidden: Vec<Hidden>,
    pub(crate) undo: Undo,
    pub(crate) live_rows: u64,
    /// The rows are what they were at this version, and may have been others before it.
    pub(crate) changed: Version,
    /// The largest number that the auto-increment column was given.
    pub(crate) counter: u64,
    /// The bytes of the rows in slots, as the allocator counts them.
    pub(crate) row_bytes: u64,
    /// Whether the store has this table on its list of those with undo entries.
    pub(crate) queued_for_purge: bool,
    /// Keys of unique indexes, by place and by number, that two rows had in the middle of a replayed version.
    pub(crate) unsettled: Vec<(usize, u32, Box<[u8]>)>,
    reported: Reported,
    reported_rows: u64,
    reported_slots: usize,
}

/// A shape that the table has no longer.
pub(crate) struct Past {
    pub(crate) number: u32,
    /// The version from which on it has another.
    pub(crate) until: Version,
    /// Where the table evolved.
    pub(crate) end: UndoId,
    /// How many rows there were then.
    pub(crate) live_rows: u64,
}

/// An index that the newest shape does not have.
pub(crate) struct Hidden {
    pub(crate) place: usize,
    /// The version from which on nobody uses it.
    pub(crate) until: Version,
}

impl State {
    pub(crate) fn new(shape: &Shape, entries: Vec<KeyLayout>, secret: u64, shared: Arc<SharedSeed>) -> Self {
        Self {
            slots: Slots::new(),
            exact: PrimaryIndex::new(RowKeys::new(shape.primary.clone()), secret, shared),
            primary: OrderedIndex::new(RowKeys::new(shape.primary.clone()), UndoId::default()),
            indexes: entries
                .into_iter()
                .map(|key| OrderedIndex::new(RowKeys::new(key), UndoId::default()))
                .collect(),
            shape: 0,
            shapes: 1,
            past: Vec::new(),
            hidden: Vec::new(),
            undo: Undo::new(),
            live_rows: 0,
            changed: Version::default(),
            counter: 0,
            row_bytes: 0,
            queued_for_purge: false,
            unsettled: Vec::new(),
            reported: Reported::default(),
            reported_rows: 0,
            reported_slots: 0,
        }
    }

    /// The state of the same table when it was made.
    pub(crate) fn fresh(&self) -> Self {
        Self {
            slots: Slots::new(),
            exact: self.exact.fresh(),
            primary: self.primary.fresh(),
            indexes: self.indexes.iter().map(OrderedIndex::fresh).collect(),
            shape: self.shape,
            shapes: self.shapes,
            past: Vec::new(),
            hidden: Vec::new(),
            undo: Undo::new(),
            live_rows: 0,
            changed: Version::default(),
            counter: 0,
            row_bytes: 0,
            queued_for_purge: false,
            unsettled: Vec::new(),
            reported: Reported::default(),
            reported_rows: 0,
            reported_slots: 0,
        }
    }

    /// Whether no row was ever in it, so that nobody can have seen one.
    pub(crate) fn is_fresh(&self) -> bool {
        self.slots.len() == 0 && self.undo.is_empty()
    }

    /// Takes the rows of another state of the same table in place of none, as of this version.
    pub(crate) fn take_rows(&mut self, loaded: Self, version: Version, memory: &Memory) {
        assert!(self.is_fresh(), "rows are taken in place of none");
        self.slots = loaded.slots;
        self.exact = loaded.exact;
        self.primary = loaded.primary;
        self.indexes = loaded.indexes;
        self.live_rows = loaded.live_rows;
        self.changed = version;
        self.counter = self.counter.max(loaded.counter);
        self.row_bytes = loaded.row_bytes;
        self.report_all(memory);
    }

    /// An ordered index: 0 is that of the primary key, and the others follow by their places.
    #[inline]
    pub(crate) fn index(&self, place: usize) -> &OrderedIndex {
        match place.checked_sub(1) {
            None => &self.primary,
            Some(place) => &self.indexes[place],
        }
    }

    /// The version of the oldest history that is kept: of rows, or of an index that only older shapes have.
    #[inline]
    pub(crate) fn oldest_history(&self) -> Option<Version> {
        let rows = self.undo.oldest_mark().map(|mark| mark.version);
        let index = self.hidden.first().map(|hidden| hidden.until);
        match (rows, index) {
            (Some(rows), Some(index)) => Some(rows.min(index)),
            (rows, index) => rows.or(index),
        }
    }

    /// Lets go of what only readers before this version use of older shapes.
    #[inline]
    pub(crate) fn forget_shapes(&mut self, horizon: Version) {
        if !self.past.is_empty() {
            self.forget_past(horizon);
        }
    }

    #[cold]
    fn forget_past(&mut self, horizon: Version) {
        self.past.retain(|past| past.until > horizon);
        let indexes = &mut self.indexes;
        self.hidden.retain(|hidden| {
            let is_used = hidden.until > horizon;
            if !is_used {
                indexes[hidden.place].clear();
            }
            is_used
        });
    }

    /// A shape that the table had until a later version, or until now.
    pub(crate) fn past(&self, shape: u32) -> Option<&Past> {
        self.past.iter().find(|past| past.number == shape)
    }

    /// The slot of a key in key form, whether its row lives or not.
    #[inline]
    pub(crate) fn slot_of_key(&self, key: &[u8]) -> Option<SlotId> {
        self.exact.find(&self.slots, self.exact.key_of_bytes(key)?)
    }

    /// Refuses a row that no slot is left for.
    #[inline]
    pub(crate) fn check_room(&self) -> Result<(), StoreError> {
        if self.slots.has_room() {
            return Ok(());
        }
        let (limit, found) = (TABLE_SLOTS as u64, self.slots.len() as u64 + 1);
        Err(StoreError::Limit { name: "table-rows", limit, found })
    }

    /// Whether a slot has no history, so that what it holds is what everybody sees.
    #[inline]
    pub(crate) fn is_quiet(&self, slot: &Slot) -> bool {
        slot.newest() < self.undo.base()
    }

    /// The row of a slot as it is at a mark.
    #[inline]
    pub(crate) fn visible(&self, slot: SlotId, mark: UndoId) -> Option<&Row> {
        let slot = self.slots.get(slot);
        if slot.newest() < mark { slot.live_row() } else { self.undo.look_back(slot, mark) }
    }

    /// The row that was found in an ordered index, if it is there under this key at a mark.
    #[inline]
    pub(crate) fn visible_as(&self, index: &OrderedIndex, found: Found, mark: UndoId) -> Option<&Row> {
        let slot = self.slots.get(found.slot);
        if self.is_quiet(slot) {
            return slot.live_row();
        }
        self.visible(found.slot, mark).filter(|row| index.belongs(&self.slots, found, row))
    }

    /// The row with this primary key at a mark.
    #[inline]
    pub(crate) fn get(&self, key: &[u8], mark: UndoId) -> Option<&Row> {
        self.visible(self.slot_of_key(key)?, mark)
    }

    /// The row with this whole key in a secondary index at a mark.
    pub(crate) fn find(&self, place: usize, key: &[u8], mark: UndoId) -> Option<&Row> {
        let index = &self.indexes[place];
        let mut row = None;
        self.walk_equal(index, key, |found| {
            row = self.visible_as(index, found, mark);
            if row.is_some() { Visit::StopBefore } else { Visit::Next }
        });
        // What was asked for may be the beginning of a key only; then there is no such row. The key of an entry
        // goes on with the primary key.
        row.filter(|row| {
            with_scratch(|whole| {
                index.keys.extract(row, whole);
                let entry = whole.len();
                self.exact.keys.extract(row, whole);
                entry == key.len() + (whole.len() - entry)
            })
        })
    }

    /// Visits the entries whose keys begin with these bytes.
    #[inline]
    pub(crate) fn walk_equal(&self, index: &OrderedIndex, key: &[u8], visit: impl FnMut(Found) -> Visit) {
        with_scratch(|beyond| {
            beyond.extend_from_slice(key);
            let bounded = key::successor(beyond);
            let high = bounded.then_some(beyond.as_slice());
            let range = Range { low: key, high, descending: false };
            index.walk(&self.slots, &range, &mut Place::default(), visit);
        });
    }

    /// How many rows there are at a version.
    pub(crate) fn count(&self, version: Version) -> u64 {
        self.undo.newer_than(version).map_or(self.live_rows, |mark| mark.live_rows)
    }

    /// How many bytes the average row takes, without what the allocator adds to it.
    #[inline]
    pub(crate) fn bytes_of_a_row(&self) -> usize {
        self.row_bytes.checked_div(self.slots.len() as u64).map_or(0, row::used_size)
    }

    /// The bytes that are allocated: rows, indexes and undo.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.row_bytes
            + self.undo.allocated_bytes()
            + (self.slots.allocated_bytes() + self.exact.allocated_bytes()) as u64
            + self.primary.allocated_bytes()
            + self.indexes.iter().map(OrderedIndex::allocated_bytes).sum::<u64>()
    }

    /// Tells the store how much memory this table takes, if that has changed much.
    #[inline]
    pub(crate) fn report(&mut self, memory: &Memory) {
        let rows = self.row_bytes.abs_diff(self.reported_rows);
        let undo = self.undo.used_bytes().abs_diff(self.reported.undo);
        // Slots and indexes grow by pages, which a few small rows can begin.
        let slots = self.slots.len() - self.reported_slots;
        if rows >= MEMORY_STEP || undo >= MEMORY_STEP || slots >= MEMORY_STEP_SLOTS {
            self.report_all(memory);
        }
    }

    /// Tells the store how much memory this table takes.
    #[cold]
    pub(crate) fn report_all(&mut self, memory: &Memory) {
        let now = Reported { total: self.memory_bytes(), undo: self.undo.used_bytes() };
        self.reported_rows = self.row_bytes;
        self.reported_slots = self.slots.len();
        memory.report(&mut self.reported, now);
    }

    /// Takes this table out of the sums, when it is dropped.
    pub(crate) fn report_nothing(&mut self, memory: &Memory) {
        memory.report(&mut self.reported, Reported::default());
    }
}
