//! The life of a write transaction: begin, execute, commit or undo, decide what is owed.
//! It runs under the writer's lock, so the order in which the lock is taken is the order of
//! transactions.
//! Invariant: a transaction is in the store if and only if its record was appended to the log.

use crate::catalog::{Catalog, ModuleIndex};
use crate::catalogs::Catalogs;
use crate::context::{Context, Target, Work};
use crate::delivery::{Collector, OwedDelivery};
use crate::error::Error;
use crate::limits::Limits;
use crate::schedule::{Schedule, carried, schedules_of};
use crate::state::State;
use crate::stop::fault_error;
use interstice_engine::{Caller, Returned};
use interstice_log::doors::Clock;
use interstice_log::{
    Cause, DefinitionId, Log, LogError, Outcome, Owed, RecordParts, Sequence, WriteSetEncoder,
};
use interstice_store::{Store, Version};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the holder of the writer's lock works with.
pub(crate) struct Writer {
    /// Taken out while a call runs.
    pub(crate) context: Option<Box<Context>>,
    pub(crate) last_sequence: u64,
    pub(crate) last_timestamp_micros: u64,
    /// Deliveries that committed transactions owe, in order.
    pub(crate) owed: VecDeque<OwedDelivery>,
    pub(crate) schedules: Vec<Schedule>,
    /// When each module of the catalog was installed in the version that it has, by its number.
    pub(crate) installed_micros: Vec<u64>,
    /// The catalogs that queries may need.
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) write_set: WriteSetEncoder,
    /// What the open transaction will owe: as the record says it, and as it will be run.
    pub(crate) owing: Vec<Owed>,
    pub(crate) pending: Vec<OwedDelivery>,
    pub(crate) caller_scratch: Vec<u8>,
    /// The caller of the last record and the number that the log knows it by, if it has one.
    pub(crate) last_caller: Option<(Caller, DefinitionId)>,
    pub(crate) key_scratch: Vec<u8>,
    pub(crate) closed: bool,
    /// Something of the writer's is running; still so afterwards if it panicked.
    interrupted: bool,
    /// The time of the last record, for queries.
    pub(crate) latest_micros: Arc<AtomicU64>,
}

/// What a transaction needs of the node.
pub(crate) struct Tools<'n> {
    pub(crate) log: &'n Log,
    pub(crate) store: &'n Store,
    pub(crate) clock: &'n dyn Clock,
    pub(crate) limits: &'n Arc<Limits>,
}

/// A call that is about to become a transaction.
pub(crate) struct Request<'r> {
    pub(crate) target: Target,
    pub(crate) arguments: &'r [u8],
    pub(crate) caller: &'r Caller,
    pub(crate) cause: Cause<'r>,
    /// How many deliveries led to this one.
    pub(crate) depth: u32,
}

/// What came of a transaction.
pub(crate) struct Executed {
    /// Its number, if it left a record.
    pub(crate) sequence: Option<Sequence>,
    pub(crate) returned: Returned,
}

impl Writer {
    /// A writer that goes on behind what was recovered.
    pub(crate) fn new(context: Box<Context>, state: State) -> Writer {
        let State { last_sequence, last_timestamp_micros, .. } = state;
        let waits_since = |target| state.waits_since.get(&target).copied().unwrap_or_default();
        let schedules = schedules_of(&context.catalog, &waits_since, &state.last_runs);
        Writer {
            catalogs: Arc::new(Catalogs::new(context.catalog.clone())),
            context: Some(context),
            last_sequence,
            last_timestamp_micros,
            installed_micros: state.installed_micros(),
            owed: state.owed.into_values().collect(),
            schedules,
            write_set: WriteSetEncoder::new(),
            owing: Vec::new(),
            pending: Vec::new(),
            caller_scratch: Vec::new(),
            last_caller: None,
            key_scratch: Vec::new(),
            closed: false,
            interrupted: false,
            latest_micros: Arc::new(AtomicU64::new(last_timestamp_micros)),
        }
    }

