//! What is done to closed segments beside the writer: indexing, archiving, giving up what retention
//! allows. One worker does it, a piece a step; the writer never waits for it but for the moment in which
//! it publishes a manifest. Invariant: after every step a crash leaves a log that holds the same records.

mod archive;
mod index_job;
mod retention;
mod sweep;

pub use retention::{Covered, Retention};

use crate::doors::{Doors, Signal, Step, Worker};
use crate::error::LogError;
use crate::limits::{MAINTENANCE_RETRY_MICROS, RETENTION_CHECK_MICROS};
use crate::manifest::{ClosedSegment, Manifest};
use crate::options::LogOptions;
use crate::pending::State;
use crate::sequence::Sequence;
use crate::shared::Shared;
use archive::ArchiveJob;
use index_job::IndexJob;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

/// What the background work has done since the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaintenanceReport {
    /// Segments that had no index and got one.
    pub indexed: u64,
    /// Segments whose index was damaged, or of another segment, and was made anew.
    pub reindexed: u64,
    /// Segments that were compressed and moved to the archive.
    pub archived: u64,
    /// Segments that were given up, as the retention allows.
    pub given_up: u64,
    /// The last record that was given up.
    pub given_up_until: Sequence,
    /// Files that an earlier crash had left behind and that were removed.
    pub removed: u64,
    /// Segments that were left as they are because they do not read as they should, and why.
    pub damaged: Vec<String>,
    /// Why the work has ended before the log was closed, if it has.
    pub failure: Option<String>,
}

/// What the worker and the log tell each other.
pub(crate) struct Upkeep {
    state: Mutex<UpkeepState>,
    /// Wakes the worker.
    pub(crate) wake: Arc<dyn Signal>,
    /// Wakes those who wait for the worker.
    progress: Arc<dyn Signal>,
}

#[derive(Default)]
struct UpkeepState {
    /// What can be replaced by snapshots.
    covered: Option<Covered>,
    /// How often something was asked for, and how many of these requests have been served.
    asked: u64,
    served: u64,
    is_finished: bool,
    report: MaintenanceReport,
}

impl Upkeep {
    pub(crate) fn new(wake: Arc<dyn Signal>, progress: Arc<dyn Signal>) -> Self {
        // Opening is the first request.
        let state = Mutex::new(UpkeepState { asked: 1, ..UpkeepState::default() });
        Self { state, wake, progress }
    }

    /// A segment was closed, or the log is.
    pub(crate) fn ask(&self) {
        self.state.lock().asked += 1;
        self.wake.notify();
    }

    /// Segments may be archived and given up, as far as they are covered.
    pub(crate) fn cover(&self, covered: Covered) {
        {
            let mut state = self.state.lock();
            if state.covered.is_none_or(|before| before.until <= covered.until) {
                state.covered = Some(covered);
            }
        }
        self.ask();
    }

    /// Waits until all that was asked for is done, as far as it can be.
    pub(crate) fn wait_served(&self) {
        let asked = self.state.lock().asked;
        self.progress.wait_until(None, &mut || {
            let state = self.state.lock();
            state.is_finished || state.served >= asked
        });
    }

    /// Waits until the worker has ended.
    pub(crate) fn wait_finished(&self) {
        self.progress.wait_until(None, &mut || self.state.lock().is_finished);
    }

    pub(crate) fn report(&self) -> MaintenanceReport {
        self.state.lock().report.clone()
    }
}

/// The worker.
pub(crate) struct Maintenance {
    shared: Arc<Shared>,
    doors: Doors,
    options: LogOptions,
    is_swept: bool,
    /// Segments whose index was found right, or made.
    indexed: HashSet<Sequence>,
    /// Segments that do not read as they should.
    refused: HashSet<Sequence>,
    job: Option<Job>,
    /// When a full disk is asked again.
    retry_at: u64,
}

enum Job {
    Index(Box<IndexJob>),
    Archive(Box<ArchiveJob>),
}

impl Worker for Maintenance {
    fn is_background(&self) -> bool {
        true
    }

    fn step(&mut self) -> Step {
        let is_open = self.shared.pending.lock().state == State::Open;
        if !is_open {
            return Step::Finished;
        }
        match self.turn() {
            Ok(step) => step,
            Err(error) if error.is_disk_full() => {
                // What was begun is given back, for the log needs the room more.
                self.job = None;
                archive::abandon(self.doors.disk.as_ref());
                self.retry_at = self.doors.clock.monotonic_micros() + MAINTENANCE_RETRY_MICROS;
                Step::Worked
            }
            Err(error) => {
                self.report(|report| report.failure = Some(error.with_causes()));
                Step::Finished
            }
        }
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        let upkeep = &self.shared.upkeep;
        {
            let mut state = upkeep.state.lock();
            state.is_finished = true;
            if std::thread::panicking() {
                state.report.failure.get_or_insert_with(|| "the background work panicked".to_owned());
            }
        }
        upkeep.progress.notify();
    }
}

impl Maintenance {
    pub(crate) fn new(shared: Arc<Shared>, doors: Doors, options: LogOptions) -> Self {
        let (indexed, refused) = (HashSet::new(), HashSet::new());
        Self { shared, doors, options, is_swept: false, indexed, refused, job: None, retry_at: 0 }
    }

