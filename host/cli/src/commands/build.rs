//! `interstice build`: from a crate, or from another toolchain's binary, to a component that can be
//! installed.
//! Invariant: what is written has been held against its own schema, as the host will do again.

use crate::exit::{Exit, Failure};
use crate::packages;
use crate::subject;
use crate::terminal::{self, Output};
use interstice_builder::{BuildError, Built, FromOptions, PackageOptions, build_from, build_package};
use serde_json::json;
use std::path::PathBuf;

/// Builds a module into a component that carries its schema.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the module's crate.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Uses this core module or component from another toolchain instead of running cargo.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The folder or file with the module's WIT [default: the folder `wit` of the module]
    #[arg(long, value_name = "PATH")]
    wit: Option<PathBuf>,
    /// The world, where the package has several.
    #[arg(long)]
    world: Option<String>,
    /// Where the component goes [default: `interstice/NAMESPACE-NAME-VERSION.wasm` in the target folder, or with
    /// --from beside the binary]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Fails when Cargo.lock or interstice.lock would change, or a pinned version is yanked.
    #[arg(long, conflicts_with = "from")]
    locked: bool,
    /// Uses no network.
    #[arg(long, conflicts_with = "from")]
    offline: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.folder.join(interstice_registry::LOCK).exists()
        || arguments.folder.join(interstice_registry::MANIFEST).exists()
    {
        let wit = arguments.wit.as_deref().unwrap_or(&arguments.folder);
        let world = arguments.world.as_deref();
        packages::check_pins(&arguments.folder, &subject::wit_of(wit)?, world, arguments.locked)?;
    }
    let wit = arguments.wit.as_deref().unwrap_or(&arguments.folder);
    // Where there is no WIT, what is missing is told by the build.
    if let Ok(wit) = subject::wit_of(wit) {
        subject::refuse_plain(&subject::load(&wit)?)?;
    }
    let built = match &arguments.from {
        Some(file) => {
            let wit = match &arguments.wit {
                Some(wit) => subject::wit_of(wit)?,
                None => subject::wit_of(&arguments.folder)?,
            };
            let options = FromOptions { world: arguments.world.clone(), output: arguments.output.clone() };
            build_from(file, &wit, &options)
        }
        None => build_package(
            &arguments.folder,
            &PackageOptions {
                wit: arguments.wit.clone(),
                world: arguments.world.clone(),
                output: arguments.output.clone(),
                target: None,
                locked: arguments.locked,
                offline: arguments.offline,
                quiet: false,
            },
        ),
    }
    .map_err(failure)?;
    prove(&built)?;
    show(&built, arguments.json)
}

/// A component that contradicts its schema must not remain as if it were built.
fn prove(built: &Built) -> Result<(), Failure> {
    let spinner = terminal::spinner("checking the component against its schema");
    let proof = subject::prove(&built.component, &built.schema);
    spinner.finish_and_clear();
    proof.inspect_err(|_| {
        // It was written a moment ago; if it is already gone, all the better.
        let _ = std::fs::remove_file(&built.path);
    })
}

fn show(built: &Built, as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    let package = built.schema.package.to_string();
    if as_json {
        let answer = json!({
            "package": package,
            "path": built.path.to_string_lossy(),
            "digest": format!("sha256:{}", built.digest),
            "size_bytes": built.component.len(),
        });
        output.line(answer.to_string())?;
    } else {
        let size = built.component.len().div_ceil(1024);
        let done = terminal::stdout_style("built", terminal::GREEN);
        output.line(format!("{done}   {package}, {size} KiB"))?;
        output.line(format!("file    {}", built.path.display()))?;
        output.line(format!("digest  sha256:{}", built.digest))?;
    }
    Ok(output.flush()?)
}

fn failure(error: BuildError) -> Failure {
    let exit = match &error {
        BuildError::Wit(_) | BuildError::World(_) | BuildError::Compile { .. } => Exit::Negative,
        BuildError::Imports { .. } | BuildError::Encode { .. } | BuildError::Section(_) => Exit::Version,
        BuildError::Write { .. } | BuildError::CargoOutput { .. } => Exit::Ours,
        _ => Exit::Caller,
    };
    match error {
        BuildError::Wit(findings) => findings.into(),
        error => Failure::from_error(exit, &error),
    }
}
