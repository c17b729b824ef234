//! Everything that a snapshot holds, as of one moment between two transactions.
//! Rows are not copied but held by a reader, and what else there is takes microseconds to copy. The writer
//! waits for nothing: the log is told to end a batch here, and its anchor is asked for later.
//! Invariant: all that is captured is the state after one record, with which a batch of the log ends.

use crate::catalog::Catalog;
use crate::context::Target;
use crate::delivery::OwedDelivery;
use crate::error::Error;
use crate::node::Inner;
use crate::schedule::LastRun;
use interstice_log::{Anchor, Log, LogError, Sequence};
use interstice_store::{Reader, TableId, Version};
use std::collections::HashMap;
use std::sync::Arc;

/// The state of a node at one moment.
pub(crate) struct Capture {
    /// The last record that it contains.
    pub(super) sequence: Sequence,
    /// By how much the log had grown then.
    pub(super) grown_bytes: u64,
    pub(super) reader: Reader,
    pub(super) catalog: Arc<Catalog>,
    /// When each module was installed, by its number.
    pub(super) installed_micros: Vec<u64>,
    /// The counters of the tables.
    pub(super) counters: HashMap<TableId, u64>,
    /// Since when the rows of the tables are what they are, in the shape that they have.
    pub(super) changed: HashMap<TableId, Version>,
    pub(super) last_runs: Vec<(Target, LastRun)>,
    /// Since when each scheduled function waits that never ran, in microseconds since the Unix epoch.
    pub(super) waits_since: Vec<(Target, u64)>,
    pub(super) owed: Vec<OwedDelivery>,
}

impl Capture {
    /// Captures the state, unless somebody else is at the writer now.
    pub(crate) fn take(inner: &Inner) -> Result<Option<Capture>, Error> {
        let Some(mut writer) = inner.writer.try_lock() else { return Ok(None) };
        if writer.closed {
            return Err(Error::Closed);
        }
        writer.guarded(|writer| {
            let last = inner.log.seal();
            if last.0 != writer.last_sequence {
                return Ok(None);
            }
            let catalog = writer.context().catalog.clone();
            let schedules = &writer.schedules;
            Ok(Some(Capture {
                sequence: last,
                grown_bytes: inner.log.grown_bytes(),
                reader: inner.store.reader(Version(last.0)).map_err(Error::Store)?,
                counters: catalog.tables().map(|table| (table.id, table.handle.counter())).collect(),
                changed: catalog
                    .tables()
                    .map(|table| (table.id, table.handle.changed().max(table.handle.since())))
                    .collect(),
                catalog,
                installed_micros: writer.installed_micros.clone(),
                last_runs: schedules
                    .iter()
                    .filter_map(|schedule| Some((schedule.target, schedule.last_run?)))
                    .collect(),
                waits_since: schedules
                    .iter()
                    .map(|schedule| (schedule.target, schedule.since_micros))
                    .collect(),
                owed: writer.owed.iter().cloned().collect(),
            }))
        })
    }

    /// The place in the log behind the captured state, once that is durable.
    pub(super) fn anchor(&self, log: &Log) -> Result<Anchor, Error> {
        let anchor = log.sealed_anchor(self.sequence)?;
        // One snapshot is taken at a time, and nobody else seals.
        anchor.ok_or(Error::Log(LogError::OutcomeUnknown { sequence: self.sequence }))
    }
}
