//! Types and functions in the spelling of WIT.
//! A type of the interface at hand is called by its name alone, any other by its full name.
//! Invariant: what is printed names every field, case, flag, parameter and result.

use interstice_wit::{Function, Interface, Type, TypeDef, TypeKind, TypeName};

/// A type where it is used.
pub(super) fn text(ty: &Type, at: &Interface) -> String {
    ty.wit(&|name| match name.interface == at.name {
        true => name.name.clone(),
        false => used_as(at, name).unwrap_or_else(|| name.to_string()),
    })
}

/// The name under which the interface `use`s a type.
fn used_as(at: &Interface, name: &TypeName) -> Option<String> {
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
