//! The contract: reads a WIT package into a [`Schema`], hashes it and compares two of them.
//! It never touches a file, a clock or a socket: sources come in as text.
//! Invariant: the same sources give the same schema, and what the schema does not hold, no hash sees.

mod schema;

pub use schema::*;
