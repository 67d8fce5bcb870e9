//! A request that a server received, and its checks.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "deflate")]
use super::compression;
use super::extensions::is_extension_list;
use super::headers::HeaderIndex;
use super::{
    check_connection, invalid_authority_at, is_authority, is_origin, is_protocol_value,
    list_members,
};
use crate::config::Config;
#[cfg(feature = "deflate")]
use crate::deflate::Compression;
use crate::dialect::{Dialect, Dialects, Selector};
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::handshake::challenge;
use crate::header_name::HeaderName;
use crate::http::{Head, Header, trim};

/// A request that a server received, with valid header fields.
///
/// A `Request` owns its data, is cheap to clone, and can be sent to other threads. Its connection
/// waits until [`accept`](crate::Connection::accept) or [`respond`](crate::Connection::respond) is
/// called.
///
/// ```
/// # use hybi::{AcceptOptions, Connection, Request, Response};
/// fn answer(conn: &mut Connection, request: &Request) -> Result<(), Box<dyn std::error::Error>> {
///     match request.resource() {
///         "/chat" if request.protocols().any(|name| name == "chat.v2") => {
///             conn.accept(&AcceptOptions::new().protocol("chat.v2"))?;
///         }
///         "/chat" => conn.respond(&Response::new(400).body("this client is too old"))?,
///         _ => conn.respond(&Response::new(404))?,
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Request(Arc<CheckedRequest>);

struct CheckedRequest {
    headers: HeaderIndex,
    upgrade: Option<UpgradeRequest>,
}

/// The result of the checks of a WebSocket request.
#[derive(Clone, Copy)]
struct UpgradeRequest {
    dialect: Dialect,
    /// Hixie-76: the quotients of both key numbers; 0 in other dialects.
    key_parts: [u32; 2],
    /// The request is one of HTTP/2.
    is_connect: bool,
}

/// The header fields that HTTP/2 does not allow (H2-3, H2-8).
const CONNECTION_SPECIFIC: [&str; 6] = [
    HeaderName::Connection.as_str(),
    HeaderName::Upgrade.as_str(),
    HeaderName::TransferEncoding.as_str(),
    "Keep-Alive",
    "Proxy-Connection",
    TE,
];

/// A request may have it, with the value `trailers`.
const TE: &str = "TE";

impl Request {
    /// Creates a request from a head that an HTTP library has parsed, for
    /// [`Connection::upgrade`](crate::Connection::upgrade).
    ///
    /// `method`, `target` and `version` are those of the request line, such as `GET`, `/demo` and
    /// `HTTP/1.1`; `headers` are the header fields in order. The limits of [`Config`] do not apply.
    ///
    /// The library must not change the values of `Sec-WebSocket-Key1` and `Sec-WebSocket-Key2`,
    /// except for removing one space after the colon, because the spaces in a value count (KEY-2).
    ///
    /// # Errors
    /// The same [`ProtocolError`]s as for a head that a [`Connection`](crate::Connection) receives.
    /// Offsets refer to a head of these parts in order, each header field written as `name: value`.
    ///
    /// ```
    /// use hybi::{Dialect, Request};
    /// let request = Request::from_parts(
    ///     "GET",
    ///     "/demo",
    ///     "HTTP/1.1",
    ///     [
    ///         ("Host", "example.com"),
    ///         ("Connection", "Upgrade"),
    ///         ("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00"),
    ///         ("Upgrade", "WebSocket"),
    ///         ("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5"),
    ///         ("Origin", "http://example.com"),
    ///     ],
    /// )?;
    /// assert_eq!(request.dialect(), Some(Dialect::Hixie76));
    /// # Ok::<(), hybi::ProtocolError>(())
    /// ```
    pub fn from_parts<N, V>(
        method: &str,
        target: &str,
        version: &str,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ProtocolError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let [method, target, version] = [method, target, version].map(str::as_bytes);
        let mut head = Head::from_request_line(method, target, version)?;
        push_fields(&mut head, headers)?;
        Self::check(head)
    }

