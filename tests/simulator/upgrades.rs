//! Upgrades on a machine whose power fails in the middle of them: afterwards there is the old version or the new one,
//! with everything that was acknowledged, and nothing in between.

use interstice_log::SnapshotStore;
use interstice_log::doors::Clock;
use interstice_log::sim::Simulator;
use interstice_node::{
    Acknowledge, Beginning, Error, ErrorKind, HistoricState, Moment, Node, UpgradeOptions,
};
use interstice_tests::machine::{Dice, call, component, for_seeds, on_guest_thread, open, query};

const BANK: &str = "acme:bank";
const SHOP: &str = "acme:shop";

/// The bank as it begins, and as it can be again after the version that only adds.
const FIRST: &[&str] = &["examples/bank"];

/// The bank in a version that only adds.
const ADDED: &[&str] = &["examples/bank-1.3"];

/// The bank in a version that breaks, and the shop that moves to it.
const MOVED: &[&str] = &["examples/bank-2.0", "examples/shop-0.4"];

/// How far a database has come.
fn step_of(node: &Node) -> usize {
    let versions: Vec<String> =
        node.modules().iter().map(|module| module.schema.package.version.to_string()).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    match versions.as_slice() {
        [] => 0,
        ["1.2.0"] => 1,
        ["1.2.0", "0.3.0"] => 2,
        ["1.3.0", "0.3.0"] => 3,
        ["2.0.0", "0.4.0"] => 4,
        ["2.0.0"] => 5,
        other => panic!("{other:?} is no step of an upgrade, but half of one"),
    }
}

/// Makes the next step.
fn go_on(node: &Node, step: usize) -> Result<(), Error> {
    match step {
        0 => node.install(&component("examples/bank")).map(drop),
        1 => node.install(&component("examples/shop")).map(drop),
        2 => upgrade(node, ADDED, false),
        3 => upgrade(node, MOVED, false),
        4 => node.uninstall(SHOP).map(drop),
        _ => node.install(&component("examples/shop-0.4")).map(drop),
    }
}

fn upgrade(node: &Node, folders: &[&str], rollback: bool) -> Result<(), Error> {
    let components: Vec<_> = folders.iter().map(|folder| component(folder)).collect();
    let components: Vec<&[u8]> = components.iter().map(|component| &component[..]).collect();
    let done = node.upgrade(&components, &UpgradeOptions { rollback, ..UpgradeOptions::default() })?;
    assert!(done.sequence.is_some());
    Ok(())
}

/// What a client knows.
#[derive(Default)]
struct Known {
    /// The step that was promised last, and the one that may have been made besides.
    promised: usize,
    tried: usize,
    /// How often was paid in, with a promise and at most.
    paid: i64,
    most_paid: i64,
}

impl Known {
    fn check(&mut self, node: &Node) {
        let step = step_of(node);
        assert!(
            step == self.promised || step == self.tried,
            "step {step}, and {} was promised and {} tried",
            self.promised,
            self.tried
        );
        (self.promised, self.tried) = (step, step);
        if step > 0 {
            let paid: Option<i64> = query(node, BANK, "balance(1)", Acknowledge::Memory);
            let paid = paid.expect("the bank's own account is opened with it");
            assert!(
                (self.paid..=self.most_paid).contains(&paid),
                "{paid} of {}..={}",
                self.paid,
                self.most_paid
            );
            (self.paid, self.most_paid) = (paid, paid);
        }
    }
}

fn work(node: &Node, simulator: &Simulator, dice: &Dice, known: &mut Known) -> Result<(), Error> {
    for _ in 0..dice.below(25) {
        if known.promised > 0 && dice.below(3) > 0 {
            known.most_paid += 1;
            let acknowledge = if dice.below(2) == 0 { Acknowledge::Durable } else { Acknowledge::Memory };
            call(node, BANK, "deposit(1, 1)", acknowledge)?;
            if acknowledge == Acknowledge::Durable {
                known.paid = known.most_paid;
            }
            continue;
        }
        match dice.below(8) {
            0..=2 => {
                // After the shop is gone it comes and goes.
                let step = step_of(node);
                if step == 3 && dice.below(2) == 0 {
                    known.tried = 2;
                    upgrade(node, FIRST, true)?;
                } else {
                    known.tried = if step == 5 { 4 } else { step + 1 };
                    go_on(node, step)?;
                }
                known.promised = known.tried;
                known.paid = known.most_paid;
            }
            3 => drop(node.snapshot()?),
            4 => simulator.clock.advance(dice.below(3_600_000_000)),
            5 => node.settle()?,
            _ => drop(simulator.threads.run(dice.below(12) as usize)),
        }
    }
    Ok(())
}

fn state(simulator: &Simulator, beginning: Beginning) -> HistoricState {
    let other = Simulator { disk: simulator.disk.copy(), ..Simulator::new(9) };
    other.clock.advance(simulator.clock.now_micros() - other.clock.now_micros());
    HistoricState::read(&other.doors(), Moment::Newest, beginning, &mut |_| {}).unwrap()
}

