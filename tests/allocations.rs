//! Allocations: how many and how large, by count and never by time.

use hybi::{
    AcceptOptions, Close, Config, Connection, Dialect, Dialects, Entropy, Event, MessageAssembler,
    PreparedMessage, Response,
};
use testkit::allocator::{CountingAllocator, Usage, figure, measure};
use testkit::pair::response_to;
use testkit::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const README: &str = include_str!("../README.md");
const CONFIG: &str = include_str!("../src/config.rs");
const KIB: usize = 1024;
const NONE: Usage = Usage {
    allocations: 0,
    largest: 0,
    peak: 0,
    retained: 0,
};

fn open(dialect: Dialect) -> Connection {
    established(&Config::new(), Role::Server, dialect)
}

/// Receives `bytes` in reads of `read_len`; returns the number of events.
fn receive(conn: &mut Connection, bytes: &mut [u8], read_len: usize) -> usize {
    let mut events = 0;
    for read in bytes.chunks_mut(read_len) {
        let mut input = input(read);
        while conn.receive(&mut input).is_some() {
            events += 1;
        }
    }
    events
}

/// Receives and assembles `bytes` in reads of `read_len`; returns the number of messages.
fn assemble(
    conn: &mut Connection,
    assembler: &mut MessageAssembler,
    bytes: &mut [u8],
    read_len: usize,
) -> usize {
    let mut messages = 0;
    for read in bytes.chunks_mut(read_len) {
        let mut input = input(read);
        while let Some(Event::Text(chunk)) = conn.receive(&mut input) {
            messages += usize::from(assembler.push_text(chunk).unwrap().is_some());
        }
    }
    messages
}

fn texts() -> [String; 5] {
    [
        String::new(),
        "Hello".to_owned(),
        "h\u{e9}\u{2603}\u{1f600}\0\u{ff}".to_owned(),
        "a".repeat(125),
        "\u{2603}".repeat(10_000),
    ]
}

#[test]
fn receiving_a_complete_message_does_not_allocate() {
    for dialect in HIXIE {
        let (mut conn, mut assembler) = (open(dialect), MessageAssembler::new(64 * KIB));
        for text in texts() {
            let mut bytes = hixie_frame(&text).repeat(20);
            let len = bytes.len();
            let (messages, usage) =
                measure(|| assemble(&mut conn, &mut assembler, &mut bytes, len));
            assert_eq!((messages, usage), (20, NONE), "{} bytes", text.len());
        }
    }
}

/// With masks, in both roles (HY-5).
#[test]
fn hybi_messages_are_received_and_sent_without_allocating() {
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = established(&Config::new(), role, dialect);
        let mut assembler = MessageAssembler::new(64 * KIB);
        for text in texts().iter().rev() {
            let received = [0x81, 0x82, 0x89].map(|first| {
                let payload = if first == 0x89 { "ping" } else { text.as_str() };
                frame(other(role), first, payload)
            });
            let mut bytes = received.concat().repeat(20);
            let mut send_and_receive = || {
                let (mut messages, mut bytes) = (0, bytes.clone());
                let mut input = input(&mut bytes);
                let ((), usage) = measure(|| {
                    while let Some(event) = conn.receive(&mut input) {
                        messages += match event {
                            Event::Text(chunk) => {
                                usize::from(assembler.push_text(chunk).unwrap().is_some())
                            }
                            Event::Binary(chunk) => {
                                usize::from(assembler.push_binary(chunk).unwrap().is_some())
                            }
                            _ => 0,
                        };
                    }
                    conn.send_text(text).unwrap();
                    conn.send_binary(text.as_bytes()).unwrap();
                    conn.advance(conn.transmit().len());
                });
                (messages, usage)
            };
            // The first turn allocates the send buffer.
            send_and_receive();
            assert_eq!(
                send_and_receive(),
                (40, NONE),
                "{role:?}, {} bytes",
                text.len()
            );
            bytes.clear();
        }
    }
}

