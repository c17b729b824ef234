//! Why the node ends a running call, and how a fault becomes an error that a caller can read.
//! It keeps the innermost function: a chain of modules fails where it failed, not where it began.

use crate::error::Error;
use crate::limits::Limits;
use interstice_engine::Fault;
use interstice_store::StoreError;
use std::sync::Arc;

/// Why the host ended a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// A named limit of the node was reached.
    #[error("limit '{limit}': {message}")]
    Limit { limit: &'static str, message: String },
    /// A query, or something called by it, tried to write.
    #[error("a write in a query: {what}")]
    WriteInQuery { what: String },
    /// A module was to be entered again while it runs.
    #[error("call cycle")]
    Cycle { path: Vec<String> },
    /// The guest broke the contract of a door.
    #[error("{reason}")]
    Misbehaved { reason: String },
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        match error {
            StoreError::Limit { name, .. } => Stop::Limit { limit: name, message: error.to_string() },
            StoreError::InBatch { source, .. } => Stop::from(*source),
            StoreError::Row { .. } | StoreError::RolledBack { .. } | StoreError::NoSuchIndex { .. } => {
                Stop::Misbehaved { reason: explain(&error) }
            }
            other => Stop::Store(other),
        }
    }
}

/// An error with everything that caused it, on one line.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Says in the taxonomy of the node why a call did not return. `function` is where it failed.
/// `fuel` is what the call was given.
pub(crate) fn fault_error(fault: Fault<Stop>, function: &Arc<str>, fuel: u64, limits: &Limits) -> Error {
    let function = function.to_string();
    match fault {
        Fault::Stopped(stop) => match stop {
            Stop::Limit { limit, message } => Error::Limit { limit, place: function, message },
            Stop::WriteInQuery { what } => Error::WriteInQuery { function, what },
            Stop::Cycle { path } => Error::Cycle { path },
            Stop::Misbehaved { reason } => Error::Misbehaved { function, reason },
            Stop::Store(error) => Error::Store(error),
        },
        Fault::Panicked(panic) => Error::Panicked { function, panic },
        Fault::OutOfFuel => Error::OutOfFuel { function, fuel },
        Fault::OutOfMemory { limit_bytes, .. } => {
            Error::OutOfMemory { function, limit_bytes: limit_bytes as u64 }
        }
        Fault::StackOverflow => {
            Error::StackOverflow { function, limit_bytes: limits.guest_stack_bytes as u64 }
        }
        Fault::TooLarge { limit_bytes } => Error::Limit {
            limit: "arguments",
            place: function,
            message: format!("a call carries at most {limit_bytes} bytes of arguments, and of results"),
        },
        Fault::Arguments(malformed) => Error::BadArguments { function, reason: malformed.to_string() },
        Fault::Trap(report) => {
            let mut message = report.message;
            if message.contains("out of bounds memory access") {
                // Rust and C keep a stack in the guest's memory and do not guard its end.
                message.push_str("; a stack that overflowed in the guest's own memory ends so");
            }
            Error::Trapped { function, message, backtrace: report.backtrace }
        }
        fault @ (Fault::Poisoned | Fault::ThreadStack { .. } | Fault::NoInstanceLeft(_)) => {
            Error::Engine { doing: "running a call", message: fault.to_string() }
        }
    }
}
