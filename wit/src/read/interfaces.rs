//! Worlds and interfaces: what of them becomes part of the schema, and in which role.
//! It follows the types that are used until nothing new is reached.
//! Invariant: an interface stands once in the schema, among the exports or among the foreign ones.

use super::Reader;
use super::worlds::Worlds;
use crate::directive::DirectiveKind;
use crate::finding::Mistake;
use crate::schema::{Interface, InterfaceName, PackageName, Schema, TypeDef, Visibility};
use crate::source::{FileId, Place};
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};
use wit_parser::{InterfaceId, PackageId, Span, TypeId, WorldId, WorldItem, WorldKey};

/// The endings of names that the doors to tables have.
pub(super) const RESERVED_SUFFIXES: [&str; 2] = ["-rows", "-table"];

/// Why an interface is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The world exports it.
    Exported,
    /// The world imports it by name.
    Imported,
    /// Something uses its types.
    Types,
}

impl Reader<'_> {
    pub(super) fn world(&mut self, package: PackageName, id: WorldId, worlds: &Worlds) -> Option<Schema> {
        let world = &self.resolve.worlds[id];
        let owner = &self.resolve.packages[self.root].name;
        self.statements = worlds.statements(&(owner.clone(), world.name.clone()));
        self.check_reserved_names();
        self.exported = world
            .exports
            .iter()
            .filter_map(|(key, _)| match key {
                WorldKey::Interface(id) => Some(*id),
                WorldKey::Name(_) => None,
            })
            .collect();
        for (key, item) in &world.exports {
            self.check_world_item(key, item, "export");
        }
        let mut imported = Vec::new();
        for (key, item) in &world.imports {
            self.check_world_item(key, item, "import");
            if let WorldKey::Interface(id) = key {
                imported.extend(self.import(*id).map(|_| *id));
            }
        }

        let exported: Vec<_> = self.exported.iter().copied().collect();
        let mut exports: Vec<_> = exported.iter().map(|id| self.interface(*id, Role::Exported)).collect();
        let mut foreign = Vec::new();
        for id in imported.iter().filter(|id| !exported.contains(*id)) {
            foreign.push(self.interface(*id, Role::Imported));
        }
        let read = exported.iter().chain(&imported).copied().collect();
        foreign.extend(self.reached_types(read));
        let mut imports: Vec<_> = imported.iter().map(|id| self.interface_name(*id)).collect();

        exports.sort_by(|a, b| a.name.cmp(&b.name));
        foreign.sort_by(|a, b| a.name.cmp(&b.name));
        imports.sort();
        let docs = self.package_docs();
        Some(Schema { package, world: world.name.clone(), docs, exports, imports, foreign })
    }

    /// Every file of a package may begin with its name, and one of them says what it is.
    fn package_docs(&self) -> Option<String> {
        // A `%` before what is a keyword is no part of the name.
        let name = self.resolve.packages[self.root].name.to_string();
        let lines = self
            .scans
            .iter()
            .enumerate()
            .flat_map(|(index, scan)| scan.packages.iter().map(move |line| (line, FileId(index))));
        lines
            .filter(|(line, _)| line.name.replace('%', "") == name)
            .find_map(|(line, file)| self.comments.docs(&Place { file, range: line.range.clone() }))
    }

    /// Whether the world names this import, and what is wrong with that.
    fn import(&mut self, id: InterfaceId) -> Option<()> {
        let interface = &self.resolve.interfaces[id];
        let owner = self.resolve.packages[interface.package?].name.clone();
        let place = self.statements.imports.get(&(owner.clone(), interface.name.clone()?))?.clone();
        let has_functions = !interface.functions.is_empty();
        if interface.package == Some(self.root) && has_functions {
            let name = interface.name.clone().unwrap_or_default();
            self.mistake(
                Mistake::new(
                    place.clone(),
                    format!("`{name}` belongs to this package, so no other package can provide it"),
                )
                .mend(format!("write `export {name};`")),
            );
        }
        if interface.package == Some(self.root) {
            return None;
        }
        if self.is_former_self(id) {
            self.check_former_self(id, &place);
        } else if self.visibility(id) == Visibility::Private {
            let name = self.interface_name(id);
            self.mistake(
                Mistake::new(place, format!("`{name}` is private to `{owner}`")).label("imports it").mend(
                    format!(
                        "import another interface of `{owner}`, or ask its author to make this one public"
                    ),
                ),
            );
        }
        Some(())
    }

    /// Whether the interface belongs to another version of the package that is read.
    pub(super) fn is_former_self(&self, id: InterfaceId) -> bool {
        let Some(owner) = self.resolve.interfaces[id].package.filter(|owner| *owner != self.root) else {
            return false;
        };
        let (owner, own) = (&self.resolve.packages[owner].name, &self.resolve.packages[self.root].name);
        owner.namespace == own.namespace && owner.name == own.name
    }

    /// What a migration reads: the tables of an older version of the package, private ones too.
    fn check_former_self(&mut self, id: InterfaceId, place: &Place) {
        let name = self.interface_name(id);
        let own = self.package_name(self.root);
        let refusal = if name.package.version.cmp_precedence(&own.version).is_ge() {
            Some((
                format!("`{name}` does not belong to an older version of `{own}`"),
                "import the tables of the version from which the migration comes".to_owned(),
            ))
        } else if let Some(other) = self.other_former_version(&name.package.version) {
            Some((
                format!("tables of two older versions are imported, {} and {other}", name.package.version),
                "a migration comes from one version: leave the one from which it does".to_owned(),
            ))
        } else if !self.exported.iter().any(|exported| self.has_migration(*exported)) {
            Some((
                format!("nothing reads the tables of `{}`, the older version of this package", name.package),
                "export a function with `/// @migrate` above it, which the upgrade runs, or remove the import"
                    .to_owned(),
            ))
        } else {
            None
        };
        if let Some((message, mend)) = refusal {
            self.mistake(Mistake::new(place.clone(), message).label("imports it").mend(mend));
        }
    }

    /// Another older version of the package that the world names.
    fn other_former_version(&self, version: &Version) -> Option<Version> {
        let own = &self.resolve.packages[self.root].name;
        let names = self.statements.imports.keys().map(|(package, _)| package);
        let same = names.filter(|name| name.namespace == own.namespace && name.name == own.name);
        same.filter_map(|name| name.version.clone())
            .find(|other| other != version && Some(other) != own.version.as_ref())
    }

    /// Whether a function of the interface says that it is a migration, or was meant to.
    fn has_migration(&self, id: InterfaceId) -> bool {
        let mut functions = self.resolve.interfaces[id].functions.values();
        functions.any(|function| self.comments.has_directive(&self.place(function.span), "migrate"))
    }

    /// Refuses whatever a world holds but interfaces under their own names.
    fn check_world_item(&mut self, key: &WorldKey, item: &WorldItem, verb: &str) {
        let place = match key {
            WorldKey::Interface(id) => self.statement_place(*id, verb),
            WorldKey::Name(name) if verb == "import" => {
                let place = self.statements.named_imports.get(name).cloned();
                place.unwrap_or_else(|| self.place(item.span()))
            }
            WorldKey::Name(_) => self.place(item.span()),
        };
        self.check_stability(item.stability(self.resolve), &place);
        let WorldKey::Name(name) = key else { return };
        let (message, mend) = match item {
            WorldItem::Function(_) => (
                format!("a world cannot {verb} the function `{name}` by itself"),
                format!("put it into an interface, and `{verb}` that"),
            ),
            WorldItem::Type { .. } => (
                format!("the type `{name}` stands in a world"),
                "put it into an interface, where tables and functions can use it".to_owned(),
            ),
            WorldItem::Interface { id, .. } => match &self.resolve.interfaces[*id].name {
                Some(own) => (
                    format!("the interface `{own}` is {verb}ed under the name `{name}`"),
                    format!("write `{verb} {own};`: a module has each interface once"),
                ),
                None => (
                    format!("the interface `{name}` stands in a world"),
                    format!("declare `interface {name} {{ … }}` in the package, and write `{verb} {name};`"),
                ),
            },
        };
        self.mistake(Mistake::new(place, message).mend(mend));
    }

    /// Where the world names this interface; the interface itself, where no statement does.
    fn statement_place(&self, id: InterfaceId, verb: &str) -> Place {
        let interface = &self.resolve.interfaces[id];
        let statements = if verb == "import" { &self.statements.imports } else { &self.statements.exports };
        let place = || {
            let owner = self.resolve.packages[interface.package?].name.clone();
            statements.get(&(owner, interface.name.clone()?)).cloned()
        };
        place().unwrap_or_else(|| self.place(interface.span))
    }

    /// Names of the package that the doors to its tables will need.
    fn check_reserved_names(&mut self) {
        let package = &self.resolve.packages[self.root];
        let interfaces = package
            .interfaces
            .iter()
            .map(|(name, id)| (name, self.resolve.interfaces[*id].span, "interface"));
        let worlds = package.worlds.iter().map(|(name, id)| (name, self.resolve.worlds[*id].span, "world"));
        let names: Vec<_> =
            interfaces.chain(worlds).map(|(name, span, what)| (name.clone(), span, what)).collect();
        self.check_distinct(names.iter().map(|(name, span, _)| (name.as_str(), *span)));
        for (name, span, what) in names {
            self.check_reserved_name(&name, span, what);
        }
    }

    fn check_reserved_name(&mut self, name: &str, span: Span, what: &str) {
        if let Some(suffix) = RESERVED_SUFFIXES.into_iter().find(|suffix| name.ends_with(suffix)) {
            let place = self.place(span);
            self.mistake(
                Mistake::new(
                    place,
                    format!("the {what} `{name}` has a name that is reserved for the door to a table"),
                )
                .label(format!("ends in `{suffix}`"))
                .mend("give it another name"),
            );
        }
    }

    /// Reads the interfaces of all types that were reached until there is no new one.
    fn reached_types(&mut self, mut read: BTreeSet<InterfaceId>) -> Vec<Interface> {
        let mut whole = Vec::new();
        let mut partial: BTreeMap<InterfaceId, BTreeMap<usize, TypeDef>> = BTreeMap::new();
        let mut seen: BTreeSet<TypeId> = BTreeSet::new();
        while let Some(id) = self.reached.pop() {
            let Some(interface) = self.interface_of(id) else { continue };
            if read.contains(&interface) || !seen.insert(id) {
                continue;
            }
            // Our own interface is read whole, so that all of it is checked. Of another package's
            // only what is used matters: the rest may not be values at all.
            if self.resolve.interfaces[interface].package == Some(self.root) {
                read.insert(interface);
                whole.push(self.interface(interface, Role::Types));
                continue;
            }
            let position = self.resolve.interfaces[interface].types.values().position(|other| *other == id);
            let def = self.type_def(id);
            partial.entry(interface).or_default().insert(position.unwrap_or_default(), def);
        }
        let partial = partial.into_iter().map(|(id, types)| Interface {
            name: self.interface_name(id),
            visibility: Visibility::Public,
            docs: self.comments.docs(&self.place(self.resolve.interfaces[id].span)),
            types: types.into_values().collect(),
            tables: Vec::new(),
            functions: Vec::new(),
        });
        whole.into_iter().chain(partial.collect::<Vec<_>>()).collect()
    }

    fn interface(&mut self, id: InterfaceId, role: Role) -> Interface {
        let interface = &self.resolve.interfaces[id];
        let name = self.interface_name(id);
        let place = self.place(interface.span);
        self.check_name(&name.name, &place);
        self.check_stability(&interface.stability, &place);
        if interface.package != Some(self.root) {
            self.check_reserved_name(&name.name, interface.span, "interface");
        }
        let resolve = self.resolve;
        let types = interface.types.iter().map(|(name, id)| (name.as_str(), resolve.types[*id].span));
        let functions = interface.functions.iter().map(|(name, function)| (name.as_str(), function.span));
        self.check_distinct(types.chain(functions));
        let visibility = self.visibility(id);
        let docs = self.comments.docs(&place);
        let types = interface.types.values().map(|id| self.type_def(*id)).collect();
        let mut tables = Vec::new();
        let mut functions = Vec::new();
        if role != Role::Types {
            tables.extend(interface.types.values().filter_map(|record| self.table(*record, id, role)));
        }
        // Of an older version of the package itself nothing runs any more.
        if role != Role::Types && !self.is_former_self(id) {
            functions.extend(
                interface.functions.values().filter_map(|function| self.function(function, id, role)),
            );
        }
        Interface { name, visibility, docs, types, tables, functions }
    }

    pub(super) fn visibility(&mut self, id: InterfaceId) -> Visibility {
        let place = self.place(self.resolve.interfaces[id].span);
        let comment = self.comments.of(&place, self.mistakes);
        let said = comment.directives.iter().find_map(|directive| match directive.kind {
            DirectiveKind::Visibility(visibility) => Some(visibility),
            _ => None,
        });
        said.unwrap_or(Visibility::Public)
    }

    pub(super) fn interface_name(&mut self, id: InterfaceId) -> InterfaceName {
        let interface = &self.resolve.interfaces[id];
        let package: PackageId = interface.package.unwrap_or(self.root);
        InterfaceName {
            package: self.package_name(package),
            name: interface.name.clone().unwrap_or_default(),
        }
    }
}
