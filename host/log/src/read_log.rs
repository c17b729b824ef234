//! Reading a whole log: segment after segment, each compared with the manifest and with what was read
//! before it, to the end of the last batch. Nothing is written here, so that readers may use it.
//! Invariant: what is handed on is a gapless part of the history, beginning where it was asked to.

use crate::batch::{Seed, genesis};
use crate::definitions::{Definitions, Scope};
use crate::doors::{Access, Disk};
use crate::error::{BoxError, Doing, LogError};
use crate::manifest::{ClosedSegment, Manifest, NewestSegment};
use crate::publish::list_if_there;
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, Visit, Window, look, survey};
use crate::segment::{LOG_DIRECTORY, SEGMENT_HEADER_BYTES, SegmentHeader, parse_segment_name, segment_path};
use crate::sequence::Sequence;
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
}

/// Reads the whole log into `replay`.
pub(crate) fn read_with(
    disk: &dyn Disk,
    manifest: Manifest,
    definitions: &mut Definitions,
    replay: &mut dyn Replay,
) -> Result<End, LogError> {
    // Both closures need the replay, one at a time.
    let replay = std::cell::RefCell::new(replay);
    let end = read_log(
        disk,
        manifest,
        Sequence::ZERO,
        definitions,
        &mut |record, definitions| match replay.borrow_mut().record(record, definitions) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(source) => Err(LogError::Replay { sequence: record.sequence, source }),
        },
        &mut |progress| replay.borrow_mut().progress(progress),
    )?;
    Ok(end.expect("the visit never breaks off"))
}

