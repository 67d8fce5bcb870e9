//! The events that a connection returns to its application.

use alloc::boxed::Box;
use core::fmt;

use crate::close_code;
#[cfg(feature = "deflate")]
use crate::deflate::Compression;
use crate::dialect::Dialect;
use crate::error::ProtocolError;
use crate::handshake::{Extensions, Rejection, Reply, Request};

/// An event returned by [`Connection::receive`](crate::Connection::receive).
///
/// It borrows from the [`Input`](crate::Input) passed to `receive`, and not from the connection.
///
/// ```
/// use hybi::{AcceptError, AcceptOptions, Closed, Connection, Event};
///
/// fn handle(conn: &mut Connection, event: Event<'_>) -> Result<(), AcceptError> {
///     match event {
///         Event::Request(_) => conn.accept(&AcceptOptions::new())?,
///         Event::Open(_) => println!("open"),
///         Event::Text(chunk) => println!("{}", chunk.as_str()),
///         Event::Binary(chunk) => println!("{:x?}", chunk.as_bytes()),
///         Event::Closed(Closed::Protocol(error)) => println!("{error}"),
///         Event::Closed(closed) => println!("{closed}"),
///         _ => {} // pings, for example, which the connection answers itself
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'i> {
    /// A server received the head of a request.
    ///
    /// Answer it, now or later, with [`accept`](crate::Connection::accept) or
    /// [`respond`](crate::Connection::respond). Until then `receive` consumes no input.
    Request(Request),
    /// The opening handshake is complete.
    Open(Handshake),
    /// A chunk of a text message.
    Text(TextChunk<'i>),
    /// A chunk of a binary message. Hixie-75 and Hixie-76 have no binary messages (FR-12).
    Binary(BinaryChunk<'i>),
    /// A ping, from HyBi-7 on. The connection queues the pong itself unless
    /// [`auto_pong`](crate::Config::auto_pong) is off.
    Ping(Payload<'i>),
    /// A pong, solicited or not, from HyBi-7 on.
    Pong(Payload<'i>),
    /// The end of a frame whose type Hixie-75 or Hixie-76 skips (FR-4, FR-6).
    Skipped(SkippedFrame),
    /// The peer has started the closing handshake, with this code and reason; it sends no more
    /// messages.
    ///
    /// Messages can still be sent. The next call of `receive` sends the peer's code and reason back
    /// and ends the connection, unless [`auto_close`](crate::Config::auto_close) is off or
    /// [`close`](crate::Connection::close) is called first. [`Closed`](Self::Closed) follows.
    Closing(Close),
    /// The connection has ended. This is the last event.
    ///
    /// Write the pending output, [`transmit`](crate::Connection::transmit), then end the socket as
    /// [`is_done`](crate::Connection::is_done) says.
    Closed(Closed),
}

/// The result of the opening handshake.
///
/// ```
/// # use hybi::{ClientRequest, Config, Connection, Entropy, Event, Input};
/// # fn example(conn: &mut Connection, input: &mut Input<'_>) {
/// if let Some(Event::Open(handshake)) = conn.receive(input) {
///     println!("{}, subprotocol {:?}", handshake.dialect(), handshake.protocol());
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handshake {
    pub(crate) dialect: Dialect,
    pub(crate) reply: Option<Reply>,
    pub(crate) extensions: Extensions,
}

impl Handshake {
    /// Creates the result of a handshake that was performed elsewhere, for
    /// [`established_server`](crate::Connection::established_server) and
    /// [`established_client`](crate::Connection::established_client).
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            reply: None,
            extensions: Extensions::NONE,
        }
    }

    /// Sets the compression that both sides agreed to, which is the value of
    /// `Sec-WebSocket-Extensions` in the response.
    ///
    /// Ignored in dialects other than RFC 6455, which have no compression.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn with_compression(mut self, compression: Compression) -> Self {
        if self.dialect.row().has_compression {
            self.extensions.compression = Some(compression);
        }
        self
    }

    /// Returns the compression that both sides agreed to, or `None` if messages are not
    /// compressed.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn compression(&self) -> Option<&Compression> {
        self.extensions.compression.as_ref()
    }

    /// Returns the dialect of the connection.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the subprotocol that the server selected; always `None` on a server.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.reply.as_ref()?.protocol()
    }

    /// Returns the value of the first header field of the server's response with this name, without
    /// surrounding white space; always `None` on a server.
    ///
    /// The name is compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.reply.as_ref()?.header(name)
    }

    /// Returns the name and value of each header field of the server's response, in order; none on
    /// a server.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.reply.iter().flat_map(|reply| reply.headers())
    }
}

