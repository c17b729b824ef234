//! What every registry asks of a version before it is published: its name, and its neighbours.
//! Invariant: a version that breaks callers never follows another on the same track.

use crate::name::RESERVED_NAMESPACES;
use crate::{Changes, PackageId, PublishOptions, Registry, RegistryError, Release, comparison};
use semver::Version;

/// The longest text of a version: that of an OCI tag.
const MAX_VERSION_BYTES: usize = 128;

/// Holds a version against the one before and the one after it. Returns what changed since the one before.
pub(crate) fn check_neighbours(
    registry: &dyn Registry,
    package: &PackageId,
    versions: &[Version],
    release: &Release,
    options: &PublishOptions<'_>,
) -> Result<Option<(Version, Changes)>, RegistryError> {
    let version = &release.facts.package.version;
    // What another tool published may carry no schema, and then nothing can be said of it.
    let neighbour = |version: &Version| match registry.read(package, version) {
        Ok(found) => Ok(Some(found)),
        Err(RegistryError::Component { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    // A prerelease makes no promise and keeps none.
    let is_release = |other: &&Version| other.pre.is_empty();
    let mut since = None;
    if let Some(before) = versions.iter().filter(is_release).rfind(|other| *other < version)
        && let Some(old) = neighbour(before)?
    {
        let changes =
            comparison::check((before, &old.schema), (version, &release.schema), options.comparison)?;
        since = Some((before.clone(), changes));
    }
    if let Some(after) = versions.iter().filter(is_release).find(|other| *other > version)
        && let Some(new) = neighbour(after)?
    {
        comparison::check((version, &release.schema), (after, &new.schema), options.comparison)?;
    }
    Ok(since)
}

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
