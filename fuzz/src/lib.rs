//! What has to hold of hybi whatever comes off the wire. A fuzz target hands its input to one of
//! these functions, which panics at a finding; a test can do so with the seeds.
//!
//! An input of [`server`], [`client`] and [`frames`] begins with options of one byte each, counted
//! from `0`, then a byte that is skipped: so a seed is a line of digits and what comes off the
//! wire.
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::time::Duration;

use httparse::{EMPTY_HEADER, Status};
use hybi::{
    Accept, Close, Closed, Config, Connection, Dialect, Dialects, Event, HeaderFault, KeyFault,
    Phase, ProtocolError, Refused, Request, Response, Role, Target, Tunnel,
};
use md5::{Digest, Md5};
use sha1::Sha1;

use crate::reference::Reference;

mod reference;

const POLICY: &str = "<cross-domain-policy/>";
const AUTHORITY: &str = "proxy.example:8080";
const COOKIE: (&str, &str) = ("Set-Cookie", "seen=1; HttpOnly");
const HTML: (&str, &str) = ("Content-Type", "text/html");
const ENTROPY: [u8; 32] = [7; 32];
const KEY1: &str = "Sec-WebSocket-Key1";
const KEY2: &str = "Sec-WebSocket-Key2";
const PROTOCOL_75: &str = "WebSocket-Protocol";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const KEY: &str = "Sec-WebSocket-Key";
const VERSION: &str = "Sec-WebSocket-Version";
const HYBI_ORIGIN: &str = "Sec-WebSocket-Origin";
const VERSIONS: [(Dialect, &str); 3] = [
    (Dialect::Rfc6455, "13"),
    (Dialect::HyBi8, "8"),
    (Dialect::HyBi7, "7"),
];

/// The options in front of an input.
struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// The next one; 0 when there are no more.
    fn number(&mut self) -> usize {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte.wrapping_sub(b'0').into()
    }

    fn switches<const N: usize>(&mut self) -> [bool; N] {
        let bits = self.number();
        std::array::from_fn(|i| bits >> i & 1 == 1)
    }

    /// What stands behind the options and the byte that ends them.
    fn wire(self) -> &'a [u8] {
        self.0.get(1..).unwrap_or_default()
    }

    fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        match self.number() {
            0 => {}
            1 => limits.config = limits.config.max_head(1 << 20).max_line(1 << 20),
            n => {
                limits.high_water = n;
                limits.max_fragments = n as u32 - 2;
                limits.config = limits
                    .config
                    .max_head(8 * n)
                    .max_line(2 * n)
                    .max_headers(n / 8)
                    .max_pending(2 * n)
                    .high_water(n)
                    .max_fragments(limits.max_fragments);
            }
        }
        if let Some(most) = self.number().checked_sub(1) {
            limits.max_frame = most as u64;
            limits.config = limits.config.max_frame(limits.max_frame);
        }
        limits
    }

    fn cuts(&mut self) -> Cuts {
        let [eof, eof_early, late] = self.switches();
        Cuts {
            sizes: std::array::from_fn(|_| self.number()),
            eof,
            eof_early,
            late,
        }
    }
}

/// A configuration, and what of it has to be known here.
struct Limits {
    config: Config,
    max_frame: u64,
    max_fragments: u32,
    high_water: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            config: Config::new(),
            max_frame: i64::MAX as u64,
            max_fragments: 64 * 1024,
            high_water: 64 * 1024,
        }
    }
}

/// How the bytes come in.
#[derive(Clone, Copy, Debug)]
struct Cuts {
    /// Of the pieces, in turn; when all are 0 there is one piece.
    sizes: [usize; 4],
    eof: bool,
    /// The end is told of before the last piece is fed.
    eof_early: bool,
    /// A request is answered when the next piece has come.
    late: bool,
}

impl Cuts {
    fn none(self) -> Self {
        Self {
            sizes: [0; 4],
            eof: self.eof,
            eof_early: false,
            late: false,
        }
    }

    /// Where the pieces end.
    fn ends(&self, length: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        if self.sizes != [0; 4] {
            let mut end = 0;
            ends.extend(self.sizes.iter().cycle().map_while(|size| {
                end += size;
                (end < length).then_some(end)
            }));
        }
        ends.push(length);
        ends
    }
}

/// What the application does.
#[derive(Clone, Copy, Debug, Default)]
struct App {
    answer: usize,
    echoes: bool,
    /// It closes after the first message.
    closes: bool,
    /// Nothing is written before the end.
    lazy: bool,
    /// Pings are not answered.
    quiet: bool,
    /// With more than that pending only the latest ping is answered.
    high_water: usize,
}

#[derive(Debug, PartialEq)]
enum Said {
    Request(Option<Dialect>, String),
    Open(Dialect, Option<String>),
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Discarded(u8, u64),
    Closed(Closed),
    Refused(Refused),
}

/// All that came of the bytes; the same however they were cut.
#[derive(Debug, Default, PartialEq)]
struct Story {
    said: Vec<Said>,
    /// Of a message that did not come to its end.
    piece: Vec<u8>,
    sent: Vec<u8>,
    taken: usize,
}

struct Run {
    conn: Connection,
    app: App,
    cuts: Cuts,
    story: Story,
    request: Option<Request>,
    waiting: bool,
    accepted: bool,
    established: bool,
    /// The frames that have to be sent, without masks, and whether a close frame is one of them.
    frames: Vec<u8>,
    closing: bool,
    /// A ping that is to be answered when there is room.
    held: Option<Vec<u8>>,
    /// The opcode of the message that is being sent in parts.
    partial: Option<u8>,
    now: Duration,
}

impl Run {
    fn of(conn: Connection, app: App, cuts: Cuts, bytes: &[u8]) -> Self {
        let mut run = Self {
            established: conn.dialect().is_some(),
            conn,
            app,
            cuts,
            story: Story::default(),
            request: None,
            waiting: false,
            accepted: false,
            frames: Vec::new(),
            closing: false,
            held: None,
            partial: None,
            now: Duration::ZERO,
        };
        run.turn();
        steps();
        let ends = cuts.ends(bytes.len());
        let mut copy = bytes.to_vec();
        let mut from = 0;
        for (i, to) in ends.iter().enumerate() {
            if cuts.eof && cuts.eof_early && i + 1 == ends.len() {
                run.conn.receive_eof();
            }
            from = to - run.feed(&mut copy[from..*to], &bytes[from..*to]);
            if run.closed().is_some() {
                break;
            }
        }
        if cuts.eof {
            run.conn.receive_eof();
        }
        // The answer that is late, then the silence after the end.
        for _ in 0..2 {
            from = bytes.len() - run.feed(&mut copy[from..], &bytes[from..]);
        }
        let steps = steps();
        assert!(steps <= 4 * bytes.len() as u64 + 64, "{steps} steps");
        run.story.taken = from;
        run.drain();
        run.check_end();
        run
    }

