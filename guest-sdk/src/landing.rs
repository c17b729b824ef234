//! Where bytes from the host land: in a buffer that the guest has already, instead of a fresh allocation.
//! The host asks `cabi_realloc` for memory before it writes a list; while a call that expects bytes is
//! under way, the answer is the buffer of that call.
//! Invariant: the buffer is lent for one list of one call, and taken back when the call returns.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

thread_local! {
    /// The buffer for the next list; null if none is expected.
    static LENT: Cell<*mut Vec<u8>> = const { Cell::new(ptr::null_mut()) };
}

/// Makes a call whose only list lands in the buffer.
#[inline]
pub(crate) fn receive(buffer: &mut Vec<u8>, call: impl FnOnce()) {
    buffer.clear();
    LENT.set(buffer);
    call();
    LENT.set(ptr::null_mut());
}

/// Takes over the list that the call has returned.
///
/// # Safety
/// The pointer and the length are those of a `list<u8>` that the host has just lowered, during a call
/// of [`receive`] with this buffer.
#[inline]
pub(crate) unsafe fn landed(buffer: &mut Vec<u8>, bytes: *mut u8, length: usize) {
    if bytes == buffer.as_mut_ptr() {
        // SAFETY: `cabi_realloc` has made room for this many bytes, and the host has written them.
        unsafe { buffer.set_len(length) };
    } else if length > 0 {
        // SAFETY: the host has got the memory from `cabi_realloc`, which then is the allocator's, with
        // alignment 1 and exactly this size.
        *buffer = unsafe { Vec::from_raw_parts(bytes, length, length) };
    }
}

/// The allocation of memory that the host writes to. It stands in for the weak one of wit-bindgen.
///
/// # Safety
/// Called by the host as the canonical ABI says.
#[cfg(target_arch = "wasm32")]
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
    let lent = LENT.replace(ptr::null_mut());
    if !lent.is_null() && old_length == 0 && align == 1 {
        // SAFETY: `receive` holds the buffer for the duration of the call, and does not touch it.
        let buffer = unsafe { &mut *lent };
        buffer.reserve(length);
        return buffer.as_mut_ptr();
    }
    // SAFETY: the arguments are the host's.
    unsafe { wit_bindgen::rt::cabi_realloc(old, old_length, align, length) }
}
