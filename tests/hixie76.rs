//! Hixie-76 handshakes and frames, byte for byte, for both roles.

use std::time::Duration;

use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Entropy, Event,
    HeaderErrorKind, LineErrorKind, Phase, Response, SendError, Timeout,
};
use testkit::*;

use Dialect::{Hixie75, Hixie76};

fn server() -> Connection {
    Connection::server(Config::new())
}

fn request(resource: &str) -> Observed {
    Observed::Request(Some(Hixie76), resource.to_owned())
}

// Server handshake.

/// Checks that `head` is answered with exactly `response`, and then key3 with the challenge response
/// (H76-3).
#[track_caller]
fn assert_opens(config: &Config, accept: AcceptOptions, head: &[u8], response: &[u8]) {
    let server = Connection::server(config.clone());
    let mut server = Driver::with_request_handler(server, |conn, _| conn.accept(&accept).unwrap());
    server.feed(head);
    assert_eq!(server.events(), [request(resource(head))]);
    assert_eq!(escaped(server.sent()), escaped(response));
    server.feed(DRAFT_76_KEY3);
    assert_eq!(server.events(), [Observed::Open(Hixie76)]);
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_CHALLENGE_RESPONSE));
}

fn resource(head: &[u8]) -> &str {
    let line = std::str::from_utf8(head).unwrap().lines().next().unwrap();
    let target = line.strip_prefix("GET ").unwrap();
    target.strip_suffix(" HTTP/1.1").unwrap()
}

/// Like `assert_opens`, with edits of the request and response of the draft.
#[track_caller]
fn assert_opens_with_edits(request: (&str, &str), response: (&str, &str)) {
    let head = replace_once(DRAFT_76_REQUEST, request.0, request.1);
    let response = replace_once(DRAFT_76_RESPONSE, response.0, response.1);
    assert_opens(&Config::new(), AcceptOptions::new(), &head, &response);
}

#[test]
fn the_conversation_of_the_draft_byte_for_byte_h76_1_h76_5_h76_6_h76_9() {
    let (head, response) = (DRAFT_76_REQUEST.as_bytes(), DRAFT_76_RESPONSE.as_bytes());
    assert_opens(&Config::new(), AcceptOptions::new(), head, response);
}

#[test]
fn the_location_contains_the_received_host_h76_8() {
    for host in [
        "example.com:8081",
        "example.com:80",
        "Example.COM",
        "127.0.0.1:1",
        "[::1]:65535",
    ] {
        let host_line = format!("Host: {host}\r\n");
        let location = format!("Location: ws://{host}/demo\r\n");
        assert_opens_with_edits(
            ("Host: example.com\r\n", &host_line),
            ("Location: ws://example.com/demo\r\n", &location),
        );
    }
}

#[test]
fn the_caller_can_set_the_authority_of_the_location_h76_8() {
    let accept = AcceptOptions::new().authority("public.example.org:8443");
    let response = replace_once(
        DRAFT_76_RESPONSE,
        "ws://example.com/demo",
        "ws://public.example.org:8443/demo",
    );
    assert_opens(
        &Config::new(),
        accept,
        DRAFT_76_REQUEST.as_bytes(),
        &response,
    );
}

#[test]
fn the_location_scheme_follows_the_tls_setting_h76_7() {
    let tls = Config::new().tls(true);
    let response = replace_once(DRAFT_76_RESPONSE, "ws://", "wss://");
    assert_opens(
        &tls,
        AcceptOptions::new(),
        DRAFT_76_REQUEST.as_bytes(),
        &response,
    );
    // The scheme is not derived from the origin.
    let https = ("Origin: http:", "Origin: https:");
    assert_opens_with_edits(https, https);
}

#[test]
fn request_fields_are_case_insensitive_h76_6() {
    let head = replace_once(DRAFT_76_REQUEST, "Upgrade: WebSocket", "Upgrade: WEBSOCKET");
    let head = replace_once(head, "Connection: Upgrade", "Connection: UPGRADE");
    let response = DRAFT_76_RESPONSE.as_bytes();
    assert_opens(&Config::new(), AcceptOptions::new(), &head, response);
}

#[test]
fn the_response_head_is_sent_before_key3_arrives_h76_3() {
    let head = "GET /demo HTTP/1.1\r\n\
        Host: example.com\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0\r\n\
        Upgrade: WebSocket\r\n\
        Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8\r\n\
        Origin: http://example.com\r\n\r\n";
    let mut server = Driver::new(server());
    server.feed(head.as_bytes());
    let response = replace_once(DRAFT_76_RESPONSE, "Sec-WebSocket-Protocol: sample\r\n", "");
    assert_eq!(escaped(server.sent()), escaped(response));
    server.feed(b"Tm[K T2u");
    assert_eq!(escaped(server.sent()), escaped(b"fQJ,fN/4F4!~K~MH"));
}

#[test]
fn key3_may_arrive_one_byte_at_a_time_h76_1_h76_3() {
    let mut server = Driver::new(server());
    server.feed(DRAFT_76_REQUEST.as_bytes());
    server.events();
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_RESPONSE));
    let (last, first) = DRAFT_76_KEY3.split_last().unwrap();
    for byte in first {
        server.feed(&[*byte]);
        assert_eq!(server.transcript, Transcript::default());
    }
    server.feed(&[*last]);
    assert_eq!(server.events(), [Observed::Open(Hixie76)]);
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_CHALLENGE_RESPONSE));
}

#[test]
fn head_and_challenge_response_are_sent_together_if_key3_arrived_h76_3() {
    let bytes = [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3].concat();
    let transcript = run(server(), &bytes, &[], false);
    assert_eq!(
        transcript.events,
        [request("/demo"), Observed::Open(Hixie76)]
    );
    let sent = [DRAFT_76_RESPONSE.as_bytes(), DRAFT_76_CHALLENGE_RESPONSE].concat();
    assert_eq!(escaped(transcript.sent), escaped(sent));
}

