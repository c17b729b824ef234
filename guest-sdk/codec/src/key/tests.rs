//! What the key codec promises, over arbitrary columns and rows.
//! The order of values is taken from Rust's own order of the same types, column by column.
//! Invariant: keys are compared only as bytes.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{DecodeError, DecodeReason, EncodeError, UnsupportedKey, Value, ValueType, arbitrary, row};
use proptest::{collection::vec, prelude::*};
use std::cmp::Ordering;

/// The order that keys must have.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::U8(left), Value::U8(right)) => left.cmp(right),
        (Value::U16(left), Value::U16(right)) => left.cmp(right),
        (Value::U32(left), Value::U32(right)) => left.cmp(right),
        (Value::U64(left), Value::U64(right)) => left.cmp(right),
        (Value::S8(left), Value::S8(right)) => left.cmp(right),
        (Value::S16(left), Value::S16(right)) => left.cmp(right),
        (Value::S32(left), Value::S32(right)) => left.cmp(right),
        (Value::S64(left), Value::S64(right)) => left.cmp(right),
        (Value::Char(left), Value::Char(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Enum(left), Value::Enum(right)) => left.cmp(right),
        _ => unreachable!("keys of one layout"),
    }
}

fn compare_all(left: &[Value], right: &[Value]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare(left, right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The columns of a key, and two keys that often share their first columns.
fn two_keys() -> impl Strategy<Value = (Vec<ValueType>, Vec<Value>, Vec<Value>)> {
    vec(arbitrary::key_column_types(), 1..5).prop_flat_map(|types| {
        let (left, right) = (arbitrary::rows(&types), arbitrary::rows(&types));
        let shared = 0..types.len();
        (Just(types), left, right, shared).prop_map(|(types, left, mut right, shared)| {
            right[..shared].clone_from_slice(&left[..shared]);
            (types, left, right)
        })
    })
}

/// A row of which some columns can be keys, its values, and the columns of a key of it.
fn keyed_row() -> impl Strategy<Value = (Vec<ValueType>, Vec<Value>, Vec<usize>)> {
    let column = prop_oneof![2 => arbitrary::key_column_types().boxed(), 1 => arbitrary::types().boxed()];
    vec(column, 1..7).prop_flat_map(|types| {
        let values = arbitrary::rows(&types);
        let layout = row::Layout::new(&types);
        let usable: Vec<_> = (0..types.len()).filter(|c| KeyLayout::new(&layout, &[*c]).is_ok()).collect();
        let most = usable.len();
        (Just(types), values, Just(usable).prop_shuffle(), 0..=most).prop_map(
            |(types, values, mut columns, count)| {
                columns.truncate(count);
                (types, values, columns)
            },
        )
    })
}

fn layout_of_all(types: &[ValueType]) -> KeyLayout {
    KeyLayout::new(&row::Layout::new(types), &(0..types.len()).collect::<Vec<_>>()).unwrap()
}

fn key_of(layout: &KeyLayout, values: &[Value]) -> Vec<u8> {
    let mut key = Vec::new();
    layout.encode_values(values, &mut key).unwrap();
    key
}

proptest! {
    #![proptest_config(arbitrary::config(2000))]

    #[test]
    fn keys_sort_as_their_values((types, left, right) in two_keys()) {
        let layout = layout_of_all(&types);
        let (left_key, right_key) = (key_of(&layout, &left), key_of(&layout, &right));
        prop_assert_eq!(left_key.cmp(&right_key), compare_all(&left, &right));
        let prefixes = prefix(&left_key).cmp(&prefix(&right_key));
        prop_assert!(prefixes.is_eq() || prefixes == left_key.cmp(&right_key));
        if layout.fixed_size().is_some_and(|size| size <= 16) {
            prop_assert_eq!(prefixes, left_key.cmp(&right_key));
        }
    }

    #[test]
    fn keys_begin_alike_exactly_when_their_leading_columns_are_equal((types, left, right) in two_keys()) {
        let layout = layout_of_all(&types);
        let key = key_of(&layout, &right);
        for leading in 0..=types.len() {
            let start = key_of(&layout, &left[..leading]);
            prop_assert_eq!(key.starts_with(&start), left[..leading] == right[..leading]);
            let mut above = start.clone();
            let bounded = successor(&mut above);
            let within = key >= start && (!bounded || key < above);
            prop_assert_eq!(within, key.starts_with(&start));
        }
    }

    #[test]
    fn the_key_of_a_row_is_that_of_its_columns((types, values, columns) in keyed_row()) {
        let mut bytes = Vec::new();
        row::encode_all(&values, &types, &mut bytes).unwrap();
        let layout = KeyLayout::new(&row::Layout::new(&types), &columns).unwrap();
        let chosen: Vec<_> = columns.iter().map(|column| values[*column].clone()).collect();
        let mut key = Vec::new();
        layout.extract(&bytes, &mut key);
        prop_assert_eq!(&key, &key_of(&layout, &chosen));
        prop_assert_eq!(layout.decode(&key).unwrap(), chosen);
        prop_assert_eq!(layout.prefix(&bytes), prefix(&key));
        if let Some(size) = layout.fixed_size() {
            prop_assert_eq!(key.len(), size);
        }
    }

    #[test]
    fn bytes_are_refused_or_are_one_key(
        types in vec(arbitrary::key_column_types(), 0..4),
        bytes in vec(prop_oneof![Just(0), Just(0xff), 0..3_u8], 0..14),
    ) {
        let layout = layout_of_all(&types);
        if let Ok(values) = layout.decode(&bytes) {
            prop_assert_eq!(key_of(&layout, &values), bytes);
        }
    }

    #[test]
    fn typed_keys_are_those_of_their_values(
        unsigned in any::<(u8, u16, u32, u64)>(),
        signed in any::<(i8, i16, i32, i64)>(),
        rest in any::<(bool, char)>(),
        text in "[\0a\u{ff}]{0,20}",
        bytes in vec(0..2_u8, 0..20),
    ) {
        let ((a, b, c, d), (e, f, g, h), (yes, letter)) = (unsigned, signed, rest);
        let typed = (a, b, c, d, e, f, g, h, yes, letter, text.as_str(), &bytes);
        let types = [
            ValueType::U8, ValueType::U16, ValueType::U32, ValueType::U64,
            ValueType::S8, ValueType::S16, ValueType::S32, ValueType::S64,
            ValueType::Bool, ValueType::Char, ValueType::String, ValueType::List(Box::new(ValueType::U8)),
        ];
        let values = [
            Value::U8(a), Value::U16(b), Value::U32(c), Value::U64(d),
            Value::S8(e), Value::S16(f), Value::S32(g), Value::S64(h),
            Value::Bool(yes), Value::Char(letter), Value::String(text.clone()), Value::Bytes(bytes.clone()),
        ];
        prop_assert_eq!(typed.to_key(), key_of(&layout_of_all(&types), &values));
        prop_assert_eq!(text.to_key(), (text.clone(),).to_key());
    }
}

#[test]
fn the_bytes_of_every_column_stay_what_they_are() {
    assert_eq!(true.to_key(), [1]);
    assert_eq!(0x0102_u16.to_key(), [1, 2]);
    assert_eq!((-1_i32).to_key(), [0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(1_i8.to_key(), [0x81]);
    assert_eq!('é'.to_key(), [0, 0, 0, 0xe9]);
    assert_eq!("a\0b".to_key(), [b'a', 0, 0xff, b'b', 0, 0]);
    assert_eq!(("", 7_u8).to_key(), [0, 0, 7]);
    let mut case = Vec::new();
    write_case(2, 3, &mut case);
    write_case(2, 257, &mut case);
    write_case(2, 70_000, &mut case);
    assert_eq!(case, [2, 0, 2, 0, 0, 0, 2]);
}

#[test]
fn bytes_that_are_no_key_say_where() {
    #[track_caller]
    fn refuses(ty: ValueType, key: &[u8], offset: usize, reason: DecodeReason) {
        let layout = layout_of_all(&[ValueType::U8, ty]);
        assert_eq!(layout.decode(key), Err(DecodeError { offset, reason }));
    }
    refuses(ValueType::Bool, &[0, 2], 1, DecodeReason::Bool(2));
    refuses(ValueType::Char, &[0, 0, 0x11, 0, 0], 1, DecodeReason::Char(0x11_0000));
    refuses(ValueType::Enum(vec!["a".into()]), &[0, 1], 1, DecodeReason::Case { index: 1, cases: 1 });
    refuses(ValueType::String, &[0, b'a', 0, 7, 0, 0], 2, DecodeReason::Escape(7));
    refuses(ValueType::String, &[0, 0xff, 0, 0], 1, DecodeReason::Utf8);
    refuses(ValueType::String, &[0, b'a'], 2, DecodeReason::EndOfInput);
    refuses(ValueType::U8, &[0, 1, 2], 2, DecodeReason::TrailingBytes);
}

#[test]
fn what_has_no_order_is_no_key() {
    let row = row::Layout::new(&[ValueType::F64, ValueType::List(Box::new(ValueType::U16)), ValueType::U8]);
    let check = |column, error| assert_eq!(KeyLayout::new(&row, &[2, column]).map(|_| ()), Err(error));
    check(0, UnsupportedKey::Type { column: 0, kind: "f64" });
    check(1, UnsupportedKey::Type { column: 1, kind: "list" });
    check(3, UnsupportedKey::NoSuchColumn(3));
}

#[test]
fn values_that_are_no_key_leave_nothing_behind() {
    let layout = layout_of_all(&[ValueType::U8, ValueType::Enum(vec!["a".into()])]);
    let check = |values: &[Value], error| {
        let mut out = vec![42];
        assert_eq!(layout.encode_values(values, &mut out), Err(error));
        assert_eq!(out, [42]);
    };
    check(&[Value::U8(1), Value::Enum(1)], EncodeError::Case { index: 1, cases: 1 });
    check(&[Value::U8(1), Value::U8(1)], EncodeError::Kind { expected: "enum", found: "u8" });
    check(&[Value::U8(1), Value::Enum(0), Value::U8(1)], EncodeError::Count { expected: 2, found: 3 });
}

#[test]
fn the_successor_of_a_prefix_is_the_next_string_without_it() {
    let check = |prefix: &[u8], expected: Option<&[u8]>| {
        let mut next = prefix.to_vec();
        assert_eq!(successor(&mut next).then_some(next.as_slice()), expected);
    };
    check(&[1, 2], Some(&[1, 3]));
    check(&[1, 0xff, 0xff], Some(&[2]));
    check(&[0xff, 0xff], None);
    check(&[], None);
}
