//! The contract: reads a WIT package into a [`Schema`], hashes it and compares two of them.
//! It never touches a file, a clock or a socket: sources come in as text.
//! Invariant: the same sources give the same schema, and what the schema does not hold, no hash sees.

pub mod canonical;
mod directive;
pub mod doors;
mod finding;
pub mod hash;
mod identifier;
pub mod limits;
mod literal;
mod read;
mod scan;
mod schema;
pub mod section;
mod source;
mod spelling;
pub mod text;
mod validate;

pub use finding::{Diagnostics, Finding};
pub use hash::{Hash, ModuleHashes};
pub use identifier::wit_identifier;
pub use read::{read, worlds};
pub use schema::*;
pub use section::SectionError;
pub use source::{ExtraFile, ExtraPackage, Sources};
pub use validate::InvalidSchema;
