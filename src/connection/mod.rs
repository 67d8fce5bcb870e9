//! The connection state machine.
//!
//! [`State`] changes in this file alone. The states within it change here and in two other places:
//! [`HandshakeState`] in `handshaking.rs`, [`SendState`] in `send.rs`.

mod handshaking;
mod send;
mod timers;

use alloc::boxed::Box;

use crate::config::{Config, Dialect, Role};
use crate::entropy::Entropy;
use crate::error::{ProtocolError, Refused};
use crate::event::{BinaryChunk, Close, Closed, Event, Handshake, Phase, TextChunk};
use crate::frame::encode::HIXIE_76_CLOSE;
use crate::frame::opcode::{self, MAX_CONTROL_LEN, NO_STATUS_RECEIVED, Opcode};
use crate::frame::{Decoder, FastPath, FrameEvent};
use crate::handshake::{self, AcceptOptions, ClientRequest, Request, Response, UpgradeResponse};
use crate::http::{Head, Limits};
use crate::send_buffer::SendBuffer;
use crate::sniff::Sniffer;

use handshaking::{FixedBuf, HandshakeState, Outcome, PendingReply};
use send::DeferredPong;
pub use send::VectoredMessage;
use timers::Timer;

/// One endpoint of a WebSocket connection: a state machine that performs no I/O.
///
/// [`receive`](Self::receive) consumes bytes from the socket and returns events.
/// [`transmit`](Self::transmit) returns the bytes to write to it. The following always holds:
///
/// - `receive` returns `None` only when all input is consumed, when a request awaits an answer, or
///   after [`Event::Closed`] was returned.
/// - The events (with the chunks of each message joined) and the output do not depend on how the
///   input is split.
/// - [`Event::Closed`] is returned once, as the last event.
/// - No input causes a panic.
///
/// ```
/// use hybi::{AcceptOptions, Config, Connection, Event};
///
/// let mut conn = Connection::server(&Config::new());
/// let mut bytes = *b"GET /demo HTTP/1.1\r\n\
///     Host: example.com\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
///     Upgrade: WebSocket\r\n\
///     Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
///     Origin: http://example.com\r\n\r\n\
///     ^n:ds[4U\
///     \x00Hello\xff";
/// let mut input = &mut bytes[..];
/// while let Some(event) = conn.receive(&mut input) {
///     match event {
///         Event::Request(_) => conn.accept(&AcceptOptions::new())?,
///         Event::Open(_) => assert!(conn.transmit().ends_with(b"8jKS'y:G*Co,Wxa-")),
///         Event::Text(text) => conn.send_text(text.as_str())?,
///         _ => {}
///     }
/// }
/// assert!(conn.transmit().ends_with(b"\x00Hello\xff"));
/// # Ok::<(), hybi::Refused>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Config,
    role: Role,
    dialect: Option<Dialect>,
    state: State,
    /// `receive_eof` was called.
    eof: bool,
    send_buffer: SendBuffer,
    /// The payload of the latest ping that arrived above `high_water`.
    deferred_pong: Option<DeferredPong>,
    /// Generates the masks. `Some` only for clients, from HyBi-7 on.
    entropy: Option<Box<Entropy>>,
    timer: Option<Timer>,
}

#[derive(Debug)]
enum State {
    Handshaking(HandshakeState),
    /// The handshake is complete. `open_reported` is set once [`Event::Open`] was returned.
    Open {
        open_reported: bool,
        decoder: Decoder,
        send_state: SendState,
    },
    Closed {
        reason: Closed,
        close_reported: bool,
    },
}

/// What the application may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendState {
    /// Nothing: [`Event::Open`] was not returned yet.
    NotOpen,
    /// Any message.
    Ready,
    /// Control frames and the remaining fragments of a message of this type.
    InFragments(Opcode),
    /// Nothing: the close frame was queued.
    Closed,
}

