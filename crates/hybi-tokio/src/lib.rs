//! WebSocket over any byte stream of tokio, in every dialect that the crate [`hybi`] speaks: RFC
//! 6455 with compression, and the drafts that old devices speak.
//!
//! A [`WebSocket`] receives with [`next`](WebSocket::next), which writes pending output before it
//! waits, and sends with [`send`](WebSocket::send), which waits until all output is written. It is
//! a `Stream` of messages and a `Sink` for them. An echo server:
//!
//! ```no_run
//! use hybi_tokio::hybi::Config;
//! use hybi_tokio::{Error, WebSocket};
//! use std::time::Duration;
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::time::sleep;
//!
//! static CONFIG: Config = Config::new()
//!     .keepalive(Duration::from_secs(25), Duration::from_secs(10));
//!
//! async fn echo(tcp: TcpStream) -> Result<(), Error> {
//!     tcp.set_nodelay(true)?;
//!     let mut socket = WebSocket::accept_any(tcp, &CONFIG).await?;
//!     while let Some(message) = socket.next().await {
//!         socket.send(message?).await?;
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let Ok((tcp, _)) = listener.accept().await else {
//!         sleep(Duration::from_millis(100)).await; // until a file descriptor is free
//!         continue;
//!     };
//!     tokio::spawn(async move {
//!         if let Err(error) = echo(tcp).await {
//!             eprintln!("{error}");
//!         }
//!     });
//! }
//! # }
//! ```
//!
//! `cargo add hybi-tokio`, and `cargo add tokio -F rt-multi-thread,macros,net,time`; the crate
//! `hybi` is re-exported as [`hybi_tokio::hybi`](hybi).
//!
//! # How do I
//!
//! | task | answer |
//! | --- | --- |
//! | accept any connection? | [`WebSocket::accept_any`]; set `TCP_NODELAY` before, or the kernel delays small messages |
//! | decide by the request, also after a look-up? | [`WebSocket::accept`], then [`Pending::accept`] or [`Pending::respond`] |
//! | accept one that axum or hyper has read? | the modules `axum` and `hyper`, with the [features](#features) of these names; with another HTTP library [`Connection::upgrade`](hybi::Connection::upgrade) and [`WebSocket::upgraded`] |
//! | connect? | [`WebSocket::connect_tcp`] for `ws://`, [`WebSocket::connect`] over any stream; through an HTTP proxy [`tunnel`] |
//! | use TLS? | pass the stream of a TLS library, such as tokio-rustls, to [`WebSocket::accept`] and, as in its example, to [`WebSocket::connect`] |
//! | use subprotocols, cookies, origins? | [`Pending::request`] and [`AcceptOptions`](hybi::AcceptOptions), as in the [guide](https://docs.rs/hybi/latest/hybi/guide/servers); clients: [`ClientRequest`](hybi::ClientRequest) |
//! | receive and send in one task? | [`next`](WebSocket::next) in a `select!`, or alternately |
//! | receive and send in two tasks? | [`split`](WebSocket::split) |
//! | send several messages with one write? | [`feed`](WebSocket::feed), then [`flush`](WebSocket::flush) |
//! | send without waiting for a slow peer? | [`ready`](WebSocket::ready) in a `select!` |
//! | send to many connections? | clone a [`Message`]; or [`feed_prepared`](WebSocket::feed_prepared), which compresses once; a slow one is cut off in [a chat](migrating#a-chat) |
//! | stream long messages? | not with this crate, whose messages are complete: with [`hybi`] ([large messages](https://docs.rs/hybi/latest/hybi/guide/large_messages)) |
//! | close? | [`close`](WebSocket::close), which discards what the peer still sends, or [`start_close`](WebSocket::start_close), then [`next`](WebSocket::next) until `None` |
//! | see why the peer closed? | after `None`: [`closed`](hybi::Connection::closed) of [`WebSocket::connection`], or [`Reader::closed`] |
//! | measure round-trip times? | send a [`Message::Ping`]; [`set_returns_pings`](WebSocket::set_returns_pings) returns the pong |
//! | set timeouts, keep-alive, limits, dialects, compression? | [`Config`](hybi::Config) and [`set_max_message_len`](WebSocket::set_max_message_len) |
//! | come from tungstenite? | [`migrating`] |
//!
//! # What waits for what
//!
//! - **Receiving** never waits for the application to send. Pongs and the answer to a close frame
//!   are written by `next`, and are bounded.
//! - **Sending** waits for the peer to read: `feed` while more than
//!   [`high_water`](hybi::Config::high_water) bytes are pending (64 KiB), `send` and `flush` until
//!   none are. A message has to fit, with up to 14 bytes of its header, into
//!   [`max_send_buffer`](hybi::Config::max_send_buffer) (1 MiB and 14 bytes); in addition to a full
//!   send buffer, one message may wait. While a sender waits, messages are received and kept for
//!   `next`, so that two peers that both send first do not block each other: up to the length of
//!   [`set_max_message_len`](WebSocket::set_max_message_len) (1 MiB) and one message.
//! - **The end**: `next` returns `None` after a closing handshake, and an error once for any other
//!   end but [`Writer::abort`]. Before, it writes the last output and shuts down the stream, which
//!   takes at most one second. `Config::close_timeout` and `Config::write_timeout` limit what comes
//!   before that.
//!
//! An idle connection holds no buffer for reading. If the application stops calling `next`, what
//! the last read has returned is kept: at most 64 KiB. A read uses as much of the stack of the
//! thread that polls, for the time of the call.
//!
//! # Cancellation
//!
//! All state is in the [`WebSocket`]. Dropping a future, in `select!` or by a timeout, loses
//! nothing that was received and leaves no partial message behind. A message that was passed to
//! `send` or `feed` is queued as a whole or not at all; if [`ready`](WebSocket::ready) was awaited
//! before, it is queued.
//!
//! # Timeouts
//!
//! They use the timer of the runtime, which has to be enabled (`enable_time`), and run while a
//! future of the connection is awaited. The kernel reports that a slow peer has read only after
//! much of its buffer has drained. So that a peer which reads less than 100 KB/s is not taken for
//! one that does not read, limit `SO_SNDBUF` of the listening socket to 128 KiB (with the crate
//! socket2), as the examples do, or raise [`write_timeout`](hybi::Config::write_timeout).
//!
//! # Features
//!
//! - `deflate`: compression, if [`Config::deflate`](hybi::Config) enables it.
//! - `simd`: masking with the widest registers of the processor.
//! - `hyper`: requests that a server of hyper 1 has read, over HTTP/1.1 and HTTP/2.
//! - `axum`: an extractor for axum 0.8.
//! - `net` (default): [`WebSocket::connect_tcp`].
//!
//! # Stability
//!
//! Before 1.0, a version whose second number is higher may change anything, and others only add.
//! Part of the API are `hybi` 0.1, `tokio` 1, `bytes` 1, `bytestring` 1, `futures-core` 0.3 and
//! `futures-sink` 0.3; with the feature `hyper` also `http` 1, `http-body` 1, `hyper` 1 and
//! `hyper-util` 0.1; with `axum` also `axum-core` 0.5. Another major version of one of them is such
//! a change. What `hybi` excludes ([stability](https://docs.rs/hybi/latest/hybi/guide/stability))
//! is excluded here, too: texts of errors, defaults, and the minimum Rust version.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum;
mod driver;
mod error;
#[cfg(feature = "hyper")]
#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
pub mod hyper;
mod inbox;
mod message;
#[cfg(any(doc, doctest))]
pub mod migrating;
mod poll;
mod receiver;
mod split;
mod sync;
mod timer;
mod tunnel;
mod wakers;
mod websocket;

pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use hybi;

pub use error::Error;
pub use message::Message;
pub use split::{Reader, Writer};
pub use tunnel::tunnel;
pub use websocket::{Pending, WebSocket};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
