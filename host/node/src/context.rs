//! The running transaction or query, as the box that travels through the instances of its modules.
//! It answers what guests ask of the host, and enters other modules for them.
//! Invariant: an instance stands in its slot unless it runs, so a module that would be entered
//! again while it runs meets an empty slot.

use crate::catalog::{Catalog, FunctionIndex, LinkedTable, Module, ModuleIndex};
use crate::limits::Limits;
use crate::random::Randomness;
use crate::rerun::Tracer;
use crate::scans::Scans;
use crate::stop::Stop;
use crate::view::View;
use interstice_engine::{Called, Caller, Fault, Instance, Returned};
use interstice_store::{Reader, StoreError, TableHandle, Transaction};
use interstice_wit::FunctionKind;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// What the running code works on.
pub(crate) enum Work {
    /// Nothing runs.
    Nothing,
    /// A transaction.
    Write(Transaction),
    /// A query at a version.
    Read(Reader),
}

/// The place of a module's instance.
pub(crate) enum Slot {
    /// There is none, or it was thrown away.
    Empty,
    /// It waits to be entered.
    Ready(Instance<Context>),
    /// It runs.
    Running,
}

/// A function that runs, or has called the one that runs.
#[derive(Clone, Copy)]
struct Frame {
    module: ModuleIndex,
    function: FunctionIndex,
    /// Whether it, or a caller of it, is a query.
    read_only: bool,
}

/// A table as one module may use it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) table: Arc<LinkedTable>,
    /// Whether it is a table of the version before, which can be read while the module is upgraded.
    pub(crate) former: bool,
    /// How the module sees a table of another one, if it was built against an earlier version of it.
    pub(crate) view: Option<Arc<View>>,
}

impl Door {
    /// The number that an index has in the table.
    #[inline]
    pub(crate) fn index(&self, index: u32) -> Result<u32, Stop> {
        match &self.view {
            None => Ok(index),
            Some(view) => view.index(index).ok_or_else(|| self.no_such_index(index)),
        }
    }

    #[cold]
    fn no_such_index(&self, index: u32) -> Stop {
        let table = self.table.full_name.to_string();
        StoreError::NoSuchIndex { table, wanted: "index", index }.into()
    }
}

/// The tables that modules had before the upgrade that is being made, and the version before it.
pub(crate) struct Former {
    pub(crate) reader: Reader,
    /// By package and table, such as `acme:bank/tables.account`.
    pub(crate) tables: HashMap<String, TableHandle>,
}

/// A function of another module, as linking found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) module: ModuleIndex,
    pub(crate) function: FunctionIndex,
}

/// The circumstances of a transaction or a query.
pub(crate) struct Context {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) work: Work,
    /// What migration functions read; only during an upgrade.
    pub(crate) former: Option<Former>,
    pub(crate) scans: Scans,
    pub(crate) random: Randomness,
    pub(crate) database_key: [u8; 16],
    pub(crate) sequence: u64,
    pub(crate) caller: Caller,
    /// When the transaction began, in microseconds since the Unix epoch.
    pub(crate) timestamp_micros: u64,
    slots: Vec<Slot>,
    frames: SmallVec<[Frame; 4]>,
    /// Modules whose instances this transaction has entered.
    entered: SmallVec<[ModuleIndex; 4]>,
    /// Whether an instance that was entered had run before, so that a fresh one may fare better.
    reused: bool,
    /// Where the innermost fault happened.
    failed_in: Option<Arc<str>>,
    /// What takes note of everything that guests ask of the host, if somebody wants to know.
    pub(crate) tracer: Option<Box<Tracer>>,
}

impl Context {
    /// A context in which nothing runs.
    pub(crate) fn new(catalog: Arc<Catalog>, limits: Arc<Limits>, database_key: [u8; 16]) -> Box<Context> {
        Box::new(Context {
            catalog,
            limits,
            work: Work::Nothing,
            former: None,
            scans: Scans::default(),
            random: Randomness::default(),
            database_key,
            sequence: 0,
            caller: Caller::System,
            timestamp_micros: 0,
            slots: Vec::new(),
            frames: SmallVec::new(),
            entered: SmallVec::new(),
            reused: false,
            failed_in: None,
            tracer: None,
        })
    }

