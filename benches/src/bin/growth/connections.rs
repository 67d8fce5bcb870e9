//! Many connections, which receive messages in turn.

use std::io::Read;

use hybi::{Connection, Dialect, MessageAssembler};
use hybi_bench::corpus::Kind::Text;
use hybi_bench::entry::{Entry, Receive};
use hybi_bench::frames::Frames;
use hybi_bench::impls::tungstenite::config;
use hybi_bench::impls::{Role, ours};
use hybi_bench::sink::{Sink, Tally};
use hybi_bench::wire::Wire;
use tungstenite::protocol::{self, WebSocketContext};

/// The size of a typical chat message.
const SIZE: usize = 125;

/// A prime, so that every connection is reached, and never the neighbour of the last one.
const STRIDE: usize = 7919;

/// Times per message.
pub fn lines(count: usize) -> Vec<Entry> {
    let (masked, hixie) = (Frames::masked(Text, SIZE), Frames::hixie(Text, SIZE));
    vec![
        Entry::messages(
            "hybi, RFC 6455",
            ours(count, Dialect::Rfc6455, &masked),
            &masked,
        ),
        Entry::messages(
            "hybi, Hixie-76",
            ours(count, Dialect::Hixie76, &hixie),
            &hixie,
        ),
        Entry::messages("tungstenite", theirs(count, &masked), &masked),
    ]
}

fn ours(count: usize, dialect: Dialect, frames: &Frames) -> Crowd<Ours> {
    let one = || Ours {
        conn: ours::connection(Role::Server, dialect),
        message: Some(MessageAssembler::new(SIZE)),
    };
    Crowd::new(count, one, frames)
}

fn theirs(count: usize, frames: &Frames) -> Crowd<WebSocketContext> {
    let one = || WebSocketContext::new(protocol::Role::Server, Some(config(2 * SIZE)));
    Crowd::new(count, one, frames)
}

/// Connections over one wire; each read returns one frame.
struct Crowd<C> {
    connections: Vec<C>,
    turn: usize,
    wire: Wire,
}

impl<C: One> Crowd<C> {
    fn new(count: usize, one: impl FnMut() -> C, frames: &Frames) -> Self {
        let mut crowd = Self {
            connections: std::iter::repeat_with(one).take(count).collect(),
            turn: 0,
            wire: Wire::new(&frames.bytes, frames.frame),
        };
        // The first message of each connection, which allocates, is not measured. Whole rounds of
        // the feed, so that it is at its start again.
        for _ in 0..count.next_multiple_of(frames.payloads.len()) {
            crowd.read(&mut Tally::default());
        }
        crowd
    }
}

impl<C: One> Receive for Crowd<C> {
    fn read(&mut self, sink: &mut impl Sink) {
        self.turn = (self.turn + STRIDE) % self.connections.len();
        self.connections[self.turn].read(&mut self.wire, sink);
    }
}

trait One {
    fn read(&mut self, wire: &mut Wire, sink: &mut impl Sink);
}

struct Ours {
    conn: Connection,
    message: Option<MessageAssembler>,
}

impl One for Ours {
    fn read(&mut self, wire: &mut Wire, sink: &mut impl Sink) {
        let mut buf = [0; 2 * SIZE];
        let n = wire.read(&mut buf).expect("memory");
        ours::receive(&mut self.conn, &mut buf[..n], &mut self.message, sink);
    }
}

impl One for WebSocketContext {
    fn read(&mut self, wire: &mut Wire, sink: &mut impl Sink) {
        let message = WebSocketContext::read(self, wire).expect("a message");
        sink.chunk(&message.into_data(), true);
    }
}
