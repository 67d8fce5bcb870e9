//! Each limit at, below and above.

mod common;

use common::pair::answer_to;
use common::*;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Event,
    MessageAssembler, MessageTooLong, Phase, ProtocolError, Refused, Response, Role,
};

const DIALECTS: [Dialect; 2] = [Dialect::Hixie75, Dialect::Hixie76];

fn protocol_error(error: ProtocolError) -> Observed {
    Observed::Closed(Closed::Protocol(error))
}

/// What a server says of the draft's request, and the status that it answers.
fn server(config: Config) -> (Observed, Option<u16>) {
    let mut driver = Driver::new(Connection::server(&config));
    driver.feed(DRAFT_76_HEAD.as_bytes());
    let status = driver.sent().get(9..12).map(|status| {
        let status = std::str::from_utf8(status).unwrap();
        status.parse().unwrap()
    });
    (driver.events().pop().unwrap(), status)
}

fn admitted() -> (Observed, Option<u16>) {
    let request = Observed::Request(Some(Dialect::Hixie76), "/demo".into());
    (request, Some(101))
}

/// What a client says of `reply` with this configuration.
fn client(config: Config, reply: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Option<Observed> {
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(Dialect::Hixie76);
    let mut conn = Connection::client(&config, &target, [9; 32]);
    let reply = reply(answer_to(&mut conn));
    let mut driver = Driver::new(conn);
    driver.feed(&reply);
    driver.events().pop()
}

fn open(config: Config, dialect: Dialect) -> Driver<'static> {
    Driver::new(Connection::established(
        &config,
        Role::Server,
        dialect,
        [0; 32],
    ))
}

#[test]
fn rq_19_max_head_of_a_request() {
    let length = DRAFT_76_HEAD.len();
    assert_eq!(server(Config::new().max_head_len(length)), admitted());
    assert_eq!(server(Config::new().max_head_len(length + 1)), admitted());
    for below in [length - 1, length - 2, 60, 1] {
        let limit = below as u32;
        let error = ProtocolError::HeadTooLong { limit };
        assert_eq!(
            server(Config::new().max_head_len(below)),
            (protocol_error(error), Some(431))
        );
    }
}

#[test]
fn rq_19_the_default_head_is_8_kib_of_lines_of_4_kib() {
    let filler = |n: usize| format!("X: {}\r\n", "x".repeat(n - 5));
    let head = |bytes: usize| {
        let rest = bytes - DRAFT_76_HEAD.len();
        let filler = [filler(4096), filler(rest - 4096)].concat();
        edit(DRAFT_76_HEAD, "Host:", filler + "Host:")
    };
    let events = |bytes: usize| {
        let mut driver = Driver::new(Connection::server(&Config::new()));
        driver.feed(&head(bytes));
        driver.events().pop().unwrap()
    };
    assert_eq!(head(8192).len(), 8192);
    assert_eq!(events(8191), admitted().0);
    assert_eq!(events(8192), admitted().0);
    assert_eq!(
        events(8193),
        protocol_error(ProtocolError::HeadTooLong { limit: 8192 })
    );
}

#[test]
fn rq_19_max_head_is_told_with_the_first_byte_too_many() {
    let mut driver = Driver::new(Connection::server(&Config::new().max_head_len(20)));
    driver.feed(&DRAFT_76_HEAD.as_bytes()[..20]);
    assert_eq!(driver.events(), []);
    driver.feed(b"o");
    assert_eq!(
        driver.events(),
        [protocol_error(ProtocolError::HeadTooLong { limit: 20 })]
    );
}

