//! Reading a whole log: segment after segment, each compared with the manifest and with what was read
//! before it, to the end of the last batch. Nothing is written here, so that readers may use it.
//! Invariant: what is handed on is a gapless part of the history, beginning where it was asked to.

use crate::anchor::Anchor;
use crate::batch::Seed;
use crate::definitions::{Definitions, Scope};
use crate::doing::Doing;
use crate::doors::{Access, Disk};
use crate::error::{BoxError, LogError};
use crate::manifest::{Before, ClosedSegment, MANIFEST_PATH, Manifest, NewestSegment};
use crate::publish::list_if_there;
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, Visit, look, survey};
use crate::segment::{LOG_DIRECTORY, SEGMENT_HEADER_BYTES, SegmentHeader, parse_segment_name, segment_path};
use crate::sequence::Sequence;
use crate::snapshot::{lost_before, snapshot_beyond};
use crate::starting_point::{Gate, StartingPoint};
use crate::window::Window;
use std::io;
use std::ops::ControlFlow;

/// Takes the records of a log while it is opened.
pub trait Replay {
    /// The next record. An error ends the opening.
    fn record(&mut self, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), BoxError>;
    /// How far the reading has come; called about once a mebibyte, or a batch where those are longer.
    fn progress(&mut self, progress: Progress) {
        let _ = progress;
    }
}

impl<F> Replay for F
where
    F: FnMut(&RecordParts<'_>, &Definitions) -> Result<(), BoxError>,
{
    fn record(&mut self, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), BoxError> {
        self(record, definitions)
    }
}

/// How far the reading of a log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of segments read.
    pub bytes_done: u64,
    /// Bytes of segments altogether.
    pub bytes_total: u64,
}

/// The end of a log.
pub(crate) struct End {
    pub(crate) manifest: Manifest,
    pub(crate) newest: SegmentHeader,
    /// Where the next batch goes in the newest segment.
    pub(crate) offset: u64,
    pub(crate) chain: Chain,
    /// The numbers that the newest segment defines.
    pub(crate) scope: Scope,
    /// A torn write after the last batch: where it ends.
    pub(crate) torn_until: Option<u64>,
    /// Segments that the manifest does not list, without records.
    pub(crate) unlisted: Vec<String>,
    /// The bytes of the batches after the place where reading began.
    pub(crate) grown_bytes: u64,
}

/// Where reading begins.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// With the first record of the database; refused if that was given up.
    Beginning,
    /// With the segment that holds this record, or the first one that is kept.
    At(Sequence),
    /// After this place, which must be in the log.
    After(&'a StartingPoint),
}

impl<'a> Start<'a> {
    fn anchor(self) -> Option<&'a Anchor> {
        if let Self::After(point) = self { Some(&point.anchor) } else { None }
    }

    /// The index of the segment with which reading begins; the newest comes after the closed ones.
    fn index(self, disk: &dyn Disk, manifest: &Manifest) -> Result<usize, LogError> {
        let ending_before =
            |record: Sequence| manifest.closed.iter().take_while(|segment| segment.last < record).count();
        match self {
            Self::Beginning if manifest.begin.is_some() => {
                Err(LogError::BeginningGivenUp { path: disk.locate(MANIFEST_PATH), first: manifest.first() })
            }
            Self::Beginning => Ok(0),
            Self::At(from) => Ok(ending_before(from)),
            Self::After(point) => {
                point.check(disk, manifest)?;
                let anchor = &point.anchor;
                let index = ending_before(anchor.sequence);
                // The segment that ends at the anchor need not be read.
                let ends_there = |segment: &ClosedSegment| anchor.is_at(segment.last.next(), &segment.link);
                let ends_there = manifest.closed.get(index).is_some_and(ends_there);
                Ok(index + usize::from(ends_there))
            }
        }
    }
}

/// Reads the log into `replay`, from its beginning or after a place in it.
pub(crate) fn read_with(
    disk: &dyn Disk,
    manifest: Manifest,
    start: Option<&StartingPoint>,
    definitions: &mut Definitions,
    replay: &mut dyn Replay,
) -> Result<End, LogError> {
    // Both closures need the replay, one at a time.
    let replay = std::cell::RefCell::new(replay);
    let end = read_log(
        disk,
        manifest,
        start.map_or(Start::Beginning, Start::After),
        definitions,
        &mut |record, definitions| match replay.borrow_mut().record(record, definitions) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(source) => Err(LogError::Replay { sequence: record.sequence, source }),
        },
        &mut |progress| replay.borrow_mut().progress(progress),
    )?;
    Ok(end.expect("the visit never breaks off"))
}

