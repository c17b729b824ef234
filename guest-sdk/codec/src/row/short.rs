//! Copies of a few bytes, by words that may overlap. Copying bytes whose number is not known to the compiler is a
//! call, in WebAssembly even one to the host, which takes longer than copying a short text or row does.
//! Invariant: what is copied is what `extend_from_slice` would copy.
#![allow(unsafe_code)]

use alloc::{string::String, vec::Vec};

/// The longest that is copied here, in bytes.
const LONGEST: usize = 64;

/// The longest text that is looked at and copied here.
const LONGEST_TEXT: usize = 32;

/// Appends these bytes.
#[inline]
pub(super) fn push(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() > LONGEST {
        return out.extend_from_slice(bytes);
    }
    out.reserve(bytes.len());
    let length = out.len();
    // SAFETY: there is room for so many bytes behind those that there are, and `out` is borrowed mutably, so
    // that `bytes` lie elsewhere; all of them are written before the length says that they are there.
    unsafe {
        copy(bytes, out.as_mut_ptr().add(length));
        out.set_len(length + bytes.len());
    }
}

/// A copy of these bytes as a text, if they are short and ASCII, as most texts are: each word is looked at
/// and written while it is at hand.
#[inline(always)]
pub(super) fn ascii(bytes: &[u8]) -> Option<String> {
    /// The highest bit of each byte, which no byte of ASCII has.
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let length = bytes.len();
    if length > LONGEST_TEXT {
        return None;
    }
    let from = bytes.as_ptr();
    // SAFETY: each word lies within `length` bytes from the start, as the comparisons say; so many are allocated,
    // all of them are written before the length says so, and they are a text since all are ASCII.
    unsafe {
        let mut copy = Vec::with_capacity(length);
        let to: *mut u8 = copy.as_mut_ptr();
        let high = if length > 16 {
            let words: [u64; 4] =
                [read(from, 0), read(from, 8), read(from, length - 16), read(from, length - 8)];
            write(to, 0, words[0]);
            write(to, 8, words[1]);
            write(to, length - 16, words[2]);
            write(to, length - 8, words[3]);
            words[0] | words[1] | words[2] | words[3]
        } else if length >= 8 {
            let words: [u64; 2] = [read(from, 0), read(from, length - 8)];
            write(to, 0, words[0]);
            write(to, length - 8, words[1]);
            words[0] | words[1]
        } else if length >= 4 {
            let words: [u32; 2] = [read(from, 0), read(from, length - 4)];
            write(to, 0, words[0]);
            write(to, length - 4, words[1]);
            u64::from(words[0] | words[1])
        } else if length > 0 {
            let letters: [u8; 3] = [read(from, 0), read(from, length / 2), read(from, length - 1)];
            write(to, 0, letters[0]);
            write(to, length / 2, letters[1]);
            write(to, length - 1, letters[2]);
            u64::from(letters[0] | letters[1] | letters[2])
        } else {
            0
        };
        if high & HIGH != 0 {
            return None;
        }
        copy.set_len(length);
        Some(String::from_utf8_unchecked(copy))
    }
}

/// Reads a word that may lie anywhere.
///
/// # Safety
/// Its bytes may be read.
#[inline(always)]
unsafe fn read<T: Copy>(from: *const u8, at: usize) -> T {
    // SAFETY: the caller's.
    unsafe { from.add(at).cast::<T>().read_unaligned() }
}

/// Writes a word that may lie anywhere.
///
/// # Safety
/// Its bytes may be written.
#[inline(always)]
unsafe fn write<T: Copy>(to: *mut u8, at: usize, word: T) {
    // SAFETY: the caller's.
    unsafe { to.add(at).cast::<T>().write_unaligned(word) }
}

/// Copies at most [`LONGEST`] bytes.
///
/// # Safety
/// So many bytes from `to` on may be written, and `from` lies elsewhere.
#[inline]
unsafe fn copy(from: &[u8], to: *mut u8) {
    let length = from.len();
    let from = from.as_ptr();
    // SAFETY: each word lies within `length` bytes from the start, as the pattern says.
    unsafe {
        match length {
            33.. => {
                write::<[u128; 2]>(to, 0, read(from, 0));
                write::<[u128; 2]>(to, length - 32, read(from, length - 32));
            }
            17.. => {
                write::<u128>(to, 0, read(from, 0));
                write::<u128>(to, length - 16, read(from, length - 16));
            }
            8.. => {
                write::<u64>(to, 0, read(from, 0));
                write::<u64>(to, length - 8, read(from, length - 8));
            }
            4.. => {
                write::<u32>(to, 0, read(from, 0));
                write::<u32>(to, length - 4, read(from, length - 4));
            }
            1.. => {
                write::<u8>(to, 0, read(from, 0));
                write::<u8>(to, length / 2, read(from, length / 2));
                write::<u8>(to, length - 1, read(from, length - 1));
            }
            0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_nothing_else_is_written() {
        for length in 0..LONGEST + 9 {
            let bytes: Vec<u8> = (1..=length as u8).collect();
            let mut out = Vec::with_capacity(100);
            out.extend_from_slice(b"before");
            push(&bytes, &mut out);
            out.extend_from_slice(b"behind");
            assert_eq!(out, [b"before", &bytes[..], b"behind"].concat());
        }
    }

    #[test]
    fn a_short_text_is_copied_if_every_letter_is_ascii() {
        for length in 0..LONGEST_TEXT + 9 {
            let bytes: Vec<u8> = (0..length).map(|at| b'!' + at as u8).collect();
            let text = core::str::from_utf8(&bytes).ok().filter(|_| length <= LONGEST_TEXT);
            assert_eq!(ascii(&bytes).as_deref(), text);
            for at in 0..length {
                let mut bytes = bytes.clone();
                bytes[at] |= 0x80;
                assert_eq!(ascii(&bytes), None, "byte {at} of {length}");
            }
        }
    }
}
