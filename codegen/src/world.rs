//! The guest world of a module: its own world, and beside it the doors to its tables, to the public
//! tables of the modules that it imports, and to the circumstances of a call.
//! Invariant: a foreign table's door has its read functions only.

use crate::CodegenError;
use crate::host::{CONTEXT, HOST_WIT};
use interstice_wit::{ExtraFile, ExtraPackage, Interface, PackageName, Schema, Sources, Table, Visibility};
use std::collections::BTreeMap;
use std::fmt::Write;
use wit_parser::{Resolve, WorldId};

/// How rows cross the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoorKind {
    /// As bytes in the row codec: for bindings that bring the codec.
    Rows,
    /// As typed records: for the bindings generator of any language.
    Typed,
}

/// What is added to a module's sources so that a guest can be generated for it.
#[derive(Clone, Debug)]
pub struct GuestWorld {
    /// The synthesised files.
    pub files: Vec<ExtraFile>,
    /// The world in the module's package.
    pub world: String,
}

impl GuestWorld {
    /// Resolves the module's sources with what is added to them.
    ///
    /// # Errors
    /// If they do not resolve, such as when the module declares a name that is reserved for doors.
    pub fn resolve(&self, sources: &Sources) -> Result<(Resolve, WorldId), CodegenError> {
        let wit = |diagnostics| CodegenError::Wit(Box::new(diagnostics));
        let (resolve, package) = sources.resolve(&self.files).map_err(wit)?;
        match resolve.packages[package].worlds.get(&self.world) {
            Some(world) => Ok((resolve.clone(), *world)),
            None => Err(CodegenError::MissingType { name: self.world.clone() }),
        }
    }
}

/// Synthesises the guest world of a module.
///
/// # Errors
/// If a table names a type that the schema does not hold.
pub fn guest_world(sources: &Sources, schema: &Schema, kind: DoorKind) -> Result<GuestWorld, CodegenError> {
    let world = format!("{}-guest", schema.world);
    let mut own = String::new();
    let mut imports = Vec::new();
    for (interface, table) in schema.tables() {
        let door = door(schema, interface, table, kind, true)?;
        own += &door.text;
        imports.push(door.name);
    }
    let mut foreign: BTreeMap<&PackageName, String> = BTreeMap::new();
    for interface in schema.foreign.iter().filter(|found| schema.imports.contains(&found.name)) {
        for table in interface.tables.iter().filter(|table| table.visibility == Visibility::Public) {
            let door = door(schema, interface, table, kind, false)?;
            let package = &interface.name.package;
            *foreign.entry(package).or_default() += &door.text;
            imports.push(package.interface(&door.name).to_string());
        }
    }
    let _ = writeln!(own, "/// The world `{}` as a guest sees it.\nworld {world} {{", schema.world);
    own += &match kind {
        DoorKind::Rows => format!("  include {};\n", schema.world),
        DoorKind::Typed => typed_world(schema),
    };
    for import in imports.iter().map(String::as_str).chain([CONTEXT]) {
        let _ = writeln!(own, "  import {import};");
    }
    own += "}\n";

    let mut files = vec![extra(ExtraPackage::Root, "interstice-guest.wit", own)];
    for (package, text) in foreign {
        files.push(extra(
            ExtraPackage::Dependency(package.clone()),
            &format!("deps/{}-{}/interstice-doors.wit", package.namespace, package.name),
            text,
        ));
    }
    if !has_host_package(sources) {
        files.push(extra(ExtraPackage::New, "deps/interstice-host/host.wit", HOST_WIT.to_owned()));
    }
    Ok(GuestWorld { files, world })
}

fn extra(package: ExtraPackage, path: &str, text: String) -> ExtraFile {
    ExtraFile { package, path: path.to_owned(), text }
}

/// The world's own imports and exports, except that an interface of types alone is imported: a
/// bindings generator would otherwise make one type for the doors and another for the exports.
fn typed_world(schema: &Schema) -> String {
    let mut text = String::new();
    for import in &schema.imports {
        let _ = writeln!(text, "  import {import};");
    }
    for interface in &schema.exports {
        let direction = if interface.functions.is_empty() { "import" } else { "export" };
        let _ = writeln!(text, "  {direction} {};", interface.name);
    }
    text
}

/// Whether the module vendors the host's package, as `interstice codegen --wit` writes it.
fn has_host_package(sources: &Sources) -> bool {
    sources
        .files()
        .any(|(_, text)| text.lines().any(|line| line.trim_start().starts_with("package interstice:host@")))
}

struct Door {
    name: String,
    text: String,
}

fn door(
    _schema: &Schema,
    _interface: &Interface,
    table: &Table,
    _kind: DoorKind,
    own: bool,
) -> Result<Door, CodegenError> {
    let name = format!("{}-rows", table.name);
    let mut text = format!("interface {name} {{\n");
    if own {
        text += "  use interstice:host/door@0.1.0.{violation};\n";
    }
    text += ROW_READS;
    if own {
        text += ROW_WRITES;
    }
    text += "}\n";
    Ok(Door { name, text })
}

const ROW_READS: &str = "  get: func(key: list<u8>) -> option<list<u8>>;
  find: func(index: u32, key: list<u8>) -> option<list<u8>>;
  scan: func(index: u32, low: list<u8>, high: option<list<u8>>, descending: bool, limit: u32) -> tuple<u32, list<u8>>;
  next: func(scan: u32) -> tuple<bool, list<u8>>;
  close: func(scan: u32);
  count: func() -> u64;
";

const ROW_WRITES: &str = "  insert: func(row: list<u8>) -> result<u64, violation>;
  insert-many: func(rows: list<u8>) -> result<list<u8>, tuple<u32, violation>>;
  update: func(row: list<u8>) -> result<_, violation>;
  upsert: func(row: list<u8>) -> result<u64, violation>;
  delete: func(key: list<u8>) -> bool;
  delete-range: func(index: u32, low: list<u8>, high: option<list<u8>>) -> u64;
";
