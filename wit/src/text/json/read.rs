//! From JSON to a value of a type.
//! What a program may reasonably send is read (a number as a string of digits, a field of an option
//! left out); what could only be a mistake is not (an unknown field, a flag given twice).
//! Invariant: an error names the path to the place, such as `$.owner[2]`.

use crate::spelling::nearest;
use crate::text::error::ROOT;
use crate::text::{Signature, TextError, signature_text, type_text};
use interstice_codec::{Case, Field, Value, ValueType};
use serde_json::{Map, Value as Json};
use std::fmt::{self, Display};
use std::str::FromStr;

/// The value that a JSON document says.
///
/// # Errors
/// If the document is of another shape than the type: with the path, what was expected there, and
/// the whole type.
pub fn from_json(json: &Json, ty: &ValueType) -> Result<Value, TextError> {
    read(json, ty, &Path::Root).map_err(|error| error.of_type(ty))
}

/// The value that a JSON text says.
///
/// # Errors
/// If the text is not JSON, or as [`from_json`].
pub fn parse(text: &str, ty: &ValueType) -> Result<Value, TextError> {
    from_json(&document(text)?, ty)
}

/// The values of the arguments of a call: a JSON array in the order of the parameters, or an object
/// with their names. Optional ones may be left out of an object, and from the end of an array.
///
/// # Errors
/// If the text is not JSON, there are too many or too few arguments, or one is not of its type: with
/// the path and the signature.
pub fn parse_arguments<'s, N: AsRef<str> + 's>(
    function: &str,
    text: &str,
    signature: impl Into<Signature<'s, N>>,
) -> Result<Vec<Value>, TextError> {
    let signature = signature.into();
    let types = signature.params.iter().map(|(name, ty)| (name.as_ref(), ty));
    let result = match document(text) {
        Ok(Json::Array(items)) => positional(&items, function, types),
        Ok(Json::Object(entries)) => named(&entries, types, "parameter", &Path::Root),
        Ok(other) => {
            let message = format!("expected an array or an object of arguments, found {}", describe(&other));
            Err(Path::Root.error(message))
        }
        Err(error) => Err(error.about("the arguments are not JSON")),
    };
    let whole = || format!("the function is `{}`", signature_text(function, &signature));
    result.map_err(|error| error.context(whole()))
}

fn positional<'t>(
    items: &[Json],
    function: &str,
    params: impl ExactSizeIterator<Item = (&'t str, &'t ValueType)>,
) -> Result<Vec<Value>, TextError> {
    if items.len() > params.len() {
        let message = format!("`{function}` takes {} arguments, {} are given", params.len(), items.len());
        return Err(Path::Root.error(message));
    }
    let values = params.enumerate().map(|(index, (name, ty))| match (items.get(index), ty) {
        (Some(json), _) => read(json, ty, &Path::Root.item(index)).map_err(|error| error.of(name)),
        (None, ValueType::Option(_)) => Ok(Value::Option(None)),
        (None, ty) => Err(Path::Root.error(format!("the argument `{name}: {}` is missing", type_text(ty)))),
    });
    values.collect()
}

fn document(text: &str) -> Result<Json, TextError> {
    serde_json::from_str(text).map_err(|error| {
        let line_start = match error.line() {
            0 | 1 => 0,
            line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(newline, _)| newline + 1),
        };
        let start = (line_start + error.column().saturating_sub(1)).min(text.len());
        let message = error.to_string();
        // Our own place is added; serde_json's stands at the end of its message.
        let message = message.split(" at line ").next().unwrap_or_default();
        TextError::at(text, start..(start + 1).min(text.len()), message)
    })
}

fn read(json: &Json, ty: &ValueType, path: &Path<'_>) -> Result<Value, TextError> {
    match ty {
        ValueType::List(element) => list(json, element, ty, path),
        ValueType::Tuple(types) => tuple(json, types, ty, path),
        ValueType::Record(fields) => {
            let Json::Object(entries) = json else { return Err(mismatch(json, ty, path)) };
            let fields = fields.iter().map(|Field { name, ty }| (name.as_str(), ty));
            Ok(Value::Record(named(entries, fields, "field", path)?))
        }
        ValueType::Option(some) => option(json, some, path),
        ValueType::Result { ok, err } => result(json, ok.as_deref(), err.as_deref(), path),
        ValueType::Variant(cases) => variant(json, cases, ty, path),
        ValueType::Enum(cases) => {
            let Json::String(name) = json else { return Err(mismatch(json, ty, path)) };
            Ok(Value::Enum(position("case", name, cases.iter().map(String::as_str), path)?))
        }
        ValueType::Flags(flags) => {
            let Json::Array(items) = json else { return Err(mismatch(json, ty, path)) };
            Ok(Value::Flags(flag_words(items, flags, path)?))
        }
        _ => scalar(json, ty, path),
    }
}

