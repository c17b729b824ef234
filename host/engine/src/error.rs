//! What can go wrong before a call: with a file, with what it imports, with the engine itself.
//! How a call ends is a [`Fault`](crate::Fault) instead.

use crate::prove::Contradiction;
use std::fmt;
use thiserror::Error;

/// Why a component cannot be run here.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The engine's options do not fit this machine.
    #[error("cannot set up the WebAssembly engine")]
    Setup(#[source] wasmtime::Error),
    /// The bytes are not WebAssembly.
    #[error("this is not WebAssembly: a component begins with the bytes 00 61 73 6d")]
    NotWasm,
    /// The bytes are a core module.
    #[error("this is a core module, not a component; `interstice build --from` makes one of it")]
    CoreModule,
    /// The component is invalid, or uses what is not allowed here.
    #[error("the component is damaged or not valid: {0:#}")]
    Invalid(wasmtime::Error),
    /// The component begins with more memory than one instance may have.
    #[error("the component begins with more memory than the {limit_bytes} bytes of the limit: {source:#}")]
    MemoryTooSmall {
        /// What one instance may have.
        limit_bytes: usize,
        /// What wasmtime said.
        source: wasmtime::Error,
    },
    /// The component asks for more than one instance may have.
    #[error("the component needs more than an instance may have: {0:#}")]
    TooLarge(wasmtime::Error),
    /// The component is not what the schema says.
    #[error("the component contradicts its schema:{0}")]
    Contradictions(Contradictions),
    /// Something that the component imports was not linked.
    #[error("nothing was linked to `{item}` of the imported interface `{interface}`")]
    NotLinked {
        /// The interface as the component names it.
        interface: String,
        /// The function in it.
        item: String,
    },
    /// A function of another module is not what the component was built against.
    #[error(
        "the imported function `{function}` of `{interface}` differs from the one that is there: {difference}"
    )]
    ProviderDiffers {
        /// The interface as the component names it.
        interface: String,
        /// The function.
        function: String,
        /// Where they differ.
        difference: String,
    },
    /// wasmtime refuses the links that we made, which is our mistake.
    #[error("the component cannot be linked: {0:#}")]
    Link(wasmtime::Error),
}

/// Every contradiction that was found, for people to read.
#[derive(Debug)]
pub struct Contradictions(pub Vec<Contradiction>);

impl fmt::Display for Contradictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|contradiction| write!(f, "\n  {contradiction}"))
    }
}
