//! How a connection ends: who closes first, the end of file at every byte, timeouts.

mod common;

use std::time::Duration;

use common::pair::answer_to;
use common::*;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Event,
    Phase, ProtocolError, Refused, Response, Role,
};
use proptest::prelude::*;

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Already open.
fn open(role: Role, dialect: Dialect) -> Driver<'static> {
    Driver::new(Connection::established(
        &Config::new(),
        role,
        dialect,
        [0; 32],
    ))
}

fn open_76() -> [Driver<'static>; 2] {
    ROLES.map(|role| open(role, Dialect::Hixie76))
}

fn open_75() -> [Driver<'static>; 2] {
    ROLES.map(|role| open(role, Dialect::Hixie75))
}

fn clean() -> Observed {
    Observed::Closed(Closed::Clean(Close::EMPTY))
}

fn eof(phase: Phase) -> Observed {
    Observed::Closed(Closed::Eof(phase))
}

fn text(text: &str) -> Observed {
    Observed::Text(text.into())
}

/// Nothing comes any more, whatever is done: one `Closed`, and last (FR-16).
fn assert_over(driver: &mut Driver) {
    let why = driver.conn.closed().cloned();
    assert!(why.is_some());
    driver.drain();
    driver.sent();
    for bytes in [
        &b""[..],
        b"\xff\x00",
        b"\x00Hi\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x80; 40],
    ] {
        driver.feed(bytes);
        driver.eof();
        assert_eq!(driver.conn.send_text("a"), Err(Refused::Closing));
        assert_eq!(
            driver.conn.send_text_vectored("a").err(),
            Some(Refused::Closing)
        );
        assert_eq!(driver.conn.close(&Close::EMPTY), Err(Refused::Closing));
        assert_eq!(
            driver.conn.accept(&AcceptOptions::new()),
            Err(Refused::NoRequest)
        );
        assert_eq!(driver.conn.tick(Duration::from_secs(1_000_000)), None);
    }
    assert_eq!(driver.events(), []);
    assert_eq!(driver.sent(), b"");
    assert_eq!(driver.conn.closed().cloned(), why);
    assert!(driver.conn.is_done());
    assert!(!driver.conn.wants_read() && !driver.conn.wants_write());
}

#[test]
fn cl_1_cl_2_cl_6_the_peer_closes_first() {
    for mut peer in open_76() {
        peer.feed(b"\x00a\xff\xff\x00");
        assert_eq!(peer.events(), [text("a"), clean()]);
        assert_eq!(peer.sent(), b"\xff\x00");
        assert_over(&mut peer);
    }
}

#[test]
fn cl_2_done_comes_after_the_flush_and_after_closed_was_taken() {
    for driver in open_76() {
        let mut conn = driver.conn;
        let mut bytes = b"\xff\x00".to_vec();
        let mut input = &mut bytes[..];
        assert!(!conn.is_done() && conn.closed().is_none());
        let Some(Event::Closed(why)) = conn.receive(&mut input) else {
            panic!();
        };
        assert_eq!(conn.closed(), Some(&why));
        assert_eq!(conn.transmit(), b"\xff\x00");
        assert!(!conn.is_done());
        conn.advance(1);
        assert!(!conn.is_done());
        conn.advance(1);
        assert!(conn.is_done());
    }
    // Flushed before the event is taken.
    for driver in open_75() {
        let mut conn = driver.conn;
        conn.close(&Close::EMPTY).unwrap();
        assert!(conn.closed().is_some() && !conn.wants_write());
        assert!(!conn.is_done());
        assert!(matches!(
            conn.receive(&mut &mut [][..]),
            Some(Event::Closed(_))
        ));
        assert!(conn.is_done());
    }
}

#[test]
fn cl_1_cl_3_we_close_first_and_messages_still_come() {
    for mut driver in open_76() {
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::EMPTY).unwrap();
        driver.drain();
        assert_eq!(driver.sent(), b"\x00last\xff\xff\x00");
        assert_eq!(driver.conn.closed(), None);

        assert_eq!(driver.conn.send_text("more"), Err(Refused::Closing));
        assert_eq!(
            driver.conn.send_text_vectored("more").err(),
            Some(Refused::Closing)
        );
        assert!(driver.conn.send_binary(b"more").is_err());
        assert_eq!(driver.conn.close(&Close::EMPTY), Err(Refused::Closing));
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
        assert_eq!(driver.events(), [text("bc"), clean()]);
        assert_eq!(driver.sent(), b"");
        assert_over(&mut driver);
    }
}

