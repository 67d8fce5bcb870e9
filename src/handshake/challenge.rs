//! The keys of a request, and what a server sends to prove that it read them: the challenge
//! response of Hixie-76, or the value of `Sec-WebSocket-Accept` from HyBi-7 on.

use alloc::string::String;
use alloc::vec::Vec;

use data_encoding::BASE64;
use md5::{Digest, Md5};
use sha1::Sha1;

use crate::error::KeyErrorKind;
use crate::random::Random;

/// Returns the quotient of a Hixie-76 key number: the number that its digits form, divided by the
/// number of its spaces.
///
/// Public for fuzz targets only.
pub fn key_part(key: &[u8]) -> Result<u32, KeyErrorKind> {
    let mut number = 0_u64;
    // OR of all values of `number`: a bit above the 32nd stays set, even if `number` wraps later.
    let mut all_bits = 0;
    let mut has_digits = false;
    let mut spaces = 0_u32;
    // Branchless: the bytes are random, so branches would be mispredicted. A head is shorter than
    // 2^32 bytes, so `spaces` cannot overflow.
    for byte in key {
        let digit = byte.wrapping_sub(b'0');
        let appended = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        number = if digit < 10 { appended } else { number }; // KEY-1
        all_bits |= number;
        has_digits |= digit < 10;
        spaces += u32::from(*byte == b' '); // KEY-2
    }
    if spaces == 0 {
        return Err(KeyErrorKind::NoSpaces); // KEY-3
    }
    if !has_digits {
        return Err(KeyErrorKind::NoDigits); // KEY-6
    }
    if all_bits > u64::from(u32::MAX) {
        return Err(KeyErrorKind::TooBig); // KEY-5
    }
    let number = number as u32;
    if number % spaces != 0 {
        return Err(KeyErrorKind::NotMultiple { number, spaces }); // KEY-4
    }
    Ok(number / spaces) // KEY-7
}

/// Returns the challenge response of Hixie-76: the MD5 hash of both key parts and `key3` (KEY-8).
pub(crate) fn challenge_response(key_parts: [u32; 2], key3: [u8; 8]) -> [u8; 16] {
    let [part1, part2] = key_parts.map(u128::from);
    let key3 = u128::from(u64::from_be_bytes(key3));
    let challenge = part1 << 96 | part2 << 64 | key3;
    Md5::digest(challenge.to_be_bytes()).into()
}

/// Returns a random key number, the value of `Sec-WebSocket-Key1` or `Sec-WebSocket-Key2`, and its
/// [`key_part`] (KEY-9).
pub(crate) fn make_key_number(random: &mut Random) -> (String, u32) {
    let spaces = 1 + random.uniform(11);
    let part = random.uniform(u32::MAX / spaces);
    let mut key: Vec<u8> = alloc::format!("{}", u64::from(part) * u64::from(spaces)).into_bytes();
    for _ in 0..1 + random.uniform(11) {
        let at = random.uniform(key.len() as u32);
        key.insert(at as usize, filler_byte(random));
    }
    for _ in 0..spaces {
        // KEY-10: never first or last. The key has at least two bytes, a digit and a filler byte.
        let at = 1 + random.uniform(key.len() as u32 - 2);
        key.insert(at as usize, b' ');
    }
    (key.into_iter().map(char::from).collect(), part)
}

/// Returns a byte from 0x21 to 0x2F or 0x3A to 0x7E: neither a space nor a digit.
fn filler_byte(random: &mut Random) -> u8 {
    match random.uniform(83) as u8 {
        low @ 0..=14 => 0x21 + low,
        high => 0x3A + high - 15,
    }
}

/// What the server must send to prove that it read the request.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    /// Hixie-75: nothing.
    None,
    /// Hixie-76: the 16 bytes after the head of the response.
    ChallengeResponse([u8; 16]),
    /// From HyBi-7 on: the value of `Sec-WebSocket-Accept`.
    Accept(AcceptValue),
}

/// Appended to `Sec-WebSocket-Key` before it is hashed (HY-2).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `N` characters of base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Base64<const N: usize>([u8; N]);

pub(crate) type WebSocketKey = Base64<24>;
pub(crate) type AcceptValue = Base64<28>;

impl<const N: usize> Base64<N> {
    fn encode(bytes: &[u8]) -> Self {
        let mut text = [0; N];
        if BASE64.encode_len(bytes.len()) == N {
            BASE64.encode_mut(bytes, &mut text);
        }
        Self(text)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Returns `true` for a valid `Sec-WebSocket-Key`: 16 bytes in base64 (HY-2).
///
/// The last digit has four bits that encode nothing. Clients set them, as an example of RFC 6455
/// does.
pub(crate) fn is_websocket_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = key.strip_suffix(b"==");
    digits.is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_digit))
}

/// Returns the value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (HY-2).
pub(crate) fn accept_value(key: &[u8]) -> AcceptValue {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    Base64::encode(&hash.finalize())
}

