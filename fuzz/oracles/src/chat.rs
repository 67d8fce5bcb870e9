//! The clients of `mio_chat`, compared with a simple model. The model replays each read and write
//! on a connection of its own and broadcasts without optimizations.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use hybi::{ClientRequest, Close, Closed, Config, Connection, Event, Refused};
use hybi_examples::chat;
use hybi_examples::mio_chat::clients::{Clients, READ_LEN};

use crate::dialect::ALL;
use crate::encode::Encode;
use crate::memory;
use crate::options::Digit;
use crate::redaction::check_line;
use crate::session::ENTROPY;
use crate::socket::{Call, Calls, Socket, Wire};
use crate::steps::{Steps, arbitrary_action, letter};

/// The number of clients at a time.
const SLOTS: usize = 8;

/// Bounds the time that one input takes.
const MAX_TOTAL_SENT: usize = 64 * 1024;

/// The length of the longest control frame that a server sends.
const MAX_CONTROL_LEN: usize = 2 + 125;

// The timeouts of the example.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_RETRY: Duration = Duration::from_secs(1);
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(7);

/// Longer than all timeouts together.
const LONG: Duration = Duration::from_secs(60);

/// The smallest timeout that a connection returns.
const MIN_WAIT: Duration = Duration::from_millis(1);

const PAGE_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
const OTHER_REQUEST: &[u8] = b"GET /elsewhere HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// The most bytes that one read or one write of a socket transfers.
const MAX_READS: [usize; 4] = [usize::MAX, 3, 16, 100];
const MAX_WRITES: [usize; 4] = [usize::MAX, 7, 50, 1000];

#[derive(Clone, Debug, PartialEq)]
enum Message {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Default)]
struct Received {
    /// The chunks of an incomplete message.
    incomplete: Vec<u8>,
    messages: Vec<Message>,
}

/// The client's end of a connection, and the model of the server's end.
struct Peer {
    wire: Rc<RefCell<Wire>>,
    /// Readable and writable, as the next poll reports it.
    readiness: [bool; 2],
    /// `None` before the handshake.
    client: Option<Connection>,
    sent: Vec<Message>,
    received: Received,
    /// Does not read for now.
    is_deaf: bool,
    /// Has sent nothing but what a correct client sends.
    is_correct: bool,
    has_closed: bool,
    /// The key of the client under test, until it is removed.
    key: Option<usize>,
    model: Model,
}

/// What the server's end of a connection is expected to do.
struct Model {
    conn: Connection,
    received: Received,
    sent: Vec<Message>,
    aborted: bool,
    eof: bool,
    /// When the write side was shut down.
    shutdown_since: Option<Duration>,
    /// When writes began to block, and when one was last tried.
    blocked: Option<(Duration, Duration)>,
}

struct Chat {
    config: Config,
    max_send_buffer: usize,
    clients: Clients<Socket>,
    peers: [Option<Peer>; SLOTS],
    calls: Calls,
    now: Duration,
    shutdown_since: Option<Duration>,
    accepted: u64,
    /// Part of each message, so that no two are equal.
    message_count: usize,
    total_sent: usize,
    buf: Vec<u8>,
}

/// What the server is configured with, and what its clients do.
#[derive(Arbitrary, Debug)]
pub struct ChatInput {
    /// 1 if the server shuts down at the end instead of the clients.
    pub switches: Digit,
    /// Of the send buffer, 0 for the example's.
    pub limit: Digit,
    pub separator: u8,
    pub steps: Steps<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Step {
    pub action: Action,
    /// The client, modulo `SLOTS`.
    pub slot: Digit,
    pub amount: Digit,
    /// A turn of the server follows.
    pub turn: bool,
}

/// An action of one client, of its socket or of the server, or the passing of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// The client connects; the amount selects how much its socket transfers at a time.
    Connect,
    /// It starts the handshake, or sends something else.
    Open,
    Text,
    /// Text in fragments, with a ping between them.
    Fragments,
    Binary,
    Ping,
    Close,
    /// Sends the amount as a byte.
    Byte,
    /// Stops or resumes reading.
    ToggleReading,
    ShutDownWrite,
    Reset,
    /// Sets the space of its socket.
    SetSpace,
    /// Increases the space, as the poll reports.
    AddSpace,
    /// Increases the space, unreported.
    AddSpaceUnreported,
    /// Interrupts the next calls.
    Interrupt,
    /// The next write returns zero.
    WriteZero,
    /// Reports readiness without a cause.
    SpuriousReadiness,
    /// Time advances timer by timer.
    Advance,
    /// Time advances at once.
    Jump,
    ShutDownServer,
    Nothing,
}

