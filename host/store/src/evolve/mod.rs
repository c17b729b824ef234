//! A table gets other columns, other indexes or another name, and no row is touched.
//! Rows keep the layout by which they were written and are converted whenever one is read; indexes whose keys stay
//! the same bytes stay, and others are built from the rows while everybody goes on reading.
//! Invariant: whoever holds a handle of an older shape reads at its versions what was there before.

mod build;
mod plan;

use crate::{
    Recording, Store, StoreError, TableDefinition, TableHandle, Version,
    apply::begin,
    keys::RowKeys,
    state::{Hidden, Past, State},
    store::Inner,
    table::Table,
    undo::UndoId,
};
use interstice_codec::row::ColumnSource;
use plan::{Changes, plan};
use std::sync::Arc;

/// What becomes of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Evolution {
    /// What it is made of from now on. The columns of its primary key must be those that it has, as they are and
    /// in their order; an index over the same columns as one before is the same index.
    pub definition: TableDefinition,
    /// Where each of its columns comes from, in their order.
    pub columns: Vec<ColumnSource>,
}

/// What must be known to take an evolution back.
pub(crate) struct Undoing {
    /// Where the table evolved: what was changed later must be taken back first.
    pub(crate) end: UndoId,
    shape: u32,
    exact: RowKeys,
    primary: RowKeys,
    /// The keys of the indexes by their places, as many as there were.
    indexes: Vec<RowKeys>,
    /// The places of the new ones.
    built: Vec<usize>,
    /// How many indexes were hidden.
    hidden: usize,
}

impl Store {
    /// Makes a table evolve as part of this version, which is durable, and from now on the newest: for a replay.
    /// What the version changes in the table comes after that, in the new shape, whose handle this returns.
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply) and of [`Transaction::evolve`](crate::Transaction::evolve), limits apart, and
    /// but that unique values are looked at once all changes of the version are made. Then the table is as it was.
    pub fn evolve(
        &self,
        version: Version,
        table: &TableHandle,
        evolution: &Evolution,
        recording: Recording,
    ) -> Result<TableHandle, StoreError> {
        self.0.own(table)?;
        self.arrive(version, table, recording)?;
        let (new, _) = evolve(table, evolution, version, None, |state, _| {
            if recording == Recording::Undo {
                begin(state, version);
            }
        })?;
        let mut state = new.0.state.write();
        if recording == Recording::Nothing {
            // Nobody reads, and nobody will read what is older.
            state.forget_shapes(version);
        }
        self.0.note_history(&new, &mut state);
        state.report_all(&self.0.memory);
        if !state.unsettled.is_empty() {
            self.0.unsettled.lock().push(new.clone());
        }
        drop(state);
        self.0.replace_table(&new);
        Ok(new)
    }
}

/// Makes a table evolve in this version, within limits if there are any. `before` is called right before it
/// does, with the lock of the table held.
pub(crate) fn evolve(
    table: &TableHandle,
    evolution: &Evolution,
    version: Version,
    limits: Option<&Inner>,
    before: impl FnOnce(&mut State, &TableHandle),
) -> Result<(TableHandle, Undoing), StoreError> {
    // Readers go on while indexes are built, and nothing is purged meanwhile. Nothing is changed either: only one
    // transaction is open, this one.
    let _kept = table.0.state.keep_history();
    let state = table.0.state.read();
    table.0.check_newest(&state)?;
    let (shape, changes) = plan(&table.0.shape, &state, evolution, version, limits)?;
    let (memory, contents) = (Arc::clone(&table.0.memory), Arc::clone(&table.0.state));
    let new = TableHandle(Arc::new(Table { id: table.id(), shape, memory, state: contents }));
    drop(state);
    let mut state = table.0.state.write();
    before(&mut state, &new);
    let undoing = changes.install(&mut state, new.0.shape.number, version);
    // What was unique for a part of the version only need not have settled at its end.
    let is_unique = |place| new.0.shape.indexes.iter().any(|index| index.unique && index.place == place);
    state.unsettled.retain(|(place, ..)| is_unique(*place));
    drop(state);
    Ok((new, undoing))
}

impl Changes {
    fn install(self, state: &mut State, shape: u32, version: Version) -> Undoing {
        let end = state.undo.end();
        let undoing = Undoing {
            end,
            shape: state.shape,
            exact: std::mem::replace(&mut state.exact.keys, self.exact),
            primary: std::mem::replace(&mut state.primary.keys, self.primary),
            indexes: state.indexes.iter().map(|index| index.keys.clone()).collect(),
            built: self.built.iter().map(|(place, _)| *place).collect(),
            hidden: self.hidden.len(),
        };
        for (place, keys) in self.kept {
            state.indexes[place].keys = keys;
        }
        state.hidden.extend(self.hidden.into_iter().map(|place| Hidden { place, until: version }));
        if self.is_new_layout {
            let State { hidden, indexes, .. } = state;
            hidden.iter().for_each(|hidden| indexes[hidden.place].keys.end());
        }
        for (place, index) in self.built {
            match state.indexes.get_mut(place) {
                Some(free) => *free = index,
                None => state.indexes.push(index),
            }
        }
        let live_rows = state.live_rows;
        state.past.push(Past { number: state.shape, until: version, end, live_rows });
        state.shape = shape;
        state.shapes = shape + 1;
        state.counter = self.counter.unwrap_or(state.counter);
        state.unsettled.extend(self.unsettled);
        undoing
    }
}

impl Undoing {
    /// Takes the evolution back. What was changed in the table since is taken back already, and the counter is
    /// set by whoever knows what it was.
    pub(crate) fn undo(self, state: &mut State) {
        assert_eq!(state.undo.end(), self.end, "changes in the new shape are taken back first");
        for place in self.built {
            state.indexes[place].clear();
        }
        state.indexes.truncate(self.indexes.len());
        for (index, keys) in state.indexes.iter_mut().zip(self.indexes) {
            // What nobody needs any more may have been cleared meanwhile.
            if !index.keys.is_over() {
                index.keys = keys;
            }
        }
        state.hidden.truncate(state.hidden.len() - self.hidden);
        state.past.pop();
        state.shape = self.shape;
        state.exact.keys = self.exact;
        state.primary.keys = self.primary;
    }
}
