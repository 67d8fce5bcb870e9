//! A connected client and server: each receives what the other sends.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Event,
    MessageAssembler, MessageTooLong, Phase, PreparedMessage, Refused, Role,
};

use crate::checked::{Checked, MAX_CONTROL};
use crate::dialect::{ALL, is_hybi};
use crate::encode::Encode;
use crate::options::Digit;
use crate::redaction::check_error;
use crate::session::ENTROPY;
use crate::steps::{Steps, arbitrary_action, letter};

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// The maximum framing overhead of a data frame, in any dialect.
const MAX_FRAMING: usize = 2 + 8 + 4;

/// The characters that messages repeat, of one to four bytes.
const CHARACTERS: [&str; 4] = ["a", "\u{e9}", "\u{2603}", "\u{1f600}"];

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A message exceeded the assembler's limit.
    MessageTooLong,
}

/// One end, with its socket.
struct End {
    conn: Checked,
    /// Bytes on the way to this end.
    incoming: Vec<u8>,
    /// What it sent, in the order in which the messages were completed.
    sent: Vec<Item>,
    received: Vec<Item>,
    /// The fragmented message that it is sending.
    fragmented: Option<Item>,
    assembler: MessageAssembler,
    /// The limit of `assembler`.
    limit: usize,
    /// The close that its application sent.
    close_sent: Option<Close>,
    closed: Option<Closed>,
    eof_received: bool,
}

struct Pair {
    ends: [End; 2],
    dialect: Dialect,
    max_send_buffer: usize,
    /// One end closed before it was open.
    closed_early: bool,
    now: Duration,
    /// Makes each message different.
    messages: usize,
}

/// What the ends are configured with, and what they do.
#[derive(Arbitrary, Debug)]
pub struct PairInput {
    /// The oldest first.
    pub dialect: Digit,
    /// 1 if another library did the handshake, plus 2 if messages are limited to 100 bytes.
    pub switches: Digit,
    /// Of the send buffer, 0 for the default.
    pub limit: Digit,
    pub separator: u8,
    pub steps: Steps<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Step {
    pub by_server: bool,
    pub action: Action,
    /// The number of bytes to transmit or feed, the length of a message, or a code and a reason.
    pub amount: Digit,
}

/// An action of one end; those from `Text` on send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Transmit,
    Feed,
    Close,
    Wait,
    Text,
    Binary,
    PreparedText,
    PreparedBinary,
    VectoredText,
    TextFragment,
    FinalTextFragment,
    BinaryFragment,
    FinalBinaryFragment,
    Ping,
    Pong,
}

/// All actions, and their letters in an input.
const ACTIONS: [(u8, Action); 15] = [
    (b'd', Action::Transmit),
    (b'f', Action::Feed),
    (b'c', Action::Close),
    (b'w', Action::Wait),
    (b't', Action::Text),
    (b'b', Action::Binary),
    (b'e', Action::PreparedText),
    (b'g', Action::PreparedBinary),
    (b's', Action::VectoredText),
    (b'p', Action::TextFragment),
    (b'q', Action::FinalTextFragment),
    (b'x', Action::BinaryFragment),
    (b'y', Action::FinalBinaryFragment),
    (b'i', Action::Ping),
    (b'o', Action::Pong),
];

