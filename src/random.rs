//! Random bytes and masking keys, derived from the [`Entropy`] of a client.

use alloc::boxed::Box;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::entropy::Entropy;

/// A random number generator (ChaCha12) with a seed from the caller.
pub(crate) struct Random(ChaCha12Rng);

impl Random {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self(ChaCha12Rng::from_seed(entropy.into_bytes()))
    }

    /// Returns the next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
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

/// The masking keys of a client (HY-5).
pub(crate) struct Masks {
    /// 128 bits, since each idle connection keeps them.
    seed: [u8; 16],
    /// Allocated on first use: connections that only receive need none.
    rng: Option<Box<ChaCha12Rng>>,
}

impl Masks {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            seed: random.bytes(),
            rng: None,
        }
    }

    /// Returns the masking key of a frame.
    #[inline(never)]
    pub(crate) fn next_key(&mut self) -> [u8; 4] {
        self.rng().next_u32().to_le_bytes()
    }

    #[inline]
    fn rng(&mut self) -> &mut ChaCha12Rng {
        let Self { seed, rng } = self;
        rng.get_or_insert_with(|| {
            let mut key = [0; 32];
            let (front, _) = key.split_at_mut(seed.len());
            front.copy_from_slice(seed);
            Box::new(ChaCha12Rng::from_seed(key))
        })
    }

    pub(crate) fn is_allocated(&self) -> bool {
        self.rng.is_some()
    }

    /// Replaces the seed with random bytes, and releases the generator until its next use.
    pub(crate) fn reseed(&mut self) {
        let mut seed = [0; 16];
        self.rng().fill_bytes(&mut seed);
        *self = Self { seed, rng: None };
    }
}

/// Omits the seed.
impl core::fmt::Debug for Masks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Masks")
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