#[test]
fn chunks_do_not_allocate_and_are_assembled_in_one_buffer() {
    for dialect in HIXIE {
        let (mut conn, mut assembler) = (open(dialect), MessageAssembler::new(64 * KIB));
        for text in texts().into_iter().rev() {
            for read in [1, 2, 3, 1000] {
                let mut bytes = hixie_frame(&text).repeat(2);
                let (_, usage) = measure(|| receive(&mut conn, &mut bytes, read));
                assert_eq!(usage, NONE, "{} bytes in reads of {read}", text.len());
                // The first and longest message allocated the buffer.
                assemble(&mut conn, &mut assembler, &mut bytes, read);
                let (messages, usage) =
                    measure(|| assemble(&mut conn, &mut assembler, &mut bytes, read));
                assert_eq!(
                    (messages, usage),
                    (2, NONE),
                    "{} bytes in reads of {read}",
                    text.len()
                );
            }
        }
    }
}

#[test]
fn sending_does_not_allocate_after_the_first_message() {
    for dialect in HIXIE {
        let mut conn = open(dialect);
        let encoded = texts().map(|text| PreparedMessage::text(&text));
        let flush = |conn: &mut Connection| conn.advance(conn.transmit().len());
        // The first and longest message allocates the buffer.
        for (text, encoded) in texts().iter().zip(&encoded).rev() {
            let mut send = || {
                conn.send_text(text).unwrap();
                flush(&mut conn);
                drop(conn.send_text_vectored(text).unwrap());
                flush(&mut conn);
                conn.send_text_vectored(text)
                    .unwrap()
                    .advance(text.len() + 2);
                conn.send_text_vectored(text).unwrap().advance(1);
                flush(&mut conn);
                conn.send_prepared(encoded).unwrap();
                flush(&mut conn);
            };
            send();
            let (_, usage) = measure(send);
            assert_eq!(usage, NONE, "{} bytes", text.len());
        }
    }
}

/// HY-5: a client masks in place, and its block of random bytes is for several messages.
#[test]
fn the_first_send_allocates_at_most_1_kib_more_than_the_message() {
    for (role, dialect) in every_role_and_dialect() {
        for length in [0, 1, 512, 513, 5_000, 100_000] {
            let text = "a".repeat(length);
            let mut conn = established(&Config::new(), role, dialect);
            let (sent, usage) = measure(|| conn.send_text(&text));
            assert_eq!(sent, Ok(()));
            assert!(usage.peak <= (length + KIB) as isize, "{length}: {usage:?}");
        }
    }
}

/// It is written directly to the send buffer.
#[test]
fn a_large_response_body_is_copied_once() {
    let body = vec![b'a'; 100 * KIB];
    let mut conn = Connection::server(Config::new());
    let mut head = DRAFT_76_REQUEST.as_bytes().to_vec();
    assert!(matches!(
        conn.receive(&mut input(&mut head)),
        Some(Event::Request(_))
    ));
    let (answered, usage) = measure(|| conn.respond(&Response::new(403).body(&body)));
    assert_eq!(answered, Ok(()));
    assert!(conn.transmit().ends_with(&body));
    assert!(usage.peak <= (body.len() + KIB) as isize, "{usage:?}");
}

#[test]
fn skipped_frames_and_closing_do_not_allocate() {
    for dialect in HIXIE {
        let mut conn = open(dialect);
        let mut bytes = [
            &b"\x42\x00skipped\xff\x01\xff\x80\x00\x80\x03\xff\x00\xff\xff\x80\x80\x01\x00"[..],
            b"\xa0\x81\x80\x00",
            &[0xff; 16_384],
        ]
        .concat()
        .repeat(10);
        for read in [1, 7, 1 << 20] {
            let (events, usage) = measure(|| receive(&mut conn, &mut bytes, read));
            assert_eq!((events, usage), (60, NONE));
        }
    }
    let mut conn = open(Dialect::Hixie76);
    conn.send_text("a").unwrap();
    conn.advance(3);
    let mut bytes = b"\xff\x00".to_vec();
    let (events, usage) = measure(|| {
        conn.close(&Close::EMPTY).unwrap();
        receive(&mut conn, &mut bytes, 1)
    });
    assert_eq!((events, usage.allocations), (1, 0));
}

