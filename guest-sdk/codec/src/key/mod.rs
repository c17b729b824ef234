//! The bytes of a key: columns one after the other, so encoded that keys sort as their values do.
//! Keys are compared with `memcmp` and nothing else.
//! Invariant: no encoding of a column is a prefix of another's, so the keys that start with the bytes
//! of some leading columns are exactly those whose leading columns are equal.
//!
//! | column | bytes |
//! |---|---|
//! | bool | 0 or 1 |
//! | unsigned integers | big-endian |
//! | signed integers | big-endian, the sign bit flipped |
//! | char | its scalar value as u32, big-endian |
//! | enum | the index of the case in 1 byte (up to 256 cases), 2 or 4, big-endian |
//! | string, `list<u8>` | the bytes, each `00` written as `00 ff`, then `00 00` |

mod column;
mod kind;
mod layout;
mod sink;
#[cfg(test)]
mod tests;

pub use column::{Key, KeyColumn, write_case};
pub use layout::KeyLayout;

use alloc::vec::Vec;

/// The first 16 bytes of a key as a number, zero-padded: numbers that differ are in the order of
/// their keys. It equals [`KeyLayout::prefix`] of the row that the key belongs to.
#[inline]
pub fn prefix(key: &[u8]) -> u128 {
    match key.first_chunk::<16>() {
        Some(bytes) => u128::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 16];
            bytes[..key.len()].copy_from_slice(key);
            u128::from_be_bytes(bytes)
        }
    }
}

/// Turns a prefix into the smallest byte string greater than every string that begins with it: the
/// exclusive upper bound of a prefix scan.
///
/// Returns false, and leaves an empty string, if there is none: the prefix is empty or all `ff`.
pub fn successor(prefix: &mut Vec<u8>) -> bool {
    while let Some(last) = prefix.last_mut() {
        if *last < 0xff {
            *last += 1;
            return true;
        }
        prefix.pop();
    }
    false
}
