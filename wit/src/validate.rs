//! Whether a schema from outside is one that the reader could have returned.
//! It trusts nothing: names, positions, cycles and sizes are checked before anything is expanded.
//! Invariant: on a schema that passes, [`Schema::value_type`] neither panics nor runs away.

use crate::limits::{
    MAX_FLAGS, MAX_INDEXES, MAX_KEY_COLUMNS, MAX_MEMBERS, MAX_NAME_BYTES, MAX_SCHEMA_NODES, MAX_TYPE_DEPTH,
    MAX_TYPE_NODES,
};
use crate::literal;
use crate::read::tables::{is_integer, is_key_type};
use crate::schema::{
    Comparison, Function, FunctionKind, Interface, InterfaceName, RowEvent, RowFilter, Schema, Table,
    Trigger, Type, TypeKind, TypeName, Visibility,
};
use interstice_codec::ValueType;
use std::collections::{BTreeSet, HashMap};

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
                return invalid(interface.name.to_string(), "the interface is there twice");
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
        let mut checker = Checker { schema: self, defs: self.defs(), sizes: HashMap::new(), nodes: 0 };
        let mut tables = BTreeSet::new();
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

fn check_name(context: &str, name: &str) -> Result<(), InvalidSchema> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    let is_kebab = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.split('-').all(is_word);
    if name.len() > MAX_NAME_BYTES || !is_kebab {
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
            return invalid(context, format!("`{name}` is there twice"));
        }
    }
    Ok(())
}

/// The size of an expanded type.
#[derive(Clone, Copy)]
struct Size {
    nodes: u64,
    depth: u32,
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

