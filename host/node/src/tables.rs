//! The tables of a module: from its schema to the store, and to the names in the log.
//! Numbers of tables go on where the catalog ends, so that replaying the log gives the same ones.

use crate::catalog::{Catalog, LinkedTable};
use crate::error::Error;
use crate::numbers::Numbers;
use interstice_log::Definition;
use interstice_store::{IndexDefinition, Store, TableDefinition, TableHandle, TableId};
use interstice_wit::{ColumnIndex, Schema, Storage, Table, TypeName};
use std::sync::Arc;

/// Makes the tables of a module in the store, all or none.
pub(crate) fn make_tables(
    store: &Store,
    catalog: &Catalog,
    schema: &Schema,
) -> Result<Vec<TableHandle>, Error> {
    let mut made = Vec::new();
    for (position, (_, table)) in schema.tables().enumerate() {
        let id = TableId((catalog.tables.len() + position) as u32);
        match store.create_table(id, &table_definition(schema, table)) {
            Ok(handle) => made.push(handle),
            Err(error) => {
                drop_tables(store, &made);
                return Err(Error::Store(error));
            }
        }
    }
    Ok(made)
}

/// Takes tables out of the store again.
pub(crate) fn drop_tables(store: &Store, tables: &[TableHandle]) {
    for table in tables {
        store.drop_table(table.id());
    }
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
            let name = format!("{}.{}", interface.name.name, table.name);
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
