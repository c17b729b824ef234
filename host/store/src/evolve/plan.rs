//! What an evolution does to a table, decided before anything is changed.
//! Keys of the primary key never change; an index stays if its columns are the same bytes as before; what does not
//! stay is built here, beside the table.
//! Invariant: nothing that can be refused is left for later.

use super::{
    Evolution,
    build::{Duplicates, build, duplicates, largest_number},
};
use crate::{
    StoreError, Version,
    definition::Shape,
    keys::RowKeys,
    limits::{TABLE_INDEXES, TABLE_LAYOUTS},
    ordered::OrderedIndex,
    row::LayoutTag,
    state::State,
    store::Inner,
};
use interstice_codec::row::{ColumnSource, Conversion};
use std::sync::Arc;

/// What is to be changed in a table beside its shape.
pub(super) struct Changes {
    pub(super) is_new_layout: bool,
    pub(super) exact: RowKeys,
    pub(super) primary: RowKeys,
    /// The keys of the indexes that stay, by their places.
    pub(super) kept: Vec<(usize, RowKeys)>,
    /// The places of those that the new shape does not have.
    pub(super) hidden: Vec<usize>,
    /// New ones, and the places that they will have.
    pub(super) built: Vec<(usize, OrderedIndex)>,
    /// The counter, if another column counts now, or none does any more.
    pub(super) counter: Option<u64>,
    /// Values that two rows have in a unique index, by its place and its number: what a replay must look at again,
    /// since it knows the changes of a version only as they came out, and the evolution may have come after some.
    pub(super) unsettled: Vec<(usize, u32, Box<[u8]>)>,
}

/// The new shape of a table, and what else is to be changed.
pub(super) fn plan(
    old: &Shape,
    state: &State,
    evolution: &Evolution,
    version: Version,
    limits: Option<&Inner>,
) -> Result<(Shape, Changes), StoreError> {
    let definition = &evolution.definition;
    let conversion = Conversion::new(old.layout.types(), &definition.columns, &evolution.columns)
        .map_err(|source| StoreError::Conversion { table: definition.name.clone(), source })?;
    let (mut shape, entries) = Shape::new(definition)?;
    keep_primary(old, &shape, &conversion)?;
    let is_new_layout = !conversion.is_identity();
    shape.older = older(old, conversion.clone())?;
    shape.tag = LayoutTag(shape.older.len() as u16);
    (shape.number, shape.since) = (state.shapes, version);
    let places = Places::find(old, &mut shape, state, &conversion)?;
    if let Some(limits) = limits.filter(|_| !places.built.is_empty()) {
        limits.check_memory()?;
    }
    let keys_of = |position: usize| {
        let columns = &shape.indexes[position].columns;
        let columns: Vec<_> = columns.iter().chain(&shape.primary_columns).copied().collect();
        RowKeys::over(&entries[position], &columns, &shape.older)
    };
    let kept = places.kept.iter().map(|position| (shape.indexes[*position].place, keys_of(*position)));
    let key_limit = limits.map_or(usize::MAX, |inner| inner.limits.key_bytes);
    let built = places.built.iter().map(|position| {
        let index = build(state, &shape, *position, keys_of(*position), key_limit)?;
        Ok((shape.indexes[*position].place, index))
    });
    let built = built.collect::<Result<Vec<_>, StoreError>>()?;
    let mut unsettled = Vec::new();
    let mut settle = |position: usize, duplicates: Duplicates| {
        if limits.is_some() {
            return duplicates.refuse(&shape, &definition.indexes[position].name);
        }
        let (place, number) = (shape.indexes[position].place, position as u32 + 1);
        unsettled.extend(duplicates.keys.into_iter().map(|key| (place, number, key)));
        Ok(())
    };
    for (position, (_, index)) in places.built.iter().zip(&built) {
        if shape.indexes[*position].unique {
            settle(*position, duplicates(state, index))?;
        }
    }
    for position in places.made_unique {
        settle(position, duplicates(state, &state.indexes[shape.indexes[position].place]))?;
    }
    let primary = RowKeys::over(&shape.primary, &shape.primary_columns, &shape.older);
    let changes = Changes {
        is_new_layout,
        exact: primary.clone(),
        primary,
        kept: kept.collect(),
        hidden: places.hidden,
        built,
        counter: counter(old, &shape, state, evolution),
        unsettled,
    };
    Ok((shape, changes))
}

