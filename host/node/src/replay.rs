//! Records taken into a state, as they were logged: no guest code runs and no subscription fires.
//! It stops where it was told to, so that the state of any moment can be had.
//! Invariant: after each record the state is that of the node when it had written it.

use crate::change::CatalogChange;
use crate::context::Target;
use crate::delivery::{OwedDelivery, seen};
use crate::schedule::LastRun;
use crate::state::{ChangeError, Name, State};
use crate::tables::Replayed;
use crate::view::View;
use interstice_log::{
    BoxError, Cause, Closed, Definition, DefinitionId, Definitions, EventKind, Installed, Owed, Progress,
    RecordParts, Sequence, Write,
};
use interstice_store::{Change, Recording, StoreError, TableHandle, Version, Violation};
use interstice_wit::Schema;
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A moment in the history of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// After the last record.
    #[default]
    Newest,
    /// After the record with this number.
    Sequence(Sequence),
    /// After the last record whose time is not later, in microseconds since the Unix epoch.
    Time(u64),
}

impl Moment {
    /// Whether a record of that number and time belongs to what was before this moment.
    pub(crate) fn includes(self, sequence: Sequence, timestamp_micros: u64) -> bool {
        match self {
            Moment::Newest => true,
            Moment::Sequence(last) => sequence <= last,
            Moment::Time(micros) => timestamp_micros <= micros,
        }
    }
}

/// Takes records into a state.
pub(crate) struct Replay<'r> {
    state: &'r mut State,
    on_progress: &'r mut dyn FnMut(Progress),
    /// Tables and functions by the numbers that the log gives them.
    tables: Vec<Option<TableHandle>>,
    functions: Vec<Option<Target>>,
    /// How subscribers see the rows that they are owed, by the same numbers.
    views: Vec<Option<Option<Arc<View>>>>,
}

