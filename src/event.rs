//! What a connection says to its application.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::config::Dialect;
use crate::error::ProtocolError;
use crate::frame::opcode::NO_STATUS_RECEIVED;
use crate::frame::utf8::DecodedText;
use crate::handshake::{Reply, Request};

/// What the bytes taken by [`Connection::receive`](crate::Connection::receive) meant. It borrows
/// from the caller's input and from nothing else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'i> {
    /// Server: the head of a request has come. Answer it, now or later, with
    /// [`accept`](crate::Connection::accept) or [`respond`](crate::Connection::respond); until
    /// then `receive` takes nothing more.
    Request(Request),
    /// The opening handshake is through.
    Open(Handshake),
    /// A piece of a text message.
    Text(TextChunk<'i>),
    /// A piece of a binary message; neither Hixie-75 nor Hixie-76 has them.
    Binary(BinaryChunk<'i>),
    /// A ping, from HyBi-7 on. The machine answers it by itself, as
    /// [`auto_pong`](crate::Config::auto_pong) says.
    Ping(Payload<'i>),
    /// A pong, asked for or not, from HyBi-7 on.
    Pong(Payload<'i>),
    /// A frame of a type that Hixie-75 or Hixie-76 skips has come to its end.
    Skipped(SkippedFrame),
    /// It is over; the last event. What is still in [`transmit`](crate::Connection::transmit) is
    /// for the peer, then the socket is to be dropped.
    Closed(Closed),
}

/// The opening handshake's outcome.
#[derive(Clone, Debug)]
pub struct Handshake {
    pub(crate) dialect: Dialect,
    pub(crate) reply: Option<Reply>,
}

impl Handshake {
    /// The dialect that both sides speak from here on.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Client: the subprotocol that the server chose.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.reply.as_ref()?.protocol()
    }

    /// Client: the first field of the server's reply with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.reply.as_ref()?.header(name)
    }

    /// Client: all fields of the server's reply in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.reply.iter().flat_map(|reply| reply.headers())
    }
}

/// A piece of a text message: always valid UTF-8, never cut within a character.
///
/// [`MessageAssembler`](crate::MessageAssembler) puts the pieces of a message together.
#[derive(Clone, PartialEq, Eq)]
pub struct TextChunk<'i> {
    pub(crate) chunk: DecodedText<'i>,
    pub(crate) is_final: bool,
}

impl<'i> TextChunk<'i> {
    /// A piece that is valid as it stands in the input.
    #[inline]
    pub(crate) fn run(text: &'i str, last: bool) -> Self {
        let chunk = DecodedText::Borrowed(text);
        Self {
            chunk,
            is_final: last,
        }
    }

    /// A piece in which bad sequences were replaced.
    pub(crate) fn mended(text: Box<str>, last: bool) -> Self {
        let chunk = DecodedText::Lossy(text);
        Self {
            chunk,
            is_final: last,
        }
    }

    /// The text of this piece; it may be empty when it is the last one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.chunk.as_str()
    }

    /// Whether the message ends with this piece.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}

/// Never shows the text.
impl fmt::Debug for TextChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        payload(f, "Text", self.as_str().len(), self.is_final)
    }
}

/// A piece of a binary message.
#[derive(Clone, PartialEq, Eq)]
pub struct BinaryChunk<'i> {
    pub(crate) bytes: &'i [u8],
    pub(crate) is_final: bool,
}

impl BinaryChunk<'_> {
    /// The bytes of this piece; it may be empty when it is the last one.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Whether the message ends with this piece.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}

/// Never shows the bytes.
impl fmt::Debug for BinaryChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        payload(f, "Binary", self.bytes.len(), self.is_final)
    }
}

/// The payload of a ping or pong: at most 125 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload<'i>(Cow<'i, [u8]>);

impl<'i> Payload<'i> {
    pub(crate) fn borrowed(bytes: &'i [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }

    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Never shows the bytes.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

fn payload(f: &mut fmt::Formatter<'_>, name: &str, len: usize, last: bool) -> fmt::Result {
    f.debug_struct(name)
        .field("len", &len)
        .field("last", &last)
        .finish()
}

/// A frame that Hixie-75 or Hixie-76 reads over (FR-4, FR-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedFrame {
    pub(crate) frame_type: u8,
    pub(crate) payload_len: u64,
}

impl SkippedFrame {
    /// The frame's first byte: its type.
    #[must_use]
    pub fn frame_type(&self) -> u8 {
        self.frame_type
    }

    /// How many bytes of payload were skipped.
    #[must_use]
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Whether there was no payload at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload_len == 0
    }
}

/// What a closing handshake says: from HyBi-7 on a code and a reason, both optional; nothing in
/// Hixie-75 and Hixie-76, where what the caller gives is not sent (CL-8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    code: Option<u16>,
    reason: Option<Box<str>>,
}

impl Close {
    /// No code and no reason.
    pub const EMPTY: Self = Self {
        code: None,
        reason: None,
    };

    /// A code, 1000 for a normal close, and a reason of at most 123 bytes.
    #[must_use]
    pub fn new(code: u16, reason: &str) -> Self {
        Self {
            code: Some(code),
            reason: (!reason.is_empty()).then(|| reason.into()),
        }
    }

    pub(crate) fn without_code() -> Self {
        Self::new(NO_STATUS_RECEIVED, "")
    }

    /// The close code; 1005 when the peer's close frame had none (HY-8).
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    /// The reason, empty when there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// In the opening handshake.
    Handshaking,
    /// Open, between two frames.
    Open,
    /// Open, in the middle of a frame, or of a message in several frames.
    InMessage,
    /// This side has begun the closing handshake, and the peer has not answered it.
    Closing,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Handshaking => "in the opening handshake",
            Phase::Open => "between two frames",
            Phase::InMessage => "in the middle of a frame or message",
            Phase::Closing => "in the closing handshake",
        })
    }
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// Both sides sent their close frame (CL-8).
    Clean(Close),
    /// This side closed where nothing tells that the peer knows: in Hixie-75, which has no
    /// closing handshake (CL-20), or before the opening handshake was through (CL-13).
    LocallyClosed,
    /// The request was answered with this HTTP status and no WebSocket came of it.
    Rejected(u16),
    /// The peer's end of file without a close frame.
    Eof(Phase),
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// The peer took too long.
    TimedOut(Phase),
    /// A Flash policy request was answered with [`flash_policy`](crate::Config::flash_policy).
    FlashPolicy,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::Clean(close) => {
                f.write_str("closed")?;
                if let Some(code) = close.code() {
                    write!(f, " with code {code}")?;
                }
                if !close.reason().is_empty() {
                    write!(f, ": {:?}", close.reason())?;
                }
                Ok(())
            }
            Closed::LocallyClosed => f.write_str("closed by this side"),
            Closed::Rejected(status) => write!(f, "answered with HTTP status {status}"),
            Closed::Eof(phase) => write!(f, "the peer's end of file {phase}"),
            Closed::Protocol(error) => write!(f, "protocol error: {error}"),
            Closed::TimedOut(phase) => write!(f, "timed out {phase}"),
            Closed::FlashPolicy => f.write_str("policy file sent"),
        }
    }
}

impl core::error::Error for Closed {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Closed::Protocol(error) => Some(error),
            _ => None,
        }
    }
}
