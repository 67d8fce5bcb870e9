//! The head of an HTTP message: a first line, header fields, a blank line. Resumable, each byte
//! looked at once; knows HTTP and nothing of WebSocket.

use alloc::vec::Vec;
use core::ops::Range;

use memchr::memchr;

use crate::config::Config;
use crate::error::{LineFault, ProtocolError};
use crate::steps;

/// The limits of a head (RQ-19).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) head: u32,
    pub(crate) line: u32,
    pub(crate) headers: u32,
}

impl Limits {
    /// For what somebody else has read and limited.
    pub(crate) const NONE: Self = Self {
        head: u32::MAX,
        line: u32::MAX,
        headers: u32::MAX,
    };

    pub(crate) fn of(config: &Config) -> Self {
        Self {
            head: config.max_head,
            line: config.max_line,
            headers: config.max_headers,
        }
    }
}

/// H76-34: the longest first line of a response, as WebKit had it.
const MAX_STATUS_LINE: u32 = 1024;

/// Room for what browsers send, so that a head seldom has to grow.
const USUAL: usize = 512;
const USUAL_FIELDS: usize = 12;

/// What the first line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Request,
    Response,
}

/// How far [`Head::read`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All input is taken and the head goes on.
    More,
    /// The first line has come to its end.
    StartLine,
    /// The blank line has come; what follows it was not taken.
    Complete,
}

#[derive(Clone, Copy)]
struct Field {
    digest: u32,
    name: u32,
    colon: u32,
    /// Behind the value, at the CR.
    end: u32,
}

/// A header field within its head.
#[derive(Clone, Copy)]
pub(crate) struct Header<'h> {
    pub(crate) name: &'h [u8],
    /// RQ-8: less one space after the colon, otherwise as it came.
    pub(crate) value: &'h [u8],
    /// Where the field's line begins.
    pub(crate) at: u32,
}

impl<'h> Header<'h> {
    /// RQ-9: the value without the white space round it.
    pub(crate) fn trimmed(&self) -> &'h [u8] {
        trim(self.value)
    }
}

pub(crate) struct Head {
    start: Start,
    limits: Limits,
    bytes: Vec<u8>,
    /// Where the line in the making begins.
    line: usize,
    fields: Vec<Field>,
    /// Request: the target. Response: the status. Within `bytes`.
    subject: Range<usize>,
}

impl Head {
    pub(crate) fn request(limits: Limits) -> Self {
        Self::new(Start::Request, limits)
    }

    pub(crate) fn response(limits: Limits) -> Self {
        Self::new(Start::Response, limits)
    }

    fn new(start: Start, limits: Limits) -> Self {
        Self {
            start,
            limits,
            bytes: Vec::new(),
            line: 0,
            fields: Vec::new(),
            subject: 0..0,
        }
    }

    /// A request that somebody else has read, to be filled with [`push`](Self::push).
    pub(crate) fn from_target(target: &[u8]) -> Result<Self, ProtocolError> {
        if target.len() > (u32::MAX / 2) as usize {
            return Err(ProtocolError::HeadTooLong { limit: u32::MAX });
        }
        let mut head = Self::request(Limits::NONE);
        head.bytes = [b"GET ", target, b" HTTP/1.1\r\n"].concat();
        head.end_line()?;
        Ok(head)
    }

