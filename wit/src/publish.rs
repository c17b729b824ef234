//! What dependents may see of a module, as WIT that every tool reads: its public interfaces and tables
//! with their directives, and of other packages the types that these use.
//! It leaves out private interfaces and tables, handlers and imports; of a private type that a public
//! signature names only the type is written. A later version of the module itself sees all of its tables.
//! Invariant: whoever reads the text back has, item by item, the interface hashes of the module.

mod reached;

use crate::identifier::wit_identifier;
use crate::schema::{
    CaseDef, ColumnIndex, FieldDef, Function, FunctionKind, Interface, InterfaceName, LabelDef, PackageName,
    Schema, Storage, Table, Type, TypeDef, TypeKind, TypeName, Visibility,
};
use reached::{Reached, Reader, is_callable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A package as WIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicWit {
    /// The package.
    pub package: PackageName,
    /// Its text, which begins with a `package` line.
    pub text: String,
}

/// The public part of a module.
///
/// The schema is one that the reader returned or that [`Schema::validate`] let pass.
pub fn public_wit(schema: &Schema) -> PublicWit {
    own_wit(schema, &Reached::of(schema))
}

/// The tables of a module, private ones too, as a later version of it reads them in a migration.
///
/// The schema is one that the reader returned or that [`Schema::validate`] let pass.
pub fn former_wit(schema: &Schema) -> PublicWit {
    own_wit(schema, &Reached::of_tables(schema))
}

/// The package of a module, with what its reader is told.
fn own_wit(schema: &Schema, reached: &Reached<'_>) -> PublicWit {
    let interfaces = schema.exports.iter().chain(&schema.foreign);
    let own: Vec<_> = interfaces.filter(|interface| interface.name.package == schema.package).collect();
    PublicWit {
        package: schema.package.clone(),
        text: package(&schema.package, schema.docs.as_deref(), &own, reached),
    }
}

/// A module as a later version of it sees it: all tables are there, and no functions.
pub fn former_self(schema: &Schema) -> Schema {
    let mut former = schema.clone();
    former.exports.retain(|interface| !interface.tables.is_empty());
    for interface in &mut former.exports {
        interface.visibility = Visibility::Public;
        interface.functions.clear();
        interface.tables.iter_mut().for_each(|table| table.visibility = Visibility::Public);
    }
    former
}

/// The packages whose types the public parts of some modules use, in the order of their names, with these
/// types alone.
///
/// # Errors
/// If two of the modules were compiled against different types of one name.
pub fn used_wit(schemas: &[&Schema]) -> Result<Vec<PublicWit>, Box<TypesDiffer>> {
    let Some(first) = schemas.first() else { return Ok(Vec::new()) };
    let mut merged =
        Schema { exports: Vec::new(), imports: Vec::new(), foreign: Vec::new(), ..(*first).clone() };
    let mut types = BTreeSet::new();
    let mut taken_from: BTreeMap<TypeName, &PackageName> = BTreeMap::new();
    for schema in schemas {
        let reached = Reached::of(schema);
        for interface in schema.foreign.iter().filter(|other| other.name.package != schema.package) {
            merge(interface, schema, &reached, &mut merged.foreign, &mut taken_from)?;
        }
        types.extend(reached.types);
    }
    let reached = Reached { schema: &merged, types, reader: Reader::Dependent };
    let mut packages: BTreeMap<&PackageName, Vec<&Interface>> = BTreeMap::new();
    for interface in merged.foreign.iter().filter(|interface| reached.has_any_of(interface)) {
        packages.entry(&interface.name.package).or_default().push(interface);
    }
    let written = packages.into_iter().map(|(name, interfaces)| PublicWit {
        package: name.clone(),
        text: package(name, None, &interfaces, &reached),
    });
    Ok(written.collect())
}

/// Two modules were compiled against different types of one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{left}` and `{right}` know different types as `{name}`")]
pub struct TypesDiffer {
    /// The type.
    pub name: TypeName,
    /// A module that uses it.
    pub left: PackageName,
    /// Another one.
    pub right: PackageName,
}

/// Adds what one module knows of an interface to what the others know.
fn merge<'a>(
    interface: &Interface,
    schema: &'a Schema,
    reached: &Reached<'_>,
    into: &mut Vec<Interface>,
    taken_from: &mut BTreeMap<TypeName, &'a PackageName>,
) -> Result<(), Box<TypesDiffer>> {
    let position = into.iter().position(|other| other.name == interface.name).unwrap_or_else(|| {
        into.push(Interface {
            types: Vec::new(),
            tables: Vec::new(),
            functions: Vec::new(),
            ..interface.clone()
        });
        into.len() - 1
    });
    let merged = &mut into[position];
    for def in interface.types.iter().filter(|def| reached.has(interface, &def.name)) {
        let name = TypeName { interface: interface.name.clone(), name: def.name.clone() };
        match merged.types.iter().find(|known| known.name == def.name) {
            None => {
                taken_from.insert(name, &schema.package);
                merged.types.push(def.clone());
            }
            // Docs may differ, and what the fields are made of is compared where it is declared.
            Some(known) if shape(&known.kind) == shape(&def.kind) => {}
            Some(_) => {
                let left =
                    taken_from.get(&name).map_or_else(|| schema.package.clone(), |left| (*left).clone());
                return Err(Box::new(TypesDiffer { name, left, right: schema.package.clone() }));
            }
        }
    }
    Ok(())
}

