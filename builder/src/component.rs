//! From a core module to a component, and from a component to a file that carries its schema.
//! Versions that a module imports are kept apart: the encoder's default would fuse 1.2.0 and 1.3.0.
//! Invariant: what `finish` writes is a valid component with one schema section and no refused import.

use crate::{BuildError, Built, imports};
use interstice_codegen::{DoorKind, guest_world};
use interstice_wit::hash::artifact_hash;
use interstice_wit::{Schema, Sources, section};
use std::path::PathBuf;
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};

/// Encodes a core module against the world that its own sections name; where it names none, as a
/// binary without generated bindings does, against the module's guest world with these doors.
pub(crate) fn encode(
    core: Vec<u8>,
    sources: &Sources,
    schema: &Schema,
    doors: DoorKind,
) -> Result<Vec<u8>, BuildError> {
    imports::refuse_system_interface(&core, schema)?;
    if doors == DoorKind::Rows && is_without_exports(&core, schema) {
        return Err(BuildError::Encode {
            world: schema.world.clone(),
            reason: "it exports none of its functions; is `export!(…)` there?".to_owned(),
        });
    }
    let core = if names_world(&core) { core } else { with_world(core, sources, schema, doors)? };
    let encoder = ComponentEncoder::default().validate(true).merge_imports_based_on_semver(false);
    let encoded = encoder.module(&core).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| BuildError::Encode { world: schema.world.clone(), reason: format!("{error:#}") })
}

/// Whether the world has functions and the core module none of them: the bindings export all or none.
fn is_without_exports(core: &[u8], schema: &Schema) -> bool {
    let package = format!("{}/", schema.package.unversioned());
    let mut exports = Parser::new(0).parse_all(core).flat_map(|payload| match payload {
        Ok(Payload::ExportSection(section)) => {
            section.into_iter().flatten().map(|export| export.name).collect()
        }
        _ => Vec::new(),
    });
    schema.functions().next().is_some() && !exports.any(|name| name.contains(&package))
}

fn names_world(core: &[u8]) -> bool {
    Parser::new(0).parse_all(core).any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    })
}

fn with_world(
    mut core: Vec<u8>,
    sources: &Sources,
    schema: &Schema,
    doors: DoorKind,
) -> Result<Vec<u8>, BuildError> {
    let world = guest_world(sources, schema, doors);
    let (resolve, id) = world.resolve(sources)?;
    let embedded = wit_component::embed_component_metadata(&mut core, &resolve, id, StringEncoding::UTF8);
    embedded.map_err(|error| BuildError::Encode {
        world: schema.world.clone(),
        reason: format!("its world cannot be embedded: {error:#}"),
    })?;
    Ok(core)
}

/// Checks the imports, embeds the schema and writes the file.
pub(crate) fn finish(component: Vec<u8>, schema: Schema, path: PathBuf) -> Result<Built, BuildError> {
    imports::check(&component, &schema)?;
    let component = section::embed(&component, &schema)?;
    crate::write_whole(&path, &component)?;
    Ok(Built { digest: artifact_hash(&component), component, schema, path })
}
