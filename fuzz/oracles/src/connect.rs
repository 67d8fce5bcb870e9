//! Requests of HTTP/2, made of the bytes of a head.

use hybi::{
    AcceptError, AcceptOptions, Config, Connection, Dialect, Event, HeaderErrorKind, ProtocolError,
    Request,
};
use testkit::{Role, TEXT, frame, input};

use crate::dialect::{HYBI_ORIGIN, KEY, PROTOCOL};
use crate::http::trim;
use crate::redaction::{check_error, check_same_debug};
use crate::session::take_work;

/// H2-3
const CONNECTION_SPECIFIC: [&str; 6] = [
    "Connection",
    "Upgrade",
    "Transfer-Encoding",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
];

type Fields<'a> = [(&'a [u8], &'a [u8])];

/// Checks `Request::from_connect` with the parts of any head, with and without the fields that only
/// HTTP/1.1 allows.
pub(crate) fn check(head: &[u8]) {
    let mut lines = head
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .skip_while(|line| line.is_empty());
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let fields: Vec<_> = lines
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) = line.split_at(colon.unwrap_or(line.len()));
            let value = value.strip_prefix(b":").unwrap_or(value);
            (name, value.strip_prefix(b" ").unwrap_or(value))
        })
        .collect();
    let target = line.split_once(' ').map_or(&line[..], |(_, rest)| rest);
    let target = target.rsplit_once(' ').map_or(target, |(target, _)| target);
    let host = named(&fields, "Host").next().unwrap_or_default();
    let host = String::from_utf8_lossy(host);
    let (authority, path) = match target.split_once("://") {
        Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (&host[..], target),
    };
    check_request(authority, path, &fields);
    let allowed = fields.iter().filter(|(name, _)| !is_specific(name));
    let allowed: Vec<_> = allowed.copied().collect();
    if allowed.len() < fields.len() {
        check_request(authority, path, &allowed);
    }
}

fn check_request(authority: &str, path: &str, fields: &Fields<'_>) {
    take_work();
    let request = Request::from_connect(authority, path, fields.iter().copied());
    let work = take_work();
    let mut head = format!("GET http://{authority}{path} HTTP/1.1\r\n").into_bytes();
    let joined = with_joined_cookies(fields);
    for (name, value) in &joined {
        head.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let len = head.len() as u64;
    assert!(work <= 4 * len + 64, "work of {work} for {len} bytes");
    let get = http_1_1(authority, path, fields);
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            check_error(&error);
            check_offset(&error, &head);
            // Whatever HTTP/1.1 accepts, HTTP/2 does, except for what it does not allow. H2-2 to H2-4
            let hosts: Vec<_> = named(fields, "Host").collect();
            let is_same = |host: &&[u8]| host.eq_ignore_ascii_case(authority.as_bytes());
            let is_allowed = path.starts_with('/')
                && authority.as_bytes() == trim(authority.as_bytes())
                && hosts.len() <= 1
                && hosts.iter().all(is_same)
                && !fields.iter().any(is_forbidden);
            assert!(!is_allowed || get.is_none(), "{error}");
            return;
        }
    };
    // The converse. H2-7
    let get = get.expect("what HTTP/2 accepts, HTTP/1.1 does");
    assert_eq!((request.method(), get.method()), ("CONNECT", "GET"));
    assert_eq!(request.dialect(), Some(Dialect::Rfc6455));
    assert_eq!([request.host(), get.host()], [Some(authority); 2]);
    assert_eq!([request.resource(), get.resource()], [path; 2]);
    assert_eq!(request.origin(), get.origin());
    assert!(request.protocols().eq(get.protocols()));
    let expected = joined.iter().map(|(name, value)| (*name, trim(value)));
    let headers = request.headers().map(|(n, value)| (n.as_bytes(), value));
    assert!(headers.eq(expected));
    check_upgrade(&request);

    let with_cookie = |cookie| {
        let fields = fields.iter().copied().chain([(&b"cookie"[..], cookie)]);
        Request::from_connect(authority, path, fields).expect("a valid field")
    };
    check_same_debug(&with_cookie(b"a=1"), &with_cookie(b"b=2"));
}

/// Returns the fields with the cookies of all in one, which is the last (H2-10).
fn with_joined_cookies<'a>(fields: &Fields<'a>) -> Vec<(&'a [u8], Vec<u8>)> {
    let (cookies, others): (Vec<_>, Vec<_>) = fields
        .iter()
        .copied()
        .partition(|(name, _)| is(name, "Cookie"));
    let mut fields: Vec<_> = others
        .into_iter()
        .map(|(name, value)| (name, value.to_vec()))
        .collect();
    let cookies: Vec<_> = cookies.iter().map(|(_, value)| trim(value)).collect();
    if !cookies.is_empty() {
        fields.push((b"cookie", cookies.join(&b"; "[..])));
    }
    fields
}

