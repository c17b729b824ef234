//! Values between rows and guests: the bytes of the row codec on one side, the component model's
//! canonical ABI on the other, with nothing in between.
//! The type that wasmtime found in the component drives each conversion, so that no signature needs
//! to be known when the host is compiled.
//! Invariant: bytes that are not the one encoding of their type are refused, never repaired.

mod abi;
mod buffer;
mod flat;
mod lift;
mod lower;
#[cfg(test)]
mod tests;

pub(crate) use abi::{Arguments, BadArguments, Outcome, Params, Reply};
pub(crate) use buffer::Buffer;
pub(crate) use flat::{MAX_FLAT_PARAMS, flat_count};
pub(crate) use lift::TooLarge;
