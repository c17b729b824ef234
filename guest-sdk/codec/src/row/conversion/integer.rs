//! Integers in wider types: every value of the narrow type is one of the wide type.
//! Little-endian numbers grow at their end: by zeros, or by the sign where the narrow type has one.
//! Invariant: a widening exists exactly where no value is lost.

use crate::ValueType;
use alloc::vec::Vec;

/// How an integer of one type becomes one of a wider type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widening {
    signed: bool,
    width: usize,
}

impl Widening {
    /// The widening from one type to another, if the other holds all values of the first and is wider.
    pub(super) fn new(old: &ValueType, new: &ValueType) -> Option<Self> {
        let ((old_width, signed), (width, new_signed)) = (integer(old)?, integer(new)?);
        let holds = width > old_width && (!signed || new_signed);
        holds.then_some(Self { signed, width })
    }

    /// This one, and then another.
    pub(super) fn then(self, next: Self) -> Self {
        // A number without a sign has none in the wider type either.
        Self { signed: self.signed, width: next.width }
    }

    pub(super) fn write(self, value: &[u8], out: &mut Vec<u8>) {
        let negative = self.signed && value.last().is_some_and(|last| *last >= 0x80);
        let end = out.len() + self.width;
        out.extend_from_slice(value);
        out.resize(end, if negative { 0xff } else { 0 });
    }
}

/// The bytes of an integer, and whether it has a sign.
fn integer(ty: &ValueType) -> Option<(usize, bool)> {
    match ty {
        ValueType::U8 => Some((1, false)),
        ValueType::U16 => Some((2, false)),
        ValueType::U32 => Some((4, false)),
        ValueType::U64 => Some((8, false)),
        ValueType::S8 => Some((1, true)),
        ValueType::S16 => Some((2, true)),
        ValueType::S32 => Some((4, true)),
        ValueType::S64 => Some((8, true)),
        _ => None,
    }
}
