//! A disk that says that it has done what it has not: a sync, or a rename. What the log runs on, when a
//! campaign is to show that it would notice.

use interstice_log::doors::{Access, Disk, DiskFile, Doors, LockKind, LockOutcome};
use std::io;
use std::sync::Arc;

/// What is forgotten, by how the name of the file or directory ends.
#[derive(Clone, Copy, Debug)]
pub enum Forgotten {
    Sync(&'static str),
    DirectorySync(&'static str),
    Rename(&'static str),
}

pub struct ForgetfulDisk {
    disk: Arc<dyn Disk>,
    forgotten: Forgotten,
}

impl ForgetfulDisk {
    pub fn new(doors: &Doors, forgotten: Forgotten) -> Self {
        Self { disk: doors.disk.clone(), forgotten }
    }

    fn file(&self, path: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let forgets = matches!(self.forgotten, Forgotten::Sync(end) if path.ends_with(end));
        if forgets { Arc::new(ForgetfulFile(file)) } else { file }
    }
}

/// A file that is never synced.
struct ForgetfulFile(Arc<dyn DiskFile>);

impl Disk for ForgetfulDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(path, self.disk.create(path)?))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(path, self.disk.open(path, access)?))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.create_directory(directory)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match self.forgotten {
            Forgotten::Rename(end) if from.ends_with(end) => Ok(()),
            _ => self.disk.rename(from, to),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        match self.forgotten {
            Forgotten::DirectorySync(forgotten) if directory == forgotten => Ok(()),
            _ => self.disk.sync_directory(directory),
        }
    }

    fn lock(&self, path: &str, kind: LockKind) -> io::Result<LockOutcome> {
        self.disk.lock(path, kind)
    }

    fn locate(&self, path: &str) -> String {
        self.disk.locate(path)
    }
}

impl DiskFile for ForgetfulFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.truncate(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.0.allocate(length)
    }
}
