//! The demo servers as processes, over loopback: what they say, and what faults do to them.
#![cfg(target_os = "linux")]

#[path = "common/eof_states.rs"]
mod eof_states;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/server.rs"]
mod server;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use eof_states::STATES;
use peer::*;
use server::{Held, Server, wait_for};

/// Each row is a test of each server.
macro_rules! rows {
    ($($row:ident)*) => {
        mod poke {
            $(#[test] fn $row() { super::$row("poke"); })*
        }
        mod mio_chat {
            $(#[test] fn $row() { super::$row("mio_chat"); })*
        }
    };
}

rows! {
    serves_the_page
    greets_complains_and_passes_on
    prints_who_comes_and_goes
    holds_hundreds_that_are_idle
    takes_bytes_one_at_a_time
    gives_every_byte_to_a_late_reader
    answers_a_flood_to_the_last
    tells_nobody_before_its_opening_is_through
    tells_everybody_who_has_the_answer
    lets_nobody_wait_for_a_stuck_one
    cuts_whose_output_passes_the_cap
    survives_an_end_of_file_in_every_state
    survives_a_half_close_in_every_state
    survives_a_reset_in_every_state
    survives_a_reset_of_a_stuck_one
    survives_a_storm
    accepts_again_after_running_out_of_descriptors
    closes_all_on_interrupt
    keeps_its_times
}

/// The largest message that the servers take.
const LARGEST: usize = 16 << 20;

/// Their timeouts of an opening and of a close, and after how long without a byte taken they give
/// a reader up.
const OPENING: Duration = Duration::from_secs(10);
const CLOSING: Duration = Duration::from_secs(5);
const STUCK: Duration = Duration::from_secs(10);

/// The draft's origin, in every opening here.
const ORIGIN: &str = "http://example.com";

#[track_caller]
fn start(name: &str) -> Server {
    Server::start(&example(name))
}

/// Examples lie beside the directory of the tests.
#[track_caller]
fn example(name: &str) -> std::path::PathBuf {
    let test = env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built; `cargo build --example {name}` builds it, and so does `cargo test` \
         without `--test`",
        path.display()
    );
    path
}

/// Somebody for whom all has to go on, whatever befalls others; connection number 1.
struct Witness {
    peer: Peer,
    before: Held,
}

impl Witness {
    #[track_caller]
    fn of(server: &Server) -> Self {
        let mut peer = Peer::open(server.address());
        peer.poke();
        let before = server.held();
        Self { peer, before }
    }

    /// Says it to all, and waits until it was passed on to all.
    #[track_caller]
    fn passes_on(&mut self, text: &str) {
        self.peer.say(text);
        self.peer.hear(text);
        self.peer.poke();
    }

    /// The others are gone without a trace, and nothing is being done.
    #[track_caller]
    fn is_alone(&mut self, server: &Server) {
        self.peer.poke();
        server.returns_to(self.before);
        rests(server);
        self.peer.poke();
    }
}

/// Comes to rest: what is still to be done is done before long, and then nothing is.
#[track_caller]
fn rests(server: &Server) {
    let loads: Vec<f64> = (0..10)
        .map(|_| server.idle_load(Duration::from_secs(1)))
        .take_while(|load| *load >= 0.02)
        .collect();
    assert!(loads.len() < 10, "of a processor, idle: {loads:.2?}");
}

fn serves_the_page(name: &str) {
    let server = start(name);
    let page = include_str!("../examples/common/page.html");
    let mut peer = Peer::connect(server.address()).sent(GET_PAGE);
    let response = String::from_utf8(peer.rest()).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("HTTP/1.1 200 OK"));
    for field in [
        "Content-Type: text/html; charset=utf-8",
        &format!("Content-Length: {}", page.len()),
        "Connection: close",
    ] {
        assert!(lines.clone().any(|line| line == field), "{field}: {head}");
    }
    assert_eq!(body, page);

    for elsewhere in ["/index.html", "//", "/?"] {
        let request = GET_PAGE.replace("GET / ", &format!("GET {elsewhere} "));
        let mut peer = Peer::connect(server.address()).sent(request);
        let response = String::from_utf8(peer.rest()).unwrap();
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    }
}

