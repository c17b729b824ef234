//! `new`: what it writes builds and passes its own test, and it overwrites nothing.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::expect;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Case, root};

/// A new module in its folder.
fn new_module(case: &Case) -> PathBuf {
    let created = case.run(&["new", "acme:tally"]);
    expect![[r#"
        exit 0
        --- stdout
        created  acme:tally in tally
        next     cd tally && cargo test && interstice build
    "#]]
    .assert_eq(&created.shown());
    let module = case.path("tally");
    // The versions of this workspace, which have been fetched.
    std::fs::copy(root().join("Cargo.lock"), module.join("Cargo.lock")).unwrap();
    module
}

/// A cargo that works on the module, without what the cargo that runs this test has set.
fn cargo(module: &Path, target: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).arg("--offline").current_dir(module).env("CARGO_TARGET_DIR", target);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(variable);
    }
    cargo
}

fn passes_its_tests(mut cargo: Command) {
    let output = cargo.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{stderr}");
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("test result: ok. 3 passed; 0 failed"), "{stdout}");
    assert!(!stderr.contains("warning"), "{stderr}");
}

/// What modules are compiled for.
const WASM: &str = "wasm32-unknown-unknown";

/// The folder in which cargo compiles this workspace.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

#[test]
fn a_new_module_builds_and_passes_its_own_test() {
    let case = Case::new();
    let module = new_module(&case);
    assert_eq!(case.run(&["check", "tally"]).code, 0);

    share_what_is_compiled(&module);
    passes_its_tests(cargo(&module, target(), &["test", "--release"]));
    // What runs while compiling is the same as for the modules of this workspace.
    let mut build = case.command(&["build", "tally", "--offline", "--output", "tally.wasm"]);
    let built = build.env("CARGO_TARGET_DIR", target()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    // Another run has another folder, and so has no use for what only this one compiled.
    for (folder, more) in
        [(target().to_owned(), [].as_slice()), (target().join("interstice"), &["--target", WASM])]
    {
        let clean = [&["clean", "--release", "-p", "acme-tally"], more].concat();
        assert!(cargo(&module, &folder, &clean).status().unwrap().success());
    }

    let ended = case.run_with_input(
        &["run", "--data", "data", "tally.wasm"],
        "acme:tally increment(\"visits\", 2)\nquery acme:tally value(\"visits\")\n",
    );
    expect![[r#"
        #2 ok(2)
        @2 some(2)
    "#]]
    .assert_eq(&ended.stdout);
}

/// The module's `cargo test` as its author starts it: nothing is set but what a machine without a network needs.
#[test]
#[ignore = "compiles a database as the module's profile says, for minutes: cargo test --workspace --release --test new -- --ignored"]
fn a_new_module_passes_its_own_test_with_its_own_profile() {
    let case = Case::new();
    let module = new_module(&case);
    passes_its_tests(cargo(&module, &target().join("generated"), &["test"]));
}

/// Has cargo take for the module what it has compiled for this workspace: that has the workspace's profile and the
/// features that any of its members asks for. A feature that is missing below costs time, and nothing else.
fn share_what_is_compiled(module: &Path) {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let profile = &workspace[workspace.find("[profile.release]").unwrap()..];
    // Features for what runs while compiling are chosen apart, by a package with a build script.
    let features = r#"
        [package]
        name = "features"
        edition = "2024"

        [dependencies]
        getrandom = { version = "0.4", features = ["std", "sys_rng"] }
        libc = { version = "0.2", features = ["extra_traits"] }
        memchr = "2"
        miette = { version = "7", features = ["fancy-no-backtrace"] }
        rustix = { version = "1", features = ["termios"] }
        serde_json = { version = "1", features = ["raw_value"] }
        smallvec = { version = "1", features = ["const_new"] }
        tracing = { version = "0.1", features = ["log"] }
        typenum = { version = "1", features = ["const-generics"] }
        wit-bindgen = { version = "0.60", default-features = false, features = ["macros"] }

        [build-dependencies]
        bitflags = { version = "2", features = ["std"] }
        syn-2 = { package = "syn", version = "2", features = ["visit"] }
        syn-3 = { package = "syn", version = "3", features = ["extra-traits", "fold", "visit"] }
    "#;
    let folder = module.join("features");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), features).unwrap();
    std::fs::write(folder.join("build.rs"), "fn main() {}\n").unwrap();
    std::fs::write(folder.join("src/lib.rs"), "").unwrap();
    let manifest = std::fs::read_to_string(module.join("Cargo.toml")).unwrap();
    let depends = "[dev-dependencies]\nfeatures = { path = \"features\" }";
    let manifest = manifest.replace("[dev-dependencies]", depends);
    assert!(manifest.contains(depends), "{manifest}");
    // Crates of a path are compiled anew for each workspace. How fast they are matters less here than how soon;
    // cargo warns of those that the module has no use for.
    let ours = workspace.lines().filter_map(|line| line.split_once(" = { path = ")).map(|(name, _)| name);
    let ours = ours.filter(|name| *name != "interstice-registry");
    let soon: String =
        ours.map(|name| format!("[profile.release.package.{name}]\nopt-level = 0\n")).collect();
    std::fs::write(module.join("Cargo.toml"), format!("{manifest}\n{profile}\n{soon}")).unwrap();
}

#[test]
fn an_existing_folder_is_not_overwritten() {
    let case = Case::new();
    case.write("tally/notes.txt", "mine");
    let refused = case.run(&["new", "acme:tally"]);
    expect![[r#"
        exit 3
        --- stderr
        error: tally already exists; choose another with `--path`
    "#]]
    .assert_eq(&refused.shown());
    assert_eq!(std::fs::read_dir(case.path("tally")).unwrap().count(), 1);
    case.write("file", "mine");
    assert_eq!(case.run(&["new", "acme:tally", "--path", "file"]).code, 3);
    assert_eq!(case.run(&["new", "acme:tally", "--path", "other"]).code, 0);
    assert!(case.path("other/wit/world.wit").exists());
}

#[test]
fn names_that_are_keywords_are_escaped() {
    let case = Case::new();
    assert_eq!(case.run(&["new", "acme:list"]).code, 0);
    let checked = case.run(&["check", "list"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

#[test]
fn bad_names_are_refused_with_the_rule() {
    let case = Case::new();
    let refused = |arguments: &[&str]| case.run(&[&["new"], arguments].concat()).shown();
    expect![[r#"
        exit 3
        --- stderr
        error: `tally` is not a package name, which has the form `namespace:name`, such as `acme:bank`
    "#]]
    .assert_eq(&refused(&["tally"]));
    expect![[r#"
        exit 3
        --- stderr
        error: `My_Tally` is not a WIT name: words of lower-case letters and digits, each beginning with a letter, joined by single hyphens
    "#]].assert_eq(&refused(&["acme:My_Tally"]));
    expect![[r#"
        exit 3
        --- stderr
        error: the namespace `wasi` is reserved
    "#]]
    .assert_eq(&refused(&["wasi:tally"]));
    expect![[r#"
        exit 3
        --- stderr
        error: nowhere is not the folder `guest-sdk` of Interstice
    "#]]
    .assert_eq(&refused(&["acme:tally", "--sdk", "nowhere"]));
    assert!(!case.path("tally").exists());
}
