//! How a connection of HyBi-7, HyBi-8 or RFC 6455 ends: codes and reasons, who closes first, the
//! end of file, and what an error is answered with.

mod common;

use std::time::Duration;

use common::rfc::{
    BINARY, BINARY_PART, CLOSE, Form, HYBI, KEY, LAST, MORE, PING, PONG, ROLES, TEXT, TEXT_PART,
    at_every_split, at_every_split_then_eof, binary, body, clean, close_code, contents, eof,
    every_end, frame, header, may_be_sent, open, other, ping, pong, protocol_error, text,
};
use common::*;
use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Event, Phase, ProtocolError,
    Refused, Role,
};

use Dialect::Rfc6455;
use ProtocolError::{InvalidCloseCode, InvalidCloseLength, InvalidUtf8};

fn end(role: Role, dialect: Dialect) -> impl Fn() -> Connection {
    move || Connection::established(&Config::new(), role, dialect, [9; 32])
}

fn close_frame(from: Role, body: impl AsRef<[u8]>) -> Vec<u8> {
    frame(from, CLOSE, body)
}

/// Nothing comes any more, whatever is done: one `Closed`, and last (RFC-7.1.7-2).
#[track_caller]
fn assert_over(driver: &mut Driver<'_>) {
    let why = driver.conn.closed().cloned();
    assert!(why.is_some());
    driver.drain();
    driver.sent();
    let peer = other(driver.conn.role());
    for bytes in [
        close_frame(peer, body(1000, "")),
        close_frame(peer, ""),
        frame(peer, TEXT, "more"),
        frame(peer, PING, "more"),
        vec![0xff; 20],
        Vec::new(),
    ] {
        driver.feed(&bytes);
        driver.eof();
        assert_eq!(driver.conn.send_text("a"), Err(Refused::Closing));
        assert_eq!(driver.conn.send_ping(b"a"), Err(Refused::Closing));
        assert_eq!(
            driver.conn.send_text_fragment("a", true),
            Err(Refused::Closing)
        );
        assert_eq!(driver.conn.close(&Close::EMPTY), Err(Refused::Closing));
        assert_eq!(driver.conn.tick(Duration::from_secs(1_000_000)), None);
    }
    assert_eq!(driver.events(), []);
    assert_eq!(driver.sent(), b"");
    assert_eq!(driver.conn.closed().cloned(), why);
    assert!(driver.conn.is_done());
    assert!(!driver.conn.wants_read() && !driver.conn.wants_write());
}

// The peer closes.

/// Between the answer to a request and `Event::Open`: the close goes out, and nothing behind it.
#[test]
fn cl_3_cl_6_closed_before_open_was_taken() {
    for version in ["7", "8", "13"] {
        let mut request = format!(
            "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: {version}\r\n\r\n"
        )
        .into_bytes();
        let mut server = Connection::server(&Config::new());
        let event = server.receive(&mut &mut request[..]);
        assert!(matches!(event, Some(Event::Request(_))));
        server.accept(&AcceptOptions::new()).unwrap();
        server.advance(server.transmit().len());
        assert_eq!(server.send_text("early"), Err(Refused::NotOpen));

        server.close(&Close::new(1001, "")).unwrap();
        assert_eq!(server.transmit(), b"\x88\x02\x03\xe9");
        for told in [false, true] {
            assert!(!server.is_open());
            assert_eq!(server.send_text("late"), Err(Refused::Closing));
            assert_eq!(server.close(&Close::EMPTY), Err(Refused::Closing));
            assert_eq!(server.transmit(), b"\x88\x02\x03\xe9");
            if !told {
                let event = server.receive(&mut &mut [][..]);
                assert!(matches!(event, Some(Event::Open(_))));
            }
        }
        let mut answer = close_frame(Role::Client, body(1001, ""));
        let event = server.receive(&mut &mut answer[..]);
        assert!(matches!(event, Some(Event::Closed(Closed::Clean(_)))));
        assert_eq!(server.transmit(), b"\x88\x02\x03\xe9");
    }
}

