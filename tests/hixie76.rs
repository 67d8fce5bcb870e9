//! Conversations in Hixie-76, byte for byte, from both ends.

mod common;

use std::time::Duration;

use common::*;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Event,
    HeaderErrorKind, LineErrorKind, Phase, ProtocolError, Refused, Response, Role,
};

use Dialect::{Hixie75, Hixie76};

fn server() -> Connection {
    Connection::server(&Config::new())
}

fn request(resource: &str) -> Observed {
    Observed::Request(Some(Hixie76), resource.to_owned())
}

fn text(text: &str) -> Observed {
    Observed::Text(text.to_owned())
}

fn protocol_error(error: ProtocolError) -> Observed {
    Observed::Closed(Closed::Protocol(error))
}

fn clean() -> Observed {
    Observed::Closed(Closed::Clean(Close::EMPTY))
}

fn eof(phase: Phase) -> Observed {
    Observed::Closed(Closed::Eof(phase))
}

// The server's opening.

/// Head and key3 come apart: the head gives exactly `reply`, key3 exactly the answer (H76-3).
#[track_caller]
fn converses(config: &Config, accept: AcceptOptions<'_>, head: &[u8], reply: &[u8]) {
    let server = Connection::server(config);
    let mut server = Driver::answering(server, |conn, _| conn.accept(&accept).unwrap());
    server.feed(head);
    assert_eq!(server.events(), [request(resource(head))]);
    assert_eq!(escaped(server.sent()), escaped(reply));
    server.feed(DRAFT_76_KEY3);
    assert_eq!(server.events(), [Observed::Open(Hixie76)]);
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_ANSWER));
}

fn resource(head: &[u8]) -> &str {
    let line = std::str::from_utf8(head).unwrap().lines().next().unwrap();
    let target = line.strip_prefix("GET ").unwrap();
    target.strip_suffix(" HTTP/1.1").unwrap()
}

/// The draft's conversation, of which the request and the reply are edited.
#[track_caller]
fn converses_edited(request: (&str, &str), reply: (&str, &str)) {
    let head = edit(DRAFT_76_HEAD, request.0, request.1);
    let reply = edit(DRAFT_76_REPLY, reply.0, reply.1);
    converses(&Config::new(), AcceptOptions::new(), &head, &reply);
}

#[test]
fn h76_1_h76_5_h76_6_h76_9_e1_the_drafts_conversation() {
    let (head, reply) = (DRAFT_76_HEAD.as_bytes(), DRAFT_76_REPLY.as_bytes());
    converses(&Config::new(), AcceptOptions::new(), head, reply);
}

#[test]
fn h76_8_e2_the_location_has_the_host_as_it_came() {
    for host in [
        "example.com:8081",
        "example.com:80",
        "Example.COM",
        "127.0.0.1:1",
        "[::1]:65535",
    ] {
        let asked = format!("Host: {host}\r\n");
        let told = format!("Location: ws://{host}/demo\r\n");
        converses_edited(
            ("Host: example.com\r\n", &asked),
            ("Location: ws://example.com/demo\r\n", &told),
        );
    }
}

#[test]
fn h76_8_the_caller_may_name_another_authority() {
    let accept = AcceptOptions::new().authority("public.example.org:8443");
    let reply = edit(
        DRAFT_76_REPLY,
        "ws://example.com/demo",
        "ws://public.example.org:8443/demo",
    );
    converses(&Config::new(), accept, DRAFT_76_HEAD.as_bytes(), &reply);
}

#[test]
fn h76_7_e3_the_caller_says_whether_the_client_used_tls() {
    let secure = Config::new().tls(true);
    let reply = edit(DRAFT_76_REPLY, "ws://", "wss://");
    converses(
        &secure,
        AcceptOptions::new(),
        DRAFT_76_HEAD.as_bytes(),
        &reply,
    );
    // Never a guess from the origin.
    let https = ("Origin: http:", "Origin: https:");
    converses_edited(https, https);
}

#[test]
fn h76_6_e4_case_counts_in_the_reply_alone() {
    let head = edit(DRAFT_76_HEAD, "Upgrade: WebSocket", "Upgrade: WEBSOCKET");
    let head = edit(head, "Connection: Upgrade", "Connection: UPGRADE");
    let reply = DRAFT_76_REPLY.as_bytes();
    converses(&Config::new(), AcceptOptions::new(), &head, reply);
}

#[test]
fn h76_3_e6_the_head_of_the_reply_does_not_wait_for_key3() {
    let head = "GET /demo HTTP/1.1\r\n\
        Host: example.com\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0\r\n\
        Upgrade: WebSocket\r\n\
        Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8\r\n\
        Origin: http://example.com\r\n\r\n";
    let mut server = Driver::new(server());
    server.feed(head.as_bytes());
    let reply = edit(DRAFT_76_REPLY, "Sec-WebSocket-Protocol: sample\r\n", "");
    assert_eq!(escaped(server.sent()), escaped(reply));
    server.feed(b"Tm[K T2u");
    assert_eq!(escaped(server.sent()), escaped(b"fQJ,fN/4F4!~K~MH"));
}

#[test]
fn h76_1_h76_3_key3_a_byte_at_a_time_as_a_proxy_sends_it_on() {
    let mut server = Driver::new(server());
    server.feed(DRAFT_76_HEAD.as_bytes());
    server.events();
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_REPLY));
    let (last, first) = DRAFT_76_KEY3.split_last().unwrap();
    for byte in first {
        server.feed(&[*byte]);
        assert_eq!(server.transcript, Transcript::default());
    }
    server.feed(&[*last]);
    assert_eq!(server.events(), [Observed::Open(Hixie76)]);
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_ANSWER));
}

#[test]
fn h76_3_both_at_once_when_key3_is_already_there() {
    let bytes = [DRAFT_76_HEAD.as_bytes(), DRAFT_76_KEY3].concat();
    let transcript = run(server(), &bytes, &[], false);
    assert_eq!(
        transcript.events,
        [request("/demo"), Observed::Open(Hixie76)]
    );
    let sent = [DRAFT_76_REPLY.as_bytes(), DRAFT_76_ANSWER].concat();
    assert_eq!(escaped(transcript.sent), escaped(sent));
}

#[test]
fn h76_8_rq_2_the_target_is_kept_byte_for_byte() {
    for target in [
        "/",
        "/?",
        "/demo?",
        "/demo?a=1&b=%20",
        "/demo??/",
        "//demo/../x",
        "/a:b@c;d='e\"f<g>|{h}[i]^`~\\!$*(,)_-.+",
    ] {
        converses_edited(
            ("GET /demo ", &format!("GET {target} ")),
            (
                "ws://example.com/demo\r\n",
                &format!("ws://example.com{target}\r\n"),
            ),
        );
    }
}

#[test]
fn h76_10_the_origin_is_repeated_byte_for_byte() {
    for origin in [
        "null",
        "file://",
        "https://example.com:8443",
        "http://Example.COM",
    ] {
        let edit = (
            "Origin: http://example.com\r\n",
            &*format!("Origin: {origin}\r\n"),
        );
        converses_edited(edit, edit);
    }
}

