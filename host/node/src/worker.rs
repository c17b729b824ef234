//! What the node does by itself: the jobs that other threads have for the writer, deliveries, schedules,
//! and, when nothing else is to be done, letting history go.
//! Invariant: a step that found nothing to do says when to look again, so that an idle node is at rest.

use crate::error::Error;
use crate::executor::{Queue, Taken, contain};
use crate::node::{DELIVERIES_BEFORE_A_CALL, Inner};
use crate::snapshot::Snapshots;
use crate::stop::explain;
use interstice_engine::guest_thread;
use interstice_log::doors::{Step, Worker};
use interstice_store::Version;
use std::sync::{Arc, Weak};

/// How long deliveries and schedules wait after a failure of the node before they are tried again.
const RETRY_MICROS: u64 = 1_000_000;

/// How many undo entries an idle node lets go before it looks whether it still is idle: for so long a call waits for
/// the lock of a table, less than 100 µs.
const PURGED_WHEN_IDLE: usize = 512;

/// When an idle node looks again whether its last records are durable and their history may go.
const DURABLE_SOON_MICROS: u64 = 20_000;

/// Runs what other threads ask of the writer, and pays deliveries when nothing else is to be done.
pub(crate) struct WriterWorker {
    pub(crate) node: Weak<Inner>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) stack_bytes: usize,
}

/// When a worker looks again that found somebody else at the writer.
const BUSY_MICROS: u64 = 100;

/// What came of a look at the node's own work.
enum Own {
    Done(Rest),
    /// Somebody else is at the writer.
    Later,
    Closed,
}

/// What is left of the node's own work.
struct Rest {
    /// No delivery is owed.
    paid: bool,
    /// When the next schedule is due, on the wall clock.
    due_micros: Option<u64>,
    last_sequence: u64,
}

impl Worker for WriterWorker {
    fn step(&mut self) -> Step {
        if self.snapshots.wants_capture()
            && let Some(inner) = self.node.upgrade()
        {
            self.snapshots.capture(&inner);
        }
        match self.queue.take() {
            Taken::Job(job) => {
                guest_thread(self.stack_bytes, job);
                return Step::Worked;
            }
            Taken::Nothing { closed: true } => return Step::Finished,
            Taken::Nothing { closed: false } => {}
        }
        let Some(inner) = self.node.upgrade() else { return Step::Finished };
        let soon = || {
            let soon = inner.doors.clock.monotonic_micros().saturating_add(BUSY_MICROS);
            Step::Idle { until_micros: Some(soon) }
        };
        match guest_thread(self.stack_bytes, || contain(|| own_work(&inner))) {
            Ok(Own::Done(_)) if self.snapshots.wants_capture() => soon(),
            Ok(Own::Done(rest)) if rest.paid => idle(&inner, &rest),
            Ok(Own::Done(_)) => Step::Worked,
            Ok(Own::Later) => soon(),
            // Whoever asked for a snapshot is told why there is none.
            Err(Error::Interrupted) | Ok(Own::Closed) if self.snapshots.wants_capture() => soon(),
            // Jobs are still taken, so that those who sent them are told.
            Err(Error::Interrupted) => Step::Idle { until_micros: None },
            Ok(Own::Closed) => Step::Idle { until_micros: None },
            Err(error) => {
                tracing::error!(target: "interstice::node", "deliveries wait: {}", explain(&error));
                // Whatever failed may be gone after a while: a full disk, for one.
                let retry = inner.doors.clock.monotonic_micros().saturating_add(RETRY_MICROS);
                Step::Idle { until_micros: Some(retry) }
            }
        }
    }
}

/// Runs what is due and pays what is owed.
fn own_work(inner: &Inner) -> Result<Own, Error> {
    // Whoever holds the writer may wait for the log, and on the simulated machine, where all workers
    // share a thread, this step may run within that wait.
    let Some(mut writer) = inner.writer.try_lock() else { return Ok(Own::Later) };
    if writer.closed {
        return Ok(Own::Closed);
    }
    let tools = inner.tools();
    writer.guarded(|writer| {
        writer.run_due(&tools)?;
        let paid = writer.deliver(&tools, DELIVERIES_BEFORE_A_CALL)?;
        Ok(Own::Done(Rest {
            paid,
            due_micros: writer.next_due_micros(),
            last_sequence: writer.last_sequence,
        }))
    })
}

/// Lets history go that is not needed any more, and says when there will be something to do.
fn idle(inner: &Inner, rest: &Rest) -> Step {
    let durable = inner.log.durable();
    inner.store.set_durable(Version(durable.0));
    let clock = inner.doors.clock.as_ref();
    let now_micros = clock.monotonic_micros();
    match inner.store.try_purge(PURGED_WHEN_IDLE) {
        Some(true) => return Step::Worked,
        Some(false) => {}
        None => return Step::Idle { until_micros: Some(now_micros.saturating_add(BUSY_MICROS)) },
    }
    let due = rest.due_micros.map(|due| now_micros.saturating_add(due.saturating_sub(clock.now_micros())));
    let is_durable = durable.0 >= rest.last_sequence || inner.log.poisoned().is_some();
    let soon = (!is_durable).then(|| now_micros.saturating_add(DURABLE_SOON_MICROS));
    Step::Idle { until_micros: due.into_iter().chain(soon).min() }
}
