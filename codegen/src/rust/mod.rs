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
use interstice_wit::{Schema, Sources, doors};
use names::Names;
use std::collections::BTreeMap;
use std::fmt::Write;
use tables::{DOORS, TableNames};

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

    let contexts = contexts::contexts(&mut names, &tables);
    let mut root = contexts.definitions;
    let mut impls = contexts.impls;
    for found in &exported {
        root += &found.item(&names);
        impls += &found.wiring(&abi);
    }
    let mut text = header(schema);
    text += &format::items(&root)?;
    text.push('\n');
    text += &interface_modules(&names, &abi, &tables, &mut impls)?;
    text.push('\n');
    text += &export_macro(&exported);
    text.push('\n');
    text += &abi_module(abi, &tables, &impls)?;
    Ok(text)
}

fn header(schema: &Schema) -> String {
    format!(
        "// Rust bindings of {}, made by `interstice codegen` from the world `{}`.\n// Change the WIT and run it again; changes made here are lost.\n\n",
        schema.package, schema.world
    )
}

/// The module's own tables, the public ones of the interfaces that it imports, and those that a migration reads.
fn reached_tables<'a>(names: &mut Names<'a>) -> Vec<TableNames<'a>> {
    let schema = names.schema;
    let mut reached = Vec::new();
    for (interface, table) in schema.tables() {
        reached.push(TableNames::new(names, interface, table, true));
    }
    for interface in &schema.foreign {
        for table in interface.tables.iter().filter(|table| schema.may_read(interface, table)) {
            reached.push(TableNames::new(names, interface, table, false));
        }
    }
    reached
}

fn glue(sources: &Sources, schema: &Schema, names: &Names<'_>) -> Result<Abi, CodegenError> {
    let (resolve, world) = guest_world(sources, schema, DoorKind::Rows).resolve(sources)?;
    abi::generate(resolve, world, names)
}

/// One module for each interface; those of other packages in modules of their namespace and package.
fn interface_modules(
    names: &Names<'_>,
    abi: &Abi,
    tables: &[TableNames<'_>],
    impls: &mut String,
) -> Result<String, CodegenError> {
    let mut tree = Module::default();
    for interface in names.schema.exports.iter().chain(&names.schema.foreign) {
        let types = types::types(names, interface);
        let mut items = types.definitions;
        *impls += &types.impls;
        for table in tables.iter().filter(|table| table.interface.name == interface.name) {
            items += &table.definitions();
            *impls += &table.impls(names);
        }
        if !names.schema.exports.iter().any(|exported| exported.name == interface.name) {
            items += &functions::imported(names, abi, interface);
        }
        if items.is_empty() {
            continue;
        }
        let path = names.module(&interface.name);
        let package = &interface.name.package;
        let docs = [format!("What is imported from `{}`.", package.namespace), format!("`{package}`")];
        let mut place = &mut tree;
        for (module, docs) in path.iter().zip(&docs) {
            place = place.modules.entry(module.clone()).or_default();
            place.docs = docs.clone();
        }
        if let Some(module) = path.get(docs.len()) {
            place = place.modules.entry(module.clone()).or_default();
        }
        place.docs = match interface.docs.as_deref().map(str::trim) {
            Some(docs) if !docs.is_empty() => docs.to_owned(),
            _ => format!("The interface `{}`.", interface.name),
        };
        place.items = format::items(&items)?;
    }
    Ok(tree.text())
}

#[derive(Default)]
struct Module {
    docs: String,
    items: String,
    modules: BTreeMap<String, Module>,
}

impl Module {
    fn text(&self) -> String {
        let modules = self.modules.iter().map(|(name, module)| {
            let has_choices = module.items.contains("pub enum ");
            let lints = if has_choices { ENUM_LINTS } else { "" };
            format::module(lints, name, &module.docs, &(module.items.clone() + &module.text()))
        });
        modules.collect::<Vec<_>>().join("\n")
    }
}

/// The shape of an enum is decided by the WIT, not by the crate that compiles it.
const ENUM_LINTS: &str = "#[allow(clippy::enum_variant_names, clippy::large_enum_variant)]\n";

/// The macro by which the author names the implementation.
///
/// Only a component can carry the exports: their names are not those that native linkers take. Elsewhere
/// the traits are checked and no more, so that a module can be checked and tested natively.
fn export_macro(exported: &[Exported<'_>]) -> String {
    let traits: Vec<_> = exported.iter().map(|found| format!("$($bindings)*::{}", found.ident)).collect();
    // Without exported functions there is nothing that wit-bindgen exports.
    let (exports, native, bound) = match traits.is_empty() {
        true => ("", "", String::new()),
        false => (COMPONENT_EXPORTS, NATIVE, format!(": {}", traits.join(" + "))),
    };
    EXPORT.replace("EXPORTS\n", exports).replace("NATIVE\n", native).replace("BOUND", &bound)
}

const EXPORT: &str = "\
/// Makes a type the implementation of this module: `export!(Bank);`, where `Bank` implements the traits
/// above. Outside of the module that holds the bindings: `export!(Bank with_types_in crate::bindings);`.
#[allow(unused_macros)]
macro_rules! __interstice_export {
    ($implementation:ident) => {
        self::export!($implementation with_types_in self);
    };
    ($implementation:ident with_types_in $($bindings:tt)*) => {
EXPORTS
NATIVE
        const _: fn() = || {
            fn implements<TBOUND>() {}
            implements::<$implementation>();
        };
    };
}

#[allow(unused_imports)]
pub(crate) use __interstice_export as export;
";

const COMPONENT_EXPORTS: &str = "        #[cfg(target_arch = \"wasm32\")]
        #[allow(unsafe_code)]
        const _: () = {
            $($bindings)*::abi::export!($implementation with_types_in $($bindings)*::abi);
        };
";

const NATIVE: &str = "        #[cfg(not(target_arch = \"wasm32\"))]\n";

fn abi_module(mut abi: Abi, tables: &[TableNames<'_>], impls: &str) -> Result<String, CodegenError> {
    let mut doors = format!("mod {DOORS} {{\n");
    for table in tables {
        let package = &table.interface.name.package;
        let interface = package.interface(&doors::rows_interface(table.table));
        // The guest library calls the row doors itself; the glue that wit-bindgen made is not used.
        abi.remove_import(&interface);
        let kind = if table.own { "write" } else { "read" };
        let _ =
            writeln!(doors, "::interstice::__row_door!({kind} {} {:?});", table.door, interface.to_string());
    }
    doors += "}\n";
    let items = format::items(&format!("{USES}{impls}{doors}"))? + "\n" + &format::join(abi.items);
    let text = format::module(GLUE_LINTS, "abi", GLUE_DOCS, &items);
    Ok(text.replacen("pub mod abi", "pub(crate) mod abi", 1))
}

const GLUE_LINTS: &str = "#[doc(hidden)]\n#[allow(warnings, unsafe_code, missing_docs, clippy::all)]\n";

const GLUE_DOCS: &str =
    "How the types above are encoded and how the handles reach the host; then the canonical-ABI glue by
wit-bindgen. There is nothing in here to use.";

const USES: &str = "
use ::core::ops::Deref;
use ::interstice::codec::DecodeError;
use ::interstice::codec::key::KeyColumn;
use ::interstice::codec::row::{Decode, Encode, Reader, write_case, write_flags};
use ::interstice::rt::Entered;
";
