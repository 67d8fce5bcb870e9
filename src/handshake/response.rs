//! What a server answers a request with.

use alloc::vec::Vec;
use core::fmt;

use super::headers::HeaderName;
use super::{Request, echoed_headers, is_authority, reply_prefix};
use crate::config::{Config, Dialects};
use crate::error::{ProtocolError, Refused};
use crate::handshake::challenge;
use crate::http::{is_control, is_token};

/// A field that a caller adds.
type HeaderPair<'a> = (&'a str, &'a str);

/// How a request is to be accepted.
///
/// ```
/// use hybi::AcceptOptions;
/// let accept = AcceptOptions::new()
///     .protocol("sample")
///     .headers(&[("Set-Cookie", "seen=1; HttpOnly")]);
/// # let _ = accept;
/// ```
#[derive(Clone, Copy, Default)]
pub struct AcceptOptions<'a> {
    protocol: Option<&'a str>,
    authority: Option<&'a str>,
    headers: &'a [HeaderPair<'a>],
}

impl<'a> AcceptOptions<'a> {
    /// As the client asked, with no subprotocol.
    ///
    /// But a client of Hixie-75 or Hixie-76 that asked for a subprotocol refuses a reply without it,
    /// so what it asked for is then repeated, byte for byte (H76-13). Choose with
    /// [`protocol`](Self::protocol), or refuse with [`respond`](crate::Connection::respond).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            protocol: None,
            authority: None,
            headers: &[],
        }
    }

    /// The subprotocol to speak, one of [`Request::protocols`]; `accept` refuses any other with
    /// [`Refused::ProtocolNotOffered`].
    #[must_use]
    pub const fn protocol(self, name: &'a str) -> Self {
        Self {
            protocol: Some(name),
            ..self
        }
    }

    /// The `host` or `host:port` of the location in the reply, where a proxy in front changed the
    /// request's `Host` (H76-8). Default: the `Host` received.
    #[must_use]
    pub const fn authority(self, authority: &'a str) -> Self {
        Self {
            authority: Some(authority),
            ..self
        }
    }

    /// Fields to add, such as `Set-Cookie` (H76-15).
    #[must_use]
    pub const fn headers(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }
}

/// Any other answer to a request than [`AcceptOptions`]: a status, fields, a body. The connection ends
/// with it.
///
/// ```
/// use hybi::Response;
/// let page = Response::new(200)
///     .headers(&[("Content-Type", "text/html; charset=utf-8")])
///     .body(b"<!DOCTYPE html><title>Hello</title>");
/// # let _ = page;
/// ```
#[derive(Clone, Copy)]
pub struct Response<'a> {
    status: u16,
    headers: &'a [HeaderPair<'a>],
    body: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// An answer with this status, 200 to 599, and a line of text that names it.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: &[],
            body: None,
        }
    }

    /// Fields to add. `Connection` and `Content-Length` are written by the crate, and
    /// `Content-Type: text/plain` unless it is among these.
    #[must_use]
    pub const fn headers(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    /// The body in place of that line. A status that has no body (204, 205, 304) goes without.
    #[must_use]
    pub const fn body(self, body: &'a [u8]) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }
}

/// The head of the reply to a request that an HTTP library has read, for it to write; see
/// [`Connection::upgrade`](crate::Connection::upgrade).
#[derive(Clone)]
pub struct UpgradeResponse(Vec<u8>);

impl UpgradeResponse {
    pub(crate) fn new(head: Vec<u8>) -> Self {
        Self(head)
    }

    /// The whole head, from the status line to the blank line. Clients of Hixie-75 compare its
    /// first bytes, so a library that can't keep the phrase or the case of names is of no use to
    /// them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The status: 101.
    #[must_use]
    pub fn status(&self) -> u16 {
        101
    }

    /// The phrase behind the status.
    #[must_use]
    pub fn reason(&self) -> &str {
        let line = self.lines().next().unwrap_or_default();
        line.splitn(3, ' ').nth(2).unwrap_or_default()
    }

    /// The fields, in the order in which they have to be written.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.lines().skip(1);
        lines.filter_map(|line| line.split_once(": "))
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        core::str::from_utf8(&self.0).unwrap_or_default().lines()
    }
}

/// Never shows the fields added: there may be cookies among them.
impl fmt::Debug for AcceptOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept")
            .field("protocol", &self.protocol)
            .field("authority", &self.authority)
            .field("headers", &self.headers.len())
            .finish()
    }
}

/// Never shows the fields added or the body.
impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body", &self.body.map(<[u8]>::len))
            .finish()
    }
}

/// Never shows the fields.
impl fmt::Debug for UpgradeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upgrade({} bytes)", self.0.len())
    }
}

/// Room for a reply as most are, and for the 16 bytes behind it.
const TYPICAL_HEAD: usize = 384;

