//! A project: its manifest, its lock and the WIT of its dependencies, and what makes them agree.
//! What lies outside of the registry – a path, a database – comes in as a schema that another has read.
//! Invariant: nothing of a project is written before all that is to be written is known.

use crate::files::{Turn, check_writable, remove_partial_of, wait_for_turn, write_whole};
use crate::reference::{Reference, package_line, references, with_version};
use crate::resolve::{Catalog, Wanted, resolve};
use crate::vendor::{self, Vendored, entries, is_wit};
use crate::{
    Lock, Locked, LockedSource, Manifest, Offer, PackageId, Registry, RegistryError, Requirement, Source,
    dependencies,
};
use interstice_wit::hash::imported_hashes;
use interstice_wit::{
    Hash, PackageName, PublicWit, Schema, TypesDiffer, former_self, former_wit, public_wit, used_wit,
};
use semver::Version;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The folder of a module with what it depends on.
#[derive(Clone, Debug)]
pub struct Project {
    folder: PathBuf,
    /// What is needed.
    pub manifest: Manifest,
    /// What is pinned, if anything was.
    pub lock: Option<Lock>,
    /// Kept open while it is this process's turn to change the project.
    _turn: Option<Arc<File>>,
}

/// A package that does not come from the registry.
#[derive(Clone, Debug)]
pub struct Given {
    /// What it says about itself.
    pub schema: Schema,
    /// The digest of its component, if it came as one.
    pub artifact: Option<Hash>,
    /// Where it came from.
    pub source: LockedSource,
}

/// A version of each package, and what was read of it.
#[derive(Clone, Debug)]
pub struct Resolution {
    packages: BTreeMap<PackageId, Chosen>,
    /// What should be told.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug)]
struct Chosen {
    version: Version,
    known: Rc<Given>,
}

/// A reference that was moved to another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The file.
    pub path: PathBuf,
    /// The package.
    pub package: PackageId,
    /// The version that it has now.
    pub to: Version,
}

