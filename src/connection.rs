//! The state machine: the one file that holds transitions.

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use crate::challenge;
use crate::config::{Config, Dialect, Role};
use crate::encode::{self, Encoded};
use crate::entropy::Entropy;
use crate::error::{ProtocolError, Refused};
use crate::event::{Close, Closed, Event, Open, Phase};
use crate::handshake::{self, Accept, Reply, Request, Response, Target, Upgrade};
use crate::head::{Head, Limits, Progress};
use crate::outbox::Outbox;
use crate::preface::{Found, Preface};
use crate::scan::{Piece, Scanner, take};

/// One end of a WebSocket connection, as a machine of bytes in and events and bytes out.
///
/// Four sentences hold of it. `None` from [`receive`](Self::receive) means that the input is
/// empty, or a request waits for its answer, or it is over. Any split of the same bytes gives the
/// same events (pieces joined) and the same output. [`Event::Closed`] comes once and last. No
/// input panics.
///
/// ```
/// use hybi::{Accept, Config, Connection, Event};
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
///         Event::Request(_) => conn.accept(&Accept::new())?,
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
    outbox: Outbox,
    timer: Option<Timer>,
}

#[derive(Debug)]
enum State {
    Opening(Box<Opening>),
    /// The handshake is through; whether the application has been told.
    Open {
        told: bool,
        scanner: Scanner,
        /// This side has sent its close frame.
        closing: bool,
    },
    Over {
        why: Closed,
        told: bool,
    },
}

/// The opening handshake, step by step.
#[derive(Debug)]
enum Opening {
    /// Server: the first bytes, which need not be HTTP.
    Preface(Preface, Limits),
    /// Server: the head.
    Request(Head),
    /// Server: the application is to answer.
    Waiting(Request),
    /// Server: the reply's head is queued, and the 8 bytes behind the request are awaited.
    Key3 { parts: [u32; 2], key3: Gather<8> },
    /// Client: the head of the reply.
    Reply {
        head: Head,
        target: Target,
        answer: Option<[u8; 16]>,
    },
    /// Client: the 16 bytes behind it.
    Answer {
        reply: Reply,
        expected: [u8; 16],
        answer: Gather<16>,
    },
}

/// A moment by which a phase has to be over.
#[derive(Clone, Copy, Debug)]
struct Timer {
    phase: Timed,
    until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timed {
    Opening,
    Closing,
    /// It is over, and the peer has not taken the last bytes.
    Flushing,
}

/// What a caller may wait while an event is ready: the least that every kind of socket takes for
/// a timeout.
const AT_ONCE: Duration = Duration::from_millis(1);

impl Connection {
    /// A server's side of a TCP connection just accepted.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        let preface = Opening::Preface(Preface::default(), Limits::of(config));
        Self::opening(config, Role::Server, preface)
    }

    /// A client's side of a TCP connection just opened; [`transmit`](Self::transmit) holds the
    /// request. The keys are made from `entropy`, 32 bytes that nobody else can know.
    #[must_use]
    pub fn client(config: &Config, target: &Target, entropy: [u8; 32]) -> Self {
        let (request, answer) = target.request(&mut Entropy::new(entropy));
        let reply = Opening::Reply {
            head: Head::response(Limits::of(config)),
            target: target.clone(),
            answer,
        };
        let mut conn = Self::opening(config, Role::Client, reply);
        conn.outbox.push(&request);
        conn
    }

