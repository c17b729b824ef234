//! `interstice run`: opens a database, installs modules, and takes calls line by line until the input
//! ends: from a terminal with a prompt, from a pipe with many calls in flight.
//! Invariant: an answer is written only once what it says is as safe as was asked for.

mod completion;
mod pipe;
mod prompt;
mod request;

use crate::components::{self, Component};
use crate::database::{Opening, close};
use crate::exit::Failure;
use crate::terminal::{self, DIM};
use interstice_node::{Acknowledge, CallOptions, Node};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Runs a database: installs modules, then takes calls line by line.
#[derive(clap::Args)]
#[command(after_help = "\
On a terminal there is a prompt. From a pipe, the exit code is 0 once every line was answered, also if
some of the answers are errors; 6 or 7 if the database failed.

A line is `MODULE FUNCTION(ARGUMENTS)` or `query MODULE FUNCTION(ARGUMENTS)`, the arguments in WAVE:
  acme:bank transfer(1, 2, 50)
  query acme:bank balance(1)
With --json, a line is an object, and so is each answer:
  {\"id\": 1, \"module\": \"acme:bank\", \"function\": \"ledger.transfer\", \"args\": [1, 2, 50]}
  {\"id\": 2, \"module\": \"acme:bank\", \"wave\": \"balance(1)\", \"query\": true}")]
pub(crate) struct Arguments {
    /// Components to install; those that are already installed change nothing. Modules that others
    /// import are installed before them, in whatever order they are given.
    #[arg(value_name = "MODULE")]
    modules: Vec<PathBuf>,
    #[command(flatten)]
    opening: Opening,
    /// Reads and writes one JSON object per line.
    #[arg(long)]
    json: bool,
    /// Answers as soon as a transaction is committed in memory, before it is safe on disk.
    #[arg(long)]
    memory: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Read before anything is opened: a file that cannot be installed must not leave an empty database.
    let components = components::by_imports(components::read(&arguments.modules)?)?;
    if arguments.opening.is_new() {
        components.iter().try_for_each(components::check)?;
    }
    let node = arguments.opening.open_or_make()?;
    let served = install(&node, &components).and_then(|()| serve(arguments, &node));
    let (served, closed) = close(&node, served);
    served.and(closed)
}

fn install(node: &Node, components: &[Component]) -> Result<(), Failure> {
    for component in components {
        let installed = components::install(node, component)?;
        let place = match installed.sequence {
            Some(sequence) => format!("installed #{sequence}"),
            None => "already installed".to_owned(),
        };
        terminal::tell(&format!("{} {}", installed.package, terminal::stderr_style(&place, DIM)));
    }
    Ok(())
}

fn serve(arguments: &Arguments, node: &Node) -> Result<(), Failure> {
    let acknowledge = if arguments.memory { Acknowledge::Memory } else { Acknowledge::Durable };
    let options = CallOptions { caller: arguments.opening.caller(), acknowledge };
    if !arguments.json && io::stdin().is_terminal() {
        prompt::serve(node, &options, &arguments.opening.data)
    } else {
        pipe::serve(node, &options, arguments.json)
    }
}
