//! The clients of `mio_chat`, compared with a simple model. The model replays each read and write
//! on a connection of its own and broadcasts without optimizations.
//!
//! The order of broadcasts depends on when the server resumes to handle input of congested clients,
//! which the calls of sockets do not show. So without congestion the model predicts the output to
//! the byte; with it, only what clients receive is checked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use hybi::{ClientRequest, Close, Closed, Config, Connection, Entropy, Event, Input, SendError};
use hybi_examples::chat;
use hybi_examples::mio_chat::clients::{Clients, READ_LEN};

use crate::dialect::{ALL, is_hybi};
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
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(7);

/// Longer than all timeouts together.
const LONG: Duration = Duration::from_secs(200);

/// The bytes that a client has to accept within `WRITE_TIMEOUT`, unless less is pending.
const MIN_PROGRESS: usize = 16 * 1024;

/// The models have no timeout of writes: it depends on when the server calls its connections, so
/// `Writes` checks its bounds.
const NEVER: Duration = Duration::MAX;

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
    /// How many messages had been sent to the server when its client saw that it is open.
    opened_at: Option<usize>,
    /// Does not read for now.
    is_deaf: bool,
    /// Reads all output at once, since it has connected.
    is_fast: bool,
    /// Has sent nothing but what a correct client sends.
    is_correct: bool,
    has_closed: bool,
    /// The number of pings that it sent.
    pings: usize,
    /// The key of the client under test, until it is removed.
    key: Option<usize>,
    /// The number of the connection.
    number: u64,
    model: Model,
}

/// What the server's end of a connection is expected to do.
struct Model {
    conn: Connection,
    received: Received,
    sent: Vec<Message>,
    aborted: bool,
    /// Its send buffer was full, which ends it as well.
    overflowed: bool,
    eof: bool,
    /// When the write side was shut down.
    shutdown_since: Option<Duration>,
    writes: Writes,
}

/// The progress of the server's writes.
#[derive(Default)]
struct Writes {
    /// What is left after the last write.
    pending: usize,
    total: usize,
    /// When nothing was pending.
    empty: Duration,
    /// The times of writes, and how many bytes were written up to then, since something is pending.
    progress: Vec<(Duration, usize)>,
    /// The times at which the server was idle, and how many bytes the client had to accept from
    /// then on, as a total.
    idle: Vec<(Duration, usize)>,
}

/// A message, and what counts as its sender: the number of the connection.
type Sent = (Message, u64);

struct Chat {
    /// The configuration of the models.
    config: Config,
    /// No connection is ever congested.
    is_exact: bool,
    max_send_buffer: usize,
    clients: Clients<Socket>,
    peers: [Option<Peer>; SLOTS],
    calls: Calls,
    now: Duration,
    shutdown_since: Option<Duration>,
    accepted: u64,
    /// No client has sent anything but what a correct client sends.
    all_correct: bool,
    /// Part of each message, so that no two are equal.
    message_count: usize,
    /// All messages for all clients, in the order in which they were sent.
    sent: Vec<Sent>,
    total_sent: usize,
    buf: Vec<u8>,
}

