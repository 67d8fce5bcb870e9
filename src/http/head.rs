//! The head of an HTTP message: a first line, header fields, a blank line. Resumable, each byte
//! looked at once; knows HTTP and nothing of WebSocket.

use alloc::vec::Vec;
use core::ops::Range;

use memchr::memchr;

use crate::config::Config;
use crate::error::{LineErrorKind, ProtocolError};
use crate::work;

use super::line::{self, invalid_line, trim};

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
            head: config.max_head_len,
            line: config.max_header_line_len,
            headers: config.max_headers,
        }
    }
}

/// H76-34: the longest first line of a response, as WebKit had it.
const MAX_STATUS_LINE: u32 = 1024;

/// Room for what browsers send, so that a head seldom has to grow.
const TYPICAL_HEAD: usize = 512;
const TYPICAL_FIELDS: usize = 12;

/// What the first line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadKind {
    Request,
    Response,
}

/// How far [`Head::read`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All input is taken and the head goes on.
    NeedMore,
    /// The first line has come to its end.
    StartLine,
    /// The blank line has come; what follows it was not taken.
    Complete,
}

#[derive(Clone, Copy)]
struct FieldOffsets {
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
    kind: HeadKind,
    limits: Limits,
    bytes: Vec<u8>,
    /// Where the line in the making begins.
    line_start: usize,
    fields: Vec<FieldOffsets>,
    /// Request: the target. Response: the status. Within `bytes`.
    target_or_status: Range<usize>,
}

impl Head {
    pub(crate) fn request(limits: Limits) -> Self {
        Self::new(HeadKind::Request, limits)
    }

    pub(crate) fn response(limits: Limits) -> Self {
        Self::new(HeadKind::Response, limits)
    }

