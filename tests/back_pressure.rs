//! Two connections over bounded pipes, one of whose applications may pause while congested.

use std::time::Duration;

use hybi::{Closed, Config, Connection, Dialect, Dialects, Entropy, Input, Phase, Timeout};
use proptest::prelude::*;
use proptest::sample::select;
use testkit::pair::Side;
use testkit::pipes::{Action, Endpoint, Link, Policy};
use testkit::strategies::cases;
use testkit::*;

use Side::{Client, Server};

const ECHO: Policy = Policy::Answer { copies: 1 };

/// Dialects with and without a closing handshake, and with and without masks.
const DIALECTS: [Dialect; 3] = [Dialect::Hixie75, Dialect::Hixie76, Dialect::Rfc6455];

/// The most bytes that a frame has besides its payload.
const FRAME_OVERHEAD: usize = 14;

/// Each side does each thing once, with reads and writes of any size.
const EVERYTHING: [(Side, Action); 6] = [
    (Client, Action::Send),
    (Client, Action::Write(usize::MAX)),
    (Server, Action::Read(usize::MAX)),
    (Server, Action::Send),
    (Server, Action::Write(usize::MAX)),
    (Client, Action::Read(usize::MAX)),
];

/// Small limits, so that little data exceeds them.
fn small() -> Config {
    let config = Config::new().dialects(Dialects::ALL);
    config.high_water(2000).max_send_buffer(10_000)
}

/// Returns a client and a server before the handshake.
fn link(config: &Config, dialect: Dialect, capacity: usize, policies: [Policy; 2]) -> Link {
    let client = Connection::client(
        config.clone(),
        &client_request(dialect),
        Entropy::from_bytes([1; 32]),
    );
    let [client_policy, server_policy] = policies;
    let client = Endpoint::new(client, client_policy);
    let server = Endpoint::new(Connection::server(config.clone()), server_policy);
    Link::new(client, server, capacity)
}

/// Returns an open client and server.
fn open_link(config: &Config, dialect: Dialect, capacity: usize, policies: [Policy; 2]) -> Link {
    let mut link = link(config, dialect, capacity, policies);
    link.run(&[
        (Client, Action::Write(usize::MAX)),
        (Server, Action::Read(usize::MAX)),
        (Server, Action::Write(usize::MAX)),
        (Client, Action::Read(usize::MAX)),
    ]);
    assert!(link[Client].conn.is_open() && link[Server].conn.is_open());
    link
}

/// `policy` on `side`; the other reads on.
fn only(side: Side, policy: &Policy) -> [Policy; 2] {
    Side::BOTH.map(|it| {
        if it == side {
            policy.clone()
        } else {
            Policy::ReadOn
        }
    })
}

fn every_dialect_and_side() -> impl Iterator<Item = (Dialect, Side)> {
    let dialects = DIALECTS.into_iter();
    dialects.flat_map(|dialect| Side::BOTH.map(|side| (dialect, side)))
}

/// Returns messages of `side`, of these lengths.
fn messages(side: Side, lens: &[usize]) -> Vec<String> {
    let digits = (0..10).cycle().zip(lens);
    let name = if side == Client { 'c' } else { 's' };
    digits
        .map(|(digit, len)| format!("{name}{digit:>len$}"))
        .collect()
}

/// Returns the messages of `side` that `receiver` has received.
fn received(receiver: &Endpoint, side: Side) -> Vec<&String> {
    let name = if side == Client { 'c' } else { 's' };
    let received = receiver.received.iter();
    received.filter(|text| text.starts_with(name)).collect()
}

/// Turns in any order; each side does everything at least once.
fn schedule(max: usize) -> impl Strategy<Value = Vec<(Side, Action)>> {
    let size = move || prop_oneof![1..=16_usize, 1..=max];
    let action = move || {
        prop_oneof![
            Just(Action::Send),
            size().prop_map(Action::Write),
            size().prop_map(Action::Read),
        ]
    };
    let once = [size(), size(), size(), size()].prop_map(|[a, b, c, d]| {
        vec![
            (Client, Action::Send),
            (Client, Action::Write(a)),
            (Client, Action::Read(b)),
            (Server, Action::Send),
            (Server, Action::Write(c)),
            (Server, Action::Read(d)),
        ]
    });
    let more = prop::collection::vec((select(&Side::BOTH), action()), 0..12);
    (once, more)
        .prop_map(|(once, more)| [once, more].concat())
        .prop_shuffle()
}

