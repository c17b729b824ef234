//! What was appended and is not yet safe: encoded batches that wait for the writer, and the
//! bookkeeping that keeps them within bounds. No I/O happens here. Invariant: all that waits or is
//! being written fits into space that is already allocated on the disk.

use crate::definitions::{Definition, DefinitionId, Kind};
use crate::error::LogError;
use crate::limits::{MAX_GATHERED_BYTES, MAX_PENDING_BYTES, MAX_PENDING_RECORDS};
use crate::record::{Caller, Cause, RecordParts};
use crate::record_codec::encode;
use crate::sequence::Sequence;
use std::collections::VecDeque;

/// Records that are written together.
#[derive(Debug, Default)]
pub(crate) struct PendingBatch {
    pub(crate) first: Sequence,
    pub(crate) count: u32,
    /// The time of the first record, from which the times of all are counted.
    pub(crate) base_micros: u64,
    last_micros: u64,
    pub(crate) records: Vec<u8>,
    /// The definitions that the records use, each once, without those that these need in turn.
    pub(crate) used: Vec<DefinitionId>,
    /// An upper bound of the space that the batch takes on the disk.
    pub(crate) charge: u64,
    /// The hash of the catalog before the first record.
    pub(crate) catalog: [u8; 32],
    /// The hash of the catalog after the last record.
    pub(crate) catalog_after: [u8; 32],
    /// The latest time of any of its records.
    pub(crate) latest_micros: u64,
    /// The last record is an upgrade, and a new segment begins after it.
    pub(crate) closes_segment: bool,
    /// No record is added to it, though it waits.
    sealed: bool,
    /// It has gathered long enough.
    due: bool,
}

/// Whether the log takes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// What waits is still written, then the writer ends.
    Closing,
    Closed,
    /// The disk failed, for this reason.
    Poisoned(String),
}

/// How a number may be used, kept beside the definitions so that an append need not lock those.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// The last batch that uses it.
    stamp: u64,
    kind: Kind,
    /// The length of its definition and of those that it needs.
    size: u32,
}

/// Everything that one mutex guards. Appends hold it while they encode a record, the writer while
/// it takes a batch and when it has written one; nobody holds it during I/O.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) state: State,
    /// The record that comes next.
    pub(crate) next: Sequence,
    /// The hash of the catalog after the last record.
    catalog: [u8; 32],
    /// Waiting batches in order; records are added to the last one.
    batches: VecDeque<PendingBatch>,
    /// Batches whose buffers are used again.
    pool: Vec<PendingBatch>,
    uses: Vec<Option<Use>>,
    stamp: u64,
    /// The space charged for batches that wait or are being written, and the records in them.
    charged: u64,
    records: u32,
    /// The space on the disk that these may take.
    pub(crate) room: u64,
    /// The room that a waiting append needs, if the reserve must grow for it.
    pub(crate) wanted: u64,
    /// The least room that the disk refused to an append that waits.
    pub(crate) refused: u64,
    /// The disk had no room for a reserve when it was last asked.
    pub(crate) out_of_space: bool,
    /// How much of the room is kept for transactions that only delete, once there is no reserve.
    kept_for_deletes: u64,
    /// The writer sleeps and must be woken.
    pub(crate) writer_sleeps: bool,
    /// The last record that anybody waits for.
    waited_for: Sequence,
}

/// Whether a record can be appended now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Now {
        charge: u64,
    },
    /// After some of what waits has been written.
    Later,
    /// After the reserve has grown to this.
    Reserve(u64),
    DiskFull,
}

impl Pending {
    pub(crate) fn new(next: Sequence, catalog: [u8; 32], kept_for_deletes: u64) -> Self {
        Self {
            state: State::Open,
            next,
            catalog,
            batches: VecDeque::new(),
            pool: Vec::new(),
            uses: Vec::new(),
            stamp: 1,
            charged: 0,
            records: 0,
            room: 0,
            wanted: 0,
            refused: u64::MAX,
            out_of_space: false,
            kept_for_deletes,
            writer_sleeps: false,
            waited_for: Sequence(0),
        }
    }

