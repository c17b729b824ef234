//! Another process beside an opening: what the opening goes by does not change under its hands.

use interstice_log::sim::Simulator;
use interstice_log::{LogError, LogOptions, Retention};
use interstice_node::{Acknowledge, Error, Node, NodeOptions};
use interstice_tests::machine::{call, component, on_guest_thread, open_with, options};
use std::sync::{Arc, Mutex};

fn keeping_none() -> NodeOptions {
    NodeOptions {
        log: LogOptions { segment_bytes: 16 << 10, retention: Retention::KeepNone, ..LogOptions::DEFAULT },
        snapshot_log_bytes: None,
        ..options()
    }
}

/// Records and snapshots, behind which older snapshots and the log before them go.
fn work(simulator: &Simulator, node: &Node) {
    for _ in 0..3 {
        for _ in 0..150 {
            call(node, "acme:bank", "deposit(1, 1)", Acknowledge::Durable).unwrap();
        }
        node.snapshot().unwrap();
        simulator.threads.run_until_idle();
    }
}

/// A short command beside an opening took snapshots and gave up the log before them, between the moment when the
/// opening listed the snapshots and that when it locked the directory; all that it had listed were gone, and it
/// refused a database that was whole.
#[test]
fn the_snapshots_that_an_opening_goes_by_stay_there() {
    on_guest_thread(|| {
        let simulator = Simulator::new(5);
        let (node, _) = open_with(&simulator, keeping_none()).unwrap();
        node.install(&component("examples/bank")).unwrap();
        call(&node, "acme:bank", "open-account(\"ada\")", Acknowledge::Durable).unwrap();
        work(&simulator, &node);
        node.close().unwrap();
        drop(node);
        let answered = Arc::new(Mutex::new(None));
        let (other, answer) = (simulator.clone(), answered.clone());
        simulator.disk.interrupt_after_listing("snapshots", move || {
            let opened = open_with(&other, keeping_none()).map(|(node, _)| {
                work(&other, &node);
                node.close().unwrap();
            });
            *answer.lock().unwrap() = Some(opened);
        });
        let (node, _) = open_with(&simulator, keeping_none()).unwrap();
        let answered = answered.lock().unwrap().take().expect("the snapshots were listed");
        assert!(matches!(answered, Err(Error::Log(LogError::Locked { .. }))), "{answered:?}");
        node.close().unwrap();
    });
}
