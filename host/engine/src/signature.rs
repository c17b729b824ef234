//! Comparing what a binary says with what a schema says, type by type.
//! The schema's side leads: a validated schema is of bounded size, a binary may hold types that
//! expand without end.
//! Invariant: two types are equal here exactly if the component model calls them equal, names of
//! fields, cases and flags included.

use interstice_codec::ValueType;
use interstice_wit::{Function, Schema};
use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// The parameters and the result of a function, structurally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) params: Vec<(String, ValueType)>,
    pub(crate) result: Option<ValueType>,
}

impl Signature {
    /// Of a function of a validated schema.
    pub(crate) fn of(schema: &Schema, function: &Function) -> Self {
        Signature {
            params: function
                .params
                .iter()
                .map(|param| (param.name.clone(), schema.value_type(&param.ty)))
                .collect(),
            result: function.result.as_ref().map(|ty| schema.value_type(ty)),
        }
    }

    /// Where a function of a binary differs from this, or `None` if nowhere.
    pub(crate) fn difference(&self, found: &ComponentFunc) -> Option<String> {
        if found.async_() {
            return Some("it is async in the binary".to_owned());
        }
        let count = found.params().len();
        if count != self.params.len() {
            return Some(format!("it takes {count} parameters in the binary, not {}", self.params.len()));
        }
        for ((name, ty), (wanted_name, wanted)) in found.params().zip(&self.params) {
            if name != wanted_name {
                return Some(format!("the parameter `{wanted_name}` is named `{name}` in the binary"));
            }
            if let Some(difference) = difference(&ty, wanted) {
                return Some(format!("the parameter `{name}`{difference}"));
            }
        }
        match (found.results().next(), &self.result) {
            (None, None) => None,
            (Some(_), None) => Some("it returns a value in the binary".to_owned()),
            (None, Some(_)) => Some("it returns nothing in the binary".to_owned()),
            (Some(ty), Some(wanted)) => {
                difference(&ty, wanted).map(|difference| format!("the result{difference}"))
            }
        }
    }
}

/// Where a type of a binary differs from `wanted`: a phrase that goes after the name of the place.
pub(crate) fn difference(found: &Type, wanted: &ValueType) -> Option<String> {
    let within = |place: String, inner: Option<String>| inner.map(|inner| format!("{place}{inner}"));
    match (found, wanted) {
        (Type::Bool, ValueType::Bool)
        | (Type::U8, ValueType::U8)
        | (Type::U16, ValueType::U16)
        | (Type::U32, ValueType::U32)
        | (Type::U64, ValueType::U64)
        | (Type::S8, ValueType::S8)
        | (Type::S16, ValueType::S16)
        | (Type::S32, ValueType::S32)
        | (Type::S64, ValueType::S64)
        | (Type::Float32, ValueType::F32)
        | (Type::Float64, ValueType::F64)
        | (Type::Char, ValueType::Char)
        | (Type::String, ValueType::String) => None,
        (Type::List(found), ValueType::List(wanted)) => {
            within(", in an element,".to_owned(), difference(&found.ty(), wanted))
        }
        (Type::Option(found), ValueType::Option(wanted)) => {
            within(", in its `some`,".to_owned(), difference(&found.ty(), wanted))
        }
        (Type::Result(found), ValueType::Result { ok, err }) => {
            within(", in its `ok`,".to_owned(), optional(found.ok(), ok.as_deref()))
                .or_else(|| within(", in its `err`,".to_owned(), optional(found.err(), err.as_deref())))
        }
        (Type::Tuple(found), ValueType::Tuple(wanted)) if found.types().len() == wanted.len() => {
            found.types().zip(wanted).enumerate().find_map(|(index, (found, wanted))| {
                within(format!(", in element {index},"), difference(&found, wanted))
            })
        }
        (Type::Record(found), ValueType::Record(wanted)) => {
            let names: Vec<&str> = found.fields().map(|field| field.name).collect();
            let wanted_names: Vec<&str> = wanted.iter().map(|field| field.name.as_str()).collect();
            if names != wanted_names {
                return Some(listed("fields", &names, &wanted_names));
            }
            found.fields().zip(wanted).find_map(|(found, wanted)| {
                within(format!(", in its field `{}`,", wanted.name), difference(&found.ty, &wanted.ty))
            })
        }
        (Type::Variant(found), ValueType::Variant(wanted)) => {
            let names: Vec<&str> = found.cases().map(|case| case.name).collect();
            let wanted_names: Vec<&str> = wanted.iter().map(|case| case.name.as_str()).collect();
            if names != wanted_names {
                return Some(listed("cases", &names, &wanted_names));
            }
            found.cases().zip(wanted).find_map(|(found, wanted)| {
                within(format!(", in its case `{}`,", wanted.name), optional(found.ty, wanted.ty.as_ref()))
            })
        }
        (Type::Enum(found), ValueType::Enum(wanted)) => names("cases", found.names(), wanted),
        (Type::Flags(found), ValueType::Flags(wanted)) => names("flags", found.names(), wanted),
        (found, wanted) => Some(format!(" is {} in the binary, not {}", kind(found), wanted_kind(wanted))),
    }
}

