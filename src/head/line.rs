//! The lines of a head: what may stand in them, and where the first wrong byte is.

use core::ops::Range;

use memchr::memchr;

use crate::error::{LineFault, ProtocolError};
use crate::steps;

pub(super) fn fault(at: usize, fault: LineFault) -> ProtocolError {
    ProtocolError::Line {
        at: at as u32,
        fault,
    }
}

/// RQ-1, RQ-2, RQ-3: the range of the target in `GET target HTTP/1.1`.
pub(super) fn request_target(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::StartLine { at: at as u32 };
    let method = token_len(line);
    if method == 0 || line.get(method) != Some(&b' ') {
        return Err(malformed(method));
    }
    if !line.starts_with(b"GET ") {
        return Err(ProtocolError::Method);
    }
    let begin = method + 1;
    let rest = line.get(begin..).unwrap_or_default();
    let length = target_len(rest);
    let end = begin + length;
    if rest.first() != Some(&b'/') {
        return Err(malformed(begin));
    }
    if line.get(end) != Some(&b' ') {
        return Err(malformed(end));
    }
    let version = line.get(end + 1..).unwrap_or_default();
    if version == b"HTTP/1.1" {
        return Ok(begin..end);
    }
    let at = end + 1;
    let name = b"HTTP/";
    let same = version.iter().zip(name).take_while(|(a, b)| a == b).count();
    let number = version.get(same..).unwrap_or_default();
    let in_number = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let digits = number.iter().take_while(in_number).count();
    if same < name.len() || digits == 0 || digits < number.len() {
        let digits = if same < name.len() { 0 } else { digits };
        return Err(malformed(at + same + digits));
    }
    Err(ProtocolError::Version { at: at as u32 })
}

/// H76-34: the range of the status, three digits between the first two spaces.
pub(super) fn status(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::StartLine { at: at as u32 };
    if let Some(at) = line.iter().position(|byte| is_control(*byte)) {
        return Err(malformed(at));
    }
    let begin = memchr(b' ', line).ok_or(malformed(line.len()))? + 1;
    let digits = line.get(begin..).unwrap_or_default();
    let count = digits.iter().take(3).take_while(|b| b.is_ascii_digit());
    let end = begin + count.count();
    if end != begin + 3 || line.get(end) != Some(&b' ') {
        return Err(malformed(end));
    }
    Ok(begin..end)
}

/// Checks a field's line, which begins at `begin` of the head; the colon's place within it.
pub(super) fn field(begin: usize, line: &[u8]) -> Result<usize, ProtocolError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(fault(begin, LineFault::Fold)); // RQ-10
    }
    // RQ-7: the first colon splits, whatever the value holds.
    let colon = token_len(line);
    if line.get(colon) == Some(&b'\r') {
        return Err(fault(begin + colon, LineFault::BareCr));
    }
    if colon == 0 || line.get(colon) != Some(&b':') {
        return Err(fault(begin + colon, LineFault::Name));
    }
    let value = line.get(colon + 1..).unwrap_or_default();
    let bad = value.iter().take_while(|byte| !is_control(**byte)).count();
    let kind = match value.get(bad) {
        None => return Ok(colon),
        Some(b'\r') => LineFault::BareCr,
        Some(_) => LineFault::Value, // RQ-11
    };
    Err(fault(begin + colon + 1 + bad, kind))
}

/// A request's first line, where it lies whole at the front of `bytes` and nothing is wrong with it:
/// the target's range, and the length of the line.
pub(super) fn whole_request(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let target = bytes.strip_prefix(b"GET ")?;
    let length = target_len(target);
    steps::count(length);
    let version = b" HTTP/1.1\r\n";
    let whole = target.starts_with(b"/") && target.get(length..)?.starts_with(version);
    let range = 4..4 + length;
    let end = range.end + version.len();
    whole.then_some((range, end))
}

/// A field, where it lies whole at the front of `bytes` and nothing is wrong with it: the colon's
/// place, and the length of the line. None too for one that has a tab in its value.
pub(super) fn whole_field(bytes: &[u8]) -> Option<(usize, usize)> {
    // The next line waits for this one's length alone, as a processor goes ahead.
    let length = text_len(bytes);
    let colon = token_len(bytes);
    steps::count(length + colon);
    let is_field = colon > 0 && bytes.get(colon) == Some(&b':');
    let ends = bytes.get(length..length + 2)? == b"\r\n";
    (is_field && ends).then_some((colon, length + 2))
}

fn token_len(bytes: &[u8]) -> usize {
    run(bytes, but_usual_in_names, is_token)
}