    /// Does something with the writer. Should that panic, nothing is done with it ever again: the open
    /// transaction is in an unknown state then, while the log is as it was.
    pub(crate) fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.interrupted {
            return Err(Error::Interrupted);
        }
        self.interrupted = true;
        let outcome = work(self);
        self.interrupted = false;
        outcome
    }

    /// The context, while no call runs.
    pub(crate) fn context(&self) -> &Context {
        self.context.as_deref().expect("the context is there between calls")
    }

    /// The context, while no call runs.
    pub(crate) fn context_mut(&mut self) -> &mut Context {
        self.context.as_deref_mut().expect("the context is there between calls")
    }

    /// Runs a call as a transaction and commits it. The result replaces what is in `result`.
    pub(crate) fn execute(
        &mut self,
        tools: &Tools<'_>,
        request: &Request<'_>,
        result: &mut Vec<u8>,
    ) -> Result<Executed, Error> {
        let returned = self.run(tools, request, result)?;
        let context = self.context.as_mut().expect("the context is back after a run");
        if returned == Returned::Err {
            context.finish();
            return Ok(Executed { sequence: None, returned });
        }
        let record = RecordFrame {
            subject: context.catalog.function(request.target).definition,
            cause: request.cause,
            caller: request.caller,
            arguments: request.arguments,
            outcome: Outcome::Ok(result),
            depth: request.depth,
            even_if_empty: false,
        };
        let sequence = self.commit(tools, &record)?;
        Ok(Executed { sequence, returned })
    }

    /// Runs a call in a new transaction, which stays open if it returns; after a fault it is undone.
    pub(crate) fn run(
        &mut self,
        tools: &Tools<'_>,
        request: &Request<'_>,
        result: &mut Vec<u8>,
    ) -> Result<Returned, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        tools.log.admit()?;
        let fuel = tools.limits.fuel_for(request.cause);
        let mut fresh_only = false;
        loop {
            self.begin(tools, request.caller)?;
            let context = self.context.take().expect("the context is there between calls");
            let (mut context, _, outcome) = context.run(request.target, request.arguments, result, fuel);
            let outcome = match outcome {
                Ok(returned) => {
                    self.context = Some(context);
                    return Ok(returned);
                }
                Err(fault) => fault,
            };
            let again = !fresh_only && context.reused_an_instance() && outcome.depends_on_history();
            let error = (!again).then(|| {
                let place = context.failed_in().unwrap_or_else(|| Arc::from("the call"));
                fault_error(outcome, &place, fuel, tools.limits)
            });
            context.work = Work::Nothing;
            context.discard_entered();
            context.finish();
            self.context = Some(context);
            match error {
                Some(error) => return Err(error),
                None => fresh_only = true,
            }
        }
    }

    /// Runs a call in the open transaction, which stays open; after a fault it is undone.
    pub(crate) fn run_in_open(
        &mut self,
        tools: &Tools<'_>,
        request: &Request<'_>,
        result: &mut Vec<u8>,
    ) -> Result<Returned, Error> {
        let context = self.context.take().expect("the context is there between calls");
        let fuel = tools.limits.fuel_for(request.cause);
        let (mut context, _, outcome) = context.run(request.target, request.arguments, result, fuel);
        let outcome = outcome.map_err(|fault| {
            let place = context.failed_in().unwrap_or_else(|| Arc::from("the call"));
            context.work = Work::Nothing;
            context.discard_entered();
            context.finish();
            fault_error(fault, &place, fuel, tools.limits)
        });
        self.context = Some(context);
        outcome
    }

    /// Opens a transaction in the context.
    pub(crate) fn begin(&mut self, tools: &Tools<'_>, caller: &Caller) -> Result<(), Error> {
        let sequence = self.last_sequence + 1;
        let now_micros = tools.clock.now_micros();
        check_clock(now_micros, self.last_timestamp_micros, tools.limits)?;
        tools.store.set_durable(Version(tools.log.durable().0));
        let context = self.context.as_mut().expect("the context is there between calls");
        context.begin(sequence, now_micros.max(self.last_timestamp_micros), caller);
        context.work = Work::Write(tools.store.begin(Version(sequence)).map_err(Error::Store)?);
        Ok(())
    }

    /// Ends the open transaction: appends its record and makes it visible. Nothing is appended if
    /// nothing changed, unless the record says so.
    pub(crate) fn commit(
        &mut self,
        tools: &Tools<'_>,
        record: &RecordFrame<'_>,
    ) -> Result<Option<Sequence>, Error> {
        let context = self.context.as_mut().expect("the context is there between calls");
        let Work::Write(transaction) = std::mem::replace(&mut context.work, Work::Nothing) else {
            unreachable!("commit follows a run that left its transaction open");
        };
        let sequence = Sequence(self.last_sequence + 1);
        self.write_set.clear();
        self.owing.clear();
        self.pending.clear();
        let mut ephemeral = false;
        let mut owes_too_much = false;
        let mut collector = Collector {
            catalog: &context.catalog,
            write_set: &mut self.write_set,
            owed: &mut self.owing,
            pending: &mut self.pending,
            ephemeral: &mut ephemeral,
            key: &mut self.key_scratch,
            most_owed: tools.limits.deliveries,
            owes_too_much: &mut owes_too_much,
            origin: sequence,
            depth: record.depth,
        };
        transaction.changes(|change| collector.table(change));
        if owes_too_much {
            transaction.abort();
            context.finish();
            let most = tools.limits.deliveries;
            return Err(Error::Limit {
                limit: "deliveries",
                place: context.catalog.name_of_subject(record.subject),
                message: format!(
                    "one transaction may owe {most} deliveries to subscribers: change fewer rows"
                ),
            });
        }
        // A call that changed ephemeral rows has a record as well: its version needs a number.
        if self.write_set.as_write_set().is_empty() && !ephemeral && !record.even_if_empty {
            transaction.abort();
            context.finish();
            return Ok(None);
        }
        if self.last_caller.as_ref().is_none_or(|(last, _)| last != record.caller) {
            encode_caller(record.caller, &mut self.caller_scratch);
            self.last_caller = match tools.log.caller(&self.caller_scratch) {
                Ok(interstice_log::Caller::Numbered(number)) => Some((record.caller.clone(), number)),
                // Without a number it stands in the record in full; if the log failed, the append
                // below says so.
                Ok(interstice_log::Caller::Inline(_)) | Err(_) => None,
            };
        }
        let timestamp_micros = context.timestamp_micros;
        let parts = RecordParts {
            sequence,
            timestamp_micros,
            cause: record.cause,
            subject: record.subject,
            caller: match self.last_caller {
                Some((_, number)) => interstice_log::Caller::Numbered(number),
                None => interstice_log::Caller::Inline(&self.caller_scratch),
            },
            arguments: record.arguments,
            outcome: record.outcome,
            claims: &[],
            idempotency_key: None,
            write_set: self.write_set.as_write_set(),
            deliveries: &self.owing,
        };
        if let Err(error) = tools.log.append(&parts) {
            transaction.abort();
            context.finish();
            return Err(match error {
                LogError::RecordTooLarge { size, limit } => Error::Limit {
                    limit: "record",
                    place: context.catalog.name_of_subject(record.subject),
                    message: format!("its record would take {size} bytes in the log and may take {limit}"),
                },
                other => other.into(),
            });
        }
        transaction.commit();
        context.finish();
        self.last_sequence = sequence.0;
        self.last_timestamp_micros = timestamp_micros;
        self.latest_micros.store(timestamp_micros, Ordering::Relaxed);
        self.owed.extend(self.pending.drain(..));
        Ok(Some(sequence))
    }

    /// Ends a transaction that changes the catalog: nobody reads its version with the catalog before, and nobody
    /// an older version with this one.
    pub(crate) fn commit_catalog(
        &mut self,
        tools: &Tools<'_>,
        record: &RecordFrame<'_>,
    ) -> Result<Sequence, Error> {
        let catalog = self.context().catalog.clone();
        self.catalogs.publish(Version(self.last_sequence + 1), catalog);
        let committed = self.commit(tools, record);
        if committed.is_err() {
            self.catalogs.withdraw();
        }
        Ok(committed?.expect("a record that must be written was written"))
    }

    /// Takes note of a catalog that took the place of this one at that time: which versions are new, and what is
    /// scheduled.
    pub(crate) fn note_versions(&mut self, before: &Catalog, at_micros: u64) {
        let catalog = self.context().catalog.clone();
        self.schedules = carried(&self.schedules, before, &catalog, at_micros);
        self.installed_micros.resize(catalog.places().len(), 0);
        for (index, micros) in (0..).map(ModuleIndex).zip(&mut self.installed_micros) {
            let is_new = match (before.installed_at(index), catalog.installed_at(index)) {
                // A dependent that was linked again is the version that it was.
                (Some(before), Some(now)) => before.digest != now.digest,
                (None, now) => now.is_some(),
                (Some(_), None) => false,
            };
            if is_new {
                *micros = at_micros;
            }
        }
    }

    /// How many rows the open transaction has changed.
    pub(crate) fn changed_rows(&self) -> u64 {
        let mut rows = 0;
        if let Work::Write(transaction) = &self.context().work {
            transaction.changes(|table| rows += table.rows().count() as u64);
        }
        rows
    }

    /// Undoes the open transaction.
    pub(crate) fn abort(&mut self) {
        let context = self.context.as_mut().expect("the context is there between calls");
        context.work = Work::Nothing;
        context.finish();
    }
}

