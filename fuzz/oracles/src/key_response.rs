//! The responses to the keys of a handshake, computed independently of the library.

use hybi::KeyErrorKind;
use md5::{Digest, Md5};
use sha1::Sha1;

use crate::dialect::{KEY1, KEY2};
use crate::http::split_head;

/// KEY-1 to KEY-7, with integers too wide to overflow.
pub fn key_part(key: &[u8]) -> Result<u32, KeyErrorKind> {
    let digits = key.iter().filter(|byte| byte.is_ascii_digit());
    let digits: String = digits.map(|byte| char::from(*byte)).collect();
    let spaces = key.iter().filter(|byte| **byte == b' ').count() as u128;
    if spaces == 0 {
        return Err(KeyErrorKind::NoSpaces);
    }
    if digits.is_empty() {
        return Err(KeyErrorKind::NoDigits);
    }
    let digits = digits.trim_start_matches('0');
    // More digits than a `u128` has are too big as well.
    let number = match digits {
        "" => 0,
        _ => digits.parse().unwrap_or(u128::MAX),
    };
    if number > u32::MAX.into() {
        return Err(KeyErrorKind::TooBig);
    }
    if number % spaces != 0 {
        let (number, spaces) = (number as u32, spaces as u32);
        return Err(KeyErrorKind::NotMultiple { number, spaces });
    }
    Ok((number / spaces) as u32)
}

/// KEY-8: the response to a request with valid keys, followed by its key3.
pub fn challenge_response(request: &[u8]) -> [u8; 16] {
    let (fields, key3) = split_head(request);
    let part = |name: &str| {
        let key = fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let part = key_part(key.expect("both keys are present").1);
        part.expect("a valid key").to_be_bytes()
    };
    let mut challenge = [KEY1, KEY2].map(part).concat();
    challenge.extend_from_slice(&key3[..8]);
    Md5::digest(challenge).into()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, bit by bit.
fn base64(bytes: &[u8]) -> String {
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

/// HY-2: the canonical base64 of 16 bytes.
pub fn is_valid_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
    let digits: Vec<_> = key.iter().map_while(digit).collect();
    let bit = |at: usize| digits.get(at / 6).map_or(0, |d| d >> (5 - at % 6) & 1);
    let byte = |at: usize| (0..8).fold(0, |byte, i| byte << 1 | bit(8 * at + i) as u8);
    let bytes: Vec<_> = (0..16).map(byte).collect();
    base64(&bytes).as_bytes() == key
}

/// HY-2: the value of `Sec-WebSocket-Accept`.
pub fn accept_value(key: &[u8]) -> String {
    let guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    base64(&Sha1::digest([key, guid].concat()))
}
