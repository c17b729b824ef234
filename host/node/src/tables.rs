//! The tables of a module: from its schema to the store, and to the names in the log; and from one version of
//! its schema to another.
//! Invariant: what was begun here and fails, or is taken back, leaves the store as it was.

use crate::catalog::LinkedTable;
use crate::change::{Becomes, Source, TableStep};
use crate::error::Error;
use crate::numbers::Numbers;
use interstice_log::Definition;
use interstice_store::{
    IndexDefinition, Store, StoreError, StoreLimits, TableDefinition, TableHandle, TableId,
};
use interstice_wit::{ColumnIndex, Schema, Storage, Table, TypeName};
use std::collections::HashMap;
use std::sync::Arc;

/// Makes the tables of a module in the store, all or none. They are numbered from `first` on.
pub(crate) fn make_tables(store: &Store, first: u32, schema: &Schema) -> Result<Vec<TableHandle>, StoreError> {
    let mut made = Vec::new();
    for (position, (_, table)) in schema.tables().enumerate() {
        let id = TableId(first + position as u32);
        match store.create_table(id, &table_definition(schema, table)) {
            Ok(handle) => made.push(handle),
            Err(error) => {
                drop_tables(store, &made);
                return Err(error);
            }
        }
    }
    Ok(made)
}

/// The tables of a module on their way from one version to the next.
#[derive(Default)]
pub(crate) struct Evolved {
    /// Those of the new version, in the order of its schema; or those that are kept without a module.
    pub(crate) tables: Vec<TableHandle>,
    /// Those that are new.
    pub(crate) made: Vec<TableHandle>,
    /// Those that are read in another shape from here on, as they were.
    pub(crate) converted: Vec<TableHandle>,
    /// Those that go when all is done.
    pub(crate) leaving: Vec<TableHandle>,
}

