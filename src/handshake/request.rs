//! A client's request, as a server reads it.

use alloc::sync::Arc;
use core::fmt;

use super::headers::{HeaderIndex, HeaderName};
use super::{check_connection, is_authority, is_extension_list, is_protocol_value, is_visible};
use crate::config::{Config, Dialect};
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::handshake::challenge;
use crate::http::{Head, Header};

/// A request whose head is whole and whose every field that matters was checked.
///
/// Owned, and cheap to clone: keep it as long as you like, on any thread, and answer the
/// connection that it came from when you are ready.
#[derive(Clone)]
pub struct Request(Arc<CheckedRequest>);

struct CheckedRequest {
    headers: HeaderIndex,
    upgrade: Option<UpgradeRequest>,
}

/// What makes a request one for a WebSocket.
#[derive(Clone, Copy)]
struct UpgradeRequest {
    dialect: Dialect,
    /// The numbers of both keys; zero but for Hixie-76, which has them.
    key_parts: [u32; 2],
}

impl Request {
    /// A request that an HTTP library has read, for [`Connection::upgrade`](crate::Connection::upgrade): the target as
    /// it stood in the first line, and the fields.
    ///
    /// The library must leave the values of `Sec-WebSocket-Key1` and `Key2` as they came, less
    /// one space after the colon: their spaces count (KEY-2).
    ///
    /// # Errors
    /// What the same head, read by a [`Connection`](crate::Connection), would have met with;
    /// offsets are those in a head written with the given fields, `name: value`, in their order.
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

    pub(crate) fn check(head: Head) -> Result<Self, ProtocolError> {
        let fields = HeaderIndex::new(head);
        let opening = check_upgrade(&fields)?;
        Ok(Self(Arc::new(CheckedRequest {
            headers: fields,
            upgrade: opening,
        })))
    }

    /// Whether a server with this configuration answers such a request at all.
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

    /// The value of `Host`, as it goes into the reply.
    pub(crate) fn host_bytes(&self) -> &[u8] {
        self.value(HeaderName::Host).unwrap_or_default()
    }

    /// Hixie: the value of `Origin`, as it goes into the reply.
    pub(crate) fn origin_bytes(&self) -> &[u8] {
        self.value(HeaderName::Origin).unwrap_or_default()
    }

    pub(crate) fn resource_bytes(&self) -> &[u8] {
        self.0.headers.head().target_bytes()
    }

    /// Whether it would be for a WebSocket, but that a field got lost on the way.
    fn has_handshake_header(&self) -> bool {
        let asks = [
            HeaderName::Key,
            HeaderName::Key1,
            HeaderName::Key2,
            HeaderName::Version,
            HeaderName::Draft,
        ];
        asks.into_iter().any(|name| self.0.headers.has(name))
    }

    /// From HyBi-7 on: the key.
    pub(crate) fn key(&self) -> &[u8] {
        self.value(HeaderName::Key).unwrap_or_default()
    }

    /// Hixie-76: the numbers of both keys.
    pub(crate) fn key_parts(&self) -> [u32; 2] {
        self.0.upgrade.map_or([0; 2], |opening| opening.key_parts)
    }

