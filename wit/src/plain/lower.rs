//! From what wit-parser has resolved to a [`Package`] of our own.
//! It judges nothing: whatever wit-parser takes, it lowers.
//! Invariant: nothing of the parser's leaves here, neither an id nor the order of its lists.

mod reached;

use super::name::{Place, PlainName};
use super::package::{Function, Interface, LeftOut, Package, Role, TypeDef, World, WorldItem, WorldItemKind};
use super::types::{Entry, Shape, TypeIndex, TypeName, Types, index_of};
use semver::Version;
use std::collections::HashMap;
use wit_parser::{
    Docs, FunctionKind, Handle, InterfaceId, PackageId, Resolve, Stability, Type, TypeDefKind, TypeId,
    TypeOwner, WorldId, WorldKey,
};

/// The types without a definition, in the order in which they begin the list of types.
const PRIMITIVES: [(Type, &str); 14] = [
    (Type::Bool, "bool"),
    (Type::U8, "u8"),
    (Type::U16, "u16"),
    (Type::U32, "u32"),
    (Type::U64, "u64"),
    (Type::S8, "s8"),
    (Type::S16, "s16"),
    (Type::S32, "s32"),
    (Type::S64, "s64"),
    (Type::F32, "f32"),
    (Type::F64, "f64"),
    (Type::Char, "char"),
    (Type::String, "string"),
    (Type::ErrorContext, "error-context"),
];

/// The package `root` without what was left out of it, which is only listed.
pub(super) fn package(resolve: &Resolve, root: PackageId, left_out: Vec<LeftOut>) -> Package {
    let lowering = Lowering::new(resolve, root);
    let package = &resolve.packages[root];
    let mut interfaces: Vec<_> = package.interfaces.values().map(|id| lowering.interface(*id)).collect();
    interfaces.sort_by(|a, b| a.place.cmp(&b.place));
    let mut worlds: Vec<_> = package.worlds.values().map(|id| lowering.world(*id)).collect();
    worlds.sort_by(|a, b| a.name.cmp(&b.name));
    let types = lowering.types();
    let foreign = reached::foreign(&lowering, &types, &interfaces, &worlds);
    Package {
        name: name(&package.name),
        docs: docs(&package.docs),
        interfaces,
        worlds,
        left_out,
        foreign,
        types,
    }
}

pub(super) fn name(name: &wit_parser::PackageName) -> PlainName {
    PlainName { namespace: name.namespace.clone(), name: name.name.clone(), version: name.version.clone() }
}

struct Lowering<'a> {
    resolve: &'a Resolve,
    root: PackageId,
    places: HashMap<InterfaceId, Place>,
    /// Each type by its id.
    positions: HashMap<TypeId, TypeIndex>,
}

impl<'a> Lowering<'a> {
    fn new(resolve: &'a Resolve, root: PackageId) -> Self {
        let types = resolve.types.iter().enumerate();
        let positions =
            types.map(|(position, (id, _))| (id, index_of(PRIMITIVES.len() + position))).collect();
        let mut lowering = Lowering { resolve, root, places: HashMap::new(), positions };
        for (id, interface) in resolve.interfaces.iter() {
            let (Some(name), Some(owner)) = (&interface.name, interface.package) else { continue };
            let place = match owner == root {
                true => Place::Own(name.clone()),
                false => Place::Foreign {
                    package: self::name(&resolve.packages[owner].name),
                    interface: name.clone(),
                },
            };
            lowering.places.insert(id, place);
        }
        lowering.inline_places();
        lowering
    }

    /// Interfaces that a world declares have the place that the first world gives them which has them.
    fn inline_places(&mut self) {
        let mut worlds: Vec<_> = self.resolve.worlds.iter().collect();
        worlds.sort_by_key(|(_, world)| (world.package != Some(self.root), world.name.clone()));
        for (_, world) in worlds {
            for (is_export, items) in [(false, &world.imports), (true, &world.exports)] {
                for (key, item) in items {
                    if let (WorldKey::Name(name), wit_parser::WorldItem::Interface { id, .. }) = (key, item) {
                        let place =
                            Place::Inline { world: world.name.clone(), name: name.clone(), is_export };
                        self.places.entry(*id).or_insert(place);
                    }
                }
            }
        }
    }

