//! What the row codec promises, over arbitrary types, values and bytes.
//! Bytes are made three ways: at random, by encoding, and by damaging an encoding.
//! Invariant: floats are compared by their bytes, since a NaN equals nothing.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Case, DecodeReason, EncodeError, Field, Value, arbitrary};
use proptest::{collection::vec, prelude::*};

fn encoded(value: &Value, ty: &ValueType) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, ty, &mut out).unwrap();
    out
}

fn list(element: ValueType) -> ValueType {
    ValueType::List(Box::new(element))
}

fn option(some: ValueType) -> ValueType {
    ValueType::Option(Box::new(some))
}

fn typed_value() -> impl Strategy<Value = (ValueType, Value)> {
    arbitrary::types().prop_flat_map(|ty| {
        let values = arbitrary::values(&ty);
        (Just(ty), values)
    })
}

fn typed_row() -> impl Strategy<Value = (Vec<ValueType>, Vec<Value>)> {
    vec(arbitrary::types(), 0..7).prop_flat_map(|types| {
        let values = arbitrary::rows(&types);
        (Just(types), values)
    })
}

/// Both readers say the same of the bytes, and what they accept is the one encoding of a value.
fn check_bytes(bytes: &[u8], ty: &ValueType) {
    let decoded = decode(bytes, ty);
    assert_eq!(decoded.as_ref().err(), validate(bytes, ty).as_ref().err(), "{ty:?} of {bytes:?}");
    if let Ok(value) = decoded {
        assert_eq!(encoded(&value, ty), bytes, "{ty:?}");
    }
}

