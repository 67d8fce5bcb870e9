//! Closing HyBi-7, HyBi-8 and RFC 6455 connections: codes and reasons, either side closing first,
//! EOF, and close frames after errors.

use hybi::{
    AcceptOptions, Close, CloseError, Closed, Config, Connection, Dialect, Event, Phase, SendError,
};
use testkit::*;

use Dialect::Rfc6455;
use ProtocolError::{InvalidCloseCode, InvalidCloseLength, InvalidUtf8};

fn connection(role: Role, dialect: Dialect) -> impl Fn() -> Connection {
    move || established(&Config::new(), role, dialect)
}

fn close_frame(from: Role, body: impl AsRef<[u8]>) -> Vec<u8> {
    frame(from, CLOSE, body)
}

/// Checks that a closed connection ignores input, rejects calls and returns no further event
/// (RFC-7.1.7-2).
#[track_caller]
fn assert_closed(driver: &mut Driver<'_>) {
    let frames = ROLES.map(|peer| {
        [
            close_frame(peer, close_payload(1000, "")),
            close_frame(peer, ""),
            frame(peer, TEXT, "more"),
            frame(peer, PING, "more"),
        ]
    });
    let mut inputs: Vec<&[u8]> = frames.as_flattened().iter().map(Vec::as_slice).collect();
    inputs.extend([&[0xff; 20][..], b""]);
    testkit::assert_closed(driver, &inputs, |conn| {
        assert_eq!(conn.send_ping(b"a"), Err(SendError::Closing));
        assert_eq!(conn.send_text_fragment("a", true), Err(SendError::Closing));
    });
}

// The peer closes.

#[test]
fn close_before_the_open_event_sends_a_close_frame_and_nothing_after_it_cl_3_cl_6() {
    for version in ["7", "8", "13"] {
        let mut request = format!(
            "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: {version}\r\n\r\n"
        )
        .into_bytes();
        let mut server = Connection::server(Config::new());
        assert!(matches!(
            server.receive(&mut input(&mut request)),
            Some(Event::Request(_))
        ));
        server.accept(&AcceptOptions::new()).unwrap();
        server.advance(server.transmit().len());
        assert_eq!(server.send_text("early"), Err(SendError::NotOpen));

        server.close(&Close::new(1001, "")).unwrap();
        assert_eq!(server.transmit(), b"\x88\x02\x03\xe9");
        for open_reported in [false, true] {
            assert!(!server.is_open());
            assert_eq!(server.send_text("late"), Err(SendError::Closing));
            assert_eq!(server.close(&Close::EMPTY), Ok(()));
            assert_eq!(server.transmit(), b"\x88\x02\x03\xe9");
            if !open_reported {
                assert!(matches!(
                    server.receive(&mut input(&mut [])),
                    Some(Event::Open(_))
                ));
            }
        }
        let mut answer = close_frame(Role::Client, close_payload(1001, ""));
        assert!(matches!(
            server.receive(&mut input(&mut answer)),
            Some(Event::Closed(Closed::Clean(_)))
        ));
        assert_eq!(server.transmit(), b"\x88\x02\x03\xe9");
    }
}

