//! What a running guest asks of the host: rows, the circumstances of the call, other modules.
//! Every operation on a table goes to the transaction, or to the reader of a query; nothing is
//! kept here.

use crate::context::{Context, Door, Target, Work};
use crate::printable::Printable;
use crate::random::Seed;
use crate::stop::Stop;
use interstice_engine::{Batch, Called, Caller, Host, Level, Panic, ScanRange, Violation};
use interstice_store as store;
use interstice_store::{KeyRange, StoreError};

/// The first batch of a scan: most scans are short, and what is not asked for need not be copied.
const FIRST_BATCH_BYTES: usize = 4 << 10;

/// The largest batch. Beyond it a crossing costs next to nothing a row.
const LARGEST_BATCH_BYTES: usize = 64 << 10;

impl Host for Context {
    type Table = Door;
    type Target = Target;
    type Stop = Stop;

    #[inline]
    fn get(&mut self, door: &Door, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        self.check_key(key)?;
        match &mut self.work {
            Work::Write(transaction) => Ok(transaction.get(&door.table.handle, key, out)?),
            Work::Read(reader) => Ok(reader.get(&door.table.handle, key, out)?),
            Work::Nothing => Err(nothing_runs()),
        }
    }

    fn find(&mut self, door: &Door, index: u32, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        self.check_key(key)?;
        match &mut self.work {
            Work::Write(transaction) => Ok(transaction.find(&door.table.handle, index, key, out)?),
            Work::Read(reader) => Ok(reader.find(&door.table.handle, index, key, out)?),
            Work::Nothing => Err(nothing_runs()),
        }
    }

    fn scan(&mut self, door: &Door, range: ScanRange<'_>, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        self.check_key(range.low)?;
        self.check_key(range.high.unwrap_or_default())?;
        let keys = KeyRange {
            index: range.index,
            low: range.low,
            high: range.high,
            descending: range.descending,
            limit: range.limit.into(),
        };
        let mut scan = match &self.work {
            Work::Write(transaction) => transaction.scan(&door.table.handle, &keys)?,
            Work::Read(reader) => reader.scan(&door.table.handle, &keys)?,
            Work::Nothing => return Err(nothing_runs()),
        };
        let batch = scan.next_batch(out, FIRST_BATCH_BYTES, usize::MAX)?;
        let number = if batch.more {
            let (level, limit) = (self.level(), self.limits.open_scans);
            Some(self.scans.keep(scan, door.table.id, FIRST_BATCH_BYTES * 4, level, limit)?)
        } else {
            None
        };
        Ok(Batch { scan: number, rows: batch.rows })
    }

    fn next(&mut self, door: &Door, scan: u32, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        let open = self.scans.get(scan, door.table.id)?;
        let batch = open.scan.next_batch(out, open.batch_bytes, usize::MAX)?;
        open.batch_bytes = (open.batch_bytes * 4).min(LARGEST_BATCH_BYTES);
        if !batch.more {
            self.scans.close(scan, door.table.id);
        }
        Ok(Batch { scan: batch.more.then_some(scan), rows: batch.rows })
    }

    fn close(&mut self, door: &Door, scan: u32) -> Result<(), Stop> {
        self.scans.close(scan, door.table.id);
        Ok(())
    }

    fn count(&mut self, door: &Door) -> Result<u64, Stop> {
        match &mut self.work {
            Work::Write(transaction) => Ok(transaction.count(&door.table.handle)?),
            Work::Read(reader) => Ok(reader.count(&door.table.handle)?),
            Work::Nothing => Err(nothing_runs()),
        }
    }

    #[inline]
    fn insert(&mut self, door: &Door, row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let transaction = self.writing("insert into", &door.table)?;
        refusal(transaction.insert(&door.table.handle, row))
    }