/// How many bytes stand before the first that is below 0x20, or 0x7F.
fn text_len(bytes: &[u8]) -> usize {
    run(bytes, controls, |byte| !byte.is_ascii_control())
}

/// How many bytes stand before the first that is not visible ASCII: 0x21 to 0x7E.
pub(crate) fn visible_len(bytes: &[u8]) -> usize {
    let but_visible = |eight| below(eight, 0x21) | equal(eight, 0x7F) | eight & HIGH;
    run(bytes, but_visible, |byte| byte.is_ascii_graphic())
}

/// How many bytes go on at the front. Eight are looked at at once, until `doubts` marks the first
/// that may not, by its high bit; from there on it is one by one.
#[inline(always)]
fn run(bytes: &[u8], doubts: impl Fn(u64) -> u64, goes_on: impl Fn(u8) -> bool) -> usize {
    let mut length = 0;
    for chunk in bytes.chunks_exact(8) {
        let eight = <[u8; 8]>::try_from(chunk).map_or(0, u64::from_le_bytes);
        let doubts = doubts(eight);
        length += doubts.trailing_zeros() as usize / 8;
        if doubts != 0 {
            break;
        }
    }
    let rest = bytes.get(length..).unwrap_or_default().iter();
    length + rest.take_while(|byte| goes_on(**byte)).count()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Marks the bytes that are less than `least`, of ASCII: a subtraction sets their high bit. Behind
/// the first of them, what was borrowed can mark others too.
fn below(eight: u64, least: u8) -> u64 {
    eight.wrapping_sub(ONES * u64::from(least)) & !eight & HIGH
}

/// Marks the bytes that are `byte`, of ASCII, and as [`below`] perhaps others behind the first.
fn equal(eight: u64, byte: u8) -> u64 {
    below(eight ^ (ONES * u64::from(byte)), 1)
}

fn controls(eight: u64) -> u64 {
    below(eight, 0x20) | equal(eight, 0x7F)
}

/// Marks what is neither a letter, a digit nor a hyphen. No sum of two bytes carries into the next.
fn but_usual_in_names(eight: u64) -> u64 {
    const fn all(byte: u8) -> u64 {
        ONES * byte as u64
    }
    let low = eight & !HIGH;
    let lower = low | all(0x20);
    let letter = (lower + all(0x80 - b'a')) & !(lower + all(0x7F - b'z'));
    let digit = (low + all(0x80 - b'0')) & !(low + all(0x7F - b'9'));
    let but_hyphen = (low ^ all(b'-')) + all(0x7F);
    ((!(letter | digit) & but_hyphen) | eight) & HIGH
}

/// RQ-2
fn target_len(bytes: &[u8]) -> usize {
    let visible = visible_len(bytes);
    memchr(b'#', bytes.get(..visible).unwrap_or_default()).unwrap_or(visible)
}

/// No field value holds it. A tab is none of them.
pub(crate) fn is_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0A..=0x1F | 0x7F)
}

/// RFC 7230, 3.2.6
pub(crate) fn is_token(byte: u8) -> bool {
    static TOKEN: [bool; 256] = tokens();
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

// Run by the compiler, which would not build a wrong index.
#[allow(clippy::indexing_slicing)]
const fn tokens() -> [bool; 256] {
    let marks = b"!#$%&'*+-.^_`|~";
    let mut tokens = [false; 256];
    let mut byte = 0;
    while byte < tokens.len() {
        tokens[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < marks.len() {
        tokens[marks[i] as usize] = true;
        i += 1;
    }
    tokens
}

pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place, whatever stands round it.
    #[test]
    fn rq_2_rq_7_rq_11_eight_at_once_stop_where_one_by_one_does() {
        let most = if cfg!(miri) { 9 } else { 17 };
        let places = (0..=most).flat_map(|length| (0..length).map(move |at| (length, at)));
        for (length, at) in places {
            for (round, byte) in b"aZ-zA09"
                .iter()
                .flat_map(|r| (0..=0xFF).map(move |b| (*r, b)))
            {
                let mut bytes = alloc::vec![round; length];
                bytes[at] = byte;
                let so_far = |goes_on: bool| if goes_on { length } else { at };
                assert_eq!(token_len(&bytes), so_far(is_token(byte)), "{bytes:?}");
                assert_eq!(
                    text_len(&bytes),
                    so_far(!byte.is_ascii_control()),
                    "{bytes:?}"
                );
                let visible = matches!(byte, 0x21..=0x7E);
                assert_eq!(visible_len(&bytes), so_far(visible), "{bytes:?}");
                assert_eq!(
                    target_len(&bytes),
                    so_far(visible && byte != b'#'),
                    "{bytes:?}"
                );
            }
        }
    }
}
