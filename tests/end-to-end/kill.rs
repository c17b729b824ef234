//! A process that the operating system kills in the middle of its work, as often as it likes.

use crate::module;
use interstice_log::os;
use interstice_node::{Acknowledge, Node, NodeOptions};
use interstice_test::component_of;
use interstice_tests::events::{EVENTS, expected_notes, notes, things};
use interstice_tests::machine::call;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Says to the process that is to be killed where its database is.
const FOLDER: &str = "INTERSTICE_TEST_KILLED_FOLDER";

fn open(folder: &Path) -> Node {
    let doors = os::doors(&folder.join("data")).unwrap();
    Node::open(doors, NodeOptions::default(), &mut |_| {}).unwrap().0
}

#[test]
fn what_was_acknowledged_survives_sigkill_and_what_was_owed_is_delivered_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("events.wasm"), component_of(module("events"))).unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..5 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "kill::puts_things_until_it_is_killed"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut names = lines.filter_map(|line| line.strip_prefix("put ").map(str::to_owned));
        let before = acknowledged.len();
        acknowledged.extend(names.by_ref().take(7 + 31 * round));
        assert_eq!(acknowledged.len(), before + 7 + 31 * round, "the process has ended by itself");
        process.kill().unwrap();
        // What it had said before it died.
        acknowledged.extend(names);
        process.wait().unwrap();

        let node = open(folder);
        let there = things(&node);
        for name in &acknowledged {
            assert!(there.iter().any(|(_, other, _)| other == name), "{name} was acknowledged and is gone");
        }
        // One call was in flight at each kill.
        assert!(there.len() <= acknowledged.len() + round + 1);
        node.settle().unwrap();
        assert_eq!(notes(&node), expected_notes(&there), "after kill {round}");
        // Dropping it may take a moment longer, while a thread of its own looks for work.
        node.close().unwrap();
    }
}

#[test]
#[ignore = "runs until it is killed: `cargo test --release -p interstice-tests --test end-to-end kill` starts it in a process of its own"]
fn puts_things_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let node = open(folder);
    node.install(&component_of(folder.join("events.wasm"))).unwrap();
    for number in things(&node).len().. {
        call(&node, EVENTS, &format!("put(\"{number}\", {number})"), Acknowledge::Durable).unwrap();
        println!("put {number}");
    }
}
