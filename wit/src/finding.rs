//! What is wrong with a WIT package: where, what, and how to mend it.
//! Findings are collected, never thrown one by one, and each carries the source that it points into.
//! Invariant: findings come sorted by file, line and column, and none is told twice.

use crate::limits::MAX_FINDINGS;
use crate::source::{Place, SourceFile};
use miette::{LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One mistake in a WIT source.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Finding {
    path: String,
    line: usize,
    column: usize,
    span: Range<usize>,
    file: Arc<NamedSource<Arc<str>>>,
    message: String,
    label: String,
    mend: Option<String>,
}

impl Finding {
    /// The path of the file, as it was given to the reader.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The bytes of the file that the finding is about.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The text that the finding is about.
    pub fn text(&self) -> &str {
        self.file.inner().get(self.span()).unwrap_or_default()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was expected at this place, in a few words.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How to mend it.
    pub fn mend(&self) -> Option<&str> {
        self.mend.as_deref()
    }
}

impl miette::Diagnostic for Finding {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.mend.as_ref().map(|mend| Box::new(mend) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.file)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.label.clone()), self.span());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Every finding about a package. There is always at least one.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    findings: Vec<Finding>,
    omitted: usize,
}

impl Diagnostics {
    /// The findings, sorted by file, line and column.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many more there are than [`MAX_FINDINGS`].
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The findings as plain text without colours: place and message, what was expected, the
    /// mend, and a blank line between two.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let Finding { path, line, column, message, label, mend, .. } = finding;
            out.push_str(&format!("{path}:{line}:{column}: {message}\n"));
            let text = finding.text().lines().next().unwrap_or_default();
            if !text.is_empty() {
                out.push_str(&format!("  `{text}` {label}\n"));
            }
            if let Some(mend) = mend {
                out.push_str(&format!("  mend: {mend}\n"));
            }
            out.push('\n');
        }
        if self.omitted > 0 {
            out.push_str(&format!("and {} more\n", self.omitted));
        }
        out
    }
}

impl IntoIterator for Diagnostics {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.findings.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings.as_slice() {
            [finding] => {
                let Finding { path, line, column, message, .. } = finding;
                write!(f, "{path}:{line}:{column}: {message}")
            }
            findings => write!(f, "{} mistakes in the WIT package", findings.len() + self.omitted),
        }
    }
}

impl std::error::Error for Diagnostics {}

impl miette::Diagnostic for Diagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.findings.iter().map(|finding| finding as &dyn miette::Diagnostic)))
    }
}

/// A mistake that knows its place but does not yet hold the source.
pub(crate) struct Mistake {
    place: Place,
    message: String,
    label: String,
    mend: Option<String>,
}

impl Mistake {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Mistake { place, message: message.into(), label: "here".to_owned(), mend: None }
    }

    /// What is said beside the marked text.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

/// Collects mistakes while a package is read.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(crate) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Takes over what another collection holds.
    pub(crate) fn append(&mut self, other: &mut Mistakes) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives each mistake its line, column and source, and puts them in order.
    pub(crate) fn into_diagnostics(self, files: &[SourceFile]) -> Diagnostics {
        let mut mistakes = self.0;
        let path = |mistake: &Mistake| files.get(mistake.place.file.0).map(|file| file.path.clone());
        mistakes.sort_by_cached_key(|mistake| {
            let Range { start, end } = mistake.place.range;
            (path(mistake), mistake.place.file, start, end, mistake.message.clone())
        });
        mistakes.dedup_by(|a, b| a.place == b.place && a.message == b.message);
        let omitted = mistakes.len().saturating_sub(MAX_FINDINGS);
        mistakes.truncate(MAX_FINDINGS);
        let named: Vec<_> =
            files.iter().map(|file| Arc::new(NamedSource::new(&file.path, Arc::clone(&file.text)))).collect();
        let nowhere = Arc::new(NamedSource::new("(no WIT file)", Arc::from("")));
        let findings = mistakes.into_iter().map(|mistake| {
            let file = named.get(mistake.place.file.0).unwrap_or(&nowhere);
            finding(mistake, Arc::clone(file))
        });
        Diagnostics { findings: findings.collect(), omitted }
    }
}

fn finding(mistake: Mistake, file: Arc<NamedSource<Arc<str>>>) -> Finding {
    let Mistake { place, message, label, mend } = mistake;
    let text = file.inner();
    let start = floor_boundary(text, place.range.start);
    let end = floor_boundary(text, place.range.end).max(start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Finding {
        path: file.name().to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        span: start..end,
        file,
        message,
        label,
        mend,
    }
}

/// A parser may count one byte past a character that takes several.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
