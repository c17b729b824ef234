//! A disk that forgets as real ones may: each page that was not synced is kept, dropped or torn by
//! sectors, each unsynced name is there or not, and an fsync that failed loses pages silently. Faults
//! are set by the test. Invariant: every operation is counted, so that any one can be made the last.

use super::medium::{Faults, File, Locks, NameChange, Node, State, parent, sectors};
use super::threads::{KeptThreads, LentThreads};
use super::{SimClock, below};
use crate::doors::{Access, Disk, DiskFile, LockKind, LockOutcome};
use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// What a sync of a file takes: about as long as that of a fast disk.
const SYNC_MICROS: u64 = 120;

/// A simulated data directory.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    interruption: Arc<Mutex<Interruption>>,
    after_listing: Arc<Mutex<AfterListing>>,
}

/// What happens on another thread while a write begins.
type Interruption = Option<Box<dyn FnOnce() + Send>>;

/// What another process does once this directory was listed.
type AfterListing = Option<(String, Box<dyn FnOnce() + Send>)>;

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed ^ 0x6469_736b);
        let state = State {
            files: Vec::new(),
            names: BTreeMap::new(),
            safe_names: BTreeMap::new(),
            name_changes: Vec::new(),
            locks: Locks::default(),
            faults: Faults::default(),
            clock: SimClock::default(),
            threads: None,
            random,
        };
        Self::of(state)
    }

    /// Has what its syncs take pass on this clock, and whoever locks it keep these threads.
    pub(super) fn run_by(&self, clock: &SimClock, threads: LentThreads) {
        let state = &mut *self.state.lock();
        state.clock = clock.clone();
        state.threads = Some(threads);
    }

    fn of(state: State) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
            interruption: Arc::default(),
            after_listing: Arc::default(),
        }
    }

    fn file(&self, file: usize, access: Access) -> Arc<dyn DiskFile> {
        let (state, interruption) = (self.state.clone(), self.interruption.clone());
        Arc::new(SimFile { state, interruption, file, access })
    }

    /// Lets the power fail at the change with this number, counted from now; it may still reach the
    /// medium, and everything after it returns errors.
    pub fn fail_power_after(&self, changes: u64) {
        let faults = &mut self.state.lock().faults;
        faults.power_fails_at = Some(faults.changes + changes);
    }

    /// How many changes were made: writes, syncs, and changes of names.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state.lock().faults.changes
    }

    /// Whether the power has failed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state.lock().faults.dead
    }

    /// Lets a sync fail after so many that succeed. What it should have made safe is then lost or
    /// not, and no later sync brings it back.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.state.lock().faults.syncs_left = Some(syncs);
    }

    /// Lets a sync of a directory fail after so many that succeed. Each name in it that was not safe
    /// then is or is not on the medium, and no later sync changes that.
    pub fn fail_directory_sync_after(&self, syncs: u64) {
        self.state.lock().faults.directory_syncs_left = Some(syncs);
    }

    /// Lets a write fail after so many that succeed, somewhere in the middle of its bytes.
    pub fn fail_write_after(&self, writes: u64) {
        self.state.lock().faults.writes_left = Some(writes);
    }

    /// Whether a sync or a write has failed because a test asked for it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state.lock().faults.fired
    }

    /// Does this when the next write begins, as another thread might at that moment.
    pub fn interrupt_next_write(&self, interruption: impl FnOnce() + Send + 'static) {
        *self.interruption.lock() = Some(Box::new(interruption));
    }

    /// Does this once a directory was listed the next time, as another process might at that moment.
    pub fn interrupt_after_listing(&self, directory: &str, interruption: impl FnOnce() + Send + 'static) {
        *self.after_listing.lock() = Some((directory.to_owned(), Box::new(interruption)));
    }

    /// Gives the disk room for so many bytes of files, or no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().faults.capacity = bytes;
    }

    /// How many bytes the files take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().used_bytes()
    }

    /// All files and their contents, as a running process sees them.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock();
        let files = state.names.iter().filter_map(|(name, node)| match node {
            Node::File(file) => Some((name.clone(), state.files[*file].current.clone())),
            Node::Directory => None,
        });
        files.collect()
    }

    /// Puts these bytes into a file, and makes them safe, as no program of ours did.
    pub fn plant(&self, path: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        let planted = File { current: bytes.clone(), safe: bytes, dirty: BTreeSet::new() };
        let file = match state.file(path) {
            Ok(file) => {
                state.files[file] = planted;
                file
            }
            Err(_) => {
                state.files.push(planted);
                state.files.len() - 1
            }
        };
        state.names.insert(path.to_owned(), Node::File(file));
        state.safe_names.insert(path.to_owned(), Node::File(file));
    }

    /// Takes a file away, as no program of ours did.
    pub fn take_away(&self, path: &str) {
        let mut state = self.state.lock();
        state.names.remove(path);
        state.safe_names.remove(path);
    }

    /// A copy of the disk that shares nothing with it, without its faults and locks.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut state = self.state.lock().clone();
        state.faults = Faults { capacity: state.faults.capacity, ..Faults::default() };
        state.locks = Locks::default();
        Self::of(state)
    }

    pub(super) fn kill(&self) -> Self {
        let copy = self.copy();
        self.state.lock().faults.dead = true;
        copy
    }

    pub(super) fn power_loss(&self, seed: u64) -> Self {
        let copy = self.kill();
        {
            let state = &mut *copy.state.lock();
            state.random = ChaCha8Rng::seed_from_u64(seed ^ 0x706f_7765_726c_6f73);
            state.lose_names();
            let State { files, random, .. } = state;
            files.iter_mut().for_each(|file| file.lose(random));
        }
        copy
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state.lock().change(|state| {
            state.check_parent(path)?;
            state.check_room(0)?;
            let file = state.files.len();
            state.files.push(File::default());
            state.names.insert(path.to_owned(), Node::File(file));
            state.name_changes.push(NameChange::Set(path.to_owned(), Node::File(file)));
            Ok(file)
        })?;
        Ok(self.file(file, Access::Write))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.check_alive()?;
        let file = state.file(path)?;
        drop(state);
        Ok(self.file(file, access))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.check_alive()?;
        if !directory.is_empty() && state.names.get(directory) != Some(&Node::Directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = state.names.keys().filter(|name| parent(name) == directory);
        let names = names.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect();
        drop(state);
        let waiting = self.after_listing.lock().take_if(|(waited, _)| waited == directory);
        if let Some((_, interruption)) = waiting {
            interruption();
        }
        Ok(names)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.state.lock().change(|state| {
            let ends = directory.match_indices('/').map(|(at, _)| at).chain([directory.len()]);
            for path in ends.map(|end| &directory[..end]) {
                if !state.names.contains_key(path) {
                    state.names.insert(path.to_owned(), Node::Directory);
                    state.name_changes.push(NameChange::Set(path.to_owned(), Node::Directory));
                }
            }
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state.lock().change(|state| {
            let file = state.file(from)?;
            state.check_parent(to)?;
            let change = NameChange::Rename(from.to_owned(), to.to_owned(), Node::File(file));
            change.clone().apply(&mut state.names);
            state.name_changes.push(change);
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.state.lock().change(|state| {
            state.file(path)?;
            state.names.remove(path);
            state.name_changes.push(NameChange::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        self.state.lock().sync(|state| state.sync_names(directory))
    }

    fn lock(&self, _path: &str, kind: LockKind) -> io::Result<LockOutcome> {
        let mut state = self.state.lock();
        state.check_alive()?;
        let locks = &mut state.locks;
        if locks.exclusive || (kind == LockKind::Exclusive && locks.shared > 0) {
            return Ok(LockOutcome::Held("a simulated process".to_owned()));
        }
        match kind {
            LockKind::Exclusive => locks.exclusive = true,
            LockKind::Shared => locks.shared += 1,
        }
        let threads = state.threads.as_ref().map(LentThreads::keep);
        Ok(LockOutcome::Taken(Box::new(SimLock { state: self.state.clone(), kind, _threads: threads })))
    }

    fn locate(&self, path: &str) -> String {
        path.to_owned()
    }
}

struct SimLock {
    state: Arc<Mutex<State>>,
    kind: LockKind,
    _threads: Option<KeptThreads>,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let locks = &mut self.state.lock().locks;
        match self.kind {
            LockKind::Exclusive => locks.exclusive = false,
            LockKind::Shared => locks.shared -= 1,
        }
    }
}

struct SimFile {
    state: Arc<Mutex<State>>,
    interruption: Arc<Mutex<Interruption>>,
    file: usize,
    access: Access,
}

impl SimFile {
    fn change(&self, make: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.state.lock().change(|state| make(&mut state.files[self.file]))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.state.lock();
        state.check_alive()?;
        let current = &state.files[self.file].current;
        let rest = current.get(offset as usize..).unwrap_or(&[]);
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let interruption = self.interruption.lock().take();
        if let Some(interruption) = interruption {
            interruption();
        }
        let (written, outcome) = {
            let state = &mut *self.state.lock();
            state.check_alive()?;
            let end = offset as usize + bytes.len();
            let room = state.check_room(end.saturating_sub(state.files[self.file].current.len()));
            if state.fails(|faults| &mut faults.writes_left) {
                let written = below(&mut state.random, bytes.len() as u64 + 1) as usize;
                (written, Err(io::Error::other("a simulated write failed")))
            } else {
                (if room.is_ok() { bytes.len() } else { 0 }, room)
            }
        };
        self.change(|file| {
            let (start, end) = (offset as usize, offset as usize + written);
            if file.current.len() < end {
                file.current.resize(end, 0);
            }
            file.current[start..end].copy_from_slice(&bytes[..written]);
            file.dirty.extend(sectors(start, end));
            outcome
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.state.lock().sync(|state| {
            state.clock.advance(SYNC_MICROS);
            let fails = state.fails(|faults| &mut faults.syncs_left);
            let State { files, random, .. } = state;
            let file = &mut files[self.file];
            let mut safe = std::mem::take(&mut file.safe);
            safe.resize(file.current.len(), 0);
            for sector in std::mem::take(&mut file.dirty) {
                // After a failure each page is on the medium or not, and all are called clean.
                if !fails || below(random, 2) == 0 {
                    file.copy_sector(sector, &mut safe);
                }
            }
            file.safe = safe;
            if fails { Err(io::Error::other("a simulated sync failed")) } else { Ok(()) }
        })
    }

    fn length(&self) -> io::Result<u64> {
        let state = self.state.lock();
        state.check_alive()?;
        Ok(state.files[self.file].current.len() as u64)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.change(|file| {
            file.current.truncate(length as usize);
            Ok(())
        })
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let (length, outcome) = {
            let state = &mut *self.state.lock();
            let before = state.files[self.file].current.len() as u64;
            let room = state.check_room(length.saturating_sub(before) as usize);
            if room.is_err() {
                // What was found before the disk was full has become part of the file.
                let free = state.free_bytes().unwrap_or(0);
                let found = below(&mut state.random, free + 1);
                (before + found, room)
            } else {
                (length, room)
            }
        };
        self.change(|file| {
            if file.current.len() < length as usize {
                file.current.resize(length as usize, 0);
            }
            outcome
        })
    }
}
