//! Rejected calls change nothing, and no argument of a caller breaks a head.

use hybi::{
    AcceptError, AcceptOptions, ClientRequest, ClientRequestError, Close, Closed, Config,
    Connection, Dialect, Dialects, Entropy, Event, PreparedMessage, ProxyTunnel, Request,
    RespondError, Response, SendError,
};
use proptest::prelude::*;
use testkit::strategies::cases;
use testkit::*;

const PLAIN: &str = "GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n";

fn config() -> Config {
    Config::new().dialects(Dialects::ALL).plain_http(true)
}

fn server(bytes: &str) -> Connection {
    let mut conn = Connection::server(config());
    feed(&mut conn, bytes);
    conn
}

fn accepted(head: &str) -> Connection {
    let mut conn = server(head);
    conn.accept(&AcceptOptions::new()).unwrap();
    conn
}

fn client(dialect: Dialect) -> Connection {
    Connection::client(
        config(),
        &client_request(dialect),
        Entropy::from_bytes([3; 32]),
    )
}

fn open(role: Role, dialect: Dialect) -> Connection {
    established(&config(), role, dialect)
}

fn every_open_connection() -> Vec<Connection> {
    let each = |dialect: Dialect| ROLES.map(|role| open(role, dialect));
    HIXIE.map(each).into_iter().flatten().collect()
}

/// Servers with a request that is not answered yet.
fn with_request() -> Vec<Connection> {
    [DRAFT_75_REQUEST, DRAFT_76_REQUEST, PLAIN]
        .map(server)
        .into()
}

/// Connections in other states of the handshake. Accepted Hixie-75 has its own test.
fn handshaking() -> Vec<Connection> {
    let mut sent = client(Dialect::Hixie76);
    sent.advance(sent.transmit().len());
    feed(
        &mut sent,
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgr",
    );
    let mut key3 = accepted(DRAFT_76_REQUEST);
    feed(&mut key3, "1234567");
    vec![
        server(""),
        server("<policy"),
        server(&DRAFT_76_REQUEST[..40]),
        accepted(DRAFT_76_REQUEST),
        key3,
        client(Dialect::Hixie75),
        client(Dialect::Hixie76),
        sent,
    ]
}

/// Connections in every closing or closed state.
fn closing() -> Vec<Connection> {
    let mut all: Vec<Connection> = every_open_connection();
    for conn in &mut all {
        conn.close(&Close::EMPTY).unwrap();
    }
    for mut conn in every_open_connection() {
        conn.send_text("pending").unwrap();
        conn.receive_eof();
        feed(&mut conn, "");
        all.push(conn);
    }
    for bytes in [&b"\xff\x00"[..], &[0x80; 11]] {
        let mut conn = open(Role::Server, Dialect::Hixie76);
        feed(&mut conn, bytes);
        all.push(conn);
    }
    for mut conn in with_request().into_iter().chain(handshaking()) {
        conn.close(&Close::EMPTY).unwrap();
        all.push(conn);
    }
    for bytes in ["POST / HTTP/1.1\r\n", "\x16\x03"] {
        all.push(server(bytes));
    }
    let mut rejected = server(DRAFT_76_REQUEST);
    rejected.respond(&Response::new(404)).unwrap();
    all.push(rejected);
    all
}

fn prepared() -> [PreparedMessage; 2] {
    [PreparedMessage::text("a"), PreparedMessage::binary(b"a")]
}

#[test]
fn sending_before_open_returns_not_open() {
    for mut conn in with_request().into_iter().chain(handshaking()) {
        assert_eq!(
            rejected(&mut conn, |c| c.send_text("a")),
            SendError::NotOpen
        );
        assert_eq!(
            rejected(&mut conn, |c| c.send_text_vectored("a").map(drop)),
            SendError::NotOpen
        );
        for message in prepared() {
            assert_eq!(
                rejected(&mut conn, |c| c.send_prepared(&message)),
                SendError::NotOpen
            );
        }
        assert_eq!(
            rejected(&mut conn, |c| c.send_binary(b"a")),
            SendError::NotOpen
        );
    }
}

/// Docs of `send_text`: rejected until `Event::Open` is returned.
#[test]
fn hixie_75_rejects_sending_before_open_is_returned() {
    let mut conn = accepted(DRAFT_75_REQUEST);
    assert_eq!(
        rejected(&mut conn, |c| c.send_text("a")),
        SendError::NotOpen
    );
    assert_eq!(
        rejected(&mut conn, |c| c.send_text_vectored("a").map(drop)),
        SendError::NotOpen
    );
    let message = PreparedMessage::text("a");
    assert_eq!(
        rejected(&mut conn, |c| c.send_prepared(&message)),
        SendError::NotOpen
    );
    assert!(matches!(
        conn.receive(&mut input(&mut [])),
        Some(Event::Open(_))
    ));
    assert_eq!(conn.send_text("a"), Ok(()));
}

