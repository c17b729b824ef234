//! `interstice schema`: what a module declares, for people or for programs.
//! It shows what the reader understood, so that an author sees at once what a directive did.
//! Invariant: the same contract prints the same text, wherever it was read from.

pub(crate) mod tree;
mod types;

use crate::exit::Failure;
use crate::subject::{self, Subject};
use crate::terminal::{self, Output};
use interstice_wit::hash::{interface_hash, storage_hash};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Shows the schema of a module, a WIT file or a component.
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
    /// Prints only the hashes.
    #[arg(long)]
    hash: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let subject = subject::read(&arguments.path, arguments.world.as_deref())?;
    let mut output = Output::new();
    match (arguments.hash, arguments.json) {
        (true, true) => output.line(format!("{:#}", hashes(&subject)))?,
        (false, true) => {
            output.line(format!("{:#}", json!({"schema": subject.schema, "hashes": hashes(&subject)})))?
        }
        (true, false) => show_hashes(&subject, &mut output)?,
        (false, false) => {
            for line in tree::lines(&subject.schema) {
                output.line(line)?;
            }
        }
    }
    Ok(output.flush()?)
}

fn hashes(subject: &Subject) -> Value {
    let interface = interface_hash(&subject.schema);
    let interfaces: Map<String, Value> =
        interface.interfaces.iter().map(|(name, hash)| (name.to_string(), hash.to_string().into())).collect();
    let mut hashes = json!({
        "interface": interface.module.to_string(),
        "interfaces": interfaces,
        "storage": storage_hash(&subject.schema).to_string(),
    });
    if let Some(artifact) = &subject.artifact {
        hashes["artifact"] = artifact.to_string().into();
    }
    hashes
}

fn show_hashes(subject: &Subject, output: &mut Output) -> Result<(), Failure> {
    let interface = interface_hash(&subject.schema);
    let mut rows = vec![("interface", interface.module.to_string(), subject.schema.package.to_string())];
    for (name, hash) in &interface.interfaces {
        rows.push(("", hash.to_string(), name.to_string()));
    }
    rows.push(("storage", storage_hash(&subject.schema).to_string(), "tables, keys and indexes".to_owned()));
    if let Some(artifact) = &subject.artifact {
        rows.push(("artifact", artifact.to_string(), "sha256 of the file".to_owned()));
    }
    for (kind, hash, what) in rows {
        output.line(format!("{kind:9}  {hash}  {}", terminal::stdout_style(&what, terminal::DIM)))?;
    }
    Ok(())
}