/// It has room for as many as the server of the post had.
#[test]
fn poke_lets_in_a_thousand() {
    let server = start("poke");
    let mut witness = Witness::of(&server);
    let mut peers: Vec<Peer> = (1..1000).map(|_| Peer::open(server.address())).collect();
    let mut outside = Peer::connect(server.address());
    let address = outside.address();
    outside.end();
    server.prints(&format!("1001: {address} rejected: too many connections"));
    peers.iter_mut().for_each(Peer::poke);
    let full = server.held().threads;
    drop(peers.pop());
    wait_for("a free place", PATIENCE, || {
        server.held().threads == full - 2
    });
    Peer::open(server.address()).poke();
    drop(peers);
    witness.is_alone(&server);
}

fn greets_complains_and_passes_on(name: &str) {
    let server = start(name);
    let mut first = Peer::open(server.address());
    let mut second = Peer::open(server.address());
    let mut old = Peer::open_75(server.address());
    for peer in [&mut first, &mut second, &mut old] {
        peer.say("CONNECTED");
        peer.hear("Welcome");
        peer.poke();
    }
    // What was for one came to that one only: it is not before this.
    let more = "x".repeat(1 << 20);
    for text in [
        "Hi",
        "",
        "poke",
        "POKE ",
        "h\u{e9} \u{2603} \u{1f600}",
        &more,
    ] {
        first.say(text);
        for peer in [&mut first, &mut second, &mut old] {
            peer.hear(text);
        }
    }
    old.say("from 75");
    for peer in [&mut first, &mut second, &mut old] {
        peer.hear("from 75");
    }
    drop(first.closed());
    second.say("still here");
    second.hear("still here");
    old.hear("still here");
}

fn prints_who_comes_and_goes(name: &str) {
    let server = start(name);
    let mut first = Peer::open(server.address());
    let address = first.address();
    server.prints(&format!("1: {address} open, Hixie-76, origin {ORIGIN}"));
    let mut second = Peer::open_75(server.address());
    let address = second.address();
    server.prints(&format!("2: {address} open, Hixie-75, origin {ORIGIN}"));

    first.say("CONNECTED");
    first.hear("Welcome");
    first.poke();
    first.say("to both");
    first.hear("to both");
    second.hear("to both");
    drop(first.closed());
    server.prints("1: closed; 3 messages in, 3 out");
    drop(second);
    server.prints(
        "2: the peer closed the connection without a close frame between two messages; \
         0 messages in, 1 out",
    );

    let mut third = Peer::connect(server.address()).sent(GET_PAGE);
    third.rest();
    drop(third);
    server.prints("3: the request was answered with HTTP status 200; 0 messages in, 0 out");
    drop(Peer::connect(server.address()));
    server.prints(
        "4: the peer closed the connection without a close frame during the opening handshake; \
         0 messages in, 0 out",
    );
    let mut fifth = Peer::connect(server.address()).sent("BREW / HTTP/1.1\r\n\r\n");
    let response = String::from_utf8(fifth.rest()).unwrap();
    assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
    drop(fifth);
    let end = server.end_of(5);
    assert!(end.starts_with("protocol error: "), "{end}");
}

fn holds_hundreds_that_are_idle(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let mut peers: Vec<Peer> = (0..300).map(|_| Peer::open(server.address())).collect();
    rests(&server);
    peers.iter_mut().for_each(Peer::poke);
    witness.peer.say("to all of you");
    witness.peer.hear("to all of you");
    for peer in &mut peers {
        peer.hear("to all of you");
    }
    drop(peers);
    witness.is_alone(&server);
}

fn takes_bytes_one_at_a_time(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let mut peers: Vec<Peer> = (0..100).map(|_| Peer::connect(server.address())).collect();
    let text = "h\u{e9} \u{2603} \u{1f600}";
    let opening = [HEAD, KEY3].concat();
    let frames = [frame("CONNECTED"), b"\x80\x03\x00\xff\x00".to_vec()].concat();
    for byte in [opening.into_bytes(), frames].concat() {
        for peer in &mut peers {
            peer.send([byte]);
        }
    }
    for peer in &mut peers {
        peer.expect([REPLY, ANSWER].concat());
        peer.hear("Welcome");
    }
    for byte in frame(text) {
        peers[0].send([byte]);
    }
    for peer in &mut peers {
        peer.hear(text);
    }
    witness.peer.hear(text);
    for byte in CLOSE {
        for peer in &mut peers {
            peer.send([*byte]);
        }
    }
    for peer in &mut peers {
        peer.expect(CLOSE);
        peer.end();
    }
    drop(peers);
    witness.is_alone(&server);
}

