//! Verifying one segment to its end, whatever is found on the way: after a place that is no batch the
//! next one is looked for, sector by sector, and reading goes on there. Invariant: a batch is counted as
//! read only if its checksums are right and, where the batch before it was read, also its link.

use super::places::Places;
use super::{Gravity, VerifyReport};
use crate::batch::{BatchHeader, HEADER_BYTES, SECTOR_BYTES, Seed};
use crate::definitions::Definitions;
use crate::doors::Disk;
use crate::error::LogError;
use crate::index::{FoundIndex, Index, IndexBuilder, index_path};
use crate::manifest::{ClosedSegment, Manifest};
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, look, survey};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_path};
use crate::sequence::Sequence;
use crate::window::Window;
use std::io;
use std::ops::ControlFlow;

/// One segment of the manifest, closed or the newest.
pub(super) struct SegmentCheck<'c> {
    disk: &'c dyn Disk,
    manifest: &'c Manifest,
    at: usize,
    closed: Option<&'c ClosedSegment>,
    path: String,
    first: Sequence,
    seed: Seed,
    definitions: &'c mut Definitions,
    report: &'c mut VerifyReport,
    places: &'c mut Places,
    /// The catalog that the records before this segment made, where they could be read.
    catalog: Option<[u8; 32]>,
    builder: IndexBuilder,
    /// Nothing has been found wrong with the batches so far.
    is_whole: bool,
}

impl<'c> SegmentCheck<'c> {
    pub(super) fn new(
        disk: &'c dyn Disk,
        manifest: &'c Manifest,
        at: usize,
        definitions: &'c mut Definitions,
        report: &'c mut VerifyReport,
        places: &'c mut Places,
        catalog: Option<[u8; 32]>,
    ) -> Self {
        let closed = manifest.closed.get(at);
        let newest = &manifest.newest;
        let (path, first, id) = match closed {
            Some(segment) => (segment.path(), segment.first, segment.id),
            None => (segment_path(newest.first), newest.first, newest.id),
        };
        let (seed, builder, is_whole) = (Seed::new(&id), IndexBuilder::default(), true);
        let catalog = manifest.before(at).catalog.or(catalog);
        Self {
            disk,
            manifest,
            at,
            closed,
            path,
            first,
            seed,
            definitions,
            report,
            places,
            catalog,
            builder,
            is_whole,
        }
    }

    /// Looks at all of it. Returns how many bytes that were, and the catalog at its end if all of it reads.
    pub(super) fn run(&mut self, progress: &mut dyn FnMut(u64)) -> (u64, Option<[u8; 32]>) {
        let mut window = match Window::open(self.disk, &self.path) {
            Ok(window) => window,
            Err(LogError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let what = format!("the file is missing; it holds the records from {} on", self.first);
                self.damage(0, what);
                return (self.closed.map_or(0, |segment| segment.length), None);
            }
            Err(error) => {
                self.error(&error);
                return (self.closed.map_or(0, |segment| segment.length), None);
            }
        };
        let header = match window.segment_header() {
            Ok(header) => Some(header),
            Err(error) => {
                self.error(&error);
                None
            }
        };
        if let Some(header) = &header {
            self.check_header(header);
        }
        self.check_length(&mut window, header.as_ref());
        let before = self.manifest.before(self.at);
        let chain = Chain {
            link: before.link,
            next: before.next,
            mark: self.first.previous(),
            catalog: header.map_or([0; 32], |header| header.catalog),
            latest_micros: 0,
        };
        let (offset, chain) = self.batches(&mut window, chain, progress);
        match self.closed {
            Some(segment) => self.check_end(segment, chain),
            None => self.check_newest_end(&mut window, offset, chain),
        }
        (window.end, self.is_whole.then_some(chain.catalog))
    }

    fn damage(&mut self, offset: u64, what: impl Into<String>) {
        self.is_whole = false;
        self.report.add(self.disk, &self.path, offset, Gravity::Damage, what);
    }

    fn error(&mut self, error: &LogError) {
        self.is_whole = false;
        self.report.error(self.disk, &self.path, Gravity::Damage, error);
    }

