//! The columns of a key, compiled: how to take a key from a row, and how to read one.
//! It works on rows that were validated and looks only at the columns of the key.
//! Invariant: two rows whose key columns differ have different keys, in the order of those columns.

use super::{
    kind::{KeyKind, Number},
    sink::{PrefixSink, Sink},
};
use crate::{
    DecodeError, EncodeError, UnsupportedKey, Value,
    row::{Layout, Place, Reader},
};
use alloc::vec::Vec;

/// The columns of a key, compiled.
#[derive(Clone, Debug)]
pub struct KeyLayout {
    row: Layout,
    columns: Vec<KeyPart>,
    fixed_size: Option<usize>,
    prefix: PrefixPlan,
}

/// How the first 16 bytes of a key are found.
#[derive(Clone, Debug)]
enum PrefixPlan {
    /// The key is one number.
    Number(FixedPart),
    /// The key is several numbers, together at most 16 bytes.
    Numbers(Vec<FixedPart>),
    /// The key is one string or `list<u8>`.
    Text { column: usize },
    /// The columns are written out one after the other.
    Columns,
}

#[derive(Clone, Debug)]
struct KeyPart {
    column: usize,
    kind: KeyKind,
    /// Where it stands, if it is a number at a constant place in the row.
    fixed: Option<FixedPart>,
}

/// A number at a constant distance from the start or the end of the row.
#[derive(Clone, Copy, Debug)]
struct FixedPart {
    distance: usize,
    from_end: bool,
    number: Number,
}

impl KeyLayout {
    /// Compiles the key that is made of these columns of a row, in this order.
    ///
    /// # Errors
    /// If the row has no such column, or its type has no order of bytes.
    pub fn new(row: &Layout, columns: &[usize]) -> Result<Self, UnsupportedKey> {
        let columns =
            columns.iter().map(|column| KeyPart::new(row, *column)).collect::<Result<Vec<_>, _>>()?;
        let sizes = columns.iter().map(|part| part.kind.number().map(|number| number.width as usize));
        let fixed_size = sizes.sum();
        let prefix = PrefixPlan::new(&columns, fixed_size);
        Ok(Self { row: row.clone(), columns, fixed_size, prefix })
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
        match &self.prefix {
            PrefixPlan::Number(part) => u128::from(part.read(row) << (64 - part.number.width.bits())) << 64,
            PrefixPlan::Numbers(parts) => {
                let (mut prefix, mut free) = (0, 128);
                for part in parts {
                    free -= part.number.width.bits();
                    prefix |= u128::from(part.read(row)) << free;
                }
                prefix
            }
            PrefixPlan::Text { column } => {
                text_prefix(&row[self.row.offset(row, *column)..]).unwrap_or_else(|| self.long_prefix(row))
            }
            PrefixPlan::Columns => self.long_prefix(row),
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
        if let Some(fixed) = &part.fixed {
            fixed.number.put(fixed.read(row), out);
        } else if let Some(number) = part.kind.number() {
            number.put(number.read(&row[self.row.offset(row, part.column)..]), out);
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
        let fixed = kind.number().and_then(|number| match row.place(column) {
            Place::FromStart(distance) => Some(FixedPart { distance, from_end: false, number }),
            Place::FromEnd(distance) => Some(FixedPart { distance, from_end: true, number }),
            Place::Behind { .. } => None,
        });
        Ok(Self { column, kind, fixed })
    }
}

impl PrefixPlan {
    fn new(columns: &[KeyPart], fixed_size: Option<usize>) -> Self {
        let numbers = columns.iter().map(|part| part.fixed).collect::<Option<Vec<_>>>();
        match (columns, numbers) {
            ([KeyPart { fixed: Some(part), .. }], _) => Self::Number(*part),
            ([KeyPart { kind: KeyKind::String | KeyKind::Bytes, column, .. }], _) => {
                Self::Text { column: *column }
            }
            (_, Some(parts)) if fixed_size.is_some_and(|size| size <= 16) => Self::Numbers(parts),
            _ => Self::Columns,
        }
    }
}

impl FixedPart {
    #[inline]
    fn read(&self, row: &[u8]) -> u64 {
        let at = if self.from_end { row.len() - self.distance } else { self.distance };
        self.number.read(&row[at..])
    }
}

/// The prefix of a key that is the string at the start of the bytes alone, unless it holds a zero byte
/// and so is escaped. Its end is zeros, as what is missing from a prefix is.
#[inline]
fn text_prefix(bytes: &[u8]) -> Option<u128> {
    let (length @ 0..0x80, rest) = bytes.split_first()? else { return None };
    let start = u128::from_be_bytes(*rest.first_chunk()?);
    let beyond = match length {
        0 => return Some(0),
        1..16 => u128::MAX >> (8 * length),
        _ => 0,
    };
    (!has_zero(start | beyond)).then_some(start & !beyond)
}

/// Whether one of the 16 bytes is zero.
#[inline]
fn has_zero(bytes: u128) -> bool {
    const ONES: u128 = u128::MAX / 0xff;
    bytes.wrapping_sub(ONES) & !bytes & (ONES << 7) != 0
}
