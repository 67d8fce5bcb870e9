//! [`blocks_in_place`] and [`blocks_copy`] with the widest registers of the processor.

use core::mem::MaybeUninit;

use crate::xor::{Or, WIDE_MIN, blocks_copy, blocks_in_place};

/// 64 bytes: one register of AVX-512, two of AVX2, or four of SSE2 or NEON.
const KEYS: usize = 16;
const _: () = assert!(WIDE_MIN >= 4 * KEYS);

/// From this many bytes on, AVX-512 saves more than its selection costs.
const AVX512_MIN: usize = 512;

/// Masks at least 64 bytes in place.
#[inline]
pub(crate) fn in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    Registers::widest(bytes.len()).in_place(bytes, key)
}

/// Writes at least 64 bytes of masked `source` to `target`, which has the same length.
#[inline]
pub(crate) fn copy(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    Registers::widest(source.len()).copy(source, target, key);
}

/// What the loops are compiled for. A value exists only if the processor has the registers.
#[derive(Clone, Copy, Debug)]
enum Registers {
    /// Those that the build may use for all functions.
    Baseline,
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx2,
    #[cfg(all(target_arch = "x86_64", feature = "std", has_avx512))]
    Avx512,
}

impl Registers {
    /// Returns the widest registers that save time for `len` bytes.
    #[inline]
    fn widest(len: usize) -> Self {
        let avx512 = if len >= AVX512_MIN {
            Self::avx512()
        } else {
            None
        };
        avx512.or_else(Self::avx2).unwrap_or(Self::Baseline)
    }

    /// Not on processors without VBMI2, most of which reduce their frequency for AVX-512.
    #[inline]
    fn avx512() -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", feature = "std", has_avx512))]
        if std::is_x86_feature_detected!("avx512vbmi2") {
            return Some(Self::Avx512);
        }
        None
    }

    #[inline]
    fn avx2() -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        if std::is_x86_feature_detected!("avx2") {
            return Some(Self::Avx2);
        }
        None
    }

    #[inline]
    fn in_place(self, bytes: &mut [u8], key: [u8; 4]) -> Or {
        match self {
            Self::Baseline => baseline_in_place(bytes, key),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            // SAFETY: the processor has AVX2, since the value exists.
            Self::Avx2 => unsafe { avx2_in_place(bytes, key) },
            #[cfg(all(target_arch = "x86_64", feature = "std", has_avx512))]
            // SAFETY: the processor has AVX-512 with VBMI2, since the value exists.
            Self::Avx512 => unsafe { avx512_in_place(bytes, key) },
        }
    }

    #[inline]
    fn copy(self, source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
        match self {
            Self::Baseline => baseline_copy(source, target, key),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            // SAFETY: the processor has AVX2, since the value exists.
            Self::Avx2 => unsafe { avx2_copy(source, target, key) },
            #[cfg(all(target_arch = "x86_64", feature = "std", has_avx512))]
            // SAFETY: the processor has AVX-512 with VBMI2, since the value exists.
            Self::Avx512 => unsafe { avx512_copy(source, target, key) },
        }
    }
}

#[cfg(all(target_arch = "x86_64", feature = "std", has_avx512))]
#[target_feature(enable = "avx512vbmi2")]
unsafe fn avx512_in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    blocks_in_place::<KEYS>(bytes, key)
}

#[cfg(all(target_arch = "x86_64", feature = "std", has_avx512))]
#[target_feature(enable = "avx512vbmi2")]
unsafe fn avx512_copy(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    blocks_copy::<KEYS>(source, target, key);
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2")]
unsafe fn avx2_in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    blocks_in_place::<KEYS>(bytes, key)
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2")]
unsafe fn avx2_copy(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    blocks_copy::<KEYS>(source, target, key);
}

#[inline(never)]
fn baseline_in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    blocks_in_place::<KEYS>(bytes, key)
}

#[inline(never)]
fn baseline_copy(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    blocks_copy::<KEYS>(source, target, key);
}

/// Asserts that all registers of the processor give the same result, for at least 64 bytes. Leaves
/// the bytes as they were.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_all(bytes: &mut [u8], key: [u8; 4]) {
    let plain = bytes.to_vec();
    let expected = Registers::Baseline.in_place(bytes, key);
    let masked = bytes.to_vec();
    bytes.copy_from_slice(&plain);
    let all = [
        Registers::avx512(),
        Registers::avx2(),
        Some(Registers::Baseline),
    ];
    for registers in all.into_iter().flatten() {
        let mut copied = alloc::vec![MaybeUninit::new(0); bytes.len()];
        registers.copy(bytes, &mut copied, key);
        assert_eq!(registers.in_place(bytes, key), expected, "{registers:?}");
        assert_eq!(bytes, masked, "{registers:?}");
        // SAFETY: all of them were initialized before `copy` wrote them.
        let copied = copied.iter().map(|byte| unsafe { byte.assume_init() });
        assert!(copied.eq(masked.iter().copied()), "{registers:?}");
        bytes.copy_from_slice(&plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn all_registers_give_the_same_at_every_length_and_alignment() {
        let bytes: Vec<u8> = (0..256 + 2 * 64).map(|i| (i * 7 % 251) as u8).collect();
        let step = if cfg!(miri) { 31 } else { 1 };
        for alignment in (0..64).step_by(step) {
            let mut memory = bytes.clone();
            let start = memory.as_ptr().align_offset(64) % 64 + alignment;
            for len in (64..=256).step_by(step) {
                check_all(&mut memory[start..start + len], [1, 20, 100, 250]);
                assert_eq!(memory, bytes);
            }
        }
    }
}
