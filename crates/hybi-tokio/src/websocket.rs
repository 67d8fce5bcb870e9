//! The WebSocket.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Connection, Entropy, Handshake, PreparedMessage,
    Request, Response, SharedConfig,
};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "net")]
use tokio::net::TcpStream;

use crate::driver::Driver;
use crate::poll::{self, PollDriver};
use crate::receiver::Received;
use crate::wakers::{READER, WRITER, Wakers};
use crate::{Error, Message, Reader, Writer, split};

/// A WebSocket over a byte stream: a TCP or TLS stream, a Unix socket, or any other.
///
/// [`next`](Self::next) receives, [`send`](Self::send) sends. It is also a [`Stream`] of messages
/// and a [`Sink`] for them. [`split`](Self::split) divides it for two tasks.
///
/// Call `next` also if the application only sends: it answers pings, and notices when the
/// connection has ended.
///
/// [`Config::auto_close`](hybi::Config::auto_close) has to be on, as it is by default: `next`
/// answers the close frame of the peer, after what the peer had sent before. A stream that buffers
/// output, as those of TLS do, has to flush all of it within
/// [`write_timeout`](hybi::Config::write_timeout).
///
/// # Cancellation
///
/// A future of this type that is dropped before it is complete, as `select!` does, loses nothing
/// that was received, and leaves no partial message behind. [`send`](Self::send) and
/// [`feed`](Self::feed) say what becomes of the message.
///
/// # Dropping
///
/// Dropping a connection that is open tries once to send a close frame with the code 1001, without
/// waiting. [`close`](Self::close) makes sure that the peer receives it.
#[derive(Debug)]
pub struct WebSocket<S: AsyncRead + AsyncWrite + Unpin> {
    driver: Driver<S>,
    /// Once it is used as a stream or sink: generic code may split it into two tasks.
    wakers: Option<Wakers>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Waits for the request of a client on a newly accepted stream. Answer it, now or later, with
    /// [`Pending::accept`] or [`Pending::respond`].
    ///
    /// # Errors
    /// - [`Error::Closed`] if the request is invalid ([`Closed::Protocol`]; it has been answered),
    ///   was not complete within [`handshake_timeout`](hybi::Config::handshake_timeout)
    ///   ([`Closed::TimedOut`]), or if the input ended before ([`Closed::Eof`]).
    /// - [`Error::Io`] if the stream failed.
    pub async fn accept(io: S, config: impl Into<SharedConfig>) -> Result<Pending<S>, Error> {
        let mut socket = Self::new(io, Connection::server(config), Vec::new());
        loop {
            if let Received::Request(request) = socket.receive().await? {
                return Ok(Pending { socket, request });
            }
        }
    }

    /// Accepts the request of a client, whatever it is, on a newly accepted stream.
    ///
    /// It selects no subprotocol, and does not check the origin: a page of any site can connect,
    /// with the cookies of its user. [`accept`](Self::accept) shows the request first.
    ///
    /// # Errors
    /// Those of [`accept`](Self::accept) and [`Pending::accept`].
    pub async fn accept_any(io: S, config: impl Into<SharedConfig>) -> Result<Self, Error> {
        let pending = Self::accept(io, config).await?;
        pending.accept(&AcceptOptions::new()).await
    }