#[test]
fn h76_13_the_protocol_is_repeated_and_none_is_invented() {
    let edited = |asked: &str, told: &str| {
        let line = "Sec-WebSocket-Protocol: sample\r\n";
        converses_edited((line, asked), (line, told));
    };
    let same = |line: &str| edited(line, line);
    edited("", "");
    same("Sec-WebSocket-Protocol: ~ any \"visible\" string!\r\n");
    same("Sec-WebSocket-Protocol: chat, superchat\r\n");
    // RQ-12: repeated lists are one.
    edited(
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n",
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
    );
    // The name of Hixie-75 means nothing here.
    edited("WebSocket-Protocol: sample\r\n", "");
}

#[test]
fn h76_13_one_member_of_a_list_may_be_chosen() {
    for list in [
        "chat,superchat",
        "chat, superchat",
        "superchat chat",
        "superchat",
    ] {
        let head = edit(DRAFT_76_HEAD, "sample", list);
        let reply = edit(DRAFT_76_REPLY, "sample", "superchat");
        let accept = AcceptOptions::new().protocol("superchat");
        converses(&Config::new(), accept, &head, &reply);
    }
}

#[test]
fn h76_15_cookies_may_be_set() {
    let cookies = [("Set-Cookie", "a=1; HttpOnly"), ("Set-Cookie", "b=2")];
    let accept = AcceptOptions::new().headers(&cookies);
    let reply = edit(
        DRAFT_76_REPLY,
        "\r\n\r\n",
        "\r\nSet-Cookie: a=1; HttpOnly\r\nSet-Cookie: b=2\r\n\r\n",
    );
    converses(&Config::new(), accept, DRAFT_76_HEAD.as_bytes(), &reply);
}

#[test]
fn h76_16_a_length_of_8_is_taken_and_none_is_sent() {
    let head = edit(DRAFT_76_HEAD, "\r\n\r\n", "\r\nContent-Length: 8\r\n\r\n"); // RQ-18
    let reply = DRAFT_76_REPLY.as_bytes();
    converses(&Config::new(), AcceptOptions::new(), &head, reply);
}

#[test]
fn h76_12_an_origin_is_refused_before_anything_else_is_written() {
    let mut server = Driver::answering(server(), |conn, request| {
        assert!(request.origin_among(&["http://other.example", "HTTP://EXAMPLE.COM"]));
        assert!(!request.origin_among(&["http://other.example", "http://example.com:80"]));
        conn.respond(&Response::new(403)).unwrap();
    });
    server.feed(DRAFT_76_HEAD.as_bytes());
    assert_eq!(
        server.events(),
        [request("/demo"), Observed::Closed(Closed::Rejected(403))]
    );
    let refusal = "HTTP/1.1 403 Forbidden\r\n\
        Connection: close\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 14\r\n\r\n\
        403 Forbidden\n"; // PX-3
    assert_eq!(escaped(server.sent()), escaped(refusal));
    server.feed(DRAFT_76_KEY3);
    assert_eq!(server.transcript, Transcript::default());
}

#[test]
fn h76_4_open_comes_with_the_answer_queued_and_no_message_before_it() {
    let mut conn = server();
    let mut sent = Vec::new();
    let mut bytes = [DRAFT_76_HEAD.as_bytes(), DRAFT_76_KEY3].concat();
    let mut input = &mut bytes[..];
    assert_eq!(conn.send_text("early"), Err(Refused::NotOpen));
    assert!(matches!(conn.receive(&mut input), Some(Event::Request(_))));
    assert_eq!(conn.send_text("early"), Err(Refused::NotOpen));
    conn.accept(&AcceptOptions::new()).unwrap();
    assert_eq!(conn.send_text("early"), Err(Refused::NotOpen));
    sent.extend_from_slice(conn.transmit());
    assert_eq!(escaped(&sent), escaped(DRAFT_76_REPLY));
    conn.advance(sent.len());
    assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
    assert_eq!(escaped(conn.transmit()), escaped(DRAFT_76_ANSWER));
    conn.send_text("now").unwrap();
    let pending = [DRAFT_76_ANSWER, &b"\x00now\xff"[..]].concat();
    assert_eq!(escaped(conn.transmit()), escaped(pending));
}

#[test]
fn h76_17_nothing_follows_the_answer() {
    let mut server = Driver::new(server());
    server.feed(DRAFT_76_HEAD.as_bytes());
    server.sent();
    server.feed(DRAFT_76_KEY3);
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_ANSWER));
    server.feed(b"\x00Hello\xff\x80\x01x");
    server.eof();
    assert_eq!(escaped(server.sent()), "");
}

#[test]
fn h76_18_frames_behind_key3_are_heard_after_open() {
    let bytes = [
        DRAFT_76_HEAD.as_bytes(),
        DRAFT_76_KEY3,
        b"\x00Hello\xff\x00\xff\xff\x00",
    ]
    .concat();
    let transcript = run(server(), &bytes, &[], false);
    let events = [
        request("/demo"),
        Observed::Open(Hixie76),
        text("Hello"),
        text(""),
        clean(),
    ];
    assert_eq!(transcript.events, events);
    let sent = [DRAFT_76_REPLY.as_bytes(), DRAFT_76_ANSWER, b"\xff\x00"].concat();
    assert_eq!(escaped(transcript.sent), escaped(sent));
}