proptest! {
    #![proptest_config(arbitrary::config(1000))]

    #[test]
    fn a_value_decodes_from_its_encoding((ty, value) in typed_value()) {
        let bytes = encoded(&value, &ty);
        let again = decode(&bytes, &ty).unwrap();
        prop_assert_eq!(encoded(&again, &ty), bytes.clone());
        validate(&bytes, &ty).unwrap();
    }

    #[test]
    fn bytes_are_refused_or_are_the_encoding_of_a_value(ty in arbitrary::types(), bytes in vec(0..4_u8, 0..12)) {
        check_bytes(&bytes, &ty);
    }

    #[test]
    fn a_damaged_encoding_is_refused_or_is_the_encoding_of_a_value(
        (ty, value) in typed_value(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(0), Just(1), Just(0x80), Just(0xff), any::<u8>()],
    ) {
        let mut bytes = encoded(&value, &ty);
        bytes.push(byte);
        check_bytes(&bytes, &ty);
        bytes.pop();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            check_bytes(&bytes, &ty);
            check_bytes(&bytes[..at], &ty);
        }
    }

    #[test]
    fn a_layout_accepts_what_decodes_and_finds_each_column((types, values) in typed_row()) {
        let mut row = Vec::new();
        encode_all(&values, &types, &mut row).unwrap();
        let layout = Layout::new(&types);
        layout.validate(&row).unwrap();
        if let Some(size) = layout.fixed_size() {
            prop_assert_eq!(row.len(), size);
        }
        for (index, (value, ty)) in values.iter().zip(&types).enumerate() {
            prop_assert_eq!(layout.column(&row, index), encoded(value, ty), "column {}", index);
        }
        let again = decode_all(&row, &types).unwrap();
        let mut bytes = Vec::new();
        encode_all(&again, &types, &mut bytes).unwrap();
        prop_assert_eq!(bytes, row);
    }

    #[test]
    fn a_layout_and_decode_refuse_the_same_bytes(types in vec(arbitrary::types(), 0..4), bytes in vec(0..4_u8, 0..16)) {
        let layout = Layout::new(&types);
        prop_assert_eq!(layout.validate(&bytes).err(), decode_all(&bytes, &types).err());
    }

    #[test]
    fn a_batch_holds_its_rows(rows in vec(vec(any::<u8>(), 0..300), 0..6)) {
        let (mut pushed, mut written) = (Vec::new(), Vec::new());
        for row in &rows {
            push_row(row, &mut pushed);
            push_row_with(&mut written, |out| out.extend_from_slice(row));
        }
        prop_assert_eq!(&pushed, &written);
        let read: Vec<_> = Batch::new(&pushed).map(|row| row.unwrap().to_vec()).collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn typed_values_encode_as_dynamic_ones(
        numbers in any::<(u8, u16, u32, u64, i8, i16, i32, i64)>(),
        (yes, single, double, letter, text) in any::<(bool, u32, u64, char, String)>(),
        bytes in vec(any::<u8>(), 0..300),
        words in vec(any::<u16>(), 0..9),
        maybe in any::<Option<Option<String>>>(),
        outcome in any::<Result<(), i64>>(),
        pairs in vec(any::<(bool, String)>(), 0..4),
    ) {
        let (single, double) = (f32::from_bits(single), f64::from_bits(double));
        let (a, b, c, d, e, f, g, h) = numbers;
        let typed = (
            (a, b, c, d, e, f, g, h),
            (yes, single, double, letter, text.clone()),
            bytes.clone(),
            words.clone(),
            maybe.clone(),
            outcome,
            pairs.clone(),
        );
        let types = [
            ValueType::Tuple(vec![
                ValueType::U8, ValueType::U16, ValueType::U32, ValueType::U64,
                ValueType::S8, ValueType::S16, ValueType::S32, ValueType::S64,
            ]),
            ValueType::Tuple(vec![
                ValueType::Bool, ValueType::F32, ValueType::F64, ValueType::Char, ValueType::String,
            ]),
            list(ValueType::U8),
            list(ValueType::U16),
            option(option(ValueType::String)),
            ValueType::Result { ok: None, err: Some(Box::new(ValueType::S64)) },
            list(ValueType::Tuple(vec![ValueType::Bool, ValueType::String])),
        ];
        let values = [
            Value::Tuple(vec![
                Value::U8(a), Value::U16(b), Value::U32(c), Value::U64(d),
                Value::S8(e), Value::S16(f), Value::S32(g), Value::S64(h),
            ]),
            Value::Tuple(vec![
                Value::Bool(yes), Value::F32(single), Value::F64(double), Value::Char(letter),
                Value::String(text),
            ]),
            Value::Bytes(bytes),
            Value::List(words.into_iter().map(Value::U16).collect()),
            Value::Option(maybe.map(|inner| {
                Box::new(Value::Option(inner.map(|text| Box::new(Value::String(text)))))
            })),
            Value::Result(outcome.map(|()| None).map_err(|code| Some(Box::new(Value::S64(code))))),
            Value::List(
                pairs
                    .into_iter()
                    .map(|(yes, text)| Value::Tuple(vec![Value::Bool(yes), Value::String(text)]))
                    .collect(),
            ),
        ];
        let mut dynamic = Vec::new();
        encode_all(&values, &types, &mut dynamic).unwrap();
        let bytes = to_bytes(&typed);
        prop_assert_eq!(&bytes, &dynamic);
        type Typed = (
            (u8, u16, u32, u64, i8, i16, i32, i64),
            (bool, f32, f64, char, String),
            Vec<u8>,
            Vec<u16>,
            Option<Option<String>>,
            Result<(), i64>,
            Vec<(bool, String)>,
        );
        prop_assert_eq!(to_bytes(&from_bytes::<Typed>(&bytes).unwrap()), bytes);
    }

    #[test]
    fn typed_and_dynamic_readers_refuse_the_same_bytes(bytes in vec(0..3_u8, 0..10)) {
        type Typed = (Option<char>, Vec<bool>, Result<u16, String>, Vec<Vec<u8>>);
        let types = [
            option(ValueType::Char),
            list(ValueType::Bool),
            ValueType::Result { ok: Some(Box::new(ValueType::U16)), err: Some(Box::new(ValueType::String)) },
            list(list(ValueType::U8)),
        ];
        prop_assert_eq!(from_bytes::<Typed>(&bytes).err(), decode_all(&bytes, &types).err());
    }

    #[test]
    fn flags_and_cases_written_by_hand_are_those_of_values(bits in vec(any::<u32>(), 3), count in 0..96_u32) {
        let ty = ValueType::Flags((0..count).map(|flag| format!("f{flag}")).collect());
        let mut by_hand = Vec::new();
        write_flags(&bits, count, &mut by_hand);
        let Value::Flags(words) = decode(&by_hand, &ty).unwrap() else { unreachable!() };
        prop_assert_eq!(encoded(&Value::Flags(words.clone()), &ty), by_hand.clone());
        let read = Reader::new(&by_hand).flags::<3>(count).unwrap();
        prop_assert_eq!(&read[..words.len()], &words[..]);
        prop_assert!(read[words.len()..].iter().all(|word| *word == 0));
    }
}

