//! Documentation: what reads otherwise than before. It concerns people only.

use crate::diff::{Change, Effect, ItemKind};
use crate::plain::package::{Interface, World};
use std::collections::BTreeMap;

/// So many items are named in one change.
const MAX_NAMED: usize = 5;

type Docs<'a> = BTreeMap<String, Option<&'a str>>;

/// The changed docs of an interface and of what both versions have in it, as one change.
pub(super) fn of_interface(label: &str, old: &Interface, new: &Interface) -> Option<Change> {
    changed("the interface", &docs(old), &docs(new)).map(|what| change(&what).within(label))
}

/// The changed docs of a world.
pub(super) fn of_world(old: &World, new: &World) -> Option<Change> {
    (old.docs != new.docs).then(|| change(&format!("the world `{}`", new.name)))
}

/// The docs of something read otherwise.
pub(super) fn change(what: &str) -> Change {
    Change::new(ItemKind::Docs, "docs", format!("the docs of {what} changed"))
        .callers(Effect::compatible("docs are for people"))
}

fn changed(whole: &str, old: &Docs<'_>, new: &Docs<'_>) -> Option<String> {
    let is_other = |name: &String, docs: &Option<&str>| new.get(name).is_some_and(|now| now != docs);
    let found: Vec<_> = old
        .iter()
        .filter(|(name, docs)| is_other(name, docs))
        .map(|(name, _)| if name.is_empty() { whole.to_owned() } else { format!("`{name}`") })
        .collect();
    let named = found.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match found.len() {
        0 => None,
        count if count > MAX_NAMED => Some(format!("{named} and {} more", count - MAX_NAMED)),
        _ => Some(named),
    }
}

/// The docs of each item of an interface by its name; its own stand under the empty name.
fn docs(interface: &Interface) -> Docs<'_> {
    let mut docs = BTreeMap::from([(String::new(), interface.docs.as_deref())]);
    for def in &interface.types {
        docs.insert(def.name.clone(), def.docs.as_deref());
        let members = def.member_docs.iter();
        docs.extend(members.map(|(name, text)| (format!("{}.{name}", def.name), text.as_deref())));
    }
    docs.extend(interface.functions.iter().map(|function| (function.full_name(), function.docs.as_deref())));
    docs
}
