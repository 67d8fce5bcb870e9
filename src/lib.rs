//! Every WebSocket dialect that a browser has spoken, as one sans-IO state machine.
//!
//! A [`Connection`] is fed bytes and returns [`Event`]s and bytes to send. It does no I/O: it has no
//! sockets, no clock, no threads and no `async`, so it fits into any runtime. It speaks Hixie-75,
//! Hixie-76 (HyBi-00), HyBi-7, HyBi-8 and RFC 6455, as server and as client; see [`Dialect`].
//!
//! ```
//! use hybi::{AcceptOptions, Config, Connection, Event, MessageAssembler};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut conn = Connection::server(&Config::new());
//! let mut message = MessageAssembler::new(64 * 1024);
//! let mut bytes = *b"GET /chat HTTP/1.1\r\n\
//!     Host: server.example.com\r\n\
//!     Upgrade: websocket\r\n\
//!     Connection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Sec-WebSocket-Version: 13\r\n\r\n\
//!     \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//! let mut input = &mut bytes[..]; // what a read gave
//! while let Some(event) = conn.receive(&mut input) {
//!     match event {
//!         Event::Request(_) => conn.accept(&AcceptOptions::new())?,
//!         Event::Text(chunk) => {
//!             if let Some(text) = message.push_text(&chunk)? {
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
//! # The contract
//!
//! - [`receive`](Connection::receive) returns `None` when all input is consumed, when a request
//!   awaits your answer, or after the connection has ended.
//! - Events and output do not depend on how the input is split into reads. Only the chunks of a
//!   message do; [`MessageAssembler`] joins them, up to a limit.
//! - [`Event::Closed`] is returned once, and is the last event.
//! - No input panics. A call that is rejected changes nothing.
//! - An event borrows from the input only: the connection can be called while an event is held, and
//!   one read buffer serves any number of connections.
//!
//! # Plugging it in
//!
//! Each turn of an adapter does five things.
//!
//! 1. **Time.** [`tick`](Connection::tick) makes expired timeouts available to the next `receive`.
//!    Called last in a turn, it returns how long to wait.
//! 2. **Input.** While [`wants_read`](Connection::wants_read) is true, read, and call `receive` until
//!    it returns `None`, also after a read of nothing. While it is false, do not read: that slows
//!    down a peer that sends faster than it reads.
//! 3. **End of file.** Call [`receive_eof`](Connection::receive_eof), then `receive` again.
//! 4. **Output.** Write [`transmit`](Connection::transmit) and call [`advance`](Connection::advance)
//!    with the number of bytes written, once per turn rather than once per message.
//! 5. **End.** Drop the socket when [`is_done`](Connection::is_done).
//!
//! With blocking sockets that is the echo server in the README. With readiness (mio, edge-triggered):
//!
//! ```
//! use std::io::{self, ErrorKind::WouldBlock, Read, Write};
//! use std::time::Duration;
//!
//! use hybi::Connection;
//!
//! struct Peer<S> {
//!     socket: S,
//!     conn: Connection,
//!     readable: bool, // until the socket blocks: an edge is reported once
//!     writable: bool,
//! }
//!
//! impl<S: Read + Write> Peer<S> {
//!     /// Returns how long to wait for the next turn; the caller checks `is_done()`.
//!     fn turn(&mut self, now: Duration, buf: &mut [u8]) -> io::Result<Option<Duration>> {
//!         self.conn.tick(now);
//!         self.handle_input(&mut []);
//!         loop {
//!             while self.readable && self.conn.wants_read() {
//!                 match self.socket.read(buf) {
//!                     Ok(n) if n > 0 => self.handle_input(&mut buf[..n]),
//!                     Ok(_) => {
//!                         self.readable = false;
//!                         self.conn.receive_eof();
//!                         self.handle_input(&mut []);
//!                     }
//!                     Err(error) if error.kind() == WouldBlock => self.readable = false,
//!                     Err(error) => return Err(error),
//!                 }
//!             }
//!             while self.writable && self.conn.wants_write() {
//!                 match self.socket.write(self.conn.transmit()) {
//!                     Ok(n) => self.conn.advance(n),
//!                     Err(error) if error.kind() == WouldBlock => self.writable = false,
//!                     Err(error) => return Err(error),
//!                 }
//!             }
//!             if !(self.readable && self.conn.wants_read()) {
//!                 break; // Writing may have lowered the pending output enough to read on.
//!             }
//!         }
//!         Ok(self.conn.tick(now))
//!     }
//!
//!     fn handle_input(&mut self, mut input: &mut [u8]) {
//!         while let Some(event) = self.conn.receive(&mut input) {
//!             match event {
//!                 // As above.
//!                 _ => {}
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! # States
//!
//! ```text
//!  server                                           client
//!    │                                                │ request (and key bytes) pending
//!    ▼                                                ▼
//!  reading the head ──invalid──► 4xx ──┐            reading the reply ──not 101, or invalid──┐
//!    │ Event::Request                  │              │                                      │
//!    ▼                                 │              ▼                                      │
//!  awaiting an answer ──respond()──────┤            reading 16 bytes (Hixie-76) ──mismatch───┤
//!    │ accept(): head sent             │              │ Event::Open                          │
//!    ▼                                 │              │                                      │
//!  reading 8 key bytes (Hixie-76)      │              │                                      │
//!    │ 16 bytes sent, Event::Open      │              │                                      │
//!    └──────────────┬──────────────────┼──────────────┘                                      │
//!                   ▼                  │                                                     │
//!                 open ──invalid frame, end of file, peer's close (answered)──┐              │
//!                   │ close(): frame sent   (Hixie-75: nothing to await)      ├──► Event::Closed
//!                   ▼                                                         │         │
//!                 closing ──peer's close, end of file, timeout────────────────┘         ▼ flushed
//!                                                                                   is_done()
//! ```
//!
//! # Features
//!
//! - `std` (default): run-time detection of the processor for byte search and UTF-8 validation.
//! - `simd`: masking with run-time SIMD detection. Needs Rust 1.89.
//!
//! Without `std` the crate needs `alloc` only.
//!
//! # What is left to you
//!
//! TLS, authentication, checking origins ([`Request::origin_among`]), the number of connections,
//! keep-alive, and calling `tick`. Hixie-75 and Hixie-76 were withdrawn for a reason that
//! [`Dialect`] states: read it before you enable them on the open net without TLS.
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

