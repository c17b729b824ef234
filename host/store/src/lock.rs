//! The lock of a table. But for who builds an index, whoever holds it lets go after some ten microseconds, so those
//! who want it look again for longer than that before they sleep; and they do not yield, which would give the
//! processor to others for a whole turn of milliseconds. Nobody is handed the lock while asleep, for then it would
//! be taken until a processor is free; readers let waiting writers go first instead.
//! Invariant: a thread that does not run has the lock only if it was interrupted while it worked.

use parking_lot::{Mutex, MutexGuard};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{Duration, Instant};

/// For how long a thread looks before it sleeps: some times as long as the lock is held, and as it takes to wake up.
const LOOKS_FOR: Duration = Duration::from_micros(100);

/// The pauses of the processor between two looks.
const PAUSES: u32 = 8;

/// A value that many read and one writes at a time.
pub(crate) struct Lock<T> {
    contents: RwLock<T>,
    /// How many wait to write.
    writers: AtomicU32,
    /// Held by whoever must find the contents again as they were, though others read meanwhile.
    history: Mutex<()>,
}

impl<T> Lock<T> {
    pub(crate) fn new(contents: T) -> Self {
        Self { contents: RwLock::new(contents), writers: AtomicU32::new(0), history: Mutex::new(()) }
    }

    /// To read. That somebody panicked who wrote is not for the lock to judge: transactions are rolled back.
    #[inline]
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        if self.writers.load(Ordering::Relaxed) == 0
            && let Some(contents) = free(self.contents.try_read())
        {
            return contents;
        }
        self.read_later()
    }

    /// To write.
    #[inline]
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.try_write().unwrap_or_else(|| self.write_later())
    }

    /// To write, if nobody holds it now.
    #[inline]
    pub(crate) fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        free(self.contents.try_write())
    }

    /// The contents of a lock that nobody else can reach.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.contents.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps old versions from being purged.
    pub(crate) fn keep_history(&self) -> MutexGuard<'_, ()> {
        self.history.lock()
    }

    /// The same for whoever purges them, unless they are kept.
    pub(crate) fn try_history(&self) -> Option<MutexGuard<'_, ()>> {
        self.history.try_lock()
    }

    #[cold]
    fn read_later(&self) -> RwLockReadGuard<'_, T> {
        // A writer that needs longer than this has no processor; who reads need not wait for that.
        look(|| (self.writers.load(Ordering::Relaxed) == 0).then_some(()));
        look(|| free(self.contents.try_read()))
            .unwrap_or_else(|| self.contents.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[cold]
    fn write_later(&self) -> RwLockWriteGuard<'_, T> {
        self.writers.fetch_add(1, Ordering::Relaxed);
        let contents = look(|| self.try_write())
            .unwrap_or_else(|| self.contents.write().unwrap_or_else(PoisonError::into_inner));
        self.writers.fetch_sub(1, Ordering::Relaxed);
        contents
    }
}

/// What a lock has given, if it was free.
#[inline]
fn free<G>(locked: Result<G, TryLockError<G>>) -> Option<G> {
    match locked {
        Ok(contents) => Some(contents),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Looks until there is something, for a while.
fn look<T>(mut find: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = find() {
            return Some(found);
        }
        if begun.elapsed() >= LOOKS_FOR {
            return None;
        }
        (0..PAUSES).for_each(|_| spin_loop());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn no_write_is_lost_and_no_reader_sees_half_of_one() {
        const WRITES: u64 = 20_000;
        let lock = Lock::new((0_u64, 0_u64));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..WRITES {
                        let mut both = lock.write();
                        both.0 += 1;
                        both.1 += 1;
                    }
                });
            }
            scope.spawn(|| {
                while lock.read().0 < 3 * WRITES {
                    let both = lock.read();
                    assert_eq!(both.0, both.1);
                }
            });
        });
        assert_eq!(*lock.read(), (3 * WRITES, 3 * WRITES));
        assert_eq!(lock.writers.load(Ordering::Relaxed), 0);
    }

    /// A writer that slept found the lock taken again by the same readers whenever it was awake.
    #[test]
    fn a_writer_comes_in_between_readers_who_hardly_let_go() {
        let lock = Lock::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let is_over = lock.read();
                        look(|| is_over.then_some(()));
                        if *is_over {
                            return;
                        }
                    }
                });
            }
            *lock.write() = true;
        });
        assert!(*lock.read());
    }

    #[test]
    fn a_panic_while_writing_leaves_the_lock_usable() {
        let lock = Lock::new(1);
        let panicked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _held = lock.write();
                    panic!("an operation found a fault");
                })
                .join()
        });
        assert!(panicked.is_err());
        *lock.write() += 1;
        assert_eq!(lock.try_write().map(|value| *value), Some(2));
        assert_eq!(*lock.read(), 2);
    }
}