/// What the server is configured with, and what its clients do.
#[derive(Arbitrary, Debug)]
pub struct ChatInput {
    /// 1 if the server shuts down at the end instead of the clients, plus 2 for congestion.
    pub switches: Digit,
    /// Of the send buffer or, with congestion, of what is pending before a connection counts as
    /// congested; 0 for the example's.
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
    let [server_closes, congestion] = input.switches.switches();
    let mut chat = Chat::new(input.limit.value(), !congestion);
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
        let model = &self.model;
        let has_ended = model.conn.closed().is_some() || model.shutdown_since.is_some();
        self.is_correct &= amount % 8 < ALL.len() && !has_ended;
        match amount % 8 {
            5 => self.send(PAGE_REQUEST),
            6 => self.send(OTHER_REQUEST),
            7 => self.send(b"EHLO example.com\r\n"),
            dialect => {
                let request = ClientRequest::new("ws://example.com/").expect("a valid URL");
                let request = request.with_dialect(ALL[dialect]);
                self.client = Some(Connection::client(
                    Config::new(),
                    &request,
                    Entropy::from_bytes(ENTROPY),
                ));
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
                self.is_fast = false;
                (wire.eof, wire.reset) = (true, true);
                self.readiness = [true; 2];
            }
            Action::SetSpace => {
                wire.space = 4 * amount;
                self.is_fast = false;
            }
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
            Action::WriteZero => {
                wire.writes_zero = true;
                self.is_fast = false;
            }
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

    /// Passes what the server wrote to the client. `sent` messages were sent to the server so far.
    fn receive(&mut self, sent: usize) {
        if self.is_deaf {
            return;
        }
        let mut bytes = mem::take(&mut self.wire.borrow_mut().to_peer);
        let mut input = Input::new(&mut bytes, Duration::ZERO);
        if let Some(client) = &mut self.client {
            while let Some(event) = client.receive(&mut input) {
                self.received.push(&event);
                match event {
                    Event::Open(_) => self.opened_at = Some(sent),
                    Event::Closed(closed) => {
                        let is_error = matches!(closed, Closed::Protocol(_)) && self.is_correct;
                        assert!(!is_error, "rejected by the client: {closed}");
                    }
                    _ => {}
                }
            }
        }
        self.flush();
    }

    /// The client received a prefix of what the model sent.
    fn check_received(&self) {
        assert!(self.model.sent.starts_with(&self.received.messages));
    }

    /// The client received each message once, in the order of its sender, and all messages of fast
    /// senders if it is fast itself.
    fn check_received_from(&self, sent: &[Sent], fast: &[u64], all_correct: bool) {
        let mut last = HashMap::new();
        let mut missing: Vec<_> = self
            .opened_at
            .map_or(&[][..], |at| &sent[at..])
            .iter()
            .collect();
        for message in &self.received.messages {
            if is_answer(message) {
                continue;
            }
            let Some(position) = sent.iter().position(|(one, _)| one == message) else {
                assert!(!all_correct, "it was not sent: {message:?}");
                continue;
            };
            let before = last.insert(sent[position].1, position);
            assert!(before.is_none_or(|before| before < position));
            missing.retain(|(one, _)| one != message);
        }
        let is_text = |message: &Message| matches!(message, Message::Text(_));
        let hybi = self
            .client
            .as_ref()
            .and_then(Connection::dialect)
            .is_some_and(is_hybi);
        missing.retain(|(message, sender)| fast.contains(sender) && (hybi || is_text(message)));
        let is_open = self.key.is_some() && !self.has_closed;
        let is_sure = self.is_fast && self.is_correct && is_open;
        assert!(!is_sure || missing.is_empty(), "{missing:?}");
    }

    /// Nothing is left to do at `now`.
    fn check_idle(&mut self, now: Duration, max_send_buffer: usize, is_exact: bool) {
        let (wire, model) = (self.wire.borrow(), &mut self.model);
        assert!(!wire.reset, "the reset was not noticed");
        if is_exact {
            let pending = model.conn.pending();
            assert_eq!(
                model.writes.pending > 0,
                pending > 0,
                "it is written until it blocks"
            );
            model.writes.pending = pending;
        }
        let pending = model.writes.pending;
        model.writes.check_idle(now);
        // Without congestion, each ping is answered at once.
        let max = max_send_buffer + (1 + self.pings) * MAX_CONTROL_LEN;
        assert!(
            !self.is_correct || pending <= max,
            "{pending} bytes are pending"
        );
        let lingers = |since| now < since + LINGER_TIMEOUT;
        assert!(model.shutdown_since.is_none_or(lingers));
        if !is_exact {
            // An ended or congested connection reads nothing until all is written.
            assert!(
                wire.to_server.is_empty() || pending > 0,
                "input was not read"
            );
            if self.is_fast {
                assert_eq!(pending, 0);
            }
            return;
        }
        if model.wants_read() {
            assert!(wire.to_server.is_empty(), "input was not read");
            assert!(model.eof || !wire.eof, "end of file was not read");
        }
        if model.conn.is_done() {
            assert!(
                model.shutdown_since.is_some(),
                "the write side was not shut down"
            );
        }
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

/// The server's answers to the texts `POKE` and `CONNECTED`.
fn is_answer(message: &Message) -> bool {
    let answers = ["Quit poking me!", "Welcome"];
    matches!(message, Message::Text(text) if answers.contains(&&text[..]))
}

impl Writes {
    fn record(&mut self, now: Duration, pending: usize, written: usize) {
        self.total += written;
        self.pending = pending - written;
        if self.pending == 0 {
            self.empty = now;
            self.progress.clear();
            self.idle.clear();
        }
        self.progress.push((now, self.total));
    }

    /// Asserts that a timeout does not expire early.
    fn check_timed_out(&self, now: Duration) {
        assert!(self.pending > 0 && now >= self.empty + WRITE_TIMEOUT);
        let start = now - WRITE_TIMEOUT;
        let before = self.progress.iter().rfind(|(at, _)| *at <= start);
        let written = self.total - before.map_or(0, |(_, total)| *total);
        assert!(written < MIN_PROGRESS, "{written} bytes were accepted");
    }

    /// Asserts that no timeout is overdue. From the first time on whose bytes are not accepted, the
    /// timer starts anew at most once.
    fn check_idle(&mut self, now: Duration) {
        if self.pending == 0 {
            return;
        }
        let goal = self.total + self.pending.min(MIN_PROGRESS);
        self.idle.push((now, goal));
        let is_missed = |(_, goal): &&(Duration, usize)| self.total < *goal;
        let since = self.idle.iter().find(is_missed).map_or(now, |(at, _)| *at);
        let is_expired = |(at, _): &&(Duration, usize)| *at >= since + WRITE_TIMEOUT;
        let restart = self.idle.iter().find(is_expired).map(|(at, _)| *at);
        assert!(restart.is_none_or(|restart| now < restart + WRITE_TIMEOUT));
    }
}

impl Model {
    /// Overflows if the send buffer is full. Skips a connection that is not open, or whose dialect
    /// does not support the message.
    fn send(&mut self, message: &Message) {
        let result = match message {
            Message::Text(text) => self.conn.send_text(text),
            Message::Binary(bytes) => self.conn.send_binary(bytes),
        };
        match result {
            Ok(()) => self.sent.push(message.clone()),
            Err(SendError::BufferFull { .. } | SendError::MessageTooLong { .. }) => {
                self.overflowed = true;
                // Also drops the input that was not handled.
                self.conn.abort();
            }
            Err(SendError::NotOpen | SendError::Closing | SendError::Unsupported { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// While lingering, all input is read.
    fn wants_read(&self) -> bool {
        let is_cut_off = self.aborted || self.overflowed;
        !is_cut_off && (self.shutdown_since.is_some() || self.conn.wants_read())
    }

    fn is_finished(&self, now: Duration) -> bool {
        let lingered = |since| self.eof || now >= since + LINGER_TIMEOUT;
        self.aborted || self.overflowed || self.shutdown_since.is_some_and(lingered)
    }
}

impl Chat {
    fn new(limit: usize, is_exact: bool) -> Self {
        let mut config = chat::CONFIG.clone();
        let mut max_send_buffer = 2 * chat::MAX_MESSAGE_LEN + 1024;
        if is_exact {
            config = config.high_water(usize::MAX);
        }
        if limit > 0 && is_exact {
            // Large enough for the page.
            max_send_buffer = 4096 + 32 * limit;
            config = config.max_send_buffer(max_send_buffer);
        } else if limit > 0 {
            config = config.high_water(8 * limit);
        }
        Self {
            config: config.clone().write_timeout(NEVER),
            is_exact,
            max_send_buffer,
            clients: Clients::new(config, |line| check_line(line)),
            peers: Default::default(),
            calls: Calls::default(),
            now: Duration::ZERO,
            shutdown_since: None,
            accepted: 0,
            all_correct: true,
            message_count: 0,
            sent: Vec::new(),
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
                // The server does not sleep before it has finished its own work.
                while self.clients.timeout(self.now) == Some(Duration::ZERO) {
                    self.run_turn();
                }
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
                (peer.is_correct, self.all_correct) = (false, false);
                peer.send(&[amount]);
            }
            Action::ToggleReading => {
                peer.is_deaf = !peer.is_deaf;
                peer.is_fast = false;
            }
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
            peer.receive(self.sent.len());
        }
        if let Some(peer) = previous {
            self.check_received(&peer);
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
            opened_at: None,
            is_deaf: false,
            is_fast: true,
            is_correct: true,
            has_closed: false,
            pings: 0,
            key: Some(key),
            number: self.accepted,
            model: Model {
                conn: Connection::server(self.config.clone()),
                received: Received::default(),
                sent: Vec::new(),
                aborted: false,
                overflowed: false,
                eof: false,
                shutdown_since: None,
                writes: Writes {
                    empty: self.now,
                    ..Writes::default()
                },
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
            0 if action != Action::Binary => "POKE".to_owned(),
            1 if action != Action::Binary => "CONNECTED".to_owned(),
            _ => format!("{}{}", self.message_count, "\u{e9}".repeat(len / 2)),
        };
        let bytes = text.as_bytes();
        let ping = &bytes[..bytes.len().min(125)];
        if matches!(action, Action::Fragments | Action::Ping) {
            peer.pings += 1;
        }
        let result = match action {
            Action::Text => client.send_text(&text),
            Action::Binary => client.send_binary(bytes),
            Action::Fragments => client
                .send_text_fragment(&text, false)
                .and_then(|()| match client.send_ping(ping) {
                    Err(SendError::Unsupported { .. }) => Ok(()),
                    result => result,
                })
                .and_then(|()| client.send_text_fragment("", true)),
            Action::Ping => client.send_ping(ping),
            _ => {
                peer.has_closed = true;
                let close = Close::new(1000 + (amount % 4) as u16, "");
                assert_eq!(client.close(&close), Ok(()));
                return peer.flush();
            }
        };
        let message = match (result, action) {
            (Ok(()), Action::Text | Action::Fragments) => Some(Message::Text(text)),
            (Ok(()), Action::Binary) => Some(Message::Binary(text.into())),
            (result, _) => {
                assert!(matches!(
                    result,
                    Ok(()) | Err(SendError::Unsupported { .. })
                ));
                None
            }
        };
        if let Some(message) = message {
            let has_answer = amount < 2 && matches!(message, Message::Text(_));
            if !has_answer && !peer.wire.borrow().eof {
                self.sent.push((message.clone(), peer.number));
            }
            peer.sent.push(message);
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

    /// Runs a turn after a poll. Returns whether anything happened.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        let sent = self.sent.len();
        for peer in self.peers.iter_mut().flatten() {
            peer.receive(sent);
            let [readable, writable] = mem::take(&mut peer.readiness);
            if let Some(key) = peer.key.filter(|_| readable || writable) {
                self.clients.set_readiness(key, readable, writable);
                busy = true;
            }
        }
        self.run_turn() || busy
    }

    /// Timeouts are events without input.
    fn run_timers(&mut self) {
        if self.is_exact {
            for slot in 0..SLOTS {
                self.handle_input(slot, Vec::new());
            }
        }
    }

    /// Runs a turn and compares its calls with the model. Returns whether anything happened.
    fn run_turn(&mut self) -> bool {
        let now = self.now;
        if self
            .shutdown_since
            .is_some_and(|since| now >= since + SHUTDOWN_TIMEOUT)
        {
            self.models().for_each(|model| model.aborted = true);
        }
        self.run_timers();
        let removed = self.clients.turn(now, &mut self.buf);
        let removed: Vec<_> = removed.into_iter().map(|socket| socket.slot).collect();
        let calls = mem::take(&mut *self.calls.borrow_mut());
        let is_progress = |call: &Call| !matches!(call, Call::Blocked(_) | Call::Nothing);
        let busy = calls.iter().any(|(_, call)| is_progress(call));
        check_call_counts(&calls);
        for (slot, call) in calls {
            self.replay(slot, call);
        }
        // What was written may start a timeout.
        self.run_timers();
        for (slot, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer.as_mut().filter(|peer| peer.key.is_some()) else {
                continue;
            };
            let is_finished = peer.model.is_finished(now);
            assert_eq!(removed.contains(&slot), is_finished, "{slot}");
            peer.key.take_if(|_| is_finished);
        }
        assert_eq!(self.clients.len(), self.models().count());
        busy
    }

    fn replay(&mut self, slot: usize, call: Call) {
        let (now, is_exact) = (self.now, self.is_exact);
        let Some(Peer { model, .. }) = &mut self.peers[slot] else {
            panic!("slot {slot} is empty");
        };
        match call {
            Call::Read(_) | Call::Eof if is_exact => assert!(model.wants_read()),
            Call::Wrote(pending, _) | Call::Blocked(pending) => {
                assert!(!model.aborted && model.shutdown_since.is_none());
                assert!(!is_exact || pending == model.conn.pending());
            }
            _ => {}
        }
        match call {
            Call::Read(bytes) => {
                if is_exact {
                    self.handle_input(slot, bytes);
                }
            }
            Call::Eof => {
                model.eof = true;
                if is_exact {
                    model.conn.receive_eof();
                    self.handle_input(slot, Vec::new());
                }
            }
            Call::Wrote(pending, written) => {
                if is_exact {
                    assert!(model.conn.transmit().starts_with(&written));
                    model.conn.advance(written.len());
                }
                model.writes.record(now, pending, written.len());
            }
            Call::Blocked(pending) => model.writes.record(now, pending, 0),
            Call::Failed => model.aborted = true,
            Call::ShutdownWrite => {
                if model.writes.pending > 0 {
                    model.writes.check_timed_out(now);
                    model.writes.record(now, 0, 0);
                    model.conn.abort();
                    model.overflowed = false;
                    while model.conn.receive(&mut Input::new(&mut [], now)).is_some() {}
                }
                assert!(!is_exact || model.conn.is_done());
                assert_eq!(model.shutdown_since.replace(now), None);
            }
            Call::Nothing => {}
        }
    }

    fn handle_input(&mut self, slot: usize, mut bytes: Vec<u8>) {
        let mut input = Input::new(&mut bytes, self.now);
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
        for peer in self.peers.iter_mut().flatten() {
            if peer.key.is_some() {
                peer.check_idle(self.now, self.max_send_buffer, self.is_exact);
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

    /// Checks the messages that a client has received.
    fn check_received(&self, peer: &Peer) {
        if self.is_exact {
            return peer.check_received();
        }
        let all = self.peers.iter().flatten();
        let is_sure = |peer: &&Peer| peer.is_fast && peer.is_correct && peer.key.is_some();
        let fast: Vec<_> = all.filter(is_sure).map(|peer| peer.number).collect();
        peer.check_received_from(&self.sent, &fast, self.all_correct);
    }

    fn finish(mut self, server_closes: bool) {
        self.advance(LONG);
        for peer in self.peers.iter().flatten() {
            if peer.key.is_some() {
                assert_eq!(peer.model.writes.pending, 0);
                assert!(!self.is_exact || peer.model.conn.is_open());
            } else if peer.is_fast && peer.is_correct && peer.opened_at.is_some() {
                let has_ended = peer.has_closed || peer.wire.borrow().eof;
                assert!(self.is_exact || has_ended || self.shutdown_since.is_some());
            }
            self.check_received(peer);
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
