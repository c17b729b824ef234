//! Changes that are known to be right: replaying the log.
//! No constraint is given up: keys and rows are checked at each change, and unique values, which may move
//! between rows in any order, once all changes of a version are made. Limits are not asked again.
//! Invariant: the same changes make the same tables, whether a transaction made them or a replay.

use crate::{
    Recording, Store, StoreError, TableHandle, Version, change::Origin, error::Violation, state::State,
    undo::Mark,
};
use std::sync::atomic::Ordering;

/// A change from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// This row, which was not there.
    Insert(&'a [u8]),
    /// This row in place of the one with the same primary key.
    Update(&'a [u8]),
    /// The row with this primary key, in key form, is gone.
    Delete(&'a [u8]),
}

impl Store {
    /// Makes a change of this version, which is durable, and from now on the newest.
    ///
    /// What was written within the limits of then is taken, whatever the limits are now: a lower one must
    /// not keep a database from being opened.
    ///
    /// With [`Recording::Undo`] readers of older versions go on as beside a transaction; a reader of this
    /// one may be opened once all its changes are applied.
    ///
    /// # Errors
    /// If a transaction is open, if the version is older than the newest, if nothing is to be recorded and
    /// somebody reads; and a [`Violation`] if the change does not fit, or the version before left two rows
    /// with the same values in a unique index. After a violation the store is of no use: the log does not
    /// belong to it.
    pub fn apply(
        &self,
        version: Version,
        table: &TableHandle,
        change: Change<'_>,
        recording: Recording,
    ) -> Result<(), StoreError> {
        self.0.own(table)?;
        if let Change::Insert(row) | Change::Update(row) = change {
            table.0.validate(row)?;
        }
        self.arrive(version, table, recording)?;
        let mut state = table.0.state.write();
        table.0.check_newest(&state)?;
        match recording {
            Recording::Undo => begin(&mut state, version),
            Recording::Nothing if state.undo.is_empty() => {}
            Recording::Nothing => return Err(StoreError::UndoNeeded(table.id())),
        }
        let (shape, origin) = (&table.0.shape, Origin::Replay(recording));
        let settled = state.unsettled.is_empty();
        match change {
            Change::Insert(row) => state.insert(shape, row, origin).map(drop)?,
            Change::Update(row) => state.update(shape, row, origin)?,
            Change::Delete(key) => {
                let slot = state.slot_of_key(key).filter(|slot| state.slots.get(*slot).is_live());
                state.delete(slot.ok_or(Violation::NoSuchRow)?, origin);
            }
        }
        state.changed = version;
        if settled && !state.unsettled.is_empty() {
            self.0.unsettled.lock().push(table.clone());
        }
        if recording == Recording::Undo {
            self.0.note_history(table, &mut state);
        }
        state.report(&self.0.memory);
        Ok(())
    }

    /// Sets the auto-increment counter of a table, as part of this version.
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply).
    pub fn set_counter(&self, version: Version, table: &TableHandle, counter: u64) -> Result<(), StoreError> {
        self.0.own(table)?;
        self.arrive(version, table, Recording::Undo)?;
        table.0.state.write().counter = counter;
        Ok(())
    }

    /// Says that everything up to this version was replayed, also where a version changed nothing. To be
    /// called after the last version.
    ///
    /// # Errors
    /// If a transaction is open, or the last version left two rows with the same values in a unique index.
    pub fn set_replayed(&self, version: Version) -> Result<(), StoreError> {
        if self.0.writing.load(Ordering::Acquire) {
            return Err(StoreError::Busy);
        }
        self.settle()?;
        self.0.set_replayed(version);
        Ok(())
    }

    /// Comes to a version, in which a change of this table will be made.
    #[inline]
    pub(crate) fn arrive(
        &self,
        version: Version,
        table: &TableHandle,
        recording: Recording,
    ) -> Result<(), StoreError> {
        if self.0.writing.load(Ordering::Acquire) {
            return Err(StoreError::Busy);
        }
        let newest = self.0.newest();
        if version < newest {
            return Err(StoreError::VersionNotNext { asked: version, newest });
        }
        if recording == Recording::Nothing && !self.0.readers.pass_over(version) {
            return Err(StoreError::UndoNeeded(table.id()));
        }
        if version > newest {
            self.settle()?;
            self.0.set_replayed(version);
        }
        Ok(())
    }

    /// Looks again at what was left open in the version that is complete now.
    fn settle(&self) -> Result<(), StoreError> {
        let unsettled = std::mem::take(&mut *self.0.unsettled.lock());
        unsettled.iter().try_for_each(|table| Ok(table.0.state.write().settle()?))
    }
}

pub(crate) fn begin(state: &mut State, version: Version) {
    if state.undo.newest_mark().is_none_or(|mark| mark.version < version) {
        let (first, live_rows, counter) = (state.undo.end(), state.live_rows, state.counter);
        state.undo.push_mark(Mark { version, first, live_rows, counter });
    }
}
