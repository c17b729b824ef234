//! Where the files of a registry lie, and how one is written so that it is there whole or not at all.
//! It knows paths and bytes; what they mean is told elsewhere.
//! Invariant: every path is made of a checked name, so none leads out of the folder.

use crate::files::{Turn, make_folder, wait_for_turn};
use crate::{PackageId, RegistryError};
use interstice_wit::Hash;
use semver::Version;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folder of a registry.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Folder {
        Folder { root: root.to_owned() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What is ours alone.
    pub(super) fn own(&self) -> PathBuf {
        self.root.join(".interstice")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.own().join("index.jsonl")
    }

    pub(super) fn staging(&self) -> PathBuf {
        self.own().join("staged")
    }

    /// Where the bytes of a version lie before they are published.
    pub(super) fn staged(&self, artifact: &Hash) -> PathBuf {
        self.staging().join(format!("{artifact}.wasm"))
    }

    pub(super) fn package(&self, package: &PackageId) -> PathBuf {
        self.root.join(package.namespace()).join(package.name())
    }

    pub(super) fn artifact(&self, package: &PackageId, version: &Version) -> PathBuf {
        self.package(package).join(format!("{version}.wasm"))
    }

    pub(super) fn receipt(&self, package: &PackageId, version: &Version) -> PathBuf {
        self.package(package).join(format!("{version}.json"))
    }

    /// The versions whose files are there.
    pub(super) fn artifacts(&self, package: &PackageId) -> Result<BTreeSet<Version>, RegistryError> {
        let names = names(&self.package(package))?;
        let versions = names.iter().filter_map(|name| Version::parse(name.strip_suffix(".wasm")?).ok());
        Ok(versions.collect())
    }

    /// The receipts of a package, each with its text.
    pub(super) fn receipts(&self, package: &PackageId) -> Result<Vec<(PathBuf, String)>, RegistryError> {
        let folder = self.package(package);
        let mut receipts = Vec::new();
        for name in names(&folder)? {
            if name.strip_suffix(".json").is_some_and(|version| Version::parse(version).is_ok()) {
                let path = folder.join(name);
                let text = fs::read(&path).map_err(RegistryError::io("read", &path))?;
                receipts.push((path, String::from_utf8_lossy(&text).into_owned()));
            }
        }
        Ok(receipts)
    }

    /// The packages that have a file.
    pub(super) fn packages(&self) -> Result<BTreeSet<PackageId>, RegistryError> {
        let mut packages = BTreeSet::new();
        for namespace in names(&self.root)? {
            for name in names(&self.root.join(&namespace))? {
                // What has another name is not ours to judge.
                let Ok(package) = PackageId::new(&namespace, &name) else { continue };
                if !self.artifacts(&package)?.is_empty() {
                    packages.insert(package);
                }
            }
        }
        Ok(packages)
    }

    /// Makes what publishing needs, and waits until no other process publishes. The lock is let go when
    /// the file is dropped.
    pub(super) fn lock(&self) -> Result<File, RegistryError> {
        make_folder(&self.own())?;
        make_folder(&self.staging())?;
        let path = self.own().join("lock");
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(RegistryError::io("write", &path))?;
        match wait_for_turn(&file, &path)? {
            Turn::Ours => Ok(file),
            Turn::Busy { seconds } => Err(RegistryError::Busy { folder: self.root.clone(), seconds }),
        }
    }
}

/// The names of what is in a folder, in their order; nothing for a folder that is not there or is a file.
/// A name that is not UTF-8 is nobody's.
fn names(folder: &Path) -> Result<Vec<String>, RegistryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(RegistryError::io("read", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RegistryError::io("read", folder))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Takes the right to write away, so that a tool that knows no better changes nothing by accident.
pub(super) fn make_read_only(path: &Path) -> Result<(), RegistryError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).map_err(RegistryError::io("protect", path))
}
