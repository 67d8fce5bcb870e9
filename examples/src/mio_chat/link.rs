//! A connection on a non-blocking socket with edge-triggered readiness: the poll reports each
//! change once, so the socket counts as ready until a system call would block.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use hybi::{Close, Closed, Connection};

use crate::chat;
use crate::outbox::{Message, Outbox};

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
    outbox: Outbox,
    /// Why the connection ended.
    closed: Option<Closed>,
    /// Input that was read and not consumed yet.
    pub unconsumed: Vec<u8>,
    readable: bool,
    writable: bool,
    /// A byte was read.
    is_used: bool,
    /// The end of input was read.
    eof: bool,
    /// Set once the sending side is shut down.
    linger_deadline: Option<Duration>,
    error: Option<String>,
}

impl<S: Socket> PolledConnection<S> {
    pub fn new(socket: S, conn: Connection) -> Self {
        Self {
            conn,
            socket,
            outbox: Outbox::default(),
            closed: None,
            unconsumed: Vec::new(),
            readable: false,
            writable: true,
            is_used: false,
            eof: false,
            linger_deadline: None,
            error: None,
        }
    }

    pub fn set_readiness(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Returns whether there is input to handle.
    ///
    /// Not while the connection is congested: a client that sends faster than it reads is slowed
    /// down. But while lingering, all input is read: closing a socket with unread input can reset
    /// the connection, and the peer would lose our last bytes.
    pub fn has_input(&self) -> bool {
        let can_read = self.linger_deadline.is_some() || self.conn.wants_read();
        let has_input = !self.unconsumed.is_empty() || (self.readable && can_read);
        has_input && !self.conn.is_congested() && self.error.is_none()
    }

    /// Reads once and returns the number of bytes read.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        match self.socket.read(buf) {
            Ok(0) => {
                self.readable = false;
                self.eof = true;
                self.conn.receive_eof();
            }
            Ok(n) => {
                self.is_used = true;
                return n;
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.readable = false,
                ErrorKind::Interrupted => {}
                _ => self.abort(error.to_string()),
            },
        }
        0
    }

    /// Queues a message if the connection is open and its dialect has such messages. Returns whether
    /// it does.
    pub fn send(&mut self, message: &Arc<Message>) -> bool {
        let result = self.outbox.send(&mut self.conn, message);
        result.unwrap_or_else(|error| {
            self.abort(error.to_string());
            false
        })
    }

    /// Starts the closing handshake once all messages are sent. The code has to be valid.
    pub fn close(&mut self, close: Close) {
        if let Err(error) = self.outbox.close(&mut self.conn, close) {
            self.abort(error.to_string());
        }
    }

    /// Returns how many bytes are queued and not yet passed to the connection.
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Retries a blocked write if a timeout may expire: the poll reports a socket as writable only
    /// once much of its send buffer is free, and a peer that reads slowly must not be taken for one
    /// that does not read.
    pub fn retry_write(&mut self, now: Duration) {
        if self.conn.deadline().is_some_and(|deadline| deadline <= now) {
            self.writable = true;
            self.write();
        }
    }

    /// Writes pending output and shuts down the sending side once the connection is done. Returns
    /// when to handle the connection again at the latest.
    pub fn flush(&mut self, now: Duration) -> Option<Duration> {
        self.write();
        let is_done = self.conn.is_done() && self.error.is_none();
        if is_done && self.linger_deadline.is_none() {
            // Fails only if the peer has already disconnected.
            let _ = self.socket.shutdown_write();
            self.linger_deadline = Some(now + LINGER_TIMEOUT);
        }
        let deadlines = [self.conn.deadline(), self.linger_deadline];
        deadlines.into_iter().flatten().min()
    }

    fn write(&mut self) {
        while self.writable && self.conn.wants_write() && self.error.is_none() {
            match self.socket.write(self.conn.transmit()) {
                Ok(0) => self.abort(ErrorKind::WriteZero.to_string()),
                Ok(n) => {
                    self.conn.advance(n);
                    if let Err(error) = self.outbox.fill(&mut self.conn) {
                        self.abort(error.to_string());
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => self.writable = false,
                    ErrorKind::Interrupted => {}
                    _ => self.abort(error.to_string()),
                },
            }
        }
    }

    /// Lets [`is_finished`](Self::is_finished) return `true` without the closing handshake, and drops
    /// what was not sent.
    pub fn abort(&mut self, error: String) {
        self.error.get_or_insert(error);
        self.conn.abort();
        self.outbox.clear();
    }

    /// Records how the connection ended, unless it was aborted.
    pub fn set_closed(&mut self, closed: Closed) {
        if self.error.is_none() {
            self.closed = Some(closed);
        }
    }

    /// Returns whether the socket can be closed.
    pub fn is_finished(&self, now: Duration) -> bool {
        let lingered = |deadline| self.eof || now >= deadline;
        self.error.is_some() || self.linger_deadline.is_some_and(lingered)
    }

    /// Returns why the connection ended.
    pub fn close_reason(&self) -> String {
        let closed = self.closed.as_ref();
        let closed = closed.map(|closed| chat::end_reason(closed, self.is_used));
        closed.or(self.error.clone()).unwrap_or_default()
    }
}