    /// Makes a number known.
    pub(crate) fn learn(&mut self, id: DefinitionId, definition: &Definition) {
        let mut bytes = Vec::new();
        definition.encode(id, &mut bytes);
        let needed = definition.needs().and_then(|(needed, _)| self.uses[needed.0 as usize]);
        let size = bytes.len() as u32 + needed.map_or(0, |needed| needed.size);
        let slot = id.0 as usize;
        if self.uses.len() <= slot {
            self.uses.resize(slot + 1, None);
        }
        self.uses[slot] = Some(Use { stamp: 0, kind: definition.kind(), size });
    }

    /// Says whether a record of at most `bound` bytes fits, and checks the numbers in it.
    pub(crate) fn admission(&self, record: &RecordParts<'_>, bound: usize) -> Result<Admission, LogError> {
        let mut charge = bound as u64;
        let current = self.open_batch_stamp();
        each_number(record, |id, kind| match self.uses.get(id.0 as usize) {
            Some(Some(used)) if used.kind == kind => {
                if Some(used.stamp) != current {
                    charge += u64::from(used.size);
                }
                Ok(())
            }
            _ => Err(LogError::UnknownDefinition { number: id.0, kind: kind.name() }),
        })?;
        if current.is_none() {
            charge += crate::limits::BATCH_OVERHEAD_BYTES;
        }
        let total = self.charged + charge;
        let bounded = total <= MAX_PENDING_BYTES as u64 && self.records < MAX_PENDING_RECORDS;
        Ok(if total <= self.room && (bounded || self.charged == 0) {
            if self.out_of_space && total + self.kept_for_deletes > self.room && !record.only_deletes() {
                return Ok(Admission::DiskFull);
            }
            Admission::Now { charge }
        } else if self.charged > 0 {
            Admission::Later
        } else if self.refused <= charge {
            Admission::DiskFull
        } else {
            Admission::Reserve(charge)
        })
    }

    /// Whether there is room for a long record of any kind: as much as is kept for deletes, and that much again.
    pub(crate) fn has_room_to_grow(&self) -> bool {
        !self.out_of_space || self.room / 2 >= self.kept_for_deletes
    }

    /// Whether there is room for any record at all.
    pub(crate) fn has_room(&self) -> bool {
        !self.out_of_space || self.room >= self.charged + crate::limits::BATCH_OVERHEAD_BYTES
    }

    /// The stamp of the batch to which the next record is added, if one is open.
    fn open_batch_stamp(&self) -> Option<u64> {
        self.batches.back().is_some_and(|batch| !batch.closes_segment && !batch.sealed).then_some(self.stamp)
    }

    /// Appends a record that was admitted with this charge. What nobody waits for gathers for so long, by the
    /// time of the records. Returns whether the writer must be woken.
    pub(crate) fn push(&mut self, record: &RecordParts<'_>, charge: u64, gather_micros: u64) -> bool {
        if self.open_batch_stamp().is_none() {
            self.begin_batch(record);
        }
        let stamp = self.stamp;
        let batch = self.batches.back_mut().expect("a batch was begun if there was none");
        let uses = &mut self.uses;
        let marked: Result<(), ()> = each_number(record, |id, _| {
            if let Some(used) = &mut uses[id.0 as usize]
                && used.stamp != stamp
            {
                used.stamp = stamp;
                batch.used.push(id);
            }
            Ok(())
        });
        assert!(marked.is_ok(), "marking a number as used cannot be refused");
        encode(record, batch.last_micros, &mut batch.records);
        batch.last_micros = record.timestamp_micros;
        batch.count += 1;
        batch.charge += charge;
        if let Cause::Install(installed) | Cause::Upgrade(installed) = record.cause {
            self.catalog = installed.catalog;
        }
        batch.catalog_after = self.catalog;
        batch.latest_micros = batch.latest_micros.max(record.timestamp_micros);
        batch.closes_segment = matches!(record.cause, Cause::Upgrade(_));
        self.charged += charge;
        self.records += 1;
        self.next = self.next.next();
        let is_due = record.timestamp_micros.saturating_sub(batch.base_micros) >= gather_micros;
        let becomes_due = is_due && !std::mem::replace(&mut batch.due, is_due);
        std::mem::take(&mut self.writer_sleeps) || becomes_due
    }

