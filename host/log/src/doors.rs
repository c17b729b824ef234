//! The doors through which the log reaches the world: disk, clock, randomness and threads.
//! The log touches none of these by itself, so that the simulator can stand in for all four.
//! Invariant: every trait here is object-safe and says what a crash may take back.

use std::io;
use std::sync::Arc;

/// The four doors together.
#[derive(Clone)]
pub struct Doors {
    /// The data directory.
    pub disk: Arc<dyn Disk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Threads and the signals between them.
    pub threads: Arc<dyn Threads>,
}

/// A data directory. Paths are relative to it and use `/`.
///
/// A full disk shows as [`io::ErrorKind::StorageFull`], a missing file as
/// [`io::ErrorKind::NotFound`]. Creations, renames and removals survive a crash only once
/// [`Disk::sync_directory`] has returned for their directory; until then each may be lost or kept.
pub trait Disk: Send + Sync {
    /// Makes an empty file in place of whatever has this name.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that exists.
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// The names in a directory (`""` is the data directory itself), sorted.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;
    /// Makes a directory, and its parents, unless they exist.
    fn create_directory(&self, directory: &str) -> io::Result<()>;
    /// Gives a file another name in one step, in place of whatever had that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a directory survive a crash.
    fn sync_directory(&self, directory: &str) -> io::Result<()>;
    /// Takes the lock of the data directory until the returned guard is dropped.
    fn lock(&self, path: &str, kind: LockKind) -> io::Result<LockOutcome>;
    /// How messages name this path.
    fn locate(&self, path: &str) -> String;
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads into `buffer` from `offset` on; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`. A crash may keep or lose every sector of it apart.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes the contents and the length survive a crash. After an error nobody knows what did.
    fn sync(&self) -> io::Result<()>;
    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Cuts the file off at `length`.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Lets go of what is held of the file in memory, so that it is read from the medium again. A hint
    /// that changes no result; of use after [`DiskFile::sync`].
    fn forget_cached(&self) {}
    /// Makes the file `length` bytes long and reserves their space; new bytes read as zero.
    fn allocate(&self, length: u64) -> io::Result<()>;
}

/// How the data directory is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Alone, to write.
    Exclusive,
    /// Beside other readers.
    Shared,
}

/// What came of asking for the lock.
pub enum LockOutcome {
    /// The lock is held until this is dropped. There is nothing to guard where a directory that is
    /// only read has no lock file.
    Taken(Box<dyn Send + Sync>),
    /// Another process holds it; the text that it left in the lock file.
    Held(String),
}

/// The time.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01 UTC. May jump either way.
    fn now_micros(&self) -> u64;
    /// Microseconds since some moment. Never goes back.
    fn monotonic_micros(&self) -> u64;
}

/// Randomness that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()>;
}

/// What a worker did in one step, and so what its thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It did something and may have more to do.
    Worked,
    /// It has nothing to do until its signal is notified or this moment of the monotonic clock.
    Idle {
        /// In microseconds of [`Clock::monotonic_micros`].
        until_micros: Option<u64>,
    },
    /// It is never stepped again.
    Finished,
}

/// Work that goes on beside the caller's, cut into steps. A thread loops over them; the simulator
/// picks whose step is next.
pub trait Worker: Send {
    /// Does a piece of work. A notification of the worker's signal that arrives during a step
    /// leads to another step.
    fn step(&mut self) -> Step;

    /// Whether calls go before it where there are fewer processors than threads that want one. It should hold no
    /// lock for which a call may wait; the one of the manifest is held for as long as publishing it takes.
    fn is_background(&self) -> bool {
        false
    }
}

/// A worker whose only step is this.
pub fn once(work: impl FnOnce() + Send + 'static) -> Box<dyn Worker> {
    struct Once<F>(Option<F>);
    impl<F: FnOnce() + Send> Worker for Once<F> {
        fn step(&mut self) -> Step {
            if let Some(work) = self.0.take() {
                work();
            }
            Step::Finished
        }
    }
    Box::new(Once(Some(work)))
}

/// Threads, and signals between them.
pub trait Threads: Send + Sync {
    /// Starts a worker on a thread of its own with this much stack. While it is idle it sleeps
    /// until `wake` is notified.
    fn spawn(
        &self,
        name: &str,
        stack_bytes: usize,
        wake: Arc<dyn Signal>,
        worker: Box<dyn Worker>,
    ) -> io::Result<()>;
    /// A new signal.
    fn signal(&self) -> Arc<dyn Signal>;
}

/// A meeting point: some wait until a condition holds, others notify when it may have changed.
pub trait Signal: Send + Sync {
    /// Lets everyone who waits look at their condition again. The change that they look for must be
    /// visible before this is called.
    fn notify(&self);
    /// How often this was notified. Read before a condition is looked at, it makes sure that no
    /// notification after the look is missed.
    fn count(&self) -> u64;
    /// Waits until this was notified more often than `count` (true), or until the deadline
    /// (false), in microseconds of [`Clock::monotonic_micros`].
    fn wait_past(&self, count: u64, deadline_micros: Option<u64>) -> bool;

    /// Waits until the condition holds (true), or until the deadline (false). The condition may
    /// take locks that notifiers hold.
    fn wait_until(&self, deadline_micros: Option<u64>, condition: &mut dyn FnMut() -> bool) -> bool {
        loop {
            let count = self.count();
            if condition() {
                return true;
            }
            if !self.wait_past(count, deadline_micros) {
                return condition();
            }
        }
    }
}