    /// The size of what a name stands for.
    fn named(&mut self, context: &str, name: &'a TypeName, level: u32) -> Result<Size, InvalidSchema> {
        match self.sizes.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return invalid(context, format!("the type `{name}` contains itself")),
            None => {}
        }
        let Some(kind) = self.defs.get(&(&name.interface, name.name.as_str())).copied() else {
            return invalid(context, format!("there is no type `{name}`"));
        };
        self.sizes.insert(name, None);
        let size = self.kind(context, kind, level)?;
        self.sizes.insert(name, Some(size));
        Ok(size)
    }

    fn kind(&mut self, context: &str, kind: &'a TypeKind, level: u32) -> Result<Size, InvalidSchema> {
        let members = |count: usize, most: usize| match count {
            0 => invalid(context, "the type is empty"),
            count if count > most => invalid(context, "the type has too many members"),
            _ => Ok(()),
        };
        match kind {
            TypeKind::Record(fields) => {
                members(fields.len(), MAX_MEMBERS)?;
                check_unique(context, fields.iter().map(|field| field.name.as_str()))?;
                self.around(context, 0, fields.iter().map(|field| &field.ty), level)
            }
            TypeKind::Variant(cases) => {
                members(cases.len(), MAX_MEMBERS)?;
                check_unique(context, cases.iter().map(|case| case.name.as_str()))?;
                self.around(context, cases.len(), cases.iter().filter_map(|case| case.ty.as_ref()), level)
            }
            TypeKind::Enum(labels) | TypeKind::Flags(labels) => {
                let most = if matches!(kind, TypeKind::Flags(_)) { MAX_FLAGS } else { MAX_MEMBERS };
                members(labels.len(), most)?;
                check_unique(context, labels.iter().map(|label| label.name.as_str()))?;
                self.around(context, labels.len(), std::iter::empty(), level)
            }
            // An alias is no part of the value, but a step of every walk to it.
            TypeKind::Alias(ty) => self.around(context, 0, std::iter::once(ty), level),
            TypeKind::Use(name) => self.named(context, name, level + 1),
        }
    }

    fn around(
        &mut self,
        context: &str,
        labels: usize,
        parts: impl Iterator<Item = &'a Type>,
        level: u32,
    ) -> Result<Size, InvalidSchema> {
        let mut size = Size { nodes: labels as u64 + 1, depth: 0 };
        for part in parts {
            let part = self.ty(context, part, level + 1)?;
            size.nodes = size.nodes.saturating_add(part.nodes);
            size.depth = size.depth.max(part.depth);
        }
        size.depth += 1;
        if size.nodes > MAX_TYPE_NODES || size.depth > MAX_TYPE_DEPTH {
            return invalid(context, "the type is too large");
        }
        Ok(size)
    }

    fn ty(&mut self, context: &str, ty: &'a Type, level: u32) -> Result<Size, InvalidSchema> {
        if level > MAX_TYPE_DEPTH {
            return invalid(context, "the type nests too deep");
        }
        match ty {
            Type::List(inner) | Type::Option(inner) => {
                self.around(context, 0, std::iter::once(inner.as_ref()), level)
            }
            Type::Result { ok, err } => {
                self.around(context, 0, ok.as_deref().into_iter().chain(err.as_deref()), level)
            }
            Type::Tuple(elements) if elements.is_empty() || elements.len() > MAX_MEMBERS => {
                invalid(context, "a tuple is empty or has too many elements")
            }
            Type::Tuple(elements) => self.around(context, 0, elements.iter(), level),
            Type::Named(name) => self.named(context, name, level),
            _ => Ok(Size { nodes: 1, depth: 1 }),
        }
    }

    /// Counts the nodes of a table or function towards the limit of the whole, and expands nothing.
    fn count(&mut self, context: &str, ty: &'a Type) -> Result<(), InvalidSchema> {
        let size = self.ty(context, ty, 0)?;
        self.nodes = self.nodes.saturating_add(size.nodes);
        if self.nodes > MAX_SCHEMA_NODES {
            return invalid(context, "the types up to here are too large together");
        }
        Ok(())
    }

    fn table(&mut self, interface: &'a Interface, table: &'a Table) -> Result<(), InvalidSchema> {
        let context = format!("the table `{}`", table.name);
        let record = interface.types.iter().find(|def| def.name == table.name);
        let Some(TypeKind::Record(fields)) = record.map(|def| &def.kind) else {
            return invalid(context, "it has no record");
        };
        let is_same = fields.len() == table.columns.len()
            && fields
                .iter()
                .zip(&table.columns)
                .all(|(field, column)| field.name == column.name && field.ty == column.ty);
        if !is_same {
            return invalid(context, "its columns are not the fields of its record");
        }
        if table.visibility == Visibility::Public && interface.visibility == Visibility::Private {
            return invalid(context, "it is public, and its interface is private");
        }
        let mut types = Vec::new();
        for column in &table.columns {
            self.count(&context, &column.ty)?;
            types.push(self.schema.value_type(&column.ty));
        }
        self.keys(&context, table, &types)?;
        self.counters_and_defaults(&context, table, &types)
    }

    fn keys(&self, context: &str, table: &Table, types: &[ValueType]) -> Result<(), InvalidSchema> {
        if table.primary_key.is_empty() {
            return invalid(context, "it has no primary key");
        }
        for key in table.indexes.iter().map(|index| &index.columns).chain([&table.primary_key]) {
            let distinct: BTreeSet<_> = key.iter().collect();
            if key.is_empty() || distinct.len() != key.len() {
                return invalid(context, "a key is empty or names a column twice");
            }
            for column in key {
                match types.get(column.0 as usize) {
                    None => return invalid(context, format!("it has no column {}", column.0)),
                    Some(ty) if !is_key_type(ty) => {
                        return invalid(context, format!("the column {} cannot be part of a key", column.0));
                    }
                    Some(_) => {}
                }
            }
        }
        for index in &table.indexes {
            let names = index.columns.iter().map(|column| table.columns[column.0 as usize].name.as_str());
            if index.name != names.collect::<Vec<_>>().join("-and-") {
                return invalid(context, format!("the index `{}` is not named by its columns", index.name));
            }
            if index.columns == table.primary_key {
                return invalid(context, format!("the index `{}` repeats the primary key", index.name));
            }
        }
        let is_long = |key: &Vec<_>| key.len() > MAX_KEY_COLUMNS;
        if table.indexes.len() > MAX_INDEXES
            || is_long(&table.primary_key)
            || table.indexes.iter().any(|index| is_long(&index.columns))
        {
            return invalid(context, "it has too many indexes, or a key too many columns");
        }
        match table.indexes.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            Some(pair) => invalid(context, format!("the index `{}` is out of order", pair[1].name)),
            None => Ok(()),
        }
    }

    fn counters_and_defaults(
        &self,
        context: &str,
        table: &Table,
        types: &[ValueType],
    ) -> Result<(), InvalidSchema> {
        let counters: Vec<_> =
            (0..).zip(&table.columns).filter(|(_, column)| column.auto_increment).collect();
        if let [(position, column), rest @ ..] = counters.as_slice() {
            let own = [crate::ColumnIndex(*position)];
            let is_unique = table.primary_key == own
                || table.indexes.iter().any(|index| index.unique && index.columns == own);
            if !rest.is_empty() || !is_unique || !is_integer(&types[*position as usize]) {
                return invalid(context, format!("the column `{}` cannot count", column.name));
            }
        }
        for (column, ty) in table.columns.iter().zip(types) {
            if let Some(default) = &column.default
                && literal::canonical(default, ty).as_ref() != Ok(default)
            {
                return invalid(
                    context,
                    format!("the default of `{}` is no canonical value of its type", column.name),
                );
            }
        }
        Ok(())
    }

    fn function(&mut self, context: &str, function: &'a Function) -> Result<(), InvalidSchema> {
        check_unique(context, function.params.iter().map(|param| param.name.as_str()))?;
        for ty in function.params.iter().map(|param| &param.ty).chain(&function.result) {
            self.count(context, ty)?;
        }
        let FunctionKind::On(trigger) = &function.kind else {
            return match function.kind {
                FunctionKind::Schedule { every_ms: 0 } => invalid(context, "it runs without a pause"),
                FunctionKind::Schedule { .. } if !function.params.is_empty() => {
                    invalid(context, "a schedule takes no parameters")
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
