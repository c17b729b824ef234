//! The database: opened on a data directory, given modules, called and queried.
//! It joins the store, the log and the engine, and knows which thread may run a guest.
//! Invariant: nobody is told of a transaction before its record is as safe as was asked for.

use crate::call::{
    Acknowledge, CallOptions, FunctionHandle, ModuleInfo, Pending, PendingQuery, Promised, Reply,
};
use crate::catalog::Catalog;
use crate::catalogs::{Catalogs, Held};
use crate::error::{Error, ErrorKind};
use crate::executor::{Answer, Queue};
use crate::install::Installation;
use crate::limits::Limits;
use crate::query::{Question, Readers};
use crate::ready::Workshop;
use crate::snapshot::{SnapshotReport, Snapshots};
use crate::transaction::{Executed, Request, Tools, Writer};
use interstice_engine::{Caller, CompileCache, Engine, is_guest_thread};
use interstice_log::doors::Doors;
use interstice_log::{ArtifactStore, Cause, Log, Sequence};
use interstice_store::{Store, StoreError, Version};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;

/// How many deliveries are made before a call that waits for the writer gets its turn.
pub(crate) const DELIVERIES_BEFORE_A_CALL: usize = 1024;

/// An open database. Copies are the same node; it closes when the last is dropped.
#[derive(Clone)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) doors: Doors,
    pub(crate) limits: Arc<Limits>,
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) log: Arc<Log>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) artifacts: ArtifactStore,
    pub(crate) cache: Arc<dyn CompileCache + Send + Sync>,
    /// What queries and look-ups use; the newest is that of the writer's context.
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) readers: Readers,
    /// Work for the writer, from threads that cannot run guests.
    pub(crate) writing: Arc<Queue>,
    /// Queries, from threads that cannot run guests.
    pub(crate) reading: Arc<Queue>,
}

impl Node {
    /// The stack that a thread needs on which calls are to run without a hand-over; see
    /// [`guest_thread`](interstice_engine::guest_thread).
    pub fn stack_bytes(&self) -> usize {
        self.inner.engine.options().stack_bytes(self.inner.limits.depth as usize)
    }

    /// Installs a module, unless this very artifact is installed. Returns once that is durable.
    pub fn install(&self, component: &[u8]) -> Result<Installation, Error> {
        if !is_guest_thread() {
            let component = component.to_vec();
            return self.hand_over(&self.inner.writing, move |node| node.install(&component));
        }
        let inner = &self.inner;
        let mut writer = inner.writer.lock();
        let installation =
            writer.guarded(|writer| writer.install(&inner.tools(), &inner.workshop(), component))?;
        let last = Sequence(writer.last_sequence);
        drop(writer);
        // Also when it was there before: whoever installed it may still wait.
        inner.catalog_changed(last)?;
        Ok(installation)
    }

    /// Finds a function that clients may call: `transfer`, or `ledger.transfer` where the name alone
    /// is ambiguous. The module is named with or without its version.
    pub fn function(&self, module: &str, function: &str) -> Result<FunctionHandle, Error> {
        FunctionHandle::find(self.catalog(), module, function)
    }

    /// Everything that is installed, in the order of installation.
    pub fn modules(&self) -> Vec<ModuleInfo> {
        let times = self.inner.writer.lock().installed_micros.clone();
        ModuleInfo::all(&self.catalog(), &times)
    }

    /// What was uninstalled, and whose tables were kept.
    pub fn kept(&self) -> Vec<ModuleInfo> {
        let times = self.inner.writer.lock().installed_micros.clone();
        ModuleInfo::kept(&self.catalog(), &times)
    }

    /// Calls a reducer. Arguments are in the row codec, one after the other.
    ///
    /// # Errors
    /// See [`Error`]. A WIT `err` is no error here, but a [`Reply`] that says so.
    pub fn call(
        &self,
        function: &FunctionHandle,
        arguments: &[u8],
        options: &CallOptions,
    ) -> Result<Reply, Error> {
        let mut result = Vec::new();
        let (returned, sequence, told_at) = self.call_into(function, arguments, options, &mut result)?;
        Ok(Reply { returned, result, sequence, version: told_at })
    }

