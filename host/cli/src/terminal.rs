//! Writing to people and to pipes: colours only where a person looks and has not said no, progress
//! bars only on a terminal, and a reader that has gone away ends the output quietly.
//! Invariant: nothing here panics when an output is closed.

use indicatif::{ProgressBar, ProgressStyle};
use interstice_wit::Diagnostics;
use miette::{GraphicalReportHandler, GraphicalTheme};
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::time::Duration;

pub(crate) const RED: &str = "31;1";
pub(crate) const GREEN: &str = "32";
pub(crate) const BLUE: &str = "34;1";
pub(crate) const DIM: &str = "2";

/// How wide findings are shown where the output is not a terminal.
const PIPE_WIDTH: usize = 100;

/// Whether to use colours on an output, by <https://no-color.org>.
fn has_colours(is_terminal: bool) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn styled(text: &str, style: &str, colours: bool) -> String {
    if colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

pub(crate) fn stderr_style(text: &str, style: &str) -> String {
    styled(text, style, has_colours(io::stderr().is_terminal()))
}

pub(crate) fn stdout_style(text: &str, style: &str) -> String {
    styled(text, style, has_colours(io::stdout().is_terminal()))
}

/// A line on stderr. A closed stderr is not a reason to fail.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Every finding with its place in the file, and their number.
pub(crate) fn show_findings(findings: &Diagnostics) {
    let colours = has_colours(io::stderr().is_terminal());
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(PIPE_WIDTH).with_links(false);
    for finding in findings.findings() {
        let mut text = String::new();
        // Writing to a string does not fail; if it ever does, the plain message will do.
        if handler.render_report(&mut text, finding).is_err() {
            text = finding.message().to_owned();
        }
        tell(text.trim_end());
    }
    let number = findings.findings().len();
    let noun = if number == 1 { "mistake" } else { "mistakes" };
    tell(&format!("{} {number} {noun} in the WIT package", stderr_style("error:", RED)));
}

/// Stdout, buffered. A closed pipe makes every later write succeed and do nothing.
pub(crate) struct Output {
    to: BufWriter<StdoutLock<'static>>,
    is_closed: bool,
}

impl Output {
    pub(crate) fn new() -> Output {
        Output { to: BufWriter::new(io::stdout().lock()), is_closed: false }
    }

    /// Whether the reader has gone away.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let written = writeln!(self.to, "{}", line.as_ref());
        self.notice_close(written)
    }

    /// Hands everything to the reader.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let flushed = self.to.flush();
        self.notice_close(flushed)
    }

    fn notice_close(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// A sign of life while something takes long; nothing where no person looks.
pub(crate) fn spinner(message: impl Into<String>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or(ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style).with_message(message.into());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