    /// Compares the header with the manifest and with the end of the segment before.
    fn check_header(&mut self, header: &SegmentHeader) {
        let newest = &self.manifest.newest;
        let id = self.closed.map_or(newest.id, |segment| segment.id);
        let before = self.manifest.before(self.at);
        let faults = [
            (header.id == id, 16, "the segment is not the one that the manifest lists"),
            (header.timeline == self.manifest.timeline_of(self.first), 32, "it belongs to another timeline"),
            (header.database_key == self.manifest.database_key, 48, "it belongs to another database"),
            (header.first == self.first, 64, "it begins with another record than its name says"),
            (
                self.catalog.is_none_or(|catalog| catalog == header.catalog),
                88,
                "its catalog is not the one that the records before it made",
            ),
            (header.previous == before.link, 120, "it is not linked to the batch before it"),
        ];
        for (is_right, offset, what) in faults {
            if !is_right {
                self.damage(offset, what);
            }
        }
    }

    fn check_length(&mut self, window: &mut Window, header: Option<&SegmentHeader>) {
        let is_compressed = header.is_some_and(|header| header.compressed.is_some());
        let expected = match (self.closed, header) {
            (Some(segment), _) => segment.length,
            (None, Some(header)) => header.capacity,
            (None, None) => return,
        };
        if is_compressed != self.closed.is_some_and(|segment| segment.archived.is_some()) {
            self.damage(12, "the manifest says otherwise whether this segment is compressed");
        }
        if window.end < expected || (window.end > expected && is_compressed) {
            let what = format!("the segment has {} bytes, expected {expected}", window.end);
            self.damage(window.end.min(expected), what);
        } else if window.end > expected && self.closed.is_some() {
            let what = format!("the file was not cut to its {expected} bytes after it was closed");
            self.report.add(self.disk, &self.path, expected, Gravity::Mended, what);
        }
        // A newest segment may be longer than its header says, and what is beyond means nothing.
        window.end = window.end.min(expected);
    }