#[test]
fn cl_4_what_follows_the_peers_close_is_discarded() {
    for mut driver in open_76() {
        driver.feed(b"\xff\x00\x00Hi\xff\xff\x00\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_eq!(driver.events(), [clean()]); // F12
        assert_eq!(driver.sent(), b"\xff\x00");
        assert_over(&mut driver);
    }
}

#[test]
fn cl_5_cl_6_both_close_at_once() {
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
        assert_eq!(end.events(), [clean()]);
        assert_eq!(end.sent(), b"");
        assert_over(&mut end);
    }
}

#[test]
fn cl_7_ff_and_00_in_two_reads() {
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
            assert_eq!(driver.events(), [clean()]);
            assert_eq!(driver.sent(), b"\xff\x00");
            assert_over(&mut driver);
        }
    }
}

#[test]
fn cl_6_fr_8_a_close_frame_of_any_spelling_gets_one_answer() {
    for zeros in 0..9 {
        for mut driver in open_76() {
            driver.feed(&[&[0xff][..], &vec![0x80; zeros], &[0x00]].concat());
            assert_eq!(driver.events(), [clean()]);
            assert_eq!(driver.sent(), b"\xff\x00");
        }
    }
}

#[test]
fn fr_8_frames_that_look_like_a_close_are_none() {
    for mut driver in open_76() {
        driver.feed(b"\xff\x01\x00\x80\x00\xfe\x00\xff\x02\xff\x00\x00\xff");
        let discarded = [(0xff, 1), (0x80, 0), (0xfe, 0), (0xff, 2)];
        let mut expected: Vec<Observed> = discarded.map(|(k, n)| Observed::Skipped(k, n)).into();
        expected.push(text(""));
        assert_eq!(driver.events(), expected);
        assert_eq!(driver.sent(), b"");
        assert_eq!(driver.conn.closed(), None);
    }
}

#[test]
fn cl_8_a_code_and_a_reason_are_not_sent() {
    for mut driver in open_76() {
        driver.conn.close(&Close::new(1001, "going away")).unwrap();
        driver.feed(b"");
        assert_eq!(driver.sent(), b"\xff\x00");
        driver.feed(b"\xff\x00");
        // The peer's close says nothing.
        assert_eq!(driver.events(), [clean()]);
    }
    for mut driver in open_75() {
        driver.conn.close(&Close::new(1001, "going away")).unwrap();
        driver.feed(b"");
        assert_eq!(driver.sent(), b"");
    }
}

#[test]
fn cl_8_the_end_of_input_without_a_close_frame_is_not_clean() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        driver.eof();
        assert_eq!(driver.events(), [eof(Phase::Open)]);
        assert_eq!(driver.sent(), b"");
        assert_over(&mut driver);
    }
    for mut driver in open_76() {
        driver.conn.close(&Close::EMPTY).unwrap();
        driver.eof();
        assert_eq!(driver.events(), [eof(Phase::Closing)]);
        assert_over(&mut driver);
    }
}

#[test]
fn cl_10_a_message_cut_by_the_end_of_input_is_never_delivered() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        let mut bytes = b"\x00whole\xff\x00par".to_vec();
        let mut input = &mut bytes[..];
        let mut whole = 0;
        driver.conn.receive_eof();
        while let Some(event) = driver.conn.receive(&mut input) {
            match event {
                Event::Text(piece) => whole += usize::from(piece.is_final()),
                Event::Closed(why) => assert_eq!(why, Closed::Eof(Phase::InMessage)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(whole, 1);
        assert_over(&mut driver);
    }
}

#[test]
fn cl_12_what_was_queued_before_the_end_of_input_is_still_flushed() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        driver.conn.send_text("queued").unwrap();
        driver.conn.receive_eof();
        assert!(!driver.conn.wants_read());
        let event = driver.conn.receive(&mut &mut [][..]);
        assert!(matches!(
            event,
            Some(Event::Closed(Closed::Eof(Phase::Open)))
        ));
        assert!(driver.conn.wants_write() && !driver.conn.is_done());
        assert_eq!(driver.conn.send_text("more"), Err(Refused::Closing));
        assert_eq!(driver.conn.transmit(), b"\x00queued\xff");
        driver.drain();
        assert!(driver.conn.is_done());
    }
}

#[test]
fn cl_20_h75_8_closing_is_dropping_the_transport() {
    for mut driver in open_75() {
        driver.conn.send_text("last").unwrap();
        driver.conn.close(&Close::EMPTY).unwrap();
        assert_eq!(driver.conn.transmit(), b"\x00last\xff");
        driver.feed(b"\x00not read any more\xff");
        assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_eq!(driver.sent(), b"\x00last\xff");
        assert_over(&mut driver);
    }
}