fn survive(seed: u64) {
    let dice = Dice::new(seed);
    let mut simulator = Simulator::new(seed);
    let mut known = Known::default();
    for _ in 0..6 {
        let node = loop {
            if dice.below(3) == 0 {
                simulator.disk.fail_power_after(dice.below(30) + 1);
            }
            match open(&simulator) {
                Ok((node, _)) => break node,
                Err(error) => {
                    assert!(simulator.disk.is_dead(), "refused to open: {error}");
                    simulator = simulator.power_loss(dice.below(u64::MAX));
                }
            }
        };
        known.check(&node);
        if dice.below(4) > 0 {
            simulator.disk.fail_power_after(dice.below(120) + 1);
        }
        if let Err(error) = work(&node, &simulator, &dice, &mut known) {
            assert!(simulator.disk.is_dead(), "{error}");
        }
        simulator = match dice.below(3) {
            0 => simulator.kill(dice.below(u64::MAX)),
            _ => simulator.power_loss(dice.below(u64::MAX)),
        };
        drop(node);
        if known.promised > 0 {
            let (nearest, whole) =
                (state(&simulator, Beginning::Nearest), state(&simulator, Beginning::FirstRecord));
            assert_eq!(nearest.sequence(), whole.sequence());
            assert_eq!(nearest.digest().unwrap(), whole.digest().unwrap());
        }
    }
}

#[test]
fn an_upgrade_that_is_cut_off_is_there_or_is_not() {
    for_seeds(30, survive);
}

/// The power fails at every single change of the disk within an upgrade of two modules at once.
#[test]
fn no_moment_of_an_upgrade_leaves_half_of_it() {
    on_guest_thread(|| {
        let simulator = Simulator::new(4);
        let (node, _) = open(&simulator).unwrap();
        go_on(&node, 0).unwrap();
        go_on(&node, 1).unwrap();
        call(&node, BANK, "deposit(1, 7)", Acknowledge::Durable).unwrap();
        node.settle().unwrap();
        node.close().unwrap();
        drop(node);
        let (mut old, mut new) = (0, 0);
        for step in 1.. {
            let machine = Simulator { disk: simulator.disk.copy(), ..Simulator::new(step) };
            machine.clock.advance(simulator.clock.now_micros() - machine.clock.now_micros());
            let (node, _) = open(&machine).unwrap();
            machine.disk.fail_power_after(step);
            let done = upgrade(&node, MOVED, false);
            let is_over = !machine.disk.is_dead();
            match &done {
                Ok(()) => {}
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Ours | ErrorKind::OutcomeUnknown), "{error}")
                }
            }
            let machine = machine.power_loss(step);
            drop(node);
            let (node, _) = open(&machine).unwrap();
            let found = step_of(&node);
            assert!(found == 4 || (found == 2 && done.is_err()), "step {found} after {done:?}");
            if found == 4 {
                new += 1
            } else {
                old += 1
            }
            let balance: Option<i64> = query(&node, BANK, "balance(1)", Acknowledge::Memory);
            assert_eq!(balance, Some(7));
            // Whatever is there goes on.
            go_on(&node, found).unwrap();
            if is_over {
                break;
            }
        }
        assert!(
            old > 3 && new > 0,
            "the power failed {old} times before the upgrade and {new} times after it"
        );
    });
}

/// The names of the sections of the newest snapshot.
fn sections(simulator: &Simulator) -> Vec<String> {
    let listed = SnapshotStore::new(&simulator.doors()).list().unwrap().into_iter().next().unwrap();
    let snapshot = listed.found.unwrap();
    snapshot.sections().map(|(name, _)| name.to_owned()).collect()
}

/// A program that knows of no upgrades reads the snapshots of a database that had none, and refuses by the name of a
/// section those that it would misunderstand.
#[test]
fn a_snapshot_says_of_the_catalog_only_what_the_list_of_modules_cannot() {
    on_guest_thread(|| {
        let simulator = Simulator::new(5);
        let (node, _) = open(&simulator).unwrap();
        let installed = ["last-runs", "modules"];
        go_on(&node, 0).unwrap();
        go_on(&node, 1).unwrap();
        node.snapshot().unwrap();
        assert_eq!(sections(&simulator), installed);
        // The schedule of the bank waits since the installation of 1.2.
        simulator.clock.advance(1_000_000);
        go_on(&node, 2).unwrap();
        node.snapshot().unwrap();
        assert_eq!(sections(&simulator), ["catalog", "last-runs", "modules"]);
        node.uninstall(SHOP).unwrap();
        node.snapshot().unwrap();
        node.close().unwrap();
        drop(node);
        let (nearest, whole) =
            (state(&simulator, Beginning::Nearest), state(&simulator, Beginning::FirstRecord));
        assert_eq!(nearest.digest().unwrap(), whole.digest().unwrap());
        assert_eq!((nearest.modules().len(), nearest.kept().len(), nearest.tables().len()), (1, 1, 6));
        assert!(nearest.tables().iter().any(|table| !table.is_installed && table.name == "tables.order"));
    });
}
