//! Named types, each at its own place: the functions that reach one that changed are named with it.
//! Invariant: a type that changed is told once, however many signatures it stands in.

use super::interfaces::Pair;
use super::{Changes, Found, Unsaid, come, deprecation, gone};
use crate::diff::{Bump, Change, Effect, ItemKind, paired};
use crate::plain::package::TypeDef;

impl Changes<'_> {
    pub(super) fn types(&mut self, pair: Pair<'_>) {
        for (old, new) in paired(&pair.old.types, &pair.new.types, |def| def.name.as_str()) {
            match (old, new) {
                (Some(old), Some(new)) => self.type_kept(pair, old, new),
                (Some(old), None) => self.type_removed(pair, old),
                (None, Some(new)) if pair.is_own() => {
                    let item = format!("type {}.{}", pair.label, new.name);
                    let what = come(self.new.types.word(new.index), &item, &self.old.left_out);
                    let change = Change::new(ItemKind::Type, &new.name, what);
                    self.push(match self.new.is_resource(new) {
                        true => pair.added(change, "nobody uses it yet"),
                        false => pair.may_be_used(change, "nobody uses it yet"),
                    });
                }
                (None, _) => {}
            }
        }
    }

    fn type_kept(&mut self, pair: Pair<'_>, old: &TypeDef, new: &TypeDef) {
        for found in self.type_changes(old, new) {
            self.found.push(Found { change: found.change.within(pair.label).weighed(), ..found });
        }
        if pair.is_own() {
            let change = deprecation(ItemKind::Type, &new.name, &old.deprecated, &new.deprecated);
            change.into_iter().for_each(|change| self.push(change.within(pair.label)));
        }
    }

    /// What is different about a type that both versions have.
    pub(super) fn type_changes(&mut self, old: &TypeDef, new: &TypeDef) -> Vec<Found> {
        let (was, is) = (self.old.types.word(old.index), self.new.types.word(new.index));
        let change = |what: String| Change::new(ItemKind::Type, &new.name, what);
        if self.is_same(old.index, new.index) {
            let what = format!("the {was} is now {}", article(is));
            let effect = Effect::compatible("what it stands for has the same structure");
            return match was == is {
                true => Vec::new(),
                false => vec![Found { change: change(what).callers(effect), of_type: None }],
            };
        }
        // Who reaches it is added to the reason once every type has been compared.
        let effect = Effect::breaking("components that know the type know another one");
        let mut found = Vec::new();
        if was != is {
            let change = change(format!("the {was} is now {}", article(is))).callers(effect.clone());
            found.push(Found { change, of_type: Some(old.index) });
        }
        match self.definition(old.index, new.index) {
            Some(what) => {
                found.push(Found { change: change(what).callers(effect), of_type: Some(old.index) });
            }
            None if found.is_empty() => self.unsaid.push(Unsaid::of_type(&old.name, old.index)),
            None => {}
        }
        found
    }

    fn type_removed(&mut self, pair: Pair<'_>, old: &TypeDef) {
        // What is reached no longer may still be there.
        if pair.extent == super::interfaces::Extent::Reached {
            return;
        }
        let item = format!("type {}.{}", pair.label, old.name);
        let word = self.old.types.word(old.index);
        let what = gone(word, &item, &self.new.left_out);
        let reason = match word {
            "resource" => "components that import it or its functions no longer link",
            "alias" | "used type" => {
                "its name stands in the interface that components were linked with, and packages `use` it"
            }
            _ => "components that import the type no longer link, and packages `use` it",
        };
        let change = Change::new(ItemKind::Type, &old.name, what).within(pair.label);
        self.push(change.callers(Effect::breaking(reason)).at_least(Bump::Breaking));
    }
}

fn article(word: &str) -> String {
    match word {
        "flags" => "flags".to_owned(),
        "alias" | "enum" => format!("an {word}"),
        _ => format!("a {word}"),
    }
}
