//! One reading of a closed segment, step by step, with every check that a replay makes, from which its
//! index comes. It is also how a compressed segment is compared with what it was made from: by the links
//! of its batches. Invariant: a pass that ends well has read what the manifest lists, to the last byte.

use super::{Index, IndexBuilder};
use crate::batch::{HEADER_BYTES, Seed};
use crate::definitions::{Definitions, Scope};
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::{ClosedSegment, Manifest};
use crate::read_log::{check_start, open_segment};
use crate::record::RecordParts;
use crate::record_codec::Scratch;
use crate::scan::{Chain, Found, Reading, look};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::window::Window;
use std::ops::ControlFlow;

/// A segment that is being read.
pub(crate) struct SegmentPass {
    segment: ClosedSegment,
    window: Window,
    header: SegmentHeader,
    definitions: Definitions,
    scope: Scope,
    chain: Chain,
    offset: u64,
    builder: IndexBuilder,
}

impl SegmentPass {
    /// Begins with the segment at `path`, which should be the closed one with this index in the manifest.
    pub(crate) fn begin(
        disk: &dyn Disk,
        manifest: &Manifest,
        index: usize,
        path: &str,
    ) -> Result<Self, LogError> {
        let segment = manifest.closed[index].clone();
        let (mut window, header) = open_segment(disk, manifest, path, segment.first, &segment.id)?;
        let chain = check_start(&window, &header, manifest.before(index), 0)?;
        if window.end < segment.length || (header.compressed.is_some() && window.end != segment.length) {
            let what = format!("the segment has {} bytes, expected {}", window.end, segment.length);
            return Err(window.damaged(window.end, what));
        }
        window.end = segment.length;
        let (definitions, scope) = (Definitions::default(), Scope::default());
        let (offset, builder) = (SEGMENT_HEADER_BYTES, IndexBuilder::default());
        Ok(Self { segment, window, header, definitions, scope, chain, offset, builder })
    }

    /// The segment's header.
    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Reads about so many bytes more. Returns whether the end was reached.
    pub(crate) fn step(&mut self, bytes: u64) -> Result<bool, LogError> {
        let seed = Seed::new(&self.segment.id);
        let until = self.offset.saturating_add(bytes).min(self.window.end);
        let mut scratch = Scratch::default();
        while self.offset < until {
            let Self { window, definitions, builder, offset, .. } = self;
            let batch = match look(window, *offset, seed)? {
                Found::Batch(batch) => batch,
                Found::Nothing => return Err(window.damaged(*offset, "zeros where a batch was expected")),
                Found::Broken(at, what) => return Err(window.damaged(at, what)),
            };
            builder.begin_batch(*offset, self.chain.link, batch.first);
            let scope = std::mem::take(&mut self.scope);
            let mut reading = Reading { definitions, scope, scratch, chain: self.chain, records: 0 };
            let visit = &mut |record: &RecordParts<'_>, definitions: &Definitions| {
                builder.record(record, definitions);
                Ok(ControlFlow::Continue(()))
            };
            let read = reading.batch(window, *offset, &batch, seed, visit);
            (self.scope, self.chain, scratch) = (reading.scope, reading.chain, reading.scratch);
            read.map(drop)?;
            let payload = window.bytes(*offset + HEADER_BYTES as u64, batch.payload_bytes as usize)?;
            builder
                .end_batch(payload, &self.scope)
                .map_err(|malformed| self.window.damaged(self.offset, malformed.what))?;
            self.offset += batch.length();
        }
        if self.offset < self.window.end {
            return Ok(false);
        }
        let last = self.chain.next.previous();
        if last != self.segment.last || self.chain.link != self.segment.link {
            let what = format!(
                "the segment ends with record {last}, expected {} and the link that the manifest lists",
                self.segment.last
            );
            return Err(self.window.damaged(self.window.end, what));
        }
        Ok(true)
    }

    /// The index, and the latest time in any record, once the end was reached.
    pub(crate) fn finish(self) -> (Index, u64) {
        assert_eq!(self.offset, self.window.end, "{} was not read to its end", self.window.path);
        let latest_micros = self.builder.latest_micros();
        (self.builder.finish(&self.segment), latest_micros)
    }
}
