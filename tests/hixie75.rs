//! Conversations in Hixie-75, byte for byte, from both ends: no keys, no closing handshake.

mod common;

use common::*;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Event,
    HeaderErrorKind, Phase, ProtocolError, Refused, Role,
};

use Dialect::Hixie75;

const CONFIG: Config = Config::new().dialects(Dialects::NONE.with(Hixie75));

fn server() -> Connection {
    Connection::server(&CONFIG)
}

fn request(resource: &str) -> Observed {
    Observed::Request(Some(Hixie75), resource.to_owned())
}

fn text(text: &str) -> Observed {
    Observed::Text(text.to_owned())
}

fn protocol_error(error: ProtocolError) -> Observed {
    Observed::Closed(Closed::Protocol(error))
}

// The server.

/// The head gives exactly `reply`, and the connection is open.
#[track_caller]
fn converses(config: &Config, accept: AcceptOptions<'_>, head: &[u8], reply: &[u8]) {
    let server = Connection::server(config);
    let mut server = Driver::answering(server, |conn, _| conn.accept(&accept).unwrap());
    server.feed(head);
    assert_eq!(server.events(), [request("/demo"), Observed::Open(Hixie75)]);
    assert_eq!(escaped(server.sent()), escaped(reply));
}

/// The conversation of section 12, of which the request and the reply are edited.
#[track_caller]
fn converses_edited(request: (&str, &str), reply: (&str, &str)) {
    let head = edit(DRAFT_75_HEAD, request.0, request.1);
    let reply = edit(DRAFT_75_REPLY, reply.0, reply.1);
    converses(&CONFIG, AcceptOptions::new(), &head, &reply);
}

#[test]
fn h75_2_h75_3_h75_5_e5_the_conversation_of_section_12() {
    let (head, reply) = (DRAFT_75_HEAD.as_bytes(), DRAFT_75_REPLY.as_bytes());
    converses(&CONFIG, AcceptOptions::new(), head, reply);
}

#[test]
fn h75_3_origin_and_location_are_repeated_byte_for_byte() {
    for origin in ["null", "file://", "https://Example.com:8443"] {
        let edit = (
            "Origin: http://example.com\r\n",
            &*format!("Origin: {origin}\r\n"),
        );
        converses_edited(edit, edit);
    }
    converses_edited(
        ("Host: example.com\r\n", "Host: Example.com:8081\r\n"),
        ("//example.com/demo\r\n", "//Example.com:8081/demo\r\n"),
    );
    let (head, reply) = (DRAFT_75_HEAD, DRAFT_75_REPLY);
    let secure = CONFIG.tls(true);
    let location = edit(reply, "ws://", "wss://");
    converses(&secure, AcceptOptions::new(), head.as_bytes(), &location);
    let accept = AcceptOptions::new().authority("public.example.org");
    let location = edit(reply, "//example.com/demo", "//public.example.org/demo");
    converses(&CONFIG, accept, head.as_bytes(), &location);
}

#[test]
fn h75_3_h75_9_the_protocol_is_repeated_and_none_is_invented() {
    let edited = |asked: &str, told: &str| {
        let line = "WebSocket-Protocol: sample\r\n";
        converses_edited((line, asked), (line, told));
    };
    let same = |line: &str| edited(line, line);
    edited("", "");
    same("WebSocket-Protocol: ~ any \"visible\" string!\r\n");
    // The name of Hixie-76 means nothing here.
    edited("Sec-WebSocket-Protocol: sample\r\n", "");
}

#[test]
fn rq_13_the_order_of_the_request_is_free_and_the_replys_is_not() {
    let mut lines: Vec<&str> = DRAFT_75_HEAD.trim_end().split("\r\n").collect();
    for _ in 0..5 {
        lines[1..].rotate_left(1);
        let head = lines.join("\r\n") + "\r\n\r\n";
        let reply = DRAFT_75_REPLY.as_bytes(); // H75-2
        converses(&CONFIG, AcceptOptions::new(), head.as_bytes(), reply);
    }
}

#[test]
fn rq_18_a_length_is_ignored() {
    let length = ("\r\n\r\n", "\r\nContent-Length: 8\r\n\r\n");
    converses_edited(length, ("\r\n\r\n", "\r\n\r\n"));
}

