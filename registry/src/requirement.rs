//! Which versions of a package will do: what a user asks for, and what a module was compiled against.
//! It compares versions and knows nothing of where they come from.
//! Invariant: what a module was compiled against is satisfied by the same versions that the host links.

use crate::{PackageId, RegistryError};
use interstice_wit::PackageName;
use semver::{Comparator, Op, Version, VersionReq};
use std::fmt;
use std::str::FromStr;

/// A package with a requirement on its version: `acme:bank@1.2`. Without one any release will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The package.
    pub package: PackageId,
    /// What was asked for, if anything.
    pub requirement: Option<Requirement>,
}

impl FromStr for Request {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        match text.split_once('@') {
            None => Ok(Request { package: text.parse()?, requirement: None }),
            Some((package, requirement)) => {
                Ok(Request { package: package.parse()?, requirement: Some(requirement.parse()?) })
            }
        }
    }
}

/// A requirement on a version, in the syntax of cargo: `1.2` means 1.2.0 and whatever is compatible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    text: String,
    parsed: VersionReq,
}

impl Requirement {
    /// What a module needs that was compiled against this version: the same compatibility track, and
    /// nothing older. Prereleases and 0.0.x match exactly.
    pub fn compiled_against(version: &Version) -> Requirement {
        let op = if version.pre.is_empty() { Op::Caret } else { Op::Exact };
        let comparator = Comparator {
            op,
            major: version.major,
            minor: Some(version.minor),
            patch: Some(version.patch),
            pre: version.pre.clone(),
        };
        let parsed = VersionReq { comparators: vec![comparator] };
        Requirement { text: parsed.to_string(), parsed }
    }

    /// What `add` writes for a version that it chose: as above, without the words that go without saying.
    pub fn written_for(version: &Version) -> Requirement {
        let text = if version.pre.is_empty() { version.to_string() } else { format!("={version}") };
        Requirement { text, ..Requirement::compiled_against(version) }
    }

    /// Any release.
    pub fn any() -> Requirement {
        Requirement { text: "*".to_owned(), parsed: VersionReq::STAR }
    }

    /// Whether a version will do.
    pub fn is_satisfied_by(&self, version: &Version) -> bool {
        self.parsed.matches(version)
    }
}

impl FromStr for Requirement {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let text = text.trim();
        let parsed = VersionReq::parse(text).map_err(|error| RegistryError::Requirement {
            text: text.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Requirement { text: text.to_owned(), parsed })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads `acme:bank@1.2.0`.
///
/// # Errors
/// If the name or the version is none.
pub fn parse_release(text: &str) -> Result<(PackageId, Version), RegistryError> {
    let Some((package, version)) = text.split_once('@') else {
        return Err(RegistryError::Requirement {
            text: text.to_owned(),
            reason: "it names no version; write `acme:bank@1.2.0`".to_owned(),
        });
    };
    let package: PackageId = package.parse()?;
    let version = Version::parse(version)
        .map_err(|_| RegistryError::Release { package: package.clone(), text: version.to_owned() })?;
    Ok((package, version))
}

/// Whether two versions are of one compatibility track, so that a database can hold the newer for both.
pub fn is_same_track(a: &PackageName, b: &PackageName) -> bool {
    let (low, high) = if a.version <= b.version { (a, b) } else { (b, a) };
    a.unversioned() == b.unversioned()
        && Requirement::compiled_against(&low.version).is_satisfied_by(&high.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_takes_the_versions_that_the_host_links() {
        let takes = |compiled: &str, offered: &str| {
            let version = |text: &str| Version::parse(text).expect("a version");
            Requirement::compiled_against(&version(compiled)).is_satisfied_by(&version(offered))
        };
        for (compiled, offered) in [
            ("1.2.0", "1.2.0"),
            ("1.2.0", "1.2.3"),
            ("1.2.0", "1.9.0"),
            ("0.3.1", "0.3.1"),
            ("0.3.1", "0.3.9"),
            ("0.0.3", "0.0.3"),
            ("1.0.0-rc.1", "1.0.0-rc.1"),
        ] {
            assert!(takes(compiled, offered), "{compiled} takes {offered}");
        }
        for (compiled, offered) in [
            ("1.2.0", "1.1.0"),
            ("1.2.0", "2.0.0"),
            ("1.2.0", "1.3.0-rc.1"),
            ("0.3.1", "0.4.0"),
            ("0.3.1", "0.3.0"),
            ("0.0.3", "0.0.4"),
            ("1.0.0-rc.1", "1.0.0-rc.2"),
            ("1.0.0-rc.1", "1.0.0"),
        ] {
            assert!(!takes(compiled, offered), "{compiled} refuses {offered}");
        }
    }

    #[test]
    fn a_request_names_a_package_and_maybe_versions() {
        let request = "acme:bank@>=1.2, <1.5".parse::<Request>().expect("a request");
        let requirement = request.requirement.expect("a requirement");
        assert!(requirement.is_satisfied_by(&Version::new(1, 4, 9)));
        assert!(!requirement.is_satisfied_by(&Version::new(1, 5, 0)));
        assert!("acme:bank@".parse::<Request>().is_err());
        assert!("acme:bank@new".parse::<Request>().is_err());
        assert!(parse_release("acme:bank@1.2").is_err());
        assert!(parse_release("acme:bank").is_err());
        assert!(parse_release("acme:bank@1.2.0").is_ok());
    }
}
