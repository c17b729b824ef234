//! What can still be told of transactions that are given up: batches whose headers, and perhaps records,
//! are whole somewhere behind the place that is not. Invariant: nothing found here is ever used but to
//! say what is lost.

use super::candidates::Candidate;
use super::file::open;
use crate::batch::{BatchHeader, HEADER_BYTES, SECTOR_BYTES, Seed};
use crate::bytes::Bytes;
use crate::doors::Disk;
use crate::scan::{Found, look};
use crate::segment::SEGMENT_HEADER_BYTES;
use crate::sequence::Sequence;
use crate::window::Window;

/// What was found of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remains {
    /// The last record that is kept.
    kept_until: Sequence,
    /// The last record of which anything tells.
    pub(super) last: Sequence,
    /// When the first and the last batch that can be read were begun.
    pub(super) times: Option<(u64, u64)>,
}

impl Remains {
    pub(super) fn after(kept_until: Sequence) -> Self {
        Self { kept_until, last: Sequence::ZERO, times: None }
    }

    pub(super) fn reaches(&mut self, last: Sequence) {
        self.last = self.last.max(last);
    }

    /// Looks through a segment from `offset` on. What cannot be read is passed over.
    pub(super) fn look_through(&mut self, disk: &dyn Disk, candidate: &Candidate, offset: u64) {
        // A segment is begun only when all before it is safe.
        self.reaches(candidate.first.previous());
        let Ok((mut window, _)) = open(disk, &candidate.path) else { return };
        let id = window.segment_header().map(|header| header.id).ok().or(candidate.id);
        let Some(seed) = id.map(|id| Seed::new(&id)) else { return };
        let mut at = offset.max(SEGMENT_HEADER_BYTES);
        while at + SECTOR_BYTES <= window.end {
            let Ok(bytes) = window.bytes(at, HEADER_BYTES) else {
                at = window.after_unreadable(at);
                continue;
            };
            let head = bytes.first_chunk::<HEADER_BYTES>();
            if let Some(header) = head.and_then(|head| BatchHeader::decode(head, seed)) {
                self.batch(&mut window, at, &header, seed);
            }
            at += SECTOR_BYTES;
        }
    }

    fn batch(&mut self, window: &mut Window, at: u64, header: &BatchHeader, seed: Seed) {
        let last = Sequence(header.first.0.saturating_add(header.count.into())).previous();
        self.reaches(last);
        if header.count == 0
            || last <= self.kept_until
            || !matches!(look(window, at, seed), Ok(Found::Batch(_)))
        {
            return;
        }
        let payload = window.bytes(at + HEADER_BYTES as u64, header.payload_bytes as usize);
        if let Ok(Ok(micros)) = payload.map(|payload| Bytes::new(payload).varint()) {
            let (since, until) = self.times.unwrap_or((micros, micros));
            self.times = Some((since.min(micros), until.max(micros)));
        }
    }
}
