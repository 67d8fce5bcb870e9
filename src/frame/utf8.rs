//! Incremental validation of UTF-8. Valid text is returned at once; of a character that the input
//! splits, at most three bytes are buffered.

use alloc::boxed::Box;
use alloc::string::String;

use ascii::AsAsciiStr;

use crate::fixed_buf::FixedBuf;

/// The result of [`IncompleteChar::complete`].
pub(crate) enum Completion {
    /// All input was consumed, and the character is still incomplete.
    Incomplete,
    /// The complete character.
    Char(FixedBuf<4>),
    /// The bytes are not a character. The byte that made them invalid was not consumed.
    Invalid,
}

/// The first bytes of a character, at most three. The others are 0, which no such character
/// contains.
#[derive(Clone)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(PartialEq))]
pub(crate) struct IncompleteChar([u8; 3]);

impl IncompleteChar {
    pub(crate) const EMPTY: Self = Self([0; 3]);

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let [first, ..] = self.0;
        first == 0
    }

    fn as_slice(&self) -> &[u8] {
        let len = self.0.iter().take_while(|byte| **byte != 0).count();
        self.0.get(..len).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::EMPTY;
    }

    /// Replaces the bytes with an incomplete character; see [`incomplete_suffix_len`].
    pub(crate) fn set(&mut self, suffix: &[u8]) {
        self.clear();
        for (target, byte) in self.0.iter_mut().zip(suffix) {
            *target = *byte;
        }
    }

    /// Writes the bytes to the front of `target`, and returns their number.
    #[cfg(feature = "deflate")]
    pub(crate) fn copy_to(&self, target: &mut [u8]) -> usize {
        let pairs = target.iter_mut().zip(self.as_slice());
        pairs.map(|(target, byte)| *target = *byte).count()
    }

    /// Completes the character with bytes from the front of `input`. Returns how many bytes were
    /// consumed. An invalid sequence is kept.
    pub(crate) fn complete(&mut self, input: &[u8]) -> (usize, Completion) {
        for (consumed, byte) in input.iter().enumerate() {
            let mut character = FixedBuf::EMPTY;
            character.fill(self.as_slice());
            character.push(*byte);
            match bytes_needed(character.as_slice()) {
                Some(0) => {
                    self.clear();
                    return (consumed + 1, Completion::Char(character));
                }
                Some(_) => self.set(character.as_slice()),
                // The byte starts no character: it is the invalid sequence itself.
                None if self.is_empty() => {
                    self.set(&[*byte]);
                    return (consumed + 1, Completion::Invalid);
                }
                None => return (consumed, Completion::Invalid),
            }
        }
        (input.len(), Completion::Incomplete)
    }
}

/// Omits the bytes.
impl core::fmt::Debug for IncompleteChar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "IncompleteChar({} bytes)", self.len())
    }
}

/// Returns the length of the incomplete character at the end of `bytes`. 0 if there is none: if
/// they end with a complete character or with an invalid sequence.
#[inline]
pub(crate) fn incomplete_suffix_len(bytes: &[u8]) -> usize {
    if bytes.last().is_none_or(u8::is_ascii) {
        return 0;
    }
    let end = bytes.last_chunk::<3>().map_or(bytes, |chunk| chunk);
    let lead = end.iter().rposition(|byte| *byte >= 0xC0);
    let suffix = lead.and_then(|lead| end.get(lead..)).unwrap_or_default();
    match bytes_needed(suffix) {
        Some(needed) if needed > 0 => suffix.len(),
        _ => 0,
    }
}