/// A value of a type that holds no other.
fn scalar(json: &Json, ty: &ValueType, path: &Path<'_>) -> Result<Value, TextError> {
    Ok(match (ty, json) {
        (ValueType::Bool, Json::Bool(value)) => Value::Bool(*value),
        (ValueType::U8, _) => Value::U8(integer(json, u8::MIN, u8::MAX, ty, path)?),
        (ValueType::U16, _) => Value::U16(integer(json, u16::MIN, u16::MAX, ty, path)?),
        (ValueType::U32, _) => Value::U32(integer(json, u32::MIN, u32::MAX, ty, path)?),
        (ValueType::U64, _) => Value::U64(integer(json, u64::MIN, u64::MAX, ty, path)?),
        (ValueType::S8, _) => Value::S8(integer(json, i8::MIN, i8::MAX, ty, path)?),
        (ValueType::S16, _) => Value::S16(integer(json, i16::MIN, i16::MAX, ty, path)?),
        (ValueType::S32, _) => Value::S32(integer(json, i32::MIN, i32::MAX, ty, path)?),
        (ValueType::S64, _) => Value::S64(integer(json, i64::MIN, i64::MAX, ty, path)?),
        (ValueType::F32, _) => Value::F32(float(json, f32::is_finite, ty, path)?),
        (ValueType::F64, _) => Value::F64(float(json, f64::is_finite, ty, path)?),
        (ValueType::Char, Json::String(text)) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(char), None) => Value::Char(char),
                _ => return Err(path.error(format!("expected a string of one char, found {json}"))),
            }
        }
        (ValueType::String, Json::String(text)) => Value::String(text.clone()),
        _ => return Err(mismatch(json, ty, path)),
    })
}

fn list(json: &Json, element: &ValueType, ty: &ValueType, path: &Path<'_>) -> Result<Value, TextError> {
    let Json::Array(items) = json else { return Err(mismatch(json, ty, path)) };
    let items = items.iter().enumerate();
    if *element == ValueType::U8 {
        let bytes = items.map(|(index, item)| integer(item, 0, u8::MAX, element, &path.item(index)));
        return Ok(Value::Bytes(bytes.collect::<Result<_, _>>()?));
    }
    let values = items.map(|(index, item)| read(item, element, &path.item(index)));
    Ok(Value::List(values.collect::<Result<_, _>>()?))
}

fn tuple(json: &Json, types: &[ValueType], ty: &ValueType, path: &Path<'_>) -> Result<Value, TextError> {
    match json {
        Json::Array(items) if items.len() == types.len() => {
            let values = items.iter().zip(types).enumerate();
            let values = values.map(|(index, (item, ty))| read(item, ty, &path.item(index)));
            Ok(Value::Tuple(values.collect::<Result<_, _>>()?))
        }
        _ => Err(mismatch(json, ty, path)),
    }
}

/// `null` or the value; where the value is an option too, it stands under `some`.
fn option(json: &Json, some: &ValueType, path: &Path<'_>) -> Result<Value, TextError> {
    if json.is_null() {
        return Ok(Value::Option(None));
    }
    let value = match (some, single(json)) {
        (ValueType::Option(_), Some(("some", inner))) => read(inner, some, &path.field("some"))?,
        (ValueType::Option(_), _) => {
            return Err(path.error(format!("expected null or {{\"some\": …}}, found {}", describe(json))));
        }
        _ => read(json, some, path)?,
    };
    Ok(Value::Option(Some(Box::new(value))))
}

fn result(
    json: &Json,
    ok: Option<&ValueType>,
    err: Option<&ValueType>,
    path: &Path<'_>,
) -> Result<Value, TextError> {
    match single(json) {
        Some(("ok", inner)) => Ok(Value::Result(Ok(payload("ok", inner, ok, path)?))),
        Some(("err", inner)) => Ok(Value::Result(Err(payload("err", inner, err, path)?))),
        _ => {
            let found = describe(json);
            Err(path.error(format!("expected {{\"ok\": …}} or {{\"err\": …}}, found {found}")))
        }
    }
}

