//! A call that is refused changes nothing, and nothing that a caller passes breaks a head.

mod common;

use common::*;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Event,
    PreparedMessage, ProxyTunnel, Refused, Request, Response, Role,
};
use proptest::prelude::*;

const DIALECTS: [Dialect; 2] = [Dialect::Hixie75, Dialect::Hixie76];
const PLAIN: &str = "GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// Refused, with the connection and its output as they were before.
#[track_caller]
fn refused<T>(
    conn: &mut Connection,
    call: impl FnOnce(&mut Connection) -> Result<T, Refused>,
) -> Refused {
    let before = (format!("{conn:?}"), conn.transmit().to_vec());
    let Err(why) = call(conn).map(drop) else {
        panic!("it was not refused by {}", before.0);
    };
    assert_eq!((format!("{conn:?}"), conn.transmit().to_vec()), before);
    why
}

fn config() -> Config {
    Config::new().dialects(Dialects::ALL).plain_http(true)
}

fn take(conn: &mut Connection, bytes: impl AsRef<[u8]>) {
    let mut bytes = bytes.as_ref().to_vec();
    let mut input = &mut bytes[..];
    while conn.receive(&mut input).is_some() {}
}

fn server(bytes: &str) -> Connection {
    let mut conn = Connection::server(&config());
    take(&mut conn, bytes);
    conn
}

fn accepted(head: &str) -> Connection {
    let mut conn = server(head);
    conn.accept(&AcceptOptions::new()).unwrap();
    conn
}

fn client(dialect: Dialect) -> Connection {
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(Dialect::Hixie76);
    Connection::client(&config(), &target.with_dialect(dialect), [3; 32])
}

fn open(role: Role, dialect: Dialect) -> Connection {
    Connection::established(&config(), role, dialect, [0; 32])
}

fn every_open() -> Vec<Connection> {
    let roles = [Role::Client, Role::Server];
    let each = |dialect: Dialect| roles.map(|role| open(role, dialect));
    DIALECTS.map(each).into_iter().flatten().collect()
}

/// A request has come and was not answered.
fn waiting() -> Vec<Connection> {
    [DRAFT_75_HEAD, DRAFT_76_HEAD, PLAIN].map(server).into()
}

/// Elsewhere in the opening. Hixie-75 that was accepted is in a test of its own.
fn opening() -> Vec<Connection> {
    let mut sent = client(Dialect::Hixie76);
    sent.advance(sent.transmit().len());
    take(
        &mut sent,
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgr",
    );
    let mut key3 = accepted(DRAFT_76_HEAD);
    take(&mut key3, "1234567");
    vec![
        server(""),
        server("<policy"),
        server(&DRAFT_76_HEAD[..40]),
        accepted(DRAFT_76_HEAD),
        key3,
        client(Dialect::Hixie75),
        client(Dialect::Hixie76),
        sent,
    ]
}

/// Closing or closed, in each way.
fn closing() -> Vec<Connection> {
    let mut all: Vec<Connection> = every_open();
    for conn in &mut all {
        conn.close(&Close::EMPTY).unwrap();
    }
    for mut conn in every_open() {
        conn.send_text("pending").unwrap();
        conn.receive_eof();
        take(&mut conn, "");
        all.push(conn);
    }
    for bytes in [&b"\xff\x00"[..], &[0x80; 11]] {
        let mut conn = open(Role::Server, Dialect::Hixie76);
        take(&mut conn, bytes);
        all.push(conn);
    }
    for mut conn in waiting().into_iter().chain(opening()) {
        conn.close(&Close::EMPTY).unwrap();
        all.push(conn);
    }
    for bytes in ["POST / HTTP/1.1\r\n", "\x16\x03"] {
        all.push(server(bytes));
    }
    let mut rejected = server(DRAFT_76_HEAD);
    rejected.respond(&Response::new(404)).unwrap();
    all.push(rejected);
    all
}

fn encoded() -> [PreparedMessage; 2] {
    DIALECTS.map(|dialect| PreparedMessage::text(dialect, "a"))
}

#[test]
fn not_open_before_open() {
    for mut conn in waiting().into_iter().chain(opening()) {
        assert_eq!(refused(&mut conn, |c| c.send_text("a")), Refused::NotOpen);
        assert_eq!(
            refused(&mut conn, |c| c.send_text_vectored("a").map(drop)),
            Refused::NotOpen
        );
        for message in encoded() {
            assert_eq!(
                refused(&mut conn, |c| c.send_prepared(&message)),
                Refused::NotOpen
            );
        }
        let why = refused(&mut conn, |c| c.send_binary(b"a"));
        assert!(matches!(why, Refused::NotOpen | Refused::Unsupported(_)));
    }
}

