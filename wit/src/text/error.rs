//! What is wrong with a value written as text, and where.
//! The place is a span of the text for WAVE and for text that is not JSON, and a path into the
//! document for JSON of another shape than the type.
//! Invariant: the message names what was expected; the context, where there is one, the whole type.

use super::type_text;
use interstice_codec::ValueType;
use miette::{LabeledSpan, SourceCode};
use std::fmt;
use std::ops::Range;

/// The path of a whole JSON document. A message about all of it needs no place.
pub(crate) const ROOT: &str = "$";

/// A text that is not a value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    place: Place,
    message: String,
    context: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Text { text: String, span: Range<usize> },
    Path(String),
}

impl TextError {
    /// An error at some bytes of a text.
    pub(crate) fn at(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        // Parsers may count a byte beyond a character that takes several.
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end.max(start));
        let place = Place::Text { text: text.to_owned(), span: start..end };
        Self { place, message: message.into(), context: None }
    }

    /// An error at a place in a JSON document, such as `$.owner[2]`.
    pub(crate) fn at_path(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: Place::Path(path.into()), message: message.into(), context: None }
    }

    /// Says what the text as a whole should have been.
    pub(crate) fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Says what type the text as a whole should have been of, unless the message says it already.
    pub(crate) fn of_type(self, ty: &ValueType) -> Self {
        let whole = type_text(ty);
        if self.message.contains(&format!("`{whole}`")) {
            self
        } else {
            self.context(format!("the type is `{whole}`"))
        }
    }

    /// Says in front what is wrong with the text as a whole.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Says which argument or column the error is about.
    pub(crate) fn of(mut self, name: &str) -> Self {
        self.message = format!("`{name}`: {}", self.message);
        self
    }

    /// What was expected, and what was found.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The whole type or signature, in WIT syntax, if the error lies in a part of it.
    pub fn whole(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// The bytes of the text that are wrong.
    pub fn span(&self) -> Option<Range<usize>> {
        match &self.place {
            Place::Text { span, .. } => Some(span.clone()),
            Place::Path(_) => None,
        }
    }

    /// The line and the column in characters, both from 1.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let Place::Text { text, span } = &self.place else { return None };
        let before = &text[..span.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// The place in the JSON document, such as `$.owner[2]`.
    pub fn path(&self) -> Option<&str> {
        match &self.place {
            Place::Text { .. } => None,
            Place::Path(path) => Some(path),
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.line_and_column() {
            write!(f, "line {line}, column {column}: ")?;
        } else if let Some(path) = self.path().filter(|path| *path != ROOT) {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)?;
        self.context.iter().try_for_each(|context| write!(f, " ({context})"))
    }
}

impl std::error::Error for TextError {}

impl miette::Diagnostic for TextError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        match &self.place {
            Place::Text { text, .. } => Some(text),
            Place::Path(_) => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.message.clone()), self.span()?);
        Some(Box::new(std::iter::once(label)))
    }
}
