//! Everybody who is connected, and the turns of the one thread that serves them.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hybi::{Close, Config, Connection, Event, Message, Open, Refused, Request};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::letter::Letter;
use crate::link::Link;
use crate::operator::say;
use crate::timers::Timers;
use crate::words::{self, Answer, MAX_MESSAGE};

/// What one read takes in at most.
const CHUNK: usize = 64 * 1024;

/// With so many guests a read takes in half of that, with twice as many a third, and so on: each
/// message heard may have to go to all of them, and a turn is to stay short.
const CROWD: usize = 32;

/// How often a guest is read from in one turn: most often the second read finds that all is read,
/// and the poll is only certain to tell of more after that.
const READS: usize = 2;

/// How many guests come in in one turn.
const ACCEPTS: usize = 64;

/// How long nobody is let in after that has failed, unless somebody leaves.
const PAUSE: Duration = Duration::from_millis(100);

/// After Ctrl-C: for the close timeout, and a little for lingering.
const FAREWELL: Duration = Duration::from_secs(7);

/// What becomes ready: a guest by the slab's key, or one of these, which no slab comes to.
pub const INTERRUPT: Token = Token(usize::MAX);
const DOOR: Token = Token(usize::MAX - 1);

pub struct Room {
    poll: Poll,
    config: Config,
    start: Instant,
    now: Duration,
    timers: Timers,
    /// Gone after Ctrl-C.
    door: Option<Door>,
    arrivals: u64,
    guests: Slab<Guest>,
    /// Those whom this turn concerns.
    awake: Vec<usize>,
}

struct Door {
    listener: TcpListener,
    ready: bool,
    paused: bool,
    /// The operator has been told that it is.
    told: bool,
}

struct Guest {
    link: Link,
    number: u64,
    address: SocketAddr,
    /// Until the opening is through.
    origin: Option<Box<str>>,
    /// Between messages there is none, so that nobody who is idle holds a buffer.
    message: Option<Message>,
    received: u64,
    sent: u64,
    awake: bool,
}

impl Room {
    pub fn new(poll: Poll, mut listener: TcpListener) -> io::Result<Self> {
        poll.registry()
            .register(&mut listener, DOOR, Interest::READABLE)?;
        Ok(Self {
            poll,
            config: words::config(),
            start: Instant::now(),
            now: Duration::ZERO,
            timers: Timers::default(),
            door: Some(Door {
                listener,
                ready: false,
                paused: false,
                told: false,
            }),
            arrivals: 0,
            guests: Slab::new(),
            awake: Vec::new(),
        })
    }

    /// Until Ctrl-C, and all are gone.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buf = vec![0; CHUNK];
        while self.door.is_some() || !self.guests.is_empty() {
            self.wait(&mut events)?;
            for event in &events {
                match event.token() {
                    INTERRUPT => self.dismiss(),
                    DOOR => self.door.iter_mut().for_each(|door| door.ready = true),
                    Token(key) => {
                        if let Some(guest) = self.guests.get_mut(key) {
                            guest.link.note(event);
                            guest.wake(key, &mut self.awake);
                        }
                    }
                }
            }
            while let Some(key) = self.timers.pop(self.now) {
                match Token(key) {
                    INTERRUPT => self.hurry(),
                    DOOR => self.door.iter_mut().for_each(|door| door.paused = false),
                    Token(key) => self.wake(key),
                }
            }
            // Whoever is spoken to meanwhile joins the end of the line.
            let mut next = 0;
            while let Some(&key) = self.awake.get(next) {
                self.attend(key, &mut buf);
                next += 1;
            }
            self.welcome();
            // Last, since it is here that guests leave: their keys mean others from then on.
            for key in mem::take(&mut self.awake) {
                self.settle(key);
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let knock = self.door.as_ref().is_some_and(Door::is_ready);
        let time = if knock || !self.awake.is_empty() {
            Some(Duration::ZERO)
        } else {
            self.timers.wait(self.start.elapsed())
        };
        let polled = self.poll.poll(events, time);
        self.now = self.start.elapsed();
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn wake(&mut self, key: usize) {
        self.guests[key].wake(key, &mut self.awake);
    }

    /// Lets in who waits outside, a few at a time.
    fn welcome(&mut self) {
        for _ in 0..ACCEPTS {
            let Some(door) = self.door.as_mut().filter(|door| door.is_ready()) else {
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
                        door.paused = true;
                        self.timers.set(DOOR.0, self.now + PAUSE);
                    }
                },
            }
        }
    }

    fn admit(&mut self, mut socket: TcpStream, address: SocketAddr) {
        self.arrivals += 1;
        let number = self.arrivals;
        let entry = self.guests.vacant_entry();
        let token = Token(entry.key());
        let both = Interest::READABLE | Interest::WRITABLE;
        let ready = socket
            .set_nodelay(true)
            .and_then(|()| self.poll.registry().register(&mut socket, token, both));
        if let Err(error) = ready {
            return say(format_args!("{number}: {error}"));
        }
        entry.insert(Guest {
            link: Link::new(socket, Connection::server(&self.config)),
            number,
            address,
            origin: None,
            message: None,
            received: 0,
            sent: 0,
            awake: false,
        });
        self.wake(token.0);
    }

