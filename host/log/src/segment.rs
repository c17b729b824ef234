//! A segment: a file of batches, named by its first record. Its header says to which database,
//! timeline and catalog it belongs and where in the chain it starts. Invariant: a plain segment's file
//! is never shorter than the header says, until it is closed and cut to the length in the manifest.

use crate::batch::{Link, SECTOR_BYTES};
use crate::error::LogError;
use crate::limits::{MAX_FRAME_BYTES, MAX_SEGMENT_BYTES, MIN_FRAME_BYTES};
use crate::sequence::Sequence;

/// The folder of the segments.
pub(crate) const LOG_DIRECTORY: &str = "log";
/// The folder for copies of what recovery drops.
pub(crate) const ASIDE_DIRECTORY: &str = "log/aside";
/// The reserve: the next segment, allocated but without a header.
pub(crate) const RESERVE_PATH: &str = "log/reserve.tmp";
/// A newest segment that is being written again while opening.
pub(crate) const REWRITE_PATH: &str = "log/rewrite.tmp";
/// Space that is given up for the manifest when the disk is full.
pub(crate) const BALLAST_PATH: &str = "log/ballast.tmp";

/// The folder of closed segments that are compressed.
pub(crate) const ARCHIVE_DIRECTORY: &str = "archive";
/// A segment that is being compressed.
pub(crate) const ARCHIVE_TEMPORARY_PATH: &str = "archive/archive.tmp";

/// The newest format that this program reads, and writes where an older one cannot say the same: that of segments that
/// begin with definitions.
pub const FORMAT_VERSION: u32 = 3;
/// The format of compressed segments, and of manifests that know of an archive or of a repair.
pub(crate) const ARCHIVE_FORMAT: u32 = 2;
/// The format of segments that are not compressed, and of manifests that know of nothing newer.
pub(crate) const FIRST_FORMAT: u32 = 1;

/// The length of a segment's header: one sector.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = SECTOR_BYTES;

const MAGIC: &[u8; 8] = b"INTERLOG";
/// Batches as they are, neither compressed nor encrypted.
const CODEC_PLAIN: u32 = 0;
/// The batches cut into frames that are compressed each by itself.
const CODEC_FRAMES: u32 = 1;
const USED_BYTES: usize = 152;
const USED_BYTES_COMPRESSED: usize = 176;
const CHECKSUM_AT: usize = 508;

/// A random name, of a segment, a timeline or a database.
pub type Id = [u8; 16];

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The segment's random id, where its checksums start.
    pub(crate) id: Id,
    /// The history that it belongs to.
    pub(crate) timeline: Id,
    /// The key that the database was created with.
    pub(crate) database_key: Id,
    /// The number of its first record.
    pub(crate) first: Sequence,
    /// The length of its file while it is the newest.
    pub(crate) capacity: u64,
    /// When it was begun, in microseconds since 1970-01-01 UTC.
    pub(crate) created_micros: u64,
    /// The hash of the catalog before its first record.
    pub(crate) catalog: [u8; 32],
    /// The link of the last batch before it.
    pub(crate) previous: Link,
    /// Its first batch has no records, and the definitions that were made in front of its first record, which a
    /// repair gave up.
    pub(crate) begins_with_definitions: bool,
    /// How its batches are compressed, if they are.
    pub(crate) compressed: Option<Compressed>,
}

