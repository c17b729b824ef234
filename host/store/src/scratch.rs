//! Buffers for keys that are needed for a moment, one set a thread.
//! A buffer goes back when its user returns, and none that has grown large is kept.
//! Invariant: a buffer that is handed out is empty, and nobody else holds it.

use std::cell::RefCell;

/// Larger buffers are let go: keys of the default limit fit with room to spare.
const KEPT_BYTES: usize = 8 * 1024;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Lends an empty buffer to `user`.
#[inline]
pub(crate) fn with_scratch<T>(user: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = user(&mut buffer);
    if buffer.capacity() <= KEPT_BYTES {
        buffer.clear();
        BUFFERS.with_borrow_mut(|buffers| buffers.push(buffer));
    }
    result
}
