//! The set-up of a fresh machine: the wasm target of the toolchain, and the tools that tests start.
//! What is already installed is left alone; what is put into the toolchain appears whole or not at all.
//! Invariant: after `wasm_target` a program with `std` compiles for wasm32-unknown-unknown.

mod debian;
mod standard_library;
mod tools;

pub(crate) use tools::{cargo_fuzz, install as test_tools, wkg};

use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The target that modules are compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Without a network rustup may wait for minutes before it gives up.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// Where the compiler lies and what it calls itself.
struct Toolchain {
    sysroot: PathBuf,
    /// `1.95.0`
    release: String,
    /// The commit that the compiler was built from, which its own std is named after.
    commit: String,
}

/// Makes sure that the toolchain can compile for wasm32-unknown-unknown.
pub(crate) fn wasm_target() -> Result<()> {
    if compiles().is_ok() {
        say(&format!("{TARGET}: already installed"));
        return Ok(());
    }
    let toolchain = Toolchain::find()?;
    standard_library::remove_stale(&toolchain)?;
    if let Err(error) = install_with_rustup() {
        say(&format!("rustup could not install it ({error:#}); building the target's std from its source"));
        standard_library::install(&toolchain)?;
    }
    compiles().context(format!(
        "the target {TARGET} was installed, but the compiler cannot use it; \
         `rustup target remove {TARGET}` followed by this command may mend it"
    ))?;
    say(&format!("{TARGET}: installed"));
    Ok(())
}

fn install_with_rustup() -> Result<()> {
    if !shell::is_installed("rustup") {
        bail!("rustup is not installed");
    }
    say(&format!("installing the target {TARGET} with rustup"));
    let mut rustup = shell::program("rustup", ["target", "add", TARGET]);
    shell::run_within(rustup.env("RUST_BACKTRACE", "0"), RUSTUP_LIMIT)
}

/// Compiles a program that uses `std`. Looking for files would not do: those of another compiler
/// version, or two sets of them, look right and fail.
fn compiles() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("probe.rs");
    std::fs::write(&source, "fn main() { std::hint::black_box(String::from(\"std is there\")); }\n")?;
    let mut rustc = shell::program("rustc", ["--target", TARGET, "--edition", "2024", "-o"]);
    shell::output(rustc.arg(folder.path().join("probe.wasm")).arg(&source)).map(drop)
}

impl Toolchain {
    fn find() -> Result<Toolchain> {
        let sysroot = shell::output(&mut shell::program("rustc", ["--print", "sysroot"]))?;
        let version = shell::output(&mut shell::program("rustc", ["-vV"]))?;
        let field = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).with_context(|| format!("rustc -vV says no {name}"))
        };
        Ok(Toolchain {
            sysroot: PathBuf::from(sysroot.trim()),
            release: field("release:")?,
            commit: field("commit-hash:")?,
        })
    }

    fn target_folder(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(TARGET)
    }
}

/// Copies a folder and all that is in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    shell::run(Command::new("cp").arg("-r").arg("--").arg(from).arg(to))
}