    /// Fixes the circumstances of the next transaction or query.
    pub(crate) fn begin(&mut self, sequence: u64, timestamp_micros: u64, caller: &Caller) {
        self.sequence = sequence;
        self.timestamp_micros = timestamp_micros;
        if self.caller != *caller {
            self.caller = caller.clone();
        }
    }

    /// Throws away every instance that the transaction has entered, after a fault.
    pub(crate) fn discard_entered(&mut self) {
        for module in self.entered.drain(..) {
            self.slots[module.0 as usize] = Slot::Empty;
        }
    }

    /// Goes on with another catalog. Instances of modules that are the same in both live on, the others are
    /// thrown away.
    pub(crate) fn use_catalog(&mut self, catalog: Arc<Catalog>) {
        if Arc::ptr_eq(&self.catalog, &catalog) {
            return;
        }
        let before = std::mem::replace(&mut self.catalog, catalog);
        self.slots.truncate(self.catalog.places().len());
        for (place, slot) in (0..).map(ModuleIndex).zip(&mut self.slots) {
            let is_same = match (before.installed_at(place), self.catalog.installed_at(place)) {
                (Some(before), Some(now)) => Arc::ptr_eq(before, now),
                _ => false,
            };
            if !is_same {
                *slot = Slot::Empty;
            }
        }
    }

    /// Forgets the transaction that has ended; instances that it entered live on.
    pub(crate) fn finish(&mut self) {
        self.work = Work::Nothing;
        self.former = None;
        self.scans.close_from(0);
        self.random.reset();
        self.entered.clear();
        self.frames.clear();
        self.reused = false;
        self.failed_in = None;
    }

    /// Whether an instance with a history was entered since [`Context::finish`].
    pub(crate) fn reused_an_instance(&self) -> bool {
        self.reused
    }

    /// Where the innermost fault happened, if there was one.
    pub(crate) fn failed_in(&mut self) -> Option<Arc<str>> {
        self.failed_in.take()
    }

    /// How deep in nested calls the running function is; 0 is the one called from outside.
    pub(crate) fn level(&self) -> usize {
        self.frames.len().saturating_sub(1)
    }

    /// The transaction, for a write that `what` names.
    pub(crate) fn writing(
        &mut self,
        what: &'static str,
        table: &LinkedTable,
    ) -> Result<&mut Transaction, Stop> {
        let read_only = self.frames.last().is_none_or(|frame| frame.read_only);
        match &mut self.work {
            Work::Write(transaction) if !read_only => Ok(transaction),
            _ => Err(Stop::WriteInQuery { what: format!("{what} {}", table.full_name) }),
        }
    }

    /// The full name of the function that runs.
    pub(crate) fn running(&self) -> Option<Arc<str>> {
        let frame = self.frames.last()?;
        Some(self.name_of(frame.module, frame.function))
    }

    /// Who called the function that runs.
    pub(crate) fn caller_of_running(&self) -> Caller {
        match self.frames.len().checked_sub(2) {
            Some(below) => Caller::Module(self.catalog.at(self.frames[below].module).name.clone()),
            None => self.caller.clone(),
        }
    }

    fn name_of(&self, module: ModuleIndex, function: FunctionIndex) -> Arc<str> {
        self.catalog.at(module).functions[function.0 as usize].full_name.clone()
    }

