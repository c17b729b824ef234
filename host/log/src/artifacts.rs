//! The component files that the log's records name, each stored under the digest of its bytes.
//! Invariant: what [`ArtifactStore::get`] returns has the digest that was asked for.

use crate::definitions::Digest;
use crate::doing::Doing;
use crate::doors::Disk;
use crate::error::LogError;
use crate::hex;
use crate::publish::{list_if_there, publish, read_whole};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

pub(crate) const DIRECTORY: &str = "artifacts";

/// The longest artifact that is read: components are mebibytes, and a file of this size under a
/// right name is still checked before it is used.
const MAX_ARTIFACT_BYTES: u64 = 1 << 30;

/// The artifacts of a data directory. It may be used once the log was opened.
#[derive(Clone)]
pub struct ArtifactStore {
    disk: Arc<dyn Disk>,
}

impl ArtifactStore {
    /// The artifacts of this data directory.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// Stores an artifact, which survives a crash once this returns.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, LogError> {
        let digest = Digest(Sha256::digest(bytes).into());
        let disk = self.disk.as_ref();
        // What is there already is written again: its name or its bytes may be in the operating system's
        // memory only, and after a sync that failed another one would not show it.
        disk.create_directory(DIRECTORY).doing("create", || disk.locate(DIRECTORY))?;
        disk.sync_directory("").doing("sync", || disk.locate(""))?;
        publish(disk, &format!("{DIRECTORY}/{digest}.tmp"), &path_of(digest), bytes)?;
        Ok(digest)
    }

    /// The bytes with this digest.
    pub fn get(&self, digest: Digest) -> Result<Vec<u8>, LogError> {
        read_artifact(self.disk.as_ref(), digest)
    }

    /// The digests of all artifacts, by their names; the bytes are not looked at.
    pub fn list(&self) -> Result<Vec<Digest>, LogError> {
        list_artifacts(self.disk.as_ref())
    }
}

/// The digests of the artifacts in a data directory, by their names.
pub(crate) fn list_artifacts(disk: &dyn Disk) -> Result<Vec<Digest>, LogError> {
    let names = list_if_there(disk, DIRECTORY)?;
    Ok(names.iter().filter_map(|name| hex::parse(name.strip_suffix(".wasm")?)).map(Digest).collect())
}

/// The artifact with this digest.
pub(crate) fn read_artifact(disk: &dyn Disk, digest: Digest) -> Result<Vec<u8>, LogError> {
    let path = path_of(digest);
    let bytes = read_whole(disk, &path, MAX_ARTIFACT_BYTES)?;
    let bytes = bytes.ok_or_else(|| LogError::MissingArtifact { path: disk.locate(&path) })?;
    let found = Digest(Sha256::digest(&bytes).into());
    if found != digest {
        let path = disk.locate(&path);
        return Err(LogError::DamagedArtifact { path, found: found.to_string() });
    }
    Ok(bytes)
}

/// Whether a file in the folder of the artifacts is one that this program made there.
pub(crate) fn is_artifact_name(name: &str) -> bool {
    name.strip_suffix(".wasm").is_some_and(|digest| hex::parse::<32>(digest).is_some())
}

pub(crate) fn path_of(digest: Digest) -> String {
    format!("{DIRECTORY}/{digest}.wasm")
}
