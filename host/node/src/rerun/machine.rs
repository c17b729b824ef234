//! A machine that runs the calls of a log again: the state before them, and fresh instances of the modules
//! that ran them. It has the numbers and times of the log, and neither a log nor a clock of its own.
//! Invariant: after each record the state is that which the node had, as long as the calls do what they did.

use super::divergence::{Divergence, compare};
use crate::change::CatalogChange;
use crate::context::{Context, Former, Work};
use crate::delivery::{Collector, OwedDelivery};
use crate::error::Error;
use crate::judge::migrates;
use crate::limits::Limits;
use crate::numbers::OwnNumbers;
use crate::ready::Workshop;
use crate::replay::read_schema;
use crate::schedule::LastRun;
use crate::state::{Changed, State};
use crate::stop::{explain, fault_error};
use crate::tables::{former_name, local_name};
use interstice_engine::{CompileCache, Engine, Returned};
use interstice_log::{
    ArtifactStore, Cause, Closed, Digest, NamedCause, NamedOutcome, Outcome, Owed, Record, RecordParts,
    WriteSetEncoder,
};
use interstice_store::Version;
use interstice_wit::{FunctionKind, Trigger};
use std::collections::HashMap;
use std::sync::Arc;

/// Runs records again, one after the other.
pub(super) struct Machine {
    pub(super) state: State,
    /// Taken out while a call runs.
    context: Option<Box<Context>>,
    engine: Engine,
    artifacts: ArtifactStore,
    cache: Arc<dyn CompileCache + Send + Sync>,
    limits: Arc<Limits>,
    numbers: OwnNumbers,
    write_set: WriteSetEncoder,
    owing: Vec<Owed>,
    pending: Vec<OwedDelivery>,
    /// The limit that the last call met, if it met one.
    met_limit: Option<String>,
}

/// What a machine is made of.
pub(super) struct Parts {
    pub(super) engine: Engine,
    pub(super) artifacts: ArtifactStore,
    pub(super) cache: Arc<dyn CompileCache + Send + Sync>,
    pub(super) limits: Arc<Limits>,
    pub(super) database_key: [u8; 16],
}

/// How a call ended.
enum Ended {
    Returned(Returned, Vec<u8>),
    Failed(Error),
}

impl Machine {
    /// A machine that goes on from a state.
    pub(super) fn new(state: State, parts: Parts) -> Result<Machine, Error> {
        let Parts { engine, artifacts, cache, limits, database_key } = parts;
        let numbers = OwnNumbers::default();
        let shop = Workshop {
            numbers: &numbers,
            engine: &engine,
            cache: Some(cache.as_ref()),
            artifacts: &artifacts,
        };
        let catalog = Arc::new(state.catalog(&shop)?);
        let context = Context::new(catalog, limits.clone(), database_key);
        Ok(Machine {
            state,
            context: Some(context),
            engine,
            artifacts,
            cache,
            limits,
            numbers,
            write_set: WriteSetEncoder::new(),
            owing: Vec::new(),
            pending: Vec::new(),
            met_limit: None,
        })
    }

    /// The context, while no call runs.
    pub(super) fn context_mut(&mut self) -> &mut Context {
        self.context.as_deref_mut().expect("the context is there between calls")
    }

    /// Runs again what a record tells of, and answers what it did otherwise, if anything, and what its record would be
    /// now. The logged one is the next after the state.
    ///
    /// # Errors
    /// Also if it did something else because it met a limit: with more, it might have done the same.
    pub(super) fn run(&mut self, logged: &Record) -> Result<(Record, Option<Divergence>), Error> {
        self.met_limit = None;
        let again = self.run_again(logged)?;
        let divergence = compare(logged, &again, &self.state);
        match self.met_limit.take().filter(|_| divergence.is_some()) {
            Some(reason) => Err(Error::BeyondLimits { sequence: logged.sequence, reason }),
            None => Ok((again, divergence)),
        }
    }

