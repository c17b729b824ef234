//! What the author of an Interstice module depends on: the macro [`module!`], the circumstances of a
//! call and the handles of tables.
//! It never holds state between calls: a handle is a promise about types and takes no memory.
//! Invariant: everything that reaches the host goes through the doors that the module's world imports.
//!
//! A module, shortened (`cargo test --release --workspace --test bank` runs it whole, from `examples/bank`):
//!
//! ```ignore (the WIT of a module stands beside it)
//! interstice::module!("wit");
//!
//! struct Bank;
//! export!(Bank);
//!
//! impl Ledger for Bank {
//!     fn balance(context: &QueryContext, id: u64) -> Option<i64> {
//!         context.tables.account.get(id).map(|account| account.balance)
//!     }
//! }
//! ```

#[cfg(any(test, all(target_arch = "wasm32", not(target_feature = "atomics"), feature = "allocator")))]
mod allocator;
mod call;
mod door;
mod error;
mod host;
mod index;
mod landing;
mod log;
mod panic;
mod row;
mod scan;
mod scratch;
mod table;

#[doc(hidden)]
pub mod rt;

#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics"), feature = "allocator"))]
#[global_allocator]
static ALLOCATOR: allocator::Recycling = allocator::Recycling::new();

pub use call::{Call, Caller, Timestamp};
pub use error::{InsertError, InsertManyError, UpdateError, UpsertError};
pub use index::{Index, Ordered, UniqueIndex};
pub use interstice_codec as codec;
pub use interstice_macros::module;
pub use log::Level;
pub use row::{Generated, Key, NoUnique, Order, Prefix, Row, UniqueIndexes};
pub use scan::Scan;
pub use table::{ReadOnly, ReadWrite, Table};
