//! What a function is handed: the context of a reducer, which reads and writes, and that of a query,
//! which reads; each with the tables that the module reaches. A migration is handed those of the version before too.
//! Invariant: only the context of a reducer holds a handle that writes, and that of a migration, which has one.

use super::names::{Names, ROOT, camel, relative, snake};
use super::tables::TableNames;
use interstice_wit::{FunctionKind, PackageName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The contexts and what they hold.
pub(crate) struct Contexts {
    /// At the root of the bindings.
    pub(crate) definitions: String,
    /// In the module of the glue.
    pub(crate) impls: String,
}

/// Writes the contexts.
pub(crate) fn contexts(names: &mut Names<'_>, tables: &[TableNames<'_>]) -> Contexts {
    let mut contexts = Contexts { definitions: DEFINITIONS.to_owned(), impls: IMPLS.to_owned() };
    own_tables(names, tables, &mut contexts);
    imported_tables(names, tables, &mut contexts);
    let has_migration = names.schema.functions().any(|(_, function)| function.kind == FunctionKind::Migrate);
    if has_migration {
        contexts.definitions += MIGRATION_DEFINITION;
        contexts.impls += MIGRATION_IMPL;
        former_tables(names, tables, &mut contexts);
    }
    contexts
}

fn own_tables(names: &Names<'_>, tables: &[TableNames<'_>], contexts: &mut Contexts) {
    let mut holder = Holder::new("The module's own tables.", "Tables");
    for table in tables.iter().filter(|table| table.own) {
        let (field, path) = field_and_path(names, table);
        let docs = format!("The table `{}`.", table.table.name);
        holder.field(&docs, &field, &format!("{path}<A>"), &path);
    }
    if holder.values.is_empty() {
        // A type parameter must be used, and a module without tables has no handle to use it.
        holder.fields += "access: ::core::marker::PhantomData<A>,";
        holder.values += "access: ::core::marker::PhantomData,";
    }
    holder.finish("<A>", contexts);
}

fn imported_tables(names: &mut Names<'_>, tables: &[TableNames<'_>], contexts: &mut Contexts) {
    let mut packages: BTreeMap<&PackageName, Vec<&TableNames<'_>>> = BTreeMap::new();
    let schema = names.schema;
    let is_other = |table: &&TableNames<'_>| !table.own && !schema.is_former_self(&table.interface.name);
    for table in tables.iter().filter(is_other) {
        packages.entry(&table.interface.name.package).or_default().push(table);
    }
    let all: Vec<_> = packages.keys().copied().collect();
    let mut imports = Holder::new("The public tables of the imported modules, by package.", "Imports");
    for (package, tables) in &packages {
        let name = package_field(package, &all);
        let ident = names.take(&[], format!("{}Tables", camel(&name)));
        let docs = format!("The public tables of `{package}`");
        imports.field(&format!("{docs}."), &snake(&name), &ident, &ident);
        let mut holder = Holder::new(&format!("{docs}, to read."), &ident);
        let mut taken = BTreeSet::new();
        for table in tables {
            let (mut field, path) = field_and_path(names, table);
            while !taken.insert(field.clone()) {
                field.push('_');
            }
            let docs = format!("The table `{}`.", table.table.name);
            holder.field(&docs, &field, &format!("{path}<::interstice::ReadOnly>"), &path);
        }
        holder.finish("", contexts);
    }
    imports.finish("", contexts);
}

/// The tables of the one older version that the migration comes from.
fn former_tables(names: &Names<'_>, tables: &[TableNames<'_>], contexts: &mut Contexts) {
    let docs = "The tables of the version before, as the migration finds them, to read.";
    let mut holder = Holder::new(docs, "FormerTables");
    let is_former = |table: &&TableNames<'_>| names.schema.is_former_self(&table.interface.name);
    for table in tables.iter().filter(is_former) {
        let (field, path) = field_and_path(names, table);
        let docs = format!("The table `{}` of `{}`.", table.table.name, table.interface.name.package);
        holder.field(&docs, &field, &format!("{path}<::interstice::ReadOnly>"), &path);
    }
    holder.finish("", contexts);
}

