//! Rust bindings of a module: what its author reads and implements, and the canonical-ABI glue below it.
//! The readable part is written here; the glue comes from wit-bindgen.
//! Invariant: the same sources give the same text, byte for byte.

mod abi;
mod contexts;
mod format;
mod functions;
mod names;
mod tables;
mod types;

use crate::{CodegenError, DoorKind, guest_world};
use abi::Abi;
use functions::Exported;
use interstice_wit::{Interface, Schema, Sources, Visibility};
use names::Names;
use std::collections::BTreeMap;
use std::fmt::Write;
use tables::TableNames;

/// Writes the Rust bindings of a module, formatted.
///
/// They compile in a crate that depends on `interstice` alone, as a module of any name or at the root
/// of the crate.
///
/// # Errors
/// If the guest world does not resolve, or something in it has no Rust form.
pub fn rust_bindings(sources: &Sources, schema: &Schema) -> Result<String, CodegenError> {
    let mut names = Names::new(schema)?;
    let tables = reached_tables(&mut names);
    let exported = Exported::all(&mut names);
    let abi = glue(sources, schema, &names)?;

    let mut root = contexts::contexts(&mut names, &tables);
    for found in &exported {
        root += &found.item(&names);
    }
    let mut text = header(schema);
    text += &format::items(&root)?;
    text.push('\n');
    text += &interface_modules(&names, &abi, &tables)?;
    text.push('\n');
    text += EXPORT;
    text.push('\n');
    text += &abi_module(&names, abi, &tables, &exported)?;
    Ok(text)
}

fn header(schema: &Schema) -> String {
    format!(
        "// Rust bindings of {}, made by `interstice codegen` from the world `{}`.\n// Change the WIT and run it again; changes made here are lost.\n\n",
        schema.package, schema.world
    )
}

/// The module's own tables, and the public ones of the interfaces that it imports.
fn reached_tables<'a>(names: &mut Names<'a>) -> Vec<TableNames<'a>> {
    let schema = names.schema;
    let mut reached = Vec::new();
    for (interface, table) in schema.tables() {
        reached.push(TableNames::new(names, interface, table, true));
    }
    for interface in schema.foreign.iter().filter(|interface| schema.imports.contains(&interface.name)) {
        for table in interface.tables.iter().filter(|table| table.visibility == Visibility::Public) {
            reached.push(TableNames::new(names, interface, table, false));
        }
    }
    reached
}

fn glue(sources: &Sources, schema: &Schema, names: &Names<'_>) -> Result<Abi, CodegenError> {
    let (resolve, world) = guest_world(sources, schema, DoorKind::Rows)?.resolve(sources)?;
    abi::generate(resolve, world, names)
}

/// One module for each interface; those of other packages in modules of their namespace and package.
fn interface_modules(
    names: &Names<'_>,
    abi: &Abi,
    tables: &[TableNames<'_>],
) -> Result<String, CodegenError> {
    let mut tree = Module::default();
    for interface in names.schema.exports.iter().chain(&names.schema.foreign) {
        let mut items = types::types(names, interface);
        for table in tables.iter().filter(|table| table.interface.name == interface.name) {
            items += &table.items(names);
        }
        if !names.schema.exports.iter().any(|exported| exported.name == interface.name) {
            items += &functions::imported(names, abi, interface);
        }
        let mut place = &mut tree;
        for module in names.module(&interface.name) {
            place = place.modules.entry(module.clone()).or_default();
        }
        place.content = Some((interface, format::items(&items)?));
    }
    Ok(tree.text())
}

#[derive(Default)]
struct Module<'a> {
    modules: BTreeMap<String, Module<'a>>,
    content: Option<(&'a Interface, String)>,
}

impl Module<'_> {
    fn text(&self) -> String {
        let modules = self.modules.iter().map(|(name, module)| match &module.content {
            Some((interface, items)) => {
                let docs = match interface.docs.as_deref().map(str::trim) {
                    Some(docs) if !docs.is_empty() => docs.to_owned(),
                    _ => format!("The interface `{}`.", interface.name),
                };
                format::module(TYPE_LINTS, name, &docs, items)
            }
            None => format::module("", name, "Interfaces of other packages.", &module.text()),
        });
        modules.collect::<Vec<_>>().join("\n")
    }
}

/// The shape of the types is the WIT's affair, and not that of whoever compiles them.
const TYPE_LINTS: &str =
    "#[allow(clippy::enum_variant_names, clippy::large_enum_variant, clippy::type_complexity)]\n";

const EXPORT: &str = "\
/// Makes a type the implementation of this module: `export!(Bank);`, where `Bank` implements the traits
/// above. Outside of the module that holds the bindings: `export!(Bank with_types_in crate::bindings);`.
#[allow(unused_macros)]
macro_rules! __interstice_export {
    ($implementation:ident) => {
        #[allow(unsafe_code)]
        const _: () = {
            self::abi::export!($implementation with_types_in self::abi);
        };
    };
    ($implementation:ident with_types_in $($bindings:tt)*) => {
        #[allow(unsafe_code)]
        const _: () = {
            $($bindings)*::abi::export!($implementation with_types_in $($bindings)*::abi);
        };
    };
}

#[allow(unused_imports)]
pub(crate) use __interstice_export as export;
";

fn abi_module(
    names: &Names<'_>,
    abi: Abi,
    tables: &[TableNames<'_>],
    exported: &[Exported<'_>],
) -> Result<String, CodegenError> {
    let mut wiring = types::enum_lifts(names);
    for found in exported {
        wiring += &found.wiring(&abi);
    }
    wiring += "pub mod doors {\n";
    for table in tables {
        let package = &table.interface.name.package;
        let door = package.interface(&format!("{}-rows", table.table.name));
        let module =
            abi.imports.get(&door).ok_or_else(|| CodegenError::MissingType { name: door.to_string() })?;
        let kind = if table.own { "write" } else { "read" };
        let _ = writeln!(wiring, "::interstice::__row_door!({kind} {}, super::{module});", table.door);
    }
    wiring += "}\n";
    let items = format::items(&wiring)? + "\n" + &format::join(abi.items);
    let text = format::module(
        GLUE_LINTS,
        "abi",
        "The canonical-ABI glue, for the most part by wit-bindgen.",
        &items,
    );
    Ok(text.replacen("pub mod abi", "pub(crate) mod abi", 1))
}

const GLUE_LINTS: &str = "#[doc(hidden)]\n#[allow(warnings, unsafe_code, missing_docs, clippy::all)]\n";
