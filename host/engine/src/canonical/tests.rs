//! The conversions held against wasmtime's own: a value goes out through ours, through a guest, in
//! and out of a host function as wasmtime's `Val`, and comes back through ours.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/echo.rs"]
mod echo;

use super::{Arguments, BadArguments, Outcome};
use echo::{EXPORT, IMPORT, component, mended};
use interstice_codec::{ValueType, arbitrary, row};
use proptest::prelude::*;
use std::sync::OnceLock;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Config::new().concurrency_support(false)).unwrap())
}

fn through(component: &Component, bytes: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut linker = Linker::<()>::new(engine());
    linker.instance(IMPORT)?.func_new("f", |_, _, params, results| {
        results[0] = params[0].clone();
        Ok(())
    })?;
    let mut store = Store::new(engine(), ());
    // The host function in between makes a `Val` of each byte, which costs it 40.
    store.set_hostcall_fuel(usize::MAX);
    let instance = linker.instantiate(&mut store, component)?;
    let interface = instance.get_export_index(&mut store, None, EXPORT).unwrap();
    let function = instance.get_export_index(&mut store, Some(&interface), "f").unwrap();
    let function = instance.get_typed_func::<Arguments<'_>, Outcome>(&mut store, &function)?;
    Ok(function.call(&mut store, Arguments(bytes))?.0.to_vec())
}

fn compile(ty: &ValueType, encoding: &str) -> Component {
    let (text, _) = component(ty, encoding);
    Component::new(engine(), wat::parse_str(&text).unwrap()).unwrap()
}

/// A type, some of its values, an encoding of strings, and bytes to spoil encodings with.
type Case = (ValueType, Vec<Vec<u8>>, &'static str, Vec<(usize, u8)>);

fn cases() -> impl Strategy<Value = Case> {
    arbitrary::types().prop_map(|ty| mended(&ty)).prop_flat_map(|ty| {
        let encoded = {
            let ty = ty.clone();
            arbitrary::values(&ty).prop_map(move |value| {
                let mut bytes = Vec::new();
                row::encode(&value, &ty, &mut bytes).unwrap();
                bytes
            })
        };
        let encodings = prop_oneof![4 => Just("utf8"), 1 => Just("utf16"), 1 => Just("latin1+utf16")];
        let spoilers = prop::collection::vec((any::<usize>(), any::<u8>()), 4);
        (Just(ty), prop::collection::vec(encoded, 4), encodings, spoilers)
    })
}

proptest! {
    #![proptest_config(arbitrary::config(200))]

    #[test]
    fn every_value_comes_through_a_guest_and_wasmtimes_own_values_unchanged(
        (ty, values, encoding, spoilers) in cases()
    ) {
        let component = compile(&ty, encoding);
        for (bytes, (place, byte)) in values.iter().zip(spoilers) {
            prop_assert_eq!(&through(&component, bytes).unwrap(), bytes);
            // What the codec refuses is refused here too, and nothing else.
            let mut spoilt = bytes.clone();
            match place % (bytes.len() + 2) {
                end if end == bytes.len() => spoilt.push(byte),
                end if end > bytes.len() => drop(spoilt.pop()),
                place => spoilt[place] = byte,
            }
            match row::validate(&spoilt, &ty) {
                Ok(()) => prop_assert_eq!(&through(&component, &spoilt).unwrap(), &spoilt),
                Err(error) => {
                    let found = through(&component, &spoilt).unwrap_err();
                    let found = found.downcast_ref::<BadArguments>();
                    prop_assert_eq!(found.map(|found| found.0.offset), Some(error.offset));
                }
            }
        }
    }
}

#[test]
fn more_parameters_than_core_values_go_through_memory() {
    let ty = ValueType::Tuple(vec![ValueType::U64; 20]);
    let bytes: Vec<u8> = (0..160).collect();
    assert_eq!(through(&compile(&ty, "utf8"), &bytes).unwrap(), bytes);
}

#[test]
fn a_value_above_the_limit_is_refused_on_the_way_out_of_a_guest() {
    let ty = ValueType::Tuple(vec![ValueType::List(Box::new(ValueType::U8)); 2]);
    let component = compile(&ty, "utf8");
    let encoded = |size: usize| {
        let mut bytes = Vec::new();
        for _ in 0..2 {
            row::write_length(size, &mut bytes);
            bytes.resize(bytes.len() + size, 7);
        }
        bytes
    };
    let fits = encoded(1 << 20);
    assert_eq!(through(&component, &fits).unwrap(), fits);
    assert!(through(&component, &encoded(3 << 20)).unwrap_err().is::<super::TooLarge>());
}
