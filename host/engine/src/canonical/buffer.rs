//! Byte buffers that cross the boundary on every call and come back to be used again.
//! Each thread keeps a few; a call to the allocator in each direction would cost more than the
//! crossing itself.
//! Invariant: a buffer that is handed out is empty, and no kept one is larger than [`KEPT_BYTES`].

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// How many buffers a thread keeps: nested calls hold one or two at each level.
const KEPT: usize = 16;

/// The largest buffer that is kept. Larger ones are rare, and holding them would hide memory.
const KEPT_BYTES: usize = 1 << 20;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A `Vec<u8>` that returns to its thread's spare ones when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer, with room if a spare one is there.
    #[inline]
    pub(crate) fn take() -> Self {
        Buffer(SPARE.with_borrow_mut(Vec::pop).unwrap_or_default())
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        if bytes.capacity() == 0 || bytes.capacity() > KEPT_BYTES {
            return;
        }
        bytes.clear();
        // While a thread ends its spare buffers may be gone already; then this one goes too.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(bytes);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    #[inline]
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_room() {
        let mut first = Buffer::take();
        first.extend_from_slice(&[7; 4096]);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::take();
        assert!(second.is_empty());
        assert_eq!(second.as_ptr(), place);
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        SPARE.with_borrow_mut(Vec::clear);
        let mut large = Buffer::take();
        large.reserve(KEPT_BYTES + 1);
        drop(large);
        assert_eq!(Buffer::take().capacity(), 0);
    }
}
