//! Types and signatures in WIT syntax, on one line, for messages.
//! Names of types are gone by the time a type is structural, so records stand where they are used.
//! Invariant: names that WIT would take for a keyword are escaped with `%`, as WIT demands.

use crate::identifier::wit_identifier;
use interstice_codec::ValueType;
use std::fmt::{self, Display};

/// What a function takes and what it returns, as far as it is known where a message is written.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a, N> {
    /// The names and types of its parameters.
    pub params: &'a [(N, ValueType)],
    /// The type of its result; where there is none, or it is not known, the signature shows none.
    pub result: Option<&'a ValueType>,
}

impl<'a, N> From<&'a [(N, ValueType)]> for Signature<'a, N> {
    /// The parameters alone.
    fn from(params: &'a [(N, ValueType)]) -> Self {
        Self { params, result: None }
    }
}

/// A type in WIT syntax: `record { id: u64, owner: option<string> }`.
pub fn type_text(ty: &ValueType) -> String {
    TypeText(ty).to_string()
}

/// A function in WIT syntax: `withdraw: func(id: u64, amount: u64) -> option<s64>`.
pub fn signature_text<N: AsRef<str>>(function: &str, signature: &Signature<'_, N>) -> String {
    let params = signature.params.iter();
    let params = params.map(|(name, ty)| format!("{}: {}", wit_identifier(name.as_ref()), TypeText(ty)));
    let params = params.collect::<Vec<_>>().join(", ");
    let result = signature.result.map(|ty| format!(" -> {}", TypeText(ty))).unwrap_or_default();
    format!("{}: func({params}){result}", wit_identifier(function))
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
                write!(f, "{}: {}", wit_identifier(&field.name), TypeText(&field.ty))
            }),
            ValueType::Variant(cases) => braces(f, "variant", cases, |f, case| match &case.ty {
                None => f.write_str(&wit_identifier(&case.name)),
                Some(ty) => write!(f, "{}({})", wit_identifier(&case.name), TypeText(ty)),
            }),
            ValueType::Enum(cases) => braces(f, "enum", cases, |f, case| f.write_str(&wit_identifier(case))),
            ValueType::Flags(flags) => {
                braces(f, "flags", flags, |f, flag| f.write_str(&wit_identifier(flag)))
            }
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
