//! A data directory of the operating system: `pread`, `pwrite`, `fdatasync`, `fallocate`, `flock`.
//! Invariant: nothing outside the data directory is touched.

use crate::doors::{Access, Disk, DiskFile, LockKind, LockOutcome};
use parking_lot::Mutex;
use rustix::fs::{Advice, FallocateFlags, FlockOperation, OFlags, fadvise, fallocate, fdatasync, flock};
use rustix::io::{Errno, retry_on_intr};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory on a real disk.
#[derive(Clone, Debug)]
pub struct OsDisk {
    root: PathBuf,
    /// Which directory was locked last: its device and its number there.
    locked: Arc<Mutex<Option<(u64, u64)>>>,
}

impl OsDisk {
    /// The directory at `root`, which must exist before it is used.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), locked: Arc::default() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// Refuses to change names in another directory than the one that was locked: that was moved, and what has its
    /// name now may be another database, which another process has open.
    fn check_place(&self) -> io::Result<()> {
        let Some(locked) = *self.locked.lock() else { return Ok(()) };
        match fs::metadata(&self.root) {
            Ok(found) if (found.dev(), found.ino()) == locked => Ok(()),
            Ok(_) => Err(io::Error::other(
                "this is not the directory that was opened: that was moved or replaced while it was in use",
            )),
            Err(error) => Err(error),
        }
    }

