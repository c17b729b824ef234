//! A row in one allocation: how its slot stands and by which layout it was written, its length, its bytes.
//! Whoever has the row's address has all of it; a slot beside it would be one more place in memory to wait for
//! at each row of a scan.
//! Invariant: the pointer is to an allocation of [`layout`] of the length in its head, whose bytes are all
//! initialised, and nobody else has it.
#![allow(unsafe_code)]

use crate::limits::TABLE_LAYOUTS;
use std::{
    alloc::{self, Layout},
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};

/// The bytes before those of the row: eight of state, four of length.
const HEAD: usize = LENGTH_AT + size_of::<u32>();
const LENGTH_AT: usize = size_of::<u64>();

/// The bits of the state above the slot's own, below its highest: the layout. What is left below counts undo
/// entries, for years of ten million changes a second.
const LAYOUT_SHIFT: u32 = 52;
const LAYOUT_MASK: u64 = (TABLE_LAYOUTS as u64 - 1) << LAYOUT_SHIFT;

/// The bits of the state that are the slot's.
const SLOT_MASK: u64 = !LAYOUT_MASK;

/// The number of a list of columns that a table has or has had, by which a row was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LayoutTag(pub(crate) u16);

impl LayoutTag {
    /// That of no row.
    pub(crate) const NONE: Self = Self(u16::MAX);
}

/// A row, and a word that its slot keeps with it.
pub(crate) struct Row(NonNull<u8>);

// SAFETY: a row owns its allocation alone, as a box of bytes does.
unsafe impl Send for Row {}
// SAFETY: a shared row is only read.
unsafe impl Sync for Row {}

impl Row {
    /// A row with these bytes, written by this layout.
    #[inline]
    pub(crate) fn new(bytes: &[u8], tag: LayoutTag) -> Self {
        let layout = layout(bytes.len());
        let length = u32::try_from(bytes.len()).expect("no limit lets a row have 4 GiB");
        // SAFETY: the layout is not empty, since it holds the head.
        let start = unsafe { alloc::alloc(layout) };
        let Some(start) = NonNull::new(start) else { alloc::handle_alloc_error(layout) };
        // SAFETY: the allocation has room for the head and as many bytes as there are, is aligned for the
        // head, and is new, so that nothing overlaps.
        unsafe {
            start.cast::<u64>().write(u64::from(tag.0) << LAYOUT_SHIFT);
            start.byte_add(LENGTH_AT).cast::<u32>().write(length);
            start.byte_add(HEAD).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
        Self(start)
    }

    /// What its slot keeps with it, the bits of `LAYOUT_MASK` apart; 0 in a new row.
    #[inline]
    pub(crate) fn state(&self) -> u64 {
        self.word() & SLOT_MASK
    }

    #[inline]
    pub(crate) fn set_state(&mut self, state: u64) {
        let word = self.word() & LAYOUT_MASK | state & SLOT_MASK;
        // SAFETY: as in `word`, and a row that is borrowed mutably is nobody else's.
        unsafe { self.0.cast::<u64>().write(word) }
    }

    /// The layout by which it was written.
    #[inline]
    pub(crate) fn layout(&self) -> LayoutTag {
        LayoutTag(((self.word() & LAYOUT_MASK) >> LAYOUT_SHIFT) as u16)
    }

    #[inline]
    fn word(&self) -> u64 {
        // SAFETY: the allocation begins with the state, aligned for it and initialised.
        unsafe { self.0.cast::<u64>().read() }
    }

    /// What the allocator takes for it.
    #[inline]
    pub(crate) fn allocated_bytes(&self) -> u64 {
        row_allocation_size(self.len())
    }

    /// Where it lies, for a prefetch.
    #[inline]
    pub(crate) fn address(&self) -> *const u8 {
        self.0.as_ptr()
    }

    #[inline]
    fn length(&self) -> usize {
        // SAFETY: the length follows the state, aligned for it and initialised.
        unsafe { self.0.byte_add(LENGTH_AT).cast::<u32>().read() as usize }
    }
}

impl Deref for Row {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: so many initialised bytes follow the head, and live as long as the row is borrowed.
        unsafe { slice::from_raw_parts(self.0.byte_add(HEAD).as_ptr(), self.length()) }
    }
}

impl DerefMut for Row {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and a row that is borrowed mutably is nobody else's.
        unsafe { slice::from_raw_parts_mut(self.0.byte_add(HEAD).as_ptr(), self.length()) }
    }
}

impl Drop for Row {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it was allocated with the layout of this length, and is dropped once.
        unsafe { alloc::dealloc(self.0.as_ptr(), layout(self.length())) }
    }
}

#[inline]
fn layout(length: usize) -> Layout {
    Layout::from_size_align(HEAD + length, align_of::<u64>()).expect("a row is smaller than the memory")
}

/// What the allocator takes for a row of this many bytes.
#[inline]
pub(crate) fn row_allocation_size(length: usize) -> u64 {
    allocation_size(HEAD + length)
}

/// What the allocator takes for this many bytes: eight for itself, rounded up to 16, at least 32 (glibc
/// on 64 bits).
#[inline]
pub(crate) fn allocation_size(bytes: usize) -> u64 {
    ((bytes as u64 + 8 + 15) & !15).max(32)
}

/// How many bytes an allocation of this size, as the allocator counts it, has on average for what it was made for.
#[inline]
pub(crate) fn used_size(allocated: u64) -> usize {
    // Eight are the allocator's own, and sizes are rounded up to 16.
    allocated.saturating_sub(16) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_bytes_and_its_state_apart() {
        for length in [0, 1, 3, 4, 5, 19, 20, 21, 63, 64, 65, 4096, 1 << 20] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let tag = LayoutTag(length as u16 % TABLE_LAYOUTS as u16);
            let mut row = Row::new(&bytes, tag);
            assert_eq!((row.state(), row.layout(), &*row), (0, tag, bytes.as_slice()));
            row.set_state(u64::MAX);
            assert_eq!((row.state(), row.layout(), &*row), (SLOT_MASK, tag, bytes.as_slice()));
            row.iter_mut().for_each(|byte| *byte = !*byte);
            assert_eq!((row.state(), row.layout()), (SLOT_MASK, tag));
            assert!(row.iter().zip(&bytes).all(|(new, old)| *new == !*old));
            assert!(row.allocated_bytes() >= (HEAD + length) as u64);
        }
    }

    #[test]
    fn an_absent_row_takes_no_word_of_its_own() {
        assert_eq!(size_of::<Option<Row>>(), size_of::<usize>());
    }
}
