//! Feeds bytes to a connection and records its events and output.

use std::time::Duration;

use hybi::{
    AcceptError, AcceptOptions, Close, Closed, Config, Connection, Dialect, Entropy, Event,
    Handshake, Input, Phase, ProxyTunnel, Request, SendError,
};

use crate::{ProtocolError, client_request, escaped};

/// An event, with the chunks of a message joined.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    Request(Option<Dialect>, String),
    Open(Dialect),
    /// A complete message.
    Text(String),
    /// The chunks of a message that did not end before `Closed`, if not empty.
    IncompleteText(String),
    IncompleteBinary(Vec<u8>),
    Skipped(u8, u64),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// `Closed::Protocol`.
    ProtocolError(ProtocolError),
    /// Any other `Closed`.
    Closed(Closed),
}

/// Checks the status and close code of an error.
impl From<Closed> for Observed {
    fn from(closed: Closed) -> Self {
        let Closed::Protocol(error) = closed else {
            return Self::Closed(closed);
        };
        let expected = ProtocolError::from(error);
        let codes = (error.status(), error.close_code());
        assert_eq!(
            codes,
            (expected.status(), expected.close_code()),
            "{error:?}"
        );
        Self::ProtocolError(expected)
    }
}

impl Observed {
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::ProtocolError(_))
    }
}

/// Input at time zero.
pub fn input(bytes: &mut [u8]) -> Input<'_> {
    Input::new(bytes, Duration::ZERO)
}

pub fn text(text: &str) -> Observed {
    Observed::Text(text.to_owned())
}

pub fn protocol_error(error: ProtocolError) -> Observed {
    Observed::ProtocolError(error)
}

pub fn clean_close(code: u16, reason: &str) -> Observed {
    Observed::Closed(Closed::Clean(Close::new(code, reason)))
}

/// A closing handshake without a code, as in Hixie-76.
pub fn clean_close_without_code() -> Observed {
    Observed::Closed(Closed::Clean(Close::EMPTY))
}

pub fn unexpected_eof(phase: Phase) -> Observed {
    Observed::Closed(Closed::Eof(phase))
}

pub fn binary(bytes: impl AsRef<[u8]>) -> Observed {
    Observed::Binary(bytes.as_ref().to_vec())
}

pub fn ping(bytes: impl AsRef<[u8]>) -> Observed {
    Observed::Ping(bytes.as_ref().to_vec())
}

pub fn pong(bytes: impl AsRef<[u8]>) -> Observed {
    Observed::Pong(bytes.as_ref().to_vec())
}

/// All events and output of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    pub events: Vec<Observed>,
    pub sent: Vec<u8>,
}

type RequestHandler<'a> = dyn FnMut(&mut Connection, &Request) + 'a;

/// Feeds a connection and records its transcript.
pub struct Driver<'a> {
    pub conn: Connection,
    pub transcript: Transcript,
    /// The time at which input is fed.
    pub now: Duration,
    text: String,
    binary: Vec<u8>,
    /// The peer's close frame, once it was reported.
    closing: Option<Close>,
    on_request: Box<RequestHandler<'a>>,
}

impl<'a> Driver<'a> {
    /// Accepts every request.
    pub fn new(conn: Connection) -> Self {
        Self::with_request_handler(conn, |conn, _| conn.accept(&AcceptOptions::new()).unwrap())
    }

    pub fn with_request_handler(
        conn: Connection,
        on_request: impl FnMut(&mut Connection, &Request) + 'a,
    ) -> Self {
        Self {
            conn,
            transcript: Transcript::default(),
            now: Duration::ZERO,
            closing: None,
            text: String::new(),
            binary: Vec::new(),
            on_request: Box::new(on_request),
        }
    }

