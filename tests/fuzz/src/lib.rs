//! The bodies of the fuzz targets: each takes any bytes, hands them to a decoder through the door by which
//! a damaged folder or a hostile guest reaches it, and panics if a promise is broken. libFuzzer calls them
//! (`cargo xtask fuzz`), and so does an ordinary test with every file of the corpus.
//! Invariant: a target is a function of its input alone, and so is the memory that it may take.

mod allocation;
mod archive;
mod examine;
mod folder;
mod index;
mod manifest;
mod records;
mod rows;
mod seal;
pub mod seeds;
mod segment;
mod snapshot;
mod types;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was refused, with an error that says why.
    Refused,
    /// It was decoded, and encodes to the same again where there is an encoder.
    Accepted,
}

impl Verdict {
    fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Accepted } else { Self::Refused }
    }
}

/// A fuzz target.
pub struct Target {
    /// Its name: that of its folder in the corpus, and of its program for libFuzzer.
    pub name: &'static str,
    run: fn(&[u8]) -> Verdict,
    /// The bytes that it may hold at once, beside some for each byte of the input.
    limit: usize,
}

/// What a simulated disk with an empty database takes, and the buffers through which it is read.
const FOLDER_BYTES: usize = 48 << 20;

/// What numbered definitions may take: a slot in the list of the log and one in that of the segment for
/// each number below `MAX_DEFINITIONS`, twice while a list grows.
const DEFINITION_BYTES: usize = 256 << 20;

/// What the types take that an input chooses, and what is compiled from them.
const TYPE_BYTES: usize = 8 << 20;

/// How many bytes a target may hold for each byte of its input: the copies on simulated disks, and what
/// is decoded, which is larger than its encoding.
const A_BYTE: usize = 256;

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "manifest", run: manifest::run, limit: FOLDER_BYTES },
    Target { name: "record", run: records::run, limit: FOLDER_BYTES + DEFINITION_BYTES },
    Target { name: "segment", run: segment::run, limit: FOLDER_BYTES + DEFINITION_BYTES },
    Target { name: "archive", run: archive::run, limit: FOLDER_BYTES + DEFINITION_BYTES },
    Target { name: "index", run: index::run, limit: FOLDER_BYTES },
    Target { name: "snapshot", run: snapshot::run_head, limit: FOLDER_BYTES },
    Target { name: "snapshot_rows", run: snapshot::run_rows, limit: FOLDER_BYTES },
    Target { name: "row", run: rows::run_row, limit: TYPE_BYTES },
    Target { name: "key", run: rows::run_key, limit: TYPE_BYTES },
    Target { name: "batch", run: rows::run_batch, limit: 1 << 10 },
];

impl Target {
    /// The target with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Runs the target.
    ///
    /// # Panics
    /// If the input breaks a promise of a decoder, that about memory included.
    pub fn run(&self, input: &[u8]) -> Verdict {
        let (verdict, held) = allocation::most_held(|| (self.run)(input));
        let limit = self.limit + input.len() * A_BYTE;
        assert!(held <= limit, "{} held {held} bytes at once, expected at most {limit}", self.name);
        verdict
    }
}

/// Runs the target with this name.
///
/// # Panics
/// If there is none, or if the input breaks a promise of its decoder.
pub fn run(name: &str, input: &[u8]) {
    let target = Target::named(name).expect("the programs for libFuzzer are named like targets");
    target.run(input);
}
