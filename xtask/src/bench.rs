//! `cargo xtask bench`: the benchmarks of `tests/benches`, as a table of ratios.
//! Subject and baseline are measured in turns in one process; what is printed is true of this machine
//! and this minute, so nothing else should run meanwhile.

use crate::setup;
use crate::shell::{self, say};
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    setup::wasm_target()?;
    say("building and running the benchmarks: cargo bench --workspace --bench ratios");
    shell::run(shell::cargo().args(["bench", "--workspace", "--locked", "--bench", "ratios"]))
}
