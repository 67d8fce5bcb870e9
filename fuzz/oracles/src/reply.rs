//! Heads built from the application's values.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use arbitrary::Arbitrary;
use httparse::{EMPTY_HEADER, Status};
use hybi::{
    AcceptError, AcceptOptions, ClientRequest, ClientRequestError, Config, Connection, Dialect,
    Dialects, Entropy, Event, ProxyTunnel, Request, RespondError, Response,
};
use testkit::{accept_value, base64, input};

use crate::dialect::{ALL, HYBI_ORIGIN, KEY, KEY1, KEY2, PROTOCOL, PROTOCOL_75, VERSION, is_hybi};
use crate::http::{assert_same_fields, trim};
use crate::options::Digit;
use crate::redaction::{check_error, check_same_debug};
use crate::session::ENTROPY;

/// Ends a string of the input.
const END: u8 = 0xFF;

/// A plain HTTP request.
const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

type Text<'a> = Cow<'a, str>;
type Field = (String, Vec<u8>);

/// The values that an application can pass into a head.
struct Values<'a> {
    url: Text<'a>,
    origin: Option<Text<'a>>,
    protocols: Vec<Text<'a>>,
    authority: Option<Text<'a>>,
    authorization: Option<&'a [u8]>,
    fields: Vec<(Text<'a>, &'a [u8])>,
    body: &'a [u8],
}

/// The values that an application passes.
#[derive(Arbitrary, Debug)]
pub struct ReplyInput<'a> {
    /// The oldest first.
    pub dialect: Digit,
    /// Which of origin, protocols, authority, authorization and fields are passed.
    pub passed: Digit,
    /// The first one counts 16 times.
    pub status: [Digit; 2],
    pub separator: u8,
    /// Strings, each followed by a byte FF: URL, origin, two protocols, authority, authorization,
    /// names and values of two fields. Last, a body.
    pub values: &'a [u8],
}

/// Checks the heads built from these values.
pub fn reply(input: ReplyInput<'_>) {
    let dialect = ALL[input.dialect.value() % ALL.len()];
    let [origin, protocols, authority, authorization, fields] = input.passed.switches();
    let [high, low] = input.status.map(|digit| digit.value() as u16);
    let status = 16 * high + low;
    let mut strings = input.values.splitn(11, |byte| *byte == END);
    let mut bytes = || strings.next().unwrap_or_default();
    let text = String::from_utf8_lossy;
    let mut values = Values {
        url: text(bytes()),
        origin: Some(text(bytes())).filter(|_| origin),
        protocols: vec![text(bytes()), text(bytes())],
        authority: Some(text(bytes())).filter(|_| authority),
        authorization: Some(bytes()).filter(|_| authorization),
        fields: vec![(text(bytes()), bytes()), (text(bytes()), bytes())],
        body: bytes(),
    };
    if !protocols {
        values.protocols.clear();
    }
    if !fields {
        values.fields.clear();
    }
    let config = Config::new().dialects(Dialects::ALL);
    let config = config
        .plain_http(true)
        .max_head_len(1 << 20)
        .max_header_line_len(1 << 20);
    values.response(&config, status);
    if let Some((client_request, expected)) = values.client_request(dialect) {
        values.tunnel(&config, &client_request);
        let mut client = Connection::client(
            config.clone(),
            &client_request,
            Entropy::from_bytes(ENTROPY),
        );
        check_request(client.transmit(), values.resource(), expected, dialect);
        values.accept(&config, &mut client, dialect);
    }
}

