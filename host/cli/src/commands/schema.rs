//! `interstice schema`: what a module declares, for people or for programs.
//! It shows what the reader understood, so that an author sees at once what a directive did.
//! Invariant: the same contract prints the same text, wherever it was read from.

mod plain;
pub(crate) mod tree;
mod types;

use crate::contract::{self, Contract};
use crate::exit::{Exit, Failure};
use crate::packages::RegistryOptions;
use crate::subject::Subject;
use crate::terminal::{self, Output};
use interstice_wit::hash::{interface_hash, storage_hash};
use serde_json::{Map, Value, json};

/// Shows the schema of a module, a WIT file or a component; or of a package of WIT that is no module, what it declares.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a module, a folder or file of WIT, a component, or a version in the registry, such as
    /// `acme:bank@1.2.0`.
    #[arg(value_name = "PATH", default_value = ".")]
    what: String,
    /// The world, where a module has several; of a package that is no module, shows this one alone.
    #[arg(long)]
    world: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Prints only the hashes.
    #[arg(long)]
    hash: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut output = Output::new();
    let subject = match contract::read(&arguments.what, arguments.world.as_deref(), &arguments.registry)? {
        Contract::Module(subject) => subject,
        Contract::Plain(package) if arguments.hash => {
            let message = format!(
                "{} is no module: nothing in it carries a directive, and only what a module declares has hashes",
                package.name
            );
            return Err(Failure::new(Exit::Version, message));
        }
        Contract::Plain(package) => {
            match arguments.json {
                true => output.line(format!("{:#}", plain::json(&package)))?,
                false => plain::lines(&package).into_iter().try_for_each(|line| output.line(line))?,
            }
            return Ok(output.flush()?);
        }
    };
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
