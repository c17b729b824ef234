//! The tables of a schema from outside: their columns, keys, counters and defaults.
//! It asks what the reader asks of a table, without places to point at.
//! Invariant: a table that passes is one that the reader could have returned.

use super::{Checker, InvalidSchema, check_name, invalid};
use crate::limits::{MAX_INDEXES, MAX_KEY_COLUMNS};
use crate::literal;
use crate::read::keys::{is_integer, is_key_type};
use crate::schema::{Interface, Table, TypeKind, Visibility};
use interstice_codec::ValueType;
use std::collections::BTreeSet;

impl<'a> Checker<'a> {
    pub(super) fn table(&mut self, interface: &'a Interface, table: &'a Table) -> Result<(), InvalidSchema> {
        let context = format!("the table `{}`", table.name);
        let record = interface.types.iter().find(|def| def.name == table.name);
        let Some(TypeKind::Record(fields)) = record.map(|def| &def.kind) else {
            return invalid(context, "it has no record");
        };
        let is_same = fields.len() == table.columns.len()
            && fields
                .iter()
                .zip(&table.columns)
                .all(|(field, column)| field.name == column.name && field.ty == column.ty);
        if !is_same {
            return invalid(context, "its columns are not the fields of its record");
        }
        if table.visibility == Visibility::Public && interface.visibility == Visibility::Private {
            return invalid(context, "it is public, and its interface is private");
        }
        check_former_names(&context, table)?;
        let mut types = Vec::new();
        for column in &table.columns {
            self.count(&context, &column.ty)?;
            types.push(self.schema.value_type(&column.ty));
        }
        self.keys(&context, table, &types)?;
        self.counters_and_defaults(&context, table, &types)
    }

    fn keys(&self, context: &str, table: &Table, types: &[ValueType]) -> Result<(), InvalidSchema> {
        if table.primary_key.is_empty() {
            return invalid(context, "it has no primary key");
        }
        for key in table.indexes.iter().map(|index| &index.columns).chain([&table.primary_key]) {
            let distinct: BTreeSet<_> = key.iter().collect();
            if key.is_empty() || distinct.len() != key.len() {
                return invalid(context, "a key is empty or names a column twice");
            }
            for column in key {
                match types.get(column.0 as usize) {
                    None => return invalid(context, format!("it has no column {}", column.0)),
                    Some(ty) if !is_key_type(ty) => {
                        return invalid(context, format!("the column {} cannot be part of a key", column.0));
                    }
                    Some(_) => {}
                }
            }
        }
        for index in &table.indexes {
            let names = index.columns.iter().map(|column| table.columns[column.0 as usize].name.as_str());
            if index.name != names.collect::<Vec<_>>().join("-and-") {
                return invalid(context, format!("the index `{}` is not named by its columns", index.name));
            }
            if index.columns == table.primary_key {
                return invalid(context, format!("the index `{}` repeats the primary key", index.name));
            }
        }
        let is_long = |key: &Vec<_>| key.len() > MAX_KEY_COLUMNS;
        if table.indexes.len() > MAX_INDEXES
            || is_long(&table.primary_key)
            || table.indexes.iter().any(|index| is_long(&index.columns))
        {
            return invalid(context, "it has too many indexes, or a key too many columns");
        }
        match table.indexes.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            Some(pair) => invalid(context, format!("the index `{}` is out of order", pair[1].name)),
            None => Ok(()),
        }
    }

    fn counters_and_defaults(
        &self,
        context: &str,
        table: &Table,
        types: &[ValueType],
    ) -> Result<(), InvalidSchema> {
        let is_unique = |column: u32| {
            let own = [crate::ColumnIndex(column)];
            table.primary_key == own || table.indexes.iter().any(|index| index.unique && index.columns == own)
        };
        let counters: Vec<_> =
            (0..).zip(&table.columns).filter(|(_, column)| column.auto_increment).collect();
        if let [(position, column), rest @ ..] = counters.as_slice()
            && (!rest.is_empty() || !is_unique(*position) || !is_integer(&types[*position as usize]))
        {
            return invalid(context, format!("the column `{}` cannot count", column.name));
        }
        for (position, (column, ty)) in (0..).zip(table.columns.iter().zip(types)) {
            if column.default.is_some() && is_unique(position) {
                return invalid(context, format!("the column `{}` is unique and has a default", column.name));
            }
            if let Some(default) = &column.default
                && literal::canonical(default, ty).as_ref() != Ok(default)
            {
                return invalid(
                    context,
                    format!("the default of `{}` is not a canonical value of its type", column.name),
                );
            }
        }
        Ok(())
    }
}

/// Names that the table and its columns had before.
fn check_former_names(context: &str, table: &Table) -> Result<(), InvalidSchema> {
    let columns = table.columns.iter().map(|column| (&column.name, &column.renamed_from));
    for (name, former) in columns.clone().chain([(&table.name, &table.renamed_from)]) {
        let Some(former) = former else { continue };
        check_name(context, former)?;
        if former == name {
            return invalid(context, format!("`{name}` was `{name}` before"));
        }
    }
    let mut seen = BTreeSet::new();
    match columns.filter_map(|(_, former)| former.as_ref()).find(|former| !seen.insert(*former)) {
        Some(former) => invalid(context, format!("two columns have been `{former}` before")),
        None => Ok(()),
    }
}
