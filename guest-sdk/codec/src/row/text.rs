//! Whether bytes are text. Most texts are short and ASCII, which is seen a word at a time; the standard
//! library's check is made for long ones, and takes some bytes one by one.
//! Invariant: what is text here is text for the standard library.

/// The bytes as text, if they are UTF-8.
#[inline]
#[allow(unsafe_code)]
pub(super) fn of(bytes: &[u8]) -> Option<&str> {
    if is_ascii(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { core::str::from_utf8_unchecked(bytes) });
    }
    core::str::from_utf8(bytes).ok()
}

/// Whether no byte has its highest bit set.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().fold(0, |bits, word| bits | u64::from_le_bytes(*word));
    let rest = rest.iter().fold(0, |bits, byte| bits | byte);
    (words & 0x8080_8080_8080_8080) == 0 && rest < 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_text_where_the_standard_library_says_so(bytes in any::<Vec<u8>>(), at in 0..80_usize) {
            prop_assert_eq!(of(&bytes), core::str::from_utf8(&bytes).ok());
            // Text but for one byte, at any place of a word.
            let mut bytes: Vec<u8> = bytes.into_iter().map(|byte| byte & 0x7f).collect();
            prop_assert!(of(&bytes).is_some());
            if let Some(byte) = bytes.get_mut(at) {
                *byte |= 0x80;
                prop_assert!(of(&bytes).is_none());
            }
        }
    }
}