    fn begin_batch(&mut self, record: &RecordParts<'_>) {
        let mut batch = self.pool.pop().unwrap_or_default();
        batch.first = record.sequence;
        batch.base_micros = record.timestamp_micros;
        batch.last_micros = record.timestamp_micros;
        batch.catalog = self.catalog;
        self.stamp += 1;
        self.batches.push_back(batch);
    }

    /// Has the next record begin a batch.
    pub(crate) fn seal(&mut self) {
        if let Some(batch) = self.batches.back_mut() {
            batch.sealed = true;
        }
    }

    /// Somebody waits for this record to be safe.
    pub(crate) fn wait_for(&mut self, sequence: Sequence) {
        self.waited_for = self.waited_for.max(sequence);
    }

    /// The first of the records that wait and its time, if there is no hurry to write them: nobody waits for one
    /// of them, and more can be added to them.
    pub(crate) fn gathering(&self) -> Option<(Sequence, u64)> {
        let batch = self.batches.front().filter(|_| self.batches.len() == 1)?;
        let calm = self.state == State::Open
            && self.waited_for < batch.first
            && !batch.sealed
            && !batch.due
            && !batch.closes_segment
            && self.charged <= MAX_GATHERED_BYTES;
        calm.then_some((batch.first, batch.base_micros))
    }

    /// The batch that is written next.
    pub(crate) fn take(&mut self) -> Option<PendingBatch> {
        self.batches.pop_front()
    }

    /// The space charged for all that waits or is being written.
    pub(crate) fn charged(&self) -> u64 {
        self.charged
    }

    /// A batch has been written.
    pub(crate) fn written(&mut self, mut batch: PendingBatch, room: u64) {
        self.charged -= batch.charge;
        self.records -= batch.count;
        self.room = room;
        batch.records.clear();
        // One bulk transaction must not hold its memory for ever.
        batch.records.shrink_to(MAX_PENDING_BYTES);
        batch.used.clear();
        batch.count = 0;
        batch.charge = 0;
        batch.latest_micros = 0;
        batch.closes_segment = false;
        batch.sealed = false;
        batch.due = false;
        self.pool.push(batch);
    }

    /// Gives up all that waits.
    pub(crate) fn poison(&mut self, reason: String) {
        self.state = State::Poisoned(reason);
        self.batches.clear();
    }

    /// Whether records may be appended, or why not.
    pub(crate) fn check_open(&self) -> Result<(), LogError> {
        match &self.state {
            State::Open => Ok(()),
            State::Closing | State::Closed => Err(LogError::Closed),
            State::Poisoned(reason) => Err(LogError::Poisoned { reason: reason.clone() }),
        }
    }
}

/// Calls `visit` with every number in a record and the kind that it must have.
#[inline]
fn each_number<E>(
    record: &RecordParts<'_>,
    mut visit: impl FnMut(DefinitionId, Kind) -> Result<(), E>,
) -> Result<(), E> {
    let is_install = matches!(record.cause, Cause::Install(_) | Cause::Upgrade(_));
    visit(record.subject, if is_install { Kind::Module } else { Kind::Function })?;
    if let Caller::Numbered(caller) = record.caller {
        visit(caller, Kind::Caller)?;
    }
    for table in record.write_set.tables() {
        visit(*table, Kind::Table)?;
    }
    for owed in record.deliveries {
        visit(owed.subscriber, Kind::Function)?;
        visit(owed.table, Kind::Table)?;
    }
    Ok(())
}
