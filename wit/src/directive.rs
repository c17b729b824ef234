//! Directives: the doc lines that begin with `@` and say what an item is to the database.
//! This file owns their grammar and says what is wrong with one; whether it stands in the right
//! place, and what its names mean, is for the reader to say.
//! Invariant: a doc line that begins with `@` is a directive that was understood, or a mistake.

mod cursor;
mod grammar;

pub(crate) use cursor::Word;

use crate::finding::{Mistake, Mistakes};
use crate::limits::MAX_DIRECTIVES;
use crate::scan::{DocBlock, DocStyle};
use crate::schema::{Comparison, RowEvent, Storage, Visibility};
use crate::source::{FileId, Place};
use std::ops::Range;

/// The names of all directives.
pub(crate) const NAMES: [&str; 12] = [
    "table",
    "index",
    "unique",
    "auto-increment",
    "default",
    "reducer",
    "query",
    "on",
    "schedule",
    "migrate",
    "visibility",
    "renamed-from",
];

/// One directive.
#[derive(Clone, Debug)]
pub(crate) struct Directive {
    /// Its name without the `@`, or what was meant by it.
    pub(crate) name: &'static str,
    /// All of it.
    pub(crate) place: Place,
    pub(crate) kind: DirectiveKind,
}

/// What a directive says.
#[derive(Clone, Debug)]
pub(crate) enum DirectiveKind {
    Table(TableArguments),
    Index(Vec<Word>),
    Unique(Vec<Word>),
    AutoIncrement,
    Default(Word),
    Reducer,
    Query,
    On(On),
    Schedule {
        every_ms: u64,
    },
    Migrate,
    Visibility(Visibility),
    RenamedFrom(Word),
    /// Its mistake has been told; it still says that something was meant here.
    Faulty,
}

/// The arguments of `@table`.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableArguments {
    pub(crate) primary_key: Option<Vec<Word>>,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) storage: Option<Storage>,
}

/// The arguments of `@on`.
#[derive(Clone, Debug)]
pub(crate) struct On {
    pub(crate) event: Event,
    pub(crate) filter: Option<Filter>,
}

/// What `@on` waits for.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Init,
    Upgrade,
    Connect,
    Disconnect,
    Row(RowEvent, Word),
}

/// `where = column op value`.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) column: Word,
    pub(crate) operator: Comparison,
    pub(crate) operator_place: Place,
    pub(crate) value: Word,
}

/// A doc block taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct DocComment {
    pub(crate) directives: Vec<Directive>,
    /// The documentation, directives taken out.
    pub(crate) docs: Option<String>,
}

/// Takes a doc block apart.
pub(crate) fn parse(file: FileId, source: &str, block: &DocBlock, mistakes: &mut Mistakes) -> DocComment {
    let mut directives: Vec<Directive> = Vec::new();
    let mut has_too_many = false;
    let mut prose = Vec::new();
    let mut lines = block.lines.as_slice();
    while let Some(line) = lines.first() {
        let text = &source[line.text.clone()];
        let is_directive = text.trim_start().starts_with('@');
        if !is_directive {
            // What trails an item's code is about that item, not about the next.
            if line.style != DocStyle::Trailing {
                prose.push(text.strip_prefix(' ').unwrap_or(text).trim_end());
            }
            lines = &lines[1..];
            continue;
        }
        if line.style != DocStyle::Line {
            let start = line.text.start + (text.len() - text.trim_start().len());
            let place = Place { file, range: start..line.text.start + text.trim_end().len() };
            mistakes.push(misplaced_line(place, line.style));
            lines = &lines[1..];
            continue;
        }
        let (directive, taken) = grammar::directive(file, source, lines, mistakes);
        lines = &lines[taken..];
        // Beyond the limit one of each name says what the item is.
        if directives.len() >= MAX_DIRECTIVES && directives.iter().any(|other| other.name == directive.name) {
            if !std::mem::replace(&mut has_too_many, true) {
                let message = format!("more than {MAX_DIRECTIVES} directives above one item");
                mistakes.push(
                    Mistake::new(directive.place.clone(), message).mend("leave out those that nobody needs"),
                );
            }
            continue;
        }
        if let Some(first) = directives.iter().find(|earlier| is_repeated(earlier, &directive)) {
            let message = format!("`@{}` is said twice", first.name);
            mistakes.push(Mistake::new(directive.place.clone(), message).mend("leave one of the two"));
            continue;
        }
        directives.push(directive);
    }
    DocComment { directives, docs: docs(&prose) }
}

/// Tells of a plain comment that begins as a directive does: a slash was forgotten.
pub(crate) fn judge_plain_comment(
    file: FileId,
    source: &str,
    comment: &Range<usize>,
    mistakes: &mut Mistakes,
) {
    let text = &source[comment.clone()];
    let Some(name) = NAMES.into_iter().find(|name| begins_with(text, name)) else { return };
    let place = Place { file, range: comment.start..comment.start + 1 + name.len() };
    mistakes.push(
        Mistake::new(place, "a directive in a plain comment is not read")
            .label("stands behind `//`")
            .mend(format!("write `/// @{name}` with three slashes, or put the word in backticks")),
    );
}

/// Whether the text is `@` and this name, and no longer one.
fn begins_with(text: &str, name: &str) -> bool {
    let rest = text.strip_prefix('@').and_then(|text| text.strip_prefix(name));
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')))
}

fn misplaced_line(place: Place, style: DocStyle) -> Mistake {
    match style {
        DocStyle::Block => Mistake::new(place, "a directive in a `/** */` comment is not read")
            .label("begins with `@`")
            .mend("write it as a `///` line above the item"),
        _ => Mistake::new(place, "a directive after code on the same line belongs to nothing")
            .label("begins with `@`")
            .mend("put it on a line of its own above the item that it describes"),
    }
}

/// Several indexes of one table are not a repetition.
fn is_repeated(earlier: &Directive, later: &Directive) -> bool {
    use DirectiveKind::{Faulty, Index, Unique};
    if matches!(earlier.kind, Faulty) || matches!(later.kind, Faulty) {
        return false;
    }
    let lists_columns = |kind: &DirectiveKind| match kind {
        Index(_) => true,
        Unique(columns) => !columns.is_empty(),
        _ => false,
    };
    earlier.name == later.name && !(lists_columns(&earlier.kind) && lists_columns(&later.kind))
}

/// The prose, without blank lines at its beginning and its end.
fn docs(lines: &[&str]) -> Option<String> {
    let first = lines.iter().position(|line| !line.trim().is_empty())?;
    let last = lines.iter().rposition(|line| !line.trim().is_empty())?;
    Some(lines[first..=last].join("\n"))
}
