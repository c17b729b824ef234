//! Opening: the state is rebuilt from the log, then the modules are made ready.
//! Write sets are applied as they were logged; no guest code runs and no subscription fires.
//! Invariant: after recovery the store, the catalog and what is owed are those of the last record.

use crate::catalog::Catalog;
use crate::context::Target;
use crate::delivery::OwedDelivery;
use crate::error::Error;
use crate::install::{Workshop, assemble, function_index};
use crate::schedule::{LastRun, Schedule, schedules_of};
use crate::tables::{link_tables, table_definition};
use interstice_log::{
    BoxError, Cause, Closed, Definition, DefinitionId, Definitions, Digest, EventKind, Installed, Owed,
    Progress, RecordParts, Write,
};
use interstice_store::{Change, Recording, Store, StoreError, TableHandle, TableId, Version, Violation};
use interstice_wit::{Hash, Schema};
use std::borrow::Cow;
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
    /// The last run of each scheduled function.
    last_runs: HashMap<DefinitionId, LastRun>,
}

/// A module as its record of installation tells of it.
pub(crate) struct ReplayedModule {
    pub(crate) schema: Schema,
    pub(crate) artifact: Digest,
    pub(crate) tables: Vec<TableHandle>,
    pub(crate) installed_micros: u64,
    /// The hash of the catalog with it.
    catalog_hash: [u8; 32],
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
    #[error("it owes delivery {ordinal} for change {change} of {table}, and there is no such event")]
    UnknownChange { ordinal: u32, change: u32, table: String },
    #[error("it closes delivery {ordinal} of record {sequence}, which is not owed")]
    NotOwed { sequence: u64, ordinal: u32 },
    #[error(transparent)]
    Store(#[from] StoreError),
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
            check_hash(&catalog, module)?;
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
        installed: &Installed<'_>,
        definitions: &Definitions,
    ) -> Result<(), ReplayError> {
        let schema: Schema = serde_json::from_slice(installed.schema)
            .map_err(|error| ReplayError::Schema(error.to_string()))?;
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
        self.modules.push(ReplayedModule {
            schema,
            artifact: *artifact,
            tables,
            installed_micros: record.timestamp_micros,
            catalog_hash: installed.catalog,
        });
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
        // Deliveries are owed in the order of the changes, so that one walk along both finds them all.
        let mut owed = (0..).zip(record.deliveries).peekable();
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
            while let Some((ordinal, owed)) =
                owed.next_if(|(_, owed)| owed.table == *number && owed.change == position)
            {
                let arguments = self.event(table, owed.event, &change)?;
                let arguments = arguments.ok_or_else(|| unknown_change(ordinal, owed, definitions))?;
                let closes = Closed { sequence: record.sequence, ordinal };
                let delivery = ReplayedDelivery { subscriber: owed.subscriber, arguments, depth: depth + 1 };
                self.owed.insert(closes, delivery);
            }
            self.store.apply(version, table, change, Recording::Nothing)?;
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
    ) -> Result<Option<Vec<u8>>, ReplayError> {
        let mut rows = Vec::new();
        let key = match (event, change) {
            (EventKind::Insert, Change::Insert(row)) => {
                rows.extend_from_slice(row);
                return Ok(Some(rows));
            }
            (EventKind::Update, Change::Update(row)) => {
                let mut key = Vec::new();
                table.key_of_row(row, &mut key)?;
                Cow::Owned(key)
            }
            (EventKind::Delete, Change::Delete(key)) => Cow::Borrowed(*key),
            _ => return Ok(None),
        };
        let reader = self.store.reader(self.store.newest())?;
        if !reader.get(table, &key, &mut rows)? {
            return Err(StoreError::from(Violation::NoSuchRow).into());
        }
        if let Change::Update(row) = change {
            rows.extend_from_slice(row);
        }
        Ok(Some(rows))
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
                self.install(record, &installed, definitions)?;
            }
            Cause::Delivery(closed) => {
                let paid = self
                    .owed
                    .remove(&closed)
                    .ok_or(ReplayError::NotOwed { sequence: closed.sequence.0, ordinal: closed.ordinal })?;
                depth = paid.depth;
            }
            Cause::Schedule { due_micros } => {
                let ran_micros = record.timestamp_micros;
                self.last_runs.insert(record.subject, LastRun { due_micros, ran_micros });
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

/// Refuses a catalog that is not the one that was written to the log when the module was installed.
fn check_hash(catalog: &Catalog, module: &ReplayedModule) -> Result<(), Error> {
    let (found, logged) = (catalog.hash(), module.catalog_hash);
    if found == logged {
        return Ok(());
    }
    Err(Error::Catalog {
        reason: format!(
            "with {} the catalog has the hash {}, and the log says {}: the log was written by a version \
             that stores tables in another way, or was changed; open it with the version that wrote it",
            module.schema.package,
            Digest(found),
            Digest(logged)
        ),
    })
}

fn unknown_change(ordinal: u32, owed: &Owed, definitions: &Definitions) -> ReplayError {
    let table = match definitions.get(owed.table) {
        Some(Definition::Table { package, name }) => format!("{package}/{name}"),
        _ => format!("table {}", owed.table.0),
    };
    ReplayError::UnknownChange { ordinal, change: owed.change, table }
}

impl interstice_log::Replay for Replay<'_> {
    fn record(&mut self, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), BoxError> {
        Ok(self.one(record, definitions)?)
    }

    fn progress(&mut self, progress: Progress) {
        (self.on_progress)(progress);
    }
}
