//! Every WebSocket dialect that a browser has spoken, as one sans-IO state machine.
//!
//! A [`Connection`] is fed bytes and returns [`Event`]s and bytes to send. It does no I/O: it has
//! no sockets, no clock, no threads and no `async`, so it fits into any runtime. It speaks five
//! dialects, that is, versions of the protocol, as server and as client: Hixie-75, Hixie-76
//! (HyBi-00), HyBi-7, HyBi-8 and RFC 6455; see [`Dialect`].
//!
//! The [guide] has a chapter for each subject, from [which crate to choose](guide::choosing) and a
//! [complete program](guide::embedding) to [targets without `std`](guide::no_std). Identifiers in
//! parentheses, such as (FR-10), name rules that [`guide::wire_rules`] lists. On tokio, the crate
//! [`hybi-tokio`](https://docs.rs/hybi-tokio) is a complete WebSocket over this one.
//!
//! ```
//! use hybi::{AcceptOptions, Config, Connection, Event, Input, MessageAssembler};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut conn = Connection::server(Config::new());
//! let mut message = MessageAssembler::new(64 * 1024);
//! let mut bytes = *b"GET /chat HTTP/1.1\r\n\
//!     Host: server.example.com\r\n\
//!     Upgrade: websocket\r\n\
//!     Connection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Sec-WebSocket-Version: 13\r\n\r\n\
//!     \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//! let now = Duration::ZERO; // since the connection was established
//! let mut input = Input::new(&mut bytes, now); // the bytes of one read
//! while let Some(event) = conn.receive(&mut input) {
//!     match event {
//!         Event::Request(_) => conn.accept(&AcceptOptions::new())?,
//!         Event::Text(chunk) => {
//!             if let Some(text) = message.push_text(chunk)? {
//!                 conn.send_text(text)?;
//!             }
//!         }
//!         _ => {}
//!     }
//! }
//! // Write `transmit()` to the socket, and call `advance` with the number of bytes written.
//! assert!(conn.transmit().ends_with(b"\x81\x05Hello"));
//! # Ok(())
//! # }
//! ```
//!
//! # How do I
//!
//! | task | answer |
//! | --- | --- |
//! | accept a connection? | [`Connection::server`]; on [`Event::Request`], now or later, [`accept`](Connection::accept) or [`respond`](Connection::respond): [servers](guide::servers) |
//! | connect to a server? | [`Connection::client`] with a [`ClientRequest`]; through an HTTP proxy [`ProxyTunnel`]: [clients](guide::clients) |
//! | receive whole messages? | [`MessageAssembler`] |
//! | send messages? | [`send_text`](Connection::send_text), [`send_binary`](Connection::send_binary), then write [`transmit`](Connection::transmit); without a copy [`send_text_vectored`](Connection::send_text_vectored) |
//! | close with a code, and read the peer's? | [`close`](Connection::close) and [`Closed::Clean`]: [example](guide::servers#closing) |
//! | keep idle connections alive? | [`Config::keepalive`]: [which interval](guide::timeouts#which-interval) |
//! | set timeouts? | [`Config::handshake_timeout`], [`close_timeout`](Config::close_timeout), [`write_timeout`](Config::write_timeout); call `receive` by the [`deadline`](Connection::deadline): [timeouts](guide::timeouts) |
//! | use an async runtime? | tokio: [`hybi-tokio`](https://docs.rs/hybi-tokio); others: [example](guide::async_runtimes) |
//! | use an HTTP library? | axum, hyper: [`hybi-tokio`](https://docs.rs/hybi-tokio); others: [`Request::from_parts`], then [`Connection::upgrade`]; for the types of the crate `http` a [feature](#features) |
//! | use TLS? | pass decrypted bytes, from a TLS library around the socket; [clients](guide::clients) need it if [`ClientRequest::is_tls`]. [`Config::tls`] does not encrypt: only Hixie-75 and Hixie-76 need it |
//! | limit memory? | [`Config`], and [`MessageAssembler::new`]: a table of [limits](https://crates.io/crates/hybi#limits); of the [process](guide::broadcast#a-memory-limit-for-the-process) |
//! | handle a slow peer? | [back-pressure](#back-pressure) |
//! | send to many connections? | [`PreparedMessage`]; those that read too slowly: [broadcast](guide::broadcast#slow-receivers) |
//! | compress messages? | the [feature](#features) `deflate` and `Config::deflate`: see the page `compression` of the [guide] |
//! | use subprotocols and cookies? | [`AcceptOptions`], [`Request`], [`ClientRequest`]: [servers](guide::servers), [clients](guide::clients) |
//! | stream long messages? | [`send_text_fragment`](Connection::send_text_fragment), and each chunk as it arrives: [large messages](guide::large_messages) |
//!
//! # Back-pressure
//!
//! A connection never stops reading by itself: [`wants_read`](Connection::wants_read) says only
//! that input can be consumed. Pending output is limited, and the application decides what happens
//! when the peer reads more slowly than the application sends. There are two kinds of sender:
//!
//! | the application | while [`is_congested`](Connection::is_congested) | on [`SendError::BufferFull`] | who slows down |
//! | --- | --- | --- | --- |
//! | answers messages (echo, RPC) | pauses: receives no more events and does not read | cannot happen, if one answer fits between `high_water` and `max_send_buffer` | the peer: its own sends block until it reads |
//! | forwards to another connection (proxy) | of the other connection: pauses | cannot happen, likewise | the peer whose messages are forwarded |
//! | sends of its own accord (feed, chat, bulk transfer) | reads on | drops the message, skips it, or tries again after `advance` | the application |
//!
//! ```text
//!      the peer                              this side
//!        sends ──► socket ──► receive() ──► application
//!                                               │ send_text()
//!        reads ◄── socket ◄── transmit() ◄── send buffer
//!                                             0 ─── high_water ─── max_send_buffer
//!                                                   is_congested()   BufferFull
//! ```
//!
//! At most one side of a connection may pause. Two sides that both pause can block each other
//! without end, as in any protocol over TCP: each waits until the other reads. A client that sends
//! requests reads on; the server that answers them pauses.
//!
//! To pause, stop calling `receive` with input and keep [`Input::remaining`] for later. A blocking
//! loop writes the pending output instead:
//!
//! ```
//! # use hybi::{Connection, Event, Input};
//! # use std::io::Write;
//! # fn turn(conn: &mut Connection, socket: &mut impl Write, input: &mut Input<'_>) -> Result<(), Box<dyn std::error::Error>> {
//! while let Some(event) = conn.receive(input) {
//!     if let Event::Text(chunk) = event {
//!         conn.send_text(&chunk.as_str().repeat(1000))?;
//!     }
//!     while conn.is_congested() {
//!         let n = socket.write(conn.transmit())?;
//!         conn.advance(n);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A peer that accepts too few bytes ends the connection after [`Config::write_timeout`]. What a
//! connection queues by itself is bounded: a pong, of which only the latest is deferred while
//! congested, a ping of keep-alive, and a close frame.
//!
//! # Guarantees
//!
//! - [`receive`](Connection::receive) returns `None` when all input is consumed, when a request or
//!   (with [`Config::auto_close`] off) a close frame awaits your answer, or after the connection
//!   has ended.
//! - Events and output do not depend on how the input is split into reads. Only the chunks of a
//!   message do; [`MessageAssembler`] joins them, up to a limit.
//! - [`Event::Closed`] is returned once, and is the last event.
//! - No input panics. A call that is rejected changes nothing.
//! - An event borrows from the input only: the connection can be called while an event exists, and
//!   one read buffer serves any number of connections.
//!
//! # Driving a connection
//!
//! Each iteration of the I/O loop of a connection has four steps.
//!
//! 1. **Input.** While [`wants_read`](Connection::wants_read) is true and you do not pause, read,
//!    and pass the bytes and the time to `receive` until it returns `None`. At the end of input
//!    call [`receive_eof`](Connection::receive_eof) first. Call `receive` at least once, without
//!    bytes if there are none: expired timeouts are reported without input.
//! 2. **Output.** Write [`transmit`](Connection::transmit) and call
//!    [`advance`](Connection::advance) with the number of bytes written, once per iteration rather
//!    than once per message.
//! 3. **End.** When [`is_done`](Connection::is_done), shut down the sending side of the socket,
//!    read to the end of input for a bounded time, and drop it.
//! 4. **Wait** for the socket, but no longer than until [`deadline`](Connection::deadline).
//!
//! With blocking sockets: a [server](guide::embedding#a-complete-program) and a
//! [client](guide::clients#a-whole-program). With nonblocking sockets and edge-triggered readiness,
//! as in mio:
//!
//! ```
//! use std::io::{self, ErrorKind, Read, Write};
//! use std::mem;
//! use std::time::Duration;
//!
//! use hybi::{Connection, Event, Input};
//!
//! struct Peer<S> {
//!     socket: S,
//!     conn: Connection,
//!     remaining: Vec<u8>, // bytes that were read and not consumed, because of back-pressure
//!     readable: bool,     // set by a readiness event, cleared when a read would block
//!     writable: bool,     // likewise for writes
//! }
//!
//! impl<S: Read + Write> Peer<S> {
//!     /// Returns when to call it again at the latest: `now` if there is more input. The caller
//!     /// checks `is_done()`.
//!     fn drive(&mut self, now: Duration, buf: &mut [u8]) -> io::Result<Option<Duration>> {
//!         if self.conn.deadline().is_some_and(|at| at <= now) {
//!             self.writable = true; // the kernel can accept bytes long before it reports so
//!         }
//!         for _ in 0..16 {
//!             self.flush()?;
//!             let can_receive = !self.conn.is_congested();
//!             let mut kept = if can_receive { mem::take(&mut self.remaining) } else { Vec::new() };
//!             let mut input = Input::new(&mut kept, now);
//!             if can_receive && input.remaining().is_empty() && self.readable && self.conn.wants_read() {
//!                 match self.socket.read(buf) {
//!                     Ok(0) => {
//!                         self.readable = false;
//!                         self.conn.receive_eof();
//!                     }
//!                     Ok(n) => input = Input::new(&mut buf[..n], now),
//!                     Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
//!                     Err(error) if error.kind() == ErrorKind::Interrupted => {}
//!                     Err(error) => return Err(error),
//!                 }
//!             }
//!             // Without bytes while congested: time passes all the same.
//!             while let Some(event) = self.conn.receive(&mut input) {
//!                 handle(&mut self.conn, event);
//!                 if self.conn.is_congested() {
//!                     break;
//!                 }
//!             }
//!             if can_receive {
//!                 self.remaining = input.remaining().to_vec();
//!             }
//!             self.flush()?;
//!             let has_input = self.readable || !self.remaining.is_empty();
//!             if self.conn.is_congested() || !has_input || !self.conn.wants_read() {
//!                 return Ok(self.conn.deadline());
//!             }
//!         }
//!         Ok(Some(now)) // the other connections first: no event reports this input again
//!     }
//!
//!     fn flush(&mut self) -> io::Result<()> {
//!         while self.writable && self.conn.wants_write() {
//!             match self.socket.write(self.conn.transmit()) {
//!                 Ok(0) => return Err(ErrorKind::WriteZero.into()),
//!                 Ok(n) => self.conn.advance(n),
//!                 Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
//!                 Err(error) if error.kind() == ErrorKind::Interrupted => {}
//!                 Err(error) => return Err(error),
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn handle(conn: &mut Connection, event: Event<'_>) {
//!     match event {
//!         // As in the first example.
//!         _ => {}
//!     }
//! }
//! ```
//!
//! # States
//!
//! ```text
//!  server                                            client
//!    │                                                 │ request queued
//!    ▼                                                 ▼
//!  reading the request                               reading the response
//!    │   invalid: 4xx or 505 queued ──► closed         │   not 101, or invalid ──► closed
//!    │ Event::Request                                  │
//!    ▼                                                 ▼
//!  awaiting an answer                                reading 16 bytes (Hixie-76)
//!    │   respond(): response queued ──► closed         │   not as expected ──► closed
//!    │ accept(): response queued                       │
//!    ▼                                                 │
//!  reading 8 bytes (Hixie-76)                          │
//!    │ 16 bytes queued                                 │
//!    └────────────────────────┬────────────────────────┘
//!                             │ Event::Open
//!                             ▼
//!                           open
//!                             │   Event::Closing: close frame queued by `receive`
//!                             │     or close() ──► closed
//!                             │   invalid frame: close frame queued ──► closed
//!                             │   end of input ──► closed
//!                             │ close(): close frame queued
//!                             ▼
//!                           closing
//!                             │ peer's close, invalid frame, end of input, timeout
//!                             ▼
//!                           closed
//!                             │ Event::Closed; output written
//!                             ▼
//!                           is_done()
//! ```
//!
//! The diagram omits some ways to the end of a connection:
//!
//! - [`abort`](Connection::abort), and timeouts.
//! - Before `Event::Open`, the end of input and [`close`](Connection::close) end the connection.
//!   `close` queues a response with status 503 if none has been started.
//! - A TLS ClientHello gets no response. A Flash policy request gets the configured policy, or no
//!   response.
//! - Hixie-75 has no close frame: `close` ends an open connection at once, and an invalid frame is
//!   not answered.
//!
//! # Features
//!
//! - `std` (default): byte search and UTF-8 validation with run-time SIMD detection.
//! - `deflate`: compression of messages with permessage-deflate and, on servers,
//!   x-webkit-deflate-frame, if [`Config`] enables it.
//! - `getrandom`: `Entropy::from_os`, random bytes of the operating system for clients.
//! - `http`: `http::Request` to [`Request`], and [`UpgradeResponse`] or [`ProtocolError`] to
//!   `http::Response`, for servers such as hyper and axum. The crate `http` needs the standard
//!   library.
//! - `simd`: masking with the widest registers of the processor, in one pass with the check for
//!   ASCII. The crate [`websocket-mask`](https://docs.rs/websocket-mask), which does so, contains
//!   `unsafe` code; this crate does not.
//!
//! Without `std` the crate needs `alloc` only, and a target with atomic compare-and-swap
//! (`target_has_atomic = "ptr"`), for `Arc`. The Cortex-M0 (thumbv6m), for example, has none.
//!
//! # What is left to you
//!
//! TLS, authentication, checking origins ([`Request::origin_among`]), the number of connections,
//! and calling `receive` at the deadline.
//!
//! Hixie-75 and Hixie-76 were withdrawn for a reason that [`Dialect`] states. Read it before you
//! use them on the public internet without TLS: servers accept Hixie-76 unless [`Config::dialects`]
//! is set.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod call_errors;
pub mod close_code;
mod config;
mod connection;
#[cfg(feature = "deflate")]
mod deflate;
mod dialect;
mod entropy;
mod error;
mod event;
mod fixed_buf;
mod frame;
#[cfg(doc)]
pub mod guide;
mod handshake;
mod header_name;
mod http;
#[cfg(feature = "http")]
mod http_types;
mod input;
mod message;
mod prepared;
mod proxy;
mod random;
mod send_buffer;
mod sniff;
mod time;
mod work;

pub use call_errors::{
    AcceptError, ClientRequestError, CloseError, InvalidHeader, RespondError, SendError,
};
pub use config::{Config, SharedConfig};
pub use connection::{Connection, VectoredMessage};
#[cfg(feature = "deflate")]
pub use deflate::{Compression, Deflate, ParseCompressionError};
pub use dialect::{Dialect, Dialects, DialectsIter, ParseDialectError};
pub use entropy::Entropy;
#[cfg(feature = "getrandom")]
pub use entropy::EntropyError;
pub use error::{HeaderErrorKind, KeyErrorKind, LineErrorKind, ProtocolError};
pub use event::{
    BinaryChunk, Close, Closed, Event, Handshake, Payload, Phase, SkippedFrame, TextChunk, Timeout,
};
pub use handshake::{AcceptOptions, ClientRequest, Rejection, Request, Response, UpgradeResponse};
pub use input::Input;
pub use message::{MessageAssembler, MessageTooLong};
pub use prepared::PreparedMessage;
pub use proxy::ProxyTunnel;

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Items that fuzz targets use in addition to the public API.
#[cfg(all(any(fuzzing, hybi_verify), feature = "std"))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::handshake::challenge::key_part;
    #[cfg(hybi_verify)]
    pub use crate::work::is_verifying;
    pub use crate::work::take as take_work;
}
