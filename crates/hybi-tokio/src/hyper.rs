//! WebSocket on the port of a server of hyper 1, over HTTP/1.1 and HTTP/2.
//!
//! [`Upgrade::from_request`] checks a request, [`Upgrade::accept`] returns the response, and
//! [`Upgrading::complete`] waits until hyper has written it. This module spawns no task: the last
//! step has to run in one of its own, since hyper writes the response after the service has
//! returned it.
//!
//! ```
//! use hybi_tokio::hybi::{AcceptOptions, Config};
//! use hybi_tokio::hyper::{Rejection, Upgrade, UpgradedStream, is_upgrade};
//! use hybi_tokio::{Error, WebSocket};
//! use hyper::body::Incoming;
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response, StatusCode};
//! use hyper_util::rt::{TokioIo, TokioTimer};
//! use std::convert::Infallible;
//! use std::time::Duration;
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::time::sleep;
//!
//! static CONFIG: Config = Config::new();
//!
//! async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
//!     if !is_upgrade(&request) {
//!         return Ok(Response::new("a page".to_owned()));
//!     }
//!     Ok(upgrade(request).await.unwrap_or_else(Response::from))
//! }
//!
//! async fn upgrade(request: Request<Incoming>) -> Result<Response<String>, Rejection> {
//!     let upgrade = Upgrade::from_request(request).await?;
//!     if !upgrade.request().origin_among(&["https://example.com"]) {
//!         let mut response = Response::new("unknown origin".to_owned());
//!         *response.status_mut() = StatusCode::FORBIDDEN;
//!         return Ok(response);
//!     }
//!     let (response, upgrading) = upgrade.accept(&CONFIG, &AcceptOptions::new())?;
//!     tokio::spawn(async move {
//!         echo(upgrading.complete().await?).await
//!     });
//!     Ok(response.map(|()| String::new()))
//! }
//!
//! async fn echo(mut socket: WebSocket<UpgradedStream>) -> Result<(), Error> {
//!     while let Some(message) = socket.next().await {
//!         socket.send(message?).await?;
//!     }
//!     Ok(())
//! }
//!
//! async fn serve(listener: TcpListener) -> Result<(), std::io::Error> {
//!     loop {
//!         let Ok((tcp, _)) = listener.accept().await else {
//!             sleep(Duration::from_millis(100)).await; // until a file descriptor is free
//!             continue;
//!         };
//!         let mut builder = http1::Builder::new();
//!         builder.timer(TokioTimer::new()).title_case_headers(true);
//!         let conn = builder.serve_connection(TokioIo::new(tcp), service_fn(answer));
//!         tokio::spawn(conn.with_upgrades());
//!     }
//! }
//! ```
//!
//! # Settings of hyper
//!
//! - HTTP/1.1 needs `with_upgrades`, or `serve_connection_with_upgrades` of hyper-util. Without it,
//!   [`Upgrading::complete`] returns an error after the client has received a 101.
//! - Hixie-75, which is not enabled by default, needs `title_case_headers(true)`: its clients
//!   compare the header fields `Upgrade` and `Connection` byte for byte (H75-2). By default, hyper
//!   writes names in lower case.
//! - Browsers use WebSocket over HTTP/2 (RFC 8441) only if the server announces it, with
//!   `enable_connect_protocol` of `http2::Builder`.
//! - The limits of [`Config`] for heads do not apply: those of hyper do, and its
//!   `header_read_timeout`, which needs a timer. It starts with the first byte of HTTP/1.1, and
//!   HTTP/2 has none: drop a connection whose service was not called for some time, or clients that
//!   send nothing stay.
//! - Until a connection is upgraded, nothing limits how long hyper waits for a client that does not
//!   read its responses: set `TCP_USER_TIMEOUT` (with the crate socket2, `set_tcp_user_timeout` on
//!   Linux), or pass a stream with a timeout of its own.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use http_body::Body;
use hybi::{
    AcceptError, AcceptOptions, Config, Connection, Dialect, ProtocolError, Request, SharedConfig,
};
use hyper::ext::{Protocol, ReasonPhrase};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{Error, WebSocket};

/// The stream of a WebSocket on a server of hyper: of HTTP/1.1 the connection, of HTTP/2 one of its
/// streams.
pub type UpgradedStream = TokioIo<Upgraded>;