/// Returns the request of HTTP/1.1 with the same fields, if it is accepted with the same dialect.
fn http_1_1(authority: &str, path: &str, fields: &Fields<'_>) -> Option<Request> {
    let ours: [(&[u8], &[u8]); 4] = [
        (b"Host", authority.as_bytes()),
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (KEY.as_bytes(), b"dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    // Version 13 has no Sec-WebSocket-Origin, which is checked in HTTP/1.1 only.
    let replaced = ["Host", KEY, HYBI_ORIGIN];
    let is_replaced = |name: &[u8]| replaced.iter().any(|replaced| is(name, replaced));
    // They stay under another name, since a line that is invalid is rejected whatever its name.
    let fields = fields.iter().map(|(name, value)| {
        let is_renamed = is_specific(name) || is_replaced(name);
        (if is_renamed { b"x" } else { *name }, *value)
    });
    let request = Request::from_parts("GET", path, "HTTP/1.1", ours.into_iter().chain(fields));
    let request = request.ok()?;
    (request.dialect() == Some(Dialect::Rfc6455)).then_some(request)
}

/// Checks that the offset is in the head, and that of a header field is that of its line.
fn check_offset(error: &ProtocolError, head: &[u8]) {
    assert!(matches!(error.status(), Some(400 | 426)), "{error:?}");
    match *error {
        ProtocolError::InvalidHeader { name, at, kind, .. } => {
            let line = &head[at as usize..];
            let is_missing = kind == HeaderErrorKind::Missing;
            let has_name = line.len() > name.len() && is(&line[..name.len()], name);
            assert_eq!((line.is_empty(), has_name), (is_missing, !is_missing));
        }
        ProtocolError::InvalidStartLine { at, .. } | ProtocolError::InvalidLine { at, .. } => {
            assert!((at as usize) < head.len());
        }
        _ => panic!("{error:?}"),
    }
}

/// Checks the response and the connection. H2-8
fn check_upgrade(request: &Request) {
    let config = Config::new();
    let mut options = AcceptOptions::new();
    let mut expected = Vec::new();
    if let Some(protocol) = request.protocols().last() {
        options = options.protocol(protocol);
        expected.push((PROTOCOL.to_ascii_lowercase(), protocol.as_bytes()));
    }
    for (name, value) in request.headers() {
        let with_field = options.clone().header(name, value);
        let lower = name.to_ascii_lowercase();
        let is_reserved = lower == "content-length"
            || lower.starts_with("sec-websocket-")
            || lower.starts_with("websocket-")
            || is_specific(name.as_bytes());
        match Connection::upgrade(config.clone(), request, &with_field) {
            Ok(_) if !is_reserved => {
                options = with_field;
                expected.push((lower, value));
            }
            Err(AcceptError::InvalidHeader(error)) if is_reserved => assert_eq!(error.name(), name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let upgraded = Connection::upgrade(config, request, &options);
    let (mut conn, response) = upgraded.expect("each field was accepted");
    assert_eq!((response.status(), response.reason()), (200, ""));
    let headers = response.headers().map(|(n, value)| (n.to_owned(), value));
    assert_eq!(headers.collect::<Vec<_>>(), expected);
    assert_eq!(conn.transmit(), b"");

    let mut data = frame(Role::Client, TEXT, "Hello");
    let mut data = input(&mut data);
    match conn.receive(&mut data) {
        Some(Event::Open(handshake)) => assert_eq!(handshake.dialect(), Dialect::Rfc6455),
        other => panic!("{other:?}"),
    }
    match conn.receive(&mut data) {
        Some(Event::Text(text)) => assert_eq!(text.as_str(), "Hello"),
        other => panic!("{other:?}"),
    }
}

fn named<'f>(fields: &'f Fields<'_>, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
    let fields = fields.iter().filter(move |field| is(field.0, name));
    fields.map(|(_, value)| trim(value))
}

fn is(name: &[u8], other: &str) -> bool {
    name.eq_ignore_ascii_case(other.as_bytes())
}

fn is_specific(name: &[u8]) -> bool {
    CONNECTION_SPECIFIC
        .iter()
        .any(|specific| is(name, specific))
}

fn is_forbidden((name, value): &(&[u8], &[u8])) -> bool {
    is_specific(name) && !(is(name, "TE") && trim(value).eq_ignore_ascii_case(b"trailers"))
}
