//! Random histories of real modules on a whole node, against a plain map.
//! `INTERSTICE_CASES=n` makes the campaign longer; a failure shows the shortest history that fails.
#![allow(clippy::unwrap_used, missing_docs)]

mod history;
mod plain;
mod text;

use history::{Event, Run, events};
use interstice_tests::machine::{from_environment, on_guest_thread};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

#[test]
fn a_node_answers_as_a_plain_map_does_across_refusals_traps_restarts_and_power_loss() {
    on_guest_thread(|| {
        let cases = from_environment("INTERSTICE_CASES").map_or(150, |cases| cases as u32);
        let config =
            Config { cases, max_shrink_iters: 2_000, failure_persistence: None, ..Config::default() };
        // The usual cases are the same everywhere; a longer campaign goes on behind them.
        let dice = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let outcome = TestRunner::new_with_rng(config, dice).run(&events(), |events| {
            let mut run = Run::new();
            for event in &events {
                run.event(event);
            }
            run.event(&Event::Restart);
            Ok(())
        });
        if let Err(TestError::Fail(reason, history)) = outcome {
            panic!("{reason}\nafter {history:#?}");
        }
    });
}