impl Project {
    /// The project in a folder. One that depends on nothing has neither manifest nor lock.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn open(folder: &Path) -> Result<Project, RegistryError> {
        Ok(Project {
            folder: folder.to_owned(),
            manifest: Manifest::load(folder)?,
            lock: Lock::load(folder)?,
            _turn: None,
        })
    }

    /// The same, after waiting until no other process changes the project; none does until this is dropped.
    ///
    /// # Errors
    /// Also if another process takes too long.
    pub fn open_to_change(folder: &Path) -> Result<Project, RegistryError> {
        // The folder itself is locked, so that nothing has to be put into it.
        let file = File::open(folder).map_err(RegistryError::io("open", folder))?;
        if let Turn::Busy { seconds } = wait_for_turn(&file, folder)? {
            return Err(RegistryError::ProjectBusy { folder: folder.to_owned(), seconds });
        }
        Ok(Project { _turn: Some(Arc::new(file)), ..Project::open(folder)? })
    }

    /// Refuses a project whose lock could not be written, before anything else is, and removes what earlier attempts left
    /// that were cut short.
    ///
    /// # Errors
    /// If a file cannot be made in the folder.
    pub fn check_writable(&self) -> Result<(), RegistryError> {
        let lock = self.folder.join(crate::LOCK);
        check_writable(&lock)?;
        remove_partial_of(&lock)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it depends on anything by its manifest.
    pub fn is_managed(&self) -> bool {
        !self.manifest.dependencies.is_empty() || self.lock.is_some()
    }

    /// The package of the project, read from the `package` line of its WIT.
    ///
    /// # Errors
    /// If the folder `wit` cannot be read, or none of its files says it.
    pub fn package(&self) -> Result<PackageName, RegistryError> {
        let found = self.texts()?.iter().find_map(|(_, text)| package_line(text));
        found.ok_or_else(|| RegistryError::Syntax {
            path: self.wit(),
            line: 1,
            message: "no file says the package and its version: `package acme:shop@0.1.0;`".to_owned(),
        })
    }

    /// Where the WIT lies.
    pub fn wit(&self) -> PathBuf {
        // Without the `./`, which would only stand before every path in messages.
        if self.folder == Path::new(".") { PathBuf::from("wit") } else { self.folder.join("wit") }
    }

    fn texts(&self) -> Result<Vec<(PathBuf, String)>, RegistryError> {
        let mut texts = Vec::new();
        for path in entries(&self.wit())?.into_iter().filter(|path| is_wit(path)) {
            let text = fs::read_to_string(&path).map_err(RegistryError::io("read", &path))?;
            texts.push((path, text));
        }
        Ok(texts)
    }

    /// What the project's own WIT names of other packages.
    ///
    /// # Errors
    /// If the WIT cannot be read.
    pub fn references(&self) -> Result<Vec<Reference>, RegistryError> {
        Ok(self.texts()?.iter().flat_map(|(_, text)| references(text)).collect())
    }

    /// What has to be read from outside of the registry: each package with where it is.
    pub fn outside(&self) -> Vec<(PackageId, LockedSource)> {
        let mut outside = BTreeMap::new();
        for (package, dependency) in &self.manifest.dependencies {
            let source = match &dependency.source {
                Source::Registry => continue,
                Source::Path(path) => LockedSource::Path(path.clone()),
                Source::Database(path) => LockedSource::Database(path.clone()),
            };
            outside.insert(package.clone(), source);
        }
        for (package, path) in &self.manifest.overrides {
            outside.insert(package.clone(), LockedSource::Path(path.clone()));
        }
        outside.into_iter().collect()
    }

    /// Chooses a version of every package. Those of the lock are kept where `keeps` says so.
    ///
    /// # Errors
    /// If no choice fits, or a package cannot be read.
    pub fn resolve(
        &self,
        registry: &dyn Registry,
        given: BTreeMap<PackageId, Given>,
        keeps: &dyn Fn(&PackageId) -> bool,
    ) -> Result<Resolution, RegistryError> {
        let project = self.package()?;
        let mut requirements = Vec::new();
        for (package, dependency) in &self.manifest.dependencies {
            requirements
                .push((package.clone(), dependency.requirement.clone().unwrap_or_else(Requirement::any)));
        }
        let locked = self.lock.iter().flat_map(|lock| &lock.packages);
        let preferred = locked
            .filter(|(package, _)| keeps(package))
            .map(|(package, locked)| (package.clone(), locked.version.clone()));
        let wanted = Wanted { project, requirements, preferred: preferred.collect() };
        let given = given.into_iter().map(|(package, given)| (package, Rc::new(given))).collect();
        let shelf = Shelf { registry, given, read: RefCell::default(), warnings: RefCell::default() };
        let chosen = resolve(&wanted, &shelf)?;
        let mut packages = BTreeMap::new();
        for (package, resolved) in chosen {
            let known = shelf.known(&package, &resolved.version)?;
            self.check_unchanged(&package, &resolved.version, &known)?;
            packages.insert(package, Chosen { version: resolved.version, known });
        }
        let mut warnings = shelf.warnings.into_inner();
        warnings.sort();
        warnings.dedup();
        Ok(Resolution { packages, warnings })
    }

    /// Refuses a version of the registry that is not what the lock pins of the same version: it never changes.
    fn check_unchanged(
        &self,
        package: &PackageId,
        version: &Version,
        known: &Given,
    ) -> Result<(), RegistryError> {
        let pinned = self.lock.as_ref().and_then(|lock| lock.packages.get(package));
        let pinned = pinned.filter(|pinned| {
            pinned.version == *version
                && pinned.source == LockedSource::Registry
                && known.source == LockedSource::Registry
        });
        match (pinned.and_then(|pinned| pinned.artifact), known.artifact) {
            (Some(wanted), Some(found)) if wanted != found => {
                let what = package.at(version).to_string();
                Err(RegistryError::Tampered { what, by: "interstice.lock", wanted, found })
            }
            _ => Ok(()),
        }
    }

    /// The WIT of the direct dependencies, and of the packages whose types these use.
    ///
    /// # Errors
    /// If two dependencies do not agree on a type.
    pub fn vendored(&self, resolution: &Resolution) -> Result<Vendored, RegistryError> {
        let own = self.package()?.unversioned();
        let mut read = Vec::new();
        let mut texts = Vec::new();
        for id in self.manifest.dependencies.keys() {
            let Some(chosen) = resolution.packages.get(id) else { continue };
            let schema = &chosen.known.schema;
            // A migration reads all tables of the version from which it comes.
            let is_former = id.to_string() == own;
            texts.push(if is_former { former_wit(schema) } else { public_wit(schema) });
            read.push(if is_former { Cow::Owned(former_self(schema)) } else { Cow::Borrowed(schema) });
        }
        let schemas: Vec<&Schema> = read.iter().map(Cow::as_ref).collect();
        let used = used_wit(&schemas).map_err(|differ| {
            let TypesDiffer { name, left, right } = *differ;
            let (left, right) = (Box::new(left), Box::new(right));
            RegistryError::TypesDiffer { name: name.to_string(), left, right }
        })?;
        // What a package says of itself holds, whatever others use of it.
        let all = used.into_iter().chain(texts);
        Ok(all.map(|PublicWit { package, text }| (package, text)).collect())
    }

    /// Moves the references of the project's own WIT to the versions that were chosen. With `is_dry_run`
    /// nothing is written.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn move_references(
        &self,
        resolution: &Resolution,
        is_dry_run: bool,
    ) -> Result<Vec<Moved>, RegistryError> {
        let own = self.package()?;
        let mut moved = Vec::new();
        for (path, mut text) in self.texts()? {
            let before = moved.len();
            for package in self.manifest.dependencies.keys() {
                let Some(chosen) = resolution.packages.get(package) else { continue };
                let kept = (package.to_string() == own.unversioned()).then_some(&own.version);
                if let Some(changed) = with_version(&text, package, &chosen.version, kept) {
                    text = changed;
                    moved.push(Moved {
                        path: path.clone(),
                        package: package.clone(),
                        to: chosen.version.clone(),
                    });
                }
            }
            if moved.len() > before && !is_dry_run {
                write_whole(&path, text.as_bytes())?;
            }
        }
        Ok(moved)
    }

    /// The lock of a resolution. The items come from the project's schema, if its WIT reads already.
    pub fn locked(&self, resolution: &Resolution, vendored: &Vendored, schema: Option<&Schema>) -> Lock {
        let mut lock = Lock::default();
        for (package, text) in vendored {
            lock.wit.insert(package.clone(), vendor::digest(&vendor::file(package, text)));
        }
        for (package, chosen) in &resolution.packages {
            let locked = Locked {
                version: chosen.version.clone(),
                source: chosen.known.source.clone(),
                artifact: chosen.known.artifact,
                dependencies: dependencies(&chosen.known.schema),
                items: BTreeMap::new(),
            };
            lock.packages.insert(package.clone(), locked);
        }
        if let Some(schema) = schema {
            pin_items(&mut lock, schema);
        }
        lock
    }

    /// Holds the lock against the manifest, the WIT of the dependencies, and the schema that they give.
    /// Returns the lock as it should be, which differs in nothing but the items.
    ///
    /// # Errors
    /// If something is not what was pinned.
    pub fn check(&self, schema: &Schema) -> Result<Lock, RegistryError> {
        let stale =
            |reason: String| RegistryError::Stale { reason, mend: "`interstice fetch` writes it again" };
        let Some(lock) = &self.lock else {
            return Err(stale("it does not exist, and interstice.toml names dependencies".to_owned()));
        };
        vendor::check(&self.wit(), lock)?;
        for (package, dependency) in &self.manifest.dependencies {
            let Some(locked) = lock.packages.get(package) else {
                return Err(stale(format!("it does not have `{package}`, which interstice.toml names")));
            };
            if let Some(requirement) = &dependency.requirement
                && !requirement.is_satisfied_by(&locked.version)
            {
                let reason =
                    format!("it has {package} {}, and interstice.toml wants {requirement}", locked.version);
                return Err(stale(reason));
            }
        }
        for interface in &schema.imports {
            let id = PackageId::of(&interface.package)?;
            let Some(locked) = lock.packages.get(&id) else { continue };
            if locked.version != interface.package.version {
                let reason = format!("it has {id} {}, and the world imports {interface}", locked.version);
                return Err(stale(reason));
            }
        }
        let mut fresh = lock.clone();
        fresh.packages.values_mut().for_each(|locked| locked.items.clear());
        pin_items(&mut fresh, schema);
        Ok(fresh)
    }

    /// The first item of which a lock and the world do not say the same, in words.
    pub fn difference(pinned: &Lock, used: &Lock) -> Option<String> {
        for (package, locked) in &used.packages {
            let known = pinned.packages.get(package)?;
            for (item, hash) in &locked.items {
                match known.items.get(item) {
                    Some(same) if same == hash => {}
                    Some(_) => return Some(format!("{package}/{item} is not what it pins")),
                    None => {
                        return Some(format!("the world imports {package}/{item}, which it does not pin"));
                    }
                }
            }
            if let Some(item) = known.items.keys().find(|item| !locked.items.contains_key(*item)) {
                return Some(format!("it pins {package}/{item}, which the world does not import"));
            }
        }
        None
    }
}

