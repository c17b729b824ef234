//! The contract: reads a WIT package into a [`Schema`], hashes it and compares two of them.
//! It never touches a file, a clock or a socket: sources come in as text.
//! Invariant: the same sources give the same schema, and what the schema does not hold, no hash sees.

mod directive;
mod finding;
pub mod limits;
mod literal;
mod read;
mod scan;
mod schema;
mod source;
mod spelling;

pub use finding::{Diagnostics, Finding};
pub use read::{read, worlds};
pub use schema::*;
pub use source::{ExtraFile, ExtraPackage, Sources};
