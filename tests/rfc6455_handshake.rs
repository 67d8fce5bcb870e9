//! The opening handshake of HyBi-7, HyBi-8 and RFC 6455, byte for byte, from both ends.

mod common;

use common::rfc::{
    HEAD, HYBI, REPLY, TEXT, at_every_split, at_every_split_then_eof, binary, eof, every_end,
    frame, protocol_error, text,
};
use common::*;
use data_encoding::BASE64;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Event,
    HeaderErrorKind, LineErrorKind, Phase, ProtocolError, Refused, Request, Response, Role,
};
use proptest::prelude::*;
use sha1::{Digest, Sha1};

use Dialect::{Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455};
use HeaderErrorKind::{Duplicate, Invalid, Mismatch, Missing, NotRequested};

const ORIGIN: &str = "Origin: http://example.com\r\n";
const PROTOCOL: &str = "Sec-WebSocket-Protocol: chat, superchat\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const HOST: &str = "Host: server.example.com\r\n";

fn server(config: Config) -> impl Fn() -> Connection {
    move || Connection::server(&config)
}

fn version(dialect: Dialect) -> &'static str {
    match dialect {
        HyBi7 => "7",
        HyBi8 => "8",
        Rfc6455 => "13",
        _ => panic!("{dialect} has no number"),
    }
}

/// The RFC's request in that version.
fn head(dialect: Dialect) -> Vec<u8> {
    let field = format!("Sec-WebSocket-Version: {}\r\n", version(dialect));
    edit(HEAD, VERSION, field)
}

fn header(name: &'static str, at: u32, kind: HeaderErrorKind) -> ProtocolError {
    ProtocolError::InvalidHeader { name, at, kind }
}

// The server's side.

/// The request opens, with exactly this reply, at every cut.
#[track_caller]
fn opens(head: impl AsRef<[u8]>, dialect: Dialect, reply: impl AsRef<[u8]>) {
    let transcript = at_every_split(server(Config::new()), head.as_ref());
    let resource = "/chat".to_owned();
    assert_eq!(
        transcript.events,
        [
            Observed::Request(Some(dialect), resource),
            Observed::Open(dialect)
        ],
        "{}",
        escaped(head)
    );
    assert_eq!(escaped(transcript.sent), escaped(reply));
}

/// The request gives this error and this answer, at every cut, and nothing more comes of more.
#[track_caller]
fn refused(head: impl AsRef<[u8]>, error: ProtocolError, status: u16) {
    let head = head.as_ref();
    let transcript = at_every_split(server(Config::new()), head);
    assert_eq!(
        transcript.events,
        [protocol_error(error)],
        "{}",
        escaped(head)
    );
    assert_eq!(
        escaped(&transcript.sent),
        escaped(refusal(status, VERSIONS))
    );
    assert_eq!(error.status(), Some(status));

    // RFC-7.1.7-1, RFC-7.1.7-2, RFC-7.2.2-1
    let mut server = Driver::new(Connection::server(&Config::new()));
    server.feed(head);
    server.transcript = Transcript::default();
    server.feed(HEAD.as_bytes());
    server.feed(&frame(Role::Client, TEXT, "Hello"));
    server.eof();
    assert_eq!(
        server.transcript,
        Transcript::default(),
        "{}, and more",
        escaped(head)
    );
    assert!(server.conn.is_done());
}

/// The RFC's request with an edit is refused for the field `name`, which stands where `to` does;
/// at the end of the head if `to` is empty.
#[track_caller]
fn refused_field(from: &str, to: &str, name: &'static str, kind: HeaderErrorKind, status: u16) {
    let edited = edit(HEAD, from, to);
    let place = match kind {
        Missing => edited.len() as u32,
        // The second one.
        Duplicate => at(HEAD, from) + to.find("\r\n").unwrap() as u32 + 2,
        _ => at(HEAD, from),
    };
    refused(edited, header(name, place, kind), status);
}

/// HY-1, HY-2, RFC-4.2.2-5: the RFC's request in each version; RFC-4.2.2-3: none of its
/// subprotocols is chosen, so none is named.
#[test]
fn hy_1_hy_2_the_opening_of_the_rfc_in_each_version() {
    for dialect in HYBI {
        opens(head(dialect), dialect, REPLY);
    }
}

#[test]
fn hy_2_frames_right_behind_the_request() {
    for dialect in HYBI {
        let hello = frame(Role::Client, TEXT, "Hello");
        let transcript = at_every_split(
            server(Config::new()),
            &[head(dialect), hello.clone(), hello].concat(),
        );
        assert_eq!(
            transcript.events[1..],
            [Observed::Open(dialect), text("Hello"), text("Hello")]
        );
        assert_eq!(escaped(transcript.sent), escaped(REPLY));
    }
}

