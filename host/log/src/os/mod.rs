//! The real doors: files of the operating system, its clocks, its randomness and its threads.
//! Nothing here knows what the log writes. Invariant: an error of the operating system is returned as
//! it came; only what a signal interrupted before it did anything is begun again, and never a sync.

mod directory;
mod disk;
mod threads;

pub use disk::OsDisk;
pub use threads::OsThreads;

use crate::doors::{Clock, Doors, Entropy};
use rustix::rand::{GetRandomFlags, getrandom};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The real doors to the data directory at `path`, which is made when it does not exist.
pub fn doors(path: &Path) -> io::Result<Doors> {
    directory::make(path, &mut directory::sync)?;
    Ok(over(OsDisk::new(path)))
}

/// The real doors to a data directory that is only read; nothing is made.
pub fn doors_to_existing(path: &Path) -> io::Result<Doors> {
    std::fs::metadata(path)?;
    Ok(over(OsDisk::new(path)))
}

fn over(disk: OsDisk) -> Doors {
    Doors {
        disk: Arc::new(disk),
        clock: Arc::new(OsClock),
        entropy: Arc::new(OsEntropy),
        threads: Arc::new(OsThreads),
    }
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsClock;

impl Clock for OsClock {
    fn now_micros(&self) -> u64 {
        // A clock before 1970 is as good as none; the node never lets time go back anyway.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
    }

    fn monotonic_micros(&self) -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_micros() as u64
    }
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            filled += rustix::io::retry_on_intr(|| getrandom(&mut *rest, GetRandomFlags::empty()))?;
        }
        Ok(())
    }
}
