//! What is wrong with a WIT package: where, what, and how to mend it.
//! Findings are collected, never thrown one by one, and each carries the source that it points into.
//! Invariant: findings come sorted by file, line and column, and none is told twice.

mod lines;

use crate::limits::{MAX_FINDINGS, MAX_KEPT_FINDINGS, MAX_MESSAGE_BYTES};
use crate::source::{FileId, Place, SourceFile};
use lines::FileText;
use miette::{LabeledSpan, SourceCode};
use std::borrow::Cow;
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
    file: Arc<FileText>,
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
        self.file.text.get(self.span()).unwrap_or_default()
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

    /// The lines that a report shows: those of the text, one before and one after.
    pub fn lines(&self) -> &str {
        self.file.text.get(self.file.lines(&self.span, 1)).unwrap_or_default()
    }

    /// Whether these lines hold characters that nobody sees, or that change what is seen around them.
    pub fn has_hidden_characters(&self) -> bool {
        self.lines().contains(|c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t'))
    }

    /// The finding as plain text without colours: place and message, what was expected, the mend.
    pub fn render(&self) -> String {
        let Finding { path, line, column, message, label, mend, .. } = self;
        let mut out = format!("{path}:{line}:{column}: {message}\n");
        let text = self.text().lines().next().unwrap_or_default();
        if !text.is_empty() {
            out.push_str(&format!("  `{}` {label}\n", clip(text)));
        }
        if let Some(mend) = mend {
            out.push_str(&format!("  mend: {mend}\n"));
        }
        out
    }
}

impl miette::Diagnostic for Finding {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.mend.as_ref().map(|mend| Box::new(mend) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.file)
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

    /// The findings as plain text without colours, and a blank line after each.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            out.push_str(&finding.render());
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
        Mistake { place, message: shortened(message.into()), label: "here".to_owned(), mend: None }
    }

    /// What is said beside the marked text.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = shortened(label.into());
        self
    }

    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(shortened(mend.into()));
        self
    }
}

/// A piece of the source as it is repeated in a message: its beginning, where it is long, and by their
/// numbers the characters that nobody sees or that change what is seen around them.
pub(crate) fn clip(text: &str) -> Cow<'_, str> {
    const MOST: usize = 80;
    let (shown, end) = match text.char_indices().nth(MOST) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    };
    if end.is_empty() && !shown.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut clipped = String::new();
    for c in shown.chars() {
        if is_hidden(c) {
            clipped.extend(c.escape_unicode());
        } else {
            clipped.push(c);
        }
    }
    Cow::Owned(clipped + end)
}

/// Whether a character is a control character or changes the direction of text.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE_BYTES));
        text.push('…');
    }
    text
}

/// Collects mistakes while a package is read.
#[derive(Default)]
pub(crate) struct Mistakes {
    kept: Vec<Mistake>,
    /// Those that came when there were more than anybody reads.
    left_out: usize,
}

impl Mistakes {
    pub(crate) fn push(&mut self, mistake: Mistake) {
        if self.kept.len() < MAX_KEPT_FINDINGS {
            self.kept.push(mistake);
        } else {
            self.left_out += 1;
        }
    }

    pub(crate) fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        mistakes.into_iter().for_each(|mistake| self.push(mistake));
    }

    /// Takes over what another collection holds.
    pub(crate) fn append(&mut self, other: &mut Mistakes) {
        self.left_out += std::mem::take(&mut other.left_out);
        self.extend(other.kept.drain(..));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len() + self.left_out
    }

    /// Gives each mistake its line, column and source, and puts them in order.
    pub(crate) fn into_diagnostics(self, files: &[SourceFile]) -> Diagnostics {
        let mut mistakes = self.kept;
        let path = |mistake: &Mistake| files.get(mistake.place.file.0).map(|file| file.path.clone());
        mistakes.sort_by_cached_key(|mistake| {
            let Range { start, end } = mistake.place.range;
            (path(mistake), mistake.place.file, start, end, mistake.message.clone())
        });
        mistakes.dedup_by(|a, b| a.place == b.place && a.message == b.message);
        let omitted = mistakes.len().saturating_sub(MAX_FINDINGS) + self.left_out;
        mistakes.truncate(MAX_FINDINGS);
        let mut findings: Vec<Finding> = Vec::with_capacity(mistakes.len());
        let mut last: Option<(FileId, Arc<FileText>)> = None;
        for mistake in mistakes {
            let id = mistake.place.file;
            let file = match &last {
                Some((file, text)) if *file == id => Arc::clone(text),
                _ => Arc::new(match files.get(id.0) {
                    Some(source) => FileText::new(&source.path, Arc::clone(&source.text)),
                    None => FileText::new("(no WIT file)", Arc::from("")),
                }),
            };
            let next = finding(mistake, &file, findings.last());
            findings.push(next);
            last = Some((id, file));
        }
        Diagnostics { findings, omitted }
    }
}

/// Completes a mistake; `previous` is the finding before it in the order of the text.
fn finding(mistake: Mistake, file: &Arc<FileText>, previous: Option<&Finding>) -> Finding {
    let Mistake { place, message, label, mend } = mistake;
    let text = &file.text;
    // A parser may count one byte past a character that takes several.
    let start = text.floor_char_boundary(place.range.start);
    let end = text.floor_char_boundary(place.range.end).max(start);
    let line = file.line(start);
    // Counting goes on from the finding before, since a line can be as long as a file.
    let (from, column) = match previous {
        Some(previous) if Arc::ptr_eq(&previous.file, file) && previous.line == line + 1 => {
            (previous.span.start, previous.column)
        }
        _ => (file.start(line), 1),
    };
    Finding {
        path: file.path.clone(),
        line: line + 1,
        column: column + text[from..start].chars().count(),
        span: start..end,
        file: Arc::clone(file),
        message,
        label,
        mend,
    }
}
