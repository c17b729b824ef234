//! Packages in a real OCI registry: what is pushed, fetched and kept, and what is said of servers that break off,
//! stall, refuse, lie or go away.

#![allow(clippy::unwrap_used)]

#[path = "support/packages.rs"]
mod harness;
#[path = "support/server.rs"]
mod server;
mod support;

use expect_test::{Expect, expect};
use harness::{Packages, without_digests};
use server::{After, Gate, Server, Setup, TOKEN, Way};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
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

#[test]
fn what_is_pushed_can_be_added_and_never_changes() {
    let oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    let second = oci.packages.component("acme:bank@1.1.0", &["balance", "total"], &[]);
    let second = second.to_str().unwrap();
    oci.check(
        &["publish", "--dry-run", second],
        expect![[r#"
        exit 0
        --- stdout
        could be published  acme:bank@1.1.0 in the registry oci://HOST/team
        digest  sha256:<sha256>
        since 1.0.0:
          - ledger.total: the query is added
    "#]],
    );
    oci.check(
        &["publish", second],
        expect![[r#"
        exit 0
        --- stdout
        published  acme:bank@1.1.0 in the registry oci://HOST/team
        digest  sha256:<sha256>
        since 1.0.0:
          - ledger.total: the query is added
    "#]],
    );
    oci.check(
        &["publish", second],
        expect![[r#"
        exit 0
        --- stdout
        was published already  acme:bank@1.1.0 in the registry oci://HOST/team
        digest  sha256:<sha256>
    "#]],
    );
    let other = oci.packages.component("acme:bank@1.1.0", &["balance", "total", "more"], &[]);
    oci.check(&["publish", other.to_str().unwrap()], expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.1.0 is already published, with other content (sha256:<sha256>), and a published version never changes; give this one a new version
    "#]]);
    let breaking = oci.packages.component("acme:bank@1.2.0", &["total"], &[]);
    oci.check(
        &["publish", breaking.to_str().unwrap()],
        expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.2.0 cannot follow 1.1.0: something breaks; the smallest version that can is 2.0.0:
          - ledger.balance: the query is removed
    "#]],
    );

    oci.packages.shop("acme:shop@0.1.0", "");
    oci.check(
        &["add", "acme:bank", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.1.0 (shop/wit/deps/acme_bank-1.1.0/package.wit)
        next   import acme:bank/ledger@1.1.0;
    "#]],
    );
    oci.check(
        &["info", "acme:bank"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank@1.1.0
          The package acme:bank.
        versions
          1.1.0
          1.0.0
        exports
          ledger  query balance, query total
        hashes
          artifact   <sha256>
          interface  <sha256>
          storage    <sha256>
    "#]],
    );
    oci.check(
        &["diff", "acme:bank@1.0.0", "acme:bank@1.1.0"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank 1.0.0 → 1.1.0
          callers      compatible
          stored rows  compatible
          subscribers  compatible

        function ledger.total
          the query is added
            callers      compatible       nobody calls it yet

        the version 1.1.0 is the smallest that says so
    "#]],
    );
}

#[test]
fn what_an_oci_registry_cannot_do_is_refused_with_the_reason() {
    let oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    oci.publish("acme:bank@1.1.0", &["balance", "total"]);
    oci.check(&["yank", "acme:bank@1.0.0"], expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot yank a version: an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md
    "#]]);
    oci.check(&["search", "bank"], expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot be searched: an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md
    "#]]);
    oci.check(&["search", "--verify"], expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot be verified: an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md
    "#]]);
    oci.check(
        &["info", "acme:nothing"],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team has no package `acme:nothing`
    "#]],
    );
    oci.check(
        &["info", "acme:bank@7.0.0"],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team has no acme:bank@7.0.0; there are 1.1.0, 1.0.0
    "#]],
    );
    let component = oci.packages.case.path("acme-bank@1.0.0.wasm");
    oci.check(
        &["publish", "--offline", component.to_str().unwrap()],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot take a version: --offline forbids to ask its server
    "#]],
    );
    oci.check(
        &["info", "acme:bank", "--registry", "oci://"],
        expect![[r#"
        exit 3
        --- stderr
        error: `oci://` is not a registry: after `oci://` comes a host, such as `oci://ghcr.io/team`
    "#]],
    );
    oci.check(&["info", "acme:bank", "--registry", "https://ghcr.io/team"], expect![[r#"
        exit 3
        --- stderr
        error: `https://ghcr.io/team` is not a registry: it is a folder, or an OCI registry such as `oci://ghcr.io/team`
    "#]]);
    oci.check(
        &["info", "acme:bank", "--registry-timeout", "0"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0' for '--registry-timeout <SECONDS>': 0 is not in 1..=86400

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn what_was_fetched_is_there_without_the_server() {
    let mut oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    // What was published is known too, so another user fetches.
    fs::remove_dir_all(oci.packages.case.path("home")).unwrap();
    oci.packages.shop("acme:shop@0.1.0", "");
    oci.check(&["add", "acme:bank", "--project", "shop", "--offline"], expect![[r#"
        exit 3
        --- stderr
        error: acme:bank is not in the cache, and --offline forbids to ask the registry oci://HOST/team; run `interstice fetch` first
    "#]]);
    oci.packages.succeed(&["add", "acme:bank", "--project", "shop"]);
    let lock = oci.packages.text("shop/interstice.lock");
    oci.server.kill();
    oci.check(&["fetch", "--project", "shop"], expect![[r#"
        exit 6
        --- stderr
        error: cannot list the versions of HOST/team/acme/bank: the server cannot be reached: Connection refused (os error 111)
    "#]]);
    fs::remove_dir_all(oci.packages.case.path("shop/wit/deps")).unwrap();
    oci.check(
        &["fetch", "--offline", "--project", "shop", "--output", "parts"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
    "#]],
    );
    assert_eq!(oci.packages.text("shop/interstice.lock"), lock);
    assert!(oci.packages.case.path("shop/wit/deps/acme_bank-1.0.0/package.wit").exists());
    let fetched = fs::read(oci.packages.case.path("parts/acme-bank-1.0.0.wasm")).unwrap();
    assert_eq!(fetched, fs::read(oci.packages.case.path("acme-bank@1.0.0.wasm")).unwrap());
    // A damaged file of the cache is as good as none.
    let artifacts = oci.packages.case.path("home/.cache/interstice/artifacts");
    let kept = fs::read_dir(&artifacts).unwrap().next().unwrap().unwrap().path();
    fs::write(kept, "damaged").unwrap();
    oci.check(&["fetch", "--offline", "--project", "shop"], expect![[r#"
        exit 3
        --- stderr
        error: acme:bank@1.0.0 is not in the cache, and --offline forbids to ask the registry oci://HOST/team; run `interstice fetch` first
    "#]]);
}

#[test]
fn a_tag_that_moves_is_noticed_by_lock_and_by_memory() {
    let mut oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    oci.packages.shop("acme:shop@0.1.0", "");
    oci.packages.succeed(&["add", "acme:bank", "--project", "shop"]);
    let home = oci.packages.case.path("home");
    let elsewhere = oci.packages.case.path("home-of-another");
    fs::rename(&home, &elsewhere).unwrap();
    // The same server with another history, which the memory of this user does not know.
    fs::remove_dir_all(oci.packages.case.path("storage")).unwrap();
    oci.server.restart(&oci.packages.case);
    oci.publish("acme:bank@1.0.0", &["other"]);
    oci.check(&["fetch", "--project", "shop"], expect![[r#"
        exit 6
        --- stderr
        error: acme:bank@1.0.0 was changed after it was published: its content is sha256:<sha256>, and the interstice.lock says sha256:<sha256>; use nothing of it, and put back the original file or publish a new version
    "#]]);
    fs::remove_dir_all(&home).unwrap();
    fs::rename(&elsewhere, &home).unwrap();
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: HOST/team/acme/bank:1.0.0 was changed after it was published: it names sha256:<sha256> now, and named sha256:<sha256> when this user read it; use nothing of it. If it is rightly another, remove DIR/home/.cache/interstice/tags/HOST/team/acme/bank/1.0.0.sha256
    "#]]);
    fs::remove_dir_all(home.join(".cache/interstice/tags")).unwrap();
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn what_was_changed_at_the_server_is_noticed() {
    let oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    fs::remove_dir_all(oci.packages.case.path("home")).unwrap();
    let manifest = oci.blob(&oci.manifest_digest("1.0.0"));
    let original = fs::read_to_string(&manifest).unwrap();
    let json: serde_json::Value = serde_json::from_str(&original).unwrap();
    let layer = json["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let layer = oci.blob(&layer);
    let component = fs::read(&layer).unwrap();

    let mut changed = component.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&layer, changed).unwrap();
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: what the server sends was changed: its content is sha256:<sha256>, and its name says sha256:<sha256>; use nothing of it
    "#]]);
    // Longer than the manifest says.
    fs::write(&layer, [component.as_slice(), &[0; 1000]].concat()).unwrap();
    let longer = oci.run(&["info", "acme:bank"]);
    assert_eq!(longer.code, 6, "{}", longer.shown());
    fs::remove_file(&layer).unwrap();
    oci.check(
        &["info", "acme:bank"],
        expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server has its manifest, and not what that names
    "#]],
    );
    fs::write(&layer, component).unwrap();

    fs::write(&manifest, original.replace("1.0.0", "1.0.1")).unwrap();
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: what the server sends was changed: its content is sha256:<sha256>, and its name says sha256:<sha256>; use nothing of it
    "#]]);
    fs::write(&manifest, "{}").unwrap();
    assert_eq!(oci.run(&["info", "acme:bank"]).code, 6);
    fs::write(&manifest, original).unwrap();
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn a_connection_that_breaks_half_way_leaves_no_tag() {
    let mut oci = Oci::new();
    let bank = oci.packages.large_component("acme:bank@1.0.0", &["balance"], &[], 300_000);
    let bank = bank.to_str().unwrap();
    for after_bytes in [0, 300, 2_000, 100_000, 300_000] {
        let way = Way::to(&oci.server, after_bytes, After::Break);
        oci.by(&way.address());
        let refused = oci.run(&["publish", bank]);
        assert_eq!(refused.code, 6, "after {after_bytes}: {}", refused.shown());
        let told = ["the connection broke", "the server cannot be reached"];
        assert!(
            told.iter().any(|told| refused.stderr.contains(told)),
            "after {after_bytes}: {}",
            refused.stderr
        );
        oci.directly();
        oci.has_no_bank();
    }
    oci.packages.succeed(&["publish", bank]);
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn whatever_is_told_of_a_push_that_broke_at_its_end_is_true() {
    let mut oci = Oci::new();
    let [mut refused, mut done] = [0, 0];
    for number in 0..14 {
        let version = format!("1.0.{number}");
        let release = format!("acme:bank@{version}");
        let bank = oci.packages.component(&release, &["balance"], &[]);
        // From the beginning of the push to behind its end.
        let way = Way::to(&oci.server, 1_000 + 500 * number, After::Break);
        oci.by(&way.address());
        let ended = oci.run(&["publish", bank.to_str().unwrap()]);
        oci.directly();
        let is_there = oci.run(&["info", &release]).code == 0;
        match ended.code {
            0 => {
                done += 1;
                assert!(is_there, "{version} was told as published");
            }
            code => {
                refused += 1;
                assert_eq!(code, 6, "{}", ended.shown());
                let is_unknown = ended.stderr.contains("only the server knows: publish again, which is safe");
                assert!(!is_there || is_unknown, "{version}: {}", ended.stderr);
            }
        }
        oci.packages.succeed(&["publish", bank.to_str().unwrap()]);
    }
    assert!(refused > 0 && done > 0, "{refused} broke, {done} came through");
}

#[test]
fn a_server_that_dies_half_way_leaves_no_tag() {
    let mut oci = Oci::new();
    let bank = oci.packages.large_component("acme:bank@1.0.0", &["balance"], &[], 2_000_000);
    let bank = bank.to_str().unwrap();
    // The connection stalls, so that the server is killed while the component is on its way.
    let way = Way::to(&oci.server, 1_000_000, After::Stall);
    oci.by(&way.address());
    let mut publisher = oci.packages.command(&["publish", bank]);
    let child = publisher.spawn().unwrap();
    let began = Instant::now();
    while way.left() > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "the push does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    oci.server.kill();
    let output = child.wait_with_output().unwrap();
    let ended = oci.shown(Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    });
    assert_eq!(ended.code, 6, "{}", ended.shown());
    assert!(ended.stderr.contains("Nothing was published; publish again"), "{}", ended.stderr);
    oci.server.restart(&oci.packages.case);
    oci.directly();
    oci.has_no_bank();
    oci.packages.succeed(&["publish", bank]);
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let mut oci = Oci::new();
    let bank = oci.packages.large_component("acme:bank@1.0.0", &["balance"], &[], 2_000_000);
    let bank = bank.to_str().unwrap();
    for after_bytes in [0, 1_000_000] {
        let way = Way::to(&oci.server, after_bytes, After::Stall);
        oci.by(&way.address());
        let began = Instant::now();
        let ended = oci.run(&["publish", bank, "--registry-timeout", "2"]);
        assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
        assert_eq!(ended.code, 6, "{}", ended.shown());
        assert!(ended.stderr.contains("the server does not answer; try again later"), "{}", ended.stderr);
        oci.directly();
        oci.has_no_bank();
    }
}

/// `open` with the password `sesame`, as `htpasswd -B` writes it.
const ACCOUNTS: &str = "open:$2b$05$V2Mmu9aLLYhpWUcj8t6/te058UbVQjCS2fQlkODiXT3EEvYiBAUF6\n";

/// base64 of `open:sesame`.
const RIGHT: &str = "b3BlbjpzZXNhbWU=";

/// base64 of `open:wrong`.
const WRONG: &str = "b3Blbjp3cm9uZw==";

/// Docker's configuration after `docker login`.
fn login(address: &str, auth: &str) -> String {
    format!("{{\"auths\": {{\"{address}\": {{\"auth\": \"{auth}\"}}}}}}")
}

#[test]
fn credentials_are_taken_from_where_docker_and_wkg_keep_them() {
    let case = Case::new();
    let accounts = case.write("accounts", ACCOUNTS);
    let server = Server::start_with(&case, Setup { accounts: Some(&accounts), ..Setup::default() });
    let address = server.address();
    let oci = Oci { packages: Packages { case, registry: format!("oci://{address}/team") }, server };
    let bank = oci.packages.component("acme:bank@1.0.0", &["balance"], &[]);
    let bank = bank.to_str().unwrap();
    let docker = |text: &str| oci.packages.case.write("home/.docker/config.json", text);
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server refuses these credentials; log in with `docker login`, or set them where `wkg` has them
    "#]]);
    docker(&login(&address, WRONG));
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server refuses these credentials; log in with `docker login`, or set them where `wkg` has them
    "#]]);
    docker(&login(&address, "???"));
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: docker's credentials for HOST are not base64 of `user:password`
    "#]]);
    docker(&login(&address, RIGHT));
    oci.packages.succeed(&["publish", bank]);
    // A helper, as docker calls it.
    let helper = "#!/bin/sh\ncat > /dev/null\necho '{\"ServerURL\": \"x\", \"Username\": \"open\", \"Secret\": \"sesame\"}'\n";
    let path = oci.packages.case.write("bin/docker-credential-test", helper);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    docker(&format!("{{\"credHelpers\": {{\"{address}\": \"test\"}}}}"));
    let paths = format!("{}:{}", oci.packages.case.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = oci.packages.command(&["info", "acme:bank"]);
    let ended = oci.packages.ended(command.env("PATH", paths));
    assert_eq!(ended.code, 0, "{}", ended.shown());
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot list the versions of HOST/team/acme/bank: docker's configuration names a credential helper for HOST that cannot be run
    "#]]);
    // wkg's configuration goes before docker's.
    docker(&login(&address, RIGHT));
    let wkg = |auth: &str| {
        let text = format!("[registry.\"{address}\".oci]\nauth = {auth}\n");
        oci.packages.case.write("home/.config/wasm-pkg/config.toml", text)
    };
    wkg("{ username = \"open\", password = \"wrong\" }");
    assert_eq!(oci.run(&["info", "acme:bank"]).code, 6);
    wkg("\"?\"");
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot list the versions of HOST/team/acme/bank: wkg's configuration for HOST has an `auth` that is not base64 of `user:password`
    "#]]);
    // A file that says nothing is not passed over, and what stands in it is not shown.
    oci.packages.case.write("home/.config/wasm-pkg/config.toml", "auth = sesame");
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot list the versions of HOST/team/acme/bank: DIR/home/.config/wasm-pkg/config.toml is no TOML; mend it or move it away
    "#]]);
    fs::remove_file(oci.packages.case.path("home/.config/wasm-pkg/config.toml")).unwrap();
    docker("{\"auths\": sesame");
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot list the versions of HOST/team/acme/bank: DIR/home/.docker/config.json is no configuration of docker; mend it or move it away
    "#]]);
    docker(&login(&address, WRONG));
    wkg("{ username = \"open\", password = \"sesame\" }");
    oci.packages.succeed(&["info", "acme:bank"]);
    wkg(&format!("\"{RIGHT}\""));
    oci.packages.succeed(&["info", "acme:bank"]);
}

/// One of two publishers of the same bytes was told that the server lacks what it had just been sent.
#[test]
fn a_manifest_over_which_a_server_stumbles_is_sent_again() {
    let mut oci = Oci::new();
    let gate = Gate::before(&oci.server);
    oci.by(&gate.address());
    oci.packages.case.write("home/.docker/config.json", login(&gate.address(), RIGHT));
    let bank = oci.packages.component("acme:bank@1.0.0", &["balance"], &[]);
    let bank = bank.to_str().unwrap();
    // A server that goes on saying so is believed.
    gate.stumble(usize::MAX);
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot push HOST/team/acme/bank:1.0.0: the server says: provided digest did not match uploaded content; blob unknown to registry. Nothing was published; publish again
    "#]]);
    gate.stumble(2);
    oci.packages.succeed(&["publish", bank]);
    assert_eq!(gate.stumbles(), 0);
    oci.packages.succeed(&["info", "acme:bank@1.0.0"]);
}

#[test]
fn tokens_are_fetched_where_a_server_wants_them() {
    let mut oci = Oci::new();
    let gate = Gate::before(&oci.server);
    oci.by(&gate.address());
    let bank = oci.packages.component("acme:bank@1.0.0", &["balance"], &[]);
    let bank = bank.to_str().unwrap();
    let docker = |oci: &Oci, auth: &str| {
        oci.packages.case.write("home/.docker/config.json", login(&gate.address(), auth));
    };
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server refuses these credentials; log in with `docker login`, or set them where `wkg` has them
    "#]]);
    docker(&oci, WRONG);
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server refuses these credentials; log in with `docker login`, or set them where `wkg` has them
    "#]]);
    docker(&oci, RIGHT);
    oci.packages.succeed(&["publish", bank]);
    fs::remove_dir_all(oci.packages.case.path("home/.cache")).unwrap();
    oci.packages.succeed(&["info", "acme:bank"]);
    // A token that somebody else fetched, as `wkg` takes it from the environment.
    fs::remove_dir_all(oci.packages.case.path("home")).unwrap();
    let variable: String =
        gate.address().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let variable = format!("WKG_REGISTRY_{variable}_AUTH_BEARER");
    let mut command = oci.packages.command(&["info", "acme:bank"]);
    let ended = oci.packages.ended(command.env(&variable, TOKEN));
    assert_eq!(ended.code, 0, "{}", ended.shown());
    let mut command = oci.packages.command(&["info", "acme:bank"]);
    let ended = oci.shown(oci.packages.ended(command.env(&variable, "another")));
    assert_eq!(ended.code, 6, "{}", ended.shown());
    assert!(ended.stderr.contains("refuses these credentials"), "{}", ended.stderr);
}

/// Makes a certificate for this machine, signed by itself.
fn certificate(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    openssl.status().ok().filter(|status| status.success()).map(|_| (certificate, key))
}

#[test]
fn a_server_is_trusted_over_https_if_its_certificate_is() {
    let case = Case::new();
    let Some((certificate, key)) = certificate(&case.path("")) else {
        eprintln!("skipped: openssl, which makes the certificate, is not installed");
        return;
    };
    let server = Server::start_with(&case, Setup { tls: Some((&certificate, &key)), ..Setup::default() });
    let address = server.address();
    let oci = Oci { packages: Packages { case, registry: format!("oci://{address}/team") }, server };
    let bank = oci.packages.component("acme:bank@1.0.0", &["balance"], &[]);
    let bank = bank.to_str().unwrap();
    // This machine is spoken to without encryption, unless wkg's configuration says otherwise.
    let wkg = format!("[registry.\"{address}\".oci]\nprotocol = \"https\"\n");
    oci.packages.case.write("home/.config/wasm-pkg/config.toml", wkg);
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server cannot be reached: invalid peer certificate: UnknownIssuer
    "#]]);
    let mut command = oci.packages.command(&["publish", bank]);
    let ended = oci.packages.ended(command.env("SSL_CERT_FILE", &certificate));
    assert_eq!(ended.code, 0, "{}", ended.shown());
    fs::remove_dir_all(oci.packages.case.path("home/.cache")).unwrap();
    let mut command = oci.packages.command(&["info", "acme:bank"]);
    let ended = oci.packages.ended(command.env("SSL_CERT_FILE", &certificate));
    assert_eq!(ended.code, 0, "{}", ended.shown());
}

#[test]
fn publishers_of_several_processes_do_not_disturb_each_other() {
    let oci = Oci::new();
    let names = ["aa", "bb", "cc", "dd"];
    let components: Vec<_> =
        names.iter().map(|name| oci.packages.component(&format!("acme:{name}@1.0.0"), &["f"], &[])).collect();
    let children: Vec<_> = components
        .iter()
        // Each is published twice at once.
        .flat_map(|component| [component, component])
        .map(|component| oci.packages.command(&["publish", component.to_str().unwrap()]).spawn().unwrap())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for name in names {
        oci.packages.succeed(&["info", &format!("acme:{name}@1.0.0")]);
    }
}
