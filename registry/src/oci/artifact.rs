//! The form of a component in an OCI registry, as `wkg` writes it: one layer with the component, a config of
//! its exports and imports, and the version as an annotation.
//! It follows <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>.
//! Invariant: what is read has exactly one layer, and that a sha256.

use crate::Release;
use interstice_wit::Hash;
use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use wit_component::DecodedWasm;

/// The media types, as `wkg` writes them.
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";

/// The parts of an artifact, in the order in which they are sent: the manifest names the others.
pub(super) struct Artifact {
    pub(super) layer: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) manifest: OciImageManifest,
}

/// The artifact of a release.
pub(super) fn of(release: &Release) -> Artifact {
    let package = &release.facts.package;
    let title = ("org.opencontainers.image.title".to_owned(), format!("{}.wasm", package.name));
    let layer = ImageLayer::new(release.bytes.clone(), LAYER_TYPE.to_owned(), Some(BTreeMap::from([title])));
    let config = config_of(release).into_bytes();
    let mut annotations =
        BTreeMap::from([("org.opencontainers.image.version".to_owned(), package.version.to_string())]);
    if let Some(summary) = &release.facts.summary {
        annotations.insert("org.opencontainers.image.description".to_owned(), summary.clone());
    }
    let described = Config::new(config.clone(), CONFIG_TYPE.to_owned(), None);
    let mut manifest = OciImageManifest::build(&[layer], &described, Some(annotations));
    manifest.media_type = Some(MANIFEST_TYPE.to_owned());
    Artifact { layer: release.bytes.clone(), config, manifest }
}

/// Where a manifest has the component. An error is a reason for people.
pub(super) fn component(manifest: &OciImageManifest) -> Result<(Hash, &OciDescriptor), &'static str> {
    let [layer] = manifest.layers.as_slice() else {
        return Err("it is no component: its manifest does not have exactly one layer");
    };
    let digest = layer.digest.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
    let digest = digest.ok_or("the digest of its layer is no sha256")?;
    Ok((digest, layer))
}

/// What it exports and imports, for those who look before they pull.
fn config_of(release: &Release) -> String {
    let (exports, imports) = match wit_component::decode(&release.bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => {
            let world = &resolve.worlds[world];
            let names = |keys: Vec<_>| keys.into_iter().map(|key| resolve.name_world_key(key)).collect();
            (names(world.exports.keys().collect()), names(world.imports.keys().collect()))
        }
        // A package of WIT: its interfaces, its worlds, and what those export.
        Ok(DecodedWasm::WitPackage(resolve, package)) => {
            let package = &resolve.packages[package];
            let mut exports: BTreeSet<String> =
                package.interfaces.values().filter_map(|interface| resolve.id_of(*interface)).collect();
            for (name, world) in &package.worlds {
                exports.insert(package.name.interface_id(name));
                let keys = resolve.worlds[*world].exports.keys();
                exports.extend(keys.map(|key| resolve.name_world_key(key)));
            }
            (exports.into_iter().collect(), Vec::new())
        }
        Err(_) => (Vec::<String>::new(), Vec::<String>::new()),
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
