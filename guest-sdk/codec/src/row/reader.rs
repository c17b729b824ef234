//! A cursor over encoded bytes.
//! It reads items and checks each for the one form that it may have; it never allocates.
//! Invariant: after an error the cursor stands somewhere in the input, and nothing was read twice.

use super::{CANONICAL_NAN_32, CANONICAL_NAN_64, case_width, short, text};
use crate::{DecodeError, DecodeReason};
use alloc::string::String;

/// A cursor over encoded bytes, for [`Decode`](super::Decode).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of the input.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len() }
    }

    /// How many bytes have been read.
    #[inline]
    pub fn offset(&self) -> usize {
        self.total - self.rest.len()
    }

    /// What has not been read.
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Succeeds if everything has been read.
    #[inline]
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(DecodeReason::TrailingBytes)) }
    }

    /// An error at the place where the cursor stands.
    #[cold]
    #[inline]
    pub fn error(&self, reason: DecodeReason) -> DecodeError {
        DecodeError::new(self.offset(), reason)
    }

    #[cold]
    #[inline]
    fn end_of_input(&self) -> DecodeError {
        DecodeError::new(self.total, DecodeReason::EndOfInput)
    }

    /// The next bytes, as many as asked for.
    #[inline]
    pub fn take(&mut self, size: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(size) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.end_of_input()),
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.end_of_input()),
        }
    }

    /// A bool.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        let before = self.offset();
        match self.array::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(DecodeError::new(before, DecodeReason::Bool(byte))),
        }
    }

    /// An `f32`, its NaN the canonical one.
    #[inline]
    pub fn f32(&mut self) -> Result<f32, DecodeError> {
        let before = self.offset();
        let value = f32::from_le_bytes(self.array()?);
        if value.is_nan() && value.to_bits() != CANONICAL_NAN_32 {
            return Err(DecodeError::new(before, DecodeReason::Nan));
        }
        Ok(value)
    }

    /// An `f64`, its NaN the canonical one.
    #[inline]
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        let before = self.offset();
        let value = f64::from_le_bytes(self.array()?);
        if value.is_nan() && value.to_bits() != CANONICAL_NAN_64 {
            return Err(DecodeError::new(before, DecodeReason::Nan));
        }
        Ok(value)
    }

    /// A char.
    #[inline]
    pub fn char(&mut self) -> Result<char, DecodeError> {
        let before = self.offset();
        let code = u32::from_le_bytes(self.array()?);
        char::from_u32(code).ok_or_else(|| DecodeError::new(before, DecodeReason::Char(code)))
    }

    /// A length: a LEB128 number of at most 32 bits in its shortest form.
    #[inline]
    pub fn length(&mut self) -> Result<u32, DecodeError> {
        // Nearly every string and list is shorter than 128, and then the length is one byte.
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            _ => {
                // By value: a cursor whose address nobody has is kept in registers.
                let (length, rest) = self.clone().long_length()?;
                self.rest = rest;
                Ok(length)
            }
        }
    }

    /// A length of any size, and what follows it.
    #[cold]
    fn long_length(mut self) -> Result<(u32, &'a [u8]), DecodeError> {
        let before = self.offset();
        let mut length = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array::<1>()?;
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::new(before, DecodeReason::LengthOverflow));
            }
            length |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError::new(before, DecodeReason::LengthNotMinimal));
                }
                break;
            }
        }
        Ok((length, self.rest))
    }

    /// The number of elements of a list, each of which takes at least one byte.
    ///
    /// More than the rest of the input could hold is refused here, so that no room is made for them.
    #[inline]
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let before = self.offset();
        let count = self.length()?;
        if count as usize > self.rest.len() {
            return Err(DecodeError::new(before, DecodeReason::LengthBeyondInput(count)));
        }
        Ok(count as usize)
    }

    /// A `list<u8>`.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.count()?;
        self.take(count)
    }

    /// A string.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        text_at(self.offset() - bytes.len(), bytes)
    }

    /// A string, copied.
    #[inline(always)]
    pub(crate) fn owned_text(&mut self) -> Result<String, DecodeError> {
        let bytes = self.bytes()?;
        match short::ascii(bytes) {
            Some(text) => Ok(text),
            None => long_text_at(self.offset() - bytes.len(), bytes),
        }
    }

    /// The index of a case of a variant or enum that has this many.
    #[inline]
    pub fn case(&mut self, cases: u32) -> Result<u32, DecodeError> {
        let before = self.offset();
        let index = match case_width(cases as usize) {
            1 => u32::from(u8::from_le_bytes(self.array()?)),
            2 => u32::from(u16::from_le_bytes(self.array()?)),
            _ => u32::from_le_bytes(self.array()?),
        };
        if index < cases {
            Ok(index)
        } else {
            Err(DecodeError::new(before, DecodeReason::Case { index, cases }))
        }
    }

    /// Flags, this many: bit 0 of the first word is the first of them.
    ///
    /// Bits of flags beyond `WORDS` words are read, checked and left out; a type of n flags takes
    /// `n.div_ceil(32)` words.
    #[inline]
    pub fn flags<const WORDS: usize>(&mut self, flags: u32) -> Result<[u32; WORDS], DecodeError> {
        let mut words = [0; WORDS];
        self.flags_into(flags, &mut words)?;
        Ok(words)
    }

    #[inline]
    pub(crate) fn flags_into(&mut self, flags: u32, words: &mut [u32]) -> Result<(), DecodeError> {
        let before = self.offset();
        let bytes = self.take(flags.div_ceil(8) as usize)?;
        check_flags(bytes, flags).map_err(|reason| DecodeError::new(before, reason))?;
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(word) = words.get_mut(index / 4) {
                *word |= u32::from(*byte) << (index % 4 * 8);
            }
        }
        Ok(())
    }
}

/// These bytes as text; they begin at this offset.
#[inline]
fn text_at(offset: usize, bytes: &[u8]) -> Result<&str, DecodeError> {
    text::of(bytes).ok_or_else(|| DecodeError::new(offset, DecodeReason::Utf8))
}

/// The same, copied. Not inlined, to keep what reads short texts small.
#[inline(never)]
fn long_text_at(offset: usize, bytes: &[u8]) -> Result<String, DecodeError> {
    text_at(offset, bytes).map(String::from)
}

/// Checks that the bits of the last byte that belong to no flag are 0.
#[inline]
pub(crate) fn check_flags(bytes: &[u8], flags: u32) -> Result<(), DecodeReason> {
    match (bytes.last(), flags % 8) {
        (Some(last), used @ 1..) if last >> used != 0 => Err(DecodeReason::Flag),
        _ => Ok(()),
    }
}
