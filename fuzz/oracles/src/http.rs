//! A simple parser of HTTP heads, independent of the library's, and that of `httparse`.

use httparse::{EMPTY_HEADER, Response};
use hybi::Rejection;
use testkit::key_part;

use crate::dialect::{KEY1, KEY2};

pub(crate) type Fields<'a> = Vec<(String, &'a [u8])>;

/// Splits a valid message into the header fields of its head and the bytes after it. An empty line
/// may precede it (RQ-6).
pub(crate) fn split_head(bytes: &[u8]) -> (Fields<'_>, &[u8]) {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, trailing) = bytes.split_at(end.expect("a blank line") + 4);
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        let value = line[colon + 1..].strip_suffix(b"\r")?;
        Some((name, value.strip_prefix(b" ").unwrap_or(value)))
    });
    (fields.collect(), trailing)
}

/// The first response that is not an interim one, as `httparse` reads it.
pub(crate) struct FinalResponse<'a> {
    pub(crate) status: u16,
    /// The minor version.
    pub(crate) version: u8,
    /// With trimmed values.
    pub(crate) fields: Fields<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Parses an accepted response and the interim ones before it. HY-11
pub(crate) fn final_response(bytes: &[u8]) -> FinalResponse<'_> {
    let mut start = 0;
    for _ in 0..=8 {
        let mut fields = [EMPTY_HEADER; 128];
        let mut response = Response::new(&mut fields);
        let parsed = response.parse(&bytes[start..]).expect("a valid response");
        let end = start + parsed.unwrap();
        let status = response.code.expect("a complete response");
        if !matches!(status, 100 | 102..=199) {
            let fields = response.headers.iter();
            let fields = fields.map(|field| (field.name.to_owned(), trim(field.value)));
            return FinalResponse {
                status,
                version: response.version.expect("a complete response"),
                fields: fields.collect(),
                start,
                end,
            };
        }
        start = end;
    }
    panic!("more than 8 interim responses");
}

/// Asserts that a rejection has the status and the fields of the response in `bytes`; returns where
/// the head of the response ends.
pub(crate) fn check_rejection(rejection: &Rejection, bytes: &[u8]) -> usize {
    let response = final_response(bytes);
    assert_eq!(rejection.status(), response.status);
    let fields = rejection
        .headers()
        .map(|(name, value)| (name.to_owned(), value));
    assert_eq!(fields.collect::<Fields<'_>>(), response.fields);
    for (name, _) in &response.fields {
        let mut same_name = response.fields.iter();
        let first = same_name.find(|(one, _)| one.eq_ignore_ascii_case(name));
        let value = rejection.header(&name.to_ascii_uppercase());
        assert_eq!(value, first.map(|(_, value)| *value));
    }
    response.end
}

/// The challenge response to a request with valid keys, followed by its key3.
pub(crate) fn challenge_response(request: &[u8]) -> [u8; 16] {
    let (fields, key3) = split_head(request);
    let part = |name: &str| {
        let key = fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let part = key_part(key.expect("both keys are present").1);
        part.expect("a valid key")
    };
    let key3 = key3.first_chunk().expect("a complete key3");
    testkit::challenge_response([KEY1, KEY2].map(part), *key3)
}

/// Removes spaces and tabs at both ends.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let is_visible = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_visible).unwrap_or(value.len());
    let last = value.iter().rposition(is_visible);
    let end = last.map_or(start, |last| last + 1);
    &value[start..end]
}

/// Asserts that two lists hold the same fields, in any order.
pub(crate) fn assert_same_fields(
    found: impl IntoIterator<Item = (String, impl AsRef<[u8]>)>,
    expected: impl IntoIterator<Item = (impl Into<String>, impl AsRef<[u8]>)>,
) {
    assert_eq!(sorted(found), sorted(expected));
}

fn sorted(
    fields: impl IntoIterator<Item = (impl Into<String>, impl AsRef<[u8]>)>,
) -> Vec<(String, String)> {
    let text = |value: &[u8]| value.escape_ascii().to_string();
    let fields = fields.into_iter();
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.into(), text(value.as_ref())))
        .collect();
    fields.sort();
    fields
}