/// A chunk of a text message: valid UTF-8, never split within a character.
///
/// [`MessageAssembler`](crate::MessageAssembler) assembles the chunks of a message.
///
/// ```
/// use hybi::TextChunk;
/// use std::io::{self, Write};
///
/// /// Writes each message in a line of its own, however long it is.
/// fn write_chunk(chunk: TextChunk<'_>, out: &mut impl Write) -> io::Result<()> {
///     out.write_all(chunk.as_str().as_bytes())?;
///     if chunk.is_final() {
///         out.write_all(b"\n")?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TextChunk<'i> {
    text: &'i str,
    is_final: Flag,
}

impl<'i> TextChunk<'i> {
    #[inline]
    pub(crate) const fn new(text: &'i str, is_final: bool) -> Self {
        Self {
            text,
            is_final: is_final as Flag,
        }
    }

    /// Returns the text of this chunk. Only the final chunk of a message may be empty.
    #[must_use]
    #[inline]
    pub const fn as_str(self) -> &'i str {
        self.text
    }

    /// Returns `true` if this is the last chunk of the message.
    #[must_use]
    #[inline]
    pub const fn is_final(self) -> bool {
        self.is_final != 0
    }
}

/// Omits the text.
impl fmt::Debug for TextChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_chunk(f, "TextChunk", self.text.len(), self.is_final())
    }
}

/// A chunk of a binary message.
///
/// ```
/// use hybi::BinaryChunk;
/// use std::fs::File;
/// use std::io::{self, Write};
///
/// /// Writes a message to a file, however long it is. Returns whether it is complete.
/// fn write_chunk(chunk: BinaryChunk<'_>, file: &mut File) -> io::Result<bool> {
///     file.write_all(chunk.as_bytes())?;
///     Ok(chunk.is_final())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BinaryChunk<'i> {
    bytes: &'i [u8],
    is_final: Flag,
}

impl<'i> BinaryChunk<'i> {
    #[inline]
    pub(crate) const fn new(bytes: &'i [u8], is_final: bool) -> Self {
        Self {
            bytes,
            is_final: is_final as Flag,
        }
    }

    /// Returns the bytes of this chunk. Only the final chunk of a message may be empty.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'i [u8] {
        self.bytes
    }

    /// Returns `true` if this is the last chunk of the message.
    #[must_use]
    #[inline]
    pub const fn is_final(self) -> bool {
        self.is_final != 0
    }
}

/// Omits the bytes.
impl fmt::Debug for BinaryChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_chunk(f, "BinaryChunk", self.bytes.len(), self.is_final())
    }
}

/// A `bool` as a whole word. Moving a chunk that contains a `bool` writes one byte and then reads
/// the word around it, which stalls on some processors: 9 ns per chunk.
type Flag = usize;

/// The payload of a ping or pong: at most 125 bytes (RFC 6455, section 5.5).
///
/// ```
/// use hybi::{Connection, Event, SendError};
///
/// /// With `Config::auto_pong(false)`.
/// fn answer_ping(conn: &mut Connection, event: Event<'_>) -> Result<(), SendError> {
///     match event {
///         Event::Ping(payload) => conn.send_pong(payload.as_bytes()),
///         _ => Ok(()),
///     }
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Payload<'i>(&'i [u8]);

impl<'i> Payload<'i> {
    pub(crate) const fn new(bytes: &'i [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the payload.
    #[must_use]
    pub const fn as_bytes(self) -> &'i [u8] {
        self.0
    }
}

/// Omits the bytes.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

fn fmt_chunk(f: &mut fmt::Formatter<'_>, name: &str, len: usize, is_final: bool) -> fmt::Result {
    f.debug_struct(name)
        .field("len", &len)
        .field("is_final", &is_final)
        .finish()
}

/// A frame whose type Hixie-75 or Hixie-76 skips (FR-4, FR-6).
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, Handshake, Input};
/// # let handshake = Handshake::new(Dialect::Hixie76);
/// # let mut conn = Connection::established_server(Config::new(), &handshake);
/// let mut bytes = *b"\x81\x05Hello"; // the frame format of a later dialect
/// let mut input = Input::new(&mut bytes, std::time::Duration::ZERO);
/// match conn.receive(&mut input) {
///     Some(Event::Skipped(frame)) => {
///         assert_eq!((frame.frame_type(), frame.payload_len()), (0x81, 5));
///     }
///     _ => unreachable!("the type has its top bit set"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedFrame {
    pub(crate) frame_type: u8,
    pub(crate) payload_len: u64,
}

