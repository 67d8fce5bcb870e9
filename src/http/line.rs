//! Parsing of the lines of a head.

use core::ops::Range;

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

/// Returns the error for an invalid byte at offset `at` of the head, in its first line.
pub(super) fn invalid_start_line(at: usize) -> ProtocolError {
    ProtocolError::InvalidStartLine { at: at as u32 }
}

/// A request line, with offsets in the head.
#[derive(Clone, Copy, Default)]
pub(super) struct RequestLine {
    pub(super) is_head: bool,
    pub(super) is_http_1_0: bool,
    pub(super) target: u32,
    /// Where the authority of a target in absolute form starts, `http://authority/path`. It ends at
    /// the resource; otherwise it is empty.
    pub(super) authority: u32,
    /// Where the path and the query start. In absolute form the path may be empty.
    pub(super) resource: u32,
    /// Where the target ends.
    pub(super) end: u32,
}

impl RequestLine {
    pub(super) fn is_absolute_form(&self) -> bool {
        self.authority < self.resource
    }
}

/// Reads the request line at the start of `bytes`: `GET` or `HEAD`, a target and HTTP/1.0 or
/// HTTP/1.1 (RQ-1, RQ-2, RQ-3, RQ-4). Returns its length, including the CRLF, too.
///
/// `start` is the offset of the line in the head. If the line is incomplete, an error is returned.
#[inline(always)]
pub(super) fn parse_request_line(
    start: usize,
    bytes: &[u8],
) -> Result<(RequestLine, usize), ProtocolError> {
    let malformed = |at: usize| invalid_start_line(start + at);
    let is_head = !bytes.starts_with(b"GET ");
    if is_head && !bytes.starts_with(b"HEAD ") {
        return Err(invalid_method(start, bytes));
    }
    let method_len = if is_head { 4 } else { 3 };
    let target_at = method_len + 1;
    let target = bytes.get(target_at..).unwrap_or_default();
    let scheme_len = match target.first() {
        Some(b'/') => 0,
        _ => scheme_len(target).ok_or(malformed(target_at))?,
    };
    let target_len = target_len(target);
    work::record(target_len);
    let version_at = target_at + target_len + 1;
    if target.get(target_len) != Some(&b' ') {
        return Err(malformed(version_at - 1));
    }
    let version = bytes.get(version_at..).unwrap_or_default();
    let is_http_1_0 = !version.starts_with(b"HTTP/1.1\r\n");
    if is_http_1_0 && !version.starts_with(b"HTTP/1.0\r\n") {
        return Err(invalid_version(start + version_at, version));
    }
    let authority_at = target_at + scheme_len;
    let authority_len = match scheme_len {
        0 => 0,
        _ => authority_len(target.get(scheme_len..target_len).unwrap_or_default())
            .ok_or(malformed(authority_at))?,
    };
    let offset = |at: usize| (start + at) as u32;
    let line = RequestLine {
        is_head,
        is_http_1_0,
        target: offset(target_at),
        authority: offset(authority_at),
        resource: offset(authority_at + authority_len),
        end: offset(version_at - 1),
    };
    Ok((line, version_at + "HTTP/1.1\r\n".len()))
}

/// Returns the error for a request line at offset `start` of the head with another method.
#[cold]
fn invalid_method(start: usize, line: &[u8]) -> ProtocolError {
    match token_len(line) {
        len if len > 0 && line.get(len) == Some(&b' ') => ProtocolError::UnsupportedMethod,
        len => invalid_start_line(start + len),
    }
}

/// Returns the length of the scheme and `://` at the start of a target in absolute form.
#[cold]
fn scheme_len(target: &[u8]) -> Option<usize> {
    const MAX_SCHEME_LEN: usize = 16;
    let is_scheme_byte = |byte: &&u8| byte.is_ascii_alphanumeric();
    let start = target.iter().take(MAX_SCHEME_LEN);
    let len = start.take_while(is_scheme_byte).count();
    let rest = target.get(len..)?;
    rest.starts_with(b"://").then_some(len + 3)
}

/// Returns the length of the authority, which ends at the path or the query, unless it is empty.
#[cold]
fn authority_len(bytes: &[u8]) -> Option<usize> {
    work::record(bytes.len());
    let len = bytes.iter().position(|byte| matches!(byte, b'/' | b'?'));
    Some(len.unwrap_or(bytes.len())).filter(|len| *len > 0)
}

