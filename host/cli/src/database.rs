//! Opening a database for a command: its options, a progress bar while the log is read, and what
//! recovery found.
//! Invariant: a command that only uses a database never makes one.

use crate::exit::{Exit, Failure};
use crate::terminal;
use indicatif::{ProgressBar, ProgressStyle};
use interstice_node::log::doors::Doors;
use interstice_node::log::{LogReader, Progress, RecoveryReport, os};
use interstice_node::{Caller, Error, ErrorKind, Limits, Node, NodeOptions};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Which database, and what calls of it may do.
#[derive(clap::Args)]
pub(crate) struct Opening {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    pub(crate) data: PathBuf,
    /// The name under which calls are made.
    #[arg(long, value_name = "NAME", default_value = "local")]
    caller: String,
    /// The work that one call may do, in wasmtime's units (about one an instruction).
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
    /// The memory that one instance of a module may take, in MiB.
    #[arg(long, value_name = "MIB")]
    guest_memory: Option<u64>,
    /// How many modules may stand on each other in nested calls.
    #[arg(long, value_name = "NUMBER")]
    depth: Option<u32>,
}

impl Opening {
    /// Opens the database, and makes one if the directory is empty or not there.
    pub(crate) fn open_or_make(&self) -> Result<Node, Failure> {
        let doors = os::doors(&self.data).map_err(|error| {
            Failure::new(Exit::Ours, format!("cannot make {}: {error}", self.data.display()))
        })?;
        self.open(doors)
    }

    /// Opens a database that is there.
    pub(crate) fn open_existing(&self) -> Result<Node, Failure> {
        let doors = existing_doors(&self.data)?;
        // The reader tells a directory without a database apart, which opening would fill.
        drop(LogReader::open(&doors).map_err(|error| failure(Error::from(error)))?);
        self.open(doors)
    }

    /// On whose behalf calls are made.
    pub(crate) fn caller(&self) -> Caller {
        Caller::Client(self.caller.clone())
    }

    fn open(&self, doors: Doors) -> Result<Node, Failure> {
        let mut limits = Limits::default();
        limits.fuel = self.fuel.unwrap_or(limits.fuel);
        limits.guest_memory_bytes = self.guest_memory.map_or(limits.guest_memory_bytes, |mib| mib << 20);
        limits.depth = self.depth.unwrap_or(limits.depth);
        let options = NodeOptions { limits, ..NodeOptions::default() };
        let bar = reading_bar();
        let opened = Node::open(doors, options, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        let (node, report) = opened.map_err(failure)?;
        tell_recovery(&report);
        Ok(node)
    }
}

/// The doors to a data directory that is there.
pub(crate) fn existing_doors(data: &Path) -> Result<Doors, Failure> {
    os::doors_to_existing(data)
        .map_err(|error| Failure::new(Exit::Caller, format!("cannot open {}: {error}", data.display())))
}

/// A failure of the node, with the exit code of its kind.
pub(crate) fn failure(error: Error) -> Failure {
    Failure::from_error(exit(error.kind()), &error)
}

/// The exit code of a kind of error.
pub(crate) fn exit(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Caller => Exit::Caller,
        ErrorKind::Module => Exit::Module,
        ErrorKind::Version => Exit::Version,
        ErrorKind::Ours => Exit::Ours,
        ErrorKind::OutcomeUnknown => Exit::OutcomeUnknown,
    }
}

/// A bar for the reading of a log.
pub(crate) fn reading_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "reading the log {wide_bar} {binary_bytes}/{binary_total_bytes}";
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

pub(crate) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_done);
}

fn tell_recovery(report: &RecoveryReport) {
    if let Some(torn) = &report.torn {
        let aside = torn.aside.as_ref().map(|path| format!(", kept in {path}")).unwrap_or_default();
        terminal::tell(&format!(
            "note: a write that a crash cut off was dropped ({} bytes at {} of {}{aside}); nobody was told that it was safe",
            torn.length, torn.offset, torn.path
        ));
    }
}
