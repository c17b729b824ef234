//! Finding the longest part of a damaged log that hangs together: segment after segment, as the manifest
//! lists them or, where it cannot be read or is not the newest, as the files are there. Invariant: what is
//! kept passed every check of a replay, no file that is not listed keeps a listed one from it, and nothing
//! is changed.

use super::behind::{Behind, FoundBehind};
use super::candidates::{Candidate, Candidates};
use super::file::open;
use crate::anchor::Anchor;
use crate::batch::{Link, Seed, genesis};
use crate::definitions::{Definitions, Scope};
use crate::doors::Disk;
use crate::error::LogError;
use crate::index::{FoundIndex, Index};
use crate::manifest::{Before, ClosedSegment, Manifest};
use crate::read_log::check_start;
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, look};
use crate::segment::{Id, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::sequence::Sequence;
use crate::starting_point::{Gate, StartingPoint};
use crate::window::Window;
use std::io;
use std::ops::ControlFlow;

/// A segment of which at least the beginning can be kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) candidate: Candidate,
    pub(super) header: SegmentHeader,
    /// Where the batches that are kept end.
    pub(super) end: u64,
    /// The chain there.
    pub(super) chain: Chain,
    /// The links behind the last record: that of its batch, and of marks after it.
    pub(super) last_links: Vec<Link>,
    /// Where its file should end, if it is longer.
    pub(super) file_end: Option<u64>,
    /// It is made of what is left of a segment behind a place in it: from where on.
    pub(super) behind: Option<Behind>,
}

impl Kept {
    pub(super) fn last(&self) -> Sequence {
        self.chain.next.previous()
    }

    /// How long it is before any compression.
    pub(super) fn length(&self) -> u64 {
        match &self.behind {
            Some(behind) => behind.front_bytes() + self.end - behind.from(),
            None => self.end,
        }
    }

    pub(super) fn has_records(&self) -> bool {
        self.chain.next > self.candidate.first
    }

    /// Whether it is just what the manifest lists.
    pub(super) fn is_as_listed(&self) -> bool {
        self.candidate.listed.as_ref().is_some_and(|listed| self.ends_as(listed))
    }

    /// Whether its batches end where those of a listed one do.
    fn ends_as(&self, listed: &ClosedSegment) -> bool {
        listed.length == self.end && listed.last == self.last() && listed.link == self.chain.link
    }
}

/// What was found.
pub(super) struct Walked {
    /// All segments that may belong to the log, and files that do not.
    pub(super) candidates: Candidates,
    /// The database's key, from the manifest or a header.
    pub(super) database_key: Option<Id>,
    /// Those that hang together up to the end.
    pub(super) kept: Vec<Kept>,
    /// The first thing that is wrong with what is not kept.
    pub(super) fault: Option<LogError>,
    /// The place in the log that a snapshot covers was passed.
    pub(super) passed_start: bool,
    /// The end was reached without a fault.
    pub(super) is_clean: bool,
}