    /// Feeds a copy of `bytes`; how many of them were left.
    fn feed(&mut self, mut input: &mut [u8], bytes: &[u8]) -> usize {
        if self.waiting {
            self.answer();
        }
        loop {
            let pending = self.conn.transmit().len();
            let Some(event) = self.conn.receive(&mut input) else {
                break;
            };
            assert_eq!(self.closed(), None, "{event:?} after the end");
            self.hear(event, pending);
            self.turn();
        }
        self.turn();
        let left = input.len();
        assert!(bytes.ends_with(input), "what is left is not as it came");
        assert!(left == 0 || self.waiting || self.closed().is_some());
        left
    }

    /// Of an event before which so many bytes were pending.
    fn hear(&mut self, event: Event<'_>, pending: usize) {
        match event {
            Event::Request(request) => {
                let resource = request.resource().to_owned();
                let said = Said::Request(request.dialect(), resource);
                self.story.said.push(said);
                self.request = Some(request);
                self.waiting = true;
                if !self.cuts.late {
                    self.answer();
                }
            }
            Event::Open(open) => {
                let protocol = open.protocol().map(str::to_owned);
                self.story.said.push(Said::Open(open.dialect(), protocol));
            }
            Event::Text(text) => {
                assert!(text.is_last() || !text.as_str().is_empty());
                self.story.piece.extend_from_slice(text.as_str().as_bytes());
                if text.is_last() {
                    let text = String::from_utf8(std::mem::take(&mut self.story.piece));
                    let text = text.expect("whole pieces make whole text");
                    self.reply(&text);
                    self.story.said.push(Said::Text(text));
                }
            }
            Event::Binary(binary) => {
                assert!(binary.is_last() || !binary.as_bytes().is_empty());
                self.story.piece.extend_from_slice(binary.as_bytes());
                if binary.is_last() {
                    let bytes = std::mem::take(&mut self.story.piece);
                    self.reply_binary(&bytes);
                    self.story.said.push(Said::Binary(bytes));
                }
            }
            Event::Ping(payload) => {
                let payload = payload.as_bytes().to_vec();
                if self.app.quiet {
                    // The application may answer by itself.
                } else if pending <= self.app.high_water {
                    self.frames.extend(frame(0x8A, &payload));
                } else {
                    self.held = Some(payload.clone());
                }
                self.story.said.push(Said::Ping(payload));
            }
            Event::Pong(payload) => {
                let payload = payload.as_bytes().to_vec();
                if self.app.echoes {
                    let done = self.conn.send_ping(&payload);
                    self.sent(done, &frame(0x89, &payload));
                }
                self.story.said.push(Said::Pong(payload));
            }
            Event::Discarded(frame) => {
                let said = Said::Discarded(frame.kind(), frame.len());
                self.story.said.push(said);
            }
            Event::Closed(why) => {
                match &why {
                    Closed::Clean(close) => {
                        // HY-8: a code that was not there is not made up.
                        let code = close.code().filter(|code| *code != 1005);
                        self.close_frame(code, "");
                    }
                    Closed::Protocol(error) => self.close_frame(Some(close_code(error)), ""),
                    _ => {}
                }
                self.held = None;
                self.story.said.push(Said::Closed(why));
            }
            other => panic!("an event that no dialect has: {other:?}"),
        }
    }

    fn reply(&mut self, text: &str) {
        if self.app.echoes && self.is_hybi() && text.len() % 3 == 2 {
            let mut half = text.len() / 2;
            while !text.is_char_boundary(half) {
                half -= 1;
            }
            let (front, back) = text.split_at(half);
            let done = self.conn.send_text_part(front, false);
            self.sent_part(done, 1, front.as_bytes(), false);
            let done = self.conn.send_text_part(back, true);
            self.sent_part(done, 1, back.as_bytes(), true);
        } else if self.app.echoes {
            let done = self.send(text);
            let frame = if self.is_hybi() {
                frame(0x81, text.as_bytes())
            } else {
                [&[0x00], text.as_bytes(), &[0xFF]].concat()
            };
            self.sent(done, &frame);
        }
        self.leave();
    }

    fn reply_binary(&mut self, bytes: &[u8]) {
        if self.app.echoes && bytes.len() % 3 == 2 {
            let (front, back) = bytes.split_at(bytes.len() / 2);
            let done = self.conn.send_binary_part(front, false);
            self.sent_part(done, 2, front, false);
            let done = self.conn.send_binary_part(back, true);
            self.sent_part(done, 2, back, true);
        } else if self.app.echoes {
            let done = self.send_binary(bytes);
            self.sent(done, &frame(0x82, bytes));
        }
        self.leave();
    }

    fn leave(&mut self) {
        if self.conn.is_open() && !self.is_hybi() {
            let dialect = self.conn.dialect().expect("it is open");
            let unsupported = Err(Refused::Unsupported(dialect));
            assert_eq!(self.conn.send_binary(b"a"), unsupported);
            assert_eq!(self.conn.send_ping(b"a"), unsupported);
            assert_eq!(self.conn.send_text_part("a", true), unsupported);
        }
        if self.app.closes {
            let done = self.conn.close(&Close::with(1000, "bye"));
            if self.note(done) {
                self.close_frame(Some(1000), "bye");
            }
        }
    }

    /// A pong that was held back goes before the message.
    fn sent(&mut self, done: Result<(), Refused>, frame: &[u8]) -> bool {
        let done = self.note(done);
        if done {
            self.free_pong();
            self.frames.extend_from_slice(frame);
        }
        done
    }

    fn sent_part(&mut self, done: Result<(), Refused>, opcode: u8, payload: &[u8], last: bool) {
        let first = if self.partial.is_some() { 0 } else { opcode };
        let first = first | if last { 0x80 } else { 0 };
        if self.sent(done, &frame(first, payload)) {
            assert!(self.partial.is_none_or(|partial| partial == opcode));
            self.partial = (!last).then_some(opcode);
        }
    }

    fn free_pong(&mut self) {
        if let Some(payload) = self.held.take() {
            self.frames.extend(frame(0x8A, &payload));
        }
    }

