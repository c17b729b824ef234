//! The queues through which threads that cannot run guests have them run: one worker for the
//! writer, some for queries. Nothing here knows what a job does.
//! Invariant: a job that was taken in is run or, at closing, answered; nobody waits for ever.

use crate::error::Error;
use interstice_log::doors::{Signal, Step, Threads, Worker};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How many jobs may wait in a queue before their senders wait too: enough to keep the writer busy
/// through a sync of the disk, little enough to keep what is waiting small.
const QUEUED_JOBS: usize = 4096;

type Job = Box<dyn FnOnce() + Send>;

/// What a worker finds in a queue.
pub(crate) enum Taken {
    /// A job to run.
    Job(Job),
    /// No job; and none will come once the queue is closed.
    Nothing {
        /// Whether it is.
        closed: bool,
    },
}

/// A queue of jobs, and the signals of those who work on it and of those who wait for room.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Arc<dyn Signal>,
    room: Arc<dyn Signal>,
}

struct State {
    jobs: VecDeque<Job>,
    /// The last job that was taken may be running still.
    running: bool,
    closed: bool,
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(threads: &dyn Threads) -> Arc<Queue> {
        Arc::new(Queue {
            state: Mutex::new(State { jobs: VecDeque::new(), running: false, closed: false }),
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

    /// Whether every job that was sent has been run, so that whoever does something now by himself does it
    /// after all of them. Of use for a queue with one worker.
    pub(crate) fn is_served(&self) -> bool {
        let state = self.state.lock();
        state.jobs.is_empty() && !state.running && !state.closed
    }

    /// The next job, if there is or will be one. A queue is empty and closed at one moment, or a job that
    /// was sent between two looks would be forgotten.
    pub(crate) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        let was_full = state.jobs.len() == QUEUED_JOBS;
        let taken = match state.jobs.pop_front() {
            Some(job) => Taken::Job(job),
            None if state.closed => Taken::Nothing { closed: true },
            None => Taken::Nothing { closed: false },
        };
        state.running = matches!(taken, Taken::Job(_));
        drop(state);
        if was_full {
            self.room.notify();
        }
        taken
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
            Taken::Job(job) => {
                interstice_engine::guest_thread(self.stack_bytes, job);
                Step::Worked
            }
            Taken::Nothing { closed: true } => Step::Finished,
            Taken::Nothing { closed: false } => Step::Idle { until_micros: None },
        }
    }
}

/// Does something that must not take its thread with it: a panic becomes an error that says so.
pub(crate) fn contain<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it gave no reason");
        Err(Error::Engine { doing: "running a call", message: format!("the node panicked: {message}") })
    })
}

/// The place where the answer of a job arrives.
pub(crate) struct Answer<T> {
    value: Mutex<Option<Result<T, Error>>>,
    ready: Arc<dyn Signal>,
}

impl<T> Answer<T> {
    /// An empty place.
    pub(crate) fn new(threads: &dyn Threads) -> Arc<Answer<T>> {
        Arc::new(Answer { value: Mutex::new(None), ready: threads.signal() })
    }

    /// Runs a job and puts its answer there, also if the job panics: whoever waits is told.
    pub(crate) fn give(&self, job: impl FnOnce() -> Result<T, Error>) {
        let answer = contain(job);
        *self.value.lock() = Some(answer);
        self.ready.notify();
    }

    /// Waits for the answer.
    pub(crate) fn wait(&self) -> Result<T, Error> {
        let mut value = None;
        self.ready.wait_until(None, &mut || {
            value = self.value.lock().take();
            value.is_some()
        });
        value.expect("a wait without a deadline ends when its condition holds")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use interstice_log::os::OsThreads;

    /// A job that panicked used to leave its sender waiting for an answer for ever.
    #[test]
    fn whoever_waits_is_told_of_a_panic() {
        let answer = Answer::<()>::new(&OsThreads);
        answer.give(|| panic!("a broken promise"));
        let error = answer.wait().unwrap_err();
        assert_eq!(error.code(), "ours.engine");
        assert!(error.to_string().contains("a broken promise"), "{error}");
    }

    /// A worker that saw an empty queue and then a closed one used to leave behind what was sent between.
    #[test]
    fn a_closed_queue_is_emptied_before_its_worker_finishes() {
        for _ in 0..200 {
            let threads = OsThreads;
            let queue = Queue::new(&threads);
            let worker = JobWorker { queue: queue.clone(), stack_bytes: 64 << 10 };
            threads.spawn("worker", 1 << 20, queue.work(), Box::new(worker)).unwrap();
            let sender = {
                let queue = queue.clone();
                std::thread::spawn(move || {
                    let answer = Answer::new(&OsThreads);
                    let place = answer.clone();
                    let sent = queue.send(Box::new(move || place.give(|| Ok(7))));
                    sent.map(|()| answer.wait())
                })
            };
            queue.close();
            match sender.join().unwrap() {
                Ok(answered) => assert_eq!(answered.unwrap(), 7),
                Err(refused) => assert_eq!(refused.code(), "ours.closed"),
            }
        }
    }
}
