//! `interstice log verify`: everything that is wrong with a log, at once.
//! It says what was found and decides nothing.
//! Invariant: the data directory is only read.

use crate::database::{existing_doors, failure, reading_bar, show};
use crate::exit::{Exit, Failure};
use crate::keep_log;
use crate::terminal::Output;
use interstice_node::log::doors::Doors;
use interstice_node::log::{Finding, Gravity, KEEP_LOG_PATH, VerifyReport, verify};
use interstice_node::{Error, faults_of_components};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Checks every byte of the log: structure, checksums, links, indexes, artifacts.
///
/// The data directory is only read. All findings are told at once; the exit code is 6 if anything that was
/// promised to be safe is damaged or missing.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let report = examine(&existing_doors(&arguments.data)?, &arguments.data)?;
    let mut output = Output::new();
    if arguments.json {
        output.line(object(&report).to_string())?;
    } else {
        for finding in &report.findings {
            output.line(line(finding))?;
        }
        output.line(summary(&report))?;
    }
    output.flush()?;
    if report.is_sound() { Ok(()) } else { Err(Failure::silent(Exit::Ours)) }
}

/// Looks at everything in a data directory.
pub(super) fn examine(doors: &Doors, data: &Path) -> Result<VerifyReport, Failure> {
    let bar = reading_bar();
    let report = verify(doors.disk.as_ref(), &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let mut report = report.map_err(|error| failure(Error::from(error)))?;
    if let Err(fault) = keep_log::of(data, None) {
        let (path, what) = (doors.disk.locate(KEEP_LOG_PATH), fault.message());
        report.findings.push(Finding { gravity: Gravity::Damage, path, offset: 0, what });
    }
    for fault in faults_of_components(doors).map_err(|error| failure(Error::from(error)))? {
        // The records may name it, too.
        let what = fault.to_string();
        if report.findings.iter().all(|finding| finding.what != what) {
            let path = doors.disk.locate("artifacts");
            report.findings.push(Finding { gravity: Gravity::Damage, path, offset: 0, what });
        }
    }
    Ok(report)
}

fn name(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Mended => "note",
        Gravity::Damage => "damage",
    }
}

pub(super) fn line(finding: &Finding) -> String {
    let Finding { gravity, path, offset, what } = finding;
    format!("{}: {path} at byte {offset}: {what}", name(*gravity))
}

fn summary(report: &VerifyReport) -> String {
    let VerifyReport { records, first, last, segments, indexes, artifacts, .. } = report;
    let sound = match (report.is_sound(), report.has_more) {
        (true, _) => "sound",
        (false, false) => "damaged",
        (false, true) => "damaged, with more findings than are shown",
    };
    format!(
        "{sound}: {records} records ({first} to {last}) in {segments} segments, {indexes} indexes, \
         {artifacts} artifacts"
    )
}

fn object(report: &VerifyReport) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|Finding { gravity, path, offset, what }| {
            json!({ "gravity": name(*gravity), "path": path, "offset": offset, "what": what })
        })
        .collect();
    json!({
        "sound": report.is_sound(),
        "findings": findings,
        "has_more": report.has_more,
        "first": report.first.0,
        "last": report.last.0,
        "records": report.records,
        "segments": report.segments,
        "indexes": report.indexes,
        "artifacts": report.artifacts,
    })
}
