//! A registry that speaks the OCI distribution protocol, with artifacts in the form that `wkg` writes.
//! What was fetched is kept by its digest, and which digest a tag had, so that a tag that moves is noticed.
//! Invariant: a manifest is pushed last, so that no tag ever names half an artifact.

mod artifact;
mod cache;
mod credentials;
mod server;

use crate::publishing::{check_name, check_neighbours};
use crate::{
    Artifact, MAX_ARTIFACT_BYTES, Offer, Outcome, PackageId, PublishOptions, Registry, RegistryError, Release,
};
use cache::Cache;
use interstice_wit::Hash;
use interstice_wit::hash::artifact_hash;
use oci_client::Reference;
use oci_client::manifest::OciDescriptor;
use semver::Version;
use server::{Server, Trouble};
use std::path::PathBuf;
use std::time::Duration;

/// How an OCI registry is used.
#[derive(Clone, Debug)]
pub struct OciOptions {
    /// The folder of the user in which fetched components are kept, and which digest each tag had.
    pub cache: PathBuf,
    /// Answers from that folder alone, and sends nothing.
    pub is_offline: bool,
    /// How long the server may be silent.
    pub timeout: Duration,
}

/// A registry that speaks the OCI distribution protocol.
pub struct OciRegistry {
    host: String,
    prefix: String,
    cache: Cache,
    is_offline: bool,
    server: Server,
}

/// What a tag names.
struct Tagged {
    digest: Hash,
    layer: OciDescriptor,
}

impl OciRegistry {
    /// The registry of a host, with what the names of its repositories begin with.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(host: &str, prefix: &str, options: &OciOptions) -> Result<OciRegistry, RegistryError> {
        let server = Server::new(host, options.timeout).map_err(|reason| RegistryError::Oci {
            doing: "reach",
            reference: host.to_owned(),
            reason,
        })?;
        Ok(OciRegistry {
            host: host.to_owned(),
            prefix: prefix.to_owned(),
            cache: Cache::new(&options.cache, host, prefix),
            is_offline: options.is_offline,
            server,
        })
    }

    fn reference(&self, package: &PackageId, version: Option<&Version>) -> Reference {
        let repository = format!("{}{}/{}", self.prefix, package.namespace(), package.name());
        // The tag of a listing is not looked at.
        let tag = version.map_or_else(|| "latest".to_owned(), Version::to_string);
        Reference::with_tag(self.host.clone(), repository, tag)
    }

    /// The versions among the tags, the oldest first; none if there is no such repository.
    fn tags(&self, package: &PackageId) -> Result<Vec<Version>, RegistryError> {
        let reference = self.reference(package, None);
        let repository = format!("{}/{}", self.host, reference.repository());
        let tags = match self.server.tags(&reference) {
            Ok(tags) => tags,
            Err(Trouble::Missing) => Vec::new(),
            Err(Trouble::Failed(reason)) => {
                return Err(RegistryError::Oci {
                    doing: "list the versions of",
                    reference: repository,
                    reason,
                });
            }
        };
        // Other tags, such as those of signatures, name no version.
        let mut versions: Vec<_> = tags.iter().filter_map(|tag| Version::parse(tag).ok()).collect();
        versions.sort();
        versions.dedup();
        Ok(versions)
    }

    /// What the tag of a version names, if there is one.
    fn tagged(&self, package: &PackageId, version: &Version) -> Result<Option<Tagged>, RegistryError> {
        let reference = self.reference(package, Some(version));
        let manifest = match self.server.manifest(&reference) {
            Ok(manifest) => manifest,
            Err(Trouble::Missing) => return Ok(None),
            Err(Trouble::Failed(reason)) => return Err(failed("pull", &reference, reason)),
        };
        let (digest, layer) =
            artifact::component(&manifest).map_err(|reason| failed("pull", &reference, reason.to_owned()))?;
        let size_bytes = u64::try_from(layer.size).unwrap_or(u64::MAX);
        if size_bytes > MAX_ARTIFACT_BYTES {
            let what = reference.to_string();
            return Err(RegistryError::TooLarge { what, size_bytes, limit_bytes: MAX_ARTIFACT_BYTES });
        }
        Ok(Some(Tagged { digest, layer: layer.clone() }))
    }

    fn bytes(&self, package: &PackageId, version: &Version) -> Result<Vec<u8>, RegistryError> {
        let known = self.cache.tag(package, version);
        let reference = self.reference(package, Some(version));
        if self.is_offline {
            let bytes = known.and_then(|digest| self.cache.artifact(&digest));
            return bytes.ok_or_else(|| self.offline(package.at(version).to_string()));
        }
        let Some(Tagged { digest: found, layer }) = self.tagged(package, version)? else {
            let versions = self.tags(package)?;
            if versions.is_empty() {
                return Err(self.no_package(package));
            }
            return Err(RegistryError::NoVersion {
                registry: self.name(),
                package: Box::new(package.at(version)),
                versions,
            });
        };
        if let Some(wanted) = known.filter(|known| *known != found) {
            let path = self.cache.path(package, version);
            return Err(RegistryError::Moved { reference: reference.to_string(), path, wanted, found });
        }
        if let Some(bytes) = self.cache.artifact(&found) {
            self.cache.remember(package, version, &found, None);
            return Ok(bytes);
        }
        let bytes = match self.server.blob(&reference, &layer) {
            Ok(bytes) => bytes,
            Err(Trouble::Missing) => {
                let reason = "the server has its manifest, and not what that names".to_owned();
                return Err(failed("pull", &reference, reason));
            }
            Err(Trouble::Failed(reason)) => return Err(failed("pull", &reference, reason)),
        };
        let received = artifact_hash(&bytes);
        if received != found {
            let what = reference.to_string();
            return Err(RegistryError::Tampered { what, by: "manifest", wanted: found, found: received });
        }
        self.cache.remember(package, version, &found, Some(&bytes));
        Ok(bytes)
    }

    /// Sends everything, the tag last. That somebody else publishes the same meanwhile is as good.
    fn push(&self, package: &PackageId, release: &Release) -> Result<(), RegistryError> {
        let version = &release.facts.package.version;
        let reference = self.reference(package, Some(version));
        let artifact = artifact::of(release);
        let parts = [
            (artifact.layer, format!("sha256:{}", release.facts.artifact)),
            (artifact.config, artifact.manifest.config.digest.clone()),
        ];
        for (bytes, digest) in parts {
            self.server.push_blob(&reference, bytes, &digest).map_err(|trouble| {
                let reason = match trouble {
                    Trouble::Missing => "the server has no such repository".to_owned(),
                    Trouble::Failed(reason) => reason,
                };
                failed("push", &reference, format!("{reason}. Nothing was published; publish again"))
            })?;
        }
        // The parts may have taken long, and a server lets a tag be moved.
        if self.is_published(package, release)? {
            return Ok(());
        }
        let pushed = self.server.push_manifest(&reference, artifact.manifest);
        match (pushed, self.is_published(package, release)) {
            (_, Ok(true)) => Ok(()),
            (_, Err(error @ RegistryError::AlreadyPublished { .. })) => Err(error),
            (Ok(()), Ok(false)) => {
                let reason = "the server took it, and does not have it".to_owned();
                Err(failed("push", &reference, reason))
            }
            (Err(trouble), Ok(false)) => {
                let reason = told(trouble);
                Err(failed("push", &reference, format!("{reason}. Nothing was published; publish again")))
            }
            // Whether the last request arrived only the server knows.
            (pushed, Err(error)) => {
                let reason = pushed.err().map_or_else(|| error.to_string(), told);
                let reason = format!(
                    "{reason}. Whether {version} is published now only the server knows: publish again, which is safe"
                );
                Err(failed("push", &reference, reason))
            }
        }
    }

    /// Whether a release is there already. Another one in its place is refused.
    fn is_published(&self, package: &PackageId, release: &Release) -> Result<bool, RegistryError> {
        match self.tagged(package, &release.facts.package.version)? {
            None => Ok(false),
            Some(Tagged { digest, .. }) if digest == release.facts.artifact => Ok(true),
            Some(Tagged { digest: found, .. }) => {
                Err(RegistryError::AlreadyPublished { package: release.facts.package.clone(), found })
            }
        }
    }

    fn offline(&self, package: String) -> RegistryError {
        RegistryError::Offline { package, registry: self.name() }
    }

    fn no_package(&self, package: &PackageId) -> RegistryError {
        RegistryError::NoPackage { registry: self.name(), package: package.clone(), near: None }
    }
}