/// A definition without its docs.
fn shape(kind: &TypeKind) -> TypeKind {
    let mut kind = kind.clone();
    match &mut kind {
        TypeKind::Record(fields) => fields.iter_mut().for_each(|field| field.docs = None),
        TypeKind::Variant(cases) => cases.iter_mut().for_each(|case| case.docs = None),
        TypeKind::Enum(labels) | TypeKind::Flags(labels) => {
            labels.iter_mut().for_each(|label| label.docs = None);
        }
        TypeKind::Alias(_) | TypeKind::Use(_) => {}
    }
    kind
}

fn package(
    name: &PackageName,
    docs: Option<&str>,
    interfaces: &[&Interface],
    reached: &Reached<'_>,
) -> String {
    let mut out = String::new();
    write_docs(docs, "", &mut out);
    let words = [&name.namespace, &name.name].map(|word| wit_identifier(word));
    let _ = writeln!(out, "package {}:{}@{};", words[0], words[1], name.version);
    let mut interfaces: Vec<_> = interfaces.to_vec();
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    for interface in interfaces {
        let text = interface_text(interface, reached.is_whole(interface), reached);
        if !text.is_empty() {
            out.push('\n');
            out.push_str(&text);
        }
    }
    out
}

/// An interface with its reached types, and if it is a public one of the module with its tables and
/// functions. Nothing, if nothing of it is written.
fn interface_text(interface: &Interface, is_whole: bool, reached: &Reached<'_>) -> String {
    let mut body = String::new();
    write_uses(interface, is_whole, reached, &mut body);
    for def in &interface.types {
        if matches!(def.kind, TypeKind::Use(_)) || !reached.has(interface, &def.name) {
            continue;
        }
        let table = interface.tables.iter().find(|table| table.name == def.name).filter(|_| is_whole);
        write_type(reached, interface, def, table, &mut body);
    }
    if is_whole && reached.reader == Reader::Dependent {
        for function in interface.functions.iter().filter(|function| is_callable(function)) {
            write_function(reached, interface, function, &mut body);
        }
    }
    if body.is_empty() {
        return body;
    }
    let mut out = String::new();
    write_docs(interface.docs.as_deref(), "", &mut out);
    if interface.visibility == Visibility::Private {
        out.push_str("/// @visibility(private)\n");
    }
    let _ = write!(out, "interface {} {{\n{body}}}\n", wit_identifier(&interface.name.name));
    out
}

