//! What a function is handed: the context of a reducer, which reads and writes, and that of a query,
//! which reads; each with the tables that the module reaches.
//! Invariant: only the context of a reducer holds a handle that writes.

use super::names::{Names, camel, relative, snake};
use super::tables::TableNames;
use interstice_wit::PackageName;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The contexts and what they hold, at the root of the bindings.
pub(crate) fn contexts(names: &mut Names<'_>, tables: &[TableNames<'_>]) -> String {
    let mut source = CONTEXTS.to_owned();
    source += &own_tables(names, tables);
    source += &imported_tables(names, tables);
    source
}

fn own_tables(names: &Names<'_>, tables: &[TableNames<'_>]) -> String {
    let (mut fields, mut values) = (String::new(), String::new());
    for table in tables.iter().filter(|table| table.own) {
        let (field, path) = field_and_path(names, table);
        let _ = writeln!(fields, "/// The table `{}`.\npub {field}: {path}<A>,", table.table.name);
        let _ = writeln!(values, "{field}: {path}::new(entered),");
    }
    holder(
        "The module's own tables.",
        "Tables",
        "<A>",
        &format!("{fields} access: ::core::marker::PhantomData<A>,"),
        &format!("{values} access: ::core::marker::PhantomData,"),
    )
}

fn imported_tables(names: &mut Names<'_>, tables: &[TableNames<'_>]) -> String {
    let mut packages: BTreeMap<&PackageName, Vec<&TableNames<'_>>> = BTreeMap::new();
    for table in tables.iter().filter(|table| !table.own) {
        packages.entry(&table.interface.name.package).or_default().push(table);
    }
    let all: Vec<_> = packages.keys().copied().collect();
    let (mut source, mut fields, mut values) = (String::new(), String::new(), String::new());
    for (package, tables) in &packages {
        let name = package_field(package, &all);
        let ident = names.take(&[], format!("{}Tables", camel(&name)));
        let field = snake(&name);
        let _ = writeln!(fields, "/// The public tables of `{package}`.\npub {field}: {ident},");
        let _ = writeln!(values, "{field}: {ident}::new(entered),");
        let (mut inner, mut inner_values, mut taken) = (String::new(), String::new(), BTreeSet::new());
        for table in tables {
            let (mut field, path) = field_and_path(names, table);
            while !taken.insert(field.clone()) {
                field.push('_');
            }
            let _ = writeln!(
                inner,
                "/// The table `{}`.\npub {field}: {path}<::interstice::ReadOnly>,",
                table.table.name
            );
            let _ = writeln!(inner_values, "{field}: {path}::new(entered),");
        }
        source += &holder(
            &format!("The public tables of `{package}`, to read."),
            &ident,
            "",
            &inner,
            &inner_values,
        );
    }
    source
        + &holder("The public tables of the imported modules, by package.", "Imports", "", &fields, &values)
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
    let path = relative(names.module(&table.interface.name), &[]) + &table.handle;
    (snake(&table.table.name), path)
}

fn holder(docs: &str, ident: &str, generics: &str, fields: &str, values: &str) -> String {
    let entered = if values.contains("entered") { "entered" } else { "_" };
    format!(
        "/// {docs}
        #[derive(Debug)]
        pub struct {ident}{generics} {{ {fields} }}
        impl{generics} {ident}{generics} {{
            fn new({entered}: &::interstice::rt::Entered) -> Self {{ Self {{ {values} }} }}
        }}\n"
    )
}

const CONTEXTS: &str = "
/// What a reducer is handed, and every other function that may write.
///
/// It dereferences to a [`QueryContext`], so that what reads can be called with either.
#[derive(Debug)]
pub struct ReducerContext {
    /// The module's own tables, to read and write.
    pub tables: Tables<::interstice::ReadWrite>,
    query: QueryContext,
}

impl ReducerContext {
    fn new(entered: &::interstice::rt::Entered) -> Self {
        Self { tables: Tables::new(entered), query: QueryContext::new(entered) }
    }
}

impl ::core::ops::Deref for ReducerContext {
    type Target = QueryContext;

    fn deref(&self) -> &Self::Target { &self.query }
}

/// What a query is handed: it reads, and a write does not compile.
#[derive(Debug)]
pub struct QueryContext {
    /// The module's own tables, to read.
    pub tables: Tables<::interstice::ReadOnly>,
    /// The public tables of the imported modules, to read.
    pub imports: Imports,
    call: ::interstice::Call,
}

impl QueryContext {
    fn new(entered: &::interstice::rt::Entered) -> Self {
        Self {
            tables: Tables::new(entered),
            imports: Imports::new(entered),
            call: ::interstice::rt::call(entered),
        }
    }
}

impl ::core::ops::Deref for QueryContext {
    type Target = ::interstice::Call;

    fn deref(&self) -> &Self::Target { &self.call }
}
";