    fn world_place(&self, id: WorldId) -> Place {
        let world = &self.resolve.worlds[id];
        match world.package {
            Some(package) if package != self.root => Place::ForeignWorld {
                package: name(&self.resolve.packages[package].name),
                world: world.name.clone(),
            },
            _ => Place::World(world.name.clone()),
        }
    }

    fn types(&self) -> Types {
        let primitives =
            PRIMITIVES.iter().map(|(_, name)| Entry { name: None, shape: Shape::Primitive(name) });
        let defined = self.resolve.types.iter().map(|(_, def)| {
            let place = match def.owner {
                TypeOwner::Interface(id) => self.places.get(&id).cloned(),
                TypeOwner::World(id) => Some(self.world_place(id)),
                TypeOwner::None => None,
            };
            let name = def.name.clone().zip(place).map(|(name, place)| TypeName { place, name });
            Entry { name, shape: self.shape(&def.kind) }
        });
        Types { entries: primitives.chain(defined).collect() }
    }

    fn index(&self, ty: &Type) -> TypeIndex {
        match ty {
            Type::Id(id) => self.positions[id],
            primitive => {
                let position = PRIMITIVES.iter().position(|(known, _)| known == primitive);
                index_of(position.expect("every type without an id is in the table"))
            }
        }
    }

    fn shape(&self, kind: &TypeDefKind) -> Shape {
        let index = |ty: &Type| self.index(ty);
        let maybe = |ty: &Option<Type>| ty.as_ref().map(index);
        match kind {
            TypeDefKind::Record(record) => Shape::Record(
                record.fields.iter().map(|field| (field.name.clone(), index(&field.ty))).collect(),
            ),
            TypeDefKind::Variant(variant) => Shape::Variant(
                variant.cases.iter().map(|case| (case.name.clone(), maybe(&case.ty))).collect(),
            ),
            TypeDefKind::Enum(of) => Shape::Enum(of.cases.iter().map(|case| case.name.clone()).collect()),
            TypeDefKind::Flags(of) => Shape::Flags(of.flags.iter().map(|flag| flag.name.clone()).collect()),
            TypeDefKind::Tuple(tuple) => Shape::Tuple(tuple.types.iter().map(index).collect()),
            TypeDefKind::Option(ty) => Shape::Option(index(ty)),
            TypeDefKind::Result(result) => Shape::Result { ok: maybe(&result.ok), err: maybe(&result.err) },
            TypeDefKind::List(ty) => Shape::List(index(ty)),
            TypeDefKind::FixedLengthList(ty, length) => Shape::FixedList(index(ty), *length),
            TypeDefKind::Map(key, value) => Shape::Map(index(key), index(value)),
            TypeDefKind::Future(ty) => Shape::Future(maybe(ty)),
            TypeDefKind::Stream(ty) => Shape::Stream(maybe(ty)),
            TypeDefKind::Handle(Handle::Own(id)) => Shape::Own(self.positions[id]),
            TypeDefKind::Handle(Handle::Borrow(id)) => Shape::Borrow(self.positions[id]),
            TypeDefKind::Resource => Shape::Resource,
            TypeDefKind::Type(ty) => Shape::Alias(index(ty)),
            // There is none in what was resolved.
            TypeDefKind::Unknown => Shape::Primitive("unknown"),
        }
    }

    fn interface(&self, id: InterfaceId) -> Interface {
        let interface = &self.resolve.interfaces[id];
        Interface {
            place: self.places.get(&id).cloned().unwrap_or_else(nowhere),
            docs: docs(&interface.docs),
            deprecated: deprecated(&interface.stability),
            types: interface.types.iter().map(|(name, id)| self.type_def(name, *id)).collect(),
            functions: interface.functions.values().map(|function| self.function(function)).collect(),
        }
    }

