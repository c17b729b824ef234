//! The memory of a guest: small blocks that were freed are kept, by size, for the next that want one.
//! A row that is read makes a block for each of its strings and lists, and gives it back when it is
//! dropped; the general allocator takes longer for that than reading the row does.
//! Invariant: every block up to [`LARGEST`] bytes has the size of its class at the general allocator too.
//!
//! A module that wants an allocator of its own switches this one off: `default-features = false`.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// Blocks are of a multiple of so many bytes, and aligned to half of it.
const STEP: usize = 16;
const ALIGN: usize = 8;

/// The largest block that is kept, in bytes.
const LARGEST: usize = 512;
const CLASSES: usize = LARGEST / STEP;

/// How many bytes of each class are kept at most; more go back to the general allocator, which can join
/// them to larger ones.
const KEPT_BYTES: usize = 16 << 10;

/// An allocator for one thread: the general one behind lists of small blocks.
pub(crate) struct Recycling([UnsafeCell<Class>; CLASSES]);

/// The free blocks of one size.
struct Class {
    /// The newest; each begins with the address of the next.
    first: *mut Block,
    /// How many more may be kept.
    room: usize,
}

struct Block {
    next: *mut Block,
}

// SAFETY: a component instance has one thread, and `Recycling` is built for wasm32 without atomics only
// (and for tests, which keep it to one thread).
unsafe impl Sync for Recycling {}

impl Recycling {
    pub(crate) const fn new() -> Self {
        let mut classes = [const { UnsafeCell::new(Class { first: ptr::null_mut(), room: 0 }) }; CLASSES];
        let mut class = 0;
        while class < CLASSES {
            classes[class].get_mut().room = KEPT_BYTES / size(class);
            class += 1;
        }
        Self(classes)
    }

    /// The class of blocks for this layout, if it is kept at all.
    #[inline]
    fn class(layout: Layout) -> Option<usize> {
        let class = layout.size().wrapping_sub(1) / STEP;
        (class < CLASSES && layout.align() <= ALIGN).then_some(class)
    }
}

/// The bytes of a block of this class.
const fn size(class: usize) -> usize {
    (class + 1) * STEP
}

#[inline]
fn layout(class: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and the size far below the limit.
    unsafe { Layout::from_size_align_unchecked(size(class), ALIGN) }
}

// SAFETY: a block is handed out by the general allocator, or was given back here with a layout of the same
// class and is on no list any more; it is as large as its class, which is no smaller than the layout.
unsafe impl GlobalAlloc for Recycling {
    #[inline(always)]
    unsafe fn alloc(&self, wanted: Layout) -> *mut u8 {
        let Some(class) = Self::class(wanted) else {
            // SAFETY: the caller's.
            return unsafe { System.alloc(wanted) };
        };
        // SAFETY: there is one thread, and no reference to the class lives longer than a call here. What is
        // on the list is a free block of ours.
        unsafe {
            let list = &mut *self.0[class].get();
            if list.first.is_null() {
                return System.alloc(layout(class));
            }
            let block = list.first;
            list.first = (*block).next;
            list.room += 1;
            block.cast()
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, wanted: Layout) {
        let Some(class) = Self::class(wanted) else {
            // SAFETY: the caller's.
            return unsafe { System.dealloc(block, wanted) };
        };
        // SAFETY: as in `alloc`; a block is large enough for an address, and aligned for it.
        unsafe {
            let list = &mut *self.0[class].get();
            if list.room == 0 {
                return System.dealloc(block, layout(class));
            }
            let block: *mut Block = block.cast();
            (*block).next = list.first;
            list.first = block;
            list.room -= 1;
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, wanted: Layout) -> *mut u8 {
        if Self::class(wanted).is_none() {
            // SAFETY: the caller's. Fresh pages of the general allocator need not be written.
            return unsafe { System.alloc_zeroed(wanted) };
        }
        // SAFETY: the caller's; the block is at least as large as what is written.
        unsafe {
            let block = self.alloc(wanted);
            if !block.is_null() {
                block.write_bytes(0, wanted.size());
            }
            block
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, old: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size, rounded up to the alignment, does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, old.align()) };
        match (Self::class(old), Self::class(new)) {
            // SAFETY: the caller's; the general allocator made this block with this layout.
            (None, None) => unsafe { System.realloc(block, old, size) },
            (before, after) if before == after => block,
            // SAFETY: the caller's; both blocks hold the smaller of both sizes, and are not the same.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, old.size().min(size));
                    self.dealloc(block, old);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Small numbers in an order that repeats late.
    fn numbers() -> impl FnMut(usize) -> usize {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        }
    }

    /// Blocks of every size and alignment are made, grown, shrunk and freed; each keeps what was written to
    /// it, which no two blocks in the same place could.
    #[test]
    fn no_block_is_given_to_two() {
        let allocator = Recycling::new();
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut number = numbers();
        for step in 0..200_000_u32 {
            let mark = step as u8;
            // SAFETY: layouts are not empty, and each block is freed once, with the layout it has then.
            unsafe {
                if blocks.len() < 40 || number(2) == 0 && blocks.len() < 4000 {
                    let layout = Layout::from_size_align(1 + number(700), 1 << number(6)).unwrap();
                    let zeroed = number(3) == 0;
                    let block = if zeroed { allocator.alloc_zeroed(layout) } else { allocator.alloc(layout) };
                    assert!(block.addr().is_multiple_of(layout.align()));
                    let bytes = std::slice::from_raw_parts_mut(block, layout.size());
                    assert!(!zeroed || bytes.iter().all(|byte| *byte == 0));
                    bytes.fill(mark);
                    blocks.push((block, layout, mark));
                    continue;
                }
                let (block, layout, mark) = blocks.swap_remove(number(blocks.len()));
                let bytes = std::slice::from_raw_parts(block, layout.size());
                assert!(bytes.iter().all(|byte| *byte == mark), "step {step}");
                if number(2) == 0 {
                    allocator.dealloc(block, layout);
                    continue;
                }
                let size = 1 + number(700);
                let moved = allocator.realloc(block, layout, size);
                let kept = std::slice::from_raw_parts(moved, size.min(layout.size()));
                assert!(kept.iter().all(|byte| *byte == mark), "step {step}");
                std::slice::from_raw_parts_mut(moved, size).fill(mark);
                blocks.push((moved, Layout::from_size_align(size, layout.align()).unwrap(), mark));
            }
        }
        for (block, layout, _) in blocks {
            // SAFETY: as above.
            unsafe { allocator.dealloc(block, layout) };
        }
    }

    /// What is kept is bounded, so that memory which was freed in small blocks can be had in large ones.
    #[test]
    fn only_some_blocks_are_kept() {
        let allocator = Recycling::new();
        let layout = Layout::from_size_align(100, 1).unwrap();
        let class = Recycling::class(layout).unwrap();
        // SAFETY: each block is freed once.
        unsafe {
            let blocks: Vec<_> = (0..1000).map(|_| allocator.alloc(layout)).collect();
            blocks.into_iter().for_each(|block| allocator.dealloc(block, layout));
            assert_eq!((*allocator.0[class].get()).room, 0);
            let kept: Vec<_> = (0..KEPT_BYTES / size(class)).map(|_| allocator.alloc(layout)).collect();
            assert!((*allocator.0[class].get()).first.is_null());
            kept.into_iter().for_each(|block| allocator.dealloc(block, layout));
        }
    }
}
