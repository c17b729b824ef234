//! Reading a log without the right to write: for `log`, for queries on a directory that nobody
//! serves, for backups. Invariant: not a byte of the data directory changes, whatever is found.

use crate::definitions::Definitions;
use crate::doors::{Disk, Doors, LockKind};
use crate::error::{BoxError, LogError};
use crate::filter::LogFilter;
use crate::lock::DirectoryLock;
use crate::manifest::Manifest;
use crate::mend::{RecoveryReport, found};
use crate::named::Record;
use crate::read_log::{Progress, Replay, Start, read_log, read_with};
use crate::record::RecordParts;
use crate::search::{Search, SearchReport};
use crate::segment::Id;
use crate::sequence::Sequence;
use crate::starting_point::StartingPoint;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Takes records until it breaks off.
pub type VisitRecords<'v> =
    dyn FnMut(&RecordParts<'_>, &Definitions) -> Result<ControlFlow<()>, BoxError> + 'v;

/// A data directory that is only read. While it lives nobody can open the log to write.
pub struct LogReader {
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    _lock: DirectoryLock,
}

impl LogReader {
    /// Opens a data directory that no process holds.
    pub fn open(doors: &Doors) -> Result<Self, LogError> {
        Self::open_locked(doors, DirectoryLock::take(doors.disk.as_ref(), LockKind::Shared)?)
    }

    /// The same for a data directory whose lock this process has.
    pub fn open_locked(doors: &Doors, lock: DirectoryLock) -> Result<Self, LogError> {
        let disk = doors.disk.clone();
        let Some(manifest) = Manifest::read(disk.as_ref())? else {
            crate::create::check_no_database(disk.as_ref())?;
            return Err(LogError::NoDatabase { path: disk.locate("") });
        };
        Ok(Self { disk, manifest, _lock: lock })
    }

    /// Hands every record to `replay`, as opening does, and reports what opening would mend.
    pub fn replay(&self, replay: &mut dyn Replay) -> Result<RecoveryReport, LogError> {
        self.replay_after(None, replay)
    }

    /// The same with the records after a place in the log alone. The log must hold that place, with its
    /// link and its catalog.
    pub fn replay_after(
        &self,
        start: Option<&StartingPoint>,
        replay: &mut dyn Replay,
    ) -> Result<RecoveryReport, LogError> {
        let mut definitions = Definitions::default();
        let disk = self.disk.as_ref();
        let end = read_with(disk, self.manifest.clone(), start, &mut definitions, replay)?;
        Ok(found(disk, &end))
    }

    /// Hands the records after a place in the log, or all of them, to `visit`, until it breaks off; what
    /// follows is not read then.
    pub fn replay_part(
        &self,
        start: Option<&StartingPoint>,
        visit: &mut VisitRecords<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LogError> {
        let mut definitions = Definitions::default();
        let mut each = |parts: &RecordParts<'_>, definitions: &Definitions| {
            let visited = visit(parts, definitions);
            visited.map_err(|source| LogError::Replay { sequence: parts.sequence, source })
        };
        let (disk, manifest) = (self.disk.as_ref(), self.manifest.clone());
        let start = start.map_or(Start::Beginning, Start::After);
        read_log(disk, manifest, start, &mut definitions, &mut each, progress).map(|_| ())
    }

    /// Refuses a place in another history than this log tells, or before the records that it still holds.
    /// Whether the log passes through the place shows when it is read from there.
    pub fn check_start(&self, start: &StartingPoint) -> Result<(), LogError> {
        start.check(self.disk.as_ref(), &self.manifest)
    }

    /// Hands the records from `from` on to `visit`, with names for all numbers, until it breaks off.
    /// Segments that end before `from` are not read. If the first records of the log were given up, it
    /// begins with those that are kept.
    pub fn records(
        &self,
        from: Sequence,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LogError> {
        let mut definitions = Definitions::default();
        let mut each = |parts: &RecordParts<'_>, definitions: &Definitions| {
            if parts.sequence < from {
                return Ok(ControlFlow::Continue(()));
            }
            Ok(visit(Record::resolve(parts, definitions)))
        };
        let (disk, manifest) = (self.disk.as_ref(), self.manifest.clone());
        let start = Start::At(from);
        read_log(disk, manifest, start, &mut definitions, &mut each, progress).map(|_| ())
    }

    /// Hands the records that the filter wants to `visit`, in order and with names for all numbers, until
    /// it breaks off. Reads no more of the closed segments than their indexes say it must.
    pub fn search(
        &self,
        filter: &LogFilter,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<SearchReport, LogError> {
        let mut search = Search::new(self.disk.as_ref(), &self.manifest, filter, progress)?;
        search.run(&mut |parts, definitions| Ok(visit(Record::resolve(parts, definitions))))?;
        Ok(search.report)
    }

    /// The first record that the log holds; those before it were given up.
    #[must_use]
    pub fn first(&self) -> Sequence {
        self.manifest.first()
    }

    /// The random key with which the database was made.
    #[must_use]
    pub fn database_key(&self) -> Id {
        self.manifest.database_key
    }

    /// The history that the log tells.
    #[must_use]
    pub fn timeline(&self) -> Id {
        self.manifest.timeline
    }
}
