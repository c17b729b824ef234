//! The state of a database while it is rebuilt: from a snapshot, from records, or from both.
//! It holds what a node needs to go on, and no component: nothing here can run a guest.
//! Invariant: after a snapshot or a record was taken in, it is the state as of that record.

use crate::catalog::{FunctionIndex, ModuleIndex};
use crate::change::{CatalogChange, ModuleChange};
use crate::context::Target;
use crate::delivery::OwedDelivery;
use crate::install::function_index;
use crate::schedule::LastRun;
use crate::snapshot::KnownRows;
use crate::tables::{EvolveError, Reshape, evolve_tables, local_name, make_tables};
use crate::view::View;
use interstice_log::{Closed, Digest, TableHead};
use interstice_store::{Store, StoreError, TableHandle};
use interstice_wit::{FunctionKind, Schema, Trigger};
use std::collections::{BTreeMap, HashMap};

/// A table or a function as the log knows it: its package without the version, and its interface and name,
/// such as `ledger.transfer`.
pub(crate) type Name = (String, String);

/// What was rebuilt so far.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) last_sequence: u64,
    pub(crate) last_timestamp_micros: u64,
    /// By the modules' numbers; `None` where one is gone with its tables.
    places: Vec<Option<StoredModule>>,
    next_table: u32,
    tables: HashMap<Name, TableHandle>,
    functions: HashMap<Name, Target>,
    /// Deliveries that no record has closed yet.
    pub(crate) owed: BTreeMap<Closed, OwedDelivery>,
    /// The last run of each scheduled function.
    pub(crate) last_runs: HashMap<Target, LastRun>,
    /// Since when each scheduled function waits that never ran, in microseconds since the Unix epoch.
    pub(crate) waits_since: HashMap<Target, u64>,
    /// The hash of the catalog, as the log has it.
    pub(crate) catalog_hash: [u8; 32],
    /// The rows of tables as the snapshot had them with which the rebuilding began.
    pub(crate) known_rows: HashMap<TableHead, KnownRows>,
}

/// A module as records tell of it.
pub(crate) struct StoredModule {
    pub(crate) schema: Schema,
    pub(crate) artifact: Digest,
    /// In the order of the schema.
    pub(crate) tables: Vec<TableHandle>,
    /// When this version was installed.
    pub(crate) installed_micros: u64,
    /// If not, its tables were kept when it was uninstalled.
    pub(crate) is_installed: bool,
}

impl StoredModule {
    /// The package without its version.
    pub(crate) fn name(&self) -> String {
        self.schema.package.unversioned()
    }

    /// Its tables by their interface and name.
    pub(crate) fn tables_by_name(&self) -> HashMap<String, TableHandle> {
        let names = self.schema.tables().map(|(at, table)| local_name(&at.name.name, &table.name));
        names.zip(self.tables.iter().cloned()).collect()
    }
}

/// What a change of the catalog left behind, for as long as the record that makes it is taken in.
#[derive(Default)]
pub(crate) struct Changed {
    /// Tables that go once the record is taken in.
    pub(crate) leaving: Vec<TableHandle>,
    /// Each module as it was before, by its number.
    pub(crate) before: Vec<(ModuleIndex, StoredModule)>,
}

/// Why a change of the catalog cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("it changes {0}, which is not installed")]
    UnknownModule(String),
    #[error("it changes {0} while deliveries are owed")]
    Owed(String),
    #[error("{package}: {source}")]
    Tables { package: String, source: EvolveError },
}

