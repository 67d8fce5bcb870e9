//! The opening handshake of HyBi-7, HyBi-8 and RFC 6455, in both roles.

use data_encoding::BASE64;
use hybi::{
    AcceptError, AcceptOptions, ClientRequest, ClientRequestError, Close, Closed, Config,
    Connection, Dialect, Dialects, Entropy, Event, HeaderErrorKind, LineErrorKind, Phase, Request,
    Response, SendError,
};
use proptest::prelude::*;
use testkit::*;

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
    move || Connection::server(config.clone())
}

fn version(dialect: Dialect) -> &'static str {
    match dialect {
        HyBi7 => "7",
        HyBi8 => "8",
        Rfc6455 => "13",
        _ => panic!("{dialect} has no version number"),
    }
}

/// Returns the RFC's example request with the version of a dialect.
fn request_head(dialect: Dialect) -> Vec<u8> {
    let header_line = format!("Sec-WebSocket-Version: {}\r\n", version(dialect));
    replace_once(RFC6455_REQUEST, VERSION, header_line)
}

// Server role.

/// Expects the server to accept the request with exactly this response, at every split.
#[track_caller]
fn expect_accepted(head: impl AsRef<[u8]>, dialect: Dialect, response: impl AsRef<[u8]>) {
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
    assert_eq!(escaped(transcript.sent), escaped(response));
}

/// Expects this error and an error response with this status, at every split, and that later input
/// is ignored.
#[track_caller]
fn expect_rejected(head: impl AsRef<[u8]>, error: ProtocolError, status: u16) {
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
        escaped(error_response(status, VERSIONS))
    );
    assert_eq!(error.status(), Some(status));

    // RFC-7.1.7-1, RFC-7.1.7-2, RFC-7.2.2-1
    let mut server = Driver::new(Connection::server(Config::new()));
    server.feed(head);
    server.transcript = Transcript::default();
    server.feed(RFC6455_REQUEST.as_bytes());
    server.feed(&frame(Role::Client, TEXT, "Hello"));
    server.eof();
    assert_eq!(
        server.transcript,
        Transcript::default(),
        "{}, and more input",
        escaped(head)
    );
    assert!(server.conn.is_done());
}

/// Expects the example request, with `from` replaced by `to`, to be rejected for the header `name`.
///
/// The error is at the replaced header, or at the end of the head if it is missing.
#[track_caller]
fn expect_header_rejected(
    from: &str,
    to: &str,
    name: &'static str,
    kind: HeaderErrorKind,
    status: u16,
) {
    let edited = replace_once(RFC6455_REQUEST, from, to);
    let at = match kind {
        Missing => edited.len() as u32,
        // At the second header.
        Duplicate => offset_of(RFC6455_REQUEST, from) + to.find("\r\n").unwrap() as u32 + 2,
        _ => offset_of(RFC6455_REQUEST, from),
    };
    expect_rejected(edited, header_error(name, at, kind), status);
}

/// RFC-4.2.2-5; RFC-4.2.2-3: no subprotocol is selected, so the response has none.
#[test]
fn the_rfc_example_request_is_accepted_in_each_version_hy_1_hy_2() {
    for dialect in HYBI {
        expect_accepted(request_head(dialect), dialect, RFC6455_RESPONSE);
    }
}

#[test]
fn frames_directly_after_the_request_are_received_hy_2() {
    for dialect in HYBI {
        let hello = frame(Role::Client, TEXT, "Hello");
        let transcript = at_every_split(
            server(Config::new()),
            &[request_head(dialect), hello.clone(), hello].concat(),
        );
        assert_eq!(
            transcript.events[1..],
            [Observed::Open(dialect), text("Hello"), text("Hello")]
        );
        assert_eq!(escaped(transcript.sent), escaped(RFC6455_RESPONSE));
    }
}

/// RFC-4.2.1-1, RFC-4.2.1-2, RFC-4.2.1-3, RFC-4.2.1-4, RFC-4.2.1-5, RFC-4.2.1-6
#[test]
fn requests_with_other_order_case_or_extra_headers_are_accepted_hy_10() {
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
        // The version takes precedence over the keys of Hixie-76.
        (
            PROTOCOL,
            "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
             Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n",
        ),
    ] {
        expect_accepted(
            replace_once(RFC6455_REQUEST, from, to),
            Rfc6455,
            RFC6455_RESPONSE,
        );
    }
    let mut lines: Vec<&str> = RFC6455_REQUEST
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .collect();
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        let rotated = format!("GET /chat HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
        expect_accepted(rotated, Rfc6455, RFC6455_RESPONSE);
    }
}

/// RFC-4.2.1-1
#[test]
fn an_invalid_request_line_is_rejected() {
    let version = |major| {
        let (at, minor) = (10, 0);
        ProtocolError::UnsupportedHttpVersion { at, major, minor }
    };
    let malformed = |at| ProtocolError::InvalidStartLine { at };
    for (line, error, status) in [
        ("POST /chat HTTP/1.1", ProtocolError::UnsupportedMethod, 405),
        (
            "RFC6455_REQUEST /chat HTTP/1.1",
            ProtocolError::UnsupportedMethod,
            405,
        ),
        ("get /chat HTTP/1.1", ProtocolError::UnsupportedMethod, 405),
        ("GET /chat HTTP/1.0", version(1), 505),
        ("GET /chat HTTP/2.0", version(2), 505),
        ("GET /chat", malformed(9), 400),
        ("GET chat HTTP/1.1", malformed(4), 400),
        ("GET  /chat HTTP/1.1", malformed(4), 400),
        ("GET /ch\u{e4}t HTTP/1.1", malformed(7), 400),
        ("GET /chat#top HTTP/1.1", malformed(9), 400),
        ("GET /chat XTTP/1.1", malformed(10), 400),
    ] {
        expect_rejected(
            replace_once(RFC6455_REQUEST, "GET /chat HTTP/1.1", line),
            error,
            status,
        );
    }
}