#[test]
fn cl_20_fr_9_ff_00_closes_nothing() {
    for mut driver in open_75() {
        driver.feed(b"\xff\x00\x00Hi\xff"); // F13
        assert_eq!(driver.events(), [Observed::Skipped(0xff, 0), text("Hi")]);
        driver.eof();
        assert_eq!(driver.events(), [eof(Phase::Open)]);
        assert_eq!(driver.sent(), b"");
    }
}

#[test]
fn fr_16_nothing_follows_a_fatal_error() {
    let bad = |bytes: &[u8], error: ProtocolError| (bytes.to_vec(), error);
    for (bytes, error) in [
        bad(&[0x80; 11], ProtocolError::InvalidLength { at: 10 }),
        bad(b"\x00\xc3(", ProtocolError::InvalidUtf8 { at: 0 }),
        bad(
            b"\x66",
            ProtocolError::UnknownFrameType { frame_type: 0x66 },
        ),
        bad(
            b"\x00abcdef",
            ProtocolError::FrameTooLong { at: 6, limit: 5 },
        ),
    ] {
        let config = Config::new()
            .strict_utf8(true)
            .strict_frames(true)
            .max_frame_len(5);
        for role in ROLES {
            for dialect in [Dialect::Hixie75, Dialect::Hixie76] {
                for closing in [false, dialect == Dialect::Hixie76] {
                    let conn = Connection::established(&config, role, dialect, [0; 32]);
                    let mut driver = Driver::new(conn);
                    if closing {
                        driver.conn.close(&Close::EMPTY).unwrap();
                        driver.drain();
                        assert_eq!(driver.sent(), b"\xff\x00");
                    }
                    driver.feed(&[&bytes, &b"\x00Hi\xff\xff\x00"[..]].concat());
                    let mut events = driver.events();
                    assert_eq!(
                        events.pop(),
                        Some(Observed::Closed(Closed::Protocol(error)))
                    );
                    assert!(
                        events
                            .iter()
                            .all(|events| matches!(events, Observed::Unfinished(_)))
                    );
                    // CL-6, section 10: 76 may send the one close frame, 75 drops.
                    let sent = driver.sent();
                    let may = dialect == Dialect::Hixie76 && !closing;
                    assert!(sent.is_empty() || may && sent == b"\xff\x00");
                    assert_over(&mut driver);
                }
            }
        }
    }
}

/// What an end reads, and the phase that it is in before all of it has come.
type Part = (Vec<u8>, Phase);

/// A whole conversation as each end reads it.
fn conversations() -> Vec<(Connection, Vec<Part>)> {
    let frames: [&[u8]; 6] = [
        b"\x00Hello\xff",
        b"\x00\xff",
        b"\x00\xe2\x98\x83\xf0\x9f\x98\x80\xc3\xff",
        b"\x42\x00\x00\xff",
        b"\x80\x03\x00\xff\x00",
        b"\xff\x80\x01\xff",
    ];
    let mut all = Vec::new();
    for dialect in [Dialect::Hixie75, Dialect::Hixie76] {
        let server = match dialect {
            Dialect::Hixie75 => DRAFT_75_HEAD.into(),
            _ => [DRAFT_76_HEAD.as_bytes(), DRAFT_76_KEY3].concat(),
        };
        let target = ClientRequest::new("ws://example.com/demo")
            .unwrap()
            .with_dialect(dialect);
        let mut client = Connection::client(&Config::new(), &target, [3; 32]);
        let reply = answer_to(&mut client);
        let config = Config::new().dialects(Dialects::ALL);
        for (conn, opening) in [(client, reply), (Connection::server(&config), server)] {
            let mut parts = vec![(opening, Phase::Handshaking)];
            parts.extend(frames.map(|frame| (frame.to_vec(), Phase::InMessage)));
            if dialect == Dialect::Hixie76 {
                parts.push((b"\xff\x00".to_vec(), Phase::InMessage));
            }
            all.push((conn, parts));
        }
    }
    all
}

