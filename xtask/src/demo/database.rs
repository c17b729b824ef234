//! A database as its users run it: the process `interstice run --json`, spoken to over its pipe.
//! Many requests are in flight at once; answers come in the order of the requests.
//! Invariant: an answer that `next_answer` returned was durable before the process wrote it.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, BufWriter, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// The process and what it still owes.
pub(super) struct Database<T> {
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    in_flight: VecDeque<(T, Instant)>,
    next_id: u64,
}

/// What came back for a request.
pub(super) struct Answer<T> {
    /// What was asked.
    pub(super) request: T,
    /// The whole answer.
    pub(super) json: Value,
    /// From the request to the answer.
    pub(super) latency: Duration,
}

impl<T> Database<T> {
    /// Starts `interstice run` on a data directory with these components.
    pub(super) fn open(interstice: &Path, data: &Path, modules: &[impl AsRef<Path>]) -> Result<Database<T>> {
        let mut command = Command::new(interstice);
        command.args(["run", "--json", "--data"]).arg(data);
        command.args(modules.iter().map(AsRef::as_ref));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", interstice.display()))?;
        let requests = child.stdin.take().context("the process has no stdin")?;
        let answers = child.stdout.take().context("the process has no stdout")?;
        Ok(Database {
            child,
            requests: BufWriter::new(requests),
            answers: BufReader::new(answers).lines(),
            in_flight: VecDeque::new(),
            next_id: 0,
        })
    }

    /// How many requests wait for their answer.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sends a request; it reaches the process at the latest when an answer is awaited.
    pub(super) fn send(&mut self, request: T, mut json: Value) -> Result<()> {
        json["id"] = self.next_id.into();
        self.next_id += 1;
        writeln!(self.requests, "{json}").context("the database takes no more requests")?;
        self.in_flight.push_back((request, Instant::now()));
        Ok(())
    }

    /// Waits for the answer to the oldest request.
    pub(super) fn next_answer(&mut self) -> Result<Answer<T>> {
        self.requests.flush().context("the database takes no more requests")?;
        let Some(line) = self.answers.next() else { bail!("the database has ended") };
        let json: Value = serde_json::from_str(&line?).context("the answer is not JSON")?;
        let (request, began) = self.in_flight.pop_front().context("an answer to no request")?;
        let expected = self.next_id - 1 - self.in_flight.len() as u64;
        if json["id"].as_u64() != Some(expected) {
            bail!("the answer {json} came where {expected} was expected");
        }
        Ok(Answer { request, json, latency: began.elapsed() })
    }

    /// SIGKILL: no handler runs, no buffer is flushed. Returns the answers that had been written
    /// before, and what was in flight.
    pub(super) fn kill(mut self) -> Result<(Vec<Answer<T>>, Vec<T>)> {
        // Requests that are still in our own buffer were never sent; they must not arrive now.
        self.requests.flush().context("the database takes no more requests")?;
        self.child.kill().context("cannot kill the database")?;
        let status = self.child.wait()?;
        if status.success() {
            bail!("the database ended by itself before it was killed");
        }
        let mut answers = Vec::new();
        // The last line may be torn; what is not a whole answer acknowledges nothing.
        while let Ok(answer) = self.next_answer() {
            answers.push(answer);
        }
        Ok((answers, self.in_flight.into_iter().map(|(request, _)| request).collect()))
    }

    /// Ends the input, and waits until the process has closed the database.
    pub(super) fn close(mut self) -> Result<()> {
        if self.in_flight() > 0 {
            bail!("{} answers were not awaited", self.in_flight());
        }
        drop(self.requests);
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the database ended with {status}");
        }
        Ok(())
    }
}