/// The head that accepts a request.
pub(crate) fn accept(
    config: &Config,
    request: &Request,
    accept: &AcceptOptions<'_>,
) -> Result<Vec<u8>, Refused> {
    let dialect = request.dialect().ok_or(Refused::NoRequest)?;
    let authority = match accept.authority.map(str::as_bytes) {
        Some(authority) if !is_authority(authority) => return Err(Refused::InvalidHeader),
        Some(authority) => authority,
        None => request.host_bytes(),
    };
    let ours = |name: &str| {
        let starts = |prefix: &str| {
            let front = name.as_bytes().get(..prefix.len());
            front.is_some_and(|front| front.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        // H76-16: a length in a 101 breaks clients and proxies.
        starts("Sec-WebSocket-") || starts("WebSocket-") || is_connection_or_framing(name)
    };
    check_headers(accept.headers, ours)?;

    let mut head = Vec::with_capacity(TYPICAL_HEAD);
    head.extend_from_slice(reply_prefix(dialect).as_bytes());
    // H76-9: one space after each colon, never more.
    match echoed_headers(dialect) {
        Some(echoed) => {
            push_header(&mut head, echoed.origin.as_str(), &[request.origin_bytes()]); // H76-10
            let scheme: &[u8] = if config.tls { b"wss://" } else { b"ws://" }; // H76-7
            let location = [scheme, authority, request.resource_bytes()];
            push_header(&mut head, echoed.location.as_str(), &location); // H76-8
        }
        None => {
            let value = challenge::accept_value(request.key());
            push_header(&mut head, HeaderName::Accept.as_str(), &[value.as_bytes()]);
        }
    }
    let protocol = HeaderName::protocol(dialect);
    match accept.protocol {
        Some(name) => {
            let whole = request.protocol_lines().filter(|_| dialect.is_hixie());
            let mut offered = request.protocols().chain(whole);
            if !offered.any(|one| one == name) {
                return Err(Refused::ProtocolNotOffered);
            }
            push_header(&mut head, protocol.as_str(), &[name.as_bytes()]);
        }
        None if dialect.is_hixie() => {
            // RQ-12: in one field, however many there were.
            let mut before = [protocol.as_str(), ": "];
            let mut after = "";
            for value in request.protocol_values() {
                for part in before.map(str::as_bytes) {
                    head.extend_from_slice(part);
                }
                head.extend_from_slice(value);
                before = ["", ", "];
                after = "\r\n";
            }
            head.extend_from_slice(after.as_bytes());
        }
        None => {}
    }
    for (name, value) in accept.headers {
        push_header(&mut head, name, &[value.as_bytes()]);
    }
    head.extend_from_slice(b"\r\n"); // H76-17
    Ok(head)
}

/// A whole response.
pub(crate) fn respond(response: &Response<'_>) -> Result<Vec<u8>, Refused> {
    if !(200..=599).contains(&response.status) {
        return Err(Refused::InvalidStatus(response.status));
    }
    check_headers(response.headers, is_connection_or_framing)?;
    Ok(render_response(response))
}

/// The response that a bad request gets from the machine itself (PX-3): nothing of the request is
/// in it.
pub(crate) fn error_response(error: &ProtocolError, spoken: Dialects) -> Option<Vec<u8>> {
    let status = error.status()?;
    let versions: Vec<&str> = spoken
        .newest_first()
        .filter_map(|one| one.version())
        .collect();
    let versions = versions.join(", ");
    let upgrade = [
        (HeaderName::Upgrade.as_str(), "websocket"),
        (HeaderName::Version.as_str(), versions.as_str()),
    ];
    let headers: &[HeaderPair<'_>] = match status {
        405 => &[("Allow", "GET")],
        426 if versions.is_empty() => upgrade.get(..1).unwrap_or_default(),
        426 => &upgrade, // HY-9
        _ => &[],
    };
    Some(render_response(&Response::new(status).headers(headers)))
}

fn render_response(response: &Response<'_>) -> Vec<u8> {
    let (status, reason) = (response.status, reason(response.status));
    let named = alloc::format!("{status} {reason}\n");
    let bodiless = matches!(status, 204 | 304);
    let body = match response.body {
        _ if bodiless || status == 205 => &[],
        Some(body) => body,
        None => named.as_bytes(),
    };
    let mut bytes = alloc::format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
    push_header(&mut bytes, HeaderName::Connection.as_str(), &[b"close"]);
    for (name, value) in response.headers {
        push_header(&mut bytes, name, &[value.as_bytes()]);
    }
    if !bodiless {
        let typed = |(name, _): &HeaderPair<'_>| name.eq_ignore_ascii_case("Content-Type");
        if !response.headers.iter().any(typed) {
            push_header(&mut bytes, "Content-Type", &[b"text/plain"]);
        }
        let length = alloc::format!("{}", body.len());
        push_header(
            &mut bytes,
            HeaderName::ContentLength.as_str(),
            &[length.as_bytes()],
        );
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn push_header(head: &mut Vec<u8>, name: &str, value: &[&[u8]]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    for part in value {
        head.extend_from_slice(part);
    }
    head.extend_from_slice(b"\r\n");
}

/// Whether a field decides where a message ends, or what becomes of the connection.
pub(super) fn is_connection_or_framing(name: &str) -> bool {
    use HeaderName::{Connection, ContentLength, TransferEncoding, Upgrade};
    matches!(
        HeaderName::from_bytes(name.as_bytes()),
        Some(Connection | Upgrade | ContentLength | TransferEncoding)
    )
}

/// Nothing that a caller passes can break a line, or take the place of what the crate writes.
pub(super) fn check_headers(
    fields: &[HeaderPair<'_>],
    ours: impl Fn(&str) -> bool,
) -> Result<(), Refused> {
    for (name, value) in fields {
        if !is_valid_header(name, value) || ours(name) {
            return Err(Refused::InvalidHeader);
        }
    }
    Ok(())
}

fn is_valid_header(name: &str, value: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token) && !value.bytes().any(is_control)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        205 => "Reset Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => match status / 100 {
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}
