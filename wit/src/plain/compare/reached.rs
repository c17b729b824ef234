//! Which functions a type that changed stands in, however deep.
//! Invariant: nothing that has another structure is left without a change that tells it.

use super::{Changes, Effect};
use crate::diff::{Change, ItemKind, Verdict};
use crate::plain::package::{Function, Package, WorldItemKind};
use crate::plain::types::TypeIndex;
use std::collections::{BTreeMap, BTreeSet};

/// So many functions are named in one reason.
const MAX_NAMED: usize = 5;

/// So many types that changed are followed from one type on. More of them in one signature are told too, and it is not
/// named with each.
const MAX_FOLLOWED: usize = 64;

/// Something that has another structure and no change of its own.
pub(super) struct Unsaid {
    kind: ItemKind,
    name: String,
    types: Vec<TypeIndex>,
}

impl Unsaid {
    pub(super) fn of_type(name: &str, index: TypeIndex) -> Unsaid {
        Unsaid { kind: ItemKind::Type, name: name.to_owned(), types: vec![index] }
    }

    pub(super) fn of_function(name: String, function: &Function) -> Unsaid {
        Unsaid { kind: ItemKind::Function, name, types: function.types().collect() }
    }
}

impl Changes<'_> {
    /// Names with each type that changed the functions that have it in their signatures.
    pub(super) fn reached(&mut self) {
        let changed: BTreeMap<TypeIndex, usize> = self
            .found
            .iter()
            .enumerate()
            .filter(|(_, found)| found.change.callers.verdict == Verdict::Breaking)
            .filter_map(|(position, found)| Some((found.of_type?, position)))
            .collect();
        let reached = self.changed_below(&changed);
        let below = |types: &mut dyn Iterator<Item = TypeIndex>| -> BTreeSet<TypeIndex> {
            types.flat_map(|ty| reached[ty.0 as usize].iter().copied()).collect()
        };
        let mut reaching: BTreeMap<TypeIndex, Vec<String>> = BTreeMap::new();
        for (place, function) in functions(self.old) {
            for ty in below(&mut function.types()) {
                let interface = &self.found[changed[&ty]].change.interface;
                let name = match interface.as_ref() == Some(&place) {
                    true => format!("`{}`", function.full_name()),
                    false => format!("`{place}.{}`", function.full_name()),
                };
                reaching.entry(ty).or_default().push(name);
            }
        }
        for found in &mut self.found {
            let Some(names) = found.of_type.and_then(|ty| reaching.get(&ty)) else { continue };
            if found.change.callers.verdict == Verdict::Breaking
                && let Some(reason) = &mut found.change.callers.reason
            {
                reason.push_str(&format!("; it stands in the signature of {}", list(names)));
            }
        }
        let unexplained: Vec<Unsaid> = std::mem::take(&mut self.unsaid)
            .into_iter()
            .filter(|unsaid| below(&mut unsaid.types.iter().copied()).is_empty())
            .collect();
        for Unsaid { kind, name, .. } in unexplained {
            let effect = Effect::breaking("components that know it know another structure");
            self.push(Change::new(kind, name, "it reaches a type that is another one").callers(effect));
        }
    }

    /// For each type of the old version the changed ones that it is made of, itself among them.
    fn changed_below(&self, changed: &BTreeMap<TypeIndex, usize>) -> Vec<BTreeSet<TypeIndex>> {
        let types = &self.old.types;
        let mut below = vec![BTreeSet::new(); types.entries.len()];
        if changed.is_empty() {
            return below;
        }
        for index in types.bottom_up() {
            let mut found = BTreeSet::new();
            found.extend(changed.contains_key(&index).then_some(index));
            for part in types.shape(index).parts() {
                let left = MAX_FOLLOWED.saturating_sub(found.len());
                found.extend(below[part.0 as usize].iter().take(left));
            }
            below[index.0 as usize] = found;
        }
        below
    }
}

/// The functions of a package with the names of the places where they stand.
fn functions(package: &Package) -> Vec<(String, &Function)> {
    let mut found = Vec::new();
    for interface in &package.interfaces {
        let place = interface.place.label();
        found.extend(interface.functions.iter().map(|function| (place.clone(), function)));
    }
    for world in &package.worlds {
        for item in world.imports.iter().chain(&world.exports) {
            match &item.kind {
                WorldItemKind::Function(function) => found.push((world.name.clone(), function)),
                WorldItemKind::Inline(name, interface) => {
                    let place = format!("{}.{name}", world.name);
                    found.extend(interface.functions.iter().map(|function| (place.clone(), function)));
                }
                WorldItemKind::Interface { .. } | WorldItemKind::Type(_) => {}
            }
        }
    }
    found
}

fn list(names: &[String]) -> String {
    let named = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
