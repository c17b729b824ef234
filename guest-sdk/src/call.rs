//! The circumstances of a call: who made it, when its transaction began, its random numbers.
//! The host fixes them with the transaction; nothing here reads a clock or a source of randomness.
//! Invariant: the same call replayed sees the same circumstances.

use crate::{Level, host};
use std::fmt;
use std::time::Duration;

/// The circumstances of the call that is running. Both contexts of a module dereference to it.
#[derive(Debug)]
pub struct Call {
    _private: (),
}

/// Who made a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A client, by the identity that the host knows it by.
    Client(String),
    /// Another module, by its package name without the version, such as `acme:shop`.
    Module(String),
    /// The host itself: lifecycle, schedules and subscriptions.
    System,
}

/// A moment, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Call {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { _private: () }
    }

    /// Who made this call.
    pub fn caller(&self) -> Caller {
        host::caller()
    }

    /// When this transaction began. It never goes back from one transaction to the next.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp(host::timestamp())
    }

    /// The next 64 random bits of this transaction.
    pub fn random(&self) -> u64 {
        host::random()
    }

    /// A random number below the bound, each as likely as the others.
    ///
    /// # Panics
    /// If the bound is 0, since no number is below it.
    pub fn random_below(&self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below 0");
        // Lemire's multiplication: the high half is the number; the low half says whether it came
        // from the incomplete last group, and is drawn again.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.random()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Leaves a message for the operator. The macros [`info!`](crate::info) and its like format it.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        host::log(level, &message.to_string());
    }
}

impl Timestamp {
    /// The moment that is this many microseconds after the Unix epoch.
    pub fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch, as a column holds them.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// How long ago the other moment was; nothing if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