#[track_caller]
fn refuses(bytes: &[u8], ty: &ValueType, offset: usize, reason: DecodeReason) {
    let expected = Err(DecodeError::new(offset, reason));
    assert_eq!(validate(bytes, ty), expected, "validate {bytes:?}");
    assert_eq!(decode(bytes, ty).map(|_| ()), expected, "decode {bytes:?}");
}

#[test]
fn every_rule_of_the_encoding_is_checked() {
    let pair = |ty| ValueType::Tuple(vec![ValueType::U16, ty]);
    let labels = |count: usize| (0..count).map(|index| format!("l{index}")).collect::<Vec<_>>();
    refuses(&[], &ValueType::U8, 0, DecodeReason::EndOfInput);
    refuses(&[1, 2, 3], &ValueType::U16, 2, DecodeReason::TrailingBytes);
    refuses(&[0, 0, 2], &pair(ValueType::Bool), 2, DecodeReason::Bool(2));
    refuses(&[0, 0, 0, 0xd8, 0, 0], &pair(ValueType::Char), 2, DecodeReason::Char(0xd800));
    refuses(&[0, 0, 2, 0xc0, 0x80], &pair(ValueType::String), 3, DecodeReason::Utf8);
    refuses(&[0, 0, 0xc0, 0xff], &ValueType::F32, 0, DecodeReason::Nan);
    refuses(&[1, 0, 0, 0, 0, 0, 0xf8, 0x7f], &ValueType::F64, 0, DecodeReason::Nan);
    refuses(&[0x80, 0x00], &ValueType::String, 0, DecodeReason::LengthNotMinimal);
    refuses(&[0xff, 0xff, 0xff, 0xff, 0x1f], &ValueType::String, 0, DecodeReason::LengthOverflow);
    refuses(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01], &ValueType::String, 0, DecodeReason::LengthOverflow);
    refuses(&[3, 1], &list(ValueType::Bool), 0, DecodeReason::LengthBeyondInput(3));
    refuses(&[2, 1, 0, 0], &list(ValueType::U16), 4, DecodeReason::EndOfInput);
    refuses(&[1], &list(ValueType::Tuple(vec![])), 0, DecodeReason::EmptyElements(1));
    refuses(&[2], &option(ValueType::U8), 0, DecodeReason::Case { index: 2, cases: 2 });
    refuses(&[3], &ValueType::Enum(labels(3)), 0, DecodeReason::Case { index: 3, cases: 3 });
    refuses(&[1, 1], &ValueType::Enum(labels(257)), 0, DecodeReason::Case { index: 257, cases: 257 });
    refuses(&[0, 0, 0b1000], &pair(ValueType::Flags(labels(3))), 2, DecodeReason::Flag);
    refuses(&[0xff, 0b10], &ValueType::Flags(labels(9)), 0, DecodeReason::Flag);
}

