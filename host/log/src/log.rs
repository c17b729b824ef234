//! The log as the node sees it: opened with a replay, appended to by many, safe by one writer. The
//! caller is never kept waiting for the disk but by asking, or by a bound that is reached.
//! Invariant: records get consecutive numbers, and become durable in that order.

use crate::anchor::Anchor;
use crate::create::create;
use crate::definitions::{Definition, DefinitionId, Definitions};
use crate::doing::Doing;
use crate::doors::{Access, Clock, Disk, Doors, LockKind, Step, Worker};
use crate::error::LogError;
use crate::limits::{KEPT_FOR_DELETES, MAX_RECORD_BYTES};
use crate::lock::DirectoryLock;
use crate::maintenance::{Covered, Maintenance, MaintenanceReport};
use crate::manifest::Manifest;
use crate::mend::{RecoveryReport, mend};
use crate::options::{LogOptions, whole_segment};
use crate::pending::{Admission, Pending, State};
use crate::read_log::{End, Replay, read_with};
use crate::record::{Caller, RecordParts};
use crate::record_codec::size_bound;
use crate::reserve::Reserve;
use crate::segment::{Id, LOG_DIRECTORY, segment_path};
use crate::sequence::Sequence;
use crate::shared::{Durability, Shared};
use crate::snapshot::Past;
use crate::starting_point::{History, StartingPoint};
use crate::writer::{Newest, Writer, WriterThread};
use parking_lot::Mutex;
use std::sync::Arc;

const WRITER_STACK_BYTES: usize = 256 << 10;
const MAINTENANCE_STACK_BYTES: usize = 512 << 10;

/// An open log. Dropping it closes it.
pub struct Log {
    shared: Arc<Shared>,
    /// The writer's thread steps it, and so does whoever waits while the thread does not.
    writer: Arc<Mutex<Writer>>,
    disk: Arc<dyn Disk>,
    database_key: Id,
    timeline: Id,
    latest_micros: u64,
    clock: Arc<dyn Clock>,
    options: LogOptions,
}

impl Log {
    /// Opens the log in a data directory, makes one if the directory is empty, and hands every record
    /// to `replay` in order.
    pub fn open(
        doors: &Doors,
        options: LogOptions,
        replay: &mut dyn Replay,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let lock = DirectoryLock::take(doors.disk.as_ref(), LockKind::Exclusive);
        Self::open_after(doors, lock?, options, None, replay)
    }

    /// The same with the records after a place in the log alone, such as a snapshot names. The log must hold that
    /// place, with its link and its catalog. Panics if the lock is one for reading.
    pub fn open_after(
        doors: &Doors,
        directory_lock: DirectoryLock,
        options: LogOptions,
        start: Option<&StartingPoint>,
        replay: &mut dyn Replay,
    ) -> Result<(Self, RecoveryReport), LogError> {
        assert!(directory_lock.is_exclusive(), "a log that is open needs the lock for writing");
        let options = LogOptions { segment_bytes: whole_segment(options.segment_bytes)?, ..options };
        let (disk, segment_bytes) = (doors.disk.as_ref(), options.segment_bytes);
        let (manifest, created) = match Manifest::read(disk)? {
            Some(manifest) => (manifest, false),
            None => {
                let made = create(doors, segment_bytes);
                (made.map_err(|error| error.on_full_disk(disk, segment_bytes))?, true)
            }
        };
        let mut definitions = Definitions::default();
        let mut end = read_with(disk, manifest, start, &mut definitions, replay)?;
        let report = RecoveryReport { created, ..mend(disk, &mut end)? };
        let log = Self::start(doors, options, end, definitions, directory_lock)?;
        Ok((log, report))
    }

