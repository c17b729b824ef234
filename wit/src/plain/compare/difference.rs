//! Where two types differ first. A type that has a name in both versions is compared where it is declared, once, and
//! not wherever it is used.
//! Invariant: types of one structure never differ.

use super::Changes;
use crate::evolution::difference::{abbreviated, names_differ};
use crate::plain::types::{Shape, TypeIndex, Types};

/// How many types deep a difference is looked for; further in, only that there is one is said.
const MAX_DEPTH: usize = 32;

impl Changes<'_> {
    /// Whether two types have one structure.
    pub(super) fn is_same(&self, old: TypeIndex, new: TypeIndex) -> bool {
        self.old_numbers[old.0 as usize] == self.new_numbers[new.0 as usize]
    }

    /// The first difference between two types where they are used; none also where a type that both versions name the
    /// same way tells it at its own place.
    pub(super) fn difference(&self, old: TypeIndex, new: TypeIndex) -> Option<String> {
        self.used(old, new, 0)
    }

    /// The same of two types where they are declared.
    pub(super) fn definition(&self, old: TypeIndex, new: TypeIndex) -> Option<String> {
        if self.is_same(old, new) {
            return None;
        }
        match (self.old.types.shape(old), self.new.types.shape(new)) {
            (Shape::Alias(old), Shape::Alias(new)) => self.used(*old, *new, 0),
            _ => self.shapes(self.old.types.origin(old), self.new.types.origin(new), 0),
        }
    }

    fn used(&self, old: TypeIndex, new: TypeIndex, depth: usize) -> Option<String> {
        if self.is_same(old, new) || self.is_one_name(old, new) {
            return None;
        }
        let (old_types, new_types) = (&self.old.types, &self.new.types);
        let is_named = |types: &Types, index| types.get(index).name.is_some();
        if is_named(old_types, old) || is_named(new_types, new) {
            let (was, is) = (shown(old_types, old), shown(new_types, new));
            if was != is {
                let origins = (old_types.origin(old), new_types.origin(new));
                let told = !is_resource(old_types, old) && self.is_one_name(origins.0, origins.1);
                return (!told).then(|| format!("{was} became {is}"));
            }
        }
        let (old, new) = (old_types.origin(old), new_types.origin(new));
        if self.is_one_name(old, new) { None } else { self.shapes(old, new, depth + 1) }
    }

    /// Whether both versions have this type by one name. A resource that is owned goes by its name.
    fn is_one_name(&self, old: TypeIndex, new: TypeIndex) -> bool {
        let owned = |types: &Types, index| match types.shape(index) {
            Shape::Own(resource) => *resource,
            _ => index,
        };
        let (old, new) = (owned(&self.old.types, old), owned(&self.new.types, new));
        match (&self.old.types.get(old).name, &self.new.types.get(new).name) {
            (Some(old), Some(new)) => old.name == new.name && old.place.key() == new.place.key(),
            _ => false,
        }
    }

    fn shapes(&self, old: TypeIndex, new: TypeIndex, depth: usize) -> Option<String> {
        if depth > MAX_DEPTH {
            return Some("there is a difference deep inside it".to_owned());
        }
        let inside = |what: &str, old: &TypeIndex, new: &TypeIndex| {
            self.used(*old, *new, depth + 1).map(|found| format!("{what}: {found}"))
        };
        let maybe = |what: &str, old: &Option<TypeIndex>, new: &Option<TypeIndex>| match (old, new) {
            (Some(old), Some(new)) => inside(what, old, new),
            (None, None) => None,
            (Some(old), None) => Some(format!("{what}: {} is gone", shown(&self.old.types, *old))),
            (None, Some(new)) => Some(format!("{what}: {} is added", shown(&self.new.types, *new))),
        };
        match (self.old.types.shape(old), self.new.types.shape(new)) {
            (Shape::Record(old), Shape::Record(new)) => {
                names_differ("field", &names(old), &names(new), false).or_else(|| {
                    old.iter().zip(new).find_map(|((name, old), (_, new))| {
                        inside(&format!("in its field `{name}`"), old, new)
                    })
                })
            }
            (Shape::Variant(old), Shape::Variant(new)) => {
                names_differ("case", &names(old), &names(new), false).or_else(|| {
                    old.iter()
                        .zip(new)
                        .find_map(|((name, old), (_, new))| maybe(&format!("in its case `{name}`"), old, new))
                })
            }
            (Shape::Enum(old), Shape::Enum(new)) => names_differ("case", old, new, false),
            (Shape::Flags(old), Shape::Flags(new)) => names_differ("flag", old, new, false),
            (Shape::Tuple(old), Shape::Tuple(new)) if old.len() == new.len() => (1..)
                .zip(old.iter().zip(new))
                .find_map(|(number, (old, new))| inside(&format!("in its element {number}"), old, new)),
            (Shape::Option(old), Shape::Option(new)) => inside("in its `some`", old, new),
            (Shape::List(old), Shape::List(new)) => inside("in its elements", old, new),
            (Shape::FixedList(old, length), Shape::FixedList(new, as_long)) if length == as_long => {
                inside("in its elements", old, new)
            }
            (Shape::Result { ok, err }, Shape::Result { ok: new_ok, err: new_err }) => {
                maybe("in its `ok`", ok, new_ok).or_else(|| maybe("in its `err`", err, new_err))
            }
            (Shape::Map(key, value), Shape::Map(new_key, new_value)) => {
                inside("in its keys", key, new_key).or_else(|| inside("in its values", value, new_value))
            }
            (Shape::Future(old), Shape::Future(new)) | (Shape::Stream(old), Shape::Stream(new)) => {
                maybe("in what it carries", old, new)
            }
            (Shape::Own(old), Shape::Own(new)) | (Shape::Borrow(old), Shape::Borrow(new)) => {
                self.used(*old, *new, depth + 1)
            }
            (Shape::Resource, Shape::Resource) => Some(format!(
                "the resource {} became {}",
                resource(&self.old.types, old, &self.old.name),
                resource(&self.new.types, new, &self.new.name)
            )),
            _ => {
                let (was, is) = (shown(&self.old.types, old), shown(&self.new.types, new));
                let whole = |text: &str, types: &Types, index| match was == is {
                    true => types.structure(index),
                    false => text.to_owned(),
                };
                Some(format!(
                    "{} became {}",
                    whole(&was, &self.old.types, old),
                    whole(&is, &self.new.types, new)
                ))
            }
        }
    }
}

fn names<T>(parts: &[(String, T)]) -> Vec<String> {
    parts.iter().map(|(name, _)| name.clone()).collect()
}

fn is_resource(types: &Types, index: TypeIndex) -> bool {
    matches!(types.shape(types.origin(index)), Shape::Resource)
}

fn resource(types: &Types, index: TypeIndex, own: &crate::plain::PlainName) -> String {
    let name = types.get(index).name.as_ref();
    name.map_or_else(|| "resource".to_owned(), |name| format!("`{}.{}`", name.place.shown(own), name.name))
}

/// A type as text, or what kind of type it is where that would be too long.
pub(super) fn shown(types: &Types, index: TypeIndex) -> String {
    abbreviated(types.text(index))
}