    /// The dialect that the client asks for; `None` for a plain HTTP request, with
    /// [`plain_http`](crate::Config::plain_http).
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.0.upgrade.map(|opening| opening.dialect)
    }

    /// The target of the request line, path and query, byte for byte: it begins with `/`, and
    /// holds visible ASCII only.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.0.headers.head().target()
    }

    /// The value of `Host`: `host` or `host:port`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.visible(HeaderName::Host).unwrap_or_default()
    }

    /// The value of `Origin`, or of `Sec-WebSocket-Origin` in HyBi-7 and HyBi-8 (HY-3), visible
    /// ASCII. Hixie-75 and Hixie-76 always have it; later, browsers send it and others need not.
    ///
    /// Whom to let in is the application's to decide: a browser sends the origin of the page that
    /// opens the connection, and anybody else sends what they like.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        let hybi = matches!(self.dialect(), Some(Dialect::HyBi7 | Dialect::HyBi8));
        let drafted = hybi.then(|| self.visible(HeaderName::HybiOrigin)).flatten();
        drafted.or_else(|| self.visible(HeaderName::Origin))
    }

    /// Whether [`origin`](Self::origin) is one of `allowed`, in any case (H76-12).
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
        let is = |origin: &str| allowed.iter().any(|one| one.eq_ignore_ascii_case(origin));
        self.origin().is_some_and(is)
    }

    /// The subprotocols that the client offers, in its order of preference. Hixie-75 and Hixie-76
    /// have one string, which later browsers and Flash filled with a list, divided by commas or
    /// spaces (H76-13).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocol_lines()
            .flat_map(|line| line.split([',', ' ', '\t']))
            .filter(|name| !name.is_empty())
    }

    /// The values of the subprotocol field as they came, white space round them aside.
    pub(crate) fn protocol_values(&self) -> impl Iterator<Item = &[u8]> {
        let dialect = self.dialect();
        let name = dialect.map_or(HeaderName::Protocol, HeaderName::protocol);
        let fields = self.0.headers.all(name);
        fields.filter_map(move |header| dialect.map(|_| header.trimmed()))
    }

    /// As [`protocol_values`](Self::protocol_values); they are ASCII.
    pub(crate) fn protocol_lines(&self) -> impl Iterator<Item = &str> {
        self.protocol_values()
            .filter_map(|value| core::str::from_utf8(value).ok())
    }

    /// The first field with this name, in any case, without the white space round its value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.0.headers.head().header(name)?.trimmed())
    }

    /// All fields in their order, names as they came, values without the white space round them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(self.0.headers.head())
    }

    fn value(&self, name: HeaderName) -> Option<&[u8]> {
        Some(self.0.headers.first(name)?.trimmed())
    }

    fn visible(&self, name: HeaderName) -> Option<&str> {
        core::str::from_utf8(self.value(name)?).ok()
    }
}

/// Never shows cookies or keys.
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

pub(super) fn name_value(head: &Head) -> impl Iterator<Item = (&str, &[u8])> {
    head.headers().map(|header| {
        let name = core::str::from_utf8(header.name).unwrap_or_default();
        (name, header.trimmed())
    })
}

/// Which dialect a request is in, and all that has to hold before anything is written (H76-2).
/// `None` for plain HTTP.
fn check_upgrade(fields: &HeaderIndex) -> Result<Option<UpgradeRequest>, ProtocolError> {
    if let Some(header) = fields.first(HeaderName::TransferEncoding) {
        return Err(fields.error(
            HeaderName::TransferEncoding,
            &header,
            HeaderErrorKind::Invalid,
        )); // RQ-18
    }
    required(fields, HeaderName::Host, is_authority)?; // RQ-16
    let Some(upgrade) = fields.at_most_one(HeaderName::Upgrade)? else {
        optional(fields, HeaderName::Origin, is_visible)?;
        check_content_length(fields, b"0")?;
        return Ok(None);
    };
    if !upgrade.trimmed().eq_ignore_ascii_case(b"WebSocket") {
        return Err(fields.error(HeaderName::Upgrade, &upgrade, HeaderErrorKind::Invalid)); // RQ-14
    }
    check_connection(fields, HeaderErrorKind::Invalid)?;
    let dialect = select_dialect(fields)?;
    if dialect.is_hixie() {
        required(fields, HeaderName::Origin, is_visible)?; // H75-4, H76-11
    } else {
        optional(fields, HeaderName::Origin, is_visible)?;
        optional(fields, HeaderName::HybiOrigin, is_visible)?;
    }
    check_protocol(fields, dialect)?;
    let parts = match dialect {
        Dialect::Hixie75 => [0; 2],
        Dialect::Hixie76 => {
            check_content_length(fields, b"8")?;
            [
                check_key(fields, HeaderName::Key1)?,
                check_key(fields, HeaderName::Key2)?,
            ]
        }
        Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => {
            check_content_length(fields, b"0")?;
            required(fields, HeaderName::Key, challenge::is_key)?; // HY-2
            check_extensions(fields)?;
            [0; 2]
        }
    };
    Ok(Some(UpgradeRequest {
        dialect,
        key_parts: parts,
    }))
}