    fn new(start: HeadKind, limits: Limits) -> Self {
        Self {
            kind: start,
            limits,
            bytes: Vec::new(),
            line_start: 0,
            fields: Vec::new(),
            target_or_status: 0..0,
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

    /// Takes all of `input` if it is but a bit of the line in the making and does not end it, as
    /// with most of a head that comes in bits; whether it was.
    pub(crate) fn buffer_fragment(&mut self, input: &[u8]) -> bool {
        const BIT: usize = 8;
        let is_bit = self.line_start < self.bytes.len() && input.len() < BIT;
        let goes_on = is_bit && input.len() <= self.line_capacity() && !input.contains(&b'\n');
        if goes_on {
            work::record(input.len());
            self.bytes.extend_from_slice(input);
        }
        goes_on
    }

    /// Takes bytes off the front of `input`, up to the end of the first line or of the head.
    // Not inlined, so that its caller is.
    #[inline(never)]
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        if self.bytes.capacity() == 0 {
            self.bytes = Vec::with_capacity(TYPICAL_HEAD);
            self.fields = Vec::with_capacity(TYPICAL_FIELDS);
        }
        while !input.is_empty() {
            if self.read_lines_fast(input) {
                return Ok(Progress::Complete);
            }
            match self.read_line(input)? {
                Progress::NeedMore => {}
                end => return Ok(end),
            }
        }
        Ok(Progress::NeedMore)
    }

    /// Takes the lines that lie whole in `input` and have nothing wrong with them, as most do;
    /// whether the blank line is among them. What is left to [`read_line`](Self::read_line) is
    /// looked at once more, but never more than one line.
    fn read_lines_fast(&mut self, input: &mut &[u8]) -> bool {
        if self.line_start < self.bytes.len() {
            return false;
        }
        let within = input.get(..self.head_capacity()).unwrap_or(input);
        let fits = |length: usize| length <= self.limits.line as usize;
        let mut taken = 0;
        let mut complete = false;
        if self.line_start == 0 {
            let request =
                (self.kind == HeadKind::Request).then(|| line::parse_request_line_fast(within));
            match request.flatten() {
                Some((target, length)) if fits(length) => {
                    self.target_or_status = target;
                    taken = length;
                }
                _ => return false,
            }
        }
        while self.fields.len() < self.limits.headers as usize {
            let rest = within.get(taken..).unwrap_or_default();
            let Some((colon, length)) = line::parse_field_fast(rest).filter(|field| fits(field.1))
            else {
                complete = rest.starts_with(b"\r\n") && fits(2);
                break;
            };
            let begin = self.line_start + taken;
            self.fields.push(FieldOffsets {
                name: begin as u32,
                colon: (begin + colon) as u32,
                end: (begin + length - 2) as u32,
            });
            taken += length;
        }
        if complete {
            taken += 2;
        }
        let (lines, rest) = input.split_at_checked(taken).unwrap_or((input, &[]));
        self.bytes.extend_from_slice(lines);
        self.line_start = self.bytes.len();
        *input = rest;
        complete
    }

    fn read_line(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        let room = self.line_capacity();
        let within = input.get(..room).unwrap_or(input);
        let found = memchr(b'\n', within);
        let here = found.map_or(within.len(), |lf| lf + 1);
        work::record(here);
        let (line, rest) = input.split_at_checked(here).unwrap_or((input, &[]));
        self.bytes.extend_from_slice(line);
        *input = rest;
        if found.is_some() {
            return self.end_line();
        }
        if rest.is_empty() {
            return Ok(Progress::NeedMore);
        }
        Err(self.too_long())
    }

    /// How many bytes more this line may have.
    fn line_capacity(&self) -> usize {
        let line = (self.max_line() as usize).saturating_sub(self.bytes.len() - self.line_start);
        self.head_capacity().min(line)
    }

    fn head_capacity(&self) -> usize {
        (self.limits.head as usize).saturating_sub(self.bytes.len())
    }

    fn max_line(&self) -> u32 {
        match self.kind {
            HeadKind::Response if self.line_start == 0 => self.limits.line.min(MAX_STATUS_LINE),
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
            at: self.line_start as u32,
            limit: self.max_line(),
        }
    }

    /// The line in the making has come to its LF.
    fn end_line(&mut self) -> Result<Progress, ProtocolError> {
        let begin = self.line_start;
        let line = self.bytes.get(begin..).unwrap_or_default();
        work::record(line.len());
        let Some(line) = line.strip_suffix(b"\r\n") else {
            // RQ-5
            return Err(invalid_line(self.bytes.len() - 1, LineErrorKind::BareLf));
        };
        self.line_start = self.bytes.len();
        if begin == 0 {
            self.target_or_status = match self.kind {
                HeadKind::Request => line::parse_request_line(line)?,
                HeadKind::Response => line::parse_status_line(line)?,
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
        let colon = line::parse_field(begin, line)?;
        self.fields.push(FieldOffsets {
            name: begin as u32,
            colon: (begin + colon) as u32,
            end: (begin + line.len()) as u32,
        });
        Ok(Progress::NeedMore)
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
        self.bytes
            .get(self.target_or_status.clone())
            .unwrap_or_default()
    }

    /// Response: the status, three digits.
    pub(crate) fn status(&self) -> u16 {
        let digits = self
            .bytes
            .get(self.target_or_status.clone())
            .unwrap_or_default();
        let digit = |sum: u16, byte: &u8| sum * 10 + u16::from(byte.wrapping_sub(b'0'));
        digits.iter().fold(0, digit)
    }

    /// The fields in their order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.fields.iter().map(|field| self.header_at(*field))
    }

    /// At most so many of them, from this number on.
    pub(crate) fn headers_from(
        &self,
        number: usize,
        most: usize,
    ) -> impl Iterator<Item = Header<'_>> {
        let fields = self.fields.get(number..).unwrap_or_default();
        let fields = fields.get(..most).unwrap_or(fields);
        fields.iter().map(|field| self.header_at(*field))
    }

    /// One of them, by its number.
    pub(crate) fn nth(&self, number: usize) -> Option<Header<'_>> {
        self.fields.get(number).map(|field| self.header_at(*field))
    }

    /// The fields of this name, in any case.
    pub(crate) fn named<'h>(&'h self, name: &str) -> impl Iterator<Item = Header<'h>> {
        let is_it = move |header: &Header<'_>| header.name.eq_ignore_ascii_case(name.as_bytes());
        self.headers().filter(is_it)
    }

    /// The first field of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<Header<'_>> {
        self.named(name).next()
    }

    fn header_at(&self, field: FieldOffsets) -> Header<'_> {
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