#[test]
fn rq_19_a_line_in_bits_is_too_long_with_its_first_byte_too_many() {
    let first = "GET / HTTP/1.1\r\n";
    let begins = first.len() as u32;
    let limit = 40;
    let line = |at: u32| ProtocolError::LineTooLong { at, limit };
    let head = ProtocolError::HeadTooLong { limit };
    let (max_line, max_head) = (
        Config::new().max_header_line_len(40),
        Config::new().max_head_len(40),
    );
    let endless = "/".repeat(100);
    for (config, before, line, room, error) in [
        (max_line, "", "GET ", 40, line(0)),
        (max_head, "", "GET ", 40, head),
        (max_line, first, "Name: ", 40, line(begins)),
        (max_head, first, "Name: ", 40 - first.len(), head),
    ] {
        let line = [line, &endless].concat();
        for bit in 1..=20 {
            let mut driver = Driver::new(Connection::server(&config));
            driver.feed(before.as_bytes());
            let mut fed = 0;
            for piece in line.as_bytes().chunks(bit) {
                assert_eq!(driver.events(), [], "{fed} bytes by {bit}");
                driver.feed(piece);
                fed += bit;
                if fed > room {
                    break;
                }
            }
            assert_eq!(
                driver.events(),
                [protocol_error(error)],
                "{fed} bytes by {bit}"
            );
        }
    }
}

#[test]
fn rq_19_max_line_of_a_request() {
    let longest = "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n".len();
    assert_eq!(
        server(Config::new().max_header_line_len(longest)),
        admitted()
    );
    assert_eq!(
        server(Config::new().max_header_line_len(longest + 1)),
        admitted()
    );
    let error = ProtocolError::LineTooLong {
        at: at(DRAFT_76_HEAD.as_bytes(), "Sec-WebSocket-Key1"),
        limit: longest as u32 - 1,
    };
    assert_eq!(
        server(Config::new().max_header_line_len(longest - 1)),
        (protocol_error(error), Some(431))
    );
}

#[test]
fn rq_19_a_first_line_that_is_too_long_is_431() {
    let first = "GET /demo HTTP/1.1\r\n".len();
    let limit = first as u32 - 1;
    let error = ProtocolError::LineTooLong { at: 0, limit };
    assert_eq!(error.status(), Some(431));
    assert_eq!(
        server(Config::new().max_header_line_len(first - 1)),
        (protocol_error(error), Some(431))
    );
    let long = format!("/{}", "a".repeat(100));
    let head = edit(DRAFT_76_HEAD, "/demo", &long);
    let first = "GET  HTTP/1.1\r\n".len() + long.len();
    for (limit, whole) in [(first, true), (first + 1, true), (first - 1, false)] {
        let mut driver = Driver::new(Connection::server(
            &Config::new().max_header_line_len(limit),
        ));
        driver.feed(&head);
        let status: &[u8] = if whole {
            b"HTTP/1.1 101 "
        } else {
            b"HTTP/1.1 431 "
        };
        assert!(driver.sent().starts_with(status), "max_line {limit}");
    }
}

#[test]
fn rq_19_max_headers_of_a_request() {
    assert_eq!(DRAFT_76_HEAD.lines().count(), 1 + 7 + 1);
    assert_eq!(server(Config::new().max_headers(7)), admitted());
    assert_eq!(server(Config::new().max_headers(8)), admitted());
    for limit in [6, 1, 0] {
        let error = ProtocolError::TooManyHeaders { limit };
        assert_eq!(
            server(Config::new().max_headers(limit as usize)),
            (protocol_error(error), Some(431))
        );
    }
}

#[test]
fn rq_19_100_headers_by_default() {
    for (more, events) in [
        (93, admitted().0),
        (
            94,
            protocol_error(ProtocolError::TooManyHeaders { limit: 100 }),
        ),
    ] {
        let head = edit(DRAFT_76_HEAD, "Host:", "X: y\r\n".repeat(more) + "Host:");
        let mut driver = Driver::new(Connection::server(&Config::new()));
        driver.feed(&head);
        assert_eq!(driver.events(), [events]);
    }
}

/// Sizes of heads are kept in 32 bits, and a limit beyond them is none.
#[cfg(target_pointer_width = "64")]
#[test]
fn rq_19_limits_of_more_than_32_bits() {
    let most = 1 << 32;
    let config = Config::new().max_head_len(most);
    assert_eq!(
        server(config.max_header_line_len(most).max_headers(most)),
        admitted()
    );
}