/// RFC-5.5.1-1, RFC-5.5.1-2, RFC-5.5.1-4, B12, B13: without the reason.
#[test]
fn a_close_frame_is_answered_with_its_code_and_reason_hy_8() {
    for (payload, event, answer) in [
        (vec![], clean_close_without_code(), vec![]),
        (
            close_payload(1000, ""),
            clean_close(1000, ""),
            close_payload(1000, ""),
        ),
        (
            close_payload(1001, "bye"),
            clean_close(1001, "bye"),
            close_payload(1001, "bye"),
        ),
        (
            close_payload(3000, "\u{2603}\0"),
            clean_close(3000, "\u{2603}\0"),
            close_payload(3000, "\u{2603}\0"),
        ),
        (
            close_payload(4999, [b'x'; 123]),
            clean_close(4999, &"x".repeat(123)),
            close_payload(4999, [b'x'; 123]),
        ),
    ] {
        for (role, dialect) in every_role_and_dialect() {
            let bytes = close_frame(other(role), &payload);
            let transcript = at_every_split_then_eof(connection(role, dialect), &bytes);
            assert_eq!(
                transcript.events,
                std::slice::from_ref(&event),
                "{}",
                escaped(bytes)
            );
            assert_eq!(frame_contents(&transcript.sent), [(CLOSE, answer.clone())]);
            let masked = transcript.sent[1] & 0x80 != 0;
            assert_eq!(masked, role == Role::Client);
        }
    }
    let server = at_every_split(
        connection(Role::Server, Rfc6455),
        &close_frame(Role::Client, close_payload(1000, "bye")),
    );
    assert_eq!(server.sent, b"\x88\x05\x03\xe8bye");
    let server = at_every_split(
        connection(Role::Server, Rfc6455),
        &close_frame(Role::Client, ""),
    );
    assert_eq!(server.sent, b"\x88\x00");
}

/// RFC-7.4.1-1, B15
#[test]
fn close_codes_that_must_not_be_sent_are_rejected_hy_8() {
    for code in 0..=u16::MAX {
        let bytes = close_frame(Role::Client, close_payload(code, ""));
        let transcript = run(connection(Role::Server, Rfc6455)(), &bytes, &[], false);
        let (event, code_sent) = if is_valid_close_code(code) {
            (clean_close(code, ""), code)
        } else {
            (protocol_error(InvalidCloseCode { code }), 1002)
        };
        assert_eq!(transcript.events, [event], "{code}");
        assert_eq!(close_code(&transcript.sent), code_sent, "{code}");
    }
    // The limits of each range, for each role and dialect, with a reason, at every split.
    for code in [
        0, 1, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 1016, 1999, 2000, 2999,
        3000, 3999, 4000, 4999, 5000, 32768, 65535,
    ] {
        for (role, dialect) in every_role_and_dialect() {
            let bytes = close_frame(other(role), close_payload(code, "why"));
            let transcript = at_every_split(connection(role, dialect), &bytes);
            let (event, answer) = if is_valid_close_code(code) {
                (clean_close(code, "why"), close_payload(code, "why"))
            } else {
                let error = protocol_error(InvalidCloseCode { code });
                (error, close_payload(1002, ""))
            };
            assert_eq!(transcript.events, [event], "{code}");
            assert_eq!(
                frame_contents(&transcript.sent),
                [(CLOSE, answer)],
                "{code}"
            );
        }
    }
}

/// RFC-5.5.1-1, B14
#[test]
fn a_close_payload_of_one_byte_is_rejected_hy_8() {
    for byte in [0x00, 0x03, 0xff] {
        for (role, dialect) in every_role_and_dialect() {
            let transcript =
                at_every_split(connection(role, dialect), &close_frame(other(role), [byte]));
            assert_eq!(transcript.events, [protocol_error(InvalidCloseLength)]);
            assert_eq!(close_code(&transcript.sent), 1002);
        }
    }
}

/// RFC-8.1-1: with the offset in the payload; an invalid code is reported first.
#[test]
fn a_close_reason_that_is_not_utf8_is_rejected_hy_8() {
    for (reason, at) in [
        (&b"\xff"[..], 2),
        (b"a\xc3(", 3),
        (b"\xc3\xa9\xe2\x98", 4),
        (b"\xed\xa0\x80", 2),
        (b"abc\xf4\x90\x80\x80", 5),
        (b"\xc0\x80", 2),
    ] {
        for (role, dialect) in every_role_and_dialect() {
            let bytes = close_frame(other(role), close_payload(1000, reason));
            let transcript = at_every_split(connection(role, dialect), &bytes);
            assert_eq!(
                transcript.events,
                [protocol_error(InvalidUtf8 { at })],
                "{}",
                escaped(reason)
            );
            assert_eq!(close_code(&transcript.sent), 1007);

            let bytes = close_frame(other(role), close_payload(1005, reason));
            let transcript = at_every_split(connection(role, dialect), &bytes);
            assert_eq!(
                transcript.events,
                [protocol_error(InvalidCloseCode { code: 1005 })]
            );
            assert_eq!(close_code(&transcript.sent), 1002);
        }
    }
}