/// The docs of `send_text`: not before `Event::Open`, which is not taken yet.
#[test]
fn not_open_before_open_is_taken_in_hixie_75() {
    let mut conn = accepted(DRAFT_75_HEAD);
    assert_eq!(refused(&mut conn, |c| c.send_text("a")), Refused::NotOpen);
    assert_eq!(
        refused(&mut conn, |c| c.send_text_vectored("a").map(drop)),
        Refused::NotOpen
    );
    let message = PreparedMessage::text(Dialect::Hixie75, "a");
    assert_eq!(
        refused(&mut conn, |c| c.send_prepared(&message)),
        Refused::NotOpen
    );
    let event = conn.receive(&mut &mut [][..]);
    assert!(matches!(event, Some(Event::Open(_))));
    assert_eq!(conn.send_text("a"), Ok(()));
}

#[test]
fn cl_3_closing_after_close_and_after_closed() {
    for mut conn in closing() {
        assert_eq!(refused(&mut conn, |c| c.send_text("a")), Refused::Closing);
        assert_eq!(
            refused(&mut conn, |c| c.send_text_vectored("a").map(drop)),
            Refused::Closing
        );
        for message in encoded() {
            let why = refused(&mut conn, |c| c.send_prepared(&message));
            assert!(matches!(why, Refused::Closing | Refused::Unsupported(_)));
        }
        let why = refused(&mut conn, |c| c.send_binary(b"a"));
        assert!(matches!(why, Refused::Closing | Refused::Unsupported(_)));
        assert_eq!(
            refused(&mut conn, |c| c.close(&Close::EMPTY)),
            Refused::Closing
        );
        assert_eq!(
            refused(&mut conn, |c| c.close(&Close::new(1000, "again"))),
            Refused::Closing
        );
    }
}

#[test]
fn fr_12_no_binary_in_either_draft() {
    for mut conn in every_open() {
        let dialect = conn.dialect().unwrap();
        for bytes in [&b""[..], b"a", &[0xff; 100]] {
            let why = refused(&mut conn, |c| c.send_binary(bytes));
            assert_eq!(why, Refused::Unsupported(dialect));
        }
        assert_eq!(conn.transmit(), b"");
    }
}

#[test]
fn unsupported_is_a_message_encoded_for_another_dialect() {
    for mut conn in every_open() {
        let dialect = conn.dialect().unwrap();
        for message in encoded() {
            if message.dialect() == dialect {
                conn.send_prepared(&message).unwrap();
                assert_eq!(conn.transmit(), b"\x00a\xff");
            } else {
                let why = refused(&mut conn, |c| c.send_prepared(&message));
                assert_eq!(why, Refused::Unsupported(message.dialect()));
            }
        }
    }
}

#[test]
fn full_is_more_than_max_pending() {
    let limit = 10;
    let config = config().max_send_buffer(limit);
    let full = Refused::BufferFull { limit };
    for dialect in DIALECTS {
        let mut conn = Connection::established(&config, Role::Client, dialect, [0; 32]);
        let long = "123456789";
        assert_eq!(refused(&mut conn, |c| c.send_text(long)), full);
        assert_eq!(
            refused(&mut conn, |c| c.send_text_vectored(long).map(drop)),
            full
        );
        let message = PreparedMessage::text(dialect, long);
        assert_eq!(refused(&mut conn, |c| c.send_prepared(&message)), full);
        conn.send_text("1").unwrap();
        assert_eq!(refused(&mut conn, |c| c.send_text(&long[..6])), full);
        let message = PreparedMessage::text(dialect, &long[..6]);
        assert_eq!(refused(&mut conn, |c| c.send_prepared(&message)), full);
        // Whatever its size: bytes are pending.
        assert_eq!(
            refused(&mut conn, |c| c.send_text_vectored("").map(drop)),
            full
        );
        let message = PreparedMessage::text(dialect, &long[..5]);
        conn.send_prepared(&message).unwrap();
        assert_eq!(conn.transmit().len(), limit);
    }
    let mut conn = Connection::server(&config);
    take(&mut conn, DRAFT_76_HEAD);
    assert_eq!(
        refused(&mut conn, |c| c.accept(&AcceptOptions::new())),
        full
    );
    assert_eq!(refused(&mut conn, |c| c.respond(&Response::new(404))), full);
}

