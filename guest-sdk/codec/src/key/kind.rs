//! The kinds of column that a key can have, and how each is written and read.
//! Everything but strings and bytes is a number of 1, 2, 4 or 8 bytes, and is treated as one.
//! Invariant: the order of the bytes of a column is the order of its values.

use super::sink::Sink;
use crate::{
    DecodeError, DecodeReason, EncodeError, Value, ValueType,
    row::{Reader, case_width},
};
use alloc::{string::String, vec::Vec};

/// The type of a column that a key can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Bool,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    Char,
    Enum { cases: u32 },
    String,
    Bytes,
}

/// How a number is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) width: Width,
    /// The bit that is flipped so that negative numbers come first.
    flip: u64,
}

/// The width of a number in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Width {
    One = 1,
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl KeyKind {
    pub(super) fn of(ty: &ValueType) -> Option<Self> {
        Some(match ty {
            ValueType::Bool => Self::Bool,
            ValueType::U8 => Self::U8,
            ValueType::U16 => Self::U16,
            ValueType::U32 => Self::U32,
            ValueType::U64 => Self::U64,
            ValueType::S8 => Self::S8,
            ValueType::S16 => Self::S16,
            ValueType::S32 => Self::S32,
            ValueType::S64 => Self::S64,
            ValueType::Char => Self::Char,
            ValueType::Enum(cases) => Self::Enum { cases: cases.len() as u32 },
            ValueType::String => Self::String,
            ValueType::List(_) if ty.is_bytes() => Self::Bytes,
            _ => return None,
        })
    }

    /// How the column is stored, if it is a number.
    #[inline]
    pub(super) fn number(self) -> Option<Number> {
        Some(match self {
            Self::Bool | Self::U8 => Number::new(Width::One, false),
            Self::U16 => Number::new(Width::Two, false),
            Self::U32 | Self::Char => Number::new(Width::Four, false),
            Self::U64 => Number::new(Width::Eight, false),
            Self::S8 => Number::new(Width::One, true),
            Self::S16 => Number::new(Width::Two, true),
            Self::S32 => Number::new(Width::Four, true),
            Self::S64 => Number::new(Width::Eight, true),
            Self::Enum { cases } => match case_width(cases as usize) {
                1 => Number::new(Width::One, false),
                2 => Number::new(Width::Two, false),
                _ => Number::new(Width::Four, false),
            },
            Self::String | Self::Bytes => return None,
        })
    }

    pub(super) fn decode(self, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
        let before = reader.offset();
        let error = |reason| DecodeError::new(before, reason);
        let Some(number) = self.number() else {
            let bytes = unescape(reader)?;
            return match self {
                Self::Bytes => Ok(Value::Bytes(bytes)),
                _ => String::from_utf8(bytes).map(Value::String).map_err(|_| error(DecodeReason::Utf8)),
            };
        };
        let number = number.take(reader)?;
        Ok(match self {
            Self::Bool if number > 1 => return Err(error(DecodeReason::Bool(number as u8))),
            Self::Bool => Value::Bool(number == 1),
            Self::U8 => Value::U8(number as u8),
            Self::U16 => Value::U16(number as u16),
            Self::U32 => Value::U32(number as u32),
            Self::U64 => Value::U64(number),
            Self::S8 => Value::S8(number as i8),
            Self::S16 => Value::S16(number as i16),
            Self::S32 => Value::S32(number as i32),
            Self::S64 => Value::S64(number as i64),
            Self::Char => Value::Char(
                char::from_u32(number as u32).ok_or_else(|| error(DecodeReason::Char(number as u32)))?,
            ),
            Self::Enum { cases } if number >= u64::from(cases) => {
                return Err(error(DecodeReason::Case { index: number as u32, cases }));
            }
            _ => Value::Enum(number as u32),
        })
    }

    pub(super) fn encode(self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let number = match (self, value) {
            (Self::Bool, Value::Bool(value)) => u64::from(*value),
            (Self::U8, Value::U8(value)) => u64::from(*value),
            (Self::U16, Value::U16(value)) => u64::from(*value),
            (Self::U32, Value::U32(value)) => u64::from(*value),
            (Self::U64, Value::U64(value)) => *value,
            (Self::S8, Value::S8(value)) => *value as u64,
            (Self::S16, Value::S16(value)) => *value as u64,
            (Self::S32, Value::S32(value)) => *value as u64,
            (Self::S64, Value::S64(value)) => *value as u64,
            (Self::Char, Value::Char(value)) => u64::from(*value),
            (Self::Enum { cases }, Value::Enum(index)) if *index >= cases => {
                return Err(EncodeError::Case { index: *index, cases: cases as usize });
            }
            (Self::Enum { .. }, Value::Enum(index)) => u64::from(*index),
            (Self::String, Value::String(text)) => {
                out.put_escaped(text.as_bytes());
                return Ok(());
            }
            (Self::Bytes, Value::Bytes(bytes)) => {
                out.put_escaped(bytes);
                return Ok(());
            }
            _ => return Err(EncodeError::Kind { expected: self.name(), found: value.kind() }),
        };
        if let Some(layout) = self.number() {
            layout.put(number ^ layout.flip, out);
        }
        Ok(())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::Char => "char",
            Self::Enum { .. } => "enum",
            Self::String => "string",
            Self::Bytes => "list<u8>",
        }
    }
}

impl Width {
    #[inline]
    pub(super) fn bits(self) -> u32 {
        self as u32 * 8
    }
}

impl Number {
    const fn new(width: Width, signed: bool) -> Self {
        Self { width, flip: if signed { 1 << (width as u32 * 8 - 1) } else { 0 } }
    }

    /// The number at the start of the bytes, so turned that its order without sign is that of the values.
    #[inline]
    pub(super) fn read(&self, bytes: &[u8]) -> u64 {
        #[inline]
        fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
            *bytes.first_chunk().expect("the row was validated")
        }
        let number = match self.width {
            Width::Eight => u64::from_le_bytes(first(bytes)),
            Width::Four => u64::from(u32::from_le_bytes(first(bytes))),
            Width::Two => u64::from(u16::from_le_bytes(first(bytes))),
            Width::One => u64::from(u8::from_le_bytes(first(bytes))),
        };
        number ^ self.flip
    }

    #[inline]
    pub(super) fn put(self, number: u64, out: &mut impl Sink) {
        let bytes = number.to_be_bytes();
        match self.width {
            Width::Eight => out.put(&bytes),
            Width::Four => out.put(&bytes[4..]),
            Width::Two => out.put(&bytes[6..]),
            Width::One => out.put(&bytes[7..]),
        }
    }

    #[inline]
    fn take(self, reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
        let bytes = reader.take(self.width as usize)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) ^ self.flip)
    }
}

/// Reads a string or `list<u8>` up to and with its end.
fn unescape(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    loop {
        let rest = reader.remaining();
        let run = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        bytes.extend_from_slice(reader.take(run)?);
        let before = reader.offset();
        match reader.array::<2>()? {
            [_, 0x00] => return Ok(bytes),
            [_, 0xff] => bytes.push(0),
            [_, byte] => return Err(DecodeError::new(before, DecodeReason::Escape(byte))),
        }
    }
}
