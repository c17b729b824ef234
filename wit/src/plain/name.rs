//! Names in a plain package: its own, which may lack a version, and the places where types and functions stand.
//! Invariant: two places have one key if and only if the component model would take the one for the other.

use semver::Version;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A package, such as `wasi:clocks@0.2.8` or `acme:words`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlainName {
    /// `wasi`
    pub namespace: String,
    /// `clocks`
    pub name: String,
    /// `0.2.8`, if it says one.
    pub version: Option<Version>,
}

impl PlainName {
    /// The name without the version.
    pub fn unversioned(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }

    /// The name with what must be equal in two versions of which the later can stand for the earlier: the first number
    /// that is not zero, or all of a prerelease.
    fn track(&self) -> String {
        let track = match &self.version {
            None => String::new(),
            Some(version) if !version.pre.is_empty() => format!("@{version}"),
            Some(Version { major: 0, minor: 0, patch, .. }) => format!("@0.0.{patch}"),
            Some(Version { major: 0, minor, .. }) => format!("@0.{minor}"),
            Some(Version { major, .. }) => format!("@{major}"),
        };
        self.unversioned() + &track
    }
}

impl fmt::Display for PlainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

/// Where types and functions stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// An interface of the package itself.
    Own(String),
    /// An interface of another package.
    Foreign {
        /// The package.
        package: PlainName,
        /// The interface.
        interface: String,
    },
    /// A world of the package itself.
    World(String),
    /// An interface that a world declares in its own text.
    Inline {
        /// The world.
        world: String,
        /// What the interface is imported or exported as.
        name: String,
        /// Whether it is exported.
        is_export: bool,
    },
    /// A world of another package.
    ForeignWorld {
        /// The package.
        package: PlainName,
        /// The world.
        world: String,
    },
}

impl Place {
    /// What is equal in two versions where the one stands for the other.
    pub(super) fn key(&self) -> String {
        match self {
            Place::Own(interface) => interface.clone(),
            Place::Foreign { package, interface } => format!("{}/{interface}", package.track()),
            Place::World(world) => format!("world {world}"),
            Place::Inline { world, name, is_export: false } => format!("world {world} import {name}"),
            Place::Inline { world, name, is_export: true } => format!("world {world} export {name}"),
            Place::ForeignWorld { package, world } => format!("world {}/{world}", package.track()),
        }
    }

    /// How it is called in a list of changes, where versions are told apart.
    pub(super) fn label(&self) -> String {
        match self {
            Place::Own(name) | Place::World(name) | Place::Inline { world: name, .. } => name.clone(),
            Place::Foreign { package, interface: name } | Place::ForeignWorld { package, world: name } => {
                format!("{}/{name}", package.unversioned())
            }
        }
    }

    /// How WIT names it, from within the package.
    pub(super) fn shown(&self, own: &PlainName) -> String {
        match self {
            Place::Own(name) | Place::World(name) | Place::Inline { name, .. } => name.clone(),
            Place::Foreign { package, interface: name } | Place::ForeignWorld { package, world: name } => {
                if package == own {
                    return name.clone();
                }
                let base = format!("{}/{name}", package.unversioned());
                package.version.as_ref().map_or(base.clone(), |version| format!("{base}@{version}"))
            }
        }
    }
}