/// Reads the log to its end. Writes nothing.
pub(crate) fn read_log(
    disk: &dyn Disk,
    manifest: Manifest,
    start: Start<'_>,
    definitions: &mut Definitions,
    visit: &mut Visit<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<End>, LogError> {
    let unlisted = unlisted_segments(disk, &manifest)?;
    let start_index = start.index(disk, &manifest)?;
    let done = Progress { bytes_done: 0, bytes_total: total_bytes(disk, &manifest, start_index)? };
    let mut walk = Walk::new(start.anchor(), progress, done);
    let mut before = manifest.before(start_index);
    let mut latest_micros = start.anchor().map_or(0, |anchor| anchor.latest_micros);
    for (index, segment) in manifest.closed.iter().enumerate().skip(start_index) {
        let (mut window, header) =
            open_segment(disk, &manifest, &segment.path(), segment.first, &segment.id)?;
        let chain = check_start(&window, &header, before, latest_micros)?;
        let mut reading = Reading::new(definitions, chain);
        if walk.closed(&mut window, &header, segment, &mut reading, visit)?.is_break() {
            return Ok(None);
        }
        latest_micros = reading.chain.latest_micros;
        before = Before { catalog: Some(reading.chain.catalog), ..manifest.before(index + 1) };
    }
    let newest = &manifest.newest;
    let path = segment_path(newest.first);
    let (mut window, header) = open_segment(disk, &manifest, &path, newest.first, &newest.id)?;
    let chain = check_start(&window, &header, before, latest_micros)?;
    let mut reading = Reading::new(definitions, chain);
    let read = walk.newest(&mut window, &header, newest, &mut reading, visit)?;
    let Some((offset, torn_until)) = read else { return Ok(None) };
    let (chain, scope) = (reading.chain, reading.scope);
    let last = chain.next.previous();
    check_unlisted(disk, &unlisted, last)?;
    if let Some(snapshot) = snapshot_beyond(disk, &manifest, last)? {
        return Err(window.damaged(offset, lost_before(&snapshot, last)));
    }
    walk.gate.end(&window.path, offset)?;
    let grown_bytes = walk.grown_bytes;
    Ok(Some(End { manifest, newest: header, offset, chain, scope, torn_until, unlisted, grown_bytes }))
}

/// The length of all segments from this one on, uncompressed.
pub(crate) fn total_bytes(disk: &dyn Disk, manifest: &Manifest, start: usize) -> Result<u64, LogError> {
    let closed: u64 = manifest.closed[start..].iter().map(|segment| segment.length).sum();
    let path = segment_path(manifest.newest.first);
    let newest = match disk.open(&path, Access::Read) {
        Ok(file) => file.length().doing("measure", || disk.locate(&path))?,
        // Whether it is missing is found out in its turn, with a better message.
        Err(_) => 0,
    };
    Ok(closed + newest)
}

/// Opens a listed segment and compares its header with the manifest.
pub(crate) fn open_segment(
    disk: &dyn Disk,
    manifest: &Manifest,
    path: &str,
    first: Sequence,
    id: &[u8; 16],
) -> Result<(Window, SegmentHeader), LogError> {
    let mut window = match Window::open(disk, path) {
        Err(LogError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(LogError::MissingSegment { path: disk.locate(path), first });
        }
        opened => opened?,
    };
    let header = listed_header(&mut window, manifest, first, id)?;
    Ok((window, header))
}

/// The header of a listed segment, compared with the manifest.
pub(crate) fn listed_header(
    window: &mut Window,
    manifest: &Manifest,
    first: Sequence,
    id: &[u8; 16],
) -> Result<SegmentHeader, LogError> {
    let header = window.segment_header()?;
    let differs = |offset, what| Err(window.damaged(offset, what));
    if header.id != *id {
        return differs(16, "the segment is not the one that the manifest lists under this name");
    }
    if header.timeline != manifest.timeline_of(first) {
        return differs(32, "the segment belongs to another timeline than the manifest");
    }
    if header.database_key != manifest.database_key {
        return differs(48, "the segment belongs to another database than the manifest");
    }
    if header.first != first {
        return differs(64, "the segment begins with another record than its name says");
    }
    Ok(header)
}

/// Compares a segment's header with what is known of the place where it begins.
pub(crate) fn check_start(
    window: &Window,
    header: &SegmentHeader,
    before: Before,
    latest_micros: u64,
) -> Result<Chain, LogError> {
    if header.first != before.next {
        let what = format!("the segment begins with record {}, expected {}", header.first, before.next);
        return Err(window.damaged(64, what));
    }
    if before.catalog.is_some_and(|catalog| catalog != header.catalog) {
        return Err(
            window.damaged(88, "the segment's catalog is not the one that the records before it made")
        );
    }
    if header.previous != before.link {
        return Err(window.damaged(120, "the segment is not linked to the batch before it"));
    }
    Ok(Chain { latest_micros, ..Chain::at(header) })
}

/// What goes with a reading from segment to segment.
pub(crate) struct Walk<'w> {
    gate: Gate<'w>,
    progress: &'w mut dyn FnMut(Progress),
    done: Progress,
    /// The bytes of the batches that were read behind the gate.
    grown_bytes: u64,
}

