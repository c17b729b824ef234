//! Disks that do not sync, fail or are full, as a caller of the node sees them.

use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, Error, ErrorKind, Node};
use interstice_tests::machine::{call, component, on_guest_thread, open, query};

const BANK: &str = "acme:bank";

/// A bank in which account 2 is open and holds nothing. Everything is durable, and nobody has anything to do.
fn bank(seed: u64) -> (Simulator, Node) {
    let simulator = Simulator::new(seed);
    let node = open(&simulator).unwrap().0;
    node.install(&component("examples/bank")).unwrap();
    call(&node, BANK, "open-account(\"ada\")", Acknowledge::Durable).unwrap();
    node.settle().unwrap();
    simulator.threads.run_until_idle();
    (simulator, node)
}

fn deposit(node: &Node, acknowledge: Acknowledge) -> Result<u64, Error> {
    call(node, BANK, "deposit(2, 1)", acknowledge).map(|reply| reply.version.0)
}

fn balance(node: &Node, acknowledge: Acknowledge) -> i64 {
    let balance: Option<i64> = query(node, BANK, "balance(2)", acknowledge);
    balance.unwrap()
}

#[test]
fn a_query_is_not_shown_what_the_disk_does_not_have_yet() {
    on_guest_thread(|| {
        let (_simulator, node) = bank(1);
        for done in 1..=3 {
            // Nobody waits for the disk, so nothing is written to it.
            let version = deposit(&node, Acknowledge::Memory).unwrap();
            assert_eq!(version, node.last_sequence().0);
            assert!(node.durable().0 < version);
            assert_eq!(balance(&node, Acknowledge::Durable), 0);
            assert_eq!(balance(&node, Acknowledge::Memory), done);
        }
        node.flush().unwrap();
        assert_eq!(balance(&node, Acknowledge::Durable), 3);
    });
}

#[test]
fn a_reply_of_a_refusal_waits_for_what_it_has_seen() {
    on_guest_thread(|| {
        let (_simulator, node) = bank(2);
        deposit(&node, Acknowledge::Memory).unwrap();
        let seen = node.last_sequence();
        assert!(node.durable() < seen);
        let refused = call(&node, BANK, "withdraw(2, 5)", Acknowledge::Durable).unwrap();
        assert_eq!((refused.sequence, refused.version), (None, seen), "it tells of a balance of 1");
        assert!(node.durable() >= seen, "which no crash can take back any more");
    });
}

#[test]
fn a_sync_that_fails_leaves_its_outcome_unknown_and_ends_all_writing() {
    on_guest_thread(|| {
        let mut kept = [0, 0];
        for seed in 0..40 {
            let (simulator, node) = bank(seed);
            deposit(&node, Acknowledge::Durable).unwrap();
            simulator.disk.fail_sync_after(0);
            let unknown = deposit(&node, Acknowledge::Durable).unwrap_err();
            assert_eq!(unknown.code(), "outcome-unknown.disk-failed", "{unknown}");
            assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown);

            let poisoned = deposit(&node, Acknowledge::Memory).unwrap_err();
            assert_eq!((poisoned.code(), poisoned.kind()), ("ours.poisoned", ErrorKind::Ours), "{poisoned}");
            let waiting = deposit(&node, Acknowledge::Durable).unwrap_err();
            assert_eq!(waiting.code(), "ours.poisoned", "it never ran: {waiting}");
            for acknowledge in [Acknowledge::Durable, Acknowledge::Memory] {
                assert_eq!(balance(&node, acknowledge), 1, "what may be gone is not shown to anybody");
            }
            let install = node.install(&component("tests/modules/shelf")).unwrap_err();
            assert_eq!(install.code(), "ours.poisoned", "{install}");
            assert!(node.settle().is_err(), "what is owed cannot be paid");
            drop(node);

            let simulator = simulator.power_loss(seed);
            let node = open(&simulator).unwrap().0;
            let after = balance(&node, Acknowledge::Durable);
            assert!(
                (1..=2).contains(&after),
                "what was acknowledged is there, and nothing comes twice: {after}"
            );
            kept[usize::from(after == 2)] += 1;
            deposit(&node, Acknowledge::Durable).unwrap();
            assert_eq!(balance(&node, Acknowledge::Durable), after + 1);
        }
        assert!(kept.iter().all(|times| *times > 0), "both outcomes were met: {kept:?}");
    });
}