    /// Whether a message is sent without a copy: in one of the two runs that are held against each
    /// other, where that can be done.
    fn sends_slices(&self) -> bool {
        let masks = self.is_hybi() && self.conn.role() == Role::Client;
        self.cuts.sizes == [0; 4] && !masks && !self.app.lazy
    }

    fn send(&mut self, text: &str) -> Result<(), Refused> {
        if !self.sends_slices() {
            return self.conn.send_text(text);
        }
        let frame = self.conn.frame_text(text)?;
        let bytes = frame.slices().concat();
        let taken = bytes.len() / 2;
        self.story.sent.extend_from_slice(&bytes[..taken]);
        frame.wrote(taken);
        Ok(())
    }

    fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if !self.sends_slices() {
            return self.conn.send_binary(bytes);
        }
        let frame = self.conn.frame_binary(bytes)?;
        let bytes = frame.slices().concat();
        let taken = bytes.len() / 2;
        self.story.sent.extend_from_slice(&bytes[..taken]);
        frame.wrote(taken);
        Ok(())
    }

    /// CL-6, CL-20: one from each side, none in Hixie-75 and none before it is open.
    fn close_frame(&mut self, code: Option<u16>, reason: &str) {
        let has_none = self.conn.dialect() == Some(Dialect::Hixie75);
        if !self.is_open() || has_none || std::mem::replace(&mut self.closing, true) {
            return;
        }
        if !self.is_hybi() {
            self.frames.extend_from_slice(&[0xFF, 0x00]);
            return;
        }
        let mut payload = code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
        payload.extend_from_slice(reason.as_bytes());
        self.frames.extend(frame(0x88, &payload));
    }

    fn answer(&mut self) {
        let Some(request) = self.request.clone() else {
            return;
        };
        let conn = &mut self.conn;
        let done = match self.app.answer % 8 {
            1 => {
                let accept = Accept::new().authority(AUTHORITY).headers(&[COOKIE]);
                let protocol = request.protocols().last();
                conn.accept(&protocol.map_or(accept, |name| accept.protocol(name)))
            }
            2 => conn.respond(&Response::new(404)),
            3 => conn.respond(&Response::new(200).headers(&[HTML]).body(b"<p>")),
            4 => conn.respond(&Response::new(204).headers(&[COOKIE])),
            5 => conn.close(&Close::new()),
            6 => return,
            7 => {
                let broken = [("X-A", "a\r\nX-B: b")];
                let accept = Accept::new();
                assert!(conn.accept(&accept.headers(&broken)).is_err());
                assert!(conn.accept(&accept.protocol("a\r\nX-B: b")).is_err());
                assert!(conn.respond(&Response::new(101)).is_err());
                conn.accept(&accept)
            }
            _ => conn.accept(&Accept::new()),
        };
        self.waiting = false;
        self.accepted = done.is_ok() && matches!(self.app.answer % 8, 0 | 1 | 7);
        if self.accepted {
            // H76-4, also where nothing is waited for.
            assert_eq!(self.conn.send_text("early"), Err(Refused::NotOpen));
        }
        if !self.note(done) {
            let instead = self.conn.respond(&Response::new(500));
            if !self.note(instead) {
                let end = self.conn.close(&Close::new());
                assert!(self.note(end), "a request that nothing answers");
            }
        }
    }

    /// Whether it was done; the refusal is part of the story.
    fn note(&mut self, done: Result<(), Refused>) -> bool {
        self.story.said.extend(done.err().map(Said::Refused));
        done.is_ok()
    }

    /// What a loop does after each event.
    fn turn(&mut self) {
        if !self.app.lazy {
            self.drain();
        }
        // Only where no timeout runs does time go on.
        if self.conn.is_open() {
            self.now += Duration::from_millis(600);
        }
        let wait = self.conn.tick(self.now);
        assert_ne!(wait, Some(Duration::ZERO));
    }

    /// In two steps, as a socket may.
    fn drain(&mut self) {
        while self.conn.wants_write() {
            let pending = self.conn.transmit();
            let taken = pending.len().div_ceil(2);
            self.story.sent.extend_from_slice(&pending[..taken]);
            self.conn.advance(taken);
        }
        self.free_pong();
    }

    /// Whether it was ever open.
    fn is_open(&self) -> bool {
        let opening = |said: &Said| matches!(said, Said::Open(..));
        self.established || self.story.said.iter().any(opening)
    }

    fn is_hybi(&self) -> bool {
        self.conn.dialect().is_some_and(is_hybi)
    }

    fn closed(&self) -> Option<&Closed> {
        match self.story.said.last() {
            Some(Said::Closed(why)) => Some(why),
            _ => None,
        }
    }

    fn check_end(&mut self) {
        let why = self.closed().cloned();
        let closings = self.story.said.iter();
        let closings = closings.filter(|said| matches!(said, Said::Closed(_)));
        assert_eq!(closings.count(), usize::from(why.is_some()));
        assert_eq!(self.conn.is_done(), why.is_some());
        assert_eq!(self.conn.closed(), why.as_ref());
        let is_open = self.is_open() && why.is_none() && !self.closing;
        assert_eq!(self.conn.is_open(), is_open);
        if why.is_some() {
            assert!(!self.conn.wants_read());
            assert_eq!(self.conn.send_text(""), Err(Refused::Closing));
            assert_eq!(self.conn.close(&Close::new()), Err(Refused::Closing));
        } else {
            assert!(
                !self.cuts.eof || self.waiting,
                "the end of file is not told"
            );
        }
        // Text that fails is looked at in the pieces that it comes in, and so are the headers of
        // HyBi-7 and later.
        match why {
            Some(Closed::Protocol(ProtocolError::Utf8 { .. })) => self.story.taken = 0,
            Some(Closed::Protocol(_)) if self.is_hybi() => self.story.taken = 0,
            _ => {}
        }
    }

    /// What a server sent: a response in which every field is known, what the dialect puts behind
    /// it, and frames.
    fn check_sent(&self, bytes: &[u8], scheme: &str, dialects: Dialects) {
        let sent = self.story.sent.strip_suffix(&self.frames[..]);
        let sent = sent.expect("the frames come last");
        let status = match self.closed() {
            _ if self.accepted => Some(101),
            _ if self.established => None,
            Some(Closed::PolicyFile) => {
                assert_eq!(sent, [POLICY.as_bytes(), b"\0"].concat());
                return;
            }
            Some(Closed::Protocol(error)) => {
                assert_eq!(error.status(), status(error));
                status(error)
            }
            Some(Closed::Rejected(status)) => Some(*status),
            Some(Closed::Local) => Some(503),
            _ => None,
        };
        let Some(status) = status else {
            assert_eq!(sent, b"");
            return;
        };
        let mut fields = [EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(Status::Complete(length)) = response.parse(sent) else {
            panic!("not a response: {:?}", String::from_utf8_lossy(sent));
        };
        let behind = &sent[length..];
        assert_eq!(response.code, Some(status));
        let known = if status == 101 {
            let open76 = self.is_open() && self.conn.dialect() == Some(Dialect::Hixie76);
            let answer = open76.then(|| answer(bytes).to_vec());
            assert_eq!(behind, answer.unwrap_or_default());
            assert_eq!(response.reason, Some(self.reason()));
            self.known_in_accept(scheme)
        } else {
            self.known_in_response(status, behind, dialects)
        };
        let found = response.headers.iter();
        let found = found.map(|field| (field.name.to_owned(), field.value.to_owned()));
        assert_same_fields(found, known);
    }

    fn known_in_accept(&self, scheme: &str) -> Vec<(&'static str, String)> {
        let request = self.request.as_ref().expect("nothing else is accepted");
        let chosen = self.app.answer % 8 == 1;
        let [origin, location, protocol] = match request.dialect() {
            Some(dialect) if is_hybi(dialect) => {
                let key = request.header(KEY).expect("checked");
                let mut known = vec![
                    ("Upgrade", "websocket".to_owned()),
                    ("Connection", "Upgrade".to_owned()),
                    ("Sec-WebSocket-Accept", accept_value(key)),
                ];
                if chosen {
                    let last = request.protocols().last();
                    known.extend(last.map(|last| (PROTOCOL, last.to_owned())));
                    known.push((COOKIE.0, COOKIE.1.to_owned()));
                }
                return known;
            }
            Some(Dialect::Hixie75) => ["WebSocket-Origin", "WebSocket-Location", PROTOCOL_75],
            _ => ["Sec-WebSocket-Origin", "Sec-WebSocket-Location", PROTOCOL],
        };
        let authority = if chosen { AUTHORITY } else { request.host() };
        let mut known = vec![
            ("Upgrade", "WebSocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            (origin, request.origin().expect("checked").to_owned()),
            (
                location,
                format!("{scheme}://{authority}{}", request.resource()),
            ),
        ];
        let asked = request.headers();
        let asked = asked.filter(|(name, _)| name.eq_ignore_ascii_case(protocol));
        let asked: Vec<_> = asked
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        match request.protocols().last() {
            Some(last) if chosen => known.push((protocol, last.to_owned())),
            _ if !asked.is_empty() => known.push((protocol, asked.join(", "))),
            _ => {}
        }
        if chosen {
            known.push((COOKIE.0, COOKIE.1.to_owned()));
        }
        known
    }

    /// H75-2, H76-5, HY-2
    fn reason(&self) -> &'static str {
        match self.conn.dialect() {
            Some(Dialect::Hixie75) => "Web Socket Protocol Handshake",
            Some(Dialect::Hixie76) => "WebSocket Protocol Handshake",
            _ => "Switching Protocols",
        }
    }

    fn known_in_response(
        &self,
        status: u16,
        behind: &[u8],
        dialects: Dialects,
    ) -> Vec<(&'static str, String)> {
        let mut known = vec![("Connection", "close".to_owned())];
        let mut add = |(name, value): (&'static str, &str)| known.push((name, value.to_owned()));
        match status {
            204 => {
                assert_eq!(behind, b"");
                add(COOKIE);
                return known;
            }
            200 => add(HTML),
            _ => add(("Content-Type", "text/plain")),
        }
        match status {
            405 => add(("Allow", "GET")),
            426 => {
                // HY-9
                add(("Upgrade", "websocket"));
                let on = VERSIONS.iter().filter(|(one, _)| dialects.contains(*one));
                let on: Vec<_> = on.map(|(_, version)| *version).collect();
                if !on.is_empty() {
                    add((VERSION, &on.join(", ")));
                }
            }
            _ => {}
        }
        add(("Content-Length", &behind.len().to_string()));
        known
    }
}

fn assert_same_fields<V: AsRef<[u8]>>(
    found: impl IntoIterator<Item = (String, V)>,
    known: impl IntoIterator<Item = (&'static str, String)>,
) {
    let text = |value: V| String::from_utf8_lossy(value.as_ref()).into_owned();
    let mut found: Vec<_> = found.into_iter().map(|(n, v)| (n, text(v))).collect();
    let mut known: Vec<_> = known.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

/// Work done since the last call, where the library counts it.
fn steps() -> u64 {
    #[cfg(fuzzing)]
    return hybi::fuzzing::steps();
    #[cfg(not(fuzzing))]
    0
}

fn is_hybi(dialect: Dialect) -> bool {
    !matches!(dialect, Dialect::Hixie75 | Dialect::Hixie76)
}

/// HY-6: a frame with the shortest form of its length.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        long @ 126..0x1_0000 => {
            frame.push(126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
        longer => {
            frame.push(127);
            frame.extend_from_slice(&(longer as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// The frames that a client sent, each masked and with the shortest form of its length, without
/// the masks.
fn unmask(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0x80, "a client masks each frame");
        let (length, rest) = match second & 0x7F {
            126 => {
                let (length, rest) = rest.split_first_chunk().expect("a whole length");
                (u16::from_be_bytes(*length).into(), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk().expect("a whole length");
                (u64::from_be_bytes(*length) as usize, rest)
            }
            short => (usize::from(short), rest),
        };
        let (key, rest) = rest.split_first_chunk::<4>().expect("a whole key");
        let (payload, rest) = rest.split_at(length);
        let masked = payload.iter().zip(key.iter().cycle());
        let payload: Vec<_> = masked.map(|(byte, key)| byte ^ key).collect();
        let header = bytes.len() - rest.len() - length - 4;
        let frame = frame(*first, &payload);
        assert_eq!(frame.len(), header + length, "the shortest form");
        plain.extend(frame);
        bytes = rest;
    }
    assert_eq!(bytes, b"", "half a frame");
    plain
}

/// PX-3
fn status(error: &ProtocolError) -> Option<u16> {
    Some(match error {
        ProtocolError::HeadTooLong { .. }
        | ProtocolError::LineTooLong { .. }
        | ProtocolError::TooManyHeaders { .. } => 431,
        ProtocolError::Method => 405,
        ProtocolError::Version { .. } => 505,
        ProtocolError::NotWebSocket | ProtocolError::DialectOff(_) => 426,
        ProtocolError::Header { name, fault, .. } => match *name {
            VERSION | "Sec-WebSocket-Draft" | "Upgrade" if *fault == HeaderFault::Invalid => 426,
            _ => 400,
        },
        ProtocolError::StartLine { .. }
        | ProtocolError::Line { .. }
        | ProtocolError::Key { .. } => 400,
        _ => return None,
    })
}

/// HY-5 to HY-8
fn close_code(error: &ProtocolError) -> u16 {
    match error {
        ProtocolError::Utf8 { .. } => 1007,
        ProtocolError::FrameTooLong { .. } | ProtocolError::TooManyFragments { .. } => 1009,
        _ => 1002,
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, bit by bit.
fn base64(bytes: &[u8]) -> String {
    let bit = |at: usize| {
        bytes
            .get(at / 8)
            .is_some_and(|byte| byte << (at % 8) & 0x80 != 0)
    };
    let digit = |at: usize| (0..6).fold(0, |digit, i| digit << 1 | usize::from(bit(at + i)));
    let digits = (0..8 * bytes.len()).step_by(6);
    let mut text: String = digits.map(|at| char::from(DIGITS[digit(at)])).collect();
    let padding = text.len().next_multiple_of(4) - text.len();
    text.extend(std::iter::repeat_n('=', padding));
    text
}

/// HY-2: 16 bytes in base64, in its one spelling.
fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
    let digits: Vec<_> = key.iter().map_while(digit).collect();
    let bit = |at: usize| digits.get(at / 6).map_or(0, |d| d >> (5 - at % 6) & 1);
    let byte = |at: usize| (0..8).fold(0, |byte, i| byte << 1 | bit(8 * at + i) as u8);
    let bytes: Vec<_> = (0..16).map(byte).collect();
    base64(&bytes).as_bytes() == key
}

/// HY-2
fn accept_value(key: &[u8]) -> String {
    let guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    base64(&Sha1::digest([key, guid].concat()))
}

/// Options: dialects (1, 2, 8, 16 and 32: Hixie-75, Hixie-76, HyBi-7, HyBi-8 and RFC 6455; 4:
/// opened elsewhere, in the newest of HyBi-7 and later that is on, or else in Hixie-76 with 1),
/// switches, the two of `limits`, the answer to a request (8: nothing is written before the end),
/// and those of `cuts`.
pub fn server(input: &[u8]) {
    let mut options = Options(input);
    let [old, new, established, seven, eight, rfc] = options.switches();
    let [plain, utf8, frames, policy, secure, echoes, closes, quiet] = options.switches();
    let dialects = [
        (Dialect::Hixie75, old),
        (Dialect::Hixie76, new),
        (Dialect::HyBi7, seven),
        (Dialect::HyBi8, eight),
        (Dialect::Rfc6455, rfc),
    ];
    let on = dialects.iter().filter(|(_, on)| *on);
    let on = on.fold(Dialects::NONE, |set, (dialect, _)| set.with(*dialect));
    let limits = options.limits();
    let mut config = limits
        .config
        .dialects(on)
        .plain_http(plain)
        .strict_utf8(utf8)
        .strict_frames(frames)
        .secure(secure)
        .auto_pong(!quiet);
    if policy {
        config = config.policy_file(POLICY);
    }
    let answer = options.number();
    let cuts = options.cuts();
    let bytes = options.wire();
    let app = App {
        answer,
        echoes,
        closes,
        lazy: answer & 8 != 0,
        quiet,
        high_water: limits.high_water,
    };
    let newest = VERSIONS.iter().find(|(dialect, _)| on.contains(*dialect));
    let elsewhere = match newest {
        Some((dialect, _)) => *dialect,
        None if old => Dialect::Hixie76,
        None => Dialect::Hixie75,
    };
    let conn = || {
        if established {
            Connection::established(&config, Role::Server, elsewhere, ENTROPY)
        } else {
            Connection::server(&config)
        }
    };
    let whole = Run::of(conn(), app, cuts.none(), bytes);
    whole.check_sent(bytes, if secure { "wss" } else { "ws" }, on);
    let cut = Run::of(conn(), app, cuts, bytes);
    assert_eq!(cut.story, whole.story, "{config:?} {app:?} {cuts:?}");
}

/// Options: switches, the two of `limits`, the reply (0: all of it is input; 1: the right one
/// comes first; 2: with a byte changed; 3: the right answer behind the first head, or as its first
/// field; with 4, 8 or 12: HyBi-7, HyBi-8 or RFC 6455; 16: nothing is written before the end),
/// where and to what a byte is changed, and those of `cuts`.
pub fn client(input: &[u8]) {
    let mut options = Options(input);
    let [old, protocol, secure, utf8, frames, echoes, closes, quiet] = options.switches();
    let limits = options.limits();
    let config = limits.config.strict_utf8(utf8).strict_frames(frames);
    let config = config.auto_pong(!quiet);
    let (reply, at, to) = (options.number(), options.number(), options.number());
    let cuts = options.cuts();
    let wire = options.wire();
    let app = App {
        answer: 0,
        echoes,
        closes,
        lazy: reply & 16 != 0,
        quiet,
        high_water: limits.high_water,
    };
    let dialect = match reply >> 2 & 3 {
        0 if old => Dialect::Hixie75,
        0 => Dialect::Hixie76,
        1 => Dialect::HyBi7,
        2 => Dialect::HyBi8,
        _ => Dialect::Rfc6455,
    };
    let target = target(dialect, protocol, secure);
    let conn = || Connection::client(&config, &target, ENTROPY);
    let request = conn().transmit().to_vec();
    let right = Expected::of(&request, &target, dialect);
    let mut bytes = match reply % 4 {
        0 => wire.to_vec(),
        3 => {
            let ends = right.answer_behind;
            let head = wire.windows(ends.len()).position(|end| end == ends);
            let (head, rest) = wire.split_at(head.map_or(wire.len(), |at| at + ends.len()));
            [head, &right.answer, rest].concat()
        }
        _ => [&right.whole, wire].concat(),
    };
    if reply % 4 == 2 {
        let at = at % bytes.len();
        bytes[at] = to as u8;
    }
    let whole = Run::of(conn(), app, cuts.none(), &bytes);
    let cut = Run::of(conn(), app, cuts, &bytes);
    assert_eq!(cut.story, whole.story, "{config:?} {app:?} {cuts:?}");

    // H76-33: nothing but the request before it is open, nothing but frames after that.
    let sent = whole.story.sent.strip_prefix(&request[..]);
    let sent = sent.expect("the request comes first");
    if is_hybi(dialect) {
        assert_eq!(unmask(sent), whole.frames);
    } else {
        assert_eq!(sent, whole.frames);
    }
    if whole.is_open() {
        right.check(&bytes);
    } else {
        let config = config.strict_utf8(false).strict_frames(false);
        let limited = config.auto_pong(true) != Config::new();
        assert!(reply % 4 != 1 || limited, "{:?}", whole.story);
    }
}

/// Options: switches, the two of `limits`, and those of `cuts`. A connection of RFC 6455, HyBi-8
/// or HyBi-7 that was opened elsewhere: a naive scanner reads the same.
pub fn frames(input: &[u8]) {
    let mut options = Options(input);
    let [client, seven, eight, quiet, echoes, closes, lazy] = options.switches();
    let limits = options.limits();
    let config = limits.config.auto_pong(!quiet);
    let cuts = options.cuts();
    let bytes = options.wire();
    let app = App {
        answer: 0,
        echoes,
        closes,
        lazy,
        quiet,
        high_water: limits.high_water,
    };
    let role = if client { Role::Client } else { Role::Server };
    let dialect = match (seven, eight) {
        (true, _) => Dialect::HyBi7,
        (_, true) => Dialect::HyBi8,
        _ => Dialect::Rfc6455,
    };
    let conn = || Connection::established(&config, role, dialect, ENTROPY);
    let whole = Run::of(conn(), app, cuts.none(), bytes);
    let cut = Run::of(conn(), app, cuts, bytes);
    assert_eq!(cut.story, whole.story, "{config:?} {app:?} {cuts:?}");

    let sent = &whole.story.sent;
    if client {
        assert_eq!(unmask(sent), whole.frames);
    } else {
        assert_eq!(*sent, whole.frames);
    }
    let rules = Reference {
        masked: !client,
        minimal: dialect == Dialect::Rfc6455,
        max_frame: limits.max_frame,
        max_fragments: limits.max_fragments,
    };
    let mut read = rules.read(bytes);
    if cuts.eof && !matches!(read.said.last(), Some(Said::Closed(_))) {
        let phase = match read.between {
            false => Phase::Frame,
            true if whole.closing => Phase::Closing,
            true => Phase::Open,
        };
        read.said.push(Said::Closed(Closed::Eof(phase)));
    }
    let said = whole.story.said;
    let refused = |said: &Said| matches!(said, Said::Refused(_));
    let said: Vec<_> = said.into_iter().filter(|said| !refused(said)).collect();
    assert_eq!(said, read.said);
    assert_eq!(whole.story.piece, read.piece);
}

fn target(dialect: Dialect, protocol: bool, secure: bool) -> Target {
    let url = if secure {
        "wss://example.com:8443/demo?a=1"
    } else {
        "ws://Example.com/"
    };
    let mut target = Target::new(url).expect("a good URL").dialect(dialect);
    if secure && is_hybi(dialect) {
        target = target.origin("https://Example.org").expect("a good one");
    }
    if protocol {
        for name in ["sample", "second"] {
            target = target.protocol(name).expect("a good protocol");
        }
    }
    target
}

/// The reply that a client has to get, made from nothing but its request.
struct Expected {
    head: Vec<u8>,
    /// H75-2: so many bytes of it have to be these.
    fixed: usize,
    answer: Vec<u8>,
    /// What `answer` stands behind when the input has the head.
    answer_behind: &'static [u8],
    /// The head, with what stands behind it.
    whole: Vec<u8>,
    /// Each with the values that it may have.
    fields: Vec<(String, Vec<String>)>,
    /// From HyBi-7 on: white space and case matter less.
    hybi: bool,
    /// What may be there.
    protocols: Vec<String>,
}

impl Expected {
    fn of(request: &[u8], target: &Target, dialect: Dialect) -> Self {
        if is_hybi(dialect) {
            Self::hybi(request, dialect)
        } else {
            Self::hixie(request, target)
        }
    }

    /// HY-1 to HY-4
    fn hybi(request: &[u8], dialect: Dialect) -> Self {
        let (fields, behind) = split(request);
        assert_eq!(behind, b"");
        let get = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let origin = match dialect {
            Dialect::Rfc6455 => "Origin",
            _ => HYBI_ORIGIN,
        };
        let asked = get(PROTOCOL);
        let mut known = vec!["Upgrade", "Connection", "Host"];
        known.extend(get(origin).map(|_| origin));
        known.extend(asked.as_ref().map(|_| PROTOCOL));
        known.extend([VERSION, KEY]);
        let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, known);
        let version = VERSIONS.iter().find(|(one, _)| *one == dialect);
        assert_eq!(
            get(VERSION).as_deref(),
            version.map(|(_, version)| *version)
        );
        let key = get(KEY).expect("checked");
        assert!(is_key(key.as_bytes()));

        let protocols = asked.as_deref().unwrap_or_default().split(", ");
        let protocols: Vec<_> = protocols.map(str::to_owned).collect();
        let accept = accept_value(key.as_bytes());
        let answer = format!("Sec-WebSocket-Accept: {accept}\r\n");
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             {answer}"
        );
        if asked.is_some() {
            let last = protocols.last().expect("at least one");
            head += &format!("{PROTOCOL}: {last}\r\n");
        }
        head += "\r\n";
        Self {
            head: head.clone().into(),
            fixed: "HTTP/1.1 101".len(),
            answer: answer.into(),
            answer_behind: b"\r\n",
            whole: head.into(),
            fields: vec![("Sec-WebSocket-Accept".to_owned(), vec![accept])],
            hybi: true,
            protocols: if asked.is_some() {
                protocols
            } else {
                Vec::new()
            },
        }
    }

    fn hixie(request: &[u8], target: &Target) -> Self {
        let (fields, _) = split(request);
        let line = request.split(|byte| *byte == b' ').nth(1);
        let resource = String::from_utf8_lossy(line.expect("a request line"));
        let get = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let [host, origin] = ["Host", "Origin"].map(|name| get(name).expect("always sent"));
        let old = get(KEY1).is_none();
        let (title, prefix) = if old {
            ("Web Socket", "")
        } else {
            ("WebSocket", "Sec-")
        };
        let asked = get(&format!("{prefix}WebSocket-Protocol"));

        let mut known = vec!["Upgrade", "Connection", "Host", "Origin"];
        if asked.is_some() {
            known.push(if old { PROTOCOL_75 } else { PROTOCOL });
        }
        if !old {
            known.extend([KEY1, KEY2]);
        }
        let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, known);

        let scheme = if target.is_secure() { "wss" } else { "ws" };
        let location = format!("{scheme}://{host}{resource}");
        let (host, port) = (target.host(), target.port());
        let with_port = format!("{scheme}://{host}:{port}{resource}");
        let mut head = format!(
            "HTTP/1.1 101 {title} Protocol Handshake\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n"
        );
        let fixed = if old { head.len() } else { 0 };
        head += &format!(
            "{prefix}WebSocket-Origin: {origin}\r\n\
             {prefix}WebSocket-Location: {location}\r\n"
        );
        let mut expected = vec![
            (format!("{prefix}WebSocket-Origin"), vec![origin]),
            (
                format!("{prefix}WebSocket-Location"),
                vec![location, with_port],
            ),
        ];
        if let Some(protocol) = asked {
            head += &format!("{prefix}WebSocket-Protocol: {protocol}\r\n");
            expected.push((format!("{prefix}WebSocket-Protocol"), vec![protocol]));
        }
        if !old {
            expected.push(("Upgrade".to_owned(), vec!["WebSocket".to_owned()]));
        }
        head += "\r\n";
        let answer = if old {
            Vec::new()
        } else {
            answer(request).to_vec()
        };
        Self {
            whole: [head.as_bytes(), &answer].concat(),
            head: head.into(),
            fixed,
            answer,
            answer_behind: b"\r\n\r\n",
            fields: expected,
            hybi: false,
            protocols: Vec::new(),
        }
    }

    /// Of a reply that a client took for right.
    fn check(&self, reply: &[u8]) {
        assert!(reply.starts_with(&self.head[..self.fixed]));
        let (fields, behind) = split(reply);
        for (name, values) in &self.fields {
            let mut found = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            let (_, value) = found.next().expect("it has to be there");
            let value = if self.hybi { trim(value) } else { value };
            assert!(values.iter().any(|one| one.as_bytes() == value));
            assert!(found.next().is_none(), "{name} twice");
        }
        if !self.hybi {
            assert!(behind.starts_with(&self.answer));
            return;
        }
        let values = |wanted: &str| -> Vec<String> {
            let found = fields
                .iter()
                .filter(|(n, _)| n.eq_ignore_ascii_case(wanted));
            let text = |value| String::from_utf8_lossy(trim(value)).to_ascii_lowercase();
            found.map(|(_, value)| text(value)).collect()
        };
        assert_eq!(values("Upgrade"), ["websocket"]);
        let connection = values("Connection").join(",");
        assert!(connection.split(',').any(|one| one.trim() == "upgrade"));
        assert!(values("Sec-WebSocket-Extensions").is_empty());
        let chosen = values(PROTOCOL);
        assert!(chosen.len() <= 1);
        assert!(chosen.iter().all(|one| self.protocols.contains(one)));
    }
}

type Fields<'a> = Vec<(String, &'a [u8])>;

/// The fields of a head that was found good, and what stands behind it; slow and plain.
fn split(bytes: &[u8]) -> (Fields<'_>, &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, behind) = bytes.split_at(end.expect("a blank line") + 4);
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        let value = line[colon + 1..].strip_suffix(b"\r")?;
        Some((name, value.strip_prefix(b" ").unwrap_or(value)))
    });
    (fields.collect(), behind)
}

/// KEY-8, for a request whose keys were found good, with the 8 bytes behind it.
fn answer(request: &[u8]) -> [u8; 16] {
    let (fields, behind) = split(request);
    let part = |wanted: &str| {
        let key = fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(wanted));
        let part = key_number(key.expect("both keys are there").1);
        part.expect("a good key").to_be_bytes()
    };
    let mut challenge = [KEY1, KEY2].map(part).concat();
    challenge.extend_from_slice(&behind[..8]);
    Md5::digest(challenge).into()
}

