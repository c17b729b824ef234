//! Packages: publish, resolve, lock and verify. A registry is a folder or an OCI registry.
//! It reads schemas through `interstice-wit` and never runs a component.
//! Invariant: what leaves here has the digest that was recorded for it.
//!
//! # The way through this room
//!
//! A [`Registry`] is a [`LocalRegistry`] or an [`OciRegistry`]; a [`Location`] names one. What it holds are
//! [`Release`]s under a [`PackageId`]. A [`Project`] is the folder of a module: its [`Manifest`] says what it
//! needs, [`resolve`](resolve::resolve) chooses versions, [`Lock`] pins them, and [`vendor`] writes their
//! public WIT into `wit/deps`.

mod error;
mod files;
pub mod index;
mod local;
mod lock;
mod manifest;
mod name;
mod oci;
mod project;
mod publishing;
mod reference;
mod registry;
mod release;
mod requirement;
pub mod resolve;
#[cfg(test)]
mod testing;
mod toml;
pub mod vendor;

pub use error::{ErrorKind, RegistryError};
pub use local::{Found, LocalRegistry, Verified};
pub use lock::{LOCK, Lock, Locked, LockedSource};
pub use manifest::{Dependency, MANIFEST, Manifest, Source};
pub use name::{MAX_PART_BYTES, PackageId, RESERVED_NAMESPACES, look_alikes};
pub use oci::{OciOptions, OciRegistry};
pub use project::{Given, Moved, Project, Resolution};
pub use reference::Reference;
pub use registry::{Artifact, Location, Offer, Outcome, PublishOptions, Registry};
pub use release::{Facts, MAX_ARTIFACT_BYTES, Release, dependencies, wit_package};
pub use requirement::{Request, Requirement, is_same_track, parse_release};