/// Returns `schedule`, in which `idle` reads nothing from its socket.
fn without_reads(idle: Side, schedule: &[(Side, Action)]) -> Vec<(Side, Action)> {
    let turns = schedule.iter().copied();
    let reads_nothing = |(side, action)| match action {
        Action::Read(_) if side == idle => (side, Action::Read(0)),
        action => (side, action),
    };
    turns.map(reads_nothing).collect()
}

/// `std_client` with 4,000 lines of 60,000 bytes, scaled down: it closes after the last line.
#[test]
fn a_bulk_sender_gets_everything_back_from_an_echo_that_pauses() {
    let config = Config::new().dialects(Dialects::ALL);
    for (dialect, sender) in every_dialect_and_side() {
        let lines = messages(sender, &[60_000; 40]);
        let echo = only(sender.other(), &ECHO);
        let mut link = link(&config, dialect, 64 * 1024, echo);
        link[sender].outbox = lines.clone().into();
        let has_close = dialect != Dialect::Hixie75;
        link[sender].close_after = has_close.then_some(0);
        link.run(&EVERYTHING);
        assert!(link[sender].received == lines, "{dialect} {sender:?}");
        for side in Side::BOTH {
            let clean = matches!(link[side].closed, Some(Closed::Clean(_)));
            assert_eq!(clean, has_close, "{dialect} {sender:?}");
        }
    }
}

/// One answer above `high_water` at most: the requests of one read may have more answers than fit
/// into the send buffer.
#[test]
fn pipelined_requests_with_large_answers_are_served_in_bounded_memory() {
    let config = Config::new().dialects(Dialects::ALL);
    for (dialect, sender) in every_dialect_and_side() {
        let requests = messages(sender, &[1; 70]);
        let answer_len = 10_000 * requests[0].len();
        let server = only(sender.other(), &Policy::Answer { copies: 10_000 });
        let mut link = link(&config, dialect, 64 * 1024, server);
        link[sender].outbox = requests.clone().into();
        link.run(&EVERYTHING);
        let answers = requests.iter().map(|request| request.repeat(10_000));
        assert!(
            answers.eq(link[sender].received.drain(..)),
            "{dialect} {sender:?}"
        );
        let max = link[sender.other()].max_pending;
        assert!(max > 64 * 1024, "congested: {max}");
        assert!(max <= 64 * 1024 + answer_len + FRAME_OVERHEAD, "{max}");
    }
}

/// The peer costs no more than `max_send_buffer`, until `write_timeout`.
#[test]
fn a_peer_that_never_reads_is_dropped_after_write_timeout() {
    let config = small();
    let second = Duration::from_secs(1);
    for (dialect, idle) in every_dialect_and_side() {
        for (policy, limit) in [(ECHO, 2000 + 500), (Policy::Feed("a".repeat(500)), 10_000)] {
            let policies = only(idle.other(), &policy);
            let mut link = open_link(&config, dialect, 1000, policies);
            link[idle].outbox = messages(idle, &[400; 100]).into();
            let never_reads = without_reads(idle, &EVERYTHING);
            link.run(&never_reads);
            link.now = 30 * second - Duration::from_nanos(1);
            link.run(&never_reads);
            let busy = &link[idle.other()];
            assert!(busy.max_pending <= limit, "{}", busy.max_pending);
            assert!(busy.conn.pending() > limit - 1000 && busy.closed.is_none());
            assert_eq!(busy.conn.deadline(), Some(30 * second));
            link.now = 30 * second;
            link.run(&never_reads);
            let busy = &link[idle.other()];
            assert_eq!(busy.closed, Some(Closed::TimedOut(Timeout::Write)));
            assert!(busy.conn.is_done() && busy.conn.pending() == 0);
        }
    }
}

/// The pongs and the close frame.
#[test]
fn what_a_connection_queues_by_itself_is_bounded_although_it_reads_on_hy_7() {
    for (flooding, dialect) in Side::BOTH.into_iter().flat_map(|s| HYBI.map(|d| (s, d))) {
        let config = small().max_send_buffer(usize::MAX);
        let mut link = open_link(&config, dialect, 1000, [Policy::ReadOn, Policy::ReadOn]);
        for _ in 0..2000 {
            link[flooding].conn.send_ping(&[b'a'; 125]).unwrap();
        }
        link[flooding].close_after = Some(0);
        let (write, read) = (Action::Write(100), Action::Read(100));
        let other = flooding.other();
        link.run(&[(flooding, Action::Send), (flooding, write), (other, read)]);
        let other = &link[other];
        assert_eq!(other.pings, 2000);
        assert!(matches!(other.closed, Some(Closed::Clean(_))));
        assert!(other.conn.pending() > 2000);
        let max = other.max_pending;
        assert!(max <= 2000 + 2 * (125 + FRAME_OVERHEAD), "{max}");
    }
}

