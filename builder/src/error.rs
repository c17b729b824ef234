//! Why a build failed.
//! Each variant says what was being done, with which file or name, and how to mend it.
//! Invariant: bad input ends here and never in a panic.

use interstice_codegen::{CodegenError, LoadError};
use interstice_wit::{Diagnostics, SectionError};
use std::fmt;
use std::path::PathBuf;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The module's WIT could not be read from disk.
    #[error("cannot read the module's WIT")]
    Load(#[from] LoadError),
    /// The module's WIT has mistakes.
    #[error("the module's WIT has mistakes:\n\n{}", .0.render().trim_end())]
    Wit(Box<Diagnostics>),
    /// The guest world of the module could not be made.
    #[error("cannot make the guest world of the module")]
    World(#[from] CodegenError),
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The component could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder is not a crate.
    #[error("there is no Cargo.toml in {}: `interstice build` takes the folder of a crate; \
             for a component of another toolchain there is `interstice build --from FILE.wasm`", folder.display())]
    NoCrate {
        /// The folder.
        folder: PathBuf,
    },
    /// cargo could not be started.
    #[error("cannot start `{program}`, which compiles modules: install Rust, or put it on the PATH")]
    NoCargo {
        /// The program that was tried.
        program: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The output of cargo was not as expected.
    #[error("cannot understand what `cargo {command}` printed: {reason}")]
    CargoOutput {
        /// `metadata` or `build`.
        command: &'static str,
        /// What was wrong with it.
        reason: String,
    },
    /// cargo refused the manifest.
    #[error("cargo cannot read the crate in {}:\n{complaint}", folder.display())]
    Manifest {
        /// The folder of the crate.
        folder: PathBuf,
        /// What cargo said.
        complaint: String,
    },
    /// The crate is not a library that can become a module.
    #[error("the crate `{package}` does not build a module: add `[lib]` with `crate-type = [\"cdylib\"]` to {}", manifest.display())]
    NoModule {
        /// The crate.
        package: String,
        /// Its Cargo.toml.
        manifest: PathBuf,
    },
    /// The compiler cannot compile for modules.
    #[error(
        "this Rust toolchain has no target {target}: run `rustup target add {target}`, \
             or `cargo xtask setup` in a checkout of Interstice"
    )]
    NoTarget {
        /// The target.
        target: &'static str,
    },
    /// The crate does not compile; cargo has said why.
    #[error("the crate `{package}` does not compile for {target}")]
    Compile {
        /// The crate.
        package: String,
        /// The target.
        target: &'static str,
    },
    /// The file is not WebAssembly.
    #[error("{} is not a WebAssembly binary: it {reason}", path.display())]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// The file is a damaged WebAssembly binary.
    #[error("{} is not valid WebAssembly: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What the validator said.
        reason: String,
    },
    /// The core module does not fit the world.
    #[error("the core module does not fit the world `{world}`: {reason}")]
    Encode {
        /// The world.
        world: String,
        /// What the encoder said.
        reason: String,
    },
    /// The component already carries a schema.
    #[error("{} already carries a schema: it can be installed as it is", path.display())]
    AlreadyBuilt {
        /// The file.
        path: PathBuf,
    },
    /// The component would overwrite the binary that it is made from.
    #[error("{} would overwrite the binary that it is made from: choose another file with `--output`", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
    },
    /// The component imports what the host does not provide.
    #[error("the component imports what the host does not provide to `{module}`:{}", listed(refused))]
    Imports {
        /// The module.
        module: String,
        /// Every import that is refused.
        refused: Vec<RefusedImport>,
    },
    /// The schema could not be embedded.
    #[error("cannot embed the schema in the component")]
    Section(#[from] SectionError),
}

/// An import that is not on the allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedImport {
    /// Its name in the binary.
    pub name: String,
    /// Why it is refused, and what to do.
    pub reason: String,
}

impl fmt::Display for RefusedImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.name, self.reason)
    }
}

fn listed(refused: &[RefusedImport]) -> String {
    refused.iter().map(|import| format!("\n  {import}")).collect()
}
