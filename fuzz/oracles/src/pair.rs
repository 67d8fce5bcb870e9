//! A connected client and server: each receives what the other sends.

use std::fmt::Debug;
use std::mem;
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use hybi::{
    AcceptOptions, BinaryChunk, ClientRequest, Close, CloseError, Closed, Config, Connection,
    Dialect, Dialects, Entropy, Event, MessageAssembler, MessageTooLong, Phase, PreparedMessage,
    SendError, TextChunk, Timeout, VectoredMessage,
};
use testkit::{LengthEncoding, MASKING_KEY, PONG, Role, header};

use crate::checked::{Checked, MAX_CONTROL, write_half};
use crate::dialect::{ALL, is_hybi};
use crate::encode::Encode;
use crate::options::{Digit, Timeouts};
use crate::redaction::check_error;
use crate::session::{ENTROPY, established};
use crate::steps::{Steps, arbitrary_action, letter};

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// The bytes that a peer has to accept within the timeout of writes, unless less is pending.
const MIN_PROGRESS: usize = 16 * 1024;

/// The length of the longest answer of a server that answers.
const MAX_ANSWER: usize = 256;

/// The number of messages that each end sends in a flood.
const FLOOD: usize = 8;

/// With short timeouts. The interval and the timeout of keep-alive.
const KEEPALIVE: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(2)];
const SHORT_TIMEOUTS: Timeouts = Timeouts {
    handshake: Duration::from_secs(1),
    close: Duration::from_millis(700),
    write: Duration::from_secs(4),
};

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

/// What both ends are configured with, and how they behave.
#[derive(Clone, Copy)]
struct Options {
    dialect: Dialect,
    max_send_buffer: usize,
    high_water: usize,
    auto_close: bool,
    timeouts: Timeouts,
    has_keepalive: bool,
    /// The number of bytes on the way to an end.
    pipe: usize,
    /// The limit of the assemblers.
    max_message: usize,
    /// A message that does not fit is sent as soon as it fits.
    retries: bool,
}

/// One end, with its socket.
struct End {
    conn: Checked,
    role: Role,
    options: Options,
    /// Bytes on the way to this end.
    incoming: Vec<u8>,
    /// What it sent, in the order in which the messages were completed.
    sent: Vec<Item>,
    received: Vec<Item>,
    /// The fragmented message that it is sending.
    fragmented: Option<Item>,
    assembler: MessageAssembler,
    /// Also returns messages that the caller owns, and has to return the same.
    owning_assembler: MessageAssembler,
    /// The number of chunks received.
    chunks: usize,
    /// The length of the frame of a deferred pong, or 0.
    deferred_pong: usize,
    /// The output that was taken last.
    spare: Vec<u8>,
    /// It answers each message, and pauses while it is congested.
    answers: bool,
    /// It answers the peer's close frame as soon as it is reported.
    answers_close: bool,
    /// The messages that it has still to send of its own accord.
    flood: usize,
    /// The close that its application sent.
    close_sent: Option<Close>,
    closed: Option<Closed>,
    eof_received: bool,
    /// Pending output was dropped.
    dropped: bool,
    times: Times,
}

/// When something last happened at an end, on the clock of its connection.
#[derive(Default)]
struct Times {
    started: Option<Duration>,
    /// Nothing was pending.
    empty: Duration,
    /// Bytes were received, or the connection was congested, which stops keep-alive.
    active: Duration,
    /// A close frame was reported or queued.
    closing: Option<Duration>,
    /// Output was written, and how many bytes in total.
    written: Vec<(Duration, usize)>,
    /// Output was queued, and how many bytes in total.
    queued: Vec<(Duration, usize)>,
}

struct Pair {
    ends: [End; 2],
    options: Options,
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
    /// Another library did the handshake, messages are limited to 100 bytes, the ends answer close
    /// frames themselves, the server answers messages and pauses while congested, short timeouts
    /// and keep-alive, both ends send a flood of messages at the end, nothing is transmitted or
    /// fed at the end, messages that do not fit are sent as soon as they fit.
    pub switches: Digit,
    /// Of the send buffer, 0 for the default.
    pub limit: Digit,
    /// The capacity of the pipe to each end in units of 16 bytes, 0 for an unlimited one.
    pub pipe: Digit,
    pub separator: u8,
    pub steps: Steps<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Step {
    pub by_server: bool,
    pub action: Action,
    /// The number of bytes to transmit or feed, the length of a message, a code and a reason, or a
    /// time.
    pub amount: Digit,
}

/// An action of one end; those from `Text` on send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Transmit,
    /// Takes the output as a whole.
    TakeOutput,
    Feed,
    Close,
    Abort,
    /// Time advances at once.
    Jump,
    /// Time advances, and each deadline is observed.
    Advance,
    /// The clock goes back.
    Rewind,
    Text,
    Binary,
    PreparedText,
    PreparedBinary,
    VectoredText,
    VectoredBinary,
    TextFragment,
    FinalTextFragment,
    BinaryFragment,
    FinalBinaryFragment,
    Ping,
    Pong,
}