/// RFC-4.2.1-1, RFC-4.2.1-2, RFC-4.2.1-3, RFC-4.2.1-4, RFC-4.2.1-5, RFC-4.2.1-6: the order of fields is
/// free, names are in any case, and so are some values.
#[test]
fn hy_10_requests_that_differ_and_open() {
    for (from, to) in [
        (UPGRADE, "Upgrade: WebSocket\r\n"),
        (UPGRADE, "upgrade: WEBSOCKET\r\n"),
        (CONNECTION, "Connection: keep-alive, Upgrade\r\n"),
        (CONNECTION, "connection:upgrade\r\n"),
        (
            CONNECTION,
            "Connection: keep-alive\r\nConnection: UPGRADE\r\n",
        ),
        (CONNECTION, "Connection:  Upgrade ,HTTP2-Settings\r\n"),
        (HOST, "hOST: SERVER.example.com:8080\r\n"),
        (HOST, "Host: [::1]:443\r\n"),
        (KEY, "sec-websocket-KEY:dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        (KEY, "Sec-WebSocket-Key: \t dGhlIHNhbXBsZSBub25jZQ== \t\r\n"),
        (VERSION, "SEC-WEBSOCKET-VERSION:  13 \r\n"),
        (ORIGIN, ""),
        (ORIGIN, "Origin: null\r\n"),
        (PROTOCOL, ""),
        (
            PROTOCOL,
            "Cookie: a=b; c=\"d\"\r\nX-Empty:\r\nX-Bytes: \u{e9}\r\n",
        ),
        (PROTOCOL, "Content-Length: 0\r\n"),
        (PROTOCOL, "Authorization: Basic Zm9vOmJhcg==\r\n"),
        // Section 2: the version wins over the keys of Hixie-76.
        (
            PROTOCOL,
            "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
             Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n",
        ),
    ] {
        opens(edit(HEAD, from, to), Rfc6455, REPLY);
    }
    let mut lines: Vec<&str> = HEAD
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .collect();
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        let turned = format!("GET /chat HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
        opens(turned, Rfc6455, REPLY);
    }
}

/// RFC-4.2.1-1
#[test]
fn a_request_line_that_is_not_of_http_1_1() {
    let version = |at| ProtocolError::UnsupportedHttpVersion { at };
    let malformed = |at| ProtocolError::InvalidStartLine { at };
    for (line, error, status) in [
        ("POST /chat HTTP/1.1", ProtocolError::UnsupportedMethod, 405),
        ("HEAD /chat HTTP/1.1", ProtocolError::UnsupportedMethod, 405),
        ("get /chat HTTP/1.1", ProtocolError::UnsupportedMethod, 405),
        ("GET /chat HTTP/1.0", version(10), 505),
        ("GET /chat HTTP/2.0", version(10), 505),
        ("GET /chat", malformed(9), 400),
        ("GET chat HTTP/1.1", malformed(4), 400),
        ("GET  /chat HTTP/1.1", malformed(4), 400),
        ("GET /ch\u{e4}t HTTP/1.1", malformed(7), 400),
        ("GET /chat#top HTTP/1.1", malformed(9), 400),
        ("GET /chat XTTP/1.1", malformed(10), 400),
    ] {
        refused(edit(HEAD, "GET /chat HTTP/1.1", line), error, status);
    }
}

/// RFC-4.2.1-2, RFC-4.2.1-3, RFC-4.2.1-4
#[test]
fn host_upgrade_and_connection() {
    refused_field(HOST, "", "Host", Missing, 400);
    refused_field(HOST, "Host:\r\n", "Host", Invalid, 400);
    refused_field(HOST, "Host: a b\r\n", "Host", Invalid, 400);
    refused_field(HOST, "Host: server.example.com:0\r\n", "Host", Invalid, 400);
    refused_field(HOST, "Host: a/b\r\n", "Host", Invalid, 400);
    refused_field(HOST, "Host: a\r\nHost: a\r\n", "Host", Duplicate, 400);
    let no_upgrade = edit(HEAD, UPGRADE, "");
    refused(no_upgrade, ProtocolError::NotWebSocket, 426);
    refused_field(UPGRADE, "Upgrade: h2c\r\n", "Upgrade", Invalid, 426);
    refused_field(UPGRADE, "Upgrade:\r\n", "Upgrade", Invalid, 426);
    refused_field(UPGRADE, "Upgrade: websockets\r\n", "Upgrade", Invalid, 426);
    let twice = "Upgrade: websocket\r\nUpgrade: websocket\r\n";
    refused_field(UPGRADE, twice, "Upgrade", Duplicate, 400);
    refused_field(CONNECTION, "", "Connection", Missing, 400);
    for other in ["close", "keep-alive", "Upgraded", "", "\"Upgrade\""] {
        let field = format!("Connection: {other}\r\n");
        refused_field(CONNECTION, &field, "Connection", Invalid, 400);
    }
}

/// RFC-4.2.1-7: lines that are no fields.
#[test]
fn lines_that_are_no_fields() {
    let line = |at, kind| ProtocolError::InvalidLine { at, kind };
    let place = at(HEAD, ORIGIN);
    for (to, offset, kind) in [
        (" Origin: http://example.com\r\n", 0, LineErrorKind::ObsFold),
        ("Origin : http://example.com\r\n", 6, LineErrorKind::Name),
        (": http://example.com\r\n", 0, LineErrorKind::Name),
        ("Origin: http://example.com\n", 26, LineErrorKind::BareLf),
        ("Origin: http://exam\0ple.com\r\n", 19, LineErrorKind::Value),
        (
            "Origin: http://exam\rple.com\r\n",
            19,
            LineErrorKind::BareCr,
        ),
    ] {
        refused(edit(HEAD, ORIGIN, to), line(place + offset, kind), 400);
    }
}

/// A GET whose body would be taken for frames.
#[test]
fn hy_10_a_request_with_a_body() {
    for length in ["5", "8", "-1", "0, 0", "+0", "00"] {
        let field = format!("Content-Length: {length}\r\n");
        refused_field(PROTOCOL, &field, "Content-Length", Invalid, 400);
    }
    for coding in ["chunked", "identity", ""] {
        let field = format!("Transfer-Encoding: {coding}\r\n");
        refused_field(PROTOCOL, &field, "Transfer-Encoding", Invalid, 400);
    }
}

// Versions.

/// RFC-4.2.2-1, RFC-4.4-1
#[test]
fn hy_1_hy_9_any_other_version_is_told_those_that_are_spoken() {
    for other in [
        "0", "1", "2", "3", "4", "5", "6", "9", "10", "11", "12", "14", "25", "255", "256", "013",
        "07", "+13", "-13", "13.0", "0x0d", "1 3", "13, 8", "13;", "\"13\"", "x", "",
    ] {
        let field = format!("Sec-WebSocket-Version: {other}\r\n");
        refused_field(VERSION, &field, "Sec-WebSocket-Version", Invalid, 426);
    }
    // Told before anything of it is looked at that could be otherwise in that version.
    let future = edit(HEAD, VERSION, "Sec-WebSocket-Version: 14\r\n");
    let place = at(HEAD, VERSION) - KEY.len() as u32 + 7;
    refused(
        edit(future, KEY, "Key: 1\r\n"),
        header("Sec-WebSocket-Version", place + 1, Invalid),
        426,
    );
}

/// RFC-4.4-1: the versions that are switched on and no other, the newest first.
#[test]
fn hy_9_the_versions_listed_are_those_switched_on() {
    for subset in 0..8_usize {
        let on = |i: usize| subset >> i & 1 == 1;
        let mut dialects = Dialects::NONE.with(Hixie75).with(Hixie76);
        let mut list = Vec::new();
        for (i, dialect) in HYBI.into_iter().enumerate() {
            if on(i) {
                dialects = dialects.with(dialect);
                list.insert(0, version(dialect));
            }
        }
        let list = list.join(", ");
        let config = Config::new().dialects(dialects);

        let unknown = edit(HEAD, VERSION, "Sec-WebSocket-Version: 25\r\n");
        let transcript = at_every_split(server(config), &unknown);
        let place = at(HEAD, VERSION);
        let error = header("Sec-WebSocket-Version", place, Invalid);
        assert_eq!(transcript.events, [protocol_error(error)]);
        assert_eq!(
            escaped(transcript.sent),
            escaped(refusal(426, &list)),
            "{dialects:?}"
        );

        for (i, dialect) in HYBI.into_iter().enumerate() {
            let transcript = at_every_split(server(config), &head(dialect));
            if on(i) {
                assert_eq!(transcript.events[1], Observed::Open(dialect));
                continue;
            }
            let error = ProtocolError::DialectNotEnabled(dialect);
            assert_eq!(transcript.events, [protocol_error(error)]);
            assert_eq!(
                escaped(transcript.sent),
                escaped(refusal(426, &list)),
                "{dialects:?}"
            );
            assert_eq!(error.status(), Some(426));
        }
    }
}

/// RFC-4.2.1-6, RFC-11.3-1
#[test]
fn hy_9_no_version_and_two() {
    refused_field(VERSION, "", "Sec-WebSocket-Version", Missing, 400);
    for second in ["13", "8"] {
        let twice = format!("{VERSION}Sec-WebSocket-Version: {second}\r\n");
        refused_field(VERSION, &twice, "Sec-WebSocket-Version", Duplicate, 400);
    }
}

// Keys.

/// RFC-4.2.1-5, RFC-11.3-1
#[test]
fn hy_2_a_key_that_is_not_16_bytes() {
    refused_field(KEY, "", "Sec-WebSocket-Key", Missing, 400);
    let twice = format!("{KEY}{KEY}");
    refused_field(KEY, &twice, "Sec-WebSocket-Key", Duplicate, 400);
    for key in [
        "",
        "=",
        "====",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZWE=",      // 17 bytes
        "dGhlIHNhbXBsZSBub25j",          // 15
        "dGhlIHNhbXBsZSBub25jZWFh",      // 18
        "dGhlIHNhbXBsZSBub25jZR==",      // bits that code nothing are set
        "AQIDBAUGBwgJCgsMDQ4PEC==",      // so they are in the RFC's own text
        "dGhlIHNhbXBsZSBub25_ZQ==",      // base64url
        "dGhlIHNhbXBs ZSBub25jZQ==",     // a space
        "dGhlIHNhbXBsZSBub25jZ\u{e9}==", // no ASCII
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let field = format!("Sec-WebSocket-Key: {key}\r\n");
        refused_field(KEY, &field, "Sec-WebSocket-Key", Invalid, 400);
    }
}

#[test]
fn hy_2_accept_values() {
    for (key, accept) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ("AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="),
    ] {
        for dialect in HYBI {
            let head = edit(head(dialect), "dGhlIHNhbXBsZSBub25jZQ==", key);
            opens(
                head,
                dialect,
                edit(REPLY, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept),
            );
        }
    }
}

