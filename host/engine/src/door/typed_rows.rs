//! Rows of one table as typed values: where one ends and the next begins, and how the value of an
//! auto-increment column is put into a row that has none yet.
//! Invariant: it is given rows that lifting has validated, and what it makes of them is valid too.

use crate::canonical::Buffer;
use interstice_codec::row::{Batch, Layout, Reader, push_row, write_length};
use interstice_codec::{DecodeError, ValueType};

/// The rows of a table.
pub(super) struct Rows {
    layout: Layout,
    auto_increment: Option<usize>,
}

impl Rows {
    pub(super) fn new(columns: &[ValueType], auto_increment: Option<usize>) -> Self {
        Rows { layout: Layout::new(columns), auto_increment }
    }

    /// Turns `list<row>` into a batch, and says how many rows there are.
    pub(super) fn batch(&self, list: &[u8]) -> Result<(Buffer, u32), DecodeError> {
        let mut reader = Reader::new(list);
        let count = reader.length()?;
        let mut batch = Buffer::take();
        for _ in 0..count {
            let rest = reader.remaining();
            for column in self.layout.types() {
                skip(column, &mut reader)?;
            }
            push_row(&rest[..rest.len() - reader.remaining().len()], &mut batch);
        }
        Ok((batch, count))
    }

    /// Appends a row with its auto-increment value, if the table has such a column.
    pub(super) fn append(&self, row: &[u8], number: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(row);
        if let Some(column) = self.auto_increment {
            let place = self.layout.column(row, column);
            let offset = start + place.as_ptr().addr() - row.as_ptr().addr();
            out[offset..][..place.len()].copy_from_slice(&number.to_le_bytes()[..place.len()]);
        }
    }

    /// Appends `list<row>` from a batch and the auto-increment values of its rows.
    pub(super) fn append_all(
        &self,
        batch: &[u8],
        count: u32,
        numbers: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        write_length(count as usize, out);
        let mut numbers = numbers.chunks_exact(8);
        for row in Batch::new(batch) {
            match numbers.next().and_then(|number| number.first_chunk()) {
                Some(number) => self.append(row?, u64::from_le_bytes(*number), out),
                None => out.extend_from_slice(row?),
            }
        }
        Ok(())
    }
}

/// Passes over a value.
fn skip(ty: &ValueType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match ty {
        ValueType::Bool | ValueType::U8 | ValueType::S8 => reader.take(1).map(drop),
        ValueType::U16 | ValueType::S16 => reader.take(2).map(drop),
        ValueType::U32 | ValueType::S32 | ValueType::F32 | ValueType::Char => reader.take(4).map(drop),
        ValueType::U64 | ValueType::S64 | ValueType::F64 => reader.take(8).map(drop),
        ValueType::String => reader.bytes().map(drop),
        ValueType::List(element) if **element == ValueType::U8 => reader.bytes().map(drop),
        ValueType::List(element) => (0..reader.count()?).try_for_each(|_| skip(element, reader)),
        ValueType::Option(some) => match reader.case(2)? {
            0 => Ok(()),
            _ => skip(some, reader),
        },
        ValueType::Result { ok, err } => {
            let payload = if reader.case(2)? == 0 { ok } else { err };
            payload.as_deref().map_or(Ok(()), |ty| skip(ty, reader))
        }
        ValueType::Tuple(elements) => elements.iter().try_for_each(|ty| skip(ty, reader)),
        ValueType::Record(fields) => fields.iter().try_for_each(|field| skip(&field.ty, reader)),
        ValueType::Variant(cases) => {
            let case = reader.case(count(cases.len()))?;
            cases[case as usize].ty.as_ref().map_or(Ok(()), |ty| skip(ty, reader))
        }
        ValueType::Enum(cases) => reader.case(count(cases.len())).map(drop),
        ValueType::Flags(flags) => reader.take(flags.len().div_ceil(8)).map(drop),
    }
}

fn count(cases: usize) -> u32 {
    u32::try_from(cases).unwrap_or(u32::MAX)
}