/// The number of bytes of the third key of Hixie-76.
const KEY_LEN: usize = 8;

/// How long to wait for a third key that is the body of the request.
const KEY_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration while that of the server is not known.
static DEFAULT_CONFIG: Config = Config::new();

/// How long to wait until the response is written.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns whether a request is for a WebSocket, so that [`Upgrade::from_request`] has to answer
/// it.
///
/// These are, in HTTP/1.1, a `GET` whose only `Upgrade` is `websocket`, ignoring case, and in
/// HTTP/2 a `CONNECT` whose `:protocol` is `websocket`. Other requests are plain HTTP, also with
/// HTTP/1.0 and `HEAD`, which have no upgrades. The request may still be invalid.
///
/// ```
/// use hybi_tokio::hyper::is_upgrade;
/// use http::Request;
///
/// let request = Request::get("/chat").header("Upgrade", "WebSocket").body(())?;
/// assert!(is_upgrade(&request));
/// assert!(!is_upgrade(&Request::get("/").body(())?));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn is_upgrade<B>(request: &http::Request<B>) -> bool {
    match request.version() {
        Version::HTTP_11 => *request.method() == Method::GET && has_upgrade(request.headers()),
        Version::HTTP_2 => *request.method() == Method::CONNECT && has_protocol(request),
        _ => false,
    }
}

/// Returns whether `Upgrade` is `websocket` alone (RQ-14).
fn has_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::UPGRADE).into_iter();
    let members = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut members = members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty());
    let is_websocket = |member: &[u8]| member.eq_ignore_ascii_case(b"websocket");
    members.next().is_some_and(is_websocket) && members.next().is_none()
}

