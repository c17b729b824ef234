//! Calls of the log that are run again: honest modules do what they did, and one that cheats is found.

use crate::module;
use interstice_log::{Sequence, os};
use interstice_node::{
    Acknowledge, Difference, Divergence, Limits, Node, NodeOptions, RerunOptions, RerunReport, TraceStep,
    trace, verify_calls,
};
use interstice_test::component_of;
use interstice_tests::events::EVENTS;
use interstice_tests::machine::call;
use std::path::Path;

const CHEAT: &str = "test:cheat";

fn open(data: &Path) -> Node {
    Node::open(os::doors(data).unwrap(), NodeOptions::default(), &mut |_| {}).unwrap().0
}

fn run_again(data: &Path, options: &RerunOptions) -> RerunReport {
    verify_calls(&os::doors(data).unwrap(), options, &mut |_| {}).unwrap()
}

/// What met a limit when it was logged does more within higher ones, which was told as a module that cheats; and no
/// limit fitted a log in which it was raised.
#[test]
fn what_met_a_limit_then_is_no_difference_now() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let low = NodeOptions {
        limits: Limits { subscription_depth: 5, ..Limits::default() },
        ..NodeOptions::default()
    };
    let node = Node::open(os::doors(&data).unwrap(), low, &mut |_| {}).unwrap().0;
    node.install(&component_of(module("events"))).unwrap();
    call(&node, EVENTS, "start-chain(20)", Acknowledge::Durable).unwrap();
    node.settle().unwrap();
    node.close().unwrap();
    let node = open(&data);
    call(&node, EVENTS, "put(\"ada\", 1)", Acknowledge::Durable).unwrap();
    node.settle().unwrap();
    let last = node.last_sequence();
    node.close().unwrap();
    let report = run_again(&data, &RerunOptions::default());
    assert_eq!((report.divergence, report.last), (None, Some(last)));
}

/// A database in which the cheating module has run, call by call.
fn cheat(calls: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let node = open(&folder.path().join("data"));
    node.install(&component_of(module("cheat"))).unwrap();
    for text in calls {
        call(&node, CHEAT, text, Acknowledge::Durable).unwrap();
    }
    node.close().unwrap();
    folder
}

fn divergence(calls: &[&str]) -> Divergence {
    let folder = cheat(calls);
    run_again(&folder.path().join("data"), &RerunOptions::default()).divergence.unwrap()
}

#[test]
fn what_honest_modules_did_they_do_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = open(&data);
    // Deliveries, another module that subscribes, handlers that fail, random numbers and times.
    node.install(&component_of(module("events"))).unwrap();
    node.install(&component_of(module("newborn"))).unwrap();
    for number in 0..20 {
        call(&node, EVENTS, &format!("put(\"{number}\", {number})"), Acknowledge::Durable).unwrap();
    }
    node.settle().unwrap();
    node.snapshot().unwrap();
    call(&node, EVENTS, "pour(100)", Acknowledge::Durable).unwrap();
    node.settle().unwrap();
    node.close().unwrap();
    let last = {
        let report = run_again(&data, &RerunOptions::default());
        assert_eq!(report.divergence, None);
        assert_eq!((report.first, report.records), (Some(Sequence(1)), report.last.unwrap().0));
        report.last.unwrap()
    };
    // From the middle, where the state comes from the log, and from behind the snapshot.
    for from in [2, 17, last.0 - 5, last.0] {
        let options = RerunOptions { from: Some(Sequence(from)), ..RerunOptions::default() };
        let report = run_again(&data, &options);
        assert_eq!((report.first, report.last), (Some(Sequence(from)), Some(last)), "from {from}");
        assert_eq!(report.divergence, None, "from {from}");
    }
    let behind = RerunOptions { from: Some(Sequence(last.0 + 1)), ..RerunOptions::default() };
    assert_eq!(run_again(&data, &behind).records, 0);
    // The database is as it was.
    let node = open(&data);
    call(&node, EVENTS, "put(\"more\", 1)", Acknowledge::Durable).unwrap();
    node.close().unwrap();
}

