//! How a command ends: the exit codes, and the failure that carries one with its message.
//! A failure is told once, on stderr, by `main`; no command prints its own.
//! Invariant: a code keeps its meaning from release to release, for scripts branch on it.

use crate::terminal;
use interstice_wit::Diagnostics;
use std::error::Error;
use std::process::ExitCode;

/// What the numbers mean, as `--help` shows it, and docs/cli.md in the same words.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  negative: err, faulty WIT, failed build, stale file, log to repair, divergence, breaking diff
  2  the command line is wrong
  3  the caller's mistake: bad arguments, unknown module, unknown or private function, missing file
  4  the module's fault: trap, panic, fuel, memory, stack, err of @on(init) or of a migration
  5  versions do not fit: schema, links, file format, refused imports
  6  ours: disk, corruption, a database that another process has open
  7  the outcome is unknown: the disk failed while the transaction was in flight";

/// The exit code of the process. 2 is given by the argument parser itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Negative = 1,
    Caller = 3,
    Module = 4,
    Version = 5,
    Ours = 6,
    OutcomeUnknown = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The stable code, if it is one of the node.
    code: Option<&'static str>,
    report: Report,
}

#[derive(Debug)]
enum Report {
    /// The message, and what it came from.
    Chain(Vec<String>),
    /// Mistakes in WIT, each shown at its place.
    Findings(Box<Diagnostics>),
    /// Everything has been said already.
    Silent,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, code: None, report: Report::Chain(vec![message.into()]) }
    }

    /// An error with everything that it came from.
    pub(crate) fn from_error(exit: Exit, error: &(dyn Error + 'static)) -> Failure {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            chain.push(error.to_string());
            source = error.source();
        }
        Failure { exit, code: None, report: Report::Chain(chain) }
    }

    /// The same with the stable code of an error of the node.
    pub(crate) fn with_code(self, code: &'static str) -> Failure {
        Failure { code: Some(code), ..self }
    }

    /// The stable code, if it has one.
    pub(crate) fn code(&self) -> Option<&'static str> {
        self.code
    }

    /// What is told on stderr, on one line.
    pub(crate) fn message(&self) -> String {
        match &self.report {
            Report::Silent => String::new(),
            Report::Findings(findings) => findings.to_string(),
            Report::Chain(chain) => chain.join(": "),
        }
    }

    /// Says in front what was being done.
    pub(crate) fn context(mut self, message: impl Into<String>) -> Failure {
        if let Report::Chain(chain) = &mut self.report {
            chain.insert(0, message.into());
        }
        self
    }

    /// Says behind it why, with what another failure told that was not told here.
    pub(crate) fn because(mut self, cause: Failure) -> Failure {
        if let (Report::Chain(chain), Report::Chain(causes)) = (&mut self.report, cause.report) {
            causes.into_iter().for_each(|cause| {
                if !chain.contains(&cause) {
                    chain.push(cause);
                }
            });
        }
        self
    }

    /// Ends with this code and no message, for the answer itself has told why.
    pub(crate) fn silent(exit: Exit) -> Failure {
        Failure { exit, code: None, report: Report::Silent }
    }

    /// Tells the user on stderr.
    pub(crate) fn tell(&self) {
        match &self.report {
            Report::Silent => {}
            Report::Findings(findings) => terminal::show_findings(findings),
            Report::Chain(chain) => {
                let error = terminal::stderr_style("error:", terminal::RED);
                for (depth, message) in chain.iter().enumerate() {
                    match depth {
                        0 => terminal::tell(&format!("{error} {message}")),
                        _ => terminal::tell(&format!("  caused by: {}", message.replace('\n', "\n  "))),
                    }
                }
            }
        }
    }
}

impl From<Box<Diagnostics>> for Failure {
    fn from(findings: Box<Diagnostics>) -> Failure {
        Failure { exit: Exit::Negative, code: None, report: Report::Findings(findings) }
    }
}

/// Only writing an answer fails with a bare I/O error; files are told by their names.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(Exit::Ours, format!("cannot write the answer: {error}"))
    }
}
