//! Each limit, tested at, below and above its value.

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Entropy, Event, MessageAssembler,
    MessageTooLong, Phase, RespondError, Response, SendError,
};
use testkit::pair::response_to;
use testkit::*;

/// Returns the last event of a server for the request of the draft, and the status of its response.
fn server(config: Config) -> (Observed, Option<u16>) {
    let mut driver = Driver::new(Connection::server(config.clone()));
    driver.feed(DRAFT_76_REQUEST.as_bytes());
    let status = driver.sent().get(9..12).map(|status| {
        let status = std::str::from_utf8(status).unwrap();
        status.parse().unwrap()
    });
    (driver.events().pop().unwrap(), status)
}

fn accepted() -> (Observed, Option<u16>) {
    let request = Observed::Request(Some(Dialect::Hixie76), "/demo".into());
    (request, Some(101))
}

/// Returns the last event of a client for its response, edited by `edit`.
fn client(config: Config, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Option<Observed> {
    let target = client_request(Dialect::Hixie76);
    let mut conn = Connection::client(config.clone(), &target, Entropy::from_bytes([9; 32]));
    let response = edit(response_to(&mut conn));
    let mut driver = Driver::new(conn);
    driver.feed(&response);
    driver.events().pop()
}

fn open(config: Config, dialect: Dialect) -> Driver<'static> {
    testkit::open(&config, Role::Server, dialect)
}

