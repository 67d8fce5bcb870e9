//! From tungstenite and tokio-tungstenite to this crate.
//!
//! | tokio-tungstenite 0.30 | here |
//! | --- | --- |
//! | `accept_async(tcp)` | [`WebSocket::accept_any`] |
//! | `accept_hdr_async(tcp, callback)` | [`WebSocket::accept`], then [`Pending::accept`](crate::Pending::accept): decide between both calls, also after an `await` |
//! | `connect_async(url)` | [`ClientRequest::new`], [`WebSocket::connect_tcp`]; for `wss://` connect with a TLS library, then [`WebSocket::connect`] |
//! | `client_async(request, stream)` | [`WebSocket::connect`] |
//! | `WebSocketStream::from_raw_socket` | [`WebSocket::upgraded`] with [`Connection::established_server`] |
//! | `WebSocketConfig::max_message_size` | [`WebSocket::set_max_message_len`], 1 MiB by default instead of 64 MiB |
//! | `WebSocketConfig::max_frame_size` | [`Config::max_frame_len`] |
//! | `WebSocketConfig::max_write_buffer_size` | [`Config::max_send_buffer`], 1 MiB and 14 bytes by default instead of no limit. A longer message is not sent: [`SendError::MessageTooLong`] |
//! | `WebSocketConfig::write_buffer_size` | [`Config::high_water`] |
//! | `stream.next()`, `StreamExt` | [`next`](crate::WebSocket::next), without a trait |
//! | `sink.send()`, `SinkExt` | [`send`](crate::WebSocket::send), without a trait; [`feed`](crate::WebSocket::feed), [`flush`](crate::WebSocket::flush) |
//! | `stream.split()`, two halves with a lock of futures | [`split`](crate::WebSocket::split): the reader is the first |
//! | `Message::Text(Utf8Bytes)`, `Message::Binary(Bytes)` | [`Message::Text`](crate::Message::Text) with a [`ByteString`](crate::ByteString), [`Message::Binary`](crate::Message::Binary) |
//! | `Message::Ping`, `Message::Pong` | the same; received only with [`WebSocket::set_returns_pings`]. Pings are answered in both crates |
//! | `is_text() \|\| is_binary()` | always, by default |
//! | `Message::Close(frame)`, received | the end of the stream, and [`Connection::closed`] with [`Closed::Clean`] |
//! | `Message::Close(frame)`, sent; `close(frame)` | [`start_close`](crate::WebSocket::start_close); [`close`](crate::WebSocket::close) also waits for the end, and discards messages |
//! | `to_text()` | [`as_text`](crate::Message::as_text), `None` for a binary message |
//! | `into_data()` | [`into_payload`](crate::Message::into_payload), or [`payload`](crate::Message::payload) by reference |
//! | `request.uri()`, `request.headers()` in a callback | [`Request::resource`], with the query; [`Request::header`], [`Request::headers`] |
//! | `response.headers_mut()` in a callback | [`AcceptOptions::header`] |
//! | the response of `connect_async` | [`Handshake::header`], [`Handshake::protocol`] |
//! | `Error::ConnectionClosed`, `Error::AlreadyClosed` | `None` from `next`; [`SendError::Closing`] from `send` |
//! | `Error::Protocol`, `Error::Utf8` | [`Error::Closed`](crate::Error::Closed) with [`Closed::Protocol`] |
//! | `ProtocolError::ResetWithoutClosingHandshake` | [`Closed::Eof`]; with `Phase::Closing` if this side had sent a close frame |
//! | `Error::Capacity` | [`Error::MessageTooLong`](crate::Error::MessageTooLong); the peer gets a 1009 |
//! | `Error::Http(response)` | [`Closed::Rejected`], with status and header fields |
//! | `Error::WriteBufferFull` | none: `feed` and `send` wait |
//! | a task that sends pings | [`Config::keepalive`] |
//! | `tokio::time::timeout` around the handshake | [`Config::handshake_timeout`], 10 seconds by default |
//!
//! The blocking crate tungstenite owns its stream; the machine in [`hybi`] does not:
//!
//! | tungstenite 0.30 | `hybi` |
//! | --- | --- |
//! | `accept(tcp)`, `client(request, tcp)` | [`Connection::server`], [`Connection::client`]; reads and writes are yours |
//! | `socket.read()` | [`Connection::receive`] until it returns `None`, with a [`MessageAssembler`] |
//! | `socket.write()`, `socket.send()` | [`Connection::send_text`], [`Connection::send_binary`]; then write [`Connection::transmit`] |
//! | `socket.flush()` | write until [`Connection::wants_write`] is `false` |
//! | `socket.close(frame)` | [`Connection::close`]; go on until [`Connection::is_done`] |
//! | `Error::Io(WouldBlock)` | none: what was read is consumed |
//!
//! # An echo server
//!
//! The [first page](crate) has it. What differs from the one of tokio-tungstenite: output has a
//! limit and the opening handshake a timeout, and it needs none of the traits of futures.
//!
//! # A client
//!
//! Lines of the standard input are sent, and messages printed, until the server has answered all of
//! them:
//!
//! ```no_run
//! use hybi_tokio::hybi::{ClientRequest, Close, Config, close_code};
//! use hybi_tokio::{Message, WebSocket};
//! use tokio::io::{AsyncBufReadExt, BufReader, stdin};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let request = ClientRequest::new("ws://127.0.0.1:9001/")?;
//!     let (socket, _response) = WebSocket::connect_tcp(Config::new(), &request).await?;
//!     let (mut reader, mut writer) = socket.split();
//!     tokio::spawn(async move {
//!         let mut lines = BufReader::new(stdin()).lines();
//!         while let Ok(Some(line)) = lines.next_line().await {
//!             if writer.send(line).await.is_err() {
//!                 return; // the reader has the reason
//!             }
//!         }
//!         let _ = writer.start_close(Close::new(close_code::NORMAL_CLOSURE, "")).await;
//!     });
//!     while let Some(message) = reader.next().await {
//!         if let Message::Text(text) = message? {
//!             println!("{text:?}"); // escapes control characters
//!         }
//!     }
//!     // The thread that reads the standard input would wait for another line.
//!     std::process::exit(0);
//! }
//! ```
//!
//! # A chat
//!
//! Each message goes to all clients. One that is more than 1,000 messages behind is cut off:
//!
//! ```no_run
//! use hybi_tokio::hybi::Config;
//! use hybi_tokio::{Error, Message, WebSocket};
//! use std::time::Duration;
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::sync::broadcast;
//! use tokio::time::sleep;
//!
//! static CONFIG: Config = Config::new();
//!
//! async fn serve(tcp: TcpStream, messages: broadcast::Sender<Message>) -> Result<(), Error> {
//!     tcp.set_nodelay(true)?;
//!     let mut socket = WebSocket::accept_any(tcp, &CONFIG).await?;
//!     let mut outgoing = messages.subscribe();
//!     loop {
//!         tokio::select! {
//!             message = socket.next() => match message.transpose()? {
//!                 Some(message) => {
//!                     let _ = messages.send(message); // this client receives it, too
//!                 }
//!                 None => return Ok(()),
//!             },
//!             message = outgoing.recv() => match message {
//!                 Ok(message) => socket.send(message).await?,
//!                 // `Lagged`: it is more than 1,000 messages behind.
//!                 Err(_) => {
//!                     socket.abort();
//!                     return Ok(());
//!                 }
//!             },
//!         }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let messages = broadcast::Sender::new(1000);
//!     let listener = TcpListener::bind("127.0.0.1:9001").await?;
//!     loop {
//!         let Ok((tcp, peer)) = listener.accept().await else {
//!             sleep(Duration::from_millis(100)).await; // until a file descriptor is free
//!             continue;
//!         };
//!         let messages = messages.clone();
//!         tokio::spawn(async move {
//!             if let Err(error) = serve(tcp, messages).await {
//!                 eprintln!("{peer}: {error}");
//!             }
//!         });
//!     }
//! }
//! ```
//!
//! A `send` that waits is not interrupted: the client is cut off after it, or by
//! [`Config::write_timeout`]. All clients share the 1,000 messages, whose length
//! [`WebSocket::set_max_message_len`] limits.
//!
//! [`AcceptOptions::header`]: hybi::AcceptOptions::header
//! [`Handshake::header`]: hybi::Handshake::header
//! [`Handshake::protocol`]: hybi::Handshake::protocol
//! [`Request::header`]: hybi::Request::header
//! [`Request::headers`]: hybi::Request::headers
//! [`Request::resource`]: hybi::Request::resource
//! [`SendError::MessageTooLong`]: hybi::SendError::MessageTooLong
//! [`WebSocket::connect_tcp`]: crate::WebSocket::connect_tcp
//! [`WebSocket::set_returns_pings`]: crate::WebSocket::set_returns_pings
//! [`ClientRequest::new`]: hybi::ClientRequest::new
//! [`Closed::Clean`]: hybi::Closed::Clean
//! [`Closed::Eof`]: hybi::Closed::Eof
//! [`Closed::Protocol`]: hybi::Closed::Protocol
//! [`Closed::Rejected`]: hybi::Closed::Rejected
//! [`Config::handshake_timeout`]: hybi::Config::handshake_timeout
//! [`Config::high_water`]: hybi::Config::high_water
//! [`Config::keepalive`]: hybi::Config::keepalive
//! [`Config::max_frame_len`]: hybi::Config::max_frame_len
//! [`Config::max_send_buffer`]: hybi::Config::max_send_buffer
//! [`Config::write_timeout`]: hybi::Config::write_timeout
//! [`Connection::client`]: hybi::Connection::client
//! [`Connection::close`]: hybi::Connection::close
//! [`Connection::closed`]: hybi::Connection::closed
//! [`Connection::established_server`]: hybi::Connection::established_server
//! [`Connection::is_done`]: hybi::Connection::is_done
//! [`Connection::receive`]: hybi::Connection::receive
//! [`Connection::send_binary`]: hybi::Connection::send_binary
//! [`Connection::send_text`]: hybi::Connection::send_text
//! [`Connection::server`]: hybi::Connection::server
//! [`Connection::transmit`]: hybi::Connection::transmit
//! [`Connection::wants_write`]: hybi::Connection::wants_write
//! [`MessageAssembler`]: hybi::MessageAssembler
//! [`SendError::Closing`]: hybi::SendError::Closing
//! [`WebSocket::accept_any`]: crate::WebSocket::accept_any
//! [`WebSocket::accept`]: crate::WebSocket::accept
//! [`WebSocket::connect`]: crate::WebSocket::connect
//! [`WebSocket::set_max_message_len`]: crate::WebSocket::set_max_message_len
//! [`WebSocket::upgraded`]: crate::WebSocket::upgraded
//! [`WebSocket`]: crate::WebSocket
