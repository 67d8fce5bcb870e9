//! One connection from its first byte to its last, driven by a simulated application.

use std::time::Duration;

use hybi::{
    AcceptOptions, Close, Closed, Connection, Dialect, Event, Phase, ProtocolError, Refused,
    Request, Response, Role,
};
use testkit::{
    BINARY, CLOSE, Frame, LengthEncoding, Observed, PING, PONG, TEXT, close_payload, frame,
    hixie_frame, parse_frames,
};

use crate::dialect::is_hybi;
use crate::memory;
use crate::options::{Splits, Timeouts};
use crate::redaction::{check_error, check_payload};

pub(crate) const AUTHORITY: &str = "proxy.example:8080";

pub(crate) const COOKIE: (&str, &str) = ("Set-Cookie", "seen=1; HttpOnly");
pub(crate) const HTML: (&str, &str) = ("Content-Type", "text/html");
pub(crate) const ENTROPY: [u8; 32] = [7; 32];

/// What the application does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Behaviour {
    /// Selects how a request is answered.
    pub answer: usize,
    /// Sends each message back, and a ping for each pong.
    pub echo: bool,
    /// Closes after the first message.
    pub close: bool,
    /// Writes no output before the input ends.
    pub write_at_end: bool,
    /// Disables automatic pongs, and sends none.
    pub no_pongs: bool,
    /// With more than that pending only the latest ping is answered.
    pub high_water: usize,
    pub timeouts: Timeouts,
}

/// What an input results in; the same however the input is split.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    pub events: Vec<Observed>,
    /// The errors of calls, each with the number of events before the call.
    refused: Vec<(usize, Refused)>,
    /// The subprotocol of the handshake.
    protocol: Option<String>,
    /// The output; a client's frames are unmasked.
    pub sent: Vec<u8>,
    pub consumed: usize,
}

pub(crate) struct Session {
    pub conn: Connection,
    pub behaviour: Behaviour,
    splits: Splits,
    pub transcript: Transcript,
    /// The chunks of a message in progress, joined.
    text: String,
    binary: Vec<u8>,
    pub request: Option<Request>,
    /// The header fields of the response that a client reports.
    pub response_fields: Vec<(String, Vec<u8>)>,
    /// A request has not been answered yet.
    awaits_answer: bool,
    pub accepted: bool,
    pub established: bool,
    /// The frames that have to be sent, without masks, and whether a close frame is one of them.
    pub expected_frames: Vec<u8>,
    pub expects_close: bool,
    /// The payload of a pong that is sent once the output is drained.
    deferred_pong: Option<Vec<u8>>,
    /// The opcode of the fragmented message in progress.
    fragment_opcode: Option<u8>,
    now: Duration,
}

impl Session {
    pub(crate) fn run(
        conn: Connection,
        behaviour: Behaviour,
        splits: Splits,
        bytes: &[u8],
    ) -> Self {
        let request_len = conn.transmit().len();
        let mut session = Self {
            established: conn.dialect().is_some(),
            conn,
            behaviour,
            splits,
            transcript: Transcript::default(),
            text: String::new(),
            binary: Vec::new(),
            request: None,
            response_fields: Vec::new(),
            awaits_answer: false,
            accepted: false,
            expected_frames: Vec::new(),
            expects_close: false,
            deferred_pong: None,
            fragment_opcode: None,
            now: Duration::ZERO,
        };
        session.end_turn();
        take_work();
        let ends = splits.ends(bytes.len());
        let mut copy = bytes.to_vec();
        let mut start = 0;
        for (i, end) in ends.iter().enumerate() {
            if splits.eof && splits.eof_early && i + 1 == ends.len() {
                session.conn.receive_eof();
            }
            start = end - session.feed(&mut copy[start..*end], &bytes[start..*end]);
            if session.closed().is_some() {
                break;
            }
        }
        if splits.eof {
            session.conn.receive_eof();
        }
        // The first call gives a late answer, the second finds nothing more to do.
        for _ in 0..2 {
            start = bytes.len() - session.feed(&mut copy[start..], &bytes[start..]);
        }
        let work = take_work();
        assert!(
            work <= 4 * bytes.len() as u64 + 64,
            "work of {work} for {} bytes",
            bytes.len()
        );
        session.record_incomplete();
        session.transcript.consumed = start;
        session.drain();
        if session.is_masking() {
            // The masks depend on the order of calls.
            let frames = unmask(&session.transcript.sent[request_len..]);
            session.transcript.sent.truncate(request_len);
            session.transcript.sent.extend(frames);
        }
        session.check_end();
        session.check_timeouts();
        session
    }