#[test]
fn the_request_target_is_unchanged_in_the_location_h76_8_rq_2() {
    for target in [
        "/",
        "/?",
        "/demo?",
        "/demo?a=1&b=%20",
        "/demo??/",
        "//demo/../x",
        "/a:b@c;d='e\"f<g>|{h}[i]^`~\\!$*(,)_-.+",
    ] {
        assert_opens_with_edits(
            ("GET /demo ", &format!("GET {target} ")),
            (
                "ws://example.com/demo\r\n",
                &format!("ws://example.com{target}\r\n"),
            ),
        );
    }
}

#[test]
fn the_origin_is_echoed_byte_for_byte_h76_10() {
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
        assert_opens_with_edits(edit, edit);
    }
}

#[test]
fn the_subprotocol_is_echoed_only_if_offered_h76_13() {
    let edited = |requested: &str, accepted: &str| {
        let line = "Sec-WebSocket-Protocol: sample\r\n";
        assert_opens_with_edits((line, requested), (line, accepted));
    };
    let same = |line: &str| edited(line, line);
    edited("", "");
    same("Sec-WebSocket-Protocol: ~ any \"visible\" string!\r\n");
    same("Sec-WebSocket-Protocol: chat, superchat\r\n");
    // RQ-12: repeated fields form one list.
    edited(
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n",
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
    );
    // The field name of Hixie-75 is ignored.
    edited("WebSocket-Protocol: sample\r\n", "");
}

#[test]
fn one_of_several_offered_subprotocols_may_be_chosen_h76_13() {
    for list in [
        "chat,superchat",
        "chat, superchat",
        "superchat chat",
        "superchat",
    ] {
        let head = replace_once(DRAFT_76_REQUEST, "sample", list);
        let response = replace_once(DRAFT_76_RESPONSE, "sample", "superchat");
        let accept = AcceptOptions::new().protocol("superchat");
        assert_opens(&Config::new(), accept, &head, &response);
    }
}

#[test]
fn the_response_may_set_cookies_h76_15() {
    let accept = AcceptOptions::new().header("Set-Cookie", "a=1; HttpOnly");
    let accept = accept.header("Set-Cookie", "b=2");
    let response = replace_once(
        DRAFT_76_RESPONSE,
        "\r\n\r\n",
        "\r\nSet-Cookie: a=1; HttpOnly\r\nSet-Cookie: b=2\r\n\r\n",
    );
    assert_opens(
        &Config::new(),
        accept,
        DRAFT_76_REQUEST.as_bytes(),
        &response,
    );
}

#[test]
fn a_content_length_of_8_is_accepted_and_none_is_sent_h76_16() {
    let head = replace_once(
        DRAFT_76_REQUEST,
        "\r\n\r\n",
        "\r\nContent-Length: 8\r\n\r\n",
    ); // RQ-18
    let response = DRAFT_76_RESPONSE.as_bytes();
    assert_opens(&Config::new(), AcceptOptions::new(), &head, response);
}

#[test]
fn an_origin_can_be_rejected_before_anything_is_written_h76_12() {
    let mut server = Driver::with_request_handler(server(), |conn, request| {
        assert!(request.origin_among(&["http://other.example", "HTTP://EXAMPLE.COM"]));
        assert!(!request.origin_among(&["http://other.example", "http://example.com:80"]));
        conn.respond(&Response::new(403)).unwrap();
    });
    server.feed(DRAFT_76_REQUEST.as_bytes());
    assert_eq!(
        server.events(),
        [request("/demo"), Observed::Closed(Closed::Responded(403))]
    );
    let rejection = "HTTP/1.1 403 Forbidden\r\n\
        Connection: close\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 14\r\n\r\n\
        403 Forbidden\n"; // PX-3
    assert_eq!(escaped(server.sent()), escaped(rejection));
    server.feed(DRAFT_76_KEY3);
    assert_eq!(server.transcript, Transcript::default());
}

#[test]
fn sending_is_rejected_until_the_challenge_response_is_queued_h76_4() {
    let mut conn = server();
    let mut sent = Vec::new();
    let mut bytes = [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3].concat();
    let mut input = input(&mut bytes);
    assert_eq!(conn.send_text("early"), Err(SendError::NotOpen));
    assert!(matches!(conn.receive(&mut input), Some(Event::Request(_))));
    assert_eq!(conn.send_text("early"), Err(SendError::NotOpen));
    conn.accept(&AcceptOptions::new()).unwrap();
    assert_eq!(conn.send_text("early"), Err(SendError::NotOpen));
    sent.extend_from_slice(conn.transmit());
    assert_eq!(escaped(&sent), escaped(DRAFT_76_RESPONSE));
    conn.advance(sent.len());
    assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
    assert_eq!(
        escaped(conn.transmit()),
        escaped(DRAFT_76_CHALLENGE_RESPONSE)
    );
    conn.send_text("now").unwrap();
    let pending = [DRAFT_76_CHALLENGE_RESPONSE, &b"\x00now\xff"[..]].concat();
    assert_eq!(escaped(conn.transmit()), escaped(pending));
}

#[test]
fn nothing_follows_the_challenge_response_h76_17() {
    let mut server = Driver::new(server());
    server.feed(DRAFT_76_REQUEST.as_bytes());
    server.sent();
    server.feed(DRAFT_76_KEY3);
    assert_eq!(escaped(server.sent()), escaped(DRAFT_76_CHALLENGE_RESPONSE));
    server.feed(b"\x00Hello\xff\x80\x01x");
    server.eof();
    assert_eq!(escaped(server.sent()), "");
}

