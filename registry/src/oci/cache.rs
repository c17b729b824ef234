//! What was fetched from OCI registries: components by their digests, and the digest that a tag had.
//! It is a cache for the bytes, and a memory for the tags.
//! Invariant: what it returns has the digest that was asked for.

use crate::PackageId;
use crate::files::{make_folder, write_whole};
use interstice_wit::Hash;
use interstice_wit::hash::artifact_hash;
use semver::Version;
use std::fs;
use std::path::{Path, PathBuf};

/// The cache of one registry.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    artifacts: PathBuf,
    tags: PathBuf,
}

impl Cache {
    pub(super) fn new(folder: &Path, host: &str, prefix: &str) -> Cache {
        // A colon is no part of a file's name everywhere, and a host has no underscore.
        let registry = format!("{host}/{prefix}").trim_end_matches('/').replace([':', '[', ']'], "_");
        Cache { artifacts: folder.join("artifacts"), tags: folder.join("tags").join(registry) }
    }

    /// The bytes with a digest.
    pub(super) fn artifact(&self, digest: &Hash) -> Option<Vec<u8>> {
        let bytes = fs::read(self.file(digest)).ok()?;
        // A damaged file is as good as none: it is fetched again.
        (artifact_hash(&bytes) == *digest).then_some(bytes)
    }

    /// The digest that a version had.
    pub(super) fn tag(&self, package: &PackageId, version: &Version) -> Option<Hash> {
        fs::read_to_string(self.path(package, version)).ok()?.trim_end().parse().ok()
    }

    /// The versions whose digests are known.
    pub(super) fn versions(&self, package: &PackageId) -> Vec<Version> {
        let entries = fs::read_dir(self.package(package)).into_iter().flatten().flatten();
        let mut versions: Vec<_> =
            entries.filter_map(|entry| version_of(entry.file_name().to_str()?)).collect();
        versions.sort();
        versions
    }

    /// Keeps what was fetched. A disk that cannot hold it costs only the next fetch.
    pub(super) fn remember(
        &self,
        package: &PackageId,
        version: &Version,
        digest: &Hash,
        bytes: Option<&[u8]>,
    ) {
        let keep = || {
            if let Some(bytes) = bytes {
                make_folder(&self.artifacts)?;
                write_whole(&self.file(digest), bytes)?;
            }
            if self.tag(package, version) == Some(*digest) {
                return Ok(());
            }
            make_folder(&self.package(package))?;
            write_whole(&self.path(package, version), format!("{digest}\n").as_bytes())
        };
        let _: Result<(), crate::RegistryError> = keep();
    }

    /// Where the digest of a version is remembered.
    pub(super) fn path(&self, package: &PackageId, version: &Version) -> PathBuf {
        self.package(package).join(format!("{version}.sha256"))
    }

    fn file(&self, digest: &Hash) -> PathBuf {
        self.artifacts.join(format!("{digest}.wasm"))
    }

    fn package(&self, package: &PackageId) -> PathBuf {
        self.tags.join(package.namespace()).join(package.name())
    }
}

/// The version that a file of the memory is about.
fn version_of(name: &str) -> Option<Version> {
    Version::parse(name.strip_suffix(".sha256")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), "localhost:5000", "team/");
        let (package, version) = ("acme:bank".parse().expect("a name"), Version::new(1, 0, 0));
        let digest = artifact_hash(b"bytes");
        assert_eq!(cache.artifact(&digest), None);
        cache.remember(&package, &version, &digest, Some(b"bytes"));
        assert_eq!(cache.artifact(&digest).as_deref(), Some(&b"bytes"[..]));
        assert_eq!(cache.tag(&package, &version), Some(digest));
        assert_eq!(cache.versions(&package), std::slice::from_ref(&version));
        fs::write(folder.path().join(format!("artifacts/{digest}.wasm")), b"other").expect("it is ours");
        assert_eq!(cache.artifact(&digest), None);
        // Another registry knows nothing of it.
        assert_eq!(Cache::new(folder.path(), "localhost:5001", "team/").tag(&package, &version), None);
    }
}
