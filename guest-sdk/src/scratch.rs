//! One buffer that the operations of an instance encode into, so that they need not allocate.
//! It is taken while it is in use; an operation inside another gets a fresh one.
//! Invariant: the buffer is empty when it is handed out.

use std::cell::Cell;

/// A larger buffer is given back: one long row must not occupy guest memory for ever.
const KEEP_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs the operation with the buffer.
#[inline]
pub(crate) fn with<R>(operation: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = SCRATCH.take();
    buffer.clear();
    let result = operation(&mut buffer);
    if buffer.capacity() <= KEEP_BYTES {
        SCRATCH.set(buffer);
    }
    result
}
