//! An incremental parser for the head of an HTTP message. Its work is linear in the input, however
//! the input is split.

use alloc::vec::Vec;
use core::mem;

use memchr::memchr;

use crate::config::Config;
use crate::error::{LineErrorKind, ProtocolError};
use crate::work;

use super::line::{self, RequestLine, invalid_line, invalid_start_line, trim};

/// The limits of a head (RQ-19).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In bytes.
    max_head_len: u32,
    /// In bytes, including the line's CRLF.
    max_line_len: u32,
    max_headers: u32,
}

impl Limits {
    /// No limits, for heads that an HTTP library has parsed and for placeholders.
    pub(crate) const NONE: Self = Self {
        max_head_len: u32::MAX,
        max_line_len: u32::MAX,
        max_headers: u32::MAX,
    };

    pub(crate) fn from_config(config: &Config) -> Self {
        Self {
            max_head_len: config.max_head_len,
            max_line_len: config.max_header_line_len,
            max_headers: config.max_headers,
        }
    }
}

/// The maximum length of a status line, that of WebKit (H76-34).
const MAX_STATUS_LINE_LEN: u32 = 1024;

/// The maximum number of interim responses before the final one (HY-11).
const MAX_INTERIM_RESPONSES: u8 = 8;

/// Initial capacities: enough for the requests of browsers.
const TYPICAL_HEAD_LEN: usize = 512;
const TYPICAL_FIELDS: usize = 12;

/// The maximum number of fields for which a complete head may have unused capacity.
const MANY_FIELDS: usize = 100;

/// The kind of the start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadKind {
    Request,
    Response,
}

/// The result of [`Head::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The head is incomplete. [`Head::read`] has consumed all input.
    NeedMore,
    /// The head is complete. The bytes after the blank line were not consumed.
    Complete,
}

/// The offsets of a header field in the head.
#[derive(Clone, Copy)]
struct FieldOffsets {
    name: u32,
    colon: u32,
    /// At the CR after the value.
    end: u32,
}

/// A header field of a head.
#[derive(Clone, Copy)]
pub(crate) struct Header<'h> {
    pub(crate) name: &'h [u8],
    /// The bytes after the colon, less one leading space (RQ-8).
    pub(crate) value: &'h [u8],
    /// The offset of the header field in the head.
    pub(crate) at: u32,
}

impl<'h> Header<'h> {
    /// Returns the value without surrounding white space (RQ-9).
    pub(crate) fn trimmed(&self) -> &'h [u8] {
        trim(self.value)
    }
}

/// A head, complete or incomplete.
pub(crate) struct Head {
    kind: HeadKind,
    limits: Limits,
    bytes: Vec<u8>,
    /// The offset in `bytes` of the line that is being read.
    line_start: usize,
    fields: Vec<FieldOffsets>,
    /// Of a request, once it is complete.
    request_line: RequestLine,
    /// The offset of the status of a response, once its status line is complete.
    status: u32,
    /// The interim responses before this one, which count towards its limits.
    interim: Interim,
}

/// The heads of interim responses, whose bytes were discarded.
#[derive(Clone, Copy, Default)]
struct Interim {
    /// Including the one that is being read.
    responses: u8,
    bytes: u32,
    headers: u32,
}

impl Head {
    pub(crate) fn request(limits: Limits) -> Self {
        Self::new(HeadKind::Request, limits)
    }

    pub(crate) fn response(limits: Limits) -> Self {
        Self::new(HeadKind::Response, limits)
    }

    fn new(kind: HeadKind, limits: Limits) -> Self {
        Self {
            kind,
            limits,
            bytes: Vec::new(),
            line_start: 0,
            fields: Vec::new(),
            request_line: RequestLine::default(),
            status: 0,
            interim: Interim::default(),
        }
    }

