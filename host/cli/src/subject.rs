//! What a path on the command line is: the folder of a module, a folder or file of WIT, a component.
//! `check` and `schema` take all of them, so that one question has one answer wherever it is asked.
//! Invariant: a component's schema is returned only after its binary was held against it.

use crate::exit::{Exit, Failure};
use interstice_engine::{Contradictions, Engine, EngineError, EngineOptions};
use interstice_registry::Release;
use interstice_wit::capabilities::Capabilities;
use interstice_wit::hash::artifact_hash;
use interstice_wit::{Hash, Schema, Sources, plain, section};
use std::fs;
use std::path::{Path, PathBuf};

/// A schema and where it came from.
pub(crate) struct Subject {
    pub(crate) schema: Schema,
    /// The digest of the file, if the path is a component.
    pub(crate) artifact: Option<Hash>,
    /// What it can touch: by its contract, or by what the component does import.
    pub(crate) capabilities: Capabilities,
}

/// Reads the schema of whatever stands at a path.
pub(crate) fn read(path: &Path, world: Option<&str>) -> Result<Subject, Failure> {
    let metadata = fs::metadata(path)
        .map_err(|error| Failure::new(Exit::Caller, format!("cannot read {}: {error}", path.display())))?;
    if metadata.is_dir() || path.extension().is_some_and(|extension| extension == "wit") {
        return of_sources(&load(&wit_of(path)?)?, world);
    }
    let bytes = fs::read(path)
        .map_err(|error| Failure::new(Exit::Caller, format!("cannot read {}: {error}", path.display())))?;
    let (schema, capabilities) =
        component(&bytes).map_err(|failure| failure.context(format!("{} cannot be used", path.display())))?;
    check_world(&schema, world)?;
    Ok(Subject { schema, artifact: Some(artifact_hash(&bytes)), capabilities })
}

/// What WIT says of a module.
pub(crate) fn of_sources(sources: &Sources, world: Option<&str>) -> Result<Subject, Failure> {
    let schema = module(sources, world)?;
    let capabilities = Capabilities::allowed(&schema);
    Ok(Subject { schema, artifact: None, capabilities })
}

/// Reads the contract of a module. WIT without any directive, in which much would be wrong with it, was not meant as one.
pub(crate) fn module(sources: &Sources, world: Option<&str>) -> Result<Schema, Failure> {
    interstice_wit::read(sources, world)
        .map_err(|found| Box::new(if is_plain(sources) { plain::no_module(sources) } else { found }).into())
}

/// Refuses WIT that was not meant as the contract of a module, and is none by chance.
pub(crate) fn refuse_plain(sources: &Sources) -> Result<(), Failure> {
    match plain_name(sources) {
        Some(_) => Err(Box::new(plain::no_module(sources)).into()),
        None => Ok(()),
    }
}

/// The name of a package that is no module.
pub(crate) fn plain_name(sources: &Sources) -> Option<String> {
    let worlds = || interstice_wit::worlds(sources).unwrap_or_default();
    let is_module = || worlds().iter().any(|world| interstice_wit::read(sources, Some(world)).is_ok());
    if !plain::is_plain(sources) || is_module() {
        return None;
    }
    plain::read(sources).ok().map(|package| package.name.to_string())
}

/// Whether WIT is a package without directives, and a sound one.
fn is_plain(sources: &Sources) -> bool {
    plain::is_plain(sources) && plain::read(sources).is_ok()
}

/// What a registry holds of a version.
pub(crate) fn released(release: Release, world: Option<&str>) -> Result<Subject, Failure> {
    let artifact = Some(release.facts.artifact);
    let (schema, capabilities) = if release.is_component {
        let package = release.facts.package.clone();
        component(&release.bytes).map_err(|failure| failure.context(format!("{package} cannot be used")))?
    } else {
        // A package of WIT alone has no binary.
        let capabilities = Capabilities::allowed(&release.schema);
        (release.schema, capabilities)
    };
    check_world(&schema, world)?;
    Ok(Subject { schema, artifact, capabilities })
}

/// Refuses a world that a component does not have.
fn check_world(schema: &Schema, world: Option<&str>) -> Result<(), Failure> {
    match world.is_some_and(|world| world != schema.world) {
        true => {
            let message = format!("the only world of the component is `{}`", schema.world);
            Err(Failure::new(Exit::Caller, message))
        }
        false => Ok(()),
    }
}

/// The WIT of a path: itself, or the folder `wit` of a module.
pub(crate) fn wit_of(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_file() || has_wit_files(path) {
        return Ok(path.to_owned());
    }
    // Without the `./`, which would only stand before every path in messages.
    let inner = if path == Path::new(".") { PathBuf::from("wit") } else { path.join("wit") };
    if inner.is_dir() {
        return Ok(inner);
    }
    let message = match path.exists() {
        true => format!("{} contains neither a `.wit` file nor a folder `wit`", path.display()),
        false => format!("{} does not exist", path.display()),
    };
    Err(Failure::new(Exit::Caller, message))
}

/// Reads WIT from disk.
pub(crate) fn load(path: &Path) -> Result<Sources, Failure> {
    interstice_codegen::load(path).map_err(|error| Failure::from_error(Exit::Caller, &error))
}

/// What a component says about itself, and can prove.
pub(crate) fn component_schema(bytes: &[u8]) -> Result<Schema, Failure> {
    component(bytes).map(|(schema, _)| schema)
}

fn component(bytes: &[u8]) -> Result<(Schema, Capabilities), Failure> {
    let schema = section::extract(bytes).map_err(|error| Failure::from_error(Exit::Version, &error))?;
    let imports = proven_imports(bytes, &schema)?;
    let imports = imports.iter().map(|(interface, function)| (interface.as_str(), function.as_str()));
    let capabilities = Capabilities::used(&schema, imports);
    Ok((schema, capabilities))
}

/// Holds the binary of a component against a schema.
pub(crate) fn prove(bytes: &[u8], schema: &Schema) -> Result<(), Failure> {
    proven_imports(bytes, schema).map(drop)
}

/// The same, with the functions that it imports.
fn proven_imports(bytes: &[u8], schema: &Schema) -> Result<Vec<(String, String)>, Failure> {
    let failed = |error: EngineError| Failure::from_error(Exit::Version, &error);
    // One instance is more than a proof needs, and an engine for a thousand reserves address space.
    let engine =
        Engine::new(EngineOptions { max_instances: 1, ..EngineOptions::default() }).map_err(failed)?;
    let compiled = engine.compile(bytes, None).map_err(failed)?;
    interstice_engine::prove(&compiled, schema)
        .map_err(|found| failed(EngineError::Contradictions(Contradictions(found))))?;
    Ok(compiled.imported_functions())
}

fn has_wit_files(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "wit"))
}
