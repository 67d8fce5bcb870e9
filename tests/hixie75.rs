//! Hixie-75 handshakes and frames, byte for byte, for both roles.

use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Entropy,
    Event, HeaderErrorKind, Phase, SendError,
};
use testkit::*;

use Dialect::Hixie75;

const CONFIG: Config = Config::new().dialects(Dialects::NONE.with(Hixie75));

fn server() -> Connection {
    Connection::server(CONFIG)
}

fn request(resource: &str) -> Observed {
    Observed::Request(Some(Hixie75), resource.to_owned())
}

// Server.

/// Checks that `head` is answered with exactly `response` and that the connection opens.
#[track_caller]
fn assert_opens(config: &Config, accept: AcceptOptions, head: &[u8], response: &[u8]) {
    let server = Connection::server(config.clone());
    let mut server = Driver::with_request_handler(server, |conn, _| conn.accept(&accept).unwrap());
    server.feed(head);
    assert_eq!(server.events(), [request("/demo"), Observed::Open(Hixie75)]);
    assert_eq!(escaped(server.sent()), escaped(response));
}

/// Like `assert_opens`, with edits of the request and response of section 12.
#[track_caller]
fn assert_opens_with_edits(request: (&str, &str), response: (&str, &str)) {
    let head = replace_once(DRAFT_75_REQUEST, request.0, request.1);
    let response = replace_once(DRAFT_75_RESPONSE, response.0, response.1);
    assert_opens(&CONFIG, AcceptOptions::new(), &head, &response);
}

#[test]
fn the_conversation_of_section_12_byte_for_byte_h75_2_h75_3_h75_5() {
    let (head, response) = (DRAFT_75_REQUEST.as_bytes(), DRAFT_75_RESPONSE.as_bytes());
    assert_opens(&CONFIG, AcceptOptions::new(), head, response);
}

#[test]
fn origin_and_location_are_echoed_byte_for_byte_h75_3() {
    for origin in ["null", "file://", "https://Example.com:8443"] {
        let edit = (
            "Origin: http://example.com\r\n",
            &*format!("Origin: {origin}\r\n"),
        );
        assert_opens_with_edits(edit, edit);
    }
    assert_opens_with_edits(
        ("Host: example.com\r\n", "Host: Example.com:8081\r\n"),
        ("//example.com/demo\r\n", "//Example.com:8081/demo\r\n"),
    );
    let (head, response) = (DRAFT_75_REQUEST, DRAFT_75_RESPONSE);
    let tls = CONFIG.tls(true);
    let location = replace_once(response, "ws://", "wss://");
    assert_opens(&tls, AcceptOptions::new(), head.as_bytes(), &location);
    let accept = AcceptOptions::new().authority("public.example.org");
    let location = replace_once(response, "//example.com/demo", "//public.example.org/demo");
    assert_opens(&CONFIG, accept, head.as_bytes(), &location);
}

#[test]
fn the_subprotocol_is_echoed_only_if_offered_h75_3_h75_9() {
    let edited = |requested: &str, accepted: &str| {
        let line = "WebSocket-Protocol: sample\r\n";
        assert_opens_with_edits((line, requested), (line, accepted));
    };
    let same = |line: &str| edited(line, line);
    edited("", "");
    same("WebSocket-Protocol: ~ any \"visible\" string!\r\n");
    // The field name of Hixie-76 is ignored.
    edited("Sec-WebSocket-Protocol: sample\r\n", "");
}

#[test]
fn request_fields_may_have_any_order_rq_13() {
    let mut lines: Vec<&str> = DRAFT_75_REQUEST.trim_end().split("\r\n").collect();
    for _ in 0..5 {
        lines[1..].rotate_left(1);
        let head = lines.join("\r\n") + "\r\n\r\n";
        let response = DRAFT_75_RESPONSE.as_bytes(); // H75-2
        assert_opens(&CONFIG, AcceptOptions::new(), head.as_bytes(), response);
    }
}

