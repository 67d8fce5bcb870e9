//! Masking of payloads in HyBi-7 and later (RFC 6455, 5.3).

/// The number of bytes that [`apply_blocks`] masks at once.
pub(crate) const MASK_BLOCK: usize = 16;

/// Below this many bytes, selecting the instruction set costs more than it saves.
#[cfg(feature = "simd")]
const SIMD_MIN: usize = 64;

/// Masks or unmasks `bytes`, which follow `offset` bytes of the same payload.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4], offset: u64) {
    let mut key = key;
    key.rotate_left((offset % 4) as usize);
    // Wide blocks first: the validation that follows reads in wide blocks too.
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

/// Masks the complete blocks at the start of a payload. Fewer than [`MASK_BLOCK`] bytes at its end
/// stay as they are.
#[inline]
pub(crate) fn apply_blocks(bytes: &mut [u8], key: [u8; 4]) {
    blocks::<{ MASK_BLOCK / 4 }>(bytes, key);
}

/// Masks complete blocks of `KEYS` keys, and returns the remaining bytes.
// Always inlined, so that it is compiled for the target features of its caller.
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

/// [`blocks`] with the widest vectors that the processor supports.
#[cfg(feature = "simd")]
#[inline(never)]
fn widest_blocks(bytes: &mut [u8], key: [u8; 4]) -> &mut [u8] {
    use fearless_simd::{Level, dispatch};
    dispatch!(Level::new(), _ => blocks::<8>(bytes, key))
}

/// Copies `payload` to `out`, which has the same length, and masks it, from the first byte of the
/// key on.
pub(crate) fn copy_masked(payload: &[u8], key: [u8; 4], out: &mut [u8]) {
    let keys = [key; 8];
    let keys = keys.as_flattened();
    let mut source = payload.chunks_exact(keys.len());
    let mut target = out.chunks_exact_mut(keys.len());
    for (out, block) in (&mut target).zip(&mut source) {
        for ((out, byte), key) in out.iter_mut().zip(block).zip(keys) {
            *out = byte ^ key;
        }
    }
    let rest = target.into_remainder();
    rest.copy_from_slice(source.remainder());
    apply(rest, key, 0);
}

#[cfg(test)]
mod tests {
    use super::{apply, copy_masked};
    use alloc::vec::Vec;

    #[test]
    fn unmasking_the_example_of_rfc_6455_gives_hello_hy_5() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn a_payload_masked_in_two_chunks_equals_one_masked_at_once_hy_5() {
        let key = [1, 20, 100, 250];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ key[i % 4])
            .collect();
        for split in 0..=plain.len() {
            let mut bytes = plain.clone();
            let (front, back) = bytes.split_at_mut(split);
            apply(front, key, 0);
            apply(back, key, split as u64);
            assert_eq!(bytes, expected, "split at {split}");
            let mut copied = alloc::vec![0; split];
            copy_masked(&plain[..split], key, &mut copied);
            assert_eq!(copied, expected[..split]);
        }
    }
}