impl Values<'_> {
    /// Splits the URL into scheme, user name and password, authority and resource.
    fn split_url(&self) -> (&str, Option<&str>, &str, &str) {
        let (scheme, after_scheme) = self.url.split_once("://").expect("a scheme");
        let end = after_scheme.find(['/', '?']);
        let end = end.unwrap_or(after_scheme.len());
        let (authority, resource) = after_scheme.split_at(end);
        match authority.rsplit_once('@') {
            Some((user, authority)) => {
                let user = Some(user).filter(|user| !user.is_empty());
                (scheme, user, authority, resource)
            }
            None => (scheme, None, authority, resource),
        }
    }

    /// H76-30
    fn resource(&self) -> String {
        let (.., resource) = self.split_url();
        let slash = if resource.starts_with('/') { "" } else { "/" };
        format!("{slash}{resource}")
    }

    /// Builds a client's request; returns it and the header fields that it has to send. Asserts that
    /// each setter rejects exactly the invalid values.
    fn client_request(&self, dialect: Dialect) -> Option<(ClientRequest, Vec<Field>)> {
        let mut request = match ClientRequest::new(&self.url) {
            Ok(request) => {
                assert!(self.has_valid_url());
                request.with_dialect(dialect)
            }
            Err(error) => {
                check_error(&error);
                assert!(!self.has_valid_url());
                assert_eq!(self.url.parse::<ClientRequest>().err(), Some(error.clone()));
                let has_scheme = self.has_scheme();
                assert!(matches!(error, ClientRequestError::InvalidUrl { at, .. }
                        if at <= self.url.len() && has_scheme == (at > 0)));
                return None;
            }
        };
        assert_eq!(request.dialect(), dialect);
        let host = self.host(&request);
        let is_hybi = is_hybi(dialect);
        let upgrade = if is_hybi { "websocket" } else { "WebSocket" };
        let mut expected = vec![
            field("Upgrade", upgrade),
            field("Connection", "Upgrade"),
            field("Host", &host),
        ];
        if let (scheme, Some(user), authority, resource) = self.split_url() {
            let other = format!("{scheme}://user:password@{authority}{resource}");
            let other = other.parse::<ClientRequest>().expect("a valid URL");
            check_same_debug(&request, &other.with_dialect(dialect));
            expected.push(field("Authorization", authorization(user)));
        }
        let scheme = if request.is_tls() { "https" } else { "http" };
        let mut origin = (!is_hybi).then(|| format!("{scheme}://{host}"));
        if let Some(value) = &self.origin {
            let is_valid = !value.is_empty() && is_visible(value);
            let error = set(&mut request, |request| request.with_origin(value));
            assert_eq!(
                error,
                (!is_valid).then_some(ClientRequestError::InvalidOrigin)
            );
            if is_valid {
                origin = Some(value.to_ascii_lowercase());
            }
        }
        let origin_name = match dialect {
            Dialect::HyBi7 | Dialect::HyBi8 => HYBI_ORIGIN,
            _ => "Origin",
        };
        let has_default_origin = self
            .origin
            .as_deref()
            .is_none_or(|value| value.is_empty() || !is_visible(value))
            && !is_hybi;
        expected.extend(origin.map(|origin| field(origin_name, &origin)));
        let mut protocols: Vec<&str> = Vec::new();
        for name in &self.protocols {
            let is_valid = is_token(name) && !protocols.contains(&&**name);
            let error = set(&mut request, |request| request.with_protocol(name));
            assert_eq!(
                error,
                (!is_valid).then_some(ClientRequestError::InvalidProtocol)
            );
            protocols.extend(is_valid.then_some(&**name));
        }
        if !is_hybi {
            protocols.truncate(1);
        }
        if !protocols.is_empty() {
            expected.push(field(protocol_name(dialect), protocols.join(", ")));
        }
        let mut other = request.clone();
        for (name, value) in &self.fields {
            let is_host = is_one_of(name, &["Host"]);
            let is_valid = is_addable(name, value)
                && !is_one_of(name, &["Origin"])
                && (!is_host || std::str::from_utf8(value).is_ok_and(is_authority));
            match set(&mut request, |request| request.with_header(name, value)) {
                None => assert!(is_valid),
                Some(ClientRequestError::InvalidHeader(error)) => {
                    assert_eq!((error.name(), is_valid), (&**name, false))
                }
                error => panic!("{error:?}"),
            }
            if is_valid {
                if is_host || is_one_of(name, &["Authorization"]) {
                    expected.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
                }
                // The default origin is that of the host.
                if is_host && has_default_origin {
                    let host = String::from_utf8_lossy(value).to_ascii_lowercase();
                    expected.retain(|(other, _)| other != origin_name);
                    expected.push(field(origin_name, format!("{scheme}://{host}")));
                }
                let name = if is_host { "Host" } else { name };
                expected.push(field(name, value));
                let set = set(&mut other, |other| other.with_header(name, "a"));
                assert_eq!(set, None);
            }
        }
        check_same_debug(&request, &other);
        Some((request, expected))
    }

    fn has_scheme(&self) -> bool {
        let scheme = self.url.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| is_one_of(scheme, &["ws", "wss", "http", "https"]))
    }

    /// RFC 6455, 3
    fn has_valid_url(&self) -> bool {
        if !self.has_scheme() {
            return false;
        }
        let (_, user, authority, resource) = self.split_url();
        let is_valid = user.is_none_or(is_user) && is_authority(authority);
        is_valid && is_visible(resource) && !resource.contains('#')
    }

    /// The authority in a valid URL. H76-32
    fn host(&self, request: &ClientRequest) -> String {
        let (scheme, _, authority, resource) = self.split_url();
        let is_tls = request.is_tls();
        assert_eq!(is_one_of(scheme, &["wss", "https"]), is_tls);
        assert!(is_visible(resource) && !resource.contains('#'));
        assert!(is_visible(authority) && !authority.contains(['@', '/', '#', '\\']));
        let authority = authority.to_ascii_lowercase();
        let host = bracketed(request.host());
        let port = authority.strip_prefix(&host).expect("the host");
        let default_port = if is_tls { 443 } else { 80 };
        let port = port.strip_prefix(':').filter(|port| !port.is_empty());
        let port = port.map(str::parse);
        assert_eq!(port.unwrap_or(Ok(default_port)), Ok(request.port()));
        if request.port() == default_port {
            return host;
        }
        format!("{host}:{}", request.port())
    }

    /// PX-2
    fn tunnel(&self, config: &Config, request: &ClientRequest) {
        let authorization = self.authorization.iter();
        let authorization = authorization.map(|value| ("Proxy-Authorization", *value));
        let fields = self.fields.iter().map(|(name, value)| (&**name, *value));
        let fields: Vec<_> = authorization.chain(fields).collect();
        let is_valid = |name: &str, value: &[u8]| {
            is_field(name, value) && !is_framing(name) && !is_one_of(name, &["Host"])
        };
        let invalid = fields.iter().find(|(name, value)| !is_valid(name, value));
        let tunnel = match ProxyTunnel::new(config, request, &fields) {
            Ok(tunnel) => tunnel,
            Err(error) => {
                check_error(&error);
                assert_eq!(Some(error.name()), invalid.map(|(name, _)| *name));
                return;
            }
        };
        assert_eq!(invalid, None);
        let redacted = fields.iter();
        let redacted = redacted.map(|(name, value)| (*name, vec![b'a'; value.len()]));
        let redacted: Vec<_> = redacted.collect();
        let redacted: Vec<_> = redacted
            .iter()
            .map(|(name, value)| (*name, &value[..]))
            .collect();
        let other = ProxyTunnel::new(config, request, &redacted).expect("valid values");
        check_same_debug(&tunnel, &other);
        let authority = format!("{}:{}", bracketed(request.host()), request.port());
        let mut expected = vec![field("Host", &authority)];
        expected.extend(fields.iter().map(|(name, value)| field(name, value)));
        let (line, found, trailing) = parse_request(tunnel.transmit());
        assert_eq!(line, ("CONNECT".to_owned(), authority));
        assert_same_fields(found, expected);
        assert_eq!(trailing, b"");
    }

    /// Checks a server's response to that client. The client accepts it, unless the server
    /// states another location than the client's.
    fn accept(&self, config: &Config, client: &mut Connection, dialect: Dialect) {
        let mut server = Connection::server(config.clone());
        let mut bytes = client.transmit().to_vec();
        client.advance(bytes.len());
        let mut read = input(&mut bytes);
        let Some(Event::Request(request)) = server.receive(&mut read) else {
            panic!("a client's request is rejected: {server:?}");
        };
        assert_eq!(request.dialect(), Some(dialect));
        assert_eq!(request.resource(), self.resource());
        let (mut accept, mut other) = (AcceptOptions::new(), AcceptOptions::new());
        for (name, value) in &self.fields {
            (accept, other) = (accept.header(name, value), other.header("", "a"));
        }
        check_same_debug(&accept, &other);
        // The last one may be invalid, so that the client did not offer it.
        let protocol = self.protocols.last().map(|name| &**name);
        if let Some(name) = protocol {
            accept = accept.protocol(name);
        }
        if let Some(authority) = &self.authority {
            accept = accept.authority(authority);
        }
        let is_offered = |name| request.protocols().any(|one| one == name);
        let mut fields = self.fields.iter();
        let invalid = fields.find(|(name, value)| !is_addable(name, value));
        let result = server.accept(&accept);
        if !self.authority.as_deref().is_none_or(is_authority) {
            let len = self.authority.as_deref().map_or(0, str::len);
            assert!(matches!(result, Err(AcceptError::InvalidAuthority { at, .. }) if at <= len));
        } else if let Some((name, _)) = invalid {
            assert!(
                matches!(&result, Err(AcceptError::InvalidHeader(error)) if error.name() == *name)
            );
        } else if !protocol.is_none_or(is_offered) {
            assert_eq!(result, Err(AcceptError::ProtocolNotOffered));
        } else {
            assert_eq!(result, Ok(()));
        }
        if let Err(error) = result {
            check_error(&error);
            assert!(!server.wants_write(), "a failed call changes nothing");
            return;
        }

        let (status, found, trailing) = parse_response(server.transmit());
        assert_eq!((status, trailing), (101, &b""[..]));
        assert_same_fields(found, self.expected_accept_fields(&request, protocol));
        while server.receive(&mut read).is_some() {}
        let mut response = server.transmit().to_vec();
        let mut read = input(&mut response);
        let event = client.receive(&mut read);
        let is_open = matches!(event, Some(Event::Open(_)));
        let (scheme, ..) = self.split_url();
        // The server is not configured for TLS.
        let is_tls = is_one_of(scheme, &["wss", "https"]);
        let other_location = !is_hybi(dialect) && (self.authority.is_some() || is_tls);
        assert!(is_open || other_location, "{event:?}");
    }

    fn expected_accept_fields(&self, request: &Request, protocol: Option<&str>) -> Vec<Field> {
        let dialect = request.dialect().expect("checked above");
        let prefix = if dialect == Dialect::Hixie75 {
            ""
        } else {
            "Sec-"
        };
        let mut expected = vec![field("Connection", "Upgrade")];
        if is_hybi(dialect) {
            let key = request.header(KEY).expect("a client sends one");
            expected.push(field("Upgrade", "websocket"));
            expected.push(field("Sec-WebSocket-Accept", accept_value(key)));
        } else {
            let host = request.host().expect("a client sends one");
            let authority = self.authority.as_deref().unwrap_or(host);
            let location = format!("ws://{authority}{}", request.resource());
            let origin = request.origin().expect("a client sends one");
            expected.push(field("Upgrade", "WebSocket"));
            expected.push(field(&format!("{prefix}WebSocket-Origin"), origin));
            expected.push(field(&format!("{prefix}WebSocket-Location"), &location));
        }
        expected.extend(protocol.map(|name| field(protocol_name(dialect), name)));
        expected.extend(self.fields.iter().map(|(name, value)| field(name, value)));
        expected
    }

    /// Checks the response to a plain HTTP request.
    fn response(&self, config: &Config, status: u16) {
        let body = vec![0; self.body.len()];
        let mut response = Response::new(status).body(self.body);
        let mut other = Response::new(status).body(&body);
        let fields = &self.fields;
        for (name, value) in fields {
            (response, other) = (response.header(name, value), other.header("", "a"));
        }
        check_same_debug(&response, &other);
        let mut server = Connection::server(config.clone());
        let mut bytes = PLAIN.to_vec();
        let mut read = input(&mut bytes);
        let event = server.receive(&mut read);
        assert!(matches!(event, Some(Event::Request(_))));
        let is_valid = |name: &str, value: &[u8]| is_field(name, value) && !is_framing(name);
        let invalid = fields.iter().find(|(name, value)| !is_valid(name, value));
        let result = server.respond(&response);
        if !(200..600).contains(&status) {
            assert!(
                matches!(result, Err(RespondError::InvalidStatus { status: s, .. }) if s == status)
            );
        } else if let Some((name, _)) = invalid {
            assert!(
                matches!(&result, Err(RespondError::InvalidHeader(error)) if error.name() == *name)
            );
        } else {
            assert_eq!(result, Ok(()));
        }
        if let Err(error) = result {
            check_error(&error);
            assert!(!server.wants_write(), "a failed call changes nothing");
            return;
        }
        let mut expected_fields = match status {
            // HY-12
            426 => vec![
                field("Connection", "close, Upgrade"),
                field("Upgrade", "websocket"),
            ],
            _ => vec![field("Connection", "close")],
        };
        expected_fields.extend(fields.iter().map(|(name, value)| field(name, value)));
        let body = match status {
            204 | 205 | 304 => b"",
            _ => self.body,
        };
        if !matches!(status, 204 | 304) {
            if !fields
                .iter()
                .any(|(name, _)| is_one_of(name, &["Content-Type"]))
            {
                expected_fields.push(field("Content-Type", "text/plain"));
            }
            expected_fields.push(field("Content-Length", body.len().to_string()));
        }
        let (found_status, found, found_body) = parse_response(server.transmit());
        assert_eq!((found_status, found_body), (status, body));
        assert_same_fields(found, expected_fields);
    }
}

