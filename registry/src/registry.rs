//! What every registry can do, whatever it is kept in, and how one is named.
//! Invariant: what [`Registry::read`] returns has the digest that the registry recorded for it.

use crate::{PackageId, RegistryError, Release};
use interstice_wit::{Hash, PackageName};
use semver::Version;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A version that a registry has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The version.
    pub version: Version,
    /// Nobody should take it who does not have it yet.
    pub is_yanked: bool,
}

/// The file of a version, its bytes verified.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it is called in messages.
    pub what: String,
}

/// How a version is published.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishOptions {
    /// Does everything but publish.
    pub is_dry_run: bool,
}

/// What came of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The version.
    pub package: PackageName,
    /// The digest of its file.
    pub artifact: Hash,
    /// The same file had been published before, and nothing was done.
    pub was_there: bool,
    /// The version before it, if there is one, and what changed since.
    pub since: Option<(Version, Vec<String>)>,
    /// What the publisher should look at.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// That of a release of which nothing is known yet.
    pub(crate) fn of(release: &Release) -> Outcome {
        Outcome {
            package: release.facts.package.clone(),
            artifact: release.facts.artifact,
            was_there: false,
            since: None,
            warnings: Vec::new(),
        }
    }
}

/// A place where packages are published.
pub trait Registry {
    /// Its name in messages.
    fn name(&self) -> String;

    /// The versions of a package, the oldest first.
    ///
    /// # Errors
    /// If there is no such package, or the registry cannot be read or trusted.
    fn versions(&self, package: &PackageId) -> Result<Vec<Offer>, RegistryError>;

    /// The file of a version, whatever it is: a module, or a package of WIT that is none.
    ///
    /// # Errors
    /// If there is no such version, or it is not what was published.
    fn artifact(&self, package: &PackageId, version: &Version) -> Result<Artifact, RegistryError>;

    /// A version of a module, its bytes verified.
    ///
    /// # Errors
    /// If there is no such version, it is not what was published, or it is no module.
    fn read(&self, package: &PackageId, version: &Version) -> Result<Release, RegistryError> {
        let Artifact { bytes, what } = self.artifact(package, version)?;
        Release::read(bytes, &what)?.expect(package, version, &what)
    }

    /// Publishes a component under the name that its schema says.
    ///
    /// # Errors
    /// If the version is taken or too small for its changes, or the registry cannot be written.
    fn publish(&self, release: &Release, options: &PublishOptions) -> Result<Outcome, RegistryError>;
}

/// Where a registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder.
    Folder(PathBuf),
    /// An OCI registry, and what the names of its repositories begin with.
    Oci {
        /// `ghcr.io` or `localhost:5000`
        host: String,
        /// `team/modules/`, or nothing.
        prefix: String,
    },
}

impl Location {
    /// The same, where a relative folder is one below `base`.
    #[must_use]
    pub fn relative_to(self, base: &Path) -> Location {
        match self {
            Location::Folder(folder) if folder.is_relative() => Location::Folder(base.join(folder)),
            other => other,
        }
    }
}

impl FromStr for Location {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let refused =
            |reason: &str| RegistryError::Location { text: text.to_owned(), reason: reason.to_owned() };
        if let Some(address) = text.strip_prefix("oci://") {
            let (host, prefix) = address.split_once('/').unwrap_or((address, ""));
            let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
            if host.is_empty() || !host.chars().all(is_host) {
                return Err(refused("after `oci://` comes a host, such as `oci://ghcr.io/team`"));
            }
            let prefix = prefix.trim_end_matches('/');
            let is_path =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/');
            if !prefix.chars().all(is_path) || prefix.split('/').any(|part| part.starts_with('.')) {
                return Err(refused(
                    "the path after the host is lower-case letters, digits, `-`, `_` and `/`",
                ));
            }
            let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
            return Ok(Location::Oci { host: host.to_owned(), prefix });
        }
        if text.contains("://") {
            return Err(refused("it is a folder, or an OCI registry such as `oci://ghcr.io/team`"));
        }
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        Ok(Location::Folder(PathBuf::from(text)))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(folder) => write!(f, "{}", folder.display()),
            Location::Oci { host, prefix } => {
                write!(
                    f,
                    "oci://{host}{}{}",
                    if prefix.is_empty() { "" } else { "/" },
                    prefix.trim_end_matches('/')
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_folder_or_an_oci_address() {
        let read = |text: &str| text.parse::<Location>();
        assert_eq!(read("../here").ok(), Some(Location::Folder("../here".into())));
        let oci =
            |host: &str, prefix: &str| Location::Oci { host: host.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(read("oci://localhost:5000").ok(), Some(oci("localhost:5000", "")));
        assert_eq!(read("oci://ghcr.io/team/modules/").ok(), Some(oci("ghcr.io", "team/modules/")));
        assert_eq!(
            read("oci://ghcr.io/team").map(|location| location.to_string()).ok().as_deref(),
            Some("oci://ghcr.io/team")
        );
        for bad in [
            "",
            "https://ghcr.io",
            "oci://",
            "oci:///team",
            "oci://host/../x",
            "oci://host/Team",
            "oci://a b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
