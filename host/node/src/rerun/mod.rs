//! Calls of the log, run again: to see whether modules are deterministic, and what a call did.
//! The data directory is only read; the state before a call comes from a snapshot and the log.
//! Parts of the log between snapshots run beside each other.
//! Invariant: what was run again stays here: no row and no record of the database changes.

mod divergence;
mod machine;
mod parallel;
mod trace;

pub use divergence::{Difference, Divergence};
pub use trace::TraceStep;
pub(crate) use trace::{Tracer, refused};

use crate::cache::DiskCache;
use crate::error::Error;
use crate::limits::Limits;
use crate::recover::{rebuild, starting_point};
use crate::replay::Moment;
use crate::state::State;
use divergence::{Schemas, arguments, change, result};
use interstice_engine::{CompileCache, Engine, EngineOptions, guest_thread};
use interstice_log::doors::Doors;
use interstice_log::{
    ArtifactStore, ListedSnapshot, LogFilter, LogReader, NamedOutcome, Progress, Record, Sequence,
    SnapshotStore,
};
use interstice_store::Store;
use interstice_wit::Schema;
use machine::{Machine, Parts};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Which calls are run again, and how.
#[derive(Clone, Default)]
pub struct RerunOptions {
    /// The first record; none for the earliest from which it can be done.
    pub from: Option<Sequence>,
    /// The last record; none for the newest.
    pub to: Option<Sequence>,
    /// What the calls may do; no less than was allowed when they ran.
    pub limits: Limits,
    /// Where compiled components are kept, if not in the data directory.
    pub cache: Option<Arc<dyn CompileCache + Send + Sync>>,
}

/// What came of running calls again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerunReport {
    /// The first record that was run again, if there was one.
    pub first: Option<Sequence>,
    /// The last.
    pub last: Option<Sequence>,
    /// How many records that were, the one that diverged included.
    pub records: u64,
    /// The first that did something else than the log says. Nothing after it was run: the state would be
    /// another one.
    pub divergence: Option<Divergence>,
}

/// What one call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its record.
    pub sequence: Sequence,
    /// The time of the transaction, in microseconds since the Unix epoch.
    pub timestamp_micros: u64,
    /// The module, with its version.
    pub module: String,
    /// The function; none where modules were installed or changed.
    pub function: Option<String>,
    /// What became of modules that were there, if they were changed, such as `upgraded to 1.3.0`.
    pub change: Option<String>,
    /// Its arguments in WAVE, separated by commas.
    pub arguments: String,
    /// What it asked of the host, in order.
    pub steps: Vec<TraceStep>,
    /// Its result in WAVE, or why it failed.
    pub outcome: String,
    /// What it did that the log says otherwise, if anything.
    pub divergence: Option<Divergence>,
}

impl Schemas for State {
    fn schema(&self, package: &str) -> Option<&Schema> {
        let found = self.stored().find(|module| module.name() == package);
        found.map(|module| &module.schema)
    }
}