/// RFC-5.5.1-1, RFC-5.5.1-2, RFC-5.5.1-4, B12, B13: the code comes back, the reason does not.
#[test]
fn hy_8_a_close_frame_is_answered_with_its_code() {
    for (payload, events, answer) in [
        (vec![], clean(1005, ""), vec![]),
        (body(1000, ""), clean(1000, ""), body(1000, "")),
        (body(1001, "bye"), clean(1001, "bye"), body(1001, "")),
        (
            body(3000, "\u{2603}\0"),
            clean(3000, "\u{2603}\0"),
            body(3000, ""),
        ),
        (
            body(4999, [b'x'; 123]),
            clean(4999, &"x".repeat(123)),
            body(4999, ""),
        ),
    ] {
        for (role, dialect) in every_end() {
            let bytes = close_frame(other(role), &payload);
            let transcript = at_every_split_then_eof(end(role, dialect), &bytes);
            assert_eq!(
                transcript.events,
                std::slice::from_ref(&events),
                "{}",
                escaped(bytes)
            );
            assert_eq!(contents(&transcript.sent), [(CLOSE, answer.clone())]);
            let masked = transcript.sent[1] & 0x80 != 0;
            assert_eq!(masked, role == Role::Client);
        }
    }
    let server = at_every_split(
        end(Role::Server, Rfc6455),
        &close_frame(Role::Client, body(1000, "bye")),
    );
    assert_eq!(server.sent, b"\x88\x02\x03\xe8");
    let server = at_every_split(end(Role::Server, Rfc6455), &close_frame(Role::Client, ""));
    assert_eq!(server.sent, b"\x88\x00");
}

/// RFC-7.4.1-1, B15: every code there is.
#[test]
fn hy_8_the_codes_that_a_close_frame_may_hold() {
    for code in 0..=u16::MAX {
        let bytes = close_frame(Role::Client, body(code, ""));
        let transcript = run(end(Role::Server, Rfc6455)(), &bytes, &[], false);
        let (events, answer) = if may_be_sent(code) {
            (clean(code, ""), code)
        } else {
            (protocol_error(InvalidCloseCode { code }), 1002)
        };
        assert_eq!(transcript.events, [events], "{code}");
        assert_eq!(close_code(&transcript.sent), answer, "{code}");
    }
    // At the edges of each range: for both ends, in each dialect, with a reason, at every cut.
    for code in [
        0, 1, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 1016, 1999, 2000, 2999,
        3000, 3999, 4000, 4999, 5000, 32768, 65535,
    ] {
        for (role, dialect) in every_end() {
            let bytes = close_frame(other(role), body(code, "why"));
            let transcript = at_every_split(end(role, dialect), &bytes);
            let (events, answer) = if may_be_sent(code) {
                (clean(code, "why"), code)
            } else {
                (protocol_error(InvalidCloseCode { code }), 1002)
            };
            assert_eq!(transcript.events, [events], "{code}");
            assert_eq!(close_code(&transcript.sent), answer, "{code}");
        }
    }
}

/// RFC-5.5.1-1, B14
#[test]
fn hy_8_half_a_code() {
    for byte in [0x00, 0x03, 0xff] {
        for (role, dialect) in every_end() {
            let transcript = at_every_split(end(role, dialect), &close_frame(other(role), [byte]));
            assert_eq!(transcript.events, [protocol_error(InvalidCloseLength)]);
            assert_eq!(close_code(&transcript.sent), 1002);
        }
    }
}

