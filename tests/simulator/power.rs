//! Power failures: what was acknowledged is there, and what is there is a prefix of what was done.

use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, CallOptions, Error, ErrorKind, Node};
use interstice_tests::machine::{Dice, component, for_seeds, open};
use std::collections::BTreeMap;

const CUSTOMERS: u64 = 8;

/// What a client can see of the bank.
fn state(node: &Node) -> Vec<String> {
    let options = CallOptions { acknowledge: Acknowledge::Memory, ..CallOptions::default() };
    let query = |text: &str| {
        let (function, arguments) = node.parse_call("acme:bank", text).unwrap();
        function.print_result(&node.query(&function, &arguments, &options).unwrap().result)
    };
    (1..=CUSTOMERS + 1).map(|id| query(&format!("balance({id})"))).collect()
}

/// The history that a test has seen: the state after each record, and what it was promised.
#[derive(Default)]
struct History {
    states: BTreeMap<u64, Vec<String>>,
    promised: u64,
}

impl History {
    fn see(&mut self, node: &Node) {
        self.states.insert(node.last_sequence().0, state(node));
        self.promised = self.promised.max(node.durable().0);
    }

    /// Checks a node that was opened after a failure, and forgets what it has lost.
    fn check(&mut self, node: &Node) {
        let last = node.last_sequence().0;
        assert!(last >= self.promised, "record {} was promised, and the last one is {last}", self.promised);
        if let Some((_, expected)) = self.states.range(..=last).next_back() {
            assert_eq!(state(node), *expected, "the state at record {last}");
        }
        self.states.split_off(&(last + 1));
    }
}

fn work(node: &Node, simulator: &Simulator, dice: &Dice, history: &mut History) -> Result<(), Error> {
    if node.modules().is_empty() {
        node.install(&component("examples/bank"))?;
        history.see(node);
    }
    for _ in 0..dice.below(60) {
        let (a, b) = (dice.below(CUSTOMERS + 2) + 1, dice.below(CUSTOMERS + 2) + 1);
        let call = match dice.below(8) {
            0 => format!("open-account(\"customer {a}\")"),
            1..=3 => format!("deposit({a}, {})", dice.below(1000)),
            _ => format!("transfer({a}, {b}, {})", dice.below(500)),
        };
        let (function, arguments) = node.parse_call("acme:bank", &call)?;
        let acknowledge = if dice.below(3) == 0 { Acknowledge::Durable } else { Acknowledge::Memory };
        node.call(&function, &arguments, &CallOptions { acknowledge, ..CallOptions::default() })?;
        history.see(node);
        match dice.below(6) {
            0 => {
                simulator.threads.run(dice.below(4) as usize);
            }
            1 => simulator.clock.advance(dice.below(3_600_000_000)),
            2 => {
                node.settle()?;
            }
            _ => continue,
        }
        history.see(node);
    }
    Ok(())
}

fn survive(seed: u64) {
    let dice = Dice::new(seed);
    let mut simulator = Simulator::new(seed);
    let mut history = History::default();
    for _ in 0..4 {
        let node = loop {
            match open(&simulator) {
                Ok((node, _)) => break node,
                Err(error) => {
                    assert!(simulator.disk.is_dead(), "refused to open: {error}");
                    simulator = simulator.power_loss(dice.below(u64::MAX));
                }
            }
        };
        history.check(&node);
        if dice.below(2) == 0 {
            simulator.disk.fail_power_after(dice.below(60) + 1);
        }
        if let Err(error) = work(&node, &simulator, &dice, &mut history) {
            // The record of the call that failed may be in the log all the same.
            if !node.modules().is_empty() {
                history.states.insert(node.last_sequence().0, state(&node));
            }
            assert!(simulator.disk.is_dead(), "{error}");
            assert!(
                matches!(error.kind(), ErrorKind::Ours | ErrorKind::OutcomeUnknown),
                "a caller is told whose fault it was: {error}"
            );
        }
        history.promised = history.promised.max(node.durable().0);
        simulator = if dice.below(4) == 0 {
            simulator.kill(dice.below(u64::MAX))
        } else {
            simulator.power_loss(dice.below(u64::MAX))
        };
        drop(node);
    }
}

#[test]
fn what_was_acknowledged_survives_power_loss_and_the_rest_is_a_prefix() {
    for_seeds(60, survive);
}
