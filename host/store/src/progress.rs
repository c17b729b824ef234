//! How far the open transaction has come, and which parts of it were rolled back.
//! Savepoints and scans remember the moment at which they were made and ask here whether it still counts.
//! Invariant: a moment counts exactly if nothing before it was rolled back since.

use crate::StoreError;
use parking_lot::Mutex;

/// What a transaction shares with its scans.
pub(crate) struct Progress(Mutex<Course>);

/// A moment within a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// How many rollbacks there were before it.
    rollbacks: u64,
    /// How many changes there were before it, those that were rolled back apart.
    pub(crate) height: u64,
}

struct Course {
    is_open: bool,
    rollbacks: u64,
    /// The number of a rollback and the height that it went down to. One that went lower makes those
    /// before it that went less low needless: so both ascend.
    floors: Vec<(u64, u64)>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Course { is_open: true, rollbacks: 0, floors: Vec::new() }))
    }

    /// The moment at which there were this many changes.
    pub(crate) fn now(&self, height: u64) -> Moment {
        Moment { rollbacks: self.0.lock().rollbacks, height }
    }

    /// Says that the transaction was rolled back to this height.
    pub(crate) fn roll_back(&self, height: u64) {
        let mut course = self.0.lock();
        course.rollbacks += 1;
        while course.floors.pop_if(|(_, floor)| *floor >= height).is_some() {}
        let number = course.rollbacks;
        course.floors.push((number, height));
    }

    /// Says that the transaction is over.
    pub(crate) fn close(&self) {
        self.0.lock().is_open = false;
    }

    /// An error if what was made at that moment is of no use any more.
    pub(crate) fn check(&self, moment: Moment, what: &'static str) -> Result<(), StoreError> {
        let course = self.0.lock();
        if !course.is_open {
            return Err(StoreError::TransactionOver { what });
        }
        let since = course.floors.partition_point(|(number, _)| *number <= moment.rollbacks);
        match course.floors.get(since) {
            Some((_, lowest)) if *lowest < moment.height => Err(StoreError::RolledBack { what }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_counts_until_something_before_it_is_rolled_back() {
        let progress = Progress::new();
        let early = progress.now(5);
        let late = progress.now(9);
        progress.roll_back(7);
        let later = progress.now(8);
        assert_eq!(progress.check(early, "scan"), Ok(()));
        assert_eq!(progress.check(late, "scan"), Err(StoreError::RolledBack { what: "scan" }));
        progress.roll_back(8);
        assert_eq!(progress.check(later, "scan"), Ok(()));
        progress.roll_back(5);
        assert_eq!(progress.check(early, "scan"), Ok(()));
        assert_eq!(progress.check(later, "scan"), Err(StoreError::RolledBack { what: "scan" }));
        progress.close();
        assert_eq!(progress.check(early, "scan"), Err(StoreError::TransactionOver { what: "scan" }));
    }
}
