//! The turns of the one thread that serves all: it waits for events, and lets guests in.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::chat;
use super::cli::say;
use super::clients::{CHUNK, Guests};
use super::link::Socket;

/// How many guests come in in one turn.
const ACCEPTS: usize = 64;

/// How long nobody is let in after that has failed, unless somebody leaves.
const PAUSE: Duration = Duration::from_millis(100);

/// What becomes ready: a guest by its key, or one of these, which no key comes to.
pub const INTERRUPT: Token = Token(usize::MAX);
const DOOR: Token = Token(usize::MAX - 1);

pub struct Room {
    poll: Poll,
    start: Instant,
    now: Duration,
    /// Gone after Ctrl-C.
    door: Option<Door>,
    arrivals: u64,
    guests: Guests<TcpStream>,
}

struct Door {
    listener: TcpListener,
    ready: bool,
    paused_until: Duration,
    /// The operator has been told that it is.
    told: bool,
}

impl Room {
    pub fn new(poll: Poll, mut listener: TcpListener) -> io::Result<Self> {
        poll.registry()
            .register(&mut listener, DOOR, Interest::READABLE)?;
        Ok(Self {
            poll,
            start: Instant::now(),
            now: Duration::ZERO,
            door: Some(Door {
                listener,
                ready: false,
                paused_until: Duration::ZERO,
                told: false,
            }),
            arrivals: 0,
            guests: Guests::new(chat::config()),
        })
    }

    /// Until Ctrl-C, and all are gone.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buf = vec![0; CHUNK];
        while self.door.is_some() || self.guests.len() > 0 {
            self.wait(&mut events)?;
            for event in &events {
                match event.token() {
                    INTERRUPT => self.dismiss(),
                    DOOR => self.door.iter_mut().for_each(|door| door.ready = true),
                    Token(key) => self.note(key, event),
                }
            }
            self.welcome();
            for mut socket in self.guests.turn(self.now, &mut buf) {
                // It is closed in any case.
                let _ = self.poll.registry().deregister(&mut socket);
                if let Some(door) = &mut self.door {
                    door.paused_until = Duration::ZERO;
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.start.elapsed();
        let knock = self.door.as_ref().and_then(|door| door.wait(now));
        let time = [knock, self.guests.wait(now)].into_iter().flatten().min();
        let polled = self.poll.poll(events, time);
        self.now = self.start.elapsed();
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&mut self, key: usize, event: &Event) {
        let error = event.is_error();
        let readable = event.is_readable() || event.is_read_closed() || error;
        let writable = event.is_writable() || event.is_write_closed() || error;
        self.guests.note(key, readable, writable);
    }

    /// Lets in who waits outside, a few at a time.
    fn welcome(&mut self) {
        for _ in 0..ACCEPTS {
            let Some(door) = self.door.as_mut().filter(|door| door.is_ready(self.now)) else {
                return;
            };
            match door.listener.accept() {
                Ok((socket, address)) => self.admit(socket, address),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => (door.ready, door.told) = (false, false),
                    // Whoever it was did not wait.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Out of descriptors, most likely: those who go make room.
                        if !mem::replace(&mut door.told, true) {
                            say(format_args!("can't accept: {error}"));
                        }
                        door.paused_until = self.now + PAUSE;
                    }
                },
            }
        }
    }

    fn admit(&mut self, mut socket: TcpStream, address: SocketAddr) {
        self.arrivals += 1;
        let number = self.arrivals;
        let token = Token(self.guests.vacant_key());
        let both = Interest::READABLE | Interest::WRITABLE;
        let ready = socket
            .set_nodelay(true)
            .and_then(|()| self.poll.registry().register(&mut socket, token, both));
        match ready {
            Ok(()) => self.guests.admit(socket, number, address),
            Err(error) => say(format_args!("{number}: {error}")),
        }
    }

    /// Lets nobody in any more, and sees all off.
    fn dismiss(&mut self) {
        if let Some(mut door) = self.door.take() {
            let _ = self.poll.registry().deregister(&mut door.listener);
            self.guests.dismiss(self.now);
        }
    }
}

impl Door {
    /// How long until somebody can be let in.
    fn wait(&self, now: Duration) -> Option<Duration> {
        self.ready.then(|| self.paused_until.saturating_sub(now))
    }

    fn is_ready(&self, now: Duration) -> bool {
        self.wait(now) == Some(Duration::ZERO)
    }
}

impl Socket for TcpStream {
    fn shut_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
