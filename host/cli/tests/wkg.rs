//! `wkg`, the package tool of the ecosystem, and we: each reads what the other wrote, in a folder and on a server.
//! `wkg` itself is asked where `cargo xtask setup --wkg` has built it.

#![allow(clippy::unwrap_used)]

#[path = "support/packages.rs"]
mod harness;
#[path = "support/server.rs"]
mod server;
mod support;

use harness::Packages;
use serde_json::Value;
use server::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Case, root};

/// A blob in a server's storage.
fn blob(storage: &Path, digest: &str) -> Vec<u8> {
    let digest = digest.trim().trim_start_matches("sha256:");
    let path = storage.join(format!("docker/registry/v2/blobs/sha256/{}/{digest}/data", &digest[..2]));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Held against what `wkg` 0.16 and the crate `oci-wasm` 0.6 write and want to read.
#[test]
fn artifacts_have_the_form_that_wkg_gives_them() {
    let case = Case::new();
    let server = Server::start(&case);
    let packages = Packages { case, registry: format!("oci://{}/team", server.address()) };
    packages.publish("acme:bank@1.1.0", &["balance", "total"]);
    let storage = packages.case.path("storage");
    let link =
        storage.join("docker/registry/v2/repositories/team/acme/bank/_manifests/tags/1.1.0/current/link");
    let text = blob(&storage, &fs::read_to_string(link).unwrap());
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    let mut config: Value =
        serde_json::from_slice(&blob(&storage, manifest["config"]["digest"].as_str().unwrap())).unwrap();
    let layer = blob(&storage, manifest["layers"][0]["digest"].as_str().unwrap());
    assert_eq!(layer, fs::read(packages.case.path("acme-bank@1.1.0.wasm")).unwrap());
    assert_eq!(manifest["layers"][0]["size"], layer.len());
    assert_eq!(config["layerDigests"], serde_json::json!([manifest["layers"][0]["digest"]]));
    for (path, expected) in [
        ("/schemaVersion", serde_json::json!(2)),
        ("/mediaType", "application/vnd.oci.image.manifest.v1+json".into()),
        ("/config/mediaType", "application/vnd.wasm.config.v0+json".into()),
        ("/layers/0/mediaType", "application/wasm".into()),
        ("/layers/0/annotations", serde_json::json!({ "org.opencontainers.image.title": "bank.wasm" })),
        ("/annotations/org.opencontainers.image.version", "1.1.0".into()),
    ] {
        assert_eq!(manifest.pointer(path), Some(&expected), "{path} in {manifest}");
    }
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let created = config["created"].take();
    assert!(created.as_str().is_some_and(|time| time.len() == 20 && time.ends_with('Z')), "{created}");
    config["layerDigests"].take();
    let expected = serde_json::json!({
        "created": null,
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": null,
        "component": { "exports": ["acme:bank/ledger@1.1.0"], "imports": [], "target": null },
    });
    assert_eq!(config, expected);
}

/// A `wkg` with a configuration of its own, by which `acme` is on a server, and `local` in a folder.
struct Wkg<'a> {
    program: PathBuf,
    case: &'a Case,
}

impl<'a> Wkg<'a> {
    fn find(case: &'a Case, server: &Server) -> Option<Wkg<'a>> {
        let program = root().join("target/tools/bin/wkg");
        if !program.exists() {
            eprintln!("skipped: there is no wkg; `cargo xtask setup --wkg` builds it in several minutes");
            return None;
        }
        let (oci, folder) = (server.address(), case.path("registry").display().to_string());
        let config = format!(
            "[namespace_registries]\nlocal = \"local\"\nacme = {{ registry = \"{oci}\", metadata = {{ preferredProtocol = \
             \"oci\", oci = {{ registry = \"{oci}\", namespacePrefix = \"team/\" }} }} }}\n\
             [registry.\"{oci}\".oci]\nprotocol = \"http\"\n[registry.\"local\"]\ntype = \"local\"\n\
             [registry.\"local\".local]\nroot = \"{folder}\"\n"
        );
        case.write("client.toml", config);
        Some(Wkg { program, case })
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--config").arg(self.case.path("client.toml"));
        command.arg("--cache").arg(self.case.path("wkg-cache"));
        let output =
            command.current_dir(self.case.path("")).env("HOME", self.case.path("home")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Builds and publishes a package of WIT alone.
    fn publish_words(&self, namespace: &str) {
        let wit = format!(
            "/// Words.\npackage {namespace}:words@0.1.0;\n\ninterface ledger {{\n  /// What total is.\n  /// @query\n  \
             total: func() -> u32;\n}}\n\nworld words {{\n  export ledger;\n}}\n"
        );
        self.case.write(&format!("{namespace}-words/world.wit"), wit);
        let built = self.case.path(&format!("{namespace}-words.wasm")).display().to_string();
        self.run(&["wit", "build", "--wit-dir", &format!("{namespace}-words"), "--output", &built]);
        self.run(&["publish", &built]);
    }
}

#[test]
fn a_stock_wkg_and_we_read_each_other() {
    let case = Case::new();
    let server = Server::start(&case);
    let local = case.path("registry").display().to_string();
    let mut packages = Packages { case, registry: local.clone() };
    for (namespace, registry) in
        [("acme", format!("oci://{}/team", server.address())), ("local", local.clone())]
    {
        packages.registry = registry;
        let bank = |version: &str| format!("{namespace}:bank@{version}");
        let ours = packages.component(&bank("1.0.0"), &["balance"], &[]);
        packages.succeed(&["publish", ours.to_str().unwrap()]);
        let Some(wkg) = Wkg::find(&packages.case, &server) else { return };
        let got = packages.case.path(&format!("{namespace}-got.wasm"));
        wkg.run(&["get", &bank("1.0.0"), "--output", got.to_str().unwrap()]);
        assert_eq!(fs::read(got).unwrap(), fs::read(&ours).unwrap());

        // A component that is published by wkg 0.16 must have been made of WIT alone: it asks for a version where others
        // have none, also if it is told one.
        wkg.publish_words(namespace);
        // A shop for each.
        let _ = fs::remove_dir_all(packages.case.path("shop"));
        packages.shop("test:shop@0.1.0", "");
        packages.succeed(&["add", &format!("{namespace}:words"), "--project", "shop"]);
        let vendored = packages.text(&format!("shop/wit/deps/{namespace}_words-0.1.0/package.wit"));
        assert!(vendored.contains("total: func() -> u32;"), "{vendored}");
        let told = packages.succeed(&["info", &format!("{namespace}:words")]);
        assert!(
            told.starts_with(&format!("{namespace}:words@0.1.0")) && told.contains("query total"),
            "{told}"
        );
        // What the newest of all is, wkg finds too.
        let newest = packages.component(&bank("1.1.0"), &["balance", "total"], &[]);
        packages.succeed(&["publish", newest.to_str().unwrap()]);
        let got = packages.case.path(&format!("{namespace}-newest.wasm"));
        wkg.run(&["get", &format!("{namespace}:bank"), "--output", got.to_str().unwrap()]);
        assert_eq!(fs::read(got).unwrap(), fs::read(&newest).unwrap());
    }
}