/// Reads the log as far as it goes.
pub(super) fn walk(
    disk: &dyn Disk,
    manifest: Option<&Manifest>,
    start: Option<&StartingPoint>,
) -> Result<Walked, LogError> {
    let mut candidates = Candidates::find(disk, manifest)?;
    let anchor = start.map(|start| &start.anchor);
    let mut steps = Steps {
        disk,
        manifest,
        gate: Gate::new(anchor),
        database_key: manifest.map(|manifest| manifest.database_key),
        definitions: Definitions::default(),
    };
    let mut kept: Vec<Kept> = Vec::new();
    let mut fault = None;
    let mut is_clean = true;
    // Faults in segments before this one cost history, not transactions.
    let needed = anchor.map_or(Sequence::ZERO, |anchor| candidates.with_record(anchor.sequence.next()));
    let mut is_after_gap = false;
    // What is wrong with the end of the segment before, which does not matter if this one goes on from there.
    let mut before_this = None;
    let mut next = candidates.in_line(None);
    while let Some(index) = next.take() {
        let candidate = &candidates.segments[index];
        let before = if is_after_gap { None } else { Some(steps.before(candidate, kept.last())) };
        let mut read = steps.either(candidate, before);
        if let (Err(error), Some(wrong)) = (&read, before_this.take())
            && error.is_damage()
            && candidate.first <= needed
        {
            let gate = steps.gate.clone();
            steps.gate.close();
            match steps.either(candidate, None) {
                Err(error) if error.is_damage() => steps.gate = gate,
                without => {
                    fault.get_or_insert(wrong);
                    kept.clear();
                    read = without;
                }
            }
        }
        if let Some(anchor) = anchor.filter(|_| candidate.first == needed && !steps.gate.is_open())
            && is_damaged(&read)
            && let Some(behind) = steps.behind(candidate, anchor)?
        {
            fault = fault.or(match read {
                Ok((_, wrong)) => wrong,
                Err(error) => Some(error),
            });
            kept.clear();
            read = Ok(behind);
        }
        let wrong = match read {
            Ok((segment, wrong)) => {
                next = candidates.beginning_with(segment.chain.next, index);
                let beyond = candidates.beyond(segment.chain.next, index);
                kept.push(segment);
                match wrong {
                    // What follows the last batch is only a torn write if there was nothing more.
                    wrong if next.is_some() => {
                        before_this = wrong;
                        None
                    }
                    None => beyond.map(|beyond| gap(disk, &candidates.segments[beyond])),
                    Some(wrong) => Some(wrong),
                }
            }
            Err(error) if error.is_damage() => Some(error),
            Err(error) => return Err(error),
        };
        is_after_gap = false;
        let Some(wrong) = wrong else { continue };
        if matches!(wrong, LogError::NewerFormat { .. } | LogError::UnknownCodec { .. }) {
            return Err(wrong);
        }
        if fault.is_none() {
            fault = Some(wrong);
        }
        if candidate.first < needed {
            kept.clear();
            steps.gate.close();
            is_after_gap = true;
            next = candidates.in_line(Some(index));
        } else {
            is_clean = false;
        }
    }
    if let (Some(manifest), Some(Kept { chain, .. })) = (manifest, kept.last())
        && let Some(path) = candidates.claim_continuation(disk, manifest, chain)
    {
        is_clean = false;
        let what = "the segment belongs to another timeline than the manifest".to_owned();
        fault.get_or_insert(LogError::Damaged { path: disk.locate(&path), offset: 32, what });
    }
    is_clean &= !candidates.has_unreadable_end();
    let passed_start = steps.gate.is_open();
    let database_key = steps.database_key;
    Ok(Walked { candidates, database_key, kept, fault, passed_start, is_clean })
}

/// Whether a segment was not read to its end, or not at all.
fn is_damaged(read: &Result<(Kept, Option<LogError>), LogError>) -> bool {
    match read {
        Ok((_, wrong)) => wrong.is_some(),
        Err(error) => error.is_damage(),
    }
}

fn gap(disk: &dyn Disk, next: &Candidate) -> LogError {
    let what = "the records before this segment are not all there".to_owned();
    LogError::Damaged { path: disk.locate(&next.path), offset: 0, what }
}

struct Steps<'s> {
    disk: &'s dyn Disk,
    manifest: Option<&'s Manifest>,
    gate: Gate<'s>,
    database_key: Option<Id>,
    definitions: Definitions,
}

