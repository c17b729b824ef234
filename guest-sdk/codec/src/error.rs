//! What can be wrong with bytes, with a value, or with the columns chosen for a key.
//! The errors hold no allocated text, so that a guest pays for a message only where it prints one.
//! Invariant: a [`DecodeError`] names the first byte that could not be read as the type demands.

use core::fmt;

/// Bytes that are not the encoding of any value of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Where the offending item begins, in bytes from the start of the input; the length of the input
    /// if it ends too early.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: DecodeReason,
}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The input ends within an item.
    EndOfInput,
    /// The value is complete and the input goes on.
    TrailingBytes,
    /// A bool is neither 0 nor 1.
    Bool(u8),
    /// A char is not a Unicode scalar value.
    Char(u32),
    /// A string is not UTF-8.
    Utf8,
    /// A NaN has other bits than the canonical one.
    Nan,
    /// A length is not written in its shortest form.
    LengthNotMinimal,
    /// A length does not fit in 32 bits.
    LengthOverflow,
    /// A list declares more elements than the rest of the input can hold.
    LengthBeyondInput(u32),
    /// A list whose elements take no bytes declares some.
    EmptyElements(u32),
    /// The index of a case is not among the cases of the type.
    Case {
        /// The index that was found.
        index: u32,
        /// How many cases the type has.
        cases: u32,
    },
    /// A bit is set that belongs to no flag.
    Flag,
    /// A zero byte in a key is followed by neither of the two bytes that may follow it.
    Escape(u8),
}

/// A value that is not of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value is of another kind than the type.
    Kind {
        /// The kind of the type.
        expected: &'static str,
        /// The kind of the value.
        found: &'static str,
    },
    /// A record, a tuple or a row has another number of values than its type.
    Count {
        /// How many the type has.
        expected: usize,
        /// How many the value has.
        found: usize,
    },
    /// The index of a case is not among the cases of the type.
    Case {
        /// The index in the value.
        index: u32,
        /// How many cases the type has.
        cases: usize,
    },
    /// A case that carries something has nothing, or the other way round.
    Payload {
        /// The index of the case; of a result, 0 is ok and 1 is err.
        index: u32,
    },
    /// A bit is set that belongs to no flag, or words are missing or left over.
    Flags,
    /// A string or list has more elements than a 32-bit length can say.
    TooLong(usize),
    /// A list whose elements take no bytes has some.
    EmptyElements(usize),
}

/// A column that cannot be part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedKey {
    /// The row has no such column.
    NoSuchColumn(usize),
    /// The type of the column has no order of bytes.
    Type {
        /// The position of the column in the row.
        column: usize,
        /// The kind of its type.
        kind: &'static str,
    },
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(offset: usize, reason: DecodeReason) -> Self {
        Self { offset, reason }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.reason)
    }
}

impl fmt::Display for DecodeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfInput => f.write_str("the input ends within a value"),
            Self::TrailingBytes => f.write_str("the value is complete, yet bytes follow"),
            Self::Bool(byte) => write!(f, "a bool is 0 or 1, not {byte}"),
            Self::Char(code) => write!(f, "{code:#x} is not a Unicode scalar value"),
            Self::Utf8 => f.write_str("the string is not UTF-8"),
            Self::Nan => f.write_str("a NaN that is not the canonical one"),
            Self::LengthNotMinimal => f.write_str("a length that is not in its shortest form"),
            Self::LengthOverflow => f.write_str("a length that does not fit in 32 bits"),
            Self::LengthBeyondInput(length) => {
                write!(f, "{length} elements are declared, more than the input can hold")
            }
            Self::EmptyElements(length) => {
                write!(f, "{length} elements that take no bytes; such a list must be empty")
            }
            Self::Case { index, cases } => write!(f, "case {index} of a type that has {cases}"),
            Self::Flag => f.write_str("a bit is set that belongs to no flag"),
            Self::Escape(byte) => write!(f, "a zero byte in a key is followed by {byte:#04x}"),
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Count { expected, found } => write!(f, "expected {expected} values, found {found}"),
            Self::Case { index, cases } => write!(f, "case {index} of a type that has {cases}"),
            Self::Payload { index } => {
                write!(f, "case {index} carries something where it should not, or nothing where it should")
            }
            Self::Flags => f.write_str("the bits do not match the flags of the type"),
            Self::TooLong(length) => write!(f, "{length} elements are more than a 32-bit length can say"),
            Self::EmptyElements(length) => {
                write!(f, "{length} elements that take no bytes; such a list must be empty")
            }
        }
    }
}

impl fmt::Display for UnsupportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchColumn(column) => write!(f, "the row has no column {column}"),
            Self::Type { column, kind } => {
                write!(
                    f,
                    "column {column} is a {kind}, and keys are made of bool, integers, char, string, enum and list<u8>"
                )
            }
        }
    }
}

impl core::error::Error for DecodeError {}
impl core::error::Error for EncodeError {}
impl core::error::Error for UnsupportedKey {}
