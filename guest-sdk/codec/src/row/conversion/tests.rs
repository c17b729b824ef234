//! What a conversion promises, against decoding, converting the values and encoding them again.
#![allow(clippy::unwrap_used)]

use super::super::{decode_all, encode, encode_all};
use super::*;
use crate::{Case, Field, Value, arbitrary};
use proptest::{collection::vec, prelude::*, sample};

/// A column of an evolved table: where it comes from, and what a value becomes.
#[derive(Clone, Debug)]
struct Evolved {
    source: ColumnSource,
    ty: ValueType,
    default: Option<Value>,
}

fn encoded(value: &Value, ty: &ValueType) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, ty, &mut out).unwrap();
    out
}

/// Every type that holds all values of an integer type and is wider.
fn wider(ty: &ValueType) -> Vec<ValueType> {
    let unsigned = [ValueType::U8, ValueType::U16, ValueType::U32, ValueType::U64];
    let signed = [ValueType::S8, ValueType::S16, ValueType::S32, ValueType::S64];
    let place = |types: &[ValueType]| types.iter().position(|other| other == ty);
    match (place(&unsigned), place(&signed)) {
        (Some(place), _) => [&unsigned[place + 1..], &signed[place + 1..]].concat(),
        (_, Some(place)) => signed[place + 1..].to_vec(),
        _ => Vec::new(),
    }
}

fn widened(value: &Value, ty: &ValueType) -> Value {
    let number = match value {
        Value::U8(number) => i128::from(*number),
        Value::U16(number) => i128::from(*number),
        Value::U32(number) => i128::from(*number),
        Value::U64(number) => i128::from(*number),
        Value::S8(number) => i128::from(*number),
        Value::S16(number) => i128::from(*number),
        Value::S32(number) => i128::from(*number),
        Value::S64(number) => i128::from(*number),
        other => panic!("{other:?} is no integer"),
    };
    match ty {
        ValueType::U16 => Value::U16(number.try_into().unwrap()),
        ValueType::U32 => Value::U32(number.try_into().unwrap()),
        ValueType::U64 => Value::U64(number.try_into().unwrap()),
        ValueType::S16 => Value::S16(number.try_into().unwrap()),
        ValueType::S32 => Value::S32(number.try_into().unwrap()),
        ValueType::S64 => Value::S64(number.try_into().unwrap()),
        other => panic!("{other:?} is no wider integer"),
    }
}

/// The type with one more case or flag where it has any, here or further in.
fn extended(ty: &ValueType) -> ValueType {
    let inner = |ty: &ValueType| Box::new(extended(ty));
    match ty {
        ValueType::Enum(cases) => {
            let mut cases = cases.clone();
            if cases.len() != 256 {
                cases.push("one-more".to_owned());
            }
            ValueType::Enum(cases)
        }
        ValueType::Flags(flags) => {
            let mut flags = flags.clone();
            if flags.len() % 8 != 0 {
                flags.push("one-more".to_owned());
            }
            ValueType::Flags(flags)
        }
        ValueType::Variant(cases) => {
            let extend = |case: &Case| Case { name: case.name.clone(), ty: case.ty.as_ref().map(extended) };
            let mut cases: Vec<_> = cases.iter().map(extend).collect();
            cases.push(Case { name: "one-more".to_owned(), ty: Some(ValueType::String) });
            ValueType::Variant(cases)
        }
        ValueType::List(element) => ValueType::List(inner(element)),
        ValueType::Option(some) => ValueType::Option(inner(some)),
        ValueType::Result { ok, err } => {
            ValueType::Result { ok: ok.as_deref().map(inner), err: err.as_deref().map(inner) }
        }
        ValueType::Tuple(types) => ValueType::Tuple(types.iter().map(extended).collect()),
        ValueType::Record(fields) => ValueType::Record(
            fields.iter().map(|field| Field { name: field.name.clone(), ty: extended(&field.ty) }).collect(),
        ),
        other => other.clone(),
    }
}

