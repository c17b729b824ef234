//! Snapshots: the rows of every table at one record, so that opening need not replay the log from its
//! beginning. Rows, digests and sections are bytes here; what they mean is the node's to know. Invariant:
//! a published snapshot was read back whole before it got its name, and no later work changes it.

mod beyond;
mod cancellation;
mod chunk;
mod head;
mod names;
mod object;
mod object_reader;
mod object_writer;
mod past;
mod prune;
mod read;
mod store;
mod writer;

pub use cancellation::Cancellation;
pub use head::{SnapshotIdentity, SnapshotTable, TableContents, TableHead};
pub use names::Family;
pub use past::Past;
pub use prune::PruneReport;
pub use read::{Snapshot, SnapshotVisitor, TakeRows};
pub use store::{ListedSnapshot, SnapshotStore, SnapshotTurn};
pub use writer::{SnapshotWriter, TableWriter};

/// The format of heads and objects, which is another than that of the log.
const SNAPSHOT_FORMAT_VERSION: u32 = 1;

pub(crate) use beyond::{lost_before, snapshot_beyond};
pub(crate) use names::{OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY, head_path, is_object_name, parse_head_name};