/// RFC-8.1-1: where the reason goes wrong; a code that is wrong as well is told first.
#[test]
fn hy_8_a_reason_that_is_not_utf8() {
    for (reason, at) in [
        (&b"\xff"[..], 2),
        (b"a\xc3(", 3),
        (b"\xc3\xa9\xe2\x98", 4),
        (b"\xed\xa0\x80", 2),
        (b"abc\xf4\x90\x80\x80", 5),
        (b"\xc0\x80", 2),
    ] {
        for (role, dialect) in every_end() {
            let bytes = close_frame(other(role), body(1000, reason));
            let transcript = at_every_split(end(role, dialect), &bytes);
            assert_eq!(
                transcript.events,
                [protocol_error(InvalidUtf8 { at })],
                "{}",
                escaped(reason)
            );
            assert_eq!(close_code(&transcript.sent), 1007);

            let bytes = close_frame(other(role), body(1005, reason));
            let transcript = at_every_split(end(role, dialect), &bytes);
            assert_eq!(
                transcript.events,
                [protocol_error(InvalidCloseCode { code: 1005 })]
            );
            assert_eq!(close_code(&transcript.sent), 1002);
        }
    }
}

/// RFC-5.5.1-5: what follows the peer's close frame is not looked at.
#[test]
fn hy_8_what_follows_a_close_frame() {
    for (role, dialect) in every_end() {
        let peer = other(role);
        let bytes = [
            frame(peer, TEXT, "a"),
            close_frame(peer, body(1000, "")),
            frame(peer, TEXT, "b"),
            frame(peer, PING, "b"),
            close_frame(peer, body(1001, "")),
            vec![0xff; 20],
        ]
        .concat();
        let transcript = at_every_split_then_eof(end(role, dialect), &bytes);
        assert_eq!(transcript.events, [text("a"), clean(1000, "")]);
        assert_eq!(contents(&transcript.sent), [(CLOSE, body(1000, ""))]);

        let mut driver = open(&Config::new(), role, dialect);
        driver.feed(&bytes);
        driver.events();
        assert_over(&mut driver);
    }
}

/// RFC-5.5.1-5, RFC-7.1.7-1: done once all is flushed and `Closed` was taken.
#[test]
fn hy_8_done_comes_after_the_flush_and_after_closed() {
    for (role, dialect) in every_end() {
        for payload in [body(1000, ""), body(999, ""), Vec::new()] {
            let mut conn = end(role, dialect)();
            let mut bytes = close_frame(other(role), &payload);
            let mut input = &mut bytes[..];
            let Some(Event::Closed(why)) = conn.receive(&mut input) else {
                panic!();
            };
            assert_eq!(conn.closed(), Some(&why));
            while conn.wants_write() {
                assert!(!conn.is_done());
                conn.advance(1);
            }
            assert!(conn.is_done());
        }
    }
}

/// RFC-5.4-4: within a message, which then never ends.
#[test]
fn hy_8_a_close_frame_within_a_message() {
    for (role, dialect) in every_end() {
        let peer = other(role);
        let bytes = [
            frame(peer, TEXT_PART, "ab\u{e9}".as_bytes()),
            frame(peer, MORE, b"\xe2\x98"),
            close_frame(peer, body(1000, "")),
        ]
        .concat();
        let transcript = at_every_split(end(role, dialect), &bytes);
        let unfinished = Observed::Unfinished("ab\u{e9}".into());
        assert_eq!(transcript.events, [unfinished, clean(1000, "")]);
        assert_eq!(contents(&transcript.sent), [(CLOSE, body(1000, ""))]);
    }
}

/// RFC-6.1-1: our message in parts ends with it.
#[test]
fn hy_8_a_close_frame_while_we_send_a_message_in_parts() {
    for (role, dialect) in every_end() {
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.send_text_fragment("a", false).unwrap();
        driver.feed(&close_frame(other(role), body(1000, "")));
        assert_eq!(driver.events(), [clean(1000, "")]);
        assert_eq!(
            contents(&driver.sent()),
            [(TEXT_PART, b"a".to_vec()), (CLOSE, body(1000, ""))]
        );
        assert_eq!(
            driver.conn.send_text_fragment("b", true),
            Err(Refused::Closing)
        );
        assert_over(&mut driver);
    }
}

