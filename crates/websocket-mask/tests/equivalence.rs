//! All functions agree with one that masks byte by byte, at every length and alignment.

use websocket_mask::{extend_masked, mask, rotate, unmask_ascii};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Four blocks.
const MAX_LEN: usize = 256;

/// Alignments modulo the widest register.
const ALIGNMENTS: usize = 64;

/// All lengths up to `MAX_LEN`, or a few under Miri.
fn lengths() -> impl Iterator<Item = usize> {
    const FEW: [usize; 8] = [0, 3, 4, 7, 15, 64, 65, 201];
    (0..=MAX_LEN).filter(|len| !cfg!(miri) || FEW.contains(len))
}

/// With lengths around 512, from which on other registers may be used.
fn lengths_for_all_registers() -> impl Iterator<Item = usize> {
    let long = [511, 512, 513, 575, 576, 577, 1000];
    lengths().chain(long.into_iter().filter(|_| !cfg!(miri)))
}

fn alignments() -> impl Iterator<Item = usize> {
    (0..ALIGNMENTS).step_by(if cfg!(miri) { 11 } else { 1 })
}

/// Bytes of ASCII text, all different from their neighbours.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 % 128) as u8).collect()
}

fn masked_bytewise(bytes: &[u8], key: [u8; 4]) -> Vec<u8> {
    let keys = key.iter().cycle();
    bytes
        .iter()
        .zip(keys)
        .map(|(byte, key)| byte ^ key)
        .collect()
}

/// Calls `check` with each alignment and a slice of `bytes` there, then checks that the bytes around
/// it are unchanged.
fn at_each_alignment(bytes: &[u8], mut check: impl FnMut(&mut [u8])) {
    for alignment in alignments() {
        let mut memory = vec![0xEE; bytes.len() + 3 * ALIGNMENTS];
        let start = memory.as_ptr().align_offset(ALIGNMENTS) % ALIGNMENTS + alignment;
        let end = start + bytes.len();
        memory[start..end].copy_from_slice(bytes);
        check(&mut memory[start..end]);
        let around = memory[..start].iter().chain(&memory[end..]);
        assert!(around.into_iter().all(|byte| *byte == 0xEE));
    }
}

#[test]
fn masking_in_place_equals_masking_byte_by_byte() {
    for len in lengths_for_all_registers() {
        let plain = text(len);
        let expected = masked_bytewise(&plain, KEY);
        at_each_alignment(&plain, |bytes| {
            mask(bytes, KEY);
            assert_eq!(bytes, expected);
        });
    }
}

#[test]
fn masking_a_copy_equals_masking_byte_by_byte() {
    for len in lengths_for_all_registers() {
        let plain = text(len);
        let expected = masked_bytewise(&plain, KEY);
        at_each_alignment(&plain, |bytes| {
            for before in [0, 1, 14] {
                let mut out = vec![0xDD; before];
                extend_masked(&mut out, bytes, KEY);
                assert_eq!(out[before..], expected);
                assert!(out[..before].iter().all(|byte| *byte == 0xDD));
            }
        });
    }
}

#[test]
fn ascii_is_returned_as_text() {
    for len in lengths_for_all_registers() {
        let plain = text(len);
        at_each_alignment(&masked_bytewise(&plain, KEY), |bytes| {
            let text = unmask_ascii(bytes, KEY).expect("ASCII");
            assert_eq!(text.as_bytes(), plain);
        });
    }
}

#[test]
fn one_byte_that_is_not_ascii_is_found_at_each_position() {
    for len in lengths_for_all_registers() {
        for position in (0..len).step_by(if cfg!(miri) { 29 } else { 1 }) {
            for byte in [0x80, 0xC3, 0xFF] {
                let mut plain = text(len);
                plain[position] = byte;
                let mut bytes = masked_bytewise(&plain, KEY);
                assert_eq!(unmask_ascii(&mut bytes, KEY), Err(&plain[..]));
            }
        }
    }
}

#[test]
fn every_key_is_applied_in_order() {
    for key in [[0; 4], [255; 4], [1, 0, 0, 0], [0, 0, 0, 1], [1, 2, 4, 8]] {
        for len in lengths_for_all_registers() {
            let mut bytes = text(len);
            mask(&mut bytes, key);
            assert_eq!(bytes, masked_bytewise(&text(len), key));
        }
    }
}

#[test]
fn chunks_with_a_rotated_key_equal_the_whole() {
    let whole = masked_bytewise(&text(MAX_LEN), KEY);
    for split in lengths() {
        let mut bytes = text(MAX_LEN);
        let (first, second) = bytes.split_at_mut(split);
        mask(first, KEY);
        mask(second, rotate(KEY, split as u64));
        assert_eq!(bytes, whole, "split at {split}");
    }
    assert_eq!(rotate(KEY, u64::MAX), rotate(KEY, 3));
}
