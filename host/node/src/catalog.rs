//! The catalog: the installed modules, their functions and their tables, as one immutable value.
//! It never holds rows or instances; an installation or an upgrade makes a new catalog.
//! Invariant: a module keeps its place and a table its number for as long as they are there, and the order of
//! both is that in which the log made them, so that replaying it gives the same order.

use crate::context::{Context, Target};
use crate::error::Error;
use crate::view::View;
use interstice_codec::ValueType;
use interstice_codec::key::KeyLayout;
use interstice_engine::{Compiled, Program};
use interstice_log::DefinitionId;
use interstice_store::{TableHandle, TableId};
use interstice_wit::{Comparison, FunctionKind, Hash, RowEvent, Schema, TypeName, hash::storage_hash};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The position of a module in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ModuleIndex(pub(crate) u32);

/// The position of a function in its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FunctionIndex(pub(crate) u32);

/// All that is installed, and the data that was kept of what was uninstalled.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    /// By the modules' numbers.
    places: Vec<Place>,
    /// Tables by their number; `None` where one was removed.
    tables: Vec<Option<Arc<LinkedTable>>>,
    /// Handlers of row events, by the number of the table, in the order of the modules and their functions.
    pub(crate) subscribers: HashMap<TableId, Vec<Subscriber>>,
    by_name: HashMap<String, ModuleIndex>,
    /// What this one is to take the place of, while that is judged.
    before: Option<Arc<Catalog>>,
}

/// The place of a module in the catalog, which no other module is given.
#[derive(Clone)]
pub(crate) enum Place {
    /// It is installed.
    Module(Arc<Module>),
    /// It was uninstalled, and its tables were kept.
    Kept(Arc<KeptModule>),
    /// It is gone with its tables.
    Gone,
}

/// What is kept of a module that was uninstalled.
pub(crate) struct KeptModule {
    /// The package without its version.
    pub(crate) name: String,
    /// What it declared when it was uninstalled.
    pub(crate) schema: Schema,
    pub(crate) digest: Hash,
    /// In the order of the schema.
    pub(crate) tables: Vec<TableId>,
    pub(crate) definition: DefinitionId,
}

/// An installed module.
pub(crate) struct Module {
    pub(crate) index: ModuleIndex,
    pub(crate) schema: Schema,
    pub(crate) digest: Hash,
    pub(crate) compiled: Compiled,
    pub(crate) program: Program<Context>,
    pub(crate) functions: Vec<Function>,
    /// In the order of the schema.
    pub(crate) tables: Vec<TableId>,
    /// Its handlers of row events, with the tables that they wait for, in the order of its functions.
    pub(crate) subscriptions: Vec<(TableId, Subscriber)>,
    /// The package without its version: what callers and the log know it by.
    pub(crate) name: String,
    pub(crate) definition: DefinitionId,
}

/// A function that a module exports.
pub(crate) struct Function {
    pub(crate) interface: String,
    pub(crate) name: String,
    pub(crate) kind: FunctionKind,
    pub(crate) public: bool,
    pub(crate) params: Vec<(String, ValueType)>,
    pub(crate) result: Option<ValueType>,
    pub(crate) export: interstice_engine::FunctionIndex,
    pub(crate) definition: DefinitionId,
    /// `acme:bank/ledger.transfer`, for messages.
    pub(crate) full_name: Arc<str>,
}

/// A table as it stands in the store and in the log.
pub(crate) struct LinkedTable {
    pub(crate) id: TableId,
    pub(crate) handle: TableHandle,
    pub(crate) definition: DefinitionId,
    /// `acme:bank/account`, for messages.
    pub(crate) full_name: Arc<str>,
    pub(crate) ephemeral: bool,
}

/// A handler that waits for a row event.
#[derive(Clone)]
pub(crate) struct Subscriber {
    pub(crate) module: ModuleIndex,
    pub(crate) function: FunctionIndex,
    pub(crate) event: RowEvent,
    pub(crate) filter: Option<Arc<Filter>>,
    /// How it sees the rows of another module's table, if it knew that in an earlier version.
    pub(crate) view: Option<Arc<View>>,
}

/// A condition on one column, ready to be compared with rows.
pub(crate) struct Filter {
    key: KeyLayout,
    operator: Comparison,
    value: Vec<u8>,
}

impl Filter {
    /// A condition whose value is already in key form.
    pub(crate) fn new(key: KeyLayout, operator: Comparison, value: Vec<u8>) -> Filter {
        Filter { key, operator, value }
    }

    /// Whether it holds for a valid row.
    pub(crate) fn holds(&self, row: &[u8]) -> bool {
        let mut key = Vec::with_capacity(self.value.len());
        self.key.extract(row, &mut key);
        let order = key.as_slice().cmp(&self.value);
        match self.operator {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Catalog {
    /// The installed modules, in the order of their places.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.places.iter().filter_map(|place| match place {
            Place::Module(module) => Some(module),
            Place::Kept(_) | Place::Gone => None,
        })
    }

