//! Randomness from a seed: the shell seeds it from the operating system, the
//! simulator from its own seed, and a run replays.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A cryptographically strong generator; record ids made with it cannot be guessed.
pub struct Random(ChaCha8Rng);

impl Random {
    /// A generator that yields the same values for the same seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next 128 random bits.
    pub fn next_bytes16(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_replays() {
        let draw = |seed: u8| {
            let mut random = Random::from_seed([seed; 32]);
            (random.next_u64(), random.next_bytes16())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