    /// Performs the opening handshake of a client on a newly connected stream. Also returns the
    /// response: its dialect, subprotocol and header fields.
    ///
    /// For a `wss` or `https` URL ([`ClientRequest::is_tls`]) the stream has to be that of a TLS
    /// library: this function does not encrypt anything. [`tunnel`](crate::tunnel) connects through
    /// an HTTP proxy, and [`connect_tcp`](WebSocket::connect_tcp) by TCP.
    ///
    /// # Errors
    /// - [`Error::Closed`] if the server did not accept the request ([`Closed::Rejected`], with
    ///   status and header fields), if the response is invalid ([`Closed::Protocol`]), was not
    ///   complete within [`handshake_timeout`](hybi::Config::handshake_timeout)
    ///   ([`Closed::TimedOut`]), or if the input ended before ([`Closed::Eof`]).
    /// - [`Error::Io`] if the stream failed, or if the system has no random bytes.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use hybi_tokio::WebSocket;
    /// use hybi_tokio::hybi::{ClientRequest, Config};
    /// use tokio::net::TcpStream;
    ///
    /// let request = ClientRequest::new("ws://example.com/chat")?.with_protocol("chat.v2")?;
    /// let tcp = TcpStream::connect((request.host(), request.port())).await?;
    /// let (mut socket, handshake) = WebSocket::connect(tcp, Config::new(), &request).await?;
    /// println!("subprotocol: {:?}", handshake.protocol());
    /// socket.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Over TLS, with tokio-rustls and the root certificates of the crate webpki-roots or
    /// rustls-native-certs:
    ///
    /// ```
    /// use std::error::Error;
    /// use std::sync::Arc;
    ///
    /// use hybi_tokio::WebSocket;
    /// use hybi_tokio::hybi::{ClientRequest, Config};
    /// use tokio::net::TcpStream;
    /// use tokio_rustls::TlsConnector;
    /// use tokio_rustls::client::TlsStream;
    /// use tokio_rustls::rustls::pki_types::ServerName;
    /// use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    ///
    /// async fn connect(
    ///     url: &str,
    ///     roots: RootCertStore,
    /// ) -> Result<WebSocket<TlsStream<TcpStream>>, Box<dyn Error>> {
    ///     let request = ClientRequest::new(url)?;
    ///     let tcp = TcpStream::connect((request.host(), request.port())).await?;
    ///     tcp.set_nodelay(true)?;
    ///     let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    ///     let name = ServerName::try_from(request.host().to_owned())?;
    ///     let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    ///     let (socket, _handshake) = WebSocket::connect(tls, Config::new(), &request).await?;
    ///     Ok(socket)
    /// }
    /// ```
    pub async fn connect(
        io: S,
        config: impl Into<SharedConfig>,
        request: &ClientRequest,
    ) -> Result<(Self, Handshake), Error> {
        let entropy = Entropy::from_os().map_err(io::Error::other)?;
        let conn = Connection::client(config, request, entropy);
        let mut socket = Self::new(io, conn, Vec::new());
        let handshake = socket.receive_open().await?;
        Ok((socket, handshake))
    }

