//! Opening: the state is rebuilt from the log, then the modules are made ready.
//! Write sets are applied as they were logged; no guest code runs and no subscription fires.
//! Invariant: after recovery the store, the catalog and what is owed are those of the last record.

use crate::catalog::Catalog;
use crate::context::Target;
use crate::delivery::OwedDelivery;
use crate::error::Error;
use crate::install::{Workshop, assemble, function_index};
use crate::schedule::{Schedule, schedules_of};
use crate::tables::{link_tables, table_definition};
use interstice_log::{
    BoxError, Cause, Closed, Definition, DefinitionId, Definitions, Digest, EventKind, Owed, Progress,
    RecordParts, Write,
};
use interstice_store::{Change, Recording, Store, TableHandle, TableId, Version};
use interstice_wit::{Hash, Schema};
use std::collections::{BTreeMap, HashMap};

/// What replay has gathered so far.
pub(crate) struct Replay<'o> {
    store: Store,
    on_progress: &'o mut dyn FnMut(Progress),
    pub(crate) last_sequence: u64,
    pub(crate) last_timestamp_micros: u64,
    pub(crate) modules: Vec<ReplayedModule>,
    /// Tables by package and local name, and by the number that the log gives them.
    by_name: HashMap<(String, String), TableHandle>,
    by_number: Vec<Option<TableHandle>>,
    owed: BTreeMap<Closed, ReplayedDelivery>,
    /// When each scheduled function was last due.
    last_runs: HashMap<DefinitionId, u64>,
}

/// A module as its record of installation tells of it.
pub(crate) struct ReplayedModule {
    pub(crate) schema: Schema,
    pub(crate) artifact: Digest,
    pub(crate) tables: Vec<TableHandle>,
    pub(crate) installed_micros: u64,
}

/// A delivery that no record has closed yet.
struct ReplayedDelivery {
    subscriber: DefinitionId,
    arguments: Vec<u8>,
    depth: u32,
}

/// What is wrong with a record, seen from the catalog.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("the schema of an installed module cannot be read: {0}")]
    Schema(String),
    #[error("it changes {0}, which no installed module has")]
    UnknownTable(String),
    #[error("it installs a module that is not defined")]
    UnknownModule,
    #[error("it owes a delivery for change {change} of a table that it changes {changes} times")]
    UnknownChange { change: u32, changes: u32 },
    #[error("it closes delivery {ordinal} of record {sequence}, which is not owed")]
    NotOwed { sequence: u64, ordinal: u32 },
    #[error(transparent)]
    Store(#[from] interstice_store::StoreError),
}

