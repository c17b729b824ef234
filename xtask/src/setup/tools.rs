//! The programs that tests start: clang, docker-registry, componentize-py, cargo-deny, cargo-fuzz and wkg.
//! Those that are not packages of the system go to `target/tools`, never into the user's own folders.
//! Invariant: versions are pinned, so that a test run today and one next year use the same tools.

use crate::shell::{self, say};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Makes components from Python; its bindings decide what the Python test of `build --from` sees.
const COMPONENTIZE_PY: &str = "0.25.1";

/// Checks licences, sources and duplicate versions.
const CARGO_DENY: &str = "0.20.2";

/// The package tool of the ecosystem, for the test that it and we read each other.
const WKG: &str = "0.16.1";

/// Drives libFuzzer.
const CARGO_FUZZ: &str = "0.13.2";

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    system_package("clang", "for the module that is written in C")?;
    system_package("docker-registry", "the server that the tests of OCI registries start")?;
    componentize_py()?;
    cargo_deny()
}

/// Installs a package of the system that has a program of its own name.
fn system_package(name: &str, what_for: &str) -> Result<()> {
    if shell::is_installed(name) {
        say(&format!("{name}: already installed"));
        return Ok(());
    }
    say(&format!("installing {name} from the system's packages ({what_for})"));
    let install = || apt_get(&["install", "-y", "--no-install-recommends", name]);
    // A fresh machine has no package lists, or old ones that name files which are gone.
    let installed = install().or_else(|_| apt_get(&["update"]).and_then(|()| install()));
    installed.with_context(|| format!("cannot install {name}; install it by hand and run this again"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = match shell::output(&mut shell::program("id", ["-u"]))?.trim() {
        "0" => Command::new("apt-get"),
        _ => shell::program("sudo", ["-n", "apt-get"]),
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q").args(arguments);
    shell::output(&mut command).map(drop)
}

fn componentize_py() -> Result<()> {
    let folder = shell::root().join("target/tools/python");
    let mark = folder.join(format!("componentize-py-{COMPONENTIZE_PY}"));
    if mark.exists() {
        say("componentize-py: already installed");
        return Ok(());
    }
    say(&format!("installing componentize-py {COMPONENTIZE_PY} into target/tools/python"));
    shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let requirement = format!("componentize-py=={COMPONENTIZE_PY}");
    shell::run(Command::new(folder.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &requirement,
    ]))?;
    fs::write(mark, "").context("cannot mark the installation as complete")
}

fn cargo_deny() -> Result<()> {
    cargo_tool("cargo-deny", CARGO_DENY).map(drop)
}

/// Installs cargo-fuzz if it is missing. Returns its path.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    cargo_tool("cargo-fuzz", CARGO_FUZZ)
}

/// Builds wkg if it is missing. That takes long, so it is asked for by hand.
pub(crate) fn wkg() -> Result<()> {
    cargo_tool("wkg", WKG).map(drop)
}

fn cargo_tool(name: &str, expected: &str) -> Result<PathBuf> {
    let tools = shell::root().join("target/tools");
    let program = tools.join("bin").join(name);
    let installed = shell::output(Command::new(&program).arg("--version"));
    if installed.is_ok_and(|version| version.trim().ends_with(expected)) {
        say(&format!("{name}: already installed"));
        return Ok(program);
    }
    say(&format!("building {name} {expected} into target/tools, once (a minute or two)"));
    // It runs for a second in each test run, so compiling it fast matters more than its speed.
    let mut cargo = shell::cargo();
    cargo.args(["install", name, "--version", expected, "--locked", "--debug", "--force", "--root"]);
    cargo.arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_TARGET_DIR", tools.join("build"));
    shell::run(&mut cargo)?;
    fs::remove_dir_all(tools.join("build"))
        .with_context(|| format!("cannot remove the build folder of {name}"))?;
    Ok(program)
}