/// Returns how many bytes complete the multi-byte character that starts with `prefix`; `None` if no
/// such character does.
fn bytes_needed(prefix: &[u8]) -> Option<usize> {
    let (lead, continuation) = prefix.split_first()?;
    let (continuation_len, second): (usize, _) = match lead {
        0xC2..=0xDF => (1, 0x80..=0xBF),
        0xE0 => (2, 0xA0..=0xBF),
        0xE1..=0xEC | 0xEE..=0xEF => (2, 0x80..=0xBF),
        0xED => (2, 0x80..=0x9F),
        0xF0 => (3, 0x90..=0xBF),
        0xF1..=0xF3 => (3, 0x80..=0xBF),
        0xF4 => (3, 0x80..=0x8F),
        _ => return None,
    };
    let is_valid = |(i, byte): (usize, &u8)| {
        if i == 0 {
            second.contains(byte)
        } else {
            (0x80..=0xBF).contains(byte)
        }
    };
    if !continuation.iter().enumerate().all(is_valid) {
        return None;
    }
    continuation_len.checked_sub(continuation.len())
}

/// [`short_ascii`] searches this many bytes. Above, memchr and simdutf8 are faster.
const SHORT_LEN: usize = 128;

/// Searches short ASCII text for 0xFF, which ends Hixie text. Returns the length of the text, and
/// whether 0xFF ends it or `bytes` does. `None` if another byte that is not ASCII comes first, or
/// if neither end is within [`SHORT_LEN`] bytes.
#[inline]
pub(crate) fn short_ascii(bytes: &[u8]) -> Option<(usize, bool)> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let high = |word: &[u8]| Some(u64::from_le_bytes(<[u8; 8]>::try_from(word).ok()?) & HIGH);
    let mut rest = bytes.get(..SHORT_LEN).unwrap_or(bytes);
    let mut offset = 0;
    while let Some((block, tail)) = rest.split_at_checked(32) {
        let bits = block
            .chunks_exact(8)
            .try_fold(0, |bits, word| Some(bits | high(word)?))?;
        if bits != 0 {
            break;
        }
        (rest, offset) = (tail, offset + 32);
    }
    while let Some((word, tail)) = rest.split_at_checked(8) {
        let high = high(word)?;
        if high != 0 {
            let first = (high.trailing_zeros() / 8) as usize;
            return (word.get(first) == Some(&0xFF)).then_some((offset + first, true));
        }
        (rest, offset) = (tail, offset + 8);
    }
    match rest.iter().position(|byte| !byte.is_ascii()) {
        Some(first) => (rest.get(first) == Some(&0xFF)).then_some((offset + first, true)),
        None => (bytes.len() < SHORT_LEN).then_some((bytes.len(), false)),
    }
}

/// Validates text; an incomplete last character is an error. All text is validated here, except for
/// characters that the input splits, and ASCII that [`mask::unmask_text`](super::mask::unmask_text)
/// has recognized.
pub(crate) fn validate(bytes: &[u8]) -> Result<&str, InvalidUtf8<'_>> {
    // simdutf8 leaves inputs below 64 bytes to the standard library, which starts byte by byte.
    if bytes.len() < 64 {
        if let Ok(ascii) = bytes.as_ascii_str() {
            return Ok(ascii.as_str());
        }
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| InvalidUtf8(bytes))
}

/// Bytes that are not valid UTF-8.
pub(crate) struct InvalidUtf8<'i>(&'i [u8]);

impl<'i> InvalidUtf8<'i> {
    /// Replaces each invalid sequence with U+FFFD (FR-10).
    pub(crate) fn to_lossy(&self) -> Box<str> {
        String::from_utf8_lossy(self.0).into()
    }

