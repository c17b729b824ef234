//! The grammar of each directive, one function each.
//! It reads names as they are written and resolves none.
//! Invariant: a mistake in one directive costs that directive only.

use super::cursor::{Cursor, Word};
use super::{Directive, DirectiveKind, Event, Filter, NAMES, On, TableArguments};
use crate::finding::{Mistake, Mistakes, clip};
use crate::scan::DocLine;
use crate::schema::{Comparison, RowEvent, Storage, Visibility};
use crate::source::FileId;
use crate::spelling::did_you_mean;

type Parsed<T> = Result<T, Mistake>;

/// Reads the directive at the beginning of `lines`, and says how many lines it takes.
pub(super) fn directive(
    file: FileId,
    source: &str,
    lines: &[DocLine],
    mistakes: &mut Mistakes,
) -> (Directive, usize) {
    let (mut cursor, taken) = Cursor::new(file, source, lines);
    let place = cursor.whole();
    let (name, kind) = match parts(&mut cursor) {
        Ok((name, Ok(kind))) => (name, kind),
        Ok((name, Err(mistake))) => {
            mistakes.push(mistake);
            (name, DirectiveKind::Faulty)
        }
        Err(mistake) => {
            mistakes.push(mistake);
            // What was meant is unknown, so it stands in for any.
            ("", DirectiveKind::Faulty)
        }
    };
    (Directive { name, place, kind }, taken.max(1))
}

/// The name, and what follows it.
fn parts(cursor: &mut Cursor) -> Parsed<(&'static str, Parsed<DirectiveKind>)> {
    const PROSE: &str = "to begin a line of prose with `@`, put it in backticks";
    cursor.expect("@", "begin with `@`")?;
    if cursor.is_at_blank() {
        let mend = format!("leave no blank behind the `@`; {PROSE}");
        return Err(cursor.unexpected("the name of a directive right behind the `@`", &mend));
    }
    let word = cursor.word("the name of a directive", PROSE)?;
    let Some(name) = NAMES.into_iter().find(|name| *name == word.text) else {
        let mend = format!(
            "{}the directives are {}; a line of prose may begin with a word in backticks instead",
            did_you_mean(&word.text, NAMES),
            NAMES.map(|name| format!("`@{name}`")).join(", "),
        );
        return Err(Mistake::new(word.place, format!("`@{}` is not a directive", clip(&word.text)))
            .label("unknown directive")
            .mend(mend));
    };
    let kind = kind(name, cursor).and_then(|kind| match cursor.rest() {
        None => Ok(kind),
        Some(rest) => Err(text_after(name, &rest)),
    });
    Ok((name, kind))
}

fn text_after(name: &str, rest: &Word) -> Mistake {
    let mend = if rest.text.contains(char::is_alphanumeric) {
        "a directive takes a line of its own: put this on the next `///` line".to_owned()
    } else {
        format!("remove `{}`", clip(&rest.text))
    };
    Mistake::new(rest.place.clone(), format!("text after `@{name}` on the same line"))
        .label("not part of the directive")
        .mend(mend)
}

fn kind(name: &str, cursor: &mut Cursor) -> Parsed<DirectiveKind> {
    match name {
        "table" => table(cursor).map(DirectiveKind::Table),
        "index" => columns(cursor, "@index(owner, day)").map(DirectiveKind::Index),
        "unique" if cursor.eat("(") => {
            closed_columns(cursor, "@unique(owner, day)").map(DirectiveKind::Unique)
        }
        "unique" => Ok(DirectiveKind::Unique(Vec::new())),
        "auto-increment" => plain(cursor, name).map(|()| DirectiveKind::AutoIncrement),
        "default" => default(cursor).map(DirectiveKind::Default),
        "reducer" => plain(cursor, name).map(|()| DirectiveKind::Reducer),
        "query" => plain(cursor, name).map(|()| DirectiveKind::Query),
        "migrate" => plain(cursor, name).map(|()| DirectiveKind::Migrate),
        "renamed-from" => renamed_from(cursor).map(DirectiveKind::RenamedFrom),
        "on" => on(cursor).map(DirectiveKind::On),
        "schedule" => schedule(cursor).map(|every_ms| DirectiveKind::Schedule { every_ms }),
        _ => {
            let mend = "write `@visibility(private)` or `@visibility(public)`";
            cursor.expect("(", mend)?;
            let visibility = visibility(cursor)?;
            cursor.closes(mend)?;
            Ok(DirectiveKind::Visibility(visibility))
        }
    }
}

