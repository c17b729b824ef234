//! What wit-parser says about a mistake, in words that help: how to mend it, and what could stand in its
//! place for the parser to go on.
//! Invariant: a name is suggested only for one that is unknown.

use super::vocabulary::{foreign_type, kebab, same_length};
use super::{FileId, Place, Sources};
use crate::directive;
use crate::finding::{Mistake, clip};
use crate::identifier::wit_identifier;
use crate::scan::{Gate, Scan, Statement};
use crate::source::Group;
use crate::spelling::{did_you_mean, nearest};
use std::collections::BTreeSet;
use wit_parser::ParseErrorKind;

/// A mistake in the text of a package.
pub(super) struct Explanation {
    /// Nothing where it only follows from another.
    pub(super) mistake: Option<Mistake>,
    pub(super) repair: Option<Repair>,
}

/// What could stand in place of a mistake.
pub(super) struct Repair {
    pub(super) place: Place,
    pub(super) text: String,
    /// Names that are no longer declared then.
    pub(super) gone: Vec<String>,
}

impl Repair {
    fn new(place: &Place, text: impl Into<String>) -> Option<Repair> {
        let text = text.into();
        let place = place.clone();
        (text.len() <= place.range.len()).then_some(Repair { place, text, gone: Vec::new() })
    }
}

/// Knows the names and the statements of all files.
pub(super) struct Explainer<'a> {
    sources: &'a Sources,
    scans: &'a [Scan],
}

const TOP_LEVEL: [&str; 4] = ["package", "interface", "world", "use"];

const VERSION: &str = "a version has three numbers: `1.2.0`";

impl<'a> Explainer<'a> {
    pub(super) fn new(sources: &'a Sources, scans: &'a [Scan]) -> Self {
        Explainer { sources, scans }
    }

    /// A mistake that wit-parser found in a package by itself.
    pub(super) fn parse_error(
        &self,
        place: Place,
        kind: &ParseErrorKind,
        gone: &BTreeSet<(FileId, String)>,
    ) -> Explanation {
        match kind {
            ParseErrorKind::ItemNotFound { name, kind, .. } => {
                let explanation = if kind.contains("interface") {
                    self.unknown_interface(&place, name)
                } else {
                    self.unknown_type(&place, name)
                };
                let follows = gone.contains(&(place.file, name.clone()));
                Explanation { mistake: explanation.mistake.filter(|_| !follows), ..explanation }
            }
            ParseErrorKind::TypeCycle { kind, .. } if kind.contains("interface") => Explanation {
                mistake: Some(
                    Mistake::new(place.clone(), kind_text(kind, &place, self))
                        .mend("put the types that both use into a third interface"),
                ),
                repair: self.without_statement(&place),
            },
            ParseErrorKind::TypeCycle { kind, .. } => Explanation {
                mistake: Some(
                    Mistake::new(place.clone(), kind_text(kind, &place, self))
                        .mend("a value holds no value of its own type: refer to the other by a key"),
                ),
                repair: self.any_type(&place),
            },
            other => self.syntax(place, &other.to_string()),
        }
    }

