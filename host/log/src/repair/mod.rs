//! Going on with a log that refuses to open, on somebody's explicit word: first a plan, which says what
//! would be given up, then its execution. Invariant: what is changed or given up is kept aside, and a
//! crash at any moment leaves a log that refuses to open as before, or the repaired one.

mod apply;
mod behind;
mod candidates;
mod file;
mod plan;
mod reason;
mod remains;
mod snapshots;
mod walk;

use crate::doors::{Doors, LockKind};
use crate::error::LogError;
use crate::lock::DirectoryLock;
use crate::segment::Id;
use crate::sequence::Sequence;
use crate::starting_point::StartingPoint;
use plan::Work;
pub use reason::reason_of;
pub use snapshots::put_snapshot_aside;

/// What a repair would do, and does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairPlan {
    /// Why the database does not open, or why a part of its history cannot be read. None if nothing is
    /// wrong, and then nothing is done.
    pub reason: Option<String>,
    /// The last record that stays.
    pub kept_until: Sequence,
    /// The transactions that are given up.
    pub given_up: Option<GivenUp>,
    /// Whether there may have been more transactions after those, of which nothing tells.
    pub may_be_more: bool,
    /// What is wrong lies before the snapshot: the log would no longer hold the records up to this one.
    /// No transaction is given up with them.
    pub history_until: Option<Sequence>,
    /// The snapshots of the part that is given up, by the records up to which they go, and one from which the log
    /// does not go on: of the last record that is kept, with a mark that is not. Their files are among those that
    /// are moved.
    pub snapshots: Vec<Sequence>,
    /// The files that are copied aside before they are changed.
    pub copied: Vec<String>,
    /// The files that are moved aside.
    pub moved: Vec<String>,
    /// Segments that are made of what is left of a damaged one behind the place that the snapshot covers.
    pub made: Vec<String>,
    /// Segments that are kept and stand in the folder for the other kind: from where to where they go.
    pub relocated: Vec<(String, String)>,
}

/// Transactions that are given up: all from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The first of them.
    pub first: Sequence,
    /// The last one that anything tells of.
    pub last: Sequence,
    /// When the first and the last batch of them that can still be read were begun, in microseconds since
    /// 1970-01-01 UTC.
    pub times: Option<(u64, u64)>,
}

impl GivenUp {
    /// How many they are, not counting those of which nothing tells.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.last.0 - self.first.0 + 1
    }
}

/// What a repair came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// The history that the log tells from now on; cursors and keys of the one before mean nothing in it.
    pub timeline: Id,
    /// Where the copies are.
    pub aside: Vec<String>,
}

/// A repair that is planned. While it lives nobody else opens the database.
pub struct Repair {
    doors: Doors,
    plan: RepairPlan,
    work: Option<Work>,
    lock: DirectoryLock,
}

impl Repair {
    /// Finds out what is wrong and what could be kept. Changes nothing. `start` is the place in the log
    /// that the newest valid snapshot covers, if there is one: damage before it costs no transaction.
    pub fn plan(doors: &Doors, start: Option<&StartingPoint>) -> Result<Self, LogError> {
        Self::plan_locked(doors, DirectoryLock::take(doors.disk.as_ref(), LockKind::Exclusive)?, start)
    }

    /// The same under a lock that this process has, by which the snapshot was looked for. One for reading is enough
    /// for a plan that is not carried out.
    pub fn plan_locked(
        doors: &Doors,
        lock: DirectoryLock,
        start: Option<&StartingPoint>,
    ) -> Result<Self, LogError> {
        let (plan, work) = plan::plan(doors.disk.as_ref(), start)?;
        Ok(Self { doors: doors.clone(), plan, work, lock })
    }

    /// What would be done.
    #[must_use]
    pub fn what(&self) -> &RepairPlan {
        &self.plan
    }

    /// Does it. Does nothing where nothing is wrong.
    ///
    /// # Panics
    /// If it was planned under a lock for reading.
    pub fn apply(self) -> Result<Option<RepairReport>, LogError> {
        assert!(self.lock.is_exclusive(), "a repair needs the lock for writing");
        let Some(work) = self.work else { return Ok(None) };
        apply::apply(&self.doors, &self.plan, work).map(Some)
    }
}