#[test]
fn sending_after_close_or_closed_returns_closing_cl_3() {
    for mut conn in closing() {
        assert_eq!(
            rejected(&mut conn, |c| c.send_text("a")),
            SendError::Closing
        );
        assert_eq!(
            rejected(&mut conn, |c| c.send_text_vectored("a").map(drop)),
            SendError::Closing
        );
        for message in prepared() {
            assert_eq!(
                rejected(&mut conn, |c| c.send_prepared(&message)),
                SendError::Closing
            );
        }
        assert_eq!(
            rejected(&mut conn, |c| c.send_binary(b"a")),
            SendError::Closing
        );
        let pending = conn.pending();
        for close in [Close::EMPTY, Close::new(1000, "again"), Close::new(999, "")] {
            assert_eq!((conn.close(&close), conn.pending()), (Ok(()), pending));
        }
    }
}

#[test]
fn binary_is_unsupported_in_both_drafts_fr_12() {
    for mut conn in every_open_connection() {
        let dialect = conn.dialect().unwrap();
        for bytes in [&b""[..], b"a", &[0xff; 100]] {
            let message = PreparedMessage::binary(bytes);
            let errors = [
                rejected(&mut conn, |c| c.send_binary(bytes)),
                rejected(&mut conn, |c| c.send_binary_fragment(bytes, true)),
                rejected(&mut conn, |c| c.send_binary_vectored(bytes).map(drop)),
                rejected(&mut conn, |c| c.send_prepared(&message)),
                rejected(&mut conn, |c| c.send_ping(bytes)),
                rejected(&mut conn, |c| c.send_pong(bytes)),
            ];
            let unsupported = errors.map(|e| error_field!(e, SendError::Unsupported { dialect }));
            assert_eq!(unsupported, [dialect; 6]);
        }
        assert_eq!(conn.transmit(), b"");
    }
}

#[test]
fn buffer_full_is_returned_above_max_send_buffer() {
    let limit = 10;
    let config = config().max_send_buffer(limit);
    for dialect in HIXIE {
        let mut conn = established(&config, Role::Client, dialect);
        let errors = |conn: &mut Connection, text: &str| {
            let message = PreparedMessage::text(text);
            [
                rejected(conn, |c| c.send_text(text)),
                rejected(conn, |c| c.send_text_fragment(text, true)),
                rejected(conn, |c| c.send_text_vectored(text).map(drop)),
                rejected(conn, |c| c.send_prepared(&message)),
            ]
        };
        let long = "123456789";
        let limits = |conn: &mut Connection| {
            errors(conn, long).map(|e| error_field!(e, SendError::MessageTooLong { limit }))
        };
        assert_eq!(limits(&mut conn), [limit; 4]);
        conn.send_text("1").unwrap();
        assert_eq!(limits(&mut conn), [limit; 4]);
        let full = errors(&mut conn, &long[..6]);
        let retry_at = full.map(|e| error_field!(e, SendError::BufferFull { retry_at }));
        assert_eq!(retry_at, [2; 4]);
        let message = PreparedMessage::text(&long[..5]);
        conn.send_prepared(&message).unwrap();
        assert_eq!(conn.transmit().len(), limit);
    }
}

#[test]
fn accept_and_respond_without_a_request_return_no_request() {
    let mut all = every_open_connection();
    all.extend(closing());
    all.extend(handshaking());
    all.push(accepted(DRAFT_75_REQUEST));
    assert!(all.len() > 30);
    for mut conn in all {
        assert_eq!(
            rejected(&mut conn, |c| c.accept(&AcceptOptions::new())),
            AcceptError::NoRequest
        );
        let error = rejected(&mut conn, |c| c.respond(&Response::new(404)));
        assert_eq!(error, RespondError::NoRequest);
        // With several errors, any of them may be returned.
        rejected(&mut conn, |c| c.respond(&Response::new(99)));
        rejected(&mut conn, |c| {
            c.accept(&AcceptOptions::new().header("", ""))
        });
    }
}

#[test]
fn accepting_a_plain_http_request_returns_no_request() {
    let mut conn = server(PLAIN);
    assert_eq!(
        rejected(&mut conn, |c| c.accept(&AcceptOptions::new())),
        AcceptError::NoRequest
    );
    conn.respond(&Response::new(200)).unwrap();
}

/// As `receive` rejects them while `plain_http` is off. RQ-1, RQ-3, RQ-14
#[test]
fn upgrading_a_plain_http_request_returns_the_error_of_receive() {
    let requests = [
        ("GET", "HTTP/1.1", None, 426),
        ("HEAD", "HTTP/1.1", None, 405),
        ("GET", "HTTP/1.0", None, 505),
        ("GET", "HTTP/1.1", Some("h2c"), 426),
    ];
    for (method, version, upgrade, status) in requests {
        let mut fields = vec![("Host", "example.com")];
        fields.extend(upgrade.map(|name| ("Upgrade", name)));
        let page = Request::from_parts(method, "/page", version, fields).unwrap();
        let mut head = format!("{method} /page {version}\r\n");
        for (name, value) in page.headers() {
            head += &format!("{name}: {}\r\n", value.escape_ascii());
        }
        let mut conn = Connection::server(config().plain_http(false));
        feed(&mut conn, &(head + "\r\n"));
        let Some(Closed::Protocol(expected)) = conn.closed() else {
            panic!("{conn:?}");
        };
        for config in [config(), config().plain_http(false)] {
            let upgraded = Connection::upgrade(config, &page, &AcceptOptions::new());
            assert_eq!(upgraded.err(), Some(AcceptError::Protocol(*expected)));
        }
        assert_eq!(expected.status(), Some(status));
    }
}