/// The types of other interfaces that are named in what is written of this one. A type is taken from
/// where it is declared, whatever way it came here.
fn write_uses(interface: &Interface, is_whole: bool, reached: &Reached<'_>, out: &mut String) {
    let mut by_interface: BTreeMap<InterfaceName, Vec<String>> = BTreeMap::new();
    for def in &interface.types {
        let TypeKind::Use(target) = &def.kind else { continue };
        let target = reached.declared(target);
        let is_written =
            reached.types.contains(&target) && (is_whole || is_named_in(interface, &target, reached));
        if is_written {
            let mut text = wit_identifier(&target.name);
            if target.name != def.name {
                let _ = write!(text, " as {}", wit_identifier(&def.name));
            }
            by_interface.entry(target.interface).or_default().push(text);
        }
    }
    for (from, names) in by_interface {
        let path = if from.package == interface.name.package {
            wit_identifier(&from.name)
        } else {
            let PackageName { namespace, name, version } = &from.package;
            let words = [namespace, name, &from.name].map(|word| wit_identifier(word));
            format!("{}:{}/{}@{version}", words[0], words[1], words[2])
        };
        let _ = writeln!(out, "  use {path}.{{{}}};", names.join(", "));
    }
}

/// Whether one of the written types of an interface is made of this one directly.
fn is_named_in(interface: &Interface, target: &TypeName, reached: &Reached<'_>) -> bool {
    fn names(ty: &Type, target: &TypeName) -> bool {
        match ty {
            Type::Named(name) => name == target,
            Type::List(inner) | Type::Option(inner) => names(inner, target),
            Type::Result { ok, err } => ok.iter().chain(err).any(|side| names(side, target)),
            Type::Tuple(elements) => elements.iter().any(|element| names(element, target)),
            _ => false,
        }
    }
    interface.types.iter().filter(|def| reached.has(interface, &def.name)).any(|def| match &def.kind {
        TypeKind::Record(fields) => fields.iter().any(|field| names(&field.ty, target)),
        TypeKind::Variant(cases) => {
            cases.iter().filter_map(|case| case.ty.as_ref()).any(|ty| names(ty, target))
        }
        TypeKind::Alias(ty) => names(ty, target),
        TypeKind::Enum(_) | TypeKind::Flags(_) | TypeKind::Use(_) => false,
    })
}

fn write_type(
    reached: &Reached<'_>,
    interface: &Interface,
    def: &TypeDef,
    table: Option<&Table>,
    out: &mut String,
) {
    write_docs(def.docs.as_deref(), "  ", out);
    if let Some(table) = table {
        write_table(reached, table, out);
    }
    let name = wit_identifier(&def.name);
    match &def.kind {
        TypeKind::Record(fields) => {
            let _ = writeln!(out, "  record {name} {{");
            for (position, FieldDef { name, docs, ty }) in (0..).zip(fields) {
                write_docs(docs.as_deref(), "    ", out);
                if let Some(table) = table.filter(|table| reached.is_told(table)) {
                    write_column(table, position, out);
                }
                let _ = writeln!(out, "    {}: {},", wit_identifier(name), type_text(reached, interface, ty));
            }
            out.push_str("  }\n");
        }
        TypeKind::Variant(cases) => {
            let _ = writeln!(out, "  variant {name} {{");
            for CaseDef { name, docs, ty } in cases {
                write_docs(docs.as_deref(), "    ", out);
                let carried = ty
                    .as_ref()
                    .map(|ty| format!("({})", type_text(reached, interface, ty)))
                    .unwrap_or_default();
                let _ = writeln!(out, "    {}{carried},", wit_identifier(name));
            }
            out.push_str("  }\n");
        }
        TypeKind::Enum(labels) => write_labels("enum", &name, labels, out),
        TypeKind::Flags(labels) => write_labels("flags", &name, labels, out),
        TypeKind::Alias(ty) => {
            let _ = writeln!(out, "  type {name} = {};", type_text(reached, interface, ty));
        }
        TypeKind::Use(_) => {}
    }
}

fn write_labels(word: &str, name: &str, labels: &[LabelDef], out: &mut String) {
    let _ = writeln!(out, "  {word} {name} {{");
    for LabelDef { name, docs } in labels {
        write_docs(docs.as_deref(), "    ", out);
        let _ = writeln!(out, "    {},", wit_identifier(name));
    }
    out.push_str("  }\n");
}

