//! Whether a schema from outside is one that the reader could have returned.
//! It trusts nothing: names, positions, cycles and sizes are checked before anything is expanded.
//! Invariant: on a schema that passes, [`Schema::value_type`] neither panics nor runs away.

mod tables;
mod types;

use crate::limits::MAX_NAME_BYTES;
use crate::literal;
use crate::read::keys::is_key_type;
use crate::schema::{
    Comparison, Function, FunctionKind, Interface, InterfaceName, RowEvent, RowFilter, Schema, Table,
    Trigger, Type, TypeKind, TypeName,
};
use interstice_codec::ValueType;
use std::collections::{BTreeSet, HashMap};
use types::Size;

/// What is wrong with a schema that did not come from the reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in {context}: {problem}")]
pub struct InvalidSchema {
    /// The interface, table, type or function.
    pub context: String,
    /// What is wrong with it.
    pub problem: String,
}

fn invalid<T>(context: impl Into<String>, problem: impl Into<String>) -> Result<T, InvalidSchema> {
    Err(InvalidSchema { context: context.into(), problem: problem.into() })
}

impl Schema {
    /// Checks a schema that came from outside. The reader's own schemas always pass.
    pub fn validate(&self) -> Result<(), InvalidSchema> {
        for word in [&self.package.namespace, &self.package.name, &self.world] {
            check_name("the package", word)?;
        }
        let mut names = BTreeSet::new();
        for interface in self.exports.iter().chain(&self.foreign) {
            if !names.insert(&interface.name) {
                return invalid(interface.name.to_string(), "the interface is declared twice");
            }
            let InterfaceName { package, name } = &interface.name;
            for word in [&package.namespace, &package.name, name] {
                check_name("an interface", word)?;
            }
        }
        check_sorted("the exports", self.exports.iter().map(|interface| &interface.name))?;
        check_sorted("the foreign interfaces", self.foreign.iter().map(|interface| &interface.name))?;
        check_sorted("the imports", self.imports.iter())?;
        for import in &self.imports {
            if !names.contains(import) {
                return invalid(import.to_string(), "it is imported, but not described");
            }
        }
        self.check_former_self()?;
        let mut checker = Checker { schema: self, defs: self.defs(), sizes: HashMap::new(), nodes: 0 };
        let (mut tables, mut former) = (BTreeSet::new(), BTreeSet::new());
        for interface in self.exports.iter().chain(&self.foreign) {
            checker.interface(interface)?;
        }
        for (interface, table) in self.tables() {
            if interface.name.package != self.package {
                return invalid(interface.name.to_string(), "a table stands in another package's interface");
            }
            if !tables.insert(&table.name) {
                return invalid(interface.name.to_string(), format!("there are two tables `{}`", table.name));
            }
            if let Some(name) = table.renamed_from.as_ref().filter(|name| !former.insert(*name)) {
                return invalid(interface.name.to_string(), format!("two tables have been `{name}` before"));
            }
        }
        Ok(())
    }

    /// Of its own older versions a module imports tables, and only for a migration.
    fn check_former_self(&self) -> Result<(), InvalidSchema> {
        for import in self.former_imports() {
            let context = import.to_string();
            if import.package.version.cmp_precedence(&self.package.version).is_ge() {
                return invalid(context, "it is imported from a version of this package that is not older");
            }
            if self.former_imports().any(|other| other.package != import.package) {
                return invalid(context, "two older versions of this package are imported");
            }
            if !self.functions().any(|(_, function)| function.kind == FunctionKind::Migrate) {
                return invalid(context, "an older version of this package is imported without a migration");
            }
            if self.interface(import).is_some_and(|interface| !interface.functions.is_empty()) {
                return invalid(context, "functions of an older version of this package are imported");
            }
        }
        Ok(())
    }

    fn defs(&self) -> HashMap<(&InterfaceName, &str), &TypeKind> {
        let interfaces = self.exports.iter().chain(&self.foreign);
        interfaces
            .flat_map(|interface| {
                interface.types.iter().map(move |def| ((&interface.name, def.name.as_str()), &def.kind))
            })
            .collect()
    }
}

fn check_sorted<'a>(
    what: &str,
    names: impl Iterator<Item = &'a InterfaceName> + Clone,
) -> Result<(), InvalidSchema> {
    match names.clone().zip(names.skip(1)).find(|(a, b)| a >= b) {
        Some((_, name)) => invalid(what, format!("`{name}` is out of order")),
        None => Ok(()),
    }
}

/// Whether this is a name in kebab-case, and not too long for one.
pub(crate) fn is_name(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    let is_kebab = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.split('-').all(is_word);
    name.len() <= MAX_NAME_BYTES && is_kebab
}

fn check_name(context: &str, name: &str) -> Result<(), InvalidSchema> {
    if !is_name(name) {
        let shown: String = name.chars().take(40).collect();
        return invalid(context, format!("`{shown}` is not a name in kebab-case"));
    }
    Ok(())
}

