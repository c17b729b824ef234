//! The modules of a database, for `add --data`: what is installed, and where the database is open in
//! another process, what lies among its artifacts or is installed in a copy of it.
//! Invariant: the data directory is only read.

use super::failure as registry_failure;
use crate::database::{copying_bar, existing_doors, failure, show};
use crate::exit::{Exit, Failure};
use crate::subject;
use interstice_node::log::doors::Doors;
use interstice_node::log::{ArtifactStore, LogError, backup, os};
use interstice_node::{Beginning, Error, HistoricState, ModuleInfo, Moment};
use interstice_registry::{Given, LockedSource, PackageId};
use interstice_wit::nearest;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The modules of a database, each package once.
pub(crate) fn modules(data: &Path) -> Result<Vec<Given>, Failure> {
    let doors = existing_doors(data)?;
    let source = LockedSource::Database(data.to_owned());
    match HistoricState::read(&doors, Moment::default(), Beginning::Nearest, &mut |_| {}) {
        Ok(state) => Ok(installed(&state, &source)),
        Err(Error::Log(LogError::Locked { .. })) => {
            let stored = stored(&ArtifactStore::new(Arc::clone(&doors.disk)), &source)?;
            let names: BTreeSet<_> = stored.iter().map(|given| given.schema.package.unversioned()).collect();
            // Which of several versions is installed only the log tells, which the other process holds.
            if names.len() == stored.len() { Ok(stored) } else { copied(&doors, &source) }
        }
        Err(error) => Err(failure(error)),
    }
}

fn installed(state: &HistoricState, source: &LockedSource) -> Vec<Given> {
    let given = |module: ModuleInfo| Given {
        schema: module.schema,
        artifact: Some(module.artifact),
        source: source.clone(),
    };
    state.modules().into_iter().map(given).collect()
}

/// Everything among the artifacts of a database.
fn stored(artifacts: &ArtifactStore, source: &LockedSource) -> Result<Vec<Given>, Failure> {
    let failed = |error: LogError| failure(Error::from(error));
    let mut stored = Vec::new();
    for digest in artifacts.list().map_err(failed)? {
        let bytes = artifacts.get(digest).map_err(failed)?;
        let schema = subject::component_schema(&bytes)?;
        let artifact = Some(interstice_wit::hash::artifact_hash(&bytes));
        stored.push(Given { schema, artifact, source: source.clone() });
    }
    Ok(stored)
}

/// What is installed in a database that runs, read from a copy that is taken while it does.
fn copied(doors: &Doors, source: &LockedSource) -> Result<Vec<Given>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Ours, format!("cannot make a folder for a copy of the database: {error}"))
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = os::doors(folder.path()).map_err(failed)?;
    let bar = copying_bar();
    let taken = backup(doors.disk.as_ref(), copy.disk.as_ref(), &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    taken.map_err(|error| failure(Error::from(error)))?;
    let state = HistoricState::read(&copy, Moment::default(), Beginning::Nearest, &mut |_| {});
    Ok(installed(&state.map_err(failure)?, source))
}

/// One of the modules.
pub(super) fn find(modules: &[Given], package: &PackageId, data: &Path) -> Result<Given, Failure> {
    let mut names = Vec::new();
    for module in modules {
        let id = PackageId::of(&module.schema.package).map_err(registry_failure)?;
        if id == *package {
            return Ok(module.clone());
        }
        names.push(id.to_string());
    }
    let wanted = package.to_string();
    let near =
        nearest(&wanted, names.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
    let others = near.unwrap_or_else(|| match names.is_empty() {
        true => "; it has none".to_owned(),
        false => format!("; it has {}", names.join(", ")),
    });
    Err(Failure::new(Exit::Caller, format!("{} has no module `{wanted}`{others}", data.display())))
}
