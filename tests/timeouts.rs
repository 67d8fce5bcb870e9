//! `deadline()` and every timeout, with a simulated clock.

use std::time::Duration;

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Dialects, Entropy, Event, Input,
    Response, Timeout,
};
use proptest::prelude::*;
use proptest::sample::select;
use testkit::pair::response_to;
use testkit::strategies::cases;
use testkit::*;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// What the peer has to accept within `write_timeout`.
const MIN_PROGRESS: usize = 16 * 1024;

fn every() -> impl Iterator<Item = (Role, Dialect)> {
    let dialects = HIXIE.into_iter().chain(HYBI);
    dialects.flat_map(|dialect| ROLES.map(|role| (role, dialect)))
}

/// Without Hixie-75, which has no closing handshake.
fn every_with_close() -> impl Iterator<Item = (Role, Dialect)> {
    every().filter(|(_, dialect)| *dialect != Dialect::Hixie75)
}

fn established(config: &Config, (role, dialect): (Role, Dialect)) -> Connection {
    testkit::established(config, role, dialect)
}

/// Returns a connection before the handshake, and what the peer sends in it.
fn handshake(config: &Config, (role, dialect): (Role, Dialect)) -> (Connection, Vec<u8>) {
    let mut client = Connection::client(
        config.clone(),
        &client_request(dialect),
        Entropy::from_bytes([7; 32]),
    );
    match role {
        Role::Server => (
            Connection::server(config.clone()),
            client.transmit().to_vec(),
        ),
        Role::Client => {
            let response = response_to(&mut client);
            (client, response)
        }
    }
}

fn text_frame(from: Role, dialect: Dialect) -> Vec<u8> {
    if HIXIE.contains(&dialect) {
        return hixie_frame("more");
    }
    frame(from, TEXT, "more")
}

fn close_frame(from: Role, dialect: Dialect) -> Vec<u8> {
    if dialect == Dialect::Hixie76 {
        return b"\xff\x00".to_vec();
    }
    frame(from, CLOSE, close_payload(1000, ""))
}

/// Passes bytes at `now`. Returns how the connection ended, if it does.
fn receive(conn: &mut Connection, bytes: &[u8], now: Duration) -> Option<Closed> {
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes, now);
    let mut ended = None;
    while let Some(event) = conn.receive(&mut input) {
        assert_eq!(ended, None, "{event:?} after Closed");
        if let Event::Closed(closed) = event {
            ended = Some(closed);
        }
    }
    ended
}

/// Lets time pass until `now`.
fn at(conn: &mut Connection, now: Duration) -> Option<Closed> {
    receive(conn, b"", now)
}

fn timed_out(timeout: Timeout) -> Option<Closed> {
    Some(Closed::TimedOut(timeout))
}

/// Returns a connection in each state, at time zero and with no event that is ready.
fn states(config: &Config) -> Vec<Connection> {
    let config = config.clone().auto_close(false);
    let mut states = Vec::new();
    for kind in every() {
        let (_, bytes) = handshake(&config, kind);
        for n in [0, 1, bytes.len() - 1, bytes.len()] {
            let (mut conn, _) = handshake(&config, kind);
            feed(&mut conn, &bytes[..n]);
            states.push(conn);
        }
        let (role, dialect) = kind;
        let mut accepted = Driver::new(handshake(&config, kind).0);
        accepted.feed(&bytes[..bytes.len() - 1]);
        states.push(accepted.conn);
        let change: [fn(&mut Connection); 4] = [
            |_| {},
            |conn| conn.send_text("a").unwrap(),
            |conn| drop(drain(conn)),
            |conn| conn.close(&Close::EMPTY).unwrap(),
        ];
        for n in 1..=change.len() {
            let mut conn = established(&config, kind);
            change[..n].iter().for_each(|change| change(&mut conn));
            feed(&mut conn, "");
            states.push(conn);
        }
        if dialect != Dialect::Hixie75 {
            let mut closing = established(&config, kind);
            closing.close(&Close::EMPTY).unwrap();
            drain(&mut closing);
            let mut peer_closed = established(&config, kind);
            feed(&mut peer_closed, close_frame(other(role), dialect));
            states.extend([closing, peer_closed]);
        }
    }
    states.retain(|conn| conn.closed().is_none());
    states
}

