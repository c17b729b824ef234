//! What modules and the node tell the operator, on stderr.
//! Answers never go this way.
//! Invariant: it is set up once, before a database is opened.

use clap::ValueEnum;
use std::io::{self, IsTerminal};
use tracing_subscriber::filter::LevelFilter;

/// From which level on messages are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Shows the messages of this process from now on.
pub(crate) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let is_terminal = io::stderr().is_terminal();
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let format = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(colours);
    // A second start, which no command makes, would change nothing.
    let _ = match is_terminal {
        true => format.without_time().with_target(false).try_init(),
        false => format.with_target(false).try_init(),
    };
}
