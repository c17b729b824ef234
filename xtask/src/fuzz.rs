//! `cargo xtask fuzz`: libFuzzer on the decoders of files and rows, some time for each target, from the
//! corpus of `tests/fuzz`. Works with the stable compiler: coverage needs no unstable option, and the
//! address sanitizer, which would, finds nothing in code without `unsafe`.
//! Invariant: exit code 0 means that no input was found that breaks a promise.

use crate::setup;
use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;

/// The longest input. What is longer repeats itself.
const MAX_INPUT_BYTES: u32 = 8192;

/// The longest that a decoder may take for one input.
const INPUT_SECONDS: u32 = 20;

/// What to fuzz, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// For how many seconds each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The targets; all if none is named.
    targets: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let cargo_fuzz = setup::cargo_fuzz()?;
    let folder = shell::root().join("tests/fuzz");
    let mut targets = options.targets.clone();
    if targets.is_empty() {
        for entry in fs::read_dir(folder.join("corpus")).context("cannot list the corpus")? {
            targets.push(entry?.file_name().to_string_lossy().into_owned());
        }
        targets.sort();
    }
    let mut failed = Vec::new();
    for target in &targets {
        let found = folder.join("libfuzzer/found").join(target);
        fs::create_dir_all(&found)?;
        say(&format!("fuzzing {target} for {} s", options.seconds));
        let mut command = shell::program(&cargo_fuzz, ["fuzz", "run", "--fuzz-dir", "libfuzzer"]);
        command.args(["--sanitizer", "none", target]).arg(&found).arg(folder.join("corpus").join(target));
        command.args(["--", &format!("-max_total_time={}", options.seconds)]);
        command.args([format!("-max_len={MAX_INPUT_BYTES}"), format!("-timeout={INPUT_SECONDS}")]);
        if let Err(error) = shell::run(command.current_dir(&folder)) {
            say(&format!("{error:#}"));
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        say("no input breaks a promise; what covers new code stands in tests/fuzz/libfuzzer/found");
        return Ok(());
    }
    bail!(
        "{} failed; the inputs are in tests/fuzz/libfuzzer/artifacts. Mend the decoder, and copy them to \
         tests/fuzz/corpus as `found-…`, so that every test run tries them again",
        failed.join(", ")
    )
}
