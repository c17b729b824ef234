//! Every difference between two versions of a module, and whom it concerns: callers, stored rows, subscribers.
//! It compares what the schemas say and never a docs' meaning; [`compare`] is total over pairs of valid schemas.
//! Invariant: what is called compatible for callers leaves each item that they can pin with the hash that it had,
//! and what is called compatible for rows is read by the conversion that [`evolution`](crate::evolution) gives.

pub(crate) mod docs;
mod functions;
mod interfaces;
mod tables;
mod types;
pub(crate) mod version;

use crate::schema::{InterfaceName, PackageName, Schema};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether those whom a change concerns can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// They go on as they are.
    Compatible,
    /// Rows must be written anew by a `@migrate` function. Callers and subscribers never have this verdict.
    NeedsMigration,
    /// They cannot go on: callers no longer link, rows are given up, events are no longer understood.
    Breaking,
}

/// What a change means to one of the three that it may concern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Whether they can go on.
    pub verdict: Verdict,
    /// Why; nothing where the change does not concern them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// By how much a change raises the version at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bump {
    /// Nothing changed.
    None,
    /// Nothing that others see: 1.2.3 becomes 1.2.4.
    Patch,
    /// Something is added, or rows are migrated: 1.2.3 becomes 1.3.0, and 0.2.3 becomes 0.2.4.
    Minor,
    /// Something is broken: 1.2.3 becomes 2.0.0, and 0.2.3 becomes 0.3.0.
    Breaking,
}

/// What kind of item a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// The package itself.
    Package,
    /// An interface that the module imports.
    Import,
    /// A world of a package that is no module.
    World,
    /// An interface as a whole.
    Interface,
    /// A table, its columns, keys and indexes.
    Table,
    /// A named type.
    Type,
    /// A reducer or a query.
    Function,
    /// A function that the host calls: handlers, schedules, migrations.
    Handler,
    /// Documentation.
    Docs,
}

/// One difference between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The interface in which the item stands: its name alone if it is the package's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// What kind of item it is.
    pub kind: ItemKind,
    /// The name of the item, by which the old version knows it if it knows it.
    pub name: String,
    /// What is different, as a clause.
    pub what: String,
    /// What it means to modules and clients that call or read.
    pub callers: Effect,
    /// What it means to the rows of its tables.
    pub rows: Effect,
    /// What it means to handlers of other modules that wait for its rows.
    pub subscribers: Effect,
    /// What it means to the version.
    pub bump: Bump,
}

/// All differences between two versions, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The old version.
    pub old: PackageName,
    /// The new version.
    pub new: PackageName,
    /// The worst verdict for callers.
    pub callers: Verdict,
    /// The worst verdict for stored rows.
    pub rows: Verdict,
    /// The worst verdict for subscribers.
    pub subscribers: Verdict,
    /// The largest bump.
    pub bump: Bump,
    /// The smallest version that the new schema may have after the old one; none if no number is left.
    pub next_version: Option<Version>,
    /// Whether the version that the new schema has is such a one.
    pub is_version_enough: bool,
    /// Every difference, by interface, kind and name.
    pub changes: Vec<Change>,
}

/// Compares two versions of a module.
///
/// # Panics
/// If one of the schemas came from outside and was not validated.
pub fn compare(old: &Schema, new: &Schema) -> Comparison {
    let mut changes = Changes { old, new, found: Vec::new() };
    changes.package();
    changes.imports();
    changes.interfaces();
    changes.tables();
    let mut changes = changes.found;
    // What was found of one item stays in the order in which it was found.
    changes.sort_by(|a, b| (&a.interface, a.kind, &a.name).cmp(&(&b.interface, b.kind, &b.name)));
    let worst = |effect: fn(&Change) -> &Effect| {
        changes.iter().map(|change| effect(change).verdict).max().unwrap_or(Verdict::Compatible)
    };
    let bump = changes.iter().map(|change| change.bump).max().unwrap_or(Bump::None);
    Comparison {
        old: old.package.clone(),
        new: new.package.clone(),
        callers: worst(|change| &change.callers),
        rows: worst(|change| &change.rows),
        subscribers: worst(|change| &change.subscribers),
        bump,
        next_version: version::next(&old.package.version, bump),
        is_version_enough: version::is_enough(&old.package.version, &new.package.version, bump),
        changes,
    }
}

impl Comparison {
    /// The worst of the three verdicts.
    pub fn verdict(&self) -> Verdict {
        self.callers.max(self.rows).max(self.subscribers)
    }
}

impl Effect {
    /// The change does not concern them.
    pub(crate) fn none() -> Self {
        Effect { verdict: Verdict::Compatible, reason: None }
    }

    pub(crate) fn compatible(reason: &str) -> Self {
        Effect { verdict: Verdict::Compatible, reason: Some(reason.to_owned()) }
    }

