//! The queues through which threads that cannot run guests have them run: one worker for the
//! writer, some for queries. Nothing here knows what a job does.
//! Invariant: a job that was taken in is run or, at closing, answered; nobody waits for ever.

use crate::error::Error;
use interstice_log::doors::{Signal, Step, Threads, Worker};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many jobs may wait in a queue before their senders wait too: enough to keep the writer busy
/// through a sync of the disk, little enough to keep what is waiting small.
const QUEUED_JOBS: usize = 4096;

type Job = Box<dyn FnOnce() + Send>;

/// A queue of jobs, and the signals of those who work on it and of those who wait for room.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Arc<dyn Signal>,
    room: Arc<dyn Signal>,
}

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(threads: &dyn Threads) -> Arc<Queue> {
        Arc::new(Queue {
            state: Mutex::new(State { jobs: VecDeque::new(), closed: false }),
            work: threads.signal(),
            room: threads.signal(),
        })
    }

    /// What a worker of this queue sleeps on.
    pub(crate) fn work(&self) -> Arc<dyn Signal> {
        self.work.clone()
    }

    /// Puts a job into the queue and waits while that is full.
    pub(crate) fn send(&self, job: Job) -> Result<(), Error> {
        let mut job = Some(job);
        self.room.wait_until(None, &mut || {
            let mut state = self.state.lock();
            if state.closed {
                return true;
            }
            if state.jobs.len() < QUEUED_JOBS {
                state.jobs.extend(job.take());
            }
            job.is_none()
        });
        if job.is_some() {
            return Err(Error::Closed);
        }
        self.work.notify();
        Ok(())
    }

    /// The next job.
    pub(crate) fn take(&self) -> Option<Job> {
        let mut state = self.state.lock();
        let job = state.jobs.pop_front();
        let was_full = state.jobs.len() + 1 == QUEUED_JOBS;
        drop(state);
        if job.is_some() && was_full {
            self.room.notify();
        }
        job
    }

    /// Whether no more jobs will come.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Takes no more jobs. Those that wait are still run.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify();
        self.room.notify();
    }
}

/// A worker that does nothing but run the jobs of a queue, on a stack made for guests.
pub(crate) struct JobWorker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) stack_bytes: usize,
}

impl Worker for JobWorker {
    fn step(&mut self) -> Step {
        match self.queue.take() {
            Some(job) => {
                interstice_engine::guest_thread(self.stack_bytes, job);
                Step::Worked
            }
            None if self.queue.is_closed() => Step::Finished,
            None => Step::Idle { until_micros: None },
        }
    }
}

/// The place where the answer of a job arrives.
pub(crate) struct Answer<T> {
    value: Mutex<Option<T>>,
    ready: Arc<dyn Signal>,
}

impl<T> Answer<T> {
    /// An empty place.
    pub(crate) fn new(threads: &dyn Threads) -> Arc<Answer<T>> {
        Arc::new(Answer { value: Mutex::new(None), ready: threads.signal() })
    }

    /// Puts the answer there.
    pub(crate) fn give(&self, value: T) {
        *self.value.lock() = Some(value);
        self.ready.notify();
    }

    /// Waits for the answer.
    pub(crate) fn wait(&self) -> T {
        let mut value = None;
        self.ready.wait_until(None, &mut || {
            value = self.value.lock().take();
            value.is_some()
        });
        value.expect("a wait without a deadline ends when its condition holds")
    }
}