/// Calls a setter; returns its error.
fn set(
    request: &mut ClientRequest,
    call: impl FnOnce(ClientRequest) -> Result<ClientRequest, ClientRequestError>,
) -> Option<ClientRequestError> {
    match call(request.clone()) {
        Ok(changed) => *request = changed,
        Err(error) => {
            check_error(&error);
            return Some(error);
        }
    }
    None
}

/// Decodes text that is percent-encoded.
fn decoded(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        decoded.push(u8::from_str_radix(digits, 16).expect("two digits"));
        decoded.extend_from_slice(rest.as_bytes());
    }
    decoded
}

/// The value of `Authorization` for a valid user name and password in a URL.
fn authorization(user: &str) -> String {
    let mut decoded = decoded(user);
    // RFC 7617
    if !user.contains(':') {
        decoded.push(b':');
    }
    format!("Basic {}", base64(&decoded))
}

/// A host as it is in a URL.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Checks a client's request; of its keys only names, since the library generates their values.
fn check_request(bytes: &[u8], resource: String, expected: Vec<Field>, dialect: Dialect) {
    let (line, found, trailing) = parse_request(bytes);
    assert_eq!(line, ("GET".to_owned(), resource));
    let (keys, found): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(name, _)| [KEY, KEY1, KEY2, VERSION].contains(&&name[..]));
    let keys: Vec<_> = keys.iter().map(|(name, _)| &name[..]).collect();
    let (expected_keys, trailing_len): (&[&str], _) = match dialect {
        Dialect::Hixie75 => (&[], 0),
        Dialect::Hixie76 => (&[KEY1, KEY2], 8),
        _ => (&[VERSION, KEY], 0),
    };
    assert_eq!((&keys[..], trailing.len()), (expected_keys, trailing_len));
    assert_same_fields(found, expected);
}

