//! Real modules in a real database: built by cargo, encoded, installed, called, killed, reopened.
#![allow(clippy::unwrap_used, missing_docs)]

mod bank;
mod chain;
mod queries;
mod shop;