    /// Feeds `bytes`, takes all output and returns the number of bytes left.
    ///
    /// Checks that `Closing` is reported once, while messages can be sent, and before `Closed` with
    /// the same code and reason.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes, self.now);
        while let Some(event) = self.conn.receive(&mut input) {
            let observed = match event {
                Event::Request(request) => {
                    (self.on_request)(&mut self.conn, &request);
                    Observed::Request(request.dialect(), request.resource().to_owned())
                }
                Event::Open(handshake) => Observed::Open(handshake.dialect()),
                Event::Text(chunk) => {
                    self.text.push_str(chunk.as_str());
                    if !chunk.is_final() {
                        continue;
                    }
                    Observed::Text(std::mem::take(&mut self.text))
                }
                Event::Skipped(frame) => Observed::Skipped(frame.frame_type(), frame.payload_len()),
                Event::Binary(chunk) => {
                    self.binary.extend_from_slice(chunk.as_bytes());
                    if !chunk.is_final() {
                        continue;
                    }
                    Observed::Binary(std::mem::take(&mut self.binary))
                }
                Event::Ping(payload) => Observed::Ping(payload.as_bytes().to_vec()),
                Event::Pong(payload) => Observed::Pong(payload.as_bytes().to_vec()),
                Event::Closing(close) => {
                    assert_eq!(self.closing.replace(close), None);
                    assert!(self.conn.is_open() && !self.conn.wants_read());
                    continue;
                }
                Event::Closed(closed) => {
                    if let (Some(close), Closed::Clean(clean)) = (&self.closing, &closed) {
                        assert_eq!(close, clean);
                    }
                    if !self.text.is_empty() {
                        let text = std::mem::take(&mut self.text);
                        self.transcript.events.push(Observed::IncompleteText(text));
                    }
                    if !self.binary.is_empty() {
                        let binary = std::mem::take(&mut self.binary);
                        self.transcript
                            .events
                            .push(Observed::IncompleteBinary(binary));
                    }
                    Observed::from(closed)
                }
                other => panic!("unexpected event: {other:?}"),
            };
            self.transcript.events.push(observed);
        }
        let remaining = input.remaining().len();
        self.drain();
        remaining
    }

    /// Lets time pass until `now`, and returns the deadline.
    pub fn at(&mut self, now: Duration) -> Option<Duration> {
        self.now = now;
        self.feed(&[]);
        self.conn.deadline()
    }

    /// Reports the end of the input to the connection.
    pub fn eof(&mut self) {
        self.conn.receive_eof();
        self.feed(&[]);
    }

    /// Takes all output.
    pub fn drain(&mut self) {
        self.transcript.sent.extend(drain(&mut self.conn));
    }

    /// Returns the events since the last call.
    pub fn events(&mut self) -> Vec<Observed> {
        std::mem::take(&mut self.transcript.events)
    }

    /// Returns the output since the last call.
    pub fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.transcript.sent)
    }
}

/// Returns the transcript of `bytes`, split at `splits`. Bytes that are not consumed are fed again.
pub fn run(conn: Connection, bytes: &[u8], splits: &[usize], eof: bool) -> Transcript {
    let mut driver = Driver::new(conn);
    let mut start = 0;
    for end in splits.iter().copied().chain([bytes.len()]) {
        start = end - driver.feed(&bytes[start..end]);
    }
    if eof {
        driver.eof();
    }
    driver.transcript
}

/// Returns how a client or tunnel ends that receives `response`, which rejects its request with
/// `status`. Its header fields are compared, too.
#[track_caller]
pub fn rejection(status: u16, response: impl AsRef<[u8]>) -> Closed {
    let (config, request) = (Config::new(), client_request(Dialect::Rfc6455));
    let closed = if matches!(status, 200..=299) {
        let mut conn = Connection::client(config, &request, Entropy::from_bytes([9; 32]));
        feed(&mut conn, response);
        conn.closed().cloned()
    } else {
        let mut tunnel = ProxyTunnel::new(&config, &request, &[]).unwrap();
        let result = tunnel.receive(&mut response.as_ref());
        result.and_then(Result::err)
    };
    match closed {
        Some(Closed::Rejected(rejection)) if rejection.status() == status => {
            Closed::Rejected(rejection)
        }
        other => panic!("{other:?}"),
    }
}

/// Passes input to `conn` and ignores the events.
pub fn feed(conn: &mut Connection, bytes: impl AsRef<[u8]>) {
    let mut bytes = bytes.as_ref().to_vec();
    let mut input = input(&mut bytes);
    while conn.receive(&mut input).is_some() {}
}

/// Takes all output of `conn`.
pub fn drain(conn: &mut Connection) -> Vec<u8> {
    let sent = conn.transmit().to_vec();
    conn.advance(sent.len());
    sent
}

