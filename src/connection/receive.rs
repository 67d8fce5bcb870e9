//! Receiving: from input to events, and what the connection answers by itself.

use super::Connection;
use super::handshaking::Outcome;
use super::state::{Handshaking, PeerClosed, State};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Closed, Event, Handshake, Payload, TextChunk};
use crate::frame::{FastPath, FrameEvent, Stored};
use crate::handshake;
use crate::input::{Input, Storage};

/// The result of one step of [`Connection::receive`].
enum Step<'i> {
    /// The state or the input changed: go on.
    Continue,
    /// More input, an answer of the application or time is needed.
    NeedMore,
    Event(Event<'i>),
    Stored(Stored),
}

impl Stored {
    fn event(self, storage: &Storage) -> Event<'_> {
        match self {
            Self::Text { is_final } => Event::Text(TextChunk::new(storage.text(), is_final)),
            #[cfg(feature = "deflate")]
            Self::Binary { is_final } => Event::Binary(BinaryChunk::new(storage.bytes(), is_final)),
            Self::Ping => Event::Ping(Payload::new(storage.bytes())),
            Self::Pong => Event::Pong(Payload::new(storage.bytes())),
        }
    }
}

impl Connection {
    /// Consumes bytes from the front of `input` and returns the next event.
    ///
    /// Returns `None` if all input is consumed, if a request or, with
    /// [`auto_close`](crate::Config::auto_close) off, a close frame awaits an answer, or if the
    /// connection has ended. Call it until it returns `None`, also with an empty
    /// [`Input`](crate::Input): the end of input ([`receive_eof`](Self::receive_eof)) and expired
    /// timeouts ([`deadline`](Self::deadline)) are reported here.
    ///
    /// A caller that answers messages pauses while [`is_congested`](Self::is_congested), and keeps
    /// [`Input::remaining`](crate::Input::remaining) for a later call.
    ///
    /// An event borrows from the input and not from the connection, so the connection can be used
    /// while the event exists.
    #[inline]
    pub fn receive<'e>(&mut self, input: &'e mut Input<'_>) -> Option<Event<'e>> {
        if let Some(session) = self.state.session() {
            match session.decoder.decode_fast(
                &self.config,
                &mut input.bytes,
                &mut self.has_received,
            ) {
                FastPath::Text { text, is_final } => {
                    return Some(Event::Text(TextChunk::new(text, is_final)));
                }
                FastPath::Binary { bytes, is_final } => {
                    return Some(Event::Binary(BinaryChunk::new(bytes, is_final)));
                }
                FastPath::Lossy { text, is_final } => {
                    input.storage = Storage::Text(text);
                    return Some(Stored::Text { is_final }.event(&input.storage));
                }
                FastPath::NeedMore if !self.eof => {
                    if !self.run_timers(input.now) {
                        return None;
                    }
                }
                FastPath::NeedMore | FastPath::Miss => {}
            }
        }
        // Rebuild the value: forwarding the callee's return slot causes a store-forwarding stall.
        let event = self.receive_slow(input)?;
        Some(event)
    }

    /// [`receive`](Self::receive) without the fast path.
    fn receive_slow<'e>(&mut self, input: &'e mut Input<'_>) -> Option<Event<'e>> {
        let Input {
            bytes,
            now,
            has_bytes,
            storage,
        } = input;
        self.has_received |= *has_bytes;
        let stored = loop {
            let step = match &mut self.state {
                State::Handshaking(_) => self.receive_handshake(bytes),
                State::Open(_) | State::Closing(_) => self.receive_frame(bytes, storage),
                State::PeerClosed(_) => self.answer_close(),
                State::Closed(ended) if ended.is_reported => Step::NeedMore,
                State::Closed(ended) => {
                    ended.is_reported = true;
                    Step::Event(Event::Closed(ended.reason.clone()))
                }
            };
            match step {
                Step::Continue => {}
                Step::NeedMore if self.run_timers(*now) => {}
                Step::NeedMore => return None,
                Step::Event(event) => return Some(event),
                Step::Stored(stored) => break stored,
            }
        };
        Some(stored.event(storage))
    }

