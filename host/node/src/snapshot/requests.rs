//! What those who want a snapshot, the executor that captures the state for it, and the worker that writes it
//! tell each other. Nobody waits here with a lock held, and the worker holds no node: a node that is dropped
//! can wait until its worker has ended.
//! Invariant: whoever asked is answered, also when the node closes or the worker dies.

use super::capture::Capture;
use super::report::SnapshotReport;
use crate::error::Error;
use crate::executor::{Answer, contain};
use crate::node::Inner;
use interstice_log::doors::{Clock, Doors, Signal};
use interstice_log::{Cancellation, Log, SnapshotStore};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The snapshots of an open node.
pub(crate) struct Snapshots {
    pub(super) store: SnapshotStore,
    pub(super) log: Arc<Log>,
    pub(super) clock: Arc<dyn Clock>,
    /// Wakes the worker.
    pub(crate) wake: Arc<dyn Signal>,
    /// Wakes whoever waits for the end of the worker.
    ended: Arc<dyn Signal>,
    /// Wakes the executor.
    pub(super) executor: Arc<dyn Signal>,
    /// By how many bytes the log may grow before a snapshot is taken; never, if nothing.
    log_bytes: Option<u64>,
    /// By how much the log had grown at the last snapshot.
    taken_bytes: AtomicU64,
    /// The executor is to capture the state.
    wants_capture: AtomicBool,
    /// Ends what the worker does when the node is closed.
    pub(super) cancellation: Cancellation,
    mailbox: Mutex<Mailbox>,
}

#[derive(Default)]
struct Mailbox {
    asked: VecDeque<Arc<Answer<SnapshotReport>>>,
    captured: Option<Result<Capture, Error>>,
    is_closed: bool,
    has_ended: bool,
}

impl Snapshots {
    pub(crate) fn new(
        doors: &Doors,
        store: SnapshotStore,
        log: Arc<Log>,
        executor: Arc<dyn Signal>,
        log_bytes: Option<u64>,
    ) -> Arc<Snapshots> {
        store.belong_to(&log);
        let snapshots = Arc::new(Snapshots {
            store,
            log,
            clock: doors.clock.clone(),
            wake: doors.threads.signal(),
            ended: doors.threads.signal(),
            executor,
            log_bytes,
            taken_bytes: AtomicU64::new(0),
            wants_capture: AtomicBool::new(false),
            cancellation: Cancellation::new(),
            mailbox: Mutex::default(),
        });
        let watching = Arc::downgrade(&snapshots);
        snapshots.log.on_durable(move |_| {
            if let Some(snapshots) = watching.upgrade().filter(|snapshots| snapshots.is_due()) {
                snapshots.wake.notify();
            }
        });
        snapshots
    }

    /// Asks for a snapshot of what is committed now, and does not wait for it.
    pub(crate) fn ask(&self, answer: Arc<Answer<SnapshotReport>>) -> Result<(), Error> {
        {
            let mut mailbox = self.mailbox.lock();
            if mailbox.is_closed || mailbox.has_ended {
                return Err(Error::Closed);
            }
            mailbox.asked.push_back(answer);
        }
        self.wake.notify();
        Ok(())
    }

    /// Whether so much was logged since the last snapshot that the next one is to be taken.
    pub(super) fn is_due(&self) -> bool {
        let grown = self.log.grown_bytes().saturating_sub(self.taken_bytes.load(Ordering::Relaxed));
        self.log_bytes.is_some_and(|limit| grown >= limit)
    }

    /// There is a snapshot of when the log had grown by so much.
    pub(super) fn taken(&self, grown_bytes: u64) {
        self.taken_bytes.fetch_max(grown_bytes, Ordering::Relaxed);
    }

    pub(super) fn next_asked(&self) -> Option<Arc<Answer<SnapshotReport>>> {
        self.mailbox.lock().asked.pop_front()
    }

    /// Asks the executor for the state.
    pub(super) fn want_capture(&self) {
        self.wants_capture.store(true, Ordering::Release);
        self.executor.notify();
    }

    /// What the executor has answered.
    pub(super) fn captured(&self) -> Option<Result<Capture, Error>> {
        self.mailbox.lock().captured.take()
    }

    /// Whether the executor is to capture the state.
    pub(crate) fn wants_capture(&self) -> bool {
        self.wants_capture.load(Ordering::Acquire)
    }

    /// Captures the state, on the executor's thread, unless somebody is at the writer now.
    pub(crate) fn capture(&self, inner: &Inner) {
        let Some(captured) = contain(|| Capture::take(inner)).transpose() else { return };
        self.wants_capture.store(false, Ordering::Release);
        self.mailbox.lock().captured = Some(captured);
        self.wake.notify();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.mailbox.lock().is_closed
    }

    /// Ends the worker, and waits until it touches no file any more.
    pub(crate) fn close(&self) {
        self.mailbox.lock().is_closed = true;
        self.cancellation.cancel();
        self.wake.notify();
        self.ended.wait_until(None, &mut || self.mailbox.lock().has_ended);
    }

    /// The worker has ended: whoever still waits is told.
    pub(super) fn end(&self) {
        let asked = {
            let mut mailbox = self.mailbox.lock();
            mailbox.has_ended = true;
            mailbox.captured = None;
            std::mem::take(&mut mailbox.asked)
        };
        self.wants_capture.store(false, Ordering::Release);
        asked.iter().for_each(|answer| answer.give(|| Err(Error::Closed)));
        self.ended.notify();
    }
}
