//! A record as lines for people: when, what was called and what came of it; with `--rows` what changed.
//! Invariant: a record begins with its sequence at the beginning of a line.

use super::json::{event, lifecycle};
use super::names::{Names, hex};
use crate::moment;
use crate::terminal::{self, DIM};
use interstice_node::log::{NamedCause, NamedChange, NamedOutcome, Record};
use interstice_node::{CatalogChange, Printable, describe_caller};
use interstice_wit::text::wave;

pub(super) fn lines(record: &Record, names: &Names, with_rows: bool) -> String {
    let head =
        format!("{:>8}  {}  {}", record.sequence, moment::print(record.timestamp_micros), record.package);
    let mut text = format!("{head} {}", what(record, names));
    let rows: usize = record.writes.iter().map(|table| table.changes.len()).sum();
    let mut notes = Vec::new();
    if rows > 0 {
        notes.push(format!("{rows} {}", if rows == 1 { "row" } else { "rows" }));
    }
    if !record.deliveries.is_empty() {
        let subscribers = record.deliveries.iter().map(|owed| {
            format!("{}/{} of {} {}", owed.package, owed.function, event(owed.event), owed.table)
        });
        notes.push(format!("owes {}", subscribers.collect::<Vec<_>>().join(", ")));
    }
    let caller = describe_caller(&record.caller);
    if matches!(record.cause, NamedCause::Call) {
        // Whoever calls chooses the name, and must not write lines of this log by it.
        notes.push(format!("by {}", Printable(&caller)));
    }
    if !notes.is_empty() {
        text.push_str(&format!("  {}", dim(&notes.join("; "))));
    }
    if with_rows {
        for table in &record.writes {
            for change in &table.changes {
                text.push_str(&format!(
                    "\n{:>8}  {}",
                    "",
                    row(names, record, (&table.package, &table.table), change)
                ));
            }
        }
    }
    text
}

/// What ran, and what came of it.
fn what(record: &Record, names: &Names) -> String {
    let why = match &record.cause {
        NamedCause::Call => String::new(),
        NamedCause::Delivery(closed) => format!("delivery of #{}.{}: ", closed.sequence, closed.ordinal),
        NamedCause::Schedule { due_micros } => format!("due {}: ", moment::print(*due_micros)),
        NamedCause::Lifecycle(event) => format!("{}: ", lifecycle(*event)),
        NamedCause::Install { .. } => return format!("installed {} ({})", record.version, record.artifact),
        NamedCause::Upgrade { schema, .. } => return changed(schema, record),
    };
    let arguments = match names.arguments(record) {
        Some(arguments) => {
            let values = arguments.iter().map(|(_, (value, ty))| wave::print(value, ty));
            values.collect::<Vec<_>>().join(", ")
        }
        None => format!("0x{}", hex(&record.arguments)),
    };
    let outcome = match (&record.outcome, names.result(record)) {
        (NamedOutcome::Failed(reason), _) => {
            format!("failed: {}", Printable(&String::from_utf8_lossy(reason)))
        }
        (_, Some(Some((value, ty)))) => wave::print(&value, &ty),
        (NamedOutcome::Ok(raw), _) if raw.is_empty() => "ok".to_owned(),
        (NamedOutcome::Ok(raw), _) => format!("ok 0x{}", hex(raw)),
        (NamedOutcome::Err(raw), _) => format!("err 0x{}", hex(raw)),
    };
    format!("{}{}({arguments}) {} {outcome}", dim(&why), record.function.as_deref().unwrap_or("?"), dim("->"))
}

/// What a change of the catalog did. The record names the first of its modules.
fn changed(change: &[u8], record: &Record) -> String {
    match CatalogChange::read(change) {
        Ok(change) => change.describe(&record.package),
        Err(_) => format!("changed the catalog ({} {})", record.version, record.artifact),
    }
}

fn row(names: &Names, record: &Record, (package, table): (&str, &str), change: &NamedChange) -> String {
    let (sign, raw) = match change {
        NamedChange::Insert(row) => ("+", row),
        NamedChange::Update(row) => ("~", row),
        NamedChange::Delete(key) => ("-", key),
    };
    let shown = match names.row(record, package, table, change) {
        Some((value, ty)) => wave::print(&value, &ty),
        None => format!("0x{}", hex(raw)),
    };
    format!("{sign} {} {shown}", dim(&format!("{package}/{table}")))
}

fn dim(text: &str) -> String {
    terminal::stdout_style(text, DIM)
}
