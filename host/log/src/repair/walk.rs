//! Finding the longest part of a damaged log that hangs together: segment after segment, as the manifest
//! lists them or, where it cannot be read or is not the newest, as the files are there. Invariant: what is
//! kept passed every check of a replay, and nothing is changed.

use crate::anchor::Anchor;
use crate::batch::{Link, Seed, genesis};
use crate::definitions::Definitions;
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::{Before, ClosedSegment, Manifest};
use crate::publish::{is_there, list_if_there};
use crate::read_log::check_start;
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, look};
use crate::segment::{
    ARCHIVE_DIRECTORY, Id, LOG_DIRECTORY, SEGMENT_HEADER_BYTES, SegmentHeader, parse_segment_name,
    segment_path,
};
use crate::sequence::Sequence;
use crate::starting_point::{Gate, StartingPoint};
use crate::window::Window;
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;

/// A segment that may belong to the log.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) first: Sequence,
    pub(super) path: String,
    /// What the manifest says of it, if it is listed as closed.
    pub(super) listed: Option<ClosedSegment>,
    /// Its id, if the manifest says it.
    pub(super) id: Option<Id>,
}

/// A segment of which at least the beginning can be kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) candidate: Candidate,
    pub(super) header: SegmentHeader,
    /// Where the batches that are kept end.
    pub(super) end: u64,
    /// The chain there.
    pub(super) chain: Chain,
}

impl Kept {
    pub(super) fn last(&self) -> Sequence {
        self.chain.next.previous()
    }

    pub(super) fn has_records(&self) -> bool {
        self.chain.next > self.candidate.first
    }

    /// Whether it is just what the manifest lists.
    pub(super) fn is_as_listed(&self) -> bool {
        self.candidate.listed.as_ref().is_some_and(|listed| {
            listed.length == self.end && listed.last == self.last() && listed.link == self.chain.link
        })
    }
}

/// What was found.
pub(super) struct Walked {
    /// All segments that may belong to the log.
    pub(super) candidates: Vec<Candidate>,
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

/// The segments that the manifest lists, and others that are there.
fn candidates(disk: &dyn Disk, manifest: Option<&Manifest>) -> Result<Vec<Candidate>, LogError> {
    let mut candidates = BTreeMap::new();
    if let Some(manifest) = manifest {
        for listed in &manifest.closed {
            let (first, path, id) = (listed.first, listed.path(), Some(listed.id));
            candidates.insert(first, Candidate { first, path, listed: Some(listed.clone()), id });
        }
        let (first, id) = (manifest.newest.first, Some(manifest.newest.id));
        candidates.insert(first, Candidate { first, path: segment_path(first), listed: None, id });
    }
    let begin = manifest.map_or(Sequence::ZERO, Manifest::first);
    for directory in [LOG_DIRECTORY, ARCHIVE_DIRECTORY] {
        for name in list_if_there(disk, directory)? {
            let Some(first) = parse_segment_name(&name).filter(|first| *first >= begin) else { continue };
            let path = format!("{directory}/{name}");
            match candidates.get_mut(&first) {
                None => {
                    candidates.insert(first, Candidate { first, path, listed: None, id: None });
                }
                // A segment that is not where it is listed may be in the other place.
                Some(candidate) if !is_there(disk, &candidate.path)? => candidate.path = path,
                Some(_) => {}
            }
        }
    }
    Ok(candidates.into_values().collect())
}

/// Reads the log as far as it goes.
pub(super) fn walk(
    disk: &dyn Disk,
    manifest: Option<&Manifest>,
    start: Option<&StartingPoint>,
) -> Result<Walked, LogError> {
    let candidates = candidates(disk, manifest)?;
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
    let needed = start_index(&candidates, anchor);
    let mut is_after_gap = false;
    for (index, candidate) in candidates.iter().enumerate() {
        let before = if is_after_gap { None } else { Some(steps.before(candidate, kept.last())) };
        let wrong = match steps.segment(candidate, before) {
            Ok((segment, wrong)) => {
                let next = candidates.get(index + 1);
                let continues = next.is_some_and(|next| next.first == segment.chain.next);
                let is_last = next.is_none();
                kept.push(segment);
                match wrong {
                    None if continues || is_last => None,
                    None => Some(gap(disk, &candidates[index + 1])),
                    // What follows the last batch is only a torn write if there was nothing more.
                    Some(_) if continues => None,
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
        if index < needed {
            kept.clear();
            is_after_gap = true;
        } else {
            is_clean = false;
            break;
        }
    }
    let passed_start = steps.gate.is_open();
    let database_key = steps.database_key;
    Ok(Walked { candidates, database_key, kept, fault, passed_start, is_clean })
}

/// The segment with the place that a snapshot covers, or the first one.
fn start_index(candidates: &[Candidate], anchor: Option<&Anchor>) -> usize {
    let Some(anchor) = anchor else { return 0 };
    let begun = candidates.iter().take_while(|candidate| candidate.first <= anchor.sequence.next()).count();
    begun.saturating_sub(1)
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

    /// Reads a segment as far as it goes, and says why it does not go further.
    fn segment(
        &mut self,
        candidate: &Candidate,
        before: Option<Option<Before>>,
    ) -> Result<(Kept, Option<LogError>), LogError> {
        let mut window = match Window::open(self.disk, &candidate.path) {
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
        let mut kept = Kept { candidate: candidate.clone(), header, end: SEGMENT_HEADER_BYTES, chain };
        let wrong = self.batches(&mut window, &mut kept)?;
        let wrong = wrong.or_else(|| self.falls_short(&window, &kept));
        Ok((kept, wrong))
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

    fn batches(&mut self, window: &mut Window, kept: &mut Kept) -> Result<Option<LogError>, LogError> {
        let seed = Seed::new(&kept.header.id);
        let mut reading = Reading::new(&mut self.definitions, kept.chain);
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
            self.gate.boundary(&reading.chain, &window.path, kept.end)?;
        }
        Ok(None)
    }

    /// What the manifest knows to be in a segment, and is not.
    fn falls_short(&self, window: &Window, kept: &Kept) -> Option<LogError> {
        let manifest = self.manifest?;
        let (last, newest) = (kept.last(), &manifest.newest);
        let expected = match &kept.candidate.listed {
            Some(listed) if !kept.is_as_listed() => listed.last,
            None if newest.first == kept.candidate.first
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