/// Returns the error of `call`, which must not change the connection or its output.
#[track_caller]
pub fn rejected<T, E>(
    conn: &mut Connection,
    call: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> E {
    let before = (format!("{conn:?}"), conn.transmit().to_vec());
    let Err(error) = call(conn).map(drop) else {
        panic!("not rejected by {}", before.0);
    };
    assert_eq!((format!("{conn:?}"), conn.transmit().to_vec()), before);
    error
}

/// Checks that a closed connection ignores `inputs` and EOF, rejects calls and returns no further event
/// (FR-16, RFC-7.1.7-2). `rejects` checks more calls.
#[track_caller]
pub fn assert_closed(driver: &mut Driver<'_>, inputs: &[&[u8]], rejects: impl Fn(&mut Connection)) {
    let closed = driver.conn.closed().cloned();
    assert!(closed.is_some());
    driver.drain();
    driver.sent();
    for bytes in inputs {
        driver.feed(bytes);
        driver.eof();
        let conn = &mut driver.conn;
        let closing = Err(SendError::Closing);
        assert_eq!(conn.send_text("a"), closing);
        assert_eq!(conn.send_text_vectored("a").map(drop), closing);
        assert_eq!(conn.close(&Close::EMPTY), Ok(()));
        conn.abort();
        let accepted = conn.accept(&AcceptOptions::new());
        assert_eq!(accepted, Err(AcceptError::NoRequest));
        rejects(conn);
        assert_eq!(conn.deadline(), None);
    }
    assert_eq!(driver.events(), []);
    assert_eq!(driver.sent(), b"");
    assert_eq!(driver.conn.closed().cloned(), closed);
    assert!(driver.conn.is_done());
    assert!(!driver.conn.wants_read() && !driver.conn.wants_write());
}

/// The side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Client,
    Server,
}

/// Returns an open connection.
pub fn established(config: &Config, role: Role, dialect: Dialect) -> Connection {
    let (config, handshake) = (config.clone(), Handshake::new(dialect));
    match role {
        Role::Client => {
            Connection::established_client(config, &handshake, Entropy::from_bytes([9; 32]))
        }
        Role::Server => Connection::established_server(config, &handshake),
    }
}

/// Returns a driver for an open connection.
pub fn open(config: &Config, role: Role, dialect: Dialect) -> Driver<'static> {
    Driver::new(established(config, role, dialect))
}

/// Returns the transcript of `bytes`, which must be the same at every split and byte by byte.
#[track_caller]
pub fn at_every_split(conn: impl Fn() -> Connection, bytes: &[u8]) -> Transcript {
    every_split(conn, bytes, false)
}

/// Like [`at_every_split`], but with an EOF after `bytes`.
#[track_caller]
pub fn at_every_split_then_eof(conn: impl Fn() -> Connection, bytes: &[u8]) -> Transcript {
    every_split(conn, bytes, true)
}

#[track_caller]
fn every_split(conn: impl Fn() -> Connection, bytes: &[u8], eof: bool) -> Transcript {
    let expected = run_checked(conn(), bytes, &[], eof);
    // Long inputs are split only near their ends, where headers are.
    let is_tested = |at: &usize| bytes.len() < 400 || *at < 40 || *at > bytes.len() - 40;
    for at in (0..=bytes.len()).filter(is_tested) {
        let split = run_checked(conn(), bytes, &[at], eof);
        assert_eq!(split, expected, "{} split at {at}", escaped(bytes));
    }
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    let bytewise = run_checked(conn(), bytes, &everywhere, eof);
    assert_eq!(bytewise, expected, "{} byte by byte", escaped(bytes));
    expected
}

/// Returns the transcript of `bytes`, split at `splits`. Checks that all input is consumed unless
/// the connection is closed, and that `Closed` is returned once.
#[track_caller]
pub fn run_checked(conn: Connection, bytes: &[u8], splits: &[usize], eof: bool) -> Transcript {
    let mut driver = Driver::new(conn);
    let mut start = 0;
    for end in splits.iter().copied().chain([bytes.len()]) {
        let remaining = driver.feed(&bytes[start..end]);
        let is_closed = driver.conn.closed().is_some();
        assert!(
            remaining == 0 || is_closed,
            "{remaining} bytes left of {start}..{end}"
        );
        start = end;
    }
    if eof {
        driver.eof();
    }
    let events = &driver.transcript.events;
    let count = events.iter().filter(|event| event.is_closed()).count();
    assert_eq!(count, usize::from(driver.conn.closed().is_some()));
    assert!(count == 0 || events.last().is_some_and(Observed::is_closed));
    driver.transcript
}
