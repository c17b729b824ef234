//! The items that bindings write by hand: lengths, indexes of cases, flags.
//! Everything else is written by [`Encode`](super::Encode) of the built-in types.
//! Invariant: each is the counterpart of the method of the same name of [`Reader`](super::Reader).

use super::case_width;
use alloc::vec::Vec;

/// Writes the length of a string or list as a minimal LEB128 number.
///
/// # Panics
/// If the length does not fit in 32 bits: a single value of four gigabytes, which no limit of the
/// database lets in and no 32-bit guest can hold.
#[inline]
pub fn write_length(length: usize, out: &mut Vec<u8>) {
    if length < 0x80 {
        out.push(length as u8);
    } else {
        write_long_length(u32::try_from(length).expect("a value holds less than four gigabytes"), out);
    }
}

fn write_long_length(mut length: u32, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Writes the index of a case of a variant or enum that has this many cases.
#[inline]
pub fn write_case(index: u32, cases: u32, out: &mut Vec<u8>) {
    assert!(index < cases, "case {index} of {cases}");
    let bytes = index.to_le_bytes();
    match case_width(cases as usize) {
        1 => out.push(bytes[0]),
        2 => out.extend_from_slice(&[bytes[0], bytes[1]]),
        _ => out.extend_from_slice(&bytes),
    }
}

/// Writes flags, this many: bit 0 of the first word is the first of them. Missing words count as 0,
/// and bits that belong to no flag are left out.
#[inline]
pub fn write_flags(words: &[u32], flags: u32, out: &mut Vec<u8>) {
    let size = flags.div_ceil(8);
    for index in 0..size {
        let word = words.get(index as usize / 4).copied().unwrap_or(0);
        let byte = (word >> (index % 4 * 8)) as u8;
        let used = (flags - index * 8).min(8);
        out.push(byte & (0xff_u8 >> (8 - used)));
    }
}
