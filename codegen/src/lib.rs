//! From a module's WIT to what its guest is written against: Rust bindings, and guest worlds for the
//! bindings generators of other languages.
//! It reads WIT from disk ([`load`]) and writes nothing.
//! Invariant: the same sources give the same text, so that a stale file can be told from a fresh one.

mod bindings_file;
mod error;
mod guest_wit;
mod load;
mod rust;
mod world;

pub use bindings_file::{Freshness, check_rust_file, rust_file};
pub use error::{CodegenError, LoadError};
pub use guest_wit::{GeneratedFile, guest_wit};
pub use load::load;
pub use rust::rust_bindings;
pub use world::{DoorKind, GuestWorld, guest_world};
