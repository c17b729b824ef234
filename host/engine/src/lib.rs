//! The engine compiles, links, instantiates and calls components under limits; it knows nothing of
//! transactions, files or sockets.
//! Whoever runs a transaction implements [`Host`]; its box travels with the calls, from one module's
//! store to the next.
//! Invariant: whatever a component does, a call ends in its result or in a typed [`Fault`], and the
//! same calls end the same way on every machine.

mod cache;
mod canonical;
mod context;
mod door;
mod dynamic;
mod engine;
mod error;
mod fault;
mod host;
mod imports;
mod instance;
mod limits;
mod link;
mod program;
mod prove;
mod signature;
mod state;
mod thread;

pub use cache::CompileCache;
pub use engine::{Compiled, Engine};
pub use error::{Contradictions, EngineError};
pub use fault::{Fault, TrapReport};
pub use host::{Batch, Called, Caller, Host, Level, Panic, Returned, ScanRange, Violation};
pub use instance::Instance;
pub use limits::*;
pub use link::{ModuleLink, Needs};
pub use program::{FunctionIndex, Program};
pub use prove::{Contradiction, prove};
pub use thread::{guest_thread, is_guest_thread};
