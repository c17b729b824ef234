//! Reading WIT from disk.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice_codegen::{LoadError, load};
use std::fs;
use std::path::Path;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const ROOT: &str = "package a:b@1.0.0;\nworld w { import c:d/i@1.0.0; import e:f/i@1.0.0; }";

#[test]
fn a_folder_brings_its_dependencies_as_folders_and_as_files() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("world.wit", ROOT),
            ("notes.txt", "not WIT"),
            ("deps/c-d/one.wit", "package c:d@1.0.0;\ninterface i { use j.{t}; }"),
            ("deps/c-d/two.wit", "package c:d@1.0.0;\ninterface j { type t = u8; }"),
            ("deps/e-f.wit", "package e:f@1.0.0;\ninterface i {}"),
        ],
    );
    let sources = load(folder.path()).unwrap();
    let (resolve, _) = sources.resolve(&[]).unwrap();
    assert_eq!(resolve.packages.len(), 3);
    assert_eq!(sources.files().count(), 4);
}

#[test]
fn a_file_alone_is_the_whole_package() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[("world.wit", "package a:b@1.0.0;\nworld w {}"), ("other.wit", "package x:y@1.0.0;\nworld w {}")],
    );
    let sources = load(&folder.path().join("world.wit")).unwrap();
    assert_eq!(sources.files().count(), 1);
    sources.resolve(&[]).unwrap();
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert!(matches!(load(&missing), Err(LoadError::Read { path, .. }) if path == missing));
    assert!(matches!(load(folder.path()), Err(LoadError::NoWit { path }) if path == folder.path()));
    let binary = folder.path().join("binary.wit");
    fs::write(&binary, [0xff, 0xfe]).unwrap();
    assert!(matches!(load(folder.path()), Err(LoadError::NotText { path }) if path == binary));
}
