//! A connection on a non-blocking socket with edge-triggered readiness: the poll reports each
//! change once, so the socket counts as ready until a system call would block.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use hybi::Connection;

/// How long a write may make no progress.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a blocked write is retried.
const WRITE_RETRY: Duration = Duration::from_secs(1);

/// How long to wait for the end of input after shutting down the sending side.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// A trait, so that tests can replace the socket.
pub trait Socket: Read + Write {
    fn shutdown_write(&mut self) -> io::Result<()>;
}

/// A [`Connection`] and its non-blocking socket.
pub struct PolledConnection<S> {
    pub conn: Connection,
    pub socket: S,
    readable: bool,
    writable: bool,
    /// The end of input was read.
    eof: bool,
    /// When a write first blocked, since the last one that made progress.
    blocked_since: Option<Duration>,
    /// Set once the sending side is shut down.
    linger_deadline: Option<Duration>,
    error: Option<String>,
}

impl<S: Socket> PolledConnection<S> {
    pub fn new(socket: S, conn: Connection) -> Self {
        Self {
            conn,
            socket,
            readable: false,
            writable: true,
            eof: false,
            blocked_since: None,
            linger_deadline: None,
            error: None,
        }
    }

    pub fn set_readiness(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Returns whether to call `read`. While lingering, all input is read: closing a socket with
    /// unread input can reset the connection, and the peer would lose our last bytes.
    pub fn is_readable(&self) -> bool {
        let wanted = self.linger_deadline.is_some() || self.conn.wants_read();
        self.readable && wanted && self.error.is_none()
    }

    /// Reads once and returns the number of bytes read.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        match self.socket.read(buf) {
            Ok(0) => {
                self.readable = false;
                self.eof = true;
                self.conn.receive_eof();
            }
            Ok(n) => return n,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.readable = false,
                ErrorKind::Interrupted => {}
                _ => self.abort(error.to_string()),
            },
        }
        0
    }

    /// Writes pending output and shuts down the sending side once the connection is done. Returns
    /// when to call this again at the latest.
    pub fn flush(&mut self, now: Duration) -> Option<Duration> {
        self.write(now);
        let timeout = self.conn.tick(now);
        if !self.conn.wants_write() {
            self.blocked_since = None;
        }
        if self.conn.is_done() && self.linger_deadline.is_none() {
            // Fails only if the peer has already disconnected.
            let _ = self.socket.shutdown_write();
            self.linger_deadline = Some(now + LINGER_TIMEOUT);
        }
        let deadline = timeout.map(|timeout| now.saturating_add(timeout));
        let retry = self
            .blocked_since
            .map(|since| (since + WRITE_TIMEOUT).min(now + WRITE_RETRY));
        let deadlines = [deadline, retry, self.linger_deadline];
        deadlines.into_iter().flatten().min()
    }

    fn write(&mut self, now: Duration) {
        // Retry blocked writes: epoll reports a socket as writable only once much of its buffer is
        // free. Retry often, so that the few bytes that the kernel still accepts for a stalled peer
        // do not extend the timeout by much.
        self.writable |= self.blocked_since.is_some();
        while self.writable && self.conn.wants_write() && self.error.is_none() {
            match self.socket.write(self.conn.transmit()) {
                Ok(0) => self.abort(ErrorKind::WriteZero.to_string()),
                Ok(n) => {
                    self.conn.advance(n);
                    self.blocked_since = None;
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.writable = false;
                        if now >= *self.blocked_since.get_or_insert(now) + WRITE_TIMEOUT {
                            self.abort("write timed out".to_owned());
                        }
                    }
                    ErrorKind::Interrupted => {}
                    _ => self.abort(error.to_string()),
                },
            }
        }
    }

    /// Lets [`is_finished`](Self::is_finished) return `true` without the closing handshake.
    pub fn abort(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    /// Returns whether the socket can be closed.
    pub fn is_finished(&self, now: Duration) -> bool {
        let lingered = |deadline| self.eof || now >= deadline;
        self.error.is_some() || self.linger_deadline.is_some_and(lingered)
    }

    /// Returns why the connection ended.
    pub fn close_reason(&self) -> String {
        let closed = self.conn.closed().map(ToString::to_string);
        closed.or(self.error.clone()).unwrap_or_default()
    }
}
