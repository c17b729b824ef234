//! `build_package`: a crate becomes a component, the same one wherever the crate lies.

#![allow(clippy::unwrap_used)]

use expect_test::expect;
use interstice_builder::{BuildError, Built, PackageOptions, build_package};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const MANIFEST: &str = r#"
[package]
name = "acme-probe"
version = "1.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[workspace]
"#;

const WIT: &str = "\
package acme:probe@1.0.0;

interface answers {
  /// @query
  answer: func() -> u32;
}

world probe {
  export answers;
}
";

/// Panics with a message that holds the path of the file, which must not reach the component.
const SOURCE: &str = r#"
#[unsafe(export_name = "acme:probe/answers@1.0.0#answer")]
pub extern "C" fn answer() -> u32 {
    let given = std::hint::black_box(vec![40_u32, 2]);
    given.iter().copied().reduce(u32::wrapping_add).expect("there are numbers")
}
"#;

fn new_crate() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [("Cargo.toml", MANIFEST), ("wit/world.wit", WIT), ("src/lib.rs", SOURCE)] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn build(folder: &Path) -> Result<Built, BuildError> {
    // A target folder that the tests share would mix up their crates, which have one name.
    let target = Some(folder.join("target"));
    build_package(folder, &PackageOptions { target, quiet: true, offline: true, ..PackageOptions::default() })
}

#[test]
fn the_same_sources_give_the_same_digest_from_another_folder() {
    let (first, second) = (new_crate(), new_crate());
    let built = build(first.path()).unwrap();
    assert_eq!(built.digest, build(second.path()).unwrap().digest);
    assert!(built.path.ends_with("interstice/acme-probe-1.0.0.wasm"), "{}", built.path.display());
    let folder = first.path().to_str().unwrap().as_bytes();
    let leaks = built.component.windows(folder.len()).any(|window| window == folder);
    assert!(!leaks, "the component tells in which folder it was built");
}

#[test]
fn other_sources_give_another_digest() {
    let folder = new_crate();
    let before = build(folder.path()).unwrap().digest;
    fs::write(folder.path().join("src/lib.rs"), SOURCE.replace("40_u32", "41_u32")).unwrap();
    assert_ne!(build(folder.path()).unwrap().digest, before);
}

#[test]
fn mistakes_in_the_wit_are_told_before_anything_is_compiled() {
    let folder = new_crate();
    fs::write(folder.path().join("wit/world.wit"), WIT.replace("@query", "@qery")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "this is not Rust").unwrap();
    assert!(matches!(build(folder.path()), Err(BuildError::Wit(_))));
}

#[test]
fn a_crate_that_builds_no_module_is_told_what_is_missing() {
    let folder = new_crate();
    fs::write(folder.path().join("Cargo.toml"), MANIFEST.replace("crate-type", "# crate-type")).unwrap();
    let error = build(folder.path()).unwrap_err().to_string();
    let error = error.replace(&folder.path().canonicalize().unwrap().display().to_string(), "DIR");
    expect![[r#"the crate `acme-probe` does not build a module: add `[lib]` with `crate-type = ["cdylib"]` to DIR/Cargo.toml"#]].assert_eq(&error);
}

#[test]
fn a_crate_that_does_not_compile_is_refused() {
    let folder = new_crate();
    fs::write(folder.path().join("src/lib.rs"), "compile_error!(\"no\");").unwrap();
    assert!(matches!(build(folder.path()), Err(BuildError::Compile { .. })));
}

#[test]
fn a_forgotten_export_is_asked_for() {
    let folder = new_crate();
    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    let error = build(folder.path()).unwrap_err().to_string();
    expect!["the core module does not fit the world `probe`: it exports none of its functions; is `export!(…)` there?"].assert_eq(&error);
}

#[test]
fn a_folder_without_a_crate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(build(folder.path()), Err(BuildError::NoCrate { .. })));
}
