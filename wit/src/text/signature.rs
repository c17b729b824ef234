//! Types and signatures in WIT syntax, on one line, for messages.
//! Names of types are gone by the time a type is structural, so records stand where they are used.
//! Invariant: names that WIT would take for a keyword are escaped with `%`, as WIT demands.

use interstice_codec::ValueType;
use std::fmt::{self, Display, Write};

/// The words that WIT keeps for itself, as wit-parser 0.254 has them.
const KEYWORDS: [&str; 43] = [
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

/// A type in WIT syntax: `record { id: u64, owner: option<string> }`.
pub fn type_text(ty: &ValueType) -> String {
    TypeText(ty).to_string()
}

/// A function in WIT syntax: `transfer: func(source: u64, target: u64)`.
pub fn signature_text<N: AsRef<str>>(function: &str, params: &[(N, ValueType)]) -> String {
    let mut text = format!("{}: func(", Name(function));
    for (index, (name, ty)) in params.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let name = Name(name.as_ref());
        write!(text, "{comma}{name}: {}", TypeText(ty)).expect("a string takes all text");
    }
    text + ")"
}

/// A name, escaped where WIT demands it.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if KEYWORDS.contains(&self.0) {
            f.write_str("%")?;
        }
        f.write_str(self.0)
    }
}

struct TypeText<'a>(&'a ValueType);

impl Display for TypeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueType::List(element) => write!(f, "list<{}>", TypeText(element)),
            ValueType::Option(some) => write!(f, "option<{}>", TypeText(some)),
            ValueType::Result { ok: None, err: None } => f.write_str("result"),
            ValueType::Result { ok: Some(ok), err: None } => write!(f, "result<{}>", TypeText(ok)),
            ValueType::Result { ok: None, err: Some(err) } => write!(f, "result<_, {}>", TypeText(err)),
            ValueType::Result { ok: Some(ok), err: Some(err) } => {
                write!(f, "result<{}, {}>", TypeText(ok), TypeText(err))
            }
            ValueType::Tuple(types) => {
                f.write_str("tuple<")?;
                commas(f, types, |f, ty| TypeText(ty).fmt(f))?;
                f.write_str(">")
            }
            ValueType::Record(fields) => braces(f, "record", fields, |f, field| {
                write!(f, "{}: {}", Name(&field.name), TypeText(&field.ty))
            }),
            ValueType::Variant(cases) => braces(f, "variant", cases, |f, case| match &case.ty {
                None => Name(&case.name).fmt(f),
                Some(ty) => write!(f, "{}({})", Name(&case.name), TypeText(ty)),
            }),
            ValueType::Enum(cases) => braces(f, "enum", cases, |f, case| Name(case).fmt(f)),
            ValueType::Flags(flags) => braces(f, "flags", flags, |f, flag| Name(flag).fmt(f)),
            scalar => f.write_str(scalar.kind()),
        }
    }
}

fn braces<T>(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return write!(f, "{keyword} {{}}");
    }
    write!(f, "{keyword} {{ ")?;
    commas(f, items, write)?;
    f.write_str(" }")
}

fn commas<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}
