//! The tables of a module: from its schema to the store, and to the names in the log; and from one version of
//! its schema to another.
//! Invariant: what a record says of tables gives the same ones when it is made and when it is replayed.

use crate::catalog::LinkedTable;
use crate::change::{Becomes, HexBytes, Source, TableStep};
use crate::error::Error;
use crate::numbers::Numbers;
use interstice_codec::ValueType;
use interstice_codec::key::KeyLayout;
use interstice_codec::row::{ColumnSource, Layout};
use interstice_log::Definition;
use interstice_store::{
    Evolution, IndexDefinition, Recording, Store, StoreError, StoreLimits, TableDefinition, TableHandle,
    TableId, Transaction, Version,
};
use interstice_wit::text::wave;
use interstice_wit::{ColumnIndex, Schema, Storage, Table, TypeName};
use std::collections::HashMap;
use std::sync::Arc;

/// Makes the tables of a module in the store, all or none. They are numbered from `first` on.
pub(crate) fn make_tables(
    store: &Store,
    first: u32,
    schema: &Schema,
) -> Result<Vec<TableHandle>, StoreError> {
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
    /// How many of them are new.
    pub(crate) made: u32,
    /// Those that go when all is done.
    pub(crate) leaving: Vec<TableHandle>,
}

/// Where tables are made and get other shapes.
pub(crate) trait Reshape {
    /// Makes a table.
    fn create(&mut self, id: TableId, definition: &TableDefinition) -> Result<TableHandle, StoreError>;
    /// Gives a table another shape.
    fn evolve(&mut self, table: &TableHandle, evolution: &Evolution) -> Result<TableHandle, StoreError>;
    /// Has a table count on from where the one counted whose place it takes.
    fn count_on(&mut self, table: &TableHandle, former: &TableHandle) -> Result<(), StoreError>;
}

/// What an abort takes back.
impl Reshape for Transaction {
    fn create(&mut self, id: TableId, definition: &TableDefinition) -> Result<TableHandle, StoreError> {
        self.create_table(id, definition)
    }

    fn evolve(&mut self, table: &TableHandle, evolution: &Evolution) -> Result<TableHandle, StoreError> {
        Transaction::evolve(self, table, evolution)
    }

    fn count_on(&mut self, table: &TableHandle, former: &TableHandle) -> Result<(), StoreError> {
        self.raise_counter(table, former.counter())
    }
}

/// A record that is taken in, with the version that it makes.
pub(crate) struct Replayed<'s>(pub(crate) &'s Store, pub(crate) Version);

impl Reshape for Replayed<'_> {
    fn create(&mut self, id: TableId, definition: &TableDefinition) -> Result<TableHandle, StoreError> {
        self.0.create_table(id, definition)
    }

    fn evolve(&mut self, table: &TableHandle, evolution: &Evolution) -> Result<TableHandle, StoreError> {
        self.0.evolve(self.1, table, evolution, Recording::Nothing)
    }

    /// The record says by itself how far a table counts.
    fn count_on(&mut self, _table: &TableHandle, _former: &TableHandle) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Why tables do not become what they should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvolveError {
    #[error("there is no table {0} before")]
    UnknownTable(String),
    #[error("nothing is said about the table {0}")]
    NoStep(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an upgrade to this version tells of tables that do not become what they should.
pub(crate) fn evolve_error(schema: &Schema, error: EvolveError) -> Error {
    let reason = match error {
        EvolveError::Store(error @ StoreError::NotUnique { .. }) => not_unique(schema, &error),
        EvolveError::Store(error) => return Error::Store(error),
        other => other.to_string(),
    };
    Error::UpgradeRefused { modules: vec![schema.package.unversioned()], reasons: vec![reason] }
}

/// Which rows stand in the way of a unique index, by their primary keys in WAVE.
pub(crate) fn not_unique(schema: &Schema, error: &StoreError) -> String {
    let StoreError::NotUnique { table: name, rows, more, .. } = error else { return error.to_string() };
    let package = schema.package.unversioned();
    let found = schema.tables().find(|(_, table)| format!("{package}/{}", table.name) == *name);
    let key = found.and_then(|(_, table)| {
        let types: Vec<ValueType> =
            table.columns.iter().map(|column| schema.value_type(&column.ty)).collect();
        let places: Vec<usize> = table.primary_key.iter().map(|at| at.0 as usize).collect();
        let layout = KeyLayout::new(&Layout::new(&types), &places).ok()?;
        Some((layout, places.into_iter().map(|at| types[at].clone()).collect::<Vec<_>>()))
    });
    let text = |bytes: &[u8]| {
        let values = key.as_ref().and_then(|(layout, types)| Some((layout.decode(bytes).ok()?, types)));
        values.map_or_else(
            || "?".to_owned(),
            |(values, types)| {
                let values = values.iter().zip(types).map(|(value, ty)| wave::print(value, ty));
                values.collect::<Vec<_>>().join(", ")
            },
        )
    };
    let pairs = rows.iter().map(|(left, right)| format!("{} and {}", text(left), text(right)));
    let rest = if *more > 0 { format!("; and {more} more") } else { String::new() };
    format!(
        "{error}: the rows {}{rest}; change or delete one of each first",
        pairs.collect::<Vec<_>>().join("; ")
    )
}

/// Takes the tables of a module to the next version of it. New ones are numbered from `first` on. Without a schema
/// the module is uninstalled.
pub(crate) fn evolve_tables(
    reshape: &mut dyn Reshape,
    steps: &[TableStep],
    before: &HashMap<String, TableHandle>,
    schema: Option<&Schema>,
    first: u32,
) -> Result<Evolved, EvolveError> {
    let of_old =
        |name: &String| before.get(name).cloned().ok_or_else(|| EvolveError::UnknownTable(name.clone()));
    let mut evolved = Evolved::default();
    let all = schema.into_iter().flat_map(|schema| schema.tables().map(move |found| (schema, found)));
    for (schema, (interface, table)) in all {
        let name = local_name(&interface.name.name, &table.name);
        let step = steps.iter().find(|step| step.table == name && step.becomes != Becomes::Removed);
        let step = step.ok_or_else(|| EvolveError::NoStep(name.clone()))?;
        let was = step.was.as_ref().unwrap_or(&name);
        let definition = table_definition(schema, table);
        let handle = match &step.becomes {
            Becomes::Kept => of_old(was)?,
            Becomes::Converted(sources) => {
                let columns = sources.iter().map(row_source).collect();
                reshape.evolve(&of_old(was)?, &Evolution { definition, columns })?
            }
            Becomes::Added | Becomes::Filled => {
                let id = TableId(first + evolved.made);
                evolved.made += 1;
                let table = reshape.create(id, &definition)?;
                if step.becomes == Becomes::Filled {
                    let former = of_old(was)?;
                    // A number that was given out is not given out again, whatever a migration copies.
                    reshape.count_on(&table, &former)?;
                    evolved.leaving.push(former);
                }
                table
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
    Ok(evolved)
}

fn row_source(source: &Source) -> ColumnSource {
    match source {
        Source::Same(column) => ColumnSource::Same(*column as usize),
        Source::Widened(column) => ColumnSource::Widened(*column as usize),
        Source::MadeOptional(column) => ColumnSource::MadeOptional(*column as usize),
        Source::Fitted(column) => ColumnSource::Fitted(*column as usize),
        Source::Default(HexBytes(bytes)) => ColumnSource::Default(bytes.clone()),
    }
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