#[test]
fn h76_20_there_is_no_second_request() {
    let vector = &vectors()[17];
    assert_eq!((&*vector.id, &vector.key3), ("V18", b"GET / HT"));
    let mut server = Driver::new(server());
    server.feed(vector.head().as_bytes());
    server.feed(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    // What is behind the 8 bytes is a frame of type 0x54 with no end yet.
    assert_eq!(server.events(), [request("/demo"), Observed::Open(Hixie76)]);
    assert!(server.sent().ends_with(&vector.answer));
    server.feed(b"\xff");
    let length = "P/1.1\r\nHost: example.com\r\n\r\n".len() as u64;
    assert_eq!(server.events(), [Observed::Skipped(b'T', length)]);
    assert_eq!(escaped(server.sent()), "");
}

#[test]
fn h76_19_px_4_input_may_end_at_any_byte_of_key3() {
    for got in 0..8 {
        let mut server = Driver::new(server());
        server.feed(DRAFT_76_HEAD.as_bytes());
        server.feed(&DRAFT_76_KEY3[..got]);
        server.transcript = Transcript::default();
        server.eof();
        assert_eq!(
            server.events(),
            [eof(Phase::Handshaking)],
            "{got} bytes of key3"
        );
        server.eof();
        assert_eq!(server.transcript, Transcript::default());
        assert!(server.conn.is_done());
    }
}

#[test]
fn h76_19_px_4_the_caller_may_run_out_of_time_at_any_byte_of_key3() {
    for got in 0..8 {
        let mut server = Driver::new(server());
        server.feed(DRAFT_76_HEAD.as_bytes());
        server.feed(&DRAFT_76_KEY3[..got]);
        server.transcript = Transcript::default();
        server.conn.tick(Duration::ZERO);
        server.conn.tick(Duration::from_secs(10));
        server.feed(&DRAFT_76_KEY3[got..]);
        let timed_out = Observed::Closed(Closed::TimedOut(Phase::Handshaking));
        assert_eq!(server.events(), [timed_out], "{got} bytes of key3");
        assert_eq!(escaped(server.sent()), "");
    }
}

#[test]
fn px_4_after_the_head_of_the_reply_no_http_error_follows() {
    let mut server = Driver::new(server());
    server.feed(DRAFT_76_HEAD.as_bytes());
    server.transcript = Transcript::default();
    server.conn.close(&Close::EMPTY).unwrap();
    server.feed(DRAFT_76_KEY3);
    assert_eq!(server.events(), [Observed::Closed(Closed::LocallyClosed)]);
    assert_eq!(escaped(server.sent()), "");
}

// The vectors of section 12.

struct Vector {
    id: String,
    key1: String,
    key2: String,
    key3: [u8; 8],
    parts: [u32; 2],
    answer: [u8; 16],
}

impl Vector {
    fn head(&self) -> String {
        head_with_keys(
            &format!("Sec-WebSocket-Key1: {}\r\n", self.key1),
            &format!("Sec-WebSocket-Key2: {}\r\n", self.key2),
        )
    }

    fn head_in_the_other_order(&self) -> String {
        head_with_keys(
            &format!("Sec-WebSocket-Key2: {}\r\n", self.key2),
            &format!("Sec-WebSocket-Key1: {}\r\n", self.key1),
        )
    }
}

fn head_with_keys(one: &str, other: &str) -> String {
    format!(
        "GET /demo HTTP/1.1\r\n\
         Host: example.com\r\n\
         {one}\
         Connection: Upgrade\r\n\
         Upgrade: WebSocket\r\n\
         {other}\
         Origin: http://example.com\r\n\r\n"
    )
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = include_str!("vectors/challenge.jsonl")
        .lines()
        .map(|line| Vector {
            id: json_string(line, "id"),
            key1: json_string(line, "key1"),
            key2: json_string(line, "key2"),
            key3: hex(&json_string(line, "key3")),
            parts: [json_number(line, "p1"), json_number(line, "p2")],
            answer: hex(&json_string(line, "answer")),
        })
        .collect();
    let ids = vectors.iter().map(|vector| vector.id.clone());
    assert!(ids.eq((1..=19).map(|n| format!("V{n}"))));
    vectors
}

fn json_string(line: &str, name: &str) -> String {
    let (_, rest) = line.split_once(&format!("\"{name}\": \"")).unwrap();
    let (mut value, mut rest) = (String::new(), rest.chars());
    loop {
        match rest.next().unwrap() {
            '"' => return value,
            '\\' => match rest.next() {
                Some(plain @ ('"' | '\\')) => value.push(plain),
                other => panic!("an escape that is not read: {other:?}"),
            },
            plain => value.push(plain),
        }
    }
}

fn json_number(line: &str, name: &str) -> u32 {
    let (_, rest) = line.split_once(&format!("\"{name}\": ")).unwrap();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..end].parse().unwrap()
}