    /// Adds a field to a head from [`from_target`](Self::from_target).
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), ProtocolError> {
        let parts = [name, b": ", value, b"\r\n"];
        // Behind it a blank line. Places within a head are kept in 32 bits.
        let whole = parts.iter().fold(self.bytes.len() + 2, |sum, part| {
            sum.saturating_add(part.len())
        });
        if whole > u32::MAX as usize {
            return Err(ProtocolError::HeadTooLong { limit: u32::MAX });
        }
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.end_line().map(drop)
    }

    /// Ends a head from [`from_target`](Self::from_target).
    pub(crate) fn finish(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Takes bytes off the front of `input`, up to the end of the first line or of the head.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        if self.bytes.capacity() == 0 {
            self.bytes = Vec::with_capacity(USUAL);
            self.fields = Vec::with_capacity(USUAL_FIELDS);
        }
        while !input.is_empty() {
            match self.read_line(input)? {
                Progress::More => {}
                end => return Ok(end),
            }
        }
        Ok(Progress::More)
    }

    fn read_line(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        let room = self.room();
        let within = input.get(..room).unwrap_or(input);
        let found = memchr(b'\n', within);
        let here = found.map_or(within.len(), |lf| lf + 1);
        steps::count(here);
        let (line, rest) = input.split_at_checked(here).unwrap_or((input, &[]));
        self.bytes.extend_from_slice(line);
        *input = rest;
        if found.is_some() {
            return self.end_line();
        }
        if rest.is_empty() {
            return Ok(Progress::More);
        }
        Err(self.too_long())
    }

    /// How many bytes more this line may have.
    fn room(&self) -> usize {
        let head = (self.limits.head as usize).saturating_sub(self.bytes.len());
        let line = (self.max_line() as usize).saturating_sub(self.bytes.len() - self.line);
        head.min(line)
    }

    fn max_line(&self) -> u32 {
        match self.start {
            Start::Response if self.line == 0 => self.limits.line.min(MAX_STATUS_LINE),
            _ => self.limits.line,
        }
    }

    fn too_long(&self) -> ProtocolError {
        if self.bytes.len() >= self.limits.head as usize {
            return ProtocolError::HeadTooLong {
                limit: self.limits.head,
            };
        }
        ProtocolError::LineTooLong {
            at: self.line as u32,
            limit: self.max_line(),
        }
    }

    /// The line in the making has come to its LF.
    fn end_line(&mut self) -> Result<Progress, ProtocolError> {
        let begin = self.line;
        let line = self.bytes.get(begin..).unwrap_or_default();
        steps::count(line.len());
        let Some(line) = line.strip_suffix(b"\r\n") else {
            // RQ-5
            return Err(fault(self.bytes.len() - 1, LineFault::BareLf));
        };
        self.line = self.bytes.len();
        if begin == 0 {
            self.subject = match self.start {
                Start::Request => request_target(line)?,
                Start::Response => status(line)?,
            };
            return Ok(Progress::StartLine);
        }
        if line.is_empty() {
            return Ok(Progress::Complete);
        }
        if self.fields.len() >= self.limits.headers as usize {
            return Err(ProtocolError::TooManyHeaders {
                limit: self.limits.headers,
            });
        }
        let colon = field(begin, line)?;
        let name = line.get(..colon).unwrap_or_default();
        self.fields.push(Field {
            digest: digest(name),
            name: begin as u32,
            colon: (begin + colon) as u32,
            end: (begin + line.len()) as u32,
        });
        Ok(Progress::More)
    }

    /// All bytes so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Request: the target, bytes 0x21 to 0x7E, as it came.
    pub(crate) fn target(&self) -> &str {
        core::str::from_utf8(self.target_bytes()).unwrap_or_default()
    }

    pub(crate) fn target_bytes(&self) -> &[u8] {
        self.bytes.get(self.subject.clone()).unwrap_or_default()
    }

    /// Response: the status, three digits.
    pub(crate) fn status(&self) -> u16 {
        let digits = self.bytes.get(self.subject.clone()).unwrap_or_default();
        let digit = |sum: u16, byte: &u8| sum * 10 + u16::from(byte.wrapping_sub(b'0'));
        digits.iter().fold(0, digit)
    }

    /// The fields in their order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.fields.iter().map(|field| self.part(*field))
    }

    /// The fields of this name, in any case.
    pub(crate) fn named<'h>(&'h self, name: &str) -> impl Iterator<Item = Header<'h>> {
        let name = name.as_bytes();
        let digest = digest(name);
        self.fields.iter().filter_map(move |field| {
            if field.digest != digest {
                return None;
            }
            let range = field.name as usize..field.colon as usize;
            let same = self.bytes.get(range)?.eq_ignore_ascii_case(name);
            same.then(|| self.part(*field))
        })
    }

    /// The first field of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<Header<'_>> {
        self.named(name).next()
    }

    fn part(&self, field: Field) -> Header<'_> {
        let part = |from: u32, to: u32| {
            let range = from as usize..to as usize;
            self.bytes.get(range).unwrap_or_default()
        };
        let value = part(field.colon + 1, field.end);
        Header {
            name: part(field.name, field.colon),
            value: value.strip_prefix(b" ").unwrap_or(value),
            at: field.name,
        }
    }
}

