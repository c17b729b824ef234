//! Where random numbers come from: the database and the sequence, never the machine.

use interstice_codec::row::from_bytes;
use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, Node};
use interstice_tests::machine::{call, component, on_guest_thread, open};
use std::collections::BTreeSet;

fn draw(node: &Node) -> (u64, u64) {
    from_bytes(&call(node, "test:hostile", "draw()", Acknowledge::Durable).unwrap().result).unwrap()
}

fn database(seed: u64) -> Simulator {
    let simulator = Simulator::new(seed);
    let node = open(&simulator).unwrap().0;
    node.install(&component("tests/modules/hostile")).unwrap();
    node.close().unwrap();
    simulator
}

/// The same files on another machine.
fn copy(simulator: &Simulator, seed: u64) -> Simulator {
    Simulator { disk: simulator.disk.copy(), ..Simulator::new(seed) }
}

#[test]
fn randomness_is_fixed_by_the_database_and_the_sequence() {
    on_guest_thread(|| {
        let original = database(1);
        let draws = |simulator: &Simulator| {
            let node = open(simulator).unwrap().0;
            [draw(&node), draw(&node), draw(&node)]
        };
        let first = draws(&copy(&original, 11));
        let second = draws(&copy(&original, 12));
        assert_eq!(first, second, "the same calls on the same database");
        let other = draws(&copy(&database(2), 11));
        let different: BTreeSet<u64> = first.into_iter().chain(other).flat_map(|(a, b)| [a, b]).collect();
        assert_eq!(different.len(), 12, "another draw, sequence or database gives other numbers");
    });
}