fn optional(found: Option<Type>, wanted: Option<&ValueType>) -> Option<String> {
    match (found, wanted) {
        (None, None) => None,
        (Some(found), Some(wanted)) => difference(&found, wanted),
        (Some(found), None) => Some(format!(" is {} in the binary, not nothing", kind(&found))),
        (None, Some(wanted)) => Some(format!(" is nothing in the binary, not {}", wanted_kind(wanted))),
    }
}

fn names<'a>(what: &str, found: impl Iterator<Item = &'a str>, wanted: &[String]) -> Option<String> {
    let found: Vec<&str> = found.collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    (found != wanted).then(|| listed(what, &found, &wanted))
}

fn listed(what: &str, found: &[&str], wanted: &[&str]) -> String {
    format!(" has the {what} {} in the binary, not {}", found.join(", "), wanted.join(", "))
}

/// A word for a type of a binary.
fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::List(_) => "a list",
        Type::Map(_) => "a map",
        Type::Record(_) => "a record",
        Type::Tuple(_) => "a tuple",
        Type::Variant(_) => "a variant",
        Type::Enum(_) => "an enum",
        Type::Option(_) => "an option",
        Type::Result(_) => "a result",
        Type::Flags(_) => "flags",
        Type::Own(_) | Type::Borrow(_) => "a resource",
        Type::Future(_) => "a future",
        Type::Stream(_) => "a stream",
        Type::ErrorContext => "an error-context",
        Type::FixedLengthList(_) => "a list of fixed length",
    }
}

/// A word for a type of a schema.
fn wanted_kind(ty: &ValueType) -> String {
    match ty {
        ValueType::Bool => "bool".to_owned(),
        ValueType::U8 => "u8".to_owned(),
        ValueType::U16 => "u16".to_owned(),
        ValueType::U32 => "u32".to_owned(),
        ValueType::U64 => "u64".to_owned(),
        ValueType::S8 => "s8".to_owned(),
        ValueType::S16 => "s16".to_owned(),
        ValueType::S32 => "s32".to_owned(),
        ValueType::S64 => "s64".to_owned(),
        ValueType::F32 => "f32".to_owned(),
        ValueType::F64 => "f64".to_owned(),
        ValueType::Char => "char".to_owned(),
        ValueType::String => "string".to_owned(),
        ValueType::List(_) => "a list".to_owned(),
        ValueType::Option(_) => "an option".to_owned(),
        ValueType::Result { .. } => "a result".to_owned(),
        ValueType::Tuple(elements) => format!("a tuple of {}", elements.len()),
        ValueType::Record(_) => "a record".to_owned(),
        ValueType::Variant(_) => "a variant".to_owned(),
        ValueType::Enum(_) => "an enum".to_owned(),
        ValueType::Flags(_) => "flags".to_owned(),
    }
}
