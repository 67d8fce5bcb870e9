//! Errors of the peer.

use core::fmt;

use crate::close_code;
use crate::dialect::Dialect;

/// A violation of the protocol by the peer.
///
/// It is reported in [`Closed::Protocol`](crate::Closed::Protocol). Before that, the connection
/// queues
///
/// - an HTTP response with the status of [`status`](Self::status), on a server that has not started
///   its response;
/// - a close frame, if the connection is open and the dialect has one: from HyBi-7 on with the code
///   of [`close_code`](Self::close_code).
///
/// [`guide::bad_inputs`](crate::guide::bad_inputs) lists inputs for each variant and the bytes that
/// are queued.
///
/// Offsets are in bytes and start at 0. The documentation of each field states where: at the first
/// byte of the head, of the frame, of the payload or of the challenge response. Each interim
/// response has a head of its own.
///
/// ```
/// use hybi::{ProtocolError, Request};
/// let request = Request::from_parts("POST", "/chat", "HTTP/1.1", [("Host", "example.com")]);
/// let error = request.unwrap_err();
/// assert_eq!(error, ProtocolError::UnsupportedMethod);
/// assert_eq!(error.to_string(), "the request method is not GET");
/// assert_eq!(error.status(), Some(405));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The head exceeds the limit [`max_head_len`](crate::Config::max_head_len) (RQ-19).
    #[error("the HTTP head is longer than the limit of {limit} bytes")]
    #[non_exhaustive]
    HeadTooLong {
        /// The limit in bytes.
        limit: u32,
    },
    /// A line of the head is longer than
    /// [`max_header_line_len`](crate::Config::max_header_line_len), or the status line of a
    /// response is longer than 1024 bytes (RQ-19, H76-34).
    #[error("the line at byte {at} of the HTTP head is longer than the limit of {limit} bytes")]
    #[non_exhaustive]
    LineTooLong {
        /// The offset of the line in the head.
        at: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// The head exceeds the limit [`max_headers`](crate::Config::max_headers) (RQ-19).
    #[error("the HTTP head has more header fields than the limit of {limit}")]
    #[non_exhaustive]
    TooManyHeaders {
        /// The limit in header fields.
        limit: u32,
    },
    /// A server or proxy sent more interim responses, with a status from 100 to 199 other than 101,
    /// than a client skips before the final one (HY-11, PX-2).
    #[error("received more interim responses (status 1xx) than the limit of {limit}")]
    #[non_exhaustive]
    TooManyInterimResponses {
        /// The limit in responses.
        limit: u32,
    },
    /// The method of the request is one other than `GET`; only a plain HTTP request may be `HEAD`,
    /// if [`plain_http`](crate::Config::plain_http) is on (RQ-1).
    #[error("the request method is not GET")]
    UnsupportedMethod,
    /// The request has an HTTP version other than `HTTP/1.1`; only a plain HTTP request may be
    /// `HTTP/1.0`, if [`plain_http`](crate::Config::plain_http) is on (RQ-3).
    #[error("the request has HTTP version {major}.{minor} instead of 1.1 (byte {at} of the head)")]
    #[non_exhaustive]
    UnsupportedHttpVersion {
        /// The offset of the version in the head.
        at: u32,
        /// The major version; 255 if it is greater than that.
        major: u8,
        /// The minor version; 255 if it is greater than that.
        minor: u8,
    },
    /// The request line or the status line does not have the form that HTTP/1.1 requires (RQ-1,
    /// RQ-2, RQ-4, H76-34), or the authority or the path of an HTTP/2 request is invalid (H2-2).
    #[error("the first line of the HTTP head is malformed at byte {at}")]
    #[non_exhaustive]
    InvalidStartLine {
        /// The offset of the first invalid byte in the head; in HTTP/2, in the head that
        /// [`Request::from_connect`](crate::Request::from_connect) describes.
        at: u32,
    },
    /// A line of the head other than the first one is malformed.
    #[error("{kind} at byte {at} of the HTTP head")]
    #[non_exhaustive]
    InvalidLine {
        /// The offset of the first invalid byte in the head.
        at: u32,
        /// What is wrong with the line.
        kind: LineErrorKind,
    },
    /// A header field of the handshake is missing, repeated or invalid.
    #[error("the {name} header field {kind}{}", HeaderPosition { kind: *.kind, at: *.at })]
    #[non_exhaustive]
    InvalidHeader {
        /// The name of the header field.
        name: &'static str,
        /// The offset of the header field's line in the head, or the length of the head if the
        /// header field is missing.
        at: u32,
        /// What is wrong with the header field.
        kind: HeaderErrorKind,
    },
    /// A key number of Hixie-76 is invalid.
    #[error("the {name} header field {kind}")]
    #[non_exhaustive]
    InvalidKeyNumber {
        /// The name of the header field: `Sec-WebSocket-Key1` or `Sec-WebSocket-Key2`.
        name: &'static str,
        /// What is wrong with the key number.
        kind: KeyErrorKind,
    },
    /// The request has no `Upgrade` header field, and either
    /// [`plain_http`](crate::Config::plain_http) is off or the request has other header fields of
    /// a WebSocket handshake.
    #[error("the request is not a WebSocket handshake: it has no Upgrade header field")]
    NotWebSocket,
    /// The client requested a dialect that is not in [`dialects`](crate::Config::dialects) (HY-9).
    #[error("the client requested {dialect}, which is not enabled")]
    #[non_exhaustive]
    DialectNotEnabled {
        /// The dialect that the client requested.
        dialect: Dialect,
    },
    /// The first byte is that of a TLS ClientHello, for instance of a client that uses `wss://` on
    /// a port without TLS.
    #[error("received a TLS ClientHello where plaintext HTTP is expected")]
    TlsClientHello,
    /// The client sent a Flash policy request, and [`flash_policy`](crate::Config::flash_policy)
    /// is not set (PX-1).
    #[error("received a Flash policy request, but no Flash policy is configured")]
    FlashPolicyRequest,
    /// The first byte of a frame has a reserved bit set that no negotiated extension allows there
    /// (RFC 6455, section 5.2; HY-6, DF-11).
    #[error("the first byte of the frame, {byte:#04x}, has a reserved bit set")]
    #[non_exhaustive]
    ReservedBits {
        /// The first byte of the frame.
        byte: u8,
    },
    /// The opcode is not one of those that the dialect defines (RFC 6455, section 5.2; HY-6).
    #[error("the frame has the unknown opcode {opcode:#x}")]
    #[non_exhaustive]
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
    },
    /// A client sent a frame that is not masked (RFC 6455, section 5.1; HY-5).
    #[error("the client sent an unmasked frame")]
    UnmaskedFrameFromClient,
    /// A server sent a masked frame (RFC 6455, section 5.1; HY-5).
    #[error("the server sent a masked frame")]
    MaskedFrameFromServer,
    /// A control frame is fragmented (RFC 6455, section 5.5; HY-6).
    #[error("the control frame with opcode {opcode:#x} is fragmented")]
    #[non_exhaustive]
    FragmentedControl {
        /// The opcode.
        opcode: u8,
    },
    /// The payload of a control frame is longer than 125 bytes (RFC 6455, section 5.5; HY-6).
    #[error("the payload of the control frame with opcode {opcode:#x} is longer than 125 bytes")]
    #[non_exhaustive]
    ControlTooLong {
        /// The opcode.
        opcode: u8,
    },
    /// A continuation frame arrived outside a fragmented message (RFC 6455, section 5.4; HY-7).
    #[error("received a continuation frame outside a fragmented message")]
    UnexpectedContinuation,
    /// A new message started within a fragmented one (RFC 6455, section 5.4; HY-7).
    #[error("received a frame with opcode {opcode:#x} before the end of a fragmented message")]
    #[non_exhaustive]
    ExpectedContinuation {
        /// The opcode of the new message.
        opcode: u8,
    },
    /// A message exceeds the limit [`max_fragments`](crate::Config::max_fragments).
    #[error("the message has more frames than {limit} and one for each 16 bytes of payload")]
    #[non_exhaustive]
    TooManyFragments {
        /// The limit in frames.
        limit: u32,
    },
    /// The payload of a compressed message is not a valid DEFLATE stream, or refers to data that
    /// was not sent (RFC 7692, section 7.2.2; DF-12).
    #[error("the compressed message is invalid after {at} decompressed bytes")]
    #[non_exhaustive]
    InvalidDeflate {
        /// How many bytes of the message were decompressed before.
        at: u64,
    },
    /// A compressed message exceeds the limit `Deflate::max_inflated_len` of the feature `deflate`
    /// (DF-13).
    #[error("the decompressed message is longer than the limit of {limit} bytes")]
    #[non_exhaustive]
    InflatedTooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// The payload of a close frame is one byte; a close code takes two (RFC 6455,
    /// section 5.5.1; HY-8).
    #[error("the close frame has a payload of one byte, but a close code takes two")]
    InvalidCloseLength,
    /// The code of a close frame is not allowed in a close frame (RFC 6455, section 7.4; HY-8).
    #[error("the close frame has the invalid code {code}")]
    #[non_exhaustive]
    InvalidCloseCode {
        /// The close code.
        code: u16,
    },
    /// The challenge response of a Hixie-76 server is not the one that the client's keys require
    /// (H76-39).
    #[error("the server's Hixie-76 challenge response is wrong at byte {at} (of 0 to 15)")]
    #[non_exhaustive]
    ChallengeMismatch {
        /// The offset of the first wrong byte in the 16 bytes of the challenge response.
        at: u32,
    },
    /// The length of a frame has more bytes than the format allows, is not in its shortest form,
    /// or has its top bit set (FR-7; RFC 6455, section 5.2; HY-6).
    #[error(
        "the frame length has too many bytes, is not in its shortest form, or exceeds 63 bits (byte {at} of the frame)"
    )]
    #[non_exhaustive]
    InvalidLength {
        /// The offset in the frame of the byte at which the error was detected.
        at: u64,
    },
    /// A frame exceeds the limit [`max_frame_len`](crate::Config::max_frame_len) (FR-7, FR-14).
    ///
    /// From HyBi-7 on this is reported once the frame header is complete. In Hixie-75 and Hixie-76,
    /// which mark the end of a text frame instead of its length, it is reported at the first byte
    /// over the limit.
    #[error("the frame payload is longer than the limit of {limit} bytes")]
    #[non_exhaustive]
    FrameTooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// A frame has a type that the dialect skips, and
    /// [`strict_frames`](crate::Config::strict_frames) is on (FR-4).
    #[error("the frame has the unknown type {frame_type:#04x}, and strict_frames is on")]
    #[non_exhaustive]
    UnknownFrameType {
        /// The first byte of the frame.
        frame_type: u8,
    },
    /// A text message or close reason is not valid UTF-8 (HY-7, HY-8). Hixie-75 and Hixie-76 report
    /// this only if [`strict_utf8`](crate::Config::strict_utf8) is on (FR-10).
    #[error("invalid UTF-8 at byte {at} of the payload")]
    #[non_exhaustive]
    InvalidUtf8 {
        /// The offset of the first invalid sequence in the payload of the close frame or of the
        /// message, whose fragments count as one payload.
        at: u64,
    },
}

