//! `interstice log`: what was committed, record by record, in the words of the schemas that were
//! installed when it happened.
//! Invariant: the data directory is only read, and every record that was asked for is shown, in bytes
//! where no schema explains it.

mod filter;
mod json;
mod names;
mod repair;
mod text;
mod verify;

use crate::database::{existing_doors, failure, reading_bar, show};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, Output};
use filter::{Filter, Known, Selection};
use interstice_node::log::{LogFilter, LogReader, NamedCause, Record, Sequence};
use interstice_node::{Error, modules_of_newest_snapshot};
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
    #[command(flatten)]
    selection: Selection,
    /// The most records to show, counted from the first.
    #[arg(long, value_name = "NUMBER", conflicts_with = "last")]
    limit: Option<u64>,
    /// How many of the last records to show.
    #[arg(long, value_name = "NUMBER")]
    last: Option<usize>,
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
    if arguments.limit == Some(0) {
        return Ok(());
    }
    let is_partial = reader.first() > Sequence(1);
    let mut known = Known::new(is_partial);
    if is_partial || arguments.selection.has_names() {
        learn_installs(&reader, &mut known)?;
    }
    let filter = arguments.selection.resolve(&known)?;
    let mut printer = Printer::new(arguments, &filter);
    if is_partial {
        let (sequence, modules) = modules_of_newest_snapshot(&doors).map_err(in_log)?;
        printer.names.installed_before(modules, &known.changed_until(sequence));
        if arguments.selection.wants_before(reader.first()) {
            let first = reader.first();
            terminal::tell(&format!(
                "note: the log begins with record {first}; what was before was given up"
            ));
        }
    }
    let bar = reading_bar();
    let mut written = Ok(());
    let mut visit = |record: Record| {
        let shown = printer.record(record);
        let is_over = matches!(shown, Ok(ControlFlow::Break(()))) || shown.is_err();
        written = shown.map(drop);
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let read = reader.search(&filter.in_log, &mut visit, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    written?;
    read.map_err(in_log)?;
    if printer.shown == 0 {
        check_from(&reader, arguments.selection.from)?;
    }
    Ok(printer.finish()?)
}

/// Reads what was ever installed.
fn learn_installs(reader: &LogReader, known: &mut Known) -> Result<(), Failure> {
    let installs_alone =
        LogFilter { from: Some(Sequence(u64::MAX)), with_installs: true, ..LogFilter::default() };
    let bar = reading_bar();
    let mut visit = |record: Record| {
        known.install(&record);
        ControlFlow::Continue(())
    };
    let read = reader.search(&installs_alone, &mut visit, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    read.map(drop).map_err(|error| failure(Error::from(error)))
}

/// Refuses a first record that is not there, unless it is the next one.
fn check_from(reader: &LogReader, from: u64) -> Result<(), Failure> {
    let last_of = |filter: &LogFilter| {
        let mut last = Sequence(0);
        let mut visit = |record: Record| {
            last = record.sequence;
            ControlFlow::Continue(())
        };
        let read = reader.search(filter, &mut visit, &mut |_| {});
        read.map(|_| last).map_err(|error| failure(Error::from(error)))
    };
    // Only if there is none from the one before on, the whole log is read for its last record.
    let newest = LogFilter { from: Some(Sequence(from.saturating_sub(1))), ..LogFilter::default() };
    if from <= 1 || last_of(&newest)?.0 + 1 >= from {
        return Ok(());
    }
    let last = last_of(&LogFilter::default())?;
    Err(Failure::new(Exit::Caller, format!("there is no record {from}: the last one is {last}")))
}

struct Printer<'a> {
    arguments: &'a Arguments,
    filter: &'a Filter,
    names: Names,
    output: Output,
    shown: u64,
    /// The newest lines, where only those are asked for.
    newest: VecDeque<String>,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Arguments, filter: &'a Filter) -> Printer<'a> {
        Printer {
            arguments,
            filter,
            names: Names::default(),
            output: Output::new(),
            shown: 0,
            newest: VecDeque::new(),
        }
    }

    fn record(&mut self, record: Record) -> io::Result<ControlFlow<()>> {
        match &record.cause {
            NamedCause::Install { schema, .. } => self.names.install(&record.package, schema),
            NamedCause::Upgrade { schema, .. } => self.names.change(schema),
            _ => {}
        }
        let arguments = self.arguments;
        if !self.filter.wants(&record) {
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

    fn finish(mut self) -> io::Result<()> {
        for text in &self.newest {
            self.output.line(text)?;
        }
        self.output.flush()
    }
}
