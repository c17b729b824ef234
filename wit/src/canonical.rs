//! The canonical form: one text for everything that a hash is taken of.
//! Aliases are expanded and items sorted by name; fields, cases and parameters keep their order;
//! docs, gates, versions and whatever a caller cannot see are left out.
//! Invariant: two schemas that mean the same to a caller have the same text, byte by byte.

use crate::schema::{
    ColumnIndex, Function, FunctionKind, Interface, Schema, Storage, Table, Type, TypeKind, Visibility,
};
use interstice_codec::ValueType;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The version of the row and key encodings, which the storage form begins with.
pub const CODEC_VERSION: u32 = 1;

/// The canonical text of each item of an interface that its callers can see, by its kind and its name:
///
/// | key | text | who uses it |
/// |---|---|---|
/// | `function/transfer` | kind, parameters and result, their structure written out | callers |
/// | `type/account` | its structure; aliases and `use`d types are not items, since they are expanded where they stand | callers |
/// | `table/account` | storage and primary key | readers of a public table |
/// | `column/account.owner` | its type | readers of that column |
/// | `index/account.owner` | its columns, and whether it is unique | readers by that index |
///
/// A private interface has no items, nor has a private table; where a signature has its record, the
/// structure of that is written out. A handler is called by the host only.
pub fn interface_items(schema: &Schema, interface: &Interface) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    if interface.visibility == Visibility::Private {
        return items;
    }
    let is_private = |name: &str| {
        interface.tables.iter().any(|table| table.name == name && table.visibility == Visibility::Private)
    };
    for def in interface.types.iter().filter(|def| !is_private(&def.name)) {
        if !matches!(def.kind, TypeKind::Alias(_) | TypeKind::Use(_)) {
            let named =
                Type::Named(crate::TypeName { interface: interface.name.clone(), name: def.name.clone() });
            items.insert(format!("type/{}", def.name), structure(schema, &named));
        }
    }
    for function in &interface.functions {
        if let Some(text) = signature(schema, function) {
            items.insert(format!("function/{}", function.name), text);
        }
    }
    for table in interface.tables.iter().filter(|table| table.visibility == Visibility::Public) {
        let name = &table.name;
        let key = column_names(table, &table.primary_key);
        items.insert(format!("table/{name}"), format!("{} primary-key({key})", storage_word(table.storage)));
        for column in &table.columns {
            items.insert(format!("column/{name}.{}", column.name), structure(schema, &column.ty));
        }
        for index in &table.indexes {
            let columns = column_names(table, &index.columns);
            items.insert(
                format!("index/{name}.{}", index.name),
                format!("{}({columns})", index_word(index.unique)),
            );
        }
    }
    items
}

/// The canonical text of everything that is stored: all tables of the module, private ones too.
/// The interface in which a table stands is not part of it.
pub fn storage(schema: &Schema) -> String {
    let mut text = format!("codec {CODEC_VERSION}\n");
    let mut tables: Vec<_> = schema.tables().map(|(_, table)| table).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables.into_iter().for_each(|table| write_stored_table(schema, table, &mut text));
    text
}

/// The canonical text of how the rows of one table are stored.
pub fn stored_table(schema: &Schema, table: &Table) -> String {
    let mut text = format!("codec {CODEC_VERSION}\n");
    write_stored_table(schema, table, &mut text);
    text
}

fn write_stored_table(schema: &Schema, table: &Table, text: &mut String) {
    let _ = writeln!(text, "table {} {}", table.name, storage_word(table.storage));
    for column in &table.columns {
        let counts = if column.auto_increment { " auto-increment" } else { "" };
        let _ = writeln!(text, "  column {}: {}{counts}", column.name, structure(schema, &column.ty));
    }
    let _ = writeln!(text, "  primary-key({})", column_names(table, &table.primary_key));
    let mut indexes: Vec<_> = table.indexes.iter().collect();
    indexes.sort_by(|a, b| a.name.cmp(&b.name));
    for index in indexes {
        let columns = column_names(table, &index.columns);
        let _ = writeln!(text, "  {}({columns})", index_word(index.unique));
    }
}