    /// Calls a reducer and leaves its result in `result`, which is cleared before. Answers what it
    /// returned, its record if it left one, and the version at which it was run.
    pub fn call_into(
        &self,
        function: &FunctionHandle,
        arguments: &[u8],
        options: &CallOptions,
        result: &mut Vec<u8>,
    ) -> Result<(interstice_engine::Returned, Option<Sequence>, Sequence), Error> {
        function.check_reducer()?;
        self.check_arguments(function, arguments)?;
        let (told_at, executed) = if is_guest_thread() {
            let inner = &self.inner;
            inner.execute(inner.writer.lock(), function, arguments, &options.caller, result)
        } else {
            let (function, arguments, caller) =
                (function.clone(), arguments.to_vec(), options.caller.clone());
            let (told, bytes) = self.hand_over(&self.inner.writing, move |node| {
                let (inner, mut result) = (&node.inner, Vec::new());
                let writer = inner.writer.lock();
                Ok((inner.execute(writer, &function, &arguments, &caller, &mut result), result))
            })?;
            *result = bytes;
            told
        };
        if waits(options.acknowledge, &executed) {
            self.inner.log.wait_durable(told_at)?;
        }
        let executed = executed?;
        Ok((executed.returned, executed.sequence, told_at))
    }

    /// How many bytes the log has, from the snapshot on from which the database was opened, or from its
    /// beginning: by how much it has grown.
    pub fn log_bytes(&self) -> u64 {
        self.inner.log.grown_bytes()
    }

    /// Asks for a call and does not wait until it is durable: many can be in flight, and they run in the order
    /// in which they were sent. On a thread that can run guests, while no other call waits, it is run before
    /// this returns.
    pub fn send(
        &self,
        function: &FunctionHandle,
        arguments: Vec<u8>,
        caller: Caller,
    ) -> Result<Pending, Error> {
        function.check_reducer()?;
        self.check_arguments(function, &arguments)?;
        let inner = &self.inner;
        // Two hand-offs between threads take longer than most calls. Who has sent one that waits is behind it.
        if is_guest_thread()
            && inner.writing.is_served()
            && let Some(writer) = inner.writer.try_lock()
        {
            let answer = Promised::Now(inner.reply(writer, function, &arguments, &caller));
            return Ok(Pending { answer, node: self.clone() });
        }
        let answer = Answer::new(inner.doors.threads.as_ref());
        let (place, node, function) = (answer.clone(), self.clone(), function.clone());
        inner.writing.send(Box::new(move || {
            let inner = &node.inner;
            place.give(|| Ok(inner.reply(inner.writer.lock(), &function, &arguments, &caller)));
        }))?;
        Ok(Pending { answer: Promised::Later(answer), node: self.clone() })
    }

    /// Runs a query at the newest durable version, or at the newest of all if `memory` is asked for.
    pub fn query(
        &self,
        function: &FunctionHandle,
        arguments: &[u8],
        options: &CallOptions,
    ) -> Result<Reply, Error> {
        function.check_query()?;
        self.check_arguments(function, arguments)?;
        if !is_guest_thread() {
            let (function, arguments, options) = (function.clone(), arguments.to_vec(), options.clone());
            return self
                .hand_over(&self.inner.reading, move |node| node.query(&function, &arguments, &options));
        }
        let inner = &self.inner;
        let held = inner.hold(|| inner.visible(options.acknowledge))?;
        inner.query_at(held, function, arguments, &options.caller)
    }

    /// Asks for a query that sees what was sent before it and nothing that is sent after it, and does not
    /// wait for it.
    pub fn send_query(
        &self,
        function: &FunctionHandle,
        arguments: Vec<u8>,
        caller: Caller,
    ) -> Result<PendingQuery, Error> {
        function.check_query()?;
        self.check_arguments(function, &arguments)?;
        let inner = &self.inner;
        let answer = if inner.writing.is_served() {
            Promised::Now(inner.hold(|| inner.visible(Acknowledge::Memory))?)
        } else {
            let answer = Answer::new(inner.doors.threads.as_ref());
            let (place, node) = (answer.clone(), self.clone());
            inner.writing.send(Box::new(move || {
                place.give(|| node.inner.hold(|| node.inner.visible(Acknowledge::Memory)));
            }))?;
            Promised::Later(answer)
        };
        Ok(PendingQuery { answer, node: self.clone(), function: function.clone(), arguments, caller })
    }

