//! Making a database from a backup, or from any data directory that nobody has open: all of it, or its state
//! after an earlier record. It goes on in a timeline of its own, since the original may have gone on, too.
//! Invariant: no transaction after the record is in any file of the restored database.

use super::claim::{Claim, check_free};
use super::copier::Copier;
use super::cut::cut;
use super::seal::seal;
use super::snapshots;
use super::take::{copy_artifact, copy_closed, total_bytes};
use crate::artifacts::list_artifacts;
use crate::create::check_no_database;
use crate::definitions::{Definitions, Digest};
use crate::doing::Doing;
use crate::doors::{Disk, Doors, LockKind};
use crate::error::LogError;
use crate::limits::SEGMENT_BYTES;
use crate::lock::DirectoryLock;
use crate::manifest::{ClosedSegment, Manifest, NewestSegment, PastTimeline};
use crate::options::whole_segment;
use crate::read_log::{Progress, Start, read_log};
use crate::record::{Cause, RecordParts};
use crate::segment::{Id, SEGMENT_HEADER_BYTES, SegmentHeader, segment_path};
use crate::sequence::Sequence;
use crate::snapshot::Snapshot;
use std::ops::ControlFlow;

/// Up to where a database is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// All of it.
    #[default]
    Newest,
    /// The state after this record.
    Sequence(Sequence),
    /// The state after the last record whose time is not later, in microseconds since 1970-01-01 UTC.
    Time(u64),
}

/// How a database is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Up to where.
    pub until: Until,
    /// The length of the segment with which it goes on, in bytes.
    pub segment_bytes: u64,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self { until: Until::Newest, segment_bytes: SEGMENT_BYTES }
    }
}

/// A database that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// Its last record.
    pub sequence: Sequence,
    /// The time of that record, in microseconds since 1970-01-01 UTC. None if neither the log nor a snapshot
    /// says it.
    pub timestamp_micros: Option<u64>,
    /// The records of the original that it does not have.
    pub given_up: Option<LeftOut>,
    /// What is wrong with the original behind that record. None of it was needed.
    pub damage: Option<DamageBehind>,
    /// The history that it tells from now on.
    pub timeline: Id,
    /// The records up to which it has snapshots.
    pub snapshots: Vec<Sequence>,
    /// Snapshots up to that record that it does not have, and why.
    pub left_out: Vec<String>,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// Records that were not restored: all from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The first of them.
    pub first: Sequence,
    /// The last one.
    pub last: Sequence,
    /// The time of the first, in microseconds since 1970-01-01 UTC.
    pub first_micros: u64,
    /// The time of the last.
    pub last_micros: u64,
}

/// Damage of an original that lies behind the point up to which it was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamageBehind {
    /// What is wrong, and where. Nothing behind it was read.
    pub what: String,
    /// The last record that was read before it.
    pub read_until: Sequence,
    /// The last record that the original is known to have had.
    pub known_until: Sequence,
}

impl LeftOut {
    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.last.0 - self.first.0 + 1
    }
}