#[test]
fn h76_35_the_limits_of_a_replys_head() {
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(Dialect::Hixie76);
    let reply = answer_to(&mut Connection::client(&Config::new(), &target, [9; 32]));
    let head = reply.len() - 16;
    let opened = Some(Observed::Open(Dialect::Hixie76));
    assert_eq!(
        client(Config::new().max_head_len(head), |reply| reply),
        opened
    );
    let limit = head as u32 - 1;
    assert_eq!(
        client(Config::new().max_head_len(head - 1), |reply| reply),
        Some(protocol_error(ProtocolError::HeadTooLong { limit }))
    );
    let longest = "Sec-WebSocket-Location: ws://example.com/demo\r\n".len();
    assert_eq!(
        client(Config::new().max_header_line_len(longest), |reply| reply),
        opened
    );
    let error = ProtocolError::LineTooLong {
        at: at(&reply, "Sec-WebSocket-Location"),
        limit: longest as u32 - 1,
    };
    assert_eq!(
        client(Config::new().max_header_line_len(longest - 1), |reply| {
            reply
        }),
        Some(protocol_error(error))
    );
    assert_eq!(client(Config::new().max_headers(4), |reply| reply), opened);
    assert_eq!(
        client(Config::new().max_headers(3), |reply| reply),
        Some(protocol_error(ProtocolError::TooManyHeaders { limit: 3 }))
    );
}

/// H76-34: the cap that WebKit had.
#[test]
fn h76_34_a_status_line_of_1024_bytes() {
    let phrase = "WebSocket Protocol Handshake";
    let long = |line: usize| {
        let rest = line - "HTTP/1.1 101 \r\n".len();
        move |reply: Vec<u8>| edit(reply, phrase, "x".repeat(rest))
    };
    let opened = Some(Observed::Open(Dialect::Hixie76));
    assert_eq!(client(Config::new(), long(1023)), opened);
    assert_eq!(client(Config::new(), long(1024)), opened);
    let error = ProtocolError::LineTooLong { at: 0, limit: 1024 };
    assert_eq!(
        client(Config::new(), long(1025)),
        Some(protocol_error(error))
    );
    // A lower limit for all lines holds for the first one too.
    let error = ProtocolError::LineTooLong { at: 0, limit: 100 };
    assert_eq!(
        client(Config::new().max_header_line_len(100), long(101)),
        Some(protocol_error(error))
    );
    // It is no limit for the lines behind the first.
    let location = "Sec-WebSocket-Location:";
    let field = ["X: ", &"x".repeat(1025), "\r\n", location].concat();
    let long_field = |reply: Vec<u8>| edit(reply, location, field);
    assert_eq!(client(Config::new(), long_field), opened);
}

#[test]
fn fr_14_max_frame_of_text() {
    for dialect in DIALECTS {
        for limit in [0_usize, 1, 2, 125, 70_000] {
            let frame = |length: usize| [&[0x00][..], &b"a".repeat(length), &[0xff]].concat();
            let mut driver = open(Config::new().max_frame_len(limit as u64), dialect);
            // Each frame is counted for itself.
            for length in [limit.saturating_sub(1), limit, limit] {
                driver.feed(&frame(length));
                assert_eq!(driver.events(), [Observed::Text("a".repeat(length))]);
            }
            let too_long = protocol_error(ProtocolError::FrameTooLong {
                at: 1 + limit as u64,
                limit: limit as u64,
            });
            // F16: not the 0xFF is waited for.
            driver.feed(&frame(limit + 1)[..limit + 2]);
            assert_eq!(driver.events().last(), Some(&too_long));
        }
    }
}

#[test]
fn fr_14_max_frame_within_a_character() {
    for dialect in DIALECTS {
        for character in ["\u{e9}", "\u{2603}", "\u{1f600}"] {
            let frame = [b"\x00", character.as_bytes(), b"\xff"].concat();
            let length = character.len() as u64;
            for limit in 0..length {
                let mut driver = open(Config::new().max_frame_len(limit), dialect);
                driver.feed(&frame);
                let at = 1 + limit;
                let error = ProtocolError::FrameTooLong { at, limit };
                assert_eq!(
                    driver.events(),
                    [protocol_error(error)],
                    "{character} and {limit}"
                );
            }
            let mut driver = open(Config::new().max_frame_len(length), dialect);
            driver.feed(&frame);
            assert_eq!(driver.events(), [Observed::Text(character.into())]);
        }
    }
}