/// All actions, and their letters in an input.
const ACTIONS: [(u8, Action); 20] = [
    (b'd', Action::Transmit),
    (b'f', Action::Feed),
    (b'c', Action::Close),
    (b'a', Action::Abort),
    (b'j', Action::Jump),
    (b'w', Action::Advance),
    (b'r', Action::Rewind),
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
    (b'k', Action::TakeOutput),
    (b'u', Action::VectoredBinary),
];

/// Checks what each end receives.
pub fn pair(input: PairInput) {
    let [
        is_established,
        short_messages,
        no_auto_close,
        answers,
        short_timeouts,
        flood,
        starve,
        retries,
    ] = input.switches.switches();
    let options = Options {
        dialect: ALL[input.dialect.value() % ALL.len()],
        max_send_buffer: match input.limit.value() {
            0 => 1 << 20,
            // The handshake has to fit.
            limit => 512 + 8 * limit,
        },
        high_water: match input.limit.value() {
            0 => 64 * 1024,
            limit => 4 * limit,
        },
        auto_close: !no_auto_close,
        timeouts: if short_timeouts {
            SHORT_TIMEOUTS
        } else {
            Timeouts::default()
        },
        has_keepalive: short_timeouts,
        pipe: match input.pipe.value() {
            0 => usize::MAX,
            pipe => 16 * pipe,
        },
        max_message: if short_messages { 100 } else { usize::MAX },
        retries,
    };
    let mut pair = Pair::new(options, is_established);
    pair.ends[SERVER].answers = answers;
    for step in input.steps.0 {
        pair.act(
            usize::from(step.by_server),
            step.action,
            step.amount.value(),
        );
    }
    if starve {
        pair.starve();
    } else {
        pair.finish(flood);
    }
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
    fn new(conn: Connection, role: Role, options: Options) -> Self {
        Self {
            conn: Checked::new(conn, options.auto_close, options.high_water),
            role,
            options,
            incoming: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            fragmented: None,
            assembler: MessageAssembler::new(options.max_message),
            owning_assembler: MessageAssembler::new(options.max_message),
            chunks: 0,
            deferred_pong: 0,
            spare: Vec::new(),
            answers: false,
            answers_close: false,
            flood: 0,
            close_sent: None,
            closed: None,
            eof_received: false,
            dropped: false,
            times: Times::default(),
        }
    }

    /// Feeds at most `max` bytes; returns the number of bytes consumed plus the number of events and
    /// answers to them.
    ///
    /// An end that pauses feeds none, and keeps what remains when it begins to pause.
    fn feed(&mut self, max: usize, now: Duration) -> usize {
        let mut lingered = 0;
        self.record_pending();
        if self.closed.is_some() {
            // Lingers: the peer could not write on otherwise.
            lingered = self.incoming.len();
            self.incoming.clear();
        }
        let reads = self.conn.wants_read() && !self.pauses();
        let n = max.min(self.incoming.len());
        let mut bytes: Vec<_> = self.incoming.drain(..if reads { n } else { 0 }).collect();
        let original = bytes.clone();
        let mut input = self.conn.input(&mut bytes, now);
        let now = self.conn.now();
        self.times.started.get_or_insert(now);
        if !original.is_empty() || self.conn.is_congested() {
            self.times.active = now;
        }
        let mut events = 0;
        let before = self.conn.pending();
        while input.remaining().is_empty() || !self.pauses() {
            let pending = self.conn.pending();
            let Some(event) = self.conn.receive(&mut input) else {
                self.conn.check_idle(&input);
                break;
            };
            events += 1;
            if let Event::Ping(payload) = &event {
                self.record_ping(pending, payload.as_bytes());
            }
            self.handle_event(event);
            check_redaction(&input);
        }
        if before > 0 && !self.conn.wants_write() {
            self.check_timed_out(Timeout::Write);
            // A write of what was dropped may end later.
            self.conn.advance(before);
            self.conn.check();
            self.dropped = true;
        }
        if events > 0 {
            check_redaction(&self.assembler);
            check_redaction(&self.owning_assembler);
        }
        let remaining = input.remaining();
        assert!(original.ends_with(remaining), "it was modified");
        let consumed = original.len() - remaining.len();
        self.incoming.splice(..0, remaining.iter().copied());
        if self.answers_close && self.conn.awaits_close() {
            let close = self.conn.closing().expect("it was reported").clone();
            self.close(close);
            events += 1;
        }
        lingered + consumed + events
    }

    fn pauses(&self) -> bool {
        self.answers && self.conn.is_congested()
    }

    fn handle_event(&mut self, event: Event<'_>) {
        check_redaction(&event);
        let limit = self.options.max_message;
        let item = match event {
            Event::Text(chunk) => match self.push_text(chunk) {
                Ok(text) => text.map(Item::Text),
                Err(error) => Some(too_long(error, limit)),
            },
            Event::Binary(chunk) => match self.push_binary(chunk) {
                Ok(bytes) => bytes.map(Item::Binary),
                Err(error) => Some(too_long(error, limit)),
            },
            // Of keep-alive: other pings have a payload.
            Event::Ping(payload) | Event::Pong(payload) if payload.as_bytes().is_empty() => {
                assert!(self.options.has_keepalive);
                None
            }
            Event::Ping(payload) => Some(Item::Ping(payload.as_bytes().to_vec())),
            Event::Pong(payload) => Some(Item::Pong(payload.as_bytes().to_vec())),
            Event::Request(_) => {
                let accepted = self.conn.accept(&AcceptOptions::new());
                accepted.expect("the buffer has capacity");
                None
            }
            Event::Open(_) => None,
            Event::Closing(_) => {
                self.times.closing.get_or_insert(self.conn.now());
                None
            }
            Event::Closed(reason) => {
                match reason {
                    Closed::TimedOut(timeout) => self.check_timed_out(timeout),
                    Closed::Clean(_) => self.end_fragmented(),
                    _ => {}
                }
                self.closed = Some(reason);
                None
            }
            other => panic!("unexpected event: {other:?}"),
        };
        if self.answers {
            let len = item.as_ref().map_or(0, Item::message_len);
            self.answer(16 * len);
        }
        self.received.extend(item);
    }

    fn push_text(&mut self, chunk: TextChunk<'_>) -> Result<Option<String>, MessageTooLong> {
        let text = self.assembler.push_text(chunk);
        let text = text.map(|text| text.map(str::to_owned));
        self.chunks += 1;
        let owned = if self.chunks % 3 == 0 {
            let text = self.owning_assembler.push_text(chunk);
            text.map(|text| text.map(str::to_owned))
        } else {
            self.owning_assembler.push_text_owned(chunk)
        };
        assert_eq!(owned, text);
        text
    }

    fn push_binary(&mut self, chunk: BinaryChunk<'_>) -> Result<Option<Vec<u8>>, MessageTooLong> {
        let bytes = self.assembler.push_binary(chunk);
        let bytes = bytes.map(|bytes| bytes.map(<[u8]>::to_vec));
        self.chunks += 1;
        let owned = if self.chunks % 3 == 0 {
            let bytes = self.owning_assembler.push_binary(chunk);
            bytes.map(|bytes| bytes.map(<[u8]>::to_vec))
        } else {
            self.owning_assembler.push_binary_owned(chunk)
        };
        assert_eq!(owned, bytes);
        bytes
    }

    /// Records whether the pong is deferred. `pending` is the length of the output before the ping.
    fn record_ping(&mut self, pending: usize, payload: &[u8]) {
        if pending > self.options.high_water {
            self.deferred_pong = self.frame_len(PONG, payload.len());
        }
    }

    /// Returns the length of a frame from HyBi-7 on.
    fn frame_len(&self, first: u8, payload_len: usize) -> usize {
        let key = (self.role == Role::Client).then_some(MASKING_KEY);
        let len = payload_len as u64;
        header(first, key, LengthEncoding::shortest(len), len).len() + payload_len
    }

    /// Sends an answer of `len` bytes, if it is not 0. There is capacity for it, since the end
    /// pauses while congested.
    fn answer(&mut self, len: usize) {
        let text = "-".repeat(len.min(MAX_ANSWER));
        let expected = self.expected_error(Action::Text);
        if len > 0 && expected.is_none() {
            assert_eq!(self.conn.send_text(&text), Ok(()));
            self.record_sent(Action::Text, text);
        }
    }

    /// Asserts that no timeout expires early.
    fn check_timed_out(&self, timeout: Timeout) {
        let (now, times, timeouts) = (self.conn.now(), &self.times, self.options.timeouts);
        let (since, expected) = match timeout {
            Timeout::Handshake => (times.started, timeouts.handshake),
            Timeout::Close => (times.closing, timeouts.close),
            Timeout::Write => (Some(times.empty), timeouts.write),
            Timeout::Keepalive => {
                assert!(self.options.has_keepalive);
                (Some(times.active), KEEPALIVE.iter().sum())
            }
            other => panic!("{other}"),
        };
        let since = since.expect("it was started");
        assert!(
            now >= since + expected,
            "{timeout} at {now:?} from {since:?}"
        );
        if timeout == Timeout::Write {
            // The timer has started before, so the peer had to accept at most what was queued then.
            let start = now - expected;
            let at_start = |totals| total_at(totals, start);
            let (written, queued) = (at_start(&times.written), at_start(&times.queued));
            let goal = queued.min(written + MIN_PROGRESS);
            let accepted = total_at(&times.written, now);
            assert!(accepted < goal, "{accepted} bytes were accepted of {goal}");
        }
    }

    /// Records what is pending at the latest time of the connection.
    fn record_pending(&mut self) {
        let (now, pending) = (self.conn.latest(), self.conn.pending());
        if pending == 0 {
            self.times.empty = now;
        }
        let written = total_at(&self.times.written, now);
        record_total(&mut self.times.queued, now, written + pending);
    }

    /// Writes at most `max` bytes of output.
    fn write(&mut self, max: usize) -> Vec<u8> {
        if self.conn.is_congested() {
            self.times.active = self.conn.latest();
        }
        let n = max.min(self.conn.pending());
        let bytes = self.conn.transmit()[..n].to_vec();
        let left = self.conn.pending() - n;
        self.conn.advance(n);
        self.conn.check();
        self.after_write(n, left);
        bytes
    }

    /// Takes all output.
    fn take_output(&mut self) -> Vec<u8> {
        let spare = mem::take(&mut self.spare);
        self.spare = self.conn.take_output(spare);
        self.after_write(self.spare.len(), 0);
        self.spare.clone()
    }

    /// Records that `n` bytes that were pending were written.
    fn record_written(&mut self, n: usize) {
        let now = self.conn.latest();
        let written = total_at(&self.times.written, now);
        record_total(&mut self.times.written, now, written + n);
    }

    /// Records that `n` bytes were written and `left` were not.
    fn after_write(&mut self, n: usize, left: usize) {
        self.record_written(n);
        // After the peer's close frame, only a message is still preceded by the pong.
        let mut queued = 0;
        if left <= self.options.high_water && self.conn.closing().is_none() {
            queued = mem::take(&mut self.deferred_pong);
        }
        if self.conn.closed().is_none() {
            assert_eq!(self.conn.pending(), left + queued);
        }
    }

    /// In Hixie-76, a close frame ends the frame of a fragmented message.
    fn end_fragmented(&mut self) {
        if self.options.dialect == Dialect::Hixie76 {
            let limit = self.options.max_message;
            let message = self.fragmented.take();
            self.sent
                .extend(message.filter(|message| message.len() <= limit));
        }
    }

    fn close(&mut self, close: Close) {
        assert_eq!(self.conn.close(&close), Ok(()));
        self.end_fragmented();
        self.times.closing.get_or_insert(self.conn.latest());
        self.close_sent = Some(close);
    }

    /// Returns how long it takes until the connection ends, if the peer neither sends nor reads.
    fn longest(&self) -> Option<Duration> {
        let timeouts = self.options.timeouts;
        if self.conn.closed().is_some() {
            Some(Duration::ZERO)
        } else if self.conn.wants_write() {
            Some(timeouts.write)
        } else if self.times.closing.is_some() {
            Some(timeouts.close)
        } else if !self.conn.is_open() {
            Some(timeouts.handshake)
        } else {
            // A ping that is not written may congest the connection, which stops keep-alive.
            let [interval, _] = KEEPALIVE;
            let longest = interval + timeouts.write;
            self.options.has_keepalive.then_some(longest)
        }
    }

    /// It ended without a closing handshake, or without all output.
    fn is_cut_off(&self) -> bool {
        let closed = self.conn.closed();
        self.dropped || matches!(closed, Some(Closed::Aborted | Closed::TimedOut(_)))
    }

    /// The error that a send returns, unless the buffer is full.
    fn expected_error(&self, action: Action) -> Option<fn(SendError) -> bool> {
        if self.close_sent.is_some() || self.conn.closed().is_some() {
            return Some(|error| error == SendError::Closing);
        }
        if !self.conn.is_open() {
            return Some(|error| error == SendError::NotOpen);
        }
        let is_supported = match action {
            Action::Text
            | Action::PreparedText
            | Action::VectoredText
            | Action::TextFragment
            | Action::FinalTextFragment => true,
            _ => is_hybi(self.options.dialect),
        };
        let is_in_order = match action {
            Action::TextFragment | Action::FinalTextFragment => {
                !matches!(self.fragmented, Some(Item::Binary(_)))
            }
            Action::BinaryFragment | Action::FinalBinaryFragment => {
                !matches!(self.fragmented, Some(Item::Text(_)))
            }
            Action::Ping | Action::Pong => true,
            _ => self.fragmented.is_none(),
        };
        if !is_supported {
            return Some(|error| matches!(error, SendError::Unsupported { .. }));
        }
        (!is_in_order).then_some(|error| error == SendError::FragmentInProgress)
    }

    /// Returns how many bytes a call queues for a payload.
    fn encoded_len(&self, action: Action, payload_len: usize) -> usize {
        if is_hybi(self.options.dialect) {
            return self.frame_len(0, payload_len);
        }
        // All fragments of a message are in one frame.
        let is_first = self.fragmented.is_none();
        let is_last = action != Action::TextFragment;
        payload_len + usize::from(is_first) + usize::from(is_last)
    }

    /// Records what a successful call sent.
    fn record_sent(&mut self, action: Action, text: String) {
        self.deferred_pong = 0;
        // The receiver's limit is the same.
        let limit = self.options.max_message;
        let control = |text: String| text.into_bytes()[..].iter().copied().take(125).collect();
        let item = match action {
            Action::Ping => Item::Ping(control(text)),
            Action::Pong => Item::Pong(control(text)),
            Action::Binary | Action::PreparedBinary | Action::VectoredBinary => {
                Item::Binary(text.into())
            }
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

    /// The length of a message, 0 for control frames.
    fn message_len(&self) -> usize {
        match self {
            Self::Text(_) | Self::Binary(_) => self.len(),
            _ => 0,
        }
    }
}

/// Records a total, which replaces an earlier one at the same time.
fn record_total(totals: &mut Vec<(Duration, usize)>, now: Duration, total: usize) {
    match totals.last_mut() {
        Some((at, last)) if *at == now => *last = total,
        _ => totals.push((now, total)),
    }
}

/// Returns the total at that time.
fn total_at(totals: &[(Duration, usize)], time: Duration) -> usize {
    let last = totals.iter().rfind(|(at, _)| *at <= time);
    last.map_or(0, |(_, total)| *total)
}

fn prepared(message: PreparedMessage, payload: &[u8]) -> PreparedMessage {
    check_redaction(&message);
    assert_eq!(message.payload_len(), payload.len());
    message
}

fn too_long(error: MessageTooLong, limit: usize) -> Item {
    check_error(&error);
    assert_eq!((error.limit, error.close_code()), (limit, 1009));
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
    fn new(options: Options, is_established: bool) -> Self {
        let Timeouts {
            handshake,
            close,
            write,
        } = options.timeouts;
        let mut config = Config::new()
            .dialects(Dialects::default().with(Dialect::Hixie75))
            .max_send_buffer(options.max_send_buffer)
            .high_water(options.high_water)
            .auto_close(options.auto_close)
            .handshake_timeout(handshake)
            .close_timeout(close)
            .write_timeout(write);
        if options.has_keepalive {
            let [interval, timeout] = KEEPALIVE;
            config = config.keepalive(interval, timeout);
        }
        let dialect = options.dialect;
        let [client, server] = if is_established {
            [Role::Client, Role::Server].map(|role| established(&config, role, dialect))
        } else {
            let request = ClientRequest::new("ws://example.com/demo").expect("a valid URL");
            let request = request.with_dialect(dialect);
            let client = Connection::client(config.clone(), &request, Entropy::from_bytes(ENTROPY));
            [client, Connection::server(config)]
        };
        Self {
            ends: [
                End::new(client, Role::Client, options),
                End::new(server, Role::Server, options),
            ],
            options,
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
        let time = Duration::from_millis(match amount {
            0 => 600,
            _ => (amount * amount) as u64,
        });
        self.ends[side].record_pending();
        match action {
            Action::Transmit => drop(self.transmit(side, len)),
            Action::TakeOutput => {
                let bytes = self.ends[side].take_output();
                // The application keeps what does not fit into the pipe.
                self.deliver(side, bytes);
            }
            Action::Feed => {
                self.feed(side, len);
                // It may be within a head or a frame now.
                check_redaction(&*self.ends[side].conn);
            }
            Action::Close => self.close(side, amount),
            Action::Abort => {
                let end = &mut self.ends[side];
                end.dropped |= end.conn.wants_write();
                end.conn.abort();
            }
            Action::Jump => {
                self.now += time;
                self.let_time_pass();
            }
            Action::Advance => self.advance(time),
            Action::Rewind => {
                self.now = self.now.saturating_sub(time);
                self.let_time_pass();
            }
            _ => drop(self.send(side, action, len)),
        }
        for end in &self.ends {
            let pending = end.conn.pending();
            // A close frame may exceed the limit.
            let max = self.options.max_send_buffer + MAX_CONTROL;
            assert!(pending <= max, "{pending} bytes");
        }
    }

    /// Moves at most `max` bytes of output to the other end; returns how many.
    fn transmit(&mut self, side: usize, max: usize) -> usize {
        let capacity = self.capacity(side);
        let bytes = self.ends[side].write(max.min(capacity));
        let n = bytes.len();
        self.deliver(side, bytes);
        n
    }

    /// Returns how many bytes the pipe from an end accepts.
    fn capacity(&self, side: usize) -> usize {
        let used = self.ends[1 - side].incoming.len();
        self.options.pipe.saturating_sub(used)
    }

    /// Puts bytes on the way from an end. They get lost if the other socket was dropped.
    fn deliver(&mut self, side: usize, bytes: Vec<u8>) {
        let other = &mut self.ends[1 - side];
        if !other.conn.is_done() {
            other.incoming.extend(bytes);
        }
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

    fn let_time_pass(&mut self) {
        for side in [CLIENT, SERVER] {
            self.feed(side, 0);
        }
    }

    /// Advances the time, and calls the connections at each deadline.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        let mut calls = 0;
        self.let_time_pass();
        while let Some(deadline) = self.deadline().filter(|deadline| *deadline <= end) {
            // After the clock has gone back, the deadline may be far off.
            assert!(deadline > self.now, "{deadline:?}");
            self.now = deadline;
            self.let_time_pass();
            calls += 1;
            assert!(calls < 10_000, "endless timers");
        }
        self.now = end;
        self.let_time_pass();
    }

    fn deadline(&self) -> Option<Duration> {
        let deadlines = self.ends.iter().map(|end| end.conn.deadline());
        deadlines.flatten().min()
    }

    /// Closes with a code selected by the low four bits of `amount` and a reason by the next two.
    fn close(&mut self, side: usize, amount: usize) {
        let code = 1000 + (amount % 16) as u16;
        let reason = match amount / 16 % 4 {
            0 => "bye".to_owned(),
            1 => String::new(),
            n => "-".repeat(121 + n),
        };
        // HY-8
        let is_code = matches!(code, 1000..=1003 | 1007..=1014);
        let is_valid = is_code && reason.len() <= 123;
        let is_hybi = is_hybi(self.options.dialect);
        let close = if is_hybi {
            Close::new(code, &reason)
        } else {
            Close::EMPTY
        };
        let end = &mut self.ends[side];
        let is_open = end.conn.is_open();
        if end.close_sent.is_some() || end.conn.closed().is_some() {
            // No effect, whatever is passed.
            let before = end.conn.pending();
            assert_eq!(end.conn.close(&close), Ok(()));
            assert_eq!(end.conn.pending(), before);
        } else if is_open && is_hybi && !is_valid {
            let before = end.conn.pending();
            let error = end.conn.close(&close).expect_err("it is invalid");
            check_error(&error);
            match error {
                CloseError::InvalidCode { code: invalid, .. } => {
                    assert_eq!((invalid, is_code), (code, false))
                }
                CloseError::ReasonTooLong { len, .. } => {
                    assert_eq!((len, is_code), (reason.len(), true))
                }
                other => panic!("{other}"),
            }
            assert_eq!(end.conn.pending(), before);
        } else {
            end.close(close);
            self.closed_early |= !is_open;
        }
    }

    /// Returns whether the message was sent.
    fn send(&mut self, side: usize, action: Action, len: usize) -> bool {
        self.messages += 1;
        let character = CHARACTERS[self.messages % 4];
        let repeated = character.repeat(len / character.len());
        let text = format!("{}{repeated}", self.messages);
        loop {
            let Err(error) = self.try_send(side, action, &text) else {
                return true;
            };
            let SendError::BufferFull { retry_at, .. } = error else {
                return false;
            };
            // Tries again with one byte too many, then with none.
            let excess = self.ends[side].conn.pending() - retry_at;
            if !self.options.retries || self.transmit(side, (excess - 1).max(1)) == 0 {
                return false;
            }
        }
    }

    /// Asserts that the call succeeds exactly if the message is possible and fits.
    fn try_send(&mut self, side: usize, action: Action, text: &str) -> Result<(), SendError> {
        let bytes = text.as_bytes();
        let control = &bytes[..bytes.len().min(125)];
        let is_control = matches!(action, Action::Ping | Action::Pong);
        let payload = if is_control { control } else { bytes };
        let capacity = self.capacity(side);
        let end = &mut self.ends[side];
        let expected = end.expected_error(action);
        let encoded_len = end.encoded_len(action, payload.len());
        let conn = &mut end.conn;
        if is_control && expected.is_none() && bytes.len() > control.len() {
            assert_eq!(conn.send_ping(bytes), Err(SendError::ControlTooLong));
            assert_eq!(conn.send_pong(bytes), Err(SendError::ControlTooLong));
        }
        let before = conn.transmit().to_vec();
        let mut written = Vec::new();
        let mut write = |mut message: VectoredMessage<'_>| {
            check_redaction(&message);
            assert!(message.slices()[0].starts_with(&before));
            written = write_half(&mut message, capacity);
        };
        let result = match action {
            Action::Text => conn.send_text(text),
            Action::Binary => conn.send_binary(bytes),
            Action::PreparedText => {
                conn.send_prepared(&prepared(PreparedMessage::text(text), bytes))
            }
            Action::PreparedBinary => {
                conn.send_prepared(&prepared(PreparedMessage::binary(bytes), bytes))
            }
            Action::VectoredText => conn.send_text_vectored(text).map(&mut write),
            Action::VectoredBinary => conn.send_binary_vectored(bytes).map(&mut write),
            Action::TextFragment | Action::FinalTextFragment => {
                conn.send_text_fragment(text, action == Action::FinalTextFragment)
            }
            Action::BinaryFragment | Action::FinalBinaryFragment => {
                conn.send_binary_fragment(bytes, action == Action::FinalBinaryFragment)
            }
            Action::Ping => conn.send_ping(control),
            _ => conn.send_pong(control),
        };
        conn.check();
        let (before, pending) = (before.len(), conn.pending());
        let limit = self.options.max_send_buffer;
        // A deferred pong has to fit as well.
        let needed = encoded_len + end.deferred_pong;
        match result {
            Ok(()) => {
                assert!(expected.is_none() && encoded_len <= limit);
                assert!(before <= limit.saturating_sub(needed));
                assert_eq!(pending + written.len(), before + needed);
                end.record_sent(action, text.to_owned());
                // The other bytes of a vectored message were never pending.
                end.record_written(before.min(written.len()));
                self.deliver(side, written);
            }
            Err(error) => {
                check_error(&error);
                assert_eq!(pending, before, "a failed call changes nothing");
                match (error, expected) {
                    (_, Some(is_expected)) => assert!(is_expected(error), "{error:?}"),
                    (SendError::BufferFull { retry_at, .. }, _) => {
                        assert!(before > retry_at && encoded_len <= limit);
                        assert_eq!(retry_at, limit.saturating_sub(needed));
                    }
                    (
                        SendError::MessageTooLong {
                            limit: reported, ..
                        },
                        _,
                    ) => {
                        assert!(reported == limit && encoded_len > limit);
                    }
                    _ => panic!("{error:?}"),
                }
                if let SendError::Unsupported { dialect, .. } = error {
                    assert_eq!(dialect, self.options.dialect);
                }
            }
        }
        result
    }

    /// Transmits and feeds until no bytes move and no events occur. Meanwhile each end sends what
    /// is left of its flood, as soon as there is capacity for it.
    fn run_until_idle(&mut self) {
        loop {
            let mut progress = 0;
            for side in [CLIENT, SERVER] {
                let len = self.options.max_send_buffer / 3;
                while self.ends[side].flood > 0 && self.send(side, Action::Text, len) {
                    self.ends[side].flood -= 1;
                    progress += 1;
                }
                progress += self.transmit(side, usize::MAX) + self.feed(side, usize::MAX);
            }
            if progress == 0 {
                return;
            }
        }
    }

    /// Nothing moves any more: asserts that each timeout expires in time.
    fn starve(mut self) {
        let latest = self.ends.iter().map(|end| end.conn.latest()).max();
        self.now = self.now.max(latest.unwrap_or_default());
        let start = self.now;
        self.let_time_pass();
        let timeouts = self.options.timeouts;
        let expected = [CLIENT, SERVER].map(|side| self.ends[side].longest());
        for step in 0.. {
            assert!(step < 100, "endless timers");
            for (end, expected) in self.ends.iter().zip(expected) {
                let is_due = expected.is_some_and(|timeout| self.now >= start + timeout);
                assert!(!is_due || end.closed.is_some());
                // What is pending after the end has to be written in time, too.
                let is_due =
                    expected.is_some_and(|timeout| self.now >= start + timeout + timeouts.write);
                assert!(!is_due || end.conn.is_done());
            }
            let Some(deadline) = self.deadline() else {
                break;
            };
            self.now = deadline;
            self.let_time_pass();
        }
        for (end, expected) in self.ends.iter().zip(expected) {
            if expected.is_some() {
                assert!(end.conn.is_done());
            } else {
                assert!(end.conn.is_open() || end.eof_received);
            }
        }
    }

    fn finish(mut self, flood: bool) {
        for end in &mut self.ends {
            end.answers_close = true;
            // With the default buffer, it would take long.
            if flood && self.options.max_send_buffer < MIN_PROGRESS && end.fragmented.is_none() {
                end.flood = FLOOD;
            }
        }
        let is_undisturbed = |end: &End| end.close_sent.is_none() && end.conn.closed().is_none();
        if self.ends.iter().all(is_undisturbed) {
            self.run_until_idle();
            for side in [CLIENT, SERVER] {
                let (end, other) = (&self.ends[side], &self.ends[1 - side]);
                assert!(end.conn.is_open());
                assert_eq!(end.flood, 0, "both ends can send");
                let (received, answered) = end.received_without_pongs();
                assert!(received.into_iter().eq(&other.sent));
                let pings = end.sent.iter().rev();
                let mut pings = pings.filter(|item| matches!(item, Item::Ping(_)));
                let last = answered.map(|payload| Item::Ping(payload.to_vec()));
                // A ping of keep-alive may have come later.
                let is_last_answered = pings.next() == last.as_ref();
                assert!(is_last_answered || self.options.has_keepalive);
            }
            self.close(self.messages % 2, 0);
        }
        self.run_until_idle();
        let is_cut_off = self.ends.iter().any(End::is_cut_off);
        for side in [CLIENT, SERVER] {
            let (end, other) = (&self.ends[side], &self.ends[1 - side]);
            assert!(end.conn.is_done());
            let (received, _) = end.received_without_pongs();
            // CL-20: in Hixie-75 the end that closes stops reading.
            let stopped_reading =
                self.options.dialect == Dialect::Hixie75 && end.close_sent.is_some();
            if is_cut_off || self.closed_early || stopped_reading {
                let sent = other.sent.iter().take(received.len());
                assert!(received.into_iter().eq(sent));
            } else {
                assert!(received.into_iter().eq(&other.sent));
            }
            if is_cut_off || self.closed_early {
                assert!(end.closed.is_some());
                continue;
            }
            let expected = match self.options.dialect {
                Dialect::Hixie75 if end.close_sent.is_some() => Closed::LocallyClosed,
                Dialect::Hixie75 if other.fragmented.is_some() => Closed::Eof(Phase::InMessage),
                Dialect::Hixie75 => Closed::Eof(Phase::Open),
                Dialect::Hixie76 => Closed::Clean(Close::EMPTY),
                // HY-8: the answer repeats the code and reason.
                _ => {
                    let sent = other.close_sent.as_ref().or(end.close_sent.as_ref());
                    Closed::Clean(sent.expect("one end closed").clone())
                }
            };
            assert_eq!(end.closed, Some(expected));
        }
    }
}
