//! Reading only those parts of a log that may hold what a filter asks for, by the indexes of its closed
//! segments. A segment without a usable index is read whole. Invariant: what is found is what a reading
//! of the whole log with the same filter would find, or an error.

use crate::batch::Seed;
use crate::bytes::Bytes;
use crate::definitions::{Definition, DefinitionId, Definitions};
use crate::doors::Disk;
use crate::error::LogError;
use crate::filter::LogFilter;
use crate::index::{Block, FoundIndex, Index, index_path};
use crate::manifest::{ClosedSegment, Manifest};
use crate::read_log::{Progress, Walk, check_start, open_segment, total_bytes};
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, Visit, look};
use crate::segment::{SegmentHeader, segment_path};
use crate::sequence::Sequence;
use crate::window::Window;
use std::ops::ControlFlow;

/// What a search through the log came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Segments of which at least a part was read.
    pub segments_read: usize,
    /// Blocks of batches that were read, by an index.
    pub blocks_read: usize,
    /// Blocks that an index showed to be without interest.
    pub blocks_skipped: usize,
    /// Closed segments that were read whole because their index is missing or damaged. It is made anew
    /// when the database is opened to write.
    pub unindexed: usize,
}

/// A search under way.
pub(crate) struct Search<'s> {
    disk: &'s dyn Disk,
    manifest: &'s Manifest,
    filter: &'s LogFilter,
    definitions: Definitions,
    progress: &'s mut dyn FnMut(Progress),
    done: Progress,
    pub(crate) report: SearchReport,
}

impl<'s> Search<'s> {
    pub(crate) fn new(
        disk: &'s dyn Disk,
        manifest: &'s Manifest,
        filter: &'s LogFilter,
        progress: &'s mut dyn FnMut(Progress),
    ) -> Result<Self, LogError> {
        let done = Progress { bytes_done: 0, bytes_total: total_bytes(disk, manifest, 0)? };
        let (definitions, report) = (Definitions::default(), SearchReport::default());
        Ok(Self { disk, manifest, filter, definitions, progress, done, report })
    }

