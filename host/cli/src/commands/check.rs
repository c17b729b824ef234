//! `interstice check`: everything that is wrong with a module's contract, at once, and what the module can touch.
//! For a component it also holds the binary against the schema that it carries.
//! Invariant: exit code 0 means that the module could be installed, as far as it alone can tell.

mod capabilities;

use crate::contract;
use crate::exit::Failure;
use crate::subject;
use crate::terminal::{self, Output};
use serde_json::json;
use std::path::PathBuf;

/// Reports all mistakes in the WIT of a module, or checks a component against its own schema.
///
/// Then it tells what the module can touch: by its contract, or by what the component does import.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a module, a folder or file of WIT, or a component.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The world, where the package has several.
    #[arg(long)]
    world: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    contract::refuse_binary(&arguments.path)?;
    let subject = subject::read(&arguments.path, arguments.world.as_deref())?;
    let schema = &subject.schema;
    let counts = [
        (schema.tables().count(), "table", "tables"),
        (schema.functions().count(), "function", "functions"),
        (schema.imports.len(), "import", "imports"),
    ];
    let counts =
        counts.map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }));
    let mut output = Output::new();
    if arguments.json {
        let (package, world) = (schema.package.to_string(), &schema.world);
        let capabilities = &subject.capabilities;
        output.line(format!(
            "{:#}",
            json!({"package": package, "world": world, "capabilities": capabilities})
        ))?;
        return Ok(output.flush()?);
    }
    let good = terminal::stdout_style("ok", terminal::GREEN);
    output.line(format!("{good}  {} (world {}): {}", schema.package, schema.world, counts.join(", ")))?;
    for line in capabilities::lines(&subject) {
        output.line(line)?;
    }
    Ok(output.flush()?)
}
