//! What is done to the server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{ANSWER, COMPLAINT, HEAD, KEY3, PATIENCE, POKE, Peer, REPLY, frame};
use crate::report::Bench;
use crate::eof_states::STATES;

pub struct Row {
    pub name: &'static str,
    pub run: fn(&mut Bench, Scale),
}

pub const ROWS: [Row; 6] = [
    Row {
        name: "idle",
        run: idle,
    },
    Row {
        name: "byte by byte",
        run: byte_by_byte,
    },
    Row {
        name: "one stuck",
        run: one_stuck,
    },
    Row {
        name: "resets",
        run: resets,
    },
    Row {
        name: "storm",
        run: storm,
    },
    Row {
        name: "slow heads",
        run: slow_heads,
    },
];

/// The most connections at a time; other numbers are in proportion to it.
#[derive(Clone, Copy)]
pub struct Scale(pub usize);

const MINUTE: Duration = Duration::from_secs(60);

/// The ports of those who left stay taken for a while, so that each address does for so many only.
const PORTS: usize = 5000;

/// Those who came so far.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn connect(server: SocketAddr) -> Peer {
    let number = COUNT.fetch_add(1, Relaxed) / PORTS;
    let source = Ipv4Addr::from(Ipv4Addr::new(127, 0, 1, 0).to_bits() + number as u32);
    Peer::connect_from(IpAddr::V4(source), server)
}

fn open(server: SocketAddr, count: usize) -> Vec<Peer> {
    (0..count).map(|_| connect(server).opened()).collect()
}

fn idle(bench: &mut Bench, Scale(count): Scale) {
    let (server, heap) = (bench.server.address(), bench.heap());
    let start = Instant::now();
    let mut peers = open(server, count);
    bench.open = count;
    bench.takes("all open", start.elapsed(), MINUTE);
    let each = (bench.heap() - heap) / count as f64;
    bench.heap_each = Some(each);
    bench.check(
        each <= 1024.0,
        format_args!("{each:.0} B of heap each, at most 1024 B"),
    );
    bench.rests();

    let start = Instant::now();
    bench.witness.say("to all of you");
    bench.witness.hear("to all of you");
    for peer in &mut peers {
        peer.hear("to all of you");
    }
    let took = start.elapsed();
    bench.takes("a broadcast to all", took, MINUTE);
    bench.rate = Some(count as f64 / took.as_secs_f64());

    let start = Instant::now();
    for peer in &mut peers {
        peer.send(POKE);
    }
    for peer in &mut peers {
        peer.expect(COMPLAINT);
    }
    bench.takes("an echo each", start.elapsed(), MINUTE);
    drop(peers);
    bench.is_alone();
}

/// Openings and frames in pieces of one byte cost no more for each byte when they are long.
fn byte_by_byte(bench: &mut Bench, Scale(scale): Scale) {
    let padding = format!("X-Padding: {}\r\n", "x".repeat(2200));
    let padded = |times| HEAD.replace("\r\n\r\n", &format!("\r\n{}\r\n", padding.repeat(times)));
    bench.open = scale / 10;
    let start = Instant::now();
    // In groups, since each opening has its time.
    let groups = (0..4).map(|_| feed(bench.server.address(), HEAD, scale / 40));
    let peers: Vec<Vec<Peer>> = groups.collect();
    bench.takes("all served", start.elapsed(), MINUTE);
    drop(peers);
    let cost = |times| {
        let (head, count) = (padded(times), scale / 100);
        let before = bench.server.processor_time();
        drop(feed(bench.server.address(), &head, count));
        let took = bench.server.processor_time() - before;
        took / (head.len() * count) as f64 * 1e6
    };
    let (long, longer) = (cost(1), cost(3));
    let what = format!("{longer:.1} us a byte of 7 KiB, {long:.1} us of 2 KiB, under twice");
    bench.check(longer < 2.0 * long, what);
    bench.is_alone();
}

/// Goes through openings and a message byte by byte, all side by side.
fn feed(server: SocketAddr, head: &str, count: usize) -> Vec<Peer> {
    let mut peers: Vec<Peer> = (0..count).map(|_| connect(server)).collect();
    for byte in [head.as_bytes(), KEY3.as_bytes(), &frame("CONNECTED")].concat() {
        for peer in &mut peers {
            peer.send([byte]);
        }
    }
    for peer in &mut peers {
        peer.expect([REPLY, ANSWER].concat());
        peer.hear("Welcome");
    }
    peers
}

