//! The responses of a server: those that accept a request, and those that reject it.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
#[cfg(feature = "deflate")]
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use memchr::memchr;

#[cfg(feature = "deflate")]
use super::compression;
use super::request::is_connection_specific;
use super::{Extensions, Request, invalid_authority_at};
use crate::call_errors::{AcceptError, InvalidHeader, RespondError};
use crate::config::Config;
use crate::dialect::{Dialect, Dialects, Selector};
use crate::error::ProtocolError;
use crate::handshake::challenge;
use crate::header_name::HeaderName;
use crate::http::{is_forbidden_control, is_token};

/// The name and value of a header field that the application adds.
type HeaderPair = (String, Vec<u8>);

/// Options of [`Connection::accept`](crate::Connection::accept) and
/// [`Connection::upgrade`](crate::Connection::upgrade).
///
/// They own their values, so that they can be made on another thread or in another task, and sent
/// to the connection.
///
/// ```
/// use hybi::AcceptOptions;
/// let options = AcceptOptions::new()
///     .protocol("sample")
///     .header("Set-Cookie", "seen=1; HttpOnly")
///     .header("Set-Cookie", "theme=dark");
/// # let _ = options;
/// ```
#[derive(Clone, Default)]
pub struct AcceptOptions {
    protocol: Option<String>,
    authority: Option<String>,
    headers: Vec<HeaderPair>,
    #[cfg(feature = "deflate")]
    no_compression: bool,
}

impl AcceptOptions {
    /// Accepts the request without selecting a subprotocol.
    ///
    /// Clients of Hixie-75 and Hixie-76 that request a subprotocol reject a response without it, so
    /// the response then repeats the requested value unchanged (H76-13). To select one, call
    /// [`protocol`](Self::protocol); to reject the request, call
    /// [`respond`](crate::Connection::respond) instead of `accept`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            protocol: None,
            authority: None,
            headers: Vec::new(),
            #[cfg(feature = "deflate")]
            no_compression: false,
        }
    }

    /// Selects a subprotocol, which must be one of [`Request::protocols`]. Default: none.
    ///
    /// For any other name, `accept` and `upgrade` return [`AcceptError::ProtocolNotOffered`].
    #[must_use]
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocol = Some(name.to_owned());
        self
    }

    /// Sets the `host` or `host:port` of the location in a Hixie-75 or Hixie-76 response (H76-8).
    ///
    /// Default: [`Request::host`]. Set it if a reverse proxy changes `Host`. If it is not a
    /// valid authority, `accept` and `upgrade` return [`AcceptError::InvalidAuthority`].
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }

    /// Adds a header field, such as `Set-Cookie`, after those added before (H76-15).
    ///
    /// `accept` and `upgrade` return [`AcceptError::InvalidHeader`] if a name is not a token
    /// (RFC 9110, section 5.6.2), a value contains a control character other than a tab, or a name
    /// is reserved: `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` and all names
    /// that start with `Sec-WebSocket-` or `WebSocket-`; in HTTP/2 also `Keep-Alive`,
    /// `Proxy-Connection` and `TE` (H2-8).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(header_pair(name, value.as_ref()));
        self
    }

    /// Declines compression for this connection, although
    /// [`Config::deflate`](crate::Config::deflate) is set and the client offers it.
    ///
    /// Use it for clients that fail later: Safari 15.0 to 15.3 accepts compression, but cannot
    /// decompress longer messages.
    ///
    /// ```
    /// # use hybi::{AcceptOptions, Request};
    /// fn options(request: &Request) -> AcceptOptions {
    ///     let user_agent = request.header("User-Agent").unwrap_or_default();
    ///     let user_agent = String::from_utf8_lossy(user_agent);
    ///     let affected = ["15.0", "15.1", "15.2", "15.3"];
    ///     match user_agent.split_once("Version/") {
    ///         Some((_, version)) if affected.iter().any(|v| version.starts_with(v)) => {
    ///             AcceptOptions::new().no_compression()
    ///         }
    ///         _ => AcceptOptions::new(),
    ///     }
    /// }
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn no_compression(mut self) -> Self {
        self.no_compression = true;
        self
    }
}

