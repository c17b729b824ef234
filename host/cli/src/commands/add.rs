//! `interstice add`, `update` and `remove`: what a project depends on.
//! They write interstice.toml, interstice.lock and the WIT under `wit/deps`, and move the references of
//! the project's own WIT to the versions that were chosen.
//! Invariant: a copy that was edited by hand stops them before anything is written.

use crate::exit::{Exit, Failure};
use crate::packages::{self, ProjectOptions, failure};
use crate::terminal::{self, Output};
use interstice_registry::{
    Dependency, Given, LockedSource, PackageId, Project, Request, Requirement, Resolution, Source, vendor,
};
use interstice_wit::{Interface, PackageName, Visibility};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Adds a dependency: its public WIT goes to `wit/deps`, its version and hashes to interstice.lock.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A package, such as `acme:bank` or `acme:bank@1.2`; or a path: a component, the folder of a module, or
    /// WIT.
    #[arg(value_name = "PACKAGE|PATH")]
    what: String,
    /// Takes the package from a database in which it is installed, running or not.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    project: ProjectOptions,
}

/// Moves dependencies to the newest versions that interstice.toml allows.
#[derive(clap::Args)]
pub(crate) struct UpdateArguments {
    /// The packages to move [default: all]
    #[arg(value_name = "PACKAGE")]
    packages: Vec<PackageId>,
    /// Tells what would change, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    project: ProjectOptions,
}

/// Removes dependencies.
#[derive(clap::Args)]
pub(crate) struct RemoveArguments {
    /// The packages.
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<PackageId>,
    #[command(flatten)]
    project: ProjectOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut project = open(&arguments.project.project)?;
    let (package, source, mut requirement) = wanted(arguments, &project)?;
    let own = project.package().ok().filter(|own| own.unversioned() == package.to_string());
    let is_from_registry = source == Source::Registry;
    if let Some(own) = own.as_ref().filter(|_| is_from_registry) {
        requirement = Some(former(own, requirement)?);
    }
    project.manifest.set(&package, Dependency { requirement: requirement.clone(), source: source.clone() });
    let registry = arguments.project.registry.open(&arguments.project.project)?;
    let given = packages::given(&project)?;
    let keeps = |other: &PackageId| *other != package;
    let resolution = project.resolve(registry.any(), given, &keeps).map_err(failure)?;
    let version = version_of(&resolution, &package)?;
    if let Some(own) = own.as_ref().filter(|own| version >= own.version) {
        return Err(itself(own));
    }
    if is_from_registry && requirement.is_none() {
        let requirement = Some(Requirement::written_for(&version));
        project.manifest.set(&package, Dependency { requirement, source });
    }
    let is_imported = project.references().map_err(failure)?.iter().any(|reference| {
        PackageId::of(&reference.package).is_ok_and(|named| named == package)
            && own.as_ref().is_none_or(|own| own.version != reference.package.version)
    });
    let settled = packages::settle(&project, &resolution)?;
    project.manifest.save().map_err(failure)?;
    settled.warnings.iter().for_each(|warning| packages::warn(warning));

    let mut output = Output::new();
    let path = vendor::path_of(&project.wit(), &package.at(&version));
    let done = terminal::stdout_style("added", terminal::GREEN);
    output.line(format!("{done}  {} ({})", package.at(&version), path.display()))?;
    if !is_imported && let Some(schema) = resolution.schema(&package) {
        let is_of_use = |interface: &&Interface| match own {
            None => interface.visibility == Visibility::Public,
            Some(_) => !interface.tables.is_empty(),
        };
        for interface in schema.exports.iter().filter(is_of_use) {
            output.line(format!("next   import {};", interface.name))?;
        }
    }
    Ok(output.flush()?)
}

/// Which older version of the project itself is wanted: a migration comes from exactly one.
fn former(own: &PackageName, requirement: Option<Requirement>) -> Result<Requirement, Failure> {
    let Some(requirement) = requirement else { return Err(itself(own)) };
    let version = semver::Version::parse(&requirement.to_string()).map_err(|_| itself(own))?;
    format!("={version}").parse().map_err(failure)
}

fn itself(own: &PackageName) -> Failure {
    let message = format!(
        "{own} is the project itself, and cannot depend on itself; an older version, whose tables a `@migrate` function \
         reads, is named whole: `interstice add {}@1.0.0`",
        own.unversioned()
    );
    Failure::new(Exit::Version, message)
}

