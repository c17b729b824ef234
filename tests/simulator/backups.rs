//! Backups of a whole node, and databases made from them: the state is that of the original at the same record,
//! and what was owed then is delivered.

use interstice_log::doors::Clock;
use interstice_log::sim::Simulator;
use interstice_log::{LogOptions, RestoreOptions, Retention, Sequence, Until, restore, verify};
use interstice_node::{Acknowledge, Beginning, HistoricState, Moment, Node, NodeOptions};
use interstice_tests::events::{EVENTS, FOLDER, expected_notes, notes, things};
use interstice_tests::machine::{call, component, on_guest_thread, open_with, options};

fn node_options() -> NodeOptions {
    let log = LogOptions { segment_bytes: 32 << 10, retention: Retention::KeepAll, ..LogOptions::DEFAULT };
    NodeOptions { log, snapshot_log_bytes: None, ..options() }
}

/// An empty machine whose clock shows the same time.
fn empty(like: &Simulator) -> Simulator {
    let machine = Simulator::new(9);
    machine.clock.advance(like.clock.now_micros() - machine.clock.now_micros());
    machine
}

fn put(node: &Node, name: &str, weight: i64, acknowledge: Acknowledge) {
    call(node, EVENTS, &format!("put({name:?}, {weight})"), acknowledge).unwrap();
}

/// A node at work, with a snapshot in its middle and deliveries that are owed.
fn at_work() -> (Simulator, Node) {
    let simulator = Simulator::new(1);
    let node = open_with(&simulator, node_options()).unwrap().0;
    node.install(&component(FOLDER)).unwrap();
    node.install(&component("examples/bank")).unwrap();
    for weight in 0..20 {
        put(&node, "ada", weight, Acknowledge::Durable);
    }
    simulator.clock.advance(3_700_000_000);
    node.settle().unwrap();
    node.snapshot().unwrap();
    for weight in 0..12 {
        // Several in a batch.
        let wait = [Acknowledge::Memory, Acknowledge::Durable][usize::from(weight % 4 == 3)];
        put(&node, "bob", weight, wait);
    }
    (simulator, node)
}

fn state(simulator: &Simulator, moment: Moment) -> HistoricState {
    HistoricState::read(&simulator.doors(), moment, Beginning::Nearest, &mut |_| {}).unwrap()
}

#[test]
fn a_restored_state_is_that_of_the_original_at_each_record() {
    on_guest_thread(|| {
        let (simulator, node) = at_work();
        let taken = empty(&simulator);
        let report = node.backup(&taken.disk, &mut |_| {}).unwrap();
        put(&node, "cleo", 1, Acknowledge::Durable);
        node.settle().unwrap();
        node.close().unwrap();
        drop(node);
        assert!(report.sequence.0 > 40 && report.snapshots.len() == 1, "{report:?}");
        for until in (1..=report.sequence.0).rev() {
            let copy = empty(&simulator);
            let moment = Until::Sequence(Sequence(until));
            let options = RestoreOptions { until: moment, segment_bytes: 32 << 10 };
            restore(&taken.disk, &copy.doors(), options, &mut |_| {}).unwrap();
            let there = state(&copy, Moment::Newest);
            let expected = state(&simulator, Moment::Sequence(Sequence(until)));
            assert_eq!(there.sequence(), Sequence(until));
            assert_eq!(there.digest().unwrap(), expected.digest().unwrap(), "record {until}");
            drop(there);
            if until % 8 > 0 && until < report.sequence.0 {
                continue;
            }
            // It goes on from there: what was owed then is delivered, once.
            let node = open_with(&copy, node_options()).unwrap().0;
            if until >= 10 {
                put(&node, "dora", 11, Acknowledge::Durable);
                node.settle().unwrap();
                assert_eq!(notes(&node), expected_notes(&things(&node)), "record {until}");
            }
            node.snapshot().unwrap();
            node.close().unwrap();
            drop(node);
            assert!(verify(&copy.disk, &mut |_| {}).unwrap().is_sound());
        }
    });
}

#[test]
fn a_backup_of_a_node_that_goes_on_has_everything_durable() {
    on_guest_thread(|| {
        let (simulator, node) = at_work();
        for round in 0..3 {
            put(&node, "eve", round, Acknowledge::Durable);
            let there = things(&node);
            let taken = empty(&simulator);
            node.backup(&taken.disk, &mut |_| {}).unwrap();
            put(&node, "fred", round, Acknowledge::Durable);
            let copy = empty(&simulator);
            restore(&taken.disk, &copy.doors(), RestoreOptions::default(), &mut |_| {}).unwrap();
            let restored = open_with(&copy, node_options()).unwrap().0;
            assert_eq!(things(&restored), there);
            restored.close().unwrap();
        }
        node.close().unwrap();
    });
}
