//! Who may: credentials where docker and wkg keep them, tokens, certificates.

use super::Oci;
use crate::harness::Packages;
use crate::server::{Gate, Server, Setup, TOKEN};
use crate::support::Case;
use expect_test::expect;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `open` with the password `sesame`, as `htpasswd -B` writes it.
const ACCOUNTS: &str = "open:$2b$05$V2Mmu9aLLYhpWUcj8t6/te058UbVQjCS2fQlkODiXT3EEvYiBAUF6\n";

/// base64 of `open:sesame`.
pub(crate) const RIGHT: &str = "b3BlbjpzZXNhbWU=";

/// base64 of `open:wrong`.
const WRONG: &str = "b3Blbjp3cm9uZw==";

/// Docker's configuration after `docker login`.
pub(crate) fn login(address: &str, auth: &str) -> String {
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