#[test]
fn a_module_with_state_in_a_static_variable_is_found_by_its_row() {
    let found = divergence(&["sell-honestly(\"ada\")", "sell(\"ada\")", "sell(\"bob\")", "sell(\"cid\")"]);
    // The first `sell` was on a fresh instance, as it is now.
    assert_eq!(found.sequence, Sequence(4));
    assert_eq!(found.module, "test:cheat@1.0.0");
    assert_eq!(found.function.as_deref(), Some("work.sell"));
    assert_eq!(found.arguments, "\"bob\"");
    let Difference::Outcome { logged, again } = found.difference else { panic!("{found:?}") };
    assert_eq!((logged.as_str(), again.as_str()), ("2", "1"));
}

/// Parts between snapshots run beside each other, and the first difference of all is told.
#[test]
fn parts_between_snapshots_are_told_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = open(&data);
    node.install(&component_of(module("cheat"))).unwrap();
    for round in 0..3 {
        for _ in 0..=round {
            call(&node, CHEAT, "sell-honestly(\"ada\")", Acknowledge::Durable).unwrap();
        }
        node.snapshot().unwrap();
    }
    call(&node, CHEAT, "sell-honestly(\"ada\")", Acknowledge::Durable).unwrap();
    node.close().unwrap();
    let report = run_again(&data, &RerunOptions::default());
    assert_eq!((report.first, report.last, report.records), (Some(Sequence(1)), Some(Sequence(8)), 8));
    assert_eq!(report.divergence, None);

    let node = open(&data);
    for _ in 0..2 {
        // The instance remembers: from the second on, each sells another number than a fresh one would.
        call(&node, CHEAT, "sell(\"bob\")", Acknowledge::Durable).unwrap();
        call(&node, CHEAT, "sell(\"bob\")", Acknowledge::Durable).unwrap();
        node.snapshot().unwrap();
    }
    node.close().unwrap();
    let report = run_again(&data, &RerunOptions::default());
    assert_eq!(report.divergence.unwrap().sequence, Sequence(10));
}

#[test]
fn a_row_that_is_written_otherwise_is_told_with_its_column_and_both_values() {
    let found = divergence(&["hide(\"ada\")", "hide(\"bob\")"]);
    assert_eq!(found.sequence, Sequence(3));
    let expected = Difference::Row {
        table: "test:cheat/tables.ticket".to_owned(),
        key: "2".to_owned(),
        column: Some("number".to_owned()),
        logged: Some("2".to_owned()),
        again: Some("1".to_owned()),
    };
    assert_eq!(found.difference, expected);
    let text = "row 2 of test:cheat/tables.ticket, column number: logged 2, again 1";
    assert_eq!(found.difference.to_string(), text);
}

#[test]
fn a_call_that_fails_when_it_is_run_again_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = open(&data);
    node.install(&component_of(module("cheat"))).unwrap();
    assert!(call(&node, CHEAT, "warm-up(\"ada\")", Acknowledge::Durable).is_ok());
    call(&node, CHEAT, "warm-up(\"bob\")", Acknowledge::Durable).unwrap();
    node.close().unwrap();
    let found = run_again(&data, &RerunOptions::default()).divergence.unwrap();
    let Difference::Outcome { logged, again } = found.difference else { panic!("{found:?}") };
    assert_eq!((logged.as_str(), again.as_str()), ("ok", "err(\"cold\")"));
}

#[test]
fn a_trace_tells_every_host_call_with_arguments_and_results() {
    let folder = cheat(&["sell-honestly(\"ada\")", "sell-honestly(\"bob\")"]);
    let doors = os::doors(&folder.path().join("data")).unwrap();
    let traced = trace(&doors, Sequence(3), &RerunOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(traced.module, "test:cheat@1.0.0");
    assert_eq!(traced.function.as_deref(), Some("work.sell-honestly"));
    assert_eq!((traced.arguments.as_str(), traced.outcome.as_str()), ("\"bob\"", "2"));
    assert_eq!(traced.divergence, None);
    let steps: Vec<String> = traced.steps.iter().map(TraceStep::to_string).collect();
    let expected = [
        "count test:cheat/ticket() -> 1",
        "insert test:cheat/ticket({id: 0, holder: \"bob\", number: 2}) -> 2",
    ];
    assert_eq!(steps, expected);
    let error = trace(&doors, Sequence(4), &RerunOptions::default(), &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), "caller.no-such-record");
}