    /// Creates a request from an extended CONNECT of HTTP/2 that an HTTP library has read, for
    /// [`Connection::upgrade`](crate::Connection::upgrade): WebSocket over HTTP/2 (RFC 8441).
    ///
    /// Its pseudo-header field `:method` is `CONNECT`, and `:protocol` is `websocket`, which the
    /// caller has to check. `authority` and `path` are `:authority` and `:path`; `headers` are the
    /// other fields, without pseudo-header fields. The limits of [`Config`] do not apply. Clients
    /// send such requests only if the library announces SETTINGS_ENABLE_CONNECT_PROTOCOL (H2-1).
    ///
    /// The dialect is always RFC 6455, and `Sec-WebSocket-Version: 13` is required (H2-5). There is
    /// no key: a `Sec-WebSocket-Key` is ignored (H2-6). [`host`](Self::host) is the authority
    /// (H2-4). Browsers send each cookie in a `Cookie` field of its own; the request has one with
    /// all of them, after the other fields (H2-10).
    ///
    /// # Errors
    /// - [`ProtocolError::InvalidStartLine`] if the authority is not `host` or `host:port`, or if
    ///   the path does not start with `/` or contains an invalid character (H2-2). The path of a
    ///   CONNECT without `:protocol` is empty.
    /// - [`ProtocolError::InvalidHeader`] if there is a field that HTTP/2 does not allow, such as
    ///   `Connection`, `Upgrade` or `Transfer-Encoding` (H2-3), if `Host` is not the authority,
    ///   ignoring ASCII case (H2-4), or if a field of the handshake is missing, repeated or
    ///   invalid.
    /// - [`ProtocolError::InvalidLine`] and [`ProtocolError::HeadTooLong`] as in
    ///   [`from_parts`](Self::from_parts).
    ///
    /// Offsets refer to a head with the request line `GET http://{authority}{path} HTTP/1.1`, and
    /// each header field written as `name: value`, the cookies last. If
    /// [`status`](ProtocolError::status) is 426, respond with 400 and `Sec-WebSocket-Version: 13`:
    /// a 426 requires `Upgrade`, which HTTP/2 does not allow (H2-9).
    ///
    /// ```
    /// use hybi::{AcceptOptions, Config, Connection, Event, Input, Request};
    /// use std::time::Duration;
    ///
    /// let headers = [
    ///     ("sec-websocket-version", "13"),
    ///     ("sec-websocket-protocol", "chat, superchat"),
    ///     ("origin", "https://example.com"),
    /// ];
    /// let request = Request::from_connect("example.com", "/chat?room=1", headers)?;
    /// assert_eq!((request.method(), request.host()), ("CONNECT", Some("example.com")));
    ///
    /// let options = AcceptOptions::new().protocol("chat");
    /// let (mut conn, response) = Connection::upgrade(Config::new(), &request, &options)?;
    /// assert_eq!(response.status(), 200);
    /// assert!(response.headers().eq([("sec-websocket-protocol", &b"chat"[..])]));
    /// // What the stream's DATA frames contain is the input.
    /// let mut data = *b"\x81\x85\0\0\0\0Hello";
    /// let mut input = Input::new(&mut data, Duration::ZERO);
    /// assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
    /// assert!(matches!(conn.receive(&mut input), Some(Event::Text(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_connect<N, V>(
        authority: &str,
        path: &str,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ProtocolError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let invalid_at = invalid_authority_at(authority.as_bytes())
            .or((!path.starts_with('/')).then_some(authority.len()));
        if let Some(at) = invalid_at {
            let at = ("GET http://".len() + at) as u32;
            return Err(ProtocolError::InvalidStartLine { at });
        }
        // RFC 8441, section 5: the request replaces the one with the method GET.
        let target = ["http://", authority, path].concat();
        let mut head = Head::from_request_line(b"GET", target.as_bytes(), b"HTTP/1.1")?;
        push_connect_fields(&mut head, headers)?;
        let headers = HeaderIndex::new(head);
        let upgrade = Some(check_connect(&headers, authority.as_bytes())?);
        Ok(Self(Arc::new(CheckedRequest { headers, upgrade })))
    }

    /// Checks a head and determines its dialect.
    pub(crate) fn check(head: Head) -> Result<Self, ProtocolError> {
        let headers = HeaderIndex::new(head);
        let upgrade = check_upgrade(&headers)?;
        Ok(Self(Arc::new(CheckedRequest { headers, upgrade })))
    }

    /// Checks that the configuration enables requests of this kind.
    pub(crate) fn check_enabled(&self, config: &Config) -> Result<(), ProtocolError> {
        match self.dialect() {
            None if config.plain_http && !self.has_handshake_header() => Ok(()),
            _ => self.enabled_dialect(config.dialects).map(drop),
        }
    }

    /// Returns the dialect, or an error if the request is plain HTTP or the dialect is not enabled.
    pub(crate) fn enabled_dialect(&self, dialects: Dialects) -> Result<Dialect, ProtocolError> {
        match self.dialect() {
            Some(dialect) if dialects.contains(dialect) => Ok(dialect),
            Some(dialect) => Err(ProtocolError::DialectNotEnabled { dialect }),
            None => {
                check_get_http_1_1(self.0.headers.head())?;
                Err(self.not_websocket())
            }
        }
    }

    fn not_websocket(&self) -> ProtocolError {
        let headers = &self.0.headers;
        let name = HeaderName::Upgrade;
        match headers.first(name) {
            Some(upgrade) => headers.error(name, &upgrade, HeaderErrorKind::Invalid), // RQ-14
            None => ProtocolError::NotWebSocket,
        }
    }

    /// Returns an upper bound of the length of what a response repeats of the request.
    pub(crate) fn max_echoed_len(&self) -> usize {
        self.0.headers.head().bytes().len()
    }

    /// Returns `true` if the method is `HEAD`: the response has no body.
    pub(crate) fn is_head(&self) -> bool {
        self.0.headers.head().is_head()
    }

    /// Returns `true` for a request from [`from_connect`](Self::from_connect).
    pub(crate) fn is_connect(&self) -> bool {
        self.0.upgrade.is_some_and(|upgrade| upgrade.is_connect)
    }

    /// Returns the authority of the request, which a Hixie-75 or Hixie-76 response repeats (H76-8).
    #[inline]
    pub(crate) fn authority_bytes(&self) -> &[u8] {
        match self.0.headers.head().scheme_and_authority() {
            Some([_, (authority, _)]) => authority, // RQ-4, H2-4
            None => self.value(HeaderName::Host).unwrap_or_default(),
        }
    }

    /// Returns the value of `Origin`, which a Hixie-75 or Hixie-76 response repeats.
    pub(crate) fn origin_bytes(&self) -> &[u8] {
        self.value(HeaderName::Origin).unwrap_or_default()
    }

    pub(crate) fn resource_bytes(&self) -> &[u8] {
        self.0.headers.head().resource_bytes()
    }

    /// Returns `true` if the request has a header field that only a WebSocket request has, although
    /// an intermediary may have removed `Upgrade`. Hixie-75 has none.
    fn has_handshake_header(&self) -> bool {
        let names = [
            HeaderName::Key,
            HeaderName::Key1,
            HeaderName::Key2,
            HeaderName::Version,
            HeaderName::Draft,
        ];
        names.into_iter().any(|name| self.0.headers.has(name))
    }

    /// Returns the value of `Sec-WebSocket-Key`, which requests have from HyBi-7 on.
    pub(crate) fn websocket_key(&self) -> &[u8] {
        self.value(HeaderName::Key).unwrap_or_default()
    }

    /// Returns the quotients of both key numbers of Hixie-76.
    pub(crate) fn key_parts(&self) -> [u32; 2] {
        self.0.upgrade.map_or([0; 2], |upgrade| upgrade.key_parts)
    }

    /// Returns the dialect that the client requests, or `None` for a plain HTTP request, which is
    /// reported only if [`plain_http`](crate::Config::plain_http) is on.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.0.upgrade.map(|upgrade| upgrade.dialect)
    }

    /// Returns the method: `GET`, or `HEAD` if [`dialect`](Self::dialect) is `None`, or `CONNECT`
    /// in HTTP/2 ([`from_connect`](Self::from_connect)).
    #[must_use]
    pub fn method(&self) -> &str {
        if self.is_connect() {
            "CONNECT"
        } else if self.is_head() {
            "HEAD"
        } else {
            "GET"
        }
    }

    /// Returns the path and query of the target, unchanged.
    ///
    /// It starts with `/` and contains only visible ASCII except `#` (RQ-2). If the target is in
    /// absolute form, such as `http://example.com/demo`, an empty path is returned as `/` (RQ-4).
    #[must_use]
    pub fn resource(&self) -> &str {
        self.0.headers.head().resource()
    }

    /// Returns the host that the client requests: `host` or `host:port` (RQ-16).
    ///
    /// It is the value of `Host`, or the authority of a target in absolute form, which has
    /// precedence (RQ-4), or that of an HTTP/2 request (H2-4). It is `None` only in a plain
    /// HTTP/1.0 request.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let host = core::str::from_utf8(self.authority_bytes()).ok();
        host.filter(|host| !host.is_empty())
    }

    /// Returns the value of `Origin`, which is printable ASCII: an origin, `null`, or a list of
    /// origins separated by spaces (RFC 6454, section 7.1).
    ///
    /// In HyBi-7 and HyBi-8, `Sec-WebSocket-Origin` has precedence (HY-3). Browsers send an origin
    /// in every dialect; other clients may omit it, except in Hixie-75 (H75-4). An empty value
    /// counts as none.
    ///
    /// The crate does not check origins; the application decides which ones to accept. A browser
    /// sends the origin of the page that opens the connection; other clients can send any value.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        let dialect = self.dialect();
        let name = dialect.map_or(HeaderName::Origin, |d| d.row().request.origin);
        let origin = |name| self.value_str(name).filter(|origin| !origin.is_empty());
        origin(name).or_else(|| origin(HeaderName::Origin))
    }

    /// Returns `true` if [`origin`](Self::origin) equals one of `allowed`, ignoring ASCII case
    /// (H76-12).
    ///
    /// Returns `false` if the request has no origin.
    ///
    /// ```
    /// # use hybi::{Connection, Request, RespondError, Response};
    /// # fn answer(conn: &mut Connection, request: &Request) -> Result<(), RespondError> {
    /// if !request.origin_among(&["https://example.com"]) {
    ///     return conn.respond(&Response::new(403));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn origin_among(&self, allowed: &[&str]) -> bool {
        let is_allowed = |origin: &str| allowed.iter().any(|a| a.eq_ignore_ascii_case(origin));
        self.origin().is_some_and(is_allowed)
    }

    /// Returns the subprotocols that the client offers, in its order of preference.
    ///
    /// Hixie-75 and Hixie-76 define a single string; later browsers and Flash sent a list in it,
    /// which is split at commas, spaces and tabs (H76-13).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocol_strs()
            .flat_map(|line| line.split([',', ' ', '\t']))
            .filter(|name| !name.is_empty())
    }

    /// Returns the values of the subprotocol header fields, without surrounding white space and
    /// without empty ones.
    pub(crate) fn protocol_values(&self) -> impl Iterator<Item = &[u8]> {
        let dialect = self.dialect();
        let name = dialect.map_or(HeaderName::Protocol, |dialect| {
            dialect.row().protocol.header
        });
        let headers = self.0.headers.all(name);
        let values = headers.filter_map(move |header| dialect.map(|_| header.trimmed()));
        values.filter(|value| !value.is_empty()) // RQ-17
    }

    /// Returns [`protocol_values`](Self::protocol_values) as strings; they are ASCII.
    pub(crate) fn protocol_strs(&self) -> impl Iterator<Item = &str> {
        self.protocol_values()
            .filter_map(|value| core::str::from_utf8(value).ok())
    }

    /// Returns `true` if the client offers compression that this crate can accept:
    /// permessage-deflate or x-webkit-deflate-frame with valid parameters, in RFC 6455.
    ///
    /// Whether it is accepted depends on [`Config::deflate`](crate::Config::deflate) and on
    /// [`AcceptOptions::no_compression`](crate::AcceptOptions::no_compression).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn offers_compression(&self) -> bool {
        self.compression_offer().is_some()
    }

    /// Returns the first offer of compression that this crate can accept (DF-1, DF-3).
    #[cfg(feature = "deflate")]
    pub(super) fn compression_offer(&self) -> Option<Compression> {
        self.dialect()
            .filter(|dialect| dialect.row().has_compression)?;
        let headers = self.0.headers.all(HeaderName::Extensions);
        compression::acceptable_offers(headers.map(|header| header.trimmed())).next()
    }

    /// Returns the value of the first header field with this name, without surrounding white space.
    ///
    /// The name is compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.0.headers.head().header(name)?.trimmed())
    }

    /// Returns the name and value of each header field, in order.
    ///
    /// Names have the case in which they were received. Values have no surrounding white space.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(self.0.headers.head())
    }

    fn value(&self, name: HeaderName) -> Option<&[u8]> {
        Some(self.0.headers.first(name)?.trimmed())
    }

    fn value_str(&self, name: HeaderName) -> Option<&str> {
        core::str::from_utf8(self.value(name)?).ok()
    }
}