#[test]
fn fr_14_max_frame_of_a_frame_of_an_unknown_low_type() {
    for dialect in DIALECTS {
        for limit in [0_usize, 1, 300] {
            let frame = |length: usize| [&[0x42][..], &b"a".repeat(length), &[0xff]].concat();
            let mut driver = open(Config::new().max_frame_len(limit as u64), dialect);
            for length in [limit.saturating_sub(1), limit] {
                driver.feed(&frame(length));
                assert_eq!(driver.events(), [Observed::Skipped(0x42, length as u64)]);
            }
            driver.feed(&frame(limit + 1)[..limit + 2]);
            let error = ProtocolError::FrameTooLong {
                at: 1 + limit as u64,
                limit: limit as u64,
            };
            assert_eq!(driver.events(), [protocol_error(error)]);
        }
    }
}

#[test]
fn fr_7_max_frame_of_a_frame_with_a_length() {
    for dialect in DIALECTS {
        let config = Config::new().max_frame_len(300);
        let mut driver = open(config, dialect);
        for (length, bytes) in [(299_usize, [0x82, 0x2b]), (300, [0x82, 0x2c])] {
            driver.feed(&[&[0x80][..], &bytes, &vec![0xff; length]].concat());
            assert_eq!(driver.events(), [Observed::Skipped(0x80, length as u64)]);
        }
        // Not one byte of the payload is waited for.
        driver.feed(&[0x80, 0x82]);
        assert_eq!(driver.events(), []);
        driver.feed(&[0x2d]);
        let error = ProtocolError::FrameTooLong { at: 2, limit: 300 };
        assert_eq!(driver.events(), [protocol_error(error)]);
    }
}

/// Section 12's lengths, at their own limit and one below it (FR-5, FR-7).
#[test]
fn fr_5_fr_7_the_lengths_of_the_table() {
    let lengths: [(u64, &[u8]); 12] = [
        (0, &[0x00]),
        (1, &[0x01]),
        (127, &[0x7f]),
        (128, &[0x81, 0x00]),
        (300, &[0x82, 0x2c]),
        (4660, &[0xa4, 0x34]),
        (4660, &[0x80, 0xa4, 0x34]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x81, 0x80, 0x00]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x81, 0x80, 0x80, 0x00]),
        (u32::MAX as u64, &[0x8f, 0xff, 0xff, 0xff, 0x7f]),
    ];
    for dialect in DIALECTS {
        for (length, bytes) in lengths {
            let header = [&[0x81][..], bytes].concat();
            let mut driver = open(Config::new().max_frame_len(length), dialect);
            driver.feed(&header);
            if length < 1 << 20 {
                driver.feed(&vec![0xff; length as usize]);
                assert_eq!(driver.events(), [Observed::Skipped(0x81, length)]);
            } else {
                assert_eq!(driver.events(), []);
            }
            if let Some(limit) = length.checked_sub(1) {
                let mut driver = open(Config::new().max_frame_len(limit), dialect);
                driver.feed(&header);
                let [Observed::Closed(Closed::Protocol(error))] = driver.events()[..] else {
                    panic!("{length} of {limit}");
                };
                assert!(
                    matches!(error, ProtocolError::FrameTooLong { limit: l, .. } if l == limit)
                );
            }
        }
    }
}

/// FR-7: 2^63 - 1 is the largest length there is; F14 and 2^63 are beyond it, whatever the limit.
#[test]
fn fr_7_the_largest_length_of_the_format() {
    let largest = b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    for dialect in DIALECTS {
        for config in [Config::new(), Config::new().max_frame_len(u64::MAX)] {
            let mut driver = open(config, dialect);
            driver.feed(&largest[..]);
            driver.feed(&[0xff; 1000]);
            assert_eq!(driver.events(), []);
            driver.eof();
            assert_eq!(
                driver.events(),
                [Observed::Closed(Closed::Eof(Phase::InMessage))]
            );

            let limit = i64::MAX as u64;
            let mut driver = open(config, dialect);
            driver.feed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"); // F14
            let error = ProtocolError::FrameTooLong { at: 10, limit };
            assert_eq!(driver.events(), [protocol_error(error)]);

            let mut driver = open(config, dialect);
            driver.feed(b"\x80\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00"); // 2^63
            let error = ProtocolError::FrameTooLong { at: 10, limit };
            assert_eq!(driver.events(), [protocol_error(error)]);
        }
    }
}

