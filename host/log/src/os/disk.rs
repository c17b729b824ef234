//! A data directory of the operating system: `pread`, `pwrite`, `fdatasync`, `fallocate`, `flock`.
//! Invariant: nothing outside the data directory is touched.

use crate::doors::{Access, Disk, DiskFile, LockKind, LockOutcome};
use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, fdatasync, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory on a real disk.
#[derive(Clone, Debug)]
pub struct OsDisk {
    root: PathBuf,
}

impl OsDisk {
    /// The directory at `root`, which must exist before it is used.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.path(path))?;
        Ok(Arc::new(OsFile { file }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(access == Access::Write).open(self.path(path))?;
        Ok(Arc::new(OsFile { file }))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(directory))? {
            // A name that is not UTF-8 cannot be one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(directory))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        File::open(self.path(directory))?.sync_all()
    }

    fn lock(&self, path: &str, kind: LockKind) -> io::Result<LockOutcome> {
        let opened = match kind {
            LockKind::Exclusive => {
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(path))
            }
            LockKind::Shared => File::open(self.path(path)),
        };
        let mut file = match opened {
            Err(error) if kind == LockKind::Shared && error.kind() == io::ErrorKind::NotFound => {
                return Ok(LockOutcome::Taken(Box::new(())));
            }
            opened => opened?,
        };
        let operation = match kind {
            LockKind::Exclusive => FlockOperation::NonBlockingLockExclusive,
            LockKind::Shared => FlockOperation::NonBlockingLockShared,
        };
        match flock(&file, operation) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // The text is a courtesy; without it the answer is the same.
                let _ = (&mut file).take(4096).read_to_string(&mut holder);
                return Ok(LockOutcome::Held(holder.trim().to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
        if kind == LockKind::Exclusive {
            // On a full disk the lock holds all the same, only without the text.
            let _ = file.set_len(0).and_then(|()| file.write_all(holder_text().as_bytes()));
        }
        Ok(LockOutcome::Taken(Box::new(file)))
    }

    fn locate(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }
}

fn holder_text() -> String {
    let command = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ");
    format!("process {}: {command}\n", std::process::id())
}

struct OsFile {
    file: File,
}

impl DiskFile for OsFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.file.read_at(&mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fdatasync(&self.file)?)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn forget_cached(&self) {
        // A file system that knows no such hint reads from memory, which is no error.
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        match fallocate(&self.file, FallocateFlags::empty(), 0, length) {
            // A file system without reservations can still hold a log; a full disk then shows at
            // a write, which poisons the log, instead of before it.
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(length),
            done => Ok(done?),
        }
    }
}
