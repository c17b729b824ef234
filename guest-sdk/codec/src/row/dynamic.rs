//! Encoding of values whose type is known only at run time.
//! It follows the type step by step, for tools and for the edges of the host; rows on their way
//! through the database are checked by a [`Layout`](super::Layout) and never decoded.
//! Invariant: recursion is as deep as the type, whatever the bytes say.

use super::{Encode, Reader, traits::room_for, write_case, write_flags, write_length};
use crate::{DecodeError, DecodeReason, EncodeError, Value, ValueType};
use alloc::{boxed::Box, vec, vec::Vec};

/// Appends the encoding of a value.
///
/// # Errors
/// If the value is not of the type; then `out` is as it was.
pub fn encode(value: &Value, ty: &ValueType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let before = out.len();
    encode_value(value, ty, out).inspect_err(|_| out.truncate(before))
}

/// Appends the encodings of the columns of a row, or of the arguments of a call.
///
/// # Errors
/// If there are more or fewer values than types, or one is not of its type; then `out` is as it was.
pub fn encode_all(values: &[Value], types: &[ValueType], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let before = out.len();
    encode_sequence(values, types.iter(), out).inspect_err(|_| out.truncate(before))
}

/// The value whose encoding is the whole input.
///
/// # Errors
/// The first byte that is wrong, and why.
pub fn decode(bytes: &[u8], ty: &ValueType) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = decode_value(&mut reader, ty)?;
    reader.finish()?;
    Ok(value)
}

/// The columns of a row, or the arguments of a call, whose encoding is the whole input.
///
/// # Errors
/// The first byte that is wrong, and why.
pub fn decode_all(bytes: &[u8], types: &[ValueType]) -> Result<Vec<Value>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let values = decode_sequence(&mut reader, types.iter())?;
    reader.finish()?;
    Ok(values)
}

fn encode_value(value: &Value, ty: &ValueType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match (ty, value) {
        (ValueType::Bool, Value::Bool(value)) => value.encode(out),
        (ValueType::U8, Value::U8(value)) => value.encode(out),
        (ValueType::U16, Value::U16(value)) => value.encode(out),
        (ValueType::U32, Value::U32(value)) => value.encode(out),
        (ValueType::U64, Value::U64(value)) => value.encode(out),
        (ValueType::S8, Value::S8(value)) => value.encode(out),
        (ValueType::S16, Value::S16(value)) => value.encode(out),
        (ValueType::S32, Value::S32(value)) => value.encode(out),
        (ValueType::S64, Value::S64(value)) => value.encode(out),
        (ValueType::F32, Value::F32(value)) => value.encode(out),
        (ValueType::F64, Value::F64(value)) => value.encode(out),
        (ValueType::Char, Value::Char(value)) => value.encode(out),
        (ValueType::String, Value::String(value)) => {
            checked_length(value.len())?;
            value.encode(out);
        }
        (ValueType::List(element), Value::Bytes(value)) if **element == ValueType::U8 => {
            checked_length(value.len())?;
            value.encode(out);
        }
        (ValueType::List(element), Value::List(values)) if **element != ValueType::U8 => {
            checked_length(values.len())?;
            if !values.is_empty() && element.takes_no_bytes() {
                return Err(EncodeError::EmptyElements(values.len()));
            }
            write_length(values.len(), out);
            for value in values {
                encode_value(value, element, out)?;
            }
        }
        (ValueType::Option(some), Value::Option(value)) => {
            out.push(u8::from(value.is_some()));
            if let Some(value) = value {
                encode_value(value, some, out)?;
            }
        }
        (ValueType::Result { ok, err }, Value::Result(value)) => {
            let (index, ty, value) = match value {
                Ok(value) => (0, ok, value),
                Err(value) => (1, err, value),
            };
            out.push(index);
            encode_payload(u32::from(index), value.as_deref(), ty.as_deref(), out)?;
        }
        (ValueType::Tuple(types), Value::Tuple(values)) => encode_sequence(values, types.iter(), out)?,
        (ValueType::Record(fields), Value::Record(values)) => {
            encode_sequence(values, fields.iter().map(|field| &field.ty), out)?;
        }
        (ValueType::Variant(cases), Value::Variant(index, value)) => {
            let case =
                cases.get(*index as usize).ok_or(EncodeError::Case { index: *index, cases: cases.len() })?;
            write_case(*index, cases.len() as u32, out);
            encode_payload(*index, value.as_deref(), case.ty.as_ref(), out)?;
        }
        (ValueType::Enum(cases), Value::Enum(index)) => {
            if *index as usize >= cases.len() {
                return Err(EncodeError::Case { index: *index, cases: cases.len() });
            }
            write_case(*index, cases.len() as u32, out);
        }
        (ValueType::Flags(flags), Value::Flags(words)) => {
            let unused = words.len() * 32 - flags.len().min(words.len() * 32);
            let spill = words.last().is_some_and(|last| unused > 0 && last.leading_zeros() < unused as u32);
            if words.len() != flags.len().div_ceil(32) || spill {
                return Err(EncodeError::Flags);
            }
            write_flags(words, flags.len() as u32, out);
        }
        (ty, value) => return Err(EncodeError::Kind { expected: ty.kind(), found: value.kind() }),
    }
    Ok(())
}