/// Omits the query and the other header fields, which may contain tokens, cookies and keys.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("dialect", &self.dialect())
            .field("path", &self.resource().split('?').next())
            .field("host", &self.host())
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}

/// Adds the header fields and the blank line to a head that an HTTP library has parsed.
fn push_fields<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    head: &mut Head,
    headers: impl IntoIterator<Item = (N, V)>,
) -> Result<(), ProtocolError> {
    for (name, value) in headers {
        head.push(name.as_ref(), value.as_ref())?;
    }
    head.finish();
    Ok(())
}

/// The name of the fields with the cookies of a client.
const COOKIE: &[u8] = b"cookie";

/// As [`push_fields`], with all cookies in one field (H2-10).
fn push_connect_fields<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    head: &mut Head,
    headers: impl IntoIterator<Item = (N, V)>,
) -> Result<(), ProtocolError> {
    let mut cookies: Option<Vec<u8>> = None;
    for (name, value) in headers {
        let (name, value) = (name.as_ref(), value.as_ref());
        if !name.eq_ignore_ascii_case(COOKIE) {
            head.push(name, value)?;
        } else if let Some(cookies) = &mut cookies {
            cookies.extend_from_slice(b"; ");
            cookies.extend_from_slice(trim(value));
        } else {
            cookies = Some(trim(value).to_vec());
        }
    }
    if let Some(cookies) = cookies {
        head.push(COOKIE, &cookies)?;
    }
    head.finish();
    Ok(())
}

