//! What stands behind `@unstable` gates: told by its name, and no part of the contract.
//! Invariant: what stands in something that is left out is not told again.

use super::package::LeftOut;
use std::collections::{BTreeMap, BTreeSet};
use wit_parser::{PackageId, Resolve, Stability, WorldItem, WorldKey};

/// What `all` has, which was resolved with every feature, and `stable` has not.
pub(super) fn left_out(
    (all, all_root): (&Resolve, PackageId),
    (stable, stable_root): (&Resolve, PackageId),
) -> Vec<LeftOut> {
    let kept: BTreeSet<_> = items(stable, stable_root).into_keys().collect();
    let found = items(all, all_root);
    let is_left_out = |item: &String| found.contains_key(item) && !kept.contains(item);
    found
        .iter()
        .filter(|(item, (_, parent))| is_left_out(item) && !parent.as_ref().is_some_and(is_left_out))
        .map(|(item, (feature, _))| LeftOut { item: item.clone(), feature: feature.clone() })
        .collect()
}

/// Every item of a package by what it is called, with the feature of its gate and the item in which it stands.
type Items = BTreeMap<String, (Option<String>, Option<String>)>;

fn items(resolve: &Resolve, root: PackageId) -> Items {
    let mut items = Items::new();
    let package = &resolve.packages[root];
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        let parent = format!("interface {name}");
        items.insert(parent.clone(), (feature(&interface.stability), None));
        for (item, id) in &interface.types {
            let stability = &resolve.types[*id].stability;
            items.insert(format!("type {name}.{item}"), (feature(stability), Some(parent.clone())));
        }
        for function in interface.functions.values() {
            let resource = function.kind.resource().and_then(|id| resolve.types[id].name.as_ref());
            let (item, parent) = match resource {
                Some(resource) => (
                    format!("function {name}.{resource}.{}", function.item_name()),
                    format!("type {name}.{resource}"),
                ),
                None => (format!("function {name}.{}", function.item_name()), parent.clone()),
            };
            // Where the resource goes with its interface, so does its function.
            let is_gated = feature(&function.stability);
            items.insert(item, (is_gated, Some(parent)));
        }
    }
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        let parent = format!("world {name}");
        items.insert(parent.clone(), (feature(&world.stability), None));
        for (direction, list) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in list {
                let called = match key {
                    WorldKey::Name(name) => name.clone(),
                    WorldKey::Interface(id) if resolve.interfaces[*id].package == Some(root) => {
                        resolve.interfaces[*id].name.clone().unwrap_or_default()
                    }
                    key @ WorldKey::Interface(_) => resolve.name_world_key(key),
                };
                let gate = feature(item.stability(resolve));
                let what = match item {
                    WorldItem::Type { .. } => format!("type {called} of the world {name}"),
                    _ => format!("{direction} {called} of the world {name}"),
                };
                items.insert(what, (gate, Some(parent.clone())));
            }
        }
    }
    items
}

fn feature(stability: &Stability) -> Option<String> {
    match stability {
        Stability::Unstable { feature, .. } => Some(feature.clone()),
        _ => None,
    }
}