impl<'w> Walk<'w> {
    pub(crate) fn new(
        anchor: Option<&'w Anchor>,
        progress: &'w mut dyn FnMut(Progress),
        done: Progress,
    ) -> Self {
        Self { gate: Gate::new(anchor), progress, done, grown_bytes: 0 }
    }

    /// Reads the batches from `offset` to the end of the window or to the first place where none is:
    /// that place, and what is there.
    fn batches(
        &mut self,
        window: &mut Window,
        mut offset: u64,
        seed: Seed,
        reading: &mut Reading<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<(), (u64, Found)>, LogError> {
        self.gate.boundary(&reading.chain, &window.path, offset)?;
        let passes_all = self.gate.passes(Sequence::ZERO);
        let gate = &mut self.gate;
        loop {
            let batch = match look(window, offset, seed)? {
                Found::Batch(batch) => batch,
                found => return Ok(ControlFlow::Continue((offset, found))),
            };
            gate.batch(batch.first, batch.count, &window.path, offset)?;
            let read = if passes_all {
                reading.batch(window, offset, &batch, seed, visit)?
            } else {
                let visit = &mut |record: &RecordParts<'_>, definitions: &Definitions| {
                    if gate.passes(record.sequence) {
                        return visit(record, definitions);
                    }
                    Ok(ControlFlow::Continue(()))
                };
                reading.batch(window, offset, &batch, seed, visit)?
            };
            if read.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            offset += batch.length();
            self.grown_bytes += if gate.is_open() { batch.length() } else { 0 };
            gate.boundary(&reading.chain, &window.path, offset)?;
            report(self.progress, &mut self.done, batch.length());
        }
    }

