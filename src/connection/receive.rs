//! Receiving: from input to events, and what the connection answers by itself.

use super::Connection;
use super::handshaking::Outcome;
use super::state::{Handshaking, State};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Closed, Event, Handshake, TextChunk};
use crate::frame::{FastPath, FrameEvent};
use crate::handshake;

impl Connection {
    /// Consumes bytes from the front of `input` and returns the next event.
    ///
    /// Returns `None` if more input is needed, if a request awaits an answer, or if the connection
    /// has ended. Call it until it returns `None`, also with empty input: the end of input
    /// ([`receive_eof`](Self::receive_eof)) and expired timeouts ([`tick`](Self::tick)) are
    /// reported here.
    ///
    /// `input` is advanced past the bytes that were consumed; the caller keeps the others for a
    /// later call. Masked payloads are unmasked in place. An event borrows from the input and not
    /// from the connection, so the connection can be used while the event exists.
    #[inline]
    pub fn receive<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Event<'i>> {
        if let Some(session) = self.state.session() {
            match session.decoder.decode_fast(&self.config, input) {
                FastPath::Miss => {}
                FastPath::NeedMore if self.eof => {}
                FastPath::NeedMore => return None,
                FastPath::Text { text, is_final } => {
                    return Some(Event::Text(TextChunk::borrowed(text, is_final)));
                }
                FastPath::Lossy { text, is_final } => {
                    return Some(Event::Text(TextChunk::lossy(text, is_final)));
                }
                FastPath::Binary { bytes, is_final } => {
                    return Some(Event::Binary(BinaryChunk { bytes, is_final }));
                }
            }
        }
        // Rebuild the value: forwarding the callee's return slot causes a store-forwarding stall.
        let event = self.receive_slow(input)?;
        Some(event)
    }

    /// [`receive`](Self::receive) without the fast path.
    fn receive_slow<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Event<'i>> {
        loop {
            let event = match &mut self.state {
                State::Handshaking(_) => self.receive_handshake(input)?,
                State::Open(_) | State::Closing(_) => self.receive_frame(input)?,
                State::Closed(ended) if ended.is_reported => return None,
                State::Closed(ended) => {
                    ended.is_reported = true;
                    return Some(Event::Closed(ended.reason.clone()));
                }
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Reads on in the handshake. `None` if more input or an answer is needed; `Some(None)` if the
    /// state changed without an event.
    fn receive_handshake<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Option<Event<'i>>> {
        if let Some(dialect) = self.state.report_open() {
            let reply = None;
            return Some(Some(Event::Open(Handshake { dialect, reply })));
        }
        let State::Handshaking(handshaking) = &mut self.state else {
            return None;
        };
        if let Handshaking::AwaitAnswer(_) = handshaking {
            return None;
        }
        if !self.eof && handshaking.buffer_fragment(input) {
            return None;
        }
        match handshaking.read(&self.config, input) {
            Outcome::NeedMore if self.eof && input.is_empty() => self.finish_at_eof(), // H76-19
            Outcome::NeedMore => return None,
            Outcome::Continue | Outcome::Challenge(..) => {}
            Outcome::Request(request) => return Some(Some(Event::Request(request))),
            Outcome::Respond(response) => self.send_buffer.push(&response), // H76-4: before Open
            Outcome::Open(reply, masks) => {
                let dialect = reply.dialect();
                self.state.open(dialect, masks);
                let reply = Some(reply);
                return Some(Some(Event::Open(Handshake { dialect, reply })));
            }
            Outcome::FlashPolicy(policy) => {
                self.send_buffer.push(policy.as_bytes());
                self.send_buffer.push(&[0]);
                self.state.finish(Closed::FlashPolicy);
            }
            Outcome::Rejected(status) => self.state.finish(Closed::Rejected(status)),
            Outcome::Failed(error) => self.fail(error),
        }
        Some(None)
    }

    /// Decodes frames by the slow path. The result is that of
    /// [`receive_handshake`](Self::receive_handshake).
    fn receive_frame<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Option<Event<'i>>> {
        let session = self.state.session()?;
        let event = match session.decoder.decode(&self.config, input) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                self.fail(error);
                return Some(None);
            }
            None if self.eof => {
                self.finish_at_eof();
                return Some(None);
            }
            None => return None,
        };
        Some(Some(match event {
            FrameEvent::Text(chunk) => Event::Text(chunk),
            FrameEvent::Binary(chunk) => Event::Binary(chunk),
            FrameEvent::Ping(payload) => {
                if self.config.auto_pong {
                    let high_water = self.config.high_water;
                    session.answer_ping(&mut self.send_buffer, high_water, payload.as_bytes());
                }
                Event::Ping(payload)
            }
            FrameEvent::Pong(payload) => Event::Pong(payload),
            FrameEvent::Skipped(frame) => Event::Skipped(frame),
            FrameEvent::Close(close) => {
                self.answer_close(close);
                return Some(None);
            }
        }))
    }

    /// Sends a close frame unless one was sent before, and ends the connection.
    ///
    /// CL-2, CL-5, CL-6: one close frame from each side. HY-8: the code is echoed.
    fn answer_close(&mut self, close: Close) {
        if let State::Open(open) = &mut self.state {
            open.session
                .queue_close(&mut self.send_buffer, close.code(), "");
        }
        self.state.finish(Closed::Clean(close));
    }

    fn finish_at_eof(&mut self) {
        self.state.finish(Closed::Eof(self.state.phase()));
    }

    /// Ends the connection with a protocol error, after an HTTP error or a close frame if one can
    /// be sent.
    fn fail(&mut self, error: ProtocolError) {
        match &mut self.state {
            State::Handshaking(handshaking) if handshaking.can_respond() => {
                if let Some(response) = handshake::error_response(&error, self.config.dialects) {
                    self.send_buffer.push_vec(response);
                }
            }
            State::Open(open) => {
                let code = Some(error.close_code());
                open.session.queue_close(&mut self.send_buffer, code, "");
            }
            // PX-4: a response or a close frame was sent before.
            State::Handshaking(_) | State::Closing(_) | State::Closed(_) => {}
        }
        self.state.finish(Closed::Protocol(error));
    }

    /// Records that the peer has closed its sending side.
    ///
    /// [`receive`](Self::receive) reports it as [`Closed::Eof`] once all input is consumed and no
    /// request awaits an answer. Further calls have no effect (CL-11).
    pub fn receive_eof(&mut self) {
        self.eof = true;
    }
}
