//! The room of `mio_chat`: whatever its guests and their sockets do, it does what a plain one
//! would, which is told of each read and write in turn and sends to everybody by itself.

#[path = "../../examples/mio_chat/broadcast.rs"]
mod broadcast;
#[path = "../../examples/common/chat.rs"]
#[allow(clippy::module_inception)] // The other modules import it by this name.
mod chat;
#[path = "../../examples/mio_chat/clients.rs"]
mod clients;
#[path = "../../examples/mio_chat/link.rs"]
mod link;
#[path = "../../examples/mio_chat/timers.rs"]
mod timers;

use std::cell::RefCell;
use std::io;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use hybi::{ClientRequest, Close, Closed, Config, Connection, Event, Refused};

use self::clients::{CHUNK, Guests};
use super::dialect::ALL;
use super::memory;
use super::options::Options;
use super::run::ENTROPY;
use super::socket::{Call, Calls, Socket, Wire};

/// What the operator is told is one line.
mod cli {
    pub fn say(line: impl std::fmt::Display) {
        super::super::shown::check_line(&line);
    }
}

/// How many there are at a time.
const SLOTS: usize = 8;

/// So that one input does not take for ever.
const MOST_SAID: usize = 64 * 1024;

/// What a close frame or a pong comes to at most.
const CONTROL: usize = 2 + 125;

/// The times that the room keeps.
const STUCK: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_secs(7);

/// By then nobody is left who is not open and up to date.
const LONG: Duration = Duration::from_secs(60);

/// What a wait for something that is there already may come to.
const AT_ONCE: Duration = Duration::from_millis(1);

const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
const ELSEWHERE: &[u8] = b"GET /elsewhere HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// What one read or write moves at most.
const READS: [usize; 4] = [usize::MAX, 3, 16, 100];
const WRITES: [usize; 4] = [usize::MAX, 7, 50, 1000];

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Text(String),
    Binary(Vec<u8>),
}

/// Messages, and of which the last there are only pieces yet.
#[derive(Default)]
struct Heard {
    piece: Vec<u8>,
    whole: Vec<Item>,
}

/// The far end of a connection.
struct Peer {
    wire: Rc<RefCell<Wire>>,
    /// What the poll has to say of it: that it is readable, and writable.
    news: [bool; 2],
    /// From its opening on.
    client: Option<Connection>,
    events: Vec<Item>,
    heard: Heard,
    /// It does not look at what it gets.
    mute: bool,
    /// It says nothing that a client does not.
    clean: bool,
    /// It has closed.
    left: bool,
    /// By which the room knows it, until it is gone from there.
    key: Option<usize>,
    twin: Twin,
}

/// What has become of the room's end.
struct Twin {
    conn: Connection,
    heard: Heard,
    told: Vec<Item>,
    cut: bool,
    ended: bool,
    /// Since when the writing side is shut.
    shut: Option<Duration>,
    /// Since when nothing was taken, and when that was last found.
    blocked: Option<(Duration, Duration)>,
}

struct Chat {
    config: Config,
    max_send_buffer: usize,
    guests: Guests<Socket>,
    peers: [Option<Peer>; SLOTS],
    calls: Calls,
    now: Duration,
    dismissed: Option<Duration>,
    arrivals: u64,
    /// So that no two messages are alike.
    messages: usize,
    events: usize,
    buf: Vec<u8>,
}

/// Options: 1 if all are dismissed at the end, and don't leave by themselves; and what may be
/// pending, 0 for what the example has. Then steps of three bytes: what is done, with a turn behind
/// it unless it is a capital, by whom, and how much of it.
///
/// A guest comes (`c`), opens (`o`) and says something: text, whole or in parts (`t`, `f`), binary
/// (`b`), a ping (`p`), a close frame (`x`) or any byte (`r`); it is deaf for a while (`m`), ends
/// its side (`e`) or resets (`k`). Its socket has less space (`h`) or more (`g`, or `l` when nobody
/// tells), is interrupted (`i`), writes nothing (`z`) or is ready for nothing (`s`). Time goes on
/// turn by turn (`w`) or at once (`j`), and all are dismissed (`d`).
pub fn chat(input: &[u8]) {
    let mut options = Options(input);
    let [dismissed] = options.switches();
    let limit = options.number();
    let mut chat = Chat::new(limit);
    for step in options.wire().chunks_exact(3) {
        let [slot, amount] = [step[1], step[2]].map(|byte| byte.wrapping_sub(b'0'));
        let slot = usize::from(slot) % SLOTS;
        chat.step(step[0].to_ascii_lowercase(), slot, amount);
        if step[0].is_ascii_lowercase() {
            chat.turn();
        }
    }
    chat.finish(dismissed);
}

