//! `interstice diff`: what a new version of a contract means to callers, to stored rows and to subscribers.
//! It asks nothing of a database: whether one has rows, dependents or subscribers is for an upgrade to say.
//! Invariant: exit code 0 means that all three go on as they are.

mod text;

use crate::contract::{self, Contract};
use crate::exit::{Exit, Failure};
use crate::packages::RegistryOptions;
use crate::terminal::Output;
use interstice_wit::diff::{self, Verdict};
use interstice_wit::plain;
use serde_json::json;

/// Compares two versions of a module, or of a package of WIT that is none: what changed, whom it breaks, and which
/// version it needs.
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
    /// The world, where the modules have several; of packages that are no modules, compares this one alone.
    #[arg(long)]
    world: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let read = |reference: &str| contract::read(reference, arguments.world.as_deref(), &arguments.registry);
    let (verdict, json, lines) = match (read(&arguments.old)?, read(&arguments.new)?) {
        (Contract::Module(old), Contract::Module(new)) => {
            let found = diff::compare(&old.schema, &new.schema);
            (found.verdict(), json!(found), text::lines(&text::Shown::of_modules(&found)))
        }
        (Contract::Plain(old), Contract::Plain(new)) => {
            let found = plain::compare(&old, &new);
            (found.verdict(), json!(found), text::lines(&text::Shown::of_packages(&found)))
        }
        (Contract::Module(_), Contract::Plain(_)) => {
            return Err(unequal(&arguments.old, &arguments.new));
        }
        (Contract::Plain(_), Contract::Module(_)) => {
            return Err(unequal(&arguments.new, &arguments.old));
        }
    };
    let mut output = Output::new();
    if arguments.json {
        let mut value = json;
        value["verdict"] = json!(verdict);
        output.line(format!("{value:#}"))?;
    } else {
        for line in lines {
            output.line(line)?;
        }
    }
    output.flush()?;
    match verdict {
        Verdict::Compatible => Ok(()),
        Verdict::NeedsMigration | Verdict::Breaking => Err(Failure::silent(Exit::Negative)),
    }
}

/// A module has rows and subscribers and a package of WIT has none, so that nothing could be said of these.
fn unequal(module: &str, plain: &str) -> Failure {
    let message = format!(
        "{module} is a module, and {plain} is a package of WIT that is none: nothing in it carries a directive; a module is \
         compared with a module"
    );
    Failure::new(Exit::Version, message)
}