#[test]
fn content_length_is_ignored_rq_18() {
    let length = ("\r\n\r\n", "\r\nContent-Length: 8\r\n\r\n");
    assert_opens_with_edits(length, ("\r\n\r\n", "\r\n\r\n"));
}

#[test]
fn bytes_after_the_request_head_are_frames_h75_5() {
    let bytes = [DRAFT_75_REQUEST.as_bytes(), b"\x00Hello\xff\x00\xff"].concat();
    let transcript = run(server(), &bytes, &[], false);
    let events = [
        request("/demo"),
        Observed::Open(Hixie75),
        text("Hello"),
        text(""),
    ];
    assert_eq!(transcript.events, events);
    assert_eq!(escaped(transcript.sent), escaped(DRAFT_75_RESPONSE));
}

#[test]
fn open_is_returned_after_the_response_is_queued_h75_5() {
    let mut conn = server();
    let mut bytes = DRAFT_75_REQUEST.as_bytes().to_vec();
    let mut input = input(&mut bytes);
    assert!(matches!(conn.receive(&mut input), Some(Event::Request(_))));
    assert_eq!(conn.send_text("early"), Err(SendError::NotOpen));
    conn.accept(&AcceptOptions::new()).unwrap();
    assert_eq!(escaped(conn.transmit()), escaped(DRAFT_75_RESPONSE));
    assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
    conn.send_text("now").unwrap();
    let pending = [DRAFT_75_RESPONSE.as_bytes(), b"\x00now\xff"].concat();
    assert_eq!(escaped(conn.transmit()), escaped(pending));
}

// Both roles, open.

fn both_roles(config: &Config) -> [Driver<'static>; 2] {
    ROLES.map(|role| open(config, role, Hixie75))
}

#[test]
fn ff_00_is_skipped_like_any_other_frame_fr_9() {
    for mut driver in both_roles(&CONFIG) {
        driver.feed(b"\xff\x00\x00Hi\xff");
        assert_eq!(driver.events(), [Observed::Skipped(0xFF, 0), text("Hi")]);
        driver.feed(b"\xff\x80\x00\xff\x00");
        let skipped = || Observed::Skipped(0xFF, 0);
        assert_eq!(driver.events(), [skipped(), skipped()]);
        assert_eq!(escaped(driver.sent()), "");
        driver.conn.send_text("open").unwrap();
    }
}

#[test]
fn close_writes_nothing_h75_8_cl_20() {
    for mut driver in both_roles(&CONFIG) {
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::new(1000, "bye")).unwrap();
        driver.feed(b"\x00Hello\xff");
        assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_eq!(escaped(driver.sent()), escaped(b"\x00last\xff"));
        assert_eq!(driver.conn.close(&Close::EMPTY), Ok(()));
        driver.eof();
        assert_eq!(driver.transcript, Transcript::default());
        assert!(driver.conn.is_done());
    }
}

#[test]
fn eof_between_frames_is_not_clean_h75_8() {
    for mut driver in both_roles(&CONFIG) {
        driver.feed(b"\x00Hello\xff");
        driver.eof();
        let eof = Observed::Closed(Closed::Eof(Phase::Open));
        assert_eq!(driver.events(), [text("Hello"), eof]);
        assert_eq!(escaped(driver.sent()), "");
        assert!(driver.conn.is_done());
    }
}

