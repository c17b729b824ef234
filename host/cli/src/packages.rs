//! What the commands about packages share: which registry, which project, and what comes from outside
//! of the registry.
//! Invariant: a schema that comes from a component was held against its binary before it is used.

mod database;

use crate::exit::{Exit, Failure};
use crate::subject;
use crate::terminal;
use interstice_registry::{
    ErrorKind, Given, LocalRegistry, Location, Lock, LockedSource, Manifest, OciOptions, OciRegistry,
    PackageId, Project, Registry, RegistryError, Resolution,
};
use interstice_wit::Schema;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which registry.
#[derive(clap::Args)]
pub(crate) struct RegistryOptions {
    /// The registry: a folder, or `oci://HOST/PATH` [default: `registry` in interstice.toml, else a folder of the
    /// user]
    #[arg(long, value_name = "REGISTRY", env = "INTERSTICE_REGISTRY")]
    registry: Option<String>,
    /// Takes from an OCI registry only what was fetched before, and uses no network.
    #[arg(long)]
    offline: bool,
    /// How many seconds the server of an OCI registry may be silent.
    #[arg(long, value_name = "SECONDS", env = "INTERSTICE_REGISTRY_TIMEOUT", default_value_t = DEFAULT_TIMEOUT,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    registry_timeout: u64,
}

/// How many seconds the server of an OCI registry may be silent.
const DEFAULT_TIMEOUT: u64 = 60;

/// Which project, and which registry.
#[derive(clap::Args)]
pub(crate) struct ProjectOptions {
    /// The folder of the module.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) project: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RegistryOptions,
}

impl RegistryOptions {
    /// The registry that was asked for, or that of the project in a folder.
    pub(crate) fn open(&self, project: &Path) -> Result<Opened, Failure> {
        let location = match &self.registry {
            Some(text) => text.parse::<Location>().map_err(failure)?,
            None => {
                let manifest = Manifest::load(project).map_err(failure)?;
                match &manifest.registry {
                    Some(text) => text.parse::<Location>().map_err(failure)?.relative_to(project),
                    None => Location::Folder(user_folder("XDG_DATA_HOME", ".local/share", "registry")?),
                }
            }
        };
        Opened::new(&location, self)
    }
}

/// A registry that was opened.
pub(crate) enum Opened {
    Local(LocalRegistry),
    Oci(Box<OciRegistry>),
}

impl Opened {
    fn new(location: &Location, options: &RegistryOptions) -> Result<Opened, Failure> {
        match location {
            Location::Folder(folder) => {
                // What was seen of registries is only a safeguard, so a user without a home goes without.
                let known = user_folder("XDG_STATE_HOME", ".local/state", "registries").ok();
                Ok(Opened::Local(LocalRegistry::new(folder, known.as_deref())))
            }
            Location::Oci { host, prefix } => {
                let options = OciOptions {
                    cache: user_folder("XDG_CACHE_HOME", ".cache", "")?,
                    is_offline: options.offline,
                    timeout: Duration::from_secs(options.registry_timeout),
                };
                OciRegistry::new(host, prefix, &options).map(Box::new).map(Opened::Oci).map_err(failure)
            }
        }
    }

    /// The registry, whatever it is kept in.
    pub(crate) fn any(&self) -> &dyn Registry {
        match self {
            Opened::Local(registry) => registry,
            Opened::Oci(registry) => registry.as_ref(),
        }
    }

    /// The registry, if it is a folder; else a refusal to do `what`.
    pub(crate) fn local(&self, what: &'static str) -> Result<&LocalRegistry, Failure> {
        match self {
            Opened::Local(registry) => Ok(registry),
            Opened::Oci(registry) => {
                let reason =
                    "an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md";
                Err(failure(RegistryError::Unsupported { registry: registry.name(), what, reason }))
            }
        }
    }
}

