//! The text of a source file with the beginnings of its lines, found once for all findings in it.
//! Invariant: showing a finding costs what its own lines cost, however long the file is.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::ops::Range;
use std::sync::Arc;

/// A source file as findings hold it.
#[derive(Debug)]
pub(super) struct FileText {
    pub(super) path: String,
    pub(super) text: Arc<str>,
    starts: Vec<usize>,
}

impl FileText {
    pub(super) fn new(path: &str, text: Arc<str>) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(after_breaks).collect();
        FileText { path: path.to_owned(), text, starts }
    }

    /// The line that holds this byte, from 0.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Where a line begins; the end of the text for a line beyond the last.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// The bytes of the lines that these bytes touch, and of some lines around them.
    pub(super) fn lines(&self, range: &Range<usize>, around: usize) -> Range<usize> {
        let first = self.line(range.start).saturating_sub(around);
        self.start(first)..self.start(self.line(range.end) + around + 1)
    }
}

impl SourceCode for FileText {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let range = span.offset()..span.offset() + span.len();
        if range.end > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let excerpt = self.lines(&range, before.max(after) + 1);
        let inner = SourceSpan::new((range.start - excerpt.start).into(), span.len());
        let contents = self.text[excerpt.clone()].read_span(&inner, before, after)?;
        let covered = contents.span();
        Ok(Box::new(MietteSpanContents::new_named(
            self.path.clone(),
            contents.data(),
            (covered.offset() + excerpt.start, covered.len()).into(),
            contents.line() + self.line(excerpt.start),
            contents.column(),
            contents.line_count(),
        )))
    }
}