/// Checks what each end receives.
pub fn pair(input: PairInput) {
    let dialect = ALL[input.dialect.value() % ALL.len()];
    let [established, short_messages] = input.switches.switches();
    let mut pair = Pair::new(dialect, established, input.limit.value());
    if short_messages {
        for end in &mut pair.ends {
            end.limit = 100;
            end.assembler = MessageAssembler::new(end.limit);
        }
    }
    for step in input.steps.0 {
        pair.act(
            usize::from(step.by_server),
            step.action,
            step.amount.value(),
        );
    }
    pair.finish();
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

impl End {
    fn new(conn: Checked) -> Self {
        Self {
            conn,
            incoming: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            fragmented: None,
            assembler: MessageAssembler::new(usize::MAX),
            limit: usize::MAX,
            close_sent: None,
            closed: None,
            eof_received: false,
        }
    }

    /// Feeds at most `max` bytes; returns the number of bytes plus the number of events.
    fn feed(&mut self, max: usize, now: Duration) -> usize {
        let n = if self.conn.wants_read() {
            max.min(self.incoming.len())
        } else {
            0
        };
        let mut input = self.conn.input(&mut self.incoming[..n], now);
        let mut events = 0;
        while let Some(event) = self.conn.receive(&mut input) {
            events += 1;
            check_redaction(&event);
            self.received.extend(match event {
                Event::Text(chunk) => match self.assembler.push_text(chunk) {
                    Ok(text) => text.map(|text| Item::Text(text.to_owned())),
                    Err(error) => Some(too_long(error, self.limit)),
                },
                Event::Binary(chunk) => match self.assembler.push_binary(chunk) {
                    Ok(bytes) => bytes.map(|bytes| Item::Binary(bytes.to_vec())),
                    Err(error) => Some(too_long(error, self.limit)),
                },
                Event::Ping(payload) => Some(Item::Ping(payload.as_bytes().to_vec())),
                Event::Pong(payload) => Some(Item::Pong(payload.as_bytes().to_vec())),
                Event::Request(_) => {
                    self.conn
                        .accept(&AcceptOptions::new())
                        .expect("the buffer has capacity");
                    None
                }
                Event::Open(_) | Event::Closing(_) => None,
                Event::Closed(reason) => {
                    self.closed = Some(reason);
                    None
                }
                other => panic!("unexpected event: {other:?}"),
            });
        }
        self.conn.check_idle(&input);
        check_redaction(&self.assembler);
        self.incoming.drain(..n);
        n + events
    }

    /// The error that a send returns, unless the buffer is full.
    fn expected_error(&self, action: Action, dialect: Dialect) -> Option<Refused> {
        if self.close_sent.is_some() || self.conn.closed().is_some() {
            return Some(Refused::Closing);
        }
        if !self.conn.is_open() {
            return Some(Refused::NotOpen);
        }
        let hybi = is_hybi(dialect);
        let masks = hybi && self.conn.role() == Role::Client;
        let (in_order, supported) = match action {
            Action::Text => (self.fragmented.is_none(), true),
            Action::Binary => (self.fragmented.is_none(), hybi),
            Action::PreparedText | Action::VectoredText => (self.fragmented.is_none(), !masks),
            Action::PreparedBinary => (self.fragmented.is_none(), hybi && !masks),
            Action::TextFragment | Action::FinalTextFragment => {
                (!matches!(self.fragmented, Some(Item::Binary(_))), hybi)
            }
            Action::BinaryFragment | Action::FinalBinaryFragment => {
                (!matches!(self.fragmented, Some(Item::Text(_))), hybi)
            }
            _ => (true, hybi),
        };
        if !in_order {
            return Some(Refused::FragmentInProgress);
        }
        (!supported).then_some(Refused::Unsupported(dialect))
    }

    /// Records what a successful call sent.
    fn record_sent(&mut self, action: Action, text: String) {
        // The receiver's limit is the same.
        let limit = self.limit;
        let control = |text: String| text.into_bytes()[..].iter().copied().take(125).collect();
        let item = match action {
            Action::Ping => Item::Ping(control(text)),
            Action::Pong => Item::Pong(control(text)),
            Action::Binary | Action::PreparedBinary => Item::Binary(text.into()),
            Action::TextFragment
            | Action::FinalTextFragment
            | Action::BinaryFragment
            | Action::FinalBinaryFragment => {
                let fragment_len = text.len();
                match &mut self.fragmented {
                    Some(Item::Text(payload)) => payload.push_str(&text),
                    Some(Item::Binary(payload)) => payload.extend_from_slice(text.as_bytes()),
                    fragmented
                        if matches!(action, Action::TextFragment | Action::FinalTextFragment) =>
                    {
                        *fragmented = Some(Item::Text(text))
                    }
                    fragmented => *fragmented = Some(Item::Binary(text.into())),
                }
                let len = self.fragmented.as_ref().map_or(0, Item::len);
                if len > limit && len - fragment_len <= limit {
                    self.sent.push(Item::MessageTooLong);
                }
                if matches!(
                    action,
                    Action::FinalTextFragment | Action::FinalBinaryFragment
                ) {
                    let message = self.fragmented.take();
                    self.sent.extend(message.filter(|_| len <= limit));
                }
                return;
            }
            _ => Item::Text(text),
        };
        let is_control = matches!(item, Item::Ping(_) | Item::Pong(_));
        let fits = is_control || item.len() <= limit;
        self.sent
            .push(if fits { item } else { Item::MessageTooLong });
    }

    /// What it received without the pongs that answer its own pings, and the payload of the last
    /// of these pongs. Asserts that they are in the order of the pings, at most one for each.
    fn received_without_pongs(&self) -> (Vec<&Item>, Option<&[u8]>) {
        let mut pings = self.sent.iter().filter_map(|item| match item {
            Item::Ping(payload) => Some(&payload[..]),
            _ => None,
        });
        let all_pings: Vec<_> = pings.clone().collect();
        let mut answered = None;
        let mut others = Vec::new();
        for item in &self.received {
            match item {
                Item::Pong(payload) if all_pings.contains(&&payload[..]) => {
                    answered = pings.find(|ping| ping == payload);
                    assert!(answered.is_some(), "a repeated pong, or out of order");
                }
                other => others.push(other),
            }
        }
        (others, answered)
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::MessageTooLong => 0,
        }
    }
}