    fn type_def(&self, name: &str, id: TypeId) -> TypeDef {
        let def = &self.resolve.types[id];
        let member_docs = match &def.kind {
            TypeDefKind::Record(of) => of.fields.iter().map(|part| (&part.name, &part.docs)).collect(),
            TypeDefKind::Variant(of) => of.cases.iter().map(|part| (&part.name, &part.docs)).collect(),
            TypeDefKind::Enum(of) => of.cases.iter().map(|part| (&part.name, &part.docs)).collect(),
            TypeDefKind::Flags(of) => of.flags.iter().map(|part| (&part.name, &part.docs)).collect(),
            _ => Vec::new(),
        };
        TypeDef {
            name: name.to_owned(),
            docs: docs(&def.docs),
            deprecated: deprecated(&def.stability),
            member_docs: member_docs.into_iter().map(|(name, text)| (name.clone(), docs(text))).collect(),
            index: self.positions[&id],
        }
    }

    fn function(&self, function: &wit_parser::Function) -> Function {
        let role = match function.kind {
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => None,
            FunctionKind::Method(_) | FunctionKind::AsyncMethod(_) => Some(Role::Method),
            FunctionKind::Static(_) | FunctionKind::AsyncStatic(_) => Some(Role::Static),
            FunctionKind::Constructor(_) => Some(Role::Constructor),
        };
        let resource = function.kind.resource().and_then(|id| self.resolve.types[id].name.clone());
        let is_method = role == Some(Role::Method);
        let params = function.params.iter().skip(usize::from(is_method));
        Function {
            name: function.item_name().to_owned(),
            resource: resource.zip(role),
            is_async: function.kind.is_async(),
            docs: docs(&function.docs),
            deprecated: deprecated(&function.stability),
            params: params.map(|param| (param.name.clone(), self.index(&param.ty))).collect(),
            result: function.result.as_ref().map(|ty| self.index(ty)),
        }
    }

    fn world(&self, id: WorldId) -> World {
        let world = &self.resolve.worlds[id];
        let items = |items: &wit_parser::IndexMap<WorldKey, wit_parser::WorldItem>| {
            items.iter().map(|(key, item)| self.world_item(key, item)).collect()
        };
        World {
            name: world.name.clone(),
            docs: docs(&world.docs),
            deprecated: deprecated(&world.stability),
            imports: items(&world.imports),
            exports: items(&world.exports),
        }
    }

    fn world_item(&self, key: &WorldKey, item: &wit_parser::WorldItem) -> WorldItem {
        let kind = match (key, item) {
            (WorldKey::Name(name), wit_parser::WorldItem::Interface { id, .. })
                if self.resolve.interfaces[*id].name.is_none() =>
            {
                WorldItemKind::Inline(name.clone(), self.interface(*id))
            }
            (key, wit_parser::WorldItem::Interface { id, .. }) => WorldItemKind::Interface {
                name: match key {
                    WorldKey::Name(name) => Some(name.clone()),
                    WorldKey::Interface(_) => None,
                },
                place: self.places.get(id).cloned().unwrap_or_else(nowhere),
            },
            (_, wit_parser::WorldItem::Function(function)) => {
                WorldItemKind::Function(self.function(function))
            }
            (_, wit_parser::WorldItem::Type { id, .. }) => WorldItemKind::Type(
                self.type_def(&self.resolve.types[*id].name.clone().unwrap_or_default(), *id),
            ),
        };
        WorldItem { deprecated: deprecated(item.stability(self.resolve)), kind }
    }
}

/// Stands for the place of an interface that no package and no world has, of which there is none.
fn nowhere() -> Place {
    Place::Own(String::new())
}

fn deprecated(stability: &Stability) -> Option<Version> {
    match stability {
        Stability::Unknown => None,
        Stability::Unstable { deprecated, .. } | Stability::Stable { deprecated, .. } => deprecated.clone(),
    }
}

/// The text of docs without the blanks around it.
fn docs(docs: &Docs) -> Option<String> {
    let text = docs.contents.as_deref()?.trim();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    (!text.is_empty()).then(|| lines.join("\n"))
}