    /// Modules that were uninstalled, and whose tables are still there.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Arc<KeptModule>> {
        self.places.iter().filter_map(|place| match place {
            Place::Kept(kept) => Some(kept),
            Place::Module(_) | Place::Gone => None,
        })
    }

    /// All places, by the modules' numbers.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The module of that name, without a version or with the one that is installed.
    pub(crate) fn module(&self, name: &str) -> Result<&Arc<Module>, Error> {
        let unversioned = name.split('@').next().unwrap_or(name);
        let found = self.find(unversioned);
        found.filter(|module| !name.contains('@') || module.schema.package.to_string() == name).ok_or_else(
            || Error::UnknownModule {
                module: name.to_owned(),
                installed: self.modules().map(|module| module.schema.package.to_string()).collect(),
            },
        )
    }

    /// The module of that name, if one is installed.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Module>> {
        self.by_name.get(name).map(|index| self.at(*index))
    }

    /// The place of a package: where it is installed, or where its data was kept.
    pub(crate) fn place_of(&self, name: &str) -> Option<ModuleIndex> {
        let is_it = |place: &Place| match place {
            Place::Module(module) => module.name == name,
            Place::Kept(kept) => kept.name == name,
            Place::Gone => false,
        };
        self.places.iter().position(is_it).map(|place| ModuleIndex(place as u32))
    }

    /// The module at a position that this catalog gave out.
    pub(crate) fn at(&self, index: ModuleIndex) -> &Arc<Module> {
        match &self.places[index.0 as usize] {
            Place::Module(module) => module,
            Place::Kept(_) | Place::Gone => unreachable!("nothing refers to a module that is not installed"),
        }
    }

    /// The module at that position, if there is one.
    pub(crate) fn installed_at(&self, index: ModuleIndex) -> Option<&Arc<Module>> {
        match self.places.get(index.0 as usize) {
            Some(Place::Module(module)) => Some(module),
            _ => None,
        }
    }

    /// The function at a place that this catalog gave out.
    pub(crate) fn function(&self, target: Target) -> &Function {
        &self.at(target.module).functions[target.function.0 as usize]
    }

    /// How messages name what a record ran: a function, or the module that was installed.
    pub(crate) fn name_of_subject(&self, subject: DefinitionId) -> String {
        for module in self.modules() {
            if let Some(function) = module.functions.iter().find(|function| function.definition == subject) {
                return function.full_name.to_string();
            }
            if module.definition == subject {
                return format!("the installation of {}", module.name);
            }
        }
        "the call".to_owned()
    }

    /// The table with that number.
    pub(crate) fn table(&self, id: TableId) -> &Arc<LinkedTable> {
        self.tables[id.0 as usize].as_ref().expect("nothing refers to a table that is gone")
    }

    /// All tables, in the order of their numbers.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<LinkedTable>> {
        self.tables.iter().flatten()
    }

    /// The number that the next new table gets.
    pub(crate) fn next_table(&self) -> u32 {
        self.tables.len() as u32
    }

    /// The number that the next new module gets.
    pub(crate) fn next_module(&self) -> ModuleIndex {
        ModuleIndex(self.places.len() as u32)
    }

    /// Puts something in a place, or behind all places.
    pub(crate) fn set_place(&mut self, index: ModuleIndex, place: Place) {
        let at = index.0 as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::Gone);
        }
        // Names and handlers are kept up one by one: hundreds of modules are put in their places one after the other.
        if let Place::Module(before) = std::mem::replace(&mut self.places[at], place) {
            self.by_name.remove(&before.name);
            for (table, _) in &before.subscriptions {
                if let Some(subscribers) = self.subscribers.get_mut(table) {
                    subscribers.retain(|subscriber| subscriber.module != index);
                }
            }
        }
        if let Place::Module(module) = &self.places[at] {
            self.by_name.insert(module.name.clone(), index);
            for (table, subscriber) in &module.subscriptions {
                let subscribers = self.subscribers.entry(*table).or_default();
                let behind = subscribers.partition_point(|other| other.module <= index);
                subscribers.insert(behind, subscriber.clone());
            }
        }
    }

    /// The catalog that this one is to take the place of, while that is judged.
    pub(crate) fn before(&self) -> Option<&Catalog> {
        self.before.as_deref()
    }

    /// Takes note of the catalog that this one is to take the place of.
    pub(crate) fn succeed(&mut self, before: Catalog) {
        self.before = Some(Arc::new(before));
    }

    /// Puts tables where their numbers are.
    pub(crate) fn set_tables<'t>(&mut self, tables: impl IntoIterator<Item = &'t Arc<LinkedTable>>) {
        for table in tables {
            let at = table.id.0 as usize;
            if self.tables.len() <= at {
                self.tables.resize(at + 1, None);
            }
            self.tables[at] = Some(table.clone());
        }
    }

    /// Forgets a table.
    pub(crate) fn remove_table(&mut self, id: TableId) {
        self.tables[id.0 as usize] = None;
    }

    /// This catalog and one more module with its tables.
    pub(crate) fn with(&self, module: Module, tables: &[(TypeName, Arc<LinkedTable>)]) -> Catalog {
        let mut next = self.clone();
        next.set_tables(tables.iter().map(|(_, table)| table));
        next.set_place(module.index, Place::Module(Arc::new(module)));
        next
    }

    /// The hash of what there is. The log keeps it in its headers.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hash = CatalogHash::new();
        for place in &self.places {
            match place {
                Place::Module(module) => hash.module(&module.name, module.digest, &module.schema),
                Place::Kept(kept) => hash.kept(&kept.name, &kept.schema),
                Place::Gone => {}
            }
        }
        hash.finish()
    }
}

/// The hash of what is installed: which artifacts, in which order, with which stored form; and of what was kept
/// without a module.
#[derive(Clone)]
pub(crate) struct CatalogHash(Sha256);

impl CatalogHash {
    /// Of nothing.
    pub(crate) fn new() -> CatalogHash {
        CatalogHash(Sha256::new_with_prefix(b"interstice catalog"))
    }

    /// And of this module.
    pub(crate) fn module(&mut self, name: &str, digest: Hash, schema: &Schema) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name);
        self.0.update(digest.0);
        self.0.update(storage_hash(schema).0);
    }

    /// And of the tables that were kept of a module. No name is so long as the number before it says.
    pub(crate) fn kept(&mut self, name: &str, schema: &Schema) {
        self.0.update(u64::MAX.to_le_bytes());
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name);
        self.0.update(storage_hash(schema).0);
    }

    /// Of all that there was.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