// We close.

/// RFC-7.1.2-1, RFC-5.5.1-2
#[test]
fn hy_8_our_close_frame_says_what_it_is_told_to() {
    for (close, payload) in [
        (Close::EMPTY, Vec::new()),
        (Close::new(1005, ""), Vec::new()),
        (Close::new(1000, ""), body(1000, "")),
        (Close::new(1001, "bye"), body(1001, "bye")),
        (Close::new(3999, "\u{2603}"), body(3999, "\u{2603}")),
        (Close::new(4000, &"x".repeat(123)), body(4000, [b'x'; 123])),
    ] {
        for (role, dialect) in every_end() {
            let mut conn = end(role, dialect)();
            conn.close(&close).unwrap();
            assert_eq!(contents(conn.transmit()), [(CLOSE, payload.clone())]);
            let masked = conn.transmit()[1] & 0x80 != 0;
            assert_eq!(masked, role == Role::Client);
            assert_eq!(conn.closed(), None);
        }
    }
    let mut server = end(Role::Server, Rfc6455)();
    server.close(&Close::new(1001, "bye")).unwrap();
    assert_eq!(server.transmit(), b"\x88\x05\x03\xe9bye");
}

/// RFC-7.4.1-1, RFC-5.5-1, RFC-5.5.1-1: refused, and nothing has changed.
#[test]
fn hy_8_a_close_that_can_not_be_sent() {
    let refused = |conn: &mut Connection, close: &Close| {
        let before = (format!("{conn:?}"), conn.transmit().to_vec());
        assert_eq!(conn.close(close), Err(Refused::InvalidClose), "{close:?}");
        assert_eq!((format!("{conn:?}"), conn.transmit().to_vec()), before);
    };
    let mut server = end(Role::Server, Rfc6455)();
    for code in (0..=u16::MAX).filter(|code| !may_be_sent(*code) && *code != 1005) {
        refused(&mut server, &Close::new(code, ""));
    }
    for code in (0..=u16::MAX).filter(|code| may_be_sent(*code)) {
        let mut server = end(Role::Server, Rfc6455)();
        assert_eq!(server.close(&Close::new(code, "")), Ok(()));
    }
    for (role, dialect) in every_end() {
        let mut conn = end(role, dialect)();
        conn.send_text_fragment("a", false).unwrap();
        for close in [
            Close::new(1000, &"x".repeat(124)),
            Close::new(1000, &"\u{e9}".repeat(62)),
            Close::new(1005, "why"),
            Close::new(1004, ""),
            Close::new(1006, ""),
            Close::new(1015, ""),
            Close::new(1016, ""),
            Close::new(2999, ""),
            Close::new(0, ""),
            Close::new(5000, ""),
        ] {
            refused(&mut conn, &close);
        }
        // And then it still speaks.
        conn.send_text_fragment("b", true).unwrap();
        conn.close(&Close::new(1000, &"\u{e9}".repeat(61))).unwrap();
    }
}