    fn opening(config: &Config, role: Role, step: Opening) -> Self {
        Self {
            config: *config,
            role,
            dialect: None,
            state: State::Opening(Box::new(step)),
            eof: false,
            outbox: Outbox::default(),
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
    /// # use hybi::{Accept, Config, Connection, Event, Refused, Request};
    /// # fn upgrade(request: Request) -> Result<(), Refused> {
    /// let (mut conn, reply) = Connection::upgrade(&Config::new(), &request, &Accept::new())?;
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
        accept: &Accept<'_>,
    ) -> Result<(Self, Upgrade), Refused> {
        let dialect = request.dialect().ok_or(Refused::NoRequest)?;
        if !config.dialects.contains(dialect) {
            return Err(Refused::Unsupported(dialect));
        }
        let head = handshake::accept(config, request, accept)?;
        let waiting = Opening::Waiting(request.clone());
        let mut conn = Self::opening(config, Role::Server, waiting);
        conn.accepted(request, dialect);
        Ok((conn, Upgrade::new(head)))
    }

    /// Either side of a handshake made elsewhere. It is open at once, without an [`Event::Open`].
    /// `entropy` is for what a client of later dialects has to draw by chance.
    #[must_use]
    pub fn established(config: &Config, role: Role, dialect: Dialect, entropy: [u8; 32]) -> Self {
        let _ = entropy;
        Self {
            config: *config,
            role,
            dialect: Some(dialect),
            state: State::open(true),
            eof: false,
            outbox: Outbox::default(),
            timer: None,
        }
    }

    /// Takes bytes off the front of `input` and returns what they meant; `None` once it needs
    /// more, or an answer, or it is over. Call it until it says `None`, also with an empty input,
    /// since [`receive_eof`](Self::receive_eof) and [`tick`](Self::tick) speak through it.
    ///
    /// Every byte taken is done with; what is not taken is still the caller's. An event borrows
    /// from the input and not from the connection, which may be called while the event is held.
    pub fn receive<'i>(&mut self, input: &mut &'i mut [u8]) -> Option<Event<'i>> {
        loop {
            match &mut self.state {
                State::Opening(step) => {
                    let taken = match &mut **step {
                        Opening::Waiting(_) => return None,
                        step => step.read(&self.config, input),
                    };
                    match taken {
                        Step::More if self.eof && input.is_empty() => {
                            self.finish(Closed::Eof(Phase::Opening)); // H76-19
                        }
                        Step::More => return None,
                        Step::Again => {}
                        Step::Request(request) => match request.admit(&self.config) {
                            Ok(()) => {
                                let waiting = Opening::Waiting(request.clone());
                                self.state = State::Opening(Box::new(waiting));
                                return Some(Event::Request(request));
                            }
                            Err(error) => self.fail(error),
                        },
                        Step::Answer(answer) => {
                            self.outbox.push(&answer); // H76-4: before Open
                            self.state = State::open(false);
                        }
                        Step::Open(reply) => {
                            let dialect = reply.dialect();
                            self.dialect = Some(dialect);
                            self.state = State::open(true);
                            self.timer = None;
                            let reply = Some(reply);
                            return Some(Event::Open(Open { dialect, reply }));
                        }
                        Step::Policy(policy) => {
                            self.outbox.push(policy.as_bytes());
                            self.outbox.push(&[0]);
                            self.finish(Closed::PolicyFile);
                        }
                        Step::Rejected(status) => self.finish(Closed::Rejected(status)),
                        Step::Failed(error) => self.fail(error),
                    }
                }
                State::Open { told, scanner, .. } => {
                    let dialect = self.dialect?;
                    if !*told {
                        *told = true;
                        self.timer = None;
                        let reply = None;
                        return Some(Event::Open(Open { dialect, reply }));
                    }
                    match scanner.next(&self.config, dialect, input) {
                        Some(Ok(Piece::Text(text))) => return Some(Event::Text(text)),
                        Some(Ok(Piece::Discarded(frame))) => return Some(Event::Discarded(frame)),
                        Some(Ok(Piece::Close)) => self.answer_close(dialect),
                        Some(Err(error)) => self.fail(error),
                        None if self.eof => self.ended(),
                        None => return None,
                    }
                }
                State::Over { told: true, .. } => return None,
                State::Over { told, why } => {
                    *told = true;
                    return Some(Event::Closed(why.clone()));
                }
            }
        }
    }

    /// CL-2, CL-5, CL-6: one close frame from each side, never a second.
    fn answer_close(&mut self, dialect: Dialect) {
        if !self.is_closing() {
            self.outbox.push(encode::close(dialect).unwrap_or_default());
        }
        self.finish(Closed::Clean(Close::new()));
    }

    /// CL-8, CL-10: a frame that was not whole is never delivered as if it were.
    fn ended(&mut self) {
        let phase = match &self.state {
            State::Open { scanner, .. } if !scanner.is_between_frames() => Phase::Frame,
            State::Open { closing: true, .. } => Phase::Closing,
            State::Open { .. } => Phase::Open,
            _ => Phase::Opening,
        };
        self.finish(Closed::Eof(phase));
    }

    /// The peer broke the protocol; it is told so in the way that is still open.
    fn fail(&mut self, error: ProtocolError) {
        match &self.state {
            State::Opening(step) if step.may_answer() => {
                if let Some((_, response)) = handshake::refusal(&error) {
                    self.outbox.push(&response);
                }
            }
            State::Open { closing: false, .. } => {
                let close = self.dialect.and_then(encode::close);
                self.outbox.push(close.unwrap_or_default());
            }
            // PX-4: a reply or a close frame has gone out before.
            _ => {}
        }
        self.finish(Closed::Protocol(error));
    }

    fn finish(&mut self, why: Closed) {
        self.timer = None;
        self.state = State::Over { why, told: false };
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
    /// [`Refused::NoRequest`] when none waits, or it is for a plain page; [`Refused::NotOffered`]
    /// for a subprotocol that the client did not offer; [`Refused::BadHeader`] for a field that
    /// would break the head, or that the crate writes itself; [`Refused::Full`] for a head larger
    /// than [`max_pending`](Config::max_pending).
    pub fn accept(&mut self, answer: &Accept<'_>) -> Result<(), Refused> {
        let request = self.waiting()?.clone();
        let dialect = request.dialect().ok_or(Refused::NoRequest)?;
        let head = handshake::accept(&self.config, &request, answer)?;
        self.check_room(head.len())?;
        self.outbox.push(head.as_bytes());
        self.accepted(&request, dialect);
        Ok(())
    }

    fn accepted(&mut self, request: &Request, dialect: Dialect) {
        self.dialect = Some(dialect);
        self.state = match dialect {
            Dialect::Hixie75 => State::open(false), // H75-5
            Dialect::Hixie76 => State::Opening(Box::new(Opening::Key3 {
                parts: request.parts(),
                key3: Gather::default(),
            })),
        };
    }

    /// Answers the last [`Event::Request`] with any other status, fields and body, and closes.
    ///
    /// # Errors
    /// [`Refused::NoRequest`] when none waits; [`Refused::BadStatus`] outside 200 to 599;
    /// [`Refused::BadHeader`] as in [`accept`](Self::accept); [`Refused::Full`] for a response
    /// larger than [`max_pending`](Config::max_pending).
    pub fn respond(&mut self, response: &Response<'_>) -> Result<(), Refused> {
        self.waiting()?;
        let bytes = handshake::respond(response)?;
        self.check_room(bytes.len())?;
        self.outbox.push(&bytes);
        self.finish(Closed::Rejected(response.status()));
        Ok(())
    }

    fn waiting(&self) -> Result<&Request, Refused> {
        if let State::Opening(step) = &self.state {
            if let Opening::Waiting(request) = &**step {
                return Ok(request);
            }
        }
        Err(Refused::NoRequest)
    }

    /// Queues a whole text message.
    ///
    /// # Errors
    /// [`Refused::NotOpen`] before [`Event::Open`], [`Refused::Closing`] after
    /// [`close`](Self::close) or [`Event::Closed`], [`Refused::Full`] when it would bring the
    /// pending output over [`max_pending`](Config::max_pending).
    pub fn send_text(&mut self, text: &str) -> Result<(), Refused> {
        let (head, tail) = encode::text(self.sending()?);
        let length = head.len() + text.len() + tail.len();
        self.check_room(length)?;
        self.outbox.reserve(length);
        for part in [head, text.as_bytes(), tail] {
            self.outbox.push_message(part);
        }
        Ok(())
    }

    /// Queues a message that was encoded before, so that what goes to many is encoded once.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] when the connection speaks another dialect than the message,
    /// otherwise as [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Encoded, Role};
    /// # let peer = || {
    /// #     Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32])
    /// # };
    /// # let mut peers = [peer(), peer()];
    /// let news = Encoded::text(Dialect::Hixie76, "to all of you");
    /// for conn in &mut peers {
    ///     conn.send_encoded(&news)?;
    /// }
    /// # assert_eq!(peers[1].transmit(), b"\x00to all of you\xff");
    /// # Ok::<(), hybi::Refused>(())
    /// ```
    pub fn send_encoded(&mut self, message: &Encoded) -> Result<(), Refused> {
        let dialect = self.sending()?;
        if dialect != message.dialect() {
            return Err(Refused::Unsupported(message.dialect()));
        }
        self.check_room(message.bytes().len())?;
        self.outbox.push_message(message.bytes());
        Ok(())
    }

    /// Queues a whole binary message, where the dialect has them: neither Hixie-75 nor Hixie-76
    /// has.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] where it has not, otherwise as [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let _ = bytes;
        Err(Refused::Unsupported(self.sending()?)) // FR-12
    }

    /// Starts the closing handshake; messages still come until the peer answers (CL-3). Hixie-75
    /// has none: what is pending is flushed, and it is over (CL-20). Before the opening handshake
    /// is through it ends the connection; a server that has not begun its reply queues a 503
    /// (CL-13).
    ///
    /// # Errors
    /// [`Refused::Closing`] when it has been called before, or it is over.
    pub fn close(&mut self, close: &Close) -> Result<(), Refused> {
        let _ = close; // CL-8: these dialects have no place for it.
        match &mut self.state {
            State::Opening(step) => {
                if step.may_answer() {
                    // A constant status and no fields: nothing to refuse.
                    let response = handshake::respond(&Response::new(503)).unwrap_or_default();
                    self.outbox.push(&response);
                }
                self.finish(Closed::Local);
            }
            State::Open { closing: true, .. } | State::Over { .. } => {
                return Err(Refused::Closing);
            }
            State::Open { closing, .. } => match self.dialect.and_then(encode::close) {
                Some(frame) => {
                    *closing = true;
                    self.outbox.push(frame);
                }
                None => self.finish(Closed::Local),
            },
        }
        Ok(())
    }

    /// Bytes for the socket, all of them, in order.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.outbox.pending()
    }

    /// The socket took the first `n` bytes of [`transmit`](Self::transmit).
    ///
    /// # Panics
    /// When `n` is more than there are.
    pub fn advance(&mut self, n: usize) {
        self.outbox.advance(n);
    }

    /// A text message to write without copying it first: hand [`Frame::slices`] to a vectored
    /// write, and say with [`Frame::wrote`] how much of it was taken; the rest is queued.
    ///
    /// # Errors
    /// [`Refused::Full`] while bytes are pending, or when the message is larger than
    /// [`max_pending`](Config::max_pending); otherwise as [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Role};
    /// # use std::io::{IoSlice, Write};
    /// # let mut socket = Vec::new();
    /// # let config = Config::new();
    /// # let mut conn = Connection::established(&config, Role::Server, Dialect::Hixie76, [0; 32]);
    /// let frame = conn.frame_text("a large one")?;
    /// let n = socket.write_vectored(&frame.slices().map(IoSlice::new))?;
    /// frame.wrote(n);
    /// # assert_eq!(socket, b"\x00a large one\xff");
    /// # assert!(!conn.wants_write());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn frame_text<'c, 'p>(&'c mut self, text: &'p str) -> Result<Frame<'c, 'p>, Refused> {
        let (head, tail) = encode::text(self.sending()?);
        let limit = self.config.max_pending;
        if self.wants_write() {
            return Err(Refused::Full { limit });
        }
        self.check_room(head.len() + text.len() + tail.len())?;
        Ok(Frame {
            outbox: &mut self.outbox,
            head,
            payload: text.as_bytes(),
            tail,
            written: 0,
        })
    }

    /// The dialect to send a message in.
    fn sending(&self) -> Result<Dialect, Refused> {
        match &self.state {
            State::Opening(_) => Err(Refused::NotOpen),
            State::Open { closing: true, .. } | State::Over { .. } => Err(Refused::Closing),
            State::Open { .. } => self.dialect.ok_or(Refused::NotOpen),
        }
    }

    fn check_room(&self, more: usize) -> Result<(), Refused> {
        let limit = self.config.max_pending;
        if self.outbox.fits(more, limit) {
            Ok(())
        } else {
            Err(Refused::Full { limit })
        }
    }

    /// Moves the clock to `now`, counted from any moment the caller likes; returns how long it may
    /// wait before the next call, never zero, `None` for as long as it likes.
    ///
    /// Each timeout begins with the first call in its phase: the opening handshake
    /// ([`handshake_timeout`](Config::handshake_timeout)), the peer's answer to a close, and the
    /// peer's taking of the last bytes once it is over
    /// ([`close_timeout`](Config::close_timeout)); bytes not taken by then are dropped, so that
    /// [`is_done`](Self::is_done) comes true. A caller that never calls it has no timeouts.
    pub fn tick(&mut self, now: Duration) -> Option<Duration> {
        let Some((phase, timeout)) = self.timed() else {
            self.timer = None;
            return self.has_news().then_some(AT_ONCE);
        };
        let timer = match self.timer {
            Some(timer) if timer.phase == phase => timer,
            _ => Timer {
                phase,
                until: now.saturating_add(timeout),
            },
        };
        self.timer = Some(timer);
        match timer.until.checked_sub(now) {
            Some(left) if !left.is_zero() => {
                let news = self.has_news().then_some(AT_ONCE);
                Some(news.map_or(left, |soon| soon.min(left)))
            }
            _ => {
                self.expire(phase);
                self.tick(now)
            }
        }
    }

    fn timed(&self) -> Option<(Timed, Duration)> {
        match &self.state {
            State::Opening(_) => Some((Timed::Opening, self.config.handshake_timeout)),
            State::Open { closing: true, .. } => Some((Timed::Closing, self.config.close_timeout)),
            State::Open { .. } => None,
            State::Over { .. } if self.wants_write() => {
                Some((Timed::Flushing, self.config.close_timeout))
            }
            State::Over { .. } => None,
        }
    }

    fn expire(&mut self, phase: Timed) {
        match phase {
            Timed::Opening => self.finish(Closed::TimedOut(Phase::Opening)),
            Timed::Closing => self.finish(Closed::TimedOut(Phase::Closing)),
            Timed::Flushing => self.outbox.clear(),
        }
    }

    /// Whether `receive` has an event for an empty input.
    fn has_news(&self) -> bool {
        match &self.state {
            State::Opening(_) => self.eof && self.waiting().is_err(),
            State::Open { told, .. } => !told || self.eof,
            State::Over { told, .. } => !told,
        }
    }

    /// Whether input is of use now: not after its end, not when it is over, not while a request
    /// waits for its answer, and not while more than [`high_water`](Config::high_water) bytes are
    /// pending.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let over = matches!(self.state, State::Over { .. });
        let waiting = self.waiting().is_ok();
        !self.eof && !over && !waiting && self.outbox.len() <= self.config.high_water
    }

    /// Whether [`transmit`](Self::transmit) holds anything.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether it is over, [`Event::Closed`] was taken and all is flushed: drop the socket.
    ///
    /// Dropping a socket with unread input can make the system reset the connection, and the
    /// peer lose our last bytes. An adapter that minds shuts down its writing side first, and
    /// reads, for a bounded time, to the end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Over { told: true, .. }) && self.outbox.is_empty()
    }

    /// Why it is over, once it is.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.state {
            State::Over { why, .. } => Some(why),
            _ => None,
        }
    }

    fn is_closing(&self) -> bool {
        matches!(self.state, State::Open { closing: true, .. })
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The dialect spoken, once it is known: from `accept` on, or from [`Event::Open`].
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }
}