/// The package that was asked for, and where it is.
fn wanted(
    arguments: &Arguments,
    project: &Project,
) -> Result<(PackageId, Source, Option<Requirement>), Failure> {
    if let Some(data) = &arguments.data {
        let Request { package, requirement } = arguments.what.parse().map_err(failure)?;
        return Ok((package, Source::Database(relative(data, project.folder())), requirement));
    }
    let path = Path::new(&arguments.what);
    // A package has a colon and no slash, and a path may have a colon too.
    let is_path = path.exists() || arguments.what.contains('/') || !arguments.what.contains(':');
    if !is_path {
        let Request { package, requirement } = arguments.what.parse().map_err(failure)?;
        return Ok((package, Source::Registry, requirement));
    }
    if !path.exists() {
        let message = format!(
            "{} does not exist; a package of the registry is named `namespace:name`, such as `acme:bank`",
            path.display()
        );
        return Err(Failure::new(Exit::Caller, message));
    }
    let Given { schema, .. } = packages::at_path(path, LockedSource::Path(path.to_owned()))?;
    let package = PackageId::of(&schema.package).map_err(failure)?;
    Ok((package, Source::Path(relative(path, project.folder())), None))
}

/// A path as the manifest names it: from the folder of the project, wherever that lies.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (Ok(target), Ok(base)) = (path.canonicalize(), folder.canonicalize()) else { return path.to_owned() };
    let shared = target.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    // Two folders that share nothing but the root are on different ground.
    if shared <= 1 {
        return target;
    }
    let up = base.components().skip(shared).map(|_| OsStr::new(".."));
    let down = target.components().skip(shared).map(|part| part.as_os_str());
    let path: PathBuf = up.chain(down).collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

pub(crate) fn update(arguments: &UpdateArguments) -> Result<(), Failure> {
    let project = open(&arguments.project.project)?;
    let locked = project.lock.clone().unwrap_or_default();
    for package in &arguments.packages {
        if !locked.packages.contains_key(package) && !project.manifest.dependencies.contains_key(package) {
            return Err(failure(project.manifest.not_a_dependency(package)));
        }
    }
    let registry = arguments.project.registry.open(&arguments.project.project)?;
    let given = packages::given(&project)?;
    let keeps = |package: &PackageId| !arguments.packages.is_empty() && !arguments.packages.contains(package);
    let resolution = project.resolve(registry.any(), given, &keeps).map_err(failure)?;
    let mut lines = Vec::new();
    for (package, version) in resolution.versions() {
        match locked.packages.get(package).map(|locked| &locked.version) {
            Some(same) if same == version => {}
            Some(before) => lines.push(format!("{package} {before} → {version}")),
            None => lines.push(format!("{package} {version} (new)")),
        }
    }
    for package in locked.packages.keys() {
        if !resolution.versions().any(|(other, _)| other == package) {
            lines.push(format!("{package} is no longer needed"));
        }
    }
    if !arguments.dry_run {
        let settled = packages::settle(&project, &resolution)?;
        settled.warnings.iter().for_each(|warning| packages::warn(warning));
    }
    let mut output = Output::new();
    if lines.is_empty() {
        lines.push("nothing is newer".to_owned());
    }
    for line in lines {
        output.line(line)?;
    }
    Ok(output.flush()?)
}

pub(crate) fn remove(arguments: &RemoveArguments) -> Result<(), Failure> {
    let mut project = open(&arguments.project.project)?;
    for package in &arguments.packages {
        project.manifest.remove(package).map_err(failure)?;
    }
    let registry = arguments.project.registry.open(&arguments.project.project)?;
    let given = packages::given(&project)?;
    let resolution = project.resolve(registry.any(), given, &|_| true).map_err(failure)?;
    for reference in project.references().map_err(failure)? {
        if PackageId::of(&reference.package).is_ok_and(|package| arguments.packages.contains(&package)) {
            packages::warn(&format!(
                "the WIT still names {}; remove it there",
                reference.package.interface(&reference.interface)
            ));
        }
    }
    packages::settle(&project, &resolution)?;
    project.manifest.save().map_err(failure)?;
    let mut output = Output::new();
    for package in &arguments.packages {
        output.line(format!("{}  {package}", terminal::stdout_style("removed", terminal::GREEN)))?;
    }
    Ok(output.flush()?)
}

/// The project, whose vendored WIT is as it was written.
fn open(folder: &Path) -> Result<Project, Failure> {
    let project = packages::change_project(folder)?;
    if let Some(lock) = &project.lock {
        match vendor::check(&project.wit(), lock) {
            // What is missing is written again.
            Ok(()) | Err(interstice_registry::RegistryError::NotVendored { .. }) => {}
            Err(error) => return Err(failure(error)),
        }
    }
    Ok(project)
}

fn version_of(resolution: &Resolution, package: &PackageId) -> Result<semver::Version, Failure> {
    let version =
        resolution.versions().find(|(other, _)| *other == package).map(|(_, version)| version.clone());
    version.ok_or_else(|| Failure::new(Exit::Ours, format!("no version of {package} was chosen")))
}