/// The system takes a part at a time off the server, and cuts it anywhere.
fn gives_every_byte_to_a_late_reader(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let mut late = Peer::open(server.address());
    let numbers = |n: usize| (0..n).map(|i| format!("{i} ")).collect::<String>();
    let texts = [numbers(1_000_000), numbers(3), numbers(2_000_000)];
    for text in &texts {
        witness.peer.say(text);
        witness.peer.hear(text);
    }
    for text in &texts {
        for piece in frame(text).chunks(1009) {
            late.expect(piece);
        }
    }
    drop(late.closed());
    witness.is_alone(&server);
}

/// Side does not read is not read from, and nothing is lost by it.
fn answers_a_flood_to_the_last(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let mut flooder = Peer::open(server.address());
    let taken = flooder.flood(POKE);
    witness.peer.poke();

    let mut sender = flooder.twin();
    let sending = thread::spawn(move || {
        sender.send(&POKE[taken % POKE.len()..]);
        sender.finish();
    });
    let pokes = taken / POKE.len() + 1;
    let thousand = COMPLAINT.repeat(1000);
    for _ in 0..pokes / 1000 {
        flooder.expect(&thousand);
    }
    flooder.expect(COMPLAINT.repeat(pokes % 1000));
    flooder.end();
    sending.join().unwrap();
    drop(flooder);
    assert_eq!(
        server.end_of(2),
        format!(
            "the peer closed the connection without a close frame between two messages; \
             {pokes} messages in, {pokes} out"
        )
    );
    witness.is_alone(&server);
}

fn tells_nobody_before_its_opening_is_through(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let mut unkeyed = Peer::connect(server.address()).unkeyed();
    let mut hasty = Peer::connect(server.address()).unkeyed();
    let (start, rest) = HEAD.split_at(100);
    let mut headless = Peer::connect(server.address()).sent(start);
    let (start_75, rest_75) = HEAD_75.split_at(100);
    let mut old = Peer::connect(server.address()).sent(start_75);
    witness.passes_on("too early for all of them");

    let (key, last) = KEY3.split_at(7);
    unkeyed.send(key);
    witness.passes_on("too early by a byte");
    unkeyed.send(last);
    unkeyed.expect(ANSWER);
    witness.passes_on("for who has its answer");
    unkeyed.hear("for who has its answer");

    hasty.send([KEY3.as_bytes(), &frame("for all that are open")].concat());
    hasty.expect(ANSWER);
    hasty.hear("for all that are open");
    hasty.poke();
    unkeyed.hear("for all that are open");

    headless.send([rest, KEY3].concat());
    headless.expect([REPLY, ANSWER].concat());
    old.send(rest_75);
    old.expect(REPLY_75);
    old.poke();
    witness.peer.hear("for all that are open");
    witness.peer.say("at last");
    for peer in [&mut witness.peer, &mut unkeyed, &mut hasty] {
        peer.hear("at last");
    }
    headless.hear("at last");
    old.hear("at last");
}

/// Side has read the end of the server's opening is open, and hears what is events from then on.
fn tells_everybody_who_has_the_answer(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    for _ in 0..200 {
        let (start, rest) = HEAD_75.split_at(100);
        let mut old = Peer::connect(server.address()).sent(start);
        let mut new = Peer::connect(server.address()).unkeyed();
        witness.peer.poke();
        old.send(rest);
        old.expect(REPLY_75);
        witness.passes_on("to who has the reply");
        old.hear("to who has the reply");
        new.send(KEY3);
        new.expect(ANSWER);
        witness.passes_on("to who has the answer");
        new.hear("to who has the answer");
    }
    witness.is_alone(&server);
}

fn lets_nobody_wait_for_a_stuck_one(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let mut flooder = Peer::narrow(server.address()).opened();
    let mut peers: Vec<Peer> = (0..200).map(|_| Peer::open(server.address())).collect();
    flooder.flood(POKE);
    let start = Instant::now();
    witness.peer.say("to all but one");
    for peer in &mut peers {
        peer.hear("to all but one");
    }
    let took = start.elapsed();
    assert!(took < STUCK / 4, "the others waited for {took:?}");
    witness.peer.hear("to all but one");
}

/// The rows that wait for the server's clock, each with a server of its own.
fn keeps_its_times(name: &str) {
    let rows = [
        cuts_who_is_too_slow_to_open,
        cuts_who_never_reads,
        leaves_in_time_when_nobody_answers,
    ];
    thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || row(name));
        }
    });
}