#[test]
fn upgrading_to_a_dialect_that_is_not_enabled_is_rejected_hy_9() {
    let request = |head: &str| {
        let fields = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        Request::from_parts("GET", "/demo", "HTTP/1.1", fields).unwrap()
    };
    for (head, dialect) in [(DRAFT_75_REQUEST, HIXIE[0]), (DRAFT_76_REQUEST, HIXIE[1])] {
        let only = config().dialects(Dialects::NONE.with(dialect));
        assert!(Connection::upgrade(only.clone(), &request(head), &AcceptOptions::new()).is_ok());
        let others = config().dialects(Dialects::ALL.without(dialect));
        let upgraded = Connection::upgrade(others.clone(), &request(head), &AcceptOptions::new());
        let error = ProtocolError::from(upgraded.unwrap_err());
        assert_eq!(error, ProtocolError::DialectNotEnabled { dialect });
    }
}

#[test]
fn accepting_a_subprotocol_that_was_not_offered_is_rejected_h76_13() {
    let lists = ["a,b", "a b", "a, b"];
    let [head_75, head_76] = [DRAFT_75_REQUEST, DRAFT_76_REQUEST];
    for list in lists {
        for head in [head_75, head_76] {
            let head = replace_once(head, "Protocol: sample", format!("Protocol: {list}"));
            let head = std::str::from_utf8(&head).unwrap();
            for name in ["", "c", "A", "a,", " a", "b ", "ab", "a,b,c", "a\r\nX: y"] {
                let mut conn = server(head);
                let error = rejected(&mut conn, |c| {
                    c.accept(&AcceptOptions::new().protocol(name))
                });
                assert_eq!(
                    error,
                    AcceptError::ProtocolNotOffered,
                    "{name:?} of {list:?}"
                );
            }
            for name in ["a", "b"] {
                let mut conn = server(head);
                conn.accept(&AcceptOptions::new().protocol(name)).unwrap();
                assert!(escaped(conn.transmit()).contains(&format!("Protocol: {name}\\r\\n")));
            }
        }
    }
    for head in [head_75, head_76] {
        let none = replace_once(head, "-Protocol: sample", "-Other: sample");
        let mut conn = server(std::str::from_utf8(&none).unwrap());
        let error = rejected(&mut conn, |c| {
            c.accept(&AcceptOptions::new().protocol("sample"))
        });
        assert_eq!(error, AcceptError::ProtocolNotOffered);
    }
}

#[test]
fn responding_with_an_informational_or_invalid_status_is_rejected() {
    for status in [0, 1, 99, 100, 101, 199, 600, 999, 1000, u16::MAX] {
        for head in [DRAFT_75_REQUEST, DRAFT_76_REQUEST, PLAIN] {
            let mut conn = server(head);
            let error = rejected(&mut conn, |c| c.respond(&Response::new(status)));
            assert_eq!(name_or_status(error), Err(status));
        }
    }
    for status in [200, 204, 299, 300, 404, 599] {
        let mut conn = server(PLAIN);
        conn.respond(&Response::new(status)).unwrap();
        assert_eq!(conn.closed(), Some(&Closed::Responded(status)));
    }
}

/// Fields that would make a head invalid.
const INVALID_FIELDS: [(&str, &str); 24] = [
    ("", "x"),
    (" ", "x"),
    ("X ", "x"),
    (" X", "x"),
    ("X:", "x"),
    ("X: y\r\nZ", "x"),
    ("X\r\n", "x"),
    ("X\r", "x"),
    ("X\n", "x"),
    ("X\0", "x"),
    ("X\t", "x"),
    ("X\u{e9}", "x"),
    ("X(", "x"),
    ("X", "\r\n"),
    ("X", "y\r\nZ: z"),
    ("X", "y\r\n\r\n"),
    ("X", "y\n"),
    ("X", "\ny"),
    ("X", "y\r"),
    ("X", "\r"),
    ("X", "\0"),
    ("X", "y\0z"),
    ("X", "\u{b}"),
    ("X", "\u{7f}"),
];

/// Fields that the crate writes, or that a response must not contain (H76-16).
const OURS_IN_ACCEPT: [&str; 10] = [
    "Upgrade",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "Sec-WebSocket-Origin",
    "Sec-WebSocket-Location",
    "Sec-WebSocket-Protocol",
    "WebSocket-Origin",
    "WebSocket-Location",
    "WebSocket-Protocol",
];

/// Returns `name` in different cases.
fn case_variants(name: &str) -> [String; 3] {
    [
        name.to_owned(),
        name.to_ascii_lowercase(),
        name.to_ascii_uppercase(),
    ]
}

