//! What is left of a segment behind the place that a snapshot covers, where damage lies in front of that place: the
//! batches from there on, and the definitions to which they refer. Invariant: the first batch that is kept names the
//! link to which the snapshot is tied, and every byte of it and of those behind it passed the checks of a replay.

use super::file::open;
use super::walk::Kept;
use crate::anchor::Anchor;
use crate::batch::{BatchHeader, HEADER_BYTES, Link, SECTOR_BYTES, Seed, whole_sectors};
use crate::bytes::{Bytes, put_varint};
use crate::definitions::{Definition, DefinitionId, Definitions, Scope};
use crate::doing::Doing;
use crate::doors::Disk;
use crate::error::LogError;
use crate::index::Index;
use crate::publish::rename;
use crate::scan::{Found, look};
use crate::segment::{REWRITE_PATH, SEGMENT_HEADER_BYTES, segment_path};
use crate::sequence::Sequence;
use crate::window::Window;
use std::collections::BTreeSet;

const CHUNK_BYTES: u64 = 1 << 20;

/// The batches of a segment behind a place in it.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    /// Where they begin in the file.
    from: u64,
    /// The payload of a batch with the definitions that were made in front of them, as far as they are known.
    definitions: Vec<u8>,
}

/// What was found behind a place.
pub(super) struct FoundBehind {
    pub(super) behind: Behind,
    /// The link before the first batch.
    pub(super) previous: Link,
    /// What the numbers stand for there.
    pub(super) scope: Scope,
}

impl Behind {
    pub(super) fn from(&self) -> u64 {
        self.from
    }

    /// How much longer the segment is that is made of them than they are.
    pub(super) fn front_bytes(&self) -> u64 {
        SEGMENT_HEADER_BYTES + whole_sectors((HEADER_BYTES + self.definitions.len()) as u64)
    }

    /// Looks for the batch that follows the anchor, sector by sector. What was defined in front of it is in the batches
    /// there, as far as they can be read, and all of it in the index of a segment that was closed.
    pub(super) fn find(
        window: &mut Window,
        seed: Seed,
        anchor: &Anchor,
        index: Option<&Index>,
        definitions: &mut Definitions,
    ) -> Option<FoundBehind> {
        let mut found = Vec::new();
        let mut at = SEGMENT_HEADER_BYTES;
        let first = loop {
            if at + SECTOR_BYTES > window.end {
                return None;
            }
            let batch = match look(window, at, seed) {
                Ok(Found::Batch(batch)) => batch,
                Ok(_) => {
                    at += SECTOR_BYTES;
                    continue;
                }
                Err(_) => {
                    at = window.after_unreadable(at);
                    continue;
                }
            };
            if batch.count > 0 && batch.first > anchor.sequence {
                break batch;
            }
            found.extend(defined_in(window, at, &batch));
            at += batch.length();
        };
        if first.first != anchor.sequence.next() || !anchor.is_at(first.first, &first.previous) {
            return None;
        }
        if let Some(index) = index {
            let later = defined_from(window, seed, at);
            found = index.definitions.iter().filter(|(number, _)| !later.contains(number)).cloned().collect();
        }
        let mut scope = Scope::default();
        let (mut count, mut encoded) = (0, Vec::new());
        for (number, definition) in &found {
            let start = encoded.len();
            definition.encode(*number, &mut encoded);
            // One that refers to another that cannot be read is of no use.
            match scope.read(&mut Bytes::new(&encoded[start..]), definitions) {
                Ok(()) => count += 1,
                Err(_) => encoded.truncate(start),
            }
        }
        let mut payload = Vec::new();
        put_varint(&mut payload, 0);
        put_varint(&mut payload, count);
        payload.extend_from_slice(&encoded);
        let behind = Behind { from: at, definitions: payload };
        Some(FoundBehind { behind, previous: first.previous, scope })
    }
}

/// The numbers that batches from here on define, as far as they can be read one after the other.
fn defined_from(window: &mut Window, seed: Seed, mut at: u64) -> BTreeSet<DefinitionId> {
    let mut numbers = BTreeSet::new();
    while let Ok(Found::Batch(batch)) = look(window, at, seed) {
        numbers.extend(defined_in(window, at, &batch).into_iter().map(|(number, _)| number));
        at += batch.length();
    }
    numbers
}

/// The definitions of a batch whose checksums are right.
fn defined_in(window: &mut Window, at: u64, batch: &BatchHeader) -> Vec<(DefinitionId, Definition)> {
    let mut found = Vec::new();
    let Ok(payload) = window.bytes(at + HEADER_BYTES as u64, batch.payload_bytes as usize) else {
        return found;
    };
    let mut bytes = Bytes::new(payload);
    if let (Ok(_), Ok(count)) = (bytes.varint(), bytes.varint()) {
        for _ in 0..count {
            let Ok(definition) = Definition::decode_numbered(&mut bytes) else { break };
            found.push(definition);
        }
    }
    found
}

/// Writes what is left as a segment of its own, and syncs it before it takes its name.
pub(super) fn write(disk: &dyn Disk, kept: &Kept, behind: &Behind) -> Result<(), LogError> {
    let (mut window, _) = open(disk, &kept.candidate.path)?;
    window.read_nothing_ahead();
    let located = || disk.locate(REWRITE_PATH);
    let file = disk.create(REWRITE_PATH).doing("create", located)?;
    file.write_at(0, &kept.header.encode()).doing("write", located)?;
    let mut to = behind.front_bytes();
    let batch =
        definitions_batch(kept.header.first, kept.header.previous, &kept.header.id, &behind.definitions);
    file.write_at(SEGMENT_HEADER_BYTES, &batch).doing("write", located)?;
    let mut at = behind.from;
    while at < kept.end {
        let length = (kept.end - at).min(CHUNK_BYTES);
        let bytes = window.bytes(at, length as usize)?;
        file.write_at(to, bytes).doing("write", located)?;
        (at, to) = (at + length, to + length);
    }
    file.sync().doing("sync", located)?;
    rename(disk, REWRITE_PATH, &segment_path(kept.header.first))
}

/// A batch without records, filled up to the end of a sector.
fn definitions_batch(first: Sequence, previous: Link, id: &[u8; 16], payload: &[u8]) -> Vec<u8> {
    let seed = Seed::new(id);
    let header = BatchHeader {
        previous,
        first,
        mark: first.previous(),
        count: 0,
        payload_bytes: payload.len() as u32,
        payload_checksum: seed.checksum(payload),
    };
    let mut bytes = header.encode(seed).to_vec();
    bytes.extend_from_slice(payload);
    bytes.resize(header.length() as usize, 0);
    bytes
}