/// Pins the interface hash of each item that a world imports of a package.
fn pin_items(lock: &mut Lock, schema: &Schema) {
    for (item, hash) in imported_hashes(schema).items {
        let Some((package, rest)) = item.split_once('/') else { continue };
        let locked = package.parse().ok().and_then(|package: PackageId| lock.packages.get_mut(&package));
        if let Some(locked) = locked {
            locked.items.insert(rest.to_owned(), hash);
        }
    }
}

impl Resolution {
    /// The packages with their versions.
    pub fn versions(&self) -> impl Iterator<Item = (&PackageId, &Version)> {
        self.packages.iter().map(|(package, chosen)| (package, &chosen.version))
    }

    /// The schema of a package.
    pub fn schema(&self, package: &PackageId) -> Option<&Schema> {
        self.packages.get(package).map(|chosen| &chosen.known.schema)
    }
}

/// The registry, with what stands for some of its packages.
struct Shelf<'a> {
    registry: &'a dyn Registry,
    given: BTreeMap<PackageId, Rc<Given>>,
    read: RefCell<BTreeMap<PackageName, Rc<Given>>>,
    warnings: RefCell<Vec<String>>,
}

impl Shelf<'_> {
    fn known(&self, package: &PackageId, version: &Version) -> Result<Rc<Given>, RegistryError> {
        if let Some(given) = self.given.get(package) {
            return Ok(Rc::clone(given));
        }
        let name = package.at(version);
        if let Some(known) = self.read.borrow().get(&name) {
            return Ok(Rc::clone(known));
        }
        let release = self.registry.read(package, version)?;
        let known = Rc::new(Given {
            artifact: Some(release.facts.artifact),
            schema: release.schema,
            source: LockedSource::Registry,
        });
        self.read.borrow_mut().insert(name, Rc::clone(&known));
        Ok(known)
    }
}

impl Catalog for Shelf<'_> {
    fn versions(&self, package: &PackageId) -> Result<Vec<Offer>, RegistryError> {
        match self.given.get(package) {
            Some(given) => {
                Ok(vec![Offer { version: given.schema.package.version.clone(), is_yanked: false }])
            }
            None => self.registry.versions(package),
        }
    }

    fn dependencies(
        &self,
        package: &PackageId,
        version: &Version,
    ) -> Result<Vec<PackageName>, RegistryError> {
        let mut needed = dependencies(&self.known(package, version)?.schema);
        if !self.given.contains_key(package) {
            return Ok(needed);
        }
        // A package that is being worked on may need others that are published nowhere yet.
        let mut missing = Vec::new();
        for dependency in &needed {
            let id = PackageId::of(dependency)?;
            if let Err(RegistryError::NoPackage { .. }) = self.versions(&id) {
                missing.push(dependency.clone());
            }
        }
        needed.retain(|dependency| !missing.contains(dependency));
        self.warnings.borrow_mut().extend(missing.into_iter().map(|dependency| {
            format!("{dependency}, which {package} needs, is published nowhere and was not pinned")
        }));
        Ok(needed)
    }
}