    fn run_again(&mut self, logged: &Record) -> Result<Record, Error> {
        let mut depth = 0;
        let mut changed = None;
        // Within the limits of now it might do more than it could then. Who traces it wants to see that.
        let met_limit = matches!(&logged.outcome, NamedOutcome::Failed(reason) if tells_of_limit(reason))
            && self.context_mut().tracer.is_none();
        let again = match &logged.cause {
            NamedCause::Install { schema, catalog } => self.install(logged, schema, *catalog)?,
            NamedCause::Upgrade { schema, catalog } => {
                self.upgrade(logged, schema, *catalog, changed.insert(Changed::default()))?
            }
            NamedCause::Delivery(closed) => {
                let owed = self.owed(*closed)?;
                depth = owed.depth;
                match met_limit || depth > self.limits.subscription_depth {
                    true => self.give_up(logged)?,
                    false => self.call(logged, &owed.arguments)?,
                }
            }
            NamedCause::Call | NamedCause::Schedule { .. } | NamedCause::Lifecycle(_) => match met_limit {
                true => self.give_up(logged)?,
                false => self.call(logged, &logged.arguments)?,
            },
        };
        let again = self.end(logged, again, depth)?;
        if let Some(changed) = changed {
            self.state.finish(&changed);
        }
        if let (NamedCause::Schedule { due_micros }, Some(function)) = (&logged.cause, &logged.function)
            && let Some(function) = self.state.function(&(logged.package.clone(), function.clone()))
        {
            let run = LastRun { due_micros: *due_micros, ran_micros: logged.timestamp_micros };
            self.state.last_runs.insert(function, run);
        }
        self.state.owed.extend(self.pending.drain(..).map(|owed| (owed.closes, owed)));
        self.state.last_sequence = logged.sequence.0;
        self.state.last_timestamp_micros = self.state.last_timestamp_micros.max(logged.timestamp_micros);
        Ok(again)
    }

    fn owed(&mut self, closed: Closed) -> Result<OwedDelivery, Error> {
        self.state.owed.remove(&closed).ok_or_else(|| Error::Catalog {
            reason: format!(
                "a record closes delivery {} of record {}, which is not owed",
                closed.ordinal, closed.sequence
            ),
        })
    }

    fn install(&mut self, logged: &Record, schema: &[u8], catalog: Digest) -> Result<Ended, Error> {
        let schema = read_schema(schema).map_err(|reason| Error::Catalog {
            reason: format!("the schema that record {} installs cannot be read: {reason}", logged.sequence),
        })?;
        self.state
            .install(schema, logged.artifact, logged.timestamp_micros, catalog.0)
            .map_err(Error::Store)?;
        self.make_ready()?;
        self.begin(logged)?;
        self.run_all(&logged.package, &FunctionKind::On(Trigger::Init))
    }

    /// Changes the catalog again as the record says, and runs the functions of the new versions that run then.
    fn upgrade(
        &mut self,
        logged: &Record,
        change: &[u8],
        catalog: Digest,
        changed: &mut Changed,
    ) -> Result<Ended, Error> {
        let wrong = |reason: String| Error::Catalog {
            reason: format!("the change of the catalog in record {} {reason}", logged.sequence),
        };
        let change =
            CatalogChange::read(change).map_err(|reason| wrong(format!("cannot be read: {reason}")))?;
        let reader = self.state.store.reader(Version(self.state.last_sequence)).map_err(Error::Store)?;
        self.begin(logged)?;
        let context = self.context.as_deref_mut().expect("the context is there between calls");
        let Work::Write(transaction) = &mut context.work else {
            unreachable!("a transaction was begun for this record")
        };
        *changed = (self.state.change(&change, logged.timestamp_micros, catalog.0, transaction))
            .map_err(|error| wrong(format!("cannot be made: {}", explain(&error))))?;
        self.make_ready()?;
        let mut tables = HashMap::new();
        for (_, before) in &changed.before {
            let package = before.name();
            let names = before.tables_by_name().into_iter();
            tables.extend(names.map(|(name, table)| (former_name(&package, &name), table)));
        }
        self.context_mut().former = Some(Former { reader, tables });
        for kind in [FunctionKind::Migrate, FunctionKind::On(Trigger::Upgrade)] {
            for (module, (_, before)) in change.modules.iter().zip(&changed.before) {
                let Some(to) = &module.to else { continue };
                if kind == FunctionKind::Migrate && !migrates(&before.schema, &to.schema) {
                    continue;
                }
                let ended = self.run_all(&module.package, &kind)?;
                if !matches!(ended, Ended::Returned(Returned::Ok, _)) {
                    return Ok(ended);
                }
            }
        }
        Ok(Ended::Returned(Returned::Ok, Vec::new()))
    }

