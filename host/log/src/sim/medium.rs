//! What a simulated disk remembers: what a running process sees, what is on the medium, and which of
//! the two a loss of power leaves. After FoundationDB's simulated files. Invariant: what was synced, and
//! not written since, is never harmed.

use super::threads::LentThreads;
use super::{SimClock, below};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

const SECTOR_BYTES: usize = 512;
const SECTORS_A_PAGE: u64 = 8;

#[derive(Clone)]
pub(super) struct State {
    pub(super) files: Vec<File>,
    /// The names as a running process sees them.
    pub(super) names: BTreeMap<String, Node>,
    /// The names that survive a loss of power for sure.
    pub(super) safe_names: BTreeMap<String, Node>,
    /// What was done to names since their directories were synced, in order.
    pub(super) name_changes: Vec<NameChange>,
    pub(super) locks: Locks,
    pub(super) faults: Faults,
    /// What a sync takes passes on it.
    pub(super) clock: SimClock,
    /// Whoever holds the lock keeps them.
    pub(super) threads: Option<LentThreads>,
    pub(super) random: ChaCha8Rng,
}

#[derive(Clone, Default)]
pub(super) struct File {
    /// What a running process reads.
    pub(super) current: Vec<u8>,
    /// What is on the medium.
    pub(super) safe: Vec<u8>,
    /// The sectors written since the last sync.
    pub(super) dirty: BTreeSet<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File(usize),
}

#[derive(Clone)]
pub(super) enum NameChange {
    Set(String, Node),
    Remove(String),
    Rename(String, String, Node),
}

#[derive(Clone, Default)]
pub(super) struct Locks {
    pub(super) exclusive: bool,
    pub(super) shared: usize,
}

#[derive(Clone, Default)]
pub(super) struct Faults {
    /// The machine is off.
    pub(super) dead: bool,
    /// How many changes have been made, and at which one the power fails.
    pub(super) changes: u64,
    pub(super) power_fails_at: Option<u64>,
    /// Syncs that still succeed before one fails.
    pub(super) syncs_left: Option<u64>,
    /// Syncs of directories that still succeed before one fails.
    pub(super) directory_syncs_left: Option<u64>,
    /// Writes that still succeed before one fails.
    pub(super) writes_left: Option<u64>,
    pub(super) capacity: Option<u64>,
    /// A sync or write has failed as it was told to.
    pub(super) fired: bool,
}

impl File {
    /// Leaves of the contents what a loss of power leaves.
    pub(super) fn lose(&mut self, random: &mut ChaCha8Rng) {
        let mut after = self.safe.clone();
        if self.current.len() != after.len() && below(random, 2) == 0 {
            after.resize(self.current.len(), 0);
        }
        let mut pages: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for sector in &self.dirty {
            pages.entry(sector / SECTORS_A_PAGE).or_default().push(*sector);
        }
        for sectors in pages.into_values() {
            let fate = below(random, 4);
            for sector in sectors {
                // A whole page is kept or dropped, or each of its sectors apart, or garbled.
                match if fate < 2 { fate } else { below(random, 3) } {
                    0 => {}
                    1 => self.copy_sector(sector, &mut after),
                    _ => {
                        let range = sector_range(sector, after.len());
                        random.fill_bytes(&mut after[range]);
                    }
                }
            }
        }
        *self = Self { current: after.clone(), safe: after, dirty: BTreeSet::new() };
    }

    pub(super) fn copy_sector(&self, sector: u64, to: &mut [u8]) {
        let range = sector_range(sector, to.len().min(self.current.len()));
        to[range.clone()].copy_from_slice(&self.current[range]);
    }
}

/// The sectors that these bytes touch.
pub(super) fn sectors(start: usize, end: usize) -> std::ops::Range<u64> {
    (start / SECTOR_BYTES) as u64..end.div_ceil(SECTOR_BYTES) as u64
}

/// The bytes of a sector, cut off at the end of the file.
fn sector_range(sector: u64, length: usize) -> std::ops::Range<usize> {
    let start = (sector as usize * SECTOR_BYTES).min(length);
    start..(start + SECTOR_BYTES).min(length)
}

