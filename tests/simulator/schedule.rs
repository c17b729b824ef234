//! Scheduled functions across restarts: what ran is known from the log, and the rhythm is kept.

use interstice_log::doors::Clock;
use interstice_log::sim::Simulator;
use interstice_node::{Acknowledge, Node};
use interstice_tests::machine::{call, component, on_guest_thread, open, query};

const BANK: &str = "acme:bank";
const MINUTE_MICROS: u64 = 60 * 1_000_000;

/// A bank that pays 5 on account 2 every hour. It was installed at 0:00, give or take a millisecond.
struct Bank {
    simulator: Simulator,
    node: Node,
    beginning: u64,
}

impl Bank {
    fn new(seed: u64) -> Bank {
        let simulator = Simulator::new(seed);
        let beginning = simulator.clock.now_micros();
        let node = open(&simulator).unwrap().0;
        node.install(&component("examples/bank")).unwrap();
        call(&node, BANK, "open-account(\"ada\")", Acknowledge::Memory).unwrap();
        call(&node, BANK, "deposit(2, 5000000)", Acknowledge::Durable).unwrap();
        Bank { simulator, node, beginning }
    }

    /// How often interest was paid by then.
    fn runs_at(&self, hours: u64, minutes: u64) -> i64 {
        let then = self.beginning + (hours * 60 + minutes) * MINUTE_MICROS;
        self.simulator.clock.advance(then.saturating_sub(self.simulator.clock.now_micros()));
        self.node.settle().unwrap();
        self.runs()
    }

    fn runs(&self) -> i64 {
        let balance: Option<i64> = query(&self.node, BANK, "balance(2)", Acknowledge::Durable);
        (balance.unwrap() - 5_000_000) / 5
    }

    /// Kills the process now and starts it again at that time.
    fn restart_at(&mut self, hours: u64, minutes: u64) {
        self.simulator = self.simulator.kill(1);
        let then = self.beginning + (hours * 60 + minutes) * MINUTE_MICROS;
        self.simulator.clock.advance(then.saturating_sub(self.simulator.clock.now_micros()));
        self.node = open(&self.simulator).unwrap().0;
    }
}

/// The next run was counted from the time of the last one while the node lived, and from the time for which
/// it had been set once the node had been opened again. So a run that made up for several missed ones was
/// repeated after every restart, until all of them had been made up for.
#[test]
fn a_run_that_made_up_for_missed_ones_is_not_repeated_after_a_restart() {
    on_guest_thread(|| {
        let mut bank = Bank::new(1);
        assert_eq!(bank.runs_at(0, 10), 0);
        bank.restart_at(5, 30);
        assert_eq!(bank.runs_at(5, 30), 1, "five runs were missed, and one makes up for them");
        for minute in 31..34 {
            bank.restart_at(5, minute);
            assert_eq!(bank.runs_at(5, minute), 1, "nothing is due before 6:00");
        }
        assert_eq!(bank.runs_at(5, 59), 1);
        assert_eq!(bank.runs_at(6, 1), 2, "the rhythm is that of the installation");
        bank.restart_at(6, 2);
        assert_eq!(bank.runs_at(6, 59), 2);
        assert_eq!(bank.runs_at(7, 1), 3);
    });
}

#[test]
fn a_scheduled_run_is_replayed_and_not_run_again() {
    on_guest_thread(|| {
        let mut bank = Bank::new(2);
        assert_eq!(bank.runs_at(1, 1), 1);
        assert_eq!(bank.runs_at(2, 1), 2);
        let last = bank.node.last_sequence();
        bank.restart_at(2, 2);
        assert_eq!((bank.runs(), bank.node.last_sequence()), (2, last), "before anything else is run");
        assert_eq!((bank.runs_at(2, 30), bank.node.last_sequence()), (2, last));
    });
}

/// A live node and one that was just opened agree on what is due, whenever that is asked.
#[test]
fn a_restart_changes_nothing_about_when_functions_run() {
    on_guest_thread(|| {
        for jump in [1, 29, 60, 61, 90, 119, 125, 400] {
            let (mut restarted, steady) = (Bank::new(3), Bank::new(3));
            let mut minutes = 0;
            for _ in 0..8 {
                minutes += jump;
                assert_eq!(restarted.runs_at(0, minutes), steady.runs_at(0, minutes), "every {jump} minutes");
                restarted.restart_at(0, minutes);
                assert_eq!(restarted.runs_at(0, minutes), steady.runs(), "and again, every {jump} minutes");
            }
        }
    });
}
