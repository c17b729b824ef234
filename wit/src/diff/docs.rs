//! Documentation: what reads otherwise than before. It concerns people only.

use super::interfaces::Pair;
use super::{Change, Effect, ItemKind};
use crate::schema::{Interface, TypeKind};
use std::collections::BTreeMap;

/// So many items are named in one change.
const MAX_NAMED: usize = 5;

/// The changed docs of an interface and of what both versions have in it, as one change.
pub(super) fn changes(pair: Pair<'_>) -> Option<Change> {
    changed(&docs(pair.old), &docs(pair.new)).map(|change| change.within(pair.name))
}

/// The changed docs of items that both versions of an interface have, by their names; its own stand under the empty name.
pub(crate) fn changed(
    old: &BTreeMap<String, Option<&str>>,
    new: &BTreeMap<String, Option<&str>>,
) -> Option<Change> {
    let found: Vec<_> = old
        .iter()
        .filter(|(name, docs)| new.get(*name).is_some_and(|now| now != *docs))
        .map(|(name, _)| if name.is_empty() { "the interface".to_owned() } else { format!("`{name}`") })
        .collect();
    let named = found.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match found.len() {
        0 => None,
        count if count > MAX_NAMED => Some(change(&format!("{named} and {} more", count - MAX_NAMED))),
        _ => Some(change(&named)),
    }
}

/// The docs of something read otherwise.
pub(crate) fn change(what: &str) -> Change {
    Change::new(ItemKind::Docs, "docs", format!("the docs of {what} changed"))
        .callers(Effect::compatible("docs are for people"))
}

/// The docs of each item of an interface by its name; its own stand under the empty name.
fn docs(interface: &Interface) -> BTreeMap<String, Option<&str>> {
    let mut docs = BTreeMap::from([(String::new(), interface.docs.as_deref())]);
    for def in &interface.types {
        docs.insert(def.name.clone(), def.docs.as_deref());
        let members: Vec<(&String, &Option<String>)> = match &def.kind {
            TypeKind::Record(fields) => fields.iter().map(|field| (&field.name, &field.docs)).collect(),
            TypeKind::Variant(cases) => cases.iter().map(|case| (&case.name, &case.docs)).collect(),
            TypeKind::Enum(labels) | TypeKind::Flags(labels) => {
                labels.iter().map(|label| (&label.name, &label.docs)).collect()
            }
            TypeKind::Alias(_) | TypeKind::Use(_) => Vec::new(),
        };
        docs.extend(
            members.into_iter().map(|(name, text)| (format!("{}.{name}", def.name), text.as_deref())),
        );
    }
    for function in &interface.functions {
        docs.insert(function.name.clone(), function.docs.as_deref());
    }
    docs
}
