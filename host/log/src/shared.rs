//! What appends, waiters and the writer share, and how they tell each other. Locks are taken in the
//! order writer, manifest, definitions, pending; none but the writer's is held while a watcher runs.
//! Invariant: the durable sequence only grows, and never passes what has been synced.

use crate::anchor::Anchor;
use crate::definitions::Definitions;
use crate::doors::{Disk, Signal, Threads};
use crate::error::LogError;
use crate::limits::{MAX_GATHER_MICROS, UNWAITED_GATHER_SYNCS, WAITING_BATCHES};
use crate::lock::DirectoryLock;
use crate::maintenance::Upkeep;
use crate::manifest::Manifest;
use crate::pending::Pending;
use crate::sequence::Sequence;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

/// What a watcher of the log is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// All records up to this one are safe.
    Safe(Sequence),
    /// The disk failed; no record beyond the last that was said to be safe will be.
    Failed,
}

/// Is called after each sync, on the writer's thread or on that of a caller who waits for the sync. It
/// must not wait for anything, nor append.
pub type Watcher = Box<dyn Fn(Durability) + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) pending: Waiting,
    pub(crate) definitions: RwLock<Definitions>,
    durable: AtomicU64,
    /// The bytes of the batches after the place from which the log was opened.
    grown_bytes: AtomicU64,
    /// How long the last write took with its sync.
    sync_micros: AtomicU64,
    /// For how many batches more it is remembered that somebody waited.
    waited_for: AtomicU64,
    /// Held for the time of a copy only.
    anchors: Mutex<Anchors>,
    /// Wakes the writer.
    pub(crate) wake: Arc<dyn Signal>,
    /// Wakes those who wait for the writer.
    pub(crate) progress: Arc<dyn Signal>,
    pub(crate) watchers: RwLock<Vec<Watcher>>,
    /// The manifest as it was last published. Whoever changes it publishes it before letting go.
    pub(crate) manifest: Mutex<Manifest>,
    pub(crate) upkeep: Upkeep,
    /// The lock of the data directory, until the log is closed.
    pub(crate) directory_lock: Mutex<Option<DirectoryLock>>,
}

/// What waits to be written. It is held for less than a microsecond, but by every call, so its lock is one that
/// neither yields, which gives the processor away for milliseconds where others want it, nor is handed to a thread
/// that sleeps.
pub(crate) struct Waiting(std::sync::Mutex<Pending>);

impl Waiting {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Pending> {
        // After a panic of the writer the log is poisoned by its own alarm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places behind batches that were synced.
struct Anchors {
    /// Behind the last one.
    newest: Anchor,
    /// The record behind which an anchor is kept, and that anchor once it is known.
    sealed_at: Option<Sequence>,
    sealed: Option<Anchor>,
}

impl Shared {
    pub(crate) fn new(
        pending: Pending,
        definitions: Definitions,
        anchor: Anchor,
        grown_bytes: u64,
        manifest: Manifest,
        threads: &dyn Threads,
        directory_lock: DirectoryLock,
    ) -> Self {
        let progress = threads.signal();
        Self {
            anchors: Mutex::new(Anchors { newest: anchor, sealed_at: None, sealed: None }),
            durable: AtomicU64::new(pending.next.previous().0),
            grown_bytes: AtomicU64::new(grown_bytes),
            sync_micros: AtomicU64::new(0),
            waited_for: AtomicU64::new(0),
            pending: Waiting(std::sync::Mutex::new(pending)),
            definitions: RwLock::new(definitions),
            wake: threads.signal(),
            upkeep: Upkeep::new(threads.signal(), progress.clone()),
            progress,
            watchers: RwLock::new(Vec::new()),
            manifest: Mutex::new(manifest),
            directory_lock: Mutex::new(Some(directory_lock)),
        }
    }

    pub(crate) fn durable(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn grown_bytes(&self) -> u64 {
        self.grown_bytes.load(Ordering::Relaxed)
    }

    /// How long records for which nobody waits may gather. Where others wait, as long as a sync takes, since one that
    /// began at once would keep those that come meanwhile waiting for as long; where nobody does, longer: each sync
    /// slows down the calls beside it.
    pub(crate) fn gather_micros(&self) -> u64 {
        let syncs = if self.waited_for.load(Ordering::Relaxed) > 0 { 1 } else { UNWAITED_GATHER_SYNCS };
        (self.sync_micros.load(Ordering::Relaxed) * syncs).min(MAX_GATHER_MICROS)
    }

    /// Somebody waits for the disk.
    pub(crate) fn note_waiting(&self) {
        self.waited_for.store(WAITING_BATCHES, Ordering::Relaxed);
    }

    /// A batch was written and synced in this time.
    pub(crate) fn synced_in(&self, micros: u64) {
        self.sync_micros.store(micros, Ordering::Relaxed);
        let waited_for = self.waited_for.load(Ordering::Relaxed);
        self.waited_for.store(waited_for.saturating_sub(1), Ordering::Relaxed);
    }

    /// A batch of this length was synced.
    pub(crate) fn grow(&self, bytes: u64) {
        self.grown_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn anchor(&self) -> Anchor {
        self.anchors.lock().newest
    }

    /// Has the anchor behind this record kept; a batch ends with it.
    pub(crate) fn keep_anchor(&self, sequence: Sequence) {
        let anchors = &mut *self.anchors.lock();
        anchors.sealed_at = Some(sequence);
        anchors.sealed = Some(anchors.newest).filter(|anchor| anchor.sequence == sequence);
    }

    /// The anchor that was kept.
    pub(crate) fn kept_anchor(&self, sequence: Sequence) -> Option<Anchor> {
        self.anchors.lock().sealed.filter(|anchor| anchor.sequence == sequence)
    }

    /// Changes the anchor after a sync, before anyone is told that more is durable.
    pub(crate) fn move_anchor(&self, change: impl FnOnce(&mut Anchor)) {
        let anchors = &mut *self.anchors.lock();
        change(&mut anchors.newest);
        if anchors.sealed.is_none() && anchors.sealed_at == Some(anchors.newest.sequence) {
            anchors.sealed = Some(anchors.newest);
        }
    }

    pub(crate) fn publish_durable(&self, sequence: Sequence) {
        self.durable.store(sequence.0, Ordering::Release);
        self.progress.notify();
        self.tell(Durability::Safe(sequence));
    }

    /// After a failure of the disk: nothing that waits is safe, and nothing more is taken.
    pub(crate) fn poison(&self, reason: String) {
        self.pending.lock().poison(reason);
        self.progress.notify();
        self.tell(Durability::Failed);
    }

    /// Publishes a change of the manifest that the background work makes. On a full disk nothing has
    /// changed; after any other failure nobody knows which manifest stands, so nothing more is written.
    pub(crate) fn change_manifest(
        &self,
        disk: &dyn Disk,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), LogError> {
        let mut manifest = self.manifest.lock();
        let mut changed = manifest.clone();
        change(&mut changed);
        let published = changed.publish(disk);
        match &published {
            Ok(()) => *manifest = changed,
            Err(error) if error.is_disk_full() => {}
            Err(error) => {
                drop(manifest);
                self.poison(error.with_causes());
            }
        }
        published
    }

    fn tell(&self, durability: Durability) {
        for watcher in self.watchers.read().iter() {
            watcher(durability);
        }
    }
}
