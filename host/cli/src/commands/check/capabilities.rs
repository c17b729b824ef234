//! What a module can touch, as lines for people: a verb and what it goes for, aligned.
//! Invariant: a module that touches nothing has no line.

use crate::commands::schema::tree::duration;
use crate::subject::Subject;
use crate::terminal::{self, DIM};
use interstice_wit::capabilities::{Calls, Capabilities, Owner, Run, TableAccess};
use interstice_wit::{Storage, Visibility};

/// How wide the column of verbs is.
const VERB_WIDTH: usize = 11;

/// One line for each thing that the module can do.
pub(super) fn lines(subject: &Subject) -> Vec<String> {
    let Capabilities { calls, tables, host, runs } = &subject.capabilities;
    let mut rows: Vec<(&str, String)> = Vec::new();
    rows.extend(calls.iter().map(|calls| ("calls", call(calls))));
    let others = tables.iter().filter(|table| table.owner != Owner::Own);
    rows.extend(others.map(|table| ("reads", foreign(table))));
    rows.extend(tables.iter().filter(|table| table.owner == Owner::Own).map(own));
    rows.extend(runs.iter().map(|run| ("is run", handler(run))));
    // What a component will ask the host is not in its contract.
    if subject.artifact.is_some() && !host.is_empty() {
        rows.push(("asks for", host.iter().map(|asked| host_word(asked)).collect::<Vec<_>>().join(", ")));
    }
    let verb = |verb: &str| terminal::stdout_style(&format!("{verb:VERB_WIDTH$}"), DIM);
    rows.into_iter().map(|(word, what)| format!("    {} {what}", verb(word))).collect()
}

fn call(calls: &Calls) -> String {
    let reducers = calls.reducers.iter().map(|name| format!("{name} (reducer)"));
    let queries = calls.queries.iter().map(|name| format!("{name} (query)"));
    format!("{}: {}", calls.interface, reducers.chain(queries).collect::<Vec<_>>().join(", "))
}

fn foreign(table: &TableAccess) -> String {
    let when = if table.owner == Owner::FormerSelf { ", in its migration" } else { "" };
    format!("{}: {}{when}", table.interface, table.table)
}

fn own(table: &TableAccess) -> (&'static str, String) {
    let mut facts = vec![match table.visibility {
        Visibility::Private => "private",
        Visibility::Public => "public",
    }];
    if table.storage == Storage::Ephemeral {
        facts.push("ephemeral");
    }
    match (table.reads, table.writes) {
        (true, true) => {}
        (true, false) => facts.push("never written"),
        (false, true) => facts.push("never read by itself"),
        (false, false) => facts.push("not touched"),
    }
    ("owns", format!("{} ({})", table.table, facts.join(", ")))
}

fn handler(run: &Run) -> String {
    let Run { interface, function, when, of } = run;
    let when = match (when.as_str(), of) {
        ("schedule", Some(every_ms)) => {
            format!("every {}", every_ms.parse().map_or_else(|_| every_ms.clone(), duration))
        }
        ("migrate", _) => "by an upgrade, to migrate".to_owned(),
        (event, Some(table)) => format!("on {event} of {table}"),
        (event, None) => format!("on {event}"),
    };
    format!("{when}: {interface}.{function}")
}

fn host_word(function: &str) -> &str {
    match function {
        "caller" => "who calls",
        "timestamp" => "the time",
        "random" => "random numbers",
        "log" => "the operator's log",
        other => other,
    }
}