/// RFC-5.5.1-5
#[test]
fn input_after_a_close_frame_is_ignored_hy_8() {
    for (role, dialect) in every_role_and_dialect() {
        let peer = other(role);
        let bytes = [
            frame(peer, TEXT, "a"),
            close_frame(peer, close_payload(1000, "")),
            frame(peer, TEXT, "b"),
            frame(peer, PING, "b"),
            close_frame(peer, close_payload(1001, "")),
            vec![0xff; 20],
        ]
        .concat();
        let transcript = at_every_split_then_eof(connection(role, dialect), &bytes);
        assert_eq!(transcript.events, [text("a"), clean_close(1000, "")]);
        assert_eq!(
            frame_contents(&transcript.sent),
            [(CLOSE, close_payload(1000, ""))]
        );

        let mut driver = open(&Config::new(), role, dialect);
        driver.feed(&bytes);
        driver.events();
        assert_closed(&mut driver);
    }
}

/// RFC-5.5.1-5, RFC-7.1.7-1
#[test]
fn is_done_is_false_until_the_output_is_flushed_hy_8() {
    for (role, dialect) in every_role_and_dialect() {
        for payload in [close_payload(1000, ""), close_payload(999, ""), Vec::new()] {
            let mut conn = connection(role, dialect)();
            let mut bytes = close_frame(other(role), &payload);
            let mut input = input(&mut bytes);
            let is_closed = |event: &Event<'_>| matches!(event, Event::Closed(_));
            while !conn.receive(&mut input).as_ref().is_some_and(is_closed) {}
            while conn.wants_write() {
                assert!(!conn.is_done());
                conn.advance(1);
            }
            assert!(conn.is_done());
        }
    }
}

/// RFC-5.4-4
#[test]
fn a_close_frame_between_fragments_ends_the_message_hy_8() {
    for (role, dialect) in every_role_and_dialect() {
        let peer = other(role);
        let bytes = [
            frame(peer, TEXT_FRAGMENT, "ab\u{e9}".as_bytes()),
            frame(peer, CONTINUATION, b"\xe2\x98"),
            close_frame(peer, close_payload(1000, "")),
        ]
        .concat();
        let transcript = at_every_split(connection(role, dialect), &bytes);
        let unfinished = Observed::IncompleteText("ab\u{e9}".into());
        assert_eq!(transcript.events, [unfinished, clean_close(1000, "")]);
        assert_eq!(
            frame_contents(&transcript.sent),
            [(CLOSE, close_payload(1000, ""))]
        );
    }
}

/// RFC-6.1-1
#[test]
fn a_received_close_frame_ends_our_fragmented_message_hy_8() {
    for (role, dialect) in every_role_and_dialect() {
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.send_text_fragment("a", false).unwrap();
        driver.feed(&close_frame(other(role), close_payload(1000, "")));
        assert_eq!(driver.events(), [clean_close(1000, "")]);
        assert_eq!(
            frame_contents(&driver.sent()),
            [
                (TEXT_FRAGMENT, b"a".to_vec()),
                (CLOSE, close_payload(1000, ""))
            ]
        );
        assert_eq!(
            driver.conn.send_text_fragment("b", true),
            Err(SendError::Closing)
        );
        assert_closed(&mut driver);
    }
}

// We close.

