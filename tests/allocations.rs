//! When memory is asked for, and how much: counted, never timed.

mod common;

use std::time::Duration;

use common::allocator::{Counting, Used, measure};
use common::pair::answer_to;
use common::*;
use hybi::{
    ClientRequest, Close, Config, Connection, Dialect, Dialects, Event, MessageAssembler,
    PreparedMessage, Response, Role,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DIALECTS: [Dialect; 2] = [Dialect::Hixie75, Dialect::Hixie76];
const KIB: usize = 1024;
const NONE: Used = Used {
    allocations: 0,
    largest: 0,
    peak: 0,
    kept: 0,
};

fn open(dialect: Dialect) -> Connection {
    Connection::established(&Config::new(), Role::Server, dialect, [0; 32])
}

fn frame(text: &str) -> Vec<u8> {
    [b"\x00", text.as_bytes(), b"\xff"].concat()
}

/// How many events came of `bytes`, of which each read gives so many.
fn receive(conn: &mut Connection, bytes: &mut [u8], read: usize) -> usize {
    let mut events = 0;
    for mut input in bytes.chunks_mut(read) {
        while conn.receive(&mut input).is_some() {
            events += 1;
        }
    }
    events
}

/// How many whole messages came of `bytes`.
fn gather(
    conn: &mut Connection,
    message: &mut MessageAssembler,
    bytes: &mut [u8],
    read: usize,
) -> usize {
    let mut messages = 0;
    for mut input in bytes.chunks_mut(read) {
        while let Some(Event::Text(piece)) = conn.receive(&mut input) {
            messages += usize::from(message.push_text(&piece).unwrap().is_some());
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
fn a_whole_message_received_asks_for_none() {
    for dialect in DIALECTS {
        let (mut conn, mut message) = (open(dialect), MessageAssembler::new(64 * KIB));
        for text in texts() {
            let mut bytes = frame(&text).repeat(20);
            let whole = bytes.len();
            let (messages, used) = measure(|| gather(&mut conn, &mut message, &mut bytes, whole));
            assert_eq!((messages, used), (20, NONE), "{} bytes", text.len());
        }
    }
}

/// The dialects with masks, both ends (HY-5).
#[test]
fn a_whole_message_of_later_dialects_asks_for_none_either_way() {
    for (role, dialect) in rfc::every_end() {
        let mut conn = Connection::established(&Config::new(), role, dialect, [0; 32]);
        let mut message = MessageAssembler::new(64 * KIB);
        for text in texts().iter().rev() {
            let received = [0x81, 0x82, 0x89].map(|first| {
                let payload = if first == 0x89 { "ping" } else { text.as_str() };
                rfc::frame(rfc::other(role), first, payload)
            });
            let mut bytes = received.concat().repeat(20);
            let mut turn = || {
                let (mut messages, mut input) = (0, &mut bytes.clone()[..]);
                let ((), used) = measure(|| {
                    while let Some(event) = conn.receive(&mut input) {
                        messages += match event {
                            Event::Text(piece) => {
                                usize::from(message.push_text(&piece).unwrap().is_some())
                            }
                            Event::Binary(piece) => {
                                usize::from(message.push_binary(&piece).unwrap().is_some())
                            }
                            _ => 0,
                        };
                    }
                    conn.send_text(text).unwrap();
                    conn.send_binary(text.as_bytes()).unwrap();
                    conn.advance(conn.transmit().len());
                });
                (messages, used)
            };
            // The first makes the room for what is sent.
            turn();
            assert_eq!(turn(), (40, NONE), "{role:?}, {} bytes", text.len());
            bytes.clear();
        }
    }
}

#[test]
fn pieces_of_messages_ask_for_none_and_are_gathered_in_one_buffer() {
    for dialect in DIALECTS {
        let (mut conn, mut message) = (open(dialect), MessageAssembler::new(64 * KIB));
        for text in texts().into_iter().rev() {
            for read in [1, 2, 3, 1000] {
                let mut bytes = frame(&text).repeat(2);
                let (_, used) = measure(|| receive(&mut conn, &mut bytes, read));
                assert_eq!(used, NONE, "{} bytes by {read}", text.len());
                // The longest came first and made the room.
                gather(&mut conn, &mut message, &mut bytes, read);
                let (messages, used) =
                    measure(|| gather(&mut conn, &mut message, &mut bytes, read));
                assert_eq!(
                    (messages, used),
                    (2, NONE),
                    "{} bytes by {read}",
                    text.len()
                );
            }
        }
    }
}

#[test]
fn a_message_sent_asks_for_none_once_one_was_sent() {
    for dialect in DIALECTS {
        let mut conn = open(dialect);
        let encoded = texts().map(|text| PreparedMessage::text(dialect, &text));
        let flush = |conn: &mut Connection| conn.advance(conn.transmit().len());
        // The longest makes the room.
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
            let (_, used) = measure(send);
            assert_eq!(used, NONE, "{} bytes", text.len());
        }
    }
}

/// HY-5: a client masks it in its place, and draws masks for more messages than one.
#[test]
fn a_first_message_sent_asks_for_its_length_and_little_more() {
    for (role, dialect) in rfc::every_end() {
        for length in [0, 1, 512, 513, 5_000, 100_000] {
            let text = "a".repeat(length);
            let mut conn = Connection::established(&Config::new(), role, dialect, [0; 32]);
            let (sent, used) = measure(|| conn.send_text(&text));
            assert_eq!(sent, Ok(()));
            assert!(used.peak <= (length + KIB) as isize, "{length}: {used:?}");
        }
    }
}

/// What is written for one peer alone is held once, not copied to where it is sent from.
#[test]
fn a_response_with_a_large_body_is_held_once() {
    let body = vec![b'a'; 100 * KIB];
    let mut conn = Connection::server(&Config::new());
    let mut head = DRAFT_76_HEAD.as_bytes().to_vec();
    assert!(matches!(
        conn.receive(&mut &mut head[..]),
        Some(Event::Request(_))
    ));
    let (answered, used) = measure(|| conn.respond(&Response::new(403).body(&body)));
    assert_eq!(answered, Ok(()));
    assert!(conn.transmit().ends_with(&body));
    assert!(used.peak <= (body.len() + KIB) as isize, "{used:?}");
}

#[test]
fn skipped_frames_and_closing_ask_for_none() {
    for dialect in DIALECTS {
        let mut conn = open(dialect);
        let mut bytes = [
            &b"\x42\x00skipped\xff\x01\xff\x80\x00\x80\x03\xff\x00\xff\xff\x80\x80\x01\x00"[..],
            b"\xa0\x81\x80\x00",
            &[0xff; 16_384],
        ]
        .concat()
        .repeat(10);
        for read in [1, 7, 1 << 20] {
            let (events, used) = measure(|| receive(&mut conn, &mut bytes, read));
            assert_eq!((events, used), (60, NONE));
        }
    }
    let mut conn = open(Dialect::Hixie76);
    conn.send_text("a").unwrap();
    conn.advance(3);
    let mut bytes = b"\xff\x00".to_vec();
    let (events, used) = measure(|| {
        conn.close(&Close::EMPTY).unwrap();
        receive(&mut conn, &mut bytes, 1)
    });
    assert_eq!((events, used.kept), (1, 0));
}

/// FR-6, FR-7: what a peer says that it will send is not what it sent.
#[test]
fn fr_6_a_declared_length_asks_for_none() {
    let lengths: [&[u8]; 4] = [
        &[0x01],
        &[0x81, 0x80, 0x80, 0x00],
        &[0x8f, 0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ];
    for dialect in DIALECTS {
        for kind in [0x80, 0xc0, 0xff] {
            for length in lengths {
                let mut conn = open(dialect);
                let mut bytes = [&[kind][..], length].concat();
                let (events, used) = measure(|| receive(&mut conn, &mut bytes, 1));
                assert_eq!((events, used), (0, NONE));
                let mut payload = [0; 100];
                let (_, used) = measure(|| receive(&mut conn, &mut payload, 100));
                assert_eq!(used, NONE);
            }
        }
    }
}

/// RFC-10.4-1: the same of later dialects, of control frames and messages.
#[test]
fn rfc_6455_a_declared_length_asks_for_none() {
    for (role, dialect) in rfc::every_end() {
        let key = (role == Role::Server).then_some(rfc::KEY);
        for length in [0x1_0000, u64::from(u32::MAX), 1 << 62, i64::MAX as u64] {
            for first in [rfc::TEXT, rfc::BINARY, rfc::TEXT_PART] {
                let mut conn = Connection::established(&Config::new(), role, dialect, [0; 32]);
                let mut header = rfc::header(first, key, rfc::Form::SixtyFour, length);
                let mut payload = rfc::masked(&[b'a'; 100], key.unwrap_or_default());
                let (_, used) = measure(|| {
                    receive(&mut conn, &mut header, 1);
                    receive(&mut conn, &mut payload, 100)
                });
                assert_eq!(used, NONE, "{length} at {role:?}");
                assert!(conn.closed().is_none());
            }
        }
    }
}

/// HY-7: empty ones among them; many frames cost no more than the message that they make.
#[test]
fn rfc_6455_a_million_fragments_cost_their_bytes() {
    let config = Config::new().max_fragments(u32::MAX);
    for role in rfc::ROLES {
        let mut conn = Connection::established(&config, role, Dialect::Rfc6455, [0; 32]);
        let sender = rfc::other(role);
        let mut first = rfc::frame(sender, rfc::BINARY_PART, "");
        let pair = [
            rfc::frame(sender, rfc::MORE, ""),
            rfc::frame(sender, rfc::MORE, "a"),
        ];
        let pairs = pair.concat().repeat(1000);
        let limit = 1 << 20;
        let mut message = MessageAssembler::new(limit);
        let (mut bytes, mut held) = (pairs.clone(), 0);
        let ((), used) = measure(|| {
            receive(&mut conn, &mut first, 100);
            for _ in 0..1000 {
                bytes.copy_from_slice(&pairs); // A server took the masks off.
                let mut input = &mut bytes[..];
                while let Some(event) = conn.receive(&mut input) {
                    if let Event::Binary(piece) = event {
                        held += piece.as_bytes().len();
                        assert_eq!(message.push_binary(&piece), Ok(None));
                    }
                }
            }
        });
        assert_eq!((held, conn.closed()), (1_000_000, None));
        assert!(used.peak <= (limit + KIB) as isize, "{role:?}: {used:?}");
    }
}

/// HY-7: pongs that nobody takes cost what may be pending, and the room to grow it.
#[test]
fn rfc_6455_a_million_pings_cost_what_may_be_pending() {
    for role in rfc::ROLES {
        let config = Config::new();
        let mut conn = Connection::established(&config, role, Dialect::Rfc6455, [0; 32]);
        let pings = rfc::frame(rfc::other(role), rfc::PING, [b'p'; 125]).repeat(1000);
        let mut bytes = pings.clone();
        let (events, used) = measure(|| {
            let pings = (0..1000).map(|_| {
                bytes.copy_from_slice(&pings);
                receive(&mut conn, &mut bytes, 1 << 20)
            });
            pings.sum::<usize>()
        });
        assert_eq!(events, 1_000_000);
        let pong = rfc::frame(role, rfc::PONG, [b'p'; 125]).len();
        assert!(conn.transmit().len() <= 64 * KIB + pong);
        assert!(used.peak <= 3 * 64 * KIB as isize, "{role:?}: {used:?}");
    }
}

#[test]
fn rq_18_a_declared_content_length_asks_for_none() {
    let lengths = [
        "8",
        "4294967295",
        "9223372036854775807",
        "18446744073709551616",
    ];
    let config = Config::new().dialects(Dialects::ALL).plain_http(true);
    for head in [
        DRAFT_75_HEAD,
        DRAFT_76_HEAD,
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        for length in lengths {
            let field = format!("Content-Length: {length}\r\nHost: ");
            let mut bytes = edit(head, "Host: ", field);
            let (_, used) = measure(|| {
                let mut conn = Connection::server(&config);
                receive(&mut conn, &mut bytes, 1 << 20)
            });
            assert!(used.peak <= 4 * KIB as isize, "{length}: {used:?}");
        }
    }
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(Dialect::Hixie76);
    let client = || Connection::client(&Config::new(), &target, [3; 32]);
    let reply = answer_to(&mut client());
    for length in lengths {
        for status in ["101 WebSocket Protocol Handshake", "404 Not Found"] {
            let field = format!("Content-Length: {length}\r\nUpgrade: ");
            let reply = edit(&reply, "Upgrade: ", field);
            let mut reply = edit(reply, "101 WebSocket Protocol Handshake", status);
            let mut conn = client();
            let (_, used) = measure(|| receive(&mut conn, &mut reply, 1 << 20));
            assert!(used.peak <= 4 * KIB as isize, "{length}: {used:?}");
        }
    }
}

/// RQ-19: of an endless head no more is held than its limit, and the room to grow it.
#[test]
fn rq_19_a_head_that_does_not_end_is_held_to_its_limit() {
    let line = b"X-Filler: some text\r\n";
    for limit in [1, 8, 64] {
        let config = Config::new()
            .max_head_len(limit * KIB)
            .max_headers(usize::MAX);
        for read in [1, 1 << 20] {
            let mut bytes = [&b"GET / HTTP/1.1\r\n"[..], &line.repeat(10_000)].concat();
            let (events, used) = measure(|| {
                let mut conn = Connection::server(&config);
                receive(&mut conn, &mut bytes, read)
            });
            assert_eq!(events, 1);
            let most = 4 * limit * KIB + 2 * KIB;
            assert!(used.peak <= most as isize, "{limit} KiB: {used:?}");
        }
    }
}

/// A gibibyte in reads of 64 KiB, of frames that end and of one that does not: nothing is held.
#[test]
fn fr_15_a_gibibyte_streams_through_in_no_memory() {
    let letters = vec![b'a'; 64 * KIB];
    let texts = frame(&"a".repeat(1000)).repeat(66)[..64 * KIB].to_vec();
    for (dialect, total) in [(Dialect::Hixie75, 1 << 26), (Dialect::Hixie76, 1 << 30)] {
        let mut conn = open(dialect);
        // A quarter each: one text, many, one frame skipped to its end, one skipped by count.
        for (begin, read) in [
            (&b"\x00"[..], &letters),
            (b"\xff", &texts),
            (b"\xff\x42", &letters),
            (b"\xff\x80\xff\xff\xff\xff\x7f", &letters),
        ] {
            let (mut begin, mut read) = (begin.to_vec(), read.clone());
            let (_, used) = measure(|| {
                receive(&mut conn, &mut begin, 64 * KIB);
                for _ in 0..total / 4 / read.len() {
                    receive(&mut conn, &mut read, 64 * KIB);
                }
            });
            assert_eq!(used, NONE);
        }
        assert!(conn.closed().is_none());
    }
}

/// The docs of `MessageAssembler`: at most 64 KiB are kept for the next.
#[test]
fn what_a_large_message_took_is_given_back() {
    let large = "\u{2603}".repeat(1 << 20)[..(1 << 20) - 1].to_owned();
    let (mut once, mut small) = (frame(&large), frame("small").repeat(100));
    for read in [2, 1 << 20] {
        let mut conn = open(Dialect::Hixie76);
        let (mut message, used) = measure(|| {
            let mut message = MessageAssembler::new(usize::MAX);
            assert_eq!(gather(&mut conn, &mut message, &mut once, 4 * KIB), 1);
            assert_eq!(gather(&mut conn, &mut message, &mut small, read), 100);
            message
        });
        assert!(used.peak >= 1 << 20);
        assert!(used.kept <= 64 * KIB as isize, "{used:?}");
        let (_, used) = measure(|| gather(&mut conn, &mut message, &mut small, read));
        assert_eq!(used, NONE);
    }
}

/// The docs of `MessageAssembler`: room is given back with a message that takes less, not between two that
/// take it, and only what exceeds 64 KiB.
#[test]
fn messages_in_pieces_find_the_room_of_the_ones_before() {
    for first in [rfc::TEXT, rfc::BINARY] {
        let config = Config::new();
        let mut conn = Connection::established(&config, Role::Client, Dialect::Rfc6455, [0; 32]);
        let mut message = MessageAssembler::new(usize::MAX);
        let mut turn = |length: usize, read: usize| {
            let mut bytes = rfc::frame(Role::Server, first, "a".repeat(length));
            let mut whole = 0;
            let ((), used) = measure(|| {
                for mut input in bytes.chunks_mut(read) {
                    while let Some(event) = conn.receive(&mut input) {
                        whole += match event {
                            Event::Text(piece) => {
                                message.push_text(&piece).unwrap().map_or(0, str::len)
                            }
                            Event::Binary(piece) => {
                                message.push_binary(&piece).unwrap().map_or(0, <[u8]>::len)
                            }
                            _ => 0,
                        };
                    }
                }
            });
            assert_eq!(whole, length);
            used
        };
        turn(1 << 20, 4 * KIB);
        assert_eq!(turn(1 << 20, 4 * KIB), NONE);
        turn(100, 64);
        assert_eq!(turn(64 * KIB, 4 * KIB), NONE);
        assert_ne!(turn(64 * KIB + 1, 4 * KIB), NONE);
    }
}

/// The docs of `MessageAssembler`: what comes in one piece is lent, also behind what was gathered.
#[test]
fn a_whole_message_behind_one_in_pieces_asks_for_none() {
    let (mut conn, mut message) = (open(Dialect::Hixie76), MessageAssembler::new(64 * KIB));
    let mut pieces = frame("few");
    let mut whole = frame(&"a".repeat(10 * KIB));
    for _ in 0..2 {
        assert_eq!(gather(&mut conn, &mut message, &mut pieces, 2), 1);
        let (messages, used) = measure(|| gather(&mut conn, &mut message, &mut whole, 64 * KIB));
        assert_eq!((messages, used), (1, NONE));
    }
}

/// Writes all that is pending, at most `taken` bytes at a time.
fn flush(conn: &mut Connection, taken: usize) {
    while conn.wants_write() {
        conn.advance(taken.min(conn.transmit().len()));
    }
}

#[test]
fn large_messages_sent_in_series_allocate_only_for_the_first() {
    let config = Config::new().max_send_buffer(2 << 20);
    for (role, dialect) in rfc::every_end() {
        for length in [64 * KIB - 1, 64 * KIB, 200_000, 1 << 20] {
            let text = "a".repeat(length);
            for taken in [usize::MAX, 10_000] {
                let mut conn = Connection::established(&config, role, dialect, [0; 32]);
                let mut send = || {
                    measure(|| {
                        conn.send_text(&text).unwrap();
                        flush(&mut conn, taken);
                    })
                };
                send();
                for _ in 0..10 {
                    assert_eq!(send().1, NONE, "{role:?}, {length} bytes by {taken}");
                }
            }
        }
    }
}

/// Growth that doubles past the retained capacity would be dropped at each flush.
#[test]
fn small_messages_that_fill_the_retained_capacity_allocate_only_once() {
    for (role, dialect) in rfc::every_end() {
        for length in [20, 125, 600, 5_000, 33_000] {
            let mut conn = Connection::established(&Config::new(), role, dialect, [0; 32]);
            let text = "a".repeat(length);
            let mut turn = || {
                measure(|| {
                    while conn.transmit().len() + length + 14 <= 64 * KIB {
                        conn.send_text(&text).unwrap();
                    }
                    flush(&mut conn, usize::MAX);
                })
            };
            turn();
            assert_eq!(turn().1, NONE, "{role:?}, {length} bytes");
        }
    }
}

#[test]
fn the_first_flush_of_at_most_64_kib_releases_the_capacity_of_large_messages() {
    let large = "a".repeat((1 << 20) - 2);
    let most = "a".repeat(64 * KIB - 2);
    for taken in [usize::MAX, 1000] {
        let mut conn = open(Dialect::Hixie76);
        let (_, used) = measure(|| {
            conn.send_text(&large).unwrap();
            flush(&mut conn, taken);
        });
        assert!(used.kept >= 1 << 20, "{used:?}");
        let (_, more) = measure(|| {
            conn.send_text(&most).unwrap();
            flush(&mut conn, taken);
        });
        assert_eq!(more.allocations, 0, "the capacity is there");
        assert_eq!(used.kept + more.kept, 0, "all of it is released");
        for _ in 0..100 {
            conn.send_text("small").unwrap();
            flush(&mut conn, taken);
        }
    }
}

#[test]
fn a_second_without_sends_releases_the_capacity_of_a_large_message() {
    let large = "a".repeat((1 << 20) - 2);
    let mut conn = open(Dialect::Hixie76);
    let (_, used) = measure(|| {
        conn.send_text(&large).unwrap();
        flush(&mut conn, usize::MAX);
        assert_eq!(conn.tick(Duration::ZERO), Some(Duration::from_secs(1)));
        assert_eq!(conn.tick(Duration::from_secs(1)), None);
    });
    assert!(used.peak >= 1 << 20, "{used:?}");
    assert_eq!(used.kept, 0);
}

/// The docs of `max_send_buffer`: however often messages come and go.
#[test]
fn a_peer_that_reads_slowly_costs_no_more_than_what_is_pending() {
    let text = "a".repeat(998);
    let limit = 100 * KIB;
    let config = Config::new().max_send_buffer(limit);
    let mut conn = Connection::established(&config, Role::Server, Dialect::Hixie75, [0; 32]);
    let (_, used) = measure(|| {
        for _ in 0..10_000 {
            while conn.send_text(&text).is_ok() {}
            conn.advance(700);
        }
    });
    // Pending and as much again that was sent, and the room that growth makes.
    assert!(used.peak <= 4 * limit as isize, "{used:?}");
}

/// A peer that takes a byte at a time costs a move of each byte, not of all for each.
#[test]
fn what_is_pending_is_moved_once_at_most() {
    let mut conn = Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32]);
    conn.send_text(&"a".repeat(10_000)).unwrap();
    let all = conn.transmit().len();
    let mut moved = 0;
    while conn.wants_write() {
        let next = conn.transmit().as_ptr().wrapping_add(1);
        conn.advance(1);
        let left = conn.transmit();
        if !left.is_empty() && left.as_ptr() != next {
            moved += left.len();
        }
    }
    assert!(moved > 0, "room for what was sent is never won back");
    assert!(moved <= all, "{moved} bytes were moved of {all}");
}
