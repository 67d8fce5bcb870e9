//! One connection from its first byte to its last, and an application that drives it.

use std::time::Duration;

use hybi::{
    AcceptOptions, Close, Closed, Connection, Dialect, Event, Phase, ProtocolError, Refused,
    Request, Response, Role,
};

use super::dialect::is_hybi;
use super::frame_encoding::{frame, unmask};
use super::memory;
use super::options::{Cuts, Timeouts};
use super::redaction::{check_error, check_piece};

pub const AUTHORITY: &str = "proxy.example:8080";

pub const COOKIE: (&str, &str) = ("Set-Cookie", "seen=1; HttpOnly");
pub const HTML: (&str, &str) = ("Content-Type", "text/html");
pub const ENTROPY: [u8; 32] = [7; 32];

/// What the application does.
#[derive(Clone, Copy, Debug, Default)]
pub struct App {
    pub answer: usize,
    pub echoes: bool,
    /// It closes after the first message.
    pub closes: bool,
    /// Nothing is written before the end.
    pub lazy: bool,
    /// Pings are not answered.
    pub quiet: bool,
    /// With more than that pending only the latest ping is answered.
    pub high_water: usize,
    pub timeouts: Timeouts,
}

#[derive(Debug, PartialEq)]
pub enum Observed {
    Request(Option<Dialect>, String),
    Open(Dialect, Option<String>),
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Skipped(u8, u64),
    Closed(Closed),
    Refused(Refused),
}

/// All that came of the bytes; the same however they were cut.
#[derive(Debug, Default, PartialEq)]
pub struct Transcript {
    pub events: Vec<Observed>,
    /// Of a message that did not come to its end.
    pub piece: Vec<u8>,
    /// Without masks.
    pub sent: Vec<u8>,
    pub taken: usize,
}

pub struct Run {
    pub conn: Connection,
    pub app: App,
    cuts: Cuts,
    pub transcript: Transcript,
    pub request: Option<Request>,
    /// The fields that a client was shown of the reply.
    pub reply: Vec<(String, Vec<u8>)>,
    waiting: bool,
    pub accepted: bool,
    pub established: bool,
    /// The frames that have to be sent, without masks, and whether a close frame is one of them.
    pub frames: Vec<u8>,
    pub closing: bool,
    /// A ping that is to be answered when there is room.
    held: Option<Vec<u8>>,
    /// The opcode of the message that is being sent in parts.
    partial: Option<u8>,
    now: Duration,
}

