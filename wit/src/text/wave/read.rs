//! From WAVE text to a value of a type.
//! wasm-wave makes a tree of the text, and here each node is read as the type at its place demands.
//! Invariant: recursion is bounded by wasm-wave's limit of nesting (100), whatever the type.

use crate::finding::clip;
use crate::spelling::nearest;
use crate::text::{TextError, type_text};
use interstice_codec::{Value, ValueType};
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use wasm_wave::{
    ast::{Node, NodeType},
    lex::Span,
    parser::{ParserError, ParserErrorKind},
    untyped::UntypedValue,
};

/// The value that the whole text says.
///
/// # Errors
/// If the text is not WAVE, or says a value of another type: with the place, what was expected
/// there, and the whole type.
pub fn parse(text: &str, ty: &ValueType) -> Result<Value, TextError> {
    let value = UntypedValue::parse(text).map_err(|error| syntax_error(text, &error));
    value.and_then(|value| Tree { text }.value(value.node(), ty)).map_err(|error| error.of_type(ty))
}

/// A text that is not WAVE, said in the words of the text.
pub(super) fn syntax_error(text: &str, error: &ParserError) -> TextError {
    let span = whole_word(text, error);
    let found = &*clip(text.get(span.clone()).unwrap_or_default());
    let message = match error.kind() {
        ParserErrorKind::UnexpectedEnd => "the text ends where a value is not complete".to_owned(),
        ParserErrorKind::UnexpectedToken => format!("`{found}` is not expected here"),
        ParserErrorKind::InvalidToken if found.starts_with('\'') => {
            "a char is one character, or one escape, between quotes".to_owned()
        }
        ParserErrorKind::InvalidToken if found.starts_with('"') => {
            "the string does not end on its line, or holds an unknown escape".to_owned()
        }
        ParserErrorKind::InvalidToken => format!("`{found}` means nothing in WAVE"),
        ParserErrorKind::EmptyTuple => "a tuple holds at least one value".to_owned(),
        ParserErrorKind::TrailingCharacters if span == error.span() => {
            format!("the value is complete before `{found}`")
        }
        ParserErrorKind::TrailingCharacters if found.starts_with('0') && is_number(found) => {
            format!("`{found}` is not a number of WAVE, which has no `0` in front of another digit")
        }
        ParserErrorKind::TrailingCharacters => format!("`{found}` is not a value of WAVE"),
        ParserErrorKind::NestingTooDeep => "values are nested deeper than 100 levels".to_owned(),
        ParserErrorKind::DuplicateField => format!("the field `{found}` is given twice"),
        ParserErrorKind::DuplicateFlag => format!("the flag `{found}` is given twice"),
        kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    TextError::at(text, span, message)
}

/// The place of an error. wasm-wave ends a value in the middle of a word such as `True` or `007`, and takes
/// the rest of the word for what is wrong: here it is the whole word.
fn whole_word(text: &str, error: &ParserError) -> Range<usize> {
    let span = error.span();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (Some(before), Some(rest)) = (text.get(..span.start), text.get(span.start..)) else { return span };
    let start = before.trim_end_matches(is_word).len();
    if error.kind() != ParserErrorKind::TrailingCharacters
        || start == span.start
        || !rest.starts_with(is_word)
    {
        return span;
    }
    let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    start..span.start + length
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text of which wasm-wave made a tree.
pub(super) struct Tree<'a> {
    pub(super) text: &'a str,
}

impl<'a> Tree<'a> {
    /// The value that a node says.
    pub(super) fn value(&self, node: &Node, ty: &ValueType) -> Result<Value, TextError> {
        Ok(match (ty, node.ty()) {
            (ValueType::Bool, NodeType::BoolTrue) => Value::Bool(true),
            (ValueType::Bool, NodeType::BoolFalse) => Value::Bool(false),
            (ValueType::U8, NodeType::Number) => Value::U8(self.integer(node, u8::MIN, u8::MAX, ty)?),
            (ValueType::U16, NodeType::Number) => Value::U16(self.integer(node, u16::MIN, u16::MAX, ty)?),
            (ValueType::U32, NodeType::Number) => Value::U32(self.integer(node, u32::MIN, u32::MAX, ty)?),
            (ValueType::U64, NodeType::Number) => Value::U64(self.integer(node, u64::MIN, u64::MAX, ty)?),
            (ValueType::S8, NodeType::Number) => Value::S8(self.integer(node, i8::MIN, i8::MAX, ty)?),
            (ValueType::S16, NodeType::Number) => Value::S16(self.integer(node, i16::MIN, i16::MAX, ty)?),
            (ValueType::S32, NodeType::Number) => Value::S32(self.integer(node, i32::MIN, i32::MAX, ty)?),
            (ValueType::S64, NodeType::Number) => Value::S64(self.integer(node, i64::MIN, i64::MAX, ty)?),
            (ValueType::F32, NodeType::Number) => Value::F32(self.float(node, f32::is_infinite, ty)?),
            (ValueType::F64, NodeType::Number) => Value::F64(self.float(node, f64::is_infinite, ty)?),
            (ValueType::Char, NodeType::Char) => {
                Value::Char(node.as_char(self.text).map_err(|error| syntax_error(self.text, &error))?)
            }
            (ValueType::String, NodeType::String | NodeType::MultilineString) => {
                Value::String(self.string(node)?)
            }
            (ValueType::List(element), NodeType::List) => self.list(node, element)?,
            (ValueType::Tuple(types), NodeType::Tuple) => self.tuple(node, types)?,
            (ValueType::Record(_), NodeType::Record) => self.record(node, ty)?,
            (ValueType::Variant(_), NodeType::Label | NodeType::VariantWithPayload) => {
                self.variant(node, ty)?
            }
            (ValueType::Enum(cases), NodeType::Label) => {
                let (name, _) = self.case(node)?;
                Value::Enum(self.index(node.span(), "case", name, cases.iter().map(String::as_str))?)
            }
            (ValueType::Flags(flags), NodeType::Flags) => self.flags(node, flags)?,
            (ValueType::Option(_), NodeType::OptionNone) => Value::Option(None),
            (ValueType::Option(some), NodeType::OptionSome) => {
                let payload = node.as_option().ok().flatten();
                Value::Option(self.payload(node, "some", payload, Some(some))?)
            }
            (ValueType::Option(some), _) if stands_for_its_holder(some) => {
                Value::Option(Some(Box::new(self.value(node, some)?)))
            }
            (ValueType::Result { ok, err }, NodeType::ResultOk | NodeType::ResultErr) => {
                Value::Result(match node.as_result().unwrap_or(Ok(None)) {
                    Ok(payload) => Ok(self.payload(node, "ok", payload, ok.as_deref())?),
                    Err(payload) => Err(self.payload(node, "err", payload, err.as_deref())?),
                })
            }
            (ValueType::Result { ok: Some(ok), .. }, _) if stands_for_its_holder(ok) => {
                Value::Result(Ok(Some(Box::new(self.value(node, ok)?))))
            }
            _ => return Err(self.mismatch(node, ty)),
        })
    }

    fn slice(&self, node: &Node) -> &'a str {
        &self.text[node.span()]
    }

    /// Where a part of the text stands in it.
    fn span_of(&self, part: &'a str) -> Range<usize> {
        let start = part.as_ptr().addr() - self.text.as_ptr().addr();
        start..start + part.len()
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> TextError {
        TextError::at(self.text, span, message)
    }

    fn integer<T: FromStr + Display>(
        &self,
        node: &Node,
        low: T,
        high: T,
        ty: &ValueType,
    ) -> Result<T, TextError> {
        let number = self.slice(node);
        number.parse().map_err(|_| {
            let whole = number.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            let kind = ty.kind();
            let message = if whole {
                format!("{number} is not in the range of `{kind}`, {low} to {high}")
            } else {
                format!("expected `{kind}`, a whole number, found {number}")
            };
            self.error(node.span(), message)
        })
    }

    fn float<T: FromStr + Copy>(
        &self,
        node: &Node,
        is_infinite: impl Fn(T) -> bool,
        ty: &ValueType,
    ) -> Result<T, TextError> {
        let text = self.slice(node);
        match text.parse() {
            Ok(number) if !is_infinite(number) || text.ends_with("inf") => Ok(number),
            _ => Err(self.error(node.span(), format!("{text} is not in the range of `{}`", ty.kind()))),
        }
    }

    fn string(&self, node: &Node) -> Result<String, TextError> {
        if node.ty() == NodeType::MultilineString {
            self.check_multiline(node)?;
        }
        let text = node.as_str(self.text).map_err(|error| syntax_error(self.text, &error))?;
        Ok(text.into_owned())
    }

    /// The frame of a multiline string. wasm-wave checks it too, but its arithmetic on the place of the
    /// error overflows near the start of the text.
    fn check_multiline(&self, node: &Node) -> Result<(), TextError> {
        let Span { start, end } = node.span();
        let inner = &self.text[start + 3..end - 3];
        if !inner.starts_with('\n') && !inner.starts_with("\r\n") {
            return Err(self.error(start..start + 3, r#"the opening `"""` stands at the end of its line"#));
        }
        let last = inner.rsplit('\n').next().unwrap_or_default();
        if last.bytes().any(|byte| byte != b' ') {
            return Err(self.error(end - 3..end, r#"only spaces stand before the closing `"""`"#));
        }
        Ok(())
    }

    fn list(&self, node: &Node, element: &ValueType) -> Result<Value, TextError> {
        let nodes = node.as_list().map_err(|error| syntax_error(self.text, &error))?;
        if *element == ValueType::U8 {
            let bytes = nodes.map(|node| match node.ty() {
                NodeType::Number => self.integer(node, u8::MIN, u8::MAX, element),
                _ => Err(self.mismatch(node, element)),
            });
            return Ok(Value::Bytes(bytes.collect::<Result<_, _>>()?));
        }
        Ok(Value::List(nodes.map(|node| self.value(node, element)).collect::<Result<_, _>>()?))
    }

    fn tuple(&self, node: &Node, types: &[ValueType]) -> Result<Value, TextError> {
        let nodes = node.as_tuple().map_err(|error| syntax_error(self.text, &error))?;
        if nodes.len() != types.len() {
            let message = format!("expected a tuple of {}, found one of {}", types.len(), nodes.len());
            return Err(self.error(node.span(), message));
        }
        let values = nodes.zip(types).map(|(node, ty)| self.value(node, ty));
        Ok(Value::Tuple(values.collect::<Result<_, _>>()?))
    }

    fn record(&self, node: &Node, ty: &ValueType) -> Result<Value, TextError> {
        let ValueType::Record(fields) = ty else { return Err(self.mismatch(node, ty)) };
        let entries = node.as_record(self.text).map_err(|error| syntax_error(self.text, &error))?;
        let mut values = vec![None; fields.len()];
        for (name, value) in entries {
            let names = fields.iter().map(|field| field.name.as_str());
            let index = self.index(self.span_of(name), "field", name, names)? as usize;
            values[index] = Some(self.value(value, &fields[index].ty)?);
        }
        let values = values.into_iter().zip(fields).map(|(value, field)| match (value, &field.ty) {
            (Some(value), _) => Ok(value),
            (None, ValueType::Option(_)) => Ok(Value::Option(None)),
            (None, ty) => {
                let message = format!("the field `{}: {}` is missing", field.name, type_text(ty));
                Err(self.error(node.span(), message))
            }
        });
        Ok(Value::Record(values.collect::<Result<_, _>>()?))
    }

    fn variant(&self, node: &Node, ty: &ValueType) -> Result<Value, TextError> {
        let ValueType::Variant(cases) = ty else { return Err(self.mismatch(node, ty)) };
        let (name, payload) = self.case(node)?;
        let index = self.index(node.span(), "case", name, cases.iter().map(|case| case.name.as_str()))?;
        let payload = self.payload(node, name, payload, cases[index as usize].ty.as_ref())?;
        Ok(Value::Variant(index, payload))
    }

    fn flags(&self, node: &Node, flags: &[String]) -> Result<Value, TextError> {
        let names = node.as_flags(self.text).map_err(|error| syntax_error(self.text, &error))?;
        let mut words = vec![0; flags.len().div_ceil(32)];
        for name in names {
            let label = name.strip_prefix('%').unwrap_or(name);
            let index = self.index(self.span_of(name), "flag", label, flags.iter().map(String::as_str))?;
            words[index as usize / 32] |= 1 << (index % 32);
        }
        Ok(Value::Flags(words))
    }

    fn case<'n>(&self, node: &'n Node) -> Result<(&'a str, Option<&'n Node>), TextError> {
        node.as_variant(self.text).map_err(|error| syntax_error(self.text, &error))
    }

    fn payload(
        &self,
        node: &Node,
        case: &str,
        payload: Option<&Node>,
        ty: Option<&ValueType>,
    ) -> Result<Option<Box<Value>>, TextError> {
        match (payload, ty) {
            (None, None) => Ok(None),
            (Some(payload), Some(ty)) => Ok(Some(Box::new(self.value(payload, ty)?))),
            (Some(payload), None) => Err(self.error(payload.span(), format!("`{case}` carries nothing"))),
            (None, Some(ty)) => {
                let message = format!("`{case}` carries a value of type `{}`", type_text(ty));
                Err(self.error(node.span(), message))
            }
        }
    }

    /// The position of a name among those of the type.
    fn index<'n>(
        &self,
        span: Range<usize>,
        what: &str,
        name: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<u32, TextError> {
        names.clone().position(|known| known == name).map(|index| index as u32).ok_or_else(|| {
            let mut message = format!("there is no {what} `{name}`");
            if let Some(near) = nearest(name, names) {
                message += &format!("; did you mean `{near}`?");
            }
            self.error(span, message)
        })
    }

    pub(super) fn mismatch(&self, node: &Node, ty: &ValueType) -> TextError {
        let label = self.slice(node);
        let head = label.split('(').next().unwrap_or_default().trim_end();
        let message = match ty {
            ValueType::Enum(cases) if cases.iter().any(|case| case == label) => keyword_message(label),
            ValueType::Variant(cases) if cases.iter().any(|case| case.name == head) => keyword_message(head),
            ValueType::Record(_) if node.ty() == NodeType::Flags && node.span().len() == 2 => {
                "an empty record is written `{:}`".to_owned()
            }
            ty => format!("expected `{}`, found {}", type_text(ty), describe(node)),
        };
        self.error(node.span(), message)
    }
}

fn keyword_message(name: &str) -> String {
    format!("`{name}` is a keyword of WAVE; the case of that name is written `%{name}`")
}

/// Whether `some(…)` or `ok(…)` may be left out around a value of this type.
fn stands_for_its_holder(ty: &ValueType) -> bool {
    !matches!(ty, ValueType::Option(_) | ValueType::Result { .. })
}

fn describe(node: &Node) -> &'static str {
    match node.ty() {
        NodeType::BoolTrue | NodeType::BoolFalse => "a bool",
        NodeType::Number => "a number",
        NodeType::Char => "a char",
        NodeType::String | NodeType::MultilineString => "a string",
        NodeType::Tuple => "a tuple",
        NodeType::List => "a list",
        NodeType::Record => "a record",
        NodeType::Label | NodeType::VariantWithPayload => "the case of a variant or enum",
        NodeType::OptionSome | NodeType::OptionNone => "an option",
        NodeType::ResultOk | NodeType::ResultErr => "a result",
        NodeType::Flags => "flags",
    }
}
