//! From bytes to a guest: reads the row encoding of a value and writes it as flat core values or
//! into linear memory.
//! Room in the guest comes from the guest's own `realloc`, which wasmtime calls and checks.
//! Invariant: nothing is written for bytes that are not an encoding of the type, beyond memory that
//! the guest gave for it.

use super::lift::unsupported;
use interstice_codec::row::Reader;
use interstice_codec::{DecodeError, DecodeReason};
use std::slice;
use wasmtime::component::__internal::wasmtime_environ::component::{StringEncoding, VariantInfo};
use wasmtime::component::__internal::{InterfaceType, LowerContext};
use wasmtime::component::Lower;
use wasmtime::{Result, ValRaw, bail};

/// Writes the next value of the row into memory at `offset`, which is aligned and in bounds.
pub(super) fn store<T>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    row: &mut Reader<'_>,
    offset: usize,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => *cx.get(offset) = [u8::from(row.bool()?)],
        InterfaceType::U8 | InterfaceType::S8 => *cx.get(offset) = row.array::<1>()?,
        InterfaceType::U16 | InterfaceType::S16 => *cx.get(offset) = row.array::<2>()?,
        InterfaceType::U32 | InterfaceType::S32 => *cx.get(offset) = row.array::<4>()?,
        InterfaceType::U64 | InterfaceType::S64 => *cx.get(offset) = row.array::<8>()?,
        InterfaceType::Float32 => *cx.get(offset) = row.f32()?.to_le_bytes(),
        InterfaceType::Float64 => *cx.get(offset) = row.f64()?.to_le_bytes(),
        InterfaceType::Char => *cx.get(offset) = u32::from(row.char()?).to_le_bytes(),
        InterfaceType::String => store_pair(cx, offset, |cx| lower_string(cx, row))?,
        InterfaceType::List(index) => {
            store_pair(cx, offset, |cx| lower_list(cx, types[index].element, row))?;
        }
        InterfaceType::Record(index) => {
            let mut at = offset;
            for field in &types[index].fields {
                let start = types.canonical_abi(&field.ty).next_field32_size(&mut at);
                store(cx, field.ty, row, start)?;
            }
        }
        InterfaceType::Tuple(index) => store_tuple(cx, &types[index].types, row, offset)?,
        InterfaceType::Variant(index) => {
            let variant = &types[index];
            let case = row.case(count_of(variant.cases.len())?)?;
            let payload = variant.cases.get_index(case as usize).and_then(|(_, payload)| *payload);
            store_case(cx, &variant.info, case, payload, row, offset)?;
        }
        InterfaceType::Option(index) => {
            let case = row.case(2)?;
            let payload = if case == 1 { Some(types[index].ty) } else { None };
            store_case(cx, &types[index].info, case, payload, row, offset)?;
        }
        InterfaceType::Result(index) => {
            let case = row.case(2)?;
            let payload = if case == 0 { types[index].ok } else { types[index].err };
            store_case(cx, &types[index].info, case, payload, row, offset)?;
        }
        InterfaceType::Enum(index) => {
            let case = row.case(count_of(types[index].names.len())?)?;
            store_case(cx, &types[index].info, case, None, row, offset)?;
        }
        InterfaceType::Flags(index) => {
            let count = types[index].names.len();
            let size = types[index].abi.size32 as usize;
            let bytes = flags(count, row)?;
            let (used, rest) = cx.as_slice_mut()[offset..][..size].split_at_mut(bytes.len());
            used.copy_from_slice(bytes);
            rest.fill(0);
        }
        other => return unsupported(other),
    }
    Ok(())
}

/// Writes values one after the other, each at its own alignment.
pub(super) fn store_tuple<T>(
    cx: &mut LowerContext<'_, T>,
    elements: &[InterfaceType],
    row: &mut Reader<'_>,
    offset: usize,
) -> Result<()> {
    let mut at = offset;
    for element in elements {
        let start = cx.types.canonical_abi(element).next_field32_size(&mut at);
        store(cx, *element, row, start)?;
    }
    Ok(())
}