/// The name of a case, or an object with what it carries.
fn variant(json: &Json, cases: &[Case], ty: &ValueType, path: &Path<'_>) -> Result<Value, TextError> {
    let (name, inner) = match (json, single(json)) {
        (Json::String(name), _) => (name.as_str(), &Json::Null),
        (_, Some(entry)) => entry,
        _ => return Err(mismatch(json, ty, path)),
    };
    let index = position("case", name, cases.iter().map(|case| case.name.as_str()), path)?;
    Ok(Value::Variant(index, payload(name, inner, cases[index as usize].ty.as_ref(), path)?))
}

/// Values by their names, each given once; only those of an option type may be missing.
fn named<'t>(
    entries: &Map<String, Json>,
    fields: impl ExactSizeIterator<Item = (&'t str, &'t ValueType)> + Clone,
    what: &str,
    path: &Path<'_>,
) -> Result<Vec<Value>, TextError> {
    for name in entries.keys() {
        position(what, name, fields.clone().map(|(name, _)| name), path)?;
    }
    let values = fields.map(|(name, ty)| match (entries.get(name), ty) {
        (Some(json), _) => read(json, ty, &path.field(name)),
        (None, ValueType::Option(_)) => Ok(Value::Option(None)),
        (None, ty) => Err(path.error(format!("the {what} `{name}: {}` is missing", type_text(ty)))),
    });
    values.collect()
}

fn payload(
    case: &str,
    json: &Json,
    ty: Option<&ValueType>,
    path: &Path<'_>,
) -> Result<Option<Box<Value>>, TextError> {
    match ty {
        Some(ty) => Ok(Some(Box::new(read(json, ty, &path.field(case))?))),
        None if json.is_null() => Ok(None),
        None => Err(path.field(case).error(format!("`{case}` carries nothing"))),
    }
}

fn flag_words(items: &[Json], flags: &[String], path: &Path<'_>) -> Result<Vec<u32>, TextError> {
    let mut words = vec![0; flags.len().div_ceil(32)];
    for (index, item) in items.iter().enumerate() {
        let path = path.item(index);
        let Json::String(name) = item else {
            return Err(path.error(format!("expected the name of a flag, found {}", describe(item))));
        };
        let flag = position("flag", name, flags.iter().map(String::as_str), &path)?;
        let (word, bit) = (flag as usize / 32, 1 << (flag % 32));
        if words[word] & bit != 0 {
            return Err(path.error(format!("the flag `{name}` is given twice")));
        }
        words[word] |= bit;
    }
    Ok(words)
}

fn integer<T: FromStr + Display>(
    json: &Json,
    low: T,
    high: T,
    ty: &ValueType,
    path: &Path<'_>,
) -> Result<T, TextError> {
    let digits = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) if !text.starts_with('+') => text.clone(),
        _ => return Err(mismatch(json, ty, path)),
    };
    digits.parse().map_err(|_| {
        path.error(format!("expected `{}`, a whole number from {low} to {high}, found {json}", ty.kind()))
    })
}

fn float<T: FromStr + Copy>(
    json: &Json,
    is_finite: impl Fn(T) -> bool,
    ty: &ValueType,
    path: &Path<'_>,
) -> Result<T, TextError> {
    let parsed = match json {
        // By its digits, so that an f32 is rounded once.
        Json::Number(number) => number.to_string().parse().ok().filter(|number| is_finite(*number)),
        Json::String(text) if matches!(text.as_str(), "nan" | "inf" | "-inf") => text.parse().ok(),
        _ => return Err(mismatch(json, ty, path)),
    };
    parsed.ok_or_else(|| path.error(format!("{json} is not in the range of `{}`", ty.kind())))
}

/// The only entry of an object that has one.
fn single(json: &Json) -> Option<(&str, &Json)> {
    let mut entries = json.as_object()?.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Some((name, value)),
        _ => None,
    }
}

fn position<'n>(
    what: &str,
    name: &str,
    names: impl Iterator<Item = &'n str> + Clone,
    path: &Path<'_>,
) -> Result<u32, TextError> {
    names.clone().position(|known| known == name).map(|index| index as u32).ok_or_else(|| {
        let mut message = format!("there is no {what} `{name}`");
        if let Some(near) = nearest(name, names) {
            message += &format!("; did you mean `{near}`?");
        }
        path.error(message)
    })
}

fn mismatch(json: &Json, ty: &ValueType, path: &Path<'_>) -> TextError {
    path.error(format!("expected `{}`, found {}", type_text(ty), describe(json)))
}

fn describe(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(_) => "a string".to_owned(),
        Json::Array(items) => format!("an array of {}", items.len()),
        Json::Object(_) => "an object".to_owned(),
    }
}

/// The way from the whole document to a place in it.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    fn error(&self, message: impl Into<String>) -> TextError {
        TextError::at_path(self.to_string(), message)
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str(ROOT),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
