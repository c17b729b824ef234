//! `interstice fetch` and `tree`: everything that a lock pins, verified and at hand.
//! Invariant: what is fetched from a registry has the digests that the lock holds, or nothing is written; what else
//! has moved is told.

use crate::exit::{Exit, Failure};
use crate::packages::{self, ProjectOptions, failure};
use crate::terminal::{self, DIM, Output};
use interstice_registry::{Lock, LockedSource, PackageId};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Fetches everything that interstice.lock pins, and writes the WIT of the dependencies again.
///
/// A project without a lock gets one. Afterwards `build --locked --offline` needs no registry.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectOptions,
    /// Puts the components of the dependencies into this folder too, to be installed or tested with.
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Takes versions that are yanked.
    #[arg(long)]
    allow_yanked: bool,
}

/// Shows what a project depends on, and what that depends on.
#[derive(clap::Args)]
pub(crate) struct TreeArguments {
    /// The folder of the module.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    project: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let project = packages::change_project(&arguments.project.project)?;
    let registry = arguments.project.registry.open(&arguments.project.project)?;
    let locked = project.lock.clone().unwrap_or_default();
    if !arguments.allow_yanked
        && let Some(error) = packages::yanked(registry.any(), &locked)?.into_iter().next()
    {
        return Err(failure(error));
    }
    let given = packages::given(&project)?;
    let resolution = project.resolve(registry.any(), given, &|_| true).map_err(failure)?;
    let mut components = Vec::new();
    for (package, version) in resolution.versions() {
        let pinned = locked.packages.get(package);
        let is_here = pinned.is_some_and(|pinned| pinned.source != LockedSource::Registry);
        if is_here || project.manifest.overrides.contains_key(package) {
            continue;
        }
        let release = registry.any().read(package, version).map_err(failure)?;
        if release.is_component {
            components.push((package.at(version), release.bytes));
        }
    }
    let settled = packages::settle(&project, &resolution)?;
    settled.warnings.iter().for_each(|warning| packages::warn(warning));
    for line in moved(&locked, &settled.lock) {
        packages::warn(&line);
    }
    if let Some(folder) = &arguments.output {
        for (package, bytes) in &components {
            let name = format!("{}-{}-{}.wasm", package.namespace, package.name, package.version);
            let path = folder.join(name);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
            written.map_err(|error| {
                Failure::new(Exit::Ours, format!("cannot write {}: {error}", path.display()))
            })?;
        }
    }
    let mut output = Output::new();
    let good = terminal::stdout_style("ok", terminal::GREEN);
    let number = match settled.lock.packages.len() {
        1 => "1 package is".to_owned(),
        number => format!("{number} packages are"),
    };
    output.line(format!("{good}  {number} as interstice.lock pins"))?;
    Ok(output.flush()?)
}

/// What lies at a path or in a database and is not what was pinned: nobody keeps it from changing.
fn moved(before: &Lock, now: &Lock) -> Vec<String> {
    let mut lines = Vec::new();
    for (package, locked) in &now.packages {
        let from = match &locked.source {
            LockedSource::Registry => continue,
            LockedSource::Path(path) => path.display().to_string(),
            LockedSource::Database(path) => format!("the database {}", path.display()),
        };
        let Some(pinned) = before.packages.get(package).filter(|pinned| pinned.source == locked.source)
        else {
            continue;
        };
        if pinned.version != locked.version {
            lines.push(format!(
                "{package} was pinned at {}, and is {} in {from} now; that is pinned instead",
                pinned.version, locked.version
            ));
        } else if pinned.artifact != locked.artifact {
            lines.push(format!(
                "{} in {from} has other bytes than were pinned; those that are there are pinned instead",
                package.at(&locked.version)
            ));
        }
    }
    lines
}

pub(crate) fn tree(arguments: &TreeArguments) -> Result<(), Failure> {
    let project = packages::open_project(&arguments.project)?;
    let own = project.package().map_err(failure)?;
    let Some(lock) = &project.lock else {
        let message = "there is no interstice.lock; `interstice add` or `interstice fetch` writes one";
        return Err(Failure::new(Exit::Caller, message));
    };
    let mut lines = vec![own.to_string()];
    let direct: Vec<_> = project.manifest.dependencies.keys().cloned().collect();
    draw(lock, &direct, "", &mut BTreeSet::new(), &mut lines);
    let mut output = Output::new();
    for line in lines {
        output.line(line)?;
    }
    Ok(output.flush()?)
}

/// A package is opened where it comes first, and only named where it comes again.
fn draw(
    lock: &Lock,
    packages: &[PackageId],
    indent: &str,
    shown: &mut BTreeSet<PackageId>,
    lines: &mut Vec<String>,
) {
    let dim = |text: &str| terminal::stdout_style(text, DIM);
    for (number, package) in packages.iter().enumerate() {
        let is_last = number + 1 == packages.len();
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let Some(locked) = lock.packages.get(package) else {
            lines.push(format!("{}{package} {}", dim(&format!("{indent}{branch}")), dim("(not pinned)")));
            continue;
        };
        let from = match &locked.source {
            LockedSource::Registry => String::new(),
            LockedSource::Path(path) => dim(&format!(" (path {})", path.display())),
            LockedSource::Database(path) => dim(&format!(" (database {})", path.display())),
        };
        let is_new = shown.insert(package.clone());
        let again =
            if is_new || locked.dependencies.is_empty() { String::new() } else { dim(" (see above)") };
        lines.push(format!(
            "{}{}{from}{again}",
            dim(&format!("{indent}{branch}")),
            package.at(&locked.version)
        ));
        if is_new {
            let next: Vec<_> =
                locked.dependencies.iter().filter_map(|name| PackageId::of(name).ok()).collect();
            draw(lock, &next, &format!("{indent}{below}"), shown, lines);
        }
    }
}
