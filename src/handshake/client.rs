//! The request of a client.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use data_encoding::BASE64;

#[cfg(feature = "deflate")]
use super::compression;
use super::response::{
    is_connection_or_framing, is_valid_header, is_websocket_header, push_header,
};
use super::{invalid_authority_at, is_authority, parse_port};
use crate::call_errors::{ClientRequestError, InvalidHeader};
use crate::config::Config;
use crate::dialect::{Dialect, Selector};
use crate::handshake::challenge::{self, Proof};
use crate::header_name::HeaderName;
use crate::http::{is_reg_name, is_token, visible_len};
use crate::random::Random;

/// The request of a client: the URL, dialect, origin, subprotocols and header fields.
///
/// Each method checks its arguments, so a `ClientRequest` is always valid.
///
/// ```
/// use hybi::{Dialect, ClientRequest};
/// let request = ClientRequest::new("ws://example.com/demo?a=1")?
///     .with_dialect(Dialect::Hixie76)
///     .with_origin("http://example.com")?
///     .with_protocol("sample")?;
/// assert_eq!(request.host(), "example.com");
/// assert_eq!(request.port(), 80);
/// # Ok::<(), hybi::ClientRequestError>(())
/// ```
#[derive(Clone)]
pub struct ClientRequest {
    dialect: Dialect,
    tls: bool,
    /// An IPv6 address is in brackets.
    host: String,
    port: u16,
    resource: String,
    origin: Option<String>,
    protocols: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
}

/// The schemes of URLs, and whether they require TLS.
const SCHEMES: [(&str, bool); 4] = [
    ("ws", false),
    ("wss", true),
    ("http", false),
    ("https", true),
];

