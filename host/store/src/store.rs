//! The store: all tables, the newest version, and the list of history to be purged.
//! It has no threads, no clock and no files; what it does, it does within a call.
//! Invariant: there is at most one transaction, and versions only grow.

use crate::{
    Reader, StoreError, StoreLimits, TableDefinition, TableHandle, TableId, Transaction,
    definition::Shape,
    limits::PURGED_PER_LOCK,
    memory::Memory,
    readers::Readers,
    state::State,
    table::{Contents, Table},
};
use foldhash::SharedSeed;
use parking_lot::{Mutex, RwLock};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt,
    sync::{
        Arc, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// The state after a transaction, by the sequence of that transaction. 0 is the empty store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

/// All tables of a database. Copies are the same store.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) limits: StoreLimits,
    tables: RwLock<BTreeMap<TableId, TableHandle>>,
    newest: AtomicU64,
    durable: AtomicU64,
    pub(crate) writing: AtomicBool,
    pub(crate) readers: Readers,
    pub(crate) memory: Arc<Memory>,
    /// Tables with undo entries, by the version of the oldest.
    history: Mutex<BinaryHeap<Reverse<Historic>>>,
    /// Tables in which a replay must look at unique indexes again.
    pub(crate) unsettled: Mutex<Vec<TableHandle>>,
    /// The undo entries that were written since the last purge.
    pub(crate) unpurged: AtomicU64,
    secret: u64,
    shared: Arc<SharedSeed>,
}

/// A table that has history, ordered by how old it is.
struct Historic {
    oldest: Version,
    table: TableHandle,
}

impl Store {
    /// An empty store. `secret` keys its hash tables: it must come from the operating system's randomness
    /// where keys come from strangers. Nothing that can be observed depends on it.
    pub fn new(limits: StoreLimits, secret: u64) -> Self {
        Self(Arc::new(Inner {
            limits,
            tables: RwLock::default(),
            newest: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            writing: AtomicBool::new(false),
            readers: Readers::default(),
            memory: Arc::default(),
            history: Mutex::default(),
            unsettled: Mutex::default(),
            unpurged: AtomicU64::new(0),
            secret,
            shared: Arc::new(SharedSeed::from_u64(secret)),
        }))
    }

    /// Makes a table.
    ///
    /// # Errors
    /// If there is one of this number, or the definition is not sound.
    pub fn create_table(&self, id: TableId, definition: &TableDefinition) -> Result<TableHandle, StoreError> {
        self.0.create_table(id, definition, Version(0))
    }

    /// Forgets a table; its memory is free once the last handle is dropped. For an installation that
    /// failed.
    pub fn drop_table(&self, id: TableId) -> Option<TableHandle> {
        self.0.drop_table(id)
    }

    /// The table of this number.
    pub fn table(&self, id: TableId) -> Option<TableHandle> {
        self.0.tables.read().get(&id).cloned()
    }

    /// All tables, in the order of their numbers.
    pub fn tables(&self) -> Vec<TableHandle> {
        self.0.tables.read().values().cloned().collect()
    }

    /// Begins the transaction that will make this version.
    ///
    /// # Errors
    /// If one is open, or the version is not after the newest.
    pub fn begin(&self, version: Version) -> Result<Transaction, StoreError> {
        Transaction::begin(Arc::clone(&self.0), version)
    }

    /// Reads at a committed version, beside the writer.
    ///
    /// # Errors
    /// If there is no such version yet, or its history is gone: it is kept from the durable version on.
    pub fn reader(&self, version: Version) -> Result<Reader, StoreError> {
        Ok(Reader::new(&self.0, self.0.readers.open(version, self.newest())?))
    }

    /// The newest committed version.
    pub fn newest(&self) -> Version {
        self.0.newest()
    }

    /// Says that all versions up to this one are durable: history that only older readers would need
    /// may go.
    pub fn set_durable(&self, version: Version) {
        self.0.durable.fetch_max(version.0, Ordering::AcqRel);
    }

    /// Lets history go that nobody can read any more, `most` undo entries at most. Commits do so too. Returns
    /// whether there is more to go.
    pub fn purge(&self, most: usize) -> bool {
        self.0.purge(most as u64)
    }

    /// The same for a node that is idle: where somebody is at a table it keeps nobody waiting, and says nothing of
    /// what there is to go.
    pub fn try_purge(&self, most: usize) -> Option<bool> {
        self.0.purge_with(most as u64, |table| table.0.state.try_write())
    }

    /// The bytes that all tables take in memory.
    pub fn memory_bytes(&self) -> u64 {
        self.0.memory.total_bytes()
    }

    /// The limits that it was made with.
    pub fn limits(&self) -> &StoreLimits {
        &self.0.limits
    }

    /// How many readers are open.
    pub fn readers(&self) -> usize {
        self.0.readers.len()
    }
}

impl Inner {
    pub(crate) fn newest(&self) -> Version {
        Version(self.newest.load(Ordering::Acquire))
    }