impl SkippedFrame {
    /// Returns the type of the frame: its first byte.
    #[must_use]
    pub fn frame_type(&self) -> u8 {
        self.frame_type
    }

    /// Returns the length of the skipped payload in bytes.
    #[must_use]
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Returns `true` if the frame had no payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload_len == 0
    }
}

/// The code and reason of a closing handshake.
///
/// From HyBi-7 on, both are optional, and there is no reason without a code (RFC 6455, section
/// 5.5.1). Hixie-75 and Hixie-76 have neither: a code or reason passed to
/// [`close`](crate::Connection::close) is not sent (CL-8).
///
/// ```
/// use hybi::{Close, close_code};
/// let close = Close::new(close_code::GOING_AWAY, "the server restarts");
/// assert_eq!((close.code(), close.reason()), (Some(1001), "the server restarts"));
/// assert_eq!((Close::EMPTY.code(), Close::EMPTY.reason()), (None, ""));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Close(Option<Box<(u16, Box<str>)>>);

impl Close {
    /// A close without a code and reason.
    pub const EMPTY: Self = Self(None);

    /// Creates a close with a code, such as one of [`close_code`](crate::close_code), and a reason.
    ///
    /// `reason` may be empty. From HyBi-7 on, [`Connection::close`](crate::Connection::close)
    /// checks both: the reason must be at most 123 bytes long, and the code must be one that an
    /// endpoint may send: 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455, section 7.4;
    /// HY-8). 1005 and 1006 are only reported, by [`Closed::close_code`]; to close without a code,
    /// use [`EMPTY`](Self::EMPTY).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake};
    /// use hybi::{Close, close_code};
    ///
    /// # let mut conn =
    /// #     Connection::established_server(Config::new(), &Handshake::new(Dialect::Rfc6455));
    /// assert!(conn.close(&Close::new(close_code::NO_STATUS_RECEIVED, "")).is_err());
    /// conn.close(&Close::new(close_code::GOING_AWAY, "maintenance"))?;
    /// # Ok::<(), hybi::CloseError>(())
    /// ```
    #[must_use]
    pub fn new(code: u16, reason: &str) -> Self {
        Self(Some(Box::new((code, reason.into()))))
    }

    /// Returns the close code, or `None` if the close frame has none. See also
    /// [`Closed::close_code`].
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.0.as_ref().map(|close| close.0)
    }

    /// Returns the reason, which is empty if there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.0.as_ref().map_or("", |close| &close.1)
    }
}

impl fmt::Debug for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close")
            .field("code", &self.code())
            .field("reason", &self.reason())
            .finish()
    }
}

/// The phase in which a connection ended.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, Handshake, Input};
/// use hybi::{Closed, Phase};
/// # let handshake = Handshake::new(Dialect::Rfc6455);
/// # let mut conn = Connection::established_server(Config::new(), &handshake);
/// # let mut input = Input::new(&mut [], std::time::Duration::ZERO);
/// conn.receive_eof();
/// match conn.receive(&mut input) {
///     Some(Event::Closed(Closed::Eof(Phase::Open))) => println!("no message was cut off"),
///     Some(Event::Closed(closed)) => println!("{closed}"),
///     _ => {}
/// }
/// # assert!(matches!(conn.closed(), Some(Closed::Eof(Phase::Open))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// During the opening handshake.
    Handshaking,
    /// Open, between two messages.
    Open,
    /// Open or closing, in the middle of a frame or of a fragmented message.
    InMessage,
    /// Closing, between two messages: this side has queued a close frame, and that of the peer has
    /// not arrived.
    Closing,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshaking => "during the opening handshake",
            Self::Open => "between two messages",
            Self::InMessage => "in the middle of a frame or message",
            Self::Closing => "during the closing handshake",
        })
    }
}

