//! The types of a plain package, each once, and how they are written in WIT.
//! Names and structure stand side by side, for a name is how people know a type and its structure is what links.
//! Invariant: an index is used only with the list of types that gave it.

use super::name::{Place, PlainName};
use crate::identifier::wit_identifier;
use std::fmt::Write;

/// A type of a package, as its position among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeIndex(pub(super) u32);

/// All types of a package and of those that it depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    pub(super) entries: Vec<Entry>,
}

/// A type, and its name if it has one.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Option<TypeName>,
    pub(super) shape: Shape,
}

/// Where a named type is declared, and its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeName {
    pub(super) place: Place,
    pub(super) name: String,
}

/// What a type is made of.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Primitive(&'static str),
    Record(Vec<(String, TypeIndex)>),
    Variant(Vec<(String, Option<TypeIndex>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Tuple(Vec<TypeIndex>),
    Option(TypeIndex),
    Result {
        ok: Option<TypeIndex>,
        err: Option<TypeIndex>,
    },
    List(TypeIndex),
    FixedList(TypeIndex, u32),
    Map(TypeIndex, TypeIndex),
    Future(Option<TypeIndex>),
    Stream(Option<TypeIndex>),
    Own(TypeIndex),
    Borrow(TypeIndex),
    /// A type that only its name tells from others.
    Resource,
    /// A name for another type: `type`, or `use`.
    Alias(TypeIndex),
}

impl Shape {
    /// The types that it is made of.
    pub(super) fn parts(&self) -> Vec<TypeIndex> {
        match self {
            Shape::Primitive(_) | Shape::Enum(_) | Shape::Flags(_) | Shape::Resource => Vec::new(),
            Shape::Record(fields) => fields.iter().map(|(_, ty)| *ty).collect(),
            Shape::Variant(cases) => cases.iter().filter_map(|(_, ty)| *ty).collect(),
            Shape::Tuple(parts) => parts.clone(),
            Shape::Result { ok, err } => ok.iter().chain(err).copied().collect(),
            Shape::Map(key, value) => vec![*key, *value],
            Shape::Future(ty) | Shape::Stream(ty) => ty.iter().copied().collect(),
            Shape::Option(ty)
            | Shape::List(ty)
            | Shape::FixedList(ty, _)
            | Shape::Own(ty)
            | Shape::Borrow(ty)
            | Shape::Alias(ty) => vec![*ty],
        }
    }
}

impl Types {
    pub(super) fn get(&self, index: TypeIndex) -> &Entry {
        &self.entries[index.0 as usize]
    }

    pub(super) fn shape(&self, index: TypeIndex) -> &Shape {
        &self.get(index).shape
    }

    /// What a name stands for in the end.
    pub(super) fn origin(&self, mut index: TypeIndex) -> TypeIndex {
        while let Shape::Alias(target) = self.shape(index) {
            index = *target;
        }
        index
    }

    /// Whether a named type only brings one from another place.
    pub(super) fn is_use(&self, index: TypeIndex) -> bool {
        let entry = self.get(index);
        let Shape::Alias(target) = entry.shape else { return false };
        match (&entry.name, &self.get(target).name) {
            (Some(name), Some(of)) => name.place != of.place,
            _ => false,
        }
    }

    /// Every type by way of which a type is made, each before those that are made of it, and every type once. It calls
    /// nothing again and again, for a chain of types can be as long as a file.
    pub(super) fn bottom_up(&self) -> Vec<TypeIndex> {
        let mut order = Vec::with_capacity(self.entries.len());
        let mut is_met = vec![false; self.entries.len()];
        for start in 0..self.entries.len() {
            // A type waits with the parts that are still to come.
            let mut waiting = Vec::new();
            let mut enter = |index: TypeIndex, waiting: &mut Vec<(TypeIndex, Vec<TypeIndex>)>| {
                if !std::mem::replace(&mut is_met[index.0 as usize], true) {
                    waiting.push((index, self.shape(index).parts()));
                }
            };
            enter(index_of(start), &mut waiting);
            while let Some((index, parts)) = waiting.last_mut() {
                match parts.pop() {
                    Some(part) => enter(part, &mut waiting),
                    None => {
                        order.push(*index);
                        waiting.pop();
                    }
                }
            }
        }
        order
    }

    /// A type as it is written where it is used.
    pub(super) fn text(&self, index: TypeIndex) -> String {
        let entry = self.get(index);
        match &entry.name {
            Some(name) => wit_identifier(&name.name).to_string(),
            None => self.structure(index),
        }
    }

    /// A type without its name.
    pub(super) fn structure(&self, index: TypeIndex) -> String {
        let text = |ty: &TypeIndex| self.text(*ty);
        let maybe = |ty: &Option<TypeIndex>| ty.as_ref().map_or_else(|| "_".to_owned(), text);
        let of = |what: &str, ty: &Option<TypeIndex>| match ty {
            Some(ty) => format!("{what}<{}>", self.text(*ty)),
            None => what.to_owned(),
        };
        match self.shape(index) {
            Shape::Primitive(name) => (*name).to_owned(),
            Shape::Record(fields) => {
                braced("record", fields.iter().map(|(name, ty)| format!("{}: {}", id(name), text(ty))))
            }
            Shape::Variant(cases) => braced(
                "variant",
                cases.iter().map(|(name, ty)| match ty {
                    Some(ty) => format!("{}({})", id(name), text(ty)),
                    None => id(name),
                }),
            ),
            Shape::Enum(names) => braced("enum", names.iter().map(|name| id(name))),
            Shape::Flags(names) => braced("flags", names.iter().map(|name| id(name))),
            Shape::Tuple(parts) => {
                format!("tuple<{}>", parts.iter().map(text).collect::<Vec<_>>().join(", "))
            }
            Shape::Option(ty) => format!("option<{}>", text(ty)),
            Shape::Result { ok: None, err: None } => "result".to_owned(),
            Shape::Result { ok, err: None } => format!("result<{}>", maybe(ok)),
            Shape::Result { ok, err } => format!("result<{}, {}>", maybe(ok), maybe(err)),
            Shape::List(ty) => format!("list<{}>", text(ty)),
            Shape::FixedList(ty, length) => format!("list<{}, {length}>", text(ty)),
            Shape::Map(key, value) => format!("map<{}, {}>", text(key), text(value)),
            Shape::Future(ty) => of("future", ty),
            Shape::Stream(ty) => of("stream", ty),
            // A resource by its name alone is owned.
            Shape::Own(ty) | Shape::Alias(ty) => text(ty),
            Shape::Borrow(ty) => format!("borrow<{}>", text(ty)),
            Shape::Resource => "resource".to_owned(),
        }
    }

    /// A named type as it is declared.
    pub(super) fn definition(&self, name: &str, index: TypeIndex, own: &PlainName) -> String {
        let name = id(name);
        match self.shape(index) {
            Shape::Alias(target) if self.is_use(index) => {
                let Some(of) = &self.get(*target).name else { return format!("use {name}") };
                let mut text = format!("use {}.{{{}", of.place.shown(own), id(&of.name));
                if id(&of.name) != name {
                    let _ = write!(text, " as {name}");
                }
                text + "}"
            }
            Shape::Alias(target) => format!("type {name} = {}", self.text(*target)),
            Shape::Resource => format!("resource {name}"),
            Shape::Record(_) | Shape::Variant(_) | Shape::Enum(_) | Shape::Flags(_) => {
                let text = self.structure(index);
                let (kind, body) = text.split_once(' ').unwrap_or((&text, ""));
                format!("{kind} {name} {body}")
            }
            _ => format!("type {name} = {}", self.structure(index)),
        }
    }

    /// What kind of type a name stands for, in one word.
    pub(super) fn word(&self, index: TypeIndex) -> &'static str {
        match self.shape(index) {
            Shape::Record(_) => "record",
            Shape::Variant(_) => "variant",
            Shape::Enum(_) => "enum",
            Shape::Flags(_) => "flags",
            Shape::Resource => "resource",
            Shape::Alias(_) if self.is_use(index) => "used type",
            _ => "alias",
        }
    }
}

pub(super) fn index_of(position: usize) -> TypeIndex {
    TypeIndex(u32::try_from(position).expect("sources of 8 MiB have fewer types"))
}

fn id(name: &str) -> String {
    wit_identifier(name).to_string()
}

fn braced(kind: &str, parts: impl Iterator<Item = String>) -> String {
    format!("{kind} {{ {} }}", parts.collect::<Vec<_>>().join(", "))
}
