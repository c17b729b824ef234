//! `interstice state`: the tables as they were at a moment, or what changed between two.
//! Invariant: the data directory is only read, and no guest code runs.

mod rows;

use crate::database::{existing_doors, failure, reading_bar, show};
use crate::exit::{Exit, Failure};
use crate::moment;
use crate::terminal::Output;
use interstice_node::log::Sequence;
use interstice_node::log::doors::Doors;
use interstice_node::{Beginning, HistoricState, HistoricTable, Moment};
use interstice_wit::nearest;
use rows::{Change, Rows, Shape, Shapes, changes};
use serde_json::json;
use std::path::PathBuf;

/// Shows the tables of a database as they were after a record, or what changed between two.
///
/// The data directory is only read, and no process may have it open. A moment is the number of a record, or a
/// time such as `2026-03-01T12:30:00Z`, `2026-03-01`, or `2h` for two hours ago.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// The moment; after the last record if not given.
    #[arg(long, value_name = "SEQUENCE|TIME", value_parser = parse_moment)]
    at: Option<Moment>,
    /// Shows what changed from the first moment to the second.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], value_parser = parse_moment, conflicts_with = "at")]
    diff: Option<Vec<Moment>>,
    /// Shows only this table, such as `account`, `tables.account` or `acme:bank/tables.account`.
    #[arg(long)]
    table: Option<String>,
    /// How many rows of a table to show at most.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A record, or a time.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, String> {
    match text.parse() {
        Ok(sequence) => Ok(Moment::Sequence(Sequence(sequence))),
        Err(_) => match moment::parse(text) {
            Ok(moment) => Ok(Moment::Time(moment.0)),
            Err(reason) => Err(format!("{reason}, or the number of a record")),
        },
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let doors = existing_doors(&arguments.data)?;
    let mut output = Output::new();
    match arguments.diff.as_deref() {
        Some([from, to]) => {
            let (before, after) = (read(&doors, *from)?, read(&doors, *to)?);
            show_changes(arguments, &before, &after, &mut output)?;
        }
        _ => show_state(arguments, &read(&doors, arguments.at.unwrap_or_default())?, &mut output)?,
    }
    Ok(output.flush()?)
}