type Parsed<'a, L> = (L, Vec<(String, Vec<u8>)>, &'a [u8]);

fn parse_request(bytes: &[u8]) -> Parsed<'_, (String, String)> {
    let mut fields = [EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(Status::Complete(len)) = request.parse(bytes) else {
        panic!("not a request: {:?}", String::from_utf8_lossy(bytes));
    };
    let [method, path] = [request.method, request.path].map(Option::unwrap_or_default);
    let line = (method.to_owned(), path.to_owned());
    (line, owned(request.headers), &bytes[len..])
}

fn parse_response(bytes: &[u8]) -> Parsed<'_, u16> {
    let mut fields = [EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(Status::Complete(len)) = response.parse(bytes) else {
        panic!("not a response: {:?}", String::from_utf8_lossy(bytes));
    };
    assert!(response.reason.is_some_and(|reason| !reason.is_empty()));
    let status = response.code.unwrap_or_default();
    (status, owned(response.headers), &bytes[len..])
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    let fields = fields.iter();
    fields
        .map(|field| (field.name.to_owned(), trim(field.value).to_vec()))
        .collect()
}

/// An expected field: parsers trim its value.
fn field(name: &str, value: impl AsRef<[u8]>) -> Field {
    (name.to_owned(), trim(value.as_ref()).to_vec())
}

