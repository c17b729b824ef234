//! The log as the node sees it: opened with a replay, appended to by many, safe by one writer. The
//! caller is never kept waiting for the disk but by asking, or by a bound that is reached.
//! Invariant: records get consecutive numbers, and become durable in that order.

use crate::create::create;
use crate::definitions::{Definition, DefinitionId, Definitions};
use crate::doors::{Access, Disk, Doors, LockKind, Step, Worker};
use crate::error::{Doing, LogError};
use crate::limits::{MAX_RECORD_BYTES, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, SEGMENT_BYTES};
use crate::lock::take_lock;
use crate::maintenance::{Maintenance, MaintenanceReport, Retention, Upkeep};
use crate::manifest::Manifest;
use crate::mend::{RecoveryReport, mend};
use crate::pending::{Admission, Pending, State};
use crate::read_log::{End, Replay, read_with};
use crate::record::{Caller, RecordParts};
use crate::record_codec::size_bound;
use crate::reserve::Reserve;
use crate::segment::{Id, LOG_DIRECTORY, segment_path};
use crate::sequence::Sequence;
use crate::shared::{Durability, Shared};
use crate::starting_point::StartingPoint;
use crate::writer::{Newest, Writer, WriterThread};
use parking_lot::Mutex;
use std::sync::Arc;

const WRITER_STACK_BYTES: usize = 256 << 10;
const MAINTENANCE_STACK_BYTES: usize = 512 << 10;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The length of new segments in bytes.
    pub segment_bytes: u64,
    /// How long segments are kept that a snapshot covers.
    pub retention: Retention,
}

impl LogOptions {
    /// What holds unless something else is said.
    pub const DEFAULT: Self = Self { segment_bytes: SEGMENT_BYTES, retention: Retention::DEFAULT };
}

impl Default for LogOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// An open log. Dropping it closes it.
pub struct Log {
    shared: Arc<Shared>,
    /// The writer's thread steps it, and so does whoever waits while the thread does not.
    writer: Arc<Mutex<Writer>>,
    disk: Arc<dyn Disk>,
    database_key: Id,
    timeline: Id,
    latest_micros: u64,
    /// Below this much room no new write is begun.
    least_room: u64,
}

impl Log {
    /// Opens the log in a data directory, makes one if the directory is empty, and hands every record
    /// to `replay` in order.
    pub fn open(
        doors: &Doors,
        options: LogOptions,
        replay: &mut dyn Replay,
    ) -> Result<(Self, RecoveryReport), LogError> {
        Self::open_after(doors, options, None, replay)
    }

    /// The same with the records after a place in the log alone, such as a snapshot names. The log must
    /// hold that place, with its link and its catalog.
    pub fn open_after(
        doors: &Doors,
        options: LogOptions,
        start: Option<&StartingPoint>,
        replay: &mut dyn Replay,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let segment_bytes = crate::batch::whole_sectors(options.segment_bytes);
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&segment_bytes) {
            let (least, most) = (MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
            return Err(LogError::SegmentSize { given: segment_bytes, least, most });
        }
        let disk = doors.disk.as_ref();
        let directory_lock = take_lock(disk, LockKind::Exclusive)?;
        let (manifest, created) = match Manifest::read(disk)? {
            Some(manifest) => (manifest, false),
            None => (create(doors, segment_bytes)?, true),
        };
        let mut definitions = Definitions::default();
        let mut end = read_with(disk, manifest, start, &mut definitions, replay)?;
        let report = RecoveryReport { created, ..mend(disk, &mut end)? };
        let options = LogOptions { segment_bytes, ..options };
        let log = Self::start(doors, options, end, definitions, directory_lock)?;
        Ok((log, report))
    }

