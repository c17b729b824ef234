//! What the bytes of records mean: the schemas of the modules that were installed so far. Where the log does not
//! begin with the first record, a snapshot has those of before.
//! Invariant: bytes that no schema explains are not guessed at.

use interstice_codec::key::KeyLayout;
use interstice_codec::row::{self, Layout};
use interstice_codec::{Field, Value, ValueType};
use interstice_node::log::{Digest, NamedChange, NamedOutcome, Record};
use interstice_node::{CatalogChange, ModuleInfo};
use interstice_wit::{Function, Schema, Table};
use std::collections::{BTreeSet, HashMap};

/// The schemas by package, without the version.
#[derive(Default)]
pub(super) struct Names {
    schemas: HashMap<String, Schema>,
    /// Those that a snapshot has, until the log itself says what was installed.
    before: HashMap<String, Before>,
}

/// A schema that a snapshot has.
struct Before {
    /// What it is the schema of.
    artifact: Digest,
    schema: Schema,
    /// The module was another one earlier in the log.
    has_changed: bool,
}

/// A value with its type, which is needed to write it as text.
pub(super) type Typed = (Value, ValueType);

impl Names {
    /// Takes the schema of an installation; one that cannot be read explains nothing.
    pub(super) fn install(&mut self, package: &str, schema: &[u8]) {
        if let Ok(schema) = serde_json::from_slice::<Schema>(schema)
            && schema.validate().is_ok()
        {
            self.schemas.insert(package.to_owned(), schema);
        }
    }

    /// Takes the schemas of a change of the catalog; one that cannot be read explains nothing. What was uninstalled is
    /// understood as before.
    pub(super) fn change(&mut self, change: &[u8]) {
        let modules = CatalogChange::read(change).map(|change| change.modules).unwrap_or_default();
        for module in modules {
            self.schemas.extend(module.to.map(|to| (module.package, to.schema)));
        }
    }

    /// Takes what a snapshot says was installed. It may be of a later record than those that it explains, so it
    /// counts only until the log itself says what was installed, and only for the very same component. The log tells
    /// which modules `changed` until then.
    pub(super) fn installed_before(&mut self, modules: Vec<ModuleInfo>, changed: &BTreeSet<String>) {
        let named = |module: ModuleInfo| {
            let package = module.schema.package.unversioned();
            let (artifact, has_changed) = (Digest(module.artifact.0), changed.contains(&package));
            (package, Before { artifact, schema: module.schema, has_changed })
        };
        self.before = modules.into_iter().map(named).collect();
    }

    /// The schema of a package when a record was written.
    fn schema(&self, record: &Record, package: &str) -> Option<&Schema> {
        self.schemas.get(package).or_else(|| {
            let before = self.before.get(package)?;
            // Of the module that ran, the record says which component it was.
            let is_it = match record.package == package {
                true => record.artifact == before.artifact,
                false => !before.has_changed,
            };
            is_it.then_some(&before.schema)
        })
    }

    /// The arguments of the call, in the order of the parameters.
    pub(super) fn arguments(&self, record: &Record) -> Option<Vec<(String, Typed)>> {
        let (schema, function) = self.function(record)?;
        let types: Vec<ValueType> =
            function.params.iter().map(|param| schema.value_type(&param.ty)).collect();
        let values = row::decode_all(&record.arguments, &types).ok()?;
        let names = function.params.iter().map(|param| param.name.clone());
        Some(names.zip(values.into_iter().zip(types)).collect())
    }

    /// The whole result of the function, if it has one.
    pub(super) fn result(&self, record: &Record) -> Option<Option<Typed>> {
        let (schema, function) = self.function(record)?;
        let (NamedOutcome::Ok(bytes) | NamedOutcome::Err(bytes)) = &record.outcome else { return None };
        let Some(ty) = &function.result else { return Some(None) };
        let ty = schema.value_type(ty);
        Some(Some((row::decode(bytes, &ty).ok()?, ty)))
    }

    /// A changed row as a record, or the key of a deleted one as a record of the key's columns.
    pub(super) fn row(
        &self,
        record: &Record,
        package: &str,
        table: &str,
        change: &NamedChange,
    ) -> Option<Typed> {
        let schema = self.schema(record, package)?;
        let table = find_table(schema, table)?;
        let field = |position: usize| {
            let column = table.columns.get(position)?;
            Some(Field { name: column.name.clone(), ty: schema.value_type(&column.ty) })
        };
        let fields: Vec<Field> = (0..table.columns.len()).map(field).collect::<Option<_>>()?;
        let types: Vec<ValueType> = fields.iter().map(|field| field.ty.clone()).collect();
        match change {
            NamedChange::Insert(row) | NamedChange::Update(row) => {
                let values = row::decode_all(row, &types).ok()?;
                Some((Value::Record(values), ValueType::Record(fields)))
            }
            NamedChange::Delete(key) => {
                let positions: Vec<usize> =
                    table.primary_key.iter().map(|column| column.0 as usize).collect();
                let layout = KeyLayout::new(&Layout::new(&types), &positions).ok()?;
                let fields = positions.into_iter().map(field).collect::<Option<_>>()?;
                Some((Value::Record(layout.decode(key).ok()?), ValueType::Record(fields)))
            }
        }
    }

    fn function(&self, record: &Record) -> Option<(&Schema, &Function)> {
        let schema = self.schema(record, &record.package)?;
        let (interface, name) = record.function.as_deref()?.split_once('.')?;
        let found =
            schema.functions().find(|(at, function)| at.name.name == interface && function.name == name);
        found.map(|(_, function)| (schema, function))
    }
}

/// The table of that name, with or without its interface.
fn find_table<'a>(schema: &'a Schema, name: &str) -> Option<&'a Table> {
    let (interface, name) = match name.split_once('.') {
        Some((interface, name)) => (Some(interface), name),
        None => (None, name),
    };
    let found = schema.tables().find(|(at, table)| {
        table.name == name && interface.is_none_or(|interface| at.name.name == interface)
    });
    found.map(|(_, table)| table)
}

/// Bytes that nothing explains.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
