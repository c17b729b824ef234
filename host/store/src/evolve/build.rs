//! What of an evolution takes longer the more rows there are: indexes, and looking whether they are unique.
//! It reads the table and changes nothing in it.
//! Invariant: an index is built over every slot, dead ones included, as if all had been inserted one by one.

use crate::{
    StoreError,
    auto_increment::{Asked, AutoIncrement},
    definition::Shape,
    keys::RowKeys,
    ordered::{Gathered, OrderedIndex, Place, Range, Visit},
    scratch::with_scratch,
    state::State,
    undo::UndoId,
};

/// How many pairs of rows an error names that keep an index from being unique.
const NAMED_PAIRS: usize = 10;

/// A new index, by its position in the new shape.
pub(super) fn build(
    state: &State,
    shape: &Shape,
    position: usize,
    keys: RowKeys,
    key_limit: usize,
) -> Result<OrderedIndex, StoreError> {
    let mut index = OrderedIndex::new(keys, state.undo.end());
    let mut gathered = Gathered::new(&index, None);
    let key = &shape.indexes[position].key;
    let can_be_long = key.fixed_size().is_none_or(|size| size > key_limit);
    for (id, slot) in state.slots.iter() {
        if can_be_long {
            let found = with_scratch(|bytes| {
                shape.view(slot.row(), |row| key.extract(row, bytes));
                bytes.len()
            });
            if found > key_limit {
                return Err(StoreError::Limit { name: "key", limit: key_limit as u64, found: found as u64 });
            }
        }
        gathered.add(&index, id, slot.row());
    }
    gathered.build(&mut index, &state.slots).expect("nothing is asked to be unique here");
    Ok(index)
}

/// Rows that are there and have the same values in an index.
#[derive(Default)]
pub(super) struct Duplicates {
    /// The values, in key form.
    pub(super) keys: Vec<Box<[u8]>>,
    /// The primary keys of the first pairs of such rows.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many further pairs there are.
    more: u64,
}

impl Duplicates {
    /// Refuses an index that has any, and names such rows.
    pub(super) fn refuse(self, shape: &Shape, name: &str) -> Result<(), StoreError> {
        let Self { rows, more, .. } = self;
        if rows.is_empty() {
            return Ok(());
        }
        Err(StoreError::NotUnique { table: shape.name.clone(), index: name.to_owned(), rows, more })
    }
}

/// Finds the rows that keep an index from being unique, in its order.
pub(super) fn duplicates(state: &State, index: &OrderedIndex) -> Duplicates {
    let (mut last, mut this) = (Keys::default(), Keys::default());
    let mut found_so_far = Duplicates::default();
    let everything = Range { low: &[], high: None, descending: false };
    index.walk(&state.slots, &everything, &mut Place::default(), |found| {
        let Some(row) = state.visible_as(index, found, UndoId::NOW) else { return Visit::Next };
        std::mem::swap(&mut last, &mut this);
        this.values.clear();
        this.primary.clear();
        index.keys.extract(row, &mut this.values);
        state.exact.keys.extract(row, &mut this.primary);
        // An entry is the values and then the primary key.
        this.values.truncate(this.values.len() - this.primary.len());
        if last.values == this.values {
            let Duplicates { keys, rows, more } = &mut found_so_far;
            if keys.last().is_none_or(|key| **key != *this.values) {
                keys.push(this.values.as_slice().into());
            }
            match rows.len() {
                0..NAMED_PAIRS => rows.push((last.primary.clone(), this.primary.clone())),
                _ => *more += 1,
            }
        }
        Visit::Next
    });
    found_so_far
}

/// The keys of a row; those of none are empty, which no row's are.
#[derive(Default)]
struct Keys {
    values: Vec<u8>,
    primary: Vec<u8>,
}

/// The largest number that stands in a column that counts from now on.
pub(super) fn largest_number(state: &State, shape: &Shape, counting: AutoIncrement) -> u64 {
    let live = state.slots.iter().filter_map(|(_, slot)| slot.live_row());
    let numbers = live.map(|row| match shape.view(row, |row| counting.read(&shape.layout, row)) {
        Asked::Number(number) => number,
        Asked::Next | Asked::Negative(_) => 0,
    });
    numbers.max().unwrap_or(0)
}
