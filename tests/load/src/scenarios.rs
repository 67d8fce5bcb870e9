//! The load scenarios.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::report::LoadTest;
use testkit_net::eof_states::EOF_STATES;
use testkit_net::peer::{
    CHALLENGE_RESPONSE, KEY3, POKE, POKE_REPLY, Peer, REQUEST, RESPONSE, TIMEOUT, frame,
};

pub(crate) struct Scenario {
    pub name: &'static str,
    pub run: fn(&mut LoadTest, Scale),
}

pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "idle connections",
        run: idle_connections,
    },
    Scenario {
        name: "byte-wise input",
        run: byte_wise_input,
    },
    Scenario {
        name: "non-reading client",
        run: non_reading_client,
    },
    Scenario {
        name: "resets",
        run: resets,
    },
    Scenario {
        name: "connection churn",
        run: connection_churn,
    },
    Scenario {
        name: "slow request heads",
        run: slow_request_heads,
    },
];

/// The largest number of concurrent connections; other numbers are proportional to it.
#[derive(Clone, Copy)]
pub(crate) struct Scale(pub usize);

const MINUTE: Duration = Duration::from_secs(60);

/// Connections per source address: ports of closed connections stay in TIME_WAIT.
const PORTS_PER_ADDRESS: usize = 5000;

/// Connections made so far.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

fn connect(server: SocketAddr) -> Peer {
    let address = CONNECTIONS.fetch_add(1, Relaxed) / PORTS_PER_ADDRESS;
    let source = Ipv4Addr::from(Ipv4Addr::new(127, 0, 1, 0).to_bits() + address as u32);
    Peer::connect_from(IpAddr::V4(source), server)
}

fn open(server: SocketAddr, count: usize) -> Vec<Peer> {
    (0..count)
        .map(|_| connect(server).after_handshake())
        .collect()
}

/// Many idle connections use little memory and CPU time, and all receive a broadcast.
fn idle_connections(test: &mut LoadTest, Scale(count): Scale) {
    let (server, memory) = (test.server.address(), test.memory());
    let start = Instant::now();
    let mut peers = open(server, count);
    test.connections = count;
    test.check_time("all handshakes", start.elapsed(), MINUTE);
    let per_connection = (test.memory() - memory) / count as f64;
    test.memory_per_connection = Some(per_connection);
    test.check(
        per_connection <= 1024.0,
        format_args!("{per_connection:.0} B of memory per connection (limit 1024 B)"),
    );
    test.check_idle();

    let start = Instant::now();
    test.probe.send_text("to all of you");
    test.probe.expect_text("to all of you");
    for peer in &mut peers {
        peer.expect_text("to all of you");
    }
    let elapsed = start.elapsed();
    test.check_time("a broadcast to all", elapsed, MINUTE);
    test.messages_per_second = Some(count as f64 / elapsed.as_secs_f64());

    let start = Instant::now();
    for peer in &mut peers {
        peer.send(POKE);
    }
    for peer in &mut peers {
        peer.expect(POKE_REPLY);
    }
    test.check_time("one echo per connection", start.elapsed(), MINUTE);
    drop(peers);
    test.wait_until_released();
}

/// Handshakes and frames sent one byte at a time cost the same per byte, whatever their length.
fn byte_wise_input(test: &mut LoadTest, Scale(scale): Scale) {
    let padding = format!("X-Padding: {}\r\n", "x".repeat(2200));
    let padded = |times| REQUEST.replace("\r\n\r\n", &format!("\r\n{}\r\n", padding.repeat(times)));
    test.connections = scale / 10;
    let start = Instant::now();
    // In groups, so that each handshake finishes before its timeout.
    let groups = (0..4).map(|_| send_byte_wise(test.server.address(), REQUEST, scale / 40));
    let peers: Vec<Vec<Peer>> = groups.collect();
    test.check_time("all handshakes and messages", start.elapsed(), MINUTE);
    drop(peers);
    let microseconds_per_byte = |times| {
        let (head, count) = (padded(times), scale / 100);
        let before = test.server.cpu_time();
        drop(send_byte_wise(test.server.address(), &head, count));
        let used = test.server.cpu_time() - before;
        used / (head.len() * count) as f64 * 1e6
    };
    let (short, long) = (microseconds_per_byte(1), microseconds_per_byte(3));
    let description =
        format!("{long:.1} us per byte of a 7 KiB head (limit twice the {short:.1} us of 2 KiB)");
    test.check(long < 2.0 * short, description);
    test.wait_until_released();
}

/// Opens connections concurrently and exchanges a message on each, sending one byte at a time.
fn send_byte_wise(server: SocketAddr, head: &str, count: usize) -> Vec<Peer> {
    let mut peers: Vec<Peer> = (0..count).map(|_| connect(server)).collect();
    for byte in [head.as_bytes(), KEY3.as_bytes(), &frame("CONNECTED")].concat() {
        for peer in &mut peers {
            peer.send([byte]);
        }
    }
    for peer in &mut peers {
        peer.expect([RESPONSE, CHALLENGE_RESPONSE].concat());
        peer.expect_text("Welcome");
    }
    peers
}

