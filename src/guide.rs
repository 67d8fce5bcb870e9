//! How to use the crate, in chapters. To find one task, use the table [How do I](crate#how-do-i).
//!
//! 1. [`choosing`]: this crate, `hybi-tokio`, or another one.
//! 2. [`embedding`]: a complete program in five steps, the layers, and the usual mistakes.
//! 3. [`servers`]: answers to requests: paths, origins, subprotocols, cookies, plain HTTP; closing.
//! 4. [`clients`]: header fields, proxies and TLS; rejections; reconnecting.
//! 5. [`timeouts`]: when each timeout starts and ends, and keep-alive for proxies and NATs.
//! 6. [`large_messages`]: streaming in both directions, and the limits of both sides.
//! 7. [`broadcast`]: one message to many connections, slow receivers, memory of the process.
//! 8. [`dialects`]: who speaks which, what each one lacks, and which to enable.
//! 9. [`proxies`]: which reverse proxy forwards which dialect.
//! 10. [`no_std`]: allocator, clock and entropy of a target without `std`, and memory.
//!
//! In addition:
//!
//! - [`tasks`]: tasks that need more than one item.
#![cfg_attr(
    feature = "deflate",
    doc = "- [`compression`]: when it pays, what it costs, and secrets."
)]
//! - [`wire_rules`]: the rules of the protocol, with their ids.
//! - [`bad_inputs`]: the response to each kind of invalid input.
//! - [`stability`]: what a new version may change.

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}

#[doc = include_str!("../docs/servers.md")]
pub mod servers {}

#[doc = include_str!("../docs/clients.md")]
pub mod clients {}

#[doc = include_str!("../docs/timeouts.md")]
pub mod timeouts {}

#[doc = include_str!("../docs/large_messages.md")]
pub mod large_messages {}

#[doc = include_str!("../docs/broadcast.md")]
pub mod broadcast {}

#[doc = include_str!("../docs/dialects.md")]
pub mod dialects {}

#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[doc = include_str!("../docs/no_std.md")]
pub mod no_std {}