/// Types whose values all become values of this one by themselves.
fn fewer(ty: &ValueType) -> Vec<ValueType> {
    let integers =
        [ValueType::U8, ValueType::U16, ValueType::U32, ValueType::S8, ValueType::S16, ValueType::S32];
    let mut fewer: Vec<_> = integers.into_iter().filter(|narrow| wider(narrow).contains(ty)).collect();
    match ty {
        ValueType::Option(some) => fewer.push((**some).clone()),
        ValueType::Enum(cases) if cases.len() > 1 => {
            let width = crate::row::case_width(cases.len());
            let less = cases[..cases.len() - 1].to_vec();
            if crate::row::case_width(less.len()) == width {
                fewer.push(ValueType::Enum(less));
            }
        }
        ValueType::Variant(cases) if cases.len() > 1 && cases.len() <= 256 => {
            fewer.push(ValueType::Variant(cases[..cases.len() - 1].to_vec()));
        }
        _ => {}
    }
    fewer
}

/// The value in a type of fewer values; one that does not fit is the first value of that type.
fn fitted(value: &Value, old: &ValueType, new: &ValueType) -> Value {
    let bytes = match (value, old) {
        (Value::Option(Some(some)), ValueType::Option(_)) if !same_bytes(new, old) => encoded(some, new),
        _ if wider(new).contains(old) => {
            let all: Vec<u8> = encoded(value, old);
            let width = encoded(&first_value(new), new).len();
            let narrow = decode_all(&all[..width], std::slice::from_ref(new)).unwrap().remove(0);
            return if widened(&narrow, old) == *value { narrow } else { first_value(new) };
        }
        _ => encoded(value, old),
    };
    decode_all(&bytes, std::slice::from_ref(new))
        .map_or_else(|_| first_value(new), |mut values| values.remove(0))
}

fn first_value(ty: &ValueType) -> Value {
    fitting::least(ty)
}

/// A new list of columns out of an old one: some left out, some changed, some added, in any order.
fn evolutions(old: Vec<ValueType>) -> impl Strategy<Value = Vec<Evolved>> {
    let kept = old.iter().cloned().enumerate().collect::<Vec<_>>();
    let kept = sample::subsequence(kept.clone(), 0..=kept.len());
    let kept = prop_oneof![3 => kept.clone(), 1 => kept.prop_shuffle()];
    let kept = kept.prop_flat_map(|kept| {
        let columns: Vec<_> = kept
            .into_iter()
            .map(|(at, ty)| {
                let change = |source, ty| Evolved { source, ty, default: None };
                let mut choices = vec![
                    change(ColumnSource::Same(at), ty.clone()),
                    change(ColumnSource::Same(at), extended(&ty)),
                    change(ColumnSource::MadeOptional(at), ValueType::Option(Box::new(ty.clone()))),
                ];
                choices.extend(wider(&ty).into_iter().map(|ty| change(ColumnSource::Widened(at), ty)));
                choices.extend(fewer(&ty).into_iter().map(|ty| change(ColumnSource::Fitted(at), ty)));
                sample::select(choices)
            })
            .collect();
        columns
    });
    let added = arbitrary::types().prop_flat_map(|ty| {
        let values = arbitrary::values(&ty);
        values.prop_map(move |value| Evolved {
            source: ColumnSource::Default(encoded(&value, &ty)),
            ty: ty.clone(),
            default: Some(value),
        })
    });
    (kept, vec((any::<sample::Index>(), added), 0..3)).prop_map(|(mut columns, added)| {
        for (at, column) in added {
            columns.insert(at.index(columns.len() + 1), column);
        }
        columns
    })
}

fn conversion(old: &[ValueType], columns: &[Evolved]) -> Conversion {
    let types: Vec<_> = columns.iter().map(|column| column.ty.clone()).collect();
    let sources: Vec<_> = columns.iter().map(|column| column.source.clone()).collect();
    Conversion::new(old, &types, &sources).unwrap()
}

/// What the conversion must make of the values.
fn converted(old: &[ValueType], values: &[Value], columns: &[Evolved]) -> Vec<u8> {
    let values: Vec<_> = columns
        .iter()
        .map(|column| match &column.source {
            ColumnSource::Same(at) => values[*at].clone(),
            ColumnSource::Widened(at) => widened(&values[*at], &column.ty),
            ColumnSource::MadeOptional(at) => Value::Option(Some(Box::new(values[*at].clone()))),
            ColumnSource::Fitted(at) => fitted(&values[*at], &old[*at], &column.ty),
            ColumnSource::Default(_) => column.default.clone().unwrap(),
        })
        .collect();
    let types: Vec<_> = columns.iter().map(|column| column.ty.clone()).collect();
    let mut row = Vec::new();
    encode_all(&values, &types, &mut row).unwrap();
    row
}

fn types_of(columns: &[Evolved]) -> Vec<ValueType> {
    columns.iter().map(|column| column.ty.clone()).collect()
}

