//! A registry in a folder: artifacts where a stock `wkg` looks for them, and our index beside them.
//! Artifacts lie at `<namespace>/<name>/<version>.wasm`, each with its line of the index beside it as a
//! receipt; the index is `.interstice/index.jsonl`. A file that no receipt and no line speaks of was put
//! there by another tool, and is offered as it is.
//! Invariant: nothing is read that differs from what the index says, and the index never goes back.

mod files;
mod known;
mod publish;

use crate::index::{Damage, FORMAT, Index, Listing, split};
use crate::{Artifact, Offer, Outcome, PackageId, PublishOptions, Registry, RegistryError, Release};
use files::Folder;
use interstice_wit::hash::artifact_hash;
use known::Known;
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A registry in a folder.
#[derive(Clone, Debug)]
pub struct LocalRegistry {
    folder: Folder,
    known: Known,
}

/// A package as a search shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The package.
    pub package: PackageId,
    /// Its newest version that is not yanked, or the newest of all.
    pub newest: Version,
    /// Every version of it is yanked.
    pub is_yanked: bool,
    /// The first line of its docs, if our index knows it.
    pub summary: Option<String>,
}

/// What the verification of a whole registry looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Versions whose bytes were read.
    pub versions: usize,
    /// Files that another tool put there, about which nothing is recorded.
    pub unrecorded: usize,
}

impl LocalRegistry {
    /// The registry in a folder, which need not exist yet. What has been seen of its index is kept in
    /// `known`, a folder of the user; without one, only the receipts show that an index was put back.
    pub fn new(folder: &Path, known: Option<&Path>) -> LocalRegistry {
        LocalRegistry { folder: Folder::new(folder), known: Known::new(known, folder) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    /// The index, if the registry has one, checked line by line and against what is known of it.
    ///
    /// # Errors
    /// If it was changed, put back, or cannot be read.
    pub fn index(&self) -> Result<Option<Index>, RegistryError> {
        let Some(index) = self.read_index()? else { return Ok(None) };
        let seen = self.known.seen(&index);
        match seen.reason_against(&index) {
            None => {
                self.known.remember(&index, &seen);
                Ok(Some(index))
            }
            // Another process may have published, and remembered it, since the index was read.
            Some(_) => {
                let index = self.read_index()?;
                match index.as_ref().map(|index| seen.reason_against(index)) {
                    Some(Some(reason)) => {
                        Err(RegistryError::RolledBack { path: self.folder.index(), reason })
                    }
                    _ => Ok(index),
                }
            }
        }
    }

    fn read_index(&self) -> Result<Option<Index>, RegistryError> {
        let path = self.folder.index();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(RegistryError::Index { path, line: 1, reason: "is not text".to_owned() });
            }
            Err(error) => return Err(RegistryError::io("read", &path)(error)),
        };
        let index = Index::read(text).map_err(|damage| match damage {
            Damage::Line { line, reason } => RegistryError::Index { path, line, reason },
            Damage::NewerFormat { found } => RegistryError::NewerIndex { path, found, known: FORMAT },
        })?;
        Ok(Some(index))
    }

    /// The versions of a package in our index and those that another tool put there.
    fn offers(&self, package: &PackageId) -> Result<Vec<(Version, Option<Listing>)>, RegistryError> {
        // A publisher writes the index before the file and the receipt, so they are read the other way round.
        let receipts = self.folder.receipts(package)?;
        let artifacts = self.folder.artifacts(package)?;
        let index = self.index()?;
        self.check_receipts(package, receipts, index.as_ref())?;
        let mut offers: BTreeMap<Version, Option<Listing>> = BTreeMap::new();
        for listing in index.iter().flat_map(|index| index.versions(package)) {
            offers.insert(listing.published.version.clone(), Some(listing.clone()));
        }
        for version in artifacts {
            offers.entry(version).or_insert(None);
        }
        Ok(offers.into_iter().collect())
    }