    pub(crate) fn breaking(reason: impl Into<String>) -> Self {
        Effect { verdict: Verdict::Breaking, reason: Some(reason.into()) }
    }

    fn needs_migration(reason: &str) -> Self {
        Effect { verdict: Verdict::NeedsMigration, reason: Some(reason.to_owned()) }
    }
}

impl Change {
    /// A change that concerns nobody, for the rest to be filled in.
    pub(crate) fn new(kind: ItemKind, name: impl Into<String>, what: impl Into<String>) -> Self {
        Change {
            interface: None,
            kind,
            name: name.into(),
            what: what.into(),
            callers: Effect::none(),
            rows: Effect::none(),
            subscribers: Effect::none(),
            bump: Bump::Patch,
        }
    }

    pub(crate) fn within(mut self, interface: &str) -> Self {
        self.interface = Some(interface.to_owned());
        self
    }

    pub(crate) fn callers(mut self, effect: Effect) -> Self {
        self.callers = effect;
        self
    }

    fn rows(mut self, effect: Effect) -> Self {
        self.rows = effect;
        self
    }

    fn subscribers(mut self, effect: Effect) -> Self {
        self.subscribers = effect;
        self
    }

    pub(crate) fn at_least(mut self, bump: Bump) -> Self {
        self.bump = self.bump.max(bump);
        self
    }

    /// With the bump that its verdicts demand at least.
    pub(crate) fn weighed(self) -> Self {
        let worst = self.callers.verdict.max(self.rows.verdict).max(self.subscribers.verdict);
        self.at_least(match worst {
            Verdict::Breaking => Bump::Breaking,
            Verdict::NeedsMigration => Bump::Minor,
            Verdict::Compatible => Bump::Patch,
        })
    }
}

/// The two versions, and what was found so far.
struct Changes<'a> {
    old: &'a Schema,
    new: &'a Schema,
    found: Vec<Change>,
}

impl Changes<'_> {
    fn push(&mut self, change: Change) {
        self.found.push(change.weighed());
    }

    fn package(&mut self) {
        let (old, new) = (self.old.package.unversioned(), self.new.package.unversioned());
        if old != new {
            let change = Change::new(ItemKind::Package, &old, format!("the package is now named `{new}`"))
                .callers(Effect::breaking(format!("they import `{old}`, which `{new}` does not provide")))
                .rows(Effect::breaking("a module of another name is another module, with tables of its own"))
                .subscribers(Effect::breaking(format!("they wait for rows of `{old}`")));
            self.push(change);
        }
        if self.old.world != self.new.world {
            let what = format!("its world `{}` is now named `{}`", self.old.world, self.new.world);
            let none = Effect::compatible("nobody sees the name of a world");
            self.push(Change::new(ItemKind::Package, &old, what).callers(none));
        }
    }

    fn imports(&mut self) {
        let (old, new) = (imports(self.old), imports(self.new));
        for (name, versions) in &old {
            let Some(now) = new.get(name) else {
                self.push(Change::new(ItemKind::Import, name, "it is imported no longer"));
                continue;
            };
            if versions != now {
                let list = |versions: &[&Version]| {
                    versions.iter().map(|version| version.to_string()).collect::<Vec<_>>().join(" and ")
                };
                let what = format!("it is needed in version {}, and was in {}", list(now), list(versions));
                self.push(Change::new(ItemKind::Import, name, what));
            }
        }
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            let change = Change::new(ItemKind::Import, name, "it is imported, so a module must provide it")
                .callers(Effect::compatible("what a module needs concerns those who install it"));
            self.push(change);
        }
    }
}

/// The imported interfaces of other modules, with their versions.
fn imports(schema: &Schema) -> BTreeMap<String, Vec<&Version>> {
    let mut imports: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for import in schema.imports.iter().filter(|import| !schema.is_former_self(import)) {
        let name = format!("{}/{}", import.package.unversioned(), import.name);
        imports.entry(name).or_default().push(&import.package.version);
    }
    imports
}

/// How an interface is called in a comparison: by its name alone if it belongs to the package.
fn local_name(schema: &Schema, interface: &InterfaceName) -> String {
    let (owner, own) = (interface.package.unversioned(), schema.package.unversioned());
    if owner == own { interface.name.clone() } else { format!("{owner}/{}", interface.name) }
}

/// Items of both versions by a key of the item, those of the old one first.
pub(crate) fn paired<'a, T, K: Ord + Clone>(
    old: impl IntoIterator<Item = &'a T>,
    new: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let new: Vec<&'a T> = new.into_iter().collect();
    let mut left: BTreeMap<K, &'a T> = new.iter().map(|item| (key(item), *item)).collect();
    let mut pairs: Vec<_> = old.into_iter().map(|item| (Some(item), left.remove(&key(item)))).collect();
    pairs.extend(new.into_iter().filter(|item| left.contains_key(&key(item))).map(|item| (None, Some(item))));
    pairs
}
