//! The writer: takes all that waits, writes it as one batch with one sync, and says that it is
//! safe. It alone touches the newest segment; its thread steps it, or a caller who waits. What nobody waits for
//! yet gathers for as long as a sync takes, so that few syncs serve many. Invariant: a batch is written only
//! after the one before it was synced, and after any failure nothing is.

use crate::batch::{BatchHeader, HEADER_BYTES, Link, SECTOR_BYTES, Seed, whole_sectors};
use crate::bytes::put_varint;
use crate::definitions::DefinitionId;
use crate::doing::Doing;
use crate::doors::{Clock, DiskFile, Doors, Step, Worker};
use crate::error::LogError;
use crate::limits::{IDLE_MARK_DELAY_MICROS, RESERVE_RETRY_MICROS, ZEROED_AHEAD_BYTES};
use crate::manifest::{ClosedSegment, Manifest, NewestSegment};
use crate::options::next_segment_bytes;
use crate::pending::{PendingBatch, State};
use crate::publish::rename;
use crate::reserve::Reserve;
use crate::segment::{Id, SEGMENT_HEADER_BYTES, SegmentHeader, segment_path};
use crate::sequence::Sequence;
use crate::shared::Shared;
use crate::window::Window;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// When the thread looks again, at the earliest, that found somebody else at the writer.
const BUSY_MICROS: u64 = 50;

/// The newest segment, as the writer sees it.
pub(crate) struct Newest {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) first: Sequence,
    pub(crate) id: Id,
    pub(crate) seed: Seed,
    pub(crate) capacity: u64,
    /// Where the next batch goes.
    pub(crate) offset: u64,
    /// Up to where the file was written to, with zeros behind the last batch.
    zeroed: u64,
}

impl Newest {
    pub(crate) fn new(file: Arc<dyn DiskFile>, header: &SegmentHeader, offset: u64) -> Self {
        let SegmentHeader { id, first, capacity, .. } = *header;
        Self { file, first, id, seed: Seed::new(&id), capacity, offset, zeroed: offset }
    }

    /// Fills the file with zeros some way beyond a batch of this length, if it does not fit into those that
    /// are there. Until they are synced they need not be there.
    fn zero_ahead(&mut self, length: u64) -> io::Result<()> {
        static ZEROS: [u8; ZEROED_AHEAD_BYTES as usize] = [0; ZEROED_AHEAD_BYTES as usize];
        let end = self.offset + length;
        if end <= self.zeroed {
            return Ok(());
        }
        // What the batch itself covers need not be written twice.
        let from = end.max(self.zeroed);
        let until = (end + ZEROED_AHEAD_BYTES).min(self.capacity);
        self.file.write_at(from, &ZEROS[..(until - from) as usize])?;
        self.zeroed = until;
        Ok(())
    }

    /// The space for batches with records: the last sector is kept for a mark.
    fn left(&self) -> u64 {
        (self.capacity - self.offset).saturating_sub(SECTOR_BYTES)
    }
}

/// The writer's own state.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) doors: Doors,
    pub(crate) timeline: Id,
    pub(crate) database_key: Id,
    pub(crate) newest: Newest,
    pub(crate) reserve: Reserve,
    /// The length of new segments, unless there are very many.
    pub(crate) segment_bytes: u64,
    /// The link of the last batch.
    pub(crate) link: Link,
    /// The last record written.
    pub(crate) last: Sequence,
    /// Which numbers the newest segment defines.
    pub(crate) defined: Vec<bool>,
    /// No batch may be added to the newest segment, because its numbers are not those of this log.
    pub(crate) must_change: bool,
    /// The newest segment ends with an upgrade, and should be closed.
    pub(crate) should_change: bool,
    /// The last batch has no mark after it.
    pub(crate) unmarked: bool,
    /// When a mark is due, if the writer has been idle since.
    pub(crate) mark_at: Option<u64>,
    /// When the disk is asked for a reserve again.
    pub(crate) retry_at: u64,
    /// Until when the records that begin with this one may gather.
    pub(crate) gathering: Option<(Sequence, u64)>,
    /// Until when the thread looks for records by itself.
    pub(crate) dozes_until: u64,
    pub(crate) buffer: Vec<u8>,
}

