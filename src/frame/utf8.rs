//! Text over cuts: what is valid goes out at once, and of a character that the end of the input
//! cut, at most three bytes wait for the rest.

use alloc::boxed::Box;
use alloc::string::String;

use ascii::AsAsciiStr;

/// A piece of text as it came off the wire.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DecodedText<'i> {
    /// Valid as it stands in the input.
    Borrowed(&'i str),
    /// A character whose bytes came in more than one input.
    Char([u8; 4], u8),
    /// A run in which bad sequences were replaced.
    Lossy(Box<str>),
}

impl DecodedText<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            DecodedText::Borrowed(text) => text,
            DecodedText::Char(bytes, len) => bytes
                .get(..usize::from(*len))
                .and_then(|bytes| core::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            DecodedText::Lossy(text) => text,
        }
    }
}

/// What a cut character became.
pub(crate) enum Completion {
    /// All of the input went into it, and it is still cut.
    Incomplete,
    /// It is whole.
    Char([u8; 4], u8),
    /// It can't become a character; the byte that showed it was not taken.
    Invalid,
}

/// The bytes of a cut character, at most three.
#[derive(Default)]
pub(crate) struct IncompleteChar {
    bytes: [u8; 4],
    len: u8,
}

impl IncompleteChar {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Keeps the cut character that ends a run; see [`cut`].
    pub(crate) fn set(&mut self, tail: &[u8]) {
        self.clear();
        for byte in tail {
            self.push(*byte);
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(usize::from(self.len)) {
            *free = byte;
            self.len += 1;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }

    /// Completes the character from the front of `input`; says how many bytes it took.
    pub(crate) fn complete(&mut self, input: &[u8]) -> (usize, Completion) {
        for (taken, byte) in input.iter().enumerate() {
            let before = self.len;
            self.push(*byte);
            match bytes_needed(self.as_bytes()) {
                Some(0) => {
                    let whole = Completion::Char(self.bytes, self.len);
                    self.clear();
                    return (taken + 1, whole);
                }
                Some(_) => {}
                None => {
                    self.len = before;
                    return (taken, Completion::Invalid);
                }
            }
        }
        (input.len(), Completion::Incomplete)
    }
}

impl core::fmt::Debug for IncompleteChar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Carry({} bytes)", self.len)
    }
}

/// The length of the cut character at the end of `run`: 0 when it ends with a whole one, or with
/// bytes that no more input can mend.
#[inline]
pub(crate) fn incomplete_suffix_len(run: &[u8]) -> usize {
    if run.last().is_none_or(u8::is_ascii) {
        return 0;
    }
    let last = run.last_chunk::<3>().map_or(run, |three| three);
    let lead = last.iter().rposition(|byte| *byte >= 0xC0);
    let tail = lead.and_then(|lead| last.get(lead..)).unwrap_or_default();
    match bytes_needed(tail) {
        Some(more) if more > 0 => tail.len(),
        _ => 0,
    }
}

/// How many bytes are missing from the character of several bytes that begins with `prefix`; `None`
/// if no such character does.
fn bytes_needed(prefix: &[u8]) -> Option<usize> {
    let (lead, rest) = prefix.split_first()?;
    let (following, second): (usize, _) = match lead {
        0xC2..=0xDF => (1, 0x80..=0xBF),
        0xE0 => (2, 0xA0..=0xBF),
        0xE1..=0xEC | 0xEE..=0xEF => (2, 0x80..=0xBF),
        0xED => (2, 0x80..=0x9F),
        0xF0 => (3, 0x90..=0xBF),
        0xF1..=0xF3 => (3, 0x80..=0xBF),
        0xF4 => (3, 0x80..=0x8F),
        _ => return None,
    };
    let good = |(i, byte): (usize, &u8)| {
        if i == 0 {
            second.contains(byte)
        } else {
            (0x80..=0xBF).contains(byte)
        }
    };
    if !rest.iter().enumerate().all(good) {
        return None;
    }
    following.checked_sub(rest.len())
}

/// So far the short way looks for the end of a text; from there on, a search and a check that know
/// the processor are faster.
const SWAR_LIMIT: usize = 128;

