//! Snapshots of the whole node: captured between two transactions, written beside the writer on a thread of
//! its own, loaded when the database is opened. What a file of them looks like is the log's to know.
//! Invariant: the writer is held only while the state is captured, never while rows are written.

mod ahead;
mod capture;
mod contents;
mod load;
mod modules;
mod report;
mod requests;
mod taking;
mod worker;

pub(crate) use contents::KnownRows;
pub(crate) use load::load;
pub use modules::{faults_of_components, modules_of_newest_snapshot};
pub use report::SnapshotReport;
pub(crate) use requests::Snapshots;
pub(crate) use worker::SnapshotWorker;

/// How many bytes of log may be written before a snapshot is taken, unless the options say otherwise. At the
/// speed at which a log is replayed this keeps an opening within seconds.
pub const SNAPSHOT_LOG_BYTES: u64 = 256 << 20;