const SHELF: &str = "test:shelf";

fn apply(node: &Node, steps: &str) -> Result<u64, Error> {
    call(node, SHELF, &format!("apply([{steps}], keep)"), Acknowledge::Durable).map(|reply| reply.version.0)
}

fn inserted(id: u8) -> String {
    format!("insert({{id: {id}, name: \"item {id}\", shelf: 1, weight: 1, mark: none}})")
}

fn count(node: &Node) -> usize {
    let (function, arguments) = node.parse_call(SHELF, "everything()").unwrap();
    let reply = node.query(&function, &arguments, &interstice_node::CallOptions::default()).unwrap();
    function.print_result(&reply.result).matches("shelf").count()
}

#[test]
fn a_full_disk_takes_what_only_deletes() {
    on_guest_thread(|| {
        let (simulator, node) = bank(4);
        node.install(&component("tests/modules/shelf")).unwrap();
        for id in 1..=60 {
            apply(&node, &inserted(id)).unwrap();
        }
        simulator.threads.run_until_idle();
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
        while deposit(&node, Acknowledge::Durable).is_ok() {}
        let full = |done: Result<u64, Error>| assert_eq!(done.unwrap_err().code(), "ours.disk-full");
        full(apply(&node, &inserted(61)));
        assert_eq!(count(&node), 60);
        // What deletes and writes something else, too, is rolled back as a whole.
        full(apply(&node, &format!("delete(1), {}", inserted(61))));
        assert_eq!(count(&node), 60);
        let before = node.last_sequence();
        apply(&node, "delete(1)").unwrap();
        apply(&node, "delete-range((2, 20))").unwrap();
        // A row that comes and goes in one transaction is no change.
        apply(&node, &format!("{}, delete(61), delete(21)", inserted(61))).unwrap();
        assert_eq!((count(&node), node.last_sequence().0), (39, before.0 + 3));
        full(deposit(&node, Acknowledge::Durable).map(drop).map(|()| 0));
        // As long as the part lasts that is kept for it; then nothing is written at all, and reads go on.
        let mut taken = 0;
        while apply(&node, &format!("delete({})", 22 + taken)).is_ok() {
            taken += 1;
            assert!(taken < 30, "the room never ended");
        }
        assert!(taken > 5, "{taken}");
        full(apply(&node, "delete(60)"));
        assert_eq!(count(&node), 39 - taken);

        let disk = simulator.power_loss(4);
        drop(node);
        disk.disk.set_capacity(None);
        let node = open(&disk).unwrap().0;
        assert_eq!(count(&node), 39 - taken, "what was acknowledged is deleted");
        apply(&node, &inserted(61)).unwrap();
    });
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else_until_there_is_room() {
    on_guest_thread(|| {
        let (simulator, node) = bank(3);
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
        let mut acknowledged = 0;
        let full = loop {
            match deposit(&node, Acknowledge::Durable) {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
            assert!(acknowledged < 10_000, "the disk was never full");
        };
        assert!(acknowledged > 0, "the reserve was used first");
        let last = node.last_sequence();
        for acknowledge in [Acknowledge::Durable, Acknowledge::Memory] {
            assert_eq!((full.code(), full.kind()), ("ours.disk-full", ErrorKind::Ours), "{full}");
            assert_eq!(deposit(&node, acknowledge).unwrap_err().code(), "ours.disk-full");
            assert_eq!(balance(&node, acknowledge), acknowledged, "reads go on");
        }
        let install = node.install(&component("tests/modules/shelf")).unwrap_err();
        assert_eq!(install.code(), "ours.disk-full", "{install}");
        assert_eq!((node.last_sequence(), node.modules().len()), (last, 1));

        simulator.disk.set_capacity(None);
        // The node asks the disk again after a while.
        simulator.clock.advance(2_000_000);
        simulator.threads.run_until_idle();
        deposit(&node, Acknowledge::Durable).unwrap();
        drop(node);
        let node = open(&simulator.power_loss(3)).unwrap().0;
        assert_eq!(balance(&node, Acknowledge::Durable), acknowledged + 1);
    });
}
