//! What the module `test:events` must have written down, told from the things that it holds.
//! Invariant: handlers are told in the order of the commits, and of one commit in that of the schema.

use crate::machine::query;
use interstice_node::{Acknowledge, Node};

/// The module's name.
pub const EVENTS: &str = "test:events";

/// Its folder in this repository.
pub const FOLDER: &str = "tests/modules/events";

/// A row of its table: number, name, weight.
pub type Thing = (u64, String, i64);

/// The things that are there, in the order in which they were put.
pub fn things(node: &Node) -> Vec<Thing> {
    query(node, EVENTS, "things()", Acknowledge::Memory)
}

/// What the handlers have written down, in order.
pub fn notes(node: &Node) -> Vec<String> {
    query(node, EVENTS, "deeds.notes()", Acknowledge::Memory)
}

/// What they must have written down of things that were put, each in a transaction of its own.
pub fn expected_notes(things: &[Thing]) -> Vec<String> {
    let of_one = |(_, name, weight): &Thing| {
        let told = |handler: &str| format!("{handler}: {name} {weight}");
        let heavy = (*weight >= 10).then(|| told("heavy"));
        [told("first"), told("second")].into_iter().chain(heavy)
    };
    things.iter().flat_map(of_one).collect()
}