/// Runs calls of the log again, each on fresh instances of the modules, and compares what they return and
/// write with what the log says. Where snapshots lie between them, the parts run beside each other. Tells the
/// first difference.
///
/// # Errors
/// If another process has the database open, if what is stored is damaged, if neither a snapshot nor the first
/// record is left from which the first call could be reached, if a module cannot be made ready, or if a call meets a
/// limit that it did not meet before.
pub fn verify_calls(
    doors: &Doors,
    options: &RerunOptions,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<RerunReport, Error> {
    let parts = parts(doors, options)?;
    let reports = parallel::run(&parts, on_progress, |part, on_progress| {
        let part = RerunOptions { from: Some(part.from), to: part.to, ..options.clone() };
        verify_part(doors, &part, on_progress)
    });
    let mut whole = RerunReport { first: None, last: None, records: 0, divergence: None };
    for report in reports {
        let report = report?;
        whole.first = whole.first.or(report.first);
        whole.last = report.last.or(whole.last);
        whole.records += report.records;
        if report.divergence.is_some() {
            return Ok(RerunReport { divergence: report.divergence, ..whole });
        }
    }
    Ok(whole)
}

/// Records that are run again one after the other.
struct Part {
    from: Sequence,
    to: Option<Sequence>,
}

/// The records of the options, cut where a snapshot has the state.
fn parts(doors: &Doors, options: &RerunOptions) -> Result<Vec<Part>, Error> {
    let reader = LogReader::open(doors)?;
    let listed = SnapshotStore::new(doors).list()?;
    // Not those from which the log does not go on: of a part that was given up, or before one.
    let usable = |listed: &&ListedSnapshot| {
        listed.found.as_ref().is_ok_and(|snapshot| reader.check_start(&starting_point(snapshot)).is_ok())
    };
    let mut known: Vec<Sequence> = listed.iter().filter(usable).map(|listed| listed.sequence).collect();
    known.sort_unstable();
    let first = reader.first();
    drop(reader);
    let from = match (options.from, known.first()) {
        (Some(from), _) => from,
        // What came before was given up; calls can be run again from the oldest snapshot on.
        (None, Some(oldest)) if first > Sequence(1) => oldest.next(),
        (None, _) => first,
    };
    let mut parts = vec![Part { from, to: options.to }];
    for snapshot in known {
        let last = parts.last_mut().expect("there is a part from the beginning");
        if snapshot >= last.from && options.to.is_none_or(|to| snapshot < to) {
            last.to = Some(snapshot);
            parts.push(Part { from: snapshot.next(), to: options.to });
        }
    }
    Ok(parts)
}

fn verify_part(
    doors: &Doors,
    options: &RerunOptions,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<RerunReport, Error> {
    with_machine(doors, options, on_progress, |machine, reader, on_progress| {
        let mut report = RerunReport { first: None, last: None, records: 0, divergence: None };
        let mut failure = None;
        let mut visit = |logged: Record| {
            if logged.sequence.0 <= machine.state.last_sequence {
                return ControlFlow::Continue(());
            }
            let divergence = match machine.run(&logged) {
                Ok((_, divergence)) => divergence,
                Err(error) => {
                    failure = Some(error);
                    return ControlFlow::Break(());
                }
            };
            report.first.get_or_insert(logged.sequence);
            report.last = Some(logged.sequence);
            report.records += 1;
            report.divergence = divergence;
            if report.divergence.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let filter = LogFilter { from: options.from, to: options.to, ..LogFilter::default() };
        reader.search(&filter, &mut visit, on_progress)?;
        match failure {
            Some(error) => Err(error),
            None => Ok(report),
        }
    })
}

/// Runs the call of one record again on the state that it had, and tells everything that it asked of the host.
///
/// # Errors
/// As [`verify_calls`]; and if there is no such record.
pub fn trace(
    doors: &Doors,
    sequence: Sequence,
    options: &RerunOptions,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Trace, Error> {
    let options = RerunOptions { from: Some(sequence), to: Some(sequence), ..options.clone() };
    with_machine(doors, &options, on_progress, |machine, reader, _| {
        let mut found = None;
        let mut visit = |logged: Record| {
            if logged.sequence == sequence {
                found = Some(logged);
            }
            ControlFlow::Continue(())
        };
        let filter = LogFilter { from: Some(sequence), to: Some(sequence), ..LogFilter::default() };
        reader.search(&filter, &mut visit, &mut |_| {})?;
        let logged =
            found.ok_or(Error::NoSuchRecord { sequence, last: Sequence(machine.state.last_sequence) })?;
        let context = machine.context_mut();
        context.tracer = Some(Box::new(Tracer::new(&context.catalog)));
        let (again, divergence) = machine.run(&logged)?;
        let tracer = machine.context_mut().tracer.take();
        let outcome = match &again.outcome {
            NamedOutcome::Failed(reason) => format!("failed: {}", String::from_utf8_lossy(reason)),
            NamedOutcome::Ok(bytes) | NamedOutcome::Err(bytes) => result(&again, bytes, &machine.state),
        };
        Ok(Trace {
            sequence,
            timestamp_micros: logged.timestamp_micros,
            module: format!("{}@{}", logged.package, logged.version),
            function: logged.function.clone(),
            change: change(&logged),
            arguments: arguments(&logged, &machine.state),
            steps: tracer.map(|tracer| tracer.steps).unwrap_or_default(),
            outcome,
            divergence,
        })
    })
}

/// Does something with a machine that is in the state before the first record of the options.
fn with_machine<T: Send>(
    doors: &Doors,
    options: &RerunOptions,
    on_progress: &mut (dyn FnMut(Progress) + Send),
    work: impl FnOnce(&mut Machine, &LogReader, &mut (dyn FnMut(Progress) + Send)) -> Result<T, Error> + Send,
) -> Result<T, Error> {
    options.limits.check()?;
    let limits = Arc::new(options.limits.clone());
    let failed = |doing, message| Error::Engine { doing, message };
    let engine = Engine::new(EngineOptions {
        max_memory_bytes: limits.guest_memory_bytes as usize,
        max_wasm_stack_bytes: limits.guest_stack_bytes,
        ..EngineOptions::default()
    })
    .map_err(|error| failed("starting", error.to_string()))?;
    let mut secret = [0; 8];
    doors
        .entropy
        .fill(&mut secret)
        .map_err(|error| failed("drawing randomness for the hash tables", error.to_string()))?;
    let new_store = || Store::new(limits.store.clone(), u64::from_le_bytes(secret));
    let before = Moment::Sequence(options.from.unwrap_or(Sequence(1)).previous());
    let mut state = rebuild(doors, before, true, &new_store, on_progress)?;
    if state.last_sequence == 0 {
        state = State::new(new_store());
    }
    let reader = LogReader::open(doors)?;
    let parts = Parts {
        artifacts: ArtifactStore::new(doors.disk.clone()),
        cache: options.cache.clone().unwrap_or_else(|| Arc::new(DiskCache::new(doors.disk.clone()))),
        database_key: reader.database_key(),
        engine,
        limits: limits.clone(),
    };
    let stack_bytes = parts.engine.options().stack_bytes(limits.depth as usize);
    // What the thread itself takes stands beside what guests may take.
    let thread = std::thread::Builder::new().name("replay".to_owned()).stack_size(stack_bytes + (1 << 20));
    std::thread::scope(|scope| {
        let run = || {
            guest_thread(stack_bytes, || {
                let mut machine = Machine::new(state, parts)?;
                work(&mut machine, &reader, on_progress)
            })
        };
        let running = thread.spawn_scoped(scope, run);
        let running = running.map_err(|error| failed("starting a thread", error.to_string()))?;
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
