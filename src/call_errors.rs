//! The errors of calls of the application. A call that returns one has no effect.

use alloc::boxed::Box;

use crate::dialect::Dialect;
use crate::error::ProtocolError;

/// The reason why a message, ping or pong was not queued. The call had no effect.
///
/// Each method documents which of these errors it returns.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Handshake, SendError};
/// let config = Config::new().max_send_buffer(16);
/// let mut conn = Connection::established_server(config, &Handshake::new(Dialect::Rfc6455));
/// conn.send_text("first")?;
/// match conn.send_text("the second") {
///     Err(SendError::BufferFull { retry_at, .. }) => {
///         while conn.pending() > retry_at {
///             conn.advance(1); // after a byte of `transmit` was written
///         }
///         conn.send_text("the second")?;
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), SendError>(())
/// ```
// 16 bytes, so that a result is returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The opening handshake is not complete: [`Event::Open`](crate::Event::Open) was not returned.
    #[error("the opening handshake is not complete")]
    NotOpen,
    /// [`close`](crate::Connection::close) was called, or the connection has ended.
    #[error("the connection is closing or closed")]
    Closing,
    /// The message would bring the pending output above
    /// [`max_send_buffer`](crate::Config::max_send_buffer). It can be sent later.
    #[error("the send buffer is full: retry when at most {retry_at} bytes are pending")]
    #[non_exhaustive]
    BufferFull {
        /// The message fits once at most this many bytes are
        /// [`pending`](crate::Connection::pending).
        retry_at: usize,
    },
    /// The message does not fit into an empty send buffer either.
    #[error("the message does not fit into the send buffer of {limit} bytes")]
    #[non_exhaustive]
    MessageTooLong {
        /// [`max_send_buffer`](crate::Config::max_send_buffer): the maximum length of an encoded
        /// message in bytes.
        limit: usize,
    },
    /// The payload of a ping or pong is longer than 125 bytes (RFC 6455, section 5.5).
    #[error("the payload of a ping or pong is longer than 125 bytes")]
    ControlTooLong,
    /// The last fragment of a message was not sent yet, and the call does not continue the message.
    #[error("the last fragment of another message was not sent yet")]
    FragmentInProgress,
    /// The dialect of the connection has neither binary messages nor pings and pongs.
    #[error("{dialect} has neither binary messages nor pings and pongs")]
    #[non_exhaustive]
    Unsupported {
        /// The dialect of the connection.
        dialect: Dialect,
    },
}

/// The reason why a closing handshake was not started. The call had no effect.
///
/// ```
/// # use hybi::{Close, CloseError, Config, Connection, Dialect, Handshake};
/// let handshake = Handshake::new(Dialect::Rfc6455);
/// let mut conn = Connection::established_server(Config::new(), &handshake);
/// let error = conn.close(&Close::new(1006, "")).unwrap_err();
/// assert!(matches!(error, CloseError::InvalidCode { code: 1006, .. }));
/// assert!(conn.is_open());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// A close frame must not contain this code: [`Close::new`](crate::Close::new) lists those that
    /// can be sent.
    #[error("close code {code} must not be sent")]
    #[non_exhaustive]
    InvalidCode {
        /// The code.
        code: u16,
    },
    /// The reason is longer than 123 bytes (RFC 6455, section 5.5).
    #[error("the close reason has {len} bytes, of at most 123")]
    #[non_exhaustive]
    ReasonTooLong {
        /// The length of the reason in bytes.
        len: usize,
    },
}