/// The state of a moment, with a progress bar; an error if there is no such record.
pub(crate) fn read(doors: &Doors, moment: Moment) -> Result<HistoricState, Failure> {
    let bar = reading_bar();
    let read = HistoricState::read(doors, moment, Beginning::Nearest, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let state = read.map_err(failure)?;
    match moment {
        Moment::Sequence(wanted) if wanted > state.sequence() => {
            let message = format!("there is no record {wanted}: the last one is {}", state.sequence());
            Err(Failure::new(Exit::Caller, message))
        }
        _ => Ok(state),
    }
}

/// The tables that are asked for.
fn tables(arguments: &Arguments, states: &[&HistoricState]) -> Result<Vec<HistoricTable>, Failure> {
    let mut all: Vec<HistoricTable> = Vec::new();
    for state in states {
        for table in state.tables() {
            if !all.iter().any(|known| full_name(known) == full_name(&table)) {
                all.push(table);
            }
        }
    }
    let Some(wanted) = &arguments.table else { return Ok(all) };
    let is_it = |table: &HistoricTable| {
        let short = table.name.rsplit('.').next().unwrap_or_default();
        full_name(table) == *wanted || table.name == *wanted || short == wanted
    };
    let found: Vec<HistoricTable> = all.iter().filter(|table| is_it(table)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = all.iter().map(full_name).collect();
    let shorts = names.iter().filter_map(|name| name.rsplit('.').next());
    let near = nearest(wanted, shorts).map(|near| format!("; did you mean `{near}`?"));
    let mend = near.unwrap_or_else(|| format!("; there is {}", names.join(", ")));
    Err(Failure::new(Exit::Caller, format!("there is no table `{wanted}`{mend}")))
}

fn full_name(table: &HistoricTable) -> String {
    format!("{}/{}", table.package, table.name)
}

fn title(state: &HistoricState) -> String {
    format!("record {} ({})", state.sequence(), moment::print(state.timestamp_micros()))
}

fn show_state(arguments: &Arguments, state: &HistoricState, output: &mut Output) -> Result<(), Failure> {
    let tables = tables(arguments, &[state])?;
    if arguments.json {
        let head = json!({ "sequence": state.sequence().0, "timestamp_micros": state.timestamp_micros() });
        output.line(head.to_string())?;
    } else {
        output.line(format!("after {}", title(state)))?;
    }
    for table in &tables {
        let name = full_name(table);
        let shape = Shape::of(state, table);
        if !arguments.json {
            let count = state
                .reader()
                .count(&table.handle)
                .map_err(interstice_node::Error::Store)
                .map_err(failure)?;
            let counter =
                if table.counter > 0 { format!(", counter {}", table.counter) } else { String::new() };
            let rows = if count == 1 { "row" } else { "rows" };
            let kept = if table.is_installed { "" } else { " (its module is uninstalled)" };
            output.line(format!("{name}: {count} {rows}{counter}{kept}"))?;
        }
        let mut rows = Rows::new(state, Some(table))?;
        let mut shown = 0;
        while let Some(row) = rows.next()? {
            if arguments.limit.is_some_and(|limit| shown >= limit) || output.is_closed() {
                break;
            }
            shown += 1;
            let line = match arguments.json {
                true => json!({ "table": name, "row": shape.json(&row) }).to_string(),
                false => format!("  {}", shape.text(&row)),
            };
            output.line(line)?;
        }
    }
    Ok(())
}

fn show_changes(
    arguments: &Arguments,
    before: &HistoricState,
    after: &HistoricState,
    output: &mut Output,
) -> Result<(), Failure> {
    if !arguments.json {
        output.line(format!("from {} to {}", title(before), title(after)))?;
    }
    let of = |state: &HistoricState, name: &str| {
        state.tables().into_iter().find(|table| full_name(table) == *name)
    };
    for table in tables(arguments, &[before, after])? {
        let name = full_name(&table);
        let (old, new) = (of(before, &name), of(after, &name));
        let shape =
            |state, found: &Option<HistoricTable>| found.as_ref().map(|found| Shape::of(state, found));
        let shapes = match (shape(before, &old), shape(after, &new)) {
            (Some(before), Some(after)) => Shapes { before, after },
            (Some(one), None) | (None, Some(one)) => Shapes { before: one.clone(), after: one },
            (None, None) => continue,
        };
        let mut shown = 0;
        let (gone, added) = shapes.other_columns();
        if !gone.is_empty() || !added.is_empty() {
            shown = 1;
            if arguments.json {
                let columns = json!({ "removed": gone, "added": added });
                output.line(json!({ "table": name, "columns": columns }).to_string())?;
            } else {
                output.line(format!("{name}:"))?;
                output.line(format!("  its columns are others: {}", signed(&gone, &added)))?;
            }
        }
        let limit = arguments.limit.map(|limit| limit.saturating_add(shown));
        let (old, new) = (Rows::new(before, old.as_ref())?, Rows::new(after, new.as_ref())?);
        changes(old, new, &shapes, |change| {
            if limit.is_some_and(|limit| shown >= limit) || output.is_closed() {
                return Ok(false);
            }
            if shown == 0 && !arguments.json {
                output.line(format!("{name}:"))?;
            }
            shown += 1;
            output.line(match arguments.json {
                true => {
                    let mut object = change_object(&shapes, &change);
                    object["table"] = json!(name);
                    object.to_string()
                }
                false => change_text(&shapes, &change),
            })?;
            Ok(true)
        })?;
    }
    Ok(())
}

/// The names of columns that are gone and of those that are new.
fn signed(gone: &[String], added: &[String]) -> String {
    let gone = gone.iter().map(|column| format!("- {column}"));
    gone.chain(added.iter().map(|column| format!("+ {column}"))).collect::<Vec<_>>().join(", ")
}

fn change_text(shapes: &Shapes, change: &Change<'_>) -> String {
    match change {
        Change::Added(row) => format!("  + {}", shapes.after.text(row)),
        Change::Removed(row) => format!("  - {}", shapes.before.text(row)),
        Change::Changed(old, new) => {
            let columns = shapes.differences(old, new).into_iter();
            let columns = columns.map(|(column, old, new)| format!("{column}: {old} -> {new}"));
            format!("  ~ {} {}", shapes.after.key(new), columns.collect::<Vec<_>>().join(", "))
        }
    }
}

fn change_object(shapes: &Shapes, change: &Change<'_>) -> serde_json::Value {
    match change {
        Change::Added(row) => json!({ "insert": shapes.after.json(row) }),
        Change::Removed(row) => json!({ "delete": shapes.before.json(row) }),
        Change::Changed(old, new) => {
            json!({ "update": { "before": shapes.before.json(old), "after": shapes.after.json(new) } })
        }
    }
}