/// Never shows the bytes: there are cookies among them.
impl core::fmt::Debug for Head {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Head({} bytes)", self.bytes.len())
    }
}

fn fault(at: usize, fault: LineFault) -> ProtocolError {
    ProtocolError::Line {
        at: at as u32,
        fault,
    }
}

/// RQ-1, RQ-2, RQ-3: the range of the target in `GET target HTTP/1.1`.
fn request_target(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
    let malformed = |at: usize| ProtocolError::StartLine { at: at as u32 };
    let method = line.iter().take_while(|byte| is_token(**byte)).count();
    if method == 0 || line.get(method) != Some(&b' ') {
        return Err(malformed(method));
    }
    if !line.starts_with(b"GET ") {
        return Err(ProtocolError::Method);
    }
    let begin = method + 1;
    let rest = line.get(begin..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| in_target(**byte)).count();
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
fn status(line: &[u8]) -> Result<Range<usize>, ProtocolError> {
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
fn field(begin: usize, line: &[u8]) -> Result<usize, ProtocolError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(fault(begin, LineFault::Fold)); // RQ-10
    }
    // RQ-7: the first colon splits, whatever the value holds.
    let colon = line.iter().take_while(|byte| is_token(**byte)).count();
    if line.get(colon) == Some(&b'\r') {
        return Err(fault(begin + colon, LineFault::BareCr));
    }
    if colon == 0 || line.get(colon) != Some(&b':') {
        return Err(fault(begin + colon, LineFault::Name));
    }
    let value = line.get(colon + 1..).unwrap_or_default();
    if !may_hold_control(value) {
        return Ok(colon);
    }
    let bad = value.iter().take_while(|byte| !is_control(**byte)).count();
    let kind = match value.get(bad) {
        None => return Ok(colon),
        Some(b'\r') => LineFault::BareCr,
        Some(_) => LineFault::Value, // RQ-11
    };
    Err(fault(begin + colon + 1 + bad, kind))
}

/// What names that are the same in any case have in common, and few others.
#[inline]
fn digest(name: &[u8]) -> u32 {
    const LOWER: u8 = 0x20;
    match name {
        [first, .., last] => u32::from_le_bytes([name.len() as u8, first | LOWER, last | LOWER, 0]),
        _ => 0,
    }
}

/// Whether there is a control, or only a tab; eight bytes at once, the last eight of which may
/// overlap those before them.
fn may_hold_control(value: &[u8]) -> bool {
    let Some(last) = value.last_chunk::<8>() else {
        return value.iter().any(|byte| is_control(*byte));
    };
    let holds = |eight: &[u8]| <[u8; 8]>::try_from(eight).is_ok_and(is_control_among);
    value.chunks_exact(8).any(holds) || holds(last)
}

/// Below 0x20, or 0x7F: a subtraction from such a byte, and from no other, sets its high bit.
fn is_control_among(eight: [u8; 8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let below = |bytes: u64, least: u64| bytes.wrapping_sub(ONES * least) & !bytes;
    let bytes = u64::from_le_bytes(eight);
    (below(bytes, 0x20) | below(bytes ^ (ONES * 0x7F), 1)) & (ONES << 7) != 0
}

fn in_target(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E) && byte != b'#'
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
