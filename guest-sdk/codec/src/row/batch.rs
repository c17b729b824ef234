//! Many rows in one byte string, as they cross the boundary between guest and host.
//! Each row is its length as a minimal LEB128 number and then its bytes; a batch has no header.
//! Invariant: two batches one after the other are the batch of all their rows.

use super::{Reader, short, write_length};
use crate::DecodeError;
use alloc::vec::Vec;

/// The rows of a batch, one after the other. After an error it ends.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    reader: Reader<'a>,
}

impl<'a> Batch<'a> {
    /// The rows of these bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }

    /// The rows that have not been read, still in batch form.
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.reader.remaining()
    }
}

impl<'a> Iterator for Batch<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.remaining().is_empty() {
            return None;
        }
        let row = self.reader.bytes();
        if row.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(row)
    }
}

/// Appends a row to a batch.
#[inline]
pub fn push_row(row: &[u8], batch: &mut Vec<u8>) {
    write_length(row.len(), batch);
    short::push(row, batch);
}

/// Appends a row to a batch that `write` writes in place, and without its length.
///
/// `write` may only append.
#[inline]
pub fn push_row_with(batch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    // One byte is the length of nearly every row; a longer one is moved up once it is known.
    let start = batch.len();
    batch.push(0);
    write(batch);
    let size = batch.len() - start - 1;
    if size < 0x80 {
        batch[start] = size as u8;
    } else {
        widen_length(batch, start, size);
    }
}

#[cold]
fn widen_length(batch: &mut Vec<u8>, start: usize, size: usize) {
    let mut length = Vec::with_capacity(5);
    write_length(size, &mut length);
    batch.splice(start..=start, length);
}
