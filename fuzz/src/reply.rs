//! Heads made of what the application passes.

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Status};
use hybi::{
    AcceptOptions, ClientRequest, Config, Connection, Dialect, Dialects, Event, ProxyTunnel,
    Refused, Request, Response,
};

use super::dialect::{ALL, HYBI_ORIGIN, KEY, KEY1, KEY2, PROTOCOL, PROTOCOL_75, VERSION, is_hybi};
use super::http::{assert_same_fields, trim};
use super::key_response::accept_value;
use super::options::Options;
use super::redaction::{check_error, check_same};
use super::session::ENTROPY;

/// What stands behind a string; none holds it.
const END: u8 = 0xFF;

/// A plain page is asked for.
const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

type Text<'a> = Cow<'a, str>;
type Field = (String, String);

/// All that an application can pass into a head.
struct Passed<'a> {
    url: Text<'a>,
    origin: Option<Text<'a>>,
    protocols: Vec<Text<'a>>,
    authority: Option<Text<'a>>,
    authorization: Option<Text<'a>>,
    fields: Vec<(Text<'a>, Text<'a>)>,
    body: &'a [u8],
}

/// Options: the dialect, the oldest first; which are passed of origin, protocols, authority,
/// authorization and fields; and the status in two digits, of which the first counts 16. Then
/// strings, each with a byte FF behind it: URL, origin, two protocols, authority, authorization,
/// two fields' names and values. Last, a body.
pub fn reply(input: &[u8]) {
    let mut options = Options(input);
    let dialect = ALL[options.number() % ALL.len()];
    let [origin, protocols, authority, authorization, fields] = options.switches();
    let status = 16 * options.number() as u16 + options.number() as u16;
    let mut strings = options.wire().splitn(11, |byte| *byte == END);
    let mut bytes = || strings.next().unwrap_or_default();
    let mut string = || String::from_utf8_lossy(bytes());
    let mut passed = Passed {
        url: string(),
        origin: Some(string()).filter(|_| origin),
        protocols: vec![string(), string()],
        authority: Some(string()).filter(|_| authority),
        authorization: Some(string()).filter(|_| authorization),
        fields: vec![(string(), string()), (string(), string())],
        body: bytes(),
    };
    if !protocols {
        passed.protocols.clear();
    }
    if !fields {
        passed.fields.clear();
    }
    let config = Config::new().dialects(Dialects::ALL);
    let config = config
        .plain_http(true)
        .max_head_len(1 << 20)
        .max_header_line_len(1 << 20);
    passed.response(&config, status);
    if let Some((target, known)) = passed.target(dialect) {
        passed.tunnel(&config, &target);
        let mut client = Connection::client(&config, &target, ENTROPY);
        check_request(client.transmit(), passed.resource(), known, dialect);
        passed.accept(&config, &mut client, dialect);
    }
}

