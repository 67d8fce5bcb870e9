//! Everybody who is connected, whatever their sockets are and whoever keeps the clock.

use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use hybi::{Close, Config, Connection, Event, Handshake, MessageAssembler, Refused, Request};
use slab::Slab;

use super::broadcast::Letter;
use super::chat::{self, Answer, MAX_MESSAGE};
use super::cli::say;
use super::link::{Link, Socket};
use super::timers::Timers;

/// What one read takes in at most.
pub const CHUNK: usize = 64 * 1024;

/// With so many guests a read takes in half of that, with twice as many a third, and so on: each
/// message heard may have to go to all of them, and a turn is to stay short.
const CROWD: usize = 32;

/// How often a guest is read from in one turn: most often the second read finds that all is read,
/// and the poll is only certain to tell of more after that.
const READS: usize = 2;

/// After they were dismissed: for the close timeout, and a little for lingering.
const FAREWELL: Duration = Duration::from_secs(7);

/// The timer of that, by a key which no slab comes to.
const DISMISSED: usize = usize::MAX;

pub struct Guests<S> {
    config: Config,
    timers: Timers,
    guests: Slab<Guest<S>>,
    /// Those whom the next turn concerns.
    awake: Vec<usize>,
}

struct Guest<S> {
    link: Link<S>,
    number: u64,
    address: SocketAddr,
    /// Until the opening is through.
    origin: Option<Box<str>>,
    /// Between messages there is none, so that nobody who is idle holds a buffer.
    message: Option<MessageAssembler>,
    received: u64,
    sent: u64,
    awake: bool,
}

impl<S: Socket> Guests<S> {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            timers: Timers::default(),
            guests: Slab::new(),
            awake: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.guests.len()
    }

    /// By which the next one who is admitted will be known.
    pub fn vacant_key(&self) -> usize {
        self.guests.vacant_key()
    }

    pub fn admit(&mut self, socket: S, number: u64, address: SocketAddr) {
        let key = self.guests.insert(Guest {
            link: Link::new(socket, Connection::server(&self.config)),
            number,
            address,
            origin: None,
            message: None,
            received: 0,
            sent: 0,
            awake: false,
        });
        self.wake(key);
    }

    /// What the poll says of a guest, who may have gone meanwhile.
    pub fn note(&mut self, key: usize, readable: bool, writable: bool) {
        if let Some(guest) = self.guests.get_mut(key) {
            guest.link.note(readable, writable);
            guest.wake(key, &mut self.awake);
        }
    }

    /// How long until the next turn, if nothing happens before.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        if self.awake.is_empty() {
            self.timers.wait(now)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Hears and tells what there is; the sockets of those who are gone then.
    pub fn turn(&mut self, now: Duration, buf: &mut [u8]) -> Vec<S> {
        while let Some(key) = self.timers.pop(now) {
            match key {
                DISMISSED => self.hurry(),
                key => self.wake(key),
            }
        }
        // Whoever is spoken to meanwhile joins the end of the line.
        let mut next = 0;
        while let Some(&key) = self.awake.get(next) {
            self.attend(key, buf);
            next += 1;
        }
        // Last, since it is here that guests leave: their keys mean others from then on.
        let awake = mem::take(&mut self.awake);
        awake
            .into_iter()
            .filter_map(|key| self.settle(key, now))
            .collect()
    }

    fn wake(&mut self, key: usize) {
        self.guests[key].wake(key, &mut self.awake);
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
                    let whole = message.get_or_insert_with(|| MessageAssembler::new(MAX_MESSAGE));
                    match whole.push_text(&piece) {
                        Ok(Some(text)) => self.answer(key, text),
                        Ok(None) => {}
                        Err(error) => guest.link.cut(error.to_string()),
                    }
                    if piece.is_final() {
                        message = None;
                    }
                }
                Event::Binary(piece) => {
                    let whole = message.get_or_insert_with(|| MessageAssembler::new(MAX_MESSAGE));
                    match whole.push_binary(&piece) {
                        Ok(Some(bytes)) => self.pass_on(key, Letter::binary(bytes)),
                        Ok(None) => {}
                        Err(error) => guest.link.cut(error.to_string()),
                    }
                    if piece.is_final() {
                        message = None;
                    }
                }
                _ => {}
            }
        }
        self.guests[key].message = message;
    }

    fn answer(&mut self, key: usize, text: &str) {
        match chat::answer(text) {
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
                let sent = conn.send_prepared(copy);
                guest.count(sent);
                guest.wake(key, &mut self.awake);
            }
        }
    }

    /// Sends all that a guest was told in this turn, and sees it off when it is over.
    fn settle(&mut self, key: usize, now: Duration) -> Option<S> {
        let guest = &mut self.guests[key];
        guest.awake = false;
        let deadline = guest.link.settle(now);
        if guest.link.is_gone(now) {
            self.timers.cancel(key);
            return Some(self.guests.remove(key).part());
        }
        if let Some(at) = deadline {
            self.timers.set(key, at);
        }
        if guest.link.is_readable() {
            self.wake(key);
        }
        None
    }

    /// Closes every connection.
    pub fn dismiss(&mut self, now: Duration) {
        self.timers.set(DISMISSED, now + FAREWELL);
        for (key, guest) in &mut self.guests {
            // Refused for one that is closing already.
            let _ = guest.link.conn.close(&Close::new(1001, ""));
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

impl<S: Socket> Guest<S> {
    fn wake(&mut self, key: usize, awake: &mut Vec<usize>) {
        if !mem::replace(&mut self.awake, true) {
            awake.push(key);
        }
    }

    fn request(&mut self, request: &Request) {
        self.origin = request.origin().map(Into::into);
        if let Err(error) = chat::open(&mut self.link.conn, request) {
            self.link.cut(error.to_string());
        }
    }

    fn announce(&mut self, open: &Handshake) {
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

    fn part(self) -> S {
        let (number, why) = (self.number, self.link.why());
        let (received, sent) = (self.received, self.sent);
        say(format_args!(
            "{number}: {why}; {received} messages in, {sent} out"
        ));
        self.link.socket
    }
}