/// All actions, and their letters in an input.
const ACTIONS: [(u8, Action); 21] = [
    (b'c', Action::Connect),
    (b'o', Action::Open),
    (b't', Action::Text),
    (b'f', Action::Fragments),
    (b'b', Action::Binary),
    (b'p', Action::Ping),
    (b'x', Action::Close),
    (b'r', Action::Byte),
    (b'm', Action::ToggleReading),
    (b'e', Action::ShutDownWrite),
    (b'k', Action::Reset),
    (b'h', Action::SetSpace),
    (b'g', Action::AddSpace),
    (b'l', Action::AddSpaceUnreported),
    (b'i', Action::Interrupt),
    (b'z', Action::WriteZero),
    (b's', Action::SpuriousReadiness),
    (b'w', Action::Advance),
    (b'j', Action::Jump),
    (b'd', Action::ShutDownServer),
    (b'n', Action::Nothing),
];

/// Checks the server's calls, and what its clients receive.
pub fn chat(input: ChatInput) {
    let [server_closes] = input.switches.switches();
    let mut chat = Chat::new(input.limit.value());
    for step in input.steps.0 {
        let slot = step.slot.value() % SLOTS;
        chat.step(step.action, slot, step.amount.value() as u8);
        if step.turn {
            chat.turn();
        }
    }
    chat.finish(server_closes);
}

impl<'a> Arbitrary<'a> for Action {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        arbitrary_action(u, &ACTIONS)
    }
}

impl Encode for Action {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(letter(*self, &ACTIONS));
    }
}

impl hybi_examples::mio_chat::link::Socket for Socket {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Self::shutdown_write(self)
    }
}

impl Received {
    /// Returns the message that the event completes.
    fn push(&mut self, event: &Event<'_>) -> Option<Message> {
        let (chunk, is_final) = match event {
            Event::Text(text) => (text.as_str().as_bytes(), text.is_final()),
            Event::Binary(binary) => (binary.as_bytes(), binary.is_final()),
            _ => return None,
        };
        self.incomplete.extend_from_slice(chunk);
        let payload = is_final.then(|| mem::take(&mut self.incomplete))?;
        let message = match event {
            Event::Text(_) => Message::Text(String::from_utf8(payload).expect("valid UTF-8")),
            _ => Message::Binary(payload),
        };
        self.messages.push(message.clone());
        Some(message)
    }
}

impl Peer {
    /// Starts a handshake, or sends an HTTP request or something invalid instead.
    fn open(&mut self, amount: usize) {
        if self.client.is_some() {
            return;
        }
        // A correct client does not start after the server has closed.
        self.is_correct &= amount % 8 < ALL.len() && self.model.conn.closed().is_none();
        match amount % 8 {
            5 => self.send(PAGE_REQUEST),
            6 => self.send(OTHER_REQUEST),
            7 => self.send(b"EHLO example.com\r\n"),
            dialect => {
                let request = ClientRequest::new("ws://example.com/").expect("a valid URL");
                let request = request.with_dialect(ALL[dialect]);
                self.client = Some(Connection::client(&Config::new(), &request, ENTROPY));
                self.flush();
            }
        }
    }