impl Steps<'_> {
    /// What is known of the place where a segment should begin; nothing for the first one of a log whose
    /// manifest is lost.
    fn before(&self, candidate: &Candidate, kept: Option<&Kept>) -> Option<Before> {
        if let Some(Kept { chain, .. }) = kept {
            return Some(Before { next: chain.next, link: chain.link, catalog: Some(chain.catalog) });
        }
        if let Some(manifest) = self.manifest {
            return Some(manifest.before(0));
        }
        let key = self.database_key.filter(|_| candidate.first == Sequence(1));
        key.map(|key| Before { next: Sequence(1), link: genesis(&key), catalog: Some([0; 32]) })
    }

    /// Reads a segment where it is listed or, if that is not all of it, in the other folder, should all of it
    /// be there.
    fn either(
        &mut self,
        candidate: &Candidate,
        before: Option<Option<Before>>,
    ) -> Result<(Kept, Option<LogError>), LogError> {
        let read = self.segment(candidate, before);
        // Of the newest nothing says what all of it is.
        let other = candidate.other.as_ref().filter(|_| is_damaged(&read) && candidate.listed.is_some());
        let Some(other) = other else { return read };
        let other = Candidate { path: other.clone(), ..candidate.clone() };
        match self.segment(&other, before) {
            whole @ Ok((_, None)) => whole,
            _ => read,
        }
    }

    /// Reads a segment as far as it goes, and says why it does not go further.
    fn segment(
        &mut self,
        candidate: &Candidate,
        before: Option<Option<Before>>,
    ) -> Result<(Kept, Option<LogError>), LogError> {
        let (mut window, file_end) = match open(self.disk, &candidate.path) {
            Err(LogError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let path = self.disk.locate(&candidate.path);
                return Err(LogError::MissingSegment { path, first: candidate.first });
            }
            opened => opened?,
        };
        let header = window.segment_header()?;
        if header.compressed.is_some() {
            // Frames before a damaged one are kept.
            window.read_nothing_ahead();
        }
        self.check_header(&window, candidate, &header)?;
        let before = before.flatten().unwrap_or(Before {
            next: candidate.first,
            link: header.previous,
            catalog: Some(header.catalog),
        });
        let chain = check_start(&window, &header, before, 0)?;
        // What is beyond means nothing, as it does to a reader.
        let length = candidate.listed.as_ref().map_or(header.capacity, |listed| listed.length);
        window.end = window.end.min(length);
        let end = SEGMENT_HEADER_BYTES;
        let last_links = vec![chain.link];
        let candidate = candidate.clone();
        let mut kept = Kept { candidate, header, end, chain, last_links, file_end, behind: None };
        let wrong = self.batches(&mut window, &mut kept, Scope::default())?;
        let wrong = wrong.or_else(|| self.falls_short(&window, &kept.candidate, &kept));
        Ok((kept, wrong))
    }

    /// Reads what a segment holds behind the anchor, where it is damaged in front of that. Nothing, if the batch
    /// that follows the anchor is not found, or not one of its records means anything any more.
    fn behind(
        &mut self,
        candidate: &Candidate,
        anchor: &Anchor,
    ) -> Result<Option<(Kept, Option<LogError>)>, LogError> {
        let opened = open(self.disk, &candidate.path).and_then(|(mut window, _)| {
            let header = window.segment_header()?;
            self.check_header(&window, candidate, &header)?;
            Ok((window, header))
        });
        let (mut window, header) = match opened {
            Err(error) if error.is_damage() => return Ok(None),
            opened => opened?,
        };
        window.read_nothing_ahead();
        let length = candidate.listed.as_ref().map_or(header.capacity, |listed| listed.length);
        window.end = window.end.min(length);
        let seed = Seed::new(&header.id);
        let index = match candidate.listed.as_ref().map(|listed| Index::read(self.disk, listed)) {
            Some(Ok(FoundIndex::Fits(index))) => Some(index),
            // Without it, the batches that can be read say what they define.
            _ => None,
        };
        let found = Behind::find(&mut window, seed, anchor, index.as_deref(), &mut self.definitions);
        let Some(found) = found else { return Ok(None) };
        let FoundBehind { behind, previous, scope } = found;
        let (first, catalog) = (anchor.sequence.next(), anchor.catalog);
        let header = SegmentHeader {
            first,
            previous,
            catalog,
            begins_with_definitions: true,
            compressed: None,
            ..header
        };
        let chain = Chain { mark: Sequence::ZERO, latest_micros: anchor.latest_micros, ..Chain::at(&header) };
        let (end, last_links) = (behind.from(), vec![chain.link]);
        let path = candidate.path.clone();
        let part = Candidate { first, path, other: None, listed: None, id: None };
        let behind = Some(behind);
        let mut kept = Kept { candidate: part, header, end, chain, last_links, file_end: None, behind };
        let wrong = self.batches(&mut window, &mut kept, scope)?;
        if !kept.has_records() {
            self.gate.close();
            return Ok(None);
        }
        let wrong = wrong.or_else(|| self.falls_short(&window, candidate, &kept));
        Ok(Some((kept, wrong)))
    }

    fn check_header(
        &mut self,
        window: &Window,
        candidate: &Candidate,
        header: &SegmentHeader,
    ) -> Result<(), LogError> {
        let key = *self.database_key.get_or_insert(header.database_key);
        let timeline =
            self.manifest.map_or(header.timeline, |manifest| manifest.timeline_of(candidate.first));
        if header.database_key != key {
            return Err(window.damaged(48, "the segment belongs to another database"));
        }
        if header.timeline != timeline {
            return Err(window.damaged(32, "the segment belongs to another timeline than the manifest"));
        }
        if candidate.id.is_some_and(|id| id != header.id) {
            return Err(window.damaged(16, "the segment is not the one that the manifest lists"));
        }
        Ok(())
    }

    fn batches(
        &mut self,
        window: &mut Window,
        kept: &mut Kept,
        scope: Scope,
    ) -> Result<Option<LogError>, LogError> {
        let seed = Seed::new(&kept.header.id);
        let mut reading = Reading { scope, ..Reading::new(&mut self.definitions, kept.chain) };
        self.gate.boundary(&reading.chain, &window.path, kept.end)?;
        while kept.end < window.end {
            let found = match look(window, kept.end, seed) {
                Err(error) if error.is_damage() => return Ok(Some(error)),
                found => found?,
            };
            let batch = match found {
                Found::Batch(batch) => batch,
                Found::Nothing if kept.candidate.listed.is_none() => break,
                Found::Nothing => {
                    return Ok(Some(window.damaged(kept.end, "zeros where a batch was expected")));
                }
                Found::Broken(at, what) => return Ok(Some(window.damaged(at, what))),
            };
            self.gate.batch(batch.first, batch.count, &window.path, kept.end)?;
            let visit = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(ControlFlow::Continue(()));
            match reading.batch(window, kept.end, &batch, seed, visit) {
                Err(error) if error.is_damage() => return Ok(Some(error)),
                read => drop(read?),
            }
            kept.end += batch.length();
            kept.chain = reading.chain;
            if batch.count > 0 {
                kept.last_links.clear();
            }
            kept.last_links.push(kept.chain.link);
            self.gate.boundary(&reading.chain, &window.path, kept.end)?;
        }
        Ok(None)
    }

    /// What the manifest knows to be in a segment, and is not.
    fn falls_short(&self, window: &Window, candidate: &Candidate, kept: &Kept) -> Option<LogError> {
        let manifest = self.manifest?;
        let (last, newest) = (kept.last(), &manifest.newest);
        let expected = match &candidate.listed {
            Some(listed) if !kept.ends_as(listed) => listed.last,
            None if newest.first == candidate.first
                && (kept.end < newest.synced_bytes || last < newest.synced) =>
            {
                newest.synced
            }
            _ => return None,
        };
        let what = format!("the segment ends with record {last}, but the manifest knows {expected}");
        Some(window.damaged(kept.end, what))
    }
}

/// The link before the first batch that is kept.
pub(super) fn link_before(kept: &Kept) -> Link {
    kept.header.previous
}
