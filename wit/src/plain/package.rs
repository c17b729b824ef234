//! What a plain package declares, as data of our own: its interfaces and its worlds.
//! Invariant: what is behind an `@unstable` gate is in no list but that of what was left out.

use super::name::{Place, PlainName};
use super::types::{TypeIndex, Types};
use crate::identifier::wit_identifier;
use semver::Version;
use serde::{Deserialize, Serialize};

/// A package of WIT that is no module.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: PlainName,
    /// Its docs.
    pub docs: Option<String>,
    /// Its interfaces, in the order of their names.
    pub interfaces: Vec<Interface>,
    /// Its worlds, in the order of their names.
    pub worlds: Vec<World>,
    /// Items behind `@unstable` gates, which are no part of the contract.
    pub left_out: Vec<LeftOut>,
    /// Interfaces of other packages as far as they are reached: whole where a world names them, else the types that
    /// signatures name.
    pub(super) foreign: Vec<Interface>,
    pub(super) types: Types,
}

/// An interface.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Where it stands.
    pub place: Place,
    /// Its docs.
    pub docs: Option<String>,
    /// The version since which it is deprecated.
    pub deprecated: Option<Version>,
    /// Its types, in the order of the text.
    pub types: Vec<TypeDef>,
    /// Its functions and those of its resources, in the order of the text.
    pub functions: Vec<Function>,
}

/// A named type.
#[derive(Clone, Debug)]
pub struct TypeDef {
    /// Its name.
    pub name: String,
    /// Its docs.
    pub docs: Option<String>,
    /// The version since which it is deprecated.
    pub deprecated: Option<Version>,
    /// The docs of its fields, cases or flags.
    pub(super) member_docs: Vec<(String, Option<String>)>,
    /// What it is.
    pub(super) index: TypeIndex,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name, without that of its resource.
    pub name: String,
    /// The resource whose it is, and how.
    pub resource: Option<(String, Role)>,
    /// Whether it is `async`.
    pub is_async: bool,
    /// Its docs.
    pub docs: Option<String>,
    /// The version since which it is deprecated.
    pub deprecated: Option<Version>,
    /// Its parameters, without the resource of a method.
    pub(super) params: Vec<(String, TypeIndex)>,
    pub(super) result: Option<TypeIndex>,
}

/// What a function is to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It makes one.
    Constructor,
    /// It is called on one.
    Method,
    /// It belongs to the resource and is called on none.
    Static,
}

/// A world.
#[derive(Clone, Debug)]
pub struct World {
    /// Its name.
    pub name: String,
    /// Its docs.
    pub docs: Option<String>,
    /// The version since which it is deprecated.
    pub deprecated: Option<Version>,
    /// What it imports, with what follows from it.
    pub imports: Vec<WorldItem>,
    /// What it exports.
    pub exports: Vec<WorldItem>,
}

/// Something that a world imports or exports.
#[derive(Clone, Debug)]
pub struct WorldItem {
    /// The version since which it is deprecated.
    pub deprecated: Option<Version>,
    /// What it is.
    pub kind: WorldItemKind,
}

/// What a world imports or exports.
#[derive(Clone, Debug)]
pub enum WorldItemKind {
    /// An interface that is declared elsewhere.
    Interface {
        /// The name that it has in the world, where that is not its own.
        name: Option<String>,
        /// Where it is declared.
        place: Place,
    },
    /// An interface that is declared in the world, by the name that it has there.
    Inline(String, Interface),
    /// A function.
    Function(Function),
    /// A type.
    Type(TypeDef),
}

/// An item behind an `@unstable` gate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// What it is, such as `interface timezone`.
    pub item: String,
    /// The feature of its gate, where one is known.
    pub feature: Option<String>,
}

impl Package {
    /// A type as it is declared, on one line.
    pub fn type_text(&self, def: &TypeDef) -> String {
        self.types.definition(&def.name, def.index, &self.name)
    }

    /// A function as it is declared, on one line.
    pub fn function_text(&self, function: &Function) -> String {
        let params = function.params.iter();
        let params = params.map(|(name, ty)| format!("{}: {}", wit_identifier(name), self.types.text(*ty)));
        let params = params.collect::<Vec<_>>().join(", ");
        let result = function.result.map(|ty| format!(" -> {}", self.types.text(ty))).unwrap_or_default();
        let keyword = if function.is_async { "async func" } else { "func" };
        let name = wit_identifier(&function.name);
        match function.resource {
            Some((_, Role::Constructor)) => {
                format!("constructor({params}){}", self.constructor_result(function))
            }
            Some((_, Role::Static)) => format!("{name}: static {keyword}({params}){result}"),
            _ => format!("{name}: {keyword}({params}){result}"),
        }
    }

    /// What a constructor returns, where it is more than its resource.
    fn constructor_result(&self, function: &Function) -> String {
        let Some(result) = function.result else { return String::new() };
        match self.types.shape(result) {
            super::types::Shape::Result { .. } => format!(" -> {}", self.types.text(result)),
            _ => String::new(),
        }
    }

    /// Whether a type is a resource.
    pub fn is_resource(&self, def: &TypeDef) -> bool {
        matches!(self.types.shape(def.index), super::types::Shape::Resource)
    }

    /// How WIT names a place, from within this package.
    pub fn place_text(&self, place: &Place) -> String {
        place.shown(&self.name)
    }

    /// The package with one world alone, and of its interfaces those that this world names; else the worlds that
    /// there are.
    pub fn only(mut self, world: &str) -> Result<Package, Vec<String>> {
        let full = |name: &str| match &self.name.version {
            Some(version) => format!("{}/{name}@{version}", self.name.unversioned()),
            None => format!("{}/{name}", self.name.unversioned()),
        };
        let is_it = |found: &World| {
            found.name == world
                || world == full(&found.name)
                || world == format!("{}/{}", self.name.unversioned(), found.name)
        };
        let Some(position) = self.worlds.iter().position(is_it) else {
            return Err(self.worlds.into_iter().map(|world| world.name).collect());
        };
        self.worlds = vec![self.worlds.swap_remove(position)];
        let world = &self.worlds[0];
        let named: Vec<&Place> = world
            .imports
            .iter()
            .chain(&world.exports)
            .filter_map(|item| match &item.kind {
                WorldItemKind::Interface { place, .. } => Some(place),
                _ => None,
            })
            .collect();
        self.interfaces.retain(|interface| named.contains(&&interface.place));
        self.left_out.retain(|left_out| match left_out.item.split_once(" of the world ") {
            Some((_, of)) => of == world.name,
            None => !left_out.item.starts_with("world "),
        });
        Ok(self)
    }

    /// An interface of the package, or one of another that it reaches.
    pub(super) fn interface(&self, place: &Place) -> Option<&Interface> {
        self.interfaces.iter().chain(&self.foreign).find(|interface| interface.place == *place)
    }
}

impl Function {
    /// Its name with that of its resource before it.
    pub fn full_name(&self) -> String {
        match &self.resource {
            Some((resource, Role::Constructor)) => format!("{resource}.constructor"),
            Some((resource, _)) => format!("{resource}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The types that stand in its signature.
    pub(super) fn types(&self) -> impl Iterator<Item = TypeIndex> + '_ {
        self.params.iter().map(|(_, ty)| *ty).chain(self.result)
    }
}
