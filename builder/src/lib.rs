//! From a core module to a component that carries its schema: plain cargo, then the component
//! encoder in this process, then the schema section. It starts no tool but cargo and rustc.
//! Invariant: the same sources give the same bytes, wherever they lie, and no component leaves here
//! that imports what the host does not provide.

mod cargo;
mod component;
mod error;
mod foreign;
mod imports;
mod package;

pub use error::{BuildError, RefusedImport};
pub use foreign::{FromOptions, build_from};
pub use package::{PackageOptions, build_package};

use interstice_wit::{Hash, Schema};
use std::path::{Path, PathBuf};

/// A component that is ready to be installed.
#[derive(Clone, Debug)]
pub struct Built {
    /// The bytes of the file.
    pub component: Vec<u8>,
    /// The sha256 of the bytes: what a lockfile pins.
    pub digest: Hash,
    /// What the component says about itself.
    pub schema: Schema,
    /// Where it was written.
    pub path: PathBuf,
}

/// The file name of a component: `<namespace>-<name>-<version>.wasm`.
fn file_name(schema: &Schema) -> String {
    let package = &schema.package;
    format!("{}-{}-{}.wasm", package.namespace, package.name, package.version)
}

/// Writes the file under another name first, so that half a component is never read.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let cannot_write = |source| BuildError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot_write)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let written = std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|source| {
        // The first failure is what matters; the leftover may never have come to be.
        let _ = std::fs::remove_file(&partial);
        cannot_write(source)
    })
}