mod config;
mod connection;
mod dialect;
mod entropy;
mod error;
mod event;
mod frame;
mod handshake;
mod header_name;
mod http;
mod message;
mod proxy;
mod send_buffer;
mod sniff;
mod work;

pub use config::{Config, Role};
pub use connection::{Connection, VectoredMessage};
pub use dialect::{Dialect, Dialects};
pub use error::{HeaderErrorKind, KeyErrorKind, LineErrorKind, ProtocolError, Refused};
pub use event::{
    BinaryChunk, Close, Closed, Event, Handshake, Payload, Phase, SkippedFrame, TextChunk,
};
pub use frame::encode::PreparedMessage;
pub use handshake::{AcceptOptions, ClientRequest, Request, Response, UpgradeResponse};
pub use message::{MessageAssembler, MessageTooLong};
pub use proxy::ProxyTunnel;

/// Reference pages.
#[cfg(doc)]
pub mod guide {
    #[doc = include_str!("../docs/wire.md")]
    pub mod wire_rules {}

    #[doc = include_str!("../docs/bad-inputs.md")]
    pub mod bad_inputs {}
}

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Items that fuzz targets use besides the public API.
#[cfg(all(fuzzing, feature = "std"))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::handshake::challenge::key_part;
    pub use crate::work::take as take_work;
}
