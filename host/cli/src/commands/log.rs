//! `interstice log`: what was committed, record by record, in the words of the schemas that were
//! installed when it happened.
//! Invariant: the data directory is only read, and every record that was asked for is shown, in bytes
//! where no schema explains it.

mod json;
mod names;
mod repair;
mod text;
mod verify;

use crate::database::{existing_doors, failure, reading_bar, show};
use crate::exit::{Exit, Failure};
use crate::terminal::Output;
use interstice_node::Error;
use interstice_node::log::{LogReader, NamedCause, Record, Sequence};
use names::Names;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Shows the records of a database that no process has open.
///
/// The data directory is only read: nothing is recovered, and nothing runs.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA", required = true)]
    data: Option<PathBuf>,
    /// The first record to show.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 1)]
    from: u64,
    /// The most records to show, counted from the first.
    #[arg(long, value_name = "NUMBER", conflicts_with = "last")]
    limit: Option<u64>,
    /// How many of the last records to show.
    #[arg(long, value_name = "NUMBER")]
    last: Option<usize>,
    /// Shows only the records of this module, such as `acme:bank`.
    #[arg(long)]
    module: Option<String>,
    /// Shows the changed rows too (JSON always does).
    #[arg(long)]
    rows: bool,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What else can be done with a log.
#[derive(clap::Subcommand)]
enum Action {
    Verify(verify::Arguments),
    Repair(repair::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Some(Action::Verify(arguments)) => verify::run(arguments),
        Some(Action::Repair(arguments)) => repair::run(arguments),
        None => show_records(arguments),
    }
}

fn show_records(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.data.as_ref().expect("the argument is required where there is no subcommand");
    let doors = existing_doors(data)?;
    let in_log = |error| failure(Error::from(error));
    let reader = LogReader::open(&doors).map_err(in_log)?;
    let mut printer = Printer::new(arguments);
    let bar = reading_bar();
    let mut written = Ok(());
    // Installations come before the records that need their schemas, so reading begins with the first.
    let mut visit = |record: Record| {
        let shown = printer.record(record);
        let is_over = matches!(shown, Ok(ControlFlow::Break(()))) || shown.is_err();
        written = shown.map(drop);
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let read = reader.records(Sequence(1), &mut visit, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    written?;
    read.map_err(in_log)?;
    printer.check_found()?;
    Ok(printer.finish()?)
}

/// Whether a record is of the module, which is named with or without its version.
fn is_of(record: &Record, module: &str) -> bool {
    match module.split_once('@') {
        Some((package, version)) => record.package == package && record.version == version,
        None => record.package == module,
    }
}

struct Printer<'a> {
    arguments: &'a Arguments,
    names: Names,
    output: Output,
    shown: u64,
    /// The last record that was read.
    last: Sequence,
    /// The newest lines, where only those are asked for.
    newest: VecDeque<String>,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Arguments) -> Printer<'a> {
        Printer {
            arguments,
            names: Names::default(),
            output: Output::new(),
            shown: 0,
            last: Sequence(0),
            newest: VecDeque::new(),
        }
    }

    fn record(&mut self, record: Record) -> io::Result<ControlFlow<()>> {
        self.last = record.sequence;
        if self.arguments.limit == Some(0) {
            return Ok(ControlFlow::Break(()));
        }
        if let NamedCause::Install { schema, .. } | NamedCause::Upgrade { schema, .. } = &record.cause {
            self.names.install(&record.package, schema);
        }
        let arguments = self.arguments;
        let is_asked = record.sequence.0 >= arguments.from
            && arguments.module.as_deref().is_none_or(|module| is_of(&record, module));
        if !is_asked {
            return Ok(ControlFlow::Continue(()));
        }
        let text = match arguments.json {
            true => json::object(&record, &self.names).to_string(),
            false => text::lines(&record, &self.names, arguments.rows),
        };
        if let Some(last) = arguments.last {
            self.shown += 1;
            self.newest.push_back(text);
            if self.newest.len() > last {
                self.newest.pop_front();
            }
            return Ok(ControlFlow::Continue(()));
        }
        self.shown += 1;
        self.output.line(text)?;
        let is_over = self.output.is_closed() || arguments.limit.is_some_and(|limit| self.shown >= limit);
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Nothing was shown: says why, if what was asked for is not there at all.
    fn check_found(&self) -> Result<(), Failure> {
        let Arguments { from, limit, ref module, .. } = *self.arguments;
        if self.shown > 0 || limit == Some(0) {
            return Ok(());
        }
        if from > self.last.0 + 1 {
            let message = format!("there is no record {from}: the last one is {}", self.last);
            return Err(Failure::new(Exit::Caller, message));
        }
        match module {
            Some(module) if !self.names.is_installed(module) => {
                let message = format!("no module `{module}` was ever installed{}", self.names.installed());
                Err(Failure::new(Exit::Caller, message))
            }
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> io::Result<()> {
        for text in &self.newest {
            self.output.line(text)?;
        }
        self.output.flush()
    }
}
