//! The guest world as a folder of WIT, for the bindings generator of any language.
//! It is the resolved text of every package, so that nothing depends on how the module's own files
//! are laid out; the module's world is left out, and the guest world alone is in its place.
//! Invariant: what is written resolves by itself, in the ecosystem's layout.

use crate::{CodegenError, DoorKind, guest_world};
use interstice_wit::{Schema, Sources};
use std::path::PathBuf;
use wit_component::WitPrinter;
use wit_parser::{PackageId, Resolve};

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Its place in the folder.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// Writes the guest world of a module with the typed door of each table spelled out, and all packages
/// that it depends on, to be put into a folder as they are.
///
/// # Errors
/// If the guest world does not resolve.
pub fn guest_wit(sources: &Sources, schema: &Schema) -> Result<Vec<GeneratedFile>, CodegenError> {
    let guest = guest_world(sources, schema, DoorKind::Typed);
    let (mut resolve, world) = guest.resolve(sources)?;
    let root = resolve.worlds[world].package;
    let root = root.ok_or_else(|| CodegenError::MissingType { name: guest.world.clone() })?;
    resolve.packages[root].worlds.retain(|name, _| *name == guest.world);

    let mut files = vec![file(&resolve, root, PathBuf::from(format!("{}.wit", schema.world)), schema)?];
    let dependencies: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != root).collect();
    for id in dependencies {
        let name = &resolve.packages[id].name;
        let mut folder = format!("{}-{}", name.namespace, name.name);
        if let Some(version) = &name.version {
            folder += &format!("-{version}");
        }
        files.push(file(&resolve, id, PathBuf::from("deps").join(folder).join("package.wit"), schema)?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn file(
    resolve: &Resolve,
    package: PackageId,
    path: PathBuf,
    schema: &Schema,
) -> Result<GeneratedFile, CodegenError> {
    let mut printer = WitPrinter::default();
    printer
        .print(resolve, package, &[])
        .map_err(|error| CodegenError::Glue { world: schema.world.clone(), reason: format!("{error:#}") })?;
    let text = format!(
        "// Made by `interstice codegen --wit` for {}. Changes made here are lost.\n{}",
        schema.package, printer.output
    );
    Ok(GeneratedFile { path, text })
}
