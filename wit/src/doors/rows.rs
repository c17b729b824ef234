//! The functions of the row door, which are the same for every table.
//! Rows travel in row form, keys in key form, several rows in batch form.
//! Invariant: a function that changes a table is one of those that [`RowFunction::is_write`] names.

use interstice_codec::ValueType;

use super::violation_type;

/// A function of a row door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowFunction {
    /// The row with this primary key.
    Get,
    /// The row with this key of a unique index.
    Find,
    /// The rows between two keys of an index; the first batch, and a scan to go on with.
    Scan,
    /// The next batch of a scan.
    Next,
    /// The end of a scan that was not read to its end.
    Close,
    /// How many rows there are.
    Count,
    /// Adds a row.
    Insert,
    /// Adds rows, all or none.
    InsertMany,
    /// Replaces the row with the same primary key.
    Update,
    /// Adds a row, or replaces the one with the same primary key.
    Upsert,
    /// Removes the row with this primary key.
    Delete,
    /// Removes the rows between two keys of an index.
    DeleteRange,
}

impl RowFunction {
    /// All of them, in the order in which they are printed.
    pub const ALL: [RowFunction; 12] = [
        RowFunction::Get,
        RowFunction::Find,
        RowFunction::Scan,
        RowFunction::Next,
        RowFunction::Close,
        RowFunction::Count,
        RowFunction::Insert,
        RowFunction::InsertMany,
        RowFunction::Update,
        RowFunction::Upsert,
        RowFunction::Delete,
        RowFunction::DeleteRange,
    ];

    /// Its name in WIT.
    pub fn name(self) -> &'static str {
        match self {
            RowFunction::Get => "get",
            RowFunction::Find => "find",
            RowFunction::Scan => "scan",
            RowFunction::Next => "next",
            RowFunction::Close => "close",
            RowFunction::Count => "count",
            RowFunction::Insert => "insert",
            RowFunction::InsertMany => "insert-many",
            RowFunction::Update => "update",
            RowFunction::Upsert => "upsert",
            RowFunction::Delete => "delete",
            RowFunction::DeleteRange => "delete-range",
        }
    }

    /// The function of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        RowFunction::ALL.into_iter().find(|function| function.name() == name)
    }

    /// Whether it changes the table, so that only the owner's linker has it.
    pub fn is_write(self) -> bool {
        use RowFunction::{Delete, DeleteRange, Insert, InsertMany, Update, Upsert};
        matches!(self, Insert | InsertMany | Update | Upsert | Delete | DeleteRange)
    }

    /// Its parameters.
    pub fn params(self) -> Vec<(&'static str, ValueType)> {
        let range = || vec![("low", bytes()), ("high", ValueType::Option(Box::new(bytes())))];
        let with_index = |mut rest: Vec<(&'static str, ValueType)>| {
            rest.insert(0, ("index", ValueType::U32));
            rest
        };
        match self {
            RowFunction::Get | RowFunction::Delete => vec![("key", bytes())],
            RowFunction::Find => with_index(vec![("key", bytes())]),
            RowFunction::Scan => {
                let mut params = with_index(range());
                params.push(("descending", ValueType::Bool));
                params.push(("limit", ValueType::U32));
                params
            }
            RowFunction::Next | RowFunction::Close => vec![("scan", ValueType::U32)],
            RowFunction::Count => Vec::new(),
            RowFunction::Insert | RowFunction::Update | RowFunction::Upsert => vec![("row", bytes())],
            RowFunction::InsertMany => vec![("rows", bytes())],
            RowFunction::DeleteRange => with_index(range()),
        }
    }

    /// Its result.
    pub fn result(self) -> Option<ValueType> {
        let or_violation = |ok: Option<ValueType>| ValueType::Result {
            ok: ok.map(Box::new),
            err: Some(Box::new(violation_type())),
        };
        Some(match self {
            RowFunction::Get | RowFunction::Find => ValueType::Option(Box::new(bytes())),
            RowFunction::Scan => ValueType::Tuple(vec![ValueType::U32, bytes()]),
            RowFunction::Next => ValueType::Tuple(vec![ValueType::Bool, bytes()]),
            RowFunction::Close => return None,
            RowFunction::Count | RowFunction::DeleteRange => ValueType::U64,
            RowFunction::Insert | RowFunction::Upsert => or_violation(Some(ValueType::U64)),
            RowFunction::InsertMany => ValueType::Result {
                ok: Some(Box::new(bytes())),
                err: Some(Box::new(ValueType::Tuple(vec![ValueType::U32, violation_type()]))),
            },
            RowFunction::Update => or_violation(None),
            RowFunction::Delete => ValueType::Bool,
        })
    }

    /// What it does, for the WIT that is printed.
    pub(super) fn docs(self) -> &'static str {
        match self {
            RowFunction::Get => "The row with this primary key.",
            RowFunction::Find => {
                "The row with this key of a unique index; indexes count from 1 in the order of names."
            }
            RowFunction::Scan => {
                "The first rows from `low` on and before `high`, by the primary key (index 0) or another index. \
                 A limit of 0 means no limit. The number names the scan that goes on; 0 means that this was all."
            }
            RowFunction::Next => "The next rows of a scan; false means that these were the last.",
            RowFunction::Close => "Ends a scan before its last rows.",
            RowFunction::Count => "How many rows there are.",
            RowFunction::Insert => "Adds a row, and gives the value of its auto-increment column, or 0.",
            RowFunction::InsertMany => {
                "Adds rows, all or none, and gives the values of their auto-increment columns, 8 bytes each. \
                 A violation comes with the position of its row."
            }
            RowFunction::Update => "Replaces the row with the same primary key.",
            RowFunction::Upsert => "Adds a row, or replaces the one with the same primary key.",
            RowFunction::Delete => "Removes the row with this primary key, and says whether there was one.",
            RowFunction::DeleteRange => {
                "Removes the rows from `low` on and before `high`, and says how many."
            }
        }
    }
}

fn bytes() -> ValueType {
    ValueType::List(Box::new(ValueType::U8))
}