    fn insert_many(
        &mut self,
        door: &Door,
        rows: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Result<(), (u32, Violation)>, Stop> {
        let transaction = self.writing("insert into", &door.table)?;
        match transaction.insert_many(&door.table.handle, rows, out) {
            Ok(_) => Ok(Ok(())),
            Err(StoreError::InBatch { position, source }) => match refusal::<()>(Err(*source))? {
                Ok(()) => Ok(Ok(())),
                Err(violation) => Ok(Err((position, violation))),
            },
            Err(other) => Err(other.into()),
        }
    }

    #[inline]
    fn update(&mut self, door: &Door, row: &[u8]) -> Result<Result<(), Violation>, Stop> {
        let transaction = self.writing("update", &door.table)?;
        refusal(transaction.update(&door.table.handle, row))
    }

    fn upsert(&mut self, door: &Door, row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let transaction = self.writing("upsert into", &door.table)?;
        refusal(transaction.upsert(&door.table.handle, row))
    }

    fn delete(&mut self, door: &Door, key: &[u8]) -> Result<bool, Stop> {
        self.check_key(key)?;
        let transaction = self.writing("delete from", &door.table)?;
        Ok(transaction.delete(&door.table.handle, key)?)
    }

    fn delete_range(
        &mut self,
        door: &Door,
        index: u32,
        low: &[u8],
        high: Option<&[u8]>,
    ) -> Result<u64, Stop> {
        self.check_key(low)?;
        self.check_key(high.unwrap_or_default())?;
        let transaction = self.writing("delete from", &door.table)?;
        let range = KeyRange { index, low, high, descending: false, limit: 0 };
        Ok(transaction.delete_range(&door.table.handle, &range)?)
    }

    fn caller(&mut self) -> Caller {
        self.caller_of_running()
    }

    fn timestamp(&mut self) -> u64 {
        self.timestamp_micros
    }

    fn random(&mut self) -> u64 {
        let is_query = matches!(self.work, Work::Read(_));
        let Context { random, database_key, sequence, timestamp_micros, .. } = self;
        random.next(&Seed {
            database_key,
            is_query,
            sequence: *sequence,
            timestamp_micros: *timestamp_micros,
        })
    }

    fn log(&mut self, level: Level, message: &str) {
        let mut end = message.len().min(self.limits.log_line_bytes);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let message = Printable(&message[..end]);
        let function = self.running();
        let function = function.as_deref().unwrap_or_default();
        match level {
            Level::Trace => tracing::trace!(target: "interstice::module", function, "{message}"),
            Level::Debug => tracing::debug!(target: "interstice::module", function, "{message}"),
            Level::Info => tracing::info!(target: "interstice::module", function, "{message}"),
            Level::Warn => tracing::warn!(target: "interstice::module", function, "{message}"),
            Level::Error => tracing::error!(target: "interstice::module", function, "{message}"),
        }
    }

    fn panicked(&mut self, panic: &Panic) {
        let function = self.running();
        let function = function.as_deref().unwrap_or_default();
        let Panic { message, file, line, column } = panic;
        let (message, file) = (Printable(message), Printable(file));
        // Whoever called is told, so this is for those who look for it.
        tracing::debug!(target: "interstice::module", function, "panicked at {file}:{line}:{column}: {message}");
    }

    fn call(
        self: Box<Self>,
        target: &Target,
        arguments: &[u8],
        result: &mut Vec<u8>,
        fuel: u64,
    ) -> Called<Self> {
        self.run(*target, arguments, result, fuel)
    }
}

impl Context {
    /// Refuses keys and bounds that are longer than any key can be: an open scan keeps its bounds.
    #[inline]
    fn check_key(&self, key: &[u8]) -> Result<(), Stop> {
        if key.len() <= self.limits.bound_bytes() {
            return Ok(());
        }
        Err(Stop::Limit {
            limit: "key",
            message: format!(
                "a key to look for has {} bytes and may have {}",
                key.len(),
                self.limits.bound_bytes()
            ),
        })
    }
}

/// Separates what the guest is told from what ends its call.
#[inline]
fn refusal<T>(outcome: Result<T, StoreError>) -> Result<Result<T, Violation>, Stop> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Violation(violation)) => Ok(Err(match violation {
            store::Violation::DuplicateKey => Violation::DuplicateKey,
            store::Violation::DuplicateUnique(index) => Violation::DuplicateUnique(index),
            store::Violation::NoSuchRow => Violation::NoSuchRow,
            store::Violation::CounterOverflow => Violation::CounterOverflow,
        })),
        Err(other) => Err(other.into()),
    }
}

/// A guest asked for a table while nothing runs, which the engine rules out.
#[cold]
fn nothing_runs() -> Stop {
    Stop::Misbehaved { reason: "it used a table outside of any transaction".to_owned() }
}
