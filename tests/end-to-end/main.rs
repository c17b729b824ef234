//! Real modules in a real database: built by cargo, encoded, installed, called, killed, reopened.
#![allow(clippy::unwrap_used, missing_docs)]

mod bank;
mod chain;
mod events;
mod floats;
mod init;
mod kill;
mod queries;
mod rerun;
mod shop;
mod snapshots;
mod types;
mod upgrades;
mod versions;

fn module(name: &str) -> String {
    format!("{}/modules/{name}", env!("CARGO_MANIFEST_DIR"))
}