/// How many bytes of ASCII stand before the first 0xFF, and whether that is there or the end of
/// `bytes` comes first; `None` when anything else comes before it, or it is not near.
#[inline]
pub(crate) fn short_ascii(bytes: &[u8]) -> Option<(usize, bool)> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let high = |word: &[u8]| Some(u64::from_le_bytes(<[u8; 8]>::try_from(word).ok()?) & HIGH);
    let mut rest = bytes.get(..SWAR_LIMIT).unwrap_or(bytes);
    let mut before = 0;
    while let Some((block, more)) = rest.split_at_checked(32) {
        let all = block
            .chunks_exact(8)
            .try_fold(0, |all, word| Some(all | high(word)?))?;
        if all != 0 {
            break;
        }
        (rest, before) = (more, before + 32);
    }
    while let Some((word, more)) = rest.split_at_checked(8) {
        let high = high(word)?;
        if high != 0 {
            let first = (high.trailing_zeros() / 8) as usize;
            return (word.get(first) == Some(&0xFF)).then_some((before + first, true));
        }
        (rest, before) = (more, before + 8);
    }
    match rest.iter().position(|byte| !byte.is_ascii()) {
        Some(first) => (rest.get(first) == Some(&0xFF)).then_some((before + first, true)),
        None => (bytes.len() < SWAR_LIMIT).then_some((bytes.len(), false)),
    }
}

/// The text of a run that a cut character does not end. This is the one place where text is
/// checked.
pub(crate) fn validate(run: &[u8]) -> Result<&str, InvalidUtf8<'_>> {
    // simdutf8 leaves what is shorter to the standard library, which begins byte by byte.
    if run.len() < 64 {
        if let Ok(ascii) = run.as_ascii_str() {
            return Ok(ascii.as_str());
        }
    }
    simdutf8::basic::from_utf8(run).map_err(|_| InvalidUtf8(run))
}

/// A run that is not UTF-8.
pub(crate) struct InvalidUtf8<'i>(&'i [u8]);

impl<'i> InvalidUtf8<'i> {
    /// Each bad sequence becomes U+FFFD (FR-10).
    pub(crate) fn to_lossy(&self) -> Box<str> {
        String::from_utf8_lossy(self.0).into()
    }

    /// What is valid before the first bad byte.
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
    fn fr_1_the_short_way_finds_the_end_of_ascii_and_nothing_else() {
        for length in (0..2 * SWAR_LIMIT).step_by(if cfg!(miri) { 101 } else { 1 }) {
            let mut bytes = alloc::vec![b'a'; length];
            let cut = (length < SWAR_LIMIT).then_some((length, false));
            assert_eq!(short_ascii(&bytes), cut, "{length}");
            let near = (length < SWAR_LIMIT).then_some((length, true));
            for more in [&b"\xff"[..], b"\x00more\xff"] {
                bytes.extend_from_slice(more);
                assert_eq!(short_ascii(&bytes), near, "{length}");
            }
            for at in 0..length.min(SWAR_LIMIT) {
                let before = core::mem::replace(&mut bytes[at], 0xC3);
                assert_eq!(short_ascii(&bytes), None);
                bytes[at] = before;
            }
        }
    }

    /// All byte strings up to `length` over bytes at every edge of the encoding.
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
    fn fr_10_a_cut_character_is_what_the_standard_library_calls_an_unexpected_end() {
        for bytes in strings(if cfg!(miri) { 2 } else { 4 }) {
            let expected = match core::str::from_utf8(&bytes) {
                Err(e) if e.error_len().is_none() => bytes.len() - e.valid_up_to(),
                Err(e) if bytes[e.valid_up_to()..].utf8_chunks().count() > 1 => {
                    let last = bytes.utf8_chunks().last().map_or(&[][..], |c| c.invalid());
                    let unfinished = core::str::from_utf8(last)
                        .is_err_and(|e| e.error_len().is_none() && e.valid_up_to() == 0);
                    if unfinished { last.len() } else { 0 }
                }
                _ => 0,
            };
            assert_eq!(incomplete_suffix_len(&bytes), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn fr_10_a_carried_character_becomes_what_it_is_uncut() {
        for bytes in strings(if cfg!(miri) { 1 } else { 3 }) {
            let tail = incomplete_suffix_len(&bytes);
            if tail == 0 {
                continue;
            }
            for next in (0..=0xFF).step_by(if cfg!(miri) { 17 } else { 1 }) {
                let mut carry = IncompleteChar::default();
                carry.set(&bytes[bytes.len() - tail..]);
                let whole = [&bytes[bytes.len() - tail..], &[next]].concat();
                match carry.complete(&[next]) {
                    (1, Completion::Char(bytes, len)) => {
                        assert_eq!(bytes[..usize::from(len)], whole[..]);
                        assert!(core::str::from_utf8(&whole).is_ok());
                    }
                    (1, Completion::Incomplete) => {
                        assert_eq!(incomplete_suffix_len(&whole), tail + 1)
                    }
                    (0, Completion::Invalid) => {
                        let mended = String::from_utf8_lossy(&whole);
                        let rest = String::from_utf8_lossy(&whole[tail..]);
                        assert_eq!(mended, alloc::format!("\u{FFFD}{rest}"));
                    }
                    _ => panic!("{bytes:02x?} {next:02x}"),
                }
            }
        }
    }
}
