//! Publishing into a folder, in an order that a crash anywhere leaves the old state or the new.
//! The bytes are staged, the index is replaced by one with a line more, which is the moment when the
//! version becomes published, and then the file is moved to its place and gets its receipt.
//! Invariant: all of it happens under the lock, and what a crash left open is finished by the next.

use super::LocalRegistry;
use super::files::make_read_only;
use crate::files::{make_folder, remove_partial, sync_folder, write_whole};
use crate::index::{Action, Index, Published, Which};
use crate::name::look_alikes;
use crate::publishing::{check_name, check_neighbours};
use crate::{Outcome, PackageId, PublishOptions, Registry, RegistryError, Release};
use interstice_wit::Hash;
use interstice_wit::hash::artifact_hash;
use semver::Version;
use std::fs;

/// The moments at which a test lets the publisher die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Locked,
    Staged,
    Indexed,
    Moved,
    Done,
}

pub(super) fn publish(
    registry: &LocalRegistry,
    release: &Release,
    options: &PublishOptions,
    at: &mut dyn FnMut(Step) -> Result<(), RegistryError>,
) -> Result<Outcome, RegistryError> {
    let package = PackageId::of(&release.facts.package)?;
    let version = &release.facts.package.version;
    check_name(&package, version)?;
    if options.is_dry_run {
        let mut outcome = examine(registry, &package, release)?;
        outcome.warnings.extend(cannot_write(registry));
        return Ok(outcome);
    }
    let _lock = registry.folder.lock()?;
    at(Step::Locked)?;
    let index = finish(registry)?;
    let mut outcome = examine(registry, &package, release)?;
    if outcome.was_there {
        return Ok(outcome);
    }
    let mut index = index.map_or_else(|| begin(registry), Ok)?;
    // What can fail does so before the version is published.
    make_folder(&registry.folder.package(&package))?;
    let staged = registry.folder.staged(&release.facts.artifact);
    write_whole(&staged, &release.bytes)?;
    make_read_only(&staged)?;
    at(Step::Staged)?;
    index.append(now(), Action::Publish(Box::new(published(&package, release))));
    write_index(registry, &index)?;
    at(Step::Indexed)?;
    match settle(registry, &index, &package, version, at) {
        // It is published by now, whatever the disk says.
        Err(error @ RegistryError::Io { .. }) => outcome.warnings.push(unsettled(&outcome, &error)),
        settled => settled?,
    }
    at(Step::Done)?;
    Ok(outcome)
}

/// What is told of a version whose file is still where it was staged, from where we read it too.
fn unsettled(outcome: &Outcome, error: &RegistryError) -> String {
    let package = &outcome.package;
    let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!(
        "{package} is published, and its file could not be put where other tools look ({reason}); whoever publishes next \
         finishes that"
    )
}

/// What would come of it, under the lock or not.
fn examine(
    registry: &LocalRegistry,
    package: &PackageId,
    release: &Release,
) -> Result<Outcome, RegistryError> {
    let version = &release.facts.package.version;
    let offers = registry.offers(package)?;
    let mut outcome = Outcome::of(release);
    if let Some((_, listing)) = offers.iter().find(|(offered, _)| offered == version) {
        let (_, bytes) = registry.bytes(package, version, listing.as_ref())?;
        let found = artifact_hash(&bytes);
        if found != release.facts.artifact {
            return Err(RegistryError::AlreadyPublished { package: release.facts.package.clone(), found });
        }
        outcome.was_there = true;
        return Ok(outcome);
    }
    let versions: Vec<_> = offers.into_iter().map(|(version, _)| version).collect();
    outcome.since = check_neighbours(registry, package, &versions, release)?;
    if versions.is_empty() {
        let packages = registry.packages()?;
        for other in look_alikes(package, &packages) {
            outcome.warnings.push(format!(
                "`{package}` looks like `{other}`, which is published here already; make sure that nobody takes one \
                 for the other"
            ));
        }
    }
    Ok(outcome)
}

fn published(package: &PackageId, release: &Release) -> Published {
    let facts = &release.facts;
    Published {
        package: package.clone(),
        version: facts.package.version.clone(),
        artifact: facts.artifact,
        interface: facts.interface,
        storage: facts.storage,
        size_bytes: facts.size_bytes,
        exports: facts.exports.clone(),
        summary: facts.summary.clone(),
        dependencies: facts.dependencies.clone(),
    }
}

