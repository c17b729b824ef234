//! Fetching memory into the cache before it is read.
//! Rows lie anywhere; a walk that knows which come next has them fetched all at once, where it would else
//! wait for each.
//! Invariant: nothing here changes what is read, only when.
#![allow(unsafe_code)]

/// The bytes of a cache line.
const LINE: usize = 64;

/// Has a value fetched, without waiting for it.
#[inline]
pub(crate) fn value<T>(value: &T) {
    let start: *const u8 = std::ptr::from_ref(value).cast();
    (0..size_of::<T>()).step_by(LINE).for_each(|offset| line(start.wrapping_add(offset)));
}

/// Has the first of these bytes fetched, without waiting for them: those in two lines at most.
#[inline]
pub(crate) fn from(address: *const u8, bytes: usize) {
    line(address);
    // Where both ends lie in one line the second is known to be on its way, and costs nothing.
    line(address.wrapping_add(bytes.clamp(1, LINE) - 1));
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch is a hint: it reads nothing that the program sees, and any address will do.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn line(_: *const u8) {
    // Where the standard library has no stable prefetch, the processor's own guesses must do.
}
