//! `cargo xtask mutants`: the test of the tests. Each mutation of `host/log/tests/mutations` takes one
//! sync, comparison, length check or rename out of a copy of the log, and the campaign that it names must
//! fail. All of them are compiled in at once and chosen by name at run time, so that the log is built once.
//! Invariant: exit code 0 means that every mutation that ran was noticed, that every text sought was found
//! in its place, and that no sync, rename or comparison of checksums is missing in the tables.

mod campaigns;
mod edit;
mod table;

use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use campaigns::{Campaigns, Outcome};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use table::Mutation;

/// Which mutations to try.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Tries those alone that are marked `quick`, as continuous integration does.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Tries those alone whose name contains this.
    #[arg(long)]
    pub(crate) named: Option<String>,
    /// Runs all campaigns until one notices, instead of the one that the table names.
    #[arg(long)]
    pub(crate) find: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let log = shell::root().join("host/log");
    let mutations = table::read(&log.join("tests/mutations"))?;
    let copy = copy_of_the_log()?;
    edit::apply(&mutations, &log.join("src"), &copy.join(COPY).join("src"))?;
    let is_chosen = |mutation: &&Mutation| {
        mutation.is_tried()
            && (!options.quick || mutation.quick)
            && options.named.as_ref().is_none_or(|part| mutation.name.contains(part.as_str()))
    };
    let chosen: Vec<&Mutation> = mutations.iter().filter(is_chosen).collect();
    say(&format!("{} mutations stand in the tables, {} are tried", mutations.len(), chosen.len()));
    let campaigns = Campaigns::build(&copy, (!options.find).then_some(chosen.as_slice()))?;
    campaigns.check_that_they_pass(&chosen, options.find)?;
    let mut survivors = Vec::new();
    for mutation in chosen {
        match campaigns.try_mutation(mutation, options.find)? {
            Outcome::Noticed { by, seconds } => println!("noticed   {} ({by}, {seconds} s)", mutation.name),
            Outcome::Survived => {
                println!("SURVIVED  {}", mutation.name);
                survivors.push(mutation.name.as_str());
            }
        }
    }
    if !survivors.is_empty() {
        bail!("no campaign notices {} mutations: {}", survivors.len(), survivors.join("; "));
    }
    Ok(())
}

/// Where the mutated log lies in its workspace. Not where it lies in ours: cargo tells packages apart by
/// that, and the two share the folder in which they are compiled, and the dependencies there.
const COPY: &str = "mutated-log";

/// Copies the log into a workspace of its own.
fn copy_of_the_log() -> Result<PathBuf> {
    let copy = target().join("mutants");
    if copy.exists() {
        fs::remove_dir_all(&copy).context("cannot remove the copy of an earlier run")?;
    }
    fs::create_dir_all(&copy)?;
    let log = shell::root().join("host/log");
    shell::run(Command::new("cp").arg("-r").arg("--").arg(log).arg(copy.join(COPY)))?;
    fs::copy(shell::root().join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let workspace = fs::read_to_string(shell::root().join("Cargo.toml"))?;
    fs::write(copy.join("Cargo.toml"), alone(&workspace)?)?;
    Ok(copy)
}

/// The manifest of a workspace with no member but the log.
fn alone(workspace: &str) -> Result<String> {
    let start = workspace.find("members = [").context("the workspace lists no members")?;
    let end = workspace[start..].find(']').context("the list of members does not end")?;
    let mut alone = workspace.to_owned();
    alone.replace_range(start..=start + end, &format!("members = [{COPY:?}]"));
    Ok(alone)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), PathBuf::from)
}

/// All files of Rust below a folder, from there.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