impl link::Socket for Socket {
    fn shut_write(&mut self) -> io::Result<()> {
        Socket::shut_write(self)
    }
}

impl Heard {
    /// The message that has come to its end with this event.
    fn hear(&mut self, event: &Event<'_>) -> Option<Item> {
        let (piece, last) = match event {
            Event::Text(text) => (text.as_str().as_bytes(), text.is_final()),
            Event::Binary(binary) => (binary.as_bytes(), binary.is_final()),
            _ => return None,
        };
        self.piece.extend_from_slice(piece);
        let whole = last.then(|| mem::take(&mut self.piece))?;
        let item = match event {
            Event::Text(_) => Item::Text(String::from_utf8(whole).expect("whole pieces")),
            _ => Item::Binary(whole),
        };
        self.whole.push(item.clone());
        Some(item)
    }
}

impl Peer {
    /// An opening, a request for a page, or none of that.
    fn open(&mut self, amount: usize) {
        if self.client.is_some() {
            return;
        }
        // Nor does it begin when it is over.
        self.clean &= amount % 8 < ALL.len() && self.twin.conn.closed().is_none();
        match amount % 8 {
            5 => self.send(PLAIN),
            6 => self.send(ELSEWHERE),
            7 => self.send(b"EHLO example.com\r\n"),
            dialect => {
                let target = ClientRequest::new("ws://example.com/").expect("a good URL");
                let target = target.with_dialect(ALL[dialect]);
                self.client = Some(Connection::client(&Config::new(), &target, ENTROPY));
                self.flush();
            }
        }
    }