    /// Makes the modules of the state ready to run.
    fn make_ready(&mut self) -> Result<(), Error> {
        let shop = Workshop {
            numbers: &self.numbers,
            engine: &self.engine,
            cache: Some(self.cache.as_ref()),
            artifacts: &self.artifacts,
        };
        let catalog = Arc::new(self.state.catalog(&shop)?);
        let context = self.context_mut();
        if let Some(tracer) = &mut context.tracer {
            tracer.learn(&catalog);
        }
        context.use_catalog(catalog);
        Ok(())
    }

    /// Runs every function of that kind of a module in the open transaction.
    fn run_all(&mut self, package: &str, kind: &FunctionKind) -> Result<Ended, Error> {
        let catalog = self.context_mut().catalog.clone();
        let functions = catalog.find(package).map_or(&[][..], |module| &module.functions);
        for function in functions.iter().filter(|function| function.kind == *kind) {
            let name = local_name(&function.interface, &function.name);
            let ended = self.enter(package, &name, &[], self.limits.fuel)?;
            if !matches!(ended, Ended::Returned(Returned::Ok, _)) {
                return Ok(ended);
            }
        }
        Ok(Ended::Returned(Returned::Ok, Vec::new()))
    }

    fn call(&mut self, logged: &Record, arguments: &[u8]) -> Result<Ended, Error> {
        self.begin(logged)?;
        let function = logged.function.as_deref().unwrap_or_default();
        let fuel = match logged.cause {
            NamedCause::Delivery(_) | NamedCause::Schedule { .. } => self.limits.automatic_fuel(),
            _ => self.limits.fuel,
        };
        self.enter(&logged.package, function, arguments, fuel)
    }

    /// The node does not run what is too deep in a chain of deliveries, and says so in the record. Nor is run again
    /// what met another limit.
    fn give_up(&mut self, logged: &Record) -> Result<Ended, Error> {
        self.begin(logged)?;
        let most = self.limits.subscription_depth;
        Ok(Ended::Failed(Error::Limit {
            limit: "subscription-depth",
            place: logged.package.clone(),
            message: format!("deliveries caused each other more than {most} times"),
        }))
    }

    fn begin(&mut self, logged: &Record) -> Result<(), Error> {
        let caller = crate::transaction::decode_caller(&logged.caller).ok_or_else(|| Error::Catalog {
            reason: format!("the caller of record {} cannot be read", logged.sequence),
        })?;
        let sequence = logged.sequence.0;
        self.state.store.set_durable(Version(self.state.last_sequence));
        let transaction = self.state.store.begin(Version(sequence)).map_err(Error::Store)?;
        let context = self.context_mut();
        context.begin(sequence, logged.timestamp_micros, &caller);
        context.work = Work::Write(transaction);
        Ok(())
    }

    /// Enters a function in the open transaction, by a fresh instance.
    fn enter(&mut self, package: &str, function: &str, arguments: &[u8], fuel: u64) -> Result<Ended, Error> {
        let target = self.state.function(&(package.to_owned(), function.to_owned()));
        let target = target.ok_or_else(|| Error::Catalog {
            reason: format!("the log has a call of {package}/{function}, which no installed module has"),
        })?;
        let context = self.context.take().expect("the context is there between calls");
        let mut result = Vec::new();
        let (mut context, _, outcome) = context.run(target, arguments, &mut result, fuel);
        let ended = match outcome {
            Ok(returned) => Ended::Returned(returned, result),
            Err(fault) => {
                let place = context.failed_in().unwrap_or_else(|| Arc::from("the call"));
                Ended::Failed(fault_error(fault, &place, fuel, &self.limits))
            }
        };
        context.discard_entered();
        self.context = Some(context);
        Ok(ended)
    }

