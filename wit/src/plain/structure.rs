//! Numbers for the structure of types: names written out, aliases followed, resources by their full names.
//! Types of two packages are numbered by one list, so that equal numbers are all that a comparison asks for.
//! Invariant: two types have the same number if and only if a component that knows the one can be given the other.

use super::types::{Shape, TypeIndex, Types};
use std::collections::HashMap;

/// The structures that were met so far.
#[derive(Default)]
pub(super) struct Structures {
    numbers: HashMap<Structure, u32>,
}

/// One level of a type: what it is, the names in it, and the numbers of what it is made of. Where there may be nothing, 0
/// stands for nothing and every other number is one more.
#[derive(PartialEq, Eq, Hash)]
struct Structure {
    kind: &'static str,
    names: Vec<String>,
    parts: Vec<u32>,
}

impl Structures {
    /// The number of each type.
    pub(super) fn number(&mut self, types: &Types) -> Vec<u32> {
        let mut numbers = vec![0; types.entries.len()];
        for index in types.bottom_up() {
            let position = index.0 as usize;
            numbers[position] = match types.shape(index) {
                Shape::Alias(target) => numbers[target.0 as usize],
                _ => self.number_of(structure(types, index, &numbers)),
            };
        }
        numbers
    }

    fn number_of(&mut self, structure: Structure) -> u32 {
        let next = u32::try_from(self.numbers.len()).expect("sources of 8 MiB have fewer types");
        *self.numbers.entry(structure).or_insert(next)
    }
}

fn structure(types: &Types, index: TypeIndex, numbers: &[u32]) -> Structure {
    let number = |ty: &TypeIndex| numbers[ty.0 as usize];
    let maybe = |ty: &Option<TypeIndex>| ty.as_ref().map_or(0, |ty| number(ty) + 1);
    let with = |kind, names: Vec<String>, parts: Vec<u32>| Structure { kind, names, parts };
    match types.shape(index) {
        Shape::Primitive(name) => with("primitive", vec![(*name).to_owned()], Vec::new()),
        Shape::Record(fields) => with(
            "record",
            fields.iter().map(|(name, _)| name.clone()).collect(),
            fields.iter().map(|(_, ty)| number(ty)).collect(),
        ),
        Shape::Variant(cases) => with(
            "variant",
            cases.iter().map(|(name, _)| name.clone()).collect(),
            cases.iter().map(|(_, ty)| maybe(ty)).collect(),
        ),
        Shape::Enum(names) => with("enum", names.clone(), Vec::new()),
        Shape::Flags(names) => with("flags", names.clone(), Vec::new()),
        Shape::Tuple(parts) => with("tuple", Vec::new(), parts.iter().map(number).collect()),
        Shape::Option(ty) => with("option", Vec::new(), vec![number(ty)]),
        Shape::Result { ok, err } => with("result", Vec::new(), vec![maybe(ok), maybe(err)]),
        Shape::List(ty) => with("list", Vec::new(), vec![number(ty)]),
        Shape::FixedList(ty, length) => with("fixed list", Vec::new(), vec![number(ty), *length]),
        Shape::Map(key, value) => with("map", Vec::new(), vec![number(key), number(value)]),
        Shape::Future(ty) => with("future", Vec::new(), vec![maybe(ty)]),
        Shape::Stream(ty) => with("stream", Vec::new(), vec![maybe(ty)]),
        Shape::Own(ty) => with("own", Vec::new(), vec![number(ty)]),
        Shape::Borrow(ty) => with("borrow", Vec::new(), vec![number(ty)]),
        Shape::Resource => {
            let name = types.get(index).name.as_ref();
            let names = name.map(|name| vec![name.place.key(), name.name.clone()]);
            with("resource", names.unwrap_or_default(), Vec::new())
        }
        // An alias has the number of its target.
        Shape::Alias(ty) => with("alias", Vec::new(), vec![number(ty)]),
    }
}