/// The position at the end of an `InvalidHeader` message; a missing header field has none.
struct HeaderPosition {
    kind: HeaderErrorKind,
    at: u32,
}

impl fmt::Display for HeaderPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            HeaderErrorKind::Missing => Ok(()),
            _ => write!(f, " (byte {} of the head)", self.at),
        }
    }
}

impl ProtocolError {
    /// Returns the HTTP status with which a server responds if it has not started its response
    /// (PX-3).
    ///
    /// Returns `None` for errors after the handshake, for input that is not HTTP, and for two
    /// errors that only clients report: [`TooManyInterimResponses`](Self::TooManyInterimResponses)
    /// and [`ChallengeMismatch`](Self::ChallengeMismatch). The status is meaningful on servers
    /// only.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::HeadTooLong { .. } | Self::LineTooLong { .. } | Self::TooManyHeaders { .. } => {
                Some(431)
            }
            Self::UnsupportedMethod => Some(405),
            Self::UnsupportedHttpVersion { .. } => Some(505),
            Self::NotWebSocket | Self::DialectNotEnabled { .. } => Some(426),
            Self::InvalidHeader { name, kind, .. } => Some(header_status(name, *kind)),
            Self::InvalidStartLine { .. }
            | Self::InvalidLine { .. }
            | Self::InvalidKeyNumber { .. } => Some(400),
            Self::TooManyInterimResponses { .. }
            | Self::TlsClientHello
            | Self::FlashPolicyRequest
            | Self::ReservedBits { .. }
            | Self::UnknownOpcode { .. }
            | Self::UnmaskedFrameFromClient
            | Self::MaskedFrameFromServer
            | Self::FragmentedControl { .. }
            | Self::ControlTooLong { .. }
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation { .. }
            | Self::TooManyFragments { .. }
            | Self::InvalidDeflate { .. }
            | Self::InflatedTooLong { .. }
            | Self::InvalidCloseLength
            | Self::InvalidCloseCode { .. }
            | Self::ChallengeMismatch { .. }
            | Self::InvalidLength { .. }
            | Self::FrameTooLong { .. }
            | Self::UnknownFrameType { .. }
            | Self::InvalidUtf8 { .. } => None,
        }
    }

    /// Returns the code of the close frame that an open connection queues from HyBi-7 on (RFC 6455,
    /// section 7.4.1). For errors of the handshake, after which no frame is sent, it is 1002.
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 { .. } | Self::InvalidDeflate { .. } => close_code::INVALID_PAYLOAD,
            Self::FrameTooLong { .. }
            | Self::TooManyFragments { .. }
            | Self::InflatedTooLong { .. } => close_code::MESSAGE_TOO_BIG,
            Self::HeadTooLong { .. }
            | Self::LineTooLong { .. }
            | Self::TooManyHeaders { .. }
            | Self::TooManyInterimResponses { .. }
            | Self::UnsupportedMethod
            | Self::UnsupportedHttpVersion { .. }
            | Self::InvalidStartLine { .. }
            | Self::InvalidLine { .. }
            | Self::InvalidHeader { .. }
            | Self::InvalidKeyNumber { .. }
            | Self::NotWebSocket
            | Self::DialectNotEnabled { .. }
            | Self::TlsClientHello
            | Self::FlashPolicyRequest
            | Self::ChallengeMismatch { .. }
            | Self::ReservedBits { .. }
            | Self::UnknownOpcode { .. }
            | Self::UnmaskedFrameFromClient
            | Self::MaskedFrameFromServer
            | Self::FragmentedControl { .. }
            | Self::ControlTooLong { .. }
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation { .. }
            | Self::InvalidCloseLength
            | Self::InvalidCloseCode { .. }
            | Self::InvalidLength { .. }
            | Self::UnknownFrameType { .. } => close_code::PROTOCOL_ERROR,
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
///
/// ```
/// use hybi::{LineErrorKind, ProtocolError, Request};
/// let headers = [("Host", "example.com"), ("Cookie", "a=1\0")];
/// let error = Request::from_parts("GET", "/", "HTTP/1.1", headers).unwrap_err();
/// assert!(matches!(error, ProtocolError::InvalidLine { kind: LineErrorKind::Value, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineErrorKind {
    /// A line feed does not follow a carriage return (RQ-5).
    #[error("line feed without a carriage return")]
    BareLf,
    /// A carriage return is not followed by a line feed (RQ-5).
    #[error("carriage return without a line feed")]
    BareCr,
    /// A header field continues on a second line (RQ-10; obsolete line folding in RFC 9112,
    /// section 5.2).
    #[error("obsolete line folding of a header field")]
    ObsFold,
    /// The name of a header field is empty, or contains a byte that is not allowed in a token
    /// (RQ-7).
    #[error("empty or invalid header field name")]
    Name,
    /// A header field value contains a control character (RQ-11).
    #[error("control character in a header field value")]
    Value,
}