    /// Creates a WebSocket on a stream whose HTTP request was read elsewhere. Waits until the
    /// opening handshake is complete: a client of Hixie-76 may send its third key only after the
    /// response.
    ///
    /// `conn` is that of [`Connection::upgrade`], or of
    /// [`established_server`](Connection::established_server) and
    /// [`established_client`](Connection::established_client), which do not wait. `leftover` are
    /// bytes that were read after the head of the request.
    ///
    /// # Errors
    /// - [`Error::Closed`] if the connection ended before the opening handshake was complete.
    /// - [`Error::Io`] if the stream failed.
    ///
    /// ```
    /// # async fn example(stream: tokio::net::TcpStream, head: Vec<u8>, leftover: hybi_tokio::Bytes) -> Result<(), Box<dyn std::error::Error>> {
    /// use hybi_tokio::WebSocket;
    /// use hybi_tokio::hybi::{AcceptOptions, Config, Connection, Request};
    /// use tokio::io::AsyncWriteExt;
    ///
    /// # let mut stream = stream;
    /// # let headers: [(&str, &str); 0] = [];
    /// let request = Request::from_parts("GET", "/chat", "HTTP/1.1", headers)?;
    /// let (conn, response) = Connection::upgrade(Config::new(), &request, &AcceptOptions::new())?;
    /// stream.write_all(response.as_bytes()).await?;
    /// let mut socket = WebSocket::upgraded(stream, conn, leftover).await?;
    /// socket.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn upgraded(io: S, conn: Connection, leftover: Bytes) -> Result<Self, Error> {
        let is_established = conn.is_open();
        let socket = Self::new(io, conn, leftover.into());
        if is_established {
            return Ok(socket);
        }
        socket.open().await
    }

    fn new(io: S, conn: Connection, unread: Vec<u8>) -> Self {
        Self {
            driver: Driver::new(io, conn, unread),
            wakers: None,
        }
    }

    /// Sets the maximum length of a received message in bytes. A longer one ends the connection
    /// with the code 1009. It also limits what is received while a sender waits.
    ///
    /// Default: 1 MiB. To send messages of another length, set
    /// [`max_send_buffer`](hybi::Config::max_send_buffer) to 14 bytes more, for the header.
    pub fn set_max_message_len(&mut self, bytes: usize) {
        self.driver.set_max_message_len(bytes);
    }

    /// Sets whether pings and pongs are returned as messages.
    ///
    /// Default: `false`. Pings are answered in any case, unless
    /// [`auto_pong`](hybi::Config::auto_pong) is off. A loop that returns each message to its
    /// sender must not have them: two such peers would exchange pings without end.
    pub fn set_returns_pings(&mut self, returns_pings: bool) {
        self.driver.set_returns_pings(returns_pings);
    }

    /// Returns the byte stream.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.driver.io()
    }

    /// Returns the state of the connection: its [`dialect`](Connection::dialect),
    /// [`pending`](Connection::pending) output, and why it has [`closed`](Connection::closed).
    #[must_use]
    pub fn connection(&self) -> &Connection {
        self.driver.connection()
    }

    /// Receives the next message. `None` if the connection has ended with a closing handshake; then
    /// [`Connection::closed`] has the code and reason of the peer. In Hixie-75, which has no
    /// closing handshake, also if the peer has ended the stream between two messages.
    ///
    /// Writes the pending output before it waits, also what [`feed`](Self::feed) has queued. A
    /// close frame of the peer is answered by the call after the last message: until then, messages
    /// can be answered.
    ///
    /// One read can contain many messages, which are returned without a wait. If to handle one takes
    /// long, or if they may be compressed, let other tasks run after each of them:
    /// `tokio::task::coop::consume_budget`.
    ///
    /// # Errors
    /// - [`Error::Closed`], once, before `None`: if the connection has ended in another way.
    /// - [`Error::Io`], once, before `None`: if the stream failed.
    /// - [`Error::MessageTooLong`] if a message is longer than
    ///   [`set_max_message_len`](Self::set_max_message_len) allows. This is not the end: the
    ///   connection is closing, and further calls return what the peer still sends.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll::next(self).await
    }

    /// Sends a message: waits until it can be queued, queues it, and waits until all output is
    /// written.
    ///
    /// While it waits, messages are received and kept for [`next`](Self::next), up to the length of
    /// [`set_max_message_len`](Self::set_max_message_len) and one message: a peer that sends before
    /// it reads is not blocked.
    ///
    /// # Cancellation
    /// If the future is dropped before it is complete, the message is either queued as a whole or
    /// not at all. To be certain that it is queued, await [`ready`](Self::ready) before.
    ///
    /// # Errors
    /// - [`Error::Send`] if the message cannot be sent, for example because it is longer than
    ///   [`max_send_buffer`](hybi::Config::max_send_buffer); never
    ///   [`BufferFull`](hybi::SendError::BufferFull), because `send` waits.
    /// - [`Error::Closed`] if the connection has ended before the message was written.
    /// - [`Error::Io`] if the stream failed.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll::send(self, message.into()).await
    }

    /// Waits until a message can be queued: until at most
    /// [`high_water`](hybi::Config::high_water) bytes of output are pending. The next
    /// [`feed`](Self::feed) or [`send`](Self::send) queues its message without waiting.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll::ready(self).await
    }

    /// Queues a message, and waits for that if too much output is pending. It is written by
    /// [`flush`](Self::flush), [`send`](Self::send), or the next call of [`next`](Self::next) that
    /// waits.
    ///
    /// A server that answers with `feed` writes the answers to all messages of one read at once.
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll::feed(self, message.into()).await
    }

    /// Waits until all output is written.
    ///
    /// # Errors
    /// - [`Error::Closed`] if the connection ended otherwise than by a closing handshake.
    /// - [`Error::Io`] if the stream failed.
    /// - [`Error::Send`] if a message that waited for space in the send buffer can no longer be
    ///   sent, because the connection is closing.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll::flush(self).await
    }

    /// Queues a message that is sent to many connections, as [`feed`](Self::feed).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        poll::feed_prepared(self, message).await
    }

    /// Sends a message that is sent to many connections, as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        poll::send_prepared(self, message).await
    }

    /// Starts the closing handshake: sends a close frame, and waits until it is written. Then
    /// [`next`](Self::next) returns what the peer had sent before, and `None` at the end.
    ///
    /// Has no effect if the connection is closing or has ended.
    ///
    /// # Errors
    /// - [`Error::Close`] if the code or reason is invalid. The connection is as it was before.
    /// - [`Error::Closed`], [`Error::Io`] and [`Error::Send`] as [`flush`](Self::flush).
    pub async fn start_close(&mut self, close: Close) -> Result<(), Error> {
        poll::start_close(self, &close).await
    }

    /// Closes the connection, and waits until it has ended. **Messages that the peer sends
    /// meanwhile are discarded**: to receive them, use [`start_close`](Self::start_close).
    ///
    /// Call it also when a loop has ended by an error, or by a branch of `select!`: if the
    /// connection is closing already, it waits until the last output is written.
    ///
    /// It ends within the timeouts of the configuration:
    /// [`write_timeout`](hybi::Config::write_timeout) and
    /// [`close_timeout`](hybi::Config::close_timeout).
    ///
    /// # Errors
    /// - [`Error::Close`] if the code or reason is invalid. The connection is dropped.
    /// - [`Error::Io`] if the stream failed.
    ///
    /// ```
    /// # use hybi_tokio::{Error, WebSocket};
    /// # use hybi_tokio::hybi::{Close, close_code};
    /// # async fn example(socket: WebSocket<tokio::net::TcpStream>) -> Result<(), Error> {
    /// let closed = socket.close(Close::new(close_code::GOING_AWAY, "restart")).await?;
    /// println!("the peer answered with code {}", closed.close_code());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(mut self, close: Close) -> Result<Closed, Error> {
        match self.start_close(close).await {
            // The connection has ended in another way, whose last output may have to be written.
            Ok(()) | Err(Error::Closed(_) | Error::Send(_)) => {}
            Err(error) => return Err(error),
        }
        poll_fn(|cx| self.driver.poll_closed(cx)).await
    }

    /// Ends the connection at once, without a close frame: pending output is dropped, and
    /// [`next`](Self::next) returns `None`.
    pub fn abort(&mut self) {
        self.driver.connection_mut().abort();
    }

    /// Divides the connection into halves that two tasks can use. They share one lock, which is
    /// held while one of them polls the stream, and never while a task waits.
    ///
    /// The reader writes pongs and the answer to a close frame. The connection is dropped with the
    /// second half.
    ///
    /// ```
    /// # use hybi_tokio::{Error, WebSocket};
    /// # use tokio::net::TcpStream;
    /// # async fn example(socket: WebSocket<TcpStream>) -> Result<(), Error> {
    /// let (mut reader, mut writer) = socket.split();
    /// tokio::spawn(async move {
    ///     while let Some(Ok(message)) = reader.next().await {
    ///         println!("{message:?}");
    ///     }
    /// });
    /// writer.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn split(self) -> (Reader<S>, Writer<S>) {
        split::split(self.driver)
    }

    /// Receives the next item of any kind.
    async fn receive(&mut self) -> Result<Received, Error> {
        match poll_fn(|cx| self.driver.poll_receive(cx)).await {
            Some(received) => received,
            None => Err(Error::Closed(self.driver.closed())),
        }
    }

    /// Polls for the task that receives, or for the one that sends.
    fn poll_as<T>(
        &mut self,
        index: usize,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let wakers = self.wakers.get_or_insert_default();
        let result = poll(&mut self.driver, &mut wakers.register(index, cx));
        if self.driver.take_changed() {
            wakers.wake_other(index);
        }
        result
    }

    /// Completes the opening handshake of a server.
    pub(crate) async fn open(mut self) -> Result<Self, Error> {
        self.receive_open().await?;
        self.flush().await?;
        Ok(self)
    }

    /// Waits for the end of the opening handshake.
    async fn receive_open(&mut self) -> Result<Handshake, Error> {
        loop {
            if let Received::Open(handshake) = self.receive().await? {
                return Ok(handshake);
            }
        }
    }
}

