//! Closing handshakes, EOF at every byte, and timeouts, in the Hixie dialects.

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Dialects, Entropy, Event, Phase,
    Response, SendError, Timeout,
};
use testkit::pair::response_to;
use testkit::*;

fn open_76() -> [Driver<'static>; 2] {
    ROLES.map(|role| open(&Config::new(), role, Dialect::Hixie76))
}

fn open_75() -> [Driver<'static>; 2] {
    ROLES.map(|role| open(&Config::new(), role, Dialect::Hixie75))
}

/// Checks that a closed connection returns no more events and output, whatever is called (FR-16).
#[track_caller]
fn assert_closed(driver: &mut Driver<'_>) {
    let inputs = [
        &b""[..],
        b"\xff\x00",
        b"\x00Hi\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x80; 40],
    ];
    testkit::assert_closed(driver, &inputs, |_| {});
}

#[test]
fn a_close_frame_of_the_peer_is_answered_once_cl_1_cl_2_cl_6() {
    for mut peer in open_76() {
        peer.feed(b"\x00a\xff\xff\x00");
        assert_eq!(peer.events(), [text("a"), clean_close_without_code()]);
        assert_eq!(peer.sent(), b"\xff\x00");
        assert_closed(&mut peer);
    }
}

#[test]
fn a_connection_is_done_once_flushed_and_closed_was_returned_cl_2() {
    for driver in open_76() {
        let mut conn = driver.conn;
        let mut bytes = b"\xff\x00".to_vec();
        let mut input = input(&mut bytes);
        assert!(matches!(conn.receive(&mut input), Some(Event::Closing(_))));
        assert!(!conn.is_done() && conn.closed().is_none());
        let Some(Event::Closed(closed)) = conn.receive(&mut input) else {
            panic!("no Closed");
        };
        assert_eq!(conn.closed(), Some(&closed));
        assert_eq!(conn.transmit(), b"\xff\x00");
        assert!(!conn.is_done());
        conn.advance(1);
        assert!(!conn.is_done());
        conn.advance(1);
        assert!(conn.is_done());
    }
    // Flushed before `Closed` is returned.
    for driver in open_75() {
        let mut conn = driver.conn;
        conn.close(&Close::EMPTY).unwrap();
        assert!(conn.closed().is_some() && !conn.wants_write());
        assert!(!conn.is_done());
        assert!(matches!(
            conn.receive(&mut input(&mut [])),
            Some(Event::Closed(_))
        ));
        assert!(conn.is_done());
    }
}

#[test]
fn messages_are_still_received_after_our_close_cl_1_cl_3() {
    for mut driver in open_76() {
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::EMPTY).unwrap();
        driver.drain();
        assert_eq!(driver.sent(), b"\x00last\xff\xff\x00");
        assert_eq!(driver.conn.closed(), None);

        assert_eq!(driver.conn.send_text("more"), Err(SendError::Closing));
        assert_eq!(
            driver.conn.send_text_vectored("more").err(),
            Some(SendError::Closing)
        );
        assert!(driver.conn.send_binary(b"more").is_err());
        assert_eq!(driver.conn.close(&Close::EMPTY), Ok(()));
        assert!(driver.conn.wants_read());

        driver.feed(b"\x00a\xff\x42x\xff\x80\x02xx\x00b");
        assert_eq!(
            driver.events(),
            [
                text("a"),
                Observed::Skipped(0x42, 1),
                Observed::Skipped(0x80, 2)
            ]
        );
        driver.feed(b"c\xff\xff\x00");
        assert_eq!(driver.events(), [text("bc"), clean_close_without_code()]);
        assert_eq!(driver.sent(), b"");
        assert_closed(&mut driver);
    }
}

