//! Measuring in turns, and the Markdown table of what came of it.
//! Others share the machine and slow it down for parts of a second or for minutes, what calculates more than what waits
//! for memory; so each comparison takes seconds, and its fastest rounds count.
//! Invariant: both sides of a comparison are measured equally often, in turns.

use std::fmt;
use std::time::{Duration, Instant};

/// How long a comparison takes at least: longer than most of what disturbs it.
const SHORTEST: Duration = Duration::from_secs(4);

/// What was measured.
pub(crate) struct Table {
    rounds: usize,
    rows: Vec<Row>,
}

struct Row {
    what: &'static str,
    baseline: String,
    measured: f64,
    compared: f64,
    /// What `measured / compared` may be at most; a negative number is the least that it may be.
    bound: f64,
    unit: &'static str,
}

impl Table {
    pub(crate) fn new(quick: bool) -> Table {
        Table { rounds: if quick { 1 } else { 20 }, rows: Vec::new() }
    }

    /// Measures so many times instead.
    pub(crate) fn with_rounds(self, rounds: usize) -> Table {
        Table { rounds, ..self }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    /// Measures both in turns and keeps the time of each when it was not disturbed, in nanoseconds an operation. Each
    /// closure does its work once and says how many operations that was.
    pub(crate) fn compare(
        &mut self,
        what: &'static str,
        bound: f64,
        baseline: &str,
        mut measured: impl FnMut() -> u64,
        mut compared: impl FnMut() -> u64,
    ) {
        let (measured, compared) = self.turns(|| (nanos(&mut measured), nanos(&mut compared))).undisturbed();
        self.add(what, bound, baseline, measured, compared, "ns");
    }

    /// Rounds of a comparison: as many as there must be, and for as long as others may disturb them.
    pub(crate) fn turns(&self, mut round: impl FnMut() -> (f64, f64)) -> Rounds {
        let began = Instant::now();
        let mut rounds = Rounds::default();
        while rounds.0.len() < self.rounds || self.rounds > 1 && began.elapsed() < SHORTEST {
            let (measured, compared) = round();
            rounds.add(measured, compared);
        }
        rounds
    }

    /// A row whose numbers were found in another way.
    pub(crate) fn add(
        &mut self,
        what: &'static str,
        bound: f64,
        baseline: &str,
        measured: f64,
        compared: f64,
        unit: &'static str,
    ) {
        eprintln!("{what}: {measured:.0} {unit}, {baseline}: {compared:.0}");
        self.rows.push(Row { what, baseline: baseline.to_owned(), measured, compared, bound, unit });
    }
}

/// What was measured in turns with its baseline.
#[derive(Default)]
pub(crate) struct Rounds(Vec<(f64, f64)>);

impl Rounds {
    pub(crate) fn add(&mut self, measured: f64, compared: f64) {
        self.0.push((measured, compared));
    }

    /// The time of each where it was not disturbed: a tenth of the rounds took less. What disturbs adds time, and never
    /// takes any away.
    pub(crate) fn undisturbed(self) -> (f64, f64) {
        let (measured, compared): (Vec<f64>, Vec<f64>) = self.0.into_iter().unzip();
        let tenth = |mut samples: Vec<f64>| {
            samples.sort_by(f64::total_cmp);
            samples[samples.len() / 10]
        };
        (tenth(measured), tenth(compared))
    }

    /// The round whose ratio is the median of all: for what waits for the disk, whose speed the baseline does not tell.
    pub(crate) fn median_ratio(mut self) -> (f64, f64) {
        self.0.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        self.0[self.0.len() / 2]
    }
}

/// Nanoseconds an operation.
pub(crate) fn nanos(work: &mut impl FnMut() -> u64) -> f64 {
    let begin = Instant::now();
    let operations = work();
    begin.elapsed().as_nanos() as f64 / operations as f64
}

pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// The largest of some rates: what the machine can do where nobody disturbs it.
pub(crate) fn highest(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(0.0, f64::max)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | measured | baseline | ratio | goal |")?;
        writeln!(f, "|---|---:|---:|---:|---|")?;
        for Row { what, baseline, measured, compared, bound, unit } in &self.rows {
            let ratio = measured / compared;
            let (goal, met) = match bound {
                bound if *bound < 0.0 => (format!("at least {:.2}", -bound), ratio >= -bound),
                bound => (format!("at most {bound:.2}"), ratio <= *bound),
            };
            let verdict = if met { "met" } else { "**missed**" };
            writeln!(
                f,
                "| {what} | {measured:.0} {unit} | {compared:.0} {unit} ({baseline}) | {ratio:.2} | {goal}: {verdict} |"
            )?;
        }
        Ok(())
    }
}