#[cfg(feature = "net")]
impl WebSocket<TcpStream> {
    /// Connects to the server of a `ws` URL by TCP, with `TCP_NODELAY`, and performs the opening
    /// handshake; see [`connect`](Self::connect).
    ///
    /// Connecting has the timeout of the system, which can take minutes: use
    /// [`tokio::time::timeout`].
    ///
    /// # Errors
    /// As [`connect`](Self::connect). [`Error::Io`] also if no connection was established, and with
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a `wss` or `https` URL, which needs a
    /// stream of a TLS library.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use hybi_tokio::WebSocket;
    /// use hybi_tokio::hybi::{ClientRequest, Config};
    ///
    /// let request = ClientRequest::new("ws://example.com/chat")?;
    /// let (mut socket, _) = WebSocket::connect_tcp(Config::new(), &request).await?;
    /// socket.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect_tcp(
        config: impl Into<SharedConfig>,
        request: &ClientRequest,
    ) -> Result<(Self, Handshake), Error> {
        if request.is_tls() {
            let message = "a wss:// or https:// URL needs a stream of a TLS library";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        let tcp = TcpStream::connect((request.host(), request.port())).await?;
        tcp.set_nodelay(true)?;
        Self::connect(tcp, config, request).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PollDriver<S> for WebSocket<S> {
    fn poll_driver<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        poll(&mut self.driver, cx)
    }
}

/// Messages; see [`next`](WebSocket::next).
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_as(READER, cx, Driver::poll_message)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.driver.is_finished()
    }
}

