//! Request heads, requests of HTTP/2, and proxies' responses.

use std::fmt::Debug;

use arbitrary::Arbitrary;
use httparse::{EMPTY_HEADER, Status};
use hybi::{
    AcceptError, AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Event, Phase,
    ProxyTunnel, Request,
};
use testkit::{ProtocolError, input, is_valid_key};

use crate::client::client_request;
use crate::connect;
use crate::dialect::{HYBI_ORIGIN, KEY, KEY1, KEY2, VERSION, VERSIONS, is_hybi};
use crate::http::{check_rejection, final_response, split_head, trim};
use crate::redaction::{check_error, check_same_debug};

/// A head, and what follows it.
#[derive(Arbitrary, Debug)]
pub struct HeadInput<'a> {
    pub wire: &'a [u8],
}

/// Checks any head: an accepted request that is rebuilt from its parts is accepted alike, also over
/// HTTP/2.
pub fn head(HeadInput { wire: bytes }: HeadInput<'_>) {
    let config = config();
    let mut conn = Connection::server(config.clone());
    let mut copy = bytes.to_vec();
    let mut read = input(&mut copy);
    if let Some(Event::Request(request)) = conn.receive(&mut read) {
        let head = &bytes[..bytes.len() - read.remaining().len()];
        let is_http_1_0 = check_fields(&request, head);
        check_values(&request, is_http_1_0);
        let rebuilt = rebuild(&request, head);
        check_redaction(&conn, &request, head);
        let upgrade = Connection::upgrade(config.clone(), &rebuilt, &AcceptOptions::new());
        let accepted = conn.accept(&AcceptOptions::new());
        match request.dialect() {
            Some(_) => assert_eq!(accepted.as_ref().err(), upgrade.as_ref().err()),
            None => {
                assert_eq!(accepted, Err(AcceptError::NoRequest));
                check_not_websocket(&config, head, &request);
            }
        }
        if let Some(dialect) = request.dialect() {
            let others = Dialects::ALL.without(dialect);
            let not_enabled = config.clone().dialects(others);
            let upgrade = Connection::upgrade(not_enabled, &rebuilt, &AcceptOptions::new());
            let error = ProtocolError::from(upgrade.expect_err("not enabled"));
            assert_eq!(error, ProtocolError::DialectNotEnabled { dialect });
        }
        if let Ok((_, response)) = upgrade {
            let with_cookie = |cookie| {
                let accept = AcceptOptions::new().header("Set-Cookie", cookie);
                let upgrade = Connection::upgrade(config.clone(), &rebuilt, &accept);
                upgrade.expect("a valid field").1
            };
            check_same_debug(&with_cookie("a=1"), &with_cookie("b=2"));
            assert_eq!(conn.transmit(), response.as_bytes());
            let (status, reason) = (response.status(), response.reason());
            let mut written = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
            for (name, value) in response.headers() {
                written.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
            assert_eq!([&written, &b"\r\n"[..]].concat(), conn.transmit());
        }
    }
    connect::check(bytes);
    let unsplit = run_tunnel(bytes, bytes.len().max(1));
    assert_eq!(run_tunnel(bytes, 1), unsplit);
    assert_eq!(run_tunnel(bytes, 3), unsplit);
}

/// Checks the error of `upgrade` for plain HTTP: that of a connection which does not accept it.
fn check_not_websocket(config: &Config, head: &[u8], request: &Request) {
    let upgrade = Connection::upgrade(config.clone(), request, &AcceptOptions::new());
    let mut conn = Connection::server(config.clone().plain_http(false));
    let mut head = head.to_vec();
    assert!(conn.receive(&mut input(&mut head)).is_some());
    match (conn.closed(), upgrade.err()) {
        (Some(Closed::Protocol(expected)), Some(AcceptError::Protocol(error))) => {
            assert_eq!(error, *expected);
        }
        other => panic!("{other:?}"),
    }
}

fn config() -> Config {
    Config::new().dialects(Dialects::ALL).plain_http(true)
}

/// Checks that the request is unambiguous, and that its values are safe to use in a response.
/// RQ-2, RQ-12, RQ-16, H76-11, H76-14
fn check_values(request: &Request, is_http_1_0: bool) {
    let visible = |text: &str| text.bytes().all(|byte| matches!(byte, 0x21..=0x7E));
    assert!(visible(request.resource()) && request.resource().starts_with('/'));
    if let Some(host) = request.host() {
        assert!(visible(host) && !host.is_empty() && !host.contains(['/', '@', '?', '\\']));
    }
    assert!(request.protocols().all(visible));
    let count = |name: &str| {
        let names = request.headers().map(|(name, _)| name);
        names.filter(|one| one.eq_ignore_ascii_case(name)).count()
    };
    let hosts = count("Host");
    assert!(hosts == 1 || hosts == 0 && is_http_1_0 && request.dialect().is_none());
    assert_eq!(count("Transfer-Encoding"), 0);
    let printable = |text: &str| text.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
    assert!(
        request
            .origin()
            .is_none_or(|origin| printable(origin) && !origin.is_empty())
    );
    let Some(dialect) = request.dialect() else {
        assert!(count("Upgrade") <= 1);
        return;
    };
    assert_eq!((request.method(), is_http_1_0), ("GET", false)); // RQ-1, RQ-3
    check_origin(request);
    assert_eq!(count("Upgrade"), 1);
    let keys = usize::from(dialect == Dialect::Hixie76);
    if is_hybi(dialect) {
        assert!(count("Origin") <= 1 && count(HYBI_ORIGIN) <= 1);
        let get = |name| request.header(name).expect("a required field");
        assert_eq!((count(KEY), count(VERSION)), (1, 1));
        assert!(is_valid_key(get(KEY)));
        let version = VERSIONS.iter().find(|(one, _)| *one == dialect);
        let (_, version) = version.expect("each dialect has a version");
        assert_eq!(get(VERSION), version.as_bytes());
        return;
    }
    assert!(count("Origin") <= 1);
    assert!(request.origin().is_some() || dialect == Dialect::Hixie76);
    assert_eq!((count(KEY1), count(KEY2)), (keys, keys));
    for hybi_name in [KEY, VERSION] {
        assert_eq!(count(hybi_name), 0);
    }
}

/// H76-12
fn check_origin(request: &Request) {
    let origin = request.origin().unwrap_or_default();
    let (upper, longer) = (origin.to_ascii_uppercase(), format!("{origin}a"));
    assert!(!request.origin_among(&[&longer, ""]));
    let among = request.origin_among(&[&longer, &upper]);
    assert_eq!(among, request.origin().is_some());
}

/// Checks that httparse and a simple parser find the same request line and fields. Returns whether
/// the version is HTTP/1.0.
fn check_fields(request: &Request, head: &[u8]) -> bool {
    let mut fields = [EMPTY_HEADER; 100];
    let mut other = httparse::Request::new(&mut fields);
    assert_eq!(other.parse(head), Ok(Status::Complete(head.len())));
    assert_eq!(other.method, Some(request.method()));
    let [method, target, version] = request_line(head);
    assert_eq!((other.method, other.path), (Some(method), Some(target)));
    let is_http_1_0 = version == "HTTP/1.0";
    assert_eq!(other.version, Some(u8::from(!is_http_1_0)));
    assert!(is_http_1_0 || version == "HTTP/1.1");
    check_target(request, target);
    let (plain, trailing) = split_head(head);
    assert_eq!(trailing, b"");
    assert_eq!(plain.len(), other.headers.len());
    assert_eq!(plain.len(), request.headers().count());
    let mut fields = plain.iter().zip(other.headers);
    for (name, value) in request.headers() {
        let ((plain_name, plain_value), other) = fields.next().expect("the same number");
        assert_eq!((name, name), (&plain_name[..], other.name));
        assert_eq!(value, other.value);
        assert_eq!(value, trim(plain_value));
    }
    is_http_1_0
}

/// RQ-4: an authority in the target has precedence over `Host`.
fn check_target(request: &Request, target: &str) {
    if target.starts_with('/') {
        assert_eq!(request.resource(), target);
        assert_eq!(request.host().map(str::as_bytes), request.header("Host"));
        return;
    }
    let (scheme, rest) = target.split_once("://").expect("absolute form");
    let schemes = ["http", "https", "ws", "wss"];
    assert!(schemes.contains(&&scheme.to_ascii_lowercase()[..]));
    let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    assert_eq!(request.host(), Some(authority));
    let slash = if resource.starts_with('/') { "" } else { "/" };
    assert_eq!(request.resource(), format!("{slash}{resource}"));
}

/// Returns the method, target and version of an accepted request, which an empty line may precede.
fn request_line(head: &[u8]) -> [&str; 3] {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).expect("ASCII");
    let parts: Vec<&str> = line.split(' ').collect();
    parts.try_into().expect("a valid request line")
}

