//! Writing the files of a copy: each under a temporary name, synced, renamed. It counts what it has written. Invariant: a file that is there under its own name is whole.

use super::claim::{Claim, no_room};
use crate::doing::Doing;
use crate::doors::{Access, Disk, DiskFile};
use crate::error::LogError;
use crate::publish::{directory_of, remove_if_there, rename};
use crate::read_log::Progress;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CHUNK_BYTES: u64 = 1 << 20;

pub(super) struct Copier<'c> {
    /// What is copied.
    pub(super) from: &'c dyn Disk,
    /// The folder that becomes the copy.
    pub(super) to: &'c dyn Disk,
    claim: Claim<'c>,
    progress: &'c mut dyn FnMut(Progress),
    done: Progress,
    /// The files that were written, with their lengths.
    written: BTreeMap<String, u64>,
    directories: BTreeSet<String>,
}

/// A file that has not got its name yet.
pub(super) struct NewFile {
    path: String,
    temporary: String,
    file: Arc<dyn DiskFile>,
    /// What was written so far.
    pub(super) length: u64,
}

impl<'c> Copier<'c> {
    pub(super) fn new(from: &'c dyn Disk, claim: Claim<'c>, progress: &'c mut dyn FnMut(Progress)) -> Self {
        let done = Progress { bytes_done: 0, bytes_total: 0 };
        let (written, directories) = Default::default();
        Self { from, to: claim.disk(), claim, progress, done, written, directories }
    }

    /// Says about how much there is to copy; as much is then read back.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.done.bytes_total = bytes.saturating_mul(2);
    }

    /// Whether this file was written.
    pub(super) fn has(&self, path: &str) -> bool {
        self.written.contains_key(path)
    }

    /// How many files were written.
    pub(super) fn files(&self) -> u64 {
        self.written.len() as u64
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> u64 {
        self.written.values().sum()
    }

    /// Begins a file for which so much space is reserved.
    pub(super) fn begin(&mut self, path: &str, reserved: u64) -> Result<NewFile, LogError> {
        self.make_directory(directory_of(path))?;
        let temporary = format!("{path}.tmp");
        let to = self.to;
        let file = to.create(&temporary).doing("create", || to.locate(&temporary))?;
        if reserved > 0 {
            file.allocate(reserved).doing("reserve space for", || to.locate(&temporary))?;
        }
        Ok(NewFile { path: path.to_owned(), temporary, file, length: 0 })
    }

    /// Goes on with a file.
    pub(super) fn write(&mut self, new: &mut NewFile, bytes: &[u8]) -> Result<(), LogError> {
        let located = || self.to.locate(&new.temporary);
        new.file.write_at(new.length, bytes).doing("write", located)?;
        new.length += bytes.len() as u64;
        self.done.bytes_done = (self.done.bytes_done + bytes.len() as u64).min(self.done.bytes_total / 2);
        (self.progress)(self.done);
        Ok(())
    }

    /// Makes a file safe, and gives it its name.
    pub(super) fn finish(&mut self, new: NewFile) -> Result<(), LogError> {
        let NewFile { path, temporary, file, .. } = new;
        let length = file.length().doing("measure", || self.to.locate(&temporary))?;
        file.sync().doing("sync", || self.to.locate(&temporary))?;
        // It is read back from the medium, not from memory.
        file.forget_cached();
        self.written.insert(path.clone(), length);
        rename(self.to, &temporary, &path)?;
        Ok(())
    }

    /// Writes a file of these bytes.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), LogError> {
        let mut new = self.begin(path, 0)?;
        self.write(&mut new, bytes)?;
        self.finish(new)
    }

    /// Copies a file, or its first bytes.
    pub(super) fn copy(&mut self, path: &str, length: Option<u64>) -> Result<(), LogError> {
        let from = self.from;
        let file = from.open(path, Access::Read).doing("open", || from.locate(path))?;
        let stored = file.length().doing("measure", || from.locate(path))?;
        let length = length.unwrap_or(stored);
        if stored < length {
            // No space is reserved for what a forged manifest claims.
            return Err(ends_early(from.locate(path), stored, length));
        }
        let mut new = self.begin(path, length)?;
        self.copy_bytes(&mut new, file.as_ref(), path, length)?;
        self.finish(new)
    }

    /// Goes on with a file by the bytes of another one, up to this place in both.
    pub(super) fn copy_bytes(
        &mut self,
        new: &mut NewFile,
        file: &dyn DiskFile,
        path: &str,
        until: u64,
    ) -> Result<(), LogError> {
        let mut buffer = vec![0; (until - new.length).min(CHUNK_BYTES) as usize];
        while new.length < until {
            let wanted = (until - new.length).min(CHUNK_BYTES) as usize;
            let read = file.read_at(new.length, &mut buffer[..wanted]);
            let read = read.doing("read", || self.from.locate(path))?;
            if read < wanted {
                return Err(ends_early(self.from.locate(path), new.length + read as u64, until));
            }
            self.write(new, &buffer[..wanted])?;
        }
        Ok(())
    }

    /// Tells how far the copy was read back.
    pub(super) fn show_reading(&mut self, progress: Progress) {
        let Progress { bytes_done, bytes_total } = progress;
        let half = self.done.bytes_total / 2;
        let read = (u128::from(half) * u128::from(bytes_done) / u128::from(bytes_total.max(1))) as u64;
        (self.progress)(Progress { bytes_done: half + read.min(half), ..self.done });
    }

    /// Removes the files that the copy does not need.
    pub(super) fn keep_only(&mut self, needed: &BTreeSet<String>) -> Result<(), LogError> {
        let (to, written) = (self.to, &mut self.written);
        let spare: Vec<String> = written.keys().filter(|path| !needed.contains(*path)).cloned().collect();
        for path in spare {
            remove_if_there(to, &path)?;
            written.remove(&path);
        }
        Ok(())
    }

    /// Ends the work: a copy that failed is taken away, as far as the disk lets us. What it does not is taken
    /// away by the next copy that is made here.
    pub(super) fn settle<T>(self, done: Result<T, LogError>) -> Result<T, LogError> {
        if done.is_ok() {
            // The copy is whole and safe. A marker that stays beside its manifest means nothing.
            let _ = self.claim.finish();
        }
        done.map_err(|error| {
            // What failed first is what there is to tell.
            let _ = self.claim.give_up();
            no_room(self.to, error)
        })
    }

    fn make_directory(&mut self, directory: &str) -> Result<(), LogError> {
        if self.directories.insert(directory.to_owned()) {
            let to = self.to;
            to.create_directory(directory).doing("create", || to.locate(directory))?;
            let mut parent = directory;
            while !parent.is_empty() {
                parent = directory_of(parent);
                to.sync_directory(parent).doing("sync", || to.locate(parent))?;
            }
        }
        Ok(())
    }
}

fn ends_early(path: String, offset: u64, expected: u64) -> LogError {
    LogError::Damaged { path, offset, what: format!("the file ends here, expected {expected} bytes") }
}
