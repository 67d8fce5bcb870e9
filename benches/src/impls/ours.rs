//! hybi: a whole `Connection`, every event taken.

use std::hint::black_box;
use std::io::{Read, Write};

use hybi::{Accept, Config, Connection, Dialect, Event, Message, Role};

use crate::entry::Receive;
use crate::memory::Aligned;
use crate::sink::Sink;
use crate::wire::Wire;

/// What a text or binary message may have at most, here.
const LIMIT: usize = 64 << 20;

fn config() -> Config {
    Config::new().max_pending(LIMIT)
}

pub fn connection(role: Role, dialect: Dialect) -> Connection {
    Connection::established(&config(), role, dialect, [7; 32])
}

/// A server's connection, open, and its wire.
pub struct Receiver {
    conn: Connection,
    wire: Wire,
    buf: Aligned,
    /// Puts the pieces of messages together; without it they are handed over one by one.
    message: Option<Message>,
}

impl Receiver {
    /// Hands over whole messages.
    pub fn whole(dialect: Dialect, wire: Wire) -> Self {
        Self {
            message: Some(Message::new(LIMIT)),
            ..Self::pieces(dialect, wire)
        }
    }

    /// Hands over messages as they come.
    pub fn pieces(dialect: Dialect, wire: Wire) -> Self {
        Self {
            conn: connection(Role::Server, dialect),
            buf: Aligned::zeroed(wire.next_len()),
            wire,
            message: None,
        }
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let n = self.wire.read(&mut self.buf).expect("a grant");
        receive(&mut self.conn, &mut self.buf[..n], &mut self.message, sink);
    }

    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// Takes every event in `input`.
pub fn receive(
    conn: &mut Connection,
    mut input: &mut [u8],
    message: &mut Option<Message>,
    sink: &mut impl Sink,
) {
    while let Some(event) = conn.receive(&mut input) {
        match &event {
            Event::Text(piece) => match message {
                None => sink.piece(piece.as_str().as_bytes(), piece.is_last()),
                Some(message) => {
                    if let Some(text) = message.text(piece).expect("no message over the limit") {
                        sink.piece(text.as_bytes(), true);
                    }
                }
            },
            Event::Binary(piece) => match message {
                None => sink.piece(piece.as_bytes(), piece.is_last()),
                Some(message) => {
                    if let Some(bytes) = message.binary(piece).expect("no message over the limit") {
                        sink.piece(bytes, true);
                    }
                }
            },
            Event::Discarded(frame) => sink.skipped(frame.len()),
            other => panic!("{other:?}"),
        }
    }
}

/// Frames that lie in the caller's memory already: no read, no copy.
pub struct InPlace {
    conn: Connection,
    bytes: Vec<u8>,
}

impl InPlace {
    pub fn new(dialect: Dialect, bytes: Vec<u8>) -> Self {
        let conn = connection(Role::Server, dialect);
        Self { conn, bytes }
    }

    pub fn pass(&mut self, sink: &mut impl Sink) {
        receive(&mut self.conn, &mut self.bytes, &mut None, sink);
    }
}

/// Either side's connection, open, and its wire.
pub struct Sender {
    conn: Connection,
    pub wire: Wire,
}

impl Sender {
    pub fn new(role: Role, dialect: Dialect) -> Self {
        Self {
            conn: connection(role, dialect),
            wire: Wire::silent(),
        }
    }

    /// One message, one flush.
    pub fn text(&mut self, text: &str) {
        self.conn.send_text(black_box(text)).expect("room");
        self.flush();
    }

    /// As [`text`](Self::text), not copied: all slices are taken by one write.
    pub fn frame(&mut self, text: &str) {
        let frame = self.conn.frame_text(black_box(text)).expect("room");
        let slices = black_box(frame.slices());
        let length = slices.iter().map(|slice| slice.len()).sum();
        frame.wrote(length);
        assert!(!self.conn.wants_write());
    }

    fn flush(&mut self) {
        while self.conn.wants_write() {
            let n = self.wire.write(self.conn.transmit()).expect("memory");
            self.conn.advance(n);
        }
    }
}

/// A whole opening: a connection, its input in the wire's pieces, the request, the answer, its
/// output.
pub fn open(config: &Config, wire: &mut Wire, buf: &mut [u8]) {
    let mut conn = Connection::server(config);
    let mut open = false;
    while !open {
        let n = wire.read(buf).expect("a grant");
        let mut input = &mut buf[..n];
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(_) => conn.accept(&Accept::new()).expect("a good request"),
                Event::Open(_) => open = true,
                other => panic!("{other:?}"),
            }
        }
        while conn.wants_write() {
            let n = wire.write(conn.transmit()).expect("memory");
            conn.advance(n);
        }
    }
    black_box(conn);
}
