//! Reading the row codec from bytes, one scalar at a time.
//! It knows the encoding of scalars, lengths and strings; the types around them are the caller's.
//! Invariant: it accepts exactly one encoding of each value, as `interstice_codec::row` does.

use thiserror::Error;
use wasmtime::Result;

/// Bytes that are not the row encoding of their type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("malformed value at byte {offset}: {reason}")]
pub struct Malformed {
    /// Where in the bytes.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// A place in encoded bytes.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// An error about the value that ended here.
    #[cold]
    pub(super) fn malformed<T>(&self, reason: &'static str) -> Result<T> {
        Err(Malformed { offset: self.at, reason }.into())
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The end of the input: nothing may follow.
    #[inline]
    pub(super) fn end(&self) -> Result<()> {
        if self.remaining() == 0 { Ok(()) } else { self.malformed("bytes are left over") }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => self.malformed("the bytes end too early"),
        }
    }

    #[inline]
    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        match self.bytes[self.at..].get(..length) {
            Some(slice) => {
                self.at += length;
                Ok(slice)
            }
            None => self.malformed("the bytes end too early"),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    #[inline]
    pub(super) fn bool(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.malformed("a bool is neither 0 nor 1"),
        }
    }

    pub(super) fn char(&mut self) -> Result<u32> {
        let code = u32::from_le_bytes(self.array()?);
        match char::from_u32(code) {
            Some(_) => Ok(code),
            None => self.malformed("not a Unicode scalar value"),
        }
    }

    pub(super) fn f32(&mut self) -> Result<u32> {
        let bits = u32::from_le_bytes(self.array()?);
        if f32::from_bits(bits).is_nan() && bits != CANONICAL_NAN_32 {
            return self.malformed("a NaN that is not the canonical one");
        }
        Ok(bits)
    }

    pub(super) fn f64(&mut self) -> Result<u64> {
        let bits = u64::from_le_bytes(self.array()?);
        if f64::from_bits(bits).is_nan() && bits != CANONICAL_NAN_64 {
            return self.malformed("a NaN that is not the canonical one");
        }
        Ok(bits)
    }

    /// A length: LEB128 in as few bytes as it needs.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.byte()?;
            if shift == 28 && byte > 0x0f {
                return self.malformed("a length above 32 bits");
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 {
                    return self.malformed("a length in more bytes than it needs");
                }
                return Ok(value as usize);
            }
        }
        self.malformed("a length above 32 bits")
    }

    pub(super) fn string(&mut self) -> Result<&'a str> {
        let length = self.length()?;
        let bytes = self.slice(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => self.malformed("a string that is not UTF-8"),
        }
    }

    /// The index of one of `cases`, in as many bytes as that number needs.
    #[inline]
    pub(super) fn case(&mut self, cases: usize) -> Result<u32> {
        let index = match cases {
            0..=0x100 => u32::from(self.byte()?),
            0x101..=0x1_0000 => u32::from(u16::from_le_bytes(self.array()?)),
            _ => u32::from_le_bytes(self.array()?),
        };
        if (index as usize) < cases { Ok(index) } else { self.malformed("no such case") }
    }
}

/// The only NaN of `f32` in a row.
pub(super) const CANONICAL_NAN_32: u32 = 0x7fc0_0000;

/// The only NaN of `f64` in a row.
pub(super) const CANONICAL_NAN_64: u64 = 0x7ff8_0000_0000_0000;

/// Writes a length as [`Cursor::length`] reads it.
#[inline]
pub(crate) fn write_length(mut length: u32, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Writes the index of one of `cases` as [`Cursor::case`] reads it.
#[inline]
pub(super) fn write_case(index: u32, cases: usize, out: &mut Vec<u8>) {
    match cases {
        0..=0x100 => out.push(index as u8),
        0x101..=0x1_0000 => out.extend_from_slice(&(index as u16).to_le_bytes()),
        _ => out.extend_from_slice(&index.to_le_bytes()),
    }
}

/// Reads a case of at most 256 and the string after it.
pub(crate) fn case_and_string(bytes: &[u8]) -> Result<(u8, &str)> {
    let mut row = Cursor::new(bytes);
    let case = row.byte()?;
    let text = row.string()?;
    row.end()?;
    Ok((case, text))
}