// The opening handshake.

/// No HTTP response follows (PX-4).
#[test]
fn the_handshake_times_out_at_every_step_whatever_is_received_h76_19() {
    let config = Config::new().dialects(Dialects::ALL);
    let start = 1000 * SECOND;
    for (kind, accepts) in every().flat_map(|kind| [(kind, true), (kind, false)]) {
        let (_, bytes) = handshake(&config, kind);
        let is_answered = kind.0 == Role::Client || accepts;
        for n in (0..bytes.len())
            .step_by(7)
            .chain([bytes.len() - 1, bytes.len()])
        {
            let (conn, _) = handshake(&config, kind);
            let mut driver = Driver::with_request_handler(conn, move |conn, _| {
                if accepts {
                    conn.accept(&AcceptOptions::new()).unwrap();
                }
            });
            // To start the timeout.
            assert_eq!(driver.conn.deadline(), Some(Duration::ZERO));
            assert_eq!(driver.at(start), Some(start + 10 * SECOND));
            driver.now += 4 * SECOND;
            driver.feed(&bytes[..n / 2]);
            driver.now += 5 * SECOND;
            driver.feed(&bytes[n / 2..n]);
            let is_open = n == bytes.len() && is_answered;
            assert_eq!(driver.conn.is_open(), is_open);
            let deadline = driver.at(start + 10 * SECOND - NANOSECOND);
            driver.events();
            driver.sent();
            if is_open {
                driver.at(start + 1000 * SECOND);
                assert_eq!(driver.events(), []);
                continue;
            }
            assert_eq!(deadline, Some(start + 10 * SECOND));
            assert_eq!(driver.at(start + 10 * SECOND), None);
            let timed_out = Closed::TimedOut(Timeout::Handshake);
            assert_eq!(
                driver.events(),
                [Observed::Closed(timed_out)],
                "{kind:?} {n}"
            );
            assert_closed(&mut driver, &[&bytes[n..], &bytes], |_| {});
        }
    }
}

// Closing.

#[test]
fn close_timeout_counts_from_the_departure_of_the_close_frame_cl_9() {
    for (role, dialect) in every_with_close() {
        let conn = &mut established(&Config::new(), (role, dialect));
        assert_eq!(at(conn, SECOND), None);
        assert_eq!(conn.deadline(), None);
        conn.send_text("last").unwrap();
        conn.close(&Close::EMPTY).unwrap();
        conn.advance(conn.pending() - 1);
        // Only `write_timeout` runs.
        assert_eq!(at(conn, 2 * SECOND), None);
        assert_eq!(conn.deadline(), Some(32 * SECOND));
        assert_eq!(at(conn, 20 * SECOND), None);
        conn.advance(1);
        assert!(conn.deadline() <= Some(20 * SECOND));
        assert_eq!(at(conn, 20 * SECOND), None);
        assert_eq!(conn.deadline(), Some(25 * SECOND));
        // Neither messages nor pings extend it.
        assert_eq!(
            receive(conn, &text_frame(other(role), dialect), 21 * SECOND),
            None
        );
        if HYBI.contains(&dialect) {
            assert_eq!(
                receive(conn, &frame(other(role), PING, ""), 22 * SECOND),
                None
            );
            assert!(conn.wants_write());
        }
        assert_eq!(conn.deadline(), Some(25 * SECOND));
        assert_eq!(at(conn, 25 * SECOND - NANOSECOND), None);
        assert_eq!(at(conn, 25 * SECOND), timed_out(Timeout::Close));
        let mut driver = Driver::new(established(&Config::new(), (role, dialect)));
        std::mem::swap(&mut driver.conn, conn);
        assert_closed(&mut driver, &[&close_frame(other(role), dialect)], |_| {});
    }
}