impl ClientRequest {
    /// Creates a request for a `ws://` or `wss://` URL (RFC 6455, section 3). `http://` and
    /// `https://` mean the same, as in browsers.
    ///
    /// The host is converted to lower case. A user name and password, which may be percent-encoded,
    /// are sent as `Authorization: Basic` (RFC 7617). The dialect is RFC 6455 until
    /// [`with_dialect`](Self::with_dialect) changes it.
    ///
    /// # Errors
    /// [`ClientRequestError::InvalidUrl`] with the offset of the first invalid byte: if the scheme
    /// is none of these, the host is missing or not a host name or IPv6 address, the port is
    /// not in 1 to 65535, or the URL contains a fragment, white space, a control character or a
    /// non-ASCII byte. A user name and password may contain what RFC 3986, section 3.2.1, allows:
    /// other characters have to be percent-encoded, such as `@` as `%40`. The user name cannot
    /// contain a colon, nor the user name or password a control character, even if they are
    /// percent-encoded (RFC 7617, section 2).
    pub fn new(url: &str) -> Result<Self, ClientRequestError> {
        let scheme_end = url
            .find("://")
            .ok_or(ClientRequestError::InvalidUrl { at: 0 })?;
        let (scheme, rest) = url.split_at(scheme_end);
        let mut schemes = SCHEMES.iter();
        let (_, tls) = *schemes
            .find(|(name, _)| scheme.eq_ignore_ascii_case(name))
            .ok_or(ClientRequestError::InvalidUrl { at: 0 })?;
        let rest = rest.get(3..).unwrap_or_default();
        let rest_at = scheme_end + 3;
        let resource_start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(resource_start);
        let (user_info, authority) = match authority.rsplit_once('@') {
            Some((user_info, authority)) => (Some(user_info), authority),
            None => (None, authority),
        };
        let user_info = user_info.filter(|user_info| !user_info.is_empty());
        let credentials = user_info.map(|user_info| {
            decode_user_info(user_info).map_err(|offset| {
                let at = rest_at + offset;
                ClientRequestError::InvalidUrl { at }
            })
        });
        let credentials = credentials.transpose()?;
        let authority_at = rest_at + resource_start - authority.len();
        if let Some(offset) = invalid_authority_at(authority.as_bytes()) {
            let at = authority_at + offset;
            return Err(ClientRequestError::InvalidUrl { at });
        }
        let is_resource_byte = |byte: u8| matches!(byte, 0x21..=0x7E) && byte != b'#';
        if let Some(offset) = resource.bytes().position(|byte| !is_resource_byte(byte)) {
            let at = rest_at + resource_start + offset;
            return Err(ClientRequestError::InvalidUrl { at });
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, parse_port(port.as_bytes())),
            _ => (authority, None),
        };
        Ok(Self {
            dialect: Dialect::Rfc6455,
            tls,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(default_port(tls)),
            // H76-30
            resource: match resource.as_bytes().first() {
                Some(b'/') => resource.to_owned(),
                _ => alloc::format!("/{resource}"),
            },
            origin: None,
            protocols: Vec::new(),
            headers: credentials.map(authorization).into_iter().collect(),
        })
    }

    /// Sets the dialect of the connection. Default: RFC 6455.
    #[must_use]
    pub fn with_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// Sets the origin, which is converted to lower case (H76-32).
    ///
    /// Default: in Hixie-75 and Hixie-76, which require an origin, that of the requested server;
    /// from HyBi-7 on none, since the client is not a browser (RFC 6455, section 4.1).
    ///
    /// # Errors
    /// [`ClientRequestError::InvalidOrigin`] if `origin` is empty or contains a byte outside 0x21
    /// to 0x7E.
    pub fn with_origin(self, origin: &str) -> Result<Self, ClientRequestError> {
        if origin.is_empty() || visible_len(origin.as_bytes()) < origin.len() {
            return Err(ClientRequestError::InvalidOrigin);
        }
        Ok(Self {
            origin: Some(origin.to_ascii_lowercase()),
            ..self
        })
    }

    /// Adds a subprotocol to request, after those added before, in order of preference.
    ///
    /// Default: none. In Hixie-75 and Hixie-76, only the first one is requested, and the server has
    /// to select it (H75-6, H76-38).
    ///
    /// # Errors
    /// [`ClientRequestError::InvalidProtocol`] if `name` is not a token (RFC 9110, section 5.6.2)
    /// or was added before.
    pub fn with_protocol(mut self, name: &str) -> Result<Self, ClientRequestError> {
        let is_valid = !name.is_empty() && name.bytes().all(is_token);
        if !is_valid || self.protocols.iter().any(|protocol| protocol == name) {
            return Err(ClientRequestError::InvalidProtocol);
        }
        self.protocols.push(name.to_owned());
        Ok(self)
    }

    /// Adds a header field, such as `Cookie`, after those added before. `Host` and `Authorization`
    /// replace the values that the URL gives. The default origin and the location that a server of
    /// Hixie-75 or Hixie-76 repeats contain the given `Host`.
    ///
    /// # Errors
    /// [`ClientRequestError::InvalidHeader`] if `name` is not a token (RFC 9110, section 5.6.2), if
    /// `value` contains a control character other than a tab, if the value of `Host` is not a valid
    /// authority, or if the name is reserved: `Origin`, `Upgrade`, `Connection`, `Content-Length`,
    /// `Transfer-Encoding` and all names that start with `Sec-WebSocket-` or `WebSocket-`.
    pub fn with_header(
        mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, ClientRequestError> {
        let value = value.as_ref();
        let known = HeaderName::from_bytes(name.as_bytes());
        let is_host = known == Some(HeaderName::Host);
        let lowercase = name.to_ascii_lowercase();
        let is_reserved = known == Some(HeaderName::Origin)
            || is_connection_or_framing(name)
            || is_websocket_header(name)
            || is_host && !is_authority(value);
        if is_reserved || !is_valid_header(name, value) {
            return Err(ClientRequestError::InvalidHeader(InvalidHeader::new(name)));
        }
        if is_host || lowercase == "authorization" {
            self.headers
                .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Returns the dialect of the connection.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the host to connect to, in lower case: a name or an address, for example to pass to
    /// `TcpStream::connect` with the [`port`](Self::port). An IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let address = self.host.strip_prefix('[');
        let address = address.and_then(|address| address.strip_suffix(']'));
        address.unwrap_or(&self.host)
    }

    /// Returns the port to connect to: that of the URL, or 443 with [TLS](Self::is_tls) and 80
    /// without.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `true` if the scheme of the URL is `wss` or `https`: the caller has to connect over
    /// TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns the value of `Host`: that of the application, or else `host`, or `host:port` if the
    /// port is not the default of the scheme (H76-32).
    fn authority(&self) -> String {
        let host = self.headers.iter().find(|(name, _)| is_host(name));
        if let Some((_, value)) = host {
            return String::from_utf8_lossy(value).into_owned();
        }
        if self.port == default_port(self.tls) {
            return self.host.clone();
        }
        self.authority_with_port()
    }

    pub(crate) fn authority_with_port(&self) -> String {
        alloc::format!("{}:{}", self.host, self.port)
    }

    /// Returns the origin of the request, which a Hixie-75 or Hixie-76 server repeats.
    pub(super) fn expected_origin(&self) -> String {
        let scheme = if self.tls { "https://" } else { "http://" };
        let same_origin = || [scheme, &self.authority()].concat().to_ascii_lowercase();
        self.origin.clone().unwrap_or_else(same_origin)
    }

    pub(super) fn requested_protocols(&self) -> impl Iterator<Item = &str> {
        let count = if self.dialect.row().protocol.is_single {
            1
        } else {
            usize::MAX
        };
        self.protocols.iter().map(String::as_str).take(count)
    }

    /// Returns `true` if `location` is the requested URL (H75-6, H76-38).
    ///
    /// Hixie-76 also allows the default port to be present, as Firefox 4 did.
    pub(super) fn is_location(&self, location: &[u8]) -> bool {
        let scheme = if self.tls { "wss://" } else { "ws://" };
        let matches = |authority: String| {
            [scheme, &authority, &self.resource].concat().as_bytes() == location
        };
        let echoed = &self.dialect.row().response.echoed;
        let allows_default_port = echoed.as_ref().is_some_and(|e| e.allows_default_port);
        matches(self.authority()) || allows_default_port && matches(self.authority_with_port())
    }

    /// Returns the bytes of the request and what the server must send to prove that it read them.
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables))]
    pub(crate) fn request(&self, config: &Config, random: &mut Random) -> (Vec<u8>, Proof) {
        let mut head = Vec::new();
        // H75-1: Hixie-75 prescribes this order.
        head.extend_from_slice(b"GET ");
        head.extend_from_slice(self.resource.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        let mut push_header = |name: &str, value: &[u8]| push_header(&mut head, name, &[value]);
        let row = self.dialect.row();
        push_header(HeaderName::Upgrade.as_str(), row.request.upgrade.as_bytes());
        push_header(HeaderName::Connection.as_str(), b"Upgrade");
        push_header(HeaderName::Host.as_str(), self.authority().as_bytes());
        if row.request.sends_origin || self.origin.is_some() {
            push_header(
                row.request.origin.as_str(),
                self.expected_origin().as_bytes(),
            );
        }
        let protocols: Vec<&str> = self.requested_protocols().collect();
        if !protocols.is_empty() {
            push_header(
                row.protocol.header.as_str(),
                protocols.join(", ").as_bytes(),
            );
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_host(name)) {
            push_header(name, value);
        }
        let mut key3: Option<[u8; 8]> = None;
        let proof = match row.request.selector {
            Selector::None => Proof::None,
            Selector::KeyNumbers => {
                let (key1, part1) = challenge::make_key_number(random);
                let (key2, part2) = challenge::make_key_number(random);
                push_header(HeaderName::Key1.as_str(), key1.as_bytes());
                push_header(HeaderName::Key2.as_str(), key2.as_bytes());
                let key3 = *key3.insert(random.bytes());
                Proof::ChallengeResponse(challenge::challenge_response([part1, part2], key3))
            }
            Selector::Version(version) => {
                let key = challenge::make_websocket_key(random);
                push_header(HeaderName::Version.as_str(), version.as_bytes());
                push_header(HeaderName::Key.as_str(), key.as_str().as_bytes());
                #[cfg(feature = "deflate")]
                if let Some(deflate) = config.deflate.as_ref().filter(|_| row.has_compression) {
                    let offers = compression::offers(deflate);
                    push_header(HeaderName::Extensions.as_str(), offers.as_bytes());
                }
                Proof::Accept(challenge::accept_value(key.as_str().as_bytes()))
            }
        };
        head.extend_from_slice(b"\r\n");
        // H76-31: one buffer, so that the head and key3 go out in one write.
        head.extend_from_slice(key3.as_ref().map_or(&[], |key3| &key3[..]));
        (head, proof)
    }
}