/// One of many never reads, and there is more for it than anybody keeps.
fn one_stuck(bench: &mut Bench, Scale(scale): Scale) {
    const TIMES: usize = 10;
    let server = bench.server.address();
    let mut stuck = Peer::narrow(server).opened();
    let mut peers = open(server, scale / 10 - 2);
    bench.open = scale / 10;
    stuck.flood(POKE);
    let text = "to all but one ".repeat(64);
    let mut slowest = Duration::ZERO;
    let all = Instant::now();
    for _ in 0..TIMES {
        let start = Instant::now();
        bench.witness.say(&text);
        bench.witness.hear(&text);
        for peer in &mut peers {
            peer.hear(&text);
        }
        slowest = slowest.max(start.elapsed());
    }
    bench.rate = Some(((scale / 10 - 1) * TIMES) as f64 / all.elapsed().as_secs_f64());
    bench.takes(
        format_args!("the slowest of {TIMES} broadcasts to the others"),
        slowest,
        Duration::from_secs(1),
    );
    drop((peers, stuck));
    bench.is_alone();
}

fn resets(bench: &mut Bench, Scale(scale): Scale) {
    let (server, count) = (bench.server.address(), scale / 10);
    bench.open = count;
    let faults = thread::spawn(move || {
        let peers: Vec<Peer> = (0..count)
            .map(|i| STATES[i % STATES.len()].1(connect(server)))
            .collect();
        peers.into_iter().for_each(Peer::reset);
    });
    bench.echoes = echoes(&mut [&mut bench.witness], || faults.is_finished());
    faults.join().unwrap();
    bench.is_alone();
    bench.rests();
}

fn storm(bench: &mut Bench, Scale(scale): Scale) {
    let server = bench.server.address();
    let count = 5 * scale;
    let start = Instant::now();
    let mut warm = 0.0;
    // What the allocator keeps for the next time is there after the first part.
    for part in [0..scale, scale..count] {
        warm = bench.heap();
        let faults = thread::spawn(move || {
            for i in part {
                let (_, come) = STATES[i % STATES.len()];
                let peer = come(connect(server));
                // Each state is met with each end.
                match i / STATES.len() % 3 {
                    0 => drop(peer),
                    1 => peer.reset(),
                    _ => {
                        let mut peer = peer;
                        peer.finish();
                        peer.gone();
                    }
                }
            }
        });
        let more = echoes(&mut [&mut bench.witness], || faults.is_finished());
        bench.echoes.extend(more);
        faults.join().unwrap();
        bench.is_alone();
    }
    bench.open = count;
    let took = start.elapsed();
    bench.takes(format_args!("{count} connections"), took, MINUTE);
    let growth = (bench.heap() / warm - 1.0) * 100.0;
    bench.check(
        growth < 1.0,
        format_args!("{growth:.2} % of heap more than after the first {scale}, under 1 %"),
    );
}

fn slow_heads(bench: &mut Bench, Scale(scale): Scale) {
    const ROUND: Duration = Duration::from_millis(100);
    let (server, count) = (bench.server.address(), scale / 20);
    bench.open = count;
    let mut others = open(server, 100);
    let faults = thread::spawn(move || {
        let slow = (0..count).map(|i| (i, connect(server), Instant::now()));
        let (mut slow, mut cut): (Vec<_>, Vec<_>) = (slow.collect(), Vec::new());
        let start = Instant::now();
        for round in 0.. {
            slow.retain_mut(|(_, peer, came)| {
                let over = peer.is_over();
                if over {
                    cut.push(came.elapsed());
                }
                !over
            });
            if slow.is_empty() || start.elapsed() > PATIENCE {
                break;
            }
            // A byte each second.
            for (i, peer, _) in &mut slow {
                if *i % 10 == round % 10 {
                    peer.send(&HEAD[round / 10..=round / 10]);
                }
            }
            let next = ROUND * (round as u32 + 1);
            thread::sleep(next.saturating_sub(start.elapsed()));
        }
        cut
    });
    let mut echoing: Vec<&mut Peer> = others.iter_mut().collect();
    bench.echoes = echoes(&mut echoing, || faults.is_finished());
    let cut = faults.join().unwrap();
    bench.check(
        cut.len() == count,
        format_args!("{} of {count} were cut", cut.len()),
    );
    let (first, last) = (cut.iter().min(), cut.iter().max());
    if let (Some(&first), Some(&last)) = (first, last) {
        bench.check(
            first > Duration::from_millis(9500) && last < Duration::from_secs(12),
            format_args!("from {first:.1?} to {last:.1?}, within 9.5 s to 12 s"),
        );
    }
    let p99 = bench.percentile(99).unwrap_or(Duration::MAX);
    bench.takes("99 of 100 echoes", p99, Duration::from_millis(50));
    drop(others);
    bench.is_alone();
}

/// Pokes one after the other until it is enough; how long each answer took.
fn echoes(peers: &mut [&mut Peer], is_enough: impl Fn() -> bool) -> Vec<Duration> {
    let mut echoes = Vec::new();
    while !is_enough() {
        for peer in &mut *peers {
            let start = Instant::now();
            peer.poke();
            echoes.push(start.elapsed());
            // Time for the others.
            thread::sleep(Duration::from_millis(1));
        }
    }
    echoes
}
