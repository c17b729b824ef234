//! The standard library of the wasm target, built from the source of exactly this compiler.
//! For machines that reach Debian's packages but not the servers of rustup.
//! Invariant: the target's folder appears by one rename, complete and marked as ours.

use super::{TARGET, Toolchain, copy_folder, debian};
use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Lies beside what was built here, so that a later run may tell it from what rustup installed.
const MARK: &str = "built-by-cargo-xtask-setup";

/// Removes what an earlier run built for a compiler that has since been replaced. rustup would
/// install its own files beside them, and the compiler would then find two of each.
pub(super) fn remove_stale(toolchain: &Toolchain) -> Result<()> {
    let folder = toolchain.target_folder();
    if folder.join(MARK).exists() {
        say("removing a std that was built for another compiler");
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// Builds the standard library for the target and puts it into the toolchain.
pub(super) fn install(toolchain: &Toolchain) -> Result<()> {
    let folder = toolchain.target_folder();
    if folder.exists() {
        bail!("{} exists, but this compiler cannot use it; remove it and run this again", folder.display());
    }
    find_source(toolchain)?;
    let work = tempfile::tempdir()?;
    say(&format!("building std for {TARGET}, once (half a minute)"));
    let rlibs = build(toolchain, work.path())?;

    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(partial.join("lib"))
        .with_context(|| format!("cannot write to {}", partial.display()))?;
    for rlib in rlibs {
        let name = rlib.file_name().expect("a file that was listed has a name");
        fs::copy(&rlib, partial.join("lib").join(name))?;
    }
    fs::write(partial.join(MARK), format!("{} {}\n", toolchain.release, toolchain.commit))?;
    fs::rename(&partial, &folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Puts the library's source where `-Zbuild-std` looks for it, unless it is already there.
fn find_source(toolchain: &Toolchain) -> Result<()> {
    let parent = toolchain.sysroot.join("lib/rustlib/src/rust");
    let library = parent.join("library");
    if library.join("Cargo.lock").exists() {
        return Ok(());
    }
    let work = tempfile::tempdir()?;
    let unpacked = debian::rust_source(&toolchain.release, work.path())?;
    fs::create_dir_all(&parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let partial = parent.join("library.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    copy_folder(&unpacked, &partial)?;
    fs::rename(&partial, &library).with_context(|| format!("cannot create {}", library.display()))
}

/// Builds an empty crate with its own std and returns the libraries that came of it.
fn build(toolchain: &Toolchain, work: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir(work.join("src"))?;
    fs::write(work.join("src/lib.rs"), "")?;
    fs::write(
        work.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    // The paths in panic messages are those of the compiler's own std, so that a module's digest
    // does not depend on where this machine keeps its toolchain.
    let source = toolchain.sysroot.join("lib/rustlib/src/rust");
    let flags = [
        "-Cembed-bitcode=yes".to_owned(),
        format!("--remap-path-prefix={}=/rustc/{}", source.display(), toolchain.commit),
    ];
    let mut cargo = shell::cargo();
    cargo.current_dir(work).args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET]);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", work.join("target"));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).env_remove("RUSTFLAGS");
    shell::run(&mut cargo)?;

    let mut rlibs = Vec::new();
    for entry in fs::read_dir(work.join("target").join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let is_own = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libempty"));
        if path.extension().is_some_and(|extension| extension == "rlib") && !is_own {
            rlibs.push(path);
        }
    }
    if !rlibs.iter().any(|path| path.to_string_lossy().contains("libstd-")) {
        bail!("cargo built no std for {TARGET}");
    }
    Ok(rlibs)
}