impl State {
    fn open(told: bool) -> Self {
        State::Open {
            told,
            scanner: Scanner::default(),
            closing: false,
        }
    }
}

/// What came of reading on in the opening handshake.
enum Step {
    More,
    Again,
    Request(Request),
    Answer([u8; 16]),
    Open(Reply),
    Policy(&'static str),
    Rejected(u16),
    Failed(ProtocolError),
}

impl Opening {
    /// Whether an HTTP response may be queued: a server's, before its reply has begun (PX-4).
    fn may_answer(&self) -> bool {
        matches!(
            self,
            Opening::Preface(..) | Opening::Request(_) | Opening::Waiting(_)
        )
    }

    /// Takes bytes off the front of `input`.
    fn read(&mut self, config: &Config, input: &mut &mut [u8]) -> Step {
        let before: &[u8] = input;
        let mut rest = before;
        let step = match self {
            Opening::Preface(preface, limits) => match preface.read(&mut rest) {
                Found::More => Step::More,
                Found::Other => {
                    *self = Opening::Request(Head::request(*limits));
                    Step::Again
                }
                Found::Tls => Step::Failed(ProtocolError::Tls),
                Found::Malformed { at } => Step::Failed(ProtocolError::StartLine { at }),
                Found::PolicyRequest => match config.policy_file {
                    Some(policy) => Step::Policy(policy.split('\0').next().unwrap_or_default()),
                    None => Step::Failed(ProtocolError::PolicyRequest),
                },
            },
            Opening::Request(head) => match head.read(&mut rest) {
                Ok(Progress::Complete) => {
                    let head = mem::replace(head, Head::request(Limits::NONE));
                    match Request::check(head) {
                        Ok(request) => Step::Request(request),
                        Err(error) => Step::Failed(error),
                    }
                }
                progress => head_step(progress, rest),
            },
            Opening::Waiting(_) => Step::More,
            Opening::Key3 { parts, key3 } => match key3.read(&mut rest) {
                Some(key3) => Step::Answer(challenge::answer(*parts, key3)),
                None => Step::More,
            },
            Opening::Reply {
                head,
                target,
                answer,
            } => match head.read(&mut rest) {
                Ok(Progress::StartLine) if head.status() != 101 => Step::Rejected(head.status()),
                Ok(Progress::Complete) => {
                    let head = mem::replace(head, Head::response(Limits::NONE));
                    match (handshake::check_reply(head, target), *answer) {
                        (Ok(reply), None) => Step::Open(reply),
                        (Ok(reply), Some(expected)) => {
                            *self = Opening::Answer {
                                reply,
                                expected,
                                answer: Gather::default(),
                            };
                            Step::Again
                        }
                        (Err(error), _) => Step::Failed(error),
                    }
                }
                progress => head_step(progress, rest),
            },
            Opening::Answer {
                reply,
                expected,
                answer,
            } => match answer.read(&mut rest) {
                // H76-39: all 16 before anything is said of them.
                Some(answer) if answer == *expected => Step::Open(reply.clone()),
                Some(answer) => {
                    let same = answer.iter().zip(&*expected).take_while(|(a, b)| a == b);
                    let at = same.count() as u32;
                    Step::Failed(ProtocolError::Challenge { at })
                }
                None => Step::More,
            },
        };
        let taken = before.len() - rest.len();
        take(input, taken);
        step
    }
}

fn head_step(progress: Result<Progress, ProtocolError>, rest: &[u8]) -> Step {
    match progress {
        Ok(_) if rest.is_empty() => Step::More,
        Ok(_) => Step::Again,
        Err(error) => Step::Failed(error),
    }
}

/// Bytes of a fixed count, however they are cut (H76-1).
#[derive(Clone, Copy)]
struct Gather<const N: usize> {
    bytes: [u8; N],
    count: usize,
}

impl<const N: usize> Gather<N> {
    fn read(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        while let Some(free) = self.bytes.get_mut(self.count) {
            let (byte, rest) = input.split_first()?;
            *free = *byte;
            *input = rest;
            self.count += 1;
        }
        Some(self.bytes)
    }
}

impl<const N: usize> Default for Gather<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            count: 0,
        }
    }
}

