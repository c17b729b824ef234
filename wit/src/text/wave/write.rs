//! The canonical WAVE text of a value.
//! Optional fields that are `none` are left out, as wasm-wave leaves them out; nothing else is
//! shortened. Numbers of many digits are written with an exponent.
//! Invariant: the text depends on the value and its type alone.

use interstice_codec::{Case, Value, ValueType};
use std::fmt::{self, Display, Write};
use wasm_wave::lex::Keyword;

/// The canonical text of a value.
///
/// A value that is not of the type is shown as its kind in angle brackets, which is not WAVE.
pub fn print(value: &Value, ty: &ValueType) -> String {
    let mut text = String::new();
    write_value(&mut text, value, ty).expect("a string takes all text");
    text
}

fn write_value(out: &mut String, value: &Value, ty: &ValueType) -> fmt::Result {
    match (value, ty) {
        (Value::Bool(value), _) => write!(out, "{value}"),
        (Value::U8(value), _) => write!(out, "{value}"),
        (Value::U16(value), _) => write!(out, "{value}"),
        (Value::U32(value), _) => write!(out, "{value}"),
        (Value::U64(value), _) => write!(out, "{value}"),
        (Value::S8(value), _) => write!(out, "{value}"),
        (Value::S16(value), _) => write!(out, "{value}"),
        (Value::S32(value), _) => write!(out, "{value}"),
        (Value::S64(value), _) => write!(out, "{value}"),
        (Value::F32(value), _) => write_float(out, *value, f64::from(*value)),
        (Value::F64(value), _) => write_float(out, *value, *value),
        (Value::Char(value), _) => write_quoted(out, '\'', std::iter::once(*value)),
        (Value::String(value), _) => write_quoted(out, '"', value.chars()),
        (Value::Bytes(bytes), _) => write_sequence(out, "[]", bytes, |out, byte| write!(out, "{byte}")),
        (Value::List(values), ValueType::List(element)) => {
            write_sequence(out, "[]", values, |out, value| write_value(out, value, element))
        }
        (Value::Tuple(values), ValueType::Tuple(types)) => {
            write_sequence(out, "()", values.iter().zip(types), |out, (value, ty)| {
                write_value(out, value, ty)
            })
        }
        (Value::Record(values), ValueType::Record(fields)) => {
            let given = || values.iter().zip(fields).filter(|(value, _)| **value != Value::Option(None));
            if given().next().is_none() {
                return out.write_str("{:}");
            }
            write_sequence(out, "{}", given(), |out, (value, field)| {
                write!(out, "{}: ", field.name)?;
                write_value(out, value, &field.ty)
            })
        }
        (Value::Option(None), _) => out.write_str("none"),
        (Value::Option(Some(value)), ValueType::Option(ty)) => write_payload(out, "some", Some((value, ty))),
        (Value::Result(Ok(value)), ValueType::Result { ok, .. }) => {
            write_payload(out, "ok", value.as_deref().zip(ok.as_deref()))
        }
        (Value::Result(Err(value)), ValueType::Result { err, .. }) => {
            write_payload(out, "err", value.as_deref().zip(err.as_deref()))
        }
        (Value::Variant(index, value), ValueType::Variant(cases)) => match cases.get(*index as usize) {
            Some(Case { name, ty }) => write_payload(out, &label(name), value.as_deref().zip(ty.as_ref())),
            None => write!(out, "<case {index}>"),
        },
        (Value::Enum(index), ValueType::Enum(cases)) => match cases.get(*index as usize) {
            Some(name) => out.write_str(&label(name)),
            None => write!(out, "<case {index}>"),
        },
        (Value::Flags(words), ValueType::Flags(flags)) => {
            let is_set =
                |index: usize| words.get(index / 32).is_some_and(|word| word >> (index % 32) & 1 == 1);
            let set = flags.iter().enumerate().filter(|(index, _)| is_set(*index));
            write_sequence(out, "{}", set, |out, (_, flag)| out.write_str(flag))
        }
        (value, _) => write!(out, "<{}>", value.kind()),
    }
}

fn write_payload(out: &mut String, case: &str, payload: Option<(&Value, &ValueType)>) -> fmt::Result {
    out.write_str(case)?;
    match payload {
        None => Ok(()),
        Some((value, ty)) => {
            out.write_str("(")?;
            write_value(out, value, ty)?;
            out.write_str(")")
        }
    }
}

fn write_sequence<T>(
    out: &mut String,
    brackets: &str,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T) -> fmt::Result,
) -> fmt::Result {
    let (open, close) = brackets.split_at(1);
    out.write_str(open)?;
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write(out, item)?;
    }
    out.write_str(close)
}

/// The fewest digits that read back as the number; `exact` is the number too.
fn write_float(out: &mut String, shortest: impl Display + fmt::LowerExp, exact: f64) -> fmt::Result {
    match exact.abs() {
        _ if exact.is_nan() => out.write_str("nan"),
        magnitude if magnitude == 0.0 || (1e-5..1e16).contains(&magnitude) || magnitude.is_infinite() => {
            write!(out, "{shortest}")
        }
        _ => write!(out, "{shortest:e}"),
    }
}

fn write_quoted(out: &mut String, quote: char, chars: impl Iterator<Item = char>) -> fmt::Result {
    out.write_char(quote)?;
    for char in chars {
        match char {
            '\\' | '\'' | '"' => write!(out, "\\{char}")?,
            '\t' => out.write_str("\\t")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            // The control characters of Unicode, a set that is closed for ever.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => write!(out, "\\u{{{:x}}}", u32::from(char))?,
            _ => out.write_char(char)?,
        }
    }
    out.write_char(quote)
}

/// The label of a case, escaped where it would be taken for a keyword.
fn label(name: &str) -> String {
    if Keyword::decode(name).is_some() { format!("%{name}") } else { name.to_owned() }
}
