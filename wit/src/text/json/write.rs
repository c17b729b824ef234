//! From a value to JSON.
//! A record's fields stand in the order of its type.
//! Invariant: an integer is a number only where every reader of JSON keeps all its digits.

use interstice_codec::{Value, ValueType};
use serde_json::{Map, Number, Value as Json};

/// The largest integer that a double holds with all its neighbours.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The JSON of a value.
///
/// A value that is not of the type becomes its kind in angle brackets, as text.
pub fn to_json(value: &Value, ty: &ValueType) -> Json {
    match (value, ty) {
        (Value::Bool(value), _) => Json::Bool(*value),
        (Value::U8(value), _) => (*value).into(),
        (Value::U16(value), _) => (*value).into(),
        (Value::U32(value), _) => (*value).into(),
        (Value::U64(value), _) if *value <= SAFE_INTEGER => (*value).into(),
        (Value::U64(value), _) => value.to_string().into(),
        (Value::S8(value), _) => (*value).into(),
        (Value::S16(value), _) => (*value).into(),
        (Value::S32(value), _) => (*value).into(),
        (Value::S64(value), _) if value.unsigned_abs() <= SAFE_INTEGER => (*value).into(),
        (Value::S64(value), _) => value.to_string().into(),
        // The double with the same shortest digits, not the double of the same size: 0.1 stays 0.1.
        (Value::F32(value), _) => float(value.to_string().parse().unwrap_or(f64::from(*value))),
        (Value::F64(value), _) => float(*value),
        (Value::Char(value), _) => value.to_string().into(),
        (Value::String(value), _) => value.as_str().into(),
        (Value::Bytes(bytes), _) => bytes.as_slice().into(),
        (Value::List(values), ValueType::List(element)) => {
            values.iter().map(|value| to_json(value, element)).collect()
        }
        (Value::Tuple(values), ValueType::Tuple(types)) => {
            values.iter().zip(types).map(|(value, ty)| to_json(value, ty)).collect()
        }
        (Value::Record(values), ValueType::Record(fields)) => {
            let entries = values.iter().zip(fields);
            entries.map(|(value, field)| (field.name.clone(), to_json(value, &field.ty))).collect()
        }
        (Value::Option(None), _) => Json::Null,
        (Value::Option(Some(value)), ValueType::Option(some)) => {
            let json = to_json(value, some);
            if matches!(**some, ValueType::Option(_)) { entry("some", json) } else { json }
        }
        (Value::Result(Ok(value)), ValueType::Result { ok, .. }) => {
            entry("ok", payload(value.as_deref(), ok.as_deref()))
        }
        (Value::Result(Err(value)), ValueType::Result { err, .. }) => {
            entry("err", payload(value.as_deref(), err.as_deref()))
        }
        (Value::Variant(index, value), ValueType::Variant(cases)) => match cases.get(*index as usize) {
            Some(case) if case.ty.is_none() => case.name.as_str().into(),
            Some(case) => entry(&case.name, payload(value.as_deref(), case.ty.as_ref())),
            None => format!("<case {index}>").into(),
        },
        (Value::Enum(index), ValueType::Enum(cases)) => match cases.get(*index as usize) {
            Some(name) => name.as_str().into(),
            None => format!("<case {index}>").into(),
        },
        (Value::Flags(words), ValueType::Flags(flags)) => {
            let is_set =
                |index: usize| words.get(index / 32).is_some_and(|word| word >> (index % 32) & 1 == 1);
            let set = flags.iter().enumerate().filter(|(index, _)| is_set(*index));
            set.map(|(_, flag)| Json::from(flag.as_str())).collect()
        }
        (value, _) => format!("<{}>", value.kind()).into(),
    }
}

fn payload(value: Option<&Value>, ty: Option<&ValueType>) -> Json {
    value.zip(ty).map_or(Json::Null, |(value, ty)| to_json(value, ty))
}

fn entry(name: &str, value: Json) -> Json {
    Json::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn float(value: f64) -> Json {
    match Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => "nan".into(),
        None if value > 0.0 => "inf".into(),
        None => "-inf".into(),
    }
}
