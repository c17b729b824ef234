//! What the text forms promise: round trips over arbitrary types and values, agreement with
//! wasm-wave's own values, and no panic on any text; single cases stand beside each form.
//! Invariant: values are compared by their encoding, since a NaN equals nothing.
#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};
use interstice_codec::{Case, Field, Value, ValueType, arbitrary, row};
use proptest::prelude::*;
use wasm_wave::value::{Type as WaveType, Value as WaveValue};

fn encoded(value: &Value, ty: &ValueType) -> Vec<u8> {
    let mut out = Vec::new();
    row::encode(value, ty, &mut out).unwrap();
    out
}

/// WIT has no empty tuples, and WAVE no text for them.
fn holds_empty_tuple(ty: &ValueType) -> bool {
    match ty {
        ValueType::Tuple(types) => types.is_empty() || types.iter().any(holds_empty_tuple),
        ValueType::List(inner) | ValueType::Option(inner) => holds_empty_tuple(inner),
        ValueType::Result { ok, err } => [ok, err].into_iter().flatten().any(|ty| holds_empty_tuple(ty)),
        ValueType::Record(fields) => fields.iter().any(|field| holds_empty_tuple(&field.ty)),
        ValueType::Variant(cases) => cases.iter().flat_map(|case| &case.ty).any(holds_empty_tuple),
        _ => false,
    }
}

/// The same type for wasm-wave, unless it is one that WIT refuses.
fn wave_type(ty: &ValueType) -> Option<WaveType> {
    Some(match ty {
        ValueType::Bool => WaveType::BOOL,
        ValueType::U8 => WaveType::U8,
        ValueType::U16 => WaveType::U16,
        ValueType::U32 => WaveType::U32,
        ValueType::U64 => WaveType::U64,
        ValueType::S8 => WaveType::S8,
        ValueType::S16 => WaveType::S16,
        ValueType::S32 => WaveType::S32,
        ValueType::S64 => WaveType::S64,
        ValueType::F32 => WaveType::F32,
        ValueType::F64 => WaveType::F64,
        ValueType::Char => WaveType::CHAR,
        ValueType::String => WaveType::STRING,
        ValueType::List(element) => WaveType::list(wave_type(element)?),
        ValueType::Option(some) => WaveType::option(wave_type(some)?),
        ValueType::Result { ok, err } => {
            WaveType::result(optional(ok.as_deref())?, optional(err.as_deref())?)
        }
        ValueType::Tuple(types) => WaveType::tuple(types.iter().map(wave_type).collect::<Option<Vec<_>>>()?)?,
        ValueType::Record(fields) => {
            let fields = fields.iter().map(|field| Some((field.name.as_str(), wave_type(&field.ty)?)));
            WaveType::record(fields.collect::<Option<Vec<_>>>()?)?
        }
        ValueType::Variant(cases) => {
            let cases = cases.iter().map(|case| Some((case.name.as_str(), optional(case.ty.as_ref())?)));
            WaveType::variant(cases.collect::<Option<Vec<_>>>()?)?
        }
        ValueType::Enum(cases) => WaveType::enum_ty(cases.iter().map(String::as_str))?,
        ValueType::Flags(flags) => WaveType::flags(flags.iter().map(String::as_str))?,
    })
}

fn optional(ty: Option<&ValueType>) -> Option<Option<WaveType>> {
    ty.map_or(Some(None), |ty| wave_type(ty).map(Some))
}

fn typed_value() -> impl Strategy<Value = (ValueType, Value)> {
    arbitrary::types().prop_flat_map(|ty| {
        let values = arbitrary::values(&ty);
        (Just(ty), values)
    })
}

