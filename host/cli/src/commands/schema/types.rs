//! Types and functions in the spelling of WIT.
//! A type of the interface at hand is called by its name alone, any other by its full name.
//! Invariant: what is printed names every field, case, flag, parameter and result.

use interstice_wit::{Function, Interface, Type, TypeDef, TypeKind};

/// A type where it is used.
pub(super) fn text(ty: &Type, at: &Interface) -> String {
    let inner = |ty: &Type| text(ty, at);
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::F32 => "f32".to_owned(),
        Type::F64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "string".to_owned(),
        Type::List(element) => format!("list<{}>", inner(element)),
        Type::Option(some) => format!("option<{}>", inner(some)),
        Type::Result { ok: None, err: None } => "result".to_owned(),
        Type::Result { ok: Some(ok), err: None } => format!("result<{}>", inner(ok)),
        Type::Result { ok, err: Some(err) } => {
            format!("result<{}, {}>", ok.as_deref().map_or("_".to_owned(), inner), inner(err))
        }
        Type::Tuple(elements) => {
            format!("tuple<{}>", elements.iter().map(inner).collect::<Vec<_>>().join(", "))
        }
        Type::Named(name) if name.interface == at.name => name.name.clone(),
        Type::Named(name) => used_as(at, ty).unwrap_or_else(|| name.to_string()),
    }
}

/// The name under which the interface `use`s a type.
fn used_as(at: &Interface, ty: &Type) -> Option<String> {
    let Type::Named(name) = ty else { return None };
    let def = at.types.iter().find(|def| matches!(&def.kind, TypeKind::Use(target) if target == name))?;
    Some(def.name.clone())
}

/// A type where it is declared.
pub(super) fn definition(def: &TypeDef, at: &Interface) -> String {
    let name = &def.name;
    match &def.kind {
        TypeKind::Record(fields) => {
            let fields = fields.iter().map(|field| format!("{}: {}", field.name, text(&field.ty, at)));
            format!("record {name} {{ {} }}", joined(fields))
        }
        TypeKind::Variant(cases) => {
            let cases = cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, text(ty, at)),
                None => case.name.clone(),
            });
            format!("variant {name} {{ {} }}", joined(cases))
        }
        TypeKind::Enum(cases) => {
            format!("enum {name} {{ {} }}", joined(cases.iter().map(|case| case.name.clone())))
        }
        TypeKind::Flags(flags) => {
            format!("flags {name} {{ {} }}", joined(flags.iter().map(|flag| flag.name.clone())))
        }
        TypeKind::Alias(ty) => format!("type {name} = {}", text(ty, at)),
        TypeKind::Use(target) if target.name == *name => format!("use {target}"),
        TypeKind::Use(target) => format!("use {target} as {name}"),
    }
}

/// A function with its parameters and its result.
pub(super) fn function(function: &Function, at: &Interface) -> String {
    let params = function.params.iter().map(|param| format!("{}: {}", param.name, text(&param.ty, at)));
    let result = function.result.as_ref().map(|ty| format!(" -> {}", text(ty, at)));
    format!("{}: func({}){}", function.name, joined(params), result.unwrap_or_default())
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
