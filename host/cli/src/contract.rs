//! What `diff` and `schema` look at: the contract of a module, or a package of WIT that is no module; from a path, or from
//! a version that was published.
//! Invariant: which of the two something is, its own text says, before anything else about it is judged.

use crate::exit::{Exit, Failure};
use crate::packages::{self, RegistryOptions};
use crate::subject::{self, Subject};
use interstice_registry::{Artifact, RegistryError, parse_release, wit_package};
use interstice_wit::plain::{self, Package};
use interstice_wit::{PackageName, Sources, section};
use std::fs;
use std::path::Path;

/// One of the two.
pub(crate) enum Contract {
    Module(Box<Subject>),
    Plain(Box<Package>),
}

/// What a word on the command line stands for: a path, or else a version that was published.
pub(crate) fn read(
    reference: &str,
    world: Option<&str>,
    registry: &RegistryOptions,
) -> Result<Contract, Failure> {
    let path = Path::new(reference);
    // A package has a colon and no slash, and a path may have a colon too.
    if path.exists() || reference.contains('/') || !reference.contains(':') {
        return at_path(path, world);
    }
    let (package, version) = parse_release(reference).map_err(packages::failure)?;
    let opened = registry.open(Path::new("."))?;
    let artifact = opened.any().artifact(&package, &version).map_err(packages::failure)?;
    if let Some(found) = published(&artifact)? {
        check_name(&artifact, &found, &package.at(&version))?;
        return chosen(found, world);
    }
    let release = opened.any().read(&package, &version).map_err(packages::failure)?;
    subject::released(release, world).map(Box::new).map(Contract::Module)
}

/// The package in the file of a version, if it is no module.
pub(crate) fn published(artifact: &Artifact) -> Result<Option<Package>, Failure> {
    match without_section(&artifact.bytes) {
        Some(sources) if plain::is_plain(&sources) => plain::read(&sources).map(Some).map_err(|found| {
            let findings = found.render().trim_end().to_owned();
            packages::failure(RegistryError::Wit { what: artifact.what.clone(), findings })
        }),
        _ => Ok(None),
    }
}

/// Refuses a file that holds another package than its place says.
pub(crate) fn check_name(artifact: &Artifact, found: &Package, asked: &PackageName) -> Result<(), Failure> {
    if found.name.to_string() == asked.to_string() {
        return Ok(());
    }
    let message = format!("{} holds {}, and not {asked}", artifact.what, found.name);
    Err(Failure::new(Exit::Version, message))
}

/// Refuses a package of WIT in its binary form where a module is needed.
pub(crate) fn refuse_binary(path: &Path) -> Result<(), Failure> {
    let is_text = path.extension().is_some_and(|extension| extension == "wit");
    let bytes = if is_text || !path.is_file() { None } else { fs::read(path).ok() };
    match bytes.and_then(|bytes| without_section(&bytes)) {
        Some(sources) => subject::refuse_plain(&sources),
        None => Ok(()),
    }
}

fn at_path(path: &Path, world: Option<&str>) -> Result<Contract, Failure> {
    let has_extension = path.extension().is_some_and(|extension| extension == "wit");
    let is_wit = path.is_dir() || (path.is_file() && has_extension);
    let sources = match is_wit {
        true => Some(subject::load(&subject::wit_of(path)?)?),
        // What cannot be read, or is no WIT, is for the other reading to say.
        false => fs::read(path).ok().and_then(|bytes| without_section(&bytes)),
    };
    match sources {
        Some(sources) if plain::is_plain(&sources) => chosen(plain::read(&sources).map_err(Box::new)?, world),
        Some(sources) => subject::of_sources(&sources, world).map(Box::new).map(Contract::Module),
        None => subject::read(path, world).map(Box::new).map(Contract::Module),
    }
}

/// The text of a package of WIT in its binary form, unless the file is a module.
fn without_section(bytes: &[u8]) -> Option<Sources> {
    let is_missing = matches!(section::extract(bytes), Err(section::SectionError::Missing));
    if is_missing { wit_package(bytes) } else { None }
}

/// The package, or what one world of it says.
fn chosen(package: Package, world: Option<&str>) -> Result<Contract, Failure> {
    let Some(world) = world else { return Ok(Contract::Plain(Box::new(package))) };
    let name = package.name.to_string();
    let package = package.only(world).map_err(|worlds| {
        let worlds: Vec<_> = worlds.iter().map(|world| format!("`{world}`")).collect();
        let known = if worlds.is_empty() { "none".to_owned() } else { worlds.join(", ") };
        Failure::new(Exit::Caller, format!("there is no world `{world}` in {name}; its worlds: {known}"))
    })?;
    Ok(Contract::Plain(Box::new(package)))
}
