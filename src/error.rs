//! What can go wrong, by whose fault: the peer's ([`ProtocolError`]) or the application's
//! ([`Refused`]).

use crate::config::Dialect;

/// What the peer did wrong. Offsets count bytes from the first of the head, or of the frame.
///
/// Arrives in [`Closed::Protocol`](crate::Closed::Protocol). A server that has not begun its
/// reply queues the HTTP status of [`status`](Self::status) by itself. Inputs that bring each of
/// them about, and the bytes that answer them, are in `docs/bad-inputs.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The head is longer than [`max_head_len`](crate::Config::max_head_len).
    #[error("the head is longer than {limit} bytes")]
    HeadTooLong {
        /// The limit in bytes.
        limit: u32,
    },
    /// A line of the head is longer than [`max_header_line_len`](crate::Config::max_header_line_len), or the first
    /// line of a reply longer than 1024 bytes.
    #[error("the line at byte {at} of the head is longer than {limit} bytes")]
    LineTooLong {
        /// Where the line begins.
        at: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// More fields than [`max_headers`](crate::Config::max_headers).
    #[error("the head has more than {limit} header fields")]
    TooManyHeaders {
        /// The limit.
        limit: u32,
    },
    /// The method is not `GET`.
    #[error("the method of the request is not GET")]
    UnsupportedMethod,
    /// The version is not `HTTP/1.1`.
    #[error("the version of the request, at byte {at} of the head, is not HTTP/1.1")]
    UnsupportedHttpVersion {
        /// Where the version begins.
        at: u32,
    },
    /// The first line of the head is malformed.
    #[error("the first line is malformed at byte {at}")]
    InvalidStartLine {
        /// The first byte that cannot stand there.
        at: u32,
    },
    /// A line of the head is malformed.
    #[error("{kind} at byte {at} of the head")]
    InvalidLine {
        /// The byte that cannot stand there.
        at: u32,
        /// What is wrong with it.
        kind: LineErrorKind,
    },
    /// A header field that the opening depends on is absent, doubled or wrong.
    #[error("header {name}, at byte {at} of the head, {kind}")]
    InvalidHeader {
        /// The field's name.
        name: &'static str,
        /// Where the field's line begins; the head's length when the field is absent.
        at: u32,
        /// What is wrong with it.
        kind: HeaderErrorKind,
    },
    /// A key number of Hixie-76 is malformed.
    #[error("key number {name}: {kind}")]
    InvalidKeyNumber {
        /// The field's name.
        name: &'static str,
        /// What is wrong with it.
        kind: KeyErrorKind,
    },
    /// A request without `Upgrade`, where [`plain_http`](crate::Config::plain_http) is off.
    #[error("a plain HTTP request, without Upgrade")]
    NotWebSocket,
    /// A request for a dialect that is not among [`dialects`](crate::Config::dialects).
    #[error("{0} is switched off")]
    DialectNotEnabled(Dialect),
    /// A TLS hello on a plain port.
    #[error("a TLS hello on a plain port")]
    TlsClientHello,
    /// A Flash policy request, where [`flash_policy`](crate::Config::flash_policy) is not set.
    #[error("a Flash policy request, and no policy is set")]
    FlashPolicyRequest,
    /// The frame's first byte has a reserved bit set; no extension is ever agreed on.
    #[error("a frame with a reserved bit set: {byte:#04x}")]
    ReservedBits {
        /// The frame's first byte.
        byte: u8,
    },
    /// A frame of an opcode that has no meaning.
    #[error("a frame of unknown opcode {opcode:#x}")]
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
    },
    /// A client's frame without a mask.
    #[error("a client's frame without a mask")]
    UnmaskedFrameFromClient,
    /// A server's frame with a mask.
    #[error("a server's frame with a mask")]
    MaskedFrameFromServer,
    /// A control frame that is fragmented, or longer than 125 bytes.
    #[error("a control frame of opcode {opcode:#x} that is fragmented or too long")]
    Control {
        /// The opcode.
        opcode: u8,
    },
    /// A continuation without a message before it, or a message within another.
    #[error("a frame of opcode {opcode:#x} out of turn")]
    OutOfTurn {
        /// The opcode.
        opcode: u8,
    },
    /// A message in more frames than [`max_fragments`](crate::Config::max_fragments).
    #[error("a message of more than {limit} frames")]
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// A close frame with half a code.
    #[error("a close frame with a payload of one byte")]
    InvalidCloseLength,
    /// A close frame with a code that can't be sent.
    #[error("a close frame with code {code}")]
    InvalidCloseCode {
        /// The code.
        code: u16,
    },
    /// The 16 bytes that end a Hixie-76 opening are not the answer to the challenge.
    #[error("the answer to the challenge is wrong from byte {at} on")]
    ChallengeMismatch {
        /// The first of the 16 bytes that differs.
        at: u32,
    },
    /// A frame's length takes more bytes than the format has, or than it needs, or its top bit is
    /// set.
    #[error("the length of the frame is malformed at its byte {at}")]
    InvalidLength {
        /// The byte that showed it.
        at: u64,
    },
    /// A frame's payload is longer than [`max_frame_len`](crate::Config::max_frame_len).
    #[error("the payload of the frame is longer than {limit} bytes, seen at its byte {at}")]
    FrameTooLong {
        /// The byte that showed it: of the length, or of the payload.
        at: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A frame of a type that the dialect skips, with
    /// [`strict_frames`](crate::Config::strict_frames).
    #[error("a frame of unknown type {frame_type:#04x}")]
    UnknownFrameType {
        /// The frame's first byte.
        frame_type: u8,
    },
    /// Text that is not UTF-8; in Hixie-75 and Hixie-76 with
    /// [`strict_utf8`](crate::Config::strict_utf8).
    #[error("the text is not UTF-8 at byte {at} of the payload")]
    InvalidUtf8 {
        /// Where, in the message's payload or the close reason, the sequence begins that is not a
        /// character.
        at: u64,
    },
}