fn typed_row() -> impl Strategy<Value = (Vec<ValueType>, Vec<Value>)> {
    let column = prop_oneof![2 => arbitrary::types(), 1 => arbitrary::key_column_types()];
    vec(column, 0..7).prop_flat_map(|types| {
        let values = arbitrary::rows(&types);
        (Just(types), values)
    })
}

fn evolved_row() -> impl Strategy<Value = (Vec<ValueType>, Vec<Value>, Vec<Evolved>)> {
    typed_row().prop_flat_map(|(types, values)| {
        let columns = evolutions(types.clone());
        (Just(types), Just(values), columns)
    })
}

fn row(values: &[Value], types: &[ValueType]) -> Vec<u8> {
    let mut row = Vec::new();
    encode_all(values, types, &mut row).unwrap();
    row
}

proptest! {
    #![proptest_config(arbitrary::config(1000))]

    #[test]
    fn a_converted_row_is_the_encoding_of_the_converted_values((old, values, columns) in evolved_row()) {
        let conversion = conversion(&old, &columns);
        let mut out = vec![7];
        conversion.convert(&row(&values, &old), &mut out).unwrap();
        prop_assert_eq!(&out[1..], converted(&old, &values, &columns));
        Layout::new(&types_of(&columns)).validate(&out[1..]).unwrap();
    }

    #[test]
    fn two_conversions_one_after_the_other_are_one(
        (old, values, columns, later) in evolved_row().prop_flat_map(|(old, values, columns)| {
            let later = evolutions(types_of(&columns));
            (Just(old), Just(values), Just(columns), later)
        }),
    ) {
        let (first, second) = (conversion(&old, &columns), conversion(&types_of(&columns), &later));
        let (mut step, mut stepwise, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
        let row = row(&values, &old);
        first.convert(&row, &mut step).unwrap();
        second.convert(&step, &mut stepwise).unwrap();
        let whole = first.then(&second);
        whole.convert(&row, &mut at_once).unwrap();
        prop_assert_eq!(at_once, stepwise);
        prop_assert_eq!(whole.new_types(), types_of(&later));
    }

    #[test]
    fn malformed_rows_are_refused_and_leave_nothing(
        (old, values, columns) in evolved_row(),
        at in any::<sample::Index>(),
        byte in prop_oneof![Just(0), Just(1), Just(0x80), Just(0xff), any::<u8>()],
    ) {
        let conversion = conversion(&old, &columns);
        let mut bytes = row(&values, &old);
        bytes.push(byte);
        let damaged = at.index(bytes.len());
        bytes[damaged] = byte;
        for bytes in [&bytes[..], &bytes[..damaged]] {
            let mut out = vec![7];
            let result = conversion.convert(bytes, &mut out);
            prop_assert_eq!(result.err(), Layout::new(&old).validate(bytes).err());
            match decode_all(bytes, &old) {
                Ok(values) => prop_assert_eq!(&out[1..], converted(&old, &values, &columns)),
                Err(_) => prop_assert_eq!(out, vec![7]),
            }
        }
    }

    #[test]
    fn values_of_the_same_bytes_are_the_same_values((ty, value) in arbitrary::types().prop_flat_map(|ty| {
        let values = arbitrary::values(&ty);
        (Just(ty), values)
    })) {
        let new = extended(&ty);
        prop_assert!(same_bytes(&ty, &new));
        prop_assert_eq!(encoded(&value, &ty), encoded(&value, &new));
    }

    #[test]
    fn there_and_back_is_no_change_at_all((types, values) in typed_row(), choices in vec(any::<u8>(), 7)) {
        let there: Vec<_> = types
            .iter()
            .enumerate()
            .zip(choices)
            .map(|((at, ty), choice)| {
                let to = |source, ty| Evolved { source, ty, default: None };
                match (choice % 3, wider(ty).pop()) {
                    (0, _) => to(ColumnSource::Same(at), extended(ty)),
                    (1, Some(wide)) => to(ColumnSource::Widened(at), wide),
                    _ => to(ColumnSource::MadeOptional(at), ValueType::Option(Box::new(ty.clone()))),
                }
            })
            .collect();
        let back: Vec<_> = (0..types.len()).map(ColumnSource::Fitted).collect();
        let (row, wide) = (row(&values, &types), types_of(&there));
        let there = conversion(&types, &there);
        let back = Conversion::new(&wide, &types, &back).unwrap();
        prop_assert!(there.then(&back).is_identity());
        // Rows that were written in between take the way back alone.
        let (mut between, mut again) = (Vec::new(), Vec::new());
        there.convert(&row, &mut between).unwrap();
        back.convert(&between, &mut again).unwrap();
        prop_assert_eq!(again, row);
    }

    #[test]
    fn the_identity_changes_nothing((types, values) in typed_row()) {
        let (identity, row) = (Conversion::identity(&types), row(&values, &types));
        let mut out = Vec::new();
        identity.convert(&row, &mut out).unwrap();
        prop_assert!(identity.is_identity());
        prop_assert_eq!(out, row);
    }
}

#[test]
fn what_would_not_be_the_same_bytes_is_refused() {
    let names = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
    let variant = |types: &[Option<ValueType>]| {
        let case = |(at, ty): (usize, &Option<ValueType>)| Case { name: at.to_string(), ty: ty.clone() };
        ValueType::Variant(types.iter().enumerate().map(case).collect())
    };
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    let cases = [
        // The index of a case takes two bytes from 257 cases on; eight flags more take a byte more.
        (ValueType::Enum(names(256)), ValueType::Enum(names(257))),
        (ValueType::Flags(names(8)), ValueType::Flags(names(9))),
        // Fewer cases, and cases in another order.
        (ValueType::Enum(names(3)), ValueType::Enum(names(2))),
        (ValueType::Enum(names(2)), ValueType::Enum(vec!["1".to_owned(), "0".to_owned()])),
        (variant(&[None]), variant(&[Some(ValueType::U8)])),
        (variant(&[Some(ValueType::U8)]), variant(&[Some(ValueType::S8)])),
        (variant(&[None, None]), variant(&[None])),
        (
            ValueType::Record(vec![field("a", ValueType::U8)]),
            ValueType::Record(vec![field("b", ValueType::U8)]),
        ),
        (
            ValueType::Record(vec![field("a", ValueType::U8)]),
            ValueType::Record(vec![field("a", ValueType::U8), field("b", ValueType::U8)]),
        ),
        (ValueType::Tuple(vec![ValueType::U8]), ValueType::Tuple(vec![ValueType::U8, ValueType::U8])),
        (ValueType::U32, ValueType::S32),
        (ValueType::List(Box::new(ValueType::U8)), ValueType::String),
    ];
    for (old, new) in cases {
        assert!(!same_bytes(&old, &new), "{old:?} as {new:?}");
        let error =
            Conversion::new(std::slice::from_ref(&old), std::slice::from_ref(&new), &[ColumnSource::Same(0)]);
        let expected = ConversionError::Type { column: 0, old: old.kind(), new: new.kind() };
        assert_eq!(error.map(drop), Err(expected));
    }
}

#[test]
fn integers_widen_only_where_no_value_is_lost() {
    let all = [
        ValueType::U8,
        ValueType::U16,
        ValueType::U32,
        ValueType::U64,
        ValueType::S8,
        ValueType::S16,
        ValueType::S32,
        ValueType::S64,
        ValueType::F64,
        ValueType::Char,
        ValueType::Bool,
    ];
    for old in &all {
        for new in &all {
            let made = Conversion::new(
                std::slice::from_ref(old),
                std::slice::from_ref(new),
                &[ColumnSource::Widened(0)],
            );
            assert_eq!(made.is_ok(), wider(old).contains(new), "{old:?} to {new:?}");
        }
    }
}

#[test]
fn sources_that_do_not_fit_are_named() {
    let (old, new) = ([ValueType::U8], [ValueType::String, ValueType::U8]);
    let check =
        |sources: &[ColumnSource]| Conversion::new(&old, &new, sources).map(drop).unwrap_err().to_string();
    assert_eq!(check(&[]), "the new row has 2 columns, and 0 sources are given");
    assert_eq!(
        check(&[ColumnSource::Default(vec![0]), ColumnSource::Same(1)]),
        "column 1 is to come from column 1, which the old row does not have"
    );
    assert_eq!(
        check(&[ColumnSource::MadeOptional(0), ColumnSource::Same(0)]),
        "column 0 is of type string, and u8 cannot be turned into that"
    );
    assert_eq!(
        check(&[ColumnSource::Default(vec![2, b'a']), ColumnSource::Same(0)]),
        "the default of column 0 is no value of its type: at byte 0: 2 elements are declared, more than the input can hold"
    );
}
