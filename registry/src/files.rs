//! Writing a file or making a folder so that a crash leaves all of it or nothing.
//! Invariant: when a function returns, what it made survives a loss of power.

use crate::RegistryError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a process waits for another that changes the same.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Whose turn it is to change what a lock guards.
pub(crate) enum Turn {
    /// Ours, until the file is dropped.
    Ours,
    /// That of another process, for so long already.
    Busy { seconds: u64 },
}

/// Waits until no other process has the lock of a file or a folder, and takes it.
pub(crate) fn wait_for_turn(file: &File, path: &Path) -> Result<Turn, RegistryError> {
    let began = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Turn::Ours),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(RegistryError::io("lock", path)(error.into())),
        }
        if began.elapsed() >= MAX_WAIT {
            return Ok(Turn::Busy { seconds: MAX_WAIT.as_secs() });
        }
        std::thread::sleep(PAUSE);
    }
}

/// Makes a folder and those above it, so that they survive a loss of power.
pub(crate) fn make_folder(folder: &Path) -> Result<(), RegistryError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Ok(()) => {}
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        Err(error) => return Err(RegistryError::io("make", folder)(error)),
    }
    sync_folder(parent)
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), RegistryError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(RegistryError::io("sync", folder))
}

/// Writes a file under another name, waits until it is on the disk, and gives it its name.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
    // Threads of one process may write the same file too.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_extension(format!("partial-{}-{number}", std::process::id()));
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        // The first failure is what matters; the leftover may never have come to be.
        let _ = fs::remove_file(&partial);
        RegistryError::io("write", path)(error)
    })?;
    sync_folder(folder_of(path))
}

/// The same, where the file does not hold these bytes already.
pub(crate) fn write_changed(path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
    if fs::read(path).is_ok_and(|found| found == bytes) { Ok(()) } else { write_whole(path, bytes) }
}

/// Refuses a file that could not be written, before anything else is.
pub(crate) fn check_writable(path: &Path) -> Result<(), RegistryError> {
    let probe = path.with_extension(format!("partial-{}-probe", std::process::id()));
    let made = File::create(&probe).and_then(|_| fs::remove_file(&probe));
    made.map_err(RegistryError::io("write", path))
}

/// Removes what [`write_whole`] left of a file where it was cut short. Nobody may be writing it.
pub(crate) fn remove_partial_of(path: &Path) -> Result<(), RegistryError> {
    let stem = path.file_stem();
    remove_where(folder_of(path), |found| found.file_stem() == stem)
}

/// The same of every file in a folder.
pub(crate) fn remove_partial(folder: &Path) -> Result<(), RegistryError> {
    remove_where(folder, |_| true)
}

fn remove_where(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> Result<(), RegistryError> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| extension.starts_with("partial-")) && is_meant(&path) {
            fs::remove_file(&path).map_err(RegistryError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The folder of a path, which for a bare name is the one that the process is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