    fn start(
        doors: &Doors,
        options: LogOptions,
        end: End,
        definitions: Definitions,
        directory_lock: DirectoryLock,
    ) -> Result<Self, LogError> {
        let End { manifest, newest, offset, chain, scope, grown_bytes, .. } = end;
        let disk = doors.disk.clone();
        let path = segment_path(newest.first);
        let file = disk.open(&path, Access::Write).doing("open", || disk.locate(&path))?;
        let kept_for_deletes = options.segment_bytes / KEPT_FOR_DELETES;
        let mut pending = Pending::new(chain.next, chain.catalog, kept_for_deletes);
        for (id, definition) in definitions.in_order_of_need() {
            pending.learn(id, definition);
        }
        let anchor = Anchor {
            sequence: chain.next.previous(),
            link: chain.link,
            catalog: chain.catalog,
            latest_micros: chain.latest_micros,
        };
        let (database_key, timeline) = (manifest.database_key, manifest.timeline);
        let threads = doors.threads.as_ref();
        let shared =
            Shared::new(pending, definitions, anchor, grown_bytes, manifest, threads, directory_lock);
        let shared = Arc::new(shared);
        let mut defined = Vec::new();
        for number in scope.numbers() {
            defined.resize(defined.len().max(number as usize + 1), false);
            defined[number as usize] = true;
        }
        let segment_bytes = options.segment_bytes;
        let writer = Writer {
            shared: shared.clone(),
            doors: doors.clone(),
            timeline,
            database_key,
            newest: Newest::new(file, &newest, offset),
            reserve: Reserve::default(),
            segment_bytes,
            link: chain.link,
            last: chain.next.previous(),
            defined,
            must_change: scope.is_renumbered(),
            should_change: false,
            unmarked: false,
            mark_at: None,
            retry_at: 0,
            gathering: None,
            dozes_until: 0,
            buffer: Vec::new(),
        };
        shared.pending.lock().room = writer.room();
        let writer = Arc::new(Mutex::new(writer));
        let worker =
            WriterThread { writer: writer.clone(), shared: shared.clone(), clock: doors.clock.clone() };
        let spawned = threads.spawn("log-writer", WRITER_STACK_BYTES, shared.wake.clone(), Box::new(worker));
        spawned.doing("start a thread for", || disk.locate(LOG_DIRECTORY))?;
        let worker = Box::new(Maintenance::new(shared.clone(), doors.clone(), options));
        let wake = shared.upkeep.wake.clone();
        let spawned = threads.spawn("log-maintenance", MAINTENANCE_STACK_BYTES, wake, worker);
        if spawned.is_err() {
            shared.pending.lock().state = State::Closed;
            shared.wake.notify();
        }
        spawned.doing("start a thread for", || disk.locate(LOG_DIRECTORY))?;
        let latest_micros = chain.latest_micros;
        let clock = doors.clock.clone();
        Ok(Self { shared, writer, disk, database_key, timeline, latest_micros, clock, options })
    }

    /// The number by which records refer to this definition. The same one for equal definitions.
    pub fn define(&self, definition: Definition) -> Result<DefinitionId, LogError> {
        if let Some(id) = self.shared.definitions.read().find(&definition) {
            return Ok(id);
        }
        let mut definitions = self.shared.definitions.write();
        let id = definitions.intern(definition)?;
        let definition = definitions.get(id).expect("it was just given its number");
        self.shared.pending.lock().learn(id, definition);
        Ok(id)
    }