    /// Feeds `input`, a copy of `bytes`; returns how many bytes are not consumed.
    fn feed(&mut self, mut input: &mut [u8], bytes: &[u8]) -> usize {
        if self.awaits_answer {
            self.answer_request();
        }
        loop {
            let pending = self.conn.transmit().len();
            let Some(event) = self.conn.receive(&mut input) else {
                break;
            };
            assert_eq!(self.closed(), None, "{event:?} after Closed");
            self.handle_event(event, pending);
            self.end_turn();
        }
        self.end_turn();
        let remaining = input.len();
        assert!(bytes.ends_with(input), "unconsumed input was modified");
        assert!(remaining == 0 || self.awaits_answer || self.closed().is_some());
        remaining
    }

    /// Records an event; `pending` is the length of the output before it.
    fn handle_event(&mut self, event: Event<'_>, pending: usize) {
        match event {
            Event::Request(request) => {
                let resource = request.resource().to_owned();
                let observed = Observed::Request(request.dialect(), resource);
                self.transcript.events.push(observed);
                self.request = Some(request);
                self.awaits_answer = true;
                if !self.splits.answer_late {
                    self.answer_request();
                }
            }
            Event::Open(handshake) => {
                self.transcript.protocol = handshake.protocol().map(str::to_owned);
                for (name, value) in handshake.headers() {
                    let is = |(one, _): &(&str, &[u8])| one.eq_ignore_ascii_case(name);
                    let first = handshake.headers().find(is).map(|(_, v)| v);
                    assert_eq!(handshake.header(name), first);
                    self.response_fields
                        .push((name.to_owned(), value.to_owned()));
                }
                self.transcript
                    .events
                    .push(Observed::Open(handshake.dialect()));
            }
            Event::Text(chunk) => {
                assert!(chunk.is_final() || !chunk.as_str().is_empty());
                check_payload(&chunk, chunk.as_str().len());
                self.text.push_str(chunk.as_str());
                if chunk.is_final() {
                    let text = std::mem::take(&mut self.text);
                    self.handle_text(&text);
                    self.transcript.events.push(Observed::Text(text));
                }
            }
            Event::Binary(chunk) => {
                assert!(chunk.is_final() || !chunk.as_bytes().is_empty());
                check_payload(&chunk, chunk.as_bytes().len());
                self.binary.extend_from_slice(chunk.as_bytes());
                if chunk.is_final() {
                    let bytes = std::mem::take(&mut self.binary);
                    self.handle_binary(&bytes);
                    self.transcript.events.push(Observed::Binary(bytes));
                }
            }
            Event::Ping(payload) => {
                check_payload(&payload, payload.as_bytes().len());
                let payload = payload.as_bytes().to_vec();
                if self.behaviour.no_pongs {
                    // No pong is expected.
                } else if pending <= self.behaviour.high_water {
                    self.expected_frames.extend(unmasked(PONG, &payload));
                } else {
                    self.deferred_pong = Some(payload.clone());
                }
                self.transcript.events.push(Observed::Ping(payload));
            }
            Event::Pong(payload) => {
                check_payload(&payload, payload.as_bytes().len());
                let payload = payload.as_bytes().to_vec();
                if self.behaviour.echo {
                    let result = self.conn.send_ping(&payload);
                    self.expect_frame(result, &unmasked(PING, &payload));
                }
                self.transcript.events.push(Observed::Pong(payload));
            }
            Event::Skipped(frame) => {
                let observed = Observed::Skipped(frame.frame_type(), frame.payload_len());
                let is_empty = observed == Observed::Skipped(frame.frame_type(), 0);
                assert_eq!(frame.is_empty(), is_empty);
                self.transcript.events.push(observed);
            }
            Event::Closed(reason) => {
                check_error(&reason);
                match &reason {
                    Closed::Clean(close) => {
                        // HY-8: a close frame without a code is answered with one without a code.
                        let code = close.code().filter(|code| *code != 1005);
                        self.expect_close_frame(code, "");
                    }
                    Closed::Protocol(error) => self.expect_close_frame(Some(close_code(error)), ""),
                    _ => {}
                }
                self.deferred_pong = None;
                self.record_incomplete();
                self.transcript.events.push(Observed::Closed(reason));
            }
            other => panic!("unknown event: {other:?}"),
        }
    }

