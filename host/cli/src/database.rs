//! Opening a database for a command: its options, a progress bar while the log is read, and what
//! recovery found.
//! Invariant: a command that only uses a database never makes one.

use crate::exit::{Exit, Failure};
use crate::keep_log;
use crate::logging::{self, LogLevel};
use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use interstice_node::log::doors::{Doors, LockKind};
use interstice_node::log::limits::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};
use interstice_node::log::{
    DirectoryLock, LogError, LogOptions, LogReader, Progress, RecoveryReport, Retention, os,
};
use interstice_node::{Caller, Error, ErrorKind, Limits, Node, NodeOptions, SNAPSHOT_LOG_BYTES};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// Which database, and what calls of it may do.
#[derive(clap::Args)]
pub(crate) struct Opening {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    pub(crate) data: PathBuf,
    /// The client that calls are made for, as modules and the log see it.
    #[arg(long, value_name = "NAME", default_value = "local")]
    caller: String,
    #[command(flatten)]
    limits: GuestLimits,
    /// How many days the clock may be beyond the last logged time: a clock that is wrong would be logged for ever.
    #[arg(long, value_name = "DAYS", default_value_t = Limits::default().clock_jump_micros / DAY_MICROS)]
    clock_jump: u64,
    /// From which level on messages of modules and of the node are shown on stderr.
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "INTERSTICE_LOG_LEVEL")]
    log_level: LogLevel,
    /// The length of new segments of the log.
    #[arg(long, value_name = "BYTES", default_value_t = LogOptions::DEFAULT.segment_bytes,
          value_parser = clap::value_parser!(u64).range(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES))]
    segment_bytes: u64,
    /// How much log is written before a snapshot is taken by itself, in MiB; 0 for never.
    #[arg(long, value_name = "MIB", default_value_t = SNAPSHOT_LOG_BYTES >> 20)]
    snapshot_after: u64,
    /// How far back states can be rebuilt: `all`, `none`, or so many days; the log before that is given up. Holds from
    /// now on, until it is said otherwise; `7d` if it never was.
    #[arg(long, value_name = "TIME", value_parser = keep_log::parse)]
    keep_log: Option<Retention>,
}

/// What a call may do.
#[derive(clap::Args)]
pub(crate) struct GuestLimits {
    /// The work that one call may do, in wasmtime's units (about one per instruction). What is not asked for here,
    /// deliveries and schedules, may always do as much as the default.
    #[arg(long, value_name = "UNITS", default_value_t = Limits::default().fuel,
          value_parser = clap::value_parser!(u64).range(1..))]
    fuel: u64,
    /// The memory that one instance of a module may take, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().guest_memory_bytes >> 20,
          value_parser = clap::value_parser!(u64).range(1..=4096))]
    guest_memory: u64,
    /// Maximum depth of nested module calls.
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().depth)]
    depth: u32,
}

impl GuestLimits {
    /// The limits of a node with these.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            fuel: self.fuel,
            // A run that failed for want of fuel is not made again.
            automatic_fuel: Some(self.fuel.max(Limits::default().fuel)),
            guest_memory_bytes: self.guest_memory.saturating_mul(1 << 20),
            depth: self.depth,
            ..Limits::default()
        }
    }
}

impl Opening {
    /// Whether `open_or_make` would make a database: the directory is empty, or does not exist.
    pub(crate) fn is_new(&self) -> bool {
        match fs::read_dir(&self.data) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !self.data.exists(),
        }
    }

    /// Opens the database, and makes one if the directory is empty or does not exist.
    pub(crate) fn open_or_make(&self) -> Result<Node, Failure> {
        expect_directory(&self.data)?;
        let doors = os::doors(&self.data).map_err(|error| {
            Failure::new(Exit::Ours, format!("cannot make {}: {error}", self.data.display()))
        })?;
        self.open(doors)
    }

    /// Opens an existing database.
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
        let lock = DirectoryLock::take(doors.disk.as_ref(), LockKind::Exclusive);
        let lock = lock.map_err(|error| failure(Error::from(error)))?;
        let retention = keep_log::of(&self.data, self.keep_log)?;
        let options = NodeOptions {
            limits: Limits {
                clock_jump_micros: self.clock_jump.saturating_mul(DAY_MICROS),
                ..self.limits.limits()
            },
            log: LogOptions { segment_bytes: self.segment_bytes, retention, ..LogOptions::DEFAULT },
            snapshot_log_bytes: (self.snapshot_after > 0)
                .then(|| self.snapshot_after.saturating_mul(1 << 20)),
            ..NodeOptions::default()
        };
        logging::start(self.log_level);
        let bar = reading_bar();
        let opened = Node::open_locked(doors, lock, options, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        let (node, report) = opened.map_err(failure)?;
        tell_recovery(&report);
        keep_log::remember(&self.data, self.keep_log)?;
        Ok(node)
    }
}

/// The doors to an existing data directory.
pub(crate) fn existing_doors(data: &Path) -> Result<Doors, Failure> {
    expect_directory(data)?;
    os::doors_to_existing(data)
        .map_err(|error| Failure::new(Exit::Caller, format!("cannot open {}: {error}", data.display())))
}

/// A folder in which a copy of a database is to be put.
pub(crate) struct NewFolder<'f> {
    folder: &'f Path,
    was_there: bool,
    pub(crate) doors: Doors,
}

