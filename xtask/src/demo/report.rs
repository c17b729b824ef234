//! What the demo measured, as a short table.
//! Invariant: a latency is from handing a request to the pipe until its answer was read.

use super::database::Answer;
use super::mix::Transaction;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that is printed at the end.
#[derive(Default)]
pub(super) struct Report {
    pub(super) loading: Duration,
    pub(super) before: Duration,
    pub(super) reopening: Duration,
    pub(super) after: Duration,
    pub(super) latencies: Latencies,
    /// With one transaction in flight.
    pub(super) alone: Latencies,
    pub(super) audit: Vec<String>,
}

/// Latencies by transaction.
#[derive(Default)]
pub(super) struct Latencies {
    by_name: BTreeMap<String, Vec<Duration>>,
}

impl Latencies {
    pub(super) fn take(&mut self, answer: &Answer<Transaction>) {
        self.by_name.entry(answer.request.name.clone()).or_default().push(answer.latency);
    }

    fn count(&self) -> usize {
        self.by_name.values().map(Vec::len).sum()
    }

    /// All of them, sorted.
    fn all(&self) -> Vec<Duration> {
        let mut all: Vec<Duration> = self.by_name.values().flatten().copied().collect();
        all.sort_unstable();
        all
    }
}

impl Report {
    pub(super) fn print(&self) {
        println!();
        for line in &self.audit {
            println!("  ✓ {line}");
        }
        println!();
        println!("| phase | time |");
        println!("|---|--:|");
        println!("| loading both accounts of every customer | {:.1} s |", self.loading.as_secs_f64());
        println!(
            "| reopening after the kill, including both totals | {:.1} s |",
            self.reopening.as_secs_f64()
        );
        let running = (self.before + self.after).as_secs_f64();
        let count = self.latencies.count();
        println!("| {count} transactions, durable, from one process over a pipe | {running:.1} s |");
        println!("| **throughput** | **{:.0} per second** |", count as f64 / running.max(f64::MIN_POSITIVE));
        println!();
        println!("| latency | count | median | 99 % | longest |");
        println!("|---|--:|--:|--:|--:|");
        for (name, latencies) in &self.latencies.by_name {
            let mut latencies = latencies.clone();
            latencies.sort_unstable();
            print_row(name, &latencies);
        }
        print_row("all", &self.latencies.all());
        print_row("all, one at a time", &self.alone.all());
    }
}

fn print_row(name: &str, sorted: &[Duration]) {
    let at = |share: f64| {
        let position = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        sorted.get(position).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    };
    println!("| {name} | {} | {:.2} ms | {:.2} ms | {:.2} ms |", sorted.len(), at(0.5), at(0.99), at(1.0));
}