#[test]
fn no_request_where_none_waits() {
    let mut all = every_open();
    all.extend(closing());
    all.extend(opening());
    all.push(accepted(DRAFT_75_HEAD));
    assert!(all.len() > 30);
    for mut conn in all {
        assert_eq!(
            refused(&mut conn, |c| c.accept(&AcceptOptions::new())),
            Refused::NoRequest
        );
        let why = refused(&mut conn, |c| c.respond(&Response::new(404)));
        assert_eq!(why, Refused::NoRequest);
        // Which is told first, where there is more to say, is open.
        refused(&mut conn, |c| c.respond(&Response::new(99)));
        refused(&mut conn, |c| {
            c.accept(&AcceptOptions::new().headers(&[("", "")]))
        });
    }
}

#[test]
fn no_request_is_one_for_a_plain_page() {
    let mut conn = server(PLAIN);
    assert_eq!(
        refused(&mut conn, |c| c.accept(&AcceptOptions::new())),
        Refused::NoRequest
    );
    conn.respond(&Response::new(200)).unwrap();

    let page = Request::from_parts("/page", [("Host", "example.com")]).unwrap();
    let upgraded = Connection::upgrade(&config(), &page, &AcceptOptions::new());
    assert_eq!(upgraded.err(), Some(Refused::NoRequest));
}

#[test]
fn unsupported_is_an_upgrade_to_a_dialect_that_is_off() {
    let request = |head: &str| {
        let fields = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        Request::from_parts("/demo", fields).unwrap()
    };
    for (head, dialect) in [(DRAFT_75_HEAD, DIALECTS[0]), (DRAFT_76_HEAD, DIALECTS[1])] {
        let only = config().dialects(Dialects::NONE.with(dialect));
        assert!(Connection::upgrade(&only, &request(head), &AcceptOptions::new()).is_ok());
        let others = config().dialects(Dialects::ALL.without(dialect));
        let upgraded = Connection::upgrade(&others, &request(head), &AcceptOptions::new());
        assert_eq!(upgraded.err(), Some(Refused::Unsupported(dialect)));
    }
}

#[test]
fn h76_13_not_offered_is_a_subprotocol_that_the_client_did_not_name() {
    let lists = ["a,b", "a b", "a, b"];
    let [head_75, head_76] = [DRAFT_75_HEAD, DRAFT_76_HEAD];
    for list in lists {
        for head in [head_75, head_76] {
            let head = edit(head, "Protocol: sample", format!("Protocol: {list}"));
            let head = std::str::from_utf8(&head).unwrap();
            for name in ["", "c", "A", "a,", " a", "b ", "ab", "a,b,c", "a\r\nX: y"] {
                let mut conn = server(head);
                let why = refused(&mut conn, |c| {
                    c.accept(&AcceptOptions::new().protocol(name))
                });
                assert_eq!(why, Refused::ProtocolNotOffered, "{name:?} of {list:?}");
            }
            for name in ["a", "b"] {
                let mut conn = server(head);
                conn.accept(&AcceptOptions::new().protocol(name)).unwrap();
                assert!(escaped(conn.transmit()).contains(&format!("Protocol: {name}\\r\\n")));
            }
        }
    }
    for head in [head_75, head_76] {
        let none = edit(head, "-Protocol: sample", "-Other: sample");
        let mut conn = server(std::str::from_utf8(&none).unwrap());
        let why = refused(&mut conn, |c| {
            c.accept(&AcceptOptions::new().protocol("sample"))
        });
        assert_eq!(why, Refused::ProtocolNotOffered);
    }
}

#[test]
fn bad_status_is_one_that_cannot_end_a_request() {
    for status in [0, 1, 99, 100, 101, 199, 600, 999, 1000, u16::MAX] {
        for head in [DRAFT_75_HEAD, DRAFT_76_HEAD, PLAIN] {
            let mut conn = server(head);
            let why = refused(&mut conn, |c| c.respond(&Response::new(status)));
            assert_eq!(why, Refused::InvalidStatus(status));
        }
    }
    for status in [200, 204, 299, 300, 404, 599] {
        let mut conn = server(PLAIN);
        conn.respond(&Response::new(status)).unwrap();
        assert_eq!(conn.closed(), Some(&Closed::Rejected(status)));
    }
}