impl State {
    /// That of a database without any record.
    pub(crate) fn new(store: Store) -> State {
        State {
            store,
            last_sequence: 0,
            last_timestamp_micros: 0,
            places: Vec::new(),
            next_table: 0,
            tables: HashMap::new(),
            functions: HashMap::new(),
            owed: BTreeMap::new(),
            last_runs: HashMap::new(),
            waits_since: HashMap::new(),
            catalog_hash: [0; 32],
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
        self.catalog_hash = catalog_hash;
        let tables = Vec::new();
        self.restore(StoredModule { schema, artifact, tables, installed_micros, is_installed: true })
    }

    /// Puts a module behind the others, with tables that are empty.
    pub(crate) fn restore(&mut self, mut module: StoredModule) -> Result<(), StoreError> {
        module.tables = make_tables(&self.store, self.next_table, &module.schema)?;
        self.next_table += module.tables.len() as u32;
        let index = ModuleIndex(self.places.len() as u32);
        if module.is_installed {
            for target in schedules(index, &module.schema) {
                self.waits_since.insert(target, module.installed_micros);
            }
        }
        self.learn(index, &module);
        self.places.push(Some(module));
        Ok(())
    }

    /// Takes note of the names in a module.
    fn learn(&mut self, index: ModuleIndex, module: &StoredModule) {
        let package = module.name();
        for (name, handle) in module.tables_by_name() {
            self.tables.insert((package.clone(), name), handle);
        }
        if module.is_installed {
            for (position, (interface, function)) in module.schema.functions().enumerate() {
                let name = (package.clone(), local_name(&interface.name.name, &function.name));
                self.functions.insert(name, Target { module: index, function: function_index(position) });
            }
        }
    }

    /// Changes modules as a record says. Tables that go are still in the store, so that migration functions can
    /// be run again; see [`State::finish`].
    pub(crate) fn change(
        &mut self,
        change: &CatalogChange,
        at_micros: u64,
        catalog_hash: [u8; 32],
        reshape: &mut dyn Reshape,
    ) -> Result<Changed, ChangeError> {
        // Tables that were kept go without a word to anybody, and were once purged before what was owed was paid.
        let takes_kept = |module: &ModuleChange| module.to.is_none() && self.is_kept(&module.package);
        if !self.owed.is_empty() && !change.modules.iter().all(takes_kept) {
            return Err(ChangeError::Owed(change.modules[0].package.clone()));
        }
        let mut changed = Changed::default();
        for module in &change.modules {
            self.change_one(module, at_micros, reshape, &mut changed)?;
        }
        self.catalog_hash = catalog_hash;
        Ok(changed)
    }

    /// Whether a module is there only with its tables.
    fn is_kept(&self, package: &str) -> bool {
        self.places.iter().flatten().any(|module| module.name() == package && !module.is_installed)
    }

    fn change_one(
        &mut self,
        change: &ModuleChange,
        at_micros: u64,
        reshape: &mut dyn Reshape,
        changed: &mut Changed,
    ) -> Result<(), ChangeError> {
        let package = &change.package;
        let is_it =
            |place: &Option<StoredModule>| place.as_ref().is_some_and(|module| module.name() == *package);
        let place = self.places.iter().position(is_it);
        let place = place.ok_or_else(|| ChangeError::UnknownModule(package.clone()))?;
        let index = ModuleIndex(place as u32);
        let old = self.places[place].take().expect("the place was found by its module");
        let new_schema = change.to.as_ref().map(|to| &to.schema);
        let evolved =
            evolve_tables(reshape, &change.tables, &old.tables_by_name(), new_schema, self.next_table);
        let evolved = evolved.map_err(|source| ChangeError::Tables { package: package.clone(), source })?;
        self.next_table += evolved.made;
        self.tables.retain(|(owner, _), _| owner != package);
        self.functions.retain(|(owner, _), _| owner != package);
        let next = match &change.to {
            Some(to) => Some(StoredModule {
                schema: to.schema.clone(),
                artifact: Digest(to.artifact.0),
                tables: evolved.tables,
                installed_micros: at_micros,
                is_installed: true,
            }),
            None if evolved.tables.is_empty() => None,
            None => Some(StoredModule {
                schema: old.schema.clone(),
                artifact: old.artifact,
                tables: evolved.tables,
                installed_micros: old.installed_micros,
                is_installed: false,
            }),
        };
        self.carry_schedules(index, &old, next.as_ref().filter(|next| next.is_installed), at_micros);
        if let Some(next) = &next {
            self.learn(index, next);
        }
        self.places[place] = next;
        changed.leaving.extend(evolved.leaving);
        changed.before.push((index, old));
        Ok(())
    }

    /// Schedules go on by name; one that is new waits from now on.
    fn carry_schedules(
        &mut self,
        index: ModuleIndex,
        old: &StoredModule,
        new: Option<&StoredModule>,
        at_micros: u64,
    ) {
        let mut before = HashMap::new();
        if old.is_installed {
            for target in schedules(index, &old.schema) {
                let kept = (self.waits_since.get(&target).copied(), self.last_runs.get(&target).copied());
                before.insert(function_name(&old.schema, target), kept);
            }
        }
        self.waits_since.retain(|target, _| target.module != index);
        self.last_runs.retain(|target, _| target.module != index);
        for target in new.into_iter().flat_map(|new| schedules(index, &new.schema)) {
            let name = new.and_then(|new| function_name(&new.schema, target));
            let (since, last_run) = before.remove(&name).unwrap_or_default();
            self.waits_since.insert(target, since.unwrap_or(at_micros));
            self.last_runs.extend(last_run.map(|run| (target, run)));
        }
    }

    /// Drops the tables that a change has left behind.
    pub(crate) fn finish(&mut self, changed: &Changed) {
        for table in &changed.leaving {
            self.store.drop_table(table.id());
        }
    }

    /// How a handler sees the rows that it waits for, if they are those of another module's table and that is not
    /// as the handler's module knew it.
    pub(crate) fn view(&self, handler: Target) -> Result<Option<View>, String> {
        let Some(Some(module)) = self.places.get(handler.module.0 as usize) else { return Ok(None) };
        let function = module.schema.functions().nth(handler.function.0 as usize);
        let Some(FunctionKind::On(Trigger::Row { table, .. })) = function.map(|(_, function)| &function.kind)
        else {
            return Ok(None);
        };
        let package = table.interface.package.unversioned();
        if package == module.name() {
            return Ok(None);
        }
        let missing = || format!("no installed module has {table}");
        let owner = self.stored().find(|stored| stored.name() == package).ok_or_else(missing)?;
        let found = owner.schema.tables().find(|(interface, found)| {
            interface.name.name == table.interface.name && found.name == table.name
        });
        let known = module.schema.interface(&table.interface);
        let known = known.and_then(|known| known.tables.iter().find(|known| known.name == table.name));
        match (known, found) {
            (Some(known), Some((_, found))) => View::between(&module.schema, known, &owner.schema, found),
            _ => Err(missing()),
        }
    }

    /// The installed modules, in the order of their places.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &StoredModule> {
        self.stored().filter(|module| module.is_installed)
    }

