//! Our own scan of a WIT file: doc comments and what each stands before, package lines and gates.
//! It is lenient where wit-parser is strict, so that it has an answer for a file with syntax errors too.
//! Invariant: a doc comment belongs to the item whose name is the next to come, or to nothing.

use std::ops::Range;

/// What was found in one file, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) docs: Vec<DocBlock>,
    pub(crate) packages: Vec<PackageLine>,
    /// The names of interfaces and worlds.
    pub(crate) named_containers: Vec<Range<usize>>,
    /// The names of types, each with the interface or world in which it stands.
    pub(crate) types: Vec<(Range<usize>, Option<Range<usize>>)>,
    /// How many packages, interfaces and worlds begin here, named or not.
    pub(crate) containers: usize,
    /// Where each `/**/` stands, which wit-parser takes for a doc comment and cannot take apart.
    pub(crate) empty_comments: Vec<Range<usize>>,
    /// Each gate.
    pub(crate) gates: Vec<Gate>,
    /// Each statement that has no name of its own, from its gates to its `;`.
    pub(crate) statements: Vec<Statement>,
    /// What plain comments say that begin with `@`.
    pub(crate) plain_comments: Vec<Range<usize>>,
}

/// A gate such as `@since(version = 1.0.0)`, or what is written like one.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) name: Range<usize>,
    /// From the `@` to the end of the arguments.
    pub(crate) whole: Range<usize>,
}

/// A `use`, `include`, `import` or `export`.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) keyword: &'static str,
    pub(crate) range: Range<usize>,
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
    pub(crate) end: PackageEnd,
}

/// What stands behind the name of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PackageEnd {
    /// A `;`: this is the package of the file.
    Semicolon,
    /// Neither a `;` nor a `{`.
    Nothing,
    /// The items of a nested package, and where they end.
    Braces(Option<usize>),
}

impl PackageLine {
    pub(crate) fn is_nested(&self) -> bool {
        matches!(self.end, PackageEnd::Braces(_))
    }
}

/// Scans one file. Any text has a scan.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        at: 0,
        found: Scan::default(),
        pending: Vec::new(),
        braces: Vec::new(),
        statement: None,
    };
    scanner.run();
    scanner.found
}

const STATEMENTS: [&str; 4] = ["use", "include", "import", "export"];

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    found: Scan,
    /// Doc lines that wait for their item.
    pending: Vec<DocLine>,
    /// For each open brace the package that it opened, as an index into `found.packages`.
    braces: Vec<Option<usize>>,
    /// The statement that is being read.
    statement: Option<(&'static str, usize)>,
}

/// A token; comments and blanks are not tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    range: Range<usize>,
    is_word: bool,
}