/// The reason why a request was not accepted. The call had no effect.
///
/// ```
/// # use hybi::{AcceptError, AcceptOptions, Config, Connection, ProtocolError, Request};
/// let page = Request::from_parts("GET", "/", "HTTP/1.1", [("Host", "example.com")])?;
/// match Connection::upgrade(Config::new(), &page, &AcceptOptions::new()) {
///     Ok((_conn, response)) => println!("{}", response.status()),
///     // The fault of the client, which gets a response.
///     Err(AcceptError::Protocol(error)) => assert_eq!(error.status(), Some(426)),
///     // The fault of the application.
///     Err(error) => panic!("{error}"),
/// }
/// # Ok::<(), ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// No request awaits an answer, or it is plain HTTP. Only returned by
    /// [`accept`](crate::Connection::accept).
    #[error("no WebSocket request awaits an answer")]
    NoRequest,
    /// The request is plain HTTP, or its dialect is not enabled
    /// ([`ProtocolError::DialectNotEnabled`]). Only returned by
    /// [`upgrade`](crate::Connection::upgrade).
    ///
    /// The error is that of a connection which receives this request while
    /// [`plain_http`](crate::Config::plain_http) is off: [`ProtocolError::NotWebSocket`] if there
    /// is nothing else wrong with it.
    #[error(transparent)]
    Protocol(ProtocolError),
    /// The subprotocol is not one of [`Request::protocols`](crate::Request::protocols).
    #[error("the client did not offer this subprotocol")]
    ProtocolNotOffered,
    /// [`AcceptOptions::authority`](crate::AcceptOptions::authority) is not `host` or `host:port`.
    #[error("the authority is invalid at byte {at}")]
    #[non_exhaustive]
    InvalidAuthority {
        /// The offset in bytes of the first invalid byte.
        at: usize,
    },
    /// An added header field is invalid, or one that the crate writes itself.
    #[error(transparent)]
    InvalidHeader(InvalidHeader),
}

/// The reason why a request was not answered. The call had no effect.
///
/// ```
/// # use hybi::{Config, Connection, RespondError, Response};
/// let mut conn = Connection::server(Config::new());
/// assert_eq!(conn.respond(&Response::new(404)), Err(RespondError::NoRequest));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// No request awaits an answer.
    #[error("no request awaits an answer")]
    NoRequest,
    /// The status is not that of a final response: 200 to 599.
    #[error("the HTTP status {status} is not in the range 200 to 599")]
    #[non_exhaustive]
    InvalidStatus {
        /// The status.
        status: u16,
    },
    /// An added header field is invalid, or one that the crate writes itself.
    #[error(transparent)]
    InvalidHeader(InvalidHeader),
    /// The response is longer than [`max_send_buffer`](crate::Config::max_send_buffer). No output
    /// is pending while a request awaits an answer, so the response cannot be sent later either.
    #[error("the response has {len} bytes, which exceeds the send buffer of {limit} bytes")]
    #[non_exhaustive]
    ResponseTooLong {
        /// The length of the response in bytes: the head and, unless the request is `HEAD`, the
        /// body.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The reason why a client's request cannot be created.
///
/// ```
/// # use hybi::{ClientRequest, ClientRequestError};
/// let error = ClientRequest::new("ws://example.com:port/").unwrap_err();
/// assert!(matches!(error, ClientRequestError::InvalidUrl { at: 17, .. }));
/// assert_eq!(error.to_string(), "the URL is invalid at byte 17");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientRequestError {
    /// The URL is not valid: see [`ClientRequest::new`](crate::ClientRequest::new).
    #[error("{}", UrlMessage { at: *.at })]
    #[non_exhaustive]
    InvalidUrl {
        /// The offset in bytes of the first invalid byte; 0 if the scheme is not `ws`, `wss`,
        /// `http` or `https`.
        at: usize,
    },
    /// The origin is not valid in a header field.
    #[error("the origin is invalid")]
    InvalidOrigin,
    /// The subprotocol is not a token, or was added before.
    #[error("the subprotocol is not a token, or was added before")]
    InvalidProtocol,
    /// A header field is invalid, or one that the crate writes itself.
    #[error(transparent)]
    InvalidHeader(InvalidHeader),
}

/// The message of `InvalidUrl`, whose offset is 0 only if the scheme is wrong.
struct UrlMessage {
    at: usize,
}

impl core::fmt::Display for UrlMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.at {
            0 => f.write_str("not a ws:// or wss:// URL"),
            at => write!(f, "the URL is invalid at byte {at}"),
        }
    }
}

/// A header field of the application that cannot be sent: its name or value is invalid, or it is
/// one that the crate writes itself.
///
/// ```
/// # use hybi::{ClientRequest, ClientRequestError};
/// let request = ClientRequest::new("ws://example.com/")?;
/// match request.with_header("Cookie", "a=1\r\nX: b") {
///     Err(ClientRequestError::InvalidHeader(error)) => assert_eq!(error.name(), "Cookie"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), ClientRequestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header field {name:?} is invalid or reserved")]
pub struct InvalidHeader {
    name: Box<str>,
}

impl InvalidHeader {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into() }
    }

    /// Returns the name of the header field, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