    /// Ends the open transaction as the node does, and says what its record would be.
    fn end(&mut self, logged: &Record, ended: Ended, depth: u32) -> Result<Record, Error> {
        let sequence = logged.sequence;
        let Work::Write(mut transaction) = std::mem::replace(&mut self.context_mut().work, Work::Nothing)
        else {
            unreachable!("a transaction was begun for this record")
        };
        if !matches!(ended, Ended::Returned(Returned::Ok, _)) {
            transaction.abort();
            transaction = self.state.store.begin(Version(sequence.0)).map_err(Error::Store)?;
        }
        self.write_set.clear();
        self.owing.clear();
        self.pending.clear();
        let context = self.context.as_deref_mut().expect("the context is there between calls");
        let (mut ephemeral, mut owes_too_much) = (false, false);
        let mut collector = Collector {
            catalog: &context.catalog,
            write_set: &mut self.write_set,
            owed: &mut self.owing,
            pending: &mut self.pending,
            ephemeral: &mut ephemeral,
            key: &mut Vec::new(),
            most_owed: self.limits.deliveries,
            owes_too_much: &mut owes_too_much,
            origin: sequence,
            depth,
        };
        transaction.changes(|change| collector.table(change));
        let parts = RecordParts {
            sequence,
            timestamp_micros: logged.timestamp_micros,
            cause: Cause::Call,
            subject: interstice_log::DefinitionId(0),
            caller: interstice_log::Caller::Inline(&logged.caller),
            arguments: &logged.arguments,
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: self.write_set.as_write_set(),
            deliveries: &self.owing,
        };
        let again = Record::resolve(&parts, &self.numbers.0.lock());
        transaction.commit();
        context.finish();
        let outcome = match ended {
            Ended::Returned(Returned::Ok, result) => NamedOutcome::Ok(result),
            Ended::Returned(Returned::Err, result) => NamedOutcome::Err(result),
            Ended::Failed(error) => {
                let reason = explain(&error);
                self.met_limit = is_limit(&error).then(|| reason.clone());
                NamedOutcome::Failed(reason.into_bytes())
            }
        };
        Ok(Record {
            cause: logged.cause.clone(),
            package: logged.package.clone(),
            version: logged.version.clone(),
            artifact: logged.artifact,
            function: logged.function.clone(),
            outcome,
            ..again
        })
    }
}

/// Whether a call that ended so might have gone on under other limits.
fn is_limit(error: &Error) -> bool {
    matches!(
        error,
        Error::OutOfFuel { .. }
            | Error::OutOfMemory { .. }
            | Error::StackOverflow { .. }
            | Error::Limit { .. }
    )
}

/// Whether the reason of a failure, as the log has it, is one of those limits. Only the words of the node are
/// looked at: a module chooses those of its panics, and must not get out of being run again by them.
fn tells_of_limit(reason: &[u8]) -> bool {
    let reason = String::from_utf8_lossy(reason);
    let after_function = reason.split_once(' ').map_or("", |(_, rest)| rest);
    let phrases = ["used up its fuel of ", "wanted more memory than the ", "overflowed its stack of "];
    reason.starts_with("limit `") || phrases.iter().any(|phrase| after_function.starts_with(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_says_of_a_limit_is_known_again() {
        let function = || "acme:bank/automation.accrue".to_owned();
        let limits = [
            Error::OutOfFuel { function: function(), fuel: 20_000 },
            Error::OutOfMemory { function: function(), limit_bytes: 65_536 },
            Error::StackOverflow { function: function(), limit_bytes: 65_536 },
            Error::Limit { limit: "depth", place: function(), message: "too deep".to_owned() },
        ];
        for error in limits {
            assert!(is_limit(&error) && tells_of_limit(explain(&error).as_bytes()), "{error}");
        }
        for said in ["unreachable", "it used up its fuel of 5", "limit `depth` reached in it: too deep"] {
            let message = said.to_owned();
            let trapped = Error::Trapped { function: function(), message, backtrace: String::new() };
            assert!(!is_limit(&trapped) && !tells_of_limit(explain(&trapped).as_bytes()), "{trapped}");
        }
    }
}
