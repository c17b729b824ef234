//! Workers that are stepped one at a time, the next one picked by seed, whenever somebody waits.
//! Invariant: a run is a function of the seed and of what the test calls; a wait that can never end
//! is a panic that says so.

use super::{SimClock, below};
use crate::doors::{Clock, Signal, Step, Threads, Worker};
use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};

/// Threads that do not run by themselves.
#[derive(Clone)]
pub struct SimThreads {
    inner: Arc<Inner>,
}

/// The same for those who run on them. They do not keep the machine: it would never go, since it has their workers.
#[derive(Clone)]
pub(super) struct LentThreads {
    inner: Weak<Inner>,
}

/// Keeps the threads of a machine for as long as a log is open on it, whatever becomes of the rest.
pub(super) struct KeptThreads {
    _inner: Option<Arc<Inner>>,
}

struct Inner {
    clock: SimClock,
    schedule: Mutex<Schedule>,
}

struct Schedule {
    random: ChaCha8Rng,
    slots: Vec<Slot>,
}

struct Slot {
    name: String,
    /// Taken out while it is stepped, so that a step that waits lets the others go on.
    worker: Option<Box<dyn Worker>>,
    wake: Arc<dyn Signal>,
    /// How often its signal had been notified before its last step.
    seen: u64,
    idle: bool,
    until_micros: Option<u64>,
}

impl Slot {
    fn is_runnable(&self, now: u64) -> bool {
        self.worker.is_some()
            && (!self.idle
                || self.wake.count() != self.seen
                || self.until_micros.is_some_and(|until| until <= now))
    }
}

impl SimThreads {
    pub(super) fn new(seed: u64, clock: SimClock) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed ^ 0x7468_7265_6164);
        let schedule = Mutex::new(Schedule { random, slots: Vec::new() });
        Self { inner: Arc::new(Inner { clock, schedule }) }
    }

    pub(super) fn lend(&self) -> LentThreads {
        LentThreads { inner: Arc::downgrade(&self.inner) }
    }

    /// Steps workers that have something to do, at most so many times. Returns how many it was.
    pub fn run(&self, steps: usize) -> usize {
        (0..steps).take_while(|_| self.inner.step()).count()
    }

    /// Steps workers until all are idle, without letting them wait for the clock.
    pub fn run_until_idle(&self) {
        while self.inner.step() {}
    }
}

impl Threads for SimThreads {
    fn spawn(
        &self,
        name: &str,
        _stack_bytes: usize,
        wake: Arc<dyn Signal>,
        worker: Box<dyn Worker>,
    ) -> io::Result<()> {
        let seen = wake.count();
        let (name, worker) = (name.to_owned(), Some(worker));
        let slot = Slot { name, worker, wake, seen, idle: false, until_micros: None };
        self.inner.schedule.lock().slots.push(slot);
        Ok(())
    }

    fn signal(&self) -> Arc<dyn Signal> {
        Arc::new(SimSignal { count: AtomicU64::new(0), threads: Arc::downgrade(&self.inner) })
    }
}

impl LentThreads {
    pub(super) fn keep(&self) -> KeptThreads {
        KeptThreads { _inner: self.inner.upgrade() }
    }

    #[cfg(test)]
    pub(super) fn is_there(&self) -> bool {
        self.inner.strong_count() > 0
    }
}

impl Threads for LentThreads {
    fn spawn(
        &self,
        name: &str,
        stack_bytes: usize,
        wake: Arc<dyn Signal>,
        worker: Box<dyn Worker>,
    ) -> io::Result<()> {
        let inner = self.inner.upgrade().ok_or_else(|| io::Error::other("the machine is gone"))?;
        SimThreads { inner }.spawn(name, stack_bytes, wake, worker)
    }

    fn signal(&self) -> Arc<dyn Signal> {
        Arc::new(SimSignal { count: AtomicU64::new(0), threads: self.inner.clone() })
    }
}

impl Inner {
    /// Steps one worker, if any has something to do.
    fn step(&self) -> bool {
        let mut schedule = self.schedule.lock();
        let passed = below(&mut schedule.random, 50);
        self.clock.advance(passed);
        let now = self.clock.monotonic_micros();
        let runnable: Vec<usize> =
            (0..schedule.slots.len()).filter(|at| schedule.slots[*at].is_runnable(now)).collect();
        if runnable.is_empty() {
            return false;
        }
        let at = runnable[below(&mut schedule.random, runnable.len() as u64) as usize];
        let slot = &mut schedule.slots[at];
        let mut worker = slot.worker.take().expect("only slots with a worker are runnable");
        slot.seen = slot.wake.count();
        drop(schedule);
        let step = worker.step();
        let slot = &mut self.schedule.lock().slots[at];
        match step {
            Step::Worked => slot.idle = false,
            Step::Idle { until_micros } => {
                slot.idle = true;
                slot.until_micros = until_micros;
            }
            Step::Finished => return true,
        }
        slot.worker = Some(worker);
        true
    }

    /// The earliest moment for which a worker waits.
    fn next_alarm(&self) -> Option<u64> {
        let schedule = self.schedule.lock();
        let waiting = schedule.slots.iter().filter(|slot| slot.worker.is_some());
        waiting.filter_map(|slot| slot.until_micros).min()
    }

    fn names(&self) -> Vec<String> {
        let schedule = self.schedule.lock();
        let alive = schedule.slots.iter().filter(|slot| slot.worker.is_some());
        alive.map(|slot| slot.name.clone()).collect()
    }
}

struct SimSignal {
    count: AtomicU64,
    threads: Weak<Inner>,
}

impl Signal for SimSignal {
    fn notify(&self) {
        self.count.fetch_add(1, SeqCst);
    }

    fn count(&self) -> u64 {
        self.count.load(SeqCst)
    }

    fn wait_past(&self, count: u64, deadline_micros: Option<u64>) -> bool {
        let Some(threads) = self.threads.upgrade() else {
            return self.count() != count;
        };
        loop {
            if self.count() != count {
                return true;
            }
            if deadline_micros.is_some_and(|deadline| deadline <= threads.clock.monotonic_micros()) {
                return false;
            }
            if threads.step() {
                continue;
            }
            // Nobody has anything to do: time passes until somebody has.
            match threads.next_alarm().into_iter().chain(deadline_micros).min() {
                Some(alarm) => threads.clock.advance_to(alarm),
                None => panic!("this wait never ends: all workers are idle ({:?})", threads.names()),
            }
        }
    }
}
