//! A client and a server connected in memory, with short reads and writes and a simulated clock.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use hybi::{
    AcceptOptions, ClientRequest, Closed, Config, Connection, Dialect, Dialects, Entropy, Event,
    Input, MessageAssembler,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One side of a [`Pair`], and its socket.
pub struct Endpoint {
    pub conn: Connection,
    pub opened: Vec<Dialect>,
    pub texts: Vec<String>,
    pub closed: Vec<Closed>,
    /// All bytes written to the socket.
    pub sent: Vec<u8>,
    /// Bytes in transit to this side.
    incoming: VecDeque<u8>,
    message: MessageAssembler,
    dropped: bool,
    eof: bool,
}

impl Endpoint {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            opened: Vec::new(),
            texts: Vec::new(),
            closed: Vec::new(),
            sent: Vec::new(),
            incoming: VecDeque::new(),
            message: MessageAssembler::new(usize::MAX),
            dropped: false,
            eof: false,
        }
    }

    /// Writes at most `max` bytes.
    fn write(&mut self, max: usize) -> Vec<u8> {
        let pending = self.conn.transmit();
        let bytes = pending[..max.min(pending.len())].to_vec();
        self.conn.advance(bytes.len());
        self.sent.extend_from_slice(&bytes);
        bytes
    }

    /// Reads at most `max` bytes; returns the number of bytes and events.
    fn read(&mut self, max: usize, now: Duration) -> usize {
        let n = if self.conn.wants_read() {
            max.min(self.incoming.len())
        } else {
            0
        };
        let mut bytes: Vec<u8> = self.incoming.drain(..n).collect();
        let mut input = Input::new(&mut bytes, now);
        let mut events = 0;
        while let Some(event) = self.conn.receive(&mut input) {
            assert!(self.closed.is_empty(), "{event:?} after Closed");
            events += 1;
            match event {
                Event::Request(_) => self.conn.accept(&AcceptOptions::new()).unwrap(),
                Event::Open(handshake) => self.opened.push(handshake.dialect()),
                Event::Text(chunk) => {
                    let text = self.message.push_text(chunk).unwrap();
                    self.texts.extend(text.map(str::to_owned));
                }
                Event::Closing(_) => {}
                Event::Closed(closed) => self.closed.push(closed),
                other => panic!("unexpected event: {other:?}"),
            }
        }
        assert!(input.remaining().is_empty() || !self.closed.is_empty());
        n + events
    }
}

pub struct Pair {
    client: Endpoint,
    server: Endpoint,
    now: Duration,
    /// Maximum sizes of reads and writes, used in a cycle.
    sizes: Vec<usize>,
    steps: usize,
}

impl Index<Side> for Pair {
    type Output = Endpoint;
    fn index(&self, side: Side) -> &Endpoint {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl IndexMut<Side> for Pair {
    fn index_mut(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Pair {
    pub fn new(
        config: &Config,
        target: &ClientRequest,
        entropy: [u8; 32],
        sizes: Vec<usize>,
    ) -> Self {
        assert!(sizes.iter().any(|size| *size > 0));
        Self {
            client: Endpoint::new(Connection::client(
                config.clone(),
                target,
                Entropy::from_bytes(entropy),
            )),
            server: Endpoint::new(Connection::server(config.clone())),
            now: Duration::ZERO,
            sizes,
            steps: 0,
        }
    }

    /// Returns the size for one of the four operations of a step.
    fn size(&self, operation: usize) -> usize {
        self.sizes[(self.steps + operation) % self.sizes.len()]
    }

    /// Puts `bytes`, sent by `from`, in transit.
    pub fn deliver(&mut self, from: Side, bytes: &[u8]) {
        if !self[from.other()].dropped {
            self[from.other()].incoming.extend(bytes);
        }
    }

    /// Each side writes once, then reads once; returns whether anything happened.
    pub fn step(&mut self) -> bool {
        self.steps += 1;
        let mut progress = 0;
        for side in Side::BOTH {
            let max = self.size(side as usize);
            let bytes = self[side].write(max);
            progress += bytes.len();
            self.deliver(side, &bytes);
        }
        for side in Side::BOTH {
            let max = self.size(2 + side as usize);
            let (peer_dropped, now) = (self[side.other()].dropped, self.now);
            let end = &mut self[side];
            if peer_dropped && end.incoming.is_empty() && !end.eof {
                end.eof = true;
                end.conn.receive_eof();
                progress += 1;
            }
            progress += end.read(max, now);
            end.dropped = end.conn.is_done();
        }
        progress > 0
    }

    /// Runs steps until nothing happens, without advancing the clock.
    pub fn run_until_idle(&mut self) {
        let mut idle = 0;
        // A size of zero makes a step idle, but not a whole cycle of sizes.
        while idle <= self.sizes.len() {
            idle = if self.step() { 0 } else { idle + 1 };
        }
        for side in Side::BOTH {
            let deadline = self[side].conn.deadline();
            assert!(deadline.is_none_or(|at| at > self.now), "{side:?}");
        }
    }

    /// Advances the clock of both sides.
    pub fn advance_time(&mut self, time: Duration) {
        self.now += time;
        self.run_until_idle();
    }
}

/// Returns the response of a server to the request of `client`.
pub fn response_to(client: &mut Connection) -> Vec<u8> {
    let mut server = Connection::server(Config::new().dialects(Dialects::ALL));
    let mut request = client.transmit().to_vec();
    client.advance(request.len());
    let mut input = crate::input(&mut request);
    while let Some(event) = server.receive(&mut input) {
        if let Event::Request(_) = event {
            server.accept(&AcceptOptions::new()).unwrap();
        }
    }
    server.transmit().to_vec()
}