/// RFC-4.2.1-2, RFC-4.2.1-3, RFC-4.2.1-4
#[test]
fn a_missing_invalid_or_duplicate_host_upgrade_or_connection_is_rejected() {
    expect_header_rejected(HOST, "", "Host", Missing, 400);
    expect_header_rejected(HOST, "Host:\r\n", "Host", Invalid, 400);
    expect_header_rejected(HOST, "Host: a b\r\n", "Host", Invalid, 400);
    expect_header_rejected(HOST, "Host: server.example.com:0\r\n", "Host", Invalid, 400);
    expect_header_rejected(HOST, "Host: a/b\r\n", "Host", Invalid, 400);
    expect_header_rejected(HOST, "Host: a\r\nHost: a\r\n", "Host", Duplicate, 400);
    let no_upgrade = replace_once(RFC6455_REQUEST, UPGRADE, "");
    expect_rejected(no_upgrade, ProtocolError::NotWebSocket, 426);
    expect_header_rejected(UPGRADE, "Upgrade: h2c\r\n", "Upgrade", Invalid, 426);
    expect_header_rejected(UPGRADE, "Upgrade:\r\n", "Upgrade", Invalid, 426);
    expect_header_rejected(UPGRADE, "Upgrade: websockets\r\n", "Upgrade", Invalid, 426);
    let twice = "Upgrade: websocket\r\nUpgrade: websocket\r\n";
    expect_header_rejected(UPGRADE, twice, "Upgrade", Duplicate, 400);
    expect_header_rejected(CONNECTION, "", "Connection", Missing, 400);
    for other in ["close", "keep-alive", "Upgraded", "", "\"Upgrade\""] {
        let header_line = format!("Connection: {other}\r\n");
        expect_header_rejected(CONNECTION, &header_line, "Connection", Invalid, 400);
    }
}

/// RFC-4.2.1-7
#[test]
fn invalid_header_lines_of_a_request_are_rejected() {
    let line = |at, kind| ProtocolError::InvalidLine { at, kind };
    let at = offset_of(RFC6455_REQUEST, ORIGIN);
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
        expect_rejected(
            replace_once(RFC6455_REQUEST, ORIGIN, to),
            line(at + offset, kind),
            400,
        );
    }
}

/// The body would be read as frames.
#[test]
fn a_request_with_a_body_is_rejected_hy_10() {
    for length in ["5", "8", "-1", "0, 0", "+0", "00"] {
        let header_line = format!("Content-Length: {length}\r\n");
        expect_header_rejected(PROTOCOL, &header_line, "Content-Length", Invalid, 400);
    }
    for coding in ["chunked", "identity", ""] {
        let header_line = format!("Transfer-Encoding: {coding}\r\n");
        expect_header_rejected(PROTOCOL, &header_line, "Transfer-Encoding", Invalid, 400);
    }
}

// Versions.

/// RFC-4.2.2-1, RFC-4.4-1
#[test]
fn other_versions_get_a_426_with_the_supported_versions_hy_1_hy_9() {
    for other in [
        "0", "1", "2", "3", "4", "5", "6", "9", "10", "11", "12", "14", "25", "255", "256", "013",
        "07", "+13", "-13", "13.0", "0x0d", "1 3", "13, 8", "13;", "\"13\"", "x", "",
    ] {
        let header_line = format!("Sec-WebSocket-Version: {other}\r\n");
        expect_header_rejected(VERSION, &header_line, "Sec-WebSocket-Version", Invalid, 426);
    }
    // Checked before all headers that another version may define differently.
    let future = replace_once(RFC6455_REQUEST, VERSION, "Sec-WebSocket-Version: 14\r\n");
    let at = offset_of(RFC6455_REQUEST, VERSION) - KEY.len() as u32 + 7;
    expect_rejected(
        replace_once(future, KEY, "Key: 1\r\n"),
        header_error("Sec-WebSocket-Version", at + 1, Invalid),
        426,
    );
}

/// RFC-4.4-1
#[test]
fn a_426_lists_the_enabled_versions_newest_first_hy_9() {
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

        let unknown = replace_once(RFC6455_REQUEST, VERSION, "Sec-WebSocket-Version: 25\r\n");
        let transcript = at_every_split(server(config.clone()), &unknown);
        let at = offset_of(RFC6455_REQUEST, VERSION);
        let error = header_error("Sec-WebSocket-Version", at, Invalid);
        assert_eq!(transcript.events, [protocol_error(error)]);
        assert_eq!(
            escaped(transcript.sent),
            escaped(error_response(426, &list)),
            "{dialects:?}"
        );

        for (i, dialect) in HYBI.into_iter().enumerate() {
            let transcript = at_every_split(server(config.clone()), &request_head(dialect));
            if on(i) {
                assert_eq!(transcript.events[1], Observed::Open(dialect));
                continue;
            }
            let error = ProtocolError::DialectNotEnabled { dialect };
            assert_eq!(transcript.events, [protocol_error(error)]);
            assert_eq!(
                escaped(transcript.sent),
                escaped(error_response(426, &list)),
                "{dialects:?}"
            );
            assert_eq!(error.status(), Some(426));
        }
    }
}

