//! Masking by `websocket-mask`, against masking byte by byte.

use arbitrary::Arbitrary;
use websocket_mask::{extend_masked, mask as mask_in_place, rotate, unmask_ascii};

/// A payload, its position in memory and in a frame, and whether it becomes ASCII: few random
/// payloads are.
#[derive(Arbitrary, Debug)]
pub struct MaskInput<'a> {
    pub key: [u8; 4],
    pub offset: u8,
    pub alignment: u8,
    pub is_ascii: bool,
    pub payload: &'a [u8],
}

/// Checks all functions of the crate.
pub fn mask(input: MaskInput<'_>) {
    let offset = u64::from(input.offset);
    let key = rotate(input.key, offset);
    let bit_mask = if input.is_ascii { 0x7F } else { 0xFF };
    let plain: Vec<u8> = input.payload.iter().map(|byte| byte & bit_mask).collect();
    let keys = input.key.iter().cycle().skip(usize::from(input.offset % 4));
    let masked: Vec<u8> = plain
        .iter()
        .zip(keys)
        .map(|(byte, key)| byte ^ key)
        .collect();

    // Bytes before and after the payload, which have to stay as they are.
    let alignment = usize::from(input.alignment % 64);
    let mut memory = [&vec![0xEE; alignment][..], &plain, &[0xEE]].concat();
    let end = alignment + plain.len();
    #[cfg(fuzzing)]
    websocket_mask::check_all_registers(&mut memory[alignment..end], key);
    mask_in_place(&mut memory[alignment..end], key);
    assert_eq!(memory[alignment..end], masked);
    let unmasked = unmask_ascii(&mut memory[alignment..end], key);
    match std::str::from_utf8(&plain) {
        Ok(text) if text.is_ascii() => assert_eq!(unmasked, Ok(text)),
        _ => assert_eq!(unmasked, Err(&plain[..])),
    }
    assert!(memory[..alignment].iter().all(|byte| *byte == 0xEE));
    assert_eq!(memory[end..], [0xEE]);

    let mut out = vec![0xEE; alignment];
    extend_masked(&mut out, &plain, key);
    assert!(out[..alignment].iter().all(|byte| *byte == 0xEE));
    assert_eq!(out[alignment..], masked);
}