/// Makes a database in an empty folder, or one with the remains of a copy that was cut short. Nobody may have the original open to write. What was written is read
/// back. If it fails, nothing is left that could be taken for a database.
///
/// # Errors
/// If anything else is in the folder, if what was written is damaged or the original is, up to the point, if the
/// point lies outside what the original can tell of, or if a disk fails or is full.
pub fn restore(
    from: &dyn Disk,
    to: &Doors,
    options: RestoreOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<RestoreReport, LogError> {
    let segment_bytes = whole_segment(options.segment_bytes)?;
    let _lock = DirectoryLock::take(from, LockKind::Shared)?;
    let Some(manifest) = Manifest::read(from)? else {
        check_no_database(from)?;
        return Err(LogError::NoDatabase { path: from.locate("") });
    };
    check_free(to.disk.as_ref())?;
    let point = Point::find(from, &manifest, options.until, progress)?;
    let claim = Claim::take(to.disk.as_ref())?;
    let mut copier = Copier::new(from, claim, progress);
    let restored = write(&mut copier, to, &manifest, &point, segment_bytes);
    copier.settle(restored)
}

/// The point up to which a log is restored.
struct Point {
    sequence: Sequence,
    timestamp_micros: Option<u64>,
    given_up: Option<LeftOut>,
    damage: Option<DamageBehind>,
    /// The hash of the catalog after the record.
    catalog: [u8; 32],
}

impl Point {
    /// Reads the whole log, so that nothing is made of one that is damaged up to the point, and damage behind it
    /// is told.
    fn find(
        disk: &dyn Disk,
        manifest: &Manifest,
        until: Until,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, LogError> {
        let first = manifest.first();
        let sequence = first.previous();
        let catalog = manifest.before(0).catalog.unwrap_or_default();
        let mut point = Self { sequence, timestamp_micros: None, given_up: None, damage: None, catalog };
        let visit = &mut |record: &RecordParts<'_>, _: &Definitions| {
            point.take(until, record);
            Ok(ControlFlow::Continue(()))
        };
        let (start, mut definitions) = (Start::At(first), Definitions::default());
        let read = read_log(disk, manifest.clone(), start, &mut definitions, visit, progress);
        if let Err(error) = read {
            if !point.is_reached(until) || !error.is_of_the_files() {
                return Err(error);
            }
            let read_until = point.last();
            let listed = manifest.closed.last().map_or(Sequence::ZERO, |segment| segment.last);
            let known_until = read_until.max(listed).max(manifest.newest.synced);
            point.damage = Some(DamageBehind { what: error.with_causes(), read_until, known_until });
        }
        let path = disk.locate("");
        let last = point.last();
        match until {
            Until::Sequence(given) if given > last => Err(LogError::NoSuchRecord { given, last, path }),
            Until::Sequence(until) if until < point.sequence => {
                Err(LogError::NoSnapshotBefore { until, first, path })
            }
            Until::Time(_) if point.sequence < first && point.given_up.is_some() => {
                Err(LogError::NothingSoOld { first, path })
            }
            _ => Ok(point),
        }
    }

    /// The last record that was read.
    fn last(&self) -> Sequence {
        self.given_up.map_or(self.sequence, |given_up| given_up.last)
    }

    /// Whether all records up to the point were read. Of a time that shows only with a later record.
    fn is_reached(&self, until: Until) -> bool {
        match until {
            Until::Newest => false,
            Until::Sequence(sequence) => self.sequence >= sequence,
            Until::Time(_) => self.given_up.is_some(),
        }
    }

    fn take(&mut self, until: Until, record: &RecordParts<'_>) {
        let (sequence, micros) = (record.sequence, record.timestamp_micros);
        let is_kept = match until {
            Until::Newest => true,
            Until::Sequence(last) => sequence <= last,
            Until::Time(latest) => micros <= latest,
        };
        match &mut self.given_up {
            None if is_kept => {
                self.sequence = sequence;
                self.timestamp_micros = Some(micros);
                if let Cause::Install(installed) | Cause::Upgrade(installed) = record.cause {
                    self.catalog = installed.catalog;
                }
            }
            None => {
                let (first, last, first_micros, last_micros) = (sequence, sequence, micros, micros);
                self.given_up = Some(LeftOut { first, last, first_micros, last_micros });
            }
            Some(given_up) => {
                given_up.last = sequence;
                given_up.last_micros = micros;
            }
        }
    }
}

fn write(
    copier: &mut Copier<'_>,
    to: &Doors,
    manifest: &Manifest,
    point: &Point,
    segment_bytes: u64,
) -> Result<RestoreReport, LogError> {
    let (from, until) = (copier.from, point.sequence);
    let whole = manifest.closed.iter().take_while(|segment| segment.last <= until).count();
    let cut_bytes = manifest.closed.get(whole).map_or(manifest.newest.synced_bytes, |segment| segment.length);
    copier.expect(total_bytes(&manifest.closed[..whole]).saturating_add(cut_bytes));
    let mut definitions = definitions_of(from, manifest, whole)?;
    let mut closed = manifest.closed[..whole].to_vec();
    closed.iter().try_for_each(|segment| copy_closed(copier, segment))?;
    // The segment behind those that are kept whole holds the record, or begins right behind it and is not read.
    let before = manifest.before(whole);
    let (link, catalog) = if before.next <= until {
        let (segment, chain) = cut(copier, manifest, whole, until, &mut definitions)?;
        closed.push(segment);
        (chain.link, chain.catalog)
    } else {
        (before.link, point.catalog)
    };
    let artifacts = artifacts(from, manifest, &definitions)?;
    artifacts.iter().try_for_each(|digest| copy_artifact(copier, *digest))?;
    let mut ids: [Id; 2] = [[0; 16]; 2];
    for id in &mut ids {
        to.entropy.fill(id).doing("draw randomness for", || to.disk.locate(""))?;
    }
    let [id, timeline] = ids;
    let begun = SegmentHeader {
        id,
        timeline,
        database_key: manifest.database_key,
        first: until.next(),
        capacity: segment_bytes,
        created_micros: to.clock.now_micros(),
        catalog,
        previous: link,
        begins_with_definitions: false,
        compressed: None,
    };
    let mut new = copier.begin(&segment_path(begun.first), begun.capacity)?;
    copier.write(&mut new, &begun.encode())?;
    copier.finish(new)?;
    let restored = restored(manifest, closed, &begun);
    let snapshots = snapshots::copy(copier, &restored, until)?;
    if restored.begin.is_some() && snapshots.usable.is_empty() {
        let (first, path) = (restored.first(), from.locate(""));
        return Err(LogError::NoSnapshotBefore { until, first, path });
    }
    seal(copier, &restored, &snapshots, &artifacts)?;
    let covered = snapshots.usable.iter().map(|snapshot| snapshot.identity().anchor.latest_micros).max();
    Ok(RestoreReport {
        sequence: until,
        timestamp_micros: point.timestamp_micros.or(covered),
        given_up: point.given_up,
        damage: point.damage.clone(),
        timeline,
        snapshots: snapshots.usable.iter().map(Snapshot::sequence).collect(),
        left_out: snapshots.left_out,
        // The manifest counts, too.
        files: copier.files() + 1,
        bytes: copier.bytes(),
    })
}

/// What the first closed segments define.
fn definitions_of(disk: &dyn Disk, manifest: &Manifest, count: usize) -> Result<Definitions, LogError> {
    let mut definitions = Definitions::default();
    let Some(last) = count.checked_sub(1).map(|last| manifest.closed[last].last) else {
        return Ok(definitions);
    };
    let visit = &mut |record: &RecordParts<'_>, _: &Definitions| {
        Ok(if record.sequence < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    let start = Start::At(manifest.first());
    read_log(disk, manifest.clone(), start, &mut definitions, visit, &mut |_| {})?;
    Ok(definitions)
}

/// The artifacts of the modules that are installed at the end of the kept records. Where the first of those were
/// given up, only a snapshot may name them, in a way that is not the log's to know.
fn artifacts(
    disk: &dyn Disk,
    manifest: &Manifest,
    definitions: &Definitions,
) -> Result<Vec<Digest>, LogError> {
    if manifest.begin.is_some() {
        return list_artifacts(disk);
    }
    Ok(definitions.artifacts().into_iter().collect())
}

/// The manifest of the restored database: the timeline so far ends with its last record.
fn restored(manifest: &Manifest, closed: Vec<ClosedSegment>, begun: &SegmentHeader) -> Manifest {
    let until = begun.first.previous();
    let ended = PastTimeline { timeline: manifest.timeline, until };
    let past = manifest.past.iter().cloned().chain([ended]);
    let past = past.map(|past| PastTimeline { until: past.until.min(until), ..past }).collect();
    let newest =
        NewestSegment { first: begun.first, id: begun.id, synced_bytes: SEGMENT_HEADER_BYTES, synced: until };
    Manifest { timeline: begun.timeline, past, closed, newest, ..manifest.clone() }
}
