//! The randomness of a transaction: a stream that follows from the database's key and what the log says of
//! the transaction. A query has a stream of its own kind, so that it cannot tell what a transaction drew.
//! Invariant: the machine is never asked, so a transaction that is run again draws the same numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// What a stream follows from. The time stands in it so that a call which leaves no record does not tell
/// what the next one, which gets the same sequence, will draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed<'k> {
    pub(crate) database_key: &'k [u8; 16],
    pub(crate) is_query: bool,
    pub(crate) sequence: u64,
    pub(crate) timestamp_micros: u64,
}

/// The random stream of one transaction or query. The seed is worked out when the first number is drawn.
#[derive(Debug, Default)]
pub(crate) struct Randomness {
    stream: Option<ChaCha8Rng>,
}

impl Randomness {
    /// The next 64 bits.
    pub(crate) fn next(&mut self, seed: &Seed<'_>) -> u64 {
        self.stream.get_or_insert_with(|| ChaCha8Rng::from_seed(seed.hash())).next_u64()
    }

    /// Forgets the stream: the next transaction has its own.
    pub(crate) fn reset(&mut self) {
        self.stream = None;
    }
}

impl Seed<'_> {
    fn hash(&self) -> [u8; 32] {
        let kind: &[u8] =
            if self.is_query { b"interstice query seed" } else { b"interstice transaction seed" };
        Sha256::new()
            .chain_update([kind.len() as u8])
            .chain_update(kind)
            .chain_update(self.database_key)
            .chain_update(self.sequence.to_le_bytes())
            .chain_update(self.timestamp_micros.to_le_bytes())
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: Seed<'_>) -> [u64; 2] {
        let mut random = Randomness::default();
        [random.next(&seed), random.next(&seed)]
    }

    #[test]
    fn a_transaction_run_again_draws_the_same_numbers_and_nothing_else_does() {
        let seed = Seed { database_key: &[1; 16], is_query: false, sequence: 7, timestamp_micros: 9 };
        let [first, second] = draw(seed);
        assert_eq!(draw(seed), [first, second]);
        assert_ne!(first, second);
        for other in [
            Seed { sequence: 8, ..seed },
            Seed { timestamp_micros: 10, ..seed },
            Seed { database_key: &[2; 16], ..seed },
            Seed { is_query: true, ..seed },
        ] {
            assert_ne!(draw(other), [first, second], "{other:?}");
        }
    }
}
