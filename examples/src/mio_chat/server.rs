//! The event loop: polls for readiness and accepts clients.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use hybi::Config;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::clients::{Clients, READ_LEN};
use super::link::Socket;
use crate::cli::log;

const ACCEPTS_PER_TURN: usize = 64;

/// How long to stop accepting after an error, unless a connection ends before.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

// All other tokens are the keys of clients, which are never that large.
pub const INTERRUPT: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);

pub struct Server {
    poll: Poll,
    start: Instant,
    now: Duration,
    /// `None` after Ctrl-C.
    acceptor: Option<Acceptor>,
    accepted: u64,
    clients: Clients<TcpStream>,
}

struct Acceptor {
    listener: TcpListener,
    readable: bool,
    paused_until: Duration,
    error_logged: bool,
}

impl Server {
    pub fn new(
        poll: Poll,
        mut listener: TcpListener,
        config: Config,
        max_message_len: usize,
    ) -> io::Result<Self> {
        let mut clients = Clients::new(config, |line| log(line));
        clients.set_max_message_len(max_message_len);
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            start: Instant::now(),
            now: Duration::ZERO,
            acceptor: Some(Acceptor {
                listener,
                readable: false,
                paused_until: Duration::ZERO,
                error_logged: false,
            }),
            accepted: 0,
            clients,
        })
    }

    /// Runs until all clients are disconnected after Ctrl-C.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buf = vec![0; READ_LEN];
        while self.acceptor.is_some() || !self.clients.is_empty() {
            self.poll(&mut events)?;
            for event in &events {
                match event.token() {
                    INTERRUPT => self.shut_down(),
                    LISTENER => self.acceptor.iter_mut().for_each(|a| a.readable = true),
                    Token(key) => self.set_readiness(key, event),
                }
            }
            self.accept_ready();
            for mut socket in self.clients.turn(self.now, &mut buf) {
                // Can be ignored: dropping the socket closes it.
                let _ = self.poll.registry().deregister(&mut socket);
                if let Some(acceptor) = &mut self.acceptor {
                    acceptor.paused_until = Duration::ZERO;
                }
            }
        }
        Ok(())
    }

    fn poll(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.start.elapsed();
        let accept_wait = self.acceptor.as_ref().and_then(|a| a.timeout(now));
        let timeouts = [accept_wait, self.clients.timeout(now)];
        let timeout = timeouts.into_iter().flatten().min();
        let result = self.poll.poll(events, timeout);
        self.now = self.start.elapsed();
        match result {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn set_readiness(&mut self, key: usize, event: &Event) {
        let error = event.is_error();
        let readable = event.is_readable() || event.is_read_closed() || error;
        let writable = event.is_writable() || event.is_write_closed() || error;
        self.clients.set_readiness(key, readable, writable);
    }

    fn accept_ready(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            let acceptor = self.acceptor.as_mut();
            let Some(acceptor) = acceptor.filter(|a| a.is_ready(self.now)) else {
                return;
            };
            match acceptor.listener.accept() {
                Ok((socket, address)) => self.insert(socket, address),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        acceptor.readable = false;
                        acceptor.error_logged = false;
                    }
                    // A signal, or the client has already disconnected.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        if !mem::replace(&mut acceptor.error_logged, true) {
                            log(format_args!("accept failed: {error}"));
                        }
                        // Out of file descriptors, most likely: let some connections end.
                        acceptor.paused_until = self.now + ACCEPT_PAUSE;
                    }
                },
            }
        }
    }

    fn insert(&mut self, mut socket: TcpStream, address: SocketAddr) {
        self.accepted += 1;
        let number = self.accepted;
        let token = Token(self.clients.vacant_key());
        let interests = Interest::READABLE | Interest::WRITABLE;
        let result = socket
            .set_nodelay(true)
            .and_then(|()| self.poll.registry().register(&mut socket, token, interests));
        match result {
            Ok(()) => self.clients.insert(socket, number, address),
            Err(error) => log(format_args!("{number}: {address} setup failed: {error}")),
        }
    }

    /// Stops accepting and closes every connection.
    fn shut_down(&mut self) {
        if let Some(mut acceptor) = self.acceptor.take() {
            let _ = self.poll.registry().deregister(&mut acceptor.listener);
            self.clients.shut_down(self.now);
        }
    }
}

impl Acceptor {
    /// Returns the time until the next call of `accept`; `None` while there is nothing to accept.
    fn timeout(&self, now: Duration) -> Option<Duration> {
        self.readable.then(|| self.paused_until.saturating_sub(now))
    }

    fn is_ready(&self, now: Duration) -> bool {
        self.timeout(now) == Some(Duration::ZERO)
    }
}

impl Socket for TcpStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
