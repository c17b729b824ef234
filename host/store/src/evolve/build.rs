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

/// Refuses an index in which two rows that are there have the same values, and names such rows.
pub(super) fn check_unique(
    state: &State,
    shape: &Shape,
    name: &str,
    index: &OrderedIndex,
) -> Result<(), StoreError> {
    let (mut last, mut this) = (Keys::default(), Keys::default());
    let (mut rows, mut more) = (Vec::new(), 0);
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
            match rows.len() {
                0..NAMED_PAIRS => rows.push((last.primary.clone(), this.primary.clone())),
                _ => more += 1,
            }
        }
        Visit::Next
    });
    if rows.is_empty() {
        return Ok(());
    }
    Err(StoreError::NotUnique { table: shape.name.clone(), index: name.to_owned(), rows, more })
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