/// The peer takes all bytes but `left`, after each of which it has sent a ping.
#[test]
fn pings_do_not_delay_close_timeout_hy_7() {
    for (kind, left) in every_role_and_dialect().flat_map(|kind| [(kind, 0), (kind, 1)]) {
        let conn = &mut established(&Config::new(), kind);
        conn.close(&Close::EMPTY).unwrap();
        let close_len = conn.pending();
        let ping = frame(other(kind.0), PING, "");
        receive(conn, &ping, Duration::ZERO);
        conn.advance(close_len);
        let times = (0..).map(|n| n * SECOND);
        let closed = times.map(|now| {
            conn.advance(conn.pending() - left.min(conn.pending()));
            (now, receive(conn, &ping, now))
        });
        let closed = closed.take(20).find(|(_, closed)| closed.is_some());
        assert_eq!(
            closed,
            Some((5 * SECOND, timed_out(Timeout::Close))),
            "{kind:?} {left}"
        );
    }
}

#[test]
fn a_close_that_is_answered_in_time_leaves_no_timeout_cl_9() {
    for (role, dialect) in every_with_close() {
        let conn = &mut established(&Config::new(), (role, dialect));
        conn.send_text("last").unwrap();
        drain(conn);
        assert_eq!(at(conn, SECOND), None); // starts the release of the send buffer
        conn.close(&Close::EMPTY).unwrap();
        drain(conn);
        assert!(conn.deadline() <= Some(SECOND));
        assert_eq!(at(conn, SECOND), None);
        assert_eq!(conn.deadline(), Some(6 * SECOND));
        let closed = receive(
            conn,
            &close_frame(other(role), dialect),
            6 * SECOND - NANOSECOND,
        );
        assert!(matches!(closed, Some(Closed::Clean(_))));
        assert_eq!(conn.deadline(), None);
        assert_eq!(at(conn, 100 * SECOND), None);
    }
}

#[test]
fn the_application_has_close_timeout_to_answer_if_auto_close_is_off_cl_9() {
    let config = Config::new().auto_close(false);
    for (role, dialect) in every_with_close() {
        for is_answered in [false, true] {
            let conn = &mut established(&config, (role, dialect));
            assert_eq!(
                receive(conn, &close_frame(other(role), dialect), SECOND),
                None
            );
            assert_eq!(conn.deadline(), Some(6 * SECOND));
            conn.send_text("last").unwrap();
            assert_eq!(at(conn, 6 * SECOND - NANOSECOND), None);
            if !is_answered {
                assert_eq!(at(conn, 6 * SECOND), timed_out(Timeout::Close));
                continue;
            }
            conn.close(&Close::EMPTY).unwrap();
            assert!(matches!(at(conn, 100 * SECOND), Some(Closed::Clean(_))));
        }
    }
}

/// The close of the application is sent, and that of the peer is reported.
#[test]
fn a_close_of_the_application_replaces_the_automatic_answer_cl_2_hy_8() {
    for (kind, auto_close) in
        every_role_and_dialect().flat_map(|kind| [(kind, true), (kind, false)])
    {
        let mut conn = established(&Config::new().auto_close(auto_close), kind);
        let mut bytes = close_frame(other(kind.0), kind.1);
        let mut input = input(&mut bytes);
        let peer = Close::new(1000, "");
        let event = conn.receive(&mut input);
        assert!(matches!(event, Some(Event::Closing(close)) if close == peer));
        conn.send_text("last").unwrap();
        conn.close(&Close::new(3000, "bye")).unwrap();
        let event = conn.receive(&mut input);
        assert!(matches!(event, Some(Event::Closed(Closed::Clean(close))) if close == peer));
        let sent = [
            (TEXT, b"last".to_vec()),
            (CLOSE, close_payload(3000, "bye")),
        ];
        assert_eq!(frame_contents(&drain(&mut conn)), sent);
        assert!(conn.is_done());
    }
}

// Output that the peer does not accept.

