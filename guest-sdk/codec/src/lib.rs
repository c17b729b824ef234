//! The codec of rows and keys, shared by guest and host as one `no_std` crate.
//! It owns the bytes of a value (`row`) and the order-preserving bytes of a key (`key`); it never
//! allocates beyond what its input declares and holds, and knows nothing of tables or files.
//! Invariant: a value has exactly one encoding, so equal bytes mean equal values.
#![cfg_attr(not(any(test, feature = "proptest")), no_std)]

extern crate alloc;

#[cfg(any(test, feature = "proptest"))]
pub mod arbitrary;
mod error;
pub mod key;
pub mod row;
mod types;
mod value;

pub use error::{DecodeError, DecodeReason, EncodeError, UnsupportedKey};
pub use types::{Case, Field, ValueType};
pub use value::Value;
