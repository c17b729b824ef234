//! From a guest to bytes: reads a value out of flat core values or linear memory and appends its
//! row encoding.
//! Nothing that the guest says is trusted: pointers, lengths, discriminants, characters and UTF-8
//! are checked as the canonical ABI demands.
//! Invariant: what was appended is the one encoding of a value of the type, and no longer than
//! [`MAX_VALUE_BYTES`].

use crate::limits::MAX_VALUE_BYTES;
use interstice_codec::row::{write_case, write_length};
use std::slice;
use thiserror::Error;
use wasmtime::component::__internal::wasmtime_environ::component::{StringEncoding, VariantInfo};
use wasmtime::component::__internal::{InterfaceType, LiftContext};
use wasmtime::component::Lift;
use wasmtime::{Result, ValRaw, bail};

/// The only NaN of an `f32` in a row.
const CANONICAL_NAN_32: u32 = 0x7fc0_0000;

/// The only NaN of an `f64` in a row.
const CANONICAL_NAN_64: u64 = 0x7ff8_0000_0000_0000;

/// A value from a guest, or its part, is larger than what may cross a boundary.
#[derive(Clone, Copy, Debug, Error)]
#[error("a value of more than {MAX_VALUE_BYTES} bytes")]
pub(crate) struct TooLarge;

/// Fails if `more` bytes would make the value too large.
#[inline]
fn room(out: &[u8], more: usize) -> Result<()> {
    // Both are lengths of slices, so their sum cannot overflow.
    if out.len() + more > MAX_VALUE_BYTES { Err(TooLarge.into()) } else { Ok(()) }
}

/// Appends the value that lies at the start of `bytes`, which hold at least its size.
pub(super) fn load(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => out.push(u8::from(bytes[0] != 0)),
        InterfaceType::U8 | InterfaceType::S8 => out.push(bytes[0]),
        InterfaceType::U16 | InterfaceType::S16 => out.extend_from_slice(&bytes[..2]),
        InterfaceType::U32 | InterfaceType::S32 => out.extend_from_slice(&bytes[..4]),
        InterfaceType::U64 | InterfaceType::S64 => out.extend_from_slice(&bytes[..8]),
        InterfaceType::Float32 => push_f32(word32(bytes), out),
        InterfaceType::Float64 => push_f64(word64(bytes), out),
        InterfaceType::Char => push_char(word32(bytes), out)?,
        InterfaceType::String => push_string(cx, word32(bytes), word32(&bytes[4..]), out)?,
        InterfaceType::List(index) => {
            push_list(cx, types[index].element, word32(bytes), word32(&bytes[4..]), out)?;
        }
        InterfaceType::Record(index) => {
            let mut at = 0;
            for field in &types[index].fields {
                let start = types.canonical_abi(&field.ty).next_field32_size(&mut at);
                load(cx, field.ty, &bytes[start..], out)?;
            }
        }
        InterfaceType::Tuple(index) => {
            let mut at = 0;
            for element in &types[index].types {
                let start = types.canonical_abi(element).next_field32_size(&mut at);
                load(cx, *element, &bytes[start..], out)?;
            }
        }
        InterfaceType::Variant(index) => {
            let variant = &types[index];
            let case = load_case(&variant.info, bytes);
            let payload = variant.cases.get_index(case as usize).map(|(_, payload)| *payload);
            load_payload(cx, &variant.info, case, variant.cases.len(), payload, bytes, out)?;
        }
        InterfaceType::Option(index) => {
            let option = &types[index];
            let case = load_case(&option.info, bytes);
            let payload = [None, Some(option.ty)].get(case as usize).copied();
            load_payload(cx, &option.info, case, 2, payload, bytes, out)?;
        }
        InterfaceType::Result(index) => {
            let result = &types[index];
            let case = load_case(&result.info, bytes);
            let payload = [result.ok, result.err].get(case as usize).copied();
            load_payload(cx, &result.info, case, 2, payload, bytes, out)?;
        }
        InterfaceType::Enum(index) => {
            let names = types[index].names.len();
            push_case(load_case(&types[index].info, bytes), names, out)?;
        }
        // Flags lie in memory as in a row: little-endian words, the first flag in the lowest bit.
        InterfaceType::Flags(index) => push_flags(types[index].names.len(), bytes, out),
        other => return unsupported(other),
    }
    Ok(())
}

