//! Documentation: what reads otherwise than before. It concerns people only.

use crate::diff::Change;
use crate::diff::docs::{change, changed};
use crate::plain::package::{Interface, World};
use std::collections::BTreeMap;

/// The changed docs of an interface and of what both versions have in it, as one change.
pub(super) fn of_interface(label: &str, old: &Interface, new: &Interface) -> Option<Change> {
    changed(&docs(old), &docs(new)).map(|change| change.within(label))
}

/// The changed docs of a world.
pub(super) fn of_world(old: &World, new: &World) -> Option<Change> {
    (old.docs != new.docs).then(|| change(&format!("the world `{}`", new.name)))
}

/// The docs of each item of an interface by its name; its own stand under the empty name.
fn docs(interface: &Interface) -> BTreeMap<String, Option<&str>> {
    let mut docs = BTreeMap::from([(String::new(), interface.docs.as_deref())]);
    for def in &interface.types {
        docs.insert(def.name.clone(), def.docs.as_deref());
        let members = def.member_docs.iter();
        docs.extend(members.map(|(name, text)| (format!("{}.{name}", def.name), text.as_deref())));
    }
    docs.extend(interface.functions.iter().map(|function| (function.full_name(), function.docs.as_deref())));
    docs
}
