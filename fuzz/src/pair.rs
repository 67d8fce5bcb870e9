//! A client and a server joined: what one is told to say, the other hears.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Dialects, Event,
    MessageAssembler, MessageTooLong, Phase, PreparedMessage, Refused, Role,
};

use super::dialect::{ALL, is_hybi};
use super::options::Options;
use super::redaction::check_error;
use super::session::ENTROPY;

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// What a ping, a pong or a close frame comes to at most.
const CONTROL: usize = 2 + 4 + 125;

/// What goes in front of any other frame at most, with the byte behind one of Hixie-76.
const ENVELOPE: usize = 2 + 8 + 4;

/// What a message is made of, one character after another.
const CHARACTERS: [&str; 4] = ["a", "\u{e9}", "\u{2603}", "\u{1f600}"];

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A message that is, from there on.
    MessageTooLong,
}

/// One end, with its socket.
struct End {
    conn: Connection,
    /// On their way to it.
    wire: Vec<u8>,
    /// In the order in which they were whole.
    told: Vec<Item>,
    heard: Vec<Item>,
    /// What is being sent in parts.
    partial: Option<Item>,
    message: MessageAssembler,
    /// The longest that it puts together.
    limit: usize,
    /// With which it closed by itself.
    last_words: Option<Close>,
    closed: Option<Closed>,
    ended: bool,
}

struct Pair {
    ends: [End; 2],
    dialect: Dialect,
    max_send_buffer: usize,
    /// Somebody closed before it was open.
    early: bool,
    now: Duration,
    /// So that no two messages are alike.
    messages: usize,
}

/// Options: the dialect, the oldest first; 1 if it was opened elsewhere, and 2 if messages are put
/// together up to 100 bytes only; and what may be pending, 0 for the default. Then steps of two bytes: what is done, by the server if it is a
/// capital, and how much of it.
pub fn pair(input: &[u8]) {
    let mut options = Options(input);
    let dialect = ALL[options.number() % ALL.len()];
    let [established, short] = options.switches();
    let limit = options.number();
    let mut pair = Pair::new(dialect, established, limit);
    if short {
        for end in &mut pair.ends {
            end.limit = 100;
            end.message = MessageAssembler::new(end.limit);
        }
    }
    for step in options.wire().chunks_exact(2) {
        let who = usize::from(step[0].is_ascii_uppercase());
        pair.step(who, step[0].to_ascii_lowercase(), step[1]);
    }
    pair.finish();
}

