//! Threads that loop over the steps of a worker, and a signal made of a counter, a mutex and a
//! condition variable. Invariant: a notification between looking at a condition and going to sleep
//! is never lost, because the counter that it moves is read before the condition is looked at.

use super::OsClock;
use crate::doors::{Clock, Signal, Step, Threads, Worker};
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// How nice the threads of work in the background are: a thread beside them gets nine tenths of a processor.
#[cfg(target_os = "linux")]
const BACKGROUND_NICE: i32 = 10;

/// The threads of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsThreads;

impl Threads for OsThreads {
    fn spawn(
        &self,
        name: &str,
        stack_bytes: usize,
        wake: Arc<dyn Signal>,
        mut worker: Box<dyn Worker>,
    ) -> io::Result<()> {
        let run = move || {
            if worker.is_background() {
                // On Linux this is the thread's alone. Without it the work is done as well.
                #[cfg(target_os = "linux")]
                let _ = rustix::process::nice(BACKGROUND_NICE);
            }
            loop {
                let count = wake.count();
                match worker.step() {
                    Step::Worked => {}
                    Step::Idle { until_micros } => {
                        wake.wait_past(count, until_micros);
                    }
                    Step::Finished => return,
                }
            }
        };
        std::thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(run)?;
        Ok(())
    }

    fn signal(&self) -> Arc<dyn Signal> {
        Arc::new(OsSignal::default())
    }
}

/// Notifying costs one atomic addition while nobody sleeps.
#[derive(Default)]
struct OsSignal {
    count: AtomicU64,
    sleepers: AtomicUsize,
    mutex: Mutex<()>,
    condition: Condvar,
}

impl Signal for OsSignal {
    fn notify(&self) {
        // Either this thread sees the sleeper, or the sleeper, who announces itself first, sees
        // the new count: the sequentially consistent order allows no third case.
        self.count.fetch_add(1, SeqCst);
        if self.sleepers.load(SeqCst) > 0 {
            // The mutex is taken so that a sleeper cannot be between its last look and its sleep.
            drop(self.mutex.lock());
            self.condition.notify_all();
        }
    }

    fn count(&self) -> u64 {
        self.count.load(SeqCst)
    }

    fn wait_past(&self, count: u64, deadline_micros: Option<u64>) -> bool {
        self.sleepers.fetch_add(1, SeqCst);
        let mut guard = self.mutex.lock();
        let mut passed = true;
        while self.count.load(SeqCst) == count {
            match deadline_micros {
                None => self.condition.wait(&mut guard),
                Some(deadline) => {
                    let now = OsClock.monotonic_micros();
                    if now >= deadline {
                        passed = false;
                        break;
                    }
                    self.condition.wait_for(&mut guard, Duration::from_micros(deadline - now));
                }
            }
        }
        drop(guard);
        self.sleepers.fetch_sub(1, SeqCst);
        passed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_notification_between_look_and_sleep_is_not_lost() {
        let signal = OsThreads.signal();
        let count = signal.count();
        signal.notify();
        assert!(signal.wait_past(count, None));
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let signal = OsThreads.signal();
        let deadline = OsClock.monotonic_micros() + 1_000;
        assert!(!signal.wait_until(Some(deadline), &mut || false));
        assert!(OsClock.monotonic_micros() >= deadline);
    }

    /// A thread that indexed a segment used to take turns of milliseconds with the calls.
    #[test]
    #[cfg(target_os = "linux")]
    fn calls_go_before_work_in_the_background() {
        struct Asks(Arc<AtomicUsize>, bool);
        impl Worker for Asks {
            fn step(&mut self) -> Step {
                let nice = rustix::process::getpriority_process(None).unwrap();
                self.0.store(nice as usize, SeqCst);
                Step::Finished
            }

            fn is_background(&self) -> bool {
                self.1
            }
        }
        let own = rustix::process::getpriority_process(None).unwrap();
        for (is_background, expected) in [(true, (own + BACKGROUND_NICE).min(19)), (false, own)] {
            let found = Arc::new(AtomicUsize::new(usize::MAX));
            let asks = Box::new(Asks(found.clone(), is_background));
            OsThreads.spawn("asks", 64 << 10, OsThreads.signal(), asks).unwrap();
            while found.load(SeqCst) == usize::MAX {
                std::thread::yield_now();
            }
            assert_eq!(found.load(SeqCst), expected as usize);
        }
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), own, "this thread is as it was");
    }

    #[test]
    fn an_idle_worker_is_stepped_again_when_notified() {
        struct Flip {
            asked: Arc<AtomicBool>,
            done: Arc<AtomicBool>,
            back: Arc<dyn Signal>,
        }
        impl Worker for Flip {
            fn step(&mut self) -> Step {
                if !self.asked.load(SeqCst) {
                    return Step::Idle { until_micros: None };
                }
                self.done.store(true, SeqCst);
                self.back.notify();
                Step::Finished
            }
        }
        let (asked, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (wake, back) = (OsThreads.signal(), OsThreads.signal());
        let flip = Flip { asked: asked.clone(), done: done.clone(), back: back.clone() };
        OsThreads.spawn("flip", 64 << 10, wake.clone(), Box::new(flip)).unwrap();
        asked.store(true, SeqCst);
        wake.notify();
        assert!(back.wait_until(None, &mut || done.load(SeqCst)));
    }
}
