//! The node joins store, log and engine into a database: the catalog of modules, the life of a call,
//! subscriptions, and recovery. It is the one place where a transaction is a whole.
//! Invariant: what is in the store is what the log says, in the order in which the log says it.

mod backup;
mod cache;
mod call;
mod catalog;
mod context;
mod delivery;
mod doors;
mod error;
mod executor;
mod history;
mod install;
mod limits;
mod link;
mod node;
mod numbers;
mod open;
mod printable;
mod query;
mod random;
mod recover;
mod replay;
mod rerun;
mod scans;
mod schedule;
mod snapshot;
mod state;
mod stop;
mod tables;
mod text;
mod transaction;
mod worker;

pub use call::{Acknowledge, CallOptions, FunctionHandle, ModuleInfo, Pending, PendingQuery, Reply};
pub use error::{Error, ErrorKind};
pub use history::{Beginning, HistoricState, HistoricTable};
pub use install::Installation;
pub use interstice_engine::{Caller, CompileCache, Returned, guest_thread};
pub use interstice_log as log;
pub use interstice_store as store;
pub use limits::Limits;
pub use node::Node;
pub use open::NodeOptions;
pub use printable::Printable;
pub use replay::Moment;
pub use rerun::{Difference, Divergence, RerunOptions, RerunReport, Trace, TraceStep, trace, verify_calls};
pub use snapshot::{SNAPSHOT_LOG_BYTES, SnapshotReport, modules_of_newest_snapshot};
pub use transaction::describe_caller;
