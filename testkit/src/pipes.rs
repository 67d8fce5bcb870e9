//! Two connections over bounded pipes, and applications that react to back-pressure.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use hybi::{AcceptOptions, Close, Closed, Connection, Event, Input, MessageAssembler, SendError};

use crate::pair::Side;

/// One direction of a socket: at most `capacity` bytes in transit.
pub struct Pipe {
    bytes: Vec<u8>,
    capacity: usize,
    /// The writer has dropped its socket.
    pub is_ended: bool,
    /// The reader has dropped its socket: what is written is lost.
    pub is_discarding: bool,
}

impl Pipe {
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0);
        Self {
            bytes: Vec::new(),
            capacity,
            is_ended: false,
            is_discarding: false,
        }
    }

    /// Writes as many of the first bytes as fit, and returns their number.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        if self.is_discarding {
            return bytes.len();
        }
        let n = bytes.len().min(self.capacity - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..n]);
        n
    }

    /// Reads at most `max` bytes.
    pub fn read(&mut self, max: usize) -> Vec<u8> {
        let n = max.min(self.bytes.len());
        let bytes = self.bytes[..n].to_vec();
        self.bytes.drain(..n);
        bytes
    }

    /// Returns whether there is nothing to read, now or later.
    pub fn is_at_end(&self) -> bool {
        self.is_ended && self.bytes.is_empty()
    }
}

/// What an application does besides sending its own messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It answers each message with so many copies of it, and pauses while congested: it neither
    /// reads nor passes on what it has read.
    Answer { copies: usize },
    /// It reads on while congested. Its own messages wait until they fit into the send buffer.
    ReadOn,
    /// It reads on, and sends this message as often as it fits into the send buffer.
    Feed(String),
}

/// A connection and its application.
pub struct Endpoint {
    pub conn: Connection,
    pub policy: Policy,
    /// The messages to send of its own accord.
    pub outbox: VecDeque<String>,
    /// It closes once its messages are sent and so many were received.
    pub close_after: Option<usize>,
    pub received: Vec<String>,
    pub pings: usize,
    pub pongs: usize,
    pub closed: Option<Closed>,
    /// The most bytes that were pending.
    pub max_pending: usize,
    message: MessageAssembler,
    /// What was read and not consumed yet.
    unconsumed: Vec<u8>,
    eof: bool,
}

impl Endpoint {
    pub fn new(conn: Connection, policy: Policy) -> Self {
        Self {
            conn,
            policy,
            outbox: VecDeque::new(),
            close_after: None,
            received: Vec::new(),
            pings: 0,
            pongs: 0,
            closed: None,
            max_pending: 0,
            message: MessageAssembler::new(usize::MAX),
            unconsumed: Vec::new(),
            eof: false,
        }
    }

    fn is_paused(&self) -> bool {
        matches!(self.policy, Policy::Answer { .. }) && self.conn.is_congested()
    }

    /// Queues messages of its own accord; returns whether there were any.
    fn send(&mut self) -> bool {
        let mut sent = false;
        while self.conn.is_open() && !self.is_paused() {
            let message = match &self.policy {
                Policy::Feed(message) => Some(message),
                _ => self.outbox.front(),
            };
            let Some(message) = message else { break };
            match self.conn.send_text(message) {
                Ok(()) => sent = true,
                Err(SendError::BufferFull { .. }) => break,
                Err(error) => panic!("{error}"),
            }
            self.outbox.pop_front();
        }
        let is_complete = self.outbox.is_empty()
            && self
                .close_after
                .is_some_and(|count| self.received.len() >= count);
        if self.conn.is_open() && is_complete {
            self.conn.close(&Close::new(1000, "")).unwrap();
            sent = true;
        }
        self.max_pending = self.max_pending.max(self.conn.pending());
        sent
    }

    /// Writes at most `max` bytes to the socket; returns whether there were any.
    fn write(&mut self, socket: &mut Pipe, max: usize) -> bool {
        let pending = self.conn.transmit();
        let written = socket.write(&pending[..max.min(pending.len())]);
        self.conn.advance(written);
        written > 0
    }