    /// Reads on in the handshake.
    fn receive_handshake<'i>(&mut self, input: &mut &'i mut [u8]) -> Step<'i> {
        if let Some((dialect, extensions)) = self.state.report_open() {
            return Step::Event(Event::Open(Handshake {
                dialect,
                reply: None,
                extensions,
            }));
        }
        let State::Handshaking(handshaking) = &mut self.state else {
            return Step::Continue;
        };
        if let Handshaking::AwaitAnswer(_) = handshaking {
            return Step::NeedMore;
        }
        if !self.eof && handshaking.buffer_fragment(input) {
            return Step::NeedMore;
        }
        match handshaking.read(&self.config, input) {
            Outcome::NeedMore if self.eof && input.is_empty() => self.finish_at_eof(), // H76-19
            Outcome::NeedMore => return Step::NeedMore,
            Outcome::Continue | Outcome::Challenge(..) => {}
            Outcome::Request(request) => return Step::Event(Event::Request(request)),
            Outcome::Respond(response) => self.send_buffer.push(&response), // H76-4: before Open
            Outcome::Open(reply, extensions, masks) => {
                let dialect = reply.dialect();
                self.state.open(dialect, extensions, masks);
                return Step::Event(Event::Open(Handshake {
                    dialect,
                    reply: Some(reply),
                    extensions,
                }));
            }
            Outcome::FlashPolicy => {
                let policy = self.config.flash_policy.unwrap_or_default();
                // The client reads up to the first NUL.
                let policy = policy.split('\0').next().unwrap_or_default();
                self.send_buffer.push(policy.as_bytes());
                self.send_buffer.push(&[0]);
                self.state.finish(Closed::FlashPolicy);
            }
            Outcome::Rejected(rejection) => self.state.finish(Closed::Rejected(rejection)),
            Outcome::Failed(error) => self.fail(error),
        }
        Step::Continue
    }

    /// Decodes frames by the slow path.
    fn receive_frame<'i>(&mut self, input: &mut &'i mut [u8], storage: &mut Storage) -> Step<'i> {
        let Some(session) = self.state.session() else {
            return Step::Continue;
        };
        let event = match session.decoder.decode(&self.config, input, storage) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                self.fail(error);
                return Step::Continue;
            }
            None if self.eof => {
                self.finish_at_eof();
                return Step::Continue;
            }
            None => return Step::NeedMore,
        };
        match event {
            FrameEvent::Text(chunk) => Step::Event(Event::Text(chunk)),
            FrameEvent::Binary(chunk) => Step::Event(Event::Binary(chunk)),
            FrameEvent::Ping(payload) => {
                self.answer_ping(payload.as_bytes());
                Step::Event(Event::Ping(payload))
            }
            FrameEvent::Pong(payload) => Step::Event(Event::Pong(payload)),
            FrameEvent::Stored(stored) => {
                if let Stored::Ping = stored {
                    self.answer_ping(storage.bytes());
                }
                Step::Stored(stored)
            }
            FrameEvent::Skipped(frame) => Step::Event(Event::Skipped(frame)),
            FrameEvent::Close(close) => match self.state.peer_close(close) {
                Some(close) => Step::Event(Event::Closing(close)),
                None => Step::Continue,
            },
        }
    }

    fn answer_ping(&mut self, payload: &[u8]) {
        if let Some(session) = self.state.session().filter(|_| self.config.auto_pong) {
            session.answer_ping(&mut self.send_buffer, self.config.high_water, payload);
        }
    }

    /// Answers the peer's close frame, unless the application has to.
    ///
    /// HY-8: the code and reason are sent back.
    fn answer_close<'i>(&mut self) -> Step<'i> {
        let State::PeerClosed(PeerClosed { session, close }) = &mut self.state else {
            return Step::Continue;
        };
        if !self.config.auto_close {
            return Step::NeedMore;
        }
        session.queue_close(&mut self.send_buffer, close);
        self.state.close();
        Step::Continue
    }

    fn finish_at_eof(&mut self) {
        self.state.finish(Closed::Eof(self.state.phase()));
    }

    /// Ends the connection with a protocol error, after an HTTP error or a close frame if one can
    /// be sent.
    fn fail(&mut self, error: ProtocolError) {
        match &mut self.state {
            State::Handshaking(handshaking) if handshaking.can_respond() => {
                let is_head = handshaking.is_head();
                let dialects = self.config.dialects;
                if let Some(response) = handshake::error_response(&error, dialects, is_head) {
                    self.send_buffer.push_vec(response);
                }
            }
            State::Open(session) => {
                let close = Close::new(error.close_code(), "");
                session.queue_close(&mut self.send_buffer, &close);
            }
            // PX-4: a response or a close frame was sent before.
            State::Handshaking(_) | State::PeerClosed(_) | State::Closing(_) | State::Closed(_) => {
            }
        }
        self.state.finish(Closed::Protocol(error));
    }

    /// Records that the peer has closed its sending side.
    ///
    /// [`receive`](Self::receive) reports it as [`Closed::Eof`] once all input is consumed and
    /// neither a request nor a close frame awaits an answer. Further calls have no effect (CL-11).
    pub fn receive_eof(&mut self) {
        self.eof = true;
    }
}
