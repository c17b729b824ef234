//! What the store refuses to grow beyond, each limit with its name, its default and its reason.
//! It only holds numbers; the operations compare.
//! Invariant: a limit that is exceeded is reported by the name that stands first in its description.

/// The limits of a store. Every one can be set. The names are those of error messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// `row`: the bytes of one row. A row crosses the boundary to a guest in one piece, and a batch of a scan
    /// holds at least one: 1 MiB keeps both small.
    pub row_bytes: usize,
    /// `key`: the bytes of one key, of the primary key or of an index, in key form. Keys are compared
    /// and copied on the way through an index; 1 KiB is far more than a key needs.
    pub key_bytes: usize,
    /// `transaction`: the bytes that one transaction may write, rows before and after together. They
    /// are held until it is durable, and are one record of the log.
    pub transaction_bytes: u64,
    /// `memory`: the bytes that all tables may take in memory, indexes and old versions included. From
    /// there on writes that grow are refused; deletes and reads go on. Nothing is refused by default,
    /// since only the operator knows the machine.
    pub memory_bytes: u64,
    /// `undo`: the bytes of old versions that may be kept because readers still read them. Beyond it the
    /// oldest readers are cancelled: one forgotten scan must not take the memory of all.
    pub undo_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            row_bytes: 1024 * 1024,
            key_bytes: 1024,
            transaction_bytes: 64 * 1024 * 1024,
            memory_bytes: u64::MAX,
            undo_bytes: 512 * 1024 * 1024,
        }
    }
}

/// `table-rows`: the slots of a table, rows that only older readers see included. The highest bit of an
/// entry of an index says that it is not a slot. The tests of this crate meet the limit sooner.
pub(crate) const TABLE_SLOTS: usize = if cfg!(test) { 1 << 16 } else { 1 << 31 };

/// `table-indexes`: the secondary indexes of a table, those included that only older readers use: an undo entry says in 30 bits which of them changed.
pub(crate) const TABLE_INDEXES: usize = 30;

/// `table-layouts`: the lists of columns that a table may have had while it is open: a row says in 11 bits by
/// which it was written. A snapshot writes all rows by the newest, so opening a database begins anew.
pub(crate) const TABLE_LAYOUTS: usize = 1 << 11;

/// The undo entries, and the marks between them, of a page: 24 and 32 KiB, which a transaction of few rows
/// allocates without a pause. The tests of this crate fill many.
pub(crate) const UNDO_PAGE: usize = if cfg!(test) { 4 } else { 1024 };

/// The rows that a bulk operation handles before it lets go of the table's lock, so that a reader waits
/// for less than a millisecond.
pub(crate) const ROWS_PER_LOCK: usize = 256;

/// The entries of an index that a scan looks at before it lets go of the lock, seen or not: a run of
/// deleted rows must not make the writer wait.
pub(crate) const VISITS_PER_LOCK: usize = 4096;

/// The undo entries that are purged before the lock is let go of: about 100 µs of work.
pub(crate) const PURGED_PER_LOCK: usize = 512;

/// A commit purges once this many undo entries were written, so that small ones share the locking.
pub(crate) const PURGE_AFTER: u64 = 64;

/// For each undo entry that was written, a commit purges up to this many: more than one, so that a
/// backlog shrinks while work goes on.
pub(crate) const PURGED_PER_WRITTEN: u64 = 2;

/// Tables tell the store how much memory they take whenever it has changed by this much, so that an
/// operation need not touch a counter that all threads share.
pub(crate) const MEMORY_STEP: u64 = 64 * 1024;

/// They also do so after this many new slots: structures grow by pages of up to 84 KiB, which fewer bytes
/// of rows than a step can begin.
pub(crate) const MEMORY_STEP_SLOTS: usize = 64;