/// `poll_ready` is ready while at most [`high_water`](hybi::Config::high_water) bytes are pending,
/// `start_send` queues, and `poll_flush` writes all output. Without `poll_ready`, `start_send` may
/// return [`SendError::BufferFull`](hybi::SendError::BufferFull). `poll_close` sends a close frame
/// without a code; receive until the stream ends to wait for the answer of the peer.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(WRITER, cx, Driver::poll_ready)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.driver.queue(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(WRITER, cx, Driver::poll_flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(WRITER, cx, |driver, cx| {
            driver.poll_close(cx, &Close::EMPTY)
        })
    }
}

/// A connection whose request awaits an answer.
///
/// Answer within [`handshake_timeout`](hybi::Config::handshake_timeout). What the client has sent
/// after the request is kept, and nothing more is read. Dropping this answers with the status 503.
///
/// ```
/// # use hybi_tokio::{Error, Pending, WebSocket};
/// # use hybi_tokio::hybi::{AcceptOptions, Config, Response};
/// # use tokio::net::TcpStream;
/// # async fn is_known(_: Option<&[u8]>) -> bool { true }
/// static CONFIG: Config = Config::new();
///
/// async fn accept(tcp: TcpStream) -> Result<Option<WebSocket<TcpStream>>, Error> {
///     let pending = WebSocket::accept(tcp, &CONFIG).await?;
///     if is_known(pending.request().header("Cookie")).await {
///         return pending.accept(&AcceptOptions::new()).await.map(Some);
///     }
///     pending.respond(&Response::new(403)).await?;
///     Ok(None)
/// }
/// ```
#[derive(Debug)]
pub struct Pending<S: AsyncRead + AsyncWrite + Unpin> {
    socket: WebSocket<S>,
    request: Request,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pending<S> {
    /// Returns the request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the byte stream.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.socket.get_ref()
    }

    /// Accepts the request, and completes the opening handshake.
    ///
    /// # Errors
    /// - [`Error::Accept`] if the options do not fit the request, or if it is plain HTTP. It is
    ///   answered with the status 503.
    /// - [`Error::Closed`] if the connection ended before the opening handshake was complete.
    /// - [`Error::Io`] if the stream failed.
    pub async fn accept(mut self, options: &AcceptOptions) -> Result<WebSocket<S>, Error> {
        let conn = self.socket.driver.pending_connection()?;
        conn.accept(options).map_err(Error::Accept)?;
        self.socket.open().await
    }

    /// Answers the request with an HTTP response, and ends the connection.
    ///
    /// # Errors
    /// - [`Error::Respond`] if the response is invalid. The request is answered with the status
    ///   503.
    /// - [`Error::Closed`] if the time for an answer had passed.
    /// - [`Error::Io`] if the stream failed; with [`TimedOut`](io::ErrorKind::TimedOut) if the
    ///   client did not accept the response within [`write_timeout`](hybi::Config::write_timeout).
    pub async fn respond(mut self, response: &Response<'_>) -> Result<(), Error> {
        let conn = self.socket.driver.pending_connection()?;
        conn.respond(response).map_err(Error::Respond)?;
        match poll_fn(|cx| self.socket.driver.poll_closed(cx)).await? {
            Closed::Responded(_) => self.socket.driver.check_stream(),
            closed => Err(Error::Closed(closed)),
        }
    }
}