impl Passed<'_> {
    /// From the URL.
    fn parts(&self) -> (&str, &str, &str) {
        let (scheme, rest) = self.url.split_once("://").expect("a scheme");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(end);
        (scheme, authority, resource)
    }

    /// H76-30
    fn resource(&self) -> String {
        let (_, _, resource) = self.parts();
        let slash = if resource.starts_with('/') { "" } else { "/" };
        format!("{slash}{resource}")
    }

    /// What a client asks for, and the fields that come of it; each setter refuses what has to be.
    fn target(&self, dialect: Dialect) -> Option<(ClientRequest, Vec<Field>)> {
        let mut target = match ClientRequest::new(&self.url) {
            Ok(target) => target.with_dialect(dialect),
            Err(refused) => {
                check_error(&refused);
                assert!(matches!(refused, Refused::InvalidUrl { at } if at <= self.url.len()));
                return None;
            }
        };
        let host = self.host(&target);
        let is_hybi = is_hybi(dialect);
        let upgrade = if is_hybi { "websocket" } else { "WebSocket" };
        let mut known = vec![
            field("Upgrade", upgrade),
            field("Connection", "Upgrade"),
            field("Host", &host),
        ];
        let page = if target.is_tls() { "https" } else { "http" };
        let mut origin = (!is_hybi).then(|| format!("{page}://{host}"));
        if let Some(passed) = &self.origin {
            let is_good = !passed.is_empty() && is_visible(passed);
            set(&mut target, |target| target.with_origin(passed), is_good);
            if is_good {
                origin = Some(passed.to_ascii_lowercase());
            }
        }
        let origin_name = match dialect {
            Dialect::HyBi7 | Dialect::HyBi8 => HYBI_ORIGIN,
            _ => "Origin",
        };
        known.extend(origin.map(|origin| field(origin_name, &origin)));
        let mut asked: Vec<&str> = Vec::new();
        for name in &self.protocols {
            let is_good = is_token(name) && !asked.contains(&&**name);
            set(&mut target, |target| target.with_protocol(name), is_good);
            asked.extend(is_good.then_some(&**name));
        }
        if !is_hybi {
            asked.truncate(1);
        }
        if !asked.is_empty() {
            known.push(field(protocol_name(dialect), &asked.join(", ")));
        }
        let mut other = target.clone();
        for (name, value) in &self.fields {
            let is_good = is_added(name, value) && !is_one_of(name, &["Host", "Origin"]);
            set(
                &mut target,
                |target| target.with_header(name, value),
                is_good,
            );
            if is_good {
                known.push(field(name, value));
                set(&mut other, |other| other.with_header("X", ""), true);
            }
        }
        check_same(&target, &other);
        Some((target, known))
    }

    /// H76-32, of a URL that was found good.
    fn host(&self, target: &ClientRequest) -> String {
        let (scheme, authority, resource) = self.parts();
        let secure = target.is_tls();
        assert!(scheme.eq_ignore_ascii_case(if secure { "wss" } else { "ws" }));
        assert!(is_visible(resource) && !resource.contains('#'));
        assert!(is_visible(authority) && !authority.contains(['@', ',', '#', '\\']));
        let authority = authority.to_ascii_lowercase();
        let port = authority.strip_prefix(target.host()).expect("the host");
        let own = if secure { 443 } else { 80 };
        let port = port.strip_prefix(':').map(str::parse);
        assert_eq!(port.unwrap_or(Ok(own)), Ok(target.port()));
        if target.port() == own {
            return target.host().to_owned();
        }
        format!("{}:{}", target.host(), target.port())
    }

    /// PX-2
    fn tunnel(&self, config: &Config, target: &ClientRequest) {
        let authorization = self.authorization.as_deref();
        let tunnel = ProxyTunnel::new(config, target, authorization);
        assert_eq!(tunnel.is_ok(), authorization.is_none_or(is_value));
        let Ok(tunnel) = tunnel else {
            return;
        };
        let hidden = authorization.map(|value| "a".repeat(value.len()));
        let other = ProxyTunnel::new(config, target, hidden.as_deref()).expect("good letters");
        check_same(&tunnel, &other);
        let to = format!("{}:{}", target.host(), target.port());
        let mut known = vec![field("Host", &to)];
        known.extend(authorization.map(|value| field("Proxy-Authorization", value)));
        let (line, found, behind) = parse_request(tunnel.transmit());
        assert_eq!(line, ("CONNECT".to_owned(), to));
        assert_same_fields(found, known);
        assert_eq!(behind, b"");
    }

    /// What a server says to that client; and unless the server gives itself another name, the
    /// client is content.
    fn accept(&self, config: &Config, client: &mut Connection, dialect: Dialect) {
        let mut server = Connection::server(config);
        let mut bytes = client.transmit().to_vec();
        client.advance(bytes.len());
        let mut input = &mut bytes[..];
        let Some(Event::Request(request)) = server.receive(&mut input) else {
            panic!("a client's own request is refused: {server:?}");
        };
        assert_eq!(request.dialect(), Some(dialect));
        assert_eq!(request.resource(), self.resource());
        let fields = self.borrowed();
        let others = vec![("", ""); fields.len()];
        let mut accept = AcceptOptions::new().headers(&fields);
        check_same(&accept, &AcceptOptions::new().headers(&others));
        // The last may be one that was refused, and so not asked for.
        let protocol = self.protocols.last().map(|name| &**name);
        if let Some(name) = protocol {
            accept = accept.protocol(name);
        }
        if let Some(authority) = &self.authority {
            accept = accept.authority(authority);
        }
        let is_offered = |name| request.protocols().any(|one| one == name);
        let expected = if !self.authority.as_deref().is_none_or(is_authority)
            || !fields.iter().all(|(name, value)| is_added(name, value))
        {
            Err(Refused::InvalidHeader)
        } else if !protocol.is_none_or(is_offered) {
            Err(Refused::ProtocolNotOffered)
        } else {
            Ok(())
        };
        assert_eq!(server.accept(&accept), expected);
        if let Err(refused) = expected {
            check_error(&refused);
            assert!(!server.wants_write(), "a refused call changes nothing");
            return;
        }

        let (status, found, behind) = parse_response(server.transmit());
        assert_eq!((status, behind), (101, &b""[..]));
        assert_same_fields(found, self.known_in_accept(&request, protocol));
        while server.receive(&mut input).is_some() {}
        let mut reply = server.transmit().to_vec();
        let events = client.receive(&mut &mut reply[..]);
        let opens = matches!(events, Some(Event::Open(_)));
        let (scheme, ..) = self.parts();
        let is_secure = scheme.eq_ignore_ascii_case("wss"); // The server doesn't know.
        let misled = !is_hybi(dialect) && (self.authority.is_some() || is_secure);
        assert!(opens || misled, "{events:?}");
    }

    fn known_in_accept(&self, request: &Request, protocol: Option<&str>) -> Vec<Field> {
        let dialect = request.dialect().expect("checked");
        let prefix = if dialect == Dialect::Hixie75 {
            ""
        } else {
            "Sec-"
        };
        let mut known = vec![field("Connection", "Upgrade")];
        if is_hybi(dialect) {
            let key = request.header(KEY).expect("a client sends one");
            known.push(field("Upgrade", "websocket"));
            known.push(field("Sec-WebSocket-Accept", &accept_value(key)));
        } else {
            let authority = self.authority.as_deref().unwrap_or(request.host());
            let location = format!("ws://{authority}{}", request.resource());
            let origin = request.origin().expect("a client sends one");
            known.push(field("Upgrade", "WebSocket"));
            known.push(field(&format!("{prefix}WebSocket-Origin"), origin));
            known.push(field(&format!("{prefix}WebSocket-Location"), &location));
        }
        known.extend(protocol.map(|name| field(protocol_name(dialect), name)));
        known.extend(self.fields.iter().map(|(name, value)| field(name, value)));
        known
    }

    /// The answer to one who asks for a plain page.
    fn response(&self, config: &Config, status: u16) {
        let fields = self.borrowed();
        let response = Response::new(status).headers(&fields).body(self.body);
        let (others, body) = (vec![("", ""); fields.len()], vec![0; self.body.len()]);
        check_same(
            &response,
            &Response::new(status).headers(&others).body(&body),
        );
        let mut server = Connection::server(config);
        let mut bytes = PLAIN.to_vec();
        let event = server.receive(&mut &mut bytes[..]);
        assert!(matches!(event, Some(Event::Request(_))));
        let is_good = |(name, value): &(&str, &str)| is_field(name, value) && !is_framing(name);
        let expected = if !(200..600).contains(&status) {
            Err(Refused::InvalidStatus(status))
        } else if !fields.iter().all(is_good) {
            Err(Refused::InvalidHeader)
        } else {
            Ok(())
        };
        assert_eq!(server.respond(&response), expected);
        if let Err(refused) = expected {
            check_error(&refused);
            assert!(!server.wants_write(), "a refused call changes nothing");
            return;
        }
        let mut known = vec![field("Connection", "close")];
        known.extend(self.fields.iter().map(|(name, value)| field(name, value)));
        let body = match status {
            204 | 205 | 304 => b"",
            _ => self.body,
        };
        if !matches!(status, 204 | 304) {
            if !fields
                .iter()
                .any(|(name, _)| is_one_of(name, &["Content-Type"]))
            {
                known.push(field("Content-Type", "text/plain"));
            }
            known.push(field("Content-Length", &body.len().to_string()));
        }
        let (found_status, found, behind) = parse_response(server.transmit());
        assert_eq!((found_status, behind), (status, body));
        assert_same_fields(found, known);
    }

    fn borrowed(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (&**name, &**value)).collect()
    }
}