impl State {
    pub(super) fn used_bytes(&self) -> u64 {
        let length = |node: &Node| match node {
            Node::File(file) => self.files[*file].current.len() as u64,
            Node::Directory => 0,
        };
        self.names.values().map(length).sum()
    }

    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.faults.dead { Err(io::Error::other("the power has failed")) } else { Ok(()) }
    }

    /// Counts a change. If the power fails at it, `Err` is returned after the change was made.
    pub(super) fn change<T>(&mut self, make: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        self.check_alive()?;
        let made = make(self);
        self.faults.changes += 1;
        if self.power_fails_now() {
            self.faults.dead = true;
            self.check_alive()?;
        }
        made
    }

    fn power_fails_now(&self) -> bool {
        self.faults.power_fails_at.is_some_and(|at| at <= self.faults.changes)
    }

    /// Whether a sync that would be the next change still happens.
    pub(super) fn sync<T>(&mut self, make: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        self.check_alive()?;
        self.faults.changes += 1;
        if self.power_fails_now() {
            self.faults.dead = true;
            self.check_alive()?;
        }
        make(self)
    }

    /// The disk's free space, if it has an end.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        self.faults.capacity.map(|capacity| capacity.saturating_sub(self.used_bytes()))
    }

    pub(super) fn check_room(&mut self, more: usize) -> io::Result<()> {
        match self.faults.capacity {
            Some(capacity) if self.used_bytes() + more as u64 > capacity => {
                // To the log a full disk and a used-up quota are the same.
                let quota = below(&mut self.random, 4) == 0;
                Err(if quota { io::ErrorKind::QuotaExceeded } else { io::ErrorKind::StorageFull }.into())
            }
            _ => Ok(()),
        }
    }

    /// Counts down to a failure that a test has asked for. Returns whether it is this time.
    pub(super) fn fails(&mut self, left: impl FnOnce(&mut Faults) -> &mut Option<u64>) -> bool {
        match left(&mut self.faults) {
            None => false,
            Some(0) => {
                self.faults.fired = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// Makes the names in a directory safe. If that fails, the change of each file's name is on the
    /// medium or never will be, whatever is synced later. A new directory is still waited for.
    pub(super) fn sync_names(&mut self, directory: &str) -> io::Result<()> {
        let fails = self.fails(|faults| &mut faults.directory_syncs_left);
        for change in std::mem::take(&mut self.name_changes) {
            let is_directory = matches!(change, NameChange::Set(_, Node::Directory));
            if change.directory() != directory || (fails && is_directory) {
                self.name_changes.push(change);
            } else if !fails || below(&mut self.random, 2) == 0 {
                change.apply(&mut self.safe_names);
            }
        }
        if fails { Err(io::Error::other("a simulated sync of a directory failed")) } else { Ok(()) }
    }

    pub(super) fn check_parent(&self, path: &str) -> io::Result<()> {
        match self.names.get(parent(path)) {
            Some(Node::Directory) => Ok(()),
            _ if parent(path).is_empty() => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn file(&self, path: &str) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(file)) => Ok(*file),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Leaves of the unsynced names what a loss of power leaves.
    pub(super) fn lose_names(&mut self) {
        let mut names = std::mem::take(&mut self.safe_names);
        for change in std::mem::take(&mut self.name_changes) {
            if below(&mut self.random, 2) == 0 {
                change.apply(&mut names);
            }
        }
        // What lay in a directory that is lost is lost with it.
        let directories: BTreeSet<String> = names
            .iter()
            .filter(|(_, node)| **node == Node::Directory)
            .map(|(name, _)| name.clone())
            .collect();
        names.retain(|name, _| parent(name).is_empty() || directories.contains(parent(name)));
        self.names = names.clone();
        self.safe_names = names;
    }
}

impl NameChange {
    pub(super) fn apply(self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Set(name, node) => {
                names.insert(name, node);
            }
            Self::Remove(name) => {
                names.remove(&name);
            }
            Self::Rename(from, to, node) => {
                names.remove(&from);
                names.insert(to, node);
            }
        }
    }

    pub(super) fn directory(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Remove(name) | Self::Rename(_, name, _) => parent(name),
        }
    }
}

pub(super) fn parent(path: &str) -> &str {
    crate::publish::directory_of(path)
}