#[test]
fn input_after_the_peers_close_is_discarded_cl_4() {
    for mut driver in open_76() {
        driver.feed(b"\xff\x00\x00Hi\xff\xff\x00\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_eq!(driver.events(), [clean_close_without_code()]); // F12
        assert_eq!(driver.sent(), b"\xff\x00");
        assert_closed(&mut driver);
    }
}

#[test]
fn a_simultaneous_close_sends_one_close_frame_each_cl_5_cl_6() {
    let [mut client, mut server] = open_76();
    for end in [&mut client, &mut server] {
        end.conn.close(&Close::EMPTY).unwrap();
        end.drain();
    }
    let (from_client, from_server) = (client.sent(), server.sent());
    assert_eq!([&from_client[..], &from_server], [b"\xff\x00"; 2]);
    client.feed(&from_server);
    server.feed(&from_client);
    for mut end in [client, server] {
        assert_eq!(end.events(), [clean_close_without_code()]);
        assert_eq!(end.sent(), b"");
        assert_closed(&mut end);
    }
}

#[test]
fn a_close_frame_may_be_split_between_its_two_bytes_cl_7() {
    for closing in [false, true] {
        for mut driver in open_76() {
            if closing {
                driver.conn.close(&Close::EMPTY).unwrap();
            }
            driver.feed(b"\xff");
            driver.feed(b"");
            assert_eq!(driver.events(), []);
            assert_eq!(driver.conn.closed(), None);
            driver.feed(b"\x00");
            assert_eq!(driver.events(), [clean_close_without_code()]);
            assert_eq!(driver.sent(), b"\xff\x00");
            assert_closed(&mut driver);
        }
    }
}

#[test]
fn a_close_frame_with_any_length_encoding_is_answered_once_cl_6_fr_8() {
    for zeros in 0..9 {
        for mut driver in open_76() {
            driver.feed(&[&[0xff][..], &vec![0x80; zeros], &[0x00]].concat());
            assert_eq!(driver.events(), [clean_close_without_code()]);
            assert_eq!(driver.sent(), b"\xff\x00");
        }
    }
}

#[test]
fn frames_that_resemble_a_close_are_skipped_fr_8() {
    for mut driver in open_76() {
        driver.feed(b"\xff\x01\x00\x80\x00\xfe\x00\xff\x02\xff\x00\x00\xff");
        let skipped = [(0xff, 1), (0x80, 0), (0xfe, 0), (0xff, 2)];
        let mut expected: Vec<Observed> = skipped
            .map(|(frame_type, len)| Observed::Skipped(frame_type, len))
            .into();
        expected.push(text(""));
        assert_eq!(driver.events(), expected);
        assert_eq!(driver.sent(), b"");
        assert_eq!(driver.conn.closed(), None);
    }
}

#[test]
fn hixie_close_frames_carry_no_code_and_no_reason_cl_8() {
    for mut driver in open_76() {
        driver.conn.close(&Close::new(1001, "going away")).unwrap();
        driver.feed(b"");
        assert_eq!(driver.sent(), b"\xff\x00");
        driver.feed(b"\xff\x00");
        // The peer's close frame has no code.
        assert_eq!(driver.events(), [clean_close_without_code()]);
    }
    for mut driver in open_75() {
        driver.conn.close(&Close::new(1001, "going away")).unwrap();
        driver.feed(b"");
        assert_eq!(driver.sent(), b"");
    }
}

#[test]
fn eof_without_a_close_frame_is_not_clean_cl_8() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        driver.eof();
        assert_eq!(driver.events(), [unexpected_eof(Phase::Open)]);
        assert_eq!(driver.sent(), b"");
        assert_closed(&mut driver);
    }
    for mut driver in open_76() {
        driver.conn.close(&Close::EMPTY).unwrap();
        driver.eof();
        assert_eq!(driver.events(), [unexpected_eof(Phase::Closing)]);
        assert_closed(&mut driver);
    }
}