/// The thread that steps the writer when nobody who waits does.
pub(crate) struct WriterThread {
    pub(crate) writer: Arc<Mutex<Writer>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Worker for WriterThread {
    fn step(&mut self) -> Step {
        // Whoever waits and steps the writer is not to be kept by a thread that must be woken afterwards.
        let Some(mut writer) = self.writer.try_lock() else {
            let soon = self.clock.monotonic_micros() + self.shared.gather_micros().max(BUSY_MICROS);
            return Step::Idle { until_micros: Some(soon) };
        };
        let step = writer.step();
        let gathers = writer.gathering.is_some();
        drop(writer);
        // Somebody may have begun to wait since, and found the writer taken.
        let must_write = gathers && self.shared.pending.lock().gathering().is_none();
        if must_write { Step::Worked } else { step }
    }
}

impl Worker for Writer {
    fn step(&mut self) -> Step {
        let mut alarm = Alarm { shared: self.shared.clone(), is_set: true };
        let turned = self.turn();
        alarm.is_set = false;
        turned.unwrap_or_else(|error| {
            self.shared.poison(error.with_causes());
            Step::Finished
        })
    }
}

/// Poisons the log if a panic passes by: what the writer had in hand then is neither written nor given
/// back, so no later batch may follow it.
struct Alarm {
    shared: Arc<Shared>,
    is_set: bool,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if self.is_set {
            self.shared.poison("the writer panicked".to_owned());
        }
    }
}

impl Writer {
    fn turn(&mut self) -> Result<Step, LogError> {
        // Who steps the writer may come after it has ended.
        if matches!(self.shared.pending.lock().state, State::Closed | State::Poisoned(_)) {
            return Ok(Step::Finished);
        }
        if self.tend_reserve()? {
            return Ok(Step::Worked);
        }
        if let Some(until) = self.gathers() {
            return Ok(Step::Idle { until_micros: Some(until) });
        }
        let mut pending = self.shared.pending.lock();
        if let Some(batch) = pending.take() {
            let waiting = pending.charged();
            let change = self.changes_segment(&batch, waiting);
            if change {
                // From here on nothing may count on space in the segment that is left.
                pending.room = self.reserve.room();
            }
            drop(pending);
            self.write(batch, change)?;
            return Ok(Step::Worked);
        }
        match pending.state {
            State::Open => {}
            State::Closing => {
                drop(pending);
                self.close()?;
                return Ok(Step::Finished);
            }
            State::Closed | State::Poisoned(_) => return Ok(Step::Finished),
        }
        let now = self.doors.clock.monotonic_micros();
        if self.unmarked {
            let due = *self.mark_at.get_or_insert(now + IDLE_MARK_DELAY_MICROS);
            if due <= now {
                // An append that comes while the mark is written must not count on its sector.
                pending.room = pending.room.min(self.room_after(SECTOR_BYTES));
                drop(pending);
                self.mark()?;
                return Ok(Step::Worked);
            }
        }
        if now < self.dozes_until {
            // Those who append soon after a batch need not wake the thread: it looks again by itself.
            return Ok(Step::Idle { until_micros: Some(self.dozes_until) });
        }
        pending.writer_sleeps = true;
        let retry_at = self.reserve.is_missing().then_some(self.retry_at);
        let mark_at = self.mark_at.filter(|_| self.unmarked);
        Ok(Step::Idle { until_micros: mark_at.into_iter().chain(retry_at).min() })
    }

    /// Until when what waits is left to gather more, if that is later than now.
    fn gathers(&mut self) -> Option<u64> {
        let begun = self.gathering.take();
        let (first, base_micros) = self.shared.pending.lock().gathering()?;
        let now = self.doors.clock.monotonic_micros();
        let until = match begun {
            Some((begun, until)) if begun == first => until,
            // What came while the last batch was written has gathered already.
            _ => {
                let age = self.doors.clock.now_micros().saturating_sub(base_micros);
                now + self.shared.gather_micros().saturating_sub(age)
            }
        };
        self.gathering = Some((first, until)).filter(|_| now < until);
        self.gathering.map(|(_, until)| until)
    }

    /// Makes the reserve if there is none, and lets it grow if an append waits for that. Returns
    /// whether something was done.
    fn tend_reserve(&mut self) -> Result<bool, LogError> {
        let wanted = std::mem::take(&mut self.shared.pending.lock().wanted);
        let now = self.doors.clock.monotonic_micros();
        let missing = self.reserve.is_missing() && now >= self.retry_at;
        if !missing && wanted <= self.reserve.room() {
            return Ok(false);
        }
        let usual = next_segment_bytes(self.segment_bytes, self.shared.manifest.lock().closed.len());
        let capacity = whole_sectors(wanted + SEGMENT_HEADER_BYTES + SECTOR_BYTES).max(usual);
        let grown = self.reserve.grow(self.doors.disk.as_ref(), capacity)?;
        if !grown {
            self.retry_at = now + RESERVE_RETRY_MICROS;
        }
        let mut pending = self.shared.pending.lock();
        pending.refused = if grown || wanted == 0 { u64::MAX } else { wanted };
        pending.room = self.room();
        pending.out_of_space = self.reserve.is_missing();
        drop(pending);
        self.shared.progress.notify();
        Ok(true)
    }

