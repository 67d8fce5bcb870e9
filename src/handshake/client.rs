//! What a client asks for, and the request that says so.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::headers::HeaderName;
use super::response::{check_headers, is_connection_or_framing};
use super::{invalid_authority_at, is_visible, parse_port};
use crate::config::Dialect;
use crate::entropy::Entropy;
use crate::error::Refused;
use crate::handshake::challenge::{self, Proof};
use crate::http::is_token;

/// Where a client connects to, and as whom. Everything is checked as it is set.
///
/// ```
/// use hybi::{Dialect, ClientRequest};
/// let target = ClientRequest::new("ws://example.com/demo?a=1")?
///     .with_dialect(Dialect::Hixie76)
///     .with_origin("http://example.com")?
///     .with_protocol("sample")?;
/// assert_eq!(target.host(), "example.com");
/// assert_eq!(target.port(), 80);
/// # Ok::<(), hybi::Refused>(())
/// ```
#[derive(Clone)]
pub struct ClientRequest {
    dialect: Dialect,
    tls: bool,
    host: String,
    port: u16,
    resource: String,
    origin: Option<String>,
    protocols: Vec<String>,
    headers: Vec<(String, String)>,
}

impl ClientRequest {
    /// A `ws://` or `wss://` URL; the host is lower-cased. The dialect is RFC 6455.
    ///
    /// # Errors
    /// [`Refused::InvalidUrl`] with the offset of what can't stand there: another scheme, a user
    /// name, a fragment, a space or a byte beyond ASCII, a port outside 1 to 65535.
    pub fn new(url: &str) -> Result<Self, Refused> {
        let scheme_end = url.find("://").ok_or(Refused::InvalidUrl { at: 0 })?;
        let (scheme, rest) = url.split_at(scheme_end);
        let secure = scheme.eq_ignore_ascii_case("wss");
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(Refused::InvalidUrl { at: 0 });
        }
        let rest = rest.get(3..).unwrap_or_default();
        let authority_at = scheme_end + 3;
        let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(length);
        if let Some(wrong) = invalid_authority_at(authority.as_bytes()) {
            let at = authority_at + wrong;
            return Err(Refused::InvalidUrl { at });
        }
        let in_resource = |byte: u8| matches!(byte, 0x21..=0x7E) && byte != b'#';
        if let Some(bad) = resource.bytes().position(|byte| !in_resource(byte)) {
            let at = authority_at + length + bad;
            return Err(Refused::InvalidUrl { at });
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, parse_port(port.as_bytes())),
            _ => (authority, None),
        };
        Ok(Self {
            dialect: Dialect::Rfc6455,
            tls: secure,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            // H76-30
            resource: match resource.as_bytes().first() {
                Some(b'/') => resource.to_owned(),
                _ => alloc::format!("/{resource}"),
            },
            origin: None,
            protocols: Vec::new(),
            headers: Vec::new(),
        })
    }

    /// The dialect to speak. Default: RFC 6455.
    #[must_use]
    pub fn with_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// The origin to name, which is lower-cased (H76-32). Default: in Hixie-75 and Hixie-76, which
    /// demand one, that of a page of the same host; later none, as of a client that is no browser.
    ///
    /// # Errors
    /// [`Refused::InvalidHeader`] when it is empty or holds anything but visible ASCII.
    pub fn with_origin(self, origin: &str) -> Result<Self, Refused> {
        if !is_visible(origin.as_bytes()) {
            return Err(Refused::InvalidHeader);
        }
        Ok(Self {
            origin: Some(origin.to_ascii_lowercase()),
            ..self
        })
    }

    /// A subprotocol to ask for. Call it once for each, the best first; in Hixie-75 and Hixie-76
    /// only the first is asked for, and the server has to answer with it. Default: none.
    ///
    /// # Errors
    /// [`Refused::InvalidHeader`] when it is no token (RFC 7230, 3.2.6), or was given before.
    pub fn with_protocol(mut self, name: &str) -> Result<Self, Refused> {
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        if !is_name || self.protocols.iter().any(|one| one == name) {
            return Err(Refused::InvalidHeader);
        }
        self.protocols.push(name.to_owned());
        Ok(self)
    }

    /// A field to add, such as `Cookie`.
    ///
    /// # Errors
    /// [`Refused::InvalidHeader`] when it would break the head, or is one that the crate writes.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Refused> {
        let ours = |name: &str| {
            let lower = name.to_ascii_lowercase();
            let named = HeaderName::from_bytes(name.as_bytes());
            matches!(named, Some(HeaderName::Host | HeaderName::Origin))
                || is_connection_or_framing(name)
                || lower.starts_with("sec-websocket-")
                || lower.starts_with("websocket-")
        };
        check_headers(&[(name, value)], ours)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// The host to connect to, lower-cased; an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: the URL's, or 80 for `ws` and 443 for `wss`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the URL's scheme is `wss`: the caller then connects over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// H76-32: with the port only when it is not the scheme's own.
    fn authority(&self) -> String {
        if self.port == self.default_port() {
            return self.host.clone();
        }
        self.authority_with_port()
    }

    pub(crate) fn authority_with_port(&self) -> String {
        alloc::format!("{}:{}", self.host, self.port)
    }

    fn default_port(&self) -> u16 {
        if self.tls { 443 } else { 80 }
    }

    /// The origin that the request names, if any.
    pub(super) fn expected_origin(&self) -> String {
        let scheme = if self.tls { "https://" } else { "http://" };
        let own = || [scheme, &self.authority()].concat();
        self.origin.clone().unwrap_or_else(own)
    }

    pub(super) fn requested_protocols(&self) -> impl Iterator<Item = &str> {
        let most = if self.dialect.is_hixie() {
            1
        } else {
            usize::MAX
        };
        self.protocols.iter().map(String::as_str).take(most)
    }

    /// H75-6, H76-38: exactly ours; in Hixie-76 also with the scheme's own port written out, as
    /// Firefox 4 had it.
    pub(super) fn is_location(&self, location: &[u8]) -> bool {
        let scheme = if self.tls { "wss://" } else { "ws://" };
        let is = |authority: String| {
            [scheme, &authority, &self.resource].concat().as_bytes() == location
        };
        is(self.authority()) || self.dialect == Dialect::Hixie76 && is(self.authority_with_port())
    }

    /// The request, and what has to come of it.
    pub(crate) fn request(&self, entropy: &mut Entropy) -> (Vec<u8>, Proof) {
        let mut head = String::new();
        // Writing to a String can't fail. H75-1: the order of Hixie-75 is fixed.
        let _ = write!(head, "GET {} HTTP/1.1\r\n", self.resource);
        let mut field = |name: &str, value: &str| {
            let _ = write!(head, "{name}: {value}\r\n");
        };
        let hixie = self.dialect.is_hixie();
        field(
            HeaderName::Upgrade.as_str(),
            if hixie { "WebSocket" } else { "websocket" },
        );
        field(HeaderName::Connection.as_str(), "Upgrade");
        field(HeaderName::Host.as_str(), &self.authority());
        let origin = match self.dialect {
            Dialect::HyBi7 | Dialect::HyBi8 => HeaderName::HybiOrigin, // HY-3
            Dialect::Hixie75 | Dialect::Hixie76 | Dialect::Rfc6455 => HeaderName::Origin,
        };
        if hixie || self.origin.is_some() {
            field(origin.as_str(), &self.expected_origin());
        }
        let protocols: Vec<&str> = self.requested_protocols().collect();
        if !protocols.is_empty() {
            field(
                HeaderName::protocol(self.dialect).as_str(),
                &protocols.join(", "),
            );
        }
        for (name, value) in &self.headers {
            field(name, value);
        }
        let mut key3: Option<[u8; 8]> = None;
        let proof = match self.dialect {
            Dialect::Hixie75 => Proof::None,
            Dialect::Hixie76 => {
                let (key1, part1) = challenge::make_key(entropy);
                let (key2, part2) = challenge::make_key(entropy);
                field(HeaderName::Key1.as_str(), &key1);
                field(HeaderName::Key2.as_str(), &key2);
                let bytes = *key3.insert(entropy.bytes());
                Proof::Answer(challenge::answer([part1, part2], bytes))
            }
            Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => {
                let key = challenge::make_nonce(entropy);
                field(
                    HeaderName::Version.as_str(),
                    self.dialect.version().unwrap_or_default(),
                );
                field(HeaderName::Key.as_str(), key.as_str());
                Proof::Accept(challenge::accept_value(key.as_str().as_bytes()))
            }
        };
        head.push_str("\r\n");
        // H76-31: one buffer, so that one write takes all of it.
        let mut request = head.into_bytes();
        request.extend_from_slice(key3.as_ref().map_or(&[], |bytes| &bytes[..]));
        (request, proof)
    }
}

/// Never shows the fields added: there may be cookies among them.
impl core::fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Target")
            .field("dialect", &self.dialect)
            .field("secure", &self.tls)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("resource", &self.resource)
            .field("origin", &self.origin)
            .field("protocols", &self.protocols)
            .field("headers", &self.headers.len())
            .finish()
    }
}
