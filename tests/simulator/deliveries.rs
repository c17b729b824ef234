//! Subscriptions across failures: every event reaches every handler once, whatever breaks in between.

use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, Error, Node};
use interstice_tests::events::{EVENTS, FOLDER, expected_notes, notes, things};
use interstice_tests::machine::{call, component, on_guest_thread, open, query};
use std::time::{Duration, Instant};

/// A database with both modules that are told of things, and nothing left to do.
fn database(seed: u64) -> (Simulator, Node) {
    let simulator = Simulator::new(seed);
    let node = open(&simulator).unwrap().0;
    node.install(&component(FOLDER)).unwrap();
    node.install(&component("tests/modules/newborn")).unwrap();
    simulator.threads.run_until_idle();
    (simulator, node)
}

fn put(node: &Node, name: &str, weight: i64, acknowledge: Acknowledge) -> Result<(), Error> {
    call(node, EVENTS, &format!("put({name:?}, {weight})"), acknowledge).map(drop)
}

/// Everybody was told of every thing that is there, once and in order.
fn assert_told(node: &Node, when: &str) {
    let things = things(node);
    assert_eq!(notes(node), expected_notes(&things), "{when}");
    let noticed: Vec<String> = query(node, "test:newborn", "notes()", Acknowledge::Memory);
    let expected = things.iter().map(|(_, name, _)| format!("noticed {name}"));
    assert_eq!(noticed, ["begun".to_owned()].into_iter().chain(expected).collect::<Vec<_>>(), "{when}");
}

#[test]
fn what_a_killed_process_owed_is_delivered_once_it_is_opened_again() {
    on_guest_thread(|| {
        let (simulator, node) = database(1);
        put(&node, "ada", 10, Acknowledge::Durable).unwrap();
        assert_eq!(notes(&node), Vec::<String>::new(), "the process dies between commit and delivery");
        let simulator = simulator.kill(1);
        drop(node);
        let node = open(&simulator).unwrap().0;
        assert_eq!(things(&node).len(), 1);
        node.settle().unwrap();
        assert_told(&node, "after the first restart");
        let last = node.last_sequence();
        let simulator = simulator.kill(2);
        drop(node);
        let node = open(&simulator).unwrap().0;
        node.settle().unwrap();
        assert_told(&node, "after the second restart");
        assert_eq!(node.last_sequence(), last, "nothing was owed any more");
    });
}

/// The tables of a module went while deliveries to others were owed, and no opening took the record of that.
#[test]
fn a_purge_waits_for_what_is_owed() {
    on_guest_thread(|| {
        let (simulator, node) = database(5);
        node.install(&component("examples/bank")).unwrap();
        node.uninstall("acme:bank").unwrap();
        put(&node, "ada", 10, Acknowledge::Memory).unwrap();
        assert_eq!(notes(&node), Vec::<String>::new(), "nothing was paid yet");
        node.purge("acme:bank").unwrap();
        assert_told(&node, "before the purge");
        let simulator = simulator.kill(5);
        drop(node);
        let node = open(&simulator).unwrap().0;
        assert!(node.kept().is_empty());
        assert_told(&node, "after a restart");
    });
}

/// Puts things and lets the handlers know; says how many were acknowledged as durable.
fn work(node: &Node, acknowledged: &mut usize) -> Result<(), Error> {
    for weight in 8..12 {
        put(node, "ada", weight, Acknowledge::Durable)?;
        *acknowledged += 1;
        // Made durable with the next one, together with what the first one owes.
        put(node, "bob", weight, Acknowledge::Memory)?;
        put(node, "cleo", weight, Acknowledge::Durable)?;
        *acknowledged += 2;
    }
    node.settle()
}

/// More changes than any test makes.
const NEVER: u64 = 1 << 40;

/// Opens the database though the power fails again on the way, a few changes further each time.
fn open_in_the_end(mut simulator: Simulator, seed: u64) -> (Simulator, Node) {
    for changes in 1.. {
        simulator.disk.fail_power_after(changes);
        match open(&simulator).and_then(|(node, _)| node.settle().map(|()| node)) {
            Ok(node) => {
                simulator.disk.fail_power_after(NEVER);
                return (simulator, node);
            }
            Err(error) => assert!(simulator.disk.is_dead(), "refused to open: {error}"),
        }
        simulator = simulator.power_loss(seed + changes);
    }
    unreachable!("an opening takes finitely many changes of the disk")
}

#[test]
fn every_event_reaches_every_handler_once_wherever_the_power_fails() {
    on_guest_thread(|| {
        let mut owed_at_a_crash = 0;
        for point in 1.. {
            let (simulator, node) = database(point);
            simulator.disk.fail_power_after(point);
            let mut acknowledged = 0;
            let outcome = work(&node, &mut acknowledged);
            let done = !simulator.disk.is_dead();
            assert_eq!(outcome.is_ok(), done, "{outcome:?}");
            let simulator = simulator.power_loss(point);
            drop(node);
            // First without another failure, on a copy, to see what was owed.
            let copy = Simulator { disk: simulator.disk.copy(), ..Simulator::new(point) };
            let node = open(&copy).unwrap().0;
            owed_at_a_crash += usize::from(notes(&node) != expected_notes(&things(&node)));
            drop(node);

            let (simulator, node) = open_in_the_end(simulator, point);
            let there = things(&node).len();
            assert!(there >= acknowledged, "{there} of {acknowledged} things are left at point {point}");
            assert_told(&node, &format!("power failed at change {point}"));
            put(&node, "dan", 0, Acknowledge::Durable).unwrap();
            node.settle().unwrap();
            assert_told(&node, &format!("power failed at change {point}, and the work went on"));
            drop((simulator, node));
            if done {
                assert!(point > 8, "there were only {point} points at which power could fail");
                break;
            }
        }
        assert!(owed_at_a_crash > 2, "deliveries were owed at {owed_at_a_crash} crashes only");
    });
}

/// Recovery used to look through all deliveries of a record at each of its changes: ten thousand million
/// steps for this record, at every opening of the database.
#[test]
fn a_record_that_owes_very_many_deliveries_is_replayed_in_one_walk() {
    // Two by two, as it once was, these are forty thousand million steps, and a minute.
    const GRAINS: u64 = 200_000;
    on_guest_thread(|| {
        let (simulator, node) = database(2);
        call(&node, EVENTS, &format!("pour({GRAINS})"), Acknowledge::Durable).unwrap();
        let grains = |node: &Node| query::<u64>(node, EVENTS, "grains()", Acknowledge::Memory);
        assert_eq!(grains(&node), 0, "nothing was delivered yet");
        let simulator = simulator.kill(1);
        drop(node);
        let began = Instant::now();
        let node = open(&simulator).unwrap().0;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "opening took {took:?}");
        node.settle().unwrap();
        assert_eq!(grains(&node), GRAINS);
        // And with the record and all that it owed closed.
        let simulator = simulator.kill(2);
        drop(node);
        let node = open(&simulator).unwrap().0;
        let last = node.last_sequence();
        node.settle().unwrap();
        assert_eq!((grains(&node), node.last_sequence()), (GRAINS, last));
    });
}
