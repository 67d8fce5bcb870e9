//! hybi: a whole `Connection`, with every event handled.

use std::hint::black_box;
use std::io::{IoSlice, Read, Write};
use std::time::Duration;

use hybi::{
    AcceptOptions, BinaryChunk, Config, Connection, Dialect, Dialects, Entropy, Event, Handshake,
    Input, MessageAssembler, TextChunk,
};

use super::{MAX_MESSAGE, Role};
use crate::entry::{Echo, Receive, Send};
use crate::memory::Aligned;
use crate::sink::Sink;
use crate::wire::Wire;

pub fn connection(role: Role, dialect: Dialect) -> Connection {
    static CONFIG: Config = Config::new().max_send_buffer(MAX_MESSAGE);
    let handshake = Handshake::new(dialect);
    match role {
        Role::Client => {
            let entropy = Entropy::from_bytes([7; 32]);
            Connection::established_client(&CONFIG, &handshake, entropy)
        }
        Role::Server => Connection::established_server(&CONFIG, &handshake),
    }
}

/// An open connection of a server, and its wire.
pub struct Receiver {
    conn: Connection,
    wire: Wire,
    buf: Aligned,
    /// Joins the chunks of messages; without it chunks are passed on.
    message: Option<MessageAssembler>,
}

impl Receiver {
    /// Passes on whole messages.
    pub fn whole(dialect: Dialect, wire: Wire) -> Self {
        Self {
            message: Some(MessageAssembler::new(MAX_MESSAGE)),
            ..Self::chunks(dialect, wire)
        }
    }

    /// Passes on chunks.
    pub fn chunks(dialect: Dialect, wire: Wire) -> Self {
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
        let n = self.wire.read(&mut self.buf).expect("memory");
        receive(&mut self.conn, &mut self.buf[..n], &mut self.message, sink);
    }
}

/// Takes every event in `input` by value, as the documentation does.
// Inlined, as in an application that receives in one place.
#[inline(always)]
pub fn receive(
    conn: &mut Connection,
    bytes: &mut [u8],
    message: &mut Option<MessageAssembler>,
    sink: &mut impl Sink,
) {
    let mut input = Input::new(bytes, Duration::ZERO);
    while let Some(event) = conn.receive(&mut input) {
        match event {
            Event::Text(chunk) => text(chunk, message, sink),
            Event::Binary(chunk) => binary(chunk, message, sink),
            Event::Skipped(frame) => sink.skipped(frame.payload_len()),
            other => panic!("{other:?}"),
        }
    }
}

/// As [`Receiver::whole`], with events taken by reference.
pub struct ByReference(Receiver);

impl ByReference {
    pub fn whole(dialect: Dialect, wire: Wire) -> Self {
        Self(Receiver::whole(dialect, wire))
    }
}

impl Receive for ByReference {
    fn read(&mut self, sink: &mut impl Sink) {
        let Receiver {
            conn,
            wire,
            buf,
            message,
        } = &mut self.0;
        let n = wire.read(buf).expect("memory");
        let mut input = Input::new(&mut buf[..n], Duration::ZERO);
        while let Some(event) = conn.receive(&mut input) {
            match &event {
                Event::Text(chunk) => text(*chunk, message, sink),
                Event::Binary(chunk) => binary(*chunk, message, sink),
                Event::Skipped(frame) => sink.skipped(frame.payload_len()),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn text(chunk: TextChunk<'_>, message: &mut Option<MessageAssembler>, sink: &mut impl Sink) {
    let Some(message) = message else {
        return sink.chunk(chunk.as_str().as_bytes(), chunk.is_final());
    };
    if let Some(text) = message
        .push_text(chunk)
        .expect("a message within the limit")
    {
        sink.chunk(text.as_bytes(), true);
    }
}

fn binary(chunk: BinaryChunk<'_>, message: &mut Option<MessageAssembler>, sink: &mut impl Sink) {
    let Some(message) = message else {
        return sink.chunk(chunk.as_bytes(), chunk.is_final());
    };
    if let Some(bytes) = message
        .push_binary(chunk)
        .expect("a message within the limit")
    {
        sink.chunk(bytes, true);
    }
}

/// Frames that are already in the caller's memory: no read, no copy.
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

/// A server that sends whole texts back.
pub struct EchoServer(Receiver);

impl EchoServer {
    pub fn new(wire: Wire) -> Self {
        Self(Receiver::whole(Dialect::Rfc6455, wire))
    }
}

impl Echo for EchoServer {
    fn echo(&mut self) {
        let Receiver {
            conn,
            wire,
            buf,
            message,
        } = &mut self.0;
        let message = message.as_mut().expect("whole messages");
        let mut echoed = false;
        while !echoed {
            let n = wire.read(buf).expect("memory");
            let mut input = Input::new(&mut buf[..n], Duration::ZERO);
            while let Some(event) = conn.receive(&mut input) {
                match event {
                    Event::Text(chunk) => {
                        let text = message
                            .push_text(chunk)
                            .expect("a message within the limit");
                        if let Some(text) = text {
                            conn.send_text(text).expect("capacity");
                            echoed = true;
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
            flush(conn, wire);
        }
    }
}

/// An open connection in either role, and its wire.
pub struct Sender {
    conn: Connection,
    wire: Wire,
    text: &'static str,
}

impl Sender {
    pub fn new(role: Role, dialect: Dialect, text: &'static str, wire: Wire) -> Self {
        Self {
            conn: connection(role, dialect),
            wire,
            text,
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        self.conn.send_text(black_box(self.text)).expect("capacity");
        flush(&mut self.conn, &mut self.wire);
    }
}

/// As [`Sender`], without a copy: one write accepts all slices.
pub struct VectoredSender(Sender);

impl VectoredSender {
    pub fn new(text: &'static str, wire: Wire) -> Self {
        Self(Sender::new(Role::Server, Dialect::Rfc6455, text, wire))
    }
}

impl Send for VectoredSender {
    fn send(&mut self) {
        let Sender { conn, wire, text } = &mut self.0;
        let mut frame = conn.send_text_vectored(black_box(text)).expect("capacity");
        let slices = frame.slices().map(IoSlice::new);
        let n = wire.write_vectored(&slices).expect("memory");
        frame.advance(n);
        drop(frame);
        assert!(!conn.wants_write());
    }
}

// Inlined, as in an application that sends in one place.
#[inline(always)]
fn flush(conn: &mut Connection, wire: &mut Wire) {
    while conn.wants_write() {
        let n = wire.write(conn.transmit()).expect("memory");
        conn.advance(n);
    }
}

/// A whole opening handshake: creates a connection, reads the request from the wire, accepts it and
/// writes the response.
pub fn open(wire: &mut Wire, buf: &mut [u8]) {
    static CONFIG: Config = Config::new().dialects(Dialects::ALL);
    let mut conn = Connection::server(&CONFIG);
    let mut open = false;
    while !open {
        let n = wire.read(buf).expect("memory");
        let mut input = Input::new(&mut buf[..n], Duration::ZERO);
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(_) => conn.accept(&AcceptOptions::new()).expect("a valid request"),
                Event::Open(_) => open = true,
                other => panic!("{other:?}"),
            }
        }
        flush(&mut conn, wire);
    }
    black_box(conn);
}