fn hex<const N: usize>(digits: &str) -> [u8; N] {
    assert_eq!(digits.len(), 2 * N);
    std::array::from_fn(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
}

#[test]
fn key_8_every_vector_as_a_handshake_with_the_keys_in_either_order() {
    let reply = edit(DRAFT_76_REPLY, "Sec-WebSocket-Protocol: sample\r\n", "");
    for vector in vectors() {
        for head in [vector.head(), vector.head_in_the_other_order()] {
            let mut server = Driver::new(server());
            server.feed(head.as_bytes());
            assert_eq!(escaped(server.sent()), escaped(&reply), "{}", vector.id);
            server.feed(&vector.key3);
            assert_eq!(
                escaped(server.sent()),
                escaped(vector.answer),
                "{}",
                vector.id
            );
            assert_eq!(server.events(), [request("/demo"), Observed::Open(Hixie76)]);
        }
    }
}

#[test]
fn key_1_key_2_key_7_digits_in_order_divided_by_spaces() {
    for vector in vectors() {
        assert_eq!(part(&vector.key1), vector.parts[0], "{}", vector.id);
        assert_eq!(part(&vector.key2), vector.parts[1], "{}", vector.id);
    }
}

/// A key's number divided by its spaces, by the letter of the draft.
fn part(key: &str) -> u32 {
    let digits: String = key.chars().filter(char::is_ascii_digit).collect();
    let spaces = key.matches(' ').count() as u64;
    let number: u64 = digits.parse().unwrap();
    assert_eq!(number % spaces, 0, "{key:?}");
    u32::try_from(number / spaces).unwrap()
}

// The client's request.

/// Where the draft's own request goes to.
fn target() -> ClientRequest {
    plain_target().with_protocol("sample").unwrap()
}

fn plain_target() -> ClientRequest {
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(Hixie76);
    target.with_origin("http://example.com").unwrap()
}

const ENTROPY: [u8; 32] = *b"32 bytes nobody else can know...";

fn request_to(target: &ClientRequest, entropy: [u8; 32]) -> Request {
    let conn = Connection::client(&Config::new(), target, entropy);
    let (head, key3) = conn.transmit().split_last_chunk().unwrap();
    Request {
        head: String::from_utf8(head.to_vec()).unwrap(),
        key3: *key3,
    }
}

/// What a client asks, taken apart.
#[derive(Debug, PartialEq)]
struct Request {
    head: String,
    key3: [u8; 8],
}

impl Request {
    fn field(&self, name: &str) -> &str {
        let mut lines = self.head.split("\r\n");
        let prefix = format!("{name}: ");
        lines.find_map(|line| line.strip_prefix(&prefix)).unwrap()
    }

    fn keys(&self) -> [&str; 2] {
        ["Sec-WebSocket-Key1", "Sec-WebSocket-Key2"].map(|name| self.field(name))
    }

    /// The answer that it has to get: a server's, which the vectors prove right, to the plainest
    /// keys of the same numbers.
    fn answer(&self) -> [u8; 16] {
        let [part1, part2] = self.keys().map(part);
        let head = head_with_keys(
            &format!("Sec-WebSocket-Key1: {part1} \r\n"),
            &format!("Sec-WebSocket-Key2: {part2} \r\n"),
        );
        let bytes = [head.as_bytes(), &self.key3].concat();
        let transcript = run(server(), &bytes, &[], false);
        *transcript.sent.last_chunk().unwrap()
    }
}

#[test]
fn h76_30_h76_31_the_request_byte_for_byte() {
    let target = target().with_header("Cookie", "a=1").unwrap();
    let target = target.with_header("Cookie2", "$Version=1").unwrap();
    let request = request_to(&target, ENTROPY);
    let [key1, key2] = request.keys();
    let head = format!(
        "GET /demo HTTP/1.1\r\n\
         Upgrade: WebSocket\r\n\
         Connection: Upgrade\r\n\
         Host: example.com\r\n\
         Origin: http://example.com\r\n\
         Sec-WebSocket-Protocol: sample\r\n\
         Cookie: a=1\r\n\
         Cookie2: $Version=1\r\n\
         Sec-WebSocket-Key1: {key1}\r\n\
         Sec-WebSocket-Key2: {key2}\r\n\r\n"
    );
    assert_eq!(request.head, head);
    assert_eq!(request, request_to(&target, ENTROPY));
}

#[test]
fn h76_31_what_is_not_asked_for_is_not_in_the_request() {
    let request = request_to(&plain_target(), ENTROPY);
    let [key1, key2] = request.keys();
    let head = format!(
        "GET /demo HTTP/1.1\r\n\
         Upgrade: WebSocket\r\n\
         Connection: Upgrade\r\n\
         Host: example.com\r\n\
         Origin: http://example.com\r\n\
         Sec-WebSocket-Key1: {key1}\r\n\
         Sec-WebSocket-Key2: {key2}\r\n\r\n"
    );
    assert_eq!(request.head, head);
}

#[test]
fn h76_30_h76_32_what_the_url_gives() {
    let rows = [
        ("ws://example.com", "/", "example.com", "http"),
        ("ws://example.com/", "/", "example.com", "http"),
        ("ws://example.com:80/x", "/x", "example.com", "http"),
        ("ws://example.com:443/", "/", "example.com:443", "http"),
        ("wss://example.com:443/", "/", "example.com", "https"),
        ("wss://example.com:80/", "/", "example.com:80", "https"),
        ("ws://example.com/a?b=/c", "/a?b=/c", "example.com", "http"),
        ("ws://example.com?b", "/?b", "example.com", "http"),
        ("WS://EXAMPLE.Com/Ab?Cd", "/Ab?Cd", "example.com", "http"),
        ("ws://[::AB]:8081/", "/", "[::ab]:8081", "http"),
    ];
    for (url, resource, host, scheme) in rows {
        let request = request_to(
            &ClientRequest::new(url).unwrap().with_dialect(Hixie76),
            ENTROPY,
        );
        let line = format!("GET {resource} HTTP/1.1\r\n");
        assert!(request.head.starts_with(&line), "{url}: {}", request.head);
        assert_eq!(request.field("Host"), host, "{url}");
        let origin = format!("{scheme}://{host}");
        assert_eq!(request.field("Origin"), origin, "{url}");
    }
}

#[test]
fn h76_32_the_origin_is_lower_cased() {
    let target = plain_target().with_origin("HTTPS://WWW.Example.COM:8443");
    let request = request_to(&target.unwrap(), ENTROPY);
    assert_eq!(request.field("Origin"), "https://www.example.com:8443");
    let target = plain_target().with_origin("null").unwrap();
    assert_eq!(request_to(&target, ENTROPY).field("Origin"), "null");
}

#[test]
fn key_9_key_10_keys_have_the_form_that_the_draft_gives_them() {
    let mut seen = Vec::new();
    for seed in 0..=u8::MAX {
        let request = request_to(&target(), [seed; 32]);
        for key in request.keys() {
            let count = |is: fn(&u8) -> bool| key.bytes().filter(is).count();
            let spaces = count(|byte| *byte == b' ');
            let digits = count(u8::is_ascii_digit);
            let noise = count(|byte| matches!(byte, 0x21..=0x2F | 0x3A..=0x7E));
            assert!((1..=12).contains(&spaces), "{key:?}");
            assert!((1..=12).contains(&noise), "{key:?}");
            assert_eq!(spaces + digits + noise, key.len(), "{key:?}");
            assert!(!key.starts_with(' ') && !key.ends_with(' '), "{key:?}");
            assert!(u64::from(part(key)) * spaces as u64 <= 4_294_967_295);
            seen.push((key.to_owned(), request.key3));
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 512, "other entropy, other keys");
}

// What the client makes of the reply.

/// A client that has sent its request, and the answer that it waits for.
fn client_to(target: &ClientRequest, entropy: [u8; 32]) -> (Driver<'static>, [u8; 16]) {
    let answer = request_to(target, entropy).answer();
    let conn = Connection::client(&Config::new(), target, entropy);
    let mut client = Driver::new(conn);
    client.drain();
    client.sent();
    (client, answer)
}

/// What a client says to this head and the right answer behind it; it writes nothing.
#[track_caller]
fn heard_by(target: &ClientRequest, head: &[u8]) -> Vec<Observed> {
    let (mut client, answer) = client_to(target, ENTROPY);
    client.feed(&[head, &answer].concat());
    assert_eq!(escaped(client.sent()), "");
    let events = client.events();
    if client.conn.closed().is_some() {
        client.feed(&[DRAFT_76_REPLY.as_bytes(), &answer, b"\x00Hello\xff"].concat());
        client.eof();
        assert_eq!(client.transcript, Transcript::default()); // FR-16
    }
    events
}

#[track_caller]
fn opens(target: &ClientRequest, head: &[u8]) {
    assert_eq!(heard_by(target, head), [Observed::Open(Hixie76)]);
}

#[track_caller]
fn fails(head: &[u8], error: ProtocolError) {
    assert_eq!(heard_by(&target(), head), [protocol_error(error)]);
}

fn reply_with(from: &str, to: &str) -> Vec<u8> {
    edit(DRAFT_76_REPLY, from, to)
}

#[test]
fn h76_36_h76_39_the_reply_that_was_asked_for() {
    let (client, answer) = client_to(&target(), ENTROPY);
    let mut conn = client.conn;
    let head = reply_with("\r\n\r\n", "\r\nSet-Cookie: a=1\r\nX-Empty:\r\n\r\n");
    let mut bytes = [&head[..], &answer].concat();
    let Some(Event::Open(open)) = conn.receive(&mut &mut bytes[..]) else {
        panic!("it is all there");
    };
    assert_eq!(open.dialect(), Hixie76);
    assert_eq!(open.protocol(), Some("sample"));
    assert_eq!(open.header("set-cookie"), Some(&b"a=1"[..]));
    let last = open.headers().last();
    assert_eq!(last, Some(("X-Empty", &b""[..])));
    assert_eq!(escaped(conn.transmit()), "");
}

#[test]
fn h76_33_nothing_is_sent_before_open() {
    let (mut client, answer) = client_to(&target(), ENTROPY);
    let reply = [DRAFT_76_REPLY.as_bytes(), &answer].concat();
    for byte in reply {
        assert_eq!(client.conn.send_text("early"), Err(Refused::NotOpen));
        client.feed(&[byte]);
        assert_eq!(escaped(client.sent()), "");
    }
    assert_eq!(client.events(), [Observed::Open(Hixie76)]);
    client.conn.send_text("now").unwrap();
    client.drain();
    assert_eq!(escaped(client.sent()), escaped(b"\x00now\xff"));
}

#[test]
fn h76_34_the_status_line_needs_two_spaces_and_101() {
    let line = "HTTP/1.1 101 WebSocket Protocol Handshake";
    for other in [
        "HTTP/1.1 101 ",
        "HTTP/1.1 101  ",
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1 101 Web Socket Protocol Handshake",
        "HTTP/1.0 101 200 OK",
        "x 101 y",
        " 101 ", // Seven bytes with its CR LF.
    ] {
        opens(&target(), &reply_with(line, other));
    }
    // The byte at which each goes wrong is marked.
    for malformed in [
        "HTTP/1.1 101^",
        "HTTP/1.1^",
        "^",
        "HTTP/1.1 ^ 101 x",
        "HTTP/1.1 10^ x",
        "HTTP/1.1 1^O1 x",
        "HTTP/1.1 101^x y",
        "HTTP/1.1 101^\tx",
        "HTTP/1.1 ^+101 x",
        "GET ^/demo HTTP/1.1",
        "HTTP/1.1\t101^",
        "HTTP/1.1 101 x^\0y",
        "HTTP/1.1 101 x^\ry",
        "HTTP/1.1 101 x^\x7f",
        "^\0HTTP/1.1 101 x",
    ] {
        let (head, at) = edit_marked(DRAFT_76_REPLY, line, malformed);
        fails(&head, ProtocolError::InvalidStartLine { at });
    }
    // A lone LF ends no line.
    let head = reply_with("Handshake\r\n", "Handshake\n");
    let kind = LineErrorKind::BareLf;
    let at = at(&head, "\nUpgrade");
    fails(&head, ProtocolError::InvalidLine { at, kind });
}

#[test]
fn h76_34_a_status_of_four_digits_goes_wrong_at_the_fourth() {
    let (head, at) = edit_marked(DRAFT_76_REPLY, " 101 ", " 101^0 ");
    fails(&head, ProtocolError::InvalidStartLine { at });
}

#[test]
fn h76_34_the_status_line_has_at_most_1024_bytes() {
    let line_of = |length: usize| {
        let reason = "x".repeat(length - "HTTP/1.1 101 \r\n".len());
        reply_with("WebSocket Protocol Handshake", &reason)
    };
    opens(&target(), &line_of(1024));
    let (at, limit) = (0, 1024);
    fails(&line_of(1025), ProtocolError::LineTooLong { at, limit });
}

#[test]
fn h76_34_the_lines_behind_it_may_be_longer_in_bits_too() {
    let field = format!("X-Long: {}\r\nUpgrade: ", "x".repeat(2_000));
    let head = reply_with("Upgrade: ", &field);
    for bits in [1, 7, 1_000] {
        let (mut client, _) = client_to(&target(), ENTROPY);
        for bit in head.chunks(bits) {
            client.feed(bit);
        }
        client.eof();
        assert_eq!(
            client.events(),
            [eof(Phase::Handshaking)],
            "{bits} at a time"
        );
    }
}

#[test]
fn h76_34_any_other_status_is_final() {
    for status in [100, 102, 200, 301, 400, 401, 403, 407, 426, 503, 999] {
        let head = reply_with(" 101 ", &format!(" {status} "));
        let rejected = Observed::Closed(Closed::Rejected(status));
        assert_eq!(heard_by(&target(), &head), [rejected]);
    }
}

/// The fields that a reply must have, as the draft's reply has them.
const FIELDS: [(&str, &str); 5] = [
    ("Upgrade", "WebSocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Origin", "http://example.com"),
    ("Sec-WebSocket-Location", "ws://example.com/demo"),
    ("Sec-WebSocket-Protocol", "sample"),
];

fn line(name: &str, value: &str) -> String {
    format!("\r\n{name}: {value}\r\n")
}

#[test]
fn h76_36_each_field_is_there() {
    for (name, value) in FIELDS {
        let head = reply_with(&line(name, value), "\r\n");
        let (at, kind) = (head.len() as u32, HeaderErrorKind::Missing);
        fails(&head, ProtocolError::InvalidHeader { name, at, kind });
    }
}

#[test]
fn h76_36_each_field_is_there_once() {
    for (name, value) in FIELDS {
        for again in [value, "other", ""] {
            let second = format!("\r\n{name}:{again}\r\n\r\n");
            let head = reply_with("\r\n\r\n", &second);
            let (at, kind) = (at(&head, &second) + 2, HeaderErrorKind::Duplicate);
            fails(&head, ProtocolError::InvalidHeader { name, at, kind });
        }
    }
}

#[test]
fn h76_37_h76_38_each_field_says_what_it_has_to() {
    let rows: [(&str, &[&str]); 5] = [
        (
            "Upgrade",
            &[
                "",
                "websocket",
                "WEBSOCKET",
                "WebSocket, x",
                " WebSocket",
                "WebSocket ",
            ],
        ),
        ("Connection", &["", "close", "keep-alive, Upgrade"]),
        (
            "Sec-WebSocket-Origin",
            &[
                "",
                "null",
                "HTTP://example.com",
                "http://example.com/",
                "http://example.com:80",
                "http://example.co",
            ],
        ),
        (
            "Sec-WebSocket-Location",
            &[
                "",
                " ws://example.com/demo",
                "wss://example.com/demo",
                "ws://Example.com/demo",
                "ws://example.com:8080/demo",
                "ws://example.com:443/demo",
                "ws://example.com/",
                "ws://example.com/demo?",
                "/demo",
            ],
        ),
        (
            "Sec-WebSocket-Protocol",
            &["", "Sample", "sample, other", "default"],
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
fn h76_35_h76_37_what_may_differ_in_the_reply() {
    let case = ("Connection: Upgrade", "CONNECTION: uPGRADE");
    opens(&target(), &reply_with(case.0, case.1));
    let no_space = ("Upgrade: WebSocket", "upgrade:WebSocket");
    opens(&target(), &reply_with(no_space.0, no_space.1));
    // Only the fields that are used are looked at, and the first colon splits.
    let more = b"\r\nX: \xff\xfe:a:\tb \r\nx:\r\nDate: now\r\n\r\n";
    opens(&target(), &edit(DRAFT_76_REPLY, "\r\n\r\n", more));
    let mut lines: Vec<&str> = DRAFT_76_REPLY.trim_end().split("\r\n").collect();
    lines[1..].reverse();
    let reversed = lines.join("\r\n") + "\r\n\r\n";
    opens(&target(), reversed.as_bytes());
}

#[test]
fn h76_38_the_port_of_the_scheme_may_be_written_out() {
    for (url, locations) in [
        (
            "ws://example.com/demo",
            ["ws://example.com/demo", "ws://example.com:80/demo"],
        ),
        (
            "wss://example.com/demo",
            ["wss://example.com/demo", "wss://example.com:443/demo"],
        ),
    ] {
        let target = ClientRequest::new(url).unwrap().with_dialect(Hixie76);
        let target = target.with_origin("http://example.com").unwrap();
        let target = target.with_protocol("sample").unwrap();
        for location in locations {
            opens(&target, &reply_with("ws://example.com/demo", location));
        }
    }
}

/// Found by fuzzing `client`: one space is skipped (H76-35), and what is left is exact.
#[test]
fn h76_38_no_white_space_round_the_protocol() {
    let name = "Sec-WebSocket-Protocol";
    for wrong in [":\tsample", ":  sample", ": sample ", ": sample\t"] {
        let head = reply_with(&line(name, "sample"), &format!("\r\n{name}{wrong}\r\n"));
        let (at, kind) = (at(&head, name), HeaderErrorKind::Mismatch);
        fails(&head, ProtocolError::InvalidHeader { name, at, kind });
    }
    opens(&target(), &reply_with(": sample", ":sample"));
}

#[test]
fn h76_36_a_protocol_that_was_not_asked_for() {
    let without = reply_with("Sec-WebSocket-Protocol: sample\r\n", "");
    opens(&plain_target(), &without);
    let error = ProtocolError::InvalidHeader {
        name: "Sec-WebSocket-Protocol",
        at: at(DRAFT_76_REPLY.as_bytes(), "Sec-WebSocket-Protocol"),
        kind: HeaderErrorKind::NotRequested,
    };
    let events = heard_by(&plain_target(), DRAFT_76_REPLY.as_bytes());
    assert_eq!(events, [protocol_error(error)]);
}

#[test]
fn h76_35_malformed_lines_of_the_reply() {
    use LineErrorKind::{BareCr, BareLf, Name, ObsFold, Value};
    // The byte at which each goes wrong is marked.
    for (malformed, kind) in [
        ("X: y^\nZ: z", BareLf),
        ("X^\nY: y", BareLf),
        ("X: y^\rz", BareCr),
        ("X^\rY: y", BareCr),
        ("^\r", BareCr),
        ("^: x", Name),
        ("x^", Name),
        ("X^ : y", Name),
        ("X: y^\0", Value),
        ("X: y\r\n^ z", ObsFold),
    ] {
        let lines = format!("\r\n{malformed}\r\n\r\n");
        let (head, at) = edit_marked(DRAFT_76_REPLY, "\r\n\r\n", lines);
        fails(&head, ProtocolError::InvalidLine { at, kind });
    }
}

#[test]
fn h76_39_all_16_bytes_are_awaited_before_anything_is_said_of_them() {
    for wrong in 0..16 {
        let (mut client, mut answer) = client_to(&target(), ENTROPY);
        answer[wrong] ^= 0x20;
        client.feed(DRAFT_76_REPLY.as_bytes());
        client.feed(&answer[..15]);
        assert_eq!(client.transcript, Transcript::default());
        client.feed(&answer[15..]);
        let at = wrong as u32;
        assert_eq!(
            client.events(),
            [protocol_error(ProtocolError::ChallengeMismatch { at })]
        );
        assert_eq!(escaped(client.sent()), "");
    }
}

#[test]
fn h76_39_the_answer_may_straddle_reads_and_hold_any_byte() {
    let mut held = std::collections::BTreeSet::new();
    for seed in 0..=u8::MAX {
        let cut = usize::from(seed) % 17;
        let (mut client, answer) = client_to(&target(), [seed; 32]);
        held.extend(answer);
        client.feed(&[DRAFT_76_REPLY.as_bytes(), &answer[..cut]].concat());
        client.feed(&answer[cut..]);
        assert_eq!(
            client.events(),
            [Observed::Open(Hixie76)],
            "{answer:?} at {cut}"
        );
    }
    assert!([0x00, b'\r', b'\n', 0xFF].iter().all(|b| held.contains(b)));
}

#[test]
fn h76_40_frames_behind_the_answer_are_heard_in_the_same_call() {
    let (mut client, answer) = client_to(&target(), ENTROPY);
    let bytes = [
        DRAFT_76_REPLY.as_bytes(),
        &answer,
        b"\x00Hello\xff\x00you\xff\xff\x00",
    ]
    .concat();
    client.feed(&bytes);
    let events = [Observed::Open(Hixie76), text("Hello"), text("you"), clean()];
    assert_eq!(client.events(), events);
    assert_eq!(escaped(client.sent()), escaped(b"\xff\x00"));
}

#[test]
fn h76_19_input_may_end_at_any_byte_of_the_reply() {
    let (_, answer) = client_to(&target(), ENTROPY);
    let reply = [DRAFT_76_REPLY.as_bytes(), &answer].concat();
    for end in 0..reply.len() {
        let (mut client, _) = client_to(&target(), ENTROPY);
        client.feed(&reply[..end]);
        client.eof();
        assert_eq!(client.events(), [eof(Phase::Handshaking)], "at {end}");
        assert_eq!(escaped(client.sent()), "");
    }
}

// Frames.

/// What both ends make of frames; it is the same.
#[track_caller]
fn heard(dialect: Dialect, config: &Config, reads: &[&[u8]]) -> Transcript {
    let [server, client] = [Role::Server, Role::Client].map(|role| {
        let conn = Connection::established(config, role, dialect, [0; 32]);
        let mut end = Driver::new(conn);
        for read in reads {
            end.feed(read);
        }
        end.transcript
    });
    assert_eq!(server, client);
    server
}

fn discarded(kind: u8, length: u64) -> Observed {
    Observed::Skipped(kind, length)
}

const CLOSE: &[u8] = b"\xff\x00";

/// A row of section 12. Side hears the last of it writes its own close frame, and else nothing.
#[track_caller]
fn row(id: &str, dialects: &[Dialect], reads: &[&[u8]], events: &[Observed]) {
    for dialect in dialects {
        let transcript = heard(*dialect, &Config::new(), reads);
        assert_eq!(transcript.events, events, "{id} of {dialect}");
        let over = matches!(events, [.., Observed::Closed(_)]);
        let sent = if over { CLOSE } else { b"" };
        assert_eq!(escaped(transcript.sent), escaped(sent), "{id} of {dialect}");
    }
}

#[test]
fn fr_1_fr_2_fr_3_fr_4_fr_6_fr_8_fr_9_f1_to_f15() {
    let both = &[Hixie75, Hixie76];
    let hello = || text("Hello");
    row("F1", both, &[b"\x00Hello\xff"], &[hello()]);
    let twice = b"\x00Hello\xff\x00Hello\xff";
    row("F2", both, &[twice], &[hello(), hello()]); // FR-15
    row("F3", both, &[b"\x00\xff"], &[text("")]);
    row("F4", both, &[b"\x00\n\x00\xff"], &[text("\n\0")]);
    let apple = b"\x00Apple = \xef\xa3\xbf\xff";
    row("F5", both, &[apple], &[text("Apple = \u{f8ff}")]);
    row("F6", both, &[b"\x00A", b"p\xff"], &[text("Ap")]);
    let binary = b"\x80\x02He\x00Hi\xff";
    row("F7", both, &[binary], &[discarded(0x80, 2), text("Hi")]);
    row("F8", both, &[b"\x66He\xff"], &[discarded(0x66, 2)]);
    row("F9", both, &[b"\x00\xc3\x28\xff"], &[text("\u{fffd}(")]); // FR-10
    row("F10", both, &[b"\x00\xe2\x82\xff"], &[text("\u{fffd}")]);
    row("F11", &[Hixie76], &[b"\xff\x00"], &[clean()]);
    let closed = b"\xff\x00\x00Hi\xff";
    row("F12", &[Hixie76], &[closed], &[clean()]);
    let events = [discarded(0xFF, 0), text("Hi")];
    row("F13", &[Hixie75], &[closed], &events);
    let error = ProtocolError::FrameTooLong {
        at: 10,
        limit: 0x7FFF_FFFF_FFFF_FFFF,
    };
    let endless = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00";
    row("F14", &[Hixie76], &[endless], &[protocol_error(error)]); // FR-7
    let empty = b"\x80\x00\x00Hi\xff";
    row("F15", both, &[empty], &[discarded(0x80, 0), text("Hi")]);
}

#[test]
fn fr_14_f16_a_frame_is_too_long_without_waiting_for_its_end() {
    let config = Config::new().max_frame_len(5);
    let right = heard(Hixie76, &config, &[b"\x00Hello\xff\x01Hello\xff"]);
    assert_eq!(right.events, [text("Hello"), discarded(0x01, 5)]);

    let at_limit = heard(Hixie76, &config, &[b"\x00Hello"]);
    assert_eq!(at_limit, Transcript::default());
    // The sixth byte of payload shows it.
    let error = ProtocolError::FrameTooLong { at: 6, limit: 5 };
    for reads in [&[&b"\x00Hello!"[..]][..], &[b"\x00Hel", b"lo", b"!"]] {
        let transcript = heard(Hixie76, &config, reads);
        assert_eq!(
            transcript.events,
            [
                Observed::Unfinished("Hello".to_owned()),
                protocol_error(error)
            ]
        );
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
    let transcript = heard(Hixie76, &config, &[b"\x7fHello!"]);
    assert_eq!(transcript.events, [protocol_error(error)]);
    assert_eq!(escaped(transcript.sent), escaped(CLOSE));
}

#[test]
fn fr_2_every_byte_but_ff_may_stand_in_a_text() {
    let payload: Vec<u8> = (0x00..=0xFE).collect();
    let transcript = heard(Hixie76, &Config::new(), &[b"\x00", &payload, b"\xff"]);
    let ascii: String = (0x00..=0x7F).map(char::from).collect();
    // FR-10: of the upper half no byte goes with the one behind it.
    assert_eq!(
        transcript.events,
        [text(&(ascii + &"\u{fffd}".repeat(127)))]
    );
}

#[test]
fn fr_4_every_low_type_runs_to_ff_and_is_never_text() {
    for kind in 0x01..=0x7F {
        let bytes = [kind, 0x00, 0x80, kind, 0xFF, 0x00, b'x', 0xFF];
        let transcript = heard(Hixie76, &Config::new(), &[&bytes]);
        assert_eq!(transcript.events, [discarded(kind, 3), text("x")]);
        assert_eq!(escaped(transcript.sent), "");

        let strict = Config::new().strict_frames(true);
        let transcript = heard(Hixie76, &strict, &[&bytes]);
        assert_eq!(
            transcript.events,
            [protocol_error(ProtocolError::UnknownFrameType {
                frame_type: kind
            })]
        );
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
}

#[test]
fn fr_6_every_high_type_is_skipped_by_count() {
    for kind in 0x80..=0xFF {
        let bytes = [kind, 0x04, 0xFF, 0x00, 0x00, 0xFF, 0x00, b'x', 0xFF];
        let transcript = heard(Hixie76, &Config::new(), &[&bytes]);
        assert_eq!(transcript.events, [discarded(kind, 4), text("x")]);
        assert_eq!(escaped(transcript.sent), "");
    }
}

#[test]
fn fr_6_the_end_of_a_skipped_frame_is_told_with_its_last_byte() {
    let bytes = [0x80, 0x05, b'h', 0xFF, 0x00, b'l', b'o'];
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        for pieces in [[front, back, &[]], [front, &[], back]] {
            let transcript = heard(Hixie76, &Config::new(), &pieces);
            assert_eq!(transcript.events, [discarded(0x80, 5)], "cut at {cut}");
        }
    }
}

#[test]
fn fr_8_only_ff_of_length_0_closes() {
    for kind in 0x80..=0xFE {
        let transcript = heard(Hixie76, &Config::new(), &[&[kind, 0x00]]);
        assert_eq!(transcript.events, [discarded(kind, 0)]);
        assert_eq!(escaped(transcript.sent), "");
    }
    // However many bytes spell the zero.
    for zeros in 0..=8 {
        let bytes = [&[0xFF][..], &[0x80].repeat(zeros), &[0x00]].concat();
        let transcript = heard(Hixie76, &Config::new(), &[&bytes]);
        assert_eq!(transcript.events, [clean()], "{zeros} leading zeros");
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
    // The decision belongs to its frame alone.
    let transcript = heard(
        Hixie76,
        &Config::new(),
        &[b"\xff\x01x\x80\x00\x00\xff\xff\x80\x01\x00\xff\x00"],
    );
    let events = [
        discarded(0xFF, 1),
        discarded(0x80, 0),
        text(""),
        discarded(0xFF, 1),
        clean(),
    ];
    assert_eq!(transcript.events, events);
    assert_eq!(escaped(transcript.sent), escaped(CLOSE));
}

const LENGTHS: [(u64, &[u8]); 14] = [
    (0, b"\x00"),
    (1, b"\x01"),
    (127, b"\x7f"),
    (128, b"\x81\x00"),
    (300, b"\x82\x2c"),
    (4660, b"\xa4\x34"),
    (4660, b"\x80\xa4\x34"),
    (16383, b"\xff\x7f"),
    (16384, b"\x81\x80\x00"),
    (2097151, b"\xff\xff\x7f"),
    (2097152, b"\x81\x80\x80\x00"),
    (0xFFFF_FFFF, b"\x8f\xff\xff\xff\x7f"),
    (
        0x7FFF_FFFF_FFFF_FFFF,
        b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ),
    (0, b"\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
];

#[test]
fn fr_5_fr_6_lengths_of_section_12_are_skipped_by_count() {
    for (length, bytes) in LENGTHS {
        if length > 0x00FF_FFFF {
            continue;
        }
        // Bytes that would begin and end frames if they were looked at.
        let mut payload = [0xFF, 0x00].repeat(length as usize / 2 + 1);
        payload.truncate(length as usize);
        let frame = [&[0x80], bytes, &payload, b"\x00Hi\xff"].concat();
        let transcript = heard(Hixie76, &Config::new(), &[&frame]);
        assert_eq!(transcript.events, [discarded(0x80, length), text("Hi")]);
    }
}

#[test]
fn fr_5_fr_7_lengths_of_section_12_fail_at_the_byte_that_passes_the_limit() {
    for (length, bytes) in LENGTHS {
        let frame = [&[0x80], bytes].concat();
        let events = heard(Hixie76, &Config::new().max_frame_len(length), &[&frame]).events;
        let skipped = (length == 0).then(|| discarded(0x80, 0));
        assert_eq!(events, Vec::from_iter(skipped), "{length} is within itself");

        let Some(limit) = length.checked_sub(1) else {
            continue;
        };
        let config = Config::new().max_frame_len(limit);
        let (last, but_last) = frame.split_last().unwrap();
        assert_eq!(heard(Hixie76, &config, &[but_last]), Transcript::default());
        let transcript = heard(Hixie76, &config, &[but_last, &[*last]]);
        let at = but_last.len() as u64;
        let error = ProtocolError::FrameTooLong { at, limit };
        assert_eq!(transcript.events, [protocol_error(error)], "{length}");
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
    // Not a byte later: the rest of the length is not awaited.
    let transcript = heard(
        Hixie76,
        &Config::new().max_frame_len(100),
        &[b"\x80\x81\x80"],
    );
    let error = ProtocolError::FrameTooLong { at: 2, limit: 100 };
    assert_eq!(transcript.events, [protocol_error(error)]);
}

#[test]
fn fr_7_a_length_has_at_most_9_bytes() {
    for kind in [0x80, 0xFF] {
        let nine = [&[kind][..], &[0x80; 9]].concat();
        let transcript = heard(Hixie76, &Config::new(), &[&nine]);
        assert_eq!(transcript, Transcript::default());
        for tenth in [0x80, 0x00] {
            let transcript = heard(Hixie76, &Config::new(), &[&nine, &[tenth]]);
            let error = ProtocolError::InvalidLength { at: 10 };
            assert_eq!(transcript.events, [protocol_error(error)]);
            assert_eq!(escaped(transcript.sent), escaped(CLOSE));
        }
    }
}

#[test]
fn fr_4_fr_6_a_skipped_frame_is_empty_or_not() {
    for (frame, length) in [(&b"\x01\xff"[..], 0), (b"\x01a\xff", 1), (b"\x80\x00", 0)] {
        let mut conn = Connection::established(&Config::new(), Role::Server, Hixie76, [0; 32]);
        let mut frame = frame.to_vec();
        let Some(Event::Skipped(skipped)) = conn.receive(&mut &mut frame[..]) else {
            panic!("{}", escaped(&frame));
        };
        assert_eq!(
            (skipped.payload_len(), skipped.is_empty()),
            (length, length == 0)
        );
    }
}

#[test]
fn fr_10_text_is_decoded_whole_wherever_it_is_cut() {
    let frame = "\0h\u{e9}\u{2603}\u{1f600}".as_bytes();
    let frame = [frame, b"\xf0\x9f\x98\xff"].concat();
    for cut in 0..=frame.len() {
        let (one, other) = frame.split_at(cut);
        let transcript = heard(Hixie76, &Config::new(), &[one, other]);
        let events = [text("h\u{e9}\u{2603}\u{1f600}\u{fffd}")];
        assert_eq!(transcript.events, events, "cut at {cut}");
    }
}

/// The pieces of messages as they come: text only in whole characters, and no empty piece but the
/// last. Behind the last, the end of file is one between two frames.
#[test]
fn fr_2_fr_3_fr_10_pieces() {
    let reads: [&[u8]; 7] = [
        b"\x00",
        b"ab",
        b"\xe2\x98",
        b"\x83cd\xff\x00",
        b"\xff\x00e",
        b"f",
        b"\xff",
    ];
    for dialect in [Hixie75, Hixie76] {
        let mut conn = Connection::established(&Config::new(), Role::Server, dialect, [0; 32]);
        let mut pieces = Vec::new();
        for read in reads {
            let mut read = read.to_vec();
            let mut input = &mut read[..];
            while let Some(event) = conn.receive(&mut input) {
                let Event::Text(piece) = event else {
                    panic!("{event:?}");
                };
                pieces.push((piece.as_str().to_owned(), piece.is_final()));
            }
        }
        let expected = [
            ("ab", false),
            ("\u{2603}", false),
            ("cd", true),
            ("", true),
            ("e", false),
            ("f", false),
            ("", true),
        ];
        let pieces: Vec<(&str, bool)> =
            pieces.iter().map(|(s, last)| (s.as_str(), *last)).collect();
        assert_eq!(pieces, expected);
        conn.receive_eof();
        let end = conn.receive(&mut &mut [][..]);
        assert!(matches!(end, Some(Event::Closed(Closed::Eof(Phase::Open)))));
    }
}

#[test]
fn fr_10_strict_utf8_fails_instead() {
    let strict = Config::new().strict_utf8(true);
    let transcript = heard(
        Hixie76,
        &strict,
        &["\0h\u{e9}\u{2603}\u{1f600}".as_bytes(), b"\xff"],
    );
    assert_eq!(transcript.events, [text("h\u{e9}\u{2603}\u{1f600}")]);

    let rows: [(&[u8], &str, u64); 7] = [
        (b"\x00\xc3\x28\xff", "", 0),
        (b"\x00\xe2\x98\x83\xc3\x28\xff", "\u{2603}", 3),
        (b"\x00\xe2\x82\xff", "", 0),
        (b"\x00A\xc3\x28\xff", "A", 1),
        (b"\x00h\xc3\xa9\xed\xa0\x80\xff", "h\u{e9}", 3),
        (b"\x00\xc0\x80\xff", "", 0),
        (b"\x00ab\xfe", "ab", 2),
    ];
    for (bytes, before, at) in rows {
        let unfinished = Observed::Unfinished(before.to_owned());
        let before = (!before.is_empty()).then_some(unfinished);
        let events = before
            .into_iter()
            .chain([protocol_error(ProtocolError::InvalidUtf8 { at })]);
        let events = Vec::from_iter(events);
        for cut in 0..=bytes.len() {
            let (one, other) = bytes.split_at(cut);
            let transcript = heard(Hixie76, &strict, &[one, other, b"\x00Hi\xff"]);
            assert_eq!(transcript.events, events, "{} cut at {cut}", escaped(bytes));
            assert_eq!(escaped(transcript.sent), escaped(CLOSE));
        }
    }
}

#[test]
fn fr_11_a_text_goes_out_between_00_and_ff() {
    for role in [Role::Server, Role::Client] {
        let mut conn = Connection::established(&Config::new(), role, Hixie76, [0; 32]);
        for text in ["", "Hello", "\0\n\u{ff}\u{10ffff}"] {
            conn.send_text(text).unwrap();
            let frame = [b"\x00", text.as_bytes(), b"\xff"].concat();
            assert_eq!(escaped(conn.transmit()), escaped(&frame));
            conn.advance(frame.len());
        }
    }
}

#[test]
fn fr_12_there_is_no_binary() {
    for dialect in [Hixie75, Hixie76] {
        for role in [Role::Server, Role::Client] {
            let mut conn = Connection::established(&Config::new(), role, dialect, [0; 32]);
            let refused = conn.send_binary(b"bytes");
            assert_eq!(refused, Err(Refused::Unsupported(dialect)));
            assert_eq!(escaped(conn.transmit()), "");
        }
    }
}

#[test]
fn fr_3_an_empty_message_ends_nothing() {
    for role in [Role::Server, Role::Client] {
        let conn = Connection::established(&Config::new(), role, Hixie76, [0; 32]);
        let mut end = Driver::new(conn);
        end.feed(b"\x00\xff\x00\xff");
        assert_eq!(end.events(), [text(""), text("")]);
        end.conn.send_text("").unwrap();
        end.drain();
        assert_eq!(escaped(end.sent()), escaped(b"\x00\xff"));
    }
}

#[test]
fn fr_16_nothing_is_heard_after_a_fatal_error() {
    let config = Config::new().max_frame_len(5).strict_frames(true);
    for fatal in [&b"\x00Hello!"[..], b"\x80\x06", b"\x01x\xff"] {
        for role in [Role::Server, Role::Client] {
            let conn = Connection::established(&config, role, Hixie76, [0; 32]);
            let mut end = Driver::new(conn);
            end.feed(fatal);
            let events = end.events();
            assert!(matches!(
                events.last(),
                Some(Observed::Closed(Closed::Protocol(_)))
            ));
            assert_eq!(escaped(end.sent()), escaped(CLOSE));
            end.feed(b"\xff\x00Hello\xff\xff\x00");
            end.eof();
            assert_eq!(end.transcript, Transcript::default());
            assert_eq!(end.conn.send_text("late"), Err(Refused::Closing));
            assert!(end.conn.is_done());
        }
    }
}
