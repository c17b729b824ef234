//! Reading the TOML files of a project, so that what is wrong with one is told with its line.
//! Invariant: a file with the marks of a merge is never read as if it were whole.

use crate::RegistryError;
use std::ops::Range;
use std::path::Path;
use toml_edit::Document;

/// A file that was parsed, with what is needed to point into it.
pub(crate) struct Parsed<'a> {
    pub(crate) document: Document<String>,
    path: &'a Path,
    text: String,
}

impl<'a> Parsed<'a> {
    /// Parses a file. `mend` says what to do about the marks of a merge.
    pub(crate) fn new(path: &'a Path, text: String, mend: &str) -> Result<Parsed<'a>, RegistryError> {
        if let Some((line, mark)) = merge_mark(&text) {
            let message = format!("`{mark}` is the mark of a merge that was not finished; {mend}");
            return Err(RegistryError::Syntax { path: path.to_owned(), line, message });
        }
        match Document::parse(text.clone()) {
            Ok(document) => Ok(Parsed { document, path, text }),
            Err(error) => {
                let line = line_of(&text, error.span());
                let message = error.message().trim_end().replace('\n', "; ");
                Err(RegistryError::Syntax { path: path.to_owned(), line, message })
            }
        }
    }

    /// A mistake at a place of the file.
    pub(crate) fn mistake(&self, at: Option<Range<usize>>, message: impl Into<String>) -> RegistryError {
        RegistryError::Syntax {
            path: self.path.to_owned(),
            line: line_of(&self.text, at),
            message: message.into(),
        }
    }
}

/// The first line that a merge left, from 1, and its mark.
fn merge_mark(text: &str) -> Option<(usize, &str)> {
    let is_mark = |line: &str| {
        ["<<<<<<<", "|||||||", ">>>>>>>"].iter().any(|mark| line.starts_with(mark))
            || line.trim_end() == "======="
    };
    let (number, line) = text.lines().enumerate().find(|(_, line)| is_mark(line))?;
    Some((number + 1, &line[..7]))
}

fn line_of(text: &str, at: Option<Range<usize>>) -> usize {
    let end = at.map_or(0, |range| range.start.min(text.len()));
    text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1
}
