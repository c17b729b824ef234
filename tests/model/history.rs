//! Random histories: what happens to a node, and the same to the plain map.
//! Calls go through a second module, so that each batch of steps is a savepoint of the transaction.
//! Invariant: after each event the node shows the map, whatever was refused, trapped or lost.

use crate::plain::{Item, Plain, Step};
use crate::text;
use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, CallOptions, Node};
use interstice_tests::machine::{component, open};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    Keep,
    Refuse,
    Fail,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// One transaction of several batches.
    Run {
        batches: Vec<(Vec<Step>, Ending)>,
        ending: Ending,
        durable: bool,
    },
    /// A query of what is durable.
    Query(Vec<Step>),
    Restart,
    Kill(u64),
    PowerLoss(u64),
    /// A snapshot is taken.
    Snapshot,
    /// The workers of the node go on by so many steps.
    Steps(u8),
}

/// A node and what it should hold.
pub(crate) struct Run {
    simulator: Simulator,
    node: Option<Node>,
    now: Plain,
    /// The map after each record.
    versions: BTreeMap<u64, Plain>,
    promised: u64,
}

impl Run {
    pub(crate) fn new() -> Run {
        let simulator = Simulator::new(7);
        let node = open(&simulator).unwrap().0;
        node.install(&component("tests/modules/shelf")).unwrap();
        let installed = node.install(&component("tests/modules/clerk")).unwrap().sequence.unwrap().0;
        let versions = BTreeMap::from([(installed, Plain::default())]);
        Run { simulator, node: Some(node), now: Plain::default(), versions, promised: installed }
    }

    fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Run { batches, ending, durable } => self.run(batches, *ending, *durable),
            Event::Query(steps) => self.query(steps),
            Event::Restart => {
                self.node().close().unwrap();
                self.promised = self.node().last_sequence().0;
                self.reopen(|simulator| simulator.kill(1));
            }
            Event::Kill(seed) => self.reopen(|simulator| simulator.kill(*seed)),
            Event::PowerLoss(seed) => self.reopen(|simulator| simulator.power_loss(*seed)),
            Event::Snapshot => {
                let report = self.node().snapshot().unwrap();
                assert_eq!(report.sequence, self.node().last_sequence());
                self.promised = self.promised.max(report.sequence.0);
            }
            Event::Steps(steps) => drop(self.simulator.threads.run((*steps).into())),
        }
        let shown = self.ask("everything()", Acknowledge::Memory);
        let expected: Vec<Item> = self.now.rows.values().cloned().collect();
        assert_eq!(shown, text::list(&expected, text::item));
    }

    fn run(&mut self, batches: &[(Vec<Step>, Ending)], ending: Ending, durable: bool) {
        let batch = |(steps, ending): &(Vec<Step>, Ending)| {
            format!("{{steps: {}, ending: {}}}", text::list(steps, text::step), ending.text())
        };
        let call = format!("run({}, {})", text::list(batches, batch), ending.text());
        let (function, arguments) = self.node().parse_call("test:clerk", &call).unwrap();
        let acknowledge = if durable { Acknowledge::Durable } else { Acknowledge::Memory };
        let options = CallOptions { acknowledge, ..CallOptions::default() };
        let before = self.node().last_sequence();
        let reply = self.node().call(&function, &arguments, &options);

        let traps = ending == Ending::Fail || batches.iter().any(|(_, ending)| *ending == Ending::Fail);
        if traps {
            assert_eq!(reply.unwrap_err().code(), "module.panic");
            assert_eq!(self.node().last_sequence(), before);
            return;
        }
        let reply = reply.unwrap();
        let shown = function.print_result(&reply.result);
        let (results, after) = self.expected(batches);
        if ending == Ending::Refuse {
            assert_eq!(shown, "err(\"as it was told to\")");
            assert_eq!(reply.sequence, None);
            return;
        }
        assert_eq!(shown, format!("ok([{}])", results.join(", ")));
        match reply.sequence {
            Some(sequence) => {
                self.now = after;
                self.versions.insert(sequence.0, self.now.clone());
                self.promised = self.promised.max(if durable { sequence.0 } else { 0 });
            }
            // Nothing changed, so there is no record, and numbers that were given are given again.
            None => assert_eq!(after.rows, self.now.rows),
        }
    }

    /// What the batches answer, and the map after those that kept what they did.
    fn expected(&self, batches: &[(Vec<Step>, Ending)]) -> (Vec<String>, Plain) {
        let mut after = self.now.clone();
        let mut results = Vec::new();
        for (steps, ending) in batches {
            let before = after.clone();
            let outcomes: Vec<_> = steps.iter().map(|step| after.step(step)).collect();
            let name = if *ending == Ending::Refuse { "err" } else { "ok" };
            results.push(format!("{name}({})", text::list(&outcomes, text::outcome)));
            if *ending == Ending::Refuse {
                after = before;
            }
        }
        (results, after)
    }

    fn query(&mut self, steps: &[Step]) {
        let node = self.node();
        node.flush().unwrap();
        let shown = self.ask(&format!("read({})", text::list(steps, text::step)), Acknowledge::Durable);
        let mut now = self.now.clone();
        let outcomes: Vec<_> = steps.iter().map(|step| now.step(step)).collect();
        assert_eq!(shown, text::list(&outcomes, text::outcome));
    }

    fn ask(&self, query: &str, acknowledge: Acknowledge) -> String {
        let (function, arguments) = self.node().parse_call("test:shelf", query).unwrap();
        let options = CallOptions { acknowledge, ..CallOptions::default() };
        function.print_result(&self.node().query(&function, &arguments, &options).unwrap().result)
    }

    /// Opens the database as it is on the disk after something happened to the machine.
    fn reopen(&mut self, happens: impl FnOnce(&Simulator) -> Simulator) {
        let promised = self.promised.max(self.node().durable().0);
        self.simulator = happens(&self.simulator);
        self.node = None;
        self.node = Some(open(&self.simulator).unwrap().0);
        let last = self.node().last_sequence().0;
        assert!(last >= promised, "record {promised} was promised, and {last} is the last one");
        self.versions.split_off(&(last + 1));
        self.now = self.versions.values().next_back().unwrap().clone();
    }
}