#[test]
fn h75_5_bytes_behind_the_request_are_frames() {
    let bytes = [DRAFT_75_HEAD.as_bytes(), b"\x00Hello\xff\x00\xff"].concat();
    let transcript = run(server(), &bytes, &[], false);
    let events = [
        request("/demo"),
        Observed::Open(Hixie75),
        text("Hello"),
        text(""),
    ];
    assert_eq!(transcript.events, events);
    assert_eq!(escaped(transcript.sent), escaped(DRAFT_75_REPLY));
}

#[test]
fn h75_5_open_comes_with_the_reply_queued() {
    let mut conn = server();
    let mut bytes = DRAFT_75_HEAD.as_bytes().to_vec();
    let mut input = &mut bytes[..];
    assert!(matches!(conn.receive(&mut input), Some(Event::Request(_))));
    assert_eq!(conn.send_text("early"), Err(Refused::NotOpen));
    conn.accept(&AcceptOptions::new()).unwrap();
    assert_eq!(escaped(conn.transmit()), escaped(DRAFT_75_REPLY));
    assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
    conn.send_text("now").unwrap();
    let pending = [DRAFT_75_REPLY.as_bytes(), b"\x00now\xff"].concat();
    assert_eq!(escaped(conn.transmit()), escaped(pending));
}

// Both ends, once open.

fn ends(config: &Config) -> [Driver<'static>; 2] {
    [Role::Server, Role::Client]
        .map(|role| Driver::new(Connection::established(config, role, Hixie75, [0; 32])))
}

#[test]
fn fr_9_f13_ff_00_is_a_frame_like_any_other() {
    for mut end in ends(&CONFIG) {
        end.feed(b"\xff\x00\x00Hi\xff");
        assert_eq!(end.events(), [Observed::Skipped(0xFF, 0), text("Hi")]);
        end.feed(b"\xff\x80\x00\xff\x00");
        let skipped = || Observed::Skipped(0xFF, 0);
        assert_eq!(end.events(), [skipped(), skipped()]);
        assert_eq!(escaped(end.sent()), "");
        end.conn.send_text("open").unwrap();
    }
}

#[test]
fn h75_8_cl_20_closing_writes_nothing() {
    for mut end in ends(&CONFIG) {
        end.conn.send_text("last").unwrap();
        end.conn.close(&Close::new(1000, "bye")).unwrap();
        end.feed(b"\x00Hello\xff");
        assert_eq!(end.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_eq!(escaped(end.sent()), escaped(b"\x00last\xff"));
        assert_eq!(end.conn.close(&Close::EMPTY), Err(Refused::Closing));
        end.eof();
        assert_eq!(end.transcript, Transcript::default());
        assert!(end.conn.is_done());
    }
}

#[test]
fn h75_8_the_end_of_input_between_frames_is_not_clean() {
    for mut end in ends(&CONFIG) {
        end.feed(b"\x00Hello\xff");
        end.eof();
        let eof = Observed::Closed(Closed::Eof(Phase::Open));
        assert_eq!(end.events(), [text("Hello"), eof]);
        assert_eq!(escaped(end.sent()), "");
        assert!(end.conn.is_done());
    }
}

#[test]
fn h75_8_fr_14_after_a_fatal_error_it_is_dropped_with_nothing_written() {
    let config = CONFIG
        .max_frame_len(5)
        .strict_utf8(true)
        .strict_frames(true);
    let too_long = ProtocolError::FrameTooLong { at: 6, limit: 5 };
    let length_too_long = ProtocolError::FrameTooLong { at: 1, limit: 5 };
    let unknown = ProtocolError::UnknownFrameType { frame_type: 0x7F };
    for (bytes, error) in [
        (&b"\x00\x01\x02\x03\x04\x05\x06"[..], too_long),
        (b"\x80\x06", length_too_long),
        (b"\x7f", unknown),
        (b"\x00\xc3\x28\xff", ProtocolError::InvalidUtf8 { at: 0 }),
    ] {
        for mut end in ends(&config) {
            end.feed(bytes);
            end.feed(b"\xff\x00Hello\xff");
            end.eof();
            assert_eq!(end.events().last(), Some(&protocol_error(error)));
            assert_eq!(escaped(end.sent()), "");
        }
    }
}

// The client.

fn target() -> ClientRequest {
    plain_target().with_protocol("sample").unwrap()
}

fn plain_target() -> ClientRequest {
    let target = ClientRequest::new("ws://example.com/demo").unwrap();
    let target = target.with_dialect(Hixie75);
    target.with_origin("http://example.com").unwrap()
}

fn client_to(target: &ClientRequest) -> Driver<'static> {
    Driver::new(Connection::client(&Config::new(), target, [0; 32]))
}