#[test]
fn max_head_len_limits_a_request_rq_19() {
    let length = DRAFT_76_REQUEST.len();
    assert_eq!(server(Config::new().max_head_len(length)), accepted());
    assert_eq!(server(Config::new().max_head_len(length + 1)), accepted());
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
fn heads_and_lines_are_limited_to_16_kib_by_default_rq_19() {
    let filler = |n: usize| format!("X: {}\r\n", "x".repeat(n - 5));
    let head = |bytes: usize| {
        let padding = bytes - DRAFT_76_REQUEST.len();
        replace_once(DRAFT_76_REQUEST, "Host:", filler(padding) + "Host:")
    };
    let events = |bytes: usize| {
        let mut driver = Driver::new(Connection::server(Config::new()));
        driver.feed(&head(bytes));
        driver.events().pop().unwrap()
    };
    assert_eq!(head(16_384).len(), 16_384);
    assert_eq!(events(16_383), accepted().0);
    assert_eq!(events(16_384), accepted().0);
    assert_eq!(
        events(16_385),
        protocol_error(ProtocolError::HeadTooLong { limit: 16_384 })
    );
}

#[test]
fn max_head_len_is_enforced_at_the_first_excess_byte_rq_19() {
    let mut driver = Driver::new(Connection::server(Config::new().max_head_len(20)));
    driver.feed(&DRAFT_76_REQUEST.as_bytes()[..20]);
    assert_eq!(driver.events(), []);
    driver.feed(b"o");
    assert_eq!(
        driver.events(),
        [protocol_error(ProtocolError::HeadTooLong { limit: 20 })]
    );
}

#[test]
fn a_split_line_is_too_long_at_its_first_excess_byte_rq_19() {
    let first = "GET / HTTP/1.1\r\n";
    let start = first.len() as u32;
    let limit = 40;
    let line = |at: u32| ProtocolError::LineTooLong { at, limit };
    let head = ProtocolError::HeadTooLong { limit };
    let (max_line, max_head) = (
        Config::new().max_header_line_len(40),
        Config::new().max_head_len(40),
    );
    let endless = "/".repeat(100);
    for (config, before, line, limit, error) in [
        (&max_line, "", "GET ", 40, line(0)),
        (&max_head, "", "GET ", 40, head),
        (&max_line, first, "Name: ", 40, line(start)),
        (&max_head, first, "Name: ", 40 - first.len(), head),
    ] {
        let line = [line, &endless].concat();
        for size in 1..=20 {
            let mut driver = Driver::new(Connection::server(config.clone()));
            driver.feed(before.as_bytes());
            let mut len = 0;
            for chunk in line.as_bytes().chunks(size) {
                assert_eq!(driver.events(), [], "{len} bytes, {size} at a time");
                driver.feed(chunk);
                len += size;
                if len > limit {
                    break;
                }
            }
            assert_eq!(
                driver.events(),
                [protocol_error(error)],
                "{len} bytes, {size} at a time"
            );
        }
    }
}

#[test]
fn max_header_line_len_limits_a_request_rq_19() {
    let longest = "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n".len();
    assert_eq!(
        server(Config::new().max_header_line_len(longest)),
        accepted()
    );
    assert_eq!(
        server(Config::new().max_header_line_len(longest + 1)),
        accepted()
    );
    let error = ProtocolError::LineTooLong {
        at: offset_of(DRAFT_76_REQUEST.as_bytes(), "Sec-WebSocket-Key1"),
        limit: longest as u32 - 1,
    };
    assert_eq!(
        server(Config::new().max_header_line_len(longest - 1)),
        (protocol_error(error), Some(431))
    );
}

#[test]
fn a_request_line_that_is_too_long_is_answered_431_rq_19() {
    let first = "GET /demo HTTP/1.1\r\n".len();
    let limit = first as u32 - 1;
    let error = ProtocolError::LineTooLong { at: 0, limit };
    assert_eq!(error.status(), Some(431));
    assert_eq!(
        server(Config::new().max_header_line_len(first - 1)),
        (protocol_error(error), Some(431))
    );
    let long = format!("/{}", "a".repeat(100));
    let head = replace_once(DRAFT_76_REQUEST, "/demo", &long);
    let first = "GET  HTTP/1.1\r\n".len() + long.len();
    for (limit, is_accepted) in [(first, true), (first + 1, true), (first - 1, false)] {
        let mut driver = Driver::new(Connection::server(Config::new().max_header_line_len(limit)));
        driver.feed(&head);
        let status: &[u8] = if is_accepted {
            b"HTTP/1.1 101 "
        } else {
            b"HTTP/1.1 431 "
        };
        assert!(driver.sent().starts_with(status), "max_line {limit}");
    }
}

#[test]
fn max_headers_limits_a_request_rq_19() {
    assert_eq!(DRAFT_76_REQUEST.lines().count(), 1 + 7 + 1);
    assert_eq!(server(Config::new().max_headers(7)), accepted());
    assert_eq!(server(Config::new().max_headers(8)), accepted());
    for limit in [6, 1, 0] {
        let error = ProtocolError::TooManyHeaders { limit };
        assert_eq!(
            server(Config::new().max_headers(limit as usize)),
            (protocol_error(error), Some(431))
        );
    }
}

#[test]
fn requests_are_limited_to_100_headers_by_default_rq_19() {
    for (more, events) in [
        (93, accepted().0),
        (
            94,
            protocol_error(ProtocolError::TooManyHeaders { limit: 100 }),
        ),
    ] {
        let head = replace_once(DRAFT_76_REQUEST, "Host:", "X: y\r\n".repeat(more) + "Host:");
        let mut driver = Driver::new(Connection::server(Config::new()));
        driver.feed(&head);
        assert_eq!(driver.events(), [events]);
    }
}

/// Head sizes are stored in 32 bits; larger limits have no effect.
#[cfg(target_pointer_width = "64")]
#[test]
fn limits_of_u32_max_are_no_limit_rq_19() {
    let max = 1 << 32;
    let config = Config::new().max_head_len(max);
    assert_eq!(
        server(config.max_header_line_len(max).max_headers(max)),
        accepted()
    );
}

#[test]
fn limits_apply_to_a_response_head_h76_35() {
    let target = client_request(Dialect::Hixie76);
    let response = response_to(&mut Connection::client(
        Config::new(),
        &target,
        Entropy::from_bytes([9; 32]),
    ));
    let head = response.len() - 16;
    let opened = Some(Observed::Open(Dialect::Hixie76));
    assert_eq!(
        client(Config::new().max_head_len(head), |response| response),
        opened
    );
    let limit = head as u32 - 1;
    assert_eq!(
        client(Config::new().max_head_len(head - 1), |response| response),
        Some(protocol_error(ProtocolError::HeadTooLong { limit }))
    );
    let longest = "Sec-WebSocket-Location: ws://example.com/demo\r\n".len();
    assert_eq!(
        client(Config::new().max_header_line_len(longest), |response| {
            response
        }),
        opened
    );
    let error = ProtocolError::LineTooLong {
        at: offset_of(&response, "Sec-WebSocket-Location"),
        limit: longest as u32 - 1,
    };
    assert_eq!(
        client(Config::new().max_header_line_len(longest - 1), |response| {
            response
        }),
        Some(protocol_error(error))
    );
    assert_eq!(
        client(Config::new().max_headers(4), |response| response),
        opened
    );
    assert_eq!(
        client(Config::new().max_headers(3), |response| response),
        Some(protocol_error(ProtocolError::TooManyHeaders { limit: 3 }))
    );
}

/// The limit of WebKit.
#[test]
fn status_lines_are_limited_to_1024_bytes_h76_34() {
    let phrase = "WebSocket Protocol Handshake";
    let long = |line: usize| {
        let len = line - "HTTP/1.1 101 \r\n".len();
        move |response: Vec<u8>| replace_once(response, phrase, "x".repeat(len))
    };
    let opened = Some(Observed::Open(Dialect::Hixie76));
    assert_eq!(client(Config::new(), long(1023)), opened);
    assert_eq!(client(Config::new(), long(1024)), opened);
    let error = ProtocolError::LineTooLong { at: 0, limit: 1024 };
    assert_eq!(
        client(Config::new(), long(1025)),
        Some(protocol_error(error))
    );
    // A lower `max_header_line_len` applies to the status line too.
    let error = ProtocolError::LineTooLong { at: 0, limit: 100 };
    assert_eq!(
        client(Config::new().max_header_line_len(100), long(101)),
        Some(protocol_error(error))
    );
    // The limit does not apply to field lines.
    let location = "Sec-WebSocket-Location:";
    let field = ["X: ", &"x".repeat(1025), "\r\n", location].concat();
    let long_field = |response: Vec<u8>| replace_once(response, location, field);
    assert_eq!(client(Config::new(), long_field), opened);
}

#[test]
fn max_frame_len_limits_text_fr_14() {
    for dialect in HIXIE {
        for limit in [0_usize, 1, 2, 125, 70_000] {
            let frame = |length: usize| [&[0x00][..], &b"a".repeat(length), &[0xff]].concat();
            let mut driver = open(Config::new().max_frame_len(limit as u64), dialect);
            // The limit applies to each frame.
            for length in [limit.saturating_sub(1), limit, limit] {
                driver.feed(&frame(length));
                assert_eq!(driver.events(), [Observed::Text("a".repeat(length))]);
            }
            let too_long = protocol_error(ProtocolError::FrameTooLong {
                limit: limit as u64,
            });
            // F16: rejected before the 0xFF.
            driver.feed(&frame(limit + 1)[..limit + 2]);
            assert_eq!(driver.events().last(), Some(&too_long));
        }
    }
}

#[test]
fn max_frame_len_may_split_a_character_fr_14() {
    for dialect in HIXIE {
        for character in ["\u{e9}", "\u{2603}", "\u{1f600}"] {
            let frame = [b"\x00", character.as_bytes(), b"\xff"].concat();
            let length = character.len() as u64;
            for limit in 0..length {
                let mut driver = open(Config::new().max_frame_len(limit), dialect);
                driver.feed(&frame);
                let error = ProtocolError::FrameTooLong { limit };
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
fn max_frame_len_limits_skipped_low_types_fr_14() {
    for dialect in HIXIE {
        for limit in [0_usize, 1, 300] {
            let frame = |length: usize| [&[0x42][..], &b"a".repeat(length), &[0xff]].concat();
            let mut driver = open(Config::new().max_frame_len(limit as u64), dialect);
            for length in [limit.saturating_sub(1), limit] {
                driver.feed(&frame(length));
                assert_eq!(driver.events(), [Observed::Skipped(0x42, length as u64)]);
            }
            driver.feed(&frame(limit + 1)[..limit + 2]);
            let error = ProtocolError::FrameTooLong {
                limit: limit as u64,
            };
            assert_eq!(driver.events(), [protocol_error(error)]);
        }
    }
}

#[test]
fn max_frame_len_limits_frames_with_a_length_fr_7() {
    for dialect in HIXIE {
        let config = Config::new().max_frame_len(300);
        let mut driver = open(config.clone(), dialect);
        for (length, bytes) in [(299_usize, [0x82, 0x2b]), (300, [0x82, 0x2c])] {
            driver.feed(&[&[0x80][..], &bytes, &vec![0xff; length]].concat());
            assert_eq!(driver.events(), [Observed::Skipped(0x80, length as u64)]);
        }
        // Rejected before the payload.
        driver.feed(&[0x80, 0x82]);
        assert_eq!(driver.events(), []);
        driver.feed(&[0x2d]);
        let error = ProtocolError::FrameTooLong { limit: 300 };
        assert_eq!(driver.events(), [protocol_error(error)]);
    }
}

/// The lengths of section 12, at the limit and one above it.
#[test]
fn max_frame_len_at_each_length_of_section_12_fr_5_fr_7() {
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
    for dialect in HIXIE {
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
                let [Observed::ProtocolError(error)] = driver.events()[..] else {
                    panic!("{length} of {limit}");
                };
                assert!(
                    matches!(error, ProtocolError::FrameTooLong { limit: l, .. } if l == limit)
                );
            }
        }
    }
}

/// The largest length is 2^63 - 1; F14 and 2^63 are rejected with any limit.
#[test]
fn the_largest_length_is_63_bits_fr_7() {
    let largest = b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    for dialect in HIXIE {
        for config in [Config::new(), Config::new().max_frame_len(u64::MAX)] {
            let mut driver = open(config.clone(), dialect);
            driver.feed(&largest[..]);
            driver.feed(&[0xff; 1000]);
            assert_eq!(driver.events(), []);
            driver.eof();
            assert_eq!(
                driver.events(),
                [Observed::Closed(Closed::Eof(Phase::InMessage))]
            );

            let limit = i64::MAX as u64;
            let mut driver = open(config.clone(), dialect);
            driver.feed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"); // F14
            let error = ProtocolError::FrameTooLong { limit };
            assert_eq!(driver.events(), [protocol_error(error)]);

            let mut driver = open(config.clone(), dialect);
            driver.feed(b"\x80\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00"); // 2^63
            let error = ProtocolError::FrameTooLong { limit };
            assert_eq!(driver.events(), [protocol_error(error)]);
        }
    }
}

#[test]
fn ten_length_bytes_are_rejected_fr_7() {
    for dialect in HIXIE {
        for (zeros, frame_type) in (0..=12).flat_map(|n| [0x80, 0xc1, 0xff].map(|kind| (n, kind))) {
            let mut driver = open(Config::new(), dialect);
            driver.feed(&[&[frame_type][..], &vec![0x80; zeros], &[0x01, b'?']].concat());
            let expected = if zeros < 9 {
                Observed::Skipped(frame_type, 1)
            } else {
                protocol_error(ProtocolError::InvalidLength { at: 10 })
            };
            assert_eq!(driver.events(), [expected], "{zeros} leading zeros");
        }
    }
}

fn next_chunk<'i>(conn: &mut Connection, input: &'i mut hybi::Input<'_>) -> hybi::TextChunk<'i> {
    match conn.receive(input) {
        Some(Event::Text(chunk)) => chunk,
        other => panic!("{other:?}"),
    }
}

#[test]
fn message_assembler_enforces_its_limit_fr_14() {
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
                for read in bytes.chunks_mut(read) {
                    let mut input = input(read);
                    while let Some(event) = conn.receive(&mut input) {
                        let Event::Text(chunk) = event else {
                            panic!("{event:?}");
                        };
                        match message.push_text(chunk) {
                            Ok(None) => {}
                            Ok(Some(text)) => results.push(Ok(text.to_owned())),
                            Err(MessageTooLong { limit, .. }) => results.push(Err(limit)),
                        }
                    }
                }
                // The error is returned once; the next message is accepted.
                let expected = if length <= limit {
                    Ok(text)
                } else {
                    Err(limit)
                };
                assert_eq!(results, [expected], "{length} of {limit}");
            }
        }
    }
}

