//! What becomes of stored tables when a new version of a module replaces an old one.
//! It looks at two schemas and never at a row; it pairs tables and columns and says how a row of the old
//! table reads as one of the new.
//! Invariant: a change called automatic needs no code of the module, and loses no value of a column that stays.

pub(crate) mod columns;
pub(crate) mod difference;
pub(crate) mod pairs;
pub(crate) mod step;

pub use difference::shown;
pub use step::Step;

use crate::schema::{ColumnIndex, Interface, Schema, Table, TypeName, Visibility};
use serde::{Deserialize, Serialize};

/// What becomes of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEvolution {
    /// The table in the old version; none if the new one adds it.
    pub old: Option<TypeName>,
    /// The table in the new version; none if that has it no more.
    pub new: Option<TypeName>,
    /// What happens to it.
    pub change: TableChange,
}

/// What happens to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableChange {
    /// Nothing that a row, a reader or an index could notice.
    Unchanged,
    /// It is new, and begins empty.
    Added,
    /// It is gone, and its rows go with it.
    Removed,
    /// Rows are converted when they are read; no row is written.
    Automatic {
        /// Where each column of the new table comes from, in the order of the new table.
        columns: Vec<ColumnSource>,
        /// What is done, for people.
        steps: Vec<Step>,
    },
    /// Only a migration function can do it.
    ByFunction {
        /// Why, a sentence each.
        reasons: Vec<String>,
    },
}

/// Where a column of the new table comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnSource {
    /// The bytes of that column of the old table, as they are.
    Same(ColumnIndex),
    /// The integer in that column of the old table, in the type of the new one, which holds each of its values.
    Widened(ColumnIndex),
    /// `some` of the bytes of that column of the old table.
    MadeOptional(ColumnIndex),
    /// The value of that column of the table in the type that it had before: on the way back to an older version, on
    /// which every value was seen to fit. [`tables`] never gives it.
    Fitted(ColumnIndex),
    /// These bytes, the row codec's encoding of the default, or of `none`.
    Default(Vec<u8>),
}

/// What becomes of each table of the old version and of the new one: those of the new in their order, then those
/// that are gone.
///
/// Tables are paired by `@renamed-from` and by name, in whatever interface they stand; columns in the same way.
/// A `@renamed-from` that the old version has too has done its work, and is passed over.
///
/// # Panics
/// If one of the schemas came from outside and was not validated.
pub fn tables(old: &Schema, new: &Schema) -> Vec<TableEvolution> {
    let pairs = pairs::tables(old, new);
    let name = |interface: &crate::Interface, table: &crate::Table| TypeName {
        interface: interface.name.clone(),
        name: table.name.clone(),
    };
    pairs
        .into_iter()
        .map(|(before, after)| TableEvolution {
            old: before.map(|(interface, table)| name(interface, table)),
            new: after.map(|(interface, table)| name(interface, table)),
            change: match (before, after) {
                (Some(before), Some(after)) => columns::differences(old, before, new, after).change(),
                (None, _) => TableChange::Added,
                (Some(_), None) => TableChange::Removed,
            },
        })
        .collect()
}

/// A name by which a reader knows something of a table, and which means something else by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOn {
    /// Such as `table/account` or `column/account.owner`.
    pub item: String,
    /// How what the reader means is called now; nothing if it is gone.
    pub now: Option<String>,
}

/// The first name of a table, its own or that of a column, which a declared rename has given to something else since
/// the reader was built. `known` is the interface as the reader knows it, `offered` as it is.
///
/// Two columns of one type that change their names with each other have the hashes that they had, so that nothing
/// but their `@renamed-from` tells them apart. What the reader knows as renamed already is what it means.
pub fn passed_on(known: &Interface, offered: &Interface, table: &str) -> Option<PassedOn> {
    let before: Vec<_> = known.tables.iter().map(|table| (known, table)).collect();
    // A reader may know nothing of the private ones, nor that a rename of them is long done.
    let public = offered.tables.iter().filter(|table| table.visibility == Visibility::Public);
    let after: Vec<_> = public.map(|table| (offered, table)).collect();
    let named = |tables: &[pairs::Placed<'_>]| tables.iter().position(|(_, found)| found.name == table);
    let (was, is) = (named(&before)?, named(&after)?);
    let sources = pairs::placed(&before, &after);
    if sources[is] != Some(was) {
        let now = sources.iter().position(|source| *source == Some(was));
        return Some(PassedOn {
            item: format!("table/{table}"),
            now: now.map(|now| after[now].1.name.clone()),
        });
    }
    column_passed_on(before[was].1, after[is].1)
}

/// The same between two versions of one module, private tables and other interfaces included: what a reader cannot
/// know, and its owner can.
pub fn passed_on_between(old: &Schema, new: &Schema, name: &TypeName) -> Option<PassedOn> {
    let is_it =
        |placed: &pairs::Placed<'_>| placed.0.name.name == name.interface.name && placed.1.name == name.name;
    let pairs = pairs::tables(old, new);
    let (_, was) = old.tables().find(is_it)?;
    let (source, (_, is)) =
        pairs.iter().find_map(|(source, now)| now.filter(is_it).map(|now| (source, now)))?;
    if source.as_ref().is_some_and(is_it) {
        return column_passed_on(was, is);
    }
    let now = pairs.iter().find(|(source, _)| source.as_ref().is_some_and(is_it));
    Some(PassedOn {
        item: format!("table/{}", name.name),
        now: now.and_then(|(_, now)| now.map(|(_, table)| table.name.clone())),
    })
}

fn column_passed_on(known: &Table, offered: &Table) -> Option<PassedOn> {
    let sources = pairs::columns(known, offered);
    let is_other = |(was, column): &(usize, &crate::Column)| {
        let is = offered.columns.iter().position(|found| found.name == column.name);
        is.is_some_and(|is| sources[is] != Some(*was))
    };
    let (was, column) = known.columns.iter().enumerate().find(is_other)?;
    let now = sources.iter().position(|source| *source == Some(was));
    Some(PassedOn {
        item: format!("column/{}.{}", known.name, column.name),
        now: now.map(|now| offered.columns[now].name.clone()),
    })
}
