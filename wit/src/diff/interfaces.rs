//! Interfaces as a whole: added, removed, made public or private. What stands in those that both versions have is
//! compared one by one.

use super::{Bump, Change, Changes, Effect, ItemKind, docs, local_name, paired};
use crate::schema::{FunctionKind, Interface, Schema, Visibility};

/// An interface of the old version and the same one of the new, with the name that both are shown by.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) name: &'a str,
    pub(super) old: &'a Interface,
    pub(super) new: &'a Interface,
}

impl Pair<'_> {
    /// Whether callers could reach it and still can.
    pub(super) fn is_public(&self) -> bool {
        self.old.visibility == Visibility::Public && self.new.visibility == Visibility::Public
    }

    /// What a change means to callers that would break them if they could reach the interface.
    pub(super) fn broken(&self, reason: impl Into<String>) -> Effect {
        if self.is_public() { Effect::breaking(reason) } else { private() }
    }

    /// A change that adds something that callers can see.
    pub(super) fn added(&self, change: Change, reason: &str) -> Change {
        let change = change.within(self.name);
        if self.new.visibility == Visibility::Public {
            change.callers(Effect::compatible(reason)).at_least(Bump::Minor)
        } else {
            change.callers(private())
        }
    }
}

/// What a change means to callers that cannot see it.
pub(super) fn private() -> Effect {
    Effect::compatible("private: no caller reaches it")
}

impl Changes<'_> {
    pub(super) fn interfaces(&mut self) {
        let (old, new) = (self.old, self.new);
        let (before, after) = (exports(old), exports(new));
        for pair in paired(&before, &after, |(name, _)| name.as_str()) {
            match pair {
                (Some((name, old)), Some((_, new))) => {
                    let pair = Pair { name, old, new };
                    self.visibility(pair);
                    self.types(pair);
                    self.functions(pair);
                    self.found.extend(docs::changes(pair));
                }
                (Some((name, old)), None) => self.interface_removed(name, old),
                (None, Some((name, new))) => self.interface_added(name, new),
                (None, None) => {}
            }
        }
        if old.docs != new.docs {
            self.push(docs::change("the package"));
        }
    }

    fn visibility(&mut self, pair: Pair<'_>) {
        let change = |what| Change::new(ItemKind::Interface, pair.name, what);
        match (pair.old.visibility, pair.new.visibility) {
            (Visibility::Public, Visibility::Private) => {
                let effect = Effect::breaking("a private interface is linked with nobody");
                self.push(change("it becomes private").callers(effect));
            }
            (Visibility::Private, Visibility::Public) => {
                let effect = Effect::compatible("nobody could import it before");
                self.push(change("it becomes public").callers(effect).at_least(Bump::Minor));
            }
            _ => {}
        }
    }

    fn interface_removed(&mut self, name: &str, interface: &Interface) {
        let functions = interface
            .functions
            .iter()
            .filter(|function| matches!(function.kind, FunctionKind::Reducer | FunctionKind::Query))
            .map(|function| format!("`{}`", function.name))
            .collect::<Vec<_>>();
        let effect = match (interface.visibility, functions.as_slice()) {
            (Visibility::Private, _) => private(),
            (_, []) => Effect::breaking("modules that import its types or tables no longer link"),
            (_, [one]) => Effect::breaking(format!("modules that import {one} no longer link")),
            (_, many) => {
                Effect::breaking(format!("modules that import one of {} no longer link", many.join(", ")))
            }
        };
        self.push(Change::new(ItemKind::Interface, name, "it is removed").callers(effect));
    }

    fn interface_added(&mut self, name: &str, interface: &Interface) {
        let change = Change::new(ItemKind::Interface, name, "it is added");
        let change = match interface.visibility {
            Visibility::Private => change.callers(private()),
            Visibility::Public => {
                change.callers(Effect::compatible("nobody imports it yet")).at_least(Bump::Minor)
            }
        };
        self.push(change);
    }
}

/// The exported interfaces with the names that they are shown by.
fn exports(schema: &Schema) -> Vec<(String, &Interface)> {
    schema.exports.iter().map(|interface| (local_name(schema, &interface.name), interface)).collect()
}