#[test]
fn a_message_truncated_by_eof_never_ends_cl_10() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        let mut bytes = b"\x00whole\xff\x00par".to_vec();
        let mut input = input(&mut bytes);
        let mut complete = 0;
        driver.conn.receive_eof();
        while let Some(event) = driver.conn.receive(&mut input) {
            match event {
                Event::Text(chunk) => complete += usize::from(chunk.is_final()),
                Event::Closed(closed) => assert_eq!(closed, Closed::Eof(Phase::InMessage)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(complete, 1);
        assert_closed(&mut driver);
    }
}

#[test]
fn output_queued_before_eof_is_still_flushed_cl_12() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        driver.conn.send_text("queued").unwrap();
        driver.conn.receive_eof();
        assert!(!driver.conn.wants_read());
        assert!(matches!(
            driver.conn.receive(&mut input(&mut [])),
            Some(Event::Closed(Closed::Eof(Phase::Open)))
        ));
        assert!(driver.conn.wants_write() && !driver.conn.is_done());
        assert_eq!(driver.conn.send_text("more"), Err(SendError::Closing));
        assert_eq!(driver.conn.transmit(), b"\x00queued\xff");
        driver.drain();
        assert!(driver.conn.is_done());
    }
}

#[test]
fn closing_hixie_75_sends_nothing_cl_20_h75_8() {
    for mut driver in open_75() {
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::EMPTY).unwrap();
        assert_eq!(driver.conn.transmit(), b"\x00last\xff");
        driver.feed(b"\x00not read any more\xff");
        assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_eq!(driver.sent(), b"\x00last\xff");
        assert_closed(&mut driver);
    }
}

#[test]
fn ff_00_does_not_close_hixie_75_cl_20_fr_9() {
    for mut driver in open_75() {
        driver.feed(b"\xff\x00\x00Hi\xff"); // F13
        assert_eq!(driver.events(), [Observed::Skipped(0xff, 0), text("Hi")]);
        driver.eof();
        assert_eq!(driver.events(), [unexpected_eof(Phase::Open)]);
        assert_eq!(driver.sent(), b"");
    }
}

#[test]
fn nothing_is_reported_after_a_fatal_error_fr_16() {
    let invalid = |bytes: &[u8], error: ProtocolError| (bytes.to_vec(), error);
    for (bytes, error) in [
        invalid(&[0x80; 11], ProtocolError::InvalidLength { at: 10 }),
        invalid(b"\x00\xc3(", ProtocolError::InvalidUtf8 { at: 0 }),
        invalid(
            b"\x66",
            ProtocolError::UnknownFrameType { frame_type: 0x66 },
        ),
        invalid(b"\x00abcdef", ProtocolError::FrameTooLong { limit: 5 }),
    ] {
        let config = Config::new()
            .strict_utf8(true)
            .strict_frames(true)
            .max_frame_len(5);
        for role in ROLES {
            for dialect in HIXIE {
                for closing in [false, dialect == Dialect::Hixie76] {
                    let conn = established(&config, role, dialect);
                    let mut driver = Driver::new(conn);
                    if closing {
                        driver.conn.close(&Close::EMPTY).unwrap();
                        driver.drain();
                        assert_eq!(driver.sent(), b"\xff\x00");
                    }
                    driver.feed(&[&bytes, &b"\x00Hi\xff\xff\x00"[..]].concat());
                    let mut events = driver.events();
                    assert_eq!(events.pop(), Some(protocol_error(error)));
                    assert!(
                        events
                            .iter()
                            .all(|event| matches!(event, Observed::IncompleteText(_)))
                    );
                    // CL-6, section 10: Hixie-76 may send one close frame, Hixie-75 sends nothing.
                    let sent = driver.sent();
                    let may_close = dialect == Dialect::Hixie76 && !closing;
                    assert!(sent.is_empty() || may_close && sent == b"\xff\x00");
                    assert_closed(&mut driver);
                }
            }
        }
    }
}

/// Input, and the phase of the connection while it is incomplete.
type InputWithPhase = (Vec<u8>, Phase);