/// What is wrong with a record, seen from the catalog.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("the schema of an installed module cannot be read: {0}")]
    Schema(String),
    #[error("it changes {0}, which no installed module has")]
    UnknownTable(String),
    #[error("it owes a delivery to {0}, which no installed module has")]
    UnknownFunction(String),
    #[error("it installs a module that is not defined")]
    UnknownModule,
    #[error("it installs {0}, which is installed, or whose tables were kept")]
    InstalledTwice(String),
    #[error("what it changes in the catalog cannot be read: {0}")]
    Change(String),
    #[error("what it changes in the catalog cannot be done: {0}")]
    Changing(#[from] ChangeError),
    #[error("it owes delivery {ordinal} for change {change} of {table}, and there is no such event")]
    UnknownChange { ordinal: u32, change: u32, table: String },
    #[error("it owes a delivery of rows of a table that is not what the subscriber knew: {0}")]
    View(String),
    #[error("it closes delivery {ordinal} of record {sequence}, which is not owed")]
    NotOwed { sequence: u64, ordinal: u32 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'r> Replay<'r> {
    /// Goes on from a state.
    pub(crate) fn new(state: &'r mut State, on_progress: &'r mut dyn FnMut(Progress)) -> Replay<'r> {
        Replay { state, on_progress, tables: Vec::new(), functions: Vec::new(), views: Vec::new() }
    }

    /// Takes the next record, unless it is after that moment.
    pub(crate) fn until(
        &mut self,
        moment: Moment,
        record: &RecordParts<'_>,
        definitions: &Definitions,
    ) -> Result<ControlFlow<()>, BoxError> {
        if !moment.includes(record.sequence, record.timestamp_micros) {
            return Ok(ControlFlow::Break(()));
        }
        self.one(record, definitions)?;
        Ok(ControlFlow::Continue(()))
    }

    fn one(&mut self, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), ReplayError> {
        let mut depth = 0;
        let mut changed = None;
        match record.cause {
            Cause::Install(installed) => self.install(record, &installed, definitions)?,
            Cause::Upgrade(installed) => {
                let change = CatalogChange::read(installed.schema).map_err(ReplayError::Change)?;
                let store = self.state.store.clone();
                let mut reshape = Replayed(&store, Version(record.sequence.0));
                let (micros, catalog) = (record.timestamp_micros, installed.catalog);
                changed = Some(self.state.change(&change, micros, catalog, &mut reshape)?);
                // Names mean other tables and functions from here on.
                self.tables.clear();
                self.functions.clear();
                self.views.clear();
            }
            Cause::Delivery(closed) => {
                let paid = self
                    .state
                    .owed
                    .remove(&closed)
                    .ok_or(ReplayError::NotOwed { sequence: closed.sequence.0, ordinal: closed.ordinal })?;
                depth = paid.depth;
            }
            Cause::Schedule { due_micros } => {
                if let Some(function) = self.function(record.subject, definitions) {
                    let ran_micros = record.timestamp_micros;
                    self.state.last_runs.insert(function, LastRun { due_micros, ran_micros });
                }
            }
            Cause::Call | Cause::Lifecycle(_) => {}
        }
        self.apply(record, definitions, depth)?;
        if let Some(changed) = changed {
            self.state.finish(&changed);
        }
        self.state.store.set_replayed(Version(record.sequence.0))?;
        self.state.last_sequence = record.sequence.0;
        self.state.last_timestamp_micros = self.state.last_timestamp_micros.max(record.timestamp_micros);
        Ok(())
    }

    fn install(
        &mut self,
        record: &RecordParts<'_>,
        installed: &Installed<'_>,
        definitions: &Definitions,
    ) -> Result<(), ReplayError> {
        let schema = read_schema(installed.schema).map_err(ReplayError::Schema)?;
        let Some(Definition::Module { artifact, .. }) = definitions.get(record.subject) else {
            return Err(ReplayError::UnknownModule);
        };
        let Some(Definition::Artifact(artifact)) = definitions.get(*artifact) else {
            return Err(ReplayError::UnknownModule);
        };
        if self.state.stored().any(|module| module.name() == schema.package.unversioned()) {
            return Err(ReplayError::InstalledTwice(schema.package.to_string()));
        }
        Ok(self.state.install(schema, *artifact, record.timestamp_micros, installed.catalog)?)
    }

    fn apply(
        &mut self,
        record: &RecordParts<'_>,
        definitions: &Definitions,
        depth: u32,
    ) -> Result<(), ReplayError> {
        let version = Version(record.sequence.0);
        let mut table: Option<(DefinitionId, TableHandle)> = None;
        let mut position = 0;
        // Deliveries are owed in the order of the changes, so that one walk along both finds them all.
        let mut owed = (0..).zip(record.deliveries).peekable();
        for write in record.write_set {
            let change = match write {
                Write::Table { table: number, counter } => {
                    let found = self.table(number, definitions)?;
                    if let Some(counter) = counter {
                        self.state.store.set_counter(version, &found, counter)?;
                    }
                    table = Some((number, found));
                    position = 0;
                    continue;
                }
                Write::Insert(row) => Change::Insert(row),
                Write::Update(row) => Change::Update(row),
                Write::Delete(key) => Change::Delete(key),
            };
            let (number, table) = table.as_ref().expect("a write set begins with a table");
            while let Some((ordinal, owed)) =
                owed.next_if(|(_, owed)| owed.table == *number && owed.change == position)
            {
                let view = self.view(owed.subscriber, definitions)?;
                let arguments = self.event(table, owed.event, &change, view.as_deref())?;
                let arguments = arguments.ok_or_else(|| unknown_change(ordinal, owed, definitions))?;
                let closes = Closed { sequence: record.sequence, ordinal };
                let target = self.function(owed.subscriber, definitions).ok_or_else(|| {
                    let name = function_name(owed.subscriber, definitions);
                    ReplayError::UnknownFunction(name.map_or_else(
                        || format!("function {}", owed.subscriber.0),
                        |(package, name)| format!("{package}/{name}"),
                    ))
                })?;
                let delivery = OwedDelivery { closes, target, arguments, depth: depth + 1 };
                self.state.owed.insert(closes, delivery);
            }
            self.state.store.apply(version, table, change, Recording::Nothing)?;
            position += 1;
        }
        match owed.next() {
            Some((ordinal, owed)) => Err(unknown_change(ordinal, owed, definitions)),
            None => Ok(()),
        }
    }

    /// The rows of an event, as its handlers' arguments, before the change that causes it is applied;
    /// nothing if the change causes no such event.
    fn event(
        &self,
        table: &TableHandle,
        event: EventKind,
        change: &Change<'_>,
        view: Option<&View>,
    ) -> Result<Option<Arc<[u8]>>, ReplayError> {
        let mut before = Vec::new();
        let key = match (event, change) {
            (EventKind::Insert, Change::Insert(row)) => return Ok(Some(Arc::from(&*seen(view, row)))),
            (EventKind::Update, Change::Update(row)) => {
                let mut key = Vec::new();
                table.key_of_row(row, &mut key)?;
                Cow::Owned(key)
            }
            (EventKind::Delete, Change::Delete(key)) => Cow::Borrowed(*key),
            _ => return Ok(None),
        };
        let store = &self.state.store;
        let reader = store.reader(store.newest())?;
        if !reader.get(table, &key, &mut before)? {
            return Err(StoreError::from(Violation::NoSuchRow).into());
        }
        let mut rows = seen(view, &before).into_owned();
        if let Change::Update(row) = change {
            rows.extend_from_slice(&seen(view, row));
        }
        Ok(Some(Arc::from(rows)))
    }

    /// How a subscriber sees the rows of the table that it waits for.
    fn view(
        &mut self,
        number: DefinitionId,
        definitions: &Definitions,
    ) -> Result<Option<Arc<View>>, ReplayError> {
        if let Some(Some(view)) = self.views.get(number.0 as usize) {
            return Ok(view.clone());
        }
        let Some(target) = self.function(number, definitions) else { return Ok(None) };
        let view = self.state.view(target).map_err(ReplayError::View)?.map(Arc::new);
        remember(&mut self.views, number, view.clone());
        Ok(view)
    }

    fn table(&mut self, number: DefinitionId, definitions: &Definitions) -> Result<TableHandle, ReplayError> {
        if let Some(Some(table)) = self.tables.get(number.0 as usize) {
            return Ok(table.clone());
        }
        let Some(Definition::Table { package, name }) = definitions.get(number) else {
            return Err(ReplayError::UnknownTable(format!("table {}", number.0)));
        };
        let found = self.state.table(&(package.clone(), name.clone()));
        let found = found.ok_or_else(|| ReplayError::UnknownTable(format!("{package}/{name}")))?.clone();
        remember(&mut self.tables, number, found.clone());
        Ok(found)
    }

    fn function(&mut self, number: DefinitionId, definitions: &Definitions) -> Option<Target> {
        if let Some(Some(function)) = self.functions.get(number.0 as usize) {
            return Some(*function);
        }
        let found = self.state.function(&function_name(number, definitions)?)?;
        remember(&mut self.functions, number, found);
        Some(found)
    }
}

impl interstice_log::Replay for Replay<'_> {
    fn record(&mut self, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), BoxError> {
        Ok(self.one(record, definitions)?)
    }

    fn progress(&mut self, progress: Progress) {
        (self.on_progress)(progress);
    }
}

