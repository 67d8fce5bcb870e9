//! Drives a connection over a byte stream, with poll functions that lose nothing if their future is
//! dropped: all state is here.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::Duration;

use hybi::{
    Close, Closed, Connection, Dialect, Input, Phase, PreparedMessage, SendError, close_code,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::inbox::Inbox;
use crate::receiver::{ANSWER_TIMEOUT, Received, Receiver, pass_time};
use crate::timer::Timer;
use crate::{Error, Message};

/// The maximum number of bytes that one read returns, on the stack. With a quarter of it, a message
/// of 1 MB takes twice the processor time.
const READ_LEN: usize = 64 * 1024;

/// The default of `set_max_message_len`.
const DEFAULT_MAX_MESSAGE_LEN: usize = 1024 * 1024;

/// The output that a peer has to accept in `ANSWER_TIMEOUT`, as in that of a write timeout.
const ANSWER_PROGRESS: usize = 16 * 1024;

/// Messages from this length on are written without a copy, if the stream supports it.
const VECTORED_LEN: usize = 4 * 1024;

/// How long shutting down the stream may take. It includes waiting for the end of input, if the
/// connection ended before it: dropping a socket with unread input would reset it, and the peer
/// could lose the last bytes sent.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The connection has not ended, or its last output is not written yet.
    NotYet,
    /// The sending side of the stream is being shut down.
    ShuttingDown { until: Instant },
    /// Input is discarded until it ends.
    Discarding { until: Instant },
    /// The stream is shut down, and the end was reported.
    Reported,
}

