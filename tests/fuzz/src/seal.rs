//! Putting checksums, links and digests right, so that changed bytes get past them and reach what lies
//! behind. Written from docs/format.md and not with the log's own code, whose mistakes it must not share.

use sha2::{Digest as _, Sha256};

/// A sector.
pub(crate) const SECTOR: usize = 512;
/// The header of a batch.
pub(crate) const BATCH_HEADER: usize = 64;

/// Where a field lies in the header of a segment.
pub(crate) mod header {
    use std::ops::Range;

    pub(crate) const FORMAT: Range<usize> = 8..16;
    pub(crate) const ID: Range<usize> = 16..32;
    pub(crate) const TIMELINE: Range<usize> = 32..48;
    pub(crate) const KEY: Range<usize> = 48..64;
    pub(crate) const FIRST: Range<usize> = 64..72;
    pub(crate) const CAPACITY: Range<usize> = 72..80;
    pub(crate) const CATALOG: Range<usize> = 88..120;
    pub(crate) const LINK: Range<usize> = 120..152;
    pub(crate) const LENGTH: Range<usize> = 152..160;
    pub(crate) const TABLE_AT: Range<usize> = 160..168;
    pub(crate) const TABLE_CHECKSUM: Range<usize> = 172..176;
}

/// The eight bytes there, as a number.
pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|found| found.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The four bytes there, as a number.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|found| found.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// Two hexadecimal digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts the checksum of a header right that fills the first sector of a file, if there is a whole one.
pub(crate) fn first_sector(bytes: &mut [u8]) {
    if bytes.len() >= SECTOR {
        let checksum = crc32c::crc32c(&bytes[..508]);
        bytes[508..SECTOR].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The checksum of bytes in a file with this random id.
pub(crate) fn checksum(id: &[u8], bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(id), bytes)
}

/// The last record and the last link after the batches of a segment.
pub(crate) struct End {
    pub(crate) last: u64,
    pub(crate) link: Vec<u8>,
    /// Where the batches end.
    pub(crate) offset: usize,
}

/// Puts the links and checksums of all batches of a segment right that lie within it, and the numbers of
/// their first records.
pub(crate) fn batches(segment: &mut [u8]) -> End {
    let id = segment[header::ID].to_vec();
    let first = long(segment, header::FIRST.start);
    let mut end = End { last: first.wrapping_sub(1), link: segment[header::LINK].to_vec(), offset: SECTOR };
    while let Some(rest) = segment.get_mut(end.offset..) {
        if rest.len() < SECTOR || rest[..BATCH_HEADER].iter().all(|byte| *byte == 0) {
            break;
        }
        let payload_end = BATCH_HEADER.saturating_add(word(rest, 52) as usize);
        if payload_end > rest.len() {
            break;
        }
        batch(&mut rest[..payload_end], &id, &end.link, end.last.wrapping_add(1));
        end.link = link(&rest[..payload_end]);
        end.last = end.last.wrapping_add(u64::from(word(rest, 48)));
        end.offset += payload_end.next_multiple_of(SECTOR);
    }
    end
}

/// Puts a batch right: header and payload, without what fills the sector.
pub(crate) fn batch(batch: &mut [u8], id: &[u8], previous: &[u8], first: u64) {
    batch[..32].copy_from_slice(previous);
    batch[32..40].copy_from_slice(&first.to_le_bytes());
    batch[40..48].copy_from_slice(&first.wrapping_sub(1).to_le_bytes());
    let payload = checksum(id, &batch[BATCH_HEADER..]);
    batch[56..60].copy_from_slice(&payload.to_le_bytes());
    let whole = checksum(id, &batch[..60]);
    batch[60..64].copy_from_slice(&whole.to_le_bytes());
}

fn link(batch: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(&batch[..56]);
    hash.update(&batch[BATCH_HEADER..]);
    hash.finalize().to_vec()
}

/// The link before the first batch of the database with this key.
pub(crate) fn genesis(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// A manifest of these lines, with the checksum behind them.
pub(crate) fn manifest(mut lines: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c(&lines);
    lines.extend_from_slice(format!("crc32c {checksum:08x}\n").as_bytes());
    lines
}