fn protocol_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Hixie75 => PROTOCOL_75,
        _ => PROTOCOL,
    }
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 7230, 3.2.6
fn is_token(name: &str) -> bool {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(in_token)
}

/// Tab is the only control character allowed.
fn is_value(value: &[u8]) -> bool {
    let is_invalid = |byte: &u8| *byte != b'\t' && byte.is_ascii_control();
    !value.iter().any(is_invalid)
}

fn is_field(name: &str, value: &[u8]) -> bool {
    is_token(name) && is_value(value)
}

/// Whether a field may be added to the head of a handshake.
fn is_addable(name: &str, value: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_reserved = lower.starts_with("sec-websocket-") || lower.starts_with("websocket-");
    is_field(name, value) && !is_reserved && !is_framing(name)
}

fn is_framing(name: &str) -> bool {
    let framing = [
        "Connection",
        "Upgrade",
        "Content-Length",
        "Transfer-Encoding",
    ];
    is_one_of(name, &framing)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// RFC 3986, section 3.2.1
fn is_user(user: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&byte);
    if !user.bytes().all(is_allowed) || !is_percent_encoded(user) {
        return false;
    }
    // RFC 7617, section 2
    let name = user.split(':').next().unwrap_or_default();
    !decoded(name).contains(&b':') && !decoded(user).iter().any(u8::is_ascii_control)
}

/// Whether two hexadecimal digits follow each percent sign.
fn is_percent_encoded(text: &str) -> bool {
    let is_hex = |part: &str| {
        let digits = part.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    text.split('%').skip(1).all(is_hex)
}

/// RQ-16
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| {
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        port.is_empty() || is_number && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_host = match host.strip_prefix('[') {
        Some(address) => {
            let address = address.strip_suffix(']');
            address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        None => {
            let is_valid = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%".contains(c);
            !host.is_empty() && host.chars().all(is_valid) && is_percent_encoded(host)
        }
    };
    is_host && port.is_none_or(is_port)
}
