//! The batch: the unit of writing, checking and syncing. Its header says what follows and links it
//! to the batch before; both checksums start from the segment's random id. Invariant: bytes that
//! were not written as a batch of this very segment never pass as one.

use crate::sequence::Sequence;
use sha2::{Digest as _, Sha256};

/// Batches begin at multiples of this, so that no sector holds bytes of two batches and a synced
/// sector is never written again.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// The length of a batch's header.
pub(crate) const HEADER_BYTES: usize = 64;

/// How much of the header the link covers: all but the checksums, which depend on the segment.
const LINKED_BYTES: usize = 56;

/// The SHA-256 chain over all batches: the digest of a batch, which covers the link before it.
pub(crate) type Link = [u8; 32];

/// Where both checksums of a segment start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    /// From the segment's random id.
    pub(crate) fn new(segment_id: &[u8; 16]) -> Self {
        Self(crc32c::crc32c(segment_id))
    }

    pub(crate) fn checksum(self, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.0, bytes)
    }
}

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    /// The link of the batch before.
    pub(crate) previous: Link,
    /// The number of its first record; of the next one to come if it has none.
    pub(crate) first: Sequence,
    /// The highest record known to be synced when it was written.
    pub(crate) mark: Sequence,
    /// How many records it has.
    pub(crate) count: u32,
    /// The length of the payload, without the zeros that fill the last sector.
    pub(crate) payload_bytes: u32,
    /// The checksum of the payload.
    pub(crate) payload_checksum: u32,
}

impl BatchHeader {
    pub(crate) fn encode(&self, seed: Seed) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..32].copy_from_slice(&self.previous);
        bytes[32..40].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.mark.0.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.count.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[56..60].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let checksum = seed.checksum(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header, or nothing if its checksum says that these bytes are none.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES], seed: Seed) -> Option<Self> {
        let word =
            |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were cut out"));
        let long =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were cut out"));
        if word(60) != seed.checksum(&bytes[..60]) {
            return None;
        }
        Some(Self {
            previous: bytes[..32].try_into().expect("32 bytes were cut out"),
            first: Sequence(long(32)),
            mark: Sequence(long(40)),
            count: word(48),
            payload_bytes: word(52),
            payload_checksum: word(56),
        })
    }

    /// Whether it has no records, and the definitions that a segment begins with. It is no part of the chain.
    pub(crate) fn is_definitions(&self) -> bool {
        self.count == 0 && self.payload_bytes > 0
    }

    /// The link of this batch; of definitions that a segment begins with, the one before.
    pub(crate) fn link(&self, seed: Seed, payload: &[u8]) -> Link {
        if self.is_definitions() {
            return self.previous;
        }
        let mut hash = Sha256::new();
        hash.update(&self.encode(seed)[..LINKED_BYTES]);
        hash.update(payload);
        hash.finalize().into()
    }

    /// How much room the batch takes, the filled-up sector included.
    pub(crate) fn length(&self) -> u64 {
        whole_sectors(HEADER_BYTES as u64 + u64::from(self.payload_bytes))
    }
}

/// The link before the first batch of a database.
pub(crate) fn genesis(database_key: &[u8; 16]) -> Link {
    Sha256::digest(database_key).into()
}

/// The link of the mark behind the batch with this link, where `next` is the record that comes next. All that a mark
/// says follows from its place, so this is known without it.
pub(crate) fn mark_link(previous: Link, next: Sequence) -> Link {
    let header = BatchHeader {
        previous,
        first: next,
        mark: next.previous(),
        count: 0,
        payload_bytes: 0,
        payload_checksum: 0,
    };
    header.link(Seed::new(&[0; 16]), &[])
}

/// Rounds up to the end of a sector.
pub(crate) fn whole_sectors(bytes: u64) -> u64 {
    bytes.div_ceil(SECTOR_BYTES) * SECTOR_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_passes_only_in_its_own_segment_and_only_unchanged() {
        let (own, foreign) = (Seed::new(&[1; 16]), Seed::new(&[2; 16]));
        let header = BatchHeader {
            previous: [9; 32],
            first: Sequence(7),
            mark: Sequence(6),
            count: 3,
            payload_bytes: 700,
            payload_checksum: 0xdead_beef,
        };
        let bytes = header.encode(own);
        assert_eq!(BatchHeader::decode(&bytes, own), Some(header));
        assert_eq!(BatchHeader::decode(&bytes, foreign), None);
        assert_eq!(BatchHeader::decode(&[0; HEADER_BYTES], own), None);
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BatchHeader::decode(&flipped, own), None, "bit {bit}");
        }
        assert_eq!(header.length(), 1024);
    }
}
