//! `interstice check`: everything that is wrong with a module's contract, at once.
//! For a component it also holds the binary against the schema that it carries.
//! Invariant: exit code 0 means that the module could be installed, as far as it alone can tell.

use crate::exit::Failure;
use crate::subject;
use crate::terminal::{self, Output};
use std::path::PathBuf;

/// Reports all mistakes in the WIT of a module, or checks a component against its own schema.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a module, a folder or file of WIT, or a component.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The world, where the package has several.
    #[arg(long)]
    world: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
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
    let good = terminal::stdout_style("ok", terminal::GREEN);
    output.line(format!("{good}  {} (world {}): {}", schema.package, schema.world, counts.join(", ")))?;
    Ok(output.flush()?)
}