/// Calls a setter, which may refuse only what is not good.
fn set(
    target: &mut ClientRequest,
    call: impl FnOnce(ClientRequest) -> Result<ClientRequest, Refused>,
    is_good: bool,
) {
    match call(target.clone()) {
        Ok(set) => {
            assert!(is_good);
            *target = set;
        }
        Err(refused) => assert_eq!((refused, is_good), (Refused::InvalidHeader, false)),
    }
}

/// The keys aside, which no application passes.
fn check_request(bytes: &[u8], resource: String, known: Vec<Field>, dialect: Dialect) {
    let (line, found, behind) = parse_request(bytes);
    assert_eq!(line, ("GET".to_owned(), resource));
    let (keys, found): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(name, _)| [KEY, KEY1, KEY2, VERSION].contains(&&name[..]));
    let keys: Vec<_> = keys.iter().map(|(name, _)| &name[..]).collect();
    let (expected, length): (&[&str], _) = match dialect {
        Dialect::Hixie75 => (&[], 0),
        Dialect::Hixie76 => (&[KEY1, KEY2], 8),
        _ => (&[VERSION, KEY], 0),
    };
    assert_eq!((&keys[..], behind.len()), (expected, length));
    assert_same_fields(found, known);
}

type Parsed<'a, L> = (L, Vec<(String, Vec<u8>)>, &'a [u8]);