/// Returns a random `Sec-WebSocket-Key`.
pub(crate) fn make_websocket_key(random: &mut Random) -> WebSocketKey {
    Base64::encode(&random.bytes::<16>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use alloc::collections::BTreeSet;

    /// KEY-1, KEY-2, KEY-7
    #[test]
    fn the_key_part_is_the_digits_divided_by_the_spaces() {
        assert_eq!(key_part(b"4 @1  46546xW%0l 1 5"), Ok(829_309_203));
        assert_eq!(key_part(b"12998 5 Y3 1  .P00"), Ok(259_970_620));
        assert_eq!(key_part(b"0 0"), Ok(0));
        assert_eq!(key_part(b"0000000000000000000012 "), Ok(12));
        assert_eq!(key_part(b"4294967295 "), Ok(u32::MAX));
    }

    /// KEY-1, KEY-2
    #[test]
    fn only_ascii_digits_and_only_0x20_count() {
        assert_eq!(key_part("\u{661}2 ".as_bytes()), Ok(2));
        assert_eq!(key_part("12\u{a0}\t ".as_bytes()), Ok(12));
        assert_eq!(key_part(b"12\t"), Err(KeyErrorKind::NoSpaces));
        assert_eq!(key_part(b"1:/ "), Ok(1));
        assert_eq!(key_part(b":/ "), Err(KeyErrorKind::NoDigits));
    }

    /// KEY-3, KEY-4, KEY-5, KEY-6
    #[test]
    fn invalid_key_numbers_of_hixie_76_and_of_peers_are_rejected() {
        let not_multiple = |number, spaces| Err(KeyErrorKind::NotMultiple { number, spaces });
        assert_eq!(
            key_part(b"2 L785 8o% s9Sy9@V. 4<1P5"),
            not_multiple(2_785_899_415, 4)
        );
        assert_eq!(
            key_part(b"4 @1   46546xW%0l 1 5"),
            not_multiple(4_146_546_015, 6)
        );
        assert_eq!(
            key_part(b"12998  5 Y3 1  .P00"),
            not_multiple(1_299_853_100, 6)
        );
        assert_eq!(
            key_part(b"12998 5 Y3 1.P00"),
            not_multiple(1_299_853_100, 3)
        );
        assert_eq!(key_part(b"4@146546xW%0l15"), Err(KeyErrorKind::NoSpaces));
        assert_eq!(
            key_part(b"abs @ew dsdsxWdd d s"),
            Err(KeyErrorKind::NoDigits)
        );
        assert_eq!(key_part(b"nospaces"), Err(KeyErrorKind::NoSpaces));
        assert_eq!(key_part(b"8589934590!  !"), Err(KeyErrorKind::TooBig));
        assert_eq!(key_part(b"4294967296 "), Err(KeyErrorKind::TooBig));
        assert_eq!(key_part(&[b'9'; 8_000]), Err(KeyErrorKind::NoSpaces));
        assert_eq!(
            key_part(&[&[b'9'; 8_000][..], b" "].concat()),
            Err(KeyErrorKind::TooBig)
        );
        assert_eq!(key_part(b""), Err(KeyErrorKind::NoSpaces));
    }

    /// KEY-9, KEY-10
    #[test]
    fn generated_key_numbers_have_the_form_that_hixie_76_requires() {
        let mut seen_spaces = [0_u32; 13];
        let mut seen_filler = BTreeSet::new();
        let mut largest = 0;
        let (mut space_at_second, mut space_at_second_to_last) = (false, false);
        let max_seed = if cfg!(miri) { 5 } else { 255 };
        for seed in 0..=max_seed {
            let (key, part) = make_key_number(&mut Random::new(Entropy::from_bytes([seed; 32])));
            assert_eq!(key_part(key.as_bytes()), Ok(part), "{key:?}");
            assert!(!key.starts_with(' ') && !key.ends_with(' '), "{key:?}");
            let count = |matches: fn(&u8) -> bool| key.bytes().filter(matches).count();
            let spaces = count(|b| *b == b' ');
            let filler = count(|b| matches!(b, 0x21..=0x2f | 0x3a..=0x7e));
            assert!(
                (1..=12).contains(&spaces) && (1..=12).contains(&filler),
                "{key:?}"
            );
            assert_eq!(spaces + filler + count(u8::is_ascii_digit), key.len());
            seen_spaces[spaces] += 1;
            seen_filler.extend(key.bytes().filter(|b| *b != b' ' && !b.is_ascii_digit()));
            largest = largest.max(part * spaces as u32);
            space_at_second |= key.as_bytes()[1] == b' ';
            space_at_second_to_last |= key.as_bytes()[key.len() - 2] == b' ';
        }
        if cfg!(miri) {
            return;
        }
        assert!(seen_spaces[1..].iter().all(|n| *n > 0), "{seen_spaces:?}");
        assert!(seen_filler.into_iter().eq((0x21..=0x2f).chain(0x3a..=0x7e)));
        assert!(largest > u32::MAX / 2, "{largest}");
        assert!(space_at_second && space_at_second_to_last);
    }

    /// HY-2
    #[test]
    fn accept_values_match_those_of_the_rfc_and_of_a_browser() {
        for (key, expected) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ] {
            assert!(is_websocket_key(key.as_bytes()));
            assert_eq!(accept_value(key.as_bytes()).as_str(), expected);
        }
    }

    /// HY-2. Found by the fuzz target `head`: 14 and 2 bytes, 4 and 12 bytes.
    #[test]
    fn padding_within_a_key_is_rejected() {
        assert!(!is_websocket_key(b"dGhlIHNhbXBsZSBuj24=bZQ="));
        assert!(!is_websocket_key(b"dGhlIA==IHNhbXBsZSBub25j"));
    }

    /// HY-2
    #[test]
    fn a_key_is_16_bytes_in_base64() {
        let key = make_websocket_key(&mut Random::new(Entropy::from_bytes([3; 32])));
        assert!(is_websocket_key(key.as_str().as_bytes()));
        assert!(is_websocket_key(b"dGhlIHNhbXBsZSBub25jZR=="));
        for invalid in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25jZWE=",
            "dGhlIHNhbXBsZSBub25jZWFh",
            "dGhlIHNhbXBsZSBub25j ZQ=",
            "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            assert!(!is_websocket_key(invalid.as_bytes()), "{invalid:?}");
        }
    }
}