    /// The installed modules and those whose tables were kept, in the order of their places.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &StoredModule> {
        self.places.iter().flatten()
    }

    /// All places, by the modules' numbers.
    pub(crate) fn places(&self) -> &[Option<StoredModule>] {
        &self.places
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
        let module = self.places[target.module.0 as usize].as_ref();
        let schema = &module.expect("the target was found in an installed module").schema;
        let name = function_name(schema, target).expect("the target was found in this schema");
        (schema.package.unversioned(), name)
    }

    /// When each module was installed, in microseconds since the Unix epoch, by its number.
    pub(crate) fn installed_micros(&self) -> Vec<u64> {
        self.places.iter().map(|place| place.as_ref().map_or(0, |module| module.installed_micros)).collect()
    }
}

/// The scheduled functions of a module.
fn schedules(index: ModuleIndex, schema: &Schema) -> impl Iterator<Item = Target> {
    let functions = schema.functions().enumerate();
    functions
        .filter(|(_, (_, function))| matches!(function.kind, FunctionKind::Schedule { .. }))
        .map(move |(position, _)| Target { module: index, function: function_index(position) })
}

fn function_name(schema: &Schema, target: Target) -> Option<String> {
    let FunctionIndex(place) = target.function;
    let (interface, function) = schema.functions().nth(place as usize)?;
    Some(local_name(&interface.name.name, &function.name))
}