fn parse_request(bytes: &[u8]) -> Parsed<'_, (String, String)> {
    let mut fields = [EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(Status::Complete(length)) = request.parse(bytes) else {
        panic!("not a request: {:?}", String::from_utf8_lossy(bytes));
    };
    let [method, path] = [request.method, request.path].map(Option::unwrap_or_default);
    let line = (method.to_owned(), path.to_owned());
    (line, owned(request.headers), &bytes[length..])
}

fn parse_response(bytes: &[u8]) -> Parsed<'_, u16> {
    let mut fields = [EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(Status::Complete(length)) = response.parse(bytes) else {
        panic!("not a response: {:?}", String::from_utf8_lossy(bytes));
    };
    assert!(response.reason.is_some_and(|reason| !reason.is_empty()));
    let status = response.code.unwrap_or_default();
    (status, owned(response.headers), &bytes[length..])
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    let fields = fields.iter();
    fields
        .map(|field| (field.name.to_owned(), trim(field.value).to_vec()))
        .collect()
}

/// As a parser reads it.
fn field(name: &str, value: &str) -> Field {
    let value = value.trim_matches([' ', '\t']);
    (name.to_owned(), value.to_owned())
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

/// A tab is the one control character that may stand in it.
fn is_value(value: &str) -> bool {
    let is_bad = |byte: u8| byte != b'\t' && byte.is_ascii_control();
    !value.bytes().any(is_bad)
}

fn is_field(name: &str, value: &str) -> bool {
    is_token(name) && is_value(value)
}

/// A field that may stand in the head of an opening.
fn is_added(name: &str, value: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_ours = lower.starts_with("sec-websocket-") || lower.starts_with("websocket-");
    is_field(name, value) && !is_ours && !is_framing(name)
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

fn is_authority(authority: &str) -> bool {
    let url = format!("ws://{authority}");
    !authority.contains(['/', '?', '#']) && ClientRequest::new(&url).is_ok()
}