/// RFC-7.1.2-1, RFC-5.5.1-2
#[test]
fn close_sends_the_given_code_and_reason_hy_8() {
    for (close, payload) in [
        (Close::EMPTY, Vec::new()),
        (Close::new(1000, ""), close_payload(1000, "")),
        (Close::new(1001, "bye"), close_payload(1001, "bye")),
        (
            Close::new(3999, "\u{2603}"),
            close_payload(3999, "\u{2603}"),
        ),
        (
            Close::new(4000, &"x".repeat(123)),
            close_payload(4000, [b'x'; 123]),
        ),
    ] {
        for (role, dialect) in every_role_and_dialect() {
            let mut conn = connection(role, dialect)();
            conn.close(&close).unwrap();
            assert_eq!(frame_contents(conn.transmit()), [(CLOSE, payload.clone())]);
            let masked = conn.transmit()[1] & 0x80 != 0;
            assert_eq!(masked, role == Role::Client);
            assert_eq!(conn.closed(), None);
        }
    }
    let mut server = connection(Role::Server, Rfc6455)();
    server.close(&Close::new(1001, "bye")).unwrap();
    assert_eq!(server.transmit(), b"\x88\x05\x03\xe9bye");
}

/// RFC-7.4.1-1, RFC-5.5-1, RFC-5.5.1-1
#[test]
fn an_invalid_code_or_reason_is_rejected_and_changes_nothing_hy_8() {
    let error = |conn: &mut Connection, code, reason: &str| {
        rejected(conn, |c| c.close(&Close::new(code, reason)))
    };
    let mut server = connection(Role::Server, Rfc6455)();
    for code in (0..=u16::MAX).filter(|code| !is_valid_close_code(*code)) {
        // The code is checked first.
        for reason in ["", &"x".repeat(124)] {
            let error = error(&mut server, code, reason);
            assert_eq!(error_field!(error, CloseError::InvalidCode { code }), code);
        }
    }
    for code in (0..=u16::MAX).filter(|code| is_valid_close_code(*code)) {
        let mut server = connection(Role::Server, Rfc6455)();
        assert_eq!(server.close(&Close::new(code, "")), Ok(()));
    }
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = connection(role, dialect)();
        conn.send_text_fragment("a", false).unwrap();
        for reason in ["x".repeat(124), "\u{e9}".repeat(62), "x".repeat(70_000)] {
            let len = reason.len();
            let error = error(&mut conn, 1000, &reason);
            assert_eq!(error_field!(error, CloseError::ReasonTooLong { len }), len);
        }
        for code in [0, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            let error = error(&mut conn, code, "why");
            assert_eq!(error_field!(error, CloseError::InvalidCode { code }), code);
        }
        // The connection is still usable.
        conn.send_text_fragment("b", true).unwrap();
        conn.close(&Close::new(1000, &"\u{e9}".repeat(61))).unwrap();
    }
}

/// RFC-5.5.1-3, RFC-5.5.1-5: the reported code is the peer's.
#[test]
fn after_close_sends_are_rejected_and_input_is_received_until_the_answer_hy_8() {
    for (role, dialect) in every_role_and_dialect() {
        let peer = other(role);
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::new(1001, "bye")).unwrap();
        driver.drain();
        let sent = [
            (TEXT, b"last".to_vec()),
            (CLOSE, close_payload(1001, "bye")),
        ];
        assert_eq!(frame_contents(&driver.sent()), sent);
        assert_eq!(driver.conn.closed(), None);
        assert!(driver.conn.wants_read());

        let conn = &mut driver.conn;
        let before = format!("{conn:?}");
        assert_eq!(conn.send_text("a"), Err(SendError::Closing));
        assert_eq!(conn.send_binary(b"a"), Err(SendError::Closing));
        assert_eq!(conn.send_text_fragment("a", false), Err(SendError::Closing));
        assert_eq!(
            conn.send_binary_fragment(b"a", true),
            Err(SendError::Closing)
        );
        assert_eq!(
            conn.send_text_vectored("a").map(drop),
            Err(SendError::Closing)
        );
        assert_eq!(
            conn.send_binary_vectored(b"a").map(drop),
            Err(SendError::Closing)
        );
        assert_eq!(conn.close(&Close::new(1000, "")), Ok(()));
        assert_eq!(format!("{conn:?}"), before);

        driver.feed(
            &[
                frame(peer, TEXT, "a"),
                frame(peer, PONG, "b"),
                frame(peer, BINARY_FRAGMENT, "c"),
            ]
            .concat(),
        );
        assert_eq!(driver.events(), [text("a"), pong("b")]);
        driver.feed(&frame(peer, FINAL_CONTINUATION, "d"));
        assert_eq!(driver.events(), [binary("cd")]);
        driver.feed(&close_frame(peer, close_payload(1000, "")));
        assert_eq!(driver.events(), [clean_close(1000, "")]);
        assert_eq!(driver.sent(), b"");
        assert_closed(&mut driver);
    }
}