/// Writes the next value of the row as flat core values. Those that it passes over stay as they
/// are: the caller has set them to zero.
pub(super) fn lower<T>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    row: &mut Reader<'_>,
    flat: &mut slice::IterMut<'_, ValRaw>,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => put(flat, ValRaw::u32(u32::from(row.bool()?)))?,
        InterfaceType::U8 => put(flat, ValRaw::u32(u32::from(u8::from_le_bytes(row.array()?))))?,
        InterfaceType::S8 => put(flat, ValRaw::i32(i32::from(i8::from_le_bytes(row.array()?))))?,
        InterfaceType::U16 => put(flat, ValRaw::u32(u32::from(u16::from_le_bytes(row.array()?))))?,
        InterfaceType::S16 => put(flat, ValRaw::i32(i32::from(i16::from_le_bytes(row.array()?))))?,
        InterfaceType::U32 | InterfaceType::S32 => {
            put(flat, ValRaw::u32(u32::from_le_bytes(row.array()?)))?;
        }
        InterfaceType::U64 | InterfaceType::S64 => {
            put(flat, ValRaw::u64(u64::from_le_bytes(row.array()?)))?;
        }
        InterfaceType::Float32 => put(flat, ValRaw::f32(row.f32()?.to_bits()))?,
        InterfaceType::Float64 => put(flat, ValRaw::f64(row.f64()?.to_bits()))?,
        InterfaceType::Char => put(flat, ValRaw::u32(u32::from(row.char()?)))?,
        InterfaceType::String => {
            let (pointer, length) = lower_string(cx, row)?;
            put(flat, ValRaw::u32(pointer))?;
            put(flat, ValRaw::u32(length))?;
        }
        InterfaceType::List(index) => {
            let (pointer, length) = lower_list(cx, types[index].element, row)?;
            put(flat, ValRaw::u32(pointer))?;
            put(flat, ValRaw::u32(length))?;
        }
        InterfaceType::Record(index) => {
            for field in &types[index].fields {
                lower(cx, field.ty, row, flat)?;
            }
        }
        InterfaceType::Tuple(index) => {
            for element in &types[index].types {
                lower(cx, *element, row, flat)?;
            }
        }
        InterfaceType::Variant(index) => {
            let case = row.case(count_of(types[index].cases.len())?)?;
            let payload = types[index].cases.get_index(case as usize).and_then(|(_, payload)| *payload);
            lower_case(cx, ty, case, payload, row, flat)?;
        }
        InterfaceType::Option(index) => {
            let case = row.case(2)?;
            let payload = if case == 1 { Some(types[index].ty) } else { None };
            lower_case(cx, ty, case, payload, row, flat)?;
        }
        InterfaceType::Result(index) => {
            let case = row.case(2)?;
            let payload = if case == 0 { types[index].ok } else { types[index].err };
            lower_case(cx, ty, case, payload, row, flat)?;
        }
        InterfaceType::Enum(index) => {
            put(flat, ValRaw::u32(row.case(count_of(types[index].names.len())?)?))?;
        }
        InterfaceType::Flags(index) => {
            for word in flags(types[index].names.len(), row)?.chunks(4) {
                let mut bytes = [0; 4];
                bytes[..word.len()].copy_from_slice(word);
                put(flat, ValRaw::u32(u32::from_le_bytes(bytes)))?;
            }
        }
        other => return unsupported(other),
    }
    Ok(())
}

