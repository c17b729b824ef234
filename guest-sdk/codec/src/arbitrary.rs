//! Arbitrary types and values for property tests.
//! Types nest every kind in every other; values hold the corners of each type more often than chance.
//! Invariant: a value made for a type is of that type.

use crate::{Case, Field, Value, ValueType};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use proptest::{collection::vec, option, prelude::*};

/// Names that text formats may take for something else come first.
const LABELS: [&str; 12] =
    ["some", "none", "ok", "err", "true", "nan", "inf", "false", "record", "a-b2", "URL", "list"];

/// How often each property is tried: this often, or as often as `PROPTEST_CASES` says.
pub fn config(cases: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(cases),
    }
}

/// Any type, nested a few levels deep, also such as WIT cannot express (empty tuples and records).
pub fn types() -> impl Strategy<Value = ValueType> {
    leaf_types().prop_recursive(4, 32, 5, |inner| {
        let payload = option::of(inner.clone().prop_map(Box::new));
        prop_oneof![
            inner.clone().prop_map(|ty| ValueType::List(Box::new(ty))),
            inner.clone().prop_map(|ty| ValueType::Option(Box::new(ty))),
            (payload.clone(), payload).prop_map(|(ok, err)| ValueType::Result { ok, err }),
            vec(inner.clone(), 0..5).prop_map(ValueType::Tuple),
            vec(inner.clone(), 0..5)
                .prop_map(|types| { ValueType::Record(named(types, |name, ty| Field { name, ty })) }),
            vec(option::of(inner), 1..5)
                .prop_map(|types| ValueType::Variant(named(types, |name, ty| Case { name, ty }))),
        ]
    })
}

fn leaf_types() -> impl Strategy<Value = ValueType> {
    prop_oneof![
        6 => key_column_types(),
        1 => prop_oneof![Just(ValueType::F32), Just(ValueType::F64)],
        1 => prop_oneof![0..=40_usize, Just(64), Just(65)].prop_map(|count| ValueType::Flags(labels(count))),
    ]
}

/// A type that a key can be made of.
pub fn key_column_types() -> impl Strategy<Value = ValueType> {
    prop_oneof![
        Just(ValueType::Bool),
        Just(ValueType::U8),
        Just(ValueType::U16),
        Just(ValueType::U32),
        Just(ValueType::U64),
        Just(ValueType::S8),
        Just(ValueType::S16),
        Just(ValueType::S32),
        Just(ValueType::S64),
        Just(ValueType::Char),
        Just(ValueType::String),
        Just(ValueType::List(Box::new(ValueType::U8))),
        prop_oneof![1..=5_usize, Just(256), Just(257)].prop_map(|count| ValueType::Enum(labels(count))),
    ]
}

fn labels(count: usize) -> Vec<String> {
    let label = |index: usize| {
        LABELS.get(index).map_or_else(|| format!("label{index}"), |label| String::from(*label))
    };
    (0..count).map(label).collect()
}

fn named<T, U>(items: Vec<T>, make: impl Fn(String, T) -> U) -> Vec<U> {
    labels(items.len()).into_iter().zip(items).map(|(name, item)| make(name, item)).collect()
}

/// A value of the type.
pub fn values(ty: &ValueType) -> BoxedStrategy<Value> {
    match ty {
        ValueType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ValueType::U8 => any::<u8>().prop_map(Value::U8).boxed(),
        ValueType::U16 => corners(0, u16::MAX, 256).prop_map(Value::U16).boxed(),
        ValueType::U32 => corners(0, u32::MAX, 256).prop_map(Value::U32).boxed(),
        ValueType::U64 => corners(0, u64::MAX, 256).prop_map(Value::U64).boxed(),
        ValueType::S8 => corners(i8::MIN, i8::MAX, -1).prop_map(Value::S8).boxed(),
        ValueType::S16 => corners(i16::MIN, i16::MAX, -1).prop_map(Value::S16).boxed(),
        ValueType::S32 => corners(i32::MIN, i32::MAX, -1).prop_map(Value::S32).boxed(),
        ValueType::S64 => corners(i64::MIN, i64::MAX, -1).prop_map(Value::S64).boxed(),
        ValueType::F32 => any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))).boxed(),
        ValueType::F64 => corners(f64::NAN, -0.0, f64::NEG_INFINITY).prop_map(Value::F64).boxed(),
        ValueType::Char => corners('\0', char::MAX, 'ÿ').prop_map(Value::Char).boxed(),
        ValueType::String => {
            let text = vec(prop_oneof![Just('\0'), Just('a'), Just('\u{ff}'), any::<char>()], 0..6);
            let text = text.prop_map(String::from_iter);
            prop_oneof![9 => text, 1 => Just("a".repeat(200))].prop_map(Value::String).boxed()
        }
        ValueType::List(element) if **element == ValueType::U8 => {
            let byte = prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()];
            vec(byte, 0..20).prop_map(Value::Bytes).boxed()
        }
        ValueType::List(element) => {
            let most = if element.takes_no_bytes() { 0 } else { 4 };
            vec(values(element), 0..=most).prop_map(Value::List).boxed()
        }
        ValueType::Option(some) => {
            option::of(values(some)).prop_map(|value| Value::Option(value.map(Box::new))).boxed()
        }
        ValueType::Result { ok, err } => prop_oneof![
            payloads(ok.as_deref()).prop_map(|value| Value::Result(Ok(value))),
            payloads(err.as_deref()).prop_map(|value| Value::Result(Err(value))),
        ]
        .boxed(),
        ValueType::Tuple(types) => rows(types).prop_map(Value::Tuple).boxed(),
        ValueType::Record(fields) => {
            let types: Vec<_> = fields.iter().map(|field| field.ty.clone()).collect();
            rows(&types).prop_map(Value::Record).boxed()
        }
        ValueType::Variant(cases) => {
            let cases = cases.clone();
            (0..cases.len())
                .prop_flat_map(move |index| {
                    payloads(cases[index].ty.as_ref())
                        .prop_map(move |value| Value::Variant(index as u32, value))
                })
                .boxed()
        }
        ValueType::Enum(cases) => (0..cases.len() as u32).prop_map(Value::Enum).boxed(),
        ValueType::Flags(flags) => {
            let count = flags.len();
            vec(any::<bool>(), count).prop_map(move |bits| Value::Flags(pack(&bits))).boxed()
        }
    }
}

/// The values of a row with these columns.
pub fn rows(types: &[ValueType]) -> BoxedStrategy<Vec<Value>> {
    types.iter().map(values).collect::<Vec<_>>().boxed()
}

fn corners<T: Arbitrary + Clone + 'static>(low: T, high: T, other: T) -> impl Strategy<Value = T> {
    prop_oneof![1 => Just(low), 1 => Just(high), 1 => Just(other), 5 => any::<T>()]
}

fn payloads(ty: Option<&ValueType>) -> BoxedStrategy<Option<Box<Value>>> {
    match ty {
        None => Just(None).boxed(),
        Some(ty) => values(ty).prop_map(|value| Some(Box::new(value))).boxed(),
    }
}

fn pack(bits: &[bool]) -> Vec<u32> {
    bits.chunks(32).map(|word| word.iter().rev().fold(0, |word, bit| word << 1 | u32::from(*bit))).collect()
}
