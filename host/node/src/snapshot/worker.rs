//! The worker that takes snapshots, one at a time: when somebody asks, and when the log has grown enough.
//! A step is a table, so that the simulator can let the others go on in between. Afterwards it removes
//! snapshots that are not needed, and lets the log archive and give up what those that are kept cover.
//! Invariant: a snapshot that fails changes nothing but to be told of.

use super::contents::KnownRows;
use super::report::SnapshotReport;
use super::requests::Snapshots;
use super::taking::Taking;
use crate::error::Error;
use crate::executor::{Answer, contain};
use crate::stop::explain;
use interstice_log::doors::{Step, Worker};
use interstice_log::{LogError, Sequence, TableHead};
use std::collections::HashMap;
use std::sync::Arc;

/// How long after a failure a snapshot that nobody asked for is tried again: whatever failed, a full disk for
/// one, takes a while to mend.
const RETRY_MICROS: u64 = 60_000_000;

/// Takes snapshots.
pub(crate) struct SnapshotWorker {
    snapshots: Arc<Snapshots>,
    phase: Phase,
    /// The rows of tables when they were last looked at.
    known: HashMap<TableHead, KnownRows>,
    /// Who asked for the snapshot that is being taken, if anybody did.
    asked: Option<Arc<Answer<SnapshotReport>>>,
    /// Before that no snapshot is taken that nobody asked for.
    retry_at: u64,
}

enum Phase {
    /// The database was just opened.
    Opened,
    /// There is nothing to do.
    Idle,
    /// The executor captures the state.
    Capturing,
    /// Tables are written, of when the log had grown by so much.
    Taking(Box<Taking>, u64),
    /// Everything is written.
    Publishing(Box<Taking>, u64),
}

impl SnapshotWorker {
    /// The worker of a node that was opened with these tables known.
    pub(crate) fn new(snapshots: Arc<Snapshots>, known: HashMap<TableHead, KnownRows>) -> SnapshotWorker {
        SnapshotWorker { snapshots, phase: Phase::Opened, known, asked: None, retry_at: 0 }
    }

    fn turn(&mut self) -> Result<Step, Error> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Opened => {
                self.tidy();
                Ok(Step::Worked)
            }
            Phase::Idle => Ok(self.look()),
            Phase::Capturing => match self.snapshots.captured() {
                None => {
                    self.phase = Phase::Capturing;
                    Ok(Step::Idle { until_micros: None })
                }
                Some(capture) => {
                    let (capture, snapshots) = (capture?, &self.snapshots);
                    let grown_bytes = capture.grown_bytes;
                    let begun =
                        Taking::begin(&snapshots.store, &snapshots.log, capture, &snapshots.cancellation);
                    match begun {
                        Ok(taking) => self.phase = Phase::Taking(Box::new(taking), grown_bytes),
                        Err(Error::Log(LogError::SnapshotExists { sequence, .. })) => {
                            let report = self.existing(sequence)?;
                            self.done(report, grown_bytes);
                        }
                        Err(error) => return Err(error),
                    }
                    Ok(Step::Worked)
                }
            },
            Phase::Taking(mut taking, grown_bytes) => {
                let more = taking.table(&mut self.known)?;
                self.phase = match more {
                    true => Phase::Taking(taking, grown_bytes),
                    false => Phase::Publishing(taking, grown_bytes),
                };
                Ok(Step::Worked)
            }
            Phase::Publishing(taking, grown_bytes) => {
                let report = taking.publish()?;
                tracing::debug!(
                    target: "interstice::node",
                    "snapshot at record {}: {} rows in {} tables, {} bytes, of which {} were written",
                    report.sequence, report.rows, report.tables, report.stored_bytes, report.written_bytes
                );
                self.tidy();
                self.done(report, grown_bytes);
                Ok(Step::Worked)
            }
        }
    }

    /// Begins a snapshot if one is wanted.
    fn look(&mut self) -> Step {
        self.asked = self.snapshots.next_asked();
        let is_due = self.snapshots.is_due();
        if self.asked.is_none() {
            if !is_due {
                return Step::Idle { until_micros: None };
            }
            if self.snapshots.clock.monotonic_micros() < self.retry_at {
                return Step::Idle { until_micros: Some(self.retry_at) };
            }
        }
        self.snapshots.want_capture();
        self.phase = Phase::Capturing;
        Step::Worked
    }

    fn done(&mut self, report: SnapshotReport, grown_bytes: u64) {
        self.snapshots.taken(grown_bytes);
        if let Some(answer) = self.asked.take() {
            answer.give(|| Ok(report));
        }
    }

    fn failed(&mut self, error: Error) {
        let now = self.snapshots.clock.monotonic_micros();
        self.retry_at = now.saturating_add(RETRY_MICROS);
        if !self.snapshots.cancellation.is_cancelled() {
            tracing::error!(target: "interstice::node", "no snapshot was taken: {}", explain(&error));
        }
        if let Some(answer) = self.asked.take() {
            answer.give(|| Err(error));
        }
    }

    /// The snapshot of a record that is there.
    fn existing(&self, sequence: Sequence) -> Result<SnapshotReport, Error> {
        let mut listed = self.snapshots.store.list()?;
        let at = listed.iter().position(|listed| listed.sequence == sequence);
        let path = format!("snapshot {sequence}");
        let gone = || LogError::DamagedSnapshot { path, offset: 0, what: "the file is gone".to_owned() };
        let snapshot = listed.swap_remove(at.ok_or_else(gone)?).found?;
        Ok(SnapshotReport::new(&snapshot, false, 0, 0, 0))
    }

    /// Removes what is not needed, and says to the log what is covered. That it fails is told and no more:
    /// what was not removed now is removed after the next snapshot.
    fn tidy(&self) {
        let snapshots = &self.snapshots;
        match snapshots.store.prune(&snapshots.log.past(), &snapshots.cancellation) {
            Ok(pruned) => {
                for (sequence, error) in &pruned.damaged {
                    tracing::warn!(
                        target: "interstice::node",
                        "the snapshot at record {sequence} cannot be used: {}", explain(error)
                    );
                }
                if let Some(covered) = pruned.covered {
                    snapshots.log.archive(covered);
                }
            }
            Err(LogError::Cancelled) => {}
            Err(error) => {
                tracing::warn!(
                    target: "interstice::node", "old snapshots are not removed: {}", explain(&error)
                );
            }
        }
    }
}

impl Worker for SnapshotWorker {
    fn step(&mut self) -> Step {
        if self.snapshots.is_closed() {
            // What was begun is removed.
            self.phase = Phase::Idle;
            return Step::Finished;
        }
        match contain(|| self.turn()) {
            Ok(step) => step,
            Err(error) => {
                self.failed(error);
                Step::Worked
            }
        }
    }
}

impl Drop for SnapshotWorker {
    fn drop(&mut self) {
        self.phase = Phase::Idle;
        if let Some(answer) = self.asked.take() {
            answer.give(|| Err(Error::Closed));
        }
        self.snapshots.end();
    }
}