fn accept_value(key: &str) -> String {
    let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    BASE64.encode(&Sha1::digest([key, guid].concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // RFC-4.2.2-5
    #[test]
    fn hy_2_any_16_bytes_are_a_key(bytes: [u8; 16]) {
        let key = BASE64.encode(&bytes);
        let head = edit(HEAD, "dGhlIHNhbXBsZSBub25jZQ==", &key);
        let transcript = run(Connection::server(&Config::new()), &head, &[], false);
        let reply = edit(REPLY, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept_value(&key));
        prop_assert_eq!(escaped(transcript.sent), escaped(reply));
    }
}

// Origins.

fn request(head: &[u8]) -> Request {
    let mut bytes = head.to_vec();
    let mut conn = Connection::server(&Config::new());
    match conn.receive(&mut &mut bytes[..]) {
        Some(Event::Request(request)) => request,
        other => panic!("{other:?} of {}", escaped(head)),
    }
}

#[test]
fn hy_3_where_the_origin_is_read() {
    let (new, old) = (
        "Origin: http://new\r\n",
        "Sec-WebSocket-Origin: http://old\r\n",
    );
    let both = format!("{new}{old}");
    let (is_new, is_old) = (Some("http://new"), Some("http://old"));
    for (fields, in_drafts, in_13) in [
        ("", None, None),
        (new, is_new, is_new),
        (old, is_old, None),
        (both.as_str(), is_old, is_new),
    ] {
        for dialect in HYBI {
            let expected = if dialect == Rfc6455 { in_13 } else { in_drafts };
            let head = edit(head(dialect), ORIGIN, fields);
            assert_eq!(request(&head).origin(), expected, "{dialect}: {fields}");
            opens(head, dialect, REPLY);
        }
    }
    let allowed = request(&edit(HEAD, ORIGIN, "Origin: HTTPS://Example.com\r\n"));
    assert!(allowed.origin_among(&["https://example.com"]));
    assert!(!allowed.origin_among(&["https://example.org"]));
}

#[test]
fn hy_3_an_origin_that_is_no_visible_ascii_or_there_twice() {
    for value in ["", "http://a b", "http://\u{e9}", "http://a\tb"] {
        let field = format!("Origin: {value}\r\n");
        refused_field(ORIGIN, &field, "Origin", Invalid, 400);
        let field = format!("Sec-WebSocket-Origin: {value}\r\n");
        refused_field(ORIGIN, &field, "Sec-WebSocket-Origin", Invalid, 400);
    }
    let twice = format!("{ORIGIN}{ORIGIN}");
    refused_field(ORIGIN, &twice, "Origin", Duplicate, 400);
    let twice = "Sec-WebSocket-Origin: http://a\r\n".repeat(2);
    refused_field(ORIGIN, &twice, "Sec-WebSocket-Origin", Duplicate, 400);
}

// Subprotocols.

/// What a server that accepts so sends.
fn accepted(head: &[u8], accept: AcceptOptions<'_>) -> Vec<u8> {
    let server = Connection::server(&Config::new());
    let mut server = Driver::answering(server, |conn, _| conn.accept(&accept).unwrap());
    server.feed(head);
    server.sent()
}

/// RFC-4.2.2-2, RFC-4.2.2-3, RFC-11.3-2
#[test]
fn hy_4_one_of_the_subprotocols_offered_or_none() {
    let offers = [
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
        "Sec-WebSocket-Protocol: chat,superchat\r\n",
        "sec-websocket-protocol:  chat ,  superchat  \r\n",
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n",
    ];
    for (offer, dialect) in offers.iter().flat_map(|offer| HYBI.map(|d| (offer, d))) {
        let head = edit(head(dialect), PROTOCOL, offer);
        let request = request(&head);
        let offered: Vec<&str> = request.protocols().collect();
        assert_eq!(offered, ["chat", "superchat"], "{offer}");
        for name in offered {
            let field = format!("xOo=\r\nSec-WebSocket-Protocol: {name}\r\n");
            let reply = edit(REPLY, "xOo=\r\n", field);
            let sent = accepted(&head, AcceptOptions::new().protocol(name));
            assert_eq!(escaped(sent), escaped(reply));
        }
        assert_eq!(
            escaped(accepted(&head, AcceptOptions::new())),
            escaped(REPLY)
        );
    }
    let any = "!#$%&'*+-.^_`|~09azAZ";
    let head = edit(HEAD, "superchat", any);
    assert_eq!(request(&head).protocols().last(), Some(any));
    opens(head, Rfc6455, REPLY);
}

/// RFC-4.2.2-2: white space round a member is no part of it, and none itself.
#[test]
fn hy_4_tabs_between_the_subprotocols_offered() {
    let offer = "Sec-WebSocket-Protocol:\tchat\t,\t \tsuperchat \t\r\n";
    let request = request(&edit(HEAD, PROTOCOL, offer));
    let offered: Vec<&str> = request.protocols().collect();
    assert_eq!(offered, ["chat", "superchat"]);
}

/// RFC-4.2.2-2
#[test]
fn hy_4_no_other_subprotocol_can_be_chosen() {
    let waiting = |head: &[u8]| {
        let mut conn = Connection::server(&Config::new());
        let mut bytes = head.to_vec();
        assert!(conn.receive(&mut &mut bytes[..]).is_some());
        conn
    };
    for name in [
        "",
        "Chat",
        "chat, superchat",
        "chat,superchat",
        "other",
        " chat",
        "c",
    ] {
        let mut conn = waiting(HEAD.as_bytes());
        let before = format!("{conn:?}");
        let refused = conn.accept(&AcceptOptions::new().protocol(name));
        assert_eq!(refused, Err(Refused::ProtocolNotOffered), "{name}");
        assert_eq!(format!("{conn:?}"), before);
        assert_eq!(conn.accept(&AcceptOptions::new().protocol("chat")), Ok(()));
    }
    let mut conn = waiting(&edit(HEAD, PROTOCOL, ""));
    let refused = conn.accept(&AcceptOptions::new().protocol("chat"));
    assert_eq!(refused, Err(Refused::ProtocolNotOffered));
}

/// RFC-4.2.1-7
#[test]
fn hy_4_an_offer_of_subprotocols_that_is_no_list_of_tokens() {
    for list in [
        "",
        ",",
        "chat,",
        ",chat",
        "chat,,superchat",
        "chat superchat",
        "chat;superchat",
        "ch/at",
        "\"chat\"",
        "chat, \u{e9}",
        "(chat)",
        "chat=1",
        "a@b",
        "chat\tsuperchat",
    ] {
        let field = format!("Sec-WebSocket-Protocol: {list}\r\n");
        refused_field(PROTOCOL, &field, "Sec-WebSocket-Protocol", Invalid, 400);
    }
    let second = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: a b\r\n";
    let place = at(HEAD, PROTOCOL) + 30;
    let error = header("Sec-WebSocket-Protocol", place, Invalid);
    refused(edit(HEAD, PROTOCOL, second), error, 400);
}

// Extensions.

/// RFC-4.2.2-4, RFC-5.8-1, RFC-9-1: whatever is offered, none is accepted.
#[test]
fn hy_4_extensions_are_not_accepted() {
    for offer in [
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15; \
         server_no_context_takeover, permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n",
        "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar; baz=2\r\n",
        "Sec-WebSocket-Extensions: foo; a=\"b\";c = d , bar\r\n",
        "sec-websocket-extensions:deflate-stream\r\n",
    ] {
        for dialect in HYBI {
            opens(edit(head(dialect), PROTOCOL, offer), dialect, REPLY);
        }
    }
}

/// RFC-4.2.2-4: nor can the application name one.
#[test]
fn hy_4_the_application_can_name_no_extension_either() {
    let mut conn = Connection::server(&Config::new());
    let mut bytes = HEAD.as_bytes().to_vec();
    assert!(conn.receive(&mut &mut bytes[..]).is_some());
    let before = format!("{conn:?}");
    for name in [
        "Sec-WebSocket-Extensions",
        "sec-websocket-extensions",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Protocol",
        "Upgrade",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let fields = [(name, "permessage-deflate")];
        let refused = conn.accept(&AcceptOptions::new().headers(&fields));
        assert_eq!(refused, Err(Refused::InvalidHeader), "{name}");
        assert_eq!(format!("{conn:?}"), before);
    }
    let fields = [("Set-Cookie", "seen=1"), ("Server", "x")];
    conn.accept(&AcceptOptions::new().headers(&fields)).unwrap();
    let reply = edit(
        REPLY,
        "xOo=\r\n",
        "xOo=\r\nSet-Cookie: seen=1\r\nServer: x\r\n",
    );
    assert_eq!(escaped(conn.transmit()), escaped(reply));
}

/// RFC-9.1-1
#[test]
fn an_offer_of_extensions_that_is_not_of_its_grammar() {
    for list in [
        "",
        ",",
        ";",
        "a b",
        "a;",
        "a; =b",
        "a; b=",
        "a; b=\"",
        "a; b=\"c d\"",
        "a=b",
        "(a)",
    ] {
        let field = format!("Sec-WebSocket-Extensions: {list}\r\n");
        refused_field(PROTOCOL, &field, "Sec-WebSocket-Extensions", Invalid, 400);
    }
}

// The application's answer, and none.

#[test]
fn the_application_may_refuse() {
    let refuse = |conn: &mut Connection, _: &Request| {
        conn.respond(&Response::new(403)).unwrap();
    };
    let conn = Connection::server(&Config::new());
    let mut server = Driver::answering(conn, refuse);
    server.feed(&[HEAD.as_bytes(), &frame(Role::Client, TEXT, "Hello")].concat());
    assert_eq!(
        server.events(),
        [
            Observed::Request(Some(Rfc6455), "/chat".into()),
            Observed::Closed(Closed::Rejected(403)),
        ]
    );
    assert_eq!(
        escaped(server.sent()),
        escaped(
            "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: 14\r\n\r\n403 Forbidden\n"
        )
    );
    assert!(server.conn.is_done());
}

/// RFC-7.2.2-1
#[test]
fn an_end_of_file_in_the_request() {
    for cut in 0..HEAD.len() {
        let transcript = run(
            Connection::server(&Config::new()),
            &HEAD.as_bytes()[..cut],
            &[],
            true,
        );
        assert_eq!(transcript.events, [eof(Phase::Handshaking)], "cut at {cut}");
        assert_eq!(escaped(transcript.sent), "");
    }
}

#[test]
fn hy_2_a_request_that_a_library_has_read() {
    let fields = |head: &str| -> Vec<(String, String)> {
        let lines = head.lines().skip(1);
        let split = lines.filter_map(|line| line.split_once(": "));
        split
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    for dialect in HYBI {
        let head = String::from_utf8(head(dialect)).unwrap();
        let request = Request::from_parts("/chat", fields(&head)).unwrap();
        assert_eq!(request.dialect(), Some(dialect));
        let accept = AcceptOptions::new().protocol("chat");
        let (mut conn, upgrade) = Connection::upgrade(&Config::new(), &request, &accept).unwrap();
        let protocol = "xOo=\r\nSec-WebSocket-Protocol: chat\r\n";
        assert_eq!(
            escaped(upgrade.as_bytes()),
            escaped(edit(REPLY, "xOo=\r\n", protocol))
        );
        assert_eq!(
            (upgrade.status(), upgrade.reason()),
            (101, "Switching Protocols")
        );
        let mut behind = frame(Role::Client, TEXT, "Hello");
        let mut input = &mut behind[..];
        assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
        assert!(matches!(conn.receive(&mut input), Some(Event::Text(_))));

        let off = Config::new().dialects(Dialects::ALL.without(dialect));
        let refused = Connection::upgrade(&off, &request, &AcceptOptions::new()).err();
        assert_eq!(refused, Some(Refused::Unsupported(dialect)));
    }
    let bad = Request::from_parts("/chat", fields(&HEAD.replace("ZQ==", "ZR==")));
    assert_eq!(
        bad.err(),
        Some(header("Sec-WebSocket-Key", at(HEAD, KEY), Invalid))
    );
}

// The client's side.

fn target(dialect: Dialect) -> ClientRequest {
    let target = ClientRequest::new("ws://server.example.com/chat").unwrap();
    let target = target.with_dialect(dialect).with_protocol("chat").unwrap();
    target.with_protocol("superchat").unwrap()
}

fn client(target: &ClientRequest) -> Connection {
    Connection::client(&Config::new(), target, [9; 32])
}

fn sent_by(target: &ClientRequest) -> String {
    String::from_utf8(client(target).transmit().to_vec()).unwrap()
}

/// The key in a request.
fn key_of(request: &str) -> &str {
    let (_, rest) = request.split_once("Sec-WebSocket-Key: ").unwrap();
    rest.split_once("\r\n").unwrap().0
}

/// RFC-4.1-2, RFC-4.1-3, RFC-4.1-4, RFC-4.1-5, RFC-4.1-6, RFC-4.1-7, RFC-4.1-8, RFC-11.3-1
#[test]
fn hy_1_hy_3_hy_4_the_whole_request() {
    for dialect in HYBI {
        let target = target(dialect).with_origin("HTTP://Example.com").unwrap();
        let target = target.with_header("Cookie", "a=b").unwrap();
        let request = sent_by(&target);
        let origin = match dialect {
            Rfc6455 => "Origin",
            _ => "Sec-WebSocket-Origin",
        };
        let (key, version) = (key_of(&request), version(dialect));
        assert_eq!(
            request,
            format!(
                "GET /chat HTTP/1.1\r\n\
                 Upgrade: websocket\r\n\
                 Connection: Upgrade\r\n\
                 Host: server.example.com\r\n\
                 {origin}: http://example.com\r\n\
                 Sec-WebSocket-Protocol: chat, superchat\r\n\
                 Cookie: a=b\r\n\
                 Sec-WebSocket-Version: {version}\r\n\
                 Sec-WebSocket-Key: {key}\r\n\r\n"
            )
        );
        assert_eq!(BASE64.decode(key.as_bytes()).unwrap().len(), 16);
        assert_eq!(request.matches("Sec-WebSocket-Key").count(), 1);
    }
    // Rfc6455 is the default; no origin and no subprotocol unless they are given.
    let plain = sent_by(&ClientRequest::new("ws://server.example.com/chat").unwrap());
    let key = key_of(&plain);
    assert_eq!(
        plain,
        format!(
            "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Host: server.example.com\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {key}\r\n\r\n"
        )
    );
}

/// RFC-3-1, RFC-4.1-3, RFC-4.1-4
#[test]
fn the_target_and_the_host_of_the_request() {
    for (url, resource, host) in [
        ("ws://example.com", "/", "example.com"),
        ("ws://example.com/", "/", "example.com"),
        ("ws://example.com?", "/?", "example.com"),
        ("ws://example.com?a=1", "/?a=1", "example.com"),
        ("WS://EXAMPLE.com:80/A?b=%23", "/A?b=%23", "example.com"),
        ("ws://example.com:443/", "/", "example.com:443"),
        ("wss://example.com:443/", "/", "example.com"),
        ("Wss://example.com:80/x/../y", "/x/../y", "example.com:80"),
        ("ws://[::1]:8080/", "/", "[::1]:8080"),
        ("ws://127.0.0.1/", "/", "127.0.0.1"),
    ] {
        let request = sent_by(&ClientRequest::new(url).unwrap());
        assert!(
            request.starts_with(&format!("GET {resource} HTTP/1.1\r\n")),
            "{url}: {request}"
        );
        assert!(
            request.contains(&format!("\r\nHost: {host}\r\n")),
            "{url}: {request}"
        );
    }
}

/// RFC-3-1, RFC-4.1-1
#[test]
fn a_url_of_no_server() {
    for (url, at) in [
        ("", 0),
        ("example.com", 0),
        ("http://example.com/", 0),
        ("wsx://example.com/", 0),
        ("ws:///chat", 5),
        ("ws://:80/", 5),
        ("ws://:x/", 5),
        ("ws://user@example.com/", 9),
        ("ws://example.com:0/", 17),
        ("ws://example.com:65536/", 17),
        ("ws://example.com:0x50/", 18),
        ("ws://[::1/", 9),
        ("ws://[]/", 6),
        ("ws://exam ple.com/", 9),
        ("ws://ex\u{e4}mple.com/", 7),
        ("ws://example.com/chat#top", 21),
        ("ws://example.com#top", 16),
        ("ws://example.com/a b", 18),
        ("ws://example.com/\u{e4}", 17),
        ("ws://example.com/\r\nHost:", 17),
    ] {
        assert_eq!(
            ClientRequest::new(url).err(),
            Some(Refused::InvalidUrl { at }),
            "{url}"
        );
    }
}

/// RFC-4.1-1: what stands in brackets is an IPv6 address.
#[test]
fn a_url_of_no_address() {
    for address in [
        "[:]",
        "[::::]",
        "[1.2.3.4]",
        "[12345::]",
        "[1:2:3]",
        "[.]",
        "[a]",
    ] {
        let url = format!("ws://{address}/");
        let refused = ClientRequest::new(&url).err();
        assert_eq!(refused, Some(Refused::InvalidUrl { at: 6 }), "{url}");
    }
}

/// RFC-4.1-9
#[test]
fn hy_4_subprotocols_asked_for_are_tokens_and_unique() {
    let target = || {
        ClientRequest::new("ws://example.com/")
            .unwrap()
            .with_protocol("chat")
            .unwrap()
    };
    for name in [
        "", "chat", "a b", "a,b", "a;b", "\u{e9}", "a\r\nb", "a\0", "(a)", "a/b",
    ] {
        assert_eq!(
            target().with_protocol(name).err(),
            Some(Refused::InvalidHeader),
            "{name:?}"
        );
    }
    for (name, value) in [
        ("Sec-WebSocket-Key", "x"),
        ("sec-websocket-version", "13"),
        ("Sec-WebSocket-Protocol", "x"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Host", "x"),
        ("Origin", "x"),
        ("Upgrade", "x"),
        ("Connection", "x"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("X", "a\r\nb"),
        ("X:", "a"),
        ("", "a"),
    ] {
        assert_eq!(
            target().with_header(name, value).err(),
            Some(Refused::InvalidHeader),
            "{name:?}"
        );
    }
}

/// RFC-4.1-7
#[test]
fn hy_2_another_key_for_each_connection() {
    let target = target(Rfc6455);
    let keys = (0..=255_u8).map(|seed| {
        let conn = Connection::client(&Config::new(), &target, [seed; 32]);
        key_of(std::str::from_utf8(conn.transmit()).unwrap()).to_owned()
    });
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 256);
}

/// The reply to that client's request, as the RFC's server gives it, with `chat` chosen.
fn reply_to(target: &ClientRequest) -> Vec<u8> {
    let request = sent_by(target);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: chat\r\n\r\n",
        accept_value(key_of(&request))
    )
    .into_bytes()
}

/// RFC-4.1-10: until the reply was found good, nothing is sent but the request.
#[test]
fn nothing_behind_the_request_before_the_reply() {
    for dialect in HYBI {
        let target = target(dialect);
        let reply = reply_to(&target);
        for cut in 0..reply.len() {
            let mut client = Driver::new(client(&target));
            let request = client.conn.transmit().to_vec();
            client.feed(&reply[..cut]);
            assert_eq!(client.events(), []);
            let conn = &mut client.conn;
            let before = format!("{conn:?}");
            assert_eq!(conn.send_text("a"), Err(Refused::NotOpen));
            assert_eq!(conn.send_binary(b"a"), Err(Refused::NotOpen));
            assert_eq!(conn.send_text_fragment("a", false), Err(Refused::NotOpen));
            assert_eq!(conn.send_binary_fragment(b"a", true), Err(Refused::NotOpen));
            assert_eq!(conn.send_ping(b"a"), Err(Refused::NotOpen));
            assert_eq!(conn.send_pong(b"a"), Err(Refused::NotOpen));
            assert_eq!(format!("{conn:?}"), before);
            assert_eq!(client.sent(), request);
        }
    }
}

/// The client opens on `reply`, at every cut, and reads the frame behind it.
#[track_caller]
fn opens_on(target: &ClientRequest, reply: impl AsRef<[u8]>) {
    let behind = frame(Role::Server, TEXT, "Hello");
    let bytes = [reply.as_ref(), &behind].concat();
    let transcript = at_every_split(|| client(target), &bytes);
    let dialect = request(sent_by(target).as_bytes()).dialect().unwrap();
    assert_eq!(
        transcript.events,
        [Observed::Open(dialect), text("Hello")],
        "{}",
        escaped(bytes)
    );
    assert_eq!(escaped(transcript.sent), escaped(sent_by(target)));
}

/// The client refuses `reply`, at every cut, sends nothing, and nothing more comes of more.
#[track_caller]
fn fails_on(target: &ClientRequest, reply: impl AsRef<[u8]>, why: Closed) {
    let reply = reply.as_ref();
    let transcript = at_every_split(|| client(target), reply);
    assert_eq!(
        transcript.events,
        [Observed::Closed(why)],
        "{}",
        escaped(reply)
    );
    assert_eq!(escaped(transcript.sent), escaped(sent_by(target)));

    // RFC-7.1.7-1, RFC-7.1.7-2
    let mut client = Driver::new(client(target));
    client.feed(reply);
    client.transcript = Transcript::default();
    client.feed(&reply_to(target));
    client.feed(&frame(Role::Server, TEXT, "Hello"));
    client.eof();
    assert_eq!(client.transcript, Transcript::default());
    assert_eq!(client.conn.send_text("a"), Err(Refused::Closing));
    assert!(client.conn.is_done());
}

/// The reply with an edit fails for the field `name`.
#[track_caller]
fn fails_for(from: &str, to: &str, name: &'static str, kind: HeaderErrorKind) {
    for dialect in HYBI {
        let target = target(dialect);
        let reply = reply_to(&target);
        let edited = edit(&reply, from, to);
        let place = match kind {
            Missing => edited.len() as u32,
            // The second one.
            Duplicate => at(&reply, from) + to.find("\r\n").unwrap() as u32 + 2,
            _ => at(&reply, from),
        };
        let error = header(name, place, kind);
        fails_on(&target, edited, Closed::Protocol(error));
    }
}

#[test]
fn hy_2_the_reply_of_the_rfc() {
    for dialect in HYBI {
        let target = target(dialect);
        opens_on(&target, reply_to(&target));
    }
}

#[test]
fn hy_4_what_the_client_hears_of_the_reply() {
    for (from, to, protocol) in [
        ("chat\r\n\r\n", "chat\r\n\r\n", Some("chat")),
        ("chat\r\n\r\n", " superchat\t\r\n\r\n", Some("superchat")),
        ("Sec-WebSocket-Protocol: chat\r\n", "", None),
    ] {
        let target = target(Rfc6455);
        let mut reply = edit(reply_to(&target), from, to);
        let mut conn = client(&target);
        let Some(Event::Open(open)) = conn.receive(&mut &mut reply[..]) else {
            panic!("not open");
        };
        assert_eq!((open.dialect(), open.protocol()), (Rfc6455, protocol));
        assert_eq!(open.header("upgrade"), Some(&b"websocket"[..]));
        assert_eq!(open.headers().count(), 3 + usize::from(protocol.is_some()));
    }
}

#[test]
fn hy_10_replies_that_differ_and_open() {
    for (from, to) in [
        ("Upgrade: websocket\r\n", "UPGRADE:WebSocket\r\n"),
        ("Upgrade: websocket\r\n", "Upgrade: \t websocket \r\n"),
        (
            "Connection: Upgrade\r\n",
            "connection: keep-alive, upgrade\r\n",
        ),
        (
            "Connection: Upgrade\r\n",
            "Connection: a\r\nConnection: UPGRADE\r\n",
        ),
        ("Sec-WebSocket-Accept: ", "sec-websocket-ACCEPT:\t  "),
        ("Sec-WebSocket-Protocol: chat\r\n", ""),
        (
            "Sec-WebSocket-Protocol: chat\r\n",
            "Sec-WebSocket-Protocol:superchat\r\n",
        ),
        (
            "Sec-WebSocket-Protocol: chat\r\n",
            "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n",
        ),
        ("101 Switching Protocols", "101 "),
        (
            "101 Switching Protocols",
            "101 Web Socket Protocol Handshake \u{e9}",
        ),
    ] {
        let target = target(Rfc6455);
        opens_on(&target, edit(reply_to(&target), from, to));
    }
}

/// RFC-4.1-11
#[test]
fn any_other_status_is_final() {
    let target = target(Rfc6455);
    for status in [
        200, 204, 301, 302, 400, 401, 403, 404, 407, 426, 500, 503, 999,
    ] {
        let reply = edit(reply_to(&target), "101", status.to_string());
        fails_on(&target, reply, Closed::Rejected(status));
    }
}

/// RFC-4.1-17: what begins the reply is no status line.
#[test]
fn a_reply_without_a_status_line() {
    let target = target(Rfc6455);
    for line in [
        "HTTP/1.1 1o1 Switching Protocols",
        "HTTP/1.1 0101 Switching Protocols",
        "HTTP/1.1 10 Switching Protocols",
        "HTTP/1.1 Switching Protocols",
        "HTTP/1.1 101",
        "HTTP/1.1",
        "HTTP/1.1 101 Switching\0Protocols",
        "GET /chat HTTP/1.1",
    ] {
        let reply = edit(reply_to(&target), "HTTP/1.1 101 Switching Protocols", line);
        let transcript = at_every_split(|| client(&target), &reply);
        let [Observed::Closed(Closed::Protocol(ProtocolError::InvalidStartLine { .. }))] =
            transcript.events[..]
        else {
            panic!("{line}: {:?}", transcript.events);
        };
    }
}

/// RFC-4.1-17: a status line is HTTP's.
#[test]
fn a_reply_of_another_protocol() {
    let target = target(Rfc6455);
    for protocol in ["RTSP/1.1", "ICY", "HTTP", "http/1.1", "HTTP/x.y", "x"] {
        let reply = edit(reply_to(&target), "HTTP/1.1", protocol);
        let transcript = at_every_split(|| client(&target), &reply);
        let [Observed::Closed(Closed::Protocol(ProtocolError::InvalidStartLine { .. }))] =
            transcript.events[..]
        else {
            panic!("{protocol}: {:?}", transcript.events);
        };
    }
}

/// RFC-4.1-12
#[test]
fn a_reply_without_upgrade_or_with_another() {
    let field = "Upgrade: websocket\r\n";
    fails_for(field, "", "Upgrade", Missing);
    for other in [
        "",
        "websockets",
        "websocket, foo",
        "foo",
        "h2c",
        "web socket",
    ] {
        let to = format!("Upgrade: {other}\r\n");
        fails_for(field, &to, "Upgrade", Mismatch);
    }
    fails_for(field, &field.repeat(2), "Upgrade", Duplicate);
}

/// RFC-4.1-13
#[test]
fn a_reply_without_connection_or_with_another() {
    let field = "Connection: Upgrade\r\n";
    fails_for(field, "", "Connection", Missing);
    for other in [
        "",
        "close",
        "keep-alive",
        "Upgraded",
        "Up grade",
        "\"Upgrade\"",
    ] {
        let to = format!("Connection: {other}\r\n");
        fails_for(field, &to, "Connection", Mismatch);
    }
}

/// RFC-4.1-14, RFC-11.3-2
#[test]
fn hy_2_a_reply_without_the_accept_value_or_with_another() {
    for dialect in HYBI {
        let target = target(dialect);
        let reply = reply_to(&target);
        let value = accept_value(key_of(&sent_by(&target)));
        let field = format!("Sec-WebSocket-Accept: {value}\r\n");
        let name = "Sec-WebSocket-Accept";
        let fails = |to: &str, place: u32, kind: HeaderErrorKind| {
            let error = header(name, place, kind);
            fails_on(&target, edit(&reply, &field, to), Closed::Protocol(error));
        };
        let length = (reply.len() - field.len()) as u32;
        fails("", length, Missing);
        let place = at(&reply, name);
        let twice = [&field[..], &field].concat();
        fails(&twice, place + field.len() as u32, Duplicate);
        let trimmed = value.trim_end_matches('=');
        let (key, lower) = (key_of(&sent_by(&target)).to_owned(), value.to_lowercase());
        for other in [
            "",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            trimmed,
            &lower,
            &key,
            &format!("{value}="),
            &format!("{value},"),
            &format!("\"{value}\""),
            &value[1..],
        ] {
            fails(&format!("{name}: {other}\r\n"), place, Mismatch);
        }
        // Each character counts.
        for i in 0..value.len() - 1 {
            let mut other = value.clone().into_bytes();
            other[i] = if other[i] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            let error = header(name, place, Mismatch);
            let edited = edit(&reply, &value, &other);
            let transcript = run(client(&target), &edited, &[], false);
            assert_eq!(transcript.events, [protocol_error(error)], "{other}");
        }
    }
}

/// RFC-4.1-15
#[test]
fn hy_4_a_reply_with_an_extension() {
    for value in ["permessage-deflate", "foo; bar=1", "x", ""] {
        let field = "Sec-WebSocket-Protocol: chat\r\n";
        let to = format!("Sec-WebSocket-Extensions: {value}\r\n");
        fails_for(field, &to, "Sec-WebSocket-Extensions", NotRequested);
    }
}

/// RFC-4.1-16, RFC-11.3-2
#[test]
fn hy_4_a_reply_with_a_subprotocol_that_was_not_asked_for() {
    let field = "Sec-WebSocket-Protocol: chat\r\n";
    let name = "Sec-WebSocket-Protocol";
    for other in [
        "Chat",
        "other",
        "chat, superchat",
        "chat superchat",
        "",
        "chat,",
    ] {
        fails_for(field, &format!("{name}: {other}\r\n"), name, Mismatch);
    }
    fails_for(field, &field.repeat(2), name, Duplicate);

    let target = ClientRequest::new("ws://server.example.com/chat").unwrap();
    let reply = reply_to(&target);
    let error = header(name, at(&reply, name), NotRequested);
    fails_on(&target, reply, Closed::Protocol(error));
}

/// RFC-4.1-17, RFC-8.1-1: lines that are no fields; bytes that are no UTF-8 are nobody's concern
/// where nothing reads them as text.
#[test]
fn a_reply_with_lines_that_are_no_fields() {
    let target = target(Rfc6455);
    let reply = reply_to(&target);
    let place = at(&reply, "Sec-WebSocket-Protocol");
    for (to, offset, kind) in [
        (&b" Sec-WebSocket-Protocol: "[..], 0, LineErrorKind::ObsFold),
        (b"Sec-WebSocket-Protocol : ", 22, LineErrorKind::Name),
        (b": ", 0, LineErrorKind::Name),
        (b"Sec-WebSocket-Protocol: \0", 24, LineErrorKind::Value),
        (b"Sec-WebSocket-Protocol: \r", 24, LineErrorKind::BareCr),
        (b"A: b\nSec-WebSocket-Protocol: ", 4, LineErrorKind::BareLf),
    ] {
        let at = place + offset;
        let error = ProtocolError::InvalidLine { at, kind };
        let edited = edit(&reply, "Sec-WebSocket-Protocol: ", to);
        fails_on(&target, edited, Closed::Protocol(error));
    }
    let bytes = b"Server: \xff\xfe\xc3(\r\nSec-WebSocket-Protocol: ";
    opens_on(&target, edit(&reply, "Sec-WebSocket-Protocol: ", bytes));
}

/// RFC-7.2.1-1
#[test]
fn an_end_of_file_in_the_reply() {
    let target = target(Rfc6455);
    let reply = reply_to(&target);
    for cut in 0..reply.len() {
        let transcript = run(client(&target), &reply[..cut], &[], true);
        assert_eq!(transcript.events, [eof(Phase::Handshaking)], "cut at {cut}");
    }
    let transcript = at_every_split_then_eof(|| client(&target), &reply);
    assert_eq!(
        transcript.events,
        [Observed::Open(Rfc6455), eof(Phase::Open)]
    );
}

#[test]
fn a_close_before_the_opening_is_through() {
    let mut conn = client(&target(Rfc6455));
    let n = conn.transmit().len();
    conn.advance(n);
    assert_eq!(conn.close(&Close::new(1000, "")), Ok(()));
    assert_eq!(conn.closed(), Some(&Closed::LocallyClosed));
    assert_eq!(conn.transmit(), b"");
}

/// Both ends against each other.
#[test]
fn hy_1_to_hy_4_each_version_between_our_own_ends() {
    for dialect in HYBI {
        let target = target(dialect).with_origin("http://example.com").unwrap();
        let mut request = client(&target).transmit().to_vec();
        let mut server = Connection::server(&Config::new());
        let Some(Event::Request(asked)) = server.receive(&mut &mut request[..]) else {
            panic!("no request");
        };
        assert_eq!(asked.dialect(), Some(dialect));
        assert_eq!(asked.origin(), Some("http://example.com"));
        server
            .accept(&AcceptOptions::new().protocol("superchat"))
            .unwrap();
        let reply = server.transmit().to_vec();
        opens_on(&target, reply);
    }
    // And with a frame of binary data, to see that each end is what it is.
    for (role, dialect) in every_end() {
        let conn = Connection::established(&Config::new(), role, dialect, [1; 32]);
        let mut driver = Driver::new(conn);
        driver.conn.send_binary(b"\0\xff").unwrap();
        driver.drain();
        let sent = driver.sent();
        let peer = common::rfc::other(role);
        let conn = || Connection::established(&Config::new(), peer, dialect, [2; 32]);
        assert_eq!(at_every_split(conn, &sent).events, [binary(b"\0\xff")]);
    }
}