/// Returns `true` for the header fields that a response of HTTP/2 must not have.
pub(super) fn is_connection_specific(name: &str) -> bool {
    let mut names = CONNECTION_SPECIFIC.iter();
    names.any(|specific| specific.eq_ignore_ascii_case(name))
}

/// Returns the name and trimmed value of each header field.
pub(super) fn name_value(head: &Head) -> impl Iterator<Item = (&str, &[u8])> {
    head.headers().map(|header| {
        let name = core::str::from_utf8(header.name).unwrap_or_default();
        (name, header.trimmed())
    })
}

/// Checks everything that has to be valid before a response is written (H76-2). Returns `None` for
/// plain HTTP.
fn check_upgrade(headers: &HeaderIndex) -> Result<Option<UpgradeRequest>, ProtocolError> {
    let head = headers.head();
    check_absolute_form(head)?;
    if let Some(header) = headers.first(HeaderName::TransferEncoding) {
        return Err(headers.error(
            HeaderName::TransferEncoding,
            &header,
            HeaderErrorKind::Invalid,
        )); // RQ-18
    }
    let upgrade = headers.at_most_one(HeaderName::Upgrade)?;
    if !upgrade.is_some_and(|header| is_websocket(header.trimmed())) {
        if head.is_http_1_0() {
            optional(headers, HeaderName::Host, is_authority)?;
        } else {
            required(headers, HeaderName::Host, is_authority)?;
        }
        optional(headers, HeaderName::Origin, is_origin)?;
        check_content_length(headers, &["0"])?;
        return Ok(None);
    }
    check_get_http_1_1(head)?;
    required(headers, HeaderName::Host, is_authority)?; // RQ-16
    check_connection(headers, HeaderErrorKind::Invalid)?;
    let dialect = select_dialect(headers)?;
    let form = &dialect.row().request;
    optional(headers, HeaderName::Origin, is_origin)?;
    let is_present = |header: Header<'_>| !header.trimmed().is_empty();
    if form.origin_required && !headers.first(form.origin).is_some_and(is_present) {
        return Err(headers.missing(form.origin)); // H75-4
    }
    check_protocol(headers, dialect)?;
    if let Some(content_length) = form.content_length {
        check_content_length(headers, content_length)?;
    }
    let key_parts = match form.selector {
        Selector::None => [0; 2],
        Selector::KeyNumbers => [
            check_key_number(headers, HeaderName::Key1)?,
            check_key_number(headers, HeaderName::Key2)?,
        ],
        Selector::Version(_) => {
            optional(headers, HeaderName::SecOrigin, is_origin)?; // HY-3
            required(headers, HeaderName::Key, challenge::is_websocket_key)?; // HY-2
            check_extensions(headers)?;
            [0; 2]
        }
    };
    Ok(Some(UpgradeRequest {
        dialect,
        key_parts,
        is_connect: false,
    }))
}