#[test]
fn frames_after_key3_are_returned_after_open_h76_18() {
    let bytes = [
        DRAFT_76_REQUEST.as_bytes(),
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
        clean_close_without_code(),
    ];
    assert_eq!(transcript.events, events);
    let sent = [
        DRAFT_76_RESPONSE.as_bytes(),
        DRAFT_76_CHALLENGE_RESPONSE,
        b"\xff\x00",
    ]
    .concat();
    assert_eq!(escaped(transcript.sent), escaped(sent));
}

#[test]
fn a_second_request_is_not_parsed_h76_20() {
    let vector = &vectors()[17];
    assert_eq!((&*vector.id, &vector.key3), ("V18", b"GET / HT"));
    let mut server = Driver::new(server());
    server.feed(vector.head().as_bytes());
    server.feed(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    // The bytes after key3 are an incomplete frame of type 0x54.
    assert_eq!(server.events(), [request("/demo"), Observed::Open(Hixie76)]);
    assert!(server.sent().ends_with(&vector.challenge_response));
    server.feed(b"\xff");
    let length = "P/1.1\r\nHost: example.com\r\n\r\n".len() as u64;
    assert_eq!(server.events(), [Observed::Skipped(b'T', length)]);
    assert_eq!(escaped(server.sent()), "");
}

#[test]
fn eof_at_any_byte_of_key3_is_reported_h76_19_px_4() {
    for got in 0..8 {
        let mut server = Driver::new(server());
        server.feed(DRAFT_76_REQUEST.as_bytes());
        server.feed(&DRAFT_76_KEY3[..got]);
        server.transcript = Transcript::default();
        server.eof();
        assert_eq!(
            server.events(),
            [unexpected_eof(Phase::Handshaking)],
            "{got} bytes of key3"
        );
        server.eof();
        assert_eq!(server.transcript, Transcript::default());
        assert!(server.conn.is_done());
    }
}

#[test]
fn a_timeout_at_any_byte_of_key3_is_reported_h76_19_px_4() {
    for got in 0..8 {
        let mut server = Driver::new(server());
        server.feed(DRAFT_76_REQUEST.as_bytes());
        server.feed(&DRAFT_76_KEY3[..got]);
        server.transcript = Transcript::default();
        server.at(Duration::from_secs(10));
        server.feed(&DRAFT_76_KEY3[got..]);
        let timed_out = Observed::Closed(Closed::TimedOut(Timeout::Handshake));
        assert_eq!(server.events(), [timed_out], "{got} bytes of key3");
        assert_eq!(escaped(server.sent()), "");
    }
}

#[test]
fn no_http_error_follows_the_response_head_px_4() {
    let mut server = Driver::new(server());
    server.feed(DRAFT_76_REQUEST.as_bytes());
    server.transcript = Transcript::default();
    server.conn.close(&Close::EMPTY).unwrap();
    server.feed(DRAFT_76_KEY3);
    assert_eq!(server.events(), [Observed::Closed(Closed::LocallyClosed)]);
    assert_eq!(escaped(server.sent()), "");
}

// Vectors of section 12.

struct Vector {
    id: String,
    key1: String,
    key2: String,
    key3: [u8; 8],
    parts: [u32; 2],
    challenge_response: [u8; 16],
}

impl Vector {
    fn head(&self) -> String {
        head_with_keys(
            &format!("Sec-WebSocket-Key1: {}\r\n", self.key1),
            &format!("Sec-WebSocket-Key2: {}\r\n", self.key2),
        )
    }

    fn head_with_keys_swapped(&self) -> String {
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
            challenge_response: hex(&json_string(line, "answer")),
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
                other => panic!("unsupported escape: {other:?}"),
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
fn every_vector_opens_with_the_keys_in_either_order_key_8() {
    let response = replace_once(DRAFT_76_RESPONSE, "Sec-WebSocket-Protocol: sample\r\n", "");
    for vector in vectors() {
        for head in [vector.head(), vector.head_with_keys_swapped()] {
            let mut server = Driver::new(server());
            server.feed(head.as_bytes());
            assert_eq!(escaped(server.sent()), escaped(&response), "{}", vector.id);
            server.feed(&vector.key3);
            assert_eq!(
                escaped(server.sent()),
                escaped(vector.challenge_response),
                "{}",
                vector.id
            );
            assert_eq!(server.events(), [request("/demo"), Observed::Open(Hixie76)]);
        }
    }
}

#[test]
fn a_key_part_is_its_digits_divided_by_its_spaces_key_1_key_2_key_7() {
    for vector in vectors() {
        let parts = [&vector.key1, &vector.key2].map(key_part);
        assert_eq!(parts, vector.parts.map(Ok), "{}", vector.id);
        let response = challenge_response(vector.parts, vector.key3);
        assert_eq!(response, vector.challenge_response, "{}", vector.id);
    }
}

// Client request.

/// The client request that the draft shows.
fn target() -> ClientRequest {
    plain_target().with_protocol("sample").unwrap()
}

fn plain_target() -> ClientRequest {
    let target = client_request(Hixie76);
    target.with_origin("http://example.com").unwrap()
}

const ENTROPY: [u8; 32] = *b"32 bytes nobody else can know...";

fn request_to(target: &ClientRequest, entropy: [u8; 32]) -> Request {
    let conn = Connection::client(Config::new(), target, Entropy::from_bytes(entropy));
    let (head, key3) = conn.transmit().split_last_chunk().unwrap();
    Request {
        head: String::from_utf8(head.to_vec()).unwrap(),
        key3: *key3,
    }
}

/// The request of a client, parsed.
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

    /// Returns the expected challenge response.
    fn challenge_response(&self) -> [u8; 16] {
        let parts = self.keys().map(|key| key_part(key).unwrap());
        challenge_response(parts, self.key3)
    }
}

#[test]
fn the_client_request_byte_for_byte_h76_30_h76_31() {
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
fn options_that_are_not_set_are_not_in_the_request_h76_31() {
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
fn the_url_determines_target_host_and_origin_h76_30_h76_32() {
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
fn the_origin_is_lower_cased_h76_32() {
    let target = plain_target().with_origin("HTTPS://WWW.Example.COM:8443");
    let request = request_to(&target.unwrap(), ENTROPY);
    assert_eq!(request.field("Origin"), "https://www.example.com:8443");
    let target = plain_target().with_origin("null").unwrap();
    assert_eq!(request_to(&target, ENTROPY).field("Origin"), "null");
}

#[test]
fn generated_keys_have_the_form_of_the_draft_key_9_key_10() {
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
            let part = key_part(key).unwrap();
            assert!(u64::from(part) * spaces as u64 <= 4_294_967_295);
            seen.push((key.to_owned(), request.key3));
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 512, "different entropy gives different keys");
}

// Server response.

/// Returns a client that has sent its request, and the challenge response it expects.
fn client_to(target: &ClientRequest, entropy: [u8; 32]) -> (Driver<'static>, [u8; 16]) {
    let challenge_response = request_to(target, entropy).challenge_response();
    let conn = Connection::client(Config::new(), target, Entropy::from_bytes(entropy));
    let mut client = Driver::new(conn);
    client.drain();
    client.sent();
    (client, challenge_response)
}

/// Returns the events of a client that receives `head` and the expected challenge response; checks
/// that it writes nothing.
#[track_caller]
fn client_events(target: &ClientRequest, head: &[u8]) -> Vec<Observed> {
    let (mut client, challenge_response) = client_to(target, ENTROPY);
    client.feed(&[head, &challenge_response].concat());
    assert_eq!(escaped(client.sent()), "");
    let events = client.events();
    if client.conn.closed().is_some() {
        client.feed(
            &[
                DRAFT_76_RESPONSE.as_bytes(),
                &challenge_response,
                b"\x00Hello\xff",
            ]
            .concat(),
        );
        client.eof();
        assert_eq!(client.transcript, Transcript::default()); // FR-16
    }
    events
}

#[track_caller]
fn opens(target: &ClientRequest, head: &[u8]) {
    assert_eq!(client_events(target, head), [Observed::Open(Hixie76)]);
}

#[track_caller]
fn fails(head: &[u8], error: ProtocolError) {
    assert_eq!(client_events(&target(), head), [protocol_error(error)]);
}

fn response_with(from: &str, to: &str) -> Vec<u8> {
    replace_once(DRAFT_76_RESPONSE, from, to)
}

#[test]
fn a_matching_response_opens_h76_36_h76_39() {
    let (client, challenge_response) = client_to(&target(), ENTROPY);
    let mut conn = client.conn;
    let head = response_with("\r\n\r\n", "\r\nSet-Cookie: a=1\r\nX-Empty:\r\n\r\n");
    let mut bytes = [&head[..], &challenge_response].concat();
    let Some(Event::Open(handshake)) = conn.receive(&mut input(&mut bytes)) else {
        panic!("no Open");
    };
    assert_eq!(handshake.dialect(), Hixie76);
    assert_eq!(handshake.protocol(), Some("sample"));
    assert_eq!(handshake.header("set-cookie"), Some(&b"a=1"[..]));
    let last = handshake.headers().last();
    assert_eq!(last, Some(("X-Empty", &b""[..])));
    assert_eq!(escaped(conn.transmit()), "");
}

#[test]
fn sending_before_open_is_rejected_h76_33() {
    let (mut client, challenge_response) = client_to(&target(), ENTROPY);
    let response = [DRAFT_76_RESPONSE.as_bytes(), &challenge_response].concat();
    for byte in response {
        assert_eq!(client.conn.send_text("early"), Err(SendError::NotOpen));
        client.feed(&[byte]);
        assert_eq!(escaped(client.sent()), "");
    }
    assert_eq!(client.events(), [Observed::Open(Hixie76)]);
    client.conn.send_text("now").unwrap();
    client.drain();
    assert_eq!(escaped(client.sent()), escaped(b"\x00now\xff"));
}

#[test]
fn the_status_line_is_http_1_1_with_a_status_of_three_digits_h76_34() {
    let line = "HTTP/1.1 101 WebSocket Protocol Handshake";
    for other in [
        "HTTP/1.1 101",
        "HTTP/1.1 101 ",
        "HTTP/1.1 101  ",
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1 101 Web Socket Protocol Handshake",
        "HTTP/1.1 101 200 OK",
    ] {
        opens(&target(), &response_with(line, other));
    }
    // The first invalid byte is marked.
    for malformed in [
        "HTTP/1.^0 101 x",
        "^x 101 y",
        "^ 101 ",
        "HTTP/1.1^",
        "^",
        "HTTP/1.1 ^ 101 x",
        "HTTP/1.1 10^ x",
        "HTTP/1.1 1^O1 x",
        "HTTP/1.1 101^x y",
        "HTTP/1.1 101^\tx",
        "HTTP/1.1 ^+101 x",
        "^GET /demo HTTP/1.1",
        "HTTP/1.1^\t101",
        "HTTP/1.1 101 x^\0y",
        "HTTP/1.1 101 x^\ry",
        "HTTP/1.1 101 x^\x7f",
        "^\0HTTP/1.1 101 x",
    ] {
        let (head, at) = replace_marked(DRAFT_76_RESPONSE, line, malformed);
        fails(&head, ProtocolError::InvalidStartLine { at });
    }
    // A bare LF does not end a line.
    let head = response_with("Handshake\r\n", "Handshake\n");
    let kind = LineErrorKind::BareLf;
    let at = offset_of(&head, "\nUpgrade");
    fails(&head, line_error(at, kind));
}

#[test]
fn a_status_of_four_digits_is_invalid_at_the_fourth_h76_34() {
    let (head, at) = replace_marked(DRAFT_76_RESPONSE, " 101 ", " 101^0 ");
    fails(&head, ProtocolError::InvalidStartLine { at });
}

#[test]
fn a_status_line_has_at_most_1024_bytes_h76_34() {
    let line_of = |length: usize| {
        let reason = "x".repeat(length - "HTTP/1.1 101 \r\n".len());
        response_with("WebSocket Protocol Handshake", &reason)
    };
    opens(&target(), &line_of(1024));
    let (at, limit) = (0, 1024);
    fails(&line_of(1025), ProtocolError::LineTooLong { at, limit });
}

#[test]
fn field_lines_may_exceed_1024_bytes_in_any_split_h76_34() {
    let field = format!("X-Long: {}\r\nUpgrade: ", "x".repeat(2_000));
    let head = response_with("Upgrade: ", &field);
    for size in [1, 7, 1_000] {
        let (mut client, _) = client_to(&target(), ENTROPY);
        for chunk in head.chunks(size) {
            client.feed(chunk);
        }
        client.eof();
        assert_eq!(
            client.events(),
            [unexpected_eof(Phase::Handshaking)],
            "{size} at a time"
        );
    }
}

#[test]
fn any_other_status_is_final_h76_34() {
    for status in [200, 301, 400, 401, 403, 407, 426, 503, 999] {
        let head = response_with(" 101 ", &format!(" {status} "));
        let rejected = Observed::Closed(rejection(status, &head));
        assert_eq!(client_events(&target(), &head), [rejected]);
    }
}

/// The required response fields, as in the draft.
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
fn each_field_is_required_h76_36() {
    for (name, value) in FIELDS {
        let head = response_with(&line(name, value), "\r\n");
        let (at, kind) = (head.len() as u32, HeaderErrorKind::Missing);
        fails(&head, header_error(name, at, kind));
    }
}

#[test]
fn a_repeated_field_is_rejected_h76_36() {
    for (name, value) in FIELDS {
        for again in [value, "other", ""] {
            let second = format!("\r\n{name}:{again}\r\n\r\n");
            let head = response_with("\r\n\r\n", &second);
            let (at, kind) = (offset_of(&head, &second) + 2, HeaderErrorKind::Duplicate);
            fails(&head, header_error(name, at, kind));
        }
    }
}

#[test]
fn each_field_must_have_the_expected_value_h76_37_h76_38() {
    let rows: [(&str, &[&str]); 5] = [
        (
            "Upgrade",
            &["", "Web Socket", "WebSocket, x", " WebSocket", "WebSocket "],
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
fn allowed_differences_in_the_response_h76_35_h76_37() {
    for case in [
        ("Connection: Upgrade", "CONNECTION: uPGRADE"),
        ("Upgrade: WebSocket", "UPGRADE: websocket"),
    ] {
        opens(&target(), &response_with(case.0, case.1));
    }
    let no_space = ("Upgrade: WebSocket", "upgrade:WebSocket");
    opens(&target(), &response_with(no_space.0, no_space.1));
    // Unknown fields are ignored; a name ends at the first colon.
    let more = b"\r\nX: \xff\xfe:a:\tb \r\nx:\r\nDate: now\r\n\r\n";
    opens(
        &target(),
        &replace_once(DRAFT_76_RESPONSE, "\r\n\r\n", more),
    );
    let mut lines: Vec<&str> = DRAFT_76_RESPONSE.trim_end().split("\r\n").collect();
    lines[1..].reverse();
    let reversed = lines.join("\r\n") + "\r\n\r\n";
    opens(&target(), reversed.as_bytes());
}

#[test]
fn the_location_may_contain_the_default_port_h76_38() {
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
            opens(&target, &response_with("ws://example.com/demo", location));
        }
    }
}

/// Found by fuzzing `client`: one leading space is skipped (H76-35), the rest must match.
#[test]
fn white_space_around_the_subprotocol_is_rejected_h76_38() {
    let name = "Sec-WebSocket-Protocol";
    for invalid in [":\tsample", ":  sample", ": sample ", ": sample\t"] {
        let head = response_with(&line(name, "sample"), &format!("\r\n{name}{invalid}\r\n"));
        let (at, kind) = (offset_of(&head, name), HeaderErrorKind::Mismatch);
        fails(&head, header_error(name, at, kind));
    }
    opens(&target(), &response_with(": sample", ":sample"));
}

#[test]
fn a_subprotocol_that_was_not_requested_is_ignored_h76_36() {
    let without = response_with("Sec-WebSocket-Protocol: sample\r\n", "");
    opens(&plain_target(), &without);
    opens(&plain_target(), DRAFT_76_RESPONSE.as_bytes());
}

#[test]
fn malformed_response_lines_are_rejected_h76_35() {
    use LineErrorKind::{BareCr, BareLf, Name, ObsFold, Value};
    // The first invalid byte is marked.
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
        let (head, at) = replace_marked(DRAFT_76_RESPONSE, "\r\n\r\n", lines);
        fails(&head, line_error(at, kind));
    }
}

#[test]
fn a_wrong_challenge_response_fails_after_all_16_bytes_h76_39() {
    for at in 0..16 {
        let (mut client, mut challenge_response) = client_to(&target(), ENTROPY);
        challenge_response[at] ^= 0x20;
        client.feed(DRAFT_76_RESPONSE.as_bytes());
        client.feed(&challenge_response[..15]);
        assert_eq!(client.transcript, Transcript::default());
        client.feed(&challenge_response[15..]);
        let at = at as u32;
        assert_eq!(
            client.events(),
            [protocol_error(ProtocolError::ChallengeMismatch { at })]
        );
        assert_eq!(escaped(client.sent()), "");
    }
}

#[test]
fn the_challenge_response_may_be_split_and_contain_any_byte_h76_39() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..=u8::MAX {
        let split = usize::from(seed) % 17;
        let (mut client, challenge_response) = client_to(&target(), [seed; 32]);
        seen.extend(challenge_response);
        client.feed(&[DRAFT_76_RESPONSE.as_bytes(), &challenge_response[..split]].concat());
        client.feed(&challenge_response[split..]);
        assert_eq!(
            client.events(),
            [Observed::Open(Hixie76)],
            "{challenge_response:?} at {split}"
        );
    }
    assert!([0x00, b'\r', b'\n', 0xFF].iter().all(|b| seen.contains(b)));
}

#[test]
fn frames_after_the_challenge_response_are_returned_at_once_h76_40() {
    let (mut client, challenge_response) = client_to(&target(), ENTROPY);
    let bytes = [
        DRAFT_76_RESPONSE.as_bytes(),
        &challenge_response,
        b"\x00Hello\xff\x00you\xff\xff\x00",
    ]
    .concat();
    client.feed(&bytes);
    let events = [
        Observed::Open(Hixie76),
        text("Hello"),
        text("you"),
        clean_close_without_code(),
    ];
    assert_eq!(client.events(), events);
    assert_eq!(escaped(client.sent()), escaped(b"\xff\x00"));
}

#[test]
fn eof_at_any_byte_of_the_response_is_reported_h76_19() {
    let (_, challenge_response) = client_to(&target(), ENTROPY);
    let response = [DRAFT_76_RESPONSE.as_bytes(), &challenge_response].concat();
    for end in 0..response.len() {
        let (mut client, _) = client_to(&target(), ENTROPY);
        client.feed(&response[..end]);
        client.eof();
        assert_eq!(
            client.events(),
            [unexpected_eof(Phase::Handshaking)],
            "at {end}"
        );
        assert_eq!(escaped(client.sent()), "");
    }
}

// Frames.

/// Feeds `reads` to both roles and returns their transcripts, which must be equal.
#[track_caller]
fn feed_both_roles(dialect: Dialect, config: &Config, reads: &[&[u8]]) -> Transcript {
    let [server, client] = ROLES.map(|role| {
        let mut driver = open(config, role, dialect);
        for read in reads {
            driver.feed(read);
        }
        driver.transcript
    });
    assert_eq!(server, client);
    server
}

fn skipped(frame_type: u8, length: u64) -> Observed {
    Observed::Skipped(frame_type, length)
}

const CLOSE: &[u8] = b"\xff\x00";

/// Checks a row of section 12. A connection that closes writes a close frame, others nothing.
#[track_caller]
fn row(id: &str, dialects: &[Dialect], reads: &[&[u8]], events: &[Observed]) {
    for dialect in dialects {
        let transcript = feed_both_roles(*dialect, &Config::new(), reads);
        assert_eq!(transcript.events, events, "{id} of {dialect}");
        let is_closed = events.last().is_some_and(Observed::is_closed);
        let sent = if is_closed { CLOSE } else { b"" };
        assert_eq!(escaped(transcript.sent), escaped(sent), "{id} of {dialect}");
    }
}

#[test]
fn the_frame_vectors_f1_to_f15_fr_1_fr_2_fr_3_fr_4_fr_6_fr_8_fr_9() {
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
    row("F7", both, &[binary], &[skipped(0x80, 2), text("Hi")]);
    row("F8", both, &[b"\x66He\xff"], &[skipped(0x66, 2)]);
    row("F9", both, &[b"\x00\xc3\x28\xff"], &[text("\u{fffd}(")]); // FR-10
    row("F10", both, &[b"\x00\xe2\x82\xff"], &[text("\u{fffd}")]);
    row(
        "F11",
        &[Hixie76],
        &[b"\xff\x00"],
        &[clean_close_without_code()],
    );
    let closed = b"\xff\x00\x00Hi\xff";
    row("F12", &[Hixie76], &[closed], &[clean_close_without_code()]);
    let events = [skipped(0xFF, 0), text("Hi")];
    row("F13", &[Hixie75], &[closed], &events);
    let error = ProtocolError::FrameTooLong {
        limit: 0x7FFF_FFFF_FFFF_FFFF,
    };
    let endless = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00";
    row("F14", &[Hixie76], &[endless], &[protocol_error(error)]); // FR-7
    let empty = b"\x80\x00\x00Hi\xff";
    row("F15", both, &[empty], &[skipped(0x80, 0), text("Hi")]);
}

#[test]
fn a_frame_that_is_too_long_fails_before_its_end_fr_14() {
    let config = Config::new().max_frame_len(5);
    let transcript = feed_both_roles(Hixie76, &config, &[b"\x00Hello\xff\x01Hello\xff"]);
    assert_eq!(transcript.events, [text("Hello"), skipped(0x01, 5)]);

    let at_limit = feed_both_roles(Hixie76, &config, &[b"\x00Hello"]);
    assert_eq!(at_limit, Transcript::default());
    // Rejected at the sixth byte of the payload.
    let error = ProtocolError::FrameTooLong { limit: 5 };
    for reads in [&[&b"\x00Hello!"[..]][..], &[b"\x00Hel", b"lo", b"!"]] {
        let transcript = feed_both_roles(Hixie76, &config, reads);
        assert_eq!(
            transcript.events,
            [
                Observed::IncompleteText("Hello".to_owned()),
                protocol_error(error)
            ]
        );
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
    let transcript = feed_both_roles(Hixie76, &config, &[b"\x7fHello!"]);
    assert_eq!(transcript.events, [protocol_error(error)]);
    assert_eq!(escaped(transcript.sent), escaped(CLOSE));
}

#[test]
fn text_may_contain_every_byte_except_ff_fr_2() {
    let payload: Vec<u8> = (0x00..=0xFE).collect();
    let transcript = feed_both_roles(Hixie76, &Config::new(), &[b"\x00", &payload, b"\xff"]);
    let ascii: String = (0x00..=0x7F).map(char::from).collect();
    // FR-10: no two adjacent bytes of the upper half form a character.
    assert_eq!(
        transcript.events,
        [text(&(ascii + &"\u{fffd}".repeat(127)))]
    );
}

#[test]
fn every_other_low_type_is_skipped_up_to_ff_fr_4() {
    for frame_type in 0x01..=0x7F {
        let bytes = [frame_type, 0x00, 0x80, frame_type, 0xFF, 0x00, b'x', 0xFF];
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[&bytes]);
        assert_eq!(transcript.events, [skipped(frame_type, 3), text("x")]);
        assert_eq!(escaped(transcript.sent), "");

        let strict = Config::new().strict_frames(true);
        let transcript = feed_both_roles(Hixie76, &strict, &[&bytes]);
        assert_eq!(
            transcript.events,
            [protocol_error(ProtocolError::UnknownFrameType {
                frame_type
            })]
        );
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
}

#[test]
fn every_high_type_is_skipped_by_its_length_fr_6() {
    for frame_type in 0x80..=0xFF {
        let bytes = [frame_type, 0x04, 0xFF, 0x00, 0x00, 0xFF, 0x00, b'x', 0xFF];
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[&bytes]);
        assert_eq!(transcript.events, [skipped(frame_type, 4), text("x")]);
        assert_eq!(escaped(transcript.sent), "");
    }
}

#[test]
fn a_skipped_frame_is_reported_with_its_last_byte_fr_6() {
    let bytes = [0x80, 0x05, b'h', 0xFF, 0x00, b'l', b'o'];
    for split in 0..=bytes.len() {
        let (first, second) = bytes.split_at(split);
        for chunks in [[first, second, &[]], [first, &[], second]] {
            let transcript = feed_both_roles(Hixie76, &Config::new(), &chunks);
            assert_eq!(transcript.events, [skipped(0x80, 5)], "split at {split}");
        }
    }
}

#[test]
fn only_ff_with_length_0_closes_fr_8() {
    for frame_type in 0x80..=0xFE {
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[&[frame_type, 0x00]]);
        assert_eq!(transcript.events, [skipped(frame_type, 0)]);
        assert_eq!(escaped(transcript.sent), "");
    }
    // With any number of leading 0x80 bytes.
    for zeros in 0..=8 {
        let bytes = [&[0xFF][..], &[0x80].repeat(zeros), &[0x00]].concat();
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[&bytes]);
        assert_eq!(
            transcript.events,
            [clean_close_without_code()],
            "{zeros} leading zeros"
        );
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
    // Earlier frames do not matter.
    let transcript = feed_both_roles(
        Hixie76,
        &Config::new(),
        &[b"\xff\x01x\x80\x00\x00\xff\xff\x80\x01\x00\xff\x00"],
    );
    let events = [
        skipped(0xFF, 1),
        skipped(0x80, 0),
        text(""),
        skipped(0xFF, 1),
        clean_close_without_code(),
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
fn frames_with_the_lengths_of_section_12_are_skipped_fr_5_fr_6() {
    for (length, bytes) in LENGTHS {
        if length > 0x00FF_FFFF {
            continue;
        }
        // Bytes that would start and end frames if they were not skipped.
        let mut payload = [0xFF, 0x00].repeat(length as usize / 2 + 1);
        payload.truncate(length as usize);
        let frame = [&[0x80], bytes, &payload, b"\x00Hi\xff"].concat();
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[&frame]);
        assert_eq!(transcript.events, [skipped(0x80, length), text("Hi")]);
    }
}

#[test]
fn lengths_of_section_12_fail_at_the_byte_over_the_limit_fr_5_fr_7() {
    for (length, bytes) in LENGTHS {
        let frame = [&[0x80], bytes].concat();
        let events =
            feed_both_roles(Hixie76, &Config::new().max_frame_len(length), &[&frame]).events;
        let skipped = (length == 0).then(|| skipped(0x80, 0));
        assert_eq!(
            events,
            Vec::from_iter(skipped),
            "{length} bytes at the limit"
        );

        let Some(limit) = length.checked_sub(1) else {
            continue;
        };
        let config = Config::new().max_frame_len(limit);
        let (last, before) = frame.split_last().unwrap();
        assert_eq!(
            feed_both_roles(Hixie76, &config, &[before]),
            Transcript::default()
        );
        let transcript = feed_both_roles(Hixie76, &config, &[before, &[*last]]);
        let error = ProtocolError::FrameTooLong { limit };
        assert_eq!(transcript.events, [protocol_error(error)], "{length}");
        assert_eq!(escaped(transcript.sent), escaped(CLOSE));
    }
    // Rejected before the length is complete.
    let transcript = feed_both_roles(
        Hixie76,
        &Config::new().max_frame_len(100),
        &[b"\x80\x81\x80"],
    );
    let error = ProtocolError::FrameTooLong { limit: 100 };
    assert_eq!(transcript.events, [protocol_error(error)]);
}

#[test]
fn a_length_has_at_most_9_bytes_fr_7() {
    for frame_type in [0x80, 0xFF] {
        let nine = [&[frame_type][..], &[0x80; 9]].concat();
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[&nine]);
        assert_eq!(transcript, Transcript::default());
        for tenth in [0x80, 0x00] {
            let transcript = feed_both_roles(Hixie76, &Config::new(), &[&nine, &[tenth]]);
            let error = ProtocolError::InvalidLength { at: 10 };
            assert_eq!(transcript.events, [protocol_error(error)]);
            assert_eq!(escaped(transcript.sent), escaped(CLOSE));
        }
    }
}

#[test]
fn skipped_frames_report_their_payload_len_fr_4_fr_6() {
    for (frame, length) in [(&b"\x01\xff"[..], 0), (b"\x01a\xff", 1), (b"\x80\x00", 0)] {
        let mut conn = established(&Config::new(), Role::Server, Hixie76);
        let mut frame = frame.to_vec();
        let Some(Event::Skipped(skipped)) = conn.receive(&mut input(&mut frame)) else {
            panic!("{}", escaped(&frame));
        };
        assert_eq!(
            (skipped.payload_len(), skipped.is_empty()),
            (length, length == 0)
        );
    }
}

#[test]
fn text_is_decoded_the_same_at_every_split_fr_10() {
    let frame = "\0h\u{e9}\u{2603}\u{1f600}".as_bytes();
    let frame = [frame, b"\xf0\x9f\x98\xff"].concat();
    for split in 0..=frame.len() {
        let (first, second) = frame.split_at(split);
        let transcript = feed_both_roles(Hixie76, &Config::new(), &[first, second]);
        let events = [text("h\u{e9}\u{2603}\u{1f600}\u{fffd}")];
        assert_eq!(transcript.events, events, "split at {split}");
    }
}

/// Only the final chunk of a message may be empty. An EOF after it is between two frames.
#[test]
fn chunks_contain_whole_characters_fr_2_fr_3_fr_10() {
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
        let mut conn = established(&Config::new(), Role::Server, dialect);
        let mut chunks = Vec::new();
        for read in reads {
            let mut read = read.to_vec();
            let mut input = input(&mut read);
            while let Some(event) = conn.receive(&mut input) {
                let Event::Text(chunk) = event else {
                    panic!("{event:?}");
                };
                chunks.push((chunk.as_str().to_owned(), chunk.is_final()));
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
        let chunks: Vec<(&str, bool)> = chunks
            .iter()
            .map(|(text, fin)| (text.as_str(), *fin))
            .collect();
        assert_eq!(chunks, expected);
        conn.receive_eof();
        let mut nothing = input(&mut []);
        let end = conn.receive(&mut nothing);
        assert!(matches!(end, Some(Event::Closed(Closed::Eof(Phase::Open)))));
    }
}

#[test]
fn strict_utf8_rejects_invalid_utf8_fr_10() {
    let strict = Config::new().strict_utf8(true);
    let transcript = feed_both_roles(
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
        let incomplete = Observed::IncompleteText(before.to_owned());
        let before = (!before.is_empty()).then_some(incomplete);
        let events = before
            .into_iter()
            .chain([protocol_error(ProtocolError::InvalidUtf8 { at })]);
        let events = Vec::from_iter(events);
        for split in 0..=bytes.len() {
            let (first, second) = bytes.split_at(split);
            let transcript = feed_both_roles(Hixie76, &strict, &[first, second, b"\x00Hi\xff"]);
            assert_eq!(
                transcript.events,
                events,
                "{} split at {split}",
                escaped(bytes)
            );
            assert_eq!(escaped(transcript.sent), escaped(CLOSE));
        }
    }
}

#[test]
fn text_is_sent_between_00_and_ff_fr_11() {
    for role in ROLES {
        let mut conn = established(&Config::new(), role, Hixie76);
        for text in ["", "Hello", "\0\n\u{ff}\u{10ffff}"] {
            conn.send_text(text).unwrap();
            let frame = [b"\x00", text.as_bytes(), b"\xff"].concat();
            assert_eq!(escaped(conn.transmit()), escaped(&frame));
            conn.advance(frame.len());
        }
    }
}

#[test]
fn binary_messages_are_rejected_fr_12() {
    for dialect in [Hixie75, Hixie76] {
        for role in ROLES {
            let mut conn = established(&Config::new(), role, dialect);
            let error = rejected(&mut conn, |c| c.send_binary(b"bytes"));
            assert_eq!(
                error_field!(error, SendError::Unsupported { dialect }),
                dialect
            );
            assert_eq!(escaped(conn.transmit()), "");
        }
    }
}

#[test]
fn empty_messages_do_not_end_the_connection_fr_3() {
    for role in ROLES {
        let conn = established(&Config::new(), role, Hixie76);
        let mut driver = Driver::new(conn);
        driver.feed(b"\x00\xff\x00\xff");
        assert_eq!(driver.events(), [text(""), text("")]);
        driver.conn.send_text("").unwrap();
        driver.drain();
        assert_eq!(escaped(driver.sent()), escaped(b"\x00\xff"));
    }
}

#[test]
fn input_after_a_fatal_error_is_ignored_fr_16() {
    let config = Config::new().max_frame_len(5).strict_frames(true);
    for fatal in [&b"\x00Hello!"[..], b"\x80\x06", b"\x01x\xff"] {
        for role in ROLES {
            let conn = established(&config, role, Hixie76);
            let mut driver = Driver::new(conn);
            driver.feed(fatal);
            let events = driver.events();
            assert!(matches!(events.last(), Some(Observed::ProtocolError(_))));
            assert_eq!(escaped(driver.sent()), escaped(CLOSE));
            driver.feed(b"\xff\x00Hello\xff\xff\x00");
            driver.eof();
            assert_eq!(driver.transcript, Transcript::default());
            assert_eq!(driver.conn.send_text("late"), Err(SendError::Closing));
            assert!(driver.conn.is_done());
        }
    }
}