fn too_long(error: MessageTooLong, limit: usize) -> Item {
    check_error(&error);
    assert_eq!(error, MessageTooLong { limit });
    Item::MessageTooLong
}

/// Asserts that neither payloads nor the entropy are shown, as text or as numbers. Masks may be
/// shown: only five bytes in a row are searched for.
fn check_redaction(value: &dyn Debug) {
    static HIDDEN: LazyLock<Vec<String>> = LazyLock::new(|| {
        let texts = CHARACTERS.map(|character| character.repeat(5));
        let bytes = texts.iter().map(String::as_bytes).chain([&ENTROPY[..]]);
        let numbers = bytes.map(|bytes| format!("{:?}", &bytes[..5]));
        let numbers = numbers.map(|shown| shown.trim_matches(['[', ']']).to_owned());
        numbers
            .chain(CHARACTERS.map(|character| character.repeat(2)))
            .collect()
    });
    let shown = format!("{value:?}");
    let mut hidden = HIDDEN.iter();
    assert!(!hidden.any(|text| shown.contains(text)), "{shown}");
}

impl Pair {
    fn new(dialect: Dialect, established: bool, limit: usize) -> Self {
        let mut config = Config::new().dialects(Dialects::default().with(Dialect::Hixie75));
        let mut max_send_buffer = 1 << 20;
        let mut high_water = 64 * 1024;
        if limit > 0 {
            // The handshake has to fit.
            max_send_buffer = 512 + 8 * limit;
            high_water = 4 * limit;
            config = config
                .max_send_buffer(max_send_buffer)
                .high_water(high_water);
        }
        let ends = if established {
            let end = |role| Connection::established(&config, role, dialect, ENTROPY);
            [end(Role::Client), end(Role::Server)]
        } else {
            let request = ClientRequest::new("ws://example.com/demo").expect("a valid URL");
            let request = request.with_dialect(dialect);
            let client = Connection::client(&config, &request, ENTROPY);
            [client, Connection::server(&config)]
        };
        Self {
            ends: ends.map(|conn| End::new(Checked::new(conn, true, high_water))),
            dialect,
            max_send_buffer,
            closed_early: false,
            now: Duration::ZERO,
            messages: 0,
        }
    }

