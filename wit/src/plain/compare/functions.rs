//! Functions, those of resources among them.
//! Invariant: a function that has another structure has a change of its own, or is reached by a type that has one.

use super::difference::shown;
use super::interfaces::{Extent, Pair};
use super::{Changes, Unsaid, come, deprecation, gone};
use crate::diff::{Change, Effect, ItemKind, paired};
use crate::plain::package::{Function, Interface, Role};
use crate::plain::types::TypeIndex;

impl Changes<'_> {
    pub(super) fn functions(&mut self, pair: Pair<'_>) {
        for (old, new) in paired(&pair.old.functions, &pair.new.functions, Function::full_name) {
            match (old, new) {
                (Some(old), Some(new)) => self.function_kept(pair, old, new),
                (Some(old), None) => self.function_removed(pair, old),
                (None, Some(new)) if pair.is_own() && !comes_with_its_resource(pair.old, new) => {
                    let name = new.full_name();
                    let item = format!("function {}.{name}", pair.label);
                    let what = come(word(new), &item, &self.old.left_out);
                    self.push(pair.added(Change::new(ItemKind::Function, name, what), "nobody calls it yet"));
                }
                (None, _) => {}
            }
        }
    }

    fn function_removed(&mut self, pair: Pair<'_>, old: &Function) {
        // A resource that is gone is told with all that it had; of what is only reached, resources alone are known.
        let is_known = old.resource.is_some() || pair.extent != Extent::Reached;
        if comes_with_its_resource(pair.new, old) || !is_known {
            return;
        }
        let name = old.full_name();
        let successor = pair.new.functions.iter().find(|function| {
            let is_new = !pair.old.functions.iter().any(|other| other.full_name() == function.full_name());
            is_new && resource(old) == resource(function) && self.is_one_signature(old, function)
        });
        let reason = match successor {
            Some(successor) => format!(
                "components that import it no longer link; `{}` has its signature, and both may stand side by side",
                successor.full_name()
            ),
            None => "components that import it no longer link".to_owned(),
        };
        let what = gone(word(old), &format!("function {}.{name}", pair.label), &self.new.left_out);
        let change = Change::new(ItemKind::Function, name, what).within(pair.label);
        self.push(change.callers(Effect::breaking(reason)));
    }

    fn function_kept(&mut self, pair: Pair<'_>, old: &Function, new: &Function) {
        let found = self.signature(old, new);
        if found.is_empty() && !self.is_one_signature(old, new) {
            let name = format!("{}.{}", pair.label, old.full_name());
            self.unsaid.push(Unsaid::of_function(name, old));
        }
        let reason = "components that import it know another signature";
        for what in found {
            let change = Change::new(ItemKind::Function, old.full_name(), what).within(pair.label);
            self.push(change.callers(Effect::breaking(reason)));
        }
        if pair.is_own() {
            let change = deprecation(ItemKind::Function, &new.full_name(), &old.deprecated, &new.deprecated);
            change.into_iter().for_each(|change| self.push(change.within(pair.label)));
        }
    }

    /// Whether two functions have one structure, whatever their own names are.
    pub(super) fn is_one_signature(&self, old: &Function, new: &Function) -> bool {
        let is_same = |old: TypeIndex, new: TypeIndex| self.is_same(old, new);
        old.is_async == new.is_async
            && role(old) == role(new)
            && old.params.len() == new.params.len()
            && old.params.iter().zip(&new.params).all(|(old, new)| old.0 == new.0 && is_same(old.1, new.1))
            && match (old.result, new.result) {
                (Some(old), Some(new)) => is_same(old, new),
                (None, None) => true,
                _ => false,
            }
    }

    /// What is different about a signature, each as a clause.
    pub(super) fn signature(&self, old: &Function, new: &Function) -> Vec<String> {
        let mut found = Vec::new();
        if role(old) != role(new) {
            found.push(format!("it was a {} and is a {}", word(old), word(new)));
        }
        match (old.is_async, new.is_async) {
            (false, true) => found.push("it is async, and was not".to_owned()),
            (true, false) => found.push("it is async no longer".to_owned()),
            _ => {}
        }
        found.extend(self.parameters(&old.params, &new.params));
        found.extend(match (old.result, new.result) {
            (None, None) => None,
            (Some(was), None) => {
                Some(format!("it returned {} and returns nothing", shown(&self.old.types, was)))
            }
            (None, Some(is)) => {
                Some(format!("it returned nothing and returns {}", shown(&self.new.types, is)))
            }
            (Some(was), Some(is)) => self.difference(was, is).map(|found| format!("in the result: {found}")),
        });
        found
    }

    fn parameters(&self, old: &[(String, TypeIndex)], new: &[(String, TypeIndex)]) -> Vec<String> {
        let mut found = Vec::new();
        let has = |params: &[(String, TypeIndex)], name: &str| params.iter().any(|(other, _)| other == name);
        // At its place a new name with the same type is the same parameter by another name.
        let is_renamed = |position: usize| match (old.get(position), new.get(position)) {
            (Some((was, old_type)), Some((is, new_type))) => {
                old.len() == new.len()
                    && !has(new, was)
                    && !has(old, is)
                    && (self.is_same(*old_type, *new_type) || self.difference(*old_type, *new_type).is_none())
            }
            _ => false,
        };
        for (position, (name, ty)) in old.iter().enumerate() {
            match new.iter().find(|(other, _)| other == name) {
                Some((_, now)) => {
                    let difference = self.difference(*ty, *now);
                    found.extend(difference.map(|found| format!("in the parameter `{name}`: {found}")));
                }
                None if is_renamed(position) => {
                    found.push(format!("the parameter `{name}` is now named `{}`", new[position].0));
                }
                None => found.push(format!("the parameter `{name}` is removed")),
            }
        }
        for (position, (name, ty)) in new.iter().enumerate() {
            if !has(old, name) && !is_renamed(position) {
                found.push(format!("the parameter `{name}: {}` is added", shown(&self.new.types, *ty)));
            }
        }
        let common = |params: &[(String, TypeIndex)], others: &[(String, TypeIndex)]| -> Vec<String> {
            params.iter().map(|(name, _)| name.clone()).filter(|name| has(others, name)).collect()
        };
        if common(old, new) != common(new, old) {
            found.push("the parameters stand in another order".to_owned());
        }
        found
    }
}

/// The resource that a function is of.
fn resource(function: &Function) -> Option<&str> {
    function.resource.as_ref().map(|(name, _)| name.as_str())
}

fn role(function: &Function) -> Option<Role> {
    function.resource.as_ref().map(|(_, role)| *role)
}

/// Whether a function is one of a resource that an interface does not have.
fn comes_with_its_resource(interface: &Interface, function: &Function) -> bool {
    function.resource.as_ref().is_some_and(|(name, _)| !interface.types.iter().any(|def| def.name == *name))
}

pub(super) fn word(function: &Function) -> &'static str {
    match role(function) {
        None => "function",
        Some(Role::Constructor) => "constructor",
        Some(Role::Method) => "method",
        Some(Role::Static) => "static function",
    }
}