    /// How records refer to a caller: by number, or in full if it is long or there are too many.
    pub fn caller<'a>(&self, caller: &'a [u8]) -> Result<Caller<'a>, LogError> {
        let definition = Definition::Caller(caller.to_vec());
        let (known, has_room) = {
            let definitions = self.shared.definitions.read();
            (definitions.find(&definition), definitions.has_room_for_a_caller(caller.len()))
        };
        match known {
            Some(id) => Ok(Caller::Numbered(id)),
            None if has_room => Ok(Caller::Numbered(self.define(definition)?)),
            None => Ok(Caller::Inline(caller)),
        }
    }

    /// What a number stands for.
    #[must_use]
    pub fn definition(&self, id: DefinitionId) -> Option<Definition> {
        self.shared.definitions.read().get(id).cloned()
    }

    /// Says whether a transaction may begin: not after a failure, and not on a disk so full that not even
    /// deletes could be recorded. What else it does shows when it is appended.
    pub fn admit(&self) -> Result<(), LogError> {
        let pending = self.shared.pending.lock();
        pending.check_open()?;
        if pending.has_room() { Ok(()) } else { Err(self.disk_full()) }
    }

    /// The same for a transaction that is known to do more than delete, such as an installation: on a full disk
    /// the last room is not for it.
    pub fn admit_growth(&self) -> Result<(), LogError> {
        let pending = self.shared.pending.lock();
        pending.check_open()?;
        if pending.has_room_to_grow() { Ok(()) } else { Err(self.disk_full()) }
    }

    /// Appends the next record. Returns as soon as it is encoded; waits only while too much is
    /// waiting for the disk already. On a full disk the last room is kept for records that only delete, and
    /// others are refused.
    pub fn append(&self, record: &RecordParts<'_>) -> Result<Sequence, LogError> {
        let bound = size_bound(record);
        if bound > MAX_RECORD_BYTES {
            return Err(LogError::RecordTooLarge { size: bound, limit: MAX_RECORD_BYTES });
        }
        loop {
            let count = self.shared.progress.count();
            let mut pending = self.shared.pending.lock();
            pending.check_open()?;
            if record.sequence != pending.next {
                let (expected, given) = (pending.next, record.sequence);
                return Err(LogError::OutOfTurn { expected, given });
            }
            match pending.admission(record, bound)? {
                Admission::Now { charge } => {
                    let wakes = pending.push(record, charge, self.shared.gather_micros());
                    drop(pending);
                    if wakes {
                        self.shared.wake.notify();
                    }
                    return Ok(record.sequence);
                }
                Admission::Later => {
                    let last = pending.next.previous();
                    pending.wait_for(last);
                }
                Admission::Reserve(room) => pending.wanted = room,
                Admission::DiskFull => {
                    // Whoever tries again makes the writer ask the disk again.
                    pending.refused = u64::MAX;
                    return Err(self.disk_full());
                }
            }
            drop(pending);
            self.shared.wake.notify();
            self.shared.progress.wait_past(count, None);
        }
    }

    fn disk_full(&self) -> LogError {
        let mend = "writing goes on when there is room again".to_owned();
        LogError::DiskFull { path: self.disk.locate(""), mend }
    }

    /// The last record that is safe.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        self.shared.durable()
    }

    /// Where the log stood after the last batch that was synced: the four values belong to the same
    /// moment. Never before what [`Log::durable`] has said; a snapshot of that version is tied to
    /// the log by them.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        self.shared.anchor()
    }

    /// Ends the batch that waits with the last record, so that an anchor can stand behind it, and returns
    /// that record. [`Log::sealed_anchor`] has the anchor, whatever is appended meanwhile, until this is
    /// called again.
    pub fn seal(&self) -> Sequence {
        let mut pending = self.shared.pending.lock();
        pending.seal();
        let last = pending.next.previous();
        self.shared.keep_anchor(last);
        last
    }

    /// Where the log stood behind the record that was sealed, once that is safe; nothing if another one was
    /// sealed since.
    ///
    /// # Errors
    /// As [`Log::wait_durable`].
    pub fn sealed_anchor(&self, sequence: Sequence) -> Result<Option<Anchor>, LogError> {
        self.wait_durable(sequence)?;
        Ok(self.shared.kept_anchor(sequence))
    }

    /// The number that the next record gets.
    #[must_use]
    pub fn next_sequence(&self) -> Sequence {
        self.shared.pending.lock().next
    }

    /// How many bytes of batches follow the place from which the log was opened, those that were found there
    /// and those that were written since: by how much it has grown beyond a snapshot.
    #[must_use]
    pub fn grown_bytes(&self) -> u64 {
        self.shared.grown_bytes()
    }

    /// The history that the log tells, for the snapshots beside it.
    pub(crate) fn history(&self) -> History {
        self.shared.manifest.lock().history()
    }

    /// Waits until a record is safe.
    pub fn wait_durable(&self, sequence: Sequence) -> Result<(), LogError> {
        let last = self.next_sequence().previous();
        if sequence > last {
            return Err(LogError::NotAppended { given: sequence, last });
        }
        let shared = &self.shared;
        shared.note_waiting();
        loop {
            let count = shared.progress.count();
            if shared.durable() >= sequence {
                return Ok(());
            }
            let mut pending = shared.pending.lock();
            pending.wait_for(sequence);
            let is_over = matches!(pending.state, State::Poisoned(_) | State::Closed);
            drop(pending);
            if is_over {
                // It may have become safe between the two looks.
                let safe = shared.durable() >= sequence;
                return if safe { Ok(()) } else { Err(LogError::OutcomeUnknown { sequence }) };
            }
            // A lone caller writes by itself: two hand-offs between threads would cost as much again
            // as a fast disk's sync.
            let worked = self.writer.try_lock().is_some_and(|mut writer| writer.step() == Step::Worked);
            if !worked {
                shared.progress.wait_past(count, None);
            }
        }
    }

    /// Has `watcher` called after each sync, and when the disk fails.
    pub fn on_durable(&self, watcher: impl Fn(Durability) + Send + Sync + 'static) {
        self.shared.watchers.write().push(Box::new(watcher));
    }

    /// Why nothing more is written, if the disk failed.
    #[must_use]
    pub fn poisoned(&self) -> Option<LogError> {
        match &self.shared.pending.lock().state {
            State::Poisoned(reason) => Some(LogError::Poisoned { reason: reason.clone() }),
            _ => None,
        }
    }

    /// The random key with which the database was made; the seed of its transactions' randomness.
    #[must_use]
    pub fn database_key(&self) -> Id {
        self.database_key
    }

    /// The history that the log tells. A database that was restored to an earlier state has another.
    #[must_use]
    pub fn timeline(&self) -> Id {
        self.timeline
    }

    /// The latest time in any record that was there when the log was opened.
    #[must_use]
    pub fn latest_micros(&self) -> u64 {
        self.latest_micros
    }

    /// Says what the snapshots that are kept make unnecessary. In the background closed segments up to the
    /// older of the two newest are compressed and moved to the archive, and those wholly before the oldest
    /// are given up as the retention allows.
    pub fn archive(&self, covered: Covered) {
        self.shared.upkeep.cover(covered);
    }

    /// The part of the history of which states are to be rebuilt, by what the clock says now: of this prune keeps
    /// snapshots.
    #[must_use]
    pub fn past(&self) -> Past {
        let now_micros = self.clock.now_micros();
        let retention = self.options.retention_at(now_micros, self.anchor().latest_micros);
        Past { retention, first: self.first(), now_micros }
    }

    /// What the background work on closed segments has done since the log was opened.
    #[must_use]
    pub fn maintenance(&self) -> MaintenanceReport {
        self.shared.upkeep.report()
    }

    /// Waits until the background work has done all that there is to do now.
    pub fn wait_maintained(&self) {
        self.shared.upkeep.wait_served();
    }

    /// The first record that the log holds; those before it were given up.
    #[must_use]
    pub fn first(&self) -> Sequence {
        self.shared.manifest.lock().first()
    }

    /// Writes all that waits and a mark, ends the writer and the background work and gives the data
    /// directory free.
    pub fn close(&self) -> Result<(), LogError> {
        let shared = &self.shared;
        {
            let mut pending = shared.pending.lock();
            if pending.state == State::Open {
                pending.state = State::Closing;
            }
        }
        shared.wake.notify();
        shared.upkeep.ask();
        shared.progress.wait_until(None, &mut || {
            matches!(shared.pending.lock().state, State::Closed | State::Poisoned(_))
        });
        // Nothing may be changed once the directory is free.
        shared.upkeep.wait_finished();
        shared.directory_lock.lock().take();
        self.poisoned().map_or(Ok(()), Err)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // A failure is found again on opening; there is nobody here to tell.
        let _ = self.close();
    }
}

