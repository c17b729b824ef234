//! `cargo xtask test`: everything that must hold before a change is accepted.
//! It is what `.ci/run` calls, and stops at the first step that fails.
//! Invariant: exit code 0 means that format, lints, licences and all tests passed, that the campaigns notice
//! what they are for, and that the demo and the benchmarks ran.

use crate::shell::{self, say};
use crate::{bench, demo, mutants, setup};
use anyhow::{Result, bail};
use clap::Args;
use std::time::Instant;

/// What to leave out when in a hurry.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only the tests, without format, lints, licences, mutations, demo and benchmarks.
    #[arg(long)]
    tests_only: bool,
    /// What is passed to `cargo test`, such as the name of a test.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    setup::wasm_target()?;
    setup::test_tools()?;
    if !options.tests_only {
        step("the format", &["fmt", "--all", "--check"])?;
        step(
            "the lints",
            &["clippy", "--workspace", "--all-targets", "--release", "--locked", "--", "-D", "warnings"],
        )?;
        licences()?;
    }
    let mut arguments = vec!["test", "--workspace", "--release", "--locked", "--no-fail-fast"];
    arguments.extend(options.arguments.iter().map(String::as_str));
    step("the tests", &arguments)?;
    if !options.tests_only {
        mutants::run(&mutants::Options { quick: true, ..mutants::Options::default() })?;
        say("a small demo: cargo xtask demo --customers 200 --transactions 400");
        demo::run(&demo::Options::small()?)?;
        bench::run(&bench::Options { quick: true })?;
    }
    say(&format!("all passed in {} s", began.elapsed().as_secs()));
    Ok(())
}

/// A check of cargo's own.
fn step(name: &str, arguments: &[&str]) -> Result<()> {
    say(&format!("{name}: cargo {}", arguments.join(" ")));
    shell::run(shell::cargo().args(arguments))
}

/// Bans, licences and sources of all dependencies. Advisories need a database from elsewhere and
/// change without a change here, so they are for `cargo deny check advisories` by hand.
fn licences() -> Result<()> {
    step("the dependencies", &["fetch", "--locked"])?;
    let deny = shell::root().join("target/tools/bin/cargo-deny");
    if !deny.exists() {
        bail!("{} is missing after the set-up", deny.display());
    }
    let mut command = shell::program(deny, ["--offline", "--locked", "check", "bans", "licenses", "sources"]);
    shell::run(command.current_dir(shell::root()))
}