/// Checks the header fields of an extended CONNECT.
fn check_connect(headers: &HeaderIndex, authority: &[u8]) -> Result<UpgradeRequest, ProtocolError> {
    for name in CONNECTION_SPECIFIC {
        let is_allowed = |value: &[u8]| name == TE && value.eq_ignore_ascii_case(b"trailers");
        let mut fields = headers.head().named(name);
        if let Some(header) = fields.find(|header| !is_allowed(header.trimmed())) {
            let (at, kind) = (header.at, HeaderErrorKind::Invalid);
            return Err(ProtocolError::InvalidHeader { name, at, kind }); // H2-3
        }
    }
    let is_same = |host: &[u8]| host.eq_ignore_ascii_case(authority);
    optional(headers, HeaderName::Host, is_same)?; // H2-4
    let dialect = Dialect::Rfc6455;
    let is_dialect = |version: &[u8]| Dialect::from_version(version) == Some(dialect);
    required(headers, HeaderName::Version, is_dialect)?; // H2-5
    optional(headers, HeaderName::Origin, is_origin)?;
    check_protocol(headers, dialect)?;
    check_content_length(headers, &["0"])?;
    check_extensions(headers)?;
    Ok(UpgradeRequest {
        dialect,
        key_parts: [0; 2],
        is_connect: true,
    })
}