#[test]
fn write_timeout_applies_in_every_phase_after_the_handshake_cl_9() {
    let config = Config::new().auto_close(false).close_timeout(Duration::MAX);
    let phases: [fn(&mut Connection, Role, Dialect); 5] = [
        |_, _, _| {},
        |conn, _, _| conn.close(&Close::EMPTY).unwrap(),
        |conn, role, dialect| drop(receive(conn, &close_frame(other(role), dialect), SECOND)),
        |conn, role, dialect| {
            receive(conn, &close_frame(other(role), dialect), SECOND);
            conn.close(&Close::EMPTY).unwrap();
        },
        |conn, _, _| conn.receive_eof(),
    ];
    for ((role, dialect), phase) in every_with_close().flat_map(|kind| phases.map(|p| (kind, p))) {
        for (accepted, accepts_enough) in [
            (0, false),
            (MIN_PROGRESS - 1, false),
            (MIN_PROGRESS, true),
            (usize::MAX, true),
        ] {
            let conn = &mut established(&config, (role, dialect));
            for _ in 0..40 {
                conn.send_text(&"a".repeat(1000)).unwrap();
            }
            phase(conn, role, dialect);
            let closed = at(conn, SECOND);
            assert_eq!(conn.deadline(), Some(31 * SECOND));
            conn.advance(accepted.min(conn.pending()));
            let pending = conn.pending();
            if !accepts_enough {
                assert_eq!(at(conn, 31 * SECOND - NANOSECOND), None);
                assert_eq!(conn.pending(), pending);
            }
            let event = at(conn, 31 * SECOND);
            if accepts_enough {
                assert_eq!((event, conn.pending()), (None, pending));
                let deadline = (pending > 0).then_some(61 * SECOND);
                if deadline.is_some() {
                    assert_eq!(conn.deadline(), deadline);
                }
                continue;
            }
            // Once it has ended, no other event follows.
            let is_open = closed.is_none();
            assert_eq!(event, timed_out(Timeout::Write).filter(|_| is_open));
            assert_eq!((conn.pending(), conn.deadline()), (0, None));
            assert!(conn.is_done());
        }
    }
}

/// The output is less than 16 KiB: all of it has to be accepted.
#[test]
fn write_timeout_applies_during_the_handshake_and_to_a_response_px_4() {
    let config = Config::new()
        .dialects(Dialects::ALL)
        .write_timeout(3 * SECOND);
    let request = DRAFT_76_REQUEST.as_bytes();
    let server = |answer: fn(&mut Connection)| {
        let mut conn = Connection::server(config.clone());
        feed(&mut conn, request);
        answer(&mut conn);
        conn
    };
    let client = |(_, dialect)| {
        Connection::client(
            config.clone(),
            &client_request(dialect),
            Entropy::from_bytes([7; 32]),
        )
    };
    let mut all: Vec<_> = every().map(client).collect();
    all.push(server(|conn| conn.accept(&AcceptOptions::new()).unwrap()));
    all.push(server(|conn| conn.respond(&Response::new(404)).unwrap()));
    all.push(server(|conn| conn.close(&Close::EMPTY).unwrap()));
    for mut conn in all {
        let is_handshaking = at(&mut conn, SECOND).is_none();
        assert_eq!(conn.deadline(), Some(4 * SECOND));
        conn.advance(conn.pending() - 1);
        assert_eq!(at(&mut conn, 4 * SECOND - NANOSECOND), None);
        assert_eq!(conn.pending(), 1);
        let event = at(&mut conn, 4 * SECOND);
        assert_eq!(event, timed_out(Timeout::Write).filter(|_| is_handshaking));
        assert!(conn.is_done());
    }
}

/// Everything that was queued before the close arrives, also at 50 KB and at 16 KiB per
/// `write_timeout`.
#[test]
fn a_peer_that_makes_steady_progress_is_not_cut() {
    for (kind, (bytes, period)) in every_with_close()
        .flat_map(|kind| [(50_000, SECOND), (MIN_PROGRESS, 30 * SECOND)].map(|rate| (kind, rate)))
    {
        let conn = &mut established(&Config::new(), kind);
        for _ in 0..900 {
            conn.send_text(&"a".repeat(1000 - 14)).unwrap();
        }
        conn.close(&Close::EMPTY).unwrap();
        let mut now = SECOND;
        assert_eq!(at(conn, now), None);
        while conn.wants_write() {
            now += period;
            conn.advance(bytes.min(conn.pending()));
            assert_eq!(at(conn, now), None, "{kind:?}");
        }
        assert!(now > 17 * SECOND);
        assert_eq!(conn.deadline(), Some(now + 5 * SECOND));
        assert_eq!(at(conn, now + 5 * SECOND), timed_out(Timeout::Close));
    }
}