/// Any head: one that is accepted can be written down again, and is accepted alike.
pub fn head(bytes: &[u8]) {
    let config = Config::new().dialects(Dialects::ALL).plain_http(true);
    let mut conn = Connection::server(&config);
    let mut copy = bytes.to_vec();
    let mut input = &mut copy[..];
    if let Some(Event::Request(request)) = conn.receive(&mut input) {
        let head = &bytes[..bytes.len() - input.len()];
        check_values(&request);
        check_fields(&request, head);
        let again = again(&request, head);
        let upgrade = Connection::upgrade(&config, &again, &Accept::new());
        let accepted = conn.accept(&Accept::new());
        assert_eq!(accepted, upgrade.as_ref().map(drop).map_err(|e| *e));
        if let Ok((_, reply)) = upgrade {
            assert_eq!(conn.transmit(), reply.as_bytes());
            let (status, reason) = (reply.status(), reply.reason());
            let mut printed = format!("HTTP/1.1 {status} {reason}\r\n");
            printed.extend(reply.headers().map(|(n, v)| format!("{n}: {v}\r\n")));
            assert_eq!(printed + "\r\n", String::from_utf8_lossy(conn.transmit()));
        }
    }
    let whole = tunnel(bytes, bytes.len().max(1));
    assert_eq!(tunnel(bytes, 1), whole);
    assert_eq!(tunnel(bytes, 3), whole);
}

