//! The types of a schema in the syntax of WIT, as they are written where they are used.
//! What a named type is called differs from interface to interface, so the caller says it.
//! Invariant: the text is a type that wit-parser reads, if the names are.

use crate::schema::{Type, TypeName};

impl Type {
    /// The type in WIT syntax: `result<list<u8>, error>`. `name` gives the name of a type that has one.
    pub fn wit(&self, name: &dyn Fn(&TypeName) -> String) -> String {
        let word = match self {
            Type::Named(named) => return name(named),
            Type::List(element) => return format!("list<{}>", element.wit(name)),
            Type::Option(some) => return format!("option<{}>", some.wit(name)),
            Type::Tuple(elements) => {
                let elements: Vec<_> = elements.iter().map(|element| element.wit(name)).collect();
                return format!("tuple<{}>", elements.join(", "));
            }
            Type::Result { ok, err } => {
                let ok = ok.as_ref().map(|ty| ty.wit(name));
                return match (ok, err) {
                    (None, None) => "result".to_owned(),
                    (Some(ok), None) => format!("result<{ok}>"),
                    (ok, Some(err)) => {
                        format!("result<{}, {}>", ok.as_deref().unwrap_or("_"), err.wit(name))
                    }
                };
            }
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
        };
        word.to_owned()
    }
}
