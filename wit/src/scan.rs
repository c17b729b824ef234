//! Our own scan of a WIT file: doc comments and what each stands before, package lines and gates.
//! It is lenient where wit-parser is strict, so that it has an answer for a file with syntax errors too.
//! Invariant: a doc comment belongs to the item whose name is the next to come, or to nothing.

use std::ops::Range;

/// What was found in one file, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) docs: Vec<DocBlock>,
    pub(crate) packages: Vec<PackageLine>,
    /// The names of interfaces, worlds and types.
    pub(crate) names: Vec<Range<usize>>,
    /// How many packages, interfaces and worlds begin here, named or not.
    pub(crate) containers: usize,
    /// Where each `/**/` stands, which wit-parser takes for a doc comment and cannot take apart.
    pub(crate) empty_comments: Vec<Range<usize>>,
    /// Each `@unstable` gate.
    pub(crate) unstable: Vec<Range<usize>>,
}

/// The doc comments before one item.
#[derive(Clone, Debug)]
pub(crate) struct DocBlock {
    pub(crate) lines: Vec<DocLine>,
    pub(crate) before: Before,
}

/// One line of a doc comment.
#[derive(Clone, Debug)]
pub(crate) struct DocLine {
    /// What the line says, without the marks of the comment.
    pub(crate) text: Range<usize>,
    pub(crate) style: DocStyle,
}

/// How a doc line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocStyle {
    /// `///` on a line of its own.
    Line,
    /// `///` after code on the same line, where it is not clear what it is about.
    Trailing,
    /// A line of a `/** … */`.
    Block,
}

/// What a doc block stands before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// An item whose name begins at this offset.
    Item(usize),
    /// A `package` line whose name begins at this offset.
    Package(usize),
    /// A statement such as `use`, which has no name of its own.
    Statement(&'static str),
    /// A closing brace, the end of the file, or the middle of an item.
    Nothing,
}

/// A `package` line or the head of a nested package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageLine {
    /// The name as it is written, such as `acme:bank@1.2.0`.
    pub(crate) name: String,
    pub(crate) range: Range<usize>,
    /// Where a nested package ends.
    pub(crate) closing_brace: Option<usize>,
}

/// Scans one file. Any text has a scan.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scanner =
        Scanner { text, at: 0, found: Scan::default(), pending: Vec::new(), braces: Vec::new() };
    scanner.run();
    scanner.found
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    found: Scan,
    /// Doc lines that wait for their item.
    pending: Vec<DocLine>,
    /// For each open brace the package that it opened, as an index into `found.packages`.
    braces: Vec<Option<usize>>,
}

/// A token; comments and blanks are not tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    range: Range<usize>,
    is_word: bool,
}

