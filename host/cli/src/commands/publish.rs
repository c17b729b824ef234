//! `interstice publish`: a component becomes a version that others can depend on.
//! Invariant: what is published has been held against its own schema, and never changes again.

use crate::exit::{Exit, Failure};
use crate::packages::{self, RegistryOptions};
use crate::subject;
use crate::terminal::{self, Output};
use interstice_builder::{BuildError, PackageOptions, build_package};
use interstice_registry::{PublishOptions, RegistryError, Release};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Publishes a module, so that others can depend on it.
///
/// The version must fit what has changed since the version before it: a change that breaks callers needs a
/// breaking version. A published version never changes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The component, or the folder of a module's crate, which is built first.
    #[arg(default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    registry: RegistryOptions,
    /// Does everything but publish.
    #[arg(long)]
    dry_run: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let is_folder = arguments.path.is_dir();
    let project = if is_folder { arguments.path.as_path() } else { Path::new(".") };
    let registry = arguments.registry.open(project)?;
    if is_folder || arguments.path.extension().is_some_and(|extension| extension == "wit") {
        let sources = subject::load(&subject::wit_of(&arguments.path)?)?;
        if let Some(name) = subject::plain_name(&sources) {
            let message = format!("{name} is no module: nothing in it carries a directive");
            return Err(Failure::new(Exit::Version, message).because(only_modules()));
        }
    }
    let (file, bytes) = if is_folder { built(&arguments.path)? } else { read(&arguments.path)? };
    let release = Release::read(bytes, &file.display().to_string());
    let release = release.map_err(|error| match error {
        RegistryError::NoModule { .. } => packages::failure(error).because(only_modules()),
        error => packages::failure(error),
    })?;
    if release.is_component {
        subject::prove(&release.bytes, &release.schema)
            .map_err(|failure| failure.context(format!("{} cannot be published", file.display())))?;
    }
    let options = PublishOptions { is_dry_run: arguments.dry_run };
    let outcome = registry.any().publish(&release, &options).map_err(packages::failure)?;
    outcome.warnings.iter().for_each(|warning| packages::warn(warning));

    let mut output = Output::new();
    if arguments.json {
        let since = outcome.since.as_ref();
        let answer = json!({
            "package": outcome.package.to_string(),
            "digest": format!("sha256:{}", outcome.artifact),
            "published": !arguments.dry_run && !outcome.was_there,
            "was_there": outcome.was_there,
            "since": since.map(|(version, _)| version.to_string()),
            "changes": since.map(|(_, reasons)| reasons.clone()).unwrap_or_default(),
            "warnings": outcome.warnings,
        });
        output.line(answer.to_string())?;
        return Ok(output.flush()?);
    }
    let done = match (outcome.was_there, arguments.dry_run) {
        (true, _) => "was published already",
        (false, true) => "could be published",
        (false, false) => "published",
    };
    let name = registry.any().name();
    output.line(format!(
        "{}  {} in {name}",
        terminal::stdout_style(done, terminal::GREEN),
        outcome.package
    ))?;
    output.line(format!("digest  sha256:{}", outcome.artifact))?;
    if let Some((version, reasons)) = &outcome.since {
        output.line(format!("since {version}:"))?;
        for reason in reasons {
            output.line(format!("  - {reason}"))?;
        }
        if reasons.is_empty() {
            output.line("  callers see no change")?;
        }
    }
    Ok(output.flush()?)
}

/// Why a package of WIT is not published, and who does.
fn only_modules() -> Failure {
    let message = "modules are published here; `wkg publish` publishes packages of WIT, into the same folder or server, and \
                   `interstice diff`, `schema` and `info` read them there";
    Failure::new(Exit::Version, message)
}

fn built(folder: &Path) -> Result<(PathBuf, Vec<u8>), Failure> {
    packages::check_pins(folder, &subject::wit_of(folder)?, None, false)?;
    let built = build_package(folder, &PackageOptions::default()).map_err(|error| match error {
        BuildError::Wit(findings) => findings.into(),
        error => Failure::from_error(Exit::Negative, &error),
    })?;
    Ok((built.path, built.component))
}

fn read(path: &Path) -> Result<(PathBuf, Vec<u8>), Failure> {
    let bytes = fs::read(path)
        .map_err(|error| Failure::new(Exit::Caller, format!("cannot read {}: {error}", path.display())))?;
    Ok((path.to_owned(), bytes))
}
