//! Tables that a transaction makes, changes or drops.
//! Others see it when the transaction commits, as they see its rows; what is taken back is taken back in the
//! opposite order, rows that were changed in between included.
//! Invariant: after an abort every table is there, has the shape that it had, and no other is.

use super::Transaction;
use crate::{
    Evolution, StoreError, TableDefinition, TableHandle, TableId,
    evolve::{Undoing, evolve},
    limits::ROWS_PER_LOCK,
};

/// One change of the tables that there are.
pub(super) enum SchemaChange {
    Created(TableHandle),
    Evolved { old: TableHandle, new: TableHandle, undoing: Box<Undoing> },
    Dropped(TableHandle),
}

impl Transaction {
    /// Makes a table, which is there if the transaction commits.
    ///
    /// # Errors
    /// If there is one of this number, or the definition is not sound.
    pub fn create_table(
        &mut self,
        id: TableId,
        definition: &TableDefinition,
    ) -> Result<TableHandle, StoreError> {
        let table = self.store.create_table(id, definition, self.version)?;
        self.height += 1;
        self.schema.push(SchemaChange::Created(table.clone()));
        Ok(table)
    }

    /// Gives a table other columns, indexes or another name, without touching a row, and returns its new handle.
    /// From now on it is written by that; the old handle reads what was there until now, in this transaction and
    /// at the versions before it.
    ///
    /// It takes the longer the more rows there are only for indexes that must be built, or that become unique.
    ///
    /// # Errors
    /// If the evolution is not sound, or the primary key would change; if a unique index does not fit the rows
    /// ([`StoreError::NotUnique`] names some); if the handle is not of the newest shape. Then nothing is done.
    pub fn evolve(&mut self, table: &TableHandle, evolution: &Evolution) -> Result<TableHandle, StoreError> {
        self.store.own(table)?;
        let store = std::sync::Arc::clone(&self.store);
        let version = self.version;
        let (new, undoing) = evolve(table, evolution, version, Some(&store), |state, new| {
            if state.undo.newest_mark().is_none_or(|mark| mark.version != version) {
                self.touch(new, state);
            }
        })?;
        new.0.state.write().report_all(&store.memory);
        self.replace_touched(&new);
        self.height += 1;
        self.schema.push(SchemaChange::Evolved {
            old: table.clone(),
            new: new.clone(),
            undoing: Box::new(undoing),
        });
        Ok(new)
    }

    /// Drops a table. It can be read until the transaction commits, and at older versions after that; what the
    /// transaction changes in it is not among its changes.
    ///
    /// # Errors
    /// If it is of another store.
    pub fn drop_table(&mut self, table: &TableHandle) -> Result<(), StoreError> {
        self.store.own(table)?;
        self.height += 1;
        self.schema.push(SchemaChange::Dropped(table.clone()));
        Ok(())
    }

    /// Whether the transaction drops a table.
    pub(super) fn drops(&self, table: &TableHandle) -> bool {
        self.schema.iter().any(|change| match change {
            SchemaChange::Dropped(dropped) => dropped.id() == table.id(),
            SchemaChange::Created(_) | SchemaChange::Evolved { .. } => false,
        })
    }

    /// How many changes of tables there were.
    pub(super) fn schema_changes(&self) -> usize {
        self.schema.len()
    }

    /// Makes the changes of tables known.
    pub(super) fn publish_schema(&mut self) {
        for change in std::mem::take(&mut self.schema) {
            match change {
                SchemaChange::Created(_) => {}
                SchemaChange::Evolved { new, .. } => self.store.replace_table(&new),
                SchemaChange::Dropped(table) => drop(self.store.drop_table(table.id())),
            }
        }
    }

    /// Takes back all changes of tables but so many, and the rows that were changed after each of them in its
    /// table.
    pub(super) fn take_back_schema(&mut self, kept: usize) {
        while self.schema.len() > kept {
            match self.schema.pop() {
                Some(SchemaChange::Created(table)) => {
                    self.touched.retain(|touched| touched.id() != table.id());
                    self.store.drop_table(table.id());
                }
                Some(SchemaChange::Evolved { old, new, undoing }) => {
                    while new.0.state.write().roll_back(undoing.end, ROWS_PER_LOCK) {}
                    let mut state = new.0.state.write();
                    undoing.undo(&mut state);
                    state.report_all(&self.store.memory);
                    drop(state);
                    self.replace_touched(&old);
                }
                Some(SchemaChange::Dropped(_)) | None => {}
            }
        }
    }

    fn replace_touched(&mut self, table: &TableHandle) {
        self.touched
            .iter_mut()
            .filter(|touched| touched.id() == table.id())
            .for_each(|touched| *touched = table.clone());
    }
}