/// A folder of the user by the rules of <https://specifications.freedesktop.org/basedir-spec>.
pub(crate) fn user_folder(variable: &str, below_home: &str, name: &str) -> Result<PathBuf, Failure> {
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set.or_else(|| std::env::home_dir().map(|home| home.join(below_home)));
    base.map(|base| base.join("interstice").join(name)).ok_or_else(|| {
        let message =
            format!("this user has no home folder; name the registry with --registry, or set {variable}");
        Failure::new(Exit::Caller, message)
    })
}

/// A failure about packages, with the exit code of its kind.
pub(crate) fn failure(error: RegistryError) -> Failure {
    let exit = match (&error, error.kind()) {
        (
            RegistryError::Stale { .. }
            | RegistryError::HandEdited { .. }
            | RegistryError::NotVendored { .. }
            | RegistryError::Wit { .. },
            _,
        ) => Exit::Negative,
        (_, ErrorKind::Caller) => Exit::Caller,
        (_, ErrorKind::Version) => Exit::Version,
        (_, ErrorKind::Ours) => Exit::Ours,
    };
    Failure::from_error(exit, &error)
}

/// A warning on stderr.
pub(crate) fn warn(message: &str) {
    terminal::tell(&format!("{} {message}", terminal::stderr_style("warning:", terminal::RED)));
}

/// The project in a folder.
pub(crate) fn open_project(folder: &Path) -> Result<Project, Failure> {
    check_folder(folder)?;
    Project::open(folder).map_err(failure)
}

/// The project in a folder, which no other process changes until it is dropped.
pub(crate) fn change_project(folder: &Path) -> Result<Project, Failure> {
    check_folder(folder)?;
    Project::open_to_change(folder).map_err(failure)
}

fn check_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::new(Exit::Caller, format!("{} is not a folder", folder.display())))
}

/// Reads what a project takes from paths and databases.
pub(crate) fn given(project: &Project) -> Result<BTreeMap<PackageId, Given>, Failure> {
    let mut given = BTreeMap::new();
    let mut companions = Vec::new();
    for (package, source) in project.outside() {
        let found = match &source {
            LockedSource::Path(path) => at_path(&project.folder().join(path), source.clone())?,
            LockedSource::Database(path) => {
                let data = project.folder().join(path);
                let modules = database::modules(&data)?;
                let found = database::find(&modules, &package, &data)?;
                // What the module needs is installed beside it.
                companions
                    .extend(modules.into_iter().map(|module| Given { source: source.clone(), ..module }));
                found
            }
            LockedSource::Registry => continue,
        };
        let is = PackageId::of(&found.schema.package).map_err(failure)?;
        if is != package {
            let message = format!("interstice.toml says that {package} is at its path, and there is {is}");
            return Err(Failure::new(Exit::Version, message));
        }
        given.insert(package, Given { source, ..found });
    }
    for companion in companions {
        let package = PackageId::of(&companion.schema.package).map_err(failure)?;
        given.entry(package).or_insert(companion);
    }
    Ok(given)
}

/// A package at a path: the folder of a module, WIT, or a component.
pub(crate) fn at_path(path: &Path, source: LockedSource) -> Result<Given, Failure> {
    let subject = subject::read(path, None)?;
    Ok(Given { schema: subject.schema, artifact: subject.artifact, source })
}

/// The schema of the project, if its WIT can be read by now.
pub(crate) fn schema(project: &Project) -> Option<Schema> {
    let sources = subject::load(&project.wit()).ok()?;
    interstice_wit::read(&sources, None).ok()
}

/// What was written of a project.
pub(crate) struct Settled {
    pub(crate) lock: Lock,
    pub(crate) warnings: Vec<String>,
}