    /// Records the chunks of a message that did not end.
    fn record_incomplete(&mut self) {
        let events = &mut self.transcript.events;
        if !self.text.is_empty() {
            events.push(Observed::IncompleteText(std::mem::take(&mut self.text)));
        }
        if !self.binary.is_empty() {
            events.push(Observed::IncompleteBinary(std::mem::take(&mut self.binary)));
        }
    }

    fn handle_text(&mut self, text: &str) {
        if self.behaviour.echo && self.is_hybi() && text.len() % 3 == 2 {
            let mut middle = text.len() / 2;
            while !text.is_char_boundary(middle) {
                middle -= 1;
            }
            let (front, back) = text.split_at(middle);
            let result = self.conn.send_text_fragment(front, false);
            self.expect_fragment(result, 1, front.as_bytes(), false);
            let result = self.conn.send_text_fragment(back, true);
            self.expect_fragment(result, 1, back.as_bytes(), true);
        } else if self.behaviour.echo {
            let result = self.send_text(text);
            let frame = if self.is_hybi() {
                unmasked(TEXT, text)
            } else {
                hixie_frame(text)
            };
            self.expect_frame(result, &frame);
        }
        self.after_message();
    }

    fn handle_binary(&mut self, bytes: &[u8]) {
        if self.behaviour.echo && bytes.len() % 3 == 2 {
            let (front, back) = bytes.split_at(bytes.len() / 2);
            let result = self.conn.send_binary_fragment(front, false);
            self.expect_fragment(result, 2, front, false);
            let result = self.conn.send_binary_fragment(back, true);
            self.expect_fragment(result, 2, back, true);
        } else if self.behaviour.echo {
            let result = self.send_binary(bytes);
            self.expect_frame(result, &unmasked(BINARY, bytes));
        }
        self.after_message();
    }

    fn after_message(&mut self) {
        if self.conn.is_open() && !self.is_hybi() {
            let dialect = self.conn.dialect().expect("it is open");
            let unsupported = Err(Refused::Unsupported(dialect));
            assert_eq!(self.conn.send_binary(b"a"), unsupported);
            assert_eq!(self.conn.send_ping(b"a"), unsupported);
            assert_eq!(self.conn.send_text_fragment("a", true), unsupported);
        }
        if self.behaviour.close {
            let result = self.conn.close(&Close::new(1000, "bye"));
            if self.record_result(result) {
                self.expect_close_frame(Some(1000), "bye");
            }
        }
    }

    /// Expects `frame` in the output if the call succeeded, after a deferred pong.
    fn expect_frame(&mut self, result: Result<(), Refused>, frame: &[u8]) -> bool {
        let is_ok = self.record_result(result);
        if is_ok {
            self.expect_deferred_pong();
            self.expected_frames.extend_from_slice(frame);
        }
        is_ok
    }

    fn expect_fragment(
        &mut self,
        result: Result<(), Refused>,
        message_opcode: u8,
        payload: &[u8],
        fin: bool,
    ) {
        let opcode = match self.fragment_opcode {
            Some(_) => 0,
            None => message_opcode,
        };
        let first = opcode | if fin { 0x80 } else { 0 };
        if self.expect_frame(result, &unmasked(first, payload)) {
            let in_progress = self.fragment_opcode;
            assert!(in_progress.is_none_or(|opcode| opcode == message_opcode));
            self.fragment_opcode = (!fin).then_some(message_opcode);
        }
    }

    fn expect_deferred_pong(&mut self) {
        if let Some(payload) = self.deferred_pong.take() {
            self.expected_frames.extend(unmasked(PONG, &payload));
        }
    }

    /// Whether messages are sent vectored: only with unsplit input, so that the transcripts of the
    /// two ways to send are compared.
    fn sends_vectored(&self) -> bool {
        self.splits.sizes == [0; 4] && !self.is_masking() && !self.behaviour.write_at_end
    }

    fn is_masking(&self) -> bool {
        self.is_hybi() && self.conn.role() == Role::Client
    }