/// Although the last chunk is empty.
#[test]
fn a_limit_set_within_a_message_applies_to_what_was_added_before() {
    let mut conn = open(Config::new(), Dialect::Hixie76).conn;
    let mut message = MessageAssembler::new(4);
    let mut start = *b"\0abcd";
    let mut bytes = input(&mut start);
    let chunk = next_chunk(&mut conn, &mut bytes);
    assert_eq!(message.push_text(chunk).unwrap(), None);
    message.set_limit(3);
    let mut end = *b"\xff";
    let mut bytes = input(&mut end);
    let chunk = next_chunk(&mut conn, &mut bytes);
    assert_eq!(message.push_text(chunk).unwrap_err().limit, 3);
}

#[test]
fn message_too_long_is_returned_with_the_chunk_over_the_limit() {
    let mut conn = open(Config::new(), Dialect::Hixie76).conn;
    let mut message = MessageAssembler::new(3);
    let mut read = |bytes: &mut [u8]| {
        let mut input = input(bytes);
        let chunk = next_chunk(&mut conn, &mut input);
        let text = message.push_text(chunk).map_err(|error| error.limit);
        text.map(|text| text.map(str::to_owned))
    };
    assert_eq!(read(&mut b"\x00ab".to_vec()), Ok(None));
    assert_eq!(read(&mut b"cd".to_vec()), Err(3));
    assert_eq!(read(&mut b"ef".to_vec()), Ok(None));
    assert_eq!(read(&mut b"g\xff".to_vec()), Ok(None));
    assert_eq!(read(&mut b"\x00abc\xff".to_vec()), Ok(Some("abc".into())));
}

