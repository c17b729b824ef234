//! Reading many rows, a batch for each crossing of the boundary.
//! A scan opens when its first row is asked for, and shows the table as it was then, whatever is
//! written while it goes on.
//! Invariant: a scan that is dropped before its end is closed at the host.

use crate::codec::row::Reader;
use crate::door::ReadDoor;
use crate::row::Row;
use std::fmt;
use std::marker::PhantomData;

/// An iterator over rows, in the order of a key.
#[must_use = "a scan reads nothing until it is iterated"]
pub struct Scan<T: Row> {
    batch: Vec<u8>,
    offset: usize,
    state: State,
    row: PhantomData<fn() -> T>,
}

/// Keys in key form: from `low` on and before `high`.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) low: Vec<u8>,
    pub(crate) high: Option<Vec<u8>>,
}

enum State {
    Unopened {
        index: u32,
        bounds: Bounds,
        descending: bool,
        limit: u32,
    },
    /// The host has more, under this number.
    Open(u32),
    Finished,
}

impl<T: Row> Scan<T> {
    #[inline]
    pub(crate) fn new(index: u32, bounds: Option<Bounds>) -> Self {
        let state = match bounds {
            Some(bounds) => State::Unopened { index, bounds, descending: false, limit: 0 },
            None => State::Finished,
        };
        Self { batch: Vec::new(), offset: 0, state, row: PhantomData }
    }

    /// The same rows in the opposite order.
    ///
    /// # Panics
    /// If a row has been read.
    pub fn rev(mut self) -> Self {
        match &mut self.state {
            State::Unopened { descending, .. } => *descending = !*descending,
            State::Finished if self.offset == 0 => {}
            State::Open(_) | State::Finished => panic!("a scan is turned round before its first row is read"),
        }
        self
    }

    /// At most this many rows. The host then sends no more than that, where `take` throws away what
    /// came in the same batch.
    ///
    /// # Panics
    /// If a row has been read.
    pub fn limit(mut self, rows: u32) -> Self {
        match &mut self.state {
            State::Unopened { .. } if rows == 0 => self.state = State::Finished,
            State::Unopened { limit, .. } => *limit = if *limit == 0 { rows } else { rows.min(*limit) },
            State::Finished if self.offset == 0 => {}
            State::Open(_) | State::Finished => panic!("a scan is limited before its first row is read"),
        }
        self
    }

    /// Gets the next batch that holds a row; false at the end.
    #[cold]
    fn refill(&mut self) -> bool {
        loop {
            match &self.state {
                State::Finished => return false,
                State::Open(scan) => {
                    if !T::Door::next(*scan, &mut self.batch) {
                        self.state = State::Finished;
                    }
                }
                State::Unopened { index, bounds, descending, limit } => {
                    let Bounds { low, high } = bounds;
                    let scan =
                        T::Door::scan(*index, low, high.as_deref(), *descending, *limit, &mut self.batch);
                    self.state = if scan == 0 { State::Finished } else { State::Open(scan) };
                }
            }
            self.offset = 0;
            if !self.batch.is_empty() {
                return true;
            }
        }
    }
}

impl<T: Row> Iterator for Scan<T> {
    type Item = T;

    // Not inlined, since reading the row is: so the cursor stays in registers, and the code of a row
    // stands here once.
    #[inline(never)]
    fn next(&mut self) -> Option<T> {
        if self.offset == self.batch.len() && !self.refill() {
            return None;
        }
        let mut reader = Reader::new(&self.batch[self.offset..]);
        let row = match reader.length().and_then(|_| T::decode(&mut reader)) {
            Ok(row) => row,
            Err(error) => malformed(T::NAME, &error),
        };
        self.offset += reader.offset();
        Some(row)
    }
}

impl<T: Row> Drop for Scan<T> {
    #[inline]
    fn drop(&mut self) {
        if let State::Open(scan) = self.state {
            T::Door::close(scan);
        }
    }
}

impl<T: Row> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Unopened { .. } => "unopened",
            State::Open(_) => "open",
            State::Finished => "finished",
        };
        f.debug_struct("Scan").field("table", &T::NAME).field("state", &state).finish_non_exhaustive()
    }
}

/// Reads a whole row that the host sent. Not inlined: so the code of a row stands here once.
#[inline(never)]
pub(crate) fn decode<T: Row>(bytes: &[u8]) -> T {
    match T::decode(&mut Reader::new(bytes)) {
        Ok(row) => row,
        Err(error) => malformed(T::NAME, &error),
    }
}

#[cold]
fn malformed(table: &str, error: &dyn fmt::Display) -> ! {
    panic!("a row of the table `{table}` is not what this module's schema says: {error}")
}
