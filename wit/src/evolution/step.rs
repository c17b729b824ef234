//! What is different about a table, piece by piece, for people and for plans: the steps that go by themselves,
//! and the obstacles that only a migration function gets over.
//! Invariant: a step names things by their names in the new version, unless it is about one that is gone.

use crate::schema::{InterfaceName, Storage, Visibility};
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
    /// A column has the type of the older version again, which holds every value that there is.
    ColumnFitted {
        /// The column.
        column: String,
        /// The type that it had.
        from: String,
        /// The type that it has.
        to: String,
    },
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
            Self::ColumnFitted { column, from, to } => {
                write!(f, "the column `{column}` is {to} again, and was {from}")
            }
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

/// Something that a conversion of rows cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    ColumnType { column: String, difference: String },
    ColumnWithoutDefault { column: String, former: Option<String> },
    Storage { to: Storage },
    PrimaryKey { from: String, to: String },
    KeyWidened { column: String, from: String, to: String },
    Counter { column: String },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ColumnType { column, difference } => write!(f, "in the column `{column}`: {difference}"),
            Self::ColumnWithoutDefault { column, former: None } => {
                write!(f, "the column `{column}` is new, and neither an option nor given a `@default`")
            }
            Self::ColumnWithoutDefault { column, former: Some(former) } => write!(
                f,
                "the column `{column}` is new without a `@default`: it is said to have been `{former}`, which the old \
                 table does not have"
            ),
            Self::Storage { to: Storage::Logged } => {
                f.write_str("its rows were ephemeral, so that the log does not have them")
            }
            Self::Storage { to: Storage::Ephemeral } => {
                f.write_str("its rows are in the log, where ephemeral rows are not")
            }
            Self::PrimaryKey { from, to } => write!(f, "its primary key was ({from}) and is ({to})"),
            Self::KeyWidened { column, from, to } => write!(
                f,
                "`{column}` is part of the primary key, and keys of {to} are other bytes than keys of {from}"
            ),
            Self::Counter { column } => {
                write!(f, "`{column}` begins to count, and which number is next is not known")
            }
        }
    }
}
