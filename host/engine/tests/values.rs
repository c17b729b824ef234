//! Values through linked modules: what a client sends is what an imported function is given, and
//! what it answers is what the client gets.

#![allow(clippy::unwrap_used)]

#[path = "support/echo.rs"]
mod echo;
mod support;

use echo::{component, mended};
use interstice_codec::{ValueType, arbitrary, row};
use interstice_engine::{Engine, ModuleLink, Returned};
use interstice_wit::{CaseDef, FieldDef, InterfaceName, LabelDef, Schema, Type, TypeDef, TypeKind, TypeName};
use proptest::prelude::*;
use std::sync::OnceLock;
use support::{MapHost, Target, call, function, interface, interface_name, on_guest_thread, schema};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(support::engine)
}

/// The type as the schema has it, with the names that the component gave.
fn schema_type(ty: &ValueType, home: &InterfaceName, defs: &mut Vec<TypeDef>) -> Type {
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
    let name = format!("t{}", defs.len());
    defs.push(TypeDef { name: name.clone(), docs: None, kind });
    Type::Named(TypeName { interface: home.clone(), name })
}

fn echo_schema(ty: &ValueType) -> Schema {
    let home = interface_name("other", "echo");
    let mut types = Vec::new();
    let ty = schema_type(ty, &home, &mut types);
    let echo = function("f", &[("x", ty.clone())], Some(ty));
    let mut schema = schema("bank", vec![interface(interface_name("bank", "echo"), vec![echo.clone()])]);
    let mut foreign = interface(home.clone(), vec![echo]);
    foreign.types = types;
    schema.imports.push(home);
    schema.foreign.push(foreign);
    schema
}

fn through(ty: &ValueType, bytes: &[u8]) -> Vec<u8> {
    let compiled = engine().compile(&wat::parse_str(component(ty, "utf8").0).unwrap(), None).unwrap();
    let schema = echo_schema(ty);
    let mut link = ModuleLink::<MapHost>::new(engine(), &compiled, &schema).unwrap();
    assert_eq!(link.needs().functions.len(), 1);
    let foreign = &schema.foreign[0];
    link.function(&foreign.name, &schema, &foreign.functions[0], Target::Echo);
    let program = link.finish().unwrap();
    let mut instance = program.instantiate().unwrap();
    let index = program.function(&interface_name("bank", "echo"), "f").unwrap();
    let (host, outcome) = call(&mut instance, MapHost::boxed(0), index, bytes);
    assert_eq!(host.calls, 1);
    let (returned, result) = outcome.unwrap();
    let is_err = matches!(ty, ValueType::Result { .. }) && bytes[0] == 1;
    assert_eq!(returned, if is_err { Returned::Err } else { Returned::Ok });
    result
}

proptest! {
    #![proptest_config(arbitrary::config(100))]

    #[test]
    fn a_nested_call_carries_every_value_there_and_back(
        (ty, bytes) in arbitrary::types().prop_map(|ty| mended(&ty)).prop_flat_map(|ty| {
            (Just(ty.clone()), arbitrary::values(&ty).prop_map(move |value| {
                let mut bytes = Vec::new();
                row::encode(&value, &ty, &mut bytes).unwrap();
                bytes
            }))
        })
    ) {
        let sent = bytes.clone();
        let came = on_guest_thread(1, move || through(&ty, &bytes));
        prop_assert_eq!(came, sent);
    }
}
