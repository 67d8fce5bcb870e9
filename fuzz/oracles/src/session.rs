//! One connection from its first byte to its last, driven by a simulated application.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Entropy, Event, Handshake, Input,
    ProtocolError, Request, Response, SendError, Timeout, VectoredMessage,
};
use testkit::{
    BINARY, CLOSE, Frame, LengthEncoding, Observed, PING, PONG, Role, TEXT, close_payload, drain,
    frame, hixie_frame, parse_frames,
};

use crate::checked::{Checked, write_half};
use crate::dialect::is_hybi;
use crate::memory;
use crate::options::{Splits, Timeouts};
use crate::redaction::{check_error, check_payload};

pub(crate) const AUTHORITY: &str = "proxy.example:8080";

pub(crate) const COOKIE: (&str, &str) = ("Set-Cookie", "seen=1; HttpOnly");
pub(crate) const HTML: (&str, &str) = ("Content-Type", "text/html");
pub(crate) const ENTROPY: [u8; 32] = [7; 32];

/// Returns a connection after a handshake that was performed elsewhere.
pub(crate) fn established(config: &Config, role: Role, dialect: Dialect) -> Connection {
    let handshake = Handshake::new(dialect);
    let conn = match role {
        Role::Server => Connection::established_server(config.clone(), &handshake),
        Role::Client => {
            let entropy = Entropy::from_bytes(ENTROPY);
            Connection::established_client(Arc::new(config.clone()), &handshake, entropy)
        }
    };
    assert!(conn.is_open() && !conn.wants_write());
    assert_eq!(conn.dialect(), Some(dialect));
    conn
}

/// What the application does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    /// The side of the connection.
    pub role: Role,
    /// Selects how a request is answered.
    pub answer: usize,
    /// Sends each message back, and a ping for each pong.
    pub echo: bool,
    /// Closes after the first message, or when the peer closes.
    pub close: bool,
    /// Closes as soon as the request is accepted.
    pub close_early: bool,
    /// Answers the peer's close frame itself.
    pub no_auto_close: bool,
    /// Writes no output before the input ends.
    pub write_at_end: bool,
    /// Disables automatic pongs, and sends none.
    pub no_pongs: bool,
    /// With more than that pending only the latest ping is answered.
    pub high_water: usize,
    pub timeouts: Timeouts,
}

impl Behaviour {
    /// Writes a part of a message, unless output is written at the end.
    fn write(&self, message: &mut VectoredMessage<'_>) -> Vec<u8> {
        write_half(message, if self.write_at_end { 0 } else { usize::MAX })
    }
}

/// What an input results in; the same however the input is split.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    pub events: Vec<Observed>,
    /// The errors of calls, each with the number of events before the call.
    refused: Vec<(usize, String)>,
    /// The subprotocol of the handshake.
    protocol: Option<String>,
    /// The output; a client's frames are unmasked.
    pub sent: Vec<u8>,
    pub consumed: usize,
}

pub(crate) struct Session {
    pub conn: Checked,
    pub behaviour: Behaviour,
    splits: Splits,
    pub transcript: Transcript,
    /// The chunks of a message in progress, joined.
    text: String,
    binary: Vec<u8>,
    pub request: Option<Request>,
    /// The header fields of the response that a client reports.
    pub response_fields: Vec<(String, Vec<u8>)>,
    pub accepted: bool,
    pub established: bool,
    /// The frames that have to be sent, without masks, and whether a close frame is one of them.
    pub expected_frames: Vec<u8>,
    pub expects_close: bool,
    /// The payload of a pong that is sent once the output is drained.
    deferred_pong: Option<Vec<u8>>,
    /// The opcode of the fragmented message in progress.
    fragment_opcode: Option<u8>,
    /// Output that was taken last.
    spare: Vec<u8>,
    now: Duration,
    /// The clock of the last call was late.
    is_late: bool,
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
            conn: Checked::new(conn, !behaviour.no_auto_close, behaviour.high_water),
            behaviour,
            splits,
            transcript: Transcript::default(),
            text: String::new(),
            binary: Vec::new(),
            request: None,
            response_fields: Vec::new(),
            accepted: false,
            expected_frames: Vec::new(),
            expects_close: false,
            deferred_pong: None,
            fragment_opcode: None,
            spare: Vec::new(),
            now: Duration::ZERO,
            is_late: false,
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