    /// Hands every record that the filter wants to `visit`.
    pub(crate) fn run(&mut self, visit: &mut Visit<'_>) -> Result<(), LogError> {
        let filter = self.filter;
        let mut wanted = |record: &RecordParts<'_>, definitions: &Definitions| {
            if filter.is_beyond(record.sequence) {
                return Ok(ControlFlow::Break(()));
            }
            if filter.matches(record, definitions) {
                return visit(record, definitions);
            }
            Ok(ControlFlow::Continue(()))
        };
        for index in 0..=self.manifest.closed.len() {
            let segment = self.manifest.closed.get(index);
            let first = segment.map_or(self.manifest.newest.first, |segment| segment.first);
            if filter.is_beyond(first) {
                break;
            }
            let length = segment.map_or(0, |segment| segment.length);
            let is_before = |segment: &&ClosedSegment| filter.from.is_some_and(|from| segment.last < from);
            let skipped = !filter.with_installs && segment.as_ref().is_some_and(is_before);
            if !skipped && self.segment(index, segment, &mut wanted)?.is_break() {
                break;
            }
            // However much of it was read, the segment is done.
            self.done.bytes_done += length;
            (self.progress)(self.done);
        }
        (self.progress)(Progress { bytes_done: self.done.bytes_total, ..self.done });
        Ok(())
    }

    fn segment(
        &mut self,
        at: usize,
        segment: Option<&ClosedSegment>,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        let Some(segment) = segment else { return self.newest(at, visit) };
        let FoundIndex::Fits(index) = Index::read(self.disk, segment)? else {
            self.report.unindexed += 1;
            return self.whole(at, segment, visit);
        };
        let selected = index.select(self.filter);
        let count = selected.iter().filter(|is_selected| **is_selected).count();
        self.report.blocks_read += count;
        self.report.blocks_skipped += selected.len() - count;
        if count == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        self.report.segments_read += 1;
        let (mut window, header) =
            open_segment(self.disk, self.manifest, &segment.path(), segment.first, &segment.id)?;
        check_start(&window, &header, self.manifest.before(at), 0)?;
        if window.end < index.length {
            let what = format!("the segment has {} bytes, expected {}", window.end, index.length);
            return Err(window.damaged(window.end, what));
        }
        self.blocks(&mut window, &header, &index, &selected, visit)
    }

    /// Reads the selected blocks of a segment, neighbours together.
    fn blocks(
        &mut self,
        window: &mut Window,
        header: &SegmentHeader,
        index: &Index,
        selected: &[bool],
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        let path = self.disk.locate(&index_path(index.first, header.compressed.is_some()));
        let unfit = |what: &str| LogError::Damaged { path: path.clone(), offset: 0, what: what.to_owned() };
        let mut reading = Reading::new(&mut self.definitions, Chain::at(header));
        let mut known = 0;
        let mut next = 0;
        while next < selected.len() {
            if !selected[next] {
                next += 1;
                continue;
            }
            let start = next;
            next += selected[start..].iter().take_while(|is_selected| **is_selected).count();
            let block = &index.blocks[start];
            let missing = index.definitions.get(known..block.definitions as usize);
            let missing = missing.ok_or_else(|| unfit("the blocks count their definitions differently"))?;
            define(&mut reading, missing).ok_or_else(|| unfit("a definition is not that of the segment"))?;
            let (end, link) = index.end_of(next - 1);
            reading.chain = chain_before(block, header);
            window.ahead_until = end;
            if run(window, header, block.offset..end, &mut reading, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if reading.chain.link != link {
                return Err(unfit("the blocks of the index are not those of the segment"));
            }
            known =
                index.blocks.get(next).map_or(index.definitions.len(), |block| block.definitions as usize);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn whole(
        &mut self,
        at: usize,
        segment: &ClosedSegment,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        self.report.segments_read += 1;
        let (mut window, header) =
            open_segment(self.disk, self.manifest, &segment.path(), segment.first, &segment.id)?;
        let chain = check_start(&window, &header, self.manifest.before(at), 0)?;
        let mut reading = Reading::new(&mut self.definitions, chain);
        Walk::new(None, self.progress, self.done).closed(&mut window, &header, segment, &mut reading, visit)
    }

    fn newest(&mut self, at: usize, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, LogError> {
        self.report.segments_read += 1;
        let newest = &self.manifest.newest;
        let path = segment_path(newest.first);
        let (mut window, header) = open_segment(self.disk, self.manifest, &path, newest.first, &newest.id)?;
        let chain = check_start(&window, &header, self.manifest.before(at), 0)?;
        let mut reading = Reading::new(&mut self.definitions, chain);
        let mut walk = Walk::new(None, self.progress, self.done);
        let end = walk.newest(&mut window, &header, newest, &mut reading, visit)?;
        Ok(if end.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

/// Makes definitions known whose batches are not read.
fn define(reading: &mut Reading<'_>, missing: &[(DefinitionId, Definition)]) -> Option<()> {
    let mut encoded = Vec::new();
    for (number, definition) in missing {
        encoded.clear();
        definition.encode(*number, &mut encoded);
        reading.scope.read(&mut Bytes::new(&encoded), reading.definitions).ok()?;
    }
    Some(())
}

/// The chain before a block: what a replay would have come to there, as far as an index knows it.
fn chain_before(block: &Block, header: &SegmentHeader) -> Chain {
    Chain { link: block.link, next: block.first, mark: Sequence::ZERO, ..Chain::at(header) }
}

/// Reads the batches of a part of a segment.
fn run(
    window: &mut Window,
    header: &SegmentHeader,
    part: std::ops::Range<u64>,
    reading: &mut Reading<'_>,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, LogError> {
    let seed = Seed::new(&header.id);
    let mut offset = part.start;
    while offset < part.end {
        let batch = match look(window, offset, seed)? {
            Found::Batch(batch) => batch,
            Found::Nothing => return Err(window.damaged(offset, "zeros where a batch was expected")),
            Found::Broken(at, what) => return Err(window.damaged(at, what)),
        };
        if reading.batch(window, offset, &batch, seed, visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        offset += batch.length();
    }
    Ok(ControlFlow::Continue(()))
}