impl<'o> Replay<'o> {
    /// Nothing is replayed yet.
    pub(crate) fn new(store: Store, on_progress: &'o mut dyn FnMut(Progress)) -> Replay<'o> {
        Replay {
            store,
            on_progress,
            last_sequence: 0,
            last_timestamp_micros: 0,
            modules: Vec::new(),
            by_name: HashMap::new(),
            by_number: Vec::new(),
            owed: BTreeMap::new(),
            last_runs: HashMap::new(),
        }
    }

    /// Makes the modules ready to run, in the order of their installation.
    pub(crate) fn catalog(&self, shop: &Workshop<'_>) -> Result<Catalog, Error> {
        let mut catalog = Catalog::default();
        for module in &self.modules {
            let component = shop.artifacts.get(module.artifact)?;
            let tables = link_tables(shop.tools.log, &module.schema, &module.tables)?;
            catalog = assemble(
                shop,
                &catalog,
                module.schema.clone(),
                Hash(module.artifact.0),
                &component,
                &tables,
            )?;
        }
        Ok(catalog)
    }

    /// The schedules of the modules.
    pub(crate) fn schedules(&self, catalog: &Catalog) -> Vec<Schedule> {
        let installed: Vec<u64> = self.modules.iter().map(|module| module.installed_micros).collect();
        schedules_of(catalog, &installed, &self.last_runs)
    }

    /// The deliveries that are still owed, in order.
    pub(crate) fn owed(self, catalog: &Catalog) -> Result<Vec<OwedDelivery>, Error> {
        let target_of = |subscriber: DefinitionId| {
            catalog.modules.iter().find_map(|module| {
                let position =
                    module.functions.iter().position(|function| function.definition == subscriber)?;
                Some(Target { module: module.index, function: function_index(position) })
            })
        };
        self.owed
            .into_iter()
            .map(|(closes, delivery)| {
                let target = target_of(delivery.subscriber).ok_or_else(|| Error::Catalog {
                    reason: format!(
                        "record {} owes a delivery to a function that is not installed",
                        closes.sequence
                    ),
                })?;
                Ok(OwedDelivery { closes, target, arguments: delivery.arguments, depth: delivery.depth })
            })
            .collect()
    }

    fn install(
        &mut self,
        record: &RecordParts<'_>,
        schema: &[u8],
        definitions: &Definitions,
    ) -> Result<(), ReplayError> {
        let schema: Schema =
            serde_json::from_slice(schema).map_err(|error| ReplayError::Schema(error.to_string()))?;
        schema.validate().map_err(|error| ReplayError::Schema(error.to_string()))?;
        let Some(Definition::Module { artifact, .. }) = definitions.get(record.subject) else {
            return Err(ReplayError::UnknownModule);
        };
        let Some(Definition::Artifact(artifact)) = definitions.get(*artifact) else {
            return Err(ReplayError::UnknownModule);
        };
        let mut tables = Vec::new();
        for (interface, table) in schema.tables() {
            let id = TableId(self.by_name.len() as u32);
            let definition = table_definition(&schema, table);
            let handle = self.store.create_table(id, &definition)?;
            let name = (schema.package.unversioned(), format!("{}.{}", interface.name.name, table.name));
            self.by_name.insert(name, handle.clone());
            tables.push(handle);
        }
        let installed_micros = record.timestamp_micros;
        self.modules.push(ReplayedModule { schema, artifact: *artifact, tables, installed_micros });
        Ok(())
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
        for write in record.write_set {
            let change = match write {
                Write::Table { table: number, counter } => {
                    let found = self.table(number, definitions)?;
                    if let Some(counter) = counter {
                        self.store.set_counter(version, &found, counter)?;
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
            if !record.deliveries.is_empty() {
                self.owe(record, *number, position, table, &change, depth)?;
            }
            self.store.apply(version, table, change, Recording::Nothing)?;
            position += 1;
        }
        Ok(())
    }

    /// Keeps the rows of a change that deliveries are owed for, before it is applied.
    fn owe(
        &mut self,
        record: &RecordParts<'_>,
        number: DefinitionId,
        position: u32,
        table: &TableHandle,
        change: &Change<'_>,
        depth: u32,
    ) -> Result<(), ReplayError> {
        for (ordinal, owed) in (0..).zip(record.deliveries) {
            let Owed { subscriber, table: of, change: at, event } = *owed;
            if of != number || at != position {
                continue;
            }
            let mut arguments = Vec::new();
            let mut old = |key: &[u8]| {
                let reader = self.store.reader(self.store.newest())?;
                reader.get(table, key, &mut arguments)
            };
            match (event, change) {
                (EventKind::Insert, Change::Insert(row)) => arguments.extend_from_slice(row),
                (EventKind::Update, Change::Update(row)) => {
                    let mut key = Vec::new();
                    table.primary_key().extract(row, &mut key);
                    old(&key)?;
                    arguments.extend_from_slice(row);
                }
                (EventKind::Delete, Change::Delete(key)) => {
                    old(key)?;
                }
                _ => return Err(ReplayError::UnknownChange { change: at, changes: position }),
            }
            let closes = Closed { sequence: record.sequence, ordinal };
            self.owed.insert(closes, ReplayedDelivery { subscriber, arguments, depth: depth + 1 });
        }
        Ok(())
    }

    fn table(&mut self, number: DefinitionId, definitions: &Definitions) -> Result<TableHandle, ReplayError> {
        let slot = number.0 as usize;
        if let Some(Some(table)) = self.by_number.get(slot) {
            return Ok(table.clone());
        }
        let Some(Definition::Table { package, name }) = definitions.get(number) else {
            return Err(ReplayError::UnknownTable(format!("table {}", number.0)));
        };
        let found = self.by_name.get(&(package.clone(), name.clone()));
        let found = found.ok_or_else(|| ReplayError::UnknownTable(format!("{package}/{name}")))?.clone();
        if self.by_number.len() <= slot {
            self.by_number.resize(slot + 1, None);
        }
        self.by_number[slot] = Some(found.clone());
        Ok(found)
    }

    fn one(&mut self, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), ReplayError> {
        let mut depth = 0;
        match record.cause {
            Cause::Install(installed) | Cause::Upgrade(installed) => {
                self.install(record, installed.schema, definitions)?;
            }
            Cause::Delivery(closed) => {
                let paid = self
                    .owed
                    .remove(&closed)
                    .ok_or(ReplayError::NotOwed { sequence: closed.sequence.0, ordinal: closed.ordinal })?;
                depth = paid.depth;
            }
            Cause::Schedule { due_micros } => {
                self.last_runs.insert(record.subject, due_micros);
            }
            Cause::Call | Cause::Lifecycle(_) => {}
        }
        self.apply(record, definitions, depth)?;
        self.store.set_replayed(Version(record.sequence.0))?;
        self.last_sequence = record.sequence.0;
        self.last_timestamp_micros = record.timestamp_micros;
        Ok(())
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