fn is_host(name: &str) -> bool {
    name.eq_ignore_ascii_case(HeaderName::Host.as_str())
}

impl FromStr for ClientRequest {
    type Err = ClientRequestError;

    /// As [`ClientRequest::new`].
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::new(url)
    }
}

/// Decodes the percent-encoding of a user name and password (RFC 3986, section 3.2.1). A colon
/// follows the name, also if there is no password (RFC 7617). The error is the offset of the first
/// invalid byte, or of the percent sign of a byte that RFC 7617 does not allow.
fn decode_user_info(user_info: &str) -> Result<Vec<u8>, usize> {
    let mut decoded = Vec::new();
    let name_len = user_info.find(':').unwrap_or(user_info.len());
    let mut rest = user_info.as_bytes();
    while let [byte, tail @ ..] = rest {
        let offset = user_info.len() - rest.len();
        let hex = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
        rest = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let high = hex(*high).ok_or(offset)?;
                let low = hex(*low).ok_or(offset)?;
                let byte = high << 4 | low;
                // RFC 7617, section 2: the server would take the colon for the end of the name.
                if byte.is_ascii_control() || byte == b':' && offset < name_len {
                    return Err(offset);
                }
                decoded.push(byte);
                tail
            }
            // No others: a parser for which a backslash or a second `@` ends the authority would read
            // another host.
            (byte, tail) if is_reg_name(*byte) || *byte == b':' => {
                decoded.push(*byte);
                tail
            }
            _ => return Err(offset),
        };
    }
    if name_len == user_info.len() {
        decoded.push(b':');
    }
    Ok(decoded)
}

/// Returns the port of a URL that has none (RFC 6455, section 3).
const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Returns the header field for a user name and password (RFC 7617).
fn authorization(credentials: Vec<u8>) -> (String, Vec<u8>) {
    let value = alloc::format!("Basic {}", BASE64.encode(&credentials));
    ("Authorization".to_owned(), value.into_bytes())
}

/// Omits the query and the added header fields, which may contain tokens and cookies.
impl core::fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientRequest")
            .field("dialect", &self.dialect)
            .field("tls", &self.tls)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &self.resource.split('?').next())
            .field("origin", &self.origin)
            .field("protocols", &self.protocols)
            .field("headers", &self.headers.len())
            .finish()
    }
}
