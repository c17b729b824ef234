//! A chunk: rows that were compressed together, the unit in which a snapshot is written, checked and
//! read. Its header says how long it is before anything is allocated for it. Invariant: bytes that were
//! not written as this chunk of this very object never pass as it.

use crate::batch::Seed;
use crate::limits::MAX_SNAPSHOT_CHUNK_BYTES;

/// The length of a chunk's header.
pub(super) const CHUNK_HEADER_BYTES: usize = 20;

/// What a chunk says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkHeader {
    /// Its place among the chunks of its object, from 0.
    pub(super) number: u32,
    /// The length of what was compressed.
    pub(super) contents_bytes: u32,
    /// The length of the compressed bytes.
    pub(super) stored_bytes: u32,
    /// The checksum of the compressed bytes.
    pub(super) checksum: u32,
}

impl ChunkHeader {
    pub(super) fn encode(&self, seed: Seed) -> [u8; CHUNK_HEADER_BYTES] {
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.number.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.contents_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = seed.checksum(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of the chunk with this number, or says what is wrong with it and where.
    pub(super) fn decode(
        bytes: &[u8; CHUNK_HEADER_BYTES],
        seed: Seed,
        number: u32,
    ) -> Result<Self, (usize, String)> {
        let word =
            |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were cut out"));
        let counted = seed.checksum(&bytes[..16]);
        if word(16) != counted {
            return Err((
                16,
                format!("a chunk's header has the checksum {counted:08x}, not {:08x}", word(16)),
            ));
        }
        let header =
            Self { number: word(0), contents_bytes: word(4), stored_bytes: word(8), checksum: word(12) };
        if header.number != number {
            return Err((0, format!("chunk {} stands in the place of chunk {number}", header.number)));
        }
        let limit = MAX_SNAPSHOT_CHUNK_BYTES;
        if !(1..=limit).contains(&(header.contents_bytes as usize)) {
            return Err((4, format!("a chunk of {} bytes, expected 1 to {limit}", header.contents_bytes)));
        }
        let limit = most_stored(header.contents_bytes as usize);
        if !(1..=limit).contains(&(header.stored_bytes as usize)) {
            return Err((8, format!("{} compressed bytes, expected 1 to {limit}", header.stored_bytes)));
        }
        Ok(header)
    }
}

/// The most bytes that so many may take when they are compressed.
pub(super) fn most_stored(contents_bytes: usize) -> usize {
    zstd::zstd_safe::compress_bound(contents_bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_chunk_header_passes_only_in_its_object_and_place_and_only_unchanged() {
        let (own, foreign) = (Seed::new(&[1; 16]), Seed::new(&[2; 16]));
        let header = ChunkHeader { number: 3, contents_bytes: 900, stored_bytes: 200, checksum: 0xdead_beef };
        let bytes = header.encode(own);
        assert_eq!(ChunkHeader::decode(&bytes, own, 3).unwrap(), header);
        assert!(ChunkHeader::decode(&bytes, own, 4).is_err());
        assert!(ChunkHeader::decode(&bytes, foreign, 3).is_err());
        for bit in 0..CHUNK_HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(ChunkHeader::decode(&flipped, own, 3).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn lengths_beyond_the_limits_are_refused_although_the_checksum_is_right() {
        let seed = Seed::new(&[1; 16]);
        let most = MAX_SNAPSHOT_CHUNK_BYTES as u32;
        let refused = [(0, 1), (most + 1, 1), (u32::MAX, 1), (100, 0), (100, 10_000), (most, u32::MAX)];
        for (contents_bytes, stored_bytes) in refused {
            let header = ChunkHeader { number: 0, contents_bytes, stored_bytes, checksum: 0 };
            assert!(ChunkHeader::decode(&header.encode(seed), seed, 0).is_err());
        }
    }
}
