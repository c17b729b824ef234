//! A world in a box: disk, clock, randomness and threads that follow from a seed. Power can fail at
//! any operation, disks can lie, and the same seed shows the same run again. Invariant: nothing here
//! reads a real clock, a real file or a real source of randomness, and nothing sleeps.

mod disk;
mod medium;
mod threads;

pub use disk::SimDisk;
pub use threads::SimThreads;

use crate::doors::{Clock, Doors, Entropy};
use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// All four doors of a simulated machine.
#[derive(Clone)]
pub struct Simulator {
    /// Its disk.
    pub disk: SimDisk,
    /// Its clock.
    pub clock: SimClock,
    /// Its randomness.
    pub entropy: SimEntropy,
    /// Its threads.
    pub threads: SimThreads,
}

impl Simulator {
    /// A machine with an empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_disk(SimDisk::new(seed), seed)
    }

    fn with_disk(disk: SimDisk, seed: u64) -> Self {
        let clock = SimClock::default();
        let threads = SimThreads::new(seed, clock.clone());
        disk.run_by(&clock, threads.lend());
        Self { disk, clock, entropy: SimEntropy::new(seed), threads }
    }

    /// The doors, to be given to what is tested.
    #[must_use]
    pub fn doors(&self) -> Doors {
        Doors {
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.entropy.clone()),
            threads: Arc::new(self.threads.lend()),
        }
    }

    /// The machine after its power failed: what was not synced is kept, lost or garbled as the seed
    /// says. Everything that still uses the machine before gets errors from its disk.
    #[must_use]
    pub fn power_loss(&self, seed: u64) -> Self {
        Self::with_disk(self.disk.power_loss(seed), seed)
    }

    /// The machine after the process was killed: the operating system still has all that was
    /// written. Everything that still uses the machine before gets errors from its disk.
    #[must_use]
    pub fn kill(&self, seed: u64) -> Self {
        Self::with_disk(self.disk.kill(), seed)
    }
}

/// A clock that moves when the simulator says so.
#[derive(Clone, Debug, Default)]
pub struct SimClock {
    micros: Arc<AtomicU64>,
    wrong_by: Arc<AtomicU64>,
}

/// When simulated time begins, in microseconds since 1970-01-01 UTC.
const EPOCH_MICROS: u64 = 1_700_000_000_000_000;

impl SimClock {
    /// Lets time pass.
    pub fn advance(&self, micros: u64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Has the wall clock show so much more than the time that it is.
    pub fn be_wrong_by(&self, micros: u64) {
        self.wrong_by.store(micros, Ordering::SeqCst);
    }

    fn advance_to(&self, micros: u64) {
        self.micros.fetch_max(micros, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now_micros(&self) -> u64 {
        EPOCH_MICROS + self.monotonic_micros() + self.wrong_by.load(Ordering::SeqCst)
    }

    fn monotonic_micros(&self) -> u64 {
        self.micros.load(Ordering::SeqCst)
    }
}

/// Randomness that follows from a seed.
#[derive(Clone)]
pub struct SimEntropy {
    random: Arc<Mutex<ChaCha8Rng>>,
}

impl SimEntropy {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))) }
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        self.random.lock().fill_bytes(buffer);
        Ok(())
    }
}

/// A number below `bound`.
fn below(random: &mut ChaCha8Rng, bound: u64) -> u64 {
    random.next_u64() % bound
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Definitions, Log, LogOptions, RecordParts};

    /// A campaign of thousands of machines that were killed took all the memory there was.
    #[test]
    fn nothing_is_left_of_a_machine_whose_log_was_dropped() {
        for kill in [false, true] {
            let simulator = Simulator::new(1);
            let mut ignore = |_: &RecordParts<'_>, _: &Definitions| Ok(());
            let (log, _) = Log::open(&simulator.doors(), LogOptions::DEFAULT, &mut ignore).unwrap();
            let threads = simulator.threads.lend();
            let after = kill.then(|| simulator.kill(2));
            drop(simulator);
            assert!(threads.is_there(), "the log runs on its threads");
            drop(log);
            assert!(!threads.is_there(), "killed: {kill}");
            drop(after);
        }
    }
}