/// Why tables do not become what they should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvolveError {
    #[error("there is no table {0} before")]
    UnknownTable(String),
    #[error("nothing is said about the table {0}")]
    NoStep(String),
    #[error("what is said about the table {0} does not fit its columns")]
    Columns(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an upgrade to this version tells of tables that do not become what they should.
pub(crate) fn evolve_error(schema: &Schema, error: EvolveError) -> Error {
    match error {
        EvolveError::Store(error) => Error::Store(error),
        other => Error::UpgradeRefused {
            modules: vec![schema.package.unversioned()],
            reasons: vec![other.to_string()],
        },
    }
}

/// Takes the tables of a module to the next version of it, all or none. New ones are numbered from `first` on.
/// Without a schema the module is uninstalled.
pub(crate) fn evolve_tables(
    store: &Store,
    steps: &[TableStep],
    before: &HashMap<String, TableHandle>,
    schema: Option<&Schema>,
    first: u32,
) -> Result<Evolved, EvolveError> {
    let mut evolved = Evolved::default();
    let done = evolve_each(store, steps, before, schema, first, &mut evolved);
    match done {
        Ok(()) => Ok(evolved),
        Err(error) => {
            revert_tables(store, &evolved);
            Err(error)
        }
    }
}

fn evolve_each(
    store: &Store,
    steps: &[TableStep],
    before: &HashMap<String, TableHandle>,
    schema: Option<&Schema>,
    first: u32,
    evolved: &mut Evolved,
) -> Result<(), EvolveError> {
    let of_old = |name: &String| {
        before.get(name).cloned().ok_or_else(|| EvolveError::UnknownTable(name.clone()))
    };
    let mut next = first;
    let mut new = |evolved: &mut Evolved, schema, table| {
        let handle = store.create_table(TableId(next), &table_definition(schema, table))?;
        next += 1;
        evolved.made.push(handle.clone());
        Ok::<_, EvolveError>(handle)
    };
    for (schema, (interface, table)) in schema.into_iter().flat_map(|schema| {
        schema.tables().map(move |found| (schema, found))
    }) {
        let name = local_name(&interface.name.name, &table.name);
        let step = steps.iter().find(|step| step.table == name && step.becomes != Becomes::Removed);
        let step = step.ok_or_else(|| EvolveError::NoStep(name.clone()))?;
        let was = step.was.as_ref().unwrap_or(&name);
        let handle = match &step.becomes {
            Becomes::Kept => of_old(was)?,
            Becomes::Converted(sources) => {
                let old = of_old(was)?;
                if sources.len() != table.columns.len() {
                    return Err(EvolveError::Columns(name));
                }
                let handle = convert_table(store, &old, &table_definition(schema, table), sources)?;
                evolved.converted.push(old);
                handle
            }
            Becomes::Added => new(evolved, schema, table)?,
            Becomes::Filled => {
                evolved.leaving.push(of_old(was)?);
                new(evolved, schema, table)?
            }
            Becomes::Removed => unreachable!("a step that removes was passed over"),
        };
        evolved.tables.push(handle);
    }
    for step in steps {
        match step.becomes {
            Becomes::Removed => evolved.leaving.push(of_old(&step.table)?),
            Becomes::Kept if schema.is_none() => evolved.tables.push(of_old(&step.table)?),
            _ => {}
        }
    }
    Ok(())
}

/// Takes back what [`evolve_tables`] did.
pub(crate) fn revert_tables(store: &Store, evolved: &Evolved) {
    for old in &evolved.converted {
        revert_table(store, old);
    }
    drop_tables(store, &evolved.made);
}

fn convert_table(
    _store: &Store,
    _old: &TableHandle,
    _definition: &TableDefinition,
    _sources: &[Source],
) -> Result<TableHandle, StoreError> {
    todo!("branch shapes")
}

fn revert_table(_store: &Store, _old: &TableHandle) {
    todo!("branch shapes")
}

/// How the log names a table or a function: `tables.account`.
pub(crate) fn local_name(interface: &str, name: &str) -> String {
    format!("{interface}.{name}")
}

/// Takes tables out of the store again.
pub(crate) fn drop_tables(store: &Store, tables: &[TableHandle]) {
    for table in tables {
        store.drop_table(table.id());
    }
}

/// How migration functions find a table of the version before: `acme:bank/tables.account`.
pub(crate) fn former_name(package: &str, local_name: &str) -> String {
    format!("{package}/{local_name}")
}

/// What stands for the tables of an older version of a module itself, which are found when a migration function
/// reads them. They are tables of no store.
pub(crate) fn former_tables(
    numbers: &dyn Numbers,
    schema: &Schema,
) -> Result<Vec<(TypeName, Arc<LinkedTable>)>, Error> {
    let nowhere = Store::new(StoreLimits::default(), 0);
    let mut found = Vec::new();
    for import in schema.former_imports() {
        for table in schema.interface(import).into_iter().flat_map(|interface| &interface.tables) {
            let package = import.package.unversioned();
            let name = local_name(&import.name, &table.name);
            let mut definition = table_definition(schema, table);
            definition.name = former_name(&package, &name);
            // Far from the numbers that tables of the catalog have.
            let id = TableId(u32::MAX - found.len() as u32);
            let handle = nowhere.create_table(id, &definition).map_err(Error::Store)?;
            let linked = LinkedTable {
                id,
                handle,
                definition: numbers.define(Definition::Table { package: package.clone(), name })?,
                name: table.name.clone(),
                full_name: format!("{}/{}", import.package, table.name).into(),
                ephemeral: table.storage == Storage::Ephemeral,
            };
            found.push((TypeName { interface: import.clone(), name: table.name.clone() }, Arc::new(linked)));
        }
    }
    Ok(found)
}

/// The tables of a module as the catalog has them; the handles stand in the order of the schema.
pub(crate) fn link_tables(
    numbers: &dyn Numbers,
    schema: &Schema,
    handles: &[TableHandle],
) -> Result<Vec<(TypeName, Arc<LinkedTable>)>, Error> {
    let package = schema.package.unversioned();
    schema
        .tables()
        .zip(handles)
        .map(|((interface, table), handle)| {
            let name = local_name(&interface.name.name, &table.name);
            let definition = numbers.define(Definition::Table { package: package.clone(), name })?;
            let linked = LinkedTable {
                id: handle.id(),
                handle: handle.clone(),
                definition,
                name: table.name.clone(),
                full_name: format!("{package}/{}", table.name).into(),
                ephemeral: table.storage == Storage::Ephemeral,
            };
            let record = TypeName { interface: interface.name.clone(), name: table.name.clone() };
            Ok((record, Arc::new(linked)))
        })
        .collect()
}

/// A table as the store wants it.
pub(crate) fn table_definition(schema: &Schema, table: &Table) -> TableDefinition {
    let positions =
        |columns: &[ColumnIndex]| columns.iter().map(|column| column.0 as usize).collect::<Vec<_>>();
    TableDefinition {
        name: format!("{}/{}", schema.package.unversioned(), table.name),
        columns: table.columns.iter().map(|column| schema.value_type(&column.ty)).collect(),
        primary_key: positions(&table.primary_key),
        auto_increment: table.columns.iter().position(|column| column.auto_increment),
        indexes: table
            .indexes
            .iter()
            .map(|index| IndexDefinition {
                name: index.name.clone(),
                columns: positions(&index.columns),
                unique: index.unique,
            })
            .collect(),
    }
}