/// Writes the dependencies' WIT, the references of the project's own, and its lock.
pub(crate) fn settle(project: &Project, resolution: &Resolution) -> Result<Settled, Failure> {
    let vendored = project.vendored(resolution).map_err(failure)?;
    let wit = project.wit();
    interstice_registry::vendor::check_free(&wit, &vendored, project.lock.as_ref()).map_err(failure)?;
    if interstice_registry::vendor::is_stale(&wit, &vendored, project.lock.as_ref()) {
        project.check_writable().map_err(failure)?;
    }
    interstice_registry::vendor::write(&wit, &vendored, project.lock.as_ref()).map_err(failure)?;
    for moved in project.move_references(resolution, false).map_err(failure)? {
        terminal::tell(&format!("{}: {} is now {}", moved.path.display(), moved.package, moved.to));
    }
    let schema = schema(project);
    let lock = project.locked(resolution, &vendored, schema.as_ref());
    lock.save(project.folder()).map_err(failure)?;
    let mut warnings = resolution.warnings.clone();
    if schema.is_none() {
        warnings.push(format!(
            "the WIT in {} has mistakes, so no item is pinned yet; `interstice check` shows them",
            wit.display()
        ));
    }
    Ok(Settled { lock, warnings })
}

/// Before a build: the vendored WIT is what was pinned, and so is everything that the world imports.
/// Items that are new are pinned, or with `locked` refused.
pub(crate) fn check_pins(
    folder: &Path,
    wit: &Path,
    world: Option<&str>,
    locked: bool,
) -> Result<(), Failure> {
    let project = Project::open(folder).map_err(failure)?;
    if !project.is_managed() {
        return Ok(());
    }
    let sources = subject::load(wit)?;
    let schema = match interstice_wit::read(&sources, world) {
        Ok(schema) => schema,
        Err(findings) => {
            // A copy that was edited is the likelier reason why the WIT no longer reads.
            if let Some(lock) = &project.lock {
                interstice_registry::vendor::check(&project.wit(), lock).map_err(failure)?;
            }
            return Err(Box::new(findings).into());
        }
    };
    let fresh = project.check(&schema).map_err(failure)?;
    let Some(pinned) = &project.lock else { return Ok(()) };
    if fresh == *pinned {
        return if locked { check_yanked(&project, pinned) } else { Ok(()) };
    }
    if locked {
        let reason = Project::difference(pinned, &fresh).unwrap_or_else(|| "its items differ".to_owned());
        return Err(failure(RegistryError::Stale {
            reason,
            mend: "a build without --locked writes it again",
        }));
    }
    fresh.save(folder).map_err(failure)?;
    terminal::tell("note: interstice.lock pins what the world imports now");
    Ok(())
}

/// Refuses versions that were yanked, where the registry is a folder and so costs nothing to ask.
fn check_yanked(project: &Project, lock: &Lock) -> Result<(), Failure> {
    let options = RegistryOptions {
        registry: std::env::var("INTERSTICE_REGISTRY").ok(),
        offline: true,
        registry_timeout: DEFAULT_TIMEOUT,
    };
    let Ok(opened) = options.open(project.folder()) else { return Ok(()) };
    let Opened::Local(registry) = &opened else { return Ok(()) };
    let yanked = yanked(registry, lock)?;
    yanked.into_iter().next().map_or(Ok(()), |error| Err(failure(error)))
}

/// The locked versions that are yanked, each as the error that it may become.
pub(crate) fn yanked(registry: &dyn Registry, lock: &Lock) -> Result<Vec<RegistryError>, Failure> {
    let mut yanked = Vec::new();
    for (package, locked) in &lock.packages {
        if locked.source != LockedSource::Registry {
            continue;
        }
        let offers = match registry.versions(package) {
            Ok(offers) => offers,
            // The registry at hand is another one; what cannot be asked is not refused.
            Err(RegistryError::NoPackage { .. }) => continue,
            Err(error) => return Err(failure(error)),
        };
        if offers.iter().any(|offer| offer.version == locked.version && offer.is_yanked) {
            let package = package.at(&locked.version);
            yanked.push(RegistryError::Yanked { package, by: "interstice.lock".to_owned() });
        }
    }
    Ok(yanked)
}
