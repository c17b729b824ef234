//! A backup of an open node, taken beside its writer. The log copies its own files; nothing of the node stands
//! still for it.
//! Invariant: what was acknowledged as durable before it was asked for is in it.

use crate::error::Error;
use crate::node::Node;
use crate::snapshot::faults_of_components;
use interstice_log::doors::Disk;
use interstice_log::{BackupReport, Progress, backup};

impl Node {
    /// Copies the database into an empty folder, and reads the copy back. Calls go on meanwhile.
    ///
    /// # Errors
    /// If the folder is not empty, if anything of the database is damaged, or if a disk fails or is full.
    /// Nothing is left then that could be taken for a backup.
    pub fn backup(
        &self,
        to: &dyn Disk,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<BackupReport, Error> {
        if let Some(fault) = faults_of_components(&self.inner.doors)?.into_iter().next() {
            return Err(fault.into());
        }
        Ok(backup(self.inner.doors.disk.as_ref(), to, on_progress)?)
    }
}
