//! Copies of a whole database: a backup, taken while others write, and a database made from one, whole or as
//! of an earlier record. A backup is laid out as a data directory. Invariant: a folder gets its manifest
//! last, after all that it lists was read back, so one without a manifest is no copy of anything.

mod claim;
mod copier;
mod cut;
mod newest;
mod restore;
mod seal;
mod snapshots;
mod take;

pub(crate) use claim::MARKER_PATH;
pub use restore::{DamageBehind, LeftOut, RestoreOptions, RestoreReport, Until, restore};
pub use seal::KEEP_LOG_PATH;
pub(crate) use snapshots::listed as listed_snapshots;
pub use take::{BackupReport, backup};
