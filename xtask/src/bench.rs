//! `cargo xtask bench`: the benchmarks of `tests/benches`, as a table of ratios.
//! Subject and baseline are measured in turns in one process; what is printed is true of this machine
//! and this minute, so nothing else should run meanwhile.

use crate::setup;
use crate::shell::{self, say};
use anyhow::Result;

/// How thoroughly to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measures everything once, which shows that it runs and no more.
    #[arg(long)]
    pub(crate) quick: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::wasm_target()?;
    let mut arguments = vec!["bench", "--workspace", "--locked", "--bench", "ratios"];
    if options.quick {
        arguments.extend(["--", "--test"]);
        say("measuring once only, to see that the benchmarks run: these numbers mean nothing");
    }
    say(&format!("building and running the benchmarks: cargo {}", arguments.join(" ")));
    shell::run(shell::cargo().args(arguments))
}
