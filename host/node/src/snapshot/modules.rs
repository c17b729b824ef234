//! The modules that were installed when a snapshot was taken, read without opening the database: what explains
//! records of a log whose installations were given up. Invariant: nothing is written, and a snapshot that
//! cannot be used explains nothing.

use super::contents::{MODULES, ModuleEntry, decode_modules};
use crate::call::ModuleInfo;
use interstice_log::doors::Doors;
use interstice_log::{ArtifactStore, Digest, LogError, Sequence, Snapshot, SnapshotStore};
use interstice_wit::{Hash, Schema};

/// The modules in the newest snapshot of a data directory that can be used, and the last record that it covers; none
/// if there is no such snapshot. Of its rows nothing is read.
///
/// # Errors
/// If the data directory cannot be read.
pub fn modules_of_newest_snapshot(doors: &Doors) -> Result<(Sequence, Vec<ModuleInfo>), LogError> {
    let listed = SnapshotStore::new(doors).list()?;
    let mut usable = listed.into_iter().filter_map(|listed| listed.found.ok());
    let found = usable.find_map(|snapshot| Some((snapshot.sequence(), modules_of(&snapshot)?)));
    Ok(found.unwrap_or_default())
}

/// What is wrong with the components of those modules: each without which the database does not open. The log may
/// not name them any more.
///
/// # Errors
/// If the data directory cannot be read.
pub fn faults_of_components(doors: &Doors) -> Result<Vec<LogError>, LogError> {
    let store = ArtifactStore::new(doors.disk.clone());
    let (_, modules) = modules_of_newest_snapshot(doors)?;
    Ok(modules.iter().filter_map(|module| store.get(Digest(module.artifact.0)).err()).collect())
}

fn modules_of(snapshot: &Snapshot) -> Option<Vec<ModuleInfo>> {
    let (_, section) = snapshot.sections().find(|(name, _)| *name == MODULES)?;
    let module = |entry: ModuleEntry| {
        let schema: Schema = serde_json::from_slice(&entry.schema).ok()?;
        schema.validate().ok()?;
        Some(ModuleInfo { schema, artifact: Hash(entry.artifact), installed_micros: entry.installed_micros })
    };
    decode_modules(section).ok()?.into_iter().map(module).collect()
}
