//! Interfaces: added, removed, and what stands in those that both versions have. Of other packages' interfaces only that
//! is told which takes something away.

use super::{Changes, come, deprecation, docs, gone};
use crate::diff::{Bump, Change, Effect, ItemKind, paired};
use crate::plain::name::Place;
use crate::plain::package::{Interface, Package, WorldItemKind};

/// An interface of the old version and the same one of the new.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) label: &'a str,
    pub(super) old: &'a Interface,
    pub(super) new: &'a Interface,
    pub(super) extent: Extent,
    /// Whether it is the components that have to export it, so that whatever is added is missing in those that are there.
    pub(super) is_demanded: bool,
}

/// Why more exports break components.
pub(super) const DEMANDED: &str = "components that were built for the world do not export it";

/// How much of an interface is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it: it is the package's own.
    Own,
    /// It is another package's, and a world names it.
    Named,
    /// It is another package's, and only what signatures reach is known of it.
    Reached,
}

impl Pair<'_> {
    pub(super) fn is_own(&self) -> bool {
        self.extent == Extent::Own
    }

    /// A function or resource that is new.
    pub(super) fn added(&self, change: Change, reason: &str) -> Change {
        match self.is_demanded {
            true => change.callers(Effect::breaking(DEMANDED)),
            false => self.may_be_used(change, reason),
        }
    }

    /// Something that callers may use and nobody does yet.
    pub(super) fn may_be_used(&self, change: Change, reason: &str) -> Change {
        change.within(self.label).callers(Effect::compatible(reason)).at_least(Bump::Minor)
    }
}

impl Changes<'_> {
    pub(super) fn interfaces(&mut self) {
        let (old, new) = (self.old, self.new);
        for pair in paired(&old.interfaces, &new.interfaces, |interface| interface.place.key()) {
            match pair {
                (Some(old), Some(new)) => {
                    let label = new.place.label();
                    self.interface_kept(Pair {
                        label: &label,
                        old,
                        new,
                        extent: Extent::Own,
                        is_demanded: false,
                    });
                }
                (Some(old), None) => self.interface_removed(old),
                (None, Some(new)) => {
                    let name = new.place.label();
                    let what = come("interface", &format!("interface {name}"), &self.old.left_out);
                    let change = Change::new(ItemKind::Interface, name, what);
                    let effect = Effect::compatible("nobody imports it yet");
                    self.push(change.callers(effect).at_least(Bump::Minor));
                }
                (None, None) => {}
            }
        }
        for pair in paired(&old.foreign, &new.foreign, |interface| interface.place.key()) {
            if let (Some(was), Some(is)) = pair {
                let is_named = is_named(old, &was.place) && is_named(new, &is.place);
                let extent = if is_named { Extent::Named } else { Extent::Reached };
                let label = is.place.label();
                self.interface_kept(Pair { label: &label, old: was, new: is, extent, is_demanded: false });
            }
        }
    }

    pub(super) fn interface_kept(&mut self, pair: Pair<'_>) {
        self.types(pair);
        self.functions(pair);
        if pair.is_own() {
            let change =
                deprecation(ItemKind::Interface, pair.label, &pair.old.deprecated, &pair.new.deprecated);
            change.into_iter().for_each(|change| self.push(change));
            docs::of_interface(pair.label, pair.old, pair.new)
                .into_iter()
                .for_each(|change| self.push(change));
        }
    }

    fn interface_removed(&mut self, old: &Interface) {
        let name = old.place.label();
        let what = gone("interface", &format!("interface {name}"), &self.new.left_out);
        let effect = Effect::breaking("components that import it no longer link");
        self.push(Change::new(ItemKind::Interface, name, what).callers(effect));
    }
}

/// Whether a world of the package names an interface, so that all of it is known.
fn is_named(package: &Package, place: &Place) -> bool {
    let mut items = package.worlds.iter().flat_map(|world| world.imports.iter().chain(&world.exports));
    items.any(|item| matches!(&item.kind, WorldItemKind::Interface { place: named, .. } if named == place))
}
