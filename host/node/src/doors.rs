//! What a running guest asks of the host: rows, the circumstances of the call, other modules.
//! Every operation on a table goes to the transaction, or to the reader of a query; nothing is
//! kept here.

use crate::context::{Context, Door, Former, Target, Work};
use crate::printable::Printable;
use crate::random::Seed;
use crate::rerun::refused;
use crate::stop::Stop;
use interstice_engine::{Batch, Called, Caller, Host, Level, Panic, ScanRange, Violation};
use interstice_store as store;
use interstice_store::{KeyRange, Reader, StoreError, TableHandle};

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
        let start = out.len();
        let found = match &mut self.work {
            _ if door.former => former(&self.former, door, |reader, table| reader.get(table, key, out))?,
            Work::Write(transaction) => transaction.get(&door.table.handle, key, out)?,
            Work::Read(reader) => reader.get(&door.table.handle, key, out)?,
            Work::Nothing => return Err(nothing_runs()),
        };
        self.note_found("get", door, 0, key, found.then_some(&out[start..]));
        if let Some(view) = &door.view
            && found
        {
            view.project(out, start);
        }
        Ok(found)
    }

    fn find(&mut self, door: &Door, index: u32, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        self.check_key(key)?;
        let index = door.index(index)?;
        let start = out.len();
        let found = match &mut self.work {
            _ if door.former => {
                former(&self.former, door, |reader, table| reader.find(table, index, key, out))?
            }
            Work::Write(transaction) => transaction.find(&door.table.handle, index, key, out)?,
            Work::Read(reader) => reader.find(&door.table.handle, index, key, out)?,
            Work::Nothing => return Err(nothing_runs()),
        };
        self.note_found("find", door, index, key, found.then_some(&out[start..]));
        if let Some(view) = &door.view
            && found
        {
            view.project(out, start);
        }
        Ok(found)
    }

    fn scan(&mut self, door: &Door, range: ScanRange<'_>, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        self.check_key(range.low)?;
        self.check_key(range.high.unwrap_or_default())?;
        let keys = KeyRange {
            index: door.index(range.index)?,
            low: range.low,
            high: range.high,
            descending: range.descending,
            limit: range.limit.into(),
        };
        let mut scan = match &self.work {
            _ if door.former => former(&self.former, door, |reader, table| reader.scan(table, &keys))?,
            Work::Write(transaction) => transaction.scan(&door.table.handle, &keys)?,
            Work::Read(reader) => reader.scan(&door.table.handle, &keys)?,
            Work::Nothing => return Err(nothing_runs()),
        };
        let start = out.len();
        let batch = scan.next_batch(out, FIRST_BATCH_BYTES, usize::MAX)?;
        let id = door.table.id;
        self.note("scan", &door.table.full_name, |tracer| {
            let mut what = tracer.range(id, keys.index, range.low, range.high);
            if range.descending {
                what.push_str(", descending");
            }
            if range.limit > 0 {
                what.push_str(&format!(", at most {}", range.limit));
            }
            (what, tracer.rows(id, &out[start..]))
        });
        if let Some(view) = &door.view {
            view.project_batch(out, start);
        }
        let number = if batch.more {
            let (level, limit) = (self.level(), self.limits.open_scans);
            Some(self.scans.keep(scan, door.table.id, FIRST_BATCH_BYTES * 4, level, limit)?)
        } else {
            None
        };
        Ok(Batch { scan: number, rows: batch.rows })
    }

    fn next(&mut self, door: &Door, scan: u32, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        let start = out.len();
        let open = self.scans.get(scan, door.table.id)?;
        let batch = open.scan.next_batch(out, open.batch_bytes, usize::MAX)?;
        open.batch_bytes = (open.batch_bytes * 4).min(LARGEST_BATCH_BYTES);
        if !batch.more {
            self.scans.close(scan, door.table.id);
        }
        self.note("next", &door.table.full_name, |tracer| {
            (format!("scan {scan}"), tracer.rows(door.table.id, &out[start..]))
        });
        if let Some(view) = &door.view {
            view.project_batch(out, start);
        }
        Ok(Batch { scan: batch.more.then_some(scan), rows: batch.rows })
    }

    fn close(&mut self, door: &Door, scan: u32) -> Result<(), Stop> {
        self.scans.close(scan, door.table.id);
        Ok(())
    }

    fn count(&mut self, door: &Door) -> Result<u64, Stop> {
        let count = match &mut self.work {
            _ if door.former => former(&self.former, door, |reader, table| reader.count(table))?,
            Work::Write(transaction) => transaction.count(&door.table.handle)?,
            Work::Read(reader) => reader.count(&door.table.handle)?,
            Work::Nothing => return Err(nothing_runs()),
        };
        self.note("count", &door.table.full_name, |_| (String::new(), count.to_string()));
        Ok(count)
    }

    #[inline]
    fn insert(&mut self, door: &Door, row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let transaction = self.writing("insert into", &door.table)?;
        let inserted = refusal(transaction.insert(&door.table.handle, row))?;
        self.note_change("insert", door, row, &inserted, u64::to_string);
        Ok(inserted)
    }

    fn insert_many(
        &mut self,
        door: &Door,
        rows: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Result<(), (u32, Violation)>, Stop> {
        let transaction = self.writing("insert into", &door.table)?;
        let inserted = match transaction.insert_many(&door.table.handle, rows, out) {
            Ok(_) => Ok(()),
            Err(StoreError::InBatch { position, source }) => {
                refusal::<()>(Err(*source))?.map_err(|violation| (position, violation))
            }
            Err(other) => return Err(other.into()),
        };
        self.note("insert-many", &door.table.full_name, |tracer| {
            let result = match &inserted {
                Ok(()) => "ok".to_owned(),
                Err((position, violation)) => format!("row {position}: {}", refused(violation)),
            };
            (tracer.rows(door.table.id, rows), result)
        });
        Ok(inserted)
    }

    #[inline]
    fn update(&mut self, door: &Door, row: &[u8]) -> Result<Result<(), Violation>, Stop> {
        let transaction = self.writing("update", &door.table)?;
        let updated = refusal(transaction.update(&door.table.handle, row))?;
        self.note_change("update", door, row, &updated, |()| String::new());
        Ok(updated)
    }

    fn upsert(&mut self, door: &Door, row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let transaction = self.writing("upsert into", &door.table)?;
        let upserted = refusal(transaction.upsert(&door.table.handle, row))?;
        self.note_change("upsert", door, row, &upserted, u64::to_string);
        Ok(upserted)
    }

    fn delete(&mut self, door: &Door, key: &[u8]) -> Result<bool, Stop> {
        self.check_key(key)?;
        let transaction = self.writing("delete from", &door.table)?;
        let deleted = transaction.delete(&door.table.handle, key)?;
        let id = door.table.id;
        self.note("delete", &door.table.full_name, |tracer| (tracer.key(id, 0, key), deleted.to_string()));
        Ok(deleted)
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
        let deleted = transaction.delete_range(&door.table.handle, &range)?;
        let id = door.table.id;
        self.note("delete-range", &door.table.full_name, |tracer| {
            (tracer.range(id, index, low, high), deleted.to_string())
        });
        Ok(deleted)
    }

    fn caller(&mut self) -> Caller {
        let caller = self.caller_of_running();
        self.note("caller", "", |_| (String::new(), describe(&caller)));
        caller
    }

    fn timestamp(&mut self) -> u64 {
        let micros = self.timestamp_micros;
        self.note("timestamp", "", |_| (String::new(), micros.to_string()));
        micros
    }

    fn random(&mut self) -> u64 {
        let is_query = matches!(self.work, Work::Read(_));
        let Context { random, database_key, sequence, timestamp_micros, .. } = self;
        let drawn = random.next(&Seed {
            database_key,
            is_query,
            sequence: *sequence,
            timestamp_micros: *timestamp_micros,
        });
        self.note("random", "", |_| (String::new(), drawn.to_string()));
        drawn
    }

    fn log(&mut self, level: Level, message: &str) {
        let mut end = message.len().min(self.limits.log_line_bytes);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let message = Printable(&message[..end]);
        self.note("log", "", |_| (format!("{level:?}: {message}"), String::new()));
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
        mut self: Box<Self>,
        target: &Target,
        arguments: &[u8],
        result: &mut Vec<u8>,
        fuel: u64,
    ) -> Called<Self> {
        let noted = self.note_call(*target, arguments);
        let (mut context, fuel_left, outcome) = self.run(*target, arguments, result, fuel);
        if let Some(place) = noted {
            context.note_return(place, *target, &outcome, result);
        }
        (context, fuel_left, outcome)
    }
}