    fn send_text(&mut self, text: &str) -> Result<(), Refused> {
        if !self.sends_vectored() {
            return self.conn.send_text(text);
        }
        let message = self.conn.send_text_vectored(text)?;
        let bytes = message.slices().concat();
        let written = bytes.len() / 2;
        self.transcript.sent.extend_from_slice(&bytes[..written]);
        message.advance(written);
        Ok(())
    }

    fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if !self.sends_vectored() {
            return self.conn.send_binary(bytes);
        }
        let message = self.conn.send_binary_vectored(bytes)?;
        let bytes = message.slices().concat();
        let written = bytes.len() / 2;
        self.transcript.sent.extend_from_slice(&bytes[..written]);
        message.advance(written);
        Ok(())
    }

    /// One close frame from each side, none in Hixie-75 and none before the handshake. CL-6, CL-20
    fn expect_close_frame(&mut self, code: Option<u16>, reason: &str) {
        let has_close = self.conn.dialect() != Some(Dialect::Hixie75);
        if !self.was_open() || !has_close || std::mem::replace(&mut self.expects_close, true) {
            return;
        }
        if !self.is_hybi() {
            self.expected_frames.extend_from_slice(&[0xFF, 0x00]);
            return;
        }
        let payload = code.map_or(Vec::new(), |code| close_payload(code, reason));
        self.expected_frames.extend(unmasked(CLOSE, &payload));
    }

    fn answer_request(&mut self) {
        let Some(request) = self.request.clone() else {
            return;
        };
        let conn = &mut self.conn;
        let result = match self.behaviour.answer % 8 {
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
                let invalid = [("X-A", "a\r\nX-B: b")];
                let accept = AcceptOptions::new();
                assert!(conn.accept(&accept.headers(&invalid)).is_err());
                assert!(conn.accept(&accept.protocol("a\r\nX-B: b")).is_err());
                assert!(conn.respond(&Response::new(101)).is_err());
                conn.accept(&accept)
            }
            _ => conn.accept(&AcceptOptions::new()),
        };
        self.awaits_answer = false;
        self.accepted = result.is_ok() && matches!(self.behaviour.answer % 8, 0 | 1 | 7);
        if self.accepted {
            // H76-4, also in dialects that wait for no further input.
            assert_eq!(self.conn.send_text("early"), Err(Refused::NotOpen));
        }
        if !self.record_result(result) {
            let result = self.conn.respond(&Response::new(500));
            if !self.record_result(result) {
                let result = self.conn.close(&Close::EMPTY);
                assert!(self.record_result(result), "no answer to the request works");
            }
        }
    }

    /// Records the error of a call, if any; returns whether the call succeeded.
    fn record_result(&mut self, result: Result<(), Refused>) -> bool {
        if let Err(error) = result {
            check_error(&error);
            let events = self.transcript.events.len();
            self.transcript.refused.push((events, error));
        }
        result.is_ok()
    }

    /// Writes output and updates the clock, as an event loop does after each event.
    fn end_turn(&mut self) {
        if !self.behaviour.write_at_end {
            self.drain();
        }
        // Only while open: in other states a timeout would expire.
        if self.conn.is_open() {
            self.now += Duration::from_millis(600);
        }
        let wait = self.conn.tick(self.now);
        assert_ne!(wait, Some(Duration::ZERO));
    }

    /// Writes all output, half of what is pending at a time.
    fn drain(&mut self) {
        while self.conn.wants_write() {
            let pending = self.conn.transmit();
            let written = pending.len().div_ceil(2);
            self.transcript.sent.extend_from_slice(&pending[..written]);
            self.conn.advance(written);
        }
        self.expect_deferred_pong();
    }

    /// Asserts that memory is bounded by the bytes received and sent: four for each byte of a
    /// head, two for each byte that was pending, and a constant.
    pub(crate) fn check_freed(self, received: usize) {
        const FIXED: usize = 2 * 1024;
        let max = FIXED + 4 * received + 2 * self.transcript.sent.len();
        memory::check_freed(self.conn, max);
    }

    /// Whether the handshake succeeded.
    pub(crate) fn was_open(&self) -> bool {
        let is_open = |observed: &Observed| matches!(observed, Observed::Open(_));
        self.established || self.transcript.events.iter().any(is_open)
    }

    fn is_hybi(&self) -> bool {
        self.conn.dialect().is_some_and(is_hybi)
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        match self.transcript.events.last() {
            Some(Observed::Closed(reason)) => Some(reason),
            _ => None,
        }
    }

    fn check_end(&mut self) {
        let closed = self.closed().cloned();
        let closed_events = self.transcript.events.iter();
        let closed_events =
            closed_events.filter(|observed| matches!(observed, Observed::Closed(_)));
        assert_eq!(closed_events.count(), usize::from(closed.is_some()));
        assert_eq!(self.conn.is_done(), closed.is_some());
        assert_eq!(self.conn.closed(), closed.as_ref());
        let is_open = self.was_open() && closed.is_none() && !self.expects_close;
        assert_eq!(self.conn.is_open(), is_open);
        if closed.is_some() {
            assert!(!self.conn.wants_read());
            assert_eq!(self.conn.send_text(""), Err(Refused::Closing));
            assert_eq!(self.conn.close(&Close::EMPTY), Err(Refused::Closing));
        } else {
            assert!(
                !self.splits.eof || self.awaits_answer,
                "EOF is not reported"
            );
        }
        // How much input is consumed before these errors depends on how it is split.
        match closed {
            Some(Closed::Protocol(ProtocolError::InvalidUtf8 { .. })) => {
                self.transcript.consumed = 0
            }
            Some(Closed::Protocol(_)) if self.is_hybi() => self.transcript.consumed = 0,
            _ => {}
        }
    }
}

