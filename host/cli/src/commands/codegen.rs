//! `interstice codegen`: the Rust bindings of a module as a file, or the guest world as a folder of WIT
//! for the bindings generator of another language.
//! Invariant: `--check` writes nothing.

use crate::exit::{Exit, Failure};
use crate::subject;
use crate::terminal::{self, Output};
use interstice_codegen::{CodegenError, Freshness, GeneratedFile, check_rust_file, guest_wit, rust_file};
use interstice_wit::{Schema, Sources};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes the Rust bindings of a module, or with --wit its guest world for other languages.
///
/// The Rust bindings are those that `interstice::module!` generates at compile time.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a module, or a folder or file of WIT.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The world, where the package has several.
    #[arg(long)]
    world: Option<String>,
    /// Writes the guest world instead, as a folder of WIT that any bindings generator reads: the module's
    /// world with the typed door of each table, and the packages that it needs.
    #[arg(long)]
    wit: bool,
    /// Where it goes: a file, or with --wit a folder [default: stdout]
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Writes nothing, and fails if the existing files are stale.
    #[arg(long, requires = "output")]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wit = subject::wit_of(&arguments.path)?;
    let sources = subject::load(&wit)?;
    let schema = subject::module(&sources, arguments.world.as_deref())?;
    match (&arguments.output, arguments.wit) {
        (None, false) => print(&rust_file(&sources, &schema).map_err(failure)?),
        (None, true) => print(&one_text(&guest_wit(&sources, &schema).map_err(failure)?)),
        (Some(file), false) if arguments.check => check_bindings(file, &sources, &schema),
        (Some(file), false) => write(file, &rust_file(&sources, &schema).map_err(failure)?),
        (Some(folder), true) => {
            let files = guest_wit(&sources, &schema).map_err(failure)?;
            let mut files = files.iter().map(|file| (folder.join(&file.path), &file.text));
            match arguments.check {
                true => files.try_for_each(|(path, text)| check_file(&path, text)),
                false => files.try_for_each(|(path, text)| write(&path, text)),
            }
        }
    }
}

/// All files one after the other, for people to read.
fn one_text(files: &[GeneratedFile]) -> String {
    files.iter().map(|file| format!("// {}\n{}\n", file.path.display(), file.text)).collect()
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(text.trim_end())?;
    Ok(output.flush()?)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::new(Exit::Ours, format!("cannot write {}: {error}", path.display())))?;
    terminal::tell(&format!("wrote {}", path.display()));
    Ok(())
}

fn check_bindings(file: &Path, sources: &Sources, schema: &Schema) -> Result<(), Failure> {
    let Ok(found) = fs::read_to_string(file) else { return Err(stale(file, "it does not exist")) };
    match check_rust_file(sources, schema, &found).map_err(failure)? {
        Freshness::Fresh => Ok(()),
        Freshness::Stale { line } => Err(stale(file, &format!("it differs from line {line} on"))),
    }
}

fn check_file(path: &Path, text: &str) -> Result<(), Failure> {
    match fs::read_to_string(path) {
        Ok(found) if found.lines().eq(text.lines()) => Ok(()),
        Ok(_) => Err(stale(path, "it differs")),
        Err(_) => Err(stale(path, "it does not exist")),
    }
}

fn stale(path: &Path, how: &str) -> Failure {
    let message = format!("{} is stale, {how}: run the same command without --check", path.display());
    Failure::new(Exit::Negative, message)
}

fn failure(error: CodegenError) -> Failure {
    match error {
        CodegenError::Wit(findings) => findings.into(),
        error => Failure::from_error(Exit::Negative, &error),
    }
}
