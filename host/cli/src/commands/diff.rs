//! `interstice diff`: what a new version of a contract means to callers, to stored rows and to subscribers.
//! It asks nothing of a database: whether one has rows, dependents or subscribers is for an upgrade to say.
//! Invariant: exit code 0 means that all three go on as they are.

mod text;

use crate::exit::{Exit, Failure};
use crate::subject::{self, Subject};
use crate::terminal::Output;
use interstice_wit::diff::{Verdict, compare};
use serde_json::json;
use std::path::Path;

/// Compares two versions of a module: what changed, whom it breaks, and which version it needs.
///
/// Ends with 0 if callers, stored rows and subscribers all go on as they are, and with 1 if rows need a migration or
/// something breaks.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The old version: the folder of a module, a folder or file of WIT, or a component.
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
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let world = arguments.world.as_deref();
    let (old, new) = (version(&arguments.old, world)?, version(&arguments.new, world)?);
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

/// What a word on the command line stands for. Other places where versions are kept are looked into from here.
fn version(reference: &str, world: Option<&str>) -> Result<Subject, Failure> {
    subject::read(Path::new(reference), world)
}
