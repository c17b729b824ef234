//! `interstice diff`: what a new version of a contract means to callers, to stored rows and to subscribers.
//! It asks nothing of a database: whether one has rows, dependents or subscribers is for an upgrade to say.
//! Invariant: exit code 0 means that all three go on as they are.

mod text;

use crate::exit::{Exit, Failure};
use crate::packages::{self, RegistryOptions};
use crate::subject::{self, Subject};
use crate::terminal::Output;
use interstice_registry::parse_release;
use interstice_wit::diff::{Verdict, compare};
use serde_json::json;
use std::path::Path;

/// Compares two versions of a module: what changed, whom it breaks, and which version it needs.
///
/// Ends with 0 if callers, stored rows and subscribers all go on as they are, and with 1 if rows need a migration or
/// something breaks.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The old version: the folder of a module, a folder or file of WIT, a component, or a version in the registry,
    /// such as `acme:bank@1.2.0`.
    #[arg(value_name = "OLD")]
    old: String,
    /// The new version, in one of the same forms.
    #[arg(value_name = "NEW")]
    new: String,
    /// The world, where the packages have several.
    #[arg(long)]
    world: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (old, new) = (version(&arguments.old, arguments)?, version(&arguments.new, arguments)?);
    let comparison = compare(&old.schema, &new.schema);
    let mut output = Output::new();
    if arguments.json {
        let mut value = json!(comparison);
        value["verdict"] = json!(comparison.verdict());
        output.line(format!("{value:#}"))?;
    } else {
        for line in text::lines(&comparison) {
            output.line(line)?;
        }
    }
    output.flush()?;
    match comparison.verdict() {
        Verdict::Compatible => Ok(()),
        Verdict::NeedsMigration | Verdict::Breaking => Err(Failure::silent(Exit::Negative)),
    }
}

/// What a word on the command line stands for: a path, or else a version that was published.
fn version(reference: &str, arguments: &Arguments) -> Result<Subject, Failure> {
    let world = arguments.world.as_deref();
    let path = Path::new(reference);
    // A package has a colon and no slash, and a path may have a colon too.
    if path.exists() || reference.contains('/') || !reference.contains(':') {
        return subject::read(path, world);
    }
    let (package, version) = parse_release(reference).map_err(packages::failure)?;
    let opened = arguments.registry.open(Path::new("."))?;
    let release = opened.any().read(&package, &version).map_err(packages::failure)?;
    subject::released(release, world)
}