#[test]
fn a_connection_is_congested_above_high_water_and_reads_on() {
    for dialect in HIXIE {
        let mut conn = open(Config::new().high_water(10), dialect).conn;
        let state = |conn: &Connection| (conn.pending(), conn.is_congested());
        conn.send_text("1234567").unwrap();
        assert_eq!(state(&conn), (9, false));
        conn.advance(1);
        conn.send_text("").unwrap();
        assert_eq!(state(&conn), (10, false));
        conn.send_text("").unwrap();
        assert_eq!(state(&conn), (12, true));
        assert!(conn.wants_read());
        conn.advance(1);
        assert_eq!(state(&conn), (11, true));
        conn.advance(1);
        assert_eq!(state(&conn), (10, false));
        conn.send_text("a").unwrap();
        // An application that pauses receives `Closed`.
        conn.receive_eof();
        feed(&mut conn, b"");
        assert_eq!(state(&conn), (13, false));
    }
}

#[test]
fn high_water_is_64_kib_by_default() {
    let mut conn = open(Config::new(), Dialect::Hixie76).conn;
    conn.send_text(&"a".repeat(64 * 1024 - 2)).unwrap();
    assert!(!conn.is_congested());
    conn.send_text("").unwrap();
    assert!(conn.is_congested());
}

