//! What a server computes from the keys of a request, independently of the library.

use md5::{Digest, Md5};
use sha1::Sha1;

use crate::KeyErrorKind;

/// Returns the number in a key of Hixie-76, divided by its spaces (KEY-1 to KEY-7).
pub fn key_part(key: impl AsRef<[u8]>) -> Result<u32, KeyErrorKind> {
    let key = key.as_ref();
    let digits = key.iter().filter(|byte| byte.is_ascii_digit());
    let digits: String = digits.map(|byte| char::from(*byte)).collect();
    let spaces = key.iter().filter(|byte| **byte == b' ').count() as u32;
    match (spaces, digits.parse::<u32>()) {
        (0, _) => Err(KeyErrorKind::NoSpaces),
        _ if digits.is_empty() => Err(KeyErrorKind::NoDigits),
        (_, Err(_)) => Err(KeyErrorKind::TooBig),
        (spaces, Ok(number)) if number % spaces > 0 => {
            Err(KeyErrorKind::NotMultiple { number, spaces })
        }
        (spaces, Ok(number)) => Ok(number / spaces),
    }
}

/// Returns the challenge response of Hixie-76 (KEY-8).
pub fn challenge_response(key_parts: [u32; 2], key3: [u8; 8]) -> [u8; 16] {
    let [part1, part2] = key_parts.map(u32::to_be_bytes);
    Md5::digest([&part1[..], &part2, &key3].concat()).into()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, bit by bit.
pub fn base64(bytes: &[u8]) -> String {
    let bit = |at: usize| {
        bytes
            .get(at / 8)
            .is_some_and(|byte| byte << (at % 8) & 0x80 != 0)
    };
    let digit = |at: usize| (0..6).fold(0, |digit, i| digit << 1 | usize::from(bit(at + i)));
    let digits = (0..8 * bytes.len()).step_by(6);
    let mut text: String = digits.map(|at| char::from(DIGITS[digit(at)])).collect();
    let padding = text.len().next_multiple_of(4) - text.len();
    text.extend(std::iter::repeat_n('=', padding));
    text
}

/// Returns whether `key` is base64 of 16 bytes: 22 digits, of which the last may have any spare bits,
/// and padding (HY-2).
pub fn is_valid_key(key: &[u8]) -> bool {
    let digits = key.iter().take_while(|byte| DIGITS.contains(byte));
    digits.count() == 22 && key.get(22..) == Some(b"==")
}

/// Returns the value of `Sec-WebSocket-Accept` (HY-2).
pub fn accept_value(key: impl AsRef<[u8]>) -> String {
    let guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    base64(&Sha1::digest([key.as_ref(), guid].concat()))
}