/// A timeout of [`Config`](crate::Config), named after its setter.
///
/// ```
/// # use hybi::{Config, Connection, Event, Input};
/// use hybi::{Closed, Timeout};
/// use std::time::Duration;
///
/// let config = Config::new().handshake_timeout(Duration::from_secs(3));
/// let mut conn = Connection::server(config);
/// assert!(conn.receive(&mut Input::new(&mut [], Duration::ZERO)).is_none());
/// assert_eq!(conn.deadline(), Some(Duration::from_secs(3)));
/// let mut input = Input::new(&mut [], Duration::from_secs(3));
/// let event = conn.receive(&mut input);
/// assert!(matches!(event, Some(Event::Closed(Closed::TimedOut(Timeout::Handshake)))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// [`handshake_timeout`](crate::Config::handshake_timeout): the opening handshake was not
    /// complete in time. On a server this includes the time that the application takes to answer
    /// the request. No HTTP response is sent.
    Handshake,
    /// [`keepalive`](crate::Config::keepalive): the peer sent nothing.
    Keepalive,
    /// [`write_timeout`](crate::Config::write_timeout): the peer took too few bytes.
    Write,
    /// [`close_timeout`](crate::Config::close_timeout): the peer, or the application, did not
    /// answer a close frame.
    Close,
    /// `Deflate::message_timeout`, with the feature `deflate`: a compressed message was not
    /// complete in time.
    Message,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "the opening handshake was not complete in time",
            Self::Keepalive => "the peer sent nothing for too long",
            Self::Write => "the peer accepted too few bytes in time",
            Self::Close => "the closing handshake was not complete in time",
            Self::Message => "a compressed message was not complete in time",
        })
    }
}

/// The reason why a connection ended.
///
/// ```
/// use hybi::Closed;
/// use std::error::Error;
///
/// fn log(closed: &Closed) {
///     match closed {
///         Closed::Clean(_) | Closed::LocallyClosed => {}
///         closed => match closed.source() {
///             Some(error) => eprintln!("{closed}: {error}"),
///             None => eprintln!("{closed}"),
///         },
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The peer's close frame was received, and that of this side is queued or sent (CL-8).
    ///
    /// Contains the peer's code and reason.
    Clean(Close),
    /// This side closed the connection without a closing handshake: in Hixie-75, which has none
    /// (CL-20), or before the opening handshake was complete (CL-13).
    LocallyClosed,
    /// [`abort`](crate::Connection::abort) was called.
    Aborted,
    /// On a server: [`respond`](crate::Connection::respond) answered the request with this HTTP
    /// status.
    Responded(u16),
    /// On a client, or with a [`ProxyTunnel`](crate::ProxyTunnel): the server or proxy did not
    /// accept the request.
    Rejected(Rejection),
    /// The peer closed the connection without a close frame, in this phase (CL-8).
    Eof(Phase),
    /// The peer violated the protocol, or a limit of [`Config`](crate::Config).
    Protocol(ProtocolError),
    /// A timeout expired.
    TimedOut(Timeout),
    /// A Flash policy request was answered with [`flash_policy`](crate::Config::flash_policy)
    /// (PX-1).
    FlashPolicy,
}

impl Closed {
    /// Returns the close code as browsers report it (RFC 6455, section 7.1.5): that of the peer's
    /// close frame, 1005 if it has none, and 1006 if the closing handshake was not complete.
    #[must_use]
    pub fn close_code(&self) -> u16 {
        match self {
            Self::Clean(close) => close.code().unwrap_or(close_code::NO_STATUS_RECEIVED),
            _ => close_code::ABNORMAL_CLOSURE,
        }
    }

    /// Returns the close that a gateway sends on the other connection: the peer's own after a
    /// complete closing handshake, and 1014 otherwise.
    #[must_use]
    pub fn to_relay(&self) -> Close {
        match self {
            Self::Clean(close) => close.clone(),
            _ => Close::new(close_code::BAD_GATEWAY, ""),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean(close) => {
                f.write_str("closed")?;
                if let Some(code) = close.code() {
                    write!(f, " with code {code}")?;
                }
                if !close.reason().is_empty() {
                    write!(f, ": {:?}", close.reason())?;
                }
                Ok(())
            }
            Self::LocallyClosed => f.write_str("closed by this side without a closing handshake"),
            Self::Aborted => f.write_str("aborted by this side"),
            Self::Responded(status) => {
                write!(f, "the request was answered with HTTP status {status}")
            }
            Self::Rejected(rejection) => {
                write!(
                    f,
                    "the request was rejected with HTTP status {}",
                    rejection.status()
                )
            }
            Self::Eof(phase) => write!(
                f,
                "the peer closed the connection without a close frame {phase}"
            ),
            Self::Protocol(_) => f.write_str("the peer violated the protocol or a limit"),
            Self::TimedOut(timeout) => write!(f, "timed out: {timeout}"),
            Self::FlashPolicy => f.write_str("answered a Flash policy request"),
        }
    }
}

impl core::error::Error for Closed {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            _ => None,
        }
    }
}