    /// Runs a query at a version that was held for it.
    pub(crate) fn query_held(
        &self,
        held: Held,
        function: FunctionHandle,
        arguments: Vec<u8>,
        caller: Caller,
    ) -> Result<Reply, Error> {
        if !is_guest_thread() {
            return self.hand_over(&self.inner.reading, move |node| {
                node.inner.query_at(held, &function, &arguments, &caller)
            });
        }
        self.inner.query_at(held, &function, &arguments, &caller)
    }

    /// Waits until everything that was committed is durable.
    pub fn flush(&self) -> Result<(), Error> {
        let last = Sequence(self.inner.writer.lock().last_sequence);
        Ok(self.inner.log.wait_durable(last)?)
    }

    /// Runs every scheduled function whose time has come, and pays all deliveries that are owed and
    /// those that they cause. The node does so by itself; this waits until all of it is durable.
    pub fn settle(&self) -> Result<(), Error> {
        if !is_guest_thread() {
            return self.hand_over(&self.inner.writing, Node::settle);
        }
        let inner = &self.inner;
        let tools = inner.tools();
        loop {
            // In portions, so that calls get their turn.
            let (paid, last) = inner.writer.lock().guarded(|writer| {
                writer.run_due(&tools)?;
                let paid = writer.deliver(&tools, DELIVERIES_BEFORE_A_CALL)?;
                Ok((paid, Sequence(writer.last_sequence)))
            })?;
            if paid {
                return Ok(inner.log.wait_durable(last)?);
            }
        }
    }

    /// Takes a snapshot of everything that is committed now, and waits until it survives a crash. The
    /// writer goes on meanwhile. The node takes snapshots by itself as well, as its options say.
    ///
    /// # Errors
    /// If the disk fails or is full, or somebody copies snapshots; then there is no new one, and the node
    /// goes on as it was.
    pub fn snapshot(&self) -> Result<SnapshotReport, Error> {
        let answer = Answer::new(self.inner.doors.threads.as_ref());
        self.inner.snapshots.ask(answer.clone())?;
        answer.wait()
    }

    /// The last record that was committed.
    pub fn last_sequence(&self) -> Sequence {
        Sequence(self.inner.writer.lock().last_sequence)
    }

    /// The time of the last record, in microseconds since the Unix epoch.
    pub fn last_timestamp_micros(&self) -> u64 {
        self.inner.writer.lock().last_timestamp_micros
    }

    /// The newest record that is safe.
    pub fn durable(&self) -> Sequence {
        self.inner.log.durable()
    }

    /// The bytes that all tables take in memory.
    pub fn memory_bytes(&self) -> u64 {
        self.inner.store.memory_bytes()
    }

    /// Ends what runs, writes everything that waits, and gives the data directory free.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.close()
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalogs.newest()
    }

    fn check_arguments(&self, function: &FunctionHandle, arguments: &[u8]) -> Result<(), Error> {
        let limit = self.inner.limits.arguments_bytes;
        if arguments.len() <= limit {
            return Ok(());
        }
        Err(Error::Limit {
            limit: "arguments",
            place: function.full_name().to_owned(),
            message: format!("the arguments have {} bytes and may have {limit}", arguments.len()),
        })
    }

    /// Has a thread that can run guests do something, and waits for it.
    pub(crate) fn hand_over<T: Send + 'static>(
        &self,
        queue: &Queue,
        job: impl FnOnce(&Node) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let answer = Answer::new(self.inner.doors.threads.as_ref());
        let (place, node) = (answer.clone(), self.clone());
        queue.send(Box::new(move || place.give(|| job(&node))))?;
        answer.wait()
    }

    pub(crate) fn wait_durable(&self, sequence: Sequence) -> Result<(), Error> {
        Ok(self.inner.log.wait_durable(sequence)?)
    }
}

/// Whether an answer must wait until what it saw is durable. A refusal must as well, for it may tell of rows
/// that are not safe yet; but a failure of the node tells of none, and then nothing may become durable.
pub(crate) fn waits<T>(acknowledge: Acknowledge, answer: &Result<T, Error>) -> bool {
    let is_ours = answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Ours);
    acknowledge == Acknowledge::Durable && !is_ours
}

