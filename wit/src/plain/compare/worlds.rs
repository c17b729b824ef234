//! Worlds: what a component that was built for one may import and has to export. An import that is added concerns hosts
//! alone; an export that is added is one that no component has yet.

use super::functions::word;
use super::interfaces::{DEMANDED, Extent, Pair};
use super::{Changes, come, deprecation, docs, gone};
use crate::diff::{Bump, Change, Effect, ItemKind, paired};
use crate::plain::name::Place;
use crate::plain::package::{Interface, Package, World, WorldItem, WorldItemKind};

/// On which side of a world something stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Import,
    Export,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Side::Import => "import",
            Side::Export => "export",
        }
    }

    fn items(self, world: &World) -> &[WorldItem] {
        match self {
            Side::Import => &world.imports,
            Side::Export => &world.exports,
        }
    }

    /// What it means that there is more of it.
    fn more(self) -> (Effect, Bump) {
        match self {
            Side::Import => (
                Effect::compatible("components that were built for the world go on; hosts must provide more"),
                Bump::Minor,
            ),
            Side::Export => (Effect::breaking(DEMANDED), Bump::Breaking),
        }
    }

    /// What it means that there is less of it.
    fn less(self) -> Effect {
        Effect::breaking(match self {
            Side::Import => {
                "components that were built for the world may import it, and nobody has to provide it"
            }
            Side::Export => {
                "hosts and components that call it of a component that was built for the world no longer find it"
            }
        })
    }
}

impl Changes<'_> {
    pub(super) fn worlds(&mut self) {
        for pair in paired(&self.old.worlds, &self.new.worlds, |world| world.name.as_str()) {
            match pair {
                (Some(old), Some(new)) => self.world_kept(old, new),
                (Some(old), None) => {
                    let what = gone("world", &format!("world {}", old.name), &self.new.left_out);
                    let effect = Effect::breaking("components are built for it, and packages include it");
                    self.push(Change::new(ItemKind::World, &old.name, what).callers(effect));
                }
                (None, Some(new)) => {
                    let what = come("world", &format!("world {}", new.name), &self.old.left_out);
                    let effect = Effect::compatible("no component was built for it yet");
                    let change = Change::new(ItemKind::World, &new.name, what).callers(effect);
                    self.push(change.at_least(Bump::Minor));
                }
                (None, None) => {}
            }
        }
    }

    fn world_kept(&mut self, old: &World, new: &World) {
        for side in [Side::Import, Side::Export] {
            let key = |item: &WorldItem| (is_type(item), key(item));
            let pairs = paired(side.items(old), side.items(new), key);
            for pair in &pairs {
                match *pair {
                    (Some(was), None) if moved(was, &pairs, false).is_some() => {
                        let is = moved(was, &pairs, false).map(|is| name(is, self.new)).unwrap_or_default();
                        let (word, was) = (side.word(), name(was, self.old));
                        let change = format!("the {word} `{was}` is now `{is}`, on another track");
                        let effect =
                            Effect::breaking("components that were built for the world know the other one");
                        self.push(Change::new(ItemKind::World, &new.name, change).callers(effect));
                    }
                    // It is told with the one in whose place it stands.
                    (None, Some(is)) if moved(is, &pairs, true).is_some() => {}
                    (Some(was), Some(is)) => self.world_item_kept(new, side, was, is),
                    (Some(was), None) => {
                        let name = name(was, self.old);
                        let item = left_out_name(side, &name, was, old);
                        let called = format!("{} `{name}`", kind_word(side, was));
                        let what = gone(&called, &item, &self.new.left_out);
                        self.push(Change::new(ItemKind::World, &old.name, what).callers(side.less()));
                    }
                    (None, Some(is)) => {
                        let name = name(is, self.new);
                        let item = left_out_name(side, &name, is, new);
                        let called = format!("{} `{name}`", kind_word(side, is));
                        let what = come(&called, &item, &self.old.left_out);
                        let (effect, bump) = match is_type(is) {
                            true => (Effect::compatible("nobody uses it yet"), Bump::Minor),
                            false => side.more(),
                        };
                        let change = Change::new(ItemKind::World, &new.name, what);
                        self.push(change.callers(effect).at_least(bump));
                    }
                    (None, None) => {}
                }
            }
        }
        let change = deprecation(ItemKind::World, &new.name, &old.deprecated, &new.deprecated);
        change.into_iter().chain(docs::of_world(old, new)).for_each(|change| self.push(change));
    }

    fn world_item_kept(&mut self, world: &World, side: Side, was: &WorldItem, is: &WorldItem) {
        let name = name(is, self.new);
        let called = format!("{} `{name}`", kind_word(side, is));
        let told = |what: &str| Change::new(ItemKind::World, &world.name, format!("the {called}: {what}"));
        match (&was.kind, &is.kind) {
            (WorldItemKind::Interface { place: old, .. }, WorldItemKind::Interface { place: new, .. }) => {
                if old.key() != new.key() {
                    let what = format!("it is another interface, `{}`", self.new.place_text(new));
                    self.push(told(&what).callers(side.less()));
                } else if side == Side::Export
                    && let (Some(old), Some(new)) = (self.old.interface(old), self.new.interface(new))
                    && let Some(more) = self.more_in(old, new)
                {
                    let (effect, bump) = Side::Export.more();
                    self.push(told(&format!("it has {more} more")).callers(effect).at_least(bump));
                }
            }
            (WorldItemKind::Inline(_, old), WorldItemKind::Inline(_, new)) => {
                self.inline_kept(world, side, &called, old, new);
            }
            (WorldItemKind::Function(old), WorldItemKind::Function(new)) => {
                let found = self.signature(old, new);
                if found.is_empty() && !self.is_one_signature(old, new) {
                    let name = format!("{}.{}", world.name, old.full_name());
                    self.unsaid.push(super::Unsaid::of_function(name, old));
                }
                for what in found {
                    let effect =
                        Effect::breaking("components that were built for the world know another signature");
                    self.push(told(&what).callers(effect));
                }
            }
            (WorldItemKind::Type(old), WorldItemKind::Type(new)) => {
                for found in self.type_changes(old, new) {
                    let change = Change { kind: ItemKind::World, name: world.name.clone(), ..found.change };
                    let change = Change { what: format!("the {called}: {}", change.what), ..change };
                    self.found.push(super::Found { change: change.weighed(), ..found });
                }
            }
            _ => self.push(told("it is something else than it was").callers(side.less())),
        }
        if was.deprecated.is_none()
            && let Some(since) = &is.deprecated
        {
            let effect = Effect::compatible("it is still there, and should not be used in what is new");
            let change = told(&format!("it is deprecated since {since}"));
            self.push(change.callers(effect).at_least(Bump::Minor));
        }
    }

    /// The changes in an interface that the world declares, as changes of the world.
    fn inline_kept(&mut self, world: &World, side: Side, called: &str, old: &Interface, new: &Interface) {
        let before = self.found.len();
        let is_demanded = side == Side::Export;
        self.interface_kept(Pair { label: &world.name, old, new, extent: Extent::Own, is_demanded });
        for found in &mut self.found[before..] {
            let item = match found.change.kind {
                ItemKind::Type | ItemKind::Function => format!("`{}`: ", found.change.name),
                _ => String::new(),
            };
            let what = format!("in its {called}: {item}{}", found.change.what);
            found.change.interface = None;
            found.change.what = what;
            if found.change.kind != ItemKind::Docs {
                found.change.kind = ItemKind::World;
                found.change.name.clone_from(&world.name);
            }
        }
    }

    /// What an exported interface demands of a component that it did not demand before.
    fn more_in(&self, old: &Interface, new: &Interface) -> Option<String> {
        let functions = new
            .functions
            .iter()
            .filter(|function| !old.functions.iter().any(|other| other.full_name() == function.full_name()));
        let functions =
            functions.map(|function| format!("the {} `{}`", word(function), function.full_name()));
        let resources = new
            .types
            .iter()
            .filter(|def| self.new.is_resource(def) && !old.types.iter().any(|other| other.name == def.name));
        let resources = resources.map(|def| format!("the resource `{}`", def.name));
        let more: Vec<_> = resources.chain(functions).collect();
        (!more.is_empty()).then(|| more.join(", "))
    }
}

