//! Component files that are to go into a database: read, looked at, installed.
//! Invariant: a message about a component says which file it is.

use crate::database::failure;
use crate::exit::{Exit, Failure};
use crate::subject;
use crate::terminal;
use interstice_node::{Error, Installation, Node};
use interstice_wit::{Schema, section};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A component and the file that it stands in.
pub(crate) struct Component {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Reads component files.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Component>, Failure> {
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).map_err(|error| {
            Failure::new(Exit::Caller, format!("cannot read {}: {error}", path.display()))
        })?;
        Ok(Component { path: path.clone(), bytes })
    };
    paths.iter().map(read).collect()
}

/// Puts components after those that they import, and otherwise leaves them in their order. What is no component is
/// refused later, by whoever knows why.
pub(crate) fn by_imports(mut components: Vec<Component>) -> Result<Vec<Component>, Failure> {
    let schemas = |components: &[Component]| -> Vec<Option<Schema>> {
        components.iter().map(|component| section::extract(&component.bytes).ok()).collect()
    };
    let mut schemas = schemas(&components);
    let mut ordered = Vec::new();
    while !components.is_empty() {
        let is_free = |schema: &Option<Schema>| {
            let imports = schema.iter().flat_map(|schema| &schema.imports);
            let packages: BTreeSet<_> = imports.map(|import| import.package.unversioned()).collect();
            let others = schemas.iter().filter(|other| !std::ptr::eq(*other, schema)).flatten();
            !others.into_iter().any(|other| packages.contains(&other.package.unversioned()))
        };
        let Some(next) = schemas.iter().position(is_free) else {
            let names: Vec<_> = schemas.iter().flatten().map(|schema| schema.package.to_string()).collect();
            let reason = format!(
                "{} import each other in a circle, or one that is in it, so that none of them can be the first; take the \
                 import out of one",
                names.join(", ")
            );
            return Err(Failure::new(Exit::Version, reason));
        };
        schemas.remove(next);
        ordered.push(components.remove(next));
    }
    Ok(ordered)
}

/// Checks what can be checked without a database; installing does it again.
pub(crate) fn check(component: &Component) -> Result<(), Failure> {
    let spinner = terminal::spinner(format!("checking {}", component.path.display()));
    let schema = subject::component_schema(&component.bytes);
    spinner.finish_and_clear();
    schema.map(drop).map_err(|failure| failure.context(cannot_install(&component.path)))
}

/// Installs a component.
pub(crate) fn install(node: &Node, component: &Component) -> Result<Installation, Failure> {
    let spinner = terminal::spinner(format!("installing {}", component.path.display()));
    let installed = node.install(&component.bytes);
    spinner.finish_and_clear();
    installed.map_err(|error| {
        let mend = match &error {
            Error::AlreadyInstalled { .. } => Some(format!(
                "say `interstice upgrade --plan {}` to see what it would do",
                component.path.display()
            )),
            _ => None,
        };
        let failed = failure(error).context(cannot_install(&component.path));
        match mend {
            Some(mend) => failed.because(Failure::new(Exit::Version, mend)),
            None => failed,
        }
    })
}

fn cannot_install(path: &Path) -> String {
    format!("cannot install {}", path.display())
}
