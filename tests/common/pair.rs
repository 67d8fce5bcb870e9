//! A client and a server joined in memory: short writes, short reads, and a clock that only the
//! test moves.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use hybi::{
    AcceptOptions, ClientRequest, Closed, Config, Connection, Dialect, Dialects, Event,
    MessageAssembler,
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

/// One of two ends, and its socket.
pub struct End {
    pub conn: Connection,
    pub opened: Vec<Dialect>,
    pub texts: Vec<String>,
    pub closed: Vec<Closed>,
    /// All bytes that its socket took.
    pub sent: Vec<u8>,
    /// Bytes on their way to it.
    wire: VecDeque<u8>,
    message: MessageAssembler,
    dropped: bool,
    eof: bool,
}

impl End {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            opened: Vec::new(),
            texts: Vec::new(),
            closed: Vec::new(),
            sent: Vec::new(),
            wire: VecDeque::new(),
            message: MessageAssembler::new(usize::MAX),
            dropped: false,
            eof: false,
        }
    }

    /// The socket takes so many bytes at most.
    fn write(&mut self, most: usize) -> Vec<u8> {
        let pending = self.conn.transmit();
        let bytes = pending[..most.min(pending.len())].to_vec();
        self.conn.advance(bytes.len());
        self.sent.extend_from_slice(&bytes);
        bytes
    }

    /// The socket gives so many bytes at most.
    fn read(&mut self, most: usize) -> usize {
        let n = if self.conn.wants_read() {
            most.min(self.wire.len())
        } else {
            0
        };
        let mut bytes: Vec<u8> = self.wire.drain(..n).collect();
        let mut input = &mut bytes[..];
        let mut events = 0;
        while let Some(event) = self.conn.receive(&mut input) {
            assert!(self.closed.is_empty(), "{event:?} behind Closed");
            events += 1;
            match event {
                Event::Request(_) => self.conn.accept(&AcceptOptions::new()).unwrap(),
                Event::Open(open) => self.opened.push(open.dialect()),
                Event::Text(piece) => {
                    let text = self.message.push_text(&piece).unwrap();
                    self.texts.extend(text.map(str::to_owned));
                }
                Event::Closed(why) => self.closed.push(why),
                other => panic!("nobody sends that: {other:?}"),
            }
        }
        assert!(input.is_empty() || !self.closed.is_empty());
        n + events
    }
}

pub struct Pair {
    client: End,
    server: End,
    now: Duration,
    /// What each write and each read takes at most, round and round.
    sizes: Vec<usize>,
    turns: usize,
}

impl Index<Side> for Pair {
    type Output = End;
    fn index(&self, who: Side) -> &End {
        match who {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl IndexMut<Side> for Pair {
    fn index_mut(&mut self, who: Side) -> &mut End {
        match who {
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
            client: End::new(Connection::client(config, target, entropy)),
            server: End::new(Connection::server(config)),
            now: Duration::ZERO,
            sizes,
            turns: 0,
        }
    }

    /// Of the four of a turn; over the turns each of them gets every size.
    fn size(&self, which: usize) -> usize {
        self.sizes[(self.turns + which) % self.sizes.len()]
    }

    /// `from`'s socket took `bytes`.
    pub fn carry(&mut self, from: Side, bytes: &[u8]) {
        if !self[from.other()].dropped {
            self[from.other()].wire.extend(bytes);
        }
    }

    /// Each end writes once, then reads once; whether anything came of it.
    pub fn turn(&mut self) -> bool {
        self.turns += 1;
        let mut moved = 0;
        for who in Side::BOTH {
            let most = self.size(who as usize);
            let bytes = self[who].write(most);
            moved += bytes.len();
            self.carry(who, &bytes);
        }
        for who in Side::BOTH {
            let most = self.size(2 + who as usize);
            let gone = self[who.other()].dropped;
            let end = &mut self[who];
            if gone && end.wire.is_empty() && !end.eof {
                end.eof = true;
                end.conn.receive_eof();
                moved += 1;
            }
            moved += end.read(most);
            end.dropped = end.conn.is_done();
        }
        moved > 0
    }

    /// Turns until nothing moves any more, in no time at all.
    pub fn drive(&mut self) {
        let mut quiet = 0;
        // A size of zero makes a turn idle, but not a whole round.
        while quiet <= self.sizes.len() {
            quiet = if self.turn() { 0 } else { quiet + 1 };
            let now = self.now;
            for who in Side::BOTH {
                let wait = self[who].conn.tick(now);
                assert_ne!(wait, Some(Duration::ZERO), "{who:?}");
            }
        }
    }

    /// Time goes by for both.
    pub fn elapse(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        for who in Side::BOTH {
            self[who].conn.tick(now);
        }
        self.drive();
    }
}

/// What a server says to the request of `client`.
pub fn answer_to(client: &mut Connection) -> Vec<u8> {
    let mut server = Connection::server(&Config::new().dialects(Dialects::ALL));
    let mut request = client.transmit().to_vec();
    client.advance(request.len());
    let mut input = &mut request[..];
    while let Some(event) = server.receive(&mut input) {
        if let Event::Request(_) = event {
            server.accept(&AcceptOptions::new()).unwrap();
        }
    }
    server.transmit().to_vec()
}