/// FR-6, FR-7
#[test]
fn a_declared_frame_length_of_hixie_does_not_allocate_fr_6() {
    let lengths: [&[u8]; 4] = [
        &[0x01],
        &[0x81, 0x80, 0x80, 0x00],
        &[0x8f, 0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ];
    for dialect in HIXIE {
        for kind in [0x80, 0xc0, 0xff] {
            for length in lengths {
                let mut conn = open(dialect);
                let mut bytes = [&[kind][..], length].concat();
                let (events, usage) = measure(|| receive(&mut conn, &mut bytes, 1));
                assert_eq!((events, usage), (0, NONE));
                let mut payload = [0; 100];
                let (_, usage) = measure(|| receive(&mut conn, &mut payload, 100));
                assert_eq!(usage, NONE);
            }
        }
    }
}

/// RFC-10.4-1
#[test]
fn a_declared_frame_length_of_hybi_does_not_allocate() {
    for (role, dialect) in every_role_and_dialect() {
        let key = (role == Role::Server).then_some(MASKING_KEY);
        for length in [0x1_0000, u64::from(u32::MAX), 1 << 62, i64::MAX as u64] {
            for first in [TEXT, BINARY, TEXT_FRAGMENT] {
                let mut conn = established(&Config::new(), role, dialect);
                let mut header = header(first, key, LengthEncoding::Bits64, length);
                let mut payload = masked(&[b'a'; 100], key.unwrap_or_default());
                let (_, usage) = measure(|| {
                    receive(&mut conn, &mut header, 1);
                    receive(&mut conn, &mut payload, 100)
                });
                assert_eq!(usage, NONE, "{length} at {role:?}");
                assert!(conn.closed().is_none());
            }
        }
    }
}

/// HY-7: including empty fragments.
#[test]
fn a_million_fragments_use_no_more_memory_than_the_message_limit() {
    let config = Config::new().max_fragments(u32::MAX);
    for role in ROLES {
        let mut conn = established(&config, role, Dialect::Rfc6455);
        let sender = other(role);
        let mut first = frame(sender, BINARY_FRAGMENT, "");
        let pair = [
            frame(sender, CONTINUATION, ""),
            frame(sender, CONTINUATION, "a"),
        ];
        let pairs = pair.concat().repeat(1000);
        let limit = 1 << 20;
        let mut assembler = MessageAssembler::new(limit);
        let (mut bytes, mut received) = (pairs.clone(), 0);
        let ((), usage) = measure(|| {
            receive(&mut conn, &mut first, 100);
            for _ in 0..1000 {
                bytes.copy_from_slice(&pairs); // A server unmasks in place.
                let mut input = input(&mut bytes);
                while let Some(event) = conn.receive(&mut input) {
                    if let Event::Binary(chunk) = event {
                        received += chunk.as_bytes().len();
                        assert_eq!(assembler.push_binary(chunk), Ok(None));
                    }
                }
            }
        });
        assert_eq!((received, conn.closed()), (1_000_000, None));
        assert!(usage.peak <= 2 * limit as isize, "{role:?}: {usage:?}");
    }
}

/// HY-7: `high_water` limits the pending pongs.
#[test]
fn a_million_pings_use_no_more_memory_than_the_send_buffer() {
    for role in ROLES {
        let config = Config::new();
        let mut conn = established(&config, role, Dialect::Rfc6455);
        let pings = frame(other(role), PING, [b'p'; 125]).repeat(1000);
        let mut bytes = pings.clone();
        let (events, usage) = measure(|| {
            let pings = (0..1000).map(|_| {
                bytes.copy_from_slice(&pings);
                receive(&mut conn, &mut bytes, 1 << 20)
            });
            pings.sum::<usize>()
        });
        assert_eq!(events, 1_000_000);
        let pong = frame(role, PONG, [b'p'; 125]).len();
        assert!(conn.transmit().len() <= 64 * KIB + pong);
        let security = include_str!("../SECURITY.md");
        let max = figure(
            security,
            "use_no_more_memory_than_the_send_buffer`: at most",
            "KiB for",
        );
        assert!(usage.peak <= max as isize, "{role:?}: {usage:?}");
    }
}

#[test]
fn a_declared_content_length_does_not_allocate_rq_18() {
    let lengths = [
        "8",
        "4294967295",
        "9223372036854775807",
        "18446744073709551616",
    ];
    let config = Config::new().dialects(Dialects::ALL).plain_http(true);
    for head in [
        DRAFT_75_REQUEST,
        DRAFT_76_REQUEST,
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        for length in lengths {
            let field = format!("Content-Length: {length}\r\nHost: ");
            let mut bytes = replace_once(head, "Host: ", field);
            let (_, usage) = measure(|| {
                let mut conn = Connection::server(config.clone());
                receive(&mut conn, &mut bytes, 1 << 20)
            });
            assert!(usage.peak <= 4 * KIB as isize, "{length}: {usage:?}");
        }
    }
    let request = client_request(Dialect::Hixie76);
    let client = || Connection::client(Config::new(), &request, Entropy::from_bytes([3; 32]));
    let reply = response_to(&mut client());
    for length in lengths {
        for status in ["101 WebSocket Protocol Handshake", "404 Not Found"] {
            let field = format!("Content-Length: {length}\r\nUpgrade: ");
            let reply = replace_once(&reply, "Upgrade: ", field);
            let mut reply = replace_once(reply, "101 WebSocket Protocol Handshake", status);
            let mut conn = client();
            let (_, usage) = measure(|| receive(&mut conn, &mut reply, 1 << 20));
            assert!(usage.peak <= 4 * KIB as isize, "{length}: {usage:?}");
        }
    }
}

/// RQ-19: while its buffer grows, both the old and the new one exist.
#[test]
fn an_endless_head_uses_no_more_memory_than_its_limit_rq_19() {
    let line = b"X-Filler: some text\r\n";
    for limit in [1, 8, 64] {
        let config = Config::new()
            .max_head_len(limit * KIB)
            .max_headers(usize::MAX);
        for read in [1, 1 << 20] {
            let mut bytes = [&b"GET / HTTP/1.1\r\n"[..], &line.repeat(10_000)].concat();
            let (events, usage) = measure(|| {
                let mut conn = Connection::server(config.clone());
                receive(&mut conn, &mut bytes, read)
            });
            assert_eq!(events, 1);
            let max = 2 * limit * KIB + 36 * (limit * KIB / line.len()) + KIB;
            assert!(usage.peak <= max as isize, "{limit} KiB: {usage:?}");
        }
    }
}

/// Eight use as much as one.
#[test]
fn interim_responses_reuse_the_memory_of_the_head_hy_11() {
    let interim = format!("HTTP/1.1 103 x\r\n{}\r\n", "Link: </a>\r\n".repeat(50));
    for read_len in [1, 7, 1 << 20] {
        let usage = |count: usize| {
            let config = Config::new().max_headers(usize::MAX);
            let mut conn = Connection::client(
                config.clone(),
                &client_request(Dialect::Rfc6455),
                Entropy::from_bytes([0; 32]),
            );
            let mut bytes = interim.repeat(count).into_bytes();
            let (events, usage) = measure(|| receive(&mut conn, &mut bytes, read_len));
            assert_eq!(events, 0);
            usage
        };
        assert_eq!(usage(8), usage(1));
    }
}

/// As documented for `max_head_len`, with the default limits: whatever the head consists of, and
/// while the response repeats most of it.
#[test]
fn a_connection_in_the_handshake_uses_at_most_40_kib_rq_19() {
    let max = figure(README, "A connection uses at most", "KiB in the handshake");
    let stated = figure(CONFIG, "a server uses at most", "KiB for a connection");
    assert_eq!(max, stated);
    let max = max as isize;
    let line = |head: &str, from: &str, to: &str| {
        let filler = "x".repeat(16 * KIB - head.len() - to.len() + from.len());
        replace_once(head, from, to.to_owned() + &filler)
    };
    let mut heads = vec![
        [&b"GET / HTTP/1.1\r\n"[..], &b"X: some text\r\n".repeat(99)].concat(),
        [b"GET / HTTP/1.1\r\nX: ", &[b'x'; 16 * KIB][..]].concat(),
        [&b"GET http://"[..], &[b'x'; 16 * KIB]].concat(),
        line(DRAFT_75_REQUEST, "/demo", "/"),
        line(RFC6455_REQUEST, "chat,", "chat,"),
        line(RFC6455_REQUEST, "GET /chat", "GET http://example.com?"),
    ];
    for from in ["/demo", "sample", "http://example.com", "GET /demo"] {
        let to = from
            .strip_prefix("GET /")
            .map_or(from, |_| "GET http://example.com?");
        heads.push(line(DRAFT_76_REQUEST, from, to));
    }
    let accept = AcceptOptions::new().header("Set-Cookie", "session=0123456789");
    let config = hybi::SharedConfig::from(Config::new().dialects(Dialects::ALL));
    for head in &heads {
        for read in [1, 1000, 4097, 8193, 16 * KIB - 1, 1 << 20] {
            let mut bytes = head.clone();
            bytes.extend_from_slice(DRAFT_76_KEY3);
            let (conn, usage) = measure(|| {
                let mut conn = Connection::server(config.clone());
                for chunk in bytes.chunks_mut(read) {
                    let mut input = input(chunk);
                    while let Some(event) = conn.receive(&mut input) {
                        if let Event::Request(_) = event {
                            conn.accept(&accept).unwrap();
                        }
                    }
                }
                conn
            });
            assert!(usage.peak <= max, "{usage:?}, reads of {read}: {conn:?}");
        }
    }
    let request = client_request(Dialect::Hixie76);
    let mut client = Connection::client(Config::new(), &request, Entropy::from_bytes([3; 32]));
    let mut reply = response_to(&mut client);
    let challenge_response = reply.split_off(reply.len() - 16);
    let head = String::from_utf8(reply).unwrap();
    let mut reply = line(&head, "Sec-WebSocket-Origin: ", "X: ");
    reply.extend(challenge_response);
    let (_, usage) = measure(|| receive(&mut client, &mut reply, 1000));
    assert!(usage.peak <= max, "{usage:?}");
}

/// In reads of 64 KiB, with complete frames and frames longer than all input.
#[test]
fn a_gibibyte_of_frames_does_not_allocate_fr_15() {
    let letters = vec![b'a'; 64 * KIB];
    let texts = hixie_frame(&"a".repeat(1000)).repeat(66)[..64 * KIB].to_vec();
    for (dialect, total) in [(Dialect::Hixie75, 1 << 26), (Dialect::Hixie76, 1 << 30)] {
        let mut conn = open(dialect);
        // A quarter each: one text, many texts, a skipped frame with a terminator, and one with a
        // length.
        for (start, read) in [
            (&b"\x00"[..], &letters),
            (b"\xff", &texts),
            (b"\xff\x42", &letters),
            (b"\xff\x80\xff\xff\xff\xff\x7f", &letters),
        ] {
            let (mut start, mut read) = (start.to_vec(), read.clone());
            let (_, usage) = measure(|| {
                receive(&mut conn, &mut start, 64 * KIB);
                for _ in 0..total / 4 / read.len() {
                    receive(&mut conn, &mut read, 64 * KIB);
                }
            });
            assert_eq!(usage, NONE);
        }
        assert!(conn.closed().is_none());
    }
}

/// As documented: `MessageAssembler` retains at most 64 KiB.
#[test]
fn the_assembler_releases_the_capacity_of_a_large_message() {
    let large = "\u{2603}".repeat(1 << 20)[..(1 << 20) - 1].to_owned();
    let (mut once, mut small) = (hixie_frame(&large), hixie_frame("small").repeat(100));
    for read in [2, 1 << 20] {
        let mut conn = open(Dialect::Hixie76);
        let (mut assembler, usage) = measure(|| {
            let mut assembler = MessageAssembler::new(usize::MAX);
            assert_eq!(assemble(&mut conn, &mut assembler, &mut once, 4 * KIB), 1);
            assert_eq!(assemble(&mut conn, &mut assembler, &mut small, read), 100);
            assembler
        });
        assert!(usage.peak >= 1 << 20);
        assert!(usage.retained <= 64 * KIB as isize, "{usage:?}");
        let (_, usage) = measure(|| assemble(&mut conn, &mut assembler, &mut small, read));
        assert_eq!(usage, NONE);
    }
}

/// As documented: a smaller message releases the capacity over 64 KiB, an equally large one does
/// not.
#[test]
fn the_assembler_reuses_capacity_between_messages_in_chunks() {
    for first in [TEXT, BINARY] {
        let config = Config::new();
        let mut conn = established(&config, Role::Client, Dialect::Rfc6455);
        let mut assembler = MessageAssembler::new(usize::MAX);
        let mut allocations_of = |length: usize, read: usize| {
            let mut bytes = frame(Role::Server, first, "a".repeat(length));
            let mut received = 0;
            let ((), usage) = measure(|| {
                for read in bytes.chunks_mut(read) {
                    let mut input = input(read);
                    while let Some(event) = conn.receive(&mut input) {
                        received += match event {
                            Event::Text(chunk) => {
                                assembler.push_text(chunk).unwrap().map_or(0, str::len)
                            }
                            Event::Binary(chunk) => {
                                assembler.push_binary(chunk).unwrap().map_or(0, <[u8]>::len)
                            }
                            _ => 0,
                        };
                    }
                }
            });
            assert_eq!(received, length);
            usage
        };
        allocations_of(1 << 20, 4 * KIB);
        assert_eq!(allocations_of(1 << 20, 4 * KIB), NONE);
        allocations_of(100, 64);
        assert_eq!(allocations_of(64 * KIB, 4 * KIB), NONE);
        assert_ne!(allocations_of(64 * KIB + 1, 4 * KIB), NONE);
    }
}

/// As documented: text and binary messages share one buffer of at most the limit, so that at most
/// twice the limit is allocated while it grows.
#[test]
fn the_assembler_never_allocates_a_block_above_its_limit_fr_14() {
    let mut conn = established(&Config::new(), Role::Client, Dialect::Rfc6455);
    for limit in [1, 100, 1000, 3 * KIB + 1, 100 * KIB] {
        let mut assembler = MessageAssembler::new(limit);
        let mut used = 0;
        for (first, length) in [
            (TEXT, limit),
            (BINARY, limit),
            (TEXT, limit - 1),
            (BINARY, limit + 1),
            (BINARY, limit),
            (TEXT, limit + 1),
            (TEXT, limit),
        ] {
            let bytes = frame(Role::Server, first, "a".repeat(length));
            for read_len in [KIB, 10, limit / 2 + 1] {
                let (mut messages, mut bytes) = (0, bytes.clone());
                let ((), usage) = measure(|| {
                    for read in bytes.chunks_mut(read_len) {
                        let mut input = input(read);
                        while let Some(event) = conn.receive(&mut input) {
                            messages += usize::from(match event {
                                Event::Text(chunk) => {
                                    assembler.push_text(chunk).is_ok_and(|text| text.is_some())
                                }
                                Event::Binary(chunk) => assembler
                                    .push_binary(chunk)
                                    .is_ok_and(|bytes| bytes.is_some()),
                                other => panic!("{other:?}"),
                            });
                        }
                    }
                });
                assert_eq!(messages == 1, length <= limit, "{length} of {limit} bytes");
                assert!(
                    usage.largest <= limit,
                    "{length} of {limit} bytes: {usage:?}"
                );
                let peak = used + usage.peak;
                used += usage.retained;
                assert!(
                    peak <= 2 * limit as isize && used <= limit as isize,
                    "{length} of {limit} bytes: {usage:?}"
                );
            }
        }
    }
}

/// As documented: the assembler keeps no capacity, and a message in one chunk is copied once.
#[test]
fn an_owned_message_takes_the_memory_of_the_assembler() {
    let mut conn = open(Dialect::Hixie76);
    let mut assembler = MessageAssembler::new(64 * KIB);
    let text = "a".repeat(10 * KIB);
    for read_len in [64 * KIB, 100] {
        let mut bytes = hixie_frame(&text);
        let (message, usage) = measure(|| {
            let mut message = None;
            for read in bytes.chunks_mut(read_len) {
                let mut input = input(read);
                while let Some(Event::Text(chunk)) = conn.receive(&mut input) {
                    message = assembler.push_text_owned(chunk).unwrap();
                }
            }
            message.unwrap()
        });
        assert_eq!(message, text);
        assert_eq!(usage.retained, message.capacity() as isize);
        let expected = if read_len > bytes.len() { 1 } else { 8 };
        assert!(usage.allocations <= expected, "{usage:?}");
    }
}

/// As documented: clones share the payload.
#[test]
fn a_prepared_message_is_copied_only_to_send_buffers() {
    let text = "a".repeat(10 * KIB);
    let (message, usage) = measure(|| PreparedMessage::text(&text));
    assert!(usage.retained <= (text.len() + 16) as isize, "{usage:?}");
    let (_clones, usage) = measure(|| [message.clone(), message.clone()]);
    assert_eq!(usage, NONE);
}

/// On a server, and on a client of a dialect without masks.
#[test]
fn a_vectored_message_refers_to_the_payload_of_the_caller_fr_11_hy_5() {
    let text = "a".repeat(100 * KIB);
    let dialects = HIXIE.into_iter().chain(HYBI);
    for (role, dialect) in dialects.flat_map(|dialect| ROLES.map(|role| (role, dialect))) {
        let mut conn = established(&Config::new(), role, dialect);
        conn.send_text("pending").unwrap();
        let masks = role == Role::Client && HYBI.contains(&dialect);
        let ((), usage) = measure(|| {
            let mut message = conn.send_text_vectored(&text).unwrap();
            assert_eq!(message.slices()[2].as_ptr() == text.as_ptr(), !masks);
            let len = message.slices().iter().map(|slice| slice.len()).sum();
            message.advance(len);
        });
        assert_eq!(usage == NONE, !masks, "{role:?} {dialect}: {usage:?}");
        assert!(!conn.wants_write());
    }
}

/// Two buffers in turns, as with I/O that owns its buffers.
#[test]
fn take_output_with_a_spare_buffer_does_not_allocate() {
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = established(&Config::new(), role, dialect);
        let mut spare = Vec::new();
        let text = "a".repeat(10 * KIB);
        let mut turn = || {
            conn.send_text(&text).unwrap();
            spare = conn.take_output(std::mem::take(&mut spare));
        };
        turn();
        turn();
        for _ in 0..10 {
            assert_eq!(measure(&mut turn).1, NONE);
        }
    }
}

