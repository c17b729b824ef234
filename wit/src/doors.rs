//! The doors to a table, as data: what codegen prints and what the engine links are both made from here.
//! The row door moves rows and keys as bytes; the typed door moves the table's own record.
//! Invariant: the names, parameters and results that [`render_rows`] and [`render_table`] print are
//! those that [`RowFunction`] and [`typed_door`] describe.

mod rows;
mod text;
mod typed;

pub use rows::RowFunction;
pub use text::{render_rows, render_table};
pub use typed::{DoorResult, TypedFunction, TypedOperation, typed_door};

use crate::schema::{PackageName, Table};
use interstice_codec::{Case, ValueType};
use semver::Version;

/// The host's own WIT package, which the doors refer to.
pub const HOST_WIT: &str = include_str!("../host/host.wit");

/// The name of the host's package.
pub fn host_package() -> PackageName {
    PackageName {
        namespace: "interstice".to_owned(),
        name: "host".to_owned(),
        version: Version::new(0, 1, 0),
    }
}

/// The name of the interface of a table's row door: `account-rows`.
pub fn rows_interface(table: &Table) -> String {
    format!("{}-rows", table.name)
}

/// The name of the interface of a table's typed door: `account-table`.
pub fn table_interface(table: &Table) -> String {
    format!("{}-table", table.name)
}

/// The structure of `interstice:host/door.{violation}`.
pub fn violation_type() -> ValueType {
    let case = |name: &str, ty| Case { name: name.to_owned(), ty };
    ValueType::Variant(vec![
        case("duplicate-key", None),
        case("duplicate-unique", Some(ValueType::U32)),
        case("no-such-row", None),
        case("counter-overflow", None),
    ])
}
