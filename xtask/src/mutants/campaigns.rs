//! The test programs of the mutated log, and running them with one mutation switched on.

use super::table::Mutation;
use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A log that lost a check may wait, or go round in circles, for ever.
const LIMIT: Duration = Duration::from_secs(180);

/// What came of a mutation.
pub(super) enum Outcome {
    Noticed { by: String, seconds: u64 },
    Survived,
}

/// The test programs by name; `lib` are the tests within the sources.
pub(super) struct Campaigns {
    programs: BTreeMap<String, PathBuf>,
    folder: PathBuf,
}

impl Campaigns {
    /// Builds those that these mutations name, or all.
    pub(super) fn build(copy: &Path, chosen: Option<&[&Mutation]>) -> Result<Self> {
        let mut cargo = shell::cargo();
        cargo.current_dir(copy).args(["test", "--release", "--no-run", "--message-format=json"]);
        if let Some(chosen) = chosen {
            let named: BTreeSet<&str> =
                chosen.iter().filter_map(|mutation| Some(mutation.caught.as_ref()?.0.as_str())).collect();
            for name in named {
                if name == "lib" {
                    cargo.arg("--lib")
                } else {
                    cargo.args(["--test", name])
                };
            }
        }
        say("building the log with all its mutations");
        let mut programs = BTreeMap::new();
        // The copy lies below the target folder: what cargo builds goes where it always goes.
        cargo.env("CARGO_TARGET_DIR", super::target()).stderr(Stdio::inherit());
        for line in shell::output(&mut cargo)?.lines() {
            let message: Value = serde_json::from_str(line).context("cargo's messages are JSON")?;
            let target = &message["target"];
            if let (Some(program), Some(name), true) =
                (message["executable"].as_str(), target["name"].as_str(), message["profile"]["test"] == true)
            {
                let name = if target["kind"][0] == "lib" { "lib" } else { name };
                programs.insert(name.to_owned(), PathBuf::from(program));
            }
        }
        Ok(Self { programs, folder: copy.join(super::COPY) })
    }

    /// Without a mutation every campaign must pass: one that fails anyway notices nothing.
    pub(super) fn check_that_they_pass(&self, chosen: &[&Mutation], all: bool) -> Result<()> {
        let named: BTreeSet<_> = chosen.iter().filter_map(|mutation| mutation.caught.clone()).collect();
        let every = self.programs.keys().map(|name| (name.clone(), None)).collect();
        for (program, test) in if all { every } else { named } {
            if let Some(failed) = self.failure(&program, test.as_deref(), "")? {
                bail!("{program} fails without any mutation: {failed}");
            }
        }
        Ok(())
    }

    pub(super) fn try_mutation(&self, mutation: &Mutation, find: bool) -> Result<Outcome> {
        let began = Instant::now();
        let candidates: Vec<(String, Option<String>)> = match &mutation.caught {
            Some(caught) if !find => vec![caught.clone()],
            _ if !find => bail!("[{}] names no campaign that must notice", mutation.name),
            _ => self.programs.keys().map(|name| (name.clone(), None)).collect(),
        };
        for (program, test) in candidates {
            if let Some(failed) = self.failure(&program, test.as_deref(), &mutation.name)? {
                let by = format!("{program}: {failed}");
                return Ok(Outcome::Noticed { by, seconds: began.elapsed().as_secs() });
            }
        }
        Ok(Outcome::Survived)
    }

    /// Runs a test program with a mutation switched on until one of its tests fails. Returns what failed.
    fn failure(&self, program: &str, test: Option<&str>, mutation: &str) -> Result<Option<String>> {
        let path =
            self.programs.get(program).with_context(|| format!("there is no test program {program}"))?;
        let mut command = Command::new(path);
        command.current_dir(&self.folder).args(test).env("INTERSTICE_MUTANT", mutation);
        // Nobody reads why: a panic is what is wanted.
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", path.display()))?;
        let output = BufReader::new(child.stdout.take().context("the output is piped")?);
        let (tell, told) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let failed = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"));
                if let Some(name) = failed
                    && tell.send(name.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        // The sender is dropped when the program has ended.
        let failed = match told.recv_timeout(LIMIT) {
            Ok(name) => Some(name),
            Err(mpsc::RecvTimeoutError::Timeout) => Some("it did not end".to_owned()),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        };
        if failed.is_some() {
            child.kill()?;
        }
        let status = child.wait()?;
        drop(told);
        reader.join().map_err(|_| anyhow::anyhow!("the reader of the output panicked"))?;
        Ok(failed.or_else(|| (!status.success()).then(|| format!("it ended with {status}"))))
    }
}