/// RFC-4.2.1-6, RFC-11.3-1
#[test]
fn a_missing_or_duplicate_version_is_rejected_hy_9() {
    expect_header_rejected(VERSION, "", "Sec-WebSocket-Version", Missing, 400);
    for second in ["13", "8"] {
        let twice = format!("{VERSION}Sec-WebSocket-Version: {second}\r\n");
        expect_header_rejected(VERSION, &twice, "Sec-WebSocket-Version", Duplicate, 400);
    }
}

// Keys.

/// RFC-4.2.1-5, RFC-11.3-1
#[test]
fn a_key_that_is_not_base64_of_16_bytes_is_rejected_hy_2() {
    expect_header_rejected(KEY, "", "Sec-WebSocket-Key", Missing, 400);
    let twice = format!("{KEY}{KEY}");
    expect_header_rejected(KEY, &twice, "Sec-WebSocket-Key", Duplicate, 400);
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
        "dGhlIHNhbXBsZSBub25_ZQ==",      // base64url
        "dGhlIHNhbXBs ZSBub25jZQ==",     // a space
        "dGhlIHNhbXBsZSBub25jZ\u{e9}==", // not ASCII
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let header_line = format!("Sec-WebSocket-Key: {key}\r\n");
        expect_header_rejected(KEY, &header_line, "Sec-WebSocket-Key", Invalid, 400);
    }
}

#[test]
fn known_keys_give_known_accept_values_hy_2() {
    for (key, accept) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ("AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="),
        // RFC 6455, 4.1: bits that encode nothing are set, and hashed.
        ("AQIDBAUGBwgJCgsMDQ4PEC==", "OfS0wDaT5NoxF2gqm7Zj2YtetzM="),
    ] {
        for dialect in HYBI {
            let head = replace_once(request_head(dialect), "dGhlIHNhbXBsZSBub25jZQ==", key);
            expect_accepted(
                head,
                dialect,
                replace_once(RFC6455_RESPONSE, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept),
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // RFC-4.2.2-5
    #[test]
    fn any_16_bytes_are_a_valid_key_hy_2(bytes: [u8; 16]) {
        let key = BASE64.encode(&bytes);
        let head = replace_once(RFC6455_REQUEST, "dGhlIHNhbXBsZSBub25jZQ==", &key);
        let transcript = run(Connection::server(Config::new()), &head, &[], false);
        let response = replace_once(RFC6455_RESPONSE, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept_value(&key));
        prop_assert_eq!(escaped(transcript.sent), escaped(response));
    }
}

// Origins.

fn request(head: &[u8]) -> Request {
    let mut bytes = head.to_vec();
    let mut conn = Connection::server(Config::new());
    match conn.receive(&mut input(&mut bytes)) {
        Some(Event::Request(request)) => request,
        other => panic!("{other:?} of {}", escaped(head)),
    }
}

#[test]
fn the_origin_is_read_from_the_header_of_the_version_hy_3() {
    let (new, old) = (
        "Origin: http://new\r\n",
        "Sec-WebSocket-Origin: http://old\r\n",
    );
    let both = format!("{new}{old}");
    let (new_value, old_value) = (Some("http://new"), Some("http://old"));
    for (headers, in_drafts, in_13) in [
        ("", None, None),
        (new, new_value, new_value),
        (old, old_value, None),
        (both.as_str(), old_value, new_value),
    ] {
        for dialect in HYBI {
            let expected = if dialect == Rfc6455 { in_13 } else { in_drafts };
            let head = replace_once(request_head(dialect), ORIGIN, headers);
            assert_eq!(request(&head).origin(), expected, "{dialect}: {headers}");
            expect_accepted(head, dialect, RFC6455_RESPONSE);
        }
    }
    let allowed = request(&replace_once(
        RFC6455_REQUEST,
        ORIGIN,
        "Origin: HTTPS://Example.com\r\n",
    ));
    assert!(allowed.origin_among(&["https://example.com"]));
    assert!(!allowed.origin_among(&["https://example.org"]));
}

#[test]
fn an_invalid_or_duplicate_origin_is_rejected_hy_3() {
    for value in ["http://\u{e9}", "http://a\tb"] {
        let header_line = format!("Origin: {value}\r\n");
        expect_header_rejected(ORIGIN, &header_line, "Origin", Invalid, 400);
        let header_line = format!("Sec-WebSocket-Origin: {value}\r\n");
        expect_header_rejected(ORIGIN, &header_line, "Sec-WebSocket-Origin", Invalid, 400);
    }
    let twice = format!("{ORIGIN}{ORIGIN}");
    expect_header_rejected(ORIGIN, &twice, "Origin", Duplicate, 400);
    let twice = "Sec-WebSocket-Origin: http://a\r\n".repeat(2);
    expect_header_rejected(ORIGIN, &twice, "Sec-WebSocket-Origin", Duplicate, 400);
}

// Subprotocols.

/// Returns the server's response to a request that it accepts with these options.
fn accepted(head: &[u8], accept: AcceptOptions) -> Vec<u8> {
    let server = Connection::server(Config::new());
    let mut server = Driver::with_request_handler(server, |conn, _| conn.accept(&accept).unwrap());
    server.feed(head);
    server.sent()
}

/// RFC-4.2.2-2, RFC-4.2.2-3, RFC-11.3-2
#[test]
fn the_server_selects_an_offered_subprotocol_or_none_hy_4() {
    let offers = [
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
        "Sec-WebSocket-Protocol: chat,superchat\r\n",
        "sec-websocket-protocol:  chat ,  superchat  \r\n",
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n",
    ];
    for (offer, dialect) in offers.iter().flat_map(|offer| HYBI.map(|d| (offer, d))) {
        let head = replace_once(request_head(dialect), PROTOCOL, offer);
        let request = request(&head);
        let offered: Vec<&str> = request.protocols().collect();
        assert_eq!(offered, ["chat", "superchat"], "{offer}");
        for name in offered {
            let header_line = format!("xOo=\r\nSec-WebSocket-Protocol: {name}\r\n");
            let response = replace_once(RFC6455_RESPONSE, "xOo=\r\n", header_line);
            let sent = accepted(&head, AcceptOptions::new().protocol(name));
            assert_eq!(escaped(sent), escaped(response));
        }
        assert_eq!(
            escaped(accepted(&head, AcceptOptions::new())),
            escaped(RFC6455_RESPONSE)
        );
    }
    let any = "!#$%&'*+-.^_`|~09azAZ";
    let head = replace_once(RFC6455_REQUEST, "superchat", any);
    assert_eq!(request(&head).protocols().last(), Some(any));
    expect_accepted(head, Rfc6455, RFC6455_RESPONSE);
}

/// RFC-4.2.2-2
#[test]
fn tabs_around_offered_subprotocols_are_ignored_hy_4() {
    let offer = "Sec-WebSocket-Protocol:\tchat\t,\t \tsuperchat \t\r\n";
    let request = request(&replace_once(RFC6455_REQUEST, PROTOCOL, offer));
    let offered: Vec<&str> = request.protocols().collect();
    assert_eq!(offered, ["chat", "superchat"]);
}

/// RFC-4.2.2-2
#[test]
fn accept_rejects_a_subprotocol_that_was_not_offered_hy_4() {
    let with_request = |head: &[u8]| {
        let mut conn = Connection::server(Config::new());
        let mut bytes = head.to_vec();
        assert!(conn.receive(&mut input(&mut bytes)).is_some());
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
        let mut conn = with_request(RFC6455_REQUEST.as_bytes());
        let before = format!("{conn:?}");
        let result = conn.accept(&AcceptOptions::new().protocol(name));
        assert_eq!(result, Err(AcceptError::ProtocolNotOffered), "{name}");
        assert_eq!(format!("{conn:?}"), before);
        assert_eq!(conn.accept(&AcceptOptions::new().protocol("chat")), Ok(()));
    }
    let mut conn = with_request(&replace_once(RFC6455_REQUEST, PROTOCOL, ""));
    let result = conn.accept(&AcceptOptions::new().protocol("chat"));
    assert_eq!(result, Err(AcceptError::ProtocolNotOffered));
}

/// RFC-4.2.1-7
#[test]
fn an_invalid_list_of_subprotocols_is_rejected_hy_4() {
    for list in [
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
        let header_line = format!("Sec-WebSocket-Protocol: {list}\r\n");
        expect_header_rejected(
            PROTOCOL,
            &header_line,
            "Sec-WebSocket-Protocol",
            Invalid,
            400,
        );
    }
    let second = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: a b\r\n";
    let at = offset_of(RFC6455_REQUEST, PROTOCOL) + 30;
    let error = header_error("Sec-WebSocket-Protocol", at, Invalid);
    expect_rejected(replace_once(RFC6455_REQUEST, PROTOCOL, second), error, 400);
}

// Extensions.

/// RFC-4.2.2-4, RFC-5.8-1, RFC-9-1
#[test]
fn offered_extensions_are_declined_hy_4() {
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
            expect_accepted(
                replace_once(request_head(dialect), PROTOCOL, offer),
                dialect,
                RFC6455_RESPONSE,
            );
        }
    }
}