#[test]
fn write_timeout_restarts_once_everything_was_accepted() {
    for kind in every() {
        let conn = &mut established(&Config::new(), kind);
        for now in [SECOND, 30 * SECOND, 1000 * SECOND] {
            conn.send_text("a").unwrap();
            assert!(conn.deadline() <= Some(now));
            assert_eq!(at(conn, now), None);
            assert_eq!(conn.deadline(), Some(now + 30 * SECOND));
            drain(conn);
        }
    }
}

// Keep-alive.

const KEEPALIVE: Config = Config::new().keepalive(Duration::from_secs(10), Duration::from_secs(5));

#[test]
fn keep_alive_sends_a_ping_after_silence_and_ends_after_more_silence_fr_12() {
    for (role, dialect) in every() {
        let mut driver = Driver::new(established(&KEEPALIVE, (role, dialect)));
        assert_eq!(driver.at(SECOND), Some(11 * SECOND));
        assert_eq!(driver.at(11 * SECOND - NANOSECOND), Some(11 * SECOND));
        assert_eq!(driver.sent(), b"");
        driver.at(11 * SECOND);
        let pings = usize::from(HYBI.contains(&dialect));
        let sent = driver.sent();
        if pings == 0 {
            assert_eq!(sent, b"");
        } else {
            assert_eq!(frame_contents(&sent), [(PING, vec![])]);
        }
        driver.at(16 * SECOND - NANOSECOND);
        assert_eq!(driver.events(), []);
        driver.at(16 * SECOND);
        let timed_out = Closed::TimedOut(Timeout::Keepalive);
        assert_eq!(driver.events(), [Observed::Closed(timed_out)]);
        assert_eq!(driver.sent(), b"");
        assert_closed(&mut driver, &[&text_frame(other(role), dialect)], |_| {});
    }
}

/// Not only a pong, and not only a whole frame.
#[test]
fn each_byte_of_a_large_message_restarts_keep_alive() {
    for (role, dialect) in every() {
        let mut driver = Driver::new(established(&KEEPALIVE, (role, dialect)));
        let message = text_frame(other(role), dialect);
        driver.at(Duration::ZERO);
        for byte in &message[..message.len() - 1] {
            let start = driver.now;
            driver.at(start + 10 * SECOND - NANOSECOND);
            assert_eq!(driver.sent(), b"");
            driver.at(start + 10 * SECOND);
            assert_eq!(!driver.sent().is_empty(), HYBI.contains(&dialect));
            driver.at(start + 15 * SECOND - NANOSECOND);
            driver.feed(&[*byte]);
        }
        assert!(driver.conn.is_open());
    }
}

/// A caller that forwards messages pauses while the connection of their receiver is congested.
#[test]
fn what_was_received_before_a_pause_restarts_keep_alive() {
    for (role, dialect) in every() {
        let conn = &mut established(&KEEPALIVE, (role, dialect));
        at(conn, Duration::ZERO);
        at(conn, 10 * SECOND); // a ping
        conn.advance(conn.pending());
        let mut message = text_frame(other(role), dialect).repeat(2);
        let mut input = Input::new(&mut message, 12 * SECOND);
        assert!(matches!(conn.receive(&mut input), Some(Event::Text(_))));
        assert!(!input.remaining().is_empty());
        assert_eq!(at(conn, 15 * SECOND), None);
        assert_eq!(at(conn, 25 * SECOND - NANOSECOND), None);
        assert_eq!(conn.pending(), 0, "no ping");
    }
}

/// Whether or not `receive` is called while the connection is congested.
#[test]
fn keep_alive_is_paused_while_congested_and_then_restarts() {
    let config = KEEPALIVE.high_water(1000).write_timeout(Duration::MAX);
    for (kind, receives) in every().flat_map(|kind| [(kind, true), (kind, false)]) {
        let conn = &mut established(&config, kind);
        at(conn, Duration::ZERO);
        assert_eq!(conn.deadline(), Some(10 * SECOND));
        conn.send_text(&"a".repeat(2000)).unwrap();
        if receives {
            assert_eq!(at(conn, 100 * SECOND), None);
            assert_eq!(conn.deadline(), None);
        }
        conn.advance(1500);
        assert_eq!(at(conn, 200 * SECOND), None);
        assert_eq!(conn.deadline(), Some(210 * SECOND));
        assert!(conn.pending() < 1000, "no ping");
    }
}

