//! Bytes as lower-case hexadecimal digits, and back.

use std::fmt::{self, Write};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes two digits a byte.
pub(crate) fn write(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    // A manifest of many segments is digits for the most part, and the writer waits for it.
    let mut digit = |four: u8| out.write_char(DIGITS[usize::from(four)].into());
    bytes.iter().try_for_each(|byte| digit(byte >> 4).and_then(|()| digit(byte & 0xf)))
}

/// Two digits a byte, as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    write(&mut text, bytes).expect("writing into a string cannot fail");
    text
}

/// The bytes that `text` stands for, if it is exactly `N` bytes in lower case.
pub(crate) fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