    /// The space that can be promised to records.
    pub(crate) fn room(&self) -> u64 {
        self.room_after(0)
    }

    /// The same, once so many bytes more are written to the newest segment.
    fn room_after(&self, more: u64) -> u64 {
        if self.must_change || (self.should_change && !self.reserve.is_missing()) {
            return self.reserve.room();
        }
        self.newest.left().saturating_sub(more).max(self.reserve.room())
    }

    fn changes_segment(&self, batch: &PendingBatch, waiting: u64) -> bool {
        // Space for what does not fit was promised in the reserve. An upgrade closes a segment only
        // where everything that waits finds room in the next one.
        self.must_change
            || batch.charge > self.newest.left()
            || (self.should_change && waiting <= self.reserve.room())
    }

    fn write(&mut self, batch: PendingBatch, change: bool) -> Result<(), LogError> {
        if change {
            self.change_segment(batch.first, batch.catalog)?;
        }
        self.buffer.clear();
        self.buffer.resize(HEADER_BYTES, 0);
        put_varint(&mut self.buffer, batch.base_micros);
        self.put_definitions(&batch.used);
        self.buffer.extend_from_slice(&batch.records);
        self.write_buffer(batch.first, batch.count)?;
        self.last = Sequence(batch.first.0 + u64::from(batch.count)).previous();
        self.unmarked = true;
        self.mark_at = None;
        self.should_change = batch.closes_segment;
        self.shared.move_anchor(|anchor| {
            anchor.sequence = self.last;
            anchor.link = self.link;
            anchor.catalog = batch.catalog_after;
            anchor.latest_micros = anchor.latest_micros.max(batch.latest_micros);
        });
        let room = self.room();
        self.shared.pending.lock().written(batch, room);
        self.dozes_until = self.doors.clock.monotonic_micros() + self.shared.gather_micros();
        self.shared.publish_durable(self.last);
        Ok(())
    }

    /// Appends those definitions that the segment does not have yet, each after what it needs.
    fn put_definitions(&mut self, used: &[DefinitionId]) {
        let definitions = self.shared.definitions.read();
        let mut missing = Vec::new();
        for id in used {
            let mut next = Some(*id);
            let at = missing.len();
            while let Some(id) = next {
                let slot = id.0 as usize;
                if self.defined.len() <= slot {
                    self.defined.resize(slot + 1, false);
                }
                if std::mem::replace(&mut self.defined[slot], true) {
                    break;
                }
                let definition = definitions.get(id).expect("an append checks every number");
                missing.insert(at, (id, definition));
                next = definition.needs().map(|(needed, _)| needed);
            }
        }
        put_varint(&mut self.buffer, missing.len() as u64);
        for (id, definition) in missing {
            definition.encode(id, &mut self.buffer);
        }
    }

    /// Puts a header before the payload in the buffer, writes both and syncs.
    fn write_buffer(&mut self, first: Sequence, count: u32) -> Result<(), LogError> {
        let newest = &mut self.newest;
        let payload = &self.buffer[HEADER_BYTES..];
        let header = BatchHeader {
            previous: self.link,
            first,
            mark: first.previous(),
            count,
            payload_bytes: payload.len() as u32,
            payload_checksum: newest.seed.checksum(payload),
        };
        let link = header.link(newest.seed, payload);
        self.buffer[..HEADER_BYTES].copy_from_slice(&header.encode(newest.seed));
        self.buffer.resize(header.length() as usize, 0);
        assert!(
            newest.offset + header.length() <= newest.capacity,
            "a batch of {} bytes was promised room in segment {}",
            header.length(),
            newest.first
        );
        let (disk, segment) = (&self.doors.disk, segment_path(newest.first));
        let path = || disk.locate(&segment);
        let begun = self.doors.clock.monotonic_micros();
        newest.file.write_at(newest.offset, &self.buffer).doing("write", path)?;
        newest.zero_ahead(header.length()).doing("write", path)?;
        newest.file.sync().doing("sync", path)?;
        self.shared.synced_in(self.doors.clock.monotonic_micros().saturating_sub(begun));
        newest.offset += header.length();
        self.shared.grow(header.length());
        self.link = link;
        Ok(())
    }

    /// Appends a batch without records, whose header says that all before it is safe.
    fn mark(&mut self) -> Result<(), LogError> {
        self.unmarked = false;
        self.mark_at = None;
        // Without room the mark is left out: the next segment's header says the same.
        if self.newest.capacity - self.newest.offset >= SECTOR_BYTES {
            self.buffer.clear();
            self.buffer.resize(HEADER_BYTES, 0);
            self.write_buffer(self.last.next(), 0)?;
            self.shared.move_anchor(|anchor| anchor.link = self.link);
            let room = self.room();
            self.shared.pending.lock().room = room;
        }
        Ok(())
    }