    /// Returns the valid text before the first invalid sequence.
    pub(crate) fn valid_prefix(&self) -> &'i str {
        self.0
            .utf8_chunks()
            .next()
            .map_or("", |chunk| chunk.valid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn short_ascii_finds_the_terminator_after_ascii_alone_fr_1() {
        for length in (0..2 * SHORT_LEN).step_by(if cfg!(miri) { 101 } else { 1 }) {
            let mut bytes = alloc::vec![b'a'; length];
            let unterminated = (length < SHORT_LEN).then_some((length, false));
            assert_eq!(short_ascii(&bytes), unterminated, "{length}");
            let terminated = (length < SHORT_LEN).then_some((length, true));
            for suffix in [&b"\xff"[..], b"\x00more\xff"] {
                bytes.extend_from_slice(suffix);
                assert_eq!(short_ascii(&bytes), terminated, "{length}");
            }
            for at in 0..length.min(SHORT_LEN) {
                let original = core::mem::replace(&mut bytes[at], 0xC3);
                assert_eq!(short_ascii(&bytes), None);
                bytes[at] = original;
            }
        }
    }

    /// Returns all byte strings of up to `length` bytes, over the bytes at the boundaries of the
    /// encoding.
    fn strings(length: usize) -> Vec<Vec<u8>> {
        let edges = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
            0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
        ];
        let mut all = alloc::vec![Vec::new()];
        let mut longest = all.clone();
        for _ in 0..length {
            longest = longest
                .iter()
                .flat_map(|s| edges.iter().map(move |e| [&s[..], &[*e]].concat()))
                .collect();
            all.extend(longest.iter().cloned());
        }
        all
    }

    #[test]
    fn an_incomplete_suffix_is_what_std_reports_as_unexpected_end_fr_10() {
        for bytes in strings(if cfg!(miri) { 2 } else { 4 }) {
            let expected = match core::str::from_utf8(&bytes) {
                Err(e) if e.error_len().is_none() => bytes.len() - e.valid_up_to(),
                Err(e) if bytes[e.valid_up_to()..].utf8_chunks().count() > 1 => {
                    let last = bytes.utf8_chunks().last().map_or(&[][..], |c| c.invalid());
                    let is_incomplete = core::str::from_utf8(last)
                        .is_err_and(|e| e.error_len().is_none() && e.valid_up_to() == 0);
                    if is_incomplete { last.len() } else { 0 }
                }
                _ => 0,
            };
            assert_eq!(incomplete_suffix_len(&bytes), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_byte_that_starts_no_character_is_consumed_by_itself_fr_10() {
        for byte in 0x80..=0xFF {
            let starts_character = matches!(byte, 0xC2..=0xF4);
            let mut incomplete = IncompleteChar::EMPTY;
            let (consumed, completion) = incomplete.complete(&[byte]);
            // The byte counts as a part of the sequence that is replaced.
            assert_eq!((consumed, incomplete.len()), (1, 1), "{byte:02x}");
            let is_incomplete = matches!(completion, Completion::Incomplete);
            assert_eq!(is_incomplete, starts_character, "{byte:02x}");
        }
    }

    #[test]
    fn a_split_character_decodes_as_if_it_were_not_split_fr_10() {
        for bytes in strings(if cfg!(miri) { 1 } else { 3 }) {
            let suffix_len = incomplete_suffix_len(&bytes);
            if suffix_len == 0 {
                continue;
            }
            for next in (0..=0xFF).step_by(if cfg!(miri) { 17 } else { 1 }) {
                let mut incomplete = IncompleteChar::EMPTY;
                incomplete.set(&bytes[bytes.len() - suffix_len..]);
                let complete = [&bytes[bytes.len() - suffix_len..], &[next]].concat();
                match incomplete.complete(&[next]) {
                    (1, Completion::Char(bytes)) => {
                        assert_eq!(bytes.as_slice(), complete);
                        assert!(core::str::from_utf8(&complete).is_ok());
                    }
                    (1, Completion::Incomplete) => {
                        assert_eq!(incomplete_suffix_len(&complete), suffix_len + 1)
                    }
                    (0, Completion::Invalid) => {
                        let lossy = String::from_utf8_lossy(&complete);
                        let rest = String::from_utf8_lossy(&complete[suffix_len..]);
                        assert_eq!(lossy, alloc::format!("\u{FFFD}{rest}"));
                    }
                    _ => panic!("{bytes:02x?} {next:02x}"),
                }
            }
        }
    }
}