/// Tasks that need more than one item. [How do I](crate#how-do-i) lists all of them.
///
/// # Connecting
///
/// The client of a connection sends the request, and then behaves as a server does. Here with a
/// blocking socket and without timeouts; `random_bytes` stands for a cryptographically secure
/// generator, such as the crate `getrandom` (feature `getrandom`: `Entropy::from_os`).
///
/// ```no_run
/// use hybi::{ClientRequest, Config, Connection, Entropy, Event, Input};
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use std::time::Duration;
///
/// # fn random_bytes() -> [u8; 32] { [0; 32] }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let mut socket = TcpStream::connect((request.host(), request.port()))?;
/// let mut conn = Connection::client(Config::new(), &request, Entropy::from_bytes(random_bytes()));
/// let mut buf = [0; 16 * 1024];
/// while !conn.is_done() {
///     socket.write_all(conn.transmit())?;
///     conn.advance(conn.transmit().len());
///     let n = socket.read(&mut buf)?;
///     if n == 0 {
///         conn.receive_eof();
///     }
///     let mut input = Input::new(&mut buf[..n], Duration::ZERO);
///     while let Some(event) = conn.receive(&mut input) {
///         match event {
///             Event::Open(_) => conn.send_text("Hello")?,
///             Event::Text(chunk) => print!("{}", chunk.as_str()),
///             Event::Closed(closed) => println!("{closed}"),
///             _ => {}
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Closing
///
/// `close` sends a code and a reason. Whoever closes, the last event has the code and reason of the
/// peer.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Handshake, Input};
/// use hybi::{Close, Closed, Event, close_code};
///
/// # let handshake = Handshake::new(Dialect::Rfc6455);
/// # let mut conn = Connection::established_server(Config::new(), &handshake);
/// # let mut bytes = *b"\x88\x85\0\0\0\0\x03\xe9bye";
/// # let mut input = Input::new(&mut bytes, std::time::Duration::ZERO);
/// conn.close(&Close::new(close_code::GOING_AWAY, "the server restarts"))?;
/// // Messages that the peer had sent before are still received. Then:
/// while let Some(event) = conn.receive(&mut input) {
///     match event {
///         Event::Closed(Closed::Clean(close)) => {
///             assert_eq!((close.code(), close.reason()), (Some(1001), "bye"));
///         }
///         Event::Closed(closed) => println!("not closed by the peer: {closed}"),
///         _ => {}
///     }
/// }
/// # assert!(conn.closed().is_some());
/// # Ok::<(), hybi::CloseError>(())
/// ```
///
/// # Async runtimes
///
/// The loop is that of a blocking server: await a write or a read, but no longer than until the
/// deadline. With tokio:
///
/// ```
/// # // A stand-in for tokio, with the same signatures.
/// # mod tokio {
/// #     pub mod io {
/// #         pub trait AsyncReadExt {
/// #             async fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize>;
/// #         }
/// #         pub trait AsyncWriteExt {
/// #             async fn write(&mut self, buf: &[u8]) -> std::io::Result<usize>;
/// #         }
/// #     }
/// #     pub mod net {
/// #         use std::io::Result;
/// #         pub struct TcpStream;
/// #         impl super::io::AsyncReadExt for TcpStream {
/// #             async fn read(&mut self, _: &mut [u8]) -> Result<usize> { Ok(0) }
/// #         }
/// #         impl super::io::AsyncWriteExt for TcpStream {
/// #             async fn write(&mut self, buf: &[u8]) -> Result<usize> { Ok(buf.len()) }
/// #         }
/// #     }
/// #     pub mod time {
/// #         pub async fn timeout<F: Future>(_: std::time::Duration, f: F) -> Result<F::Output, ()> {
/// #             Ok(f.await)
/// #         }
/// #     }
/// # }
/// # fn main() {}
/// use hybi::{Connection, Event, Input};
/// use std::io;
/// use std::time::{Duration, Instant};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::TcpStream;
/// use tokio::time::timeout;
///
/// async fn drive(
///     conn: &mut Connection,
///     socket: &mut TcpStream,
///     mut handle: impl FnMut(&mut Connection, Event<'_>),
/// ) -> io::Result<()> {
///     let start = Instant::now();
///     let mut buf = vec![0; 16 * 1024];
///     let mut unread = 0..0; // the range of `buf` that was not consumed yet
///     while !conn.is_done() {
///         let wait = conn.deadline().map(|at| at.saturating_sub(start.elapsed()));
///         let wait = wait.unwrap_or(Duration::MAX);
///         if conn.wants_write() {
///             if let Ok(written) = timeout(wait, socket.write(conn.transmit())).await {
///                 conn.advance(written?);
///             }
///         } else if unread.is_empty() {
///             if let Ok(read) = timeout(wait, socket.read(&mut buf)).await {
///                 unread = 0..read?;
///                 if unread.is_empty() {
///                     conn.receive_eof();
///                 }
///             }
///         }
///         // While congested, without bytes: time passes all the same.
///         let len = if conn.is_congested() { 0 } else { unread.len() };
///         let mut input = Input::new(&mut buf[unread.start..][..len], start.elapsed());
///         while let Some(event) = conn.receive(&mut input) {
///             handle(conn, event);
///             if conn.is_congested() {
///                 break;
///             }
///         }
///         unread.start += len - input.remaining().len();
///     }
///     Ok(())
/// }
/// ```
///
/// It suits an application that answers messages. One that sends of its own accord waits for
/// several things at once, with the `select!` of its runtime: the read, the write, the deadline, and
/// a channel of messages to send. It reads while output is pending, too; see
/// [back-pressure](crate#back-pressure). The future of a read or write that is dropped must not lose
/// bytes, which holds for tokio's `read` and `write`, and not for its `write_all`.
///
/// If the runtime owns the buffers, as with io_uring, write what
/// [`Connection::take_output`](crate::Connection::take_output) returns.
///
/// # TLS
///
/// TLS is below this crate: the bytes of `receive` and `transmit` are those inside of it. Wrap the
/// socket in a TLS stream, and use that as you would use the socket.
///
/// - On a server, set [`Config::tls`](crate::Config::tls), also if TLS ends at a reverse proxy.
/// - On a client, connect to [`host`](crate::ClientRequest::host) and
///   [`port`](crate::ClientRequest::port), and start TLS if
///   [`is_tls`](crate::ClientRequest::is_tls) returns `true`.
///
/// ```
/// # use hybi::ClientRequest;
/// let request = ClientRequest::new("wss://example.com/")?;
/// assert_eq!((request.host(), request.port()), ("example.com", 443));
/// assert!(request.is_tls());
/// # Ok::<(), hybi::ClientRequestError>(())
/// ```
///
/// Offer only `http/1.1` in ALPN: the opening handshake is one of HTTP/1.1.
///
/// # Subprotocols and cookies
///
/// A server selects one of the subprotocols that the client offers, and reads cookies as header
/// fields. It sets cookies as in the example of [`AcceptOptions`](crate::AcceptOptions).
///
/// ```
/// use hybi::{AcceptOptions, Connection, Event, Input};
///
/// # fn example(conn: &mut Connection, input: &mut Input<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// if let Some(Event::Request(request)) = conn.receive(input) {
///     println!("cookies: {:?}", request.header("Cookie"));
///     let mut options = AcceptOptions::new();
///     if let Some(name) = request.protocols().find(|name| ["chat.v2", "chat.v1"].contains(name)) {
///         options = options.protocol(name);
///     }
///     conn.accept(&options)?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// A client adds them with [`with_protocol`](crate::ClientRequest::with_protocol) and
/// [`with_header`](crate::ClientRequest::with_header), and reads the response in
/// [`Event::Open`](crate::Event::Open): [`Handshake::protocol`](crate::Handshake::protocol) and
/// [`Handshake::header`](crate::Handshake::header).
///
/// # Streaming
///
/// A received message arrives as chunks, each as soon as it was read, and need not be in memory as a
/// whole. To send one that is not in memory as a whole, send fragments:
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Handshake};
/// # use std::io::Read;
/// # fn example(mut file: impl Read) -> Result<(), Box<dyn std::error::Error>> {
/// # let handshake = Handshake::new(Dialect::Rfc6455);
/// # let mut conn = Connection::established_server(Config::new(), &handshake);
/// # let mut buf = [0; 3];
/// let mut is_final = false;
/// while !is_final && !conn.is_congested() { // if congested, continue after `advance`
///     let n = file.read(&mut buf)?;
///     is_final = n == 0;
///     conn.send_binary_fragment(&buf[..n], is_final)?;
/// }
/// # assert_eq!(conn.transmit(), b"\x02\x03123\x00\x014\x80\x00");
/// # Ok(())
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { example(&b"1234"[..]) }
/// ```
///
/// A proxy forwards small messages as a whole ([`MessageAssembler`](crate::MessageAssembler)), and
/// streams only long ones: a fragment for each chunk could mean a fragment for each byte, and the
/// receiver limits the [number of fragments](crate::Config::max_fragments).
///
/// # Compression
///
/// With the feature `deflate`, servers accept and clients offer compression if `Config::deflate` is
/// set. The page `compression` of this [guide](crate::guide) says when it pays and what it costs, and
/// how to decline it for one request or one message.
pub mod tasks {}

#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
#[doc = include_str!("../docs/compression.md")]
pub mod compression {}

#[doc = include_str!("../docs/wire.md")]
pub mod wire_rules {}

#[doc = include_str!("../docs/bad-inputs.md")]
pub mod bad_inputs {}

#[doc = include_str!("../docs/stability.md")]
pub mod stability {}