    /// Reads all batches. Returns where they end, and the chain there.
    fn batches(
        &mut self,
        window: &mut Window,
        mut chain: Chain,
        progress: &mut dyn FnMut(u64),
    ) -> (u64, Chain) {
        let mut scope = crate::definitions::Scope::default();
        let mut scratch = crate::record_codec::Scratch::default();
        // Definitions may have been in a batch that could not be read.
        let mut is_defined = true;
        let mut offset = SEGMENT_HEADER_BYTES;
        let mut told = 0;
        self.places.pass(&chain);
        while offset < window.end {
            let batch = match look(window, offset, self.seed) {
                Ok(Found::Batch(batch)) => batch,
                found => {
                    let Some(next) = self.skip(window, offset, found) else { return (offset, chain) };
                    (offset, is_defined) = (next.0, false);
                    chain =
                        Chain { link: next.1.previous, next: next.1.first, mark: Sequence::ZERO, ..chain };
                    continue;
                }
            };
            self.builder.begin_batch(offset, chain.link, batch.first);
            if is_defined {
                let definitions = &mut *self.definitions;
                let mut reading = Reading { definitions, scope, scratch, chain, records: 0 };
                let builder = &mut self.builder;
                let visit = &mut |record: &RecordParts<'_>, definitions: &Definitions| {
                    builder.record(record, definitions);
                    Ok(ControlFlow::Continue(()))
                };
                let read = reading.batch(window, offset, &batch, self.seed, visit);
                chain = reading.chain;
                self.report.records += reading.records;
                (scope, scratch) = (reading.scope, reading.scratch);
                if let Err(error) = read {
                    self.error(&error);
                    is_defined = false;
                    chain = self.after(window, offset, &batch, chain);
                } else if let Ok(payload) =
                    window.bytes(offset + HEADER_BYTES as u64, batch.payload_bytes as usize)
                    && self.builder.end_batch(payload, &scope).is_err()
                {
                    self.damage(offset, "the definitions of a batch do not read twice");
                }
            } else {
                self.check_continuity(offset, &batch, &chain);
                self.report.records += u64::from(batch.count);
                chain = self.after(window, offset, &batch, chain);
            }
            self.report.last = self.report.last.max(chain.next.previous());
            self.places.pass(&chain);
            offset += batch.length();
            if offset >> 20 != told {
                told = offset >> 20;
                progress(offset);
            }
        }
        (offset, chain)
    }

    /// Notes that here is no batch, and looks for the next one: where it is, and its header. There is no
    /// next one at the end of the newest segment, and then nothing is noted yet.
    fn skip(
        &mut self,
        window: &mut Window,
        offset: u64,
        found: Result<Found, LogError>,
    ) -> Option<(u64, BatchHeader)> {
        let next = self.resynchronise(window, offset);
        match found {
            Ok(Found::Broken(..) | Found::Nothing) if self.closed.is_none() && next.is_none() => {}
            Ok(Found::Broken(at, what)) => self.damage(at, what),
            Ok(_) => self.damage(offset, "zeros where a batch was expected"),
            Err(error) => self.error(&error),
        }
        if let Some((at, header)) = &next {
            let what = format!("reading goes on at byte {at}, with record {}", header.first);
            self.damage(offset, what);
        }
        next
    }

    /// The next place after `offset` with the header of a batch.
    fn resynchronise(&mut self, window: &mut Window, offset: u64) -> Option<(u64, BatchHeader)> {
        let mut at = offset + SECTOR_BYTES;
        while at + SECTOR_BYTES <= window.end {
            match window.bytes(at, HEADER_BYTES) {
                Ok(bytes) => {
                    let head = bytes.first_chunk::<HEADER_BYTES>();
                    if let Some(header) = head.and_then(|head| BatchHeader::decode(head, self.seed)) {
                        return Some((at, header));
                    }
                    at += SECTOR_BYTES;
                }
                Err(error) => {
                    self.error(&error);
                    at = window.after_unreadable(at);
                }
            }
        }
        None
    }

    /// The chain after a batch whose records were not all read.
    fn after(&mut self, window: &mut Window, offset: u64, batch: &BatchHeader, chain: Chain) -> Chain {
        let payload = window.bytes(offset + HEADER_BYTES as u64, batch.payload_bytes as usize);
        let link = payload.map_or(chain.link, |payload| batch.link(self.seed, payload));
        let next = Sequence(batch.first.0.saturating_add(batch.count.into()));
        Chain { link, next, mark: batch.mark, ..chain }
    }

    fn check_continuity(&mut self, offset: u64, batch: &BatchHeader, chain: &Chain) {
        if batch.first != chain.next {
            let what = format!("a batch begins with record {}, expected {}", batch.first, chain.next);
            self.damage(offset + 32, what);
        }
        if batch.previous != chain.link {
            self.damage(offset, "a batch is not linked to the one before it");
        }
    }

    fn check_end(&mut self, segment: &ClosedSegment, chain: Chain) {
        let last = chain.next.previous();
        if last != segment.last || chain.link != segment.link {
            let expected = segment.last;
            let what = format!(
                "it ends with record {last}, expected {expected} and the link that the manifest lists"
            );
            self.damage(segment.length, what);
        }
        let path = index_path(segment.first, segment.archived.is_some());
        match Index::read(self.disk, segment) {
            Ok(FoundIndex::Fits(index)) => {
                self.report.indexes += 1;
                let builder = std::mem::take(&mut self.builder);
                if self.is_whole && builder.finish(segment) != *index {
                    let what = "the index does not say what the segment holds; remove it: it is made anew";
                    self.report.add(self.disk, &path, 0, Gravity::Damage, what);
                }
            }
            Ok(FoundIndex::Missing) => {
                let what = "the index is missing; it is made anew while the database is open";
                self.report.add(self.disk, &path, 0, Gravity::Mended, what);
            }
            Ok(FoundIndex::Unfit(offset, what)) => {
                let what = format!("{what}; it is made anew while the database is open");
                self.report.add(self.disk, &path, offset, Gravity::Mended, what);
            }
            Err(error) => self.report.error(self.disk, &path, Gravity::Damage, &error),
        }
    }

    /// The end of the newest segment may be torn, but not before what is known to be safe.
    fn check_newest_end(&mut self, window: &mut Window, offset: u64, chain: Chain) {
        let newest = &self.manifest.newest;
        let last = chain.next.previous();
        if offset < newest.synced_bytes || last < newest.synced {
            let what = format!(
                "the log ends with record {last}, but the manifest knows {} up to byte {} to be safe",
                newest.synced, newest.synced_bytes
            );
            self.damage(offset, what);
            return;
        }
        match survey(window, offset, self.seed) {
            Ok(remainder) => {
                if let Some(until) = remainder.used_until {
                    let what = format!("a write was cut off by a crash; its remains end at byte {until}");
                    self.report.add(self.disk, &self.path, offset, Gravity::Mended, what);
                } else if offset != newest.synced_bytes {
                    let what = "the database was not closed";
                    self.report.add(self.disk, &self.path, offset, Gravity::Mended, what);
                }
            }
            Err(error) => self.error(&error),
        }
    }
}
