//! Calls and transactions.

use crate::bare::Bare;
use crate::table::Table;
use interstice_codec::row::to_bytes;
use interstice_node::{Acknowledge, CallOptions, FunctionHandle, Limits, Node, NodeOptions};
use interstice_test::component_of;
use std::path::Path;
use tempfile::TempDir;

const ACCOUNTS: u64 = 100_000;
const CALLS: u64 = 20_000;

/// A node with the benchmarked modules.
pub(crate) struct Subject {
    pub(crate) node: Node,
    pub(crate) options: CallOptions,
    folder: TempDir,
}

impl Subject {
    pub(crate) fn new() -> Subject {
        let folder = tempfile::tempdir().unwrap();
        let node = open(&folder);
        for module in ["bench", "bench-caller"] {
            let path = format!("{}/modules/{module}", env!("CARGO_MANIFEST_DIR"));
            node.install(&component_of(path)).unwrap();
        }
        let options = CallOptions { acknowledge: Acknowledge::Memory, ..CallOptions::default() };
        Subject { node, options, folder }
    }

    /// The data directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the database again after it was closed; returns it as it was before.
    pub(crate) fn open(&mut self) -> Node {
        std::mem::replace(&mut self.node, open(&self.folder))
    }

    pub(crate) fn function(&self, name: &str) -> FunctionHandle {
        self.node.function("test:bench", name).unwrap()
    }

    pub(crate) fn call(&self, function: &FunctionHandle, arguments: &[u8]) {
        let mut result = Vec::new();
        self.node.call_into(function, arguments, &self.options, &mut result).unwrap();
    }

    pub(crate) fn call_by_name(&self, name: &str, arguments: &[u8]) {
        self.call(&self.function(name), arguments);
    }
}

fn open(folder: &TempDir) -> Node {
    let doors = interstice_node::log::os::doors(folder.path()).unwrap();
    let limits = Limits { fuel: u64::MAX / 4, guest_memory_bytes: 1 << 30, ..Limits::default() };
    // What is measured is measured without snapshots that nobody asked for.
    let options = NodeOptions { limits, snapshot_log_bytes: None, ..NodeOptions::default() };
    Node::open(doors, options, &mut |_| {}).unwrap().0
}

pub(crate) fn run(table: &mut Table) {
    let subject = Subject::new();
    let mut bare = Bare::new();

    let empty = subject.function("empty");
    let bare_empty = bare.function::<(), ()>("empty");
    table.compare(
        "empty reducer through an idle node, memory acknowledgement",
        4.0,
        "bare typed export call",
        || {
            (0..CALLS).for_each(|_| subject.call(&empty, &[]));
            CALLS
        },
        || {
            (0..CALLS).for_each(|_| bare_empty.call(&mut bare.store, ()).unwrap());
            CALLS
        },
    );

    subject.call_by_name("open-accounts", &to_bytes(&ACCOUNTS));
    for id in 0..ACCOUNTS {
        bare.store.data_mut().rows.insert(id, vec![0; 16]);
    }
    let pairs: Vec<(u64, u64)> = (0..CALLS)
        .map(|number| {
            let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ACCOUNTS;
            (spread(number), spread(number + CALLS))
        })
        .collect();
    let encoded: Vec<Vec<u8>> =
        pairs.iter().map(|(source, target)| to_bytes(&(*source, *target, 1_i64))).collect();
    let transfer = subject.function("transfer");
    let bare_transfer = bare.function::<(u64, u64, i64), (u64,)>("transfer");
    table.compare(
        "transfer, 100,000 accounts, memory acknowledgement, log append included",
        2.5,
        "bare wasmtime, the same four host calls on a HashMap",
        || {
            encoded.iter().for_each(|arguments| subject.call(&transfer, arguments));
            CALLS
        },
        || {
            for (source, target) in &pairs {
                bare_transfer.call(&mut bare.store, (*source, *target, 1)).unwrap();
            }
            CALLS
        },
    );

    let across = subject.node.function("test:bench-caller", "transfer").unwrap();
    table.compare(
        "transfer across two modules",
        2.0,
        "the same transfer inside one module",
        || {
            encoded.iter().for_each(|arguments| subject.call(&across, arguments));
            CALLS
        },
        || {
            encoded.iter().for_each(|arguments| subject.call(&transfer, arguments));
            CALLS
        },
    );
}
