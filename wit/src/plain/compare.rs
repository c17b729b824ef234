//! Every difference between two versions of a plain package, and what it means to callers: components that import its
//! interfaces or were built for its worlds, and packages that use its types. [`compare`] is total over pairs.
//! Invariant: where callers are called compatible, each function that was there has the structure that it had.

mod difference;
mod docs;
mod functions;
mod interfaces;
mod reached;
mod types;
mod worlds;

use super::name::PlainName;
use super::package::{LeftOut, Package};
use super::structure::Structures;
use super::types::TypeIndex;
use crate::diff::{Bump, Change, Effect, ItemKind, Verdict, version};
use reached::Unsaid;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All differences between two versions of a plain package, in the form of [`crate::diff::Comparison`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The old version.
    pub old: PlainName,
    /// The new version.
    pub new: PlainName,
    /// The worst verdict for callers.
    pub callers: Verdict,
    /// Always compatible: there are no rows.
    pub rows: Verdict,
    /// Always compatible: there are no subscribers.
    pub subscribers: Verdict,
    /// The largest bump.
    pub bump: Bump,
    /// The smallest version that the new package may have; none where the old one has none, or no number is left.
    pub next_version: Option<Version>,
    /// Whether the version that the new package has is such a one; where one of the two has none, nothing is asked.
    pub is_version_enough: bool,
    /// Every difference, by interface, kind and name.
    pub changes: Vec<Change>,
    /// What both have left out.
    pub unstable: Unstable,
}

/// The items behind `@unstable` gates, which are not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unstable {
    /// Those of the old version.
    pub old: Vec<LeftOut>,
    /// Those of the new version.
    pub new: Vec<LeftOut>,
}

/// Compares two versions of a plain package.
pub fn compare(old: &Package, new: &Package) -> Comparison {
    let mut structures = Structures::default();
    let mut changes = Changes {
        old,
        new,
        old_numbers: structures.number(&old.types),
        new_numbers: structures.number(&new.types),
        found: Vec::new(),
        unsaid: Vec::new(),
    };
    changes.package();
    changes.dependencies();
    changes.interfaces();
    changes.worlds();
    changes.reached();
    let mut changes: Vec<Change> = changes.found.into_iter().map(|found| found.change).collect();
    // What was found of one item stays in the order in which it was found.
    changes.sort_by(|a, b| (&a.interface, a.kind, &a.name).cmp(&(&b.interface, b.kind, &b.name)));
    let callers = changes.iter().map(|change| change.callers.verdict).max().unwrap_or(Verdict::Compatible);
    let bump = changes.iter().map(|change| change.bump).max().unwrap_or(Bump::None);
    let versions = old.name.version.as_ref().zip(new.name.version.as_ref());
    Comparison {
        old: old.name.clone(),
        new: new.name.clone(),
        callers,
        rows: Verdict::Compatible,
        subscribers: Verdict::Compatible,
        bump,
        next_version: old.name.version.as_ref().and_then(|version| version::next(version, bump)),
        is_version_enough: versions.is_none_or(|(old, new)| version::is_enough(old, new, bump)),
        changes,
        unstable: Unstable { old: old.left_out.clone(), new: new.left_out.clone() },
    }
}

impl Comparison {
    /// The verdict for callers, who alone are concerned.
    pub fn verdict(&self) -> Verdict {
        self.callers
    }
}

/// The two versions, and what was found so far.
struct Changes<'a> {
    old: &'a Package,
    new: &'a Package,
    /// The structure of each type of the old version, and of the new one.
    old_numbers: Vec<u32>,
    new_numbers: Vec<u32>,
    found: Vec<Found>,
    /// What has another structure only by a type whose own change tells it.
    unsaid: Vec<Unsaid>,
}

struct Found {
    change: Change,
    /// The type of the old version whose structure it is about.
    of_type: Option<TypeIndex>,
}

impl Changes<'_> {
    fn push(&mut self, change: Change) {
        self.found.push(Found { change: change.weighed(), of_type: None });
    }

    fn package(&mut self) {
        let (old, new) = (self.old.name.unversioned(), self.new.name.unversioned());
        if old != new {
            let reason = format!("they import `{old}`, which `{new}` does not provide");
            let change = Change::new(ItemKind::Package, &old, format!("the package is now named `{new}`"));
            self.push(change.callers(Effect::breaking(reason)));
        }
        if self.old.docs != self.new.docs {
            self.push(crate::diff::docs::change("the package"));
        }
    }

    /// The versions in which other packages are used. What of it matters is compared with the types themselves.
    fn dependencies(&mut self) {
        let (old, new) = (dependencies(self.old), dependencies(self.new));
        for (name, versions) in &old {
            match new.get(name) {
                None => self.push(Change::new(ItemKind::Import, name, "it is used no longer")),
                Some(now) if now != versions => {
                    let what = format!("it is used in version {}, and was in {}", list(now), list(versions));
                    self.push(Change::new(ItemKind::Import, name, what));
                }
                Some(_) => {}
            }
        }
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            self.push(Change::new(ItemKind::Import, name, "it is used"));
        }
    }
}

fn dependencies(package: &Package) -> BTreeMap<String, BTreeSet<Option<Version>>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for interface in &package.foreign {
        if let super::name::Place::Foreign { package, .. } = &interface.place {
            found.entry(package.unversioned()).or_default().insert(package.version.clone());
        }
    }
    found
}

fn list(versions: &BTreeSet<Option<Version>>) -> String {
    let shown = |version: &Option<Version>| {
        version.as_ref().map_or_else(|| "none".to_owned(), std::string::ToString::to_string)
    };
    versions.iter().map(shown).collect::<Vec<_>>().join(" and ")
}

/// That something is deprecated, or is so no longer.
fn deprecation(kind: ItemKind, name: &str, old: &Option<Version>, new: &Option<Version>) -> Option<Change> {
    let (what, reason, bump) = match (old, new) {
        (None, Some(since)) => (
            format!("it is deprecated since {since}"),
            "it is still there, and should not be used in what is new",
            Bump::Minor,
        ),
        (Some(_), None) => {
            ("it is deprecated no longer".to_owned(), "it was there all the time", Bump::Patch)
        }
        _ => return None,
    };
    Some(Change::new(kind, name, what).callers(Effect::compatible(reason)).at_least(bump))
}

/// What became of an item that the contract has no longer, or has now; the gate in `left_out` explains it.
fn gone(word: &str, item: &str, left_out: &[LeftOut]) -> String {
    match gate(item, left_out) {
        Some(gate) => format!("the {word} is behind {gate} now, and so no part of the contract"),
        None => format!("the {word} is removed"),
    }
}

fn come(word: &str, item: &str, left_out: &[LeftOut]) -> String {
    match gate(item, left_out) {
        Some(gate) => format!("the {word} is added: it was behind {gate}"),
        None => format!("the {word} is added"),
    }
}

fn gate(item: &str, left_out: &[LeftOut]) -> Option<String> {
    let found = left_out.iter().find(|left_out| left_out.item == item)?;
    Some(match &found.feature {
        Some(feature) => format!("`@unstable(feature = {feature})`"),
        None => "`@unstable`".to_owned(),
    })
}