    /// What happens to a socket.
    fn befall(&mut self, step: u8, amount: usize) {
        let mut wire = self.wire.borrow_mut();
        match step {
            b'e' => {
                wire.ended = true;
                self.news[0] = true;
            }
            b'k' => {
                (wire.ended, wire.reset) = (true, true);
                self.news = [true; 2];
            }
            b'h' => wire.space = 4 * amount,
            // A poll may keep to itself that there is a little.
            b'l' => wire.space = wire.space.saturating_add(amount),
            b'g' => {
                wire.space = match amount {
                    255 => usize::MAX,
                    _ => wire.space.saturating_add(amount * amount),
                };
                self.news[1] = true;
            }
            b'i' => wire.interrupted = [true; 2],
            b'z' => wire.takes_none = true,
            _ => {}
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut wire = self.wire.borrow_mut();
        if !wire.ended && !bytes.is_empty() {
            wire.to_room.extend_from_slice(bytes);
            self.news[0] = true;
        }
    }

    /// What the client has to say goes out.
    fn flush(&mut self) {
        if let Some(client) = &mut self.client {
            let bytes = client.transmit().to_vec();
            client.advance(bytes.len());
            self.send(&bytes);
        }
    }

    /// Takes what has come, and answers it.
    fn live(&mut self) {
        if self.mute {
            return;
        }
        let mut bytes = mem::take(&mut self.wire.borrow_mut().to_peer);
        let mut input = &mut bytes[..];
        if let Some(client) = &mut self.client {
            while let Some(event) = client.receive(&mut input) {
                self.heard.hear(&event);
                if let Event::Closed(why) = event {
                    let bad = matches!(why, Closed::Protocol(_)) && self.clean;
                    assert!(!bad, "the room says {why}");
                }
            }
        }
        self.flush();
    }

    /// All that reached it is what the room had to send, in that order.
    fn check_heard(&self) {
        assert!(self.twin.told.starts_with(&self.heard.whole));
    }

    /// Nothing is left to do for it at `now`, and the room would wait for so long.
    fn check_quiet(&self, now: Duration, wait: Option<Duration>, max_send_buffer: usize) {
        let (wire, twin) = (self.wire.borrow(), &self.twin);
        assert!(!wire.reset, "nobody has noticed");
        if twin.is_heard() {
            assert!(wire.to_room.is_empty(), "not all is read");
            assert!(twin.ended || !wire.ended, "the end is not read");
        }
        let pending = twin.conn.transmit().len();
        assert!(pending <= max_send_buffer + CONTROL, "{pending} bytes");
        if pending > 0 {
            let (since, last) = twin.blocked.expect("it takes more");
            assert!(wire.space == 0 || now < last + RETRY, "it takes more");
            assert!(now < since + STUCK, "it is stuck");
        }
        if twin.conn.is_done() {
            let soon = wait.is_some_and(|wait| wait <= AT_ONCE);
            assert!(soon || twin.shut.is_some(), "it is over");
        }
        assert!(twin.shut.is_none_or(|since| now < since + LINGER));
        if !self.clean || self.left || wire.ended || !twin.conn.is_open() {
            return;
        }
        if wire.to_room.is_empty() {
            assert_eq!(twin.heard.whole, self.events);
        }
        if pending == 0 && !self.mute {
            assert!(self.client.as_ref().is_some_and(Connection::is_open));
            assert_eq!(self.heard.whole, twin.told);
        }
    }
}

impl Twin {
    /// Who is not open gets nothing, nor who speaks a dialect that has no such message; for whom
    /// too much is pending is cut.
    fn tell(&mut self, item: &Item) {
        let sent = match item {
            Item::Text(text) => self.conn.send_text(text),
            Item::Binary(bytes) => self.conn.send_binary(bytes),
        };
        match sent {
            Ok(()) => self.told.push(item.clone()),
            Err(Refused::BufferFull { .. }) => self.cut = true,
            Err(Refused::NotOpen | Refused::Closing | Refused::Unsupported(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Whether what it says is of use; at the end it only has to be read.
    fn is_heard(&self) -> bool {
        !self.cut && (self.shut.is_some() || self.conn.wants_read())
    }

    fn is_gone(&self, now: Duration) -> bool {
        let lingered = |since| self.ended || now >= since + LINGER;
        self.cut || self.shut.is_some_and(lingered)
    }
}

impl Chat {
    fn new(limit: usize) -> Self {
        let mut config = chat::config();
        let mut max_send_buffer = 2 * chat::MAX_MESSAGE + 1024;
        if limit > 0 {
            // The page has to fit.
            max_send_buffer = 4096 + 32 * limit;
            config = config
                .max_send_buffer(max_send_buffer)
                .high_water(8 * limit);
        }
        Self {
            config,
            max_send_buffer,
            guests: Guests::new(config),
            peers: Default::default(),
            calls: Calls::default(),
            now: Duration::ZERO,
            dismissed: None,
            arrivals: 0,
            messages: 0,
            events: 0,
            buf: vec![0; CHUNK],
        }
    }

    fn step(&mut self, step: u8, slot: usize, amount: u8) {
        let number = usize::from(amount);
        let time = Duration::from_millis(100) * u32::from(amount);
        match step {
            b'c' => return self.connect(slot, number),
            b'd' => return self.dismiss(),
            b'w' => return self.pass(time),
            b'j' => {
                self.now += time;
                return self.settle();
            }
            _ => {}
        }
        let Some(peer) = &mut self.peers[slot] else {
            return;
        };
        match step {
            b'o' => peer.open(number),
            b'r' => {
                peer.clean = false;
                peer.send(&[amount]);
            }
            b'm' => peer.mute = !peer.mute,
            b's' => {
                peer.news[0] |= number & 1 == 1;
                peer.news[1] |= number & 2 == 2;
            }
            b't' | b'b' | b'f' | b'p' | b'x' => self.say(step, slot, number),
            _ => peer.befall(step, number),
        }
    }

    fn connect(&mut self, slot: usize, amount: usize) {
        let mut before = self.peers[slot].take();
        if before.as_ref().is_some_and(|peer| peer.key.is_some()) || self.dismissed.is_some() {
            self.peers[slot] = before;
            return;
        }
        if let Some(peer) = &mut before {
            peer.live();
            peer.check_heard();
        }
        let wire = Rc::new(RefCell::new(Wire {
            to_room: Vec::new(),
            to_peer: Vec::new(),
            ended: false,
            reset: false,
            space: usize::MAX,
            most_read: READS[amount % 4],
            most_written: WRITES[amount / 4 % 4],
            interrupted: [false; 2],
            takes_none: false,
        }));
        self.arrivals += 1;
        let key = self.guests.vacant_key();
        let socket = Socket {
            slot,
            wire: Rc::clone(&wire),
            calls: Rc::clone(&self.calls),
        };
        let address = ([127, 0, 0, 1], 1024).into();
        self.guests.admit(socket, self.arrivals, address);
        self.peers[slot] = Some(Peer {
            wire,
            news: [false; 2],
            client: None,
            events: Vec::new(),
            heard: Heard::default(),
            mute: false,
            clean: true,
            left: false,
            key: Some(key),
            twin: Twin {
                conn: Connection::server(&self.config),
                heard: Heard::default(),
                told: Vec::new(),
                cut: false,
                ended: false,
                shut: None,
                blocked: None,
            },
        });
    }

    /// A message, a ping or a close frame, by a client that is open.
    fn say(&mut self, step: u8, slot: usize, amount: usize) {
        let Some(peer) = &mut self.peers[slot] else {
            return;
        };
        let Some(client) = peer.client.as_mut().filter(|client| client.is_open()) else {
            return;
        };
        self.messages += 1;
        let length = amount * amount / 32;
        self.events += length;
        if self.events > MOST_SAID {
            return;
        }
        let text = match amount {
            0 => "POKE".to_owned(),
            1 => "CONNECTED".to_owned(),
            _ => format!("{}{}", self.messages, "\u{e9}".repeat(length / 2)),
        };
        let bytes = text.as_bytes();
        let control = &bytes[..bytes.len().min(125)];
        let sent = match step {
            b't' => client.send_text(&text),
            b'b' => client.send_binary(bytes),
            b'f' => client
                .send_text_fragment(&text, false)
                .and_then(|()| client.send_ping(control))
                .and_then(|()| client.send_text_fragment("", true)),
            b'p' => client.send_ping(control),
            _ => {
                peer.left = true;
                client.close(&Close::new(1000 + (amount % 4) as u16, ""))
            }
        };
        match (sent, step) {
            (Ok(()), b't' | b'f') => peer.events.push(Item::Text(text)),
            (Ok(()), b'b') => peer.events.push(Item::Binary(text.into())),
            (sent, _) => assert!(matches!(sent, Ok(()) | Err(Refused::Unsupported(_)))),
        }
        peer.flush();
    }

    fn dismiss(&mut self) {
        if self.dismissed.is_some() {
            return;
        }
        self.dismissed = Some(self.now);
        self.guests.dismiss(self.now);
        for twin in self.twins() {
            let _ = twin.conn.close(&Close::new(1001, ""));
        }
    }

    /// Of those who are in the room.
    fn twins(&mut self) -> impl Iterator<Item = &mut Twin> {
        let there = self.peers.iter_mut().flatten();
        let there = there.filter(|peer| peer.key.is_some());
        there.map(|peer| &mut peer.twin)
    }

    /// One of the room, held against what it called; whether anything had happened, or moved.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        for peer in self.peers.iter_mut().flatten() {
            peer.live();
            let [readable, writable] = mem::take(&mut peer.news);
            if let Some(key) = peer.key.filter(|_| readable || writable) {
                self.guests.note(key, readable, writable);
                busy = true;
            }
        }
        let now = self.now;
        if self.dismissed.is_some_and(|since| now >= since + FAREWELL) {
            self.twins().for_each(|twin| twin.cut = true);
        }
        // A timeout may have something to tell.
        for slot in 0..SLOTS {
            self.hear(slot, Vec::new());
        }
        let gone = self.guests.turn(now, &mut self.buf);
        let gone: Vec<_> = gone.into_iter().map(|socket| socket.slot).collect();
        let calls = mem::take(&mut *self.calls.borrow_mut());
        let moves = |call: &Call| !matches!(call, Call::Blocked(_) | Call::Nothing);
        busy |= calls.iter().any(|(_, call)| moves(call));
        self.check_work(&calls);
        for (slot, call) in calls {
            self.replay(slot, call);
        }
        for (slot, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer.as_mut().filter(|peer| peer.key.is_some()) else {
                continue;
            };
            peer.twin.conn.tick(now);
            peer.twin.blocked.take_if(|_| !peer.twin.conn.wants_write());
            let goes = peer.twin.is_gone(now);
            assert_eq!(gone.contains(&slot), goes, "{slot}");
            peer.key.take_if(|_| goes);
        }
        assert_eq!(self.guests.len(), self.twins().count());
        busy
    }

    /// Nobody is read from more than twice in a turn, and what moves nothing is tried once.
    fn check_work(&self, calls: &[(usize, Call)]) {
        for slot in 0..SLOTS {
            let of = || calls.iter().filter(|(of, _)| *of == slot);
            let reads = of().filter(|(_, call)| matches!(call, Call::Read(_) | Call::Ended));
            assert!(reads.count() <= 2);
            let blocked = of().filter(|(_, call)| matches!(call, Call::Blocked(_)));
            assert!(blocked.count() <= 1);
            let nothing = of().filter(|(_, call)| matches!(call, Call::Nothing));
            assert!(
                nothing.count() <= 3,
                "two that are interrupted, and one more"
            );
        }
    }

    fn replay(&mut self, slot: usize, call: Call) {
        let now = self.now;
        let Some(Peer { twin, .. }) = &mut self.peers[slot] else {
            panic!("nobody is there");
        };
        match call {
            Call::Read(bytes) => {
                assert!(twin.is_heard());
                self.hear(slot, bytes);
            }
            Call::Ended => {
                assert!(twin.is_heard());
                twin.ended = true;
                twin.conn.receive_eof();
                self.hear(slot, Vec::new());
            }
            Call::Wrote(pending, taken) => {
                assert!(!twin.cut && twin.shut.is_none());
                assert_eq!(pending, twin.conn.transmit().len());
                assert!(twin.conn.transmit().starts_with(&taken));
                twin.conn.advance(taken.len());
                twin.blocked = None;
            }
            Call::Blocked(pending) => {
                assert!(!twin.cut && twin.shut.is_none());
                assert_eq!(pending, twin.conn.transmit().len());
                let since = twin.blocked.map_or(now, |(since, _)| since);
                twin.blocked = Some((since, now));
                twin.cut = now >= since + STUCK;
            }
            Call::Failed => twin.cut = true,
            Call::ShutWrite => {
                twin.conn.tick(now);
                assert!(twin.conn.is_done());
                assert_eq!(twin.shut.replace(now), None);
            }
            Call::Nothing => {}
        }
    }

    /// What the room has to do about bytes that it read.
    fn hear(&mut self, slot: usize, mut bytes: Vec<u8>) {
        let mut input = &mut bytes[..];
        while let Some(Peer { twin, .. }) = &mut self.peers[slot] {
            let Some(event) = twin.conn.receive(&mut input) else {
                return;
            };
            if let Event::Request(request) = &event {
                twin.cut |= chat::open(&mut twin.conn, request).is_err();
            }
            let Some(item) = twin.heard.hear(&event) else {
                continue;
            };
            let answer = match &item {
                Item::Text(text) if text == "POKE" => Some("Quit poking me!"),
                Item::Text(text) if text == "CONNECTED" => Some("Welcome"),
                _ => None,
            };
            match answer {
                Some(answer) => twin.tell(&Item::Text(answer.to_owned())),
                None => self.twins().for_each(|twin| twin.tell(&item)),
            }
        }
    }

    /// Turns until there is nothing to do, which is soon found.
    fn settle(&mut self) {
        let mut idle = 0;
        while idle == 0 || self.guests.wait(self.now) == Some(Duration::ZERO) {
            idle = if self.turn() { 0 } else { idle + 1 };
            assert!(idle < 4, "turns for nothing");
        }
        let wait = self.guests.wait(self.now);
        for peer in self.peers.iter().flatten() {
            if peer.key.is_some() {
                peer.check_quiet(self.now, wait, self.max_send_buffer);
            }
        }
    }

    /// Time goes on, and nobody oversleeps.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut turns = 0;
        self.settle();
        while let Some(wait) = self.guests.wait(self.now) {
            if self.now + wait > until {
                break;
            }
            self.now += wait;
            self.settle();
            turns += 1;
            assert!(turns < 1000, "timers without end");
        }
        self.now = until;
        self.settle();
    }

    fn finish(mut self, dismissed: bool) {
        self.pass(LONG);
        for twin in self.twins() {
            assert!(twin.conn.is_open() && !twin.conn.wants_write());
        }
        assert_eq!(self.guests.wait(self.now), None);
        if dismissed {
            self.dismiss();
        }
        for peer in self.peers.iter_mut().flatten().filter(|_| !dismissed) {
            peer.befall(b'e', 0);
        }
        self.pass(LONG);
        assert_eq!(self.guests.len(), 0);
        assert_eq!(self.guests.wait(self.now), None);
        for peer in self.peers.iter().flatten() {
            peer.check_heard();
        }
        memory::let_go(self.guests, 16 * 1024);
    }
}
