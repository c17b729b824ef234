//! What an automatic change of a table does, step by step, for people and for plans.
//! Invariant: a step names things by their names in the new version, unless it is about one that is gone.

use crate::schema::{InterfaceName, Visibility};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that an automatic change does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The table has another name.
    Renamed {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
    },
    /// The table stands in another interface.
    Moved {
        /// The interface of the old version.
        from: InterfaceName,
        /// The interface of the new one.
        to: InterfaceName,
    },
    /// A column is new; older rows have its default there, or `none`.
    ColumnAdded(String),
    /// A column is gone, and its values with it.
    ColumnRemoved(String),
    /// A column has another name.
    ColumnRenamed {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
    },
    /// The columns that stayed stand in another order.
    ColumnsReordered,
    /// The integers of a column have a type that holds more.
    ColumnWidened {
        /// The column.
        column: String,
        /// The type that it had.
        from: String,
        /// The type that it has.
        to: String,
    },
    /// A column may be `none`.
    MadeOptional(String),
    /// Types within a column have further cases or flags behind those that they had.
    CasesAdded(String),
    /// An index is built from the rows.
    IndexAdded {
        /// Its name.
        name: String,
        /// Whether rows that repeat a key stop the upgrade.
        unique: bool,
    },
    /// An index is gone.
    IndexRemoved {
        /// Its name.
        name: String,
        /// Whether it kept keys from being repeated.
        unique: bool,
    },
    /// An index has another name, since its columns have.
    IndexRenamed {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
    },
    /// The keys of an index are written anew, since a column of it is wider.
    IndexRebuilt {
        /// Its name.
        name: String,
        /// Whether it keeps keys from being repeated.
        unique: bool,
    },
    /// A column is no longer given the next number.
    CounterRemoved(String),
    /// Another default holds for rows that a later version reads; those that have the old one keep it.
    DefaultChanged(String),
    /// Others may read it now, or no longer.
    VisibilityChanged {
        /// Who could.
        from: Visibility,
        /// Who can.
        to: Visibility,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |unique: &bool| if *unique { "unique index" } else { "index" };
        match self {
            Self::Renamed { from, to } => write!(f, "`{from}` is now named `{to}`"),
            Self::Moved { from, to } => write!(f, "it moves from `{}` to `{}`", from.name, to.name),
            Self::ColumnAdded(column) => write!(f, "the column `{column}` is added"),
            Self::ColumnRemoved(column) => write!(f, "the column `{column}` is removed with its values"),
            Self::ColumnRenamed { from, to } => write!(f, "the column `{from}` is now named `{to}`"),
            Self::ColumnsReordered => f.write_str("the columns stand in another order"),
            Self::ColumnWidened { column, from, to } => {
                write!(f, "the column `{column}` is widened from {from} to {to}")
            }
            Self::MadeOptional(column) => write!(f, "the column `{column}` may be none"),
            Self::CasesAdded(column) => write!(f, "the column `{column}` has further cases"),
            Self::IndexAdded { name, unique } => write!(f, "the {} `{name}` is built", kind(unique)),
            Self::IndexRemoved { name, unique } => write!(f, "the {} `{name}` is removed", kind(unique)),
            Self::IndexRenamed { from, to } => write!(f, "the index `{from}` is now named `{to}`"),
            Self::IndexRebuilt { name, unique } => write!(f, "the {} `{name}` is built anew", kind(unique)),
            Self::CounterRemoved(column) => write!(f, "the column `{column}` no longer counts"),
            Self::DefaultChanged(column) => write!(f, "the default of `{column}` is another"),
            Self::VisibilityChanged { to: Visibility::Public, .. } => f.write_str("it becomes public"),
            Self::VisibilityChanged { to: Visibility::Private, .. } => f.write_str("it becomes private"),
        }
    }
}