impl Run {
    pub fn of(conn: Connection, app: App, cuts: Cuts, bytes: &[u8]) -> Self {
        let request = conn.transmit().len();
        let mut run = Self {
            established: conn.dialect().is_some(),
            conn,
            app,
            cuts,
            transcript: Transcript::default(),
            request: None,
            reply: Vec::new(),
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
        run.transcript.taken = from;
        run.drain();
        if run.masks() {
            // The masks are anything, and with time others.
            let frames = unmask(&run.transcript.sent[request..]);
            run.transcript.sent.truncate(request);
            run.transcript.sent.extend(frames);
        }
        run.check_end();
        run.outlast();
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
                let events = Observed::Request(request.dialect(), resource);
                self.transcript.events.push(events);
                self.request = Some(request);
                self.waiting = true;
                if !self.cuts.late {
                    self.answer();
                }
            }
            Event::Open(open) => {
                let protocol = open.protocol().map(str::to_owned);
                for (name, value) in open.headers() {
                    let is = |(one, _): &(&str, &[u8])| one.eq_ignore_ascii_case(name);
                    assert_eq!(open.header(name), open.headers().find(is).map(|(_, v)| v));
                    self.reply.push((name.to_owned(), value.to_owned()));
                }
                self.transcript
                    .events
                    .push(Observed::Open(open.dialect(), protocol));
            }
            Event::Text(text) => {
                assert!(text.is_final() || !text.as_str().is_empty());
                check_piece(&text, text.as_str().len());
                self.transcript
                    .piece
                    .extend_from_slice(text.as_str().as_bytes());
                if text.is_final() {
                    let text = String::from_utf8(std::mem::take(&mut self.transcript.piece));
                    let text = text.expect("whole pieces make whole text");
                    self.reply(&text);
                    self.transcript.events.push(Observed::Text(text));
                }
            }
            Event::Binary(binary) => {
                assert!(binary.is_final() || !binary.as_bytes().is_empty());
                check_piece(&binary, binary.as_bytes().len());
                self.transcript.piece.extend_from_slice(binary.as_bytes());
                if binary.is_final() {
                    let bytes = std::mem::take(&mut self.transcript.piece);
                    self.reply_binary(&bytes);
                    self.transcript.events.push(Observed::Binary(bytes));
                }
            }
            Event::Ping(payload) => {
                check_piece(&payload, payload.as_bytes().len());
                let payload = payload.as_bytes().to_vec();
                if self.app.quiet {
                    // The application may answer by itself.
                } else if pending <= self.app.high_water {
                    self.frames.extend(frame(0x8A, &payload));
                } else {
                    self.held = Some(payload.clone());
                }
                self.transcript.events.push(Observed::Ping(payload));
            }
            Event::Pong(payload) => {
                check_piece(&payload, payload.as_bytes().len());
                let payload = payload.as_bytes().to_vec();
                if self.app.echoes {
                    let done = self.conn.send_ping(&payload);
                    self.sent(done, &frame(0x89, &payload));
                }
                self.transcript.events.push(Observed::Pong(payload));
            }
            Event::Skipped(frame) => {
                let events = Observed::Skipped(frame.frame_type(), frame.payload_len());
                let is_empty = events == Observed::Skipped(frame.frame_type(), 0);
                assert_eq!(frame.is_empty(), is_empty);
                self.transcript.events.push(events);
            }
            Event::Closed(why) => {
                check_error(&why);
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
                self.transcript.events.push(Observed::Closed(why));
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
            let done = self.conn.send_text_fragment(front, false);
            self.sent_part(done, 1, front.as_bytes(), false);
            let done = self.conn.send_text_fragment(back, true);
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
            let done = self.conn.send_binary_fragment(front, false);
            self.sent_part(done, 2, front, false);
            let done = self.conn.send_binary_fragment(back, true);
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
            assert_eq!(self.conn.send_text_fragment("a", true), unsupported);
        }
        if self.app.closes {
            let done = self.conn.close(&Close::new(1000, "bye"));
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
        self.cuts.sizes == [0; 4] && !self.masks() && !self.app.lazy
    }

    fn masks(&self) -> bool {
        self.is_hybi() && self.conn.role() == Role::Client
    }

    fn send(&mut self, text: &str) -> Result<(), Refused> {
        if !self.sends_slices() {
            return self.conn.send_text(text);
        }
        let frame = self.conn.send_text_vectored(text)?;
        let bytes = frame.slices().concat();
        let taken = bytes.len() / 2;
        self.transcript.sent.extend_from_slice(&bytes[..taken]);
        frame.advance(taken);
        Ok(())
    }

    fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if !self.sends_slices() {
            return self.conn.send_binary(bytes);
        }
        let frame = self.conn.send_binary_vectored(bytes)?;
        let bytes = frame.slices().concat();
        let taken = bytes.len() / 2;
        self.transcript.sent.extend_from_slice(&bytes[..taken]);
        frame.advance(taken);
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
                let accept = AcceptOptions::new().authority(AUTHORITY).headers(&[COOKIE]);
                let protocol = request.protocols().last();
                conn.accept(&protocol.map_or(accept, |name| accept.protocol(name)))
            }
            2 => conn.respond(&Response::new(404)),
            3 => conn.respond(&Response::new(200).headers(&[HTML]).body(b"<p>")),
            4 => conn.respond(&Response::new(204).headers(&[COOKIE])),
            5 => conn.close(&Close::EMPTY),
            6 => return,
            7 => {
                let broken = [("X-A", "a\r\nX-B: b")];
                let accept = AcceptOptions::new();
                assert!(conn.accept(&accept.headers(&broken)).is_err());
                assert!(conn.accept(&accept.protocol("a\r\nX-B: b")).is_err());
                assert!(conn.respond(&Response::new(101)).is_err());
                conn.accept(&accept)
            }
            _ => conn.accept(&AcceptOptions::new()),
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
                let end = self.conn.close(&Close::EMPTY);
                assert!(self.note(end), "a request that nothing answers");
            }
        }
    }

    /// Whether it was done; the refusal is part of the transcript.
    fn note(&mut self, done: Result<(), Refused>) -> bool {
        if let Err(refused) = done {
            check_error(&refused);
            self.transcript.events.push(Observed::Refused(refused));
        }
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
            self.transcript.sent.extend_from_slice(&pending[..taken]);
            self.conn.advance(taken);
        }
        self.free_pong();
    }

    /// Nothing is held but for bytes that came or have to go: four for each of a head's, two for
    /// each that was pending, and what a connection has in any case.
    pub fn let_go(self, came: usize) {
        const FIXED: usize = 2 * 1024;
        memory::let_go(self.conn, FIXED + 4 * came + 2 * self.transcript.sent.len());
    }

    /// Whether it was ever open.
    pub fn is_open(&self) -> bool {
        let opening = |events: &Observed| matches!(events, Observed::Open(..));
        self.established || self.transcript.events.iter().any(opening)
    }

    fn is_hybi(&self) -> bool {
        self.conn.dialect().is_some_and(is_hybi)
    }

    pub fn closed(&self) -> Option<&Closed> {
        match self.transcript.events.last() {
            Some(Observed::Closed(why)) => Some(why),
            _ => None,
        }
    }

    fn check_end(&mut self) {
        let why = self.closed().cloned();
        let closings = self.transcript.events.iter();
        let closings = closings.filter(|events| matches!(events, Observed::Closed(_)));
        assert_eq!(closings.count(), usize::from(why.is_some()));
        assert_eq!(self.conn.is_done(), why.is_some());
        assert_eq!(self.conn.closed(), why.as_ref());
        let is_open = self.is_open() && why.is_none() && !self.closing;
        assert_eq!(self.conn.is_open(), is_open);
        if why.is_some() {
            assert!(!self.conn.wants_read());
            assert_eq!(self.conn.send_text(""), Err(Refused::Closing));
            assert_eq!(self.conn.close(&Close::EMPTY), Err(Refused::Closing));
        } else {
            assert!(
                !self.cuts.eof || self.waiting,
                "the end of file is not told"
            );
        }
        // Text that fails is looked at in the pieces that it comes in, and so are the headers of
        // HyBi-7 and later.
        match why {
            Some(Closed::Protocol(ProtocolError::InvalidUtf8 { .. })) => self.transcript.taken = 0,
            Some(Closed::Protocol(_)) if self.is_hybi() => self.transcript.taken = 0,
            _ => {}
        }
    }
}

