//! The dependencies of a project as WIT under `wit/deps`, where every tool and editor looks.
//! One folder a package and version, one file in it, whose digest the lock holds.
//! Invariant: a file that was not written here is neither changed nor removed.

use crate::files::{make_folder, remove_partial_of, write_whole};
use crate::reference::package_line;
use crate::{Lock, RegistryError};
use interstice_wit::hash::artifact_hash;
use interstice_wit::{Hash, PackageName};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a project's dependencies, by package and version.
pub type Vendored = BTreeMap<PackageName, String>;

/// Where a package lies. The underscore cannot be in a name, so no two packages share a folder.
pub fn path_of(wit: &Path, package: &PackageName) -> PathBuf {
    let folder = format!("{}_{}-{}", package.namespace, package.name, package.version);
    wit.join("deps").join(folder).join("package.wit")
}

/// How every file begins that is written here.
const OURS: &str = "// What dependents see of ";

/// A file as it is written.
pub fn file(package: &PackageName, text: &str) -> String {
    format!("{OURS}{package}. Written by `interstice add`; interstice.lock holds its digest.\n\n{text}")
}

/// The digest that a lock holds of a file.
pub fn digest(text: &str) -> Hash {
    artifact_hash(text.as_bytes())
}

/// The same of a file that is there. An editor or a checkout may have changed how its lines end, and nothing else.
fn found_digest(bytes: &[u8]) -> Hash {
    let is_kept = |(at, byte): &(usize, &u8)| **byte != b'\r' || bytes.get(at + 1) != Some(&b'\n');
    let kept: Vec<u8> = bytes.iter().enumerate().filter(is_kept).map(|(_, byte)| *byte).collect();
    artifact_hash(&kept)
}

/// Refuses files that are gone or were changed since they were written.
///
/// # Errors
/// At the first of them.
pub fn check(wit: &Path, lock: &Lock) -> Result<(), RegistryError> {
    for (package, wanted) in &lock.wit {
        let path = path_of(wit, package);
        let found = match fs::read(&path) {
            Ok(bytes) => found_digest(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RegistryError::NotVendored { path });
            }
            Err(error) => return Err(RegistryError::io("read", &path)(error)),
        };
        if found != *wanted {
            return Err(RegistryError::HandEdited { path, wanted: *wanted, found });
        }
    }
    Ok(())
}

/// Refuses to write over a file of another origin, and beside one that holds one of the packages. Where `before` has a
/// package, its file is ours, whatever somebody made of it.
///
/// # Errors
/// If there is such a file, or the folder cannot be read.
pub fn check_free(wit: &Path, vendored: &Vendored, before: Option<&Lock>) -> Result<(), RegistryError> {
    let is_ours = |package: &PackageName| before.is_some_and(|lock| lock.wit.contains_key(package));
    for package in vendored.keys().filter(|package| !is_ours(package)) {
        let path = path_of(wit, package);
        match fs::read(&path) {
            Ok(bytes) if !bytes.starts_with(OURS.as_bytes()) => {
                return Err(RegistryError::InTheWay { path, package: package.clone() });
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(RegistryError::io("read", &path)(error));
            }
            _ => {}
        }
    }
    for path in wit_files(&wit.join("deps"))? {
        let text = fs::read(&path).map_err(RegistryError::io("read", &path))?;
        let Some(package) = package_line(&String::from_utf8_lossy(&text)) else { continue };
        if vendored.contains_key(&package) && path != path_of(wit, &package) {
            return Err(RegistryError::AlreadyVendored { path, package });
        }
    }
    Ok(())
}

/// Whether there is anything to write or to remove.
pub fn is_stale(wit: &Path, vendored: &Vendored, before: Option<&Lock>) -> bool {
    let is_written = |(package, text): (&PackageName, &String)| {
        fs::read(path_of(wit, package)).is_ok_and(|found| found == file(package, text).as_bytes())
    };
    !vendored.iter().all(is_written)
        || before.iter().flat_map(|lock| lock.wit.keys()).any(|package| !vendored.contains_key(package))
}

/// Writes the files that are new or differ, and removes those that `before` had and that are no longer
/// needed. Returns how many were written.
///
/// # Errors
/// If one cannot be written.
pub fn write(wit: &Path, vendored: &Vendored, before: Option<&Lock>) -> Result<usize, RegistryError> {
    let mut written = 0;
    let earlier = before.iter().flat_map(|lock| lock.wit.keys());
    for package in vendored.keys().chain(earlier) {
        remove_partial_of(&path_of(wit, package))?;
    }
    for (package, text) in vendored {
        let path = path_of(wit, package);
        let text = file(package, text);
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        make_folder(path.parent().unwrap_or(wit))?;
        write_whole(&path, text.as_bytes())?;
        written += 1;
    }
    for (package, digest) in before.iter().flat_map(|lock| &lock.wit) {
        let path = path_of(wit, package);
        let is_ours = fs::read(&path).is_ok_and(|bytes| found_digest(&bytes) == *digest);
        if !vendored.contains_key(package) && is_ours {
            fs::remove_file(&path).map_err(RegistryError::io("remove", &path))?;
            // Stays where somebody put another file into it.
            let _ = path.parent().map(fs::remove_dir);
        }
    }
    Ok(written)
}

/// The WIT files directly in a folder and in the folders in it.
fn wit_files(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(entries(&path)?.into_iter().filter(|path| is_wit(path)));
        } else if is_wit(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// What is in a folder, in the order of the names; nothing if it is not there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RegistryError::io("read", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(RegistryError::io("read", folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

pub(crate) fn is_wit(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wit") && path.is_file()
}