    fn text(&self, file: FileId) -> &'a str {
        self.sources.files.get(file.0).map_or("", |file| &*file.text)
    }

    fn marked(&self, place: &Place) -> &'a str {
        self.text(place.file).get(place.range.clone()).unwrap_or_default()
    }

    fn before(&self, place: &Place) -> &'a str {
        self.text(place.file).get(..place.range.start).unwrap_or_default()
    }

    fn behind(&self, place: &Place) -> &'a str {
        self.text(place.file).get(place.range.end..).unwrap_or_default()
    }

    /// The files that belong to the same package, with what was found in them.
    fn package(&self, file: FileId) -> impl Iterator<Item = (&'a str, &'a Scan)> + Clone {
        let group = self.sources.files.get(file.0).map(|file| &file.group);
        let files = self.sources.files.iter().zip(self.scans);
        files.filter(move |(file, _)| Some(&file.group) == group).map(|(file, scan)| (&*file.text, scan))
    }

    fn statement(&self, place: &Place) -> Option<&'a Statement> {
        let statements = &self.scans.get(place.file.0)?.statements;
        let next = statements.partition_point(|statement| statement.range.end <= place.range.start);
        statements.get(next).filter(|statement| statement.range.start <= place.range.start)
    }

    /// Takes out the statement that holds this place, and with it the names that it brings.
    fn without_statement(&self, place: &Place) -> Option<Repair> {
        let statement = self.statement(place)?;
        let whole = Place { file: place.file, range: statement.range.clone() };
        let names = self.marked(&whole).split_once('{').map(|(_, names)| names).unwrap_or_default();
        let names = names.trim_end_matches(|c: char| !c.is_alphanumeric()).split(',').map(own_name);
        let alias =
            self.marked(&whole).trim_end_matches(';').rsplit_once(" as ").map(|(_, name)| own_name(name));
        let gone = names.chain(alias).filter(|name| !name.is_empty()).collect();
        Some(Repair { gone, ..Repair::new(&whole, "")? })
    }

    fn unknown_interface(&self, place: &Place, name: &str) -> Explanation {
        let names = self
            .package(place.file)
            .flat_map(|(text, scan)| scan.named_containers.iter().filter_map(|name| text.get(name.clone())));
        let is_only_file =
            self.sources.files[place.file.0].group == Group::Root && self.package(place.file).count() == 1;
        let mend = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if is_only_file => {
                "declare it; if it stands in another file of the package, give the folder that holds them all"
                    .to_owned()
            }
            None => "declare it in one of the package's files".to_owned(),
        };
        let mistake =
            Mistake::new(place.clone(), format!("interface or world `{}` does not exist", clip(name)));
        Explanation { mistake: Some(mistake.mend(mend)), repair: self.without_statement(place) }
    }

    fn unknown_type(&self, place: &Place, name: &str) -> Explanation {
        if let Some(statement) = self.statement(place).filter(|statement| statement.keyword == "use") {
            return self.unknown_used_type(place, name, statement);
        }
        let types = self.package(place.file).flat_map(|(text, scan)| {
            scan.types.iter().filter_map(move |(name, container)| {
                let container = container.as_ref().and_then(|container| text.get(container.clone()));
                Some((text.get(name.clone())?, container))
            })
        });
        let elsewhere = types.clone().find(|(other, _)| *other == name).and_then(|(_, container)| container);
        let mend = match (foreign_type(name), elsewhere) {
            (_, Some(container)) => {
                format!("it stands in `{container}`: write `use {container}.{{{name}}};` in this interface")
            }
            (Some(mend), _) => mend.to_owned(),
            _ => match nearest(name, types.map(|(name, _)| name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it in this interface, or bring it in by a `use`".to_owned(),
            },
        };
        let mistake = Mistake::new(place.clone(), format!("the type `{}` does not exist", clip(name)));
        Explanation { mistake: Some(mistake.mend(mend)), repair: self.any_type(place) }
    }

    /// A name in the braces of a `use`.
    fn unknown_used_type(&self, place: &Place, name: &str, statement: &Statement) -> Explanation {
        let whole = Place { file: place.file, range: statement.range.clone() };
        let path = self.marked(&whole).split('{').next().unwrap_or_default();
        let path = path.trim_end_matches(|c: char| c.is_whitespace() || c == '.');
        let source = path.rsplit(|c: char| c.is_whitespace() || c == '%').next().unwrap_or_default();
        let types: Vec<_> = self
            .package(place.file)
            .flat_map(|(text, scan)| {
                let types = scan.types.iter().filter(move |(_, container)| {
                    container.as_ref().and_then(|container| text.get(container.clone())) == Some(source)
                });
                types.filter_map(move |(name, _)| text.get(name.clone()))
            })
            .collect();
        let mend = match nearest(name, types.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it in `{}`", clip(source)),
        };
        let message = format!("there is no type `{}` in `{}`", clip(name), clip(source));
        let behind = self.behind(place);
        let rest = behind.find([',', '}']).unwrap_or_default();
        let renamed = behind[..rest].rsplit_once(" as ").map_or(name, |(_, renamed)| renamed.trim());
        let with_comma = rest + usize::from(behind[rest..].starts_with(','));
        let out = Place { file: place.file, range: place.range.start..place.range.end + with_comma };
        let repair = Repair::new(&out, "").map(|repair| Repair { gone: vec![own_name(renamed)], ..repair });
        Explanation { mistake: Some(Mistake::new(place.clone(), message).mend(mend)), repair }
    }

    /// A type that there is, in place of one that there is not. None has a name of one letter, so a blank
    /// beside it is taken too, or what is around it.
    fn any_type(&self, place: &Place) -> Option<Repair> {
        let mut place = place.clone();
        if place.range.len() == 1 {
            if self.before(&place).ends_with(' ') {
                place.range.start -= 1;
            } else if self.behind(&place).starts_with(' ') {
                place.range.end += 1;
            } else if let Some(before) = self.before(&place).strip_suffix('<')
                && self.behind(&place).starts_with('>')
            {
                place.range.start = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len();
                place.range.end += 1;
            }
        }
        Repair::new(&place, "u8")
    }

    /// A directive that is written as WIT writes gates.
    pub(super) fn directive_as_gate(&self, file: FileId, gate: &Gate) -> Option<Mistake> {
        let text = self.text(file);
        let name = directive::NAMES.into_iter().find(|name| *name == &text[gate.name.clone()])?;
        let first_line = text[gate.whole.clone()].lines().next().unwrap_or_default();
        Some(
            Mistake::new(
                Place { file, range: gate.whole.clone() },
                format!("the directive `@{name}` is not in a doc comment"),
            )
            .label("not a gate of WIT")
            .mend(format!("write `/// {}`", clip(first_line))),
        )
    }

    /// Everything that wit-parser tells in words only.
    fn syntax(&self, place: Place, said: &str) -> Explanation {
        let text = self.text(place.file);
        let place = Place { range: whole_word(text, &place), ..place };
        let mut message = said.lines().next().unwrap_or("this is not WIT").to_owned();
        let word = self.marked(&place);
        let mut repair = None;
        let mut mend = None;
        if let Some(name) = said.strip_prefix("unknown attribute `") {
            let near = did_you_mean(name.trim_end_matches('`'), directive::NAMES);
            mend = Some(format!(
                "{near}gates are `@since`, `@unstable` and `@deprecated`; a directive stands in a doc comment: `/// @reducer`"
            ));
            let gates = &self.scans[place.file.0].gates;
            let gate = gates.iter().find(|gate| gate.name.start == place.range.start);
            repair =
                gate.and_then(|gate| Repair::new(&Place { file: place.file, range: gate.whole.clone() }, ""));
        } else if said.starts_with("invalid character in identifier") || said.starts_with("identifiers must")
        {
            message = format!("`{}` is not a name of WIT", clip(word));
            mend = Some(match kebab(word) {
                Some(name) => format!("names are in kebab-case: write `{name}`"),
                None => "a name is of words in ASCII letters and digits, joined by `-`".to_owned(),
            });
            repair = same_length(word).and_then(|name| Repair::new(&place, name));
        } else if let Some(what) = hidden_character(said) {
            let character = word.chars().next().unwrap_or_default();
            message = format!("the file holds the character U+{:04X}, {what}", u32::from(character));
            mend = Some("remove it".to_owned());
            let range = place.range.start..place.range.start + character.len_utf8();
            repair = Repair::new(&Place { file: place.file, range }, "");
        } else if said.starts_with("found doc comments on multiple") {
            message = "a second file says in a doc comment what the package is".to_owned();
            mend = Some("keep the doc comment of one of the `package` lines".to_owned());
            repair = Repair::new(&place, "");
        } else if said.starts_with("interface cannot be") {
            mend = Some("remove one of the two".to_owned());
            repair = self.without_statement(&place);
        } else if said.starts_with("expected a type, found '('")
            && self.before(&place).trim_end().ends_with("->")
        {
            message = "a function has one result".to_owned();
            mend = Some("return a tuple, `-> tuple<u8, u8>`, or a record".to_owned());
            let end = self.text(place.file)[place.range.start..].find(')');
            repair = end.and_then(|end| {
                let range = place.range.start..place.range.start + end + 1;
                Repair::new(&Place { file: place.file, range }, "u8")
            });
        } else if said.contains(", found keyword") && self.is_meant_as_name(&place, said) {
            let name = wit_identifier(word);
            mend = Some(format!("`{word}` is a word of WIT: to use it as a name, write `{name}`"));
            repair = Repair::new(&place, "x".repeat(word.len()));
        }
        let mend = mend.or_else(|| self.mend(&place, said));
        let mistake = Mistake::new(place, message);
        let mistake = match mend {
            Some(mend) => mistake.mend(mend),
            None => mistake,
        };
        Explanation { mistake: Some(mistake), repair }
    }

    /// Whether a keyword stands where a name was expected.
    fn is_meant_as_name(&self, place: &Place, said: &str) -> bool {
        let is_named_item = said.starts_with("expected `type`, `resource` or `func`")
            && self.behind(place).trim_start().starts_with(':');
        is_named_item || (said.starts_with("expected an identifier or string") && !self.begins_item(place))
    }

    /// Whether the word is a keyword that begins an item here: its name or a brace follows.
    fn begins_item(&self, place: &Place) -> bool {
        let begins = matches!(
            self.marked(place),
            "interface"
                | "world"
                | "package"
                | "record"
                | "variant"
                | "enum"
                | "flags"
                | "type"
                | "resource"
                | "use"
                | "include"
                | "import"
                | "export"
        );
        let next = self.behind(place).trim_start();
        begins && next.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '%' | '{'))
    }

    /// How to mend what cannot be taken out.
    fn mend(&self, place: &Place, said: &str) -> Option<String> {
        let word = self.marked(place);
        let before = self.before(place).trim_end();
        let in_package_line = self.scans[place.file.0].packages.iter().any(|package| {
            package.range.start <= place.range.start && place.range.start <= package.range.end
        });
        let brace = "a `}` is missing before it";
        let general = [
            ("unterminated block comment", "end it with `*/`"),
            ("empty variant", "add a case"),
            ("empty enum", "add a case"),
            ("type nesting too deep", "give the inner types names of their own"),
            ("package nesting too deep", "put the packages into `deps/`"),
            (
                "nested packages must be placed at the top-level",
                "put it beside the other package, or into `deps/`",
            ),
            ("attributes not allowed on top-level use", "remove the gate"),
            ("unexpected character", "remove it"),
            (
                "package identifier",
                "the files of a package all have one name and version; other packages stand in `deps/`",
            ),
        ];
        if let Some((_, mend)) = general.into_iter().find(|(beginning, _)| said.starts_with(beginning)) {
            return Some(mend.to_owned());
        }
        let repeated = ["is defined more than once", "duplicate ", "conflicts with prior"];
        if repeated.into_iter().any(|part| said.contains(part)) {
            return Some("give one of the two another name".to_owned());
        }
        if said.ends_with("is defined as a world, not an interface") {
            return Some(format!("name an interface; a world is taken in by `include {word};`"));
        }
        if said.ends_with("is defined as an interface, not a world") {
            return Some(format!("write `import {word};` or `export {word};`"));
        }
        let expected = said.strip_prefix("expected ")?;
        let (expected, found) = expected.split_once(", found ")?;
        let follows_version = before.ends_with('@')
            || before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').ends_with('@');
        if follows_version && matches!(expected, "'.'" | "an integer") {
            return Some(VERSION.to_owned());
        }
        if in_package_line {
            return Some(
                "a package has a namespace, a name and a version: `package acme:bank@0.1.0;`".to_owned(),
            );
        }
        if found == "eof" {
            return Some("the file ends too early: a `}` may be missing".to_owned());
        }
        if expected.starts_with("`world`") && !found.starts_with('\'') && nearest(word, TOP_LEVEL).is_none() {
            return Some("types and functions stand in an interface: `interface ledger { … }`".to_owned());
        }
        if self.begins_item(place) {
            let is_mark = expected.starts_with('\'');
            return Some(if is_mark {
                format!("write `{}` before it", mark(expected))
            } else {
                brace.to_owned()
            });
        }
        if found.starts_with("'}'") && expected.starts_with("`world`") {
            return Some("there is one `}` too many".to_owned());
        }
        if expected.starts_with('\'') {
            return Some(match (expected, found) {
                ("'}'", "';'") => "write `,` in place of `;`".to_owned(),
                ("'}'", _) => format!("write `,` or `}}` before `{}`", clip(word)),
                (_, "'='" | "':'") => format!("write `{}` in place of `{word}`", mark(expected)),
                _ => format!("write `{}` before `{}`", mark(expected), clip(word)),
            });
        }
        let known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        if let Some(near) = nearest(word, known.iter().copied()) {
            return Some(format!("did you mean `{near}`?"));
        }
        match expected {
            "a type" => Some("write a type such as `u64`, `string` or `list<u8>`".to_owned()),
            "an identifier or string" => Some(format!("write a name before `{}`", clip(word))),
            _ if known.len() == 1 => Some(format!("write `{}` before `{}`", known[0], clip(word))),
            _ => None,
        }
    }
}