fn cuts_who_is_too_slow_to_open(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let start = Instant::now();
    let mut silent = Peer::connect(server.address());
    let mut slow = Peer::connect(server.address());
    let mut unkeyed = Peer::connect(server.address()).unkeyed();

    let mut slow_bytes = HEAD.bytes();
    let (mut slowest_answer, mut ended) = (Duration::ZERO, None);
    while ended.is_none() {
        let asked = Instant::now();
        witness.peer.poke();
        slowest_answer = slowest_answer.max(asked.elapsed());
        slow.send([slow_bytes.next().unwrap()]);
        ended = slow.comes(Duration::from_millis(100));
    }
    assert_eq!(ended, Some(0));
    silent.end();
    unkeyed.end();
    let took = start.elapsed();
    assert!(OPENING - Duration::from_millis(500) < took, "{took:?}");
    assert!(took < OPENING + Duration::from_secs(2), "{took:?}");
    assert!(
        slowest_answer < Duration::from_secs(1),
        "{slowest_answer:?}"
    );
    drop((silent, slow, unkeyed));
    for number in 2..5 {
        assert_eq!(
            server.end_of(number),
            "timed out during the opening handshake; 0 messages in, 0 out"
        );
    }
    witness.is_alone(&server);
}

fn cuts_whose_output_passes_the_cap(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let stuck = Peer::narrow(server.address()).opened();
    let mut flooder = Peer::narrow(server.address()).opened();
    let mut other = Peer::open(server.address());
    flooder.flood(POKE);
    let large = "x".repeat(LARGEST);
    // Two fit, of the third at most what the system took before.
    for _ in 0..3 {
        witness.peer.say(&large);
        witness.peer.hear(&large);
        other.hear(&large);
    }
    let end = server.end_of(2);
    assert!(end.starts_with("the output does not fit into"), "{end}");
    assert!(end.ends_with("; 0 messages in, 2 out"), "{end}");
    server.end_of(3);
    drop((stuck, flooder, other.closed()));
    witness.is_alone(&server);
}

fn cuts_who_never_reads(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let silent = Peer::narrow(server.address()).opened();
    let mut flooder = Peer::narrow(server.address()).opened();
    // More than the system holds for one that does not read, and less than the cap.
    let large = "x".repeat(LARGEST);
    witness.peer.say(&large);
    witness.peer.hear(&large);
    flooder.flood(POKE);
    let start = Instant::now();
    for number in [2, 3] {
        let end = server.end_of(number);
        let took = start.elapsed();
        // The system takes a little more off the server now and then, though nobody reads it.
        assert!(took < STUCK * 2, "{end} after {took:?}");
    }
    drop((silent, flooder));
    witness.is_alone(&server);
}

/// Ends ten connections in each state; their numbers, and what is to be events of them.
fn in_every_state(server: &Server, end: fn(Peer)) -> impl Iterator<Item = (usize, &'static str)> {
    let states = || STATES.iter().flat_map(|state| [state; 10]);
    for (_, come) in states() {
        end(come(Peer::connect(server.address())));
    }
    (2..).zip(states().map(|(events, _)| *events))
}

fn survives_an_end_of_file_in_every_state(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    for (number, events) in in_every_state(&server, drop) {
        let end = server.end_of(number);
        // A socket dropped with the page unread is reset.
        let is_right = end == format!("{events}; 0 messages in, 0 out");
        assert!(is_right || events.contains("HTTP"), "{number}: {end}");
    }
    witness.is_alone(&server);
}

fn survives_a_half_close_in_every_state(name: &str) {
    let mut server = start(name);
    let mut witness = Witness::of(&server);
    let end = |mut peer: Peer| {
        peer.finish();
        peer.rest();
    };
    for (number, events) in in_every_state(&server, end) {
        assert_eq!(
            server.end_of(number),
            format!("{events}; 0 messages in, 0 out")
        );
    }

    let frames = [frame("CONNECTED"), frame("and so on"), POKE.to_vec()];
    let mut peer = Peer::open(server.address()).sent(frames.concat());
    peer.finish();
    peer.hear("Welcome");
    peer.hear("and so on");
    peer.expect(COMPLAINT);
    peer.end();
    witness.peer.hear("and so on");
    drop(peer);
    witness.is_alone(&server);

    // Nothing is left that could keep the process.
    drop(witness.peer.closed());
    server.end_of(1);
    server.interrupt();
    assert!(server.exits(Duration::from_secs(2)).success());
}

fn survives_a_reset_in_every_state(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    for (number, _) in in_every_state(&server, Peer::reset) {
        let end = server.end_of(number);
        assert!(end.ends_with("; 0 messages in, 0 out"), "{number}: {end}");
    }
    witness.is_alone(&server);
}

