//! `interstice uninstall` and `interstice purge`: take a module out, and then its tables.
//! Invariant: no row goes unless somebody has said so twice.

use crate::database::{Opening, close, failure};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, DIM, Output};
use interstice_node::Removal;
use serde_json::json;

/// Which module.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The module, such as `acme:bank`.
    module: String,
    #[command(flatten)]
    opening: Opening,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Which module, and whether it is meant.
#[derive(clap::Args)]
pub(crate) struct PurgeArguments {
    #[command(flatten)]
    inner: Arguments,
    /// Says that the rows are to go.
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let node = arguments.opening.open_existing()?;
    let (removed, closed) = close(&node, node.uninstall(&arguments.module).map_err(failure));
    tell(&removed?, arguments.json, "uninstalled", "its tables are kept")?;
    closed
}

pub(crate) fn purge(arguments: &PurgeArguments) -> Result<(), Failure> {
    let inner = &arguments.inner;
    if !arguments.yes {
        let message = format!(
            "the rows of {} would be gone for ever: take a backup, and say --yes (`interstice modules` tells which \
             tables are kept)",
            inner.module
        );
        return Err(Failure::new(Exit::Caller, message));
    }
    let node = inner.opening.open_existing()?;
    let (removed, closed) = close(&node, node.purge(&inner.module).map_err(failure));
    tell(&removed?, inner.json, "purged", "its tables are gone")?;
    closed
}

fn tell(removal: &Removal, as_json: bool, what: &str, tables: &str) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        let counts: serde_json::Map<_, _> =
            removal.tables.iter().map(|(table, rows)| (table.clone(), json!(rows))).collect();
        let object = json!({
            "module": removal.package.unversioned(),
            "version": removal.package.version.to_string(),
            "sequence": removal.sequence.0,
            "tables": counts,
        });
        output.line(object.to_string())?;
        return Ok(output.flush()?);
    }
    let place = terminal::stdout_style(&format!("#{}", removal.sequence), DIM);
    output.line(format!("{} {what} {place}", removal.package))?;
    if !removal.tables.is_empty() {
        output.line(format!("{tables}:"))?;
        for (table, rows) in &removal.tables {
            output.line(format!("  {table}: {rows} {}", if *rows == 1 { "row" } else { "rows" }))?;
        }
    }
    Ok(output.flush()?)
}
