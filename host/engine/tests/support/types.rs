//! Structural types as a schema has them.

#![allow(dead_code, unreachable_pub)]

use interstice_codec::ValueType;
use interstice_wit::{CaseDef, FieldDef, InterfaceName, LabelDef, Type, TypeDef, TypeKind, TypeName};

/// The type as the schema has it, with the names that the component gave.
pub fn schema_type(ty: &ValueType, home: &InterfaceName, defs: &mut Vec<TypeDef>) -> Type {
    let mut inner = |ty: &ValueType| schema_type(ty, home, defs);
    let label = |name: &String| LabelDef { name: name.clone(), docs: None };
    let kind = match ty {
        ValueType::Bool => return Type::Bool,
        ValueType::U8 => return Type::U8,
        ValueType::U16 => return Type::U16,
        ValueType::U32 => return Type::U32,
        ValueType::U64 => return Type::U64,
        ValueType::S8 => return Type::S8,
        ValueType::S16 => return Type::S16,
        ValueType::S32 => return Type::S32,
        ValueType::S64 => return Type::S64,
        ValueType::F32 => return Type::F32,
        ValueType::F64 => return Type::F64,
        ValueType::Char => return Type::Char,
        ValueType::String => return Type::String,
        ValueType::List(element) => return Type::List(Box::new(inner(element))),
        ValueType::Option(some) => return Type::Option(Box::new(inner(some))),
        ValueType::Result { ok, err } => {
            let ok = ok.as_deref().map(|ty| Box::new(inner(ty)));
            let err = err.as_deref().map(|ty| Box::new(inner(ty)));
            return Type::Result { ok, err };
        }
        ValueType::Tuple(elements) => return Type::Tuple(elements.iter().map(inner).collect()),
        ValueType::Record(fields) => TypeKind::Record(
            fields
                .iter()
                .map(|field| FieldDef { name: field.name.clone(), docs: None, ty: inner(&field.ty) })
                .collect(),
        ),
        ValueType::Variant(cases) => TypeKind::Variant(
            cases
                .iter()
                .map(|case| CaseDef {
                    name: case.name.clone(),
                    docs: None,
                    ty: case.ty.as_ref().map(&mut inner),
                })
                .collect(),
        ),
        ValueType::Enum(names) => TypeKind::Enum(names.iter().map(label).collect()),
        ValueType::Flags(names) => TypeKind::Flags(names.iter().map(label).collect()),
    };
    let known = defs.iter().find(|def| def.kind == kind).map(|def| def.name.clone());
    let name = known.unwrap_or_else(|| {
        let name = format!("t{}", defs.len());
        defs.push(TypeDef { name: name.clone(), docs: None, kind });
        name
    });
    Type::Named(TypeName { interface: home.clone(), name })
}
