//! An object: the file with the rows of one table, a header and chunks. It is found through the head of
//! a snapshot, which knows its length and digest; alone it means nothing. Invariant: an object is never
//! changed once a head refers to it.

use super::SNAPSHOT_FORMAT_VERSION;
use super::names::{Family, object_path};
use crate::definitions::Digest;
use crate::error::LogError;
use crate::segment::Id;

/// The length of an object's header.
pub(super) const OBJECT_HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"INTERROW";
/// Chunks are frames of zstd (RFC 8878).
const CODEC_ZSTD: u32 = 1;
const USED_BYTES: usize = 52;
const CHECKSUM_AT: usize = 60;

/// What the head of a snapshot knows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its random id, which names its file and where its checksums start.
    pub(super) id: Id,
    /// The SHA-256 of its contents, before compression.
    pub(super) digest: Digest,
    /// The length of its file.
    pub(super) stored_bytes: u64,
    /// The length of its contents.
    pub(super) contents_bytes: u64,
    /// How many chunks it has.
    pub(super) chunks: u32,
}

impl Object {
    pub(super) fn path(&self, family: Family) -> String {
        object_path(family, &self.id)
    }
}

/// What an object's file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ObjectHeader {
    pub(super) id: Id,
    pub(super) database_key: Id,
    pub(super) family: Family,
}

impl ObjectHeader {
    pub(super) fn encode(&self) -> [u8; OBJECT_HEADER_BYTES] {
        let mut bytes = [0; OBJECT_HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&SNAPSHOT_FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&CODEC_ZSTD.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..48].copy_from_slice(&self.database_key);
        bytes[48..52].copy_from_slice(&self.family.number().to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Checks that these bytes are this header; `path` is how messages name the file.
    pub(super) fn check(&self, bytes: &[u8; OBJECT_HEADER_BYTES], path: &str) -> Result<(), LogError> {
        let word =
            |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were cut out"));
        let path = || path.to_owned();
        let damaged = |offset: usize, what: String| {
            Err(LogError::DamagedSnapshot { path: path(), offset: offset as u64, what })
        };
        if &bytes[..8] != MAGIC {
            return damaged(0, "this is not the header of a snapshot's rows".to_owned());
        }
        let counted = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        if word(CHECKSUM_AT) != counted {
            let found = word(CHECKSUM_AT);
            return damaged(
                CHECKSUM_AT,
                format!("the header has the checksum {counted:08x}, not {found:08x}"),
            );
        }
        // The magic, the version and the place of the checksum are the same in all formats.
        match word(8) {
            SNAPSHOT_FORMAT_VERSION => {}
            found if found > SNAPSHOT_FORMAT_VERSION => {
                return Err(LogError::NewerFormat {
                    path: path(),
                    found,
                    supported: SNAPSHOT_FORMAT_VERSION,
                });
            }
            found => return damaged(8, format!("format {found} was never written")),
        }
        if word(12) != CODEC_ZSTD {
            return Err(LogError::UnknownCodec { path: path(), found: word(12) });
        }
        if bytes[16..32] != self.id {
            return damaged(16, "these are not the rows that the snapshot refers to".to_owned());
        }
        if bytes[32..48] != self.database_key {
            return damaged(32, "the rows belong to another database than the snapshot".to_owned());
        }
        if word(48) != self.family.number() {
            return damaged(48, "the rows belong to another family than the snapshot".to_owned());
        }
        if let Some(at) = bytes[USED_BYTES..CHECKSUM_AT].iter().position(|byte| *byte != 0) {
            return damaged(USED_BYTES + at, "a byte that must be zero is not".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_flipped_bit_of_an_object_header_is_noticed() {
        let header = ObjectHeader { id: [1; 16], database_key: [2; 16], family: Family::B };
        let bytes = header.encode();
        header.check(&bytes, "x").unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(header.check(&flipped, "x").is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_format_and_an_unknown_codec_are_named_as_such() {
        let header = ObjectHeader { id: [1; 16], database_key: [2; 16], family: Family::A };
        let changed = |at: usize| {
            let mut bytes = header.encode();
            bytes[at] += 1;
            let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
            bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
            header.check(&bytes, "x").unwrap_err()
        };
        assert!(matches!(changed(8), LogError::NewerFormat { found: 2, supported: 1, .. }));
        assert!(matches!(changed(12), LogError::UnknownCodec { found: 2, .. }));
        assert!(matches!(changed(56), LogError::DamagedSnapshot { offset: 56, .. }));
    }
}
