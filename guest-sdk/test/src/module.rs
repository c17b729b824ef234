//! Finds the component of a module, building it when a folder is given.
//! A folder is built once in a process, however many tests need it.

use interstice_builder::{PackageOptions, build_package};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

type Components = HashMap<PathBuf, Arc<Mutex<Option<Arc<[u8]>>>>>;

/// The bytes of a component: those of the file, if it is one, or what the crate in the folder builds.
///
/// # Panics
/// With the builder's message, if the crate does not build or the file cannot be read.
pub fn component_of(path: impl AsRef<Path>) -> Arc<[u8]> {
    static COMPONENTS: OnceLock<Mutex<Components>> = OnceLock::new();
    let path = path.as_ref();
    let path = path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let place = COMPONENTS.get_or_init(Mutex::default).lock().entry(path.clone()).or_default().clone();
    let mut component = place.lock();
    component.get_or_insert_with(|| read_or_build(&path)).clone()
}

fn read_or_build(path: &Path) -> Arc<[u8]> {
    if path.is_file() {
        return std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into();
    }
    let options = PackageOptions { quiet: true, ..PackageOptions::default() };
    match build_package(path, &options) {
        Ok(built) => built.component.into(),
        Err(error) => panic!("{} does not build: {error}", path.display()),
    }
}