/// RQ-2, RQ-12, RQ-16, H76-11, H76-14: nothing is in doubt, and what goes into a reply can't
/// break it.
fn check_values(request: &Request) {
    let visible = |text: &str| text.bytes().all(|byte| matches!(byte, 0x21..=0x7E));
    assert!(visible(request.resource()) && request.resource().starts_with('/'));
    assert!(visible(request.host()) && !request.host().is_empty());
    assert!(request.protocols().all(visible));
    let count = |wanted: &str| {
        let names = request.headers().map(|(name, _)| name);
        names
            .filter(|name| name.eq_ignore_ascii_case(wanted))
            .count()
    };
    assert_eq!((count("Host"), count("Transfer-Encoding")), (1, 0));
    let Some(dialect) = request.dialect() else {
        assert_eq!(count("Upgrade"), 0);
        return;
    };
    assert_eq!(count("Upgrade"), 1);
    if let Some(origin) = request.origin() {
        assert!(visible(origin) && !origin.is_empty());
    }
    let keys = usize::from(dialect == Dialect::Hixie76);
    if is_hybi(dialect) {
        assert!(count("Origin") <= 1 && count(HYBI_ORIGIN) <= 1);
        let get = |name| request.header(name).expect("it has to be there");
        assert_eq!((count(KEY), count(VERSION)), (1, 1));
        assert!(is_key(get(KEY)));
        let version = VERSIONS.iter().find(|(one, _)| *one == dialect);
        let (_, version) = version.expect("each has one");
        assert_eq!(get(VERSION), version.as_bytes());
        return;
    }
    assert_eq!(count("Origin"), 1);
    assert!(request.origin().is_some());
    assert_eq!((count(KEY1), count(KEY2)), (keys, keys));
    for of_later_dialects in [KEY, VERSION] {
        assert_eq!(count(of_later_dialects), 0);
    }
}

