//! The catalog: the installed modules, their functions and their tables, as one immutable value.
//! It never holds rows or instances; a new installation makes a new catalog.
//! Invariant: numbers of modules and tables follow the order of installation in the log, so that
//! replaying the log gives every table the number that it had.

use crate::context::{Context, Target};
use crate::error::Error;
use interstice_codec::ValueType;
use interstice_codec::key::KeyLayout;
use interstice_engine::Program;
use interstice_log::DefinitionId;
use interstice_store::{TableHandle, TableId};
use interstice_wit::{Comparison, FunctionKind, Hash, RowEvent, Schema, hash::storage_hash};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The position of a module in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ModuleIndex(pub(crate) u32);

/// The position of a function in its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FunctionIndex(pub(crate) u32);

/// All that is installed.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    pub(crate) modules: Vec<Arc<Module>>,
    /// Tables by their number.
    pub(crate) tables: Vec<Arc<LinkedTable>>,
    /// Handlers of row events, by the number of the table.
    pub(crate) subscribers: HashMap<TableId, Vec<Subscriber>>,
    by_name: HashMap<String, ModuleIndex>,
}

/// An installed module.
pub(crate) struct Module {
    pub(crate) index: ModuleIndex,
    pub(crate) schema: Schema,
    pub(crate) digest: Hash,
    pub(crate) program: Program<Context>,
    pub(crate) functions: Vec<Function>,
    pub(crate) tables: Vec<TableId>,
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
    pub(crate) name: String,
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
    /// The module of that name, without a version or with the one that is installed.
    pub(crate) fn module(&self, name: &str) -> Result<&Arc<Module>, Error> {
        let unversioned = name.split('@').next().unwrap_or(name);
        let found = self.by_name.get(unversioned).map(|index| self.at(*index));
        found.filter(|module| !name.contains('@') || module.schema.package.to_string() == name).ok_or_else(
            || Error::UnknownModule {
                module: name.to_owned(),
                installed: self.modules.iter().map(|module| module.schema.package.to_string()).collect(),
            },
        )
    }

    /// The module of that name, if one is installed.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Module>> {
        self.by_name.get(name).map(|index| self.at(*index))
    }

    /// The module at a position that this catalog gave out.
    pub(crate) fn at(&self, index: ModuleIndex) -> &Arc<Module> {
        &self.modules[index.0 as usize]
    }

    /// The function at a place that this catalog gave out.
    pub(crate) fn function(&self, target: Target) -> &Function {
        &self.at(target.module).functions[target.function.0 as usize]
    }

    /// How messages name what a record ran: a function, or the module that was installed.
    pub(crate) fn name_of_subject(&self, subject: DefinitionId) -> String {
        for module in &self.modules {
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
        &self.tables[id.0 as usize]
    }

    /// This catalog and one more module with its tables and handlers.
    pub(crate) fn with(
        &self,
        module: Arc<Module>,
        tables: Vec<Arc<LinkedTable>>,
        subscribers: Vec<(TableId, Subscriber)>,
    ) -> Catalog {
        let mut next = self.clone();
        assert_eq!(module.index.0 as usize, next.modules.len(), "modules are numbered in order");
        next.by_name.insert(module.name.clone(), module.index);
        next.modules.push(module);
        next.tables.extend(tables);
        for (table, subscriber) in subscribers {
            next.subscribers.entry(table).or_default().push(subscriber);
        }
        next
    }

    /// The hash of what is installed: which artifacts, in which order, with which stored form. The
    /// log keeps it in its headers.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hash_of_first(self.modules.len())
    }

    /// The same as it was with so many modules.
    pub(crate) fn hash_of_first(&self, modules: usize) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(b"interstice catalog");
        for module in &self.modules[..modules] {
            hash.update((module.name.len() as u64).to_le_bytes());
            hash.update(&module.name);
            hash.update(module.digest.0);
            hash.update(storage_hash(&module.schema).0);
        }
        hash.finalize().into()
    }
}