/// A directive without arguments.
fn plain(cursor: &mut Cursor, name: &str) -> Parsed<()> {
    let place = cursor.here();
    if cursor.eat("(") {
        return Err(Mistake::new(place, format!("`@{name}` takes no arguments"))
            .label("unexpected")
            .mend(format!("write `@{name}` alone")));
    }
    Ok(())
}

const TABLE: &str = "write for example `@table(primary-key = id, visibility = public)`";

fn table(cursor: &mut Cursor) -> Parsed<TableArguments> {
    let mut arguments = TableArguments::default();
    if !cursor.eat("(") {
        return if cursor.is_at_end() { Ok(arguments) } else { Err(cursor.unexpected("`(`", TABLE)) };
    }
    let mut is_at_end = cursor.eat(")");
    while !is_at_end {
        let name = cursor.word("an argument of `@table`", TABLE)?;
        let is_repeated = match name.text.as_str() {
            "primary-key" => {
                cursor.expect("=", TABLE)?;
                let columns = if cursor.eat("(") {
                    closed_columns(cursor, "primary-key = (region, id)")?
                } else {
                    vec![cursor.name("the name of a column", TABLE)?]
                };
                arguments.primary_key.replace(columns).is_some()
            }
            "visibility" => {
                cursor.expect("=", TABLE)?;
                arguments.visibility.replace(visibility(cursor)?).is_some()
            }
            "storage" => {
                cursor.expect("=", TABLE)?;
                arguments.storage.replace(storage(cursor)?).is_some()
            }
            _ => return Err(unknown_argument("table", &name, &["primary-key", "visibility", "storage"])),
        };
        if is_repeated {
            return Err(Mistake::new(name.place, format!("`{}` is said twice", name.text))
                .mend("leave one of the two"));
        }
        is_at_end = cursor.ends_arguments(TABLE)?;
    }
    Ok(arguments)
}

fn unknown_argument(directive: &str, name: &Word, known: &[&str]) -> Mistake {
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mend = format!("{}`@{directive}` takes {list}", did_you_mean(&name.text, known.iter().copied()));
    Mistake::new(name.place.clone(), format!("`@{directive}` has no argument `{}`", clip(&name.text)))
        .label("unknown argument")
        .mend(mend)
}

/// One of a few words, each with its meaning.
fn choice<T: Copy>(cursor: &mut Cursor, what: &str, choices: &[(&str, T)]) -> Parsed<T> {
    let list = choices.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let word = cursor.word(&list, &format!("write {list}"))?;
    match choices.iter().find(|(name, _)| *name == word.text) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let near = did_you_mean(&word.text, choices.iter().map(|(name, _)| *name));
            Err(Mistake::new(word.place, format!("`{}` is not a kind of {what}", clip(&word.text)))
                .label(format!("expected {list}"))
                .mend(format!("{near}write {list}")))
        }
    }
}

fn visibility(cursor: &mut Cursor) -> Parsed<Visibility> {
    choice(cursor, "visibility", &[("private", Visibility::Private), ("public", Visibility::Public)])
}

fn storage(cursor: &mut Cursor) -> Parsed<Storage> {
    choice(cursor, "storage", &[("logged", Storage::Logged), ("ephemeral", Storage::Ephemeral)])
}

fn columns(cursor: &mut Cursor, example: &str) -> Parsed<Vec<Word>> {
    cursor.expect("(", &format!("name the columns: `{example}`"))?;
    closed_columns(cursor, example)
}

/// The names of columns up to the closing parenthesis, at least one.
fn closed_columns(cursor: &mut Cursor, example: &str) -> Parsed<Vec<Word>> {
    let mend = format!("name the columns: `{example}`");
    let mut columns = vec![cursor.name("the name of a column", &mend)?];
    while !cursor.ends_arguments(&mend)? {
        columns.push(cursor.name("the name of a column", &mend)?);
    }
    Ok(columns)
}

