//! Which version may follow which: a breaking change needs a breaking version.
//! What a change is, another crate may say by [`Comparison`]; here it is judged by the interface hashes.
//! Invariant: a release that takes away or changes an item is never taken as compatible.

use crate::RegistryError;
use interstice_wit::Schema;
use interstice_wit::hash::{interface_hash, storage_hash};
use semver::Version;

/// How much has changed from one version to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Callers see no difference.
    Internal,
    /// Something was added.
    Addition,
    /// Something that callers use is gone or different.
    Breaking,
}

/// The changes from one version to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The largest of them.
    pub change: Change,
    /// Each of them in words.
    pub reasons: Vec<String>,
}

/// Compares two versions of a module.
pub trait Comparison {
    /// What has changed from `old` to `new`.
    fn compare(&self, old: &Schema, new: &Schema) -> Changes;
}

impl<F: Fn(&Schema, &Schema) -> Changes> Comparison for F {
    fn compare(&self, old: &Schema, new: &Schema) -> Changes {
        self(old, new)
    }
}

/// The changes that the hashes of the items show.
pub fn by_hashes(old: &Schema, new: &Schema) -> Changes {
    let (before, after) = (interface_hash(old).items, interface_hash(new).items);
    let mut change = Change::Internal;
    let mut reasons = Vec::new();
    for (item, hash) in &before {
        let what = match after.get(item) {
            Some(same) if same == hash => continue,
            Some(_) => "changed",
            None => "is gone",
        };
        change = Change::Breaking;
        reasons.push(format!("{} {what}", in_words(item)));
    }
    for item in after.keys().filter(|item| !before.contains_key(*item)) {
        change = change.max(Change::Addition);
        reasons.push(format!("{} is new", in_words(item)));
    }
    if storage_hash(old) != storage_hash(new) {
        reasons.push("the stored tables changed; an installed database migrates".to_owned());
    }
    Changes { change, reasons }
}

/// `acme:bank/ledger/function/transfer` as people say it.
fn in_words(item: &str) -> String {
    match item.rsplitn(3, '/').collect::<Vec<_>>().as_slice() {
        [name, kind, interface] => format!("{interface}: {kind} {name}"),
        _ => item.to_owned(),
    }
}

/// The smallest version that may follow `old` after such a change, by the rules of cargo: before 1.0.0 the
/// second number counts as the first, and before 0.1.0 every version breaks.
pub fn smallest_next(old: &Version, change: Change) -> Version {
    let Version { major, minor, patch, .. } = *old;
    match change {
        // A release follows its own prereleases, and no promise was made by those.
        _ if !old.pre.is_empty() => Version::new(major, minor, patch),
        Change::Internal => Version::new(major, minor, patch + 1),
        Change::Addition if major > 0 => Version::new(major, minor + 1, 0),
        Change::Addition => Version::new(major, minor, patch + 1),
        Change::Breaking if major > 0 => Version::new(major + 1, 0, 0),
        Change::Breaking if minor > 0 => Version::new(0, minor + 1, 0),
        Change::Breaking => Version::new(0, 0, patch + 1),
    }
}

/// Refuses a version that is too small for what changed since a neighbour. Prereleases promise nothing.
pub(crate) fn check(
    old: (&Version, &Schema),
    new: (&Version, &Schema),
    comparison: &dyn Comparison,
) -> Result<Changes, RegistryError> {
    let changes = comparison.compare(old.1, new.1);
    let smallest = smallest_next(old.0, changes.change);
    if new.0.pre.is_empty() && old.0.pre.is_empty() && *new.0 < smallest {
        let reason = match changes.change {
            Change::Breaking => "it breaks those who use it",
            Change::Addition => "it adds to what callers see",
            Change::Internal => "it is not newer",
        };
        let new = interstice_wit::PackageName { version: new.0.clone(), ..new.1.package.clone() };
        let old = old.0.clone();
        return Err(RegistryError::TooSmall { new, old, reason, smallest, reasons: changes.reasons });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_next_version_follows_cargo() {
        let next =
            |old: &str, change| smallest_next(&Version::parse(old).expect("a version"), change).to_string();
        for (old, internal, addition, breaking) in [
            ("1.2.3", "1.2.4", "1.3.0", "2.0.0"),
            ("0.3.1", "0.3.2", "0.3.2", "0.4.0"),
            ("0.0.4", "0.0.5", "0.0.5", "0.0.5"),
            ("1.0.0-rc.1", "1.0.0", "1.0.0", "1.0.0"),
        ] {
            assert_eq!(next(old, Change::Internal), internal);
            assert_eq!(next(old, Change::Addition), addition);
            assert_eq!(next(old, Change::Breaking), breaking);
        }
    }
}
