//! Parsing of the lines of a head.

use core::ops::Range;

use memchr::memchr;

use super::swar::{common_token_len, is_forbidden_control, target_len, text_len, token_len};
use crate::error::{LineErrorKind, ProtocolError};
use crate::work;

/// Returns the error for an invalid byte at offset `at` of the head.
pub(super) fn invalid_line(at: usize, kind: LineErrorKind) -> ProtocolError {
    ProtocolError::InvalidLine {
        at: at as u32,
        kind,
    }
}

/// Returns the range of the target in the request line `GET target HTTP/1.1`, given without its
/// CRLF (RQ-1, RQ-2, RQ-3).
pub(super) fn parse_request_line(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::InvalidStartLine { at: at as u32 };
    let method_len = token_len(line);
    if method_len == 0 || line.get(method_len) != Some(&b' ') {
        return Err(malformed(method_len));
    }
    if !line.starts_with(b"GET ") {
        return Err(ProtocolError::UnsupportedMethod);
    }
    let start = method_len + 1;
    let target = line.get(start..).unwrap_or_default();
    let end = start + target_len(target);
    if target.first() != Some(&b'/') {
        return Err(malformed(start));
    }
    if line.get(end) != Some(&b' ') {
        return Err(malformed(end));
    }
    let version = line.get(end + 1..).unwrap_or_default();
    if version == b"HTTP/1.1" {
        return Ok(start..end);
    }
    let at = end + 1;
    let name = b"HTTP/";
    let matching = version.iter().zip(name).take_while(|(a, b)| a == b).count();
    let number = version.get(matching..).unwrap_or_default();
    let is_number_byte = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let number_len = number.iter().take_while(is_number_byte).count();
    if matching < name.len() || number_len == 0 || number_len < number.len() {
        let number_len = if matching < name.len() { 0 } else { number_len };
        return Err(malformed(at + matching + number_len));
    }
    Err(ProtocolError::UnsupportedHttpVersion { at: at as u32 })
}

/// Returns the range of the status in a status line, given without its CRLF: three digits between
/// the first two spaces (H76-34).
pub(super) fn parse_status_line(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::InvalidStartLine { at: at as u32 };
    if let Some(at) = line.iter().position(|byte| is_forbidden_control(*byte)) {
        return Err(malformed(at));
    }
    let start = memchr(b' ', line).ok_or(malformed(line.len()))? + 1;
    let status = line.get(start..).unwrap_or_default();
    let digits = status.iter().take(3).take_while(|b| b.is_ascii_digit());
    let end = start + digits.count();
    if end != start + 3 || line.get(end) != Some(&b' ') {
        return Err(malformed(end));
    }
    Ok(start..end)
}

/// Checks a header field line, given without its CRLF, and returns the index of its colon.
///
/// `start` is the offset of the line in the head.
pub(super) fn parse_field(start: usize, line: &[u8]) -> Result<usize, ProtocolError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(invalid_line(start, LineErrorKind::ObsFold)); // RQ-10
    }
    // RQ-7: the name ends at the first colon; the value may contain others.
    let colon = token_len(line);
    if line.get(colon) == Some(&b'\r') {
        return Err(invalid_line(start + colon, LineErrorKind::BareCr));
    }
    if colon == 0 || line.get(colon) != Some(&b':') {
        return Err(invalid_line(start + colon, LineErrorKind::Name));
    }
    let value = line.get(colon + 1..).unwrap_or_default();
    let valid_len = value
        .iter()
        .take_while(|byte| !is_forbidden_control(**byte))
        .count();
    let kind = match value.get(valid_len) {
        None => return Ok(colon),
        Some(b'\r') => LineErrorKind::BareCr,
        Some(_) => LineErrorKind::Value, // RQ-11
    };
    Err(invalid_line(start + colon + 1 + valid_len, kind))
}

/// Fast path: returns the range of the target and the length of the line, including its CRLF, if
/// `bytes` starts with a complete valid request line.
pub(super) fn parse_request_line_fast(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let target = bytes.strip_prefix(b"GET ")?;
    let target_len = target_len(target);
    work::record(target_len);
    let version = b" HTTP/1.1\r\n";
    let is_valid = target.starts_with(b"/") && target.get(target_len..)?.starts_with(version);
    let range = 4..4 + target_len;
    let line_len = range.end + version.len();
    is_valid.then_some((range, line_len))
}

/// Fast path: returns the index of the colon and the length of the line, including its CRLF, if
/// `bytes` starts with a complete valid header field.
///
/// Returns `None` for values with a tab and for names with uncommon characters, too.
pub(super) fn parse_field_fast(bytes: &[u8]) -> Option<(usize, usize)> {
    let colon = common_token_len(bytes);
    if colon == 0 || bytes.get(colon) != Some(&b':') {
        return None;
    }
    let value_len = text_len(bytes.get(colon + 1..)?);
    work::record(colon + value_len);
    let end = colon + 1 + value_len;
    (bytes.get(end..end + 2)? == b"\r\n").then_some((colon, end + 2))
}

/// Removes spaces and tabs at both ends.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