fn check_unique<'a>(context: &str, names: impl Iterator<Item = &'a str>) -> Result<(), InvalidSchema> {
    let mut seen = BTreeSet::new();
    for name in names {
        check_name(context, name)?;
        // To components names that differ by their case only are the same.
        if !seen.insert(name.to_ascii_lowercase()) {
            return invalid(context, format!("`{name}` is declared twice"));
        }
    }
    Ok(())
}

struct Checker<'a> {
    schema: &'a Schema,
    defs: HashMap<(&'a InterfaceName, &'a str), &'a TypeKind>,
    /// The sizes of named types; `None` while a type is being measured, which is how a cycle shows.
    sizes: HashMap<&'a TypeName, Option<Size>>,
    nodes: u64,
}

impl<'a> Checker<'a> {
    fn interface(&mut self, interface: &'a Interface) -> Result<(), InvalidSchema> {
        let context = interface.name.to_string();
        let types = interface.types.iter().map(|def| def.name.as_str());
        let functions = interface.functions.iter().map(|function| function.name.as_str());
        check_unique(&context, types.chain(functions))?;
        check_unique(&context, interface.tables.iter().map(|table| table.name.as_str()))?;
        for def in &interface.types {
            self.kind(&format!("{context}.{{{}}}", def.name), &def.kind, 0)?;
        }
        for table in &interface.tables {
            self.table(interface, table)?;
        }
        for function in &interface.functions {
            self.function(&format!("{context}.{}", function.name), function)?;
        }
        Ok(())
    }

    fn function(&mut self, context: &str, function: &'a Function) -> Result<(), InvalidSchema> {
        check_unique(context, function.params.iter().map(|param| param.name.as_str()))?;
        for ty in function.params.iter().map(|param| &param.ty).chain(&function.result) {
            self.count(context, ty)?;
        }
        let is_handler = !matches!(function.kind, FunctionKind::Reducer | FunctionKind::Query);
        let result = function.result.as_ref().map(|ty| self.schema.value_type(ty));
        if is_handler && !matches!(result, None | Some(ValueType::Result { ok: None, .. })) {
            return invalid(context, "a handler returns nothing or a result without a value");
        }
        let FunctionKind::On(trigger) = &function.kind else {
            return match function.kind {
                FunctionKind::Schedule { every_ms: 0 } => invalid(context, "it runs without a pause"),
                FunctionKind::Schedule { .. } if !function.params.is_empty() => {
                    invalid(context, "a schedule takes no parameters")
                }
                FunctionKind::Migrate if !function.params.is_empty() => {
                    invalid(context, "a migration takes no parameters")
                }
                _ => Ok(()),
            };
        };
        let wanted = match trigger {
            Trigger::Row { event: RowEvent::Update, .. } => 2,
            Trigger::Row { .. } => 1,
            _ => 0,
        };
        if function.params.len() != wanted {
            return invalid(context, format!("a handler of this kind takes {wanted} parameters"));
        }
        let Trigger::Row { table, filter, .. } = trigger else { return Ok(()) };
        let row = self.schema.interface(&table.interface);
        let Some(watched) = row.and_then(|interface| interface.tables.iter().find(|t| t.name == table.name))
        else {
            return invalid(context, format!("there is no table `{table}`"));
        };
        for param in &function.params {
            if self.resolved(&param.ty) != Some(table) {
                return invalid(context, format!("`{}` is not a row of `{table}`", param.name));
            }
        }
        match filter {
            Some(filter) => self.filter(context, watched, filter),
            None => Ok(()),
        }
    }

    /// The named type behind aliases, in a schema whose types were measured.
    fn resolved(&self, ty: &'a Type) -> Option<&'a TypeName> {
        let mut ty = ty;
        loop {
            let Type::Named(name) = ty else { return None };
            match self.defs.get(&(&name.interface, name.name.as_str()))? {
                TypeKind::Alias(target) => ty = target,
                TypeKind::Use(target) => return Some(target),
                _ => return Some(name),
            }
        }
    }

    fn filter(&mut self, context: &str, table: &'a Table, filter: &RowFilter) -> Result<(), InvalidSchema> {
        let Some(column) = table.columns.get(filter.column.0 as usize) else {
            return invalid(context, "its condition is on no column");
        };
        self.ty(context, &column.ty, 0)?;
        let ty = self.schema.value_type(&column.ty);
        let needs_order = !matches!(filter.operator, Comparison::Equal | Comparison::NotEqual);
        if needs_order && !is_key_type(&ty) {
            return invalid(context, "its condition compares values that have no order");
        }
        if literal::canonical(&filter.value, &ty).as_ref() != Ok(&filter.value) {
            return invalid(context, "its condition is with no canonical value of the column");
        }
        Ok(())
    }
}