    /// Feeds `copy`, a copy of `bytes`; returns how many bytes are not consumed.
    fn feed(&mut self, copy: &mut [u8], bytes: &[u8]) -> usize {
        if self.conn.awaits_answer() {
            self.answer_request();
        }
        if self.conn.awaits_close() {
            self.answer_close();
        }
        let mut remaining = copy.len();
        let mut is_idle = false;
        while !is_idle {
            let start = copy.len() - remaining;
            let now = self.advance_time();
            let mut input = self.conn.input(&mut copy[start..], now);
            is_idle = self.handle_events(&mut input);
            remaining = input.remaining().len();
            let unmodified = bytes.ends_with(input.remaining());
            assert!(unmodified, "unconsumed input was modified");
        }
        self.end_turn();
        self.wait();
        remaining
    }

    /// Returns whether all events were handled. An application that pauses stops after each.
    fn handle_events(&mut self, input: &mut Input<'_>) -> bool {
        loop {
            let pending = self.conn.pending();
            let Some(event) = self.conn.receive(input) else {
                break;
            };
            self.handle_event(event, pending);
            self.end_turn();
            if self.splits.pause {
                return false;
            }
        }
        self.conn.check_idle(input);
        true
    }

    /// Returns the time of the next call. The clock of every other call is late, unless a call may
    /// start a timeout.
    fn advance_time(&mut self) -> Duration {
        // Otherwise a timeout would expire.
        if self.conn.is_open() && !self.conn.wants_write() && !self.conn.awaits_close() {
            self.now += Duration::from_millis(600);
        }
        self.is_late = !self.is_late && !self.behaviour.close;
        // Less than the shortest timeout.
        let late = Duration::from_millis(if self.is_late { 100 } else { 0 });
        self.now.saturating_sub(late)
    }

    /// Lets time pass without input.
    fn wait(&mut self) {
        let now = self.advance_time();
        let mut input = self.conn.input(&mut [], now);
        assert!(self.conn.receive(&mut input).is_none());
        self.conn.check_idle(&input);
    }