    /// Enters a module: from outside, or from another module that waits for it.
    pub(crate) fn run(
        mut self: Box<Self>,
        target: Target,
        arguments: &[u8],
        result: &mut Vec<u8>,
        fuel: u64,
    ) -> Called<Self> {
        let (instance, frame) = match self.prepare(target) {
            Ok(prepared) => prepared,
            Err(fault) => {
                self.blame(target);
                return (self, fuel, Err(fault));
            }
        };
        let savepoint = match &mut self.work {
            Work::Write(transaction) if !frame.read_only && !self.frames.is_empty() => {
                Some(transaction.savepoint())
            }
            _ => None,
        };
        let level = self.frames.len();
        self.frames.push(frame);
        let export = self.catalog.at(target.module).functions[target.function.0 as usize].export;
        let mut instance = instance;
        let (mut context, fuel_left, mut outcome) = instance.call(self, export, arguments, result, fuel);
        context.frames.truncate(level);
        let slot = target.module.0 as usize;
        match &outcome {
            Ok(returned) => {
                context.slots[slot] = Slot::Ready(instance);
                context.scans.close_from(level);
                if let (Returned::Err, Some(savepoint), Work::Write(transaction)) =
                    (returned, savepoint, &mut context.work)
                    && let Err(error) = transaction.rollback_to(&savepoint)
                {
                    outcome = Err(Fault::Stopped(Stop::Store(error)));
                }
            }
            Err(_) => {
                drop(instance);
                context.slots[slot] = Slot::Empty;
                context.blame(target);
            }
        }
        (context, fuel_left, outcome)
    }

    /// Remembers where a fault happened, unless an inner call did already.
    fn blame(&mut self, target: Target) {
        if self.failed_in.is_none() {
            self.failed_in = Some(self.name_of(target.module, target.function));
        }
    }

    /// A fresh instance. When the engine has no room for one more, those that wait are given up first.
    fn instantiate(&mut self, module: &Module) -> Result<Instance<Context>, Fault<Stop>> {
        match module.program.instantiate() {
            Err(Fault::NoInstanceLeft(_)) => {
                for slot in &mut self.slots {
                    if matches!(slot, Slot::Ready(_)) {
                        *slot = Slot::Empty;
                    }
                }
                module.program.instantiate()
            }
            outcome => outcome,
        }
    }

    /// Checks that the function may be entered from here and takes its module's instance.
    fn prepare(&mut self, target: Target) -> Result<(Instance<Context>, Frame), Fault<Stop>> {
        let catalog = self.catalog.clone();
        let module = catalog.at(target.module);
        let function = &module.functions[target.function.0 as usize];
        if self.frames.len() > self.limits.depth as usize {
            return Err(Fault::Stopped(Stop::Limit {
                limit: "depth",
                message: format!("calls between modules may nest {} levels deep", self.limits.depth),
            }));
        }
        let called_by_query = match self.frames.last() {
            Some(frame) => frame.read_only,
            None => matches!(self.work, Work::Read(_)),
        };
        let is_query = function.kind == FunctionKind::Query;
        if called_by_query && !is_query {
            return Err(Fault::Stopped(Stop::WriteInQuery {
                what: format!("calling the reducer {}", function.full_name),
            }));
        }
        if self.slots.len() < catalog.places().len() {
            self.slots.resize_with(catalog.places().len(), || Slot::Empty);
        }
        let slot = &mut self.slots[target.module.0 as usize];
        let instance = match std::mem::replace(slot, Slot::Running) {
            Slot::Ready(instance) => {
                self.reused |= !self.entered.contains(&target.module);
                instance
            }
            Slot::Empty => match self.instantiate(module) {
                Ok(instance) => instance,
                Err(fault) => {
                    self.slots[target.module.0 as usize] = Slot::Empty;
                    return Err(fault);
                }
            },
            Slot::Running => {
                let mut path: Vec<String> = self
                    .frames
                    .iter()
                    .map(|frame| self.name_of(frame.module, frame.function).to_string())
                    .collect();
                path.push(function.full_name.to_string());
                return Err(Fault::Stopped(Stop::Cycle { path }));
            }
        };
        if !self.entered.contains(&target.module) {
            self.entered.push(target.module);
        }
        let read_only = called_by_query || is_query;
        Ok((instance, Frame { module: target.module, function: target.function, read_only }))
    }
}