#[test]
fn nothing_is_written_after_a_fatal_error_h75_8_fr_14() {
    let config = CONFIG
        .max_frame_len(5)
        .strict_utf8(true)
        .strict_frames(true);
    let too_long = ProtocolError::FrameTooLong { limit: 5 };
    let length_too_long = ProtocolError::FrameTooLong { limit: 5 };
    let unknown = ProtocolError::UnknownFrameType { frame_type: 0x7F };
    for (bytes, error) in [
        (&b"\x00\x01\x02\x03\x04\x05\x06"[..], too_long),
        (b"\x80\x06", length_too_long),
        (b"\x7f", unknown),
        (b"\x00\xc3\x28\xff", ProtocolError::InvalidUtf8 { at: 0 }),
    ] {
        for mut driver in both_roles(&config) {
            driver.feed(bytes);
            driver.feed(b"\xff\x00Hello\xff");
            driver.eof();
            assert_eq!(driver.events().last(), Some(&protocol_error(error)));
            assert_eq!(escaped(driver.sent()), "");
        }
    }
}

// Client.

fn target() -> ClientRequest {
    plain_target().with_protocol("sample").unwrap()
}

fn plain_target() -> ClientRequest {
    let target = client_request(Hixie75);
    target.with_origin("http://example.com").unwrap()
}

fn client_to(target: &ClientRequest) -> Driver<'static> {
    Driver::new(Connection::client(
        Config::new(),
        target,
        Entropy::from_bytes([0; 32]),
    ))
}

#[test]
fn the_client_request_byte_for_byte_h75_1() {
    let conn = client_to(&target()).conn;
    assert_eq!(escaped(conn.transmit()), escaped(DRAFT_75_REQUEST));

    let target = ClientRequest::new("wss://Example.COM:8443/Demo?A").unwrap();
    let target = target
        .with_dialect(Hixie75)
        .with_header("Cookie", "a=1")
        .unwrap();
    let target = target.with_header("Cookie2", "$Version=1").unwrap();
    let head = "GET /Demo?A HTTP/1.1\r\n\
        Upgrade: WebSocket\r\n\
        Connection: Upgrade\r\n\
        Host: example.com:8443\r\n\
        Origin: https://example.com:8443\r\n\
        Cookie: a=1\r\n\
        Cookie2: $Version=1\r\n\r\n";
    assert_eq!(escaped(client_to(&target).conn.transmit()), escaped(head));
}

/// Returns the events of a client that receives `head`; checks that it writes nothing.
#[track_caller]
fn client_events(target: &ClientRequest, head: &[u8]) -> Vec<Observed> {
    events(client_to(target), head)
}

#[track_caller]
fn events(mut client: Driver<'_>, head: &[u8]) -> Vec<Observed> {
    client.drain();
    client.sent();
    client.feed(head);
    assert_eq!(escaped(client.sent()), "");
    let events = client.events();
    if client.conn.closed().is_some() {
        client.feed(&[DRAFT_75_RESPONSE.as_bytes(), b"\x00Hello\xff"].concat());
        client.eof();
        assert_eq!(client.transcript, Transcript::default()); // FR-16
    }
    events
}

#[track_caller]
fn opens(target: &ClientRequest, head: &[u8]) {
    assert_eq!(client_events(target, head), [Observed::Open(Hixie75)]);
}

#[track_caller]
fn fails(head: &[u8], error: ProtocolError) {
    assert_eq!(client_events(&target(), head), [protocol_error(error)]);
}

/// Checks that a client opens, and that one with `strict_reply` fails with `error`.
#[track_caller]
fn strict_fails(head: &[u8], error: ProtocolError) {
    opens(&target(), head);
    let config = CONFIG.strict_reply(true);
    let strict = Driver::new(Connection::client(
        config.clone(),
        &target(),
        Entropy::from_bytes([9; 32]),
    ));
    assert_eq!(events(strict, head), [protocol_error(error)]);
}

fn response_with(from: &str, to: &str) -> Vec<u8> {
    replace_once(DRAFT_75_RESPONSE, from, to)
}

