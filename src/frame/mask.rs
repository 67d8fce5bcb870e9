//! Masking of payloads in HyBi-7 and later (RFC 6455, 5.3).
//!
//! The feature `simd` replaces the loops with those of the crate `websocket-mask`.

use alloc::vec::Vec;

/// Payload bytes after unmasking.
pub(crate) struct Unmasked<'i> {
    pub(crate) bytes: &'i [u8],
    /// The bytes as text, if they are known to be ASCII. `None` says nothing about them.
    pub(crate) ascii: Option<&'i str>,
}

impl<'i> Unmasked<'i> {
    /// Bytes that were not looked at.
    #[inline]
    pub(crate) fn unchecked(bytes: &'i [u8]) -> Self {
        Self { bytes, ascii: None }
    }
}

/// The longest copy that is left to `memcpy`: for longer ones it has a slow path on some
/// processors, between addresses a few bytes apart modulo the page size.
const MEMCPY_MAX: usize = 2 * 1024;

/// Appends a payload that is not masked.
#[inline]
pub(crate) fn extend_unmasked(out: &mut Vec<u8>, payload: &[u8]) {
    if payload.len() <= MEMCPY_MAX {
        out.extend_from_slice(payload);
    } else {
        extend_long(out, payload);
    }
}

#[cfg(feature = "simd")]
mod simd {
    use crate::frame::mask::Unmasked;
    use alloc::vec::Vec;

    /// Unmasks `bytes`, which follow `offset` bytes of the same payload.
    #[inline]
    pub(crate) fn unmask(bytes: &mut [u8], key: [u8; 4], offset: u64) {
        websocket_mask::mask(bytes, websocket_mask::rotate(key, offset));
    }

    /// As [`unmask`], and looks for ASCII.
    #[inline]
    pub(crate) fn unmask_text(bytes: &mut [u8], key: [u8; 4], offset: u64) -> Unmasked<'_> {
        match websocket_mask::unmask_ascii(bytes, websocket_mask::rotate(key, offset)) {
            Ok(text) => Unmasked {
                bytes: text.as_bytes(),
                ascii: Some(text),
            },
            Err(bytes) => Unmasked::unchecked(bytes),
        }
    }

    /// Appends the masked payload.
    #[inline]
    pub(crate) fn extend_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
        websocket_mask::extend_masked(out, payload, key);
    }

    /// Appends a long payload that is not masked.
    pub(super) fn extend_long(out: &mut Vec<u8>, payload: &[u8]) {
        // A key of zeros: the loop that masks is faster than `memcpy` in blocks.
        websocket_mask::extend_masked(out, payload, [0; 4]);
    }
}

#[cfg(any(test, not(feature = "simd")))]
mod portable {
    use crate::frame::mask::{MEMCPY_MAX, Unmasked};
    use alloc::vec::Vec;

    /// Unmasks `bytes`, which follow `offset` bytes of the same payload.
    #[inline]
    pub(crate) fn unmask(bytes: &mut [u8], key: [u8; 4], offset: u64) {
        let mut key = key;
        key.rotate_left((offset % 4) as usize);
        apply(bytes, key);
    }

    /// As [`unmask`]. The validation that follows looks for ASCII.
    #[inline]
    pub(crate) fn unmask_text(bytes: &mut [u8], key: [u8; 4], offset: u64) -> Unmasked<'_> {
        unmask(bytes, key, offset);
        Unmasked::unchecked(bytes)
    }

    /// Appends the masked payload.
    #[inline]
    pub(crate) fn extend_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
        // Each block stays in the cache, and starts with the first byte of the key, of whose length
        // `MEMCPY_MAX` is a multiple.
        for block in payload.chunks(MEMCPY_MAX) {
            let start = out.len();
            out.extend_from_slice(block);
            apply(out.get_mut(start..).unwrap_or_default(), key);
        }
    }

    /// Appends a long payload that is not masked.
    pub(super) fn extend_long(out: &mut Vec<u8>, payload: &[u8]) {
        for block in payload.chunks(MEMCPY_MAX) {
            out.extend_from_slice(block);
        }
    }

    #[inline]
    fn apply(bytes: &mut [u8], key: [u8; 4]) {
        let mut rest = bytes;
        if rest.len() >= 8 {
            rest = blocks::<8>(rest, key);
            rest = blocks::<4>(rest, key);
            rest = blocks::<2>(rest, key);
        }
        for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
    }

    /// Masks complete blocks of `KEYS` keys, and returns the remaining bytes.
    #[inline]
    fn blocks<const KEYS: usize>(bytes: &mut [u8], key: [u8; 4]) -> &mut [u8] {
        let mut blocks = bytes.chunks_exact_mut(4 * KEYS);
        for block in &mut blocks {
            for (byte, key) in block.iter_mut().zip([key; KEYS].as_flattened()) {
                *byte ^= key;
            }
        }
        blocks.into_remainder()
    }
}