#[test]
fn h75_1_the_request_byte_for_byte() {
    let conn = client_to(&target()).conn;
    assert_eq!(escaped(conn.transmit()), escaped(DRAFT_75_HEAD));

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

/// What a client says to this head; it writes nothing.
#[track_caller]
fn heard_by(target: &ClientRequest, head: &[u8]) -> Vec<Observed> {
    let mut client = client_to(target);
    client.drain();
    client.sent();
    client.feed(head);
    assert_eq!(escaped(client.sent()), "");
    let events = client.events();
    if client.conn.closed().is_some() {
        client.feed(&[DRAFT_75_REPLY.as_bytes(), b"\x00Hello\xff"].concat());
        client.eof();
        assert_eq!(client.transcript, Transcript::default()); // FR-16
    }
    events
}

#[track_caller]
fn opens(target: &ClientRequest, head: &[u8]) {
    assert_eq!(heard_by(target, head), [Observed::Open(Hixie75)]);
}

#[track_caller]
fn fails(head: &[u8], error: ProtocolError) {
    assert_eq!(heard_by(&target(), head), [protocol_error(error)]);
}

fn reply_with(from: &str, to: &str) -> Vec<u8> {
    edit(DRAFT_75_REPLY, from, to)
}

#[test]
fn h75_6_the_reply_that_was_asked_for() {
    let head = reply_with("\r\n\r\n", "\r\nSet-Cookie: a=1\r\n\r\n");
    let mut bytes = [&head[..], b"\x00Hello\xff"].concat();
    let mut client = client_to(&target()).conn;
    let mut input = &mut bytes[..];
    let Some(Event::Open(open)) = client.receive(&mut input) else {
        panic!("it is all there");
    };
    assert_eq!(open.dialect(), Hixie75);
    assert_eq!(open.protocol(), Some("sample"));
    assert_eq!(open.header("Set-Cookie"), Some(&b"a=1"[..]));
    // H75-5: frames may follow at once.
    let Some(Event::Text(piece)) = client.receive(&mut input) else {
        panic!("a frame is there");
    };
    assert_eq!((piece.as_str(), piece.is_final()), ("Hello", true));
}

#[test]
fn h75_6_behind_three_lines_the_order_is_free() {
    let mut lines: Vec<&str> = DRAFT_75_REPLY.trim_end().split("\r\n").collect();
    for _ in 0..3 {
        lines[3..].rotate_left(1);
        let head = lines.join("\r\n") + "\r\n\r\n";
        opens(&target(), head.as_bytes());
    }
    let without = reply_with("WebSocket-Protocol: sample\r\n", "");
    opens(&plain_target(), &without);
}

#[test]
fn h75_6_nothing_is_sent_before_open() {
    let mut client = client_to(&target());
    client.drain();
    client.sent();
    for byte in DRAFT_75_REPLY.as_bytes() {
        assert_eq!(client.conn.send_text("early"), Err(Refused::NotOpen));
        client.feed(&[*byte]);
        assert_eq!(escaped(client.sent()), "");
    }
    assert_eq!(client.events(), [Observed::Open(Hixie75)]);
}

#[test]
fn h75_6_the_first_line_is_compared_byte_by_byte() {
    // The first byte that differs is marked.
    for other in [
        "HTTP/1.1 101 Web^Socket Protocol Handshake",
        "HTTP/1.1 101 ^Switching Protocols",
        "HTTP/1.1 101 Web Socket Protocol Handshake^ ",
        "HTTP/1.1 101 Web Socket Protocol ^handshake",
        "HTTP/1.^0 101 Web Socket Protocol Handshake",
    ] {
        let line = "HTTP/1.1 101 Web Socket Protocol Handshake";
        let (head, at) = edit_marked(DRAFT_75_REPLY, line, other);
        fails(&head, ProtocolError::InvalidStartLine { at });
    }
}

/// The lines behind the first, which WebKit compared byte by byte.
const LINES: [(&str, &str); 2] = [("Upgrade", "WebSocket"), ("Connection", "Upgrade")];

fn line(name: &str, value: &str) -> String {
    format!("\r\n{name}: {value}\r\n")
}

#[test]
fn h75_6_the_second_and_third_line_say_what_they_have_to() {
    for (name, right) in LINES {
        let values = ["", "x", "websocket", "upgrade", "WebSocket ", " Upgrade"];
        let field = |value| line(name, value);
        let lines = values.map(field).into_iter().chain([
            format!("\r\n{name}:{right}\r\n"),
            format!("\r\n{}: {right}\r\n", name.to_lowercase()),
        ]);
        for wrong in lines {
            let head = reply_with(&line(name, right), &wrong);
            let (at, kind) = (at(&head, &wrong) + 2, HeaderErrorKind::Mismatch);
            fails(&head, ProtocolError::InvalidHeader { name, at, kind });
        }
    }
}

#[test]
fn h75_6_the_second_and_third_line_are_there() {
    for (name, value) in LINES {
        let head = reply_with(&line(name, value), "\r\n");
        let (at, kind) = (head.len() as u32, HeaderErrorKind::Missing);
        fails(&head, ProtocolError::InvalidHeader { name, at, kind });
    }
}

#[test]
fn h75_6_a_reply_of_one_line_lacks_the_second() {
    let head = b"HTTP/1.1 101 Web Socket Protocol Handshake\r\n\r\n";
    let events = heard_by(&target(), head);
    let error = ProtocolError::InvalidHeader {
        name: "Upgrade",
        at: head.len() as u32,
        kind: HeaderErrorKind::Missing,
    };
    assert_eq!(events, [protocol_error(error)]);
}

/// The fields that follow.
const FIELDS: [(&str, &str); 3] = [
    ("WebSocket-Origin", "http://example.com"),
    ("WebSocket-Location", "ws://example.com/demo"),
    ("WebSocket-Protocol", "sample"),
];

#[test]
fn h75_6_each_field_is_there_once_under_its_own_name() {
    for (name, value) in FIELDS {
        let right = line(name, value);
        for without in ["\r\n", &line(&format!("Sec-{name}"), value)] {
            let head = reply_with(&right, without);
            let (at, kind) = (head.len() as u32, HeaderErrorKind::Missing);
            fails(&head, ProtocolError::InvalidHeader { name, at, kind });
        }
        for again in [value, "other", ""] {
            let second = format!("\r\n{name}:{again}\r\n\r\n");
            let head = reply_with("\r\n\r\n", &second);
            let (at, kind) = (at(&head, &second) + 2, HeaderErrorKind::Duplicate);
            fails(&head, ProtocolError::InvalidHeader { name, at, kind });
        }
    }
}

#[test]
fn h75_6_each_field_says_what_it_has_to() {
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
    for ((name, right), (same, values)) in FIELDS.into_iter().zip(rows) {
        assert_eq!(name, same);
        for value in values {
            let wrong = line(name, value);
            let head = reply_with(&line(name, right), &wrong);
            let (at, kind) = (at(&head, &wrong) + 2, HeaderErrorKind::Mismatch);
            fails(&head, ProtocolError::InvalidHeader { name, at, kind });
        }
    }
}

#[test]
fn h75_6_the_location_is_exact_and_a_written_out_port_is_another() {
    let (name, wrong) = ("WebSocket-Location", "ws://example.com:80/demo");
    let head = reply_with("ws://example.com/demo", wrong);
    let (at, kind) = (at(&head, name), HeaderErrorKind::Mismatch);
    fails(&head, ProtocolError::InvalidHeader { name, at, kind });
}

#[test]
fn h75_7_any_other_status_is_final() {
    for status in [100, 200, 301, 401, 403, 407, 503] {
        let head = reply_with(" 101 ", &format!(" {status} "));
        let rejected = Observed::Closed(Closed::Rejected(status));
        assert_eq!(heard_by(&target(), &head), [rejected]);
    }
}
