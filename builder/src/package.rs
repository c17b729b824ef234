//! A module from its crate: the WIT is read first, so that its mistakes are told before minutes of
//! compiling, then cargo, then the component.
//! Invariant: the file appears whole or not at all.

use crate::cargo::{Crate, Running};
use crate::component::{encode, finish};
use crate::{BuildError, Built};
use interstice_codegen::DoorKind;
use interstice_wit::{Schema, Sources};
use std::path::{Path, PathBuf};

/// How a crate is built.
#[derive(Clone, Debug, Default)]
pub struct PackageOptions {
    /// The folder or file with the module's WIT. Where none is given: `wit` in
    /// `[package.metadata.interstice]` of its Cargo.toml, else the folder `wit` beside it.
    pub wit: Option<PathBuf>,
    /// The world, where the package has several: else `world` in `[package.metadata.interstice]`.
    pub world: Option<String>,
    /// Where the component goes. Where none is given:
    /// `<target>/interstice/<namespace>-<name>-<version>.wasm`.
    pub output: Option<PathBuf>,
    /// The target folder, instead of the one that cargo uses for the crate's workspace.
    pub target: Option<PathBuf>,
    /// Fails when Cargo.lock would change.
    pub locked: bool,
    /// Uses no network.
    pub offline: bool,
    /// Keeps cargo from telling its progress; what the compiler says is still shown.
    pub quiet: bool,
}

/// Builds the crate in `folder` and writes its component.
///
/// # Errors
/// If the WIT has mistakes, the crate does not compile, or the component imports what the host does
/// not provide.
pub fn build_package(folder: &Path, options: &PackageOptions) -> Result<Built, BuildError> {
    let mut found = Crate::find(folder)?;
    if let Some(target) = &options.target {
        found.target.clone_from(target);
    }
    let setting = |name: &str| found.settings[name].as_str().map(str::to_owned);
    let wit = match &options.wit {
        Some(path) => path.clone(),
        None => {
            let wit = setting("wit").unwrap_or_else(|| "wit".to_owned());
            // Without the `./`, which would only stand before every path in messages.
            if folder == Path::new(".") { PathBuf::from(wit) } else { folder.join(wit) }
        }
    };
    let world = options.world.clone().or_else(|| setting("world"));
    let (sources, schema) = read(&wit, world.as_deref())?;

    let running = Running { locked: options.locked, offline: options.offline, quiet: options.quiet };
    let core = found.compile(running)?;
    let core = std::fs::read(&core).map_err(|source| BuildError::Read { path: core.clone(), source })?;
    let component = encode(core, &sources, &schema, DoorKind::Rows)?;
    let path = match &options.output {
        Some(path) => path.clone(),
        None => found.target.join("interstice").join(crate::file_name(&schema)),
    };
    finish(component, schema, path)
}

/// Reads the module's WIT into a schema.
pub(crate) fn read(path: &Path, world: Option<&str>) -> Result<(Sources, Schema), BuildError> {
    let sources = interstice_codegen::load(path)?;
    let schema =
        interstice_wit::read(&sources, world).map_err(|findings| BuildError::Wit(Box::new(findings)))?;
    Ok((sources, schema))
}
