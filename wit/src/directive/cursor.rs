//! A directive's text, put together from the doc lines that it spans, and a cursor over it.
//! It knows parentheses and quotes, and nothing of what a directive means.
//! Invariant: every word comes with its place in the file, whatever lines lie between.

use crate::finding::{Mistake, clip};
use crate::scan::{DocLine, DocStyle};
use crate::source::{FileId, Place};
use std::ops::Range;

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// Reads one directive from left to right.
pub(super) struct Cursor {
    file: FileId,
    text: String,
    /// Where each line of `text` begins in `text` and in the file.
    lines: Vec<(usize, usize)>,
    at: usize,
}

type Parsed<T> = Result<T, Mistake>;

impl Cursor {
    /// A cursor over the directive that begins with `lines[0]`, and how many lines it takes: it
    /// goes on as long as a parenthesis is open.
    pub(super) fn new(file: FileId, source: &str, lines: &[DocLine]) -> (Self, usize) {
        let mut cursor = Cursor { file, text: String::new(), lines: Vec::new(), at: 0 };
        let mut taken = 0;
        let mut parentheses = Parentheses::default();
        for line in lines {
            let content = &source[line.text.clone()];
            let is_next_directive = taken > 0 && content.trim_start().starts_with('@');
            if line.style != DocStyle::Line || is_next_directive {
                break;
            }
            if taken > 0 {
                cursor.text.push('\n');
            }
            cursor.lines.push((cursor.text.len(), line.text.start));
            cursor.text.push_str(content);
            taken += 1;
            if !parentheses.are_open_after(content) {
                break;
            }
        }
        (cursor, taken)
    }

    /// The place of some bytes of the directive.
    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let start = self.offset(range.start);
        Place { file: self.file, range: start..self.offset(range.end).max(start) }
    }

    fn offset(&self, at: usize) -> usize {
        let lines_before = self.lines.partition_point(|(begin, _)| *begin <= at);
        let line = self.lines[..lines_before].last();
        line.map_or(0, |(begin, offset)| offset + (at - begin))
    }

    /// The place of the whole directive.
    pub(super) fn whole(&self) -> Place {
        let start = self.text.len() - self.text.trim_start().len();
        self.place(start..self.text.trim_end().len())
    }

    /// The place of what comes next.
    pub(super) fn here(&mut self) -> Place {
        self.skip_blanks();
        self.place(self.at..self.at + self.next_length())
    }

    /// The bytes of the word or the mark that comes next.
    fn next_length(&self) -> usize {
        let rest = &self.text[self.at..];
        match word_length(rest) {
            0 => rest.chars().next().map_or(0, char::len_utf8),
            length => length,
        }
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes a mark such as `(` if it comes next.
    pub(super) fn eat(&mut self, mark: &str) -> bool {
        self.skip_blanks();
        let found = self.text[self.at..].starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    pub(super) fn expect(&mut self, mark: &str, mend: &str) -> Parsed<()> {
        if self.eat(mark) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{mark}`"), mend))
    }

    /// Takes the `,` between two arguments, or the `)` behind the last, which a `,` may stand before.
    /// Says whether it was the end.
    pub(super) fn ends_arguments(&mut self, mend: &str) -> Parsed<bool> {
        let goes_on = self.eat(",");
        if self.eat(")") {
            return Ok(true);
        }
        if goes_on { Ok(false) } else { Err(self.unexpected("`,` or `)`", mend)) }
    }

    /// The end of arguments of which there are no more.
    pub(super) fn closes(&mut self, mend: &str) -> Parsed<()> {
        self.eat(",");
        self.expect(")", mend)
    }

    /// What comes next, as it is called in a message.
    fn found(&mut self) -> String {
        self.skip_blanks();
        match self.next_length() {
            0 => "the end of the directive".to_owned(),
            length => format!("`{}`", clip(&self.text[self.at..self.at + length])),
        }
    }

    /// What was expected next is not there.
    pub(super) fn unexpected(&mut self, expected: &str, mend: &str) -> Mistake {
        let found = self.found();
        Mistake::new(self.here(), format!("expected {expected}, found {found}"))
            .label(format!("expected {expected}"))
            .mend(mend)
    }

    /// A word of a directive itself.
    pub(super) fn word(&mut self, expected: &str, mend: &str) -> Parsed<Word> {
        self.skip_blanks();
        match word_length(&self.text[self.at..]) {
            0 => Err(self.unexpected(expected, mend)),
            length => Ok(self.take(0, length)),
        }
    }

    /// The name of an item of the package, without the `%` that may mark a keyword.
    pub(super) fn name(&mut self, expected: &str, mend: &str) -> Parsed<Word> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let marks = usize::from(rest.starts_with('%'));
        match word_length(&rest[marks..]) {
            0 => Err(self.unexpected(expected, mend)),
            length => Ok(self.take(marks, length)),
        }
    }

    /// Takes a word, and leaves out the marks before it.
    fn take(&mut self, marks: usize, length: usize) -> Word {
        let range = self.at..self.at + marks + length;
        let text = self.text[range.start + marks..range.end].to_owned();
        self.at = range.end;
        Word { text, place: self.place(range) }
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.text.len()
    }

    /// Whether a blank comes next.
    pub(super) fn is_at_blank(&self) -> bool {
        self.text[self.at..].starts_with(char::is_whitespace)
    }

    /// A WAVE value: all up to the `)` or the `,` that is outside of quotes and brackets.
    pub(super) fn wave(&mut self) -> Word {
        self.skip_blanks();
        let mut depth = 0_u32;
        let mut quotes = Quotes::default();
        let mut end = self.text.len();
        for (at, c) in self.text[self.at..].char_indices() {
            if quotes.is_inside(c) {
                continue;
            }
            let stops = match c {
                '(' | '[' | '{' => {
                    depth += 1;
                    false
                }
                ')' | ']' | '}' if depth > 0 => {
                    depth -= 1;
                    false
                }
                ')' => true,
                ',' => depth == 0,
                _ => false,
            };
            if stops {
                end = self.at + at;
                break;
            }
        }
        let text = self.text[self.at..end].trim_end();
        let word = Word { text: text.to_owned(), place: self.place(self.at..self.at + text.len()) };
        self.at = end;
        word
    }

    /// What is left after the directive's end.
    pub(super) fn rest(&mut self) -> Option<Word> {
        self.skip_blanks();
        let length = self.text[self.at..].trim_end().len();
        (length > 0).then(|| self.take(0, length))
    }
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(text.len())
}

/// Tells text in quotes from text outside.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    escaped: bool,
}

impl Quotes {
    /// Whether this character belongs to a quoted text, its quotes included.
    fn is_inside(&mut self, c: char) -> bool {
        match self.open {
            None if matches!(c, '"' | '\'') => {
                self.open = Some(c);
                true
            }
            None => false,
            Some(quote) => {
                if c == quote && !self.escaped {
                    self.open = None;
                }
                self.escaped = c == '\\' && !self.escaped;
                true
            }
        }
    }
}

/// Whether a directive goes on in the next line.
#[derive(Default)]
struct Parentheses {
    depth: i64,
    quotes: Quotes,
}

impl Parentheses {
    fn are_open_after(&mut self, line: &str) -> bool {
        for c in line.chars() {
            match c {
                _ if self.quotes.is_inside(c) => {}
                '(' => self.depth += 1,
                ')' => self.depth -= 1,
                _ => {}
            }
        }
        self.depth > 0
    }
}