#[test]
fn keep_alive_runs_while_high_water_bytes_are_pending() {
    let config = KEEPALIVE.high_water(1000).write_timeout(Duration::MAX);
    for kind in every() {
        let conn = &mut established(&config, kind);
        at(conn, Duration::ZERO);
        conn.send_text(&"a".repeat(100)).unwrap();
        let overhead = conn.pending() - 100;
        conn.send_text(&"a".repeat(800)).unwrap();
        let rest = 1000 - conn.pending() - overhead;
        conn.send_text(&"a".repeat(rest)).unwrap();
        assert_eq!(conn.pending(), 1000);
        conn.advance(1);
        assert_eq!(at(conn, 5 * SECOND), None);
        assert_eq!(conn.deadline(), Some(10 * SECOND));
    }
}

#[test]
fn keep_alive_runs_only_while_open() {
    let config = KEEPALIVE
        .handshake_timeout(Duration::MAX)
        .close_timeout(Duration::MAX)
        .write_timeout(Duration::MAX);
    for mut conn in states(&config) {
        let pending = conn.pending();
        let is_open = conn.is_open() && conn.wants_read();
        assert_eq!(at(&mut conn, 2 * SECOND), None);
        assert_eq!(at(&mut conn, 20 * SECOND), None);
        let closed = at(&mut conn, 40 * SECOND);
        assert_eq!(
            closed,
            timed_out(Timeout::Keepalive).filter(|_| is_open),
            "{conn:?}"
        );
        assert!(is_open || conn.pending() == pending);
    }
}

// Every timeout.

#[test]
fn abort_ends_at_once_without_bytes() {
    for mut conn in states(&Config::new()) {
        at(&mut conn, SECOND);
        conn.abort();
        assert_eq!((conn.pending(), conn.wants_read()), (0, false));
        assert!(!conn.is_open() && !conn.is_done());
        assert_eq!(conn.deadline(), Some(SECOND));
        conn.abort();
        assert_eq!(at(&mut conn, SECOND), Some(Closed::Aborted));
        let mut driver = Driver::new(conn);
        assert_closed(&mut driver, &[b"more"], |_| {});
    }
    // Bytes that were dropped may be written at the same time.
    let conn = &mut established(&Config::new(), (Role::Server, Dialect::Rfc6455));
    conn.send_text("a").unwrap();
    let written = conn.pending();
    conn.abort();
    conn.advance(written);
    // The first reason is reported, and output is dropped.
    for (role, dialect) in every() {
        let conn = &mut established(&Config::new(), (role, dialect));
        conn.send_text("a").unwrap();
        conn.receive_eof();
        let is_reported = dialect == Dialect::Hixie75;
        if is_reported {
            assert!(at(conn, SECOND).is_some());
        }
        conn.abort();
        let closed = (!is_reported).then_some(Closed::Aborted);
        assert_eq!(at(conn, SECOND), closed);
        assert!(conn.is_done() && conn.pending() == 0 && conn.deadline().is_none());
    }
}

#[test]
fn a_clock_that_goes_back_causes_no_timeout_and_postpones_none() {
    for mut conn in states(&KEEPALIVE) {
        assert_eq!(at(&mut conn, 4 * SECOND), None);
        let deadline = conn.deadline();
        for now in [3 * SECOND, Duration::ZERO, 4 * SECOND] {
            assert_eq!(at(&mut conn, now), None);
            assert_eq!(conn.deadline(), deadline);
        }
    }
    // A timeout that starts while the clock is behind counts from the latest time.
    for kind in every() {
        let conn = &mut established(&Config::new(), kind);
        assert_eq!(at(conn, 100 * SECOND), None);
        conn.send_text("a").unwrap();
        assert_eq!(at(conn, 50 * SECOND), None);
        assert_eq!(conn.deadline(), Some(130 * SECOND));
    }
}

#[test]
fn there_are_no_timeouts_if_the_time_is_always_zero() {
    for mut conn in states(&KEEPALIVE) {
        for _ in 0..3 {
            assert_eq!(at(&mut conn, Duration::ZERO), None);
        }
    }
}

