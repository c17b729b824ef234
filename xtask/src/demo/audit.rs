//! Holding what was acknowledged against what the log says.
//! Invariant: an acknowledged transaction that the log lacks, or has otherwise, is an error.

use super::database::Answer;
use super::mix::{Transaction, effect_of};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What was acknowledged, and what the log holds.
#[derive(Default)]
pub(super) struct Audit {
    /// By sequence.
    acknowledged: HashMap<u64, (Transaction, Value)>,
    /// Calls by sequence, in their order.
    recorded: BTreeMap<u64, Value>,
    /// The money that the recorded calls made or took.
    effect: i64,
}

impl Audit {
    /// Remembers an answer. One without a sequence changed nothing.
    pub(super) fn acknowledge(&mut self, answer: Answer<Transaction>) -> Result<()> {
        let Answer { request, json, .. } = answer;
        if json.get("error").is_some() {
            bail!("{} failed: {json}", request.name);
        }
        if let Some(sequence) = json["sequence"].as_u64()
            && self.acknowledged.insert(sequence, (request, json)).is_some()
        {
            bail!("the sequence {sequence} was given to two transactions");
        }
        Ok(())
    }

    /// Reads the lines of `interstice log --json`.
    pub(super) fn read_log(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines() {
            let record: Value = serde_json::from_str(line).context("the log did not print JSON")?;
            if record["cause"] != "call" {
                continue;
            }
            let sequence = record["sequence"].as_u64().context("a record has a sequence")?;
            let function = record["function"].as_str().unwrap_or_default();
            let function = function.rsplit('.').next().unwrap_or_default();
            self.effect += effect_of(function, &record["arguments"], &record["outcome"])?;
            self.recorded.insert(sequence, record);
        }
        Ok(())
    }

    /// Looks for every acknowledged transaction in the log, and for the others among those that were in
    /// flight.
    pub(super) fn check(&self, in_flight: &[Transaction]) -> Result<()> {
        for (sequence, (transaction, answer)) in &self.acknowledged {
            let Some(record) = self.recorded.get(sequence) else {
                bail!("transaction {sequence} ({}) was acknowledged and then lost", transaction.name);
            };
            let branch = if answer.get("ok").is_some() { "ok" } else { "err" };
            if !transaction.is_recorded_as(record) || record["outcome"][branch] != answer[branch] {
                bail!("transaction {sequence} was acknowledged as {answer} and is recorded as {record}");
            }
        }
        for record in self.unacknowledged() {
            if !in_flight.iter().any(|transaction| transaction.is_recorded_as(record)) {
                bail!("a transaction is recorded that was never requested: {record}");
            }
        }
        Ok(())
    }

    /// The money that the bank must hold by the log.
    pub(super) fn expected_total(&self, customers: u64, initial_balance: i64) -> i64 {
        2 * customers as i64 * initial_balance + self.effect
    }

    /// What was found, in sentences.
    pub(super) fn summary(&self, in_flight: usize, total: i64) -> Vec<String> {
        let survived = self.unacknowledged().count();
        vec![
            format!(
                "{} writing transactions were acknowledged; all of them are in the log",
                self.acknowledged.len()
            ),
            format!("{in_flight} were in flight at the kill; {survived} of them had reached the log"),
            format!("the bank holds {total} cents, exactly what the transactions in the log add up to"),
        ]
    }

    /// Transactions of the mix in the log whose answer never came.
    fn unacknowledged(&self) -> impl Iterator<Item = &Value> {
        let is_load =
            |record: &Value| record["function"].as_str().is_some_and(|name| name.ends_with(".load"));
        self.recorded
            .iter()
            .filter(move |(sequence, record)| !self.acknowledged.contains_key(*sequence) && !is_load(record))
            .map(|(_, record)| record)
    }
}