    pub(crate) fn set_newest(&self, version: Version) {
        self.newest.store(version.0, Ordering::Release);
    }

    /// The newest version that history need not be kept for.
    pub(crate) fn durable(&self) -> Version {
        Version(self.durable.load(Ordering::Acquire)).min(self.newest())
    }

    /// A version that was replayed from the log is durable.
    pub(crate) fn set_replayed(&self, version: Version) {
        self.newest.fetch_max(version.0, Ordering::AcqRel);
        self.durable.fetch_max(version.0, Ordering::AcqRel);
    }

    /// Makes a table that is there from a version on.
    pub(crate) fn create_table(
        &self,
        id: TableId,
        definition: &TableDefinition,
        since: Version,
    ) -> Result<TableHandle, StoreError> {
        let (mut shape, entries) = Shape::new(definition)?;
        shape.since = since;
        // Each table hashes in its own way, so that keys that collide in one do not in another.
        let secret = self.secret.rotate_left(32) ^ u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let state = State::new(&shape, entries, secret, Arc::clone(&self.shared));
        let memory = Arc::clone(&self.memory);
        let table = TableHandle(Arc::new(Table { id, shape, state: Contents::new(state, &memory), memory }));
        let mut tables = self.tables.write();
        if tables.contains_key(&id) {
            return Err(StoreError::TableExists(id));
        }
        table.0.state.write().report_all(&self.memory);
        tables.insert(id, table.clone());
        Ok(table)
    }

    /// Forgets a table.
    pub(crate) fn drop_table(&self, id: TableId) -> Option<TableHandle> {
        self.tables.write().remove(&id)
    }

    /// From now on a table is known by this handle.
    pub(crate) fn replace_table(&self, table: &TableHandle) {
        if let Some(known) = self.tables.write().get_mut(&table.id()) {
            *known = table.clone();
        }
    }

    /// Refuses a table of another store.
    #[inline]
    pub(crate) fn own(&self, table: &TableHandle) -> Result<(), StoreError> {
        if Arc::ptr_eq(&self.memory, &table.0.memory) {
            Ok(())
        } else {
            Err(StoreError::ForeignTable(table.id()))
        }
    }

    /// Refuses a write that grows when memory is at its limit.
    #[inline]
    pub(crate) fn check_memory(&self) -> Result<(), StoreError> {
        let found = self.memory.total_bytes();
        if found < self.limits.memory_bytes {
            return Ok(());
        }
        Err(StoreError::Limit { name: "memory", limit: self.limits.memory_bytes, found })
    }

    /// Puts a table on the list of those that have history, unless it is there.
    pub(crate) fn note_history(&self, table: &TableHandle, state: &mut State) {
        if let Some(oldest) = state.oldest_history()
            && !state.queued_for_purge
        {
            state.queued_for_purge = true;
            self.history.lock().push(Reverse(Historic { oldest, table: table.clone() }));
        }
    }

    pub(crate) fn purge(&self, most: u64) -> bool {
        self.purge_with(most, |table| Some(table.0.state.write())).unwrap_or(true)
    }

    /// The same where locks of tables are taken so; nothing if one is not to be had.
    fn purge_with(
        &self,
        most: u64,
        lock: impl Fn(&TableHandle) -> Option<RwLockWriteGuard<'_, State>>,
    ) -> Option<bool> {
        let horizon = self.readers.horizon(self.durable());
        let mut left = most;
        while left > 0 {
            let Some(Historic { oldest, table }) = self.next_historic(horizon) else { return Some(false) };
            // A table that evolves keeps its history until it has.
            let locked = table.0.state.try_history().and_then(|kept| Some((kept, lock(&table)?)));
            let Some((_kept, mut state)) = locked else {
                self.history.lock().push(Reverse(Historic { oldest, table: table.clone() }));
                return None;
            };
            let purged = state.purge(horizon, left.min(PURGED_PER_LOCK as u64) as usize);
            left -= (purged as u64).min(left);
            state.queued_for_purge = false;
            self.note_history(&table, &mut state);
            state.report(&self.memory);
        }
        Some(self.history.lock().peek().is_some_and(|Reverse(next)| next.oldest <= horizon))
    }

    fn next_historic(&self, horizon: Version) -> Option<Historic> {
        let mut history = self.history.lock();
        history.peek().filter(|Reverse(next)| next.oldest <= horizon)?;
        history.pop().map(|Reverse(next)| next)
    }

    /// Cancels the oldest readers if history has grown beyond its limit because of them.
    pub(crate) fn limit_history(&self) {
        if self.memory.undo_bytes() > self.limits.undo_bytes && !self.purge(0) {
            self.readers.cancel_oldest(self.durable());
        }
    }
}

impl Ord for Historic {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.oldest, self.table.id()).cmp(&(other.oldest, other.table.id()))
    }
}

impl PartialOrd for Historic {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Historic {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Historic {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("newest", &self.newest()).finish_non_exhaustive()
    }
}