/// Except for the release of memory.
#[test]
fn the_longest_timeouts_have_no_deadline() {
    let config = Config::new()
        .handshake_timeout(Duration::MAX)
        .close_timeout(Duration::MAX)
        .write_timeout(Duration::MAX)
        .keepalive(Duration::MAX, Duration::MAX);
    for mut conn in states(&config) {
        assert_eq!(at(&mut conn, SECOND), None);
        while let Some(deadline) = conn.deadline() {
            assert!(deadline <= 3 * SECOND);
            assert_eq!(at(&mut conn, deadline), None);
        }
        assert_eq!(at(&mut conn, Duration::from_secs(u64::MAX)), None);
    }
}

#[test]
fn deadline_is_in_the_past_while_an_event_is_ready_and_not_after_it() {
    let is_due = |conn: &Connection| conn.deadline().is_some_and(|deadline| deadline <= SECOND);
    let is_ready = |conn: &mut Connection| {
        drain(conn);
        let was_due = is_due(conn);
        let event = conn.receive(&mut Input::new(&mut [], SECOND)).is_some();
        assert!(if event { was_due } else { !is_due(conn) }, "{conn:?}");
        event
    };
    let config = Config::new().dialects(Dialects::ALL);
    for eof in [false, true] {
        for mut conn in states(&config) {
            at(&mut conn, SECOND);
            assert!(!is_ready(&mut conn));
            // For an answer to a request or to a close frame.
            let waits = !conn.wants_read();
            if eof {
                conn.receive_eof();
                assert_eq!(is_ready(&mut conn), !waits);
            }
            if conn.accept(&AcceptOptions::new()).is_ok() {
                let has_key_bytes = conn.dialect() == Some(Dialect::Hixie76);
                assert_eq!(is_ready(&mut conn), eof || !has_key_bytes);
            }
            conn.close(&Close::EMPTY).unwrap();
            while is_ready(&mut conn) {}
            conn.receive_eof();
            while is_ready(&mut conn) {}
            assert!(conn.is_done() && conn.deadline().is_none());
        }
    }
}

/// The memory of the send buffer is released after one to two seconds without messages.
#[test]
fn each_send_postpones_the_release_of_the_send_buffer() {
    let at = |conn: &mut Connection, millis| {
        assert_eq!(at(conn, Duration::from_millis(millis)), None);
        conn.deadline().map(|deadline| deadline.as_millis() as u64)
    };
    for kind in every() {
        let mut conn = established(&Config::new(), kind);
        assert_eq!(at(&mut conn, 0), None);
        let send = |conn: &mut Connection| {
            conn.send_text("more").unwrap();
            drain(conn);
            conn.deadline().map(|deadline| deadline.as_millis() as u64)
        };
        assert_eq!(send(&mut conn), Some(1000));
        assert_eq!(at(&mut conn, 0), Some(1000));
        assert_eq!(send(&mut conn), Some(1000));
        assert_eq!(at(&mut conn, 900), Some(1000));
        assert_eq!(at(&mut conn, 1000), Some(2000));
        assert_eq!(send(&mut conn), Some(2000));
        assert_eq!(at(&mut conn, 2000), Some(3000));
        assert_eq!(at(&mut conn, 3000), None);
        send(&mut conn);
        assert_eq!(at(&mut conn, 3100), Some(4100));
        assert!(conn.is_open());
    }
}

/// A call of the application, input of the peer, or time that passes.
#[derive(Clone, Debug)]
enum Step {
    /// Of the events, this many are taken.
    Feed(Vec<u8>, usize),
    Call(Call),
    /// The part of the pending output that is written.
    Advance(prop::sample::Index),
    Wait(Duration),
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Accept,
    Respond,
    Send,
    Close,
    Abort,
    Eof,
}