/// The directives of a table. A private one stands here because a public signature names its record,
/// and says no more than that it is one.
fn write_table(reached: &Reached<'_>, table: &Table, out: &mut String) {
    let key = match table.primary_key.as_slice() {
        [column] => column_name(table, *column).to_owned(),
        columns => format!("({})", column_names(table, columns)),
    };
    let is_told = reached.is_told(table);
    let visibility = if table.visibility == Visibility::Public { ", visibility = public" } else { "" };
    let storage = match table.storage {
        Storage::Ephemeral if is_told => ", storage = ephemeral",
        _ => "",
    };
    let _ = writeln!(out, "  /// @table(primary-key = {key}{visibility}{storage})");
    if !is_told {
        return;
    }
    // Linking tells by it a name that was passed on from one that never meant anything else.
    if let Some(former) = &table.renamed_from {
        let _ = writeln!(out, "  /// @renamed-from({former})");
    }
    for index in &table.indexes {
        match (index.unique, index.columns.as_slice()) {
            // Said by the column itself.
            (true, [_]) => {}
            (true, columns) => {
                let _ = writeln!(out, "  /// @unique({})", column_names(table, columns));
            }
            (false, columns) => {
                let _ = writeln!(out, "  /// @index({})", column_names(table, columns));
            }
        }
    }
}

fn write_column(table: &Table, position: usize, out: &mut String) {
    let column = &table.columns[position];
    if column.auto_increment {
        out.push_str("    /// @auto-increment\n");
    }
    let own = |columns: &[ColumnIndex]| matches!(columns, [only] if only.0 as usize == position);
    if table.indexes.iter().any(|index| index.unique && own(&index.columns)) {
        out.push_str("    /// @unique\n");
    }
    if let Some(default) = &column.default {
        let _ = writeln!(out, "    /// @default({default})");
    }
    if let Some(former) = &column.renamed_from {
        let _ = writeln!(out, "    /// @renamed-from({former})");
    }
}

fn write_function(reached: &Reached<'_>, interface: &Interface, function: &Function, out: &mut String) {
    write_docs(function.docs.as_deref(), "  ", out);
    let kind = if function.kind == FunctionKind::Query { "query" } else { "reducer" };
    let params = function.params.iter().map(|param| {
        format!("{}: {}", wit_identifier(&param.name), type_text(reached, interface, &param.ty))
    });
    let params = params.collect::<Vec<_>>().join(", ");
    let result = function.result.as_ref().map(|ty| format!(" -> {}", type_text(reached, interface, ty)));
    let name = wit_identifier(&function.name);
    let _ = writeln!(out, "  /// @{kind}\n  {name}: func({params}){};", result.unwrap_or_default());
}

/// A type by the name that it has in the interface.
fn type_text(reached: &Reached<'_>, interface: &Interface, ty: &Type) -> String {
    ty.wit(&|name| {
        if name.interface == interface.name {
            return wit_identifier(&name.name);
        }
        let local = interface.types.iter().find(|def| match &def.kind {
            TypeKind::Use(target) => reached.declared(target) == *name,
            _ => false,
        });
        wit_identifier(local.map_or(&name.name, |def| &def.name))
    })
}

fn column_name(table: &Table, column: ColumnIndex) -> &str {
    &table.columns[column.0 as usize].name
}

fn column_names(table: &Table, columns: &[ColumnIndex]) -> String {
    columns.iter().map(|column| column_name(table, *column)).collect::<Vec<_>>().join(", ")
}

/// Docs may come from a file that nobody has looked at. What could end a comment or hide text is
/// replaced, and a line that would read as a directive is marked as prose.
fn write_docs(docs: Option<&str>, indent: &str, out: &mut String) {
    for line in docs.unwrap_or_default().lines() {
        let line: String = line.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
        let line = line.trim_end();
        let mark = if line.trim_start().starts_with('@') { "\\" } else { "" };
        let space = if line.is_empty() { "" } else { " " };
        let text = if mark.is_empty() { line } else { line.trim_start() };
        let _ = writeln!(out, "{indent}///{space}{mark}{text}");
    }
}

/// What WIT refuses anywhere in a file: control characters, those that change the direction of what
/// follows, and some that are deprecated.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{149}' | '\u{673}' | '\u{f77}' | '\u{f79}')
        || matches!(c, '\u{17a3}' | '\u{17a4}' | '\u{17b4}' | '\u{17b5}')
}