/// Returns whether `:protocol` is `websocket` (H2-1).
fn has_protocol<B>(request: &http::Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// A request for a WebSocket that awaits an answer: [`accept`](Self::accept) it, or answer with any
/// other response and drop this.
///
/// It can be kept while something is looked up, for as long as the client waits.
pub struct Upgrade {
    version: Version,
    request: Request,
    on_upgrade: OnUpgrade,
    /// The third key of Hixie-76, if it was the body of the request.
    key: Bytes,
}

/// Omits the third key.
impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("version", &self.version)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl Upgrade {
    /// Checks a request of HTTP/1.1 or HTTP/2 that hyper has read.
    ///
    /// Some clients of Hixie-76 declare the 8 bytes of their third key as the body of the request.
    /// They are awaited, for at most 10 seconds. No other body is read.
    ///
    /// Hixie-75 and Hixie-76 clients compare the path in the response with their own. If a router
    /// has changed the URI of the request, restore it before.
    ///
    /// # Errors
    /// A [`Rejection`], to be sent as the response:
    ///
    /// - [`RejectionReason::Invalid`] if the request is not valid, or plain HTTP.
    /// - [`RejectionReason::OtherProtocol`] for a `CONNECT` of HTTP/2 whose `:protocol` is not
    ///   `websocket`.
    /// - [`RejectionReason::NoUpgrade`] if hyper has not read the request, or if something has
    ///   removed its extension [`OnUpgrade`].
    /// - [`RejectionReason::NoKey`] and [`RejectionReason::KeyTimedOut`] if the body ends before
    ///   the third key is complete, or if it is not complete in time.
    ///
    /// # Panics
    /// If the body has to be read outside of a tokio runtime with enabled time.
    pub async fn from_request<B: Body>(mut request: http::Request<B>) -> Result<Self, Rejection> {
        let version = request.version();
        let rejection = |reason| Rejection::new(version, reason);
        let checked = check(&request).map_err(rejection)?;
        let on_upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let on_upgrade = on_upgrade.ok_or(rejection(RejectionReason::NoUpgrade))?;
        let key = if has_key_in_body(&checked) {
            let key = timeout(KEY_TIMEOUT, read_key(request.into_body())).await;
            let key = key.map_err(|_| rejection(RejectionReason::KeyTimedOut))?;
            key.ok_or(rejection(RejectionReason::NoKey))?
        } else {
            Bytes::new()
        };
        Ok(Self {
            version,
            request: checked,
            on_upgrade,
            key,
        })
    }

    /// Returns the request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Accepts the request. Returns the response, which has no body, and what waits until hyper has
    /// written it.
    ///
    /// Header fields may be added to the response after those that it has. Keep its extension
    /// [`ReasonPhrase`], which Hixie-75 requires.
    ///
    /// # Errors
    /// A [`Rejection`], to be sent as the response, with [`RejectionReason::Accept`]:
    ///
    /// - [`AcceptError::Protocol`] if the dialect is not enabled in
    ///   [`Config::dialects`](hybi::Config::dialects).
    /// - [`AcceptError::ProtocolNotOffered`], [`AcceptError::InvalidAuthority`] and
    ///   [`AcceptError::InvalidHeader`] if the options do not fit the request.
    pub fn accept(
        self,
        config: impl Into<SharedConfig>,
        options: &AcceptOptions,
    ) -> Result<(http::Response<()>, Upgrading), Rejection> {
        let config = config.into();
        let upgrade = Connection::upgrade(config.clone(), &self.request, options);
        let (conn, accepted) = upgrade.map_err(|error| Rejection {
            version: self.version,
            config: Some(config),
            reason: RejectionReason::Accept(error),
        })?;
        let reason = match accepted.reason() {
            "" => None, // HTTP/2
            reason => ReasonPhrase::try_from(reason.as_bytes()).ok(),
        };
        let mut response = http::Response::from(accepted);
        if let Some(reason) = reason {
            response.extensions_mut().insert(reason); // H75-2
        }
        let upgrading = Upgrading {
            conn,
            on_upgrade: self.on_upgrade,
            key: self.key,
        };
        Ok((response, upgrading))
    }
}

/// Checks a request of any version.
fn check<B>(request: &http::Request<B>) -> Result<Request, RejectionReason> {
    if request.version() == Version::HTTP_2 {
        if *request.method() != Method::CONNECT {
            return Err(RejectionReason::Invalid(ProtocolError::NotWebSocket));
        }
        if !has_protocol(request) {
            return Err(RejectionReason::OtherProtocol);
        }
    }
    let request = Request::try_from(request).map_err(RejectionReason::Invalid)?;
    match request.dialect() {
        Some(_) => Ok(request),
        None => Err(RejectionReason::Invalid(ProtocolError::NotWebSocket)),
    }
}

/// Returns whether hyper takes the third key for the body.
fn has_key_in_body(request: &Request) -> bool {
    let content_length = request.header("Content-Length");
    request.dialect() == Some(Dialect::Hixie76) && content_length == Some(b"8")
}

/// Reads the third key. `None` if the body ends before.
async fn read_key<B: Body>(body: B) -> Option<Bytes> {
    let mut body = pin!(body);
    let mut key = BytesMut::with_capacity(KEY_LEN);
    while key.len() < KEY_LEN {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await?.ok()?;
        if let Ok(data) = frame.into_data() {
            key.put(data.take(KEY_LEN - key.len()));
        }
    }
    Some(key.freeze())
}

/// An accepted request whose response hyper has not written yet.
///
/// Dropping it ends the connection, or in HTTP/2 the stream, once the response is written.
#[must_use = "the client awaits a WebSocket"]
pub struct Upgrading {
    conn: Connection,
    on_upgrade: OnUpgrade,
    key: Bytes,
}

/// Omits the third key.
impl fmt::Debug for Upgrading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrading")
            .field("conn", &self.conn)
            .finish_non_exhaustive()
    }
}

impl Upgrading {
    /// Waits until hyper has written the response, for at most 10 seconds, and completes the
    /// opening handshake: a client of Hixie-76 may send the third key only now, within
    /// [`handshake_timeout`](hybi::Config::handshake_timeout).
    ///
    /// Call it in a task, not in the service that returns the response.
    ///
    /// # Errors
    /// - [`Error::Io`] with [`TimedOut`](io::ErrorKind::TimedOut) if the response was not written
    ///   in time: most likely, it was not returned to hyper. With another kind if hyper failed to
    ///   write it, or if it serves the connection without upgrades, or if the stream failed.
    /// - [`Error::Closed`] if the connection ended before the opening handshake was complete.
    ///
    /// # Panics
    /// Outside of a tokio runtime with enabled time.
    pub async fn complete(self) -> Result<WebSocket<UpgradedStream>, Error> {
        let upgraded = timeout(UPGRADE_TIMEOUT, self.on_upgrade).await;
        let upgraded = upgraded.map_err(|_| {
            let message = "the response that accepts a WebSocket was not written in time";
            io::Error::new(io::ErrorKind::TimedOut, message)
        })?;
        let stream = TokioIo::new(upgraded.map_err(io::Error::other)?);
        WebSocket::upgraded(stream, self.conn, self.key).await
    }
}

