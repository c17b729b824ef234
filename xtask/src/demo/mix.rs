//! The SmallBank mix: six kinds of transactions with the shares of the literature, on customers that
//! are chosen at random (Alomari et al., ICDE 2008; shares as in H-Store's implementation).
//! Invariant: the same seed makes the same transactions.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The two modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Savings,
    Checking,
}

impl Half {
    pub(super) fn module(self) -> &'static str {
        match self {
            Half::Savings => "bench:savings",
            Half::Checking => "bench:checking",
        }
    }

    fn interface(self) -> &'static str {
        match self {
            Half::Savings => "savings",
            Half::Checking => "checking",
        }
    }
}

/// A transaction that was chosen.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// As the literature calls it.
    pub(super) name: String,
    half: Half,
    function: String,
    arguments: Value,
    is_query: bool,
}

impl Transaction {
    /// One that is not of the mix.
    pub(super) fn other(half: Half, function: &str) -> Transaction {
        let name = function.to_owned();
        Transaction { name, half, function: function.to_owned(), arguments: Value::Null, is_query: false }
    }

    /// As a line of `interstice run --json`.
    pub(super) fn request(&self) -> Value {
        let module = self.half.module();
        json!({"module": module, "function": self.function, "args": self.arguments, "query": self.is_query})
    }

    /// Whether a record of the log is of this transaction, with the same arguments.
    pub(super) fn is_recorded_as(&self, record: &Value) -> bool {
        let function = format!("{}.{}", self.half.interface(), self.function);
        record["module"] == self.half.module()
            && record["function"] == function
            && record["arguments"] == self.arguments
    }
}

/// Chooses transactions.
pub(super) struct Mix {
    state: u64,
    customers: u64,
}

impl Mix {
    pub(super) fn new(seed: u64, customers: u64) -> Mix {
        // The generator would never leave 0.
        Mix { state: seed.max(1), customers: customers.max(2) }
    }

    /// The next transaction.
    pub(super) fn next(&mut self) -> Transaction {
        let (name, half, function) = match self.below(100) {
            0..15 => ("Amalgamate", Half::Checking, "amalgamate"),
            15..30 => ("Balance", Half::Checking, "balance"),
            30..45 => ("DepositChecking", Half::Checking, "deposit-checking"),
            45..70 => ("SendPayment", Half::Checking, "send-payment"),
            70..85 => ("TransactSavings", Half::Savings, "transact-savings"),
            _ => ("WriteCheck", Half::Checking, "write-check"),
        };
        let source = self.below(self.customers);
        let target = (source + 1 + self.below(self.customers - 1)) % self.customers;
        let (source, target) = (format!("customer-{source}"), format!("customer-{target}"));
        let arguments = match function {
            "amalgamate" => json!({"source": source, "target": target}),
            "balance" => json!({"name": source}),
            "send-payment" => json!({"source": source, "target": target, "amount": 500}),
            "deposit-checking" => json!({"name": source, "amount": 130}),
            "transact-savings" => json!({"name": source, "amount": 2_020}),
            _ => json!({"name": source, "amount": 500}),
        };
        let is_query = function == "balance";
        Transaction { name: name.to_owned(), half, function: function.to_owned(), arguments, is_query }
    }

    /// A number below the bound, by xorshift64* (Vigna 2016).
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(number) * u128::from(bound)) >> 64) as u64
    }
}

/// By how much an answered transaction changed the money of the whole bank.
pub(super) fn effect(transaction: &Transaction, answer: &Value) -> Result<i64> {
    if answer.get("error").is_some() {
        anyhow::bail!("{} failed: {answer}", transaction.name);
    }
    effect_of(&transaction.function, &transaction.arguments, answer)
}

/// The same of a function, its arguments and what it returned: `{"ok": …}` or `{"err": …}`.
pub(super) fn effect_of(function: &str, arguments: &Value, outcome: &Value) -> Result<i64> {
    let Some(returned) = outcome.get("ok") else { return Ok(0) };
    let amount = || arguments["amount"].as_i64().context("an amount is a number");
    match function {
        "deposit-checking" | "transact-savings" => amount(),
        "write-check" => Ok(-returned.as_i64().context("WriteCheck returns what was taken")?),
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_done_changes_the_money() {
        let effect = |function, outcome| effect_of(function, &json!({"amount": 500}), &outcome).ok();
        assert_eq!(effect("write-check", json!({"ok": 501})), Some(-501));
        assert_eq!(effect("write-check", json!({"err": "overflow"})), Some(0));
        assert_eq!(effect("deposit-checking", json!({"ok": 9})), Some(500));
        assert_eq!(effect("send-payment", json!({"ok": null})), Some(0));
    }

    #[test]
    fn no_customer_pays_himself() {
        let mut mix = Mix::new(7, 2);
        for _ in 0..1000 {
            let arguments = mix.next().arguments;
            assert!(arguments.get("target").is_none() || arguments["source"] != arguments["target"]);
        }
    }
}