/// An HTTP response for [`Connection::respond`](crate::Connection::respond), after which the
/// connection is closed.
///
/// ```
/// use hybi::Response;
/// let page = Response::new(200)
///     .header("Content-Type", "text/html; charset=utf-8")
///     .body("<!DOCTYPE html><title>Hello</title>");
/// # let _ = page;
/// ```
#[derive(Clone)]
pub struct Response<'a> {
    status: u16,
    headers: Vec<HeaderPair>,
    body: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// Creates a response whose body is a line of text with the status and its reason phrase.
    ///
    /// [`respond`](crate::Connection::respond) returns [`RespondError::InvalidStatus`] if `status`
    /// is not in 200 to 599.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a header field, after those added before.
    ///
    /// The response always has `Connection: close`, and a 426 also `Upgrade: websocket`. Except for
    /// the statuses 204 and 304, it has `Content-Length` and, unless a `Content-Type` is added,
    /// `Content-Type: text/plain`.
    ///
    /// [`respond`](crate::Connection::respond) returns [`RespondError::InvalidHeader`] if a name is
    /// not a token (RFC 9110, section 5.6.2), a value contains a control character other than a
    /// tab, or a name is `Upgrade`, `Connection`, `Content-Length` or `Transfer-Encoding`.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(header_pair(name, value.as_ref()));
        self
    }

    /// Sets the body, which replaces the default one. Ignored for a status without a body: 204, 205
    /// and 304. The response to a `HEAD` request has the `Content-Length` of the body without it.
    #[must_use]
    pub fn body(mut self, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.body = Some(body.as_ref());
        self
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }
}

/// The head of the response that accepts a request, for an HTTP library to write: a 101, or in
/// HTTP/2 a 200.
///
/// It is returned by [`Connection::upgrade`](crate::Connection::upgrade). In HTTP/2 the names of
/// its header fields are in lower case, as HTTP/2 requires.
///
/// ```
/// # use hybi::{AcceptOptions, Config, Connection, Request};
/// let request = Request::from_parts(
///     "GET",
///     "/chat",
///     "HTTP/1.1",
///     [
///         ("Host", "example.com"),
///         ("Upgrade", "websocket"),
///         ("Connection", "Upgrade"),
///         ("Sec-WebSocket-Version", "13"),
///         ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
///     ],
/// )?;
/// let (_conn, response) = Connection::upgrade(Config::new(), &request, &AcceptOptions::new())?;
/// assert_eq!((response.status(), response.reason()), (101, "Switching Protocols"));
/// assert!(response.headers().any(|header| header == ("Upgrade", &b"websocket"[..])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct UpgradeResponse(Vec<u8>);

impl UpgradeResponse {
    pub(crate) fn new(head: Vec<u8>) -> Self {
        Self(head)
    }

    /// Returns the complete head, from the status line to the blank line.
    ///
    /// Clients of Hixie-75 compare its first bytes (H75-2), so a library that changes the reason
    /// phrase or the case of names cannot serve them.
    ///
    /// HTTP/2 has no text form: then the status line is `HTTP/2 200`, and the bytes are not to be
    /// written to the stream.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the status: 101, or 200 in HTTP/2.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.0.starts_with(HTTP_2_STATUS_LINE) {
            200
        } else {
            101
        }
    }

    /// Returns the reason phrase, which is empty in HTTP/2.
    #[must_use]
    pub fn reason(&self) -> &str {
        let line = self.lines().next().unwrap_or_default();
        let line = core::str::from_utf8(line).unwrap_or_default();
        line.splitn(3, ' ').nth(2).unwrap_or_default()
    }

    /// Returns the name and value of each header field, in the order in which to write them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
            let name = core::str::from_utf8(name).ok()?;
            Some((name, value.strip_prefix(b": ")?))
        })
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.0.split(|byte| *byte == b'\n');
        lines.filter_map(|line| line.strip_suffix(b"\r"))
    }
}

/// Omits the added header fields, which may contain cookies.
impl fmt::Debug for AcceptOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptOptions")
            .field("protocol", &self.protocol)
            .field("authority", &self.authority)
            .field("headers", &self.headers.len())
            .finish()
    }
}

/// Omits the added header fields and the body.
impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body", &self.body.map(<[u8]>::len))
            .finish()
    }
}

/// Omits the header fields, which may contain cookies.
impl fmt::Debug for UpgradeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpgradeResponse({} bytes)", self.0.len())
    }
}

/// What the head of a response in HTTP/2 starts with (H2-8).
const HTTP_2_STATUS_LINE: &[u8] = b"HTTP/2 200\r\n";

/// The initial capacity for a 101: enough for most, including the challenge response of Hixie-76.
const TYPICAL_RESPONSE_LEN: usize = 384;