fn survives_a_reset_of_a_stuck_one(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let silent = Peer::narrow(server.address()).opened();
    let mut flooder = Peer::narrow(server.address()).opened();
    let large = "x".repeat(LARGEST);
    witness.peer.say(&large);
    witness.peer.hear(&large);
    silent.reset();
    server.end_of(2);
    flooder.flood(POKE);
    flooder.reset();
    server.end_of(3);
    witness.is_alone(&server);
}

fn survives_a_storm(name: &str) {
    let server = start(name);
    let mut witness = Witness::of(&server);
    let address = server.address();
    let storms = [0, 1, 2, 3].map(|offset| {
        thread::spawn(move || {
            for i in 0..250 {
                let (_, come) = STATES[(i + offset) % STATES.len()];
                let peer = come(Peer::connect(address));
                match i % 3 {
                    0 => drop(peer),
                    1 => peer.reset(),
                    _ => peer.twin().finish(),
                }
            }
        })
    });
    for storm in storms {
        storm.join().unwrap();
    }
    for number in 2..1002 {
        server.end_of(number);
    }
    witness.is_alone(&server);
}

fn accepts_again_after_running_out_of_descriptors(name: &str) {
    const LIMIT: usize = 40;
    let server = Server::start_limited(&example(name), LIMIT);
    let mut witness = Witness::of(&server);
    let mut peers: Vec<Peer> = (0..100)
        .map(|_| Peer::connect(server.address()).sent([HEAD, KEY3].concat()))
        .collect();
    server.says("that accepting failed", |line| {
        line.starts_with("accept failed: ")
    });
    rests(&server);
    witness.peer.poke();
    let left = peers.split_off(LIMIT);
    for mut peer in peers {
        // Some of these wait until those before them are gone.
        peer.expect([REPLY, ANSWER].concat());
        peer.poke();
    }
    // The rest give up, waiting or not.
    drop(left);
    witness.is_alone(&server);
    Peer::open(server.address()).poke();
}

fn closes_all_on_interrupt(name: &str) {
    let mut server = start(name);
    let mut peers: Vec<Peer> = (0..100).map(|_| Peer::open(server.address())).collect();
    let mut old = Peer::open_75(server.address());
    server.interrupt();
    for peer in &mut peers {
        peer.expect(CLOSE);
        peer.send(CLOSE);
    }
    for mut peer in peers {
        peer.end();
    }
    old.end();
    drop(old);
    assert!(server.exits(CLOSING / 2).success());
    for number in 1..=100 {
        assert_eq!(server.end_of(number), "closed; 0 messages in, 0 out");
    }
    assert_eq!(
        server.end_of(101),
        "closed by this side without a closing handshake; 0 messages in, 0 out"
    );
}

fn leaves_in_time_when_nobody_answers(name: &str) {
    let mut server = start(name);
    let mut witness = Witness::of(&server);
    let mut silent = Peer::connect(server.address());
    let mut headless = Peer::connect(server.address()).sent(&HEAD[..100]);
    let mut unkeyed = Peer::connect(server.address()).unkeyed();
    let mut open = Peer::open(server.address());
    let mut in_frame = Peer::open(server.address()).sent("\0half a fr");
    let stuck = Peer::narrow(server.address()).opened();
    let large = "x".repeat(LARGEST);
    witness.peer.say(&large);
    for peer in [&mut witness.peer, &mut open, &mut in_frame] {
        peer.hear(&large);
    }
    let mut flooder = Peer::narrow(server.address()).opened();
    flooder.flood(POKE);

    let start = Instant::now();
    server.interrupt();
    for peer in [&mut silent, &mut headless] {
        let response = String::from_utf8(peer.rest()).unwrap();
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    }
    unkeyed.end();
    for peer in [&mut witness.peer, &mut open, &mut in_frame] {
        peer.expect(CLOSE);
    }
    witness.peer.send(CLOSE);
    witness.peer.end();
    let status = server.exits(CLOSING + Duration::from_secs(5));
    let took = start.elapsed();
    assert!(status.success());
    assert!(took < CLOSING + Duration::from_secs(3), "{took:?}");
    assert!(server.end_of(1).starts_with("closed; "));
    for number in [5, 6] {
        let end = server.end_of(number);
        assert!(end.starts_with("timed out during the closing"), "{end}");
    }
    drop((stuck, flooder));
}