/// RFC-5.5.1-3, RFC-6.1-1
#[test]
fn close_aborts_our_fragmented_message_hy_8() {
    for (role, dialect) in every_role_and_dialect() {
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.send_binary_fragment(b"a", false).unwrap();
        driver.conn.close(&Close::new(1000, "")).unwrap();
        assert_eq!(
            driver.conn.send_binary_fragment(b"b", true),
            Err(SendError::Closing)
        );
        driver.feed(&close_frame(other(role), close_payload(1000, "")));
        let sent = [
            (BINARY_FRAGMENT, b"a".to_vec()),
            (CLOSE, close_payload(1000, "")),
        ];
        assert_eq!(frame_contents(&driver.sent()), sent);
        assert_eq!(driver.events(), [clean_close(1000, "")]);
    }
}

/// RFC-5.5.2-1
#[test]
fn a_ping_is_answered_while_our_close_awaits_its_answer() {
    for (role, dialect) in every_role_and_dialect() {
        let peer = other(role);
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.close(&Close::new(1000, "")).unwrap();
        driver.drain();
        driver.sent();
        driver.feed(&frame(peer, PING, "still there?"));
        assert_eq!(driver.events(), [ping("still there?")]);
        let sent = driver.sent();
        assert_eq!(
            frame_contents(&sent),
            [(PONG, b"still there?".to_vec())],
            "{role:?} {dialect}"
        );
        driver.feed(&close_frame(peer, close_payload(1000, "")));
        assert_eq!(driver.events(), [clean_close(1000, "")]);
        assert_eq!(driver.sent(), b"");
    }
}

/// RFC-5.5.1-4
#[test]
fn simultaneous_close_frames_answer_each_other_hy_8() {
    for dialect in HYBI {
        let mut drivers = ROLES.map(|role| open(&Config::new(), role, dialect));
        for (i, driver) in drivers.iter_mut().enumerate() {
            let close = Close::new(1000 + i as u16, "");
            driver.conn.close(&close).unwrap();
            driver.drain();
        }
        let [client, server] = &mut drivers;
        let (from_client, from_server) = (client.sent(), server.sent());
        client.feed(&from_server);
        server.feed(&from_client);
        assert_eq!(client.events(), [clean_close(1001, "")]);
        assert_eq!(server.events(), [clean_close(1000, "")]);
        for driver in &mut drivers {
            assert_eq!(driver.sent(), b"");
            assert_closed(driver);
        }
    }
}

#[test]
fn both_sides_report_the_close_code_and_reason_hy_8() {
    for (first, dialect) in every_role_and_dialect() {
        for close in [
            Close::EMPTY,
            Close::new(1000, "enough"),
            Close::new(4242, ""),
        ] {
            let mut one = open(&Config::new(), first, dialect);
            let mut two = open(&Config::new(), other(first), dialect);
            one.conn.close(&close).unwrap();
            one.drain();
            two.feed(&one.sent());
            one.feed(&two.sent());
            let clean = [Observed::Closed(Closed::Clean(close))];
            assert_eq!(two.events(), clean);
            assert_eq!(one.events(), clean);
            assert_closed(&mut one);
            assert_closed(&mut two);
        }
    }
}

// EOF and timeouts.