#[test]
fn max_send_buffer_limits_messages() {
    for dialect in HIXIE {
        for limit in [2, 10, 1000] {
            let config = Config::new().max_send_buffer(limit);
            for length in [limit - 2, (limit - 2).saturating_sub(1)] {
                let mut conn = open(config.clone(), dialect).conn;
                assert_eq!(conn.send_text(&"a".repeat(length)), Ok(()));
                let full = rejected(&mut conn, |c| c.send_text(""));
                assert_eq!(
                    error_field!(full, SendError::BufferFull { retry_at }),
                    limit - 2
                );
                // Written bytes are no longer pending.
                conn.advance(2.min(length + 2));
                assert_eq!(conn.send_text(""), Ok(()));
            }
            let mut conn = open(config.clone(), dialect).conn;
            let long = "a".repeat(limit - 1);
            let errors = [
                rejected(&mut conn, |c| c.send_text(&long)),
                rejected(&mut conn, |c| c.send_text_vectored(&long).map(drop)),
            ];
            let limits = errors.map(|e| error_field!(e, SendError::MessageTooLong { limit }));
            assert_eq!(limits, [limit; 2]);
            assert!(conn.transmit().is_empty());
            drop(conn.send_text_vectored(&"a".repeat(limit - 2)).unwrap());
            assert_eq!(conn.transmit().len(), limit);
        }
        let mut conn = open(Config::new().max_send_buffer(1), dialect).conn;
        let error = rejected(&mut conn, |c| c.send_text(""));
        assert_eq!(error_field!(error, SendError::MessageTooLong { limit }), 1);
    }
}

