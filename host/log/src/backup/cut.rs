//! The last segment of a log that is restored up to a record: whole batches as they are, and of the batch with
//! that record its first records, as a batch of their own. Invariant: what is kept of a batch is byte for byte
//! what was written, and nothing behind the record is.

use super::copier::Copier;
use crate::batch::{BatchHeader, HEADER_BYTES, Seed, whole_sectors};
use crate::definitions::Definitions;
use crate::error::LogError;
use crate::manifest::{ClosedSegment, Manifest};
use crate::read_log::{check_start, open_segment};
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, look};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_path};
use crate::sequence::Sequence;
use crate::window::Window;
use std::ops::ControlFlow;

/// Writes the segment with this index up to a record that it holds. Returns what is to be listed, and the
/// chain behind the record.
pub(super) fn cut(
    copier: &mut Copier<'_>,
    manifest: &Manifest,
    index: usize,
    until: Sequence,
    definitions: &mut Definitions,
) -> Result<(ClosedSegment, Chain), LogError> {
    let (mut window, header) = open_listed(copier, manifest, index)?;
    let chain = check_start(&window, &header, manifest.before(index), 0)?;
    let seed = Seed::new(&header.id);
    let mut reading = Reading::new(definitions, chain);
    let mut new = copier.begin(&segment_path(header.first), 0)?;
    copier.write(&mut new, &SegmentHeader { compressed: None, ..header }.encode())?;
    let nothing = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(ControlFlow::Continue(()));
    let mut offset = SEGMENT_HEADER_BYTES;
    loop {
        let batch = match look(&mut window, offset, seed) {
            Ok(Found::Batch(batch)) => batch,
            // What is wrong behind the record is not copied.
            Err(error) if reading.chain.next <= until => return Err(error),
            _ => break,
        };
        // A mark right behind the record stays: a snapshot may be tied to its link.
        if batch.count > 0 && batch.first > until {
            break;
        }
        let kept = until.0.saturating_add(1) - batch.first.0;
        if kept < u64::from(batch.count) {
            let (bytes, link) = first_records(&mut window, offset, &batch, seed, &mut reading, kept as u32)?;
            copier.write(&mut new, &bytes)?;
            reading.chain.link = link;
            break;
        }
        let bytes = window.bytes(offset, batch.length() as usize)?;
        copier.write(&mut new, bytes)?;
        let _ = reading.batch(&mut window, offset, &batch, seed, nothing)?;
        offset += batch.length();
    }
    let chain = reading.chain;
    let last = chain.next.previous();
    if last != until {
        return Err(window.damaged(offset, format!("the batches end with record {last}, expected {until}")));
    }
    let length = new.length;
    copier.finish(new)?;
    let (first, id, link) = (header.first, header.id, chain.link);
    Ok((ClosedSegment { first, id, length, last, link, archived: None }, chain))
}

/// Opens the segment with this index, the newest after the closed ones, up to where its batches may end.
fn open_listed(
    copier: &Copier<'_>,
    manifest: &Manifest,
    index: usize,
) -> Result<(Window, SegmentHeader), LogError> {
    let (path, first, id, length) = match manifest.closed.get(index) {
        Some(segment) => (segment.path(), segment.first, segment.id, Some(segment.length)),
        None => (segment_path(manifest.newest.first), manifest.newest.first, manifest.newest.id, None),
    };
    let (mut window, header) = open_segment(copier.from, manifest, &path, first, &id)?;
    window.end = window.end.min(length.unwrap_or(header.capacity));
    Ok((window, header))
}

/// The first records of a batch as a batch of their own: its bytes, filled up to the end of a sector, and its
/// link. The definitions that the whole batch made stay.
fn first_records(
    window: &mut Window,
    offset: u64,
    batch: &BatchHeader,
    seed: Seed,
    reading: &mut Reading<'_>,
    count: u32,
) -> Result<(Vec<u8>, [u8; 32]), LogError> {
    let payload_bytes = reading.first_records(window, offset, batch, count)?;
    let payload = window.bytes(offset + HEADER_BYTES as u64, payload_bytes)?;
    let payload_checksum = seed.checksum(payload);
    let kept = BatchHeader { count, payload_bytes: payload_bytes as u32, payload_checksum, ..*batch };
    let mut bytes = kept.encode(seed).to_vec();
    bytes.extend_from_slice(payload);
    bytes.resize(whole_sectors(bytes.len() as u64) as usize, 0);
    Ok((bytes, kept.link(seed, payload)))
}
