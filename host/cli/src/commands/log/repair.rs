//! `interstice log repair`: lets a damaged database open again, at the price that it names first.
//! Without `--yes` it only says what would be given up.
//! Invariant: nothing is changed that was not copied aside, and nothing is given up that was not named.

use super::verify;
use crate::database::{existing_doors, failure};
use crate::exit::{Exit, Failure};
use crate::terminal::Output;
use interstice_node::Error;
use interstice_node::log::doors::{Doors, LockKind};
use interstice_node::log::{
    Cancellation, DirectoryLock, Finding, GivenUp, Gravity, KEEP_LOG_PATH, LogError, Repair, RepairPlan,
    SnapshotStore, StartingPoint, VerifyReport, check_database, reason_of,
};
use std::path::{Path, PathBuf};

/// Says what a repair of the log would give up, and with `--yes` repairs it.
///
/// A repair cuts the log at its first damage, keeps a copy of everything that it changes under `log/aside/`
/// in the data directory, and begins a new timeline. Restore a backup instead if there is one.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// Repairs, instead of saying what a repair would do.
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let doors = existing_doors(&arguments.data)?;
    check_database(doors.disk.as_ref()).map_err(in_log)?;
    // What is only read can be on a medium that cannot be written.
    let kind = if arguments.yes { LockKind::Exclusive } else { LockKind::Shared };
    let repair = plan(&doors, kind).map_err(in_log)?;
    let Some(reason) = &repair.what().reason else {
        drop(repair);
        return nothing_in_the_log(&doors, &arguments.data);
    };
    let mut output = Output::new();
    for line in lines(reason, repair.what()) {
        output.line(line)?;
    }
    if !arguments.yes {
        for line in beyond_the_log(&doors, &verify::examine(&doors, &arguments.data)?) {
            output.line(format!("no repair makes anew: {line}"))?;
        }
        output.line("nothing was changed; `--yes` repairs")?;
        output.flush()?;
        return Err(Failure::silent(Exit::Negative));
    }
    if let Some(report) = repair.apply().map_err(in_log)? {
        for path in &report.aside {
            output.line(format!("kept aside: {path}"))?;
        }
        let timeline: String = report.timeline.iter().map(|byte| format!("{byte:02x}")).collect();
        output.line(format!("repaired; the database goes on as timeline {timeline}"))?;
    }
    output.flush()?;
    let report = verify::examine(&doors, &arguments.data)?;
    if report.is_sound() {
        return Ok(());
    }
    let what = "the log is repaired, but other files are damaged or missing, which no repair makes anew: put them back, \
                or restore a backup";
    Err(damage(&report).fold(Failure::new(Exit::Ours, what), |failure, line| {
        failure.because(Failure::new(Exit::Ours, line))
    }))
}

/// That of an error. Those of damage advise to see what a repair would do, and this is it.
fn in_log(error: LogError) -> Failure {
    match error {
        LogError::Damaged { .. } | LogError::MissingManifest { .. } | LogError::MissingSegment { .. } => {
            Failure::new(Exit::Ours, format!("{}; restore a backup", reason_of(&error)))
        }
        error => failure(Error::from(error)),
    }
}

/// A line for each thing that the database needs beside its log, and that is damaged or missing.
fn beyond_the_log(doors: &Doors, report: &VerifyReport) -> Vec<String> {
    let places = ["artifacts", KEEP_LOG_PATH].map(|path| doors.disk.locate(path));
    let is_beyond = |finding: &&Finding| {
        finding.gravity == Gravity::Damage && places.iter().any(|place| finding.path.starts_with(place))
    };
    report.findings.iter().filter(is_beyond).map(verify::line).collect()
}

/// A line for each thing that is damaged.
fn damage(report: &VerifyReport) -> impl Iterator<Item = String> {
    report.findings.iter().filter(|finding| finding.gravity == Gravity::Damage).map(verify::line)
}

/// Plans a repair that goes on from the newest snapshot that is whole and of this log, so that damage before it
/// costs no transaction; without one, from the beginning.
fn plan(doors: &Doors, kind: LockKind) -> Result<Repair, LogError> {
    let lock = DirectoryLock::take(doors.disk.as_ref(), kind)?;
    for listed in SnapshotStore::new(doors).list()? {
        let Ok(snapshot) = listed.found else { continue };
        if snapshot.verify(doors.disk.as_ref(), &Cancellation::new()).is_err() {
            continue;
        }
        let identity = snapshot.identity();
        let start = StartingPoint { timeline: identity.timeline, anchor: identity.anchor };
        match Repair::plan_locked(doors, lock.clone(), Some(&start)) {
            // It is of a part of the history that was given up, or of another database.
            Err(LogError::NotInLog { .. }) => {}
            planned => return planned,
        }
    }
    Repair::plan_locked(doors, lock, None)
}

/// The log can be read from its first record to its last, but the database needs more than that.
fn nothing_in_the_log(doors: &Doors, data: &Path) -> Result<(), Failure> {
    let report = verify::examine(doors, data)?;
    let mut output = Output::new();
    if report.is_sound() {
        output.line("nothing is to be repaired: the log opens as it is")?;
        return Ok(output.flush()?);
    }
    for line in damage(&report) {
        output.line(line)?;
    }
    output.line("every record is there, and nothing in the log is to be repaired; put the files back that are named, or restore a backup")?;
    output.flush()?;
    Err(Failure::silent(Exit::Ours))
}

fn lines(reason: &str, plan: &RepairPlan) -> Vec<String> {
    let mut lines = vec![format!("damaged: {reason}"), format!("records up to {} are kept", plan.kept_until)];
    match &plan.given_up {
        Some(given_up) => lines.push(given_up_line(given_up)),
        None => lines.push("no transaction is known to be given up".to_owned()),
    }
    if plan.may_be_more {
        lines.push("more may be given up that cannot be read any more".to_owned());
    }
    if let Some(until) = plan.history_until {
        lines.push(format!(
            "the history up to record {until} cannot be read any more; later records are kept"
        ));
    }
    lines.extend(plan.snapshots.iter().map(|sequence| {
        let why = match *sequence == plan.kept_until {
            true => "does not fit the end of what is kept",
            false => "is of the part that is given up",
        };
        format!("the snapshot up to record {sequence} {why}, and is moved aside")
    }));
    lines.extend(plan.copied.iter().map(|path| format!("a copy is kept of {path}")));
    lines.extend(plan.made.iter().map(|path| format!("{path} is made of what is left behind the snapshot")));
    lines.extend(plan.moved.iter().map(|path| format!("{path} is moved aside")));
    lines
        .extend(plan.relocated.iter().map(|(from, to)| format!("{from} is moved to {to}, where it belongs")));
    lines
}

fn given_up_line(given_up: &GivenUp) -> String {
    let GivenUp { first, last, times } = given_up;
    let when = times.map(|(first, last)| {
        format!(", from {} to {}", crate::moment::print(first), crate::moment::print(last))
    });
    format!("given up: {} transactions, {first} to {last}{}", given_up.count(), when.unwrap_or_default())
}