/// RFC-5.5.1-3, RFC-5.5.1-5: no data behind our close frame; what the peer sends is still heard
/// until it answers; its code is what is told.
#[test]
fn hy_8_we_close_first() {
    for (role, dialect) in every_end() {
        let peer = other(role);
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::new(1001, "bye")).unwrap();
        driver.drain();
        let sent = [(TEXT, b"last".to_vec()), (CLOSE, body(1001, "bye"))];
        assert_eq!(contents(&driver.sent()), sent);
        assert_eq!(driver.conn.closed(), None);
        assert!(driver.conn.wants_read());

        let conn = &mut driver.conn;
        let before = format!("{conn:?}");
        assert_eq!(conn.send_text("a"), Err(Refused::Closing));
        assert_eq!(conn.send_binary(b"a"), Err(Refused::Closing));
        assert_eq!(conn.send_text_fragment("a", false), Err(Refused::Closing));
        assert_eq!(conn.send_binary_fragment(b"a", true), Err(Refused::Closing));
        assert_eq!(
            conn.send_text_vectored("a").map(drop),
            Err(Refused::Closing)
        );
        assert_eq!(
            conn.send_binary_vectored(b"a").map(drop),
            Err(Refused::Closing)
        );
        assert_eq!(conn.close(&Close::new(1000, "")), Err(Refused::Closing));
        assert_eq!(format!("{conn:?}"), before);

        driver.feed(
            &[
                frame(peer, TEXT, "a"),
                frame(peer, PONG, "b"),
                frame(peer, BINARY_PART, "c"),
            ]
            .concat(),
        );
        assert_eq!(driver.events(), [text("a"), pong("b")]);
        driver.feed(&frame(peer, LAST, "d"));
        assert_eq!(driver.events(), [binary("cd")]);
        driver.feed(&close_frame(peer, body(1000, "")));
        assert_eq!(driver.events(), [clean(1000, "")]);
        assert_eq!(driver.sent(), b"");
        assert_over(&mut driver);
    }
}

/// RFC-5.5.1-3, RFC-6.1-1: our message in parts is protocol_error off.
#[test]
fn hy_8_we_close_within_our_own_message() {
    for (role, dialect) in every_end() {
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.send_binary_fragment(b"a", false).unwrap();
        driver.conn.close(&Close::new(1000, "")).unwrap();
        assert_eq!(
            driver.conn.send_binary_fragment(b"b", true),
            Err(Refused::Closing)
        );
        driver.feed(&close_frame(other(role), body(1000, "")));
        let sent = [(BINARY_PART, b"a".to_vec()), (CLOSE, body(1000, ""))];
        assert_eq!(contents(&driver.sent()), sent);
        assert_eq!(driver.events(), [clean(1000, "")]);
    }
}

/// RFC-5.5.2-1: a ping is answered until the peer's close frame has come, ours or no.
#[test]
fn a_ping_while_our_close_waits_for_its_answer() {
    for (role, dialect) in every_end() {
        let peer = other(role);
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.close(&Close::new(1000, "")).unwrap();
        driver.drain();
        driver.sent();
        driver.feed(&frame(peer, PING, "still there?"));
        assert_eq!(driver.events(), [ping("still there?")]);
        let sent = driver.sent();
        assert_eq!(
            contents(&sent),
            [(PONG, b"still there?".to_vec())],
            "{role:?} {dialect}"
        );
        driver.feed(&close_frame(peer, body(1000, "")));
        assert_eq!(driver.events(), [clean(1000, "")]);
        assert_eq!(driver.sent(), b"");
    }
}

/// RFC-5.5.1-4: each sees the other's frame as the answer to its own; there is no third.
#[test]
fn hy_8_both_close_at_once() {
    for dialect in HYBI {
        let mut ends = ROLES.map(|role| open(&Config::new(), role, dialect));
        for (i, end) in ends.iter_mut().enumerate() {
            let close = Close::new(1000 + i as u16, "");
            end.conn.close(&close).unwrap();
            end.drain();
        }
        let [client, server] = &mut ends;
        let (from_client, from_server) = (client.sent(), server.sent());
        client.feed(&from_server);
        server.feed(&from_client);
        assert_eq!(client.events(), [clean(1001, "")]);
        assert_eq!(server.events(), [clean(1000, "")]);
        for end in &mut ends {
            assert_eq!(end.sent(), b"");
            assert_over(end);
        }
    }
}

/// One end closes, the other answers: both are done, and both know the code.
#[test]
fn hy_8_between_our_own_ends() {
    for (first, dialect) in every_end() {
        for (close, code, reason) in [
            (Close::EMPTY, 1005, ""),
            (Close::new(1000, "enough"), 1000, "enough"),
            (Close::new(4242, ""), 4242, ""),
        ] {
            let mut one = open(&Config::new(), first, dialect);
            let mut two = open(&Config::new(), other(first), dialect);
            one.conn.close(&close).unwrap();
            one.drain();
            two.feed(&one.sent());
            one.feed(&two.sent());
            assert_eq!(two.events(), [clean(code, reason)]);
            assert_eq!(one.events(), [clean(code, "")]);
            assert_over(&mut one);
            assert_over(&mut two);
        }
    }
}

