//! Appending many rows to a batch, within the room that it has.
//! While rows fit, the length of the batch is a number at hand instead of one in memory that each row reads
//! and writes again.
//! Invariant: once it is finished, the batch is what [`push_row`](super::push_row) would have made of the rows
//! that were taken.
#![allow(unsafe_code)]

use super::short;
use alloc::vec::Vec;

/// The longest row whose length takes one byte.
const LONGEST: usize = 0x7f;

/// A batch while rows are appended to it. What is not finished is not there.
#[derive(Debug)]
#[must_use = "rows that were appended are there once this is finished"]
pub struct Appending<'a> {
    batch: &'a mut Vec<u8>,
    /// Where the batch begins; all writes go through this.
    start: *mut u8,
    length: usize,
    /// How long the batch may become: no longer than its allocation.
    room: usize,
}

impl<'a> Appending<'a> {
    /// Appends to this batch until it is so many bytes long, or its allocation is full.
    #[inline]
    pub fn new(batch: &'a mut Vec<u8>, most_bytes: usize) -> Self {
        let (start, length, room) = (batch.as_mut_ptr(), batch.len(), batch.capacity().min(most_bytes));
        Self { batch, start, length, room }
    }

    /// Appends a row of ordinary length, if there is room. If not, nothing has changed, and what
    /// [`push_row`](super::push_row) says of it is still to be seen.
    #[inline(always)]
    pub fn push(&mut self, row: &[u8]) -> bool {
        let length = row.len();
        if length > LONGEST || self.room.saturating_sub(self.length) <= length {
            return false;
        }
        // SAFETY: the row and one more byte fit between `length` and the end of the allocation, which is borrowed
        // mutably, so that the row lies elsewhere.
        unsafe {
            let to = self.start.add(self.length);
            to.write(length as u8);
            short::copy(row, to.add(1));
        }
        self.length += 1 + length;
        true
    }

    /// The batch with all that was appended.
    #[inline]
    pub fn finish(self) -> &'a mut Vec<u8> {
        // SAFETY: `push` has written all bytes up to there, within the allocation, which nobody has touched.
        unsafe { self.batch.set_len(self.length) };
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::push_row;
    use super::*;
    use alloc::vec;

    #[test]
    fn a_batch_is_what_single_rows_would_have_made_of_it() {
        for room in 0..200 {
            let (mut batch, mut expected) = (Vec::with_capacity(room), vec![]);
            batch.extend_from_slice(&b"before"[..room.min(6)]);
            expected.extend_from_slice(&batch);
            let mut appending = Appending::new(&mut batch, 190);
            for length in [0, 1, 2, 3, 4, 7, 8, 16, 17, 32, 33, 64, 65, 127, 128, 3, 0] {
                let row: Vec<u8> = (1..=length as u8).collect();
                if appending.push(&row) {
                    push_row(&row, &mut expected);
                } else {
                    assert!(length > 127 || expected.len() + length + 1 > appending.room);
                }
            }
            assert_eq!(*appending.finish(), expected);
            assert!(batch.len() <= batch.capacity().min(190));
        }
    }
}
