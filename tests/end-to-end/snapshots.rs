//! Snapshots of a database on a real disk, taken while others write; and that opening from one shows the same.

use crate::module;
use interstice_log::os;
use interstice_node::{Acknowledge, Beginning, HistoricState, Moment, Node, NodeOptions};
use interstice_test::component_of;
use interstice_tests::events::{EVENTS, expected_notes, notes, things};
use interstice_tests::machine::call;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn open(data: &Path) -> Node {
    Node::open(os::doors(data).unwrap(), NodeOptions::default(), &mut |_| {}).unwrap().0
}

#[test]
fn a_writer_commits_while_snapshots_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = open(&data);
    node.install(&component_of(module("events"))).unwrap();
    // So many rows that a snapshot takes a while.
    call(&node, EVENTS, "pour(50000)", Acknowledge::Durable).unwrap();
    node.settle().unwrap();
    let (done, committed) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut last = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let number = committed.fetch_add(1, Ordering::Relaxed);
                call(&node, EVENTS, &format!("put(\"{number}\", {number})"), Acknowledge::Durable).unwrap();
            }
        });
        for round in 1..=4 {
            // Something new between two of them.
            while committed.load(Ordering::Relaxed) < round * 5 {
                std::thread::yield_now();
            }
            let report = node.snapshot().unwrap();
            assert!(report.is_new && report.sequence.0 > last, "{report:?}");
            assert!(report.rows > 50_000, "{report:?}");
            last = report.sequence.0;
        }
        done.store(true, Ordering::Relaxed);
    });
    let there = things(&node);
    assert_eq!(there.len() as u64, committed.load(Ordering::Relaxed));
    node.close().unwrap();
    drop(node);
    let doors = os::doors(&data).unwrap();
    let digest = |beginning| {
        let state = HistoricState::read(&doors, Moment::Newest, beginning, &mut |_| {}).unwrap();
        state.digest().unwrap()
    };
    assert_eq!(digest(Beginning::Nearest), digest(Beginning::FirstRecord));
    let node = open(&data);
    assert_eq!(things(&node), there);
    node.settle().unwrap();
    assert_eq!(notes(&node), expected_notes(&there));
    node.close().unwrap();
}