impl Connection {
    /// Creates the server side of a connection on a newly accepted stream.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        let state = HandshakeState::Sniff(Sniffer::default(), Limits::from_config(config));
        Self::new(config, Role::Server, State::Handshaking(state))
    }

    /// Creates the client side of a connection on a newly connected stream, and queues the request.
    ///
    /// `entropy` is the seed of the handshake keys and, from HyBi-7 on, of the frame masks. It has
    /// to come from a cryptographically secure random number generator, and be used for this
    /// connection alone.
    #[must_use]
    pub fn client(config: &Config, request: &ClientRequest, entropy: [u8; 32]) -> Self {
        let mut entropy = Entropy::new(entropy);
        let (bytes, proof) = request.request(&mut entropy);
        entropy.rekey();
        let state = HandshakeState::ReplyHead(Box::new(PendingReply {
            head: Head::response(Limits::from_config(config)),
            request: request.clone(),
            proof,
        }));
        let mut conn = Self::new(config, Role::Client, State::Handshaking(state));
        conn.send_buffer.push_vec(bytes);
        conn.entropy = (!request.dialect().is_hixie()).then(|| Box::new(entropy));
        conn
    }

    fn new(config: &Config, role: Role, state: State) -> Self {
        Self {
            config: *config,
            role,
            dialect: None,
            state,
            eof: false,
            send_buffer: SendBuffer::default(),
            deferred_pong: None,
            entropy: None,
            timer: None,
        }
    }

    /// Creates the server side of a connection whose request was read by an HTTP library, and
    /// returns the head of the response for that library to write.
    ///
    /// Pass the bytes that the library read after the head of the request to
    /// [`receive`](Self::receive). With Hixie-76 they start with the 8 bytes of the third key.
    /// [`Event::Open`] follows.
    ///
    /// # Errors
    /// - [`Refused::NoRequest`] if the request is plain HTTP.
    /// - [`Refused::Unsupported`] if the dialect of the request is not enabled in
    ///   [`Config::dialects`].
    /// - [`Refused::ProtocolNotOffered`] and [`Refused::InvalidHeader`] as in
    ///   [`accept`](Self::accept).
    ///
    /// ```
    /// # use hybi::{AcceptOptions, Config, Connection, Event, Refused, Request};
    /// # fn upgrade(request: Request) -> Result<(), Refused> {
    /// let options = AcceptOptions::new();
    /// let (mut conn, response) = Connection::upgrade(&Config::new(), &request, &options)?;
    /// for (name, value) in response.headers() {
    ///     println!("{name}: {value}");
    /// }
    /// let mut leftover = *b"^n:ds[4U";
    /// let event = conn.receive(&mut &mut leftover[..]);
    /// assert!(matches!(event, Some(Event::Open(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn upgrade(
        config: &Config,
        request: &Request,
        options: &AcceptOptions<'_>,
    ) -> Result<(Self, UpgradeResponse), Refused> {
        let dialect = request.dialect().ok_or(Refused::NoRequest)?;
        if !config.dialects.contains(dialect) {
            return Err(Refused::Unsupported(dialect));
        }
        let head = handshake::accept(config, request, options)?;
        let state = State::Handshaking(HandshakeState::AwaitAnswer(request.clone()));
        let mut conn = Self::new(config, Role::Server, state);
        conn.start_accepted(dialect, request.key_parts());
        Ok((conn, UpgradeResponse::new(head)))
    }

    /// Creates either side of a connection whose opening handshake was performed elsewhere.
    ///
    /// The connection is open at once: no [`Event::Open`] is returned. `entropy` is the seed of the
    /// masks of a client from HyBi-7 on, and has to come from a cryptographically secure random
    /// number generator. It is ignored for other connections.
    #[must_use]
    pub fn established(config: &Config, role: Role, dialect: Dialect, entropy: [u8; 32]) -> Self {
        let mut conn = Self::new(config, role, State::open(dialect, role, true));
        conn.dialect = Some(dialect);
        let is_masking = role == Role::Client && !dialect.is_hixie();
        conn.entropy = is_masking.then(|| Box::new(Entropy::new(entropy)));
        conn
    }

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
        if let State::Open {
            open_reported: true,
            decoder,
            ..
        } = &mut self.state
        {
            match decoder.decode_fast(&self.config, input) {
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

    /// Consumes all of `input` if it is a short part of a header line; returns whether it did.
    // Not inlined, so that `receive` stays small for open connections.
    #[inline(never)]
    fn buffer_fragment(&mut self, input: &mut &mut [u8]) -> bool {
        match &mut self.state {
            State::Handshaking(handshake) if !self.eof => handshake.buffer_fragment(input),
            _ => false,
        }
    }

    /// [`receive`](Self::receive) without the fast path.
    fn receive_slow<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Event<'i>> {
        if self.buffer_fragment(input) {
            return None;
        }
        loop {
            match &mut self.state {
                State::Handshaking(handshake) => {
                    if matches!(handshake, HandshakeState::AwaitAnswer(_)) {
                        return None;
                    }
                    match handshake.read(&self.config, input) {
                        Outcome::NeedMore if self.eof && input.is_empty() => {
                            self.finish(Closed::Eof(Phase::Handshaking)); // H76-19
                        }
                        Outcome::NeedMore => return None,
                        Outcome::Continue => {}
                        Outcome::Request(request) => match request.check_enabled(&self.config) {
                            Ok(()) => {
                                *handshake = HandshakeState::AwaitAnswer(request.clone());
                                return Some(Event::Request(request));
                            }
                            Err(error) => self.fail(error),
                        },
                        Outcome::Key3(response) => {
                            self.send_buffer.push(&response); // H76-4: before Open
                            self.state = State::open(Dialect::Hixie76, self.role, false);
                        }
                        Outcome::Open(reply) => {
                            let dialect = reply.dialect();
                            self.dialect = Some(dialect);
                            self.state = State::open(dialect, self.role, true);
                            self.timer = None;
                            let reply = Some(reply);
                            return Some(Event::Open(Handshake { dialect, reply }));
                        }
                        Outcome::FlashPolicy(policy) => {
                            self.send_buffer.push(policy.as_bytes());
                            self.send_buffer.push(&[0]);
                            self.finish(Closed::FlashPolicy);
                        }
                        Outcome::Rejected(status) => self.finish(Closed::Rejected(status)),
                        Outcome::Failed(error) => self.fail(error),
                    }
                }
                State::Open {
                    open_reported,
                    decoder,
                    send_state,
                } => {
                    let dialect = self.dialect?;
                    if !*open_reported {
                        *open_reported = true;
                        if *send_state == SendState::NotOpen {
                            *send_state = SendState::Ready;
                        }
                        self.timer = None;
                        let reply = None;
                        return Some(Event::Open(Handshake { dialect, reply }));
                    }
                    let event = match decoder.decode(&self.config, input) {
                        Some(Ok(event)) => event,
                        Some(Err(error)) => {
                            self.fail(error);
                            continue;
                        }
                        None if self.eof => {
                            self.finish_at_eof();
                            continue;
                        }
                        None => return None,
                    };
                    match event {
                        FrameEvent::Text(text) => return Some(Event::Text(text)),
                        FrameEvent::Binary(binary) => return Some(Event::Binary(binary)),
                        FrameEvent::Ping(payload) => {
                            if self.config.auto_pong {
                                self.answer_ping(payload.as_bytes());
                            }
                            return Some(Event::Ping(payload));
                        }
                        FrameEvent::Pong(payload) => return Some(Event::Pong(payload)),
                        FrameEvent::Skipped(frame) => return Some(Event::Skipped(frame)),
                        FrameEvent::Close(close) => self.answer_close(close),
                    }
                }
                State::Closed {
                    close_reported: true,
                    ..
                } => return None,
                State::Closed {
                    close_reported,
                    reason,
                } => {
                    *close_reported = true;
                    return Some(Event::Closed(reason.clone()));
                }
            }
        }
    }

    /// Sends a close frame unless one was sent before, and ends the connection.
    ///
    /// CL-2, CL-5, CL-6: one close frame from each side. HY-8: the code is echoed.
    fn answer_close(&mut self, close: Close) {
        if !self.is_closing() {
            self.queue_close(close.code(), "");
        }
        self.finish(Closed::Clean(close));
    }

    /// Queues a close frame if the dialect has one (CL-1, CL-20).
    fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        match self.dialect {
            Some(Dialect::Hixie75) | None => {}
            Some(Dialect::Hixie76) => self.send_buffer.push(HIXIE_76_CLOSE),
            Some(Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455) => {
                let code = code.filter(|code| *code != NO_STATUS_RECEIVED);
                let payload = code.map(|code| [&code.to_be_bytes(), reason.as_bytes()].concat());
                self.queue_frame(Opcode::Close, true, &payload.unwrap_or_default());
            }
        }
    }

    /// CL-8, CL-10: ends the connection at the end of input. An incomplete message is not delivered
    /// as complete.
    fn finish_at_eof(&mut self) {
        let phase = match &self.state {
            State::Open { decoder, .. } if !decoder.at_boundary() => Phase::InMessage,
            State::Open { .. } if self.is_closing() => Phase::Closing,
            State::Open { .. } => Phase::Open,
            _ => Phase::Handshaking,
        };
        self.finish(Closed::Eof(phase));
    }

    /// Ends the connection with a protocol error, after an HTTP error or a close frame if one can
    /// be sent.
    fn fail(&mut self, error: ProtocolError) {
        match &self.state {
            State::Handshaking(handshake) if handshake.can_respond() => {
                if let Some(response) = handshake::error_response(&error, self.config.dialects) {
                    self.send_buffer.push_vec(response);
                }
            }
            State::Open { .. } if !self.is_closing() => {
                self.queue_close(Some(error.close_code()), "");
            }
            // PX-4: a response or a close frame was sent before.
            _ => {}
        }
        self.finish(Closed::Protocol(error));
    }

    /// Ends the connection; [`Event::Closed`] is returned next.
    fn finish(&mut self, reason: Closed) {
        self.timer = None;
        self.deferred_pong = None;
        self.state = State::Closed {
            reason,
            close_reported: false,
        };
    }

    /// Records that the peer has closed its sending side.
    ///
    /// [`receive`](Self::receive) reports it as [`Closed::Eof`] once all input is consumed and no
    /// request awaits an answer. Further calls have no effect (CL-11).
    pub fn receive_eof(&mut self) {
        self.eof = true;
    }

    /// Accepts the last [`Event::Request`] and queues the head of the response.
    ///
    /// With Hixie-76 the head is queued before the 8 bytes of the third key have arrived, since a
    /// proxy may withhold them until it has seen the head (H76-3). [`Event::Open`] follows once
    /// they have arrived; in the other dialects it is the next event.
    ///
    /// # Errors
    /// - [`Refused::NoRequest`] if no request awaits an answer, or if the request is plain HTTP.
    /// - [`Refused::ProtocolNotOffered`] if the client did not offer the subprotocol.
    /// - [`Refused::InvalidHeader`] if the authority or a header field is invalid, or if a field is
    ///   one that the crate writes itself.
    /// - [`Refused::BufferFull`] if the head would bring the pending output above
    ///   [`max_send_buffer`](Config::max_send_buffer) bytes.
    pub fn accept(&mut self, options: &AcceptOptions<'_>) -> Result<(), Refused> {
        let request = self.pending_request()?;
        let dialect = request.dialect().ok_or(Refused::NoRequest)?;
        let head = handshake::accept(&self.config, request, options)?;
        let key_parts = request.key_parts();
        self.check_capacity(head.len())?;
        self.send_buffer.push_vec(head);
        self.start_accepted(dialect, key_parts);
        Ok(())
    }

    /// Enters the state that follows the queued head of the response.
    fn start_accepted(&mut self, dialect: Dialect, key_parts: [u32; 2]) {
        self.dialect = Some(dialect);
        self.state = if dialect == Dialect::Hixie76 {
            let key3 = FixedBuf::default();
            State::Handshaking(HandshakeState::Key3 { key_parts, key3 })
        } else {
            State::open(dialect, self.role, false) // H75-5
        };
    }

    /// Answers the last [`Event::Request`] with an HTTP response instead of accepting it, and ends
    /// the connection with [`Closed::Rejected`].
    ///
    /// # Errors
    /// - [`Refused::NoRequest`] if no request awaits an answer.
    /// - [`Refused::InvalidStatus`] if the status is not in 200 to 599.
    /// - [`Refused::InvalidHeader`] if a header field is invalid, or one that the crate writes
    ///   itself.
    /// - [`Refused::BufferFull`] if the response would bring the pending output above
    ///   [`max_send_buffer`](Config::max_send_buffer) bytes.
    pub fn respond(&mut self, response: &Response<'_>) -> Result<(), Refused> {
        self.pending_request()?;
        let bytes = handshake::respond(response)?;
        self.check_capacity(bytes.len())?;
        self.send_buffer.push_vec(bytes);
        self.finish(Closed::Rejected(response.status()));
        Ok(())
    }

    fn pending_request(&self) -> Result<&Request, Refused> {
        match &self.state {
            State::Handshaking(HandshakeState::AwaitAnswer(request)) => Ok(request),
            _ => Err(Refused::NoRequest),
        }
    }

    /// Starts the closing handshake by queueing a close frame.
    ///
    /// Messages of the peer are still reported until its close frame arrives (CL-3). Then
    /// [`Event::Closed`] with [`Closed::Clean`] follows.
    ///
    /// In two cases the connection ends at once, with [`Closed::LocallyClosed`]:
    ///
    /// - In Hixie-75, which has no closing handshake (CL-20).
    /// - Before the opening handshake is complete. A server that has not started its response
    ///   queues one with status 503 (CL-13).
    ///
    /// Hixie-76 has no codes and reasons: those of `close` are not sent (CL-8). From HyBi-7 on,
    /// code 1005 is sent as a close frame without a code.
    ///
    /// # Errors
    /// - [`Refused::Closing`] if the connection has ended, or if `close` was called before.
    /// - [`Refused::InvalidClose`], from HyBi-7 on, if the code is not in 1000 to 1003, 1005, 1007
    ///   to 1014 or 3000 to 4999, if there is a reason without a code, or if the reason is longer
    ///   than 123 bytes.
    pub fn close(&mut self, close: &Close) -> Result<(), Refused> {
        match &mut self.state {
            State::Handshaking(handshake) => {
                if handshake.can_respond() {
                    // Cannot fail: the status is valid and there are no header fields.
                    let response = handshake::respond(&Response::new(503)).unwrap_or_default();
                    self.send_buffer.push_vec(response);
                }
                self.finish(Closed::LocallyClosed);
            }
            State::Closed { .. } => return Err(Refused::Closing),
            State::Open {
                send_state: SendState::Closed,
                ..
            } => return Err(Refused::Closing),
            State::Open { .. } if self.dialect == Some(Dialect::Hixie75) => {
                self.finish(Closed::LocallyClosed);
            }
            State::Open { send_state, .. } => {
                // CL-8: Hixie-76 sends neither code nor reason.
                if self.dialect != Some(Dialect::Hixie76) && !is_sendable(close) {
                    return Err(Refused::InvalidClose);
                }
                *send_state = SendState::Closed;
                self.queue_close(close.code(), close.reason());
            }
        }
        Ok(())
    }

    /// Returns all pending output, in order: the bytes to write to the socket next.
    #[must_use]
    #[inline]
    pub fn transmit(&self) -> &[u8] {
        self.send_buffer.pending()
    }

    /// Removes the first `n` bytes of [`transmit`](Self::transmit), which were written to the
    /// socket.
    ///
    /// # Panics
    /// Panics if `n` is greater than the number of pending bytes.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.send_buffer.advance(n);
        if self.deferred_pong.is_some() && self.send_buffer.len() <= self.config.high_water {
            self.queue_pong();
        }
    }

    /// Returns whether to read from the socket.
    ///
    /// False after the end of input, after the connection has ended, while a request awaits an
    /// answer, and while more than [`high_water`](Config::high_water) bytes are pending.
    #[must_use]
    #[inline]
    pub fn wants_read(&self) -> bool {
        let is_closed = matches!(self.state, State::Closed { .. });
        let is_awaiting_answer = self.pending_request().is_ok();
        !self.eof
            && !is_closed
            && !is_awaiting_answer
            && self.send_buffer.len() <= self.config.high_water
    }

    /// Returns whether any output is pending: whether [`transmit`](Self::transmit) is not empty.
    #[must_use]
    #[inline]
    pub fn wants_write(&self) -> bool {
        !self.send_buffer.is_empty()
    }

    /// Returns whether the connection has ended, [`Event::Closed`] was returned, and no output is
    /// pending: drop the socket.
    ///
    /// If a socket with unread input is dropped, the system may reset the connection, and the peer
    /// may lose the last bytes sent. To avoid that, shut down the writing side first, then read
    /// until the end of input, for a bounded time.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(
            self.state,
            State::Closed {
                close_reported: true,
                ..
            }
        ) && self.send_buffer.is_empty()
    }

    /// Returns why the connection has ended, or `None` if it has not.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.state {
            State::Closed { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Returns whether messages can be sent: from [`Event::Open`] until [`close`](Self::close) or
    /// [`Event::Closed`].
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(
            self.state,
            State::Open {
                send_state: SendState::Ready | SendState::InFragments(_),
                ..
            }
        )
    }

    fn is_closing(&self) -> bool {
        matches!(
            self.state,
            State::Open {
                send_state: SendState::Closed,
                ..
            }
        )
    }

    /// Returns which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns the dialect of the connection, or `None` if it is not known yet: on a server until
    /// [`accept`](Self::accept), on a client until [`Event::Open`].
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }
}

impl State {
    fn open(dialect: Dialect, role: Role, open_reported: bool) -> Self {
        State::Open {
            open_reported,
            decoder: Decoder::new(dialect, role),
            send_state: if open_reported {
                SendState::Ready
            } else {
                SendState::NotOpen
            },
        }
    }
}

/// Returns whether HyBi-7 and later can send this code and reason (HY-8).
fn is_sendable(close: &Close) -> bool {
    match close.code() {
        None | Some(NO_STATUS_RECEIVED) => close.reason().is_empty(),
        Some(code) => opcode::is_close_code(code) && close.reason().len() + 2 <= MAX_CONTROL_LEN,
    }
}
