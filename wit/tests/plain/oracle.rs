//! The comparison held against another way to the same answer: every function and type of an interface written out as
//! text, so that callers go on if and only if each text that was there is there.

use crate::{check_form, lines, package};
use interstice_wit::diff::Verdict;
use interstice_wit::plain::compare;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeOwner};

/// 3,000 pairs; `PROPTEST_CASES` says how many else.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(3_000), ..ProptestConfig::default() }
}

/// Every item of a package with its structure, names of types written out but for resources.
fn items(text: &str) -> BTreeSet<String> {
    let mut resolve = Resolve::new();
    let root = resolve.push_str("root.wit", text).unwrap();
    let mut items = BTreeSet::new();
    for (interface, id) in &resolve.packages[root].interfaces {
        items.insert(interface.clone());
        let declared = &resolve.interfaces[*id];
        for (name, id) in &declared.types {
            items.insert(format!("{interface}.{name} = {}", structure(&resolve, &Type::Id(*id))));
        }
        for (name, function) in &declared.functions {
            let params = function.params.iter();
            let params: Vec<_> =
                params.map(|param| format!("{}: {}", param.name, structure(&resolve, &param.ty))).collect();
            let result = function.result.as_ref().map(|ty| structure(&resolve, ty));
            items.insert(format!("{interface}.{name} ({}) {result:?}", params.join(", ")));
        }
    }
    items
}

fn structure(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}") };
    let def = &resolve.types[*id];
    let text = |ty: &Type| structure(resolve, ty);
    let maybe = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), text);
    match &def.kind {
        TypeDefKind::Type(ty) => text(ty),
        TypeDefKind::Resource => {
            let TypeOwner::Interface(owner) = def.owner else { panic!("a resource of an interface") };
            format!("resource {:?}.{:?}", resolve.interfaces[owner].name, def.name)
        }
        TypeDefKind::Handle(Handle::Own(id)) => format!("own {}", text(&Type::Id(*id))),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow {}", text(&Type::Id(*id))),
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            format!("record {:?}", fields.map(|field| (&field.name, text(&field.ty))).collect::<Vec<_>>())
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            format!("variant {:?}", cases.map(|case| (&case.name, maybe(&case.ty))).collect::<Vec<_>>())
        }
        TypeDefKind::Enum(of) => format!("enum {:?}", of.cases.iter().map(|c| &c.name).collect::<Vec<_>>()),
        TypeDefKind::Flags(of) => format!("flags {:?}", of.flags.iter().map(|f| &f.name).collect::<Vec<_>>()),
        TypeDefKind::List(ty) => format!("list {}", text(ty)),
        TypeDefKind::Option(ty) => format!("option {}", text(ty)),
        TypeDefKind::Result(result) => format!("result {} {}", maybe(&result.ok), maybe(&result.err)),
        other => panic!("none is made: {}", other.as_str()),
    }
}

/// What decides about a package, a byte after the other; after the last one come zeros.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn below(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % sides
    }

    /// A type where it is used, made of those that are declared before.
    fn used(&mut self, declared: &[String], depth: usize) -> String {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => "u8".to_owned(),
            1 => "string".to_owned(),
            2..=5 if !declared.is_empty() => declared[self.below(declared.len())].clone(),
            6 => format!("list<{}>", self.used(declared, depth - 1)),
            7 => format!("option<{}>", self.used(declared, depth - 1)),
            8 => format!("result<{}, {}>", self.used(declared, depth - 1), self.used(declared, depth - 1)),
            _ => "u16".to_owned(),
        }
    }

    fn package(mut self) -> String {
        let mut text = "package a:b@1.0.0;\n".to_owned();
        let mut exported: Vec<String> = Vec::new();
        for interface in ["one", "two"] {
            let mut declared: Vec<String> = Vec::new();
            writeln!(text, "interface {interface} {{").unwrap();
            for name in exported.clone() {
                if self.below(2) == 0 {
                    writeln!(text, "  use one.{{{name}}};").unwrap();
                    declared.push(name);
                }
            }
            for number in 0..self.below(5) {
                let name = format!("{}{number}", if interface == "one" { "a" } else { "b" });
                let line = match self.below(7) {
                    0 => format!("enum {name} {{ x{} }}", ["", ", y", ", y, z"][self.below(3)]),
                    1 => format!("flags {name} {{ x{} }}", ["", ", y"][self.below(2)]),
                    2 => format!("type {name} = {};", self.used(&declared, 2)),
                    3 => format!("variant {name} {{ x, y({}) }}", self.used(&declared, 1)),
                    4 => format!("resource {name};"),
                    _ => {
                        let more = if self.below(2) == 0 {
                            "".to_owned()
                        } else {
                            format!(", y: {}", self.used(&declared, 1))
                        };
                        format!("record {name} {{ x: {}{more} }}", self.used(&declared, 1))
                    }
                };
                writeln!(text, "  {line}").unwrap();
                declared.push(name);
            }
            for number in 0..self.below(4) {
                let mut params = String::new();
                for name in ["p", "q"].into_iter().take(self.below(3)) {
                    write!(params, "{name}: {}, ", self.used(&declared, 2)).unwrap();
                }
                let result = if self.below(2) == 0 {
                    "".to_owned()
                } else {
                    format!(" -> {}", self.used(&declared, 2))
                };
                writeln!(text, "  f{number}: func({params}){result};").unwrap();
            }
            text.push_str("}\n");
            exported = declared;
        }
        text
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn callers_go_on_if_and_only_if_all_that_was_there_is_there(
        bytes in prop::collection::vec(any::<u8>(), 10..60),
        edits in prop::collection::vec((0usize..60, any::<u8>()), 0..3),
    ) {
        let mut others = bytes.clone();
        for (at, byte) in edits {
            let at = at % others.len();
            others[at] = byte;
        }
        let (old, new) = (Dice(bytes.iter()).package(), Dice(others.iter()).package());
        let comparison = compare(&package(&old), &package(&new));
        check_form(&comparison);
        let (was, is) = (items(&old), items(&new));
        let told = lines(&comparison).join("\n");
        prop_assert_eq!(comparison.callers == Verdict::Compatible, was.is_subset(&is), "{}\n{}\n{}", old, new, told);
        if was == is {
            prop_assert!(comparison.changes.iter().all(|change| change.callers.verdict == Verdict::Compatible));
        }
        prop_assert_eq!(compare(&package(&old), &package(&old)).changes, []);
    }
}