    /// Creates the head of a request that an HTTP library has parsed. [`push`](Self::push) adds the
    /// header fields.
    pub(crate) fn from_request_line(
        method: &[u8],
        target: &[u8],
        version: &[u8],
    ) -> Result<Self, ProtocolError> {
        let slices = [method, b" ", target, b" ", version, b"\r\n"];
        let add = |sum: usize, slice: &&[u8]| sum.saturating_add(slice.len());
        if slices.iter().fold(0, add) > (u32::MAX / 2) as usize {
            return Err(ProtocolError::HeadTooLong { limit: u32::MAX });
        }
        let mut head = Self::request(Limits::NONE);
        head.bytes = slices.concat();
        head.end_line()?;
        Ok(head)
    }

    /// Moves the head out. What is left of it still says whether the method is `HEAD`.
    pub(crate) fn take(&mut self) -> Self {
        let mut rest = Self::request(Limits::NONE);
        rest.request_line.is_head = self.request_line.is_head;
        mem::replace(self, rest)
    }

    /// Adds a header field to a head from [`from_request_line`](Self::from_request_line).
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), ProtocolError> {
        let slices = [name, b": ", value, b"\r\n"];
        // Offsets are u32. 2 bytes are reserved for the blank line.
        let len = slices.iter().fold(self.bytes.len() + 2, |sum, slice| {
            sum.saturating_add(slice.len())
        });
        if len > u32::MAX as usize {
            return Err(ProtocolError::HeadTooLong { limit: u32::MAX });
        }
        for slice in slices {
            self.append(slice);
        }
        self.end_line().map(drop)
    }

    /// Appends the blank line to a head from [`from_request_line`](Self::from_request_line).
    pub(crate) fn finish(&mut self) {
        self.append(b"\r\n");
    }

    /// Appends to `bytes`, whose capacity doubles up to the limit. While it grows, the head takes
    /// 1.5 times the new capacity.
    #[inline]
    fn append(&mut self, slice: &[u8]) {
        if slice.len() > self.bytes.capacity() - self.bytes.len() {
            self.grow(slice.len());
        }
        self.bytes.extend_from_slice(slice);
    }

    #[cold]
    fn grow(&mut self, additional: usize) {
        let needed = self.bytes.len() + additional;
        let limit = self.limits.max_head_len as usize;
        let capacity = needed.next_power_of_two().min(limit).max(needed);
        self.bytes.reserve_exact(capacity - self.bytes.len());
    }

    /// Fast path for short reads. Returns `true` if it consumed `input`: fewer than 8 bytes that
    /// continue an incomplete line and contain no LF.
    pub(crate) fn buffer_fragment(&mut self, input: &[u8]) -> bool {
        const SHORT: usize = 8;
        let is_short = self.line_start < self.bytes.len() && input.len() < SHORT;
        let appends =
            is_short && input.len() <= self.remaining_line_len() && !input.contains(&b'\n');
        if appends {
            work::record(input.len());
            self.append(input);
        }
        appends
    }

    /// Consumes bytes from `input` up to the end of the head.
    ///
    /// Interim responses are skipped (HY-11).
    // Not inlined, so that the caller can be.
    #[inline(never)]
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        if self.bytes.capacity() == 0 {
            self.bytes = Vec::with_capacity(TYPICAL_HEAD_LEN);
            self.fields = Vec::with_capacity(TYPICAL_FIELDS);
        }
        while !input.is_empty() {
            if self.read_lines_fast(input) {
                if !self.skip_interim() {
                    return Ok(self.complete());
                }
                continue;
            }
            match self.read_line(input)? {
                Progress::NeedMore => {}
                progress => return Ok(progress),
            }
        }
        Ok(Progress::NeedMore)
    }

    /// Fast path: consumes complete valid lines. Returns `true` if the head is complete.
    ///
    /// It stops before a line that needs [`read_line`](Self::read_line), so each call scans at most
    /// one line in vain.
    fn read_lines_fast(&mut self, input: &mut &[u8]) -> bool {
        if self.line_start < self.bytes.len() {
            return false;
        }
        let allowed = input.get(..self.remaining_head_len()).unwrap_or(input);
        let mut consumed = 0;
        if self.in_start_line() {
            match self.read_request_line_fast(allowed) {
                Some(len) => consumed = len,
                None => return false,
            }
        }
        let fields = allowed.get(consumed..).unwrap_or_default();
        let (len, complete) = self.read_fields_fast(self.line_start + consumed, fields);
        consumed += len;
        let (lines, remaining) = input.split_at_checked(consumed).unwrap_or((input, &[]));
        self.append(lines);
        self.line_start = self.bytes.len();
        *input = remaining;
        complete
    }

    /// Returns the length of the request line at the start of `bytes`.
    #[inline(never)]
    fn read_request_line_fast(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.kind != HeadKind::Request || !bytes.starts_with(b"GET /") {
            return None;
        }
        let (line, len) = line::parse_request_line(self.line_start, bytes).ok()?;
        if len > self.limits.max_line_len as usize {
            return None;
        }
        self.request_line = line;
        Some(len)
    }

    /// Returns the length of the header fields at the start of `bytes`, and whether the blank line
    /// follows them, which is included then. `start` is the offset of `bytes` in the head.
    // Not inlined, so that the constants of the search stay in registers.
    #[inline(never)]
    fn read_fields_fast(&mut self, start: usize, bytes: &[u8]) -> (usize, bool) {
        let max_line_len = self.limits.max_line_len as usize;
        let max_headers = self.max_headers();
        let mut consumed = 0;
        while self.fields.len() < max_headers {
            let remaining = bytes.get(consumed..).unwrap_or_default();
            let Some((colon, len)) =
                line::parse_field(remaining).filter(|(_, len)| *len <= max_line_len)
            else {
                if remaining.starts_with(b"\r\n") && max_line_len >= 2 {
                    return (consumed + 2, true);
                }
                break;
            };
            self.push_field(start + consumed, colon, len);
            consumed += len;
        }
        (consumed, false)
    }

    /// Adds a field whose line starts at `start` and has `len` bytes, with its CRLF.
    #[inline]
    fn push_field(&mut self, start: usize, colon: usize, len: usize) {
        if self.fields.len() == self.fields.capacity() {
            self.grow_fields();
        }
        self.fields.push(FieldOffsets {
            name: start as u32,
            colon: (start + colon) as u32,
            end: (start + len - 2) as u32,
        });
    }

    /// Doubles the capacity, but not above the maximum number of fields.
    #[cold]
    fn grow_fields(&mut self) {
        let len = self.fields.len();
        let limit = self.max_headers().saturating_sub(len);
        self.fields.reserve_exact(len.max(1).min(limit));
    }

    /// Slow path: consumes bytes up to the end of the line.
    fn read_line(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        let allowed = input.get(..self.remaining_line_len()).unwrap_or(input);
        let lf = memchr(b'\n', allowed);
        let len = lf.map_or(allowed.len(), |lf| lf + 1);
        work::record(len);
        let (line, remaining) = input.split_at_checked(len).unwrap_or((input, &[]));
        self.append(line);
        *input = remaining;
        if lf.is_some() {
            return self.end_line();
        }
        if remaining.is_empty() {
            return Ok(Progress::NeedMore);
        }
        Err(self.too_long())
    }

    /// Returns the number of bytes by which the incomplete line may grow.
    fn remaining_line_len(&self) -> usize {
        let line_len = self.bytes.len() - self.line_start;
        let line_capacity = (self.max_line_len() as usize).saturating_sub(line_len);
        self.remaining_head_len().min(line_capacity)
    }

    /// Returns the number of bytes by which the head may grow.
    fn remaining_head_len(&self) -> usize {
        (self.limits.max_head_len as usize).saturating_sub(self.received_len())
    }

    /// Returns the number of bytes received, those of interim responses included.
    fn received_len(&self) -> usize {
        self.interim.bytes as usize + self.bytes.len()
    }

    /// Returns the maximum number of header fields in this head.
    fn max_headers(&self) -> usize {
        self.limits.max_headers.saturating_sub(self.interim.headers) as usize
    }

    /// Returns `true` for a response with status 1xx other than 101, which ends the HTTP
    /// connection.
    fn is_interim(&self) -> bool {
        self.kind == HeadKind::Response && matches!(self.status(), 100 | 102..=199)
    }

    /// Discards a complete head if it is that of an interim response.
    fn skip_interim(&mut self) -> bool {
        let is_interim = self.is_interim();
        if is_interim {
            self.interim.bytes = self.received_len() as u32;
            self.interim.headers += self.fields.len() as u32;
            self.bytes.clear();
            self.fields.clear();
            self.line_start = 0;
            self.status = 0;
        }
        is_interim
    }

    /// Releases the capacity for fields that did not arrive.
    fn complete(&mut self) -> Progress {
        if self.fields.capacity() > MANY_FIELDS {
            self.fields.shrink_to_fit();
        }
        Progress::Complete
    }

    fn max_line_len(&self) -> u32 {
        match self.kind {
            HeadKind::Response if self.line_start == 0 => {
                self.limits.max_line_len.min(MAX_STATUS_LINE_LEN)
            }
            _ => self.limits.max_line_len,
        }
    }

    /// Returns the error for the limit that was exceeded.
    fn too_long(&self) -> ProtocolError {
        if self.received_len() >= self.limits.max_head_len as usize {
            return ProtocolError::HeadTooLong {
                limit: self.limits.max_head_len,
            };
        }
        ProtocolError::LineTooLong {
            at: self.line_start as u32,
            limit: self.max_line_len(),
        }
    }

    /// Parses the last line of `bytes`, which ends with an LF.
    ///
    /// Returns [`Progress::NeedMore`] unless it ends the head, also if input is left.
    fn end_line(&mut self) -> Result<Progress, ProtocolError> {
        let start = self.line_start;
        let line = self.bytes.get(start..).unwrap_or_default();
        if !line.ends_with(b"\r\n") {
            // RQ-5
            return Err(invalid_line(self.bytes.len() - 1, LineErrorKind::BareLf));
        }
        self.line_start = self.bytes.len();
        if self.in_start_line() {
            match self.kind {
                // RQ-6: one empty line is ignored.
                HeadKind::Request if start == 0 && line == b"\r\n" => {
                    return Ok(Progress::NeedMore);
                }
                HeadKind::Request => {
                    let (request_line, len) = line::parse_request_line(start, line)?;
                    if len < line.len() {
                        return Err(invalid_start_line(start + len - 2));
                    }
                    self.request_line = request_line;
                    self.complete_path();
                }
                HeadKind::Response => {
                    work::record(line.len());
                    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
                    self.status = line::parse_status_line(line)?.start as u32;
                }
            }
            if !self.is_interim() {
                return Ok(Progress::NeedMore);
            }
            if self.interim.responses >= MAX_INTERIM_RESPONSES {
                return Err(ProtocolError::TooManyInterimResponses {
                    limit: MAX_INTERIM_RESPONSES.into(),
                });
            }
            self.interim.responses += 1;
            return Ok(Progress::NeedMore);
        }
        if line == b"\r\n" {
            let is_interim = self.skip_interim();
            return Ok(if is_interim {
                Progress::NeedMore
            } else {
                self.complete()
            });
        }
        if self.fields.len() >= self.max_headers() {
            return Err(ProtocolError::TooManyHeaders {
                limit: self.limits.max_headers,
            });
        }
        // A field from `push` may contain a CRLF.
        let (colon, len) = line::parse_field(line)
            .filter(|field| field.1 == line.len())
            .ok_or_else(|| line::invalid_field(start, line))?;
        self.push_field(start, colon, len);
        Ok(Progress::NeedMore)
    }

    fn in_start_line(&self) -> bool {
        self.request_line.end == 0 && self.status == 0
    }

    /// Absolute form: adds the slash of an empty path, so that the resource starts with one.
    ///
    /// `http://a?b` becomes `http:/a/?b`, of the same length, so that offsets of later lines are
    /// those in the input.
    fn complete_path(&mut self) {
        let line = &mut self.request_line;
        let (authority, resource) = (line.authority as usize, line.resource as usize);
        if !line.is_absolute_form() || self.bytes.get(resource) == Some(&b'/') {
            return;
        }
        if let Some(bytes) = self.bytes.get_mut(authority - 1..resource) {
            bytes.rotate_left(1);
            line.authority -= 1;
            line.resource -= 1;
        }
    }

    /// Returns the bytes of the head received so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns `true` if the method of the request is `HEAD`, `false` if it is `GET`.
    pub(crate) fn is_head(&self) -> bool {
        self.request_line.is_head
    }

    /// Returns `true` if the version of the request is HTTP/1.0, `false` if it is HTTP/1.1.
    pub(crate) fn is_http_1_0(&self) -> bool {
        self.request_line.is_http_1_0
    }

    /// Returns the offset of the version of a request.
    pub(crate) fn version_at(&self) -> u32 {
        self.request_line.end + 1
    }

    /// Returns the path and query of a request: bytes 0x21 to 0x7E, the first one a slash.
    pub(crate) fn resource(&self) -> &str {
        core::str::from_utf8(self.resource_bytes()).unwrap_or_default()
    }

    pub(crate) fn resource_bytes(&self) -> &[u8] {
        self.range(self.request_line.resource, self.request_line.end)
    }

    /// Returns the scheme and the authority of a target in absolute form, and their offsets.
    #[inline]
    pub(crate) fn scheme_and_authority(&self) -> Option<[(&[u8], u32); 2]> {
        if !self.request_line.is_absolute_form() {
            return None;
        }
        self.split_absolute_form()
    }

    #[cold]
    fn split_absolute_form(&self) -> Option<[(&[u8], u32); 2]> {
        let line = &self.request_line;
        let target = self.range(line.target, line.authority);
        let scheme = target.split(|byte| *byte == b':').next()?;
        let authority = self.range(line.authority, line.resource);
        Some([(scheme, line.target), (authority, line.authority)])
    }

    /// Returns the status of a response: three digits.
    pub(crate) fn status(&self) -> u16 {
        let digits = self.range(self.status, self.status + 3);
        let append = |status: u16, digit: &u8| status * 10 + u16::from(digit.wrapping_sub(b'0'));
        digits.iter().fold(0, append)
    }

    /// Returns the header fields in order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.fields.iter().map(|field| self.header_at(*field))
    }

    /// Returns at most `count` header fields, from index `start` on.
    pub(crate) fn headers_from(
        &self,
        start: usize,
        count: usize,
    ) -> impl Iterator<Item = Header<'_>> {
        let fields = self.fields.get(start..).unwrap_or_default();
        let fields = fields.get(..count).unwrap_or(fields);
        fields.iter().map(|field| self.header_at(*field))
    }

    /// Returns the header field with this index.
    pub(crate) fn nth(&self, index: usize) -> Option<Header<'_>> {
        self.fields.get(index).map(|field| self.header_at(*field))
    }

    /// Returns the header fields with this name, in any case.
    pub(crate) fn named<'h>(&'h self, name: &str) -> impl Iterator<Item = Header<'h>> {
        let matches = move |header: &Header<'_>| header.name.eq_ignore_ascii_case(name.as_bytes());
        self.headers().filter(matches)
    }

    /// Returns the first header field with this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<Header<'_>> {
        self.named(name).next()
    }

    fn header_at(&self, offsets: FieldOffsets) -> Header<'_> {
        let value = self.range(offsets.colon + 1, offsets.end);
        Header {
            name: self.range(offsets.name, offsets.colon),
            value: value.strip_prefix(b" ").unwrap_or(value),
            at: offsets.name,
        }
    }

    #[inline]
    fn range(&self, start: u32, end: u32) -> &[u8] {
        let range = start as usize..end as usize;
        self.bytes.get(range).unwrap_or_default()
    }
}

/// Omits the bytes, which may contain cookies.
impl core::fmt::Debug for Head {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Head({} bytes)", self.bytes.len())
    }
}
