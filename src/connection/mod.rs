//! The connection: constructors, answers to a request, closing, and output.

#[cfg(feature = "deflate")]
mod compression;
mod handshaking;
mod receive;
mod send;
mod session;
mod state;
mod timers;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::call_errors::{AcceptError, CloseError, RespondError};
use crate::config::{Role, SharedConfig};
use crate::dialect::{Dialect, FrameFormat};
use crate::entropy::Entropy;
use crate::event::{Close, Closed, Handshake};
use crate::frame::opcode::{self, MAX_CONTROL_LEN};
use crate::handshake::{self, AcceptOptions, ClientRequest, Request, Response, UpgradeResponse};
use crate::http::{Head, Limits};
use crate::random::{Masks, Random};
use crate::send_buffer::SendBuffer;

use handshaking::PendingReply;
pub use send::VectoredMessage;
use state::{Handshaking, PeerClosed, State};
use timers::Timers;

/// One endpoint of a WebSocket connection: a state machine that performs no I/O.
///
/// [`receive`](Self::receive) consumes bytes from the socket and returns events.
/// [`transmit`](Self::transmit) returns the bytes to write to it. See
/// [driving a connection](crate#driving-a-connection), and what always holds: the
/// [guarantees](crate#guarantees).
///
/// ```
/// use hybi::{AcceptOptions, Config, Connection, Event, Input};
/// use std::time::Duration;
///
/// let mut conn = Connection::server(Config::new());
/// let mut bytes = *b"GET /demo HTTP/1.1\r\n\
///     Host: example.com\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
///     Upgrade: WebSocket\r\n\
///     Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
///     Origin: http://example.com\r\n\r\n\
///     ^n:ds[4U\
///     \x00Hello\xff";
/// let mut input = Input::new(&mut bytes, Duration::ZERO);
/// while let Some(event) = conn.receive(&mut input) {
///     match event {
///         Event::Request(_) => conn.accept(&AcceptOptions::new())?,
///         Event::Open(_) => assert!(conn.transmit().ends_with(b"8jKS'y:G*Co,Wxa-")),
///         Event::Text(text) => conn.send_text(text.as_str())?,
///         _ => {}
///     }
/// }
/// assert!(conn.transmit().ends_with(b"\x00Hello\xff"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: SharedConfig,
    state: State,
    /// `receive_eof` was called.
    eof: bool,
    /// The peer has sent bytes since keep-alive last looked. The caller may have paused before the
    /// rest of an input.
    has_received: bool,
    /// See [`set_compression`](Self::set_compression).
    #[cfg(feature = "deflate")]
    compresses: bool,
    send_buffer: SendBuffer,
    timers: Timers,
}

impl Connection {
    /// Creates the server side of a connection on a newly accepted socket.
    #[must_use]
    pub fn server(config: impl Into<SharedConfig>) -> Self {
        let config = config.into();
        let state = State::server(&config);
        Self::new(config, state)
    }

    /// Creates the client side of a connection on a newly connected socket, and queues the request.
    ///
    /// The handshake keys and, from HyBi-7 on, the masking keys are derived from `entropy`.
    #[must_use]
    pub fn client(
        config: impl Into<SharedConfig>,
        request: &ClientRequest,
        entropy: Entropy,
    ) -> Self {
        let config = config.into();
        let mut random = Random::new(entropy);
        let (bytes, proof) = request.request(&config, &mut random);
        let state = State::client(PendingReply {
            head: Head::response(Limits::from_config(&config)),
            request: request.clone(),
            proof,
            masks: masks(request.dialect(), &mut random),
        });
        let mut conn = Self::new(config, state);
        conn.send_buffer.push_vec(bytes);
        conn
    }

    fn new(config: SharedConfig, state: State) -> Self {
        Self {
            config,
            state,
            eof: false,
            has_received: false,
            #[cfg(feature = "deflate")]
            compresses: true,
            send_buffer: SendBuffer::EMPTY,
            timers: Timers::new(),
        }
    }

