//! The state machine: the one file that holds transitions.

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

/// One end of a WebSocket connection, as a machine of bytes in and events and bytes out.
///
/// Four sentences hold of it. `None` from [`receive`](Self::receive) means that the input is
/// empty, or a request waits for its answer, or it is over. Any split of the same bytes gives the
/// same events (pieces joined) and the same output. [`Event::Closed`] comes once and last. No
/// input panics.
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
    /// The caller has said that no more input comes.
    eof: bool,
    send_buffer: SendBuffer,
    /// The latest ping, to be answered once what is pending has gone out.
    deferred_pong: Option<DeferredPong>,
    /// Where a client's masks come from, from HyBi-7 on.
    entropy: Option<Box<Entropy>>,
    timer: Option<Timer>,
}

#[derive(Debug)]
enum State {
    Handshaking(HandshakeState),
    /// The handshake is through; whether the application has been told.
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

/// What this side may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendState {
    /// Nothing: the application has not been told that it is open.
    NotOpen,
    Ready,
    /// The rest of a message of this kind, which it sends in parts.
    InFragments(Opcode),
    /// Nothing: it has sent its close frame.
    Closed,
}

impl Connection {
    /// A server's side of a TCP connection just accepted.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        let preface = HandshakeState::Sniff(Sniffer::default(), Limits::of(config));
        Self::new(config, Role::Server, State::Handshaking(preface))
    }

    /// A client's side of a TCP connection just opened; [`transmit`](Self::transmit) holds the
    /// request. The keys are made from `entropy`, 32 bytes that nobody else can know.
    #[must_use]
    pub fn client(config: &Config, target: &ClientRequest, entropy: [u8; 32]) -> Self {
        let mut entropy = Entropy::new(entropy);
        let (request, proof) = target.request(&mut entropy);
        entropy.rekey();
        let reply = HandshakeState::ReplyHead(Box::new(PendingReply {
            head: Head::response(Limits::of(config)),
            request: target.clone(),
            proof,
        }));
        let mut conn = Self::new(config, Role::Client, State::Handshaking(reply));
        conn.send_buffer.push_vec(request);
        conn.entropy = (!target.dialect().is_hixie()).then(|| Box::new(entropy));
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

    /// A server's side of a request that an HTTP library has read, and the head of the reply for
    /// that library to write. What it read behind the request's head is to be given to
    /// [`receive`](Self::receive): with Hixie-76 the 8 key bytes come first of it.
    ///
    /// # Errors
    /// [`Refused::NoRequest`] for plain HTTP, [`Refused::Unsupported`] for a dialect that is not
    /// among [`dialects`](Config::dialects), and those of [`accept`](Self::accept).
    ///
    /// ```
    /// # use hybi::{AcceptOptions, Config, Connection, Event, Refused, Request};
    /// # fn upgrade(request: Request) -> Result<(), Refused> {
    /// let (mut conn, reply) = Connection::upgrade(&Config::new(), &request, &AcceptOptions::new())?;
    /// for (name, value) in reply.headers() {
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
        accept: &AcceptOptions<'_>,
    ) -> Result<(Self, UpgradeResponse), Refused> {
        let dialect = request.dialect().ok_or(Refused::NoRequest)?;
        if !config.dialects.contains(dialect) {
            return Err(Refused::Unsupported(dialect));
        }
        let head = handshake::accept(config, request, accept)?;
        let state = State::Handshaking(HandshakeState::AwaitAnswer(request.clone()));
        let mut conn = Self::new(config, Role::Server, state);
        conn.start_accepted(dialect, request.key_parts());
        Ok((conn, UpgradeResponse::new(head)))
    }

    /// Either side of a handshake made elsewhere. It is open at once, without an [`Event::Open`].
    /// From HyBi-7 on a client draws its masks from `entropy`, 32 bytes that nobody else can know.
    #[must_use]
    pub fn established(config: &Config, role: Role, dialect: Dialect, entropy: [u8; 32]) -> Self {
        let mut conn = Self::new(config, role, State::open(dialect, role, true));
        conn.dialect = Some(dialect);
        let masks = role == Role::Client && !dialect.is_hixie();
        conn.entropy = masks.then(|| Box::new(Entropy::new(entropy)));
        conn
    }

    /// Takes bytes off the front of `input` and returns what they meant; `None` once it needs
    /// more, or an answer, or it is over. Call it until it says `None`, also with an empty input,
    /// since [`receive_eof`](Self::receive_eof) and [`tick`](Self::tick) speak through it.
    ///
    /// Every byte taken is done with; what is not taken is still the caller's. An event borrows
    /// from the input and not from the connection, which may be called while the event is held.
    #[inline]
    pub fn receive<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Event<'i>> {
        if let State::Open {
            open_reported: true,
            decoder: scanner,
            ..
        } = &mut self.state
        {
            match scanner.decode_fast(&self.config, input) {
                FastPath::Miss => {}
                FastPath::NeedMore if self.eof => {}
                FastPath::NeedMore => return None,
                FastPath::Text {
                    text,
                    is_final: last,
                } => return Some(Event::Text(TextChunk::run(text, last))),
                FastPath::Lossy {
                    text,
                    is_final: last,
                } => {
                    return Some(Event::Text(TextChunk::mended(text, last)));
                }
                FastPath::Binary {
                    bytes,
                    is_final: last,
                } => {
                    return Some(Event::Binary(BinaryChunk {
                        bytes,
                        is_final: last,
                    }));
                }
            }
        }
        // Moved, not passed on: what comes from above then never lies in memory, where it would be
        // read in other widths than it was written, which processors wait for.
        let event = self.receive_slow(input)?;
        Some(event)
    }

    /// Takes all of `input` if it is a bit of an opening's head, and nothing comes of it; whether it
    /// was.
    // Asked for out of reach of `receive`, which callers inline: what is open would pay for it there.
    #[inline(never)]
    fn buffer_fragment(&mut self, input: &mut &mut [u8]) -> bool {
        match &mut self.state {
            State::Handshaking(step) if !self.eof => step.buffer_fragment(input),
            _ => false,
        }
    }

    fn receive_slow<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Event<'i>> {
        if self.buffer_fragment(input) {
            return None;
        }
        loop {
            match &mut self.state {
                State::Handshaking(step) => {
                    if matches!(step, HandshakeState::AwaitAnswer(_)) {
                        return None;
                    }
                    match step.read(&self.config, input) {
                        Outcome::NeedMore if self.eof && input.is_empty() => {
                            self.finish(Closed::Eof(Phase::Handshaking)); // H76-19
                        }
                        Outcome::NeedMore => return None,
                        Outcome::Continue => {}
                        Outcome::Request(request) => match request.check_enabled(&self.config) {
                            Ok(()) => {
                                *step = HandshakeState::AwaitAnswer(request.clone());
                                return Some(Event::Request(request));
                            }
                            Err(error) => self.fail(error),
                        },
                        Outcome::Key3(answer) => {
                            self.send_buffer.push(&answer); // H76-4: before Open
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
                    open_reported: told,
                    decoder: scanner,
                    send_state: sending,
                } => {
                    let dialect = self.dialect?;
                    if !*told {
                        *told = true;
                        if *sending == SendState::NotOpen {
                            *sending = SendState::Ready;
                        }
                        self.timer = None;
                        let reply = None;
                        return Some(Event::Open(Handshake { dialect, reply }));
                    }
                    let piece = match scanner.decode(&self.config, input) {
                        Some(Ok(piece)) => piece,
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
                    match piece {
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
                    close_reported: told,
                    reason: why,
                } => {
                    *told = true;
                    return Some(Event::Closed(why.clone()));
                }
            }
        }
    }

    /// CL-2, CL-5, CL-6: one close frame from each side, never a second. HY-8: the code comes back.
    fn answer_close(&mut self, close: Close) {
        if !self.is_closing() {
            self.queue_close(close.code(), "");
        }
        self.finish(Closed::Clean(close));
    }

    /// Queues a close frame, where the dialect has one (CL-1, CL-20).
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

    /// CL-8, CL-10: a frame that was not whole is never delivered as if it were.
    fn finish_at_eof(&mut self) {
        let phase = match &self.state {
            State::Open {
                decoder: scanner, ..
            } if !scanner.at_boundary() => Phase::InMessage,
            State::Open { .. } if self.is_closing() => Phase::Closing,
            State::Open { .. } => Phase::Open,
            _ => Phase::Handshaking,
        };
        self.finish(Closed::Eof(phase));
    }

    /// The peer broke the protocol; it is told so in the way that is still open.
    fn fail(&mut self, error: ProtocolError) {
        match &self.state {
            State::Handshaking(step) if step.can_respond() => {
                if let Some(response) = handshake::error_response(&error, self.config.dialects) {
                    self.send_buffer.push_vec(response);
                }
            }
            State::Open { .. } if !self.is_closing() => {
                self.queue_close(Some(error.close_code()), "");
            }
            // PX-4: a reply or a close frame has gone out before.
            _ => {}
        }
        self.finish(Closed::Protocol(error));
    }

    fn finish(&mut self, why: Closed) {
        self.timer = None;
        self.deferred_pong = None;
        self.state = State::Closed {
            reason: why,
            close_reported: false,
        };
    }

    /// The peer's end of file, which [`receive`](Self::receive) tells of once all input is taken
    /// and no request waits. Calling it again does no harm (CL-11).
    pub fn receive_eof(&mut self) {
        self.eof = true;
    }

    /// Opens the connection as the last [`Event::Request`] asked. The head of the reply is queued
    /// at once: with Hixie-76 a proxy may hold the 8 key bytes back until it has seen that
    /// (H76-3), and [`Event::Open`] follows when they have come.
    ///
    /// # Errors
    /// [`Refused::NoRequest`] when none waits, or it is for a plain page; [`Refused::ProtocolNotOffered`]
    /// for a subprotocol that the client did not offer; [`Refused::InvalidHeader`] for a field that
    /// would break the head, or that the crate writes itself; [`Refused::BufferFull`] for a head larger
    /// than [`max_send_buffer`](Config::max_send_buffer).
    pub fn accept(&mut self, answer: &AcceptOptions<'_>) -> Result<(), Refused> {
        let request = self.pending_request()?;
        let dialect = request.dialect().ok_or(Refused::NoRequest)?;
        let head = handshake::accept(&self.config, request, answer)?;
        let parts = request.key_parts();
        self.check_capacity(head.len())?;
        self.send_buffer.push_vec(head);
        self.start_accepted(dialect, parts);
        Ok(())
    }

    fn start_accepted(&mut self, dialect: Dialect, parts: [u32; 2]) {
        self.dialect = Some(dialect);
        self.state = if dialect == Dialect::Hixie76 {
            let key3 = FixedBuf::default();
            State::Handshaking(HandshakeState::Key3 {
                key_parts: parts,
                key3,
            })
        } else {
            State::open(dialect, self.role, false) // H75-5
        };
    }

    /// Answers the last [`Event::Request`] with any other status, fields and body, and closes.
    ///
    /// # Errors
    /// [`Refused::NoRequest`] when none waits; [`Refused::InvalidStatus`] outside 200 to 599;
    /// [`Refused::InvalidHeader`] as in [`accept`](Self::accept); [`Refused::BufferFull`] for a response
    /// larger than [`max_send_buffer`](Config::max_send_buffer).
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

    /// Starts the closing handshake; messages still come until the peer answers (CL-3). Hixie-75
    /// has none: what is pending is flushed, and it is over (CL-20). Before the opening handshake
    /// is through it ends the connection; a server that has not begun its reply queues a 503
    /// (CL-13).
    ///
    /// # Errors
    /// [`Refused::Closing`] when it has been called before, or it is over; from HyBi-7 on
    /// [`Refused::InvalidClose`] for a code that can't be sent (other than 1000 to 1003, 1007 to 1014
    /// and 3000 to 4999), a reason without a code, or one of more than 123 bytes.
    pub fn close(&mut self, close: &Close) -> Result<(), Refused> {
        match &mut self.state {
            State::Handshaking(step) => {
                if step.can_respond() {
                    // A constant status and no fields: nothing to refuse.
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
            State::Open {
                send_state: sending,
                ..
            } => {
                // CL-8: Hixie-76 has no place for what it says.
                if self.dialect != Some(Dialect::Hixie76) && !is_sendable(close) {
                    return Err(Refused::InvalidClose);
                }
                *sending = SendState::Closed;
                self.queue_close(close.code(), close.reason());
            }
        }
        Ok(())
    }

    /// Bytes for the socket, all of them, in order.
    #[must_use]
    #[inline]
    pub fn transmit(&self) -> &[u8] {
        self.send_buffer.pending()
    }

    /// The socket took the first `n` bytes of [`transmit`](Self::transmit).
    ///
    /// # Panics
    /// When `n` is more than there are.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.send_buffer.advance(n);
        if self.deferred_pong.is_some() && self.send_buffer.len() <= self.config.high_water {
            self.queue_pong();
        }
    }

    /// Whether input is of use now: not after its end, not when it is over, not while a request
    /// waits for its answer, and not while more than [`high_water`](Config::high_water) bytes are
    /// pending.
    #[must_use]
    #[inline]
    pub fn wants_read(&self) -> bool {
        let over = matches!(self.state, State::Closed { .. });
        let waiting = self.pending_request().is_ok();
        !self.eof && !over && !waiting && self.send_buffer.len() <= self.config.high_water
    }

    /// Whether [`transmit`](Self::transmit) holds anything.
    #[must_use]
    #[inline]
    pub fn wants_write(&self) -> bool {
        !self.send_buffer.is_empty()
    }

    /// Whether it is over, [`Event::Closed`] was taken and all is flushed: drop the socket.
    ///
    /// Dropping a socket with unread input can make the system reset the connection, and the
    /// peer lose our last bytes. An adapter that minds shuts down its writing side first, and
    /// reads, for a bounded time, to the end.
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

    /// Why it is over, once it is.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.state {
            State::Closed { reason: why, .. } => Some(why),
            _ => None,
        }
    }

    /// Whether a message can be sent: from [`Event::Open`] on, and until [`close`](Self::close) or
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

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The dialect spoken, once it is known: a server's from [`accept`](Self::accept) on, a
    /// client's from [`Event::Open`].
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }
}

impl State {
    fn open(dialect: Dialect, role: Role, told: bool) -> Self {
        State::Open {
            open_reported: told,
            decoder: Decoder::new(dialect, role),
            send_state: if told {
                SendState::Ready
            } else {
                SendState::NotOpen
            },
        }
    }
}

/// Whether HyBi-7 and later can say it (HY-8).
fn is_sendable(close: &Close) -> bool {
    match close.code() {
        None | Some(NO_STATUS_RECEIVED) => close.reason().is_empty(),
        Some(code) => opcode::is_close_code(code) && close.reason().len() + 2 <= MAX_CONTROL_LEN,
    }
}