    /// Goes on in the reserve, as a new segment that begins with this record.
    fn change_segment(&mut self, first: Sequence, catalog: [u8; 32]) -> Result<(), LogError> {
        if first == self.newest.first {
            return self.replace_newest();
        }
        let disk = self.doors.disk.clone();
        let (file, capacity) = self.reserve.take().expect("records were promised room in the reserve");
        let mut id = [0; 16];
        self.doors.entropy.fill(&mut id).doing("draw randomness for", || disk.locate(""))?;
        let header = SegmentHeader {
            id,
            timeline: self.timeline,
            database_key: self.database_key,
            first,
            capacity,
            created_micros: self.doors.clock.now_micros(),
            catalog,
            previous: self.link,
            begins_with_definitions: false,
            compressed: None,
        };
        let path = segment_path(first);
        file.write_at(0, &header.encode()).doing("write", || disk.locate(&path))?;
        file.sync().doing("sync", || disk.locate(&path))?;
        rename(disk.as_ref(), crate::segment::RESERVE_PATH, &path)?;
        let before = std::mem::replace(&mut self.newest, Newest::new(file, &header, SEGMENT_HEADER_BYTES));
        self.list_closed(&before)?;
        let path = || disk.locate(&segment_path(before.first));
        before.file.truncate(before.offset).doing("shorten", path)?;
        self.defined.clear();
        self.must_change = false;
        self.should_change = false;
        self.retry_at = 0;
        Ok(())
    }

    /// Puts the reserve in the place of a newest segment that has no records yet and is too short for the
    /// first. It takes its name, which is that of its first record, and its id: so the manifest lists
    /// the one as well as the other, and the rename decides.
    fn replace_newest(&mut self) -> Result<(), LogError> {
        let disk = self.doors.disk.clone();
        let path = segment_path(self.newest.first);
        let (file, capacity) = self.reserve.take().expect("records were promised room in the reserve");
        let mut header = Window::open(disk.as_ref(), &path)?.segment_header()?;
        header.capacity = capacity;
        file.write_at(0, &header.encode()).doing("write", || disk.locate(&path))?;
        file.sync().doing("sync", || disk.locate(&path))?;
        // Marks are left behind, so the manifest must not count on them; and until the database is closed
        // an opening must not count on the name that is given here.
        self.newest.offset = 0;
        self.publish_manifest(|_| {})?;
        rename(disk.as_ref(), crate::segment::RESERVE_PATH, &path)?;
        self.newest = Newest::new(file, &header, SEGMENT_HEADER_BYTES);
        self.link = header.previous;
        self.defined.clear();
        self.must_change = false;
        self.should_change = false;
        self.retry_at = 0;
        Ok(())
    }

    /// Publishes a manifest that lists this segment as closed, and the one that follows it.
    fn list_closed(&mut self, segment: &Newest) -> Result<(), LogError> {
        let closed = ClosedSegment {
            first: segment.first,
            id: segment.id,
            length: segment.offset,
            last: self.last,
            link: self.link,
            archived: None,
        };
        self.publish_manifest(|manifest| manifest.closed.push(closed))?;
        self.shared.upkeep.ask();
        Ok(())
    }

    /// Publishes what has changed. The background work may hold the manifest for as long as it takes to
    /// publish it once.
    fn publish_manifest(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<(), LogError> {
        let Newest { first, id, offset, .. } = self.newest;
        let mut manifest = self.shared.manifest.lock();
        change(&mut manifest);
        manifest.newest = NewestSegment { first, id, synced_bytes: offset, synced: self.last };
        let disk = self.doors.disk.as_ref();
        match manifest.publish(disk) {
            Err(error) if error.is_disk_full() && self.reserve.drop_ballast(disk)? => manifest.publish(disk),
            published => published,
        }
    }

    /// Leaves the log so that opening it finds nothing to mend.
    fn close(&mut self) -> Result<(), LogError> {
        if self.unmarked {
            self.mark()?;
        }
        // What is given back here is room for the manifest. Should the disk be full even so, nothing
        // is lost: the next opening mends more than it need have.
        self.reserve.remove(self.doors.disk.as_ref())?;
        match self.publish_manifest(|_| {}) {
            Err(error) if !error.is_disk_full() => return Err(error),
            _ => {}
        }
        self.shared.pending.lock().state = State::Closed;
        self.shared.progress.notify();
        Ok(())
    }
}
