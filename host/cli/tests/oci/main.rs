//! Packages in a real OCI registry: what is pushed, fetched and kept, and what is said of servers that break off,
//! stall, refuse, lie or go away.

#![allow(clippy::unwrap_used)]

mod access;
mod breaking;
#[path = "../support/packages.rs"]
mod harness;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod versions;

use expect_test::Expect;
use harness::{Packages, without_digests};
use server::Server;
use std::path::PathBuf;
use support::{Case, Ended};

/// A server and a user who publishes there.
struct Oci {
    packages: Packages,
    server: Server,
}

impl Oci {
    fn new() -> Oci {
        let case = Case::new();
        let server = Server::start(&case);
        Oci { packages: Packages { case, registry: format!("oci://{}/team", server.address()) }, server }
    }

    /// The same user, who goes to the server by another address.
    fn by(&mut self, address: &str) {
        self.packages.registry = format!("oci://{address}/team");
    }

    fn directly(&mut self) {
        self.by(&self.server.address());
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.shown(self.packages.run(arguments))
    }

    /// An answer without what differs from run to run.
    fn shown(&self, ended: Ended) -> Ended {
        let host = self.packages.registry.trim_start_matches("oci://").split('/').next().unwrap();
        let shown = |text: String| text.replace(host, "HOST").replace(&host.replace(':', "_"), "HOST");
        Ended { code: ended.code, stdout: shown(ended.stdout), stderr: shown(ended.stderr) }
    }

    fn check(&self, arguments: &[&str], expected: Expect) {
        expected.assert_eq(&without_digests(&self.run(arguments).shown()));
    }

    fn publish(&self, package: &str, functions: &[&str]) {
        let component = self.packages.component(package, functions, &[]);
        self.packages.succeed(&["publish", component.to_str().unwrap()]);
    }

    /// Nothing of the bank is published.
    fn has_no_bank(&self) {
        let ended = self.run(&["info", "acme:bank"]);
        assert_eq!(ended.code, 3, "{}", ended.shown());
        assert!(ended.stderr.contains("has no package `acme:bank`"), "{}", ended.stderr);
    }

    /// The folder of the server's storage in which a blob lies.
    fn blob(&self, digest: &str) -> PathBuf {
        self.packages
            .case
            .path(&format!("storage/docker/registry/v2/blobs/sha256/{}/{digest}/data", &digest[..2]))
    }

    /// What a tag names in the server's storage.
    fn manifest_digest(&self, version: &str) -> String {
        let link = format!(
            "storage/docker/registry/v2/repositories/team/acme/bank/_manifests/tags/{version}/current/link"
        );
        self.packages.text(&link).trim().trim_start_matches("sha256:").to_owned()
    }
}