/// Appends the value that starts at the next of the flat core values.
pub(super) fn lift(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    flat: &mut slice::Iter<'_, ValRaw>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => out.push(u8::from(next(flat)?.get_u32() != 0)),
        InterfaceType::U8 | InterfaceType::S8 => out.push(next(flat)?.get_u32() as u8),
        InterfaceType::U16 | InterfaceType::S16 => {
            out.extend_from_slice(&(next(flat)?.get_u32() as u16).to_le_bytes());
        }
        InterfaceType::U32 | InterfaceType::S32 => {
            out.extend_from_slice(&next(flat)?.get_u32().to_le_bytes());
        }
        InterfaceType::U64 | InterfaceType::S64 => {
            out.extend_from_slice(&next(flat)?.get_u64().to_le_bytes());
        }
        InterfaceType::Float32 => push_f32(next(flat)?.get_f32(), out),
        InterfaceType::Float64 => push_f64(next(flat)?.get_f64(), out),
        InterfaceType::Char => push_char(next(flat)?.get_u32(), out)?,
        InterfaceType::String => {
            let (pointer, length) = (next(flat)?.get_u32(), next(flat)?.get_u32());
            push_string(cx, pointer, length, out)?;
        }
        InterfaceType::List(index) => {
            let (pointer, length) = (next(flat)?.get_u32(), next(flat)?.get_u32());
            push_list(cx, types[index].element, pointer, length, out)?;
        }
        InterfaceType::Record(index) => {
            for field in &types[index].fields {
                lift(cx, field.ty, flat, out)?;
            }
        }
        InterfaceType::Tuple(index) => {
            for element in &types[index].types {
                lift(cx, *element, flat, out)?;
            }
        }
        InterfaceType::Variant(index) => {
            let case = next(flat)?.get_u32();
            let payload = types[index].cases.get_index(case as usize).map(|(_, payload)| *payload);
            lift_payload(cx, ty, case, types[index].cases.len(), payload, flat, out)?;
        }
        InterfaceType::Option(index) => {
            let case = next(flat)?.get_u32();
            let payload = [None, Some(types[index].ty)].get(case as usize).copied();
            lift_payload(cx, ty, case, 2, payload, flat, out)?;
        }
        InterfaceType::Result(index) => {
            let case = next(flat)?.get_u32();
            let payload = [types[index].ok, types[index].err].get(case as usize).copied();
            lift_payload(cx, ty, case, 2, payload, flat, out)?;
        }
        InterfaceType::Enum(index) => push_case(next(flat)?.get_u32(), types[index].names.len(), out)?,
        InterfaceType::Flags(index) => {
            let count = types[index].names.len();
            for first in (0..count).step_by(32) {
                push_flags((count - first).min(32), &next(flat)?.get_u32().to_le_bytes(), out);
            }
        }
        other => return unsupported(other),
    }
    Ok(())
}

/// The discriminant at the start of a variant in memory.
fn load_case(info: &VariantInfo, bytes: &[u8]) -> u32 {
    match u32::from(info.size) {
        1 => u32::from(bytes[0]),
        2 => u32::from(u16::from_le_bytes([bytes[0], bytes[1]])),
        _ => word32(bytes),
    }
}

/// Appends a case and what it carries; `payload` is `None` if there is no such case.
fn load_payload(
    cx: &mut LiftContext<'_>,
    info: &VariantInfo,
    case: u32,
    cases: usize,
    payload: Option<Option<InterfaceType>>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    push_case(case, cases, out)?;
    match payload.flatten() {
        Some(ty) => load(cx, ty, &bytes[info.payload_offset32 as usize..], out),
        None => Ok(()),
    }
}

/// As [`load_payload`], from flat core values: those of the longest case are always there.
fn lift_payload(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    case: u32,
    cases: usize,
    payload: Option<Option<InterfaceType>>,
    flat: &mut slice::Iter<'_, ValRaw>,
    out: &mut Vec<u8>,
) -> Result<()> {
    push_case(case, cases, out)?;
    let whole = cx.types.canonical_abi(&ty).flat_count(usize::MAX).unwrap_or(1);
    let before = flat.len();
    if let Some(ty) = payload.flatten() {
        lift(cx, ty, flat, out)?;
    }
    let used = 1 + before - flat.len();
    for _ in used..whole {
        next(flat)?;
    }
    Ok(())
}

