//! What is made from the caller's 32 random bytes.

use sha1::{Digest, Sha1};

/// Never shows the seed.
impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy")
    }
}

/// A hash over the seed and a counter: earlier output tells nothing of later output, and one seed
/// always gives the same bytes.
pub(crate) struct Entropy {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 20],
    used: usize,
}

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            counter: 0,
            block: [0; 20],
            used: 20,
        }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let mut free = &mut bytes[..];
        while !free.is_empty() {
            if self.used == self.block.len() {
                self.refill();
            }
            let left = self.block.get(self.used..).unwrap_or_default();
            let here = left.len().min(free.len());
            let (now, later) = free.split_at_mut(here);
            now.iter_mut()
                .zip(left)
                .for_each(|(free, byte)| *free = *byte);
            self.used += here;
            free = later;
        }
        bytes
    }

    fn refill(&mut self) {
        let mut hash = Sha1::new();
        hash.update(self.seed);
        hash.update(self.counter.to_be_bytes());
        self.block = hash.finalize().into();
        self.counter += 1;
        self.used = 0;
    }

    /// A number from 0 to `max`, each as likely as the others.
    pub(crate) fn up_to(&mut self, max: u32) -> u32 {
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
        for max in [0_u32, 1, 2, 11, 77] {
            let mut entropy = Entropy::new([7; 32]);
            let mut seen = alloc::vec![0_u32; max as usize + 1];
            for _ in 0..10_000 {
                seen[entropy.up_to(max) as usize] += 1;
            }
            let fair = 10_000 / (max + 1);
            assert!(seen.iter().all(|n| *n > fair / 2 && *n < fair * 2));
        }
        assert!((0..100).any(|n| Entropy::new([n; 32]).up_to(u32::MAX) > u32::MAX / 2));
    }
}