fn store_pair<T>(
    cx: &mut LowerContext<'_, T>,
    offset: usize,
    lower: impl FnOnce(&mut LowerContext<'_, T>) -> Result<(u32, u32)>,
) -> Result<()> {
    let (pointer, length) = lower(cx)?;
    let place: &mut [u8; 8] = cx.get(offset);
    place[..4].copy_from_slice(&pointer.to_le_bytes());
    place[4..].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn store_case<T>(
    cx: &mut LowerContext<'_, T>,
    info: &VariantInfo,
    case: u32,
    payload: Option<InterfaceType>,
    row: &mut Reader<'_>,
    offset: usize,
) -> Result<()> {
    match u32::from(info.size) {
        1 => *cx.get(offset) = (case as u8).to_le_bytes(),
        2 => *cx.get(offset) = (case as u16).to_le_bytes(),
        _ => *cx.get(offset) = case.to_le_bytes(),
    }
    match payload {
        Some(ty) => store(cx, ty, row, offset + info.payload_offset32 as usize),
        None => Ok(()),
    }
}

fn lower_case<T>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    case: u32,
    payload: Option<InterfaceType>,
    row: &mut Reader<'_>,
    flat: &mut slice::IterMut<'_, ValRaw>,
) -> Result<()> {
    let whole = cx.types.canonical_abi(&ty).flat_count(usize::MAX).unwrap_or(1);
    let before = flat.len();
    put(flat, ValRaw::u32(case))?;
    if let Some(ty) = payload {
        lower(cx, ty, row, flat)?;
    }
    // A shorter case leaves the core values of a longer one at zero.
    for _ in before - flat.len()..whole {
        put(flat, ValRaw::u64(0))?;
    }
    Ok(())
}

fn lower_string<T>(cx: &mut LowerContext<'_, T>, row: &mut Reader<'_>) -> Result<(u32, u32)> {
    let text = row.text()?;
    if cx.options().string_encoding == StringEncoding::Utf8 {
        return copy(cx, text.as_bytes(), 1, text.len());
    }
    // The other encodings are rare: wasmtime writes pointer and length to memory, where they are
    // read again.
    let pair = cx.realloc(0, 0, 4, 8)?;
    text.linear_lower_to_memory(cx, InterfaceType::String, pair)?;
    let bytes: [u8; 8] = *cx.get(pair);
    let half = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok((half(0), half(4)))
}

fn lower_list<T>(
    cx: &mut LowerContext<'_, T>,
    element: InterfaceType,
    row: &mut Reader<'_>,
) -> Result<(u32, u32)> {
    let abi = cx.types.canonical_abi(&element);
    let (size, align) = (abi.size32 as usize, abi.align32);
    // An element is at least one byte of the row, so this bounds what is asked of the guest.
    let count = row.count()?;
    match element {
        InterfaceType::U8
        | InterfaceType::S8
        | InterfaceType::U16
        | InterfaceType::S16
        | InterfaceType::U32
        | InterfaceType::S32
        | InterfaceType::U64
        | InterfaceType::S64 => copy(cx, row.take(count * size)?, align, count),
        _ => {
            let start = cx.realloc(0, 0, align, count * size)?;
            for index in 0..count {
                store(cx, element, row, start + index * size)?;
            }
            pair(start, count)
        }
    }
}

/// Copies bytes into room that the guest gives for them.
fn copy<T>(cx: &mut LowerContext<'_, T>, bytes: &[u8], align: u32, count: usize) -> Result<(u32, u32)> {
    let start = cx.realloc(0, 0, align, bytes.len())?;
    cx.as_slice_mut()[start..][..bytes.len()].copy_from_slice(bytes);
    pair(start, count)
}

fn pair(pointer: usize, length: usize) -> Result<(u32, u32)> {
    Ok((u32::try_from(pointer)?, u32::try_from(length)?))
}

/// The bytes of `count` flags, the unused bits of which must be zero.
fn flags<'a>(count: usize, row: &mut Reader<'a>) -> Result<&'a [u8]> {
    let offset = row.offset();
    let bytes = row.take(count.div_ceil(8))?;
    match bytes.last() {
        Some(last) if !count.is_multiple_of(8) && last >> (count % 8) != 0 => {
            Err(DecodeError { offset, reason: DecodeReason::Flag }.into())
        }
        _ => Ok(bytes),
    }
}

/// The number of cases of a type. wasmtime's own discriminants have 32 bits.
fn count_of(cases: usize) -> Result<u32> {
    Ok(u32::try_from(cases)?)
}

#[inline]
fn put(flat: &mut slice::IterMut<'_, ValRaw>, value: ValRaw) -> Result<()> {
    match flat.next() {
        Some(slot) => {
            *slot = value;
            Ok(())
        }
        None => bail!("more core values than the type takes"),
    }
}
