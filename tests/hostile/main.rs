//! Modules, components and callers that do what they should not: each is told clearly, and the database
//! is afterwards exactly as before.
#![allow(clippy::unwrap_used, missing_docs)]

mod components;
mod guests;
mod linking;
mod nesting;
mod queries;

use interstice_test::{Database, Limits};

fn module(name: &str) -> String {
    format!("{}/modules/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Limits that are met soon.
fn limits() -> Limits {
    Limits { fuel: 50_000_000, guest_memory_bytes: 16 << 20, ..Limits::default() }
}

/// A database with the hostile module and the one that calls it.
fn database() -> Database {
    database_with(limits())
}

fn database_with(limits: Limits) -> Database {
    Database::with_limits(limits).with(module("hostile")).with(module("relay"))
}

/// Everything that a client can see of the two modules.
fn state(database: &Database) -> (String, String, u64) {
    (
        database.query_of("test:hostile", "notes()"),
        database.query_of("test:relay", "entries()"),
        database.node().last_sequence().0,
    )
}

/// Makes the call, which must fail with this code and say all of this, and checks that nothing of it
/// is left: not in memory, not in the log, and not in what the next call is given.
fn fails(database: &mut Database, module: &str, call: &str, code: &str, says: &[&str]) {
    database.call_of("test:hostile", "write(\"before\")");
    let before = state(database);
    let error = database.try_call(module, call).unwrap_err();
    assert_eq!(error.code(), code, "{call}: {error}");
    for text in says {
        assert!(error.to_string().contains(text), "{call}: {error} does not say {text:?}");
    }
    assert_eq!(state(database), before, "{call} left something");
    let id: u64 = before.2;
    database.restart();
    assert_eq!(state(database), before, "{call} left something in the log");
    let next = database.call_of("test:hostile", "write(\"after\")");
    assert_eq!(next, "ok(2)", "the counter is as if {call} had never been ({id})");
}
