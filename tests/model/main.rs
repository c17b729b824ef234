//! Random histories of real modules on a whole node, against a plain map. `INTERSTICE_SEEDS=n` makes the
//! campaign longer, `INTERSTICE_SEED=n` runs one seed again, `INTERSTICE_FROM=n` goes on; a failure shows the shortest
//! history that fails.
#![allow(clippy::unwrap_used, missing_docs)]

mod history;
mod plain;
mod text;

use history::{Event, Run, events};
use interstice_tests::machine::for_seeds;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// How many histories a seed tries: some 300 operations in all.
const HISTORIES: u32 = 10;

#[test]
fn a_node_answers_as_a_plain_map_does_across_refusals_traps_restarts_and_power_loss() {
    for_seeds(15, |seed| {
        let config = Config {
            cases: HISTORIES,
            max_shrink_iters: 2_000,
            failure_persistence: None,
            ..Config::default()
        };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let dice = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
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