#[test]
fn fr_7_nine_length_bytes_and_not_ten() {
    for dialect in DIALECTS {
        for (zeros, kind) in (0..=12).flat_map(|n| [0x80, 0xc1, 0xff].map(|kind| (n, kind))) {
            let mut driver = open(Config::new(), dialect);
            driver.feed(&[&[kind][..], &vec![0x80; zeros], &[0x01, b'?']].concat());
            let expected = if zeros < 9 {
                Observed::Skipped(kind, 1)
            } else {
                protocol_error(ProtocolError::InvalidLength { at: 10 })
            };
            assert_eq!(driver.events(), [expected], "{zeros} leading zeros");
        }
    }
}

fn pieces<'i>(conn: &mut Connection, input: &mut &'i mut [u8]) -> hybi::TextChunk<'i> {
    match conn.receive(input) {
        Some(Event::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// FR-14: the other limit, of the whole message.
#[test]
fn fr_14_a_message_at_below_and_above_its_limit() {
    for limit in [0_usize, 1, 5, 70_000] {
        for read in [1, 2, 3, 1 << 20] {
            let mut message = MessageAssembler::new(limit);
            let mut conn = open(Config::new(), Dialect::Hixie76).conn;
            let lengths = [
                limit,
                limit + 1,
                limit.saturating_sub(1),
                limit + 30,
                limit,
                0,
            ];
            for length in lengths {
                let text = "a".repeat(length);
                let mut bytes = [b"\x00", text.as_bytes(), b"\xff"].concat();
                let mut results = Vec::new();
                for mut input in bytes.chunks_mut(read) {
                    while let Some(event) = conn.receive(&mut input) {
                        let Event::Text(piece) = event else {
                            panic!("{event:?}");
                        };
                        match message.push_text(&piece) {
                            Ok(None) => {}
                            Ok(Some(text)) => results.push(Ok(text.to_owned())),
                            Err(error) => results.push(Err(error)),
                        }
                    }
                }
                // Once, and the next message is fine.
                let expected = if length <= limit {
                    Ok(text)
                } else {
                    Err(MessageTooLong { limit })
                };
                assert_eq!(results, [expected], "{length} of {limit}");
            }
        }
    }
}

#[test]
fn a_message_too_long_is_told_with_the_piece_that_passes_the_limit() {
    let mut conn = open(Config::new(), Dialect::Hixie76).conn;
    let mut message = MessageAssembler::new(3);
    let mut read = |bytes: &mut [u8]| {
        let piece = pieces(&mut conn, &mut &mut *bytes);
        message
            .push_text(&piece)
            .map(|text| text.map(str::to_owned))
    };
    assert_eq!(read(&mut b"\x00ab".to_vec()), Ok(None));
    assert_eq!(read(&mut b"cd".to_vec()), Err(MessageTooLong { limit: 3 }));
    assert_eq!(read(&mut b"ef".to_vec()), Ok(None));
    assert_eq!(read(&mut b"g\xff".to_vec()), Ok(None));
    assert_eq!(read(&mut b"\x00abc\xff".to_vec()), Ok(Some("abc".into())));
}

#[test]
fn above_high_water_it_reads_no_more() {
    for dialect in DIALECTS {
        let mut conn = open(Config::new().high_water(10), dialect).conn;
        assert!(conn.wants_read());
        conn.send_text("1234567").unwrap();
        assert_eq!(conn.transmit().len(), 9);
        assert!(conn.wants_read());
        conn.advance(1);
        conn.send_text("").unwrap();
        assert_eq!(conn.transmit().len(), 10);
        assert!(conn.wants_read());
        conn.send_text("").unwrap();
        assert!(!conn.wants_read());
        conn.advance(1);
        assert!(!conn.wants_read());
        conn.advance(1);
        assert_eq!(conn.transmit().len(), 10);
        assert!(conn.wants_read());
    }
}

#[test]
fn high_water_is_64_kib_by_default() {
    let mut conn = open(Config::new(), Dialect::Hixie76).conn;
    conn.send_text(&"a".repeat(64 * 1024 - 2)).unwrap();
    assert!(conn.wants_read());
    conn.send_text("").unwrap();
    assert!(!conn.wants_read());
}

#[test]
fn max_pending_of_messages() {
    for dialect in DIALECTS {
        for limit in [2, 10, 1000] {
            let config = Config::new().max_send_buffer(limit);
            let full = Err(Refused::BufferFull { limit });
            for length in [limit - 2, (limit - 2).saturating_sub(1)] {
                let mut conn = open(config, dialect).conn;
                assert_eq!(conn.send_text(&"a".repeat(length)), Ok(()));
                assert_eq!(conn.send_text(""), full);
                // What the socket took is pending no more.
                conn.advance(2.min(length + 2));
                assert_eq!(conn.send_text(""), Ok(()));
            }
            let mut conn = open(config, dialect).conn;
            assert_eq!(conn.send_text(&"a".repeat(limit - 1)), full);
            assert_eq!(
                conn.send_text_vectored(&"a".repeat(limit - 1)).err(),
                full.err()
            );
            assert!(conn.transmit().is_empty());
            drop(conn.send_text_vectored(&"a".repeat(limit - 2)).unwrap());
            assert_eq!(conn.transmit().len(), limit);
        }
        let mut conn = open(Config::new().max_send_buffer(1), dialect).conn;
        assert_eq!(conn.send_text(""), Err(Refused::BufferFull { limit: 1 }));
    }
}

#[test]
fn max_pending_is_1_mib_by_default() {
    let limit = 1 << 20;
    let mut conn = open(Config::new(), Dialect::Hixie75).conn;
    let text = "a".repeat(limit - 1);
    assert_eq!(conn.send_text(&text), Err(Refused::BufferFull { limit }));
    assert_eq!(conn.send_text(&text[1..]), Ok(()));
}

/// The docs of `accept` and `respond`: a head and a response count as a message does.
#[test]
fn max_pending_of_answers() {
    let waiting = |limit: usize| {
        let config = Config::new().max_send_buffer(limit);
        let mut driver = Driver::answering(Connection::server(&config), |_, _| ());
        driver.feed(DRAFT_76_HEAD.as_bytes());
        assert_eq!(driver.events().len(), 1);
        driver.conn
    };
    let head = DRAFT_76_REPLY.len();
    assert_eq!(waiting(head).accept(&AcceptOptions::new()), Ok(()));
    assert_eq!(waiting(head + 1).accept(&AcceptOptions::new()), Ok(()));
    let limit = head - 1;
    let full = Err(Refused::BufferFull { limit });
    assert_eq!(waiting(limit).accept(&AcceptOptions::new()), full);

    let response = Response::new(404).body(b"There is no such page.");
    let mut conn = waiting(1000);
    conn.respond(&response).unwrap();
    let length = conn.transmit().len();
    assert_eq!(waiting(length).respond(&response), Ok(()));
    let limit = length - 1;
    assert_eq!(
        waiting(limit).respond(&response),
        Err(Refused::BufferFull { limit })
    );
}

/// CL-2: what the machine says by itself is no call of the application.
#[test]
fn cl_2_a_full_connection_still_answers_a_close() {
    let config = Config::new().max_send_buffer(2);
    let mut conn = open(config, Dialect::Hixie76).conn;
    conn.send_text("").unwrap();
    let mut bytes = b"\xff\x00".to_vec();
    assert!(matches!(
        conn.receive(&mut &mut bytes[..]),
        Some(Event::Closed(Closed::Clean(_)))
    ));
    assert_eq!(conn.transmit(), b"\x00\xff\xff\x00");

    let mut conn = open(config, Dialect::Hixie76).conn;
    conn.send_text("").unwrap();
    assert_eq!(conn.close(&Close::EMPTY), Ok(()));
    assert_eq!(conn.transmit(), b"\x00\xff\xff\x00");
}
