//! Clocks that no machine should have.

use interstice_log::doors::{Clock, Doors};
use interstice_log::sim::Simulator;
use interstice_node::{CallOptions, Node, NodeOptions};
use interstice_tests::machine::{component, on_guest_thread, open};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that says what the test wants.
struct AnyClock(AtomicU64);

impl Clock for AnyClock {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_micros(&self) -> u64 {
        0
    }
}

const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;
const BEGINNING: u64 = 20_000 * DAY_MICROS;

fn call(node: &Node, text: &str) -> String {
    let (function, arguments) = node.parse_call("acme:bank", text).unwrap();
    function.print_result(&node.call(&function, &arguments, &CallOptions::default()).unwrap().result)
}

fn with_clock(simulator: &Simulator, clock: &Arc<AnyClock>) -> Doors {
    Doors { clock: clock.clone(), ..simulator.doors() }
}

#[test]
fn time_does_not_go_back_when_the_clock_does() {
    on_guest_thread(|| {
        let simulator = Simulator::new(1);
        let clock = Arc::new(AnyClock(BEGINNING.into()));
        let node = Node::open(with_clock(&simulator, &clock), NodeOptions::default(), &mut |_| {}).unwrap().0;
        node.install(&component("examples/bank")).unwrap();
        let last = |node: &Node| node.last_timestamp_micros();
        call(&node, "open-account(\"ada\")");
        assert_eq!(last(&node), BEGINNING);
        clock.0.store(BEGINNING - DAY_MICROS, Ordering::Relaxed);
        call(&node, "deposit(2, 1)");
        assert_eq!(last(&node), BEGINNING, "time stands still until the clock has caught up");
        clock.0.store(BEGINNING + 5, Ordering::Relaxed);
        call(&node, "deposit(2, 1)");
        assert_eq!(last(&node), BEGINNING + 5);
    });
}

#[test]
fn a_clock_that_is_years_ahead_is_refused_at_opening() {
    on_guest_thread(|| {
        let simulator = Simulator::new(2);
        let (node, _) = open(&simulator).unwrap();
        node.install(&component("examples/bank")).unwrap();
        node.close().unwrap();
        drop(node);
        let clock = Arc::new(AnyClock((simulator.doors().clock.now_micros() + 4000 * DAY_MICROS).into()));
        let refused = Node::open(with_clock(&simulator, &clock), NodeOptions::default(), &mut |_| {});
        let error = refused.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "ours.clock-jump", "{error}");
        assert!(open(&simulator).is_ok(), "nothing was changed");
    });
}
