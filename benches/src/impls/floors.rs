//! The least work that gives the same result: no state machine, no limits, no other frames.

pub mod copy;
pub mod hixie;
pub mod minimal;
pub mod send;
pub mod uws;

use crate::corpus::Kind;

/// Unmasks a payload and returns whether it is ASCII. The compiler vectorizes the steps of 8 bytes.
pub fn unmask(bytes: &mut [u8], mask: [u8; 4]) -> bool {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut any = 0;
    let (words, rest) = bytes.as_chunks_mut();
    for word in words {
        let unmasked = u64::from_ne_bytes(*word) ^ wide;
        any |= unmasked;
        *word = unmasked.to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
        any |= u64::from(*byte);
    }
    any & 0x8080_8080_8080_8080 == 0
}

fn repeat([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d]
}

/// Panics on text that is not UTF-8.
fn check(kind: Kind, payload: &[u8]) -> &[u8] {
    match kind {
        Kind::Binary => payload,
        Kind::Text | Kind::Multi => {
            let text = simdutf8::basic::from_utf8(payload).expect("UTF-8");
            text.as_bytes()
        }
    }
}
