//! What a component says about itself as a release: its package, hashes, dependencies and exports.
//! It trusts the schema section after [`section::extract`] has checked it; the proof against the binary
//! is for whoever has an engine.
//! Invariant: the facts follow from the bytes alone.

use crate::{PackageId, RegistryError};
use interstice_wit::hash::{artifact_hash, interface_hash, storage_hash};
use interstice_wit::{Diagnostics, Hash, PackageName, Schema, Sources, Visibility, plain, section};
use semver::Version;
use std::collections::BTreeSet;
use wit_component::{DecodedWasm, WitPrinter};

/// The largest component that is published or read. What a database installs is smaller by far.
pub const MAX_ARTIFACT_BYTES: u64 = 256 << 20;

/// A component of a registry, its bytes verified.
#[derive(Clone, Debug)]
pub struct Release {
    /// The file.
    pub bytes: Vec<u8>,
    /// The facts about it.
    pub facts: Facts,
    /// Its schema.
    pub schema: Schema,
    /// Whether it can be installed; else it is a package of WIT alone, as `wkg wit build` makes it.
    pub is_component: bool,
}

/// What is known of a release without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The package and its version.
    pub package: PackageName,
    /// The sha256 of the file.
    pub artifact: Hash,
    /// The interface hash.
    pub interface: Hash,
    /// The storage hash.
    pub storage: Hash,
    /// The names of its public interfaces.
    pub exports: Vec<String>,
    /// The first line of its docs.
    pub summary: Option<String>,
    /// What it imports from, each package once at each version.
    pub dependencies: Vec<PackageName>,
    /// The length of the file.
    pub size_bytes: u64,
}

impl Release {
    /// Reads a component. `what` names it in errors.
    ///
    /// # Errors
    /// If it is no module of Interstice, too large, or its package has a name that no registry takes.
    pub fn read(bytes: Vec<u8>, what: &str) -> Result<Release, RegistryError> {
        let size_bytes = bytes.len() as u64;
        if size_bytes > MAX_ARTIFACT_BYTES {
            let what = what.to_owned();
            return Err(RegistryError::TooLarge { what, size_bytes, limit_bytes: MAX_ARTIFACT_BYTES });
        }
        let (schema, is_component) = match section::extract(&bytes) {
            Ok(schema) => (schema, true),
            Err(source) => {
                let what = what.to_owned();
                // Another tool's package may be WIT alone, directives and all.
                let Some(sources) = wit_package(&bytes) else {
                    return Err(RegistryError::Component { what, source });
                };
                let read = interstice_wit::read(&sources, None);
                if read.is_err()
                    && plain::is_plain(&sources)
                    && let Ok(found) = plain::read(&sources)
                {
                    return Err(RegistryError::NoModule { what, package: found.name.to_string() });
                }
                let told = |found: Diagnostics| found.render().trim_end().to_owned();
                (read.map_err(|found| RegistryError::Wit { what, findings: told(found) })?, false)
            }
        };
        PackageId::of(&schema.package)?;
        let facts = Facts {
            package: schema.package.clone(),
            artifact: artifact_hash(&bytes),
            interface: interface_hash(&schema).module,
            storage: storage_hash(&schema),
            exports: schema
                .exports
                .iter()
                .filter(|interface| interface.visibility == Visibility::Public)
                .map(|interface| interface.name.name.clone())
                .collect(),
            summary: schema.docs.as_deref().and_then(summary),
            dependencies: dependencies(&schema),
            size_bytes,
        };
        Ok(Release { bytes, facts, schema, is_component })
    }

    /// Refuses a component that is not the package that it was asked for as.
    pub(crate) fn expect(
        self,
        id: &PackageId,
        version: &Version,
        what: &str,
    ) -> Result<Release, RegistryError> {
        match self.schema.package == id.at(version) {
            true => Ok(self),
            false => Err(RegistryError::Misplaced { what: what.to_owned(), found: self.schema.package }),
        }
    }
}

/// The text of a package of WIT in its binary form, with the packages that it uses; none if the file is no such package.
pub fn wit_package(bytes: &[u8]) -> Option<Sources> {
    let Ok(DecodedWasm::WitPackage(resolve, package)) = wit_component::decode(bytes) else { return None };
    let print = |id| {
        let mut printer = WitPrinter::default();
        printer.print(&resolve, id, &[]).ok()?;
        Some(printer.output.to_string())
    };
    let mut sources = Sources::new();
    for (id, other) in resolve.packages.iter() {
        let name = other.name.to_string();
        match id == package {
            true => sources.add_root(format!("{name}.wit"), print(id)?),
            false => sources.add_dependency_file(name.as_str(), format!("{name}.wit"), print(id)?),
        };
    }
    Some(sources)
}

/// The packages that a module imports from, each once at each version.
pub fn dependencies(schema: &Schema) -> Vec<PackageName> {
    let packages: BTreeSet<_> = schema.imports.iter().map(|interface| interface.package.clone()).collect();
    // Its own older version is read by a migration, and never linked.
    packages.into_iter().filter(|package| package.unversioned() != schema.package.unversioned()).collect()
}

/// The first sentence or line, short enough for a list, without what a terminal would obey.
fn summary(docs: &str) -> Option<String> {
    const MAX_LETTERS: usize = 120;
    let line = docs.lines().map(str::trim).find(|line| !line.is_empty())?;
    let plain: String = line.chars().filter(|c| !c.is_control()).take(MAX_LETTERS).collect();
    Some(plain)
}
