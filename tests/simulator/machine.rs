//! What the tests of this folder share: a node on a simulated machine, and dice.

use interstice_log::doors::Entropy;
use interstice_log::sim::{SimEntropy, Simulator};
use interstice_log::{LogOptions, RecoveryReport};
use interstice_node::{CompileCache, Error, Node, NodeOptions, guest_thread};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Compiled components, shared by all tests: compiling is not what they are about.
#[derive(Default)]
struct MemoryCache(Mutex<HashMap<String, Vec<u8>>>);

impl CompileCache for MemoryCache {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn put(&self, key: &str, entry: &[u8]) {
        self.0.lock().unwrap().insert(key.to_owned(), entry.to_vec());
    }
}

pub(crate) fn open(simulator: &Simulator) -> Result<(Node, RecoveryReport), Error> {
    static CACHE: OnceLock<Arc<MemoryCache>> = OnceLock::new();
    let options = NodeOptions {
        log: LogOptions { segment_bytes: 64 << 10, ..LogOptions::DEFAULT },
        cache: Some(CACHE.get_or_init(Arc::default).clone()),
        ..NodeOptions::default()
    };
    Node::open(simulator.doors(), options, &mut |_| {})
}

pub(crate) fn bank() -> Arc<[u8]> {
    interstice_test::component_of(format!("{}/../examples/bank", env!("CARGO_MANIFEST_DIR")))
}

/// Runs a test on a thread that can run guests, so that calls run on it and workers take turns with it.
pub(crate) fn on_guest_thread(test: impl FnOnce() + Send + 'static) {
    // Workers of the simulator run guests on this same thread, below the test's own frames.
    let stack_bytes = 64 << 20;
    let thread = std::thread::Builder::new().stack_size(stack_bytes);
    let thread = thread.spawn(move || guest_thread(stack_bytes / 2, test)).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs the test for every seed of this run, and says which one failed.
pub(crate) fn for_seeds(usual: u64, test: fn(u64)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("INTERSTICE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("INTERSTICE_SEEDS").unwrap_or(usual),
    };
    on_guest_thread(move || {
        for seed in seeds {
            let result = std::panic::catch_unwind(|| test(seed));
            if let Err(panic) = result {
                eprintln!("failed with INTERSTICE_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// Choices that follow from a seed.
pub(crate) struct Dice(SimEntropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(SimEntropy::new(seed ^ 0xd1ce))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % bound
    }
}
