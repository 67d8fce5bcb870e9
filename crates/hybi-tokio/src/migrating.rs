//! From tungstenite and tokio-tungstenite to this crate.
//!
//! | tokio-tungstenite 0.30 | here |
//! | --- | --- |
//! | `accept_async(tcp)` | [`WebSocket::accept`], then [`Pending::accept`](crate::Pending::accept) |
//! | `accept_hdr_async(tcp, callback)` | the same: decide between both calls, also after an `await` |
//! | `connect_async(url)` | [`ClientRequest::new`], `TcpStream::connect`, [`WebSocket::connect`] |
//! | `client_async(request, stream)` | [`WebSocket::connect`] |
//! | `WebSocketStream::from_raw_socket` | [`WebSocket::upgraded`] with [`Connection::established_server`] |
//! | `WebSocketConfig::max_message_size` | [`WebSocket::set_max_message_len`], 1 MiB by default instead of 64 MiB |
//! | `WebSocketConfig::max_frame_size` | [`Config::max_frame_len`] |
//! | `WebSocketConfig::max_write_buffer_size` | [`Config::max_send_buffer`], 1 MiB by default instead of no limit |
//! | `WebSocketConfig::write_buffer_size` | [`Config::high_water`] |
//! | `stream.next()`, `StreamExt` | [`next`](crate::WebSocket::next), without a trait |
//! | `sink.send()`, `SinkExt` | [`send`](crate::WebSocket::send), without a trait; [`feed`](crate::WebSocket::feed), [`flush`](crate::WebSocket::flush) |
//! | `stream.split()`, two halves with a lock of futures | [`split`](crate::WebSocket::split): the reader is the first |
//! | `Message::Text(Utf8Bytes)`, `Message::Binary(Bytes)` | [`Message::Text`](crate::Message::Text) with a [`ByteString`](crate::ByteString), [`Message::Binary`](crate::Message::Binary) |
//! | `Message::Ping`, `Message::Pong` | the same. Pings are answered in both crates |
//! | `Message::Close(frame)`, received | the end of the stream, and [`Connection::closed`] with [`Closed::Clean`] |
//! | `Message::Close(frame)`, sent; `close(frame)` | [`close`](crate::WebSocket::close), which waits for the answer; [`Writer::close`](crate::Writer::close) |
//! | `into_text()`, `to_text()` | [`as_text`](crate::Message::as_text) |
//! | `into_data()` | [`payload`](crate::Message::payload) |
//! | `Error::ConnectionClosed`, `Error::AlreadyClosed` | `None` from `next`; [`SendError::Closing`] from `send` |
//! | `Error::Protocol`, `Error::Utf8` | [`Error::Closed`](crate::Error::Closed) with [`Closed::Protocol`] |
//! | `ProtocolError::ResetWithoutClosingHandshake` | [`Closed::Eof`] |
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
//! The [first page](crate) has it. What differs from the one of tokio-tungstenite: there are limits for
//! output, a timeout for the opening handshake, and none of the traits of futures.
//!
//! # A client
//!
//! ```no_run
//! use hybi_tokio::hybi::{ClientRequest, Close, Config, close_code};
//! use hybi_tokio::{Message, WebSocket};
//! use tokio::io::{AsyncBufReadExt, BufReader, stdin};
//! use tokio::net::TcpStream;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let request = ClientRequest::new("ws://127.0.0.1:9001/")?;
//!     let tcp = TcpStream::connect((request.host(), request.port())).await?;
//!     let (mut socket, _response) = WebSocket::connect(tcp, Config::new(), &request).await?;
//!     let mut lines = BufReader::new(stdin()).lines();
//!     loop {
//!         tokio::select! {
//!             message = socket.next() => match message {
//!                 Some(Ok(Message::Text(text))) => println!("{text:?}"),
//!                 Some(Ok(_)) => {}
//!                 Some(Err(error)) => return Err(error.into()),
//!                 None => return Ok(()),
//!             },
//!             line = lines.next_line() => match line? {
//!                 Some(line) => socket.send(line).await?,
//!                 None => break,
//!             },
//!         }
//!     }
//!     socket.close(Close::new(close_code::NORMAL_CLOSURE, "")).await?;
//!     Ok(())
//! }
//! ```
//!
//! # A chat
//!
//! Each client has a task. A client that reads more slowly than the others send loses messages here:
//! `broadcast` drops the oldest, and says how many.
//!
//! ```no_run
//! use hybi_tokio::hybi::{AcceptOptions, Config};
//! use hybi_tokio::{Error, Message, WebSocket};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};
//!
//! static CONFIG: Config = Config::new();
//!
//! async fn serve(tcp: TcpStream, room: Sender<Message>, mut news: Receiver<Message>) -> Result<(), Error> {
//!     let pending = WebSocket::accept(tcp, &CONFIG).await?;
//!     let mut socket = pending.accept(&AcceptOptions::new()).await?;
//!     loop {
//!         tokio::select! {
//!             message = socket.next() => match message.transpose()? {
//!                 Some(message @ Message::Text(_)) => drop(room.send(message)),
//!                 Some(_) => {}
//!                 None => return Ok(()),
//!             },
//!             message = news.recv() => match message {
//!                 Ok(message) => socket.send(message).await?,
//!                 Err(RecvError::Lagged(count)) => eprintln!("{count} messages lost"),
//!                 Err(RecvError::Closed) => return Ok(()),
//!             },
//!         }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let (room, _) = broadcast::channel(100);
//!     let listener = TcpListener::bind("127.0.0.1:9001").await?;
//!     loop {
//!         let (tcp, _) = listener.accept().await?;
//!         let client = serve(tcp, room.clone(), room.subscribe());
//!         tokio::spawn(async move {
//!             if let Err(error) = client.await {
//!                 eprintln!("{error}");
//!             }
//!         });
//!     }
//! }
//! ```
//!
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
//! [`WebSocket::accept`]: crate::WebSocket::accept
//! [`WebSocket::connect`]: crate::WebSocket::connect
//! [`WebSocket::set_max_message_len`]: crate::WebSocket::set_max_message_len
//! [`WebSocket::upgraded`]: crate::WebSocket::upgraded
//! [`WebSocket`]: crate::WebSocket