impl Scanner<'_> {
    fn run(&mut self) {
        // Where the item began that is being read, its gates included.
        let mut item: Option<usize> = None;
        let mut at_item_start = true;
        while let Some(token) = self.next() {
            let word = &self.text[token.range.clone()];
            let start = *item.get_or_insert(token.range.start);
            let mut ends_item = matches!(word, ";" | "{" | "}");
            match word {
                // Elsewhere than before an item `@` begins a version, or a gate that is out of place.
                "@" if at_item_start
                    || self.text[self.at..].starts_with(|c: char| c.is_ascii_alphabetic()) =>
                {
                    self.gate(token.range.start);
                    continue;
                }
                "package" if at_item_start => ends_item = self.package(),
                "{" => {
                    self.settle(Before::Nothing);
                    self.braces.push(None);
                }
                "}" => {
                    self.settle(Before::Nothing);
                    if let Some(Some(package)) = self.braces.pop() {
                        self.found.packages[package].end = PackageEnd::Braces(Some(token.range.start));
                    }
                }
                ";" => {
                    self.settle(Before::Nothing);
                    if let Some((keyword, start)) = self.statement.take() {
                        self.found.statements.push(Statement { keyword, range: start..token.range.end });
                    }
                }
                "interface" | "world" | "record" | "variant" | "enum" | "flags" | "type" | "resource" => {
                    self.named_item(word);
                }
                "use" | "include" | "import" | "export" => {
                    let keyword = STATEMENTS.into_iter().find(|known| *known == word).unwrap_or_default();
                    self.settle(Before::Statement(keyword));
                    self.statement = at_item_start.then_some((keyword, start));
                }
                "constructor" => self.settle(Before::Item(token.range.start)),
                "func" | "async" | "static" => self.settle(Before::Nothing),
                _ if token.is_word => self.settle(Before::Item(token.range.start)),
                _ => self.settle(Before::Nothing),
            }
            at_item_start = ends_item;
            if ends_item {
                item = None;
            }
        }
        self.settle(Before::Nothing);
    }

    /// What follows a keyword that begins an item: its name.
    fn named_item(&mut self, keyword: &str) {
        let name = self.peek().filter(|name| name.is_word).map(|name| name.range);
        self.settle(name.as_ref().map_or(Before::Nothing, |name| Before::Item(name.start)));
        // An interface within a statement has items of its own, each with its `;`.
        self.statement = None;
        let is_container = matches!(keyword, "interface" | "world");
        self.found.containers += usize::from(is_container);
        let Some(name) = name else { return };
        self.next();
        self.settle(Before::Nothing);
        if is_container {
            self.found.named_containers.push(name);
        } else {
            let container = self.found.named_containers.last().cloned();
            self.found.types.push((name, container));
        }
    }

    /// Hands the pending doc lines to what stands behind them.
    fn settle(&mut self, before: Before) {
        if !self.pending.is_empty() {
            self.found.docs.push(DocBlock { lines: std::mem::take(&mut self.pending), before });
        }
    }

    /// What follows the `@` of a gate: a word and, in parentheses, its arguments.
    fn gate(&mut self, start: usize) {
        let docs = std::mem::take(&mut self.pending);
        if let Some(name) = self.peek().filter(|name| name.is_word).map(|name| name.range) {
            self.next();
            let end = if self.peek_is("(") { self.arguments() } else { name.end };
            self.found.gates.push(Gate { name, whole: start..end });
        }
        self.settle(Before::Nothing);
        self.pending = docs;
    }

    /// Reads on to the parenthesis that closes the next one, and says where that ends. Without one it
    /// stops at the end of the item.
    fn arguments(&mut self) -> usize {
        let mut depth = 0_u32;
        let mut end = self.at;
        while let Some(token) = self.peek() {
            let word = &self.text[token.range.clone()];
            match word {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                ";" => break,
                _ => {}
            }
            self.next();
            end = token.range.end;
            if depth == 0 {
                break;
            }
        }
        end
    }

    /// What follows the word `package`, and whether items follow in braces.
    fn package(&mut self) -> bool {
        let mut name = String::new();
        let mut range: Option<Range<usize>> = None;
        let docs = std::mem::take(&mut self.pending);
        while let Some(token) = self.peek() {
            let word = &self.text[token.range.clone()];
            if matches!(word, ";" | "{" | "}") {
                break;
            }
            // A blank ends a name that has both of its parts: a `;` was forgotten.
            let is_apart = range.as_ref().is_some_and(|range| range.end < token.range.start);
            let joins = |text: &str| matches!(text, ":" | "@" | "." | "-" | "+");
            if is_apart && name.contains(':') && !joins(word) && !name.ends_with([':', '@', '.', '-', '+']) {
                break;
            }
            name.push_str(word);
            let start = range.map_or(token.range.start, |range| range.start);
            range = Some(start..token.range.end);
            self.next();
        }
        let stray = std::mem::replace(&mut self.pending, docs);
        let Some(range) = range else {
            self.settle(Before::Nothing);
            return false;
        };
        self.settle(Before::Package(range.start));
        self.pending = stray;
        self.settle(Before::Nothing);
        self.found.containers += 1;
        let end = match self.peek().map(|token| &self.text[token.range]) {
            Some("{") => PackageEnd::Braces(None),
            Some(";") => PackageEnd::Semicolon,
            _ => PackageEnd::Nothing,
        };
        self.found.packages.push(PackageLine { name, range, end });
        if end == PackageEnd::Braces(None) {
            self.next();
            self.settle(Before::Nothing);
            self.braces.push(Some(self.found.packages.len() - 1));
        }
        // Without its `;` the name is followed by an item all the same.
        end != PackageEnd::Semicolon
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
        if !line.starts_with("///") {
            let content = line[2..].trim();
            if content.starts_with('@') {
                let start = start + line.len() - line[2..].trim_start().len();
                self.found.plain_comments.push(start..start + content.len());
            }
            return;
        }
        // Four slashes are a ruler or a commented-out doc line.
        if line.starts_with("////") {
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