/// Returns the error for a version, given with its CRLF, at offset `at` of the head.
#[cold]
fn invalid_version(at: usize, version: &[u8]) -> ProtocolError {
    let version = version.strip_suffix(b"\r\n").unwrap_or(version);
    let name = b"HTTP/";
    let matching = version.iter().zip(name).take_while(|(a, b)| a == b).count();
    if matching < name.len() {
        return invalid_start_line(at + matching);
    }
    let number = version.get(matching..).unwrap_or_default();
    let is_number_byte = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let number_len = number.iter().take_while(is_number_byte).count();
    if number_len == 0 || number_len < number.len() {
        return invalid_start_line(at + matching + number_len);
    }
    let value = |digits: &[u8]| {
        digits.iter().fold(0_u8, |value, digit| {
            value.saturating_mul(10).saturating_add(digit & 0x0F)
        })
    };
    let mut numbers = number.split(|byte| *byte == b'.').map(value);
    ProtocolError::UnsupportedHttpVersion {
        at: at as u32,
        major: numbers.next().unwrap_or_default(),
        minor: numbers.next().unwrap_or_default(),
    }
}

/// Returns the range of the status in a status line, given without its CRLF: `HTTP/1.1` or
/// `HTTP/1.0`, a space, three digits, and, unless the line ends there, a space and a reason
/// (H76-34, HY-11).
pub(super) fn parse_status_line(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| Err(invalid_start_line(at));
    // `v` is 0 or 1, and `d` any digit.
    let form = b"HTTP/1.v ddd";
    let matches = |(byte, expected): &(&u8, &u8)| match **expected {
        b'v' => matches!(byte, b'0' | b'1'),
        b'd' => byte.is_ascii_digit(),
        _ => byte == expected,
    };
    let matching = line.iter().zip(form).take_while(matches).count();
    if matching < form.len() {
        return malformed(matching);
    }
    // Only HTTP/1.1 can switch protocols.
    if line.starts_with(b"HTTP/1.0 101") {
        return malformed("HTTP/1.".len());
    }
    let reason = line.get(form.len()..).unwrap_or_default();
    if !matches!(reason, [] | [b' ', ..]) {
        return malformed(form.len());
    }
    match reason.iter().position(|byte| is_forbidden_control(*byte)) {
        Some(at) => malformed(form.len() + at),
        None => Ok("HTTP/1.1 ".len()..form.len()),
    }
}

/// Reads the header field line at the start of `bytes`; returns the index of its colon and its
/// length, including the CRLF. Returns `None` if the line is incomplete or invalid.
#[inline(always)]
pub(super) fn parse_field(bytes: &[u8]) -> Option<(usize, usize)> {
    // RQ-7: the name ends at the first colon; the value may contain others.
    let mut colon = common_token_len(bytes);
    if bytes.get(colon) != Some(&b':') {
        colon = uncommon_name_len(bytes)?;
    }
    let end = colon + 1 + value_len(bytes.get(colon + 1..)?);
    work::record(end);
    let is_valid = colon > 0 && bytes.get(end..end + 2)? == b"\r\n";
    is_valid.then_some((colon, end + 2))
}

/// Returns the length of a name with uncommon characters, or `None` if no colon follows it.
#[cold]
fn uncommon_name_len(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'\r') {
        return None; // The blank line.
    }
    let len = token_len(bytes);
    (bytes.get(len) == Some(&b':')).then_some(len)
}

/// Returns the length of the field value at the start of `bytes` (RQ-11).
#[inline(always)]
fn value_len(bytes: &[u8]) -> usize {
    let len = text_len(bytes);
    if bytes.get(len) == Some(&b'\t') {
        return len + value_with_tabs_len(bytes.get(len..).unwrap_or_default());
    }
    len
}

#[cold]
fn value_with_tabs_len(bytes: &[u8]) -> usize {
    let is_valid = |byte: &&u8| !is_forbidden_control(**byte);
    bytes.iter().take_while(is_valid).count()
}

/// Returns the error for an invalid header field line at offset `start` of the head.
#[cold]
pub(super) fn invalid_field(start: usize, line: &[u8]) -> ProtocolError {
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    let colon = token_len(line);
    let end = colon + 1 + value_len(line.get(colon + 1..).unwrap_or_default());
    let is_cr = |at: usize| line.get(at) == Some(&b'\r');
    let (at, kind) = match line.first() {
        Some(b' ' | b'\t') => (0, LineErrorKind::ObsFold), // RQ-10
        _ if is_cr(colon) => (colon, LineErrorKind::BareCr),
        _ if colon == 0 || line.get(colon) != Some(&b':') => (colon, LineErrorKind::Name),
        _ if is_cr(end) => (end, LineErrorKind::BareCr),
        _ => (end, LineErrorKind::Value), // RQ-11
    };
    invalid_line(start + at, kind)
}

/// Removes spaces and tabs at both ends.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