    /// Reads what a guest has to say, but no more than a turn's worth.
    fn attend(&mut self, key: usize, buf: &mut [u8]) {
        // Without input too, the machine may have something to tell.
        self.hear(key, &mut []);
        let share = (CHUNK / (1 + self.guests.len() / CROWD)).max(128);
        for _ in 0..READS {
            let link = &mut self.guests[key].link;
            if !link.is_readable() {
                return;
            }
            let n = link.read(&mut buf[..share]);
            self.hear(key, &mut buf[..n]);
        }
    }

    fn hear(&mut self, key: usize, mut input: &mut [u8]) {
        let mut message = self.guests[key].message.take();
        while let Some(event) = self.guests[key].link.conn.receive(&mut input) {
            let guest = &mut self.guests[key];
            match event {
                Event::Request(request) => guest.request(&request),
                Event::Open(open) => guest.announce(&open),
                Event::Text(piece) => {
                    let whole = message.get_or_insert_with(|| Message::new(MAX_MESSAGE));
                    match whole.text(&piece) {
                        Ok(Some(text)) => self.answer(key, text),
                        Ok(None) => {}
                        Err(error) => guest.link.cut(error.to_string()),
                    }
                    if piece.is_last() {
                        message = None;
                    }
                }
                Event::Binary(piece) => {
                    let whole = message.get_or_insert_with(|| Message::new(MAX_MESSAGE));
                    match whole.binary(&piece) {
                        Ok(Some(bytes)) => self.pass_on(key, Letter::binary(bytes)),
                        Ok(None) => {}
                        Err(error) => guest.link.cut(error.to_string()),
                    }
                    if piece.is_last() {
                        message = None;
                    }
                }
                _ => {}
            }
        }
        self.guests[key].message = message;
    }

    fn answer(&mut self, key: usize, text: &str) {
        match words::answer(text) {
            Answer::Sender(answer) => {
                let guest = &mut self.guests[key];
                guest.received += 1;
                let sent = guest.link.conn.send_text(answer);
                guest.count(sent);
            }
            Answer::Everybody(text) => self.pass_on(key, Letter::text(text)),
        }
    }

    /// Sends a guest's message to all who are open and whose dialect has such messages.
    fn pass_on(&mut self, key: usize, mut letter: Letter<'_>) {
        self.guests[key].received += 1;
        for (key, guest) in &mut self.guests {
            let conn = &mut guest.link.conn;
            let dialect = conn.dialect().filter(|_| conn.is_open());
            if let Some(copy) = dialect.and_then(|dialect| letter.copy_in(dialect)) {
                let sent = conn.send_encoded(copy);
                guest.count(sent);
                guest.wake(key, &mut self.awake);
            }
        }
    }

    /// Sends all that a guest was told in this turn, and sees it off when it is over.
    fn settle(&mut self, key: usize) {
        let guest = &mut self.guests[key];
        guest.awake = false;
        let deadline = guest.link.settle(self.now);
        if guest.link.is_gone(self.now) {
            return self.part(key);
        }
        if let Some(at) = deadline {
            self.timers.set(key, at);
        }
        if self.guests[key].link.is_readable() {
            self.wake(key);
        }
    }

    fn part(&mut self, key: usize) {
        self.timers.cancel(key);
        let mut guest = self.guests.remove(key);
        // The socket goes with the guest in any case.
        let _ = self.poll.registry().deregister(&mut guest.link.socket);
        guest.part();
        if let Some(door) = &mut self.door {
            door.paused = false;
        }
    }

    /// Lets nobody in any more, and closes every connection.
    fn dismiss(&mut self) {
        let Some(mut door) = self.door.take() else {
            return;
        };
        let _ = self.poll.registry().deregister(&mut door.listener);
        self.timers.set(INTERRUPT.0, self.now + FAREWELL);
        for (key, guest) in &mut self.guests {
            // Refused for one that is closing already.
            let _ = guest.link.conn.close(&Close::with(1001, ""));
            guest.wake(key, &mut self.awake);
        }
    }

    /// Leaves no time to those who have not gone by now.
    fn hurry(&mut self) {
        for (key, guest) in &mut self.guests {
            guest.link.cut("it did not go in time".to_owned());
            guest.wake(key, &mut self.awake);
        }
    }
}

impl Door {
    fn is_ready(&self) -> bool {
        self.ready && !self.paused
    }
}

impl Guest {
    fn wake(&mut self, key: usize, awake: &mut Vec<usize>) {
        if !mem::replace(&mut self.awake, true) {
            awake.push(key);
        }
    }

    fn request(&mut self, request: &Request) {
        self.origin = request.origin().map(Into::into);
        if let Err(error) = words::open(&mut self.link.conn, request) {
            self.link.cut(error.to_string());
        }
    }

    fn announce(&mut self, open: &Open) {
        let (number, address) = (self.number, self.address);
        let dialect = open.dialect();
        let origin = self.origin.take();
        let origin = origin.as_deref().unwrap_or("none");
        say(format_args!(
            "{number}: {address} open, {dialect}, origin {origin}"
        ));
    }

    /// Who is not open yet, or closing, gets nothing; who lets too much pile up loses the
    /// connection.
    fn count(&mut self, sent: Result<(), Refused>) {
        match sent {
            Ok(()) => self.sent += 1,
            Err(Refused::NotOpen | Refused::Closing) => {}
            Err(error) => self.link.cut(error.to_string()),
        }
    }

    fn part(&self) {
        let (number, why) = (self.number, self.link.why());
        let (received, sent) = (self.received, self.sent);
        say(format_args!(
            "{number}: {why}; {received} messages in, {sent} out"
        ));
    }
}