    /// Reads a closed segment.
    pub(crate) fn closed(
        &mut self,
        window: &mut Window,
        header: &SegmentHeader,
        segment: &ClosedSegment,
        reading: &mut Reading<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        let is_short = window.end < segment.length;
        let wrong = (is_short || (header.compressed.is_some() && window.end != segment.length)).then(|| {
            let what = format!("the segment has {} bytes, expected {}", window.end, segment.length);
            window.damaged(window.end, what)
        });
        window.end = window.end.min(segment.length);
        let seed = Seed::new(&header.id);
        let read = self.batches(window, SEGMENT_HEADER_BYTES, seed, reading, visit);
        match after_reading(read, wrong)? {
            ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
            ControlFlow::Continue((offset, Found::Nothing)) if offset < window.end => {
                return Err(window.damaged(offset, "zeros where a batch was expected"));
            }
            ControlFlow::Continue((_, Found::Broken(at, what))) => return Err(window.damaged(at, what)),
            ControlFlow::Continue(_) => {}
        }
        let last = reading.chain.next.previous();
        if last != segment.last || reading.chain.link != segment.link {
            let what = format!(
                "the segment ends with record {last}, expected {} and the link that the manifest lists",
                segment.last
            );
            return Err(window.damaged(window.end, what));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the newest segment. Returns where its batches end, and where a torn write after them does.
    pub(crate) fn newest(
        &mut self,
        window: &mut Window,
        header: &SegmentHeader,
        listed: &NewestSegment,
        reading: &mut Reading<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<Option<(u64, Option<u64>)>, LogError> {
        if header.compressed.is_some() {
            return Err(
                window.damaged(12, "the newest segment is compressed, which only a closed one may be")
            );
        }
        let wrong = (window.end < header.capacity).then(|| {
            let what = format!("the file has {} bytes, expected {}", window.end, header.capacity);
            window.damaged(window.end, what)
        });
        // A reserve that could not grow as far as it was asked to may have left a longer file.
        window.end = window.end.min(header.capacity);
        let seed = Seed::new(&header.id);
        let read = self.batches(window, SEGMENT_HEADER_BYTES, seed, reading, visit);
        let (offset, found) = match after_reading(read, wrong)? {
            ControlFlow::Break(()) => return Ok(None),
            ControlFlow::Continue(end) => end,
        };
        let (broken_at, broken) = match found {
            Found::Broken(at, what) => (at, what),
            _ => (offset, "zeros where a batch was expected"),
        };
        let remainder = survey(window, offset, seed)?;
        // A batch is written only after the one before it was synced: whatever lies before one whose
        // header is right was promised, and is damaged now, not torn.
        if let Some(later) = remainder.later_batch {
            let what = format!("{broken}, and a later batch at byte {later} shows that this one was safe");
            return Err(window.damaged(broken_at, what));
        }
        let last = reading.chain.next.previous();
        if offset < listed.synced_bytes || last < listed.synced {
            let what = format!(
                "{broken}; the log ends with record {last}, but the manifest knows {} up to byte {} to be safe",
                listed.synced, listed.synced_bytes
            );
            return Err(window.damaged(broken_at, what));
        }
        (self.progress)(Progress { bytes_done: self.done.bytes_total, ..self.done });
        Ok(Some((offset, remainder.used_until)))
    }
}

/// What reading the batches of a segment came to whose file has another length than it should: whoever asks for
/// no more than is there may have it.
fn after_reading(
    read: Result<ControlFlow<(), (u64, Found)>, LogError>,
    wrong: Option<LogError>,
) -> Result<ControlFlow<(), (u64, Found)>, LogError> {
    match (read, wrong) {
        (Ok(ControlFlow::Break(())), _) => Ok(ControlFlow::Break(())),
        (_, Some(wrong)) => Err(wrong),
        (read, None) => read,
    }
}

fn report(progress: &mut dyn FnMut(Progress), done: &mut Progress, more: u64) {
    let before = done.bytes_done >> 20;
    done.bytes_done += more;
    if done.bytes_done >> 20 != before {
        progress(*done);
    }
}

/// Segments in the folder of the log that the manifest does not list there. One that is listed as
/// archived, or lies before the log's beginning, is what a crash left of it.
pub(crate) fn unlisted_segments(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<String>, LogError> {
    let listed = |first: Sequence| {
        manifest.newest.first == first
            || first < manifest.first()
            || manifest.closed.iter().any(|segment| segment.first == first)
    };
    let names = list_if_there(disk, LOG_DIRECTORY)?;
    let firsts = names.iter().filter_map(|name| parse_segment_name(name));
    Ok(firsts.filter(|first| !listed(*first)).map(segment_path).collect())
}

/// A segment is listed before it holds records, so one that is not listed and holds anything shows that
/// the manifest is older than the segment.
fn check_unlisted(disk: &dyn Disk, unlisted: &[String], listed: Sequence) -> Result<(), LogError> {
    for path in unlisted {
        let mut window = Window::open(disk, path)?;
        let header = window.segment_header()?;
        let seed = Seed::new(&header.id);
        if survey(&mut window, SEGMENT_HEADER_BYTES, seed)?.used_until.is_none() {
            continue;
        }
        let (mut offset, mut last) = (SEGMENT_HEADER_BYTES, header.first.previous());
        while let Found::Batch(batch) = look(&mut window, offset, seed)? {
            last = Sequence(batch.first.0.saturating_add(batch.count.into())).previous();
            offset += batch.length();
        }
        if offset == SEGMENT_HEADER_BYTES {
            let what = "the manifest does not list this segment, and it holds something that is no batch";
            return Err(window.damaged(offset, what));
        }
        return Err(LogError::UnlistedSegment { path: disk.locate(path), last, listed });
    }
    Ok(())
}