/// RFC-4.2.2-4
#[test]
fn accept_rejects_handshake_headers_such_as_extensions_hy_4() {
    let mut conn = Connection::server(Config::new());
    let mut bytes = RFC6455_REQUEST.as_bytes().to_vec();
    assert!(conn.receive(&mut input(&mut bytes)).is_some());
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
        let result = conn.accept(&AcceptOptions::new().header(name, "permessage-deflate"));
        let error = result.unwrap_err();
        assert!(matches!(error, AcceptError::InvalidHeader(error) if error.name() == name));
        assert_eq!(format!("{conn:?}"), before);
    }
    let accept = AcceptOptions::new().header("Set-Cookie", "seen=1");
    conn.accept(&accept.header("Server", "x")).unwrap();
    let response = replace_once(
        RFC6455_RESPONSE,
        "xOo=\r\n",
        "xOo=\r\nSet-Cookie: seen=1\r\nServer: x\r\n",
    );
    assert_eq!(escaped(conn.transmit()), escaped(response));
}

/// RFC-9.1-1
#[test]
fn an_invalid_list_of_extensions_is_rejected() {
    for list in MALFORMED_EXTENSIONS {
        let header_line = format!("Sec-WebSocket-Extensions: {list}\r\n");
        expect_header_rejected(
            PROTOCOL,
            &header_line,
            "Sec-WebSocket-Extensions",
            Invalid,
            400,
        );
    }
}

// The application's answer, and EOF.