/// A request that was not accepted. It converts to the response: a line of text with the
/// [`reason`](Self::reason).
///
/// For an invalid request, the status and header fields are those of
/// [`ProtocolError::to_response`], with the default configuration until [`Upgrade::accept`] knows
/// that of the server.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use hybi_tokio::hyper::Upgrade;
/// use http::{Request, Response};
///
/// let page = Request::get("/").header("Host", "example.com").body(String::new()).unwrap();
/// let rejection = Upgrade::from_request(page).await.unwrap_err();
/// let response = Response::from(rejection);
/// assert_eq!(response.status(), 426);
/// assert_eq!(response.headers()["Upgrade"], "websocket");
/// # }
/// ```
#[derive(Debug)]
pub struct Rejection {
    version: Version,
    /// That of the server, if it is known.
    config: Option<SharedConfig>,
    reason: RejectionReason,
}

/// Why a request was not accepted, with the status of the response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The request is invalid ([`ProtocolError::status`]), or plain HTTP
    /// ([`ProtocolError::NotWebSocket`], 426).
    #[error(transparent)]
    Invalid(ProtocolError),
    /// A `CONNECT` of HTTP/2 is for a tunnel or for another protocol than WebSocket (501).
    #[error("the :protocol of the CONNECT request is not websocket")]
    OtherProtocol,
    /// The HTTP library has no upgrade for the request (500).
    #[error("the server does not support upgrades for this request")]
    NoUpgrade,
    /// The body ended before the third key of Hixie-76 (400).
    #[error("the body of the request ended before the 8 bytes of the key")]
    NoKey,
    /// The third key of Hixie-76 was not received in time (408).
    #[error("the 8 bytes of the key were not received in time")]
    KeyTimedOut,
    /// A request of Hixie-75 reached the extractor of the module `axum` (501).
    #[error(
        "this is a request of Hixie-75, whose clients reject header names in lower case, as \
         axum::serve writes them: serve the router with hyper's http1::Builder and \
         title_case_headers(true), and call hybi_tokio::hyper::Upgrade::from_request in the handler"
    )]
    LowerCaseHeaders,
    /// [`Upgrade::accept`] failed: [`ProtocolError::status`] if the dialect is not enabled,
    /// otherwise 500.
    #[error(transparent)]
    Accept(AcceptError),
}

impl Rejection {
    fn new(version: Version, reason: RejectionReason) -> Self {
        Self {
            version,
            config: None,
            reason,
        }
    }

    /// Returns why the request was not accepted.
    #[must_use]
    pub fn reason(&self) -> &RejectionReason {
        &self.reason
    }

    #[cfg(feature = "axum")]
    pub(crate) fn lower_case_headers() -> Self {
        Self::new(Version::HTTP_11, RejectionReason::LowerCaseHeaders)
    }

    /// Returns the response without its body.
    fn head(&self) -> http::Response<()> {
        let status = match &self.reason {
            RejectionReason::Invalid(error)
            | RejectionReason::Accept(AcceptError::Protocol(error)) => {
                let config = self.config.as_deref().unwrap_or(&DEFAULT_CONFIG);
                return error.to_response(self.version, config);
            }
            RejectionReason::NoKey => StatusCode::BAD_REQUEST,
            RejectionReason::KeyTimedOut => StatusCode::REQUEST_TIMEOUT,
            RejectionReason::OtherProtocol | RejectionReason::LowerCaseHeaders => {
                StatusCode::NOT_IMPLEMENTED
            }
            RejectionReason::NoUpgrade | RejectionReason::Accept(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let mut response = http::Response::new(());
        *response.status_mut() = status;
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason.source()
    }
}

impl From<&Rejection> for http::Response<String> {
    fn from(rejection: &Rejection) -> Self {
        let mut response = rejection.head().map(|()| format!("{rejection}\n"));
        let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }
}

/// As from `&Rejection`.
impl From<Rejection> for http::Response<String> {
    fn from(rejection: Rejection) -> Self {
        Self::from(&rejection)
    }
}