impl Scanner<'_> {
    fn run(&mut self) {
        // A gate may stand only where an item may begin; elsewhere `@` begins a version.
        let mut at_item_start = true;
        while let Some(token) = self.next() {
            let word = &self.text[token.range.clone()];
            match word {
                "@" if at_item_start => {
                    self.gate();
                    continue;
                }
                "package" if at_item_start => self.package(),
                "{" => {
                    self.settle(Before::Nothing);
                    self.braces.push(None);
                }
                "}" => {
                    self.settle(Before::Nothing);
                    if let Some(Some(package)) = self.braces.pop() {
                        self.found.packages[package].closing_brace = Some(token.range.start);
                    }
                }
                "interface" | "world" | "record" | "variant" | "enum" | "flags" | "type" | "resource" => {
                    self.found.containers += usize::from(matches!(word, "interface" | "world"));
                    let name = self.peek().filter(|name| name.is_word).map(|name| name.range);
                    self.settle(name.as_ref().map_or(Before::Nothing, |name| Before::Item(name.start)));
                    self.found.names.extend(name);
                }
                "use" => self.settle(Before::Statement("use")),
                "include" => self.settle(Before::Statement("include")),
                "import" => self.settle(Before::Statement("import")),
                "export" => self.settle(Before::Statement("export")),
                "constructor" => self.settle(Before::Item(token.range.start)),
                "func" | "async" | "static" => self.settle(Before::Nothing),
                _ if token.is_word => self.settle(Before::Item(token.range.start)),
                _ => self.settle(Before::Nothing),
            }
            at_item_start = matches!(word, ";" | "{" | "}");
        }
        self.settle(Before::Nothing);
    }

    /// Hands the pending doc lines to what stands behind them.
    fn settle(&mut self, before: Before) {
        if !self.pending.is_empty() {
            self.found.docs.push(DocBlock { lines: std::mem::take(&mut self.pending), before });
        }
    }

    /// What follows the `@` of a gate: a word and, in parentheses, its arguments.
    fn gate(&mut self) {
        let Some(name) = self.peek().filter(|name| name.is_word) else { return };
        self.next();
        if &self.text[name.range.clone()] == "unstable" {
            self.found.unstable.push(name.range);
        }
        if self.peek_is("(") {
            while let Some(token) = self.next() {
                if &self.text[token.range] == ")" {
                    break;
                }
            }
        }
    }

    /// What follows the word `package`.
    fn package(&mut self) {
        let mut name = String::new();
        let mut range: Option<Range<usize>> = None;
        let docs = std::mem::take(&mut self.pending);
        while let Some(token) = self.peek() {
            let word = &self.text[token.range.clone()];
            if matches!(word, ";" | "{" | "}") {
                break;
            }
            name.push_str(word);
            let start = range.map_or(token.range.start, |range| range.start);
            range = Some(start..token.range.end);
            self.next();
        }
        let stray = std::mem::replace(&mut self.pending, docs);
        let Some(range) = range else { return self.settle(Before::Nothing) };
        self.settle(Before::Package(range.start));
        self.pending = stray;
        self.found.containers += 1;
        self.found.packages.push(PackageLine { name, range, closing_brace: None });
        if self.peek_is("{") {
            self.next();
            self.settle(Before::Nothing);
            self.braces.push(Some(self.found.packages.len() - 1));
        }
    }

    fn peek_is(&mut self, word: &str) -> bool {
        self.peek().is_some_and(|token| &self.text[token.range] == word)
    }

    /// The next token, which stays there. Doc comments before it stay there too.
    fn peek(&mut self) -> Option<Token> {
        let (at, pending) = (self.at, self.pending.len());
        let token = self.next();
        self.at = at;
        self.pending.truncate(pending);
        token
    }

    /// The next token. Doc comments on the way to it become pending.
    fn next(&mut self) -> Option<Token> {
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            let start = self.at;
            if first.is_whitespace() || first == '\u{feff}' {
                self.at += first.len_utf8();
            } else if rest.starts_with("//") {
                self.line_comment();
            } else if rest.starts_with("/*") {
                self.block_comment();
            } else if first == '"' {
                self.string();
                return Some(Token { range: start..self.at, is_word: false });
            } else if is_word(first) || first == '%' {
                let length = rest[first.len_utf8()..]
                    .find(|c: char| !is_word(c) && c != '-')
                    .map_or(rest.len(), |length| length + first.len_utf8());
                // The `-` of `->` is not part of a word.
                let word = rest[..length].trim_end_matches('-');
                self.at += word.len().max(first.len_utf8());
                return Some(Token { range: start..self.at, is_word: true });
            } else {
                self.at += first.len_utf8();
                return Some(Token { range: start..self.at, is_word: false });
            }
        }
    }

    fn line_comment(&mut self) {
        let start = self.at;
        let length = self.text[start..].find('\n').unwrap_or(self.text.len() - start);
        self.at += length;
        let line = &self.text[start..self.at];
        // Four slashes are a ruler or a commented-out doc line.
        if !line.starts_with("///") || line.starts_with("////") {
            return;
        }
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let alone = self.text[line_start..start].chars().all(|c| c.is_whitespace() || c == '\u{feff}');
        let style = if alone { DocStyle::Line } else { DocStyle::Trailing };
        let end = start + line.trim_end().len().max(3);
        self.pending.push(DocLine { text: start + 3..end, style });
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut depth = 0;
        while self.at < bytes.len() {
            let pair = &bytes[self.at..bytes.len().min(self.at + 2)];
            match pair {
                b"/*" => depth += 1,
                b"*/" => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                break;
            }
        }
        let comment = &self.text[start..self.at];
        if comment == "/**/" {
            self.found.empty_comments.push(start..self.at);
        }
        let is_doc = comment.starts_with("/**") && !comment.starts_with("/***") && comment.len() > 5;
        if !is_doc {
            return;
        }
        let mut offset = start + 3;
        for line in comment[3..].trim_end_matches("*/").split_inclusive('\n') {
            let content = line.trim_end();
            let blank = content.len() - content.trim_start().len();
            // The star that leads each line of such a comment is decoration.
            let star = usize::from(offset != start + 3 && content[blank..].starts_with('*')) * (blank + 1);
            self.pending
                .push(DocLine { text: offset + star..offset + content.len(), style: DocStyle::Block });
            offset += line.len();
        }
    }

    fn string(&mut self) {
        let mut escaped = false;
        for (at, c) in self.text[self.at..].char_indices().skip(1) {
            match c {
                '"' if !escaped => {
                    self.at += at + 1;
                    return;
                }
                // A string does not go on over the line, so a stray quote costs one line only.
                '\n' => {
                    self.at += at;
                    return;
                }
                _ => escaped = c == '\\' && !escaped,
            }
        }
        self.at = self.text.len();
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