/// A type with every name in it replaced by what it stands for.
pub fn structure(schema: &Schema, ty: &Type) -> String {
    structure_of(&schema.value_type(ty))
}

/// A structure as text, written as WIT would with records and variants in place of their names.
pub fn structure_of(ty: &ValueType) -> String {
    let mut text = String::new();
    write_type(ty, &mut text);
    text
}

/// What a caller sees of a function; nothing for a handler.
fn signature(schema: &Schema, function: &Function) -> Option<String> {
    let kind = match function.kind {
        FunctionKind::Reducer => "reducer",
        FunctionKind::Query => "query",
        FunctionKind::On(_) | FunctionKind::Schedule { .. } | FunctionKind::Migrate => return None,
    };
    let params: Vec<_> = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, structure(schema, &param.ty)))
        .collect();
    let result =
        function.result.as_ref().map(|ty| format!(" -> {}", structure(schema, ty))).unwrap_or_default();
    Some(format!("{kind}({}){result}", params.join(", ")))
}

fn column_names(table: &Table, columns: &[ColumnIndex]) -> String {
    let names = columns.iter().map(|column| table.columns[column.0 as usize].name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn storage_word(storage: Storage) -> &'static str {
    match storage {
        Storage::Logged => "logged",
        Storage::Ephemeral => "ephemeral",
    }
}

fn index_word(unique: bool) -> &'static str {
    if unique { "unique" } else { "index" }
}

fn write_type(ty: &ValueType, out: &mut String) {
    let plain = match ty {
        ValueType::Bool => "bool",
        ValueType::U8 => "u8",
        ValueType::U16 => "u16",
        ValueType::U32 => "u32",
        ValueType::U64 => "u64",
        ValueType::S8 => "s8",
        ValueType::S16 => "s16",
        ValueType::S32 => "s32",
        ValueType::S64 => "s64",
        ValueType::F32 => "f32",
        ValueType::F64 => "f64",
        ValueType::Char => "char",
        ValueType::String => "string",
        _ => return write_compound(ty, out),
    };
    out.push_str(plain);
}

fn write_compound(ty: &ValueType, out: &mut String) {
    match ty {
        ValueType::List(element) => around(out, "list<", ">", [element.as_ref()], write_type),
        ValueType::Option(some) => around(out, "option<", ">", [some.as_ref()], write_type),
        ValueType::Result { ok, err } => {
            around(out, "result<", ">", [ok.as_deref(), err.as_deref()], |side, out| match side {
                Some(ty) => write_type(ty, out),
                None => out.push('_'),
            });
        }
        ValueType::Tuple(elements) => around(out, "tuple<", ">", elements, write_type),
        ValueType::Record(fields) => around(out, "record { ", " }", fields, |field, out| {
            out.push_str(&field.name);
            out.push_str(": ");
            write_type(&field.ty, out);
        }),
        ValueType::Variant(cases) => around(out, "variant { ", " }", cases, |case, out| {
            out.push_str(&case.name);
            if let Some(ty) = &case.ty {
                out.push('(');
                write_type(ty, out);
                out.push(')');
            }
        }),
        ValueType::Enum(cases) => around(out, "enum { ", " }", cases, |case, out| out.push_str(case)),
        ValueType::Flags(flags) => around(out, "flags { ", " }", flags, |flag, out| out.push_str(flag)),
        _ => unreachable!("every type without parts was written by its name"),
    }
}

fn around<T>(
    out: &mut String,
    open: &str,
    close: &str,
    parts: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut String),
) {
    out.push_str(open);
    for (position, part) in parts.into_iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        write(part, out);
    }
    out.push_str(close);
}