/// What a copy is known by that was cut short; the log decides whether nothing else is in the folder.
const REMAINS: [&str; 2] = ["UNFINISHED-COPY", "UNFINISHED-COPY.tmp"];

impl<'f> NewFolder<'f> {
    /// Makes the folder, unless it is there, and empty or with the remains of a copy.
    pub(crate) fn make(folder: &'f Path) -> Result<NewFolder<'f>, Failure> {
        expect_directory(folder)?;
        let was_there = folder.exists();
        let holds_remains = REMAINS.iter().any(|name| folder.join(name).exists());
        if !holds_remains && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            let shown = folder.display();
            let message = format!("{shown} is not empty; name a folder that is empty or does not exist");
            return Err(Failure::new(Exit::Caller, message));
        }
        let doors = os::doors(folder).map_err(|error| {
            Failure::new(Exit::Ours, format!("cannot make {}: {error}", folder.display()))
        })?;
        Ok(NewFolder { folder, was_there, doors })
    }

    /// Takes the folder back if nothing came of the work. Only what is empty goes.
    pub(crate) fn settle<T>(&self, done: Result<T, LogError>) -> Result<T, Failure> {
        done.map_err(|error| {
            let is_anothers = match &error {
                LogError::NotEmpty { .. } => true,
                // Another process is making a copy in it.
                LogError::Locked { path, .. } => Path::new(path).starts_with(self.folder),
                _ => false,
            };
            if is_anothers {
                return failure(Error::from(error));
            }
            for inner in ["snapshots/objects", "snapshots", "artifacts", "archive", "log"] {
                // One that was never made, or holds what could not be removed, stays as it is.
                let _ = fs::remove_dir(self.folder.join(inner));
            }
            if !self.was_there {
                let _ = fs::remove_dir(self.folder);
            }
            failure(Error::from(error))
        })
    }
}

/// Refuses something else than a directory; what does not exist may become one, but not behind a link.
fn expect_directory(data: &Path) -> Result<(), Failure> {
    let shown = data.display();
    if data.is_symlink() && !data.exists() {
        return Err(Failure::new(
            Exit::Caller,
            format!("{shown} is a symbolic link, and what it names is not there"),
        ));
    }
    match data.exists() && !data.is_dir() {
        true => Err(Failure::new(Exit::Caller, format!("{shown} is not a directory"))),
        false => Ok(()),
    }
}

/// Closes a database with which something was done. If the disk failed meanwhile, closing knows why.
pub(crate) fn close<T>(node: &Node, done: Result<T, Failure>) -> (Result<T, Failure>, Result<(), Failure>) {
    match (done, node.close().map_err(failure)) {
        (Err(failed), Err(cause)) => (Err(failed.because(cause)), Ok(())),
        ended => ended,
    }
}

/// A failure of the node, with the exit code of its kind.
pub(crate) fn failure(error: Error) -> Failure {
    Failure::from_error(exit(error.kind()), &error).with_code(error.code())
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

/// How long reading may take before a bar is shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// A bar for the reading of snapshots and of the log. It is shown once that takes longer than a second.
pub(crate) fn reading_bar() -> ProgressBar {
    bar("reading the database {wide_bar} {binary_bytes}/{binary_total_bytes}")
}

/// A bar for the copying of a database, and for reading the copy back.
pub(crate) fn copying_bar() -> ProgressBar {
    bar("copying the database {wide_bar} {percent}%")
}

fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_style(style)
}

pub(crate) fn show(bar: &ProgressBar, progress: Progress) {
    show_on(bar, progress, || std::io::stderr().is_terminal().then(ProgressDrawTarget::stderr));
}

/// Shows a bar on a terminal, if there is one, once it is time.
fn show_on(bar: &ProgressBar, progress: Progress, terminal: impl FnOnce() -> Option<ProgressDrawTarget>) {
    if bar.is_hidden()
        && bar.elapsed() >= SHOWN_AFTER
        && let Some(terminal) = terminal()
    {
        bar.set_draw_target(terminal);
    }
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_done);
}

fn tell_recovery(report: &RecoveryReport) {
    if let Some(torn) = &report.torn {
        let aside = torn.aside.as_ref().map(|path| format!(", kept in {path}")).unwrap_or_default();
        terminal::tell(&format!(
            "note: dropped an incomplete write at the end of the log; nothing in it says that anybody was told of it \
             ({} bytes at {} of {}{aside})",
            torn.length, torn.offset, torn.path
        ));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// A terminal that remembers what was written on it.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_is_shown_once_reading_takes_longer_than_a_second_and_only_on_a_terminal() {
        let paper = Paper::default();
        let progress = Progress { bytes_done: 3 << 20, bytes_total: 4 << 20 };
        let after = |elapsed: Duration, is_terminal: bool| {
            let bar = reading_bar().with_elapsed(elapsed);
            let target = || is_terminal.then(|| ProgressDrawTarget::term_like(Box::new(paper.clone())));
            show_on(&bar, progress, target);
            bar.force_draw();
            std::mem::take(&mut *paper.0.lock().unwrap())
        };
        assert_eq!(after(Duration::from_millis(900), true), "");
        assert_eq!(after(Duration::from_millis(1_100), false), "");
        let shown = after(Duration::from_millis(1_100), true);
        assert!(shown.contains("reading the database") && shown.contains("3.00 MiB/4.00 MiB"), "{shown}");
    }
}