impl Inner {
    /// The version that a query may see now.
    fn visible(&self, acknowledge: Acknowledge) -> Version {
        let newest = self.store.newest();
        match acknowledge {
            // What was not made durable before the disk failed may be gone after the next opening.
            Acknowledge::Memory if self.log.poisoned().is_none() => newest,
            Acknowledge::Memory | Acknowledge::Durable => Version(self.log.durable().0).min(newest),
        }
    }

    /// Holds a version for a reader. The writer lets history go as the log becomes durable: the version that
    /// was just chosen may be gone before it is held, and then a newer one can be chosen.
    fn hold(&self, choose: impl Fn() -> Version) -> Result<Held, Error> {
        self.catalogs.hold(|| {
            loop {
                match self.store.reader(choose()) {
                    Ok(reader) => return Ok(reader),
                    Err(StoreError::VersionNotKept { .. }) => {}
                    Err(error) => return Err(Error::Store(error)),
                }
            }
        })
    }

    /// What makes modules ready to run.
    pub(crate) fn workshop(&self) -> Workshop<'_> {
        Workshop {
            numbers: self.log.as_ref(),
            engine: &self.engine,
            cache: Some(self.cache.as_ref()),
            artifacts: &self.artifacts,
        }
    }

    /// After a change of the catalog with this record, or with none: waits until it is durable, and lets go what
    /// only older versions need.
    pub(crate) fn catalog_changed(&self, last: Sequence) -> Result<(), Error> {
        // New schedules, and what new rows owe to subscribers.
        self.writing.work().notify();
        self.log.wait_durable(last)?;
        self.catalogs.forget_before(Version(self.log.durable().0));
        self.readers.forget();
        Ok(())
    }

    fn execute(
        &self,
        mut writer: MutexGuard<'_, Writer>,
        function: &FunctionHandle,
        arguments: &[u8],
        caller: &Caller,
        result: &mut Vec<u8>,
    ) -> (Sequence, Result<Executed, Error>) {
        let tools = self.tools();
        result.clear();
        let executed = writer.guarded(|writer| {
            writer.deliver_before_a_call(&tools);
            let target = function.target_in(&writer.context().catalog)?;
            let request = Request { target, arguments, caller, cause: Cause::Call, depth: 0 };
            writer.execute(&tools, &request, result)
        });
        let told_at = Sequence(writer.last_sequence);
        let owes = !writer.owed.is_empty();
        drop(writer);
        if owes {
            self.writing.work().notify();
        }
        (told_at, executed)
    }

    /// Runs a call and says at which version.
    fn reply(
        &self,
        writer: MutexGuard<'_, Writer>,
        function: &FunctionHandle,
        arguments: &[u8],
        caller: &Caller,
    ) -> (Sequence, Result<Reply, Error>) {
        let mut result = Vec::new();
        let (version, executed) = self.execute(writer, function, arguments, caller, &mut result);
        let reply = |Executed { returned, sequence }| Reply { returned, result, sequence, version };
        (version, executed.map(reply))
    }

    fn query_at(
        &self,
        held: Held,
        function: &FunctionHandle,
        arguments: &[u8],
        caller: &Caller,
    ) -> Result<Reply, Error> {
        let Held { reader, catalog } = held;
        let version = reader.version();
        let mut result = Vec::new();
        let target = function.target_in(&catalog)?;
        let question = Question { catalog: &catalog, reader, target, arguments, caller };
        let returned = self.readers.query(&question, &mut result)?;
        Ok(Reply { returned, result, sequence: None, version: Sequence(version.0) })
    }

    pub(crate) fn tools(&self) -> Tools<'_> {
        Tools { log: &self.log, store: &self.store, clock: self.doors.clock.as_ref(), limits: &self.limits }
    }

    fn close(&self) -> Result<(), Error> {
        self.writing.close();
        self.reading.close();
        self.snapshots.close();
        self.writer.lock().closed = true;
        Ok(self.log.close()?)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A failure is found again on opening; there is nobody here to tell.
        let _ = self.close();
    }
}
