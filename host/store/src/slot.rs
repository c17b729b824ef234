//! Where rows live: numbered slots, each with the newest bytes of one row.
//! A slot keeps its number and its primary key as long as it holds bytes; what was there before is not
//! known here but in the undo buffer, whose newest entry for the slot it names. That and whether the row is
//! dead stand in the row's allocation, so that a slot is eight bytes and most are in the cache.
//! Invariant: a slot without bytes is on the free list, and only such a slot is.

use crate::{limits::TABLE_SLOTS, pages::Pages, row::Row, undo::UndoId};

/// The number of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SlotId(pub(crate) u32);

/// Set beside the undo id of a slot whose row was deleted.
const DEAD: u64 = 1 << 63;

/// Slots are allocated in pages of this many, 8 KiB each.
const SLOT_PAGE: usize = 1024;

/// One slot: a row, whose state is the newest undo entry, of no meaning if it was purged, and whether the
/// row is dead.
pub(crate) struct Slot(Option<Row>);

impl Slot {
    /// The row, dead or alive.
    #[inline]
    pub(crate) fn row(&self) -> &Row {
        self.0.as_ref().expect("only slots that hold bytes are referred to")
    }

    #[inline]
    fn row_mut(&mut self) -> &mut Row {
        self.0.as_mut().expect("only slots that hold bytes are referred to")
    }

    /// The newest undo entry of this slot; one that was purged says nothing.
    #[inline]
    pub(crate) fn newest(&self) -> UndoId {
        UndoId(self.row().state() & !DEAD)
    }

    #[inline]
    pub(crate) fn set_newest(&mut self, newest: UndoId) {
        let row = self.row_mut();
        row.set_state(row.state() & DEAD | newest.0);
    }

    /// Whether the row is there; a dead one only leaves its bytes, for those who read older versions.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.row().state() & DEAD == 0
    }

    pub(crate) fn set_live(&mut self, live: bool) {
        let state = self.newest().0 | if live { 0 } else { DEAD };
        self.row_mut().set_state(state);
    }

    /// The row, if it lives.
    #[inline]
    pub(crate) fn live_row(&self) -> Option<&Row> {
        if self.is_live() { Some(self.row()) } else { None }
    }

    /// Where the row lies, for a prefetch.
    #[inline]
    pub(crate) fn address(&self) -> Option<*const u8> {
        self.0.as_ref().map(Row::address)
    }

    /// Puts other bytes in and returns those that were there.
    #[inline]
    pub(crate) fn replace(&mut self, mut row: Row) -> Row {
        let old = self.row_mut();
        row.set_state(old.state());
        std::mem::replace(old, row)
    }
}

/// All slots of a table.
pub(crate) struct Slots {
    slots: Pages<Slot, SLOT_PAGE>,
    free: Vec<SlotId>,
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self { slots: Pages::new(), free: Vec::new() }
    }

    /// Whether another row fits.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots.len() < TABLE_SLOTS
    }

    /// Puts a new, live row into a free slot.
    #[inline]
    pub(crate) fn add(&mut self, row: Row) -> SlotId {
        assert!(self.has_room(), "room is asked for before a row is added");
        let slot = Slot(Some(row));
        match self.free.pop() {
            Some(free) => {
                self.slots[free.0 as usize] = slot;
                free
            }
            None => SlotId(self.slots.push(slot) as u32),
        }
    }

    /// Takes the bytes out and frees the slot.
    pub(crate) fn remove(&mut self, slot: SlotId) -> Row {
        let row = self.slots[slot.0 as usize].0.take();
        self.free.push(slot);
        row.expect("a slot is freed once")
    }

    #[inline]
    pub(crate) fn get(&self, slot: SlotId) -> &Slot {
        &self.slots[slot.0 as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: SlotId) -> &mut Slot {
        &mut self.slots[slot.0 as usize]
    }

    /// How many slots there are, free ones included: it never shrinks.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many slots hold bytes.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Every slot that holds bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..self.slots.len())
            .map(|at| (SlotId(at as u32), &self.slots[at]))
            .filter(|(_, slot)| slot.0.is_some())
    }

    /// The bytes that are allocated, rows apart.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.slots.allocated_bytes() + self.free.capacity() * size_of::<SlotId>()
    }
}
