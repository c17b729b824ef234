//! What a repair would do: how much of the log stays, what is given up, which files are kept aside, and
//! the manifest that comes of it. Invariant: a database that opens, and whose whole log reads, is left
//! alone.

use super::candidates::{Candidate, is_empty, is_foreign};
use super::file::open;
use super::reason::reason_of;
use super::remains::Remains;
use super::snapshots::GivenUpSnapshots;
use super::walk::{Kept, Walked, link_before, walk};
use super::{GivenUp, RepairPlan};
use crate::batch::{Link, genesis};
use crate::definitions::Definitions;
use crate::doors::Disk;
use crate::error::LogError;
use crate::limits::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, SEGMENT_BYTES};
use crate::manifest::{Archived, Begin, ClosedSegment, MANIFEST_PATH, Manifest, NewestSegment, PastTimeline};
use crate::publish::is_there;
use crate::read_log::{Start, read_log};
use crate::record::RecordParts;
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, archive_path, segment_path};
use crate::sequence::Sequence;
use crate::snapshot::snapshot_beyond;
use crate::starting_point::StartingPoint;
use std::ops::ControlFlow;

/// How a plan is carried out.
pub(super) struct Work {
    /// Files that are copied aside, as paths of the disk.
    pub(super) copied: Vec<String>,
    /// Files that are moved aside.
    pub(super) moved: Vec<String>,
    /// The snapshots that are given up.
    pub(super) snapshots: GivenUpSnapshots,
    /// Segments whose files are longer than they should be, and how long those should be.
    pub(super) shortened: Vec<(String, u64)>,
    /// Segments that stay as they are, but may not be on the medium yet.
    pub(super) synced: Vec<String>,
    /// The segment that is written again up to where it is kept.
    pub(super) cut: Option<Kept>,
    /// The segment that is made of what is left of a damaged one.
    pub(super) made: Option<Kept>,
    /// Segments that stand in the other folder than the one for their kind: from where to where they go.
    pub(super) relocated: Vec<(String, String)>,
    /// The header of the segment with which the log goes on, but for its id and its timeline.
    pub(super) newest: SegmentHeader,
    /// The manifest that is published in the end, but for the same.
    pub(super) manifest: Manifest,
}

pub(super) fn plan(
    disk: &dyn Disk,
    start: Option<&StartingPoint>,
) -> Result<(RepairPlan, Option<Work>), LogError> {
    let (manifest, reason) = match Manifest::read(disk) {
        Ok(Some(manifest)) => {
            match refusal(disk, &manifest, start)? {
                // By the manifest of another database all of this one would be given up; without one nothing is.
                Some(_) if is_foreign(disk, &manifest)? => {
                    let what = "it is the manifest of another database than all segments are of".to_owned();
                    let path = disk.locate(MANIFEST_PATH);
                    (None, Some(LogError::Damaged { path, offset: 0, what }))
                }
                refused => (Some(manifest), refused),
            }
        }
        Ok(None) => match crate::create::check_no_database(disk) {
            Ok(()) => return Err(LogError::NoDatabase { path: disk.locate("") }),
            Err(error @ LogError::UnfinishedCopy { .. }) => return Err(error),
            Err(missing) => (None, Some(missing)),
        },
        Err(error @ LogError::Damaged { .. }) => (None, Some(error)),
        Err(error) => return Err(error),
    };
    if let (Some(manifest), Some(start)) = (&manifest, start) {
        start.check(disk, manifest)?;
    }
    let Some(reason) = reason else { return Ok((RepairPlan::default(), None)) };
    let walked = walk(disk, manifest.as_ref(), start)?;
    Draft { disk, manifest, walked, start }.finish(&reason)
}

