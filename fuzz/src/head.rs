//! A request's head.

use std::fmt::Debug;

use httparse::{EMPTY_HEADER, Status};
use hybi::{
    AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Event, Phase, ProxyTunnel,
    Refused, Request,
};

use super::client::target;
use super::dialect::{HYBI_ORIGIN, KEY, KEY1, KEY2, VERSION, VERSIONS, is_hybi};
use super::http::{split, trim};
use super::key_response::is_key;
use super::redaction::{check_error, check_same};

/// Any head: one that is accepted can be written down again, and is accepted alike.
pub fn head(bytes: &[u8]) {
    let config = config();
    let mut conn = Connection::server(&config);
    let mut copy = bytes.to_vec();
    let mut input = &mut copy[..];
    if let Some(Event::Request(request)) = conn.receive(&mut input) {
        let head = &bytes[..bytes.len() - input.len()];
        check_values(&request);
        check_fields(&request, head);
        let again = again(&request, head);
        check_hidden(&conn, &request, head);
        let upgrade = Connection::upgrade(&config, &again, &AcceptOptions::new());
        let accepted = conn.accept(&AcceptOptions::new());
        assert_eq!(accepted, upgrade.as_ref().map(drop).map_err(|e| *e));
        if let Some(dialect) = request.dialect() {
            let others = Dialects::ALL.without(dialect);
            let off = Connection::upgrade(&config.dialects(others), &again, &AcceptOptions::new());
            assert_eq!(off.err(), Some(Refused::Unsupported(dialect)));
        }
        if let Ok((_, reply)) = upgrade {
            let with = |cookie| {
                let fields = [("Set-Cookie", cookie)];
                let accept = AcceptOptions::new().headers(&fields);
                let upgrade = Connection::upgrade(&config, &again, &accept);
                upgrade.expect("one field more").1
            };
            check_same(&with("a=1"), &with("b=2"));
            assert_eq!(conn.transmit(), reply.as_bytes());
            let (status, reason) = (reply.status(), reply.reason());
            let mut printed = format!("HTTP/1.1 {status} {reason}\r\n");
            printed.extend(reply.headers().map(|(n, v)| format!("{n}: {v}\r\n")));
            assert_eq!(printed + "\r\n", String::from_utf8_lossy(conn.transmit()));
        }
    }
    let whole = tunnel(bytes, bytes.len().max(1));
    assert_eq!(tunnel(bytes, 1), whole);
    assert_eq!(tunnel(bytes, 3), whole);
}

fn config() -> Config {
    Config::new().dialects(Dialects::ALL).plain_http(true)
}

