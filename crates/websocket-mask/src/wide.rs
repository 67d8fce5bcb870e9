//! [`blocks_in_place`] and [`blocks_copy`] with the widest registers of the processor.

use core::mem::MaybeUninit;

use crate::xor::{Or, WIDE_MIN, blocks_copy, blocks_in_place};

/// 64 bytes: two registers of AVX2, or four of SSE2 or NEON.
const KEYS: usize = 16;
const _: () = assert!(WIDE_MIN >= 4 * KEYS);

/// Masks at least 64 bytes in place.
#[inline]
pub(crate) fn in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2_in_place(bytes, key) };
    }
    baseline_in_place(bytes, key)
}

/// Writes at least 64 bytes of masked `source` to `target`, which has the same length.
#[inline]
pub(crate) fn copy(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2_copy(source, target, key) };
    }
    baseline_copy(source, target, key);
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// On a processor with AVX2 the functions of the crate never call these.
    #[test]
    fn the_baseline_equals_the_widest_registers() {
        for len in (64..=256).step_by(if cfg!(miri) { 31 } else { 1 }) {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
            let (mut wide, mut baseline) = (bytes.clone(), bytes.clone());
            assert_eq!(
                in_place(&mut wide, [1, 20, 100, 250]),
                baseline_in_place(&mut baseline, [1, 20, 100, 250])
            );
            assert_eq!(wide, baseline);
            let mut copied = alloc::vec![MaybeUninit::uninit(); len];
            baseline_copy(&bytes, &mut copied, [1, 20, 100, 250]);
            // SAFETY: `baseline_copy` wrote all of them.
            let copied = copied.iter().map(|byte| unsafe { byte.assume_init() });
            assert!(copied.eq(wide));
        }
    }
}
