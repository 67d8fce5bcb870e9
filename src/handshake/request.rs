//! A request that a server received, and its checks.

use alloc::sync::Arc;
use core::fmt;

use super::headers::HeaderIndex;
use super::{check_connection, is_authority, is_extension_list, is_protocol_value, is_visible};
use crate::config::Config;
use crate::dialect::{Dialect, Selector};
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::handshake::challenge;
use crate::header_name::HeaderName;
use crate::http::{Head, Header};

/// A request that a server received, with valid header fields.
///
/// A `Request` owns its data, is cheap to clone, and can be sent to other threads. Its connection
/// waits until [`accept`](crate::Connection::accept) or [`respond`](crate::Connection::respond) is
/// called.
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
}

impl Request {
    /// Creates a request from a head that an HTTP library has parsed, for
    /// [`Connection::upgrade`](crate::Connection::upgrade).
    ///
    /// `resource` is the target of the request line, `headers` the header fields in order. The
    /// method must have been `GET`. The limits of [`Config`] do not apply.
    ///
    /// The library must not change the values of `Sec-WebSocket-Key1` and `Sec-WebSocket-Key2`,
    /// except for removing one space after the colon, because the spaces in a value count (KEY-2).
    ///
    /// # Errors
    /// The same [`ProtocolError`]s as for a head that a [`Connection`](crate::Connection) receives.
    /// Offsets refer to a head of the given header fields in order, each written as `name: value`.
    ///
    /// ```
    /// use hybi::{Dialect, Request};
    /// let request = Request::from_parts(
    ///     "/demo",
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
        resource: &str,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ProtocolError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut head = Head::from_target(resource.as_bytes())?;
        for (name, value) in headers {
            head.push(name.as_ref(), value.as_ref())?;
        }
        head.finish();
        Self::check(head)
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
            None if !config.plain_http || self.has_handshake_header() => {
                Err(ProtocolError::NotWebSocket)
            }
            Some(dialect) if !config.dialects.contains(dialect) => {
                Err(ProtocolError::DialectNotEnabled(dialect))
            }
            _ => Ok(()),
        }
    }

    /// Returns the value of `Host`, which a Hixie-75 or Hixie-76 response repeats.
    pub(crate) fn host_bytes(&self) -> &[u8] {
        self.value(HeaderName::Host).unwrap_or_default()
    }

    /// Returns the value of `Origin`, which a Hixie-75 or Hixie-76 response repeats.
    pub(crate) fn origin_bytes(&self) -> &[u8] {
        self.value(HeaderName::Origin).unwrap_or_default()
    }

    pub(crate) fn resource_bytes(&self) -> &[u8] {
        self.0.headers.head().target_bytes()
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

    /// Returns the target of the request line, path and query, unchanged.
    ///
    /// It starts with `/` and contains only visible ASCII except `#` (RQ-2).
    #[must_use]
    pub fn resource(&self) -> &str {
        self.0.headers.head().target()
    }

    /// Returns the value of `Host`: `host` or `host:port` (RQ-16).
    #[must_use]
    pub fn host(&self) -> &str {
        self.value_str(HeaderName::Host).unwrap_or_default()
    }

    /// Returns the value of `Origin`, which is visible ASCII.
    ///
    /// In HyBi-7 and HyBi-8, `Sec-WebSocket-Origin` has precedence (HY-3). Hixie-75 and Hixie-76
    /// requests always have an origin. From HyBi-7 on, browsers send one and other clients may
    /// omit it (RFC 6455, section 4.1).
    ///
    /// The crate does not check origins; the application decides which ones to accept. A browser
    /// sends the origin of the page that opens the connection; other clients can send any value.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        let dialect = self.dialect();
        let name = dialect.map_or(HeaderName::Origin, |d| d.row().request.origin);
        self.value_str(name)
            .or_else(|| self.value_str(HeaderName::Origin))
    }

    /// Returns `true` if [`origin`](Self::origin) equals one of `allowed`, ignoring ASCII case
    /// (H76-12).
    ///
    /// Returns `false` if the request has no origin.
    ///
    /// ```
    /// # use hybi::{Connection, Refused, Request, Response};
    /// # fn answer(conn: &mut Connection, request: &Request) -> Result<(), Refused> {
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

    /// Returns the values of the subprotocol header fields, without surrounding white space.
    pub(crate) fn protocol_values(&self) -> impl Iterator<Item = &[u8]> {
        let dialect = self.dialect();
        let name = dialect.map_or(HeaderName::Protocol, |dialect| {
            dialect.row().protocol.header
        });
        let headers = self.0.headers.all(name);
        headers.filter_map(move |header| dialect.map(|_| header.trimmed()))
    }

    /// Returns [`protocol_values`](Self::protocol_values) as strings; they are ASCII.
    pub(crate) fn protocol_strs(&self) -> impl Iterator<Item = &str> {
        self.protocol_values()
            .filter_map(|value| core::str::from_utf8(value).ok())
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

/// Omits the other header fields, which may contain cookies and keys.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("dialect", &self.dialect())
            .field("resource", &self.resource())
            .field("host", &self.host())
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
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
    if let Some(header) = headers.first(HeaderName::TransferEncoding) {
        return Err(headers.error(
            HeaderName::TransferEncoding,
            &header,
            HeaderErrorKind::Invalid,
        )); // RQ-18
    }
    required(headers, HeaderName::Host, is_authority)?; // RQ-16
    let Some(upgrade) = headers.at_most_one(HeaderName::Upgrade)? else {
        optional(headers, HeaderName::Origin, is_visible)?;
        check_content_length(headers, "0")?;
        return Ok(None);
    };
    if !upgrade.trimmed().eq_ignore_ascii_case(b"WebSocket") {
        return Err(headers.error(HeaderName::Upgrade, &upgrade, HeaderErrorKind::Invalid)); // RQ-14
    }
    check_connection(headers, HeaderErrorKind::Invalid)?;
    let dialect = select_dialect(headers)?;
    let form = &dialect.row().request;
    if form.origin_required {
        required(headers, form.origin, is_visible)?; // H75-4, H76-11
    } else {
        optional(headers, HeaderName::Origin, is_visible)?;
        optional(headers, HeaderName::SecOrigin, is_visible)?;
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
            required(headers, HeaderName::Key, challenge::is_websocket_key)?; // HY-2
            check_extensions(headers)?;
            [0; 2]
        }
    };
    Ok(Some(UpgradeRequest { dialect, key_parts }))
}

/// Checks that the header field occurs exactly once and has a valid value.
fn required(
    headers: &HeaderIndex,
    name: HeaderName,
    is_valid: fn(&[u8]) -> bool,
) -> Result<(), ProtocolError> {
    match headers.at_most_one(name)? {
        Some(header) if is_valid(header.trimmed()) => Ok(()),
        Some(header) => Err(headers.error(name, &header, HeaderErrorKind::Invalid)),
        None => Err(headers.missing(name)),
    }
}

/// Checks that the header field occurs at most once and has a valid value.
fn optional(
    headers: &HeaderIndex,
    name: HeaderName,
    is_valid: fn(&[u8]) -> bool,
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

/// Checks the grammar of extensions, which are all declined (HY-4).
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

/// Checks that `Content-Length` has the value `expected` if it is present (RQ-18).
///
/// Some Hixie-76 clients declare the 8 bytes of key3. Hixie-75 requests are not checked.
fn check_content_length(headers: &HeaderIndex, expected: &str) -> Result<(), ProtocolError> {
    match headers.at_most_one(HeaderName::ContentLength)? {
        Some(header) if header.trimmed() != expected.as_bytes() => {
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
