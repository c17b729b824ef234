//! A registry that speaks the OCI distribution protocol, with artifacts in the form that `wkg` writes:
//! one layer with the component, a config of its exports and imports, the version as the tag.
//! What was fetched is kept by its digest, and which digest a tag had, so that a tag that moves is noticed.
//! Invariant: a manifest is pushed last, so that no tag ever names half an artifact.

mod cache;
mod credentials;

use crate::publishing::{check_name, check_neighbours};
use crate::{
    MAX_ARTIFACT_BYTES, Offer, Outcome, PackageId, PublishOptions, Registry, RegistryError, Release,
};
use cache::Cache;
use interstice_wit::Hash;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use semver::Version;
use serde_json::json;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use wit_component::DecodedWasm;

/// The media types of the Wasm OCI artifact, as `wkg` writes them.
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";

/// How long a server may say nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Tags that are asked for at once.
const TAGS: usize = 100;

/// Pages of tags that are read at most; a server that never comes to an end is not waited for.
const MAX_PAGES: usize = 1_000;

/// A registry that speaks the OCI distribution protocol.
pub struct OciRegistry {
    host: String,
    prefix: String,
    cache: Cache,
    is_offline: bool,
    client: Client,
    runtime: Runtime,
}

impl OciRegistry {
    /// The registry of a host, with what the names of its repositories begin with. What is fetched is kept
    /// in the folder `cache`; with `is_offline` nothing else is asked.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        host: &str,
        prefix: &str,
        cache: &Path,
        is_offline: bool,
    ) -> Result<OciRegistry, RegistryError> {
        let failed =
            |reason: String| RegistryError::Oci { doing: "reach", reference: host.to_owned(), reason };
        // Another part of the process may have chosen one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_plain = is_loopback(host) || credentials::is_plain(host);
        let config = ClientConfig {
            protocol: if is_plain { ClientProtocol::Http } else { ClientProtocol::Https },
            read_timeout: Some(READ_TIMEOUT),
            connect_timeout: Some(CONNECT_TIMEOUT),
            user_agent: concat!("interstice/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| failed(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        Ok(OciRegistry {
            host: host.to_owned(),
            prefix: prefix.to_owned(),
            cache: Cache::new(cache, host, prefix),
            is_offline,
            client,
            runtime,
        })
    }

    fn reference(&self, package: &PackageId, version: Option<&Version>) -> Reference {
        let repository = format!("{}{}/{}", self.prefix, package.namespace(), package.name());
        // The tag of a listing is not looked at.
        let tag = version.map_or_else(|| "latest".to_owned(), Version::to_string);
        Reference::with_tag(self.host.clone(), repository, tag)
    }

    /// Runs a request with the credentials that fit, and without any where those are refused.
    fn request<'s, T, F: Future<Output = Result<T, OciDistributionError>> + 's>(
        &'s self,
        doing: &'static str,
        reference: &Reference,
        operation: RegistryOperation,
        request: impl FnOnce(RegistryAuth) -> F,
    ) -> Result<T, RegistryError> {
        if self.is_offline {
            let (package, registry) = (reference.to_string(), self.name());
            return Err(RegistryError::Offline { package, registry });
        }
        let mut auth = credentials::of(&self.host).map_err(|reason| RegistryError::Oci {
            doing,
            reference: reference.to_string(),
            reason,
        })?;
        let failed = |error: OciDistributionError| RegistryError::Oci {
            doing,
            reference: reference.to_string(),
            reason: reason(&error),
        };
        self.runtime.block_on(async {
            if let Err(error) = self.client.auth(reference, &auth, operation).await {
                let is_refusal = matches!(error, OciDistributionError::AuthenticationFailure(_));
                if !is_refusal || auth == RegistryAuth::Anonymous {
                    return Err(failed(error));
                }
                // Old credentials are no reason to refuse what everybody may read.
                if self.client.auth(reference, &RegistryAuth::Anonymous, operation).await.is_err() {
                    return Err(failed(error));
                }
                auth = RegistryAuth::Anonymous;
            }
            request(auth).await.map_err(failed_or_missing(doing, reference))
        })
    }

    fn tags(&self, package: &PackageId) -> Result<Vec<Version>, RegistryError> {
        let reference = self.reference(package, None);
        let listed = self.request("list the versions of", &reference, RegistryOperation::Pull, |auth| {
            let reference = reference.clone();
            async move {
                let mut tags: Vec<String> = Vec::new();
                for _ in 0..MAX_PAGES {
                    let last = tags.last().cloned();
                    let page = self.client.list_tags(&reference, &auth, Some(TAGS), last.as_deref()).await?;
                    let before = tags.len();
                    tags.extend(page.tags.into_iter().filter(|tag| Some(tag) != last.as_ref()));
                    if tags.len() - before < TAGS {
                        break;
                    }
                }
                Ok(tags)
            }
        });
        let tags = match listed {
            Err(RegistryError::Oci { reason, .. }) if reason == MISSING => Vec::new(),
            other => other?,
        };
        // Other tags, such as those of signatures, name no version.
        let mut versions: Vec<_> = tags.iter().filter_map(|tag| Version::parse(tag).ok()).collect();
        versions.sort();
        versions.dedup();
        if versions.is_empty() {
            return Err(RegistryError::NoPackage {
                registry: self.name(),
                package: package.clone(),
                near: None,
            });
        }
        Ok(versions)
    }

    /// The digest of the component under a tag, and its length.
    fn tagged(
        &self,
        package: &PackageId,
        version: &Version,
    ) -> Result<(Hash, OciImageManifest), RegistryError> {
        let reference = self.reference(package, Some(version));
        let pulled = self.request("pull", &reference, RegistryOperation::Pull, |auth| {
            let reference = reference.clone();
            async move { self.client.pull_image_manifest(&reference, &auth).await }
        });
        let (manifest, _) = match pulled {
            Err(RegistryError::Oci { reason, .. }) if reason == MISSING => {
                let versions = self.tags(package)?;
                return Err(RegistryError::NoVersion {
                    registry: self.name(),
                    package: package.at(version),
                    versions,
                });
            }
            other => other?,
        };
        let refused = |reason: &str| RegistryError::Oci {
            doing: "pull",
            reference: reference.to_string(),
            reason: reason.to_owned(),
        };
        let [layer] = manifest.layers.as_slice() else {
            return Err(refused("it is no component: its manifest does not have exactly one layer"));
        };
        let digest = layer.digest.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
        let digest = digest.ok_or_else(|| refused("the digest of its layer is no sha256"))?;
        let size_bytes = u64::try_from(layer.size).unwrap_or(u64::MAX);
        if size_bytes > MAX_ARTIFACT_BYTES {
            let what = reference.to_string();
            return Err(RegistryError::TooLarge { what, size_bytes, limit_bytes: MAX_ARTIFACT_BYTES });
        }
        Ok((digest, manifest))
    }

    fn bytes(&self, package: &PackageId, version: &Version) -> Result<Vec<u8>, RegistryError> {
        let known = self.cache.tag(package, version);
        let reference = self.reference(package, Some(version));
        if self.is_offline {
            let bytes = known.and_then(|digest| self.cache.artifact(&digest));
            return bytes.ok_or_else(|| RegistryError::Offline {
                package: package.at(version).to_string(),
                registry: self.name(),
            });
        }
        let (found, manifest) = self.tagged(package, version)?;
        if let Some(wanted) = known.filter(|known| *known != found) {
            let what = reference.to_string();
            return Err(RegistryError::Tampered { what, by: "cache of this user", wanted, found });
        }
        if let Some(bytes) = self.cache.artifact(&found) {
            self.cache.remember(package, version, &found, None);
            return Ok(bytes);
        }
        let layer = manifest.layers.into_iter().next();
        let bytes = self.request("pull", &reference, RegistryOperation::Pull, |auth| {
            let reference = reference.clone();
            async move {
                self.client.store_auth_if_needed(&self.host, &auth).await;
                let mut bytes = Vec::new();
                if let Some(layer) = &layer {
                    self.client.pull_blob(&reference, layer, &mut bytes).await?;
                }
                Ok(bytes)
            }
        })?;
        let received = interstice_wit::hash::artifact_hash(&bytes);
        if received != found {
            let what = reference.to_string();
            return Err(RegistryError::Tampered { what, by: "manifest", wanted: found, found: received });
        }
        self.cache.remember(package, version, &found, Some(&bytes));
        Ok(bytes)
    }

    fn push(&self, package: &PackageId, release: &Release) -> Result<(), RegistryError> {
        let version = &release.facts.package.version;
        let reference = self.reference(package, Some(version));
        let title = ("org.opencontainers.image.title".to_owned(), format!("{}.wasm", package.name()));
        let layer =
            ImageLayer::new(release.bytes.clone(), LAYER_TYPE.to_owned(), Some(BTreeMap::from([title])));
        let config = Config::new(config_of(release).into_bytes(), CONFIG_TYPE.to_owned(), None);
        let mut annotations =
            BTreeMap::from([("org.opencontainers.image.version".to_owned(), version.to_string())]);
        if let Some(summary) = &release.facts.summary {
            annotations.insert("org.opencontainers.image.description".to_owned(), summary.clone());
        }
        let layers = vec![layer];
        let mut manifest = OciImageManifest::build(&layers, &config, Some(annotations));
        manifest.media_type = Some(MANIFEST_TYPE.to_owned());
        let pushed = self.request("push", &reference, RegistryOperation::Push, |auth| {
            let reference = reference.clone();
            async move { self.client.push(&reference, &layers, config, &auth, Some(manifest)).await }
        });
        match pushed {
            Ok(_) => Ok(()),
            Err(RegistryError::Oci { doing, reference, reason }) => {
                // The manifest goes last. Whether it arrived only the server knows.
                let is_there =
                    self.tagged(package, version).is_ok_and(|(found, _)| found == release.facts.artifact);
                if is_there {
                    return Ok(());
                }
                let reason = format!(
                    "{reason}. Nothing is published as {version} unless the server had all of it; publishing again is \
                     safe"
                );
                Err(RegistryError::Oci { doing, reference, reason })
            }
            Err(error) => Err(error),
        }
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
            let (package, registry) = (package.to_string(), self.name());
            return Err(RegistryError::Offline { package, registry });
        }
        Ok(versions.into_iter().map(|version| Offer { version, is_yanked: false }).collect())
    }

    fn read(&self, package: &PackageId, version: &Version) -> Result<Release, RegistryError> {
        let bytes = self.bytes(package, version)?;
        let what = self.reference(package, Some(version)).to_string();
        Release::read(bytes, &what)?.expect(package, version, &what)
    }

    fn publish(&self, release: &Release, options: &PublishOptions) -> Result<Outcome, RegistryError> {
        let package = PackageId::of(&release.facts.package)?;
        let version = &release.facts.package.version;
        check_name(&package, version)?;
        let versions = match self.tags(&package) {
            Ok(versions) => versions,
            Err(RegistryError::NoPackage { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut outcome = Outcome {
            package: release.facts.package.clone(),
            artifact: release.facts.artifact,
            was_there: false,
            since: None,
            warnings: Vec::new(),
        };
        if versions.contains(version) {
            let (found, _) = self.tagged(&package, version)?;
            if found != release.facts.artifact {
                return Err(RegistryError::AlreadyPublished {
                    package: release.facts.package.clone(),
                    found,
                });
            }
            outcome.was_there = true;
            return Ok(outcome);
        }
        outcome.since = check_neighbours(self, &package, &versions, release)?;
        if !options.is_dry_run {
            self.push(&package, release)?;
            self.cache.remember(&package, version, &release.facts.artifact, Some(&release.bytes));
        }
        Ok(outcome)
    }
}

/// The config of the artifact: what it exports and imports, for those who look before they pull.
fn config_of(release: &Release) -> String {
    let (exports, imports) = match wit_component::decode(&release.bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => {
            let world = &resolve.worlds[world];
            let names = |keys: Vec<_>| keys.into_iter().map(|key| resolve.name_world_key(key)).collect();
            (names(world.exports.keys().collect()), names(world.imports.keys().collect()))
        }
        _ => (Vec::<String>::new(), Vec::<String>::new()),
    };
    let config = json!({
        "created": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [format!("sha256:{}", release.facts.artifact)],
        "component": { "exports": exports, "imports": imports, "target": null },
    });
    config.to_string()
}

/// What a server says of what it does not have. It is told apart by this text alone, and never shown.
const MISSING: &str = "it is not there";

fn failed_or_missing(
    doing: &'static str,
    reference: &Reference,
) -> impl FnOnce(OciDistributionError) -> RegistryError {
    let reference = reference.to_string();
    move |error| {
        let is_missing = match &error {
            OciDistributionError::ImageManifestNotFoundError(_) => true,
            OciDistributionError::RegistryError { envelope, .. } => envelope
                .errors
                .iter()
                .all(|error| matches!(error.code, OciErrorCode::NameUnknown | OciErrorCode::ManifestUnknown)),
            OciDistributionError::ServerError { code: 404, .. } => true,
            _ => false,
        };
        let reason = if is_missing { MISSING.to_owned() } else { reason(&error) };
        RegistryError::Oci { doing, reference, reason }
    }
}

/// An error of the client in words that say what to do.
fn reason(error: &OciDistributionError) -> String {
    match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
            "the server refuses these credentials; log in with `docker login`, or set them where `wkg` has them"
                .to_owned()
        }
        OciDistributionError::RequestError(request) if request.is_timeout() => {
            "the server does not answer; try again later".to_owned()
        }
        OciDistributionError::RequestError(request) => {
            // The innermost cause is what an operator understands: `connection refused`.
            let mut cause: &dyn std::error::Error = request;
            while let Some(source) = cause.source() {
                cause = source;
            }
            let what = if request.is_connect() { "the server cannot be reached" } else { "the connection broke" };
            format!("{what}: {cause}")
        }
        OciDistributionError::ServerError { code, message, .. } => {
            let message: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
            format!("the server answers {code}: {message}")
        }
        other => other.to_string().chars().filter(|c| !c.is_control()).take(400).collect(),
    }
}

/// Whether a host is this machine, where nobody listens in between.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["ghcr.io", "localhost.example.com", "10.0.0.1:5000", "127.0.0.1.example.com", "[::2]:80"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
