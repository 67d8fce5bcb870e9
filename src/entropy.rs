//! What is made from the caller's 32 random bytes.

use alloc::boxed::Box;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// Never shows the seed.
impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy")
    }
}

/// A stream of ChaCha: earlier output tells nothing of later output, and one seed always gives the
/// same bytes.
pub(crate) struct Entropy {
    seed: [u8; 32],
    /// Made when the first byte is drawn: many a connection only listens, and has no need of it.
    stream: Option<Box<ChaCha12Rng>>,
}

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let stream = None;
        Self { seed, stream }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream().fill_bytes(&mut bytes);
        bytes
    }

    /// HY-5
    #[inline(never)]
    pub(crate) fn mask(&mut self) -> [u8; 4] {
        self.stream().next_u32().to_le_bytes()
    }

    #[inline]
    fn stream(&mut self) -> &mut ChaCha12Rng {
        let Self { seed, stream } = self;
        stream.get_or_insert_with(|| Box::new(ChaCha12Rng::from_seed(*seed)))
    }

    /// Gives the stream's room back, until the next byte is drawn.
    pub(crate) fn rekey(&mut self) {
        self.seed = self.bytes();
        self.stream = None;
    }

    /// A number from 0 to `max`, each as likely as the others.
    pub(crate) fn uniform(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            // At least every second draw is in range, so this ends.
            let drawn = u32::from_be_bytes(self.bytes()) & mask;
            if drawn <= max {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let bytes = |seed: u8| Entropy::new([seed; 32]).bytes::<64>();
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn every_number_in_range_is_drawn_and_none_beyond() {
        let (draws, most) = if cfg!(miri) { (60, 3) } else { (10_000, 5) };
        for max in [0_u32, 1, 2, 11, 77].into_iter().take(most) {
            let mut entropy = Entropy::new([7; 32]);
            let mut seen = alloc::vec![0_u32; max as usize + 1];
            for _ in 0..draws {
                seen[entropy.uniform(max) as usize] += 1;
            }
            let fair = draws / (max + 1);
            assert!(seen.iter().all(|n| *n > fair / 2 && *n < fair * 2));
        }
        assert!((0..100).any(|n| Entropy::new([n; 32]).uniform(u32::MAX) > u32::MAX / 2));
    }
}
