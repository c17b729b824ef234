//! `interstice backup`: a copy of a database, taken while it may be in use.
//! Invariant: what is told of as a backup was read back, and survives a crash.

use crate::database::{NewFolder, copying_bar, existing_doors, failure, show};
use crate::exit::Failure;
use crate::keep_log;
use crate::moment;
use crate::terminal::Output;
use interstice_node::log::{BackupReport, Sequence, backup};
use interstice_node::{Error, faults_of_components};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Copies a database into a new folder, while another process may use it.
///
/// Everything is in it that was acknowledged as durable before the backup began. The copy is read back. Nothing
/// of the database is locked or changed. `interstice restore` makes a database of it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// The folder that becomes the backup: an empty one, or one that does not exist.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let from = existing_doors(&arguments.data)?;
    let faults = faults_of_components(&from).map_err(|error| failure(Error::from(error)))?;
    if let Some(fault) = faults.into_iter().next() {
        return Err(failure(Error::from(fault)));
    }
    let to = NewFolder::make(&arguments.to)?;
    let bar = copying_bar();
    let taken = backup(from.disk.as_ref(), to.doors.disk.as_ref(), &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let report = to.settle(taken)?;
    tell_left_out(&report.left_out);
    tell_keep_log(&arguments.to);
    let mut output = Output::new();
    output.line(if arguments.json { object(&report).to_string() } else { text(&report) })?;
    Ok(output.flush()?)
}

/// Names the snapshots that a copy does not have.
pub(crate) fn tell_left_out(reasons: &[String]) {
    for reason in reasons {
        crate::terminal::tell(&format!("note: a snapshot was left out: {reason}"));
    }
}

/// Says of a copy that it will not open without `--keep-log`: what it was told is copied as it is.
pub(crate) fn tell_keep_log(copy: &Path) {
    if let Err(fault) = keep_log::of(copy, None) {
        crate::terminal::tell(&format!("note: {}", fault.message()));
    }
}

fn text(report: &BackupReport) -> String {
    let BackupReport { sequence, timestamp_micros, first, files, bytes, .. } = report;
    let when = timestamp_micros.map(|micros| format!(" of {}", moment::print(micros))).unwrap_or_default();
    let since = match first {
        Sequence(1) => String::new(),
        first => format!(", log from record {first} on"),
    };
    format!("backup up to record {sequence}{when}{since}: {files} files, {bytes} bytes, read back")
}

fn object(report: &BackupReport) -> Value {
    json!({
        "sequence": report.sequence.0,
        "time": report.timestamp_micros.map(moment::print),
        "first": report.first.0,
        "snapshots": report.snapshots.iter().map(|sequence| sequence.0).collect::<Vec<_>>(),
        "left_out": report.left_out,
        "files": report.files,
        "bytes": report.bytes,
    })
}