fn required(
    fields: &HeaderIndex,
    name: HeaderName,
    is_valid: fn(&[u8]) -> bool,
) -> Result<(), ProtocolError> {
    match fields.at_most_one(name)? {
        Some(header) if is_valid(header.trimmed()) => Ok(()),
        Some(header) => Err(fields.error(name, &header, HeaderErrorKind::Invalid)),
        None => Err(fields.missing(name)),
    }
}

fn optional(
    fields: &HeaderIndex,
    name: HeaderName,
    is_valid: fn(&[u8]) -> bool,
) -> Result<(), ProtocolError> {
    match fields.at_most_one(name)? {
        Some(header) if !is_valid(header.trimmed()) => {
            Err(fields.error(name, &header, HeaderErrorKind::Invalid))
        }
        _ => Ok(()),
    }
}

fn check_protocol(fields: &HeaderIndex, dialect: Dialect) -> Result<(), ProtocolError> {
    let name = HeaderName::protocol(dialect);
    let is_wrong = |header: &Header<'_>| !is_protocol_value(dialect, header.trimmed());
    match fields.all(name).find(is_wrong) {
        Some(header) => Err(fields.error(name, &header, HeaderErrorKind::Invalid)),
        None => Ok(()),
    }
}

/// Declined all of them, but in their own grammar.
fn check_extensions(fields: &HeaderIndex) -> Result<(), ProtocolError> {
    let is_wrong = |header: &Header<'_>| !is_extension_list(header.trimmed());
    match fields.all(HeaderName::Extensions).find(is_wrong) {
        Some(header) => {
            Err(fields.error(HeaderName::Extensions, &header, HeaderErrorKind::Invalid))
        }
        None => Ok(()),
    }
}

/// Section 2 of the rules: the first that fits.
fn select_dialect(fields: &HeaderIndex) -> Result<Dialect, ProtocolError> {
    if let Some(version) = fields.at_most_one(HeaderName::Version)? {
        return Dialect::from_version(version.trimmed()) // HY-1
            .ok_or_else(|| fields.error(HeaderName::Version, &version, HeaderErrorKind::Invalid)); // HY-9
    }
    if fields.at_most_one(HeaderName::Key)?.is_some() {
        return Err(fields.missing(HeaderName::Version));
    }
    let draft = fields.at_most_one(HeaderName::Draft)?;
    if let Some(draft) = draft.filter(|draft| draft.trimmed() != b"0") {
        return Err(fields.error(HeaderName::Draft, &draft, HeaderErrorKind::Invalid));
    }
    match (
        fields.at_most_one(HeaderName::Key1)?,
        fields.at_most_one(HeaderName::Key2)?,
    ) {
        (Some(_), Some(_)) => Ok(Dialect::Hixie76),
        (None, Some(_)) => Err(fields.missing(HeaderName::Key1)),
        (Some(_), None) => Err(fields.missing(HeaderName::Key2)),
        (None, None) if draft.is_some() => Err(fields.missing(HeaderName::Key1)),
        (None, None) => Ok(Dialect::Hixie75),
    }
}

/// RQ-18: some real clients announce the 8 bytes behind a Hixie-76 head; other requests have no
/// body, but for Hixie-75, which doesn't look.
fn check_content_length(fields: &HeaderIndex, bytes: &[u8]) -> Result<(), ProtocolError> {
    match fields.at_most_one(HeaderName::ContentLength)? {
        Some(length) if length.trimmed() != bytes => {
            Err(fields.error(HeaderName::ContentLength, &length, HeaderErrorKind::Invalid))
        }
        _ => Ok(()),
    }
}

fn check_key(fields: &HeaderIndex, name: HeaderName) -> Result<u32, ProtocolError> {
    let key = fields.first(name).ok_or_else(|| fields.missing(name))?;
    challenge::key_part(key.value).map_err(|kind| {
        let name = name.as_str();
        ProtocolError::InvalidKeyNumber { name, kind }
    })
}