fn keep_primary(old: &Shape, new: &Shape, conversion: &Conversion) -> Result<(), StoreError> {
    let stays = old.primary_columns.len() == new.primary_columns.len()
        && old
            .primary_columns
            .iter()
            .zip(&new.primary_columns)
            .all(|(old, new)| conversion.same_column(*new) == Some(*old));
    if stays {
        return Ok(());
    }
    let reason = "its primary key would be other columns, or the same in other bytes or another order, and by that \
                  rows are found; fill a new table by a migration function instead";
    Err(StoreError::Definition { table: new.name.clone(), reason: reason.to_owned() })
}

/// How rows of each layout become rows of the new one.
fn older(old: &Shape, conversion: Conversion) -> Result<Vec<Arc<Conversion>>, StoreError> {
    let mut older: Vec<_> = old.older.iter().map(|first| Arc::new(first.then(&conversion))).collect();
    if !conversion.is_identity() {
        older.push(Arc::new(conversion));
    }
    if older.len() < TABLE_LAYOUTS {
        return Ok(older);
    }
    let (limit, found) = (TABLE_LAYOUTS as u64, older.len() as u64 + 1);
    Err(StoreError::Limit { name: "table-layouts", limit, found })
}

/// Which indexes stay, and where the others will stand. Indexes are named by their positions in the new shape.
struct Places {
    kept: Vec<usize>,
    made_unique: Vec<usize>,
    built: Vec<usize>,
    /// The places of those that the new shape does not have.
    hidden: Vec<usize>,
}

impl Places {
    fn find(
        old: &Shape,
        new: &mut Shape,
        state: &State,
        conversion: &Conversion,
    ) -> Result<Self, StoreError> {
        let mut places =
            Self { kept: Vec::new(), made_unique: Vec::new(), built: Vec::new(), hidden: Vec::new() };
        let mut left: Vec<_> = old.indexes.iter().collect();
        let mut free: Vec<_> = (0..TABLE_INDEXES)
            .filter(|place| state.indexes.get(*place).is_none_or(|index| index.keys.is_over()))
            .collect();
        free.reverse();
        for (position, index) in new.indexes.iter_mut().enumerate() {
            let before: Option<Vec<_>> =
                index.columns.iter().map(|column| conversion.same_column(*column)).collect();
            match left.iter().position(|old| before.as_ref() == Some(&old.columns)) {
                Some(found) => {
                    let old = left.remove(found);
                    index.place = old.place;
                    places.kept.push(position);
                    if index.unique && !old.unique {
                        places.made_unique.push(position);
                    }
                }
                None => places.built.push(position),
            }
        }
        for position in &places.built {
            // Places are taken from the lowest on, so that none is left out.
            let (limit, found) = (TABLE_INDEXES as u64, TABLE_INDEXES as u64 + 1);
            let place = free.pop().ok_or(StoreError::Limit { name: "table-indexes", limit, found })?;
            new.indexes[*position].place = place;
        }
        places.hidden = left.iter().map(|old| old.place).collect();
        Ok(places)
    }
}

/// The counter, if another column counts now: the largest number that is in it. Where none does any more it is 0, as in
/// a table that never counted: what it was could not be told from a snapshot.
fn counter(old: &Shape, new: &Shape, state: &State, evolution: &Evolution) -> Option<u64> {
    let Some(counting) = new.auto_increment else { return Some(0) };
    let source = match evolution.columns.get(counting.column()) {
        Some(ColumnSource::Same(source) | ColumnSource::Widened(source) | ColumnSource::Fitted(source)) => {
            Some(*source)
        }
        _ => None,
    };
    let counted = old.auto_increment.map(|counting| counting.column());
    (counted.is_none() || counted != source).then(|| largest_number(state, new, counting))
}
