//! Reading WIT from disk in the layout of the ecosystem: `wit/*.wit`, and dependencies as
//! `wit/deps/<name>/*.wit` or `wit/deps/<name>.wit`. A file given alone is the whole package, with
//! the `deps` folder beside it if there is one.
//! Invariant: files are read in the order of their names, so that the same folder gives the same sources.

use crate::LoadError;
use interstice_wit::Sources;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads the package in a folder or a file, with its dependencies.
///
/// Paths in messages are those given here, joined with the names of the files.
///
/// # Errors
/// If something cannot be read, is not text, or holds no WIT.
pub fn load(path: &Path) -> Result<Sources, LoadError> {
    let mut sources = Sources::new();
    let metadata = fs::metadata(path).map_err(|source| cannot_read(path, source))?;
    let folder = if metadata.is_dir() {
        let files = wit_files(path)?;
        if files.is_empty() {
            return Err(LoadError::NoWit { path: path.to_owned() });
        }
        for file in &files {
            sources.add_root(display(file), read(file)?);
        }
        path
    } else {
        sources.add_root(display(path), read(path)?);
        path.parent().unwrap_or(Path::new(""))
    };
    let dependencies = folder.join("deps");
    if dependencies.is_dir() {
        for entry in entries(&dependencies)? {
            let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if entry.is_dir() {
                for file in wit_files(&entry)? {
                    sources.add_dependency_file(name.as_str(), display(&file), read(&file)?);
                }
            } else if is_wit(&entry) {
                sources.add_dependency_file(name.as_str(), display(&entry), read(&entry)?);
            }
        }
    }
    Ok(sources)
}

fn wit_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    Ok(entries(folder)?.into_iter().filter(|path| is_wit(path) && path.is_file()).collect())
}

fn is_wit(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wit")
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let entries = fs::read_dir(folder).map_err(|source| cannot_read(folder, source))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|source| cannot_read(folder, source))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, LoadError> {
    let bytes = fs::read(path).map_err(|source| cannot_read(path, source))?;
    String::from_utf8(bytes).map_err(|_| LoadError::NotText { path: path.to_owned() })
}

fn cannot_read(path: &Path, source: std::io::Error) -> LoadError {
    LoadError::Read { path: path.to_owned(), source }
}

/// As the sources name it; a name that is not UTF-8 can still be shown.
fn display(path: &Path) -> String {
    path.display().to_string()
}
