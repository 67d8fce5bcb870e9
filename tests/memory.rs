//! Memory as documented: the bounds are read from README.md and SECURITY.md, and the inputs are the
//! worst that a peer can send.

use std::time::Duration;

use hybi::{
    Close, Config, Connection, Dialect, Entropy, Event, Handshake, Input, MessageAssembler,
    SendError, SharedConfig,
};
use testkit::allocator::{CountingAllocator, Usage, figure, measure};
use testkit::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const README: &str = include_str!("../README.md");
const SECURITY: &str = include_str!("../SECURITY.md");
const CONFIG: &str = include_str!("../src/config.rs");
const KIB: usize = 1024;

/// What an open connection may use without pending output.
fn idle_bound(role: Role) -> usize {
    let generator = figure(README, "and on a client", "bytes");
    figure(README, "it uses at most", "bytes") + if role == Role::Client { generator } else { 0 }
}

/// The capacity that is kept after small messages.
fn retained_bound() -> usize {
    figure(CONFIG, "Capacity above", "bytes")
}

/// An open connection, and time in milliseconds.
struct Peer {
    conn: Connection,
    role: Role,
    now: u64,
    /// What the connection has allocated, and its own size.
    used: usize,
    peak: usize,
}

impl Peer {
    fn new(config: Config, role: Role, dialect: Dialect) -> Self {
        let (config, handshake) = (SharedConfig::from(config), Handshake::new(dialect));
        let (conn, usage) = measure(|| match role {
            Role::Server => Connection::established_server(config, &handshake),
            Role::Client => {
                Connection::established_client(config, &handshake, Entropy::from_bytes([1; 32]))
            }
        });
        let mut peer = Self {
            conn,
            role,
            now: 0,
            used: size_of::<Connection>(),
            peak: 0,
        };
        peer.add(usage);
        peer
    }

    fn add(&mut self, usage: Usage) {
        self.peak = self.peak.max(self.used + usage.peak as usize);
        self.used = self.used.checked_add_signed(usage.retained).unwrap();
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Connection) -> T) -> T {
        let (result, usage) = measure(|| call(&mut self.conn));
        self.add(usage);
        result
    }

    fn feed(&mut self, mut bytes: Vec<u8>) {
        let now = Duration::from_millis(self.now);
        self.call(|conn| {
            let mut input = Input::new(&mut bytes, now);
            while conn.receive(&mut input).is_some() {}
        });
    }

    /// Feeds a ping, or a part of one.
    fn ping(&mut self, len: usize) {
        let mut ping = frame(other(self.role), PING, [b'p'; 125]);
        ping.truncate(len);
        self.feed(ping);
    }

    /// Writes all pending output but the last `rest` bytes.
    fn write(&mut self, rest: usize) {
        self.call(|conn| conn.advance(conn.pending().saturating_sub(rest)));
    }

    /// Writes all pending output, and pongs that were deferred.
    fn flush(&mut self) {
        while self.conn.wants_write() {
            self.write(0);
        }
    }

    /// Calls `receive` when `deadline` says so, until `millis` have passed.
    fn wait(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(at) = self.conn.deadline().map(|at| at.as_millis() as u64) {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.feed(Vec::new());
        }
        self.now = end;
    }
}