/// The name of a package among the imported ones: as short as it can be.
fn package_field(package: &PackageName, all: &[&PackageName]) -> String {
    let same_name = all.iter().filter(|other| other.name == package.name).count();
    let same_package =
        all.iter().filter(|other| other.name == package.name && other.namespace == package.namespace).count();
    match (same_name, same_package) {
        (1, _) => package.name.clone(),
        (_, 1) => format!("{}-{}", package.namespace, package.name),
        _ => format!("{}-{}-{}", package.namespace, package.name, package.version).replace(['.', '+'], "-"),
    }
}

fn field_and_path(names: &Names<'_>, table: &TableNames<'_>) -> (String, String) {
    let path = relative(names.module(&table.interface.name), ROOT) + &table.handle;
    (snake(&table.table.name), path)
}

/// A struct of handles.
struct Holder {
    docs: String,
    ident: String,
    fields: String,
    values: String,
}

impl Holder {
    fn new(docs: &str, ident: &str) -> Self {
        Self { docs: docs.to_owned(), ident: ident.to_owned(), fields: String::new(), values: String::new() }
    }

    /// A field of a type that is made from the proof that a call was entered. Paths are from the root.
    fn field(&mut self, docs: &str, name: &str, ty: &str, constructor: &str) {
        let _ = writeln!(self.fields, "/// {docs}\npub {name}: {ty},");
        let _ = writeln!(self.values, "{name}: super::{constructor}::new(entered),");
    }

    fn finish(self, generics: &str, contexts: &mut Contexts) {
        let Self { docs, ident, fields, values } = self;
        let _ = writeln!(
            contexts.definitions,
            "/// {docs}\n#[derive(Debug)]\npub struct {ident}{generics} {{ {fields} }}"
        );
        let _ = writeln!(
            contexts.impls,
            "impl{generics} super::{ident}{generics} {{
                pub(crate) fn new(entered: &Entered) -> Self {{ Self {{ {values} }} }}
            }}"
        );
    }
}

const DEFINITIONS: &str = "
/// What a reducer is handed, and every other function that may write.
///
/// It dereferences to a [`QueryContext`], so that what reads can be called with either.
#[derive(Debug)]
pub struct ReducerContext {
    /// The module's own tables, to read and write.
    pub tables: Tables<::interstice::ReadWrite>,
    query: QueryContext,
}

/// What a query is handed: it reads, and a write does not compile.
///
/// It dereferences to a [`Call`](::interstice::Call): the caller, the time, random numbers, the log.
#[derive(Debug)]
pub struct QueryContext {
    /// The module's own tables, to read.
    pub tables: Tables<::interstice::ReadOnly>,
    /// The public tables of the imported modules, to read.
    pub imports: Imports,
    call: ::interstice::Call,
}
";

const MIGRATION_DEFINITION: &str = "
/// What a migration is handed: the tables of the version before to read, and those of this version to write.
///
/// It dereferences to a [`ReducerContext`].
#[derive(Debug)]
pub struct MigrationContext {
    /// The tables of the version before, to read.
    pub old: FormerTables,
    /// The module's own tables, to read and write.
    pub tables: Tables<::interstice::ReadWrite>,
    reducer: ReducerContext,
}
";

const MIGRATION_IMPL: &str = "
impl super::MigrationContext {
    pub(crate) fn new(entered: &Entered) -> Self {
        Self {
            old: super::FormerTables::new(entered),
            tables: super::Tables::new(entered),
            reducer: super::ReducerContext::new(entered),
        }
    }
}

impl Deref for super::MigrationContext {
    type Target = super::ReducerContext;
    #[inline]
    fn deref(&self) -> &Self::Target { &self.reducer }
}

impl ::core::ops::DerefMut for super::MigrationContext {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target { &mut self.reducer }
}
";

const IMPLS: &str = "
impl super::ReducerContext {
    pub(crate) fn new(entered: &Entered) -> Self {
        Self { tables: super::Tables::new(entered), query: super::QueryContext::new(entered) }
    }
}

impl Deref for super::ReducerContext {
    type Target = super::QueryContext;
    #[inline]
    fn deref(&self) -> &Self::Target { &self.query }
}

impl super::QueryContext {
    pub(crate) fn new(entered: &Entered) -> Self {
        Self {
            tables: super::Tables::new(entered),
            imports: super::Imports::new(entered),
            call: ::interstice::rt::call(entered),
        }
    }
}

impl Deref for super::QueryContext {
    type Target = ::interstice::Call;
    #[inline]
    fn deref(&self) -> &Self::Target { &self.call }
}
";
