//! The loops, in safe code that the compiler vectorizes.

use core::mem::MaybeUninit;

use crate::wide;

/// The bitwise or of words of bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Or(u64);

impl Or {
    /// Returns whether all bytes are ASCII.
    #[inline]
    pub(crate) const fn is_ascii(self) -> bool {
        self.0 & 0x8080_8080_8080_8080 == 0
    }
}

/// From this many bytes on, the widest registers save more than their selection costs.
pub(crate) const WIDE_MIN: usize = 64;

/// Masks `bytes` in place, and returns the bitwise or of the result.
#[inline]
pub(crate) fn in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    match bytes.len() {
        WIDE_MIN.. => wide::in_place(bytes, key),
        8.. => words_in_place(bytes, key),
        4.. => blocks_in_place::<1>(bytes, key),
        _ => {
            let mut or = 0;
            for (byte, key) in bytes.iter_mut().zip(key) {
                *byte ^= key;
                or |= *byte;
            }
            Or(u64::from(or))
        }
    }
}

/// Masks at least 8 bytes in place, as [`blocks_in_place`] does, but faster for few bytes.
#[inline(always)]
fn words_in_place(bytes: &mut [u8], key: [u8; 4]) -> Or {
    let last_start = bytes.len() - 8;
    let xor = |word: &mut [u8], key: [u8; 4]| {
        let [a, b, c, d] = key;
        let mut value = [0; 8];
        value.copy_from_slice(word);
        let value = u64::from_ne_bytes(value) ^ u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        word.copy_from_slice(&value.to_ne_bytes());
        value
    };
    let mut last = [0; 8];
    last.copy_from_slice(&bytes[last_start..]);
    let mut or = xor(&mut last, crate::rotate(key, last_start as u64));
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        or |= xor(word, key);
    }
    if !words.into_remainder().is_empty() {
        bytes[last_start..].copy_from_slice(&last);
    }
    Or(or)
}

/// Writes the masked `source` to `target`, which has the same length.
#[inline]
pub(crate) fn copy(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    match source.len() {
        WIDE_MIN.. => wide::copy(source, target, key),
        16.. => blocks_copy::<4>(source, target, key),
        8.. => blocks_copy::<2>(source, target, key),
        4.. => blocks_copy::<1>(source, target, key),
        _ => {
            for ((byte, key), target) in source.iter().zip(key).zip(target) {
                target.write(byte ^ key);
            }
        }
    }
}

/// Masks at least one block of `KEYS` keys in place.
///
/// The last block may overlap the one before it: it is read before anything is written.
// Always inlined, so that it is compiled for the target features of its caller.
#[inline(always)]
pub(crate) fn blocks_in_place<const KEYS: usize>(bytes: &mut [u8], key: [u8; 4]) -> Or {
    let last_start = bytes.len() - 4 * KEYS;
    let mut or = [[0; 4]; KEYS];
    let mut last = [[0; 4]; KEYS];
    last.as_flattened_mut()
        .copy_from_slice(&bytes[last_start..]);
    let keys = [key; KEYS];
    for block in bytes.chunks_exact_mut(4 * KEYS) {
        let operands = block.iter_mut().zip(keys.as_flattened());
        for ((byte, key), or) in operands.zip(or.as_flattened_mut()) {
            *byte ^= key;
            *or |= *byte;
        }
    }
    let keys = [crate::rotate(key, last_start as u64); KEYS];
    let operands = last.as_flattened_mut().iter_mut().zip(keys.as_flattened());
    for ((byte, key), or) in operands.zip(or.as_flattened_mut()) {
        *byte ^= key;
        *or |= *byte;
    }
    bytes[last_start..].copy_from_slice(last.as_flattened());
    let all = or
        .iter()
        .fold(0, |all, word| all | u32::from_ne_bytes(*word));
    Or(u64::from(all))
}

/// Writes the masked `source`, of at least one block of `KEYS` keys, to `target`, which has the
/// same length.
///
/// The last block may overlap the one before it.
#[inline(always)]
pub(crate) fn blocks_copy<const KEYS: usize>(
    source: &[u8],
    target: &mut [MaybeUninit<u8>],
    key: [u8; 4],
) {
    assert_eq!(source.len(), target.len());
    let last_start = source.len() - 4 * KEYS;
    let blocks = source.chunks_exact(4 * KEYS);
    for (block, target) in blocks.zip(target.chunks_exact_mut(4 * KEYS)) {
        copy_block::<KEYS>(block, target, key);
    }
    let key = crate::rotate(key, last_start as u64);
    copy_block::<KEYS>(&source[last_start..], &mut target[last_start..], key);
}

#[inline(always)]
fn copy_block<const KEYS: usize>(block: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) {
    let keys = [key; KEYS];
    let operands = block.iter().zip(keys.as_flattened());
    for ((byte, key), target) in operands.zip(target) {
        target.write(byte ^ key);
    }
}
