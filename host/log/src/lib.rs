//! The append-only log: records, batches, fsync and recovery, as docs/format.md and
//! docs/recovery.md lay them down. It knows bytes and numbers, never rows, schemas or wasm.
//! Invariant: a record that was said to be durable is found again, or its loss is reported.

pub mod doors;
pub mod limits;
pub mod os;
#[cfg(feature = "simulator")]
pub mod sim;

mod anchor;
mod artifacts;
mod backup;
mod batch;
mod bytes;
mod create;
mod definitions;
mod doing;
mod error;
mod filter;
mod frames;
mod hex;
mod index;
mod lock;
mod log;
mod maintenance;
mod manifest;
mod mend;
mod named;
mod options;
mod pending;
mod publish;
mod read_log;
mod reader;
mod record;
mod record_codec;
mod repair;
mod reserve;
mod scan;
mod search;
mod segment;
mod sequence;
mod shared;
mod snapshot;
mod starting_point;
mod verify;
mod window;
mod write_set;
mod writer;

pub use anchor::Anchor;
pub use artifacts::ArtifactStore;
pub use backup::{
    BackupReport, DamageBehind, KEEP_LOG_PATH, LeftOut, RestoreOptions, RestoreReport, Until, backup, restore,
};
pub use create::check_database;
pub use definitions::{Definition, DefinitionId, Definitions, Digest};
pub use error::{BoxError, LogError};
pub use filter::LogFilter;
pub use lock::DirectoryLock;
pub use log::Log;
pub use maintenance::{Covered, MaintenanceReport, Retention};
pub use mend::{RecoveryReport, TornTail};
pub use named::{NamedCause, NamedChange, NamedOutcome, NamedOwed, NamedWrites, Record};
pub use options::LogOptions;
pub use read_log::{Progress, Replay};
pub use reader::{LogReader, VisitRecords};
pub use record::{Caller, Cause, Closed, EventKind, Installed, Lifecycle, Outcome, Owed, RecordParts};
pub use repair::{GivenUp, Repair, RepairPlan, RepairReport, put_snapshot_aside, reason_of};
pub use search::SearchReport;
pub use segment::{FORMAT_VERSION, Id};
pub use sequence::Sequence;
pub use shared::{Durability, Watcher};
pub use snapshot::{
    Cancellation, Family, ListedSnapshot, Past, PruneReport, Snapshot, SnapshotIdentity, SnapshotStore,
    SnapshotTable, SnapshotTurn, SnapshotVisitor, SnapshotWriter, TableContents, TableHead, TableWriter,
    TakeRows,
};
pub use starting_point::StartingPoint;
pub use verify::{Finding, Gravity, VerifyReport, verify};
pub use write_set::{Write, WriteSet, WriteSetEncoder, Writes};