// The end of file, and time.

/// RFC-7.2.1-1, RFC-7.1.7-1: told as what it is; nothing is sent.
#[test]
fn an_end_of_file_before_the_close_frame() {
    for (role, dialect) in every_end() {
        let peer = other(role);
        let cases: [(Vec<u8>, bool, Phase); 8] = [
            (vec![], false, Phase::Open),
            (frame(peer, TEXT, "a"), false, Phase::Open),
            (
                frame(peer, TEXT, "ab")[..3].to_vec(),
                false,
                Phase::InMessage,
            ),
            (frame(peer, TEXT_PART, "a"), false, Phase::InMessage),
            (
                close_frame(peer, body(1000, ""))[..3].to_vec(),
                false,
                Phase::InMessage,
            ),
            (vec![], true, Phase::Closing),
            (frame(peer, TEXT, "a"), true, Phase::Closing),
            (
                close_frame(peer, body(1000, ""))[..3].to_vec(),
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
                Some(&eof(phase)),
                "{}",
                escaped(bytes)
            );
            assert_eq!(driver.sent(), b"");
            assert_over(&mut driver);
        }
    }
}

#[test]
fn an_end_of_file_behind_the_close_frame() {
    for (role, dialect) in every_end() {
        let mut driver = open(&Config::new(), role, dialect);
        driver.conn.receive_eof();
        driver.feed(&close_frame(other(role), body(1000, "")));
        assert_eq!(driver.events(), [clean(1000, "")]);
        assert_eq!(contents(&driver.sent()), [(CLOSE, body(1000, ""))]);
        assert_over(&mut driver);
    }
}

#[test]
fn a_close_frame_that_nobody_answers() {
    let config = Config::new().close_timeout(Duration::from_secs(5));
    for (role, dialect) in every_end() {
        let mut driver = open(&config, role, dialect);
        let second = Duration::from_secs(1);
        assert_eq!(driver.conn.tick(second), None);
        driver.conn.close(&Close::new(1000, "")).unwrap();
        driver.drain();
        assert_eq!(driver.conn.tick(2 * second), Some(5 * second));
        driver.feed(&frame(other(role), TEXT, "not that"));
        assert_eq!(driver.conn.tick(6 * second), Some(second));
        driver.events();
        driver.conn.tick(7 * second);
        driver.feed(&[]);
        assert_eq!(
            driver.events(),
            [Observed::Closed(Closed::TimedOut(Phase::Closing))]
        );
        assert_over(&mut driver);
    }
}

// Errors.

/// A way to break the protocol, in bytes of that peer, what is events of it, and the close code.
type Breach = (fn(Role) -> Vec<u8>, ProtocolError, u16);