#[cfg(all(test, feature = "simulator"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::definitions::Digest;
    use crate::record::{Cause, Outcome};
    use crate::sim::Simulator;
    use crate::write_set::WriteSet;

    /// Appends the next record if it is admitted at once.
    fn append_now(shared: &Shared, subject: DefinitionId, arguments: &[u8]) -> bool {
        let mut pending = shared.pending.lock();
        let record = RecordParts {
            sequence: pending.next,
            timestamp_micros: 1,
            cause: Cause::Call,
            subject,
            caller: Caller::Inline(b""),
            arguments,
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: WriteSet::EMPTY,
            deliveries: &[],
        };
        match pending.admission(&record, size_bound(&record)).unwrap() {
            Admission::Now { charge } => {
                pending.push(&record, charge, 0);
                drop(pending);
                shared.wake.notify();
                true
            }
            _ => false,
        }
    }

    #[test]
    fn an_append_while_a_mark_is_written_cannot_take_the_sector_of_the_mark() {
        // The writer let go of what is pending before it wrote a mark and lowered the room only after
        // the sync. An append between the two was admitted into room that the mark had just taken; with
        // no reserve to go to, the writer panicked and the log was poisoned.
        let simulator = Simulator::new(1);
        let options = LogOptions { segment_bytes: crate::limits::MIN_SEGMENT_BYTES, ..LogOptions::DEFAULT };
        let mut ignore = |_: &RecordParts<'_>, _: &Definitions| Ok(());
        let (log, _) = Log::open(&simulator.doors(), options, &mut ignore).unwrap();
        let artifact = log.define(Definition::Artifact(Digest([7; 32]))).unwrap();
        let (package, version) = ("acme:bank".to_owned(), "1.0.0".to_owned());
        let module = log.define(Definition::Module { package, version, artifact }).unwrap();
        let subject = log.define(Definition::Function { module, name: "ledger.pay".to_owned() }).unwrap();
        // There is no reserve, and there will be none.
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
        simulator.threads.run_until_idle();
        assert!(append_now(&log.shared, subject, &[]));
        log.wait_durable(Sequence(1)).unwrap();
        assert!(simulator.threads.run(8) < 8, "the writer waits for the moment of the mark");
        let room = log.shared.pending.lock().room as usize;
        let (shared, tried) = (log.shared.clone(), Arc::new(Mutex::new(None)));
        let outcome = tried.clone();
        simulator.disk.interrupt_next_write(move || {
            // The longest record that the log takes at this moment.
            let fits = |length: &usize| append_now(&shared, subject, &vec![1; *length]);
            *outcome.lock() = (0..room).rev().find(fits);
        });
        simulator.clock.advance(crate::limits::IDLE_MARK_DELAY_MICROS);
        simulator.threads.run_until_idle();
        let longest = tried.lock().expect("a record was admitted while the mark was written");
        assert!(longest > 10_000, "{longest}");
        assert!(log.poisoned().is_none());
        log.wait_durable(Sequence(2)).unwrap();
    }
}