/// Refuses a clock that is far beyond the last logged time: time never goes back, so one wrong
/// reading would stay for ever.
pub(crate) fn check_clock(now_micros: u64, last_micros: u64, limits: &Limits) -> Result<(), Error> {
    const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;
    let ahead = now_micros.saturating_sub(last_micros);
    if last_micros == 0 || ahead <= limits.clock_jump_micros {
        return Ok(());
    }
    Err(Error::ClockJump { now_micros, ahead_days: ahead / DAY_MICROS })
}

/// What a record says beside its changes.
pub(crate) struct RecordFrame<'r> {
    pub(crate) subject: DefinitionId,
    pub(crate) cause: Cause<'r>,
    pub(crate) caller: &'r Caller,
    pub(crate) arguments: &'r [u8],
    pub(crate) outcome: Outcome<'r>,
    pub(crate) depth: u32,
    pub(crate) even_if_empty: bool,
}

/// The caller as the log keeps it: a letter for the kind, then the name.
pub(crate) fn encode_caller(caller: &Caller, out: &mut Vec<u8>) {
    out.clear();
    let (kind, name) = match caller {
        Caller::System => (b's', ""),
        Caller::Client(name) => (b'c', name.as_str()),
        Caller::Module(name) => (b'm', name.as_str()),
    };
    out.push(kind);
    out.extend_from_slice(name.as_bytes());
}

/// The caller that [`encode_caller`] wrote.
pub(crate) fn decode_caller(bytes: &[u8]) -> Option<Caller> {
    let (kind, name) = bytes.split_first()?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    match kind {
        b's' if name.is_empty() => Some(Caller::System),
        b'c' => Some(Caller::Client(name)),
        b'm' => Some(Caller::Module(name)),
        _ => None,
    }
}

/// The caller that [`encode_caller`] wrote, for people.
pub fn describe_caller(bytes: &[u8]) -> String {
    match bytes.split_first() {
        Some((b's', [])) => "system".to_owned(),
        Some((b'c', name)) => format!("client {}", String::from_utf8_lossy(name)),
        Some((b'm', name)) => format!("module {}", String::from_utf8_lossy(name)),
        _ => "unknown".to_owned(),
    }
}