/// Checks that keys and cookies are not shown.
fn check_redaction(conn: &Connection, request: &Request, head: &[u8]) {
    let (fields, _) = split_head(head);
    let line = request_line(head).join(" ");
    let mut text = format!("{line}\r\n").into_bytes();
    for (name, value) in fields {
        let is = |one: &str| name.eq_ignore_ascii_case(one);
        let value = match value {
            _ if is(KEY) => b"AAAAAAAAAAAAAAAAAAAAAA==",
            _ if is(KEY1) || is(KEY2) => &b"1 0"[..],
            value => value,
        };
        text.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    text.extend(b"Cookie: a=1\r\n\r\n");
    let mut other = Connection::server(config());
    let mut read = input(&mut text);
    let event = other.receive(&mut read);
    let Some(Event::Request(other_request)) = event else {
        let Some(Event::Closed(Closed::Protocol(error))) = event else {
            panic!("{event:?}");
        };
        assert_eq!(error.status(), Some(431), "only its length may be invalid");
        return;
    };
    check_same_debug(&other_request, request);
    check_same_debug(&other, conn);
}

/// Rebuilds a request from its parts; keys come from the head, since `headers` trims them.
fn rebuild(request: &Request, head: &[u8]) -> Request {
    let (raw, _) = split_head(head);
    let fields = request
        .headers()
        .zip(&raw)
        .map(|((name, value), (_, raw))| {
            let key = name.to_ascii_lowercase().starts_with("sec-websocket-key");
            (name, if key { raw } else { value })
        });
    let [method, target, version] = request_line(head);
    let rebuilt = Request::from_parts(method, target, version, fields).expect("a valid request");
    assert_eq!(values(&rebuilt), values(request));
    rebuilt
}

fn values(request: &Request) -> impl PartialEq + Debug {
    let protocols: Vec<_> = request.protocols().map(str::to_owned).collect();
    let fields = request.headers();
    let fields: Vec<_> = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    (
        request.dialect(),
        request.method().to_owned(),
        request.resource().to_owned(),
        request.host().map(str::to_owned),
        request.origin().map(str::to_owned),
        protocols,
        fields,
    )
}

/// Feeds a proxy's response in reads of `size` bytes; returns the outcome, and how much is consumed.
fn run_tunnel(bytes: &[u8], size: usize) -> (Option<Result<(), Closed>>, usize) {
    let client_request = client_request(Dialect::Hixie76, false, false);
    let mut tunnel = ProxyTunnel::new(&Config::new(), &client_request, &[]).expect("no fields");
    tunnel.advance(tunnel.transmit().len());
    assert_eq!(tunnel.transmit(), b"");
    let mut consumed = 0;
    for mut input in bytes.chunks(size) {
        let len = input.len();
        let outcome = tunnel.receive(&mut input);
        consumed += len - input.len();
        if let Some(outcome) = &outcome {
            if let Err(error) = outcome {
                check_error(error);
            }
            if let Err(Closed::Rejected(rejection)) = outcome {
                assert!(!matches!(rejection.status(), 200..=299));
                assert_eq!(check_rejection(rejection, bytes), consumed);
            }
            if outcome.is_ok() {
                let response = final_response(bytes);
                assert!(matches!(response.status, 200..=299));
                assert_eq!(response.end, consumed);
            }
            assert_eq!(tunnel.receive_eof(), *outcome);
            return (Some(outcome.clone()), consumed);
        }
        assert_eq!(input, b"");
    }
    let eof = Err(Closed::Eof(Phase::Handshaking));
    assert_eq!(tunnel.receive_eof(), eof);
    assert_eq!(
        tunnel.receive(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        Some(eof)
    );
    (None, consumed)
}