#[test]
fn accept_rejects_invalid_headers_h76_15_h76_16() {
    let mut invalid: Vec<(String, String)> = Vec::new();
    invalid.extend(INVALID_FIELDS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for name in OURS_IN_ACCEPT {
        invalid.extend(case_variants(name).map(|name| (name, "x".to_owned())));
    }
    for (name, value) in &invalid {
        for head in [DRAFT_75_REQUEST, DRAFT_76_REQUEST] {
            let field = (&name[..], &value[..]);
            for fields in [
                &[field][..],
                &[("Set-Cookie", "a"), field],
                &[field, ("X", "y")],
            ] {
                let mut conn = server(head);
                let accept = with_fields(AcceptOptions::new(), fields);
                let error = rejected(&mut conn, |c| c.accept(&accept));
                assert_eq!(name_in(error), *name, "{value:?}");
                conn.accept(&AcceptOptions::new()).unwrap();
            }
        }
    }
    for (authority, expected) in [
        ("", 0),
        ("a b", 1),
        ("a\r\nX: y", 1),
        ("a/b", 1),
        ("a\0", 1),
        ("\u{e9}", 0),
        ("a:0", 2),
        ("a:0x50", 3),
        ("me@a", 2),
    ] {
        let mut conn = server(DRAFT_76_REQUEST);
        let accept = AcceptOptions::new().authority(authority);
        let error = rejected(&mut conn, |c| c.accept(&accept));
        assert!(
            matches!(error, AcceptError::InvalidAuthority { at, .. } if at == expected),
            "{authority:?}: {error:?}"
        );
    }
    let request = Request::from_parts(
        "GET",
        "/demo",
        "HTTP/1.1",
        DRAFT_76_REQUEST
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": ")),
    );
    let request = request.unwrap();
    for (name, value) in [("X", "y\r\nZ: z"), ("Upgrade", "x")] {
        let accept = AcceptOptions::new().header(name, value);
        let upgraded = Connection::upgrade(config(), &request, &accept);
        assert_eq!(name_in(upgraded.unwrap_err()), name);
    }
    let accept = AcceptOptions::new().protocol("other");
    let upgraded = Connection::upgrade(config(), &request, &accept);
    assert_eq!(upgraded.err(), Some(AcceptError::ProtocolNotOffered));
}