    fn start(
        doors: &Doors,
        options: LogOptions,
        end: End,
        definitions: Definitions,
        directory_lock: Box<dyn Send + Sync>,
    ) -> Result<Self, LogError> {
        let End { manifest, newest, offset, chain, scope, .. } = end;
        let disk = doors.disk.clone();
        let path = segment_path(newest.first);
        let file = disk.open(&path, Access::Write).doing("open", || disk.locate(&path))?;
        let mut pending = Pending::new(chain.next, chain.catalog);
        for (id, definition) in definitions.in_order_of_need() {
            pending.learn(id, definition);
        }
        let (wake, progress) = (doors.threads.signal(), doors.threads.signal());
        let (database_key, timeline) = (manifest.database_key, manifest.timeline);
        let upkeep_wake = doors.threads.signal();
        let upkeep = Upkeep::new(upkeep_wake.clone(), progress.clone());
        let shared =
            Shared::new(pending, definitions, wake.clone(), progress, manifest, upkeep, directory_lock);
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
            buffer: Vec::new(),
        };
        shared.pending.lock().room = writer.room();
        let writer = Arc::new(Mutex::new(writer));
        let worker = Box::new(WriterThread { writer: writer.clone() });
        let spawned = doors.threads.spawn("log-writer", WRITER_STACK_BYTES, wake, worker);
        spawned.doing("start a thread for", || disk.locate(LOG_DIRECTORY))?;
        let worker = Box::new(Maintenance::new(shared.clone(), doors.clone(), options.retention));
        let spawned = doors.threads.spawn("log-maintenance", MAINTENANCE_STACK_BYTES, upkeep_wake, worker);
        if spawned.is_err() {
            shared.pending.lock().state = State::Closed;
            shared.wake.notify();
        }
        spawned.doing("start a thread for", || disk.locate(LOG_DIRECTORY))?;
        let (latest_micros, least_room) = (chain.latest_micros, segment_bytes / 8);
        Ok(Self { shared, writer, disk, database_key, timeline, latest_micros, least_room })
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

    /// How records refer to a caller: by number, or in full once there are too many numbers.
    pub fn caller<'a>(&self, caller: &'a [u8]) -> Result<Caller<'a>, LogError> {
        let definition = Definition::Caller(caller.to_vec());
        let (known, has_room) = {
            let definitions = self.shared.definitions.read();
            (definitions.find(&definition), definitions.has_room_for_a_caller())
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

    /// Says whether a new write may begin: not on a full disk, not after a failure.
    pub fn admit(&self) -> Result<(), LogError> {
        let pending = self.shared.pending.lock();
        pending.check_open()?;
        if pending.room < self.least_room && pending.out_of_space {
            return Err(self.disk_full());
        }
        Ok(())
    }

    /// Appends the next record. Returns as soon as it is encoded; waits only while too much is
    /// waiting for the disk already.
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
                    let wakes = pending.push(record, charge);
                    drop(pending);
                    if wakes {
                        self.shared.wake.notify();
                    }
                    return Ok(record.sequence);
                }
                Admission::Later => {}
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
        LogError::DiskFull { path: self.disk.locate("") }
    }

    /// The last record that is safe.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        self.shared.durable()
    }

    /// The number that the next record gets.
    #[must_use]
    pub fn next_sequence(&self) -> Sequence {
        self.shared.pending.lock().next
    }

    /// Waits until a record is safe.
    pub fn wait_durable(&self, sequence: Sequence) -> Result<(), LogError> {
        let last = self.next_sequence().previous();
        if sequence > last {
            return Err(LogError::NotAppended { given: sequence, last });
        }
        let shared = &self.shared;
        loop {
            let count = shared.progress.count();
            if shared.durable() >= sequence {
                return Ok(());
            }
            if matches!(shared.pending.lock().state, State::Poisoned(_) | State::Closed) {
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

    /// Says that everything up to this record is covered by the older of the snapshots that are kept. In
    /// the background closed segments up to it are compressed and moved to the archive, and those wholly
    /// before it are given up as the retention allows.
    pub fn archive(&self, before: Sequence) {
        self.shared.upkeep.cover(before);
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

    /// Writes all that waits and a mark, ends the writer and the background work and gives the data directory free.
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