/// What the header of a compressed segment says beyond that of a plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compressed {
    /// The length of the segment before it was compressed, its header included.
    pub(crate) length: u64,
    /// Where the table of the frames begins in the file.
    pub(crate) table_at: u64,
    /// How many bytes of batches each frame holds; the last one may hold fewer.
    pub(crate) frame_bytes: u32,
    /// The checksum of the table.
    pub(crate) table_checksum: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES as usize] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        bytes[..8].copy_from_slice(MAGIC);
        let codec = if self.compressed.is_some() { CODEC_FRAMES } else { CODEC_PLAIN };
        let format = match (self.begins_with_definitions, codec) {
            (true, _) => FORMAT_VERSION,
            (false, CODEC_FRAMES) => ARCHIVE_FORMAT,
            (false, _) => FIRST_FORMAT,
        };
        bytes[8..12].copy_from_slice(&format.to_le_bytes());
        bytes[12..16].copy_from_slice(&codec.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..48].copy_from_slice(&self.timeline);
        bytes[48..64].copy_from_slice(&self.database_key);
        bytes[64..72].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[72..80].copy_from_slice(&self.capacity.to_le_bytes());
        bytes[80..88].copy_from_slice(&self.created_micros.to_le_bytes());
        bytes[88..120].copy_from_slice(&self.catalog);
        bytes[120..152].copy_from_slice(&self.previous);
        if let Some(compressed) = self.compressed {
            bytes[152..160].copy_from_slice(&compressed.length.to_le_bytes());
            bytes[160..168].copy_from_slice(&compressed.table_at.to_le_bytes());
            bytes[168..172].copy_from_slice(&compressed.frame_bytes.to_le_bytes());
            bytes[172..176].copy_from_slice(&compressed.table_checksum.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of the segment at `path`.
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES as usize], path: &str) -> Result<Self, LogError> {
        let word =
            |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were cut out"));
        let long =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were cut out"));
        let damaged = |offset: usize, what: String| LogError::Damaged {
            path: path.to_owned(),
            offset: offset as u64,
            what,
        };
        if &bytes[..8] != MAGIC {
            return Err(damaged(0, "this is not the header of a segment".to_owned()));
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        if word(CHECKSUM_AT) != checksum {
            let (found, counted) = (word(CHECKSUM_AT), checksum);
            let what = format!("the segment's header has the checksum {counted:08x}, expected {found:08x}");
            return Err(damaged(CHECKSUM_AT, what));
        }
        // The magic, the version and the place of the checksum are the same in all formats.
        if word(8) > FORMAT_VERSION {
            let (found, supported) = (word(8), FORMAT_VERSION);
            return Err(LogError::NewerFormat { path: path.to_owned(), found, supported });
        }
        let (used_bytes, compressed) = match (word(8), word(12)) {
            (FIRST_FORMAT | FORMAT_VERSION, CODEC_PLAIN) => (USED_BYTES, None),
            (ARCHIVE_FORMAT | FORMAT_VERSION, CODEC_FRAMES) => {
                let (length, table_at) = (long(152), long(160));
                let (frame_bytes, table_checksum) = (word(168), word(172));
                (USED_BYTES_COMPRESSED, Some(Compressed { length, table_at, frame_bytes, table_checksum }))
            }
            (FIRST_FORMAT..=FORMAT_VERSION, found) if found > CODEC_FRAMES => {
                return Err(LogError::UnknownCodec { path: path.to_owned(), found });
            }
            (format, codec) => {
                return Err(damaged(8, format!("format {format} with codec {codec} was never written")));
            }
        };
        if let Some(Compressed { length, frame_bytes, .. }) = compressed {
            let is_length = (SEGMENT_HEADER_BYTES..=MAX_SEGMENT_BYTES).contains(&length);
            if !is_length || !length.is_multiple_of(SECTOR_BYTES) {
                return Err(damaged(152, format!("a segment of {length} bytes was never compressed")));
            }
            if !(MIN_FRAME_BYTES..=MAX_FRAME_BYTES).contains(&frame_bytes) {
                return Err(damaged(168, format!("frames of {frame_bytes} bytes were never written")));
            }
        }
        if let Some(at) = bytes[used_bytes..CHECKSUM_AT].iter().position(|byte| *byte != 0) {
            return Err(damaged(used_bytes + at, "a byte that must be zero is not".to_owned()));
        }
        Ok(Self {
            id: bytes[16..32].try_into().expect("16 bytes were cut out"),
            timeline: bytes[32..48].try_into().expect("16 bytes were cut out"),
            database_key: bytes[48..64].try_into().expect("16 bytes were cut out"),
            first: Sequence(long(64)),
            capacity: long(72),
            created_micros: long(80),
            catalog: bytes[88..120].try_into().expect("32 bytes were cut out"),
            previous: bytes[120..152].try_into().expect("32 bytes were cut out"),
            begins_with_definitions: word(8) == FORMAT_VERSION,
            compressed,
        })
    }
}

/// The path of the segment that begins with this record. Names sort as their records do.
pub(crate) fn segment_path(first: Sequence) -> String {
    format!("{LOG_DIRECTORY}/{:020}.log", first.0)
}

/// The path of the same segment once it is compressed.
pub(crate) fn archive_path(first: Sequence) -> String {
    format!("{ARCHIVE_DIRECTORY}/{:020}.log", first.0)
}

/// The first record of the segment with this file name, if it is the name of a segment.
pub(crate) fn parse_segment_name(name: &str) -> Option<Sequence> {
    let digits = name.strip_suffix(".log")?;
    if digits.len() != 20 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Sequence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            id: [1; 16],
            timeline: [2; 16],
            database_key: [3; 16],
            first: Sequence(4),
            capacity: 5,
            created_micros: 6,
            catalog: [7; 32],
            previous: [8; 32],
            begins_with_definitions: false,
            compressed: None,
        }
    }

    fn compressed() -> SegmentHeader {
        let compressed =
            Compressed { length: 1 << 20, table_at: 5000, frame_bytes: 1 << 16, table_checksum: 77 };
        SegmentHeader { compressed: Some(compressed), ..header() }
    }

    #[test]
    fn every_flipped_bit_of_a_segment_header_is_noticed() {
        let with_definitions = |header| SegmentHeader { begins_with_definitions: true, ..header };
        for header in [header(), compressed(), with_definitions(header()), with_definitions(compressed())] {
            let bytes = header.encode();
            assert_eq!(SegmentHeader::decode(&bytes, "x").unwrap(), header);
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(SegmentHeader::decode(&flipped, "x").is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn lengths_beyond_the_limits_are_refused_before_anything_is_allocated() {
        let Some(within) = compressed().compressed else { panic!("it is compressed") };
        for beyond in [
            Compressed { length: u64::MAX, ..within },
            Compressed { length: 100, ..within },
            Compressed { length: (1 << 20) + 1, ..within },
            Compressed { frame_bytes: 0, ..within },
            Compressed { frame_bytes: u32::MAX, ..within },
        ] {
            let bytes = SegmentHeader { compressed: Some(beyond), ..header() }.encode();
            assert!(SegmentHeader::decode(&bytes, "x").is_err(), "{beyond:?}");
        }
    }

    #[test]
    fn a_newer_format_is_named_as_such() {
        let mut bytes = header().encode();
        bytes[8] = 4;
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        let error = SegmentHeader::decode(&bytes, "x").unwrap_err();
        assert!(matches!(error, LogError::NewerFormat { found: 4, supported: 3, .. }));
    }

    #[test]
    fn names_and_first_records_are_the_same_thing() {
        let path = segment_path(Sequence(42));
        let name = path.strip_prefix("log/").unwrap();
        assert_eq!(parse_segment_name(name), Some(Sequence(42)));
        assert_eq!(parse_segment_name("42.log"), None);
        assert_eq!(parse_segment_name("0000000000000000004x.log"), None);
        assert_eq!(parse_segment_name("99999999999999999999.log"), None);
    }
}