/// RFC-7.2.1-1, RFC-7.1.7-1
#[test]
fn eof_before_the_close_frame_is_reported_and_sends_nothing() {
    for (role, dialect) in every_role_and_dialect() {
        let peer = other(role);
        let cases: [(Vec<u8>, bool, Phase); 8] = [
            (vec![], false, Phase::Open),
            (frame(peer, TEXT, "a"), false, Phase::Open),
            (
                frame(peer, TEXT, "ab")[..3].to_vec(),
                false,
                Phase::InMessage,
            ),
            (frame(peer, TEXT_FRAGMENT, "a"), false, Phase::InMessage),
            (
                close_frame(peer, close_payload(1000, ""))[..3].to_vec(),
                false,
                Phase::InMessage,
            ),
            (vec![], true, Phase::Closing),
            (frame(peer, TEXT, "a"), true, Phase::Closing),
            (
                close_frame(peer, close_payload(1000, ""))[..3].to_vec(),
                true,
                Phase::InMessage,
            ),
        ];
        for (bytes, closing, phase) in cases {
            let mut driver = open(&Config::new(), role, dialect);
            if closing {
                driver.conn.close(&Close::new(1000, "")).unwrap();
                driver.drain();
                driver.sent();
            }
            driver.feed(&bytes);
            assert_eq!(driver.conn.closed(), None);
            driver.eof();
            assert_eq!(
                driver.events().last(),
                Some(&unexpected_eof(phase)),
                "{}",
                escaped(bytes)
            );
            assert_eq!(driver.sent(), b"");
            assert_closed(&mut driver);
        }
    }
}

#[test]
fn a_close_frame_passed_after_receive_eof_is_answered() {
    for (role, dialect) in every_role_and_dialect() {
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.receive_eof();
        driver.feed(&close_frame(other(role), close_payload(1000, "")));
        assert_eq!(driver.events(), [clean_close(1000, "")]);
        assert_eq!(
            frame_contents(&driver.sent()),
            [(CLOSE, close_payload(1000, ""))]
        );
        assert_closed(&mut driver);
    }
}

// Errors.

/// The bytes that a peer in this role sends, their error, and its close code.
type InvalidInput = (fn(Role) -> Vec<u8>, ProtocolError, u16);

const INVALID_INPUTS: &[InvalidInput] = &[
    (
        |_| vec![0xc1],
        ProtocolError::ReservedBits { byte: 0xc1 },
        1002,
    ),
    (
        |_| vec![0x83],
        ProtocolError::UnknownOpcode { opcode: 3 },
        1002,
    ),
    (
        |_| vec![0x8b],
        ProtocolError::UnknownOpcode { opcode: 11 },
        1002,
    ),
    (
        |_| vec![0x09],
        ProtocolError::FragmentedControl { opcode: 9 },
        1002,
    ),
    (|_| vec![0x80], ProtocolError::UnexpectedContinuation, 1002),
    (
        |from| {
            header(
                PING,
                (from == Role::Client).then_some(MASKING_KEY),
                LengthEncoding::Bits16,
                126,
            )
        },
        ProtocolError::ControlTooLong { opcode: 9 },
        1002,
    ),
    (
        |from| {
            header(
                BINARY,
                (from == Role::Client).then_some(MASKING_KEY),
                LengthEncoding::Bits64,
                1 << 63,
            )
        },
        ProtocolError::InvalidLength { at: 2 },
        1002,
    ),
    (
        |from| close_frame(from, [3]),
        ProtocolError::InvalidCloseLength,
        1002,
    ),
    (
        |from| close_frame(from, close_payload(1006, "")),
        ProtocolError::InvalidCloseCode { code: 1006 },
        1002,
    ),
    (
        |from| close_frame(from, close_payload(1000, [0xff])),
        ProtocolError::InvalidUtf8 { at: 2 },
        1007,
    ),
    (
        |from| frame(from, TEXT, [0xff]),
        ProtocolError::InvalidUtf8 { at: 0 },
        1007,
    ),
    (
        |from| frame(from, TEXT, [0xe2, 0x82]),
        ProtocolError::InvalidUtf8 { at: 0 },
        1007,
    ),
    (
        |from| frame(from, TEXT, "long"),
        ProtocolError::FrameTooLong { limit: 3 },
        1009,
    ),
    (
        |from| {
            [
                frame(from, BINARY_FRAGMENT, ""),
                frame(from, CONTINUATION, ""),
                frame(from, FINAL_CONTINUATION, ""),
            ]
            .concat()
        },
        ProtocolError::TooManyFragments { limit: 2 },
        1009,
    ),
];

