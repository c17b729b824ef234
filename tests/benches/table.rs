//! Measuring in turns, and the Markdown table of what came of it.

use std::fmt;
use std::time::Instant;

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
        Table { rounds: if quick { 1 } else { 15 }, rows: Vec::new() }
    }

    /// Measures so many times instead.
    pub(crate) fn with_rounds(self, rounds: usize) -> Table {
        Table { rounds, ..self }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    /// Measures both in turns and keeps the median of each, in nanoseconds an operation. Each closure
    /// does its work once and says how many operations that was.
    pub(crate) fn compare(
        &mut self,
        what: &'static str,
        bound: f64,
        baseline: &str,
        mut measured: impl FnMut() -> u64,
        mut compared: impl FnMut() -> u64,
    ) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            ours.push(nanos(&mut measured));
            theirs.push(nanos(&mut compared));
        }
        self.add(what, bound, baseline, median(&mut ours), median(&mut theirs), "ns");
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