fn push_case(case: u32, cases: usize, out: &mut Vec<u8>) -> Result<()> {
    if case as usize >= cases {
        bail!("discriminant {case} of a type with {cases} cases");
    }
    write_case(case, u32::try_from(cases)?, out);
    Ok(())
}

fn push_f32(bits: u32, out: &mut Vec<u8>) {
    let bits = if f32::from_bits(bits).is_nan() { CANONICAL_NAN_32 } else { bits };
    out.extend_from_slice(&bits.to_le_bytes());
}

fn push_f64(bits: u64, out: &mut Vec<u8>) {
    let bits = if f64::from_bits(bits).is_nan() { CANONICAL_NAN_64 } else { bits };
    out.extend_from_slice(&bits.to_le_bytes());
}

fn push_char(code: u32, out: &mut Vec<u8>) -> Result<()> {
    if char::from_u32(code).is_none() {
        bail!("{code:#x} is no Unicode scalar value");
    }
    out.extend_from_slice(&code.to_le_bytes());
    Ok(())
}

/// Appends the first `count` bits of `bytes`; what a guest left in the others means nothing.
fn push_flags(count: usize, bytes: &[u8], out: &mut Vec<u8>) {
    let used = count.div_ceil(8);
    out.extend_from_slice(&bytes[..used]);
    if let (Some(last), 1..) = (out.last_mut(), count % 8) {
        *last &= (1 << (count % 8)) - 1;
    }
}

fn push_string(cx: &mut LiftContext<'_>, pointer: u32, length: u32, out: &mut Vec<u8>) -> Result<()> {
    if cx.options().string_encoding == StringEncoding::Utf8 {
        let bytes = region(cx, pointer, length, 1)?;
        room(out, bytes.len())?;
        if std::str::from_utf8(bytes).is_err() {
            bail!("a string that is not UTF-8");
        }
        write_length(length as usize, out);
        out.extend_from_slice(bytes);
        return Ok(());
    }
    let pair = [ValRaw::u32(pointer), ValRaw::u32(length)];
    let text = String::linear_lift_from_flat(cx, InterfaceType::String, &pair)?;
    room(out, text.len())?;
    write_length(text.len(), out);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn push_list(
    cx: &mut LiftContext<'_>,
    element: InterfaceType,
    pointer: u32,
    length: u32,
    out: &mut Vec<u8>,
) -> Result<()> {
    let abi = cx.types.canonical_abi(&element);
    let size = abi.size32 as usize;
    if !pointer.is_multiple_of(abi.align32) {
        bail!("a list that is not aligned");
    }
    let bytes = region(cx, pointer, length, size)?;
    // An element of a row is at least one byte, and integers are as large as in memory.
    room(out, length as usize)?;
    write_length(length as usize, out);
    match element {
        InterfaceType::U8 | InterfaceType::S8 => out.extend_from_slice(bytes),
        InterfaceType::U16
        | InterfaceType::S16
        | InterfaceType::U32
        | InterfaceType::S32
        | InterfaceType::U64
        | InterfaceType::S64 => {
            room(out, bytes.len())?;
            out.extend_from_slice(bytes);
        }
        _ => {
            for element_bytes in bytes.chunks_exact(size.max(1)) {
                load(cx, element, element_bytes, out)?;
                room(out, 0)?;
            }
        }
    }
    Ok(())
}

/// `count` elements of `size` bytes each in the guest's memory.
fn region<'a>(cx: &LiftContext<'a>, pointer: u32, count: u32, size: usize) -> Result<&'a [u8]> {
    let start = pointer as usize;
    let bytes = (count as usize)
        .checked_mul(size)
        .and_then(|length| start.checked_add(length))
        .and_then(|end| cx.memory().get(start..end));
    match bytes {
        Some(bytes) => Ok(bytes),
        None => bail!("a pointer or length out of the bounds of memory"),
    }
}

#[inline]
fn next<'a>(flat: &mut slice::Iter<'a, ValRaw>) -> Result<&'a ValRaw> {
    match flat.next() {
        Some(value) => Ok(value),
        None => bail!("fewer core values than the type takes"),
    }
}

fn word32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn word64(bytes: &[u8]) -> u64 {
    u64::from(word32(bytes)) | u64::from(word32(&bytes[4..])) << 32
}

/// Types that no schema holds: linking refuses a component that uses one.
#[cold]
pub(super) fn unsupported<T>(ty: InterfaceType) -> Result<T> {
    bail!("values of the type {ty:?} do not cross a boundary")
}