const BREACHES: &[Breach] = &[
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
    (|_| vec![0x09], ProtocolError::Control { opcode: 9 }, 1002),
    (|_| vec![0x80], ProtocolError::OutOfTurn { opcode: 0 }, 1002),
    (
        |from| {
            header(
                PING,
                (from == Role::Client).then_some(KEY),
                Form::Sixteen,
                126,
            )
        },
        ProtocolError::Control { opcode: 9 },
        1002,
    ),
    (
        |from| {
            header(
                BINARY,
                (from == Role::Client).then_some(KEY),
                Form::SixtyFour,
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
        |from| close_frame(from, body(1006, "")),
        ProtocolError::InvalidCloseCode { code: 1006 },
        1002,
    ),
    (
        |from| close_frame(from, body(1000, [0xff])),
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
        ProtocolError::FrameTooLong { at: 1, limit: 3 },
        1009,
    ),
    (
        |from| {
            [
                frame(from, BINARY_PART, ""),
                frame(from, MORE, ""),
                frame(from, LAST, ""),
            ]
            .concat()
        },
        ProtocolError::TooManyFragments { limit: 2 },
        1009,
    ),
];

const LIMITED: Config = Config::new().max_frame_len(3).max_fragments(2);

/// RFC-7.1.7-1, RFC-7.1.7-2, RFC-10.7-1: the code, once, masked by a client; and all that was sent
/// before stays.
#[test]
fn hy_5_hy_6_hy_7_hy_8_the_close_code_of_each_error() {
    for (bytes, error, code) in BREACHES {
        for (role, dialect) in every_end() {
            let conn = || Connection::established(&LIMITED, role, dialect, [9; 32]);
            let transcript = at_every_split(conn, &bytes(other(role)));
            assert_eq!(transcript.events, [protocol_error(*error)]);
            assert_eq!(contents(&transcript.sent), [(CLOSE, body(*code, ""))]);
            let masked = transcript.sent[1] & 0x80 != 0;
            assert_eq!(masked, role == Role::Client);

            let mut driver = Driver::new(conn());
            driver.conn.send_text("before").unwrap();
            driver.feed(&bytes(other(role)));
            let sent = [(TEXT, b"before".to_vec()), (CLOSE, body(*code, ""))];
            assert_eq!(contents(&driver.sent()), sent);
            driver.events();
            assert_over(&mut driver);
        }
    }
}

/// Those that are of one end alone, and of RFC 6455 alone.
#[test]
fn hy_5_hy_6_the_close_code_of_the_other_errors() {
    for (role, dialect) in every_end() {
        let wrong = frame(role, TEXT, "a");
        let error = match role {
            Role::Client => ProtocolError::MaskedFrameFromServer,
            Role::Server => ProtocolError::UnmaskedFrameFromClient,
        };
        let transcript = at_every_split(end(role, dialect), &wrong);
        assert_eq!(transcript.events, [protocol_error(error)]);
        assert_eq!(close_code(&transcript.sent), 1002);
    }
    for role in ROLES {
        let key = (role == Role::Server).then_some(KEY);
        let transcript = at_every_split(end(role, Rfc6455), &header(TEXT, key, Form::Sixteen, 125));
        assert_eq!(
            transcript.events,
            [protocol_error(ProtocolError::InvalidLength { at: 3 })]
        );
        assert_eq!(close_code(&transcript.sent), 1002);
    }
}

/// RFC-5.5.1-4: ours was sent before, so there is no second.
#[test]
fn hy_8_an_error_behind_our_close_frame() {
    for (bytes, error, _) in BREACHES {
        for (role, dialect) in every_end() {
            let mut driver = open(&LIMITED, role, dialect);
            driver.conn.close(&Close::EMPTY).unwrap();
            driver.drain();
            driver.sent();
            driver.feed(&bytes(other(role)));
            assert_eq!(driver.events(), [protocol_error(*error)]);
            assert_eq!(driver.sent(), b"");
            assert_over(&mut driver);
        }
    }
}

/// What the application reads of it.
#[test]
fn hy_8_what_closed_displays() {
    let displayed = |bytes: &[u8]| {
        let mut client = open(&Config::new(), Role::Client, Rfc6455);
        client.feed(bytes);
        let closed = client.conn.closed().unwrap();
        closed.to_string()
    };
    assert_eq!(displayed(b"\x88\x00"), "closed with code 1005");
    assert_eq!(displayed(b"\x88\x02\x03\xe8"), "closed with code 1000");
    assert_eq!(
        displayed(b"\x88\x06\x03\xe9bye\n"),
        "closed with code 1001: \"bye\\n\""
    );
    assert_eq!(
        displayed(b"\x88\x02\x03\xed"),
        "protocol error: the close frame has the invalid code 1005"
    );
}