impl Session {
    /// From here on the peer sends and reads nothing: asserts that each timeout expires exactly at
    /// its deadline.
    fn check_timeouts(&mut self) {
        if self.conn.is_open() {
            // No timeout is running, but the connection may still become idle.
            for _ in 0..3 {
                self.now += self.conn.tick(self.now).unwrap_or_default();
            }
            assert_eq!(self.conn.tick(self.now), None);
            assert!(self.conn.is_open());
            assert_eq!(self.conn.close(&Close::EMPTY), Ok(()));
        }
        if self.conn.closed().is_none() {
            let (phase, timeout) = if self.was_open() {
                (Phase::Closing, self.behaviour.timeouts.close)
            } else {
                (Phase::Handshaking, self.behaviour.timeouts.handshake)
            };
            self.check_timeout(timeout);
            assert_eq!(self.conn.closed(), Some(&Closed::TimedOut(phase)));
        }
        while let Some(event) = self.conn.receive(&mut input(&mut [])) {
            let Event::Closed(reason) = event else {
                panic!("an event without input: {event:?}");
            };
            check_error(&reason);
        }
        assert_eq!(self.conn.is_done(), !self.conn.wants_write());
        if self.conn.wants_write() {
            self.check_timeout(self.behaviour.timeouts.close);
        }
        assert!(self.conn.is_done());
        assert_eq!(self.conn.tick(self.now), None);
    }

    /// Asserts that nothing changes until `timeout` expires, and something does then.
    fn check_timeout(&mut self, timeout: Duration) {
        const NANOSECOND: Duration = Duration::from_nanos(1);
        let state = |conn: &Connection| (conn.closed().cloned(), conn.transmit().len());
        let before = state(&self.conn);
        assert_eq!(self.conn.tick(self.now), Some(timeout));
        self.now += timeout - NANOSECOND;
        assert_eq!(self.conn.tick(self.now), Some(NANOSECOND));
        assert_eq!(state(&self.conn), before);
        self.now += NANOSECOND;
        assert_ne!(self.conn.tick(self.now), Some(Duration::ZERO));
        assert_ne!(state(&self.conn), before);
    }
}

/// Returns a frame without a mask, with the shortest length encoding (HY-6).
fn unmasked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(Role::Server, first, payload)
}

/// Returns a client's frames without their masks; asserts that each frame is masked and has the
/// shortest length encoding.
fn unmask(bytes: &[u8]) -> Vec<u8> {
    let unmask = |frame: Frame| {
        assert!(frame.key.is_some(), "a client masks each frame");
        let shortest = LengthEncoding::shortest(frame.payload.len() as u64);
        assert_eq!(frame.encoding, shortest);
        unmasked(frame.first, frame.payload)
    };
    parse_frames(bytes).into_iter().flat_map(unmask).collect()
}

/// The work done since the last call; always 0 unless the library counts it.
fn take_work() -> u64 {
    #[cfg(fuzzing)]
    return hybi::fuzzing::take_work();
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
