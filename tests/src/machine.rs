//! A node on a simulated machine, seeds and dice.
//! Compiled modules are shared by all tests of a process: compiling is not what they are about.
//! Invariant: nothing here reads a real clock, a real file of a database or a real source of randomness.

use interstice_codec::row::{Decode, from_bytes};
use interstice_log::doors::Entropy;
use interstice_log::sim::{SimEntropy, Simulator};
use interstice_log::{LogOptions, RecoveryReport};
use interstice_node::{
    Acknowledge, CallOptions, CompileCache, Error, Node, NodeOptions, Reply, guest_thread,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

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

/// Opens a database whose segments are small, on the disk of this machine.
///
/// # Errors
/// As a node says them; a dead disk among them.
pub fn open(simulator: &Simulator) -> Result<(Node, RecoveryReport), Error> {
    open_with(simulator, options())
}

/// Opens a database on the disk of this machine.
///
/// # Errors
/// As a node says them; a dead disk among them.
pub fn open_with(simulator: &Simulator, options: NodeOptions) -> Result<(Node, RecoveryReport), Error> {
    Node::open(simulator.doors(), options, &mut |_| {})
}

/// The usual options, with small segments.
pub fn options() -> NodeOptions {
    static CACHE: OnceLock<Arc<MemoryCache>> = OnceLock::new();
    NodeOptions {
        log: LogOptions { segment_bytes: 64 << 10, ..LogOptions::DEFAULT },
        cache: Some(CACHE.get_or_init(Arc::default).clone()),
        ..NodeOptions::default()
    }
}

/// The component of a crate of this repository, such as `examples/bank`.
pub fn component(folder: &str) -> Arc<[u8]> {
    interstice_test::component_of(format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR")))
}

/// Makes a call that is written in WAVE, and waits as long as it is told to.
///
/// # Errors
/// As a node says them.
pub fn call(node: &Node, module: &str, text: &str, acknowledge: Acknowledge) -> Result<Reply, Error> {
    let (function, arguments) = node.parse_call(module, text)?;
    node.call(&function, &arguments, &CallOptions { acknowledge, ..CallOptions::default() })
}

/// Asks a query that is written in WAVE, of what is durable or of what is visible.
///
/// # Panics
/// If the query fails, or its result is of another type.
pub fn query<T: Decode>(node: &Node, module: &str, text: &str, acknowledge: Acknowledge) -> T {
    let (function, arguments) = node.parse_call(module, text).unwrap();
    let options = CallOptions { acknowledge, ..CallOptions::default() };
    let reply = node.query(&function, &arguments, &options).unwrap_or_else(|error| panic!("{text}: {error}"));
    from_bytes(&reply.result).unwrap()
}

/// Runs a test on a thread that can run guests, so that calls run on it and workers take turns with it.
pub fn on_guest_thread(test: impl FnOnce() + Send + 'static) {
    // Workers of the simulator run guests on this same thread, below the test's own frames.
    let stack_bytes = 64 << 20;
    let thread = std::thread::Builder::new().stack_size(stack_bytes);
    let thread = thread.spawn(move || guest_thread(stack_bytes / 2, test)).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs the test for every seed of this run, and says which one failed; a long run says where it is.
pub fn for_seeds(usual: u64, test: fn(u64)) {
    let seeds = match from_environment("INTERSTICE_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let from = from_environment("INTERSTICE_FROM").unwrap_or(0);
            from..from_environment("INTERSTICE_SEEDS").unwrap_or(usual)
        }
    };
    let is_long = from_environment("INTERSTICE_SEEDS").is_some();
    on_guest_thread(move || {
        for seed in seeds {
            if is_long && seed % 100 == 0 {
                eprintln!("all seeds before {seed} passed; INTERSTICE_FROM={seed} goes on from here");
            }
            let result = std::panic::catch_unwind(|| test(seed));
            if let Err(panic) = result {
                eprintln!("failed with INTERSTICE_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// A number that this run was given, to make a campaign longer or to repeat a part of it.
pub fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, and not {text:?}")))
}

/// Choices that follow from a seed.
pub struct Dice(SimEntropy);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(SimEntropy::new(seed ^ 0xd1ce))
    }

    /// A number from 0 up to the bound, which is not among them.
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % bound
    }
}