/// A client that never reads, and whose output exceeds all buffers, does not delay the others.
fn non_reading_client(test: &mut LoadTest, Scale(scale): Scale) {
    const BROADCASTS: usize = 10;
    let server = test.server.address();
    let mut stuck = Peer::connect_with_small_buffer(server).after_handshake();
    let mut peers = open(server, scale / 10 - 2);
    test.connections = scale / 10;
    stuck.send_until_blocked(POKE);
    let text = "to all but one ".repeat(64);
    let mut slowest = Duration::ZERO;
    let first_start = Instant::now();
    for _ in 0..BROADCASTS {
        let start = Instant::now();
        test.probe.send_text(&text);
        test.probe.expect_text(&text);
        for peer in &mut peers {
            peer.expect_text(&text);
        }
        slowest = slowest.max(start.elapsed());
    }
    let elapsed = first_start.elapsed().as_secs_f64();
    test.messages_per_second = Some(((scale / 10 - 1) * BROADCASTS) as f64 / elapsed);
    test.check_time(
        format_args!("slowest of {BROADCASTS} broadcasts to the other clients"),
        slowest,
        Duration::from_secs(1),
    );
    drop((peers, stuck));
    test.wait_until_released();
}

/// Connections reset in every state release all resources.
fn resets(test: &mut LoadTest, Scale(scale): Scale) {
    let (server, count) = (test.server.address(), scale / 10);
    test.connections = count;
    let resetting = thread::spawn(move || {
        let peers: Vec<Peer> = (0..count)
            .map(|i| EOF_STATES[i % EOF_STATES.len()].1(connect(server)))
            .collect();
        peers.into_iter().for_each(Peer::reset);
    });
    test.echo_times = measure_echoes(&mut [&mut test.probe], || resetting.is_finished());
    resetting.join().unwrap();
    test.wait_until_released();
    test.check_idle();
}

/// Connections that end in every state, in every way, leak no memory.
fn connection_churn(test: &mut LoadTest, Scale(scale): Scale) {
    let server = test.server.address();
    let count = 5 * scale;
    let start = Instant::now();
    let mut warm = 0.0;
    // The first round fills the allocator's caches; the growth is measured from there.
    for round in [0..scale, scale..count] {
        warm = test.memory();
        let churning = thread::spawn(move || {
            for i in round {
                let (_, bring_to_state) = EOF_STATES[i % EOF_STATES.len()];
                let mut peer = bring_to_state(connect(server));
                // The divisor combines each state with each way to end.
                match i / EOF_STATES.len() % 3 {
                    0 => drop(peer),
                    1 => peer.reset(),
                    _ => {
                        peer.shutdown_write();
                        peer.read_to_eof_or_reset();
                    }
                }
            }
        });
        let times = measure_echoes(&mut [&mut test.probe], || churning.is_finished());
        test.echo_times.extend(times);
        churning.join().unwrap();
        test.wait_until_released();
    }
    test.connections = count;
    let elapsed = start.elapsed();
    test.check_time(format_args!("{count} connections"), elapsed, MINUTE);
    let growth = (test.memory() / warm - 1.0) * 100.0;
    test.check(
        growth < 1.0,
        format_args!("{growth:.2} % memory growth after the first {scale} connections (limit 1 %)"),
    );
}

/// Clients that send one byte of a request head per second are disconnected at the handshake
/// timeout, and do not delay the others.
fn slow_request_heads(test: &mut LoadTest, Scale(scale): Scale) {
    const ROUND: Duration = Duration::from_millis(100);
    let (server, count) = (test.server.address(), scale / 20);
    test.connections = count;
    let mut others = open(server, 100);
    let sending = thread::spawn(move || {
        let slow = (0..count).map(|i| (i, connect(server), Instant::now()));
        let (mut slow, mut timeouts): (Vec<_>, Vec<_>) = (slow.collect(), Vec::new());
        let start = Instant::now();
        for round in 0.. {
            slow.retain_mut(|(_, peer, connected)| {
                let closed = peer.is_disconnected();
                if closed {
                    timeouts.push(connected.elapsed());
                }
                !closed
            });
            if slow.is_empty() || start.elapsed() > TIMEOUT {
                break;
            }
            // A tenth of the clients per round, so that each sends one byte per second.
            for (i, peer, _) in &mut slow {
                if *i % 10 == round % 10 {
                    peer.send(&REQUEST[round / 10..=round / 10]);
                }
            }
            let next = ROUND * (round as u32 + 1);
            thread::sleep(next.saturating_sub(start.elapsed()));
        }
        timeouts
    });
    let mut echoing: Vec<&mut Peer> = others.iter_mut().collect();
    test.echo_times = measure_echoes(&mut echoing, || sending.is_finished());
    let timeouts = sending.join().unwrap();
    test.check(
        timeouts.len() == count,
        format_args!("{} of {count} slow clients disconnected", timeouts.len()),
    );
    let (first, last) = (timeouts.iter().min(), timeouts.iter().max());
    if let (Some(&first), Some(&last)) = (first, last) {
        test.check(
            first > Duration::from_millis(9500) && last < Duration::from_secs(12),
            format_args!("disconnected after {first:.1?} to {last:.1?} (limits 9.5 s to 12 s)"),
        );
    }
    let p99 = test.echo_percentile(99).unwrap_or(Duration::MAX);
    test.check_time("99 % of echoes", p99, Duration::from_millis(50));
    drop(others);
    test.wait_until_released();
}

/// Measures echo times, one peer after the other, until `is_done`.
fn measure_echoes(peers: &mut [&mut Peer], is_done: impl Fn() -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !is_done() {
        for peer in &mut *peers {
            let start = Instant::now();
            peer.poke();
            times.push(start.elapsed());
            // Leave the server time for the other clients.
            thread::sleep(Duration::from_millis(1));
        }
    }
    times
}