/// Fields that would break a head.
const BROKEN: [(&str, &str); 24] = [
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

/// What the crate writes round a reply, and what has to be in none (H76-16).
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

/// In any case of letters.
fn spellings(name: &str) -> [String; 3] {
    [
        name.to_owned(),
        name.to_ascii_lowercase(),
        name.to_ascii_uppercase(),
    ]
}

#[test]
fn h76_15_h76_16_bad_header_in_accept() {
    let mut bad: Vec<(String, String)> = Vec::new();
    bad.extend(BROKEN.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for name in OURS_IN_ACCEPT {
        bad.extend(spellings(name).map(|name| (name, "x".to_owned())));
    }
    for (name, value) in &bad {
        for head in [DRAFT_75_HEAD, DRAFT_76_HEAD] {
            let field = (&name[..], &value[..]);
            for fields in [
                &[field][..],
                &[("Set-Cookie", "a"), field],
                &[field, ("X", "y")],
            ] {
                let mut conn = server(head);
                let why = refused(&mut conn, |c| {
                    c.accept(&AcceptOptions::new().headers(fields))
                });
                assert_eq!(why, Refused::InvalidHeader, "{name:?}: {value:?}");
                conn.accept(&AcceptOptions::new()).unwrap();
            }
        }
    }
    for authority in [
        "",
        "a b",
        "a\r\nX: y",
        "a/b",
        "a\0",
        "\u{e9}",
        "a:0",
        "a:0x50",
        "me@a",
    ] {
        let mut conn = server(DRAFT_76_HEAD);
        let accept = AcceptOptions::new().authority(authority);
        assert_eq!(
            refused(&mut conn, |c| c.accept(&accept)),
            Refused::InvalidHeader
        );
    }
    let request = Request::from_parts(
        "/demo",
        DRAFT_76_HEAD
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": ")),
    );
    let request = request.unwrap();
    for fields in [&[("X", "y\r\nZ: z")][..], &[("Upgrade", "x")]] {
        let accept = AcceptOptions::new().headers(fields);
        let upgraded = Connection::upgrade(&config(), &request, &accept);
        assert_eq!(upgraded.err(), Some(Refused::InvalidHeader));
    }
    let accept = AcceptOptions::new().protocol("other");
    let upgraded = Connection::upgrade(&config(), &request, &accept);
    assert_eq!(upgraded.err(), Some(Refused::ProtocolNotOffered));
}

#[test]
fn bad_header_in_respond() {
    let mut bad: Vec<(String, String)> = Vec::new();
    bad.extend(BROKEN.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for name in ["Connection", "Content-Length", "Transfer-Encoding"] {
        bad.extend(spellings(name).map(|name| (name, "x".to_owned())));
    }
    for (name, value) in &bad {
        for head in [DRAFT_75_HEAD, DRAFT_76_HEAD, PLAIN] {
            let mut conn = server(head);
            let fields = [("Location", "/other"), (&name[..], &value[..])];
            let response = Response::new(302).headers(&fields);
            let why = refused(&mut conn, |c| c.respond(&response));
            assert_eq!(why, Refused::InvalidHeader, "{name:?}: {value:?}");
        }
    }
}

#[test]
fn bad_header_in_a_target() {
    let target = || {
        ClientRequest::new("ws://example.com/demo")
            .unwrap()
            .with_dialect(Dialect::Hixie76)
    };
    for (name, value) in BROKEN {
        let error = target().with_header(name, value).err();
        assert_eq!(error, Some(Refused::InvalidHeader), "{name:?}: {value:?}");
    }
    let ours = [
        "Host",
        "Origin",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key1",
        "Sec-WebSocket-Key2",
        "Sec-WebSocket-Protocol",
        "WebSocket-Protocol",
    ];
    for name in ours.into_iter().flat_map(spellings) {
        let error = target().with_header(&name, "x").err();
        assert_eq!(error, Some(Refused::InvalidHeader), "{name:?}");
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
            Some(Refused::InvalidHeader),
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
            Some(Refused::InvalidHeader),
            "{name:?}"
        );
    }
    for value in ["a\r\nX: y", "a\n", "\0", "\u{7f}"] {
        let tunnel = ProxyTunnel::new(&config(), &target(), Some(value));
        assert_eq!(tunnel.err(), Some(Refused::InvalidHeader), "{value:?}");
    }
}

