//! Power failures: what was acknowledged is there, and what is there is a prefix of what was done.

use interstice_log::Sequence;
use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, Error, ErrorKind, Node};
use interstice_tests::machine::{Dice, call, component, for_seeds, open, query};
use std::collections::BTreeMap;

const BANK: &str = "acme:bank";
const CUSTOMERS: u64 = 8;

/// What the accounts hold, in the order of their numbers.
type Balances = Vec<Option<i64>>;

/// What a client can see of the bank.
fn balances(node: &Node) -> Balances {
    (1..=CUSTOMERS + 3).map(|id| query(node, BANK, &format!("balance({id})"), Acknowledge::Memory)).collect()
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Open(u64),
    Deposit(u64, i64),
    Transfer(u64, u64, i64),
}

impl Deed {
    fn roll(dice: &Dice) -> Deed {
        let (a, b) = (dice.below(CUSTOMERS + 2) + 1, dice.below(CUSTOMERS + 2) + 1);
        match dice.below(8) {
            0 => Deed::Open(a),
            1..=3 => Deed::Deposit(a, dice.below(1000) as i64),
            _ => Deed::Transfer(a, b, dice.below(500) as i64),
        }
    }

    fn text(self) -> String {
        match self {
            Deed::Open(a) => format!("open-account(\"customer {a}\")"),
            Deed::Deposit(a, amount) => format!("deposit({a}, {amount})"),
            Deed::Transfer(a, b, amount) => format!("transfer({a}, {b}, {amount})"),
        }
    }

    /// What the accounts hold once it is done.
    fn done(self, mut balances: Balances) -> Balances {
        let mut add = |account: u64, amount: i64| {
            if let Some(Some(balance)) = balances.get_mut(account as usize - 1) {
                *balance += amount;
            }
        };
        match self {
            Deed::Deposit(a, amount) => add(a, amount),
            Deed::Transfer(a, b, amount) => {
                add(a, -amount);
                add(b, amount);
            }
            Deed::Open(_) => {
                if let Some(next) = balances.iter_mut().find(|balance| balance.is_none()) {
                    *next = Some(0);
                }
            }
        }
        balances
    }
}

/// The history that a test has seen: the balances after each record, and the last record that a reply has
/// promised. What the node says of itself is not asked.
#[derive(Default)]
struct History {
    states: BTreeMap<u64, Balances>,
    promised: u64,
    /// What was being done when the power failed: its record may be in the log all the same.
    in_flight: Option<Deed>,
}

impl History {
    fn see(&mut self, node: &Node, simulator: &Simulator) {
        // On a dead disk what is not durable is shown to nobody any more.
        if !simulator.disk.is_dead() {
            self.states.insert(node.last_sequence().0, balances(node));
        }
    }

    fn promise(&mut self, sequence: Sequence) {
        self.promised = self.promised.max(sequence.0);
    }

    /// Checks a node that was opened after a failure, and forgets what it has lost.
    fn check(&mut self, node: &Node, simulator: &Simulator) {
        let last = node.last_sequence().0;
        assert!(last >= self.promised, "record {} was promised, and the last one is {last}", self.promised);
        let in_flight = self.in_flight.take();
        if let Some((seen, expected)) = self.states.range(..=last).next_back() {
            let found = balances(node);
            let came_through = *seen < last
                && self.states.range(last..).next().is_none()
                && in_flight.is_some_and(|deed| found == deed.done(expected.clone()));
            assert!(
                found == *expected || came_through,
                "at record {last} there is {found:?}; at {seen} there was {expected:?}, and then came {in_flight:?}"
            );
        }
        self.states.split_off(&(last + 1));
        if node.modules().len() == 1 {
            self.see(node, simulator);
        }
    }
}

fn work(node: &Node, simulator: &Simulator, dice: &Dice, history: &mut History) -> Result<(), Error> {
    if node.modules().is_empty() {
        let installed = node.install(&component("examples/bank"))?;
        history.promise(installed.sequence.expect("it was not there"));
        history.see(node, simulator);
    }
    for _ in 0..dice.below(60) {
        let deed = Deed::roll(dice);
        history.in_flight = Some(deed);
        let acknowledge = if dice.below(3) == 0 { Acknowledge::Durable } else { Acknowledge::Memory };
        let reply = call(node, BANK, &deed.text(), acknowledge)?;
        if acknowledge == Acknowledge::Durable {
            // A reply without a record of its own tells of those before it.
            history.promise(reply.sequence.unwrap_or(reply.version));
        }
        history.in_flight = None;
        history.see(node, simulator);
        match dice.below(6) {
            0 => {
                simulator.threads.run(dice.below(4) as usize);
            }
            1 => simulator.clock.advance(dice.below(3_600_000_000)),
            2 => {
                node.settle()?;
                history.promise(node.last_sequence());
            }
            _ => continue,
        }
        history.see(node, simulator);
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
        history.check(&node, &simulator);
        if dice.below(2) == 0 {
            simulator.disk.fail_power_after(dice.below(60) + 1);
        }
        if let Err(error) = work(&node, &simulator, &dice, &mut history) {
            assert!(simulator.disk.is_dead(), "{error}");
            assert!(
                matches!(error.kind(), ErrorKind::Ours | ErrorKind::OutcomeUnknown),
                "a caller is told whose fault it was: {error}"
            );
        }
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