impl Registry for OciRegistry {
    fn name(&self) -> String {
        format!("the registry oci://{}/{}", self.host, self.prefix).trim_end_matches('/').to_owned()
    }

    fn versions(&self, package: &PackageId) -> Result<Vec<Offer>, RegistryError> {
        let versions = match self.is_offline {
            false => self.tags(package)?,
            true => self.cache.versions(package),
        };
        if versions.is_empty() {
            return Err(match self.is_offline {
                false => self.no_package(package),
                true => self.offline(package.to_string()),
            });
        }
        Ok(versions.into_iter().map(|version| Offer { version, is_yanked: false }).collect())
    }

    fn artifact(&self, package: &PackageId, version: &Version) -> Result<Artifact, RegistryError> {
        let bytes = self.bytes(package, version)?;
        Ok(Artifact { bytes, what: self.reference(package, Some(version)).to_string() })
    }

    fn publish(&self, release: &Release, options: &PublishOptions) -> Result<Outcome, RegistryError> {
        let package = PackageId::of(&release.facts.package)?;
        let version = &release.facts.package.version;
        check_name(&package, version)?;
        if self.is_offline {
            let reason = "--offline forbids to ask its server";
            return Err(RegistryError::Unsupported { registry: self.name(), what: "take a version", reason });
        }
        let mut outcome = Outcome::of(release);
        if self.is_published(&package, release)? {
            outcome.was_there = true;
            return Ok(outcome);
        }
        outcome.since = check_neighbours(self, &package, &self.tags(&package)?, release)?;
        if !options.is_dry_run {
            self.push(&package, release)?;
            self.cache.remember(&package, version, &release.facts.artifact, Some(&release.bytes));
        }
        Ok(outcome)
    }
}

fn failed(doing: &'static str, reference: &Reference, reason: String) -> RegistryError {
    RegistryError::Oci { doing, reference: reference.to_string(), reason }
}

fn told(trouble: Trouble) -> String {
    match trouble {
        Trouble::Missing => "the server does not have it".to_owned(),
        Trouble::Failed(reason) => reason,
    }
}
