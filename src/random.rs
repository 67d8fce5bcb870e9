//! Random bytes, derived from the [`Entropy`] of a client.

use alloc::boxed::Box;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::entropy::Entropy;

/// A random number generator (ChaCha12) with a seed from the caller.
pub(crate) struct Random {
    seed: [u8; 32],
    /// Allocated on first use: connections that only receive need none.
    rng: Option<Box<ChaCha12Rng>>,
}

impl Random {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self {
            seed: entropy.into_bytes(),
            rng: None,
        }
    }

    /// Returns the next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng().fill_bytes(&mut bytes);
        bytes
    }

    /// Returns the masking key of a frame (HY-5).
    #[inline(never)]
    pub(crate) fn masking_key(&mut self) -> [u8; 4] {
        self.rng().next_u32().to_le_bytes()
    }

    #[inline]
    fn rng(&mut self) -> &mut ChaCha12Rng {
        let Self { seed, rng } = self;
        rng.get_or_insert_with(|| Box::new(ChaCha12Rng::from_seed(*seed)))
    }

    pub(crate) fn is_allocated(&self) -> bool {
        self.rng.is_some()
    }

    /// Replaces the seed with the next 32 bytes, and releases the generator until its next use.
    pub(crate) fn reseed(&mut self) {
        self.seed = self.bytes();
        self.rng = None;
    }

    /// Returns a number from 0 to `max`, uniformly distributed.
    pub(crate) fn uniform(&mut self, max: u32) -> u32 {
        let bitmask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            // Rejection sampling: more than half of the values are in range.
            let value = u32::from_be_bytes(self.bytes()) & bitmask;
            if value <= max {
                return value;
            }
        }
    }
}

/// Omits the seed.
impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes_and_different_seeds_different_bytes() {
        let bytes = |seed: u8| Random::new(Entropy::from_bytes([seed; 32])).bytes::<64>();
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn uniform_returns_every_number_in_range_and_none_outside() {
        let (draws, maxima) = if cfg!(miri) { (60, 3) } else { (10_000, 5) };
        for max in [0_u32, 1, 2, 11, 77].into_iter().take(maxima) {
            let mut random = Random::new(Entropy::from_bytes([7; 32]));
            let mut counts = alloc::vec![0_u32; max as usize + 1];
            for _ in 0..draws {
                counts[random.uniform(max) as usize] += 1;
            }
            let expected = draws / (max + 1);
            assert!(
                counts
                    .iter()
                    .all(|n| *n > expected / 2 && *n < expected * 2)
            );
        }
        assert!(
            (0..100).any(
                |n| Random::new(Entropy::from_bytes([n; 32])).uniform(u32::MAX) > u32::MAX / 2
            )
        );
    }
}