/// Reads the whole log from the segment with the record `from` on. Writes nothing.
pub(crate) fn read_log(
    disk: &dyn Disk,
    manifest: Manifest,
    from: Sequence,
    definitions: &mut Definitions,
    visit: &mut Visit<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<End>, LogError> {
    let unlisted = unlisted_segments(disk, &manifest)?;
    let start = manifest.closed.iter().take_while(|segment| segment.last < from).count();
    let mut done = Progress { bytes_done: 0, bytes_total: total_bytes(disk, &manifest, start)? };
    let mut chain = None;
    for (index, segment) in manifest.closed.iter().enumerate().skip(start) {
        let (mut window, header) = open_segment(disk, &manifest, segment.first, &segment.id)?;
        let before = chain.unwrap_or_else(|| chain_before(&manifest, index, &header));
        let at_start = check_start(&window, &header, before)?;
        let mut reading = Reading::new(definitions, at_start);
        if read_closed(&mut window, &header, segment, &mut reading, visit, progress, &mut done)?.is_break() {
            return Ok(None);
        }
        chain = Some(reading.chain);
    }
    let index = manifest.closed.len();
    let (mut window, header) = open_segment(disk, &manifest, manifest.newest.first, &manifest.newest.id)?;
    let before = chain.unwrap_or_else(|| chain_before(&manifest, index, &header));
    let at_start = check_start(&window, &header, before)?;
    let mut reading = Reading::new(definitions, at_start);
    let read = read_newest(&mut window, &header, &manifest.newest, &mut reading, visit, progress, &mut done)?;
    let Some((offset, torn_until)) = read else { return Ok(None) };
    let (chain, scope) = (reading.chain, reading.scope);
    check_unlisted(disk, &unlisted, chain.next.previous())?;
    Ok(Some(End { manifest, newest: header, offset, chain, scope, torn_until, unlisted }))
}

fn total_bytes(disk: &dyn Disk, manifest: &Manifest, start: usize) -> Result<u64, LogError> {
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
fn open_segment(
    disk: &dyn Disk,
    manifest: &Manifest,
    first: Sequence,
    id: &[u8; 16],
) -> Result<(Window, SegmentHeader), LogError> {
    let path = segment_path(first);
    let mut window = match Window::open(disk, &path, Access::Read) {
        Err(LogError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(LogError::MissingSegment { path: disk.locate(&path), first });
        }
        opened => opened?,
    };
    let header = window.segment_header()?;
    let differs = |offset, what| Err(window.damaged(offset, what));
    if header.id != *id {
        return differs(16, "the segment is not the one that the manifest lists under this name");
    }
    if header.timeline != manifest.timeline {
        return differs(32, "the segment belongs to another timeline than the manifest");
    }
    if header.database_key != manifest.database_key {
        return differs(48, "the segment belongs to another database than the manifest");
    }
    if header.first != first {
        return differs(64, "the segment begins with another record than its name says");
    }
    Ok((window, header))
}

/// The chain before the segment with this index, going by the manifest, when the segments before it are
/// not read. Of the catalog only the segment's own header knows then.
fn chain_before(manifest: &Manifest, index: usize, header: &SegmentHeader) -> Chain {
    match index.checked_sub(1).map(|before| &manifest.closed[before]) {
        None => Chain {
            link: genesis(&manifest.database_key),
            next: Sequence(1),
            mark: Sequence::ZERO,
            catalog: [0; 32],
            latest_micros: 0,
        },
        Some(before) => Chain {
            link: before.link,
            next: before.last.next(),
            mark: before.last,
            catalog: header.catalog,
            latest_micros: 0,
        },
    }
}

/// Compares a segment's header with what is before it.
fn check_start(window: &Window, header: &SegmentHeader, chain: Chain) -> Result<Chain, LogError> {
    if header.first != chain.next {
        let what = format!("the segment begins with record {}, expected {}", header.first, chain.next);
        return Err(window.damaged(64, what));
    }
    if header.catalog != chain.catalog {
        return Err(
            window.damaged(88, "the segment's catalog is not the one that the records before it made")
        );
    }
    if header.previous != chain.link {
        return Err(window.damaged(120, "the segment is not linked to the batch before it"));
    }
    // The next segment is begun only when all of the one before it has been synced.
    Ok(Chain { mark: header.first.previous(), ..chain })
}

fn read_closed(
    window: &mut Window,
    header: &SegmentHeader,
    segment: &ClosedSegment,
    reading: &mut Reading<'_>,
    visit: &mut Visit<'_>,
    progress: &mut dyn FnMut(Progress),
    done: &mut Progress,
) -> Result<ControlFlow<()>, LogError> {
    if window.end < segment.length {
        let what = format!("the file has {} bytes, expected {}", window.end, segment.length);
        return Err(window.damaged(window.end, what));
    }
    window.end = segment.length;
    let seed = Seed::new(&header.id);
    let mut offset = SEGMENT_HEADER_BYTES;
    while offset < window.end {
        match look(window, offset, seed)? {
            Found::Batch(batch) => {
                if reading.batch(window, offset, &batch, seed, visit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                offset += batch.length();
                report(progress, done, batch.length());
            }
            Found::Nothing => return Err(window.damaged(offset, "zeros where a batch was expected")),
            Found::Broken(at, what) => return Err(window.damaged(at, what)),
        }
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
fn read_newest(
    window: &mut Window,
    header: &SegmentHeader,
    listed: &NewestSegment,
    reading: &mut Reading<'_>,
    visit: &mut Visit<'_>,
    progress: &mut dyn FnMut(Progress),
    done: &mut Progress,
) -> Result<Option<(u64, Option<u64>)>, LogError> {
    if window.end < header.capacity {
        let what = format!("the file has {} bytes, expected {}", window.end, header.capacity);
        return Err(window.damaged(window.end, what));
    }
    // A reserve that could not grow as far as it was asked to may have left a longer file.
    window.end = header.capacity;
    let seed = Seed::new(&header.id);
    let mut offset = SEGMENT_HEADER_BYTES;
    let (broken_at, broken) = loop {
        match look(window, offset, seed)? {
            Found::Batch(batch) => {
                if reading.batch(window, offset, &batch, seed, visit)?.is_break() {
                    return Ok(None);
                }
                offset += batch.length();
                report(progress, done, batch.length());
            }
            Found::Nothing => break (offset, "zeros where a batch was expected"),
            Found::Broken(at, what) => break (at, what),
        }
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
    progress(Progress { bytes_done: done.bytes_total, ..*done });
    Ok(Some((offset, remainder.used_until)))
}

fn report(progress: &mut dyn FnMut(Progress), done: &mut Progress, more: u64) {
    let before = done.bytes_done >> 20;
    done.bytes_done += more;
    if done.bytes_done >> 20 != before {
        progress(*done);
    }
}

fn unlisted_segments(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<String>, LogError> {
    let listed = |first: Sequence| {
        manifest.newest.first == first || manifest.closed.iter().any(|segment| segment.first == first)
    };
    let names = list_if_there(disk, LOG_DIRECTORY)?;
    let firsts = names.iter().filter_map(|name| parse_segment_name(name));
    Ok(firsts.filter(|first| !listed(*first)).map(segment_path).collect())
}

/// A segment is listed before it holds records, so one that is not listed and holds anything shows that
/// the manifest is older than the segment.
fn check_unlisted(disk: &dyn Disk, unlisted: &[String], listed: Sequence) -> Result<(), LogError> {
    for path in unlisted {
        let mut window = Window::open(disk, path, Access::Read)?;
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