    /// Whoever puts an older index back leaves the receipts of what was published since.
    fn check_receipts(
        &self,
        package: &PackageId,
        receipts: Vec<(PathBuf, String)>,
        index: Option<&Index>,
    ) -> Result<(), RegistryError> {
        for (path, line) in receipts {
            let stale = |reason: String| Err(RegistryError::RolledBack { path: self.folder.index(), reason });
            let Some((_, hash)) = split(line.trim_end()) else {
                let reason = "is no line of an index".to_owned();
                return Err(RegistryError::Index { path, line: 1, reason });
            };
            let is_known = |index: &Index| index.versions(package).any(|listing| listing.line_hash == hash);
            match index {
                None => return stale(format!("it is missing, and {} tells of a version", path.display())),
                Some(index) if !is_known(index) => {
                    return stale(format!("it does not have the version that {} tells of", path.display()));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn no_package(&self, package: &PackageId) -> RegistryError {
        let packages = self.packages().unwrap_or_default();
        let names: Vec<_> = packages.iter().map(ToString::to_string).collect();
        let near = interstice_wit::nearest(&package.to_string(), names.iter().map(String::as_str));
        let near = near.and_then(|near| near.parse().ok());
        RegistryError::NoPackage { registry: self.name(), package: package.clone(), near }
    }

    /// All packages, those that another tool put there too.
    ///
    /// # Errors
    /// If the folder or the index cannot be read.
    pub fn packages(&self) -> Result<BTreeSet<PackageId>, RegistryError> {
        let mut packages = self.folder.packages()?;
        packages.extend(self.index()?.iter().flat_map(Index::packages).cloned());
        Ok(packages)
    }

    /// The packages whose name or first line of docs contains each of the words.
    ///
    /// # Errors
    /// If the folder or the index cannot be read.
    pub fn search(&self, words: &[String]) -> Result<Vec<Found>, RegistryError> {
        let mut found = Vec::new();
        for package in self.packages()? {
            let offers = self.offers(&package)?;
            let is_yanked = |offer: &(Version, Option<Listing>)| {
                offer.1.as_ref().is_some_and(|listing| listing.is_yanked)
            };
            let newest = offers.iter().rev().find(|offer| !is_yanked(offer)).or(offers.last());
            let Some(newest) = newest else { continue };
            let is_yanked = is_yanked(newest);
            let (newest, listing) = newest;
            let summary = listing.as_ref().and_then(|listing| listing.published.summary.clone());
            let text = format!("{package} {}", summary.as_deref().unwrap_or_default()).to_lowercase();
            if words.iter().all(|word| text.contains(&word.to_lowercase())) {
                found.push(Found { package, newest: newest.clone(), is_yanked, summary });
            }
        }
        Ok(found)
    }

    /// The versions that import from a package, by our index.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn dependents(&self, package: &PackageId) -> Result<Vec<Listing>, RegistryError> {
        let is_of = |dependency: &interstice_wit::PackageName| {
            dependency.namespace == package.namespace() && dependency.name == package.name()
        };
        let index = self.index()?;
        let listings = index.iter().flat_map(Index::listings);
        let dependents = listings.filter(|listing| listing.published.dependencies.iter().any(is_of));
        Ok(dependents.cloned().collect())
    }

    /// What our index says of the versions of a package, the oldest first.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn listings(&self, package: &PackageId) -> Result<Vec<(Version, Option<Listing>)>, RegistryError> {
        let offers = self.offers(package)?;
        if offers.is_empty() { Err(self.no_package(package)) } else { Ok(offers) }
    }

    /// Reads every file of the registry and compares it with the index.
    ///
    /// # Errors
    /// At the first thing that is not as it was published.
    pub fn verify(&self) -> Result<Verified, RegistryError> {
        let mut verified = Verified { versions: 0, unrecorded: 0 };
        for package in self.packages()? {
            for (version, listing) in self.offers(&package)? {
                match listing {
                    Some(listing) => {
                        self.bytes(&package, &version, Some(&listing))?;
                        verified.versions += 1;
                    }
                    None => verified.unrecorded += 1,
                }
            }
        }
        Ok(verified)
    }

    /// The bytes of a version, held against the index if that knows it.
    fn bytes(
        &self,
        package: &PackageId,
        version: &Version,
        listing: Option<&Listing>,
    ) -> Result<(PathBuf, Vec<u8>), RegistryError> {
        let place = self.folder.artifact(package, version);
        let mut paths = vec![place.clone()];
        // What was published a moment ago is about to be moved to its place.
        if let Some(listing) = listing {
            paths.extend([self.folder.staged(&listing.published.artifact), place.clone()]);
        }
        let mut read = None;
        for path in paths {
            match read_limited(&path) {
                Ok(bytes) => {
                    read = Some((path, bytes));
                    break;
                }
                Err(RegistryError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let Some((path, bytes)) = read else {
            return Err(RegistryError::ArtifactGone { package: package.at(version), path: place });
        };
        if let Some(listing) = listing {
            let found = artifact_hash(&bytes);
            let wanted = listing.published.artifact;
            if found != wanted {
                return Err(RegistryError::Tampered {
                    what: path.display().to_string(),
                    by: "index",
                    wanted,
                    found,
                });
            }
        }
        Ok((path, bytes))
    }

    /// Marks a version so that nobody takes it who does not have it yet, or takes the mark away. Returns
    /// whether anything changed.
    ///
    /// # Errors
    /// If our index does not have the version, or cannot be written.
    pub fn set_yanked(
        &self,
        package: &PackageId,
        version: &Version,
        yank: bool,
    ) -> Result<bool, RegistryError> {
        publish::set_yanked(self, package, version, yank)
    }
}

impl Registry for LocalRegistry {
    fn name(&self) -> String {
        format!("the registry {}", self.folder.root().display())
    }

    fn versions(&self, package: &PackageId) -> Result<Vec<Offer>, RegistryError> {
        let offers = self.offers(package)?;
        if offers.is_empty() {
            return Err(self.no_package(package));
        }
        let offer = |(version, listing): (Version, Option<Listing>)| Offer {
            version,
            is_yanked: listing.is_some_and(|listing| listing.is_yanked),
        };
        Ok(offers.into_iter().map(offer).collect())
    }

    fn artifact(&self, package: &PackageId, version: &Version) -> Result<Artifact, RegistryError> {
        let offers = self.offers(package)?;
        if offers.is_empty() {
            return Err(self.no_package(package));
        }
        let Some((_, listing)) = offers.iter().find(|(offered, _)| offered == version) else {
            return Err(RegistryError::NoVersion {
                registry: self.name(),
                package: Box::new(package.at(version)),
                versions: offers.into_iter().map(|(version, _)| version).collect(),
            });
        };
        let (path, bytes) = self.bytes(package, version, listing.as_ref())?;
        Ok(Artifact { bytes, what: path.display().to_string() })
    }

    fn publish(&self, release: &Release, options: &PublishOptions) -> Result<Outcome, RegistryError> {
        publish::publish(self, release, options, &mut |_| Ok(()))
    }
}

/// Reads a file that may be anything.
fn read_limited(path: &Path) -> Result<Vec<u8>, RegistryError> {
    let failed = || RegistryError::io("read", path);
    let file = fs::File::open(path).map_err(failed())?;
    let size_bytes = file.metadata().map_err(failed())?.len();
    let limit_bytes = crate::MAX_ARTIFACT_BYTES;
    if size_bytes > limit_bytes {
        return Err(RegistryError::TooLarge { what: path.display().to_string(), size_bytes, limit_bytes });
    }
    let mut bytes = Vec::new();
    file.take(limit_bytes).read_to_end(&mut bytes).map_err(failed())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
