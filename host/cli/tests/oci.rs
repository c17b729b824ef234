//! Packages in a real OCI registry: the server of Debian's `docker-registry`, on a port of this machine.
//! The last test holds us against a stock `wkg`, in both directions and in both kinds of registry.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{Case, Ended, root};

/// A registry server with its storage, which ends with the test.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(case: &Case, accounts: Option<&str>) -> Server {
        // The port is free for a moment only, so another is taken if somebody was faster.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let auth = match accounts {
                Some(path) => format!("auth:\n  htpasswd:\n    realm: test\n    path: {path}\n"),
                None => String::new(),
            };
            let config = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: \
                 127.0.0.1:{port}\n{auth}",
                case.path("storage").display()
            );
            let config = case.write(&format!("server-{port}.yml"), config);
            let mut command = Command::new("docker-registry");
            command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let process = command.spawn().expect("docker-registry is installed by `cargo xtask setup`");
            let mut server = Server { process, port };
            if server.answers() {
                return server;
            }
        }
        panic!("the registry server does not start");
    }

    fn answers(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection to the server that breaks after so many bytes have gone there.
struct Breaking {
    port: u16,
}

impl Breaking {
    fn start(server: &Server, after_bytes: usize) -> Breaking {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = server.address();
        let left = Arc::new(AtomicUsize::new(after_bytes));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&to) else { continue };
                let (client_in, server_in) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let left = Arc::clone(&left);
                thread::spawn(move || forward(client, server, &left));
                thread::spawn(move || forward(server_in, client_in, &AtomicUsize::new(usize::MAX)));
            }
        });
        Breaking { port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Hands bytes on until the budget of all connections together is spent.
fn forward(mut from: TcpStream, mut to: TcpStream, left: &AtomicUsize) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let before = left.load(Ordering::SeqCst);
        let passed = length.min(before);
        left.store(before - passed, Ordering::SeqCst);
        if to.write_all(&buffer[..passed]).is_err() || passed < length {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn run(case: &Case, registry: &str, arguments: &[&str]) -> Ended {
    let mut command = case.command(arguments);
    command.env("INTERSTICE_REGISTRY", registry).env("HOME", case.path("home"));
    for variable in [
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "DOCKER_CONFIG",
        "WKG_CONFIG_FILE",
    ] {
        command.env_remove(variable);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn succeed(case: &Case, registry: &str, arguments: &[&str]) -> String {
    let ended = run(case, registry, arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.shown());
    ended.stdout
}

/// A module with these functions, and padding that makes it large.
fn component(case: &Case, package: &str, functions: &[&str], padding_bytes: usize) -> PathBuf {
    let (name, version) = package.split_once('@').unwrap();
    let declared: String =
        functions.iter().map(|function| format!("  /// @query\n  {function}: func() -> u32;\n")).collect();
    let folder = format!("source/{}-{version}", name.replace(':', "-"));
    let wit = format!(
        "/// The {name}.\npackage {package};\ninterface ledger {{\n{declared}}}\nworld module {{ export ledger; }}\n"
    );
    case.write(&format!("{folder}/wit/world.wit"), wit);
    let exports: String = functions
        .iter()
        .map(|function| {
            format!("(func (export \"{name}/ledger@{version}#{function}\") (result i32) i32.const 42)")
        })
        .collect();
    let padding = "x".repeat(padding_bytes);
    let core = format!("(module (memory 64) {exports} (data (i32.const 0) \"{padding}\"))");
    let core = case.write(&format!("{folder}/core.wasm"), wat::parse_str(core).unwrap());
    let output = case.path(&format!("{}.wasm", package.replace(':', "-")));
    succeed(
        case,
        "",
        &["build", "--from", core.to_str().unwrap(), "--output", output.to_str().unwrap(), &folder],
    );
    output
}

fn shop(case: &Case) {
    let wit = "package acme:shop@0.1.0;\ninterface orders {\n/// @query\n count: func() -> u32; }\nworld shop { export orders; }\n";
    case.write("shop/wit/world.wit", wit);
}

#[test]
fn what_is_pushed_can_be_added_and_never_changes() {
    let case = Case::new();
    let server = Server::start(&case, None);
    let registry = format!("oci://{}/team/modules", server.address());
    let first = component(&case, "acme:bank@1.0.0", &["balance"], 0);
    succeed(&case, &registry, &["publish", first.to_str().unwrap()]);
    let second = component(&case, "acme:bank@1.1.0", &["balance", "total"], 0);
    let published = succeed(&case, &registry, &["publish", second.to_str().unwrap()]);
    assert!(published.contains("since 1.0.0:\n  - acme:bank/ledger: function total is new"), "{published}");
    assert!(
        succeed(&case, &registry, &["publish", second.to_str().unwrap()]).contains("was published already")
    );

    let other = component(&case, "acme:bank@1.1.0", &["balance", "total", "more"], 0);
    let refused = run(&case, &registry, &["publish", other.to_str().unwrap()]);
    assert_eq!(refused.code, 5, "{}", refused.shown());
    assert!(refused.stderr.contains("a published version never changes"), "{}", refused.stderr);
    let breaking = component(&case, "acme:bank@1.2.0", &["total"], 0);
    let refused = run(&case, &registry, &["publish", breaking.to_str().unwrap()]);
    assert!(refused.stderr.contains("the smallest version that can is 2.0.0"), "{}", refused.stderr);

    shop(&case);
    let added = succeed(&case, &registry, &["add", "acme:bank", "--project", "shop"]);
    assert!(added.contains("acme:bank@1.1.0"), "{added}");
    let info = succeed(&case, &registry, &["info", "acme:bank"]);
    assert!(info.contains("1.0.0") && info.contains("query balance, query total"), "{info}");
    for (arguments, reason) in [
        (&["yank", "acme:bank@1.0.0"][..], "cannot yank a version"),
        (&["search", "bank"], "cannot search"),
        (&["info", "acme:nothing"], "has no package `acme:nothing`"),
        (&["info", "acme:bank@7.0.0"], "there are 1.1.0, 1.0.0"),
    ] {
        let refused = run(&case, &registry, arguments);
        assert_eq!(refused.code, 3, "{}", refused.shown());
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    }
}

#[test]
fn what_was_fetched_is_there_without_the_server() {
    let case = Case::new();
    let server = Server::start(&case, None);
    let registry = format!("oci://{}", server.address());
    let bank = component(&case, "acme:bank@1.0.0", &["balance"], 0);
    succeed(&case, &registry, &["publish", bank.to_str().unwrap()]);
    shop(&case);
    succeed(&case, &registry, &["add", "acme:bank", "--project", "shop"]);
    drop(server);
    let refused = run(&case, &registry, &["fetch", "--project", "shop"]);
    assert_eq!(refused.code, 6, "{}", refused.shown());
    assert!(refused.stderr.contains("the server cannot be reached"), "{}", refused.stderr);
    fs::remove_dir_all(case.path("shop/wit/deps")).unwrap();
    succeed(&case, &registry, &["fetch", "--offline", "--project", "shop"]);
    assert!(case.path("shop/wit/deps/acme_bank-1.0.0/package.wit").exists());
    fs::remove_dir_all(case.path("home/.cache/interstice")).unwrap();
    let refused = run(&case, &registry, &["fetch", "--offline", "--project", "shop"]);
    assert!(refused.stderr.contains("run `interstice fetch` first"), "{}", refused.stderr);
}

#[test]
fn a_tag_that_moves_is_noticed() {
    let case = Case::new();
    let server = Server::start(&case, None);
    let registry = format!("oci://{}", server.address());
    let bank = component(&case, "acme:bank@1.0.0", &["balance"], 0);
    succeed(&case, &registry, &["publish", bank.to_str().unwrap()]);
    shop(&case);
    succeed(&case, &registry, &["add", "acme:bank", "--project", "shop"]);
    // Another server at the same address, with another history.
    drop(server);
    fs::remove_dir_all(case.path("storage")).unwrap();
    let server = Server::start(&case, None);
    let elsewhere = format!("oci://{}", server.address());
    let other = component(&case, "acme:bank@1.0.0", &["other"], 0);
    succeed(&case, &elsewhere, &["publish", other.to_str().unwrap()]);
    let refused = run(&case, &elsewhere, &["fetch", "--project", "shop"]);
    assert!(refused.stderr.contains("and the interstice.lock says sha256:"), "{}", refused.stderr);
    // The same address: what a tag had is remembered by address.
    let tags = case.path("home/.cache/interstice/tags");
    let old = tags.join(registry.trim_start_matches("oci://").replace(':', "_"));
    let new = tags.join(elsewhere.trim_start_matches("oci://").replace(':', "_"));
    if old != new {
        fs::remove_dir_all(&new).unwrap();
        fs::rename(old, new).unwrap();
    }
    let refused = run(&case, &elsewhere, &["info", "acme:bank"]);
    assert!(refused.stderr.contains("and the cache of this user says sha256:"), "{}", refused.stderr);
}

#[test]
fn a_server_that_goes_away_half_way_leaves_no_tag() {
    let case = Case::new();
    let server = Server::start(&case, None);
    let bank = component(&case, "acme:bank@1.0.0", &["balance"], 300_000);
    let direct = format!("oci://{}", server.address());
    for after_bytes in [0, 2_000, 100_000, 300_000] {
        let breaking = Breaking::start(&server, after_bytes);
        let registry = format!("oci://{}", breaking.address());
        let refused = run(&case, &registry, &["publish", bank.to_str().unwrap()]);
        assert_eq!(refused.code, 6, "after {after_bytes}: {}", refused.shown());
        let told =
            refused.stderr.contains("the connection broke") || refused.stderr.contains("cannot be reached");
        assert!(told, "after {after_bytes}: {}", refused.stderr);
        let info = run(&case, &direct, &["info", "acme:bank"]);
        assert_eq!(info.code, 3, "after {after_bytes}, nothing is published: {}", info.shown());
    }
    succeed(&case, &direct, &["publish", bank.to_str().unwrap()]);
}

#[test]
fn credentials_are_taken_from_where_docker_keeps_them() {
    let case = Case::new();
    // `open` with the password `sesame`, as `htpasswd -B` writes it.
    let accounts =
        case.write("accounts", "open:$2b$05$V2Mmu9aLLYhpWUcj8t6/te058UbVQjCS2fQlkODiXT3EEvYiBAUF6\n");
    let server = Server::start(&case, Some(accounts.to_str().unwrap()));
    let registry = format!("oci://{}", server.address());
    let bank = component(&case, "acme:bank@1.0.0", &["balance"], 0);
    let refused = run(&case, &registry, &["publish", bank.to_str().unwrap()]);
    assert_eq!(refused.code, 6, "{}", refused.shown());
    assert!(
        refused.stderr.contains("refuses these credentials; log in with `docker login`"),
        "{}",
        refused.stderr
    );
    // base64 of `open:sesame`.
    let login = |auth: &str| format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", server.address());
    case.write("home/.docker/config.json", login("b3Blbjp3cm9uZw=="));
    assert_eq!(run(&case, &registry, &["publish", bank.to_str().unwrap()]).code, 6, "a wrong password");
    case.write("home/.docker/config.json", login("b3BlbjpzZXNhbWU="));
    succeed(&case, &registry, &["publish", bank.to_str().unwrap()]);
    // A helper, as docker calls it.
    let helper = "#!/bin/sh\ncat > /dev/null\necho '{\"ServerURL\": \"x\", \"Username\": \"open\", \"Secret\": \"sesame\"}'\n";
    let path = case.write("bin/docker-credential-test", helper);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    case.write(
        "home/.docker/config.json",
        format!("{{\"credHelpers\": {{\"{}\": \"test\"}}}}", server.address()),
    );
    let mut command = case.command(&["info", "acme:bank"]);
    let paths = format!("{}:{}", case.path("bin").display(), std::env::var("PATH").unwrap());
    command.env("INTERSTICE_REGISTRY", &registry).env("HOME", case.path("home")).env("PATH", paths);
    command.env_remove("DOCKER_CONFIG").env_remove("XDG_CACHE_HOME").env_remove("XDG_CONFIG_HOME");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // wkg's configuration goes before docker's.
    let wkg = format!(
        "[registry.\"{}\".oci]\nauth = {{ username = \"open\", password = \"wrong\" }}\n",
        server.address()
    );
    case.write("home/.config/wasm-pkg/config.toml", wkg.clone());
    case.write("home/.docker/config.json", login("b3BlbjpzZXNhbWU="));
    assert_eq!(run(&case, &registry, &["info", "acme:bank"]).code, 6);
    case.write("home/.config/wasm-pkg/config.toml", wkg.replace("wrong", "sesame"));
    succeed(&case, &registry, &["info", "acme:bank"]);
}

#[test]
#[ignore = "needs a stock wkg, which `cargo xtask setup --wkg` builds in several minutes"]
fn a_stock_wkg_and_we_read_each_other() {
    let wkg = root().join("target/tools/bin/wkg");
    let case = Case::new();
    let server = Server::start(&case, None);
    let oci = server.address();
    let folder = case.path("registry").display().to_string();
    let config = format!(
        "[namespace_registries]\nacme = {{ registry = \"{oci}\", metadata = {{ preferredProtocol = \"oci\", \"oci\" = {{ registry = \"{oci}\", namespacePrefix = \"team/\" }} }} }}\n\
         local = \"local\"\n[registry.\"{oci}\".oci]\nprotocol = \"http\"\n[registry.\"local\"]\ntype = \"local\"\n[registry.\"local\".local]\nroot = \"{folder}\"\n"
    );
    let config = case.write("wkg.toml", config);
    let run_wkg = |arguments: &[&str]| {
        let mut command = Command::new(&wkg);
        command.args(arguments).arg("--config").arg(&config).arg("--cache").arg(case.path("wkg-cache"));
        let output = command.current_dir(case.path("")).env("HOME", case.path("home")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (namespace, registry) in [("acme", format!("oci://{oci}/team")), ("local", folder.clone())] {
        let ours = component(&case, &format!("{namespace}:bank@1.0.0"), &["balance"], 0);
        succeed(&case, &registry, &["publish", ours.to_str().unwrap()]);
        let got = case.path(&format!("{namespace}-got.wasm"));
        run_wkg(&["get", &format!("{namespace}:bank@1.0.0"), "--output", got.to_str().unwrap()]);
        assert_eq!(fs::read(got).unwrap(), fs::read(&ours).unwrap());

        let package = format!("{namespace}:bank@1.1.0");
        let theirs = component(&case, &package, &["balance", "total"], 0);
        run_wkg(&["publish", theirs.to_str().unwrap(), "--package", &package]);
        let info = succeed(&case, &registry, &["info", &format!("{namespace}:bank")]);
        assert!(info.starts_with(&package), "{info}");
        assert!(info.contains("query total"), "{info}");
        // A package of WIT alone, in the binary form that `wkg wit build` writes.
        let text = case.path(&format!("source/{namespace}-bank-1.1.0/wit/world.wit"));
        let wit = fs::read_to_string(text).unwrap().replace(":bank@1.1.0", ":words@0.1.0");
        case.write(&format!("{namespace}-words/world.wit"), wit);
        let built = case.path(&format!("{namespace}-words.wasm"));
        run_wkg(&[
            "wit",
            "build",
            "--wit-dir",
            &format!("{namespace}-words"),
            "--output",
            built.to_str().unwrap(),
        ]);
        run_wkg(&["publish", built.to_str().unwrap()]);
        shop(&case);
        fs::write(case.path("shop/interstice.toml"), "").unwrap();
        succeed(&case, &registry, &["add", &format!("{namespace}:words"), "--project", "shop"]);
        let vendored =
            fs::read_to_string(case.path(&format!("shop/wit/deps/{namespace}_words-0.1.0/package.wit")));
        assert!(vendored.unwrap().contains("total: func() -> u32;"));
        fs::remove_file(case.path("shop/interstice.lock")).unwrap();
        fs::remove_dir_all(case.path("shop/wit/deps")).unwrap();
    }
}