#[test]
fn keep_alive_pings_are_bounded_although_the_connection_reads_on_hy_7() {
    let second = Duration::from_secs(1);
    let config = small()
        .keepalive(second, second)
        .write_timeout(Duration::MAX);
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = established(&config, role, dialect);
        for time in 0..5000 {
            let mut bytes = frame(other(role), TEXT, "");
            let len = if time % 2 == 0 { bytes.len() } else { 0 };
            let mut input = Input::new(&mut bytes[..len], time * second);
            while conn.receive(&mut input).is_some() {}
            assert!(conn.is_open() && conn.wants_read());
        }
        let pending = conn.pending();
        assert!(
            (2000..2000 + FRAME_OVERHEAD).contains(&pending),
            "{pending}"
        );
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// At most one side pauses.
    #[test]
    fn two_that_send_a_lot_at_once_finish_unless_both_pause(
        dialect in select(&DIALECTS),
        pausing in select(&[None, Some(Client), Some(Server)]),
        closing in select(&Side::BOTH),
        capacity in prop_oneof![1..100_usize, 1..64_000_usize],
        client_lens in prop::collection::vec(0..3000_usize, 0..60),
        server_lens in prop::collection::vec(0..3000_usize, 0..60),
        schedule in schedule(64_000),
    ) {
        let nobody = [Policy::ReadOn, Policy::ReadOn];
        let policies = pausing.map_or(nobody, |side| only(side, &ECHO));
        let mut link = link(&small(), dialect, capacity, policies);
        for (side, lens) in [(Client, &client_lens), (Server, &server_lens)] {
            link[side].outbox = messages(side, lens).into();
        }
        let both = client_lens.len() + server_lens.len();
        link[closing].close_after = Some(match pausing {
            _ if dialect == Dialect::Hixie75 => usize::MAX,
            Some(side) if side == closing.other() => both,
            _ if closing == Client => server_lens.len(),
            _ => client_lens.len(),
        });
        link.run(&schedule);
        for (side, lens) in [(Client, &client_lens), (Server, &server_lens)] {
            let sent = messages(side, lens);
            prop_assert!(received(&link[side.other()], side).into_iter().eq(&sent));
            let echoed = received(&link[side], side);
            match pausing {
                Some(other) if other == side.other() => prop_assert!(echoed.into_iter().eq(&sent)),
                _ => prop_assert!(echoed.is_empty()),
            }
            let clean = matches!(link[side].closed, Some(Closed::Clean(_)));
            prop_assert_eq!(clean, dialect != Dialect::Hixie75);
        }
    }

    /// The peer sends, but never reads.
    #[test]
    fn a_feed_with_a_full_send_buffer_receives_messages_pings_and_the_close(
        dialect in select(&DIALECTS),
        feed in select(&Side::BOTH),
        capacity in 1..2000_usize,
        lens in prop::collection::vec(0..3000_usize, 0..20),
        schedule in schedule(2000),
    ) {
        let peer = feed.other();
        let policies = only(feed, &Policy::Feed("news".repeat(100)));
        let mut link = open_link(&small(), dialect, capacity, policies);
        link.run(&[(feed, Action::Send)]);
        prop_assert!(link[feed].conn.is_congested() && link[feed].conn.wants_read());
        let has_ping = dialect == Dialect::Rfc6455;
        if has_ping {
            link[peer].conn.send_ping(b"").unwrap();
        }
        link[peer].outbox = messages(peer, &lens).into();
        let schedule = without_reads(peer, &schedule);
        link.run(&schedule);
        prop_assert!(link[feed].received.iter().eq(&messages(peer, &lens)));
        prop_assert_eq!(link[feed].pings, usize::from(has_ping));
        link[peer].close_after = Some(0);
        link.run(&schedule);
        match &link[feed].closed {
            Some(Closed::Eof(Phase::Open)) => prop_assert_eq!(dialect, Dialect::Hixie75),
            closed => prop_assert!(matches!(closed, Some(Closed::Clean(_))), "{:?}", closed),
        }
    }
}
