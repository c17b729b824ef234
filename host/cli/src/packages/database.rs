//! The modules of a database, for `add --data`: what is installed, and where the database is open in
//! another process, what lies among its artifacts.
//! Invariant: the data directory is only read.

use super::failure as registry_failure;
use crate::database::{existing_doors, failure};
use crate::exit::{Exit, Failure};
use crate::subject;
use interstice_node::log::{ArtifactStore, LogError};
use interstice_node::{Beginning, Error, HistoricState, Moment};
use interstice_registry::{Given, LockedSource, PackageId};
use interstice_wit::nearest;
use std::collections::BTreeMap;
use std::path::Path;

/// The modules of a database, each package once.
pub(crate) fn modules(data: &Path) -> Result<Vec<Given>, Failure> {
    let doors = existing_doors(data)?;
    let source = LockedSource::Database(data.to_owned());
    match HistoricState::read(&doors, Moment::default(), Beginning::Nearest, &mut |_| {}) {
        Ok(state) => {
            let modules = state.modules().into_iter();
            let given = modules.map(|module| Given {
                schema: module.schema,
                artifact: Some(module.artifact),
                source: source.clone(),
            });
            Ok(given.collect())
        }
        Err(Error::Log(LogError::Locked { .. })) => stored(&ArtifactStore::new(doors.disk), &source),
        Err(error) => Err(failure(error)),
    }
}

/// The newest version of each package among the artifacts of a database that runs: an upgrade installs a
/// newer version, and which one it went back to only the log tells, which the other process holds.
fn stored(artifacts: &ArtifactStore, source: &LockedSource) -> Result<Vec<Given>, Failure> {
    let failed = |error: LogError| failure(Error::from(error));
    let mut newest: BTreeMap<String, Given> = BTreeMap::new();
    for digest in artifacts.list().map_err(failed)? {
        let bytes = artifacts.get(digest).map_err(failed)?;
        let schema = subject::component_schema(&bytes)?;
        let name = schema.package.unversioned();
        let is_newer =
            newest.get(&name).is_none_or(|known| known.schema.package.version < schema.package.version);
        if is_newer {
            let artifact = Some(interstice_wit::hash::artifact_hash(&bytes));
            newest.insert(name, Given { schema, artifact, source: source.clone() });
        }
    }
    Ok(newest.into_values().collect())
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
