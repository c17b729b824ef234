//! The commands of the README: `cargo xtask setup | demo | test | bench | mutants | fuzz`.
//! It only starts other programs and never links the database itself, so that it compiles in seconds.
//! Invariant: on a fresh machine each command is enough by itself, because each does the set-up that it needs.

mod bench;
mod demo;
mod fuzz;
mod mutants;
mod setup;
mod shell;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The commands of a working day on Interstice.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what building modules needs (the wasm target) and, with --tests, what the tests need.
    Setup {
        /// Also installs clang, docker-registry, componentize-py and cargo-deny.
        #[arg(long)]
        tests: bool,
        /// Also builds wkg, for the ignored test `a_stock_wkg_and_we_read_each_other`.
        #[arg(long)]
        wkg: bool,
    },
    /// Measures against baselines, in one run, and prints a table of ratios.
    Bench(bench::Options),
    /// Runs SmallBank on a real database, kills it in the middle, and shows that nothing is lost.
    Demo(demo::Options),
    /// Fuzzes the decoders of files and rows with libFuzzer, which it installs.
    Fuzz(fuzz::Options),
    /// Takes single syncs, checks and renames out of a copy of the log; a campaign must notice each.
    Mutants(mutants::Options),
    /// Sets up, then checks everything: format, lints, licences, tests, a small demo, the benchmarks once.
    Test(test::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Setup { tests, wkg } => {
            setup::wasm_target()?;
            if tests {
                setup::test_tools()?;
            }
            if wkg { setup::wkg() } else { Ok(()) }
        }
        Command::Bench(options) => bench::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Test(options) => test::run(&options),
    }
}