/// RQ-2, RQ-12, RQ-16, H76-11, H76-14: nothing is in doubt, and what goes into a reply can't
/// break it.
fn check_values(request: &Request) {
    let visible = |text: &str| text.bytes().all(|byte| matches!(byte, 0x21..=0x7E));
    assert!(visible(request.resource()) && request.resource().starts_with('/'));
    assert!(visible(request.host()) && !request.host().is_empty());
    assert!(request.protocols().all(visible));
    let count = |wanted: &str| {
        let names = request.headers().map(|(name, _)| name);
        names
            .filter(|name| name.eq_ignore_ascii_case(wanted))
            .count()
    };
    assert_eq!((count("Host"), count("Transfer-Encoding")), (1, 0));
    let Some(dialect) = request.dialect() else {
        assert_eq!(count("Upgrade"), 0);
        return;
    };
    check_origin(request);
    assert_eq!(count("Upgrade"), 1);
    if let Some(origin) = request.origin() {
        assert!(visible(origin) && !origin.is_empty());
    }
    let keys = usize::from(dialect == Dialect::Hixie76);
    if is_hybi(dialect) {
        assert!(count("Origin") <= 1 && count(HYBI_ORIGIN) <= 1);
        let get = |name| request.header(name).expect("it has to be there");
        assert_eq!((count(KEY), count(VERSION)), (1, 1));
        assert!(is_key(get(KEY)));
        let version = VERSIONS.iter().find(|(one, _)| *one == dialect);
        let (_, version) = version.expect("each has one");
        assert_eq!(get(VERSION), version.as_bytes());
        return;
    }
    assert_eq!(count("Origin"), 1);
    assert!(request.origin().is_some());
    assert_eq!((count(KEY1), count(KEY2)), (keys, keys));
    for of_later_dialects in [KEY, VERSION] {
        assert_eq!(count(of_later_dialects), 0);
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

/// Another parser reads the same, and so does a plain one.
fn check_fields(request: &Request, head: &[u8]) {
    let mut fields = [EMPTY_HEADER; 100];
    let mut other = httparse::Request::new(&mut fields);
    assert_eq!(other.parse(head), Ok(Status::Complete(head.len())));
    assert_eq!(other.path, Some(request.resource()));
    let (plain, behind) = split(head);
    assert_eq!(behind, b"");
    assert_eq!(plain.len(), other.headers.len());
    assert_eq!(plain.len(), request.headers().count());
    let mut rest = plain.iter().zip(other.headers);
    for (name, value) in request.headers() {
        let ((plain_name, plain_value), other) = rest.next().expect("as many");
        assert_eq!((name, name), (&plain_name[..], other.name));
        assert_eq!(value, other.value);
        assert_eq!(value, trim(plain_value));
    }
}

/// No key is shown, and no cookie.
fn check_hidden(conn: &Connection, request: &Request, head: &[u8]) {
    let (raw, _) = split(head);
    let mut text = format!("GET {} HTTP/1.1\r\n", request.resource()).into_bytes();
    for (name, value) in raw {
        let is = |one: &str| name.eq_ignore_ascii_case(one);
        let value = match value {
            _ if is(KEY) => b"AAAAAAAAAAAAAAAAAAAAAA==",
            _ if is(KEY1) || is(KEY2) => &b"1 0"[..],
            value => value,
        };
        text.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    text.extend(b"Cookie: a=1\r\n\r\n");
    let mut other = Connection::server(&config());
    let events = other.receive(&mut &mut text[..]);
    let Some(Event::Request(events)) = events else {
        let Some(Event::Closed(Closed::Protocol(error))) = events else {
            panic!("{events:?}");
        };
        assert_eq!(error.status(), Some(431), "it only got longer");
        return;
    };
    check_same(&events, request);
    check_same(&other, conn);
}

/// The request made from what it says of itself; only of a key the spaces round it are lost there.
fn again(request: &Request, head: &[u8]) -> Request {
    let (raw, _) = split(head);
    let fields = request
        .headers()
        .zip(&raw)
        .map(|((name, value), (_, raw))| {
            let key = name.to_ascii_lowercase().starts_with("sec-websocket-key");
            (name, if key { raw } else { value })
        });
    let again = Request::from_parts(request.resource(), fields).expect("it was accepted before");
    assert_eq!(facts(&again), facts(request));
    again
}

fn facts(request: &Request) -> impl PartialEq + Debug {
    let protocols: Vec<_> = request.protocols().map(str::to_owned).collect();
    let fields = request.headers();
    let fields: Vec<_> = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    (
        request.dialect(),
        request.resource().to_owned(),
        request.host().to_owned(),
        request.origin().map(str::to_owned),
        protocols,
        fields,
    )
}

/// What a proxy's reply comes to, and how much of the bytes it is.
fn tunnel(bytes: &[u8], size: usize) -> (Option<Result<(), Closed>>, usize) {
    let target = target(Dialect::Hixie76, false, false);
    let mut tunnel = ProxyTunnel::new(&Config::new(), &target, None).expect("no fields");
    tunnel.advance(tunnel.transmit().len());
    assert_eq!(tunnel.transmit(), b"");
    let mut taken = 0;
    for mut piece in bytes.chunks(size) {
        let length = piece.len();
        let outcome = tunnel.receive(&mut piece);
        taken += length - piece.len();
        if let Some(outcome) = &outcome {
            if let Err(why) = outcome {
                check_error(why);
            }
            assert_eq!(tunnel.receive_eof(), *outcome);
            return (Some(outcome.clone()), taken);
        }
        assert_eq!(piece, b"");
    }
    let eof = Err(Closed::Eof(Phase::Handshaking));
    assert_eq!(tunnel.receive_eof(), eof);
    assert_eq!(
        tunnel.receive(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        Some(eof)
    );
    (None, taken)
}
