//! `wkg`, the package tool of the ecosystem, and we: each reads what the other wrote, in a folder and on a server.
//! What a stock `wkg` wrote once is kept in `tests/wkg/` and read always; `wkg` itself is asked where
//! `cargo xtask setup --wkg` has built it.

#![allow(clippy::unwrap_used)]

#[path = "support/packages.rs"]
mod harness;
#[path = "support/server.rs"]
mod server;
mod support;

use expect_test::expect;
use harness::{Packages, without_digests};
use serde_json::Value;
use server::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Case, root};

/// What `wkg` wrote: `folder` by its local backend, `storage` by the server that it pushed to.
fn fixtures() -> PathBuf {
    root().join("host/cli/tests/wkg")
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// A user of the folder that `wkg` wrote.
fn folder() -> Packages {
    let packages = Packages::new();
    copy(&fixtures().join("folder"), &packages.case.path("registry"));
    packages
}

/// A user of a server with the storage that `wkg` wrote.
fn storage() -> (Packages, Server) {
    let case = Case::new();
    copy(&fixtures().join("storage"), &case.path("storage"));
    let server = Server::start(&case);
    (Packages { case, registry: format!("oci://{}/team", server.address()) }, server)
}

/// A module that `wkg publish` put there, and a package of WIT that `wkg wit build` made.
fn reads_what_wkg_wrote(packages: &Packages) {
    packages.shop("acme:shop@0.1.0", "");
    packages.check(&["add", "acme:bank", "--project", "shop"], expect![""]);
    packages.check(&["add", "acme:words", "--project", "shop"], expect![""]);
    expect![""].assert_eq(&packages.text("shop/wit/deps/acme_words-0.1.0/package.wit"));
    packages.succeed(&["fetch", "--project", "shop", "--output", "parts"]);
    packages.check(&["check", "parts/acme-bank-1.1.0.wasm"], expect![""]);
    // It is one of the versions by which a new one is judged, and never changes.
    let next = packages.component("acme:bank@1.1.1", &["balance"], &[]);
    packages.check(&["publish", next.to_str().unwrap()], expect![""]);
    let other = packages.component("acme:bank@1.1.0", &["balance"], &[]);
    expect![""].assert_eq(&without_digests(&packages.run(&["publish", other.to_str().unwrap()]).stderr));
    let next = packages.component("acme:bank@1.2.0", &["balance", "total", "audit"], &[]);
    packages.succeed(&["publish", next.to_str().unwrap()]);
}

#[test]
fn a_folder_that_wkg_wrote_is_read_and_published_to() {
    let packages = folder();
    reads_what_wkg_wrote(&packages);
    packages.check(&["search", "--verify"], expect![""]);
}

#[test]
fn artifacts_that_wkg_pushed_are_read_and_published_beside() {
    let (packages, _server) = storage();
    reads_what_wkg_wrote(&packages);
}

/// The manifest and the config of a version in a server's storage, without what differs from push to push.
fn artifact(storage: &Path, package: &str, version: &str) -> (Value, Value) {
    let registry = storage.join("docker/registry/v2");
    let link = format!("repositories/team/acme/{package}/_manifests/tags/{version}/current/link");
    let blob = |digest: &str| {
        let digest = digest.trim().trim_start_matches("sha256:");
        let path = registry.join(format!("blobs/sha256/{}/{digest}/data", &digest[..2]));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let manifest = blob(&fs::read_to_string(registry.join(link)).unwrap());
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut config: Value =
        serde_json::from_slice(&blob(manifest["config"]["digest"].as_str().unwrap())).unwrap();
    let layer = blob(manifest["layers"][0]["digest"].as_str().unwrap());
    assert_eq!(manifest["layers"][0]["size"], layer.len());
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
    for mask in ["digest", "size"] {
        manifest["config"][mask] = Value::Null;
        manifest["layers"][0][mask] = Value::Null;
    }
    // The docs of the package, where `wkg` would take a section of the component that ours do not have.
    manifest["annotations"].as_object_mut().unwrap().remove("org.opencontainers.image.description");
    config["created"] = Value::Null;
    config["layerDigests"] = Value::Null;
    (manifest, config)
}

#[test]
fn artifacts_have_the_form_that_wkg_gives_them() {
    let case = Case::new();
    let server = Server::start(&case);
    let packages = Packages { case, registry: format!("oci://{}/team", server.address()) };
    packages.publish("acme:bank@1.1.0", &["balance", "total"]);
    packages.succeed(&["publish", fixtures().join("folder/acme/words/0.1.0.wasm").to_str().unwrap()]);
    let ours = packages.case.path("storage");
    for (package, version) in [("bank", "1.1.0"), ("words", "0.1.0")] {
        let sorted = |(manifest, mut config): (Value, Value)| {
            // Those of a package of WIT come in no order from `wkg`.
            let exports = config["component"]["exports"].as_array_mut().unwrap();
            exports.sort_by_key(ToString::to_string);
            (manifest, config)
        };
        let wkg = sorted(artifact(&fixtures().join("storage"), package, version));
        assert_eq!(sorted(artifact(&ours, package, version)), wkg);
        assert!(!wkg.1["component"]["exports"].as_array().unwrap().is_empty());
    }
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
        case.write("wkg.toml", config);
        Some(Wkg { program, case })
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--config").arg(self.case.path("wkg.toml"));
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
        let theirs = packages.component(&bank("1.1.0"), &["balance", "total"], &[]);
        let Some(wkg) = Wkg::find(&packages.case, &server) else { return };
        let got = packages.case.path(&format!("{namespace}-got.wasm"));
        wkg.run(&["get", &bank("1.0.0"), "--output", got.to_str().unwrap()]);
        assert_eq!(fs::read(got).unwrap(), fs::read(&ours).unwrap());

        wkg.run(&["publish", theirs.to_str().unwrap(), "--package", &bank("1.1.0")]);
        let info = packages.succeed(&["info", &format!("{namespace}:bank")]);
        assert!(info.starts_with(&bank("1.1.0")), "{info}");
        assert!(info.contains("query balance, query total"), "{info}");
        wkg.publish_words(namespace);
        // A shop for each.
        let _ = fs::remove_dir_all(packages.case.path("shop"));
        packages.shop("test:shop@0.1.0", "");
        packages.succeed(&["add", &format!("{namespace}:words"), "--project", "shop"]);
        let vendored = packages.text(&format!("shop/wit/deps/{namespace}_words-0.1.0/package.wit"));
        assert!(vendored.contains("total: func() -> u32;"), "{vendored}");
        // What the newest of all is, wkg finds too.
        let got = packages.case.path(&format!("{namespace}-newest.wasm"));
        wkg.run(&["get", &format!("{namespace}:bank"), "--output", got.to_str().unwrap()]);
        assert_eq!(fs::read(got).unwrap(), fs::read(&theirs).unwrap());
    }
}

/// Writes the fixtures again: `cargo test --test wkg -- --ignored`.
#[test]
#[ignore = "writes tests/wkg anew, with the wkg that `cargo xtask setup --wkg` builds"]
fn write_the_fixtures() {
    let case = Case::new();
    let server = Server::start(&case);
    let packages = Packages { registry: case.path("registry").display().to_string(), case };
    let bank = packages.component("acme:bank@1.1.0", &["balance", "total"], &[]);
    let wkg = Wkg::find(&packages.case, &server).expect("wkg is there");
    for is_folder in [false, true] {
        if is_folder {
            // The same packages in a folder.
            let config = packages.text("wkg.toml");
            let config: Vec<_> = config.lines().filter(|line| !line.starts_with("acme = ")).collect();
            let config = config.join("\n").replace("local = \"local\"", "acme = \"local\"");
            packages.case.write("wkg.toml", config);
        }
        wkg.run(&["publish", bank.to_str().unwrap(), "--package", "acme:bank@1.1.0"]);
        wkg.publish_words("acme");
    }
    copy(&packages.case.path("registry"), &fixtures().join("folder"));
    copy(&packages.case.path("storage"), &fixtures().join("storage"));
}