/// Never shows the bytes.
impl<const N: usize> core::fmt::Debug for Gather<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Gather({} of {N} bytes)", self.count)
    }
}

/// A message on its way out that is not copied; see
/// [`Connection::frame_text`]. Dropped, it queues whatever was not written.
#[must_use = "dropped, it queues the whole message"]
pub struct Frame<'c, 'p> {
    outbox: &'c mut Outbox,
    head: &'static [u8],
    payload: &'p [u8],
    tail: &'static [u8],
    written: usize,
}

impl Frame<'_, '_> {
    /// What to write, in this order.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 3] {
        [self.head, self.payload, self.tail]
    }

    /// The socket took the first `n` bytes of the slices.
    ///
    /// # Panics
    /// When `n` is more than there are.
    pub fn wrote(mut self, n: usize) {
        let length: usize = self.slices().map(<[u8]>::len).iter().sum();
        assert!(n <= length, "wrote({n}) of a frame of {length} bytes");
        self.written = n;
    }
}

impl Drop for Frame<'_, '_> {
    fn drop(&mut self) {
        let mut skip = self.written;
        let parts = [self.head, self.payload, self.tail];
        for part in parts {
            let here = skip.min(part.len());
            let rest = part.get(here..).unwrap_or_default();
            self.outbox.push_message(rest);
            skip -= here;
        }
    }
}

/// Never shows the payload.
impl core::fmt::Debug for Frame<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame")
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}