/// As documented: a message in one chunk is borrowed from the input.
#[test]
fn a_complete_message_after_one_in_chunks_does_not_allocate() {
    let (mut conn, mut assembler) = (open(Dialect::Hixie76), MessageAssembler::new(64 * KIB));
    let mut chunks = hixie_frame("few");
    let mut complete = hixie_frame(&"a".repeat(10 * KIB));
    for _ in 0..2 {
        assert_eq!(assemble(&mut conn, &mut assembler, &mut chunks, 2), 1);
        let (messages, usage) =
            measure(|| assemble(&mut conn, &mut assembler, &mut complete, 64 * KIB));
        assert_eq!((messages, usage), (1, NONE));
    }
}

/// Writes all pending output, at most `write_len` bytes at a time.
fn flush(conn: &mut Connection, write_len: usize) {
    while conn.wants_write() {
        conn.advance(write_len.min(conn.transmit().len()));
    }
}

/// Growth that doubles past the retained capacity would be dropped at each flush.
#[test]
fn small_messages_that_fill_the_retained_capacity_allocate_only_once() {
    for (role, dialect) in every_role_and_dialect() {
        for length in [20, 125, 600, 5_000, 33_000] {
            let mut conn = established(&Config::new(), role, dialect);
            let text = "a".repeat(length);
            let mut fill_and_flush = || {
                measure(|| {
                    while conn.transmit().len() + length + 14 <= 64 * KIB {
                        conn.send_text(&text).unwrap();
                    }
                    flush(&mut conn, usize::MAX);
                })
            };
            fill_and_flush();
            assert_eq!(fill_and_flush().1, NONE, "{role:?}, {length} bytes");
        }
    }
}

#[test]
fn the_first_flush_of_at_most_64_kib_releases_the_capacity_of_large_messages() {
    let large = "a".repeat((1 << 20) - 2);
    let largest = "a".repeat(64 * KIB - 2);
    for write_len in [usize::MAX, 1000] {
        let mut conn = open(Dialect::Hixie76);
        let (_, usage) = measure(|| {
            conn.send_text(&large).unwrap();
            flush(&mut conn, write_len);
        });
        assert!(usage.retained >= 1 << 20, "{usage:?}");
        let (_, more) = measure(|| {
            conn.send_text(&largest).unwrap();
            flush(&mut conn, write_len);
        });
        assert_eq!(more.allocations, 0, "the capacity is there");
        // The empty queue is kept, since messages are sent.
        let retained = usage.retained + more.retained;
        assert!((0..=128).contains(&retained), "{retained} bytes");
        for _ in 0..100 {
            conn.send_text("small").unwrap();
            flush(&mut conn, write_len);
        }
    }
}