fn encode_sequence<'a>(
    values: &[Value],
    types: impl ExactSizeIterator<Item = &'a ValueType>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if values.len() != types.len() {
        return Err(EncodeError::Count { expected: types.len(), found: values.len() });
    }
    for (value, ty) in values.iter().zip(types) {
        encode_value(value, ty, out)?;
    }
    Ok(())
}

fn encode_payload(
    index: u32,
    value: Option<&Value>,
    ty: Option<&ValueType>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match (value, ty) {
        (None, None) => Ok(()),
        (Some(value), Some(ty)) => encode_value(value, ty, out),
        _ => Err(EncodeError::Payload { index }),
    }
}

fn checked_length(length: usize) -> Result<(), EncodeError> {
    u32::try_from(length).map(|_| ()).map_err(|_| EncodeError::TooLong(length))
}

fn decode_value(reader: &mut Reader<'_>, ty: &ValueType) -> Result<Value, DecodeError> {
    Ok(match ty {
        ValueType::Bool => Value::Bool(reader.bool()?),
        ValueType::U8 => Value::U8(u8::from_le_bytes(reader.array()?)),
        ValueType::U16 => Value::U16(u16::from_le_bytes(reader.array()?)),
        ValueType::U32 => Value::U32(u32::from_le_bytes(reader.array()?)),
        ValueType::U64 => Value::U64(u64::from_le_bytes(reader.array()?)),
        ValueType::S8 => Value::S8(i8::from_le_bytes(reader.array()?)),
        ValueType::S16 => Value::S16(i16::from_le_bytes(reader.array()?)),
        ValueType::S32 => Value::S32(i32::from_le_bytes(reader.array()?)),
        ValueType::S64 => Value::S64(i64::from_le_bytes(reader.array()?)),
        ValueType::F32 => Value::F32(reader.f32()?),
        ValueType::F64 => Value::F64(reader.f64()?),
        ValueType::Char => Value::Char(reader.char()?),
        ValueType::String => Value::String(reader.text()?.into()),
        ValueType::List(element) if **element == ValueType::U8 => Value::Bytes(reader.bytes()?.into()),
        ValueType::List(element) => Value::List(decode_list(reader, element)?),
        ValueType::Option(some) => Value::Option(match reader.case(2)? {
            0 => None,
            _ => Some(Box::new(decode_value(reader, some)?)),
        }),
        ValueType::Result { ok, err } => Value::Result(match reader.case(2)? {
            0 => Ok(decode_payload(reader, ok.as_deref())?),
            _ => Err(decode_payload(reader, err.as_deref())?),
        }),
        ValueType::Tuple(types) => Value::Tuple(decode_sequence(reader, types.iter())?),
        ValueType::Record(fields) => {
            Value::Record(decode_sequence(reader, fields.iter().map(|field| &field.ty))?)
        }
        ValueType::Variant(cases) => {
            let index = reader.case(cases.len() as u32)?;
            Value::Variant(index, decode_payload(reader, cases[index as usize].ty.as_ref())?)
        }
        ValueType::Enum(cases) => Value::Enum(reader.case(cases.len() as u32)?),
        ValueType::Flags(flags) => {
            let mut words = vec![0; flags.len().div_ceil(32)];
            reader.flags_into(flags.len() as u32, &mut words)?;
            Value::Flags(words)
        }
    })
}

fn decode_list(reader: &mut Reader<'_>, element: &ValueType) -> Result<Vec<Value>, DecodeError> {
    let before = reader.offset();
    if element.takes_no_bytes() {
        return match reader.length()? {
            0 => Ok(Vec::new()),
            length => Err(DecodeError::new(before, DecodeReason::EmptyElements(length))),
        };
    }
    let count = reader.count()?;
    let mut values = Vec::with_capacity(room_for::<Value>(count, reader));
    for _ in 0..count {
        values.push(decode_value(reader, element)?);
    }
    Ok(values)
}

fn decode_sequence<'a>(
    reader: &mut Reader<'_>,
    types: impl ExactSizeIterator<Item = &'a ValueType>,
) -> Result<Vec<Value>, DecodeError> {
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        values.push(decode_value(reader, ty)?);
    }
    Ok(values)
}

fn decode_payload(
    reader: &mut Reader<'_>,
    ty: Option<&ValueType>,
) -> Result<Option<Box<Value>>, DecodeError> {
    ty.map(|ty| decode_value(reader, ty).map(Box::new)).transpose()
}
