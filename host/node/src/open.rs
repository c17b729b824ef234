//! Opening a node: its state is recovered, its modules are made ready, its workers are started.
//! Invariant: nobody is served before all of that is done, and nothing runs a guest before it is.

use crate::cache::DiskCache;
use crate::context::Context;
use crate::error::Error;
use crate::executor::{JobWorker, Queue};
use crate::limits::Limits;
use crate::node::{Inner, Node};
use crate::query::Readers;
use crate::ready::Workshop;
use crate::recover::recover;
use crate::snapshot::{KnownRows, SNAPSHOT_LOG_BYTES, SnapshotWorker, Snapshots};
use crate::transaction::{Writer, check_clock};
use crate::worker::WriterWorker;
use interstice_engine::{CompileCache, Engine, EngineOptions};
use interstice_log::doors::{Doors, LockKind, Worker};
use interstice_log::{
    ArtifactStore, DirectoryLock, LogOptions, Progress, RecoveryReport, SnapshotStore, TableHead,
};
use interstice_store::Store;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

const SNAPSHOT_STACK_BYTES: usize = 512 << 10;

/// How a node is opened.
#[derive(Clone)]
pub struct NodeOptions {
    /// What it allows.
    pub limits: Limits,
    /// How its log is opened.
    pub log: LogOptions,
    /// How many bytes of log may be written before a snapshot is taken; none is taken that nobody asks for,
    /// if there is no number.
    pub snapshot_log_bytes: Option<u64>,
    /// Where compiled components are kept, if not in the data directory.
    pub cache: Option<Arc<dyn CompileCache + Send + Sync>>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        NodeOptions {
            limits: Limits::default(),
            log: LogOptions::DEFAULT,
            snapshot_log_bytes: Some(SNAPSHOT_LOG_BYTES),
            cache: None,
        }
    }
}

impl Node {
    /// Opens the database in a data directory, and makes one if the directory is empty.
    ///
    /// # Errors
    /// If another process holds it, if what is stored is damaged or too new, or if an installed
    /// module cannot be made ready again.
    pub fn open(
        doors: Doors,
        options: NodeOptions,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(Node, RecoveryReport), Error> {
        let lock = DirectoryLock::take(doors.disk.as_ref(), LockKind::Exclusive)?;
        Node::open_locked(doors, lock, options, on_progress)
    }

    /// The same under the lock for writing, which this process has: by what else lies in the directory it may have
    /// chosen the options.
    ///
    /// # Errors
    /// As [`Node::open`], but for the lock.
    pub fn open_locked(
        doors: Doors,
        lock: DirectoryLock,
        options: NodeOptions,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(Node, RecoveryReport), Error> {
        options.limits.check()?;
        let limits = Arc::new(options.limits);
        let engine = Engine::new(EngineOptions {
            max_memory_bytes: limits.guest_memory_bytes as usize,
            max_wasm_stack_bytes: limits.guest_stack_bytes,
            ..EngineOptions::default()
        })
        .map_err(|error| Error::Engine { doing: "starting", message: error.to_string() })?;
        let mut secret = [0; 8];
        doors.entropy.fill(&mut secret).map_err(|error| Error::Engine {
            doing: "drawing randomness for the hash tables",
            message: error.to_string(),
        })?;
        let new_store = || Store::new(limits.store.clone(), u64::from_le_bytes(secret));
        let snapshots = SnapshotStore::new(&doors);
        let log_options = LogOptions { clock_jump_micros: limits.clock_jump_micros, ..options.log };
        let (mut state, log, report) =
            recover(&doors, lock, log_options, &snapshots, &new_store, on_progress)?;
        let (log, store) = (Arc::new(log), state.store.clone());
        let artifacts = ArtifactStore::new(doors.disk.clone());
        let cache = options.cache.unwrap_or_else(|| Arc::new(DiskCache::new(doors.disk.clone())));
        check_clock(doors.clock.now_micros(), state.last_timestamp_micros, &limits)?;
        let shop = Workshop {
            numbers: log.as_ref(),
            engine: &engine,
            cache: Some(cache.as_ref()),
            artifacts: &artifacts,
        };
        let catalog = Arc::new(state.catalog(&shop)?);
        let key = log.database_key();
        let context = Context::new(catalog, limits.clone(), key);
        let known_rows = std::mem::take(&mut state.known_rows);
        let writer = Writer::new(context, state);
        let latest_micros = writer.latest_micros.clone();
        let readers = Readers::new(limits.clone(), doors.clock.clone(), latest_micros, key);
        let (writing, reading) = (Queue::new(doors.threads.as_ref()), Queue::new(doors.threads.as_ref()));
        let log_bytes = options.snapshot_log_bytes;
        let snapshots = Snapshots::new(&doors, snapshots, log.clone(), writing.work(), log_bytes);
        let inner = Inner {
            snapshots,
            limits,
            engine,
            store,
            log,
            artifacts,
            cache,
            catalogs: writer.catalogs.clone(),
            writer: Mutex::new(writer),
            readers,
            writing,
            reading,
            doors,
        };
        let node = Node { inner: Arc::new(inner) };
        node.start_workers(known_rows)?;
        Ok((node, report))
    }

    fn start_workers(&self, known_rows: HashMap<TableHead, KnownRows>) -> Result<(), Error> {
        let inner = &self.inner;
        let stack_bytes = self.stack_bytes();
        let writer_worker = WriterWorker {
            node: Arc::downgrade(inner),
            queue: inner.writing.clone(),
            snapshots: inner.snapshots.clone(),
            stack_bytes,
        };
        let mut workers: Vec<(String, Arc<Queue>, Box<dyn Worker>)> =
            vec![("executor".to_owned(), inner.writing.clone(), Box::new(writer_worker))];
        for number in 0..inner.limits.query_threads {
            let worker = JobWorker { queue: inner.reading.clone(), stack_bytes };
            workers.push((format!("query-{number}"), inner.reading.clone(), Box::new(worker)));
        }
        let failed = |error: std::io::Error| Error::Engine {
            doing: "starting its threads",
            message: error.to_string(),
        };
        // First, since what closes the node waits for its end.
        let worker = Box::new(SnapshotWorker::new(inner.snapshots.clone(), known_rows));
        let wake = inner.snapshots.wake.clone();
        inner.doors.threads.spawn("snapshots", SNAPSHOT_STACK_BYTES, wake, worker).map_err(failed)?;
        for (name, queue, worker) in workers {
            // What the thread itself takes stands beside what guests may take.
            let stack = stack_bytes + (256 << 10);
            inner.doors.threads.spawn(&name, stack, queue.work(), worker).map_err(failed)?;
        }
        Ok(())
    }
}