#[cfg(not(feature = "simd"))]
use portable::extend_long;
#[cfg(not(feature = "simd"))]
pub(crate) use portable::{extend_masked, unmask, unmask_text};
#[cfg(feature = "simd")]
use simd::extend_long;
#[cfg(feature = "simd")]
pub(crate) use simd::{extend_masked, unmask, unmask_text};

#[cfg(test)]
mod tests {
    use crate::frame::mask::{self, Unmasked, portable};
    use alloc::vec::Vec;

    type Unmask = fn(&mut [u8], [u8; 4], u64);
    type UnmaskText = for<'i> fn(&'i mut [u8], [u8; 4], u64) -> Unmasked<'i>;
    type ExtendMasked = fn(&mut Vec<u8>, &[u8], [u8; 4]);

    /// The implementation that the crate uses, and that without the feature `simd`.
    const IMPLEMENTATIONS: [(Unmask, UnmaskText, ExtendMasked); 2] = [
        (mask::unmask, mask::unmask_text, mask::extend_masked),
        (
            portable::unmask,
            portable::unmask_text,
            portable::extend_masked,
        ),
    ];

    #[test]
    fn unmasking_the_example_of_rfc_6455_gives_hello_hy_5() {
        for (unmask, unmask_text, _) in IMPLEMENTATIONS {
            let (masked, key) = ([0x7f, 0x9f, 0x4d, 0x51, 0x58], [0x37, 0xfa, 0x21, 0x3d]);
            assert_eq!(unmask_text(&mut masked.clone(), key, 0).bytes, b"Hello");
            let mut bytes = masked;
            unmask(&mut bytes, key, 0);
            assert_eq!(&bytes, b"Hello");
        }
    }

    #[test]
    fn a_payload_masked_in_two_chunks_equals_one_masked_at_once_hy_5() {
        let key = [1, 20, 100, 250];
        // Longer than a block of a copy.
        let plain: Vec<u8> = (0..2100).map(|i| (i % 251) as u8).collect();
        let keys = key.iter().cycle();
        let expected: Vec<u8> = plain.iter().zip(keys).map(|(b, k)| b ^ k).collect();
        for (unmask, unmask_text, extend_masked) in IMPLEMENTATIONS {
            let few = (0..100).step_by(if cfg!(miri) { 33 } else { 1 });
            for split in few.chain([2047, 2048, 2049, plain.len()]) {
                let mut bytes = plain.clone();
                let (front, back) = bytes.split_at_mut(split);
                unmask_text(front, key, 0);
                unmask(back, key, split as u64);
                assert_eq!(bytes, expected, "split at {split}");
                let mut bytes = plain.clone();
                let unmasked = unmask_text(&mut bytes[split..], key, split as u64);
                assert_eq!(unmasked.bytes, &expected[split..], "split at {split}");
                let mut copied = Vec::from(b"header");
                extend_masked(&mut copied, &plain[..split], key);
                assert_eq!(copied, [b"header", &expected[..split]].concat());
            }
        }
    }

    #[test]
    fn a_payload_without_a_mask_is_appended_as_it_is_hy_5() {
        let payload: Vec<u8> = (0..5000).map(|i| (i % 251) as u8).collect();
        for len in [0, 1, 125, 2047, 2048, 2049, 4096, payload.len()] {
            let payload = &payload[..len];
            for extend in [mask::extend_unmasked, portable::extend_long] {
                let mut copied = Vec::from(b"header");
                extend(&mut copied, payload);
                assert_eq!(copied, [b"header", payload].concat(), "{len} bytes");
            }
        }
    }

    #[test]
    fn text_is_ascii_only_if_all_of_it_is_hy_7() {
        for (_, unmask_text, _) in IMPLEMENTATIONS {
            for len in (0..200).step_by(if cfg!(miri) { 33 } else { 1 }) {
                let mut bytes = alloc::vec![b'a'; len];
                let ascii = unmask_text(&mut bytes, [0; 4], 0).ascii;
                assert!(ascii.is_none_or(|text| text.len() == len));
                for at in 0..len {
                    let mut bytes = alloc::vec![b'a'; len];
                    bytes[at] = 0xC3;
                    assert_eq!(unmask_text(&mut bytes, [0; 4], 0).ascii, None);
                }
            }
        }
    }
}