/// Checks the scheme and the authority of a target in absolute form (RQ-4).
fn check_absolute_form(head: &Head) -> Result<(), ProtocolError> {
    let Some([(scheme, scheme_at), (authority, authority_at)]) = head.scheme_and_authority() else {
        return Ok(());
    };
    let schemes: [&[u8]; 4] = [b"http", b"https", b"ws", b"wss"];
    let is_known = schemes
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    let invalid_at = match invalid_authority_at(authority) {
        _ if !is_known => scheme_at,
        Some(offset) => authority_at + offset as u32,
        None => return Ok(()),
    };
    Err(ProtocolError::InvalidStartLine { at: invalid_at })
}

/// Returns `true` for `WebSocket` in any case. Empty members of the list are ignored, but another
/// member makes it a request for something else (RQ-14, RQ-17).
fn is_websocket(upgrade: &[u8]) -> bool {
    let is_name = |value: &[u8]| value.eq_ignore_ascii_case(b"WebSocket");
    let is_only_member = || {
        let mut members = list_members(upgrade);
        members.next().is_some_and(is_name) && members.next().is_none()
    };
    is_name(upgrade) || is_only_member()
}

/// Checks that the request has the method and version of an upgrade (RQ-1, RQ-3).
fn check_get_http_1_1(head: &Head) -> Result<(), ProtocolError> {
    if head.is_head() {
        return Err(ProtocolError::UnsupportedMethod);
    }
    if head.is_http_1_0() {
        let at = head.version_at();
        return Err(ProtocolError::UnsupportedHttpVersion {
            at,
            major: 1,
            minor: 0,
        });
    }
    Ok(())
}

