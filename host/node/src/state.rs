//! The state of a database while it is rebuilt: from a snapshot, from records, or from both.
//! It holds what a node needs to go on, and no component: nothing here can run a guest.
//! Invariant: after a snapshot or a record was taken in, it is the state as of that record.

use crate::catalog::{Catalog, FunctionIndex, ModuleIndex};
use crate::context::Target;
use crate::delivery::OwedDelivery;
use crate::error::Error;
use crate::install::{Workshop, assemble, function_index};
use crate::schedule::{LastRun, Schedule, schedules_of};
use crate::snapshot::KnownRows;
use crate::tables::{link_tables, table_definition};
use interstice_log::{Closed, Digest, TableHead};
use interstice_store::{Store, StoreError, TableHandle, TableId};
use interstice_wit::{Hash, Schema};
use std::collections::{BTreeMap, HashMap};

/// A table or a function as the log knows it: its package without the version, and its interface and name,
/// such as `ledger.transfer`.
pub(crate) type Name = (String, String);

/// What was rebuilt so far.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) last_sequence: u64,
    pub(crate) last_timestamp_micros: u64,
    pub(crate) modules: Vec<InstalledModule>,
    tables: HashMap<Name, TableHandle>,
    functions: HashMap<Name, Target>,
    /// Deliveries that no record has closed yet.
    pub(crate) owed: BTreeMap<Closed, OwedDelivery>,
    /// The last run of each scheduled function.
    pub(crate) last_runs: HashMap<Target, LastRun>,
    /// The rows of tables as the snapshot had them with which the rebuilding began.
    pub(crate) known_rows: HashMap<TableHead, KnownRows>,
}

/// A module as its record of installation tells of it.
pub(crate) struct InstalledModule {
    pub(crate) schema: Schema,
    pub(crate) artifact: Digest,
    pub(crate) tables: Vec<TableHandle>,
    pub(crate) installed_micros: u64,
    /// The hash of the catalog with it.
    pub(crate) catalog_hash: [u8; 32],
}

impl State {
    /// That of a database without any record.
    pub(crate) fn new(store: Store) -> State {
        State {
            store,
            last_sequence: 0,
            last_timestamp_micros: 0,
            modules: Vec::new(),
            tables: HashMap::new(),
            functions: HashMap::new(),
            owed: BTreeMap::new(),
            last_runs: HashMap::new(),
            known_rows: HashMap::new(),
        }
    }

    /// Adds a module, with tables that are empty.
    pub(crate) fn install(
        &mut self,
        schema: Schema,
        artifact: Digest,
        installed_micros: u64,
        catalog_hash: [u8; 32],
    ) -> Result<(), StoreError> {
        let package = schema.package.unversioned();
        let mut tables = Vec::new();
        for (interface, table) in schema.tables() {
            let id = TableId(self.tables.len() as u32);
            let handle = self.store.create_table(id, &table_definition(&schema, table))?;
            let name = (package.clone(), format!("{}.{}", interface.name.name, table.name));
            self.tables.insert(name, handle.clone());
            tables.push(handle);
        }
        let module = ModuleIndex(self.modules.len() as u32);
        for (position, (interface, function)) in schema.functions().enumerate() {
            let name = (package.clone(), format!("{}.{}", interface.name.name, function.name));
            self.functions.insert(name, Target { module, function: function_index(position) });
        }
        self.modules.push(InstalledModule { schema, artifact, tables, installed_micros, catalog_hash });
        Ok(())
    }

    /// The table of this name.
    pub(crate) fn table(&self, name: &Name) -> Option<&TableHandle> {
        self.tables.get(name)
    }

    /// The function of this name.
    pub(crate) fn function(&self, name: &Name) -> Option<Target> {
        self.functions.get(name).copied()
    }

    /// The name of a function that [`State::function`] has found.
    pub(crate) fn name_of(&self, target: Target) -> Name {
        let (ModuleIndex(module), FunctionIndex(function)) = (target.module, target.function);
        let schema = &self.modules[module as usize].schema;
        let found = schema.functions().nth(function as usize);
        let (interface, function) = found.expect("the target was found in this schema");
        (schema.package.unversioned(), format!("{}.{}", interface.name.name, function.name))
    }

    /// Makes the modules ready to run, in the order of their installation.
    pub(crate) fn catalog(&self, shop: &Workshop<'_>) -> Result<Catalog, Error> {
        let mut catalog = Catalog::default();
        for module in &self.modules {
            catalog = make_ready(shop, &catalog, module)?;
        }
        Ok(catalog)
    }

    /// Makes the module ready that was installed last; the catalog has the others.
    pub(crate) fn newest_module(&self, shop: &Workshop<'_>, catalog: &Catalog) -> Result<Catalog, Error> {
        let module = self.modules.last().expect("a module was installed");
        make_ready(shop, catalog, module)
    }

    /// When each module was installed, in microseconds since the Unix epoch.
    pub(crate) fn installed_micros(&self) -> Vec<u64> {
        self.modules.iter().map(|module| module.installed_micros).collect()
    }

    /// The schedules of the modules.
    pub(crate) fn schedules(&self, catalog: &Catalog) -> Vec<Schedule> {
        schedules_of(catalog, &self.installed_micros(), &self.last_runs)
    }
}

fn make_ready(shop: &Workshop<'_>, catalog: &Catalog, module: &InstalledModule) -> Result<Catalog, Error> {
    let component = shop.artifacts.get(module.artifact)?;
    let tables = link_tables(shop.numbers, &module.schema, &module.tables)?;
    let artifact = Hash(module.artifact.0);
    let next = assemble(shop, catalog, module.schema.clone(), artifact, &component, &tables)?;
    check_hash(&next, module)?;
    Ok(next)
}

/// Refuses a catalog that is not the one that was written to the log when the module was installed.
fn check_hash(catalog: &Catalog, module: &InstalledModule) -> Result<(), Error> {
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