    fn turn(&mut self) -> Result<Step, LogError> {
        let now = self.doors.clock.monotonic_micros();
        let (asked, covered) = {
            let state = self.shared.upkeep.state.lock();
            (state.asked, state.covered)
        };
        if now < self.retry_at {
            return Ok(self.idle(asked, Some(self.retry_at)));
        }
        if !self.is_swept {
            let removed = sweep::sweep(self.doors.disk.as_ref(), &self.shared)?;
            self.is_swept = true;
            self.report(|report| report.removed += removed);
            return Ok(Step::Worked);
        }
        if let Some(job) = self.job.take() {
            return self.advance(job).map(|()| Step::Worked);
        }
        let manifest = self.shared.manifest.lock().clone();
        if let Some(covered) = &covered
            && self.give_up(&manifest, covered)?
        {
            return Ok(Step::Worked);
        }
        let until = covered.map_or(Sequence::ZERO, |covered| covered.until);
        self.job = self.next_job(&manifest, until)?;
        if self.job.is_some() {
            return Ok(Step::Worked);
        }
        let grows_old = self.options.retention.depends_on_time() && covered.is_some();
        Ok(self.idle(asked, grows_old.then_some(now + RETENTION_CHECK_MICROS)))
    }

    fn idle(&self, asked: u64, until_micros: Option<u64>) -> Step {
        self.shared.upkeep.state.lock().served = asked;
        self.shared.upkeep.progress.notify();
        Step::Idle { until_micros }
    }

    fn next_job(&mut self, manifest: &Manifest, until: Sequence) -> Result<Option<Job>, LogError> {
        let disk = self.doors.disk.as_ref();
        let may_archive = |segment: &&ClosedSegment| {
            segment.archived.is_none() && segment.last <= until && !self.refused.contains(&segment.first)
        };
        if let Some(segment) = manifest.closed.iter().find(may_archive) {
            let first = segment.first;
            let job = ArchiveJob::begin(disk, manifest, first);
            return Ok(self.unless_damaged(first, job)?.map(|job| Job::Archive(Box::new(job))));
        }
        let has_no_index = |segment: &&ClosedSegment| {
            !self.indexed.contains(&segment.first) && !self.refused.contains(&segment.first)
        };
        // The newest ones first: they are asked for most.
        Ok(manifest
            .closed
            .iter()
            .rev()
            .find(has_no_index)
            .map(|segment| Job::Index(Box::new(IndexJob::new(segment.first)))))
    }

    /// Takes a job a piece further.
    fn advance(&mut self, job: Job) -> Result<(), LogError> {
        match job {
            Job::Index(mut job) => {
                let first = job.first();
                let manifest = self.shared.manifest.lock().clone();
                let step = job.step(self.doors.disk.as_ref(), &manifest);
                match self.unless_damaged(first, step)? {
                    None => {}
                    Some(None) => self.job = Some(Job::Index(job)),
                    Some(Some(outcome)) => {
                        self.indexed.insert(first);
                        self.report(|report| outcome.count(report));
                    }
                }
            }
            Job::Archive(mut job) => {
                let first = job.first();
                let step = job.step(self.doors.disk.as_ref(), &self.shared);
                match self.unless_damaged(first, step)? {
                    None => archive::abandon(self.doors.disk.as_ref()),
                    Some(false) => self.job = Some(Job::Archive(job)),
                    Some(true) => {
                        self.indexed.insert(first);
                        self.report(|report| report.archived += 1);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets a segment aside that does not read as it should. Opening or verifying the database says more;
    /// here nothing may be built on it, and nothing is taken away.
    fn unless_damaged<T>(
        &mut self,
        first: Sequence,
        done: Result<T, LogError>,
    ) -> Result<Option<T>, LogError> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.is_damage() => {
                self.refused.insert(first);
                self.report(|report| report.damaged.push(error.with_causes()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn give_up(&mut self, manifest: &Manifest, covered: &Covered) -> Result<bool, LogError> {
        let now = self.doors.clock.now_micros();
        let retention = self.options.retention_at(now, self.shared.anchor().latest_micros);
        let count = retention.count_to_give_up(manifest, covered, now);
        let Some(last) = count.checked_sub(1).map(|last| manifest.closed[last].last) else {
            return Ok(false);
        };
        let disk = self.doors.disk.as_ref();
        let begin = match retention::new_beginning(disk, manifest, count) {
            Err(error) if error.is_damage() => {
                // What would be the first segment is not as it should be: nothing before it is given up.
                self.options.retention = Retention::KeepAll;
                self.report(|report| report.damaged.push(error.with_causes()));
                return Ok(true);
            }
            begin => begin?,
        };
        self.shared.change_manifest(disk, |manifest| {
            manifest.closed.drain(..count);
            manifest.begin = Some(begin);
        })?;
        retention::remove(disk, &manifest.closed[..count])?;
        self.report(|report| {
            report.given_up += count as u64;
            report.given_up_until = last;
        });
        Ok(true)
    }

    fn report(&self, change: impl FnOnce(&mut MaintenanceReport)) {
        change(&mut self.shared.upkeep.state.lock().report);
    }
}