    fn act(&mut self, side: usize, action: Action, amount: usize) {
        // Lengths of 7 and 16 bits, or for 255 one of 64 bits.
        let len = match amount {
            255 => 1 << 16,
            _ => amount * amount / 16,
        };
        match action {
            Action::Transmit => drop(self.transmit(side, len)),
            Action::Feed => {
                self.feed(side, len);
                // It may be within a head or a frame now.
                check_redaction(&*self.ends[side].conn);
            }
            Action::Close => self.close(side, amount),
            Action::Wait => self.wait(),
            _ => self.send(side, action, len),
        }
        for end in &self.ends {
            let pending = end.conn.transmit().len();
            // A close frame may exceed the limit.
            let max = self.max_send_buffer + MAX_CONTROL;
            assert!(pending <= max, "{pending} bytes");
        }
    }

    /// Moves at most `max` bytes of output to the other end; returns how many.
    fn transmit(&mut self, side: usize, max: usize) -> usize {
        let conn = &mut self.ends[side].conn;
        let n = max.min(conn.transmit().len());
        let bytes = conn.transmit()[..n].to_vec();
        conn.advance(n);
        self.ends[1 - side].incoming.extend(bytes);
        n
    }

    fn feed(&mut self, side: usize, max: usize) -> usize {
        let peer_is_done = self.ends[1 - side].conn.is_done();
        let end = &mut self.ends[side];
        let at_eof = peer_is_done && end.incoming.is_empty() && !end.eof_received;
        if at_eof {
            end.eof_received = true;
            end.conn.receive_eof();
        }
        usize::from(at_eof) + end.feed(max, self.now)
    }

    /// Advances the clock if no timeout is running.
    fn wait(&mut self) {
        if self.ends.iter().all(|end| end.conn.is_open()) {
            self.now += Duration::from_millis(600);
        }
        for end in &mut self.ends {
            end.feed(0, self.now);
        }
    }

    /// Closes with a code selected by the low four bits of `amount` and a reason by the next two.
    fn close(&mut self, side: usize, amount: usize) {
        let code = 1000 + (amount % 16) as u16;
        let reason = match amount / 16 % 4 {
            0 => "bye".to_owned(),
            1 => String::new(),
            n => "-".repeat(121 + n),
        };
        // HY-8: 1005 means that there is no code.
        let is_code = matches!(code, 1000..=1003 | 1007..=1014);
        let is_valid = (is_code || code == 1005 && reason.is_empty()) && reason.len() <= 123;
        let close = if is_hybi(self.dialect) {
            Close::new(code, &reason)
        } else {
            Close::EMPTY
        };
        let end = &mut self.ends[side];
        let is_open = end.conn.is_open();
        let has_effect = end.close_sent.is_none() && end.conn.closed().is_none();
        let is_invalid = is_open && is_hybi(self.dialect) && !is_valid;
        let before = end.conn.transmit().len();
        let result = end.conn.close(&close);
        let expected = is_invalid.then_some(Refused::InvalidClose);
        assert_eq!(result.err(), expected);
        if expected.is_some() {
            assert_eq!(end.conn.transmit().len(), before);
        } else if !has_effect {
            assert_eq!(end.conn.transmit().len(), before);
        } else {
            end.close_sent = Some(close);
            self.closed_early |= !is_open;
        }
    }