#[test]
fn cl_11_h76_19_the_end_of_file_at_every_byte() {
    for which in 0..4 {
        let parts = conversations().remove(which).1;
        let mut phases = vec![Phase::Handshaking];
        for (bytes, phase) in &parts {
            phases.extend(vec![*phase; bytes.len() - 1]);
            phases.push(Phase::Open);
        }
        let bytes: Vec<u8> = parts.into_iter().flat_map(|(bytes, _)| bytes).collect();
        for (end, phase) in phases.into_iter().enumerate() {
            let mut driver = Driver::new(conversations().remove(which).0);
            let role = driver.conn.role();
            assert_eq!(driver.feed(&bytes[..end]), 0);
            driver.sent();
            // CL-11: calling it again does no harm.
            for _ in 0..3 {
                driver.eof();
            }
            let closes = end == bytes.len() && bytes.ends_with(b"\xff\x00");
            let expected = if closes { clean() } else { eof(phase) };
            let events = driver.events();
            assert_eq!(events.last(), Some(&expected), "{role:?}, {end} bytes");
            let closed = events
                .iter()
                .filter(|events| matches!(events, Observed::Closed(_)));
            assert_eq!(closed.count(), 1);
            assert_eq!(driver.sent(), b"", "{role:?}, {end} bytes");
            assert_over(&mut driver);
        }
    }
}

#[test]
fn cl_11_the_end_of_file_at_every_byte_while_closing() {
    let frames = b"\x00Hello\xff\x00\xff\x42\x00\xff\x80\x03\x00\xff\x00\xff\x00";
    let between = [0, 7, 9, 12, 17];
    for end in 0..=frames.len() {
        for mut driver in open_76() {
            driver.conn.close(&Close::EMPTY).unwrap();
            driver.feed(&frames[..end]);
            driver.eof();
            let events = driver.events();
            let last = events.last().unwrap();
            if end == frames.len() {
                assert_eq!(last, &clean());
            } else if between.contains(&end) {
                assert_eq!(last, &eof(Phase::Closing), "{end} bytes");
            } else {
                // In the middle of a frame and closing: both are true.
                let phases = [Phase::Closing, Phase::InMessage];
                assert!(phases.map(eof).contains(last), "{end} bytes: {last:?}");
            }
            assert_eq!(driver.sent(), b"\xff\x00");
            assert_over(&mut driver);
        }
    }
}

fn waiting(head: &str) -> Driver<'static> {
    let config = Config::new().dialects(Dialects::ALL);
    let mut driver = Driver::answering(Connection::server(&config), |_, _| ());
    driver.feed(head.as_bytes());
    assert!(matches!(driver.events()[..], [Observed::Request(..)]));
    driver
}

