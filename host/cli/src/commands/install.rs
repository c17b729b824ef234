//! `interstice install`: puts modules into a database, and ends.
//! Invariant: what is told of is on the disk.

use crate::components;
use crate::database::{Opening, close};
use crate::exit::Failure;
use crate::terminal::{self, Output};
use interstice_node::{Installation, Node};
use serde_json::json;
use std::path::PathBuf;

/// Installs modules into a database that no process has open, and makes one if the folder is empty.
///
/// A module that is uninstalled finds the tables again that were kept of it. Another version of one that is installed
/// is refused: see `interstice upgrade`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Components to install; those that are already installed change nothing. Modules that others
    /// import are installed before them, in whatever order they are given.
    #[arg(value_name = "MODULE", required = true)]
    modules: Vec<PathBuf>,
    #[command(flatten)]
    opening: Opening,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Read before anything is opened: a file that cannot be installed must not leave an empty database.
    let components = components::by_imports(components::read(&arguments.modules)?)?;
    if arguments.opening.is_new() {
        components.iter().try_for_each(components::check)?;
    }
    let node = arguments.opening.open_or_make()?;
    let (installed, closed) = close(&node, install(&node, &components, arguments.json));
    installed?;
    closed
}

fn install(node: &Node, components: &[components::Component], as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    for component in components {
        let installed = components::install(node, component)?;
        output.line(if as_json { object(&installed).to_string() } else { text(&installed) })?;
    }
    Ok(output.flush()?)
}

/// What came of an installation, for people.
pub(crate) fn text(installed: &Installation) -> String {
    let place = match installed.sequence {
        Some(sequence) => format!("installed #{sequence}"),
        None => "already installed".to_owned(),
    };
    format!("{} {}", installed.package, terminal::stdout_style(&place, terminal::DIM))
}

fn object(installed: &Installation) -> serde_json::Value {
    json!({
        "module": installed.package.unversioned(),
        "version": installed.package.version.to_string(),
        "artifact": installed.artifact.to_string(),
        "sequence": installed.sequence.map(|sequence| sequence.0),
    })
}
