//! `interstice snapshot`: the rows of every table, written so that opening need not read the whole log.
//! Invariant: what is told of is on the disk, was read back, and survives a crash.

use crate::database::{Opening, close, failure};
use crate::exit::Failure;
use crate::terminal::{self, Output};
use interstice_node::SnapshotReport;
use serde_json::{Value, json};

/// Takes a snapshot of a database that no process has open.
///
/// Opening the database recovers it after a crash, and runs what is due. A running database takes snapshots by
/// itself. If nothing was committed since the newest one, that one is told of.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    opening: Opening,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let node = arguments.opening.open_existing()?;
    let spinner = terminal::spinner("writing the snapshot".to_owned());
    let taken = node.settle().and_then(|()| node.snapshot());
    spinner.finish_and_clear();
    let (report, closed) = close(&node, taken.map_err(failure));
    let report = report?;
    let mut output = Output::new();
    output.line(if arguments.json { object(&report).to_string() } else { text(&report) })?;
    output.flush()?;
    closed
}

fn text(report: &SnapshotReport) -> String {
    let SnapshotReport { sequence, tables, unchanged_tables, rows, stored_bytes, written_bytes, .. } = report;
    let what = match report.is_new {
        true => format!("snapshot at record {sequence}"),
        false => format!("there is a snapshot at record {sequence}, and nothing was committed since"),
    };
    let mut text = format!("{what}: {rows} rows in {tables} tables, {stored_bytes} bytes");
    if *unchanged_tables > 0 {
        text.push_str(&format!(
            ", {written_bytes} of them written; {unchanged_tables} tables had not changed"
        ));
    }
    report.files.iter().for_each(|file| text.push_str(&format!("\n  {file}")));
    text
}

fn object(report: &SnapshotReport) -> Value {
    json!({
        "sequence": report.sequence.0,
        "new": report.is_new,
        "tables": report.tables,
        "unchanged_tables": report.unchanged_tables,
        "rows": report.rows,
        "stored_bytes": report.stored_bytes,
        "written_bytes": report.written_bytes,
        "files": report.files,
    })
}
