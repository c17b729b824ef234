//! `interstice replay`: calls of the log, run again on the state that they had, to see whether they do the same,
//! or what one of them did.
//! Invariant: the data directory is only read, but for the cache of what was compiled.

use crate::database::{GuestLimits, existing_doors, failure, reading_bar, show};
use crate::exit::{Exit, Failure};
use crate::moment;
use crate::terminal::Output;
use interstice_node::log::Sequence;
use interstice_node::{Difference, Divergence, RerunOptions, RerunReport, Trace, trace, verify_calls};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Runs calls of the log again: to compare, or to see what one of them did.
///
/// Each call runs on fresh instances of the modules that ran it, on the state that it had, with its time and
/// its random numbers. The data directory is only read, and no process may have it open.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("purpose").required(true).args(["verify", "trace"]))]
pub(crate) struct Arguments {
    /// The record whose call is run again.
    #[arg(conflicts_with_all = ["from", "to"], required_if_eq("trace", "true"),
          value_parser = clap::value_parser!(u64).range(1..))]
    sequence: Option<u64>,
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// Compares what the calls return and write with what the log says; stops at the first difference.
    #[arg(long)]
    verify: bool,
    /// Tells every host call of the record's call, with arguments and results.
    #[arg(long)]
    trace: bool,
    /// The first record whose call is run again; the earliest that can be, if not given.
    #[arg(long, value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The last record whose call is run again.
    #[arg(long, value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    #[command(flatten)]
    limits: GuestLimits,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let doors = existing_doors(&arguments.data)?;
    let options = RerunOptions {
        from: arguments.sequence.or(arguments.from).map(Sequence),
        to: arguments.sequence.or(arguments.to).map(Sequence),
        limits: arguments.limits.limits(),
        cache: None,
    };
    let bar = reading_bar();
    let mut on_progress = |progress| show(&bar, progress);
    let mut output = Output::new();
    let divergence = if arguments.trace {
        let sequence = Sequence(arguments.sequence.expect("a trace is of one record"));
        let traced = trace(&doors, sequence, &options, &mut on_progress);
        bar.finish_and_clear();
        let traced = traced.map_err(failure)?;
        output.line(if arguments.json { trace_object(&traced).to_string() } else { trace_text(&traced) })?;
        traced.divergence
    } else {
        let report = verify_calls(&doors, &options, &mut on_progress);
        bar.finish_and_clear();
        let report = report.map_err(failure)?;
        if let (None, Some(sequence)) = (report.first, arguments.sequence) {
            return Err(Failure::new(Exit::Caller, format!("there is no record {sequence}")));
        }
        // A check of no record passes only where there is none.
        if let (None, Some(from)) = (report.first, arguments.from) {
            let to = arguments.to.map_or_else(String::new, |to| format!(" to {to}"));
            return Err(Failure::new(Exit::Caller, format!("there is no record from {from}{to}")));
        }
        output.line(if arguments.json {
            report_object(&report).to_string()
        } else {
            report_text(&report)
        })?;
        report.divergence
    };
    output.flush()?;
    match divergence {
        Some(_) => Err(Failure::silent(Exit::Negative)),
        None => Ok(()),
    }
}

fn report_text(report: &RerunReport) -> String {
    if let Some(divergence) = &report.divergence {
        return divergence_text(divergence);
    }
    match (report.first, report.last) {
        (Some(first), Some(last)) if first == last => {
            format!("record {first}: its call does what the log says")
        }
        (Some(first), Some(last)) => {
            format!("records {first} to {last}: all {} calls do what the log says", report.records)
        }
        _ => "there is no record to run again".to_owned(),
    }
}

fn divergence_text(divergence: &Divergence) -> String {
    let Divergence { sequence, timestamp_micros, module, arguments, difference, .. } = divergence;
    let call = match (&divergence.function, &divergence.change) {
        (Some(function), _) => format!("{function}({arguments})"),
        (None, Some(change)) => change.clone(),
        (None, None) => "its installation".to_owned(),
    };
    format!(
        "record {sequence} does something else when it is run again\n  module: {module}\n  call:   {call}\n  \
         time:   {}\n  {difference}\na module is deterministic if it keeps all state in tables; look for a static \
         variable, or for an instance that remembers",
        moment::print(*timestamp_micros)
    )
}

fn trace_text(traced: &Trace) -> String {
    let Trace { sequence, module, arguments, outcome, .. } = traced;
    let call = match (&traced.function, &traced.change) {
        (Some(function), _) => format!("{function}({arguments})"),
        (None, Some(change)) => change.clone(),
        (None, None) => "installation".to_owned(),
    };
    let mut text = format!("{sequence:>8}  {}  {module} {call}", moment::print(traced.timestamp_micros));
    for step in &traced.steps {
        text.push_str(&format!("\n{:>8}  {step}", ""));
    }
    text.push_str(&format!("\n{:>8}  returned {outcome}", ""));
    if let Some(divergence) = &traced.divergence {
        text.push_str(&format!("\n{}", divergence_text(divergence)));
    }
    text
}

fn report_object(report: &RerunReport) -> Value {
    json!({
        "first": report.first.map(|first| first.0),
        "last": report.last.map(|last| last.0),
        "records": report.records,
        "divergence": report.divergence.as_ref().map(divergence_object),
    })
}

fn divergence_object(divergence: &Divergence) -> Value {
    let difference = match &divergence.difference {
        Difference::Outcome { logged, again } => {
            json!({ "what": "outcome", "logged": logged, "again": again })
        }
        Difference::Row { table, key, column, logged, again } => json!({
            "what": "row", "table": table, "key": key, "column": column, "logged": logged, "again": again,
        }),
        Difference::Counter { table, logged, again } => {
            json!({ "what": "counter", "table": table, "logged": logged, "again": again })
        }
        Difference::Delivery { logged, again } => {
            json!({ "what": "delivery", "logged": logged, "again": again })
        }
        other => json!({ "what": other.to_string() }),
    };
    json!({
        "sequence": divergence.sequence.0,
        "timestamp_micros": divergence.timestamp_micros,
        "module": divergence.module,
        "function": divergence.function,
        "arguments": divergence.arguments,
        "difference": difference,
    })
}

fn trace_object(traced: &Trace) -> Value {
    let steps = traced.steps.iter().map(|step| {
        json!({
            "level": step.level,
            "operation": step.operation,
            "subject": step.subject,
            "arguments": step.arguments,
            "result": step.result,
        })
    });
    json!({
        "sequence": traced.sequence.0,
        "timestamp_micros": traced.timestamp_micros,
        "module": traced.module,
        "function": traced.function,
        "arguments": traced.arguments,
        "steps": steps.collect::<Vec<_>>(),
        "outcome": traced.outcome,
        "divergence": traced.divergence.as_ref().map(divergence_object),
    })
}