const LIMITED: Config = Config::new().max_frame_len(3).max_fragments(2);

/// RFC-7.1.7-1, RFC-7.1.7-2, RFC-10.7-1: masked by a client, and after all earlier output.
#[test]
fn each_error_sends_its_close_code_once_hy_5_hy_6_hy_7_hy_8() {
    for (bytes, error, code) in INVALID_INPUTS {
        for (role, dialect) in every_role_and_dialect() {
            let conn = || established(&LIMITED, role, dialect);
            let transcript = at_every_split(conn, &bytes(other(role)));
            assert_eq!(transcript.events, [protocol_error(*error)]);
            assert_eq!(
                frame_contents(&transcript.sent),
                [(CLOSE, close_payload(*code, ""))]
            );
            let masked = transcript.sent[1] & 0x80 != 0;
            assert_eq!(masked, role == Role::Client);

            let mut driver = Driver::new(conn());
            driver.conn.send_text("before").unwrap();
            driver.feed(&bytes(other(role)));
            let sent = [
                (TEXT, b"before".to_vec()),
                (CLOSE, close_payload(*code, "")),
            ];
            assert_eq!(frame_contents(&driver.sent()), sent);
            driver.events();
            assert_closed(&mut driver);
        }
    }
}

/// These errors are specific to a role or dialect.
#[test]
fn mask_and_length_errors_send_close_code_1002_hy_5_hy_6() {
    for (role, dialect) in every_role_and_dialect() {
        let wrong = frame(role, TEXT, "a");
        let error = match role {
            Role::Client => ProtocolError::MaskedFrameFromServer,
            Role::Server => ProtocolError::UnmaskedFrameFromClient,
        };
        let transcript = at_every_split(connection(role, dialect), &wrong);
        assert_eq!(transcript.events, [protocol_error(error)]);
        assert_eq!(close_code(&transcript.sent), 1002);
    }
    for role in ROLES {
        let key = (role == Role::Server).then_some(MASKING_KEY);
        let transcript = at_every_split(
            connection(role, Rfc6455),
            &header(TEXT, key, LengthEncoding::Bits16, 125),
        );
        assert_eq!(
            transcript.events,
            [protocol_error(ProtocolError::InvalidLength { at: 3 })]
        );
        assert_eq!(close_code(&transcript.sent), 1002);
    }
}

/// RFC-5.5.1-4
#[test]
fn an_error_after_our_close_frame_sends_no_second_one_hy_8() {
    for (bytes, error, _) in INVALID_INPUTS {
        for (role, dialect) in every_role_and_dialect() {
            let mut driver = open(&LIMITED, role, dialect);
            driver.conn.close(&Close::EMPTY).unwrap();
            driver.drain();
            driver.sent();
            driver.feed(&bytes(other(role)));
            assert_eq!(driver.events(), [protocol_error(*error)]);
            assert_eq!(driver.sent(), b"");
            assert_closed(&mut driver);
        }
    }
}

#[test]
fn closed_displays_the_code_and_the_reason_hy_8() {
    let displayed = |bytes: &[u8]| {
        let mut client = open(&Config::new(), Role::Client, Rfc6455);
        client.feed(bytes);
        let closed = client.conn.closed().unwrap();
        closed.to_string()
    };
    assert_eq!(displayed(b"\x88\x00"), "closed");
    assert_eq!(displayed(b"\x88\x02\x03\xe8"), "closed with code 1000");
    assert_eq!(
        displayed(b"\x88\x06\x03\xe9bye\n"),
        "closed with code 1001: \"bye\\n\""
    );
    assert_eq!(
        displayed(b"\x88\x02\x03\xed"),
        "the peer violated the protocol or a limit"
    );
}
