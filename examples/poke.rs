//! The server of a blog post of 2010, on std threads: greet who connects, complain when poked,
//! pass everything else on to everybody.

#[path = "common/chat.rs"]
mod chat;
#[path = "common/cli.rs"]
mod cli;
#[path = "common/link.rs"]
mod link;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use chat::{Answer, MAX_MESSAGE};
use cli::say;
use hybi::{Close, Config, Connection, Event, Handshake, MessageAssembler, Refused, Request};
use link::Link;

const HELP: &str = "\
Serves the poke page and its WebSocket.

Usage: poke [ADDR]

ADDR defaults to 127.0.0.1:1234; port 0 takes any that is free.";

/// As many connections as the post's server had.
const MAX_CONNECTIONS: usize = 1000;

/// After Ctrl-C: for the close timeout, and a little for the threads.
const FAREWELL: Duration = Duration::from_secs(7);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(address) = cli::address()? else {
        say(HELP);
        return Ok(());
    };
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = interrupt.send(());
    })?;
    let listener = TcpListener::bind(address)?;
    say(format_args!(
        "listening on ws://{}/",
        listener.local_addr()?
    ));

    let room = Arc::new(Room::default());
    let guests = Arc::clone(&room);
    thread::spawn(move || welcome(&listener, &guests));
    interrupted.recv()?;
    room.dismiss();
    Ok(())
}

fn welcome(listener: &TcpListener, room: &Arc<Room>) {
    let config = chat::config();
    for number in 1.. {
        let served = listener.accept().and_then(|(socket, address)| {
            let room = Arc::clone(room);
            let serve = move || serve(&room, number, socket, address, &config);
            thread::Builder::new().spawn(serve).map(drop)
        });
        if let Err(error) = served {
            // Out of descriptors or threads: those who go make room.
            say(format_args!("can't accept: {error}"));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Everybody who is connected, by number.
#[derive(Default)]
struct Room {
    guests: Mutex<BTreeMap<u64, Arc<Guest>>>,
    left: Condvar,
}

struct Guest {
    number: u64,
    address: SocketAddr,
    link: Link,
    origin: OnceLock<String>,
    received: AtomicU64,
    sent: AtomicU64,
}

fn serve(room: &Room, number: u64, socket: TcpStream, address: SocketAddr, config: &Config) {
    let link = match Link::new(socket, Connection::server(config)) {
        Ok(link) => link,
        Err(error) => return say(format_args!("{number}: {error}")),
    };
    let guest = Arc::new(Guest {
        number,
        address,
        link,
        origin: OnceLock::new(),
        received: AtomicU64::new(0),
        sent: AtomicU64::new(0),
    });
    if !room.admit(&guest) {
        return say(format_args!(
            "{number}: {address} came while the room was full"
        ));
    }
    let mut message = MessageAssembler::new(MAX_MESSAGE);
    let answer = |conn: &mut Connection, request: &Request| {
        let origin = request.origin().unwrap_or("none").to_owned();
        // There is one request to a connection.
        let _ = guest.origin.set(origin);
        chat::open(conn, request)
    };
    guest.link.run(answer, |event| match event {
        Event::Open(open) => guest.announce(&open),
        Event::Text(piece) => match message.push_text(&piece) {
            Ok(Some(text)) => guest.heard(room, text),
            Ok(None) => {}
            Err(error) => guest.check(Err(error)),
        },
        Event::Binary(piece) => match message.push_binary(&piece) {
            Ok(Some(bytes)) => guest.pass_on(room, bytes),
            Ok(None) => {}
            Err(error) => guest.check(Err(error)),
        },
        _ => {}
    });
    room.part(&guest);
}

impl Guest {
    fn announce(&self, open: &Handshake) {
        let (number, address) = (self.number, self.address);
        let origin = self.origin.get().map_or("none", String::as_str);
        let dialect = open.dialect();
        say(format_args!(
            "{number}: {address} open, {dialect}, origin {origin}"
        ));
    }

    fn heard(&self, room: &Room, text: &str) {
        self.received.fetch_add(1, Relaxed);
        match chat::answer(text) {
            Answer::Sender(answer) => self.send(|conn| conn.send_text(answer)),
            Answer::Everybody(text) => {
                for guest in room.everybody() {
                    guest.send(|conn| conn.send_text(text));
                }
            }
        }
    }

    /// Binary messages go to those whose dialect has them.
    fn pass_on(&self, room: &Room, bytes: &[u8]) {
        self.received.fetch_add(1, Relaxed);
        for guest in room.everybody() {
            guest.send(|conn| conn.send_binary(bytes));
        }
    }

    /// Never waits. Who is not open yet, or closing, gets nothing; who lets too much pile up loses
    /// the connection.
    fn send(&self, send: impl FnOnce(&mut Connection) -> Result<(), Refused>) {
        match self.link.with(send) {
            Ok(()) => drop(self.sent.fetch_add(1, Relaxed)),
            Err(Refused::NotOpen | Refused::Closing | Refused::Unsupported(_)) => {}
            Err(error) => self.link.cut(error.to_string()),
        }
    }

    /// Ends the connection over what went wrong on our side of it.
    fn check<E: Display>(&self, result: Result<(), E>) {
        if let Err(error) = result {
            self.link.cut(error.to_string());
        }
    }
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn everybody(&self) -> Vec<Arc<Guest>> {
        self.lock().values().cloned().collect()
    }

    fn admit(&self, guest: &Arc<Guest>) -> bool {
        let mut guests = self.lock();
        let free = guests.len() < MAX_CONNECTIONS;
        if free {
            guests.insert(guest.number, Arc::clone(guest));
        }
        free
    }

    fn part(&self, guest: &Guest) {
        let (number, why) = (guest.number, guest.link.why());
        let (received, sent) = (guest.received.load(Relaxed), guest.sent.load(Relaxed));
        say(format_args!(
            "{number}: {why}; {received} messages in, {sent} out"
        ));
        self.lock().remove(&number);
        self.left.notify_all();
    }

    /// Closes every connection, and waits until all are gone or it has taken too long.
    fn dismiss(&self) {
        for guest in self.everybody() {
            // Refused for one that is closing already.
            let _ = guest.link.with(|conn| conn.close(&Close::new(1001, "")));
        }
        let until = Instant::now() + FAREWELL;
        let mut guests = self.lock();
        while !guests.is_empty() {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return;
            };
            let waited = self.left.wait_timeout(guests, left);
            guests = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