/// What a connection does before it is idle.
type Scenario = (&'static str, fn(&mut Peer));

#[test]
fn control_frames_do_not_make_a_connection_keep_memory() {
    let scenarios: [Scenario; 7] = [
        ("a ping and half of another", |peer| {
            peer.ping(usize::MAX);
            peer.flush();
            peer.ping(60);
        }),
        ("a flood of pings", |peer| {
            (0..1000).for_each(|_| peer.ping(usize::MAX));
            assert!(peer.conn.is_congested());
            peer.flush();
        }),
        ("a flood of pings, written in parts", |peer| {
            (0..1000).for_each(|_| peer.ping(usize::MAX));
            (0..1000).for_each(|rest| peer.write(1000 - rest));
            peer.flush();
        }),
        ("pings for a long time", |peer| {
            for _ in 0..100 {
                peer.ping(usize::MAX);
                peer.flush();
                peer.wait(900);
            }
        }),
        ("pings for a long time after a message", |peer| {
            let text = "a".repeat(60_000);
            peer.call(|conn| conn.send_text(&text)).unwrap();
            peer.flush();
            for _ in 0..4 {
                peer.ping(usize::MAX);
                peer.wait(450);
                peer.flush();
                peer.wait(450);
            }
        }),
        ("pings sent by the application after a message", |peer| {
            let text = "a".repeat(60_000);
            peer.call(|conn| conn.send_text(&text)).unwrap();
            peer.flush();
            for _ in 0..4 {
                peer.call(|conn| conn.send_ping(b"ping")).unwrap();
                peer.flush();
                peer.wait(900);
            }
        }),
        ("a close frame after a message", |peer| {
            let text = "a".repeat(60_000);
            peer.call(|conn| conn.send_text(&text)).unwrap();
            peer.flush();
            peer.call(|conn| conn.close(&Close::EMPTY)).unwrap();
            peer.flush();
        }),
    ];
    for (name, scenario) in scenarios {
        for role in ROLES {
            let mut peer = Peer::new(Config::new(), role, Dialect::Rfc6455);
            scenario(&mut peer);
            let (used, max) = (peer.used, idle_bound(role));
            assert!(used <= max, "{name}, {role:?}: {used} bytes");
            if peer.conn.is_open() {
                peer.wait(2000);
                let max = idle_bound(Role::Server);
                assert!(peer.used <= max, "{name}, {role:?}: {} bytes", peer.used);
            }
        }
    }
}

/// Of messages of one length, only the first allocates; a smaller one, or time, releases the memory.
#[test]
fn the_send_buffer_is_kept_for_messages_of_one_length_and_released_after_them() {
    let small = 64 * KIB;
    for (role, dialect) in every_role_and_dialect() {
        for length in [1, 5_000, small, 100_000, 700_000, KIB * KIB - 14] {
            for part in [1_000, 300_000, usize::MAX] {
                let mut peer = Peer::new(Config::new(), role, dialect);
                let send = |peer: &mut Peer, length: usize| {
                    let text = "a".repeat(length);
                    let before = peer.used;
                    let (_, usage) = measure(|| {
                        peer.conn.send_text(&text).unwrap();
                        while peer.conn.wants_write() {
                            peer.conn.advance(part.min(peer.conn.pending()));
                        }
                    });
                    peer.add(usage);
                    (usage.allocations, peer.used.checked_sub(before))
                };
                assert!(send(&mut peer, length).0 > 0);
                for _ in 0..5 {
                    let case = (role, dialect, length, part);
                    assert_eq!(send(&mut peer, length), (0, Some(0)), "{case:?}");
                }
                send(&mut peer, small - 14);
                let kept = idle_bound(role) + retained_bound();
                assert!(peer.used <= kept, "{length}: {} bytes", peer.used);
                send(&mut peer, length);
                peer.wait(2000);
                assert!(peer.used <= idle_bound(Role::Server));
            }
        }
    }
}

/// A peer that leaves a byte unread does not keep the memory of a burst, whether or not messages
/// follow.
#[test]
fn one_pending_byte_keeps_64_kib_of_a_large_buffer_for_at_most_two_seconds() {
    for (role, dialect) in every_role_and_dialect() {
        for message in ["", "trickle"] {
            let mut peer = Peer::new(Config::new(), role, dialect);
            let burst = "a".repeat(100_000);
            peer.call(|conn| while conn.send_text(&burst).is_ok() {});
            peer.write(1);
            assert!(peer.used > 900_000);
            for _ in 0..20 {
                peer.wait(100);
                if !message.is_empty() {
                    peer.call(|conn| conn.send_text(message)).unwrap();
                    peer.write(1);
                }
            }
            assert_eq!(peer.conn.pending(), 1);
            let max = idle_bound(role) + retained_bound();
            assert!(peer.used <= max, "{role:?} {dialect}: {}", peer.used);
        }
    }
}

/// The two bounds that `Config::max_send_buffer` states.
#[test]
fn a_slow_reader_uses_at_most_twice_max_send_buffer() {
    let least_kept = figure(
        CONFIG,
        "of this limit and 1 KiB, or",
        "bytes if that is more",
    );
    let least_peak = figure(CONFIG, "this limit and 2 KiB, or", "KiB if that is more");
    let stated = figure(
        SECURITY,
        "`max_send_buffer` and 2 KiB, or",
        "KiB if that is more",
    );
    assert_eq!(stated, least_peak);
    for (role, dialect) in [
        (Role::Server, Dialect::Hixie75),
        (Role::Client, Dialect::Rfc6455),
    ] {
        for limit in [200, 10_000, 49_000, 65_536, 98_000, 150_000, KIB * KIB] {
            for (length, step) in [
                (998, 700),
                (limit / 2, limit / 3),
                (0, 1),
                (limit / 5, limit),
            ] {
                let config = Config::new().max_send_buffer(limit);
                let mut peer = Peer::new(config, role, dialect);
                let idle = idle_bound(role);
                let text = "a".repeat(length.min(limit - 14));
                let mut kept = 0;
                for _ in 0..3 * limit / step.max(limit / 100) {
                    peer.call(|conn| while conn.send_text(&text).is_ok() {});
                    peer.write(peer.conn.pending().saturating_sub(step));
                    kept = kept.max(peer.used);
                }
                let case = format!("{role:?}, {text_len} of {limit}", text_len = text.len());
                let max = (limit / 3 * 4 + KIB).max(least_kept);
                assert!(kept <= idle + max, "{case}: {kept} bytes");
                let max = (2 * limit + 2 * KIB).max(least_peak);
                assert!(peer.peak <= idle + max, "{case}: {} bytes", peer.peak);
            }
        }
    }
}

/// A byte is moved at most three times on average, also if the buffer is always almost full.
#[test]
fn pending_output_is_moved_in_linear_work() {
    for limit in [1_000, 60_000, 65_700, 100_000, 200_000] {
        for step in [2, 20, 500, 30_000] {
            let config = Config::new().max_send_buffer(limit);
            let mut conn = established(&config, Role::Server, Dialect::Hixie76);
            let text = "a".repeat(step.min(limit / 2) - 2);
            while conn.send_text(&text).is_ok() {}
            let (mut moved, mut queued) = (conn.pending(), conn.pending());
            for _ in 0..8 * limit / (text.len() + 2) {
                conn.advance(text.len() + 2);
                let before = (conn.transmit().as_ptr(), conn.pending());
                conn.send_text(&text).unwrap();
                queued += text.len() + 2;
                if conn.transmit().as_ptr() != before.0 {
                    moved += before.1;
                }
            }
            assert!(moved > limit, "the capacity of written bytes is not reused");
            assert!(moved <= 4 * queued, "{moved} of {queued} bytes were moved");
        }
    }
}

/// A buffer that is never empty does not grow with what was sent.
#[test]
fn little_pending_output_uses_little_memory_and_a_large_message_its_length() {
    for (role, dialect) in every_role_and_dialect() {
        let mut peer = Peer::new(Config::new(), role, dialect);
        for length in (0..1_000).chain(0..1_000) {
            let text = "a".repeat(length);
            peer.call(|conn| conn.send_text(&text)).unwrap();
            peer.write(length / 2);
        }
        let most_pending = 1_500;
        assert!(peer.peak <= idle_bound(role) + 4 * most_pending);
        peer.flush();
        let large = "a".repeat(500_000);
        peer.call(|conn| conn.send_text(&large)).unwrap();
        assert!(peer.peak <= idle_bound(role) + large.len() + KIB);
    }
}

/// RQ-19: of the shortest lines, so that there are many fields.
#[test]
fn fields_of_a_head_use_12_bytes_each_and_36_while_it_is_read_rq_19() {
    let kept = figure(SECURITY, "1 KiB while it is read, and then", "bytes");
    let reading = figure(SECURITY, "twice `max_head_len`,", "bytes for each field");
    for limit in [KIB, 8 * KIB, 9_000, 16 * KIB, 64 * KIB] {
        for max_headers in [100, 300, 3073, usize::MAX] {
            for read_len in [1, 1_000, usize::MAX] {
                let (head, end) = RFC6455_REQUEST.split_at(RFC6455_REQUEST.len() - 2);
                let typical = head.lines().count() - 1;
                let fields = ((limit - RFC6455_REQUEST.len()) / 4).min(max_headers - typical);
                let mut bytes = [head, &"a:\r\n".repeat(fields), end].concat().into_bytes();
                let config = Config::new().max_head_len(limit).max_headers(max_headers);
                let config = SharedConfig::from(config);
                let feed = |conn: &mut Connection, bytes: &mut [u8]| {
                    for read in bytes.chunks_mut(read_len.min(limit)) {
                        let mut input = input(read);
                        while conn.receive(&mut input).is_some() {}
                    }
                };
                let (lines, end) = bytes.split_at_mut(head.len() + 4 * fields);
                let fields = fields + typical;
                let (mut conn, incomplete) = measure(|| {
                    let mut conn = Connection::server(config.clone());
                    feed(&mut conn, lines);
                    conn
                });
                let case = format!("{fields} of {max_headers} fields in {limit}, {incomplete:?}");
                let max = 2 * limit + reading * fields + KIB;
                assert!(incomplete.peak <= max as isize, "{case}");
                let max = limit + kept * max_headers.min(2 * fields) + KIB;
                assert!(incomplete.retained <= max as isize, "{case}");
                let (_, complete) = measure(|| feed(&mut conn, end));
                assert!(!conn.wants_read() && conn.closed().is_none(), "{case}");
                let max = 2 * limit + reading * fields + KIB;
                assert!(
                    incomplete.retained + complete.peak <= max as isize,
                    "{case}"
                );
                let max = limit + kept * fields + KIB;
                assert!(
                    incomplete.retained + complete.retained <= max as isize,
                    "{case}"
                );
            }
        }
    }
}

/// What one endpoint receives by default, another sends by default.
#[test]
fn the_largest_message_that_is_received_by_default_can_be_sent_by_default() {
    let sent = figure(
        README,
        "pending output, and a message sent with its header |",
        "MiB and 14 bytes |",
    );
    let received = figure(README, "a whole message received |", "MiB, `default()` |");
    assert_eq!(sent, received);
    for (role, dialect) in every_role_and_dialect() {
        let config = Config::new();
        let [mut sender, mut receiver] =
            [role, other(role)].map(|role| established(&config, role, dialect));
        let text = "a".repeat(received);
        let too_long = "a".repeat(received + 13);
        let error = sender.send_text(&too_long).unwrap_err();
        assert_eq!(
            error_field!(error, SendError::MessageTooLong { limit }),
            sent + 14
        );
        assert_eq!(sender.send_text(&text), Ok(()));
        let mut assembler = MessageAssembler::default();
        let (mut bytes, mut complete) = (drain(&mut sender), 0);
        for read in bytes.chunks_mut(16 * KIB) {
            let mut input = input(read);
            while let Some(Event::Text(chunk)) = receiver.receive(&mut input) {
                let message = assembler.push_text(chunk).unwrap();
                complete += message.map_or(0, str::len);
            }
        }
        assert_eq!(complete, text.len(), "{role:?} {dialect}");
    }
    let mut long = frame(Role::Server, BINARY, vec![0; received + 1]);
    let mut conn = established(&Config::new(), Role::Client, Dialect::Rfc6455);
    let mut input = input(&mut long);
    let Some(Event::Binary(chunk)) = conn.receive(&mut input) else {
        panic!("no message");
    };
    assert!(MessageAssembler::default().push_binary(chunk).is_err());
}

/// FR-10: as documented for `Input`, at most 3 bytes for each of the input, and 7 for a time.
#[test]
fn replaced_text_uses_memory_in_proportion_to_the_input_fr_10() {
    let document = include_str!("../src/input.rs");
    let kept = figure(document, "which is allocated: at most", "bytes for each");
    let peak = figure(document, "byte of the input, and", "while it is made");
    let mut conn = established(&Config::new(), Role::Server, Dialect::Hixie76);
    for len in [100, 1_000, 65_537] {
        for filler in [&b"\xc3"[..], b"\xf0\x9f", b"a\xc3", b"\xe2\x98\x83\xc3"] {
            let payload = filler.repeat(len / filler.len());
            let mut bytes = [b"\x00", &payload[..], b"\xff"].concat();
            let max = [kept, peak].map(|factor| (factor * bytes.len()) as isize);
            let mut input = input(&mut bytes);
            let (_, usage) = measure(|| while conn.receive(&mut input).is_some() {});
            let (_, freed) = measure(|| drop(input));
            assert!(usage.peak <= max[1], "{len}: {usage:?}");
            assert!(-freed.retained <= max[0], "{len}: {freed:?}");
        }
    }
}
