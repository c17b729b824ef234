//! Writing to people and to pipes: colours only where a person looks and has not said no, progress
//! bars only on a terminal, and a reader that has gone away ends the output quietly.
//! Invariant: nothing here panics when an output is closed.

use indicatif::{ProgressBar, ProgressStyle};
use interstice_wit::{Diagnostics, Finding};
use miette::{GraphicalReportHandler, GraphicalTheme};
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::time::Duration;

pub(crate) const RED: &str = "31;1";
pub(crate) const GREEN: &str = "32";
pub(crate) const YELLOW: &str = "33;1";
pub(crate) const BLUE: &str = "34;1";
pub(crate) const DIM: &str = "2";

/// How wide findings are shown on a terminal. Elsewhere their lines are not broken: programs read them.
const TERMINAL_WIDTH: usize = 100;

/// Bytes of source that are shown around a finding. A line can be as long as a file, and nobody reads it.
const MAX_SHOWN_BYTES: usize = 2 << 10;

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
    let is_terminal = io::stderr().is_terminal();
    let colours = has_colours(is_terminal);
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(TERMINAL_WIDTH)
        .with_wrap_lines(is_terminal)
        .with_links(false);
    for finding in findings.findings() {
        tell(finding_text(&handler, finding).trim_end());
    }
    let number = number_of_mistakes(findings.findings().len(), findings.omitted());
    tell(&format!("{} {number}", stderr_style("error:", RED)));
}

/// A finding with the lines around it, or in plain words where those are long or would deceive.
fn finding_text(handler: &GraphicalReportHandler, finding: &Finding) -> String {
    let mut text = String::new();
    let is_legible = finding.lines().len() <= MAX_SHOWN_BYTES && !finding.has_hidden_characters();
    // Writing to a string does not fail; if it ever does, the plain words will do.
    if is_legible && handler.render_report(&mut text, finding).is_ok() { text } else { finding.render() }
}

fn number_of_mistakes(shown: usize, omitted: usize) -> String {
    match (shown, omitted) {
        (1, 0) => "1 mistake in the WIT package".to_owned(),
        (shown, 0) => format!("{shown} mistakes in the WIT package"),
        (shown, omitted) => format!("{} mistakes in the WIT package, {shown} shown", shown + omitted),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use interstice_wit::{Sources, read};

    fn findings(wit: String) -> Diagnostics {
        let mut sources = Sources::new();
        sources.add_root("a.wit", wit);
        read(&sources, None).expect_err("the package has mistakes")
    }

    fn shown(findings: &Diagnostics) -> Vec<String> {
        let theme = GraphicalTheme::unicode_nocolor();
        let handler = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false);
        findings.findings().iter().map(|finding| finding_text(&handler, finding)).collect()
    }

    /// The report aligns its marks by a width of 16 bits, and panicked at a column beyond 65,535.
    #[test]
    fn a_finding_far_to_the_right_is_shown_in_plain_words() {
        let blanks = " ".repeat(70_000);
        let findings = findings(format!(
            "package a:b@1.0.0; interface i {{{blanks}f: func(); }} world w {{ export i; }}"
        ));
        let shown = shown(&findings);
        assert!(shown[0].starts_with("a.wit:1:70033: `f` does not say what it is"), "{}", shown[0]);
        assert!(shown[0].len() < 1_000);
    }

    /// A report of a directive was broken at its hyphen, so that no program could look for its name.
    #[test]
    fn no_line_is_broken_in_a_pipe() {
        let findings = findings(
            "package a:b@1.0.0;\ninterface i {\n/// @reduce\nf: func();\n}\nworld w { export i; }".to_owned(),
        );
        let shown = shown(&findings);
        assert!(shown[0].contains("`@auto-increment`, `@default`"), "{}", shown[0]);
    }

    #[test]
    fn findings_that_are_not_shown_are_counted() {
        assert_eq!(number_of_mistakes(1, 0), "1 mistake in the WIT package");
        assert_eq!(number_of_mistakes(2, 0), "2 mistakes in the WIT package");
        assert_eq!(number_of_mistakes(1_000, 9_000), "10000 mistakes in the WIT package, 1000 shown");
    }
}
