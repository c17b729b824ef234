//! The columns of a key, compiled: how to take a key from a row, and how to read one.
//! It works on rows that were validated and looks only at the columns of the key.
//! Invariant: two rows whose key columns differ have different keys, in the order of those columns.

use super::sink::{PrefixSink, Sink};
use crate::{
    DecodeError, DecodeReason, EncodeError, UnsupportedKey, Value, ValueType,
    row::{Layout, Place, Reader, case_width},
};
use alloc::{string::String, vec::Vec};

/// The columns of a key, compiled.
#[derive(Clone, Debug)]
pub struct KeyLayout {
    row: Layout,
    columns: Vec<KeyPart>,
    fixed_size: Option<usize>,
    /// The one column of the commonest keys, beside the others so that nothing is looked up.
    single: Option<FixedPart>,
}

#[derive(Clone, Debug)]
struct KeyPart {
    column: usize,
    kind: KeyKind,
    /// Where it stands, if it is a number at a constant place in the row.
    fixed: Option<FixedPart>,
}

/// A number at a constant place in the row.
#[derive(Clone, Copy, Debug)]
struct FixedPart {
    at: usize,
    number: Number,
}

/// How a number is stored: its width in bytes is 1, 2, 4 or 8.
#[derive(Clone, Copy, Debug)]
struct Number {
    width: u8,
    /// The bit that is flipped so that negative numbers come first.
    flip: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
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

impl KeyLayout {
    /// Compiles the key that is made of these columns of a row, in this order.
    ///
    /// # Errors
    /// If the row has no such column, or its type has no order of bytes.
    pub fn new(row: &Layout, columns: &[usize]) -> Result<Self, UnsupportedKey> {
        let columns =
            columns.iter().map(|column| KeyPart::new(row, *column)).collect::<Result<Vec<_>, _>>()?;
        let fixed_size =
            columns.iter().map(|part| part.kind.number().map(|number| usize::from(number.width))).sum();
        let single = match columns.as_slice() {
            [part] => part.fixed,
            _ => None,
        };
        Ok(Self { row: row.clone(), columns, fixed_size, single })
    }

    /// How many columns the key has.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// How many bytes every key takes, if that is one number.
    #[inline]
    pub fn fixed_size(&self) -> Option<usize> {
        self.fixed_size
    }

    /// Appends the key of a row that was validated.
    ///
    /// # Panics
    /// If the row was not validated and is too short.
    #[inline]
    pub fn extract(&self, row: &[u8], out: &mut Vec<u8>) {
        for part in &self.columns {
            self.put(part, row, out);
        }
    }

    /// The first 16 bytes of the key of a row that was validated, as a number, zero-padded.
    ///
    /// Of two keys with different prefixes, the one with the smaller prefix is the smaller key. A key
    /// of a fixed size up to 16 is told from all others by its prefix.
    ///
    /// # Panics
    /// If the row was not validated and is too short.
    #[inline]
    pub fn prefix(&self, row: &[u8]) -> u128 {
        match self.single {
            Some(part) => u128::from(part.read(row)) << (128 - part.number.bits()),
            None => self.long_prefix(row),
        }
    }

    fn long_prefix(&self, row: &[u8]) -> u128 {
        let mut sink = PrefixSink::default();
        for part in &self.columns {
            self.put(part, row, &mut sink);
            if sink.is_full() {
                break;
            }
        }
        sink.number()
    }

    #[inline]
    fn put(&self, part: &KeyPart, row: &[u8], out: &mut impl Sink) {
        if let Some(fixed) = part.fixed {
            fixed.number.put(fixed.read(row), out);
        } else if let Some(number) = part.kind.number() {
            number.put(FixedPart { at: self.row.offset(row, part.column), number }.read(row), out);
        } else {
            let mut reader = Reader::new(&row[self.row.offset(row, part.column)..]);
            out.put_escaped(reader.bytes().expect("the row was validated"));
        }
    }

    /// The values of a whole key.
    ///
    /// # Errors
    /// If the bytes are not a key of these columns.
    pub fn decode(&self, key: &[u8]) -> Result<Vec<Value>, DecodeError> {
        let mut reader = Reader::new(key);
        let values =
            self.columns.iter().map(|part| part.kind.decode(&mut reader)).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(values)
    }

    /// Appends a key made of values, or the leading columns of one if there are fewer values.
    ///
    /// # Errors
    /// If there are more values than columns, or one is not of its type; then `out` is as it was.
    pub fn encode_values(&self, values: &[Value], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if values.len() > self.columns.len() {
            return Err(EncodeError::Count { expected: self.columns.len(), found: values.len() });
        }
        let before = out.len();
        self.columns
            .iter()
            .zip(values)
            .try_for_each(|(part, value)| part.kind.encode(value, out))
            .inspect_err(|_| out.truncate(before))
    }
}

impl KeyPart {
    fn new(row: &Layout, column: usize) -> Result<Self, UnsupportedKey> {
        let ty = row.types().get(column).ok_or(UnsupportedKey::NoSuchColumn(column))?;
        let kind = KeyKind::of(ty).ok_or(UnsupportedKey::Type { column, kind: ty.kind() })?;
        let fixed = match row.place(column) {
            Place::FromStart(at) => kind.number().map(|number| FixedPart { at, number }),
            Place::FromEnd(_) | Place::Behind { .. } => None,
        };
        Ok(Self { column, kind, fixed })
    }
}

impl FixedPart {
    /// The number, so turned that its order without sign is that of the values.
    #[inline]
    fn read(self, row: &[u8]) -> u64 {
        #[inline]
        fn bytes<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
            *row[at..].first_chunk().expect("the row was validated")
        }
        let number = match self.number.width {
            8 => u64::from_le_bytes(bytes(row, self.at)),
            4 => u64::from(u32::from_le_bytes(bytes(row, self.at))),
            2 => u64::from(u16::from_le_bytes(bytes(row, self.at))),
            _ => u64::from(row[self.at]),
        };
        number ^ self.number.flip
    }
}

impl Number {
    const fn new(width: u8, signed: bool) -> Self {
        Self { width, flip: if signed { 1 << (width * 8 - 1) } else { 0 } }
    }

    #[inline]
    fn bits(self) -> u32 {
        u32::from(self.width) * 8
    }

    #[inline]
    fn put(self, number: u64, out: &mut impl Sink) {
        let bytes = number.to_be_bytes();
        match self.width {
            8 => out.put(&bytes),
            4 => out.put(&bytes[4..]),
            2 => out.put(&bytes[6..]),
            _ => out.put(&bytes[7..]),
        }
    }

    #[inline]
    fn take(self, reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
        let bytes = reader.take(usize::from(self.width))?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) ^ self.flip)
    }
}

impl KeyKind {
    fn of(ty: &ValueType) -> Option<Self> {
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
    fn number(self) -> Option<Number> {
        Some(match self {
            Self::Bool | Self::U8 => Number::new(1, false),
            Self::U16 => Number::new(2, false),
            Self::U32 | Self::Char => Number::new(4, false),
            Self::U64 => Number::new(8, false),
            Self::S8 => Number::new(1, true),
            Self::S16 => Number::new(2, true),
            Self::S32 => Number::new(4, true),
            Self::S64 => Number::new(8, true),
            Self::Enum { cases } => Number::new(case_width(cases as usize) as u8, false),
            Self::String | Self::Bytes => return None,
        })
    }

    fn decode(self, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
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

    fn encode(self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
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