proptest! {
    #![proptest_config(arbitrary::config(1000))]

    #[test]
    fn wave_reads_what_it_prints((ty, value) in typed_value()) {
        if holds_empty_tuple(&ty) {
            return Ok(());
        }
        let text = wave::print(&value, &ty);
        let again = wave::parse(&text, &ty).unwrap();
        prop_assert_eq!(encoded(&again, &ty), encoded(&value, &ty), "{}", text);
        prop_assert_eq!(wave::print(&again, &ty), text);
    }

    #[test]
    fn wasm_wave_and_this_read_each_other((ty, value) in typed_value()) {
        let Some(wave_ty) = wave_type(&ty) else { return Ok(()) };
        let text = wave::print(&value, &ty);
        let theirs: WaveValue = wasm_wave::from_str(&wave_ty, &text).unwrap();
        let ours = wave::parse(&wasm_wave::to_string(&theirs).unwrap(), &ty).unwrap();
        prop_assert_eq!(encoded(&ours, &ty), encoded(&value, &ty), "{}", text);
    }

    #[test]
    fn json_reads_what_it_prints((ty, value) in typed_value()) {
        let json = json::to_json(&value, &ty);
        let again = json::from_json(&json, &ty).unwrap();
        prop_assert_eq!(encoded(&again, &ty), encoded(&value, &ty), "{}", json);
        let from_text = json::parse(&json.to_string(), &ty).unwrap();
        prop_assert_eq!(encoded(&from_text, &ty), encoded(&value, &ty), "{}", json);
    }

    #[test]
    fn every_f32_survives_json(bits in any::<u32>()) {
        let value = Value::F32(f32::from_bits(bits));
        let again = json::from_json(&json::to_json(&value, &ValueType::F32), &ValueType::F32).unwrap();
        prop_assert_eq!(encoded(&again, &ValueType::F32), encoded(&value, &ValueType::F32));
    }

    #[test]
    fn no_text_panics(
        ty in arbitrary::types(),
        words in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                "(", ")", "[", "]", "{", "}", ":", ",", "some", "none", "ok", "err", "%ok", "true", "nan",
                "-inf", "\"\"\"", "\"", "'", "\\u{110000}", "\\", "\n", "\r\n", " ", "//", "f", ".", "é", "-1",
                "1e999", "99999999999999999999", "\"\"\"\n", "'a'", "\"x\"", "null", "{\"some\":",
            ]).prop_map(String::from),
            ".{0,3}",
        ], 0..10),
    ) {
        let text = words.concat();
        let _ = wave::parse(&text, &ty);
        let _ = json::parse(&text, &ty);
        let _ = json::parse_arguments("f", &text, [("a", ty.clone())].as_slice());
        for call in [text.clone(), format!("f({text})")] {
            if let Ok(call) = wave::parse_call(&call) {
                let _ = wave::parse_arguments(&call.arguments, [("a", ty.clone())].as_slice());
            }
        }
    }

    #[test]
    fn a_damaged_text_is_refused_or_is_a_value((ty, value) in typed_value(), at in any::<prop::sample::Index>()) {
        let text = wave::print(&value, &ty);
        let cut: String = text.chars().take(at.index(text.chars().count())).collect();
        if let Ok(value) = wave::parse(&cut, &ty) {
            row::encode(&value, &ty, &mut Vec::new()).unwrap();
        }
    }
}

#[test]
fn types_are_printed_as_wit() {
    let ty = ValueType::Tuple(vec![
        account(),
        ValueType::Result { ok: None, err: Some(Box::new(ValueType::List(Box::new(ValueType::U8)))) },
        ValueType::Variant(vec![
            Case { name: "use".into(), ty: None },
            Case { name: "b".into(), ty: Some(ValueType::Result { ok: None, err: None }) },
        ]),
    ]);
    expect!["tuple<record { id: u64, owner: option<string>, %list: flags { read, write, ok }, state: enum { open, ok, none } }, result<_, list<u8>>, variant { %use, b(result) }>"]
        .assert_eq(&type_text(&ty));
}

/// A field of a record.
pub(super) fn field(name: &str, ty: ValueType) -> Field {
    Field { name: name.into(), ty }
}

/// Names, written with spaces between.
pub(super) fn labels(names: &str) -> Vec<String> {
    names.split(' ').map(String::from).collect()
}

/// A record whose names and cases are keywords of WIT or WAVE.
pub(super) fn account() -> ValueType {
    ValueType::Record(vec![
        field("id", ValueType::U64),
        field("owner", ValueType::Option(Box::new(ValueType::String))),
        field("list", ValueType::Flags(labels("read write ok"))),
        field("state", ValueType::Enum(labels("open ok none"))),
    ])
}

/// The parameters of a function.
pub(super) fn transfer() -> [(&'static str, ValueType); 3] {
    [
        ("source", ValueType::U64),
        ("amount", ValueType::U64),
        ("note", ValueType::Option(Box::new(ValueType::String))),
    ]
}

/// The message of a mistake, with the whole type or signature cut short.
#[track_caller]
pub(super) fn check(result: Result<impl Sized, TextError>, expected: Expect) {
    let error = result.err().expect("a mistake");
    let whole = error.whole().map_or(String::new(), |whole| whole.split('`').nth(1).unwrap().to_owned());
    expected.assert_eq(&error.to_string().replace(&format!("`{whole}`"), "…"));
}
