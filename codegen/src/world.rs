//! The guest world of a module: its own world, and beside it the doors to its tables, to the public
//! tables of the modules that it imports, and to the circumstances of a call.
//! Invariant: a foreign table's door has its read functions only.

use crate::CodegenError;
use interstice_wit::doors::{self, HOST_WIT};
use interstice_wit::{
    ExtraFile, ExtraPackage, Interface, InterfaceName, PackageName, Schema, Sources, Table, wit_identifier,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use wit_parser::{Resolve, WorldId};

/// The interface with the circumstances of a call.
const CONTEXT: &str = "interstice:host/context@0.1.0";

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
pub fn guest_world(sources: &Sources, schema: &Schema, kind: DoorKind) -> GuestWorld {
    let world = format!("{}-guest", schema.world);
    let mut own = String::new();
    let mut imports = Vec::new();
    for (interface, table) in schema.tables() {
        let (name, text) = door(interface, table, kind, true);
        own += &text;
        imports.push(wit_identifier(&name));
    }
    let mut foreign: BTreeMap<&PackageName, String> = BTreeMap::new();
    for interface in &schema.foreign {
        for table in interface.tables.iter().filter(|table| schema.may_read(interface, table)) {
            let (name, text) = door(interface, table, kind, false);
            let package = &interface.name.package;
            *foreign.entry(package).or_default() += &text;
            imports.push(path(schema, &package.interface(&name)));
        }
    }
    let _ = writeln!(own, "/// The world `{}` as a guest sees it.\nworld {world} {{", schema.world);
    own += &match kind {
        DoorKind::Rows => format!("  include {};\n", wit_identifier(&schema.world)),
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
    GuestWorld { files, world }
}

fn extra(package: ExtraPackage, path: &str, text: String) -> ExtraFile {
    ExtraFile { package, path: path.to_owned(), text }
}

/// The world's own imports and exports, except that an interface of types alone is imported: a
/// bindings generator would otherwise make one type for the doors and another for the exports.
fn typed_world(schema: &Schema) -> String {
    let mut text = String::new();
    for import in &schema.imports {
        let _ = writeln!(text, "  import {};", path(schema, import));
    }
    for interface in &schema.exports {
        let direction = if interface.functions.is_empty() { "import" } else { "export" };
        let _ = writeln!(text, "  {direction} {};", path(schema, &interface.name));
    }
    text
}

/// An interface as a world of the module's package names it, each word escaped if it is a keyword.
fn path(schema: &Schema, name: &InterfaceName) -> String {
    let PackageName { namespace, name: package, version } = &name.package;
    let [namespace, package, interface] = [namespace, package, &name.name].map(|word| wit_identifier(word));
    if name.package == schema.package {
        interface
    } else {
        format!("{namespace}:{package}/{interface}@{version}")
    }
}

/// Whether the module vendors the host's package, as `interstice codegen --wit` writes it.
fn has_host_package(sources: &Sources) -> bool {
    sources
        .files()
        .any(|(_, text)| text.lines().any(|line| line.trim_start().starts_with("package interstice:host@")))
}

/// The name and the text of a table's door.
fn door(interface: &Interface, table: &Table, kind: DoorKind, own: bool) -> (String, String) {
    match kind {
        DoorKind::Rows => (doors::rows_interface(table), doors::render_rows(table, own)),
        DoorKind::Typed => (doors::table_interface(table), doors::render_table(&interface.name, table, own)),
    }
}