fn default(cursor: &mut Cursor) -> Parsed<Word> {
    let mend = "write the value in WAVE: `@default(0)`, `@default(\"none\")`";
    cursor.expect("(", mend)?;
    let value = cursor.wave();
    if value.text.is_empty() {
        return Err(Mistake::new(cursor.here(), "`@default` names no value").mend(mend));
    }
    cursor.closes(mend)?;
    Ok(value)
}

fn renamed_from(cursor: &mut Cursor) -> Parsed<Word> {
    let mend = "write the name that it had before: `@renamed-from(old-name)`";
    cursor.expect("(", mend)?;
    let name = cursor.name("the name that it had before", mend)?;
    cursor.closes(mend)?;
    Ok(name)
}

const ON: &str = "write for example `@on(init)` or `@on(insert account, where = balance < 0)`";

fn on(cursor: &mut Cursor) -> Parsed<On> {
    cursor.expect("(", ON)?;
    let word = cursor.word("what to wait for", ON)?;
    let row = |cursor: &mut Cursor, event| Ok(Event::Row(event, cursor.name("the name of a table", ON)?));
    let event = match word.text.as_str() {
        "init" => Event::Init,
        "upgrade" => Event::Upgrade,
        "connect" => Event::Connect,
        "disconnect" => Event::Disconnect,
        "insert" => row(cursor, RowEvent::Insert)?,
        "update" => row(cursor, RowEvent::Update)?,
        "delete" => row(cursor, RowEvent::Delete)?,
        other => {
            let known = ["init", "upgrade", "connect", "disconnect", "insert", "update", "delete"];
            let list = known.map(|name| format!("`{name}`")).join(", ");
            let mend = format!("{}an event is one of {list}", did_you_mean(other, known));
            return Err(Mistake::new(word.place, format!("`{}` is not an event", clip(other)))
                .label("unknown event")
                .mend(mend));
        }
    };
    let mut filter = None;
    if !cursor.ends_arguments(ON)? {
        let name = cursor.word("`where`", ON)?;
        if name.text != "where" {
            return Err(unknown_argument("on", &name, &["where"]));
        }
        if !matches!(event, Event::Row(..)) {
            return Err(Mistake::new(name.place, "`where` looks at a row, and this event has none")
                .mend("only `insert`, `update` and `delete` take a `where`"));
        }
        cursor.expect("=", ON)?;
        filter = Some(condition(cursor)?);
        cursor.closes(ON)?;
    }
    Ok(On { event, filter })
}

fn condition(cursor: &mut Cursor) -> Parsed<Filter> {
    let mend = "write a column, an operator and a WAVE value: `where = balance < 0`";
    let column = cursor.name("the name of a column", mend)?;
    let operator_place = cursor.here();
    // The longer marks come first, since the shorter ones are their beginnings.
    let operators = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let Some((_, operator)) = operators.into_iter().find(|(mark, _)| cursor.eat(mark)) else {
        return Err(Mistake::new(operator_place, "expected an operator")
            .label("expected `==`, `!=`, `<`, `<=`, `>` or `>=`")
            .mend(mend));
    };
    let value = cursor.wave();
    if value.text.is_empty() {
        return Err(Mistake::new(cursor.here(), "the condition has no value").mend(mend));
    }
    Ok(Filter { column, operator, operator_place, value })
}

fn schedule(cursor: &mut Cursor) -> Parsed<u64> {
    let mend = "write a number and a unit (ms, s, m, h, d): `@schedule(every = 1h)`";
    cursor.expect("(", mend)?;
    let name = cursor.word("`every`", mend)?;
    if name.text != "every" {
        return Err(unknown_argument("schedule", &name, &["every"]));
    }
    cursor.expect("=", mend)?;
    let time = cursor.wave();
    if time.text.is_empty() {
        return Err(cursor.unexpected("a time", mend));
    }
    let every_ms = milliseconds(&time.text).ok_or_else(|| {
        Mistake::new(time.place.clone(), format!("`{}` is not an interval of time", clip(&time.text)))
            .label("expected a whole number above 0 and a unit")
            .mend(mend)
    })?;
    cursor.closes(mend)?;
    Ok(every_ms)
}

fn milliseconds(time: &str) -> Option<u64> {
    let digits = time.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = time.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms).filter(|every_ms| *every_ms > 0)
}