impl End {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            wire: Vec::new(),
            told: Vec::new(),
            heard: Vec::new(),
            partial: None,
            message: MessageAssembler::new(usize::MAX),
            limit: usize::MAX,
            last_words: None,
            closed: None,
            ended: false,
        }
    }

    /// Feeds so many bytes at most; how many they were, and how many events came of them.
    fn feed(&mut self, most: usize) -> usize {
        let n = if self.conn.wants_read() {
            most.min(self.wire.len())
        } else {
            0
        };
        let mut input = &mut self.wire[..n];
        let mut events = 0;
        while let Some(event) = self.conn.receive(&mut input) {
            assert_eq!(self.closed, None, "{event:?} after the end");
            events += 1;
            check_hidden(&event);
            self.heard.extend(match event {
                Event::Text(piece) => match self.message.push_text(&piece) {
                    Ok(text) => text.map(|text| Item::Text(text.to_owned())),
                    Err(error) => Some(too_long(error, self.limit)),
                },
                Event::Binary(piece) => match self.message.push_binary(&piece) {
                    Ok(bytes) => bytes.map(|bytes| Item::Binary(bytes.to_vec())),
                    Err(error) => Some(too_long(error, self.limit)),
                },
                Event::Ping(payload) => Some(Item::Ping(payload.as_bytes().to_vec())),
                Event::Pong(payload) => Some(Item::Pong(payload.as_bytes().to_vec())),
                Event::Request(_) => {
                    self.conn
                        .accept(&AcceptOptions::new())
                        .expect("there is room");
                    None
                }
                Event::Open(_) => None,
                Event::Closed(why) => {
                    self.closed = Some(why);
                    None
                }
                other => panic!("nobody sends that: {other:?}"),
            });
        }
        assert!(input.is_empty() || self.closed.is_some());
        check_hidden(&self.message);
        self.wire.drain(..n);
        n + events
    }

    /// Why it can't say that, whatever room there is.
    fn refusal(&self, step: u8, dialect: Dialect) -> Option<Refused> {
        if self.last_words.is_some() || self.conn.closed().is_some() {
            return Some(Refused::Closing);
        }
        if !self.conn.is_open() {
            return Some(Refused::NotOpen);
        }
        let hybi = is_hybi(dialect);
        let masks = hybi && self.conn.role() == Role::Client;
        let (fits, supported) = match step {
            b't' => (self.partial.is_none(), true),
            b'b' => (self.partial.is_none(), hybi),
            b'e' | b's' => (self.partial.is_none(), !masks),
            b'g' => (self.partial.is_none(), hybi && !masks),
            b'p' | b'q' => (!matches!(self.partial, Some(Item::Binary(_))), hybi),
            b'x' | b'y' => (!matches!(self.partial, Some(Item::Text(_))), hybi),
            _ => (true, hybi),
        };
        if !fits {
            return Some(Refused::FragmentInProgress);
        }
        (!supported).then_some(Refused::Unsupported(dialect))
    }

    /// Of what was events and not refused.
    fn note(&mut self, step: u8, text: String) {
        // That of the other end, which is the same.
        let limit = self.limit;
        let control = |text: String| text.into_bytes()[..].iter().copied().take(125).collect();
        let whole = match step {
            b'i' => Item::Ping(control(text)),
            b'o' => Item::Pong(control(text)),
            b'b' | b'g' => Item::Binary(text.into()),
            b'p' | b'q' | b'x' | b'y' => {
                let more = text.len();
                match &mut self.partial {
                    Some(Item::Text(so_far)) => so_far.push_str(&text),
                    Some(Item::Binary(so_far)) => so_far.extend_from_slice(text.as_bytes()),
                    partial if matches!(step, b'p' | b'q') => *partial = Some(Item::Text(text)),
                    partial => *partial = Some(Item::Binary(text.into())),
                }
                let length = self.partial.as_ref().map_or(0, Item::len);
                if length > limit && length - more <= limit {
                    self.told.push(Item::MessageTooLong);
                }
                if matches!(step, b'q' | b'y') {
                    let whole = self.partial.take();
                    self.told.extend(whole.filter(|_| length <= limit));
                }
                return;
            }
            _ => Item::Text(text),
        };
        let fits = whole.len() <= limit || matches!(whole, Item::Ping(_) | Item::Pong(_));
        self.told
            .push(if fits { whole } else { Item::MessageTooLong });
    }

    /// What it heard but for the answers to its own pings, which come in the order of these, each
    /// at most once; and the last of them.
    fn heard(&self) -> (Vec<&Item>, Option<&[u8]>) {
        let mut pings = self.told.iter().filter_map(|item| match item {
            Item::Ping(payload) => Some(&payload[..]),
            _ => None,
        });
        let asked: Vec<_> = pings.clone().collect();
        let mut answered = None;
        let mut others = Vec::new();
        for item in &self.heard {
            match item {
                Item::Pong(payload) if asked.contains(&&payload[..]) => {
                    answered = pings.find(|ping| ping == payload);
                    assert!(answered.is_some(), "answered twice, or out of turn");
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
            Item::Text(text) => text.len(),
            Item::Binary(bytes) | Item::Ping(bytes) | Item::Pong(bytes) => bytes.len(),
            Item::MessageTooLong => 0,
        }
    }
}

fn too_long(error: MessageTooLong, limit: usize) -> Item {
    check_error(&error);
    assert_eq!(error, MessageTooLong { limit });
    Item::MessageTooLong
}

/// Neither what is sent is shown, as text or as numbers, nor the entropy. Masks are, of four bytes.
fn check_hidden(value: &dyn Debug) {
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
        if limit > 0 {
            // The heads have to fit.
            max_send_buffer = 512 + 8 * limit;
            config = config
                .max_send_buffer(max_send_buffer)
                .high_water(4 * limit);
        }
        let ends = if established {
            let end = |role| Connection::established(&config, role, dialect, ENTROPY);
            [end(Role::Client), end(Role::Server)]
        } else {
            let target = ClientRequest::new("ws://example.com/demo").expect("a good URL");
            let target = target.with_dialect(dialect);
            let client = Connection::client(&config, &target, ENTROPY);
            [client, Connection::server(&config)]
        };
        Self {
            ends: ends.map(End::new),
            dialect,
            max_send_buffer,
            early: false,
            now: Duration::ZERO,
            messages: 0,
        }
    }

    fn step(&mut self, who: usize, step: u8, amount: u8) {
        let amount = usize::from(amount.wrapping_sub(b'0'));
        // Up to the second form of a length, and far into it; or the third.
        let length = match amount {
            255 => 1 << 16,
            _ => amount * amount / 16,
        };
        match step {
            b'd' => drop(self.drain(who, length)),
            b'f' => {
                self.feed(who, length);
                // Now it may hold half of something.
                check_hidden(&self.ends[who].conn);
            }
            b'c' => self.close(who, amount),
            b'w' => self.wait(),
            b't' | b'b' | b'e' | b'g' | b's' | b'p' | b'q' | b'x' | b'y' | b'i' | b'o' => {
                self.say(who, step, length);
            }
            _ => {}
        }
        for end in &self.ends {
            let pending = end.conn.transmit().len();
            // Nothing stops a close frame.
            assert!(pending <= self.max_send_buffer + CONTROL, "{pending} bytes");
        }
    }

    /// The socket takes so many bytes at most.
    fn drain(&mut self, who: usize, most: usize) -> usize {
        let conn = &mut self.ends[who].conn;
        let n = most.min(conn.transmit().len());
        let bytes = conn.transmit()[..n].to_vec();
        conn.advance(n);
        self.ends[1 - who].wire.extend(bytes);
        n
    }

    fn feed(&mut self, who: usize, most: usize) -> usize {
        let alone = self.ends[1 - who].conn.is_done();
        let end = &mut self.ends[who];
        let ends = alone && end.wire.is_empty() && !end.ended;
        if ends {
            end.ended = true;
            end.conn.receive_eof();
        }
        usize::from(ends) + end.feed(most)
    }

    /// Time goes on where no timeout runs.
    fn wait(&mut self) {
        if self.ends.iter().all(|end| end.conn.is_open()) {
            self.now += Duration::from_millis(600);
        }
        for end in &mut self.ends {
            let wait = end.conn.tick(self.now);
            assert_ne!(wait, Some(Duration::ZERO));
        }
    }

    /// With a code that the lower four bits of `amount` say, and a reason that the next two do.
    fn close(&mut self, who: usize, amount: usize) {
        let code = 1000 + (amount % 16) as u16;
        let reason = match amount / 16 % 4 {
            0 => "bye".to_owned(),
            1 => String::new(),
            more => "-".repeat(121 + more),
        };
        // HY-8: 1005 stands for no code.
        let is_code = matches!(code, 1000..=1003 | 1007..=1014);
        let can_be_sent = (is_code || code == 1005 && reason.is_empty()) && reason.len() <= 123;
        let last_words = if is_hybi(self.dialect) {
            Close::new(code, &reason)
        } else {
            Close::EMPTY
        };
        let end = &mut self.ends[who];
        let is_open = end.conn.is_open();
        let over = end.last_words.is_some() || end.conn.closed().is_some();
        let bad = is_open && is_hybi(self.dialect) && !can_be_sent;
        let before = end.conn.transmit().len();
        let done = end.conn.close(&last_words);
        let refused = over.then_some(Refused::Closing);
        let refused = refused.or(bad.then_some(Refused::InvalidClose));
        assert_eq!(done.err(), refused);
        if refused.is_some() {
            assert_eq!(end.conn.transmit().len(), before);
        } else {
            end.last_words = Some(last_words);
            self.early |= !is_open;
        }
    }

    fn say(&mut self, who: usize, step: u8, length: usize) {
        self.messages += 1;
        // Characters of one to four bytes.
        let character = CHARACTERS[self.messages % 4];
        let repeated = character.repeat(length / character.len());
        let text = format!("{}{repeated}", self.messages);
        let bytes = text.as_bytes();
        let control = &bytes[..bytes.len().min(125)];
        let end = &mut self.ends[who];
        let expected = end.refusal(step, self.dialect);
        let encoded = match step {
            b'e' => Some(PreparedMessage::text(self.dialect, &text)),
            b'g' => {
                let encoded = PreparedMessage::binary(self.dialect, bytes);
                assert_eq!(encoded.is_some(), is_hybi(self.dialect));
                encoded
            }
            _ => None,
        };
        check_hidden(&encoded);
        let conn = &mut end.conn;
        if matches!(step, b'i' | b'o') && expected.is_none() && bytes.len() > control.len() {
            assert_eq!(conn.send_ping(bytes), Err(Refused::ControlTooLong));
            assert_eq!(conn.send_pong(bytes), Err(Refused::ControlTooLong));
        }
        let before = conn.transmit().len();
        let mut written = Vec::new();
        let done = match step {
            b't' => conn.send_text(&text),
            b'b' => conn.send_binary(bytes),
            b'e' | b'g' => match &encoded {
                Some(message) => conn.send_prepared(message),
                None => return,
            },
            b's' => conn.send_text_vectored(&text).map(|frame| {
                check_hidden(&frame);
                written = frame.slices().concat();
                written.truncate(written.len() / 2);
                frame.advance(written.len());
            }),
            b'p' | b'q' => conn.send_text_fragment(&text, step == b'q'),
            b'x' | b'y' => conn.send_binary_fragment(bytes, step == b'y'),
            b'i' => conn.send_ping(control),
            _ => conn.send_pong(control),
        };
        let pending = conn.transmit().len();
        match done {
            Ok(()) => {
                assert_eq!(expected, None);
                assert!(pending <= self.max_send_buffer);
                end.note(step, text);
                self.ends[1 - who].wire.extend(written);
            }
            Err(refused) => {
                assert_eq!(pending, before, "a refused call changes nothing");
                let limit = self.max_send_buffer;
                let full = Refused::BufferFull { limit };
                assert_eq!(refused, expected.unwrap_or(full));
                // A pong that is held back has to fit as well.
                let full = before + text.len() + ENVELOPE + CONTROL > limit;
                assert!(expected.is_some() || full || step == b's' && before > 0);
            }
        }
    }

    /// Until nothing moves any more.
    fn drive(&mut self) {
        loop {
            let mut moved = 0;
            for who in [CLIENT, SERVER] {
                moved += self.drain(who, usize::MAX) + self.feed(who, usize::MAX);
            }
            if moved == 0 {
                return;
            }
        }
    }

    fn finish(mut self) {
        if !self.ends.iter().any(|end| end.last_words.is_some()) {
            self.drive();
            for who in [CLIENT, SERVER] {
                let (end, other) = (&self.ends[who], &self.ends[1 - who]);
                assert!(end.conn.is_open());
                let (heard, answered) = end.heard();
                assert!(heard.into_iter().eq(&other.told));
                let pings = end.told.iter().rev();
                let mut pings = pings.filter(|item| matches!(item, Item::Ping(_)));
                let last = answered.map(|payload| Item::Ping(payload.to_vec()));
                assert_eq!(pings.next(), last.as_ref(), "the last ping is answered");
            }
            self.close(self.messages % 2, 0);
        }
        self.drive();
        for who in [CLIENT, SERVER] {
            let (end, other) = (&self.ends[who], &self.ends[1 - who]);
            assert!(end.conn.is_done());
            let (heard, _) = end.heard();
            // CL-20: who closes in Hixie-75 reads no more.
            let deaf = self.dialect == Dialect::Hixie75 && end.last_words.is_some();
            if self.early || deaf {
                let told = other.told.iter().take(heard.len());
                assert!(heard.into_iter().eq(told));
            } else {
                assert!(heard.into_iter().eq(&other.told));
            }
            let expected = match self.dialect {
                Dialect::Hixie75 if end.last_words.is_some() => Closed::LocallyClosed,
                Dialect::Hixie75 => Closed::Eof(Phase::Open),
                Dialect::Hixie76 => Closed::Clean(Close::EMPTY),
                // HY-8: what comes back is the code alone.
                _ => Closed::Clean(match (&other.last_words, &end.last_words) {
                    (Some(words), _) => words.clone(),
                    (None, words) => {
                        let code = words.as_ref().and_then(Close::code);
                        Close::new(code.expect("somebody closed"), "")
                    }
                }),
            };
            assert!(end.closed.is_some());
            assert!(
                self.early || end.closed == Some(expected),
                "{:?}",
                end.closed
            );
        }
    }
}
