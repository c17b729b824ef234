//! What every registry asks of a version before it is published: its name, and its neighbours.
//! What has changed, and how large a step that is, says [`interstice_wit::diff`].
//! Invariant: a version that breaks callers never follows another on the same track.

use crate::name::RESERVED_NAMESPACES;
use crate::{PackageId, Registry, RegistryError, Release};
use interstice_wit::Schema;
use interstice_wit::diff::{Bump, Change, Comparison, compare};
use semver::Version;

/// The longest text of a version: that of an OCI tag.
const MAX_VERSION_BYTES: usize = 128;

/// Refuses names and versions that nobody may publish.
pub(crate) fn check_name(package: &PackageId, version: &Version) -> Result<(), RegistryError> {
    if RESERVED_NAMESPACES.contains(&package.namespace()) {
        return Err(RegistryError::Reserved { namespace: package.namespace().to_owned() });
    }
    if !version.build.is_empty() {
        let reason = "a version with a `+` is the same version as the one without, and OCI tags cannot hold it; \
                      leave that part out";
        return Err(RegistryError::Version { version: version.clone(), reason });
    }
    if version.to_string().len() > MAX_VERSION_BYTES {
        let reason = "its text is longer than the 128 letters of an OCI tag";
        return Err(RegistryError::Version { version: version.clone(), reason });
    }
    Ok(())
}

/// Holds a version against the release before it and the one after it. Returns what changed since the one
/// before.
pub(crate) fn check_neighbours(
    registry: &dyn Registry,
    package: &PackageId,
    versions: &[Version],
    release: &Release,
) -> Result<Option<(Version, Vec<String>)>, RegistryError> {
    let version = &release.facts.package.version;
    // What another tool published may carry no schema, and then nothing can be said of it.
    let neighbour = |version: &Version| match registry.read(package, version) {
        Ok(found) => Ok(Some(found)),
        Err(RegistryError::Component { .. } | RegistryError::Wit { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    // A prerelease promises nothing, so nothing is held against it.
    let is_release = |other: &&Version| other.pre.is_empty();
    let mut since = None;
    if let Some(before) = versions.iter().filter(is_release).rfind(|other| *other < version)
        && let Some(old) = neighbour(before)?
    {
        since = Some((before.clone(), check(&old.schema, &release.schema)?));
    }
    if let Some(after) = versions.iter().filter(is_release).find(|other| *other > version)
        && let Some(new) = neighbour(after)?
    {
        check(&release.schema, &new.schema)?;
    }
    Ok(since)
}

/// Refuses a version that is too small for what has changed. Returns the changes in words.
fn check(old: &Schema, new: &Schema) -> Result<Vec<String>, RegistryError> {
    let Comparison { bump, next_version, is_version_enough, changes, .. } = compare(old, new);
    let weight = if is_version_enough { Bump::None } else { bump };
    let reasons = changes.iter().filter(|change| change.bump >= weight).map(in_words).collect();
    if is_version_enough {
        return Ok(reasons);
    }
    let reason = match bump {
        Bump::Breaking => "something breaks",
        Bump::Minor => "something is added, or rows migrate",
        Bump::Patch | Bump::None => "it is not newer",
    };
    let (old, new) = (old.package.version.clone(), new.package.clone());
    Err(RegistryError::TooSmall {
        new: Box::new(new),
        old: Box::new(old),
        reason,
        smallest: next_version,
        reasons,
    })
}

fn in_words(change: &Change) -> String {
    let Change { interface, name, what, .. } = change;
    match interface {
        Some(interface) if interface != name => format!("{interface}.{name}: {what}"),
        _ => format!("{name}: {what}"),
    }
}
