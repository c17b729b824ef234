//! `interstice yank`: marks a version so that nobody takes it anew; who has it keeps it.
//! Invariant: nothing is deleted, so the mark can be taken away.

use crate::exit::Failure;
use crate::packages::{RegistryOptions, failure};
use crate::terminal::{self, Output};
use interstice_registry::parse_release;
use std::path::Path;

/// Marks a published version so that nobody takes it anew.
///
/// Its file stays, and who has it in a lock can still fetch it with --allow-yanked.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The version, such as `acme:bank@1.2.0`.
    #[arg(value_name = "PACKAGE@VERSION")]
    release: String,
    /// Takes the mark away.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (package, version) = parse_release(&arguments.release).map_err(failure)?;
    let opened = arguments.registry.open(Path::new("."))?;
    let registry = opened.local("yank a version")?;
    let changed = registry.set_yanked(&package, &version, !arguments.undo).map_err(failure)?;
    let done = match (changed, arguments.undo) {
        (true, false) => "yanked",
        (true, true) => "restored",
        (false, false) => "was yanked already",
        (false, true) => "was not yanked",
    };
    let mut output = Output::new();
    output.line(format!("{}  {}", terminal::stdout_style(done, terminal::GREEN), package.at(&version)))?;
    Ok(output.flush()?)
}