    fn send(&mut self, side: usize, action: Action, len: usize) {
        self.messages += 1;
        let character = CHARACTERS[self.messages % 4];
        let repeated = character.repeat(len / character.len());
        let text = format!("{}{repeated}", self.messages);
        let bytes = text.as_bytes();
        let control = &bytes[..bytes.len().min(125)];
        let end = &mut self.ends[side];
        let expected = end.expected_error(action, self.dialect);
        let prepared = match action {
            Action::PreparedText => Some(PreparedMessage::text(self.dialect, &text)),
            Action::PreparedBinary => {
                let prepared = PreparedMessage::binary(self.dialect, bytes);
                assert_eq!(prepared.is_some(), is_hybi(self.dialect));
                prepared
            }
            _ => None,
        };
        check_redaction(&prepared);
        let conn = &mut end.conn;
        if matches!(action, Action::Ping | Action::Pong)
            && expected.is_none()
            && bytes.len() > control.len()
        {
            assert_eq!(conn.send_ping(bytes), Err(Refused::ControlTooLong));
            assert_eq!(conn.send_pong(bytes), Err(Refused::ControlTooLong));
        }
        let before = conn.transmit().len();
        let mut written = Vec::new();
        let result = match action {
            Action::Text => conn.send_text(&text),
            Action::Binary => conn.send_binary(bytes),
            Action::PreparedText | Action::PreparedBinary => match &prepared {
                Some(message) => conn.send_prepared(message),
                None => return,
            },
            Action::VectoredText => conn.send_text_vectored(&text).map(|message| {
                check_redaction(&message);
                written = message.slices().concat();
                written.truncate(written.len() / 2);
                message.advance(written.len());
            }),
            Action::TextFragment | Action::FinalTextFragment => {
                conn.send_text_fragment(&text, action == Action::FinalTextFragment)
            }
            Action::BinaryFragment | Action::FinalBinaryFragment => {
                conn.send_binary_fragment(bytes, action == Action::FinalBinaryFragment)
            }
            Action::Ping => conn.send_ping(control),
            _ => conn.send_pong(control),
        };
        let pending = conn.transmit().len();
        match result {
            Ok(()) => {
                assert_eq!(expected, None);
                assert!(pending <= self.max_send_buffer);
                end.record_sent(action, text);
                self.ends[1 - side].incoming.extend(written);
            }
            Err(error) => {
                assert_eq!(pending, before, "a failed call changes nothing");
                let limit = self.max_send_buffer;
                let full = Refused::BufferFull { limit };
                assert_eq!(error, expected.unwrap_or(full));
                // A deferred pong has to fit as well.
                let is_full = before + text.len() + MAX_FRAMING + MAX_CONTROL > limit;
                assert!(
                    expected.is_some() || is_full || action == Action::VectoredText && before > 0
                );
            }
        }
    }

    /// Transmits and feeds until no bytes move and no events occur.
    fn run_until_idle(&mut self) {
        loop {
            let mut progress = 0;
            for side in [CLIENT, SERVER] {
                progress += self.transmit(side, usize::MAX) + self.feed(side, usize::MAX);
            }
            if progress == 0 {
                return;
            }
        }
    }

    fn finish(mut self) {
        if !self.ends.iter().any(|end| end.close_sent.is_some()) {
            self.run_until_idle();
            for side in [CLIENT, SERVER] {
                let (end, other) = (&self.ends[side], &self.ends[1 - side]);
                assert!(end.conn.is_open());
                let (received, answered) = end.received_without_pongs();
                assert!(received.into_iter().eq(&other.sent));
                let pings = end.sent.iter().rev();
                let mut pings = pings.filter(|item| matches!(item, Item::Ping(_)));
                let last = answered.map(|payload| Item::Ping(payload.to_vec()));
                assert_eq!(pings.next(), last.as_ref(), "the last ping is answered");
            }
            self.close(self.messages % 2, 0);
        }
        self.run_until_idle();
        for side in [CLIENT, SERVER] {
            let (end, other) = (&self.ends[side], &self.ends[1 - side]);
            assert!(end.conn.is_done());
            let (received, _) = end.received_without_pongs();
            // CL-20: in Hixie-75 the end that closes stops reading.
            let stopped_reading = self.dialect == Dialect::Hixie75 && end.close_sent.is_some();
            if self.closed_early || stopped_reading {
                let sent = other.sent.iter().take(received.len());
                assert!(received.into_iter().eq(sent));
            } else {
                assert!(received.into_iter().eq(&other.sent));
            }
            let expected = match self.dialect {
                Dialect::Hixie75 if end.close_sent.is_some() => Closed::LocallyClosed,
                Dialect::Hixie75 => Closed::Eof(Phase::Open),
                Dialect::Hixie76 => Closed::Clean(Close::EMPTY),
                // HY-8: the answer repeats the code and reason.
                _ => {
                    let sent = other.close_sent.as_ref().or(end.close_sent.as_ref());
                    Closed::Clean(sent.expect("one end closed").clone())
                }
            };
            assert!(end.closed.is_some());
            assert!(
                self.closed_early || end.closed == Some(expected),
                "{:?}",
                end.closed
            );
        }
    }
}