/// What is wrong with a header field.
///
/// ```
/// use hybi::{HeaderErrorKind, ProtocolError, Request};
/// let headers = [("Host", "example.com"), ("Host", "example.org")];
/// match Request::from_parts("GET", "/", "HTTP/1.1", headers) {
///     Err(ProtocolError::InvalidHeader { name, kind, .. }) => {
///         assert_eq!((name, kind), ("Host", HeaderErrorKind::Duplicate));
///     }
///     _ => unreachable!("Host occurs twice"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderErrorKind {
    /// The handshake requires the header field.
    #[error("is missing")]
    Missing,
    /// The header field must occur at most once (RQ-12).
    #[error("occurs more than once")]
    Duplicate,
    /// The value is not valid in this place, or HTTP/2 does not allow the header field (H2-3).
    #[error("has an invalid value")]
    Invalid,
    /// The server sent a header field for something that the client did not request (HY-4).
    #[error("was not requested by the client")]
    NotRequested,
    /// The value of the server is not the one that the client's request requires.
    #[error("does not match the request")]
    Mismatch,
}

/// What is wrong with a key number of Hixie-76.
///
/// ```
/// use hybi::{KeyErrorKind, ProtocolError, Request};
/// let headers = [
///     ("Host", "example.com"),
///     ("Upgrade", "WebSocket"),
///     ("Connection", "Upgrade"),
///     ("Origin", "http://example.com"),
///     ("Sec-WebSocket-Key1", "4@1"), // without the spaces by which 41 would be divided
///     ("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00"),
/// ];
/// let error = Request::from_parts("GET", "/", "HTTP/1.1", headers).unwrap_err();
/// assert!(matches!(error, ProtocolError::InvalidKeyNumber { kind: KeyErrorKind::NoSpaces, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The key contains no space (KEY-3).
    #[error("contains no space")]
    NoSpaces,
    /// The key contains no digit (KEY-6).
    #[error("contains no digit")]
    NoDigits,
    /// The number is greater than 2^32 - 1 (KEY-5).
    #[error("contains a number greater than 4294967295")]
    TooBig,
    /// The number is not a multiple of the number of spaces (KEY-4).
    #[error("contains the number {number}, which is not a multiple of its {spaces} spaces")]
    #[non_exhaustive]
    NotMultiple {
        /// The number that the digits of the key form.
        number: u32,
        /// The number of spaces in the key.
        spaces: u32,
    },
}