    fn change_socket(&mut self, action: Action, amount: usize) {
        let mut wire = self.wire.borrow_mut();
        match action {
            Action::ShutDownWrite => {
                wire.eof = true;
                self.readiness[0] = true;
            }
            Action::Reset => {
                (wire.eof, wire.reset) = (true, true);
                self.readiness = [true; 2];
            }
            Action::SetSpace => wire.space = 4 * amount,
            // A poll may report a socket as writable only when there is more space.
            Action::AddSpaceUnreported => wire.space = wire.space.saturating_add(amount),
            Action::AddSpace => {
                wire.space = match amount {
                    255 => usize::MAX,
                    _ => wire.space.saturating_add(amount * amount),
                };
                self.readiness[1] = true;
            }
            Action::Interrupt => wire.interrupted = [true; 2],
            Action::WriteZero => wire.writes_zero = true,
            _ => {}
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut wire = self.wire.borrow_mut();
        if !wire.eof && !bytes.is_empty() {
            wire.to_server.extend_from_slice(bytes);
            self.readiness[0] = true;
        }
    }

    /// Sends the client's pending output.
    fn flush(&mut self) {
        if let Some(client) = &mut self.client {
            let bytes = client.transmit().to_vec();
            client.advance(bytes.len());
            self.send(&bytes);
        }
    }

    /// Passes what the server wrote to the client.
    fn receive(&mut self) {
        if self.is_deaf {
            return;
        }
        let mut bytes = mem::take(&mut self.wire.borrow_mut().to_peer);
        let mut input = &mut bytes[..];
        if let Some(client) = &mut self.client {
            while let Some(event) = client.receive(&mut input) {
                self.received.push(&event);
                if let Event::Closed(closed) = event {
                    let is_error = matches!(closed, Closed::Protocol(_)) && self.is_correct;
                    assert!(!is_error, "rejected by the client: {closed}");
                }
            }
        }
        self.flush();
    }

    /// The client received a prefix of what the model sent.
    fn check_received(&self) {
        assert!(self.model.sent.starts_with(&self.received.messages));
    }

    /// Nothing is left to do at `now`. `timeout` is that of all clients.
    fn check_idle(&self, now: Duration, timeout: Option<Duration>, max_send_buffer: usize) {
        let (wire, model) = (self.wire.borrow(), &self.model);
        assert!(!wire.reset, "the reset was not noticed");
        if model.wants_read() {
            assert!(wire.to_server.is_empty(), "input was not read");
            assert!(model.eof || !wire.eof, "end of file was not read");
        }
        let pending = model.conn.transmit().len();
        assert!(
            pending <= max_send_buffer + MAX_CONTROL_LEN,
            "{pending} bytes are pending"
        );
        if pending > 0 {
            let (since, last) = model.blocked.expect("output is written until it blocks");
            assert!(
                wire.space == 0 || now < last + WRITE_RETRY,
                "the write was not retried"
            );
            assert!(now < since + WRITE_TIMEOUT, "the write did not time out");
        }
        if model.conn.is_done() {
            let soon = timeout.is_some_and(|timeout| timeout <= MIN_WAIT);
            assert!(
                soon || model.shutdown_since.is_some(),
                "the write side was not shut down"
            );
        }
        let lingers = |since| now < since + LINGER_TIMEOUT;
        assert!(model.shutdown_since.is_none_or(lingers));
        if !self.is_correct || self.has_closed || wire.eof || !model.conn.is_open() {
            return;
        }
        if wire.to_server.is_empty() {
            assert_eq!(model.received.messages, self.sent);
        }
        if pending == 0 && !self.is_deaf {
            assert!(self.client.as_ref().is_some_and(Connection::is_open));
            assert_eq!(self.received.messages, model.sent);
        }
    }
}

impl Model {
    /// Aborts if the send buffer is full. Skips a connection that is not open, or whose dialect
    /// does not support the message.
    fn send(&mut self, message: &Message) {
        let result = match message {
            Message::Text(text) => self.conn.send_text(text),
            Message::Binary(bytes) => self.conn.send_binary(bytes),
        };
        match result {
            Ok(()) => self.sent.push(message.clone()),
            Err(Refused::BufferFull { .. }) => self.aborted = true,
            Err(Refused::NotOpen | Refused::Closing | Refused::Unsupported(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// While lingering, all input is read.
    fn wants_read(&self) -> bool {
        !self.aborted && (self.shutdown_since.is_some() || self.conn.wants_read())
    }

    fn is_finished(&self, now: Duration) -> bool {
        let lingered = |since| self.eof || now >= since + LINGER_TIMEOUT;
        self.aborted || self.shutdown_since.is_some_and(lingered)
    }
}

impl Chat {
    fn new(limit: usize) -> Self {
        let mut config = chat::config();
        let mut max_send_buffer = 2 * chat::MAX_MESSAGE_LEN + 1024;
        if limit > 0 {
            // Large enough for the page.
            max_send_buffer = 4096 + 32 * limit;
            config = config
                .max_send_buffer(max_send_buffer)
                .high_water(8 * limit);
        }
        Self {
            config,
            max_send_buffer,
            clients: Clients::new(config, |line| check_line(line)),
            peers: Default::default(),
            calls: Calls::default(),
            now: Duration::ZERO,
            shutdown_since: None,
            accepted: 0,
            message_count: 0,
            total_sent: 0,
            buf: vec![0; READ_LEN],
        }
    }

    fn step(&mut self, action: Action, slot: usize, amount: u8) {
        let number = usize::from(amount);
        let time = Duration::from_millis(100) * u32::from(amount);
        match action {
            Action::Connect => return self.connect(slot, number),
            Action::ShutDownServer => return self.shut_down(),
            Action::Advance => return self.advance(time),
            Action::Jump => {
                self.now += time;
                return self.turn_until_idle();
            }
            _ => {}
        }
        let Some(peer) = &mut self.peers[slot] else {
            return;
        };
        match action {
            Action::Open => peer.open(number),
            Action::Byte => {
                peer.is_correct = false;
                peer.send(&[amount]);
            }
            Action::ToggleReading => peer.is_deaf = !peer.is_deaf,
            Action::SpuriousReadiness => {
                peer.readiness[0] |= number & 1 == 1;
                peer.readiness[1] |= number & 2 == 2;
            }
            Action::Text | Action::Binary | Action::Fragments | Action::Ping | Action::Close => {
                self.send(action, slot, number)
            }
            _ => peer.change_socket(action, number),
        }
    }

    fn connect(&mut self, slot: usize, amount: usize) {
        let mut previous = self.peers[slot].take();
        let is_taken = previous.as_ref().is_some_and(|peer| peer.key.is_some());
        if is_taken || self.shutdown_since.is_some() {
            self.peers[slot] = previous;
            return;
        }
        if let Some(peer) = &mut previous {
            peer.receive();
            peer.check_received();
        }
        let wire = Rc::new(RefCell::new(Wire {
            to_server: Vec::new(),
            to_peer: Vec::new(),
            eof: false,
            reset: false,
            space: usize::MAX,
            max_read: MAX_READS[amount % 4],
            max_write: MAX_WRITES[amount / 4 % 4],
            interrupted: [false; 2],
            writes_zero: false,
        }));
        self.accepted += 1;
        let key = self.clients.vacant_key();
        let socket = Socket {
            slot,
            wire: Rc::clone(&wire),
            calls: Rc::clone(&self.calls),
        };
        let address = ([127, 0, 0, 1], 1024).into();
        self.clients.insert(socket, self.accepted, address);
        self.peers[slot] = Some(Peer {
            wire,
            readiness: [false; 2],
            client: None,
            sent: Vec::new(),
            received: Received::default(),
            is_deaf: false,
            is_correct: true,
            has_closed: false,
            key: Some(key),
            model: Model {
                conn: Connection::server(&self.config),
                received: Received::default(),
                sent: Vec::new(),
                aborted: false,
                eof: false,
                shutdown_since: None,
                blocked: None,
            },
        });
    }

    /// Sends a message, a ping or a close frame if the client is open.
    fn send(&mut self, action: Action, slot: usize, amount: usize) {
        let Some(peer) = &mut self.peers[slot] else {
            return;
        };
        let Some(client) = peer.client.as_mut().filter(|client| client.is_open()) else {
            return;
        };
        self.message_count += 1;
        let len = amount * amount / 32;
        self.total_sent += len;
        if self.total_sent > MAX_TOTAL_SENT {
            return;
        }
        let text = match amount {
            0 => "POKE".to_owned(),
            1 => "CONNECTED".to_owned(),
            _ => format!("{}{}", self.message_count, "\u{e9}".repeat(len / 2)),
        };
        let bytes = text.as_bytes();
        let ping = &bytes[..bytes.len().min(125)];
        let result = match action {
            Action::Text => client.send_text(&text),
            Action::Binary => client.send_binary(bytes),
            Action::Fragments => client
                .send_text_fragment(&text, false)
                .and_then(|()| client.send_ping(ping))
                .and_then(|()| client.send_text_fragment("", true)),
            Action::Ping => client.send_ping(ping),
            _ => {
                peer.has_closed = true;
                client.close(&Close::new(1000 + (amount % 4) as u16, ""))
            }
        };
        match (result, action) {
            (Ok(()), Action::Text | Action::Fragments) => peer.sent.push(Message::Text(text)),
            (Ok(()), Action::Binary) => peer.sent.push(Message::Binary(text.into())),
            (result, _) => assert!(matches!(result, Ok(()) | Err(Refused::Unsupported(_)))),
        }
        peer.flush();
    }

    fn shut_down(&mut self) {
        if self.shutdown_since.is_some() {
            return;
        }
        self.shutdown_since = Some(self.now);
        self.clients.shut_down(self.now);
        for model in self.models() {
            let _ = model.conn.close(&Close::new(1001, ""));
        }
    }

    /// Returns the models of all clients that are not removed.
    fn models(&mut self) -> impl Iterator<Item = &mut Model> {
        let peers = self.peers.iter_mut().flatten();
        let connected = peers.filter(|peer| peer.key.is_some());
        connected.map(|peer| &mut peer.model)
    }

    /// Runs a turn and compares its calls with the model. Returns whether anything happened.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        for peer in self.peers.iter_mut().flatten() {
            peer.receive();
            let [readable, writable] = mem::take(&mut peer.readiness);
            if let Some(key) = peer.key.filter(|_| readable || writable) {
                self.clients.set_readiness(key, readable, writable);
                busy = true;
            }
        }
        let now = self.now;
        if self
            .shutdown_since
            .is_some_and(|since| now >= since + SHUTDOWN_TIMEOUT)
        {
            self.models().for_each(|model| model.aborted = true);
        }
        // Timeouts are events without input.
        for slot in 0..SLOTS {
            self.handle_input(slot, Vec::new());
        }
        let removed = self.clients.turn(now, &mut self.buf);
        let removed: Vec<_> = removed.into_iter().map(|socket| socket.slot).collect();
        let calls = mem::take(&mut *self.calls.borrow_mut());
        let is_progress = |call: &Call| !matches!(call, Call::Blocked(_) | Call::Nothing);
        busy |= calls.iter().any(|(_, call)| is_progress(call));
        check_call_counts(&calls);
        for (slot, call) in calls {
            self.replay(slot, call);
        }
        for (slot, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer.as_mut().filter(|peer| peer.key.is_some()) else {
                continue;
            };
            peer.model.conn.tick(now);
            peer.model
                .blocked
                .take_if(|_| !peer.model.conn.wants_write());
            let is_finished = peer.model.is_finished(now);
            assert_eq!(removed.contains(&slot), is_finished, "{slot}");
            peer.key.take_if(|_| is_finished);
        }
        assert_eq!(self.clients.len(), self.models().count());
        busy
    }

    fn replay(&mut self, slot: usize, call: Call) {
        let now = self.now;
        let Some(Peer { model, .. }) = &mut self.peers[slot] else {
            panic!("slot {slot} is empty");
        };
        match call {
            Call::Read(bytes) => {
                assert!(model.wants_read());
                self.handle_input(slot, bytes);
            }
            Call::Eof => {
                assert!(model.wants_read());
                model.eof = true;
                model.conn.receive_eof();
                self.handle_input(slot, Vec::new());
            }
            Call::Wrote(pending, written) => {
                assert!(!model.aborted && model.shutdown_since.is_none());
                assert_eq!(pending, model.conn.transmit().len());
                assert!(model.conn.transmit().starts_with(&written));
                model.conn.advance(written.len());
                model.blocked = None;
            }
            Call::Blocked(pending) => {
                assert!(!model.aborted && model.shutdown_since.is_none());
                assert_eq!(pending, model.conn.transmit().len());
                let since = model.blocked.map_or(now, |(since, _)| since);
                model.blocked = Some((since, now));
                model.aborted = now >= since + WRITE_TIMEOUT;
            }
            Call::Failed => model.aborted = true,
            Call::ShutdownWrite => {
                model.conn.tick(now);
                assert!(model.conn.is_done());
                assert_eq!(model.shutdown_since.replace(now), None);
            }
            Call::Nothing => {}
        }
    }

    fn handle_input(&mut self, slot: usize, mut bytes: Vec<u8>) {
        let mut input = &mut bytes[..];
        while let Some(Peer { model, .. }) = &mut self.peers[slot] {
            let Some(event) = model.conn.receive(&mut input) else {
                return;
            };
            if let Event::Request(request) = &event {
                model.aborted |= chat::handle_request(&mut model.conn, request).is_err();
            }
            let Some(message) = model.received.push(&event) else {
                continue;
            };
            let reply = match &message {
                Message::Text(text) if text == "POKE" => Some("Quit poking me!"),
                Message::Text(text) if text == "CONNECTED" => Some("Welcome"),
                _ => None,
            };
            match reply {
                Some(reply) => model.send(&Message::Text(reply.to_owned())),
                None => self.models().for_each(|model| model.send(&message)),
            }
        }
    }

    /// Runs turns until nothing is left to do.
    fn turn_until_idle(&mut self) {
        let mut idle_turns = 0;
        while idle_turns == 0 || self.clients.timeout(self.now) == Some(Duration::ZERO) {
            idle_turns = if self.turn() { 0 } else { idle_turns + 1 };
            assert!(idle_turns < 4, "turns without progress");
        }
        let timeout = self.clients.timeout(self.now);
        for peer in self.peers.iter().flatten() {
            if peer.key.is_some() {
                peer.check_idle(self.now, timeout, self.max_send_buffer);
            }
        }
    }

    /// Advances the time, with turns whenever a timer expires.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        self.turn_until_idle();
        while let Some(timeout) = self.clients.timeout(self.now) {
            if self.now + timeout > end {
                break;
            }
            self.now += timeout;
            self.turn_until_idle();
            turns += 1;
            assert!(turns < 1000, "endless timers");
        }
        self.now = end;
        self.turn_until_idle();
    }

    fn finish(mut self, server_closes: bool) {
        self.advance(LONG);
        for model in self.models() {
            assert!(model.conn.is_open() && !model.conn.wants_write());
        }
        assert_eq!(self.clients.timeout(self.now), None);
        if server_closes {
            self.shut_down();
        } else {
            for peer in self.peers.iter_mut().flatten() {
                peer.change_socket(Action::ShutDownWrite, 0);
            }
        }
        self.advance(LONG);
        assert_eq!(self.clients.len(), 0);
        assert_eq!(self.clients.timeout(self.now), None);
        for peer in self.peers.iter().flatten() {
            peer.check_received();
        }
        memory::check_freed(self.clients, 16 * 1024);
    }
}

/// Per turn and client: at most two reads, and no retry of a call that blocks.
fn check_call_counts(calls: &[(usize, Call)]) {
    for slot in 0..SLOTS {
        let count = |is_counted: fn(&Call) -> bool| {
            let of_slot = calls.iter().filter(|(of, _)| *of == slot);
            of_slot.filter(|(_, call)| is_counted(call)).count()
        };
        assert!(count(|call| matches!(call, Call::Read(_) | Call::Eof)) <= 2);
        assert!(count(|call| matches!(call, Call::Blocked(_))) <= 1);
        // An interrupted read, an interrupted write and a read that blocks.
        assert!(count(|call| matches!(call, Call::Nothing)) <= 3);
    }
}