impl Run {
    /// The peer is silent from here on, and takes nothing: each wait has an end, and no early one.
    fn outlast(&mut self) {
        if self.conn.is_open() {
            // No timeout runs, but the connection may come to rest.
            for _ in 0..3 {
                self.now += self.conn.tick(self.now).unwrap_or_default();
            }
            assert_eq!(self.conn.tick(self.now), None);
            assert!(self.conn.is_open());
            assert_eq!(self.conn.close(&Close::EMPTY), Ok(()));
        }
        if self.conn.closed().is_none() {
            let (phase, timeout) = if self.is_open() {
                (Phase::Closing, self.app.timeouts.closing)
            } else {
                (Phase::Handshaking, self.app.timeouts.opening)
            };
            self.wait_for(timeout);
            assert_eq!(self.conn.closed(), Some(&Closed::TimedOut(phase)));
        }
        while let Some(event) = self.conn.receive(&mut &mut [][..]) {
            let Event::Closed(why) = event else {
                panic!("an event out of nothing: {event:?}");
            };
            check_error(&why);
        }
        assert_eq!(self.conn.is_done(), !self.conn.wants_write());
        if self.conn.wants_write() {
            self.wait_for(self.app.timeouts.closing);
        }
        assert!(self.conn.is_done());
        assert_eq!(self.conn.tick(self.now), None);
    }

    /// Until the timeout that runs is over.
    fn wait_for(&mut self, timeout: Duration) {
        const LEAST: Duration = Duration::from_nanos(1);
        let state = |conn: &Connection| (conn.closed().cloned(), conn.transmit().len());
        let before = state(&self.conn);
        assert_eq!(self.conn.tick(self.now), Some(timeout));
        self.now += timeout - LEAST;
        assert_eq!(self.conn.tick(self.now), Some(LEAST));
        assert_eq!(state(&self.conn), before);
        self.now += LEAST;
        assert_ne!(self.conn.tick(self.now), Some(Duration::ZERO));
        assert_ne!(state(&self.conn), before);
    }
}

/// Work done since the last call, where the library counts it.
fn steps() -> u64 {
    #[cfg(fuzzing)]
    return hybi::fuzzing::steps();
    #[cfg(not(fuzzing))]
    0
}

/// HY-5 to HY-8
fn close_code(error: &ProtocolError) -> u16 {
    match error {
        ProtocolError::InvalidUtf8 { .. } => 1007,
        ProtocolError::FrameTooLong { .. } | ProtocolError::TooManyFragments { .. } => 1009,
        _ => 1002,
    }
}
