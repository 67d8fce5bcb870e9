//! The lines of a head: what may stand in them, and where the first wrong byte is.

use core::ops::Range;

use memchr::memchr;

use super::swar::{common_token_len, is_control, target_len, text_len, token_len};
use crate::error::{LineErrorKind, ProtocolError};
use crate::work;

pub(super) fn invalid_line(at: usize, kind: LineErrorKind) -> ProtocolError {
    ProtocolError::InvalidLine {
        at: at as u32,
        kind,
    }
}

/// RQ-1, RQ-2, RQ-3: the range of the target in `GET target HTTP/1.1`.
pub(super) fn parse_request_line(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::InvalidStartLine { at: at as u32 };
    let method = token_len(line);
    if method == 0 || line.get(method) != Some(&b' ') {
        return Err(malformed(method));
    }
    if !line.starts_with(b"GET ") {
        return Err(ProtocolError::UnsupportedMethod);
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
    Err(ProtocolError::UnsupportedHttpVersion { at: at as u32 })
}

/// H76-34: the range of the status, three digits between the first two spaces.
pub(super) fn parse_status_line(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::InvalidStartLine { at: at as u32 };
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
pub(super) fn parse_field(begin: usize, line: &[u8]) -> Result<usize, ProtocolError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(invalid_line(begin, LineErrorKind::ObsFold)); // RQ-10
    }
    // RQ-7: the first colon splits, whatever the value holds.
    let colon = token_len(line);
    if line.get(colon) == Some(&b'\r') {
        return Err(invalid_line(begin + colon, LineErrorKind::BareCr));
    }
    if colon == 0 || line.get(colon) != Some(&b':') {
        return Err(invalid_line(begin + colon, LineErrorKind::Name));
    }
    let value = line.get(colon + 1..).unwrap_or_default();
    let bad = value.iter().take_while(|byte| !is_control(**byte)).count();
    let kind = match value.get(bad) {
        None => return Ok(colon),
        Some(b'\r') => LineErrorKind::BareCr,
        Some(_) => LineErrorKind::Value, // RQ-11
    };
    Err(invalid_line(begin + colon + 1 + bad, kind))
}

/// A request's first line, where it lies whole at the front of `bytes` and nothing is wrong with it:
/// the target's range, and the length of the line.
pub(super) fn parse_request_line_fast(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let target = bytes.strip_prefix(b"GET ")?;
    let length = target_len(target);
    work::record(length);
    let version = b" HTTP/1.1\r\n";
    let whole = target.starts_with(b"/") && target.get(length..)?.starts_with(version);
    let range = 4..4 + length;
    let end = range.end + version.len();
    whole.then_some((range, end))
}

/// A field, where it lies whole at the front of `bytes` and nothing is wrong with it: the colon's
/// place, and the length of the line. None too for one that has a tab in its value, or an unusual
/// name.
pub(super) fn parse_field_fast(bytes: &[u8]) -> Option<(usize, usize)> {
    let colon = common_token_len(bytes);
    if colon == 0 || bytes.get(colon) != Some(&b':') {
        return None;
    }
    let value = text_len(bytes.get(colon + 1..)?);
    work::record(colon + value);
    let end = colon + 1 + value;
    (bytes.get(end..end + 2)? == b"\r\n").then_some((colon, end + 2))
}

pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
