//! Which files may be segments of a log that is repaired: those that the manifest lists, wherever they stand,
//! and others that say of themselves that they are of this log. Invariant: every file with the name of a
//! segment is either a candidate or a stray one, and only candidates are ever read as parts of the log.

use super::file::open;
use crate::batch::Seed;
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::{ClosedSegment, Manifest};
use crate::publish::{is_there, list_if_there};
use crate::scan::{Chain, survey};
use crate::segment::{
    ARCHIVE_DIRECTORY, Id, LOG_DIRECTORY, SEGMENT_HEADER_BYTES, SegmentHeader, parse_segment_name,
    segment_path,
};
use crate::sequence::Sequence;
use std::collections::{BTreeMap, BTreeSet};

/// A segment that may belong to the log.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) first: Sequence,
    pub(super) path: String,
    /// Where else a file of its name stands, if it is listed.
    pub(super) other: Option<String>,
    /// What the manifest says of it, if it is listed as closed.
    pub(super) listed: Option<ClosedSegment>,
    /// Its id, if the manifest says it: then it is listed.
    pub(super) id: Option<Id>,
}

/// A file under the name of a segment that is none of this log.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    pub(super) first: Sequence,
    pub(super) path: String,
    /// What it says of itself, if that can be read.
    header: Option<SegmentHeader>,
}

/// What there is.
pub(super) struct Candidates {
    /// In the order of their first records.
    pub(super) segments: Vec<Candidate>,
    pub(super) strays: Vec<Stray>,
    /// The first record of the newest segment that is listed.
    newest: Option<Sequence>,
}

impl Candidates {
    pub(super) fn find(disk: &dyn Disk, manifest: Option<&Manifest>) -> Result<Self, LogError> {
        let mut segments = BTreeMap::new();
        let mut strays = Vec::new();
        if let Some(manifest) = manifest {
            for listed in &manifest.closed {
                let (first, path, id) = (listed.first, listed.path(), Some(listed.id));
                let listed = Some(listed.clone());
                segments.insert(first, Candidate { first, path, other: None, listed, id });
            }
            let (first, id) = (manifest.newest.first, Some(manifest.newest.id));
            let path = segment_path(first);
            segments.insert(first, Candidate { first, path, other: None, listed: None, id });
        }
        let begin = manifest.map_or(Sequence::ZERO, Manifest::first);
        for directory in [LOG_DIRECTORY, ARCHIVE_DIRECTORY] {
            for name in list_if_there(disk, directory)? {
                let Some(first) = parse_segment_name(&name).filter(|first| *first >= begin) else { continue };
                let path = format!("{directory}/{name}");
                match segments.get_mut(&first) {
                    // A segment that is not where it is listed may be in the other place.
                    Some(candidate) if candidate.id.is_some() => {
                        if !is_there(disk, &candidate.path)? {
                            candidate.path = path;
                        } else if candidate.path != path {
                            candidate.other = Some(path);
                        }
                    }
                    unlisted => match stray(disk, manifest, first, &path)? {
                        Some(stray) => strays.push(stray),
                        None if unlisted.is_none() => {
                            let unlisted = Candidate { first, path, other: None, listed: None, id: None };
                            segments.insert(first, unlisted);
                        }
                        None => {}
                    },
                }
            }
        }
        let newest = manifest.map(|manifest| manifest.newest.first);
        Ok(Self { segments: segments.into_values().collect(), strays, newest })
    }

    /// Whether the log goes through this segment unless something is wrong with it. One that is not listed
    /// does only behind those that are: among them it is of use where one of them breaks off.
    fn is_in_line(&self, candidate: &Candidate) -> bool {
        candidate.id.is_some() || self.newest.is_none_or(|newest| candidate.first > newest)
    }

    /// The first segment of the log, if `after` is none, or the one that comes after another.
    pub(super) fn in_line(&self, after: Option<usize>) -> Option<usize> {
        let from = after.map_or(0, |index| index + 1);
        (from..self.segments.len()).find(|index| self.is_in_line(&self.segments[*index]))
    }

    /// The segment after this one that begins with this record.
    pub(super) fn beginning_with(&self, next: Sequence, after: usize) -> Option<usize> {
        let later = &self.segments[after + 1..];
        later.iter().position(|candidate| candidate.first == next).map(|index| after + 1 + index)
    }

