//! Tests of a module against its real component, in a database within the test's own process.
//! The database is the one that runs in production, on files in a temporary folder; only its clock
//! belongs to the test.
//! Invariant: what a test sees is what a client would see.
//!
//! ```no_run
//! use interstice_test::Database;
//!
//! let bank = Database::of(env!("CARGO_MANIFEST_DIR"));
//! assert_eq!(bank.call("deposit(1, 100)"), "ok(100)");
//! assert_eq!(bank.query("balance(1)"), "some(100)");
//! ```

mod clock;
mod database;
mod module;

pub use database::Database;
pub use interstice_node::{Error, ErrorKind, Limits};
pub use module::component_of;
