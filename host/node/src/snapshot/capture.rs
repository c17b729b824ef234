//! Everything that a snapshot holds, as of one moment between two transactions.
//! Rows are not copied but held by a reader, and what else there is takes microseconds to copy.
//! Invariant: all that is captured is the state after the record of the anchor, which is durable.

use crate::catalog::Catalog;
use crate::context::Target;
use crate::delivery::OwedDelivery;
use crate::error::Error;
use crate::node::Inner;
use crate::schedule::LastRun;
use interstice_log::{Anchor, Sequence};
use interstice_store::{Reader, Version};
use std::sync::Arc;

/// The state of a node at one moment.
pub(crate) struct Capture {
    pub(super) anchor: Anchor,
    /// By how much the log had grown then.
    pub(super) grown_bytes: u64,
    pub(super) reader: Reader,
    pub(super) catalog: Arc<Catalog>,
    /// When each module was installed.
    pub(super) installed_micros: Vec<u64>,
    /// The counters of the tables, by the tables' numbers.
    pub(super) counters: Vec<u64>,
    pub(super) last_runs: Vec<(Target, LastRun)>,
    pub(super) owed: Vec<OwedDelivery>,
}

impl Capture {
    /// Captures the state, unless somebody else is at the writer now.
    ///
    /// It waits for the disk with the writer's lock held, so that the last record ends a batch; but only for
    /// what was committed while it waited without the lock. On the simulated machine, where all workers
    /// share a thread, it must run as the writer's own worker: no other one may wait for that lock.
    pub(crate) fn take(inner: &Inner) -> Result<Option<Capture>, Error> {
        inner.log.wait_durable(Sequence(inner.store.newest().0))?;
        let Some(mut writer) = inner.writer.try_lock() else { return Ok(None) };
        if writer.closed {
            return Err(Error::Closed);
        }
        writer.guarded(|writer| {
            let last = Sequence(writer.last_sequence);
            inner.log.wait_durable(last)?;
            let (anchor, grown_bytes) = (inner.log.anchor(), inner.log.grown_bytes());
            if anchor.sequence != last {
                return Ok(None);
            }
            let catalog = writer.context().catalog.clone();
            let schedules = writer.schedules.iter();
            Ok(Some(Capture {
                anchor,
                grown_bytes,
                reader: inner.store.reader(Version(last.0)).map_err(Error::Store)?,
                counters: catalog.tables.iter().map(|table| table.handle.counter()).collect(),
                catalog,
                installed_micros: writer.installed_micros.clone(),
                last_runs: schedules
                    .filter_map(|schedule| Some((schedule.target, schedule.last_run?)))
                    .collect(),
                owed: writer.owed.iter().cloned().collect(),
            }))
        })
    }
}
