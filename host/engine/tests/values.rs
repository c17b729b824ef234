//! Values through linked modules: what a client sends is what an imported function is given, and
//! what it answers is what the client gets.

#![allow(clippy::unwrap_used)]

#[path = "support/echo.rs"]
mod echo;
mod support;

use echo::{component, mended};
use interstice_codec::{ValueType, arbitrary, row};
use interstice_engine::{Engine, ModuleLink, Returned};
use interstice_wit::Schema;
use proptest::prelude::*;
use std::sync::OnceLock;
use support::types::schema_type;
use support::{MapHost, Target, call, function, interface, interface_name, on_guest_thread, schema};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(support::engine)
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
    let (host, outcome) = call(&mut instance, MapHost::boxed(), index, bytes);
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
