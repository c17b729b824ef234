//! Where the bytes of a key go: a growing vector, or the 16 bytes of a prefix.
//! The escape of strings is written here once for both, a run at a time.
//! Invariant: a prefix holds the first 16 bytes that a vector would have been given.

use alloc::vec::Vec;

/// Takes the bytes of a key.
pub(super) trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Whether nothing more can make a difference.
    fn is_full(&self) -> bool;

    /// Appends a string or `list<u8>`, escaped and ended.
    #[inline]
    fn put_escaped(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(zero) = first_zero(rest) {
            self.put(&rest[..zero]);
            self.put(&[0x00, 0xff]);
            rest = &rest[zero + 1..];
            if self.is_full() {
                return;
            }
        }
        self.put(rest);
        self.put(&[0x00, 0x00]);
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn is_full(&self) -> bool {
        false
    }
}

/// The first 16 bytes of a key; what is missing is 0.
#[derive(Default)]
pub(super) struct PrefixSink {
    bytes: [u8; 16],
    used: usize,
}

impl PrefixSink {
    #[inline]
    pub(super) fn number(&self) -> u128 {
        u128::from_be_bytes(self.bytes)
    }
}

impl Sink for PrefixSink {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let free = &mut self.bytes[self.used..];
        let taken = bytes.len().min(free.len());
        free[..taken].copy_from_slice(&bytes[..taken]);
        self.used += taken;
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.used == self.bytes.len()
    }

    #[inline]
    fn put_escaped(&mut self, bytes: &[u8]) {
        // Only the first 16 bytes can matter, and a long string need not be searched for zeros.
        let bytes = &bytes[..bytes.len().min(16)];
        let mut rest = bytes;
        while let Some(zero) = first_zero(rest) {
            self.put(&rest[..zero]);
            self.put(&[0x00, 0xff]);
            rest = &rest[zero + 1..];
        }
        self.put(rest);
        self.put(&[0x00, 0x00]);
    }
}

/// Where the first zero byte is. Strings rarely hold one, so eight bytes are looked at together.
#[inline]
fn first_zero(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    let (chunks, tail) = bytes.as_chunks::<8>();
    let clean = chunks.iter().take_while(|chunk| {
        let word = u64::from_le_bytes(**chunk);
        word.wrapping_sub(ONES) & !word & (ONES << 7) == 0
    });
    let start = clean.count() * 8;
    if start < chunks.len() * 8 {
        bytes[start..].iter().position(|byte| *byte == 0).map(|at| start + at)
    } else {
        tail.iter().position(|byte| *byte == 0).map(|at| start + at)
    }
}