/// A connection, its stream, and what lies between them.
pub(crate) struct Driver<S: AsyncRead + AsyncWrite + Unpin> {
    io: S,
    conn: Connection,
    receiver: Receiver,
    /// Bytes that were read, of which the first `consumed` were consumed. Not allocated while there
    /// are none.
    unread: Vec<u8>,
    consumed: usize,
    /// `Connection::receive` can return something without another read.
    can_receive: bool,
    inbox: Inbox,
    /// Receiving while a sender waits ends at this length. With less, two peers that both send
    /// first would block each other.
    max_inbox_len: usize,
    /// A message that did not fit into the send buffer.
    unsent: Option<Message>,
    /// Why that message could not be queued when it was tried again. The next call that waits to
    /// send returns it.
    unsent_error: Option<SendError>,
    /// The first pending byte is written, and stays pending until the stream is flushed. It stands
    /// for all that the stream buffers itself, as those of TLS do: the write timeout applies, and
    /// input is read while it waits.
    is_unflushed: bool,
    /// Bytes written since the time to answer a close frame was last extended.
    written: usize,
    /// Set once the stream has failed. After a failed write, input is read on until it ends: the
    /// peer may have sent messages before.
    stream_error: Option<io::ErrorKind>,
    start: Instant,
    timer: Timer,
    end: End,
    /// Something happened that a task which waits for the other half of the connection may wait
    /// for.
    changed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// `unread` was read from the stream before.
    pub(crate) fn new(io: S, conn: Connection, unread: Vec<u8>) -> Self {
        let mut driver = Self {
            io,
            conn,
            receiver: Receiver::default(),
            unread,
            consumed: 0,
            can_receive: true,
            inbox: Inbox::default(),
            max_inbox_len: 0,
            unsent: None,
            unsent_error: None,
            is_unflushed: false,
            written: 0,
            stream_error: None,
            start: Instant::now(),
            timer: Timer::default(),
            end: End::NotYet,
            changed: false,
        };
        driver.set_max_message_len(DEFAULT_MAX_MESSAGE_LEN);
        driver
    }

    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// For calls that answer a request or end the connection.
    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        self.can_receive = true;
        self.changed = true;
        &mut self.conn
    }

    /// For the answer to a request: an error if the time for it has passed.
    pub(crate) fn pending_connection(&mut self) -> Result<&mut Connection, Error> {
        self.update_time();
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(self.connection_mut()),
        }
    }

    pub(crate) fn set_max_message_len(&mut self, bytes: usize) {
        self.receiver.assembler.set_limit(bytes);
        self.max_inbox_len = bytes;
    }

    pub(crate) fn set_returns_pings(&mut self, returns_pings: bool) {
        self.receiver.returns_pings = returns_pings;
    }

    /// Returns whether a task that waits for the other half has to be woken.
    pub(crate) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.changed)
    }

    /// Returns whether `poll_receive` has returned `None`.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.end, End::Reported)
    }

    /// Returns what was received next, and `None` at the end. Output that is pending is written
    /// before it waits.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Received, Error>>> {
        loop {
            if let Some(received) = self.take_received() {
                return Poll::Ready(Some(received));
            }
            let polled = if self.conn.closed().is_some() {
                self.poll_end(cx).map(|error| Some(error.map(Err)))
            } else {
                // While it is pending, input is read all the same: pongs are output, too.
                let _ = self.poll_output(cx);
                self.poll_read(cx).map(|received| received.map(Some))
            };
            match polled {
                Poll::Ready(Some(received)) => return Poll::Ready(received),
                Poll::Ready(None) => {}
                Poll::Pending if self.is_due(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// As [`poll_receive`](Self::poll_receive), for messages only.
    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        loop {
            match ready!(self.poll_receive(cx)) {
                Some(Ok(Received::Message(message))) => return Poll::Ready(Some(Ok(message))),
                Some(Ok(Received::Request(_) | Received::Open(_))) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    /// Ready at the end of the connection. Discards messages.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<Closed, Error>> {
        loop {
            match ready!(self.poll_receive(cx)) {
                Some(Err(Error::Io(error))) => return Poll::Ready(Err(error.into())),
                Some(_) => {}
                None => return Poll::Ready(Ok(self.closed())),
            }
        }
    }

    /// Returns why the connection has ended, after it has.
    pub(crate) fn closed(&self) -> Closed {
        self.conn.closed().cloned().unwrap_or(Closed::Aborted)
    }

    /// Ready if a message can be queued: if the last one was, and the output is not above the
    /// high-water mark.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_unsent(cx))?;
        while self.conn.is_congested() {
            ready!(self.poll_drain(cx, self.conn.pending() - 1))?;
        }
        self.check_stream()?;
        Poll::Ready(self.failure().map_or(Ok(()), Err))
    }

    /// Ready if all output was written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_unsent(cx))?;
        self.poll_drain(cx, 0)
    }

    /// Ready once a close frame was written. Has no effect but that of a flush if the connection is
    /// closing or has ended.
    pub(crate) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        close: &Close,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_unsent(cx))?;
        if self.conn.is_open() {
            self.connection_mut().close(close).map_err(Error::Close)?;
        }
        self.poll_flush(cx)
    }

    /// Ready if the message that did not fit was queued.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(error) = self.unsent_error.take() {
            return Poll::Ready(Err(Error::Send(error)));
        }
        while let Some(retry_at) = self.queue_unsent().map_err(Error::Send)? {
            ready!(self.poll_drain(cx, retry_at))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues a message after `poll_ready` was ready.
    pub(crate) fn queue(&mut self, message: Message) -> Result<(), Error> {
        self.check_stream()?;
        // Only if the caller did not wait for `poll_ready`.
        if let Some(unsent) = &self.unsent {
            send(&mut self.conn, unsent).map_err(Error::Send)?;
            self.unsent = None;
        }
        match send(&mut self.conn, &message) {
            Err(SendError::BufferFull { .. }) => self.unsent = Some(message),
            result => result.map_err(Error::Send)?,
        }
        Ok(())
    }

    /// As [`queue`](Self::queue), for a message that is flushed next: writes a long one without
    /// copying it to the send buffer, as far as the stream accepts it.
    pub(crate) fn queue_and_write(
        &mut self,
        cx: &mut Context<'_>,
        message: Message,
    ) -> Result<(), Error> {
        if message.payload().len() < VECTORED_LEN || !self.io.is_write_vectored() {
            return self.queue(message);
        }
        self.check_stream()?;
        match self.write_vectored(cx, &message) {
            Err(Error::Send(SendError::BufferFull { .. })) => {
                self.unsent = Some(message);
                Ok(())
            }
            result => result,
        }
    }

    fn write_vectored(&mut self, cx: &mut Context<'_>, message: &Message) -> Result<(), Error> {
        let vectored = match message {
            Message::Text(text) => self.conn.send_text_vectored(text),
            Message::Binary(bytes) => self.conn.send_binary_vectored(bytes),
            Message::Ping(_) | Message::Pong(_) => {
                return send(&mut self.conn, message).map_err(Error::Send);
            }
        };
        let mut vectored = vectored.map_err(Error::Send)?;
        let mut slices = vectored.slices().map(IoSlice::new);
        let mut slices = &mut slices[..];
        IoSlice::advance_slices(&mut slices, usize::from(self.is_unflushed));
        let mut stream = Pin::new(&mut self.io);
        let written = match stream.as_mut().poll_write_vectored(cx, slices) {
            // What is not written is queued.
            Poll::Pending | Poll::Ready(Ok(0)) => return Ok(()),
            Poll::Ready(written) => written,
        };
        // Flushed at once so that not even one byte of the message is queued, if possible.
        let flushed = written.and_then(|n| match stream.poll_flush(cx) {
            Poll::Ready(Ok(())) => Ok((n, 0)),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok((n, 1)),
        });
        match flushed {
            Ok((n, unflushed)) => {
                vectored.advance(n + usize::from(self.is_unflushed) - unflushed);
                drop(vectored);
                self.is_unflushed = unflushed > 0;
                self.note_written(n);
                Ok(())
            }
            Err(error) => {
                drop(vectored);
                self.fail_write(error)
            }
        }
    }

    /// Ready once a message for many connections was queued.
    pub(crate) fn poll_prepared(
        &mut self,
        cx: &mut Context<'_>,
        message: &PreparedMessage,
    ) -> Poll<Result<(), Error>> {
        loop {
            ready!(self.poll_ready(cx))?;
            match self.conn.send_prepared(message) {
                Err(SendError::BufferFull { retry_at, .. }) => {
                    ready!(self.poll_drain(cx, retry_at))?;
                }
                result => return Poll::Ready(result.map_err(Error::Send)),
            }
        }
    }

    /// Returns the error for a connection that ended otherwise than as agreed.
    fn failure(&self) -> Option<Error> {
        let has_close = self.conn.dialect().is_none_or(Dialect::has_close);
        match self.conn.closed()? {
            Closed::Clean(_) | Closed::LocallyClosed | Closed::Responded(_) => None,
            Closed::Eof(Phase::Open) if !has_close => None, // CL-20
            closed => Some(Error::Closed(closed.clone())),
        }
    }

    pub(crate) fn check_stream(&self) -> Result<(), Error> {
        match self.stream_error {
            Some(kind) => Err(Error::Io(kind.into())),
            None => Ok(()),
        }
    }

    /// Queues the message that did not fit before. If it still does not, returns the number of
    /// pending bytes at which it does.
    fn queue_unsent(&mut self) -> Result<Option<usize>, SendError> {
        let Some(message) = &self.unsent else {
            return Ok(None);
        };
        let result = send(&mut self.conn, message);
        if let Err(SendError::BufferFull { retry_at, .. }) = result {
            return Ok(Some(retry_at));
        }
        self.unsent = None;
        result.map(|()| None)
    }

    /// Ready once at most `target` bytes are pending. Reads while it waits: the peer may not read
    /// before its own output is read.
    fn poll_drain(&mut self, cx: &mut Context<'_>, target: usize) -> Poll<Result<(), Error>> {
        loop {
            match self.poll_write(cx, target) {
                // Pending output is dropped at a timeout.
                Poll::Ready(Ok(())) => return Poll::Ready(self.failure().map_or(Ok(()), Err)),
                Poll::Ready(error) => return Poll::Ready(error),
                Poll::Pending => {}
            }
            let pending = self.conn.pending();
            let received = self.fill_inbox(cx);
            // It also passes the time to the connection, which drops output at a timeout.
            let is_waiting = received.is_pending() && self.conn.pending() == pending;
            if is_waiting && !self.is_due(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Writes until at most `target` bytes are pending.
    fn poll_write(&mut self, cx: &mut Context<'_>, target: usize) -> Poll<Result<(), Error>> {
        self.check_stream()?;
        while self.conn.pending() > target {
            let unflushed = usize::from(self.is_unflushed);
            let mut stream = Pin::new(&mut self.io);
            let unwritten = self.conn.transmit().get(unflushed..).unwrap_or_default();
            if unwritten.is_empty() {
                if let Err(error) = ready!(stream.poll_flush(cx)) {
                    return Poll::Ready(self.fail_write(error));
                }
                self.conn.advance(unflushed);
                self.is_unflushed = false;
                self.changed = true;
                continue;
            }
            let written = ready!(stream.as_mut().poll_write(cx, unwritten));
            self.changed = true;
            match written {
                Ok(0) => return Poll::Ready(self.fail_write(io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    self.conn.advance(unflushed + n - 1);
                    self.is_unflushed = true;
                    self.note_written(n);
                }
                Err(error) => return Poll::Ready(self.fail_write(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn note_written(&mut self, n: usize) {
        if let Some(answer_by) = &mut self.receiver.answer_by {
            self.written += n;
            if self.written >= ANSWER_PROGRESS {
                self.written = 0;
                *answer_by = Instant::now() + ANSWER_TIMEOUT;
            }
        }
    }

    fn fail_write(&mut self, error: io::Error) -> Result<(), Error> {
        self.stream_error = Some(error.kind());
        Err(error.into())
    }

    /// Writes all output, and the message that did not fit. An error is that of the next call which
    /// sends.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let retry_at = self.queue_unsent().unwrap_or_else(|error| {
                self.unsent_error = Some(error);
                None
            });
            let result = ready!(self.poll_write(cx, retry_at.unwrap_or_default()));
            if result.is_err() {
                return Poll::Ready(());
            }
            if retry_at.is_none() {
                return Poll::Ready(());
            }
        }
    }

    /// Receives once, unless the inbox is full.
    fn fill_inbox(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.inbox.len() >= self.max_inbox_len || self.receiver.answer_by.is_some() {
            return Poll::Pending;
        }
        let received = match self.receive_unread() {
            Some(received) => Some(received),
            None if self.receiver.answer_by.is_some() => None,
            None => ready!(self.poll_read(cx)),
        };
        if let Some(received) = received {
            self.inbox.push(received);
            self.changed = true;
        }
        Poll::Ready(())
    }

    /// Returns what was received or read before.
    fn take_received(&mut self) -> Option<Result<Received, Error>> {
        let Some(received) = self.inbox.pop() else {
            return self.receive_unread();
        };
        self.changed = true; // a sender that waits can read
        Some(received)
    }

    fn receive_unread(&mut self) -> Option<Result<Received, Error>> {
        // The application may answer what the peer has sent before its close frame.
        if !self.can_receive || (self.receiver.answer_by.is_some() && self.unsent.is_some()) {
            return None;
        }
        let mut unread = mem::take(&mut self.unread);
        let mut input = Input::new(unread.get_mut(self.consumed..)?, self.start.elapsed());
        let received = self.receive(&mut input);
        let remaining = input.remaining().len();
        self.note_received(received.is_some(), remaining);
        if remaining > 0 {
            self.consumed = unread.len() - remaining;
            self.unread = unread;
        } else {
            self.consumed = 0;
        }
        received
    }

    fn receive(&mut self, input: &mut Input<'_>) -> Option<Result<Received, Error>> {
        let pending = self.conn.pending();
        let received = self.receiver.receive(&mut self.conn, input);
        self.note_dropped_output(pending);
        received
    }

    /// Notes a write timeout after a closing handshake, which does not change the reason of the end.
    /// `pending` bytes were pending before the time passed.
    fn note_dropped_output(&mut self, pending: usize) {
        if self.conn.pending() < pending && self.failure().is_none() {
            self.stream_error = Some(io::ErrorKind::TimedOut);
            self.changed = true;
        }
    }

    /// `remaining` bytes of input were not consumed.
    fn note_received(&mut self, is_received: bool, remaining: usize) {
        let has_input = is_received && remaining > 0;
        self.can_receive = has_input || self.receiver.answer_by.is_some();
    }

    /// Reads once. Ready with `None` if nothing is complete.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        if !self.conn.wants_read() {
            return Poll::Pending;
        }
        let mut buf = [const { MaybeUninit::uninit() }; READ_LEN];
        let mut buf = ReadBuf::uninit(&mut buf);
        if let Err(error) = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
            self.stream_error = Some(error.kind());
            self.connection_mut().abort();
            return Poll::Ready(Some(Err(error.into())));
        }
        if buf.filled().is_empty() {
            self.conn.receive_eof();
        }
        let mut input = Input::new(buf.filled_mut(), self.start.elapsed());
        let received = self.receive(&mut input);
        let remaining = input.remaining();
        self.unread.extend_from_slice(remaining);
        self.note_received(received.is_some(), remaining.len());
        self.changed |= self.conn.closed().is_some();
        Poll::Ready(received)
    }

    /// Shuts the stream down after the connection has ended and its last output was written. Ready
    /// with the reason unless it ended as agreed.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        loop {
            match self.end {
                End::NotYet => {
                    ready!(self.poll_output(cx));
                    let until = Instant::now() + SHUTDOWN_TIMEOUT;
                    self.end = End::ShuttingDown { until };
                }
                End::ShuttingDown { until } => {
                    // A stream that failed has nothing to shut down.
                    match Pin::new(&mut self.io).poll_shutdown(cx) {
                        Poll::Ready(_) => self.end = End::Discarding { until },
                        Poll::Pending => ready!(self.poll_shutdown_timeout(cx, until)),
                    }
                }
                End::Discarding { until } => {
                    if self.has_unread_input() && self.poll_discard(cx, until).is_pending() {
                        ready!(self.poll_shutdown_timeout(cx, until));
                    }
                    self.end = End::Reported;
                    // An error of the stream was returned when the connection was aborted.
                    let is_aborted = matches!(self.conn.closed(), Some(Closed::Aborted));
                    return Poll::Ready(self.failure().filter(|_| !is_aborted));
                }
                End::Reported => return Poll::Ready(None),
            }
        }
    }

    /// Returns whether the connection has ended before the input.
    fn has_unread_input(&self) -> bool {
        matches!(
            self.conn.closed(),
            Some(Closed::Protocol(_) | Closed::Responded(_) | Closed::LocallyClosed)
        )
    }

    /// Ready at the end of input, or at `until` although more arrives.
    fn poll_discard(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        loop {
            let mut buf = [const { MaybeUninit::uninit() }; READ_LEN];
            let mut buf = ReadBuf::uninit(&mut buf);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() || Instant::now() >= until {
                return Poll::Ready(());
            }
        }
    }

    fn poll_shutdown_timeout(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        ready!(self.timer.poll(cx, until));
        self.end = End::Discarding {
            until: Instant::now(),
        };
        Poll::Ready(())
    }

    /// Returns whether the connection's deadline has passed, and passes the time to it.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = match self.receiver.answer_by {
            // Passing the time to the connection answers the close frame.
            Some(answer_by) => answer_by,
            None => match self.conn.deadline() {
                Some(deadline) => self.start + deadline,
                None => return false,
            },
        };
        let is_due = self.timer.poll(cx, deadline).is_ready();
        if is_due {
            self.update_time();
        }
        is_due
    }

    /// Passes the time to the connection.
    fn update_time(&mut self) {
        self.receiver.answer_by = None;
        let pending = self.conn.pending();
        pass_time(
            &mut self.conn,
            &mut Input::new(&mut [], self.start.elapsed()),
        );
        self.note_dropped_output(pending);
        self.changed = true;
    }
}

/// Omits the stream, what was read, and messages: they contain keys, and may contain secrets.
impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("conn", &self.conn)
            .field("unread", &(self.unread.len() - self.consumed))
            .field("inbox", &self.inbox.len())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// Tries once to tell the peer.
impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Driver<S> {
    fn drop(&mut self) {
        // A stream may panic outside of a runtime, which would abort the program in a panic.
        if self.conn.closed().is_none() && self.stream_error.is_none() && !thread::panicking() {
            // Cannot fail: the code is valid.
            let _ = self.conn.close(&Close::new(close_code::GOING_AWAY, ""));
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self.poll_write(&mut cx, 0);
        }
    }
}

fn send(conn: &mut Connection, message: &Message) -> Result<(), SendError> {
    match message {
        Message::Text(text) => conn.send_text(text),
        Message::Binary(bytes) => conn.send_binary(bytes),
        Message::Ping(payload) => conn.send_ping(payload),
        Message::Pong(payload) => conn.send_pong(payload),
    }
}
