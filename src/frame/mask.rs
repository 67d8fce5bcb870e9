//! The mask of HyBi-7 and later (RFC 6455, 5.3).

/// How many bytes [`steps`] masks at once.
pub(crate) const MASK_BLOCK: usize = 16;

/// With fewer bytes, to choose registers costs more than it saves.
#[cfg(feature = "simd")]
const SIMD_MIN: usize = 64;

/// Masks or unmasks `bytes`, which stand at `offset` of a frame's payload.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4], offset: u64) {
    let mut key = key;
    key.rotate_left((offset % 4) as usize);
    // What is written in wide steps is checked in wide steps next.
    let mut rest = bytes;
    #[cfg(feature = "simd")]
    if rest.len() >= SIMD_MIN {
        rest = widest_blocks(rest, key);
    }
    if rest.len() >= 8 {
        rest = blocks::<8>(rest, key);
        rest = blocks::<4>(rest, key);
        rest = blocks::<2>(rest, key);
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Masks the beginning of a payload, but for what is left behind the last whole step.
#[inline]
pub(crate) fn apply_blocks(bytes: &mut [u8], key: [u8; 4]) {
    blocks::<{ MASK_BLOCK / 4 }>(bytes, key);
}

/// Applies the key so many times over at each step; what is left has no room for that.
// Always, so that it is compiled for the processor that its caller is compiled for.
#[inline(always)]
fn blocks<const KEYS: usize>(bytes: &mut [u8], key: [u8; 4]) -> &mut [u8] {
    let mut blocks = bytes.chunks_exact_mut(4 * KEYS);
    for block in &mut blocks {
        for (byte, key) in block.iter_mut().zip([key; KEYS].as_flattened()) {
            *byte ^= key;
        }
    }
    blocks.into_remainder()
}

/// The same with the widest registers that the processor turns out to have.
#[cfg(feature = "simd")]
#[inline(never)]
fn widest_blocks(bytes: &mut [u8], key: [u8; 4]) -> &mut [u8] {
    use fearless_simd::{Level, dispatch};
    dispatch!(Level::new(), _ => blocks::<8>(bytes, key))
}

/// Writes the beginning of a payload masked to `to`, which is as long.
pub(crate) fn copy_masked(payload: &[u8], key: [u8; 4], to: &mut [u8]) {
    let keys = [key; 8];
    let keys = keys.as_flattened();
    let mut from = payload.chunks_exact(keys.len());
    let mut into = to.chunks_exact_mut(keys.len());
    for (to, from) in (&mut into).zip(&mut from) {
        for ((to, byte), key) in to.iter_mut().zip(from).zip(keys) {
            *to = byte ^ key;
        }
    }
    let rest = into.into_remainder();
    rest.copy_from_slice(from.remainder());
    apply(rest, key, 0);
}

#[cfg(test)]
mod tests {
    use super::{apply, copy_masked};
    use alloc::vec::Vec;

    #[test]
    fn hy_5_the_example_of_rfc_6455() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn hy_5_any_cut_is_masked_as_the_whole_is() {
        let key = [1, 20, 100, 250];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ key[i % 4])
            .collect();
        for cut in 0..=plain.len() {
            let mut bytes = plain.clone();
            let (front, back) = bytes.split_at_mut(cut);
            apply(front, key, 0);
            apply(back, key, cut as u64);
            assert_eq!(bytes, expected, "cut at {cut}");
            let mut copied = alloc::vec![0; cut];
            copy_masked(&plain[..cut], key, &mut copied);
            assert_eq!(copied, expected[..cut]);
        }
    }
}