fn step() -> impl Strategy<Value = Step> {
    let mut inputs = [
        &DRAFT_76_REQUEST.as_bytes()[..30],
        &DRAFT_76_REQUEST.as_bytes()[30..],
        DRAFT_75_REQUEST.as_bytes(),
        RFC6455_REQUEST.as_bytes(),
        DRAFT_76_KEY3,
        b"\x00Hi\xff",
        b"\x00\xe2\x98",
        b"\xff",
        b"\x00",
        b"\x80\x80",
        b"HTTP/1.1 101 WebSocket Protocol Handshake\r\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for role in ROLES {
        inputs.extend([TEXT, TEXT_FRAGMENT, PING, CLOSE].map(|first| frame(role, first, "")));
    }
    const CALLS: &[Call] = &[Call::Accept, Call::Send, Call::Close];
    const RARE: &[Call] = &[Call::Respond, Call::Abort, Call::Eof];
    prop_oneof![
        8 => (select(inputs), 0..4_usize).prop_map(|(bytes, events)| Step::Feed(bytes, events)),
        6 => select(CALLS).prop_map(Step::Call),
        1 => select(RARE).prop_map(Step::Call),
        3 => any::<prop::sample::Index>().prop_map(Step::Advance),
        6 => (0..20_u64).prop_map(|ns| Step::Wait(Duration::from_nanos(ns))),
        1 => select(&[SECOND, Duration::MAX]).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(cases(2048))]

    // CL-6, CL-11, FR-16, and docs of `deadline`
    #[test]
    fn any_calls_give_one_closed_and_a_deadline_that_is_not_late(
        handshake in prop::option::of(select(&ROLES)),
        kind in (select(&ROLES), select(&[Dialect::Hixie75, Dialect::Hixie76, Dialect::Rfc6455])),
        steps in prop::collection::vec(step(), 0..40),
        timeouts in [1..30_u64, 1..30, 1..30, 1..30, 1..30],
        auto_close in any::<bool>(),
    ) {
        let [handshake_timeout, close, write, interval, keepalive] =
            timeouts.map(Duration::from_nanos);
        let config = Config::new()
            .dialects(Dialects::ALL)
            .auto_close(auto_close)
            .high_water(100)
            .handshake_timeout(handshake_timeout)
            .close_timeout(close)
            .write_timeout(write)
            .keepalive(interval, keepalive);
        let mut conn = match handshake {
            Some(Role::Client) => Connection::client(config.clone(), &client_request(kind.1), Entropy::from_bytes([3; 32])),
            Some(Role::Server) => Connection::server(config.clone()),
            None => established(&config, kind),
        };
        let mut now = Duration::ZERO;
        let mut closed = 0;
        let end = [Step::Call(Call::Close), Step::Call(Call::Eof), Step::Wait(Duration::ZERO)];
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Feed(mut bytes, events) => {
                    let mut input = Input::new(&mut bytes, now);
                    for _ in 0..events {
                        let Some(event) = conn.receive(&mut input) else { break };
                        prop_assert_eq!(closed, 0, "{:?} after Closed", event);
                        closed += usize::from(matches!(event, Event::Closed(_)));
                    }
                }
                Step::Call(Call::Accept) => drop(conn.accept(&AcceptOptions::new())),
                Step::Call(Call::Respond) => drop(conn.respond(&Response::new(404))),
                Step::Call(Call::Send) => drop(conn.send_text(&"a".repeat(40))),
                Step::Call(Call::Close) => conn.close(&Close::EMPTY).unwrap(),
                Step::Call(Call::Abort) => conn.abort(),
                Step::Call(Call::Eof) => conn.receive_eof(),
                Step::Advance(n) => conn.advance(n.index(conn.pending() + 1)),
                Step::Wait(time) => {
                    now = now.saturating_add(time);
                    let mut calls = 0;
                    // Starting a timeout may take a call of its own.
                    loop {
                        let deadline = conn.deadline();
                        let pending = conn.pending();
                        let mut input = Input::new(&mut [], now);
                        let event = conn.receive(&mut input);
                        let has_event = event.is_some();
                        if let Some(event) = event {
                            prop_assert_eq!(closed, 0, "{:?} after Closed", event);
                            closed += usize::from(matches!(event, Event::Closed(_)));
                        }
                        if deadline.is_none_or(|deadline| deadline > now) {
                            prop_assert!(!has_event && conn.pending() == pending, "late");
                            break;
                        }
                        calls += 1;
                        prop_assert!(calls < 8, "{:?} at {:?}: {:?}", conn.deadline(), now, conn);
                    }
                }
            }
        }
        prop_assert!(conn.closed().is_some());
        prop_assert_eq!(closed, 1);
    }
}