/// Why the log does not open, or does not read as a whole.
fn refusal(
    disk: &dyn Disk,
    manifest: &Manifest,
    start: Option<&StartingPoint>,
) -> Result<Option<LogError>, LogError> {
    let mut starts = vec![Start::At(manifest.first())];
    starts.extend(start.map(Start::After));
    for start in starts {
        let visit = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(ControlFlow::Continue(()));
        match read_log(disk, manifest.clone(), start, &mut Definitions::default(), visit, &mut |_| {}) {
            Ok(_) => {}
            Err(error @ (LogError::NewerFormat { .. } | LogError::UnknownCodec { .. })) => return Err(error),
            Err(error @ LogError::UnlistedSegment { .. }) => return Ok(Some(error)),
            Err(error) if error.is_damage() => return Ok(Some(error)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

struct Draft<'p> {
    disk: &'p dyn Disk,
    manifest: Option<Manifest>,
    walked: Walked,
    start: Option<&'p StartingPoint>,
}

impl Draft<'_> {
    fn finish(mut self, reason: &LogError) -> Result<(RepairPlan, Option<Work>), LogError> {
        let disk = self.disk;
        let nothing = || {
            let what = "no segment can be read either, so there is nothing to go on from".to_owned();
            LogError::Damaged { path: disk.locate(MANIFEST_PATH), offset: 0, what }
        };
        let database_key = self.walked.database_key.ok_or_else(nothing)?;
        let kept = &mut self.walked.kept;
        while kept.last().is_some_and(|kept| !kept.has_records()) {
            kept.pop();
        }
        let covered = self.start.filter(|_| !self.walked.passed_start).map(|start| start.anchor);
        if let Some(anchor) = covered {
            let reaches = self.walked.kept.last().is_some_and(|kept| kept.last() >= anchor.sequence);
            if reaches {
                let what = "the batch that ends with this record has another link";
                let (path, sequence) = (self.disk.locate(MANIFEST_PATH), anchor.sequence);
                return Err(LogError::NotInLog { path, offset: 0, sequence, what });
            }
            // The log breaks off before the snapshot: only what comes after it can follow it.
            self.walked.kept.clear();
        }
        if self.manifest.is_none() && self.walked.kept.is_empty() && covered.is_none() {
            return Err(nothing());
        }
        let (next, link, catalog) = self.end(database_key);
        let kept_until = next.previous();
        let remains = self.remains(kept_until);
        let given_up = (remains.last > kept_until).then_some(GivenUp {
            first: next,
            last: remains.last,
            times: remains.times,
        });
        let begin = self.begin(next, link, catalog);
        let first_before = self.manifest.as_ref().map_or(Sequence(1), Manifest::first);
        let history_until = begin
            .as_ref()
            .map(|begin| begin.first)
            .filter(|first| *first > first_before)
            .map(Sequence::previous);
        if let (Some(until), None) = (history_until, self.start) {
            // Only a manifest could say that the beginning was given up, and only a snapshot replaces it.
            let path = self.disk.locate(MANIFEST_PATH);
            return Err(LogError::BeginningGivenUp { path, first: until.next() });
        }
        let newest = self.newest_header(database_key, next, link, catalog);
        let closed = self.closed()?;
        let past = self.past(kept_until);
        let listed = NewestSegment {
            first: next,
            id: [0; 16],
            synced_bytes: SEGMENT_HEADER_BYTES,
            synced: kept_until,
        };
        let manifest = Manifest { database_key, timeline: [0; 16], past, begin, closed, newest: listed };
        let last_links = self.walked.kept.last().map_or(vec![link], |kept| kept.last_links.clone());
        let snapshots = GivenUpSnapshots::find(self.disk, kept_until, &last_links)?;
        let work = self.work(newest, manifest, snapshots)?;
        let locate = |paths: &[String]| paths.iter().map(|path| self.disk.locate(path)).collect::<Vec<_>>();
        let plan = RepairPlan {
            reason: Some(reason_of(self.walked.fault.as_ref().unwrap_or(reason))),
            kept_until,
            given_up,
            may_be_more: !self.walked.is_clean || self.manifest.is_none(),
            history_until,
            copied: locate(&work.copied),
            moved: [locate(&work.moved), locate(&work.snapshots.moved)].concat(),
            snapshots: work.snapshots.sequences.clone(),
            made: work.made.iter().map(|made| disk.locate(&segment_path(made.candidate.first))).collect(),
            relocated: work.relocated.iter().map(|(from, to)| (disk.locate(from), disk.locate(to))).collect(),
        };
        Ok((plan, Some(work)))
    }

    /// The place where the log goes on: record, link and catalog.
    fn end(&self, database_key: [u8; 16]) -> (Sequence, Link, [u8; 32]) {
        if let Some(Kept { chain, .. }) = self.walked.kept.last() {
            return (chain.next, chain.link, chain.catalog);
        }
        if let Some(StartingPoint { anchor, .. }) = self.start {
            return (anchor.sequence.next(), anchor.link, anchor.catalog);
        }
        match self.manifest.as_ref().and_then(|manifest| manifest.begin.as_ref()) {
            Some(Begin { first, link, catalog }) => (*first, *link, *catalog),
            None => (Sequence(1), genesis(&database_key), [0; 32]),
        }
    }

    /// What the rest tells of the records that are given up.
    fn remains(&self, kept_until: Sequence) -> Remains {
        let mut remains = Remains::after(kept_until);
        if let Some(manifest) = &self.manifest {
            remains.reaches(manifest.newest.synced);
            manifest.closed.iter().for_each(|segment| remains.reaches(segment.last));
            if let Ok(Some(snapshot)) = snapshot_beyond(self.disk, manifest, kept_until) {
                remains.reaches(snapshot.sequence());
            }
        }
        let last_kept = self.walked.kept.last();
        for candidate in &self.walked.candidates.segments {
            match last_kept {
                Some(kept)
                    if candidate.first == kept.candidate.first || candidate.path == kept.candidate.path =>
                {
                    remains.look_through(self.disk, candidate, kept.end);
                }
                // What begins within the kept part is in it, or is another history.
                Some(kept) if candidate.first < kept.chain.next => {}
                _ => remains.look_through(self.disk, candidate, 0),
            }
        }
        remains
    }

    /// Where the log begins from now on.
    fn begin(&self, next: Sequence, link: Link, catalog: [u8; 32]) -> Option<Begin> {
        let begin = match self.walked.kept.first() {
            Some(kept) => {
                Begin { first: kept.candidate.first, link: link_before(kept), catalog: kept.header.catalog }
            }
            None => Begin { first: next, link, catalog },
        };
        (begin.first > Sequence(1)).then_some(begin)
    }

    fn newest_header(
        &self,
        database_key: [u8; 16],
        first: Sequence,
        previous: Link,
        catalog: [u8; 32],
    ) -> SegmentHeader {
        // As long as those that are kept, or as any that tells its length.
        let told = |candidate: &Candidate| {
            let (mut window, _) = open(self.disk, &candidate.path).ok()?;
            window.segment_header().ok().map(|header| header.capacity)
        };
        let kept = self.walked.kept.last().map(|kept| kept.header.capacity);
        let capacity = kept.or_else(|| self.walked.candidates.segments.iter().find_map(told));
        let capacity = capacity.unwrap_or(SEGMENT_BYTES);
        let capacity = crate::batch::whole_sectors(capacity.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES));
        SegmentHeader {
            id: [0; 16],
            timeline: [0; 16],
            database_key,
            first,
            capacity,
            created_micros: 0,
            catalog,
            previous,
            begins_with_definitions: false,
            compressed: None,
        }
    }

    /// Whether a segment that is kept must be written again.
    fn is_cut(&self, kept: &Kept) -> bool {
        let is_last =
            self.walked.kept.last().is_some_and(|last| last.candidate.first == kept.candidate.first);
        let is_whole_archive = kept.header.compressed.is_some_and(|compressed| compressed.length == kept.end);
        is_last && !kept.is_as_listed() && !is_whole_archive && kept.behind.is_none()
    }

    fn closed(&self) -> Result<Vec<ClosedSegment>, LogError> {
        let mut closed = Vec::new();
        for kept in &self.walked.kept {
            // What the file is decides where it is listed, whatever was said of it.
            let archived = match kept.header.compressed {
                Some(compressed) if !self.is_cut(kept) => {
                    let table = compressed.table_at + crate::frames::table_bytes(&compressed);
                    Some(Archived { stored_bytes: table, latest_micros: kept.chain.latest_micros })
                }
                _ => None,
            };
            closed.push(ClosedSegment {
                first: kept.candidate.first,
                id: kept.header.id,
                length: kept.length(),
                last: kept.last(),
                link: kept.chain.link,
                archived,
            });
        }
        Ok(closed)
    }

    /// The timelines that end here.
    fn past(&self, until: Sequence) -> Vec<PastTimeline> {
        if let Some(manifest) = &self.manifest {
            let ended = PastTimeline { timeline: manifest.timeline, until };
            let past = manifest.past.iter().cloned().chain([ended]);
            return past.map(|past| PastTimeline { until: past.until.min(until), ..past }).collect();
        }
        let mut past: Vec<PastTimeline> = Vec::new();
        let kept = self.walked.kept.iter().map(|kept| (kept.header.timeline, kept.last()));
        // Where nothing is kept, the snapshot's is the timeline that ends.
        let snapshot = self.start.filter(|_| self.walked.kept.is_empty());
        for (timeline, until) in kept.chain(snapshot.map(|start| (start.timeline, until))) {
            match past.last_mut() {
                Some(last) if last.timeline == timeline => last.until = until,
                _ => past.push(PastTimeline { timeline, until }),
            }
        }
        past
    }

    fn work(
        &self,
        newest: SegmentHeader,
        manifest: Manifest,
        snapshots: GivenUpSnapshots,
    ) -> Result<Work, LogError> {
        let disk = self.disk;
        let cut = self.walked.kept.iter().find(|kept| self.is_cut(kept)).cloned();
        let made = self.walked.kept.iter().find(|kept| kept.behind.is_some()).cloned();
        let mut copied = Vec::new();
        if is_there(disk, MANIFEST_PATH)? {
            copied.push(MANIFEST_PATH.to_owned());
        }
        copied.extend(cut.iter().map(|kept| kept.candidate.path.clone()));
        copied.extend(snapshots.shared.iter().cloned());
        let mut moved = self.moved()?;
        let (mut shortened, mut synced, mut relocated) = (Vec::new(), Vec::new(), Vec::new());
        for kept in &self.walked.kept {
            let path = &kept.candidate.path;
            let place = self.place(kept);
            if *path != place && is_there(disk, &place)? {
                // It gives its name up to the one that is kept.
                moved.retain(|path| *path != place);
                copied.push(place.clone());
            }
            if kept.behind.is_some() {
                // It stays until the manifest lists what is made of it, so that it can be made again.
                moved.retain(|moved| moved != path);
                copied.push(path.clone());
            }
            if self.is_cut(kept) || kept.behind.is_some() {
                continue;
            }
            if let Some(end) = kept.file_end {
                copied.push(path.clone());
                shortened.push((path.clone(), end));
            }
            let is_where_listed = kept.candidate.listed.as_ref().is_some_and(|listed| listed.path() == *path);
            if !kept.is_as_listed() || !is_where_listed {
                synced.push(path.clone());
            }
            if *path != place {
                relocated.push((path.clone(), place));
            }
        }
        Ok(Work { copied, moved, snapshots, shortened, synced, cut, made, relocated, newest, manifest })
    }

    /// The place of a segment that is kept: compressed ones are in the archive, and no others.
    fn place(&self, kept: &Kept) -> String {
        let first = kept.candidate.first;
        let is_archived = kept.header.compressed.is_some() && !self.is_cut(kept);
        if is_archived { archive_path(first) } else { segment_path(first) }
    }

    /// The segments that are moved aside.
    fn moved(&self) -> Result<Vec<String>, LogError> {
        let candidates = &self.walked.candidates;
        let mut paths = Vec::new();
        for candidate in &candidates.segments {
            if !self.walked.kept.iter().any(|kept| kept.candidate.first == candidate.first) {
                // A crash while it was archived may have left it in both places, and where the manifest does
                // not list it any more, what is left would pass for a newer one.
                paths.extend([segment_path(candidate.first), archive_path(candidate.first)]);
            }
        }
        // One that is kept in the other folder may be there as well where it is listed, and is damaged there.
        let listed = self.walked.kept.iter().filter_map(|kept| {
            let listed = kept.candidate.listed.as_ref()?.path();
            (listed != kept.candidate.path).then_some(listed)
        });
        paths.extend(listed);
        paths.extend(candidates.strays.iter().map(|stray| stray.path.clone()));
        let mut moved = Vec::new();
        for path in paths {
            if !moved.contains(&path) && is_there(self.disk, &path)? && !is_empty(self.disk, &path) {
                moved.push(path);
            }
        }
        Ok(moved)
    }
}