/// Complete conversations, as input of a client and a server.
fn conversations() -> Vec<(Connection, Vec<InputWithPhase>)> {
    let frames: [&[u8]; 6] = [
        b"\x00Hello\xff",
        b"\x00\xff",
        b"\x00\xe2\x98\x83\xf0\x9f\x98\x80\xc3\xff",
        b"\x42\x00\x00\xff",
        b"\x80\x03\x00\xff\x00",
        b"\xff\x80\x01\xff",
    ];
    let mut all = Vec::new();
    for dialect in HIXIE {
        let server = match dialect {
            Dialect::Hixie75 => DRAFT_75_REQUEST.into(),
            _ => [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3].concat(),
        };
        let target = client_request(dialect);
        let mut client = Connection::client(Config::new(), &target, Entropy::from_bytes([3; 32]));
        let response = response_to(&mut client);
        let config = Config::new().dialects(Dialects::ALL);
        for (conn, handshake) in [
            (client, response),
            (Connection::server(config.clone()), server),
        ] {
            let mut inputs = vec![(handshake, Phase::Handshaking)];
            inputs.extend(frames.map(|frame| (frame.to_vec(), Phase::InMessage)));
            if dialect == Dialect::Hixie76 {
                inputs.push((b"\xff\x00".to_vec(), Phase::InMessage));
            }
            all.push((conn, inputs));
        }
    }
    all
}

#[test]
fn eof_at_every_byte_reports_the_phase_cl_11_h76_19() {
    for index in 0..4 {
        let inputs = conversations().remove(index).1;
        let mut phases = vec![Phase::Handshaking];
        for (bytes, phase) in &inputs {
            phases.extend(vec![*phase; bytes.len() - 1]);
            phases.push(Phase::Open);
        }
        let bytes: Vec<u8> = inputs.into_iter().flat_map(|(bytes, _)| bytes).collect();
        for (end, phase) in phases.into_iter().enumerate() {
            let mut driver = Driver::new(conversations().remove(index).0);
            assert_eq!(driver.feed(&bytes[..end]), 0);
            driver.sent();
            // CL-11: further calls have no effect.
            for _ in 0..3 {
                driver.eof();
            }
            let closes = end == bytes.len() && bytes.ends_with(b"\xff\x00");
            let expected = if closes {
                clean_close_without_code()
            } else {
                unexpected_eof(phase)
            };
            let events = driver.events();
            assert_eq!(events.last(), Some(&expected), "{index}, {end} bytes");
            let closed = events.iter().filter(|event| event.is_closed());
            assert_eq!(closed.count(), 1);
            assert_eq!(driver.sent(), b"", "{index}, {end} bytes");
            assert_closed(&mut driver);
        }
    }
}

#[test]
fn eof_at_every_byte_while_closing_reports_the_phase_cl_11() {
    let frames = b"\x00Hello\xff\x00\xff\x42\x00\xff\x80\x03\x00\xff\x00\xff\x00";
    let boundaries = [0, 7, 9, 12, 17];
    for end in 0..=frames.len() {
        for mut driver in open_76() {
            driver.conn.close(&Close::EMPTY).unwrap();
            driver.feed(&frames[..end]);
            driver.eof();
            let events = driver.events();
            let last = events.last().unwrap();
            if end == frames.len() {
                assert_eq!(last, &clean_close_without_code());
            } else if boundaries.contains(&end) {
                assert_eq!(last, &unexpected_eof(Phase::Closing), "{end} bytes");
            } else {
                // Within a frame while closing: either phase is correct.
                let phases = [Phase::Closing, Phase::InMessage];
                assert!(
                    phases.map(unexpected_eof).contains(last),
                    "{end} bytes: {last:?}"
                );
            }
            assert_eq!(driver.sent(), b"\xff\x00");
            assert_closed(&mut driver);
        }
    }
}

fn with_request(head: &str) -> Driver<'static> {
    let config = Config::new().dialects(Dialects::ALL);
    let mut driver = Driver::with_request_handler(Connection::server(config.clone()), |_, _| ());
    driver.feed(head.as_bytes());
    assert!(matches!(driver.events()[..], [Observed::Request(..)]));
    driver
}