    /// The segment of the log after this one that is the first to begin at this record or later. An unlisted
    /// one that begins before it has no room there, and tells of nothing that is missing.
    pub(super) fn beyond(&self, next: Sequence, after: usize) -> Option<usize> {
        let is_beyond = |candidate: &Candidate| candidate.id.is_some() || candidate.first >= next;
        (after + 1..self.segments.len())
            .find(|index| self.is_in_line(&self.segments[*index]) && is_beyond(&self.segments[*index]))
    }

    /// The first record of the segment in which this one is, or would be.
    pub(super) fn with_record(&self, sequence: Sequence) -> Sequence {
        let in_line = self.segments.iter().filter(|candidate| self.is_in_line(candidate));
        let begun = in_line.map(|candidate| candidate.first).take_while(|first| *first <= sequence);
        begun.last().unwrap_or(Sequence::ZERO)
    }

    /// A file behind the listed segments whose header is gone. It may have been one of the log.
    pub(super) fn has_unreadable_end(&self) -> bool {
        let is_behind = |first| self.newest.is_some_and(|newest| first > newest);
        self.strays.iter().any(|stray| stray.header.is_none() && is_behind(stray.first))
    }

    /// Takes the history of another timeline that goes on from this place for candidates: the manifest may
    /// be that from before a repair. Returns the path of the first one.
    pub(super) fn claim_continuation(
        &mut self,
        disk: &dyn Disk,
        manifest: &Manifest,
        end: &Chain,
    ) -> Option<String> {
        let continues = |stray: &&Stray| {
            stray.header.is_some_and(|header| {
                let is_past = manifest.past.iter().any(|past| past.timeline == header.timeline);
                let goes_on = (header.first, header.previous) == (end.next, end.link);
                goes_on && header.first == stray.first && !is_past && !is_empty(disk, &stray.path)
            })
        };
        let found = self.strays.iter().find(continues)?.clone();
        let timeline = found.header?.timeline;
        self.strays.retain(|stray| {
            let belongs = stray.header.is_some_and(|header| {
                let is_ours = header.database_key == manifest.database_key && header.timeline == timeline;
                is_ours && header.first == stray.first && stray.first >= end.next
            });
            if belongs {
                let (first, path) = (stray.first, stray.path.clone());
                self.segments.push(Candidate { first, path, other: None, listed: None, id: None });
            }
            !belongs
        });
        Some(found.path)
    }
}

/// A file that is not listed, if it is not of this log.
fn stray(
    disk: &dyn Disk,
    manifest: Option<&Manifest>,
    first: Sequence,
    path: &str,
) -> Result<Option<Stray>, LogError> {
    let stray = |header| Some(Stray { first, path: path.to_owned(), header });
    let header = match open(disk, path).and_then(|(mut window, _)| window.segment_header()) {
        Ok(header) => header,
        // Whoever comes to it refuses it.
        Err(LogError::NewerFormat { .. } | LogError::UnknownCodec { .. }) => return Ok(None),
        Err(error) if error.is_damage() => return Ok(manifest.and_then(|_| stray(None))),
        Err(error) => return Err(error),
    };
    let is_of_this_log = header.first == first
        && manifest.is_none_or(|manifest| {
            header.database_key == manifest.database_key && header.timeline == manifest.timeline_of(first)
        });
    Ok(if is_of_this_log { None } else { stray(Some(header)) })
}

/// Whether the segments are of one database, and the manifest of another.
pub(super) fn is_foreign(disk: &dyn Disk, manifest: &Manifest) -> Result<bool, LogError> {
    let mut keys = BTreeSet::new();
    for candidate in Candidates::find(disk, None)?.segments {
        match open(disk, &candidate.path).and_then(|(mut window, _)| window.segment_header()) {
            Ok(header) => drop(keys.insert(header.database_key)),
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys.len() == 1 && !keys.contains(&manifest.database_key))
}

/// Whether a segment was begun and holds nothing: what an interrupted repair, or change of segments, leaves.
pub(super) fn is_empty(disk: &dyn Disk, path: &str) -> bool {
    let nothing = || {
        let (mut window, _) = open(disk, path)?;
        let seed = Seed::new(&window.segment_header()?.id);
        let used = survey(&mut window, SEGMENT_HEADER_BYTES, seed)?.used_until;
        Ok::<_, LogError>(used.is_none())
    };
    nothing().unwrap_or(false)
}
