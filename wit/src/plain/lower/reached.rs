//! What a package reaches of others: the interfaces that its worlds name, and the types that its signatures name.
//! Invariant: a type that a change can be told of at its own place is in an interface of the package or in one of these.

use super::Lowering;
use crate::plain::name::Place;
use crate::plain::package::{Interface, World, WorldItemKind};
use crate::plain::types::{Shape, TypeIndex, Types};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The interfaces of other packages that these interfaces and worlds reach, cut down to what they reach.
pub(super) fn foreign(
    lowering: &Lowering<'_>,
    types: &Types,
    interfaces: &[Interface],
    worlds: &[World],
) -> Vec<Interface> {
    let all: BTreeMap<Place, Interface> = lowering
        .places
        .iter()
        .filter(|(_, place)| matches!(place, Place::Foreign { .. }))
        .map(|(id, place)| (place.clone(), lowering.interface(*id)))
        .collect();
    let mut walk =
        Walk { types, all: &all, methods: methods(&all), met: BTreeSet::new(), waiting: Vec::new() };
    let mut whole = BTreeSet::new();
    interfaces.iter().for_each(|interface| walk.interface(interface));
    for item in worlds.iter().flat_map(|world| world.imports.iter().chain(&world.exports)) {
        match &item.kind {
            WorldItemKind::Interface { place, .. } => {
                if let Some(interface) = all.get(place).filter(|_| whole.insert(place.clone())) {
                    walk.interface(interface);
                }
            }
            WorldItemKind::Inline(_, interface) => walk.interface(interface),
            WorldItemKind::Function(function) => walk.waiting.extend(function.types()),
            WorldItemKind::Type(def) => walk.waiting.push(def.index),
        }
    }
    let met = walk.run();
    let mut found = Vec::new();
    for (place, mut interface) in all {
        if !whole.contains(&place) {
            interface.types.retain(|def| met.contains(&def.index));
            let kept: BTreeSet<_> = interface.types.iter().map(|def| def.name.clone()).collect();
            interface
                .functions
                .retain(|function| function.resource.as_ref().is_some_and(|(name, _)| kept.contains(name)));
        }
        if whole.contains(&place) || !interface.types.is_empty() {
            found.push(interface);
        }
    }
    found
}

/// The types in the signatures of each foreign resource's functions.
fn methods(all: &BTreeMap<Place, Interface>) -> HashMap<TypeIndex, Vec<TypeIndex>> {
    let mut methods: HashMap<_, Vec<_>> = HashMap::new();
    for interface in all.values() {
        let named: HashMap<_, _> = interface.types.iter().map(|def| (&def.name, def.index)).collect();
        for function in &interface.functions {
            let resource = function.resource.as_ref().and_then(|(name, _)| named.get(name));
            if let Some(resource) = resource {
                methods.entry(*resource).or_default().extend(function.types());
            }
        }
    }
    methods
}

struct Walk<'a> {
    types: &'a Types,
    all: &'a BTreeMap<Place, Interface>,
    methods: HashMap<TypeIndex, Vec<TypeIndex>>,
    met: BTreeSet<TypeIndex>,
    waiting: Vec<TypeIndex>,
}

impl Walk<'_> {
    fn interface(&mut self, interface: &Interface) {
        self.waiting.extend(interface.types.iter().map(|def| def.index));
        self.waiting.extend(interface.functions.iter().flat_map(|function| function.types()));
    }

    fn run(mut self) -> BTreeSet<TypeIndex> {
        while let Some(index) = self.waiting.pop() {
            if !self.met.insert(index) {
                continue;
            }
            let shape = self.types.shape(index);
            self.waiting.extend(shape.parts());
            if matches!(shape, Shape::Resource) && !self.all.is_empty() {
                self.waiting.extend(self.methods.get(&index).into_iter().flatten());
            }
        }
        self.met
    }
}
