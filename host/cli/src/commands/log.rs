//! `interstice log`: what was committed, record by record, in the words of the schemas that were
//! installed when it happened.
//! Invariant: the data directory is only read, and every record that was asked for is shown, in bytes
//! where no schema explains it.

mod json;
mod names;
mod text;

use crate::database::{existing_doors, failure, reading_bar, show};
use crate::exit::Failure;
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
pub(crate) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
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

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let doors = existing_doors(&arguments.data)?;
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
    Ok(printer.finish()?)
}

struct Printer<'a> {
    arguments: &'a Arguments,
    names: Names,
    output: Output,
    shown: u64,
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
            newest: VecDeque::new(),
        }
    }

    fn record(&mut self, record: Record) -> io::Result<ControlFlow<()>> {
        if let NamedCause::Install { schema, .. } | NamedCause::Upgrade { schema, .. } = &record.cause {
            self.names.install(&record.package, schema);
        }
        let arguments = self.arguments;
        let is_asked = record.sequence.0 >= arguments.from
            && arguments.module.as_ref().is_none_or(|module| *module == record.package);
        if !is_asked {
            return Ok(ControlFlow::Continue(()));
        }
        let text = match arguments.json {
            true => json::object(&record, &self.names).to_string(),
            false => text::lines(&record, &self.names, arguments.rows),
        };
        if let Some(last) = arguments.last {
            self.newest.push_back(text);
            if self.newest.len() > last {
                self.newest.pop_front();
            }
            return Ok(ControlFlow::Continue(()));
        }
        self.output.line(text)?;
        self.shown += 1;
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
