//! The buffers of an instance, so that its operations need not allocate: one to encode into, and one
//! for what the host sends back. They are taken while they are in use; an operation inside another
//! gets fresh ones.
//! Invariant: the buffers are empty when they are handed out.

use std::cell::Cell;

/// A larger buffer is given back: one long row must not occupy guest memory for ever.
const KEEP_BYTES: usize = 64 * 1024;

/// What an operation sends and what it receives.
#[derive(Default)]
pub(crate) struct Scratch {
    /// What it encodes.
    pub(crate) out: Vec<u8>,
    /// What lands from the host.
    pub(crate) back: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { out: Vec::new(), back: Vec::new() }) };
}

/// Runs the operation with the buffers.
#[inline]
pub(crate) fn with<R>(operation: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.take();
    scratch.out.clear();
    scratch.back.clear();
    let result = operation(&mut scratch);
    if scratch.out.capacity().max(scratch.back.capacity()) <= KEEP_BYTES {
        SCRATCH.set(scratch);
    }
    result
}