/// The docs of `receive_eof`: it is told of once no request waits.
#[test]
fn cl_11_the_end_of_file_while_a_request_waits() {
    let mut driver = waiting(DRAFT_76_HEAD);
    driver.eof();
    driver.eof();
    assert_eq!((driver.events(), driver.sent()), (vec![], vec![]));
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    driver.eof();
    assert_eq!(driver.events(), [eof(Phase::Handshaking)]);
    assert_eq!(driver.sent(), DRAFT_76_REPLY.as_bytes());
    assert_over(&mut driver);

    let mut driver = waiting(DRAFT_75_HEAD);
    driver.eof();
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    driver.eof();
    assert_eq!(
        driver.events(),
        [Observed::Open(Dialect::Hixie75), eof(Phase::Open)]
    );
    assert_over(&mut driver);

    let mut driver = waiting(DRAFT_76_HEAD);
    driver.eof();
    driver.conn.respond(&Response::new(403)).unwrap();
    driver.eof();
    assert_eq!(driver.events(), [Observed::Closed(Closed::Rejected(403))]);
    assert!(driver.sent().starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
    assert_over(&mut driver);
}

/// The bytes of a response with this status, the form of PX-3, and nothing of a request.
fn assert_error(sent: &[u8], status: u16) {
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
fn cl_13_a_server_closes_before_its_reply_has_begun() {
    let mut fresh = Driver::new(Connection::server(&Config::new()));
    fresh.feed(b"");
    let mut policy = Driver::new(Connection::server(&Config::new()));
    policy.feed(b"<policy-fi");
    let mut head = Driver::new(Connection::server(&Config::new()));
    head.feed(&DRAFT_76_HEAD.as_bytes()[..DRAFT_76_HEAD.len() - 1]);
    let [waiting_75, waiting_76] = [DRAFT_75_HEAD, DRAFT_76_HEAD].map(waiting);
    let mut ended = waiting(DRAFT_76_HEAD);
    ended.eof();
    let plain = Connection::server(&Config::new().plain_http(true));
    let mut plain = Driver::answering(plain, |_, _| ());
    plain.feed(b"GET /demo HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_eq!(plain.events(), [Observed::Request(None, "/demo".into())]);
    for mut driver in [fresh, policy, head, waiting_75, waiting_76, ended, plain] {
        driver.conn.close(&Close::new(1001, "demo")).unwrap();
        assert_eq!(driver.conn.close(&Close::EMPTY), Err(Refused::Closing));
        driver.feed(DRAFT_76_KEY3);
        assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_error(&driver.sent(), 503);
        assert_over(&mut driver);
    }
}

#[test]
fn cl_13_px_4_a_server_closes_when_its_reply_has_begun() {
    for key3 in 0..8 {
        for flushed in [false, true] {
            let mut driver = waiting(DRAFT_76_HEAD);
            driver.conn.accept(&AcceptOptions::new()).unwrap();
            if flushed {
                driver.drain();
            }
            let mut bytes = DRAFT_76_KEY3[..key3].to_vec();
            assert!(driver.conn.receive(&mut &mut bytes[..]).is_none());
            driver.conn.close(&Close::EMPTY).unwrap();
            driver.feed(&DRAFT_76_KEY3[key3..]);
            assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
            assert_eq!(driver.sent(), DRAFT_76_REPLY.as_bytes());
            assert_over(&mut driver);
        }
    }
    let mut driver = waiting(DRAFT_75_HEAD);
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    driver.conn.close(&Close::EMPTY).unwrap();
    driver.feed(b"\x00Hi\xff");
    assert_eq!(
        driver.events().last(),
        Some(&Observed::Closed(Closed::LocallyClosed))
    );
    assert_eq!(driver.sent(), DRAFT_75_REPLY.as_bytes());
    assert_over(&mut driver);
}

#[test]
fn cl_13_a_client_that_closes_before_it_is_open_writes_nothing() {
    for dialect in [Dialect::Hixie75, Dialect::Hixie76] {
        let target = ClientRequest::new("ws://example.com/demo")
            .unwrap()
            .with_dialect(dialect);
        let client = || Connection::client(&Config::new(), &target, [3; 32]);
        let reply = answer_to(&mut client());
        // Nothing, a part or all of the request was sent, and of the reply all but its end came.
        for sent in [0, 1, 40, client().transmit().len()] {
            for came in [0, 1, 13, 100, reply.len() - 17, reply.len() - 1] {
                let mut driver = Driver::new(client());
                driver.conn.advance(sent);
                let mut bytes = reply[..came].to_vec();
                assert!(driver.conn.receive(&mut &mut bytes[..]).is_none());
                let before = driver.conn.transmit().to_vec();
                driver.conn.close(&Close::EMPTY).unwrap();
                assert_eq!(driver.conn.close(&Close::EMPTY), Err(Refused::Closing));
                driver.feed(&reply[came..]);
                assert_eq!(driver.events(), [Observed::Closed(Closed::LocallyClosed)]);
                // No more, at least, than the request that was pending.
                let wrote = driver.sent();
                assert!(wrote.is_empty() || wrote == before);
                assert_over(&mut driver);
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const NEVER_ZERO: Duration = Duration::from_nanos(1);

/// A wait that is short enough to call it at once, and no zero.
fn assert_at_once(wait: Option<Duration>) {
    let wait = wait.expect("an event is ready");
    assert!(
        wait >= NEVER_ZERO && wait <= Duration::from_millis(10),
        "{wait:?}"
    );
}

/// A connection in each step of its opening.
fn openings() -> Vec<Driver<'static>> {
    let server = |bytes: &[u8]| {
        let mut driver = Driver::new(Connection::server(&Config::new()));
        driver.feed(bytes);
        driver
    };
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(Dialect::Hixie76);
    let client = |came: fn(usize) -> usize| {
        let mut conn = Connection::client(&Config::new(), &target, [3; 32]);
        let reply = answer_to(&mut conn);
        let mut driver = Driver::new(conn);
        driver.feed(&reply[..came(reply.len())]);
        driver
    };
    let mut all = vec![
        server(b""),
        server(b"<"),
        server(b"GET / HTTP/1.1\r\nHos"),
        server(DRAFT_76_HEAD.as_bytes()),
        server(&[DRAFT_76_HEAD.as_bytes(), b"1234567"].concat()),
        waiting(DRAFT_76_HEAD),
        client(|_| 0),
        client(|_| 20),
        client(|length| length - 16),
        client(|length| length - 1),
    ];
    for driver in &mut all {
        assert_eq!(driver.conn.closed(), None);
        driver.events();
        driver.sent();
    }
    all
}

#[test]
fn h76_19_the_opening_times_out_in_every_step() {
    for mut driver in openings() {
        let start = 1000 * SECOND;
        // Ten seconds by default, from the first tick on.
        assert_eq!(driver.conn.tick(start), Some(10 * SECOND));
        assert_eq!(driver.conn.tick(start), Some(10 * SECOND));
        assert_eq!(driver.conn.tick(start + 4 * SECOND), Some(6 * SECOND));
        let almost = start + 10 * SECOND - NEVER_ZERO;
        assert_eq!(driver.conn.tick(almost), Some(NEVER_ZERO));
        assert_eq!(driver.conn.closed(), None);
        assert_at_once(driver.conn.tick(start + 10 * SECOND));
        driver.feed(b"");
        let timed_out = Closed::TimedOut(Phase::Handshaking);
        assert_eq!(driver.events(), [Observed::Closed(timed_out)]);
        assert_over(&mut driver);
    }
}

#[test]
fn h76_19_bytes_that_come_do_not_put_the_timeout_off() {
    let mut driver = Driver::new(Connection::server(&Config::new()));
    let request = [DRAFT_76_HEAD.as_bytes(), DRAFT_76_KEY3].concat();
    for (n, byte) in request.iter().take(100).enumerate() {
        driver.conn.tick(n as u32 * SECOND / 10);
        driver.feed(&[*byte]);
    }
    assert_eq!(driver.conn.closed(), None);
    driver.conn.tick(10 * SECOND);
    assert_eq!(
        driver.conn.closed(),
        Some(&Closed::TimedOut(Phase::Handshaking))
    );

    let config = Config::new().handshake_timeout(3 * SECOND);
    let mut driver = Driver::new(Connection::server(&config));
    assert_eq!(driver.conn.tick(SECOND), Some(3 * SECOND));
    driver.feed(DRAFT_76_HEAD.as_bytes());
    assert_eq!(driver.conn.tick(3 * SECOND), Some(SECOND));
    driver.feed(DRAFT_76_KEY3);
    // Open: nothing is awaited any more.
    assert_eq!(driver.conn.tick(100 * SECOND), None);
    assert_eq!(driver.conn.closed(), None);
}

#[test]
fn cl_9_the_peers_close_is_awaited_for_so_long() {
    for mut driver in open_76() {
        assert_eq!(driver.conn.tick(SECOND), None);
        driver.conn.close(&Close::EMPTY).unwrap();
        driver.drain();
        // Five seconds by default, from the first tick on; messages do not put it off.
        assert_eq!(driver.conn.tick(7 * SECOND), Some(5 * SECOND));
        driver.feed(b"\x00still\xff");
        assert_eq!(driver.conn.tick(11 * SECOND), Some(SECOND));
        driver.feed(b"\x00still\xff");
        assert_at_once(driver.conn.tick(12 * SECOND));
        driver.feed(b"\x00not any more\xff\xff\x00");
        let timed_out = Observed::Closed(Closed::TimedOut(Phase::Closing));
        assert_eq!(driver.events(), [text("still"), text("still"), timed_out]);
        assert_eq!(driver.sent(), b"\xff\x00");
        assert_over(&mut driver);
    }
    for mut driver in open_76() {
        driver.conn.close(&Close::EMPTY).unwrap();
        driver.conn.tick(SECOND);
        driver.feed(b"\xff\x00");
        assert_eq!(driver.conn.tick(100 * SECOND), None);
        assert_eq!(driver.events(), [clean()]);
    }
}

#[test]
fn cl_9_the_peer_that_does_not_take_the_last_bytes_is_left() {
    let config = Config::new().close_timeout(2 * SECOND);
    for role in ROLES {
        let mut conn = Connection::established(&config, role, Dialect::Hixie76, [0; 32]);
        conn.send_text("last").unwrap();
        let mut bytes = b"\xff\x00".to_vec();
        let event = conn.receive(&mut &mut bytes[..]);
        assert!(matches!(event, Some(Event::Closed(Closed::Clean(_)))));
        assert_eq!(conn.tick(SECOND), Some(2 * SECOND));
        conn.advance(3);
        assert_eq!(conn.tick(2 * SECOND), Some(SECOND));
        assert!(!conn.is_done());
        assert_eq!(conn.tick(3 * SECOND), None);
        assert!(conn.is_done());
        assert_eq!(conn.transmit(), b"");
    }
}

/// The docs of `close_timeout`: for the answer, and then again for the last bytes.
#[test]
fn cl_9_the_answer_and_then_the_last_bytes_have_a_timeout_each() {
    for driver in open_76() {
        let mut conn = driver.conn;
        conn.close(&Close::EMPTY).unwrap();
        assert_eq!(conn.tick(SECOND), Some(5 * SECOND));
        assert_at_once(conn.tick(6 * SECOND));
        assert!(matches!(
            conn.receive(&mut &mut [][..]),
            Some(Event::Closed(Closed::TimedOut(Phase::Closing)))
        ));
        assert_eq!(conn.transmit(), b"\xff\x00");
        let left = conn.tick(6 * SECOND).unwrap();
        assert!(left <= 5 * SECOND);
        assert!(!conn.is_done());
        assert_eq!(conn.tick(6 * SECOND + left), None);
        assert!(conn.is_done());
    }
}

#[test]
fn tick_is_none_where_nothing_is_awaited_and_short_where_an_event_is_ready() {
    for mut driver in open_76().into_iter().chain(open_75()) {
        assert_eq!(driver.conn.tick(Duration::ZERO), None);
        driver.conn.send_text("a").unwrap();
        assert_eq!(driver.conn.tick(1_000_000 * SECOND), None);
        driver.feed(b"\x00par");
        // The room for output is given back after a second without any.
        assert_eq!(driver.conn.tick(1_000_000 * SECOND), Some(SECOND));
        assert_eq!(driver.conn.tick(1_000_001 * SECOND), None);
        assert_eq!(driver.conn.tick(2_000_000 * SECOND), None);
        driver.conn.receive_eof();
        assert_at_once(driver.conn.tick(2_000_000 * SECOND));
        driver.eof();
        assert_eq!(driver.conn.tick(2_000_000 * SECOND), None);
    }
    // The end of file before the opening is through.
    for mut driver in openings() {
        let waits = driver.conn.role() == Role::Server && !driver.conn.wants_read();
        driver.conn.receive_eof();
        let wait = driver.conn.tick(SECOND);
        if waits {
            assert_eq!(wait, Some(10 * SECOND));
            driver.conn.accept(&AcceptOptions::new()).unwrap();
        }
        assert_at_once(driver.conn.tick(SECOND));
    }
    // Accepted, and Open was not taken.
    let mut driver = waiting(DRAFT_75_HEAD);
    driver.conn.accept(&AcceptOptions::new()).unwrap();
    assert_at_once(driver.conn.tick(SECOND));
    driver.feed(b"");
    assert_eq!(driver.events(), [Observed::Open(Dialect::Hixie75)]);
    assert_eq!(driver.conn.tick(SECOND), None);
    // Closed, and that was not taken.
    for mut driver in open_75() {
        driver.conn.close(&Close::EMPTY).unwrap();
        assert_at_once(driver.conn.tick(SECOND));
    }
}

/// What an application and a peer may do, in any order.
#[derive(Clone, Debug)]
enum Step {
    Feed(Vec<u8>),
    Take,
    Accept,
    Respond,
    Send,
    Advance,
    Close,
    Eof,
    Tick(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let fed = [
        &DRAFT_76_HEAD.as_bytes()[..30],
        &DRAFT_76_HEAD.as_bytes()[30..],
        DRAFT_75_HEAD.as_bytes(),
        DRAFT_76_KEY3,
        b"\x00Hi\xff",
        b"\x00\xe2\x98",
        b"\xff",
        b"\x00",
        b"\x80\x80",
        b"HTTP/1.1 101 WebSocket Protocol Handshake\r\n",
    ];
    prop_oneof![
        8 => prop::sample::select(fed.to_vec()).prop_map(|bytes| Step::Feed(bytes.to_vec())),
        1 => Just(Step::Take),
        4 => Just(Step::Accept),
        1 => Just(Step::Respond),
        2 => Just(Step::Send),
        2 => Just(Step::Advance),
        1 => Just(Step::Close),
        1 => Just(Step::Eof),
        4 => (0..20_u64).prop_map(|ns| Step::Tick(Duration::from_nanos(ns))),
        1 => Just(Step::Tick(Duration::MAX)),
    ]
}

/// The docs of `is_open`: from `Open` on, and until `close` or `Closed`.
#[test]
fn a_connection_is_open_from_open_to_its_end() {
    let opened = || {
        let mut server = Connection::server(&Config::new());
        assert!(!server.is_open());
        let mut head = DRAFT_76_HEAD.as_bytes().to_vec();
        assert!(matches!(
            server.receive(&mut &mut head[..]),
            Some(Event::Request(_))
        ));
        server.accept(&AcceptOptions::new()).unwrap();
        assert!(!server.is_open());
        let mut key3 = DRAFT_76_KEY3.to_vec();
        assert!(matches!(
            server.receive(&mut &mut key3[..]),
            Some(Event::Open(_))
        ));
        assert!(server.is_open());
        server
    };
    let mut closing = opened();
    closing.close(&Close::EMPTY).unwrap();
    assert!(!closing.is_open());
    let mut over = opened();
    over.receive_eof();
    let end = over.receive(&mut &mut [][..]);
    assert!(matches!(end, Some(Event::Closed(_))));
    assert!(!over.is_open());
}

/// The docs of `tick`: the room for output goes back once nothing was sent for a second.
#[test]
fn a_second_of_rest_begins_anew_with_what_is_sent() {
    let at = |millis: u64| Duration::from_millis(millis);
    for role in ROLES {
        let mut end = open(role, Dialect::Hixie76);
        assert_eq!(end.conn.tick(at(0)), None);
        let send = |end: &mut Driver<'_>| {
            end.conn.send_text("more").unwrap();
            end.drain();
        };
        send(&mut end);
        assert_eq!(end.conn.tick(at(0)), Some(at(1000)));
        send(&mut end);
        assert_eq!(end.conn.tick(at(900)), Some(at(1000)));
        assert_eq!(end.conn.tick(at(1000)), Some(at(900)));
        assert_eq!(end.conn.tick(at(1900)), None);
        assert!(end.conn.is_open());
    }
}

/// What the application reads of it, and asks for the cause.
#[test]
fn what_closed_displays_and_its_source() {
    use std::error::Error;
    for (phase, words) in [
        (Phase::Handshaking, "during the opening handshake"),
        (Phase::Open, "between two messages"),
        (Phase::InMessage, "in the middle of a frame or message"),
        (Phase::Closing, "during the closing handshake"),
    ] {
        let closed = Closed::Eof(phase);
        assert_eq!(
            closed.to_string(),
            format!("the peer closed the connection without a close frame {words}")
        );
        assert!(closed.source().is_none());
        let closed = Closed::TimedOut(phase);
        assert_eq!(closed.to_string(), format!("timed out {words}"));
    }
    let error = ProtocolError::MaskedFrameFromServer;
    let closed = Closed::Protocol(error);
    let source = closed.source().and_then(|source| source.downcast_ref());
    assert_eq!(source, Some(&error));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // CL-6, CL-11, FR-16, and the docs of `tick`
    #[test]
    fn whatever_is_done_there_is_one_closed_and_no_wait_of_zero(
        which in 0..5_usize,
        steps in prop::collection::vec(step(), 0..24),
        timeout in 0..30_u64,
    ) {
        let timeout = Duration::from_nanos(timeout);
        let config = Config::new()
            .dialects(Dialects::ALL)
            .handshake_timeout(timeout)
            .close_timeout(timeout / 2);
        let target = ClientRequest::new("ws://example.com/demo").unwrap().with_dialect(Dialect::Hixie76);
        let mut conn = match which {
            0 => Connection::client(&config, &target, [3; 32]),
            1 => Connection::established(&config, Role::Server, Dialect::Hixie75, [0; 32]),
            2 => Connection::established(&config, Role::Client, Dialect::Hixie76, [0; 32]),
            _ => Connection::server(&config),
        };
        let mut now = Duration::ZERO;
        let mut closed = 0;
        for step in steps.into_iter().chain([Step::Close, Step::Eof, Step::Take]) {
            match step {
                Step::Feed(mut bytes) => {
                    let mut input = &mut bytes[..];
                    while let Some(event) = conn.receive(&mut input) {
                        prop_assert_eq!(closed, 0, "{:?} behind Closed", event);
                        closed += usize::from(matches!(event, Event::Closed(_)));
                    }
                }
                Step::Take => {
                    if let Some(event) = conn.receive(&mut &mut [][..]) {
                        prop_assert_eq!(closed, 0, "{:?} behind Closed", event);
                        closed += usize::from(matches!(event, Event::Closed(_)));
                    }
                }
                Step::Accept => drop(conn.accept(&AcceptOptions::new())),
                Step::Respond => drop(conn.respond(&Response::new(404))),
                Step::Send => drop(conn.send_text("a")),
                Step::Advance => conn.advance(conn.transmit().len() / 2),
                Step::Close => drop(conn.close(&Close::EMPTY)),
                Step::Eof => conn.receive_eof(),
                Step::Tick(time) => {
                    now = now.saturating_add(time);
                    prop_assert_ne!(conn.tick(now), Some(Duration::ZERO));
                }
            }
        }
        prop_assert!(conn.closed().is_some());
        while let Some(event) = conn.receive(&mut &mut [][..]) {
            prop_assert_eq!(closed, 0, "{:?} behind Closed", event);
            closed += usize::from(matches!(event, Event::Closed(_)));
        }
        prop_assert_eq!(closed, 1);
    }
}
