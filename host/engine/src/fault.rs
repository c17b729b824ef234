//! How a call ends when it does not return: one type for every way, the innermost cause kept.
//! Invariant: after a fault the instance is poisoned, and so is every instance on the way out.

use crate::canonical::{BadArguments, TooLarge};
use crate::host::Panic;
use crate::limits::MAX_VALUE_BYTES;
use crate::state::{Halted, MemoryRefused, State};
use interstice_codec::DecodeError;
use std::error::Error as StdError;
use std::fmt;
use thiserror::Error;
use wasmtime::{Trap, WasmBacktrace};

/// Why a call did not return.
#[derive(Debug, Error)]
pub enum Fault<S: StdError + 'static> {
    /// The host ended it.
    #[error(transparent)]
    Stopped(S),
    /// The guest panicked and said so.
    #[error("the module panicked at {}:{}:{}: {}", .0.file, .0.line, .0.column, .0.message)]
    Panicked(Panic),
    /// The fuel of the call is used up.
    #[error("the call used up its fuel")]
    OutOfFuel,
    /// The guest asked for more memory than it may have.
    #[error("the module asked for {wanted_bytes} bytes of memory and may have {limit_bytes}")]
    OutOfMemory {
        /// What it would have held.
        wanted_bytes: usize,
        /// What it may hold.
        limit_bytes: usize,
    },
    /// The guest overflowed its stack.
    #[error("the module overflowed its stack")]
    StackOverflow,
    /// Arguments or a result are larger than what may cross between modules, clients and the host.
    #[error("a call carries at most {limit_bytes} bytes of arguments, and of results")]
    TooLarge {
        /// The most bytes.
        limit_bytes: usize,
    },
    /// The arguments of the call are not an encoding of its parameters.
    #[error("the arguments do not fit the function's parameters, {0}")]
    Arguments(#[source] DecodeError),
    /// The guest trapped.
    #[error("{0}")]
    Trap(TrapReport),
    /// The instance has ended in a fault before.
    #[error("this instance has failed before and cannot be called again")]
    Poisoned,
    /// The stack of the thread does not hold another guest.
    #[error("a guest needs {needed_bytes} bytes of stack and this thread has {left_bytes:?} left for guests")]
    ThreadStack {
        /// What one level takes.
        needed_bytes: usize,
        /// What is left, or `None` if the thread was not made for guests.
        left_bytes: Option<usize>,
    },
    /// All instances that the engine may hold are in use.
    #[error("no more instances fit into the engine")]
    NoInstanceLeft(#[source] wasmtime::Error),
}

/// What is known about a trap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapReport {
    /// What happened.
    pub message: String,
    /// The guest's functions that were active, innermost first; empty if none is known.
    pub backtrace: String,
}

impl fmt::Display for TrapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the module trapped: {}", self.message)
    }
}

impl<S: StdError + 'static> Fault<S> {
    /// Whether it depended on what the instance had done before, so that a fresh one may fare better.
    pub fn depends_on_history(&self) -> bool {
        matches!(self, Fault::OutOfFuel | Fault::OutOfMemory { .. })
    }

    /// Reads what wasmtime, or a host function through it, reports.
    #[cold]
    pub(crate) fn of<H: crate::Host<Stop = S>>(error: wasmtime::Error, state: &mut State<H>) -> Self {
        let panic = state.panic.take();
        if error.is::<Halted>()
            && let Some(fault) = state.fault.take()
        {
            return fault;
        }
        if let Some(refused) = error.downcast_ref::<MemoryRefused>() {
            return Fault::OutOfMemory {
                wanted_bytes: refused.wanted_bytes,
                limit_bytes: refused.limit_bytes,
            };
        }
        if error.is::<TooLarge>() {
            return Fault::TooLarge { limit_bytes: MAX_VALUE_BYTES };
        }
        if let Some(BadArguments(malformed)) = error.downcast_ref() {
            return Fault::Arguments(*malformed);
        }
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return Fault::NoInstanceLeft(error);
        }
        match (error.downcast_ref::<Trap>(), panic) {
            (Some(Trap::OutOfFuel), _) => Fault::OutOfFuel,
            (Some(Trap::StackOverflow), _) => Fault::StackOverflow,
            (Some(_), Some(panic)) => Fault::Panicked(panic),
            (trap, _) => Fault::Trap(TrapReport {
                message: trap.map_or_else(|| error.root_cause().to_string(), Trap::to_string),
                backtrace: error
                    .downcast_ref::<WasmBacktrace>()
                    .map(WasmBacktrace::to_string)
                    .unwrap_or_default(),
            }),
        }
    }
}