/// Another parser reads the same, and so does a plain one.
fn check_fields(request: &Request, head: &[u8]) {
    let mut fields = [EMPTY_HEADER; 100];
    let mut other = httparse::Request::new(&mut fields);
    assert_eq!(other.parse(head), Ok(Status::Complete(head.len())));
    assert_eq!(other.path, Some(request.resource()));
    let (plain, behind) = split(head);
    assert_eq!(behind, b"");
    assert_eq!(plain.len(), other.headers.len());
    assert_eq!(plain.len(), request.headers().count());
    let mut rest = plain.iter().zip(other.headers);
    for (name, value) in request.headers() {
        let ((plain_name, plain_value), other) = rest.next().expect("as many");
        assert_eq!((name, name), (&plain_name[..], other.name));
        assert_eq!(value, other.value);
        assert_eq!(value, trim(plain_value));
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let begin = value.iter().position(inner).unwrap_or(value.len());
    let end = value.iter().rposition(inner).map_or(begin, |last| last + 1);
    &value[begin..end]
}

/// The request made from what it says of itself; only of a key the spaces round it are lost there.
fn again(request: &Request, head: &[u8]) -> Request {
    let (raw, _) = split(head);
    let fields = request
        .headers()
        .zip(&raw)
        .map(|((name, value), (_, raw))| {
            let key = name.to_ascii_lowercase().starts_with("sec-websocket-key");
            (name, if key { raw } else { value })
        });
    let again = Request::from_parts(request.resource(), fields).expect("it was accepted before");
    assert_eq!(facts(&again), facts(request));
    again
}

fn facts(request: &Request) -> impl PartialEq + Debug {
    let protocols: Vec<_> = request.protocols().map(str::to_owned).collect();
    let fields = request.headers();
    let fields: Vec<_> = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    (
        request.dialect(),
        request.resource().to_owned(),
        request.host().to_owned(),
        request.origin().map(str::to_owned),
        protocols,
        fields,
    )
}

/// What a proxy's reply comes to, and how much of the bytes it is.
fn tunnel(bytes: &[u8], size: usize) -> (Option<Result<(), Closed>>, usize) {
    let target = target(Dialect::Hixie76, false, false);
    let mut tunnel = Tunnel::new(&Config::new(), &target, None).expect("no fields");
    let mut taken = 0;
    for mut piece in bytes.chunks(size) {
        let length = piece.len();
        let outcome = tunnel.receive(&mut piece);
        taken += length - piece.len();
        if outcome.is_some() {
            return (outcome, taken);
        }
        assert_eq!(piece, b"");
    }
    (None, taken)
}

/// KEY-1 to KEY-7 with numbers that are wide enough.
fn key_number(key: &[u8]) -> Result<u32, KeyFault> {
    let digits = key.iter().filter(|byte| byte.is_ascii_digit());
    let digits: String = digits.map(|byte| char::from(*byte)).collect();
    let spaces = key.iter().filter(|byte| **byte == b' ').count() as u128;
    if spaces == 0 {
        return Err(KeyFault::NoSpaces);
    }
    if digits.is_empty() {
        return Err(KeyFault::NoDigits);
    }
    let digits = digits.trim_start_matches('0');
    // What has more digits than fit is too big as well.
    let number = match digits {
        "" => 0,
        _ => digits.parse().unwrap_or(u128::MAX),
    };
    if number > u32::MAX.into() {
        return Err(KeyFault::TooBig);
    }
    if number % spaces != 0 {
        let (number, spaces) = (number as u32, spaces as u32);
        return Err(KeyFault::NotMultiple { number, spaces });
    }
    Ok((number / spaces) as u32)
}

/// Any key.
#[cfg(fuzzing)]
pub fn key(key: &[u8]) {
    assert_eq!(hybi::fuzzing::part(key), key_number(key));
}

/// The keys that a client makes have the form that the draft gives them, and a server takes them.
pub fn made_keys(entropy: [u8; 32]) {
    let target = target(Dialect::Hixie76, false, false);
    let mut client = Connection::client(&Config::new(), &target, entropy);
    let mut request = client.transmit().to_vec();
    let (fields, key3) = split(&request);
    assert_eq!(key3.len(), 8);
    for wanted in [KEY1, KEY2] {
        let key = fields.iter().find(|(name, _)| name == wanted);
        check_made(key.expect("both keys are sent").1);
    }
    let mut server = Connection::server(&Config::new());
    let mut input = &mut request[..];
    let event = server.receive(&mut input);
    assert!(matches!(event, Some(Event::Request(_))), "{event:?}");
    server.accept(&Accept::new()).expect("nothing is added");
    let event = server.receive(&mut input);
    assert!(matches!(event, Some(Event::Open(_))), "{event:?}");
    let mut reply = server.transmit().to_vec();
    let event = client.receive(&mut &mut reply[..]);
    assert!(matches!(event, Some(Event::Open(_))), "{event:?}");
}

/// KEY-9
fn check_made(key: &[u8]) {
    let count = |is: fn(&u8) -> bool| key.iter().filter(|byte| is(byte)).count();
    let spaces = count(|byte| *byte == b' ');
    let noise = count(|byte| matches!(byte, 0x21..=0x2F | 0x3A..=0x7E));
    let digits = count(u8::is_ascii_digit);
    assert!((1..=12).contains(&spaces), "{key:?}");
    assert!((1..=12).contains(&noise), "{key:?}");
    assert_eq!(spaces + noise + digits, key.len());
    assert!(!key.starts_with(b" ") && !key.ends_with(b" "), "{key:?}");
    let written: Vec<u8> = key.iter().copied().filter(u8::is_ascii_digit).collect();
    assert!(written == b"0" || !written.starts_with(b"0"), "{key:?}");
    key_number(key).expect("a key that is made is good");
}