#[test]
fn max_send_buffer_is_1_mib_and_14_bytes_by_default() {
    let limit = (1 << 20) + 14;
    let mut conn = open(Config::new(), Dialect::Hixie75).conn;
    let text = "a".repeat(limit - 1);
    let error = rejected(&mut conn, |c| c.send_text(&text));
    assert_eq!(
        error_field!(error, SendError::MessageTooLong { limit }),
        limit
    );
    assert_eq!(conn.send_text(&text[1..]), Ok(()));
}

/// Docs of `respond`: the limit applies to a response as to messages. It does not to that of `accept`.
#[test]
fn max_send_buffer_limits_responses() {
    let with_request = |head: &str, limit: usize| {
        let config = Config::new().plain_http(true).max_send_buffer(limit);
        let mut conn = Connection::server(config);
        let mut bytes = head.as_bytes().to_vec();
        assert!(conn.receive(&mut input(&mut bytes)).is_some());
        assert_eq!(conn.pending(), 0);
        conn
    };
    for limit in [0, 1, DRAFT_76_RESPONSE.len()] {
        let mut conn = with_request(DRAFT_76_REQUEST, limit);
        assert_eq!(conn.accept(&AcceptOptions::new()), Ok(()));
        assert_eq!(conn.transmit(), DRAFT_76_RESPONSE.as_bytes());
    }
    let response = Response::new(404).body(b"There is no such page.");
    // A response to `HEAD` has no body.
    for head in [DRAFT_76_REQUEST, "HEAD / HTTP/1.0\r\n\r\n"] {
        let mut conn = with_request(head, 1000);
        conn.respond(&response).unwrap();
        let length = conn.pending();
        assert_eq!(with_request(head, length).respond(&response), Ok(()));
        let mut conn = with_request(head, length - 1);
        let error = rejected(&mut conn, |c| c.respond(&response));
        let RespondError::ResponseTooLong { len, limit, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!((len, limit), (length, length - 1));
        assert_eq!(conn.respond(&Response::new(204)), Ok(()));
    }
}

/// The limit does not apply to automatic output.
#[test]
fn a_full_send_buffer_still_answers_a_close_cl_2() {
    let config = Config::new().max_send_buffer(2);
    let mut conn = open(config.clone(), Dialect::Hixie76).conn;
    conn.send_text("").unwrap();
    let mut bytes = b"\xff\x00".to_vec();
    let mut input = input(&mut bytes);
    assert!(matches!(conn.receive(&mut input), Some(Event::Closing(_))));
    assert!(matches!(
        conn.receive(&mut input),
        Some(Event::Closed(Closed::Clean(_)))
    ));
    assert_eq!(conn.transmit(), b"\x00\xff\xff\x00");

    let mut conn = open(config, Dialect::Hixie76).conn;
    conn.send_text("").unwrap();
    assert_eq!(conn.close(&Close::EMPTY), Ok(()));
    assert_eq!(conn.transmit(), b"\x00\xff\xff\x00");
}