/// The schema of a module as the log and snapshots keep it, or what is wrong with it.
pub(crate) fn read_schema(json: &[u8]) -> Result<Schema, String> {
    let schema: Schema = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    check_schema(&schema)?;
    Ok(schema)
}

/// What is wrong with a schema, if anything is.
pub(crate) fn check_schema(schema: &Schema) -> Result<(), String> {
    schema.validate().map_err(|error| error.to_string())
}

fn remember<T: Clone>(places: &mut Vec<Option<T>>, number: DefinitionId, found: T) {
    let place = number.0 as usize;
    if places.len() <= place {
        places.resize(place + 1, None);
    }
    places[place] = Some(found);
}

fn function_name(number: DefinitionId, definitions: &Definitions) -> Option<Name> {
    let Some(Definition::Function { module, name }) = definitions.get(number) else { return None };
    let Some(Definition::Module { package, .. }) = definitions.get(*module) else { return None };
    Some((package.clone(), name.clone()))
}

fn unknown_change(ordinal: u32, owed: &Owed, definitions: &Definitions) -> ReplayError {
    let table = match definitions.get(owed.table) {
        Some(Definition::Table { package, name }) => format!("{package}/{name}"),
        _ => format!("table {}", owed.table.0),
    };
    ReplayError::UnknownChange { ordinal, change: owed.change, table }
}
