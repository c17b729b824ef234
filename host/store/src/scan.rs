//! Reading the rows of a range in their order, in batches.
//! A scan holds no lock between batches, and within one lets go of it now and then; it remembers the last
//! entry that it took and goes on behind it.
//! Invariant: a scan returns the table as it was when the scan was opened.

use crate::{
    Reader, StoreError, TableHandle,
    definition::Shape,
    limits::VISITS_PER_LOCK,
    ordered::{Found, OrderedIndex, Place, Range, Take, Visit, Walked},
    prefetch,
    progress::{Moment, Progress},
    slot::SlotId,
    state::State,
    undo::UndoId,
};
use interstice_codec::row::push_row;
use std::sync::Arc;

/// What to scan.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyRange<'a> {
    /// 0 for the primary key, else a secondary index.
    pub index: u32,
    /// The smallest key of the range, in key form; the beginning of a key stands for all that begin so.
    pub low: &'a [u8],
    /// The smallest key beyond it, or nothing if it has no end.
    pub high: Option<&'a [u8]>,
    /// From the largest key to the smallest.
    pub descending: bool,
    /// How many rows at most; 0 is no limit.
    pub limit: u64,
}

/// An open scan.
pub struct Scan {
    table: TableHandle,
    view: View,
    /// Where the index stands.
    index: usize,
    low: Vec<u8>,
    high: Option<Vec<u8>>,
    descending: bool,
    rows_left: u64,
    place: Place,
    is_over: bool,
}

/// What a scan has appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanBatch {
    /// How many rows it was.
    pub rows: u32,
    /// Whether there are more.
    pub more: bool,
}

/// Whose eyes a scan sees with.
pub(crate) enum View {
    /// A reader's.
    At(Reader),
    /// Those of a transaction, as they were at a moment of it.
    Within { progress: Arc<Progress>, moment: Moment, mark: UndoId },
}

impl Scan {
    pub(crate) fn new(table: &TableHandle, view: View, range: &KeyRange<'_>) -> Result<Self, StoreError> {
        let index = table.0.shape.place(range.index).ok_or_else(|| table.0.no_such_index(range.index))?;
        Ok(Self {
            table: table.clone(),
            view,
            index,
            low: range.low.to_vec(),
            high: range.high.map(<[u8]>::to_vec),
            descending: range.descending,
            rows_left: if range.limit == 0 { u64::MAX } else { range.limit },
            place: Place::default(),
            is_over: false,
        })
    }

    /// Appends the next rows to `out` in batch form, at most `max_bytes` bytes and `max_rows` rows of
    /// them, but at least one row if there is one.
    ///
    /// # Errors
    /// If the reader was cancelled, or the transaction is over or was rolled back to before the scan;
    /// then nothing is appended.
    pub fn next_batch(
        &mut self,
        out: &mut Vec<u8>,
        max_bytes: usize,
        max_rows: usize,
    ) -> Result<ScanBatch, StoreError> {
        let start = out.len();
        let mut rows = 0;
        let table = self.table.clone();
        while !self.is_over {
            let state = table.0.state.read();
            let mark = self.view.mark(&state).inspect_err(|_| out.truncate(start))?;
            let index = state.index(self.index);
            let range = Range { low: &self.low, high: self.high.as_deref(), descending: self.descending };
            let mut filling = Filling {
                shape: &table.0.shape,
                state: &state,
                row_bytes: state.bytes_of_a_row(),
                index,
                mark,
                rows_left: self.rows_left,
                most_rows: self.rows_left.min(max_rows.max(1) as u64),
                most_bytes: start.saturating_add(max_bytes),
                visits: 0,
                is_full: false,
                rows,
                out,
            };
            let walked = index.walk(&state.slots, &range, &mut self.place, &mut filling);
            let is_full = filling.is_full;
            rows = filling.rows;
            self.is_over = walked == Walked::ToTheEnd || is_full && rows == self.rows_left;
            if is_full {
                break;
            }
        }
        self.rows_left -= rows;
        Ok(ScanBatch { rows: rows as u32, more: !self.is_over })
    }
}

/// A batch while it is filled, under the lock of the table.
struct Filling<'a> {
    shape: &'a Shape,
    state: &'a State,
    /// How long the average row is, with what stands before it.
    row_bytes: usize,
    index: &'a OrderedIndex,
    mark: UndoId,
    /// What the scan as a whole may still return.
    rows_left: u64,
    most_rows: u64,
    /// How long `out` may be once there is a row.
    most_bytes: usize,
    visits: usize,
    is_full: bool,
    rows: u64,
    out: &'a mut Vec<u8>,
}

impl Take for &mut Filling<'_> {
    #[inline]
    fn foresee(&mut self, slot: SlotId) {
        prefetch::value(self.state.slots.get(slot));
    }

    #[inline]
    fn announce(&mut self, slot: SlotId) {
        let address = self.state.slots.get(slot).address();
        address.into_iter().for_each(|address| prefetch::from(address, self.row_bytes));
    }

    #[inline]
    fn take(&mut self, found: Found) -> Visit {
        self.visits += 1;
        if self.visits > VISITS_PER_LOCK {
            return Visit::StopBefore;
        }
        if self.rows == self.rows_left {
            self.is_full = true;
            return Visit::StopBefore;
        }
        let Some(row) = self.state.visible_as(self.index, found, self.mark) else { return Visit::Next };
        let shape = self.shape;
        shape.view(row, |row| self.push(row))
    }
}

impl Filling<'_> {
    #[inline]
    fn push(&mut self, row: &[u8]) -> Visit {
        let size = self.out.len() + length_size(row.len()) + row.len();
        if self.rows == self.most_rows || self.rows > 0 && size > self.most_bytes {
            self.is_full = true;
            return Visit::StopBefore;
        }
        push_row(row, self.out);
        self.rows += 1;
        Visit::Next
    }
}

impl View {
    #[inline]
    fn mark(&self, state: &State) -> Result<UndoId, StoreError> {
        match self {
            Self::At(reader) => {
                reader.check()?;
                Ok(state.undo.mark_of(reader.version()))
            }
            Self::Within { progress, moment, mark } => {
                progress.check(*moment, "scan")?;
                Ok(*mark)
            }
        }
    }
}

/// How many bytes the length of a row takes in a batch.
#[inline]
fn length_size(length: usize) -> usize {
    (usize::BITS - (length | 1).leading_zeros()).div_ceil(7) as usize
}