#[test]
fn respond_rejects_invalid_headers() {
    let mut invalid: Vec<(String, String)> = Vec::new();
    invalid.extend(INVALID_FIELDS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for name in ["Connection", "Content-Length", "Transfer-Encoding"] {
        invalid.extend(case_variants(name).map(|name| (name, "x".to_owned())));
    }
    for (name, value) in &invalid {
        for head in [DRAFT_75_REQUEST, DRAFT_76_REQUEST, PLAIN] {
            let mut conn = server(head);
            let response = Response::new(302).header("Location", "/other");
            let response = response.header(name, value);
            let error = rejected(&mut conn, |c| c.respond(&response));
            assert_eq!(name_or_status(error), Ok(name.clone()), "{value:?}");
        }
    }
}

/// H76-15
#[test]
fn added_fields_keep_their_order_and_their_bytes() {
    let lines = b"\r\nX: b\r\nx: \xe9\x80\t\xff\r\nX: a\r\n";
    let contains_lines =
        |conn: &Connection| conn.transmit().windows(lines.len()).any(|w| w == lines);
    let value = Vec::from(*b"\xe9\x80\t\xff");
    let mut conn = server(DRAFT_76_REQUEST);
    let accept = AcceptOptions::new().header("X", "b").header("x", &value);
    conn.accept(&accept.header("X", String::from("a"))).unwrap();
    assert!(contains_lines(&conn));
    let mut conn = server(DRAFT_76_REQUEST);
    let response = Response::new(403).header("X", "b").header("x", value);
    conn.respond(&response.header("X", b"a")).unwrap();
    assert!(contains_lines(&conn));
}

/// Another thread decides on the request; the bytes after its head remain.
#[test]
fn a_request_can_be_accepted_later() {
    let mut conn = Connection::server(config());
    let mut bytes = [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3, b"\x00a\xff"].concat();
    let mut read = input(&mut bytes);
    let Some(Event::Request(request)) = conn.receive(&mut read) else {
        panic!("no request");
    };
    assert!(conn.receive(&mut read).is_none());
    let decide = move || {
        let name = request.protocols().next().unwrap();
        AcceptOptions::new().protocol(name)
    };
    let options = std::thread::spawn(decide).join().unwrap();
    conn.accept(&options).unwrap();
    assert!(matches!(conn.receive(&mut read), Some(Event::Open(_))));
    assert!(matches!(conn.receive(&mut read), Some(Event::Text(_))));
}

#[test]
fn client_requests_reject_invalid_headers() {
    let target = || client_request(Dialect::Hixie76);
    for (name, value) in INVALID_FIELDS {
        let error = target().with_header(name, value);
        assert_eq!(invalid_header(error), name, "{value:?}");
    }
    let ours = [
        "Origin",
        "Upgrade",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Sec-WebSocket-Key1",
        "Sec-WebSocket-Key2",
        "Sec-WebSocket-Protocol",
        "WebSocket-Protocol",
    ];
    for name in ours.into_iter().flat_map(case_variants) {
        assert_eq!(invalid_header(target().with_header(&name, "x")), name);
    }
    for origin in [
        "",
        " ",
        "http://a b",
        "http://a\r\nX: y",
        "\u{e9}",
        "a\0",
        "a\t",
        "a\u{7f}",
    ] {
        assert_eq!(
            target().with_origin(origin).err(),
            Some(ClientRequestError::InvalidOrigin),
            "{origin:?}"
        );
    }
    for name in [
        "",
        " ",
        " a",
        "a ",
        "a\r\nX: y",
        "a\tb",
        "\u{e9}",
        "a\0",
        "a\u{7f}",
    ] {
        assert_eq!(
            target().with_protocol(name).err(),
            Some(ClientRequestError::InvalidProtocol),
            "{name:?}"
        );
    }
    for (name, value) in INVALID_FIELDS {
        let error =
            ProxyTunnel::new(&config(), &target(), &[(name, value.as_bytes())]).unwrap_err();
        assert_eq!(error.name(), name, "{value:?}");
    }
}

/// Returns the name of an invalid header field.
#[track_caller]
fn invalid_header(result: Result<ClientRequest, ClientRequestError>) -> String {
    match result {
        Err(ClientRequestError::InvalidHeader(error)) => error.name().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The name in an `InvalidHeader`.
fn name_in(error: AcceptError) -> String {
    match error {
        AcceptError::InvalidHeader(error) => error.name().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The name in an `InvalidHeader`, or the status in an `InvalidStatus`.
fn name_or_status(error: RespondError) -> Result<String, u16> {
    match error {
        RespondError::InvalidHeader(error) => Ok(error.name().to_owned()),
        RespondError::InvalidStatus { status, .. } => Err(status),
        other => panic!("{other:?}"),
    }
}

fn invalid_url_offset(url: &str) -> Option<usize> {
    match ClientRequest::new(url) {
        Ok(_) => None,
        Err(error) => Some(error_field!(error, ClientRequestError::InvalidUrl { at })),
    }
}

#[test]
fn invalid_url_contains_the_offset() {
    for (url, at) in [
        ("", 0),
        ("example.com", 0),
        ("ftp://example.com/", 0),
        ("httpss://example.com/", 0),
        ("wsx://example.com/", 0),
        ("ws://", 5),
        ("ws:///demo", 5),
        ("wss://?a", 6),
        // Fragment, space, non-ASCII, control character
        ("ws://a/#f", 7),
        ("ws://a#f", 6),
        ("ws://a?b#f", 8),
        ("ws://a/b c", 8),
        ("ws://a/b?\u{e9}", 9),
        ("ws://a/b\r\nX: y", 8),
        ("ws://a/\0", 7),
        ("ws://a/\u{7f}", 7),
    ] {
        assert_eq!(invalid_url_offset(url), Some(at), "{url:?}");
    }
}

/// Docs of `InvalidUrl`: the offset of the first invalid byte.
#[test]
fn invalid_url_contains_the_offset_in_host_and_port() {
    for (url, at) in [
        ("ws://exa mple.com/", 8..=8),
        ("ws://ex\u{e9}/", 7..=7),
        ("ws://a\r\nX: y/", 6..=6),
        ("ws://a:x/", 7..=7),
        ("ws://a:80x/", 9..=9),
        ("wss://a:+1/", 8..=8),
        // Any offset in the port
        ("ws://a:0/", 7..=8),
        ("ws://a:65536/", 7..=11),
        ("ws://m%e@example.com/", 6..=6),
        ("ws://m e@example.com/", 6..=6),
    ] {
        let offset = invalid_url_offset(url);
        assert!(
            offset.is_some_and(|offset| at.contains(&offset)),
            "{url:?}: {offset:?}, not {at:?}"
        );
    }
}

#[test]
fn valid_urls_are_accepted() {
    for (url, host, port, tls) in [
        ("ws://example.com", "example.com", 80, false),
        ("WSS://Example.COM", "example.com", 443, true),
        ("ws://a:/", "a", 80, false),
        ("ws://a!b%2Ec:1/", "a!b%2ec", 1, false),
        ("ws://a:1/", "a", 1, false),
        ("ws://a:65535/x?y", "a", 65_535, false),
        ("wss://[::1]:8443?a", "::1", 8443, true),
        ("ws://127.0.0.1/", "127.0.0.1", 80, false),
    ] {
        let target = ClientRequest::new(url).unwrap();
        assert_eq!((target.host(), target.port()), (host, port), "{url}");
        assert_eq!(target.is_tls(), tls, "{url}");
    }
}

type Field = (String, String);

fn name() -> impl Strategy<Value = String> {
    let known = [
        "Set-Cookie",
        "Cookie",
        "Date",
        "Content-Type",
        "content-length",
        "Host",
        "upgrade",
        "Sec-WebSocket-Key1",
        "Sec-WebSocket-Accept",
        "WebSocket-Location",
        "Transfer-encoding",
    ];
    prop_oneof![
        4 => "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}",
        2 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => ".{0,6}",
        1 => "[A-Z\r\n\0: \t]{0,4}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~\t]{0,16}",
        1 => "[ -~\u{80}-\u{ff}]{0,16}",
        1 => ".{0,8}",
        1 => "[a-z\r\n\0\u{7f}:]{0,6}",
    ]
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    prop::collection::vec((name(), value()), 0..4)
}

fn with_fields<N: AsRef<str>, V: AsRef<[u8]>>(
    options: AcceptOptions,
    fields: &[(N, V)],
) -> AcceptOptions {
    let add = |options: AcceptOptions, (name, value): &(N, V)| options.header(name.as_ref(), value);
    fields.iter().fold(options, add)
}

/// Returns the fields that httparse parsed, with trimmed values.
fn parsed_fields(headers: &[httparse::Header<'_>]) -> Vec<Field> {
    let each = headers.iter().map(|header| {
        let value = std::str::from_utf8(header.value).unwrap();
        (header.name.to_owned(), trimmed(value))
    });
    each.collect()
}

fn trimmed(value: &str) -> String {
    value.trim_matches([' ', '\t']).to_owned()
}

fn with_trimmed_values(fields: &[Field]) -> Vec<Field> {
    let each = fields
        .iter()
        .map(|(name, value)| (name.clone(), trimmed(value)));
    each.collect()
}

/// Returns whether a field is valid and not written by the crate itself.
fn is_allowed((name, value): &Field) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let is_control = |c: char| c.is_ascii_control() && c != '\t';
    let lower = name.to_ascii_lowercase();
    let ours = [
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
        "host",
        "origin",
    ];
    !name.is_empty()
        && name.bytes().all(is_token)
        && !value.contains(is_control)
        && !ours.contains(&&lower[..])
        && !lower.contains("websocket-")
}

fn field(name: &str, value: &str) -> Field {
    (name.to_owned(), value.to_owned())
}

/// Parses a response; returns its status, reason, fields and body.
fn parse_response(bytes: &[u8]) -> (u16, String, Vec<Field>, &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else {
        panic!("{}", escaped(bytes));
    };
    assert_eq!(response.version, Some(1));
    let reason = response.reason.unwrap().to_owned();
    let fields = parsed_fields(response.headers);
    (response.code.unwrap(), reason, fields, &bytes[head..])
}

proptest! {
    #![proptest_config(cases(1024))]

    // H75-2, H75-3, H76-5 to H76-9, H76-15, H76-17
    #[test]
    fn an_accepted_response_contains_exactly_the_requested_lines(
        dialect in prop::sample::select(HIXIE.to_vec()),
        fields in fields(),
        authority in prop_oneof![
            4 => Just(None),
            2 => "[a-z0-9.-]{1,8}(:[1-9][0-9]{0,3})?".prop_map(Some),
            1 => ".{0,8}".prop_map(Some),
            1 => "[a-z\r\n\0:/@ ]{0,6}".prop_map(Some),
        ],
        protocol in prop_oneof![
            3 => Just(None),
            3 => Just(Some("sample".to_owned())),
            1 => value().prop_map(Some),
        ],
    ) {
        let (head, prefix) = match dialect {
            Dialect::Hixie75 => (DRAFT_75_REQUEST, ""),
            _ => (DRAFT_76_REQUEST, "Sec-"),
        };
        let mut accept = with_fields(AcceptOptions::new(), &fields);
        if let Some(authority) = &authority {
            accept = accept.authority(authority);
        }
        if let Some(protocol) = &protocol {
            accept = accept.protocol(protocol);
        }
        let mut conn = server(head);
        if conn.accept(&accept).is_err() {
            let error = rejected(&mut server(head), |c| c.accept(&accept));
            let is_right = match error {
                AcceptError::InvalidAuthority { at, .. } => authority.is_some_and(|a| at <= a.len()),
                AcceptError::InvalidHeader(error) => {
                    fields.iter().any(|field| field.0 == error.name() && !is_allowed(field))
                }
                AcceptError::ProtocolNotOffered => protocol.is_some_and(|name| name != "sample"),
                _ => false,
            };
            prop_assert!(is_right);
            return Ok(());
        }
        let (code, reason, lines, body) = parse_response(conn.transmit());
        prop_assert_eq!(code, 101);
        let phrase = if prefix.is_empty() { "Web Socket" } else { "WebSocket" };
        prop_assert_eq!(reason, format!("{phrase} Protocol Handshake"));
        let authority = authority.as_deref().unwrap_or("example.com");
        let mut expected = vec![
            field("Upgrade", "WebSocket"),
            field("Connection", "Upgrade"),
            field(&format!("{prefix}WebSocket-Origin"), "http://example.com"),
            field(&format!("{prefix}WebSocket-Location"), &format!("ws://{authority}/demo")),
            field(&format!("{prefix}WebSocket-Protocol"), "sample"),
        ];
        expected.extend(with_trimmed_values(&fields));
        prop_assert_eq!(lines, expected);
        prop_assert_eq!(body, b"");
        for (name, value) in &fields {
            let line = format!("\r\n{name}: {value}\r\n");
            let found = conn.transmit().windows(line.len()).any(|w| w == line.as_bytes());
            prop_assert!(found, "{:?}", line);
        }
    }

    // PX-3
    #[test]
    fn a_response_contains_exactly_the_requested_lines(
        status in prop_oneof![4 => 200..600_u16, 1 => any::<u16>()],
        fields in fields(),
        body in prop_oneof![
            Just(None),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        ],
    ) {
        let mut response = Response::new(status);
        for (name, value) in &fields {
            response = response.header(name, value);
        }
        if let Some(body) = &body {
            response = response.body(body);
        }
        let mut conn = server(DRAFT_76_REQUEST);
        if conn.respond(&response).is_err() {
            let error = rejected(&mut server(DRAFT_76_REQUEST), |c| c.respond(&response));
            match name_or_status(error) {
                Err(invalid) => prop_assert!(invalid == status && !(200..600).contains(&status)),
                Ok(name) => {
                    prop_assert!(fields.iter().any(|field| field.0 == name && !is_allowed(field)));
                }
            }
            return Ok(());
        }
        let (code, _, mut lines, sent_body) = parse_response(conn.transmit());
        prop_assert_eq!(code, status);
        let mut take = |field: Field| {
            let at = lines.iter().position(|line| *line == field);
            at.map(|at| lines.remove(at)).is_some()
        };
        if status == 426 {
            prop_assert!(take(field("Connection", "close, Upgrade"))); // HY-12
            prop_assert!(take(field("Upgrade", "websocket")));
        } else {
            prop_assert!(take(field("Connection", "close")));
        }
        if status == 204 || status == 304 {
            prop_assert_eq!(sent_body, b"");
        } else {
            prop_assert!(take(field("Content-Length", &sent_body.len().to_string())));
            let is_content_type = |(name, _): &Field| name.eq_ignore_ascii_case("Content-Type");
            if !fields.iter().any(is_content_type) {
                prop_assert!(take(field("Content-Type", "text/plain")));
            }
            match &body {
                _ if status == 205 => prop_assert_eq!(sent_body, b""),
                Some(body) => prop_assert_eq!(sent_body, &body[..]),
                None => {}
            }
        }
        prop_assert_eq!(lines, with_trimmed_values(&fields));
    }

    // H75-1, H76-30 to H76-32
    #[test]
    fn a_client_request_contains_exactly_the_requested_lines(
        dialect in prop::sample::select(HIXIE.to_vec()),
        url in prop_oneof![
            4 => "wss?://[a-z0-9.-]{1,8}(:[1-9][0-9]{0,3})?([/?][!-\"$-~]{0,12})?",
            1 => "wss?://[a-z\r\n\0:/?# ]{0,12}",
            1 => ".{0,12}",
        ],
        origin in prop_oneof![2 => Just(None), 2 => "[!-~]{1,12}".prop_map(Some), 1 => value().prop_map(Some)],
        protocol in prop_oneof![2 => Just(None), 2 => "[!-~]{1,12}".prop_map(Some), 1 => value().prop_map(Some)],
        fields in fields(),
    ) {
        let target = match ClientRequest::new(&url) {
            Ok(target) => target.with_dialect(dialect),
            Err(error) => {
                let at = error_field!(error, ClientRequestError::InvalidUrl { at });
                prop_assert!(at <= url.len());
                return Ok(());
            }
        };
        let with_options = |target: ClientRequest| -> Result<ClientRequest, ClientRequestError> {
            let mut target = target;
            if let Some(origin) = &origin {
                target = target.with_origin(origin)?;
            }
            if let Some(protocol) = &protocol {
                target = target.with_protocol(protocol)?;
            }
            for (name, value) in &fields {
                target = target.with_header(name, value)?;
            }
            Ok(target)
        };
        let target = match with_options(target) {
            Ok(target) => target,
            Err(error) => {
                let is_invalid = match error {
                    ClientRequestError::InvalidOrigin => origin.is_some(),
                    ClientRequestError::InvalidProtocol => protocol.is_some(),
                    ClientRequestError::InvalidHeader(error) => fields
                        .iter()
                        .any(|field| field.0 == error.name() && !is_allowed(field)),
                    _ => false,
                };
                prop_assert!(is_invalid);
                return Ok(());
            }
        };
        let conn = Connection::client(config(), &target, Entropy::from_bytes([5; 32]));
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = request.parse(conn.transmit()) else {
            panic!("{}", escaped(conn.transmit()));
        };
        let (prefix, key3) = match dialect {
            Dialect::Hixie75 => ("", 0),
            _ => ("Sec-", 8),
        };
        prop_assert_eq!(conn.transmit().len() - head, key3);
        prop_assert_eq!((request.method, request.version), (Some("GET"), Some(1)));

        let after_scheme = url.split_once("://").unwrap().1;
        let start = after_scheme.find(['/', '?']);
        let resource = start.map_or("", |start| &after_scheme[start..]);
        let slash = if resource.starts_with('/') { "" } else { "/" };
        let resource = format!("{slash}{resource}");
        prop_assert_eq!(request.path, Some(&resource[..]));

        let (scheme, port) = if target.is_tls() { ("https", 443) } else { ("http", 80) };
        let mut host = target.host().to_owned();
        if target.port() != port {
            host += &format!(":{}", target.port());
        }
        let is_host = |field: &Field| field.0.eq_ignore_ascii_case("Host");
        let (hosts, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(is_host);
        if let Some((_, value)) = hosts.last() {
            host.clone_from(value);
        }
        let default_origin = format!("{scheme}://{host}");
        let origin = origin.as_deref().unwrap_or(&default_origin).to_ascii_lowercase();
        let mut expected = vec![
            field("Upgrade", "WebSocket"),
            field("Connection", "Upgrade"),
            field("Host", &host),
            field("Origin", &origin),
        ];
        if let Some(protocol) = &protocol {
            expected.push(field(&format!("{prefix}WebSocket-Protocol"), protocol));
        }
        expected.extend(with_trimmed_values(&fields));
        let mut lines = parsed_fields(request.headers);
        if dialect == Dialect::Hixie76 {
            for key in ["Sec-WebSocket-Key1", "Sec-WebSocket-Key2"] {
                let at = lines.iter().position(|(name, _)| name == key);
                lines.remove(at.unwrap());
            }
            // H76-31: in any order.
            lines.sort();
            expected.sort();
        }
        prop_assert_eq!(lines, expected);
    }
}

/// `Debug` output may be logged: it contains no cookies, tokens or keys.
#[test]
fn debug_output_contains_no_secrets() {
    let accept = AcceptOptions::new().header("Set-Cookie", "SECRET");
    let response = Response::new(401).header("WWW-Authenticate", "SECRET");
    let response = response.body("SECRET");
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let target = target.with_header("Cookie", "SECRET").unwrap();
    let client = Connection::client(config(), &target, Entropy::from_bytes([1; 32]));
    let request = Request::from_parts(
        "GET",
        "/demo",
        "HTTP/1.1",
        [
            ("Host", "example.com"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Cookie", "SECRET"),
        ],
    )
    .unwrap();
    let (server, upgrade) = Connection::upgrade(config(), &request, &accept).unwrap();
    let output =
        format!("{accept:?} {response:?} {target:?} {client:?} {request:?} {server:?} {upgrade:?}");
    for secret in [
        "SECRET",
        "dGhlIHNhbXBsZSBub25jZQ==",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ] {
        assert!(!output.contains(secret), "{secret} in {output}");
    }
}

/// `Debug` output contains no masking key, also within a frame, and no query.
#[test]
fn debug_output_contains_no_masking_key_and_no_query_hy_5() {
    let mut within = Vec::new();
    for first in [0x81, 0x82, 0x89] {
        let bytes = frame(Role::Client, first, "payload");
        for len in 1..bytes.len() {
            let mut conn = established(&config(), Role::Server, Dialect::Rfc6455);
            feed(&mut conn, &bytes[..len]);
            within.push(format!("{conn:?}"));
        }
    }
    let key = format!("{MASKING_KEY:?}");
    let key = key.trim_matches(['[', ']']);
    assert!(within.iter().all(|output| !output.contains(key)));

    let client = ClientRequest::new("ws://example.com/path?SECRET").unwrap();
    let entropy = Entropy::from_bytes([1; 32]);
    let client_conn = Connection::client(config(), &client, entropy);
    let mut server_conn = Connection::server(config());
    let mut bytes = client_conn.transmit().to_vec();
    let mut read = input(&mut bytes);
    let event = server_conn.receive(&mut read);
    let output = format!("{client:?} {client_conn:?} {event:?} {server_conn:?}");
    assert_eq!(output.matches("/path").count(), 4, "{output}");
    assert!(!output.contains("SECRET"), "{output}");
}

/// `Debug` output contains no part of a ping, no deferred pong and no key numbers.
#[test]
fn debug_output_contains_no_buffered_data() {
    let config = config().high_water(0);
    let check = |conn: &Connection, buffered: &[u8]| {
        let (output, numbers) = (format!("{conn:?}"), format!("{buffered:?}"));
        assert!(
            !output.contains(numbers.trim_matches(['[', ']'])),
            "{output}"
        );
    };
    let server = || established(&config, Role::Server, Dialect::Rfc6455);
    let ping = b"\x89\x83\0\0\0\0\x21\x22\x23";
    let mut incomplete = server();
    feed(&mut incomplete, &ping[..8]);
    check(&incomplete, &ping[6..8]);
    let mut unanswered = server();
    unanswered.send_text("a").unwrap();
    feed(&mut unanswered, ping);
    check(&unanswered, &ping[6..]);

    // The example of the draft.
    let mut server = Connection::server(config.clone());
    feed(
        &mut server,
        "GET /demo HTTP/1.1\r\n\
         Host: example.com\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
         Upgrade: WebSocket\r\n\
         Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
         Origin: http://example.com\r\n\r\n",
    );
    server.accept(&AcceptOptions::new()).unwrap();
    let output = format!("{server:?}");
    assert!(
        !output.contains("829309203") && !output.contains("259970620"),
        "{output}"
    );

    // Only the expected challenge response differs.
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let target = target.with_dialect(Dialect::Hixie76);
    let client = |entropy| {
        let mut conn = Connection::client(config.clone(), &target, Entropy::from_bytes(entropy));
        conn.advance(conn.transmit().len());
        format!("{conn:?}")
    };
    assert_eq!(client([1; 32]), client([2; 32]));
}