fn bad_url(url: &str) -> Option<usize> {
    match ClientRequest::new(url) {
        Ok(_) => None,
        Err(Refused::InvalidUrl { at }) => Some(at),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn bad_url_says_where() {
    for (url, at) in [
        ("", 0),
        ("example.com", 0),
        ("http://example.com/", 0),
        ("wsx://example.com/", 0),
        ("ws://", 5),
        ("ws:///demo", 5),
        ("wss://?a", 6),
        // A fragment, a space, what is beyond ASCII, a control
        ("ws://a/#f", 7),
        ("ws://a#f", 6),
        ("ws://a?b#f", 8),
        ("ws://a/b c", 8),
        ("ws://a/b?\u{e9}", 9),
        ("ws://a/b\r\nX: y", 8),
        ("ws://a/\0", 7),
        ("ws://a/\u{7f}", 7),
    ] {
        assert_eq!(bad_url(url), Some(at), "{url:?}");
    }
}

/// The docs of `BadUrl`: the first byte that cannot stand there.
#[test]
fn bad_url_says_where_in_the_host_and_the_port() {
    for (url, at) in [
        ("ws://exa mple.com/", 8..=8),
        ("ws://ex\u{e9}/", 7..=7),
        ("ws://a\r\nX: y/", 6..=6),
        ("ws://a:/", 7..=7),
        ("ws://a:x/", 7..=7),
        ("ws://a:80x/", 9..=9),
        ("wss://a:+1/", 8..=8),
        // Somewhere in the port
        ("ws://a:0/", 7..=8),
        ("ws://a:65536/", 7..=11),
        // The user name, or the byte that makes it one
        ("ws://me@example.com/", 5..=7),
    ] {
        let found = bad_url(url);
        assert!(
            found.is_some_and(|found| at.contains(&found)),
            "{url:?}: {found:?}, not {at:?}"
        );
    }
}

#[test]
fn good_urls() {
    for (url, host, port, secure) in [
        ("ws://example.com", "example.com", 80, false),
        ("WSS://Example.COM", "example.com", 443, true),
        ("ws://a:1/", "a", 1, false),
        ("ws://a:65535/x?y", "a", 65_535, false),
        ("wss://[::1]:8443?a", "[::1]", 8443, true),
        ("ws://127.0.0.1/", "127.0.0.1", 80, false),
    ] {
        let target = ClientRequest::new(url).unwrap();
        assert_eq!((target.host(), target.port()), (host, port), "{url}");
        assert_eq!(target.is_tls(), secure, "{url}");
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

fn borrowed(fields: &[Field]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (&name[..], &value[..]))
        .collect()
}

/// As httparse reads them: without the white space round a value.
fn read_back(headers: &[httparse::Header<'_>]) -> Vec<Field> {
    let each = headers.iter().map(|header| {
        let value = std::str::from_utf8(header.value).unwrap();
        (header.name.to_owned(), trimmed(value))
    });
    each.collect()
}

fn trimmed(value: &str) -> String {
    value.trim_matches([' ', '\t']).to_owned()
}

fn asked_for(fields: &[Field]) -> Vec<Field> {
    let each = fields
        .iter()
        .map(|(name, value)| (name.clone(), trimmed(value)));
    each.collect()
}

/// No reason to refuse it: it breaks nothing, and is nothing that the crate writes.
fn is_fine((name, value): &Field) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let control = |c: char| c.is_ascii_control() && c != '\t';
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
        && name.bytes().all(token)
        && !value.contains(control)
        && !ours.contains(&&lower[..])
        && !lower.contains("websocket-")
}

fn own(name: &str, value: &str) -> Field {
    (name.to_owned(), value.to_owned())
}

/// A head's first line, its fields, and what is behind it.
fn response(bytes: &[u8]) -> (u16, String, Vec<Field>, &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else {
        panic!("{}", escaped(bytes));
    };
    assert_eq!(response.version, Some(1));
    let reason = response.reason.unwrap().to_owned();
    let fields = read_back(response.headers);
    (response.code.unwrap(), reason, fields, &bytes[head..])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // H75-2, H75-3, H76-5 to H76-9, H76-15, H76-17
    #[test]
    fn an_accepted_head_has_exactly_the_lines_that_were_asked_for(
        dialect in prop::sample::select(DIALECTS.to_vec()),
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
            Dialect::Hixie75 => (DRAFT_75_HEAD, ""),
            _ => (DRAFT_76_HEAD, "Sec-"),
        };
        let fields_lent = borrowed(&fields);
        let mut accept = AcceptOptions::new().headers(&fields_lent);
        if let Some(authority) = &authority {
            accept = accept.authority(authority);
        }
        if let Some(protocol) = &protocol {
            accept = accept.protocol(protocol);
        }
        let mut conn = server(head);
        if conn.accept(&accept).is_err() {
            let why = refused(&mut server(head), |c| c.accept(&accept));
            prop_assert!(matches!(why, Refused::InvalidHeader | Refused::ProtocolNotOffered));
            let offered = protocol.is_none_or(|name| name == "sample");
            prop_assert!(authority.is_some() || !offered || !fields.iter().all(is_fine));
            return Ok(());
        }
        let (code, reason, lines, rest) = response(conn.transmit());
        prop_assert_eq!(code, 101);
        let phrase = if prefix.is_empty() { "Web Socket" } else { "WebSocket" };
        prop_assert_eq!(reason, format!("{phrase} Protocol Handshake"));
        let authority = authority.as_deref().unwrap_or("example.com");
        let mut expected = vec![
            own("Upgrade", "WebSocket"),
            own("Connection", "Upgrade"),
            own(&format!("{prefix}WebSocket-Origin"), "http://example.com"),
            own(&format!("{prefix}WebSocket-Location"), &format!("ws://{authority}/demo")),
            own(&format!("{prefix}WebSocket-Protocol"), "sample"),
        ];
        expected.extend(asked_for(&fields));
        prop_assert_eq!(lines, expected);
        prop_assert_eq!(rest, b"");
        for (name, value) in &fields {
            let line = format!("\r\n{name}: {value}\r\n");
            let found = conn.transmit().windows(line.len()).any(|w| w == line.as_bytes());
            prop_assert!(found, "{:?}", line);
        }
    }

    // PX-3
    #[test]
    fn a_response_has_exactly_the_lines_that_were_asked_for(
        status in prop_oneof![4 => 200..600_u16, 1 => any::<u16>()],
        fields in fields(),
        body in prop_oneof![
            Just(None),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        ],
    ) {
        let fields_lent = borrowed(&fields);
        let mut answer = Response::new(status).headers(&fields_lent);
        if let Some(body) = &body {
            answer = answer.body(body);
        }
        let mut conn = server(DRAFT_76_HEAD);
        if conn.respond(&answer).is_err() {
            let why = refused(&mut server(DRAFT_76_HEAD), |c| c.respond(&answer));
            if fields.iter().all(is_fine) {
                prop_assert_eq!(why, Refused::InvalidStatus(status));
            } else {
                prop_assert!([Refused::InvalidHeader, Refused::InvalidStatus(status)].contains(&why));
            }
            return Ok(());
        }
        let (code, _, mut lines, rest) = response(conn.transmit());
        prop_assert_eq!(code, status);
        let mut take = |own: Field| {
            let at = lines.iter().position(|line| *line == own);
            at.map(|at| lines.remove(at)).is_some()
        };
        prop_assert!(take(own("Connection", "close")));
        if status == 204 || status == 304 {
            prop_assert_eq!(rest, b"");
        } else {
            prop_assert!(take(own("Content-Length", &rest.len().to_string())));
            let typed = |(name, _): &Field| name.eq_ignore_ascii_case("Content-Type");
            if !fields.iter().any(typed) {
                prop_assert!(take(own("Content-Type", "text/plain")));
            }
            match &body {
                _ if status == 205 => prop_assert_eq!(rest, b""),
                Some(body) => prop_assert_eq!(rest, &body[..]),
                None => {}
            }
        }
        prop_assert_eq!(lines, asked_for(&fields));
    }

    // H75-1, H76-30 to H76-32
    #[test]
    fn a_request_has_exactly_the_lines_that_were_asked_for(
        dialect in prop::sample::select(DIALECTS.to_vec()),
        url in prop_oneof![
            4 => "wss?://[a-z0-9.-]{1,8}(:[1-9][0-9]{0,3})?([/?][!-\"$-~]{0,12})?",
            1 => "wss?://[a-z\r\n\0:@/?# ]{0,12}",
            1 => ".{0,12}",
        ],
        origin in prop_oneof![2 => Just(None), 2 => "[!-~]{1,12}".prop_map(Some), 1 => value().prop_map(Some)],
        protocol in prop_oneof![2 => Just(None), 2 => "[!-~]{1,12}".prop_map(Some), 1 => value().prop_map(Some)],
        fields in fields(),
    ) {
        let target = match ClientRequest::new(&url) {
            Ok(target) => target.with_dialect(dialect),
            Err(why) => {
                let Refused::InvalidUrl { at } = why else {
                    panic!("{why:?}");
                };
                prop_assert!(at <= url.len());
                return Ok(());
            }
        };
        let with = |target: ClientRequest| -> Result<ClientRequest, Refused> {
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
        let target = match with(target) {
            Ok(target) => target,
            Err(why) => {
                prop_assert_eq!(why, Refused::InvalidHeader);
                let set = origin.is_some() || protocol.is_some();
                prop_assert!(set || !fields.iter().all(is_fine));
                return Ok(());
            }
        };
        let conn = Connection::client(&config(), &target, [5; 32]);
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

        let rest = url.split_once("://").unwrap().1;
        let resource = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        let slash = if resource.starts_with('/') { "" } else { "/" };
        let resource = format!("{slash}{resource}");
        prop_assert_eq!(request.path, Some(&resource[..]));

        let (scheme, port) = if target.is_tls() { ("https", 443) } else { ("http", 80) };
        let mut host = target.host().to_owned();
        if target.port() != port {
            host += &format!(":{}", target.port());
        }
        let own_origin = format!("{scheme}://{host}");
        let origin = origin.as_deref().unwrap_or(&own_origin).to_ascii_lowercase();
        let mut expected = vec![
            own("Upgrade", "WebSocket"),
            own("Connection", "Upgrade"),
            own("Host", &host),
            own("Origin", &origin),
        ];
        if let Some(protocol) = &protocol {
            expected.push(own(&format!("{prefix}WebSocket-Protocol"), protocol));
        }
        expected.extend(asked_for(&fields));
        let mut lines = read_back(request.headers);
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

/// What `Debug` prints ends up in logs: no cookie, no token, no key.
#[test]
fn debug_shows_no_secrets() {
    let fields = [("Set-Cookie", "SECRET"), ("Authorization", "SECRET")];
    let accept = AcceptOptions::new().headers(&fields);
    let response = Response::new(200).headers(&fields).body(b"SECRET");
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let target = target.with_header("Cookie", "SECRET").unwrap();
    let client = Connection::client(&config(), &target, [1; 32]);
    let request = Request::from_parts(
        "/demo",
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
    let (server, upgrade) = Connection::upgrade(&config(), &request, &accept).unwrap();
    let shown =
        format!("{accept:?} {response:?} {target:?} {client:?} {request:?} {server:?} {upgrade:?}");
    for secret in [
        "SECRET",
        "dGhlIHNhbXBsZSBub25jZQ==",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

/// Nor what is held of a conversation: part of a ping, one not yet answered, what keys stand for.
#[test]
fn debug_shows_nothing_that_is_held() {
    let config = config().high_water(0);
    let check = |conn: &Connection, held: &[u8]| {
        let (shown, numbers) = (format!("{conn:?}"), format!("{held:?}"));
        assert!(!shown.contains(numbers.trim_matches(['[', ']'])), "{shown}");
    };
    let server = || Connection::established(&config, Role::Server, Dialect::Rfc6455, [0; 32]);
    let ping = b"\x89\x83\0\0\0\0\x21\x22\x23";
    let mut part = server();
    take(&mut part, &ping[..8]);
    check(&part, &ping[6..8]);
    let mut unanswered = server();
    unanswered.send_text("a").unwrap();
    take(&mut unanswered, ping);
    check(&unanswered, &ping[6..]);

    // The draft's own example.
    let mut server = Connection::server(&config);
    take(
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
    let shown = format!("{server:?}");
    assert!(
        !shown.contains("829309203") && !shown.contains("259970620"),
        "{shown}"
    );

    // The answer that is expected is another.
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let target = target.with_dialect(Dialect::Hixie76);
    let client = |entropy| {
        let mut conn = Connection::client(&config, &target, entropy);
        conn.advance(conn.transmit().len());
        format!("{conn:?}")
    };
    assert_eq!(client([1; 32]), client([2; 32]));
}
