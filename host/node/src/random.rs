//! The randomness of a transaction: a stream that its database key and its sequence fix.
//! It never asks the machine, so that a transaction run again draws the same numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// The random stream of one transaction. The seed is worked out when the first number is drawn.
#[derive(Debug, Default)]
pub(crate) struct Randomness {
    stream: Option<ChaCha8Rng>,
}

impl Randomness {
    /// The next 64 bits of the transaction with that sequence.
    pub(crate) fn next(&mut self, database_key: &[u8; 16], sequence: u64) -> u64 {
        self.stream
            .get_or_insert_with(|| {
                let seed = Sha256::new()
                    .chain_update(b"interstice transaction seed")
                    .chain_update(database_key)
                    .chain_update(sequence.to_le_bytes())
                    .finalize();
                ChaCha8Rng::from_seed(seed.into())
            })
            .next_u64()
    }

    /// Forgets the stream: the next transaction has its own.
    pub(crate) fn reset(&mut self) {
        self.stream = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_run_again_draws_the_same_numbers() {
        let draw = |key: u8, sequence| {
            let mut random = Randomness::default();
            [random.next(&[key; 16], sequence), random.next(&[key; 16], sequence)]
        };
        assert_eq!(draw(1, 7), draw(1, 7));
        assert_ne!(draw(1, 7), draw(1, 8), "another sequence has another stream");
        assert_ne!(draw(1, 7), draw(2, 7), "another database has another stream");
        let [first, second] = draw(1, 7);
        assert_ne!(first, second);
    }
}
