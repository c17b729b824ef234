//! What can go wrong between a Schema and its bindings.
//! A mistake in the WIT is the author's and is told with its place; the rest names what could not be
//! expressed.
//! Invariant: bad input ends here and never in a panic.

use interstice_wit::Diagnostics;
use std::path::PathBuf;

/// Why no bindings or guest world came out.
#[derive(Debug, thiserror::Error)]
pub enum CodegenError {
    /// The sources, or what is synthesised into them, do not resolve.
    #[error("the guest world of the module does not resolve")]
    Wit(#[source] Box<Diagnostics>),
    /// The canonical-ABI glue could not be made.
    #[error("the canonical-ABI glue of the world `{world}` could not be made: {reason}")]
    Glue {
        /// The world that was generated for.
        world: String,
        /// What the generator said.
        reason: String,
    },
    /// Something in the schema has no Rust form.
    #[error("{what} cannot be expressed in Rust: {reason}")]
    Unsupported {
        /// What it is, with its name.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The schema names a type that it does not hold.
    #[error("the schema names `{name}` and does not hold it")]
    MissingType {
        /// The name of the type.
        name: String,
    },
}

/// Why WIT sources were not read from disk.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// There is no WIT at that place.
    #[error("there is no `.wit` file in {}: put the module's WIT there, or name another folder", path.display())]
    NoWit {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not UTF-8.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}