    /// Whether this name stands for this file.
    fn is_named(&self, file: &File, path: &str) -> io::Result<bool> {
        let open = file.metadata()?;
        match fs::metadata(self.path(path)) {
            Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Locks the directory itself, which nobody can remove while it is used, as somebody may do with the file.
    fn lock_directory(&self, kind: LockKind) -> io::Result<Directory> {
        let directory = File::open(&self.root)?;
        let metadata = directory.metadata()?;
        let place = (metadata.dev(), metadata.ino());
        match flock(&directory, operation(kind)) {
            Ok(()) => {
                *self.locked.lock() = Some(place);
                Ok(Directory::Locked(Some(directory)))
            }
            Err(Errno::WOULDBLOCK) => Ok(Directory::Held),
            // File systems of other machines may lock files alone.
            Err(Errno::BADF | Errno::INVAL | Errno::NOTSUP | Errno::NOLCK | Errno::NOSYS) => {
                *self.locked.lock() = Some(place);
                Ok(Directory::Locked(None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the lock; nothing if its file was removed by whoever held it before.
    fn try_lock(&self, path: &str, kind: LockKind) -> io::Result<Option<LockOutcome>> {
        let opened = match kind {
            LockKind::Exclusive => {
                let mut options = OpenOptions::new();
                open_file(options.read(true).write(true).create(true).truncate(false), &self.path(path))
            }
            LockKind::Shared => open_file(OpenOptions::new().read(true), &self.path(path)),
        };
        let file = match opened {
            Err(error) if kind == LockKind::Shared && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(match self.lock_directory(kind)? {
                    Directory::Locked(directory) => LockOutcome::Taken(Box::new(directory)),
                    Directory::Held => LockOutcome::Held(WITHOUT_ITS_FILE.to_owned()),
                }));
            }
            opened => opened?,
        };
        match flock(&file, operation(kind)) {
            Ok(()) if !self.is_named(&file, path)? => Ok(None),
            Ok(()) => Ok(Some(match (self.lock_directory(kind)?, kind) {
                (Directory::Held, _) => LockOutcome::Held(WITHOUT_ITS_FILE.to_owned()),
                (Directory::Locked(directory), LockKind::Exclusive) => {
                    LockOutcome::Taken(Box::new((Held::new(file), directory)))
                }
                (Directory::Locked(directory), LockKind::Shared) => {
                    LockOutcome::Taken(Box::new((file, directory)))
                }
            })),
            // Only readers let others read beside them, and they leave no text: what stands in the
            // file is of a process that is gone.
            Err(Errno::WOULDBLOCK) if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() => {
                Ok(Some(LockOutcome::Held("a process that reads it".to_owned())))
            }
            Err(Errno::WOULDBLOCK) => {
                // The text is a courtesy; without it the answer is the same.
                let holder = String::from_utf8(text_of(&file).unwrap_or_default()).unwrap_or_default();
                Ok(Some(LockOutcome::Held(holder.trim().to_owned())))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.check_place()?;
        let mut options = OpenOptions::new();
        let file = open_file(options.read(true).write(true).create(true).truncate(true), &self.path(path))?;
        Ok(Arc::new(OsFile { file }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = open_file(options.read(true).write(access == Access::Write), &self.path(path))?;
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
        self.check_place()?;
        fs::create_dir_all(self.path(directory))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_place()?;
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.check_place()?;
        fs::remove_file(self.path(path))
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        File::open(self.path(directory))?.sync_all()
    }

    fn lock(&self, path: &str, kind: LockKind) -> io::Result<LockOutcome> {
        loop {
            if let Some(outcome) = self.try_lock(path, kind)? {
                return Ok(outcome);
            }
        }
    }

    fn locate(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }
}

/// Opens a file without waiting for anybody, as a pipe of that name would have it, and refuses what is none.
fn open_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let kind = file.metadata()?.file_type();
    // What cannot be done with a directory is told when it is tried.
    if kind.is_file() || kind.is_dir() {
        return Ok(file);
    }
    Err(io::Error::other("it is a pipe, a socket or a device, and no file"))
}

/// How a lock of this kind is asked for, without waiting.
fn operation(kind: LockKind) -> FlockOperation {
    match kind {
        LockKind::Exclusive => FlockOperation::NonBlockingLockExclusive,
        LockKind::Shared => FlockOperation::NonBlockingLockShared,
    }
}

/// Who holds a directory whose lock file is free.
const WITHOUT_ITS_FILE: &str = "a process that opened it before its file LOCK was removed";

/// What came of locking the directory itself.
enum Directory {
    /// It is locked for as long as this is open, if the file system can.
    Locked(Option<File>),
    Held,
}

fn holder_text() -> String {
    let command = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ");
    let mut text = format!("process {}: {command}", std::process::id());
    text.truncate(text.floor_char_boundary(MAX_HOLDER_BYTES - 1));
    text.push('\n');
    text
}

/// The exclusive lock. While it is held the file says by whom; then it gets back the bytes it had, so
/// that an opening that was refused has changed nothing.
struct Held {
    file: File,
    before: Option<Vec<u8>>,
}

impl Held {
    fn new(file: File) -> Self {
        let before = text_of(&file).ok();
        if before.is_some() {
            // On a full disk the lock holds all the same, only without the text.
            let _ = replace_text(&file, holder_text().as_bytes());
        }
        Self { file, before }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = replace_text(&self.file, before);
        }
    }
}

/// The longest text of a lock file. One that is longer was not left by this program.
const MAX_HOLDER_BYTES: usize = 4096;

fn text_of(file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    if length > MAX_HOLDER_BYTES as u64 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = vec![0; length as usize];
    file.read_exact_at(&mut text, 0)?;
    Ok(text)
}

fn replace_text(file: &File, text: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(text, 0)
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
        let reserve = || fallocate(&self.file, FallocateFlags::empty(), 0, length);
        allocate_by(reserve, || self.file.set_len(length))
    }
}

fn allocate_by(
    reserve: impl FnMut() -> Result<(), Errno>,
    extend: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    // A large reservation takes long enough for a signal to come. What was reserved until then stays.
    match retry_on_intr(reserve) {
        // A file system without reservations can still hold a log; a full disk then shows at
        // a write, which poisons the log, instead of before it.
        Err(Errno::OPNOTSUPP) => extend(),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lock_whose_file_was_removed_is_no_lock() {
        // A copy removes the lock that it holds when it ends. Whoever had opened the file before would have
        // held the lock of a file that nobody else finds.
        let folder = std::env::temp_dir().join(format!("interstice-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let disk = OsDisk::new(&folder);
        let LockOutcome::Taken(held) = disk.lock("LOCK", LockKind::Exclusive).unwrap() else { panic!() };
        let opened = File::open(folder.join("LOCK")).unwrap();
        assert!(disk.is_named(&opened, "LOCK").unwrap());
        assert!(matches!(disk.lock("LOCK", LockKind::Exclusive).unwrap(), LockOutcome::Held(_)));
        disk.remove("LOCK").unwrap();
        drop(held);
        assert!(!disk.is_named(&opened, "LOCK").unwrap());
        let LockOutcome::Taken(again) = disk.lock("LOCK", LockKind::Exclusive).unwrap() else { panic!() };
        assert!(!disk.is_named(&opened, "LOCK").unwrap(), "another file has the name now");
        drop(again);
        fs::remove_dir_all(&folder).unwrap();
    }

    /// A process went on by the name of the directory, and at its end published its manifest in a database that had
    /// been put there meanwhile.
    #[test]
    fn no_name_is_changed_in_a_directory_that_took_the_place_of_the_one_that_was_opened() {
        let folder = std::env::temp_dir().join(format!("interstice-place-{}", std::process::id()));
        let (data, moved) = (folder.join("data"), folder.join("moved"));
        fs::create_dir_all(&data).unwrap();
        let disk = OsDisk::new(&data);
        let LockOutcome::Taken(held) = disk.lock("LOCK", LockKind::Exclusive).unwrap() else { panic!() };
        disk.create("A").unwrap();
        fs::rename(&data, &moved).unwrap();
        assert!(disk.create("B").is_err(), "there is no such directory");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("A"), "another's").unwrap();
        let refused = [
            disk.create("A").map(drop).unwrap_err(),
            disk.rename("A", "B").unwrap_err(),
            disk.remove("A").unwrap_err(),
        ];
        assert!(refused.iter().all(|error| error.to_string().contains("moved or replaced")), "{refused:?}");
        assert_eq!(fs::read(data.join("A")).unwrap(), b"another's");
        drop(held);
        // Whoever opens anew finds what is there now.
        let LockOutcome::Taken(_held) = disk.lock("LOCK", LockKind::Exclusive).unwrap() else { panic!() };
        disk.rename("A", "B").unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_interrupted_reservation_is_begun_again_and_other_errors_are_not() {
        // A signal during fallocate came back as an error, which poisoned the log.
        let mut signals = 2;
        let reserve = || {
            if signals == 0 {
                return Ok(());
            }
            signals -= 1;
            Err(Errno::INTR)
        };
        allocate_by(reserve, || panic!("the file system can reserve")).unwrap();
        assert_eq!(signals, 0);
        for (errno, kind) in [
            (Errno::NOSPC, io::ErrorKind::StorageFull),
            (Errno::DQUOT, io::ErrorKind::QuotaExceeded),
            (Errno::IO, io::Error::from(Errno::IO).kind()),
        ] {
            let mut asked = 0;
            let refuse = || {
                asked += 1;
                Err(errno)
            };
            let error = allocate_by(refuse, || Ok(())).unwrap_err();
            assert_eq!((error.kind(), asked), (kind, 1));
        }
        let mut extended = false;
        allocate_by(
            || Err(Errno::OPNOTSUPP),
            || {
                extended = true;
                Ok(())
            },
        )
        .unwrap();
        assert!(extended);
    }
}