impl ProtocolError {
    /// The HTTP status that a server answers it with before its reply has begun; `None` for what
    /// is no HTTP at all, or comes later than that.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        // PX-3
        match self {
            Self::HeadTooLong { .. } | Self::LineTooLong { .. } | Self::TooManyHeaders { .. } => {
                Some(431)
            }
            Self::UnsupportedMethod => Some(405),
            Self::UnsupportedHttpVersion { .. } => Some(505),
            Self::NotWebSocket | Self::DialectNotEnabled(_) => Some(426),
            Self::InvalidHeader { name, kind, .. } => Some(header_status(name, *kind)),
            Self::InvalidStartLine { .. }
            | Self::InvalidLine { .. }
            | Self::InvalidKeyNumber { .. } => Some(400),
            Self::TlsClientHello
            | Self::FlashPolicyRequest
            | Self::ReservedBits { .. }
            | Self::UnknownOpcode { .. }
            | Self::UnmaskedFrameFromClient
            | Self::MaskedFrameFromServer
            | Self::Control { .. }
            | Self::OutOfTurn { .. }
            | Self::TooManyFragments { .. }
            | Self::InvalidCloseLength
            | Self::InvalidCloseCode { .. }
            | Self::ChallengeMismatch { .. }
            | Self::InvalidLength { .. }
            | Self::FrameTooLong { .. }
            | Self::UnknownFrameType { .. }
            | Self::InvalidUtf8 { .. } => None,
        }
    }
}

impl ProtocolError {
    /// The close code that it is answered with, from HyBi-7 on, once the connection is open.
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 { .. } => 1007,
            Self::FrameTooLong { .. } | Self::TooManyFragments { .. } => 1009,
            _ => 1002,
        }
    }
}

const fn header_status(name: &str, kind: HeaderErrorKind) -> u16 {
    match (name.as_bytes(), kind) {
        (
            b"Sec-WebSocket-Version" | b"Sec-WebSocket-Draft" | b"Upgrade",
            HeaderErrorKind::Invalid,
        ) => 426,
        _ => 400,
    }
}

/// What is wrong with a line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineErrorKind {
    /// A line feed without a carriage return before it.
    #[error("a lone LF")]
    BareLf,
    /// A carriage return without a line feed behind it.
    #[error("a lone CR")]
    BareCr,
    /// A line that goes on with the one before it.
    #[error("a continuation line")]
    ObsFold,
    /// A field name that is empty, or a byte in it that no name has.
    #[error("a malformed header name")]
    Name,
    /// A control character in a field value.
    #[error("a control character in a header value")]
    Value,
}

/// What is wrong with a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderErrorKind {
    /// It has to be there and is not.
    #[error("is missing")]
    Missing,
    /// It may stand once only.
    #[error("is there a second time")]
    Duplicate,
    /// Its value is none that it can have here.
    #[error("has a value that it can't have")]
    Invalid,
    /// It was not asked for.
    #[error("was not asked for")]
    NotRequested,
    /// The server's value differs from what the request asked for.
    #[error("differs from what was asked for")]
    Mismatch,
}

/// What is wrong with a key number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// No space to divide by (KEY-3).
    #[error("no space in it")]
    NoSpaces,
    /// No digit (KEY-6).
    #[error("no digit in it")]
    NoDigits,
    /// The number is above 2^32 - 1 (KEY-5).
    #[error("its number is above 4294967295")]
    TooBig,
    /// The number can't be divided by the spaces (KEY-4).
    #[error("{number} is not a multiple of its {spaces} spaces")]
    NotMultiple {
        /// The digits' number.
        number: u32,
        /// How many spaces there are.
        spaces: u32,
    },
}

/// Why a call of the application was refused. The connection is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It would bring the pending output over [`max_send_buffer`](crate::Config::max_send_buffer), or
    /// nothing may be pending for this call.
    #[error("the output pending would be more than {limit} bytes")]
    BufferFull {
        /// The limit in bytes.
        limit: usize,
    },
    /// The opening handshake is not through.
    #[error("the opening handshake is not through")]
    NotOpen,
    /// The connection is closing or closed.
    #[error("the connection is closing or closed")]
    Closing,
    /// No request waits for an answer, or it is one for a plain page, which `accept` can't answer.
    #[error("no request waits for this answer")]
    NoRequest,
    /// The dialect has no such thing, or is not among [`dialects`](crate::Config::dialects).
    #[error("{0} does not have it, or is switched off")]
    Unsupported(Dialect),
    /// A header field that would break the head, that the crate itself writes, or that means
    /// something else in this place.
    #[error("a header field that can't be sent")]
    InvalidHeader,
    /// A status that can't end a request: only 200 to 599 can.
    #[error("{0} can't be the status of a response")]
    InvalidStatus(u16),
    /// A subprotocol that the client did not offer.
    #[error("the client did not offer this subprotocol")]
    ProtocolNotOffered,
    /// A close code that can't be sent, or a reason of more than 123 bytes.
    #[error("a close code or reason that can't be sent")]
    InvalidClose,
    /// The payload of a ping or pong is longer than 125 bytes.
    #[error("a ping or pong of more than 125 bytes")]
    ControlTooLong,
    /// A message is being sent in fragments, and this is none of them.
    #[error("a message in fragments is being sent")]
    FragmentInProgress,
    /// A URL that names no WebSocket server.
    #[error("the URL is malformed at byte {at}")]
    InvalidUrl {
        /// The first byte that cannot stand there.
        at: usize,
    },
}
