//! A database folder on a simulated disk, with files that no program of ours wrote.

use interstice_log::doors::{Disk, Doors};
use interstice_log::sim::Simulator;

/// A data directory.
pub(crate) struct Folder {
    simulator: Simulator,
}

impl Folder {
    /// One without files.
    pub(crate) fn new() -> Self {
        let simulator = Simulator::new(1);
        for directory in ["log", "archive", "artifacts", "snapshots/objects"] {
            simulator.disk.create_directory(directory).expect("the disk is empty and never fails");
            simulator.disk.sync_directory("").expect("the disk never fails");
        }
        Self { simulator }
    }

    /// One with these files.
    pub(crate) fn of<'f>(files: impl IntoIterator<Item = &'f (String, Vec<u8>)>) -> Self {
        let folder = Self::new();
        files.into_iter().for_each(|(path, bytes)| folder.plant(path, bytes.clone()));
        folder
    }

    /// Puts a file there.
    pub(crate) fn plant(&self, path: &str, bytes: Vec<u8>) {
        self.simulator.disk.plant(path, bytes);
    }

    /// All files.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.simulator.disk.contents().into_iter().collect()
    }

    /// The machine.
    pub(crate) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The doors to this folder.
    pub(crate) fn doors(&self) -> Doors {
        self.simulator.doors()
    }

    /// A copy on a machine of its own.
    pub(crate) fn copy(&self) -> Self {
        Self { simulator: Simulator { disk: self.simulator.disk.copy(), ..Simulator::new(1) } }
    }
}
