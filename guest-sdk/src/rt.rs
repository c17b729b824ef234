//! What generated bindings use and authors do not: the runtime of `wit-bindgen`, the doors to a
//! table, and the entrance of a call.
//! Invariant: a context can only be made from an [`Entered`], which only an exported call makes.

pub use crate::door::{RawReads, RawWrites, ReadDoor, Violation, WriteDoor};
pub use crate::host::no_host;
pub use wit_bindgen::rt::*;

use crate::Call;

/// Proof that the host has called an export of this module.
#[derive(Debug)]
pub struct Entered {
    _private: (),
}

/// Begins an exported call. The first one in an instance tells the host about panics from then on.
#[inline]
pub fn enter() -> Entered {
    crate::panic::report_to_host();
    Entered { _private: () }
}

/// The circumstances of the call.
#[inline]
pub fn call(_: &Entered) -> Call {
    Call::new()
}