/// Whether it is a type, which is neither provided nor demanded.
fn is_type(item: &WorldItem) -> bool {
    matches!(item.kind, WorldItemKind::Type(_))
}

/// The interface of another track that stands in the place of this one: of those that went for one that came, and
/// the other way round.
fn moved<'a>(
    item: &WorldItem,
    pairs: &[(Option<&'a WorldItem>, Option<&'a WorldItem>)],
    has_come: bool,
) -> Option<&'a WorldItem> {
    let label = |item: &WorldItem| match &item.kind {
        WorldItemKind::Interface { name: None, place: place @ Place::Foreign { .. } } => Some(place.label()),
        _ => None,
    };
    let wanted = label(item)?;
    let mut others = pairs.iter().filter_map(|pair| match *pair {
        (Some(went), None) if has_come => Some(went),
        (None, Some(came)) if !has_come => Some(came),
        _ => None,
    });
    // Where a world names several of them, none stands for another.
    let all = pairs.iter().flat_map(|(was, is)| was.iter().chain(is));
    let is_single = all.filter(|other| label(other).as_ref() == Some(&wanted)).count() == 2;
    others.find(|other| is_single && label(other).as_ref() == Some(&wanted))
}

/// What is equal in two versions of one item.
fn key(item: &WorldItem) -> String {
    match &item.kind {
        WorldItemKind::Interface { name: Some(name), .. } | WorldItemKind::Inline(name, _) => name.clone(),
        // A place has no blank in it, so that no interface is taken for what has its name.
        WorldItemKind::Interface { name: None, place } => format!("interface {}", place.key()),
        WorldItemKind::Function(function) => function.full_name(),
        WorldItemKind::Type(def) => def.name.clone(),
    }
}

fn name(item: &WorldItem, package: &Package) -> String {
    match &item.kind {
        WorldItemKind::Interface { name: None, place } => package.place_text(place),
        _ => key(item),
    }
}

fn kind_word(side: Side, item: &WorldItem) -> &'static str {
    if is_type(item) { "type" } else { side.word() }
}

/// How the list of what was left out calls it.
fn left_out_name(side: Side, name: &str, item: &WorldItem, world: &World) -> String {
    format!("{} {name} of the world {}", kind_word(side, item), world.name)
}