/// Docs of `receive_eof`: EOF is reported when no request is pending.
#[test]
fn eof_is_reported_once_the_pending_request_is_answered_cl_11() {
    let mut driver = with_request(DRAFT_76_REQUEST);
    driver.eof();
    driver.eof();
    assert_eq!((driver.events(), driver.sent()), (vec![], vec![]));
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    driver.eof();
    assert_eq!(driver.events(), [unexpected_eof(Phase::Handshaking)]);
    assert_eq!(driver.sent(), DRAFT_76_RESPONSE.as_bytes());
    assert_closed(&mut driver);

    let mut driver = with_request(DRAFT_75_REQUEST);
    driver.eof();
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    driver.eof();
    assert_eq!(
        driver.events(),
        [
            Observed::Open(Dialect::Hixie75),
            unexpected_eof(Phase::Open)
        ]
    );
    assert_closed(&mut driver);

    let mut driver = with_request(DRAFT_76_REQUEST);
    driver.eof();
    driver.conn.respond(&Response::new(403)).unwrap();
    driver.eof();
    assert_eq!(driver.events(), [Observed::Closed(Closed::Responded(403))]);
    assert!(driver.sent().starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
    assert_closed(&mut driver);
}

/// Checks that `sent` is a response with this status as in PX-3, without any data of the request.
fn assert_error_response(sent: &[u8], status: u16) {
    let mut headers = [httparse::EMPTY_HEADER; 8];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(sent) else {
        panic!("{}", escaped(sent));
    };
    assert_eq!(response.code, Some(status));
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name == name);
        header.map(|header| std::str::from_utf8(header.value).unwrap())
    };
    assert_eq!(value("Connection"), Some("close"));
    assert_eq!(value("Content-Type"), Some("text/plain"));
    let length = (sent.len() - head).to_string();
    assert_eq!(value("Content-Length"), Some(&length[..]));
    assert!(!escaped(sent).contains("demo"));
}

