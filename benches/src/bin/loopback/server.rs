//! hybi over mio: one thread, any number of connections, one write for the output of each read.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use hybi::{AcceptOptions, Config, Connection, Event, Input, MessageAssembler};
use mio::event::Event as Readiness;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

/// The size of a read, here and in the peers.
pub const READ: usize = 64 * 1024;

/// No message is longer than this.
const MAX_MESSAGE: usize = 16 << 20;

static CONFIG: Config = Config::new().max_send_buffer(MAX_MESSAGE);

const LISTENER: Token = Token(usize::MAX);

struct Peer {
    socket: TcpStream,
    conn: Connection,
    message: MessageAssembler,
    start: Instant,
}

pub fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut peers = Slab::new();
    let mut buf = vec![0; READ];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept_ready(&listener, &registry, &mut peers)?;
            } else {
                handle_ready(event, &mut peers, &mut buf);
            }
        }
    }
}

fn accept_ready(
    listener: &TcpListener,
    registry: &Registry,
    peers: &mut Slab<Peer>,
) -> io::Result<()> {
    loop {
        let (mut socket, _) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        socket.set_nodelay(true)?;
        let free = peers.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut socket, Token(free.key()), both)?;
        free.insert(Peer {
            socket,
            conn: Connection::server(&CONFIG),
            message: MessageAssembler::new(MAX_MESSAGE),
            start: Instant::now(),
        });
    }
}

/// Removes a peer that is done or whose socket failed.
fn handle_ready(event: &Readiness, peers: &mut Slab<Peer>, buf: &mut [u8]) {
    let Some(peer) = peers.get_mut(event.token().0) else {
        return;
    };
    let keep = match peer.turn(buf) {
        Ok(()) => !peer.conn.is_done(),
        Err(_) => false,
    };
    if !keep {
        peers.remove(event.token().0);
    }
}

impl Peer {
    /// Reads and writes until the socket would block: readiness is edge-triggered.
    fn turn(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.write()?;
        while self.conn.wants_read() && !self.conn.is_congested() {
            match self.socket.read(buf) {
                Ok(0) => self.conn.receive_eof(),
                Ok(n) => self.echo(&mut buf[..n])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            self.echo(&mut [])?;
            self.write()?;
        }
        Ok(())
    }

    fn echo(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut input = Input::new(bytes, self.start.elapsed());
        while let Some(event) = self.conn.receive(&mut input) {
            match event {
                Event::Request(_) => self
                    .conn
                    .accept(&AcceptOptions::new())
                    .map_err(io::Error::other)?,
                Event::Text(chunk) => {
                    let text = self.message.push_text(chunk).map_err(io::Error::other)?;
                    if let Some(text) = text {
                        self.conn.send_text(text).map_err(io::Error::other)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while self.conn.wants_write() {
            match self.socket.write(self.conn.transmit()) {
                Ok(n) => self.conn.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