#[test]
fn the_bytes_of_every_type_stay_what_they_are() {
    let labels = |count: usize| (0..count).map(|index| format!("l{index}")).collect::<Vec<_>>();
    let cases: &[(ValueType, Value, &[u8])] = &[
        (ValueType::Bool, Value::Bool(true), &[1]),
        (ValueType::U32, Value::U32(0x0102_0304), &[4, 3, 2, 1]),
        (ValueType::S16, Value::S16(-2), &[0xfe, 0xff]),
        (ValueType::F32, Value::F32(-f32::NAN), &[0, 0, 0xc0, 0x7f]),
        (ValueType::F64, Value::F64(-0.0), &[0, 0, 0, 0, 0, 0, 0, 0x80]),
        (ValueType::Char, Value::Char('é'), &[0xe9, 0, 0, 0]),
        (ValueType::String, Value::String("né".into()), &[3, b'n', 0xc3, 0xa9]),
        (list(ValueType::U8), Value::Bytes(vec![7, 8]), &[2, 7, 8]),
        (list(ValueType::S8), Value::List(vec![Value::S8(-1)]), &[1, 0xff]),
        (option(option(ValueType::U8)), Value::Option(Some(Box::new(Value::Option(None)))), &[1, 0]),
        (ValueType::Result { ok: None, err: None }, Value::Result(Err(None)), &[1]),
        (
            ValueType::Record(vec![
                Field { name: "a".into(), ty: ValueType::U8 },
                Field { name: "b".into(), ty: ValueType::Bool },
            ]),
            Value::Record(vec![Value::U8(9), Value::Bool(false)]),
            &[9, 0],
        ),
        (
            ValueType::Variant(vec![
                Case { name: "a".into(), ty: None },
                Case { name: "b".into(), ty: Some(ValueType::U16) },
            ]),
            Value::Variant(1, Some(Box::new(Value::U16(5)))),
            &[1, 5, 0],
        ),
        (ValueType::Enum(labels(256)), Value::Enum(255), &[255]),
        (ValueType::Enum(labels(257)), Value::Enum(256), &[0, 1]),
        (ValueType::Flags(labels(10)), Value::Flags(vec![0b10_0000_0001]), &[1, 2]),
        (ValueType::Flags(labels(33)), Value::Flags(vec![0, 1]), &[0, 0, 0, 0, 1]),
    ];
    for (ty, value, bytes) in cases {
        assert_eq!(encoded(value, ty), *bytes, "{value:?}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_and_leaves_nothing_behind() {
    let pair = ValueType::Tuple(vec![ValueType::U8, ValueType::Flags(vec!["a".into()])]);
    let check = |second: Vec<Value>, error: EncodeError| {
        let mut out = vec![42];
        let values = [vec![Value::U8(1)], second].concat();
        assert_eq!(encode(&Value::Tuple(values), &pair, &mut out), Err(error));
        assert_eq!(out, [42]);
    };
    check(vec![], EncodeError::Count { expected: 2, found: 1 });
    check(vec![Value::Bool(true)], EncodeError::Kind { expected: "flags", found: "bool" });
    check(vec![Value::Flags(vec![0b10])], EncodeError::Flags);
    check(vec![Value::Flags(vec![])], EncodeError::Flags);
    check(vec![Value::Flags(vec![1, 0])], EncodeError::Flags);
}

#[test]
fn a_declared_count_reserves_no_more_than_the_input_holds() {
    // 2^28 strings would be six gigabytes of empty ones; the bytes for them are not there.
    let mut bytes = Vec::new();
    write_length(1 << 28, &mut bytes);
    bytes.extend_from_slice(&[0; 100]);
    assert!(from_bytes::<Vec<String>>(&bytes).is_err());
    assert!(from_bytes::<Vec<()>>(&bytes).is_err());
    assert!(from_bytes::<Vec<()>>(&[3, 0, 0, 0]).is_err());
    assert!(from_bytes::<Vec<u64>>(&bytes).is_err());
}

#[test]
fn a_column_between_two_variable_ones_is_found() {
    let types = [ValueType::String, ValueType::U16, option(ValueType::U32), ValueType::U8, ValueType::Bool];
    let layout = Layout::new(&types);
    assert_eq!(layout.place(1), Place::Behind { column: 0, offset: 0 });
    assert_eq!(layout.place(3), Place::FromEnd(2));
    let row = [2, b'h', b'i', 7, 0, 1, 1, 2, 3, 4, 9, 1];
    layout.validate(&row).unwrap();
    assert_eq!(layout.column(&row, 1), [7, 0]);
    assert_eq!(layout.column(&row, 2), [1, 1, 2, 3, 4]);
    assert_eq!(layout.column(&row, 3), [9]);
}