fn kind_text(kind: &str, place: &Place, explainer: &Explainer<'_>) -> String {
    let article = if kind == "type" { "the " } else { "" };
    format!("{article}{kind} `{}` depends on itself", clip(explainer.marked(place)))
}

/// `'x'` as it is quoted in a mend.
fn mark(expected: &str) -> &str {
    expected.trim_matches('\'')
}

/// The last word of `a as b`, without the `%` that may mark it.
fn own_name(name: &str) -> String {
    name.split_whitespace().last().unwrap_or_default().trim_start_matches('%').to_owned()
}

/// Why wit-parser refuses a character that most editors do not show.
fn hidden_character(said: &str) -> Option<&'static str> {
    if said.starts_with("Input contains bidirectional") {
        Some("which shows the text behind it in another order")
    } else if said.starts_with("Control code") {
        Some("a control character")
    } else if said.starts_with("Codepoint") {
        Some("which Unicode advises against")
    } else {
        None
    }
}

/// The word around a place that marks only where it begins.
fn whole_word(text: &str, place: &Place) -> std::ops::Range<usize> {
    let std::ops::Range { start, end } = place.range.clone();
    let Some(rest) = text.get(start..) else { return start..end };
    let marks = usize::from(rest.starts_with('%'));
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let length = rest[marks..].find(|c: char| !is_word(c)).unwrap_or(rest.len() - marks);
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let length = if length == 0 { first } else { marks + length };
    start..end.max(start + length)
}