#[test]
fn the_application_can_reject_a_request() {
    let reject = |conn: &mut Connection, _: &Request| {
        conn.respond(&Response::new(403)).unwrap();
    };
    let conn = Connection::server(Config::new());
    let mut server = Driver::with_request_handler(conn, reject);
    server.feed(
        &[
            RFC6455_REQUEST.as_bytes(),
            &frame(Role::Client, TEXT, "Hello"),
        ]
        .concat(),
    );
    assert_eq!(
        server.events(),
        [
            Observed::Request(Some(Rfc6455), "/chat".into()),
            Observed::Closed(Closed::Responded(403)),
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
fn eof_in_the_request_is_reported() {
    for len in 0..RFC6455_REQUEST.len() {
        let transcript = run(
            Connection::server(Config::new()),
            &RFC6455_REQUEST.as_bytes()[..len],
            &[],
            true,
        );
        assert_eq!(
            transcript.events,
            [unexpected_eof(Phase::Handshaking)],
            "{len} bytes"
        );
        assert_eq!(escaped(transcript.sent), "");
    }
}

#[test]
fn upgrade_accepts_a_request_parsed_by_a_library_hy_2() {
    let headers = |head: &str| -> Vec<(String, String)> {
        let lines = head.lines().skip(1);
        let split = lines.filter_map(|line| line.split_once(": "));
        split
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    for dialect in HYBI {
        let head = String::from_utf8(request_head(dialect)).unwrap();
        let request = Request::from_parts("GET", "/chat", "HTTP/1.1", headers(&head)).unwrap();
        assert_eq!(request.dialect(), Some(dialect));
        let accept = AcceptOptions::new().protocol("chat");
        let (mut conn, upgrade) = Connection::upgrade(Config::new(), &request, &accept).unwrap();
        let protocol = "xOo=\r\nSec-WebSocket-Protocol: chat\r\n";
        assert_eq!(
            escaped(upgrade.as_bytes()),
            escaped(replace_once(RFC6455_RESPONSE, "xOo=\r\n", protocol))
        );
        assert_eq!(
            (upgrade.status(), upgrade.reason()),
            (101, "Switching Protocols")
        );
        let mut hello = frame(Role::Client, TEXT, "Hello");
        let mut input = input(&mut hello);
        assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
        assert!(matches!(conn.receive(&mut input), Some(Event::Text(_))));

        let off = Config::new().dialects(Dialects::ALL.without(dialect));
        let result = Connection::upgrade(off.clone(), &request, &AcceptOptions::new());
        let error = ProtocolError::from(result.unwrap_err());
        assert_eq!(error, ProtocolError::DialectNotEnabled { dialect });
    }
    let invalid = Request::from_parts(
        "GET",
        "/chat",
        "HTTP/1.1",
        headers(&RFC6455_REQUEST.replace("ZQ==", "ZQ=")),
    );
    let error = header_error(
        "Sec-WebSocket-Key",
        offset_of(RFC6455_REQUEST, KEY),
        Invalid,
    );
    assert_eq!(invalid.unwrap_err(), error);
}

// Client role.

fn client_request(dialect: Dialect) -> ClientRequest {
    let client_request = ClientRequest::new("ws://server.example.com/chat").unwrap();
    let client_request = client_request
        .with_dialect(dialect)
        .with_protocol("chat")
        .unwrap();
    client_request.with_protocol("superchat").unwrap()
}

fn client(client_request: &ClientRequest) -> Connection {
    Connection::client(Config::new(), client_request, Entropy::from_bytes([9; 32]))
}

fn request_text(client_request: &ClientRequest) -> String {
    String::from_utf8(client(client_request).transmit().to_vec()).unwrap()
}

/// Returns the value of `Sec-WebSocket-Key` in a request.
fn key_in(request: &str) -> &str {
    let (_, rest) = request.split_once("Sec-WebSocket-Key: ").unwrap();
    rest.split_once("\r\n").unwrap().0
}

/// RFC-4.1-2, RFC-4.1-3, RFC-4.1-4, RFC-4.1-5, RFC-4.1-6, RFC-4.1-7, RFC-4.1-8, RFC-11.3-1
#[test]
fn the_client_request_has_exactly_the_expected_bytes_hy_1_hy_3_hy_4() {
    for dialect in HYBI {
        let client_request = client_request(dialect)
            .with_origin("HTTP://Example.com")
            .unwrap();
        let client_request = client_request.with_header("Cookie", "a=b").unwrap();
        let request = request_text(&client_request);
        let origin = match dialect {
            Rfc6455 => "Origin",
            _ => "Sec-WebSocket-Origin",
        };
        let (key, version) = (key_in(&request), version(dialect));
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
    // The defaults: RFC 6455, no origin and no subprotocol.
    let plain = request_text(&ClientRequest::new("ws://server.example.com/chat").unwrap());
    let key = key_in(&plain);
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
fn the_request_target_and_host_follow_from_the_url() {
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
        let request = request_text(&ClientRequest::new(url).unwrap());
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
fn an_invalid_url_is_rejected_with_the_offset() {
    for (url, at) in [
        ("", 0),
        ("example.com", 0),
        ("ftp://example.com/", 0),
        ("wsx://example.com/", 0),
        ("ws:///chat", 5),
        ("ws://:80/", 5),
        ("ws://:x/", 5),
        ("ws://us%er@example.com/", 7),
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
        let error = ClientRequest::new(url).unwrap_err();
        let found = error_field!(error, ClientRequestError::InvalidUrl { at });
        assert_eq!(found, at, "{url}");
    }
}

/// RFC-4.1-1
#[test]
fn brackets_in_a_url_must_hold_an_ipv6_address() {
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
        let error = ClientRequest::new(&url).unwrap_err();
        let at = error_field!(error, ClientRequestError::InvalidUrl { at });
        assert_eq!(at, 6, "{url}");
    }
}

/// RFC-4.1-9
#[test]
fn the_client_rejects_invalid_subprotocols_and_handshake_headers_hy_4() {
    let client_request = || {
        ClientRequest::new("ws://example.com/")
            .unwrap()
            .with_protocol("chat")
            .unwrap()
    };
    for name in [
        "", "chat", "a b", "a,b", "a;b", "\u{e9}", "a\r\nb", "a\0", "(a)", "a/b",
    ] {
        assert_eq!(
            client_request().with_protocol(name).err(),
            Some(ClientRequestError::InvalidProtocol),
            "{name:?}"
        );
    }
    for (name, value) in [
        ("Sec-WebSocket-Key", "x"),
        ("sec-websocket-version", "13"),
        ("Sec-WebSocket-Protocol", "x"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Host", "x y"),
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
            client_request()
                .with_header(name, value)
                .err()
                .map(|error| error.to_string()),
            Some(format!("the header field {name:?} is invalid or reserved"))
        );
    }
}

/// RFC-4.1-7
#[test]
fn each_client_connection_has_a_different_key_hy_2() {
    let client_request = client_request(Rfc6455);
    let keys = (0..=255_u8).map(|seed| {
        let conn = Connection::client(
            Config::new(),
            &client_request,
            Entropy::from_bytes([seed; 32]),
        );
        key_in(std::str::from_utf8(conn.transmit()).unwrap()).to_owned()
    });
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 256);
}

/// Returns a server's response to a client request, with the subprotocol `chat`.
fn response_to_request(client_request: &ClientRequest) -> Vec<u8> {
    let request = request_text(client_request);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: chat\r\n\r\n",
        accept_value(key_in(&request))
    )
    .into_bytes()
}

/// RFC-4.1-10
#[test]
fn the_client_sends_nothing_between_request_and_response() {
    for dialect in HYBI {
        let client_request = client_request(dialect);
        let response = response_to_request(&client_request);
        for len in 0..response.len() {
            let mut client = Driver::new(client(&client_request));
            let request = client.conn.transmit().to_vec();
            client.feed(&response[..len]);
            assert_eq!(client.events(), []);
            let conn = &mut client.conn;
            let before = format!("{conn:?}");
            assert_eq!(conn.send_text("a"), Err(SendError::NotOpen));
            assert_eq!(conn.send_binary(b"a"), Err(SendError::NotOpen));
            assert_eq!(conn.send_text_fragment("a", false), Err(SendError::NotOpen));
            assert_eq!(
                conn.send_binary_fragment(b"a", true),
                Err(SendError::NotOpen)
            );
            assert_eq!(conn.send_ping(b"a"), Err(SendError::NotOpen));
            assert_eq!(conn.send_pong(b"a"), Err(SendError::NotOpen));
            assert_eq!(format!("{conn:?}"), before);
            assert_eq!(client.sent(), request);
        }
    }
}

/// Expects the client to accept the response and to read the frame after it, at every split.
#[track_caller]
fn expect_response_accepted(client_request: &ClientRequest, response: impl AsRef<[u8]>) {
    let hello = frame(Role::Server, TEXT, "Hello");
    let bytes = [response.as_ref(), &hello].concat();
    let transcript = at_every_split(|| client(client_request), &bytes);
    let dialect = request(request_text(client_request).as_bytes())
        .dialect()
        .unwrap();
    assert_eq!(
        transcript.events,
        [Observed::Open(dialect), text("Hello")],
        "{}",
        escaped(bytes)
    );
    assert_eq!(
        escaped(transcript.sent),
        escaped(request_text(client_request))
    );
}

/// Expects the client to reject the response, at every split, to send nothing and to ignore later
/// input.
#[track_caller]
fn expect_response_rejected(
    client_request: &ClientRequest,
    response: impl AsRef<[u8]>,
    closed: impl Into<Observed>,
) {
    let response = response.as_ref();
    let transcript = at_every_split(|| client(client_request), response);
    assert_eq!(transcript.events, [closed.into()], "{}", escaped(response));
    assert_eq!(
        escaped(transcript.sent),
        escaped(request_text(client_request))
    );

    // RFC-7.1.7-1, RFC-7.1.7-2
    let mut client = Driver::new(client(client_request));
    client.feed(response);
    client.transcript = Transcript::default();
    client.feed(&response_to_request(client_request));
    client.feed(&frame(Role::Server, TEXT, "Hello"));
    client.eof();
    assert_eq!(client.transcript, Transcript::default());
    assert_eq!(client.conn.send_text("a"), Err(SendError::Closing));
    assert!(client.conn.is_done());
}

/// Expects the response, with `from` replaced by `to`, to be rejected for the header `name`.
#[track_caller]
fn expect_response_header_rejected(
    from: &str,
    to: &str,
    name: &'static str,
    kind: HeaderErrorKind,
) {
    for dialect in HYBI {
        let client_request = client_request(dialect);
        let response = response_to_request(&client_request);
        let edited = replace_once(&response, from, to);
        let at = match kind {
            Missing => edited.len() as u32,
            // At the second header.
            Duplicate => offset_of(&response, from) + to.find("\r\n").unwrap() as u32 + 2,
            _ => offset_of(&response, from),
        };
        let error = header_error(name, at, kind);
        expect_response_rejected(&client_request, edited, protocol_error(error));
    }
}

#[test]
fn the_rfc_example_response_is_accepted_hy_2() {
    for dialect in HYBI {
        let client_request = client_request(dialect);
        expect_response_accepted(&client_request, response_to_request(&client_request));
    }
}

#[test]
fn the_open_event_has_the_subprotocol_and_headers_of_the_response_hy_4() {
    for (from, to, protocol) in [
        ("chat\r\n\r\n", "chat\r\n\r\n", Some("chat")),
        ("chat\r\n\r\n", " superchat\t\r\n\r\n", Some("superchat")),
        ("Sec-WebSocket-Protocol: chat\r\n", "", None),
    ] {
        let client_request = client_request(Rfc6455);
        let mut response = replace_once(response_to_request(&client_request), from, to);
        let mut conn = client(&client_request);
        let Some(Event::Open(open)) = conn.receive(&mut input(&mut response)) else {
            panic!("no open event");
        };
        assert_eq!((open.dialect(), open.protocol()), (Rfc6455, protocol));
        assert_eq!(open.header("upgrade"), Some(&b"websocket"[..]));
        assert_eq!(open.headers().count(), 3 + usize::from(protocol.is_some()));
    }
}

#[test]
fn responses_with_other_case_spaces_or_reason_are_accepted_hy_10() {
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
        ("101 Switching Protocols", "101"),
        ("101 Switching Protocols", "101 "),
        (
            "101 Switching Protocols",
            "101 Web Socket Protocol Handshake \u{e9}",
        ),
    ] {
        let client_request = client_request(Rfc6455);
        expect_response_accepted(
            &client_request,
            replace_once(response_to_request(&client_request), from, to),
        );
    }
}

/// RFC-4.1-11
#[test]
fn a_status_other_than_101_closes_the_connection() {
    let client_request = client_request(Rfc6455);
    for status in [
        200, 204, 301, 302, 400, 401, 403, 404, 407, 426, 500, 503, 999,
    ] {
        let response = replace_once(
            response_to_request(&client_request),
            "101",
            status.to_string(),
        );
        let rejected = rejection(status, &response);
        expect_response_rejected(&client_request, response, rejected);
    }
}

/// RFC-4.1-17
#[test]
fn a_response_with_an_invalid_status_line_is_rejected() {
    let client_request = client_request(Rfc6455);
    for line in [
        "HTTP/1.1 1o1 Switching Protocols",
        "HTTP/1.1 0101 Switching Protocols",
        "HTTP/1.1 10 Switching Protocols",
        "HTTP/1.1 Switching Protocols",
        "HTTP/1.1 101Switching Protocols",
        "HTTP/1.0 101 Switching Protocols",
        "HTTP/1.1",
        "HTTP/1.1 101 Switching\0Protocols",
        "GET /chat HTTP/1.1",
    ] {
        let response = replace_once(
            response_to_request(&client_request),
            "HTTP/1.1 101 Switching Protocols",
            line,
        );
        let transcript = at_every_split(|| client(&client_request), &response);
        let [Observed::ProtocolError(ProtocolError::InvalidStartLine { .. })] =
            transcript.events[..]
        else {
            panic!("{line}: {:?}", transcript.events);
        };
    }
}

/// RFC-4.1-17
#[test]
fn a_response_of_another_protocol_is_rejected() {
    let client_request = client_request(Rfc6455);
    for protocol in ["RTSP/1.1", "ICY", "HTTP", "http/1.1", "HTTP/x.y", "x"] {
        let response = replace_once(response_to_request(&client_request), "HTTP/1.1", protocol);
        let transcript = at_every_split(|| client(&client_request), &response);
        let [Observed::ProtocolError(ProtocolError::InvalidStartLine { .. })] =
            transcript.events[..]
        else {
            panic!("{protocol}: {:?}", transcript.events);
        };
    }
}

/// RFC-4.1-12
#[test]
fn a_response_with_a_missing_wrong_or_duplicate_upgrade_is_rejected() {
    let header_line = "Upgrade: websocket\r\n";
    expect_response_header_rejected(header_line, "", "Upgrade", Missing);
    for other in [
        "",
        "websockets",
        "websocket, foo",
        "foo",
        "h2c",
        "web socket",
    ] {
        let to = format!("Upgrade: {other}\r\n");
        expect_response_header_rejected(header_line, &to, "Upgrade", Mismatch);
    }
    expect_response_header_rejected(header_line, &header_line.repeat(2), "Upgrade", Duplicate);
}

/// RFC-4.1-13
#[test]
fn a_response_with_a_missing_or_wrong_connection_is_rejected() {
    let header_line = "Connection: Upgrade\r\n";
    expect_response_header_rejected(header_line, "", "Connection", Missing);
    for other in [
        "",
        "close",
        "keep-alive",
        "Upgraded",
        "Up grade",
        "\"Upgrade\"",
    ] {
        let to = format!("Connection: {other}\r\n");
        expect_response_header_rejected(header_line, &to, "Connection", Mismatch);
    }
}

/// RFC-4.1-14, RFC-11.3-2
#[test]
fn a_response_with_a_missing_wrong_or_duplicate_accept_value_is_rejected_hy_2() {
    for dialect in HYBI {
        let client_request = client_request(dialect);
        let response = response_to_request(&client_request);
        let value = accept_value(key_in(&request_text(&client_request)));
        let header_line = format!("Sec-WebSocket-Accept: {value}\r\n");
        let name = "Sec-WebSocket-Accept";
        let fails = |to: &str, at: u32, kind: HeaderErrorKind| {
            let error = header_error(name, at, kind);
            expect_response_rejected(
                &client_request,
                replace_once(&response, &header_line, to),
                protocol_error(error),
            );
        };
        let length = (response.len() - header_line.len()) as u32;
        fails("", length, Missing);
        let at = offset_of(&response, name);
        let twice = [&header_line[..], &header_line].concat();
        fails(&twice, at + header_line.len() as u32, Duplicate);
        let trimmed = value.trim_end_matches('=');
        let (key, lower) = (
            key_in(&request_text(&client_request)).to_owned(),
            value.to_lowercase(),
        );
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
            fails(&format!("{name}: {other}\r\n"), at, Mismatch);
        }
        // Any changed character is a mismatch.
        for i in 0..value.len() - 1 {
            let mut other = value.clone().into_bytes();
            other[i] = if other[i] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            let error = header_error(name, at, Mismatch);
            let edited = replace_once(&response, &value, &other);
            let transcript = run(client(&client_request), &edited, &[], false);
            assert_eq!(transcript.events, [protocol_error(error)], "{other}");
        }
    }
}

/// RFC-4.1-15
#[test]
fn a_response_with_an_extension_is_rejected_hy_4() {
    for value in ["permessage-deflate", "foo; bar=1", "x", ""] {
        let header_line = "Sec-WebSocket-Protocol: chat\r\n";
        let to = format!("Sec-WebSocket-Extensions: {value}\r\n");
        expect_response_header_rejected(header_line, &to, "Sec-WebSocket-Extensions", NotRequested);
    }
}

/// RFC-4.1-16, RFC-11.3-2
#[test]
fn a_response_with_a_subprotocol_that_was_not_requested_is_rejected_hy_4() {
    let header_line = "Sec-WebSocket-Protocol: chat\r\n";
    let name = "Sec-WebSocket-Protocol";
    for other in [
        "Chat",
        "other",
        "chat, superchat",
        "chat superchat",
        "",
        "chat,",
    ] {
        expect_response_header_rejected(
            header_line,
            &format!("{name}: {other}\r\n"),
            name,
            Mismatch,
        );
    }
    expect_response_header_rejected(header_line, &header_line.repeat(2), name, Duplicate);

    let client_request = ClientRequest::new("ws://server.example.com/chat").unwrap();
    let response = response_to_request(&client_request);
    let error = header_error(name, offset_of(&response, name), NotRequested);
    expect_response_rejected(&client_request, response, protocol_error(error));
}

/// RFC-4.1-17, RFC-8.1-1: but values need not be UTF-8.
#[test]
fn invalid_header_lines_of_a_response_are_rejected() {
    let client_request = client_request(Rfc6455);
    let response = response_to_request(&client_request);
    let at = offset_of(&response, "Sec-WebSocket-Protocol");
    for (to, offset, kind) in [
        (&b" Sec-WebSocket-Protocol: "[..], 0, LineErrorKind::ObsFold),
        (b"Sec-WebSocket-Protocol : ", 22, LineErrorKind::Name),
        (b": ", 0, LineErrorKind::Name),
        (b"Sec-WebSocket-Protocol: \0", 24, LineErrorKind::Value),
        (b"Sec-WebSocket-Protocol: \r", 24, LineErrorKind::BareCr),
        (b"A: b\nSec-WebSocket-Protocol: ", 4, LineErrorKind::BareLf),
    ] {
        let at = at + offset;
        let error = ProtocolError::InvalidLine { at, kind };
        let edited = replace_once(&response, "Sec-WebSocket-Protocol: ", to);
        expect_response_rejected(&client_request, edited, protocol_error(error));
    }
    let bytes = b"Server: \xff\xfe\xc3(\r\nSec-WebSocket-Protocol: ";
    expect_response_accepted(
        &client_request,
        replace_once(&response, "Sec-WebSocket-Protocol: ", bytes),
    );
}

/// RFC-7.2.1-1
#[test]
fn eof_in_the_response_is_reported() {
    let client_request = client_request(Rfc6455);
    let response = response_to_request(&client_request);
    for len in 0..response.len() {
        let transcript = run(client(&client_request), &response[..len], &[], true);
        assert_eq!(
            transcript.events,
            [unexpected_eof(Phase::Handshaking)],
            "{len} bytes"
        );
    }
    let transcript = at_every_split_then_eof(|| client(&client_request), &response);
    assert_eq!(
        transcript.events,
        [Observed::Open(Rfc6455), unexpected_eof(Phase::Open)]
    );
}

#[test]
fn close_during_the_client_handshake_sends_nothing() {
    let mut conn = client(&client_request(Rfc6455));
    let n = conn.transmit().len();
    conn.advance(n);
    assert_eq!(conn.close(&Close::new(1000, "")), Ok(()));
    assert_eq!(conn.closed(), Some(&Closed::LocallyClosed));
    assert_eq!(conn.transmit(), b"");
}

#[test]
fn our_client_and_server_connect_in_each_version_hy_1_hy_2_hy_3_hy_4() {
    for dialect in HYBI {
        let client_request = client_request(dialect)
            .with_origin("http://example.com")
            .unwrap();
        let mut request = client(&client_request).transmit().to_vec();
        let mut server = Connection::server(Config::new());
        let Some(Event::Request(received)) = server.receive(&mut input(&mut request)) else {
            panic!("no request event");
        };
        assert_eq!(received.dialect(), Some(dialect));
        assert_eq!(received.origin(), Some("http://example.com"));
        server
            .accept(&AcceptOptions::new().protocol("superchat"))
            .unwrap();
        let response = server.transmit().to_vec();
        expect_response_accepted(&client_request, response);
    }
    // Frames show that each connection has the right role.
    for (role, dialect) in every_role_and_dialect() {
        let conn = established(&Config::new(), role, dialect);
        let mut driver = Driver::new(conn);
        driver.conn.send_binary(b"\0\xff").unwrap();
        driver.drain();
        let sent = driver.sent();
        let peer = testkit::other(role);
        let conn = || established(&Config::new(), peer, dialect);
        assert_eq!(at_every_split(conn, &sent).events, [binary(b"\0\xff")]);
    }
}
