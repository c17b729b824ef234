//! What the worlds say themselves, as opposed to what follows from it: once resolved, a world
//! imports whatever its interfaces use, and it cannot be told which import the author wrote.
//! It looks at packages before they are resolved, where the statements still stand with their places.
//! Invariant: an import or an export is listed here if and only if a statement names it, be it by
//! way of `include`.

use crate::source::{Parsed, Place, Sources};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wit_parser::{AstItem, InterfaceId, PackageName, Span, UnresolvedPackage, WorldId, WorldItem, WorldKey};

/// An interface or a world by its package and its name.
pub(super) type FullName = (PackageName, String);

/// The statements of every world.
pub(super) struct Worlds(BTreeMap<FullName, World>);

#[derive(Default)]
struct World {
    imports: Vec<(FullName, Place)>,
    exports: Vec<(FullName, Place)>,
    /// What is imported under a name of its own; resolving keeps that of exports only.
    named_imports: Vec<(String, Place)>,
    includes: Vec<FullName>,
}

/// The statements of one world, those of the worlds that it includes among them.
#[derive(Default)]
pub(super) struct Statements {
    pub(super) imports: BTreeMap<FullName, Place>,
    pub(super) exports: BTreeMap<FullName, Place>,
    pub(super) named_imports: BTreeMap<String, Place>,
}

impl Worlds {
    pub(super) fn new(sources: &Sources, parsed: &Parsed) -> Self {
        let mut worlds = BTreeMap::new();
        for group in &parsed.groups {
            let place = |span| sources.place(&group.source_map, span);
            for package in group.nested.iter().chain([&group.main]) {
                let names = Names::new(package);
                for (_, world) in &package.worlds {
                    let key = (package.name.clone(), world.name.clone());
                    worlds.entry(key).or_insert_with(|| names.world(world, &place));
                }
            }
        }
        Worlds(worlds)
    }

    /// What this world says.
    pub(super) fn statements(&self, world: &FullName) -> Statements {
        self.statements_of_all(vec![world.clone()])
    }

    fn statements_of_all(&self, worlds: Vec<FullName>) -> Statements {
        let mut statements = Statements::default();
        let mut seen = BTreeSet::new();
        let mut waiting = worlds;
        while let Some(name) = waiting.pop() {
            let Some(world) = self.0.get(&name).filter(|_| seen.insert(name)) else { continue };
            for (name, place) in &world.imports {
                statements.imports.entry(name.clone()).or_insert_with(|| place.clone());
            }
            for (name, place) in &world.exports {
                statements.exports.entry(name.clone()).or_insert_with(|| place.clone());
            }
            for (name, place) in &world.named_imports {
                statements.named_imports.entry(name.clone()).or_insert_with(|| place.clone());
            }
            waiting.extend(world.includes.iter().cloned());
        }
        statements
    }

    /// The interfaces that some world of this package exports.
    pub(super) fn exported_by_any(&self, package: &PackageName) -> BTreeMap<FullName, Place> {
        let own = self.0.keys().filter(|(owner, _)| owner == package);
        self.statements_of_all(own.cloned().collect()).exports
    }
}

/// The names behind the ids of a package that is not resolved yet.
struct Names<'a> {
    package: &'a UnresolvedPackage,
    foreign_interfaces: HashMap<InterfaceId, FullName>,
    foreign_worlds: HashMap<WorldId, FullName>,
}

impl<'a> Names<'a> {
    fn new(package: &'a UnresolvedPackage) -> Self {
        let mut names = Names { package, foreign_interfaces: HashMap::new(), foreign_worlds: HashMap::new() };
        for (owner, items) in &package.foreign_deps {
            for (name, (item, _)) in items {
                let name = (owner.clone(), name.clone());
                match item {
                    AstItem::Interface(id) => names.foreign_interfaces.insert(*id, name),
                    AstItem::World(id) => names.foreign_worlds.insert(*id, name),
                };
            }
        }
        names
    }

    fn interface(&self, id: InterfaceId) -> Option<FullName> {
        let own = || Some((self.package.name.clone(), self.package.interfaces[id].name.clone()?));
        self.foreign_interfaces.get(&id).cloned().or_else(own)
    }

    fn named_world(&self, id: WorldId) -> FullName {
        let own = || (self.package.name.clone(), self.package.worlds[id].name.clone());
        self.foreign_worlds.get(&id).cloned().unwrap_or_else(own)
    }

    fn world(&self, world: &wit_parser::World, place: &dyn Fn(Span) -> Place) -> World {
        let interfaces = |items: &wit_parser::IndexMap<WorldKey, WorldItem>| {
            items
                .iter()
                .filter_map(|(key, item)| match key {
                    WorldKey::Interface(id) => Some((self.interface(*id)?, place(item.span()))),
                    WorldKey::Name(_) => None,
                })
                .collect()
        };
        World {
            imports: interfaces(&world.imports),
            exports: interfaces(&world.exports),
            named_imports: world
                .imports
                .iter()
                .filter_map(|(key, item)| match key {
                    WorldKey::Name(name) => Some((name.clone(), place(item.span()))),
                    WorldKey::Interface(_) => None,
                })
                .collect(),
            includes: world.includes.iter().map(|include| self.named_world(include.id)).collect(),
        }
    }
}