/// A new index, with a random name for the registry.
fn begin(registry: &LocalRegistry) -> Result<Index, RegistryError> {
    let mut name = [0; 32];
    rustix::rand::getrandom(&mut name, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| RegistryError::io("name", registry.folder())(error.into()))?;
    Ok(Index::begin(Hash(name), now()))
}

fn write_index(registry: &LocalRegistry, index: &Index) -> Result<(), RegistryError> {
    let path = registry.folder.index();
    write_whole(&path, index.text().as_bytes())?;
    registry.known.remember(index, &registry.known.seen(index));
    Ok(())
}

/// Moves the file of a published version to its place and writes its receipt.
fn settle(
    registry: &LocalRegistry,
    index: &Index,
    package: &PackageId,
    version: &Version,
    at: &mut dyn FnMut(Step) -> Result<(), RegistryError>,
) -> Result<(), RegistryError> {
    let Some(listing) = index.listing(package, version) else { return Ok(()) };
    let folder = registry.folder.package(package);
    make_folder(&folder)?;
    let staged = registry.folder.staged(&listing.published.artifact);
    let place = registry.folder.artifact(package, version);
    if staged.exists() && !place.exists() {
        fs::rename(&staged, &place).map_err(RegistryError::io("write", &place))?;
        sync_folder(&folder)?;
    }
    at(Step::Moved)?;
    let line = index.text().lines().nth(usize::try_from(listing.sequence).unwrap_or(usize::MAX));
    if let Some(line) = line {
        write_whole(&registry.folder.receipt(package, version), format!("{line}\n").as_bytes())?;
    }
    Ok(())
}

/// Finishes what a publisher left that died. Returns the index.
fn finish(registry: &LocalRegistry) -> Result<Option<Index>, RegistryError> {
    let index = registry.index()?;
    for listing in index.iter().flat_map(Index::listings) {
        let (package, version) = (&listing.published.package, &listing.published.version);
        let is_settled = registry.folder.receipt(package, version).exists();
        if !is_settled && let Some(index) = &index {
            remove_partial(&registry.folder.package(package))?;
            settle(registry, index, package, version, &mut |_| Ok(()))?;
        }
    }
    remove_partial(&registry.folder.own())?;
    // What is staged now was never published.
    let staging = registry.folder.staging();
    let entries = fs::read_dir(&staging).map_err(RegistryError::io("read", &staging))?;
    for entry in entries.flatten() {
        let path = entry.path();
        fs::remove_file(&path).map_err(RegistryError::io("remove", &path))?;
    }
    Ok(index)
}

/// What stands against writing, told by a rehearsal that writes nothing that stays.
fn cannot_write(registry: &LocalRegistry) -> Option<String> {
    let root = registry.folder();
    let mut existing = root;
    while !existing.exists() {
        existing = existing.parent()?;
    }
    let existing = if existing.as_os_str().is_empty() { std::path::Path::new(".") } else { existing };
    let access = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK);
    access
        .err()
        .map(|error| format!("publishing would fail, for {} cannot be written: {error}", existing.display()))
}

pub(super) fn set_yanked(
    registry: &LocalRegistry,
    package: &PackageId,
    version: &Version,
    yank: bool,
) -> Result<bool, RegistryError> {
    // Looked at before the lock, which makes folders, so that a misspelt registry makes none.
    let offers = registry.offers(package)?;
    if offers.is_empty() {
        return Err(registry.no_package(package));
    }
    let _lock = registry.folder.lock()?;
    let index = finish(registry)?;
    let no_version = || RegistryError::NoVersion {
        registry: registry.name(),
        package: Box::new(package.at(version)),
        versions: offers.iter().map(|(version, _)| version.clone()).collect(),
    };
    let Some(mut index) = index else { return Err(no_version()) };
    let listing = index.listing(package, version).ok_or_else(no_version)?;
    if listing.is_yanked == yank {
        return Ok(false);
    }
    let which = Which { package: package.clone(), version: version.clone() };
    index.append(now(), if yank { Action::Yank(which) } else { Action::Unyank(which) });
    write_index(registry, &index)?;
    Ok(true)
}

/// The time for people; nothing is decided by it.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