impl Ending {
    fn text(self) -> &'static str {
        match self {
            Ending::Keep => "keep",
            Ending::Refuse => "refuse",
            Ending::Fail => "fail",
        }
    }
}

fn item() -> impl Strategy<Value = Item> {
    let id = prop_oneof![4 => Just(0), 6 => 1..12_u8, 1 => 250..=255_u8];
    let name = prop::sample::select(vec!["ada", "bob", "cleo", "dan", "eve", "fay", "\u{e9}", ""]);
    let mark = prop::option::of(prop::collection::vec(any::<u8>(), 0..3));
    (id, name, 0..3_u8, -3..3_i64, mark).prop_map(|(id, name, shelf, weight, mark)| Item {
        id,
        name: name.to_owned(),
        shelf,
        weight,
        mark,
    })
}

fn read() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..14_u8).prop_map(Step::Get),
        item().prop_map(|item| Step::Find(item.name)),
        (0..3_u8, any::<bool>()).prop_map(|(shelf, backwards)| Step::ScanShelf(shelf, backwards)),
        (0..3_u8, -4..4_i64, -4..4_i64).prop_map(|(shelf, from, to)| Step::ScanWeights(shelf, from, to)),
        Just(Step::Ends),
        Just(Step::Count),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => item().prop_map(Step::Insert),
        2 => prop::collection::vec(item(), 0..5).prop_map(Step::InsertMany),
        5 => item().prop_map(Step::Update),
        4 => item().prop_map(Step::Upsert),
        4 => (0..12_u8).prop_map(Step::Delete),
        1 => (0..12_u8, 0..12_u8).prop_map(|(from, to)| Step::DeleteRange(from, to)),
        1 => (0..3_u8).prop_map(Step::DeleteShelf),
        5 => read(),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![8 => Just(Ending::Keep), 2 => Just(Ending::Refuse), 1 => Just(Ending::Fail)]
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let steps = prop::collection::vec(step(), 0..7);
    let batches = prop::collection::vec((steps, ending()), 0..4);
    let event = prop_oneof![
        12 => (batches, ending(), any::<bool>())
            .prop_map(|(batches, ending, durable)| Event::Run { batches, ending, durable }),
        3 => prop::collection::vec(read(), 0..5).prop_map(Event::Query),
        1 => Just(Event::Restart),
        1 => any::<u64>().prop_map(Event::Kill),
        1 => any::<u64>().prop_map(Event::PowerLoss),
        2 => Just(Event::Snapshot),
        1 => (0..20_u8).prop_map(Event::Steps),
    ];
    prop::collection::vec(event, 0..24)
}
