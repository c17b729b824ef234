//! A module that another toolchain made: a core module or a finished component.
//! The WIT that it was written against is read again here, for the binary has lost the directives.
//! Invariant: a core module is encoded against its own embedded world if it carries one, else
//! against the guest world with the typed doors.

use crate::component::{encode, finish};
use crate::package::read;
use crate::{BuildError, Built, file_name};
use interstice_codegen::DoorKind;
use interstice_wit::{SectionError, section};
use std::path::{Path, PathBuf};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

/// How a binary of another toolchain becomes a module.
#[derive(Clone, Debug, Default)]
pub struct FromOptions {
    /// The world, where the package has several.
    pub world: Option<String>,
    /// Where the component goes. Where none is given: `<namespace>-<name>-<version>.wasm` beside the binary.
    pub output: Option<PathBuf>,
}

/// Makes a module of the binary in `file`, which was written against the WIT at `wit`.
///
/// What the component exports is not compared with the WIT here, for that takes a compiler; the host does
/// so before it installs the module.
///
/// # Errors
/// If the WIT has mistakes, the file is not WebAssembly, the core module does not fit the world, or
/// the component imports what the host does not provide.
pub fn build_from(file: &Path, wit: &Path, options: &FromOptions) -> Result<Built, BuildError> {
    let (sources, schema) = read(wit, options.world.as_deref())?;
    let binary = std::fs::read(file).map_err(|source| BuildError::Read { path: file.to_owned(), source })?;
    let component = match kind(&binary, file)? {
        Encoding::Module => encode(binary, &sources, &schema, DoorKind::Typed)?,
        Encoding::Component if carries_schema(&binary) => {
            return Err(BuildError::AlreadyBuilt { path: file.to_owned() });
        }
        Encoding::Component => binary,
    };
    let path = match &options.output {
        Some(path) => path.clone(),
        None => file.with_file_name(file_name(&schema)),
    };
    if path == file {
        return Err(BuildError::SameFile { path });
    }
    finish(component, schema, path)
}

/// Whether the file is a core module or a component, and valid as such.
fn kind(binary: &[u8], path: &Path) -> Result<Encoding, BuildError> {
    let not_wasm = |reason: &str| BuildError::NotWasm { path: path.to_owned(), reason: reason.to_owned() };
    if binary.is_empty() {
        return Err(not_wasm("is empty"));
    }
    if !binary.starts_with(b"\0asm") {
        return Err(not_wasm("does not begin with the bytes `\\0asm`"));
    }
    let invalid = |error: wasmparser::BinaryReaderError| BuildError::Invalid {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    Validator::new_with_features(WasmFeatures::all()).validate_all(binary).map_err(invalid)?;
    match Parser::new(0).parse_all(binary).next() {
        Some(Ok(Payload::Version { encoding, .. })) => Ok(encoding),
        _ => Err(not_wasm("has no version")),
    }
}

/// Whether the component has a schema section, even a damaged one.
fn carries_schema(component: &[u8]) -> bool {
    !matches!(section::extract(component), Err(SectionError::Missing))
}