#[test]
fn a_matching_response_opens_h75_6() {
    let head = response_with("\r\n\r\n", "\r\nSet-Cookie: a=1\r\n\r\n");
    let mut bytes = [&head[..], b"\x00Hello\xff"].concat();
    let mut client = client_to(&target()).conn;
    let mut input = input(&mut bytes);
    let Some(Event::Open(handshake)) = client.receive(&mut input) else {
        panic!("no Open");
    };
    assert_eq!(handshake.dialect(), Hixie75);
    assert_eq!(handshake.protocol(), Some("sample"));
    assert_eq!(handshake.header("Set-Cookie"), Some(&b"a=1"[..]));
    // H75-5: frames may follow immediately.
    let Some(Event::Text(chunk)) = client.receive(&mut input) else {
        panic!("no Text");
    };
    assert_eq!((chunk.as_str(), chunk.is_final()), ("Hello", true));
}

#[test]
fn fields_after_the_third_line_may_have_any_order_h75_6() {
    let mut lines: Vec<&str> = DRAFT_75_RESPONSE.trim_end().split("\r\n").collect();
    for _ in 0..3 {
        lines[3..].rotate_left(1);
        let head = lines.join("\r\n") + "\r\n\r\n";
        opens(&target(), head.as_bytes());
    }
    let without = response_with("WebSocket-Protocol: sample\r\n", "");
    opens(&plain_target(), &without);
}

#[test]
fn sending_before_open_is_rejected_h75_6() {
    let mut client = client_to(&target());
    client.drain();
    client.sent();
    for byte in DRAFT_75_RESPONSE.as_bytes() {
        assert_eq!(client.conn.send_text("early"), Err(SendError::NotOpen));
        client.feed(&[*byte]);
        assert_eq!(escaped(client.sent()), "");
    }
    assert_eq!(client.events(), [Observed::Open(Hixie75)]);
}

#[test]
fn strict_reply_compares_the_status_line_byte_by_byte_h75_6() {
    // The first byte that differs is marked.
    for other in [
        "HTTP/1.1 101 Web^Socket Protocol Handshake",
        "HTTP/1.1 101 ^Switching Protocols",
        "HTTP/1.1 101 Web Socket Protocol Handshake^ ",
        "HTTP/1.1 101 Web Socket Protocol ^handshake",
        "HTTP/1.1 101^",
    ] {
        let line = "HTTP/1.1 101 Web Socket Protocol Handshake";
        let (head, at) = replace_marked(DRAFT_75_RESPONSE, line, other);
        strict_fails(&head, ProtocolError::InvalidStartLine { at });
    }
    let (head, at) = replace_marked(DRAFT_75_RESPONSE, "HTTP/1.1", "HTTP/1.^0");
    fails(&head, ProtocolError::InvalidStartLine { at });
}

/// The second and third line, which WebKit compared byte by byte.
const LINES: [(&str, &str); 2] = [("Upgrade", "WebSocket"), ("Connection", "Upgrade")];

fn line(name: &str, value: &str) -> String {
    format!("\r\n{name}: {value}\r\n")
}

#[test]
fn the_values_of_upgrade_and_connection_must_match_h75_6() {
    for (name, valid) in LINES {
        let check = |line: String, check: fn(&[u8], ProtocolError)| {
            let head = response_with(&self::line(name, valid), &line);
            let at = offset_of(&head, &line) + 2;
            check(&head, header_error(name, at, HeaderErrorKind::Mismatch));
        };
        for invalid in ["", "x", "WebSocket, Upgrade", "WebSocket ", " Upgrade"] {
            check(line(name, invalid), fails);
        }
        for case in [valid.to_lowercase(), valid.to_uppercase()] {
            check(line(name, &case), strict_fails);
        }
        check(format!("\r\n{name}:{valid}\r\n"), strict_fails);
        check(line(&name.to_lowercase(), valid), strict_fails);
    }
}