    /// Reads at most `max` bytes from the socket, unless bytes of an earlier read are left, and
    /// handles them; returns whether anything happened.
    fn read(&mut self, socket: &mut Pipe, max: usize, now: Duration) -> bool {
        let is_paused = self.is_paused();
        let mut bytes = Vec::new();
        if !is_paused {
            bytes = std::mem::take(&mut self.unconsumed);
            if bytes.is_empty() && self.conn.wants_read() {
                bytes = socket.read(max);
            }
        }
        let mut happened = false;
        if bytes.is_empty() && self.unconsumed.is_empty() && socket.is_at_end() && !self.eof {
            self.eof = true;
            self.conn.receive_eof();
            happened = true;
        }
        let len = bytes.len();
        // While it pauses, only time passes.
        let mut input = Input::new(&mut bytes, now);
        while is_paused || !self.is_paused() {
            let Some(event) = self.conn.receive(&mut input) else {
                break;
            };
            happened = true;
            assert_eq!(self.closed, None, "{event:?} after Closed");
            match event {
                Event::Request(_) => self.conn.accept(&AcceptOptions::new()).unwrap(),
                Event::Open(_) | Event::Closing(_) => {}
                Event::Text(chunk) => {
                    if let Some(text) = self.message.push_text(chunk).unwrap() {
                        if let Policy::Answer { copies } = self.policy {
                            if self.conn.is_open() {
                                self.conn.send_text(&text.repeat(copies)).unwrap();
                            }
                        }
                        self.received.push(text.to_owned());
                    }
                }
                Event::Ping(_) => self.pings += 1,
                Event::Pong(_) => self.pongs += 1,
                Event::Closed(closed) => self.closed = Some(closed),
                other => panic!("unexpected event: {other:?}"),
            }
            self.max_pending = self.max_pending.max(self.conn.pending());
        }
        let left = input.remaining().len();
        happened |= left < len;
        if !is_paused && self.closed.is_none() {
            bytes.drain(..len - left);
            self.unconsumed = bytes;
        }
        happened
    }
}

/// What an endpoint does in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Queues its own messages.
    Send,
    /// Writes at most so many bytes.
    Write(usize),
    /// Reads at most so many bytes.
    Read(usize),
}

/// A client and a server, and the pipes between them.
pub struct Link {
    client: Endpoint,
    server: Endpoint,
    /// To the client, and to the server.
    pipes: [Pipe; 2],
    pub now: Duration,
}

impl Link {
    pub fn new(client: Endpoint, server: Endpoint, capacity: usize) -> Self {
        Self {
            client,
            server,
            pipes: [Pipe::new(capacity), Pipe::new(capacity)],
            now: Duration::ZERO,
        }
    }

    /// Returns whether anything happened.
    fn act(&mut self, side: Side, action: Action) -> bool {
        let [to_client, to_server] = &mut self.pipes;
        let (end, incoming, outgoing) = match side {
            Side::Client => (&mut self.client, to_client, to_server),
            Side::Server => (&mut self.server, to_server, to_client),
        };
        let happened = match action {
            Action::Send => end.send(),
            Action::Write(max) => end.write(outgoing, max),
            Action::Read(max) => end.read(incoming, max, self.now),
        };
        if end.conn.is_done() {
            (incoming.is_discarding, outgoing.is_ended) = (true, true);
        }
        happened
    }

    /// Repeats `schedule` until nothing happens any more.
    pub fn run(&mut self, schedule: &[(Side, Action)]) {
        while schedule.iter().fold(false, |happened, (side, action)| {
            self.act(*side, *action) | happened
        }) {}
    }
}

impl Index<Side> for Link {
    type Output = Endpoint;
    fn index(&self, side: Side) -> &Endpoint {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl IndexMut<Side> for Link {
    fn index_mut(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}