    /// Records an event; `pending` is the length of the output before it.
    fn handle_event(&mut self, event: Event<'_>, pending: usize) {
        match event {
            Event::Request(request) => {
                let resource = request.resource().to_owned();
                let observed = Observed::Request(request.dialect(), resource);
                self.transcript.events.push(observed);
                self.request = Some(request);
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
            Event::Closing(close) => {
                if self.behaviour.echo {
                    let result = self.conn.send_text("last");
                    let frame = if self.is_hybi() {
                        unmasked(TEXT, "last")
                    } else {
                        hixie_frame("last")
                    };
                    self.expect_frame(result, &frame);
                }
                if self.behaviour.close {
                    self.close();
                } else if self.behaviour.no_auto_close && !self.splits.answer_late {
                    self.answer_close();
                }
                assert_eq!(self.conn.closing(), Some(&close));
            }
            Event::Closed(reason) => {
                match &reason {
                    Closed::Clean(close) => self.expect_answer(close),
                    Closed::Protocol(error) => {
                        let code = testkit::ProtocolError::from(*error).close_code();
                        self.expect_close_frame(Some(code), "");
                    }
                    _ => {}
                }
                self.deferred_pong = None;
                self.record_incomplete();
                self.transcript.events.push(Observed::from(reason));
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
        if self.behaviour.echo && text.len() % 3 == 2 {
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
            let is_unsupported = |error| matches!(error, SendError::Unsupported { .. });
            assert!(self.conn.send_binary(b"a").is_err_and(is_unsupported));
            assert!(self.conn.send_ping(b"a").is_err_and(is_unsupported));
            let result = self.conn.send_binary_fragment(b"a", true);
            assert!(result.is_err_and(is_unsupported));
        }
        if self.behaviour.close {
            self.close();
        }
    }

    fn close(&mut self) {
        let result = self.conn.close(&Close::new(1000, "bye"));
        if self.record_result(result) {
            self.expect_close_frame(Some(1000), "bye");
        }
    }

    /// CL-13: the close frame follows the head, unless the handshake is not complete.
    fn close_before_open(&mut self) {
        assert_eq!(self.conn.close(&Close::new(1000, "bye")), Ok(()));
        assert_eq!(self.conn.send_text("late"), Err(SendError::Closing));
        if self.is_hybi() {
            let payload = close_payload(1000, "bye");
            self.expected_frames.extend(unmasked(CLOSE, payload));
            self.expects_close = true;
        } else {
            assert_eq!(self.conn.closed(), Some(&Closed::LocallyClosed));
        }
    }

    /// Answers the peer's close frame as the connection does by default.
    fn answer_close(&mut self) {
        let close = self.conn.closing().expect("it was reported").clone();
        let result = self.conn.close(&close);
        assert!(self.record_result(result), "a received close can be sent");
        self.expect_answer(&close);
    }

    /// HY-8: a close frame without a code is answered with one without a code.
    fn expect_answer(&mut self, close: &Close) {
        self.expect_close_frame(close.code(), close.reason());
    }

    /// Expects `frame` in the output if the call succeeded, after a deferred pong.
    fn expect_frame(&mut self, result: Result<(), SendError>, frame: &[u8]) -> bool {
        let is_ok = self.record_result(result);
        if is_ok {
            self.expect_deferred_pong();
            self.expected_frames.extend_from_slice(frame);
        }
        is_ok
    }

    fn expect_fragment(
        &mut self,
        result: Result<(), SendError>,
        message_opcode: u8,
        payload: &[u8],
        fin: bool,
    ) {
        let opcode = match self.fragment_opcode {
            Some(_) => 0,
            None => message_opcode,
        };
        let first = opcode | if fin { 0x80 } else { 0 };
        let frame = if self.is_hybi() {
            unmasked(first, payload)
        } else {
            // All fragments are in one frame.
            let (start, end) = (
                &[0][usize::from(opcode == 0)..],
                &[0xFF][..usize::from(fin)],
            );
            [start, payload, end].concat()
        };
        if self.expect_frame(result, &frame) {
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

    /// Whether messages are sent vectored and output is taken: only with unsplit input, so that the
    /// transcripts of the two ways to send and to write are compared.
    fn sends_vectored(&self) -> bool {
        self.splits.sizes == [0; 4]
    }

    fn is_masking(&self) -> bool {
        self.is_hybi() && self.behaviour.role == Role::Client
    }

    fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        if !self.sends_vectored() {
            return self.conn.send_text(text);
        }
        let mut message = self.conn.send_text_vectored(text)?;
        self.transcript
            .sent
            .extend(self.behaviour.write(&mut message));
        Ok(())
    }

    fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        if !self.sends_vectored() {
            return self.conn.send_binary(bytes);
        }
        let mut message = self.conn.send_binary_vectored(bytes)?;
        self.transcript
            .sent
            .extend(self.behaviour.write(&mut message));
        Ok(())
    }

    /// One close frame from each side, none in Hixie-75 and none before the handshake. CL-6, CL-20
    fn expect_close_frame(&mut self, code: Option<u16>, reason: &str) {
        let has_close = self.conn.dialect() != Some(Dialect::Hixie75);
        if !self.was_open() || !has_close || std::mem::replace(&mut self.expects_close, true) {
            return;
        }
        if !self.is_hybi() {
            // The frame of an incomplete message is ended first.
            let end = self.fragment_opcode.take().map(|_| 0xFF);
            self.expected_frames.extend(end);
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
                let accept = AcceptOptions::new()
                    .authority(AUTHORITY)
                    .header(COOKIE.0, COOKIE.1);
                let accept = match request.protocols().last() {
                    Some(name) => accept.protocol(name),
                    None => accept,
                };
                conn.accept(&accept).map_err(Box::<dyn Error>::from)
            }
            2 => conn
                .respond(&Response::new(404))
                .map_err(Box::<dyn Error>::from),
            3 => {
                let page = Response::new(200).header(HTML.0, HTML.1).body(b"<p>");
                conn.respond(&page).map_err(Box::<dyn Error>::from)
            }
            4 => {
                let response = Response::new(204).header(COOKIE.0, COOKIE.1);
                conn.respond(&response).map_err(Box::<dyn Error>::from)
            }
            5 => {
                assert_eq!(conn.close(&Close::EMPTY), Ok(()));
                return;
            }
            6 => return,
            7 => {
                let accept = AcceptOptions::new;
                assert!(conn.accept(&accept().header("X-A", "a\r\nX-B: b")).is_err());
                assert!(conn.accept(&accept().protocol("a\r\nX-B: b")).is_err());
                assert!(conn.respond(&Response::new(101)).is_err());
                conn.accept(&accept()).map_err(Box::<dyn Error>::from)
            }
            _ => conn
                .accept(&AcceptOptions::new())
                .map_err(Box::<dyn Error>::from),
        };
        self.accepted = result.is_ok() && matches!(self.behaviour.answer % 8, 0 | 1 | 7);
        if self.accepted {
            // H76-4, also in dialects that wait for no further input.
            assert_eq!(self.conn.send_text("early"), Err(SendError::NotOpen));
            if self.behaviour.close_early {
                self.close_before_open();
            }
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
    fn record_result(&mut self, result: Result<(), impl Into<Box<dyn Error>>>) -> bool {
        let result = result.map_err(Into::into);
        if let Err(error) = &result {
            check_error(&**error);
            let events = self.transcript.events.len();
            self.transcript.refused.push((events, format!("{error:?}")));
        }
        result.is_ok()
    }

    /// Writes output, as an event loop does after each event.
    fn end_turn(&mut self) {
        if !self.behaviour.write_at_end {
            self.drain();
        }
    }

    /// Writes all output, half of what is pending at a time, or takes it.
    fn drain(&mut self) {
        while self.conn.wants_write() {
            if self.sends_vectored() {
                let spare = std::mem::take(&mut self.spare);
                self.spare = self.conn.take_output(spare);
                self.transcript.sent.extend_from_slice(&self.spare);
                continue;
            }
            let pending = self.conn.transmit();
            let written = pending.len().div_ceil(2);
            self.transcript.sent.extend_from_slice(&pending[..written]);
            self.conn.advance(written);
            self.conn.check();
        }
        // After the peer's close frame only a message is still preceded by it.
        if self.conn.closing().is_none() {
            self.expect_deferred_pong();
        }
    }

    /// Asserts that memory is bounded by the bytes received and sent: four for each byte of a
    /// head, two for each byte that was pending, and a constant.
    pub(crate) fn check_freed(self, received: usize) {
        const FIXED: usize = 2 * 1024;
        let max = FIXED + 4 * received + 2 * self.transcript.sent.len();
        memory::check_freed(self.conn.into_inner(), max);
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
        self.conn.reported()
    }

    fn check_end(&mut self) {
        let closed = self.closed().cloned();
        let events = &self.transcript.events;
        let from_closed = events.iter().skip_while(|event| !event.is_closed());
        let expected = closed.clone().map(Observed::from);
        assert!(from_closed.eq(&expected), "{events:?}, {closed:?}");
        assert_eq!(self.conn.is_done(), closed.is_some());
        let is_open = self.was_open() && closed.is_none() && !self.expects_close;
        assert_eq!(self.conn.is_open(), is_open);
        if closed.is_some() {
            assert_eq!(self.conn.send_text(""), Err(SendError::Closing));
            assert_eq!(self.conn.close(&Close::EMPTY), Ok(()));
        } else {
            assert!(
                !self.splits.eof || self.conn.awaits_answer(),
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
    /// From here on the peer sends nothing: asserts that each timeout expires exactly at its
    /// deadline.
    fn check_timeouts(&mut self) {
        let timeouts = self.behaviour.timeouts;
        if self.conn.is_open() {
            // No timeout is running, but the connection may still become idle.
            for _ in 0..3 {
                self.now = self.conn.deadline().unwrap_or(self.now);
                self.check_nothing_happens(self.now);
            }
            assert_eq!(self.conn.deadline(), None);
            assert_eq!(self.conn.close(&Close::EMPTY), Ok(()));
            if self.behaviour.write_at_end && self.conn.closed().is_none() {
                // The peer does not read either.
                self.check_timeout(Timeout::Write, timeouts.write);
                return;
            }
            drain(&mut self.conn);
        }
        if self.conn.closed().is_none() {
            if self.was_open() {
                self.check_timeout(Timeout::Close, timeouts.close);
            } else {
                self.check_timeout(Timeout::Handshake, timeouts.handshake);
            }
        }
        let mut input = self.conn.input(&mut [], self.now);
        while let Some(event) = self.conn.receive(&mut input) {
            assert!(
                matches!(event, Event::Closed(_)),
                "without input: {event:?}"
            );
        }
        self.conn.check_idle(&input);
        assert!(self.conn.is_done());
    }

    /// Asserts that the connection ends when `timeout` expires, and not before.
    fn check_timeout(&mut self, reason: Timeout, timeout: Duration) {
        self.check_nothing_happens(self.now);
        let deadline = self.now + timeout;
        assert_eq!(self.conn.deadline(), Some(deadline));
        self.check_nothing_happens(deadline - Duration::from_nanos(1));
        self.now = deadline;
        let mut input = self.conn.input(&mut [], self.now);
        match self.conn.receive(&mut input) {
            Some(Event::Closed(closed)) => assert_eq!(closed, Closed::TimedOut(reason)),
            other => panic!("{other:?}"),
        }
        assert!(self.conn.is_done());
        self.check_nothing_happens(self.now);
    }

    fn check_nothing_happens(&mut self, now: Duration) {
        let pending = self.conn.pending();
        let mut input = self.conn.input(&mut [], now);
        assert!(self.conn.receive(&mut input).is_none());
        self.conn.check_idle(&input);
        assert_eq!(self.conn.pending(), pending);
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
pub fn take_work() -> u64 {
    #[cfg(fuzzing)]
    return hybi::fuzzing::take_work();
    #[cfg(not(fuzzing))]
    0
}