#[test]
fn strict_reply_requires_upgrade_and_connection_first_h75_6() {
    let [(upgrade, _), (connection, _)] = LINES;
    for (lines, name) in [
        ("X: x\r\nUpgrade: WebSocket\r\nConnection: Upgrade", upgrade),
        ("Connection: Upgrade\r\nUpgrade: WebSocket", upgrade),
        (
            "Upgrade: WebSocket\r\nX: x\r\nConnection: Upgrade",
            connection,
        ),
    ] {
        let head = response_with("Upgrade: WebSocket\r\nConnection: Upgrade", lines);
        let at = offset_of(&head, lines) + if name == upgrade { 0 } else { 20 };
        strict_fails(&head, header_error(name, at, HeaderErrorKind::Mismatch));
    }
}

#[test]
fn upgrade_and_connection_are_required_h75_6() {
    for (name, value) in LINES {
        let head = response_with(&line(name, value), "\r\n");
        let (at, kind) = (head.len() as u32, HeaderErrorKind::Missing);
        fails(&head, header_error(name, at, kind));
    }
}

#[test]
fn a_response_of_one_line_is_rejected_for_the_second_h75_6() {
    let head = b"HTTP/1.1 101 Web Socket Protocol Handshake\r\n\r\n";
    let events = client_events(&target(), head);
    let error = header_error("Upgrade", head.len() as u32, HeaderErrorKind::Missing);
    assert_eq!(events, [protocol_error(error)]);
}

/// The fields after the third line.
const FIELDS: [(&str, &str); 3] = [
    ("WebSocket-Origin", "http://example.com"),
    ("WebSocket-Location", "ws://example.com/demo"),
    ("WebSocket-Protocol", "sample"),
];

#[test]
fn each_field_is_required_exactly_once_h75_6() {
    for (name, value) in FIELDS {
        let valid = line(name, value);
        for without in ["\r\n", &line(&format!("Sec-{name}"), value)] {
            let head = response_with(&valid, without);
            let (at, kind) = (head.len() as u32, HeaderErrorKind::Missing);
            fails(&head, header_error(name, at, kind));
        }
        for again in [value, "other", ""] {
            let second = format!("\r\n{name}:{again}\r\n\r\n");
            let head = response_with("\r\n\r\n", &second);
            let (at, kind) = (offset_of(&head, &second) + 2, HeaderErrorKind::Duplicate);
            fails(&head, header_error(name, at, kind));
        }
    }
}

#[test]
fn each_field_must_have_the_expected_value_h75_6() {
    let rows: [(&str, &[&str]); 3] = [
        (
            "WebSocket-Origin",
            &["", "null", "HTTP://example.com", "http://example.com/"],
        ),
        (
            "WebSocket-Location",
            &[
                "",
                "wss://example.com/demo",
                "ws://Example.com/demo",
                "ws://example.com:8080/demo",
                "ws://example.com/demo?",
            ],
        ),
        (
            "WebSocket-Protocol",
            &["", "Sample", "sample, other", " sample", "sample "],
        ),
    ];
    for ((name, valid), (same, values)) in FIELDS.into_iter().zip(rows) {
        assert_eq!(name, same);
        for value in values {
            let invalid = line(name, value);
            let head = response_with(&line(name, valid), &invalid);
            let at = offset_of(&head, &invalid) + 2;
            fails(&head, header_error(name, at, HeaderErrorKind::Mismatch));
        }
    }
}

#[test]
fn the_location_must_match_exactly_including_the_port_h75_6() {
    let (name, invalid) = ("WebSocket-Location", "ws://example.com:80/demo");
    let head = response_with("ws://example.com/demo", invalid);
    let (at, kind) = (offset_of(&head, name), HeaderErrorKind::Mismatch);
    fails(&head, header_error(name, at, kind));
}

#[test]
fn any_other_status_is_final_h75_7() {
    for status in [200, 301, 401, 403, 407, 503] {
        let head = response_with(" 101 ", &format!(" {status} "));
        let rejected = Observed::Closed(rejection(status, &head));
        assert_eq!(client_events(&target(), &head), [rejected]);
    }
}