/// Returns the head of the response that accepts a request, and what it agrees to.
pub(crate) fn accept(
    config: &Config,
    request: &Request,
    dialect: Dialect,
    options: &AcceptOptions,
) -> Result<(Vec<u8>, Extensions), AcceptError> {
    let row = dialect.row();
    let authority = match options.authority.as_deref().map(str::as_bytes) {
        Some(authority) => match invalid_authority_at(authority) {
            Some(at) => return Err(AcceptError::InvalidAuthority { at }),
            None => authority,
        },
        None => request.authority_bytes(),
    };
    let is_connect = request.is_connect();
    let is_reserved = |name: &str| {
        // H76-16: Content-Length in a 101 breaks clients and proxies.
        is_websocket_header(name)
            || is_connection_or_framing(name)
            || is_connect && is_connection_specific(name) // H2-8
    };
    check_headers(&options.headers, is_reserved).map_err(AcceptError::InvalidHeader)?;

    let origin = request.origin_bytes();
    // So that a long value does not double the capacity.
    let echoed_len = match &row.response.echoed {
        Some(_) => request.max_echoed_len(),
        None => options.protocol.as_deref().map_or(0, str::len),
    };
    let mut head = Vec::with_capacity(TYPICAL_RESPONSE_LEN + echoed_len);
    head.extend_from_slice(if is_connect {
        HTTP_2_STATUS_LINE
    } else {
        row.response.prefix.as_bytes()
    });
    // H76-9: exactly one space after each colon.
    if let Some(echoed) = &row.response.echoed {
        if !origin.is_empty() {
            push_header(&mut head, echoed.origin.as_str(), &[origin]); // H76-10, H76-11
        }
        let scheme: &[u8] = if config.tls { b"wss://" } else { b"ws://" }; // H76-7
        let location = [scheme, authority, request.resource_bytes()];
        push_header(&mut head, echoed.location.as_str(), &location); // H76-8
    }
    match row.request.selector {
        Selector::Version(_) if !is_connect => {
            let value = challenge::accept_value(request.websocket_key());
            push_header(&mut head, HeaderName::Accept.as_str(), &[value.as_bytes()]);
        }
        _ => {}
    }
    let protocol_name = row.protocol.header;
    match options.protocol.as_deref() {
        Some(name) => {
            // Hixie-75 and Hixie-76: the name may also be a whole value, with commas and spaces.
            let values = request.protocol_strs().filter(|_| row.protocol.is_single);
            let mut offered = request.protocols().chain(values);
            if !offered.any(|protocol| protocol == name) {
                return Err(AcceptError::ProtocolNotOffered);
            }
            push_header(&mut head, protocol_name.as_str(), &[name.as_bytes()]);
        }
        None if row.protocol.is_single => {
            // H76-13: repeats the requested value.
            let mut values = request.protocol_values();
            if let Some(first) = values.next() {
                head.extend_from_slice(protocol_name.as_str().as_bytes());
                head.extend_from_slice(b": ");
                head.extend_from_slice(first);
                // RQ-12: repeated header fields are joined.
                for value in values {
                    head.extend_from_slice(b", ");
                    head.extend_from_slice(value);
                }
                head.extend_from_slice(b"\r\n");
            }
        }
        None => {}
    }
    let extensions = select_extensions(config, request, options);
    #[cfg(feature = "deflate")]
    if let Some(compression) = &extensions.compression {
        let value = compression.to_string();
        push_header(
            &mut head,
            HeaderName::Extensions.as_str(),
            &[value.as_bytes()],
        );
    }
    for (name, value) in &options.headers {
        push_header(&mut head, name, &[value]);
    }
    head.extend_from_slice(b"\r\n"); // H76-17
    if is_connect {
        lower_case_names(&mut head); // H2-8
    }
    Ok((head, extensions))
}

/// Converts the names of the header fields to lower case.
fn lower_case_names(head: &mut [u8]) {
    for line in head.split_mut(|byte| *byte == b'\n') {
        let colon = memchr(b':', line).unwrap_or_default();
        if let Some(name) = line.get_mut(..colon) {
            name.make_ascii_lowercase();
        }
    }
}

/// Returns what a server selects of the extensions that the client offers.
#[cfg(feature = "deflate")]
fn select_extensions(config: &Config, request: &Request, options: &AcceptOptions) -> Extensions {
    let enabled = config.deflate.as_ref();
    let deflate = enabled.filter(|_| !options.no_compression);
    let compression = deflate.and_then(|deflate| {
        let offer = request.compression_offer()?;
        Some(compression::accept_offer(&offer, deflate))
    });
    Extensions { compression }
}

/// None: the crate is built without features for any.
#[cfg(not(feature = "deflate"))]
fn select_extensions(_: &Config, _: &Request, _: &AcceptOptions) -> Extensions {
    Extensions::NONE
}