impl Context {
    /// Takes note of a row that was looked for.
    #[inline]
    fn note_found(
        &mut self,
        operation: &'static str,
        door: &Door,
        index: u32,
        key: &[u8],
        row: Option<&[u8]>,
    ) {
        let id = door.table.id;
        self.note(operation, &door.table.full_name, |tracer| {
            let row = row.map_or_else(|| "none".to_owned(), |row| tracer.row(id, row));
            (tracer.key(id, index, key), row)
        });
    }

    /// Takes note of a change of one row.
    #[inline]
    fn note_change<T>(
        &mut self,
        operation: &'static str,
        door: &Door,
        row: &[u8],
        outcome: &Result<T, Violation>,
        text: impl FnOnce(&T) -> String,
    ) {
        self.note(operation, &door.table.full_name, |tracer| {
            let result = outcome.as_ref().map_or_else(refused, text);
            (tracer.row(door.table.id, row), result)
        });
    }

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

/// Reads a table of the version before.
#[cold]
fn former<T>(
    former: &Option<Former>,
    door: &Door,
    read: impl FnOnce(&Reader, &TableHandle) -> Result<T, StoreError>,
) -> Result<T, Stop> {
    let name = door.table.handle.name();
    let found = former.as_ref().and_then(|former| {
        let table = former.tables.get(name)?;
        Some((&former.reader, table))
    });
    match found {
        Some((reader, table)) => Ok(read(reader, table)?),
        None => Err(Stop::Misbehaved {
            reason: format!(
                "it read {name} as it was in an older version, and that is there only while migration functions run"
            ),
        }),
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

fn describe(caller: &Caller) -> String {
    match caller {
        Caller::System => "system".to_owned(),
        Caller::Client(name) => format!("client {name}"),
        Caller::Module(name) => format!("module {name}"),
    }
}
