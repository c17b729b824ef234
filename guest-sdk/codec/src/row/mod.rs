//! The bytes of a row: its columns one after the other, each in its one encoding.
//! The same bytes carry the arguments of a call (the parameters one after the other) and its result.
//! Invariant: what [`validate`] accepts, [`decode`] decodes, and the value encodes to the same bytes.
//!
//! | type | bytes |
//! |---|---|
//! | bool | 0 or 1 |
//! | integers | fixed width, little-endian |
//! | f32, f64 | little-endian; a NaN is `0x7fc00000` or `0x7ff8000000000000` |
//! | char | its scalar value as u32, little-endian |
//! | string, list | the length as a minimal LEB128 u32, then the UTF-8 bytes or the elements |
//! | option | 0, or 1 and the value |
//! | result | 0 for ok or 1 for err, then what it carries |
//! | tuple, record | the elements one after the other |
//! | variant, enum | the index of the case in 1 byte (up to 256 cases), 2 or 4, then what it carries |
//! | flags | one bit a flag from the lowest of the first byte on, unused bits 0 |
//!
//! A list whose elements take no bytes (an empty tuple, flags without flags) must be empty: a few
//! bytes could otherwise declare four billion elements. WIT cannot express such types.

mod batch;
mod conversion;
mod dynamic;
mod layout;
mod program;
mod reader;
mod short;
#[cfg(test)]
mod tests;
mod text;
mod traits;
mod write;

pub use batch::{Batch, push_row, push_row_with};
pub use conversion::{ColumnSource, Conversion, ConversionError, same_bytes};
pub use dynamic::{decode, decode_all, encode, encode_all};
pub use layout::Layout;
pub use reader::Reader;
pub use traits::{Decode, Encode, from_bytes, to_bytes};
pub use write::{write_case, write_flags, write_length};

use crate::{DecodeError, ValueType};
use program::Program;

pub(crate) use layout::Place;

/// The canonical NaN of `f32`, as bits.
pub(crate) const CANONICAL_NAN_32: u32 = 0x7fc0_0000;
/// The canonical NaN of `f64`, as bits.
pub(crate) const CANONICAL_NAN_64: u64 = 0x7ff8_0000_0000_0000;

/// Checks that the whole input is the encoding of one value of the type.
///
/// This compiles the type first; use a [`Layout`] where many rows are checked.
///
/// # Errors
/// The first byte that is wrong, and why.
pub fn validate(bytes: &[u8], ty: &ValueType) -> Result<(), DecodeError> {
    let mut program = Program::default();
    program.push(ty);
    let mut reader = Reader::new(bytes);
    program.check(&mut reader)?;
    reader.finish()
}

/// How many bytes the index of a case takes in a type with this many cases.
pub(crate) const fn case_width(cases: usize) -> usize {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}