#[test]
fn closing_before_the_response_sends_an_http_error_cl_13() {
    let mut new = Driver::new(Connection::server(Config::new()));
    new.feed(b"");
    let mut policy = Driver::new(Connection::server(Config::new()));
    policy.feed(b"<policy-fi");
    let mut head = Driver::new(Connection::server(Config::new()));
    head.feed(&DRAFT_76_REQUEST.as_bytes()[..DRAFT_76_REQUEST.len() - 1]);
    let [with_request_75, with_request_76] = [DRAFT_75_REQUEST, DRAFT_76_REQUEST].map(with_request);
    let mut ended = with_request(DRAFT_76_REQUEST);
    ended.eof();
    let plain = Connection::server(Config::new().plain_http(true));
    let mut plain = Driver::with_request_handler(plain, |_, _| ());
    plain.feed(b"GET /demo HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_eq!(plain.events(), [Observed::Request(None, "/demo".into())]);
    for mut driver in [
        new,
        policy,
        head,
        with_request_75,
        with_request_76,
        ended,
        plain,
    ] {
        driver.conn.close(&Close::new(1001, "demo")).unwrap();
        assert_eq!(driver.conn.close(&Close::EMPTY), Ok(()));
        driver.feed(DRAFT_76_KEY3);
        assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_error_response(&driver.sent(), 503);
        assert_closed(&mut driver);
    }
}

#[test]
fn closing_after_the_response_head_sends_no_http_error_cl_13_px_4() {
    for key3 in 0..8 {
        for flushed in [false, true] {
            let mut driver = with_request(DRAFT_76_REQUEST);
            driver.conn.accept(&AcceptOptions::new()).unwrap();
            if flushed {
                driver.drain();
            }
            let mut bytes = DRAFT_76_KEY3[..key3].to_vec();
            assert!(driver.conn.receive(&mut input(&mut bytes)).is_none());
            driver.conn.close(&Close::EMPTY).unwrap();
            driver.feed(&DRAFT_76_KEY3[key3..]);
            assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
            assert_eq!(driver.sent(), DRAFT_76_RESPONSE.as_bytes());
            assert_closed(&mut driver);
        }
    }
    let mut driver = with_request(DRAFT_75_REQUEST);
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    driver.conn.close(&Close::EMPTY).unwrap();
    driver.feed(b"\x00Hi\xff");
    assert_eq!(
        driver.events().last(),
        Some(&Observed::Closed(Closed::LocallyClosed))
    );
    assert_eq!(driver.sent(), DRAFT_75_RESPONSE.as_bytes());
    assert_closed(&mut driver);
}

#[test]
fn a_client_closing_during_the_handshake_writes_nothing_more_cl_13() {
    for dialect in HIXIE {
        let target = client_request(dialect);
        let client = || Connection::client(Config::new(), &target, Entropy::from_bytes([3; 32]));
        let response = response_to(&mut client());
        // Some of the request was sent, and the response is incomplete.
        for sent in [0, 1, 40, client().transmit().len()] {
            for received in [0, 1, 13, 100, response.len() - 17, response.len() - 1] {
                let mut driver = Driver::new(client());
                driver.conn.advance(sent);
                let mut bytes = response[..received].to_vec();
                assert!(driver.conn.receive(&mut input(&mut bytes)).is_none());
                let before = driver.conn.transmit().to_vec();
                driver.conn.close(&Close::EMPTY).unwrap();
                assert_eq!(driver.conn.close(&Close::EMPTY), Ok(()));
                driver.feed(&response[received..]);
                assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
                // At most the pending request is written.
                let sent = driver.sent();
                assert!(sent.is_empty() || sent == before);
                assert_closed(&mut driver);
            }
        }
    }
}

/// Docs of `is_open`: true from `Open` until `close` or `Closed`.
#[test]
fn is_open_is_true_from_open_until_close() {
    let opened = || {
        let mut server = Connection::server(Config::new());
        assert!(!server.is_open());
        let mut head = DRAFT_76_REQUEST.as_bytes().to_vec();
        assert!(matches!(
            server.receive(&mut input(&mut head)),
            Some(Event::Request(_))
        ));
        server.accept(&AcceptOptions::new()).unwrap();
        assert!(!server.is_open());
        let mut key3 = DRAFT_76_KEY3.to_vec();
        assert!(matches!(
            server.receive(&mut input(&mut key3)),
            Some(Event::Open(_))
        ));
        assert!(server.is_open());
        server
    };
    let mut closing = opened();
    closing.close(&Close::EMPTY).unwrap();
    assert!(!closing.is_open());
    let mut closed = opened();
    closed.receive_eof();
    assert!(matches!(
        closed.receive(&mut input(&mut [])),
        Some(Event::Closed(_))
    ));
    assert!(!closed.is_open());
}

#[test]
fn closed_displays_its_cause_and_has_a_source() {
    use std::error::Error;
    for (phase, description) in [
        (Phase::Handshaking, "during the opening handshake"),
        (Phase::Open, "between two messages"),
        (Phase::InMessage, "in the middle of a frame or message"),
        (Phase::Closing, "during the closing handshake"),
    ] {
        let closed = Closed::Eof(phase);
        assert_eq!(
            closed.to_string(),
            format!("the peer closed the connection without a close frame {description}")
        );
        assert!(closed.source().is_none());
    }
    for (timeout, description) in [
        (
            Timeout::Handshake,
            "the opening handshake was not complete in time",
        ),
        (Timeout::Keepalive, "the peer sent nothing for too long"),
        (Timeout::Write, "the peer accepted too few bytes in time"),
        (
            Timeout::Close,
            "the closing handshake was not complete in time",
        ),
    ] {
        let closed = Closed::TimedOut(timeout);
        assert_eq!(closed.to_string(), format!("timed out: {description}"));
    }
    let error = hybi::ProtocolError::MaskedFrameFromServer;
    let closed = Closed::Protocol(error);
    let source = closed.source().and_then(|source| source.downcast_ref());
    assert_eq!(source, Some(&error));
}