/// Checks that the header field occurs exactly once and has a valid value.
fn required(
    headers: &HeaderIndex,
    name: HeaderName,
    is_valid: impl Fn(&[u8]) -> bool,
) -> Result<(), ProtocolError> {
    match headers.at_most_one(name)? {
        Some(header) if is_valid(header.trimmed()) => Ok(()),
        Some(header) => Err(headers.error(name, &header, HeaderErrorKind::Invalid)),
        None => Err(headers.missing(name)),
    }
}

/// Checks that the header field occurs at most once and has a valid value.
#[inline(always)]
fn optional(
    headers: &HeaderIndex,
    name: HeaderName,
    is_valid: impl Fn(&[u8]) -> bool,
) -> Result<(), ProtocolError> {
    match headers.at_most_one(name)? {
        Some(header) if !is_valid(header.trimmed()) => {
            Err(headers.error(name, &header, HeaderErrorKind::Invalid))
        }
        _ => Ok(()),
    }
}

fn check_protocol(headers: &HeaderIndex, dialect: Dialect) -> Result<(), ProtocolError> {
    let name = dialect.row().protocol.header;
    let is_invalid = |header: &Header<'_>| !is_protocol_value(dialect, header.trimmed());
    match headers.all(name).find(is_invalid) {
        Some(header) => Err(headers.error(name, &header, HeaderErrorKind::Invalid)),
        None => Ok(()),
    }
}

/// Checks the grammar of extensions (HY-4).
fn check_extensions(headers: &HeaderIndex) -> Result<(), ProtocolError> {
    let is_invalid = |header: &Header<'_>| !is_extension_list(header.trimmed());
    match headers.all(HeaderName::Extensions).find(is_invalid) {
        Some(header) => {
            Err(headers.error(HeaderName::Extensions, &header, HeaderErrorKind::Invalid))
        }
        None => Ok(()),
    }
}

/// Determines the dialect, newest first (section 2 of docs/wire.md).
fn select_dialect(headers: &HeaderIndex) -> Result<Dialect, ProtocolError> {
    if let Some(version) = headers.at_most_one(HeaderName::Version)? {
        return Dialect::from_version(version.trimmed()) // HY-1
            .ok_or_else(|| headers.error(HeaderName::Version, &version, HeaderErrorKind::Invalid)); // HY-9
    }
    if headers.at_most_one(HeaderName::Key)?.is_some() {
        return Err(headers.missing(HeaderName::Version));
    }
    let draft = headers.at_most_one(HeaderName::Draft)?;
    if let Some(draft) = draft.filter(|draft| draft.trimmed() != b"0") {
        return Err(headers.error(HeaderName::Draft, &draft, HeaderErrorKind::Invalid));
    }
    let selector = match (
        headers.at_most_one(HeaderName::Key1)?,
        headers.at_most_one(HeaderName::Key2)?,
    ) {
        (Some(_), Some(_)) => Selector::KeyNumbers,
        (None, Some(_)) => return Err(headers.missing(HeaderName::Key1)),
        (Some(_), None) => return Err(headers.missing(HeaderName::Key2)),
        (None, None) if draft.is_some() => return Err(headers.missing(HeaderName::Key1)),
        (None, None) => Selector::None,
    };
    Dialect::selected_by(selector).ok_or_else(|| headers.missing(HeaderName::Version))
}

/// Checks that `Content-Length` has one of the values `expected` if it is present (RQ-18).
fn check_content_length(headers: &HeaderIndex, expected: &[&str]) -> Result<(), ProtocolError> {
    let is_expected = |value: &[u8]| expected.iter().any(|length| length.as_bytes() == value);
    match headers.at_most_one(HeaderName::ContentLength)? {
        Some(header) if !is_expected(header.trimmed()) => {
            Err(headers.error(HeaderName::ContentLength, &header, HeaderErrorKind::Invalid))
        }
        _ => Ok(()),
    }
}

fn check_key_number(headers: &HeaderIndex, name: HeaderName) -> Result<u32, ProtocolError> {
    let key = headers.first(name).ok_or_else(|| headers.missing(name))?;
    challenge::key_part(key.value).map_err(|kind| {
        let name = name.as_str();
        ProtocolError::InvalidKeyNumber { name, kind }
    })
}