/// Returns the bytes of a response, at most `limit`. `is_head`: the method of the request is
/// `HEAD`.
pub(crate) fn respond(
    response: &Response<'_>,
    is_head: bool,
    limit: usize,
) -> Result<Vec<u8>, RespondError> {
    let status = response.status;
    if !(200..=599).contains(&status) {
        return Err(RespondError::InvalidStatus { status });
    }
    check_headers(&response.headers, is_connection_or_framing)
        .map_err(RespondError::InvalidHeader)?;
    let (mut bytes, body) = render_response(response, is_head);
    let len = bytes.len() + body.len();
    if len > limit {
        return Err(RespondError::ResponseTooLong { len, limit });
    }
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Returns the response to an invalid request. It contains no bytes of the request (PX-3).
pub(crate) fn error_response(
    error: &ProtocolError,
    dialects: Dialects,
    is_head: bool,
) -> Option<Vec<u8>> {
    let status = error.status()?;
    let mut response = Response::new(status);
    for (name, value) in error_headers(status, dialects) {
        response = response.header(name, value);
    }
    let (mut bytes, body) = render_response(&response, is_head);
    bytes.extend_from_slice(&body);
    Some(bytes)
}

/// Returns the header fields that the response to an invalid request requires in addition to
/// `Connection` and `Upgrade`.
pub(crate) fn error_headers(status: u16, dialects: Dialects) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    match status {
        405 => headers.push(("Allow", "GET".to_owned())),
        426 => {
            let versions = dialects.iter();
            let versions: Vec<&str> = versions.filter_map(|d| d.row().version()).collect();
            if !versions.is_empty() {
                headers.push((HeaderName::Version.as_str(), versions.join(", "))); // HY-9
            }
        }
        _ => {}
    }
    headers
}

/// Returns the head of a response, and the body that follows it.
fn render_response<'a>(response: &Response<'a>, is_head: bool) -> (Vec<u8>, Cow<'a, [u8]>) {
    let (status, reason) = (response.status, reason(response.status));
    let default_body = alloc::format!("{status} {reason}\n");
    // RFC 9112, section 6.3. A 205 has a Content-Length of 0 (RFC 9110, section 15.3.6).
    let has_no_body = matches!(status, 204 | 304);
    let body = match response.body {
        _ if has_no_body || status == 205 => Cow::Borrowed(&[][..]),
        Some(body) => Cow::Borrowed(body),
        None => Cow::Owned(default_body.into_bytes()),
    };
    let mut bytes = alloc::format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
    let connection = HeaderName::Connection.as_str();
    if status == 426 {
        // HY-12
        push_header(&mut bytes, connection, &[b"close, Upgrade"]);
        push_header(&mut bytes, HeaderName::Upgrade.as_str(), &[b"websocket"]);
    } else {
        push_header(&mut bytes, connection, &[b"close"]);
    }
    for (name, value) in &response.headers {
        push_header(&mut bytes, name, &[value]);
    }
    if !has_no_body {
        let is_content_type = |(name, _): &HeaderPair| name.eq_ignore_ascii_case("Content-Type");
        if !response.headers.iter().any(is_content_type) {
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
    (bytes, if is_head { Cow::default() } else { body })
}

fn header_pair(name: &str, value: &[u8]) -> HeaderPair {
    (name.to_owned(), value.to_owned())
}

/// Appends a header field; its value is the concatenation of `value`.
pub(crate) fn push_header(head: &mut Vec<u8>, name: &str, value: &[&[u8]]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    for bytes in value {
        head.extend_from_slice(bytes);
    }
    head.extend_from_slice(b"\r\n");
}

/// Returns `true` for the names that RFC 6455, the drafts and extensions to them use.
pub(crate) fn is_websocket_header(name: &str) -> bool {
    ["Sec-WebSocket-", "WebSocket-"].iter().any(|prefix| {
        let start = name.as_bytes().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

/// Returns `true` for header fields that control the connection or the length of the body.
pub(crate) fn is_connection_or_framing(name: &str) -> bool {
    use HeaderName::{Connection, ContentLength, TransferEncoding, Upgrade};
    matches!(
        HeaderName::from_bytes(name.as_bytes()),
        Some(Connection | Upgrade | ContentLength | TransferEncoding)
    )
}

/// Checks the header fields that a caller adds: valid, and not among those that the crate writes.
fn check_headers(
    headers: &[HeaderPair],
    is_reserved: impl Fn(&str) -> bool,
) -> Result<(), InvalidHeader> {
    for (name, value) in headers {
        if !is_valid_header(name, value) || is_reserved(name) {
            return Err(InvalidHeader::new(name));
        }
    }
    Ok(())
}

/// Returns whether a header field has a valid name and value.
pub(crate) fn is_valid_header(name: &str, value: &[u8]) -> bool {
    let is_forbidden = |byte: &u8| is_forbidden_control(*byte);
    !name.is_empty() && name.bytes().all(is_token) && !value.iter().any(is_forbidden)
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
