//! The corpus, replayed: whatever a fuzzer has once found stays found.
#![allow(clippy::unwrap_used)]

use interstice_fuzz::{TARGETS, Target, Verdict, seeds};
use std::path::{Path, PathBuf};

fn corpus(target: &Target) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_the_corpus_keeps_the_promises_of_its_decoder() {
    for target in &TARGETS {
        let files = corpus(target);
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for file in files {
            // A failure is a panic; the last line says which input it was.
            eprintln!("{}", file.display());
            target.run(&std::fs::read(file).unwrap());
        }
    }
}

#[test]
fn what_the_writers_write_is_decoded() {
    // If checksums refused every input, nothing behind them would be tested.
    for seed in seeds::all() {
        let target = Target::named(seed.target).unwrap();
        assert_eq!(target.run(&seed.bytes), Verdict::Accepted, "{}/{}", seed.target, seed.name);
        let file = corpus(target).into_iter().find(|file| file.ends_with(&seed.name));
        let kept = file.map(|file| std::fs::read(file).unwrap());
        assert!(
            kept.as_ref() == Some(&seed.bytes),
            "{}/{} is not what the writers write: cargo run --release -p interstice-fuzz --bin seeds",
            seed.target,
            seed.name
        );
    }
}

#[test]
fn every_flipped_bit_of_every_seed_keeps_the_promises_of_its_decoder() {
    for seed in seeds::all() {
        let target = Target::named(seed.target).unwrap();
        // A few hundred of each: the fuzzer tries the others.
        let bits = seed.bytes.len() * 8;
        for bit in (0..bits).step_by((bits / 60).max(1)) {
            let mut bytes = seed.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            target.run(&bytes);
        }
    }
}