    /// Creates the server side of a connection whose request was read by an HTTP library, and
    /// returns the head of the response for that library to write.
    ///
    /// Pass the bytes that the library read after the head of the request to
    /// [`receive`](Self::receive). With Hixie-76 they start with the 8 bytes of the third key.
    /// [`Event::Open`](crate::Event::Open) follows.
    ///
    /// For a request of HTTP/2 ([`Request::from_connect`]) the response is a 200, and the stream is
    /// the socket: its DATA frames contain the input and the output, and the end of the stream is
    /// the end of input.
    ///
    /// # Errors
    /// - [`AcceptError::Protocol`] if the request is plain HTTP, or if its dialect is not enabled
    ///   in [`Config::dialects`](crate::Config::dialects).
    /// - [`AcceptError::ProtocolNotOffered`], [`AcceptError::InvalidAuthority`] and
    ///   [`AcceptError::InvalidHeader`] as in [`accept`](Self::accept).
    ///
    /// ```
    /// # use hybi::{AcceptOptions, Config, Connection, Event, Input, Request};
    /// # use std::{error::Error, io::Write, time::Duration};
    /// # fn upgrade(request: Request, socket: &mut impl Write) -> Result<(), Box<dyn Error>> {
    /// let options = AcceptOptions::new();
    /// let (mut conn, response) = Connection::upgrade(Config::new(), &request, &options)?;
    /// socket.write_all(response.as_bytes())?;
    /// let mut leftover = *b"^n:ds[4U";
    /// let mut input = Input::new(&mut leftover, Duration::ZERO);
    /// assert!(matches!(conn.receive(&mut input), Some(Event::Open(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn upgrade(
        config: impl Into<SharedConfig>,
        request: &Request,
        options: &AcceptOptions,
    ) -> Result<(Self, UpgradeResponse), AcceptError> {
        let config = config.into();
        let dialect = request.enabled_dialect(config.dialects);
        let dialect = dialect.map_err(AcceptError::Protocol)?;
        let (head, extensions) = handshake::accept(&config, request, dialect, options)?;
        let state = State::accepted(dialect, request.key_parts(), extensions);
        let conn = Self::new(config, state);
        Ok((conn, UpgradeResponse::new(head)))
    }

    /// Creates the server side of a connection whose opening handshake was performed elsewhere.
    ///
    /// The connection is open at once: no [`Event::Open`](crate::Event::Open) is returned. The
    /// dialect need not be enabled in [`Config::dialects`](crate::Config::dialects).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake};
    /// let handshake = Handshake::new(Dialect::Rfc6455);
    /// let mut conn = Connection::established_server(Config::new(), &handshake);
    /// conn.send_text("Hello")?;
    /// # Ok::<(), hybi::SendError>(())
    /// ```
    #[must_use]
    pub fn established_server(config: impl Into<SharedConfig>, handshake: &Handshake) -> Self {
        let state = State::established(
            handshake.dialect(),
            Role::Server,
            handshake.extensions,
            None,
        );
        Self::new(config.into(), state)
    }

    /// Creates the client side of a connection whose opening handshake was performed elsewhere; see
    /// [`established_server`](Self::established_server). From HyBi-7 on, the masking keys are
    /// derived from `entropy`.
    #[must_use]
    pub fn established_client(
        config: impl Into<SharedConfig>,
        handshake: &Handshake,
        entropy: Entropy,
    ) -> Self {
        let dialect = handshake.dialect();
        let masks = masks(dialect, &mut Random::new(entropy));
        let state = State::established(dialect, Role::Client, handshake.extensions, masks);
        Self::new(config.into(), state)
    }

    /// Accepts the last [`Event::Request`](crate::Event::Request) and queues the head of the
    /// response.
    ///
    /// With Hixie-76 the head is queued before the 8 bytes of the third key have arrived, since a
    /// proxy may withhold them until it has seen the head (H76-3).
    /// [`Event::Open`](crate::Event::Open) follows once they have arrived; in the other dialects it
    /// is the next event.
    ///
    /// # Errors
    /// - [`AcceptError::NoRequest`] if no request awaits an answer, or if the request is plain
    ///   HTTP.
    /// - [`AcceptError::ProtocolNotOffered`] if the client did not offer the subprotocol.
    /// - [`AcceptError::InvalidAuthority`] if the authority is not `host` or `host:port`.
    /// - [`AcceptError::InvalidHeader`] if a header field is invalid, or one that the crate writes
    ///   itself.
    ///
    /// [`max_send_buffer`](crate::Config::max_send_buffer) does not limit the response.
    pub fn accept(&mut self, options: &AcceptOptions) -> Result<(), AcceptError> {
        let request = self.pending_request().ok_or(AcceptError::NoRequest)?;
        let dialect = request.dialect().ok_or(AcceptError::NoRequest)?;
        let (head, extensions) = handshake::accept(&self.config, request, dialect, options)?;
        let key_parts = request.key_parts();
        self.send_buffer.push_vec(head);
        self.state.accept(dialect, key_parts, extensions);
        Ok(())
    }

    /// Answers the last [`Event::Request`](crate::Event::Request) with an HTTP response instead of
    /// accepting it, and ends the connection with [`Closed::Responded`].
    ///
    /// # Errors
    /// - [`RespondError::NoRequest`] if no request awaits an answer.
    /// - [`RespondError::InvalidStatus`] if the status is not in 200 to 599.
    /// - [`RespondError::InvalidHeader`] if a header field is invalid, or one that the crate writes
    ///   itself.
    /// - [`RespondError::ResponseTooLong`] if the response has more than
    ///   [`max_send_buffer`](crate::Config::max_send_buffer) bytes.
    pub fn respond(&mut self, response: &Response<'_>) -> Result<(), RespondError> {
        let request = self.pending_request().ok_or(RespondError::NoRequest)?;
        let limit = self.config.max_send_buffer;
        let bytes = handshake::respond(response, request.is_head(), limit)?;
        self.send_buffer.push_vec(bytes);
        self.state.finish(Closed::Responded(response.status()));
        Ok(())
    }

    /// Returns the request that awaits an answer. No output is pending while it does.
    fn pending_request(&self) -> Option<&Request> {
        match &self.state {
            State::Handshaking(Handshaking::AwaitAnswer(request)) => Some(request),
            _ => None,
        }
    }

    /// Starts the closing handshake by queueing a close frame, or answers that of the peer. Has no
    /// effect if either was done before, or if the connection has ended.
    ///
    /// Messages of the peer are still reported until its close frame arrives (CL-3), but none can
    /// be sent: check [`is_open`](Self::is_open) before answering them. Then
    /// [`Event::Closed`](crate::Event::Closed) with [`Closed::Clean`] follows. All output that is
    /// queued before the close frame is sent, as long as the peer accepts it within
    /// [`write_timeout`](crate::Config::write_timeout).
    ///
    /// In two cases the connection ends at once, with [`Closed::LocallyClosed`]:
    ///
    /// - In Hixie-75, which has no closing handshake (CL-20).
    /// - Before the opening handshake is complete. A server that has not started its response
    ///   queues one with status 503 (CL-13).
    ///
    /// Hixie-76 has no codes and reasons: those of `close` are not sent (CL-8).
    ///
    /// A message of which the last fragment was not sent remains incomplete from HyBi-7 on; in
    /// Hixie-76 its frame is ended first.
    ///
    /// # Errors
    /// From HyBi-7 on, once the dialect is known:
    ///
    /// - [`CloseError::InvalidCode`] if the code is not one of those that [`Close::new`] lists.
    /// - [`CloseError::ReasonTooLong`] if the reason is longer than 123 bytes.
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake, Input};
    /// use hybi::{Close, Closed, Event, close_code};
    ///
    /// # let mut conn = Connection::established_server(Config::new(), &Handshake::new(Dialect::Rfc6455));
    /// # let mut bytes = *b"\x88\x85\0\0\0\0\x03\xe9bye";
    /// # let mut input = Input::new(&mut bytes, std::time::Duration::ZERO);
    /// conn.close(&Close::new(close_code::GOING_AWAY, "restart"))?;
    /// // Write the output, and read until the peer has answered:
    /// while let Some(event) = conn.receive(&mut input) {
    ///     if let Event::Closed(Closed::Clean(close)) = event {
    ///         assert_eq!((close.code(), close.reason()), (Some(1001), "bye"));
    ///     }
    /// }
    /// # assert!(conn.closed().is_some());
    /// # Ok::<(), hybi::CloseError>(())
    /// ```
    pub fn close(&mut self, close: &Close) -> Result<(), CloseError> {
        let session = match &mut self.state {
            State::Handshaking(Handshaking::Accepted {
                session,
                is_closing: false,
            })
            | State::Open(session)
            | State::PeerClosed(PeerClosed { session, .. }) => session,
            State::Handshaking(Handshaking::Accepted {
                is_closing: true, ..
            })
            | State::Closing(_)
            | State::Closed(_) => return Ok(()),
            State::Handshaking(handshaking) => {
                if handshaking.can_respond() {
                    let (response, is_head) = (Response::new(503), handshaking.is_head());
                    // Cannot fail: the status is valid, and there are no header fields.
                    let bytes = handshake::respond(&response, is_head, usize::MAX);
                    self.send_buffer.push_vec(bytes.unwrap_or_default());
                }
                self.state.finish(Closed::LocallyClosed);
                return Ok(());
            }
        };
        match session.dialect.row().frames {
            FrameFormat::Hixie { has_close: false } => self.state.finish(Closed::LocallyClosed),
            frames => {
                // CL-8: Hixie-76 sends neither code nor reason.
                if let FrameFormat::Hybi { .. } = frames {
                    check_close(close)?;
                }
                session.queue_close(&mut self.send_buffer, close);
                self.state.close();
            }
        }
        Ok(())
    }

    /// Ends the connection at once, without a close frame: pending output is dropped, and
    /// [`receive`](Self::receive) returns [`Closed::Aborted`] next. If the connection has ended
    /// before, only pending output is dropped.
    pub fn abort(&mut self) {
        self.send_buffer.clear();
        if !matches!(self.state, State::Closed(_)) {
            self.state.finish(Closed::Aborted);
        }
    }

    /// Returns all pending output, in order: the bytes to write to the socket next.
    #[must_use]
    #[inline]
    pub fn transmit(&self) -> &[u8] {
        self.send_buffer.pending()
    }

    /// Removes the first `n` bytes of [`transmit`](Self::transmit), which were written to the
    /// socket.
    ///
    /// # Panics
    /// Panics if `n` is greater than the number of pending bytes. After the connection has ended
    /// there may be fewer than were passed to the socket, because a timeout or
    /// [`abort`](Self::abort) has dropped them: then a greater `n` removes all that are pending.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        let State::Open(session) = &mut self.state else {
            return self.advance_not_open(n);
        };
        if self.timers.has_keepalive() && self.send_buffer.len() > self.config.high_water {
            self.timers.restart_keepalive();
        }
        self.send_buffer.advance(n);
        if session.has_deferred_pong() {
            session.flush_pong(&mut self.send_buffer, self.config.high_water);
        }
    }

    #[cold]
    fn advance_not_open(&mut self, n: usize) {
        let n = match self.state {
            State::Closed(_) => n.min(self.send_buffer.len()),
            _ => n,
        };
        self.send_buffer.advance(n);
        self.flush_pong();
    }

    /// Queues a deferred pong after output was removed.
    fn flush_pong(&mut self) {
        if let Some(session) = self.state.session() {
            session.flush_pong(&mut self.send_buffer, self.config.high_water);
        }
    }

    /// Removes all pending output and returns it, for I/O that owns its buffers: the bytes count as
    /// written.
    ///
    /// The content of `spare` is dropped, and its memory becomes the send buffer: pass the buffer
    /// of an earlier call whose bytes were written, or an empty `Vec`. If nothing is pending,
    /// `spare` is returned, empty.
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake};
    /// # let mut conn = Connection::established_server(Config::new(), &Handshake::new(Dialect::Hixie76));
    /// conn.send_text("Hello")?;
    /// let output = conn.take_output(Vec::new());
    /// assert_eq!(output, b"\x00Hello\xff");
    /// // After it was written:
    /// let output = conn.take_output(output);
    /// assert!(output.is_empty());
    /// # Ok::<(), hybi::SendError>(())
    /// ```
    #[must_use = "the bytes have to be written"]
    pub fn take_output(&mut self, spare: Vec<u8>) -> Vec<u8> {
        if self.is_congested() {
            self.timers.restart_keepalive();
        }
        let output = self.send_buffer.take(spare, &self.config);
        self.flush_pong();
        output
    }

    /// Returns whether [`receive`](Self::receive) can consume input: whether to read from the
    /// socket, unless the application pauses because of
    /// [back-pressure](crate#back-pressure).
    ///
    /// False after the end of input, after the peer's close frame, after the connection has ended,
    /// and while a request awaits an answer. It does not depend on the pending output.
    #[must_use]
    #[inline]
    pub fn wants_read(&self) -> bool {
        let can_consume = !matches!(
            self.state,
            State::Closed(_)
                | State::PeerClosed(_)
                | State::Handshaking(Handshaking::AwaitAnswer(_))
        );
        can_consume && !self.eof
    }

    /// Returns whether any output is pending.
    #[must_use]
    #[inline]
    pub fn wants_write(&self) -> bool {
        !self.send_buffer.is_empty()
    }

    /// Returns how many bytes of output are pending: queued, and not removed by
    /// [`advance`](Self::advance).
    ///
    /// At most [`max_send_buffer`](crate::Config::max_send_buffer), and in addition what the
    /// connection queues by itself: a pong, a ping of keep-alive, a close frame, or an HTTP
    /// response; and up to 12 bytes, and 5 for each further 65,535, for a fragment of a compressed
    /// message that does not become shorter. A pong that is deferred does not count.
    #[must_use]
    #[inline]
    pub fn pending(&self) -> usize {
        self.send_buffer.len()
    }

    /// Returns whether more than [`high_water`](crate::Config::high_water) bytes of output are
    /// pending.
    ///
    /// If the application answers messages, it pauses while this is true: it does not call
    /// `receive` with more input, and does not read from the socket. See
    /// [back-pressure](crate#back-pressure). False once the connection has ended, so that an
    /// application that pauses still receives [`Event::Closed`](crate::Event::Closed).
    #[must_use]
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.send_buffer.len() > self.config.high_water && !matches!(self.state, State::Closed(_))
    }

    /// Returns whether the connection has ended, [`Event::Closed`](crate::Event::Closed) was
    /// returned, and no output is pending: drop the socket.
    ///
    /// If a socket with unread input is dropped, the system may reset the connection, and the peer
    /// may lose the last bytes sent. To avoid that, shut down the writing side first, then read
    /// until the end of input, for a bounded time.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(&self.state, State::Closed(ended) if ended.is_reported)
            && self.send_buffer.is_empty()
    }

    /// Returns why the connection has ended, or `None` if it has not. It is `Some` before
    /// [`Event::Closed`](crate::Event::Closed) is returned.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.state {
            State::Closed(ended) => Some(&ended.reason),
            _ => None,
        }
    }

    /// Returns whether messages can be sent: from [`Event::Open`](crate::Event::Open) until
    /// [`close`](Self::close), [`abort`](Self::abort) or [`Event::Closed`](crate::Event::Closed).
    /// After [`Event::Closing`](crate::Event::Closing) they can be sent until the next call of
    /// `receive`, or with [`auto_close`](crate::Config::auto_close) off until `close`.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_) | State::PeerClosed(_))
    }

    /// Returns the dialect of the connection, or `None` if it is not known yet: on a server until
    /// [`accept`](Self::accept), on a client until [`Event::Open`](crate::Event::Open).
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.state.dialect()
    }
}

/// Returns the masking keys of a client, if its dialect has them (HY-5).
fn masks(dialect: Dialect, random: &mut Random) -> Option<Box<Masks>> {
    dialect
        .row()
        .has_opcodes()
        .then(|| Box::new(Masks::new(random)))
}

/// HY-8: checks that a close frame may contain the code and reason.
fn check_close(close: &Close) -> Result<(), CloseError> {
    let len = close.reason().len();
    match close.code() {
        Some(code) if !opcode::is_close_code(code) => Err(CloseError::InvalidCode { code }),
        Some(_) if len + 2 > MAX_CONTROL_LEN => Err(CloseError::ReasonTooLong { len }),
        _ => Ok(()),
    }
}
