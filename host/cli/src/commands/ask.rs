//! `interstice call` and `interstice query`: one call, straight on a data directory.
//! Invariant: the exit code tells an `err` of the module (1) from a call that did not run, and with `--json`
//! either has an answer on stdout.

use crate::answer::{Answer, Refusal};
use crate::asking::{Asking, Written};
use crate::database::{Opening, close};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, DIM, Output};
use interstice_node::{Acknowledge, CallOptions, Node};

/// What is asked of which module.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The module, such as `acme:bank`.
    module: String,
    /// The call in WAVE, such as `transfer(1, 2, 50)`; or the name of the function alone.
    call: String,
    /// The arguments in JSON, where the name stands alone: an array, or an object with their names.
    #[arg(value_name = "JSON")]
    arguments: Option<String>,
    #[command(flatten)]
    opening: Opening,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

/// Whether the call may write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Query,
}

pub(crate) fn run(arguments: &Arguments, kind: Kind) -> Result<(), Failure> {
    let mut output = Output::new();
    let mut refuse = |refusal: &Refusal| match arguments.json {
        true => output.line(refusal.json().to_string()).and_then(|()| output.flush()),
        false => Ok(()),
    };
    let node = match arguments.opening.open_existing() {
        Ok(node) => node,
        Err(failure) => {
            // Why it did not open matters more than that nobody reads the answer.
            let _ = refuse(&Refusal::not_opened(&failure));
            return Err(failure);
        }
    };
    // The answer is told even if closing fails, for what it says is durable.
    let asked = ask(arguments, kind, &node);
    let refused = asked.as_ref().err().map_or(Ok(()), &mut refuse);
    let (answer, closed) = close(&node, asked.map_err(Refusal::into_failure));
    refused?;
    let answer = answer?;
    let line = if arguments.json { answer.json().to_string() } else { answer.wave() };
    let written = output.line(line).and_then(|()| output.flush());
    written.map_err(|error| Failure::from(error).context(format!("the call is done, {}", answer.place())))?;
    if !arguments.json {
        terminal::tell(&terminal::stderr_style(&answer.place(), DIM));
    }
    closed?;
    if answer.is_err() { Err(Failure::silent(Exit::Negative)) } else { Ok(()) }
}

/// Whether this is the name of a function and no more, such as `transfer` or `ledger.transfer`.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.%".contains(letter))
}

fn ask(arguments: &Arguments, kind: Kind, node: &Node) -> Result<Answer, Refusal> {
    let written = match &arguments.arguments {
        Some(json) => Written::Json { function: &arguments.call, arguments: json },
        None if is_name(&arguments.call) => Written::Json { function: &arguments.call, arguments: "[]" },
        None => Written::Wave(&arguments.call),
    };
    let mut asking = Asking::new(node);
    let (function, bytes) = asking.read(&arguments.module, &written)?;
    let options = CallOptions { caller: arguments.opening.caller(), acknowledge: Acknowledge::Durable };
    let reply = match kind {
        Kind::Call => node.call(&function, &bytes, &options),
        Kind::Query => node.query(&function, &bytes, &options),
    };
    Answer::new(&function, reply?)
}
